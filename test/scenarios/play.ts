import { definitionsOf } from '../../daemon/network.ts'
import { createSimulatedDaemon, type FedRecord, type SimulatedDaemon } from '../../daemon/simulated.ts'
import { createTelegrafEncoder } from '../../embedded/simulator/encode-telegraf.ts'
import { createRandom } from '../../embedded/simulator/random.ts'
import type { Reading } from '../../embedded/simulator/readings.ts'
import type { DarkTime } from '../../topology/runway.ts'
import { buildCity, choosePlaces, type City } from './city.ts'
import type { Fault, Scenario } from './format.ts'
import { createWorld, spansOf, type World } from './world.ts'

/** A scenario played through the daemon in simulated time. */
export interface Played {
  readonly scenario: Scenario
  readonly seed: number
  readonly city: City
  readonly world: World
  /** The world with only this fault in it. */
  readonly alone: readonly World[]
  readonly places: ReadonlyMap<string, readonly number[]>
  readonly startMs: number
  readonly history: SimulatedDaemon['history']
  /** What direct evidence there was of each fault, and since when each device was heard. */
  readonly evidence: readonly Evidence[]
  readonly heard: Heard
  /** How long the daemon waits for each device of an incident's root, and of those above it, as it has learned (ms), by incident. */
  readonly patience: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly checks: readonly Check[]
  /** What was said of sites on battery, every half minute of each. */
  readonly runways: readonly ToldRunway[]
  /** When it was told of an incident that a site of it has not long any more (ms since the start). */
  readonly nearAt: ReadonlyMap<string, number>
}

/** When records that tell of a fault were taken (ms since the start); null where none did. */
export interface Evidence {
  /** The first that says that the only way of a site, or all of its ways, are down, or that it is without mains; and the hold of its rule. */
  direct: { readonly atMs: number; readonly holdMs: number } | null
  /** The first that says that one of several ways is down: the link may be it, or what it leads to. */
  way: { readonly atMs: number; readonly readMs: number; readonly ends: readonly number[] } | null
}

/** Of each device of each site: when each poll that came was made and when it was taken (ms since the start), in order of polls. */
export type Heard = readonly (readonly (readonly { readonly readMs: number; readonly atMs: number }[])[])[]

/** What the daemon said of a site on its battery at one moment (ms since the start), and when the battery is empty in truth. */
export interface ToldRunway {
  readonly site: number
  readonly ms: number
  readonly emptyAtMs: number
  readonly told: DarkTime | null
}

/** What the daemon said at one moment. */
export interface Check {
  readonly ms: number
  readonly lights: readonly { readonly effective: string; readonly causeBy: string; readonly cause: string }[]
  readonly says: readonly string[]
  readonly incidents: ReturnType<SimulatedDaemon['openIncidents']>
  /** The faults whose end is near; -1 for the end of the scenario. */
  readonly faults: readonly number[]
}

const minute = 60_000
/** When every simulated city starts (ms). */
export const startMs = Date.UTC(2026, 2, 2, 9)
/** Checked so long before a fault ends. */
const beforeEndMs = 5000
/** The holds of the shipped rules (link.down, ups.on_battery, power.dying_gasp). */
const holdsMs = { link: 0, mains: 15_000, gasp: 0 }

export async function playScenario(scenario: Scenario, seed: number): Promise<Played> {
  const random = createRandom(seed * 7919 + hashOf(scenario.kind))
  const city = buildCity(scenario.network ?? {}, random)
  const places = choosePlaces(city, scenario, random)
  const placesOf = (fault: Fault): readonly number[] => places.get(fault.at ?? '') ?? []
  const bootSeed = random.below(2 ** 31)
  const worldOf = (faults: readonly Fault[]): World =>
    createWorld(city, scenario, faults, placesOf, createRandom(bootSeed))
  const world = worldOf(scenario.faults)
  const alone = scenario.faults.map(fault => worldOf([fault]))
  const daemon = await createSimulatedDaemon({
    definitions: await definitionsOf({ inventory: city.inventory() }),
    startMs,
    seriesMax: 50_000,
    devicesMax: 5000
  })
  try {
    const collectingSeed = seed * 7919 + hashOf(scenario.kind) + 1
    const stage = { scenario, city, world, alone, placesOf, daemon, random, collectingSeed }
    const told = await play(stage)
    return {
      ...told,
      scenario,
      seed,
      city,
      world,
      alone,
      places,
      startMs,
      history: daemon.history
    }
  } finally {
    await daemon.close()
  }
}

