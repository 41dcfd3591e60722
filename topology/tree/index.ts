import { lights, tiers, type Light, type Tier } from '../../schemas/words.ts'
import type { CompiledInventory } from '../compile.ts'
import { createNumberSet, type NumberSet } from './bits.ts'
import { none, treeOrderInSteps, type TreeOrder } from './order.ts'

/**
 * The tree with the lights that are shown, kept with each change: a level, a page of a list, a total or a number of troubled nodes
 * below costs what the answer is long, whatever the network's size.
 */
export interface TreeIndex {
  readonly inventory: CompiledInventory
  /** Takes over the effective light of a node. */
  set(node: number, light: Light): void
  shown(node: number): Light
  /** Nodes that a query asks for, in the order of the tree, behind the node `after`. */
  page(query: TreeQuery, after: number | undefined, limit: number): TreePage
  /** Like `page` without a limit, one by one, for who looks at each of them. */
  each(query: TreeQuery): Generator<number>
  /** From the top down to a node, itself included. */
  path(node: number): readonly number[]
  /** Whether `node` is `top` or stands below it. */
  isWithin(node: number, top: number): boolean
  childCount(node: number): number
  /** Lights of the nodes below one, without itself. */
  lightsBelow(node: number): { readonly red: number; readonly grey: number; readonly yellow: number }
  /** Nodes, addresses and subscribers at and below a node, by all ways down, each node once. */
  below(node: number): { readonly nodes: number; readonly addresses: number; readonly subscribers: number }
}

export interface TreeQuery {
  /** `level`: what stands right below a node, or at the top; `under`: all below a node, itself left out, or all. */
  readonly scope: 'level' | 'under'
  /** Undefined for the top, or for the whole network. */
  readonly node: number | undefined
  /** With `under` only. */
  readonly tiers?: readonly Tier[] | undefined
  readonly light?: Light | undefined
  /** Only nodes that are not green; on a level, also those with such a node below. */
  readonly trouble: boolean
}

export interface TreePage {
  readonly nodes: readonly number[]
  /** On all pages. */
  readonly total: number
  readonly more: boolean
}

const nodesPerStep = 5000
const green = 0
/** Sets of places, by tier (or all) and by light (or all that are not green, or all). */
const anyTier = tiers.length
const trouble = lights.length
const anyLight = lights.length + 1
const setsPerTier = lights.length + 2

export function* treeIndexInSteps(inventory: CompiledInventory): Generator<void, TreeIndex> {
  const order = yield* treeOrderInSteps(inventory)
  const { nodeCount } = inventory
  const sets = Array.from({ length: (tiers.length + 1) * setsPerTier }, () => createNumberSet(nodeCount))
  const setOf = (tier: number, light: number): NumberSet => sets[tier * setsPerTier + light]!
  for (let at = 0; at < nodeCount; at++) {
    if (at % nodesPerStep === 0) yield
    const tier = tiers.indexOf(inventory.tierOf(order.nodeAt[at]!))
    for (const t of [tier, anyTier]) for (const light of [green, anyLight]) setOf(t, light).add(at)
  }
  return indexOver(order, setOf)
}

