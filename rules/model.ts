import type { Coordinates, IncidentKind, LocalText, Severity } from '../schemas/words.ts'

/**
 * What a rules file compiles to. A *condition* is judged sample by sample in the workers (threshold or
 * enumeration, with hysteresis and a count of consecutive samples). A *rule* combines conditions of one resource
 * on the main thread, holds them by time, and raises an alarm.
 */

/** Which series a condition is compiled onto. Every field given must match; a list means any of it. */
export interface Selector {
  readonly signal: string
  readonly vendor?: readonly string[]
  readonly model?: readonly string[]
  /** Device role by the inventory: switch, ups, catv, … */
  readonly role?: readonly string[]
  readonly tier?: readonly string[]
  /** What the inventory says of the port: uplink (to a parent), downlink (to a child), access; '' when it says nothing. */
  readonly port?: readonly string[]
  readonly opticClass?: readonly string[]
  /** Tags of the device or its node, in lower case; one of them is enough. */
  readonly tag?: readonly string[]
}

/** What the main thread knows of a series when it picks its program. */
export interface SeriesAttributes {
  readonly signal: number
  readonly vendor: string
  readonly model: string
  readonly role: string
  readonly tier: string
  readonly port: string
  readonly opticClass: string
  /** Of the device and its node, in lower case; left out for none. */
  readonly tags?: readonly string[]
}

/** A rule's alarm on a resource: RFC 8632's key is (resource, type, qualifier). */
export interface AlarmKey {
  /** `device` or `device/instance`. */
  readonly resource: string
  /** The rule's name, e.g. `ups.on_battery`. */
  readonly type: string
  /** Distinguishes alarms of one type on one resource, e.g. `low`/`high`; '' mostly. */
  readonly qualifier: string
}

/** What a rule says for those who are told of its alarms; nothing is judged by it. */
export interface RuleNotes {
  /** Labels of its alerts, beside those that they are known by. */
  readonly labels: Readonly<Record<string, string>>
  /** Address (https) of what is to be done; '' for none. */
  readonly runbook: string
}

export const noNotes: RuleNotes = { labels: {}, runbook: '' }

/** Stands for the value of a reading that is not reported. */
export const absentName = 'absent'

/** The sample that caused a transition. */
export interface Evidence {
  readonly rule: string
  readonly signal: string
  readonly value: number
  /** The limit it crossed; null for an enumeration or silence. */
  readonly limit: number | null
  /** What the value means, when it is an enumeration: `battery`, `down`; `absentName` where there was none. */
  readonly valueName: string | null
  readonly eventTimeMs: number
  /** null where no sample caused it (silence). */
  readonly coordinates: Coordinates | null
}

export interface Alarm extends AlarmKey {
  /** Made from the key and the raise time, so that a replay gives the same one. */
  readonly id: string
  /** Node whose light it colours. For a parent's downlink port this is the child the port leads to. */
  readonly node: string
  /** Inventory id of the device it was seen on. */
  readonly device: string
  readonly instance: string
  readonly kind: IncidentKind
  readonly severity: Severity
  readonly isCleared: boolean
  readonly raisedAtMs: number
  readonly changedAtMs: number
  readonly clearedAtMs: number | null
  readonly text: LocalText
  readonly evidence: Evidence
}

/** One change of an alarm, stored once: the id repeats on replay. */
export interface AlarmTransition {
  readonly alarm: Alarm
  readonly change: 'raised' | 'changed' | 'cleared'
  readonly atMs: number
}

/** A condition of a resource flipped. In event order within a resource. */
export interface ConditionFlip {
  readonly condition: number
  readonly on: boolean
  readonly node: string
  readonly device: string
  readonly instance: string
  readonly value: number
  /** The limit compared with; may differ by optic class or module. */
  readonly limit: number | null
  readonly timeMs: number
  /** null where no sample caused it: a reading is no longer reported. */
  readonly coordinates: Coordinates | null
}
