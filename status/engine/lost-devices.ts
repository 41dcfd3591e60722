import { lostTogether, onlyCollectorOf, stoppedIn, type Heard, type Window } from './collector-losses.ts'
import type { Collector } from './collectors.ts'

/** A collector went silent, or has lost a part of its devices; or it is back. */
export interface CollectorChange {
  readonly collector: string
  /** All that only it hears, and that it has lost; those that were silent before are not among them: that is their own trouble. */
  readonly devices: readonly number[]
  /** Since when (ms), or null when it is back. */
  readonly sinceMs: number | null
}

/**
 * The devices that collectors have lost: they are neither silent nor heard, each until it is heard again. A collector that has died
 * loses them all, and has them back one by one, however slowly it starts.
 */
export interface LostDevices {
  /** The collector is silent itself, and so has lost these. */
  whole(collector: Collector, devices: readonly number[]): CollectorChange
  /** Takes those of the devices that have missed their polls for lost that their collector has lost together with others. */
  explain(missed: readonly number[], nowMs: number): CollectorChange[]
  /** A lost device is heard. */
  find(device: number): void
  /** Those found since the last call. */
  found(): readonly number[]
  /** Collectors that hear nearly all again that they had lost. */
  back(nowMs: number): CollectorChange[]
}

export interface LostDevicesOptions {
  readonly heard: Heard
  readonly collectors: readonly Collector[]
  /** When a lost device was heard last (ms), by device; 0 for all others. */
  readonly lostMs: () => Float64Array
  /** A collector with fewer devices than this is not judged as one. */
  readonly devicesMin: number
}

/** A collector is back when no more than this share of its devices is lost, or half of those it had lost: the rest is their own trouble. */
const shareLeft = 0.1
/** How often it is asked whether a collector has lost devices (ms): each time all devices are looked over. */
const askedAgainMs = 5000

export function createLostDevices(options: LostDevicesOptions): LostDevices {
  const { heard, collectors, lostMs, devicesMin } = options
  let foundAgain: number[] = []

  const lose = (
    collector: Collector,
    devices: readonly number[],
    window: Window,
    sinceMs: number
  ): CollectorChange => {
    if (collector.lostSinceMs === 0) {
      collector.lostSinceMs = sinceMs
      collector.lostFromMs = window.fromMs
    }
    collector.lostFromMs = Math.min(collector.lostFromMs, window.fromMs)
    collector.lostToMs = window.toMs
    for (const device of devices) {
      const lastMs = heard.lastMs(device)
      // Who was never heard of cannot be found again.
      if (lastMs === 0) continue
      collector.lost.add(device)
      lostMs()[device] = lastMs
    }
    collector.lostMost = Math.max(collector.lostMost, collector.lost.size)
    const all = new Set([...collector.lost, ...devices])
    return { collector: collector.name, devices: [...all], sinceMs: collector.lostSinceMs }
  }

  /** What the collector has lost together with this device, which is not heard any more. */
  const loss = (collector: Collector, device: number, nowMs: number): CollectorChange | undefined => {
    const window = { fromMs: collector.lostFromMs, toMs: collector.lostToMs }
    // It is about to be silent, and may have lost a poll by chance before its collector lost it.
    if (collector.lostSinceMs > 0 && stoppedIn(heard, device, window, 2))
      return lose(collector, [device], window, collector.lostSinceMs)
    if (nowMs - collector.askedMs < askedAgainMs) return undefined
    collector.askedMs = nowMs
    const found = lostTogether(heard, collector, device, nowMs, devicesMin)
    return found === undefined ? undefined : lose(collector, found.devices, found.window, found.window.fromMs)
  }

  return {
    whole: (collector, devices) =>
      lose(collector, devices, { fromMs: 0, toMs: collector.heardMs }, collector.heardMs),
    explain(missed, nowMs) {
      const changed = new Map<Collector, CollectorChange>()
      for (const device of missed) {
        // It may have been lost with one that was asked for before.
        if (lostMs()[device]! > 0 || heard.isExplained(heard.nodeOf(device))) continue
        const collector = onlyCollectorOf(heard, device)
        if (collector === undefined || collector.members < devicesMin) continue
        const change = loss(collector, device, nowMs)
        if (change !== undefined) changed.set(collector, change)
      }
      return [...changed.values()]
    },
    find(device) {
      lostMs()[device] = 0
      foundAgain.push(device)
      heard.eachCollector(device, ({ lost }) => lost.delete(device))
    },
    found() {
      const found = foundAgain
      foundAgain = []
      return found
    },
    back(nowMs) {
      const changed: CollectorChange[] = []
      for (const collector of collectors) {
        const { lost, lostMost, members, name } = collector
        const few = Math.max(devicesMin, Math.min(shareLeft * members, lostMost / 2))
        if (collector.lostSinceMs === 0 || collector.isSilent || lost.size >= few) continue
        // What is left counts from now on.
        for (const device of lost) lostMs()[device] = 0
        lost.clear()
        collector.lostSinceMs = 0
        collector.lostMost = 0
        collector.resumedMs = nowMs
        changed.push({ collector: name, devices: [], sinceMs: null })
      }
      return changed
    }
  }
}
