import { describe, expect, it } from 'vitest'
import { formatProblem, ProblemsError } from '../schemas/config/located-yaml.ts'
import { createAlarmEngine, type AlarmEngine } from './alarms.ts'
import type { ResourceState } from './alarms/resource-state.ts'
import { checkRules } from './check.ts'
import { compileRules } from './compile.ts'
import type { CompiledRules } from './compiled.ts'
import { rulesDoc } from './document.ts'

const text = "text: { ru: 'Т {device} {node}', en: 'T {device} {node}' }"
const base = `rules:
  - { name: p.down, kind: link, severity: major, select: { signal: if.oper_status }, in: [down], ${text} }
  - { name: o.low, kind: optics, severity: warning, select: { signal: optics.rx_dbm }, below: -20, hysteresis: 1, hold: { raise_s: 60 }, ${text} }
  - { name: u.battery, kind: power, severity: warning, scope: device, select: { signal: ups.output_source }, in: [battery], ${text} }
  - { name: u.short, kind: power, severity: warning, scope: device, select: { signal: ups.runtime_s }, below: 600, ${text} }
`
const compiledOf = (own: string): CompiledRules => compileRules([{ file: 'rules.yaml', text: base + own }])
const problemsOf = (own: string): string[] => {
  try {
    compiledOf(own)
    return []
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error
    return error.problems.map(formatProblem)
  }
}
const composite = (over: string, body: string, rest = ''): string =>
  `  - { name: c.one, over: ${over}, kind: power, severity: critical, ${body}, ${text}${rest === '' ? '' : `, ${rest}`} }\n`

/** What is told of conditions, by their signal; each rule above has one. */
function player(compiled: CompiledRules, states: readonly ResourceState[] = []) {
  const engine: AlarmEngine = createAlarmEngine(compiled, [], states)
  const told: string[] = []
  const idOf = (signal: string): number =>
    compiled.conditions.find(({ selector, op }) => selector.signal === signal && op !== 'alarm')!.id
  const drain = (): void => {
    for (const { alarm, change, atMs } of engine.drain())
      told.push(`${change} ${alarm.type} ${alarm.resource} ${atMs / 1000}`)
  }
  return {
    engine,
    told,
    drain,
    flip(signal: string, on: boolean, atS: number, device = 'd', instance = '', node = 'n') {
      engine.apply({
        condition: idOf(signal),
        on,
        node,
        device,
        instance,
        value: 1,
        limit: null,
        timeMs: atS * 1000,
        coordinates: { topic: 't', partition: 0, offset: atS }
      })
    },
    tick(atS: number) {
      engine.tick(atS * 1000)
      drain()
    },
    /** What is told of the composite rule. */
    ofComposite: () => told.filter(line => line.includes(' c.one '))
  }
}

