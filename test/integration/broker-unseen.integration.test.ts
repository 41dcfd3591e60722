import { Kafka, logLevel, type Producer } from 'kafkajs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { startTestDaemon, waitUntil, type TestDaemon } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

// The broker was away and back while nobody looked: what a producer has kept still says that a hold did not last.
const kafka = await startKafkaOrSkip({ own: true })
const folder = mkdtempSync(join(tmpdir(), 'svetofor-broker-unseen-'))
const topic = 'telemetry'
const database = 'broker_unseen'
const holdMs = 6_000

const inventory = `nodes:
  - { id: core, tier: core, name: ЦУ, parents: [] }
  - { id: ku-1, tier: campus, name: КУ 1, parents: [core] }
devices:
  - { id: ups-1, node: ku-1, role: ups, identifiers: [10.0.0.1] }
  - { id: ups-2, node: ku-1, role: ups, identifiers: [10.0.0.2] }
`
const rules = `rules:
  - name: ups.on_battery
    kind: power
    severity: warning
    scope: device
    select: { signal: ups.output_source }
    in: [battery]
    hold: { raise_s: ${holdMs / 1000} }
    text: { ru: От батареи, en: On battery }
`
const mains = 3
const battery = 5

describe.skipIf(kafka === null)('a broker that was away while the daemon was', () => {
  const { brokers = [], kill9, restart } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'broker-unseen', logLevel: logLevel.NOTHING })
  let clickhouse: TestClickHouse
  let running: TestDaemon | undefined

  beforeAll(async () => {
    clickhouse = await startTestClickHouse()
    writeFileSync(join(folder, 'inventory.yaml'), inventory)
    writeFileSync(join(folder, 'rules.yaml'), rules)
    const admin = client.admin()
    await admin.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
    await admin.disconnect()
  }, 60_000)
  afterAll(async () => {
    await running?.kill9()
    await clickhouse.stop()
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const send = async (producer: Producer, device: number, source: number, timeMs: number): Promise<void> => {
    const value = JSON.stringify({
      fields: { upsOutputSource: source },
      name: 'ups',
      tags: { source: `10.0.0.${device}` },
      timestamp: timeMs
    })
    await producer.send({ topic, messages: [{ key: String(device), value, timestamp: String(timeMs) }] })
  }

  const connectProducer = async (): Promise<Producer> => {
    const producer = client.producer()
    await producer.connect()
    return producer
  }

  const rows = async <T>(query: string): Promise<T[]> => {
    const own = createClickHouseClient({ url: clickhouse.url })
    try {
      return await (await own.query({ query, format: 'JSONEachRow' })).json<T>()
    } finally {
      await own.close()
    }
  }
  const stored = (samples: number): Promise<unknown> =>
    waitUntil(
      `${samples} samples`,
      async () =>
        Number(
          (await rows<{ n: string }>(`SELECT count() AS n FROM ${database}.samples WHERE series != 0`))[0]?.n
        ),
      count => count === samples,
      20_000
    )

  const alarms = () =>
    rows<{ device: string; change: string; at: string }>(
      `SELECT device, change, toString(toUnixTimestamp64Milli(at)) AS at FROM ${database}.alarms`
    )

  const start = async () => {
    running = await startTestDaemon({
      configFile: join(folder, 'svetofor.json'),
      config: {
        kafka: {
          brokers,
          topics: [topic],
          group_id: 'broker-unseen',
          group_instance_id: 'daemon-1',
          session_timeout_ms: 6_000
        },
        clickhouse: { url: clickhouse.url, database },
        inventory: { files: [join(folder, 'inventory.yaml')] },
        rules: { shipped: false, files: [join(folder, 'rules.yaml')] },
        workers: { threads: 0 },
        staleness: { default_interval_s: 3600 }
      }
    })
    return running
  }

  it.skipIf(kill9 === null)(
    'does not make an alarm of what a late record takes back, and makes one of the rest in its true time',
    async () => {
      const before = await start()
      const early = await connectProducer()
      const atMs = Date.now()
      await send(early, 1, battery, atMs)
      await send(early, 2, battery, atMs)
      await stored(2)
      await before.kill9()
      expect(await alarms()).toEqual([])
      await early.disconnect()
      await kill9?.()
      await restart?.()

      await start()
      // Without the wait for producers the holds would end now.
      expect(Date.now()).toBeGreaterThan(atMs + holdMs)
      await delay(3_000)
      const late = await connectProducer()
      await send(late, 1, mains, atMs + 1_000)
      await stored(3)
      await late.disconnect()
      const raised = await waitUntil(
        'the alarm of the other device',
        alarms,
        found => found.length > 0,
        60_000
      )
      expect(raised).toEqual([{ device: 'ups-2', change: 'raised', at: String(atMs + holdMs) }])
    },
    150_000
  )
})
