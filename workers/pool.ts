import { EventEmitter } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { programTableOver } from '../rules/program.ts'
import { blockBytes } from '../schemas/blocks.ts'
import type { EvaluationResult, EvaluationTask } from '../schemas/evaluation.ts'
import { setUpEvaluator, type EvaluatorSetup } from './evaluator-setup.ts'
import { createSlabPool, type Slab, type SlabPool } from '../schemas/slab.ts'
import { openDesk } from './memory/desk.ts'
import { endedThreadsOf, forgetRecords } from './memory/kernel-memory.ts'
import { noteThreadBegun, noteThreadEnded } from './memory/lock.ts'
import { createMailboxes, type Mailboxes, type WorkerAnswer } from './mailbox.ts'
import { openSharedState, type TablesUsed } from './memory/shared-state.ts'
import { takeBackJudgement } from './memory/undo.ts'
import { threadExecArgv } from './thread-loader.ts'
import { cutAround, halves, joinResults, poisoned } from './split.ts'

/** Something went wrong with a task: what, and where the worker was. The task goes on all the same. */
export interface TaskFault {
  readonly kind: 'died' | 'timed out'
  readonly detail: string
  readonly topic: string
  readonly partition: number
  /** -1 where it is not known. */
  readonly offset: number
  /** Whether the record was found to be the cause and given up. */
  readonly poison: boolean
}

export interface PoolOptions extends EvaluatorSetup {
  /** Worker threads; 0 evaluates on the calling thread, by the same code but without a time limit. */
  readonly threads: number
  /** Bytes of rows that may wait for their insert: so much memory is kept for rows. */
  readonly rowBytesMax: number
  /** A task that takes longer is given up as hanging, and its worker replaced. */
  readonly taskTimeoutMs: number
  readonly onFault: (fault: TaskFault) => void
}

export interface PoolStats {
  readonly threads: number
  readonly tasks: number
  readonly tasksInFlight: number
  readonly workersDied: number
  readonly workersTimedOut: number
  readonly poisonRecords: number
  readonly seriesKnown: number
  readonly seriesMax: number
  readonly devicesKnown: number
  readonly devicesMax: number
  /** How far each table is used, 0 to 1. */
  readonly tables: TablesUsed
  /** The same of what devices may use that the inventory does not know. */
  readonly tablesOfUnknown: TablesUsed
}

export interface EvaluationPool {
  /** Rejects only when the pool is closed; a record that cannot be evaluated becomes a reject of the result. */
  evaluate(task: EvaluationTask): Promise<EvaluationResult>
  /**
   * Runs `change` while no task is under evaluation; tasks offered meanwhile wait. For what the workers read while
   * they work: re-assigning programs after a reload of rules. Results that came before have been given to those who
   * awaited them. Where `change` takes turns, tasks wait for the last of them.
   */
  exclusive<T>(change: () => T | Promise<T>): Promise<T>
  /**
   * New workers with new profiles take over; tasks under way end with the old ones. `change` is made in the same moment, before
   * them. Rejects with ProblemsError, and nothing has changed, when they do not compile.
   */
  reloadProfiles(profiles: EvaluatorSetup['profiles'], change?: () => void): Promise<void>
  stats(): PoolStats
  /** Waits for the tasks under way, up to the limit, then ends the threads. */
  close(timeoutMs: number): Promise<void>
}

/** One way to run a task once. Rejects when the worker died or hung; `mark` then says where it was. */
interface Attempt {
  readonly result: Promise<EvaluationResult>
  mark(): { readonly range: number; readonly offset: number }
}

interface Runner {
  run(task: EvaluationTask): Attempt
  close(): Promise<void>
}

/** A thread that has not begun its task by then will not begin it. */
const startTimeoutMs = 60_000

class TimedOut extends Error {}

