import type { ClickHouseClient } from '@clickhouse/client'
import type { Logger } from 'pino'
import { replaceInventory } from '../../ingest/clickhouse/mirror.ts'
import { devicesOf, nodesOf, type CompiledInventory } from '../../topology/compile.ts'
import type { Insist } from '../process/insist.ts'

export interface MirrorOptions {
  readonly client: ClickHouseClient
  readonly insist: Insist
  readonly stopping: AbortSignal
  readonly logger: Logger
}

/**
 * Copies the inventory to ClickHouse, where dashboards find names and addresses. A million nodes take a while, and
 * ClickHouse may be away: nobody waits for it, and of several inventories the last one stays.
 */
export function createInventoryMirror(options: MirrorOptions): (inventory: CompiledInventory) => void {
  let current: CompiledInventory
  let mirrored = Promise.resolve()
  return inventory => {
    current = inventory
    const copy = async (): Promise<void> => {
      if (inventory !== current) return
      await options.insist('mirror the inventory', () =>
        replaceInventory(options.client, nodesOf(inventory), devicesOf(inventory))
      )
    }
    mirrored = mirrored.then(copy).catch((error: unknown) => {
      if (!options.stopping.aborted)
        options.logger.error({ err: error }, 'the inventory could not be mirrored to ClickHouse')
    })
  }
}
