import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../schemas/package-root.ts'
import { signalIds } from '../schemas/signals.ts'
import { createAlarmEngine } from './alarms.ts'
import { compileRules } from './compile.ts'
import { assignProgram, evaluateSample } from './judge.ts'
import type { Alarm, AlarmTransition, ConditionFlip } from './model.ts'
import { createProgramTable } from './program.ts'
import { seriesStateBytes, seriesStateOver } from './series-state.ts'
import { shippedRulesFiles } from './shipped.ts'

const rules = compileRules(
  shippedRulesFiles.map(file => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') }))
)
const t0 = 1_700_000_000_000

/** Flips as the kernel would give them: a condition of an instance turns on and off in turn, in time order. */
const flipsArbitrary = fc
  .array(
    fc.record({
      condition: fc.integer({ min: 0, max: rules.conditions.length - 1 }),
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
function run(flips: readonly ConditionFlip[], every: number): AlarmTransition[] {
  const engine = createAlarmEngine(rules)
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
  engine.tick((flips.at(-1)?.timeMs ?? t0) + 3_600_000)
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
        engine.tick(endMs + 3_600_000)
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
        engine.tick(endMs + 3_600_000)
        expect([...engine.open()]).toEqual([])
        expect(engine.size().resources).toBe(0)
      }),
      { numRuns: 500 }
    )
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
