import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { packageRoot } from '../../schemas/package-root.ts'
import {
  formatArguments,
  makeCertificates,
  newLayout,
  serverProperties,
  type KafkaOptions,
  type KafkaUser
} from './kafka-layout.ts'
import { freePorts } from './ports.ts'

/**
 * A real Apache Kafka for tests and benchmarks. Tried in this order:
 *  1. the brokers named in KAFKA_BROKERS (KAFKA_TLS_BROKERS, KAFKA_TLS_CA and KAFKA_SASL_BROKERS may go with it);
 *  2. Testcontainers, where a Docker engine answers;
 *  3. Java 17 and Maven: the broker of test/kafka/pom.xml in KRaft mode on free loopback ports.
 */

const run = promisify(execFile)
const pomPath = join(packageRoot, 'test', 'kafka', 'pom.xml')
const libsDir = join(packageRoot, '.cache', 'kafka', 'libs')
const image = 'apache/kafka:4.1.0'
const readyLimitMs = 90_000

export interface RunningKafka {
  readonly how: 'given' | 'testcontainers' | 'java'
  /** Bootstrap addresses of the PLAINTEXT listener. */
  readonly brokers: readonly string[]
  /** SSL listener and the PEM of the authority that signed its certificate; null where the brokers were given without. */
  readonly tls: { readonly brokers: readonly string[]; readonly ca: string } | null
  /** SASL_PLAINTEXT listener with PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly sasl: { readonly brokers: readonly string[]; readonly user: KafkaUser } | null
  /** SIGKILL to the broker; null where the brokers are not ours to kill. */
  readonly kill9: (() => Promise<void>) | null
  /** Starts it again on the same ports and data. */
  readonly restart: (() => Promise<void>) | null
  /** Folder with its topics' files; null where the broker is not a process of this machine. */
  readonly dataDir: string | null
  /** Process id of the broker, where it is a child of ours. */
  readonly pid: () => number | null
  stop(): Promise<void>
}

type Way = 'given' | 'testcontainers' | 'java'

async function answers(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout, stderr } = await run(command, args, { timeout: 20_000 })
    return stdout + stderr
  } catch {
    return null
  }
}

