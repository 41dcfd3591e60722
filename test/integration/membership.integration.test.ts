import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGroupWatch, describePeers } from '../../ingest/kafka/group-watch.ts'
import { sourceOptions, type SourceOptions } from '../../ingest/source-options.ts'
import type { Source } from '../../ingest/source.ts'
import { createSource } from '../../ingest/sources.ts'
import type { RawBatch, TopicPartition } from '../../schemas/batch.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

/** Members of a consumer group that come back, take each other's place, or meet. */
const kafka = await startKafkaOrSkip()

describe.skipIf(kafka === null)('membership of the group', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'membership', logLevel: logLevel.NOTHING })
  let admin: Admin
  let producer: Producer
  const running = new Set<Source>()
  let counter = 0

  beforeAll(async () => {
    admin = client.admin()
    producer = client.producer()
    await admin.connect()
    await producer.connect()
  })
  afterEach(async () => {
    await Promise.all([...running].map(source => source.stop()))
    running.clear()
  })
  afterAll(async () => {
    await producer.disconnect()
    await admin.disconnect()
    await kafka?.stop()
  })

  const makeTopic = async (numPartitions: number): Promise<string> => {
    const topic = `membership-${process.pid}-${++counter}`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions }] })
    return topic
  }

  const optionsFor = (topic: string, groupInstanceId: string | null): SourceOptions =>
    sourceOptions({
      brokers,
      groupId: topic,
      topics: [topic],
      groupInstanceId,
      // Nobody waits for it here: what is shown is that nobody has to.
      sessionTimeoutMs: 45_000,
      stopTimeoutMs: 3000,
      logger: pino({ level: 'silent' })
    })

  const join = async (topic: string, groupInstanceId: string | null) => {
    const source = await createSource('batch', optionsFor(topic, groupInstanceId))
    const seen = { assigned: [] as TopicPartition[][], batches: [] as RawBatch[], fatal: [] as Error[] }
    running.add(source)
    await source.start({
      assigned: partitions => {
        seen.assigned.push([...partitions])
        return Promise.resolve([])
      },
      revoked: () => Promise.resolve(),
      batches: batches => void seen.batches.push(...batches),
      failed: (error, isFatal) => void (isFatal && seen.fatal.push(error))
    })
    return { source, seen }
  }

  /** Static members do not leave, so for the group a stop is no other than a crash. */
  const crash = async (source: Source): Promise<void> => {
    await source.stop()
    running.delete(source)
  }

  it('one that comes back under its name after a crash reads on at once, whatever the session time', async () => {
    const topic = await makeTopic(2)
    const first = await join(topic, 'daemon-1')
    await expect.poll(() => first.seen.assigned.flat().length, { timeout: 20_000 }).toBe(2)
    await crash(first.source)
    await producer.send({ topic, messages: [{ partition: 1, value: 'after the crash' }] })
    const startedMs = Date.now()
    const second = await join(topic, 'daemon-1')
    await expect.poll(() => second.seen.batches.length, { timeout: 20_000, interval: 20 }).toBe(1)
    expect(Date.now() - startedMs).toBeLessThan(5000)
    expect(second.seen.assigned).toHaveLength(1)
  }, 60_000)

  it('and gets the partitions that its topic got meanwhile', async () => {
    const topic = await makeTopic(1)
    const first = await join(topic, 'daemon-1')
    await expect.poll(() => first.seen.assigned.flat().length, { timeout: 20_000 }).toBe(1)
    await crash(first.source)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    const second = await join(topic, 'daemon-1')
    await expect.poll(() => second.seen.assigned.at(-1)?.length, { timeout: 20_000 }).toBe(3)
  }, 60_000)

  it('of two under one name the later one stays, and the other says why it ends', async () => {
    const topic = await makeTopic(1)
    const first = await join(topic, 'daemon-1')
    await expect.poll(() => first.seen.assigned.length, { timeout: 20_000 }).toBe(1)
    const second = await join(topic, 'daemon-1')
    await expect.poll(() => second.seen.assigned.length, { timeout: 20_000 }).toBe(1)
    await expect.poll(() => first.seen.fatal.length, { timeout: 20_000 }).toBe(1)
    expect(first.seen.fatal[0]?.message).toMatch(/daemon-1.*kafka\.group_instance_id/)
    expect(second.seen.fatal).toEqual([])
  }, 60_000)

  it('a group is seen to have other members, and to lose them', async () => {
    const topic = await makeTopic(2)
    const watch = createGroupWatch(optionsFor(topic, null))
    watch.start()
    try {
      const first = await join(topic, 'daemon-1')
      await expect.poll(() => watch.members().length, { timeout: 20_000 }).toBe(1)
      expect(describePeers(topic, watch.members())).toBe('')
      const second = await join(topic, null)
      await expect.poll(() => watch.members().length, { timeout: 30_000 }).toBe(2)
      expect(describePeers(topic, watch.members())).toMatch(
        /2 members share the group .*daemon-1 at .*let one daemon run/
      )
      await crash(second.source)
      await expect.poll(() => watch.members().length, { timeout: 20_000 }).toBe(1)
      await crash(first.source)
    } finally {
      watch.stop()
    }
  }, 90_000)
})
