import { once } from 'node:events'

/** What a second member of the daemon's group is started with, as JSON. */
export interface MemberSetup {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly groupId: string
  readonly sessionMs: number
}

/**
 * Another member of the daemon's group, as a process of its own: it reads and stores nothing, and leaves when it is told to (any
 * message) or whoever started it is gone. The client's calls to a broker that is not there hold threads of the process.
 */
const setup = JSON.parse(process.argv[2] ?? '') as MemberSetup
const { default: rdkafka } = await import('node-rdkafka')
const consumer = new rdkafka.KafkaConsumer(
  {
    'bootstrap.servers': setup.brokers.join(','),
    'group.id': setup.groupId,
    'session.timeout.ms': setup.sessionMs,
    'max.poll.interval.ms': 60_000,
    'partition.assignment.strategy': 'range',
    'enable.auto.commit': false
  },
  { 'auto.offset.reset': 'latest' }
)
process.once('disconnect', () => process.exit(1))
consumer.on('event.error', () => undefined)
await new Promise<void>((resolve, reject) => {
  consumer.connect({ timeout: 10_000 }, error => {
    // The typings know no null here.
    if (error as unknown) reject(new Error(`no second member: ${error.message}`))
    else resolve()
  })
})
consumer.subscribe([setup.topic])
consumer.consume()
process.send?.('joined')
await once(process, 'message')
consumer.disconnect(() => process.exit(0))
