import { signalIds } from '../../schemas/signals.ts'
import type { NewEntity } from '../../schemas/evaluation.ts'
import type { SeriesRegistry } from './series-registry.ts'

/**
 * Which devices of the inventory tell whether their ports are up. Of these a weak level is no loss: they would have said that
 * the link is down. Of others a level may be all that is known.
 */
export interface LinkTellers {
  /** Takes note of described series; true when their device was not known to tell of its ports. */
  learn(entity: NewEntity, known: number): boolean
  has(device: number): boolean
  /** Begins anew with another inventory. */
  reload(deviceCount: number): void
}

const operStatus = signalIds.get('if.oper_status')

export function createLinkTellers(registry: SeriesRegistry, firstCount: number): LinkTellers {
  let tells = new Uint8Array(firstCount)
  return {
    learn({ signals }, known) {
      if (known < 0 || tells[known] === 1) return false
      for (const signal of signals) {
        if (signal !== operStatus) continue
        tells[known] = 1
        return true
      }
      return false
    },
    has: device => tells[device] === 1,
    reload(deviceCount) {
      tells = new Uint8Array(deviceCount)
      for (const series of registry.all()) {
        const known = registry.signal(series) === operStatus ? registry.knownOf(series) : -1
        if (known >= 0) tells[known] = 1
      }
    }
  }
}
