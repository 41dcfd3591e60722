import { describe, expect, it } from 'vitest'
import type { RangeOutcome } from '../schemas/evaluation.ts'
import { blockBytes } from '../schemas/blocks.ts'
import { createSlabPool } from '../schemas/slab.ts'
import { blockOfRows } from '../test/support/blocks.ts'
import { splitOutcome, type Outcome } from './split-outcome.ts'

const pool = createSlabPool(1 << 20)

/** Two rows a partition; a row's value is ten times its partition, and one for the second. */
function outcomeOf(partitions: readonly number[]): Outcome {
  const rows = partitions.flatMap(partition =>
    [0, 1].map(i => ({ id: '00000000000000aa', timeMs: 1, value: partition * 10 + i, offset: i }))
  )
  const ranges = partitions.map((partition, i): RangeOutcome => ({
    topic: 't',
    partition,
    firstOffset: 0,
    lastOffset: 1,
    records: 2,
    rowStart: i * 2,
    rowEnd: i * 2 + 2
  }))
  const rejects = partitions.map(partition => ({
    topic: 't',
    partition,
    offset: 1,
    reason: 'not_json' as const,
    detail: '',
    key: null,
    value: null,
    valueBytes: 0
  }))
  const block = blockOfRows(rows)
  return { ranges, rejects, block: { ...block, slab: pool.take(blockBytes(block)) } }
}

const valuesOf = ({ block, ranges }: Outcome): number[][] =>
  ranges.map(({ rowStart, rowEnd }) =>
    Array.from({ length: rowEnd - rowStart }, (_, i) =>
      new DataView(block.value.buffer, block.value.byteOffset).getFloat64((rowStart + i) * 8, true)
    )
  )

describe('splitOutcome', () => {
  it('gives each side its ranges, rows and rejects, and the memory of the whole back', () => {
    const whole = outcomeOf([0, 1, 2])
    const before = pool.freeBytes()
    const { chosen, rest } = splitOutcome(whole, ({ partition }) => partition === 1)
    expect(valuesOf(chosen)).toEqual([[10, 11]])
    expect(valuesOf(rest)).toEqual([
      [0, 1],
      [20, 21]
    ])
    expect(chosen.rejects.map(r => r.partition)).toEqual([1])
    expect(rest.rejects.map(r => r.partition)).toEqual([0, 2])
    expect(pool.freeBytes()).toBeGreaterThan(before)
  })

  it('moves nothing where all is on one side', () => {
    const whole = outcomeOf([0, 1])
    const before = pool.freeBytes()
    expect(splitOutcome(whole, () => true)).toMatchObject({ chosen: whole, rest: { ranges: [] } })
    expect(splitOutcome(whole, () => false)).toMatchObject({ chosen: { ranges: [] }, rest: whole })
    expect(pool.freeBytes()).toBe(before)
  })
})
