import {
  deviceStateBytes,
  deviceStateOver,
  seriesStateBytes,
  seriesStateOver,
  type DeviceState,
  type SeriesState
} from '../rules/series-state.ts'
import {
  createSharedTableMemory,
  openSharedTable,
  type SharedTable,
  type SharedTableMemory
} from './shared-table.ts'

/**
 * Everything the workers and the main thread share: who is known (tables) and what state it is in (arrays). Made once,
 * at its limits; what is not used yet takes no memory. It is handed to each worker as plain buffers.
 */
export interface SharedLimits {
  /** Series that can be told apart; beyond it samples are stored, but not evaluated. */
  readonly seriesMax: number
  readonly devicesMax: number
  /** Bytes of all keys (device, instance, alias), which names of equipment and ports take. */
  readonly keyBytesMax: number
}

export interface SharedMemory {
  readonly limits: SharedLimits
  readonly series: SharedArrayBuffer
  readonly devices: SharedArrayBuffer
  /** 8 bytes a series: the stored id. */
  readonly seriesIds: SharedArrayBuffer
  /** 4 bytes a series: the set of signals of the run that begins there. */
  readonly seriesLayouts: SharedArrayBuffer
  /** 4 bytes a series: where the next run of the entity begins, plus one; 0 for none. */
  readonly nextRuns: SharedArrayBuffer
  /** `setWords` words a set (see layouts.ts): number of its layout plus one, 0 for a layout itself, and its signals. */
  readonly layoutSets: SharedArrayBuffer
  /** [0] series in use, [1] devices in use, [2] layouts and sets in use, [3] sets in use. */
  readonly counters: SharedArrayBuffer
  readonly layouts: SharedTableMemory
  readonly entities: SharedTableMemory
  readonly deviceTable: SharedTableMemory
  readonly aliases: SharedTableMemory
}

/** Distinct layouts (measurement and its signals) and sets of them over the life of the process, reloads included. */
const layoutsMax = 65_536
/** Sets leave room for layouts: odd records must not keep profiles from being reloaded. */
const setsMax = layoutsMax / 2
/** Words of a set in shared memory. */
export const setWords = 3

export function createSharedMemory(limits: SharedLimits): SharedMemory {
  const { seriesMax, devicesMax, keyBytesMax } = limits
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`shared memory: ${name} must be a positive integer, not ${value}`)
    }
  }
  // An entity has one series at least; an alias is one more way to write the tags of an entity.
  const entitiesMax = Math.min(seriesMax, (1 << 24) - 1)
  return {
    limits,
    series: new SharedArrayBuffer(seriesStateBytes(seriesMax)),
    devices: new SharedArrayBuffer(deviceStateBytes(devicesMax)),
    seriesIds: new SharedArrayBuffer(seriesMax * 8),
    seriesLayouts: new SharedArrayBuffer(seriesMax * 4),
    nextRuns: new SharedArrayBuffer(seriesMax * 4),
    layoutSets: new SharedArrayBuffer(layoutsMax * setWords * 4),
    counters: new SharedArrayBuffer(16),
    layouts: createSharedTableMemory(layoutsMax, layoutsMax * 64),
    entities: createSharedTableMemory(entitiesMax, keyBytesMax),
    deviceTable: createSharedTableMemory(devicesMax, keyBytesMax),
    aliases: createSharedTableMemory(entitiesMax, keyBytesMax)
  }
}

/** The same memory with no alias known: what an alias stands for may change with the profiles. */
export function withoutAliases(memory: SharedMemory): SharedMemory {
  const { entriesMax, keyBytesMax } = memory.aliases
  return { ...memory, aliases: createSharedTableMemory(entriesMax, keyBytesMax) }
}

export interface SharedState {
  readonly limits: SharedLimits
  readonly series: SeriesState
  readonly devices: DeviceState
  /** Two words a series, the low one first. */
  readonly seriesIds: Uint32Array
  readonly seriesLayouts: Int32Array
  readonly nextRuns: Int32Array
  readonly layoutSets: Int32Array
  readonly layouts: SharedTable
  readonly entities: SharedTable
  readonly deviceTable: SharedTable
  readonly aliases: SharedTable
  /** Takes `count` neighbouring series; the first one's index, or -1 when there are not that many left. */
  takeSeries(count: number): number
  takeDevice(this: void): number
  takeLayout(this: void): number
  /** A number for a set of signals, from the same range as those of layouts. */
  takeSet(this: void): number
  seriesCount(): number
  deviceCount(): number
}

export function openSharedState(memory: SharedMemory): SharedState {
  const { limits } = memory
  const counters = new Int32Array(memory.counters)
  const take = (counter: number, count: number, max: number): number => {
    const first = Atomics.add(counters, counter, count)
    if (first + count <= max) return first
    Atomics.sub(counters, counter, count)
    return -1
  }
  return {
    limits,
    series: seriesStateOver(memory.series, limits.seriesMax),
    devices: deviceStateOver(memory.devices, limits.devicesMax),
    seriesIds: new Uint32Array(memory.seriesIds),
    seriesLayouts: new Int32Array(memory.seriesLayouts),
    nextRuns: new Int32Array(memory.nextRuns),
    layoutSets: new Int32Array(memory.layoutSets),
    layouts: openSharedTable(memory.layouts),
    entities: openSharedTable(memory.entities),
    deviceTable: openSharedTable(memory.deviceTable),
    aliases: openSharedTable(memory.aliases),
    takeSeries: count => take(0, count, limits.seriesMax),
    takeDevice: () => take(1, 1, limits.devicesMax),
    takeLayout: () => take(2, 1, layoutsMax),
    takeSet: () => (take(3, 1, setsMax) < 0 ? -1 : take(2, 1, layoutsMax)),
    seriesCount: () => Math.min(limits.seriesMax, Atomics.load(counters, 0)),
    deviceCount: () => Math.min(limits.devicesMax, Atomics.load(counters, 1))
  }
}
