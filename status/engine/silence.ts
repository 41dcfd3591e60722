import type { DeviceState } from '../../rules/series-state.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import { createCollector, isTooQuiet, usualPauseMs, type Collector } from './collectors.ts'
import { createLostDevices, type CollectorChange } from './lost-devices.ts'
import { nextIntervalMs } from './rhythm.ts'
import type { SeenDevice } from './series-registry.ts'

/**
 * Who has fallen silent. A device is silent when it has missed `factor` polls, that is, when nothing of it was
 * evaluated for as many of its intervals and half a one; a device never heard of counts from the start of listening. How
 * often it is polled is learned, and how many polls are lost: where that is much, more of them must be missed.
 *
 * Nobody is called silent for the silence of who would have told. A collector is heard far more often than any of its
 * devices, so its own silence is known before any of theirs; while it lasts, its devices are neither called silent nor heard.
 * When all collectors are silent at once it is our own way to them that is: then nobody is. The same holds while the
 * daemon itself holds consumption back (a full database).
 */
export interface StalenessOptions {
  readonly defaultIntervalMs: number
  readonly factor: number
  /** Extra time after the start, a rebalance or a hold, before anything counts as silent. */
  readonly graceMs: number
  /** A collector with fewer devices than this is not judged as one. */
  readonly collectorDevicesMin: number
}

export interface SilenceSweep {
  /** Devices (inventory index) whose silence changed: since when, or null when they are heard again. */
  readonly devices: readonly { readonly device: number; readonly sinceMs: number | null }[]
  readonly collectors: readonly CollectorChange[]
  /** Devices that a collector had lost and that are heard again. */
  readonly foundAgain: readonly number[]
  /** Whether more has changed than one sweep tells: call again soon. */
  readonly more: boolean
}

/** Devices told of in one sweep: what follows from each takes microseconds, half a city may change at once, and a look-up is not to wait for that. */
const changesMax = 2000

/** What of a seen device is needed here. */
type Watched = Pick<SeenDevice, 'index' | 'known' | 'collector'>

export interface SilenceWatch {
  /** Compares every device with the clock; call about once a second. */
  sweep(nowMs: number): SilenceSweep
  /** While true nothing falls silent; on release everything is counted anew, with the grace. */
  hold(held: boolean, nowMs: number): void
  /** A seen device was resolved to the inventory. */
  watch(seen: Watched): void
  /** A device that was silent before a restart is so until it is heard: later than that (ms), up to when it is known not to have been. */
  restore(device: number, unheardToMs: number): void
  /**
   * Last-heard times are known as if we had listened since then (ms): who was heard since counts from there, without the grace.
   */
  heardSince(sinceMs: number): void
  /** The longest of all devices (ms). */
  longest(): { readonly intervalMs: number; readonly limitMs: number }
  isSilent(device: number): boolean
  /** A collector has lost it: it is neither silent nor heard. */
  isLost(device: number): boolean
  lastSeenMs(device: number): number | null
  /** When what was read of it last was (ms, by the clock of who read it); 0 for never. */
  readMs(device: number): number
  /** How long before that it was heard the time before (ms); 0 where that is not known. */
  pauseMs(device: number): number
  /** How often the device is expected to be heard (ms), and how long nothing is heard of it before it is silent. */
  intervalMs(device: number): number
  limitMs(device: number): number
  /** Since when it had not been heard (ms), where a moment is about that when it was heard again; the moment itself for all others. */
  awayFromMs(device: number, atMs: number): number
  /**
   * From when on the readings of a device by one of its sources (an index in the shared device state) are expected at their pace:
   * the device and the source's collector must have been heard again, and consumption been let go on. Infinity while they are not.
   */
  expectedFromMs(device: number, source: number): number
  /** When a source (index in the shared state) was heard last (ms); 0 for never. */
  heardMs(source: number): number
  /** Takes over another inventory; who is silent goes with the device's id. */
  reload(inventory: CompiledInventory, seen: Iterable<Watched>): void
}

/** What others know of those that are watched. */
export interface SilenceAsks {
  /** The network explains that nothing is heard of the node. */
  readonly isExplained?: (node: number) => boolean
  /** When that was read by which a source (an index in the shared device state) was heard last (ms, by the clock of who read it); 0 for never. */
  readonly readMs?: (source: number) => number
}

