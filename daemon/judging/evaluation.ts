import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import { createProgramTable, type ProgramTableBuilder } from '../../rules/program.ts'
import type { Config } from '../../schemas/config/reading.ts'
import {
  createSharedMemory,
  openSharedState,
  type SharedMemory,
  type SharedState
} from '../../workers/memory/shared-state.ts'
import { createEvaluationPool, type EvaluationPool, type PoolOptions } from '../../workers/pool.ts'
import type { Inventory } from '../../topology/model.ts'
import type { KnownNames } from '../../workers/memory/known-names.ts'
import type { Definitions } from './definitions.ts'

/** Most programs of rules that differ from one another. */
export const programsMax = 65_536

/** Room for the keys (device, instance, tags as written) of one series in the shared tables. */
const keyBytesPerSeries = 64

/** Memory shared by those who evaluate and the status engine, with room for so many series and devices. */
export const sharedMemoryFor = (seriesMax: number, devicesMax: number): SharedMemory =>
  createSharedMemory({
    seriesMax,
    devicesMax,
    keyBytesMax: seriesMax * keyBytesPerSeries,
    programsMax
  })

/** What is made of records whose time or size is out of bounds, and how large what evaluation makes may be. */
export const boundsOf = (config: Config): Pick<PoolOptions, 'rowBytesMax' | 'policy' | 'limits'> => ({
  rowBytesMax: config.clickhouse.memory_bytes_max,
  policy: {
    futureMsMax: config.ingest.future_ms_max,
    pastMsMax: config.ingest.past_ms_max,
    depthMax: config.ingest.depth_max,
    valueBytesMax: config.ingest.value_bytes_max
  },
  limits: {
    verifyCrc: true,
    decompressedBytesMax: decompressedBytesMax(config),
    deadLetterBytesMax: config.ingest.dead_letter_bytes_max
  }
})

export interface Evaluation {
  readonly pool: EvaluationPool
  /** What threads share, for one that is started beside those. */
  readonly shared: SharedMemory
  /** What the status engine shares with the threads: it writes programs and assignments, they write the state of series. */
  readonly state: SharedState
  readonly programs: ProgramTableBuilder
  /** Tasks under way at once. One more than there are threads: the next task is there when a thread is done. */
  readonly concurrency: number
  /** 0: on the main thread. */
  readonly threads: number
}

/** The threads that evaluate, and the memory they share with the main thread, at its configured limits. */
export async function startEvaluation(
  config: Config,
  { profiles, inventory }: Pick<Definitions, 'profiles' | 'inventory'>,
  logger: Logger
): Promise<Evaluation> {
  const shared = sharedMemoryFor(config.workers.series_max, config.workers.devices_max)
  const threads = threadsOf(config)
  const pool = await createEvaluationPool({
    threads,
    ...boundsOf(config),
    taskTimeoutMs: config.workers.task_timeout_ms,
    profiles,
    shared,
    onFault: ({ kind, ...rest }) =>
      logger.error(rest, `an evaluation worker ${kind}; its task is tried again`)
  })
  const state = openSharedState(shared)
  await listNames(state.knownNames, inventory)
  state.knownNames.use()
  return {
    pool,
    shared,
    state,
    programs: createProgramTable(shared.kernel.programs),
    concurrency: threads === 0 ? 1 : threads + 1,
    threads
  }
}

/** Writes down by which names an inventory knows its devices, for the threads; other things may be done meanwhile. */
export async function listNames(
  names: Pick<KnownNames, 'prepare'>,
  inventory: Pick<Inventory, 'identifierCount' | 'identifier'>
): Promise<void> {
  const { identifierCount: count, identifier } = inventory
  const all = function* (): Generator<string> {
    for (let at = 0; at < count; at++) yield identifier(at)
  }
  for (const _ of names.prepare(all(), count)) await new Promise(resolve => setImmediate(resolve))
}

/** One thread a core beside the main thread's, as measured in docs/performance.md. */
function threadsOf(config: Config): number {
  const { threads } = config.workers
  return threads === 'auto' ? Math.min(8, Math.max(0, availableParallelism() - 1)) : threads
}

/** A compressed batch may grow, within reason. */
function decompressedBytesMax(config: Config): number {
  return Math.max(64 * 1024 * 1024, config.kafka.fetch_bytes_max * 8)
}
