import { createSimulatedDaemon } from '../../daemon/simulated.ts'
import { definitionsOf } from '../../daemon/network.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { readScenario } from '../../embedded/simulator/command.ts'
import { createTelegrafEncoder } from '../../embedded/simulator/encode-telegraf.ts'
import type { SimulatedRecord } from '../../embedded/simulator/readings.ts'
import type { FaultNews } from '../../embedded/simulator/scenario.ts'
import { createSimulation } from '../../embedded/simulator/simulation.ts'
import { inventoryNdjson } from '../../topology/write.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import type { Incident } from '../../topology/model.ts'
import { startMs } from './play.ts'
import { notificationsOf } from './score.ts'

/** What `npm start` shows, in simulated time: the demonstration's own city, scenario and settings. */
export interface DemoPlayed {
  /** Faults that somebody should be told of and that began a minute before the end at least, so that there was time to tell of them. */
  readonly faults: readonly FaultNews[]
  /** Each incident that alerts, as it was told first; one alert each. */
  readonly alerts: readonly { readonly incident: Incident; readonly atMs: number }[]
  /** What Alertmanager would send: an alert, that it got worse, its end. */
  readonly notifications: number
  readonly startMs: number
}

export interface DemoOptions {
  readonly minutes: number
  readonly nodes?: number
  readonly seed?: number
}

/** As `svetofor demo` has them by default. */
const demoDefaults = { nodes: 2000, seed: 1, intervalS: 10 }
/** How far apart records are taken (ms): about what the embedded broker needs. */
const stepMs = 200
/** How long before the end a fault must have begun to count (ms). */
const tellMsMax = 60_000
/** A UPS that tests itself and a storm of access ports are no faults of the network. */
const noFaults = new Set(['ups_self_test', 'subscriber_storm'])

export async function playDemo(options: DemoOptions): Promise<DemoPlayed> {
  const { minutes, nodes = demoDefaults.nodes, seed = demoDefaults.seed } = options
  const { intervalS } = demoDefaults
  const city = generateCity({ nodes, seed, intervalS, upsIntervalS: intervalS })
  const definitions = await definitionsOf({
    inventory: [...inventoryNdjson(city.nodes, city.devices)].map(line => JSON.parse(line) as unknown)
  })
  const daemon = await createSimulatedDaemon({
    definitions,
    startMs,
    seriesMax: city.devices.length * 40,
    devicesMax: city.devices.length * 2,
    keepsSamples: false,
    config: loadConfig({
      env: {
        SVETOFOR_STALENESS_DEFAULT_INTERVAL_S: String(intervalS),
        SVETOFOR_STALENESS_GRACE_S: String(intervalS)
      },
      readFile: () => {
        throw new Error('no file is read')
      }
    })
  })
  const faults: FaultNews[] = []
  const simulation = createSimulation({
    nodes: city.nodes,
    devices: city.devices,
    scenario: await readScenario('demo'),
    seed,
    startMs,
    encode: createTelegrafEncoder('ms'),
    onFault(news) {
      if (news.phase === 'begins' && !noFaults.has(news.fault)) faults.push(news)
    }
  })
  try {
    const endMs = startMs + minutes * 60_000
    for (let nowMs = startMs + stepMs; nowMs <= endMs; nowMs += stepMs) {
      const records: SimulatedRecord[] = []
      simulation.advance(nowMs, record => records.push(record))
      daemon.advance(nowMs)
      if (records.length > 0) await daemon.feed(records)
    }
    const seen = new Set<string>()
    const alerts = daemon.history.incidents.flatMap(({ incident, atMs }) => {
      if (incident.maintenance || seen.has(incident.id)) return []
      seen.add(incident.id)
      return [{ incident, atMs }]
    })
    const inTime = faults.filter(({ atMs }) => atMs <= endMs - tellMsMax)
    return { faults: inTime, alerts, notifications: notificationsOf(daemon.history.incidents), startMs }
  } finally {
    await daemon.close()
  }
}
