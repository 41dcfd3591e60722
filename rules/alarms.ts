import { createHash } from 'node:crypto'
import { codeName, signals } from '../schemas/signals.ts'
import { severities, type LocalText } from '../schemas/words.ts'
import { ruleLabel, type CompiledRule, type CompiledRules } from './compiled.ts'
import { createDeadlines } from './deadlines.ts'
import type { Alarm, AlarmTransition, ConditionFlip, Evidence } from './model.ts'
import { createTextRenderer } from './texts.ts'

/**
 * The alarm engine: combines the conditions of a resource by rule, holds them by time, and opens, changes and
 * clears alarms. Pure: time is an argument, and the same inputs give the same transitions.
 *
 * Flips of one resource with one event time are judged together, when a flip of another time or the end of the
 * batch (drain, tick, any look) comes: so the order of fields inside a record cannot raise what the record as a
 * whole does not mean. A hold is counted in event time from the flip, and its end is found by whichever comes
 * first, a later flip of the resource or a tick; the moment stored is the end of the hold either way.
 */
export interface AlarmEngine {
  /** Constant time; never throws on a flip of a condition that the rules no longer have. */
  apply(flip: ConditionFlip): void
  /** A device fell silent, or (`sinceMs` null) is heard again. */
  silence(input: Silence): void
  /** Ends the holds that have run out by `nowMs`. */
  tick(nowMs: number): void
  /** The transitions since the last drain, in order. */
  drain(): AlarmTransition[]
  open(): Iterable<Alarm>
  /** An open alarm. */
  get(id: string): Alarm | undefined
  /** Open alarms that colour this node, worst first. */
  byNode(node: string): readonly Alarm[]
  /**
   * Conditions the engine holds to be on for a series' resource. Seeds the state of a series when it is given its
   * program (assignProgram), after a restart or a reload, so that the next good samples clear what is open.
   */
  raisedConditions(device: string, instance: string): ReadonlySet<number>
  /**
   * Goes on under other rules: alarms of rules that are gone clear, the others stay open. Every series must be
   * given its program anew afterwards, seeded by raisedConditions.
   */
  reload(compiled: CompiledRules, nowMs: number): void
  /**
   * After an inventory reload: alarms move to the node they now belong to; undefined clears those of devices that
   * are gone. Returns the nodes that alarms moved away from; the transitions name the new ones.
   */
  relocate(nodeOf: (device: string, instance: string) => string | undefined, nowMs: number): readonly string[]
  /** When the next hold ends, or null. */
  nextDeadlineMs(): number | null
  /** Resources with anything on, and holds under way: what memory goes by. */
  size(): { readonly resources: number; readonly deadlines: number; readonly alarms: number }
}

interface Silence {
  readonly device: string
  readonly node: string
  /** When it was last heard; null when it is heard again. */
  readonly sinceMs: number | null
  readonly nowMs: number
  /** Every device of the node is silent: the topology makes the node grey, and no alarm is opened here. */
  readonly whole: boolean
}

/** The alarm type of a silent device whose node still has others that report. */
export const deviceSilent = 'device.silent'

const silentText: LocalText = {
  ru: 'Устройство {device} не отвечает',
  en: 'Device {device} is silent'
}

interface ConditionState {
  /** Instances it is on for; one entry for a resource that is an instance itself. */
  readonly instances: Set<string>
  /** The sample that turned it on; null where it was restored with an alarm. */
  flip: ConditionFlip | null
  /** Restored: older good samples, replayed after a crash, do not turn it off. */
  restoredUntilMs: number
}

