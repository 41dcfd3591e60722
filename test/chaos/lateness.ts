import { lateMsMax, returnMs } from '../../daemon/delivery/watermark.ts'
import type { Arrival, Arrivals } from './arrivals.ts'

/** A time in which no broker was there, by the clock (ms). */
export interface Outage {
  readonly fromMs: number
  readonly untilMs: number
}

/** What came later than the daemon waits for. */
export interface Lateness {
  /** Records of which it is known when they came. */
  readonly known: number
  /** Records that are proved to have come later than that. */
  readonly records: number
  /** By how much the latest of them came after its event, at least (ms). */
  readonly mostMs: number
  /**
   * Holds that end up to this moment (event time, ms) may have ended without the record: it was not there yet when all that had come in time
   * was known. -Infinity for a record that came in time, or of which that is not proved.
   */
  readonly endedTo: (record: Placed) => number
}

interface Placed {
  readonly partition: number
  readonly offset: number
  /** Of its event. */
  readonly timestampMs: number
}

/**
 * Tells the records that Kafka took later than the daemon waits for (adr/0007) from those it must not miss. What an outage of
 * the broker held up must not be missed, for then the daemon waits longer; and what is not known for sure counts as in time.
 */
export function findLate(log: readonly Placed[], arrivals: Arrivals, outages: readonly Outage[]): Lateness {
  let known = 0
  let records = 0
  let mostMs = 0
  const endedTo = (record: Placed): number => {
    const arrival = arrivals(record.partition, record.offset)
    if (arrival === undefined) return -Infinity
    const endMs = arrival.notBeforeMs - lateMsMax
    return endMs > record.timestampMs && !outages.some(outage => isAwaited(record, arrival, outage))
      ? endMs
      : -Infinity
  }
  for (const record of log) {
    const arrival = arrivals(record.partition, record.offset)
    if (arrival === undefined) continue
    known++
    if (endedTo(record) === -Infinity) continue
    records++
    mostMs = Math.max(mostMs, arrival.notBeforeMs - record.timestampMs)
  }
  return { known, records, mostMs, endedTo }
}

/** Its broker was away between event and arrival, or had been back for less than the time producers are waited for. */
const isAwaited = ({ timestampMs }: Placed, { notBeforeMs }: Arrival, { fromMs, untilMs }: Outage): boolean =>
  notBeforeMs > fromMs && (timestampMs <= untilMs || notBeforeMs <= untilMs + returnMs)
