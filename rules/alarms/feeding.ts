import { portOfInstance } from '../../schemas/lanes.ts'
import type { CompiledRules } from '../compiled.ts'
import type { Alarm, ConditionFlip } from '../model.ts'
import { never, resourceKey, type Resource, type RuleState, type Scope } from './resource.ts'

/**
 * What composite rules are fed with: that other rules' alarms are raised and cleared, and conditions that they ask by themselves. It is
 * given to them in the order of its time, behind the holds that end before: so the order in which resources are settled, and how often,
 * changes nothing. The samples of one device come in the order of their time; those of a node's devices do not, so what is fed to rules
 * over a node waits until the clock that ends holds has come so far.
 */
export interface Feeding {
  /** A flip of a condition that a composite rule over a port or a device asks. */
  push(flip: ConditionFlip): void
  /** The alarm of a rule was raised or cleared then. */
  alarm(state: RuleState, alarm: Alarm, on: boolean, atMs: number): void
  /** A hold of a rule is under way. */
  holding(state: RuleState): void
  /** The next flip for rules over ports and devices; undefined when there is none. */
  next(): ConditionFlip | undefined
  /** Those of the next moment for rules over nodes, if it is before `endMs` and not behind `nowMs`. */
  nextOfNodes(nowMs: number, endMs: number): readonly ConditionFlip[]
  /** Forgets what waits for rules over nodes. */
  forgetNodes(): void
}

/** `endHolds` ends those of a rule that run out by then, which may raise or clear its alarm. */
export function createFeeding(
  { watching }: CompiledRules,
  scopes: readonly (readonly Scope[])[],
  endHolds: (state: RuleState, untilMs: number) => void
): Feeding {
  const near = createQueue()
  const ofNodes = createQueue()
  /** Rules that are asked, with a hold under way, by device. */
  const holders = new Map<string, Set<RuleState>>()

  const dueMs = ({ wakeMs, levels }: RuleState): number => {
    let firstMs = wakeMs
    for (const { deadlineMs } of levels) firstMs = Math.min(firstMs, deadlineMs)
    return firstMs
  }

  /**
   * Ends their holds one after the other, until one of them has something to tell; whether one has. What it tells may be what others of them
   * ask, whose holds end behind that.
   */
  const endBefore = (device: string, timeMs: number): boolean => {
    const states = holders.get(device)
    if (states === undefined) return false
    const before = near.pushed()
    for (;;) {
      let first: RuleState | undefined
      let firstMs = never
      for (const state of states) {
        const atMs = dueMs(state)
        if (atMs === never) states.delete(state)
        else if (atMs <= timeMs && atMs < firstMs) {
          first = state
          firstMs = atMs
        }
      }
      if (states.size === 0) holders.delete(device)
      if (first === undefined) return false
      endHolds(first, firstMs)
      if (near.pushed() > before) return true
    }
  }

  return {
    push: flip => near.push(flip),
    alarm({ rule, resource }, { evidence, node }, on, timeMs) {
      const condition = watching.get(rule.index)
      if (condition === undefined) return
      const { device, instance } = resource
      const { value, limit, coordinates } = evidence
      const flip = { condition, on, node, device, instance, value, limit, timeMs, coordinates }
      const asking = scopes[condition] ?? []
      if (asking.includes('over-node')) ofNodes.push(flip)
      if (asking.some(scope => scope !== 'over-node')) near.push(flip)
    },
    holding(state) {
      if (!watching.has(state.rule.index)) return
      const { device } = state.resource
      const states = holders.get(device)
      if (states === undefined) holders.set(device, new Set([state]))
      else states.add(state)
    },
    next() {
      for (let flip = near.first(); flip !== undefined; flip = near.first()) {
        if (endBefore(flip.device, flip.timeMs)) continue
        near.take()
        return flip
      }
      return undefined
    },
    nextOfNodes(nowMs, endMs) {
      const found: ConditionFlip[] = []
      const timeMs = ofNodes.first()?.timeMs ?? never
      if (timeMs > nowMs || timeMs >= endMs) return found
      for (let flip = ofNodes.first(); flip?.timeMs === timeMs; flip = ofNodes.first()) {
        ofNodes.take()
        found.push(flip)
      }
      return found
    },
    forgetNodes: () => ofNodes.clear()
  }
}

