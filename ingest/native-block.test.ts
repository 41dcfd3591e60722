import { describe, expect, it } from 'vitest'
import { createSamplesBlocks, type BlockPart } from './native-block.ts'

/** A block of these numbers of rows, each of a partition of its own. */
function part(topic: string, ...rows: readonly number[]): BlockPart {
  const total = rows.reduce((sum, count) => sum + count, 0)
  const column = (): Uint8Array => new Uint8Array(total * 8).fill(rows.length)
  let end = 0
  return {
    block: { rows: total, series: column(), timeMs: column(), value: column(), offset: column() },
    ranges: rows.map((count, partition) => ({
      topic,
      partition,
      firstOffset: 0,
      lastOffset: 9,
      records: count,
      rowStart: end,
      rowEnd: (end += count)
    }))
  }
}

const positions = (topic: string) => [{ topic, partition: 5, lastOffset: 9 }]
const bytesOf = (chunks: readonly Uint8Array[]): Buffer => Buffer.concat(chunks)
/** What stands behind the head of a column. */
const behind = (bytes: Buffer, head: string, length: number): number[] => {
  const at = bytes.indexOf(head) + head.length
  return [...bytes.subarray(at, at + length)]
}
const partitionHead = '\u0005Int32'
const dayHead = '\u0004Date'

describe('the columns that an insert fills itself', () => {
  it('tell the coordinates and the day of each row, whatever was there before', () => {
    const samplesBlock = createSamplesBlocks(1 << 20)
    for (let round = 0; round < 3; round++) {
      const large = samplesBlock([part('t', 100, 300)], positions('t'), 0x0101)
      const small = samplesBlock([part('t', 2, 1)], positions('t'), 0x0102)
      expect(large.rows).toBe(401)
      const bytes = bytesOf(small.chunks)
      expect(behind(bytes, partitionHead, 16)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0])
      expect(behind(bytes, dayHead, 8)).toEqual([2, 1, 2, 1, 2, 1, 2, 1])
      expect(behind(bytesOf(large.chunks), dayHead, 802)).toEqual(Array(802).fill(1))
      large.release()
      small.release()
    }
  })

  it('are the same bytes when an insert is repeated, while others are made', () => {
    const samplesBlock = createSamplesBlocks(1 << 20)
    const held = samplesBlock([part('t', 5, 6), part('u', 7)], positions('u'), 20_000)
    const before = bytesOf(held.chunks)
    for (let round = 0; round < 3; round++)
      samplesBlock([part('t', 400), part('v', 1)], positions('t'), 20_001 + round).release()
    expect(bytesOf(held.chunks)).toEqual(before)
  })

  it('lie in memory that is used again once they are released', () => {
    const samplesBlock = createSamplesBlocks(1 << 20)
    const memories = new Set<ArrayBufferLike>()
    for (let round = 0; round < 4; round++) {
      const block = samplesBlock([part('t', 10_000)], positions('t'), 20_000)
      for (const chunk of block.chunks.filter(chunk => chunk.length === 40_004)) memories.add(chunk.buffer)
      block.release()
      block.release()
    }
    expect(memories.size).toBe(1)
  })
})
