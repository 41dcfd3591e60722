import { codeName, signals } from '../../schemas/signals.ts'
import type { LocalText, Severity } from '../../schemas/words.ts'
import {
  ruleLabel,
  type CompiledCondition,
  type CompiledLevel,
  type CompiledRule,
  type Flapping
} from '../compiled.ts'
import { holds, membersOf, type MemberState } from '../composite.ts'
import type { Deadlines } from '../deadlines.ts'
import { absentName, type Alarm, type ConditionFlip, type Evidence } from '../model.ts'
import { stretchOf } from '../schedule.ts'
import { createTextRenderer } from '../texts.ts'
import { flappingText, isFlapping, noteChange, noteSeverity, passTime, type Flaps } from './flapping.ts'
import { alarmId, resourceName } from './identity.ts'
import { copyAlarm, type OpenAlarms } from './open-alarms.ts'
import { flipOf, never, type LevelState, type Resource, type RuleState } from './resource.ts'
import { outOfScheduleText, timedWakeMs } from './timed.ts'

/** Judges a rule on one resource: what its conditions say, held by time, and the alarm brought in line with that. */
export interface Judge {
  judge(state: RuleState, atMs: number): void
  /** Ends the holds of one rule that run out up to a time, in order. */
  endHolds(state: RuleState, untilMs: number): void
}

export interface JudgeEvents {
  readonly onChange: (resource: Resource, atMs: number) => void
  /** The rule's alarm was raised, or cleared. */
  readonly onAlarm: (state: RuleState, alarm: Alarm, on: boolean, atMs: number) => void
  /** A hold of the rule is under way. */
  readonly onHold: (state: RuleState) => void
}

