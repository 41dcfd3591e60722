import { startBenchDaemon } from './daemon.ts'
import type { Figures } from './figures.ts'
import type { RunningKafka } from './kafka.ts'
import { cpuUsOf } from './process.ts'
import type { BenchClickHouse, BenchOptions, Stage } from './stage.ts'
import type { BenchTopic } from './topic.ts'

export interface Measurement {
  readonly stage: Stage
  readonly kafka: RunningKafka
  readonly clickhouse: BenchClickHouse
  readonly inventoryFile: string
  readonly topic: BenchTopic
  readonly run: number
  readonly options: BenchOptions
  /** Further settings of the daemon, as lines of YAML at the top level. */
  readonly settings?: string
  /** Looks into the database before it is dropped. */
  readonly inspect?: (database: string) => Promise<void>
}

const timeoutMs = 240_000

/** Lets a daemon of its own read a topic to its end into a database of its own. Every sample must be stored, once. */
export async function measureDaemon(measurement: Measurement): Promise<Figures> {
  const { stage, kafka, clickhouse, inventoryFile, topic, run, options } = measurement
  const database = `bench_${topic.topic.replaceAll('-', '_')}_${run}`
  const daemon = await startBenchDaemon({
    brokers: kafka.brokers,
    topic: topic.topic,
    group: database,
    clickhouseUrl: clickhouse.url,
    database,
    inventoryFile,
    dir: stage.dir,
    profileDir: run === 0 ? options.profileDir : undefined,
    ...(measurement.settings === undefined ? {} : { settings: measurement.settings })
  })
  try {
    const before = cpuUsOf(clickhouse.engine.pid())
    const own = await daemon.stored(topic.samples, timeoutMs)
    const clickhouseUs = cpuUsOf(clickhouse.engine.pid()) - before
    const stored = await clickhouse.number(`SELECT count() FROM ${database}.samples WHERE series != 0`)
    if (stored !== topic.samples || own.rejects > 0)
      throw new Error(
        `bench: ${stored} of ${topic.samples} samples of ${topic.topic} stored, ${own.rejects} records rejected`
      )
    await measurement.inspect?.(database)
    const count = topic.records
    const threads = Object.entries(own.threadCpuUs).map(([name, us]) => `${name} ${(us / count).toFixed(2)}`)
    options.say(
      `  by thread, µs a record: ${threads.join(', ')}; of which in the kernel ${(own.systemCpuUs / count).toFixed(2)}; ` +
        `${own.candidates} candidates, ${own.seriesKnown} series`
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
