import type { ChildHello } from './child.ts'
import type { EmbeddedKafkaReady } from './kafka.ts'

/**
 * The in-memory broker's own process: librdkafka's mock cluster lives as long as one producer handle does.
 * Its argument is the list of topics; it ends with its parent, because nothing it holds is worth keeping.
 */
const topics = JSON.parse(process.argv[2] ?? '[]') as string[]
const topicTriesMax = 50
const say = (hello: ChildHello<EmbeddedKafkaReady>): void => {
  process.send?.(hello)
}

process.on('disconnect', () => process.exit(0))
// Whoever stops a whole service sends these to every process of it; the parent ends this one in its own order.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)

try {
  const { default: kafka } = await import('node-rdkafka')
  const producer = new kafka.Producer({
    'test.mock.num.brokers': 1,
    'client.id': 'svetofor-embedded-kafka',
    log_level: 3
  } as ConstructorParameters<typeof kafka.Producer>[0])
  producer.on('event.error', error => {
    process.stderr.write(`embedded Kafka: ${error.message}\n`)
  })
  producer.connect({ timeout: 10_000 }, (error, metadata) => {
    const broker = metadata?.brokers[0]
    if (error !== null || broker === undefined) {
      say({ type: 'failed', reason: error?.message ?? 'the mock cluster named no broker' })
      return
    }
    createTopics(topics, { brokers: `${broker.host}:${broker.port}`, partitions: {} })
  })

  /**
   * The mock cluster makes a topic when its metadata is first asked for; its partitions cannot be chosen. The first
   * answers may not have it yet, so they are asked again.
   */
  const createTopics = (left: string[], ready: EmbeddedKafkaReady, triesLeft = topicTriesMax): void => {
    const topic = left[0]
    if (topic === undefined) {
      say({ type: 'ready', ready })
      return
    }
    producer.getMetadata({ topic, timeout: 5_000 }, (error, metadata) => {
      const made = metadata?.topics.find(t => t.name === topic && t.partitions.length > 0)
      if (made !== undefined) {
        const partitions = { ...ready.partitions, [topic]: made.partitions.length }
        createTopics(left.slice(1), { brokers: ready.brokers, partitions })
      } else if (triesLeft > 0) setTimeout(() => createTopics(left, ready, triesLeft - 1), 100)
      else
        say({
          type: 'failed',
          reason: `topic ${topic} was not made: ${error?.message ?? 'no answer has it'}`
        })
    })
  }
} catch (error) {
  say({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
}
