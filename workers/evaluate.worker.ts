import { workerData } from 'piscina'
import type { EvaluationResult } from '../schemas/evaluation.ts'
import { setUpEvaluator, type EvaluatorSetup } from './evaluator-setup.ts'
import { createUnsharing, type WorkerTask } from './mailbox.ts'

/** The thread's entry: one evaluator for its life, tasks through a mailbox of shared memory, rows into a slab. */
let progress: Float64Array | undefined
const evaluator = setUpEvaluator(workerData as EvaluatorSetup, offset => {
  if (progress !== undefined) progress[1] = offset
})
const unshare = createUnsharing()

/** The columns of the block are views of shared memory: the given one, or, where that is too small, one made here. */
export default function evaluate(task: WorkerTask): EvaluationResult {
  progress = new Float64Array(task.progress)
  const atRange = (index: number): void => {
    progress![0] = index
    progress![1] = -1
  }
  return evaluator.evaluate({ ranges: unshare(task.ranges), nowMs: task.nowMs }, atRange, task.rows)
}
