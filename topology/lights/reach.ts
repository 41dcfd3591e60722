import { heard, isSilentTrouble } from './evidence.ts'
import { cut, dark, down, firstParent, live, none, up, type LightState } from './state.ts'
import { isToldHere } from './ways.ts'

/** Ways to the core, and what hangs on a node. */

export interface Below {
  readonly nodes: number
  readonly addresses: number
  readonly subscribers: number
}

/** How a node is reached. */
export interface Reach {
  /** live, dark or cut. */
  readonly reach: number
  /** Where it is not reached: the node whose trouble that is, or is counted with; the node itself where its own links are down. */
  readonly from: number
  /** In a ring: the parent it is reached by. */
  readonly via: number
}

/** A node that stands in no ring, by its parents and its links to them. A node that is heard is not cut off by silence alone. */
export function reachOf(state: LightState, node: number): Reach {
  const { tree } = state
  const { parentStart, parentList } = tree.inventory
  const first = parentStart[node]!
  const end = parentStart[node + 1]!
  let reach = first === end ? live : cut
  let upstream = none
  for (let way = first; way < end; way++) {
    const parent = parentList[way]!
    const offers = tree.offers[parent]!
    if (offers !== live && upstream === none) upstream = parent
    reach = Math.min(reach, tree.ways[way] === down ? cut : offers)
  }
  if (reach === dark && heard(state, node)) reach = live
  return { reach, from: reach === live || upstream === none ? node : upstream, via: none }
}

/**
 * The nodes of a ring together, those first that the others lean on. Starting from "nobody is reached", what is fed from
 * outside or by a neighbour that is reached gets better until nothing does.
 */
export function reachOfRing(state: LightState, ring: number): Map<number, Reach> {
  const { tree } = state
  const { ringStart, ringList, ringOf, parentStart, parentList, childStart, childList } = tree.inventory
  const members = ringList.subarray(ringStart[ring], ringStart[ring + 1])
  const reach = new Map<number, number>()
  const via = new Map<number, number>()
  for (const node of members) reach.set(node, cut)
  const offers = (node: number): number => {
    const known = reach.get(node)
    if (known === undefined) return tree.offers[node]!
    return known !== live ? known : isSilentTrouble(state, node) ? dark : live
  }
  const queue: number[] = [...members]
  for (const node of queue) {
    let best = cut
    let by = none
    for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
      const offered = tree.ways[way] === down ? cut : offers(parentList[way]!)
      if (offered >= best) continue
      best = offered
      by = parentList[way]!
    }
    if (best === dark && heard(state, node)) best = live
    if (best >= reach.get(node)!) continue
    reach.set(node, best)
    via.set(node, by)
    for (let e = childStart[node]!; e < childStart[node + 1]!; e++) {
      if (ringOf[childList[e]!] === ring) queue.push(childList[e]!)
    }
  }
  const from = causesInRing(state, members, reach, offers)
  const verdicts = new Map<number, Reach>()
  const put = (node: number): void => {
    const found = { reach: reach.get(node)!, from: from.get(node) ?? node, via: via.get(node) ?? none }
    verdicts.set(node, found)
  }
  // Causes first, then those that they cut off, then those that have lost a way by them.
  const isCut = (node: number): boolean => reach.get(node) !== live
  for (const node of members) if (isCut(node) && (from.get(node) ?? node) === node) put(node)
  for (const node of members) if (!isCut(node) && isSilentTrouble(state, node)) put(node)
  for (const node of members) if (isCut(node) && !verdicts.has(node)) put(node)
  for (const node of members) if (!verdicts.has(node)) put(node)
  return verdicts
}

