import { Kafka, logLevel } from 'kafkajs'
import type { BenchRecord } from './mix.ts'

export interface ProduceOptions {
  readonly brokers: readonly string[]
  /** Made when it is not there. */
  readonly topic: string
  readonly partitions: number
  readonly records: Iterable<BenchRecord>
  readonly compression: 'none' | 'lz4' | 'gzip' | 'snappy'
  /** Most records of one batch; Telegraf sends what one flush has, a few thousand at most. */
  readonly batchRecordsMax?: number
}

export interface Produced {
  readonly records: number
  /** Of keys and values. */
  readonly bytes: number
  readonly ms: number
}

/** Fills a topic as fast as it goes; resolves when every record is acknowledged by all replicas. */
export async function produceRecords(options: ProduceOptions): Promise<Produced> {
  await createTopic(options.brokers, options.topic, options.partitions)
  const producer = await connectProducer(options.brokers, options.compression, {
    'batch.num.messages': options.batchRecordsMax ?? 5_000,
    'linger.ms': 50
  })
  const startedMs = performance.now()
  let records = 0
  let bytes = 0
  for (const record of options.records) {
    bytes += await producer.send(options.topic, record)
    if (++records % 10_000 === 0) await breathe()
  }
  await producer.close()
  return { records, bytes, ms: performance.now() - startedMs }
}

export async function createTopic(
  brokers: readonly string[],
  topic: string,
  partitions: number
): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true })
  await admin.disconnect()
}

export interface BenchProducer {
  /** Returns the bytes of key and value. Waits only while the local queue is full: that is the back-pressure. */
  send(topic: string, record: BenchRecord): Promise<number>
  /** Resolves when nothing waits to be sent any more; rejects when that takes too long. */
  close(): Promise<void>
}

const flushMsMax = 60_000

/**
 * node-rdkafka with the partitioner of Java clients. It asks for no reports of delivery: they leak (5 MiB a second at 50,000
 * records), and who reads the topic counts what is there.
 */
export async function connectProducer(
  brokers: readonly string[],
  compression: ProduceOptions['compression'],
  settings: Readonly<Record<string, number>>
): Promise<BenchProducer> {
  const { default: rdkafka } = await import('node-rdkafka')
  const producer = new rdkafka.Producer(
    {
      'bootstrap.servers': brokers.join(','),
      'compression.codec': compression,
      'queue.buffering.max.messages': 500_000,
      'queue.buffering.max.kbytes': 256 * 1024,
      ...settings
    },
    { partitioner: 'murmur2_random' }
  )
  await new Promise<void>((resolve, reject) => {
    producer.connect({ timeout: 10_000 }, error => {
      // The typings know no null here.
      if (error as unknown) reject(new Error(`bench: no broker at ${brokers.join(', ')}: ${error.message}`))
      else resolve()
    })
  })
  producer.setPollInterval(20)
  return {
    async send(topic, { key, value, timestampMs }) {
      const body = Buffer.from(value)
      for (;;) {
        try {
          producer.produce(topic, null, body, key, timestampMs)
          return body.length + key.length
        } catch (error) {
          if ((error as { code?: number }).code !== rdkafka.CODES.ERRORS.ERR__QUEUE_FULL) throw error
          await breathe()
        }
      }
    },
    async close() {
      await new Promise<void>((resolve, reject) => {
        producer.flush(flushMsMax, error => {
          if (error as unknown)
            reject(new Error(`bench: not every record was stored in ${flushMsMax} ms: ${error.message}`))
          else resolve()
        })
      })
      await new Promise<void>(resolve => producer.disconnect(5_000, () => resolve()))
    }
  }
}

const breathe = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))
