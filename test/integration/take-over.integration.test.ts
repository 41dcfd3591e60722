import { Kafka, logLevel, type Admin, type Producer } from 'kafkajs'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { alertmanagerProgram, startAlertmanager, type RunningAlertmanager } from '../support/alertmanager.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { startTestDaemon, type TestDaemon } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'

// Two daemons, of which one stands by, a real Kafka, ClickHouse and Alertmanager: whoever is on call hears of each fault once and of its
// end once, whichever of the daemons told it.
const kafka = alertmanagerProgram() === undefined ? null : await startKafkaOrSkip()
const folder = mkdtempSync(join(tmpdir(), 'svetofor-take-over-'))
const name = `take_over_${process.pid}`

describe.skipIf(kafka === null)('alerts across a take-over', () => {
  const { brokers = [] } = (kafka ?? {}) as RunningKafka
  const client = new Kafka({ brokers: [...brokers], clientId: 'take-over', logLevel: logLevel.NOTHING })
  let admin: Admin
  let producer: Producer
  let clickhouse: TestClickHouse
  let alertmanager: RunningAlertmanager
  const daemons: TestDaemon[] = []

  beforeAll(async () => {
    ;[clickhouse, alertmanager] = await Promise.all([startTestClickHouse(), startAlertmanager()])
    admin = client.admin()
    producer = client.producer()
    await admin.connect()
    await producer.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: name, numPartitions: 2 }] })
    const campuses = [1, 2, 3].map(
      n => `  - { id: ku-${n}, tier: campus, name: КУ ${n}, parents: [core], subscribers: 10, devices: [
        { id: sw-${n}, role: switch, identifiers: [10.0.0.${n}], ports: [{ instance: '25', role: uplink, peer: core }] }] }`
    )
    writeFileSync(
      join(folder, 'inventory.yaml'),
      `nodes:\n  - { id: core, tier: core, name: ЦУ }\n${campuses.join('\n')}\n`
    )
    // A link counts as back a second after it is, for a test has no minute to wait.
    const shipped = readFileSync(join(packageRoot, 'rules', 'library', 'link.yaml'), 'utf8')
    const quick = shipped.replace('clear_s: 60, flap_s: 900', 'clear_s: 1')
    expect(quick).not.toBe(shipped)
    writeFileSync(join(folder, 'link.yaml'), quick)
  }, 60_000)
  afterAll(async () => {
    await Promise.all(daemons.map(daemon => daemon.kill9()))
    await producer.disconnect()
    await admin.disconnect()
    await alertmanager.stop()
    await clickhouse.stop()
    await kafka?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const report = (campus: number, state: 'up' | 'down'): Promise<unknown> => {
    const source = `10.0.0.${campus}`
    const record = {
      fields: { ifAdminStatus: 1, ifOperStatus: state === 'up' ? 1 : 2 },
      name: 'interface',
      tags: { source, ifIndex: '25' },
      timestamp: Math.floor(Date.now() / 1000)
    }
    return producer.send({ topic: name, messages: [{ key: source, value: JSON.stringify(record) }] })
  }
  const start = async (which: string): Promise<TestDaemon> => {
    const daemon = await startTestDaemon({
      configFile: join(folder, `${which}.json`),
      config: {
        kafka: { brokers, topics: [name], group_id: name, session_timeout_ms: 6000, standby: true },
        clickhouse: { url: clickhouse.url, database: name },
        inventory: { files: [join(folder, 'inventory.yaml')] },
        rules: { shipped: false, files: [join(folder, 'link.yaml')] },
        alertmanager: { urls: [alertmanager.url], language: 'en', resend_s: 5 },
        workers: { threads: 0 }
      }
    })
    daemons.push(daemon)
    return daemon
  }
  /** What was told of a campus, in order. */
  const told = (campus: number): string[] =>
    alertmanager.notifications
      .flatMap(({ alerts }) => alerts)
      .filter(({ annotations }) => annotations['summary']?.includes(`(ku-${campus})`))
      .map(({ labels, status }) => `${labels['alertname']} ${status}`)
  const isTold = (campus: number, count: number): Promise<void> =>
    expect.poll(() => told(campus), { timeout: 30_000 }).toHaveLength(count)

  it('are told once and end once: what was open before it, what came in the middle, and what ended there', async () => {
    const active = await start('active')
    for (const campus of [1, 2, 3]) await report(campus, 'up')
    for (const campus of [1, 2]) await report(campus, 'down')
    await isTold(1, 1)
    await isTold(2, 1)
    // It is ready when it has taken over.
    const standby = start('standby')
    await sleep(5000)
    await active.kill9()
    await report(2, 'up')
    await report(3, 'down')
    await standby
    await isTold(3, 1)
    await isTold(2, 2)
    await report(1, 'up')
    await report(3, 'up')
    await isTold(1, 2)
    await isTold(3, 2)
    // It tells open ones again each five seconds, and nobody hears of that.
    await sleep(6000)
    const once = ['SvetoforIncident firing', 'SvetoforIncident resolved']
    expect([1, 2, 3].map(told)).toEqual([once, once, once])
    const incidents = alertmanager.notifications.flatMap(({ alerts }) =>
      alerts.map(({ labels }) => labels['incident'])
    )
    expect(new Set(incidents).size).toBe(3)
  }, 150_000)
})
