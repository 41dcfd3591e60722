import { createRequire } from 'node:module'
import { forkUntilReady, siblingModule, stopChild } from './child.ts'

/** What the broker's process says when it is ready. */
export interface EmbeddedKafkaReady {
  /** `host:port` on loopback. */
  readonly brokers: string
  /** Partitions of each topic: librdkafka's mock cluster always makes four. */
  readonly partitions: Readonly<Record<string, number>>
}

export interface EmbeddedKafka extends EmbeddedKafkaReady {
  /** Calls back once when the broker's process ends without having been stopped. */
  onLost(listener: (reason: string) => void): void
  stop(): Promise<void>
}

interface Log {
  info(message: string): void
}

export interface EmbeddedKafkaOptions {
  readonly topics: readonly string[]
  readonly logger: Log
  readonly startMsMax?: number
  readonly stopMsMax?: number
}

/** Whether node-rdkafka's native module is there, and if not, a sentence that says what to do. */
export function nativeKafkaAvailable(): { readonly ok: true } | { readonly ok: false; readonly why: string } {
  try {
    createRequire(import.meta.url)('node-rdkafka')
    return { ok: true }
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    return {
      ok: false,
      why:
        `the native Kafka module (node-rdkafka) is not usable here (${reason}): install a C++ compiler, make and ` +
        'python3, then run `npm rebuild node-rdkafka`; the embedded broker needs it, a broker given by address does not'
    }
  }
}

/**
 * Starts librdkafka's in-memory broker in a child process. It speaks enough of Kafka's protocol for kafkajs and
 * node-rdkafka (ApiVersions up to v2, so not for @platformatic/kafka), keeps at most 5 MB or 100,000 batches a
 * partition and nothing on disk, and ends with this process.
 */
export async function startEmbeddedKafka(options: EmbeddedKafkaOptions): Promise<EmbeddedKafka> {
  const native = nativeKafkaAvailable()
  if (!native.ok) throw new Error(`embedded Kafka: ${native.why}`)
  const { child, ready } = await forkUntilReady<EmbeddedKafkaReady>(
    siblingModule(import.meta.url, './kafka.child'),
    options.topics,
    options.startMsMax ?? 20_000
  ).catch((error: unknown) => {
    throw new Error(`embedded Kafka: ${error instanceof Error ? error.message : String(error)}`)
  })
  options.logger.info(
    `embedded Kafka listens on ${ready.brokers}: in memory only, the oldest records go beyond 5 MB a partition, ` +
      'all of them when it stops; for a first look, not for data you need'
  )
  let stopping = false
  return {
    ...ready,
    onLost: listener => {
      child.once('exit', (code, signal) => {
        if (!stopping) listener(`embedded Kafka ended by itself (${signal ?? `exit code ${code ?? '?'}`})`)
      })
    },
    stop: async () => {
      stopping = true
      await stopChild(child, options.stopMsMax ?? 2_000)
    }
  }
}
