import {
  deviceStateOver,
  seriesStateOver,
  type DeviceState,
  type SeriesState
} from '../../rules/series-state.ts'
import { createKernelMemory, type KernelMemory } from './kernel-memory.ts'
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
  /** Distinct programs that rules may be compiled to. */
  readonly programsMax: number
}

export interface SharedMemory {
  readonly limits: SharedLimits
  /** State of series and devices, programs and aliases: what the kernel reads. */
  readonly kernel: KernelMemory
  /** `setWords` words a set (see layouts.ts): number of its layout plus one, 0 for a layout itself, and its signals. */
  readonly layoutSets: SharedArrayBuffer
  /** [0] series in use, [1] devices in use, [2] layouts and sets in use, [3] sets in use, [4] tasks begun. */
  readonly counters: SharedArrayBuffer
  readonly layouts: SharedTableMemory
  readonly entities: SharedTableMemory
  readonly deviceTable: SharedTableMemory
}

/** Distinct layouts (measurement and its signals) and sets of them over the life of the process, reloads included. */
const layoutsMax = 65_536
/** Sets leave room for layouts: odd records must not keep profiles from being reloaded. */
const setsMax = layoutsMax / 2
/** Words of a set in shared memory. */
export const setWords = 3

export function createSharedMemory(limits: SharedLimits): SharedMemory {
  const { seriesMax, devicesMax, keyBytesMax, programsMax } = limits
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`shared memory: ${name} must be a positive integer, not ${value}`)
    }
  }
  // An entity has one series at least; an alias is one more way to write the tags of an entity.
  const entitiesMax = Math.min(seriesMax, (1 << 24) - 1)
  return {
    limits,
    kernel: createKernelMemory({
      seriesMax,
      devicesMax,
      programsMax,
      aliasesMax: entitiesMax,
      aliasBytesMax: keyBytesMax
    }),
    layoutSets: new SharedArrayBuffer(layoutsMax * setWords * 4),
    counters: new SharedArrayBuffer(20),
    layouts: createSharedTableMemory(layoutsMax, layoutsMax * 64),
    entities: createSharedTableMemory(entitiesMax, keyBytesMax),
    deviceTable: createSharedTableMemory(devicesMax, keyBytesMax)
  }
}

export interface SharedState {
  readonly limits: SharedLimits
  readonly series: SeriesState
  readonly devices: DeviceState
  readonly kernel: KernelMemory
  /** The stored id: two words a series, the low one first. */
  readonly seriesIds: Uint32Array
  /** The set of signals of the run that begins at a series. */
  readonly seriesLayouts: Int32Array
  /** Where the next run of the entity begins, plus one; 0 for none. */
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
  /** A number below zero, like no other's of late and no `unassigned`, for a task to mark series with. */
  takeMark(this: void): number
  seriesCount(): number
  deviceCount(): number
}

export function openSharedState(memory: SharedMemory): SharedState {
  const { limits, kernel } = memory
  const { seriesMax, devicesMax } = limits
  const { buffer } = kernel.memory
  const counters = new Int32Array(memory.counters)
  const take = (counter: number, count: number, max: number): number => {
    const first = Atomics.add(counters, counter, count)
    if (first + count <= max) return first
    Atomics.sub(counters, counter, count)
    return -1
  }
  return {
    limits,
    kernel,
    series: seriesStateOver(buffer, seriesMax, kernel.series),
    devices: deviceStateOver(buffer, devicesMax, kernel.devices),
    seriesIds: new Uint32Array(buffer, kernel.seriesIds, seriesMax * 2),
    seriesLayouts: new Int32Array(buffer, kernel.seriesLayouts, seriesMax),
    nextRuns: new Int32Array(buffer, kernel.nextRuns, seriesMax),
    layoutSets: new Int32Array(memory.layoutSets),
    layouts: openSharedTable(memory.layouts),
    entities: openSharedTable(memory.entities),
    deviceTable: openSharedTable(memory.deviceTable),
    aliases: openSharedTable(kernel.aliases),
    takeSeries: count => take(0, count, limits.seriesMax),
    takeDevice: () => take(1, 1, limits.devicesMax),
    takeLayout: () => take(2, 1, layoutsMax),
    takeSet: () => (take(3, 1, setsMax) < 0 ? -1 : take(2, 1, layoutsMax)),
    takeMark: () => -2 - (Atomics.add(counters, 4, 1) & 0x3fffffff),
    seriesCount: () => Math.min(limits.seriesMax, Atomics.load(counters, 0)),
    deviceCount: () => Math.min(limits.devicesMax, Atomics.load(counters, 1))
  }
}
