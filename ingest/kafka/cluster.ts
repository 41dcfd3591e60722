import { findCoordinatorV4, metadataV12, type Connection } from '@platformatic/kafka'
import {
  type BrokerConnection,
  connectBroker,
  errorCodes,
  hasLibraryCode,
  responseOf,
  UnsuitableBrokerError
} from './broker-connection.ts'
import { asError } from '../errors.ts'
import { type BrokerAddress, parseBroker, type SourceOptions } from '../source-options.ts'

/** Brokers, topics and leaders as last heard, and the connections to them. */
export interface Cluster {
  /** Looks the topics up anew; calls at the same time share one look-up. */
  refresh(topics: readonly string[]): Promise<void>
  refreshedAtMs(): number
  topic(name: string): TopicInfo | undefined
  /** Leader of a partition, or null while there is none. */
  leader(topic: string, partition: number): PartitionLeader | null
  /** A connection to a broker for one purpose; opened when there is none, shared by those who ask for the same. */
  connection(nodeId: number, purpose: string): Promise<BrokerConnection>
  coordinator(purpose: string): Promise<BrokerConnection>
  /** Forgets where the coordinator is, after it said it is none or its connection broke. */
  forgetCoordinator(): void
  close(): void
}

export interface TopicInfo {
  readonly id: string
  readonly partitions: readonly PartitionLeader[]
}

export interface PartitionLeader {
  readonly nodeId: number
  readonly epoch: number
}

export function createCluster(options: SourceOptions): Cluster {
  const bootstrap = options.brokers.map(parseBroker)
  const brokers = new Map<number, BrokerAddress>()
  const topics = new Map<string, TopicInfo>()
  const connections = new Map<string, Promise<BrokerConnection>>()
  let coordinatorAddress: BrokerAddress | null = null
  let refreshedAtMs = -Infinity
  let refreshing: { readonly key: string; readonly done: Promise<void> } | null = null
  let closed = false

  const open = async (address: BrokerAddress, purpose: string): Promise<BrokerConnection> => {
    if (closed) throw new Error('The source is stopped.')
    const key = `${purpose} ${address.host}:${address.port}`
    const existing = connections.get(key)
    if (existing !== undefined) {
      const connection = await existing
      if (connection.alive()) return connection
      if (connections.get(key) === existing) connections.delete(key)
      return open(address, purpose)
    }
    const opening = connectBroker(address, options)
    connections.set(key, opening)
    try {
      const connection = await opening
      if (closed) {
        connection.close()
        throw new Error('The source is stopped.')
      }
      return connection
    } catch (error) {
      if (connections.get(key) === opening) connections.delete(key)
      throw error
    }
  }

  /** Asks the brokers in turn, known ones first, until one answers. */
  const askAny = async <T>(send: (connection: Connection) => Promise<T>): Promise<T> => {
    const known = [...brokers.values()]
    const named = (address: BrokerAddress): string => `${address.host}:${address.port}`
    const knownNames = new Set(known.map(named))
    const candidates = [...known, ...bootstrap.filter(address => !knownNames.has(named(address)))]
    const failures: Error[] = []
    for (const address of candidates) {
      try {
        const connection = await open(address, 'control')
        return await connection.call(options.requestTimeoutMs, send)
      } catch (error) {
        // A broker that answered with an error has answered; one that was not reached is no reason to stop asking.
        if (errorCodes(error).length > 0 || isFatal(error)) throw error
        failures.push(asError(error))
      }
    }
    throw new AggregateError(
      failures,
      `No broker of ${candidates.map(named).join(', ')} could be reached: ${failures[0]?.message ?? 'none is known'}.`
    )
  }

  const lookUp = async (names: readonly string[]): Promise<void> => {
    const response = await askAny(connection =>
      metadataV12.api.async(connection, [...names], false, false).catch((error: unknown) => {
        // A topic that does not exist makes the library refuse the whole answer, which holds the others' leaders.
        const partial = responseOf(error)
        if (isMetadata(partial)) return partial
        throw error
      })
    )
    if (response.brokers.length > 0) {
      brokers.clear()
      for (const { nodeId, host, port } of response.brokers) brokers.set(nodeId, { host, port })
    }
    for (const topic of response.topics) {
      if (topic.name === null || topic.name === undefined) continue
      if (topic.errorCode !== 0 || topic.partitions.length === 0) {
        topics.delete(topic.name)
        continue
      }
      const partitions: PartitionLeader[] = []
      for (const p of topic.partitions)
        partitions[p.partitionIndex] = { nodeId: p.leaderId, epoch: p.leaderEpoch }
      topics.set(topic.name, { id: topic.topicId, partitions })
    }
    refreshedAtMs = performance.now()
  }

  return {
    refresh(names) {
      const key = [...names].sort().join(' ')
      if (refreshing?.key === key) return refreshing.done
      const done = lookUp(names).finally(() => {
        if (refreshing?.done === done) refreshing = null
      })
      refreshing = { key, done }
      return done
    },
    refreshedAtMs: () => refreshedAtMs,
    topic: name => topics.get(name),
    leader(topic, partition) {
      const found = topics.get(topic)?.partitions[partition]
      return found === undefined || found.nodeId < 0 || !brokers.has(found.nodeId) ? null : found
    },
    connection(nodeId, purpose) {
      const address = brokers.get(nodeId)
      if (address === undefined) return Promise.reject(new Error(`The broker ${nodeId} is not known.`))
      return open(address, purpose)
    },
    async coordinator(purpose) {
      if (coordinatorAddress === null) {
        const found = await askAny(connection =>
          findCoordinatorV4.api.async(connection, 0, [options.groupId])
        )
        const first = found.coordinators[0]
        if (first === undefined) throw new Error(`No broker coordinates the group ${options.groupId}.`)
        coordinatorAddress = { host: first.host, port: first.port }
      }
      try {
        return await open(coordinatorAddress, purpose)
      } catch (error) {
        coordinatorAddress = null
        throw error
      }
    },
    forgetCoordinator() {
      coordinatorAddress = null
    },
    close() {
      closed = true
      for (const opening of connections.values())
        opening.then(
          connection => connection.close(),
          () => undefined
        )
      connections.clear()
    }
  }
}

/** Faults that no retry mends: wrong credentials, a broker too old, a group that may not be joined. */
export function isFatal(error: unknown): boolean {
  if (error instanceof UnsuitableBrokerError) return true
  if (hasLibraryCode(error, 'PLT_KFK_AUTHENTICATION')) return true
  return errorCodes(error).some(code => fatalCodes.has(code))
}

const fatalCodes = new Set([
  23, // INCONSISTENT_GROUP_PROTOCOL
  24, // INVALID_GROUP_ID
  26, // INVALID_SESSION_TIMEOUT
  30, // GROUP_AUTHORIZATION_FAILED
  33, // UNSUPPORTED_SASL_MECHANISM
  58, // SASL_AUTHENTICATION_FAILED
  82 // FENCED_INSTANCE_ID
])

type Metadata = Awaited<ReturnType<typeof metadataV12.api.async>>

function isMetadata(value: unknown): value is Metadata {
  return typeof value === 'object' && value !== null && 'brokers' in value && 'topics' in value
}
