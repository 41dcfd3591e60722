import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../schemas/package-root.ts'
import { signalIds } from '../schemas/signals.ts'
import { createAlarmEngine, type AlarmEngine } from './alarms.ts'
import type { ResourceState } from './alarms/resource-state.ts'
import { compileRules } from './compile.ts'
import type { CompiledRules } from './compiled.ts'
import { membersOf } from './composite.ts'
import { assignProgram, evaluateSample } from './judge.ts'
import type { Alarm, AlarmTransition, ConditionFlip } from './model.ts'
import { createProgramTable } from './program.ts'
import { stretchOf } from './schedule.ts'
import { seriesStateBytes, seriesStateOver } from './series-state.ts'
import { shippedRulesFiles } from './shipped.ts'

const rules = compileRules(
  shippedRulesFiles.map(file => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') }))
)
const t0 = 1_700_000_000_000
/** Behind every hold of what is well again, and every time of flapping. */
const settledMs = 86_400_000

/** Flips as the kernel would give them: a condition of an instance turns on and off in turn, in time order. */
const flipsOf = (compiled: CompiledRules) =>
  fc
    .array(
      fc.record({
        condition: fc.constantFrom(
          ...compiled.conditions.flatMap(({ id, op }) => (op === 'alarm' ? [] : [id]))
        ),
        device: fc.constantFrom('d1', 'd2'),
        instance: fc.constantFrom('', '1', '2'),
        stepMs: fc.constantFrom(0, 0, 1, 1000, 20_000, 70_000, 400_000)
      }),
      { maxLength: 60 }
    )
    .map(steps => {
      const on = new Set<string>()
      let timeMs = t0
      return steps.map(({ condition, device, instance, stepMs }, offset): ConditionFlip => {
        timeMs += stepMs
        const key = `${condition}/${device}/${instance}`
        if (!on.delete(key)) on.add(key)
        return {
          condition,
          on: on.has(key),
          node: `node-of-${device}`,
          device,
          instance,
          value: 1,
          limit: null,
          timeMs,
          coordinates: { topic: 't', partition: 0, offset }
        }
      })
    })

const flipsArbitrary = flipsOf(rules)

/** What is stored of each alarm, whatever the order among resources. */
const byAlarm = (transitions: readonly AlarmTransition[]): Map<string, string[]> => {
  const result = new Map<string, string[]>()
  for (const { alarm, change, atMs } of transitions) {
    const key = `${alarm.resource} ${alarm.type}/${alarm.qualifier}`
    const line = `${alarm.id} ${change} ${alarm.severity} @${atMs - t0} since ${alarm.raisedAtMs - t0}`
    result.set(key, [...(result.get(key) ?? []), line])
  }
  return new Map([...result].sort())
}

/** Runs flips, ticking with event time after every `every`-th one; the end is far behind every hold. */
function run(flips: readonly ConditionFlip[], every: number, compiled = rules): AlarmTransition[] {
  const engine = createAlarmEngine(compiled)
  const transitions: AlarmTransition[] = []
  flips.forEach((flip, index) => {
    // Flips of one moment are one record: a batch is never cut between them.
    const sameMoment = index > 0 && flips[index - 1]?.timeMs === flip.timeMs
    if (!sameMoment && index % every === 0) {
      engine.tick(flip.timeMs - 1)
      transitions.push(...engine.drain())
    }
    engine.apply(flip)
  })
  engine.tick((flips.at(-1)?.timeMs ?? t0) + settledMs)
  transitions.push(...engine.drain())
  return transitions
}

describe('the alarm engine', () => {
  it('gives the same transitions however often it is ticked and drained', () => {
    fc.assert(
      fc.property(flipsArbitrary, fc.integer({ min: 1, max: 10 }), (flips, every) => {
        expect(byAlarm(run(flips, every))).toEqual(byAlarm(run(flips, 1)))
        expect(run(flips, every)).toEqual(run(flips, every))
      }),
      { numRuns: 500 }
    )
  })

  it('opens, changes and clears each alarm in turn, never backwards in time', () => {
    fc.assert(
      fc.property(flipsArbitrary, flips => {
        const open = new Map<string, Alarm>()
        for (const { alarm, change, atMs } of run(flips, 1)) {
          const key = `${alarm.resource} ${alarm.type}/${alarm.qualifier}`
          const before = open.get(key)
          expect(before === undefined).toBe(change === 'raised')
          expect(before?.id ?? alarm.id).toBe(alarm.id)
          expect(atMs).toBe(alarm.changedAtMs)
          expect(atMs).toBeGreaterThanOrEqual(before?.changedAtMs ?? alarm.raisedAtMs)
          expect(alarm.isCleared).toBe(change === 'cleared')
          if (change === 'changed') expect(alarm.severity).not.toBe(before?.severity)
          if (change === 'cleared') open.delete(key)
          else open.set(key, alarm)
        }
      }),
      { numRuns: 500 }
    )
  })

  it('forgets everything once everything is well', () => {
    fc.assert(
      fc.property(flipsArbitrary, flips => {
        const engine = createAlarmEngine(rules)
        const on = new Map<string, ConditionFlip>()
        for (const flip of flips) {
          engine.apply(flip)
          const key = `${flip.condition}/${flip.device}/${flip.instance}`
          if (flip.on) on.set(key, flip)
          else on.delete(key)
        }
        const endMs = (flips.at(-1)?.timeMs ?? t0) + 1000
        for (const flip of on.values()) engine.apply({ ...flip, on: false, timeMs: endMs })
        engine.tick(endMs + settledMs)
        expect([...engine.open()]).toEqual([])
        expect(engine.nextDeadlineMs()).toBeNull()
        expect(engine.size().resources).toBe(0)
      }),
      { numRuns: 500 }
    )
  })

  it('after a restart clears what was open by good samples of every seeded series', () => {
    fc.assert(
      fc.property(flipsArbitrary, flips => {
        const before = createAlarmEngine(rules)
        for (const flip of flips) before.apply(flip)
        const endMs = (flips.at(-1)?.timeMs ?? t0) + 1000
        const engine = createAlarmEngine(rules, before.open())
        expect([...engine.open()]).toEqual([...before.open()])
        for (const device of ['d1', 'd2'])
          for (const instance of ['', '1', '2'])
            for (const condition of engine.raisedConditions(device, instance))
              engine.apply({
                condition,
                on: false,
                node: `node-of-${device}`,
                device,
                instance,
                value: 0,
                limit: null,
                timeMs: endMs,
                coordinates: { topic: 't', partition: 0, offset: 1e6 }
              })
        engine.tick(endMs + settledMs)
        expect([...engine.open()]).toEqual([])
        expect(engine.size().resources).toBe(0)
      }),
      { numRuns: 500 }
    )
  })
})

describe('alarms that are open when the daemon starts', () => {
  it('are the same where a composite asks conditions of its own', () => {
    const levels = rules.rules.find(
      ({ name, qualifier }) => name === 'optics.rx_state' && qualifier === 'high'
    )?.levels
    const before = createAlarmEngine(rules)
    before.apply({
      condition: membersOf(levels!.at(-1)!.composite!)[0]!,
      on: true,
      node: 'n',
      device: 'd1',
      instance: '1',
      value: 1,
      limit: null,
      timeMs: t0,
      coordinates: { topic: 't', partition: 0, offset: 0 }
    })
    before.tick(t0 + 1_000_000)
    const open = [...before.open()]
    expect(open.map(({ type }) => type)).toEqual(['optics.rx_state'])
    expect([...createAlarmEngine(rules, open).open()]).toEqual(open)
  })

  it('are the same where what a composite asks has got worse since it was raised', () => {
    const levelsOf = (name: string): readonly number[] =>
      rules.rules.find(rule => rule.name === name)!.levels.map(({ condition }) => condition)
    const [worse, bad] = levelsOf('ups.battery_fault')
    const battery = levelsOf('ups.on_battery').at(-1)
    const before = createAlarmEngine(rules)
    for (const [offset, [condition, atMs]] of (
      [
        [bad, 0],
        [battery, 0],
        [worse, 20_000]
      ] as const
    ).entries())
      before.apply({
        condition: condition!,
        on: true,
        node: 'n',
        device: 'd1',
        instance: '',
        value: 1,
        limit: null,
        timeMs: t0 + atMs,
        coordinates: { topic: 't', partition: 0, offset }
      })
    const open = [...before.open()]
    expect(open.map(({ type }) => type)).toContain('ups.on_bad_battery')
    expect([...createAlarmEngine(rules, open).open()]).toEqual(open)
  })
})

describe('hysteresis', () => {
  it('never flaps on values that stay inside the band', () => {
    const table = createProgramTable(10)
    const program = table.addProgram(
      rules.programFor({
        signal: signalIds.get('optics.rx_dbm') ?? -1,
        vendor: '',
        model: '',
        role: 'switch',
        tier: 'building',
        port: 'uplink',
        opticClass: '1000base-bx10'
      })
    )
    // Between raise (-19) and clear (-18) of the low warning; above every other limit's clear value.
    const inBand = fc.double({ min: -19, max: -18.0001, noNaN: true })
    fc.assert(
      fc.property(fc.boolean(), fc.array(inBand, { minLength: 1, maxLength: 50 }), (raised, values) => {
        const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(1)), 1)
        assignProgram(table.table, state, 0, program)
        const flips: boolean[] = []
        let timeMs = t0
        const feed = (value: number): void => {
          evaluateSample(table.table, state, 0, value, (timeMs += 60_000), (_, on) => flips.push(on))
        }
        if (raised) [-19.5, -19.5].forEach(feed)
        const before = flips.length
        values.forEach(feed)
        expect(before).toBe(raised ? 1 : 0)
        expect(flips).toHaveLength(before)
      }),
      { numRuns: 300 }
    )
  })
})

