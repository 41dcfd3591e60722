import type { ClickHouseClient } from '@clickhouse/client'
import type { Logger } from 'pino'
import { readBaselines, storeBaselines } from '../../ingest/clickhouse/baselines.ts'
import type { Writer } from '../../ingest/clickhouse/writer.ts'
import { asError } from '../../ingest/errors.ts'
import { overMsMax, slotsMax } from '../../rules/measures/baselines.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { storeBaselinesMs, type BaselineMemory } from '../../status/engine/baseline-memory.ts'
import type { EvaluationPool } from '../../workers/pool.ts'

/** Stores what was learnt every few minutes, behind the samples it was learnt from, and reads it at a start. */
export interface BaselineKeeper {
  /** Resolves when what is stored can be taken up. Rejects only when the daemon stops. */
  recall(): Promise<void>
  /** Stores what has been learnt since, where all samples are stored. Nothing is under evaluation any more. Never rejects. */
  stop(): Promise<void>
}

export interface BaselineKeeperOptions {
  readonly memory: BaselineMemory
  readonly pool: Pick<EvaluationPool, 'exclusive'>
  readonly storage: {
    readonly client: ClickHouseClient
    readonly writer: Pick<Writer, 'drain' | 'pendingBytes'>
  }
  readonly insist: <T>(what: string, act: () => Promise<T>) => Promise<T>
  readonly config: Pick<Config, 'clickhouse'>
  readonly logger: Logger
  /** How often (ms). */
  readonly everyMs?: number
}

/** What is older than the longest time learnt over is not usual any more. */
const keptDays = overMsMax / 86_400_000

export function createBaselineKeeper(options: BaselineKeeperOptions): BaselineKeeper {
  const { memory, pool, storage, insist, logger } = options
  const { client, writer } = storage
  const days = Math.min(keptDays, options.config.clickhouse.retention_days)

  /** First the samples, then what was learnt from them: a start that knew of later samples than are stored would not judge these. */
  const keep = async (): Promise<void> => {
    const rows = await pool.exclusive(() => memory.snapshot())
    if (rows.count === 0) return
    await writer.drain()
    await insist('store baselines', () => storeBaselines(client, rows))
  }

  let keeping: Promise<void> | undefined
  const timer = setInterval(() => {
    if (keeping !== undefined || memory.isEmpty()) return
    keeping = keep()
      .catch((error: unknown) => logger.warn({ err: asError(error) }, 'baselines were not stored'))
      .finally(() => (keeping = undefined))
  }, options.everyMs ?? storeBaselinesMs)

  return {
    async recall() {
      memory.recall(await insist('read baselines', () => readBaselines(client, days, slotsMax)))
    },
    async stop() {
      clearInterval(timer)
      await keeping
      if (memory.isEmpty() || writer.pendingBytes() > 0) return
      try {
        await storeBaselines(client, memory.snapshot())
      } catch (error) {
        logger.warn(
          { err: asError(error) },
          'baselines were not stored: they go on from when they were stored last'
        )
      }
    }
  }
}
