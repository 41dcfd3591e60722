import { Kafka, logLevel, type Admin } from 'kafkajs'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startKafkaOrSkip, type RunningKafka } from '../../test/support/kafka.ts'
import { sourceOptions } from '../source-options.ts'
import { openStretches, type StretchAsked } from './stretches.ts'

const kafka = await startKafkaOrSkip({ own: true })
const topic = `stretches_${process.pid}`
const records = 1000
const everyMs = 1000

describe.skipIf(kafka === null)('a stretch of the log', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'stretches', logLevel: logLevel.NOTHING })
  const options = sourceOptions({
    brokers,
    topics: [topic],
    groupId: topic,
    logger: pino({ level: 'silent' })
  })
  const startMs = Date.now() - records * everyMs
  const timeOf = (offset: number): number => startMs + offset * everyMs
  let admin: Admin

  beforeAll(async () => {
    admin = client.admin()
    await admin.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
    const producer = client.producer()
    await producer.connect()
    // Ten to a batch: the time index and fetches know batches only.
    for (let first = 0; first < records; first += 10)
      await producer.send({
        topic,
        messages: Array.from({ length: 10 }, (_, i) => ({
          value: String(first + i),
          timestamp: String(timeOf(first + i))
        }))
      })
    await producer.disconnect()
  }, 60_000)
  afterAll(async () => {
    await admin.disconnect()
    await kafka?.stop()
  })

  async function read(asked: Partial<StretchAsked>) {
    const stretches = await openStretches(options, 1)
    try {
      const stretch = await stretches.find({
        topic,
        partition: 0,
        to: 900,
        windowMs: 100_000,
        recordsMax: 1_000_000,
        nowMs: Date.now(),
        ...asked
      })
      const ranges: [number, number][] = []
      for await (const { firstOffset, lastOffset, slab } of stretches.batches(stretch)) {
        slab?.release()
        ranges.push([firstOffset, lastOffset])
      }
      return { ...stretch, first: ranges[0]?.[0], last: ranges.at(-1)?.[1], batches: ranges.length }
    } finally {
      stretches.close()
    }
  }

  it('begins where the time index says, and ends before the stored position', async () => {
    expect(await read({})).toEqual({
      topic,
      partition: 0,
      from: 799,
      to: 900,
      endMs: timeOf(899),
      nextMs: timeOf(909),
      newestMs: timeOf(999),
      cut: null,
      first: 799,
      last: 899,
      batches: 11
    })
    // In the midst of a batch.
    expect(await read({ to: 895, windowMs: 20_000 })).toMatchObject({ to: 895, last: 894 })
  }, 60_000)

  it('says when it is cut short: by the limit of records, or by the beginning of the log', async () => {
    expect(await read({ recordsMax: 50 })).toMatchObject({ from: 850, first: 850, last: 899, cut: 'records' })
    expect(await read({ windowMs: 10_000_000 })).toMatchObject({ from: 0, last: 899, cut: null })
    // The client knows no leaders before it was asked for them.
    await admin.fetchTopicMetadata({ topics: [topic] })
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '850' }] })
    expect(await read({})).toMatchObject({ from: 850, first: 850, last: 899, cut: 'retention' })
    expect(await read({ windowMs: 20_000 })).toMatchObject({ cut: null })
    expect(await read({ to: 840 })).toMatchObject({ from: 840, batches: 0, cut: 'retention' })
  }, 60_000)

  it('passes over what a transaction took back, and finds the time of its end behind it', async () => {
    const producer = client.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'taken back', timestamp: String(timeOf(1000)) }] })
    await transaction.abort()
    await producer.disconnect()
    // Offset 1000 is the record, 1001 the mark of the transaction.
    const found = await read({ to: 1002, windowMs: 5_000 })
    expect(found).toMatchObject({ to: 1002, last: 1001, cut: null })
    expect(found.endMs).toBeGreaterThan(timeOf(890))
  }, 60_000)

  it('knows a leader that was started anew until it holds records that are old enough', async () => {
    const twice = `${topic}_leaders`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: twice, numPartitions: 2 }] })
    const producer = client.producer()
    await producer.connect()
    const write = async (atMs: number): Promise<void> => {
      for (const partition of [0, 1])
        await producer.send({
          topic: twice,
          messages: [{ value: 'one', partition, timestamp: String(atMs) }]
        })
    }
    const standings = async (sinceMs: number) => {
      const stretches = await openStretches({ ...options, topics: [twice] }, 2)
      try {
        return await Promise.all(
          [0, 1].map(partition => stretches.standing({ topic: twice, partition }, sinceMs))
        )
      } finally {
        stretches.close()
      }
    }
    const both = (isSteady: boolean, newestMs: number) => [
      { isSteady, newestMs },
      { isSteady, newestMs }
    ]
    // The first leader has always been there.
    const oldMs = Date.now() - 100_000
    await write(oldMs)
    expect(await standings(0)).toEqual(both(true, oldMs))
    await kafka?.kill9?.()
    await kafka?.restart?.()
    expect(await standings(Date.now())).toEqual(both(false, oldMs))
    const atMs = Date.now()
    await write(atMs)
    await producer.disconnect()
    expect(await standings(atMs)).toEqual(both(false, atMs))
    expect(await standings(atMs + 1)).toEqual(both(true, atMs))
  }, 120_000)
})
