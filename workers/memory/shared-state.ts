import { baselinesBytes } from '../../rules/measures/baselines.ts'
import {
  deviceStateOver,
  seriesStateOver,
  type DeviceState,
  type SeriesState
} from '../../rules/series-state.ts'
import { createFreeRoomMemory, openFreeRoom, type FreeRoom, type FreeRoomMemory } from './free-room.ts'
import { createKernelMemory, endedThreadsOf, type KernelMemory } from './kernel-memory.ts'
import {
  createKnownNamesMemory,
  openKnownNames,
  type KnownNames,
  type KnownNamesMemory
} from './known-names.ts'
import { setsMax } from './map.ts'
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
  /**
   * `setWords` words a set of signals (see learning/series-sets.ts): the number of its measurement's whole set plus one, 0 for
   * such a whole set itself, and which of the signals are in it, a bit each.
   */
  readonly setMembers: SharedArrayBuffer
  /**
   * [0] behind the last series that was taken, [1] the same of devices, [2] sets in use, [3] those of them that are no whole ones, [4] tasks
   * begun, [5] series in use by devices that the inventory does not know, [6] how often devices were forgotten.
   */
  readonly counters: SharedArrayBuffer
  /** What changes of series are reckoned from. */
  readonly baselines: SharedArrayBuffer
  /** By the first series of an entity: whose names it goes by (learning/entities.ts). */
  readonly claims: SharedArrayBuffer
  /** By device: how many entities were made because a number of it had gone to another port. */
  readonly renamed: SharedArrayBuffer
  /** Numbers of sets, by what is in them. */
  readonly sets: SharedTableMemory
  readonly entities: SharedTableMemory
  readonly deviceTable: SharedTableMemory
  readonly knownNames: KnownNamesMemory
  /** What was taken and is free again. */
  readonly freeRoom: FreeRoomMemory
}

/**
 * Sets are numbered for the life of the process, reloads included. Odd records, which make sets of their own, must not keep profiles
 * from being reloaded, whose measurements need a set of all their signals each: half of the numbers are kept for those.
 */
const partSetsMax = setsMax / 2
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
    setMembers: new SharedArrayBuffer(setsMax * setWords * 4),
    counters: new SharedArrayBuffer(28),
    baselines: new SharedArrayBuffer(baselinesBytes(seriesMax)),
    claims: new SharedArrayBuffer(seriesMax * 4),
    renamed: new SharedArrayBuffer(devicesMax * 2),
    sets: createSharedTableMemory(setsMax, setsMax * 64),
    entities: createSharedTableMemory(entitiesMax, keyBytesMax),
    deviceTable: createSharedTableMemory(devicesMax, keyBytesMax),
    knownNames: createKnownNamesMemory(devicesMax),
    freeRoom: createFreeRoomMemory(devicesMax)
  }
}

export interface SharedState {
  readonly limits: SharedLimits
  readonly series: SeriesState
  readonly devices: DeviceState
  readonly kernel: KernelMemory
  /** The stored id: two words a series, the low one first. */
  readonly seriesIds: Uint32Array
  /** The number of the set of the span that begins at a series. */
  readonly spanSets: Int32Array
  /** Where the next span of the entity begins, plus one; 0 for none. */
  readonly nextSpans: Int32Array
  /** A hash of the names of the port that an entity was met by, by its first series; 0 for an entity without names. */
  readonly claims: Int32Array
  /** How many entities of a device were made because a number had gone to another port. */
  readonly renamed: Uint16Array
  readonly setMembers: Int32Array
  /** Numbers of sets, by what is in them. */
  readonly sets: SharedTable
  readonly entities: SharedTable
  readonly deviceTable: SharedTable
  readonly aliases: SharedTable
  /** Devices that the inventory does not know take half of each table at most. */
  readonly knownNames: KnownNames
  readonly free: FreeRoom
  /**
   * Takes `count` neighbouring series; the first one's index, or -1 when there are not that many left for such a device. Under the lock of `entities`,
   * as takeDevice() under that of `deviceTable`.
   */
  takeSeries(count: number, isKnown: boolean): number
  takeDevice(this: void): number
  takeWholeSet(this: void): number
  /** A number for a set of some of a measurement's signals, from the same range. */
  takePartSet(this: void): number
  /** A number below zero, like no other's of late and no `unassigned`, for a task to mark series with. */
  takeMark(this: void): number
  /** Series and devices in use. */
  seriesCount(): number
  deviceCount(): number
  /** Behind the last series and device that were ever in use. */
  seriesEnd(this: void): number
  devicesEnd(this: void): number
  /** Devices were forgotten, and so many series are left of those that the inventory does not know (forget.ts). */
  noteForgotten(unknownSeries: number): void
  /** How often devices were forgotten: whoever found no room may find some when it is another number than before. */
  timesForgotten(): number
  /** The part of each table that is used, 0 to 1: of its entries or of the bytes of its keys, whichever is more. */
  tablesUsed(): TablesUsed
  /** The part that is used of what devices may use that the inventory does not know. */
  tablesUsedByUnknown(): TablesUsed
}

