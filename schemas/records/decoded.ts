import type { RejectReason } from '../evaluation.ts'

/**
 * What the reference decoder makes of one record, before series are resolved. One record gives one group per
 * (measurement, device, instance): one for a Telegraf metric, several for a gnmic event array.
 */
export interface DecodedGroup {
  /** Index into ProfileSet.measurements. */
  readonly measurement: number
  /** Every identifier of the device the record carries, the profile's preferred one first; never empty. */
  readonly identifiers: readonly string[]
  /** The collector that polled it ('' when unknown). */
  readonly collector: string
  /** Port, line or sensor index; '' for the device itself. */
  readonly instance: string
  /** Names of the port that the instance numbers, as the record has them; mostly none. */
  readonly names: readonly string[]
  /** Event time; of a clock that is too far ahead, the time at which Kafka took the record. */
  readonly timeMs: number
  /** Slots that have a reading, ascending; slot i is measurement.slots[i]. */
  readonly slots: readonly number[]
  /** Canonical values, parallel to `slots`. */
  readonly values: readonly number[]
  /** Slots that were there but gave no reading (sentinel, worded string, value outside its enumeration). */
  readonly noReadings: readonly number[]
  /** Whether the event time was too far ahead, and is Kafka's. */
  readonly clamped: boolean
  /** By how much that clock is ahead (ms), where it is. */
  readonly aheadMs?: number | undefined
  /** Slots that the source says are gone; the group has no reading then. */
  readonly gone?: readonly number[]
}

export type Decoded =
  | {
      readonly ok: true
      readonly groups: readonly DecodedGroup[]
      /** What the record was written in, where that is not the format of its profiles. */
      readonly format?: string
      /** Metrics no profile knows. */
      readonly unmapped: number
      /** Set when some metrics of the record were bad: the first one's reason, and how many. The others stand. */
      readonly partial?: { readonly reason: RejectReason; readonly detail: string; readonly metrics: number }
    }
  | { readonly ok: false; readonly reason: RejectReason; readonly detail: string }

/** One field of a measurement: its signal and its place in the group. */
export interface MeasurementSlot {
  /** The source's own field name. */
  readonly field: string
  /** Index into signals. */
  readonly signal: number
}

export interface MeasurementInfo {
  readonly profile: string
  readonly name: string
  readonly slots: readonly MeasurementSlot[]
}

/** What the evaluation needs of the reference decoder (decode.ts). */
export interface RecordDecoder {
  decode(value: Uint8Array, recordTimestampMs: number, nowMs: number): Decoded
}

/** A measurement as the profiles have it; the format is counted where it is known. */
export type EvaluatedMeasurement = MeasurementInfo & { readonly format?: string }