interface LevelState {
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

interface RuleState {
  readonly rule: CompiledRule
  readonly resource: Resource
  readonly levels: LevelState[]
  alarm: Alarm | null
}

interface Resource {
  readonly key: string
  readonly device: string
  /** '' for a whole device, and for an instance that has no name of its own. */
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
}

type Scope = CompiledRule['scope']

const never = Infinity
/** Stands for "some instance" of a condition restored with a device's alarm. */
const someInstance = '\0'
const nothingRaised: ReadonlySet<number> = new Set()

/** `restored`: alarms open at the last stop; cleared ones are left out of account. */
export function createAlarmEngine(compiled: CompiledRules, restored: Iterable<Alarm> = []): AlarmEngine {
  let rules = compiled
  let scopes = scopesOf(compiled)
  let resources = new Map<string, Resource>()
  let deadlines = createDeadlines<RuleState>()
  const dirty: Resource[] = []
  let transitions: AlarmTransition[] = []
  const openById = new Map<string, Alarm>()
  const openByNode = new Map<string, Map<string, Alarm>>()
  const silent = new Map<string, Alarm>()
  /** Alarms of rules that are gone: cleared by the first tick, because only then a time is known. */
  let orphans: Alarm[] = []
  const renderText = createTextRenderer()

  // --- the open alarms ---

  const index = (alarm: Alarm): void => {
    const earlier = openById.get(alarm.id)
    if (earlier !== undefined && earlier.node !== alarm.node) unindex(earlier)
    openById.set(alarm.id, alarm)
    const ofNode = openByNode.get(alarm.node)
    if (ofNode === undefined) openByNode.set(alarm.node, new Map([[alarm.id, alarm]]))
    else ofNode.set(alarm.id, alarm)
  }
  const unindex = (alarm: Alarm): void => {
    openById.delete(alarm.id)
    const ofNode = openByNode.get(alarm.node)
    ofNode?.delete(alarm.id)
    if (ofNode?.size === 0) openByNode.delete(alarm.node)
  }
  const emit = (alarm: Alarm, change: AlarmTransition['change'], atMs: number): void => {
    if (alarm.isCleared) unindex(alarm)
    else index(alarm)
    transitions.push({ alarm, change, atMs })
  }
  const cleared = (alarm: Alarm, atMs: number, evidence: Evidence = alarm.evidence): Alarm => {
    const clearedAtMs = Math.max(atMs, alarm.changedAtMs)
    return copyAlarm(alarm, alarm.node, alarm.severity, clearedAtMs, clearedAtMs, alarm.text, evidence)
  }
  const clear = (alarm: Alarm, atMs: number, evidence?: Evidence): void => {
    const last = cleared(alarm, atMs, evidence)
    emit(last, 'cleared', last.changedAtMs)
  }

  // --- resources and rules ---

  const resourceOf = (scope: Scope, device: string, instance: string, node: string): Resource => {
    const key = resourceKey(scope, device, instance)
    let resource = resources.get(key)
    if (resource === undefined) {
      resource = {
        key,
        device,
        instance,
        scope,
        node,
        conditions: new Map(),
        rules: new Map(),
        touched: new Set(),
        touchedAtMs: 0,
        flips: new Map()
      }
      resources.set(key, resource)
    }
    return resource
  }

  const ruleStateOf = (resource: Resource, rule: CompiledRule): RuleState => {
    let state = resource.rules.get(rule.index)
    if (state === undefined) {
      state = { rule, resource, levels: rule.levels.map(quietLevel), alarm: null }
      resource.rules.set(rule.index, state)
    }
    return state
  }

  const evidenceOf = (state: RuleState, condition: number, flip: ConditionFlip | null): Evidence => {
    const signal = signals[rules.conditions[condition]?.signal ?? -1]
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
      valueName: codeName(signal, flip.value) ?? null,
      eventTimeMs: flip.timeMs,
      coordinates: flip.coordinates
    }
  }

  /** Brings the alarm of a rule in line with its confirmed levels. */
  const publish = (state: RuleState, atMs: number): void => {
    const { rule, resource, alarm } = state
    const worst = state.levels.findIndex(level => level.confirmed)
    const level = rule.levels[worst]
    const levelState = state.levels[worst]
    if (level === undefined || levelState === undefined) {
      if (alarm === null) return
      state.alarm = null
      const off = state.levels.reduce<ConditionFlip | null>((last, { offFlip }) => later(last, offFlip), null)
      clear(alarm, atMs, off === null ? alarm.evidence : evidenceOf(state, off.condition, off))
      return
    }
    if (alarm !== null && alarm.severity === level.severity) return
    const evidence = evidenceOf(state, level.condition, levelState.flip)
    const { device, instance, node } = resource
    const text = renderText(level.text, evidence, { device, instance, node })
    if (alarm !== null) {
      const changedAtMs = Math.max(atMs, alarm.changedAtMs)
      state.alarm = copyAlarm(alarm, node, level.severity, changedAtMs, null, text, evidence)
      emit(state.alarm, 'changed', changedAtMs)
      return
    }
    const key = { resource: resourceName(device, instance), type: rule.name, qualifier: rule.qualifier }
    state.alarm = {
      resource: key.resource,
      type: key.type,
      qualifier: key.qualifier,
      id: alarmId(key, levelState.sinceMs),
      node,
      device,
      instance,
      kind: rule.kind,
      severity: level.severity,
      isCleared: false,
      raisedAtMs: levelState.sinceMs,
      changedAtMs: atMs,
      clearedAtMs: null,
      text,
      evidence
    }
    emit(state.alarm, 'raised', atMs)
  }

