import { looksDark, missedAfterMs, troubleSince } from './evidence.ts'
import { mayShareMains } from './mains.ts'
import { enqueue, firstParent, mainsLostMs, none, type LightState } from './state.ts'

/** A power cut that goes on by stages: what is below a site without mains goes dark later. */

/**
 * The node above, where its power cut goes on by stages: its mains are still lost when several of those below it go dark together, with
 * no UPS to tell of theirs. One that goes dark alone then may as well have lost its link. Those that went dark with it are gone over again.
 */
export function stageCause(state: LightState, node: number): number {
  const { tree } = state
  const parent = firstParent(state, node)
  if (parent === none || tree.hasUps[node] === 1 || !mayShareMains(state, node, parent)) return none
  const parentMs = mainsLostMs(state, parent)
  if (parentMs === undefined || !looksDark(state, node)) return none
  const lostMs = troubleSince(state, node)
  if (lostMs < parentMs) return none
  const latestMs = lostMs + missedAfterMs(state, node)
  const { powerWindowMs } = state.options
  const { childStart, childList } = tree.inventory
  let isAlone = true
  for (let e = childStart[parent]!; e < childStart[parent + 1]!; e++) {
    const other = childList[e]!
    if (other === node || tree.hasUps[other] === 1 || firstParent(state, other) !== parent) continue
    if (!looksDark(state, other) || !mayShareMains(state, node, other)) continue
    const otherMs = troubleSince(state, other)
    if (otherMs < parentMs || otherMs > latestMs + powerWindowMs) continue
    if (lostMs > otherMs + missedAfterMs(state, other) + powerWindowMs) continue
    isAlone = false
    if (tree.claimedBy[other] === 0) enqueue(state, other)
  }
  return isAlone ? none : parent
}

/** Takes note of a node that its power cut has reached by stages: where it has not any more, those that went dark with it may have not either. */
export function noteStage(state: LightState, node: number, isStage: boolean): void {
  const { staged, tree } = state
  if (isStage) staged.add(node)
  else if (staged.size > 0 && staged.has(node)) {
    const parent = firstParent(state, node)
    const { childStart, childList } = tree.inventory
    const wasClaimed = tree.claimedBy[node] === parent + 1
    for (let e = childStart[parent]!; wasClaimed && e < childStart[parent + 1]!; e++)
      if (childList[e] !== node && staged.has(childList[e]!)) enqueue(state, childList[e]!)
    // One that is still dark when the others are back is on its way back, too.
    if (!looksDark(state, node)) staged.delete(node)
  }
}
