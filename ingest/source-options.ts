import type { Logger } from 'pino'
import type { SourceMetrics } from './metrics.ts'

/** What every Kafka source is made from. Times are milliseconds, sizes bytes. */
export interface SourceOptions {
  /** host:port of the brokers to start from. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly groupId: string
  /** One member of the group reads everything, the others wait for it to go. For the source `batch` only. */
  readonly standby: boolean
  /** Static membership: an instance that returns under the same name within the session time causes no rebalance. */
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  readonly tls: TlsOptions | null
  readonly sasl: SaslOptions | null
  readonly isolation: 'read_committed' | 'read_uncommitted'
  /** Where to start in a partition whose position neither the handler nor the group knows. */
  readonly offsetReset: 'earliest' | 'latest'
  /** Most bytes of one response of one broker; a single larger batch still comes whole. */
  readonly fetchMaxBytes: number
  /** Most bytes of one partition in one response: the look-ahead budget of a partition that is not paused. */
  readonly fetchPartitionMaxBytes: number
  /** What the handler lets wait before it pauses, with what is then under way: so much memory is kept for fetches. */
  readonly aheadMaxBytes: number
  /** The clock of `SourceLag.heardAtMs`. */
  readonly nowMs: () => number
  /** How long a broker may hold a request while there is nothing new. */
  readonly fetchMaxWaitMs: number
  /** Least time between two fetches of one broker when the first brought little, so that records come in company; 0 for none. */
  readonly fetchGatherMs: number
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How often partition counts and leaders are looked up without a cause. */
  readonly metadataMaxAgeMs: number
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** Longest time stop() takes: draining, leaving the group, closing connections. */
  readonly stopTimeoutMs: number
  readonly logger: Logger
  readonly metrics: SourceMetrics | null
}

/** Of the time that a rebalance leaves, what a hand-over may take; the rest is for joining again. */
export const drainShareOfRebalance = 0.8

/** The same of the session time, for a source that sends no sign of life while it hands over (kafkajs). */
export const drainShareOfSession = 0.7

/** PEM texts. An empty object means TLS with the system's authorities. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
  /** Name to expect in the broker's certificate, where it is not the host's own. */
  readonly serverName?: string
}

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** The mechanisms as Kafka calls them. */
export const saslNames = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512'
} as const

type Required = 'brokers' | 'groupId' | 'topics' | 'logger'
export type SourceSettings = Pick<SourceOptions, Required> & Partial<SourceOptions>

/** The settings with defaults for what is not given. */
export function sourceOptions(settings: SourceSettings): SourceOptions {
  const options: SourceOptions = {
    clientId: 'svetofor',
    standby: false,
    groupInstanceId: null,
    tls: null,
    sasl: null,
    isolation: 'read_committed',
    offsetReset: 'earliest',
    fetchMaxBytes: 4 * 1024 * 1024,
    fetchPartitionMaxBytes: 1024 * 1024,
    aheadMaxBytes: 64 * 1024 * 1024,
    fetchMaxWaitMs: 500,
    fetchGatherMs: 5,
    sessionTimeoutMs: 30_000,
    heartbeatIntervalMs: Math.min(3000, Math.floor((settings.sessionTimeoutMs ?? 30_000) / 3)),
    rebalanceTimeoutMs: 60_000,
    connectTimeoutMs: 5000,
    requestTimeoutMs: 30_000,
    metadataMaxAgeMs: 30_000,
    backoffMinMs: 100,
    backoffMaxMs: 10_000,
    stopTimeoutMs: 10_000,
    metrics: null,
    nowMs: Date.now,
    ...settings
  }
  if (options.brokers.length === 0)
    throw new Error('A Kafka source needs a broker: give at least one host:port.')
  if (options.topics.length === 0) throw new Error('A Kafka source needs a topic: name at least one to read.')
  if (options.heartbeatIntervalMs * 2 > options.sessionTimeoutMs)
    throw new Error(
      `The heartbeat interval of ${options.heartbeatIntervalMs} ms is too long for a session of ` +
        `${options.sessionTimeoutMs} ms; make it a third of the session or less.`
    )
  return options
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** Splits host:port, also of a bracketed IPv6 address; the port is 9092 where none is given. */
export function parseBroker(text: string): BrokerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim())
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? 9092)
  if (host === undefined || port < 1 || port > 65_535)
    throw new Error(`The broker ${JSON.stringify(text)} is no host:port, such as kafka-1.example:9092.`)
  return { host, port }
}
