import { runClickHouseKafka } from '../peers/clickhouse-kafka.ts'
import { runKcat } from '../peers/kcat.ts'
import { runTelegraf } from '../peers/telegraf.ts'
import { generateCity } from '../../topology/city.ts'
import { startBenchDaemon } from '../support/daemon.ts'
import { medians, type Figures } from '../support/figures.ts'
import { telegrafMix } from '../support/mix.ts'
import { cpuUsOf, moduleBeside, runMeasured, type ProcessFigures } from '../support/process.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic, type BenchTopic } from '../support/topic.ts'

const nodes = 1000
const partitions = 12
const timeoutMs = 120_000

/**
 * The whole way: 1,000,000 Telegraf records in real Kafka, the daemon with the shipped rules, embedded ClickHouse. The
 * CPU is of the daemon's process from the first batch until the last sample is acknowledged, ClickHouse's apart. Peers
 * read the same topic, in turn with the daemon; every ratio is of neighbours in time, then the median is taken.
 */
export const path: Bench = options =>
  onStage(async stage => {
    const { say } = options
    const count = options.size ?? 1_000_000
    const city = generateCity({ nodes, seed: 1 })
    const inventoryFile = await stage.inventory('city', city.nodes, city.devices)
    const kafka = await stage.kafka()
    const broker = kafka.brokers[0] ?? ''
    const endMs = Date.now()
    const topics: Record<'none' | 'lz4', BenchTopic> = {
      none: await fill('none'),
      lz4: await fill('lz4')
    }

    async function fill(compression: 'none' | 'lz4'): Promise<BenchTopic> {
      const records = telegrafMix({ devices: city.devices, records: count, seed: 1, endMs })
      const topic = `path-${compression}`
      const filled = await fillTopic({ brokers: kafka.brokers, topic, partitions, records, compression })
      say(
        `${topic}: ${count} records of ${filled.recordBytes.toFixed(0)} bytes, ${(filled.samples / count).toFixed(2)} samples each`
      )
      return filled
    }

    const clickhouse = await stage.clickhouse('clickhouse')
    const other = await stage.clickhouse('kafka-engine')

    const ownRun = async (topic: BenchTopic, run: number): Promise<Figures> => {
      const database = `bench_${topic.topic.replace('-', '_')}_${run}`
      const daemon = await startBenchDaemon({
        brokers: kafka.brokers,
        topic: topic.topic,
        group: database,
        clickhouseUrl: clickhouse.url,
        database,
        inventoryFile,
        dir: stage.dir,
        profileDir: run === 0 ? options.profileDir : undefined
      })
      try {
        const before = cpuUsOf(clickhouse.engine.pid())
        const own = await daemon.stored(topic.samples, timeoutMs)
        const clickhouseUs = cpuUsOf(clickhouse.engine.pid()) - before
        const stored = await clickhouse.number(`SELECT count() FROM ${database}.samples WHERE series != 0`)
        if (stored !== topic.samples || own.rejects > 0)
          throw new Error(
            `path: ${stored} of ${topic.samples} samples stored, ${own.rejects} records rejected`
          )
        const threads = Object.entries(own.threadCpuUs).map(
          ([name, us]) => `${name} ${(us / count).toFixed(2)}`
        )
        say(
          `  by thread, µs a record: ${threads.join(', ')}; of which in the kernel ${(own.systemCpuUs / count).toFixed(2)}; ${own.candidates} candidates`
        )
        return {
          cpu_us_per_record: own.cpuUs / count,
          clickhouse_cpu_us_per_record: clickhouseUs / count,
          records_per_s: (count / own.wallMs) * 1000,
          samples_per_s: (topic.samples / own.wallMs) * 1000,
          peak_rss_mib: own.peakRssMib,
          loop_delay_p99_ms: own.loopDelayMsP99,
          gc_pause_p99_ms: own.gcPauseMsP99,
          scanned_ratio: own.scanned / count
        }
      } finally {
        await daemon.stop()
        await clickhouse.client.command({ query: `DROP DATABASE IF EXISTS ${database} SYNC` })
      }
    }

    const node = (name: string, topic: string): Promise<ProcessFigures> =>
      runMeasured(
        moduleBeside(import.meta.url, `../peers/${name}`),
        [broker, topic, String(count)],
        timeoutMs
      )

    const runs: Figures[] = []
    for (let run = 0; run < options.runs; run++) {
      const figures: Record<string, number> = {}
      const note = (name: string, cpuUs: number | undefined, wallMs = NaN): void => {
        if (cpuUs === undefined) return
        say(
          `run ${run + 1}: ${name} ${(cpuUs / count).toFixed(2)} µs a record, ${(wallMs / 1000).toFixed(1)} s`
        )
      }
      const peer = async (
        key: string,
        suffix: string,
        own: number,
        measure: Promise<ProcessFigures | undefined>
      ) => {
        const result = await measure
        if (result === undefined) return
        note(key + suffix, result.cpuUs, result.wallMs)
        figures[`${key}_cpu_us_per_record${suffix}`] = result.cpuUs / result.records
        figures[`ratio_${key}${suffix}`] = (own * result.records) / result.cpuUs
        return result
      }

      for (const [compression, suffix] of [
        ['none', ''],
        ['lz4', '_lz4']
      ] as const) {
        const topic = topics[compression]
        const own = await ownRun(topic, run)
        for (const [key, value] of Object.entries(own)) figures[key + suffix] = value
        const cpu = own['cpu_us_per_record'] ?? NaN
        const clickhouseCpu = own['clickhouse_cpu_us_per_record'] ?? NaN
        note(`svetofor${suffix}`, cpu * count, (count / (own['records_per_s'] ?? NaN)) * 1000)
        note(`its clickhouse${suffix}`, clickhouseCpu * count)
        if (options.isAlone) continue
        await peer('kafkajs', suffix, cpu, node('kafkajs', topic.topic))
        await peer('node_rdkafka', suffix, cpu, node('node-rdkafka', topic.topic))
        if (compression === 'lz4') continue
        await peer('kcat', suffix, cpu, runKcat(broker, topic.topic, count, timeoutMs))
        const engine = await peer(
          'clickhouse_kafka',
          suffix,
          cpu,
          runClickHouseKafka(other, broker, topic.topic, count, topic.numbers, timeoutMs)
        )
        if (engine !== undefined)
          figures['ratio_clickhouse_kafka_total'] = ((cpu + clickhouseCpu) * count) / engine.cpuUs
        await peer('telegraf', suffix, cpu, runTelegraf(broker, topic.topic, count, stage.dir, timeoutMs))
      }
      runs.push(figures)
    }
    return medians(runs)
  })
