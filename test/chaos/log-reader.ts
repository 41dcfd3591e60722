import { Kafka, logLevel } from 'kafkajs'

/** A record as Kafka holds it. */
export interface LoggedRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly value: Buffer
}

const readMsMax = 60_000

/** Everything the topic holds, in the order of each partition. */
export async function readLog(brokers: readonly string[], topic: string): Promise<LoggedRecord[]> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'chaos-reader', logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const ends = new Map(
    (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)])
  )
  await admin.disconnect()
  const left = new Set([...ends].flatMap(([partition, end]) => (end > 0 ? [partition] : [])))
  const records: LoggedRecord[] = []
  if (left.size === 0) return records
  const consumer = kafka.consumer({ groupId: `chaos-reader-${Date.now()}` })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`the log could not be read within ${readMsMax} ms`)),
        readMsMax
      )
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      const take = async (): Promise<void> => {
        await consumer.run({
          autoCommit: false,
          eachBatch: async ({ batch: { partition, messages } }) => {
            const end = ends.get(partition) ?? 0
            for (const { offset, timestamp, value } of messages) {
              if (Number(offset) >= end) continue
              records.push({
                partition,
                offset: Number(offset),
                timestampMs: Number(timestamp),
                value: value ?? Buffer.alloc(0)
              })
            }
            if (Number(messages.at(-1)?.offset ?? -1) + 1 >= end) left.delete(partition)
            if (left.size === 0) {
              clearTimeout(late)
              resolve()
            }
            return Promise.resolve()
          }
        })
      }
      take().catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}
