import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ProblemsError, type Problem } from '../schemas/config/located-yaml.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { signalIds, signals } from '../schemas/signals.ts'
import { compileRules } from './compile.ts'
import { conditionText, type CompiledRules } from './compiled.ts'
import type { RulesFile } from './read.ts'
import type { SeriesAttributes } from './model.ts'
import { createProgramTable, type ConditionSpec } from './program.ts'
import { shippedRulesFiles } from './shipped.ts'

const fixtures = join(packageRoot, 'rules', 'fixtures')
const fixture = (name: string): RulesFile => ({
  file: name,
  text: readFileSync(join(fixtures, name), 'utf8')
})
const shippedFiles = shippedRulesFiles.map(file => ({
  file,
  text: readFileSync(join(packageRoot, file), 'utf8')
}))

const attributes = (signal: string, more: Partial<SeriesAttributes> = {}): SeriesAttributes => ({
  signal: signalIds.get(signal) ?? -1,
  vendor: 'D-Link',
  model: 'DES-3200-28',
  role: 'switch',
  tier: 'building',
  port: 'uplink',
  opticClass: '1000base-bx10',
  ...more
})

function problemsOf(files: readonly RulesFile[]): readonly Problem[] {
  try {
    compileRules(files)
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems
    throw error
  }
  throw new Error('expected problems')
}

/** `label -> "op raise/clear"` of a series' program, of its values. */
function programText(
  rules: CompiledRules,
  series: SeriesAttributes,
  module?: Record<string, number>
): string[] {
  const limits = new Map(
    Object.entries(module ?? {}).map(([name, value]) => [signalIds.get(name) ?? -1, value])
  )
  const text = (spec: ConditionSpec): string =>
    spec.op === 'in' ? `in ${spec.mask}` : `${spec.op} ${spec.raiseLimit}/${spec.clearLimit}`
  return rules
    .programFor(series, limits)
    .conditions.filter(({ measure }) => measure === undefined)
    .map(text)
}

describe('bad rules files', () => {
  for (const name of readdirSync(fixtures).filter(file => file.endsWith('.bad.yaml'))) {
    it(`${name} gives the errors its comments announce, each in its line`, () => {
      const { text } = fixture(name)
      const announced = text.split('\n').flatMap((line, index) =>
        line
          .split('# error: ')
          .slice(1)
          .map(message => `${index + 1}: ${message.trim()}`)
      )
      const found = problemsOf([fixture(name)]).map(p => `${p.line}: ${p.message}; ${p.remedy}`)
      const unannounced = found.filter(f => !announced.some(a => f.startsWith(a)))
      const missing = announced.filter(a => !found.some(f => f.startsWith(a)))
      expect({ unannounced, missing }).toEqual({ unannounced: [], missing: [] })
    })
  }

  it('are all reported together, with the file of each', () => {
    const problems = problemsOf(['values.bad.yaml', 'syntax.bad.yaml', 'every-form.good.yaml'].map(fixture))
    expect(new Set(problems.map(p => p.file))).toEqual(new Set(['values.bad.yaml', 'syntax.bad.yaml']))
  })

  it('cannot give a series more conditions than it has room for', () => {
    const rule = (n: number, more: string): string =>
      `  - {name: r${n}, kind: power, severity: minor, below: ${n}, text: {ru: т, en: t}, select: {signal: ups.charge_pct${more}}}\n`
    const many = (count: number, more: (n: number) => string): string =>
      `rules:\n${Array.from({ length: count }, (_, n) => rule(n, more(n))).join('')}`
    const eight = many(8, () => '')
    expect(compileRules([{ file: 'r.yaml', text: eight }]).conditions).toHaveLength(8)
    // Nine, but no series has them all: eight vendors of their own, one pattern of models.
    const apart = many(9, n => (n === 8 ? ', model: "X*"' : `, vendor: v${n}`))
    expect(compileRules([{ file: 'r.yaml', text: apart }]).conditions).toHaveLength(9)
    const crowded = many(9, n =>
      n === 8 ? ', model: "X*", vendor: [a, b]' : n % 2 === 0 ? ', model: X1' : ', vendor: a'
    )
    expect(problemsOf([{ file: 'r.yaml', text: crowded }])).toMatchObject([
      {
        line: 10,
        path: 'rules[8].select',
        message: '9 conditions would judge one series of ups.charge_pct; 8 are possible'
      }
    ])
  })
})

