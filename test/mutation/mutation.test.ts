import { describe, expect, it } from 'vitest'
import { shippedRulesFiles, shippedTestsOf } from '../../rules/shipped.ts'
import { readPack, runMutations, survivorsOf, type Pack } from './run.ts'

describe('the tests of the shipped rules', () => {
  it('kill every mutant of them', () => {
    const run = runMutations(shippedRulesFiles.map(file => readPack(file, shippedTestsOf(file))))
    expect(survivorsOf(run).map(({ rule, change }) => `${rule}: ${change}`)).toEqual([])
    expect(run.wrongEquivalents).toEqual([])
    expect(run.outcomes.length).toBeGreaterThan(500)
    // It takes a dozen seconds, and several times as long where other suites run beside it.
  }, 180_000)
})

describe('runMutations', () => {
  const rules = {
    file: 'my.yaml',
    text: [
      'rules:',
      '  - name: ups.load',
      '    kind: power',
      '    severity: minor',
      '    scope: device',
      '    select: { signal: ups.load_pct }',
      '    above: 80',
      '    text: { ru: Нагрузка, en: Load }'
    ].join('\n')
  }
  const packOf = (...steps: string[]): Pack => ({
    rules,
    tests: {
      file: 'my.tests.yaml',
      text: ['tests:', '  - name: load', '    steps:', ...steps.map(step => `      - ${step}`)].join('\n')
    }
  })
  const survivors = (pack: Pack): string[] =>
    survivorsOf(runMutations([pack], [])).map(({ change }) => change)

  it('finds what a test leaves open', () => {
    const left = survivors(
      packOf(
        '{ at_s: 0, ups.load_pct: 90, alarms: [ups.load minor] }',
        '{ at_s: 60, ups.load_pct: 10, alarms: [] }'
      )
    )
    expect(left).toEqual(['above 80 → 79', 'above 80 → 81', 'hysteresis 0 → 1'])
  })

  it('changes composites, schedules and flapping', () => {
    const composite = {
      file: 'my.yaml',
      text: [
        rules.text,
        '  - name: site.bad',
        '    over: device',
        '    kind: power',
        '    severity: major',
        '    count: { at_least: 2, of: [{ rule: ups.load, for_s: 60 }, { signal: ups.charge_pct, below: 20 }, { not: { signal: ups.temp_c, below: 40 } }] }',
        "    schedule: { days: mon, from: '08:00', timezone: UTC }",
        '    flapping: { changes: 3, within_s: 60, clear_s: 60, severity: minor }',
        '    text: { ru: Плохо, en: Bad }'
      ].join('\n')
    }
    const { outcomes } = runMutations([{ ...packOf('{ at_s: 0, alarms: [] }'), rules: composite }], [])
    const changes = outcomes.flatMap(({ rule, change }) => (rule === 'site.bad' ? [change] : []))
    expect(changes).toEqual(
      expect.arrayContaining([
        'count: at_least 2 → 3',
        'count: without ups.charge_pct',
        'ups.load: for_s 60 → 59',
        'ups.load: for_s 60 → 61',
        'count: not not ups.temp_c',
        'not ups.temp_c: without not',
        'not ups.temp_c: below 40 → 41',
        'schedule: left out',
        'schedule: from 480 → 481 min',
        'schedule: to 1440 → 1439 min',
        'schedule: with tue',
        'flapping: left out',
        'flapping: changes 3 → 4',
        'flapping: within_s 60 → 59',
        'flapping: clear_s 60 → 61',
        'flapping: severity minor → critical'
      ])
    )
    // One that would hold while nothing is wrong is no rule, and a schedule needs a day.
    expect(changes).not.toContain('count: at_least 2 → 1')
    expect(changes).not.toContain('count: not ups.load')
    expect(changes).not.toContain('schedule: without mon')
    expect(new Set(changes).size).toBe(changes.length)
  })

  it('is content with a test of the edges', () => {
    const left = survivors(
      packOf(
        '{ at_s: 0, ups.load_pct: 80, alarms: [] }',
        '{ at_s: 60, ups.load_pct: 81, alarms: [ups.load minor] }',
        '{ at_s: 120, ups.load_pct: 80, alarms: [] }'
      )
    )
    expect(left).toEqual([])
  })

  it('says of an equivalent mutant that is none', () => {
    const because = 'nobody looks'
    const pack = packOf('{ at_s: 0, ups.load_pct: 81, alarms: [ups.load minor] }')
    const { wrongEquivalents } = runMutations(
      [pack],
      [
        { rule: 'ups.load', change: 'above 80 → 81', because },
        { rule: 'ups.load', change: 'above 80 → 79', because },
        { rule: 'ups.load', change: 'above 99 → 100', because }
      ]
    )
    expect(wrongEquivalents).toEqual([
      'ups.load: above 99 → 100: no such mutant',
      'ups.load: above 80 → 81: killed by "load"'
    ])
  })

  it('does not begin where a test fails as it is', () => {
    expect(() => runMutations([packOf('{ at_s: 0, ups.load_pct: 81, alarms: [] }')])).toThrow(
      /ups\.load minor/
    )
  })
})
