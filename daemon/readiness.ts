import type { WriterState } from '../ingest/clickhouse/writer.ts'
import type { Readiness } from '../status/view.ts'

export interface ReadinessOptions {
  /** Alarms and lights are what was stored of them, or later. */
  readonly restored: () => boolean
  readonly writer: () => WriterState
  readonly connected: () => boolean
}

/** Whether the daemon does its work, and if not, which part does not and why. */
export function createReadiness({ restored, writer, connected }: ReadinessOptions): () => Readiness {
  return () => {
    const inserts = writer()
    const parts = {
      state: {
        ok: restored(),
        detail: restored() ? '' : 'alarms and lights are being restored from ClickHouse'
      },
      clickhouse: {
        ok: !inserts.down,
        detail: inserts.down
          ? `inserts fail since ${new Date(inserts.sinceMs).toISOString()}: ${inserts.error}`
          : ''
      },
      kafka: { ok: restored() && connected(), detail: connected() ? '' : 'not connected to Kafka' }
    }
    return { ready: Object.values(parts).every(part => part.ok), parts }
  }
}
