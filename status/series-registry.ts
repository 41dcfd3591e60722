import type { NewSeries } from '../schemas/evaluation.ts'
import type { Inventory } from '../topology/model.ts'

/**
 * What the main thread knows of the series and devices that workers have met: enough to assign programs, to name
 * the place of a flip, and to resolve everything anew when the inventory changes. Series cost a few bytes
 * each (typed arrays, interned instances); devices, of which there are far fewer, are plain.
 */
export interface SeenDevice {
  /** Index in the shared device state. */
  readonly index: number
  readonly identifiers: readonly string[]
  readonly collector: string
  readonly profile: string
  readonly firstSeenMs: number
  /** Index in the inventory, -1 while unknown. */
  known: number
  /** Series of it met so far. */
  series: number
}

export interface SeriesRegistry {
  /** Takes note of a described series; false when it was known already. */
  add(series: NewSeries, inventory: Inventory, nowMs: number): boolean
  device(series: number): SeenDevice | undefined
  signal(series: number): number
  instance(series: number): string
  /** Every series noted, in the order of noting. */
  all(): Iterable<number>
  devices(): Iterable<SeenDevice>
  seenDevice(index: number): SeenDevice | undefined
  size(): number
  /** Resolves every device against another inventory. */
  resolveAll(inventory: Inventory): void
}

export function createSeriesRegistry(capacity: number): SeriesRegistry {
  /** Index of the device plus one, so that untouched memory means none and takes no pages. */
  const deviceOf = new Int32Array(capacity)
  const signalOf = new Uint8Array(capacity)
  const instanceOf = new Int32Array(capacity)
  const instances: string[] = []
  const instanceIds = new Map<string, number>()
  const devices = new Map<number, SeenDevice>()
  let order = new Int32Array(1024)
  let size = 0

  const intern = (instance: string): number => {
    let id = instanceIds.get(instance)
    if (id === undefined) {
      id = instances.push(instance) - 1
      instanceIds.set(instance, id)
    }
    return id
  }

  return {
    add(series, inventory, nowMs) {
      if (!devices.has(series.device)) {
        devices.set(series.device, {
          index: series.device,
          identifiers: series.identifiers,
          collector: series.collector,
          profile: series.profile,
          firstSeenMs: nowMs,
          known: resolve(series.identifiers, inventory),
          series: 0
        })
      }
      if (deviceOf[series.series] !== 0) return false
      deviceOf[series.series] = series.device + 1
      devices.get(series.device)!.series++
      signalOf[series.series] = series.signal
      instanceOf[series.series] = intern(series.instance)
      if (size === order.length) {
        const grown = new Int32Array(Math.min(capacity, size * 2))
        grown.set(order)
        order = grown
      }
      order[size++] = series.series
      return true
    },
    device(series) {
      const index = deviceOf[series]
      return index === undefined || index === 0 ? undefined : devices.get(index - 1)
    },
    signal: series => signalOf[series] ?? 0,
    instance: series => instances[instanceOf[series] ?? 0] ?? '',
    *all() {
      for (let i = 0; i < size; i++) yield order[i]!
    },
    devices: () => devices.values(),
    seenDevice: index => devices.get(index),
    size: () => size,
    resolveAll(inventory) {
      for (const device of devices.values()) device.known = resolve(device.identifiers, inventory)
    }
  }
}

function resolve(identifiers: readonly string[], inventory: Inventory): number {
  for (const identifier of identifiers) {
    const found = inventory.deviceByIdentifier(identifier)
    if (found !== undefined) return found
  }
  return -1
}
