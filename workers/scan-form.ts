import type { ProfileFormat } from '../schemas/profile-schema.ts'

/** What the scan of a record finds beside its fields. */
export interface Found {
  /** The alias: bytes that say whose record it is. */
  aliasBytes: Uint8Array
  aliasFrom: number
  aliasTo: number
  /** In the unit of the measurement, or in ms where `isTimeMs`; NaN for none that is believable. */
  rawTime: number
  isTimeMs: boolean
}

/** How one format's records are written, as far as it is scanned. */
export interface Form {
  readonly format: ProfileFormat
  /**
   * Scans bytes[from..end) into the fields and what was found; false leaves the record to the reference decoder. `view` is
   * over the same bytes.
   */
  scan(bytes: Uint8Array, view: DataView, from: number, end: number, recordTimestampMs: number): boolean
  /** What an alias says; undefined where it is not the whole and plain stretch that it should be. Asked once an alias. */
  identity(alias: string): Identity | undefined
  /** A record with this alias and one plain field that is 0. */
  compose(alias: string, field: string): string
  /** The only field of its records, where there is but one. */
  readonly onlyField?: string
  /** Tags that do not stand in the alias. */
  readonly tagsElsewhere?: readonly string[]
}

export interface Identity {
  /** The name that measurements are found by. */
  readonly name: string
  readonly tags: readonly string[]
}

/** A flat object of strings without escapes. */
const flat = String.raw`\{(?:"[^"\\]*":"[^"\\]*"(?:,"[^"\\]*":"[^"\\]*")*)?\}`

/** Texts without escapes, around a flat object: what must stand before it, and what behind. */
export const flatForm = (before: string, behind: string): RegExp => new RegExp(`^${before}${flat}${behind}$`)

/** The object that a text is, or undefined. */
export function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
