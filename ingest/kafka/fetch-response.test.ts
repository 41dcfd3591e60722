import { Writer } from '@platformatic/kafka'
import { describe, expect, it } from 'vitest'
import { encodeRecordBatch } from '../../schemas/records/record-batch.ts'
import { createSlabPool } from '../../schemas/slab.ts'
import { cutBatches, readFetchResponse } from './fetch-response.ts'
import { readInPieces } from '../../test/support/inflow.ts'

/** A batch of `count` records from `base` on, marked as a producer's transaction or its end. */
function batch(
  base: number,
  count: number,
  marks: { producerId?: number; transactional?: boolean; control?: 'commit' | 'abort' } = {}
): Uint8Array {
  const controlKey = Buffer.from([0, 0, 0, marks.control === 'commit' ? 1 : 0])
  const bytes = encodeRecordBatch(
    Array.from({ length: count }, (_, i) => ({
      offset: base + i,
      timestampMs: 1000 + base + i,
      key: marks.control === undefined ? Buffer.from(`k${base + i}`) : controlKey,
      value: Buffer.from(`value ${base + i}`)
    })),
    {
      control: marks.control !== undefined,
      ...(marks.producerId === undefined ? {} : { producerId: marks.producerId })
    }
  )
  if (marks.transactional === true || marks.control !== undefined) bytes[22]! |= 0x10
  return bytes
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.byteLength
  }
  return joined
}

const place = { topic: 't', partition: 0, aborted: [], runRecordsMax: 1_000_000 }

describe('cutting fetched bytes into batches', () => {
  it('keeps whole batches, and drops a cut one', () => {
    const whole = join(batch(10, 3), batch(13, 2))
    const bytes = join(whole, batch(15, 4).subarray(0, 70))
    const [cut] = cutBatches(bytes, { ...place, position: 10 })
    expect(cut).toMatchObject({ firstOffset: 10, lastOffset: 14, count: 5, maxTimestampMs: 1014 })
    expect(cut?.bytes).toEqual(whole)
  })

  it('covers gaps from the position on', () => {
    const [cut] = cutBatches(join(batch(20, 2)), { ...place, position: 12 })
    expect(cut).toMatchObject({ firstOffset: 12, lastOffset: 21, count: 2 })
  })

  it('drops batches before the position, and keeps the one that straddles it', () => {
    const straddling = batch(5, 10)
    const [cut] = cutBatches(join(batch(0, 5), straddling), { ...place, position: 8 })
    expect(cut).toMatchObject({ firstOffset: 8, lastOffset: 14 })
    expect(cut?.bytes).toEqual(straddling)
  })

  it('finds nothing in a cut batch, in nothing, or in old batches', () => {
    expect(cutBatches(join(batch(0, 3).subarray(0, 80)), { ...place, position: 0 })).toEqual([])
    expect(cutBatches(new Uint8Array(0), { ...place, position: 0 })).toEqual([])
    expect(cutBatches(join(batch(0, 3)), { ...place, position: 3 })).toEqual([])
  })

  it('covers control batches without handing them over', () => {
    const control = batch(3, 1, { producerId: 7, control: 'commit' })
    const [cut] = cutBatches(join(control), { ...place, position: 3 })
    expect(cut).toMatchObject({ firstOffset: 3, lastOffset: 3, count: 0 })
    expect(cut?.bytes).toHaveLength(0)
  })

  it('leaves out aborted transactions of one producer, from their start to their marker', () => {
    const of = (producerId: number): { producerId: number; transactional: true } => ({
      producerId,
      transactional: true
    })
    const kept = [batch(0, 1, of(1)), batch(3, 1), batch(4, 2, of(2)), batch(9, 1, of(1))]
    const bytes = join(
      kept[0]!, // before the aborted transaction began
      batch(1, 2, of(1)), // aborted
      kept[1]!, // no transaction
      kept[2]!, // another producer's
      batch(6, 1, of(1)), // aborted
      batch(7, 1, { producerId: 1, control: 'abort' }),
      batch(8, 1, { producerId: 2, control: 'commit' }),
      kept[3]! // the next transaction of the same producer
    )
    const [cut] = cutBatches(bytes, {
      ...place,
      position: 0,
      aborted: [{ producerId: 1n, firstOffset: 1 }]
    })
    expect(cut).toMatchObject({ firstOffset: 0, lastOffset: 9, count: 5 })
    expect(cut?.bytes).toEqual(join(...kept))
  })

  it('hands over in runs that cover the partition without holes', () => {
    const parts = [batch(0, 3), batch(5, 2), batch(7, 1), batch(8, 4)]
    const control = batch(12, 1, { producerId: 1, control: 'commit' })
    const runs = cutBatches(join(...parts, control), { ...place, position: 0, runRecordsMax: 5 })
    expect(runs.map(run => [run.firstOffset, run.lastOffset, run.count])).toEqual([
      [0, 6, 5],
      [7, 12, 5]
    ])
    expect(runs.map(run => run.bytes)).toEqual([join(parts[0]!, parts[1]!), join(parts[2]!, parts[3]!)])
    // A batch beyond the size of a run is one by itself.
    expect(cutBatches(join(...parts), { ...place, position: 0, runRecordsMax: 1 })).toHaveLength(4)
  })

  it('makes every run a user of the slab', () => {
    const pool = createSlabPool(1 << 20)
    const slab = pool.take(1000)
    const parts = join(batch(0, 3), batch(3, 2), batch(5, 4))
    const bytes = new Uint8Array(slab.memory, 0, parts.length)
    bytes.set(parts)
    const runs = cutBatches(bytes, { ...place, position: 0, runRecordsMax: 5, slab })
    expect(runs.map(run => run.slab)).toEqual([slab, slab])
    runs[0]?.slab?.release()
    expect(pool.freeBytes()).toBe(0)
    runs[1]?.slab?.release()
    expect(pool.freeBytes()).toBe(slab.memory.byteLength)

    const unused = pool.take(1000)
    expect(cutBatches(bytes, { ...place, position: 99, slab: unused })).toEqual([])
    expect(pool.freeBytes()).toBe(slab.memory.byteLength)
  })

  it('does not run away on a length that makes no sense', () => {
    const bytes = join(batch(0, 2))
    new DataView(bytes.buffer).setInt32(8, -100)
    expect(cutBatches(bytes, { ...place, position: 0 })).toEqual([])
  })
})

