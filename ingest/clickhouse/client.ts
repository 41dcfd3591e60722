import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client'

export interface ClickHouseClientOptions {
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** Left out for `migrate`, which makes the database. */
  readonly database?: string
  /** Longest time of one request (ms). */
  readonly requestTimeoutMs?: number
  /** Connections at once. Default 8: two inserts, the small tables, and a few history queries. */
  readonly connectionsMax?: number
}

/** A client as every part of the daemon uses it: silent (errors are told by whoever asked), bounded, uncompressed. */
export function createClickHouseClient(options: ClickHouseClientOptions): ClickHouseClient {
  return createClient({
    url: options.url,
    application: 'svetofor',
    max_open_connections: options.connectionsMax ?? 8,
    request_timeout: options.requestTimeoutMs ?? 30_000,
    log: { level: ClickHouseLogLevel.OFF },
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.database === undefined ? {} : { database: options.database })
  })
}
