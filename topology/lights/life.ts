import { asideOf, isAside, isAsideOnly, nodeOfAside, setAside } from './asides.ts'
import { isUpsHeard } from './evidence.ts'
import { answered, isBySilence } from './pending.ts'
import { noteToldFirst } from './power.ts'
import { riskRoot } from './reach.ts'
import { causeInRing } from './rings.ts'
import { isRoot, rootState } from './roots.ts'
import { isLinkCut } from './ways.ts'
import {
  collectorBase,
  firstParent,
  live,
  mainsLostMs,
  none,
  type Handover,
  type LightState
} from './state.ts'

/**
 * The life of incidents. One is opened once: what turns out to be the consequence of another hands its incident over to that
 * (it keeps its identity and has another root then), or is merged into it where that has one already. When the cause is
 * over the incident stays open until all it explained is back, for a while; what comes back in that time opens nothing,
 * and what is still bad afterwards stands on its own.
 */

/** A node that another root explained until now is in trouble by itself: it has time to come back. */
export function free(state: LightState, node: number, by: number, nowMs: number): void {
  const { options, tree } = state
  if (options.recoverMs === 0 || tree.freedUntilMs[node]! > 0) return
  tree.freedUntilMs[node] = nowMs + options.recoverMs
  tree.freedFrom[node] = by
  tree.isKnown[node] = 1
  state.freed.push(tree.freedUntilMs[node], node)
  state.freedBy.set(by, (state.freedBy.get(by) ?? 0) + 1)
}

/**
 * Whether what a root explained of a node is over, so that the node is only still on its way back. Silence tells of the past,
 * but direct evidence against a node beside a power cut or a dead collector that goes on is news, unless the site that told of
 * the cut has been dark itself and is back.
 */
function isOver(state: LightState, node: number, root: number, nowMs: number): boolean {
  if (root < 0) return state.collectors.get(state.collectorNames[collectorBase - root]!)?.sinceMs === null
  if (isCutAnew(state, node, root)) return false
  if (state.tree.isCause[root] === 0 || isBySilence(state, node)) return true
  if (nowMs - state.tree.backMs[root]! < state.options.recoverMs || state.staged.has(node)) return true
  return state.tree.isMainsLost[root] === 0 && state.tree.offers[root] === live
}

/**
 * Whether the links of a node were seen to be down when what is above it was reached again: seen long after the link above was lost. What
 * hangs on a link needs no time to start when that is back, unless the mains were lost as well: the UPS of the node above is heard, and
 * tells of no such thing. The one of the site that was lost itself may have gone with its mains: a battery that is worn tells nothing.
 */
function isCutAnew(state: LightState, node: number, root: number): boolean {
  const { book, lostWays, tree } = state
  const parent = firstParent(state, node)
  const incident = book.of(root)
  if (
    parent === none ||
    parent === root ||
    tree.isCause[root] === 1 ||
    incident?.kind !== 'link' ||
    !isLinkCut(state, node)
  )
    return false
  if (tree.isMainsLost[root] === 1 || tree.isMainsLost[parent] === 1 || !isUpsHeard(state, parent))
    return false
  const seenMs = incident.openedAtMs + state.options.powerWindowMs
  const { parentStart } = tree.inventory
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++)
    if ((lostWays.get(way)?.sinceMs ?? 0) > seenMs) return true
  return false
}

/** It is back, or explained by another, or its time is over. */
export function unfree(state: LightState, node: number): void {
  const { tree } = state
  if (tree.freedUntilMs[node] === 0) return
  tree.freedUntilMs[node] = 0
  const by = tree.freedFrom[node]!
  const left = (state.freedBy.get(by) ?? 1) - 1
  if (left > 0) state.freedBy.set(by, left)
  else {
    state.freedBy.delete(by)
    state.touched.add(by)
  }
}

/** When the first of those who have time to come back has no more (ms), or Infinity. */
export function nextFreedMs({ freed, tree }: LightState): number {
  // Those that are back are still in it.
  while (freed.size() > 0 && tree.freedUntilMs[freed.first()] !== freed.firstKey()) freed.shift()
  return freed.firstKey()
}

/**
 * Brings the incidents of all roots that may have changed in line with them. False when `isTimeUp` has ended it before that was all; the
 * next call goes on.
 */
export function settleIncidents(state: LightState, nowMs: number, isTimeUp: () => boolean): boolean {
  const { book, left, settling, touched, tree } = state
  freeRestored(state, nowMs)
  while (left.size() > 0) {
    const node = left.shift()
    const by = tree.leftBy[node]!
    if (tree.root[node] === node && !isAsideOnly(state, node)) {
      if (isOver(state, node, by, nowMs)) free(state, node, by, nowMs)
      else if (tree.freedUntilMs[node]! > 0) {
        unfree(state, node)
        touched.add(node)
      }
    }
    if (isTimeUp()) return false
  }
  while (nextFreedMs(state) <= nowMs) {
    const node = state.freed.shift()
    unfree(state, node)
    touched.add(node)
    if (isTimeUp()) return false
  }
  for (let root = book.nextDue(nowMs); root !== undefined; root = book.nextDue(nowMs)) {
    touched.add(root)
    if (isTimeUp()) return false
  }
  for (const root of answered(state, nowMs)) touched.add(root)
  if (state.leftAtRisk.size > 0) {
    const goOn = state.leftAtRisk
    state.leftAtRisk = new Map()
    for (const node of goOn.keys()) touched.add(node)
    for (const [node, by] of goOn) goOnAtRisk(state, node, by, nowMs)
  }
  while (touched.size() > 0) {
    const root = touched.shift()
    settling.add(root)
    setAside(state, root, nowMs)
    if (state.asides.has(root)) settling.add(asideOf(root))
    noteHandover(state, root)
    if (isTimeUp()) return false
  }
  if (!handOver(state, nowMs, isTimeUp)) return false
  while (settling.size() > 0) {
    const root = settling.shift()
    const now = rootState(state, root, nowMs)
    // What it has explained is still on its way back.
    const isOpen = book.of(root) !== undefined
    if (now !== null || !state.freedBy.has(root) || !isOpen) book.settle(root, now, nowMs)
    if (now === null && isAside(root)) state.asides.delete(nodeOfAside(root))
    if (!isOpen && book.of(root) !== undefined) noteToldFirst(state, root, nowMs)
    if (settling.size() > 0 && isTimeUp()) return false
  }
  return true
}

