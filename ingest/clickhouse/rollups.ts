import type { ClickHouseClient } from '@clickhouse/client'

const hour = 3_600_000

export interface RollupOptions {
  readonly client: ClickHouseClient
  /** Windows are written again while samples may still come late (hours). Default 3. */
  readonly lateHours?: number
  /** After a long stop, or at the first start, at most this much is made up for (hours). Default 168. */
  readonly catchUpHoursMax?: number
  readonly onProblem: (sentence: string) => void
  readonly nowMs?: () => number
}

export interface Rollups {
  /** Begins: at once what is missing, then every full hour. */
  start(): void
  /** Writes every whole hour that is due; resolves with the number of hours written. */
  run(): Promise<number>
  stop(): Promise<void>
}

/**
 * Writes the 5-minute and 1-hour rollups of one hour of event time, [fromMs, fromMs + 1 h). Repeatable: the newest
 * version of a window stays. Reads in key order, so that memory does not grow with the number of series.
 */
async function rollUpHour(client: ClickHouseClient, fromMs: number): Promise<void> {
  const query_params = { from: fromMs, to: fromMs + hour }
  const clickhouse_settings = {
    optimize_aggregation_in_order: 1,
    max_insert_threads: '1',
    max_execution_time: 0
  } as const
  const between = (column: string): string =>
    `${column} >= fromUnixTimestamp64Milli({from:Int64}) AND ${column} < fromUnixTimestamp64Milli({to:Int64})`
  await client.command({
    // A sample is stored on the day of its event or later; one day is left for clocks that run ahead.
    query: `INSERT INTO samples_5m (series, time, min, max, sum, count, last, version)
      SELECT series, toStartOfFiveMinutes(time) AS bucket, min(value), max(value), sum(value), count(), argMax(value, time), now64(3)
      FROM samples
      WHERE series != 0 AND ${between('time')} AND stored_on >= toDate(fromUnixTimestamp64Milli({from:Int64})) - 1
      GROUP BY series, bucket`,
    query_params,
    clickhouse_settings
  })
  await client.command({
    query: `INSERT INTO samples_1h (series, time, min, max, sum, count, last, version)
      SELECT series, toStartOfHour(time) AS bucket, min(s.min), max(s.max), sum(s.sum), sum(s.count), argMax(s.last, time), now64(3)
      FROM samples_5m AS s FINAL WHERE ${between('time')} GROUP BY series, bucket`,
    query_params,
    clickhouse_settings
  })
}

/** Keeps the rollups up to date. Several instances may do it at once: they write the same. */
export function createRollups(options: RollupOptions): Rollups {
  const { client } = options
  const lateHours = options.lateHours ?? 3
  const catchUpHoursMax = options.catchUpHoursMax ?? 168
  const nowMs = options.nowMs ?? Date.now
  let timer: NodeJS.Timeout | undefined
  let running: Promise<number> | undefined
  let stopped = false

  /** The first hour to write: behind the last one written, less what may have come late. */
  const firstHourMs = async (endMs: number): Promise<number> => {
    const result = await client.query({
      query: `SELECT toInt64(ifNull((SELECT max(time) FROM samples_1h), 0)) * 1000 AS rolled,
        ifNull((SELECT toUnixTimestamp64Milli(min(time)) FROM samples WHERE series != 0 AND stored_on >= today() - {days:UInt32}), 0) AS first`,
      query_params: { days: Math.ceil(catchUpHoursMax / 24) },
      format: 'JSONEachRow'
    })
    const [row] = await result.json<{ rolled: number | string; first: number | string }>()
    const rolled = Number(row?.rolled ?? 0)
    const first = Number(row?.first ?? 0)
    if (rolled === 0 && first === 0) return endMs
    const fromMs = rolled === 0 ? first : Math.min(rolled + hour, endMs) - lateHours * hour
    return Math.floor(Math.max(fromMs, endMs - catchUpHoursMax * hour) / hour) * hour
  }

  const runOnce = async (): Promise<number> => {
    const endMs = Math.floor(nowMs() / hour) * hour
    let hours = 0
    for (let atMs = await firstHourMs(endMs); atMs < endMs && !stopped; atMs += hour, hours++) {
      await rollUpHour(client, atMs)
    }
    return hours
  }

  const run = (): Promise<number> => {
    running ??= runOnce().finally(() => (running = undefined))
    return running
  }

  const schedule = (): void => {
    if (stopped) return
    // Five minutes after the full hour most of the hour's samples are stored; what comes later is made up for.
    const waitMs = (Math.floor(nowMs() / hour) + 1) * hour + hour / 12 - nowMs()
    timer = setTimeout(again, waitMs)
    timer.unref()
  }

  const again = (): void => {
    run()
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message || error.name : String(error)
        if (!stopped) options.onProblem(`rollups wait for the next hour: ${reason}`)
      })
      .finally(schedule)
  }

  return {
    start: again,
    run,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running?.catch(() => undefined)
    }
  }
}
