import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { asError } from '../ingest/errors.ts'
import { describeActive, describePeers } from '../ingest/kafka/group-watch.ts'
import type { AssignedPartition, PartitionOffset, SourceHandler } from '../ingest/source.ts'
import { partitionKey, type TopicPartition } from '../schemas/batch.ts'
import type { Config } from '../schemas/config/reading.ts'
import type { SourceConnection } from './delivery/connect-source.ts'
import { createStandbyMetrics } from './standby-metrics.ts'
import { NoLongerActive } from './process/process-end.ts'
import { within } from './process/within.ts'

/**
 * Which of the daemons of one group reads and judges (adr/0008): the one to which the group gives the partitions, all of them. Without
 * `kafka.standby` that is this one, from its start on.
 */
export interface Standby {
  /** Begins to judge, at once or when the group says so, and starts the source. */
  start(handler: SourceHandler, beginning: Beginning): Promise<void>
  /** Of a daemon that waits, whom it waits for; empty for one that judges. */
  waitsFor(): string
  /** What is wrong with the group; empty when nothing is. */
  problem(): string
  /**
   * Resolves while the group cannot have given the partitions to another daemon: whoever stood still for longer than the session time must
   * learn first what it still owns, before it stores anything. Rejects when the daemon stops before.
   */
  holds(): Promise<void>
  /** Throws NoLongerActive, and ends the daemon, where others have stored what this one has not judged. */
  checkStored(positions: readonly PartitionOffset[]): void
}

export interface Beginning {
  /** Asks ClickHouse until it answers, so that a daemon that only waits tells when it is not there. */
  readonly reach: () => Promise<unknown>
  /** How far these partitions are stored, before anything is restored. */
  readonly positions: (partitions: readonly AssignedPartition[]) => Promise<readonly PartitionOffset[]>
  /** Restores what was known, and begins to judge. */
  readonly begin: () => Promise<void>
  /** Everything that was said of alarms and lights is stored. */
  readonly flush: () => Promise<void>
}

export interface StandbyOptions {
  readonly config: Config
  readonly connection: Pick<SourceConnection, 'source' | 'groupWatch'>
  /** Next offset that this process has not judged, where it has judged any. */
  readonly judgedTo: (partition: TopicPartition) => number | undefined
  readonly stopping: AbortSignal
  readonly fail: (error: Error) => void
  readonly registry: Registry
  readonly logger: Logger
}

const holdsMs = 20
/** Storing what was said takes no longer (ms) than this; what ClickHouse has not taken by then comes of the same records again. */
const flushMsMax = 1000

export function createStandby(options: StandbyOptions): Standby {
  const { config, stopping, fail, logger } = options
  const { source, groupWatch } = options.connection
  const { standby: isOneOfSeveral, group_id } = config.kafka
  const members = () => groupWatch?.members() ?? []
  /** What was stored before anything was restored. */
  const storedFirst = new Map<string, number>()
  let state: 'waiting' | 'active' | 'over' = isOneOfSeveral ? 'waiting' : 'active'
  let isSaid = false

  /** Its alarms and lights are of the past: the next start makes a standby of it. */
  const end = (why: string): NoLongerActive => {
    state = 'over'
    const error = new NoLongerActive(why)
    fail(error)
    return error
  }

  const around = (inner: SourceHandler, { positions, begin, flush }: Beginning): SourceHandler => {
    let begun: Promise<void> | undefined
    const takeOver = async (partitions: readonly AssignedPartition[]): Promise<void> => {
      const fromMs = performance.now()
      logger.info(
        { partitions: partitions.length },
        'the group gives the partitions to this daemon: it takes over'
      )
      for (const { topic, partition, offset } of await positions(partitions))
        storedFirst.set(partitionKey(topic, partition), offset)
      await begin()
      state = 'active'
      logger.info({ ms: Math.round(performance.now() - fromMs) }, 'what was known is restored')
    }
    return {
      ...inner,
      async assigned(partitions, isCurrent) {
        if (partitions.length > 0) {
          begun ??= takeOver(partitions)
          try {
            await begun
          } catch (error) {
            if (!stopping.aborted) fail(asError(error))
            throw error
          }
          return await inner.assigned(partitions, isCurrent)
        }
        if (begun !== undefined) throw end('another daemon of the group was given the partitions')
        if (!isSaid) logger.info({ group: group_id }, 'this daemon stands by: another one of its group reads')
        isSaid = true
        return []
      },
      async revoked(partitions, limitMs) {
        if (partitions.length === 0) return
        await inner.revoked(partitions, limitMs)
        // Whoever takes over reads what was said of alarms, lights and incidents, which is stored beside the samples.
        if (limitMs > 0) await within(Math.min(limitMs, flushMsMax), flush())
      }
    }
  }

  if (isOneOfSeveral)
    createStandbyMetrics(options.registry, () => ({
      isStandby: state === 'waiting',
      standbys: members().filter(({ isActive }) => !isActive).length
    }))

  return {
    async start(handler, beginning) {
      if (!isOneOfSeveral) await beginning.begin()
      else beginning.reach().catch((error: unknown) => (stopping.aborted ? undefined : fail(asError(error))))
      await source.start(isOneOfSeveral ? around(handler, beginning) : handler)
    },
    waitsFor: () => (state === 'waiting' ? describeActive(members()) : ''),
    problem() {
      if (!isOneOfSeveral) return describePeers(group_id, members())
      return state === 'waiting' ? describeActive(members()) : ''
    },
    async holds() {
      if (!isOneOfSeveral) return
      while (state === 'over' || source.holds?.() === false) {
        if (stopping.aborted) throw new Error('the daemon stops, and may not own the partitions any more')
        await delay(holdsMs)
      }
    },
    checkStored(positions) {
      if (!isOneOfSeveral) return
      const behind = positions.filter(
        each =>
          each.offset >
          (options.judgedTo(each) ?? storedFirst.get(partitionKey(each.topic, each.partition)) ?? 0)
      )
      if (behind.length > 0)
        throw end(`another daemon of the group has read ${behind.length} of the partitions meanwhile`)
    }
  }
}
