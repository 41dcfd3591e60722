import type { ClickHouseClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import { createClickHouseClient } from './client.ts'
import { migrate } from './migrate.ts'
import { createRollups } from './rollups.ts'

let server: TestClickHouse
let client: ClickHouseClient
const hour = 3_600_000
/** A full hour not long ago: samples carry the day they are written on. */
const t0 = Math.floor(Date.now() / hour) * hour - 10 * hour

beforeAll(async () => {
  server = await startTestClickHouse()
  await migrate(server.client, {
    database: 'r',
    retentionDays: 90,
    rollupRetentionDays: 730,
    eventRetentionDays: 730
  })
  client = createClickHouseClient({ url: server.url, database: 'r' })
})
afterAll(async () => {
  await client.close()
  await server.stop()
})

/** One sample a minute of one series, the value counting up from 0. */
const store = (series: number, fromMs: number, minutes: number): Promise<unknown> =>
  client.command({
    query: `INSERT INTO samples (series, time, raw, topic, partition, offset, stored_on)
      SELECT {series:UInt64}, fromUnixTimestamp64Milli({fromMs:Int64} + number * 60000), number, 't', 0, number, today() FROM numbers({minutes:UInt32})`,
    query_params: { series, fromMs, minutes }
  })
const rows = async (query: string): Promise<unknown[]> =>
  (await client.query({ query, format: 'JSONEachRow' })).json()

describe('rollups', () => {
  it('are written for whole hours, position rows left out, and again when samples come late', async () => {
    let nowMs = t0 + 2 * hour + 1
    const problems: string[] = []
    const rollups = createRollups({
      client,
      nowMs: () => nowMs,
      onProblem: sentence => problems.push(sentence)
    })
    expect(await rollups.run()).toBe(0)
    await store(5, t0, 130)
    await store(0, t0, 1)
    expect(await rollups.run()).toBe(2)
    expect(
      await rows(
        `SELECT toUnixTimestamp(time) * 1000 - ${t0} AS at, min, max, sum, count, last FROM samples_1h FINAL ORDER BY series, time`
      )
    ).toEqual([
      { at: 0, min: 0, max: 59, sum: 1770, count: 60, last: 59 },
      { at: hour, min: 60, max: 119, sum: 5370, count: 60, last: 119 }
    ])
    expect(await rows('SELECT count() AS n, sum(count) AS samples FROM samples_5m FINAL')).toEqual([
      { n: 24, samples: 120 }
    ])
    // An hour later the third hour is due, and a series that came late is made up for.
    await store(6, t0 + hour, 60)
    nowMs += hour
    expect(await rollups.run()).toBe(4)
    expect(await rows('SELECT count() AS n, sum(count) AS samples FROM samples_1h FINAL')).toEqual([
      { n: 4, samples: 190 }
    ])
    await rollups.stop()
    expect(problems).toEqual([])
  })
})
