// Pinned to 1.10.7: the build of 1.10.8 calls a function for every eight bytes and reaches 3.3 GB/s, not 14.
import { crc32c } from '@node-rs/crc32'
import { createDecompressor, type OutputMemory } from './decompress.ts'

/**
 * Kafka's RecordBatch v2 (https://kafka.apache.org/documentation/#recordbatch): walked in place, without an object
 * a record, and encoded for the adapters that are handed records instead of batches.
 *
 *   0 baseOffset i64 | 8 batchLength i32 | 12 partitionLeaderEpoch i32 | 16 magic i8 | 17 crc u32 |
 *   21 attributes i16 | 23 lastOffsetDelta i32 | 27 baseTimestamp i64 | 35 maxTimestamp i64 | 43 producerId i64 |
 *   51 producerEpoch i16 | 53 baseSequence i32 | 57 recordCount i32 | 61 records
 */
export const batchHeaderBytes = 61

const attributeCodec = 0x07
const attributeLogAppendTime = 0x08
const attributeControl = 0x20

/** Told of every record. Positions are inside `bytes`, which is valid during the call only; a length of -1 is null. */
export interface RecordVisitor {
  record(
    bytes: Uint8Array,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
    offset: number,
    timestampMs: number
  ): void
  /**
   * Called before each record, so that the visitor may read some of the run by itself. It moves `run` on behind what it has read, and
   * record() is not called for that. Where it cannot read the next record it leaves `run` as it is.
   */
  skim?(run: RecordRun): void
  /** Records `firstOffset..lastOffset` could not be read; `bytes` are what is left of their batch. */
  corrupt(firstOffset: number, lastOffset: number, detail: string, bytes: Uint8Array): void
}

/** The records of one decompressed batch that have not been read yet. */
export interface RecordRun {
  readonly bytes: Uint8Array
  /** The next record begins at bytes[at]; the run ends at bytes[end]. */
  at: number
  end: number
  left: number
  /** Offset behind the last record read. */
  nextOffset: number
  /** Offsets of records that are wanted. */
  firstOffset: number
  lastOffset: number
  header: BatchHeader
}

export interface WalkerOptions {
  /** CRC32C of every batch; about 0.05 µs a record. */
  readonly verifyCrc: boolean
  /** Limit of one batch after decompression. */
  readonly decompressedBytesMax: number
  /** Where what is decompressed goes, as createDecompressor() takes it. */
  readonly output?: OutputMemory
}

/**
 * Makes a walker, which keeps its decompression buffer from batch to batch. `walk` visits the records of `bytes`
 * with offsets in firstOffset..lastOffset, in order; a fetched batch may begin before the offset asked for. Control
 * batches are passed over. Damage is told to the visitor and never throws; what the visitor throws goes through.
 */
