import { portOfInstance } from '../schemas/lanes.ts'
import type { AlarmEngine } from './alarms/engine.ts'
import { createJudge, rest } from './alarms/judge.ts'
import { createOpenAlarms } from './alarms/open-alarms.ts'
import {
  isQuiet,
  never,
  resourceKey,
  ruleStateOf,
  someInstance,
  type Resource,
  type RuleState,
  type Scope
} from './alarms/resource.ts'
import { createResources } from './alarms/resources.ts'
import { createTakingUp, stateOf, type ResourceState } from './alarms/resource-state.ts'
import { createFeeding, feedAgain, isOver, nearScopesOf, placeIn, scopesOf } from './alarms/feeding.ts'
import { standingOf } from './alarms/standing.ts'
import { createSilentDevices, deviceSilent } from './alarms/silent-devices.ts'
import { timedWakeMs } from './alarms/timed.ts'
import type { CompiledRules } from './compiled.ts'
import { membersOf } from './composite.ts'
import { createDeadlines } from './deadlines.ts'
import type { Alarm, ConditionFlip } from './model.ts'

export type { AlarmEngine }

const nothingRaised: ReadonlySet<number> = new Set()

/**
 * `restored`: alarms open at the last stop; cleared ones are left out of account. `states`: what was known of resources at the
 * place in the log where reading goes on; their alarms are in them. `storedAs`: the name under which a topic's places are stored.
 */
