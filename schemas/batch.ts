import type { Slab } from './slab.ts'

/**
 * Raw record batches: what a source hands over and workers decode.
 * `bytes` is one or more whole RecordBatch v2 structures, back to back, as the broker sent them (still
 * compressed), see https://kafka.apache.org/documentation/#recordbatch. Batch boundaries are known, records are not.
 */
export interface RawBatch {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: number
  /** Offset of the last record the bytes cover, inclusive; gaps (compaction, filtered transactions) count as covered. */
  readonly lastOffset: number
  /** Records the batch headers claim; 0 where only control or filtered batches were read over. */
  readonly count: number
  /** Highest record timestamp (ms) by the batch headers, or 0. */
  readonly maxTimestampMs: number
  /** Owned by the receiver from the call on. */
  readonly bytes: Uint8Array
  /** Where the bytes lie in memory that is used again: the receiver releases it when it needs them no longer. */
  readonly slab?: Slab | undefined
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export const partitionKey = (topic: string, partition: number): string => `${topic}:${partition}`
