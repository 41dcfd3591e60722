import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeInventory } from '../../embedded/simulator/command.ts'
import type { DeadLetter } from '../../ingest/dead-letters.ts'
import type { AlarmJson } from '../../status/http/api-schemas.ts'
import type { City } from '../../embedded/simulator/city.ts'
import { cityOfDevices, createCityPlayer, type CityPlayer } from '../support/city-player.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, startTestDaemon, waitUntil, type TestDaemon } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'
import { createLedger, type Ledger } from '../support/ledger.ts'
import { createTopic } from '../support/producer.ts'
import { expectedNow, expectStoredOnce, type Expected } from '../support/stored-samples.ts'

/**
 * What a night may bring, while a city goes on talking: unreadable records, the daemon killed, the database killed, the
 * broker killed. After each, every sample is in ClickHouse exactly once.
 */
const seed = 11
const ratePerS = 1000
const historyMs = 60_000
const partitions = 6
const topic = 'telemetry'
const database = 'svetofor'
const storedMsMax = 90_000

const kafka = await startKafkaOrSkip({ heapMiB: 400, own: true })

describe.skipIf(kafka === null)('faults of the parts', () => {
  let folder = ''
  let broker: RunningKafka
  let clickhouse: TestClickHouse
  let daemon: TestDaemon
  let city: City
  let ledger: Ledger
  let player: CityPlayer

  const start = (): Promise<TestDaemon> =>
    startTestDaemon({
      configFile: join(folder, 'svetofor.yaml'),
      config: {
        kafka: {
          brokers: broker.brokers,
          topics: [topic],
          fetch_wait_ms_max: 50,
          fetch_partition_bytes_max: 65_536,
          session_timeout_ms: 6000
        },
        clickhouse: { url: clickhouse.url, database, flush_ms_max: 100, request_timeout_ms: 10_000 },
        inventory: { files: [join(folder, 'inventory.ndjson')] },
        workers: { task_bytes_max: 262_144 },
        staleness: { default_interval_s: 5, grace_s: 20 },
        log: { level: 'warn' }
      }
    })
  const expected = (): Promise<Expected> => player.atRest(playedMs => expectedNow(ledger, playedMs))
  const stored = async (): Promise<number> => {
    const [row] = await clickhouse.rows<{ n: string }>(
      `SELECT count() AS n FROM ${database}.samples WHERE series != 0`
    )
    return Number(row?.n)
  }

  beforeAll(async () => {
    broker = kafka!
    folder = await mkdtemp(join(tmpdir(), 'svetofor-faults-'))
    city = cityOfDevices(500, ratePerS, seed)
    await writeInventory(join(folder, 'inventory.ndjson'), city)
    ;[clickhouse, ledger] = await Promise.all([
      startTestClickHouse(),
      createLedger(),
      createTopic(broker.brokers, topic, partitions)
    ])
    const nowMs = Date.now()
    player = await createCityPlayer({
      city,
      seed,
      startMs: nowMs - historyMs,
      brokers: broker.brokers,
      topic,
      ledger
    })
    await player.playTo(nowMs)
    player.goLive()
  })

  afterAll(async () => {
    await player?.stop().catch(() => undefined)
    await daemon?.stop().catch(() => undefined)
    await Promise.allSettled([clickhouse?.stop(), broker?.stop()])
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  })

  it('goes on where it was when it is killed in the middle of a backlog and of a fault', async () => {
    const samples = (await expected()).samples
    daemon = await start()
    await waitUntil('some of the backlog to be stored', stored, count => count > 0, 30_000, 10)
    await daemon.kill9()
    expect(await stored(), 'killed while there was more to store').toBeLessThan(samples)

    daemon = await start()
    const building = city.nodes.filter(({ tier }) => tier === 'building')[20]!
    const forMs = 20_000
    expect(
      player.simulation.inject({
        fault: 'fibre_cut',
        place: { id: building.id },
        forMs,
        batteryMs: 0,
        lossDb: 1,
        rampMs: 0,
        allWays: true
      })
    ).toBe(true)
    const open = async (): Promise<readonly AlarmJson[]> =>
      (await getJson<{ items: AlarmJson[] }>(`${daemon.url}/api/v1/alarms?open=true&node=${building.id}`))
        .items
    await waitUntil('the alarm of the cut', open, items => items.length === 1, 30_000, 20)
    await daemon.kill9()
    daemon = await start()
    const [alarm] = await waitUntil('the alarm after the restart', open, items => items.length === 1, 30_000)
    expect(alarm).toMatchObject({ type: 'link.down', node: building.id })
    await expectStoredOnce(clickhouse, database, await expected(), storedMsMax)
    await waitUntil('the alarm to clear', open, items => items.length === 0, forMs + 90_000)
    const transitions = (): Promise<{ change: string; n: string }[]> =>
      clickhouse.rows(
        `SELECT change, count() AS n FROM ${database}.alarms FINAL WHERE node = {node:String}
         GROUP BY change ORDER BY change`,
        { node: building.id }
      )
    const told = await waitUntil('the clear to be stored', transitions, rows => rows.length === 2, 10_000)
    expect(told.map(({ change, n }) => ({ change, n: Number(n) }))).toEqual([
      { change: 'cleared', n: 1 },
      { change: 'raised', n: 1 }
    ])
  })

  it('puts unreadable records aside with their reason and place, and stores their neighbours', async () => {
    const client = new Kafka({ brokers: [...broker.brokers], logLevel: logLevel.NOTHING })
    const producer = client.producer()
    await producer.connect()
    const nowS = Math.floor(Date.now() / 1000)
    const metric = (tags: Record<string, string>, timestamp: unknown): string =>
      JSON.stringify({ fields: { ifOperStatus: 1 }, name: 'interface', tags, timestamp })
    const bad: { reason: string; value: Buffer; partition: number }[] = [
      { reason: 'not_json', value: Buffer.from('no json at all') },
      { reason: 'not_json', value: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]) },
      { reason: 'not_json', value: Buffer.from('{"fields":{"a":1},"name":"cut off') },
      { reason: 'wrong_shape', value: Buffer.from('[1, 2, 3]') },
      { reason: 'no_device', value: Buffer.from(metric({ ifIndex: '1' }, nowS)) },
      { reason: 'bad_time', value: Buffer.from(metric({ agent_host: '10.0.0.1', ifIndex: '1' }, 12)) },
      { reason: 'too_deep', value: Buffer.from('['.repeat(5000) + ']'.repeat(5000)) },
      { reason: 'too_deep', value: Buffer.from(`{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`) }
    ].map((one, i) => ({ ...one, partition: i % partitions }))
    const sent = new Map<string, string>()
    for (const { value, partition, reason } of bad) {
      const [ack] = await producer.send({ topic, messages: [{ key: 'garbage', value, partition }] })
      sent.set(`${topic}:${partition}:${ack?.baseOffset ?? ''}`, reason)
    }
    await producer.disconnect()

    const consumer = client.consumer({ groupId: 'test-of-dead-letters' })
    await consumer.connect()
    const letters = new Map<string, DeadLetter>()
    await waitUntil(
      'the dead-letter topic',
      () => consumer.subscribe({ topic: 'svetofor.dlq', fromBeginning: true }).then(() => true),
      Boolean,
      20_000
    )
    await consumer.run({
      eachMessage({ message }) {
        letters.set(message.key?.toString() ?? '', JSON.parse(message.value?.toString() ?? '') as DeadLetter)
        return Promise.resolve()
      }
    })
    await waitUntil(
      'all dead letters',
      () => Promise.resolve(letters.size),
      size => size >= sent.size,
      30_000
    )
    await consumer.disconnect()
    expect(new Map([...letters].map(([key, { reason }]) => [key, reason]))).toEqual(sent)
    for (const [key, letter] of letters)
      expect(key).toBe(`${letter.topic}:${letter.partition}:${letter.offset}`)
    await expectStoredOnce(clickhouse, database, await expected(), storedMsMax)
  })

  it('stores everything once when the database is killed during inserts', async () => {
    const restarts = clickhouse.engine.restarts()
    for (let round = 1; round <= 2; round++) {
      const before = await waitUntil('the engine', stored, count => count > 0, 60_000)
      await waitUntil('inserts to go on', stored, count => count > before, 60_000, 10)
      const pid = clickhouse.engine.pid()
      expect(pid).toBeDefined()
      process.kill(pid!, 'SIGKILL')
      await waitUntil(
        'the engine to be back',
        () => Promise.resolve(clickhouse.engine.restarts()),
        count => count >= restarts + round,
        60_000
      )
    }
    await expectStoredOnce(clickhouse, database, await expected(), storedMsMax)
    await waitUntil(
      'the daemon to be ready again',
      () => fetch(`${daemon.url}/health/ready`).then(answer => answer.status),
      status => status === 200,
      30_000
    )
  })

  it('goes on by itself when the broker is killed and comes back', async () => {
    expect(broker.kill9).not.toBeNull()
    await broker.kill9?.()
    await waitUntil(
      'the daemon to say that Kafka is gone',
      () => fetch(`${daemon.url}/health/ready`).then(answer => answer.text()),
      text => /"kafka":\{"ok":false/.test(text),
      30_000
    )
    await broker.restart?.()
    await waitUntil(
      'the daemon to be ready again',
      () => fetch(`${daemon.url}/health/ready`).then(answer => answer.status),
      status => status === 200,
      60_000
    )
    await expectStoredOnce(clickhouse, database, await expected(), storedMsMax)
    // One daemon lived through the night since it was killed itself.
    process.kill(daemon.pid, 0)
  })

  it('has everything once in the end', async () => {
    await player.stop()
    await expectStoredOnce(clickhouse, database, expectedNow(ledger, Date.now()), storedMsMax)
  })
})
