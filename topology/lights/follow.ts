import type { LightCause } from '../model.ts'
import { upstream } from './causes.ts'
import { addChange } from './changes.ts'
import { troubleSince } from './evidence.ts'
import { isSilentAlone, stoodBefore } from './onset.ts'
import {
  cut,
  dark,
  deviceCount,
  enqueue,
  green,
  grey,
  live,
  noGroup,
  none,
  red,
  up,
  type Group,
  type LightState
} from './state.ts'

/**
 * Nodes that follow: with one parent, and nothing known against themselves, or no more than that they are silent below one that is.
 * When half a network goes dark nearly all are such, so this is the short way for them: it makes no object. What it says is what
 * the long way in pass.ts would.
 */

/** What the followers of one root have in common, from the last of them. */
interface Followed {
  root: number
  group: Group
  cause: LightCause
  sinceMs: number
}

export interface Following {
  last: Followed | null
}

/** Computes a node again that follows its parent; false where that is not all there is to it. */
export function follow(state: LightState, following: Following, node: number, nowMs: number): boolean {
  const { tree } = state
  const { inventory } = tree
  const way = inventory.parentStart[node]!
  if (inventory.parentStart[node + 1]! - way !== 1 || tree.ways[way] !== up) return false
  if (tree.isKnown[node] === 1 || tree.isCause[node] === 1 || tree.riskBy[node] !== none) return false
  const devices = deviceCount(state, node)
  const isSilent = tree.silent[node] !== 0
  if (tree.never[node] !== 0 || (isSilent && tree.silent[node] !== devices)) return false
  const ownBefore = tree.own[node]!
  if (ownBefore !== green && ownBefore !== grey) return false
  const parent = inventory.parentList[way]!
  const offered = tree.offers[parent]!
  // Who is heard is not cut off by silence alone.
  const reach = offered === dark && !isSilent && devices > 0 ? live : offered
  const root = reach === live ? none : tree.root[parent]!
  const rootBefore = tree.root[node]!
  if (root < none || rootBefore < none || rootBefore === node) return false
  if (reach === live ? isSilent : root === none) return false
  const onset = reach === live ? 0 : tree.onsetMs[parent]!
  if (isSilent && (stoodBefore(state, node, onset) || isSilentAlone(state, node, parent, onset))) return false

  const own = isSilent ? grey : green
  const offeredBefore = tree.offers[node]!
  const effectiveBefore = tree.effective[node]!
  const effective = reach === live ? green : reach === cut ? red : grey
  const isOnward =
    reach !== offeredBefore || (reach !== live && (root !== rootBefore || onset !== tree.onsetMs[node]))
  tree.own[node] = own
  tree.effective[node] = effective
  tree.reach[node] = reach
  tree.offers[node] = reach
  tree.root[node] = root
  tree.onsetMs[node] = onset
  tree.powerDark[node] = 0
  if (root !== rootBefore || effective !== effectiveBefore) {
    countFollower(state, following, rootBefore, node, effectiveBefore, -1)
    countFollower(state, following, root, node, effective, 1)
  } else if (root !== none) state.touched.add(root)
  if (root === none && rootBefore !== none) {
    tree.leftRoot[node] = rootBefore
    tree.leftMs[node] = nowMs
  }
  if (reach === live && offeredBefore !== live) tree.backMs[node] = nowMs
  if (isOnward) {
    for (let e = inventory.childStart[node]!; e < inventory.childStart[node + 1]!; e++)
      enqueue(state, inventory.childList[e]!)
  }
  const sameCause = root === rootBefore || rootBefore === none
  if (own === ownBefore && effective === effectiveBefore && sameCause) return true
  const followed = root === none ? null : followedOf(state, following, root)
  if (effective !== effectiveBefore) {
    const tier = tree.tierCounts[node]!
    tree.counts[tier + effectiveBefore]!--
    tree.counts[tier + effective]!++
    tree.sinceMs[node] = followed === null ? nowMs : Math.min(nowMs, followed.sinceMs)
  }
  addChange(state.changes, node, effectiveBefore, effective, own, followed?.cause ?? null)
  return true
}

function followedOf(state: LightState, following: Following, root: number): Followed {
  if (following.last?.root === root) return following.last
  let group = state.groups.get(root)
  if (group === undefined) {
    group = { ...noGroup }
    state.groups.set(root, group)
  }
  state.touched.add(root)
  const followed = { root, group, cause: upstream(state, root), sinceMs: troubleSince(state, root) }
  following.last = followed
  return followed
}

function countFollower(
  state: LightState,
  following: Following,
  root: number,
  node: number,
  effective: number,
  sign: 1 | -1
): void {
  if (root === none) return
  const { group } = followedOf(state, following, root)
  const addresses = state.tree.addresses[node]!
  const subscribers = state.tree.subscribers[node]!
  group.nodes += sign
  group.addresses += sign * addresses
  group.subscribers += sign * subscribers
  if (effective === grey || effective === red) {
    group.cutNodes += sign
    group.cutAddresses += sign * addresses
    group.cutSubscribers += sign * subscribers
  }
  if (group.nodes > 0) return
  state.groups.delete(root)
  following.last = null
}
