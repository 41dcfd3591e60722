import { lights, type IncidentKind } from '../../schemas/words.ts'
import { kindOf } from './causes.ts'
import { troubleSince } from './evidence.ts'
import type { RootState } from './incidents.ts'
import { mayBePowerCut } from './power.ts'
import { collectorBase, type LightState } from './state.ts'

/**
 * Whether work is planned on the node, or on every way above it: who hangs on a node that is worked on loses its link or falls
 * silent by that. Its own mains and devices are no matter of the work.
 */
export function isPlanned(state: LightState, node: number, kind: IncidentKind): boolean {
  const { isMaintenance, parentStart, parentList } = state.tree.inventory
  if (isMaintenance(node)) return true
  if (kind !== 'link' && kind !== 'unknown' && kind !== 'optics') return false
  const known = new Map<number, boolean>()
  const isInherited = (at: number): boolean => {
    if (isMaintenance(at)) return true
    let isBehind = known.get(at)
    if (isBehind === undefined) {
      const ways = parentList.subarray(parentStart[at], parentStart[at + 1])
      isBehind = ways.length > 0 && ways.every(isInherited)
      known.set(at, isBehind)
    }
    return isBehind
  }
  return isInherited(node)
}

/** What a root is at the end of a pass: what its incident says. */

export function rootState(state: LightState, root: number): RootState | null {
  const { tree } = state
  const { settleMs, powerSettleMs } = state.options
  const group = state.groups.get(root)
  if (group === undefined) return null
  const counts = {
    affectedNodes: group.nodes,
    affectedAddresses: group.addresses,
    affectedSubscribers: group.subscribers,
    cutSubscribers: group.cutSubscribers
  }
  if (root <= collectorBase) {
    const name = state.collectorNames[collectorBase - root]!
    const sinceMs = state.collectors.get(name)?.sinceMs
    if (sinceMs === null || sinceMs === undefined) return null
    const about = { kind: 'collector', light: 'grey', alarms: [], maintenance: false } as const
    return { root: name, sinceMs, settleMs, ...about, ...counts }
  }
  if (tree.root[root] !== root) return null
  return {
    root: tree.inventory.nodeId(root),
    kind: kindOf(state, root),
    light: lights[tree.own[root]!]!,
    sinceMs: troubleSince(state, root),
    alarms: state.alarmsOf.get(root)?.alarms ?? [],
    maintenance: isPlanned(state, root, kindOf(state, root)),
    settleMs: mayBePowerCut(state, root) ? Math.max(settleMs, powerSettleMs) : settleMs,
    ...counts
  }
}
