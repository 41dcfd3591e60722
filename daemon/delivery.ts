import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Writer } from '../ingest/clickhouse/writer.ts'
import type { DeadLetterSink } from '../ingest/dead-letters.ts'
import type { Dispatcher } from '../ingest/dispatcher.ts'
import type { OffsetCommitter } from '../ingest/offsets.ts'
import type { TopicPartition } from '../schemas/batch.ts'
import type { EvaluationResult, Reject } from '../schemas/evaluation.ts'
import { pauseBefore } from './insist.ts'
import type { TroubleLog } from './trouble-log.ts'

export interface DeliveryOptions {
  readonly dispatcher: () => Dispatcher
  readonly writer: Writer
  readonly offsets: OffsetCommitter
  /** Without one dead letters are only counted. */
  readonly deadLetters: DeadLetterSink | undefined
  readonly deadLetterTopic: string
  /** What the status engine and the metrics make of a result, before anything of it is stored. */
  readonly judge: (result: EvaluationResult) => void
  readonly drainMsMax: number
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly trouble: TroubleLog
}

/**
 * The way of what was evaluated: to the status engine, its dead letters to their topic, then its rows to the writer. And
 * its end: a partition that is given up is drained first, then fenced.
 */
export interface Delivery {
  readonly deliver: (result: EvaluationResult) => Promise<void>
  /** Stores what is in hand of these partitions, within the limit, and gives them up. */
  readonly revoked: (partitions: readonly TopicPartition[]) => Promise<void>
}

/** Thrown out of a delivery that the stop of the daemon has ended; its records are read again. */
export class Stopped extends Error {}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { dispatcher, writer, offsets, deadLetters, stopping, logger, trouble } = options

  /** Keeps the partition until its dead letters are acknowledged: only then may its offsets move. */
  const bury = async (rejects: readonly Reject[]): Promise<void> => {
    logger.warn(
      { count: rejects.length, first: { ...rejects[0], key: undefined, value: undefined } },
      'records could not be read; they go to the dead-letter topic'
    )
    for (let attempt = 1; deadLetters !== undefined && !stopping.aborted; attempt++) {
      try {
        await deadLetters.send(rejects)
        return
      } catch (error) {
        trouble(
          `dead letters cannot be sent to ${options.deadLetterTopic}; their partitions wait, trying again`,
          error
        )
        await pauseBefore(attempt, stopping)
      }
    }
    if (stopping.aborted) throw new Stopped()
  }

  const drain = async (partitions: readonly TopicPartition[]): Promise<boolean> => {
    const evaluated = await dispatcher().drain(partitions, options.drainMsMax)
    await writer.drain(partitions)
    return evaluated
  }

  return {
    async deliver(result) {
      options.judge(result)
      if (result.rejects.length > 0) await bury(result.rejects)
      writer.submit(result.ranges, result.block)
    },
    async revoked(partitions) {
      const drained = await Promise.race([
        drain(partitions),
        delay(options.drainMsMax, false, { ref: false })
      ])
      if (!drained)
        logger.warn(
          { partitions: partitions.length },
          'partitions were given up before all was stored; their new owner reads the rest'
        )
      await offsets.flush()
      dispatcher().fence(partitions)
      writer.fence(partitions)
      offsets.forget(partitions)
    }
  }
}
