import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, startTestDaemon, waitUntil } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'
import { heedsSignals, runProduct } from '../support/product.ts'

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

  const report = (operStatus: number, timeS = Math.floor(Date.now() / 1000)): Promise<unknown> =>
    producer.send({
      topic: name,
      messages: [
        {
          key: '10.0.0.1',
          value: JSON.stringify({
            fields: { ifAdminStatus: 1, ifOperStatus: operStatus },
            name: 'interface',
            tags: { source: '10.0.0.1', ifIndex: '25' },
            timestamp: timeS
          })
        }
      ]
    })
  const configFile = join(folder, 'svetofor.json')
  const start = () =>
    startTestDaemon({
      configFile,
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
  const stored = async (): Promise<number> => {
    const [row] = await clickhouse.rows<{ n: string }>(
      `SELECT count() AS n FROM ${name}.samples WHERE series != 0`
    )
    return Number(row?.n)
  }
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

  it('loses nothing, and stores nothing twice, by signals before it is ready', async () => {
    // Its configuration is that of the last start, its database has two records of two samples each.
    const before = await stored()
    expect(before).toBe(4)
    let sent = 0
    const fromS = Math.floor(Date.now() / 1000)
    for (const msBefore of [0, 100, 250, 400, 600, 900, 1300]) {
      await report(1 + (sent % 2), fromS + ++sent)
      const daemon = runProduct(['start', '--config', configFile])
      await heedsSignals(daemon.pid)
      daemon.signal('SIGHUP')
      await new Promise(resolve => setTimeout(resolve, msBefore))
      daemon.signal('SIGTERM')
      expect(await daemon.ended(30_000)).toEqual({ code: 0, signal: null })
    }
    const daemon = runProduct(['start', '--config', configFile])
    await heedsSignals(daemon.pid)
    daemon.signal('SIGHUP')
    await daemon.said('were loaded anew', 30_000)
    await waitUntil(
      'all samples',
      () => stored(),
      found => found >= before + 2 * sent,
      20_000
    )
    daemon.signal('SIGTERM')
    expect(await daemon.ended(30_000)).toEqual({ code: 0, signal: null })
    expect(await stored()).toBe(before + 2 * sent)
  }, 180_000)
})