/** Rules over ports, devices and nodes that ask others, and each other. */
const composites = compileRules([
  {
    file: 'composites.yaml',
    text: ((text: string) => `rules:
  - { name: p.down, kind: link, severity: major, select: { signal: if.oper_status }, in: [down], hold: { clear_s: 1 }, ${text} }
  - { name: o.low, kind: optics, severity: warning, select: { signal: optics.rx_dbm }, below: -20, hysteresis: 1, hold: { raise_s: 20 }, ${text} }
  - { name: u.battery, kind: power, severity: warning, scope: device, select: { signal: ups.output_source }, in: [battery], ${text} }
  - { name: u.short, kind: power, severity: warning, scope: device, select: { signal: ups.runtime_s }, below: 600, hold: { raise_s: 60, clear_s: 20 }, ${text} }
  - { name: c.port, over: port, kind: link, severity: minor, any: [{ rule: p.down, for_s: 20 }, { all: [{ rule: o.low }, { not: { rule: p.down } }] }], ${text} }
  - { name: c.device, over: device, kind: power, severity: major, all: [{ rule: u.battery }, { any: [{ rule: u.short }, { rule: p.down, at_least: 2 }, { signal: ups.load_pct, above: 80 }] }], hold: { raise_s: 1, clear_s: 20 }, ${text} }
  - { name: c.node, over: node, kind: power, severity: critical, count: { at_least: 2, of: [{ rule: c.device, for_s: 70 }, { rule: c.port, at_least: 2 }, { rule: o.low }, { not: { rule: u.short } }] }, hold: { raise_s: 20 }, ${text} }
`)("text: { ru: 'Т', en: 'T' }")
  }
])
const isOfComposite = ({ alarm }: AlarmTransition): boolean => alarm.type.startsWith('c.')

