import { emptyBlock, joinBlocks } from '../schemas/blocks.ts'
import type {
  EvaluationResult,
  EvaluationTask,
  RangeOutcome,
  Reject,
  TaskRange
} from '../schemas/evaluation.ts'
import { joinCandidates, joinNewSeries, noCandidates, noNewSeries } from '../schemas/findings.ts'
import { createBatchWalker } from '../schemas/records/record-batch.ts'

/**
 * What to do with a task that killed its worker twice: cut it into smaller ones until the record at fault stands alone.
 * A cut narrows the window of offsets over the same bytes, so no batch has to be re-packed.
 */

/** The part of a task before an offset of one of its ranges, and the part behind it; either may be missing. */
export function cutAround(
  task: EvaluationTask,
  range: number,
  offset: number
): { before: EvaluationTask | undefined; after: EvaluationTask | undefined } {
  const at = task.ranges[range]!
  const before = [...task.ranges.slice(0, range), ...windowOf(at, at.firstOffset, offset - 1)]
  const after = [...windowOf(at, offset + 1, at.lastOffset), ...task.ranges.slice(range + 1)]
  const part = (ranges: TaskRange[]): EvaluationTask | undefined =>
    ranges.length === 0 ? undefined : { ranges, nowMs: task.nowMs }
  return { before: part(before), after: part(after) }
}

function windowOf(range: TaskRange, firstOffset: number, lastOffset: number): TaskRange[] {
  return firstOffset > lastOffset ? [] : [{ ...range, firstOffset, lastOffset }]
}

/** Two halves: of the ranges, or of the only range's offsets. Undefined when one offset is left. */
export function halves(task: EvaluationTask): [EvaluationTask, EvaluationTask] | undefined {
  const { ranges, nowMs } = task
  const [only] = ranges
  if (only === undefined) return undefined
  if (ranges.length > 1) {
    const middle = ranges.length >>> 1
    return [
      { ranges: ranges.slice(0, middle), nowMs },
      { ranges: ranges.slice(middle), nowMs }
    ]
  }
  if (only.firstOffset >= only.lastOffset) return undefined
  const middle = Math.floor((only.firstOffset + only.lastOffset) / 2)
  return [
    { ranges: windowOf(only, only.firstOffset, middle), nowMs },
    { ranges: windowOf(only, middle + 1, only.lastOffset), nowMs }
  ]
}

/** The result of a range that holds one poisonous record and nothing else. */
export function poisoned(
  range: TaskRange,
  offset: number,
  detail: string,
  deadLetterBytesMax: number
): EvaluationResult {
  const reject: { -readonly [K in keyof Reject]: Reject[K] } = {
    topic: range.topic,
    partition: range.partition,
    offset,
    reason: 'poison',
    detail,
    key: null,
    value: null,
    valueBytes: 0
  }
  let found = 0
  const walker = createBatchWalker({ verifyCrc: false, decompressedBytesMax: 1 << 28 })
  // Decompressors refuse shared memory.
  walker.walk(Uint8Array.from(range.bytes), offset, offset, {
    record(bytes, keyAt, keyLength, valueAt, valueLength, _offset, timestampMs) {
      found++
      reject.timestampMs = timestampMs
      if (keyLength >= 0) reject.key = bytes.slice(keyAt, keyAt + Math.min(keyLength, deadLetterBytesMax))
      if (valueLength < 0) return
      reject.value = bytes.slice(valueAt, valueAt + Math.min(valueLength, deadLetterBytesMax))
      reject.valueBytes = valueLength
    },
    corrupt() {
      reject.detail += '; its bytes could not be taken out of the batch'
    }
  })
  return {
    ranges: [
      {
        topic: range.topic,
        partition: range.partition,
        firstOffset: offset,
        lastOffset: offset,
        records: found,
        rowStart: 0,
        rowEnd: 0
      }
    ],
    block: emptyBlock,
    candidates: noCandidates,
    newSeries: noNewSeries,
    rejects: [reject],
    counts: { records: found, 'reject.poison': 1 }
  }
}

/** One result from the results of the parts of `task`, in their order: each of the task's ranges is one again. */
export function joinResults(task: EvaluationTask, parts: readonly EvaluationResult[]): EvaluationResult {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const block = joinBlocks(parts.map(part => part.block))
  for (const part of parts) part.block.slab?.release()
  const counts: Record<string, number> = {}
  for (const part of parts) {
    for (const [name, count] of Object.entries(part.counts)) counts[name] = (counts[name] ?? 0) + count
  }
  const gone = parts.flatMap(part => [...(part.gone ?? [])])
  const ahead = parts.flatMap(part => [...(part.ahead ?? [])])
  return {
    ranges: joinRanges(task, parts),
    block,
    candidates: joinCandidates(parts),
    newSeries: joinNewSeries(parts.map(part => part.newSeries)),
    ...(gone.length === 0 ? {} : { gone: Float64Array.from(gone) }),
    ...(ahead.length === 0 ? {} : { ahead: Float64Array.from(ahead) }),
    rejects: parts.flatMap(part => part.rejects),
    counts
  }
}

function joinRanges(task: EvaluationTask, parts: readonly EvaluationResult[]): RangeOutcome[] {
  let rowsBefore = 0
  const outcomes: RangeOutcome[] = []
  for (const part of parts) {
    for (const outcome of part.ranges) {
      outcomes.push({
        ...outcome,
        rowStart: outcome.rowStart + rowsBefore,
        rowEnd: outcome.rowEnd + rowsBefore
      })
    }
    rowsBefore += part.block.rows
  }
  let next = 0
  return task.ranges.map(({ topic, partition, firstOffset, lastOffset }) => {
    const rowStart = outcomes[next]?.rowStart ?? rowsBefore
    let rowEnd = rowStart
    let records = 0
    for (; next < outcomes.length; next++) {
      const outcome = outcomes[next]!
      if (outcome.topic !== topic || outcome.partition !== partition || outcome.lastOffset > lastOffset) break
      if (outcome.firstOffset < firstOffset) break
      rowEnd = outcome.rowEnd
      records += outcome.records
    }
    return { topic, partition, firstOffset, lastOffset, records, rowStart, rowEnd }
  })
}
