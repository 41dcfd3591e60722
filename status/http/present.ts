import { signalIds, signals } from '../../schemas/signals.ts'
import { tiers } from '../../schemas/words.ts'
import type { Alarm, RuleNotes } from '../../rules/model.ts'
import type { Incident } from '../../topology/model.ts'
import type {
  AlarmJson,
  AskedJson,
  IncidentJson,
  NodeAnswerJson,
  NodeSummaryJson,
  RunwayJson,
  SummaryJson,
  TreeNodeJson
} from './api-schemas.ts'
import type { BatteryRunway, NodeAnswer, NodeCount, NodeSummary, StatusView, TreeNode } from '../view.ts'

/** The engine's answers as the HTTP interface gives them: ISO times beside milliseconds, names beside ids. */

/** ISO 8601 in UTC. Times a Date cannot hold are shown as its nearest end, because an answer must not throw. */
export function isoTime(timeMs: number): string {
  const bound = 8.64e15
  const sane = Number.isNaN(timeMs) ? 0 : Math.min(Math.max(Math.trunc(timeMs), -bound), bound)
  return new Date(sane).toISOString()
}

export const isoOrNull = (timeMs: number | null): string | null => (timeMs === null ? null : isoTime(timeMs))

/** When it was answered, and how new what is answered is. */
export function presentAsked(view: Pick<StatusView, 'freshness'>, atMs: number): AskedJson {
  const { asOfMs, lateMs } = view.freshness()
  return {
    at: isoTime(atMs),
    atMs,
    asOf: isoOrNull(asOfMs),
    asOfMs: asOfMs === null ? null : Math.trunc(asOfMs),
    lateMs: Math.trunc(lateMs)
  }
}

export function presentSummary(node: NodeSummary): NodeSummaryJson {
  return {
    id: node.id,
    tier: node.tier,
    name: node.name,
    own: node.own,
    effective: node.effective,
    since: isoOrNull(node.sinceMs),
    sinceMs: node.sinceMs,
    maintenance: node.maintenance
  }
}

export function presentTreeNode(node: TreeNode): TreeNodeJson {
  return {
    parents: [...node.parents],
    children: node.children,
    below: node.below,
    ...presentSummary(node)
  }
}

/** `notes`: what its rule says of it. */
export function presentAlarm(alarm: Alarm, notes: RuleNotes): AlarmJson {
  const { evidence } = alarm
  const signalId = signalIds.get(evidence.signal)
  return {
    id: alarm.id,
    resource: alarm.resource,
    type: alarm.type,
    qualifier: alarm.qualifier,
    node: alarm.node,
    device: alarm.device,
    instance: alarm.instance,
    kind: alarm.kind,
    severity: alarm.severity,
    isCleared: alarm.isCleared,
    raisedAt: isoTime(alarm.raisedAtMs),
    raisedAtMs: alarm.raisedAtMs,
    changedAt: isoTime(alarm.changedAtMs),
    changedAtMs: alarm.changedAtMs,
    clearedAt: isoOrNull(alarm.clearedAtMs),
    clearedAtMs: alarm.clearedAtMs,
    text: { ru: alarm.text.ru, en: alarm.text.en },
    ...presentNotes(notes),
    evidence: {
      rule: evidence.rule,
      signal: evidence.signal,
      value: evidence.value,
      valueName: evidence.valueName,
      unit: signalId === undefined ? '' : (signals[signalId]?.unit ?? ''),
      limit: evidence.limit,
      eventTime: isoTime(evidence.eventTimeMs),
      eventTimeMs: evidence.eventTimeMs,
      coordinates: evidence.coordinates
    }
  }
}

/** Null for no runbook. */
export const presentNotes = ({
  labels,
  runbook
}: RuleNotes): { labels: Record<string, string>; runbook: string | null } => ({
  labels: { ...labels },
  runbook: runbook === '' ? null : runbook
})

