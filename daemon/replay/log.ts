import { planSlices, type NextStretch } from '../../ingest/clickhouse/log-slices.ts'
import type { LogPartition, LogWindow, LoggedRows, SampleLog } from '../../ingest/clickhouse/sample-log.ts'
import { loggedRowBytes } from '../../ingest/clickhouse/sample-log.ts'
import {
  createPartitionArrivals,
  type ArrivalCounts,
  type Arrivals,
  type PartitionArrivals
} from './arrival.ts'
import type { LoggedSeries } from './series.ts'

/** Rows [from, to) of one partition that arrived at about one moment. */
export interface ArrivedRun {
  readonly partition: LogPartition
  readonly arrivals: Arrivals
  readonly from: number
  readonly to: number
}

export interface Moment {
  /** A whole step of the clock; what arrived since the step before is taken then (ms). */
  readonly atMs: number
  readonly runs: readonly ArrivedRun[]
}

export interface ReplayLogOptions {
  readonly log: SampleLog
  readonly window: LogWindow
  readonly partitions: readonly LogPartition[]
  readonly series: LoggedSeries
  readonly counts: ArrivalCounts
  readonly stepMs: number
  /** Rows read at once. */
  readonly rowsMax: number
}

/** Stretches that a slice is made of, of all partitions. */
const bucketsMax = 50_000
const bucketOffsetsMin = 64

interface Source {
  readonly partition: LogPartition
  readonly arriving: PartitionArrivals
  readonly queue: { readonly arrivals: Arrivals; at: number }[]
  /** Nothing that is not read yet arrived before that (ms). */
  notBeforeMs: number
  /** When the last row that was read arrived (ms). */
  reachedMs: number
}

/** The log of all partitions by the time of arrival. The next slice is read while one is judged; about three are in memory at most. */
export async function* readMoments(options: ReplayLogOptions): AsyncGenerator<Moment> {
  const { log, window, partitions, series, counts, stepMs } = options
  const offsets = partitions.reduce(
    (sum, { firstOffset, lastOffset }) => sum + lastOffset - firstOffset + 1,
    0
  )
  const bucketOffsets = Math.max(bucketOffsetsMin, Math.ceil(offsets / bucketsMax))
  const buckets = await log.buckets(window, partitions, bucketOffsets)
  const slices = planSlices(buckets, partitions.length, options.rowsMax)
  const sources = partitions.map((partition): Source => ({
    partition,
    arriving: createPartitionArrivals(series, counts, window.fromMs),
    queue: [],
    notBeforeMs: -Infinity,
    reachedMs: -Infinity
  }))
  const fetchSlice = (number: number): Promise<LoggedRows> | undefined => {
    const slice = slices[number]
    if (slice === undefined) return undefined
    const rows = log.rows(window, partitions, slice)
    // It is awaited in its turn.
    rows.catch(() => undefined)
    return rows
  }
  let upcoming = fetchSlice(0)
  let lastMs = -Infinity
  for (const [number, slice] of slices.entries()) {
    const rows = await upcoming!
    upcoming = fetchSlice(number + 1)
    enqueue(sources, rows, slice.next)
    for (;;) {
      const firstMs = sources.reduce((least, source) => Math.min(least, headMs(source)), Infinity)
      if (firstMs === Infinity) break
      const atMs = Math.max(lastMs, Math.ceil(firstMs / stepMs) * stepMs)
      // What arrives in this step may not be read yet.
      if (sources.some(({ notBeforeMs }) => notBeforeMs <= atMs)) break
      const runs = sources.flatMap(source => takeUpTo(source, atMs))
      lastMs = atMs
      yield { atMs, runs }
    }
  }
}

function enqueue(sources: readonly Source[], rows: LoggedRows, next: readonly NextStretch[]): void {
  const words = new Uint32Array(rows)
  const count = rows.byteLength / loggedRowBytes
  const sourceOf = (row: number): number => words[(row * loggedRowBytes) / 4 + 8]!
  for (let from = 0; from < count;) {
    const number = sourceOf(from)
    let to = from + 1
    while (to < count && sourceOf(to) === number) to++
    const source = sources[number]!
    const arrivals = source.arriving.take(rows, from, to, next[number]!.middleMs)
    const lastMs = arrivals.arrivedMs[arrivals.length - 1]
    if (lastMs !== undefined) {
      source.queue.push({ arrivals, at: 0 })
      source.reachedMs = lastMs
    }
    from = to
  }
  for (const [number, source] of sources.entries())
    source.notBeforeMs = Math.max(source.reachedMs, next[number]!.notBeforeMs)
}

const headMs = ({ queue }: Source): number => queue[0]?.arrivals.arrivedMs[queue[0].at] ?? Infinity

function takeUpTo(source: Source, atMs: number): ArrivedRun[] {
  const runs: ArrivedRun[] = []
  for (let head = source.queue[0]; head !== undefined; head = source.queue[0]) {
    const { arrivals, at } = head
    let to = at
    while (to < arrivals.length && arrivals.arrivedMs[to]! <= atMs) to++
    if (to > at) runs.push({ partition: source.partition, arrivals, from: at, to })
    head.at = to
    if (to < arrivals.length) break
    source.queue.shift()
  }
  return runs
}