export async function createEvaluationPool(options: PoolOptions): Promise<EvaluationPool> {
  const { threads, taskTimeoutMs, onFault } = options
  const rows = createRowSlabs(options.rowBytesMax)
  const mailboxes = createMailboxes(options.shared.kernel)
  let runner = await createRunner(options, rows, mailboxes)
  const shared = openSharedState(options.shared)
  let closed = false
  let tasks = 0
  let inFlight = 0
  let workersDied = 0
  let workersTimedOut = 0
  let poisonRecords = 0
  /** While set, no task begins. */
  let gate: Promise<void> | undefined
  let idle: (() => void)[] = []

  const fault = (
    task: EvaluationTask,
    error: unknown,
    mark: { range: number; offset: number },
    poison: boolean
  ): void => {
    const kind = error instanceof TimedOut ? 'timed out' : 'died'
    if (kind === 'died') workersDied++
    else workersTimedOut++
    const range = task.ranges[mark.range] ?? task.ranges[0]
    onFault({
      kind,
      detail: error instanceof Error ? error.message : String(error),
      topic: range?.topic ?? '',
      partition: range?.partition ?? -1,
      offset: mark.offset,
      poison
    })
  }

  /** Runs a task to its end, whatever its records do to the workers. */
  const complete = async (task: EvaluationTask): Promise<EvaluationResult> => {
    const first = runner.run(task)
    try {
      return await first.result
    } catch (error) {
      if (closed) throw error
      fault(task, error, first.mark(), false)
    }
    const second = runner.run(task)
    try {
      return await second.result
    } catch (error) {
      if (closed) throw error
      const mark = second.mark()
      const before = first.mark()
      const range = task.ranges[mark.range]
      const isSame = before.range === mark.range && before.offset === mark.offset
      const isKnown =
        range !== undefined && isSame && mark.offset >= range.firstOffset && mark.offset <= range.lastOffset
      fault(task, error, mark, isKnown)
      return isKnown ? around(task, mark.range, mark.offset, error) : split(task, error)
    }
  }

  const around = async (
    task: EvaluationTask,
    rangeIndex: number,
    offset: number,
    error: unknown
  ): Promise<EvaluationResult> => {
    const { before, after } = cutAround(task, rangeIndex, offset)
    const parts: EvaluationResult[] = []
    if (before !== undefined) parts.push(await complete(before))
    parts.push(giveUp(task, rangeIndex, offset, error))
    if (after !== undefined) parts.push(await complete(after))
    return joinResults(task, parts)
  }

  const split = async (task: EvaluationTask, error: unknown): Promise<EvaluationResult> => {
    const parts = halves(task)
    if (parts === undefined) return giveUp(task, 0, task.ranges[0]?.firstOffset ?? 0, error)
    return joinResults(task, [await complete(parts[0]), await complete(parts[1])])
  }

  const giveUp = (
    task: EvaluationTask,
    rangeIndex: number,
    offset: number,
    error: unknown
  ): EvaluationResult => {
    poisonRecords++
    const how = error instanceof TimedOut ? `took more than ${taskTimeoutMs} ms` : 'ended its worker'
    const detail = `the record ${how} twice`
    return poisoned(task.ranges[rangeIndex]!, offset, detail, options.limits.deadLetterBytesMax)
  }

  const settled = (): Promise<void> =>
    inFlight === 0 ? Promise.resolve() : new Promise(resolve => idle.push(resolve))

  const exclusive = async <T>(change: () => T | Promise<T>): Promise<T> => {
    while (gate !== undefined) await gate
    let open: () => void = () => undefined
    gate = new Promise(resolve => (open = resolve))
    try {
      await settled()
      // Whoever waits for the last result takes it before anything changes.
      await new Promise(resolve => setImmediate(resolve))
      return await change()
    } finally {
      gate = undefined
      open()
    }
  }

  return {
    async evaluate(task) {
      while (gate !== undefined) await gate
      if (closed) throw new Error('evaluation pool: it is closed')
      inFlight++
      tasks++
      try {
        return await complete(task)
      } finally {
        inFlight--
        if (inFlight === 0) for (const done of idle.splice(0)) done()
      }
    },
    exclusive,
    async reloadProfiles(profiles, change) {
      const next = await createRunner({ ...options, profiles }, rows, mailboxes)
      let old: Runner = next
      try {
        await exclusive(() => {
          change?.()
          forgetRecords(options.shared.kernel)
          old = runner
          runner = next
        })
      } finally {
        await old.close()
      }
    },
    stats: () => ({
      threads,
      tasks,
      tasksInFlight: inFlight,
      workersDied,
      workersTimedOut,
      poisonRecords,
      seriesKnown: shared.seriesCount(),
      seriesMax: shared.limits.seriesMax,
      devicesKnown: shared.deviceCount(),
      devicesMax: shared.limits.devicesMax,
      tables: shared.tablesUsed(),
      tablesOfUnknown: shared.tablesUsedByUnknown()
    }),
    async close(timeoutMs) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => (timer = setTimeout(resolve, timeoutMs)))
      await Promise.race([settled(), late])
      clearTimeout(timer)
      closed = true
      idle = []
      await runner.close()
    }
  }
}

