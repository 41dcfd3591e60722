import { describe, expect, it } from 'vitest'
import { createAlarmEngine, type AlarmEngine } from '../alarms.ts'
import { compileRules } from '../compile.ts'
import type { AlarmTransition, ConditionFlip } from '../model.ts'
import type { ResourceState } from './resource-state.ts'

const text = (clearS: number): string => `rules:
  - name: link.down
    kind: link
    severity: critical
    select: { signal: if.oper_status }
    in: [down]
    unless:
      - { signal: if.admin_status, in: [down] }
    hold: { raise_s: 2, clear_s: ${clearS} }
    text: { ru: т, en: t }
`
const rules = compileRules([{ file: 'rules.yaml', text: text(5) }])
const operDown = 0
const adminDown = 1

const flip = (condition: number, on: boolean, timeMs: number): ConditionFlip => ({
  condition,
  on,
  node: 'ku-1',
  device: 'sw-1',
  instance: '25',
  value: on ? 2 : 1,
  limit: null,
  timeMs,
  coordinates: { topic: 'telemetry', partition: 0, offset: timeMs }
})

/** As they are stored and read back. */
const stored = (engine: AlarmEngine): ResourceState[] =>
  JSON.parse(JSON.stringify(engine.drainStates())) as ResourceState[]

describe('states of resources', () => {
  // Down for longer than its hold, up for less than that, switched off on purpose, up again for good.
  const flips = [
    flip(operDown, true, 1_000),
    flip(operDown, false, 4_000),
    flip(operDown, true, 7_000),
    flip(adminDown, true, 8_000),
    flip(operDown, false, 20_000),
    flip(adminDown, false, 20_000),
    flip(operDown, true, 30_000),
    flip(operDown, false, 31_000),
    flip(operDown, true, 40_000),
    flip(operDown, false, 50_000)
  ]
  const run = (engine: AlarmEngine, some: readonly ConditionFlip[], endMs?: number): AlarmTransition[] => {
    const transitions: AlarmTransition[] = []
    for (const each of some) {
      engine.apply(each)
      transitions.push(...engine.drain())
    }
    if (endMs !== undefined) engine.tick(endMs)
    return [...transitions, ...engine.drain()]
  }
  const undisturbed = run(createAlarmEngine(rules), flips, 100_000)

  it.each(flips.map((_, i) => i + 1))('go on behind flip %i as if nothing had stopped', count => {
    const before = createAlarmEngine(rules)
    const first = run(before, flips.slice(0, count))
    const after = createAlarmEngine(rules, [], stored(before))
    expect([...after.open()]).toEqual([...before.open()])
    expect([...first, ...run(after, flips.slice(count), 100_000)]).toEqual(undisturbed)
    expect(after.size()).toEqual({ resources: 0, deadlines: 0, alarms: 0 })
  })

  it('let a hold end that nobody reports of any more', () => {
    const before = createAlarmEngine(rules)
    run(before, flips.slice(0, 2), 6_000)
    const after = createAlarmEngine(rules, [], stored(before))
    after.tick(60_000)
    expect(after.drain()).toMatchObject([{ change: 'cleared', atMs: 9_000, alarm: { raisedAtMs: 1_000 } }])
    expect(stored(after)).toMatchObject([
      { conditions: [], rules: [], atMs: 9_000, coordinates: { offset: 4_000 } }
    ])
  })

  it('keep what is on under other rules, without the holds', () => {
    const before = createAlarmEngine(rules)
    run(before, flips.slice(0, 1), 5_000)
    const after = createAlarmEngine(
      compileRules([{ file: 'rules.yaml', text: text(60) }]),
      [],
      stored(before)
    )
    expect([...after.open()]).toEqual([...before.open()])
    expect([...after.raisedConditions('sw-1', '25')]).toEqual([operDown])
    after.apply(flip(operDown, false, 10_000))
    after.tick(69_999)
    expect(after.drain()).toEqual([])
    after.tick(70_000)
    expect(after.drain()).toMatchObject([{ change: 'cleared', atMs: 70_000 }])
  })

  it('stand where their topic is stored, and stay there when another takes its name', () => {
    let name = 'telemetry'
    const storedAs = (): string => name
    const before = createAlarmEngine(rules, [], [], storedAs)
    run(before, flips.slice(0, 2), 6_000)
    name = 'telemetry@2'
    const states = stored(before)
    expect(states).toMatchObject([{ coordinates: { topic: 'telemetry', offset: 4_000 } }])
    const after = createAlarmEngine(rules, [], states, storedAs)
    after.tick(60_000)
    expect(stored(after)).toMatchObject([{ conditions: [], coordinates: { topic: 'telemetry' } }])
    run(after, [flip(operDown, true, 70_000)])
    expect(stored(after)).toMatchObject([{ coordinates: { topic: 'telemetry@2', offset: 70_000 } }])
  })

  it('say of a port that no rule judges any more that nothing is known of it', () => {
    const engine = createAlarmEngine(rules)
    run(engine, flips.slice(0, 1), 5_000)
    engine.drainStates()
    engine.dropUnjudged(() => false, 6_000)
    engine.tick(60_000)
    expect(engine.drain()).toMatchObject([{ change: 'cleared' }])
    expect(stored(engine)).toMatchObject([{ conditions: [], rules: [] }])
  })

  it('say of a device that left the inventory that nothing is known of it', () => {
    const engine = createAlarmEngine(rules)
    run(engine, flips.slice(0, 1), 5_000)
    engine.drainStates()
    engine.relocate(() => undefined, 6_000)
    expect(engine.drainStates()).toMatchObject([{ conditions: [], rules: [], atMs: 6_000 }])
  })
})
