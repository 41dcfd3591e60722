import { generateCity } from '../../embedded/simulator/city.ts'
import { telegrafMix } from './mix.ts'
import { connectProducer } from './produce.ts'

/**
 * Feeds a topic at a steady rate, in a process of its own. Arguments: broker, topic, nodes of the city, records a second
 * (0 for as fast as it goes), seconds. Event times are those of sending. Its last line is JSON: how many records were
 * sent by when.
 */
export interface Fed {
  readonly records: number
  /** Wall clock (ms) and records sent until then, about every ten milliseconds; of a long run less often. */
  readonly sent: readonly (readonly [ms: number, records: number])[]
}

const [broker = '', topic = '', nodes = '', ratePerS = '', seconds = ''] = process.argv.slice(2)
const rate = Number(ratePerS) === 0 ? Infinity : Number(ratePerS)
const { devices } = generateCity({ nodes: Number(nodes), seed: 1 })
const records = telegrafMix({
  devices,
  records: Number.MAX_SAFE_INTEGER,
  seed: 2,
  endMs: Date.now(),
  nowMs: Date.now
})
/** Collectors send what a flush has, dozens of records a partition and more; a batch for every few records is not what they do. */
const lingerMs = 20
/** Whoever started it may be ended without a word; then there is nobody to feed. */
const { ppid } = process
setInterval(() => {
  if (process.ppid !== ppid) process.exit(1)
}, 1000).unref()
const producer = await connectProducer([broker], 'none', { 'linger.ms': lingerMs })
const startedMs = Date.now()
/** An hour's worth would be a line of many megabytes: of a long run every other moment is forgotten, again and again. */
const sentMax = 20_000
let sent: [number, number][] = []
let count = 0
let due = 0
for (const record of records) {
  while (count >= due) {
    sent.push([Date.now(), count])
    if (sent.length > sentMax) sent = sent.filter((_, i) => i % 2 === 0)
    await new Promise(resolve => setTimeout(resolve, rate === Infinity ? 0 : 5))
    // What could not be sent in time is not made up for by more than a little at once.
    due = Math.min(((Date.now() - startedMs) / 1000) * rate, count + 5000)
  }
  if (Date.now() - startedMs >= Number(seconds) * 1000) break
  await producer.send(topic, record)
  count++
}
sent.push([Date.now(), count])
await producer.close()
const fed: Fed = { records: count, sent }
// The line of a long run is longer than a pipe takes at once: an exit before it is through would cut it.
process.stdout.write(`${JSON.stringify(fed)}\n`, () => process.exit(0))
