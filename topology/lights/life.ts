import { answered, isBySilence } from './pending.ts'
import { noteToldFirst } from './power.ts'
import { riskRoot } from './reach.ts'
import { rootState } from './roots.ts'
import { collectorBase, firstParent, live, none, type LightState } from './state.ts'

/**
 * The life of incidents. One is opened once: what turns out to be the consequence of another hands its incident over to that
 * (it keeps its identity and has another root then), or is merged into it where that has one already. When the cause is
 * over the incident stays open until all it explained is back, for a while; what comes back in that time opens nothing,
 * and what is still bad afterwards stands on its own.
 */

/** A node that another root explained until now is in trouble by itself: it has time to come back. */
export function free(state: LightState, node: number, by: number, nowMs: number): void {
  const { recoverMs } = state.options
  if (recoverMs === 0 || state.freed.has(node)) return
  state.freed.set(node, { by, untilMs: nowMs + recoverMs })
  state.tree.isKnown[node] = 1
  state.freedBy.set(by, (state.freedBy.get(by) ?? 0) + 1)
}

/**
 * Whether what a root explained of a node is over, so that the node is only still on its way back. Silence tells of the past,
 * but direct evidence against a node beside a power cut or a dead collector that goes on is news, unless the site that told of
 * the cut has been dark itself and is back.
 */
function isOver(state: LightState, node: number, root: number, nowMs: number): boolean {
  if (root < 0) return state.collectors.get(state.collectorNames[collectorBase - root]!)?.sinceMs === null
  if (state.tree.isCause[root] === 0 || isBySilence(state, node)) return true
  if (nowMs - state.tree.backMs[root]! < state.options.recoverMs) return true
  return !state.mainsLost.has(root) && state.tree.offers[root] === live
}

/** It is back, or explained by another, or its time is over. */
export function unfree(state: LightState, node: number): void {
  const freed = state.freed.get(node)
  if (freed === undefined) return
  state.freed.delete(node)
  const left = (state.freedBy.get(freed.by) ?? 1) - 1
  if (left > 0) state.freedBy.set(freed.by, left)
  else {
    state.freedBy.delete(freed.by)
    state.touched.add(freed.by)
  }
}

/** When the first of those who have time to come back has no more (ms), or Infinity. */
export function nextFreedMs(state: LightState): number {
  // In the order of being freed, each for as long.
  for (const { untilMs } of state.freed.values()) return untilMs
  return Infinity
}

/**
 * Brings the incidents of all roots that may have changed in line with them. False when `isTimeUp` has ended it before that was all; the
 * next call goes on.
 */
export function settleIncidents(state: LightState, nowMs: number, isTimeUp: () => boolean): boolean {
  const { book } = state
  freeRestored(state, nowMs)
  for (const [node, by] of state.left) {
    if (state.tree.root[node] === node && isOver(state, node, by, nowMs)) free(state, node, by, nowMs)
  }
  state.left = new Map()
  for (const [node, { untilMs }] of state.freed) {
    if (untilMs > nowMs) break
    unfree(state, node)
    state.touched.add(node)
  }
  for (const root of book.due(nowMs)) state.touched.add(root)
  for (const root of answered(state, nowMs)) state.touched.add(root)
  for (const node of state.leftAtRisk.keys()) state.touched.add(node)
  if (state.touched.size === 0 && state.settling.size === 0) return true
  const touched = state.touched
  state.touched = new Set()
  const goOn = state.leftAtRisk
  state.leftAtRisk = new Map()
  for (const [node, by] of goOn) goOnAtRisk(state, node, by, nowMs)
  for (const [from, to] of handovers(state, touched, nowMs)) {
    book.handOver(from, to, nowMs)
    touched.add(to)
  }
  const { settling } = state
  for (const root of touched) settling.add(root)
  for (const root of settling) {
    settling.delete(root)
    const now = rootState(state, root, nowMs)
    // What it has explained is still on its way back.
    const isOpen = book.of(root) !== undefined
    if (now !== null || !state.freedBy.has(root) || !isOpen) book.settle(root, now, nowMs)
    if (!isOpen && book.of(root) !== undefined) noteToldFirst(state, root, nowMs)
    if (settling.size > 0 && isTimeUp()) return false
  }
  return true
}

/**
 * After a restart: an incident may have been open for those that were still on their way back. Nodes below its root that are in
 * trouble and have no incident of their own are those.
 */
function freeRestored(state: LightState, nowMs: number): void {
  if (state.restored.size === 0) return
  for (const node of state.troubled) {
    if (state.tree.root[node] !== node || state.book.of(node) !== undefined) continue
    for (let up = firstParent(state, node); up !== none; up = firstParent(state, up)) {
      if (!state.restored.has(up) || state.tree.isCause[up] === 1) continue
      free(state, node, up, nowMs)
      break
    }
  }
  state.restored = new Set()
}

/** Open incidents whose root is none any more, and whose they are now; the oldest first, for that one gives its identity. */
function handovers(
  state: LightState,
  touched: ReadonlySet<number>,
  nowMs: number
): readonly (readonly [number, number])[] {
  const found: { from: number; to: number; openedAtMs: number; id: string }[] = []
  for (const root of touched) {
    const incident = root < 0 ? undefined : state.book.of(root)
    if (incident === undefined || rootState(state, root, nowMs) !== null) continue
    const above = state.tree.root[root]!
    const to = above !== none && above !== root ? above : nextRoot(state, root)
    if (to === none || rootState(state, to, nowMs) === null) continue
    if (above === none) unfree(state, to)
    found.push({ from: root, to, openedAtMs: incident.openedAtMs, id: incident.id })
  }
  found.sort((a, b) => a.openedAtMs - b.openedAtMs || (a.id < b.id ? -1 : 1))
  return found.map(({ from, to }) => [from, to])
}

/**
 * What a root explained in part goes on elsewhere. A link of a ring that is lost turns out to lead to what is cut off. Mains
 * come back here and there, a service in one house before another: it goes on where that has been missing longest.
 */
function nextRoot(state: LightState, root: number): number {
  const by = riskRoot(state, root)
  if (by !== none && by !== root && state.tree.isCause[by] === 1) return by
  if (!state.freedBy.has(root)) return none
  let next = none
  let nextMs = Infinity
  for (const [node, freed] of state.freed) {
    if (freed.by !== root) continue
    const lostMs = state.mainsLost.get(node) ?? state.alarmsOf.get(node)?.service?.sinceMs ?? Infinity
    if (lostMs < nextMs || (lostMs === nextMs && lostMs < Infinity && node < next)) {
      next = node
      nextMs = lostMs
    }
  }
  return next
}

/** A way is still lost, though what was cut off behind it is reached again: the incident goes on at that link. */
function goOnAtRisk(state: LightState, node: number, by: number, nowMs: number): void {
  const isOpen = by >= 0 && state.book.of(by) !== undefined && state.book.of(node) === undefined
  if (isOpen && rootState(state, by, nowMs) === null && rootState(state, node, nowMs) !== null)
    state.book.handOver(by, node, nowMs)
}
