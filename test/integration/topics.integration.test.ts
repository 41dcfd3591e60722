import { Kafka, logLevel, type Admin } from 'kafkajs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { startTestDaemon, waitUntil, type TestDaemon } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

// A topic that is deleted and made again keeps its name, and nothing else: all of it is read, and it is said.
const kafka = await startKafkaOrSkip()
const folder = mkdtempSync(join(tmpdir(), 'svetofor-topics-'))
const baseS = Math.floor(Date.now() / 1000) - 86_400

describe.skipIf(kafka === null)('a topic that is deleted and made again', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'topics', logLevel: logLevel.NOTHING })
  let admin: Admin
  let clickhouse: TestClickHouse
  let counter = 0
  let sent = 0

  beforeAll(async () => {
    clickhouse = await startTestClickHouse()
    admin = client.admin()
    await admin.connect()
    writeFileSync(
      join(folder, 'inventory.yaml'),
      'nodes: [{ id: core, tier: core, name: ЦУ, parents: [] }]\n' +
        'devices: [{ id: sw-1, node: core, role: switch, identifiers: [10.0.0.1] }]\n'
    )
  })

  afterAll(async () => {
    await admin.disconnect()
    await clickhouse.stop()
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const make = async (topic: string, numPartitions = 1): Promise<void> => {
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions }] })
  }
  const remake = async (topic: string, numPartitions = 1): Promise<void> => {
    await admin.deleteTopics({ topics: [topic] })
    await waitUntil(
      'the topic to be gone',
      () => admin.listTopics(),
      topics => !topics.includes(topic),
      20_000
    )
    await make(topic, numPartitions)
  }
  /** Each sample has a second of its own. */
  const send = async (topic: string, count: number, partition = 0): Promise<void> => {
    const messages = Array.from({ length: count }, () => ({
      partition,
      key: '10.0.0.1',
      value: JSON.stringify({
        fields: { ifOperStatus: 1 },
        name: 'interface',
        tags: { source: '10.0.0.1', ifIndex: '25' },
        timestamp: baseS + sent++
      })
    }))
    // A new producer each time: one that knew the topic before would go by what it knew.
    const producer = client.producer()
    await producer.connect()
    await producer.send({ topic, messages })
    await producer.disconnect()
  }

  interface Setup {
    readonly topic: string
    start(): Promise<TestDaemon>
    stored(): Promise<number>
  }
  const setUp = async (source: string): Promise<Setup> => {
    const name = `remade_${process.pid}_${++counter}`
    await make(name)
    const client = createClickHouseClient({ url: clickhouse.url, database: name })
    return {
      topic: name,
      start: () =>
        startTestDaemon({
          configFile: join(folder, name, 'svetofor.json'),
          config: {
            kafka: { brokers, topics: [name], group_id: name, source, session_timeout_ms: 6000 },
            ingest: { drain_ms_max: 4000 },
            clickhouse: { url: clickhouse.url, database: name },
            inventory: { files: [join(folder, 'inventory.yaml')] },
            workers: { threads: 0 }
          }
        }),
      async stored() {
        const result = await client.query({
          query:
            'SELECT toUInt32(count()) AS n, toUInt32(uniqExact(time)) AS times FROM samples WHERE series != 0',
          format: 'JSONEachRow'
        })
        const [row] = await result.json<{ n: number; times: number }>()
        if (row === undefined || row.n !== row.times) throw new Error(`twice: ${JSON.stringify(row)}`)
        return row.n
      }
    }
  }
  const storedAll = (setup: Setup, count: number): Promise<number> =>
    waitUntil(
      `${count} samples`,
      () => setup.stored(),
      n => n === count,
      40_000
    )

  it.each([
    { kind: 'batch', what: 'longer', count: 800 },
    { kind: 'batch', what: 'shorter', count: 200 },
    { kind: 'kafkajs', what: 'longer', count: 800 },
    { kind: 'node-rdkafka', what: 'shorter', count: 200 }
  ])(
    'is read by $kind from its beginning when it is $what, and the log says so',
    async ({ kind, count }) => {
      const setup = await setUp(kind)
      await send(setup.topic, 500)
      const before = await setup.start()
      await storedAll(setup, 500)
      await before.stop()
      await remake(setup.topic)
      await send(setup.topic, count)
      const after = await setup.start()
      try {
        await storedAll(setup, 500 + count)
        expect(after.log()).toContain('was deleted and made again')
        const metrics = await (await fetch(`${after.url}/metrics`)).text()
        expect(metrics).toContain('svetofor_source_recreated_topics_total 1')
      } finally {
        await after.stop()
      }
    },
    240_000
  )

  it('is noticed while the daemon runs, with more or fewer partitions too', async () => {
    const setup = await setUp('batch')
    await send(setup.topic, 500)
    const daemon = await setup.start()
    try {
      await storedAll(setup, 500)
      await remake(setup.topic, 3)
      await send(setup.topic, 300, 0)
      await send(setup.topic, 300, 2)
      await storedAll(setup, 1100)
      await remake(setup.topic)
      await send(setup.topic, 100)
      await storedAll(setup, 1200)
      expect(daemon.log().split('was deleted and made again').length - 1).toBe(2)
    } finally {
      await daemon.stop()
    }
    // The position is that of the newest topic from then on.
    await send(setup.topic, 10)
    const again = await setup.start()
    await storedAll(setup, 1210)
    await again.stop()
    expect(again.log()).not.toContain('was deleted and made again')
  }, 240_000)
})
