import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connectTestProducer } from '../support/producer.ts'
import { createChaosCity, createTraffic } from './city.ts'

/** What a chaos run's producer is started with, as JSON. */
export interface ProducerSetup {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly nodes: number
  readonly seed: number
}

/** Its last words, after it was told to stop: everything it sent is acknowledged. */
export interface ProducerReport {
  readonly records: number
}

/**
 * The network and its collectors as a process of their own. It sends until it is told to stop (any message), or until whoever
 * started it is gone.
 */
const everyMs = 50
/** After an outage it comes back late, as collectors do; librdkafka makes at most 10 s of it. */
const reconnectMs = 4_000
const setup = JSON.parse(process.argv[2] ?? '') as ProducerSetup
const producer = await connectTestProducer({
  brokers: setup.brokers,
  topic: setup.topic,
  compression: 'none',
  lingerMs: 5,
  reconnectMs
})
let stopping = false
process.once('disconnect', () => process.exit(1))
void once(process, 'message').then(() => (stopping = true))
const traffic = createTraffic(createChaosCity(setup.nodes), setup.seed, Date.now())
let records = 0
process.send?.('started')
while (!stopping) {
  for (const { key, value, timestampMs } of traffic.due(Date.now())) {
    await producer.send({ key, value: Buffer.from(value), timestampMs })
    records++
  }
  await delay(everyMs)
}
await producer.flush()
await producer.close()
const report: ProducerReport = { records }
process.send?.(report, () => process.exit(0))
