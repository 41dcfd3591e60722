import type { Coordinates, IncidentKind, LocalText, Severity } from '../schemas/words.ts'
import type { CompiledCondition, CompiledRule } from './compiled.ts'
import type { Change } from './measures/baselines.ts'
import type { RuleNotes } from './model.ts'
import type { Rate } from './measures/rates.ts'

/** What an explanation of a rule is made of. */

/**
 * `raised`: an alarm is open. `clearing`: it is, and a hold runs at the end of which it clears. `raising`: a hold runs at the end of
 * which it opens. `counting`: the last reading is beyond the limit, but not often enough in a row. `prevented`: the limit is
 * crossed, but `when` or `unless` forbids. `no-reading`, `no-limit`: there is nothing to compare, or nothing to compare it with.
 */
export const ruleStates = [
  'raised',
  'clearing',
  'raising',
  'counting',
  'prevented',
  'quiet',
  'no-limit',
  'no-reading'
] as const
export type RuleState = (typeof ruleStates)[number]

/** `module`: the module says it itself; `optic-class`, `default`: rows of a table of limits; `rule`: a number in the rule. */
export const limitOrigins = ['module', 'optic-class', 'default', 'rule'] as const

export interface LimitOrigin {
  readonly from: (typeof limitOrigins)[number]
  /** The optic class by which it was found; '' for the others. */
  readonly opticClass: string
  /** Table and column; '' for a number in the rule. */
  readonly table: string
  /** Where the table was overridden last, as `file:line`; '' where it is as it was first written. */
  readonly overriddenAt: string
}

export interface ExplainedInput {
  readonly part: 'level' | 'when' | 'unless'
  readonly signal: string
  readonly instance: string
  /** Of what is compared: the signal's own, or that of the rate or change. */
  readonly unit: string
  /** What is compared: the reading, or the rate or change that was judged last. */
  readonly value: number | null
  readonly valueName: string | null
  readonly timeMs: number | null
  readonly coordinates: Coordinates | null
  /** What a rate is made of; null where no rate is compared. */
  readonly rate: ExplainedRate | null
  /** What a change is made of; null where no change is compared. */
  readonly baseline: ExplainedBaseline | null
  /** Whether the last reading by itself meets the condition; null without a reading or a limit. */
  readonly meets: boolean | null
  /** Whether the condition is on: counted and with its hysteresis. */
  readonly isOn: boolean
  readonly condition: ExplainedCondition
}

export interface ExplainedRate {
  readonly measure: Rate
  /** The counter at its last sample. */
  readonly counter: number | null
  /** Its growth a second up to that sample; null where it is not known. */
  readonly perSecond: number | null
  /** What the rate is reckoned by: the port's speed, or its frames a second; '' where by nothing. */
  readonly besideSignal: string
  readonly beside: number | null
  readonly besideUnit: string
}

export interface ExplainedBaseline {
  readonly measure: Change
  /** The last reading, the mean of the last ten minutes, and what is usual; null where none is known. */
  readonly reading: number | null
  readonly now: number | null
  readonly usual: number | null
  /** Unit of these. */
  readonly readingUnit: string
  /** How long was learnt and from how many samples, how long it takes to be judged, and over how long is learnt. */
  readonly learntMs: number
  readonly samples: number
  readonly learnMs: number
  readonly overMs: number
}

export interface ExplainedCondition {
  readonly op: CompiledCondition['op']
  /** Names of the values, for an enumeration. */
  readonly names: readonly string[]
  readonly limit: number | null
  readonly clearLimit: number | null
  readonly origin: LimitOrigin | null
  readonly raiseSamples: number
  readonly clearSamples: number
}

export interface ExplainedLevel {
  readonly severity: Severity
  readonly raiseHoldMs: number
  readonly clearHoldMs: number
  readonly isOn: boolean
  /** Since when the conditions say so (ms); null while they never did. */
  readonly sinceMs: number | null
  /** When the hold under way ends (ms). */
  readonly deadlineMs: number | null
  /** What a composite asks, in words; null where one condition counts. */
  readonly together: LocalText | null
  /** Readings the level compares: those that meet it first, then those nearest to the limit. */
  readonly inputs: readonly ExplainedInput[]
}

/** When the rule is in force; where it always is, there is none. */
export interface ExplainedSchedule {
  readonly text: string
  readonly isInForce: boolean
  /** When that changes (ms). */
  readonly changesMs: number
}

/** How many changes are too many, and how many there were; where the rule does not ask, there is none. */
export interface ExplainedFlapping {
  readonly changes: number
  readonly withinMs: number
  readonly clearMs: number
  readonly seen: number
  /** When it flaps no more if nothing changes (ms); null while it does not. */
  readonly untilMs: number | null
}

export interface RuleExplanation {
  readonly rule: string
  readonly kind: IncidentKind
  readonly scope: CompiledRule['scope']
  /** Where the rule is written, as `file:line`. */
  readonly writtenAt: string
  readonly isOverride: boolean
  readonly notes: RuleNotes
  readonly schedule: ExplainedSchedule | null
  readonly flapping: ExplainedFlapping | null
  readonly device: string
  /** '' for a whole device. */
  readonly instance: string
  readonly state: RuleState
  readonly severity: Severity | null
  /** Id of the open alarm. */
  readonly alarm: string | null
  readonly levels: readonly ExplainedLevel[]
  /** Readings of `when` and `unless`. */
  readonly gates: readonly ExplainedInput[]
  readonly says: LocalText
  readonly wouldRaise: LocalText
}
