import { firstParent, live, none, type LightState } from './state.ts'

/** Ways to the core, and what hangs on a node. */

export interface Below {
  readonly nodes: number
  readonly addresses: number
  readonly subscribers: number
}

export function firstDeadParent(state: LightState, node: number): number {
  const { tree } = state
  const { parentStart, parentList } = tree.inventory
  for (let e = parentStart[node]!; e < parentStart[node + 1]!; e++) {
    if (tree.way[parentList[e]!] !== live) return parentList[e]!
  }
  return none
}

export function isRedundancyLost(state: LightState, node: number): boolean {
  const { tree } = state
  return (
    tree.reach[node] === live &&
    tree.inventory.parentStart[node + 1]! - tree.inventory.parentStart[node]! > 1 &&
    firstDeadParent(state, node) !== none
  )
}

export function wayToCore(state: LightState, node: number): readonly number[] {
  const { tree } = state
  const { parentStart, parentList } = tree.inventory
  const way: number[] = []
  for (let at = node; ;) {
    let next = firstParent(state, at)
    for (let e = parentStart[at]!; e < parentStart[at + 1]!; e++) {
      if (tree.way[parentList[e]!] === live) {
        next = parentList[e]!
        break
      }
    }
    if (next === none) return way
    way.push(next)
    at = next
  }
}

export function below(state: LightState, node: number): Below {
  const { tree } = state
  if (tree.belowNodes[node] === 0) {
    const { childStart, childList, nodeCount, addressCountOf, subscribersOf } = tree.inventory
    const seen = new Uint8Array(nodeCount)
    const found = [node]
    seen[node] = 1
    let addresses = 0
    let subscribers = 0
    for (const at of found) {
      addresses += addressCountOf(at)
      subscribers += subscribersOf(at)
      for (let e = childStart[at]!; e < childStart[at + 1]!; e++) {
        const child = childList[e]!
        if (seen[child] === 1) continue
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
