import { createSlabPool } from '../../schemas/slab.ts'
import { createBatchWalker } from '../../schemas/records/record-batch.ts'
import type { SourceOptions } from '../source-options.ts'
import { createCluster } from './cluster.ts'
import { openPartitionLog } from './partition-log.ts'

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
      const log = await openPartitionLog({
        cluster,
        options: { ...options, isolation: 'read_committed' },
        slabs,
        topic,
        partition,
        purpose: 'read',
        fetchBytes: options.fetchPartitionMaxBytes
      })
      const end = await log.end()
      for await (const batch of log.batches(await log.begin(), end, Number.MAX_SAFE_INTEGER)) {
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
    }
  } finally {
    cluster.close()
  }
}

const decompressedBytesMax = 64 * 1024 * 1024
