import { enqueue, enqueueFirst, firstParent, mainsLostMs, none, type LightState } from './state.ts'

/** Who has lost their mains, in order: by the part of the network they stand in, by depth, then by time. */

/** Whether two nodes may hang on the same mains: unless the inventory says that they do not. */
export function mayShareMains(state: LightState, node: number, other: number): boolean {
  const { feederOf } = state.tree.inventory
  const feeder = feederOf(node)
  return feeder === 0 || feederOf(other) === 0 || feeder === feederOf(other)
}

/**
 * What nodes that lose their mains together may have in common: their feeder, where it is known (a negative number), else the
 * part of the network they stand in, which is the topmost above them, below the core.
 */
export function partOf(state: LightState, node: number): number {
  const feeder = state.tree.inventory.feederOf(node)
  if (feeder !== 0) return -feeder
  let part = node
  for (let up = firstParent(state, node); up !== none; up = firstParent(state, up)) {
    if (firstParent(state, up) !== none) part = up
  }
  return part
}

/** The place of a node in a list that is in order of time, then of index; of the first behind it where it is not there. */
function placeOf(state: LightState, list: readonly number[], sinceMs: number, node: number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    const otherMs = state.tree.mainsLostMs[list[middle]!]!
    if (otherMs < sinceMs || (otherMs === sinceMs && list[middle]! < node)) low = middle + 1
    else high = middle
  }
  return low
}

export function setMainsLost(state: LightState, node: number, sinceMs: number | null): void {
  const { tree, mainsLostByParent, mainsLostByPart } = state
  const before = mainsLostMs(state, node)
  if ((before ?? null) === sinceMs) return
  const parent = firstParent(state, node)
  const part = partOf(state, node)
  const depth = tree.inventory.depth[node]!
  const siblings = mainsLostByParent.get(parent) ?? new Set<number>()
  const byDepth = mainsLostByPart.get(part) ?? new Map<number, number[]>()
  const list = byDepth.get(depth) ?? []
  if (before !== undefined) {
    list.splice(placeOf(state, list, before, node), 1)
    state.mainsLostCount--
    tree.isMainsLost[node] = 0
    siblings.delete(node)
  }
  if (sinceMs !== null) {
    list.splice(placeOf(state, list, sinceMs, node), 0, node)
    state.mainsLostCount++
    tree.isMainsLost[node] = 1
    tree.mainsLostMs[node] = sinceMs
    enqueueFirst(state, node)
    siblings.add(node)
  }
  if (list.length === 0) byDepth.delete(depth)
  else byDepth.set(depth, list)
  if (byDepth.size === 0) mainsLostByPart.delete(part)
  else mainsLostByPart.set(part, byDepth)
  if (parent !== none) {
    if (siblings.size === 0) mainsLostByParent.delete(parent)
    else mainsLostByParent.set(parent, siblings)
  }
  state.mainsChangedUnder.add(parent === none ? node : parent)
  state.mainsChangedIn.add(part)
}

/**
 * The first on the same feeder, or in the same part of the network, that lost its mains within a window of this node's loss, and
 * comes before it: nearer to the core, or earlier. None where there is none.
 *
 * @param fromMs when it may have lost them at the earliest
 */
export function firstInPart(state: LightState, node: number, lostMs: number, fromMs: number): number {
  const { depth } = state.tree.inventory
  const { powerWindowMs } = state.options
  const own = depth[node]!
  let first = none
  for (const [at, list] of state.mainsLostByPart.get(partOf(state, node)) ?? []) {
    if (at > own || (first !== none && at > depth[first]!)) continue
    const candidate = list[placeOf(state, list, fromMs - powerWindowMs, -1)]
    if (candidate === undefined || candidate === node) continue
    const candidateMs = state.tree.mainsLostMs[candidate]!
    const isBefore = at < own || candidateMs < lostMs || (candidateMs === lostMs && candidate < node)
    if (isBefore && candidateMs <= lostMs + powerWindowMs) first = candidate
  }
  return first
}