  const holdUntil = (state: RuleState, level: LevelState, atMs: number): void => {
    level.deadlineMs = atMs
    deadlines.push(atMs, state)
    // A condition that flaps under a long hold leaves its old deadlines behind.
    if (deadlines.size() > 1024 && deadlines.size() > 4 * resources.size)
      deadlines.prune((at, item) => item.levels.some(one => one.deadlineMs === at))
  }

  /** Ends the holds of one rule that run out up to `untilMs`, in order. */
  const endHolds = (state: RuleState, untilMs: number): void => {
    for (;;) {
      const atMs = state.levels.reduce((least, level) => Math.min(least, level.deadlineMs), never)
      if (atMs > untilMs || atMs === never) return
      for (const level of state.levels) {
        if (level.deadlineMs > atMs) continue
        level.deadlineMs = never
        level.confirmed = level.on
      }
      publish(state, atMs)
    }
  }

  /** Judges one rule on what its conditions say now. */
  const judge = (state: RuleState, atMs: number): void => {
    const { rule, resource } = state
    const on = (condition: number): boolean => resource.conditions.has(condition)
    const gate = rule.when.every(on) && !rule.unless.some(on)
    rule.levels.forEach((level, k) => {
      const levelState = state.levels[k]
      if (levelState === undefined) return
      const now = gate && on(level.condition)
      if (now === levelState.on) return
      levelState.on = now
      levelState.sinceMs = atMs
      if (now) levelState.flip = resource.conditions.get(level.condition)?.flip ?? null
      else levelState.offFlip = flipOf(resource, [level.condition, ...rule.when, ...rule.unless])
      if (now === levelState.confirmed) {
        levelState.deadlineMs = never
        return
      }
      const holdMs = now ? level.raiseHoldMs : level.clearHoldMs
      if (holdMs > 0) holdUntil(state, levelState, atMs + holdMs)
      else {
        levelState.deadlineMs = never
        levelState.confirmed = now
      }
    })
    publish(state, atMs)
  }

  const settle = (resource: Resource): void => {
    if (resource.touched.size === 0) return
    const atMs = resource.touchedAtMs
    for (const state of resource.rules.values()) endHolds(state, atMs)
    for (const index of resource.touched) {
      const rule = rules.rules[index]
      if (rule !== undefined) judge(ruleStateOf(resource, rule), atMs)
    }
    resource.touched.clear()
    resource.flips.clear()
    forgetIfQuiet(resource)
  }

  const forgetIfQuiet = (resource: Resource): void => {
    for (const [index, state] of resource.rules)
      if (state.alarm === null && state.levels.every(isQuiet)) resource.rules.delete(index)
    const quiet = resource.conditions.size === 0 && resource.rules.size === 0 && resource.touched.size === 0
    // A deadline may outlive its resource, and another may have come under the same key.
    if (quiet && resources.get(resource.key) === resource) resources.delete(resource.key)
  }

  const settleAll = (): void => {
    for (const resource of dirty) settle(resource)
    dirty.length = 0
  }

  const touch = (scope: Scope, flip: ConditionFlip): void => {
    const instance = scope === 'device' ? '' : flip.instance
    // A condition that goes off where nothing is known to be on changes nothing.
    const known = resources.get(resourceKey(scope, flip.device, instance))
    if (known === undefined && !flip.on) return
    const resource = known ?? resourceOf(scope, flip.device, instance, flip.node)
    const state = resource.conditions.get(flip.condition)
    if (!flip.on && (state === undefined || flip.timeMs < state.restoredUntilMs)) return
    if (resource.touched.size > 0 && resource.touchedAtMs !== flip.timeMs) settle(resource)
    // Settling may have found the resource quiet; what follows makes it known again.
    resources.set(resource.key, resource)
    if (flip.on) {
      if (state === undefined)
        resource.conditions.set(flip.condition, {
          instances: new Set([flip.instance]),
          flip,
          restoredUntilMs: -Infinity
        })
      else {
        state.instances.delete(someInstance)
        state.instances.add(flip.instance)
        state.flip = flip
      }
    } else if (state !== undefined) {
      state.instances.delete(someInstance)
      state.instances.delete(flip.instance)
      if (state.instances.size === 0) resource.conditions.delete(flip.condition)
    }
    resource.node = flip.node
    resource.flips.set(flip.condition, flip)
    resource.touchedAtMs = flip.timeMs
    if (resource.touched.size === 0) dirty.push(resource)
    for (const rule of rules.conditions[flip.condition]?.rules ?? [])
      if (rules.rules[rule]?.scope === scope) resource.touched.add(rule)
  }

