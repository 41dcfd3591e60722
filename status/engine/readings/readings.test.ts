import { describe, expect, it } from 'vitest'
import { seriesStateBytes, seriesStateOver } from '../../../rules/series-state.ts'
import type { ProfileReports } from '../../../schemas/records/profile-schema.ts'
import { createReadingWatch, readingsRoundMs } from './readings.ts'

const minute = 60_000

interface Told {
  readonly series: number
  /** Device, instance and signal by number. */
  readonly of: readonly [number, number, number]
  readonly source?: number
  readonly reports?: ProfileReports
  readonly isOfPort?: boolean
}

/** A watch in which each series is told at its pace, second by second, as far as `isTold` says. */
function watched(list: readonly Told[], intervalMs = minute) {
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(512)), 512)
  const of = new Map(list.map(told => [told.series, told]))
  const at = (series: number, k: 0 | 1 | 2): number => of.get(series)?.of[k] ?? -1
  let nowMs = 0
  const heardMs = new Map<number, number>()
  const heardBySourceMs = new Map<number, number>()
  /** How far the clocks of the sources are ahead of ours. */
  const clock = { aheadMs: 0 }
  const expected = { fromMs: 0 }
  const sourceOf = (series: number): number => of.get(series)?.source ?? 0
  const watch = createReadingWatch({
    registry: {
      knownOf: series => at(series, 0),
      deviceOf: sourceOf,
      instanceNumber: series => at(series, 1),
      signal: series => at(series, 2),
      eachOfDevice: (device, act) => {
        for (const { series } of list) if (sourceOf(series) === device) act(series)
      },
      isSamePlace: (a, b) => at(a, 0) === at(b, 0) && at(a, 1) === at(b, 1) && sourceOf(a) === sourceOf(b)
    },
    state,
    silence: {
      lastSeenMs: device => heardMs.get(device) ?? null,
      heardMs: source => heardBySourceMs.get(source) ?? 0,
      intervalMs: () => intervalMs,
      expectedFromMs: () => expected.fromMs
    },
    factor: 3,
    deviceCount: 8
  })
  for (const { series, reports = 'polls', isOfPort = false } of list) watch.expect(series, reports, isOfPort)
  const log: { atS: number; stopped?: number[]; resumed?: number[]; established?: number[] }[] = []
  const run = (toS: number, everyS: (series: number) => number): void => {
    for (; nowMs < toS * 1000; nowMs += 1000) {
      for (const { series } of list) {
        const every = everyS(series)
        if (every === 0 || (nowMs / 1000) % every !== 0) continue
        // As the threads that evaluate do: an older sample is not judged.
        state.lastTimeMs[series] = Math.max(state.lastTimeMs[series]!, nowMs + clock.aheadMs + 1)
        heardMs.set(at(series, 0), nowMs)
        heardBySourceMs.set(sourceOf(series), nowMs)
      }
      const { stopped, resumed, established } = watch.sweep(nowMs)
      if (stopped.length + resumed.length + established.length === 0) continue
      log.push({
        atS: nowMs / 1000,
        ...(stopped.length > 0 && { stopped: [...stopped].sort((a, b) => a - b) }),
        ...(resumed.length > 0 && { resumed: [...resumed] }),
        ...(established.length > 0 && { established: [...established] })
      })
    }
  }
  return { watch, run, log, expected, clock, state, nowMs: () => nowMs }
}

