import { setTimeout as delay } from 'node:timers/promises'
import { cpuUsOf, peakRssMib, type ProcessFigures } from '../support/process.ts'
import type { BenchClickHouse } from '../support/stage.ts'

/**
 * ClickHouse's own Kafka engine: JSONEachRow with Maps, every numeric field a row of a plain MergeTree table. The CPU is
 * that of the whole engine, because there it is one program that reads and stores.
 */
export async function runClickHouseKafka(
  clickhouse: BenchClickHouse,
  broker: string,
  topic: string,
  records: number,
  samples: number,
  timeoutMs: number
): Promise<ProcessFigures> {
  const { client } = clickhouse
  const database = `kafka_engine_${Date.now()}`
  const command = (query: string): Promise<unknown> => client.command({ query })
  await command(`CREATE DATABASE ${database}`)
  try {
    await command(`
      CREATE TABLE ${database}.samples (
        measurement LowCardinality(String), device String, instance String, field LowCardinality(String),
        time DateTime, value Float64
      ) ENGINE = MergeTree ORDER BY (measurement, device, instance, field, time)`)
    await command(`
      CREATE TABLE ${database}.queue (
        fields Map(String, String), name String, tags Map(String, String), timestamp UInt32
      ) ENGINE = Kafka SETTINGS kafka_broker_list = '${broker}', kafka_topic_list = '${topic}',
        kafka_group_name = '${database}', kafka_format = 'JSONEachRow', kafka_num_consumers = 2,
        kafka_thread_per_consumer = 1`)
    const pid = clickhouse.engine.pid()
    const before = cpuUsOf(pid)
    const startedMs = performance.now()
    await command(`
      CREATE MATERIALIZED VIEW ${database}.flatten TO ${database}.samples AS
      SELECT name AS measurement,
        multiIf(tags['source'] != '', tags['source'], tags['agent_host'] != '', tags['agent_host'], tags['ups_name']) AS device,
        multiIf(tags['index'] != '', tags['index'], tags['ifIndex']) AS instance,
        field, toDateTime(timestamp) AS time, assumeNotNull(number) AS value
      FROM ${database}.queue
      ARRAY JOIN mapKeys(fields) AS field, arrayMap(x -> toFloat64OrNull(x), mapValues(fields)) AS number
      WHERE number IS NOT NULL`)
    for (;;) {
      const stored = await clickhouse.number(`SELECT count() FROM ${database}.samples`)
      if (stored >= samples) break
      if (performance.now() - startedMs > timeoutMs)
        throw new Error(`ClickHouse's Kafka engine stored ${stored} of ${samples} rows in ${timeoutMs} ms`)
      await delay(100)
    }
    return {
      records,
      cpuUs: cpuUsOf(pid) - before,
      wallMs: performance.now() - startedMs,
      peakRssMib: peakRssMib(pid ?? 0)
    }
  } finally {
    await command(`DROP DATABASE ${database} SYNC`)
  }
}
