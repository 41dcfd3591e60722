import { lights, tiers, type Light, type Tier } from '../schemas/words.ts'
import type { CompiledInventory } from './compile.ts'
import { asideOf, isAside, nodeOfAside } from './lights/asides.ts'
import { takeChanges } from './lights/changes.ts'
import { falling } from './lights/falling.ts'
import { causeOf, kindOf } from './lights/causes.ts'
import { createIncidentBook } from './lights/incidents.ts'
import type { NodeAlarms } from './lights/node-alarms.ts'
import { free, nextFreedMs, settleIncidents } from './lights/life.ts'
import { pass } from './lights/pass.ts'
import { below, redundancyLostBy, wayToCore, type Below } from './lights/reach.ts'
import { isBySilence } from './lights/pending.ts'
import { empty } from './lights/queues.ts'
import { isPlanned } from './lights/roots.ts'
import {
  leaveCollectors,
  setAlarms,
  setCollectorSilence,
  setDeviceSilence,
  silentSince
} from './lights/evidence.ts'
import { isWithoutMains } from './lights/mains.ts'
import {
  createLightState,
  cut,
  deviceCount,
  enqueue,
  none,
  setShown,
  startOver,
  unchanged,
  type LightOptions,
  type LightState,
  type Rhythm
} from './lights/state.ts'
import type { Incident, IncidentChange, LightChanges, NodeLight } from './model.ts'

/**
 * The light engine: from open alarms and silences to one light a node and one incident a root cause. Semantics,
 * in the order they are applied (docs/lights.md says the same for people):
 *
 * 1. Own light: red for a red alarm, or when the links of all its ways are down; grey when all devices are silent;
 *    yellow for a yellow alarm, or when some links or some devices are lost; else green. A node without devices is green: nothing is known against it. Devices that have never
 *    reported make their node grey ("no data yet") only when there is no other, and open no incident.
 * 2. Reach: a node is cut off when all its ways are: the links of each are down, or lead to a node that is cut off
 *    itself, or silent. A node that still reports is not cut off by a merely silent one: it is heard, so there is a way.
 *    No colour cuts anybody off.
 * 3. Power: where a node has lost its mains, nodes below it without a UPS that go dark, UPS below it that lose their
 *    mains too, and siblings lost within a minute all belong to its incident.
 * 4. Effective light, for the caller: red for a node that is known to be out, by its own fault, cut off above, or dark by a
 *    power cut; grey for one that is silent below a silent one: nothing is known; else the own light; yellow for a node
 *    that has lost one of several ways.
 *
 * Only what may change is computed again: nodes whose input changed, then children of nodes whose state changed,
 * level by level from the core down.
 */
export interface LightEngine {
  /** The open alarms of a node, summarised; null when none is open. */
  setAlarms(node: number, alarms: NodeAlarms | null): void
  /** Whether `setAlarms` told of open alarms last. */
  hasAlarms(node: number): boolean
  /**
   * A device is silent since a time (ms), or heard again (null). `neverReported`: it has not been heard since it came
   * into the inventory, so nothing can be said of it yet; report it only after the grace for a start.
   */
  setDeviceSilence(device: number, sinceMs: number | null, neverReported?: boolean): void
  /**
   * Devices of a collector are not heard because of it, so that nothing is known of these nodes; null when it is well again. With
   * `isToldAlone` it is an incident though there is no such node.
   */
  setCollectorSilence(
    collector: string,
    nodes: readonly number[],
    sinceMs: number | null,
    isToldAlone?: boolean
  ): void
  /** Something of the node is heard again that collectors had lost. */
  leaveCollectors(node: number): void
  /** Tells who is heard when: from then on no incident opens for silence before those who could explain it were asked. */
  useRhythm(rhythm: Rhythm): void
  /**
   * Applies everything set since the last call. Cheap when nothing was. Where `isOver` is given it is asked after each node,
   * and ends the update early when it says so: what was not gone over yet keeps its light and incident, and the next update goes on.
   */
  update(nowMs: number, isOver?: () => boolean): LightUpdate
  /** When `update` must be called again though nothing was set (ms), or null. */
  nextDeadlineMs(): number | null
  light(node: number): NodeLight
  /** What is shown of a node, without why and since when. */
  effective(node: number): Light
  /** Open incidents. */
  incidents(): readonly Incident[]
  /** Open incidents this node is the root of or is affected by. */
  incidentsOf(node: number): readonly Incident[]
  /** Nodes, addresses and subscribers at and below a node, each node once. */
  below(node: number): Below
  /**
   * What is without service when the node has no power any more, itself and those that are so already included: what hangs on it alone.
   * Undefined where that is a large part of the network, which `below` tells better.
   */
  falling(node: number): Below | undefined
  /** From the node's parent up to a core: a live way where there is one, else the first. Node indices. */
  wayToCore(node: number): readonly number[]
  silenceOf(node: number): NodeSilence
  /** All ways of the node are known to be lost. */
  isCut(node: number): boolean
  /** It is known why nothing is heard of the node: it is cut off, or it or what is above it has lost the mains. */
  isExplained(node: number): boolean
  /** How many nodes of a tier have a light. */
  count(tier: Tier, light: Light): number
  /** Takes over another inventory: what is known of nodes and devices goes with their ids. */
  reload(inventory: CompiledInventory, nowMs: number): LightUpdate
  /**
   * Brings back what was stored, before alarms and silences are set again and `update` is called for the first time:
   * the update then tells only what has changed since.
   */
  restore(stored: StoredLights): void
}

