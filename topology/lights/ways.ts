import { down, degraded, enqueue, up, type DownPort, type LightState, type LostWay } from './state.ts'
import type { PortDown } from './node-alarms.ts'

/** Ways of nodes by their links: which are up, degraded or down, and by the word of which port. */

/** Takes over which trunk ports the alarms of a node say to be down. */
export function setPorts(state: LightState, node: number, ports: readonly PortDown[]): void {
  const before = state.portsToldBy.get(node)
  if (before === undefined && ports.length === 0) return
  const touched = new Set<number>()
  for (const port of before ?? []) {
    for (const way of port.ways) {
      const left = state.downPorts.get(way)!.filter(other => other !== port)
      if (left.length === 0) state.downPorts.delete(way)
      else state.downPorts.set(way, left)
      touched.add(way)
    }
  }
  const now = ports.flatMap(port => downPortOf(state, port))
  for (const port of now) {
    for (const way of port.ways) {
      state.downPorts.set(way, [...(state.downPorts.get(way) ?? []), port])
      touched.add(way)
    }
  }
  if (now.length === 0) state.portsToldBy.delete(node)
  else state.portsToldBy.set(node, now)
  for (const way of touched) judgeWay(state, way)
}

function downPortOf(state: LightState, port: PortDown): DownPort[] {
  const { device, instance, sinceMs, alarm, isByHand } = port
  const { inventory } = state.tree
  const index = inventory.deviceIndex(device)
  const end = index === undefined ? undefined : inventory.linkEnd(index, instance)
  return end === undefined ? [] : [{ port: `${device}/${instance}`, sinceMs, alarm, isByHand, ...end }]
}

/** A way is down when as many links are down at one of its ends as it has: which link at one end is which at the other nobody tells. */
function judgeWay(state: LightState, way: number): void {
  const { tree } = state
  const node = nodeOfWay(state, way)
  const ports = state.downPorts.get(way) ?? []
  const all = tree.inventory.linksOf[way]!
  let downMs = Infinity
  for (const isLower of [true, false]) {
    const links = linksDown(ports.filter(port => (port.node === node) === isLower))
    if (links.length >= all) downMs = Math.min(downMs, links[all - 1]!)
  }
  const first = earliest(ports)
  if (first === undefined) state.lostWays.delete(way)
  else
    state.lostWays.set(way, {
      sinceMs: downMs === Infinity ? first.sinceMs : downMs,
      alarm: first.alarm,
      isByHand: ports.every(port => port.isByHand)
    })
  tree.ways[way] = first === undefined ? up : downMs === Infinity ? degraded : down
  enqueue(state, node)
}

/** Since when the links are down that are (ms), in order. */
function linksDown(ports: readonly DownPort[]): number[] {
  // A port may be down by two alarms: it has lost its link, and then was switched off.
  const byLink = new Map<string, Map<string, DownPort>>()
  for (const port of ports) {
    const members = byLink.get(port.link) ?? new Map<string, DownPort>()
    byLink.set(port.link, members)
    const known = members.get(port.port)
    if (known === undefined || port.sinceMs < known.sinceMs) members.set(port.port, port)
  }
  const since: number[] = []
  for (const byPort of byLink.values()) {
    const members = [...byPort.values()]
    const whole = members.find(port => port.isWhole)
    const parts = members.filter(port => !port.isWhole)
    if (whole !== undefined) since.push(whole.sinceMs)
    else if (parts.length >= parts[0]!.parts) since.push(Math.max(...parts.map(port => port.sinceMs)))
  }
  return since.sort((a, b) => a - b)
}

function earliest(ports: readonly DownPort[]): DownPort | undefined {
  let first: DownPort | undefined
  for (const port of ports) {
    const isEarlier = first === undefined || port.sinceMs < first.sinceMs
    if (isEarlier || (port.sinceMs === first!.sinceMs && port.port < first!.port)) first = port
  }
  return first
}

function nodeOfWay(state: LightState, way: number): number {
  const { parentStart, nodeCount } = state.tree.inventory
  let low = 0
  let high = nodeCount - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (parentStart[middle]! <= way) low = middle
    else high = middle - 1
  }
  return low
}

/** All ways of the node are down by their links. */
export function isLinkCut(state: LightState, node: number): boolean {
  const { inventory, ways } = state.tree
  const first = inventory.parentStart[node]!
  const end = inventory.parentStart[node + 1]!
  for (let way = first; way < end; way++) if (ways[way] !== down) return false
  return end > first
}

/** The first way of the node that is not up by its links, or -1. */
export function firstLostWay(state: LightState, node: number): number {
  const { inventory, ways } = state.tree
  for (let way = inventory.parentStart[node]!; way < inventory.parentStart[node + 1]!; way++) {
    if (ways[way] !== up) return way
  }
  return -1
}

/** Since when the links of a node are what they are: the last when all its ways are down, else the first. Infinity when none is. */
export function linksSince(state: LightState, node: number): LostWay | undefined {
  const { parentStart } = state.tree.inventory
  const isCut = isLinkCut(state, node)
  let found: LostWay | undefined
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
    const lost = state.lostWays.get(way)
    if (lost === undefined) continue
    const isNearer = isCut
      ? lost.sinceMs > (found?.sinceMs ?? -Infinity)
      : lost.sinceMs < (found?.sinceMs ?? Infinity)
    if (isNearer) found = lost
  }
  return found
}

/**
 * Whether a lost way is told of at this node: at its lower end. Between neighbours in a ring, each of whom is a way of the
 * other, that is the one further from where the ring is fed.
 */
export function isToldHere(state: LightState, node: number, way: number): boolean {
  const { ringOf, home, parentList } = state.tree.inventory
  const parent = parentList[way]!
  if (ringOf[node] === -1 || ringOf[parent] !== ringOf[node]) return true
  return home[node] === parent || (home[parent] !== node && node > parent)
}
