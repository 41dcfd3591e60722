import { setTimeout as delay } from 'node:timers/promises'
import { createTelegrafEncoder } from '../../embedded/simulator/encode-telegraf.ts'
import { cityAtRate } from '../../embedded/simulator/command.ts'
import type { SimulatedRecord } from '../../embedded/simulator/readings.ts'
import { quietScenario } from '../../embedded/simulator/scenario.ts'
import { createSimulation, type Simulation } from '../../embedded/simulator/simulation.ts'
import type { City } from '../../embedded/simulator/city.ts'
import type { Ledger } from './ledger.ts'
import { connectTestProducer } from './producer.ts'

/** A simulated city that speaks into Kafka, every record of it entered into a ledger. */
export interface CityPlayer {
  readonly simulation: Simulation
  sent(): number
  /** Plays up to this time as fast as Kafka takes it. */
  playTo(toMs: number): Promise<void>
  /** Goes on by the clock until `stop`. */
  goLive(): void
  /** Sends a record of the caller's making at the next tick, with that tick's time; resolves with the time. */
  interject(make: (timeMs: number) => SimulatedRecord): Promise<number>
  /** Takes a look between two ticks: the ledger then holds everything up to this time, and nothing behind it. */
  atRest<T>(look: (playedMs: number) => T): Promise<T>
  /** Ends the live play and waits until Kafka has everything. */
  stop(): Promise<void>
}

const tickMs = 20
const stepMs = 500

/** A city of about this many devices, one switch a building, polled so often that they send `ratePerS` together. */
export function cityOfDevices(devices: number, ratePerS: number, seed: number): City {
  let nodes = Math.floor(devices * 0.8)
  for (;;) {
    const city = cityAtRate({ nodes, seed, ratePerS, equipment: 'light' })
    if (city.devices.length >= devices) return city
    nodes += Math.max(1, Math.floor((devices - city.devices.length) / 2))
  }
}

export async function createCityPlayer(options: {
  readonly city: City
  readonly seed: number
  readonly startMs: number
  readonly brokers: readonly string[]
  readonly topic: string
  readonly ledger: Ledger
}): Promise<CityPlayer> {
  const { city, brokers, topic, ledger } = options
  const simulation = createSimulation({
    nodes: city.nodes,
    devices: city.devices,
    scenario: quietScenario,
    seed: options.seed,
    startMs: options.startMs,
    encode: createTelegrafEncoder('ms')
  })
  // Collectors are configured one by one: some compress. A device's records all go by the same one.
  const [plain, lz4] = await Promise.all([
    connectTestProducer({ brokers, topic, compression: 'none' }),
    connectTestProducer({ brokers, topic, compression: 'lz4' })
  ])
  let sent = 0
  let playedMs = options.startMs
  let live: Promise<void> | undefined
  let stopping = false
  let interjected: { make: (timeMs: number) => SimulatedRecord; done: (timeMs: number) => void }[] = []

  let looks: (() => void)[] = []

  const send = async (record: SimulatedRecord): Promise<boolean> => {
    if (!ledger.enter(record.value, record.timestampMs)) return false
    await (record.key.charCodeAt(record.key.length - 1) % 3 === 0 ? lz4 : plain).send(record)
    sent++
    return true
  }
  const playTo = async (toMs: number): Promise<void> => {
    while (playedMs < toMs) {
      const records: SimulatedRecord[] = []
      playedMs = Math.min(toMs, playedMs + stepMs)
      simulation.advance(playedMs, record => records.push(record))
      for (const record of records) await send(record)
    }
  }
  const play = async (): Promise<void> => {
    while (!stopping) {
      await playTo(Date.now())
      const waiting = interjected
      interjected = []
      for (const one of waiting) {
        if (await send(one.make(playedMs))) one.done(playedMs)
        else interjected.push(one)
      }
      const now = looks
      looks = []
      for (const look of now) look()
      await delay(tickMs)
    }
  }
  return {
    simulation,
    sent: () => sent,
    async playTo(toMs) {
      await playTo(toMs)
      await Promise.all([plain.flush(), lz4.flush()])
    },
    goLive() {
      live = play()
      live.catch(() => undefined)
    },
    interject: make => new Promise(done => interjected.push({ make, done })),
    atRest: look => new Promise(resolve => looks.push(() => resolve(look(playedMs)))),
    async stop() {
      stopping = true
      try {
        await live
        await Promise.all([plain.flush(), lz4.flush()])
      } finally {
        await Promise.all([plain.close(), lz4.close()])
      }
    }
  }
}
