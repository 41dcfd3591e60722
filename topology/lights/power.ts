import { firstInPart, firstOnFeeder, isLostAbout, mayShareMains } from './mains.ts'
import { mainsToldMs } from './pending.ts'
import { enqueue, firstParent, mainsLostMs, none, type LightState } from './state.ts'
import { isLinkCut } from './ways.ts'
import { isUpsHeard, looksDark, missedAfterMs, troubleSince, unheardFromMs } from './evidence.ts'

/** Power cuts: which loss of mains explains a node that went dark. */

/**
 * Nodes that went dark about when this dark node did and may have done so with it, by a power cut: neither has a UPS to tell, and the node
 * that feeds both has one that is heard and has not told of the mains yet. Those of whom it has been asked already, and has said nothing,
 * did not go dark by that.
 */
function* darkWith(state: LightState, node: number, nowMs: number): Generator<number> {
  const { tree } = state
  const parent = firstParent(state, node)
  if (parent === none || tree.hasUps[node] === 1 || tree.hasUps[parent] === 0) return
  if (!looksDark(state, node) || tree.isMainsLost[parent] === 1 || !isUpsHeard(state, parent)) return
  if (!mayShareMains(state, node, parent)) return
  const { childStart, childList } = tree.inventory
  const lostMs = troubleSince(state, node)
  for (let e = childStart[parent]!; e < childStart[parent + 1]!; e++) {
    const other = childList[e]!
    if (other === node || firstParent(state, other) !== parent || tree.hasUps[other] === 1) continue
    const isTogether =
      looksDark(state, other) && Math.abs(troubleSince(state, other) - lostMs) <= state.options.powerWindowMs
    if (!isTogether) continue
    if (state.rhythm === null || mainsToldMs(state, other, troubleSince(state, other), nowMs) > nowMs)
      yield other
  }
}

/**
 * Whether the node is to wait for the word of the UPS above it, because it may have lost its mains together with others. The first
 * of them in the network that is known to have lost its links does not wait: should the mains be lost, its incident goes on where that
 * is told.
 */
export function waitsForMains(state: LightState, node: number, nowMs: number): boolean {
  const sinceMs = troubleSince(state, node)
  let isFirst =
    isLinkCut(state, node) &&
    !state.book.isClosedOfLate(firstParent(state, node), nowMs) &&
    !isAnyToldFirst(state, node, sinceMs) &&
    !isLostAbout(state, node, sinceMs)
  let isAlone = true
  for (const other of darkWith(state, node, nowMs)) {
    isAlone = false
    if (!isFirst) break
    const otherMs = troubleSince(state, other)
    const isEarlier = otherMs < sinceMs || (otherMs === sinceMs && other < node)
    isFirst = state.book.of(other) === undefined && !(isLinkCut(state, other) && isEarlier)
  }
  return !isAlone && !isFirst
}

const isAbout = (state: LightState, aMs: number, bMs: number): boolean =>
  Math.abs(aMs - bMs) <= state.options.powerWindowMs

function isAnyToldFirst(state: LightState, node: number, sinceMs: number): boolean {
  for (const [other, otherMs] of state.toldFirst)
    if (other !== node && isAbout(state, otherMs, sinceMs) && mayShareMains(state, node, other)) return true
  return false
}

/** Most nodes told first that are remembered. */
const toldFirstMax = 100

/** The incident of a node has opened: takes note of it when others went dark with it and wait for the UPS. */
export function noteToldFirst(state: LightState, node: number, nowMs: number): void {
  if (node < 0 || !isLinkCut(state, node) || darkWith(state, node, nowMs).next().done === true) return
  const { toldFirst } = state
  toldFirst.set(node, troubleSince(state, node))
  if (toldFirst.size > toldFirstMax) for (const [oldest] of toldFirst) if (toldFirst.delete(oldest)) break
}

/** Until when it may yet turn out that nodes told first are part of the power cut of a node that lost its mains about then (ms). */
export function firstToldMs(state: LightState, root: number, lostMs: number, nowMs: number): number {
  let dueMs = 0
  for (const [node, sinceMs] of state.toldFirst) {
    if (!isAbout(state, sinceMs, lostMs) || state.tree.root[node] !== node) continue
    // It would be part of it by the mains of the node that feeds it.
    if (mayShareMains(state, root, node) && mayShareMains(state, root, firstParent(state, node)))
      dueMs = Math.max(dueMs, mainsToldMs(state, node, sinceMs, nowMs))
  }
  return dueMs
}

/** Links seen down by one poll are not further apart than that (ms). */
const onePollMs = 5000

/**
 * How much longer than it was seen the link of a node may have been down (ms), because the poll before was lost. Only of several links that were
 * seen to be down by one poll: a single one may have been cut since.
 */
