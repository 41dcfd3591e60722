import { isBySilence } from './pending.ts'
import { rootState } from './roots.ts'
import { collectorBase, live, none, type LightState } from './state.ts'

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
  state.freedBy.set(by, (state.freedBy.get(by) ?? 0) + 1)
}

/**
 * Whether what a root explained of a node is over, so that the node is only still on its way back. Silence tells of the past,
 * but direct evidence against a node beside a power cut or a dead collector that goes on is news.
 */
function isOver(state: LightState, node: number, root: number): boolean {
  if (root < 0) return state.collectors.get(state.collectorNames[collectorBase - root]!)?.sinceMs === null
  if (state.tree.isCause[root] === 0 || isBySilence(state, node)) return true
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

/** Brings the incidents of all roots that may have changed in line with them. */
export function settleIncidents(state: LightState, nowMs: number): void {
  const { book } = state
  for (const [node, by] of state.left) {
    if (state.tree.root[node] === node && isOver(state, node, by)) free(state, node, by, nowMs)
  }
  state.left = new Map()
  for (const [node, { untilMs }] of state.freed) {
    if (untilMs > nowMs) break
    unfree(state, node)
    state.touched.add(node)
  }
  for (const root of book.due(nowMs)) state.touched.add(root)
  if (state.touched.size === 0) return
  const touched = state.touched
  state.touched = new Set()
  for (const [from, to] of handovers(state, touched)) {
    book.handOver(from, to, nowMs)
    touched.add(to)
  }
  for (const root of touched) {
    const now = rootState(state, root)
    // What it has explained is still on its way back.
    if (now === null && state.freedBy.has(root) && book.of(root) !== undefined) continue
    book.settle(root, now, nowMs)
  }
}

/** Open incidents whose root is none any more, and whose they are now; the oldest first, for that one gives its identity. */
function handovers(state: LightState, touched: ReadonlySet<number>): readonly (readonly [number, number])[] {
  const found: { from: number; to: number; openedAtMs: number; id: string }[] = []
  for (const root of touched) {
    const incident = root < 0 ? undefined : state.book.of(root)
    if (incident === undefined || rootState(state, root) !== null) continue
    const above = state.tree.root[root]!
    const to = above !== none && above !== root ? above : nextWithoutMains(state, root)
    if (to === none || rootState(state, to) === null) continue
    if (above === none) unfree(state, to)
    found.push({ from: root, to, openedAtMs: incident.openedAtMs, id: incident.id })
  }
  found.sort((a, b) => a.openedAtMs - b.openedAtMs || (a.id < b.id ? -1 : 1))
  return found.map(({ from, to }) => [from, to])
}

/** Mains come back here and there: the power cut goes on at the site that has been without them longest. */
function nextWithoutMains(state: LightState, root: number): number {
  if (!state.freedBy.has(root)) return none
  let next = none
  for (const [node, { by }] of state.freed) {
    const lostMs = by === root ? state.mainsLost.get(node) : undefined
    if (lostMs === undefined) continue
    const nextMs = next === none ? Infinity : state.mainsLost.get(next)!
    if (lostMs < nextMs || (lostMs === nextMs && node < next)) next = node
  }
  return next
}
