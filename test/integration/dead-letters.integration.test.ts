import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listDeadLetters, replayCommand, showDeadLetter } from '../../daemon/dead-letters.ts'
import { createDeadLetterSink } from '../../ingest/dead-letters.ts'
import { readTopic, type TopicRecord } from '../../ingest/kafka/read-topic.ts'
import { sourceOptions } from '../../ingest/source-options.ts'
import { loadConfig, type Config } from '../../schemas/config/reading.ts'
import type { Reject } from '../../schemas/evaluation.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

/** Dead letters by command, on a real Kafka. */
const kafka = await startKafkaOrSkip()

describe.skipIf(kafka === null)('dead letters by command', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const topic = `letters-${process.pid}`
  const dlq = `${topic}.dlq`
  const logger = pino({ level: 'silent' })
  const timestampMs = Date.UTC(2026, 0, 2)
  let admin: Admin
  let producer: Producer
  let config: Config
  let lines: string[] = []

  const reject = (offset: number, more: Partial<Reject> = {}): Reject => ({
    topic,
    partition: 1,
    offset,
    reason: 'no_reading',
    detail: 'ports: ifInErrors is "abc"',
    key: Buffer.from('10.0.0.1'),
    value: Buffer.from(`value ${offset}`),
    valueBytes: 7,
    timestampMs,
    ...more
  })
  const query = () => {
    lines = []
    return { config, print: (line: string) => void lines.push(line) }
  }
  const records = async (): Promise<TopicRecord[]> => {
    const found: TopicRecord[] = []
    const options = sourceOptions({ brokers, groupId: 'none', topics: [topic], logger })
    await readTopic(options, topic, record => void found.push(record))
    return found
  }

  beforeAll(async () => {
    const client = new Kafka({ brokers: [...brokers], clientId: 'letters', logLevel: logLevel.NOTHING })
    admin = client.admin()
    producer = client.producer()
    await admin.connect()
    await producer.connect()
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        { topic, numPartitions: 2 },
        { topic: dlq, numPartitions: 1 }
      ]
    })
    config = loadConfig({
      env: {
        SVETOFOR_KAFKA_BROKERS: brokers.join(','),
        SVETOFOR_KAFKA_TOPICS: topic,
        SVETOFOR_KAFKA_DLQ_TOPIC: dlq
      },
      readFile: () => {
        throw new Error('no file is read')
      }
    })
    const sink = createDeadLetterSink({
      ...sourceOptions({ brokers, groupId: 'none', topics: [topic], logger }),
      topic: dlq,
      metrics: null
    })
    await sink.send([
      reject(3),
      reject(3),
      reject(4, { reason: 'not_json', value: null, valueBytes: 0 }),
      reject(5, { valueBytes: 100_000 })
    ])
    await sink.close()
  }, 60_000)
  afterAll(async () => {
    await producer.disconnect()
    await admin.disconnect()
    await kafka?.stop()
  })

  it('are listed once each, by reason, and shown whole', async () => {
    await listDeadLetters({ ...query(), limit: 10 })
    expect(lines.at(-1)).toBe('3 dead letters: no_reading 2, not_json 1')
    expect(lines[0]).toContain(`${topic}:1:3  no_reading  ports: ifInErrors is "abc"`)
    await listDeadLetters({ ...query(), reason: 'not_json', limit: 10 })
    expect(lines).toHaveLength(2)
    await showDeadLetter(query(), `${topic}:1:3`)
    expect(lines.join('\n')).toMatch(/replay {4}possible\nkey {7}10\.0\.0\.1\nvalue {5}7 bytes\nvalue 3$/)
    await expect(showDeadLetter(query(), `${topic}:1:99`)).rejects.toThrow('no dead letter')
  }, 30_000)

  it('are sent again once, as they were, and marked; one that is cut is not', async () => {
    await replayCommand({ ...query(), reason: 'no_reading' }, [])
    expect(lines).toEqual([
      expect.stringMatching(/^not sent: .*:1:5: the letter holds a part only of its 100000 bytes/) as string,
      '1 records were sent to their topics again, each with the header svetofor.replayed.'
    ])
    await replayCommand(query(), [`${topic}:1:3`])
    expect(lines[0]).toMatch(/it was sent again at/)
    const found = await records()
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ partition: 1, timestampMs })
    expect(String(Buffer.from(found[0]?.key ?? []))).toBe('10.0.0.1')
    expect(String(Buffer.from(found[0]?.value ?? []))).toBe('value 3')
    await listDeadLetters({ ...query(), limit: 10 })
    expect(lines[0]).toMatch(/\(sent again\)$/)
  }, 60_000)
})