/** `resourceCount`: how many resources are known, by which old deadlines are found to be too many. */
export function createJudge(
  conditions: readonly CompiledCondition[],
  open: OpenAlarms,
  deadlines: Deadlines<RuleState>,
  resourceCount: () => number,
  { onChange, onAlarm, onHold }: JudgeEvents
): Judge {
  const renderText = createTextRenderer()
  /** When alarms of rules with damping cleared last (event time, ms), by resource and rule. */
  const clearedAt = new Map<string, number>()
  const flapKey = ({ resource, rule }: RuleState): string => `${resource.key}\0${rule.index}`
  const dampedMs = ({ rule }: RuleState): number =>
    rule.levels.reduce((most, level) => Math.max(most, level.flapHoldMs), 0)
  const noteCleared = (state: RuleState, atMs: number): void => {
    if (dampedMs(state) === 0) return
    if (clearedAt.size >= clearedMax) clearedAt.clear()
    clearedAt.set(flapKey(state), atMs)
  }

  const evidenceOf = (state: RuleState, condition: number, flip: ConditionFlip | null): Evidence => {
    const signal = signals[conditions[condition]?.signal ?? -1]
    const rule = ruleLabel(state.rule.name, state.rule.qualifier)
    if (flip === null || signal === undefined)
      return (
        state.alarm?.evidence ?? {
          rule,
          signal: signal?.name ?? '',
          value: 0,
          limit: null,
          valueName: null,
          eventTimeMs: 0,
          coordinates: null
        }
      )
    return {
      rule,
      signal: signal.name,
      value: flip.value,
      limit: flip.limit === null || Number.isNaN(flip.limit) ? null : flip.limit,
      valueName: flip.coordinates === null ? absentName : (codeName(signal, flip.value) ?? null),
      eventTimeMs: flip.timeMs,
      coordinates: flip.coordinates
    }
  }

  /** Raises the alarm of a rule, or changes the one it has. `sinceMs`: since when there is reason to. */
  const tell = (
    state: RuleState,
    severity: Severity,
    template: LocalText,
    evidence: Evidence,
    sinceMs: number,
    atMs: number
  ): void => {
    const { rule, resource, alarm } = state
    const { device, node } = resource
    const isOfNode = rule.scope === 'over-node'
    const instance = isOfNode ? '' : resource.instance
    const text = renderText(template, evidence, { device, instance, node })
    if (alarm !== null) {
      const changedAtMs = Math.max(atMs, alarm.changedAtMs)
      state.alarm = copyAlarm(alarm, node, severity, changedAtMs, null, text, evidence)
      open.emit(state.alarm, 'changed', changedAtMs)
      return
    }
    const key = {
      resource: isOfNode ? node : resourceName(device, instance),
      type: rule.name,
      qualifier: rule.qualifier
    }
    const lastMs = clearedAt.get(flapKey(state))
    state.isFlapping = lastMs !== undefined && sinceMs - lastMs <= dampedMs(state)
    state.alarm = {
      resource: key.resource,
      type: key.type,
      qualifier: key.qualifier,
      id: alarmId(key, sinceMs),
      node,
      device,
      instance,
      kind: rule.kind,
      severity,
      isCleared: false,
      raisedAtMs: sinceMs,
      changedAtMs: atMs,
      clearedAtMs: null,
      text,
      evidence
    }
    open.emit(state.alarm, 'raised', atMs)
    onAlarm(state, state.alarm, true, atMs)
  }

  /** While a rule flaps it has one alarm, whatever it says meanwhile. */
  const publishFlapping = (state: RuleState, flaps: Flaps, flapping: Flapping, atMs: number): void => {
    const { rule, levels, alarm } = state
    const worst = rule.levels[levels.findIndex(level => level.confirmed)]
    if (worst !== undefined) noteSeverity(flaps, flapping, worst.severity)
    if (alarm !== null && flaps.isTold && alarm.severity === flaps.severity) return
    const level = rule.levels.find(({ severity }) => severity === flaps.severity) ?? rule.levels.at(-1)
    const flip = levels.reduce<ConditionFlip | null>((last, one) => later(last, one.flip), null)
    if (level === undefined) return
    const evidence = evidenceOf(state, flip?.condition ?? level.condition, flip)
    flaps.isTold = true
    tell(
      state,
      flaps.severity,
      flapping.text ?? flappingText(level.text, flapping),
      evidence,
      flaps.sinceMs,
      atMs
    )
  }

  /** Brings the alarm of a rule in line with its confirmed levels. */
  const publish = (state: RuleState, atMs: number, isOutOfSchedule = false): void => {
    const { rule, alarm, flaps } = state
    if (rule.flapping !== null && flaps !== null && isFlapping(flaps)) {
      publishFlapping(state, flaps, rule.flapping, atMs)
      return
    }
    const wasFlapping = flaps?.isTold === true
    if (flaps !== null) flaps.isTold = false
    const worst = state.levels.findIndex(level => level.confirmed)
    const level = rule.levels[worst]
    const levelState = state.levels[worst]
    if (level === undefined || levelState === undefined) {
      if (alarm === null) return
      state.alarm = null
      noteCleared(state, atMs)
      const off = state.levels.reduce<ConditionFlip | null>((last, { offFlip }) => later(last, offFlip), null)
      if (isOutOfSchedule) open.clear({ ...alarm, text: outOfScheduleText(alarm.text) }, atMs)
      else open.clear(alarm, atMs, off === null ? alarm.evidence : evidenceOf(state, off.condition, off))
      onAlarm(state, alarm, false, atMs)
      return
    }
    if (alarm !== null && alarm.severity === level.severity && !wasFlapping) return
    const evidence = evidenceOf(state, levelState.flip?.condition ?? level.condition, levelState.flip)
    tell(state, level.severity, level.text, evidence, levelState.sinceMs, atMs)
  }

  const holdUntil = (state: RuleState, level: LevelState, atMs: number): void => {
    level.deadlineMs = atMs
    deadlines.push(atMs, state)
    onHold(state)
    // A condition that flaps under a long hold leaves its old deadlines behind.
    if (deadlines.size() > 1024 && deadlines.size() > 4 * resourceCount())
      deadlines.prune((at, item) => item.wakeMs === at || item.levels.some(one => one.deadlineMs === at))
  }

  /** Ends the holds of one rule that run out up to `untilMs`, in order. */
  const endHolds = (state: RuleState, untilMs: number): void => {
    for (;;) {
      const atMs = state.levels.reduce((least, level) => Math.min(least, level.deadlineMs), state.wakeMs)
      if (atMs > untilMs || atMs === never) return
      for (const level of state.levels) {
        if (level.deadlineMs > atMs) continue
        level.deadlineMs = never
        level.confirmed = level.on
      }
      onChange(state.resource, atMs)
      if (state.wakeMs <= atMs) judge(state, atMs)
      else publish(state, atMs)
    }
  }

  /** Judges one rule on what its conditions say now. */
  const judge = (state: RuleState, atMs: number): void => {
    const { rule, resource, flaps } = state
    const on = (condition: number): boolean => resource.conditions.has(condition)
    const isResting = rule.schedule !== null && !stretchOf(rule.schedule, atMs).isInForce
    const gate = !isResting && rule.when.every(on) && !rule.unless.some(on)
    // Asked only where somebody counts: a storm of alarms is judged here.
    const wasOn = flaps !== null && state.levels.some(isHeld)
    const wokenMs = state.wakeMs
    state.wakeMs = never
    rule.levels.forEach((level, k) => {
      const levelState = state.levels[k]
      if (levelState === undefined) return
      if (isResting) {
        rest(levelState, atMs)
        return
      }
      const now = gate && isOn(state, level, atMs)
      if (now === levelState.on) return
      levelState.on = now
      levelState.sinceMs = atMs
      if (now) levelState.flip = resource.conditions.get(firstOn(resource, level))?.flip ?? null
      else levelState.offFlip = flipOf(resource, [...askedBy(level), ...rule.when, ...rule.unless])
      if (now === levelState.confirmed) {
        levelState.deadlineMs = never
        return
      }
      const clearMs = state.isFlapping ? Math.max(level.clearHoldMs, level.flapHoldMs) : level.clearHoldMs
      const holdMs = now ? level.raiseHoldMs : clearMs
      if (holdMs > 0) holdUntil(state, levelState, atMs + holdMs)
      else {
        levelState.deadlineMs = never
        levelState.confirmed = now
      }
    })
    if (flaps !== null && rule.flapping !== null) {
      passTime(flaps, rule.flapping, isResting ? never : atMs)
      if (!isResting && state.levels.some(isHeld) !== wasOn)
        noteChange(flaps, rule.flapping, state.alarm?.severity ?? mildestOf(rule), atMs)
    }
    const timedMs = timedWakeMs(state, atMs)
    state.wakeMs = Math.min(state.wakeMs, timedMs)
    if (state.wakeMs !== never && state.wakeMs !== wokenMs) deadlines.push(state.wakeMs, state)
    if (timedMs !== never) onHold(state)
    publish(state, atMs, isResting)
  }

  return { judge, endHolds }
}

