import { evaluateSample } from '../../rules/judge.ts'
import type { ProgramTable } from '../../rules/program.ts'
import type { SeriesState } from '../../rules/series-state.ts'
import type { TopicPartition } from '../../schemas/batch.ts'
import { emptyBlock } from '../../schemas/blocks.ts'
import type { EvaluationResult, RangeOutcome } from '../../schemas/evaluation.ts'
import { createCandidateList, noNewSeries } from '../../schemas/findings.ts'

/** Samples as columns: of each its series (index in the series state, or below 0 for one that is not judged), time, value and offset. */
export interface JudgedRows {
  readonly series: Int32Array
  /** Event times (ms). */
  readonly timeMs: Float64Array
  readonly value: Float64Array
  readonly offset: Float64Array
}

/** Rows [from, to) of one partition, in the order they came. */
export interface JudgedRun {
  readonly partition: TopicPartition
  readonly rows: JudgedRows
  readonly from: number
  readonly to: number
}

/**
 * What a worker does with rows that it has decoded: it judges them and says what the main thread must see. For those who judge
 * samples a second time: their records were decoded already. New series are for the caller to add.
 */
export type RowJudge = (runs: readonly JudgedRun[]) => EvaluationResult

/** `isFirst` is asked of each sample: whether the status engine must judge it itself, because its series is new to it. */
export function createRowJudge(
  programs: ProgramTable,
  state: SeriesState,
  isFirst: (series: number) => boolean
): RowJudge {
  const candidates = createCandidateList()
  let row = 0
  let judged = -1
  let value = 0
  let isFound = false

  const emit = (condition: number, on: boolean, _limit: number, measured: number): void => {
    isFound = true
    candidates.add(row, judged, condition, on)
    if (measured !== value) candidates.measured(measured)
  }

  return runs => {
    candidates.clear()
    row = 0
    const found = createFoundRows()
    const ranges: RangeOutcome[] = []
    for (const { partition, rows, from, to } of runs) {
      const rowStart = row
      for (let at = from; at < to; at++) {
        judged = rows.series[at]!
        if (judged < 0) continue
        const timeMs = rows.timeMs[at]!
        value = rows.value[at]!
        isFound = false
        if (isFirst(judged)) {
          isFound = true
          candidates.add(row, judged, -1, false)
        } else evaluateSample(programs, state, judged, value, timeMs, emit)
        if (!isFound) continue
        found.add(timeMs, rows.offset[at]!, value)
        row++
      }
      if (row === rowStart) continue
      const { topic, partition: number } = partition
      const offsets = { firstOffset: rows.offset[from]!, lastOffset: rows.offset[to - 1]! }
      ranges.push({ topic, partition: number, ...offsets, records: to - from, rowStart, rowEnd: row })
    }
    return {
      ranges,
      block: found.block(),
      candidates: candidates.take(),
      newSeries: noNewSeries,
      rejects: [],
      counts: {}
    }
  }
}

/** The rows of candidates, each a group of its own; of all others nobody asks. */
function createFoundRows() {
  const times: number[] = []
  const offsets: number[] = []
  const values: number[] = []
  return {
    add(timeMs: number, offset: number, value: number): void {
      times.push(timeMs)
      offsets.push(offset)
      values.push(value)
    },
    block(): EvaluationResult['block'] {
      const rows = values.length
      if (rows === 0) return emptyBlock
      const bytes = (
        column: BigInt64Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
      ) => new Uint8Array(column.buffer)
      return {
        ...emptyBlock,
        rows,
        groups: rows,
        timeMs: bytes(BigInt64Array.from(times, BigInt)),
        offset: bytes(BigInt64Array.from(offsets, BigInt)),
        end: bytes(Uint32Array.from(values, (_, i) => i + 1)),
        value: bytes(Float64Array.from(values))
      }
    }
  }
}