describe('baselines', () => {
  const step = (name: string, select: string, baseline: string): string =>
    `  - {name: ${name}, kind: optics, severity: warning, change: step, baseline: ${baseline}, below: -3, text: {ru: т, en: t}, select: {signal: optics.rx_dbm${select}}}\n`

  it('are learnt over one time where one series may have both', () => {
    const text = `rules:\n${step('a', ', port: uplink', '7d')}${step('b', ', vendor: "D-*"', '1d')}`
    expect(problemsOf([{ file: 'r.yaml', text }])).toMatchObject([
      {
        line: 3,
        path: 'rules[1].baseline',
        message: 'optics.rx_dbm is learnt over 7d by a, and a series has one baseline',
        remedy: 'write baseline: 7d, override that rule, or narrow select'
      }
    ])
  })

  it("leave a module's own limits of the same level as they are", () => {
    const level = `  - {name: c, kind: optics, severity: minor, below: {limits: t.low, module: optics.rx_low_warn_dbm}, text: {ru: т, en: t}, select: {signal: optics.rx_dbm}}\n`
    const limits = `limits:\n  - {name: t, columns: [low], rows: {default: [-20]}}\n`
    const rules = compileRules([{ file: 'r.yaml', text: `${limits}rules:\n${step('a', '', '7d')}${level}` }])
    const module = { 'optics.rx_low_warn_dbm': -25 }
    expect(programText(rules, attributes('optics.rx_dbm'), module)).toEqual(['below -25/-25'])
  })

  it('may be learnt over other times on other series, and longer before they are judged', () => {
    const apart = `rules:\n${step('a', ', port: uplink', '7d')}${step('b', ', port: downlink', '1d')}`
    const rules = compileRules([{ file: 'r.yaml', text: apart }])
    const program = (port: string) => rules.programFor(attributes('optics.rx_dbm', { port }))
    const hourMs = 3_600_000
    expect(program('uplink')).toMatchObject({ keeps: 'baseline', overMs: 168 * hourMs })
    expect(program('downlink')).toMatchObject({
      keeps: 'baseline',
      overMs: 24 * hourMs,
      conditions: [{ measure: 'step', learnMs: 8 * hourMs }]
    })
    expect(program('access')).toEqual({ conditions: [] })
  })
})

