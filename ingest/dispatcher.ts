import { partitionKey, type RawBatch, type TopicPartition } from '../schemas/batch.ts'
import type { EvaluationResult, EvaluationTask } from '../schemas/evaluation.ts'
import { splitRun } from './split-run.ts'

/**
 * Cuts raw batches into evaluation tasks. Order holds inside a partition, because a partition has at most one
 * task in evaluation; partitions run in parallel. Queues are bounded: at a limit the partition is paused,
 * nothing is ever dropped but what a revoked partition's next owner will read again.
 */
export interface DispatcherOptions {
  readonly evaluate: (task: EvaluationTask) => Promise<EvaluationResult>
  /**
   * Takes over a result. Partitions that it says must wait are held until their promise settles; all others of the
   * task go on at once. What it does later it does only for partitions that are still owned then.
   */
  readonly deliver: (result: EvaluationResult, ownership: Ownership) => Waiting | undefined
  /** A task or a delivery failed for good: the daemon must stop, uncommitted offsets are read again. */
  readonly failed: (error: unknown) => void
  readonly pause: (partitions: readonly TopicPartition[]) => void
  readonly resume: (partitions: readonly TopicPartition[]) => void
  readonly nowMs: () => number
  /** Tasks in evaluation at once: the worker threads, or 1 in process. */
  readonly concurrency: number
  readonly taskBytesMax: number
  readonly partitionQueueBytesMax: number
  readonly queueBytesMax: number
}

/** Which partitions of a task its process still owns; a partition that was given up and came back is another one. */
export interface Ownership {
  readonly isWhole: () => boolean
  readonly has: (partition: TopicPartition) => boolean
}

export interface Waiting {
  readonly partitions: readonly TopicPartition[]
  readonly done: Promise<void>
}

export interface Dispatcher {
  offer(batches: readonly RawBatch[]): void
  /** While held, no task is cut: queues fill, then partitions pause. For back-pressure from the writer. */
  hold(held: boolean): void
  /** Resolves true when all that was offered of these partitions is delivered, false at the time limit. */
  drain(partitions: readonly TopicPartition[], timeoutMs: number): Promise<boolean>
  /** Forgets what is queued of these partitions; of a result still in evaluation they are not owned any more. */
  fence(partitions: readonly TopicPartition[]): void
  /** Resolves when nothing that was cut of these partitions before they were fenced is in evaluation any more. */
  released(partitions: readonly TopicPartition[]): Promise<void>
  queuedBytes(): number
  pausedPartitions(): number
  tasksInFlight(): number
}

interface PartitionQueue {
  readonly topic: string
  readonly partition: number
  queue: RawBatch[]
  bytes: number
  /** Most bytes of its next task: small at first, doubled by each. */
  taskBytes: number
  inFlight: boolean
  /** Its last result was evaluated and waits to be delivered. */
  waiting: boolean
  /** It is in the list of those with something queued and nothing in flight. */
  ready: boolean
  paused: boolean
  /** Set when the partition was given up: its results no longer count. */
  fenced: boolean
  waiters: (() => void)[]
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const partitions = new Map<string, PartitionQueue>()
  /** Partitions with something queued and nothing in flight, in the order they became ready. A list: see broker-connection.ts. */
  let ready: PartitionQueue[] = []
  let queuedBytes = 0
  /** Of them, those of partitions that wait. */
  let waitingBytes = 0
  let waitingTasks = 0
  /** Fenced while a task of theirs was in evaluation, with whoever waits for its end. */
  let leaving: { readonly queue: PartitionQueue; readonly done: Promise<void>; end: () => void }[] = []
  let paused = 0
  let inFlight = 0
  let held = false
  let cutting = false

  const queueOf = (topic: string, partition: number): PartitionQueue => {
    const key = partitionKey(topic, partition)
    let found = partitions.get(key)
    if (found === undefined) {
      found = {
        topic,
        partition,
        queue: [],
        bytes: 0,
        taskBytes: firstTaskBytes,
        inFlight: false,
        waiting: false,
        ready: false,
        paused: false,
        fenced: false,
        waiters: []
      }
      partitions.set(key, found)
    }
    return found
  }

  const makeReady = (queue: PartitionQueue): void => {
    if (queue.ready) return
    queue.ready = true
    ready.push(queue)
  }

