import { lights, type IncidentKind } from '../../schemas/words.ts'
import { isAside, isOutBesides, nodeOfAside, restOf } from './asides.ts'
import { kindOf } from './causes.ts'
import { troubleSince } from './evidence.ts'
import { isDarkByFeeder } from './feeders.ts'
import type { RootState } from './incidents.ts'
import { endsAskedMs, explainedMs, isBySilence, mainsAskedMs, mainsToldMs } from './pending.ts'
import { firstToldMs, waitsForMains } from './power.ts'
import { collectorBase, mainsLostMs, noGroup, red, type LightState } from './state.ts'
import { linksSince } from './ways.ts'

/**
 * Whether work is planned on the node, or on every way above it: who hangs on a node that is worked on loses its link or falls
 * silent by that. Its own mains and devices are no matter of the work.
 */
export function isPlanned(state: LightState, node: number, kind: IncidentKind): boolean {
  const { isMaintenance, parentStart, parentList } = state.tree.inventory
  if (isMaintenance(node)) return true
  if (kind !== 'link' && kind !== 'unknown' && kind !== 'optics') return false
  const seen = new Set([node])
  for (const at of seen) {
    if (parentStart[at] === parentStart[at + 1]) return false
    for (let way = parentStart[at]!; way < parentStart[at + 1]!; way++) {
      if (!isMaintenance(parentList[way]!)) seen.add(parentList[way]!)
    }
  }
  return true
}

/** Whether it is a root of an incident now. */
export function isRoot(state: LightState, root: number): boolean {
  if (root > collectorBase)
    return state.tree.isCause[root] === 1 && (!state.asides.has(root) || isOutBesides(state, root))
  if (isAside(root)) return restOf(state, nodeOfAside(root)) !== undefined
  const { sinceMs = null, isToldAlone = false } =
    state.collectors.get(state.collectorNames[collectorBase - root]!) ?? {}
  return sinceMs !== null && (state.groups.has(root) || isToldAlone)
}

/** What a root is at the end of a pass: what its incident says; null where it is none. */
export function rootState(state: LightState, root: number, nowMs: number): RootState | null {
  if (!isRoot(state, root)) return null
  if (isAside(root)) return asideState(state, nodeOfAside(root))
  const { tree } = state
  const { settleMs, powerSettleMs } = state.options
  const group = state.groups.get(root) ?? noGroup
  const counts = {
    affectedNodes: group.nodes,
    affectedAddresses: group.addresses,
    affectedSubscribers: group.subscribers,
    out: { nodes: group.cutNodes, addresses: group.cutAddresses, subscribers: group.cutSubscribers }
  }
  if (root <= collectorBase) {
    const name = state.collectorNames[collectorBase - root]!
    const sinceMs = state.collectors.get(name)!.sinceMs!
    const about = {
      kind: 'collector',
      light: 'grey',
      alarms: [],
      maintenance: false,
      isGrave: false
    } as const
    const isNow = { explainedMs: 0, isBySilence: false, isCut: false }
    return { root: name, sinceMs, settleMs, ...isNow, ...about, ...counts }
  }
  const kind = kindOf(state, root)
  const isPowerAsked = waitsForMains(state, root, nowMs)
  const mainsMs = mainsLostMs(state, root)
  const rest = restOf(state, root)?.alarms
  // What is wrong within it besides has a root and times of its own.
  const sinceMs =
    (rest === undefined ? undefined : (mainsMs ?? linksSince(state, root)?.sinceMs)) ??
    troubleSince(state, root)
  const askedMs = isPowerAsked
    ? mainsToldMs(state, root, sinceMs, nowMs)
    : mainsMs === undefined
      ? 0
      : Math.max(mainsAskedMs(state, root, nowMs), firstToldMs(state, root, mainsMs, nowMs))
  const dueMs = [askedMs, explainedMs(state, root), endsAskedMs(state, root, nowMs)]
  return {
    root: tree.inventory.nodeId(root),
    kind,
    // Where another root explains that it is cut off, what stood before is no more than a part of it.
    light: tree.root[root] !== root && tree.own[root] === red ? 'yellow' : lights[tree.own[root]!]!,
    sinceMs,
    alarms: (state.alarmsOf.get(root)?.alarms ?? []).filter(id => rest?.includes(id) !== true),
    maintenance: isPlanned(state, root, isBySilence(state, root) ? 'unknown' : kind),
    explainedMs: Math.max(...dueMs, tree.freedUntilMs[root]!),
    isBySilence: isBySilence(state, root),
    isGrave: state.alarmsOf.get(root)?.isGrave === true,
    isCut: mainsMs !== undefined || (kind === 'power' && isDarkByFeeder(state, root)),
    // Its alarm has been held already, and what turns out to be above goes on with its incident.
    settleMs: isPowerAsked ? Math.max(settleMs, powerSettleMs) : mainsMs === undefined ? settleMs : 0,
    ...counts
  }
}

/** What is wrong within a node, besides what puts it out. */
function asideState(state: LightState, node: number): RootState {
  const { inventory, addresses, subscribers } = state.tree
  const { light, kind, sinceMs, alarms, isGrave } = restOf(state, node)!
  return {
    root: inventory.nodeId(node),
    kind,
    light,
    sinceMs,
    alarms,
    maintenance: isPlanned(state, node, kind),
    explainedMs: state.asides.get(node)!,
    isBySilence: false,
    isGrave,
    isCut: false,
    settleMs: state.options.settleMs,
    affectedNodes: 1,
    affectedAddresses: addresses[node]!,
    affectedSubscribers: subscribers[node]!,
    out: { nodes: 0, addresses: 0, subscribers: 0 }
  }
}
