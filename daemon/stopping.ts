import type { Logger } from 'pino'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { EvaluationPool } from '../workers/pool.ts'
import type { SourceConnection } from './delivery/connect-source.ts'
import type { Storage } from './delivery/storage.ts'
import { within } from './process/within.ts'

export interface StopOptions {
  readonly connection: Pick<SourceConnection, 'source' | 'deadLetters' | 'groupWatch' | 'deadLetterTopic'>
  readonly storage: Storage
  readonly engine: () => (Pick<StatusEngine, 'storeSeries'> & { stop(): Promise<void> }) | undefined
  readonly pool: EvaluationPool
  readonly server: { close(): Promise<void> }
  readonly timers: readonly NodeJS.Timeout[]
  /** Aborted once nothing is read any more. */
  readonly stopping: AbortController
  readonly stopMsMax: number
  readonly nowMs: () => number
  readonly logger: Logger
}

/** Stops the parts in the reverse of the order they were started in, each within what is left of the limit. */
export function createStop(options: StopOptions): () => Promise<void> {
  const { engine, pool, stopping, nowMs, logger } = options
  const { source, deadLetters, groupWatch, deadLetterTopic } = options.connection
  const { client, writer, rows, rollups } = options.storage
  return async () => {
    if (stopping.signal.aborted) return
    logger.info('stopping: what is in hand is stored first')
    const deadlineMs = nowMs() + options.stopMsMax
    const left = (): number => Math.max(100, deadlineMs - nowMs())
    // The source drains through its handler before it leaves the group.
    await within(left(), source.stop())
    stopping.abort()
    groupWatch?.stop()
    deadLetterTopic?.stop()
    for (const timer of options.timers) clearInterval(timer)
    const unstored = await writer.close(left())
    while ((engine()?.storeSeries(rows.seriesRoom()) ?? 0) > 0 && nowMs() < deadlineMs)
      await within(left(), rows.flush())
    if (unstored > 0)
      logger.warn({ ranges: unstored }, 'ranges were not stored; they are read again at the next start')
    await rows.close(left())
    await within(left(), rollups?.stop() ?? Promise.resolve())
    await within(
      left(),
      Promise.allSettled([deadLetters?.close(), options.server.close(), pool.close(left()), engine()?.stop()])
    )
    await client.close()
    logger.info('stopped')
  }
}