export interface LightUpdate {
  readonly lightChanges: LightChanges
  readonly incidentChanges: readonly IncidentChange[]
  /** It was ended early: something is left to do. */
  readonly more: boolean
}

export interface NodeSilence {
  readonly devices: number
  readonly silent: number
  readonly neverReported: number
  /** When the last device of the silent was heard last (ms); null when none is silent. */
  readonly sinceMs: number | null
}

export interface StoredLights {
  readonly lights: Iterable<{ node: string; own: Light; effective: Light; sinceMs: number }>
  readonly incidents: Iterable<Incident>
}

export const lightDefaults: LightOptions = {
  settleMs: 0,
  powerSettleMs: 0,
  recoverMs: 0,
  reopenMs: 0,
  powerWindowMs: 60_000
}

export function createLightEngine(
  inventory: CompiledInventory,
  options: Partial<LightOptions> = {}
): LightEngine {
  const settings = { ...lightDefaults, ...options }
  const state = createLightState(inventory, createIncidentBook(settings.reopenMs), settings)
  return {
    setAlarms: (node, alarms) => setAlarms(state, node, alarms),
    hasAlarms: node => state.alarmsOf.has(node),
    setDeviceSilence: (device, sinceMs, neverReported) =>
      setDeviceSilence(state, device, sinceMs, neverReported),
    setCollectorSilence: (collector, nodes, sinceMs, isToldAlone) =>
      setCollectorSilence(state, collector, nodes, sinceMs, isToldAlone),
    leaveCollectors: node => leaveCollectors(state, node),
    useRhythm(rhythm) {
      state.rhythm = rhythm
    },
    update: (nowMs, isOver) => update(state, nowMs, isOver),
    nextDeadlineMs() {
      const firstMs = Math.min(state.book.nextDeadlineMs() ?? Infinity, nextFreedMs(state))
      return firstMs === Infinity ? null : firstMs
    },
    light: node => light(state, node),
    effective: node => lights[state.tree.effective[node]!]!,
    incidents: () => state.book.open(),
    incidentsOf: node => incidentsOf(state, node),
    below: node => below(state, node),
    falling: node => falling(state, node),
    wayToCore: node => wayToCore(state, node),
    isCut: node => state.tree.reach[node] === cut,
    isExplained: node => state.tree.reach[node] === cut || isWithoutMains(state, node),
    silenceOf: node => silenceOf(state, node),
    count: (tier, shown) => state.tree.counts[tiers.indexOf(tier) * lights.length + lights.indexOf(shown)]!,
    reload: (next, nowMs) => reload(state, next, nowMs),
    restore: stored => restore(state, stored)
  }
}

const never = (): boolean => false

function update(state: LightState, nowMs: number, isOver = never): LightUpdate {
  state.linkSeenUp.clear()
  state.heardThrough.clear()
  // Incidents are those of the whole, so they wait until every light is known.
  const isWhole = pass(state, nowMs, isOver) && settleIncidents(state, nowMs, isOver)
  const lightChanges = takeChanges(state.tree.inventory, state.changes, nowMs)
  return { lightChanges, incidentChanges: state.book.drain(), more: !isWhole }
}

function silenceOf(state: LightState, node: number): NodeSilence {
  const sinceMs = silentSince(state, node)
  return {
    devices: deviceCount(state, node),
    silent: state.tree.silent[node]!,
    neverReported: state.tree.never[node]!,
    sinceMs: Number.isFinite(sinceMs) ? sinceMs : null
  }
}

function incidentsOf(state: LightState, node: number): readonly Incident[] {
  const roots = new Set<number>()
  if (state.tree.isCause[node] === 1) roots.add(node)
  if (state.tree.root[node] !== none) roots.add(state.tree.root[node]!)
  const by = redundancyLostBy(state, node)
  if (by !== none) roots.add(by)
  if (state.asides.has(node)) roots.add(asideOf(node))
  return [...roots].map(root => state.book.of(root)).filter(incident => incident !== undefined)
}

