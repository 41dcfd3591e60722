import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startEmbeddedClickHouse } from './embedded/clickhouse.ts'
import { lockFolder } from './embedded/folder-lock.ts'
import { nativeKafkaAvailable, startEmbeddedKafka } from './embedded/kafka.ts'
import {
  faultSentence,
  readScenario,
  startCitySimulator,
  writeInventory
} from './embedded/simulator/command.ts'
import { connectKafkaSink, createMemorySink, type RecordSink } from './embedded/simulator/sink.ts'
import { createMemorySource, type MemoryRecord, type MemorySource } from './ingest/adapters/memory-source.ts'
import { createLogger } from './daemon/process/logger.ts'
import { startDaemon, type Daemon } from './main.ts'
import { loadConfig } from './schemas/config/reading.ts'
import type { Readiness } from './status/view.ts'
import { generateCity } from './embedded/simulator/city.ts'

/**
 * The whole of Svetofor on one machine: the real ClickHouse engine, an embedded Kafka broker, a simulated city that
 * breaks something every minute or so, and the daemon between them, which does not know that it is a demonstration.
 */
export interface DemoOptions {
  /** Where ClickHouse keeps its data; survives restarts. */
  readonly dataDir: string
  readonly nodes: number
  readonly seed: number
  readonly port: number
  /** Name of a shipped scenario or path of a file. */
  readonly scenario: string
  /** Poll interval of every device (s). */
  readonly intervalS: number
  readonly version: string
  readonly print: (line: string) => void
  /** Told when the demonstration cannot go on. */
  readonly onFatal: (error: Error) => void
}

export interface Demo {
  readonly url: string
  stop(): Promise<void>
}

