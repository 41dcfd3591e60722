import { pino } from 'pino'
import { createClickHouseClient } from '../ingest/clickhouse/client.ts'
import { asError } from '../ingest/errors.ts'
import { createCluster } from '../ingest/kafka/cluster.ts'
import type { Config } from '../schemas/config/reading.ts'
import { connectAlertmanager } from './alerting/alertmanager.ts'
import { kafkaSettings } from './delivery/kafka-settings.ts'

const requestMsMax = 10_000

/**
 * `svetofor check --online`: asks each server of the configuration whether it is there and lets us in, and Kafka for the topics. Prints a
 * line for each; gives the number of those that are not as they should be. Nothing is written anywhere.
 */
export async function checkServers(config: Config, print: (line: string) => void): Promise<number> {
  const kafka = `Kafka at ${config.kafka.brokers.join(',')}`
  const clickhouse = `ClickHouse at ${config.clickhouse.url}`
  const checks = [
    attempt(kafka, () => checkKafka(config)),
    attempt(clickhouse, () => checkClickHouse(config)),
    ...config.alertmanager.urls.map(url => attempt(`Alertmanager at ${url}`, () => checkAlertmanager(url)))
  ]
  const results = await Promise.all(checks)
  for (const { line } of results) print(line)
  return results.filter(({ isWell }) => !isWell).length
}

async function attempt(
  server: string,
  check: () => Promise<string>
): Promise<{ readonly line: string; readonly isWell: boolean }> {
  try {
    return { line: `${server}: ${await check()}.`, isWell: true }
  } catch (error) {
    const { message, cause } = asError(error)
    const why = cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message
    return { line: `error: ${server}: ${why.replace(/[.\s]+$/, '')}.`, isWell: false }
  }
}

async function checkKafka(config: Config): Promise<string> {
  const { topics, dlq_topic } = config.kafka
  const cluster = createCluster(kafkaSettings(config, pino({ enabled: false }), null))
  try {
    await cluster.refresh([...topics, dlq_topic])
    const missing = topics.filter(topic => cluster.topic(topic) === undefined)
    if (missing.length > 0)
      throw new Error(
        `it has no topic ${missing.join(', ')}, or this user may not read it; make it, or correct kafka.topics`
      )
    const partitions = topics.reduce((sum, topic) => sum + (cluster.topic(topic)?.partitions.length ?? 0), 0)
    const deadLetters =
      cluster.topic(dlq_topic) === undefined
        ? `; ${dlq_topic} is not there yet, and is made at the start`
        : ''
    return `${topics.join(', ')} with ${partitions} partitions${deadLetters}`
  } finally {
    cluster.close()
  }
}

async function checkClickHouse(config: Config): Promise<string> {
  const { url, username, password, database } = config.clickhouse
  const client = createClickHouseClient({ url, username, password, requestTimeoutMs: requestMsMax })
  try {
    const result = await client.query({
      query:
        'SELECT version() AS version, countIf(name = {database:String}) AS databases FROM system.databases',
      query_params: { database },
      format: 'JSONEachRow'
    })
    const [row] = await result.json<{ version: string; databases: string | number }>()
    const isThere = Number(row?.databases ?? 0) > 0
    return `version ${row?.version ?? 'unknown'}, database ${database}${isThere ? '' : ' is not there yet, and is made at the start'}`
  } finally {
    await client.close()
  }
}

async function checkAlertmanager(url: string): Promise<string> {
  await connectAlertmanager(url, AbortSignal.timeout(requestMsMax)).held()
  return 'answers'
}
