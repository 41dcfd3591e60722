import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockBytes, emptyBlock, endsOf, groupsBefore, joinBlocks, sliceBlock } from './blocks.ts'
import { blockOfRows, rowsOfBlock, type BlockRow } from '../test/support/blocks.ts'

/** Records of one to four samples, in the order of their offsets. */
const records = fc.array(
  fc.record({ port: fc.nat(3), samples: fc.integer({ min: 1, max: 4 }), value: fc.double({ noNaN: true }) }),
  { maxLength: 30 }
)
const rowsOf = (list: readonly { port: number; samples: number; value: number }[]): BlockRow[] =>
  list.flatMap(({ port, samples, value }, offset) =>
    Array.from({ length: samples }, (_, signal) => ({
      id: `00aa00bb000${port}${(0xf00d + signal).toString(16)}`,
      timeMs: 1_700_000_000_000 + offset,
      value: value + signal,
      offset: 2 ** 40 + offset
    }))
  )

describe('a block', () => {
  it('holds what the samples of a record have in common once', () => {
    const rows = rowsOf([
      { port: 1, samples: 3, value: 5 },
      { port: 2, samples: 1, value: -2.5 }
    ])
    const block = blockOfRows(rows)
    expect([block.rows, block.groups, ...endsOf(block)]).toEqual([4, 2, 3, 4])
    expect(blockBytes(block)).toBe(
      [block.entity, block.timeMs, block.offset, block.end, block.signal, block.value].reduce(
        (sum, column) => sum + column.length,
        0
      )
    )
    expect([0, 2, 3, 4].map(row => groupsBefore(endsOf(block), row))).toEqual([0, 0, 1, 2])
    expect(rowsOfBlock(block)).toEqual(rows)
  })

  it('is cut between records and put together again without a difference', () => {
    fc.assert(
      fc.property(records, records, fc.nat(30), fc.nat(30), (one, other, a, b) => {
        const [rows, more] = [rowsOf(one), rowsOf(other)]
        const joined = joinBlocks([blockOfRows(rows), emptyBlock, blockOfRows(more)])
        expect(rowsOfBlock(joined)).toEqual([...rows, ...more])
        const ends = [0, ...endsOf(joined)]
        const [from, to] = [ends[a % ends.length]!, ends[b % ends.length]!].sort((x, y) => x - y) as [
          number,
          number
        ]
        expect(rowsOfBlock(sliceBlock(joined, from, to))).toEqual([...rows, ...more].slice(from, to))
      })
    )
  })
})
