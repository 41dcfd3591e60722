import type { TopicPartition } from '../schemas/batch.ts'
import { emptyBlock, joinBlocks, sliceBlock } from '../schemas/blocks.ts'
import type { EvaluationResult } from '../schemas/evaluation.ts'

/** What of a result is stored: ranges, the rows that tile them, and the records among them that could not be read. */
export type Outcome = Pick<EvaluationResult, 'ranges' | 'block' | 'rejects'>

const nothing: Outcome = { ranges: [], block: emptyBlock, rejects: [] }

/** Parts an outcome by partition. Where both sides have something each gets memory of its own, and the whole one's is given back. */
export function splitOutcome(
  outcome: Outcome,
  isChosen: (partition: TopicPartition) => boolean
): { readonly chosen: Outcome; readonly rest: Outcome } {
  const { block, ranges } = outcome
  if (ranges.every(isChosen)) return { chosen: outcome, rest: nothing }
  if (!ranges.some(isChosen)) return { chosen: nothing, rest: outcome }
  const chosen = take(outcome, isChosen)
  const rest = take(outcome, partition => !isChosen(partition))
  block.slab?.release()
  return { chosen, rest }
}

function take({ ranges, block, rejects }: Outcome, isTaken: (partition: TopicPartition) => boolean): Outcome {
  const taken = ranges.filter(isTaken)
  let row = 0
  return {
    // The rows of what is taken are moved together, so that the ranges go on tiling their block.
    ranges: taken.map(range => ({
      ...range,
      rowStart: row,
      rowEnd: (row += range.rowEnd - range.rowStart)
    })),
    block: joinBlocks(taken.map(range => sliceBlock(block, range.rowStart, range.rowEnd))),
    rejects: rejects.filter(isTaken)
  }
}
