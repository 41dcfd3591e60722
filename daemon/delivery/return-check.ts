import type { Logger } from 'pino'
import { asError } from '../../ingest/errors.ts'
import type { PartitionOffset } from '../../ingest/source.ts'
import { partitionKey } from '../../schemas/batch.ts'
import type { SourceConnection } from './connect-source.ts'
import { outageMsMin, type Watermark } from './watermark.ts'

/**
 * Whether the brokers may have come back just before we came ourselves. What producers have kept then is still to come, and nobody was
 * there to see that the brokers were away: the log must tell. A broker that is started anew leads its partitions anew, and Kafka
 * remembers from which record on; and while brokers are away nothing new is written. Where neither is seen, all that was
 * measured has come.
 */
export interface ReturnCheck {
  /** Looks at partitions that this process takes over for the first time. Never rejects: what cannot be known is waited for. */
  check(positions: readonly PartitionOffset[]): Promise<void>
}

export interface ReturnCheckOptions {
  /** Without stretches the log cannot be looked into. */
  readonly connection: Pick<SourceConnection, 'openStretches'>
  readonly watermark: Pick<Watermark, 'returning'>
  readonly logger: Logger
  readonly nowMs: () => number
}

/**
 * A leader that holds a record older than this (ms) is no news: clients of Kafka keep records for two minutes (Java) to five
 * (librdkafka) unless they are told otherwise, so the records of the outage itself are not older.
 */
const keptMsMax = 300_000

export function createReturnCheck(options: ReturnCheckOptions): ReturnCheck {
  const { watermark, logger, nowMs } = options
  const { openStretches } = options.connection
  const seen = new Set<string>()

  /** Those whose leader is new. All of them, where something was read before and now nothing comes. */
  const unsteady = async (
    open: NonNullable<typeof openStretches>,
    positions: readonly PartitionOffset[]
  ): Promise<readonly PartitionOffset[]> => {
    const stretches = await open(positions.length)
    try {
      const atMs = nowMs()
      const standings = await Promise.all(
        positions.map(position => stretches.standing(position, atMs - keptMsMax))
      )
      const newestMs = standings.reduce((most, standing) => Math.max(most, standing.newestMs ?? 0), 0)
      if (newestMs < atMs - outageMsMin && positions.some(({ offset }) => offset > 0)) return positions
      return positions.filter((_, i) => standings[i]!.isSteady === false)
    } finally {
      stretches.close()
    }
  }

  return {
    async check(positions) {
      const fresh = positions.filter(({ topic, partition }) => !seen.has(partitionKey(topic, partition)))
      if (openStretches === undefined || fresh.length === 0) return
      for (const { topic, partition } of fresh) seen.add(partitionKey(topic, partition))
      const returning = await unsteady(openStretches, fresh).catch((error: unknown) => {
        logger.warn(
          { err: asError(error), partitions: fresh.length },
          'Kafka does not say since when its brokers lead the partitions; they are taken for new'
        )
        return fresh
      })
      if (returning.length === 0) return
      logger.info(
        { partitions: returning.length },
        'brokers may have come back lately: what producers have kept is waited for before holds end'
      )
      watermark.returning(returning)
    }
  }
}
