import { describe, expect, it } from 'vitest'
import { ProblemsError } from '../../schemas/config/located-yaml.ts'
import { parseDurationMs, parseScenario } from './scenario.ts'

describe('a scenario file', () => {
  it('is read into events in time order', () => {
    const scenario = parseScenario(
      'x.yaml',
      `name: two
repeat: 1m30s
events:
  - { at: 20s, fault: fibre_cut, for: 5s, all_ways: true }
  - { at: 500ms, fault: mains_cut, for: 1h, place: { id: ku-1 }, battery: 2m }
`
    )
    expect(scenario.repeatMs).toBe(90_000)
    expect(scenario.events.map(e => [e.atMs, e.fault, e.forMs])).toEqual([
      [500, 'mains_cut', 3_600_000],
      [20_000, 'fibre_cut', 5_000]
    ])
    expect(scenario.events[0]).toMatchObject({ place: { id: 'ku-1' }, batteryMs: 120_000, allWays: false })
  })

  it('says everything that is wrong, each with its line', () => {
    let problems: readonly { line: number; message: string; remedy: string }[] = []
    try {
      parseScenario(
        'bad.yaml',
        `name: bad
events:
  - at: soon
    fault: meteor
    for: 5s
  - at: 5s
    fault: fibre_cut
    for: 5s
    colour: red
    place: { tier: village }
  - at: 5s
    fault: dirty_optic
    loss_db: -3
`
      )
    } catch (error) {
      if (error instanceof ProblemsError) problems = error.problems
    }
    expect(problems.map(p => p.line).sort((a, b) => a - b)).toEqual([3, 4, 9, 10, 11, 13])
    for (const problem of problems) expect(problem.remedy).not.toBe('')
  })

  it('knows times', () => {
    expect(parseDurationMs('1h30m')).toBe(5_400_000)
    expect(parseDurationMs('250ms')).toBe(250)
    expect(parseDurationMs('5')).toBeUndefined()
    expect(parseDurationMs('m5')).toBeUndefined()
  })
})
