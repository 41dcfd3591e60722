import { describe, expect, it } from 'vitest'
import { blockOfRows } from '../../test/support/blocks.ts'
import { createSamplesBlocks, samplesInsert, type BlockPart } from './native-block.ts'

/** A block of these numbers of records, each number of a partition of its own; a record has two samples. */
function part(topic: string, ...records: readonly number[]): BlockPart {
  let end = 0
  const ranges = records.map((count, partition) => ({
    topic,
    partition,
    firstOffset: 0,
    lastOffset: 9,
    records: count,
    rowStart: end,
    rowEnd: (end += count * 2)
  }))
  const rows = Array.from({ length: end }, (_, row) => ({
    id: `00000000000100${row % 2 === 0 ? '0a' : '0b'}`,
    timeMs: 1000,
    value: row,
    offset: row >>> 1
  }))
  return { block: blockOfRows(rows), ranges }
}

const positions = (topic: string) => [{ topic, partition: 5, lastOffset: 9 }]
const bytesOf = (chunks: readonly Uint8Array[]): Buffer => Buffer.concat(chunks)
/** What stands behind the head of a column. */
const behind = (bytes: Buffer, head: string, length: number): Buffer => {
  const at = bytes.indexOf(head) + head.length
  return bytes.subarray(at, at + length)
}
const partitionHead = '\u0005Int32'
const samplesHead = 'Array(Tuple(signal UInt16, raw Float64))'
const u64 = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigUInt64LE(i * 8)))

describe('the columns that an insert fills itself', () => {
  it('tell the coordinates of each record and where its samples end, whatever was there before', () => {
    const samplesBlock = createSamplesBlocks(1 << 20)
    for (let round = 0; round < 3; round++) {
      const large = samplesBlock([part('t', 100, 300)], positions('t'))
      const small = samplesBlock([part('t', 2), part('t', 0, 1)], positions('t'))
      expect([large.rows, small.rows]).toEqual([801, 7])
      const bytes = bytesOf(small.chunks)
      expect([...behind(bytes, partitionHead, 16)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0])
      const samples = behind(bytes, samplesHead, 4 * 8 + 7 * 2 + 7 * 8)
      expect(u64(samples.subarray(0, 32))).toEqual([2, 4, 6, 7])
      expect([...samples.subarray(32, 46)]).toEqual([10, 0, 11, 0, 10, 0, 11, 0, 10, 0, 11, 0, 0, 0])
      expect(Array.from({ length: 7 }, (_, i) => samples.readDoubleLE(46 + i * 8))).toEqual([
        0, 1, 2, 3, 0, 1, 0
      ])
      expect(u64(behind(bytesOf(large.chunks), samplesHead, 401 * 8)).slice(-2)).toEqual([800, 801])
      large.release()
      small.release()
    }
  })

  it('are the same bytes when an insert is repeated, while others are made', () => {
    const samplesBlock = createSamplesBlocks(1 << 20)
    const held = samplesBlock([part('t', 5, 6), part('u', 7)], positions('u'))
    const before = bytesOf(held.chunks)
    for (let round = 0; round < 3; round++)
      samplesBlock([part('t', 400), part('v', 1)], positions('t')).release()
    expect(bytesOf(held.chunks)).toEqual(before)
  })

  it('lie in memory that is used again once they are released', () => {
    const samplesBlock = createSamplesBlocks(1 << 20)
    const memories = new Set<ArrayBufferLike>()
    for (let round = 0; round < 4; round++) {
      const block = samplesBlock([part('t', 10_000)], positions('t'))
      for (const chunk of block.chunks.filter(chunk => chunk.length === 40_004)) memories.add(chunk.buffer)
      block.release()
      block.release()
    }
    expect(memories.size).toBe(1)
  })
})

describe('the query of an insert', () => {
  it('is the same for the same day, whatever is inserted', () => {
    expect(samplesInsert(20_783)).toContain('toDate(20783)')
    expect(samplesInsert(20_783)).toContain(`samples ${samplesHead}`)
    expect(samplesInsert(20_783)).toMatch(/^INSERT INTO samples \(series, .* FORMAT Native$/s)
  })
})
