import type { ClickHouseClient } from '@clickhouse/client'
import type { Alarm } from '../../rules/model.ts'
import { deviceSilent } from '../../rules/alarms/silent-devices.ts'
import type { ResourceState } from '../../rules/alarms/resource-state.ts'
import type { Light } from '../../schemas/words.ts'
import type { Incident } from '../../topology/model.ts'
import { positionSeries } from './native-block.ts'
import {
  alarmColumns,
  alarmOf,
  incidentColumns,
  incidentOf,
  type AlarmFields,
  type IncidentFields
} from './stored.ts'

/** What the status engine starts again with. */
export interface StoredStatus {
  /** What was known of each resource where reading goes on; what later records changed of it is judged again. */
  readonly resources: readonly ResourceState[]
  /** The latest state of every other alarm that is not cleared: of silence, and of before states were stored. */
  readonly alarms: readonly Alarm[]
  /** The latest state of every incident that is not closed, or was closed so lately that it may go on. */
  readonly incidents: readonly Incident[]
  /** The latest own and effective light of every node that ever changed, and since when. */
  readonly lights: readonly {
    readonly node: string
    readonly own: Light
    readonly effective: Light
    readonly sinceMs: number
  }[]
}

/**
 * Transitions of one moment are ordered by what they do: a clear stands behind the raise it may share its time with.
 * Only the narrow columns are read of the whole table; the wide ones only of what is open.
 */
const openIds = (table: string, first: string, last: string, kept: string): string =>
  `SELECT id FROM ${table} WHERE ${kept} GROUP BY id
   HAVING argMax(change, (at, multiIf(change = '${first}', 0, change = '${last}', 2, 1))) != '${last}'`

const latest = (
  columns: string,
  table: string,
  [first, last]: readonly [string, string],
  kept: string,
  only = 'true'
): string =>
  `SELECT ${columns} FROM ${table} WHERE id IN (${openIds(table, first, last, kept)}) AND ${kept} AND (${only})
   ORDER BY at DESC, multiIf(change = '${first}', 0, change = '${last}', 2, 1) DESC LIMIT 1 BY id`

/** Most closed incidents that are looked at again, and the longest time after which one goes on (config/schema, reopen_s). */
const closedMax = 10_000
const reopenDaysMax = 1
const closedLately = `SELECT ${incidentColumns} FROM incidents
  WHERE change = 'closed' AND closed_at > now() - toIntervalDay(${reopenDaysMax})
  ORDER BY at DESC LIMIT 1 BY id LIMIT ${closedMax}`

/** Positions in the log up to which samples are stored, as storedPositions gives them. */
const storedUpTo = `SELECT topic, partition, max(offset) AS last FROM samples
  WHERE series = ${positionSeries} GROUP BY topic, partition`

/** States of partitions of which something is stored, and that retention has not taken: an older one may outlive a newer. */
const kept = (days: number): string =>
  `resource_states AS s INNER JOIN (${storedUpTo}) AS p ON s.topic = p.topic AND s.partition = p.partition
   WHERE toDate(s.at) + toIntervalDay(${days}) > now()`

/** Of each resource the latest state as of the stored position, unless nothing was known against it by then. */
const resourcesQuery = (days: number): string =>
  `SELECT state FROM resource_states WHERE (device, instance, scope, at, offset) IN (
     SELECT s.device, s.instance, s.scope, max((s.at, s.offset)).1, max((s.at, s.offset)).2
     FROM ${kept(days)} AND s.offset <= p.last GROUP BY s.device, s.instance, s.scope
     HAVING argMax(s.is_open, (s.at, s.offset)))
   LIMIT 1 BY device, instance, scope`

/** Alarms that no state tells of: of those that no sample raised, there need be none. */
const untold = (days: number): string =>
  `type = '${deviceSilent}' OR topic IS NULL OR (device, instance) NOT IN (SELECT s.device, s.instance FROM ${kept(days)})`

/** By the time an alarm or incident began, which all its rows share: retention that took its end must not open it again. */
const begunWithin = (column: string, days: number): string =>
  `toDate(${column}) + toIntervalDay(${days}) > now()`

export interface RestoreOptions {
  /** How long states of resources are kept. */
  readonly retentionDays: number
  /** How long alarms and incidents are kept. */
  readonly eventRetentionDays: number
}

/** What is known of the network by what is stored: as many rows as there are nodes, and what stands open. */
export async function restoreStatus(
  client: ClickHouseClient,
  { retentionDays, eventRetentionDays }: RestoreOptions
): Promise<StoredStatus> {
  const rows = async <T>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONEachRow' })).json<T>()
  const [resources, alarms, incidents, closed, lights] = await Promise.all([
    rows<{ state: string }>(resourcesQuery(retentionDays)),
    rows<AlarmFields>(
      latest(
        alarmColumns,
        'alarms',
        ['raised', 'cleared'],
        begunWithin('raised_at', eventRetentionDays),
        untold(retentionDays)
      )
    ),
    rows<IncidentFields>(
      latest(incidentColumns, 'incidents', ['opened', 'closed'], begunWithin('opened_at', eventRetentionDays))
    ),
    rows<IncidentFields>(closedLately),
    rows<{ node: string; own: Light; effective: Light; at_ms: number }>(
      `SELECT node, argMax(own, at) AS own, argMax(to, at) AS effective, toUnixTimestamp64Milli(max(at)) AS at_ms
       FROM node_lights GROUP BY node ORDER BY node`
    )
  ])
  const open = new Set(incidents.map(({ id }) => id))
  const ended = closed.filter(({ id }) => !open.has(id))
  return {
    resources: resources.map(row => JSON.parse(row.state) as ResourceState),
    alarms: alarms.map(alarmOf).sort((a, b) => a.raisedAtMs - b.raisedAtMs),
    incidents: [...incidents, ...ended].map(incidentOf).sort((a, b) => a.openedAtMs - b.openedAtMs),
    lights: lights.map(({ at_ms, ...light }) => ({ ...light, sinceMs: Number(at_ms) }))
  }
}
