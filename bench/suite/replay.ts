import type { ClickHouseClient } from '@clickhouse/client'
import { definitionsOf } from '../../daemon/network.ts'
import { replay as replaySamples } from '../../daemon/replay/replay.ts'
import { createSimulatedDaemon, type FedRecord } from '../../daemon/simulated.ts'
import { generateCity, type City } from '../../embedded/simulator/city.ts'
import { readScenario } from '../../embedded/simulator/command.ts'
import { createTelegrafEncoder } from '../../embedded/simulator/encode-telegraf.ts'
import { createSimulation } from '../../embedded/simulator/simulation.ts'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { migrate } from '../../ingest/clickhouse/migrate.ts'
import { createRowSink } from '../../ingest/clickhouse/rows.ts'
import { createSampleLog } from '../../ingest/clickhouse/sample-log.ts'
import { createWriter } from '../../ingest/clickhouse/writer.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { inventoryNdjson } from '../../topology/write.ts'
import { cpuUsOf } from '../support/process.ts'
import { onStage, type Bench } from '../support/stage.ts'

const nodes = 2000
const day = 86_400_000
const hour = 3_600_000
const partitions = 12
/** Records are fed by stretches so long: each costs a task of each partition. */
const stepMs = 10_000
const seed = 1

/**
 * How long it takes to judge a day of 2,000 nodes again, by two sets of rules at once. An hour with faults is lived through and stored by
 * the daemon's own parts; the other hours are made of it in ClickHouse.
 */
export const replay: Bench = options =>
  onStage(async stage => {
    const wanted = options.size ?? 10_000_000
    const clickhouse = await stage.clickhouse('clickhouse')
    const database = 'bench_replay'
    await migrate(clickhouse.client, {
      database,
      retentionDays: 90,
      rollupRetentionDays: 730,
      eventRetentionDays: 730
    })
    const client = createClickHouseClient({ url: clickhouse.url, database, requestTimeoutMs: 600_000 })
    const fromMs = Math.floor((Date.now() - 2 * day) / hour) * hour
    const city = cityOf(wanted)
    const inventory = [...inventoryNdjson(city.nodes, city.devices)].map(line => JSON.parse(line) as unknown)
    options.say(`an hour of ${city.nodes.length} nodes with ${city.devices.length} devices is lived through`)
    const config = loadConfig({ env: {}, readFile: () => '' })
    const trial = {
      file: 'trial.yaml',
      text: `
rules:
  - name: trial.light
    kind: optics
    severity: minor
    select: { signal: optics.rx_dbm }
    below: -18 dBm
    hysteresis: 1 dB
    hold: { raise_samples: 2 }
    text: { ru: 'Свет {value}', en: 'Light {value}' }
`
    }
    await live(client, city, inventory, fromMs)
    for (let h = 1; h < 24; h++)
      await client.command({
        query: `INSERT INTO samples (series, time, raw, topic, partition, offset, stored_on)
          SELECT series, time + INTERVAL ${h} HOUR, value, topic, partition, offset + ${h * 1_000_000_000}, stored_on FROM samples
          WHERE series != 0 AND time < fromUnixTimestamp64Milli(${fromMs + hour})`
      })
    await clickhouse.settled()
    const rules = await definitionsOf({ inventory, rules: [trial] })
    const against = await definitionsOf({ inventory })
    options.say('and a day of it judged again')
    const startedMs = performance.now()
    const before = process.cpuUsage()
    const clickhouseBefore = cpuUsOf(clickhouse.engine.pid())
    const { facts, differences } = await replaySamples({
      config,
      log: createSampleLog(client),
      window: { fromMs, toMs: fromMs + day },
      warmUpMs: 0,
      rules,
      against,
      toleranceMs: 0
    })
    const wallS = (performance.now() - startedMs) / 1000
    const { user, system } = process.cpuUsage(before)
    const figures = {
      nodes: city.nodes.length,
      samples: facts.samples,
      series: facts.series,
      wall_s: wallS,
      cpu_s: (user + system) / 1e6,
      cpu_s_clickhouse: (cpuUsOf(clickhouse.engine.pid()) - clickhouseBefore) / 1e6,
      peak_rss_mib: process.resourceUsage().maxRSS / 1024,
      alarms: differences.alarms.is,
      gained: differences.gained.length,
      lost: differences.lost.length
    }
    await client.close()
    return figures
  })

/** A city whose devices are polled so often that they give as many samples a day. */
function cityOf(samplesADay: number): City {
  const city = generateCity({ nodes, seed })
  // The figure that counts is what was replayed.
  const intervalS = Math.max(1, Math.round((city.devices.length * samplesPerPoll * 86_400) / samplesADay))
  return { ...city, devices: city.devices.map(device => ({ ...device, intervalS })) }
}
/** Of this city, all devices taken together. */
const samplesPerPoll = 19.5

/** Lives through an hour with the demonstration's faults, and stores its samples. */
async function live(
  client: ClickHouseClient,
  city: City,
  inventory: readonly unknown[],
  startMs: number
): Promise<void> {
  const fail = (problem: unknown): never => {
    throw problem instanceof Error ? problem : new Error(String(problem))
  }
  const rows = createRowSink({ client, onProblem: fail, waitingMax: 1_000_000 })
  const writer = createWriter({
    client,
    rowsMax: 100_000,
    bytesMax: 64 * 1024 * 1024,
    flushMsMax: 1000,
    memoryBytesMax: 1024 ** 3,
    onAcknowledged: () => undefined,
    onFatal: fail
  })
  const daemon = await createSimulatedDaemon({
    definitions: await definitionsOf({ inventory }),
    startMs,
    seriesMax: 500_000,
    store: { submit: (ranges, block) => writer.submit(ranges, block), series: all => rows.series(all) }
  })
  const simulation = createSimulation({
    nodes: city.nodes,
    devices: city.devices,
    scenario: await readScenario('demo'),
    seed,
    startMs,
    encode: createTelegrafEncoder('ms')
  })
  for (let atMs = startMs + stepMs; atMs <= startMs + hour; atMs += stepMs) {
    const due: FedRecord[] = []
    simulation.advance(atMs, ({ key, value, timestampMs }) =>
      due.push({ key, value, timestampMs, partition: key.charCodeAt(key.length - 1) % partitions })
    )
    daemon.advance(atMs)
    if (due.length > 0) await daemon.feed(due.sort((a, b) => a.partition! - b.partition!))
  }
  await rows.close(60_000)
  if ((await writer.close(60_000)) > 0) throw new Error('bench: not everything could be stored')
  await daemon.close()
}
