import type { WriterState } from '../ingest/clickhouse/writer.ts'
import type { Readiness } from '../status/view.ts'

export interface ReadinessOptions {
  /** Alarms and lights are what was stored of them, or later. */
  readonly restored: () => boolean
  readonly writer: () => WriterState
  /** What ClickHouse has not answered yet, or failed with; empty while it does what is asked. */
  readonly database: () => string
  readonly connected: () => boolean
  /** What is wrong with the consumer group; empty while this daemon is alone in it. */
  readonly group: () => string
  /** What the last reload failed with; empty when it went well. */
  readonly reloadFailure: () => string
}

/** Whether the daemon does its work, and if not, which part does not and why. */
export function createReadiness(options: ReadinessOptions): () => Readiness {
  const { restored, writer, database, connected, group, reloadFailure } = options
  return () => {
    const inserts = writer()
    const unanswered = database()
    const parts = {
      state: {
        ok: restored(),
        detail: restored() ? '' : 'alarms and lights are being restored from ClickHouse'
      },
      clickhouse: {
        ok: !inserts.down && unanswered === '',
        detail: inserts.down
          ? `inserts fail since ${new Date(inserts.sinceMs).toISOString()}: ${inserts.error}`
          : unanswered
      },
      kafka: { ok: restored() && connected(), detail: connected() ? '' : 'not connected to Kafka' },
      group: { ok: group() === '', detail: group() }
    }
    const ready = Object.values(parts).every(part => part.ok)
    const failure = reloadFailure()
    if (failure === '') return { ready, parts }
    // The daemon does its work by what was in force before: that is said, and is no reason to take it out of service.
    const reload = { ok: false, detail: `the last reload failed, what was in force before stays: ${failure}` }
    return { ready, parts: { ...parts, reload } }
  }
}
