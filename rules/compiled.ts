import { codeName, signals } from '../schemas/signals.ts'
import type { FilePlace } from '../schemas/config/located-yaml.ts'
import type { IncidentKind, LocalText, Severity } from '../schemas/words.ts'
import type { Composite, OverScope } from './composite.ts'
import type { AlarmKey, RuleNotes, Selector, SeriesAttributes } from './model.ts'
import type { ConditionOp, ProgramSpec } from './program.ts'
import type { Learning } from './measures/baselines.ts'
import type { Measure } from './measures/measure.ts'
import type { Schedule } from './schedule.ts'

/** What compiling rules gives (compile.ts), and how it is shown to people. */

/** A limit: one number, or a column of a table by optic class, either overridden by what the module itself says. */
export interface Limit {
  /** Value for a class the table does not know; null for no limit. */
  readonly fallback: number | null
  readonly byOpticClass: ReadonlyMap<string, number | null>
  /** Id of the signal that carries the module's own limit, or -1. */
  readonly moduleSignal: number
  /** Table and column it stands in; left out for a number in the rule. */
  readonly table?: string
  /** Where the table was overridden last, as `file:line`; left out where it is as it was first written. */
  readonly overriddenAt?: string
}

/** Judged sample by sample, in the workers. Shared by every rule that asks the same. */
export interface CompiledCondition {
  readonly id: number
  /** Says the same condition in any compilation: what it selects, compares and counts. */
  readonly key: string
  readonly signal: number
  readonly selector: Selector
  /**
   * `absent` is told by the status engine, which knows who is heard, `alarm` by the alarm engine: that another rule has an alarm, whose first
   * signal stands here for it. All others are judged by sample.
   */
  readonly op: ConditionOp | 'absent' | 'alarm'
  /** What is compared: the value, a rate of a counter, or a change of a gauge. */
  readonly measure: Measure
  /** How the baseline of a change is learnt; null for what is no change. */
  readonly learning: Learning | null
  /** null for an enumeration, and for `absent`. */
  readonly limit: Limit | null
  /** Distance from the raise limit to the clear limit, in the unit of what is compared, 0 or more. */
  readonly hysteresis: number
  readonly mask: number
  readonly raiseCount: number
  readonly clearCount: number
  /**
   * On ports that are no trunk ports it is judged only where the port has one of these signals, which rules are about that ask it; always
   * where there are none. What subscribers' ports do otherwise is nothing to the alarm engine.
   */
  readonly besides: readonly number[]
  /** Name and qualifier of the rule whose alarm is asked; '' for the others. */
  readonly watches: string
  /** Indices of the rules that use it. */
  readonly rules: readonly number[]
}

/** One severity of a rule, with its condition. */
export interface CompiledLevel {
  readonly severity: Severity
  /** Of a composite, the first that it asks and that must be on. */
  readonly condition: number
  /** null where the condition alone counts. */
  readonly composite: Composite | null
  readonly raiseHoldMs: number
  readonly clearHoldMs: number
  /** Holds instead where the alarm is raised again within this time of clearing; 0 for no damping. */
  readonly flapHoldMs: number
  readonly text: LocalText
}

/** How many changes of what a rule says are too many: then it is one alarm until there was none for a time. */
export interface Flapping {
  /** Between holding and not, before the holds by time. */
  readonly changes: number
  readonly withinMs: number
  readonly clearMs: number
  /** null: the worst that it has been. */
  readonly severity: Severity | null
  /** null: the rule's own text, and that it flaps. */
  readonly text: LocalText | null
}

export interface CompiledRule {
  readonly index: number
  /** The alarm's type. */
  readonly name: string
  readonly qualifier: string
  readonly kind: IncidentKind
  /** A composite rule is about a port, a device or a node; such resources are its own. */
  readonly scope: 'instance' | 'device' | OverScope
  /** Worst severity first. */
  readonly levels: readonly CompiledLevel[]
  /** Conditions of the same resource that must all be on, and must all be off, for any level to hold. */
  readonly when: readonly number[]
  readonly unless: readonly number[]
  /** null where it is always in force. */
  readonly schedule: Schedule | null
  /** null where it may change as often as it likes. */
  readonly flapping: Flapping | null
  readonly notes: RuleNotes
  readonly writtenAt: FilePlace
  /** Whether it replaces an earlier one of its name. */
  readonly isOverride: boolean
}

export interface CompiledRules {
  readonly conditions: readonly CompiledCondition[]
  readonly rules: readonly CompiledRule[]
  /**
   * The program of a series. `moduleLimits` are the module's own limits by signal id, as last read of the same
   * instance; a set that contradicts itself (a low limit above a high one) is left out of account as a whole. `beside`: what other
   * signals the port has, as far as conditions ask for them.
   */
  programFor(
    attributes: SeriesAttributes,
    moduleLimits?: ReadonlyMap<number, number>,
    beside?: ReadonlySet<number>
  ): ProgramSpec
  /** The conditions that ask whether a rule has an alarm, by the rule's index. */
  readonly watching: ReadonlyMap<number, number>
  /** Conditions that are on where a series of such a place is not reported, though its device is heard. */
  absencesOf(attributes: SeriesAttributes): readonly number[]
  /** Signals that carry a module's own limits, with the signals they limit: a reading of the first re-programs the second. */
  readonly signalsNeedingLimits: ReadonlyMap<number, readonly number[]>
  /**
   * Signals that are judged by what else their port has, and what that is (besidesMax signals at most): a port that gets one of these
   * is judged anew. Rules ask some beside others, and rates are reckoned by some.
   */
  readonly signalsBeside: ReadonlyMap<number, readonly number[]>
  /** What the rule of an alarm says of it; nothing where there is no such rule any more. */
  notesOf(alarm: Pick<AlarmKey, 'type' | 'qualifier'>): RuleNotes
  /** 16 hex digits that change when anything that can change a judgement or a text does. */
  readonly digest: string
}

/** The name of a rule as people are shown it: `optics.rx/low`. */
export function ruleLabel(name: string, qualifier: string): string {
  return qualifier === '' ? name : `${name}/${qualifier}`
}

/** What is compared, as a rules file says it: `optics.rx_dbm`, `if.in_errors per_second`. */
export function measuredText(signal: string, measure: Measure): string {
  return measure === 'value' ? signal : `${signal} ${measure}`
}

/** A condition in words: `ups.output_source in battery`, `optics.rx_dbm below -22`. */
export function conditionText(condition: CompiledCondition): string {
  const signal = signals[condition.signal]
  if (signal === undefined) return ''
  if (condition.op === 'absent') return `${signal.name} not reported`
  if (condition.op === 'alarm') return `alarm ${condition.watches}`
  if (condition.limit !== null)
    return `${measuredText(signal.name, condition.measure)} ${condition.op} ${condition.limit.fallback ?? 'its limit'}`
  const names: string[] = []
  for (let code = 0; code < 32; code++)
    if (((condition.mask >>> code) & 1) === 1) names.push(codeName(signal, code) ?? String(code))
  return `${signal.name} in ${names.join(', ')}`
}
