import type { TopicPartition } from '../../schemas/batch.ts'

/** A stretch of a partition: how many rows, and their event times. */
export interface LogBucket {
  /** Number of the partition. */
  readonly source: number
  readonly fromOffset: number
  readonly toOffset: number
  readonly rows: number
  readonly firstMs: number
  readonly middleMs: number
  readonly lastMs: number
}

/** A stretch of all partitions, of about the same time. */
export interface LogSlice {
  readonly rows: number
  readonly firstMs: number
  readonly lastMs: number
  /** By partition that has rows in it. */
  readonly spans: readonly {
    readonly source: number
    readonly fromOffset: number
    readonly toOffset: number
  }[]
  /** By partition: what comes behind this slice. */
  readonly next: readonly NextStretch[]
}

/** The stretch of a partition that follows; Infinity where none does. */
export interface NextStretch {
  /** None of its rows arrived before that (ms). */
  readonly notBeforeMs: number
  /** The middle of its event times. */
  readonly middleMs: number
}

const nothingMore: NextStretch = { notBeforeMs: Infinity, middleMs: Infinity }

/**
 * Cuts a log into slices of about `rowsMax` rows. When a stretch arrived is told by the middle of its event times: one record that is late
 * or whose clock is ahead must not tear partitions apart that were written side by side.
 */
export function planSlices(buckets: readonly LogBucket[], sources: number, rowsMax: number): LogSlice[] {
  /** By when each bucket had arrived, which never goes back along a partition. */
  const reached = new Array<number>(sources).fill(-Infinity)
  const arriving = [...buckets]
    .sort((a, b) => a.source - b.source || a.fromOffset - b.fromOffset)
    .map(bucket => {
      const beforeMs = reached[bucket.source]!
      const atMs = Math.max(beforeMs, bucket.middleMs)
      reached[bucket.source] = atMs
      return { bucket, atMs, notBeforeMs: Math.max(beforeMs, bucket.firstMs), middleMs: bucket.middleMs }
    })
    .sort(
      (a, b) =>
        a.atMs - b.atMs || a.bucket.source - b.bucket.source || a.bucket.fromOffset - b.bucket.fromOffset
    )

  // From the last to the first: what follows each slice, by partition.
  const groups: (typeof arriving)[] = []
  let rows = 0
  for (const each of arriving) {
    if (groups.length === 0 || rows + each.bucket.rows > rowsMax) {
      groups.push([])
      rows = 0
    }
    groups.at(-1)!.push(each)
    rows += each.bucket.rows
  }
  const next = new Array<NextStretch>(sources).fill(nothingMore)
  const slices: LogSlice[] = []
  for (const group of groups.reverse()) {
    const spans = new Map<number, { source: number; fromOffset: number; toOffset: number }>()
    let firstMs = Infinity
    let lastMs = -Infinity
    let sum = 0
    for (const { bucket } of group) {
      const { source, fromOffset, toOffset } = bucket
      const span = spans.get(source)
      if (span === undefined) spans.set(source, { source, fromOffset, toOffset })
      else span.toOffset = toOffset
      firstMs = Math.min(firstMs, bucket.firstMs)
      lastMs = Math.max(lastMs, bucket.lastMs)
      sum += bucket.rows
    }
    slices.push({ rows: sum, firstMs, lastMs, spans: [...spans.values()], next: [...next] })
    for (const { bucket, notBeforeMs, middleMs } of group.reverse())
      next[bucket.source] = { notBeforeMs, middleMs }
  }
  return slices.reverse()
}

/** What selects the rows of a slice, and the expression for the number of a row's partition. */
export function sliceConditions(
  partitions: readonly TopicPartition[],
  topics: readonly string[],
  slice: LogSlice
): { readonly condition: string; readonly number: string } {
  const is = (source: number): string => {
    const { topic, partition } = partitions[source]!
    return `topic = {topics:Array(String)}[${topics.indexOf(topic) + 1}] AND partition = ${partition}`
  }
  const spans = slice.spans.map(
    ({ source, fromOffset, toOffset }) =>
      `(${is(source)} AND offset >= ${fromOffset} AND offset < ${toOffset})`
  )
  // multiIf takes one condition at least.
  const numbers = slice.spans.flatMap(({ source }) => [is(source), `toUInt32(${source})`])
  return {
    condition: `(${spans.join(' OR ')})`,
    number: `multiIf(${numbers.join(', ')}, toUInt32(0))`
  }
}
