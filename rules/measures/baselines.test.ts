import { describe, expect, it } from 'vitest'
import { signalIds } from '../../schemas/signals.ts'
import { changesOf, forgetBaseline, knownBaseline, noteBaseline, takeBackBaseline } from './baselines.ts'
import { assignProgram, evaluateSample } from '../judge.ts'
import { measures, unitOf } from './measure.ts'
import { createProgramTable, type ConditionSpec } from '../program.ts'
import { keptSamples } from './rates.ts'
import { seriesStateBytes, seriesStateOver } from '../series-state.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const learning = { overMs: 7 * dayMs, learnMs: dayMs }

const stepBelow: ConditionSpec = {
  condition: 0,
  op: 'below',
  measure: 'step',
  learnMs: learning.learnMs,
  raiseLimit: -3,
  clearLimit: -2,
  raiseCount: 1,
  clearCount: 1,
  mask: 0
}
const driftBelow: ConditionSpec = {
  ...stepBelow,
  condition: 1,
  measure: 'drift_per_day',
  raiseLimit: -0.15,
  clearLimit: -0.1
}

function judged(conditions: readonly ConditionSpec[] = [stepBelow]) {
  const builder = createProgramTable(4)
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(2)), 2)
  const program = builder.addProgram({ conditions, keeps: 'baseline', overMs: learning.overMs })
  assignProgram(builder.table, state, 1, program)
  const flips: [number, number, boolean, number][] = []
  let timeMs = 1_700_000_000_000
  const startMs = timeMs
  const tell = (value: number, atMs: number): void =>
    void evaluateSample(builder.table, state, 1, value, atMs, (condition, on, _limit, measured) =>
      flips.push([(atMs - startMs) / hourMs, condition, on, measured])
    )
  return {
    state,
    flips,
    tell,
    nowMs: () => timeMs,
    /** So many samples, one each five minutes; `valueOf` is given the hours since the first of them. */
    run(
      this: void,
      hours: number,
      valueOf: number | ((hour: number) => number),
      everyMs = 5 * minuteMs
    ): void {
      for (let ms = everyMs; ms <= hours * hourMs; ms += everyMs) {
        timeMs += everyMs
        tell(typeof valueOf === 'number' ? valueOf : valueOf(ms / hourMs), timeMs)
      }
    },
    pause(this: void, hours: number): void {
      timeMs += hours * hourMs
    },
    known: (change: 'step' | 'drift_per_day' = 'step') => knownBaseline(state.baselines, 1, change, learning)
  }
}

/** A level with the noise of a read-out, and the swing of a day. */
const level = (dbm: number) => (hour: number) =>
  dbm + 0.3 * Math.sin((hour * Math.PI) / 12) + 0.1 * Math.sin(hour * 977)

describe('a step', () => {
  it('is raised when a level falls from what is usual, and cleared when it is back', () => {
    const { run, flips } = judged()
    run(48, level(-12))
    expect(flips).toEqual([])
    run(24, level(-16.5))
    run(24, level(-12))
    expect(flips.map(([, condition, on]) => [condition, on])).toEqual([
      [0, true],
      [0, false]
    ])
    expect(flips[0]![0] - 48).toBeLessThan(0.5)
    expect(flips[1]![0] - 72).toBeLessThan(0.5)
  })

  it('is not told by one odd reading, nor by the swing of a day', () => {
    const { run, flips } = judged()
    run(30, level(-12))
    run(5 / 60, -16)
    run(200, level(-12))
    expect(flips).toEqual([])
  })

  it('is not judged before so long was learnt, nor from a few samples', () => {
    const { run, flips, known } = judged()
    run(20, -12)
    expect(known()).toMatchObject({ value: null, slow: -12, samples: 240 })
    run(2, -20)
    expect(flips).toEqual([])
    const rare = judged()
    rare.run(36, -12, 2 * hourMs)
    rare.run(2, -20, 2 * hourMs)
    expect(rare.flips).toEqual([])
    expect(rare.known()).toMatchObject({ value: null, samples: 19 })
  })

  it('stands as long as the level is low: what is wrong does not become what is usual', () => {
    const { run, flips, known } = judged()
    run(48, -12)
    run(14 * 24, -16.5)
    expect(flips.map(([, , on]) => on)).toEqual([true])
    expect(known().slow).toBeCloseTo(-12, 1)
  })

  it('that has stood for four times the time learnt over has become what is usual', () => {
    const { run, flips } = judged()
    run(48, -12)
    run(30 * 24, -16.5, hourMs)
    expect(flips.map(([, , on]) => on)).toEqual([true, false])
    const days = (flips[1]![0] - 48) / 24
    expect(days).toBeGreaterThan(28)
    expect(days).toBeLessThan(28.2)
  })

  it('is learnt anew behind a long pause, and a shorter one teaches nothing', () => {
    const { run, pause, flips, known } = judged()
    run(48, -12)
    pause(6 * 24)
    run(1, -16.5)
    expect(flips.map(([, , on]) => on)).toEqual([true])
    expect(known().slow).toBeCloseTo(-12, 2)
    pause(8 * 24)
    run(1, -16.5)
    expect(flips.map(([, , on]) => on)).toEqual([true, false])
    expect(known()).toMatchObject({ value: null, slow: -16.5, samples: 12 })
  })

  it('is judged by the time that passed, not by the number of samples', () => {
    const ends = [minuteMs, 5 * minuteMs, 15 * minuteMs, hourMs].map(everyMs => {
      const { run, known } = judged()
      run(72, hour => (hour <= 36 ? -12 : -13), everyMs)
      return known().slow!
    })
    for (const end of ends) expect(end).toBeCloseTo(-12.5, 1)
  })

  it('does not learn a sample that came twice, nor one that is late', () => {
    const plain = judged()
    plain.run(48, level(-12))
    const odd = judged()
    odd.run(47, level(-12))
    odd.tell(-30, odd.nowMs())
    odd.tell(-30, odd.nowMs() - minuteMs)
    // As the plain one goes on.
    odd.run(1, hour => level(-12)(hour + 47))
    expect(odd.known()).toEqual(plain.known())
    expect(odd.flips).toEqual([])
  })
})

