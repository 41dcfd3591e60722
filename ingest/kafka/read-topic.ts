import { listOffsetsV7 } from '@platformatic/kafka'
import { createSlabPool } from '../../schemas/slab.ts'
import { createBatchWalker } from '../../schemas/records/record-batch.ts'
import type { SourceOptions } from '../source-options.ts'
import { describeCode } from './broker-connection.ts'
import { createCluster } from './cluster.ts'
import { cutBatches } from './fetch-response.ts'

/** A record as it lies in a topic. Key and value are copies. */
export interface TopicRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/**
 * Reads a topic from its beginning to where it ended when this was called, partition by partition, as no member of any group:
 * for commands that look into a topic. Rejects when the topic is not there or a broker does not answer.
 */
export async function readTopic(
  options: SourceOptions,
  topic: string,
  onRecord: (record: TopicRecord) => void
): Promise<void> {
  const cluster = createCluster(options)
  const slabs = createSlabPool(options.fetchMaxBytes * 2)
  const walker = createBatchWalker({ verifyCrc: true, decompressedBytesMax })
  try {
    await cluster.refresh([topic])
    const found = cluster.topic(topic)
    if (found === undefined) throw new Error(`There is no topic ${topic}.`)
    for (let partition = 0; partition < found.partitions.length; partition++) {
      const leader = cluster.leader(topic, partition)
      if (leader === null) throw new Error(`The partition ${topic}:${partition} has no leader now.`)
      const connection = await cluster.connection(leader.nodeId, 'read')
      const edge = async (timestamp: bigint): Promise<number> => {
        const answer = await connection.call(options.requestTimeoutMs, c =>
          listOffsetsV7.api.async(c, -1, 1, [
            { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] }
          ])
        )
        return Number(answer.topics[0]?.partitions[0]?.offset ?? 0)
      }
      const end = await edge(-1n)
      let position = await edge(-2n)
      let maxBytes = options.fetchPartitionMaxBytes
      while (position < end) {
        const asked = { partition, leaderEpoch: -1, fetchOffset: position, partitionMaxBytes: maxBytes }
        const answer = await connection.call(options.requestTimeoutMs, c =>
          c.fetch(
            {
              maxWaitMs: options.fetchMaxWaitMs,
              minBytes: 1,
              maxBytes: options.fetchMaxBytes,
              isReadCommitted: true,
              topics: [{ topicId: found.id, partitions: [asked] }]
            },
            slabs
          )
        )
        const fetched = answer.partitions[0]
        const code = answer.errorCode !== 0 ? answer.errorCode : (fetched?.errorCode ?? 0)
        if (code !== 0 || fetched === undefined)
          throw new Error(`The partition ${topic}:${partition} cannot be read: ${describeCode(code)}`)
        const cut = cutBatches(fetched.bytes, {
          topic,
          partition,
          position,
          aborted: fetched.aborted,
          runRecordsMax: Number.MAX_SAFE_INTEGER,
          slab: fetched.slab
        })
        for (const batch of cut) {
          walker.walk(batch.bytes, batch.firstOffset, batch.lastOffset, {
            record(bytes, keyAt, keyLength, valueAt, valueLength, offset, timestampMs) {
              const part = (at: number, length: number): Uint8Array | null =>
                length < 0 ? null : bytes.slice(at, at + length)
              onRecord({
                partition,
                offset,
                timestampMs,
                key: part(keyAt, keyLength),
                value: part(valueAt, valueLength)
              })
            },
            // A letter that cannot be read is none; those around it can.
            corrupt: () => undefined
          })
          batch.slab?.release()
        }
        const last = cut.at(-1)
        if (last !== undefined) {
          position = last.lastOffset + 1
          continue
        }
        if (fetched.bytes.byteLength === 0) break
        maxBytes *= 2
      }
    }
  } finally {
    cluster.close()
  }
}

const decompressedBytesMax = 64 * 1024 * 1024