function lostPollMs(state: LightState, node: number, lostMs: number): number {
  const { rhythm, tree } = state
  const parent = firstParent(state, node)
  if (rhythm === null || parent === none || !isLinkCut(state, node)) return 0
  const { childStart, childList } = tree.inventory
  for (let e = childStart[parent]!; e < childStart[parent + 1]!; e++) {
    const other = childList[e]!
    if (other === node || !isLinkCut(state, other)) continue
    if (Math.abs(troubleSince(state, other) - lostMs) > onePollMs) continue
    let pollMs = 0
    for (const device of tree.inventory.devicesOfNode(parent))
      pollMs = Math.max(pollMs, rhythm.intervalMs(device), lostMs - rhythm.awayFromMs(device, lostMs))
    return pollMs
  }
  return 0
}

/**
 * The node whose loss of mains explains this one's trouble, or none: the topmost ancestor, else the earliest
 * sibling. Of a node that has lost its own mains, also the first in the same part of the network: two sites that lose them
 * within a minute have something in common. Follows first parents only: mains go by place, and so does the first parent.
 */
export function powerCause(state: LightState, node: number): number {
  const { tree } = state
  if (state.mainsLostCount === 0) return none
  const ownMainsMs = mainsLostMs(state, node)
  if (ownMainsMs === undefined && !looksDark(state, node)) return none
  const lostMs = ownMainsMs ?? troubleSince(state, node)
  // Who is silent was lost between then and the poll it missed.
  const latestMs = ownMainsMs === undefined ? lostMs + missedAfterMs(state, node) : lostMs
  let cause = none
  for (let up = firstParent(state, node); up !== none; up = firstParent(state, up)) {
    const upMs = mainsLostMs(state, up)
    if (upMs === undefined || !mayShareMains(state, node, up)) continue
    const { powerWindowMs } = state.options
    if (latestMs < upMs - powerWindowMs && latestMs < unheardFromMs(state, up, upMs) - powerWindowMs) continue
    const toMs = upMs + powerWindowMs
    // Who says that its mains are lost while those of the site it hangs on are: the cut goes on by stages.
    const isStage = ownMainsMs !== undefined && up === firstParent(state, node)
    if (
      isStage ||
      lostMs <= toMs ||
      (ownMainsMs === undefined
        ? lostMs - lostPollMs(state, node, lostMs) <= toMs
        : unheardFromMs(state, node, lostMs) <= toMs)
    )
      cause = up
  }
  if (cause !== none) return cause
  if (ownMainsMs !== undefined) {
    const first = firstInPart(state, node, ownMainsMs, unheardFromMs(state, node, ownMainsMs))
    if (first !== none) return first
  } else {
    const { powerWindowMs } = state.options
    const first = firstOnFeeder(state, node, lostMs - powerWindowMs, latestMs + powerWindowMs)
    if (first !== none) return first
  }
  const siblings = state.mainsLostByParent.get(firstParent(state, node))
  if (siblings === undefined) return none
  let causeMs = ownMainsMs ?? Infinity
  let causeOrder = ownMainsMs === undefined ? Infinity : node
  for (const sibling of siblings) {
    if (sibling === node || tree.inventory.depth[sibling] !== tree.inventory.depth[node]) continue
    if (!mayShareMains(state, node, sibling)) continue
    const siblingMs = tree.mainsLostMs[sibling]!
    if (latestMs < siblingMs - state.options.powerWindowMs) continue
    if (lostMs > siblingMs + state.options.powerWindowMs) continue
    if (siblingMs < causeMs || (siblingMs === causeMs && sibling < causeOrder)) {
      cause = sibling
      causeMs = siblingMs
      causeOrder = sibling
    }
  }
  return cause
}

/** Puts the node among those that the power cut of another claims, or none does. */
export function claim({ tree }: LightState, node: number, by: number): void {
  const { claimedBy, firstClaimed, nextClaimed, previousClaimed } = tree
  const before = claimedBy[node]!
  const now = by + 1
  if (before === now) return
  if (before !== 0) {
    const next = nextClaimed[node]!
    const previous = previousClaimed[node]!
    if (previous === 0) firstClaimed[before - 1] = next
    else nextClaimed[previous - 1] = next
    if (next !== 0) previousClaimed[next - 1] = previous
  }
  claimedBy[node] = now
  if (now === 0) return
  const next = firstClaimed[by]!
  nextClaimed[node] = next
  previousClaimed[node] = 0
  if (next !== 0) previousClaimed[next - 1] = node + 1
  firstClaimed[by] = node + 1
}

/** Something is left for `enqueueClaimed` to do. */
export const isAnyClaimed = ({ claimsChanged, nextClaimChanged }: LightState): boolean =>
  nextClaimChanged !== 0 || claimsChanged.size() > 0

/** Queues what nodes have claimed whose root is another since. False when `isOver` has ended it before that was all; the next call goes on. */
export function enqueueClaimed(state: LightState, isOver: () => boolean): boolean {
  const { tree, claimsChanged } = state
  for (;;) {
    if (state.nextClaimChanged === 0) {
      if (claimsChanged.size() === 0) return true
      state.nextClaimChanged = tree.firstClaimed[claimsChanged.shift()]!
      continue
    }
    const node = state.nextClaimChanged - 1
    state.nextClaimChanged = tree.nextClaimed[node]!
    enqueue(state, node)
    if (isOver()) return false
  }
}