describe('a drift', () => {
  it('is how fast a level moves a day, and ends when it does', () => {
    const { run, flips, known } = judged([driftBelow])
    run(14 * 24, level(-12))
    expect(flips).toEqual([])
    run(14 * 24, hour => level(-12 - (hour / 24) * 0.2)(hour))
    expect(known('drift_per_day').value).toBeCloseTo(-0.2, 1)
    expect(flips.map(([, condition, on]) => [condition, on])).toEqual([[1, true]])
    run(14 * 24, level(-14.8))
    expect(flips.map(([, , on]) => on)).toEqual([true, false])
  })

  it('is told too small rather than too large while it is young', () => {
    const { run, known } = judged([driftBelow])
    for (let day = 1; day < 20; day++) {
      run(24, hour => -12 - ((day - 1 + hour / 24) * 2) / 10)
      const { value } = known('drift_per_day')
      if (value !== null) expect(value).toBeGreaterThan(-0.2 - 1e-9)
    }
  })
})

describe('a baseline', () => {
  it('is taken back to what it was before a task, once', () => {
    const { run, state, known } = judged()
    run(30, level(-12))
    const before = known()
    noteBaseline(state.baselines, 1, -7)
    run(2, -14)
    noteBaseline(state.baselines, 1, -7)
    run(2, -15)
    expect(known()).not.toEqual(before)
    takeBackBaseline(state.baselines, 1, -8)
    expect(known()).not.toEqual(before)
    takeBackBaseline(state.baselines, 1, -7)
    expect(known()).toEqual(before)
    forgetBaseline(state.baselines, 1)
    expect(known()).toMatchObject({ value: null, samples: 0 })
  })

  it('is there for gauges that stand for themselves, in the unit of a difference', () => {
    const id = (name: string): number => signalIds.get(name)!
    expect(changesOf(id('optics.rx_dbm'))).toEqual(['step', 'drift_per_day'])
    expect(changesOf(id('ups.runtime_s'))).toEqual(['step', 'step_pct', 'drift_per_day'])
    for (const none of ['if.in_errors', 'if.speed_mbps', 'device.uptime_s', 'if.oper_status'])
      expect(changesOf(id(none))).toEqual([])
    expect(unitOf(id('optics.rx_dbm'), 'step')).toBe('dB')
    expect(unitOf(id('optics.rx_dbm'), 'drift_per_day')).toBe('dB/day')
    expect(unitOf(id('ups.runtime_s'), 'step_pct')).toBe('%')
    expect(unitOf(id('ups.temp_c'), 'step')).toBe('°C')
  })

  it('has the places that programs and the kernel know', () => {
    expect(measures.slice(4)).toEqual(['step', 'step_pct', 'drift_per_day'])
    expect(keptSamples[4]).toBe('baseline')
  })
})
