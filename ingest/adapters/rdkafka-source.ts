import { createRequire } from 'node:module'
import type * as Rdkafka from 'node-rdkafka'
import type { ConsumerGlobalConfig, KafkaConsumer, LibrdKafkaError, Message } from 'node-rdkafka'
import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import type { EncodableRecord } from '../../schemas/records/record-batch.ts'
import { createBackoff, pauseMs } from '../backoff.ts'
import { asError } from '../errors.ts'
import { createRepacker } from './repack.ts'
import type { PartitionOffset, Source, SourceHandler } from '../source.ts'
import { drainShareOfRebalance, saslNames, type SourceOptions } from '../source-options.ts'

/** Loads the native module, which is an optional dependency; the main thread is the only place for it. */
export function loadRdkafka(): typeof Rdkafka {
  try {
    return createRequire(import.meta.url)('node-rdkafka') as typeof Rdkafka
  } catch (error) {
    throw new Error(
      'The source "node-rdkafka" needs its native module, which is not there: run `npm rebuild node-rdkafka` with a C++ compiler installed, or choose the source "batch".',
      { cause: error }
    )
  }
}

/**
 * The source over librdkafka. Records are packed back into batches. librdkafka waits for assign and unassign after it
 * has told of a rebalance, and sends heartbeats meanwhile, so draining has its room there.
 */
