import { type Admin, Kafka, logLevel, type Producer } from 'kafkajs'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { partitionKey, type RawBatch, type TopicPartition } from '../schemas/batch.ts'
import { createBatchWalker } from '../schemas/records/record-batch.ts'
import { startKafkaOrSkip, type RunningKafka } from '../test/support/kafka.ts'
import { loadRdkafka } from './adapters/rdkafka-source.ts'
import type { PartitionOffset, Source, SourceHandler } from './source.ts'
import { sourceOptions, type SourceSettings } from './source-options.ts'
import { createSource, sourceKinds } from './sources.ts'

/** What every source must keep, on a real Kafka. */
const kafka = await startKafkaOrSkip({ own: true })
const logger = pino({ level: process.env['SVETOFOR_TEST_LOG'] ?? 'silent' })
const hasNative = ((): boolean => {
  try {
    loadRdkafka()
    return true
  } catch (error) {
    if ((process.env['CI'] ?? '') !== '') throw error
    console.warn(`\n*** SKIPPED: the contract of "node-rdkafka". ${String(error)}\n`)
    return false
  }
})()

interface Seen extends TopicPartition {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
}

interface Consumer {
  readonly source: Source
  readonly batches: RawBatch[]
  readonly records: Seen[]
  readonly assigned: TopicPartition[][]
  readonly revoked: TopicPartition[][]
  readonly failures: { error: Error; fatal: boolean }[]
  /** Next offset by what the batches cover. */
  next(topic: string, partition: number): number
  values(topic: string, partition: number): (string | null)[]
}

interface ConsumerSettings extends Partial<SourceSettings> {
  readonly topics: readonly string[]
  readonly start?: readonly PartitionOffset[]
  readonly onBatches?: (batches: readonly RawBatch[], consumer: Consumer) => void
  readonly onAssigned?: () => void
  readonly onRevoked?: (
    partitions: readonly TopicPartition[],
    consumer: Consumer,
    limitMs: number
  ) => Promise<void>
}

let counter = 0
const unique = (name: string): string => `${name}-${process.pid}-${++counter}`
const decode = createBatchWalker({ verifyCrc: true, decompressedBytesMax: 64 * 1024 * 1024 })
const running = new Set<Source>()