/** A record, and what it is direct evidence of. */
interface Due {
  readonly record: FedRecord
  /** Number of the fault, -1 for none. */
  readonly shows: number
  readonly by: keyof typeof holdsMs
  /** The site is out, or without mains: together with what was told of its other ways this shows it. */
  readonly isOnly: boolean
  readonly readMs: number
  /** The sites at both ends of a link that is down. */
  readonly ends: readonly number[]
  readonly fibre: number
}

interface Stage {
  readonly scenario: Scenario
  readonly city: City
  readonly world: World
  readonly alone: readonly World[]
  readonly placesOf: (fault: Fault) => readonly number[]
  readonly daemon: SimulatedDaemon
  readonly random: ReturnType<typeof createRandom>
  readonly collectingSeed: number
}

async function play(
  stage: Stage
): Promise<Pick<Played, 'evidence' | 'heard' | 'patience' | 'checks' | 'runways' | 'nearAt'>> {
  const { scenario, city, world, alone, placesOf, daemon, random } = stage
  const encode = createTelegrafEncoder('ms')
  const endS = scenario.minutes * 60
  const due = Array.from({ length: endS + 1 }, (): Due[] => [])
  const spansOfKind = (what: Fault['what']) =>
    scenario.faults.filter(fault => fault.what === what).flatMap(spansOf)
  const clockSpans = spansOfKind('clock')
  const clockOffsetMs = (collector: number, ms: number): number => {
    const isOff = ({ fault, fromMs, toMs }: (typeof clockSpans)[number]): boolean =>
      (fault.number ?? 0) === collector && ms >= fromMs && ms < toMs
    return (clockSpans.find(isOff)?.fault.offset_min ?? 0) * minute
  }
  const collectorSpans = spansOfKind('collector')
  const collecting = createRandom(stage.collectingSeed)
  /** For each device of a site: where it stands among those that a collector loses, and among those it comes back to. */
  const order = city.sites.map(({ devices }) =>
    devices.map(() => ({ lost: collecting.next(), back: collecting.next() }))
  )
  const isHeardTwice = city.sites.map(
    () => collecting.next() * 100 < (scenario.network?.heard_twice_pct ?? 0)
  )
  const isPolled = (s: number, d: number, collector: number, ms: number): boolean =>
    !collectorSpans.some(({ fault, fromMs, toMs }) => {
      const { lost, back } = order[s]![d]!
      const untilMs = toMs + back * (fault.restart_min ?? 0) * minute
      return (fault.number ?? 0) === collector && ms >= fromMs && ms < untilMs && lost < (fault.part ?? 1)
    })
  const backlogs = spansOfKind('backlog')
  const heard = city.sites.map(({ devices }) => devices.map((): { readMs: number; atMs: number }[] => []))
  const lost = (scenario.lost_polls_pct ?? 0.1) / 100
  const late = (scenario.late_polls_pct ?? 0.5) / 100

  const polls = city.sites.flatMap((site, s) =>
    site.devices.flatMap((device, d) => {
      const collectors = [site.collector]
      if (isHeardTwice[s]!) collectors.push((site.collector + 1) % city.collectors)
      return collectors.map(collector => ({ s, d, collector, stepMs: device.intervalS * 1000 }))
    })
  )
  for (const { s, d, collector, stepMs } of polls) {
    for (let ms = random.between(0, stepMs), k = 0; ms < endS * 1000; ms = ++k * stepMs + (ms % stepMs)) {
      const isLost = random.next() < lost
      const delayMs = random.next() < late ? random.between(10_000, 60_000) : random.between(100, 1900)
      if (isLost || !isPolled(s, d, collector, ms)) continue
      if (!world.answers(s, d, ms)) continue
      const offsetMs = clockOffsetMs(collector, ms)
      let arrivesMs = ms + delayMs + (world.holds('late', s, ms)?.delay_s ?? 0) * 1000
      const backlog = backlogs.find(({ fromMs, toMs }) => arrivesMs >= fromMs && arrivesMs < toMs)
      if (backlog !== undefined) arrivesMs = backlog.toMs
      const at = due[Math.ceil(arrivesMs / 1000)]
      if (at === undefined) continue
      heard[s]![d]!.push({ readMs: ms, atMs: Math.ceil(arrivesMs / 1000) * 1000 })
      for (const { reading, about, by, other, fibre } of readingsOf(stage, {
        s,
        d,
        ms,
        collector,
        offsetMs
      })) {
        const shows = about < 0 ? -1 : faultOf(alone, scenario, placesOf, by, about, ms)
        const isOnly = shows >= 0 && (by === 'mains' || alone[shows]!.truthAt(ms).out.has(about))
        encode(reading, ({ key, value, timestampMs }) =>
          at.push({
            record: { key, value, timestampMs },
            shows,
            by,
            isOnly,
            readMs: ms,
            ends: [about, other],
            fibre
          })
        )
      }
    }
  }

  const gasping = createRandom(stage.collectingSeed + 1)
  for (const { s, collector, ms, device } of gaspsOf(city, world, gasping)) {
    const value = JSON.stringify({
      fields: { dyingGasp: 1 },
      name: 'system',
      tags: { agent_host: device, host: `col-${collector + 1}` },
      timestamp: startMs + ms
    })
    const shows = faultOf(alone, scenario, placesOf, 'gasp', s, ms)
    const record = { key: device, value, timestampMs: startMs + ms }
    const told = { shows, by: 'gasp', isOnly: true, readMs: ms, ends: [s], fibre: -1 } as const
    due[Math.ceil((ms + gasping.between(50, 1500)) / 1000)]?.push({ record, ...told })
  }

  const evidence = scenario.faults.map((): Evidence => ({ direct: null, way: null }))
  /** Fibres that were told to be down, by the fault and the site. */
  const told = new Map<string, Set<number>>()
  const checks: Check[] = []
  const patience = new Map<string, ReadonlyMap<string, number>>()
  let incidentsSeen = 0
  const runways: ToldRunway[] = []
  const nearAt = new Map<string, number>()
  const checkAt = new Map<number, number[]>([[endS, [-1]]])
  for (const [f, fault] of scenario.faults.entries()) {
    const last = spansOf(fault).at(-1)
    if (last === undefined) continue
    const second = Math.floor((last.toMs - beforeEndMs) / 1000)
    checkAt.set(second, [...(checkAt.get(second) ?? []), f])
  }
  const reloadAt = new Set(
    scenario.faults
      .filter(({ what }) => what === 'planned')
      .flatMap(fault => spansOf(fault).flatMap(({ fromMs, toMs }) => [fromMs / 1000, toMs / 1000]))
  )
  for (let second = 0; second <= endS; second++) {
    daemon.advance(startMs + second * 1000)
    if (reloadAt.has(second)) {
      const planned = new Set(
        city.sites.flatMap((_, i) => (world.holds('planned', i, second * 1000) === undefined ? [] : [i]))
      )
      await daemon.reload(await definitionsOf({ inventory: city.inventory(planned) }, second + 2))
    }
    const now = due[second]!
    if (now.length > 0) await daemon.feed(now.map(({ record }) => record))
    for (const { shows, by, isOnly, readMs, ends, fibre } of now) {
      const known = evidence[shows]
      if (known === undefined) continue
      const toldDown = told.get(`${shows} ${ends[0]}`) ?? new Set<number>()
      told.set(`${shows} ${ends[0]}`, toldDown.add(fibre))
      const atMs = second * 1000
      const isAll = by !== 'link' || toldDown.size >= city.waysOf(ends[0]!)
      if (!isOnly || !isAll) known.way ??= { atMs, readMs, ends }
      else if (known.direct === null || atMs + holdsMs[by] < known.direct.atMs + known.direct.holdMs)
        known.direct = { atMs, holdMs: holdsMs[by] }
    }
    for (const { incident, change } of daemon.history.incidents.slice(incidentsSeen))
      if (change === 'opened') patience.set(incident.id, patienceNow(city, daemon, incident.root))
    incidentsSeen = daemon.history.incidents.length
    if (second % askedEachS === 0) {
      runways.push(...runwaysNow(stage, second * 1000))
      for (const { id } of daemon.openIncidents())
        if (daemon.view.isNear(id) && !nearAt.has(id)) nearAt.set(id, second * 1000)
    }
    const faults = checkAt.get(second)
    if (faults !== undefined) checks.push(checkNow(city, daemon, second * 1000, faults))
  }
  for (const devices of heard) for (const polls of devices) polls.sort((a, b) => a.readMs - b.readMs)
  return { evidence, heard, patience, checks, runways, nearAt }
}