/** Flips by their time; of one moment as they were pushed. */
function createQueue() {
  let flips: ConditionFlip[] = []
  let at = 0
  let pushed = 0
  let isSorted = true
  const clear = (): void => {
    flips = []
    at = 0
    isSorted = true
  }
  return {
    push(flip: ConditionFlip): void {
      const last = flips.at(-1)
      if (last !== undefined && last.timeMs > flip.timeMs) isSorted = false
      flips.push(flip)
      pushed++
    },
    first(): ConditionFlip | undefined {
      if (flips.length === 0) return undefined
      if (!isSorted) {
        flips = flips.slice(at).sort((a, b) => a.timeMs - b.timeMs)
        at = 0
        isSorted = true
      }
      return flips[at]
    },
    /** Takes the first away. */
    take(): void {
      if (++at === flips.length) clear()
    },
    pushed: () => pushed,
    clear
  }
}

/** Where a flip belongs in a scope: the device and instance of the resource, and the name of what it is one of. */
export function placeIn(scope: Scope, flip: ConditionFlip): Place {
  const { device, instance, node } = flip
  switch (scope) {
    case 'instance':
    case 'over-port':
      return { device, instance: portOfInstance(instance), member: instance }
    case 'device':
    case 'over-device':
      return { device, instance: '', member: instance }
    case 'over-node':
      return { device: '', instance: node, member: `${device}\0${instance}` }
  }
}

export interface Place {
  readonly device: string
  readonly instance: string
  readonly member: string
}

/** Of these scopes, those of composite rules over ports and devices. */
export const nearScopesOf = (scopes: readonly Scope[] = []): readonly Scope[] =>
  scopes.filter(scope => isOver(scope) && scope !== 'over-node')

export const isOver = (scope: Scope): boolean => scope.startsWith('over-')

/** The scopes each condition is judged in. */
export function scopesOf(compiled: CompiledRules): readonly (readonly Scope[])[] {
  return compiled.conditions.map(condition => [
    ...new Set(condition.rules.map(rule => compiled.rules[rule]?.scope ?? 'instance'))
  ])
}

export interface FedEngine {
  readonly resources: ReadonlyMap<string, Resource>
  readonly rules: CompiledRules
  readonly scopes: readonly (readonly Scope[])[]
  readonly settleAll: () => void
  /** Takes what is known to be on for on; what it means is judged when all of it is known. */
  readonly takeForOn: (scope: Scope, flip: ConditionFlip) => void
  readonly judgeAgain: (resource: Resource, atMs: number) => void
}

/**
 * Brings what composite rules know of other rules' alarms in line with those that are open, and judges them anew: after a start, a
 * reload or a move of alarms. Where nothing is otherwise than they know, nothing changes.
 */
export function feedAgain(
  { resources, rules, scopes, settleAll, takeForOn, judgeAgain }: FedEngine,
  nowMs: number
): void {
  if (!scopes.some(of => of.some(isOver))) return
  settleAll()
  const open = new Set<string>()
  for (const flip of watchedAlarms(resources.values(), rules.watching))
    for (const scope of scopes[flip.condition] ?? []) {
      if (!isOver(scope)) continue
      const { device, instance, member } = placeIn(scope, flip)
      const key = resourceKey(scope, device, instance)
      open.add(`${flip.condition}\0${key}\0${member}`)
      if (resources.get(key)?.conditions.get(flip.condition)?.instances.has(member) !== true)
        takeForOn(scope, flip)
    }
  for (const resource of [...resources.values()]) {
    if (!isOver(resource.scope)) continue
    for (const [condition, { instances }] of resource.conditions) {
      if (rules.conditions[condition]?.op !== 'alarm') continue
      for (const member of instances)
        if (!open.has(`${condition}\0${resource.key}\0${member}`)) instances.delete(member)
      if (instances.size === 0) resource.conditions.delete(condition)
    }
    for (const index of resource.rules.keys()) resource.touched.add(index)
    judgeAgain(resource, Math.max(nowMs, resource.changedAtMs))
  }
  settleAll()
}

/** Open alarms of rules that are asked, as flips. */
function watchedAlarms(resources: Iterable<Resource>, watching: CompiledRules['watching']): ConditionFlip[] {
  const found: ConditionFlip[] = []
  for (const { rules, device, instance } of resources)
    for (const { rule, alarm } of rules.values()) {
      const condition = watching.get(rule.index)
      if (condition === undefined || alarm === null) continue
      const { node, evidence, changedAtMs } = alarm
      const { value, limit, coordinates } = evidence
      found.push({
        condition,
        on: true,
        node,
        device,
        instance,
        value,
        limit,
        timeMs: changedAtMs,
        coordinates
      })
    }
  return found
}
