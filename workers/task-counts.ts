import type { RejectReason } from '../schemas/evaluation.ts'
import type { KnownMeasurement } from './learning/series-sets.ts'

/** What one task counts; `scanned` records took the scanner, `decoded` ones the reference decoder. */
export interface TaskCounts {
  records: number
  bytes: number
  samples: number
  scanned: number
  decoded: number
  tombstones: number
  unmapped: number
  clamped: number
  partial: number
  seriesOverflow: number
  namesOverflow: number
}

export const zeroCounts = (): TaskCounts => ({
  records: 0,
  bytes: 0,
  samples: 0,
  scanned: 0,
  decoded: 0,
  tombstones: 0,
  unmapped: 0,
  clamped: 0,
  partial: 0,
  seriesOverflow: 0,
  namesOverflow: 0
})

/** Prefixes of the keys of EvaluationResult.counts that have a label: `format.telegraf`, `noReading.if-mib.ifOperStatus`. */
export const formatPrefix = 'format.'
export const rejectPrefix = 'reject.'
export const noReadingPrefix = 'noReading.'

/** Counts by name, as a result has them. */
export function namedCounts(
  counts: TaskCounts,
  formats: Map<string, number>,
  rejected: ReadonlyMap<RejectReason, number>,
  measurements: readonly KnownMeasurement[]
): Record<string, number> {
  const named: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts) as [string, number][]) if (count > 0) named[name] = count
  for (const { info, scanned } of measurements) {
    if (scanned === 0 || info.format === undefined) continue
    formats.set(info.format, (formats.get(info.format) ?? 0) + scanned)
  }
  for (const [format, count] of formats) named[formatPrefix + format] = count
  for (const [reason, count] of rejected) named[rejectPrefix + reason] = count
  for (const { info, noReadings } of measurements) {
    noReadings.forEach((count, slot) => {
      if (count === 0) return
      const name = `${noReadingPrefix}${info.profile}.${info.slots[slot]!.field}`
      named[name] = (named[name] ?? 0) + count
    })
  }
  return named
}
