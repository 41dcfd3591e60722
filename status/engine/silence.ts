import type { DeviceState } from '../../rules/series-state.ts'
import type { Inventory } from '../../topology/model.ts'
import type { SeenDevice } from './series-registry.ts'

/**
 * Who has fallen silent. A device is silent when nothing of it was evaluated for `factor` of its polling
 * intervals; a device never heard of counts from the start of listening. While the daemon itself holds
 * consumption back (a full database), the clock of silence stands still: our own trouble is not the network's.
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
  /** Collectors all of whose devices went silent together, or that are back. */
  readonly collectors: readonly {
    readonly collector: string
    readonly devices: readonly number[]
    readonly sinceMs: number | null
  }[]
  /** Whether more has changed than one sweep tells: call again soon. */
  readonly more: boolean
}

/** Devices told of in one sweep: what follows from each takes microseconds, and half a city may change at once. */
const changesMax = 50_000

/** What of a seen device is needed here. */
type Watched = Pick<SeenDevice, 'index' | 'known' | 'collector'>

export interface SilenceWatch {
  /** Compares every device with the clock; call about once a second. */
  sweep(nowMs: number): SilenceSweep
  /** While true nothing falls silent; on release everything is counted anew, with the grace. */
  hold(held: boolean, nowMs: number): void
  /** A seen device was resolved to the inventory. */
  watch(seen: Watched): void
  /** A device that was silent before a restart is so until it is heard. */
  restore(device: number): void
  isSilent(device: number): boolean
  lastSeenMs(device: number): number | null
  /** Takes over another inventory; who is silent goes with the device's id. */
  reload(inventory: Inventory, seen: Iterable<Watched>): void
}

/** What is kept per device, in arrays: a million devices are looked over every second. */
interface Devices {
  readonly count: number
  readonly limitMs: Float64Array
  /** Shared index of the first source of each device plus one, 0 for none: several identifiers may feed one device. */
  readonly firstSource: Int32Array
  readonly silent: Uint8Array
  /** When a silent device was last heard (0 for never): anything later ends its silence. */
  readonly silentSinceMs: Float64Array
}

/** Devices seen by one collector, each counted once. */
interface Collector {
  readonly name: string
  members: number
  silent: number
  dead: boolean
}