/** What is kept per device, in arrays: a million devices are looked over every second. */
interface Devices {
  readonly count: number
  /** As the inventory or the configuration says, and as it is learned. */
  readonly configuredMs: Float64Array
  readonly intervalMs: Float64Array
  /** When it was heard last, and how long nothing had been heard of it before: what its rhythm is learned from. */
  readonly heardMs: Float64Array
  readonly pauseMs: Float32Array
  readonly limitMs: Float64Array
  /** Shared index of the first source of each device plus one, 0 for none: several identifiers may feed one device. */
  readonly firstSource: Int32Array
  readonly silent: Uint8Array
  /** When a silent device was last heard (0 for never): anything later ends its silence. Kept when it is heard again, or found. */
  readonly silentSinceMs: Float64Array
  /** When a device that its collector has lost was heard last (ms); 0 for all others. */
  readonly lostMs: Float64Array
  /** When its last silence ended (ms); 0 where there was none. */
  readonly resumedMs: Float64Array
}

export function createSilenceWatch(
  inventory: CompiledInventory,
  state: DeviceState,
  options: StalenessOptions,
  startMs: number,
  { isExplained = () => false, readMs = () => 0 }: SilenceAsks = {}
): SilenceWatch {
  let current = inventory
  let countedFromMs = startMs + options.graceMs
  /** Who was heard since then counts from when it was heard; everybody else from `countedFromMs` at least. */
  let heardSinceMs = countedFromMs
  let held = false
  /** Where the next sweep begins: where one sweep found more changes than it may report, behind the last that it reported. */
  let sweepFrom = 0
  let devices = devicesOf(inventory, options)
  /** The next source of the same device plus one, by shared index; 0 behind the last. */
  let nextSource = new Int32Array(state.capacity)
  /** Collector of a source plus one, by shared index; 0 for none. */
  let collectorOf = new Int32Array(state.capacity)
  /** Behind the last source that is watched. */
  let sourcesEnd = 0
  const collectors: Collector[] = []
  const collectorNumbers = new Map<string, number>()
  /** When each collector was heard last, by its number less one; filled anew by each sweep. */
  let heardNow = new Float64Array(16)
  /** All collectors are silent at once: it is not them. */
  let isDeaf = false
  /** When the sweep is that is under way (ms). */
  let sweptMs = startMs

  const countFrom = (fromMs: number): void => {
    countedFromMs = fromMs
    heardSinceMs = fromMs
  }

  /** When the silence of a device that was heard last then begins to count. */
  const countedFrom = (lastMs: number): number => (lastMs >= heardSinceMs ? lastMs : countedFromMs)

  const lastSeen = (device: number): number => {
    let last = 0
    for (let at = devices.firstSource[device]!; at !== 0; at = nextSource[at - 1]!) {
      const heardMs = state.lastSeenMs[at - 1]!
      if (heardMs > last) last = heardMs
    }
    return last
  }

  const lastRead = (device: number): number => {
    let last = 0
    for (let at = devices.firstSource[device]!; at !== 0; at = nextSource[at - 1]!)
      last = Math.max(last, readMs(at - 1))
    return last
  }

  /** Calls back with each collector that sees the device, once. */
  const eachCollector = (device: number, act: (collector: Collector) => void): void => {
    const first = devices.firstSource[device]!
    for (let at = first; at !== 0; at = nextSource[at - 1]!) {
      const number = collectorOf[at - 1]!
      if (number === 0) continue
      let before = first
      while (before !== at && collectorOf[before - 1] !== number) before = nextSource[before - 1]!
      if (before === at) act(collectors[number - 1]!)
    }
  }

  const collectorNumber = (name: string): number => {
    if (name === '') return 0
    let number = collectorNumbers.get(name)
    if (number === undefined) {
      number = collectors.push(createCollector(name))
      collectorNumbers.set(name, number)
      if (number > heardNow.length) heardNow = new Float64Array(number * 2)
    }
    return number
  }

  const countMember = (device: number, sign: 1 | -1): void =>
    eachCollector(device, collector => {
      collector.members += sign
    })

  const watch = ({ known, index, collector }: Watched): void => {
    if (known < 0) return
    for (let at = devices.firstSource[known]!; at !== 0; at = nextSource[at - 1]!) {
      if (at - 1 === index) return
    }
    countMember(known, -1)
    collectorOf[index] = collectorNumber(collector)
    if (index >= sourcesEnd) sourcesEnd = index + 1
    nextSource[index] = devices.firstSource[known]!
    devices.firstSource[known] = index + 1
    countMember(known, 1)
  }

  /** Devices that are heard by this collector, and by no other that is. */
  const devicesHeardOnlyBy = (collector: Collector): number[] => {
    const found: number[] = []
    for (let device = 0; device < devices.count; device++) {
      let isMember = false
      let isElsewhere = false
      eachCollector(device, other => {
        if (other === collector) isMember = true
        else isElsewhere ||= !other.isSilent
      })
      if (isMember && !isElsewhere && devices.silent[device] === 0) found.push(device)
    }
    return found
  }

  /**
   * Whether a device that was not heard for its limit has missed its polls, and not its collectors theirs: one of them has been
   * heard for as long since the device was heard last, and since it came back itself.
   */
  const hasMissedPolls = (device: number, last: number, nowMs: number): boolean => {
    let isHeardBySome = false
    let hasMissed = false
    eachCollector(device, collector => {
      isHeardBySome = true
      if (collector.isSilent) return
      const isJudged = collector.members >= options.collectorDevicesMin
      const toMs = isJudged ? Math.min(nowMs, collector.heardMs + usualPauseMs(collector)) : nowMs
      const limitMs = devices.intervalMs[device]! * (collector.losses.missesMin(options.factor) + 0.5)
      hasMissed ||= toMs - Math.max(countedFrom(last), collector.resumedMs) > limitMs
    })
    return hasMissed || !isHeardBySome
  }

  /** A device has been heard again: what that says of its rhythm, and of the polls that were lost. */
  const learnRhythm = (device: number, last: number): void => {
    const before = devices.heardMs[device]!
    devices.heardMs[device] = last
    if (devices.lostMs[device]! > 0 && last > devices.lostMs[device]!) {
      devices.resumedMs[device] = sweptMs
      devices.silentSinceMs[device] = devices.lostMs[device]!
      lost.find(device)
      return
    }
    const pauseMs = last - before
    const intervalMs = devices.intervalMs[device]!
    // Records of one poll may have times of their own.
    if (before === 0 || pauseMs < intervalMs / 4) return
    const nextMs = nextIntervalMs(
      intervalMs,
      devices.configuredMs[device]!,
      pauseMs,
      devices.pauseMs[device]!
    )
    devices.pauseMs[device] = pauseMs
    if (nextMs !== intervalMs) {
      devices.intervalMs[device] = nextMs
      devices.limitMs[device] = nextMs * (options.factor + 0.5)
    }
    const source = devices.firstSource[device]!
    const number = source === 0 ? 0 : collectorOf[source - 1]!
    const collector = number === 0 ? undefined : collectors[number - 1]!
    // What a collector missed itself was not lost one by one.
    if (collector === undefined || before < Math.max(countedFromMs - options.graceMs, collector.resumedMs))
      return
    collector.losses.note(Math.round(pauseMs / nextMs))
  }

  /** Devices whose silence begins or ends now. It is a loop over a million devices, so nothing else is done in it. */
  const changedAt = (nowMs: number): number[] => {
    const { count, limitMs, firstSource, silent, silentSinceMs, heardMs, lostMs } = devices
    const { lastSeenMs } = state
    const changed: number[] = []
    const from = sweepFrom < count ? sweepFrom : 0
    sweepFrom = 0
    for (let i = 0; i < count; i++) {
      const device = from + i < count ? from + i : from + i - count
      const source = firstSource[device]!
      let last = 0
      if (source !== 0) last = nextSource[source - 1] === 0 ? lastSeenMs[source - 1]! : lastSeen(device)
      if (last !== heardMs[device]) learnRhythm(device, last)
      // A silent device stays silent until it is heard; a restart or a new grace does not change that.
      const change =
        silent[device] === 1
          ? last > silentSinceMs[device]!
          : nowMs - (last >= heardSinceMs ? last : countedFromMs) > limitMs[device]! &&
            lostMs[device] === 0 &&
            hasMissedPolls(device, last, nowMs)
      if (!change) continue
      if (changed.length === changesMax) {
        sweepFrom = device
        break
      }
      changed.push(device)
    }
    return changed
  }

  /**
   * When each collector was heard last. Every source counts, whose device may be heard otherwise. Sources are read in the order
   * in which they lie: by way of their devices it would be a walk all over the memory.
   */
  const listen = (): void => {
    const { lastSeenMs } = state
    heardNow.fill(0)
    for (let source = 0; source < sourcesEnd; source++) {
      const number = collectorOf[source]!
      if (number !== 0 && lastSeenMs[source]! > heardNow[number - 1]!)
        heardNow[number - 1] = lastSeenMs[source]!
    }
  }

  const lost = createLostDevices({
    collectors,
    lostMs: () => devices.lostMs,
    devicesMin: options.collectorDevicesMin,
    heard: {
      get inventory() {
        return current
      },
      get deviceCount() {
        return devices.count
      },
      nodeOf: device => current.nodeOfDevice(device),
      lastMs: lastSeen,
      readMs: lastRead,
      intervalMs: device => devices.intervalMs[device]!,
      isSilent: device => devices.silent[device] === 1,
      isLost: device => devices.lostMs[device]! > 0,
      eachCollector,
      isExplained
    }
  })

  const changedCollectors = (nowMs: number): CollectorChange[] => {
    if (collectors.length === 0) return []
    listen()
    const changed: CollectorChange[] = []
    const judged = collectors.filter(({ members }) => members >= options.collectorDevicesMin)
    const quiet = new Set(
      judged.filter(c => isTooQuiet(c, heardNow[collectors.indexOf(c)]!, nowMs, countedFromMs, options))
    )
    const wasDeaf = isDeaf
    isDeaf = judged.length > 1 && quiet.size === judged.length && judged.every(({ isSilent }) => !isSilent)
    if (isDeaf) return []
    if (wasDeaf) {
      for (const collector of judged) collector.resumedMs = nowMs
      return []
    }
    for (const collector of judged) {
      // Another must have been heard when this one should have been: otherwise it may be our own way to both of them.
      const missedMs = collector.heardMs + usualPauseMs(collector)
      const isOtherHeard = judged.some(other => other !== collector && other.heardMs > missedMs)
      const isKnown = collector.isSilent || isOtherHeard || judged.length === 1
      const isSilent = quiet.has(collector) && isKnown
      if (isSilent === collector.isSilent) continue
      const members = isSilent ? devicesHeardOnlyBy(collector) : []
      collector.isSilent = isSilent
      // What it has lost with its death it has until it is heard, one device after the other.
      if (!isSilent) collector.resumedMs = nowMs
      else changed.push(lost.whole(collector, members))
    }
    return changed
  }

  return {
    watch,
    sweep(nowMs) {
      if (held) return { devices: [], collectors: [], foundAgain: [], more: false }
      sweptMs = nowMs
      const told = changedCollectors(nowMs)
      if (isDeaf) return { devices: [], collectors: told, foundAgain: [], more: false }
      const flips: { device: number; sinceMs: number | null }[] = []
      const found = changedAt(nowMs)
      const more = found.length === changesMax
      const missed = found.filter(device => devices.silent[device] === 0)
      const losing = lost.explain(missed, nowMs)
      told.push(...losing, ...lost.back(nowMs))
      // What was called silent a moment ago was lost with the others.
      for (const device of losing.flatMap(change => change.devices)) {
        if (devices.silent[device] === 0) continue
        devices.silent[device] = 0
        flips.push({ device, sinceMs: null })
      }
      for (const device of found) {
        if (devices.lostMs[device]! > 0) continue
        const last = lastSeen(device)
        const isSilent = devices.silent[device] === 0
        if (isSilent) devices.silentSinceMs[device] = last
        devices.silent[device] = isSilent ? 1 : 0
        if (!isSilent) devices.resumedMs[device] = nowMs
        flips.push({ device, sinceMs: isSilent ? (last === 0 ? countedFromMs : last) : null })
      }
      return { devices: flips, collectors: told, foundAgain: lost.found(), more }
    },
    hold(value, nowMs) {
      if (held && !value) countFrom(nowMs + options.graceMs)
      held = value
    },
    restore(device, unheardToMs) {
      devices.silent[device] = 1
      devices.silentSinceMs[device] = unheardToMs
    },
    heardSince(sinceMs) {
      heardSinceMs = Math.min(heardSinceMs, sinceMs)
    },
    longest: () => ({
      intervalMs: devices.intervalMs.reduce((most, ms) => Math.max(most, ms), 0),
      limitMs: devices.limitMs.reduce((most, ms) => Math.max(most, ms), 0)
    }),
    isSilent: device => devices.silent[device] === 1,
    isLost: device => devices.lostMs[device]! > 0,
    lastSeenMs(device) {
      const last = lastSeen(device)
      return last === 0 ? null : last
    },
    readMs: lastRead,
    pauseMs(device) {
      // It may have been heard again since the last sweep. Records of one poll come one behind the other.
      const sinceMs = lastSeen(device) - devices.heardMs[device]!
      return sinceMs < devices.intervalMs[device]! / 4 ? sinceMs + devices.pauseMs[device]! : sinceMs
    },
    intervalMs: device => devices.intervalMs[device]!,
    limitMs(device) {
      let misses = options.factor
      eachCollector(device, ({ losses }) => {
        misses = Math.max(misses, losses.missesMin(options.factor))
      })
      return devices.intervalMs[device]! * (misses + 0.5)
    },
    awayFromMs(device, atMs) {
      const sinceMs = devices.silentSinceMs[device]!
      // Its first poll since may have been late, or lost.
      const isBack = atMs <= devices.resumedMs[device]! + devices.intervalMs[device]! * 1.5
      return sinceMs > 0 && sinceMs < atMs && isBack ? sinceMs : atMs
    },
    heardMs: source => state.lastSeenMs[source] ?? 0,
    expectedFromMs(device, source) {
      const collector = collectors[collectorOf[source]! - 1]
      const isLost = devices.silent[device] === 1 || devices.lostMs[device]! > 0
      if (held || isDeaf || isLost || collector?.isSilent === true) return Infinity
      return Math.max(countedFromMs, devices.resumedMs[device]!, collector?.resumedMs ?? 0)
    },
    reload(next, seen) {
      const old = devices
      devices = devicesOf(next, options)
      for (const collector of collectors) collector.lost.clear()
      for (let device = 0; device < old.count; device++) {
        const isLearned = old.intervalMs[device] !== old.configuredMs[device]
        if (old.silent[device] === 0 && old.lostMs[device] === 0 && !isLearned) continue
        const now = next.deviceIndex(current.deviceId(device))
        if (now === undefined) continue
        if (isLearned && devices.configuredMs[now] === old.configuredMs[device]) {
          devices.intervalMs[now] = old.intervalMs[device]!
          devices.limitMs[now] = old.limitMs[device]!
        }
        devices.silent[now] = old.silent[device]!
        devices.silentSinceMs[now] = old.silentSinceMs[device]!
        devices.lostMs[now] = old.lostMs[device]!
      }
      current = next
      nextSource = new Int32Array(state.capacity)
      collectorOf = new Int32Array(state.capacity)
      sourcesEnd = 0
      for (const collector of collectors) collector.members = 0
      for (const device of seen) watch(device)
      for (let device = 0; device < devices.count; device++) {
        if (devices.lostMs[device]! > 0) eachCollector(device, collector => collector.lost.add(device))
      }
    }
  }
}

function devicesOf(inventory: CompiledInventory, options: StalenessOptions): Devices {
  const count = inventory.deviceCount
  const configuredMs = new Float64Array(count)
  for (let device = 0; device < count; device++) {
    const { intervalS } = inventory.makeOf(device)
    configuredMs[device] = intervalS > 0 ? intervalS * 1000 : options.defaultIntervalMs
  }
  return {
    count,
    configuredMs,
    intervalMs: configuredMs.slice(),
    heardMs: new Float64Array(count),
    pauseMs: new Float32Array(count),
    // The poll after the last that counts may be late by half an interval.
    limitMs: configuredMs.map(ms => ms * (options.factor + 0.5)),
    firstSource: new Int32Array(count),
    silent: new Uint8Array(count),
    silentSinceMs: new Float64Array(count),
    lostMs: new Float64Array(count),
    resumedMs: new Float64Array(count)
  }
}
