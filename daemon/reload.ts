import type { Logger } from 'pino'
import type { Config } from '../schemas/config/reading.ts'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { CompiledInventory } from '../topology/compile.ts'
import type { EvaluationPool } from '../workers/pool.ts'
import { loadDefinitions, type Definitions } from './definitions.ts'

export interface Reloaded {
  readonly inventoryVersion: number
  readonly nodes: number
  readonly devices: number
}

export interface ReloaderOptions {
  readonly config: Config
  readonly pool: EvaluationPool
  readonly engine: () => StatusEngine | undefined
  readonly mirror: (inventory: CompiledInventory) => void
  readonly nowMs: () => number
  readonly logger: Logger
}

export interface Reloader {
  /** Loads inventory, rules and profiles anew; rejects with ProblemsError and changes nothing when they have errors. */
  readonly reload: () => Promise<Reloaded>
}

export function createReloader(options: ReloaderOptions, first: Definitions): Reloader {
  const { config, pool, engine, mirror, nowMs, logger } = options
  let current = first
  return {
    async reload() {
      const next = await loadDefinitions(config, current.inventory.version + 1)
      await pool.reloadProfiles(next.profiles)
      await pool.exclusive(() => engine()?.reload(next.inventory, next.rules, nowMs()))
      current = next
      mirror(next.inventory)
      const counts = {
        inventoryVersion: next.inventory.version,
        nodes: next.inventory.nodeCount,
        devices: next.inventory.deviceCount
      }
      logger.info(counts, 'inventory, rules and profiles were loaded anew')
      return counts
    }
  }
}
