import type { DeviceState } from '../rules/series-state.ts'
import type { Inventory } from '../topology/model.ts'
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
}

export interface SilenceWatch {
  /** Compares every device with the clock; call about once a second. */
  sweep(nowMs: number): SilenceSweep
  /** While true nothing falls silent; on release everything is counted anew, with the grace. */
  hold(held: boolean, nowMs: number): void
  /** A seen device was resolved to the inventory. */
  watch(seen: SeenDevice): void
  /** A device that was silent before a restart is so until it is heard. */
  restore(device: number): void
  isSilent(device: number): boolean
  lastSeenMs(device: number): number | null
  /** Takes over another inventory; who is silent goes with the device's id. */
  reload(inventory: Inventory, seen: Iterable<SeenDevice>): void
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
  /** Shared device indices by inventory device: several identifiers may feed one device. */
  let sources = new Map<number, number[]>()
  let collectors = new Map<string, Set<number>>()
  let silent = new Uint8Array(inventory.deviceCount)
  /** When a silent device was last heard (0 for never): anything later ends its silence. */
  let silentSinceMs = new Float64Array(inventory.deviceCount)
  const deadCollectors = new Set<string>()

  const lastSeen = (device: number): number => {
    let last = 0
    for (const index of sources.get(device) ?? []) last = Math.max(last, state.lastSeenMs[index] ?? 0)
    return last
  }

  const watch = (seen: SeenDevice): void => {
    if (seen.known < 0) return
    const indices = sources.get(seen.known)
    if (indices === undefined) sources.set(seen.known, [seen.index])
    else if (!indices.includes(seen.index)) indices.push(seen.index)
    if (seen.collector === '') return
    const members = collectors.get(seen.collector)
    if (members === undefined) collectors.set(seen.collector, new Set([seen.known]))
    else members.add(seen.known)
  }

  return {
    watch,
    sweep(nowMs) {
      if (held) return { devices: [], collectors: [] }
      const devices: { device: number; sinceMs: number | null }[] = []
      for (let device = 0; device < current.deviceCount; device++) {
        const intervalS = current.makeOf(device).intervalS
        const limitMs = (intervalS > 0 ? intervalS * 1000 : options.defaultIntervalMs) * options.factor
        const last = lastSeen(device)
        const wasSilent = silent[device] === 1
        // Who is silent stays so until it is heard: neither a grace nor a restart makes it speak.
        const isSilent = wasSilent
          ? last <= (silentSinceMs[device] ?? 0)
          : nowMs - Math.max(last, countedFromMs) > limitMs
        if (isSilent === wasSilent) continue
        silentSinceMs[device] = last
        silent[device] = isSilent ? 1 : 0
        devices.push({ device, sinceMs: isSilent ? (last === 0 ? countedFromMs : last) : null })
      }
      const changed: SilenceSweep['collectors'][number][] = []
      for (const [collector, members] of collectors) {
        if (members.size < options.collectorDevicesMin) continue
        const dead = everySilent(members, silent)
        if (dead === deadCollectors.has(collector)) continue
        if (dead) deadCollectors.add(collector)
        else deadCollectors.delete(collector)
        const list = [...members]
        const sinceMs = dead ? Math.max(...list.map(lastSeen)) : null
        changed.push({ collector, devices: list, sinceMs })
      }
      return { devices, collectors: changed }
    },
    hold(value, nowMs) {
      if (held && !value) countedFromMs = nowMs + options.graceMs
      held = value
    },
    restore(device) {
      silent[device] = 1
    },
    isSilent: device => silent[device] === 1,
    lastSeenMs(device) {
      const last = lastSeen(device)
      return last === 0 ? null : last
    },
    reload(next, seen) {
      const kept = new Uint8Array(next.deviceCount)
      const keptSinceMs = new Float64Array(next.deviceCount)
      for (let device = 0; device < current.deviceCount; device++) {
        const now = silent[device] === 1 ? next.deviceIndex(current.deviceId(device)) : undefined
        if (now === undefined) continue
        kept[now] = 1
        keptSinceMs[now] = silentSinceMs[device]!
      }
      silent = kept
      silentSinceMs = keptSinceMs
      current = next
      sources = new Map()
      collectors = new Map()
      for (const device of seen) watch(device)
    }
  }
}

function everySilent(members: ReadonlySet<number>, silent: Uint8Array): boolean {
  for (const device of members) if (silent[device] !== 1) return false
  return true
}
