import type { RawBatch, TopicPartition } from '../../schemas/batch.ts'
import { createSlabPool } from '../../schemas/slab.ts'
import type { SourceOptions } from '../source-options.ts'
import { createCluster } from './cluster.ts'
import { leaderEpochOf } from './fetch-response.ts'
import { openPartitionLog, type PartitionLog } from './partition-log.ts'

/** Reads stretches of the log that lie before the place where reading goes on, for every kind of source. */
export interface Stretches {
  /** Where the stretch of a partition begins. Rejects when a broker does not answer. */
  find(asked: StretchAsked): Promise<Stretch>
  /** A stretch, batch by batch. Whoever takes a batch releases its slab. */
  batches(stretch: Stretch): AsyncGenerator<RawBatch, void>
  /** What can be said of whether a partition could be written to lately. Rejects when a broker does not answer. */
  standing(of: TopicPartition, sinceMs: number): Promise<LogStanding>
  close(): void
}

export interface LogStanding {
  /**
   * Its leader holds records of before the asked time that it has written as this leader: it was not started anew since, nor
   * has another stepped in. False where that cannot be known.
   */
  readonly isSteady: boolean
  /** Kafka's time of its newest record (ms); undefined where it holds none. */
  readonly newestMs: number | undefined
}

export interface StretchAsked extends TopicPartition {
  /** Where it ends: behind the last record of it. */
  readonly to: number
  /** How far back it shall go from its last record (ms of Kafka's time), and how many records at most. */
  readonly windowMs: number
  readonly recordsMax: number
  readonly nowMs: number
}

export interface Stretch extends TopicPartition {
  readonly from: number
  readonly to: number
  /** Kafka's time of its last record, of the one behind it, and of the newest there is (ms). */
  readonly endMs: number
  readonly nextMs: number | undefined
  readonly newestMs: number
  /** Why it begins later than it was to: retention has taken what was before, or it would be too many records. */
  readonly cut: 'retention' | 'records' | null
}

/** Connections to each broker; requests of several partitions share one. */
const lanes = 4
/** What is fetched ahead of all partitions together. */
const aheadBytesMax = 64 * 1024 * 1024
const fetchBytesMin = 64 * 1024
/** So far before the end the time of a record is looked for, where the last offsets hold none (marks of transactions). */
const lookBack = [1, 100, 10_000]

/** `partitions`: how many will be read at once. */
export async function openStretches(options: SourceOptions, partitions: number): Promise<Stretches> {
  const cluster = createCluster(options)
  const slabs = createSlabPool(aheadBytesMax)
  const fetchBytes = Math.max(
    fetchBytesMin,
    Math.min(options.fetchPartitionMaxBytes, Math.floor(aheadBytesMax / Math.max(1, partitions)))
  )
  try {
    await cluster.refresh(options.topics)
  } catch (error) {
    cluster.close()
    throw error
  }

  const open = ({ topic, partition }: TopicPartition): Promise<PartitionLog> =>
    openPartitionLog({
      cluster,
      options,
      slabs,
      topic,
      partition,
      purpose: `stretch ${partition % lanes}`,
      fetchBytes
    })

  /** Kafka's time of the first record from an offset on; undefined where there is none. */
  const timeAt = async (log: PartitionLog, from: number, to: number): Promise<number | undefined> => {
    for await (const { maxTimestampMs, slab } of log.batches(from, to, 1)) {
      slab?.release()
      if (maxTimestampMs > 0) return maxTimestampMs
    }
    return undefined
  }

  /** What there is of a record near before an offset; undefined where there is none. */
  const nearBefore = async <T>(
    begin: number,
    to: number,
    look: (from: number) => Promise<T | undefined>
  ): Promise<T | undefined> => {
    for (const back of lookBack) {
      const found = await look(Math.max(begin, to - back))
      if (found !== undefined) return found
    }
    return undefined
  }

  const timeBefore = (log: PartitionLog, begin: number, to: number): Promise<number | undefined> =>
    nearBefore(begin, to, from => timeAt(log, from, to))

  /** By which leader a record near before an offset was written. */
  const epochBefore = (log: PartitionLog, begin: number, to: number): Promise<number | undefined> =>
    nearBefore(begin, to, async from => {
      for await (const { bytes, slab } of log.batches(from, to, 1)) {
        const epoch = leaderEpochOf(bytes)
        slab?.release()
        if (epoch !== undefined) return epoch
      }
      return undefined
    })

  return {
    async find({ topic, partition, to, windowMs, recordsMax, nowMs }) {
      const log = await open({ topic, partition })
      const [begin, end] = [await log.begin(), await log.end()]
      const nextMs = await timeAt(log, Math.max(begin, to), end)
      const newestMs = (await timeBefore(log, begin, end)) ?? nowMs
      const of = { topic, partition, to, nextMs, newestMs }
      if (begin >= to) return { ...of, from: to, endMs: nowMs, cut: 'retention' }
      // A record from the future says nothing of when it was written.
      const endMs = Math.min(nowMs, (await timeBefore(log, begin, to)) ?? nowMs)
      const wanted = Math.min(to, (await log.offsetAt(endMs - windowMs)) ?? to)
      const from = Math.max(wanted, begin, to - recordsMax)
      const isCut = from > Math.max(wanted, begin)
      return {
        ...of,
        from,
        endMs,
        cut: isCut ? 'records' : begin > 0 && wanted <= begin ? 'retention' : null
      }
    },
    async *batches(stretch) {
      if (stretch.from >= stretch.to) return
      const log = await open(stretch)
      yield* log.batches(stretch.from, stretch.to, 1)
    },
    async standing(of, sinceMs) {
      const log = await open(of)
      const [begin, end] = [await log.begin(), await log.end()]
      const before = (await log.offsetAt(sinceMs)) ?? end
      return {
        // The first leader has been there always.
        isSteady: log.leaderEpoch === 0 || (await epochBefore(log, begin, before)) === log.leaderEpoch,
        newestMs: await timeBefore(log, begin, end)
      }
    },
    close: () => cluster.close()
  }
}