export function createBatchWalker(options: WalkerOptions): {
  walk(bytes: Uint8Array, firstOffset: number, lastOffset: number, visitor: RecordVisitor): void
} {
  const decompressor = createDecompressor(options.decompressedBytesMax, options.output)

  const cursor: Cursor = { at: 0 }

  /** Visits the records of a run; returns an error's sentence, or undefined. */
  const walkRecords = (run: RecordRun, visitor: RecordVisitor): string | undefined => {
    const { bytes, header, firstOffset, lastOffset } = run
    const i = (): number => header.recordCount - run.left
    for (;;) {
      if (run.left > 0) visitor.skim?.(run)
      if (run.left <= 0) return undefined
      cursor.at = run.at
      const length = varint(bytes, cursor)
      const start = cursor.at
      const from = start + length
      if (length < 0 || from > run.end) return `record ${i()} of ${header.recordCount} runs beyond the batch`
      cursor.at = start + 1
      const timestampDelta = varlong(bytes, cursor)
      const offset = header.baseOffset + varint(bytes, cursor)
      const keyLength = varint(bytes, cursor)
      const keyAt = cursor.at
      if (keyLength > 0) cursor.at += keyLength
      if (cursor.at > from) return `the key of record ${i()} runs beyond the record`
      const valueLength = varint(bytes, cursor)
      const valueAt = cursor.at
      if (valueAt + (valueLength > 0 ? valueLength : 0) > from)
        return `the value of record ${i()} runs beyond the record`
      run.nextOffset = offset + 1
      run.at = from
      run.left--
      if (offset < firstOffset || offset > lastOffset) continue
      visitor.record(
        bytes,
        keyAt,
        keyLength,
        valueAt,
        valueLength,
        offset,
        header.appendTimeMs >= 0 ? header.appendTimeMs : header.baseTimestampMs + timestampDelta
      )
    }
  }

  return {
    walk(bytes, firstOffset, lastOffset, visitor) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      let expected = firstOffset
      for (let at = 0; at < bytes.length;) {
        const header = at + batchHeaderBytes <= bytes.length ? readBatchHeader(bytes, view, at) : undefined
        const end = header === undefined ? Infinity : at + 12 + header.batchLength
        if (
          header === undefined ||
          header.magic !== 2 ||
          header.batchLength < batchHeaderBytes - 12 ||
          end > bytes.length
        ) {
          // Where the next batch begins is not known any more. A cut tail beyond the range is no loss.
          const baseOffset = header === undefined || header.magic !== 2 ? expected : header.baseOffset
          if (baseOffset <= lastOffset) {
            const from = Math.max(expected, Math.min(baseOffset, lastOffset))
            visitor.corrupt(from, lastOffset, damage(header, end, bytes.length - at), bytes.subarray(at))
          }
          return
        }
        const batchLast = header.baseOffset + header.lastOffsetDelta
        if (batchLast >= firstOffset && header.baseOffset <= lastOffset && !header.isControl) {
          const run = (of: Uint8Array, from: number, to: number): RecordRun => ({
            bytes: of,
            at: from,
            end: to,
            left: header.recordCount,
            nextOffset: Math.max(firstOffset, header.baseOffset),
            firstOffset,
            lastOffset,
            header
          })
          let walked: RecordRun | undefined
          let wrong: string | undefined
          if (options.verifyCrc && crc32c(bytes.subarray(at + 21, end)) !== header.crc) {
            wrong = 'its checksum does not match its bytes'
          } else if (header.codec === 0) {
            walked = run(bytes, at + batchHeaderBytes, end)
            wrong = walkRecords(walked, visitor)
          } else {
            let plain: { bytes: Uint8Array; length: number } | string
            try {
              plain = decompressor.decompress(header.codec, bytes.subarray(at + batchHeaderBytes, end))
            } catch (error) {
              plain = error instanceof Error ? error.message : String(error)
            }
            if (typeof plain === 'string') wrong = plain
            else {
              walked = run(plain.bytes, 0, plain.length)
              wrong = walkRecords(walked, visitor)
            }
          }
          if (wrong !== undefined) {
            const to = Math.min(lastOffset, batchLast)
            const nextOffset = walked?.nextOffset ?? header.baseOffset
            const from = Math.min(to, Math.max(firstOffset, nextOffset))
            visitor.corrupt(
              from,
              to,
              `batch at offset ${header.baseOffset}: ${wrong}`,
              bytes.subarray(at, end)
            )
          }
        }
        expected = Math.max(expected, batchLast + 1)
        at = end
      }
    }
  }
}

interface Cursor {
  at: number
}

export interface BatchHeader {
  readonly baseOffset: number
  readonly batchLength: number
  readonly magic: number
  readonly crc: number
  readonly codec: number
  readonly isControl: boolean
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  /** The broker's time where the topic keeps append time, else -1. */
  readonly appendTimeMs: number
  readonly producerId: number
  readonly recordCount: number
}

