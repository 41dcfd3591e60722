import { ClickHouseError, type ClickHouseClient } from '@clickhouse/client'
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'

/** A numbered file of `ingest/clickhouse/migrations`. */
export interface Migration {
  readonly number: number
  /** File name without `.sql`: `0001_samples`. */
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, in hex. */
  readonly checksum: string
}

export interface MigrateOptions {
  readonly database: string
  /** How long samples are kept, by their day of writing, and states of resources, by their event time. */
  readonly retentionDays: number
  readonly rollupRetentionDays: number
  /** How long changes of lights are kept by their time, alarms and incidents by the time they began. */
  readonly eventRetentionDays: number
  /** Folder of the migrations; the product's own by default. */
  readonly folder?: string
}

const fileName = /^(\d{4})_([a-z0-9_]+)\.sql$/

/** Reads the migrations of a folder in order; numbers must be 1, 2, 3, … without a gap. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.sql')).sort()
  return Promise.all(
    files.map(async (file, i) => {
      const match = fileName.exec(file)
      if (match === null || Number(match[1]) !== i + 1) {
        throw new Error(
          `migrations: ${join(folder, file)} should be number ${String(i + 1).padStart(4, '0')}: name the files 0001_name.sql, 0002_name.sql, … without a gap`
        )
      }
      const sql = await readFile(join(folder, file), 'utf8')
      const checksum = createHash('sha256').update(sql).digest('hex')
      return { number: i + 1, name: file.slice(0, -4), sql, checksum }
    })
  )
}

/** Cuts a file into statements at semicolons that end a line; comment lines are left out. */
export function statementsOf(sql: string): string[] {
  return sql
    .split('\n')
    .filter(line => !line.trimStart().startsWith('--'))
    .join('\n')
    .split(/;[ \t]*(?:\n|$)/)
    .map(statement => statement.trim())
    .filter(statement => statement !== '')
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Brings the database to the newest migration and applies the settings that may change between starts (retention). Safe to run at every start and by several instances one after another. Returns the names of the
 * migrations it applied. `client` needs no database of its own: the database is made when missing.
 */
export async function migrate(client: ClickHouseClient, options: MigrateOptions): Promise<string[]> {
  const { database } = options
  if (!identifier.test(database)) {
    throw new Error(`clickhouse.database is '${database}': use letters, digits and underscores only`)
  }
  const migrations = await readMigrations(
    options.folder ?? join(packageRoot, 'ingest', 'clickhouse', 'migrations')
  )
  // Statements name their tables without a database; the setting reaches them through the request's own parameter.
  const run = async (query: string): Promise<void> => {
    await client.command({ query, http_headers: { 'X-ClickHouse-Database': database } })
  }
  await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` }).catch((error: unknown) => {
    if (!(error instanceof ClickHouseError) || error.code !== '81') throw error
    // A server answers nothing to a client that names a database which is not there yet, not even how to make it.
    throw new Error(`migrate: the client must name no database, so that ${database} can be made`, {
      cause: error
    })
  })
  await client.command({
    query: `CREATE TABLE IF NOT EXISTS ${database}.schema_migrations
      (number UInt32, name String, checksum String, statements_done UInt32, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
      ENGINE = ReplacingMergeTree(statements_done) ORDER BY number`
  })
  const result = await client.query({
    query: `SELECT number, name, checksum, statements_done FROM ${database}.schema_migrations FINAL ORDER BY number`,
    format: 'JSONEachRow'
  })
  const done = new Map(
    (await result.json<{ number: number; name: string; checksum: string; statements_done: number }>()).map(
      row => [row.number, row]
    )
  )
  for (const { number, name } of done.values()) {
    if (number > migrations.length) {
      throw new Error(
        `database ${database} has migration ${name}, which this version of svetofor does not know: run the newer version, or restore a backup from before it`
      )
    }
  }
  const applied: string[] = []
  for (const migration of migrations) {
    const before = done.get(migration.number)
    if (before !== undefined && before.checksum !== migration.checksum) {
      throw new Error(
        `migration ${migration.name} was changed after it was applied to database ${database}: put the file back as it was released, and bring the change as a new migration`
      )
    }
    const statements = statementsOf(migration.sql)
    const from = before?.statements_done ?? 0
    if (from >= statements.length) continue
    // ClickHouse has no transactions for definitions: each statement is noted, so that a broken run goes on where it stopped.
    for (let i = from; i < statements.length; i++) {
      await run(asRepeatable(statements[i]!)).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        throw new Error(`migration ${migration.name}, statement ${i + 1}: ${reason}`, { cause: error })
      })
      await client.insert({
        table: `${database}.schema_migrations`,
        values: [
          {
            number: migration.number,
            name: migration.name,
            checksum: migration.checksum,
            statements_done: i + 1
          }
        ],
        format: 'JSONEachRow',
        columns: ['number', 'name', 'checksum', 'statements_done']
      })
    }
    applied.push(migration.name)
  }
  await applySettings(client, run, options)
  return applied
}

/** A statement that was done but not noted (a crash in between) must not fail when it is run again. */
function asRepeatable(statement: string): string {
  return statement.replace(
    /^CREATE (TABLE|VIEW|MATERIALIZED VIEW) (?!IF NOT EXISTS)/,
    'CREATE $1 IF NOT EXISTS '
  )
}

/**
 * Settings of the large tables that not every version of ClickHouse has, set where it knows them. What they save was
 * measured: docs/adr/0003.
 */
const settingsWhereKnown: readonly (readonly [name: string, value: string])[] = [
  // Ten parts of one size become one, not five: a sample is merged a third less often in its life.
  ['merge_selector_base', '10'],
  // Newer versions count the different values of every column at every merge, for joins that nobody does here.
  ['auto_statistics_types', "''"]
]

/**
 * Descriptions of series outlive the last of their samples by so many days: a daemon stores those it knows anew every 30 days, and at
 * each start those that come again.
 */
const seriesSpareDays = 60

async function applySettings(
  client: ClickHouseClient,
  run: (query: string) => Promise<void>,
  options: MigrateOptions
): Promise<void> {
  const large: [table: string, ttl: string][] = [
    ['samples', `stored_on + toIntervalDay(${options.retentionDays})`],
    ['resource_states', `toDate(at) + toIntervalDay(${options.retentionDays})`],
    ['samples_5m', `time + toIntervalDay(${options.rollupRetentionDays})`],
    ['samples_1h', `time + toIntervalDay(${options.rollupRetentionDays})`]
  ]
  const seriesDays = Math.max(options.retentionDays, options.rollupRetentionDays) + seriesSpareDays
  const wanted: typeof large = [
    ...large,
    ['series', `toDate(updated_at) + toIntervalDay(${seriesDays})`],
    ['baselines', `toDate(at) + toIntervalDay(${options.retentionDays})`],
    ['light_changes', `toDate(at) + toIntervalDay(${options.eventRetentionDays})`],
    ['alarms', `toDate(raised_at) + toIntervalDay(${options.eventRetentionDays})`],
    ['incidents', `toDate(opened_at) + toIntervalDay(${options.eventRetentionDays})`]
  ]
  const result = await client.query({
    query: 'SELECT name, create_table_query AS ddl FROM system.tables WHERE database = {database:String}',
    query_params: { database: options.database },
    format: 'JSONEachRow'
  })
  const ddl = new Map((await result.json<{ name: string; ddl: string }>()).map(row => [row.name, row.ddl]))
  for (const [table, ttl] of wanted) {
    // Changing a TTL rewrites nothing here (whole parts are dropped), but each change is a version of the table: ask first.
    const stored = ddl.get(table)
    if (stored === undefined || stored.includes(`TTL ${ttl} `) || stored.endsWith(`TTL ${ttl}`)) continue
    await run(`ALTER TABLE ${table} MODIFY TTL ${ttl} SETTINGS materialize_ttl_after_modify = 0`)
  }
  const known = await client.query({
    query: 'SELECT name FROM system.merge_tree_settings WHERE name IN {names:Array(String)}',
    query_params: { names: settingsWhereKnown.map(([name]) => name) },
    format: 'JSONEachRow'
  })
  const names = new Set((await known.json<{ name: string }>()).map(row => row.name))
  for (const [table] of large) {
    const missing = settingsWhereKnown
      .filter(([name]) => names.has(name))
      .map(([name, value]) => `${name} = ${value}`)
      .filter(setting => ddl.get(table)?.includes(setting) === false)
    if (missing.length > 0) await run(`ALTER TABLE ${table} MODIFY SETTING ${missing.join(', ')}`)
  }
}
