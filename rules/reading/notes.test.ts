import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../schemas/config/located-yaml.ts'
import { signalIds } from '../../schemas/signals.ts'
import { checkRules } from '../check.ts'
import { compileRules } from '../compile.ts'
import { noNotes, type SeriesAttributes } from '../model.ts'

const rule = (name: string, more: string): string =>
  `  - { name: ${name}, kind: power, severity: minor, below: 20, text: { ru: т, en: t }, ${more} }\n`
const compile = (...rules: string[]) => compileRules([{ file: 'r.yaml', text: `rules:\n${rules.join('')}` }])

describe('labels and runbook', () => {
  const select = 'select: { signal: ups.charge_pct }'
  const noted = rule(
    'a',
    `qualifier: low, ${select}, labels: { service: power, line: '2' }, runbook: 'https://wiki.example/a'`
  )

  it('are known by the alarm of their rule', () => {
    const rules = compile(noted, rule('b', select))
    expect(rules.notesOf({ type: 'a', qualifier: 'low' })).toEqual({
      labels: { service: 'power', line: '2' },
      runbook: 'https://wiki.example/a'
    })
    expect(rules.notesOf({ type: 'b', qualifier: '' })).toEqual(noNotes)
    expect(rules.notesOf({ type: 'a', qualifier: '' })).toEqual(noNotes)
    expect(rules.notesOf({ type: 'device.silent', qualifier: '' })).toEqual(noNotes)
  })

  it('change no judgement, so holds under way go on when they change', () => {
    expect(compile(noted).digest).toBe(compile(rule('a', `qualifier: low, ${select}`)).digest)
  })

  it('go with the rule that overrides', () => {
    const rules = compile(noted, rule('a', `qualifier: low, override: true, ${select}`))
    expect(rules.notesOf({ type: 'a', qualifier: 'low' })).toEqual(noNotes)
  })
})

describe('select by tag', () => {
  const rules = compile(
    rule('a', 'select: { signal: ups.charge_pct, tag: [VIP, hospital-*] }'),
    rule('b', 'select: { signal: ups.charge_pct }, hold: { raise_samples: 2 }')
  )
  const judging = (tags?: readonly string[]): number => {
    const place: SeriesAttributes = {
      signal: signalIds.get('ups.charge_pct')!,
      vendor: '',
      model: '',
      role: 'ups',
      tier: '',
      port: '',
      opticClass: '',
      ...(tags !== undefined && { tags })
    }
    return rules.programFor(place).conditions.length
  }

  it('takes places with one of the tags at least', () => {
    expect(judging()).toBe(1)
    expect(judging(['lift'])).toBe(1)
    expect(judging(['lift', 'vip'])).toBe(2)
    expect(judging(['hospital-3'])).toBe(2)
    // Asked again, from what is remembered of programs.
    expect(judging(['vip', 'x'])).toBe(2)
    expect(judging(['vipx'])).toBe(1)
  })

  it('can be tested', () => {
    const text = `rules:
${rule('a', 'select: { signal: ups.charge_pct, tag: vip }')}
tests:
  - name: of a device with the tag
    device: { tags: [Lift, VIP] }
    steps: [{ at_s: 0, ups.charge_pct: 5, alarms: [a minor] }]
  - name: of another
    device: { tags: [lift] }
    steps: [{ at_s: 0, ups.charge_pct: 5, alarms: [] }]
`
    expect(checkRules([{ file: 'r.yaml', text }]).problems.map(formatProblem)).toEqual([])
  })

  it('takes any set of tags into account where a series has room for eight conditions', () => {
    const many = Array.from({ length: 9 }, (_, n) =>
      rule(`r${n}`, `select: { signal: ups.charge_pct, tag: t${n} }, hysteresis: ${n}`)
    )
    expect(() => compile(...many)).toThrow('9 conditions would judge one series of ups.charge_pct')
  })
})
