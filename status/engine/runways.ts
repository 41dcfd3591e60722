import type { AlarmEngine } from '../../rules/alarms.ts'
import type { Alarm } from '../../rules/model.ts'
import { endsOf } from '../../schemas/blocks.ts'
import type { ColumnBlock } from '../../schemas/evaluation.ts'
import { signalIds, signals } from '../../schemas/signals.ts'
import type { LightEngine } from '../../topology/lights.ts'
import { darkTimeOf, type DarkTime, type Reading } from '../../topology/runway.ts'
import type { Below } from '../../topology/lights/reach.ts'
import type { StatusEngine } from './engine.ts'
import { saysMainsLost } from './meaning.ts'

/**
 * How long the sites that run on their batteries have left. Of their UPS, and of no other device, what comes of time left, charge and
 * state of the battery is read from the samples on their way to be stored; where no site is on its battery, nothing is read.
 */
export interface Runways {
  /** Samples of a task, before they are stored. */
  take(block: ColumnBlock): void
  /** Goes over some of the sites, so that it is known of each incident which of them goes dark first. Call once a second. */
  sweep(nowMs: number): void
  /** Of a node that runs on its battery; undefined for all others. */
  of(node: number, nowMs: number): Runway | undefined
  /** Of the site of an incident that goes dark first. */
  ofIncident(incident: string, nowMs: number): Runway | undefined
  /** The first of its sites has not had long any more, then or at any time since it opened. */
  isNear(incident: string): boolean
}

export interface Runway {
  /** Index of the node. */
  readonly node: number
  /** Since when it runs on battery (event time, ms). */
  readonly sinceMs: number
  /** When it goes dark; null where its UPS says nothing of that which can be relied upon. */
  readonly dark: DarkTime | null
  /** What is without service then, the node itself and what is so already included. */
  readonly falls: Below
}

export interface RunwaysOptions {
  readonly engine: Pick<StatusEngine, 'inventory' | 'registry' | 'silence' | 'subscribe'>
  readonly alarms: Pick<AlarmEngine, 'byNode' | 'open'>
  readonly lights: Pick<LightEngine, 'incidentsOf' | 'falling' | 'below'>
  /** The stored id of each series: two words each, the low one first. */
  readonly seriesIds: Uint32Array
}

interface Battery {
  readonly node: number
  sinceMs: number
  readonly runtimeS: Reading[]
  readonly chargePct: Reading[]
  isLow: boolean
}

type What = 'runtimeS' | 'chargePct' | 'status'
interface Watched {
  readonly battery: Battery
  readonly what: What
}

const source = signalIds.get('ups.output_source')!
const whatOf = new Map<number, What>([
  [signalIds.get('ups.runtime_s')!, 'runtimeS'],
  [signalIds.get('ups.charge_pct')!, 'chargePct'],
  [signalIds.get('ups.battery_status')!, 'status']
])
const statusCodes = signals[signalIds.get('ups.battery_status')!]!.codes!
const lowCodes: ReadonlySet<number> = new Set([statusCodes['low']!, statusCodes['depleted']!])

/** Readings kept of each kind; where there are more, every second one goes. */
const readingsMax = 64
/** Somebody is to be called when it is likely to have no more than so long (ms), or may be gone any moment. */
const nearMs = 900_000
const anyMomentMs = 120_000
/** Sites gone over in a sweep, and new series looked at: about a millisecond. */
const sweptMax = 500
const lookedAtMax = 100_000
/** What falls with a site is reckoned again so often (ms). */
const fallsForMs = 60_000

export const isSoon = (dark: DarkTime | null, nowMs: number): boolean =>
  dark !== null && (dark.likelyMs - nowMs <= nearMs || dark.earliestMs - nowMs <= anyMomentMs)