async function until(what: string, condition: () => boolean, limitMs = 30_000): Promise<void> {
  const endMs = Date.now() + limitMs
  while (!condition()) {
    if (Date.now() > endMs) throw new Error(`Waited ${limitMs} ms for: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

describe.skipIf(kafka === null)('sources on a real Kafka', () => {
  // The body of a skipped group runs all the same.
  const { brokers = [], tls, sasl, kill9, restart } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'contract', logLevel: logLevel.NOTHING })
  let admin: Admin
  let producer: Producer

  beforeAll(async () => {
    admin = client.admin()
    producer = client.producer()
    await admin.connect()
    await producer.connect()
  })

  afterAll(async () => {
    await Promise.all([...running].map(source => source.stop()))
    await producer.disconnect()
    await admin.disconnect()
    await kafka?.stop()
  })

  const makeTopic = async (partitions = 1, config: Record<string, string> = {}): Promise<string> => {
    const topic = unique('contract')
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic,
          numPartitions: partitions,
          configEntries: Object.entries(config).map(([name, value]) => ({ name, value }))
        }
      ]
    })
    return topic
  }

  const produce = async (topic: string, partition: number, values: readonly string[]): Promise<void> => {
    for (let at = 0; at < values.length; at += 1000)
      await producer.send({
        topic,
        messages: values.slice(at, at + 1000).map(value => ({ partition, key: `k${partition}`, value }))
      })
  }

  describe.each(sourceKinds.map(kind => ({ kind })))('$kind', ({ kind }) => {
    const enabled = kind !== 'node-rdkafka' || hasNative
    // Each has a topic and a group of its own and waits more than it works, so several stand side by side.
    const when = (isPossible: boolean) => (isPossible ? it.concurrent : it.concurrent.skip)

    const consume = async (settings: ConsumerSettings): Promise<Consumer> => {
      const { start = [], onBatches, onAssigned, onRevoked, ...rest } = settings
      const options = sourceOptions({
        brokers,
        groupId: unique('group'),
        logger,
        fetchMaxWaitMs: 100,
        sessionTimeoutMs: 10_000,
        heartbeatIntervalMs: 200,
        rebalanceTimeoutMs: 10_000,
        metadataMaxAgeMs: 2000,
        backoffMinMs: 50,
        backoffMaxMs: 1000,
        ...rest
      })
      const source = await createSource(kind, options)
      running.add(source)
      const nexts = new Map<string, number>()
      const consumer: Consumer = {
        source,
        batches: [],
        records: [],
        assigned: [],
        revoked: [],
        failures: [],
        next: (topic, partition) => nexts.get(partitionKey(topic, partition)) ?? -1,
        values: (topic, partition) =>
          consumer.records
            .filter(r => r.topic === topic && r.partition === partition)
            .map(record => record.value)
      }
      const handler: SourceHandler = {
        assigned(partitions) {
          consumer.assigned.push([...partitions])
          onAssigned?.()
          for (const p of partitions) nexts.delete(partitionKey(p.topic, p.partition))
          const wanted = new Set(partitions.map(p => partitionKey(p.topic, p.partition)))
          return Promise.resolve(start.filter(p => wanted.has(partitionKey(p.topic, p.partition))))
        },
        async revoked(partitions, limitMs) {
          await onRevoked?.(partitions, consumer, limitMs)
          consumer.revoked.push([...partitions])
        },
        batches(batches) {
          for (const batch of batches) {
            const key = partitionKey(batch.topic, batch.partition)
            const next = nexts.get(key)
            // What is handed over covers the partition without a hole and without an overlap.
            if (next !== undefined) expect(batch.firstOffset).toBe(next)
            expect(batch.lastOffset).toBeGreaterThanOrEqual(batch.firstOffset)
            nexts.set(key, batch.lastOffset + 1)
            // A receiver may move the buffer to a worker, so nothing else may be in it.
            expect(batch.bytes.byteOffset).toBe(0)
            consumer.batches.push(batch)
            decode.walk(batch.bytes, batch.firstOffset, batch.lastOffset, {
              record(bytes, keyAt, keyLength, valueAt, valueLength, offset, timestampMs) {
                const text = (at: number, length: number): string | null =>
                  length < 0 ? null : Buffer.from(bytes.subarray(at, at + length)).toString('utf8')
                consumer.records.push({
                  topic: batch.topic,
                  partition: batch.partition,
                  offset,
                  timestampMs,
                  key: text(keyAt, keyLength),
                  value: text(valueAt, valueLength)
                })
              },
              corrupt(first, last, detail) {
                throw new Error(`${first}..${last}: ${detail}`)
              }
            })
          }
          onBatches?.(batches, consumer)
        },
        failed(error, fatal) {
          consumer.failures.push({ error, fatal })
        }
      }
      await source.start(handler)
      return consumer
    }

    const stopped = async (consumer: Consumer): Promise<void> => {
      await consumer.source.stop()
      running.delete(consumer.source)
    }

    it.skipIf(kind !== 'batch')('gathers what comes in little pieces', async () => {
      const topic = await makeTopic()
      const fetchGatherMs = 200
      let handedOver = 0
      const consumer = await consume({ topics: [topic], fetchGatherMs, onBatches: () => handedOver++ })
      await until('the assignment', () => consumer.assigned.length > 0)
      const count = 60
      const startedMs = performance.now()
      for (let i = 0; i < count; i++) {
        await produce(topic, 0, [`v${i}`])
        await sleep(10)
      }
      await until('all records', () => consumer.records.length === count)
      const gatherings = Math.ceil((performance.now() - startedMs) / fetchGatherMs)
      expect(handedOver).toBeGreaterThan(1)
      // One more on each lane: what had been asked for before.
      expect(handedOver).toBeLessThanOrEqual(gatherings + 2)
      await stopped(consumer)
    })

    when(enabled)('hands over every record of every partition in order', async () => {
      const topic = await makeTopic(3)
      const sent = [0, 1, 2].map(p => Array.from({ length: 2500 }, (_, i) => `${p}/${i}`))
      await Promise.all(sent.map((values, p) => produce(topic, p, values)))
      const consumer = await consume({ topics: [topic] })
      await until('all records', () => consumer.records.length >= 7500)
      for (const [p, values] of sent.entries()) expect(consumer.values(topic, p)).toEqual(values)
      expect(consumer.records.every(record => Math.abs(record.timestampMs - Date.now()) < 120_000)).toBe(true)
      expect(consumer.records[0]?.key).toMatch(/^k\d$/)
      await until('a new record soon', () => consumer.source.connected())
      const sentAtMs = Date.now()
      await produce(topic, 1, ['late'])
      await until('the late record', () => consumer.values(topic, 1).includes('late'))
      expect(Date.now() - sentAtMs).toBeLessThan(1500)
      expect(consumer.source.highWatermarks()).toContainEqual(
        expect.objectContaining({ topic, partition: 1, highWatermark: 2501 })
      )
      expect(consumer.failures).toEqual([])
      await stopped(consumer)
      expect(consumer.revoked.flat()).toHaveLength(3)
    })

    when(enabled)('takes nothing over before a hand-over that is late has ended', async () => {
      const topic = await makeTopic(2)
      const groupId = unique('group')
      const settings = { topics: [topic], groupId, rebalanceTimeoutMs: 6000, sessionTimeoutMs: 6000 }
      const events: string[] = []
      const limits: number[] = []
      const first = await consume({
        ...settings,
        async onRevoked(_partitions, _consumer, limitMs) {
          limits.push(limitMs)
          events.push('revoked')
          // Longer than the group waits.
          if (limits.length === 1) await sleep(8000)
          events.push('ended')
        },
        onAssigned: () => events.push('assigned')
      })
      await until('the first assignment', () => first.assigned.length === 1)
      const second = await consume(settings)
      await until('the second assignment', () => first.assigned.length >= 2 && second.assigned.length > 0)
      for (const p of [0, 1]) await produce(topic, p, ['a', 'b'])
      await until('all records', () => first.records.length + second.records.length >= 4)
      expect(limits[0]).toBeLessThanOrEqual(4800)
      expect(events.slice(0, 4)).toEqual(['assigned', 'revoked', 'ended', 'assigned'])
      await stopped(second)
      await stopped(first)
    })

    when(enabled)('starts where the handler says, else at the commit, else at the reset', async () => {
      const topic = await makeTopic(3)
      const groupId = unique('group')
      for (const p of [0, 1, 2])
        await produce(
          topic,
          p,
          Array.from({ length: 1000 }, (_, i) => `${i}`)
        )
      await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '700' }] })
      const consumer = await consume({
        topics: [topic],
        groupId,
        start: [{ topic, partition: 0, offset: 555 }]
      })
      await until('all records', () => consumer.records.length >= 445 + 300 + 1000)
      expect(consumer.records.find(r => r.partition === 0)?.offset).toBe(555)
      expect(consumer.records.find(r => r.partition === 1)?.offset).toBe(700)
      expect(consumer.records.find(r => r.partition === 2)?.offset).toBe(0)
      expect(consumer.records).toHaveLength(1745)
      await stopped(consumer)
    })

    when(enabled)('starts at the end when the reset says latest', async () => {
      const topic = await makeTopic()
      await produce(topic, 0, ['old'])
      const consumer = await consume({ topics: [topic], offsetReset: 'latest' })
      await until('the assignment', () => consumer.source.connected())
      await sleep(1000)
      await produce(topic, 0, ['new'])
      await until('the new record', () => consumer.records.length > 0)
      expect(consumer.values(topic, 0)).toEqual(['new'])
      await stopped(consumer)
    })

    when(enabled)('commits, and continues at the commit', async () => {
      const topic = await makeTopic(2)
      const groupId = unique('group')
      await produce(
        topic,
        0,
        Array.from({ length: 100 }, (_, i) => `${i}`)
      )
      const first = await consume({ topics: [topic], groupId })
      await until('the records', () => first.records.length === 100)
      await first.source.commit([{ topic, partition: 0, offset: 60 }])
      await stopped(first)
      const [fetched] = await admin.fetchOffsets({ groupId, topics: [topic] })
      expect(fetched?.partitions.find(p => p.partition === 0)?.offset).toBe('60')
      const second = await consume({ topics: [topic], groupId })
      await until('the rest', () => second.records.length === 40)
      expect(second.records[0]?.offset).toBe(60)
      await stopped(second)
      await expect(second.source.commit([{ topic, partition: 0, offset: 100 }])).rejects.toThrow(/commit/i)
    })

    when(enabled)('hands over nothing of a paused partition until it is resumed', async () => {
      const topic = await makeTopic(2)
      const pausedPartition = { topic, partition: 0 }
      let pausedAt = -1
      const consumer = await consume({
        topics: [topic],
        onBatches(batches, self) {
          if (pausedAt >= 0 || !batches.some(batch => batch.partition === 0)) return
          pausedAt = batches.findLast(batch => batch.partition === 0)?.lastOffset ?? 0
          self.source.pause([pausedPartition])
        }
      })
      await produce(topic, 0, ['first'])
      await until('the pause', () => pausedAt >= 0)
      // What was under way may still arrive once; what comes later may not.
      await sleep(500)
      const before = consumer.values(topic, 0).length
      await produce(
        topic,
        0,
        Array.from({ length: 500 }, (_, i) => `${i}`)
      )
      await produce(topic, 1, ['other'])
      await until('the other partition', () => consumer.values(topic, 1).length === 1)
      await sleep(1000)
      expect(consumer.values(topic, 0)).toHaveLength(before)
      consumer.source.resume([pausedPartition])
      await until('the rest', () => consumer.values(topic, 0).length === 501)
      expect(consumer.values(topic, 0)).toEqual(['first', ...Array.from({ length: 500 }, (_, i) => `${i}`)])
      await stopped(consumer)
    })

    when(enabled)(
      'neither loses nor doubles a record when members come and go',
      async () => {
        const topic = await makeTopic(4)
        const groupId = unique('group')
        const owner = new Map<string, Consumer>()
        const clashes: string[] = []
        // The receiver works on what it is given for a while; revoking waits for it and commits it.
        const onRevoked = async (partitions: readonly TopicPartition[], self: Consumer): Promise<void> => {
          await sleep(300)
          const offsets = partitions.flatMap(p => {
            const next = self.next(p.topic, p.partition)
            return next < 0 ? [] : [{ topic: p.topic, partition: p.partition, offset: next }]
          })
          await self.source.commit(offsets)
          for (const p of partitions) owner.delete(partitionKey(p.topic, p.partition))
        }
        const onBatches = (batches: readonly RawBatch[], self: Consumer): void => {
          for (const batch of batches) {
            const key = partitionKey(batch.topic, batch.partition)
            const holder = owner.get(key)
            if (holder !== undefined && holder !== self) clashes.push(key)
            owner.set(key, self)
          }
        }
        let producing = true
        let sent = 0
        const load = (async () => {
          while (producing) {
            const i = sent++
            await producer.send({
              topic,
              acks: -1,
              messages: [0, 1, 2, 3].map(partition => ({ partition, value: `${partition}/${i}` }))
            })
            await sleep(5)
          }
        })()
        const settings = { topics: [topic], groupId, onRevoked, onBatches }
        const first = await consume(settings)
        await until('the first member at work', () => first.records.length > 100)
        const second = await consume(settings)
        await until('the second member at work', () => second.records.length > 100, 60_000)
        expect(second.assigned.at(-1)).toHaveLength(2)
        await until('the first member at work again', () => first.assigned.at(-1)?.length === 2)
        await stopped(first)
        await until('the second member alone', () => second.assigned.at(-1)?.length === 4, 60_000)
        const third = await consume(settings)
        await until('the third member at work', () => third.records.length > 100, 60_000)
        producing = false
        await load
        const all = (): Seen[] => [...first.records, ...second.records, ...third.records]
        await until('every record', () => new Set(all().map(r => r.value)).size === sent * 4)
        expect(all()).toHaveLength(sent * 4)
        expect(clashes).toEqual([])
        await stopped(second)
        await stopped(third)
      },
      120_000
    )

    when(enabled).each(['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'])(
      'reads %s batches',
      async compression => {
        // The broker packs what comes in with the topic's own compression.
        const topic = await makeTopic(1, { 'compression.type': compression })
        const values = Array.from(
          { length: 3000 },
          (_, i) => `{"name":"interface","n":${i},"s":"${'x'.repeat(i % 90)}"}`
        )
        await produce(topic, 0, values)
        const consumer = await consume({ topics: [topic] })
        if (
          kind === 'node-rdkafka' &&
          (process.env['CI'] ?? '') === '' &&
          !loadRdkafka().features.includes(compression) &&
          compression !== 'uncompressed'
        ) {
          // A library built without this codec (a laptop without libzstd's headers) must say so and stop: passing over the records would lose them.
          await until('the failure', () => consumer.failures.some(f => f.fatal))
          expect(consumer.failures.find(f => f.fatal)?.error.message).toMatch(/batch/)
          expect(consumer.records).toEqual([])
          await stopped(consumer)
          return
        }
        await until('all records', () => consumer.records.length >= values.length)
        expect(consumer.values(topic, 0)).toEqual(values)
        await stopped(consumer)
      }
    )

    when(enabled)('begins in the middle of a compressed batch', async () => {
      const topic = await makeTopic(1, { 'compression.type': 'lz4' })
      await produce(
        topic,
        0,
        Array.from({ length: 900 }, (_, i) => `${i}`)
      )
      const consumer = await consume({ topics: [topic], start: [{ topic, partition: 0, offset: 421 }] })
      await until('the rest', () => consumer.records.length >= 479)
      expect(consumer.values(topic, 0)).toEqual(Array.from({ length: 479 }, (_, i) => `${i + 421}`))
      await stopped(consumer)
    })

    when(enabled && sasl !== null).each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'logs in with SASL %s',
      async mechanism => {
        const topic = await makeTopic()
        await produce(topic, 0, ['a', 'b'])
        const consumer = await consume({
          topics: [topic],
          brokers: sasl?.brokers ?? [],
          sasl: { mechanism, username: sasl?.user.username ?? '', password: sasl?.user.password ?? '' }
        })
        await until('the records', () => consumer.records.length === 2)
        await stopped(consumer)
      }
    )

    when(enabled && sasl !== null)('says when the password is wrong', async () => {
      const topic = await makeTopic()
      const consumer = await consume({
        topics: [topic],
        brokers: sasl?.brokers ?? [],
        sasl: { mechanism: 'scram-sha-256', username: sasl?.user.username ?? '', password: 'wrong' }
      })
      await until('the failure', () => consumer.failures.some(f => f.fatal), 60_000)
      expect(consumer.source.connected()).toBe(false)
      await stopped(consumer)
    })

    when(enabled && tls !== null)('speaks TLS, and only with brokers it can trust', async () => {
      const topic = await makeTopic()
      await produce(topic, 0, ['a', 'b'])
      const settings = { topics: [topic], brokers: tls?.brokers ?? [] }
      const consumer = await consume({ ...settings, tls: { ca: tls?.ca ?? '' } })
      await until('the records', () => consumer.records.length === 2)
      await stopped(consumer)
      const wary = await consume({ ...settings, tls: {} })
      await sleep(1500)
      expect(wary.records).toEqual([])
      expect(wary.source.connected()).toBe(false)
      await stopped(wary)
    })

    when(enabled)(
      'leaves out aborted transactions and control records, and covers their offsets',
      async () => {
        const topic = await makeTopic()
        const transactional = client.producer({
          transactionalId: unique('tx'),
          idempotent: true,
          maxInFlightRequests: 1
        })
        await transactional.connect()
        const transaction = async (values: readonly string[], commit: boolean): Promise<void> => {
          const tx = await transactional.transaction()
          await tx.send({ topic, messages: values.map(value => ({ value, partition: 0 })) })
          if (commit) await tx.commit()
          else await tx.abort()
        }
        await produce(topic, 0, ['plain 1'])
        await transaction(['committed 1', 'committed 2'], true)
        await transaction(['aborted 1', 'aborted 2', 'aborted 3'], false)
        await produce(topic, 0, ['plain 2'])
        await transaction(['committed 3'], true)
        await transaction(['aborted 4'], false)
        await transactional.disconnect()
        // 1 + (2+1) + (3+1) + 1 + (1+1) + (1+1), a marker behind each transaction
        const end = 13
        const careful = await consume({ topics: [topic] })
        await until('the end', () => careful.next(topic, 0) === end)
        expect(careful.values(topic, 0)).toEqual([
          'plain 1',
          'committed 1',
          'committed 2',
          'plain 2',
          'committed 3'
        ])
        await stopped(careful)
        const bold = await consume({ topics: [topic], isolation: 'read_uncommitted' })
        await until('the end', () => bold.next(topic, 0) === end)
        expect(bold.values(topic, 0)).toEqual([
          'plain 1',
          'committed 1',
          'committed 2',
          'aborted 1',
          'aborted 2',
          'aborted 3',
          'plain 2',
          'committed 3',
          'aborted 4'
        ])
        await stopped(bold)
      }
    )

    when(enabled)('hands over tombstones, empty values, headers and records of 1 MB', async () => {
      const topic = await makeTopic(1, { 'max.message.bytes': '4194304' })
      const large = 'щ'.repeat(512 * 1024)
      await producer.send({
        topic,
        messages: [
          { partition: 0, key: 'tombstone', value: null },
          { partition: 0, key: 'empty', value: '' },
          { partition: 0, key: null, value: 'no key' },
          { partition: 0, key: 'headers', value: 'v', headers: { trace: 'заголовок', twice: ['one', 'two'] } }
        ]
      })
      await producer.send({ topic, messages: [{ partition: 0, key: 'large', value: large }] })
      await producer.send({ topic, messages: [{ partition: 0, key: 'after', value: 'x' }] })
      // The large record is beyond the budget of a fetch, and comes all the same.
      const consumer = await consume({ topics: [topic], fetchPartitionMaxBytes: 64 * 1024 })
      await until('all records', () => consumer.records.length >= 6)
      expect(consumer.records.map(({ key, value }) => [key, value === large ? 'large' : value])).toEqual([
        ['tombstone', null],
        ['empty', ''],
        [null, 'no key'],
        ['headers', 'v'],
        ['large', 'large'],
        ['after', 'x']
      ])
      const bytes = Buffer.concat(consumer.batches.map(batch => batch.bytes))
      for (const text of ['trace', 'заголовок', 'twice', 'one', 'two'])
        expect(bytes.includes(Buffer.from(text)), text).toBe(true)
      await stopped(consumer)
    })

    when(enabled)('goes on with the oldest record when its position has expired', async () => {
      const topic = await makeTopic()
      await produce(
        topic,
        0,
        Array.from({ length: 100 }, (_, i) => `${i}`)
      )
      // kafkajs knows the leaders of topics it was asked about before, and of no others.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '70' }] })
      const consumer = await consume({ topics: [topic], start: [{ topic, partition: 0, offset: 10 }] })
      await until('the rest', () => consumer.records.length >= 30)
      expect(consumer.records[0]?.offset).toBe(70)
      await stopped(consumer)
    })

    when(enabled)('starts over when the position lies behind the end', async () => {
      const topic = await makeTopic()
      await produce(topic, 0, ['a', 'b'])
      const consumer = await consume({ topics: [topic], start: [{ topic, partition: 0, offset: 5000 }] })
      await until('the records', () => consumer.records.length >= 2)
      expect(consumer.values(topic, 0)).toEqual(['a', 'b'])
      await stopped(consumer)
    })

    when(enabled)(
      'begins to read a topic that is made after the start',
      async () => {
        const topic = unique('later')
        const consumer = await consume({ topics: [topic] })
        await sleep(1000)
        await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2 }] })
        await produce(topic, 1, ['first'])
        await until('the record', () => consumer.records.length === 1, 60_000)
        expect(consumer.failures.filter(f => f.fatal)).toEqual([])
        await stopped(consumer)
      },
      90_000
    )

    it.skipIf(!enabled || kill9 === null)(
      'goes on after the broker was killed and came back',
      async () => {
        const topic = await makeTopic(2)
        const groupId = unique('group')
        await produce(
          topic,
          0,
          Array.from({ length: 50 }, (_, i) => `${i}`)
        )
        const consumer = await consume({ topics: [topic], groupId, sessionTimeoutMs: 30_000 })
        await until('the records', () => consumer.records.length === 50)
        await kill9?.()
        await until('the loss to be noticed', () => !consumer.source.connected(), 60_000)
        await restart?.()
        await produce(
          topic,
          0,
          Array.from({ length: 50 }, (_, i) => `${i + 50}`)
        )
        await until('the rest', () => new Set(consumer.values(topic, 0)).size === 100, 90_000)
        await until('the connection', () => consumer.source.connected(), 60_000)
        await consumer.source.commit([{ topic, partition: 0, offset: 100 }])
        // Losing the session in between hands the partitions over anew, from where nothing was committed.
        if (consumer.assigned.length === 1)
          expect(consumer.values(topic, 0)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
        expect(consumer.failures.filter(f => f.fatal)).toEqual([])
        await stopped(consumer)
      },
      180_000
    )
  })
})