describe('good rules files', () => {
  const rules = compileRules([fixture('every-form.good.yaml')])

  it('compile to conditions and rules', () => {
    const text = { ru: '{value} {limit} {instance}', en: '{value_min}' }
    expect(rules.rules).toMatchObject([
      {
        index: 0,
        writtenAt: { file: 'every-form.good.yaml' },
        isOverride: false,
        name: 'a.enumeration',
        qualifier: '',
        kind: 'power',
        scope: 'device',
        levels: [
          {
            severity: 'warning',
            condition: 0,
            raiseHoldMs: 15_000,
            flapHoldMs: 0,
            clearHoldMs: 300_000,
            text: { ru: 'на батарее {device} {node}', en: 'on battery' }
          }
        ],
        when: [1],
        unless: [2]
      },
      {
        index: 1,
        name: 'b.levels',
        qualifier: 'low',
        kind: 'optics',
        scope: 'instance',
        levels: [
          {
            severity: 'critical',
            condition: 3,
            raiseHoldMs: 0,
            flapHoldMs: 0,
            clearHoldMs: 0,
            text: { ru: 'т', en: 'dark' }
          },
          { severity: 'warning', condition: 4, raiseHoldMs: 0, flapHoldMs: 0, clearHoldMs: 0, text }
        ],
        when: [],
        unless: []
      },
      {
        index: 2,
        name: 'b.levels',
        qualifier: 'high',
        kind: 'optics',
        scope: 'instance',
        levels: [
          {
            severity: 'minor',
            condition: 5,
            raiseHoldMs: 0,
            flapHoldMs: 0,
            clearHoldMs: 0,
            text: { ru: 'т', en: 't' }
          }
        ],
        when: [],
        unless: []
      }
    ])
    expect(rules.conditions.map(({ raiseCount, clearCount }) => [raiseCount, clearCount])).toEqual([
      [2, 3],
      [1, 1],
      [1, 2],
      [1, 1],
      [4, 1],
      [1, 1]
    ])
    expect(rules.conditions.map(conditionText)).toEqual([
      'ups.output_source in battery',
      'ups.input_v below 180',
      'ups.transfer_cause in selfTest',
      'optics.rx_dbm below -30',
      'optics.rx_dbm below -20',
      'optics.rx_dbm above its limit'
    ])
  })

  it('select by every attribute, without regard to case', () => {
    const ups = attributes('ups.output_source', {
      vendor: 'apc',
      model: 'SMART-UPS 1000',
      role: 'UPS',
      tier: 'campus'
    })
    expect(programText(rules, ups)).toEqual(['in 32'])
    for (const other of [{ vendor: 'Ippon' }, { model: 'Back-UPS' }, { role: 'switch' }, { tier: 'core' }])
      expect(programText(rules, { ...ups, ...other }), JSON.stringify(other)).toEqual([])
    // Clauses are selected as their rule is.
    expect(programText(rules, { ...ups, signal: signalIds.get('ups.input_v') ?? -1 })).toEqual([
      'below 180/190'
    ])
    expect(programText(rules, attributes('ups.input_v'))).toEqual([])
    const rx = attributes('optics.rx_dbm', { opticClass: '1000BASE-LX10' })
    expect(programText(rules, rx)).toEqual(['below -30/-29', 'below -19/-18', 'above 0/-0.5'])
    expect(programText(rules, { ...rx, port: 'access' })).toEqual(['above 0/-0.5'])
    expect(programText(rules, { ...rx, opticClass: 'other' })).toEqual([])
    expect(programText(rules, attributes('device.uptime_s'))).toEqual([])
  })

  it('are overridden by a later file', () => {
    const replaced = compileRules([fixture('every-form.good.yaml'), fixture('override.good.yaml')])
    expect(replaced.rules.map(rule => [rule.name, rule.qualifier, rule.levels[0]?.text.en])).toEqual([
      ['a.enumeration', '', 'replaced'],
      ['b.levels', 'high', 't']
    ])
    const rx = attributes('optics.rx_dbm', { opticClass: '1000base-lx10' })
    expect(programText(replaced, rx)).toEqual(['above 1/0.5'])
    expect(replaced.digest).not.toBe(rules.digest)
    expect(compileRules([fixture('every-form.good.yaml')]).digest).toBe(rules.digest)
  })

  it('compare rates, in their units, and keep what these are reckoned from only where they are asked', () => {
    const rated = compileRules([
      {
        file: 'r.yaml',
        text: `rules:
  - name: a
    kind: link
    severity: minor
    select: { signal: if.in_octets, port: uplink }
    rate: utilisation
    above: 90 %
    hysteresis: 10 %
    text: { ru: т, en: t }
`
      }
    ])
    const of = (signal: string, port = 'uplink') => rated.programFor(attributes(signal, { port }))
    const speed = signalIds.get('if.speed_mbps')!
    const besideSpeed = rated.programFor(
      attributes('if.in_octets', { port: 'uplink' }),
      undefined,
      new Set([speed])
    )
    expect(rated.signalsBeside.get(signalIds.get('if.in_octets')!)).toEqual([speed])
    expect(besideSpeed).toMatchObject({
      conditions: [{ op: 'above', measure: 'utilisation', raiseLimit: 90, clearLimit: 80 }],
      keeps: 'counter'
    })
    expect(of('if.speed_mbps')).toEqual({ conditions: [], keeps: 'value' })
    expect(of('device.uptime_s', '')).toEqual({ conditions: [], keeps: 'uptime' })
    for (const [signal, port] of [
      // Of a port whose speed is not told there is no such rate.
      ['if.in_octets', 'uplink'],
      ['if.in_octets', 'access'],
      ['if.speed_mbps', 'access'],
      ['if.in_unicast', 'uplink'],
      ['if.out_octets', 'uplink']
    ] as const)
      expect(of(signal, port)).toEqual({ conditions: [] })
    const unrated = compileRules([fixture('every-form.good.yaml')])
    expect(unrated.programFor(attributes('device.uptime_s'))).toEqual({ conditions: [] })
  })

  it('may be empty', () => {
    const none = compileRules([
      { file: 'empty.yaml', text: '' },
      { file: 'keys.yaml', text: 'rules:\nlimits:\n' }
    ])
    expect(none.rules).toEqual([])
    expect(none.programFor(attributes('optics.rx_dbm'))).toEqual({ conditions: [] })
  })
})

