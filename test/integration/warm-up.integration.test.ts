import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { sourceKinds } from '../../ingest/sources.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, startTestDaemon, waitUntil } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

// What no state tells of goes on over a kill -9 all the same: the stretch of log before the stored position is judged again.
const kafka = await startKafkaOrSkip()
const folder = mkdtempSync(join(tmpdir(), 'svetofor-warm-up-'))

const inventory = `nodes:
  - { id: core, tier: core, name: ЦУ, parents: [] }
  - { id: ku-1, tier: campus, name: КУ 1, parents: [core] }
devices:
  - { id: ups-1, node: ku-1, role: ups, identifiers: [10.0.0.1] }
  - { id: ups-2, node: ku-1, role: ups, identifiers: [10.0.0.2] }
  - { id: sw-1, node: ku-1, role: switch, identifiers: [10.0.0.3] }
`
const rules = `rules:
  - name: ups.charge_low
    kind: power
    scope: device
    select: { signal: ups.charge_pct }
    levels:
      - { severity: critical, below: 20, clear: 25 }
    hold: { raise_samples: 3, clear_samples: 3 }
    text: { ru: Заряд мал, en: Charge is low }
  - name: port.errors
    kind: link
    severity: warning
    select: { signal: if.in_errors }
    rate: per_second
    above: 1 /s
    hold: { raise_samples: 2 }
    text: { ru: Ошибки, en: Errors }
  - name: optics.fallen
    kind: optics
    severity: warning
    select: { signal: optics.rx_dbm }
    change: step
    baseline: 6h
    learn: 1h
    below: -3 dB
    hysteresis: 1 dB
    text: { ru: 'Упал на {value}', en: 'Fell by {value}' }
`
interface OpenAlarm {
  readonly type: string
  readonly device: string
  readonly raisedAt: string
}

