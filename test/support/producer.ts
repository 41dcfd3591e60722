/** A producer over librdkafka, for tests: it knows lz4, and keeps the order of each key. */
export interface TestProducer {
  /** Puts a record into the local queue; waits only while that is full. */
  send(record: {
    readonly key: string
    readonly value: Uint8Array
    readonly timestampMs: number
  }): Promise<void>
  /** Resolves when everything sent is acknowledged; rejects when the broker refused any. */
  flush(): Promise<void>
  close(): Promise<void>
}

export { createTopic } from '../../bench/support/produce.ts'

export async function connectTestProducer(options: {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly compression: 'none' | 'lz4' | 'gzip' | 'snappy'
  /** How long a record may wait for others of its batch (ms). */
  readonly lingerMs?: number
  /** How long it waits at least before it looks for a broker that was away again (ms). */
  readonly reconnectMs?: number
}): Promise<TestProducer> {
  const { topic } = options
  const { default: rdkafka } = await import('node-rdkafka')
  const producer = new rdkafka.Producer(
    {
      'bootstrap.servers': options.brokers.join(','),
      'compression.codec': options.compression,
      'linger.ms': options.lingerMs ?? 2,
      'enable.idempotence': true,
      ...(options.reconnectMs === undefined ? {} : { 'reconnect.backoff.ms': options.reconnectMs }),
      'queue.buffering.max.messages': 100_000,
      dr_cb: true
    },
    { partitioner: 'murmur2_random' }
  )
  await new Promise<void>((resolve, reject) => {
    producer.connect({ timeout: 10_000 }, error => {
      // The typings know no null here.
      if (error as unknown) reject(new Error(`no broker at ${options.brokers.join(', ')}: ${error.message}`))
      else resolve()
    })
  })
  let sent = 0
  let acknowledged = 0
  let failure: Error | undefined
  producer.on('delivery-report', error => {
    if (error as unknown) failure ??= new Error(`a record was not stored by Kafka: ${error.message}`)
    acknowledged++
  })
  // What it says of lost connections is no failure: it tries again by itself.
  producer.on('event.error', () => undefined)
  producer.setPollInterval(10)
  const breathe = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))
  return {
    async send({ key, value, timestampMs }) {
      for (;;) {
        try {
          producer.produce(topic, null, Buffer.from(value), key, timestampMs)
          sent++
          return
        } catch (error) {
          // The local queue is full: that is the back-pressure.
          if ((error as { code?: number }).code !== rdkafka.CODES.ERRORS.ERR__QUEUE_FULL) throw error
          await breathe()
        }
      }
    },
    async flush() {
      while (acknowledged < sent && failure === undefined) await breathe()
      if (failure !== undefined) throw failure
    },
    close: () => new Promise(resolve => producer.disconnect(5_000, () => resolve()))
  }
}
