import type { LightEngine } from '../../topology/lights.ts'
import { treeIndexInSteps, type TreeIndex, type TreeQuery } from '../../topology/tree/index.ts'
import { tiers, type Tier } from '../../schemas/words.ts'
import type { NodeFilter, NodePage, NodeSummary, StatusEvent, TreeNode, UnknownInFilter } from '../view.ts'
import type { StatusEngine } from './engine.ts'
import { inSlices, createSlice } from '../slices.ts'

/**
 * The tree for the page and the lists of nodes. After a reload it answers from the tree as it was until the new one is made, as the
 * look-up does with its addresses.
 */
export interface NetworkTree {
  /** The inventory that the answers are of. */
  readonly index: () => TreeIndex
  readonly nodes: (filter: NodeFilter) => NodePage | UnknownInFilter
  readonly nodesNamed: (part: string, filter: NodeFilter) => Promise<NodePage | UnknownInFilter>
  /** Of the whole network, down to a tier; parents before children. `after` is the last one of the part before. */
  readonly outline: (deepest: Tier, after: string | undefined, limit: number) => readonly TreeNode[]
  /** Hears every event of the engine. */
  readonly hear: (event: StatusEvent) => void
  /** Resolves when the tree of the inventory as it is now is in use. */
  readonly build: () => Promise<void>
}

type Engine = Pick<StatusEngine, 'inventory'>
type Lights = Pick<LightEngine, 'effective'>

/** Makes the tree of the engine's inventory, without holding up anything else. */
export async function makeTree(engine: Engine, lights: Lights): Promise<TreeIndex> {
  return (await madeOf(engine, lights, () => undefined)) ?? makeTree(engine, lights)
}

/** Undefined when the inventory was replaced meanwhile. `hand` gets the tree as soon as it can hear of changes. */
async function madeOf(
  engine: Engine,
  lights: Lights,
  hand: (tree: TreeIndex) => void
): Promise<TreeIndex | undefined> {
  const inventory = engine.inventory()
  const isWanted = (): boolean => engine.inventory() === inventory
  const made = await inSlices(treeIndexInSteps(inventory), isWanted)
  if (made === undefined) return undefined
  hand(made)
  const whole = await inSlices(lightsInSteps(made, lights), isWanted)
  return whole === undefined ? undefined : made
}

/** Changes since `first` was begun must be heard. */
export function createNetworkTree(
  first: TreeIndex,
  engine: Engine,
  lights: Lights,
  summary: (index: number) => NodeSummary
): NetworkTree {
  let tree = first
  /** Made and not yet in use: it hears changes like the one that is. */
  let coming: TreeIndex | undefined

  /** What is gone from the inventory is shown as it was last. */
  const summaryOf = (node: number): NodeSummary => {
    const { inventory } = tree
    const id = inventory.nodeId(node)
    const now = inventory === engine.inventory() ? node : engine.inventory().nodeIndex(id)
    if (now !== undefined) return summary(now)
    const light = tree.shown(node)
    return {
      id,
      tier: inventory.tierOf(node),
      name: inventory.nodeName(node),
      own: light,
      effective: light,
      sinceMs: null,
      maintenance: inventory.isMaintenance(node)
    }
  }
  const treeNode = (node: number): TreeNode => ({
    parents: tree.inventory.parentsOf(node).map(tree.inventory.nodeId),
    children: tree.childCount(node),
    below: tree.lightsBelow(node),
    ...summaryOf(node)
  })

  /** The query and the node to go on behind, or the name of the parameter whose node is not there. */
  const understood = (
    filter: NodeFilter
  ): { query: TreeQuery; after: number | undefined } | UnknownInFilter => {
    const { inventory } = tree
    const { parent, under, tier, light, trouble = false } = filter
    const top = parent ?? under
    const node = top === undefined ? undefined : inventory.nodeIndex(top)
    if (top !== undefined && node === undefined) return { unknown: parent === undefined ? 'under' : 'parent' }
    const after = filter.after === undefined ? undefined : inventory.nodeIndex(filter.after)
    if (filter.after !== undefined && after === undefined) return { unknown: 'after' }
    const scope = filter.top === true || parent !== undefined ? 'level' : 'under'
    return {
      query: { scope, node, tiers: tier === undefined ? undefined : [tier], light, trouble },
      after
    }
  }
  const pageOf = (nodes: readonly number[], total: number, more: boolean): NodePage => {
    const items = nodes.map(treeNode)
    return { items, total, next: more ? (items.at(-1)?.id ?? null) : null }
  }

  return {
    index: () => tree,
    nodes(filter) {
      if (filter.path !== undefined) {
        const node = tree.inventory.nodeIndex(filter.path)
        if (node === undefined) return { unknown: 'path' }
        const way = tree.path(node)
        return pageOf(way, way.length, false)
      }
      const asked = understood(filter)
      if ('unknown' in asked) return asked
      const { nodes, total, more } = tree.page(asked.query, asked.after, filter.limit)
      return pageOf(nodes, total, more)
    },
    nodesNamed: async function nodesNamed(part, filter): Promise<NodePage | UnknownInFilter> {
      const asked = understood(filter)
      if ('unknown' in asked) return asked
      const { inventory } = tree
      const isNamed = inventory.nodeSearch(part)
      const found: number[] = []
      let total = 0
      let isBehind = asked.after === undefined
      const slice = createSlice(16)
      for (const node of tree.each(asked.query)) {
        if (slice.isOver()) await slice.end()
        if (isNamed(node)) {
          total++
          if (isBehind && found.length <= filter.limit) found.push(node)
        }
        if (node === asked.after) isBehind = true
      }
      // Numbers of nodes are others after a reload: the list begins anew.
      if (tree.inventory !== inventory) return nodesNamed(part, filter)
      return pageOf(found.slice(0, filter.limit), total, found.length > filter.limit)
    },
    outline(deepest, after, limit) {
      const shown = tiers.slice(0, tiers.indexOf(deepest) + 1)
      const query: TreeQuery = { scope: 'under', node: undefined, tiers: shown, trouble: false }
      const behind = after === undefined ? undefined : tree.inventory.nodeIndex(after)
      if (after !== undefined && behind === undefined) return []
      return tree.page(query, behind, limit).nodes.map(treeNode)
    },
    hear(event) {
      if (event.type !== 'light') return
      for (const index of [tree, coming]) {
        const node = index?.inventory.nodeIndex(event.data.node)
        if (node !== undefined) index?.set(node, event.data.to)
      }
    },
    async build() {
      const made = await madeOf(engine, lights, index => (coming = index))
      if (made === undefined) return
      tree = made
      coming = undefined
    }
  }
}

/** Changes may come in between: whatever is set twice is set to the same. */
function* lightsInSteps(tree: TreeIndex, lights: Lights): Generator<void, true> {
  for (let node = 0; node < tree.inventory.nodeCount; node++) {
    if (node % 1000 === 0) yield
    tree.set(node, lights.effective(node))
  }
  return true
}