describe.skipIf(kafka === null)('after a kill -9', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'warm-up', logLevel: logLevel.NOTHING })
  let admin: Admin
  let producer: Producer
  let clickhouse: TestClickHouse

  beforeAll(async () => {
    clickhouse = await startTestClickHouse()
    admin = client.admin()
    producer = client.producer()
    await admin.connect()
    await producer.connect()
    writeFileSync(join(folder, 'inventory.yaml'), inventory)
    writeFileSync(join(folder, 'rules.yaml'), rules)
  }, 60_000)
  afterAll(async () => {
    await producer.disconnect()
    await admin.disconnect()
    await clickhouse.stop()
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A topic, a database and a group of its own, and the daemon over them. */
  async function scene(
    name: string,
    more: { readonly source?: string; readonly staleness?: object; readonly ingest?: object } = {}
  ) {
    const unique = `${name.replaceAll('-', '_')}_${process.pid}`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: unique, numPartitions: 1 }] })
    let sent = 0
    const send = async (key: string, value: object): Promise<void> => {
      sent++
      await producer.send({ topic: unique, messages: [{ key, value: JSON.stringify(value) }] })
    }
    const firstS = Math.floor(Date.now() / 1000) - 600
    const firstMs = Date.now() - 12 * 3_600_000
    return {
      start: () =>
        startTestDaemon({
          configFile: join(folder, `${unique}.json`),
          config: {
            kafka: {
              brokers,
              topics: [unique],
              group_id: unique,
              group_instance_id: more.source === 'kafkajs' ? 'none' : 'daemon-1',
              session_timeout_ms: 6_000,
              ...(more.source === undefined ? {} : { source: more.source })
            },
            ingest: { drain_ms_max: 2_000, ...more.ingest },
            clickhouse: { url: clickhouse.url, database: unique },
            inventory: { files: [join(folder, 'inventory.yaml')] },
            rules: { shipped: false, files: [join(folder, 'rules.yaml')] },
            workers: { threads: 0 },
            ...(more.staleness === undefined ? {} : { staleness: more.staleness })
          }
        }),
      report: async (device: number, chargePct: number): Promise<void> => {
        await send(String(device), {
          fields: { upsEstimatedChargeRemaining: chargePct },
          name: 'ups',
          tags: { source: `10.0.0.${device}` },
          timestamp: Date.now()
        })
        // Each of a device has a time of its own.
        await new Promise(resolve => setTimeout(resolve, 5))
      },
      /** Errors that a port has counted, so many seconds after the first time. */
      count: (errors: number, afterS: number): Promise<void> =>
        send('3', {
          fields: { ifInErrors: errors },
          name: 'interface',
          tags: { agent_host: '10.0.0.3', ifIndex: '1' },
          timestamp: firstS + afterS
        }),
      /** A level, so many minutes after the first one. */
      level: (rxDbm: number, afterMin: number): Promise<void> =>
        send('4', {
          device: '10.0.0.3',
          identifiers: ['10.0.0.3'],
          instance: '1',
          collector: 'col',
          timeMs: firstMs + afterMin * 60_000,
          signals: { 'optics.rx_dbm': rxDbm }
        }),
      /** What was sent by now is stored, once. */
      stored: async (): Promise<void> => {
        const wanted = sent
        const own = createClickHouseClient({ url: clickhouse.url })
        const count = async (): Promise<number> => {
          const answer = await own.query({
            query: `SELECT count() AS samples FROM ${unique}.samples WHERE series != 0`,
            format: 'JSONEachRow'
          })
          return Number((await answer.json<{ samples: string }>())[0]?.samples)
        }
        await waitUntil('all samples', count, samples => samples >= wanted && samples <= sent, 20_000)
        await own.close()
      }
    }
  }

  const alarms = async (url: string): Promise<readonly OpenAlarm[]> =>
    (await getJson<{ items: OpenAlarm[] }>(`${url}/api/v1/alarms?open=true`)).items
  const typesOf = async (url: string, device: string): Promise<string> =>
    (await alarms(url)).flatMap(alarm => (alarm.device === device ? alarm.type : [])).join()
  const types = (url: string): Promise<string> => typesOf(url, 'ups-1')

  for (const source of sourceKinds) {
    it(`a count of samples goes on where it was, towards raising and towards clearing, and a rate from its counter (${source})`, async () => {
      const { start, report, count, stored } = await scene(`count-${source}`, { source })
      const first = await start()
      for (const charge of [90, 10, 10]) await report(1, charge)
      await count(0, 0)
      await count(600, 60)
      await stored()
      expect(await types(first.url)).toBe('')
      await first.kill9()

      const second = await start()
      await report(1, 10)
      await waitUntil(
        'the third of three bad samples',
        () => types(second.url),
        found => found === 'ups.charge_low',
        15_000
      )
      // Ten a second for the second time in a row, since the last sample of the daemon that was killed.
      await count(1200, 120)
      await waitUntil(
        'the second of two rates',
        () => typesOf(second.url, 'sw-1'),
        found => found === 'port.errors',
        15_000
      )
      for (const charge of [90, 90]) await report(1, charge)
      await stored()
      await second.kill9()

      const third = await start()
      try {
        expect(await types(third.url)).toBe('ups.charge_low')
        await report(1, 90)
        await waitUntil(
          'the third of three good samples',
          () => types(third.url),
          found => found === '',
          15_000
        )
        await stored()
        expect(third.log()).toContain('was judged again')
      } finally {
        await third.stop()
      }
    }, 180_000)
  }

  it('what is usual for a series is known: from the log that is judged again', async () => {
    const { start, level, stored } = await scene('log-baseline')
    const first = await start()
    for (let min = 0; min < 150; min += 5) await level(-12, min)
    await stored()
    await first.kill9()
    const second = await start()
    try {
      for (let min = 150; min < 180; min += 5) await level(-17, min)
      await waitUntil(
        'the step',
        () => typesOf(second.url, 'sw-1'),
        found => found === 'optics.fallen',
        15_000
      )
    } finally {
      await stored()
      await second.stop()
    }
  }, 120_000)

  it('what is usual for a series is known: from where it was stored, without the log, and over a second stop', async () => {
    const { start, level, stored } = await scene('stored-baseline', { ingest: { warm_up_s_max: 0 } })
    const first = await start()
    for (let min = 0; min < 150; min += 5) await level(-12, min)
    await stored()
    await first.stop()
    const second = await start()
    for (let min = 150; min < 180; min += 5) await level(-17, min)
    await waitUntil(
      'the step',
      () => typesOf(second.url, 'sw-1'),
      found => found === 'optics.fallen',
      15_000
    )
    await stored()
    await second.stop()
    const third = await start()
    try {
      // It stands, and has not become what is usual.
      for (let min = 180; min < 300; min += 5) await level(-17, min)
      await stored()
      expect(await typesOf(third.url, 'sw-1')).toBe('optics.fallen')
      for (let min = 300; min < 330; min += 5) await level(-12, min)
      await waitUntil(
        'the end of it',
        () => typesOf(third.url, 'sw-1'),
        found => found === '',
        15_000
      )
      await stored()
    } finally {
      await third.stop()
    }
  }, 180_000)

  it('a device that fell silent before is found silent when it would have been, without a grace', async () => {
    const { start, report, stored } = await scene('silence', {
      staleness: { default_interval_s: 6, factor: 1, grace_s: 300 }
    })
    const first = await start()
    let isReporting = true
    const reporting = (async () => {
      while (isReporting) {
        await report(1, 90)
        await new Promise(resolve => setTimeout(resolve, 500))
      }
    })()
    try {
      await report(2, 90)
      const lastMs = Date.now()
      await stored()
      await first.kill9()
      const second = await start()
      try {
        const found = await waitUntil(
          'the silence',
          () => alarms(second.url),
          open => open.some(({ device }) => device === 'ups-2'),
          30_000
        ).catch((error: unknown) => {
          throw new Error(`${String(error)}\n${second.log()}`)
        })
        expect(found.map(({ type, device }) => `${type} ${device}`)).toEqual(['device.silent ups-2'])
        // As of when it was heard last, by Kafka's time.
        expect(Math.abs(Date.parse(found[0]!.raisedAt) - lastMs)).toBeLessThan(3_000)
      } finally {
        isReporting = false
        await reporting
        await stored()
        await second.stop()
      }
    } finally {
      isReporting = false
      await reporting
    }
  }, 120_000)
})
