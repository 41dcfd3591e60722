import { setTimeout as delay } from 'node:timers/promises'
import { cityDevices, cityNodes, type CityOptions } from '../../embedded/simulator/city.ts'
import { startBenchDaemon, type BenchDaemon } from '../support/daemon.ts'
import { medians, type Figures } from '../support/figures.ts'
import type { BenchRecord } from '../support/mix.ts'
import { cpuUsOf } from '../support/process.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic } from '../support/topic.ts'

const sizes = [
  [10_000, '10k'],
  [100_000, '100k'],
  [1_000_000, '1m']
] as const
const partitions = 12
/** Records of the second part, when every series is known. */
const knownRecords = 1_000_000
const intervalMs = 60_000
const timeoutMs = 600_000

/**
 * How memory and CPU grow with the city: 10,000, 100,000 and 1,000,000 nodes, five series of each (the uplink port of its
 * switch). First every port is polled once, which is when all series are met. When all of them are stored and the daemon
 * is at rest, the same ports are polled again until another million records are there; the daemon is stopped while they
 * are written, so that it reads them as one backlog, whatever the size of the city. `--size` leaves out larger cities.
 */
export const scale: Bench = options =>
  onStage(async stage => {
    const kafka = await stage.kafka()
    const clickhouse = await stage.clickhouse('clickhouse')
    const runs: Figures[] = []
    const cities = []
    for (const [nodes, name] of sizes) {
      if (nodes > (options.size ?? Infinity)) continue
      const city: CityOptions = { nodes, seed: 1, equipment: 'light', intervalS: 3600, upsIntervalS: 3600 }
      const inventoryFile = await stage.inventory(`city-${name}`, cityNodes(city), cityDevices(city))
      cities.push({ name, city, inventoryFile, rounds: 1 + Math.ceil(knownRecords / nodes) })
    }
    for (let run = 0; run < options.runs; run++) {
      const figures: Record<string, number> = {}
      for (const { name, city, inventoryFile, rounds } of cities) {
        const database = `bench_scale_${name}_${run}`
        const topic = `scale-${name}-${run}`
        const fill = (from: number, to: number) =>
          fillTopic({
            brokers: kafka.brokers,
            topic,
            partitions,
            records: polls(city, from, to, rounds),
            compression: 'lz4'
          })
        const first = await fill(0, 1)
        const startedMs = performance.now()
        const daemon = await startBenchDaemon({
          brokers: kafka.brokers,
          topic,
          group: database,
          clickhouseUrl: clickhouse.url,
          database,
          inventoryFile,
          dir: stage.dir,
          sessionTimeoutMs: timeoutMs,
          profileDir: run === 0 ? options.profileDir : undefined
        })
        try {
          const learning = daemon.stored(first.samples, timeoutMs)
          const lit = firstLight(daemon.url).then(ms => ms - startedMs)
          const met = await learning
          figures[`first_light_s_${name}`] = (await lit) / 1000
          const described = () =>
            clickhouse.number(
              `SELECT if((SELECT count() FROM ${database}.devices) = 0, 0, (SELECT count() FROM ${database}.series))`
            )
          await until(async () => (await described()) >= first.samples)
          const rest = await atRest(daemon)
          const perSeries = rest.cpuUs / first.samples
          figures[`cpu_us_per_new_series_${name}`] = perSeries
          figures[`series_met_per_s_${name}`] = (first.samples / met.wallMs) * 1000
          const again = await stopped(daemon, () => fill(1, rounds))
          await daemon.reset()
          const before = cpuUsOf(clickhouse.engine.pid())
          const known = await daemon.stored(again.samples, timeoutMs)
          figures[`peak_rss_mib_${name}`] = known.peakRssMib
          figures[`rss_at_rest_mib_${name}`] = rest.rssMib
          figures[`cpu_us_per_record_${name}`] = known.cpuUs / again.records
          figures[`clickhouse_cpu_us_per_record_${name}`] =
            (cpuUsOf(clickhouse.engine.pid()) - before) / again.records
          figures[`samples_per_s_${name}`] = (known.rows / known.wallMs) * 1000
          figures[`series_${name}`] = known.seriesKnown
          options.say(
            `run ${run + 1}: ${name}: ${known.peakRssMib.toFixed(0)} MiB, ${perSeries.toFixed(2)} µs a new series, then ` +
              `${figures[`cpu_us_per_record_${name}`]!.toFixed(2)} µs a record of ${again.records}`
          )
        } finally {
          await daemon.stop()
          await clickhouse.client.command({ query: `DROP DATABASE IF EXISTS ${database} SYNC` })
        }
      }
      const [one, ten] = [figures['cpu_us_per_record_1m'], figures['cpu_us_per_record_10k']]
      if (one !== undefined && ten !== undefined) figures['cpu_ratio_1m_to_10k'] = one / ten
      runs.push(figures)
    }
    return medians(runs)
  })

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + timeoutMs; !(await isSo());) {
    if (performance.now() > endMs)
      throw new Error(`bench: inventory and series were not stored in ${timeoutMs} ms`)
    await delay(1000)
  }
}

/** Waits until the daemon does nothing more of what the first part left to be done. */
async function atRest(daemon: BenchDaemon) {
  const stepMs = 1000
  let quiet = 0
  let last = await daemon.figures()
  for (const untilMs = performance.now() + timeoutMs; performance.now() < untilMs;) {
    await delay(stepMs)
    const now = await daemon.figures()
    quiet = now.cpuUs - last.cpuUs < stepMs * 100 ? quiet + 1 : 0
    last = now
    if (quiet === 3) return now
  }
  throw new Error(`bench: the daemon did not come to rest in ${timeoutMs} ms`)
}

/** Does something while the daemon stands still. It stays in its group: writing takes less than a session. */
async function stopped<T>(daemon: BenchDaemon, act: () => Promise<T>): Promise<T> {
  process.kill(daemon.pid, 'SIGSTOP')
  try {
    return await act()
  } finally {
    process.kill(daemon.pid, 'SIGCONT')
  }
}

/** Every switch's uplink port, polled once in each round from `from` to before `to`; the last of all rounds was just now. */
function* polls(city: CityOptions, from: number, to: number, rounds: number): Generator<BenchRecord> {
  const endMs = Date.now() - 5000
  for (let round = from; round < to; round++) {
    const timestampMs = endMs - (rounds - 1 - round) * intervalMs
    let serial = 0
    for (const { id, role, identifiers, ports } of cityDevices(city)) {
      const port = ports[0]
      if (role !== 'switch' || port?.role !== 'uplink') continue
      serial++
      const octets = (round + 1) * 1_000_003 + serial * 7
      const fields = `{"ifAdminStatus":1,"ifHCInOctets":${octets},"ifHCOutOctets":${octets * 3},"ifInErrors":0,"ifOperStatus":1}`
      const tags =
        `{"agent_host":"${identifiers[0] ?? ''}","host":"col1","ifDescr":"Port ${port.instance}",` +
        `"ifIndex":"${port.instance}","sysName":"${id}"}`
      const value = `{"fields":${fields},"name":"interface","tags":${tags},"timestamp":${Math.floor(timestampMs / 1000)}}\n`
      yield { key: identifiers[0] ?? '', value, timestampMs }
    }
  }
}

/** When the first node had a light (performance.now() ms): the summary has more than grey. */
async function firstLight(url: string): Promise<number> {
  for (;;) {
    const answer = await fetch(`${url}/api/v1/summary`).catch(() => undefined)
    if (answer?.ok === true && /"(?:green|yellow|red)":[1-9]/.test(await answer.text()))
      return performance.now()
    await delay(100)
  }
}
