import { addChange } from './changes.ts'
import { isAsideOnly } from './asides.ts'
import { causeOf, lightSince } from './causes.ts'
import { isPowerless, isSilentTrouble, noData } from './evidence.ts'
import { unfree } from './life.ts'
import { feedCause } from './feeds.ts'
import { enqueueOnFeeders, feederCause, noteDark } from './feeders.ts'
import { follow, type Following } from './follow.ts'
import { isSilentAlone, onsetMs, stoodBefore, wasAlarmedBefore, wasLinkLostBefore } from './onset.ts'
import { enqueueUnderChangedMains } from './mains.ts'
import { claim, enqueueClaimed, isAnyClaimed, powerCause } from './power.ts'
import { empty } from './queues.ts'
import { firstWayLost, reachOf, reachOfRing, riskRoot, type Reach } from './reach.ts'
import { isRingExplained, unexplainedFeeders } from './rings.ts'
import { noteStage, stageCause } from './stages.ts'
import {
  cut,
  dark,
  enqueue,
  green,
  grey,
  live,
  noGroup,
  none,
  red,
  up,
  yellow,
  type LightState
} from './state.ts'
import { isLinkCut, isToldHere } from './ways.ts'

/** The incremental pass: own light, reach, root and effective light of the nodes that may have changed, from the core down. */

/**
 * Computes again what may have changed, a level of the tree at a time. False when `isOver` has ended it before that was all: what is left
 * stays in the queue, and the next call goes on from there.
 */
export function pass(state: LightState, nowMs: number, isOver: () => boolean): boolean {
  do {
    if (!enqueueUnderChangedMains(state, isOver) || !enqueueClaimed(state, isOver)) return false
    if (!enqueueOnFeeders(state, isOver) || !passOnce(state, nowMs, isOver)) return false
  } while (state.feedersChanged.size > 0)
  return true
}

function passOnce(state: LightState, nowMs: number, isOver: () => boolean): boolean {
  const { tree } = state
  if (tree.queuedCount === 0) return true
  const following: Following = { last: null }
  const { queued, mainsQueue } = tree
  for (const [depth, level] of tree.queue.entries()) {
    // Nodes that have lost their mains come first, the earliest of them first: the others lean on their roots.
    const lost = mainsQueue[depth]!
    for (;;) {
      let node = lost.shift()
      if (node === empty) node = level.shift()
      if (node === empty) break
      if (queued[node] === 0) continue
      visit(state, node, nowMs, following)
      if (isOver() || (isAnyClaimed(state) && !enqueueClaimed(state, isOver))) return false
    }
  }
  return true
}

