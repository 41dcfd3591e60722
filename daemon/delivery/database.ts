import type { ClickHouseClient } from '@clickhouse/client'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { migrate } from '../../ingest/clickhouse/migrate.ts'
import { restoreStatus } from '../../ingest/clickhouse/restore.ts'
import type { Coordinates } from '../../schemas/words.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { Insist } from '../process/insist.ts'
import type { Watermark } from './watermark.ts'

/** Connections beside those of inserts: small tables, history, positions. */
const queryConnections = 6

/** Connects to the database that the configuration names. */
export function connectDatabase(config: Config): ClickHouseClient {
  return connect(config, config.clickhouse.database)
}

/** Creates the database and its tables, or brings them up to date. Returns the names of what was applied. */
export async function prepareDatabase(config: Config): Promise<string[]> {
  const { database, retention_days, rollup_retention_days, event_retention_days } = config.clickhouse
  // Migrations make the database, so they cannot begin inside it.
  const client = connect(config, undefined)
  try {
    return await migrate(client, {
      database,
      retentionDays: retention_days,
      rollupRetentionDays: rollup_retention_days,
      eventRetentionDays: event_retention_days
    })
  } finally {
    await client.close()
  }
}

/** Reads what was known when the daemon stopped; tries until it can. `watermark` is told of which partitions something is under way. */
export async function restoreState(
  config: Config,
  client: ClickHouseClient,
  insist: Insist,
  watermark: Pick<Watermark, 'awaited'>
): ReturnType<typeof restoreStatus> {
  const stored = await insist('restore the state from ClickHouse', () =>
    restoreStatus(client, {
      retentionDays: config.clickhouse.retention_days,
      eventRetentionDays: config.clickhouse.event_retention_days
    })
  )
  // A topic that is read no more is never assigned.
  const isRead = ({ topic }: Coordinates): boolean => config.kafka.topics.includes(topic)
  watermark.awaited(stored.resources.map(({ coordinates }) => coordinates).filter(isRead))
  return stored
}

function connect(config: Config, database: string | undefined): ClickHouseClient {
  const { url, username, password, request_timeout_ms, inserts_in_flight_max } = config.clickhouse
  return createClickHouseClient({
    url,
    username,
    password,
    requestTimeoutMs: request_timeout_ms,
    connectionsMax: inserts_in_flight_max + queryConnections,
    ...(database === undefined ? {} : { database })
  })
}
