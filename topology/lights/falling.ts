import type { Below } from './reach.ts'
import { down, live, type LightState } from './state.ts'

/** More nodes below one are not gone over one by one: nearly all of them go with it. */
const goneOverMax = 20_000

/**
 * What is without service when a node has no power any more: itself, and all that is reached by way of it alone, those that are out by
 * then already among them. It is undefined where that would be a large part of the network.
 */
export function falling(state: LightState, node: number): Below | undefined {
  const { tree } = state
  const { parentStart, parentList, childStart, childList, ringStart, ringList, ringOf } = tree.inventory
  const fallen = new Set([node])
  const isWay = (way: number): boolean =>
    tree.ways[way] !== down && !fallen.has(parentList[way]!) && tree.offers[parentList[way]!] === live
  const hasWay = (at: number, isCounted: (parent: number) => boolean): boolean => {
    for (let way = parentStart[at]!; way < parentStart[at + 1]!; way++)
      if (isWay(way) && isCounted(parentList[way]!)) return true
    return false
  }
  /** Those of a ring that are fed from outside yet, by themselves or by a neighbour. */
  const fallInRing = (ring: number): void => {
    const members = ringList.subarray(ringStart[ring], ringStart[ring + 1])
    const fed = new Set<number>()
    for (const at of members)
      if (!fallen.has(at) && hasWay(at, parent => ringOf[parent] !== ring)) fed.add(at)
    for (let before = -1; before !== fed.size;) {
      before = fed.size
      for (const at of members) if (!fallen.has(at) && hasWay(at, parent => fed.has(parent))) fed.add(at)
    }
    for (const at of members) if (!fed.has(at)) fallen.add(at)
  }
  for (const at of fallen) {
    if (fallen.size > goneOverMax) return undefined
    for (let e = childStart[at]!; e < childStart[at + 1]!; e++) {
      const child = childList[e]!
      if (fallen.has(child)) continue
      if (ringOf[child] !== -1) fallInRing(ringOf[child]!)
      else if (!hasWay(child, () => true)) fallen.add(child)
    }
  }
  let addresses = 0
  let subscribers = 0
  for (const at of fallen) {
    addresses += tree.addresses[at]!
    subscribers += tree.subscribers[at]!
  }
  return { nodes: fallen.size, addresses, subscribers }
}
