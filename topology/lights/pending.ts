import { isLinkCut } from './ways.ts'
import { isSilentTrouble, isUpsHeard, silentSince, unheardFromMs } from './evidence.ts'
import { isLostElsewhere, mayShareMains } from './mains.ts'
import { down, firstParent, live, mainsLostMs, none, type LightState, type Rhythm } from './state.ts'

/**
 * Nobody is judged by silence before those who could explain it were asked. A node that is known to be in trouble by silence
 * alone is pending until every device that could explain it has been heard after the polls that the node missed, or is
 * silent itself: the node's other devices, those of the nodes above it on all its ways, and so the UPS whose mains may be lost.
 */

/** Who is overdue is known a sweep later; until then (ms) it may yet turn out to be silent itself. */
const sweepMs = 2000
/** How long a UPS must have said that it runs on battery before that is an alarm (ms), and some for its way. */
const mainsAlarmMs = 20_000
/** How long a poll may take on its way (ms). */
const onTheWayMs = 3000

/** How often it is looked whether those that are awaited have been heard (ms): updates come after each task. */
const lookedEachMs = 500

/** No record is later than that (ms). */
const lateMsMax = 120_000

/** Who has not been heard for more of its intervals than that has lost more than a poll: what it says comes late, or it was away. */
const latePauses = 2.2

/** More nodes above a node are not asked: they would be a network without any order. */
const askedMax = 2000

/** Nothing but silence is known against the node. */
export function isBySilence(state: LightState, node: number): boolean {
  const alarms = state.alarmsOf.get(node)
  if (isLinkCut(state, node)) return false
  const isAlarmed = alarms !== undefined && alarms.isSilence !== true
  return !isAlarmed && (alarms !== undefined || isSilentTrouble(state, node))
}

/** When the last that could explain the silence of a node has spoken, or is overdue (ms); 0 when all have. */
export function explainedMs(state: LightState, node: number): number {
  const { rhythm } = state
  if (rhythm === null || !isBySilence(state, node)) return 0
  const { inventory } = state.tree
  const { deviceStart, deviceList, parentStart, parentList, childStart, childList, home } = inventory
  let missedMs = silentSince(state, node)
  let intervalMs = Infinity
  for (let at = deviceStart[node]!; at < deviceStart[node + 1]!; at++)
    intervalMs = Math.min(intervalMs, rhythm.intervalMs(deviceList[at]!))
  // The first poll it missed may have been lost by chance, and the fault have come after it.
  missedMs += 2 * intervalMs
  if (!Number.isFinite(missedMs)) return 0
  let dueMs = 0
  let last = none
  const asked = new Set([node])
  for (const at of asked) {
    for (let d = deviceStart[at]!; d < deviceStart[at + 1]!; d++) {
      const device = deviceList[d]!
      if (!Number.isNaN(state.tree.deviceSilentMs[device]!)) continue
      const heardMs = rhythm.heardMs(device)
      if (heardMs === 0 || heardMs > missedMs) continue
      const overdueMs = heardMs + rhythm.limitMs(device) + sweepMs
      if (overdueMs <= dueMs) continue
      dueMs = overdueMs
      last = device
    }
    // Its collector has lost it: those that hang on it as well tell of it.
    if (at !== node && state.collectorsOf.has(at))
      for (let e = childStart[at]!; e < childStart[at + 1]! && asked.size < askedMax; e++)
        if (home[childList[e]!] === at && !state.collectorsOf.has(childList[e]!)) asked.add(childList[e]!)
    for (let way = parentStart[at]!; way < parentStart[at + 1]!; way++) {
      if (asked.size < askedMax && parentList[way] !== none) asked.add(parentList[way]!)
    }
  }
  // When it is heard the next of them is waited for, until there is none.
  if (last !== none) awaitWord(state, rhythm, last, node)
  return dueMs
}

function awaitWord({ awaited }: LightState, rhythm: Rhythm, device: number, root: number): void {
  const known = awaited.get(device)
  if (known === undefined)
    awaited.set(device, { heardMs: rhythm.heardMs(device), othersMs: 0, roots: new Set([root]) })
  else known.roots.add(root)
}

/** Roots that have waited for the word of a device that has been heard since: to be looked at again. */
export function* answered(state: LightState, nowMs: number): Generator<number> {
  const { awaited, rhythm } = state
  if (rhythm === null || awaited.size === 0 || Math.abs(nowMs - state.lookedMs) < lookedEachMs) return
  state.lookedMs = nowMs
  for (const [device, asked] of awaited) {
    if (asked.othersMs === 0) {
      const pauseMs = rhythm.heardMs(device) - asked.heardMs
      if (pauseMs === 0) continue
      const intervalMs = rhythm.intervalMs(device)
      if (pauseMs > latePauses * intervalMs) asked.othersMs = nowMs + intervalMs
    }
    if (asked.othersMs > nowMs) continue
    awaited.delete(device)
    yield* asked.roots
  }
}

/**
 * Until when the UPS of a node may yet say that its mains were lost at a moment (ms); 0 when it would have said so. It is looked
 * at again when its next poll should be there; that may be lost, and the next one counts.
 */
