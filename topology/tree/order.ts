import type { CompiledInventory } from '../compile.ts'

/**
 * The network as a tree: each node stands once, below the first of its parents, siblings by name. Nodes are numbered from top to
 * bottom as an outline lists them, so that all below a node are one range of places.
 */
export interface TreeOrder {
  readonly inventory: CompiledInventory
  /** Place of a node, and the node at a place. */
  readonly placeOf: Int32Array
  readonly nodeAt: Int32Array
  /** How many nodes stand in a node's range, itself included. */
  readonly size: Int32Array
  /** The first parent, or -1. */
  readonly parent: Int32Array
  /** How many nodes stand right below; the last entry is for those without a parent. */
  readonly childCount: Int32Array
  /** Sums over all places before this one. */
  readonly addressesBefore: Float64Array
  readonly subscribersBefore: Float64Array
  /** Ways to a second parent: places of the upper ends, rising, and the nodes at their lower ends. */
  readonly crossPlace: Int32Array
  readonly crossNode: Int32Array
}

export const none = -1
const nodesPerStep = 2000
/** More siblings than this stay in the order of the inventory: sorting them would take too long at once. */
const siblingsSortedMax = 5000

/** Yields between pieces of a millisecond or so. */
export function* treeOrderInSteps(inventory: CompiledInventory): Generator<void, TreeOrder> {
  const { nodeCount, parentStart, parentList, topologicalOrder } = inventory
  const parent = new Int32Array(nodeCount).fill(none)
  const childCount = new Int32Array(nodeCount + 1)
  let crossings = 0
  for (let i = 0; i < nodeCount; i++) {
    if (i % (nodesPerStep * 10) === 0) yield
    const first = parentStart[i]!
    const parents = parentStart[i + 1]! - first
    if (parents > 0) parent[i] = parentList[first]!
    childCount[parents > 0 ? parent[i]! : nodeCount]!++
    if (parents > 1) crossings += parents - 1
  }
  const { start, list } = yield* childrenOf(parent, childCount)
  const nameOf = sortKeys(inventory)
  let sorted = 0
  for (let owner = 0; owner <= nodeCount; owner++) {
    const count = childCount[owner]!
    if (count > 1 && count <= siblingsSortedMax) {
      const siblings = list.subarray(start[owner], start[owner + 1])
      const keyed = Array.from(siblings, node => ({ node, key: nameOf(node) }))
      keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.node - b.node))
      for (let k = 0; k < count; k++) siblings[k] = keyed[k]!.node
      sorted += count
    }
    if (sorted >= nodesPerStep) {
      sorted = 0
      yield
    } else if (owner % (nodesPerStep * 10) === 0) yield
  }

  const size = new Int32Array(nodeCount).fill(1)
  for (let at = nodeCount - 1; at >= 0; at--) {
    if (at % (nodesPerStep * 10) === 0) yield
    const node = topologicalOrder[at]!
    if (parent[node] !== none) size[parent[node]!]! += size[node]!
  }
  const placeOf = new Int32Array(nodeCount)
  const nodeAt = new Int32Array(nodeCount)
  const place = (owner: number, from: number): void => {
    let next = from
    for (let k = start[owner]!; k < start[owner + 1]!; k++) {
      const child = list[k]!
      placeOf[child] = next
      nodeAt[next] = child
      next += size[child]!
    }
  }
  place(nodeCount, 0)
  for (let at = 0; at < nodeCount; at++) {
    if (at % (nodesPerStep * 10) === 0) yield
    place(topologicalOrder[at]!, placeOf[topologicalOrder[at]!]! + 1)
  }

  const addressesBefore = new Float64Array(nodeCount + 1)
  const subscribersBefore = new Float64Array(nodeCount + 1)
  const crossPlace = new Int32Array(crossings)
  const crossNode = new Int32Array(crossings)
  for (let at = 0; at < nodeCount; at++) {
    if (at % (nodesPerStep * 10) === 0) yield
    const node = nodeAt[at]!
    addressesBefore[at + 1] = addressesBefore[at]! + inventory.addressCountOf(node)
    subscribersBefore[at + 1] = subscribersBefore[at]! + inventory.subscribersOf(node)
  }
  if (crossings > 0) {
    let found = 0
    for (let at = 0; at < nodeCount; at++) {
      if (at % (nodesPerStep * 10) === 0) yield
      const node = nodeAt[at]!
      for (let e = inventory.childStart[node]!; e < inventory.childStart[node + 1]!; e++) {
        const child = inventory.childList[e]!
        if (parent[child] === node) continue
        crossPlace[found] = at
        crossNode[found++] = child
      }
    }
  }
  return {
    ...{ inventory, placeOf, nodeAt, size, parent, childCount },
    ...{ addressesBefore, subscribersBefore, crossPlace, crossNode }
  }
}

function* childrenOf(
  parent: Int32Array,
  childCount: Int32Array
): Generator<void, { start: Int32Array; list: Int32Array }> {
  const nodeCount = parent.length
  const start = new Int32Array(nodeCount + 2)
  for (let owner = 0; owner <= nodeCount; owner++) start[owner + 1] = start[owner]! + childCount[owner]!
  yield
  const next = start.slice()
  const list = new Int32Array(nodeCount)
  for (let i = 0; i < nodeCount; i++) {
    if (i % (nodesPerStep * 10) === 0) yield
    list[next[parent[i] === none ? nodeCount : parent[i]!]!++] = i
  }
  return { start, list }
}

/** Names in a form whose plain order is that of a list for people: without case, «ё» as «е», numbers by their value. */
const sortKeys =
  (inventory: CompiledInventory) =>
  (node: number): string =>
    inventory
      .nodeName(node)
      .toLowerCase()
      .replaceAll('ё', 'е')
      .replace(/\d+/g, digits => digits.padStart(8, '0'))