describe('composite rules', () => {
  it('hold over a device while all, or any, of its rules have an alarm', () => {
    for (const [op, raisedS, clearedS] of [
      ['all', 20, 30],
      ['any', 10, 40]
    ] as const) {
      const play = player(compiledOf(composite('device', `${op}: [{ rule: u.battery }, { rule: u.short }]`)))
      play.flip('ups.output_source', true, 10)
      play.flip('ups.runtime_s', true, 20)
      play.flip('ups.runtime_s', true, 20, 'other')
      play.flip('ups.output_source', false, 30)
      play.flip('ups.runtime_s', false, 40)
      play.tick(50)
      expect(play.ofComposite().filter(line => line.includes(' d '))).toEqual([
        `raised c.one d ${raisedS}`,
        `cleared c.one d ${clearedS}`
      ])
    }
  })

  it('count how many of several, and of how many ports', () => {
    const two = player(
      compiledOf(
        composite(
          'device',
          'count: { at_least: 2, of: [{ rule: u.battery }, { rule: u.short }, { rule: p.down }] }'
        )
      )
    )
    two.flip('if.oper_status', true, 10, 'd', '1')
    two.tick(10)
    expect(two.ofComposite()).toEqual([])
    two.flip('ups.runtime_s', true, 20)
    two.tick(20)
    expect(two.ofComposite()).toEqual(['raised c.one d 20'])
    const ports = player(compiledOf(composite('node', 'any: [{ rule: p.down, at_least: 3 }]')))
    ports.flip('if.oper_status', true, 10, 'd', '1')
    ports.flip('if.oper_status', true, 11, 'd', '2')
    ports.flip('if.oper_status', true, 12, 'e', '1', 'm')
    ports.tick(15)
    expect(ports.ofComposite()).toEqual([])
    ports.flip('if.oper_status', true, 20, 'e', '2')
    ports.tick(20)
    ports.flip('if.oper_status', false, 30, 'd', '2')
    ports.tick(30)
    expect(ports.ofComposite()).toEqual(['raised c.one n 20', 'cleared c.one n 30'])
    expect([...ports.engine.open()].map(({ node }) => node)).not.toContain('')
  })

  it('say that something is not so, and how long something is so', () => {
    const not = player(
      compiledOf(composite('device', 'all: [{ rule: u.battery }, { not: { rule: u.short } }]'))
    )
    not.flip('ups.output_source', true, 10)
    not.flip('ups.runtime_s', true, 20)
    not.flip('ups.runtime_s', false, 30)
    not.tick(40)
    expect(not.ofComposite()).toEqual(['raised c.one d 10', 'cleared c.one d 20', 'raised c.one d 30'])
    const age = player(
      compiledOf(composite('device', 'all: [{ rule: u.battery, for_s: 100 }, { rule: u.short }]'))
    )
    age.flip('ups.output_source', true, 10)
    age.flip('ups.runtime_s', true, 20)
    age.tick(109)
    expect(age.ofComposite()).toEqual([])
    age.tick(300)
    expect(age.ofComposite()).toEqual(['raised c.one d 110'])
  })

  it('ask conditions of their own, over a port and a device', () => {
    const play = player(
      compiledOf(composite('port', 'all: [{ rule: p.down }, { signal: if.admin_status, in: [up] }]'))
    )
    play.flip('if.admin_status', true, 5, 'd', '1')
    play.flip('if.oper_status', true, 10, 'd', '2')
    play.flip('if.oper_status', true, 20, 'd', '1')
    play.tick(30)
    expect(play.ofComposite()).toEqual(['raised c.one d/1 20'])
    expect([...play.engine.raisedConditions('d', '1')]).toHaveLength(2)
    play.flip('if.admin_status', false, 40, 'd', '1')
    play.tick(40)
    expect(play.ofComposite().at(-1)).toBe('cleared c.one d/1 40')
  })

  it('are held by time, have levels, and ask other composite rules', () => {
    const own =
      `  - { name: c.two, over: device, kind: power, severity: warning, any: [{ rule: u.battery }], hold: { raise_s: 30, clear_s: 30 }, ${text} }\n` +
      `  - name: c.one\n    over: node\n    kind: power\n    ${text}\n    levels:\n` +
      `      - { severity: minor, any: [{ rule: c.two }] }\n      - { severity: critical, any: [{ rule: c.two, at_least: 2 }] }\n`
    const play = player(compiledOf(own))
    play.flip('ups.output_source', true, 10, 'd')
    play.flip('ups.output_source', true, 20, 'e')
    play.tick(100)
    play.flip('ups.output_source', false, 110, 'd')
    play.tick(200)
    expect(play.ofComposite()).toEqual(['raised c.one n 40', 'changed c.one n 50', 'changed c.one n 140'])
    expect(play.told).toContain('raised c.two d 40')
  })

  it('go on over a restart at any moment as if there had been none', () => {
    const compiled = compiledOf(
      composite(
        'node',
        'all: [{ rule: u.battery, for_s: 100 }, { rule: o.low, at_least: 2 }]',
        'hold: { raise_s: 30, clear_s: 20 }'
      )
    )
    const steps: [string, boolean, number, string, string][] = [
      ['ups.output_source', true, 10, 'u', ''],
      ['optics.rx_dbm', true, 20, 'd', '1'],
      ['optics.rx_dbm', true, 90, 'd', '2'],
      ['optics.rx_dbm', false, 300, 'd', '2'],
      ['optics.rx_dbm', true, 310, 'd', '2'],
      ['ups.output_source', false, 500, 'u', '']
    ]
    const run = (restartBefore: number): string[] => {
      const states = new Map<string, ResourceState>()
      let play = player(compiled)
      const told: string[] = []
      const keep = (): void => {
        play.drain()
        for (const state of play.engine.drainStates())
          states.set(`${state.scope} ${state.device} ${state.instance}`, state)
      }
      for (let atS = 0; atS <= 700; atS += 5) {
        if (atS === restartBefore) {
          keep()
          told.push(...play.ofComposite())
          play = player(compiled, [...states.values()])
        }
        for (const [signal, on, at, device, instance] of steps)
          if (at === atS) play.flip(signal, on, at, device, instance)
        play.tick(atS)
        keep()
      }
      return [...told, ...play.ofComposite()]
    }
    const whole = run(-1)
    expect(whole).toEqual([
      'raised c.one n 180',
      'cleared c.one n 320',
      'raised c.one n 400',
      'cleared c.one n 520'
    ])
    for (let atS = 5; atS <= 700; atS += 5) expect([atS, run(atS)]).toEqual([atS, whole])
  })

  it('take up what is open when a reload brings them, move with it, and end with what they ask', () => {
    const play = player(compileRules([{ file: 'rules.yaml', text: base }]))
    play.flip('ups.output_source', true, 10)
    play.tick(10)
    const compiled = compiledOf(composite('node', 'any: [{ rule: u.battery }]'))
    play.engine.reload(compiled, 20_000)
    play.tick(20)
    expect(play.ofComposite()).toEqual(['raised c.one n 20'])
    play.engine.relocate(device => (device === '' ? 'n' : 'm'), 30_000)
    play.tick(30)
    expect(play.ofComposite().slice(1).sort()).toEqual(['cleared c.one n 30', 'raised c.one m 30'])
    play.engine.relocate(() => undefined, 40_000)
    play.tick(40)
    expect([...play.engine.open()]).toEqual([])
    expect(play.engine.size()).toMatchObject({ resources: 0, alarms: 0 })
  })

  it.each([
    [
      'any: [{ rule: u.batery }]',
      /c?.*any\[0\]\.rule: there is no rule u\.batery; did you mean u\.battery\?/
    ],
    ['any: [{ rule: c.one }]', /c\.one asks c\.one in turn/],
    ['not: { rule: u.battery }', /holds while nothing is wrong/],
    ['all: [{ not: { not: { rule: u.battery } } }]', /holds while nothing is wrong/],
    ['any: []', /any: is empty/],
    ['any: [{ rule: u.battery }], all: [{ rule: u.short }]', /any and all stand together/],
    ['any: [{ rulle: u.battery }]', /any\[0\]\.rulle: is not a known key; did you mean rule/],
    [
      'count: { at_least: 3, of: [{ rule: u.battery }] }',
      /count\.at_least: 3 is not allowed; give a number 1\.\.1/
    ],
    ['any: [{ rule: u.battery, at_least: 2, for_s: 5 }]', /for_s: stands beside at_least/],
    ['any: [{ signal: ups.runtime_s, below: 5 % }]', /%/],
    ['above: 5', /above: stands beside over/],
    ['any: [{ rule: u.battery }], when: [{ signal: ups.runtime_s, below: 5 }]', /when: stands beside over/]
  ])('are refused with place and what to do: %s', (body, problem) => {
    expect(problemsOf(composite('device', body)).join('\n')).toMatch(problem)
  })

  it('are refused where they ask something wider, and a node has no signals', () => {
    expect(problemsOf(composite('port', 'any: [{ rule: u.battery }]')).join()).toMatch(
      /u\.battery is about a device, this rule about a port; write over: device/
    )
    expect(problemsOf(composite('node', 'any: [{ signal: ups.runtime_s, below: 5 }]')).join()).toMatch(
      /a node has no signals of its own/
    )
    expect(problemsOf(composite('room', 'any: [{ rule: u.battery }]')).join()).toMatch(
      /over: "room" is not known/
    )
    expect(
      problemsOf(
        `  - { name: c.one, kind: power, severity: minor, select: { signal: ups.runtime_s }, any: [{ rule: u.short }], ${text} }\n`
      ).join()
    ).toMatch(/any: is for composite rules; add over: port, device or node/)
  })

  it('ask a rule that is switched off as one without an alarm', () => {
    const asking = composite(
      'device',
      'any: [{ rule: u.battery }, { all: [{ rule: u.short }, { not: { rule: p.down } }] }]'
    )
    const off = (name: string): string => `  - { name: ${name}, override: true, enabled: false }\n`
    const play = player(compiledOf(asking + off('u.battery') + off('p.down')))
    play.flip('ups.runtime_s', true, 10)
    play.tick(20)
    expect(play.told).toEqual(['raised u.short d 10', 'raised c.one d 10'])
    expect(problemsOf(asking + off('u.battery'))).toEqual([])
    expect(problemsOf(composite('device', 'any: [{ rule: u.batery }]'))[0]).toContain(
      'there is no rule u.batery'
    )
  })

  it('are described with what they ask', () => {
    const page = rulesDoc(
      compiledOf(
        composite(
          'device',
          'all: [{ rule: u.battery, for_s: 60 }, { any: [{ rule: p.down, at_least: 2 }, { signal: ups.load_pct, above: 80 }] }, { not: { rule: u.short } }]',
          'hold: { clear_s: 30 }'
        )
      )
    )
    expect(page).toContain(
      '| `c.one` | critical | alarm `u.battery` for 60 s and (alarm `p.down` 2 times or `ups.load_pct` above 80 %) and not alarm `u.short`, of a device | else, for 30 s | T {device} {node} |'
    )
  })

  it('do not say twice what is wrong with a rule they ask', () => {
    const problems = problemsOf(
      composite('device', 'any: [{ rule: x.broken }]') +
        `  - { name: x.broken, kind: power, severity: minor, select: { signal: ups.runtime }, below: 5, ${text} }\n`
    )
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/ups\.runtime"? is not a signal/)
  })

  it('are tried by the tests of a rules file', () => {
    const own = composite('node', 'all: [{ rule: u.battery, for_s: 60 }, { rule: u.short }]')
    const tests = `tests:
  - name: both
    steps:
      - { at_s: 0, ups.output_source: battery, ups.runtime_s: 500, alarms: [u.battery warning, u.short warning] }
      - { at_s: 60, alarms: [c.one critical, u.battery warning, u.short warning] }
      - { at_s: 70, ups.output_source: normal, alarms: [u.short warning] }
`
    expect(checkRules([{ file: 'rules.yaml', text: base + own + tests }]).problems).toEqual([])
  })
})