async function createRunner(setup: PoolOptions, rows: RowSlabs, mailboxes: Mailboxes): Promise<Runner> {
  return setup.threads === 0
    ? createLocalRunner(setup, rows, mailboxes)
    : createThreadRunner(setup, rows, mailboxes)
}

/** Memory for the rows of tasks. */
interface RowSlabs {
  take(task: EvaluationTask): Slab
  /** The result with the slab that its rows lie in. */
  owned(result: EvaluationResult, given: Slab, task: EvaluationTask): EvaluationResult
}

/** So much more than the last tasks needed is asked for: a slab too small is an allocation, one too large is none. */
const roomFactor = 1.1

function createRowSlabs(rowBytesMax: number): RowSlabs {
  const pool: SlabPool = createSlabPool(rowBytesMax)
  /** Bytes of rows that a byte of a task makes: falls slowly, rises at once. */
  let rowBytesPerByte = 1
  const bytesOf = (task: EvaluationTask): number =>
    task.ranges.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return {
    take: task => pool.take(bytesOf(task) * rowBytesPerByte * roomFactor),
    owned(result, given, task) {
      const { block } = result
      rowBytesPerByte = Math.max(blockBytes(block) / Math.max(1, bytesOf(task)), rowBytesPerByte * 0.99)
      const memory = block.value.buffer as SharedArrayBuffer
      // A worker that found it too small made its own. (What came over a port is another view of the same memory.)
      const isGiven = memory.byteLength === given.memory.byteLength
      if (!isGiven) given.release()
      const { ranges, candidates, newSeries, gone, ahead, rejects, counts } = result
      const { rows, groups, entity, timeMs, offset, end, signal, value } = block
      const slab = isGiven ? given : pool.adopt(memory)
      // Written out: see mailbox.ts.
      return {
        ranges,
        block: { rows, groups, entity, timeMs, offset, end, signal, value, slab },
        candidates,
        newSeries,
        ...(gone === undefined ? {} : { gone }),
        ...(ahead === undefined ? {} : { ahead }),
        rejects,
        counts
      }
    }
  }
}

/** The same evaluator on the calling thread. An exception of one task does not harm the next. */
function createLocalRunner(setup: EvaluatorSetup, rows: RowSlabs, mailboxes: Mailboxes): Runner {
  const evaluator = setUpEvaluator(setup)
  const { series } = openSharedState(setup.shared)
  const programs = programTableOver(setup.shared.kernel.programs)
  return {
    run(task) {
      const mailbox = mailboxes.take()
      let result: Promise<EvaluationResult>
      try {
        const slab = rows.take(task)
        result = Promise.resolve(rows.owned(evaluator.evaluate(task, mailbox.desk, slab.memory), slab, task))
      } catch (error) {
        takeBackJudgement(openDesk(setup.shared.kernel, mailbox.desk), programs, series)
        result = Promise.reject(error instanceof Error ? error : new Error(String(error)))
      }
      const mark = mailbox.mark()
      mailboxes.give(mailbox)
      return { result, mark: () => mark }
    },
    close: () => Promise.resolve()
  }
}

