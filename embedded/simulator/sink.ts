import { CompressionTypes, Kafka, Partitioners, logLevel, type Producer } from 'kafkajs'
import type { SimulatedRecord } from './readings.ts'

/** Where simulated records go. Sends are awaited one by one, so that a slow sink slows the simulator. */
export interface RecordSink {
  send(records: readonly SimulatedRecord[]): Promise<void>
  close(): Promise<void>
}

/** Keeps what it is sent: for tests, and for a demonstration without Kafka. */
export function createMemorySink(
  receive: (records: readonly SimulatedRecord[]) => void | Promise<void>
): RecordSink {
  return {
    send: async records => {
      await receive(records)
    },
    close: () => Promise.resolve()
  }
}

export interface KafkaSinkOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  /** `lz4` is not among kafkajs' own. */
  readonly compression?: 'none' | 'gzip'
  readonly connectMsMax?: number
  readonly retries?: number
}

/** Sends to Kafka by the default partitioner (murmur2 of the key), as Telegraf's and Java's producers do. */
export async function connectKafkaSink(options: KafkaSinkOptions): Promise<RecordSink> {
  const client = new Kafka({
    clientId: 'svetofor-simulator',
    brokers: [...options.brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: options.connectMsMax ?? 5_000,
    retry: { retries: options.retries ?? 8, initialRetryTime: 100, maxRetryTime: 5_000 }
  })
  const producer: Producer = client.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: true
  })
  const where = `topic ${options.topic} at ${options.brokers.join(', ')}`
  const explain = (error: unknown): Error =>
    new Error(
      `simulator: nothing can be sent to ${where}: ${error instanceof Error ? error.message : String(error)}; ` +
        'check that the brokers are up and the address is right',
      { cause: error }
    )
  await producer.connect().catch((error: unknown) => {
    throw explain(error)
  })
  const compression = options.compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None
  return {
    send: async records => {
      const messages = records.map(record => ({
        key: record.key,
        value: Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength),
        timestamp: `${record.timestampMs}`
      }))
      await producer
        .send({ topic: options.topic, messages, compression, acks: -1 })
        .catch((error: unknown) => {
          throw explain(error)
        })
    },
    close: () => producer.disconnect()
  }
}
