import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { createHistoryStore } from '../ingest/clickhouse/history.ts'
import type { Config } from '../schemas/config/reading.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { eventLimits } from '../status/http/events.ts'
import { createStatusServer } from '../status/http/server.ts'
import type { StatusView } from '../status/view.ts'
import { startAlerting } from './alerting/alerting.ts'
import type { Reloaded } from './judging/reload.ts'

export interface OutwardOptions {
  readonly config: Config
  readonly version: string
  readonly view: StatusView
  readonly client: ClickHouseClient
  readonly registry: Registry
  readonly reload: () => Promise<Reloaded>
  readonly nowMs: () => number
  readonly logger: Logger
}

/** The outward face: API, page, metrics, health and alerts, with the limits of the configuration. */
export async function createOutwardServer(
  options: OutwardOptions
): Promise<Awaited<ReturnType<typeof createStatusServer>>> {
  const { host, port, tokens, allowed_hosts, ...limits } = options.config.status
  const server = await createStatusServer({
    view: options.view,
    history: createHistoryStore(options.client),
    registry: options.registry,
    logger: options.logger,
    host,
    port,
    tokens,
    version: options.version,
    reload: options.reload,
    pageRoot: join(packageRoot, 'status', 'page'),
    allowedHosts: allowed_hosts,
    limits: {
      bodyBytesMax: limits.request_bytes_max,
      requestTimeoutMs: limits.request_timeout_ms,
      events: {
        ...eventLimits,
        clientsMax: limits.sse_clients_max,
        clientBufferBytesMax: limits.sse_buffer_bytes_max
      }
    }
  })
  const alerting = startAlerting({ ...options, config: options.config.alertmanager })
  return {
    ...server,
    async close() {
      await alerting.stop()
      await server.close()
    }
  }
}
