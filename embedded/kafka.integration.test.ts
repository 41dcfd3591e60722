import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nativeKafkaAvailable, startEmbeddedKafka, type EmbeddedKafka } from './kafka.ts'

const native = nativeKafkaAvailable()
if (!native.ok && process.env['CI'] !== undefined) throw new Error(native.why)
if (!native.ok) process.stderr.write(`SKIPPED embedded Kafka: ${native.why}\n`)

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

describe.skipIf(!native.ok)('the embedded broker', () => {
  const said: string[] = []
  let broker: EmbeddedKafka | undefined
  let client: Kafka

  beforeAll(async () => {
    broker = await startEmbeddedKafka({ topics: ['telemetry'], logger: { info: text => said.push(text) } })
    client = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING })
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    for (let batch = 0; batch < 10; batch++)
      await producer.send({
        topic: 'telemetry',
        messages: Array.from({ length: 100 }, (_, i) => ({ key: `device-${i}`, value: `${batch}:${i}` }))
      })
    await producer.disconnect()
  })

  afterAll(async () => {
    await broker?.stop()
  })

  it('says that it keeps nothing', () => {
    expect(said.join('\n')).toMatch(/in memory only/)
    expect(broker?.partitions).toEqual({ telemetry: 4 })
  })

  it('is read whole by a kafkajs consumer group, which commits', async () => {
    const consumer = client.consumer({ groupId: 'kafkajs' })
    await consumer.connect()
    await consumer.subscribe({ topic: 'telemetry', fromBeginning: true })
    const seen = new Set<string>()
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            for (const message of batch.messages) seen.add(message.value?.toString() ?? '')
            if (seen.size === 1000) resolve()
          }
        })
        .catch(reject)
    })
    await consumer.commitOffsets([{ topic: 'telemetry', partition: 2, offset: '7' }])
    await consumer.disconnect().catch(() => undefined)
    const admin = client.admin()
    await admin.connect()
    const offsets = await admin.fetchOffsets({ groupId: 'kafkajs', topics: ['telemetry'] })
    await admin.disconnect()
    expect(offsets[0]?.partitions.find(p => p.partition === 2)?.offset).toBe('7')
  }, 30_000)

  it('is read whole by a node-rdkafka consumer group', async () => {
    const { default: rdkafka } = await import('node-rdkafka')
    const consumer = new rdkafka.KafkaConsumer(
      { 'group.id': 'rdkafka', 'metadata.broker.list': broker?.brokers ?? '', 'enable.auto.commit': false },
      { 'auto.offset.reset': 'earliest' }
    )
    const seen = await new Promise<number>((resolve, reject) => {
      let records = 0
      consumer.on('ready', () => {
        consumer.subscribe(['telemetry'])
        consumer.consume()
      })
      consumer.on('data', () => {
        if (++records === 1000) resolve(records)
      })
      consumer.on('event.error', error => reject(new Error(error.message)))
      consumer.connect({ timeout: 5000 }, error => {
        if (error as unknown) reject(new Error(error.message))
      })
    })
    await new Promise<void>(resolve => {
      consumer.disconnect(() => resolve())
    })
    expect(seen).toBe(1000)
  }, 30_000)

  it('ends when told to, and leaves no process behind', async () => {
    const other = await startEmbeddedKafka({ topics: [], logger: { info: () => undefined } })
    let lost = ''
    other.onLost(reason => {
      lost = reason
    })
    await other.stop()
    expect(await answers(Number(other.brokers.split(':')[1]))).toBe(false)
    expect(lost).toBe('')
  })

  it('ends with its parent, even when that is killed', async () => {
    const code =
      `const { startEmbeddedKafka } = await import(${JSON.stringify(new URL('./kafka.ts', import.meta.url).href)});` +
      `const broker = await startEmbeddedKafka({ topics: [], logger: { info() {} } });` +
      `console.log(broker.brokers); setInterval(() => {}, 1000)`
    const tsx = createRequire(import.meta.url).resolve('tsx')
    const parent = spawn(
      process.execPath,
      ['--import', pathToFileURL(tsx).href, '--input-type=module', '-e', code],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer]
    const port = Number(printed.toString().trim().split(':')[1])
    expect(await answers(port)).toBe(true)
    parent.kill('SIGKILL')
    const deadline = Date.now() + 5_000
    while ((await answers(port)) && Date.now() < deadline) await sleep(50)
    expect(await answers(port)).toBe(false)
  }, 30_000)
})