/**
 * After a restart: an incident may have been open for those that were still on their way back. Nodes below its root that are in
 * trouble and have no incident of their own are those.
 */
function freeRestored(state: LightState, nowMs: number): void {
  if (state.restored.size === 0) return
  for (let place = 0; place < state.troubled.size(); place++) {
    const node = state.troubled.at(place)
    if (state.tree.root[node] !== node || state.book.of(node) !== undefined) continue
    for (let up = firstParent(state, node); up !== none; up = firstParent(state, up)) {
      if (!state.restored.has(up) || state.tree.isCause[up] === 1) continue
      free(state, node, up, nowMs)
      break
    }
  }
  state.restored = new Set()
}

/** Takes note of an open incident whose root is none any more, and of whose it is now. One that is to open yet waits no longer for that. */
function noteHandover(state: LightState, root: number): void {
  if (root < 0 || isRoot(state, root)) return
  const incident = state.book.of(root)
  if (incident === undefined) {
    const by = state.tree.root[root]!
    if (by === none || !isRoot(state, by)) return
    state.book.waitAs(root, by)
    state.settling.add(by)
    return
  }
  const above = state.tree.root[root]!
  const to = above !== none && above !== root ? above : nextRoot(state, root)
  if (to === none || !isRoot(state, to)) return
  if (above === none) unfree(state, to)
  const found = { from: root, to, openedAtMs: incident.openedAtMs, id: incident.id }
  const oldest = state.handovers.get(to)
  if (oldest === undefined || isOlder(found, oldest)) {
    state.handovers.set(to, found)
    if (oldest !== undefined) state.otherHandovers.push(oldest)
  } else state.otherHandovers.push(found)
}

const isOlder = (a: Handover, b: Handover): boolean =>
  a.openedAtMs !== b.openedAtMs ? a.openedAtMs < b.openedAtMs : a.id < b.id

/** Hands over what was found: the oldest for each root first, for that one gives its identity. False when `isTimeUp` has ended it. */
function handOver(state: LightState, nowMs: number, isTimeUp: () => boolean): boolean {
  const { book, handovers, otherHandovers, settling } = state
  const act = ({ from, to }: Handover): void => {
    // Between two turns it may have come otherwise.
    if (isRoot(state, from) || !isRoot(state, to)) return
    book.handOver(from, to, nowMs)
    settling.add(to)
  }
  for (const [to, oldest] of handovers) {
    handovers.delete(to)
    act(oldest)
    if (isTimeUp()) return false
  }
  for (let next = otherHandovers.pop(); next !== undefined; next = otherHandovers.pop()) {
    act(next)
    if (isTimeUp()) return false
  }
  return true
}

/**
 * What a root explained in part goes on elsewhere. A ring that is told to be broken turns out to be so at a link. A link of a ring that
 * is lost turns out to lead to what is cut off. Mains come back here and there, a service in one house before another: it goes on where
 * that has been missing longest.
 */
function nextRoot(state: LightState, root: number): number {
  const inRing = causeInRing(state, root)
  if (inRing !== none) return inRing
  const by = riskRoot(state, root)
  if (by !== none && by !== root && state.tree.isCause[by] === 1) return by
  if (!state.freedBy.has(root)) return none
  let next = none
  let nextMs = Infinity
  const { freed, tree } = state
  for (let place = 0; place < freed.size(); place++) {
    const node = freed.at(place)
    if (tree.freedFrom[node] !== root || tree.freedUntilMs[node] === 0) continue
    const lostMs = mainsLostMs(state, node) ?? state.alarmsOf.get(node)?.service?.sinceMs ?? Infinity
    if (lostMs < nextMs || (lostMs === nextMs && lostMs < Infinity && node < next)) {
      next = node
      nextMs = lostMs
    }
  }
  return next
}

/**
 * A way is still lost, though what was cut off behind it is reached again: the incident goes on at that link. Where it goes on where it was
 * (the UPS does not yet say that the mains are back), the link has its time to come up.
 */
function goOnAtRisk(state: LightState, node: number, by: number, nowMs: number): void {
  const isOpen = by >= 0 && state.book.of(by) !== undefined && state.book.of(node) === undefined
  if (!isOpen || !isRoot(state, node)) return
  if (!isRoot(state, by)) state.book.handOver(by, node, nowMs)
  else if (nowMs - state.tree.backMs[by]! < state.options.recoverMs) free(state, node, by, nowMs)
}
