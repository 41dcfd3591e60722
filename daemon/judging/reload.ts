import type { Logger } from 'pino'
import { asError } from '../../ingest/errors.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import type { EvaluationPool } from '../../workers/pool.ts'
import type { SharedState } from '../../workers/memory/shared-state.ts'
import { loadDefinitions, type Definitions } from './definitions.ts'
import { listNames } from './evaluation.ts'

export interface Reloaded {
  readonly inventoryVersion: number
  readonly nodes: number
  readonly devices: number
}

export interface ReloaderOptions {
  readonly config: Config
  /** Reads the configuration anew, of which the rules are taken over; left out where it stands nowhere. */
  readonly reread?: (() => Promise<Config>) | undefined
  readonly evaluation: {
    readonly pool: Pick<EvaluationPool, 'reloadProfiles'>
    readonly state: Pick<SharedState, 'knownNames'>
  }
  /** Undefined while nothing is judged: before the start, and in a standby. */
  readonly engine: () =>
    { readonly reload: (definitions: Definitions, config: Config, nowMs: number) => void } | undefined
  readonly stopping: AbortSignal
  readonly mirror: (inventory: CompiledInventory) => void
  readonly nowMs: () => number
  readonly logger: Logger
}

export interface Reloader {
  /**
   * Loads inventory, rules and profiles anew, all or none; rejects with ProblemsError and changes nothing when they have errors.
   * One at a time, whoever asks: who asks while one is at work gets the next one, which reads the files again.
   */
  readonly reload: () => Promise<Reloaded>
  /**
   * Does what no reload may come in between of, with what is in force: a reload that is asked for meanwhile waits. Rejects as the act does.
   */
  readonly alone: <T>(act: (definitions: Definitions, config: Config) => Promise<T>) => Promise<T>
  /** What the last reload failed with; empty when it went well. */
  readonly failure: () => string
}

export function createReloader(options: ReloaderOptions, first: Definitions): Reloader {
  const { mirror, nowMs, logger, stopping } = options
  const { pool, state } = options.evaluation
  let current = first
  let currentConfig = options.config
  let failure = ''
  /** The last one that was asked for; settled when it is over. */
  let last: Promise<unknown> = Promise.resolve()
  /** One that was asked for and has not begun to read. */
  let waiting: Promise<Reloaded> | undefined

  const load = async (): Promise<Reloaded> => {
    waiting = undefined
    if (stopping.aborted) throw new Error('the daemon stops')
    const engine = options.engine()
    const rules = (await options.reread?.())?.rules ?? options.config.rules
    const config = { ...options.config, rules }
    const next = await loadDefinitions(config, current.inventory.version + 1)
    await listNames(state.knownNames, next.inventory)
    // The threads compile first. Only when that went well the engine changes, and they with it, while nothing is evaluated.
    await pool.reloadProfiles(next.profiles, () => {
      state.knownNames.use()
      engine?.reload(next, config, nowMs())
    })
    current = next
    currentConfig = config
    if (engine !== undefined) mirror(next.inventory)
    const counts = {
      inventoryVersion: next.inventory.version,
      nodes: next.inventory.nodeCount,
      devices: next.inventory.deviceCount
    }
    logger.info(counts, 'inventory, rules and profiles were loaded anew')
    return counts
  }

  return {
    reload() {
      if (waiting !== undefined) return waiting
      const mine = last.then(load)
      waiting = mine
      last = mine.then(
        () => {
          failure = ''
        },
        (error: unknown) => {
          failure = asError(error).message
          logger.error({ problems: failure.split('\n') }, 'the reload failed; what was in force before stays')
        }
      )
      return mine
    },
    alone(act) {
      const mine = last.then(() => act(current, currentConfig))
      last = mine.catch(() => undefined)
      return mine
    },
    failure: () => failure
  }
}
