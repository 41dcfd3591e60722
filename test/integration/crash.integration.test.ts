import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, startTestDaemon, waitUntil } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

// After a kill -9 the daemon judges what comes from then on within seconds, whatever the session time of its group.
const kafka = await startKafkaOrSkip()
const folder = mkdtempSync(join(tmpdir(), 'svetofor-crash-'))
const name = `crash_${process.pid}`

describe.skipIf(kafka === null)('a daemon that was killed', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'crash', logLevel: logLevel.NOTHING })
  let admin: Admin
  let producer: Producer
  let clickhouse: TestClickHouse

  beforeAll(async () => {
    clickhouse = await startTestClickHouse()
    admin = client.admin()
    producer = client.producer()
    await admin.connect()
    await producer.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: name, numPartitions: 2 }] })
    writeFileSync(
      join(folder, 'inventory.yaml'),
      `nodes:
  - { id: core, tier: core, name: ЦУ, parents: [] }
  - { id: ku-1, tier: campus, name: КУ 1, parents: [core] }
devices:
  - { id: sw-1, node: ku-1, role: switch, identifiers: [10.0.0.1], ports: [{ instance: '25', role: uplink, peer: core }] }
`
    )
  }, 60_000)
  afterAll(async () => {
    await producer.disconnect()
    await admin.disconnect()
    await clickhouse.stop()
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const report = (operStatus: number): Promise<unknown> =>
    producer.send({
      topic: name,
      messages: [
        {
          key: '10.0.0.1',
          value: JSON.stringify({
            fields: { ifAdminStatus: 1, ifOperStatus: operStatus },
            name: 'interface',
            tags: { source: '10.0.0.1', ifIndex: '25' },
            timestamp: Math.floor(Date.now() / 1000)
          })
        }
      ]
    })
  const start = () =>
    startTestDaemon({
      configFile: join(folder, 'svetofor.json'),
      config: {
        // Each start of a test takes another port, so the name is given here.
        kafka: {
          brokers,
          topics: [name],
          group_id: name,
          group_instance_id: 'daemon-1',
          session_timeout_ms: 45_000
        },
        clickhouse: { url: clickhouse.url, database: name },
        inventory: { files: [join(folder, 'inventory.yaml')] },
        workers: { threads: 0 }
      }
    })
  const light = async (url: string): Promise<string> =>
    (await getJson<{ effective: string }>(`${url}/api/v1/nodes/ku-1`)).effective

  it('judges the first new reading within 10 s of its restart', async () => {
    const before = await start()
    await report(1)
    await waitUntil(
      'green',
      () => light(before.url),
      found => found === 'green',
      20_000
    )
    await before.kill9()
    await report(2)
    const startedMs = Date.now()
    const after = await start()
    try {
      await waitUntil(
        'red',
        () => light(after.url),
        found => found === 'red',
        20_000,
        20
      )
      expect(Date.now() - startedMs).toBeLessThan(10_000)
    } finally {
      await after.stop()
    }
  }, 120_000)
})