export function presentRunway(runway: BatteryRunway | null): RunwayJson | null {
  if (runway === null) return null
  const { node, nodeName, sinceMs, dark, falls, isNear } = runway
  return {
    node,
    nodeName,
    since: isoTime(sinceMs),
    sinceMs,
    earliest: isoOrNull(dark?.earliestMs ?? null),
    earliestMs: wholeOrNull(dark?.earliestMs),
    likely: isoOrNull(dark?.likelyMs ?? null),
    likelyMs: wholeOrNull(dark?.likelyMs),
    latest: isoOrNull(dark?.latestMs ?? null),
    latestMs: wholeOrNull(dark?.latestMs),
    near: isNear,
    nodes: falls.nodes,
    addresses: falls.addresses,
    subscribers: falls.subscribers
  }
}

const wholeOrNull = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms))

/** `nameOf` gives the name of a node id; the id itself stands in where the node is no longer in the inventory. */
export function presentIncident(
  incident: Incident,
  nameOf: (id: string) => string,
  runway: BatteryRunway | null = null
): IncidentJson {
  return {
    id: incident.id,
    root: incident.root,
    rootName: nameOf(incident.root),
    kind: incident.kind,
    light: incident.light,
    severity: incident.severity,
    openedAt: isoTime(incident.openedAtMs),
    openedAtMs: incident.openedAtMs,
    closedAt: isoOrNull(incident.closedAtMs),
    closedAtMs: incident.closedAtMs,
    alarms: [...incident.alarms],
    affectedNodes: incident.affectedNodes,
    affectedAddresses: incident.affectedAddresses,
    affectedSubscribers: incident.affectedSubscribers,
    outNodes: incident.out?.nodes ?? null,
    outAddresses: incident.out?.addresses ?? null,
    outSubscribers: incident.out?.subscribers ?? null,
    maintenance: incident.maintenance,
    mergedInto: incident.mergedInto ?? null,
    runway: presentRunway(runway)
  }
}

export function presentNode(
  answer: NodeAnswer,
  nameOf: (id: string) => string,
  notesOf: StatusView['notesOf']
): NodeAnswerJson {
  return {
    parents: [...answer.node.parents],
    addresses: [...answer.node.addresses],
    subscribers: answer.node.subscribers,
    premises: answer.node.premises,
    says: { ru: answer.says.ru, en: answer.says.en },
    cause: {
      by: answer.cause.by,
      node: answer.cause.node,
      nodeName: nameOf(answer.cause.node),
      alarm: answer.cause.alarm,
      kind: answer.cause.kind
    },
    wayToCore: answer.wayToCore.map(presentSummary),
    alarms: answer.alarms.map(alarm => presentAlarm(alarm, notesOf(alarm))),
    incidents: answer.incidents.map(incident => presentIncident(incident, nameOf)),
    runway: presentRunway(answer.runway),
    devices: answer.devices.map(device => ({
      id: device.id,
      role: device.role,
      vendor: device.vendor,
      model: device.model,
      lastSeen: isoOrNull(device.lastSeenMs),
      lastSeenMs: device.lastSeenMs,
      silent: device.silent,
      clockOffsetMs: device.clockOffsetMs === null ? null : Math.round(device.clockOffsetMs)
    })),
    children: answer.children.map(presentSummary),
    childrenTotal: answer.childrenTotal,
    below: { ...answer.below },
    ...presentSummary(answer)
  }
}

/** Names of node ids; the id itself stands in where the node is no longer in the inventory. */
export function nodeNames(view: StatusView): (id: string) => string {
  return id => (view.nodeName === undefined ? view.node(id)?.name : view.nodeName(id)) ?? id
}

export function presentSummaryOfNetwork(
  counts: readonly NodeCount[],
  openIncidents: number,
  exampleAddress: string | null,
  asked: AskedJson
): SummaryJson {
  const none = () => ({ green: 0, yellow: 0, red: 0, grey: 0 })
  const all = none()
  const byTier = new Map(tiers.map(tier => [tier, none()]))
  let nodes = 0
  for (const count of counts) {
    nodes += count.nodes
    all[count.light] += count.nodes
    const ofTier = byTier.get(count.tier)
    if (ofTier !== undefined) ofTier[count.light] += count.nodes
  }
  return {
    nodes,
    lights: all,
    tiers: [...byTier].map(([tier, ofTier]) => ({ tier, lights: ofTier })),
    openIncidents,
    exampleAddress,
    ...asked
  }
}
