import type { TimeUnit } from '../convert.ts'
import type { Bad, Json, Metric } from '../metric.ts'
import type { KeyYaml, ProfileReports } from '../profile-schema.ts'

/** What a profile of the format means where it says nothing. */
export interface FormatDefaults {
  /** Tags that name the device, the preferred one first. */
  readonly device: readonly KeyYaml[]
  /** Tag of the collector; '' for none. */
  readonly collector: string
  /** Unit of the timestamp. */
  readonly time: TimeUnit
  readonly reports: ProfileReports
}

/** What a format gives whose records are JSON objects: alone, in an array, in a batch (`metrics`) or one a line. */
export interface JsonFormat {
  readonly defaults: FormatDefaults
  /** Whether an object is of this format, by its keys. The first format that says so takes it. */
  recognises(object: Json): boolean
  /** Its metric; undefined for what is known but carries no reading. */
  read(object: Json): Metric | Bad | undefined
}

/** What a format gives whose records are text of its own, with a metric or several. */
export interface TextFormat {
  /** As it is counted by. */
  readonly name: string
  /** Whether a value is of this format, by its first bytes; asked before it is taken for JSON. */
  recognises(value: Uint8Array): boolean
  /** Gives each metric, in order, and what is wrong with it where it is none; `place` says where it stands. */
  read(text: string, take: (found: Metric | Bad, place: string) => void): void
}
