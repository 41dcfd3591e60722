import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { generateCity, type City } from '../../embedded/simulator/city.ts'
import { startBenchDaemon, type BenchDaemon } from '../support/daemon.ts'
import { type Figures, medians, percentile } from '../support/figures.ts'
import { connectProducer, createTopic } from '../support/produce.ts'
import { moduleBeside, runMeasured } from '../support/process.ts'
import type { Fed } from '../support/producer.child.ts'
import { onStage, type Bench } from '../support/stage.ts'

const nodes = 4000
const topic = 'latency'
const levels = [10, 50, 90]
const probeEveryMs = 20

/**
 * From event to light and to storage while the daemon is loaded to 10, 50 and 90 % of what it keeps up with when the
 * producer, Kafka and ClickHouse run on the same cores. Probes are links that go down, made and sent every 20 ms; their
 * event time is the moment of sending. The light's time is the engine's; `page` is when a listener of /api/v1/events
 * has it. Storage is counted: the k-th sample sent is stored when k samples are acknowledged.
 */
export const latency: Bench = async options => {
  const runs: Figures[] = []
  for (let run = 0; run < options.runs; run++) runs.push(await measure(options))
  return medians(runs)
}

const measure: Bench = options =>
  onStage(async stage => {
    const seconds = options.size ?? 20
    const city = generateCity({ nodes, seed: 1 })
    const inventoryFile = await stage.inventory('city', city.nodes, city.devices)
    const kafka = await stage.kafka()
    const clickhouse = await stage.clickhouse('clickhouse')
    await createTopic(kafka.brokers, topic, 12)
    const daemon = await startBenchDaemon({
      brokers: kafka.brokers,
      topic,
      group: topic,
      clickhouseUrl: clickhouse.url,
      database: 'bench_latency',
      inventoryFile,
      dir: stage.dir,
      profileDir: options.profileDir
    })
    stage.use(daemon)
    await untilReady(daemon)
    const feed = (ratePerS: number, forS: number): Promise<Fed> =>
      runMeasured<Fed>(
        moduleBeside(import.meta.url, '../support/producer.child'),
        [kafka.brokers[0] ?? '', topic, String(nodes), String(ratePerS), String(forS)],
        forS * 1000 + 120_000
      )
    const lit = await listen(daemon.url)
    stage.use(lit)

    // Everything is learnt and compiled before anything is measured.
    await feed(0, 10)
    await untilQuiet(daemon)
    await daemon.reset()
    const startedMs = Date.now()
    const flatOut = await feed(0, 15)
    const whole = await untilQuiet(daemon)
    const perRecord = whole.rows / flatOut.records
    const takenS = ((whole.stored.at(-1)?.[0] ?? NaN) - (whole.stored[0]?.[0] ?? startedMs)) / 1000
    const max = flatOut.records / takenS
    options.say(`latency: keeps up with ${Math.round(max)} records/s`)
    const figures: Record<string, number> = { max_records_per_s: max }

    const probes = probesOf(city)
    const producer = await connectProducer(kafka.brokers, 'none', { 'linger.ms': 0 })
    for (const level of levels) {
      await clickhouse.settled()
      await daemon.reset()
      const feeding = feed((max * level) / 100, seconds)
      // The producer's process takes a moment to start.
      await delay(2000)
      const untilMs = Date.now() + seconds * 1000 - 1000
      const sent: { node: string; ms: number }[] = []
      while (Date.now() < untilMs) {
        const probe = probes.next()
        if (probe.done === true)
          throw new Error('latency: no links are left to take down; give fewer seconds')
        const { key, node, valueAt } = probe.value
        const ms = Date.now()
        await producer.send(topic, { key, value: valueAt(ms), timestampMs: ms })
        sent.push({ node, ms })
        await delay(probeEveryMs)
      }
      const fed = await feeding
      const quiet = await untilQuiet(daemon)
      const light: number[] = []
      const page: number[] = []
      for (const { node, ms } of sent) {
        const seen = lit.red.get(node)
        if (seen === undefined) continue
        light.push(seen.atMs - ms)
        page.push(seen.arrivedMs - ms)
      }
      const stored = storedLatencies(fed, quiet.stored, quiet.rows / fed.records)
      if (light.length < sent.length)
        options.say(
          `latency: ${sent.length - light.length} of ${sent.length} probes lit nothing at ${level} %`
        )
      for (const [name, values] of [
        ['light', light],
        ['page', page],
        ['stored', stored]
      ] as const)
        for (const [label, p] of [
          ['p50', 0.5],
          ['p99', 0.99],
          ['p999', 0.999]
        ] as const)
          figures[`${name}_${label}_ms_${level}`] = percentile(values, p)
      figures[`records_per_s_${level}`] = (fed.records / seconds) * 1
      figures[`probes_lost_${level}`] = sent.length - light.length
      figures[`loop_delay_p99_ms_${level}`] = quiet.loopDelayMsP99
      figures[`gc_pause_p99_ms_${level}`] = quiet.gcPauseMsP99
      options.say(
        `latency: at ${level} % light ${percentile(light, 0.5).toFixed(0)} / ${percentile(light, 0.99).toFixed(0)} ms, ` +
          `stored ${percentile(stored, 0.5).toFixed(0)} / ${percentile(stored, 0.99).toFixed(0)} ms (p50 / p99)`
      )
    }
    await producer.close()
    figures['samples_per_record'] = perRecord
    return figures
  })

