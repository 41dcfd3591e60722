import type { ClickHouseClient } from '@clickhouse/client'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { createRollups, type Rollups } from '../../ingest/clickhouse/rollups.ts'
import { createRowSink, type RowSink } from '../../ingest/clickhouse/rows.ts'
import { createStoredTopics, type StoredTopics } from '../../ingest/clickhouse/topics.ts'
import { createWriterMetrics } from '../../ingest/clickhouse/writer-metrics.ts'
import { createWriter, type Writer, type WriterOptions } from '../../ingest/clickhouse/writer.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { connectDatabase } from './database.ts'
import type { TroubleLog } from '../process/trouble-log.ts'

export interface StorageOptions extends Pick<WriterOptions, 'onAcknowledged' | 'onFatal' | 'nowMs'> {
  readonly config: Config
  readonly logger: Logger
  readonly registry: Registry
  readonly trouble: TroubleLog
  /** Awaited before each insert of samples: resolves while they are this daemon's to store. */
  readonly holds: () => Promise<void>
  /** A topic was deleted and made again. */
  readonly onRecreated: () => void
  /** Samples wait up to their limit (true), or there is room again (false). */
  readonly onPressure: (hold: boolean) => void
}

export interface Storage {
  readonly client: ClickHouseClient
  /** Which topic of a name samples are of. */
  readonly topics: StoredTopics
  /** Samples. */
  readonly writer: Writer
  /** Series, alarms, lights, incidents, and what is known of resources. */
  readonly rows: RowSink
  /** Undefined when the configuration does not want them. */
  readonly rollups: Rollups | undefined
}

/** Everything that writes to ClickHouse, and what is said of it. Connects when it is first used. */
export function createStorage(options: StorageOptions): Storage {
  const { config, logger, trouble } = options
  const { url, rows_max, memory_bytes_max, flush_ms_max, inserts_in_flight_max, rollups } = config.clickhouse
  const client = connectDatabase(config)
  const metrics = createWriterMetrics(options.registry)
  const topics = createStoredTopics({
    client,
    onRecreated({ topic, id, storedAs }) {
      logger.warn(
        { topic, id, storedAs },
        'the topic was deleted and made again (its id has changed): it is read from its beginning'
      )
      options.onRecreated()
    }
  })
  const rows = createRowSink({
    client,
    onProblem: (sentence, isLost) => (isLost ? logger.error(sentence) : trouble(sentence)),
    onFatal: options.onFatal,
    metrics
  })
  return {
    client,
    topics,
    rows,
    writer: createWriter({
      client,
      storedAs: topic => topics.storedAs(topic),
      async before() {
        await rows.judgementsStored()
        await options.holds()
      },
      rowsMax: rows_max,
      bytesMax: memory_bytes_max / 4,
      flushMsMax: flush_ms_max,
      insertsInFlightMax: inserts_in_flight_max,
      memoryBytesMax: memory_bytes_max,
      metrics,
      ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
      onAcknowledged: options.onAcknowledged,
      onPressure(hold) {
        logger.warn(
          hold
            ? 'consumption pauses: samples wait for ClickHouse up to clickhouse.memory_bytes_max; nothing is lost'
            : 'consumption goes on'
        )
        options.onPressure(hold)
      },
      onState(state) {
        if (state.down)
          trouble(
            `ClickHouse at ${url} does not take inserts; samples wait in memory, trying again`,
            state.error
          )
        else logger.info(`ClickHouse at ${url} takes inserts again`)
      },
      onFatal: options.onFatal
    }),
    rollups: rollups ? createRollups({ client, onProblem: sentence => trouble(sentence) }) : undefined
  }
}
