import type { ClickHouseClient } from '@clickhouse/client'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import { createClickHouseClient } from './client.ts'
import { migrate, readMigrations, statementsOf } from './migrate.ts'

let server: TestClickHouse
let folder: string
const own = join(packageRoot, 'ingest', 'clickhouse', 'migrations')
/** The number of the migration after the last one, and those behind it. */
const after = (count: number): string => String(readdirSync(own).length + count).padStart(4, '0')
const future = `${after(1)}_future`
const clients: ClickHouseClient[] = []
const settings = { retentionDays: 90, rollupRetentionDays: 730, eventRetentionDays: 730 }

beforeAll(async () => {
  server = await startTestClickHouse()
  folder = mkdtempSync(join(tmpdir(), 'svetofor-migrations-'))
  cpSync(own, folder, { recursive: true })
})
afterAll(async () => {
  await Promise.all(clients.map(client => client.close()))
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const ddlOf = async (database: string, table: string): Promise<string> => {
  const rows = await server.rows<{ ddl: string }>(
    'SELECT create_table_query AS ddl FROM system.tables WHERE database = {database:String} AND name = {table:String}',
    { database, table }
  )
  return rows[0]?.ddl ?? ''
}

describe('migrate', () => {
  it('makes the database and applies every file once', async () => {
    const names = (await readMigrations(own)).map(migration => migration.name)
    expect(await migrate(server.client, { database: 'fresh', ...settings })).toEqual(names)
    expect(await migrate(server.client, { database: 'fresh', ...settings })).toEqual([])
    for (const table of [
      'samples',
      'series',
      'samples_named',
      'light_changes',
      'alarms',
      'incidents',
      'nodes',
      'devices',
      'samples_5m',
      'samples_1h',
      'resource_states',
      'node_lights'
    ]) {
      expect(await ddlOf('fresh', table)).not.toBe('')
    }
  })

  it('makes the large tables as durable as an answer says, and sets what this version of ClickHouse knows', async () => {
    const known = await server.rows<{ name: string }>(
      "SELECT name FROM system.merge_tree_settings WHERE name IN ('merge_selector_base', 'auto_statistics_types')"
    )
    expect(known).toHaveLength(2)
    const samples = await ddlOf('fresh', 'samples')
    for (const setting of ['fsync_after_insert = 1', 'min_rows_to_fsync_after_merge = 1'])
      expect(samples).toContain(setting)
    for (const table of ['samples', 'samples_5m', 'samples_1h']) {
      const ddl = await ddlOf('fresh', table)
      expect(ddl).toContain('merge_selector_base = 10')
      expect(ddl).toContain("auto_statistics_types = ''")
    }
  })

  it('applies retention as it is set, whenever it changes', async () => {
    expect(await ddlOf('fresh', 'samples')).toContain('TTL stored_on + toIntervalDay(90)')
    await migrate(server.client, {
      database: 'fresh',
      retentionDays: 7,
      rollupRetentionDays: 30,
      eventRetentionDays: 400
    })
    expect(await ddlOf('fresh', 'samples')).toContain('TTL stored_on + toIntervalDay(7)')
    expect(await ddlOf('fresh', 'samples_1h')).toContain('TTL time + toIntervalDay(30)')
    expect(await ddlOf('fresh', 'resource_states')).toContain('TTL toDate(at) + toIntervalDay(7)')
    // Rollups are there for longer than samples; what they are of for longer still.
    expect(await ddlOf('fresh', 'series')).toContain('TTL toDate(updated_at) + toIntervalDay(90)')
    for (const [table, column] of [
      ['light_changes', 'at'],
      ['alarms', 'raised_at'],
      ['incidents', 'opened_at']
    ] as const) {
      const ddl = await ddlOf('fresh', table)
      expect(ddl).toContain(`TTL toDate(${column}) + toIntervalDay(400)`)
      // Whole months: rows of one alarm share the time it began, and go together.
      expect(ddl).toContain('ttl_only_drop_parts = 1')
    }
    await migrate(server.client, { database: 'fresh', ...settings })
  })

  it('refuses a released file that was changed, and says what to do', async () => {
    await migrate(server.client, { database: 'changed', ...settings, folder })
    writeFileSync(join(folder, '0002_series.sql'), 'SELECT 1;\n')
    await expect(migrate(server.client, { database: 'changed', ...settings, folder })).rejects.toThrow(
      /0002_series was changed after it was applied to database changed: put the file back/
    )
    cpSync(own, folder, { recursive: true })
  })

  it('refuses a database that is newer than the program', async () => {
    writeFileSync(
      join(folder, `${future}.sql`),
      'CREATE TABLE future (a UInt8) ENGINE = MergeTree ORDER BY a;\n'
    )
    await migrate(server.client, { database: 'newer', ...settings, folder })
    await expect(migrate(server.client, { database: 'newer', ...settings })).rejects.toThrow(
      `has migration ${future}, which this version of svetofor does not know`
    )
  })

  it('goes on at the statement where a broken run stopped', async () => {
    writeFileSync(
      join(folder, `${future}.sql`),
      'CREATE TABLE one (a UInt8) ENGINE = MergeTree ORDER BY a;\nCREATE TABLE two (a Nonsense) ENGINE = MergeTree ORDER BY a;\n'
    )
    await expect(migrate(server.client, { database: 'broken', ...settings, folder })).rejects.toThrow(
      new RegExp(`migration ${future}, statement 2: .*Nonsense`)
    )
    expect(await ddlOf('broken', 'one')).not.toBe('')
    const rows = await server.rows(
      `SELECT max(statements_done) AS done FROM broken.schema_migrations WHERE number = ${Number(after(1))}`
    )
    expect(rows).toEqual([{ done: 1 }])
  })

  it('refuses gaps in the numbers and odd database names', async () => {
    writeFileSync(join(folder, `${after(3)}_gap.sql`), 'SELECT 1;\n')
    await expect(readMigrations(folder)).rejects.toThrow(`${after(3)}_gap.sql should be number ${after(2)}`)
    await expect(migrate(server.client, { database: 'a; DROP', ...settings })).rejects.toThrow('use letters')
  })

  it('cuts statements at line ends and leaves comments out', () => {
    expect(statementsOf("-- a; b\nSELECT ';';\n  -- c\nSELECT\n2;")).toEqual(["SELECT ';'", 'SELECT\n2'])
  })

  it('lets the named views be read', async () => {
    const client = createClickHouseClient({ url: server.url, database: 'fresh' })
    clients.push(client)
    await client.command({
      query: `INSERT INTO samples (series, time, raw, topic, partition, offset, stored_on)
        SELECT 5, toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number * 60, number, 't', 0, number, today() FROM numbers(10)`
    })
    await client.insert({
      table: 'series',
      values: [
        {
          id: 5,
          device: 'sw-1',
          signal: 'optics.rx_dbm',
          instance: '25',
          node: 'du-1',
          tier: 'building',
          unit: 'dBm',
          profile: 'ddm',
          identifiers: ['10.0.0.1'],
          updated_at: '2026-01-01 00:00:00.000'
        }
      ],
      format: 'JSONEachRow'
    })
    const named = await client.query({
      query: 'SELECT count() AS n, any(device) AS device, any(signal) AS signal FROM samples_named',
      format: 'JSONEachRow'
    })
    expect(await named.json()).toEqual([{ n: 10, device: 'sw-1', signal: 'optics.rx_dbm' }])
    const of = await client.query({
      query: "SELECT max(value) AS v, any(unit) AS unit FROM samples_of_device(device = 'sw-1')",
      format: 'JSONEachRow'
    })
    expect(await of.json()).toEqual([{ v: 9, unit: 'dBm' }])
  })
})
