import { isLinkCut } from './ways.ts'
import { isSilentTrouble, silentSince } from './evidence.ts'
import { firstParent, none, type LightState } from './state.ts'

/**
 * Nobody is judged by silence before those who could explain it were asked. A node that is known to be in trouble by silence
 * alone is pending until every device that could explain it has been heard after the polls that the node missed, or is
 * silent itself: the node's other devices, those of the nodes above it on all its ways, and so the UPS whose mains may be lost.
 */

/** Who is overdue is known a sweep later; until then (ms) it may yet turn out to be silent itself. */
const sweepMs = 2000
/** How long a UPS must have said that it runs on battery before that is an alarm (ms), and some for its way. */
const mainsAlarmMs = 20_000

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
  const { deviceStart, deviceList, parentStart, parentList } = inventory
  let missedMs = silentSince(state, node)
  let intervalMs = Infinity
  for (let at = deviceStart[node]!; at < deviceStart[node + 1]!; at++)
    intervalMs = Math.min(intervalMs, rhythm.intervalMs(deviceList[at]!))
  // The first poll it missed may have been lost by chance, and the fault have come after it.
  missedMs += 2 * intervalMs
  if (!Number.isFinite(missedMs)) return 0
  let dueMs = 0
  const asked = new Set([node])
  for (const at of asked) {
    for (let d = deviceStart[at]!; d < deviceStart[at + 1]!; d++) {
      const device = deviceList[d]!
      if (!Number.isNaN(state.tree.deviceSilentMs[device]!)) continue
      const heardMs = rhythm.heardMs(device)
      if (heardMs > 0 && heardMs <= missedMs)
        dueMs = Math.max(dueMs, heardMs + rhythm.limitMs(device) + sweepMs)
    }
    for (let way = parentStart[at]!; way < parentStart[at + 1]!; way++) {
      if (asked.size < askedMax && parentList[way] !== none) asked.add(parentList[way]!)
    }
  }
  return dueMs
}

/**
 * Until when the UPS of the node above may yet say that the mains are lost (ms): two of its polls, of which one may be lost, unless
 * it has been heard long enough after a moment.
 */
export function mainsToldMs(state: LightState, node: number, afterMs: number): number {
  const { rhythm } = state
  const parent = firstParent(state, node)
  if (rhythm === null || parent === none) return 0
  const { inventory } = state.tree
  let dueMs = 0
  for (const device of inventory.devicesOfNode(parent)) {
    if (inventory.makeOf(device).role !== 'ups') continue
    const heardMs = rhythm.heardMs(device)
    if (heardMs > 0 && heardMs <= afterMs + mainsAlarmMs)
      dueMs = Math.max(dueMs, heardMs + 2 * rhythm.intervalMs(device) + mainsAlarmMs)
  }
  return dueMs
}