/** The header of the batch at `at`; the caller has seen that batchHeaderBytes are there. */
export function readBatchHeader(bytes: Uint8Array, view: DataView, at: number): BatchHeader {
  const attributes = view.getInt16(at + 21)
  const maxTimestampMs = int64(view, at + 35)
  return {
    baseOffset: int64(view, at),
    batchLength: view.getInt32(at + 8),
    magic: bytes[at + 16]!,
    crc: view.getUint32(at + 17),
    codec: attributes & attributeCodec,
    isControl: (attributes & attributeControl) !== 0,
    lastOffsetDelta: view.getInt32(at + 23),
    baseTimestampMs: int64(view, at + 27),
    maxTimestampMs,
    appendTimeMs: (attributes & attributeLogAppendTime) !== 0 ? maxTimestampMs : -1,
    producerId: int64(view, at + 43),
    recordCount: view.getInt32(at + 57)
  }
}

/** Exact up to 2^53, which Kafka's offsets and milliseconds never reach. */
const int64 = (view: DataView, at: number): number => view.getInt32(at) * 4294967296 + view.getUint32(at + 4)

function damage(header: BatchHeader | undefined, end: number, left: number): string {
  if (header === undefined) return `${left} bytes are left where a batch header should be`
  if (header.magic !== 2) {
    return `record format ${header.magic} at offset ${header.baseOffset} is not RecordBatch v2; have the producers or the topic use message format 0.11 or later`
  }
  if (end === Infinity || header.batchLength < batchHeaderBytes - 12) {
    return `batch at offset ${header.baseOffset}: its length ${header.batchLength} is impossible`
  }
  return `batch at offset ${header.baseOffset} is cut: ${header.batchLength + 12} bytes announced, ${left} there`
}

/** Zigzag varint of 32 bits. Beyond the end it reads nothing and yields what stands there; the caller checks bounds. */
function varint(bytes: Uint8Array, cursor: Cursor): number {
  let at = cursor.at
  let byte = bytes[at++]!
  let raw = byte & 127
  for (let shift = 7; byte >= 128 && shift < 35; shift += 7) {
    byte = bytes[at++]!
    raw |= (byte & 127) << shift
  }
  cursor.at = at
  return (raw >>> 1) ^ -(raw & 1)
}

/** Zigzag varint of 64 bits as a double; exact for timestamps. */
function varlong(bytes: Uint8Array, cursor: Cursor): number {
  const start = cursor.at
  let at = start
  while (bytes[at]! >= 128 && at - start < 9) at++
  if (at - start < 4) return varint(bytes, cursor)
  let raw = 0n
  for (let i = at; i >= start; i--) raw = (raw << 7n) | BigInt(bytes[i]! & 127)
  cursor.at = at + 1
  return Number(BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n)))
}

export interface EncodableRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly { readonly key: string; readonly value: Uint8Array | null }[]
}

export interface EncodeOptions {
  /** Codec number and its compressor; uncompressed by default. */
  readonly compression?: {
    readonly codec: 1 | 2 | 3 | 4
    readonly compress: (bytes: Uint8Array) => Uint8Array
  }
  readonly control?: boolean
  readonly producerId?: number
}

/**
 * One RecordBatch v2 of records in ascending offset order (gaps are kept), at least one. Throws RangeError when there
 * is none or the offsets descend or span more than 31 bits.
 */
