import { peakRssMib, type ProcessFigures } from '../support/process.ts'

/** Bare node-rdkafka: consume(5000) in a loop, values untouched. Arguments: broker, topic, records. */
const [broker = '', topic = '', wanted = ''] = process.argv.slice(2)
const total = Number(wanted)
// It is an optional dependency, in CommonJS.
const { default: rdkafka } = await import('node-rdkafka')
const consumer = new rdkafka.KafkaConsumer(
  {
    'metadata.broker.list': broker,
    'group.id': `bench-rdkafka-${process.pid}-${Date.now()}`,
    'enable.auto.commit': false,
    'queued.max.messages.kbytes': 65_536
  },
  { 'auto.offset.reset': 'earliest' }
)
await new Promise<void>((resolve, reject) => {
  consumer.connect({}, error => {
    // The typings know no null here.
    if (error as unknown) reject(new Error(error.message))
    else resolve()
  })
})
consumer.subscribe([topic])
let records = 0
let cpu = process.cpuUsage()
let startedMs = 0
const next = (): Promise<number> =>
  new Promise((resolve, reject) => {
    consumer.consume(5000, (error, messages) => {
      if (error as unknown) reject(new Error(error.message))
      else resolve(messages.length)
    })
  })
while (records < total) {
  const beforeMs = performance.now()
  const before = process.cpuUsage()
  const count = await next()
  if (count > 0 && records === 0) {
    cpu = before
    startedMs = beforeMs
  }
  records += count
}
const used = process.cpuUsage(cpu)
const figures: ProcessFigures = {
  records,
  cpuUs: used.user + used.system,
  wallMs: performance.now() - startedMs,
  peakRssMib: peakRssMib('self')
}
console.log(JSON.stringify(figures))
process.exit(0)
