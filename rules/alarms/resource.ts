import type { Coordinates } from '../../schemas/words.ts'
import type { CompiledRule } from '../compiled.ts'
import type { Alarm, ConditionFlip } from '../model.ts'
import { noFlaps, type Flaps } from './flapping.ts'

/** What the alarm engine keeps of a resource: its conditions that are on, and how far each rule has come with them. */

export interface ConditionState {
  /** Instances it is on for; one entry for a resource that is an instance itself. */
  readonly instances: Set<string>
  /** Since when it is on for one of them at least (event time, ms). */
  sinceMs: number
  /** The sample that turned it on; null where it was restored with an alarm. */
  flip: ConditionFlip | null
  /** Restored: older good samples, replayed after a crash, do not turn it off. */
  restoredUntilMs: number
}

export interface LevelState {
  /** What the conditions say. */
  on: boolean
  /** Since when they say so. */
  sinceMs: number
  /** What the holds have let through. */
  confirmed: boolean
  deadlineMs: number
  /** The sample that turned `on`, for the evidence; null where restored. */
  flip: ConditionFlip | null
  /** The sample that last turned it off. */
  offFlip: ConditionFlip | null
}

export interface RuleState {
  readonly rule: CompiledRule
  readonly resource: Resource
  readonly levels: LevelState[]
  alarm: Alarm | null
  /** When it is to be looked at again though nothing flips, for the time alone changes it; `never` for not at all. */
  wakeMs: number
  /** The alarm was raised again soon after it had cleared. */
  isFlapping: boolean
  /** null where the rule does not ask how often it changes. */
  readonly flaps: Flaps | null
}

export interface Resource {
  readonly key: string
  readonly device: string
  /** '' for a whole device, and for an instance that has no name of its own; of a node its id, while `device` is ''. */
  readonly instance: string
  readonly scope: Scope
  node: string
  readonly conditions: Map<number, ConditionState>
  readonly rules: Map<number, RuleState>
  /** Rules to judge at the next settling; empty when nothing is pending. */
  readonly touched: Set<number>
  touchedAtMs: number
  /** Flips since the last settling, by condition. */
  readonly flips: Map<number, ConditionFlip>
  /** Where the last flip stands in the log, by the name its topic is stored under; null before the first, where it was taken up with an alarm. */
  coordinates: Coordinates | null
  /** Event time (ms) of the last change; never goes back. */
  changedAtMs: number
}

export type Scope = CompiledRule['scope']

export const never = Infinity
/** Stands for "some instance" of a condition restored with a device's alarm. */
export const someInstance = '\0'

export function createResource(scope: Scope, device: string, instance: string, node: string): Resource {
  return {
    key: resourceKey(scope, device, instance),
    device,
    instance,
    scope,
    node,
    conditions: new Map(),
    rules: new Map(),
    touched: new Set(),
    touchedAtMs: 0,
    flips: new Map(),
    coordinates: null,
    changedAtMs: 0
  }
}

export function ruleStateOf(resource: Resource, rule: CompiledRule): RuleState {
  let state = resource.rules.get(rule.index)
  if (state === undefined) {
    state = {
      rule,
      resource,
      levels: rule.levels.map(quietLevel),
      alarm: null,
      wakeMs: never,
      isFlapping: false,
      flaps: rule.flapping === null ? null : noFlaps()
    }
    resource.rules.set(rule.index, state)
  }
  return state
}

/** The flip among the pending ones that best says why a level changed: the earlier named condition. */
export function flipOf(resource: Resource, conditions: readonly number[]): ConditionFlip | null {
  for (const condition of conditions) {
    const flip = resource.flips.get(condition)
    if (flip !== undefined) return flip
  }
  return null
}

const quietLevel = (): LevelState => ({
  on: false,
  sinceMs: 0,
  confirmed: false,
  deadlineMs: never,
  flip: null,
  offFlip: null
})

export const isQuiet = (level: LevelState): boolean =>
  !level.on && !level.confirmed && level.deadlineMs === never

export const resourceKey = (scope: Scope, device: string, instance: string): string =>
  `${scope}\0${device}\0${instance}`
