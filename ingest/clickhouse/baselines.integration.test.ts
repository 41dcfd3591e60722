import type { ClickHouseClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBaselineRows, rowOfSeries, type BaselineRows } from '../../rules/measures/baseline-rows.ts'
import { baselineParts } from '../../rules/measures/baselines.ts'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import { readBaselines, storeBaselines } from './baselines.ts'
import { createClickHouseClient } from './client.ts'
import { migrate } from './migrate.ts'

let server: TestClickHouse
let client: ClickHouseClient
const options = { database: 'b', retentionDays: 30, rollupRetentionDays: 730, eventRetentionDays: 730 }

beforeAll(async () => {
  server = await startTestClickHouse()
  await migrate(server.client, options)
  client = createClickHouseClient({ url: server.url, database: 'b' })
})
afterAll(async () => {
  await client.close()
  await server.stop()
})

type Given = readonly [id: bigint, atMs: number, slow: number, conditions?: string]

const rowsOf = (given: readonly Given[]): BaselineRows => {
  const rows = createBaselineRows(given.length)
  for (const [id, atMs, slow, conditions = ''] of given)
    rows.add(id, [-12.25, atMs, slow + 0.1, slow, slow - 1e-9, 86_400_000.5, atMs - 1, 288], conditions)
  return rows
}
const shown = ({ count, ids, numbers, conditions }: BaselineRows) =>
  Array.from({ length: count }, (_, row) => [
    ids[row],
    [...numbers.subarray(row * baselineParts, (row + 1) * baselineParts)],
    conditions.get(row) ?? ''
  ])

describe('baselines in ClickHouse', () => {
  it('are read as they were stored, the later one of each series, in the order of their ids', async () => {
    const nowMs = Date.now()
    const largest = 2n ** 64n - 1n
    const conditions = JSON.stringify([{ key: `["Слабо \\"${'длинно '.repeat(50)}"]`, isRaised: true }])
    await storeBaselines(
      client,
      rowsOf([
        [largest, nowMs, -1.5, conditions],
        [7n, nowMs - 5000, -2.5]
      ])
    )
    await storeBaselines(
      client,
      rowsOf([
        [7n, nowMs - 1000, -3],
        [9n, nowMs - 40 * 86_400_000, -9]
      ])
    )
    // An attempt that was not answered is made again.
    await storeBaselines(client, rowsOf([[7n, nowMs - 5000, -2.5]]))
    const read = await readBaselines(client, 30, 100)
    const wanted = rowsOf([
      [7n, nowMs - 1000, -3],
      [largest, nowMs, -1.5, conditions]
    ])
    expect(shown(read)).toEqual(shown(wanted))
    expect([7n, 8n, largest, 0n].map(id => rowOfSeries(read, id))).toEqual([0, -1, 1, -1])
    expect((await readBaselines(client, 30, 1)).count).toBe(1)
  })

  it('are stored in parts where there are many', async () => {
    const nowMs = Date.now()
    const many = Array.from({ length: 45_000 }, (_, at): Given => [BigInt(1000 + at), nowMs, -at])
    await storeBaselines(client, rowsOf(many))
    const read = await readBaselines(client, 30, 1_000_000)
    expect(rowOfSeries(read, 45_999n)).toBeGreaterThan(44_000)
    expect(read.numbers[rowOfSeries(read, 45_999n) * baselineParts + 3]).toBe(-44_999)
  })

  it('are kept as long as samples', async () => {
    await migrate(server.client, { ...options, retentionDays: 45 })
    const answer = await client.query({
      query: `SELECT create_table_query AS ddl FROM system.tables WHERE database = 'b' AND name = 'baselines'`,
      format: 'JSONEachRow'
    })
    expect((await answer.json<{ ddl: string }>())[0]?.ddl).toContain('TTL toDate(at) + toIntervalDay(45)')
  })
})