describe('readings that stop while their device goes on', () => {
  it('are told apart on a chassis of many ports, whichever stop', () => {
    // Two readings a port: one of them stops on every third port, both on every fifth.
    const ports = Array.from({ length: 150 }, (_, port) => port)
    const { run, log, watch } = watched(
      ports.flatMap(port => [
        { series: 1 + 2 * port, of: [0, port, 1] as const },
        { series: 2 + 2 * port, of: [0, port, 2] as const }
      ])
    )
    const stops = (series: number): boolean => {
      const port = (series - 1) >> 1
      return port % 5 === 0 || (port % 3 === 0 && series % 2 === 1)
    }
    run(600, () => 60)
    run(1200, series => (stops(series) ? 0 : 60))
    const all = ports.flatMap(port => [1 + 2 * port, 2 + 2 * port])
    const told = log.flatMap(({ stopped = [] }) => stopped).sort((a, b) => a - b)
    expect(told).toEqual(all.filter(stops))
    for (const port of ports)
      expect([1, 2, 3].map(signal => watch.isMet(0, port, signal))).toEqual([true, true, false])
    run(1800, () => 60)
    const resumed = log.flatMap(({ resumed: each = [] }) => each).sort((a, b) => a - b)
    expect(resumed).toEqual(told)
  })

  it('are known by their own rhythm, all of a port at once, and come again', () => {
    const { run, log } = watched([
      { series: 1, of: [0, 1, 1] },
      { series: 2, of: [0, 1, 2] },
      { series: 3, of: [0, 2, 1] }
    ])
    run(600, () => 60)
    expect(log).toEqual([])
    run(1200, series => (series === 3 ? 60 : 0))
    expect(log).toHaveLength(1)
    expect(log[0]?.stopped).toEqual([1, 2])
    // Last told at 540 s; three and a half intervals later at the earliest, a round or two and a poll of the other at the latest.
    expect(log[0]!.atS).toBeGreaterThanOrEqual(750)
    expect(log[0]!.atS).toBeLessThanOrEqual(540 + 210 + 2 * (readingsRoundMs / 1000) + 60)
    run(1300, () => 60)
    expect(log.slice(1).flatMap(({ resumed = [] }) => resumed)).toEqual([1, 2])
  })

  it('have not stopped where the clock of their source is set back, or was ahead and is right again', () => {
    for (const [firstMs, thenMs] of [
      [0, -600_000],
      [600_000, 0]
    ] as const) {
      const { run, clock, log } = watched([
        { series: 1, of: [0, 1, 1] },
        { series: 2, of: [0, 2, 1] }
      ])
      clock.aheadMs = firstMs
      run(630, series => (series === 1 ? 60 : 45))
      clock.aheadMs = thenMs
      run(1500, series => (series === 1 ? 60 : 45))
      clock.aheadMs = 0
      run(2400, series => (series === 1 ? 60 : 45))
      expect(log).toEqual([])
      // One that stops afterwards is told all the same.
      run(3000, series => (series === 1 ? 0 : 45))
      expect(log.map(({ stopped }) => stopped)).toEqual([[1]])
    }
  })

  it('have not stopped where the whole device is silent, nor while their collector or we ourselves are', () => {
    const made = watched([
      { series: 1, of: [0, 1, 1] },
      { series: 2, of: [0, 2, 1] }
    ])
    made.run(600, () => 60)
    made.run(3000, () => 0)
    expect(made.log).toEqual([])
    made.expected.fromMs = Infinity
    made.run(6000, series => (series === 2 ? 60 : 0))
    expect(made.log).toEqual([])
    made.expected.fromMs = 6_000_000
    made.run(6200, series => (series === 2 ? 60 : 0))
    expect(made.log).toEqual([])
    made.run(6400, series => (series === 2 ? 60 : 0))
    expect(made.log.map(({ stopped }) => stopped)).toEqual([[1]])
  })

  it('are waited for as long as they usually take', () => {
    const { run, log } = watched([
      { series: 1, of: [0, 1, 1] },
      { series: 2, of: [0, 2, 1] }
    ])
    const slow = (series: number): number => (series === 1 ? 600 : 60)
    run(6000, slow)
    expect(log).toEqual([])
    run(5400 + 2100, series => (series === 1 ? 0 : 60))
    expect(log).toEqual([])
    run(5400 + 2100 + 200, series => (series === 1 ? 0 : 60))
    expect(log.map(({ stopped }) => stopped)).toEqual([[1]])
  })

  it('are never expected of a source that tells changes, and later of one that may', () => {
    const { run, log } = watched([
      { series: 1, of: [0, 1, 1], reports: 'changes' },
      { series: 2, of: [0, 2, 1], reports: 'either' },
      { series: 3, of: [0, 3, 1] }
    ])
    run(400, () => 60)
    run(4000, series => (series === 3 ? 60 : 0))
    expect(log).toEqual([])
    run(4800, () => 60)
    run(6000, series => (series === 3 ? 60 : 0))
    expect(log.map(({ stopped }) => stopped)).toEqual([[2]])
  })

  it('of changes at odd times make no rhythm', () => {
    const { run, log, state } = watched([
      { series: 1, of: [0, 1, 1] },
      { series: 2, of: [0, 2, 1] }
    ])
    let from = 0
    for (const gapS of [30, 400, 45, 1500, 20, 3600, 100, 7200]) {
      state.lastTimeMs[1] = from * 1000 + 1
      from += gapS
      run(from, series => (series === 2 ? 60 : 0))
    }
    expect(log).toEqual([])
  })

  it('that stopped twice and came again have long pauses', () => {
    const { run, log } = watched([
      { series: 1, of: [0, 1, 1] },
      { series: 2, of: [0, 2, 1] }
    ])
    let from = 0
    for (let k = 0; k < 4; k++) {
      run((from += 600), () => 60)
      run((from += 1200), series => (series === 2 ? 60 : 0))
    }
    expect(log.filter(({ stopped }) => stopped !== undefined)).toHaveLength(2)
  })

  it('of one source have not stopped where another goes on', () => {
    const { run, log, watch } = watched([
      { series: 1, of: [0, 1, 1], source: 1 },
      { series: 2, of: [0, 1, 1], source: 2 }
    ])
    run(600, () => 60)
    run(1200, series => (series === 2 ? 60 : 0))
    expect(log.map(({ stopped }) => stopped)).toEqual([[1]])
    expect(watch.othersOf(1)).toEqual([2])
    expect(watch.othersOf(2)).toEqual([])
  })

  it('leave what the port still tells alone', () => {
    const { run, log } = watched([
      { series: 1, of: [0, 1, 1] },
      { series: 2, of: [0, 1, 2] },
      { series: 3, of: [0, 1, 3] }
    ])
    // Series 3 was told once, long ago.
    run(1, () => 1)
    run(600, series => (series === 3 ? 0 : 60))
    run(1200, series => (series === 1 ? 60 : 0))
    expect(log.map(({ stopped }) => stopped)).toEqual([[2]])
    expect(log).toHaveLength(1)
  })

  it('tell once that the ports of a device are polled, and again after a reload', () => {
    const { run, log, watch } = watched([{ series: 1, of: [3, 1, 1], isOfPort: true }])
    run(1200, () => 60)
    expect(log.flatMap(({ established = [] }) => established)).toEqual([3])
    expect(watch.isMet(3, 1, 1)).toBe(true)
    expect(watch.isMet(3, 2, 1)).toBe(false)
    watch.reload(8)
    watch.expect(1, 'polls', true)
    run(1400, () => 60)
    expect(log.flatMap(({ established = [] }) => established)).toEqual([3, 3])
  })

  it('that the source says are gone are gone at once, and told once', () => {
    const { run, watch, log } = watched([{ series: 1, of: [0, 1, 1] }])
    run(120, () => 60)
    expect(watch.isGone(1)).toBe(true)
    expect(watch.isGone(1)).toBe(false)
    expect(watch.isGone(9)).toBe(false)
    run(200, () => 60)
    expect(log.flatMap(({ resumed = [] }) => resumed)).toEqual([1])
  })

  it('are found among a million in milliseconds', () => {
    const count = 1 << 20
    const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(count)), count)
    const watch = createReadingWatch({
      registry: {
        knownOf: series => series >> 3,
        deviceOf: series => series >> 3,
        instanceNumber: series => series & 7,
        signal: () => 0,
        eachOfDevice: () => undefined,
        isSamePlace: (a, b) => a === b
      },
      state,
      silence: { lastSeenMs: () => 0, heardMs: () => 0, intervalMs: () => minute, expectedFromMs: () => 0 },
      factor: 3,
      deviceCount: count >> 3
    })
    for (let series = 0; series < count; series++) watch.expect(series, 'polls', false)
    const timesMs: number[] = []
    for (let second = 1; second <= 60; second++) {
      const fromMs = performance.now()
      watch.sweep(second * 1000)
      timesMs.push(performance.now() - fromMs)
    }
    // Once a second; about 1 ms where the machine is quiet.
    expect(timesMs.sort((a, b) => a - b)[30]).toBeLessThan(15)
  })
})