function light(state: LightState, node: number): NodeLight {
  const root = state.tree.root[node]!
  return {
    own: lights[state.tree.own[node]!]!,
    effective: lights[state.tree.effective[node]!]!,
    sinceMs: state.tree.sinceMs[node] === unchanged ? null : state.tree.sinceMs[node]!,
    cause: causeOf(state, node),
    maintenance:
      state.tree.inventory.isMaintenance(node) ||
      (root >= 0 && isPlanned(state, root, isBySilence(state, root) ? 'unknown' : kindOf(state, root)))
  }
}

function restore(state: LightState, stored: StoredLights): void {
  for (const entry of stored.lights) {
    const node = state.tree.inventory.nodeIndex(entry.node)
    if (node === undefined) continue
    setShown(state, node, lights.indexOf(entry.own), lights.indexOf(entry.effective), entry.sinceMs)
  }
  for (const incident of stored.incidents) {
    if (incident.kind === 'collector') {
      if (incident.closedAtMs !== null) continue
      setCollectorSilence(state, incident.root, [], incident.openedAtMs)
      const { code } = state.collectors.get(incident.root)!
      state.book.restore(code, incident)
      continue
    }
    const root = state.tree.inventory.nodeIndex(incident.root)
    if (root === undefined) continue
    if (incident.closedAtMs === null) restoreBeside(state, root, incident)
    else state.book.restore(root, incident)
    if (incident.closedAtMs !== null) continue
    state.restored.add(root)
    state.touched.add(root)
    enqueue(state, root)
  }
}

/** Of two that were open at one node, the older is of what was wrong within it before it was put out. */
function restoreBeside(state: LightState, root: number, incident: Incident): void {
  const { asides, book, touched } = state
  const other = book.of(root)
  if (other !== undefined) {
    asides.set(root, 0)
    touched.add(root)
    if (other.openedAtMs > incident.openedAtMs) return book.restore(asideOf(root), incident)
    book.move(root, asideOf(root))
  }
  book.restore(root, incident)
}

function reload(state: LightState, next: CompiledInventory, nowMs: number): LightUpdate {
  update(state, nowMs)
  const old = state.tree
  const oldAlarms = state.alarmsOf
  const oldFreed = state.freed
  const newNode = (node: number): number | undefined => next.nodeIndex(old.inventory.nodeId(node))
  const oldAsides = state.asides
  startOver(state, next)
  for (const [node, untilMs] of oldAsides) {
    const to = newNode(node)
    if (to !== undefined) state.asides.set(to, untilMs)
  }
  // Whose trouble was another's until now has its time to come back, should that have changed.
  for (let i = 0; i < old.inventory.nodeCount; i++) {
    const root = old.root[i]!
    const [to, by] = [newNode(i), root < 0 || root === i ? undefined : newNode(root)]
    if (to === undefined || by === undefined) continue
    state.tree.leftRoot[to] = by
    state.tree.leftMs[to] = nowMs
  }
  for (let i = 0; i < old.inventory.nodeCount; i++) {
    const node = newNode(i)
    if (node !== undefined) setShown(state, node, old.own[i]!, old.effective[i]!, old.sinceMs[i]!)
  }
  for (const [node, alarms] of oldAlarms) {
    const to = newNode(node)
    if (to !== undefined) setAlarms(state, to, alarms)
  }
  for (let d = 0; d < old.inventory.deviceCount; d++) {
    if (Number.isNaN(old.deviceSilentMs[d]!)) continue
    const device = next.deviceIndex(old.inventory.deviceId(d))
    if (device !== undefined)
      setDeviceSilence(state, device, old.deviceSilentMs[d]!, old.deviceNever[d] === 1)
  }
  for (const [name, collector] of state.collectors) {
    const nodes = [...collector.nodes].map(newNode).filter(node => node !== undefined)
    collector.nodes.clear()
    setCollectorSilence(state, name, nodes, collector.sinceMs, collector.isToldAlone)
  }
  for (let node = oldFreed.shift(); node !== empty; node = oldFreed.shift()) {
    const by = old.freedFrom[node]!
    const untilMs = old.freedUntilMs[node]!
    const [to, root] = [newNode(node), by < 0 ? by : newNode(by)]
    if (untilMs > 0 && to !== undefined && root !== undefined)
      free(state, to, root, untilMs - state.options.recoverMs)
  }
  state.book.renumber(root => {
    const aside = isAside(root) ? newNode(nodeOfAside(root)) : undefined
    if (isAside(root)) return aside === undefined ? undefined : asideOf(aside)
    return root < 0 ? root : newNode(root)
  }, nowMs)
  for (const root of state.book.roots()) state.touched.add(root)
  return update(state, nowMs)
}
