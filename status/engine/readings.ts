import type { SeriesState } from '../../rules/series-state.ts'
import type { ProfileReports } from '../../schemas/records/profile-schema.ts'
import { createNumberTable } from '../../topology/texts.ts'
import type { SeriesRegistry } from './series-registry.ts'
import type { SilenceWatch } from './silence.ts'

/**
 * Which readings have stopped while their device goes on: a port that is gone after a reboot, a UPS whose card answers for
 * itself only. Nobody says so; it is known by the rhythm of each series.
 *
 * A series is expected only when it has a rhythm: a few intervals in a row that are alike, and some more where the source may as
 * well tell changes (gNMI). Of sources that tell changes only (Zabbix discards what is unchanged) none is expected. It has stopped when
 * nothing of it came for as many of its intervals as make a device silent, while its device was heard: so the silence of a
 * device, of a collector or of ourselves stops no reading.
 *
 * A source whose clock was set back is heard, and none of its readings is judged until its time has caught up: they have not
 * stopped, they stand.
 *
 * It is looked for by going round all that are judged, some at each sweep; the threads that evaluate know nothing of it.
 */
export interface ReadingWatch {
  /**
   * A series was given a program: from now on it is looked at. `reports`: what its source tells. `isOfPort`: by it can be
   * told that the ports of its device are polled, whether it is judged itself or not.
   */
  expect(series: number, reports: ProfileReports, isOfPort: boolean): void
  /** A reading of the series is at hand, for the first time or again after it had stopped. */
  met(series: number, nowMs: number): void
  /** The series had stopped before a restart, and has not been told since, whatever was read again. */
  stillStopped(series: number): void
  /** The source says that there is no such reading any more; whether that is news of a series that is looked at. */
  isGone(series: number): boolean
  sweep(nowMs: number): ReadingSweep
  /** Whether a series of this signal is known on the port of a device (indices of the inventory, number of the instance). */
  isMet(device: number, instance: number, signal: number): boolean
  /** Other series of the same device, port and signal, from another source, that have not stopped. */
  othersOf(series: number): readonly number[]
  /** Devices have other indices now; rhythms stay. */
  reload(deviceCount: number): void
}

export interface ReadingSweep {
  /** Series that have stopped since the last sweep; those of one port or UPS that stopped together stand together. */
  readonly stopped: readonly number[]
  /** Series that had stopped and come again without having been met again. */
  readonly resumed: readonly number[]
  /** Devices (inventory index) of which some port has been reported for so long that every port that is polled was met. */
  readonly established: readonly number[]
}

export interface ReadingWatchOptions {
  readonly registry: Pick<
    SeriesRegistry,
    'knownOf' | 'deviceOf' | 'signal' | 'instanceNumber' | 'isSamePlace' | 'eachOfDevice'
  >
  readonly state: Pick<SeriesState, 'capacity' | 'lastTimeMs'>
  readonly silence: Pick<SilenceWatch, 'lastSeenMs' | 'intervalMs' | 'expectedFromMs' | 'heardMs'>
  /** A reading has stopped after so many intervals and half a one. */
  readonly factor: number
  readonly deviceCount: number
}

/** Every series is looked at once in this time. */
export const readingsRoundMs = 20_000
/** So many intervals alike make a rhythm, by what the source tells. */
const rhythmMin: Readonly<Record<ProfileReports, number>> = {
  polls: 3,
  either: 10,
  // A row is missed as soon as a device that misses polls is.
  rows: 255,
  changes: Infinity
}
/** By so many intervals of one port every other port of its device has been met. */
const establishedMin = 10
/** Intervals are alike when none is longer than so many of the others. */
const alike = 2
/** A series that stopped and came again so often has a rhythm of its own: its pauses are then expected. */
const stopsBelieved = 2
const pauseMsMax = 86_400_000
/** Stands for the slot of a device that was told to be established. */
const toldOfPorts = -1

const going = 0
const stopped = 1
/** Met again after it had stopped, and its pause not yet learnt. */
const back = 2

