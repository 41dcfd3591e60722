import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkServers } from '../../daemon/check-servers.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { alertmanagerProgram, startAlertmanager, type RunningAlertmanager } from '../support/alertmanager.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'
import { freePort } from '../support/server-process.ts'

/** `svetofor check --online`, with real servers. */
const kafka = await startKafkaOrSkip()

describe.skipIf(kafka === null || alertmanagerProgram() === undefined)('servers that are asked', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const topic = `asked-${process.pid}`
  let clickhouse: TestClickHouse
  let alertmanager: RunningAlertmanager

  const check = async (more: Record<string, string> = {}): Promise<{ wrong: number; lines: string[] }> => {
    const lines: string[] = []
    const config = loadConfig({
      env: {
        SVETOFOR_KAFKA_BROKERS: brokers.join(','),
        SVETOFOR_KAFKA_TOPICS: topic,
        SVETOFOR_CLICKHOUSE_URL: clickhouse.url,
        SVETOFOR_ALERTMANAGER_URLS: alertmanager.url,
        ...more
      },
      readFile: () => {
        throw new Error('no file is read')
      }
    })
    return { wrong: await checkServers(config, line => void lines.push(line)), lines }
  }

  beforeAll(async () => {
    clickhouse = await startTestClickHouse()
    alertmanager = await startAlertmanager()
    const admin = new Kafka({
      brokers: [...brokers],
      clientId: 'asked',
      logLevel: logLevel.NOTHING
    }).admin()
    await admin.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 3 }] })
    await admin.disconnect()
  })
  afterAll(async () => {
    await Promise.allSettled([clickhouse?.stop(), alertmanager?.stop()])
  })

  it('are all there, and what a start would make is said', async () => {
    const { wrong, lines } = await check()
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^Kafka at .*: ${topic} with 3 partitions; .*dlq is not there yet, and is made at the start\\.$`
        )
      ),
      expect.stringMatching(/^ClickHouse at .*: version \d.*database svetofor is not there yet/),
      `Alertmanager at ${alertmanager.url}: answers.`
    ])
    expect(wrong).toBe(0)
  })

  it('are named where they are not there, each with why', async () => {
    const nobody = `127.0.0.1:${await freePort()}`
    const { wrong, lines } = await check({
      SVETOFOR_KAFKA_TOPICS: `${topic},other-${process.pid}`,
      SVETOFOR_CLICKHOUSE_URL: `http://${nobody}`,
      SVETOFOR_ALERTMANAGER_URLS: `http://${nobody}`
    })
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(`^error: Kafka at .*: it has no topic other-${process.pid}, .*kafka\\.topics`)
      ),
      expect.stringMatching(new RegExp(`^error: ClickHouse at http://${nobody}: .*ECONNREFUSED`)),
      expect.stringMatching(new RegExp(`^error: Alertmanager at http://${nobody}: .*ECONNREFUSED`))
    ])
    expect(wrong).toBe(3)
    const { lines: without } = await check({ SVETOFOR_KAFKA_BROKERS: nobody })
    expect(without[0]).toMatch(/^error: Kafka at .*: No broker of .* could be reached/)
  })
})
