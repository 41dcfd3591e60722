import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { createTopic } from '../../bench/support/produce.ts'
import { startKafka, type RunningKafka } from '../../bench/support/kafka.ts'
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse.ts'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { freePort } from '../support/server-process.ts'
import { watchArrivals, type Arrivals } from './arrivals.ts'
import { createChaosCity } from './city.ts'
import { createDaemons, type Daemons } from './pair.ts'
import type { Outage } from './lateness.ts'
import type { MemberSetup } from './member.child.ts'
import type { ProducerReport, ProducerSetup } from './producer.child.ts'

/** Producer, daemon, ClickHouse and Kafka as processes, and what may be done to them. */
export interface Stage {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly clickhouseClient: ClickHouseClient
  readonly daemon: Daemons
  readonly clickhouse: {
    kill9(): Promise<void>
    start(): Promise<void>
    signal(signal: NodeJS.Signals): void
  }
  readonly broker: { kill9(): Promise<void>; start(): Promise<void> }
  /** When it was killed, and when it was back. */
  readonly outages: readonly Outage[]
  /** Ends the watch over the broker's files: when it took which record. Nothing is known of a broker that is not a process of this machine. */
  endWatch(): Promise<Arrivals>
  /** Another member joins the daemon's group; it reads and stores nothing. Resolves with how it leaves. */
  joinGroup(): Promise<() => Promise<void>>
  /** Ends the producer when all it sent is acknowledged. */
  endProducer(): Promise<ProducerReport>
  /** Ends every process of it. */
  close(): Promise<void>
}

export interface StageOptions {
  /** Where configuration, data and logs go. */
  readonly folder: string
  readonly nodes: number
  readonly seed: number
  /** A second daemon stands by for the first. */
  readonly standby: boolean
  readonly say: (line: string) => void
}

export const partitions = 4
export const database = 'chaos'
const topic = 'telemetry'
const groupId = 'chaos'
/** The shortest session a configuration may have, so that a killed daemon is given up soon. */
const sessionMs = 6_000
const rebalanceMs = 6_000
const drainMs = 4_000
/** How long a daemon is given to stop in order before it is killed. */
const stopMsMax = 30_000
const restartMs = 500