describe('composite rules', () => {
  it('give the same transitions however often the engine is ticked and drained', () => {
    let told = 0
    fc.assert(
      fc.property(flipsOf(composites), fc.integer({ min: 1, max: 10 }), (flips, every) => {
        const often = run(flips, 1, composites)
        told += often.filter(isOfComposite).length
        expect(byAlarm(run(flips, every, composites))).toEqual(byAlarm(often))
      }),
      { numRuns: 500 }
    )
    expect(told).toBeGreaterThan(500)
  })

  it('are asked at the moment a hold of what they ask ends, be it found with holds of their own that end behind it', () => {
    const ids = new Map(composites.conditions.map(({ id, signal, op }) => [`${signal} ${op}`, id]))
    const flip = (signal: string, op: string, on: boolean, device: string, atMs: number): ConditionFlip => ({
      condition: ids.get(`${signalIds.get(signal)!} ${op}`)!,
      on,
      node: `node-of-${device}`,
      device,
      instance: '',
      value: 1,
      limit: null,
      timeMs: t0 + atMs,
      coordinates: { topic: 't', partition: 0, offset: atMs }
    })
    // The short runtime is told at 60 000, a millisecond before what has lost its load would clear.
    const flips = [
      flip('ups.output_source', 'in', true, 'd2', 0),
      flip('ups.runtime_s', 'below', true, 'd2', 0),
      flip('ups.load_pct', 'above', true, 'd2', 20_001),
      flip('ups.load_pct', 'above', false, 'd2', 40_001),
      flip('if.oper_status', 'in', true, 'd2', 440_001)
    ]
    const often = byAlarm(run(flips, 1, composites))
    expect(often.get('d2 c.device/')).toHaveLength(1)
    expect(byAlarm(run(flips, 10, composites))).toEqual(often)
  })

  it('clear when nothing is on any more, and leave nothing behind', () => {
    fc.assert(
      fc.property(flipsOf(composites), flips => {
        const engine = createAlarmEngine(composites)
        const on = new Map<string, ConditionFlip>()
        let timeMs = t0
        for (const flip of flips) {
          engine.tick(flip.timeMs - 1)
          engine.apply(flip)
          timeMs = flip.timeMs
          const key = `${flip.condition}/${flip.device}/${flip.instance}`
          if (flip.on) on.set(key, flip)
          else on.delete(key)
        }
        for (const flip of on.values()) engine.apply({ ...flip, on: false, timeMs: timeMs + 1 })
        engine.tick(timeMs + 3_600_000)
        expect([...engine.open()]).toEqual([])
        expect(engine.size().resources).toBe(0)
      }),
      { numRuns: 300 }
    )
  })
})

