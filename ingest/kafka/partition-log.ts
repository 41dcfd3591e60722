import { listOffsetsV7 } from '@platformatic/kafka'
import type { RawBatch, TopicPartition } from '../../schemas/batch.ts'
import type { SlabPool } from '../../schemas/slab.ts'
import type { SourceOptions } from '../source-options.ts'
import { type BrokerConnection, describeCode } from './broker-connection.ts'
import type { Cluster } from './cluster.ts'
import { cutBatches } from './fetch-response.ts'

/** One partition as a log that can be looked into anywhere, as no member of any group. */
export interface PartitionLog {
  /** How often it had come by a leader when this log was opened: one that is started anew counts as another. */
  readonly leaderEpoch: number
  /** Offset of the oldest record there is, and the one behind the newest. */
  begin(): Promise<number>
  end(): Promise<number>
  /** Offset of the first record of that time (ms) or later, by Kafka's time index; undefined where all are older. */
  offsetAt(timeMs: number): Promise<number | undefined>
  /**
   * What lies between two offsets, the second not included, in runs of at most so many records; a larger batch is a run of
   * its own. Ends early where the log does. Whoever takes a run releases its slab.
   */
  batches(from: number, to: number, runRecordsMax: number): AsyncGenerator<RawBatch, void>
}

export interface PartitionLogOptions extends TopicPartition {
  readonly cluster: Cluster
  readonly options: SourceOptions
  readonly slabs: SlabPool
  /** Connections are shared by those who give the same. */
  readonly purpose: string
  /** Most bytes of an answer; a larger batch still comes whole. */
  readonly fetchBytes: number
}

const earliest = -2n
const latest = -1n

/** The topic must have been looked up (Cluster.refresh). */
export async function openPartitionLog(of: PartitionLogOptions): Promise<PartitionLog> {
  const { cluster, options, slabs, topic, partition } = of
  const found = cluster.topic(topic)
  if (found === undefined) throw new Error(`There is no topic ${topic}.`)
  const leader = cluster.leader(topic, partition)
  if (leader === null) throw new Error(`The partition ${topic}:${partition} has no leader now.`)
  const connection: BrokerConnection = await cluster.connection(leader.nodeId, of.purpose)
  const isReadCommitted = options.isolation === 'read_committed'

  const offsetOf = async (timestamp: bigint): Promise<number> => {
    const answer = await connection.call(options.requestTimeoutMs, c =>
      listOffsetsV7.api.async(c, -1, isReadCommitted ? 1 : 0, [
        { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] }
      ])
    )
    return Number(answer.topics[0]?.partitions[0]?.offset ?? -1)
  }

  const fetchAt = async (position: number, bytes: number) => {
    const asked = { partition, leaderEpoch: -1, fetchOffset: position, partitionMaxBytes: bytes }
    const answer = await connection.call(options.requestTimeoutMs + options.fetchMaxWaitMs, c =>
      c.fetch(
        {
          maxWaitMs: options.fetchMaxWaitMs,
          minBytes: 1,
          maxBytes: bytes,
          isReadCommitted,
          topics: [{ topicId: found.id, partitions: [asked] }]
        },
        slabs
      )
    )
    const fetched = answer.partitions[0]
    const code = answer.errorCode !== 0 ? answer.errorCode : (fetched?.errorCode ?? 0)
    if (code !== 0 || fetched === undefined)
      throw new Error(`The partition ${topic}:${partition} cannot be read: ${describeCode(code)}`)
    return fetched
  }

  return {
    leaderEpoch: leader.epoch,
    begin: async () => Math.max(0, await offsetOf(earliest)),
    end: async () => Math.max(0, await offsetOf(latest)),
    async offsetAt(timeMs) {
      const offset = await offsetOf(BigInt(Math.max(0, Math.floor(timeMs))))
      return offset < 0 ? undefined : offset
    },
    async *batches(from, to, runRecordsMax) {
      let position = from
      let bytes = of.fetchBytes
      while (position < to) {
        const fetched = await fetchAt(position, bytes)
        const isEmpty = fetched.bytes.byteLength === 0
        const cut = cutBatches(fetched.bytes, {
          topic,
          partition,
          position,
          aborted: fetched.aborted,
          runRecordsMax,
          slab: fetched.slab
        })
        const last = cut.at(-1)
        if (last === undefined) {
          if (isEmpty) return
          bytes *= 2
          continue
        }
        bytes = of.fetchBytes
        position = last.lastOffset + 1
        for (const batch of cut) {
          if (batch.firstOffset >= to) batch.slab?.release()
          else if (batch.lastOffset < to) yield batch
          else yield { ...batch, lastOffset: to - 1 }
        }
      }
    }
  }
}
