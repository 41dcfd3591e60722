/** The shared words of the product: severities, lights, tiers, and where a sample came from. */

export const tiers = ['core', 'district', 'area', 'campus', 'building'] as const
export type Tier = (typeof tiers)[number]

/** X.733 severities, stored and shown as names, never as numbers: standards number them differently. */
export const severities = ['critical', 'major', 'minor', 'warning'] as const
export type Severity = (typeof severities)[number]

export const lights = ['green', 'yellow', 'grey', 'red'] as const
/** red is "known to be out", grey "nothing is known". The order above is from good to bad. */
export type Light = (typeof lights)[number]

/** `ingest` is our own trouble: data does not come, or comes late. */
export const incidentKinds = ['power', 'link', 'optics', 'device', 'collector', 'ingest', 'unknown'] as const
export type IncidentKind = (typeof incidentKinds)[number]

export const languages = ['ru', 'en'] as const
export type Language = (typeof languages)[number]
export type LocalText = Readonly<Record<Language, string>>

/** Where a record stands in Kafka. Offsets fit a double exactly up to 2^53. */
export interface Coordinates {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** critical and major are red, minor and warning yellow. */
export const lightOfSeverity: Readonly<Record<Severity, Light>> = {
  critical: 'red',
  major: 'red',
  minor: 'yellow',
  warning: 'yellow'
}