const isHeld = ({ on }: LevelState): boolean => on

/** What a rule shows that flaps before any of its holds has ended. */
const mildestOf = ({ levels }: CompiledRule): Severity => levels.at(-1)?.severity ?? 'warning'

/** A rule that is not in force, or judges a series no more, says nothing, at once. */
export function rest(level: LevelState, atMs: number): void {
  if (level.on) level.sinceMs = atMs
  level.on = false
  level.confirmed = false
  level.deadlineMs = never
}

/** What a level says now; a composite tells when it may say otherwise by the time alone. */
function isOn(state: RuleState, { condition, composite }: CompiledLevel, atMs: number): boolean {
  const { conditions } = state.resource
  if (composite === null) return conditions.has(condition)
  const memberOf = (member: number): MemberState | undefined => {
    const found = conditions.get(member)
    return found === undefined ? undefined : { instances: found.instances.size, sinceMs: found.sinceMs }
  }
  return holds(composite, memberOf, atMs, wakeMs => (state.wakeMs = Math.min(state.wakeMs, wakeMs)))
}

const askedBy = ({ condition, composite }: CompiledLevel): readonly number[] =>
  composite === null ? [condition] : membersOf(composite)

/** The condition whose sample says why a level is on. */
function firstOn({ conditions }: Resource, { condition, composite }: CompiledLevel): number {
  if (composite === null) return condition
  return membersOf(composite, false).find(member => conditions.has(member)) ?? condition
}

/** Alarms whose clearing is remembered, for damping. */
const clearedMax = 10_000

function later(a: ConditionFlip | null, b: ConditionFlip | null): ConditionFlip | null {
  if (a === null || b === null) return a ?? b
  return b.timeMs >= a.timeMs ? b : a
}
