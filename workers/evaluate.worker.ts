import { workerData } from 'piscina'
import { setUpEvaluator, type EvaluatorSetup } from './evaluator-setup.ts'
import { rangesOf, type WorkerAnswer, type WorkerTask } from './mailbox.ts'

/** The thread's entry: one evaluator for its life, tasks through a mailbox of shared memory, rows into a slab. */
const evaluator = setUpEvaluator(workerData as EvaluatorSetup)

/** The columns of the block are views of shared memory: the given one, or, where that is too small, one made here. */
export default function evaluate(task: WorkerTask): WorkerAnswer {
  return {
    result: evaluator.evaluate({ ranges: rangesOf(task), nowMs: task.nowMs }, task.desk, task.rows)
  }
}