/** What is kept of each series that is watched, by slot: arrays, since a large network has a million of them. */
interface Slots {
  readonly series: Int32Array
  /** Event time of the reading that was seen last. */
  readonly seenMs: Float64Array
  /** When that was seen, by our clock. */
  readonly changedMs: Float64Array
  readonly shortestMs: Float32Array
  readonly longestMs: Float32Array
  /** Intervals alike so far, up to 254. */
  readonly rhythm: Uint8Array
  readonly stops: Uint8Array
  readonly phase: Uint8Array
  /** Intervals alike that make its rhythm; 0 where nothing does. */
  readonly rhythmMin: Uint8Array
  /** The next slot of the same device and instance plus one; 0 behind the last. */
  readonly next: Int32Array
}

export function createReadingWatch(options: ReadingWatchOptions): ReadingWatch {
  const { registry, state, silence } = options
  const factor = options.factor + 0.5
  let slots = slotsOf(1024)
  let size = 0
  /** Slot of a series plus one; room that is not used takes no memory. */
  const slotOf = new Int32Array(state.capacity)
  /** First slot of each device and instance. */
  let places = createNumberTable(placeHash)
  /** By device: slot plus one of the series by which it is told that its ports are polled. */
  let portSlot = new Int32Array(options.deviceCount)
  let cursor = 0
  let lastSweepMs = 0
  /** Event time of the newest reading of a source, found out once a sweep. */
  const newestMs = new Map<number, number>()
  /** When the clock of a source was last seen to stand (ms); one entry a source at most. */
  const stoodMs = new Map<number, number>()

  function hashOf(device: number, instance: number): number {
    const h = Math.imul(device + 1, 0x9e3779b1) ^ Math.imul(instance + 1, 0x85ebca6b)
    return (Math.imul(h ^ (h >>> 15), 0x846ca68b) ^ (h >>> 13)) >>> 0
  }
  function placeHash(slot: number): number {
    const series = slots.series[slot]!
    return hashOf(registry.knownOf(series), registry.instanceNumber(series))
  }
  const headOf = (device: number, instance: number): number =>
    places.find(hashOf(device, instance), slot => {
      const series = slots.series[slot]!
      return registry.knownOf(series) === device && registry.instanceNumber(series) === instance
    })
  const eachOfPlace = (device: number, instance: number, act: (slot: number) => void): void => {
    for (let slot = headOf(device, instance); slot >= 0; slot = slots.next[slot]! - 1) act(slot)
  }

  /** Joins the other series of its device and instance; those of devices that nobody knows are not looked for. */
  const join = (slot: number): void => {
    const series = slots.series[slot]!
    const device = registry.knownOf(series)
    slots.next[slot] = 0
    if (device < 0) return
    const instance = registry.instanceNumber(series)
    const head = headOf(device, instance)
    if (head < 0) places.add(hashOf(device, instance), slot)
    else {
      slots.next[slot] = slots.next[head]!
      slots.next[head] = slot + 1
    }
  }

  const addSlot = (series: number): number => {
    if (size === slots.series.length) slots = slotsOf(size * 2, slots)
    const slot = size++
    slots.series[slot] = series
    slotOf[series] = slot + 1
    join(slot)
    return slot
  }

  /** Takes note of an interval between two readings (ms, event time), as they were seen. */
  const learn = (slot: number, intervalMs: number): void => {
    const longestMs = slots.longestMs[slot]!
    const begin = (): void => {
      slots.shortestMs[slot] = intervalMs
      slots.longestMs[slot] = intervalMs
      slots.rhythm[slot] = 1
    }
    if (slots.rhythm[slot] === 0 || intervalMs * alike < slots.shortestMs[slot]!) begin()
    else if (intervalMs <= longestMs * alike) {
      slots.shortestMs[slot] = Math.min(slots.shortestMs[slot]!, intervalMs)
      slots.longestMs[slot] = Math.max(longestMs, intervalMs)
      slots.rhythm[slot] = Math.min(254, slots.rhythm[slot]! + 1)
      // An outage, another pace or none: it is found out anew.
    } else slots.rhythm[slot] = 0
  }

  /** A reading came since the slot was looked at last. */
  const noteReading = (slot: number, timeMs: number, nowMs: number): void => {
    const beforeMs = slots.seenMs[slot]!
    const intervalMs = timeMs - beforeMs
    slots.seenMs[slot] = timeMs
    slots.changedMs[slot] = nowMs
    if (beforeMs === 0) return
    if (slots.phase[slot] === going) {
      learn(slot, intervalMs)
      return
    }
    slots.phase[slot] = going
    const stops = Math.min(255, slots.stops[slot]! + 1)
    slots.stops[slot] = stops
    if (stops >= stopsBelieved)
      slots.longestMs[slot] = Math.max(slots.longestMs[slot]!, Math.min(intervalMs, pauseMsMax))
  }

  const newestOf = (source: number): number => {
    let newest = newestMs.get(source)
    if (newest !== undefined) return newest
    newest = 0
    registry.eachOfDevice(source, series => {
      const timeMs = state.lastTimeMs[series]!
      if (timeMs > newest!) newest = timeMs
    })
    newestMs.set(source, newest)
    return newest
  }

  /** Whether a source is heard since a slot's last reading, and its event time has gone by less than half of ours. */
  const stands = (slot: number, source: number, nowMs: number): boolean => {
    const changedMs = slots.changedMs[slot]!
    if (silence.heardMs(source) <= changedMs) return false
    return newestOf(source) - slots.seenMs[slot]! < (nowMs - changedMs) / 2
  }

  /** Whether the readings of a slot, which were last seen a while ago, have stopped. */
  const hasStopped = (slot: number, nowMs: number): boolean => {
    const isRow = slots.rhythmMin[slot] === rhythmMin.rows && slots.seenMs[slot] !== 0
    if (slots.phase[slot] !== going || slots.rhythmMin[slot] === 0) return false
    if (!isRow && slots.rhythm[slot]! < slots.rhythmMin[slot]!) return false
    const changedMs = slots.changedMs[slot]!
    const ownMs = isRow ? 0 : slots.longestMs[slot]!
    if (nowMs - changedMs <= ownMs * factor) return false
    const series = slots.series[slot]!
    const device = registry.knownOf(series)
    if (device < 0) return false
    const source = registry.deviceOf(series)
    if (stands(slot, source, nowMs)) {
      stoodMs.set(source, nowMs)
      return false
    }
    const limitMs = Math.max(ownMs, silence.intervalMs(device)) * factor
    const stood = stoodMs.get(source) ?? 0
    const sinceMs = Math.max(changedMs, stood, silence.expectedFromMs(device, source))
    return (silence.lastSeenMs(device) ?? 0) - sinceMs > limitMs
  }

  /**
   * What has stopped on one port does so at one moment, so that no rule sees half of it. Where a source tells nothing of the port any
   * more, that is all it ever told, readings without a rhythm too.
   */
  const stopWith = (slot: number, nowMs: number, found: number[]): void => {
    const series = slots.series[slot]!
    const device = registry.knownOf(series)
    const instance = registry.instanceNumber(series)
    const uptoMs = slots.changedMs[slot]! + readingsRoundMs
    const isStill = (other: number): boolean =>
      slots.changedMs[other]! <= uptoMs && state.lastTimeMs[slots.series[other]!] === slots.seenMs[other]
    const isOfSource = (other: number): boolean => registry.isSamePlace(series, slots.series[other]!)
    let isWhole = true
    eachOfPlace(device, instance, other => {
      isWhole &&= !isOfSource(other) || isStill(other)
    })
    eachOfPlace(device, instance, other => {
      const isOver =
        other === slot || (isStill(other) && ((isWhole && isOfSource(other)) || hasStopped(other, nowMs)))
      if (!isOver || slots.phase[other] === stopped) return
      slots.phase[other] = stopped
      found.push(slots.series[other]!)
    })
  }

  return {
    met(series, nowMs) {
      const slot = slotOf[series]! - 1
      if (slot < 0 || slots.phase[slot] !== stopped) return
      slots.phase[slot] = back
      slots.changedMs[slot] = nowMs
    },

    stillStopped(series) {
      const slot = slotOf[series]! - 1
      if (slot < 0) return
      slots.phase[slot] = stopped
      slots.seenMs[slot] = state.lastTimeMs[series]!
    },

    isGone(series) {
      const slot = slotOf[series]! - 1
      if (slot < 0 || slots.phase[slot] === stopped) return false
      slots.phase[slot] = stopped
      slots.seenMs[slot] = state.lastTimeMs[series]!
      return true
    },

    expect(series, reports, isOfPort) {
      const known = slotOf[series]! - 1
      const slot = known < 0 ? addSlot(series) : known
      // Infinity is none.
      slots.rhythmMin[slot] = rhythmMin[reports]
      const device = registry.knownOf(series)
      if (isOfPort && reports !== 'changes' && reports !== 'rows' && device >= 0 && portSlot[device] === 0)
        portSlot[device] = slot + 1
    },

    sweep(nowMs) {
      const found: ReadingSweep & { stopped: number[]; resumed: number[]; established: number[] } = {
        stopped: [],
        resumed: [],
        established: []
      }
      newestMs.clear()
      const part = Math.min(1, Math.max(0, nowMs - lastSweepMs) / readingsRoundMs)
      lastSweepMs = nowMs
      for (let left = Math.min(size, Math.ceil(size * part)); left > 0; left--) {
        if (cursor >= size) cursor = 0
        const slot = cursor++
        const series = slots.series[slot]!
        const timeMs = state.lastTimeMs[series]!
        if (timeMs === slots.seenMs[slot]) {
          if (hasStopped(slot, nowMs)) stopWith(slot, nowMs, found.stopped)
          continue
        }
        if (slots.phase[slot] === stopped) found.resumed.push(series)
        noteReading(slot, timeMs, nowMs)
        if (slots.rhythm[slot]! < establishedMin) continue
        const device = registry.knownOf(series)
        if (device < 0 || portSlot[device] !== slot + 1) continue
        portSlot[device] = toldOfPorts
        found.established.push(device)
      }
      return found
    },

    isMet(device, instance, signal) {
      let isThere = false
      eachOfPlace(device, instance, slot => {
        isThere ||= registry.signal(slots.series[slot]!) === signal
      })
      return isThere
    },

    othersOf(series) {
      const others: number[] = []
      eachOfPlace(registry.knownOf(series), registry.instanceNumber(series), slot => {
        const other = slots.series[slot]!
        if (other === series || registry.signal(other) !== registry.signal(series)) return
        if (slots.phase[slot] !== stopped) others.push(other)
      })
      return others
    },

    reload(deviceCount) {
      places = createNumberTable(placeHash, size)
      for (let slot = 0; slot < size; slot++) join(slot)
      // What is told of a device by its ports is told again, for they may be others now.
      portSlot = new Int32Array(deviceCount)
    }
  }
}