  const settle = (queue: PartitionQueue): void => {
    if (queue.inFlight || queue.queue.length > 0) return
    for (const done of queue.waiters.splice(0)) done()
  }

  /** Partitions that wait are no reason to hold the others back, up to the limit over again. */
  const countedBytes = (): number => queuedBytes - Math.min(waitingBytes, options.queueBytesMax)

  const pauseFull = (queue: PartitionQueue): void => {
    if (queue.paused) return
    if (
      !queue.waiting &&
      queue.bytes < options.partitionQueueBytesMax &&
      countedBytes() < options.queueBytesMax
    )
      return
    queue.paused = true
    paused++
    options.pause([queue])
  }

  const resumeRelieved = (): void => {
    if (paused === 0 || countedBytes() > options.queueBytesMax / 2) return
    const relieved: PartitionQueue[] = []
    for (const queue of partitions.values()) {
      if (!queue.paused || queue.waiting || queue.bytes > options.partitionQueueBytesMax / 2) continue
      queue.paused = false
      paused--
      relieved.push(queue)
    }
    if (relieved.length > 0) options.resume(relieved)
  }

  /** Takes whole batches from ready partitions, in turn, up to the budget; at least one batch. */
  const cut = (budget: number): Cut => {
    const ranges: RawBatch[] = []
    const members: PartitionQueue[] = []
    let bytes = 0
    let records = 0
    const waiting: PartitionQueue[] = []
    for (const queue of ready) {
      if (members.length > 0 && (bytes >= budget || records >= taskRecordsMax)) {
        waiting.push(queue)
        continue
      }
      const untilBytes = Math.min(budget, bytes + queue.taskBytes)
      let taken = 0
      for (const batch of queue.queue) {
        const left = untilBytes - bytes
        const over = batch.bytes.byteLength > left
        const parts = over && (bytes === 0 || left > 0) ? splitRun(batch, left) : undefined
        const part = parts === undefined ? batch : parts[0]
        // Only the first batch of a task may go beyond its limits: it must be evaluated some time.
        if (
          bytes > 0 &&
          (bytes + part.bytes.byteLength > untilBytes || records + part.count > taskRecordsMax)
        )
          break
        ranges.push(part)
        bytes += part.bytes.byteLength
        records += part.count
        queue.bytes -= part.bytes.byteLength
        if (parts !== undefined) {
          queue.queue[taken] = parts[1]
          batch.slab?.retain()
          break
        }
        taken++
      }
      if (ranges.at(-1)?.partition !== queue.partition || ranges.at(-1)?.topic !== queue.topic) {
        waiting.push(queue)
        continue
      }
      if (taken > 0) queue.queue = taken === queue.queue.length ? [] : queue.queue.slice(taken)
      queue.inFlight = true
      queue.ready = false
      members.push(queue)
    }
    ready = waiting
    queuedBytes -= bytes
    return { ranges, members }
  }

  const run = async ({ ranges, members }: Cut): Promise<void> => {
    const result = await options.evaluate({ ranges, nowMs: options.nowMs() })
    for (const { slab } of ranges) slab?.release()
    const waiting = options.deliver(result, ownershipOf(members))
    leaving = leaving.filter(({ queue, end }) => {
      if (!members.includes(queue)) return true
      end()
      return false
    })
    if (waiting === undefined) {
      inFlight--
      for (const queue of members) free(queue)
      dispatch()
      return
    }
    const keys = new Set(waiting.partitions.map(p => partitionKey(p.topic, p.partition)))
    const [late, done] = [true, false].map(isLate =>
      members.filter(queue => keys.has(partitionKey(queue.topic, queue.partition)) === isLate)
    ) as [PartitionQueue[], PartitionQueue[]]
    for (const queue of late) {
      if (queue.fenced) continue
      queue.waiting = true
      waitingBytes += queue.bytes
      pauseFull(queue)
    }
    // Beyond so many, those that wait take the places of tasks: what they hold in memory stays bounded.
    const takesPlace = waitingTasks >= waitingTasksMax
    if (!takesPlace) {
      waitingTasks++
      inFlight--
    }
    for (const queue of done) free(queue)
    dispatch()
    await waiting.done
    if (takesPlace) inFlight--
    else waitingTasks--
    for (const queue of late) {
      if (queue.waiting) waitingBytes -= queue.bytes
      queue.waiting = false
      free(queue)
    }
    dispatch()
  }