function indexOver(order: TreeOrder, setOf: (tier: number, light: number) => NumberSet): TreeIndex {
  const { inventory, placeOf, nodeAt, size, parent, childCount } = order
  const { nodeCount } = inventory
  const shown = new Uint8Array(nodeCount)
  /** Nodes that are not green at and below each, and how many of its children have any. */
  const troubled = new Int32Array(nodeCount)
  const troubledChildren = new Int32Array(nodeCount + 1)

  const set = (node: number, to: number): void => {
    const from = shown[node]!
    if (from === to) return
    shown[node] = to
    const at = placeOf[node]!
    const tier = tiers.indexOf(inventory.tierOf(node))
    for (const t of [tier, anyTier]) {
      setOf(t, from).remove(at)
      setOf(t, to).add(at)
      if (from === green) setOf(t, trouble).add(at)
      if (to === green) setOf(t, trouble).remove(at)
    }
    if (from !== green && to !== green) return
    const by = to === green ? -1 : 1
    for (let up = node; up !== none; up = parent[up]!) {
      const before = troubled[up]!
      troubled[up] = before + by
      if (before === 0 || before + by === 0)
        troubledChildren[parent[up] === none ? nodeCount : parent[up]!]! += by
    }
  }

  /** First and last place of what a query looks at. */
  const rangeOf = (node: number | undefined): { from: number; end: number } => {
    if (node === undefined) return { from: 0, end: nodeCount }
    const at = placeOf[node]!
    return { from: at + 1, end: at + size[node]! }
  }

  /** The one of the nodes right below `top` in whose range a place lies. */
  const childAbove = (place: number, top: number): number => {
    let node = nodeAt[place]!
    while (parent[node] !== top) node = parent[node]!
    return node
  }

  const setsOf = ({ tiers: wanted, light, trouble: onlyTrouble }: TreeQuery): readonly NumberSet[] => {
    const byLight = light !== undefined ? lights.indexOf(light) : onlyTrouble ? trouble : anyLight
    if (onlyTrouble && light === 'green') return []
    return wanted === undefined
      ? [setOf(anyTier, byLight)]
      : wanted.map(tier => setOf(tiers.indexOf(tier), byLight))
  }

  function* each(query: TreeQuery, after?: number): Generator<number> {
    const { from, end } = rangeOf(query.node)
    if (query.scope === 'level') {
      const top = query.node ?? none
      let at = after === undefined ? from : placeOf[after]! + size[after]!
      while (at < end) {
        if (query.trouble) at = setOf(anyTier, trouble).next(at, end)
        if (at === -1) return
        const child = query.trouble ? childAbove(at, top) : nodeAt[at]!
        yield child
        at = placeOf[child]! + size[child]!
      }
      return
    }
    const sets = setsOf(query)
    let at = after === undefined ? from : Math.max(from, placeOf[after]! + 1)
    for (;;) {
      let next = -1
      for (const places of sets) {
        const found = places.next(at, next === -1 ? end : next)
        if (found !== -1) next = found
      }
      if (next === -1) return
      yield nodeAt[next]!
      at = next + 1
    }
  }

  const total = (query: TreeQuery): number => {
    const { from, end } = rangeOf(query.node)
    if (query.scope === 'level')
      return (query.trouble ? troubledChildren : childCount)[query.node ?? nodeCount]!
    return setsOf(query).reduce((sum, places) => sum + places.count(from, end), 0)
  }

  return {
    inventory,
    set: (node, light) => set(node, lights.indexOf(light)),
    shown: node => lights[shown[node]!]!,
    page(query, after, limit) {
      const nodes: number[] = []
      for (const node of each(query, after)) {
        if (nodes.length === limit) return { nodes, total: total(query), more: true }
        nodes.push(node)
      }
      return { nodes, total: total(query), more: false }
    },
    each: query => each(query),
    path(node) {
      const way: number[] = []
      for (let up = node; up !== none; up = parent[up]!) way.unshift(up)
      return way
    },
    isWithin: (node, top) => placeOf[node]! >= placeOf[top]! && placeOf[node]! < placeOf[top]! + size[top]!,
    childCount: node => childCount[node]!,
    lightsBelow(node) {
      const { from, end } = rangeOf(node)
      if (troubled[node] === (shown[node] === green ? 0 : 1)) return { red: 0, grey: 0, yellow: 0 }
      const count = (light: Light): number => setOf(anyTier, lights.indexOf(light)).count(from, end)
      return { red: count('red'), grey: count('grey'), yellow: count('yellow') }
    },
    below: node => below(order, node)
  }
}

/** Ranges of places are one in another or apart, so what several ways lead to is a few whole ranges. */
function below(order: TreeOrder, node: number): ReturnType<TreeIndex['below']> {
  const { placeOf, size, addressesBefore, subscribersBefore, crossPlace, crossNode } = order
  const endOf = (of: number): number => placeOf[of]! + size[of]!
  const tops = new Set([node])
  for (const top of tops) {
    for (let e = firstFrom(crossPlace, placeOf[top]!); e < crossPlace.length; e++) {
      if (crossPlace[e]! >= endOf(top)) break
      const place = placeOf[crossNode[e]!]!
      if (place < placeOf[node]! || place >= endOf(node)) tops.add(crossNode[e]!)
    }
  }
  const sum = { nodes: 0, addresses: 0, subscribers: 0 }
  let counted = 0
  for (const top of [...tops].sort((a, b) => placeOf[a]! - placeOf[b]!)) {
    const from = placeOf[top]!
    const end = endOf(top)
    if (from < counted) continue
    counted = end
    sum.nodes += end - from
    sum.addresses += addressesBefore[end]! - addressesBefore[from]!
    sum.subscribers += subscribersBefore[end]! - subscribersBefore[from]!
  }
  return sum
}

/** Index of the first entry that is not below `value`. */
function firstFrom(rising: Int32Array, value: number): number {
  let low = 0
  let high = rising.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rising[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
