import type { Alarm } from '../../rules/model.ts'
import type { Incident } from '../../topology/model.ts'

/** How stored alarms and incidents are read back: the columns asked for, and the way from a row to the model. */

export interface AlarmFields {
  readonly id: string
  readonly change: string
  readonly at_ms: number
  readonly node: string
  readonly device: string
  readonly instance: string
  readonly resource: string
  readonly type: string
  readonly qualifier: string
  readonly kind: Alarm['kind']
  readonly severity: Alarm['severity']
  readonly is_cleared: boolean
  readonly raised_ms: number
  readonly cleared_ms: number | null
  readonly text_ru: string
  readonly text_en: string
  readonly rule: string
  readonly signal: string
  readonly value: number
  readonly limit_value: number | null
  readonly value_name: string | null
  readonly event_ms: number
  readonly topic: string | null
  readonly partition: number | null
  readonly offset: number | null
}

export const alarmColumns = `id, change, toUnixTimestamp64Milli(at) AS at_ms, node, device, instance, resource, type,
  qualifier, kind, severity, is_cleared, toUnixTimestamp64Milli(raised_at) AS raised_ms,
  toUnixTimestamp64Milli(cleared_at) AS cleared_ms, text_ru, text_en, rule, signal, value, limit_value, value_name,
  toUnixTimestamp64Milli(event_time) AS event_ms, topic, partition, offset`

const numberOrNull = (value: number | string | null): number | null => (value === null ? null : Number(value))

export function alarmOf(row: AlarmFields): Alarm {
  return {
    id: row.id,
    resource: row.resource,
    type: row.type,
    qualifier: row.qualifier,
    node: row.node,
    device: row.device,
    instance: row.instance,
    kind: row.kind,
    severity: row.severity,
    isCleared: row.is_cleared,
    raisedAtMs: Number(row.raised_ms),
    changedAtMs: Number(row.at_ms),
    clearedAtMs: numberOrNull(row.cleared_ms),
    text: { ru: row.text_ru, en: row.text_en },
    evidence: {
      rule: row.rule,
      signal: row.signal,
      value: row.value,
      limit: row.limit_value,
      valueName: row.value_name,
      eventTimeMs: Number(row.event_ms),
      coordinates:
        row.topic === null
          ? null
          : { topic: row.topic, partition: row.partition ?? 0, offset: Number(row.offset ?? 0) }
    }
  }
}

export interface IncidentFields {
  readonly id: string
  readonly change: string
  readonly at_ms: number
  readonly root: string
  readonly kind: Incident['kind']
  readonly light: Incident['light']
  readonly severity: Incident['severity']
  readonly opened_ms: number
  readonly closed_ms: number | null
  readonly alarms: readonly string[]
  readonly affected_nodes: number
  readonly affected_addresses: number
  readonly affected_subscribers: number
  readonly maintenance: boolean
}

export const incidentColumns = `id, change, toUnixTimestamp64Milli(at) AS at_ms, root, kind, light, severity,
  toUnixTimestamp64Milli(opened_at) AS opened_ms, toUnixTimestamp64Milli(closed_at) AS closed_ms, alarms,
  affected_nodes, affected_addresses, affected_subscribers, maintenance`

export function incidentOf(row: IncidentFields): Incident {
  return {
    id: row.id,
    root: row.root,
    kind: row.kind,
    light: row.light,
    severity: row.severity,
    openedAtMs: Number(row.opened_ms),
    closedAtMs: numberOrNull(row.closed_ms),
    alarms: row.alarms,
    affectedNodes: row.affected_nodes,
    affectedAddresses: row.affected_addresses,
    affectedSubscribers: row.affected_subscribers,
    maintenance: row.maintenance
  }
}