/** By table; without room in `aliases` records only take longer, without room in another one samples are not judged. */
export type TablesUsed = Readonly<Record<'series' | 'devices' | 'entities' | 'aliases', number>>

export function openSharedState(memory: SharedMemory): SharedState {
  const { limits, kernel } = memory
  const { seriesMax, devicesMax } = limits
  const { buffer } = kernel.memory
  const counters = new Int32Array(memory.counters)
  const ended = endedThreadsOf(kernel)
  const devices = deviceStateOver(buffer, devicesMax, kernel.devices)
  const entities = openSharedTable(memory.entities, ended)
  const deviceTable = openSharedTable(memory.deviceTable, ended)
  const aliases = openSharedTable(kernel.aliases, ended)
  const unknownSeriesMax = Math.max(1, seriesMax >> 1)
  const spanSets = new Int32Array(buffer, kernel.spanSets, seriesMax)
  const nextSpans = new Int32Array(buffer, kernel.nextSpans, seriesMax)
  const free = openFreeRoom(memory.freeRoom, spanSets, nextSpans)
  const seriesEnd = (): number => Math.min(seriesMax, Atomics.load(counters, 0))
  const devicesEnd = (): number => Math.min(devicesMax, Atomics.load(counters, 1))
  const seriesCount = (): number => seriesEnd() - free.seriesCount()
  const take = (counter: number, count: number, max: number): number => {
    const first = Atomics.add(counters, counter, count)
    if (first + count <= max) return first
    Atomics.sub(counters, counter, count)
    return -1
  }
  return {
    limits,
    kernel,
    series: seriesStateOver(buffer, seriesMax, kernel.series, devices.startedMs, memory.baselines),
    devices,
    seriesIds: new Uint32Array(buffer, kernel.seriesIds, seriesMax * 2),
    spanSets,
    nextSpans,
    claims: new Int32Array(memory.claims),
    renamed: new Uint16Array(memory.renamed),
    setMembers: new Int32Array(memory.setMembers),
    sets: openSharedTable(memory.sets, ended),
    entities,
    deviceTable,
    aliases,
    knownNames: openKnownNames(memory.knownNames),
    free,
    takeSeries(count, isKnown) {
      if (isKnown) {
        const first = take(0, count, seriesMax)
        return first < 0 ? free.takeSeries(count) : first
      }
      if (take(5, count, unknownSeriesMax) < 0) return -1
      let first = free.takeSeries(count)
      // What is free may lie in pieces too short for one that is known: it counts as used here, so that the other half stays whole for those.
      if (first < 0 && Atomics.load(counters, 5) + free.seriesCount() <= unknownSeriesMax)
        first = take(0, count, seriesMax)
      if (first < 0) Atomics.sub(counters, 5, count)
      return first
    },
    takeDevice() {
      const device = free.takeDevice()
      return device < 0 ? take(1, 1, devicesMax) : device
    },
    takeWholeSet: () => take(2, 1, setsMax),
    takePartSet: () => (take(3, 1, partSetsMax) < 0 ? -1 : take(2, 1, setsMax)),
    takeMark: () => -2 - (Atomics.add(counters, 4, 1) & 0x3fffffff),
    seriesCount,
    deviceCount: () => devicesEnd() - free.deviceCount(),
    seriesEnd,
    devicesEnd,
    noteForgotten(unknownSeries) {
      Atomics.store(counters, 5, unknownSeries)
      Atomics.add(counters, 6, 1)
    },
    timesForgotten: () => Atomics.load(counters, 6),
    tablesUsed: () => ({
      series: seriesCount() / seriesMax,
      devices: deviceTable.used(),
      entities: entities.used(),
      aliases: aliases.used()
    }),
    tablesUsedByUnknown: () => ({
      series: Atomics.load(counters, 5) / unknownSeriesMax,
      devices: deviceTable.usedByUnknown(),
      entities: entities.usedByUnknown(),
      aliases: aliases.usedByUnknown()
    })
  }
}
