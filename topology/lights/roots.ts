import { lights } from '../../schemas/words.ts'
import { kindOf } from './causes.ts'
import { troubleSince } from './evidence.ts'
import type { RootState } from './incidents.ts'
import { mayBePowerCut } from './power.ts'
import { collectorBase, type LightState } from './state.ts'

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
    maintenance: tree.inventory.isMaintenance(root),
    settleMs: mayBePowerCut(state, root) ? Math.max(settleMs, powerSettleMs) : settleMs,
    ...counts
  }
}