export function createRdkafkaSource(options: SourceOptions): Source {
  const { logger, metrics } = options
  const rdkafka = loadRdkafka()
  const repacker = createRepacker()
  const stopping = new AbortController()
  const paused = new Map<string, TopicPartition>()
  const commits: PendingCommit[] = []
  let held: readonly TopicPartition[] = []
  let assigned = false
  let brokersDown = false
  let failedForGood = false
  let leaving = false
  let handler: SourceHandler | null = null
  let consumer: KafkaConsumer | null = null
  let loop: Promise<void> | null = null
  /** The consume call under way, and what holds the next one back. */
  let consuming: Promise<readonly Message[]> | null = null
  let gate: Promise<void> | null = null
  /** Rebalances are worked off one after the other. */
  let rebalances: Promise<void> = Promise.resolve()

  const requireHandler = (): SourceHandler => {
    if (handler === null) throw new Error('The source was not started.')
    return handler
  }

  const takeOver = async (active: KafkaConsumer, partitions: readonly TopicPartition[]): Promise<void> => {
    held = partitions
    paused.clear()
    metrics?.rebalance()
    logger.info({ partitions: partitions.length }, 'kafka partitions assigned')
    const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
    let known: readonly PartitionOffset[] = []
    while (!stopping.signal.aborted) {
      try {
        known = await requireHandler().assigned(partitions, () => !leaving)
        break
      } catch (error) {
        logger.warn({ err: asError(error) }, 'kafka start positions could not be found')
        if (backoff.attempts() % 5 === 4) requireHandler().failed(asError(error), false)
        await pauseMs(backoff.next(), stopping.signal)
      }
    }
    const offsets = new Map(known.map(p => [partitionKey(p.topic, p.partition), p.offset]))
    const start = partitions.map(p => ({
      topic: p.topic,
      partition: p.partition,
      next: offsets.get(partitionKey(p.topic, p.partition)) ?? null
    }))
    // Messages of the assignment before may still come out of a call under way; they must not meet the new positions.
    let open: () => void = () => undefined
    gate = new Promise(resolve => (open = resolve))
    await consuming?.catch(() => undefined)
    gate = null
    open()
    covers.length = 0
    repacker.begin(start)
    active.assign(
      start.map(({ topic, partition, next }) => ({ topic, partition, offset: next ?? storedOffset }))
    )
    if (paused.size > 0) active.pause([...paused.values()])
    assigned = true
  }

  const giveUp = async (active: KafkaConsumer, limitMs: number): Promise<void> => {
    const given = held
    held = []
    assigned = false
    repacker.end(given)
    if (given.length > 0) {
      try {
        // Nothing more is fetched while the rest is being worked off.
        active.pause([...given])
      } catch (error) {
        logger.debug({ err: asError(error) }, 'kafka partitions could not be paused')
      }
      // Waited for whatever it takes: librdkafka joins the group again only behind unassign.
      await requireHandler().revoked(given, limitMs)
    }
    // Closing, too, waits for unassign, so it is called in every state; it throws where there is nothing to unassign.
    try {
      // librdkafka keeps a partition paused over its next assignment.
      if (given.length > 0 && active.isConnected()) active.resume([...given])
    } catch (error) {
      logger.debug({ err: asError(error) }, 'kafka partitions could not be resumed')
    }
    try {
      active.unassign()
    } catch (error) {
      logger.debug({ err: asError(error) }, 'kafka partitions could not be unassigned')
    }
    logger.info({ partitions: given.length }, 'kafka partitions given up')
  }

  const newConsumer = (): KafkaConsumer => {
    const config: ConsumerGlobalConfig = {
      'client.id': options.clientId,
      'metadata.broker.list': options.brokers.join(','),
      'group.id': options.groupId,
      ...(options.groupInstanceId === null ? {} : { 'group.instance.id': options.groupInstanceId }),
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'enable.partition.eof': true,
      'partition.assignment.strategy': 'range',
      'isolation.level': options.isolation,
      'session.timeout.ms': options.sessionTimeoutMs,
      'heartbeat.interval.ms': options.heartbeatIntervalMs,
      // The time between polls is also what a member has for draining.
      'max.poll.interval.ms': Math.max(options.rebalanceTimeoutMs, options.sessionTimeoutMs),
      'fetch.wait.max.ms': options.fetchMaxWaitMs,
      'fetch.min.bytes': 1,
      'fetch.message.max.bytes': options.fetchPartitionMaxBytes,
      'fetch.max.bytes': options.fetchMaxBytes,
      'receive.message.max.bytes': options.fetchMaxBytes + 64 * 1024 * 1024,
      // The look-ahead of all partitions together; the default keeps 64 MB for each.
      'queued.max.messages.kbytes': Math.ceil(options.fetchMaxBytes / 1024),
      'fetch.queue.backoff.ms': 10,
      'reconnect.backoff.ms': options.backoffMinMs,
      'reconnect.backoff.max.ms': options.backoffMaxMs,
      'topic.metadata.refresh.interval.ms': options.metadataMaxAgeMs,
      'socket.connection.setup.timeout.ms': Math.max(1000, options.connectTimeoutMs),
      'allow.auto.create.topics': false,
      ...securityConfig(options),
      rebalance_cb: (error: LibrdKafkaError | undefined, partitions: TopicPartition[]) => {
        const active = created
        rebalances = rebalances
          .then(() => {
            // Whoever is about to leave takes nothing over any more.
            if (error?.code === assignPartitions && !leaving) return takeOver(active, partitions.map(plain))
            return giveUp(active, options.rebalanceTimeoutMs * drainShareOfRebalance)
          })
          .catch((fault: unknown) => requireHandler().failed(asError(fault), !leaving))
      },
      offset_commit_cb: true
    }
    const created = new rdkafka.KafkaConsumer(config, { 'auto.offset.reset': options.offsetReset })
    created.setDefaultConsumeTimeout(consumeTimeoutMs)
    created.on('event.error', fault => {
      if (stopping.signal.aborted) return
      // The event carries the sentence, but -1 for a code.
      const network = /transport failure|brokers? (connections )?are down|timed out|resolve/i.test(
        fault.message
      )
      const fatal = /authentication failure|fatal error/i.test(fault.message)
      metrics?.fetchError(network ? 'network' : 'other')
      if (/broker connections are down/i.test(fault.message)) {
        // Repeated with every attempt while it lasts.
        if (!brokersDown) logger.warn({ err: asError(fault) }, 'librdkafka reaches no broker')
        brokersDown = true
        return
      }
      if (network) logger.debug({ err: asError(fault) }, 'librdkafka lost a connection')
      else logger.warn({ err: asError(fault) }, 'librdkafka reported a fault')
      if (fatal && !failedForGood) {
        failedForGood = true
        requireHandler().failed(asError(fault), true)
      }
    })
    created.on('partition.eof', eof => {
      // Behind the last record may lie control records and aborted ones, which are never handed out.
      brokersDown = false
      if (eof.offset > 0 && repacker.has(eof.topic, eof.partition)) {
        const next = repacker.next(eof.topic, eof.partition)
        if (next !== null && eof.offset > next)
          covers.push({ topic: eof.topic, partition: eof.partition, lastOffset: eof.offset - 1 })
      }
    })
    created.on('offset.commit', (fault: LibrdKafkaError | null | undefined, offsets) => {
      const first = offsets[0]
      const at = commits.findIndex(
        pending =>
          first !== undefined &&
          pending.offsets.some(
            p => p.topic === first.topic && p.partition === first.partition && p.offset === first.offset
          )
      )
      const pending = at < 0 ? undefined : commits.splice(at, 1)[0]
      if (fault === null || fault === undefined || fault.code === 0 || fault.code === noOffset) {
        metrics?.commit(true)
        pending?.resolve()
      } else {
        metrics?.commit(false)
        pending?.reject(
          new Error(`Offsets of the group ${options.groupId} could not be committed: ${fault.message}`)
        )
      }
    })
    return created
  }

  /** Ends of partitions met during one consume call. */
  const covers: (TopicPartition & { lastOffset: number })[] = []

  const consumeOnce = (active: KafkaConsumer): Promise<readonly Message[]> =>
    new Promise((resolve, reject) => {
      active.consume(recordsPerCall, (error: LibrdKafkaError | null, messages) => {
        // The typing denies it, but there is no error on success.
        if (error) reject(asError(error))
        else resolve(messages)
      })
    })

  const handOver = (messages: readonly Message[]): void => {
    const grouped = new Map<string, { topic: string; partition: number; records: EncodableRecord[] }>()
    let last: { topic: string; partition: number; records: EncodableRecord[] } | undefined
    for (const message of messages) {
      if (last === undefined || last.partition !== message.partition || last.topic !== message.topic) {
        const key = partitionKey(message.topic, message.partition)
        last = grouped.get(key)
        if (last === undefined) {
          last = { topic: message.topic, partition: message.partition, records: [] }
          grouped.set(key, last)
        }
      }
      last.records.push(toRecord(message))
    }
    const batches: RawBatch[] = []
    for (const { topic, partition, records } of grouped.values()) {
      const batch = repacker.pack(topic, partition, records)
      if (batch !== null) batches.push(batch)
    }
    for (const { topic, partition, lastOffset } of covers.splice(0)) {
      const batch = repacker.cover(topic, partition, lastOffset)
      if (batch !== null) batches.push(batch)
    }
    if (batches.length === 0) return
    brokersDown = false
    metrics?.handedOver(batches)
    requireHandler().batches(batches)
  }

  const consumeLoop = async (active: KafkaConsumer): Promise<void> => {
    const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
    while (!stopping.signal.aborted) {
      let messages: readonly Message[]
      try {
        if (gate !== null) await gate
        consuming = consumeOnce(active)
        messages = await consuming
        backoff.reset()
      } catch (error) {
        if (stopping.signal.aborted) return
        if (unreadable.has((error as Partial<LibrdKafkaError>).code ?? 0)) {
          // librdkafka passes over what it cannot read, and these records would be lost without a word.
          requireHandler().failed(unreadableError(rdkafka.features, asError(error)), true)
          return
        }
        logger.warn({ err: asError(error) }, 'librdkafka could not consume')
        metrics?.fetchError('other')
        await pauseMs(backoff.next(), stopping.signal)
        continue
      }
      try {
        handOver(messages)
      } catch (error) {
        // The positions have moved on, so going on would lose these records.
        requireHandler().failed(asError(error), true)
        return
      }
    }
  }

  const connect = (active: KafkaConsumer): Promise<void> =>
    new Promise((resolve, reject) => {
      active.connect({ timeout: options.connectTimeoutMs }, (error: LibrdKafkaError | null) => {
        if (error) reject(asError(error))
        else resolve()
      })
    })

  const run = async (): Promise<void> => {
    const backoff = createBackoff(options.backoffMinMs, options.backoffMaxMs)
    while (!stopping.signal.aborted) {
      const active = newConsumer()
      try {
        await connect(active)
        if (stopping.signal.aborted) return
        consumer = active
        active.subscribe([...options.topics])
        await consumeLoop(active)
        return
      } catch (error) {
        consumer = null
        active.disconnect()
        if (stopping.signal.aborted) return
        const delayMs = backoff.next()
        logger.warn({ err: asError(error), delayMs }, 'librdkafka could not connect')
        if (backoff.attempts() % 5 === 0) requireHandler().failed(asError(error), false)
        await pauseMs(delayMs, stopping.signal)
      }
    }
  }

  const isHeld = (p: TopicPartition): boolean =>
    held.some(h => h.topic === p.topic && h.partition === p.partition)

  return {
    name: 'node-rdkafka',
    start(given) {
      if (handler !== null) return Promise.reject(new Error('The source was started before.'))
      handler = given
      loop = run().catch((error: unknown) => given.failed(asError(error), true))
      return Promise.resolve()
    },
    pause(partitions) {
      const known = partitions.filter(isHeld).map(plain)
      for (const p of known) paused.set(partitionKey(p.topic, p.partition), p)
      if (assigned && known.length > 0) consumer?.pause(known)
    },
    resume(partitions) {
      const known = partitions.filter(isHeld).map(plain)
      for (const p of known) paused.delete(partitionKey(p.topic, p.partition))
      if (assigned && known.length > 0) consumer?.resume(known)
    },
    commit(offsets) {
      if (offsets.length === 0) return Promise.resolve()
      const active = consumer
      if (active?.isConnected() !== true)
        return Promise.reject(
          new Error(`Nothing can be committed: this instance is no member of ${options.groupId} now.`)
        )
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const at = commits.indexOf(pending)
          if (at >= 0) commits.splice(at, 1)
          metrics?.commit(false)
          reject(
            new Error(`A commit of the group ${options.groupId} was not answered in ${commitTimeoutMs} ms.`)
          )
        }, commitTimeoutMs)
        const pending: PendingCommit = {
          offsets,
          resolve: () => {
            clearTimeout(timer)
            resolve()
          },
          reject: error => {
            clearTimeout(timer)
            reject(error)
          }
        }
        commits.push(pending)
        try {
          active.commit(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })))
        } catch (error) {
          commits.splice(commits.indexOf(pending), 1)
          pending.reject(asError(error))
        }
      })
    },
    highWatermarks: () =>
      held.flatMap(({ topic, partition }) => {
        try {
          const found = consumer?.getWatermarkOffsets(topic, partition)
          return found === undefined || found.highOffset < 0
            ? []
            : [{ topic, partition, highWatermark: found.highOffset }]
        } catch {
          // Nothing was heard of this partition yet.
          return []
        }
      }),
    connected: () => assigned && !brokersDown && consumer?.isConnected() === true,
    async stop() {
      const active = consumer
      leaving = true
      const limit = new AbortController()
      const work = (async () => {
        if (active !== null) {
          rebalances = rebalances.then(() => giveUp(active, options.stopTimeoutMs * 0.7))
          await rebalances
        }
        stopping.abort()
        await loop
        if (active?.isConnected() === true)
          await new Promise<void>(resolve => active.disconnect(() => resolve()))
      })()
      await Promise.race([
        work.catch((error: unknown) =>
          logger.warn({ err: asError(error) }, 'librdkafka did not stop cleanly')
        ),
        pauseMs(options.stopTimeoutMs, limit.signal)
      ])
      limit.abort()
      stopping.abort()
      for (const pending of commits.splice(0)) pending.reject(new Error('The source is stopped.'))
    }
  }
}