/** The last words of switches that lose their power, as far as they are sent, have a way left and are not lost. */
function* gaspsOf({ sites }: City, world: World, random: Stage['random']) {
  for (const [s, { devices, collector }] of sites.entries())
    for (const { ms, gaspsPct } of world.powerLosses(s)) {
      if (gaspsPct === 0 || world.truthAt(ms - 1).out.has(s)) continue
      for (const { role, identifiers } of devices)
        if (role === 'switch' && random.next() * 100 < gaspsPct)
          yield { s, collector, ms, device: identifiers[0] ?? '' }
    }
}

/** How often it is asked how long batteries last (s), and since how long a site must be on its battery (ms). */
const askedEachS = 30
const onBatteryMsMin = 5 * minute

function runwaysNow({ city, world, daemon }: Stage, ms: number): ToldRunway[] {
  return city.sites.flatMap(({ id }, site) => {
    const emptyAtMs = world.emptyAtMs(site, ms)
    const { lostS } = world.mains(site, ms)
    if (emptyAtMs === undefined || emptyAtMs <= ms || lostS * 1000 < onBatteryMsMin) return []
    // Who cannot be reached says nothing of its battery.
    if (world.truthAt(ms).out.has(site)) return []
    const runway = daemon.view.node(id)?.runway
    const dark = runway?.node === id ? runway.dark : null
    const told = dark && {
      earliestMs: dark.earliestMs - startMs,
      likelyMs: dark.likelyMs - startMs,
      latestMs: dark.latestMs - startMs
    }
    return [{ site, ms, emptyAtMs, told }]
  })
}

