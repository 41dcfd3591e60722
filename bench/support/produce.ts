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

/** Fills a topic with node-rdkafka, as fast as it goes; resolves when every record is acknowledged by all replicas. */
export async function produceRecords(options: ProduceOptions): Promise<Produced> {
  const brokers = [...options.brokers]
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic: options.topic, numPartitions: options.partitions }],
    waitForLeaders: true
  })
  await admin.disconnect()

  const { default: rdkafka } = await import('node-rdkafka')
  const producer = new rdkafka.Producer(
    {
      'bootstrap.servers': brokers.join(','),
      'compression.codec': options.compression,
      'batch.num.messages': options.batchRecordsMax ?? 5_000,
      'linger.ms': 50,
      'queue.buffering.max.messages': 500_000,
      'queue.buffering.max.kbytes': 256 * 1024,
      dr_cb: true
    },
    { partitioner: 'murmur2_random' }
  )
  const startedMs = performance.now()
  let sent = 0
  let acknowledged = 0
  let bytes = 0
  let failure: Error | undefined
  await new Promise<void>((resolve, reject) => {
    producer.connect({ timeout: 10_000 }, error => {
      // The typings know no null here.
      if (error as unknown) reject(new Error(`bench: no broker at ${brokers.join(', ')}: ${error.message}`))
      else resolve()
    })
  })
  producer.on('delivery-report', error => {
    if (error as unknown) failure ??= new Error(`bench: a record was not stored: ${error.message}`)
    acknowledged++
  })
  producer.setPollInterval(20)
  const breathe = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))
  for (const { key, value, timestampMs } of options.records) {
    const body = Buffer.from(value)
    for (;;) {
      try {
        producer.produce(options.topic, null, body, key, timestampMs)
        break
      } catch (error) {
        // The local queue is full: that is the back-pressure.
        if ((error as { code?: number }).code !== rdkafka.CODES.ERRORS.ERR__QUEUE_FULL) throw error
        await breathe()
      }
    }
    sent++
    bytes += body.length + key.length
    if (sent % 10_000 === 0) await breathe()
    if (failure !== undefined) break
  }
  while (acknowledged < sent && failure === undefined) await breathe()
  await new Promise<void>(resolve => producer.disconnect(5_000, () => resolve()))
  if (failure !== undefined) throw failure
  return { records: sent, bytes, ms: performance.now() - startedMs }
}
