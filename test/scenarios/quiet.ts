import { definitionsOf } from '../../daemon/network.ts'
import { createSimulatedDaemon, type FedRecord } from '../../daemon/simulated.ts'
import { createTelegrafEncoder } from '../../embedded/simulator/encode-telegraf.ts'
import { createRandom } from '../../embedded/simulator/random.ts'
import { buildCity } from './city.ts'
import { readingsOf, startMs } from './play.ts'
import { createWorld } from './world.ts'

/** What a city in which nothing happens is said to have: everything of it is false. */
export interface QuietPlayed {
  readonly nodeDays: number
  /** Nodes that became red. */
  readonly falseRed: number
  /** Times that a node became yellow, grey or red. */
  readonly falseEpisodes: number
  readonly incidents: number
  readonly polls: number
  readonly lostPolls: number
  readonly latePolls: number
}

export interface QuietOptions {
  readonly seed: number
  readonly nodeDays: number
  readonly network?: { districts: number; areas: number; campuses: number; buildings: number }
  /** Told about once a simulated hour. */
  readonly onHour?: (so: QuietPlayed) => void
}

/** 2025 nodes. */
const large = { districts: 4, areas: 5, campuses: 10, buildings: 9 }
/** The noise of every scenario: polls that are lost, and that come up to a minute late. */
const lostShare = 0.001
const lateShare = 0.005
const hourS = 3600

/** Plays a healthy city with the usual noise through the whole daemon, a second at a time, for as many days as make `nodeDays`. */
export async function playQuiet(options: QuietOptions): Promise<QuietPlayed> {
  const random = createRandom(options.seed)
  const city = buildCity(options.network ?? large, random)
  const scenario = { kind: 'quiet', says: 'Nothing happens.', minutes: 0, faults: [] }
  const world = createWorld(city, scenario, [], () => [], random)
  const devices = city.sites.reduce((sum, site) => sum + site.devices.length, 0)
  const daemon = await createSimulatedDaemon({
    definitions: await definitionsOf({ inventory: city.inventory() }),
    startMs,
    seriesMax: devices * 100,
    devicesMax: devices * 2,
    keepsSamples: false
  })
  const encode = createTelegrafEncoder('ms')
  /** Polls by the second of the minute they begin in. */
  const polls = Array.from({ length: 60 }, (): { s: number; d: number; phaseMs: number }[] => [])
  for (const [s, site] of city.sites.entries()) {
    for (const [d, { intervalS }] of site.devices.entries()) {
      const phaseMs = random.between(0, intervalS * 1000)
      for (let ms = phaseMs; ms < 60_000; ms += intervalS * 1000)
        polls[Math.floor(ms / 1000)]!.push({ s, d, phaseMs: ms % 1000 })
    }
  }
  /** What is on its way, by the second it comes in. */
  const due = new Map<number, FedRecord[]>()
  const endS = Math.ceil((options.nodeDays / city.sites.length) * 86_400)
  const counts = { polls: 0, lostPolls: 0, latePolls: 0 }
  let seen = 0
  let falseRed = 0
  let falseEpisodes = 0
  const shown = new Map<string, string>()
  const sum = (second: number): QuietPlayed => ({
    nodeDays: (city.sites.length * second) / 86_400,
    falseRed,
    falseEpisodes,
    incidents: daemon.history.incidents.filter(({ change }) => change === 'opened').length,
    ...counts
  })
  try {
    for (let second = 0; second <= endS; second++) {
      for (const { s, d, phaseMs } of polls[second % 60]!) {
        counts.polls++
        const ms = second * 1000 + phaseMs
        const isLost = random.next() < lostShare
        const isLate = random.next() < lateShare
        const delayMs = isLate ? random.between(10_000, 60_000) : random.between(100, 1900)
        if (isLost) counts.lostPolls++
        if (isLate) counts.latePolls++
        if (isLost) continue
        const at = Math.ceil((ms + delayMs) / 1000)
        const records = due.get(at) ?? []
        due.set(at, records)
        const poll = { s, d, ms, collector: city.sites[s]!.collector, offsetMs: 0 }
        for (const { reading } of readingsOf({ scenario, city, world, random }, poll))
          encode(reading, ({ key, value, timestampMs }) => records.push({ key, value, timestampMs }))
      }
      daemon.advance(startMs + second * 1000)
      const now = due.get(second)
      due.delete(second)
      if (now !== undefined) await daemon.feed(now)
      const { lights } = daemon.history
      for (; seen < lights.length; seen++) {
        const { node, to } = lights[seen]!
        const before = shown.get(node) ?? 'green'
        shown.set(node, to)
        if (before === 'green' && to !== 'green') falseEpisodes++
        if (to === 'red' && before !== 'red') falseRed++
      }
      if (second % hourS === 0 && second > 0) options.onHour?.(sum(second))
    }
    return sum(endS)
  } finally {
    await daemon.close()
  }
}
