import type { CompiledInventory } from '../../topology/compile.ts'
import type { Collector } from './collectors.ts'

/**
 * Whether it is a collector that has lost a part of its devices, or each of them by itself. It is judged by share and simultaneity: they
 * stopped at once, and are a good part of all that should have been heard since. And by what contradicts it: a fault of the
 * network takes what hangs together, while a collector takes one of two neighbours, the node and not what hangs on it, one
 * device of a node and not the other; and a fault of the network takes devices of other collectors, too.
 */
export interface Heard {
  readonly inventory: Pick<
    CompiledInventory,
    'home' | 'childStart' | 'childList' | 'deviceStart' | 'deviceList' | 'feederOf'
  >
  readonly deviceCount: number
  /** Node of a device. */
  nodeOf(device: number): number
  /** When the device was heard last (ms), 0 for never. */
  lastMs(device: number): number
  /** When that was read (ms, by the clock of who read it), 0 where it is not known. */
  readMs(device: number): number
  intervalMs(device: number): number
  isSilent(device: number): boolean
  /** A collector has lost it already. */
  isLost(device: number): boolean
  eachCollector(device: number, act: (collector: Collector) => void): void
  /** The network explains that nothing is heard of the node. */
  isExplained(node: number): boolean
}

/** A poll may come so much later than its interval says. */
const lateness = 0.25
/** A device of which nothing was heard for so many intervals is overdue: it has missed a poll. */
const overdueIntervals = 1.5
/** Of the devices that should have been heard since, those it has lost. */
const shareMin = 0.2
/** Of the devices that stopped then, those that are its. */
const ownShareMin = 0.8
/** Places in which a fault of the network would have taken more, or less; and of the nodes, those of which that is so: a record may be late. */
const placesMin = 3
const againstMin = 0.1

/** Longest time that a record may be on its way (ms) to be counted by when it was read. */
const onTheWayMsMax = 120_000

/** So many devices are looked at before all are. */
const sampledMax = 20_000

/** What stopped with a device (ms): a device that was lost with it was heard last between these times. */
export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** The one collector that hears the device; undefined where there is none, or several. */
export function onlyCollectorOf(heard: Heard, device: number): Collector | undefined {
  let only: Collector | undefined
  let several = false
  heard.eachCollector(device, collector => {
    several ||= only !== undefined
    only = collector
  })
  return several ? undefined : only
}

/** Between which times others that were lost together with this device were heard last. */
function windowOf(heard: Heard, device: number): Window {
  const lastMs = heard.lastMs(device)
  return { fromMs: lastMs, toMs: lastMs + heard.intervalMs(device) * (1 + lateness) }
}

/**
 * Whether a device stopped within the window. Its last poll before may have been an interval earlier; of one that is silent already, two,
 * for one may have been lost by chance. What came behind the window may have been read in it.
 */
export const stoppedIn = (
  heard: Heard,
  device: number,
  { fromMs, toMs }: Window,
  polls = heard.isSilent(device) ? 2 : 1
): boolean => {
  const lastMs = heard.lastMs(device)
  const isIn = (ms: number): boolean =>
    ms > 0 && ms <= toMs && ms >= fromMs - heard.intervalMs(device) * (polls + lateness)
  if (lastMs <= toMs) return isIn(lastMs)
  // Of a clock that is off by more than a record is ever late, nothing can be said.
  return lastMs <= toMs + onTheWayMsMax && isIn(heard.readMs(device))
}

/**
 * The devices that the collector has lost together with this one, which has missed its polls; none where that is not its doing.
 *
 * @param nowMs up to when what was sent has been heard
 */
export function lostTogether(
  heard: Heard,
  collector: Collector,
  device: number,
  nowMs: number,
  devicesMin: number
): { readonly devices: readonly number[]; readonly window: Window } | undefined {
  const window = windowOf(heard, device)
  const isLost = (other: number): boolean =>
    !heard.isLost(other) &&
    nowMs - heard.lastMs(other) > overdueIntervals * heard.intervalMs(other) &&
    stoppedIn(heard, other, window)
  /** What it has lost, looking at each `step`th device; none where that is no good part. */
  const lostOf = (step: number): readonly number[] => {
    const devices: number[] = []
    let ofOthers = 0
    let heardSince = 0
    for (let other = 0; other < heard.deviceCount; other += step) {
      const hasStopped = isLost(other)
      const isSince = !hasStopped && heard.lastMs(other) > window.toMs
      if (!isSince && !hasStopped) continue
      const isOwn = onlyCollectorOf(heard, other) === collector
      if (isSince) heardSince += isOwn ? 1 : 0
      else if (heard.isExplained(heard.nodeOf(other))) continue
      else if (isOwn) devices.push(other)
      else ofOthers++
    }
    const isMany =
      devices.length * step >= devicesMin &&
      devices.length >= shareMin * (devices.length + heardSince) &&
      devices.length >= ownShareMin * (devices.length + ofOthers)
    return isMany ? devices : []
  }
  // In a large network most who ask get their "no" from a sample of it.
  const step = Math.max(1, Math.floor(heard.deviceCount / sampledMax))
  if (step > 1 && lostOf(step).length === 0) return undefined
  const devices = lostOf(1)
  const isFound =
    devices.length > 0 && !isOneFeeder(heard, devices) && isContradicted(heard, devices, window, isLost)
  return isFound ? { devices, window } : undefined
}

/** The inventory says that all of them hang on the same mains. */
function isOneFeeder(heard: Heard, devices: readonly number[]): boolean {
  const feeders = new Set(devices.map(device => heard.inventory.feederOf(heard.nodeOf(device))))
  return feeders.size === 1 && !feeders.has(0)
}

/** Whether a fault of the network would have taken more than these devices, or less, and that in several places. */
function isContradicted(
  heard: Heard,
  devices: readonly number[],
  window: Window,
  isLost: (device: number) => boolean
): boolean {
  const { home, childStart, childList, deviceStart, deviceList } = heard.inventory
  const some = (node: number, is: (device: number) => boolean): boolean => {
    for (let at = deviceStart[node]!; at < deviceStart[node + 1]!; at++) if (is(deviceList[at]!)) return true
    return false
  }
  const isHeard = (node: number): boolean =>
    some(node, device => heard.lastMs(device) > window.toMs && !isLost(device))
  const isDark = (node: number): boolean => some(node, isLost) && !isHeard(node)
  const childrenHeard = (node: number): number => {
    let found = 0
    for (let at = childStart[node]!; at < childStart[node + 1]!; at++)
      if (home[childList[at]!] === node && isHeard(childList[at]!)) found++
    return found
  }
  const nodes = new Set(devices.map(device => heard.nodeOf(device)))
  /** Dark nodes by what feeds them. */
  const below = new Map<number, number>()
  let places = 0
  let against = 0
  for (const node of nodes) {
    const above = home[node]!
    // One of its devices and not the other; the node and not what hangs on it.
    if (!isDark(node) || childrenHeard(node) > 0) {
      places++
      against++
    } else if (above !== -1 && !isDark(above)) below.set(above, (below.get(above) ?? 0) + 1)
  }
  // A neighbour that is heard speaks for what feeds both.
  for (const [above, dark] of below) {
    const most = Math.min(dark, childrenHeard(above))
    against += most
    if (most > 0) places++
  }
  return places >= placesMin && against >= againstMin * nodes.size
}