async function createThreadRunner(setup: PoolOptions, rows: RowSlabs, mailboxes: Mailboxes): Promise<Runner> {
  const extension = extname(import.meta.url)
  const { threads, taskTimeoutMs, profiles, policy, limits, shared, faults } = setup
  const workerData: EvaluatorSetup = {
    profiles,
    policy,
    limits,
    shared,
    ...(faults === undefined ? {} : { faults })
  }
  // Compiled here first: what is wrong with a profile is thrown to the caller, not found by every thread.
  setUpEvaluator(workerData)
  const piscina = new Piscina({
    filename: fileURLToPath(new URL(`./evaluate.worker${extension}`, import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    workerData,
    execArgv: threadExecArgv(import.meta.url)
  })
  const { series } = openSharedState(shared)
  const programs = programTableOver(shared.kernel.programs)
  const living = watchThreads(piscina, endedThreadsOf(shared.kernel))
  await started(piscina, threads, mailboxes)
  // A thread that dies between tasks is replaced by Piscina; without a listener its error would end the process.
  piscina.on('error', (error: Error) => {
    setup.onFault({
      kind: 'died',
      detail: error.message,
      topic: '',
      partition: -1,
      offset: -1,
      poison: false
    })
  })
  return {
    run(task) {
      const mailbox = mailboxes.take()
      // Piscina takes an emitter for a signal; a real one is ten objects and three hidden classes each time.
      const stop = new EventEmitter()
      let isStopped = false
      let mark = { range: -1, offset: -1 }
      const attempt = async (): Promise<EvaluationResult> => {
        let lastMs = performance.now()
        let waitedMs = 0
        let workedMs = 0
        // The limit is the task's own: a replaced thread that is still starting has a limit of its own for that. Time in which
        // this thread did not turn either (the process was stopped) is not the task's.
        const everyMs = taskTimeoutMs / 4
        const timer = setInterval(() => {
          const now = performance.now()
          const passedMs = Math.min(now - lastMs, 2 * everyMs)
          lastMs = now
          waitedMs += passedMs
          if (mailbox.mark().range >= 0) workedMs += passedMs
          if (workedMs >= taskTimeoutMs || waitedMs >= taskTimeoutMs + startTimeoutMs) {
            isStopped = true
            stop.emit('abort')
          }
        }, everyMs)
        try {
          // Only a slab whose worker has answered may be written again: else it is left to the collector.
          const slab = rows.take(task)
          const job = mailbox.put(task.ranges, task.nowMs, slab.memory)
          const answer = (await piscina.run(job, { signal: stop })) as WorkerAnswer
          const result = answer.result!
          // Piscina's table of tasks keeps the answer until the next full collection, and with it all it holds.
          answer.result = undefined
          return rows.owned(result, slab, task)
        } catch (error) {
          clearInterval(timer)
          // A thread that is being ended may still write for a moment, into its desk and the state of series.
          await living.othersEnded()
          mark = mailbox.mark()
          takeBackJudgement(openDesk(shared.kernel, mailbox.desk), programs, series)
          if (isStopped) throw new TimedOut(`no answer within ${taskTimeoutMs} ms`, { cause: error })
          throw error
        } finally {
          clearInterval(timer)
          mailboxes.give(mailbox)
        }
      }
      return { result: attempt(), mark: () => mark }
    },
    close: () => piscina.destroy()
  }
}

interface LivingThreads {
  /** Resolves when every thread that is no more the pool's has ended. */
  othersEnded(): Promise<void>
}

/** Notes when threads have ended, so that what they held and changed can be taken from them (memory/lock.ts, memory/undo.ts). */
function watchThreads(piscina: Piscina, ended: Int32Array): LivingThreads {
  const ends = new Map<Worker, Promise<void>>()
  const watch = (): void => {
    for (const thread of piscina.threads) {
      // The id is gone with the thread.
      if (ends.has(thread) || thread.threadId < 0) continue
      const id = thread.threadId
      noteThreadBegun(ended, id)
      const end = new Promise<void>(resolve => {
        thread.once('exit', () => {
          noteThreadEnded(ended, id)
          ends.delete(thread)
          resolve()
        })
      })
      ends.set(thread, end)
    }
  }
  watch()
  // A thread that takes another's place is made before anybody hears of what befell the other one.
  piscina.on('workerCreate', watch)
  piscina.on('workerDestroy', watch)
  return {
    async othersEnded() {
      watch()
      const own = new Set(piscina.threads)
      await Promise.all([...ends].filter(([thread]) => !own.has(thread)).map(([, end]) => end))
    }
  }
}

/** Resolves when every thread has answered an empty task; rejects, with the threads ended, when one cannot start. */
async function started(piscina: Piscina, threads: number, mailboxes: Mailboxes): Promise<void> {
  const failed = new Promise<never>((_resolve, reject) => piscina.once('error', reject))
  const answers = Array.from({ length: threads }, async () => {
    const mailbox = mailboxes.take()
    await piscina.run(mailbox.put([], 0, new SharedArrayBuffer(0)))
    mailboxes.give(mailbox)
  })
  try {
    await Promise.race([Promise.all(answers), failed])
  } catch (error) {
    await piscina.destroy()
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`evaluation workers cannot start: ${why}`, { cause: error })
  }
}
