import type { Coordinates } from '../../schemas/words.ts'
import { ruleLabel, type CompiledRules } from '../compiled.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Alarm, ConditionFlip } from '../model.ts'
import type { Flaps } from './flapping.ts'
import { timedWakeMs } from './timed.ts'
import { never, ruleStateOf, type Resource, type RuleState, type Scope } from './resource.ts'

/**
 * All that the alarm engine knows of a resource, in a form that outlives the process: which conditions are on, how far the
 * holds of its rules have come, and the open alarms. Written whenever a flip changed it, with the place of that flip in the
 * log; with the states as of a place in the log the engine goes on behind that place as if it had never stopped.
 */
export interface ResourceState {
  readonly scope: Scope
  readonly device: string
  readonly instance: string
  readonly node: string
  /** The record whose flip came last. The topic has the name that its samples are stored under. */
  readonly coordinates: Coordinates
  /** Event time (ms) of the last change; never goes back for a resource. */
  readonly atMs: number
  /** Of the rules it was judged by: holds are only taken up under the same. */
  readonly digest: string
  /** Empty, like `rules`, for a resource nothing is known against any more. */
  readonly conditions: readonly StoredCondition[]
  readonly rules: readonly StoredRule[]
}

export interface StoredCondition {
  /** CompiledCondition.key. */
  readonly key: string
  readonly instances: readonly string[]
  /** Left out where it is the moment of the flip. */
  readonly sinceMs?: number
  /** null where it was itself taken up with an alarm. */
  readonly flip: StoredFlip | null
}

/** What of a flip is not said by the resource; the condition by its key. */
export type StoredFlip = Pick<ConditionFlip, 'value' | 'limit' | 'timeMs' | 'coordinates' | 'instance'> & {
  readonly key: string
}

export interface StoredRule {
  readonly name: string
  readonly qualifier: string
  readonly levels: readonly StoredLevel[]
  readonly alarm: Alarm | null
  readonly isFlapping: boolean
  /** Left out where the rule has not changed of late. */
  readonly flaps?: StoredFlaps
}

/** As Flaps; `untilMs` is null while it does not flap. */
export type StoredFlaps = Pick<Flaps, 'times' | 'sinceMs' | 'severity' | 'isTold'> & {
  readonly untilMs: number | null
}

export interface StoredLevel {
  readonly on: boolean
  readonly sinceMs: number
  readonly confirmed: boolean
  /** null while no hold is under way. */
  readonly deadlineMs: number | null
  readonly flip: StoredFlip | null
  readonly offFlip: StoredFlip | null
}

/** The state of a resource as it is; undefined before its first flip, when it stands nowhere in the log. */
export function stateOf(resource: Resource, rules: CompiledRules): ResourceState | undefined {
  const { scope, device, instance, node, coordinates, changedAtMs } = resource
  if (coordinates === null) return undefined
  const stored = (flip: ConditionFlip | null): StoredFlip | null => {
    const key = rules.conditions[flip?.condition ?? -1]?.key
    if (flip === null || key === undefined) return null
    return {
      key,
      value: flip.value,
      limit: flip.limit,
      timeMs: flip.timeMs,
      coordinates: flip.coordinates,
      instance: flip.instance
    }
  }
  return {
    scope,
    device,
    instance,
    node,
    coordinates,
    atMs: changedAtMs,
    digest: rules.digest,
    conditions: [...resource.conditions].flatMap(([condition, { instances, flip, sinceMs }]) => {
      const key = rules.conditions[condition]?.key
      if (key === undefined) return []
      const since = sinceMs === flip?.timeMs ? {} : { sinceMs }
      return [{ key, instances: [...instances], ...since, flip: stored(flip) }]
    }),
    rules: [...resource.rules.values()].map(({ rule, levels, alarm, isFlapping, flaps }) => ({
      name: rule.name,
      qualifier: rule.qualifier,
      alarm,
      isFlapping,
      ...(flaps !== null && flaps.times.length > 0 && { flaps: storedFlaps(flaps) }),
      levels: levels.map(({ on, sinceMs, confirmed, deadlineMs, flip, offFlip }) => ({
        on,
        sinceMs,
        confirmed,
        deadlineMs: deadlineMs === never ? null : deadlineMs,
        flip: stored(flip),
        offFlip: stored(offFlip)
      }))
    }))
  }
}

function storedFlaps({ times, untilMs, sinceMs, severity, isTold }: Flaps): StoredFlaps {
  return { times: [...times], untilMs: untilMs === never ? null : untilMs, sinceMs, severity, isTold }
}

/** Brings resources to what was known of them. Under the same rules nothing is different from not having stopped. */
export function createTakingUp(rules: CompiledRules, deadlines: Deadlines<RuleState>) {
  const byKey = new Map(rules.conditions.map(condition => [condition.key, condition.id]))
  const byName = new Map(rules.rules.map(rule => [ruleLabel(rule.name, rule.qualifier), rule]))
  const flipIn = (state: ResourceState, flip: StoredFlip | null): ConditionFlip | null => {
    const condition = byKey.get(flip?.key ?? '')
    if (flip === null || condition === undefined) return null
    const { value, limit, timeMs, coordinates, instance } = flip
    return {
      condition,
      on: true,
      node: state.node,
      device: state.device,
      instance,
      value,
      limit,
      timeMs,
      coordinates
    }
  }
  return {
    /** Conditions are known by their key, whatever the rules are now. */
    conditions(resource: Resource, state: ResourceState): void {
      resource.coordinates = state.coordinates
      resource.changedAtMs = state.atMs
      for (const { key, instances, flip, sinceMs } of state.conditions) {
        const condition = byKey.get(key)
        if (condition === undefined) continue
        const on = flipIn(state, flip)
        resource.conditions.set(condition, {
          instances: new Set(instances),
          sinceMs: sinceMs ?? on?.timeMs ?? state.atMs,
          flip: on,
          restoredUntilMs: on?.timeMs ?? -Infinity
        })
      }
    },
    /** How far holds have come, and the alarms; only where the rules are the same. */
    rules(resource: Resource, state: ResourceState): void {
      for (const { name, qualifier, levels, alarm, isFlapping, flaps } of state.rules) {
        const rule = byName.get(ruleLabel(name, qualifier))
        if (rule === undefined) continue
        const ruleState = ruleStateOf(resource, rule)
        ruleState.alarm = alarm
        ruleState.isFlapping = isFlapping
        if (flaps !== undefined && ruleState.flaps !== null)
          Object.assign(ruleState.flaps, {
            ...flaps,
            times: [...flaps.times],
            untilMs: flaps.untilMs ?? never
          })
        for (const [k, level] of levels.entries()) {
          const levelState = ruleState.levels[k]
          if (levelState === undefined) continue
          levelState.on = level.on
          levelState.sinceMs = level.sinceMs
          levelState.confirmed = level.confirmed
          levelState.flip = flipIn(state, level.flip)
          levelState.offFlip = flipIn(state, level.offFlip)
          if (level.deadlineMs === null) continue
          levelState.deadlineMs = level.deadlineMs
          deadlines.push(level.deadlineMs, ruleState)
        }
        ruleState.wakeMs = timedWakeMs(ruleState, state.atMs)
        if (ruleState.wakeMs !== never) deadlines.push(ruleState.wakeMs, ruleState)
      }
    }
  }
}
