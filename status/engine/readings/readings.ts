import type { SeriesState } from '../../../rules/series-state.ts'
import type { ProfileReports } from '../../../schemas/records/profile-schema.ts'
import { createReadingGroups } from './reading-groups.ts'
import type { SeriesRegistry } from '../series-registry.ts'
import type { SilenceWatch } from '../silence.ts'

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
  /** Series are of other ports once `act` has been called; rhythms stay. */
  move(series: readonly number[], act: () => void): void
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
/** Stands for the series of a device that was told to be established. */
const toldOfPorts = -1

const going = 0
const stopped = 1
/** Met again after it had stopped, and its pause not yet learnt. */
const back = 2

export function createReadingWatch(options: ReadingWatchOptions): ReadingWatch {
  const { registry, state, silence } = options
  const factor = options.factor + 0.5
  const groups = createReadingGroups(options)
  const { eachOfPlace } = groups
  /** By device: the series plus one by which it is told that its ports are polled. */
  let portSeries = new Int32Array(options.deviceCount)
  let cursor = 0
  let lastSweepMs = 0
  /** Event time of the newest reading of a source, found out once a sweep. */
  const newestMs = new Map<number, number>()
  /** When the clock of a source was last seen to stand (ms); one entry a source at most. */
  const stoodMs = new Map<number, number>()

  /** Takes note of an interval between two readings (ms, event time), as they were seen. */
  const learn = (group: number, intervalMs: number): void => {
    const { shortestMs, longestMs, rhythm } = groups.kept
    const longest = longestMs[group]!
    if (rhythm[group] === 0 || intervalMs * alike < shortestMs[group]!) {
      shortestMs[group] = intervalMs
      longestMs[group] = intervalMs
      rhythm[group] = 1
    } else if (intervalMs <= longest * alike) {
      shortestMs[group] = Math.min(shortestMs[group]!, intervalMs)
      longestMs[group] = Math.max(longest, intervalMs)
      rhythm[group] = Math.min(254, rhythm[group]! + 1)
      // An outage, another pace or none: it is found out anew.
    } else rhythm[group] = 0
  }

  /** A reading came since the group was looked at last. */
  const noteReading = (group: number, timeMs: number, nowMs: number): void => {
    const { seenMs, changedMs, longestMs, phase, stops } = groups.kept
    const beforeMs = seenMs[group]!
    const intervalMs = timeMs - beforeMs
    seenMs[group] = timeMs
    changedMs[group] = nowMs
    if (beforeMs === 0) return
    if (phase[group] === going) {
      learn(group, intervalMs)
      return
    }
    phase[group] = going
    const times = Math.min(255, stops[group]! + 1)
    stops[group] = times
    if (times >= stopsBelieved)
      longestMs[group] = Math.max(longestMs[group]!, Math.min(intervalMs, pauseMsMax))
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

  /** Whether a source is heard since a group's last reading, and its event time has gone by less than half of ours. */
  const stands = (group: number, source: number, nowMs: number): boolean => {
    const { seenMs, changedMs } = groups.kept
    const changed = changedMs[group]!
    if (silence.heardMs(source) <= changed) return false
    return newestOf(source) - seenMs[group]! < (nowMs - changed) / 2
  }

  /** Whether the readings of a group, which were last seen a while ago, have stopped. */
  const hasStopped = (group: number, nowMs: number): boolean => {
    const { seenMs, changedMs, longestMs, phase, rhythm, rhythmMin: least } = groups.kept
    const isRow = least[group] === rhythmMin.rows && seenMs[group] !== 0
    if (phase[group] !== going || least[group] === 0) return false
    if (!isRow && rhythm[group]! < least[group]!) return false
    const changed = changedMs[group]!
    const ownMs = isRow ? 0 : longestMs[group]!
    if (nowMs - changed <= ownMs * factor) return false
    const series = groups.anyOf(group)
    const device = registry.knownOf(series)
    if (device < 0) return false
    const source = registry.deviceOf(series)
    if (stands(group, source, nowMs)) {
      stoodMs.set(source, nowMs)
      return false
    }
    const limitMs = Math.max(ownMs, silence.intervalMs(device)) * factor
    const stood = stoodMs.get(source) ?? 0
    const sinceMs = Math.max(changed, stood, silence.expectedFromMs(device, source))
    return (silence.lastSeenMs(device) ?? 0) - sinceMs > limitMs
  }

  /**
   * What has stopped on one port does so at one moment, so that no rule sees half of it. Where a source tells nothing of the port any
   * more, that is all it ever told, readings without a rhythm too.
   */
  const stopWith = (group: number, nowMs: number, found: Found): void => {
    const series = groups.anyOf(group)
    const device = registry.knownOf(series)
    const instance = registry.instanceNumber(series)
    const before = groups.size
    eachOfPlace(device, instance, partAll)
    const { size } = groups
    const { changedMs, seenMs, phase } = groups.kept
    const isQuiet = (other: number): boolean => state.lastTimeMs[groups.anyOf(other)] === seenMs[other]
    const isOverItself = (other: number): boolean =>
      other === group || (isQuiet(other) && hasStopped(other, nowMs))
    // By the last of those that have stopped, whichever of them is looked at first.
    let uptoMs = 0
    eachOfPlace(device, instance, other => {
      if (isOverItself(other)) uptoMs = Math.max(uptoMs, changedMs[other]! + readingsRoundMs)
    })
    const isStill = (other: number): boolean => isQuiet(other) && changedMs[other]! <= uptoMs
    const isOfSource = (other: number): boolean => registry.isSamePlace(series, groups.anyOf(other))
    let isWhole = true
    eachOfPlace(device, instance, other => {
      isWhole &&= !isOfSource(other) || isStill(other)
    })
    eachOfPlace(device, instance, other => {
      const isOver = isOverItself(other) || (isWhole && isOfSource(other) && isStill(other))
      if (!isOver || phase[other] === stopped) return
      phase[other] = stopped
      groups.eachSeries(other, each => void found.stopped.push(each))
    })
    // Their turn would have been that of the group they were of, and that finds nothing to part any more.
    for (let made = before; made < size; made++) look(made, nowMs, found)
  }

  /** Makes groups of what was told at other times than the rest; each is as it was when it was looked at last. */
  const partAll = (group: number): void => {
    for (let rest = groups.part(group); rest >= 0; rest = groups.part(rest));
  }

  const stopAlone = (series: number): void => {
    const own = groups.alone(series)
    groups.kept.phase[own] = stopped
    groups.kept.seenMs[own] = state.lastTimeMs[series]!
  }

  /** Takes note of what has come of a group since it was looked at last, or of its end. */
  const look = (group: number, nowMs: number, found: Found): void => {
    const rest = groups.part(group)
    const { seenMs, phase, rhythm } = groups.kept
    const series = groups.anyOf(group)
    const timeMs = state.lastTimeMs[series]!
    if (timeMs === seenMs[group]) {
      if (hasStopped(group, nowMs)) stopWith(group, nowMs, found)
    } else {
      if (phase[group] === stopped) groups.eachSeries(group, each => void found.resumed.push(each))
      noteReading(group, timeMs, nowMs)
      const device = rhythm[group]! < establishedMin ? -1 : registry.knownOf(series)
      const told = device < 0 ? 0 : portSeries[device]!
      if (told > 0 && groups.of(told - 1) === group) {
        portSeries[device] = toldOfPorts
        found.established.push(device)
      }
    }
    if (rest >= 0) look(rest, nowMs, found)
  }

  return {
    met(series, nowMs) {
      const group = groups.of(series)
      if (group < 0 || groups.kept.phase[group] !== stopped) return
      const own = groups.alone(series)
      groups.kept.phase[own] = back
      groups.kept.changedMs[own] = nowMs
    },

    stillStopped(series) {
      if (groups.of(series) >= 0) stopAlone(series)
    },

    isGone(series) {
      const group = groups.of(series)
      if (group < 0 || groups.kept.phase[group] === stopped) return false
      stopAlone(series)
      return true
    },

    expect(series, reports, isOfPort) {
      // Infinity is none.
      const least = Number.isFinite(rhythmMin[reports]) ? rhythmMin[reports] : 0
      const group = groups.of(series)
      if (group < 0) groups.add(series, least)
      else groups.kept.rhythmMin[group] = least
      const device = isOfPort ? registry.knownOf(series) : -1
      if (reports !== 'changes' && reports !== 'rows' && device >= 0 && portSeries[device] === 0)
        portSeries[device] = series + 1
    },

    sweep(nowMs) {
      const found: Found = { stopped: [], resumed: [], established: [] }
      newestMs.clear()
      const part = Math.min(1, Math.max(0, nowMs - lastSweepMs) / readingsRoundMs)
      lastSweepMs = nowMs
      // Groups that are made on the way have been looked at with those that they were of.
      const { size } = groups
      for (let left = Math.min(size, Math.ceil(size * part)); left > 0; left--) {
        if (cursor >= size) cursor = 0
        look(cursor++, nowMs, found)
      }
      return found
    },

    isMet(device, instance, signal) {
      let isThere = false
      eachOfPlace(device, instance, group =>
        groups.eachSeries(group, series => {
          isThere ||= registry.signal(series) === signal
        })
      )
      return isThere
    },

    othersOf(series) {
      const others: number[] = []
      eachOfPlace(registry.knownOf(series), registry.instanceNumber(series), group => {
        if (groups.kept.phase[group] === stopped) return
        groups.eachSeries(group, other => {
          if (other !== series && registry.signal(other) === registry.signal(series)) others.push(other)
        })
      })
      return others
    },

    move: (series, act) => groups.move(series, act),

    reload(deviceCount) {
      groups.reload(deviceCount)
      // What is told of a device by its ports is told again, for they may be others now.
      portSeries = new Int32Array(deviceCount)
    }
  }
}

type Found = ReadingSweep & {
  readonly stopped: number[]
  readonly resumed: number[]
  readonly established: number[]
}