interface Probe {
  readonly key: string
  /** The node that turns red. */
  readonly node: string
  readonly valueAt: (ms: number) => string
}

/** Every link to a building once: a node turns red only once. */
function* probesOf({ devices }: City): Generator<Probe> {
  for (const { role, identifiers, node, ports } of devices) {
    if (role !== 'switch' || !node.startsWith('ku-')) continue
    for (const port of ports) {
      if (port.role !== 'downlink') continue
      const valueAt = (timeMs: number): string =>
        JSON.stringify({
          device: identifiers[0],
          identifiers,
          instance: port.instance,
          collector: 'col1',
          timeMs,
          signals: { 'if.admin_status': 1, 'if.oper_status': 2 }
        })
      yield { key: identifiers[0] ?? '', node: port.peer, valueAt }
    }
  }
}

interface Lit {
  /** First time (wall clock, ms) each node turned red: as the engine says, and as it came here. */
  readonly red: ReadonlyMap<string, { readonly atMs: number; readonly arrivedMs: number }>
  stop(): Promise<void>
}

async function listen(url: string): Promise<Lit> {
  const red = new Map<string, { atMs: number; arrivedMs: number }>()
  const [response] = (await once(get(`${url}/api/v1/events`), 'response')) as [IncomingMessage]
  let event = ''
  createInterface({ input: response }).on('line', line => {
    if (line.startsWith('event: ')) event = line.slice(7)
    if (event !== 'light' || !line.startsWith('data: ')) return
    const arrivedMs = Date.now()
    for (const { node, to, atMs } of JSON.parse(line.slice(6)) as {
      node: string
      to: string
      atMs: number
    }[])
      if (to === 'red' && !red.has(node)) red.set(node, { atMs, arrivedMs })
  })
  response.on('error', () => undefined)
  return {
    red,
    stop() {
      response.destroy()
      return Promise.resolve()
    }
  }
}

async function untilReady({ url }: BenchDaemon): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if ((await fetch(`${url}/health/ready`)).ok) return
    await delay(100)
  }
  throw new Error('bench: the daemon was not ready within a minute')
}

/** Waits until nothing more is stored for two seconds: longer than a sample waits for its insert. */
async function untilQuiet(daemon: BenchDaemon): ReturnType<BenchDaemon['figures']> {
  let before = -1
  for (;;) {
    const figures = await daemon.figures()
    if (figures.rows === before) return figures
    before = figures.rows
    await delay(2000)
  }
}

function storedLatencies(
  fed: Fed,
  stored: readonly (readonly [number, number])[],
  perRecord: number
): number[] {
  const latencies: number[] = []
  let at = 0
  for (const [ms, records] of fed.sent) {
    // Rounding must not make the last samples wait for one that never comes.
    while (at < stored.length - 1 && stored[at]![1] < Math.floor(records * perRecord) - 1) at++
    latencies.push(Math.max(0, (stored[at]?.[0] ?? NaN) - ms))
  }
  return latencies
}
