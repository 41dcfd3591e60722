import { lights, tiers } from '../../schemas/words.ts'
import { causeOf, lightSince } from './causes.ts'
import { heard, isSilentTrouble, noData } from './evidence.ts'
import { claim, enqueueUnderChangedMains, mainsFirst, powerCause } from './power.ts'
import { cut, dark, enqueue, green, grey, live, none, red, yellow, type LightState } from './state.ts'

/** The incremental pass: own light, reach, root and effective light of the nodes that may have changed, from the core down. */

/** Computes again what may have changed, a level of the tree at a time. */
export function pass(state: LightState, nowMs: number): void {
  const { tree } = state
  const { mainsLost } = state
  const inOrder = mainsFirst(state)
  enqueueUnderChangedMains(state)
  if (tree.queuedCount === 0) return

  for (const level of tree.queue) {
    // Nodes that have lost their mains come first, the earliest of them first: the others lean on their roots.
    if (level.length === 0) continue
    const lost = mainsLost.size === 0 ? [] : level.filter(node => mainsLost.has(node)).sort(inOrder)
    for (let at = 0; at < lost.length; at++) {
      const known = level.length
      take(state, lost[at]!)
      recompute(state, lost[at]!, nowMs)
      let added = false
      for (let k = known; k < level.length; k++) {
        if (mainsLost.has(level[k]!)) added = lost.push(level[k]!) > 0
      }
      if (added) lost.splice(at + 1, lost.length, ...lost.slice(at + 1).sort(inOrder))
    }
    for (const node of level) {
      if (tree.queued[node] === 0) continue
      take(state, node)
      recompute(state, node, nowMs)
    }
    level.length = 0
  }
}

function recompute(state: LightState, node: number, nowMs: number): void {
  const { tree } = state
  const { parentStart, parentList, childStart, childList } = tree.inventory
  const alarms = state.alarmsOf.get(node)
  const collector = state.collectorsOf.get(node)?.[0]
  const silentTrouble = isSilentTrouble(state, node)
  const own =
    alarms?.light === 'red'
      ? red
      : collector !== undefined || silentTrouble || noData(state, node)
        ? grey
        : alarms !== undefined || tree.silent[node]! > 0
          ? yellow
          : green
  if (alarms !== undefined || silentTrouble) state.troubled.add(node)
  else state.troubled.delete(node)

  let firstDead = none
  let reach = cut
  for (let e = parentStart[node]!; e < parentStart[node + 1]!; e++) {
    const way = tree.way[parentList[e]!]!
    if (way < reach) reach = way
    if (way !== live && firstDead === none) firstDead = parentList[e]!
  }
  if (firstDead === none || (reach === dark && heard(state, node))) reach = live
  const way = own === red ? cut : reach !== live ? reach : silentTrouble ? dark : live

  const isTrouble = alarms !== undefined || silentTrouble
  const power = reach === live && isTrouble ? powerCause(state, node) : none
  claim(state, node, power)
  const powerDark = power !== none && (own === grey || (own === red && alarms?.kind === 'link')) ? 1 : 0
  const root =
    reach !== live
      ? tree.root[firstDead]!
      : power !== none
        ? tree.root[power]!
        : isTrouble
          ? node
          : collector !== undefined
            ? collector.code
            : none
  const redundancyLost =
    reach === live && firstDead !== none && parentStart[node + 1]! - parentStart[node]! > 1
  const effective = reach !== live || powerDark === 1 ? grey : own === green && redundancyLost ? yellow : own

  const before = {
    own: tree.own[node]!,
    effective: tree.effective[node]!,
    root: tree.root[node]!,
    way: tree.way[node]!
  }
  countIn(state, before.root, node, before.effective, -1)
  tree.own[node] = own
  tree.effective[node] = effective
  tree.reach[node] = reach
  tree.way[node] = way
  tree.root[node] = root
  tree.powerDark[node] = powerDark
  countIn(state, root, node, effective, 1)
  if (isTrouble || before.root === node) state.touched.add(node)
  if (way !== before.way || (way !== live && root !== before.root)) {
    for (let e = childStart[node]!; e < childStart[node + 1]!; e++) enqueue(state, childList[e]!)
  }
  if (root !== before.root) {
    const nodes = state.claimed.get(node)
    if (nodes !== undefined) for (const other of nodes) enqueue(state, other)
  }
  const sameCause = root === before.root || before.root === none
  if (own === before.own && effective === before.effective && sameCause) return
  if (effective !== before.effective) {
    const tier = tiers.indexOf(tree.inventory.tierOf(node)) * lights.length
    tree.counts[tier + before.effective]!--
    tree.counts[tier + effective]!++
    tree.sinceMs[node] = effective === green ? nowMs : Math.min(nowMs, lightSince(state, node, nowMs))
  }
  state.changes.push({
    node: tree.inventory.nodeId(node),
    from: lights[before.effective]!,
    to: lights[effective],
    own: lights[own],
    atMs: nowMs,
    cause: causeOf(state, node)
  })
}

function countIn(state: LightState, root: number, node: number, effective: number, sign: 1 | -1): void {
  const { tree } = state
  if (root === none) return
  state.touched.add(root)
  let group = state.groups.get(root)
  if (group === undefined) {
    group = { nodes: 0, addresses: 0, subscribers: 0, cutSubscribers: 0 }
    state.groups.set(root, group)
  }
  const addresses = tree.inventory.addressCountOf(node)
  const subscribers = tree.inventory.subscribersOf(node)
  group.nodes += sign
  group.addresses += sign * addresses
  group.subscribers += sign * subscribers
  if (effective === grey || effective === red) group.cutSubscribers += sign * subscribers
  if (group.nodes === 0) state.groups.delete(root)
}

function take(state: LightState, node: number): void {
  const { tree } = state
  tree.queued[node] = 0
  tree.queuedCount--
}