export async function startStage(options: StageOptions): Promise<Stage> {
  const { folder, say } = options
  const cli = join(packageRoot, 'dist', 'cli.js')
  if (!existsSync(cli)) throw new Error(`${cli} is not there: run \`npm run build\` first`)
  const ends: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse())
      await end().catch((error: unknown) => say(`at the end: ${String(error)}`))
  }
  try {
    const kafka = await startKafka({ own: true, partitions })
    ends.push(() => kafka.stop())
    await createTopic(kafka.brokers, topic, partitions)
    const { outages, ...broker } = createBroker(kafka)
    const watch = kafka.dataDir === null ? undefined : watchArrivals(kafka.dataDir, topic, partitions)
    ends.push(async () => watch?.end())

    const clickhouse = createClickHouseProcess(folder)
    await clickhouse.start()
    ends.push(() => clickhouse.stop())
    const clickhouseClient = createClickHouseClient({ url: clickhouse.url() })
    ends.push(() => clickhouseClient.close())

    const city = createChaosCity(options.nodes)
    await writeFile(join(folder, 'inventory.yaml'), city.inventoryYaml)
    await writeFile(join(folder, 'rules.yaml'), city.rulesYaml)
    const daemonOf = async (name: string): Promise<DaemonProcess> => {
      const port = await freePort()
      const configFile = join(folder, `${name}.yaml`)
      await writeFile(
        configFile,
        `kafka: { brokers: [${kafka.brokers.join(', ')}], topics: [${topic}], group_id: ${groupId}, session_timeout_ms: ${sessionMs}, standby: ${options.standby}, rebalance_timeout_ms: ${rebalanceMs} }
clickhouse: { url: '${clickhouse.url()}', database: ${database}, request_timeout_ms: 5000, flush_ms_max: 300 }
ingest: { drain_ms_max: ${drainMs} }
workers: { threads: 1, series_max: 10000, devices_max: 10000 }
inventory: { files: [inventory.yaml] }
rules: { shipped: false, files: [rules.yaml] }
status: { port: ${port} }
# Nobody falls silent here: while the daemon itself is away, everybody would.
staleness: { default_interval_s: 3600, settle_ms: 0, power_settle_ms: 0 }
`
      )
      return createDaemonProcess(
        cli,
        configFile,
        `http://127.0.0.1:${port}`,
        join(folder, `${name}.log`),
        say
      )
    }
    const daemon = createDaemons(
      await Promise.all((options.standby ? ['daemon', 'standby'] : ['daemon']).map(daemonOf))
    )
    ends.push(() => daemon.close())
    await daemon.start()

    const producer = await startProducer({
      brokers: kafka.brokers,
      topic,
      nodes: options.nodes,
      seed: options.seed
    })
    ends.push(() => producer.close())
    return {
      brokers: kafka.brokers,
      topic,
      clickhouseClient,
      daemon,
      clickhouse,
      broker,
      outages,
      endWatch: async () => (await watch?.end()) ?? (() => undefined),
      joinGroup: () => joinGroup(kafka.brokers),
      endProducer: () => producer.end(),
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

function createBroker({ kill9, restart }: RunningKafka) {
  if (kill9 === null || restart === null) throw new Error('this Kafka is not ours to restart')
  const outages: Outage[] = []
  let fromMs = Infinity
  return {
    outages,
    async kill9(): Promise<void> {
      fromMs = Date.now()
      await kill9()
    },
    async start(): Promise<void> {
      await restart()
      outages.push({ fromMs, untilMs: Date.now() })
    }
  }
}

export type DaemonProcess = ReturnType<typeof createDaemonProcess>

/** Of a daemon that finds that another one has taken over. */
const stoodDownCode = 75

function createDaemonProcess(
  cli: string,
  configFile: string,
  url: string,
  logFile: string,
  say: (line: string) => void
) {
  const log = createWriteStream(logFile)
  let child: ChildProcess | undefined
  let starts = 0
  let endedByItself = 0
  let stoodDown = 0
  let wanted = false
  const orphaned = (): void => void child?.kill('SIGKILL')
  process.once('exit', orphaned)

  const start = (): void => {
    wanted = true
    starts++
    const started = spawn(process.execPath, [cli, 'start', '--config', configFile], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    child = started
    log.write(`--- start ${starts}, pid ${started.pid ?? '?'}, ${new Date().toISOString()}\n`)
    started.stdout.pipe(log, { end: false })
    started.stderr.pipe(log, { end: false })
    started.once('exit', (code, signal) => {
      log.write(
        `--- end of pid ${started.pid ?? '?'}: ${signal ?? code ?? '?'}, ${new Date().toISOString()}\n`
      )
      if (child !== started) return
      child = undefined
      if (!wanted) return
      if (code === stoodDownCode) stoodDown++
      else endedByItself++
      say(`the daemon ended by itself (${signal ?? `exit code ${code ?? '?'}`}); it is started again`)
      setTimeout(() => {
        if (wanted && child === undefined) start()
      }, restartMs)
    })
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    wanted = false
    const running = child
    if (running === undefined) return
    const gone = once(running, 'exit')
    running.kill(signal)
    // One that stands still heeds SIGTERM only when it goes on.
    if (signal === 'SIGTERM') running.kill('SIGCONT')
    const late = setTimeout(() => {
      say(`the daemon did not stop within ${stopMsMax} ms and was killed`)
      running.kill('SIGKILL')
    }, stopMsMax)
    await gone
    clearTimeout(late)
  }
  return {
    start: async () => start(),
    end,
    signal: (signal: NodeJS.Signals) => void child?.kill(signal),
    url,
    isRunning: () => child !== undefined,
    counts: () => ({ starts, endedByItself, stoodDown }),
    async close() {
      await end('SIGKILL')
      process.off('exit', orphaned)
      await new Promise<void>(resolve => log.end(() => resolve()))
    }
  }
}

function createClickHouseProcess(folder: string) {
  let engine: EmbeddedClickHouse | undefined
  let port = 0
  const note = (line: string): void =>
    void appendFile(join(folder, 'clickhouse.log'), `${new Date().toISOString()} ${line}\n`).catch(
      () => undefined
    )
  const start = async (): Promise<void> => {
    engine = await startEmbeddedClickHouse({
      dataDir: join(folder, 'clickhouse'),
      port,
      memoryLimitBytes: 1024 * 1024 * 1024,
      logger: { info: note, warn: note, error: note }
    })
    port = Number(new URL(engine.url).port)
  }
  const signal = (name: NodeJS.Signals): void => {
    const pid = engine?.pid()
    if (pid !== undefined) process.kill(pid, name)
  }
  const stop = async (): Promise<void> => {
    // A stopped process would not heed its end.
    signal('SIGCONT')
    await engine?.stop()
    engine = undefined
  }
  return {
    url: () => `http://127.0.0.1:${port}`,
    start,
    stop,
    signal,
    /** The engine would be started again by its parent, with growing pauses; here the run says when. */
    async kill9() {
      signal('SIGKILL')
      await engine?.stop()
      engine = undefined
    }
  }
}

async function startProducer(setup: ProducerSetup) {
  const child = fork(new URL('./producer.child.ts', import.meta.url), [JSON.stringify(setup)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const gone = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the producer ended (${String(signal ?? code)})`)
  })
  gone.catch(() => undefined)
  await Promise.race([once(child, 'message'), gone])
  return {
    async end(): Promise<ProducerReport> {
      child.send('stop')
      const answer = once(child, 'message', { signal: AbortSignal.timeout(60_000) })
      const [report] = (await Promise.race([answer, gone])) as [ProducerReport]
      return report
    },
    async close(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await gone.catch(() => undefined)
      }
    }
  }
}

/** How long it may take to leave before it is killed; then the group waits for its session. */
const leaveMsMax = 10_000

async function joinGroup(brokers: readonly string[]): Promise<() => Promise<void>> {
  const setup: MemberSetup = { brokers, topic, groupId, sessionMs }
  const child = fork(new URL('./member.child.ts', import.meta.url), [JSON.stringify(setup)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const gone = once(child, 'exit')
  const [first] = (await Promise.race([once(child, 'message'), gone])) as unknown[]
  if (first !== 'joined') throw new Error(`no second member joined the group ${groupId}`)
  return async () => {
    child.send('leave')
    const late = setTimeout(() => child.kill('SIGKILL'), leaveMsMax)
    await gone
    clearTimeout(late)
  }
}
