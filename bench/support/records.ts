import type { TaskRange } from '../../schemas/evaluation.ts'
import { encodeRecordBatch } from '../../schemas/records/record-batch.ts'

/** Records for this folder's tests and benchmark, in the form collectors write them. */
const encoder = new TextEncoder()

/** A range of one topic whose batches hold these values (null is a tombstone), from `firstOffset` on. */
export function rangeOf(
  values: readonly (string | Uint8Array | null)[],
  { partition = 0, firstOffset = 0, perBatch = 1000 } = {}
): TaskRange {
  const batches: Uint8Array[] = []
  for (let from = 0; from < values.length; from += perBatch) {
    batches.push(
      encodeRecordBatch(
        values.slice(from, from + perBatch).map((value, i) => ({
          offset: firstOffset + from + i,
          timestampMs: 1_700_000_000_000,
          key: encoder.encode('k'),
          value: typeof value === 'string' ? encoder.encode(value) : value
        }))
      )
    )
  }
  return {
    topic: 'telemetry',
    partition,
    firstOffset,
    lastOffset: firstOffset + values.length - 1,
    bytes: new Uint8Array(Buffer.concat(batches))
  }
}

/** One Telegraf metric as its JSON serialiser writes it: keys sorted, a newline behind. */
export function telegraf(
  name: string,
  tags: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, unknown>>,
  timestampS: number
): string {
  const sorted = (object: Readonly<Record<string, unknown>>): unknown =>
    Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${JSON.stringify({ fields: sorted(fields), name, tags: sorted(tags), timestamp: timestampS })}\n`
}