  /** The partition's next task may be cut. */
  const free = (queue: PartitionQueue): void => {
    queue.inFlight = false
    queue.taskBytes = Math.min(queue.taskBytes * 2, options.taskBytesMax)
    if (queue.queue.length > 0 && !queue.fenced) makeReady(queue)
    settle(queue)
  }

  const dispatch = (): void => {
    // Pausing and delivering may call back into offer(); one loop cuts, the others only enqueue.
    if (cutting) return
    cutting = true
    while (!held && ready.length > 0 && inFlight < options.concurrency) {
      const share = Math.ceil(countedBytes() / (options.concurrency - inFlight))
      inFlight++
      run(cut(Math.min(options.taskBytesMax, Math.max(share, smallTaskBytes)))).catch(options.failed)
    }
    cutting = false
    resumeRelieved()
  }

  return {
    offer(batches) {
      for (const batch of batches) {
        const queue = queueOf(batch.topic, batch.partition)
        queue.queue.push(batch)
        queue.bytes += batch.bytes.byteLength
        queuedBytes += batch.bytes.byteLength
        if (queue.waiting) waitingBytes += batch.bytes.byteLength
        if (!queue.inFlight) makeReady(queue)
        pauseFull(queue)
      }
      dispatch()
    },
    hold(value) {
      if (held === value) return
      held = value
      if (!held) dispatch()
    },
    async drain(wanted, timeoutMs) {
      const busy = wanted
        .map(p => partitions.get(partitionKey(p.topic, p.partition)))
        .filter(queue => queue !== undefined)
        .filter(queue => queue.inFlight || queue.queue.length > 0)
      if (busy.length === 0) return true
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<boolean>(resolve => {
        timer = setTimeout(() => resolve(false), timeoutMs)
      })
      const done = Promise.all(busy.map(queue => new Promise<void>(resolve => queue.waiters.push(resolve))))
      const drained = await Promise.race([done.then(() => true), late])
      clearTimeout(timer)
      return drained
    },
    fence(wanted) {
      for (const { topic, partition } of wanted) {
        const key = partitionKey(topic, partition)
        const queue = partitions.get(key)
        if (queue === undefined) continue
        partitions.delete(key)
        ready = ready.filter(other => other !== queue)
        queue.ready = false
        queuedBytes -= queue.bytes
        if (queue.waiting) waitingBytes -= queue.bytes
        else if (queue.inFlight) leaving.push(leavingOf(queue))
        queue.waiting = false
        for (const { slab } of queue.queue) slab?.release()
        queue.queue = []
        queue.bytes = 0
        queue.fenced = true
        if (queue.paused) paused--
        queue.paused = false
        settle(queue)
      }
      dispatch()
    },
    async released(wanted) {
      const keys = new Set(wanted.map(p => partitionKey(p.topic, p.partition)))
      await Promise.all(
        leaving
          .filter(({ queue }) => keys.has(partitionKey(queue.topic, queue.partition)))
          .map(({ done }) => done)
      )
    },
    queuedBytes: () => queuedBytes,
    pausedPartitions: () => paused,
    tasksInFlight: () => inFlight
  }
}

/** What goes to a worker, and the partitions it is of. */
interface Cut {
  readonly ranges: readonly RawBatch[]
  readonly members: readonly PartitionQueue[]
}

/** Below this a task is not split over several workers: the hand-over would cost more than it gains. */
const smallTaskBytes = 256 * 1024

/**
 * A partition starts with small tasks. Its series are all new then, and until the main thread has assigned a series,
 * which it does between tasks, every sample of it takes the long way.
 */
const firstTaskBytes = 64 * 1024

/** Bounds a task where compression packs many records into few bytes. */
const taskRecordsMax = 32_768

/** Tasks that were evaluated and wait to be delivered, beside those in evaluation; each holds its rows in memory. */
const waitingTasksMax = 16

const ownershipOf = (members: readonly PartitionQueue[]): Ownership => ({
  isWhole: () => !members.some(queue => queue.fenced),
  has: ({ topic, partition }) =>
    members.some(queue => !queue.fenced && queue.partition === partition && queue.topic === topic)
})

function leavingOf(queue: PartitionQueue): {
  readonly queue: PartitionQueue
  readonly done: Promise<void>
  end: () => void
} {
  let end = (): void => undefined
  const done = new Promise<void>(resolve => (end = resolve))
  return { queue, done, end }
}
