import type { ClickHouseClient } from '@clickhouse/client'
import type { Alarm } from '../../rules/model.ts'
import type { Light } from '../../schemas/words.ts'
import type { Incident } from '../../topology/model.ts'
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
  /** The latest state of every alarm that is not cleared. */
  readonly alarms: readonly Alarm[]
  /** The latest state of every incident that is not closed. */
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
const openIds = (table: string, first: string, last: string): string =>
  `SELECT id FROM ${table} GROUP BY id
   HAVING argMax(change, (at, multiIf(change = '${first}', 0, change = '${last}', 2, 1))) != '${last}'`

const latest = (columns: string, table: string, first: string, last: string): string =>
  `SELECT ${columns} FROM ${table} WHERE id IN (${openIds(table, first, last)})
   ORDER BY at DESC, multiIf(change = '${first}', 0, change = '${last}', 2, 1) DESC LIMIT 1 BY id`

export async function restoreStatus(client: ClickHouseClient): Promise<StoredStatus> {
  const rows = async <T>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONEachRow' })).json<T>()
  const [alarms, incidents, lights] = await Promise.all([
    rows<AlarmFields>(latest(alarmColumns, 'alarms', 'raised', 'cleared')),
    rows<IncidentFields>(latest(incidentColumns, 'incidents', 'opened', 'closed')),
    rows<{ node: string; own: Light; effective: Light; at_ms: number }>(
      `SELECT node, argMax(own, at) AS own, argMax(to, at) AS effective, toUnixTimestamp64Milli(max(at)) AS at_ms
       FROM light_changes GROUP BY node ORDER BY node`
    )
  ])
  return {
    alarms: alarms.map(alarmOf).sort((a, b) => a.raisedAtMs - b.raisedAtMs),
    incidents: incidents.map(incidentOf).sort((a, b) => a.openedAtMs - b.openedAtMs),
    lights: lights.map(({ at_ms, ...light }) => ({ ...light, sinceMs: Number(at_ms) }))
  }
}
