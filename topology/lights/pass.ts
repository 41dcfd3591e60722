import { lights, tiers } from '../../schemas/words.ts'
import { causeOf, lightSince } from './causes.ts'
import { isSilentTrouble, noData } from './evidence.ts'
import { unfree } from './life.ts'
import { claim, enqueueUnderChangedMains, mainsFirst, powerCause } from './power.ts'
import { firstWayLost, reachOf, reachOfRing, type Reach } from './reach.ts'
import { cut, dark, enqueue, green, grey, live, none, red, up, yellow, type LightState } from './state.ts'
import { isLinkCut, isToldHere } from './ways.ts'

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
      const node = lost[at]!
      if (tree.queued[node] === 1) visit(state, node, nowMs)
      let added = false
      for (let k = known; k < level.length; k++) {
        if (mainsLost.has(level[k]!)) added = lost.push(level[k]!) > 0
      }
      if (added) lost.splice(at + 1, lost.length, ...lost.slice(at + 1).sort(inOrder))
    }
    for (const node of level) {
      if (tree.queued[node] === 0) continue
      visit(state, node, nowMs)
    }
    level.length = 0
  }
}

function visit(state: LightState, node: number, nowMs: number): void {
  const ring = state.tree.inventory.ringOf[node]!
  if (ring !== -1) {
    recomputeRing(state, ring, nowMs)
    return
  }
  take(state, node)
  recompute(state, node, nowMs, reachOf(state, node))
}

/** A ring as a whole: which of its nodes are reached is known only of all of them together. */
function recomputeRing(state: LightState, ring: number, nowMs: number): void {
  const { tree } = state
  const verdicts = reachOfRing(state, ring)
  const before = new Map<number, number>()
  for (const [node, { reach }] of verdicts) {
    if (tree.queued[node] === 1) take(state, node)
    before.set(node, tree.offers[node]!)
    tree.offers[node] = offersOf(state, node, reach)
  }
  for (const [node, verdict] of verdicts) recompute(state, node, nowMs, verdict, before.get(node))
}

/** What a node is to those below it. */
const offersOf = (state: LightState, node: number, reach: number): number =>
  reach !== live ? reach : isSilentTrouble(state, node) ? dark : live

function recompute(
  state: LightState,
  node: number,
  nowMs: number,
  verdict: Reach,
  offeredBefore = state.tree.offers[node]!
): void {
  const { tree } = state
  const { parentStart, parentList, childStart, childList, ringOf } = tree.inventory
  const { reach, from } = verdict
  const alarms = state.alarmsOf.get(node)
  const collector = state.collectorsOf.get(node)?.[0]
  const silentTrouble = isSilentTrouble(state, node)
  const linkCut = isLinkCut(state, node)
  let isLinkLost = false
  let isLinkFault = false
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
    const isParentLive = tree.offers[parentList[way]!] === live
    if (tree.ways[way] !== up) {
      isLinkLost = true
      // The end of a link is down as well when what it leads to is: that explains it.
      const isByHand = state.lostWays.get(way)?.isByHand === true
      isLinkFault ||= isParentLive && (reach !== live || (!isByHand && isToldHere(state, node, way)))
    }
  }
  const isAlarmed = alarms !== undefined && alarms.light !== null
  const own =
    linkCut || alarms?.light === 'red' || (reach === cut && from === node)
      ? red
      : collector !== undefined || silentTrouble || noData(state, node)
        ? grey
        : isAlarmed || isLinkLost || tree.silent[node]! > 0
          ? yellow
          : green
  const isTrouble = isAlarmed || isLinkFault || silentTrouble
  if (isTrouble) state.troubled.add(node)
  else state.troubled.delete(node)
  const offers = offersOf(state, node, reach)
  const isUpstream = reach !== live && from !== node

  const power = !isUpstream && isTrouble ? powerCause(state, node) : none
  claim(state, node, power)
  const powerDark = power !== none && (own === grey || (linkCut && alarms?.light !== 'red')) ? 1 : 0
  const root = isUpstream
    ? tree.root[from]!
    : power !== none
      ? tree.root[power]!
      : isTrouble || reach !== live
        ? node
        : collector !== undefined
          ? collector.code
          : none
  const isCause = power === none && (root === node || isLinkFault) ? 1 : 0
  const isOut = powerDark === 1 || (isUpstream && reach === cut)
  const effective = isOut
    ? red
    : isUpstream
      ? grey
      : own === green && reach === live && firstWayLost(state, node) !== none
        ? yellow
        : own

  const before = {
    own: tree.own[node]!,
    effective: tree.effective[node]!,
    root: tree.root[node]!,
    isCause: tree.isCause[node]!
  }
  countIn(state, before.root, node, before.effective, -1)
  tree.own[node] = own
  tree.effective[node] = effective
  tree.reach[node] = reach
  tree.offers[node] = offers
  tree.via[node] = verdict.via
  tree.root[node] = root
  tree.isCause[node] = isCause
  tree.powerDark[node] = powerDark
  countIn(state, root, node, effective, 1)
  if (isCause === 1 || before.isCause === 1) state.touched.add(node)
  if (root !== node) unfree(state, node)
  else if (before.root !== node && before.root !== none) state.left.set(node, before.root)
  if (offers !== offeredBefore || (offers !== live && root !== before.root)) {
    const ring = ringOf[node]!
    for (let e = childStart[node]!; e < childStart[node + 1]!; e++) {
      // The others of its ring are computed with it.
      if (ring === -1 || ringOf[childList[e]!] !== ring) enqueue(state, childList[e]!)
    }
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
