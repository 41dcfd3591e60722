import type { Logger } from 'pino'
import type { Writer } from '../../ingest/clickhouse/writer.ts'
import type { DeadLetterSink } from '../../ingest/dead-letters.ts'
import type { Dispatcher, Ownership, Waiting } from '../../ingest/dispatcher.ts'
import type { OffsetCommitter } from '../../ingest/offsets.ts'
import { splitOutcome, type Outcome } from '../../ingest/split-outcome.ts'
import { partitionKey, type TopicPartition } from '../../schemas/batch.ts'
import type { EvaluationResult } from '../../schemas/evaluation.ts'
import { pauseBefore } from '../process/insist.ts'
import type { TroubleLog } from '../process/trouble-log.ts'
import { within } from '../process/within.ts'

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
 * its end: a partition that is given up is drained first, then fenced, and comes back only when nothing of it is left.
 */
export interface Delivery {
  readonly deliver: (result: EvaluationResult, ownership: Ownership) => Waiting | undefined
  /** Stores what is in hand of these partitions, within the limit, and gives them up. */
  readonly revoked: (partitions: readonly TopicPartition[], limitMs: number) => Promise<void>
  /** Resolves when nothing is under way of what was given up of these partitions: only then is it known how far they are stored. */
  readonly released: (partitions: readonly TopicPartition[]) => Promise<void>
}

/** Thrown out of a delivery that the stop of the daemon has ended; its records are read again. */
export class Stopped extends Error {}

/** Of the time for a hand-over, what draining may take; the rest is for committing how far it came. */
const drainShare = 0.8

export function createDelivery(options: DeliveryOptions): Delivery {
  const { dispatcher, writer, offsets, deadLetters, stopping, logger, trouble } = options

  const store = ({ ranges, block }: Outcome): void => writer.submit(ranges, block)

  /** What of it is still owned. The rest is dropped: the partition's next owner reads those records again. */
  const owned = (outcome: Outcome, ownership: Ownership): Outcome => {
    if (ownership.isWhole()) return outcome
    const { chosen, rest } = splitOutcome(outcome, ownership.has)
    rest.block.slab?.release()
    return chosen
  }

  /** Resolves when the letters are acknowledged, or their partitions are not owned any more. */
  const bury = async (
    sink: DeadLetterSink,
    { rejects, ranges }: Outcome,
    ownership: Ownership
  ): Promise<void> => {
    for (let attempt = 1; !stopping.aborted; attempt++) {
      if (!ranges.some(ownership.has)) return
      try {
        await sink.send(rejects)
        return
      } catch (error) {
        trouble(
          `dead letters cannot be sent to ${options.deadLetterTopic}; their partitions wait, trying again`,
          error
        )
        await pauseBefore(attempt, stopping)
      }
    }
    throw new Stopped()
  }

  const drain = async (partitions: readonly TopicPartition[], limitMs: number): Promise<boolean> => {
    const evaluated = await dispatcher().drain(partitions, limitMs)
    await writer.drain(partitions)
    return evaluated
  }

  return {
    deliver(result, ownership) {
      // Of partitions that were given up too: the threads have changed the state of their series, so the engine must hear of it.
      options.judge(result)
      const outcome = owned(result, ownership)
      if (outcome.rejects.length > 0)
        logger.warn(
          {
            count: outcome.rejects.length,
            first: { ...outcome.rejects[0], key: undefined, value: undefined }
          },
          'records could not be read; they go to the dead-letter topic'
        )
      if (outcome.rejects.length === 0 || deadLetters === undefined) {
        store(outcome)
        return undefined
      }
      // Offsets of a partition move only behind its dead letters; the others of the task have no part in that.
      const keys = new Set(outcome.rejects.map(({ topic, partition }) => partitionKey(topic, partition)))
      const { chosen: held, rest } = splitOutcome(outcome, p => keys.has(partitionKey(p.topic, p.partition)))
      store(rest)
      return {
        partitions: held.ranges,
        done: bury(deadLetters, held, ownership).then(() => store(owned(held, ownership)))
      }
    },
    async revoked(partitions, limitMs) {
      const ms = Math.min(limitMs, options.drainMsMax)
      if (ms > 0) {
        const drained = await within(ms * drainShare, drain(partitions, ms * drainShare))
        if (drained !== true)
          logger.warn(
            { partitions: partitions.length },
            'partitions were given up before all was stored; their new owner reads the rest'
          )
        await within(ms * (1 - drainShare), offsets.flush())
      }
      dispatcher().fence(partitions)
      writer.fence(partitions)
      offsets.forget(partitions)
    },
    async released(partitions) {
      await dispatcher().released(partitions)
      await writer.landed(partitions)
    }
  }
}