const clickHouseMemoryBytes = 1024 * 1024 * 1024
const readyMsMax = 60_000
/** The broker's threads of its own make four partitions of every topic; the memory source does the same. */
const memoryPartitions = 4
const memoryBacklogBytes = 8 * 1024 * 1024

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { print } = options
  const dataDir = resolve(options.dataDir)
  const startedMs = Date.now()
  const logger = createLogger({
    level: process.env['SVETOFOR_LOG_LEVEL'] ?? 'warn',
    pretty: true,
    colour: process.stdout.isTTY
  })
  const progress = (text: string): void =>
    print(`  ${((Date.now() - startedMs) / 1000).toFixed(1).padStart(4)} s  ${text}`)
  /** What runs, in the order it was started; stopped in reverse. */
  const running: { readonly name: string; stop(): Promise<unknown> }[] = []
  const stop = async (): Promise<void> => {
    for (let part = running.pop(); part !== undefined; part = running.pop()) {
      await part.stop().catch((error: unknown) => print(`  ${part?.name ?? ''}: ${String(error)}`))
      progress(`stopped: ${part.name}`)
    }
  }

  let isUp = false
  let reject = (_error: Error): void => undefined
  const failed = new Promise<never>((_resolve, refuse) => (reject = refuse))
  failed.catch(() => undefined)
  /** While it starts a fault ends the start; later it is told. */
  const fail = (error: Error): void => (isUp ? options.onFatal(error) : reject(error))

  try {
    await mkdir(dataDir, { recursive: true })
    const lock = await lockFolder(dataDir)
    running.push({ name: 'data folder', stop: () => lock.release() })

    const scenario = await readScenario(options.scenario)
    const city = generateCity({
      nodes: options.nodes,
      seed: options.seed,
      intervalS: options.intervalS,
      upsIntervalS: options.intervalS
    })
    const { nodes, devices } = city
    const inventoryFile = join(dataDir, 'inventory.ndjson')
    await writeInventory(inventoryFile, city)
    progress(`a city of ${nodes.length} nodes and ${devices.length} devices is drawn up in ${inventoryFile}`)

    const clickhouse = await startEmbeddedClickHouse({
      dataDir: join(dataDir, 'clickhouse'),
      memoryLimitBytes: clickHouseMemoryBytes,
      logger
    })
    running.push({ name: 'ClickHouse engine', stop: () => clickhouse.stop() })
    progress(`ClickHouse ${clickhouse.version} (embedded engine) answers at ${clickhouse.url}`)

    // The embedded broker forgets everything when it stops, so each run has a topic of its own: offsets never repeat.
    const topic = `telemetry-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`
    const native = nativeKafkaAvailable()
    let brokers = '127.0.0.1:1'
    let memory: MemorySource | undefined
    if (native.ok) {
      const kafka = await startEmbeddedKafka({ topics: [topic, 'svetofor.dlq'], logger })
      kafka.onLost(reason => fail(new Error(`the embedded Kafka broker ended: ${reason}`)))
      running.push({ name: 'Kafka broker', stop: () => kafka.stop() })
      brokers = kafka.brokers
      progress(`Kafka (embedded, in memory only: for a first look) listens at ${kafka.brokers}`)
    } else {
      memory = createMemorySource({ topics: { [topic]: memoryPartitions } })
      progress(`no Kafka broker: ${native.why}. The same batches go through memory instead`)
    }

    const configFile = join(dataDir, 'svetofor.yaml')
    await writeFile(
      configFile,
      configOf({ brokers, topic, clickhouseUrl: clickhouse.url, inventoryFile, options })
    )
    const config = loadConfig({
      file: configFile,
      env: process.env,
      readFile: path => readFileSync(path, 'utf8')
    })
    const daemon: Daemon = await startDaemon({
      config,
      logger,
      version: options.version,
      onFatal: fail,
      ...(memory === undefined ? {} : { source: memory })
    })
    running.push({ name: 'Svetofor', stop: () => daemon.stop() })
    // The simulator need not wait for the group to be joined (the broker holds the first member back for three
    // seconds): what it sends meanwhile is read then.
    await Promise.race([until(daemon.url, restoredState), failed])
    progress(`Svetofor reads ${topic} with the settings in ${configFile}`)

    const simulator = startCitySimulator({
      city,
      scenario,
      seed: options.seed,
      sink:
        memory === undefined
          ? await connectKafkaSink({ brokers: [brokers], topic })
          : memorySink(memory, topic),
      onFault: news => print(`  ${clockTime(news.atMs)}  simulator: ${faultSentence(news)}`)
    })
    simulator.done.catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))))
    running.push({ name: 'simulator', stop: () => simulator.stop() })
    progress(
      `the simulator polls every device each ${options.intervalS} s; its faults are those of scenario ${scenario.name}`
    )

    await Promise.race([until(daemon.url, everything), failed])
    isUp = true
    const street = nodes.find(node => node.tier === 'building')?.addresses[0] ?? ''
    print('')
    print(`  Svetofor is up:  ${daemon.url}`)
    print(`  Try an address:  ${street}`)
    print('  Ctrl-C stops everything in order.')
    print('')
    return { url: daemon.url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const clockTime = (ms: number): string => new Date(ms).toTimeString().slice(0, 8)

function memorySink(memory: MemorySource, topic: string): RecordSink {
  return createMemorySink(async records => {
    while (memory.backlogBytes() > memoryBacklogBytes) await delay(20)
    const batches = new Map<number, MemoryRecord[]>()
    for (const { key, value, timestampMs } of records) {
      // One device always goes to one partition, as a key does in Kafka.
      const partition = hashOf(key) % memoryPartitions
      const record = { key: Buffer.from(key), value, timestampMs }
      const batch = batches.get(partition)
      if (batch === undefined) batches.set(partition, [record])
      else batch.push(record)
    }
    for (const [partition, batch] of batches) memory.append(topic, partition, batch)
  })
}

function hashOf(key: string): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0
  return hash
}

type Health = Readiness | undefined
const restoredState = (health: Health): boolean => health?.parts['state']?.ok === true
const everything = (health: Health): boolean => health?.ready === true

/** Waits until the daemon says of itself what is wanted. */
async function until(url: string, reached: (health: Health) => boolean): Promise<void> {
  const untilMs = Date.now() + readyMsMax
  let last = 'no answer'
  while (Date.now() < untilMs) {
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
    const text = (await answer?.text()) ?? ''
    const health = answer === undefined ? undefined : (JSON.parse(text) as Readiness)
    if (reached(health)) return
    if (text !== '') last = text
    await delay(50)
  }
  throw new Error(`the daemon was not ready within ${readyMsMax / 1000} s: ${last}`)
}

function configOf(parts: {
  brokers: string
  topic: string
  clickhouseUrl: string
  inventoryFile: string
  options: DemoOptions
}): string {
  const { options } = parts
  return `# Written by \`svetofor demo\` at every start; see docs/configuration.md for every setting.
kafka:
  brokers: [${JSON.stringify(parts.brokers)}]
  topics: [${parts.topic}]
  # The embedded broker is too plain for the default source.
  source: node-rdkafka
  fetch_wait_ms_max: 50
clickhouse:
  url: ${JSON.stringify(parts.clickhouseUrl)}
inventory:
  files: [${JSON.stringify(parts.inventoryFile)}]
status:
  port: ${options.port}
staleness:
  default_interval_s: ${options.intervalS}
  grace_s: ${options.intervalS}
`
}