/** Whether mains that the node may have in common were lost about then anywhere. */
export function isLostAbout(state: LightState, node: number, sinceMs: number): boolean {
  const { powerWindowMs } = state.options
  for (const byDepth of state.mainsLostByPart.values()) {
    for (const list of byDepth.values()) {
      const first = list[placeOf(state, list, sinceMs - powerWindowMs, -1)]
      if (first === undefined || !mayShareMains(state, node, first)) continue
      if (state.tree.mainsLostMs[first]! <= sinceMs + powerWindowMs) return true
    }
  }
  return false
}

/**
 * Whether mains were lost about then in another part of the network, and told of there or earlier than here: what they have in common may
 * be a node above both, which has not been heard since.
 */
export function isLostElsewhere(state: LightState, node: number, lostMs: number): boolean {
  const { options, tree } = state
  const own = partOf(state, node)
  for (const [part, byDepth] of state.mainsLostByPart) {
    if (part === own) continue
    for (const list of byDepth.values()) {
      const other = list[placeOf(state, list, lostMs - options.powerWindowMs, -1)]
      if (other === undefined || !mayShareMains(state, node, other)) continue
      const otherMs = tree.mainsLostMs[other]!
      if (otherMs > lostMs + options.powerWindowMs) continue
      const root = tree.root[other]!
      const isEarlier = otherMs < lostMs || (otherMs === lostMs && other < node)
      if (isEarlier || (root !== none && state.book.of(root) !== undefined)) return true
    }
  }
  return false
}

/** The first on the feeder of a node without a UPS that lost its mains about when the node went dark, or none. */
export function firstOnFeeder(state: LightState, node: number, fromMs: number, toMs: number): number {
  if (state.tree.inventory.feederOf(node) === 0) return none
  const own = state.tree.inventory.depth[node]!
  let first = none
  for (const [at, list] of state.mainsLostByPart.get(partOf(state, node)) ?? []) {
    const candidate = list[placeOf(state, list, fromMs, -1)]
    if (candidate === undefined || at > own || state.tree.mainsLostMs[candidate]! > toMs) continue
    if (first === none || at < state.tree.inventory.depth[first]!) first = candidate
  }
  return first
}

/**
 * A loss of mains that came or went may mean another root for all others in its part of the network, and may claim, or let go of, nodes in
 * trouble below the lost node's parent. False when `isOver` has ended it before all of them were queued; the next call goes on.
 */
export function enqueueUnderChangedMains(state: LightState, isOver: () => boolean): boolean {
  for (;;) {
    if (state.mainsSpread === null) {
      if (state.mainsChangedUnder.size === 0 && state.mainsChangedIn.size === 0) return true
      state.mainsSpread = underChangedMains(state)
    }
    while (state.mainsSpread.next().done !== true) if (isOver()) return false
    state.mainsSpread = null
  }
}

/** A step for each node. What changes meanwhile gets a spread of its own afterwards. */
function* underChangedMains(state: LightState): Generator<void> {
  const { mainsChangedIn: parts, mainsChangedUnder: under, troubled } = state
  state.mainsChangedIn = new Set()
  state.mainsChangedUnder = new Set()
  let isOnFeeder = false
  for (const part of parts) {
    isOnFeeder ||= part < 0
    for (const list of state.mainsLostByPart.get(part)?.values() ?? []) {
      for (const node of list) {
        enqueue(state, node)
        yield
      }
    }
  }
  for (let place = 0; place < troubled.size(); place++) {
    const node = troubled.at(place)
    let isUnder = isOnFeeder && parts.has(partOf(state, node))
    for (let up = node; !isUnder && up !== none; up = firstParent(state, up)) isUnder = under.has(up)
    if (isUnder) enqueue(state, node)
    yield
  }
}

/** The node, or one above it, has lost its mains. */
export function isWithoutMains(state: LightState, node: number): boolean {
  if (state.mainsLostCount === 0) return false
  for (let up = node; up !== none; up = firstParent(state, up))
    if (state.tree.isMainsLost[up] === 1) return true
  return false
}
