import type { ClickHouseClient } from '@clickhouse/client'
import type { HistoryEntry, HistoryStore } from '../../schemas/history.ts'
import {
  alarmColumns,
  alarmOf,
  incidentColumns,
  incidentOf,
  type AlarmFields,
  type IncidentFields
} from './stored.ts'

interface LightFields {
  readonly at_ms: number
  readonly from: string
  readonly to: string
  readonly own: string
  readonly cause_by: string
  readonly cause_node: string
  readonly cause_alarm: string
  readonly cause_kind: string
}

interface ReadingFields {
  readonly device: string
  readonly signal: string
  readonly instance: string
  /** 0 where no sample was joined. */
  readonly known: number
  readonly value: number
  readonly time_ms: string | number
  readonly topic: string
  readonly partition: number
  readonly offset: string | number
}

/** What happened to a node, from ClickHouse: its light changes, its alarms' transitions, the incidents it was the root of. */
export function createHistoryStore(client: ClickHouseClient): HistoryStore {
  const read = async <T>(
    columns: string,
    table: string,
    node: string,
    range: { nodeId: string; fromMs: number; toMs: number; limit: number }
  ): Promise<T[]> => {
    const result = await client.query({
      query: `SELECT ${columns} FROM ${table} FINAL
        WHERE ${node} = {nodeId:String} AND at >= fromUnixTimestamp64Milli({fromMs:Int64}) AND at <= fromUnixTimestamp64Milli({toMs:Int64})
        ORDER BY at DESC LIMIT {limit:UInt32}`,
      query_params: range,
      format: 'JSONEachRow'
    })
    return result.json<T>()
  }

  return {
    async latestReadings(devices, fromMs, limit) {
      if (devices.length === 0) return []
      const ids = 'SELECT id FROM series WHERE device IN {devices:Array(String)}'
      const result = await client.query({
        query: `SELECT d.device AS device, d.signal AS signal, d.instance AS instance, s.known AS known, s.last.2 AS value,
            toUnixTimestamp64Milli(s.last.1) AS time_ms, s.last.3 AS topic, s.last.4 AS partition, s.last.5 AS offset
          FROM (SELECT id, device, signal, instance FROM series FINAL WHERE device IN {devices:Array(String)}
            ORDER BY device, instance, signal LIMIT {limit:UInt32}) AS d
          LEFT JOIN (SELECT series, 1 AS known, argMax((time, value, topic, partition, offset), (time, offset)) AS last
            FROM samples WHERE series IN (${ids}) AND time >= fromUnixTimestamp64Milli({fromMs:Int64})
            GROUP BY series) AS s ON s.series = d.id
          ORDER BY device, instance, signal`,
        query_params: { devices: [...devices], fromMs: Math.floor(fromMs), limit },
        format: 'JSONEachRow'
      })
      const rows = await result.json<ReadingFields>()
      return rows.map(({ device, signal, instance, known, value, time_ms, topic, partition, offset }) => ({
        device,
        signal,
        instance,
        last:
          known === 0
            ? null
            : { value, timeMs: Number(time_ms), coordinates: { topic, partition, offset: Number(offset) } }
      }))
    },
    async nodeHistory(nodeId, fromMs, toMs, limit) {
      const range = { nodeId, fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs), limit }
      const [lights, alarms, incidents] = await Promise.all([
        read<LightFields>(
          'toUnixTimestamp64Milli(at) AS at_ms, from, to, own, cause_by, cause_node, cause_alarm, cause_kind',
          'light_changes',
          'node',
          range
        ),
        read<AlarmFields>(alarmColumns, 'alarms', 'node', range),
        read<IncidentFields>(incidentColumns, 'incidents', 'root', range)
      ])
      const entries: HistoryEntry[] = [
        ...lights.map(row => ({
          atMs: Number(row.at_ms),
          kind: 'light' as const,
          data: {
            from: row.from,
            to: row.to,
            own: row.own,
            cause: { by: row.cause_by, node: row.cause_node, alarm: row.cause_alarm, kind: row.cause_kind }
          }
        })),
        ...alarms.map(row => ({
          atMs: Number(row.at_ms),
          kind: 'alarm' as const,
          data: { change: row.change, ...alarmOf(row) }
        })),
        ...incidents.map(row => ({
          atMs: Number(row.at_ms),
          kind: 'incident' as const,
          data: { change: row.change, ...incidentOf(row) }
        }))
      ]
      return entries.sort((a, b) => b.atMs - a.atMs).slice(0, limit)
    }
  }
}
