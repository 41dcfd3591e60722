import { generateCity } from '../../embedded/simulator/city.ts'
import { runClickHouseKafka } from '../peers/clickhouse-kafka.ts'
import { runKcat } from '../peers/kcat.ts'
import { runTelegraf } from '../peers/telegraf.ts'
import { medians, type Figures } from '../support/figures.ts'
import { measureDaemon } from '../support/measure.ts'
import { telegrafMix } from '../support/mix.ts'
import { moduleBeside, runMeasured, type ProcessFigures } from '../support/process.ts'
import { onStage, type Bench } from '../support/stage.ts'
import { fillTopic, type BenchTopic } from '../support/topic.ts'

const nodes = 1000
const partitions = 12
const peerMsMax = 240_000

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
    const fill = async (compression: 'none' | 'lz4'): Promise<BenchTopic> => {
      const records = telegrafMix({ devices: city.devices, records: count, seed: 1, endMs })
      const topic = `path-${compression}`
      const filled = await fillTopic({ brokers: kafka.brokers, topic, partitions, records, compression })
      const samples = (filled.samples / count).toFixed(2)
      say(`${topic}: ${count} records of ${filled.recordBytes.toFixed(0)} bytes, ${samples} samples each`)
      return filled
    }
    const topics = { none: await fill('none'), lz4: await fill('lz4') }
    const clickhouse = await stage.clickhouse('clickhouse')
    const other = await stage.clickhouse('kafka-engine')
    const node = (name: string, topic: string): Promise<ProcessFigures> =>
      runMeasured(
        moduleBeside(import.meta.url, `../peers/${name}`),
        [broker, topic, String(count)],
        peerMsMax
      )

    const runs: Figures[] = []
    for (let run = 0; run < options.runs; run++) {
      const figures: Record<string, number> = {}
      const note = (name: string, usPerRecord: number, perSecond?: number): void => {
        const rate = perSecond === undefined ? '' : `, ${Math.round(perSecond)} records/s`
        say(`run ${run + 1}: ${name} ${usPerRecord.toFixed(2)} µs a record${rate}`)
      }
      for (const [compression, suffix] of [
        ['none', ''],
        ['lz4', '_lz4']
      ] as const) {
        const topic = topics[compression]
        const own = await measureDaemon({ stage, kafka, clickhouse, inventoryFile, topic, run, options })
        for (const [key, value] of Object.entries(own)) figures[key + suffix] = value
        const cpu = own['cpu_us_per_record'] ?? NaN
        const clickhouseCpu = own['clickhouse_cpu_us_per_record'] ?? NaN
        note(`svetofor${suffix}`, cpu, own['records_per_s'])
        note(`its clickhouse${suffix}`, clickhouseCpu)
        if (options.isAlone) continue

        /** A peer that is not there is left out; one that fails is said and left out. */
        const peer = async (
          key: string,
          measure: () => Promise<ProcessFigures | undefined>
        ): Promise<void> => {
          const result = await measure().catch((error: unknown) =>
            say(`run ${run + 1}: ${key}: ${String(error)}`)
          )
          if (result === undefined) return
          const theirs = result.cpuUs / result.records
          note(key + suffix, theirs, (result.records / result.wallMs) * 1000)
          figures[`${key}_cpu_us_per_record${suffix}`] = theirs
          figures[`ratio_${key}${suffix}`] = cpu / theirs
          if (key.startsWith('clickhouse_kafka'))
            figures[`ratio_${key}_total${suffix}`] = (cpu + clickhouseCpu) / theirs
        }
        await peer('kafkajs', () => node('kafkajs', topic.topic))
        await peer('node_rdkafka', () => node('node-rdkafka', topic.topic))
        if (compression === 'lz4') continue
        await peer('kcat', () => runKcat(broker, topic.topic, count, peerMsMax))
        const engine = {
          clickhouse: other,
          broker,
          topic: topic.topic,
          records: count,
          numbers: topic.numbers
        }
        await peer('clickhouse_kafka', () =>
          runClickHouseKafka({ ...engine, table: 'plain', timeoutMs: peerMsMax })
        )
        await peer('clickhouse_kafka_samples', () =>
          runClickHouseKafka({ ...engine, table: 'samples', timeoutMs: peerMsMax })
        )
        await peer('telegraf', () => runTelegraf(broker, topic.topic, count, stage.dir, peerMsMax))
      }
      runs.push(figures)
    }
    return medians(runs)
  })