export function createSilenceWatch(
  inventory: Inventory,
  state: DeviceState,
  options: StalenessOptions,
  startMs: number
): SilenceWatch {
  let current = inventory
  let countedFromMs = startMs + options.graceMs
  let held = false
  /** Where the next sweep begins: where one sweep found more changes than it may report, behind the last that it reported. */
  let sweepFrom = 0
  let devices = devicesOf(inventory, options)
  /** The next source of the same device plus one, by shared index; 0 behind the last. */
  let nextSource = new Int32Array(state.capacity)
  /** Collector of a source plus one, by shared index; 0 for none. */
  let collectorOf = new Int32Array(state.capacity)
  const collectors: Collector[] = []
  const collectorNumbers = new Map<string, number>()

  const lastSeen = (device: number): number => {
    let last = 0
    for (let at = devices.firstSource[device]!; at !== 0; at = nextSource[at - 1]!) {
      const heardMs = state.lastSeenMs[at - 1]!
      if (heardMs > last) last = heardMs
    }
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
      number = collectors.push({ name, members: 0, silent: 0, dead: false })
      collectorNumbers.set(name, number)
    }
    return number
  }

  const countMember = (device: number, sign: 1 | -1): void =>
    eachCollector(device, collector => {
      collector.members += sign
      collector.silent += sign * devices.silent[device]!
    })

  const watch = ({ known, index, collector }: Watched): void => {
    if (known < 0) return
    for (let at = devices.firstSource[known]!; at !== 0; at = nextSource[at - 1]!) {
      if (at - 1 === index) return
    }
    countMember(known, -1)
    collectorOf[index] = collectorNumber(collector)
    nextSource[index] = devices.firstSource[known]!
    devices.firstSource[known] = index + 1
    countMember(known, 1)
  }

  const setSilent = (device: number, isSilent: boolean): void => {
    if ((devices.silent[device] === 1) === isSilent) return
    devices.silent[device] = isSilent ? 1 : 0
    eachCollector(device, collector => {
      collector.silent += isSilent ? 1 : -1
    })
  }

  const devicesSeenBy = (collector: Collector): number[] => {
    const found: number[] = []
    for (let device = 0; device < devices.count; device++) {
      eachCollector(device, other => {
        if (other === collector) found.push(device)
      })
    }
    return found
  }

  /** Devices whose silence begins or ends now. It is a loop over a million devices, so nothing else is done in it. */
  const changedAt = (nowMs: number): number[] => {
    const { count, limitMs, firstSource, silent, silentSinceMs } = devices
    const { lastSeenMs } = state
    const changed: number[] = []
    const from = sweepFrom < count ? sweepFrom : 0
    sweepFrom = 0
    for (let i = 0; i < count; i++) {
      const device = from + i < count ? from + i : from + i - count
      const source = firstSource[device]!
      let last = 0
      if (source !== 0) last = nextSource[source - 1] === 0 ? lastSeenMs[source - 1]! : lastSeen(device)
      // A silent device stays silent until it is heard; a restart or a new grace does not change that.
      const change =
        silent[device] === 1
          ? last > silentSinceMs[device]!
          : nowMs - (last > countedFromMs ? last : countedFromMs) > limitMs[device]!
      if (!change) continue
      if (changed.length === changesMax) {
        sweepFrom = device
        break
      }
      changed.push(device)
    }
    return changed
  }

  return {
    watch,
    sweep(nowMs) {
      if (held) return { devices: [], collectors: [], more: false }
      const flips: { device: number; sinceMs: number | null }[] = []
      const found = changedAt(nowMs)
      const more = found.length === changesMax
      for (const device of found) {
        const last = lastSeen(device)
        const isSilent = devices.silent[device] === 0
        devices.silentSinceMs[device] = last
        setSilent(device, isSilent)
        flips.push({ device, sinceMs: isSilent ? (last === 0 ? countedFromMs : last) : null })
      }
      const changed: SilenceSweep['collectors'][number][] = []
      for (const collector of collectors) {
        if (collector.members < options.collectorDevicesMin) continue
        const dead = collector.silent === collector.members
        if (dead === collector.dead) continue
        collector.dead = dead
        const members = devicesSeenBy(collector)
        let sinceMs: number | null = null
        if (dead) for (const device of members) sinceMs = Math.max(sinceMs ?? 0, lastSeen(device))
        changed.push({ collector: collector.name, devices: members, sinceMs })
      }
      return { devices: flips, collectors: changed, more }
    },
    hold(value, nowMs) {
      if (held && !value) countedFromMs = nowMs + options.graceMs
      held = value
    },
    restore: device => setSilent(device, true),
    isSilent: device => devices.silent[device] === 1,
    lastSeenMs(device) {
      const last = lastSeen(device)
      return last === 0 ? null : last
    },
    reload(next, seen) {
      const old = devices
      devices = devicesOf(next, options)
      for (let device = 0; device < old.count; device++) {
        const now = old.silent[device] === 1 ? next.deviceIndex(current.deviceId(device)) : undefined
        if (now === undefined) continue
        devices.silent[now] = 1
        devices.silentSinceMs[now] = old.silentSinceMs[device]!
      }
      current = next
      nextSource = new Int32Array(state.capacity)
      collectorOf = new Int32Array(state.capacity)
      for (const collector of collectors) collector.members = collector.silent = 0
      for (const device of seen) watch(device)
    }
  }
}

function devicesOf(inventory: Inventory, options: StalenessOptions): Devices {
  const count = inventory.deviceCount
  const limitMs = new Float64Array(count)
  for (let device = 0; device < count; device++) {
    const { intervalS } = inventory.makeOf(device)
    limitMs[device] = (intervalS > 0 ? intervalS * 1000 : options.defaultIntervalMs) * options.factor
  }
  return {
    count,
    limitMs,
    firstSource: new Int32Array(count),
    silent: new Uint8Array(count),
    silentSinceMs: new Float64Array(count)
  }
}
