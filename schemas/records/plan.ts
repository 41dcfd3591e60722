import type { SlotPlan, TimeUnit } from './convert.ts'
import type { MeasurementInfo, MeasurementSlot } from './decoded.ts'
import type { ProfileFormat, ProfileReports } from './profile-schema.ts'

/**
 * What profiles are compiled to. A ProfileSet is plain data (maps, arrays, regular expressions): it survives a
 * structured clone, and the same files in the same order give the same indices in every thread.
 */

/** Where a text of a record comes from: the tag, cut to the first group of the pattern where there is one. */
export interface KeyPlan {
  readonly tag: string
  readonly stripPort: boolean
  /** Tag with the number of a lane, which is an instance of its own. */
  readonly lane?: string
  readonly pattern?: RegExp
}

/** A signal that must have one of these codes, or lie within these bounds. */
export type ReadingTest = { readonly signal: number } & (
  { readonly codes: readonly number[] } | { readonly least: number; readonly most: number }
)

/** Keys beside the value that say how an ENTITY-SENSOR reading is to be read. */
export interface SensorKeys {
  readonly type: string
  readonly scale: string
  readonly precision: string
  readonly status: string
}

export interface Slot extends MeasurementSlot, SlotPlan {
  /** The unit depends on another key of the record: lower-case value or code → plan. */
  readonly unitFrom?: { readonly key: string; readonly plans: ReadonlyMap<string, SlotPlan> }
  readonly sensor?: SensorKeys
  /** 0 is a reading only while one of these holds. */
  readonly zeroNeeds?: readonly ReadingTest[]
  readonly becomes?: readonly {
    readonly from: number
    readonly to: number
    readonly when: readonly ReadingTest[]
    readonly unless: readonly ReadingTest[]
  }[]
  /** Slots before this one with the same signal: the first that has a reading gives it. */
  readonly earlier: readonly number[]
}

export interface MeasurementPlan extends MeasurementInfo {
  readonly index: number
  readonly format: ProfileFormat
  readonly time: TimeUnit
  /** Identifiers of the device, the preferred one first. */
  readonly device: readonly KeyPlan[]
  /** Tag of the collector; '' for none. */
  readonly collector: string
  readonly instance: readonly KeyPlan[]
  readonly instanceOptional: boolean
  /** Names of the port that the instance numbers. */
  readonly names: readonly KeyPlan[]
  readonly when: readonly { readonly tag: string; readonly pattern: RegExp }[]
  readonly slots: readonly Slot[]
  /** Slots of each field, ascending. */
  readonly slotsByField: ReadonlyMap<string, readonly number[]>
  /** A record that has one of these keys, among fields or tags, needs the reference decoder: a slot depends on it. */
  readonly linkedKeys: ReadonlySet<string>
  /** Slots that depend on other slots or keys whatever their value (sensor, zeroNeeds, becomes, same signal). */
  readonly linkedSlots: readonly number[]
  /** Whether some slot has zeroNeeds or becomes. */
  readonly conditional: boolean
}

export interface NameIndex {
  /** Measurement indices by exact name, in order of precedence. */
  readonly exact: ReadonlyMap<string, readonly number[]>
  /** Those with wildcards, tried after the exact ones. */
  readonly wild: readonly { readonly pattern: RegExp; readonly measurement: number }[]
}

/** Where a source tells changes only, its silence says nothing. */
export type ProfileReportsByName = ReadonlyMap<string, ProfileReports>

export interface ProfileSet {
  readonly measurements: readonly MeasurementPlan[]
  readonly byName: Readonly<Record<ProfileFormat, NameIndex>>
  /** What the sources of each profile tell, by its name. */
  readonly reports: ProfileReportsByName
}
