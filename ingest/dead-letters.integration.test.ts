import { createServer } from 'node:net'
import { Kafka, logLevel } from 'kafkajs'
import type { LibrdKafkaError } from 'node-rdkafka'
import pino from 'pino'
import { Registry } from 'prom-client'
import { afterAll, describe, expect, it } from 'vitest'
import type { Reject } from '../schemas/evaluation.ts'
import { startKafkaOrSkip, type RunningKafka } from '../test/support/kafka.ts'
import { createDeadLetterSink, type DeadLetter } from './dead-letters.ts'
import { createDeadLetterMetrics } from './metrics.ts'
import { loadRdkafka } from './adapters/rdkafka-source.ts'

const kafka = await startKafkaOrSkip({ own: true })
const logger = pino({ level: 'silent' })
const base = {
  clientId: 'dlq-test',
  tls: null,
  sasl: null,
  connectTimeoutMs: 2000,
  requestTimeoutMs: 5000,
  logger
}

const rejects = (count: number, from = 0): Reject[] =>
  Array.from({ length: count }, (_, i) => ({
    topic: 'telemetry',
    partition: i % 3,
    offset: from + i,
    reason: i % 2 === 0 ? 'not_json' : 'no_device',
    detail: 'made by a test',
    key: null,
    value: Buffer.from(`value ${from + i}`),
    valueBytes: 7
  }))

async function readAll(brokers: readonly string[], topic: string, count: number): Promise<DeadLetter[]> {
  const client = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const consumer = client.consumer({ groupId: `read-${topic}-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const letters: DeadLetter[] = []
  await consumer.run({
    eachMessage: ({ message }) => {
      letters.push(JSON.parse(String(message.value)) as DeadLetter)
      return Promise.resolve()
    }
  })
  const endMs = Date.now() + 20_000
  while (letters.length < count && Date.now() < endMs) await new Promise(resolve => setTimeout(resolve, 20))
  await consumer.disconnect()
  return letters
}

describe.skipIf(kafka === null)('dead-letter sink on a real Kafka', () => {
  // The body of a skipped group runs all the same.
  const { brokers, kill9, restart } = (kafka ?? {}) as RunningKafka

  afterAll(async () => {
    await kafka?.stop()
  })

  it('resolves when every letter is acknowledged, in order', async () => {
    const registry = new Registry()
    const sink = createDeadLetterSink({
      ...base,
      brokers,
      topic: 'dlq.order',
      metrics: createDeadLetterMetrics(registry)
    })
    await Promise.all([sink.send(rejects(700)), sink.send(rejects(50, 700)), sink.send([])])
    await sink.close()
    const letters = await readAll(brokers, 'dlq.order', 750)
    expect(letters.map(letter => letter.offset)).toEqual(Array.from({ length: 750 }, (_, i) => i))
    expect(await registry.getSingleMetricAsString('svetofor_dead_letters_total')).toMatch(
      /reason="not_json"\} 375/
    )
  })

  it('makes letters fit into a topic that takes only small ones', async () => {
    const topic = 'dlq.small'
    const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'max.message.bytes', value: '20000' }] }]
    })
    await admin.disconnect()
    const sink = createDeadLetterSink({ ...base, brokers, topic })
    const value = Buffer.alloc(5_000, 'v')
    const small = rejects(30).map(each => ({ ...each, value, valueBytes: value.byteLength }))
    const large = { ...rejects(1, 30)[0]!, value: Buffer.alloc(60_000, 'w'), valueBytes: 60_000 }
    const keyed = { ...rejects(1, 31)[0]!, key: Buffer.alloc(1_000_000, 'k') }
    await sink.send([...small, large, keyed, ...rejects(10, 32)])
    await sink.close()
    const letters = await readAll(brokers, topic, 42)
    expect(letters.map(({ offset }) => offset)).toEqual(Array.from({ length: 42 }, (_, i) => i))
    const whole = letters.filter(({ valueCut, keyCut }) => !valueCut && keyCut !== true)
    expect(whole.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 42 }, (_, i) => i).filter(i => i !== 30 && i !== 31)
    )
    expect(Buffer.from(letters[30]!.valueBase64 ?? '', 'base64').byteLength).toBeGreaterThan(3_000)
    expect(letters[30]).toMatchObject({ valueBytes: 60_000, valueCut: true })
    expect(letters[31]).toMatchObject({ keyCut: true, valueCut: false })
  }, 60_000)

  it.skipIf(kill9 === null)('waits for a broker that comes back', async () => {
    const sink = createDeadLetterSink({ ...base, brokers, topic: 'dlq.back', retries: 60, backoffMaxMs: 500 })
    await sink.send(rejects(1))
    await kill9?.()
    const waiting = sink.send(rejects(10, 1))
    await restart?.()
    await waiting
    await sink.close()
    const offsets = (await readAll(brokers, 'dlq.back', 11)).map(letter => letter.offset)
    expect(new Set(offsets).size).toBe(11)
  })
})

describe('dead-letter sink without a broker', () => {
  it('rejects after its retries, so that offsets do not advance', async () => {
    const server = createServer(socket => socket.destroy())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const sink = createDeadLetterSink({
      ...base,
      brokers: [`127.0.0.1:${address.port}`],
      topic: 'dlq.none',
      retries: 2,
      backoffMinMs: 10
    })
    await expect(sink.send(rejects(1))).rejects.toThrow(
      /1 dead letters could not be sent to dlq.none in 3 attempts/
    )
    await sink.close()
    server.close()
  })
})

describe.skipIf(!hasNative())('dead-letter sink on the in-memory broker of librdkafka', () => {
  it('sends without idempotence, which that broker cannot grant', async () => {
    const { Producer } = loadRdkafka()
    const settings = { 'test.mock.num.brokers': 1, 'metadata.broker.list': '127.0.0.1:1' }
    const broker = new Producer(settings)
    const brokers = await new Promise<string[]>((resolve, reject) => {
      broker.connect({ timeout: 5000 }, (error: LibrdKafkaError | null, metadata) => {
        if (error) reject(new Error(error.message))
        else resolve(metadata.brokers.map(({ host, port }) => `${host}:${port}`))
      })
    })
    const sink = createDeadLetterSink({ ...base, brokers, topic: 'svetofor.dlq' })
    await sink.send(rejects(20))
    await sink.close()
    expect(
      (await readAll(brokers, 'svetofor.dlq', 20)).map(letter => letter.offset).sort((a, b) => a - b)
    ).toEqual(Array.from({ length: 20 }, (_, i) => i))
    await new Promise<void>(resolve => broker.disconnect(() => resolve()))
  })
})

function hasNative(): boolean {
  try {
    loadRdkafka()
    return true
  } catch (error) {
    if ((process.env['CI'] ?? '') !== '') throw error
    console.warn(`\n*** SKIPPED: ${String(error)}\n`)
    return false
  }
}
