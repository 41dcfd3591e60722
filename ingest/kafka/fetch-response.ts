import type { RawBatch } from '../../schemas/batch.ts'
import type { Slab, SlabPool } from '../../schemas/slab.ts'
import { type Inflow, type Reading, varintBytesMax } from './inflow.ts'

/**
 * The Fetch response, version 13, read only down to whole record batches. Nothing here touches a record, but for the
 * one record of a control batch, whose key says whether a transaction was aborted.
 * https://kafka.apache.org/protocol#The_Messages_Fetch
 */
export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly logStartOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches, back to back, the last one perhaps cut; whoever takes them releases the slab they lie in. */
  readonly bytes: Uint8Array
  readonly slab?: Slab | undefined
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export interface FetchResponse {
  readonly throttleMs: number
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

const empty: Uint8Array = new Uint8Array(0)

// Bytes of what stands between parts that may be of any length.
const answerHeadBytes = 4 + 2 + 4 + varintBytesMax
const topicHeadBytes = 16 + varintBytesMax
const partitionHeadBytes = 4 + 2 + 3 * 8 + varintBytesMax
const abortedBytes = 8 + 8
const recordsHeadBytes = 4 + varintBytesMax

/**
 * Reads a response while it arrives. The batches of each partition go into a slab of their own. When a response breaks off, its
 * slabs are not given back but left to the garbage collector, because the socket may still write into the last one.
 */
export function* readFetchResponse(input: Inflow, slabs: SlabPool): Reading<FetchResponse> {
  yield* input.gather(answerHeadBytes)
  const throttleMs = input.int32()
  const errorCode = input.int16()
  input.int32() // The session: none is used.
  const partitions: FetchedPartition[] = []
  const topics = input.varint() - 1
  for (let t = 0; t < topics; t++) {
    if (input.lacks(topicHeadBytes)) yield* input.gather(topicHeadBytes)
    const topicId = input.uuid()
    const count = input.varint() - 1
    for (let p = 0; p < count; p++) partitions.push(yield* readPartition(input, topicId, slabs))
    if (!input.passNoTaggedFields()) yield* input.skipTaggedFields()
  }
  return { throttleMs, errorCode, partitions }
}

function* readPartition(input: Inflow, topicId: string, slabs: SlabPool): Reading<FetchedPartition> {
  if (input.lacks(partitionHeadBytes)) yield* input.gather(partitionHeadBytes)
  const partition = input.int32()
  const errorCode = input.int16()
  const highWatermark = input.int64()
  input.int64() // The last stable offset bounds what a read_committed fetch returns; nothing to do with it.
  const logStartOffset = input.int64()
  const aborted: AbortedTransaction[] = []
  const abortedCount = input.varint() - 1
  for (let a = 0; a < abortedCount; a++) {
    yield* input.gather(abortedBytes)
    aborted.push({ producerId: input.bigint64(), firstOffset: input.int64() })
    yield* input.skipTaggedFields()
  }
  if (input.lacks(recordsHeadBytes)) yield* input.gather(recordsHeadBytes)
  input.int32() // The preferred replica: no rack is named, so there is none.
  const size = input.varint() - 1
  let bytes = empty
  let slab: Slab | undefined
  if (size > 0) {
    // A size that is larger than the whole answer is refused before memory is taken for it.
    input.require(size)
    slab = slabs.take(size)
    bytes = new Uint8Array(slab.memory, 0, size)
    yield* input.fill(bytes)
  }
  // Brokers name the new leader in a tagged field when the leader has moved.
  if (!input.passNoTaggedFields()) yield* input.skipTaggedFields()
  return { topicId, partition, errorCode, highWatermark, logStartOffset, aborted, bytes, slab }
}

// Places in a RecordBatch v2: https://kafka.apache.org/documentation/#recordbatch
const lengthAt = 8
const leaderEpochAt = 12
const magicAt = 16
const attributesAt = 21
const lastOffsetDeltaAt = 23
const maxTimestampAt = 35
const producerIdAt = 43
const countAt = 57
const headerBytes = 61
/** Bytes before those that the length field counts. */
const lengthOverhead = 12
const transactionalBit = 0x10
const controlBit = 0x20

export interface CutOptions {
  readonly topic: string
  readonly partition: number
  /** The next offset to hand over: what lies below it was handed over before. */
  readonly position: number
  /** The transactions to leave out; empty under read_uncommitted. */
  readonly aborted: readonly AbortedTransaction[]
  /** Records of one run by the batch headers; a single larger batch is a run of its own. */
  readonly runRecordsMax: number
  /** Where the bytes lie. */
  readonly slab?: Slab | undefined
}

/**
 * Cuts fetched bytes into runs of whole batches, without control batches and without those of aborted transactions.
 * Together they cover the partition from the position to the last whole batch; none where there is no whole batch at
 * or behind the position. A run of nothing but filtered batches has no bytes. The bytes are filtered in place, and the
 * runs are views of them; each run is a user of the slab, the caller's own use of it goes over to them. Batches that
 * the broker sent although they end before the position are left out; the first one may still start before it, because
 * the broker sends batches whole.
 */
export function cutBatches(bytes: Uint8Array, options: CutOptions): RawBatch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pending = [...options.aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const abortedProducers = new Set<bigint>()
  const runs: Run[] = []
  let run: Run = { start: 0, end: 0, lastOffset: -1, count: 0, maxTimestampMs: 0 }
  let nextPending = 0
  for (let at = 0; at + headerBytes <= bytes.byteLength;) {
    const end = at + lengthOverhead + view.getInt32(at + lengthAt)
    if (end > bytes.byteLength || end < at + headerBytes) break
    const batchLast = Number(view.getBigInt64(at)) + view.getInt32(at + lastOffsetDeltaAt)
    const attributes = view.getInt16(at + attributesAt)
    // The formats before v2 end with their record; the workers refuse them with a reason, so they are passed on.
    const modern = view.getUint8(at + magicAt) === 2
    let wanted = batchLast >= options.position
    if (modern) {
      while (nextPending < pending.length) {
        const transaction = pending[nextPending]
        if (transaction === undefined || transaction.firstOffset > batchLast) break
        abortedProducers.add(transaction.producerId)
        nextPending++
      }
      if ((attributes & controlBit) !== 0) {
        wanted = false
        if (isAbortMarker(view, at, end)) abortedProducers.delete(view.getBigInt64(at + producerIdAt))
      } else if ((attributes & transactionalBit) !== 0 && abortedProducers.size > 0) {
        if (abortedProducers.has(view.getBigInt64(at + producerIdAt))) wanted = false
      }
    }
    if (wanted) {
      const records = modern ? view.getInt32(at + countAt) : 1
      if (run.end > run.start && run.count + records > options.runRecordsMax) {
        runs.push(run)
        run = { start: run.end, end: run.end, lastOffset: run.lastOffset, count: 0, maxTimestampMs: 0 }
      }
      run.count += records
      if (modern)
        run.maxTimestampMs = Math.max(run.maxTimestampMs, Number(view.getBigInt64(at + maxTimestampAt)))
      if (run.end !== at) bytes.copyWithin(run.end, at, end)
      run.end += end - at
    }
    run.lastOffset = Math.max(run.lastOffset, batchLast)
    at = end
  }
  const { slab } = options
  if (run.lastOffset < options.position) {
    slab?.release()
    return []
  }
  runs.push(run)
  for (let more = 1; more < runs.length; more++) slab?.retain()
  let firstOffset = options.position
  return runs.map(({ start, end, lastOffset, count, maxTimestampMs }) => {
    const batch: RawBatch = {
      topic: options.topic,
      partition: options.partition,
      firstOffset,
      lastOffset,
      count,
      maxTimestampMs,
      bytes: bytes.subarray(start, end),
      slab
    }
    firstOffset = lastOffset + 1
    return batch
  })
}

/** The leader that the first batch of these was written by (PartitionLog.leaderEpoch); undefined before format v2. */
export function leaderEpochOf(bytes: Uint8Array): number | undefined {
  if (bytes.byteLength < headerBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint8(magicAt) === 2 ? view.getInt32(leaderEpochAt) : undefined
}

interface Run {
  readonly start: number
  end: number
  lastOffset: number
  count: number
  maxTimestampMs: number
}

/** Whether the control batch at `at` ends a transaction by aborting it: its one record's key is (version, 0). */
function isAbortMarker(view: DataView, at: number, end: number): boolean {
  let position = at + headerBytes
  const skipVarint = (): void => {
    while (position < end && (view.getUint8(position++) & 0x80) !== 0);
  }
  skipVarint() // length
  position++ // attributes
  skipVarint() // timestamp delta
  skipVarint() // offset delta
  skipVarint() // key length
  return position + 4 <= end && view.getInt16(position + 2) === 0
}