/** Of the nodes of a ring that are not reached, those that hang together have one cause: above the ring, else in it, else a link. */
function causesInRing(
  state: LightState,
  members: Int32Array,
  reach: ReadonlyMap<number, number>,
  offers: (node: number) => number
): Map<number, number> {
  const { tree } = state
  const { parentStart, parentList } = tree.inventory
  const from = new Map<number, number>()
  for (const start of members) {
    if (reach.get(start) === live || from.has(start)) continue
    const part = [start]
    from.set(start, start)
    let above = none
    let within = none
    let link = none
    for (const node of part) {
      for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
        const parent = parentList[way]!
        const isMember = reach.has(parent)
        if (isMember && reach.get(parent) !== live) {
          if (tree.ways[way] === down || from.has(parent)) continue
          from.set(parent, start)
          part.push(parent)
        } else if (offers(parent) !== live) {
          if (!isMember) above = above === none ? parent : Math.min(above, parent)
          else within = within === none ? parent : Math.min(within, parent)
        } else if (link === none || node < link) link = node
      }
    }
    const cause = above !== none ? above : within !== none ? within : link
    for (const node of part) from.set(node, cause === none ? node : cause)
  }
  return from
}

/** The first way of a node that is reached which is lost, by its links or by what it leads to; none when all are there. */
export function firstWayLost(state: LightState, node: number): number {
  const { tree } = state
  const { parentStart, parentList } = tree.inventory
  const isOnly = parentStart[node + 1]! - parentStart[node]! === 1
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
    if (tree.ways[way] !== up) return way
    // Who is heard though its only parent is silent has lost nothing.
    if (!isOnly && tree.offers[parentList[way]!] !== live) return way
  }
  return none
}

/** The node whose trouble takes one of the ways of a node that is still reached: one above it, or the other end of the link. */
export function redundancyLostBy(state: LightState, node: number): number {
  const { tree } = state
  if (tree.reach[node] !== live) return none
  const way = firstWayLost(state, node)
  if (way === none) return none
  const parent = tree.inventory.parentList[way]!
  return tree.root[parent]! >= 0 ? tree.root[parent]! : parent
}

/** The root whose trouble takes one of the ways of a node that is still reached, or none where that is its own link. */
export function riskRoot(state: LightState, node: number): number {
  const { tree } = state
  if (tree.reach[node] !== live) return none
  const { parentStart, parentList } = tree.inventory
  const isOnly = parentStart[node + 1]! - parentStart[node]! === 1
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
    const parent = parentList[way]!
    if (tree.offers[parent] !== live) {
      // Who is heard though its only parent is silent has lost nothing.
      if (!isOnly && tree.root[parent]! >= 0) return tree.root[parent]!
    } else if (tree.ways[way] !== up && !isToldHere(state, node, way)) {
      if (state.lostWays.get(way)?.isByHand !== true) return parent
    }
  }
  return none
}

export function wayToCore(state: LightState, node: number): readonly number[] {
  const { tree } = state
  const { parentStart, parentList } = tree.inventory
  const found: number[] = []
  for (let at = node; ;) {
    let next = tree.via[at]!
    for (let way = parentStart[at]!; next === none && way < parentStart[at + 1]!; way++) {
      const isLive = tree.ways[way] !== down && tree.offers[parentList[way]!] === live
      if (isLive && tree.inventory.ringOf[at] === -1) next = parentList[way]!
    }
    if (next === none) next = firstParent(state, at)
    // A ring that is partly reached leads back to where it was left; then there is no live way to show.
    if (next === none || found.includes(next)) return found
    found.push(next)
    at = next
  }
}

export function below(state: LightState, node: number): Below {
  const { tree } = state
  if (tree.belowNodes[node] === 0) {
    const { childStart, childList, ringOf, home, nodeCount } = tree.inventory
    const seen = new Uint8Array(nodeCount)
    const found = [node]
    seen[node] = 1
    let addresses = 0
    let subscribers = 0
    for (const at of found) {
      addresses += tree.addresses[at]!
      subscribers += tree.subscribers[at]!
      for (let e = childStart[at]!; e < childStart[at + 1]!; e++) {
        const child = childList[e]!
        const isNeighbour = ringOf[at] !== -1 && ringOf[child] === ringOf[at] && home[child] !== at
        if (seen[child] === 1 || isNeighbour) continue
        seen[child] = 1
        found.push(child)
      }
    }
    tree.belowNodes[node] = found.length
    tree.belowAddresses[node] = addresses
    tree.belowSubscribers[node] = subscribers
  }
  return {
    nodes: tree.belowNodes[node]!,
    addresses: tree.belowAddresses[node]!,
    subscribers: tree.belowSubscribers[node]!
  }
}