/** Rules that are in force at times, rules that flap, and what asks them. 1 700 000 000 s is 2023-11-14, a Tuesday, 22:13:20 in UTC. */
const timed = compileRules([
  {
    file: 'timed.yaml',
    text: ((text: string) => `rules:
  - { name: s.now, kind: power, severity: minor, scope: device, select: { signal: ups.load_pct }, above: 80, schedule: { from: '22:00', to: '22:20', timezone: UTC }, hold: { raise_s: 20, clear_s: 60 }, ${text} }
  - { name: s.soon, kind: link, severity: major, select: { signal: if.oper_status }, in: [down], schedule: { days: tue, from: '22:14', to: '22:30', timezone: UTC }, hold: { raise_s: 1 }, ${text} }
  - { name: f.port, kind: link, select: { signal: if.oper_status }, levels: [{ severity: critical, in: [down], hold: { raise_s: 300 } }, { severity: warning, in: [down, dormant] }], hold: { raise_s: 20, clear_s: 20 }, flapping: { changes: 3, within_s: 180, clear_s: 120 }, ${text} }
  - { name: f.both, kind: power, severity: warning, scope: device, select: { signal: ups.output_source }, in: [battery], flapping: { changes: 4, within_s: 900, clear_s: 400, severity: major }, schedule: { from: '22:00', to: '22:40', timezone: UTC }, ${text} }
  - { name: c.port, over: port, kind: link, severity: minor, any: [{ rule: f.port, for_s: 70 }, { rule: s.soon }], flapping: { changes: 3, within_s: 1000, clear_s: 200 }, ${text} }
  - { name: c.any, over: device, kind: power, severity: minor, any: [{ rule: f.both, for_s: 70 }, { rule: s.now }], flapping: { changes: 3, within_s: 1000, clear_s: 200 }, ${text} }
  - { name: c.node, over: node, kind: power, severity: major, all: [{ rule: f.both }, { rule: f.port }], schedule: { from: '22:15', to: '22:50', timezone: UTC }, ${text} }
`)("text: { ru: 'Т', en: 'T' }")
  }
])
/** Flips of one moment are one record, which is read as a whole or not at all. */
const cutAt = (flips: readonly ConditionFlip[], part: number): number => {
  let at = Math.floor(part * flips.length)
  while (at > 0 && at < flips.length && flips[at]?.timeMs === flips[at - 1]?.timeMs) at++
  return at
}

