import { setTimeout as delay } from 'node:timers/promises'
import { cityDevices, cityNodes, type CityOptions } from '../../embedded/simulator/city.ts'
import { startBenchDaemon } from '../support/daemon.ts'
import { medians, type Figures } from '../support/figures.ts'
import type { BenchRecord } from '../support/mix.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic } from '../support/topic.ts'

const partitions = 12
const nodesDefault = 200_000
const recordsPerS = 50_000
/** As many as a start judges again by default (`ingest.warm_up_records_max`). */
const recordsWanted = 5_000_000
const timeoutMs = 600_000

/**
 * How long a restart takes where 50,000 records a second come: a million series (five of each node), and as much of the log to be judged
 * again as a start takes by default. The daemon is killed when all is stored, and started again: from then until it has read
 * the inventory, restored its state and judged the log again, which is when it reads on.
 */
export const restart: Bench = options =>
  onStage(async stage => {
    const nodes = options.size ?? nodesDefault
    const rounds = Math.ceil(recordsWanted / nodes)
    const kafka = await stage.kafka()
    const clickhouse = await stage.clickhouse('clickhouse')
    const city: CityOptions = { nodes, seed: 1, equipment: 'light', intervalS: 60, upsIntervalS: 3600 }
    const inventoryFile = await stage.inventory('city', cityNodes(city), cityDevices(city))
    const filled = await fillTopic({
      brokers: kafka.brokers,
      topic: 'restart',
      partitions,
      records: polls(city, rounds),
      compression: 'lz4'
    })
    let starts = 0
    const start = () =>
      startBenchDaemon({
        brokers: kafka.brokers,
        topic: 'restart',
        // Each start is another group: it does not wait until the group has given up the one that was killed.
        group: `bench_restart_${++starts}`,
        clickhouseUrl: clickhouse.url,
        database: 'bench_restart',
        inventoryFile,
        dir: stage.dir
      })
    const first = await start()
    await first.stored(filled.samples, timeoutMs)
    await first.kill9()
    const runs: Figures[] = []
    for (let run = 0; run < options.runs; run++) {
      const startedMs = performance.now()
      const daemon = await start()
      try {
        const found = await warmedUp(daemon.url)
        const readyS = (performance.now() - startedMs) / 1000
        const { seriesKnown, peakRssMib } = await daemon.figures()
        options.say(
          `run ${run + 1}: reads on after ${readyS.toFixed(1)} s, ${found.seconds.toFixed(1)} s of them for ${found.records} records`
        )
        runs.push({
          reads_on_after_s: readyS,
          warm_up_s: found.seconds,
          warm_up_records: found.records,
          warm_up_records_per_s: found.records / found.seconds,
          series: seriesKnown,
          peak_rss_mib: peakRssMib
        })
      } finally {
        await daemon.kill9()
      }
    }
    return medians(runs)
  })

/** Waits until every partition was judged again, by the daemon's own metrics. */
async function warmedUp(url: string): Promise<{ readonly seconds: number; readonly records: number }> {
  for (const untilMs = performance.now() + timeoutMs; performance.now() < untilMs; await delay(50)) {
    const answer = await fetch(`${url}/metrics`).catch(() => undefined)
    if (answer?.ok !== true) continue
    const text = await answer.text()
    const sum = (name: string): number =>
      [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+]+)$`, 'gm'))].reduce(
        (total, [, value]) => total + Number(value),
        0
      )
    if (sum('svetofor_warm_up_partitions_total') === partitions)
      return { seconds: sum('svetofor_warm_up_seconds'), records: sum('svetofor_warm_up_records_total') }
  }
  throw new Error(`bench: the log was not judged again in ${timeoutMs} ms`)
}

/** Every switch's uplink port in each round; all of them spread over time as they would come. */
function* polls(city: CityOptions, rounds: number): Generator<BenchRecord> {
  let count = 0
  const beginMs = Date.now() - (city.nodes * rounds * 1000) / recordsPerS
  for (let round = 0; round < rounds; round++) {
    for (const { id, role, identifiers, ports } of cityDevices(city)) {
      const port = ports[0]
      if (role !== 'switch' || port?.role !== 'uplink') continue
      const timestampMs = Math.floor(beginMs + (count++ * 1000) / recordsPerS)
      const octets = count * 7
      const fields = `{"ifAdminStatus":1,"ifHCInOctets":${octets},"ifHCOutOctets":${octets * 3},"ifInErrors":0,"ifOperStatus":1}`
      const tags =
        `{"agent_host":"${identifiers[0] ?? ''}","host":"col1","ifDescr":"Port ${port.instance}",` +
        `"ifIndex":"${port.instance}","sysName":"${id}"}`
      const value = `{"fields":${fields},"name":"interface","tags":${tags},"timestamp":${timestampMs}}\n`
      yield { key: identifiers[0] ?? '', value, timestampMs }
    }
  }
}
