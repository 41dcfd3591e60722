import { move, transferableSymbol, valueSymbol, workerData } from 'piscina'
import type { EvaluationResult, TaskRange } from '../schemas/evaluation.ts'
import { setUpEvaluator, type EvaluatorSetup } from './evaluator-setup.ts'
import type { WorkerTask } from './mailbox.ts'

/** The thread's entry: one evaluator for its life, tasks through a mailbox of shared memory. */
let progress: Float64Array | undefined
const evaluator = setUpEvaluator(workerData as EvaluatorSetup, offset => {
  if (progress !== undefined) progress[1] = offset
})
// Decoders and decompressors refuse shared memory, so the thread works on a copy of its own, used again each time.
let copy = new Uint8Array(1 << 20)

export default function evaluate(task: WorkerTask): unknown {
  const mail = new Uint8Array(task.mailbox, 0, task.bytes)
  if (copy.length < mail.length) copy = new Uint8Array(mail.length + (mail.length >>> 2))
  copy.set(mail)
  progress = new Float64Array(task.progress)
  const ranges = task.ranges.map(({ at, length, ...range }): TaskRange => ({
    ...range,
    bytes: copy.subarray(at, at + length)
  }))
  return movable(
    evaluator.evaluate({ ranges, nowMs: task.nowMs }, index => {
      progress![0] = index
      progress![1] = -1
    })
  )
}

/** The block's one buffer is moved to the main thread, the rest of the result is cloned. */
function movable(result: EvaluationResult): unknown {
  return move({
    [transferableSymbol]: [result.block.series.buffer],
    [valueSymbol]: result
  })
}