export function createRunways(options: RunwaysOptions): Runways {
  const { engine, alarms, lights, seriesIds } = options
  const { registry, silence } = engine
  let inventory = engine.inventory()
  /** Of the noted series so many have been looked at; those among them that tell where the output of a UPS comes from. */
  const lookedAt = registry.cursor()
  const met = new Set<number>()
  /** The same by device of the inventory. */
  let seriesOf = new Map<number, number[]>()
  /** UPS on battery, by device of the inventory. */
  let batteries = new Map<number, Battery>()
  let devicesOf = new Map<number, number[]>()
  /** Their series, by the two parts of the stored id; and whether any has a sum of the halves like that of a group. */
  let watched = new Map<number, Map<number, Watched>>()
  const mayBeWatched = new Uint8Array(65_536)
  let order: number[] = []
  let next = 0
  const firstOf = new Map<string, { readonly node: number; readonly likelyMs: number }>()
  const near = new Set<string>()
  const falls = new Map<number, { readonly atMs: number; readonly of: Below }>()

  const entityKey = (lo: number, hi: number): number => hi * 65_536 + (lo >>> 16)
  const place = (lo: number, hi: number): number => (hi ^ (lo >>> 16)) & 0xffff

  const eachReading = (
    device: number,
    act: (key: number, place: number, bits: number, what: What) => void
  ) => {
    for (const series of seriesOf.get(device) ?? []) {
      registry.eachOfDevice(registry.deviceOf(series), other => {
        const what = whatOf.get(registry.signal(other))
        if (what === undefined) return
        const [lo, hi] = [seriesIds[other * 2]!, seriesIds[other * 2 + 1]!]
        act(entityKey(lo, hi), place(lo, hi), lo & 0xffff, what)
      })
    }
  }

  /** Readings of before a reload, by the id of the device. */
  let kept = new Map<string, Battery>()

  const watch = (device: number, sinceMs: number): void => {
    const known = batteries.get(device)
    const node = inventory.nodeOfDevice(device)
    const fresh = { runtimeS: [], chargePct: [], isLow: false }
    const battery: Battery = known ?? { ...(kept.get(inventory.deviceId(device)) ?? fresh), node, sinceMs }
    battery.sinceMs = sinceMs
    eachReading(device, (key, at, bits, what) => {
      const ofEntity = watched.get(key) ?? new Map<number, Watched>()
      ofEntity.set(bits, { battery, what })
      watched.set(key, ofEntity)
      mayBeWatched[at] = 1
    })
    if (known !== undefined) return
    batteries.set(device, battery)
    devicesOf.set(node, [...(devicesOf.get(node) ?? []), device])
  }

  const leave = (device: number): void => {
    const battery = batteries.get(device)
    if (battery === undefined) return
    batteries.delete(device)
    eachReading(device, key => void watched.delete(key))
    const left = devicesOf.get(battery.node)?.filter(other => other !== device) ?? []
    if (left.length > 0) devicesOf.set(battery.node, left)
    else {
      devicesOf.delete(battery.node)
      falls.delete(battery.node)
    }
    if (batteries.size === 0) mayBeWatched.fill(0)
  }

  const restore = (): void => {
    for (const alarm of alarms.open()) if (saysMainsLost(alarm)) judge(alarm)
  }

  /** Whether the device of an alarm runs on battery, by all that is open of it. */
  const judge = (of: Alarm): void => {
    const device = inventory.deviceIndex(of.device)
    if (device === undefined) return
    let sinceMs = Infinity
    for (const alarm of alarms.byNode(of.node))
      if (alarm.device === of.device && saysMainsLost(alarm)) sinceMs = Math.min(sinceMs, alarm.raisedAtMs)
    if (sinceMs === Infinity) leave(device)
    else watch(device, sinceMs)
  }

  const note = ({ battery, what }: Watched, timeMs: number, value: number): void => {
    if (what === 'status') {
      battery.isLow = lowCodes.has(value)
      return
    }
    const readings = battery[what]
    if (timeMs < battery.sinceMs || timeMs <= (readings.at(-1)?.timeMs ?? 0)) return
    if (readings.length >= readingsMax) {
      const kept = readings.filter((_, i) => i % 2 === 0)
      readings.splice(0, readings.length, ...kept)
    }
    readings.push({ timeMs, value })
  }

  const darkOf = (node: number, nowMs: number): Pick<Runway, 'sinceMs' | 'dark'> | undefined => {
    let sinceMs = Infinity
    let dark: DarkTime | null = null
    for (const device of devicesOf.get(node) ?? []) {
      if (silence.isSilent(device)) continue
      const battery = batteries.get(device)!
      sinceMs = Math.min(sinceMs, battery.sinceMs)
      const of = darkTimeOf(battery, nowMs)
      if (of === null) continue
      // Which of them feeds what nobody knows.
      dark =
        dark === null
          ? of
          : {
              earliestMs: Math.min(dark.earliestMs, of.earliestMs),
              likelyMs: Math.min(dark.likelyMs, of.likelyMs),
              latestMs: Math.max(dark.latestMs, of.latestMs)
            }
    }
    return sinceMs === Infinity ? undefined : { sinceMs, dark }
  }

  const fallsOf = (node: number, nowMs: number): Below => {
    const known = falls.get(node)
    if (known !== undefined && Math.abs(nowMs - known.atMs) < fallsForMs) return known.of
    const of = lights.falling(node) ?? lights.below(node)
    falls.set(node, { atMs: nowMs, of })
    return of
  }

  const of = (node: number, nowMs: number): Runway | undefined => {
    const found = darkOf(node, nowMs)
    return found === undefined ? undefined : { node, ...found, falls: fallsOf(node, nowMs) }
  }

  /** Which site of its incident goes dark first, and whether that is near. */
  const look = (node: number, nowMs: number): void => {
    const found = darkOf(node, nowMs)
    const incident = lights.incidentsOf(node).find(({ kind }) => kind === 'power')
    if (incident === undefined) return
    const known = firstOf.get(incident.id)
    if (found === undefined) {
      if (known?.node === node) firstOf.delete(incident.id)
      return
    }
    const likelyMs = found.dark?.likelyMs ?? Infinity
    if (known === undefined || known.node === node || likelyMs < known.likelyMs)
      firstOf.set(incident.id, { node, likelyMs })
    if (isSoon(found.dark, nowMs)) near.add(incident.id)
  }

  const resolve = (series: number): void => {
    const device = registry.knownOf(series)
    if (device < 0) return
    seriesOf.set(device, [...(seriesOf.get(device) ?? []), series])
    const battery = batteries.get(device)
    if (battery !== undefined) watch(device, battery.sinceMs)
  }

  const lookAtNew = (): void => {
    const end = Math.min(registry.size(), lookedAt.at + lookedAtMax)
    while (lookedAt.at < end) {
      const series = registry.at(lookedAt.at++)
      if (registry.signal(series) !== source) continue
      met.add(series)
      resolve(series)
    }
  }

  const reload = (): void => {
    kept = new Map([...batteries].map(([device, battery]) => [inventory.deviceId(device), battery]))
    inventory = engine.inventory()
    seriesOf = new Map()
    batteries = new Map()
    devicesOf = new Map()
    watched = new Map()
    mayBeWatched.fill(0)
    order = []
    next = 0
    firstOf.clear()
    falls.clear()
    met.forEach(resolve)
    restore()
    kept = new Map()
  }

  engine.subscribe(event => {
    if (event.type === 'alarm') {
      if (saysMainsLost(event.data.alarm)) judge(event.data.alarm)
    } else if (event.type === 'incident') {
      const { incident, change } = event.data
      if (change !== 'closed') return
      firstOf.delete(incident.id)
      near.delete(incident.id)
    } else if (event.type === 'reload') reload()
  })
  registry.whenForgotten(device => registry.eachOfDevice(device, series => void met.delete(series)))
  restore()

  return {
    take(block) {
      if (watched.size === 0) return
      const entity = new DataView(block.entity.buffer, block.entity.byteOffset, block.entity.byteLength)
      const ends = endsOf(block)
      let row = 0
      for (let group = 0; group < ends.length; row = ends[group++]!) {
        const lo = entity.getUint32(group * 8, true)
        const hi = entity.getUint32(group * 8 + 4, true)
        if (mayBeWatched[place(lo, hi)] === 0) continue
        const ofEntity = watched.get(entityKey(lo, hi))
        if (ofEntity === undefined) continue
        const [time, bits, values] = [block.timeMs, block.signal, block.value].map(
          column => new DataView(column.buffer, column.byteOffset, column.byteLength)
        ) as [DataView, DataView, DataView]
        const timeMs = Number(time.getBigInt64(group * 8, true))
        for (; row < ends[group]!; row++) {
          const found = ofEntity.get(bits.getUint16(row * 2, true))
          if (found !== undefined) note(found, timeMs, values.getFloat64(row * 8, true))
        }
      }
    },
    sweep(nowMs) {
      lookAtNew()
      if (devicesOf.size === 0) return
      if (next >= order.length) {
        order = [...devicesOf.keys()]
        next = 0
      }
      const end = Math.min(order.length, next + sweptMax)
      while (next < end) look(order[next++]!, nowMs)
    },
    of,
    ofIncident(incident, nowMs) {
      const first = firstOf.get(incident)
      return first === undefined ? undefined : of(first.node, nowMs)
    },
    isNear: incident => near.has(incident)
  }
}
