import { setTimeout as delay } from 'node:timers/promises'
import { migrate } from '../../ingest/clickhouse/migrate.ts'
import { cpuUsOf, peakRssMib, type ProcessFigures } from '../support/process.ts'
import type { BenchClickHouse } from '../support/stage.ts'

/** What the peer stores: rows of a plain MergeTree table, or the very rows that the daemon stores in its table of samples. */
export type KafkaEngineTable = 'plain' | 'samples'

export interface KafkaEngineRun {
  readonly clickhouse: BenchClickHouse
  readonly table: KafkaEngineTable
  readonly broker: string
  readonly topic: string
  readonly records: number
  /** Numeric fields of all records. */
  readonly numbers: number
  readonly timeoutMs: number
}

const device = `multiIf(tags['source'] != '', tags['source'], tags['agent_host'] != '', tags['agent_host'], tags['ups_name'])`
const instance = `multiIf(tags['index'] != '', tags['index'], tags['ifIndex'])`
const eachNumber = `ARRAY JOIN mapKeys(fields) AS field, arrayMap(x -> toFloat64OrNull(x), mapValues(fields)) AS number
  WHERE number IS NOT NULL`

/** The daemon's rows by ClickHouse's own means: the id of workers/learning/series-id.ts, digits and scale of migration 0001, coordinates. */
const samplesOf = (queue: string): string => `
  SELECT
    bitOr(
      bitAnd(xxHash64(device), 0xffff000000000000),
      bitXor(bitAnd(xxHash64(concat(device, '\\0', instance)), 0xffffffffffff), bitAnd(xxHash64(field), 0xffff))
    ) AS series,
    toDateTime64(timestamp, 3, 'UTC') AS time,
    multiIf(
      raw = trunc(raw) AND abs(raw) < 9e15, 0,
      NOT abs(raw) < 9e11, 255,
      round(raw * 10) / 10 = raw, 1,
      round(raw * 100) / 100 = raw, 2,
      round(raw * 10000) / 10000 = raw, 4,
      255) AS scale,
    if(scale = 255, reinterpretAsInt64(raw),
      toInt64(if(scale = 255, 0., round(raw * transform(scale, [1, 2, 4], [10., 100., 10000.], 1.))))) AS digits,
    topic, partition, offset, stored_on
  FROM (
    SELECT ${device} AS device, ${instance} AS instance, field, assumeNotNull(number) AS raw, timestamp,
      _topic AS topic, toInt32(_partition) AS partition, _offset AS offset, today() AS stored_on
    FROM ${queue} ${eachNumber}
  )`

const plainOf = (queue: string): string => `
  SELECT name AS measurement, ${device} AS device, ${instance} AS instance,
    field, toDateTime(timestamp) AS time, assumeNotNull(number) AS value
  FROM ${queue} ${eachNumber}`

/**
 * ClickHouse's own Kafka engine: JSONEachRow with Maps, every numeric field a row. The CPU is that of the whole engine,
 * because there it is one program that reads and stores.
 */
export async function runClickHouseKafka(run: KafkaEngineRun): Promise<ProcessFigures> {
  const { clickhouse, table, broker, topic, records, numbers, timeoutMs } = run
  const { client } = clickhouse
  const database = `kafka_engine_${table}_${Date.now()}`
  const queue = `${database}.queue`
  const command = (query: string): Promise<unknown> => client.command({ query })
  if (table === 'samples')
    await migrate(client, { database, retentionDays: 365, rollupRetentionDays: 365, eventRetentionDays: 730 })
  else await command(`CREATE DATABASE ${database}`)
  try {
    if (table === 'plain')
      await command(`
        CREATE TABLE ${database}.samples (
          measurement LowCardinality(String), device String, instance String, field LowCardinality(String),
          time DateTime, value Float64
        ) ENGINE = MergeTree ORDER BY (measurement, device, instance, field, time)`)
    await command(`
      CREATE TABLE ${queue} (
        fields Map(String, String), name String, tags Map(String, String), timestamp UInt32
      ) ENGINE = Kafka SETTINGS kafka_broker_list = '${broker}', kafka_topic_list = '${topic}',
        kafka_group_name = '${database}', kafka_format = 'JSONEachRow', kafka_num_consumers = 2,
        kafka_thread_per_consumer = 1`)
    const pid = clickhouse.engine.pid()
    const before = cpuUsOf(pid)
    const startedMs = performance.now()
    const select = table === 'samples' ? samplesOf(queue) : plainOf(queue)
    await command(`CREATE MATERIALIZED VIEW ${database}.flatten TO ${database}.samples AS ${select}`)
    for (;;) {
      const stored = await clickhouse.number(`SELECT count() FROM ${database}.samples`)
      if (stored >= numbers) break
      if (performance.now() - startedMs > timeoutMs)
        throw new Error(`ClickHouse's Kafka engine stored ${stored} of ${numbers} rows in ${timeoutMs} ms`)
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
