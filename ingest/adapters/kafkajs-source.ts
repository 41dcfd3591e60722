import { type Consumer, Kafka, type KafkaMessage, PartitionAssigners, type Cluster } from 'kafkajs'
import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import type { EncodableRecord } from '../../schemas/records/record-batch.ts'
import { createBackoff, pauseMs } from '../backoff.ts'
import { asError } from '../errors.ts'
import { kafkaJsConfig, registerCodecs } from './kafkajs-options.ts'
import { createRepacker } from './repack.ts'
import type { PartitionOffset, Source, SourceHandler } from '../source.ts'
import { drainShareOfSession, type SourceOptions } from '../source-options.ts'

/**
 * The source over kafkajs, for brokers that the batch source cannot talk to. Records are packed back into batches.
 *
 * kafkajs has no hook between hearing of a rebalance and joining again. The one thing it does in between is to look
 * for the group's coordinator, through the cluster object that it gives to partition assigners; so that look-up is
 * made to wait until the partitions are drained. No heartbeats go out meanwhile, so draining must end within the
 * session time.
 */
export function createKafkaJsSource(options: SourceOptions): Source {
  const { logger, metrics } = options
  const stopping = new AbortController()
  const repacker = createRepacker()
  /** Paused by the receiver. */
  const paused = new Map<string, TopicPartition>()
  const highWatermarks = new Map<string, TopicPartition & { highWatermark: number }>()
  let held: readonly TopicPartition[] = []
  /** Raised with every assignment and every loss. */
  let epoch = 0
  let joined = false
  let draining = false
  let crashed = false
  let handler: SourceHandler | null = null
  let consumer: Consumer | null = null
  let running: Promise<void> | null = null

  const requireHandler = (): SourceHandler => {
    if (handler === null) throw new Error('The source was not started.')
    return handler
  }

  /** Gives up what is held, once per assignment. */
  const giveUp = async (limitMs: number): Promise<void> => {
    const given = held
    held = []
    epoch++
    joined = false
    if (given.length === 0) return
    repacker.end(given)
    highWatermarks.clear()
    draining = true
    try {
      // Waited for whatever it takes: joining before it ends would mix two assignments.
      await requireHandler().revoked(given, limitMs)
    } catch (error) {
      stopping.abort()
      requireHandler().failed(asError(error), true)
    } finally {
      draining = false
    }
  }

  const assigner: typeof PartitionAssigners.roundRobin = config => {
    const cluster = config.cluster as Cluster & {
      findGroupCoordinator: (request: { groupId: string }) => Promise<unknown>
    }
    const find = cluster.findGroupCoordinator.bind(cluster)
    cluster.findGroupCoordinator = async request => {
      if (!draining) await giveUp(options.sessionTimeoutMs * drainShareOfSession)
      return find(request)
    }
    return PartitionAssigners.roundRobin(config)
  }

  const onAssignment = (active: Consumer, partitions: readonly TopicPartition[]): void => {
    const current = ++epoch
    held = partitions
    paused.clear()
    metrics?.rebalance()
    logger.info({ partitions: partitions.length }, 'kafka partitions assigned')
    // Nothing may be fetched before the receiver has said where to start.
    active.pause(byTopic(partitions))
    joined = true
    const open = async (): Promise<void> => {
      const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
      while (epoch === current && !stopping.signal.aborted) {
        try {
          const known = await requireHandler().assigned(
            partitions,
            () => epoch === current && !stopping.signal.aborted
          )
          if (epoch !== current) return
          const offsets = new Map(known.map(p => [partitionKey(p.topic, p.partition), p.offset]))
          repacker.begin(
            partitions.map(p => ({ ...p, next: offsets.get(partitionKey(p.topic, p.partition)) ?? null }))
          )
          for (const { topic, partition, offset } of known)
            active.seek({ topic, partition, offset: String(offset) })
          const open = partitions.filter(p => !paused.has(partitionKey(p.topic, p.partition)))
          if (open.length > 0) active.resume(byTopic(open))
          return
        } catch (error) {
          logger.warn({ err: asError(error) }, 'kafka start positions could not be found')
          if (backoff.attempts() % 5 === 4) requireHandler().failed(asError(error), false)
          await pauseMs(backoff.next(), stopping.signal)
        }
      }
    }
    open().catch((error: unknown) => requireHandler().failed(asError(error), true))
  }

  const hand = (batch: RawBatch | null): void => {
    if (batch === null) return
    metrics?.handedOver([batch])
    requireHandler().batches([batch])
  }

  const newConsumer = (): Consumer => {
    const created = new Kafka(kafkaJsConfig(options)).consumer({
      groupId: options.groupId,
      partitionAssigners: [assigner],
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      metadataMaxAge: options.metadataMaxAgeMs,
      minBytes: 1,
      maxBytes: options.fetchMaxBytes,
      maxBytesPerPartition: options.fetchPartitionMaxBytes,
      maxWaitTimeInMs: options.fetchMaxWaitMs,
      readUncommitted: options.isolation === 'read_uncommitted',
      allowAutoTopicCreation: false,
      retry: {
        initialRetryTime: options.backoffMinMs,
        maxRetryTime: options.backoffMaxMs,
        retries: 8,
        restartOnFailure: () => Promise.resolve(!stopping.signal.aborted)
      }
    })
    created.on(created.events.GROUP_JOIN, event => {
      crashed = false
      onAssignment(
        created,
        Object.entries(event.payload.memberAssignment).flatMap(([topic, list]) =>
          list.map(partition => ({ topic, partition }))
        )
      )
    })
    // Batches of nothing but control records or aborted ones do not come to eachBatch; their offsets must move on.
    created.on(created.events.END_BATCH_PROCESS, event => {
      const { topic, partition, batchSize, lastOffset } = event.payload
      if (batchSize === 0 && repacker.has(topic, partition))
        hand(repacker.cover(topic, partition, Number(lastOffset)))
    })
    created.on(created.events.CRASH, event => {
      crashed = true
      joined = false
      metrics?.fetchError('network')
      if (stopping.signal.aborted) return
      const error = asError(event.payload.error)
      if (event.payload.restart) logger.warn({ err: error }, 'kafkajs consumer restarts')
      else requireHandler().failed(error, true)
    })
    return created
  }

  const run = async (): Promise<void> => {
    registerCodecs(decompressedBytesMax)
    const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
    while (!stopping.signal.aborted) {
      const active = newConsumer()
      try {
        await active.connect()
        await active.subscribe({
          topics: [...options.topics],
          fromBeginning: options.offsetReset === 'earliest'
        })
        consumer = active
        await active.run({
          autoCommit: false,
          eachBatchAutoResolve: false,
          partitionsConsumedConcurrently: 8,
          eachBatch: async payload => {
            const { batch } = payload
            const { topic, partition } = batch
            if (payload.isStale() || !payload.isRunning() || !repacker.has(topic, partition)) return
            highWatermarks.set(partitionKey(topic, partition), {
              topic,
              partition,
              highWatermark: Number(batch.highWatermark)
            })
            const last = batch.messages.at(-1)
            if (last === undefined) return
            const packed = repacker.pack(topic, partition, batch.messages.map(toRecord))
            // Trailing control records belong to the batch: resolving its last record covers them as well.
            const covered = Number(batch.lastOffset())
            payload.resolveOffset(last.offset)
            if (packed !== null && covered > packed.lastOffset) {
              repacker.cover(topic, partition, covered)
              hand({ ...packed, lastOffset: covered })
            } else hand(packed)
            await payload.heartbeat()
          }
        })
        return
      } catch (error) {
        consumer = null
        await active.disconnect().catch(() => undefined)
        const fault = asError(error)
        if (stopping.signal.aborted) return
        if (isFatal(fault)) {
          requireHandler().failed(fault, true)
          return
        }
        const delayMs = backoff.next()
        logger.warn({ err: fault, delayMs }, 'kafkajs consumer could not start')
        if (backoff.attempts() % 5 === 0) requireHandler().failed(fault, false)
        await pauseMs(delayMs, stopping.signal)
      }
    }
  }

  return {
    name: 'kafkajs',
    start(given) {
      if (handler !== null) return Promise.reject(new Error('The source was started before.'))
      handler = given
      running = run().catch((error: unknown) => given.failed(asError(error), true))
      return Promise.resolve()
    },
    pause(partitions) {
      const known = partitions.filter(p => isHeld(p))
      for (const p of known) paused.set(partitionKey(p.topic, p.partition), p)
      if (known.length > 0) consumer?.pause(byTopic(known))
    },
    resume(partitions) {
      const known = partitions.filter(p => isHeld(p))
      for (const p of known) paused.delete(partitionKey(p.topic, p.partition))
      // Before the positions are known everything stays paused.
      const open = known.filter(p => repacker.has(p.topic, p.partition))
      if (open.length > 0) consumer?.resume(byTopic(open))
    },
    async commit(offsets: readonly PartitionOffset[]) {
      if (offsets.length === 0) return
      const active = consumer
      if (active === null || (!joined && !draining))
        throw new Error(`Nothing can be committed: this instance is no member of ${options.groupId} now.`)
      try {
        await active.commitOffsets(offsets.map(p => ({ ...p, offset: String(p.offset) })))
        metrics?.commit(true)
      } catch (error) {
        metrics?.commit(false)
        throw new Error(`Offsets of the group ${options.groupId} could not be committed.`, { cause: error })
      }
    },
    highWatermarks: () => [...highWatermarks.values()],
    connected: () => joined && !crashed,
    async stop() {
      // kafkajs leaves the group while stopping, so what is held is drained before.
      consumer?.pause(byTopic(held))
      await giveUp(options.stopTimeoutMs * 0.7)
      stopping.abort()
      const limit = new AbortController()
      const closed = (async () => {
        await consumer?.disconnect().catch(() => undefined)
        await running
      })()
      await Promise.race([closed, pauseMs(options.stopTimeoutMs * 0.3, limit.signal)])
      limit.abort()
    }
  }

  function isHeld(p: TopicPartition): boolean {
    return held.some(h => h.topic === p.topic && h.partition === p.partition)
  }
}

/** A batch that grows beyond this is damage or malice. */
const decompressedBytesMax = 256 * 1024 * 1024

function isFatal(error: Error): boolean {
  return (
    error.name === 'KafkaJSSASLAuthenticationError' ||
    ('type' in error &&
      (error.type === 'SASL_AUTHENTICATION_FAILED' || error.type === 'GROUP_AUTHORIZATION_FAILED'))
  )
}

function byTopic(partitions: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const found = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = found.get(topic)
    if (list === undefined) found.set(topic, [partition])
    else list.push(partition)
  }
  return [...found].map(([topic, list]) => ({ topic, partitions: list }))
}

function toRecord(message: KafkaMessage): EncodableRecord {
  const headers = Object.entries(message.headers ?? {}).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map(one => ({
      key,
      value: one === undefined ? null : typeof one === 'string' ? Buffer.from(one) : one
    }))
  )
  return {
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers
  }
}
