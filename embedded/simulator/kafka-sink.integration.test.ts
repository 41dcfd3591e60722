import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { nativeKafkaAvailable, startEmbeddedKafka } from '../kafka.ts'
import { cityAtRate, simulateCommand } from './command.ts'
import { connectKafkaSink } from './sink.ts'

const native = nativeKafkaAvailable()
if (!native.ok && process.env['CI'] !== undefined) throw new Error(native.why)
if (!native.ok) process.stderr.write(`SKIPPED simulator into Kafka: ${native.why}\n`)

it.skipIf(!native.ok)(
  'plays a city into Kafka: every record arrives, a device stays in one partition',
  async () => {
    const broker = await startEmbeddedKafka({ topics: ['telemetry'], logger: { info: () => undefined } })
    try {
      const said: string[] = []
      const sent = await simulateCommand(
        {
          brokers: [broker.brokers],
          topic: 'telemetry',
          nodes: 300,
          seed: 4,
          rate: 5_000,
          format: 'telegraf',
          scenario: 'demo',
          count: 6_000,
          durationMs: 60_000,
          fullPorts: false,
          flatOut: true,
          inventory: null,
          inventoryOnly: false
        },
        { say: line => said.push(line), signal: new AbortController().signal }
      )
      expect(sent).toBe(6_000)
      expect(said.at(-1)).toBe('6000 records sent')
      const consumer = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING }).consumer({
        groupId: 'reader'
      })
      await consumer.connect()
      await consumer.subscribe({ topic: 'telemetry', fromBeginning: true })
      const partitionOf = new Map<string, number>()
      let read = 0
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            eachBatch: async ({ batch }) => {
              for (const message of batch.messages) {
                const key = message.key?.toString() ?? ''
                if ((partitionOf.get(key) ?? batch.partition) !== batch.partition)
                  reject(new Error(`${key} is in two partitions`))
                partitionOf.set(key, batch.partition)
                read++
              }
              if (read === sent) resolve()
            }
          })
          .catch(reject)
      })
      await consumer.disconnect().catch(() => undefined)
      const { devices } = cityAtRate({ nodes: 300, seed: 4, ratePerS: 5_000 })
      expect(partitionOf.size).toBeGreaterThan(devices.length * 0.5)
      expect(new Set(partitionOf.values()).size).toBe(4)
    } finally {
      await broker.stop()
    }
  },
  60_000
)

it('says where nothing can be sent', async () => {
  await expect(
    connectKafkaSink({ brokers: ['127.0.0.1:1'], topic: 'telemetry', connectMsMax: 200, retries: 1 })
  ).rejects.toThrow(/topic telemetry at 127\.0\.0\.1:1.*check that the brokers are up/)
}, 30_000)