function checkNow(city: City, daemon: SimulatedDaemon, ms: number, faults: readonly number[]): Check {
  const lights = city.sites.map(({ id }) => {
    const { effective, cause } = daemon.light(id)
    return { effective, causeBy: cause.by, cause: cause.node }
  })
  const says = city.sites.map(({ id }) => daemon.node(id)?.says.en ?? '')
  return { ms, lights, says, incidents: daemon.openIncidents(), faults }
}

function patienceNow(city: City, daemon: SimulatedDaemon, root: string): ReadonlyMap<string, number> {
  const limits = new Map<string, number>()
  for (const site of sitesAbove(city, root))
    for (const { id, limitMs } of daemon.view.explain(city.sites[site]!.id, [], daemon.nowMs())?.devices ??
      [])
      limits.set(id, limitMs)
  return limits
}

/** A site and all above it, on all its ways. */
export function sitesAbove(city: City, id: string): Set<number> {
  const found = new Set(city.sites.flatMap((site, s) => (site.id === id ? [s] : [])))
  for (const site of found) for (const parent of city.sites[site]!.parents) found.add(parent)
  return found
}

/** Faults inside a site, whose links stay as they are. */
const withLinks: ReadonlySet<Fault['what']> = new Set([
  'second_switch',
  'ups_card',
  'ups_worn',
  'ups_overload',
  'ups_test',
  'management',
  'optics',
  'catv'
])

/** The fault that this site is hit by (its root or what lies behind it), or -1. */
function faultOf(
  alone: readonly World[],
  scenario: Scenario,
  placesOf: (fault: Fault) => readonly number[],
  by: keyof typeof holdsMs,
  site: number,
  ms: number
): number {
  return scenario.faults.findIndex((fault, f) => {
    if (by === 'link' ? withLinks.has(fault.what) : fault.what !== 'mains') return false
    if (!spansOf(fault).some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs)) return false
    return placesOf(fault).includes(site) || alone[f]!.truthAt(ms).out.has(site)
  })
}

