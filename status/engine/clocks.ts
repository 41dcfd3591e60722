import type { DeviceState, SeriesState } from '../../rules/series-state.ts'
import type { SeriesRegistry } from './series-registry.ts'

/**
 * Whose clock is wrong. A record of a device is compared with the moment at which it was evaluated, which is that of its arrival while
 * data comes in time: a clock that is ahead gives times that have not been yet, one that is behind such that are long past. Of the
 * times that are too far ahead to be believed (`ingest.future_ms_max`) the workers tell, since Kafka's stands in their place.
 */
export interface Clocks {
  /** Devices (index in the shared state) whose times Kafka's were taken for, and by how much they were ahead (ms), by turns. */
  tellAhead(told: Float64Array, nowMs: number): void
  /** Looks over a part of the devices, at most once a second. Only while data comes in time: late data has old times, whoever made them. */
  sweep(nowMs: number): void
  /** By how much (ms) the clock is ahead that tells of a device of the inventory, less than 0 where it is behind; null while it is right. */
  offsetMs(known: number): number | null
  /** Collectors with devices that are told of by a wrong clock, those with most of them first. */
  collectors(): readonly CollectorClock[]
}

export interface CollectorClock {
  readonly collector: string
  readonly devices: number
  /** The median of what their clocks are ahead by (ms). */
  readonly offsetMs: number
}

/** A clock that is wrong by less is none: collectors gather for some seconds, and walks of devices take some. */
const offMsMin = 120_000
/** A clock that is wrong goes on with the time. What only stands still is no clock: a device that is heard without a reading. */
const paceMin = 0.5
const paceMax = 1.5
const paceMs = 30_000
/** What a worker told of once counts for so long, and so does what a device said last. */
const toldKeptMs = 600_000
const sweepMs = 1000
/** Devices looked at in a sweep, and series: some milliseconds at most. */
const devicesPerSweep = 20_000
const seriesPerSweep = 20_000
/** Of more devices with wrong clocks nothing further is known. */
const offMax = 10_000

interface Off {
  /** A series of it, by which its device in the inventory is found, also after a reload. */
  readonly series: number
  readonly collector: string
  /** When it was heard as of the last look, and the newest time it had told by then. */
  heardMs: number
  newestMs: number
  /** Null until its clock is known to go. */
  offsetMs: number | null
  /** When a worker told of it; -Infinity where none did. */
  toldMs: number
}

export function createClocks(
  registry: Pick<SeriesRegistry, 'eachOfDevice' | 'collectorOf' | 'knownOf' | 'devicesEnd' | 'whenForgotten'>,
  state: Pick<SeriesState, 'lastTimeMs'>,
  devices: Pick<DeviceState, 'lastSeenMs'>
): Clocks {
  const off = new Map<number, Off>()
  let sweptMs = -Infinity
  let next = 0
  let looked = 0
  /** By device of the inventory; made anew when it is asked for after something has changed. */
  let byKnown: ReadonlyMap<number, number> | undefined

  registry.whenForgotten(device => {
    if (off.delete(device)) byKnown = undefined
  })

  const entryOf = (device: number, series: number): Off | undefined => {
    let entry = off.get(device)
    if (entry === undefined && off.size < offMax) {
      const collector = registry.collectorOf(device)
      entry = { series, collector, heardMs: 0, newestMs: 0, offsetMs: null, toldMs: -Infinity }
      off.set(device, entry)
    }
    return entry
  }

  /** The newest time that a device has told: that of the first series found to be right, or the newest of all. */
  const newestOf = (
    device: number,
    heardMs: number
  ): { readonly series: number; readonly timeMs: number } => {
    let found = { series: -1, timeMs: -Infinity }
    registry.eachOfDevice(device, series => {
      looked++
      const timeMs = state.lastTimeMs[series]!
      if (timeMs > 0 && timeMs > found.timeMs) found = { series, timeMs }
      return Math.abs(timeMs - heardMs) < offMsMin
    })
    return found
  }

  const look = (device: number, nowMs: number): void => {
    const heardMs = devices.lastSeenMs[device]!
    const known = off.get(device)
    if (known !== undefined && nowMs - known.toldMs < toldKeptMs) return
    if (heardMs === 0 || nowMs - heardMs > toldKeptMs) {
      off.delete(device)
      return
    }
    const { series, timeMs } = newestOf(device, heardMs)
    if (series < 0 || Math.abs(timeMs - heardMs) < offMsMin) {
      off.delete(device)
      return
    }
    const entry = entryOf(device, series)
    const passedMs = heardMs - (entry?.heardMs ?? 0)
    if (entry === undefined || passedMs < paceMs) return
    const pace = (timeMs - entry.newestMs) / passedMs
    entry.offsetMs = pace >= paceMin && pace <= paceMax ? timeMs - heardMs : null
    entry.heardMs = heardMs
    entry.newestMs = timeMs
  }

  const wrong = function* (): Generator<Off & { readonly offsetMs: number }> {
    for (const entry of off.values()) if (entry.offsetMs !== null) yield entry as Off & { offsetMs: number }
  }

  return {
    tellAhead(told, nowMs) {
      for (let i = 0; i < told.length; i += 2) {
        const device = told[i]!
        let first = -1
        registry.eachOfDevice(device, series => {
          first = series
          return true
        })
        const entry = first < 0 ? undefined : entryOf(device, first)
        if (entry === undefined) continue
        entry.offsetMs = told[i + 1]!
        entry.toldMs = nowMs
      }
      byKnown = undefined
    },
    sweep(nowMs) {
      if (nowMs - sweptMs < sweepMs && nowMs >= sweptMs) return
      sweptMs = nowMs
      byKnown = undefined
      looked = 0
      const end = registry.devicesEnd()
      for (let count = Math.min(end, devicesPerSweep); count > 0 && looked < seriesPerSweep; count--) {
        next = next + 1 < end ? next + 1 : 0
        look(next, nowMs)
      }
    },
    offsetMs(known) {
      if (off.size === 0) return null
      byKnown ??= new Map([...wrong()].map(({ series, offsetMs }) => [registry.knownOf(series), offsetMs]))
      return byKnown.get(known) ?? null
    },
    collectors() {
      const offsets = new Map<string, number[]>()
      for (const { collector, offsetMs } of wrong()) {
        const list = offsets.get(collector)
        if (list === undefined) offsets.set(collector, [offsetMs])
        else list.push(offsetMs)
      }
      return [...offsets]
        .map(([collector, list]) => ({
          collector,
          devices: list.length,
          offsetMs: list.sort((a, b) => a - b)[list.length >> 1]!
        }))
        .sort((a, b) => b.devices - a.devices)
    }
  }
}
