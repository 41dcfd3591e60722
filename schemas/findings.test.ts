import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinBlocks } from './blocks.ts'
import type { Candidate, EvaluationResult, NewEntity } from './evaluation.ts'
import {
  createCandidateList,
  eachCandidate,
  joinCandidates,
  joinNewSeries,
  newEntities,
  noCandidates,
  noNewSeries,
  packNewSeries
} from './findings.ts'
import { blockOfRows, type BlockRow } from '../test/support/blocks.ts'

type Found = Pick<EvaluationResult, 'ranges' | 'block' | 'candidates'>

/** A block of these ranges' rows, each of its own value, and of its own record or two of one. */
function found(ranges: readonly { partition: number; rows: number; firstOffset: number }[]): Found {
  const rows: BlockRow[] = []
  const list = createCandidateList()
  const outcomes = ranges.map(({ partition, rows: count, firstOffset }) => {
    const rowStart = rows.length
    for (let i = 0; i < count; i++) {
      const row = rows.length
      const offset = firstOffset + i - (i % 3 === 2 ? 1 : 0)
      const id = (partition * 65_536 + i).toString(16).padStart(16, '0')
      rows.push({ id, timeMs: 1_700_000_000_000 + offset, value: -row / 4, offset })
      list.add(row, row * 3, row % 4 === 0 ? -1 : row, row % 3 === 1)
      // The rate of a counter, which is not what its row holds.
      if (row % 5 === 3) list.measured(row + 0.1)
    }
    return {
      topic: 't',
      partition,
      firstOffset,
      lastOffset: firstOffset + count,
      records: count,
      rowStart,
      rowEnd: rows.length
    }
  })
  return { ranges: outcomes, block: blockOfRows(rows), candidates: list.take() }
}

function listed(result: Found): Candidate[] {
  const list: Candidate[] = []
  eachCandidate(result, candidate => list.push({ ...candidate }))
  return list
}

describe('candidates', () => {
  it('are read back with what their rows hold and where they come from', () => {
    const far = 2 ** 40 + 5
    const result = found([
      { partition: 3, rows: 2, firstOffset: far },
      { partition: 4, rows: 0, firstOffset: 9 },
      { partition: 5, rows: 1, firstOffset: 7 }
    ])
    expect(result.candidates.count).toBe(3)
    const at = (candidate: Partial<Candidate>) => ({ topic: 't', ...candidate })
    expect(listed(result)).toEqual([
      at({
        partition: 3,
        offset: far,
        timeMs: 1_700_000_000_000 + far,
        series: 0,
        value: -0,
        condition: -1,
        on: false
      }),
      at({
        partition: 3,
        offset: far + 1,
        timeMs: 1_700_000_000_001 + far,
        series: 3,
        value: -0.25,
        condition: 1,
        on: true
      }),
      at({
        partition: 5,
        offset: 7,
        timeMs: 1_700_000_000_007,
        series: 6,
        value: -0.5,
        condition: 2,
        on: false
      })
    ])
  })

  it('have the value that was measured, where it is not that of their rows', () => {
    const result = found([{ partition: 3, rows: 6, firstOffset: 0 }])
    expect(result.candidates.count).toBe(6)
    expect(listed(result).map(({ value }) => value)).toEqual([-0, -0.25, -0.5, 3.1, -1, -1.25])
  })

  it('are none where the list was cleared or nothing was added, and never share what the list goes on writing', () => {
    const list = createCandidateList()
    expect(list.take()).toBe(noCandidates)
    for (let i = 0; i < 5000; i++) list.add(i, i, 1, false)
    const taken = list.take()
    list.clear()
    list.add(7, 7, 7, true)
    expect([taken.count, taken.words[0], taken.words.length]).toEqual([5000, 0, 15_000])
    expect(list.take().count).toBe(1)
  })

  it('move with rows that are put behind one another', () => {
    const rangeList = fc.array(
      fc.record({ partition: fc.nat(3), rows: fc.nat(6), firstOffset: fc.nat(1000) }),
      { maxLength: 6 }
    )
    fc.assert(
      fc.property(rangeList, rangeList, (one, two) => {
        const parts = [found(one), found(two)]
        const joined = parts.flatMap(listed)
        const rowsOne = parts[0]!.block.rows
        const whole: Found = {
          candidates: joinCandidates(parts),
          block: joinBlocks(parts.map(part => part.block)),
          ranges: [
            ...parts[0]!.ranges,
            ...parts[1]!.ranges.map(range => ({
              ...range,
              rowStart: range.rowStart + rowsOne,
              rowEnd: range.rowEnd + rowsOne
            }))
          ]
        }
        expect(listed(whole)).toEqual(joined)
      })
    )
  })
})

describe('new series', () => {
  const entity = (device: number, series: readonly number[]): NewEntity => ({
    identifiers: [`10.0.0.${device}`, 'sw'],
    collector: 'col1',
    instance: '',
    names: [],
    profile: 'p',
    device,
    series,
    signals: series.map(at => at % 7)
  })

  it('are unpacked as they were packed, each text being kept once', () => {
    const entities = [
      entity(1, [5, 9]),
      { ...entity(2, [1]), identifiers: ['x'], names: ['Gi0/1', 'sw'] },
      entity(1, [])
    ]
    const packed = packNewSeries(entities)
    expect(packed.count).toBe(3)
    expect([...packed.texts].sort()).toEqual(['', '10.0.0.1', 'Gi0/1', 'col1', 'p', 'sw', 'x'])
    expect([...newEntities(packed)]).toEqual(entities)
    expect([...newEntities(joinNewSeries([packed, noNewSeries, packed]))]).toEqual([...entities, ...entities])
    expect(packNewSeries([])).toBe(noNewSeries)
  })
})