export function createAlarmEngine(
  compiled: CompiledRules,
  restored: Iterable<Alarm> = [],
  states: Iterable<ResourceState> = [],
  storedAs: (topic: string) => string = topic => topic
): AlarmEngine {
  let rules = compiled
  let scopes = scopesOf(compiled)
  let resources = createResources()
  let deadlines = createDeadlines<RuleState>()
  const dirty: Resource[] = []
  const openAlarms = createOpenAlarms()
  const silentDevices = createSilentDevices(openAlarms)
  /** By key, because a resource that has become quiet is forgotten and may come anew. */
  const changed = new Map<string, Resource>()
  const noteChange = (resource: Resource, atMs: number): void => {
    resource.changedAtMs = Math.max(resource.changedAtMs, atMs)
    changed.set(resource.key, resource)
  }
  const createRulesJudge = () =>
    createJudge(rules.conditions, openAlarms, deadlines, () => resources.byKey.size, {
      onChange: noteChange,
      onAlarm: (...told) => feeding.alarm(...told),
      onHold: state => feeding.holding(state)
    })
  const createRulesFeeding = () => createFeeding(rules, scopes, (...until) => judging.endHolds(...until))
  let judging = createRulesJudge()
  let feeding = createRulesFeeding()
  /** Alarms of rules that are gone: cleared by the first tick, because only then a time is known. */
  let orphans: Alarm[] = []

  const settle = (resource: Resource): void => {
    if (resource.touched.size === 0) return
    const atMs = resource.touchedAtMs
    for (const state of resource.rules.values()) judging.endHolds(state, atMs)
    for (const index of resource.touched) {
      const rule = rules.rules[index]
      if (rule !== undefined) judging.judge(ruleStateOf(resource, rule), atMs)
    }
    resource.touched.clear()
    resource.flips.clear()
    forgetIfQuiet(resource)
  }

  const forgetIfQuiet = (resource: Resource): void => {
    for (const [index, state] of resource.rules)
      if (state.alarm === null && state.wakeMs === never && state.levels.every(isQuiet))
        resource.rules.delete(index)
    const quiet = resource.conditions.size === 0 && resource.rules.size === 0 && resource.touched.size === 0
    // A deadline may outlive its resource, and another may have come under the same key.
    if (quiet) resources.forget(resource)
  }

  const settleAll = (): void => {
    for (;;) {
      for (const resource of dirty) settle(resource)
      dirty.length = 0
      const flip = feeding.next()
      if (flip === undefined) return
      for (const scope of nearScopesOf(scopes[flip.condition])) touch(scope, flip)
    }
  }

  const setOn = (resource: Resource, flip: ConditionFlip, member: string): void => {
    const state = resource.conditions.get(flip.condition)
    if (state === undefined)
      resource.conditions.set(flip.condition, {
        instances: new Set([member]),
        sinceMs: flip.timeMs,
        flip,
        restoredUntilMs: -Infinity
      })
    else {
      state.instances.delete(someInstance)
      state.instances.add(member)
      state.flip = flip
    }
  }

  const noteFlip = (resource: Resource, { node, coordinates, timeMs }: ConditionFlip): void => {
    resource.node = node
    // What is not reported stands nowhere in the log; it is kept with what was reported last.
    if (coordinates !== null) resource.coordinates = { ...coordinates, topic: storedAs(coordinates.topic) }
    noteChange(resource, timeMs)
  }

  /** Takes what is known to be on for on, without judging what that means before all of it is known. */
  const takeForOn = (scope: Scope, flip: ConditionFlip): void => {
    const { device, instance, member } = placeIn(scope, flip)
    const resource = resources.of(scope, device, instance, flip.node)
    setOn(resource, flip, member)
    noteFlip(resource, flip)
  }

  const touch = (scope: Scope, told: ConditionFlip): void => {
    const { device, instance, member } = placeIn(scope, told)
    // A condition that goes off where nothing is known to be on changes nothing.
    const known = resources.byKey.get(resourceKey(scope, device, instance))
    if (known === undefined && !told.on) return
    const resource = known ?? resources.of(scope, device, instance, told.node)
    // What comes late of several devices is of the moment they are at.
    const flip =
      scope === 'over-node' && told.timeMs < resource.changedAtMs
        ? { ...told, timeMs: resource.changedAtMs }
        : told
    const state = resource.conditions.get(flip.condition)
    if (!flip.on && (state === undefined || flip.timeMs < state.restoredUntilMs)) return
    if (resource.touched.size > 0 && resource.touchedAtMs !== flip.timeMs) settle(resource)
    // What was so until now may have been so for long enough: by what was known of it, whether a tick or this flip finds it.
    for (const state of resource.rules.values())
      while (state.wakeMs <= flip.timeMs) judging.endHolds(state, state.wakeMs)
    // Settling may have found the resource quiet; what follows makes it known again.
    resources.keep(resource)
    if (flip.on) setOn(resource, flip, member)
    else if (state !== undefined) {
      state.instances.delete(someInstance)
      state.instances.delete(member)
      if (state.instances.size === 0) resource.conditions.delete(flip.condition)
    }
    noteFlip(resource, flip)
    resource.flips.set(flip.condition, flip)
    resource.touchedAtMs = flip.timeMs
    if (resource.touched.size === 0) dirty.push(resource)
    for (const rule of rules.conditions[flip.condition]?.rules ?? [])
      if (rules.rules[rule]?.scope === scope) resource.touched.add(rule)
  }

  /** Takes up an alarm that was open before: its rule holds, and its conditions are taken to be on. */
  const adopt = (alarm: Alarm): void => {
    if (alarm.type === deviceSilent) {
      silentDevices.keep(alarm)
      return
    }
    openAlarms.keep(alarm)
    const rule = rules.rules.find(one => one.name === alarm.type && one.qualifier === alarm.qualifier)
    if (rule === undefined || (rule.scope === 'device' && alarm.instance !== '')) {
      orphans.push(alarm)
      return
    }
    const found = rule.levels.findIndex(level => level.severity === alarm.severity)
    const worst = found < 0 ? rule.levels.length - 1 : found
    const instance = rule.scope === 'over-node' ? alarm.node : alarm.instance
    const resource = resources.of(rule.scope, alarm.device, instance, alarm.node)
    const state = ruleStateOf(resource, rule)
    state.alarm = alarm
    const takeOn = (condition: number): void => {
      if (resource.conditions.has(condition)) return
      resource.conditions.set(condition, {
        instances: new Set([someInstance]),
        sinceMs: alarm.raisedAtMs,
        flip: null,
        restoredUntilMs: alarm.evidence.eventTimeMs
      })
    }
    const worstCondition = rules.conditions[rule.levels[worst]?.condition ?? -1]
    rule.levels.forEach((level, k) => {
      const levelState = state.levels[k]
      const condition = rules.conditions[level.condition]
      if (levelState === undefined || condition === undefined || worstCondition === undefined) return
      // Beyond the worse limit a value is beyond the milder one, too.
      const implied =
        k > worst &&
        condition.op !== 'in' &&
        condition.op !== 'absent' &&
        level.composite === null &&
        condition.op === worstCondition.op &&
        condition.signal === worstCondition.signal
      if (k !== worst && !implied) return
      // Which alarms a composite asks are open is known.
      const asked = level.composite === null ? [level.condition] : membersOf(level.composite, false)
      for (const one of asked) if (rules.conditions[one]?.op !== 'alarm') takeOn(one)
      levelState.on = true
      levelState.confirmed = true
      levelState.sinceMs = alarm.raisedAtMs
    })
    for (const condition of rule.when) takeOn(condition)
    // A composite is judged anew before anything comes: as of the last change of its alarm, when what it asks was on already.
    resource.changedAtMs = Math.max(resource.changedAtMs, alarm.changedAtMs)
    state.wakeMs = timedWakeMs(state, alarm.changedAtMs)
    if (state.wakeMs !== never) deadlines.push(state.wakeMs, state)
  }

  const adoptAll = (alarms: Iterable<Alarm>): void => {
    for (const alarm of alarms) if (!alarm.isCleared && openAlarms.get(alarm.id) === undefined) adopt(alarm)
  }

  /** Every rule of what is on is judged anew. */
  const judgeAgain = (resource: Resource, atMs: number): void => {
    for (const condition of resource.conditions.keys())
      for (const rule of rules.conditions[condition]?.rules ?? [])
        if (rules.rules[rule]?.scope === resource.scope) resource.touched.add(rule)
    resource.touchedAtMs = atMs
    if (resource.touched.size > 0) dirty.push(resource)
    else forgetIfQuiet(resource)
  }

  /** Under other rules than the state's, its alarms are adopted, and what is on is judged anew. */
  const takeUp = (states: Iterable<ResourceState>): void => {
    const takingUp = createTakingUp(rules, deadlines)
    for (const state of states) {
      if (state.conditions.length === 0 && state.rules.length === 0) continue
      const resource = resources.of(state.scope, state.device, state.instance, state.node)
      takingUp.conditions(resource, state)
      if (state.digest === rules.digest) {
        takingUp.rules(resource, state)
        for (const { alarm } of resource.rules.values()) if (alarm !== null) openAlarms.keep(alarm)
        forgetIfQuiet(resource)
      } else {
        noteChange(resource, state.atMs)
        adoptAll(state.rules.flatMap(({ alarm }) => alarm ?? []))
        judgeAgain(resource, state.atMs)
      }
    }
  }

  const feedAnew = (nowMs: number): void => {
    feeding.forgetNodes()
    feedAgain({ resources: resources.byKey, rules, scopes, settleAll, takeForOn, judgeAgain }, nowMs)
  }

  const clearOrphans = (nowMs: number): void => {
    for (const alarm of orphans) openAlarms.clear(alarm, nowMs)
    orphans = []
  }

  takeUp(states)
  adoptAll(restored)
  feedAnew(-Infinity)

  return {
    apply(flip) {
      for (const scope of scopes[flip.condition] ?? []) {
        if (!isOver(scope)) touch(scope, flip)
        else feeding.push(flip)
      }
    },

    silence: input => silentDevices.silence(input),

    tick(nowMs) {
      settleAll()
      clearOrphans(nowMs)
      for (;;) {
        const next = deadlines.peek()
        const flips = feeding.nextOfNodes(nowMs, next?.atMs ?? never)
        for (const flip of flips) touch('over-node', flip)
        if (flips.length === 0) {
          if (next === undefined || next.atMs > nowMs) return
          deadlines.pop()
          judging.endHolds(next.item, next.atMs)
          forgetIfQuiet(next.item.resource)
        }
        settleAll()
      }
    },

    drain() {
      settleAll()
      return openAlarms.drain()
    },

    drainStates() {
      settleAll()
      const drained = [...changed.values()].flatMap(resource => stateOf(resource, rules) ?? [])
      changed.clear()
      return drained
    },

    open() {
      settleAll()
      return openAlarms.all()
    },

    get(id) {
      settleAll()
      return openAlarms.get(id)
    },

    byNode(node) {
      settleAll()
      return openAlarms.byNode(node)
    },

    raisedConditions(device, instance) {
      settleAll()
      // It is asked for every port that is met, and mostly nothing of its device is known.
      if (resources.isQuiet(device)) return nothingRaised
      let raised: Set<number> | undefined
      for (const resource of [
        resources.byKey.get(resourceKey('instance', device, portOfInstance(instance))),
        resources.byKey.get(resourceKey('device', device, '')),
        resources.byKey.get(resourceKey('over-port', device, portOfInstance(instance))),
        resources.byKey.get(resourceKey('over-device', device, ''))
      ]) {
        if (resource === undefined) continue
        for (const [condition, state] of resource.conditions) {
          if (rules.conditions[condition]?.op === 'alarm') continue
          // From now on this instance answers for the condition, too.
          if (state.instances.has(someInstance)) state.instances.add(instance)
          if (state.instances.has(instance)) (raised ??= new Set()).add(condition)
        }
      }
      return raised ?? nothingRaised
    },

    reload(next, nowMs) {
      settleAll()
      clearOrphans(nowMs)
      // Another inventory may come with the same rules: holds that are under way are none of its business.
      if (next.digest === rules.digest) return
      const before = resources
      const oldConditions = rules.conditions
      const newIds = new Map(next.conditions.map(condition => [condition.key, condition.id]))
      rules = next
      scopes = scopesOf(next)
      resources = createResources()
      deadlines = createDeadlines()
      judging = createRulesJudge()
      feeding = createRulesFeeding()
      dirty.length = 0
      // What is known to be on comes first: an alarm taken up then finds its conditions with their samples.
      const carried: Resource[] = []
      for (const old of before.byKey.values()) {
        const resource = resources.of(old.scope, old.device, old.instance, old.node)
        resource.coordinates = old.coordinates
        resource.changedAtMs = old.changedAtMs
        noteChange(resource, nowMs)
        carried.push(resource)
        for (const [condition, state] of old.conditions) {
          const id = newIds.get(oldConditions[condition]?.key ?? '')
          if (id === undefined) continue
          resource.conditions.set(id, {
            ...state,
            flip: state.flip === null ? null : { ...state.flip, condition: id }
          })
        }
      }
      silentDevices.forgetAll()
      adoptAll(openAlarms.takeAll())
      clearOrphans(nowMs)
      for (const resource of carried) judgeAgain(resource, nowMs)
      feedAnew(nowMs)
      settleAll()
    },

    relocate(nodeOf, nowMs) {
      settleAll()
      const left = new Set<string>()
      for (const resource of [...resources.byKey.values()]) {
        const node = nodeOf(resource.device, resource.instance)
        for (const state of resource.rules.values()) {
          if (state.alarm === null) continue
          if (node === undefined) {
            openAlarms.clear(state.alarm, nowMs)
            state.alarm = null
          } else if (node !== state.alarm.node) {
            left.add(state.alarm.node)
            state.alarm = { ...state.alarm, node, changedAtMs: Math.max(nowMs, state.alarm.changedAtMs) }
            openAlarms.emit(state.alarm, 'changed', state.alarm.changedAtMs)
          }
        }
        if (node === undefined) {
          for (const state of resource.rules.values()) {
            state.wakeMs = never
            for (const level of state.levels) level.deadlineMs = never
          }
          resources.forget(resource)
          resource.conditions.clear()
          resource.rules.clear()
          noteChange(resource, nowMs)
        } else if (node !== resource.node) {
          resource.node = node
          noteChange(resource, nowMs)
        }
      }
      feedAnew(nowMs)
      silentDevices.relocate(nodeOf, nowMs, left)
      return [...left]
    },

    dropUnjudged(isJudged, nowMs) {
      settleAll()
      for (const resource of resources.byKey.values()) {
        for (const [condition, state] of resource.conditions) {
          if (rules.conditions[condition]?.op === 'alarm') continue
          for (const instance of state.instances) {
            const asked = instance === someInstance ? resource.instance : instance
            if (resource.instance === '' && instance === someInstance) continue
            if (!isJudged(condition, resource.device, asked)) state.instances.delete(instance)
          }
          if (state.instances.size > 0) continue
          resource.conditions.delete(condition)
          noteChange(resource, nowMs)
          for (const rule of rules.conditions[condition]?.rules ?? []) {
            if (rules.rules[rule]?.scope !== resource.scope) continue
            resource.touched.add(rule)
            // Nothing tells of it any more, so there is nothing to wait for.
            for (const [k, level] of rules.rules[rule].levels.entries()) {
              const levelState = resource.rules.get(rule)?.levels[k]
              if (level.condition === condition && levelState !== undefined) rest(levelState, nowMs)
            }
          }
        }
        if (resource.touched.size === 0) continue
        resource.touchedAtMs = nowMs
        dirty.push(resource)
      }
      settleAll()
    },

    standing(scope, device, instance) {
      settleAll()
      const resource = resources.byKey.get(resourceKey(scope, device, instance))
      return resource === undefined ? undefined : standingOf(resource)
    },
    nextDeadlineMs() {
      settleAll()
      for (let next = deadlines.peek(); next !== undefined; next = deadlines.peek()) {
        const { atMs, item } = next
        if (item.wakeMs <= atMs || item.levels.some(level => level.deadlineMs <= atMs)) return atMs
        deadlines.pop()
      }
      return null
    },

    size() {
      return { resources: resources.byKey.size, deadlines: deadlines.size(), alarms: openAlarms.count() }
    }
  }
}
