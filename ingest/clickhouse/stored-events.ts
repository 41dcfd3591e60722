import type { ClickHouseClient } from '@clickhouse/client'
import type { AlarmTransition } from '../../rules/model.ts'
import type { Light } from '../../schemas/words.ts'
import type { LogWindow } from './sample-log.ts'
import { alarmColumns, alarmOf, type AlarmFields } from './stored.ts'

/** What the daemon stored of a window of time: every transition of each alarm that was open in it, and changes of effective lights. */
export interface StoredEvents {
  /** In order. */
  readonly alarms: readonly AlarmTransition[]
  /** In order. */
  readonly lights: readonly { readonly node: string; readonly atMs: number; readonly light: Light }[]
  /** The light of each node when the window begins, where one is stored. */
  readonly lightsBefore: ReadonlyMap<string, Light>
}

/** A raise stands before what else shares its moment, a clear behind. */
const rank = "multiIf(change = 'raised', 0, change = 'cleared', 2, 1)"
const from = 'fromUnixTimestamp64Milli({fromMs:Int64})'
const to = 'fromUnixTimestamp64Milli({toMs:Int64})'

/** Throws where there are more than `rowsMax` of either. */
export async function storedEvents(
  client: ClickHouseClient,
  { fromMs, toMs }: LogWindow,
  rowsMax: number
): Promise<StoredEvents> {
  const rows = async <T>(query: string): Promise<T[]> => {
    const result = await client.query({
      query,
      query_params: { fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs), limit: rowsMax + 1 },
      format: 'JSONEachRow'
    })
    const found = await result.json<T>()
    if (found.length > rowsMax)
      throw new RangeError(
        `more than ${rowsMax} changes are stored of this time; give a shorter one by --from and --to`
      )
    return found
  }
  const [alarms, lights, before] = await Promise.all([
    rows<AlarmFields>(
      `SELECT ${alarmColumns} FROM alarms FINAL WHERE at < ${to} AND id IN (
         SELECT id FROM alarms WHERE at < ${to} GROUP BY id
         HAVING max(at) >= ${from} OR argMax(change, (at, ${rank})) != 'cleared')
       ORDER BY at, id, ${rank} LIMIT {limit:UInt32}`
    ),
    rows<{ node: string; to: Light; at_ms: string }>(
      `SELECT node, to, toUnixTimestamp64Milli(at) AS at_ms FROM light_changes FINAL
       WHERE at >= ${from} AND at < ${to} ORDER BY node, at LIMIT {limit:UInt32}`
    ),
    rows<{ node: string; light: Light }>(
      `SELECT node, argMax(to, at) AS light FROM light_changes WHERE at < ${from}
       GROUP BY node LIMIT {limit:UInt32}`
    )
  ])
  return {
    alarms: alarms.map(row => ({
      alarm: alarmOf(row),
      change: row.change as AlarmTransition['change'],
      atMs: Number(row.at_ms)
    })),
    lights: lights.map(row => ({ node: row.node, atMs: Number(row.at_ms), light: row.to })),
    lightsBefore: new Map(before.map(({ node, light }) => [node, light]))
  }
}