interface PendingCommit {
  readonly offsets: readonly PartitionOffset[]
  resolve(): void
  reject(error: Error): void
}

/** How long one consume call holds a thread of the pool while there is nothing new. */
const consumeTimeoutMs = 50
const recordsPerCall = 5000
const commitTimeoutMs = 15_000
/** RD_KAFKA_OFFSET_STORED: the group's committed offset, else the configured reset. */
const storedOffset = -1000
const assignPartitions = -175
const noOffset = -168
/** ERR__BAD_MSG, ERR__BAD_COMPRESSION, ERR__NOT_IMPLEMENTED. */
const unreadable = new Set([-199, -198, -170])

function unreadableError(features: readonly string[], cause: Error): Error {
  const missing = ['gzip', 'snappy', 'lz4', 'zstd'].filter(codec => !features.includes(codec))
  const why =
    missing.length === 0
      ? ''
      : ` This build of librdkafka has no ${missing.join(' and no ')}: install its development package and run \`npm rebuild node-rdkafka\`, or choose the source "batch".`
  return new Error(`librdkafka could not read a record batch: ${cause.message}.${why}`, { cause })
}

const plain = ({ topic, partition }: TopicPartition): TopicPartition => ({ topic, partition })

function toRecord(message: Message): EncodableRecord {
  const { key } = message
  return {
    offset: message.offset,
    timestampMs: message.timestamp ?? 0,
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    value: message.value,
    headers: (message.headers ?? []).flatMap(header =>
      Object.entries(header).map(([name, value]) => ({
        key: name,
        value: typeof value === 'string' ? Buffer.from(value) : Buffer.isBuffer(value) ? value : null
      }))
    )
  }
}

function securityConfig(options: SourceOptions): ConsumerGlobalConfig {
  const { tls, sasl } = options
  const protocol = `${sasl === null ? '' : 'sasl_'}${tls === null ? 'plaintext' : 'ssl'}` as const
  return {
    'security.protocol': protocol,
    ...(tls?.ca === undefined ? {} : { 'ssl.ca.pem': tls.ca }),
    ...(tls?.cert === undefined ? {} : { 'ssl.certificate.pem': tls.cert }),
    ...(tls?.key === undefined ? {} : { 'ssl.key.pem': tls.key }),
    ...(tls?.passphrase === undefined ? {} : { 'ssl.key.password': tls.passphrase }),
    ...(sasl === null
      ? {}
      : {
          'sasl.mechanisms': saslNames[sasl.mechanism],
          'sasl.username': sasl.username,
          'sasl.password': sasl.password
        })
  }
}
