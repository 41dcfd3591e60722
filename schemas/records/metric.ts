import type { RejectReason } from '../evaluation.ts'
import type { ProfileFormat } from './profile-schema.ts'

/**
 * One metric of any format, brought to one form, and the few things that all who take records apart need. What a format
 * makes of its records ends here; what a profile makes of a metric begins here.
 */

/** Longest identifier, instance or collector name (UTF-16 units). */
export const keyLengthMax = 256

/** Further identifiers that are looked at in a canonical record. */
export const identifiersMax = 16

export type Json = Readonly<Record<string, unknown>>

/** Why a metric cannot be read. */
export interface Bad {
  readonly reason: RejectReason
  readonly detail: string
}

/** What says whose a metric is, in any format. */
export interface NamedMetric {
  readonly format: ProfileFormat
  readonly name: string
  readonly tags: Json
  readonly fields: Json
  /** Identifiers beside the profile's. */
  readonly identifiers?: readonly string[]
}

/** What a source says is gone: a path without its keys, and the keys as tags, as gnmic names them where the path has a value. */
export interface Deletion {
  readonly path: string
  readonly tags: Json
}

/** One metric of any format, brought to one form. */
export interface Metric extends NamedMetric {
  /** Raw timestamp; undefined where the metric has none. */
  readonly time: unknown
  /** Milliseconds where the format itself fixes the unit. */
  readonly timeMs?: number
  /** What the source says is gone. */
  readonly deletions?: readonly Deletion[]
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own property: a record may well have a field called `constructor`. */
export function own(object: Json, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** Without a prototype, because a tag or a field may have any name, `__proto__` and `constructor` too. */
export function bare(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

const noTags: Json = {}

export function tagsOf(value: unknown): Json {
  return isObject(value) ? value : noTags
}

/** The tag's text, or undefined where there is none. */
export function tag(metric: NamedMetric, key: string): string | undefined {
  return keyText(own(metric.tags, key))
}

/** A text that may name something: strings as they are, whole numbers in decimal. */
export function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined
}

/** What stands beside the value, in a field or a tag. */
export function beside(metric: Metric, key: string): unknown {
  return own(metric.fields, key) ?? own(metric.tags, key)
}
