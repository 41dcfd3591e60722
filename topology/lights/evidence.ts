import {
  collectorBase,
  deviceCount,
  enqueue,
  firstParent,
  none,
  type Collector,
  type LightState
} from './state.ts'
import { setMainsLost } from './mains.ts'
import type { NodeAlarms } from './node-alarms.ts'
import { isLinkCut, linksSince, setPorts } from './ways.ts'

/** What is known of nodes by their own word, and by their silence. */

/**
 * All devices silent, at least one of which has been heard before. What a collector has lost is not silent by that: it is told to be where
 * others say that it is.
 */
export function isSilentTrouble(state: LightState, node: number): boolean {
  const { tree } = state
  return tree.silent[node]! > 0 && tree.silent[node]! + tree.never[node]! === deviceCount(state, node)
}

export function noData(state: LightState, node: number): boolean {
  const { tree } = state
  return tree.never[node]! > 0 && tree.never[node] === deviceCount(state, node)
}

export function heard(state: LightState, node: number): boolean {
  const { tree } = state
  return tree.silent[node]! + tree.never[node]! < deviceCount(state, node) && !state.collectorsOf.has(node)
}

export function silentSince(state: LightState, node: number): number {
  const { tree } = state
  const { deviceStart, deviceList } = tree.inventory
  let sinceMs = -Infinity
  for (let e = deviceStart[node]!; e < deviceStart[node + 1]!; e++) {
    const device = deviceList[e]!
    const silentMs = tree.deviceSilentMs[device]!
    if (tree.deviceNever[device] === 0 && silentMs > sinceMs) sinceMs = silentMs
  }
  return sinceMs
}

/** When the trouble of a node itself began, by what makes its own light (ms). */
export function troubleSince(state: LightState, node: number): number {
  const alarms = state.alarmsOf.get(node)
  const linksMs = linksSince(state, node)?.sinceMs
  if (linksMs !== undefined && isLinkCut(state, node)) return linksMs
  if (alarms?.light === 'red') return alarms.sinceMs
  if (isSilentTrouble(state, node)) return silentSince(state, node)
  const alarmsMs = alarms === undefined || alarms.light === null ? undefined : alarms.sinceMs
  if (alarmsMs === undefined && linksMs === undefined) return silentSince(state, node)
  return Math.min(alarmsMs ?? Infinity, linksMs ?? Infinity)
}

/** Without mains and without a UPS, by the last words of its switch: it is out, and its links are down by that. */
export const isPowerless = ({ alarmsOf, tree }: LightState, node: number): boolean =>
  tree.isMainsLost[node] === 1 && tree.hasUps[node] === 0 && alarmsOf.get(node)?.light === 'red'

/** No more is known against the node than what a node without mains looks like: silent, or its links down. */
export function looksDark(state: LightState, node: number): boolean {
  if (state.alarmsOf.get(node)?.light === 'red') return false
  return isLinkCut(state, node) || isSilentTrouble(state, node)
}

/** How long after it was heard last a node that is known by silence alone may have been well yet (ms): a poll may be lost by chance. */
export function missedAfterMs(state: LightState, node: number): number {
  if (state.rhythm === null || isLinkCut(state, node)) return 0
  const { deviceStart, deviceList } = state.tree.inventory
  let intervalMs = 0
  for (let e = deviceStart[node]!; e < deviceStart[node + 1]!; e++)
    intervalMs = Math.max(intervalMs, state.rhythm.intervalMs(deviceList[e]!))
  // While its collector had lost it nobody can know.
  const wasLost = state.tree.leftRoot[node]! <= collectorBase && isSilentTrouble(state, node)
  const lostMs = wasLost ? state.tree.leftMs[node]! - silentSince(state, node) : 0
  return Math.max(2 * intervalMs, lostMs)
}

/** Since when what a node told of itself at a moment may have been so (ms), because nothing had been heard of it before. */
export function unheardFromMs({ rhythm, tree }: LightState, node: number, atMs: number): number {
  let fromMs = atMs
  if (rhythm === null) return fromMs
  const { deviceStart, deviceList } = tree.inventory
  for (let at = deviceStart[node]!; at < deviceStart[node + 1]!; at++)
    fromMs = Math.min(fromMs, rhythm.awayFromMs(deviceList[at]!, atMs))
  return fromMs
}

