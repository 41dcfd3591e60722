import type { Lists } from '../lists.ts'
import type { InventoryStore } from '../store.ts'

/**
 * Links between nodes, by their ports at both ends. A *way* is one parent of a node, numbered by its place in the list
 * of all parents; it is made of one link or of several side by side. Ports of one aggregate are one link.
 */

/** What a trunk port says of ways when it is down. */
export interface LinkEnd {
  /** Ways it is an end of: one, or both directions of a link between neighbours in a ring; none where nobody knows where it leads. */
  readonly ways: readonly number[]
  /** Node the port stands on. */
  readonly node: number
  /** Names the link at this end: ports of one aggregate have one. */
  readonly link: string
  /** How many ports carry the link together; it is down when all of them are. */
  readonly parts: number
  /** The port is the aggregate itself, and says by itself whether the link is down. */
  readonly isWhole: boolean
}

/** Most links of one way that are told apart. */
const linksMax = 255

/**
 * How many links each way has: as many as the end that lists more of them lists, at least one.
 *
 * @param nodeOf index of the node whose id has this number in the store, or -1
 */
export function linksOfWays(
  store: InventoryStore,
  parents: Lists,
  deviceNode: Int32Array,
  nodeOf: (text: number) => number
): Uint8Array {
  const upper = new Uint8Array(parents.list.length)
  const lower = new Uint8Array(parents.list.length)
  const count = (links: Uint8Array, way: number): void => {
    if (way !== -1 && links[way]! < linksMax) links[way]!++
  }
  for (let d = 0; d < store.deviceCount; d++) {
    const node = deviceNode[d]!
    const hasLags = hasAggregates(store, d)
    for (let at = store.portStart(d); at < store.portStart(d + 1); at++) {
      if (isAccess(store, at) || (hasLags && isCounted(store, d, at))) continue
      for (const way of waysOf(store, parents, nodeOf, node, at)) {
        const isLower = way >= parents.start[node]! && way < parents.start[node + 1]!
        count(isLower ? lower : upper, way)
      }
    }
  }
  return lower.map((links, way) => Math.max(1, links, upper[way]!))
}

const isAccess = (store: InventoryStore, at: number): boolean => store.portRole(at) === 'access'

function hasAggregates(store: InventoryStore, device: number): boolean {
  for (let at = store.portStart(device); at < store.portStart(device + 1); at++) {
    if (store.portLag(at) !== '') return true
  }
  return false
}

/** Whether the port belongs to an aggregate of which another port to the same peer was counted. */
function isCounted(store: InventoryStore, device: number, at: number): boolean {
  if (store.portLag(at) === '') return hasMembersBefore(store, device, at)
  const peer = store.portPeerText(at)
  const aggregate = aggregateOf(store, device, at)
  for (let other = store.portStart(device); other < at; other++) {
    if (store.portPeerText(other) === peer && aggregateOf(store, device, other) === aggregate) return true
  }
  return false
}

/** The port is an aggregate whose members were listed before it. */
function hasMembersBefore(store: InventoryStore, device: number, at: number): boolean {
  for (let other = store.portStart(device); other < at; other++) {
    const lag = store.portLag(other)
    if (lag !== '' && store.isPort(at, lag)) return true
  }
  return false
}

/** The way of a node to a parent; -1 where the other is no parent of it. */
export function wayBetween(parents: Lists, node: number, parent: number): number {
  for (let e = parents.start[node]!; e < parents.start[node + 1]!; e++) {
    if (parents.list[e] === parent) return e
  }
  return -1
}

/** What the port of a device is an end of; undefined for a port that the inventory does not list, or of a subscriber. */
export function linkEndOf(
  store: InventoryStore,
  parents: Lists,
  deviceNode: Int32Array,
  nodeOf: (text: number) => number,
  device: number,
  key: string
): LinkEnd | undefined {
  for (let at = store.portStart(device); at < store.portStart(device + 1); at++) {
    if (store.portKey(at) !== key) continue
    if (isAccess(store, at)) return undefined
    const node = deviceNode[device]!
    const whole = aggregateOf(store, device, at)
    const members = membersOf(store, device, whole)
    const isMember = store.portLag(at) !== ''
    return {
      ways: waysOf(store, parents, nodeOf, node, at),
      node,
      link: `${device}/${whole}`,
      parts: Math.max(1, members),
      isWhole: !isMember && members > 0
    }
  }
  return undefined
}

/** The key of the aggregate that a port is a member of, or its own; an aggregate that is not listed is called as its members call it. */
function aggregateOf(store: InventoryStore, device: number, at: number): string {
  const lag = store.portLag(at)
  if (lag === '') return store.portKey(at)
  for (let other = store.portStart(device); other < store.portStart(device + 1); other++)
    if (store.isPort(other, lag)) return store.portKey(other)
  return lag
}

function membersOf(store: InventoryStore, device: number, aggregate: string): number {
  let members = 0
  for (let at = store.portStart(device); at < store.portStart(device + 1); at++) {
    if (store.portLag(at) !== '' && aggregateOf(store, device, at) === aggregate) members++
  }
  return members
}

function waysOf(
  store: InventoryStore,
  parents: Lists,
  nodeOf: (text: number) => number,
  node: number,
  at: number
): readonly number[] {
  const text = store.portPeerText(at)
  if (text === -1) {
    // An uplink that does not say where it leads can only lead to the one parent there is.
    const first = parents.start[node]!
    const isOnly = parents.start[node + 1]! - first === 1
    return store.portRole(at) === 'uplink' && isOnly ? [first] : []
  }
  const peer = nodeOf(text)
  if (peer === -1) return []
  return [wayBetween(parents, node, peer), wayBetween(parents, peer, node)].filter(way => way !== -1)
}
