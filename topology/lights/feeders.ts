import { looksDark, missedAfterMs, troubleSince } from './evidence.ts'
import { enqueue, none, type DarkOnFeeder, type LightState } from './state.ts'

/** Feeders of the mains whose houses have no UPS to tell of them: where several went dark together, it was their mains. */

/** The place of a node that is dark since then, or where it would be. */
function placeOf({ nodes, sinceMs }: DarkOnFeeder, node: number, ms: number): number {
  let low = 0
  let high = nodes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sinceMs[middle]! < ms || (sinceMs[middle] === ms && nodes[middle]! < node)) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Takes note of whether a node on a feeder, without a UPS to tell of its mains, is dark and not explained from above. The others of the
 * feeder are gone over again once for all that came or went in a pass: `enqueueOnFeeders`.
 */
export function noteDark(state: LightState, node: number, isUpstream: boolean): void {
  const feeder = state.tree.inventory.feederOf(node)
  if (feeder === 0 || state.tree.hasUps[node] === 1) return
  const sinceMs = !isUpstream && looksDark(state, node) ? troubleSince(state, node) : undefined
  const before = state.darkSince.get(node)
  if (sinceMs === before) return
  const dark = state.darkOnFeeder.get(feeder) ?? { nodes: [], sinceMs: [] }
  if (before !== undefined) {
    const place = placeOf(dark, node, before)
    dark.nodes.splice(place, 1)
    dark.sinceMs.splice(place, 1)
    state.darkSince.delete(node)
  }
  if (sinceMs !== undefined) {
    const place = placeOf(dark, node, sinceMs)
    dark.nodes.splice(place, 0, node)
    dark.sinceMs.splice(place, 0, sinceMs)
    state.darkSince.set(node, sinceMs)
  }
  if (dark.nodes.length === 0) state.darkOnFeeder.delete(feeder)
  else state.darkOnFeeder.set(feeder, dark)
  state.feedersChanged.add(feeder)
}

/** Queues what is dark on feeders where something came or went. False when `isOver` has ended it before that was all; the next call goes on. */
export function enqueueOnFeeders(state: LightState, isOver: () => boolean): boolean {
  for (const feeder of state.feedersChanged) {
    state.feedersChanged.delete(feeder)
    for (const node of state.darkOnFeeder.get(feeder)?.nodes ?? []) enqueue(state, node)
    if (isOver()) return false
  }
  return true
}

/** Whether several on one feeder went dark with this node: their mains, though no UPS tells of them. */
export function isDarkByFeeder(state: LightState, node: number): boolean {
  const sinceMs = state.darkSince.get(node)
  if (sinceMs === undefined) return false
  const dark = state.darkOnFeeder.get(state.tree.inventory.feederOf(node))!
  const own = placeOf(dark, node, sinceMs)
  const nextMs = dark.sinceMs[own + 1] ?? Infinity
  return (
    nextMs <= sinceMs + missedAfterMs(state, node) + state.options.powerWindowMs ||
    firstBefore(state, sinceMs, dark, own) !== none
  )
}

/** The first on the feeder of a node that went dark with it, or none where that is the node itself. */
export function feederCause(state: LightState, node: number): number {
  const sinceMs = state.darkSince.get(node)
  if (sinceMs === undefined) return none
  const dark = state.darkOnFeeder.get(state.tree.inventory.feederOf(node))!
  return firstBefore(state, sinceMs, dark, placeOf(dark, node, sinceMs))
}

/** The first of those before the one at place `own` that may have been well no longer than it was: a silent one may have missed a poll by chance. */
function firstBefore(
  state: LightState,
  sinceMs: number,
  { nodes, sinceMs: all }: DarkOnFeeder,
  own: number
): number {
  for (let place = 0; place < own; place++) {
    const node = nodes[place]!
    if (sinceMs <= all[place]! + missedAfterMs(state, node) + state.options.powerWindowMs) return node
  }
  return none
}
