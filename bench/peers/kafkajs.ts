import { Kafka, logLevel } from 'kafkajs'
import { registerCodecs } from '../../ingest/adapters/kafkajs-options.ts'
import { peakRssMib, type ProcessFigures } from '../support/process.ts'

/** Bare kafkajs: reads a topic with eachBatch and does nothing with it. Arguments: broker, topic, records. */
const [broker = '', topic = '', wanted = ''] = process.argv.slice(2)
const total = Number(wanted)
const kafka = new Kafka({ clientId: 'bench-kafkajs', brokers: [broker], logLevel: logLevel.NOTHING })
registerCodecs(64 * 1024 * 1024)
const consumer = kafka.consumer({
  groupId: `bench-kafkajs-${process.pid}-${Date.now()}`,
  maxBytesPerPartition: 4_000_000
})
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: true })
let records = 0
let cpu = process.cpuUsage()
let startedMs = performance.now()
// The clock starts at most 2 ms before the first batch, as the daemon's does.
const waiting = setInterval(() => {
  cpu = process.cpuUsage()
  startedMs = performance.now()
}, 2)
await new Promise<void>((resolve, reject) => {
  consumer
    .run({
      autoCommit: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: async ({ batch }) => {
        clearInterval(waiting)
        for (const message of batch.messages) if (message.value !== null) records++
        if (records >= total) resolve()
      }
    })
    .catch(reject)
})
const used = process.cpuUsage(cpu)
const figures: ProcessFigures = {
  records,
  cpuUs: used.user + used.system,
  wallMs: performance.now() - startedMs,
  peakRssMib: peakRssMib('self')
}
console.log(JSON.stringify(figures))
process.exit(0)