function visit(state: LightState, node: number, nowMs: number, following: Following): void {
  const ring = state.tree.inventory.ringOf[node]!
  if (ring !== -1) {
    following.last = null
    recomputeRing(state, ring, nowMs)
    return
  }
  take(state, node)
  if (follow(state, following, node, nowMs)) return
  following.last = null
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
  // It stands above, where this pass has been already; one in a ring of its own is gone over with that.
  for (const feeder of unexplainedFeeders(state, verdicts.keys()))
    if (state.tree.inventory.ringOf[feeder] === -1) recompute(state, feeder, nowMs, reachOf(state, feeder))
    else enqueue(state, feeder)
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
  const { inventory } = tree
  const { parentStart, parentList, childStart, childList, ringOf } = inventory
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
  const isAlarmed = alarms !== undefined && alarms.light !== null && !isRingExplained(state, node)
  const own =
    linkCut || alarms?.light === 'red' || (reach === cut && from === node)
      ? red
      : collector !== undefined || silentTrouble || noData(state, node)
        ? grey
        : isAlarmed || isLinkLost || tree.silent[node]! > 0
          ? yellow
          : green
  const isBehind = reach !== live && from !== node
  const aboveMs = isBehind ? tree.onsetMs[from]! : Infinity
  const stands = isBehind && (stoodBefore(state, node, aboveMs) || isSilentAlone(state, node, from, aboveMs))
  const isTrouble = isAlarmed || isLinkFault || silentTrouble || stands
  const offers = offersOf(state, node, reach)
  const isUpstream = isBehind && !stands
  if (isTrouble && (!isUpstream || isAlarmed || isLinkFault)) state.troubled.add(node)
  else state.troubled.delete(node)

  const mainsCause = !isUpstream && isTrouble ? powerCause(state, node) : none
  const mayStage = mainsCause === none && !isUpstream && isTrouble && state.mainsLostCount > 0
  const stage = mayStage ? stageCause(state, node) : none
  noteStage(state, node, stage !== none)
  const byMains = mainsCause !== none ? mainsCause : stage
  noteDark(state, node, isUpstream)
  const byFeeder = byMains === none && !isUpstream && isTrouble ? feederCause(state, node) : none
  const byFeed =
    byMains === none && byFeeder === none && !isUpstream && !isLinkFault ? feedCause(state, node) : none
  const power = byMains !== none ? byMains : byFeeder !== none ? byFeeder : byFeed
  claim(state, node, power)
  // Whose mains nobody has told of is not known to be out by silence.
  const isDark =
    (own === grey && byFeeder === none && collector === undefined) ||
    isPowerless(state, node) ||
    (linkCut && alarms?.light !== 'red')
  const powerDark = power !== none && isDark ? 1 : 0
  const root = isUpstream
    ? tree.root[from]!
    : power !== none
      ? tree.isCause[power] === 1 || tree.root[power] === none
        ? // Where it is not gone over itself yet, it is what is known for now.
          power
        : tree.root[power]!
      : isTrouble || reach !== live
        ? node
        : collector !== undefined
          ? collector.code
          : none
  const isOwnStill =
    isUpstream &&
    ((!isOfSameCut(state, node, from) && wasLinkLostBefore(state, node, aboveMs)) ||
      (wasAlarmedBefore(state, node, aboveMs) && !state.asides.has(node) && powerCause(state, node) === none))
  const isOwnLink = isLinkFault && !(isUpstream && isOfSameCut(state, node, from))
  const isCause = power === none && (root === node || isOwnLink || isOwnStill) ? 1 : 0
  const onset = offers === live ? 0 : isUpstream ? aboveMs : onsetMs(state, node)
  const isOut = powerDark === 1 || (isBehind && reach === cut)
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
    isCause: tree.isCause[node]!,
    onset: tree.onsetMs[node]!,
    riskBy: tree.riskBy[node]!
  }
  countIn(state, before.root, node, before.effective, -1)
  tree.own[node] = own
  tree.effective[node] = effective
  tree.reach[node] = reach
  tree.offers[node] = offers
  tree.via[node] = verdict.via
  tree.root[node] = root
  tree.isCause[node] = isCause
  tree.onsetMs[node] = onset
  const risk = riskRoot(state, node)
  tree.riskBy[node] = risk === root ? none : risk
  tree.powerDark[node] = powerDark
  countIn(state, root, node, effective, 1)
  countIn(state, before.riskBy, node, yellow, -1)
  countIn(state, tree.riskBy[node], node, yellow, 1)
  if (isCause === 1 || before.isCause === 1 || state.asides.has(node)) state.touched.add(node)
  if (root !== node || isAsideOnly(state, node)) unfree(state, node)
  else if (before.root !== node) {
    // Whom a collector has lost is counted anew once it is back: its silence after that is news.
    const isLate = tree.leftRoot[node]! >= 0 && nowMs - tree.leftMs[node]! < state.options.recoverMs
    const by = before.root !== none ? before.root : isLate ? tree.leftRoot[node]! : none
    // A ring that was cut in two places and is mended in one: it goes on at the other.
    if (by >= 0 && isLinkFault && isOfSameCut(state, node, by)) state.leftAtRisk.set(node, by)
    else if (by !== none) {
      tree.leftBy[node] = by
      state.left.add(node)
    }
  }
  if (isLinkFault && root === node && tree.freedUntilMs[node]! > 0 && tree.freedFrom[node]! >= 0) {
    // On its way back, and a link of it is seen to be down: it may be news.
    tree.leftBy[node] = tree.freedFrom[node]!
    state.left.add(node)
  }
  if ((root === none || root === node) && before.root !== none && before.root !== node) {
    tree.leftRoot[node] = before.root
    tree.leftMs[node] = nowMs
  }
  if (offers === live && offeredBefore !== live) tree.backMs[node] = nowMs
  if (isCause > before.isCause && before.riskBy !== none && before.riskBy !== node)
    state.leftAtRisk.set(node, before.riskBy)
  if (offers !== offeredBefore || (offers !== live && (root !== before.root || onset !== before.onset))) {
    const ring = ringOf[node]!
    for (let e = childStart[node]!; e < childStart[node + 1]!; e++) {
      // The others of its ring are computed with it.
      if (ring === -1 || ringOf[childList[e]!] !== ring) enqueue(state, childList[e]!)
    }
  }
  const isKnown =
    alarms !== undefined ||
    collector !== undefined ||
    isAlarmed ||
    isLinkFault ||
    stands ||
    (silentTrouble && !isUpstream) ||
    power !== none ||
    state.darkSince.has(node)
  tree.isKnown[node] = isKnown || tree.freedUntilMs[node]! > 0 || tree.firstClaimed[node]! > 0 ? 1 : 0
  if (tree.firstClaimed[node]! > 0 && (root !== before.root || isCause !== before.isCause))
    state.claimsChanged.push(node)
  const sameCause = root === before.root || before.root === none
  if (own === before.own && effective === before.effective && sameCause) return
  if (effective !== before.effective) {
    const tier = tree.tierCounts[node]!
    tree.counts[tier + before.effective]!--
    tree.counts[tier + effective]!++
    tree.sinceMs[node] = effective === green ? nowMs : Math.min(nowMs, lightSince(state, node, nowMs))
  }
  addChange(state.changes, node, before.effective, effective, own, causeOf(state, node))
}

/** Lost links of a ring cut off together what lies between them: that is one fault then, whichever of them was lost first. */
function isOfSameCut({ tree }: LightState, node: number, from: number): boolean {
  const { ringOf } = tree.inventory
  return ringOf[node] !== -1 && ringOf[node] === ringOf[from]
}

function countIn(state: LightState, root: number, node: number, effective: number, sign: 1 | -1): void {
  const { tree } = state
  if (root === none) return
  state.touched.add(root)
  let group = state.groups.get(root)
  if (group === undefined) {
    group = { ...noGroup }
    state.groups.set(root, group)
  }
  const addresses = tree.addresses[node]!
  const subscribers = tree.subscribers[node]!
  group.nodes += sign
  group.addresses += sign * addresses
  group.subscribers += sign * subscribers
  if (effective === grey || effective === red) {
    group.cutNodes += sign
    group.cutAddresses += sign * addresses
    group.cutSubscribers += sign * subscribers
  }
  if (group.nodes === 0) state.groups.delete(root)
}

function take(state: LightState, node: number): void {
  const { tree } = state
  tree.queued[node] = 0
  tree.queuedCount--
}
