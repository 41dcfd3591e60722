import { live, none, up, type LightState } from './state.ts'

/**
 * What a switch says of a ring (ERPS) is that it is broken, not where. Where a link of the ring is known to be lost, or a node of it not to be
 * reached, that is the fault, and what is said of the ring is no other one: for as long as it is said, because a ring that was mended waits
 * before it says so.
 */

/** The nodes of the ring that a node stands in, or of those that hang on it: a ring is often held by the node that feeds it. */
function* ringNodes({ tree }: LightState, node: number): Generator<number> {
  const { ringOf, ringStart, ringList, childStart, childList } = tree.inventory
  const rings = new Set<number>()
  if (ringOf[node] !== -1) rings.add(ringOf[node]!)
  else for (let e = childStart[node]!; e < childStart[node + 1]!; e++) rings.add(ringOf[childList[e]!]!)
  rings.delete(-1)
  for (const ring of rings) yield* ringList.subarray(ringStart[ring], ringStart[ring + 1])
}

/** Whether the alarms of a node say only that its ring is broken, and it is known where. */
export function isRingExplained(state: LightState, node: number): boolean {
  const { alarmsOf, ringsExplained, tree } = state
  if (alarmsOf.get(node)?.isOfRing !== true) return false
  if (ringsExplained.has(node)) return true
  const { parentStart } = tree.inventory
  for (const member of ringNodes(state, node)) {
    let isBroken = tree.offers[member] !== live
    for (let way = parentStart[member]!; way < parentStart[member + 1]!; way++)
      isBroken ||= tree.ways[way] !== up
    if (!isBroken) continue
    ringsExplained.add(node)
    return true
  }
  return false
}

/** The nodes that feed a ring and say that it is broken, while it was not known where: to be gone over again. */
export function* unexplainedFeeders(state: LightState, members: Iterable<number>): Generator<number> {
  const { alarmsOf, ringsExplained, tree } = state
  const { parentStart, parentList, ringOf } = tree.inventory
  for (const member of members)
    for (let way = parentStart[member]!; way < parentStart[member + 1]!; way++) {
      const parent = parentList[way]!
      const isFeeder = ringOf[parent] !== ringOf[member]
      if (isFeeder && alarmsOf.get(parent)?.isOfRing === true && !ringsExplained.has(parent)) yield parent
    }
}

/** Where a ring that a node told of is broken: the cause that its incident goes on at, or none. */
export function causeInRing(state: LightState, node: number): number {
  if (!state.ringsExplained.has(node)) return none
  for (const member of ringNodes(state, node)) if (state.tree.isCause[member] === 1) return member
  return none
}
