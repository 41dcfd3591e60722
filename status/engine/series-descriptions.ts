import type { CompiledInventory } from '../../topology/compile.ts'
import type { SeriesRegistry } from './series-registry.ts'

/** Series of one device and instance, with the place the inventory gives them; device and node are '' while the device is unknown. */
export interface StoredEntity {
  readonly identifiers: readonly string[]
  /** As it is told. */
  readonly instance: string
  readonly portNames: readonly string[]
  readonly profile: string
  readonly collector: string
  readonly deviceId: string
  readonly nodeId: string
  readonly tier: string
  /** Index of the first in the shared series state. */
  readonly first: number
  /** Signal of each, the first one's first. */
  readonly signals: readonly number[]
}

type DescribedDevice = Pick<StoredEntity, 'identifiers' | 'collector' | 'deviceId' | 'nodeId' | 'tier'>

/** What is to be stored of series, in the order they were noted. Only how far it has come is kept. */
export interface SeriesDescriptions {
  /** The next noted series, at most so many; those of one port together: they are noted one behind the other. */
  next(rowsMax: number): StoredEntity[]
  left(): number
  /** All are told once more. */
  again(): void
}

export function createSeriesDescriptions(
  registry: SeriesRegistry,
  inventory: () => CompiledInventory
): SeriesDescriptions {
  const stored = registry.cursor()

  /** Where a device stands, by its index in the shared state. */
  const describeDevice = (device: number, known: number): DescribedDevice => {
    const now = inventory()
    const node = known < 0 ? -1 : now.nodeOfDevice(known)
    return {
      identifiers: registry.identifiersOf(device),
      collector: registry.collectorOf(device),
      deviceId: known < 0 ? '' : now.deviceId(known),
      nodeId: node < 0 ? '' : now.nodeId(node),
      tier: node < 0 ? '' : now.tierOf(node)
    }
  }

  return {
    next(rowsMax) {
      const described: StoredEntity[] = []
      const devices = new Map<number, DescribedDevice>()
      const end = stored.at + Math.min(rowsMax, registry.size() - stored.at)
      while (stored.at < end) {
        const first = registry.at(stored.at)
        const signals: number[] = []
        for (
          let at = first;
          stored.at < end && registry.isSamePlace(first, at);
          at = registry.at(++stored.at)
        )
          signals.push(registry.signal(at))
        const index = registry.deviceOf(first)
        let device = devices.get(index)
        if (device === undefined) {
          device = describeDevice(index, registry.knownOf(first))
          devices.set(index, device)
        }
        const { identifiers, collector, deviceId, nodeId, tier } = device
        const instance = registry.toldInstance(first)
        const profile = registry.profile(first)
        described.push({
          identifiers,
          collector,
          deviceId,
          nodeId,
          tier,
          instance,
          portNames: registry.names(first),
          profile,
          first,
          signals
        })
      }
      return described
    },
    left: () => registry.size() - stored.at,
    again: () => void (stored.at = 0)
  }
}
