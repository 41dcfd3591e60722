import type { ClickHouseClient } from '@clickhouse/client'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse.ts'

export interface TestClickHouse {
  readonly engine: EmbeddedClickHouse
  readonly url: string
  readonly dataDir: string
  readonly client: ClickHouseClient
  /** Every line the engine's parent logged. */
  readonly log: readonly string[]
  /** A client on a database of its own, made when missing. */
  database(name: string): Promise<ClickHouseClient>
  /** Rows of a query, as JSONEachRow gives them. */
  rows<T>(query: string, parameters?: Record<string, unknown>): Promise<T[]>
  stop(): Promise<void>
}

/** Starts the real engine in a temporary folder: one for each test file, in `beforeAll`. */
export async function startTestClickHouse(
  options: { memoryLimitBytes?: number; password?: string; insertBytesMax?: number; keepFolder?: string } = {}
): Promise<TestClickHouse> {
  const dataDir = options.keepFolder ?? mkdtempSync(join(tmpdir(), 'svetofor-clickhouse-'))
  const log: string[] = []
  const note = (message: string): void => {
    log.push(message)
  }
  const engine = await startEmbeddedClickHouse({
    dataDir,
    memoryLimitBytes: options.memoryLimitBytes ?? 1024 * 1024 * 1024,
    logger: { info: note, warn: note, error: note },
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.insertBytesMax === undefined ? {} : { insertBytesMax: options.insertBytesMax })
  })
  const clients: ClickHouseClient[] = []
  const connect = (database?: string): ClickHouseClient => {
    const client = createClickHouseClient({
      url: engine.url,
      ...(database === undefined ? {} : { database }),
      ...(options.password === undefined ? {} : { password: options.password })
    })
    clients.push(client)
    return client
  }
  const client = connect()
  return {
    engine,
    url: engine.url,
    dataDir,
    client,
    log,
    async database(name) {
      await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${name} ENGINE = Atomic` })
      return connect(name)
    },
    async rows<T>(query: string, parameters: Record<string, unknown> = {}) {
      const result = await client.query({ query, query_params: parameters, format: 'JSONEachRow' })
      return result.json<T>()
    },
    async stop() {
      await Promise.all(clients.map(each => each.close()))
      await engine.stop()
      if (options.keepFolder === undefined) rmSync(dataDir, { recursive: true, force: true })
    }
  }
}