export function encodeRecordBatch(
  records: readonly EncodableRecord[],
  options: EncodeOptions = {}
): Uint8Array {
  const first = records[0]
  const last = records.at(-1)
  if (first === undefined || last === undefined)
    throw new RangeError('record batch: there is no record to encode')
  const baseOffset = first.offset
  const baseTimestampMs = first.timestampMs
  let bytesMax = batchHeaderBytes
  for (const record of records) bytesMax += recordBytesMax(record)
  // allocUnsafeSlow: never part of the shared pool, so that the buffer may be transferred to a worker.
  let bytes: Buffer = Buffer.allocUnsafeSlow(bytesMax)
  let at = batchHeaderBytes
  let maxTimestampMs = baseTimestampMs
  let before = baseOffset - 1
  for (const record of records) {
    const offsetDelta = record.offset - baseOffset
    if (record.offset <= before || offsetDelta > 0x7fffffff) {
      throw new RangeError(`record batch: offset ${record.offset} behind ${before} cannot be encoded`)
    }
    before = record.offset
    if (record.timestampMs > maxTimestampMs) maxTimestampMs = record.timestampMs
    at = putRecord(bytes, at, record, record.timestampMs - baseTimestampMs, offsetDelta)
  }
  const { compression } = options
  if (compression !== undefined) {
    const packed = compression.compress(bytes.subarray(batchHeaderBytes, at))
    const plain = bytes
    bytes = Buffer.allocUnsafeSlow(batchHeaderBytes + packed.length)
    plain.copy(bytes, 0, 0, batchHeaderBytes)
    bytes.set(packed, batchHeaderBytes)
    at = bytes.length
  }
  const attributes = (compression?.codec ?? 0) | (options.control === true ? attributeControl : 0)
  bytes.writeBigInt64BE(BigInt(baseOffset), 0)
  bytes.writeInt32BE(at - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes[16] = 2
  bytes.writeInt16BE(attributes, 21)
  bytes.writeInt32BE(last.offset - baseOffset, 23)
  bytes.writeBigInt64BE(BigInt(baseTimestampMs), 27)
  bytes.writeBigInt64BE(BigInt(maxTimestampMs), 35)
  bytes.writeBigInt64BE(BigInt(options.producerId ?? -1), 43)
  bytes.writeInt16BE(-1, 51)
  bytes.writeInt32BE(-1, 53)
  bytes.writeInt32BE(records.length, 57)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21, at)), 17)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, at)
}

function recordBytesMax(record: EncodableRecord): number {
  let bytes = 40 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const header of record.headers ?? []) bytes += 10 + header.key.length * 3 + (header.value?.length ?? 0)
  return bytes
}

function putRecord(
  bytes: Buffer,
  at: number,
  record: EncodableRecord,
  timestampDelta: number,
  offsetDelta: number
): number {
  const { key, value, headers = [] } = record
  const names = headers.map(header => Buffer.from(header.key))
  let length =
    1 +
    varintBytes(timestampDelta) +
    varintBytes(offsetDelta) +
    varintBytes(key?.length ?? -1) +
    (key?.length ?? 0) +
    varintBytes(value?.length ?? -1) +
    (value?.length ?? 0) +
    varintBytes(headers.length)
  headers.forEach((header, i) => {
    const name = names[i]!
    length += varintBytes(name.length) + name.length
    length += varintBytes(header.value?.length ?? -1) + (header.value?.length ?? 0)
  })
  at = putVarint(bytes, at, length)
  bytes[at++] = 0
  at = putVarint(bytes, at, timestampDelta)
  at = putVarint(bytes, at, offsetDelta)
  at = putBytes(bytes, at, key)
  at = putBytes(bytes, at, value)
  at = putVarint(bytes, at, headers.length)
  headers.forEach((header, i) => {
    at = putBytes(bytes, at, names[i]!)
    at = putBytes(bytes, at, header.value)
  })
  return at
}

function putBytes(bytes: Buffer, at: number, part: Uint8Array | null): number {
  if (part === null) return putVarint(bytes, at, -1)
  at = putVarint(bytes, at, part.length)
  bytes.set(part, at)
  return at + part.length
}

/** Zigzag without 32-bit operators: timestamp deltas may be wide. */
const zigzag = (value: number): number => (value >= 0 ? value * 2 : -value * 2 - 1)

function varintBytes(value: number): number {
  let rest = zigzag(value)
  let count = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    count++
  }
  return count
}

function putVarint(bytes: Buffer, at: number, value: number): number {
  let rest = zigzag(value)
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}