interface Poll {
  readonly s: number
  readonly d: number
  readonly ms: number
  readonly collector: number
  /** By how much the collector's clock is ahead. */
  readonly offsetMs: number
}

interface Told {
  readonly reading: Reading
  /** The site against which the reading is direct evidence, -1 for none. */
  readonly about: number
  readonly by: 'link' | 'mains'
  /** The site at the other end of the link; -1 where it is no link. */
  readonly other: number
  /** Number of the fibre; -1 where it is no link. */
  readonly fibre: number
}

/** What a poll reads. */
export function* readingsOf(
  { scenario, city, world, random }: Pick<Stage, 'scenario' | 'city' | 'world' | 'random'>,
  { s, d, ms, collector, offsetMs }: Poll
): Generator<Told> {
  const nothing = { about: -1, by: 'link', other: -1, fibre: -1 } as const
  const site = city.sites[s]!
  const device = site.devices[d]!
  const common = {
    device,
    collector: `col-${collector + 1}`,
    timeMs: startMs + Math.floor(ms) + offsetMs
  }
  if (device.role === 'ups') {
    const { lostS, left } = world.mains(s, ms)
    const { chargePct, runtimeS } = world.batteryTold(s, ms)
    const isTest = world.holds('ups_test', s, ms) !== undefined
    yield {
      about: lostS > 0 ? s : -1,
      by: 'mains',
      other: -1,
      fibre: -1,
      reading: {
        ...common,
        kind: 'ups',
        source: lostS > 0 ? 'battery' : isTest ? 'test' : 'mains',
        battery: lostS > 0 && chargePct < 15 ? 'low' : 'normal',
        replaceBattery: world.holds('ups_worn', s, ms) !== undefined,
        chargePct,
        runtimeS,
        onBatteryS: Math.round(lostS),
        inputV: lostS > 0 ? 0 : 226 + random.normal() * 2,
        batteryV: 26 + left,
        loadPct: (world.holds('ups_overload', s, ms) === undefined ? 25 : 112) + random.normal(),
        tempC: 28
      }
    }
    return
  }
  if (device.role === 'catv') {
    const change = world.levelOf('catv', s, ms)
    yield {
      ...nothing,
      reading: { ...common, kind: 'catv', inputDbm: -4 + change + random.normal() * 0.2, rfDbuv: 104 }
    }
    return
  }
  const ports = device.ports
  if (ports.length === 0)
    yield { ...nothing, reading: interfaceReading(common, '1', 1, 1, ms, random.next()) }
  for (const { instance, role, peer } of ports) {
    const { admin, oper } = world.port(s, instance, ms)
    const other = city.siteOf(peer)
    yield {
      about: oper === 2 ? (role === 'downlink' ? other : s) : -1,
      by: 'link',
      other: role === 'downlink' ? s : other,
      fibre: city.fibreAt(s, instance),
      reading: interfaceReading(common, instance, admin, oper, ms, random.next())
    }
    const lit = world.port(s, instance, ms - 1000 * (scenario.network?.levels_late_s ?? 0)).oper === 1
    if (role === 'uplink')
      yield {
        ...nothing,
        reading: {
          kind: 'optics',
          index: instance,
          opticClass: '1000base-bx10',
          rxDbm: lit ? -12 + world.levelOf('optics', s, ms) + random.normal() * 0.3 : -Infinity,
          txDbm: -5,
          tempC: 41,
          voltageV: 3.3,
          biasMa: 20,
          ...common
        }
      }
  }
}

function interfaceReading(
  common: { readonly device: Reading['device']; readonly collector: string; readonly timeMs: number },
  index: string,
  adminStatus: number,
  operStatus: number,
  ms: number,
  share: number
): Reading {
  const octets = Math.floor(ms * 1000 + share * 1000)
  return {
    kind: 'interface',
    index,
    adminStatus,
    operStatus,
    inOctets: octets,
    outOctets: octets * 2,
    inErrors: 0,
    outErrors: 0,
    inDiscards: 0,
    outDiscards: 0,
    speedBps: 1_000_000_000,
    lastChangeTicks: 1000,
    ...common
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) >>> 0
  return hash % 1_000_003
}
