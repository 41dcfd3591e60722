import { loggedRowBytes, type LoggedRows } from '../../ingest/clickhouse/sample-log.ts'
import type { LoggedSeries } from './series.ts'

/**
 * When stored samples arrived. Nobody has stored it; but a partition is written in the order of arrival, and most records arrive as soon as
 * they are made: so it had come so far as the newest event time up to there. A record whose clock is ahead is not believed: other devices'
 * records that follow it must bear it out.
 */

/** Rows of one partition in the order they came. */
export interface Arrivals extends Rows {
  /** When each arrived (ms); it never goes back. */
  readonly arrivedMs: Float64Array
}

interface Rows {
  readonly length: number
  /** Index of the series. */
  readonly series: Int32Array
  /** Event times (ms). */
  readonly timeMs: Float64Array
  readonly value: Float64Array
  readonly offset: Float64Array
}

export interface ArrivalCounts {
  /** Samples of series that are not described. */
  unknown: number
  /** Records whose clock was ahead of what followed them. */
  ahead: number
}

export interface PartitionArrivals {
  /** Takes the rows [from, to) of a slice, which are of this partition. `nextMs`: the middle of the times that follow it, Infinity for none. */
  take(rows: LoggedRows, from: number, to: number, nextMs: number): Arrivals
}

/** A step of the clock that needs no witness (ms): clocks are apart by so much where nothing is wrong with them. */
const apartMs = 1000
/** So many devices are asked, among so many records that follow. */
const witnessesMax = 8
const followersMax = 256

/** `fromMs`: nothing that is asked for was sent before that. */
export function createPartitionArrivals(
  series: LoggedSeries,
  counts: ArrivalCounts,
  fromMs: number
): PartitionArrivals {
  let reachedMs = fromMs
  return {
    take(logged, from, to, nextMs) {
      const rows = rowsOf(logged, from, to, series, counts)
      const records = recordsOf(rows)
      sortWithin(rows, records)
      const arrivedMs = new Float64Array(rows.length)
      for (let record = 0; record < records.count; record++) {
        const newestMs = newestOf(rows, records, record)
        if (newestMs > reachedMs) {
          if (newestMs - reachedMs <= apartMs || isBorneOut(rows, records, record, nextMs, series))
            reachedMs = newestMs
          else counts.ahead++
        }
        arrivedMs.fill(reachedMs, records.start[record], records.start[record + 1])
      }
      return { ...rows, arrivedMs }
    }
  }
}

function rowsOf(
  logged: LoggedRows,
  from: number,
  to: number,
  series: LoggedSeries,
  counts: ArrivalCounts
): Rows {
  const length = to - from
  const rows = {
    series: new Int32Array(length),
    timeMs: new Float64Array(length),
    value: new Float64Array(length),
    offset: new Float64Array(length)
  }
  const words = new Uint32Array(logged)
  const doubles = new Float64Array(logged)
  let end = 0
  for (let row = from; row < to; row++) {
    const at = row * (loggedRowBytes / 8)
    const index = series.find(words[at * 2]!, words[at * 2 + 1]!)
    if (index < 0) {
      counts.unknown++
      continue
    }
    rows.series[end] = index
    rows.timeMs[end] = doubles[at + 1]!
    rows.value[end] = doubles[at + 2]!
    rows.offset[end] = doubles[at + 3]!
    end++
  }
  return { length: end, ...rows }
}

/** Rows of one offset are a record: where each begins, and behind the last where it ends. */
interface Records {
  readonly count: number
  readonly start: Int32Array
}

function recordsOf({ offset, length }: Rows): Records {
  const start = new Int32Array(length + 1)
  let count = 0
  for (let row = 0; row < length; row++)
    if (row === 0 || offset[row] !== offset[row - 1]) start[count++] = row
  start[count] = length
  return { count, start }
}

/** Within a record order is not stored: by time, and of one port in the order of the signals. */
function sortWithin({ series, timeMs, value }: Rows, { count, start }: Records): void {
  for (let record = 0; record < count; record++) {
    const from = start[record]!
    const to = start[record + 1]!
    for (let row = from + 1; row < to; row++) {
      const [movedSeries, movedMs, movedValue] = [series[row]!, timeMs[row]!, value[row]!]
      let at = row
      for (; at > from; at--) {
        const isBehind =
          timeMs[at - 1]! > movedMs || (timeMs[at - 1] === movedMs && series[at - 1]! > movedSeries)
        if (!isBehind) break
        series[at] = series[at - 1]!
        timeMs[at] = timeMs[at - 1]!
        value[at] = value[at - 1]!
      }
      series[at] = movedSeries
      timeMs[at] = movedMs
      value[at] = movedValue
    }
  }
}

/** Its rows stand in the order of their times. */
const newestOf = ({ timeMs }: Rows, { start }: Records, record: number): number =>
  timeMs[start[record + 1]! - 1]!

/** Whether those who follow a record are as late as it says; what follows the rows speaks for the witnesses that are wanting. */
function isBorneOut(
  rows: Rows,
  records: Records,
  record: number,
  nextMs: number,
  series: LoggedSeries
): boolean {
  const claimedMs = newestOf(rows, records, record) - apartMs
  const asked = [series.deviceOf(rows.series[records.start[record]!]!)]
  let balance = 0
  const last = Math.min(records.count, record + 1 + followersMax)
  for (let other = record + 1; other < last && asked.length <= witnessesMax; other++) {
    const device = series.deviceOf(rows.series[records.start[other]!]!)
    if (asked.includes(device)) continue
    asked.push(device)
    balance += newestOf(rows, records, other) >= claimedMs ? 1 : -1
  }
  const wanting = last === records.count ? witnessesMax + 1 - asked.length : 0
  return balance + (nextMs >= claimedMs ? wanting : -wanting) >= 0
}
