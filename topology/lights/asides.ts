import { isSilentTrouble, troubleSince } from './evidence.ts'
import type { RestAlarms } from './node-alarms.ts'
import { seenMs } from './onset.ts'
import { asideBase, live, mainsLostMs, none, type LightState } from './state.ts'
import { firstLostWay, isLinkCut, linksSince } from './ways.ts'

/**
 * A node may have two faults at once that have nothing to do with each other: its second switch is dead, or its battery asks to be replaced,
 * and then its mains are lost or its links. Each is told once and is over by itself. What puts the node out has the node as its root; what is
 * wrong within it besides has a root of its own, for as long as it lasts.
 */

export const asideOf = (node: number): number => asideBase - node

/** The same back: the node of a root that stands for what is wrong within it. */
export const nodeOfAside = (root: number): number => asideBase - root

export const isAside = (root: number): boolean => root <= asideBase

/** What is wrong within the node besides what puts it out, where that has a root of its own. */
export const restOf = (state: LightState, node: number): RestAlarms | undefined =>
  state.asides.has(node) ? state.alarmsOf.get(node)?.rest : undefined

/** More is known against the node than what is wrong within it. */
export function isOutBesides(state: LightState, node: number): boolean {
  if (state.tree.isMainsLost[node] === 1 || isSilentTrouble(state, node)) return true
  if (firstLostWay(state, node) !== none) return true
  const alarms = state.alarmsOf.get(node)
  return alarms !== undefined && alarms.alarms.length > (alarms.rest?.alarms.length ?? 0)
}

/** No more is known against the node than what has a root of its own. */
export const isAsideOnly = (state: LightState, node: number): boolean =>
  state.asides.has(node) && !isOutBesides(state, node)

/** Gives what is wrong within a node a root of its own, where its incident is another's than that of what puts the node out. */
export function setAside(state: LightState, node: number, nowMs: number): void {
  if (node < 0 || state.asides.has(node)) return
  const rest = state.alarmsOf.get(node)?.rest
  const incident = rest === undefined ? undefined : state.book.of(node)
  if (rest === undefined || incident === undefined) return
  if (state.book.isCut(node)) {
    // The mains are back, and with them what came by their loss; what is left when it has had its time is news.
    if (isOutBesides(state, node)) return
    state.asides.set(node, nowMs + state.options.recoverMs)
    state.book.keepAside(node, asideOf(node), state.options.powerWindowMs, nowMs)
    return
  }
  if (!stoodBefore(state, node, rest, incident.alarms)) return
  state.asides.set(node, 0)
  state.book.move(node, asideOf(node))
}

/** Whether what the incident is about was there a window before what puts the node out now. */
function stoodBefore(state: LightState, node: number, rest: RestAlarms, toldOf: readonly string[]): boolean {
  const outMs = outSinceMs(state, node, rest)
  // All of it is silent: what was silent of it first is a part of that.
  if (outMs === undefined || (rest.isSilence && isSilentTrouble(state, node))) return false
  // What is told of links and mains may have been so for two polls, and what is silent was heard as long before it failed.
  const toMs = rest.sinceMs + (rest.isSilence ? 2 : 1) * seenMs(state, node)
  if (toMs >= outMs - state.options.powerWindowMs) return false
  const now = state.alarmsOf.get(node)?.alarms ?? []
  const isRest = (id: string): boolean => rest.alarms.includes(id)
  return toldOf.some(isRest) && toldOf.every(id => isRest(id) || !now.includes(id))
}

/** Since when the node is out, or without mains, by something that its own alarms of the rest do not speak of (ms). */
function outSinceMs(state: LightState, node: number, rest: RestAlarms): number | undefined {
  const { tree } = state
  const mainsMs = mainsLostMs(state, node)
  if (mainsMs !== undefined) return mainsMs
  // A level that sinks and a link that is lost are one fibre.
  if (isLinkCut(state, node) && tree.root[node] === node)
    return rest.isOfLevel ? undefined : linksSince(state, node)?.sinceMs
  const root = tree.root[node]!
  const isExplained = root >= 0 && root !== node && tree.isCause[node] === 0
  if (!isExplained || (tree.reach[node] === live && tree.powerDark[node] === 0)) return undefined
  return mainsLostMs(state, root) ?? troubleSince(state, root)
}
