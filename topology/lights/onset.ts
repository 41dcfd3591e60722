import { missedAfterMs, silentSince, isSilentTrouble, troubleSince } from './evidence.ts'
import { firstParent, none, up, type LightState } from './state.ts'
import { isLinkCut } from './ways.ts'

/**
 * What stood before something above it failed is no consequence of that. It is told by times: when the fault above can have begun
 * at the earliest, and when the trouble below was there at the latest.
 */

/** When a fault that cuts off can have begun at the earliest (ms): since it was seen to be well, by itself or by who tells of it. */
export function onsetMs(state: LightState, node: number): number {
  const sinceMs = troubleSince(state, node)
  if (!isLinkCut(state, node)) return isSilentTrouble(state, node) ? sinceMs : sinceMs - seenMs(state, node)
  const fromMs = sinceMs - seenMs(state, node)
  const lastMs = heardMs(state, node)
  if (lastMs <= sinceMs) return Math.max(fromMs, lastMs)
  // It is heard again, and what was known of its last word before goes on to hold.
  const knownMs = state.tree.onsetMs[node]!
  return knownMs >= fromMs && knownMs <= sinceMs ? knownMs : fromMs
}

/** How long what is told of a node may have been so before (ms): two polls of who tells, of which one may be lost. */
export function seenMs(state: LightState, node: number): number {
  const { rhythm } = state
  if (rhythm === null) return state.options.powerWindowMs
  let intervalMs = 0
  for (const at of [node, firstParent(state, node)]) {
    if (at === none) continue
    for (const device of state.tree.inventory.devicesOfNode(at))
      intervalMs = Math.max(intervalMs, rhythm.intervalMs(device))
  }
  return 2 * intervalMs
}

/** When the node was heard last (ms): it was reached then. */
function heardMs({ rhythm, tree }: LightState, node: number): number {
  let heardMs = -Infinity
  if (rhythm === null) return heardMs
  for (const device of tree.inventory.devicesOfNode(node)) heardMs = Math.max(heardMs, rhythm.heardMs(device))
  return heardMs
}

/**
 * Whether a node that is cut off was without its links, or silent, before what cuts it off now began: a window before it, because
 * what dies may take a moment over it, and those below go first.
 */
export function stoodBefore(state: LightState, node: number, aboveMs: number): boolean {
  const byMs = aboveMs - state.options.powerWindowMs
  if (explainedToMs(state, node) >= byMs) return false
  if (isLinkCut(state, node)) return troubleSince(state, node) < byMs
  return isSilentTrouble(state, node) && silentSince(state, node) + missedAfterMs(state, node) < byMs
}

/** The same of its alarms, which say nothing of its ways: they are not explained by what cuts it off. */
export function wasAlarmedBefore(state: LightState, node: number, aboveMs: number): boolean {
  const alarms = state.alarmsOf.get(node)
  if (alarms === undefined || alarms.light === null || alarms.isReachOnly === true) return false
  if (explainedToMs(state, node) >= aboveMs - state.options.powerWindowMs) return false
  return alarms.sinceMs < aboveMs - state.options.powerWindowMs
}

/** The same of one of its links, or ways: that of what cuts it off now is another's, the first one is not. */
export function wasLinkLostBefore(state: LightState, node: number, aboveMs: number): boolean {
  const { downPorts, tree, options } = state
  const byMs = aboveMs - options.powerWindowMs
  if (downPorts.size === 0 || explainedToMs(state, node) >= byMs) return false
  const { parentStart } = tree.inventory
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
    if (tree.ways[way] === up) continue
    if (downPorts.get(way)?.some(({ sinceMs, isByHand }) => !isByHand && sinceMs < byMs) === true) return true
  }
  return false
}

/**
 * Whether a silent node below a silent one went silent by itself: it was heard long after that one fell silent, and others that have no
 * other way are heard still. Something passes there, be it said or not.
 */
export function isSilentAlone(state: LightState, node: number, above: number, aboveMs: number): boolean {
  if (state.rhythm === null) return false
  const sinceMs = silentSince(state, node)
  // First, for of a large part of the network that falls silent at once each is asked.
  if (sinceMs < aboveMs + 2 * state.options.powerWindowMs) return false
  if (isLinkCut(state, node) || !isSilentTrouble(state, node) || !isSilentTrouble(state, above)) return false
  return heardThroughMs(state, above) > sinceMs + missedAfterMs(state, node)
}

/** When one was heard last of those that hang on this node alone (ms). */
function heardThroughMs(state: LightState, above: number): number {
  const known = state.heardThrough.get(above)
  if (known !== undefined) return known
  const { parentStart, childStart, childList } = state.tree.inventory
  let lastMs = -Infinity
  for (let e = childStart[above]!; e < childStart[above + 1]!; e++) {
    const child = childList[e]!
    if (parentStart[child + 1]! - parentStart[child]! === 1) lastMs = Math.max(lastMs, heardMs(state, child))
  }
  state.heardThrough.set(above, lastMs)
  return lastMs
}

/** Until when another root explained what is known of the node (ms): it was on its way back from that since. */
const explainedToMs = ({ options, tree }: LightState, node: number): number =>
  options.recoverMs > 0 && tree.leftRoot[node] !== none ? tree.leftMs[node]! : -Infinity
