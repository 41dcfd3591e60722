import type { TopicPartition } from './batch.ts'
import type { Slab } from './slab.ts'

/** What a worker is given and returns: the seam between ingest/ (dispatcher, writer) and workers/. */

/** One partition's part of a task: whole batches, in offset order. */
export interface TaskRange extends TopicPartition {
  readonly firstOffset: number
  readonly lastOffset: number
  /** Highest record timestamp (ms) by the batch headers; left out or 0 where it is not known. */
  readonly maxTimestampMs?: number
  /** RecordBatch v2 bytes, back to back. They must not change until the task is done. */
  readonly bytes: Uint8Array
}

export interface EvaluationTask {
  readonly ranges: readonly TaskRange[]
  /** The wall clock when the task was cut (ms): clamps event times from the future. */
  readonly nowMs: number
}

/**
 * Samples of one task as plain columns, little-endian, ready to be joined into one ClickHouse Native block. What the samples of
 * one record and one port (or sensor, or device) have in common is there once, for the group of them: of six samples that is a
 * third of the bytes. A row is a sample; the rows of a group stand together, and groups in the order of their rows.
 */
export interface ColumnBlock {
  readonly rows: number
  readonly groups: number
  /** UInt64, 8 bytes a group: the id of its series without the 16 bits that tell their signals apart (workers/learning/series-id.ts). */
  readonly entity: Uint8Array
  /** Int64 event time in ms, 8 bytes a group. */
  readonly timeMs: Uint8Array
  /** UInt64 Kafka offsets, 8 bytes a group. */
  readonly offset: Uint8Array
  /** UInt32, 4 bytes a group: how many rows there are up to the end of it. */
  readonly end: Uint8Array
  /** UInt16, 2 bytes a row: the other 16 bits of the id. */
  readonly signal: Uint8Array
  /** Float64 values, 8 bytes a row. */
  readonly value: Uint8Array
  /** Where the columns lie in memory that is used again: whoever takes the block releases it when the rows are stored. */
  readonly slab?: Slab | undefined
}

/** What became of one range of the task. rowStart..rowEnd are its rows in the task's block. */
export interface RangeOutcome extends TopicPartition {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly records: number
  readonly rowStart: number
  readonly rowEnd: number
}

export const rejectReasons = [
  'empty', // no value or no metric, and no tombstone is expected here
  'not_json', // not JSON at all, invalid UTF-8, NUL bytes
  'bad_line', // a line of InfluxDB's line protocol that cannot be read
  'too_deep', // nesting beyond the limit
  'too_large', // value beyond the limit
  'wrong_shape', // JSON, but none of the known formats
  'no_device', // nothing in it says which device it is of
  'bad_time', // no timestamp, or an absurd one
  'no_reading', // it is known what it tells of, but nothing in it can be read, so nothing is stored
  'corrupt_batch', // a batch whose CRC, length or compression is wrong
  'poison' // a record that killed two workers
] as const
export type RejectReason = (typeof rejectReasons)[number]

export interface Reject extends TopicPartition {
  readonly offset: number
  readonly reason: RejectReason
  /** One sentence: what was wrong and where. */
  readonly detail: string
  readonly key: Uint8Array | null
  /** The record's value, cut at the dead-letter limit; null for a tombstone. */
  readonly value: Uint8Array | null
  /** Length of the value before the cut. */
  readonly valueBytes: number
  /** Kafka's own time of the record (ms), where it is known. */
  readonly timestampMs?: number
}

/**
 * A sample the main thread must see: it flipped a condition, or its series is not assigned yet.
 * `condition` is -1 for a sample of an unassigned series: the main thread assigns the series and evaluates it.
 */
export interface Candidate extends TopicPartition {
  readonly offset: number
  readonly timeMs: number
  /** Index of the series in the shared series state. */
  readonly series: number
  readonly value: number
  /** Index of the condition in the compiled rules, or -1. */
  readonly condition: number
  readonly on: boolean
}

/** Candidates as they travel, in the order of their rows; eachCandidate (findings.ts) reads them. */
export interface Candidates {
  readonly count: number
  /** Three a candidate: its row in the block, its series, twice its condition plus one when it is on. */
  readonly words: Int32Array
}

/**
 * How the main thread gets to know the series of a device and instance (of one measurement) that a worker met first.
 * Repeated, with those that a task has readings of, until they are assigned.
 */
export interface NewEntity {
  /** Every identifier of the device the record carries, the profile's preferred one first. */
  readonly identifiers: readonly string[]
  /** The collector that polled it ('' when unknown). */
  readonly collector: string
  readonly instance: string
  /** Names of the port that the instance numbers, as the record has them; left out for none. */
  readonly names?: readonly string[]
  readonly profile: string
  /** Index of the device in the shared device state (last seen times). */
  readonly device: number
  /** Indices in the shared series state, in the order they were met. */
  readonly series: readonly number[]
  /** Signal of each. */
  readonly signals: readonly number[]
}

/** New entities as they travel; newEntities (findings.ts) reads them. */
export interface NewSeries {
  /** How many series, of all entities. */
  readonly count: number
  /** Every text once. */
  readonly texts: readonly string[]
  readonly words: Int32Array
}

export interface EvaluationResult {
  readonly ranges: readonly RangeOutcome[]
  readonly block: ColumnBlock
  readonly candidates: Candidates
  readonly newSeries: NewSeries
  /** Series that their source says are gone, and when (ms), by turns; left out where there are none. */
  readonly gone?: Float64Array
  /** Devices whose clock was so far ahead that Kafka's time was taken, and by how much (ms), by turns; left out where there are none. */
  readonly ahead?: Float64Array
  readonly rejects: readonly Reject[]
  /** Counters since the last task, by name; keys are bounded (formats, reasons, profile fields). */
  readonly counts: Readonly<Record<string, number>>
}
