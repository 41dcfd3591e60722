import { hostname } from 'node:os'
import type { Logger } from 'pino'
import type { SourceMetrics } from '../../ingest/metrics.ts'
import { sourceOptions, type SourceOptions, type SourceSettings } from '../../ingest/source-options.ts'
import type { Config } from '../../schemas/config/reading.ts'

/** What the configuration says of Kafka, as sources and the dead-letter sink take it. */
export function kafkaSettings(config: Config, logger: Logger, metrics: SourceMetrics | null): SourceOptions {
  const { tls, sasl, ...kafka } = config.kafka
  const settings: SourceSettings = {
    brokers: kafka.brokers,
    clientId: kafka.client_id,
    groupId: kafka.group_id,
    groupInstanceId: instanceIdOf(config),
    standby: kafka.standby,
    // Whoever stands by learns that it is to take over with its next sign of life.
    ...(kafka.standby ? { heartbeatIntervalMs: standbyHeartbeatMs } : {}),
    topics: kafka.topics,
    isolation: kafka.isolation,
    offsetReset: kafka.offset_reset,
    fetchMaxBytes: kafka.fetch_bytes_max,
    fetchPartitionMaxBytes: kafka.fetch_partition_bytes_max,
    aheadMaxBytes: config.ingest.queue_bytes_max + 4 * kafka.fetch_bytes_max,
    fetchMaxWaitMs: kafka.fetch_wait_ms_max,
    fetchGatherMs: kafka.fetch_gather_ms,
    sessionTimeoutMs: kafka.session_timeout_ms,
    rebalanceTimeoutMs: kafka.rebalance_timeout_ms,
    stopTimeoutMs: config.ingest.drain_ms_max,
    logger,
    metrics,
    tls: tls.enabled
      ? {
          ...(tls.ca === '' ? {} : { ca: tls.ca }),
          ...(tls.cert === '' ? {} : { cert: tls.cert }),
          ...(tls.key === '' ? {} : { key: tls.key }),
          ...(tls.server_name === '' ? {} : { serverName: tls.server_name })
        }
      : null,
    sasl:
      sasl.mechanism === 'none'
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password }
  }
  return sourceOptions(settings)
}

const standbyHeartbeatMs = 500
const instanceIdLengthMax = 249

/**
 * The daemon's name in its group. The port tells two daemons of one host apart: under one name each would throw the other
 * out. One that takes any free port has no name to come back by.
 */
function instanceIdOf({ kafka, status }: Config): string | null {
  const { group_instance_id: given, client_id } = kafka
  if (given === 'none' || (given === '' && status.port === 0)) return null
  if (given !== '') return given
  return `${client_id}-${hostname()}-${status.port}`
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(-instanceIdLengthMax)
}