function slotsOf(count: number, old?: Slots): Slots {
  const grown = <A extends { set(from: A): void }>(array: A, before: A | undefined): A => {
    if (before !== undefined) array.set(before)
    return array
  }
  return {
    series: grown(new Int32Array(count), old?.series as Int32Array<ArrayBuffer> | undefined),
    seenMs: grown(new Float64Array(count), old?.seenMs as Float64Array<ArrayBuffer> | undefined),
    changedMs: grown(new Float64Array(count), old?.changedMs as Float64Array<ArrayBuffer> | undefined),
    shortestMs: grown(new Float32Array(count), old?.shortestMs as Float32Array<ArrayBuffer> | undefined),
    longestMs: grown(new Float32Array(count), old?.longestMs as Float32Array<ArrayBuffer> | undefined),
    rhythm: grown(new Uint8Array(count), old?.rhythm as Uint8Array<ArrayBuffer> | undefined),
    stops: grown(new Uint8Array(count), old?.stops as Uint8Array<ArrayBuffer> | undefined),
    phase: grown(new Uint8Array(count), old?.phase as Uint8Array<ArrayBuffer> | undefined),
    rhythmMin: grown(new Uint8Array(count), old?.rhythmMin as Uint8Array<ArrayBuffer> | undefined),
    next: grown(new Int32Array(count), old?.next as Int32Array<ArrayBuffer> | undefined)
  }
}
