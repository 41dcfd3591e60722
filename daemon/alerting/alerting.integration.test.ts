import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noNotes } from '../../rules/model.ts'
import {
  alertmanagerProgram,
  shippedRouting,
  startAlertmanager,
  type RunningAlertmanager
} from '../../test/support/alertmanager.ts'
import { createFakeView, type FakeView } from '../../test/support/fake-view.ts'
import { freePort } from '../../test/support/server-process.ts'
import { startAlerting, type Alerting } from './alerting.ts'

const ready = { ready: true, parts: { state: { ok: true, detail: '' }, group: { ok: true, detail: '' } } }

/** Somebody to hear of incidents; of Svetofor's own troubles nobody is told here. */
const shipped = (webhookUrl: string): string => shippedRouting(webhookUrl, ['noc'])

describe.skipIf(alertmanagerProgram() === undefined)('alerts at a real Alertmanager', () => {
  let server: RunningAlertmanager
  let view: FakeView
  let alerting: Alerting | undefined
  const now = (): number => Date.now()

  const start = (urls: readonly string[] = [server.url], registry = new Registry()): void => {
    alerting = startAlerting({
      config: { urls: [...urls], language: 'ru', resend_s: 5, expire_s: 900 },
      view,
      registry,
      nowMs: now,
      logger: pino({ enabled: false })
    })
  }
  /** What was sent: of each notification which alerts it names, and whether they are on. */
  const told = (): string[][] =>
    server.notifications.map(({ alerts }) =>
      alerts.map(({ labels, status }) => `${labels['alertname']} ${status}`).sort()
    )
  const open = async (): Promise<string> => {
    const page = await view.incidents({ open: true, limit: 10 })
    return 'items' in page ? (page.items[0]?.id ?? '') : ''
  }

  beforeEach(async () => {
    server = await startAlertmanager({ config: shipped })
    view = createFakeView({
      districts: 1,
      areasPerDistrict: 1,
      campusesPerArea: 2,
      buildingsPerCampus: 2,
      nowMs: now
    })
    view.setReadiness(ready)
  })
  afterEach(async () => {
    await alerting?.stop()
    alerting = undefined
    await server.stop()
  })

  it('has each incident told once, in Russian, and its end once, also across a restart', async () => {
    start()
    view.fail('ku-1-1-1', { kind: 'link', severity: 'critical' })
    const incident = await open()
    const { alerts } = await server.waitForNotification(() => true, 15_000)
    expect(alerts).toMatchObject([
      { status: 'firing', labels: { alertname: 'SvetoforIncident', incident, team: 'noc' } }
    ])
    expect(alerts[0]?.annotations['summary']).toMatch(/\(ku-1-1-1\): обрыв связи, critical$/)
    expect(alerts[0]?.annotations['description']).toBe(view.node('ku-1-1-1')?.says.ru)
    await alerting?.stop()
    start()
    await sleep(6000)
    view.clear('ku-1-1-1')
    await server.waitForNotification(({ status }) => status === 'resolved', 15_000)
    // Told again and again by the daemon, and nobody hears of it again.
    await sleep(6000)
    expect(told()).toEqual([['SvetoforIncident firing'], ['SvetoforIncident resolved']])
  }, 60_000)

  it('tells once that it got worse, and not again after a restart', async () => {
    start()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'warning' })
    await server.waitForNotification(() => true, 15_000)
    // What the rules say now changes no alert that is open.
    const near = { ...view, isNear: () => true, incidentNotes: () => noNotes }
    await alerting?.stop()
    view = near
    start()
    await server.waitForNotification(({ alerts }) => alerts.length === 2, 15_000)
    await alerting?.stop()
    view = { ...view, isNear: () => false }
    start()
    await sleep(6000)
    view.clear('ku-1-1-1')
    await server.waitForNotification(({ status }) => status === 'resolved', 15_000)
    expect(told()).toEqual([
      ['SvetoforIncident firing'],
      ['SvetoforIncident firing', 'SvetoforIncidentWorse firing'],
      ['SvetoforIncident resolved', 'SvetoforIncidentWorse resolved']
    ])
    for (const { labels } of server.notifications.flatMap(({ alerts }) => alerts))
      expect(labels).toMatchObject({ team: 'noc', service: 'power' })
    expect(server.notifications[0]?.alerts[0]?.annotations['runbook_url']).toBe('https://wiki.example/ups')
  }, 60_000)

  it('sends nothing of planned work, and tells of it once it is lifted', async () => {
    view.setMaintenance('ku-1-1-1', true)
    start()
    view.fail('ku-1-1-1', { kind: 'link', severity: 'critical' })
    await expect.poll(async () => (await server.alerts()).length, { timeout: 15_000 }).toBe(2)
    await sleep(4000)
    expect(told()).toEqual([])
    view.setMaintenance('ku-1-1-1', false)
    await server.waitForNotification(() => true, 15_000)
    expect(told()).toEqual([['SvetoforIncident firing']])
  }, 60_000)

  it('has no end told of what turned out to be part of another incident', async () => {
    start()
    view.fail('ku-1-1-1', { kind: 'link', severity: 'critical' })
    const part = await open()
    await server.waitForNotification(() => true, 15_000)
    view.fail('ku-1-1-2', { kind: 'link', severity: 'critical' })
    await server.waitForNotification(({ alerts }) => alerts[0]?.labels['incident'] !== part, 15_000)
    const page = await view.incidents({ open: true, limit: 10 })
    const whole = ('items' in page ? page.items : []).find(({ id }) => id !== part)
    view.mergeInto('ku-1-1-1', whole?.id ?? '')
    await expect
      .poll(async () => (await server.alerts()).map(({ labels }) => labels['alertname']), { timeout: 15_000 })
      .toContain('SvetoforIncidentMerged')
    await sleep(6000)
    view.clear('ku-1-1-2')
    await server.waitForNotification(({ status }) => status === 'resolved', 15_000)
    await sleep(3000)
    expect(told()).toEqual([
      ['SvetoforIncident firing'],
      ['SvetoforIncident firing'],
      ['SvetoforIncident resolved']
    ])
    expect(server.notifications.at(-1)?.alerts[0]?.labels['incident']).toBe(whole?.id)
  }, 60_000)

  it('is not kept from telling one server by another that is away, and tells nobody before it is ready', async () => {
    const registry = new Registry()
    view.setReadiness({ ready: false, parts: {} })
    const nobody = `http://127.0.0.1:${await freePort()}`
    start([nobody, server.url], registry)
    view.fail('ku-1-1-1', { kind: 'link', severity: 'critical' })
    await sleep(2000)
    expect(await server.alerts()).toEqual([])
    view.setReadiness(ready)
    await server.waitForNotification(() => true, 15_000)
    const text = await registry.metrics()
    expect(text).toContain(`svetofor_alertmanager_reached{url="${nobody}"} 0`)
    expect(text).toContain(`svetofor_alertmanager_reached{url="${server.url}"} 1`)
  }, 60_000)
})