export function isUpsHeard(state: LightState, node: number): boolean {
  const { tree } = state
  return (
    !state.collectorsOf.has(node) &&
    tree.inventory
      .devicesOfNode(node)
      .some(
        device => tree.inventory.makeOf(device).role === 'ups' && Number.isNaN(tree.deviceSilentMs[device]!)
      )
  )
}

/** Takes over what the alarms of a node say of a service that it has lost. */
function setService(state: LightState, node: number): void {
  const parent = firstParent(state, node)
  if (parent === none) return
  const lost = state.alarmsOf.get(node)?.service
  const known = state.servicesLost.get(parent)
  if (lost === undefined && known?.has(node) !== true) return
  const nodes = known ?? new Map<number, number>()
  for (const other of nodes.keys()) enqueue(state, other)
  if (lost === undefined) nodes.delete(node)
  else nodes.set(node, lost.sinceMs)
  if (nodes.size === 0) state.servicesLost.delete(parent)
  else state.servicesLost.set(parent, nodes)
}

export function setAlarms(state: LightState, node: number, alarms: NodeAlarms | null): void {
  if (alarms === null && !state.alarmsOf.has(node)) return
  if (alarms === null) state.alarmsOf.delete(node)
  else state.alarmsOf.set(node, alarms)
  state.tree.isKnown[node] = 1
  setMainsLost(state, node, alarms?.mainsLostSinceMs ?? null)
  if (alarms?.isOfRing !== true) state.ringsExplained.delete(node)
  setPorts(state, node, alarms?.ports ?? [])
  setService(state, node)
  enqueue(state, node)
}

export function setDeviceSilence(
  state: LightState,
  device: number,
  sinceMs: number | null,
  neverReported = false
): void {
  const { tree } = state
  const node = tree.inventory.deviceNode[device]!
  const was = tree.deviceSilentMs[device]!
  const wasNever = tree.deviceNever[device] === 1
  const never = sinceMs !== null && neverReported
  if ((sinceMs === null ? Number.isNaN(was) : was === sinceMs) && wasNever === never) return
  if (!Number.isNaN(was)) {
    if (wasNever) tree.never[node]!--
    else tree.silent[node]!--
  }
  tree.deviceSilentMs[device] = sinceMs ?? NaN
  tree.deviceNever[device] = never ? 1 : 0
  if (sinceMs !== null) {
    if (never) tree.never[node]!++
    else tree.silent[node]!++
  }
  enqueue(state, node)
}

/** The node is heard, whatever its collectors have lost. */
export function leaveCollectors(state: LightState, node: number): void {
  for (const collector of state.collectorsOf.get(node) ?? []) leaveCollector(state, collector, node)
}

function leaveCollector(state: LightState, collector: Collector, node: number): void {
  const left = state.collectorsOf.get(node)?.filter(other => other !== collector) ?? []
  if (left.length === 0) state.collectorsOf.delete(node)
  else state.collectorsOf.set(node, left)
  collector.nodes.delete(node)
  state.touched.add(collector.code)
  enqueue(state, node)
}

export function setCollectorSilence(
  state: LightState,
  name: string,
  nodes: readonly number[],
  sinceMs: number | null,
  isToldAlone = false
): void {
  let collector = state.collectors.get(name)
  if (collector === undefined) {
    if (sinceMs === null) return
    const code = collectorBase - state.collectorNames.length
    collector = { code, sinceMs: null, nodes: new Set(), isToldAlone }
    state.collectors.set(name, collector)
    state.collectorNames.push(name)
  }
  const left = new Set(sinceMs === null ? [] : nodes)
  for (const node of [...collector.nodes]) {
    if (!left.has(node) || collector.sinceMs !== sinceMs) leaveCollector(state, collector, node)
  }
  collector.sinceMs = sinceMs
  collector.isToldAlone = sinceMs !== null && isToldAlone
  state.touched.add(collector.code)
  for (const node of left) {
    if (collector.nodes.has(node)) continue
    collector.nodes.add(node)
    const all = [...(state.collectorsOf.get(node) ?? []), collector]
    all.sort((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0) || b.code - a.code)
    state.collectorsOf.set(node, all)
    state.tree.isKnown[node] = 1
    enqueue(state, node)
  }
}