/** Whether a Docker engine answers at DOCKER_HOST or the default socket. */
async function dockerAnswers(): Promise<boolean> {
  const host = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock'
  const url = new URL(host)
  const target =
    url.protocol === 'unix:'
      ? { path: url.pathname }
      : { host: url.hostname, port: Number(url.port === '' ? 2375 : url.port) }
  return new Promise(resolve => {
    const socket = connect(target)
    const settle = (found: boolean): void => {
      socket.destroy()
      resolve(found)
    }
    socket.setTimeout(2000, () => settle(false))
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

/** How a Kafka can be had here, or the sentence that says what is missing. */
export async function findKafka(
  options: KafkaOptions = {}
): Promise<{ readonly way: Way } | { readonly missing: string }> {
  const given = process.env['KAFKA_BROKERS']
  if (given !== undefined && given !== '' && options.own !== true) return { way: 'given' }
  if (await dockerAnswers()) return { way: 'testcontainers' }
  const java = await answers('java', ['-version'])
  const major = Number(/version "(\d+)/.exec(java ?? '')?.[1] ?? 0)
  const complete = existsSync(join(libsDir, '.complete'))
  if (major >= 17 && (complete || (await answers('mvn', ['-v'])) !== null)) return { way: 'java' }
  return {
    missing:
      'No Kafka for this test: set KAFKA_BROKERS to the address of one, or start a Docker engine, ' +
      'or install Java 17 or later and Maven.'
  }
}

/**
 * Starts a Kafka, or returns null after saying loudly why it cannot. Where CI is set, a missing Kafka is an error:
 * a run that quietly skips its integration tests proves nothing.
 */
export async function startKafkaOrSkip(options: KafkaOptions = {}): Promise<RunningKafka | null> {
  const found = await findKafka(options)
  if ('missing' in found) {
    if ((process.env['CI'] ?? '') !== '') throw new Error(found.missing)
    console.warn(`\n*** SKIPPED: ${found.missing}\n`)
    return null
  }
  return startKafka(options)
}

export async function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  const found = await findKafka(options)
  if ('missing' in found) throw new Error(found.missing)
  switch (found.way) {
    case 'given':
      return givenKafka()
    case 'testcontainers':
      return containerKafka(options)
    case 'java':
      return javaKafka(options)
  }
}

async function givenKafka(): Promise<RunningKafka> {
  const list = (name: string): string[] =>
    (process.env[name] ?? '').split(',').flatMap(part => (part.trim() === '' ? [] : [part.trim()]))
  const tlsBrokers = list('KAFKA_TLS_BROKERS')
  const caPath = process.env['KAFKA_TLS_CA']
  const saslBrokers = list('KAFKA_SASL_BROKERS')
  const username = process.env['KAFKA_SASL_USERNAME'] ?? ''
  const password = process.env['KAFKA_SASL_PASSWORD'] ?? ''
  return {
    how: 'given',
    brokers: list('KAFKA_BROKERS'),
    tls:
      tlsBrokers.length > 0 && caPath !== undefined
        ? { brokers: tlsBrokers, ca: await readFile(caPath, 'utf8') }
        : null,
    sasl: saslBrokers.length > 0 ? { brokers: saslBrokers, user: { username, password } } : null,
    kill9: null,
    restart: null,
    dataDir: null,
    pid: () => null,
    stop: async () => {}
  }
}

/** Copies the broker's jars into .cache/kafka once; test files in parallel wait for the first. */
async function ensureJars(): Promise<void> {
  const marker = join(libsDir, '.complete')
  const wanted = createHash('sha256')
    .update(await readFile(pomPath))
    .digest('hex')
  const fresh = async (): Promise<boolean> => {
    try {
      return (await readFile(marker, 'utf8')) === wanted
    } catch {
      return false
    }
  }
  if (await fresh()) return
  await mkdir(dirname(libsDir), { recursive: true })
  const lock = join(dirname(libsDir), 'lock')
  const deadlineMs = Date.now() + 300_000
  for (;;) {
    try {
      await mkdir(lock)
      break
    } catch {
      if (await fresh()) return
      // A lock whose holder died is taken over after five minutes.
      const age = await stat(lock).then(
        info => Date.now() - info.mtimeMs,
        () => 0
      )
      if (age > 300_000) await rm(lock, { recursive: true, force: true })
      if (Date.now() > deadlineMs)
        throw new Error(`Waited five minutes for ${lock}; remove it if no other test runs.`)
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }
  try {
    if (await fresh()) return
    await rm(libsDir, { recursive: true, force: true })
    await run(
      'mvn',
      ['-q', '-B', '-f', pomPath, 'dependency:copy-dependencies', `-DoutputDirectory=${libsDir}`],
      { timeout: 290_000 }
    ).catch((error: unknown) => {
      throw new Error(
        'Maven could not fetch the broker of test/kafka/pom.xml; look at its output and settings.xml.',
        {
          cause: error
        }
      )
    })
    if ((await readdir(libsDir)).length < 20) throw new Error(`Maven left too few jars in ${libsDir}.`)
    await writeFile(marker, wanted)
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

/** Resolves when the broker answers requests; rejects at the limit or as soon as `dead` says that it has gone. */
async function untilReady(brokers: readonly string[], dead: () => string | null): Promise<void> {
  const deadlineMs = Date.now() + readyLimitMs
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId: 'svetofor-test-ready',
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 3000,
    retry: { retries: 0 }
  })
  for (;;) {
    const reason = dead()
    if (reason !== null) throw new Error(`The test broker ended while starting: ${reason}`)
    const admin = kafka.admin()
    try {
      await admin.connect()
      const cluster = await admin.describeCluster()
      if (cluster.brokers.length > 0) return
    } catch (error) {
      if (Date.now() > deadlineMs)
        throw new Error('The test broker did not answer within 90 s.', { cause: error })
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

async function javaKafka(options: KafkaOptions): Promise<RunningKafka> {
  await ensureJars()
  const dir = await mkdtemp(join(tmpdir(), 'svetofor-kafka-'))
  const layout = newLayout(await freePorts(4), dir, '127.0.0.1', options)
  const quick =
    options.fullSpeed === true ? ['-XX:+UseG1GC'] : ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const jvm = [
    '-Xms64m',
    `-Xmx${options.heapMiB ?? 320}m`,
    ...quick,
    '-XX:-UsePerfData',
    '-Djava.net.preferIPv4Stack=true',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-cp',
    `${libsDir}/*`
  ]
  try {
    const ca = await makeCertificates(dir)
    await writeFile(join(dir, 'server.properties'), serverProperties(layout))
    await run('java', [...jvm, 'kafka.tools.StorageTool', ...formatArguments(layout)], { timeout: 60_000 })

    let child: ChildProcess | null = null
    let brokerPid: number | null = null
    let ended: string | null = null
    let log = ''

    const start = async (): Promise<void> => {
      ended = null
      // The shell holds the broker on a leash: when this process dies in any way, its end of the pipe closes and the
      // broker is killed, so that no test run leaves a JVM behind.
      const leash = 'exec 3<&0; "$@" </dev/null & echo $! >&2; read -r _ <&3; kill -9 $!; wait $!'
      const started = spawn(
        'sh',
        ['-c', leash, 'kafka', 'java', ...jvm, 'kafka.Kafka', join(dir, 'server.properties')],
        {
          stdio: ['pipe', 'pipe', 'pipe'],
          cwd: dir
        }
      )
      child = started
      log = ''
      const collect = (chunk: Buffer): void => {
        log = (log + chunk.toString('utf8')).slice(-20_000)
        brokerPid ??= Number(/^(\d+)\n/.exec(log)?.[1] ?? 0) || null
      }
      brokerPid = null
      started.stdout.on('data', collect)
      started.stderr.on('data', collect)
      started.once('exit', code => {
        ended = `exit code ${code ?? 'by signal'}; its last lines: ${log.slice(-2000)}`
      })
      // The shell outlives a broker that dies by itself, so ask for the broker's own process.
      const dead = (): string | null => {
        if (ended !== null) return ended
        if (brokerPid === null) return null
        try {
          process.kill(brokerPid, 0)
          return null
        } catch {
          return log.slice(-2000)
        }
      }
      await untilReady([`127.0.0.1:${layout.ports.plain}`], dead)
    }

    const end = async (): Promise<void> => {
      const running = child
      if (running === null) return
      child = null
      const gone =
        running.exitCode !== null ? null : new Promise<void>(resolve => running.once('exit', () => resolve()))
      running.stdin?.end()
      await gone
    }

    await start()
    return {
      how: 'java',
      brokers: [`127.0.0.1:${layout.ports.plain}`],
      tls: { brokers: [`127.0.0.1:${layout.ports.tls}`], ca },
      sasl: { brokers: [`127.0.0.1:${layout.ports.sasl}`], user: layout.user },
      kill9: end,
      restart: async () => {
        await end()
        await start()
      },
      dataDir: join(dir, 'data'),
      pid: () => brokerPid,
      stop: async () => {
        await end()
        await rm(dir, { recursive: true, force: true })
      }
    }
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

async function containerKafka(options: KafkaOptions): Promise<RunningKafka> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const dir = await mkdtemp(join(tmpdir(), 'svetofor-kafka-'))
  const inside = '/tmp/svetofor'
  const layout = newLayout(await freePorts(4), inside, '0.0.0.0', options)
  try {
    const ca = await makeCertificates(dir)
    const { plain, tls, sasl } = layout.ports
    const quoted = formatArguments(layout).map(argument => `'${argument}'`)
    const script =
      `/opt/kafka/bin/kafka-storage.sh ${quoted.join(' ')} --ignore-formatted && ` +
      `exec /opt/kafka/bin/kafka-server-start.sh ${inside}/server.properties`
    const container = await new GenericContainer(image)
      // The advertised addresses must be known before the start, so the ports are the same inside and outside.
      .withExposedPorts(...[plain, tls, sasl].map(port => ({ container: port, host: port })))
      .withEnvironment({ KAFKA_HEAP_OPTS: `-Xmx${options.heapMiB ?? 320}m` })
      .withCopyContentToContainer([
        { content: serverProperties(layout), target: `${inside}/server.properties` },
        { content: await readFile(join(dir, 'server.pem'), 'utf8'), target: `${inside}/server.pem` }
      ])
      .withEntrypoint(['bash', '-c', script])
      .withWaitStrategy(Wait.forListeningPorts())
      .withStartupTimeout(readyLimitMs)
      .start()
    const brokers = [`127.0.0.1:${plain}`]
    await untilReady(brokers, () => null)
    return {
      how: 'testcontainers',
      brokers,
      tls: { brokers: [`127.0.0.1:${tls}`], ca },
      sasl: { brokers: [`127.0.0.1:${sasl}`], user: layout.user },
      kill9: async () => {
        await container.stop({ remove: false, timeout: 0 })
      },
      restart: async () => {
        await container.restart({ timeout: 0 })
        await untilReady(brokers, () => null)
      },
      dataDir: null,
      pid: () => null,
      stop: async () => {
        await container.stop({ timeout: 0 })
        await rm(dir, { recursive: true, force: true })
      }
    }
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}
