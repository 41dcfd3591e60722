import type { IncidentKind } from '../../schemas/words.ts'
import type { LightCause } from '../model.ts'
import { isPowerless, isSilentTrouble, missedAfterMs, noData, silentSince, troubleSince } from './evidence.ts'
import { isDarkByFeeder } from './feeders.ts'
import { redundancyLostBy } from './reach.ts'
import {
  collectorBase,
  green,
  grey,
  live,
  none,
  red,
  up,
  yellow,
  type LightState,
  type Rhythm
} from './state.ts'
import { firstLostWay, isLinkCut, linksSince } from './ways.ts'

/** Why a node's light is what it is, and since when. */

export function kindOf(state: LightState, root: number): IncidentKind {
  if (root <= collectorBase) return 'collector'
  if (state.tree.isMainsLost[root] === 1 || isDarkByFeeder(state, root)) return 'power'
  if (isLinkCut(state, root)) return 'link'
  const alarms = state.alarmsOf.get(root)
  if (alarms?.light === 'red') return alarms.kind
  // Its link is up, as the other end has said since: it is the node itself, or no more than its management.
  if (isSilentTrouble(state, root)) return isLinkSeenUp(state, root) ? 'device' : 'unknown'
  return firstLostWay(state, root) !== none ? 'link' : (alarms?.kind ?? 'unknown')
}

/** Whether a node above a silent one, heard after the polls it missed, sees its link and does not say that it is down. */
function isLinkSeenUp(state: LightState, node: number): boolean {
  if (state.rhythm === null) return false
  const known = state.linkSeenUp.get(node)
  if (known !== undefined) return known
  const isUp = doesParentSeeLinkUp(state, state.rhythm, node)
  state.linkSeenUp.set(node, isUp)
  return isUp
}

function doesParentSeeLinkUp(state: LightState, rhythm: Rhythm, node: number): boolean {
  const { tree } = state
  const { inventory } = tree
  const id = inventory.nodeId(node)
  const missedMs = silentSince(state, node) + missedAfterMs(state, node)
  for (let way = inventory.parentStart[node]!; way < inventory.parentStart[node + 1]!; way++) {
    if (tree.ways[way] !== up) continue
    for (const device of inventory.devicesOfNode(inventory.parentList[way]!)) {
      if (!rhythm.tellsLinks(device) || rhythm.heardMs(device) <= missedMs) continue
      if (inventory.device(device).ports.some(({ role, peer }) => role === 'downlink' && peer === id))
        return true
    }
  }
  return false
}

/** Since when what makes the effective light stands (ms). */
export function lightSince(state: LightState, node: number, nowMs: number): number {
  const { tree } = state
  const root = tree.root[node]!
  if (isExplainedElsewhere(state, node)) return troubleSince(state, root)
  if (root <= collectorBase)
    return state.collectors.get(state.collectorNames[collectorBase - root]!)?.sinceMs ?? nowMs
  if (tree.own[node] === green) {
    const by = redundancyLostBy(state, node)
    const sinceMs = by === none ? nowMs : troubleSince(state, by)
    return Number.isFinite(sinceMs) ? sinceMs : nowMs
  }
  if (tree.own[node] === grey && noData(state, node)) return nowMs
  const sinceMs = troubleSince(state, node)
  return Number.isFinite(sinceMs) ? sinceMs : nowMs
}

export function upstream(state: LightState, root: number): LightCause {
  return {
    by: 'upstream',
    node: state.tree.inventory.nodeId(root),
    alarm: state.alarmsOf.get(root)?.alarm ?? '',
    kind: kindOf(state, root)
  }
}

/** Cut off, or dark by a power cut, and not by its own fault. */
function isExplainedElsewhere({ tree }: LightState, node: number): boolean {
  return tree.root[node] !== node && (tree.reach[node] !== live || tree.powerDark[node] === 1)
}

export function causeOf(state: LightState, node: number): LightCause {
  const { tree } = state
  const id = tree.inventory.nodeId(node)
  if (isExplainedElsewhere(state, node)) return upstream(state, tree.root[node]!)
  const alarms = state.alarmsOf.get(node)
  switch (tree.own[node]) {
    case red:
      return (isLinkCut(state, node) && !isPowerless(state, node)) || alarms?.light !== 'red'
        ? { by: 'alarm', node: id, alarm: linksSince(state, node)?.alarm ?? '', kind: 'link' }
        : { by: 'alarm', node: id, alarm: alarms.alarm, kind: alarms.kind }
    case grey: {
      const kind =
        state.collectorsOf.has(node) && !isSilentTrouble(state, node)
          ? 'collector'
          : noData(state, node)
            ? 'unknown'
            : kindOf(state, node)
      return { by: 'silence', node: id, alarm: '', kind }
    }
    case yellow: {
      const way = firstLostWay(state, node)
      if (way !== none) {
        const alarm = state.lostWays.get(way)?.alarm ?? ''
        // The port at the other end has said so.
        const isOther = alarms?.alarms.includes(alarm) !== true
        const other = tree.inventory.nodeId(tree.inventory.parentList[way]!)
        return { by: isOther ? 'upstream' : 'alarm', node: isOther ? other : id, alarm, kind: 'link' }
      }
      if (alarms !== undefined) return { by: 'alarm', node: id, alarm: alarms.alarm, kind: alarms.kind }
      return { by: 'silence', node: id, alarm: '', kind: 'device' }
    }
    default:
      if (redundancyLostBy(state, node) !== none) return upstream(state, redundancyLostBy(state, node))
      return { by: 'none', node: id, alarm: '', kind: 'unknown' }
  }
}