describe('reading a Fetch response', () => {
  it.each([1, 7, 100, 100_000])(
    'reads what comes in pieces of %i bytes, and skips tagged fields it does not know',
    piece => {
      const records = Buffer.from(batch(0, 3))
      const writer = Writer.create()
        .appendInt32(25)
        .appendInt16(0)
        .appendInt32(0)
        .appendUnsignedVarInt(2)
        .appendUUID('0a0b0c0d-0102-0304-0506-070809101112')
        .appendUnsignedVarInt(3)
      const partition = (index: number, error: number, aborted: boolean, bytes: Buffer | null): void => {
        writer
          .appendInt32(index)
          .appendInt16(error)
          .appendInt64(99n)
          .appendInt64(98n)
          .appendInt64(1n)
          .appendUnsignedVarInt(aborted ? 2 : 0)
        if (aborted) writer.appendInt64(77n).appendInt64(5n).appendUnsignedVarInt(0)
        writer.appendInt32(-1).appendUnsignedVarInt(bytes === null ? 0 : bytes.length + 1)
        if (bytes !== null) writer.append(bytes)
        // One tagged field: brokers name the new leader in such a one.
        writer.appendUnsignedVarInt(1).appendUnsignedVarInt(1).appendUnsignedVarInt(8).appendInt64(123n)
      }
      partition(4, 0, true, records)
      partition(5, 6, false, null)
      writer.appendUnsignedVarInt(0).appendUnsignedVarInt(0)

      const response = readInPieces(writer.buffer, piece, input =>
        readFetchResponse(input, createSlabPool(0))
      )
      expect(response).toMatchObject({ throttleMs: 25, errorCode: 0 })
      expect(response.partitions).toHaveLength(2)
      const [first, second] = response.partitions
      expect(first).toMatchObject({
        topicId: '0a0b0c0d-0102-0304-0506-070809101112',
        partition: 4,
        highWatermark: 99,
        logStartOffset: 1,
        aborted: [{ producerId: 77n, firstOffset: 5 }]
      })
      expect(Buffer.from(first?.bytes ?? [])).toEqual(records)
      expect(first?.slab?.memory).toBe(first?.bytes.buffer)
      expect(second).toMatchObject({ partition: 5, errorCode: 6, aborted: [] })
      expect(second?.bytes).toHaveLength(0)
    }
  )
  it('takes no memory for batches that are larger than the answer', () => {
    const writer = Writer.create().appendInt32(0).appendInt16(0).appendInt32(0).appendUnsignedVarInt(2)
    writer.appendUUID('0a0b0c0d-0102-0304-0506-070809101112').appendUnsignedVarInt(2)
    writer.appendInt32(0).appendInt16(0).appendInt64(1n).appendInt64(1n).appendInt64(0n)
    writer
      .appendUnsignedVarInt(0)
      .appendInt32(-1)
      .appendUnsignedVarInt(2 ** 31)
    const slabs = { ...createSlabPool(0), take: () => expect.unreachable() }
    expect(() => readInPieces(writer.buffer, 64, input => readFetchResponse(input, slabs))).toThrow(
      /more bytes must follow/
    )
  })
})
