import { varintBytesMax } from './inflow.ts'

/**
 * The Fetch request, version 13, written into one buffer. The client library makes a buffer for each number. With a hundred requests
 * a second for a dozen partitions that was most of the garbage of the main thread.
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
export interface FetchRequest {
  /** How long the broker may wait for something new (ms), and for how much of it. */
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isReadCommitted: boolean
  readonly topics: readonly FetchTopic[]
}

export interface FetchTopic {
  /** A UUID, as text. */
  readonly topicId: string
  readonly partitions: readonly FetchPartition[]
}

export interface FetchPartition {
  readonly partition: number
  /** -1 where it is not known. */
  readonly leaderEpoch: number
  readonly fetchOffset: number
  readonly partitionMaxBytes: number
}

const headBytes = 4 * 4 + 1 + 2 * 4
const topicIdBytes = 16
/** With the tags behind it: none. */
const partitionBytes = 3 * 4 + 2 * 8 + 4 + 1
const tailBytes = 3

export function encodeFetchRequest(request: FetchRequest): Buffer {
  const { topics } = request
  const partitions = topics.reduce((sum, topic) => sum + topic.partitions.length, 0)
  const bytesMax =
    headBytes +
    varintBytesMax +
    topics.length * (topicIdBytes + varintBytesMax + 1) +
    partitions * partitionBytes +
    tailBytes
  const buffer = Buffer.allocUnsafe(bytesMax)
  let at = buffer.writeInt32BE(-1, 0) // No replica: a consumer.
  at = buffer.writeInt32BE(request.maxWaitMs, at)
  at = buffer.writeInt32BE(request.minBytes, at)
  at = buffer.writeInt32BE(request.maxBytes, at)
  at = buffer.writeInt8(request.isReadCommitted ? 1 : 0, at)
  at = buffer.writeInt32BE(0, at) // No fetch session, …
  at = buffer.writeInt32BE(-1, at) // … and none is wanted.
  at = writeCount(buffer, topics.length, at)
  for (const topic of topics) {
    at += buffer.write(topic.topicId.replaceAll('-', ''), at, 'hex')
    at = writeCount(buffer, topic.partitions.length, at)
    for (const { partition, leaderEpoch, fetchOffset, partitionMaxBytes } of topic.partitions) {
      at = buffer.writeInt32BE(partition, at)
      at = buffer.writeInt32BE(leaderEpoch, at)
      at = writeInt64(buffer, fetchOffset, at)
      at = buffer.writeInt32BE(-1, at) // The epoch fetched last: followers tell it.
      at = writeInt64(buffer, -1, at) // The start of a follower's log.
      at = buffer.writeInt32BE(partitionMaxBytes, at)
      at = buffer.writeInt8(0, at)
    }
    at = buffer.writeInt8(0, at)
  }
  at = writeCount(buffer, 0, at) // Topics to forget.
  at = buffer.writeInt8(1, at) // No rack: an empty compact string.
  at = buffer.writeInt8(0, at)
  return buffer.subarray(0, at)
}

/** The length of a compact array: one more than it has, as unsigned LEB128. */
function writeCount(buffer: Buffer, count: number, from: number): number {
  let at = from
  let left = count + 1
  for (; left >= 128; left = Math.floor(left / 128)) at = buffer.writeUInt8((left % 128) + 128, at)
  return buffer.writeUInt8(left, at)
}

/** Exact within ±2^53, as offsets are. */
function writeInt64(buffer: Buffer, value: number, at: number): number {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), at)
  return buffer.writeUInt32BE(value >>> 0, at + 4)
}