describe('rules with a schedule, and rules that flap', () => {
  it('give the same transitions however often the engine is ticked and drained', () => {
    const told = new Map<string, number>()
    fc.assert(
      fc.property(flipsOf(timed), fc.integer({ min: 1, max: 10 }), (flips, every) => {
        const often = run(flips, 1, timed)
        for (const { alarm } of often) told.set(alarm.type, (told.get(alarm.type) ?? 0) + 1)
        expect(byAlarm(run(flips, every, timed))).toEqual(byAlarm(often))
      }),
      { numRuns: 500 }
    )
    for (const { name } of timed.rules) expect(told.get(name), name).toBeGreaterThan(50)
  })

  it('go on behind a restart at any point as if nothing had stopped', () => {
    fc.assert(
      fc.property(flipsOf(timed), fc.double({ min: 0, max: 1, noNaN: true }), (flips, part) => {
        const cut = cutAt(flips, part)
        const endMs = (flips.at(-1)?.timeMs ?? t0) + 3_600_000
        const feed = (engine: AlarmEngine, some: readonly ConditionFlip[]): AlarmTransition[] => {
          for (const flip of some) {
            engine.tick(flip.timeMs - 1)
            engine.apply(flip)
          }
          // What rules over nodes are told waits for the clock.
          engine.tick(some.at(-1)?.timeMs ?? t0)
          return engine.drain()
        }
        const before = createAlarmEngine(timed)
        const known = new Map<string, ResourceState>()
        const first = feed(before, flips.slice(0, cut))
        for (const state of before.drainStates())
          known.set(`${state.scope}/${state.device}/${state.instance}`, state)
        const states = JSON.parse(JSON.stringify([...known.values()])) as ResourceState[]
        const after = createAlarmEngine(timed, [], states)
        const second = feed(after, flips.slice(cut))
        after.tick(endMs)
        const whole = createAlarmEngine(timed)
        const undisturbed = [...feed(whole, flips.slice(0, cut)), ...feed(whole, flips.slice(cut))]
        whole.tick(endMs)
        expect(byAlarm([...first, ...second, ...after.drain()])).toEqual(
          byAlarm([...undisturbed, ...whole.drain()])
        )
      }),
      { numRuns: 500 }
    )
  })

  it('have one alarm at most, none while they are not in force, and leave nothing behind', () => {
    fc.assert(
      fc.property(flipsOf(timed), flips => {
        const engine = createAlarmEngine(timed)
        const open = new Map<string, Alarm>()
        const on = new Map<string, ConditionFlip>()
        for (const flip of flips) {
          engine.tick(flip.timeMs - 1)
          engine.apply(flip)
          const key = `${flip.condition}/${flip.device}/${flip.instance}`
          if (flip.on) on.set(key, flip)
          else on.delete(key)
        }
        const endMs = (flips.at(-1)?.timeMs ?? t0) + 1
        for (const flip of on.values()) engine.apply({ ...flip, on: false, timeMs: endMs })
        engine.tick(endMs + 86_400_000)
        for (const { alarm, change, atMs } of engine.drain()) {
          const key = `${alarm.resource} ${alarm.type}`
          expect(open.has(key)).toBe(change !== 'raised')
          if (change === 'cleared') open.delete(key)
          else open.set(key, alarm)
          const rule = timed.rules.find(({ name }) => name === alarm.type)
          if (rule?.schedule == null || change === 'cleared') continue
          expect(stretchOf(rule.schedule, atMs).isInForce, alarm.type).toBe(true)
        }
        expect([...open.keys()]).toEqual([])
        expect([...engine.open()]).toEqual([])
        expect(engine.size().resources).toBe(0)
        expect(engine.nextDeadlineMs()).toBeNull()
      }),
      { numRuns: 500 }
    )
  })

  it('do not change again and again while they flap', () => {
    fc.assert(
      fc.property(flipsOf(timed), flips => {
        const told = run(flips, 1, timed).filter(({ alarm }) => alarm.type === 'f.both')
        // Of one alarm: raised, told to flap, told not to any more, cleared.
        const byId = new Map<string, number>()
        for (const { alarm } of told) byId.set(alarm.id, (byId.get(alarm.id) ?? 0) + 1)
        expect(Math.max(0, ...byId.values())).toBeLessThanOrEqual(4)
      }),
      { numRuns: 200 }
    )
  })
})