function upsToldMs(state: LightState, node: number, afterMs: number, nowMs: number): number {
  const { rhythm, tree } = state
  if (rhythm === null || tree.isMainsLost[node] === 1 || !isUpsHeard(state, node)) return 0
  let dueMs = 0
  for (const device of tree.inventory.devicesOfNode(node)) {
    if (tree.inventory.makeOf(device).role !== 'ups') continue
    const heardMs = rhythm.heardMs(device)
    const intervalMs = rhythm.intervalMs(device)
    if (heardMs === 0) continue
    // What was on its way at that moment may be from before.
    const sinceMs = afterMs + onTheWayMs
    const beforeMs = heardMs - rhythm.pauseMs(device)
    const nextMs = heardMs + intervalMs
    // The first poll since then tells, be it this one, the one before, or an earlier one where they come often.
    if (beforeMs > sinceMs)
      dueMs = Math.max(dueMs, Math.min(beforeMs, sinceMs + 2 * intervalMs) + mainsAlarmMs)
    else if (heardMs > sinceMs) dueMs = Math.max(dueMs, heardMs + mainsAlarmMs)
    else if (nowMs < nextMs + onTheWayMs) dueMs = Math.max(dueMs, nextMs + onTheWayMs)
    else if (nowMs < nextMs + intervalMs + mainsAlarmMs)
      dueMs = Math.max(dueMs, nextMs + intervalMs + mainsAlarmMs)
    // It may have gone dark itself, with a battery that is worn: that is known when it is silent.
    else dueMs = Math.max(dueMs, heardMs + rhythm.limitMs(device) + sweepMs)
    // Its site is heard again only now, so that it has an interval from here.
    if (heardMs <= sinceMs && unheardFromMs(state, node, afterMs) < afterMs)
      dueMs = Math.max(dueMs, sinceMs + intervalMs + mainsAlarmMs)
  }
  return dueMs
}

/** Until when the UPS of the node above may yet say that the mains are lost (ms). */
export function mainsToldMs(state: LightState, node: number, afterMs: number, nowMs: number): number {
  const parent = firstParent(state, node)
  return parent === none ? 0 : upsToldMs(state, parent, afterMs, nowMs)
}

/**
 * Until when those above a node without mains may yet say that theirs are lost as well (ms): it is their power cut then. It does not
 * wait for them: its incident goes on there. But where mains are lost elsewhere, too, one of those above both may be what they have
 * in common; and where the power cut of one above is over since a moment, it may go on.
 */
export function mainsAskedMs(state: LightState, node: number, nowMs: number): number {
  const lostMs = mainsLostMs(state, node)
  if (lostMs === undefined) return 0
  let dueMs = 0
  let isAsked = isLostElsewhere(state, node, lostMs)
  for (let up = firstParent(state, node); up !== none; up = firstParent(state, up)) {
    if (!mayShareMains(state, node, up)) continue
    isAsked ||= state.book.isClosedOfLate(up, nowMs)
    dueMs = Math.max(dueMs, upsToldMs(state, up, lostMs, nowMs))
  }
  return isAsked ? dueMs : 0
}

/** When the device was heard last (ms): when that was read, where it was read before a moment and came after it. */
function polledMs(rhythm: Rhythm, device: number, momentMs: number): number {
  const heardMs = rhythm.heardMs(device)
  if (heardMs < momentMs) return heardMs
  const lateMs = heardMs - rhythm.readMs(device)
  // Of a clock that is off by more than a record is ever late, nothing can be said.
  return lateMs > 0 && lateMs < lateMsMax ? heardMs - lateMs : heardMs
}

/**
 * Until when it may yet turn out that one of several ways is lost because the node at its other end is dead (ms): until both
 * ends have been heard since, or are overdue by a poll more than may be lost.
 */
export function endsAskedMs(state: LightState, node: number, nowMs: number): number {
  const { rhythm, tree, lostWays } = state
  const { parentStart, parentList } = tree.inventory
  if (rhythm === null || tree.reach[node] !== live) return 0
  let dueMs = 0
  for (let way = parentStart[node]!; way < parentStart[node + 1]!; way++) {
    const lost = tree.ways[way] === down ? lostWays.get(way) : undefined
    if (lost === undefined) continue
    for (const end of [node, parentList[way]!]) {
      let heardMs = 0
      let intervalMs = 0
      for (const device of tree.inventory.devicesOfNode(end)) {
        heardMs = Math.max(heardMs, polledMs(rhythm, device, lost.sinceMs))
        // Its neighbours are asked as seldom as its slowest device.
        intervalMs = Math.max(intervalMs, rhythm.intervalMs(device))
      }
      if (heardMs === 0 || heardMs >= lost.sinceMs) continue
      for (const device of tree.inventory.devicesOfNode(end)) awaitWord(state, rhythm, device, node)
      const nextMs = heardMs + intervalMs + onTheWayMs
      dueMs = Math.max(dueMs, nowMs < nextMs ? nextMs : nextMs + intervalMs)
    }
  }
  return dueMs
}