  /** Takes up an alarm that was open before: its rule holds, and its conditions are taken to be on. */
  const adopt = (alarm: Alarm): void => {
    if (alarm.type === deviceSilent) {
      silent.set(alarm.device, alarm)
      index(alarm)
      return
    }
    index(alarm)
    const rule = rules.rules.find(one => one.name === alarm.type && one.qualifier === alarm.qualifier)
    if (rule === undefined || (rule.scope === 'device' && alarm.instance !== '')) {
      orphans.push(alarm)
      return
    }
    const found = rule.levels.findIndex(level => level.severity === alarm.severity)
    const worst = found < 0 ? rule.levels.length - 1 : found
    const resource = resourceOf(rule.scope, alarm.device, alarm.instance, alarm.node)
    const state = ruleStateOf(resource, rule)
    state.alarm = alarm
    const takeOn = (condition: number): void => {
      if (resource.conditions.has(condition)) return
      resource.conditions.set(condition, {
        instances: new Set([rule.scope === 'device' ? someInstance : alarm.instance]),
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
        condition.op === worstCondition.op &&
        condition.signal === worstCondition.signal
      if (k !== worst && !implied) return
      takeOn(level.condition)
      levelState.on = true
      levelState.confirmed = true
      levelState.sinceMs = alarm.raisedAtMs
    })
    for (const condition of rule.when) takeOn(condition)
  }

  const adoptAll = (alarms: Iterable<Alarm>): void => {
    for (const alarm of alarms) if (!alarm.isCleared) adopt(alarm)
  }

  const clearOrphans = (nowMs: number): void => {
    for (const alarm of orphans) clear(alarm, nowMs)
    orphans = []
  }

  adoptAll(restored)

  return {
    apply(flip) {
      for (const scope of scopes[flip.condition] ?? []) touch(scope, flip)
    },

    silence({ device, node, sinceMs, nowMs, whole }) {
      const alarm = silent.get(device)
      if (sinceMs === null) {
        if (alarm === undefined) return
        silent.delete(device)
        clear(alarm, nowMs)
        return
      }
      if (alarm !== undefined || whole) return
      const key = { resource: device, type: deviceSilent, qualifier: '' }
      const evidence: Evidence = {
        rule: deviceSilent,
        signal: '',
        value: 0,
        limit: null,
        valueName: null,
        eventTimeMs: sinceMs,
        coordinates: null
      }
      const raised: Alarm = {
        ...key,
        id: alarmId(key, sinceMs),
        node,
        device,
        instance: '',
        kind: 'device',
        severity: 'warning',
        isCleared: false,
        raisedAtMs: sinceMs,
        changedAtMs: nowMs,
        clearedAtMs: null,
        text: renderText(silentText, evidence, { device, instance: '', node }),
        evidence
      }
      silent.set(device, raised)
      emit(raised, 'raised', nowMs)
    },

    tick(nowMs) {
      settleAll()
      clearOrphans(nowMs)
      for (let next = deadlines.peek(); next !== undefined && next.atMs <= nowMs; next = deadlines.peek()) {
        deadlines.pop()
        endHolds(next.item, next.atMs)
        forgetIfQuiet(next.item.resource)
      }
    },

    drain() {
      settleAll()
      const drained = transitions
      transitions = []
      return drained
    },

    open() {
      settleAll()
      return openById.values()
    },

    get(id) {
      settleAll()
      return openById.get(id)
    },

    byNode(node) {
      settleAll()
      const ofNode = openByNode.get(node)
      if (ofNode === undefined) return []
      return [...ofNode.values()].sort(
        (a, b) =>
          severities.indexOf(a.severity) - severities.indexOf(b.severity) || a.raisedAtMs - b.raisedAtMs
      )
    },

    raisedConditions(device, instance) {
      settleAll()
      // It is asked for every series that is met, and mostly nothing is on anywhere.
      if (resources.size === 0) return nothingRaised
      let raised: Set<number> | undefined
      for (const resource of [
        resources.get(resourceKey('instance', device, instance)),
        resources.get(resourceKey('device', device, ''))
      ]) {
        if (resource === undefined) continue
        for (const [condition, state] of resource.conditions) {
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
      const before = resources
      const oldConditions = rules.conditions
      const newIds = new Map(next.conditions.map(condition => [condition.key, condition.id]))
      rules = next
      scopes = scopesOf(next)
      resources = new Map()
      deadlines = createDeadlines()
      dirty.length = 0
      // What is known to be on comes first: an alarm taken up then finds its conditions with their samples.
      const carried: Resource[] = []
      for (const old of before.values()) {
        const resource = resourceOf(old.scope, old.device, old.instance, old.node)
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
      const alarms = [...openById.values()]
      openById.clear()
      openByNode.clear()
      silent.clear()
      adoptAll(alarms)
      clearOrphans(nowMs)
      for (const resource of carried) {
        for (const condition of resource.conditions.keys())
          for (const rule of rules.conditions[condition]?.rules ?? [])
            if (rules.rules[rule]?.scope === resource.scope) resource.touched.add(rule)
        resource.touchedAtMs = nowMs
        if (resource.touched.size > 0) dirty.push(resource)
        else forgetIfQuiet(resource)
      }
      settleAll()
    },

    relocate(nodeOf, nowMs) {
      settleAll()
      const left = new Set<string>()
      for (const resource of [...resources.values()]) {
        const node = nodeOf(resource.device, resource.instance)
        for (const state of resource.rules.values()) {
          if (state.alarm === null) continue
          if (node === undefined) {
            clear(state.alarm, nowMs)
            state.alarm = null
          } else if (node !== state.alarm.node) {
            left.add(state.alarm.node)
            state.alarm = { ...state.alarm, node, changedAtMs: Math.max(nowMs, state.alarm.changedAtMs) }
            emit(state.alarm, 'changed', state.alarm.changedAtMs)
          }
        }
        if (node === undefined) {
          for (const state of resource.rules.values())
            for (const level of state.levels) level.deadlineMs = never
          resources.delete(resource.key)
        } else resource.node = node
      }
      for (const alarm of [...silent.values()]) {
        const node = nodeOf(alarm.device, '')
        if (node === undefined) {
          silent.delete(alarm.device)
          clear(alarm, nowMs)
        } else if (node !== alarm.node) {
          left.add(alarm.node)
          const moved = { ...alarm, node, changedAtMs: Math.max(nowMs, alarm.changedAtMs) }
          silent.set(alarm.device, moved)
          emit(moved, 'changed', moved.changedAtMs)
        }
      }
      return [...left]
    },

    nextDeadlineMs() {
      settleAll()
      for (let next = deadlines.peek(); next !== undefined; next = deadlines.peek()) {
        const { atMs, item } = next
        if (item.levels.some(level => level.deadlineMs <= atMs)) return atMs
        deadlines.pop()
      }
      return null
    },

    size() {
      return { resources: resources.size, deadlines: deadlines.size(), alarms: openById.size }
    }
  }
}

/** The scopes each condition is judged in. */
function scopesOf(compiled: CompiledRules): readonly (readonly Scope[])[] {
  return compiled.conditions.map(condition => [
    ...new Set(condition.rules.map(rule => compiled.rules[rule]?.scope ?? 'instance'))
  ])
}

/** The flip among the pending ones that best says why a level changed: the earlier named condition. */
function flipOf(resource: Resource, conditions: readonly number[]): ConditionFlip | null {
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

const isQuiet = (level: LevelState): boolean => !level.on && !level.confirmed && level.deadlineMs === never

const resourceKey = (scope: Scope, device: string, instance: string): string =>
  `${scope}\0${device}\0${instance}`

const resourceName = (device: string, instance: string): string =>
  instance === '' ? device : `${device}/${instance}`

/** Field by field, because spreading an object this wide is what a storm of alarms would spend its time on. */
function copyAlarm(
  alarm: Alarm,
  node: string,
  severity: Alarm['severity'],
  changedAtMs: number,
  clearedAtMs: number | null,
  text: LocalText,
  evidence: Evidence
): Alarm {
  return {
    resource: alarm.resource,
    type: alarm.type,
    qualifier: alarm.qualifier,
    id: alarm.id,
    node,
    device: alarm.device,
    instance: alarm.instance,
    kind: alarm.kind,
    severity,
    isCleared: clearedAtMs !== null,
    raisedAtMs: alarm.raisedAtMs,
    changedAtMs,
    clearedAtMs,
    text,
    evidence
  }
}

function later(a: ConditionFlip | null, b: ConditionFlip | null): ConditionFlip | null {
  if (a === null || b === null) return a ?? b
  return b.timeMs >= a.timeMs ? b : a
}

/** 16 hex digits from the key and the time it was raised at, so that every instance and every replay names it alike. */
function alarmId(
  key: { readonly resource: string; readonly type: string; readonly qualifier: string },
  raisedAtMs: number
): string {
  return createHash('sha256')
    .update(`${key.resource}\0${key.type}\0${key.qualifier}\0${raisedAtMs}`)
    .digest('hex')
    .slice(0, 16)
}
