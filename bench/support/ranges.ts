import type { TaskRange } from '../../schemas/evaluation.ts'
import {
  encodeRecordBatch,
  type EncodableRecord,
  type EncodeOptions
} from '../../schemas/records/record-batch.ts'
import type { BenchRecord } from './mix.ts'

const partitions = 12

/** A device's records come by one partition, as the producers' partitioner has it. */
function partitionOf(key: string): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0
  return hash % partitions
}

export interface RangeOptions {
  readonly recordsPerRange: number
  readonly recordsPerBatch: number
  readonly encoding?: EncodeOptions
}

/** Records as the ranges of tasks that a source would have brought, for benches without Kafka. */
export function rangesOf(
  records: Iterable<BenchRecord>,
  { recordsPerRange, recordsPerBatch, encoding = {} }: RangeOptions
): TaskRange[] {
  const ranges: TaskRange[] = []
  const waiting = Array.from({ length: partitions }, (): EncodableRecord[] => [])
  const offsets = new Float64Array(partitions)
  const flush = (partition: number): void => {
    const list = waiting[partition]!
    if (list.length === 0) return
    const batches: Uint8Array[] = []
    for (let at = 0; at < list.length; at += recordsPerBatch)
      batches.push(encodeRecordBatch(list.slice(at, at + recordsPerBatch), encoding))
    ranges.push({
      topic: 't',
      partition,
      firstOffset: list[0]!.offset,
      lastOffset: list.at(-1)!.offset,
      bytes: Buffer.concat(batches)
    })
    waiting[partition] = []
  }
  for (const { key, value, timestampMs } of records) {
    const partition = partitionOf(key)
    const list = waiting[partition]!
    const offset = offsets[partition]!++
    list.push({ offset, timestampMs, key: Buffer.from(key), value: Buffer.from(value) })
    if (list.length === recordsPerRange) flush(partition)
  }
  for (let partition = 0; partition < partitions; partition++) flush(partition)
  return ranges
}