describe('the shipped rules', () => {
  const rules = compileRules(shippedFiles)
  const rx = attributes('optics.rx_dbm')

  it('take limits from the module, then the class, then the default', () => {
    expect(programText(rules, rx)).toEqual(['below -20/-19', 'below -19/-18', 'above 1/0', 'above 0/-1'])
    expect(programText(rules, { ...rx, opticClass: '10gbase-er' })).toEqual([
      'below -17.8/-16.8',
      'below -15.8/-14.8',
      'above 1/0',
      'above -1/-2'
    ])
    expect(programText(rules, { ...rx, opticClass: '' })[0]).toBe('below -21.5/-20.5')
    expect(
      programText(rules, rx, { 'optics.rx_low_alarm_dbm': -25, 'optics.rx_low_warn_dbm': -23.5 })
    ).toEqual(['below -25/-24', 'below -23.5/-22.5', 'above 1/0', 'above 0/-1'])
    // A module with alarm limits and no warnings has no warnings; warnings of 0 beside limits that can be are none.
    const alarms = { 'optics.rx_low_alarm_dbm': -25, 'optics.rx_high_alarm_dbm': 2 }
    expect(programText(rules, rx, alarms)).toEqual(['below -25/-24', 'above 2/1'])
    const zeros = { 'optics.rx_low_warn_dbm': 0, 'optics.rx_high_warn_dbm': 0 }
    expect(programText(rules, rx, { ...alarms, ...zeros })).toEqual(['below -25/-24', 'above 2/1'])
    // One that contradicts itself in these, too, is not believed at all.
    expect(programText(rules, rx, { ...alarms, ...zeros, 'optics.rx_low_alarm_dbm': 5 })).toEqual(
      programText(rules, rx)
    )
    expect(programText(rules, rx, { 'optics.rx_low_alarm_dbm': 0, 'optics.rx_high_alarm_dbm': 0 })).toEqual(
      programText(rules, rx)
    )
  })

  it('name the signals that carry limits', () => {
    const name = (id: number): string => signals[id]?.name ?? ''
    expect(
      [...rules.signalsNeedingLimits].map(([limit, judged]) => [name(limit), judged.map(name)]).sort()
    ).toEqual(
      ['high_alarm', 'high_warn', 'low_alarm', 'low_warn'].map(which => [
        `optics.rx_${which}_dbm`,
        ['optics.rx_dbm']
      ])
    )
  })

  it("leave subscribers' ports alone", () => {
    for (const signal of ['if.oper_status', 'if.admin_status']) {
      expect(programText(rules, attributes(signal, { port: 'access' }))).toEqual([])
      expect(programText(rules, attributes(signal, { port: '' }))).toEqual([])
      expect(programText(rules, attributes(signal, { port: 'downlink' }))).toHaveLength(2)
    }
  })

  it('make programs that the program table takes', () => {
    const table = createProgramTable(1000)
    for (let signal = 0; signal < signals.length; signal++)
      for (const port of ['uplink', 'downlink', 'access', ''])
        for (const opticClass of ['', '1000base-lx10', '10gbase-lr', 'gpon-bplus-ont'])
          table.addProgram(rules.programFor(attributes('', { signal, port, opticClass })))
    expect(table.size()).toBeGreaterThan(10)
    expect(table.size()).toBeLessThan(60)
  })

  it('say what is wrong in Russian and English', () => {
    for (const level of rules.rules.flatMap(rule => rule.levels)) {
      expect(level.text.ru).toMatch(/[а-я]/)
      expect(level.text.en).not.toMatch(/[а-яА-Я]/)
    }
  })
})
