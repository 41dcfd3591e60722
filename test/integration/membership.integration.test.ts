import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGroupWatch, describeActive, describePeers } from '../../ingest/kafka/group-watch.ts'
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

  const optionsFor = (
    topic: string,
    groupInstanceId: string | null,
    more: Partial<SourceOptions> = {}
  ): SourceOptions =>
    sourceOptions({
      brokers,
      groupId: topic,
      topics: [topic],
      groupInstanceId,
      // Nobody waits for it here: what is shown is that nobody has to.
      sessionTimeoutMs: 45_000,
      stopTimeoutMs: 3000,
      logger: pino({ level: 'silent' }),
      ...more
    })

  const join = async (topic: string, groupInstanceId: string | null, more: Partial<SourceOptions> = {}) => {
    const source = await createSource('batch', optionsFor(topic, groupInstanceId, more))
    const seen = {
      assigned: [] as TopicPartition[][],
      batches: [] as RawBatch[],
      fatal: [] as Error[],
      faults: [] as Error[]
    }
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

  describe('of those that stand by', () => {
    const standby = { standby: true, heartbeatIntervalMs: 200, sessionTimeoutMs: 6000 }

    it('one has all partitions, and another gets them when it leaves, under a name too', async () => {
      const topic = await makeTopic(3)
      const first = await join(topic, 'b', standby)
      await expect.poll(() => first.seen.assigned.at(-1)?.length, { timeout: 20_000 }).toBe(3)
      expect(first.source.holds?.()).toBe(true)
      // First by name, but the other one reads.
      const second = await join(topic, 'a', standby)
      await expect.poll(() => second.seen.assigned.length, { timeout: 20_000 }).toBe(1)
      expect(second.seen.assigned).toEqual([[]])
      await expect.poll(() => first.seen.assigned.length, { timeout: 20_000 }).toBe(2)
      expect(first.seen.assigned.at(-1)).toHaveLength(3)
      const watch = createGroupWatch(optionsFor(topic, null))
      watch.start()
      try {
        await expect.poll(() => watch.members().length, { timeout: 20_000 }).toBe(2)
        await expect
          .poll(() => describeActive(watch.members()), { timeout: 20_000 })
          .toMatch(/^a standby of b at /)
      } finally {
        watch.stop()
      }
      const leftMs = performance.now()
      await first.source.stop()
      running.delete(first.source)
      await expect.poll(() => second.seen.assigned.at(-1)?.length, { timeout: 20_000 }).toBe(3)
      expect(performance.now() - leftMs).toBeLessThan(5000)
      const third = await join(topic, 'b', standby)
      await expect.poll(() => third.seen.assigned.length, { timeout: 20_000 }).toBe(1)
      expect(third.seen.assigned).toEqual([[]])
    }, 90_000)

    it('one that meets members of another kind is told so', async () => {
      const topic = await makeTopic(1)
      const first = await join(topic, 'a')
      await expect.poll(() => first.seen.assigned.at(-1)?.length, { timeout: 20_000 }).toBe(1)
      const second = await join(topic, 'b', standby)
      await expect.poll(() => second.seen.fatal.length, { timeout: 20_000 }).toBe(1)
      expect(second.seen.fatal[0]?.message).toMatch(/members of another kind.*kafka\.standby/)
      expect(second.seen.assigned).toEqual([])
    }, 60_000)
  })
})
