import type { RawBatch } from '../schemas/batch.ts'

// Places in a RecordBatch v2: https://kafka.apache.org/documentation/#recordbatch
const lengthAt = 8
const magicAt = 16
const lastOffsetDeltaAt = 23
const maxTimestampAt = 35
const countAt = 57
const headerBytes = 61
/** Bytes before those that the length field counts. */
const lengthOverhead = 12

/**
 * Cuts a run of record batches in two: the head has as many whole batches as fit `bytesMax`, but at least one.
 * Undefined where nothing would be left for the tail, or where the bytes are not what they should be: then the worker is
 * to say what is wrong with them. Both parts are views of the run's buffer; who uses both retains its slab once more.
 */
export function splitRun(run: RawBatch, bytesMax: number): [RawBatch, RawBatch] | undefined {
  const { bytes } = run
  if (bytes.byteLength <= bytesMax) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let count = 0
  let maxTimestampMs = 0
  let lastOffset = -1
  while (at + headerBytes <= bytes.byteLength) {
    const end = at + lengthOverhead + view.getInt32(at + lengthAt)
    if (view.getUint8(at + magicAt) !== 2 || end < at + headerBytes || end > bytes.byteLength)
      return undefined
    if (at > 0 && end > bytesMax) break
    count += view.getInt32(at + countAt)
    maxTimestampMs = Math.max(maxTimestampMs, Number(view.getBigInt64(at + maxTimestampAt)))
    lastOffset = Number(view.getBigInt64(at)) + view.getInt32(at + lastOffsetDeltaAt)
    at = end
  }
  if (at === 0 || at >= bytes.byteLength || lastOffset < run.firstOffset || lastOffset >= run.lastOffset)
    return undefined
  return [
    { ...run, lastOffset, count, maxTimestampMs, bytes: bytes.subarray(0, at) },
    { ...run, firstOffset: lastOffset + 1, count: Math.max(0, run.count - count), bytes: bytes.subarray(at) }
  ]
}
