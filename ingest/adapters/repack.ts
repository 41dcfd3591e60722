import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import { encodeRecordBatch, type EncodableRecord } from '../../schemas/records/record-batch.ts'

/**
 * For adapters whose client hands out records: packs them back into record batches, so that the workers know one
 * form. Offsets stay as they are, with their gaps: a batch covers everything from the end of the one before it.
 */
export interface Repacker {
  /** Forgets all partitions and begins with these; `next` is the first offset wanted, or null where it is not known yet. */
  begin(partitions: readonly (TopicPartition & { readonly next: number | null })[]): void
  end(partitions: readonly TopicPartition[]): void
  has(topic: string, partition: number): boolean
  /**
   * Packs records of one partition, in ascending order of offset; null where there are none, or none that is wanted.
   * Records before the next offset mean that the client started over, as after a topic was made anew: they are packed.
   */
  pack(topic: string, partition: number, records: readonly EncodableRecord[]): RawBatch | null
  /** Covers offsets up to `lastOffset` that hold no record to be had; null where all were covered before. */
  cover(topic: string, partition: number, lastOffset: number): RawBatch | null
  next(topic: string, partition: number): number | null
}

/** Offsets in a batch are 31-bit distances from its first. */
const spanMax = 0x7fff_ffff
const noBytes = new Uint8Array(0)

export function createRepacker(): Repacker {
  const nexts = new Map<string, number | null>()
  return {
    begin(partitions) {
      nexts.clear()
      for (const { topic, partition, next } of partitions) nexts.set(partitionKey(topic, partition), next)
    },
    end(partitions) {
      for (const { topic, partition } of partitions) nexts.delete(partitionKey(topic, partition))
    },
    has: (topic, partition) => nexts.has(partitionKey(topic, partition)),
    next: (topic, partition) => nexts.get(partitionKey(topic, partition)) ?? null,
    pack(topic, partition, records) {
      const key = partitionKey(topic, partition)
      const next = nexts.get(key)
      if (next === undefined) return null
      const first = records[0]
      const last = records.at(-1)
      if (first === undefined || last === undefined) return null
      let maxTimestampMs = 0
      for (const record of records) maxTimestampMs = Math.max(maxTimestampMs, record.timestampMs)
      nexts.set(key, last.offset + 1)
      return {
        topic,
        partition,
        firstOffset: next === null ? first.offset : Math.min(next, first.offset),
        lastOffset: last.offset,
        count: records.length,
        maxTimestampMs,
        bytes: encodeRuns(records)
      }
    },
    cover(topic, partition, lastOffset) {
      const key = partitionKey(topic, partition)
      const next = nexts.get(key)
      if (next === undefined || (next !== null && lastOffset < next)) return null
      nexts.set(key, lastOffset + 1)
      return {
        topic,
        partition,
        firstOffset: next ?? lastOffset,
        lastOffset,
        count: 0,
        maxTimestampMs: 0,
        bytes: noBytes
      }
    }
  }
}

function encodeRuns(records: readonly EncodableRecord[]): Uint8Array {
  const runs: EncodableRecord[][] = []
  let run: EncodableRecord[] = []
  for (const record of records) {
    const base = run[0]
    if (base !== undefined && record.offset - base.offset > spanMax) {
      runs.push(run)
      run = []
    }
    run.push(record)
  }
  runs.push(run)
  if (runs.length === 1) return encodeRecordBatch(run)
  const encoded = runs.map(part => encodeRecordBatch(part))
  const joined = new Uint8Array(encoded.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of encoded) {
    joined.set(part, at)
    at += part.byteLength
  }
  return joined
}
