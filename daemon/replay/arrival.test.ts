import { describe, expect, it } from 'vitest'
import { planSlices, type LogBucket } from '../../ingest/clickhouse/log-slices.ts'
import type { LoggedRows } from '../../ingest/clickhouse/sample-log.ts'
import { createPartitionArrivals, type ArrivalCounts } from './arrival.ts'
import { createLoggedSeries } from './series.ts'

const series = createLoggedSeries(
  Array.from({ length: 12 }, (_, device) => ({
    identifiers: [`10.0.0.${device}`],
    instance: '1',
    portNames: [],
    profile: 'p',
    collector: '',
    ids: [BigInt(device * 2 + 2), BigInt(device * 2 + 1)],
    names: ['if.oper_status', 'optics.rx_dbm']
  }))
)

/** Rows of [offset, device, event time, second signal?]. */
const rowsOf = (rows: readonly (readonly [number, number, number, boolean?])[]): LoggedRows => {
  const doubles = new Float64Array(rows.length * 5)
  const words = new Uint32Array(doubles.buffer)
  rows.forEach(([offset, device, timeMs, isOptic = false], i) => {
    words[i * 10] = device * 2 + (isOptic ? 1 : 2)
    doubles[i * 5 + 1] = timeMs
    doubles[i * 5 + 2] = offset
    doubles[i * 5 + 3] = offset
  })
  return doubles.buffer
}

const arrivalsOf = (rows: readonly (readonly [number, number, number, boolean?])[], nextMs = Infinity) => {
  const counts: ArrivalCounts = { unknown: 0, ahead: 0 }
  const arrivals = createPartitionArrivals(series, counts, 0).take(rowsOf(rows), 0, rows.length, nextMs)
  return { ...arrivals, counts, arrivedMs: [...arrivals.arrivedMs] }
}

describe('when stored samples arrived', () => {
  it('is the newest time so far of the partition: a late record arrives where it stands', () => {
    const rows = [0, 1, 2, 3, 4, 5].map(i => [i, i, 60_000 + i * 100] as const)
    const late = [6, 6, 20_000] as const
    expect(arrivalsOf([...rows, late, [7, 7, 60_700]]).arrivedMs).toEqual([
      60_000, 60_100, 60_200, 60_300, 60_400, 60_500, 60_500, 60_700
    ])
  })

  it('is not told by a clock that is ahead, whose burst of records no other device bears out', () => {
    const steady = (from: number, ms: number) =>
      Array.from({ length: 10 }, (_, i) => [from + i, i, ms + i * 10] as const)
    const ahead = [10, 11, 12, 13].map(offset => [offset, 11, 360_000] as const)
    const { arrivedMs, counts } = arrivalsOf([...steady(0, 60_000), ...ahead, ...steady(14, 60_200)])
    expect(arrivedMs.slice(10, 14)).toEqual([60_090, 60_090, 60_090, 60_090])
    expect(arrivedMs.at(-1)).toBe(60_290)
    expect(counts.ahead).toBe(4)
  })

  it('asks what follows the slice where it has no witnesses of its own', () => {
    const last = [[0, 0, 1000] as const, [1, 0, 61_000] as const]
    expect(arrivalsOf(last, 62_000).arrivedMs).toEqual([1000, 61_000])
    expect(arrivalsOf(last, 2000).arrivedMs).toEqual([1000, 1000])
  })

  it('puts the rows of a record in order of time and signal, and leaves out what nobody described', () => {
    const {
      series: found,
      counts,
      length
    } = arrivalsOf([
      [0, 3, 1000, true],
      [0, 3, 1000, false],
      [0, 3, 500, true],
      [1, 40, 1000, false]
    ])
    expect(length).toBe(3)
    expect([...found.subarray(0, 3)].map(index => series.signalOf(index))).toEqual([
      series.signalOf(series.find(7, 0)),
      series.signalOf(series.find(8, 0)),
      series.signalOf(series.find(7, 0))
    ])
    expect(counts.unknown).toBe(1)
  })
})

describe('slices of a log', () => {
  const bucket = (
    source: number,
    number: number,
    middleMs: number,
    rest: Partial<LogBucket> = {}
  ): LogBucket => ({
    source,
    fromOffset: number * 64,
    toOffset: number * 64 + 64,
    rows: 100,
    firstMs: middleMs - 50,
    middleMs,
    lastMs: middleMs + 50,
    ...rest
  })

  it('take partitions side by side by time, each in its order, and know what follows', () => {
    const slices = planSlices(
      [bucket(0, 0, 100), bucket(0, 1, 300), bucket(0, 2, 500), bucket(1, 7, 200), bucket(1, 8, 600)],
      2,
      250
    )
    expect(slices.map(({ rows, spans }) => [rows, spans])).toEqual([
      [
        200,
        [
          { source: 0, fromOffset: 0, toOffset: 64 },
          { source: 1, fromOffset: 448, toOffset: 512 }
        ]
      ],
      [200, [{ source: 0, fromOffset: 64, toOffset: 192 }]],
      [100, [{ source: 1, fromOffset: 512, toOffset: 576 }]]
    ])
    expect(slices[0]!.next).toEqual([
      { notBeforeMs: 250, middleMs: 300 },
      { notBeforeMs: 550, middleMs: 600 }
    ])
    expect(slices[2]!.next.map(({ notBeforeMs }) => notBeforeMs)).toEqual([Infinity, Infinity])
  })

  it('are not torn by late records: what was reached is reached', () => {
    const slices = planSlices(
      [bucket(0, 0, 500), bucket(0, 1, 100, { firstMs: 10 }), bucket(1, 0, 400)],
      2,
      200
    )
    expect(slices.map(({ spans }) => spans.map(({ source, fromOffset }) => [source, fromOffset]))).toEqual([
      [
        [1, 0],
        [0, 0]
      ],
      [[0, 64]]
    ])
    expect(slices[0]!.next[0]).toEqual({ notBeforeMs: 500, middleMs: 100 })
  })
})
