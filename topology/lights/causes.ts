import type { IncidentKind } from '../../schemas/words.ts'
import type { LightCause } from '../model.ts'
import { isSilentTrouble, noData, troubleSince } from './evidence.ts'
import { firstDeadParent, isRedundancyLost } from './reach.ts'
import { collectorBase, green, grey, live, none, red, yellow, type LightState } from './state.ts'

/** Why a node's light is what it is, and since when. */

export function kindOf(state: LightState, root: number): IncidentKind {
  if (root <= collectorBase) return 'collector'
  if (state.mainsLost.has(root)) return 'power'
  const alarms = state.alarmsOf.get(root)
  if (alarms === undefined) return 'unknown'
  return alarms.light === 'red' || !isSilentTrouble(state, root) ? alarms.kind : 'unknown'
}

/** Since when what makes the effective light stands (ms). */
export function lightSince(state: LightState, node: number, nowMs: number): number {
  const { tree } = state
  const root = tree.root[node]!
  if (tree.reach[node] !== live || tree.powerDark[node] === 1) return troubleSince(state, root)
  if (root <= collectorBase)
    return state.collectors.get(state.collectorNames[collectorBase - root]!)?.sinceMs ?? nowMs
  if (tree.own[node] === green) {
    const dead = firstDeadParent(state, node)
    return dead === none ? nowMs : troubleSince(state, tree.root[dead]!)
  }
  if (tree.own[node] === grey && noData(state, node)) return nowMs
  const sinceMs = troubleSince(state, node)
  return Number.isFinite(sinceMs) ? sinceMs : nowMs
}

function upstream(state: LightState, root: number): LightCause {
  return {
    by: 'upstream',
    node: state.tree.inventory.nodeId(root),
    alarm: state.alarmsOf.get(root)?.alarm ?? '',
    kind: kindOf(state, root)
  }
}

export function causeOf(state: LightState, node: number): LightCause {
  const { tree } = state
  const id = tree.inventory.nodeId(node)
  if (tree.reach[node] !== live || tree.powerDark[node] === 1) return upstream(state, tree.root[node]!)
  const alarms = state.alarmsOf.get(node)
  switch (tree.own[node]) {
    case red:
      return { by: 'alarm', node: id, alarm: alarms?.alarm ?? '', kind: alarms?.kind ?? 'unknown' }
    case grey: {
      const kind = state.collectorsOf.has(node)
        ? 'collector'
        : noData(state, node)
          ? 'unknown'
          : kindOf(state, node)
      return { by: 'silence', node: id, alarm: '', kind }
    }
    case yellow:
      if (alarms !== undefined) return { by: 'alarm', node: id, alarm: alarms.alarm, kind: alarms.kind }
      return { by: 'silence', node: id, alarm: '', kind: 'device' }
    default:
      if (isRedundancyLost(state, node)) return upstream(state, tree.root[firstDeadParent(state, node)]!)
      return { by: 'none', node: id, alarm: '', kind: 'unknown' }
  }
}
