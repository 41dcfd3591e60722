import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../ingest/clickhouse/migrate.ts'
import { packageRoot } from '../schemas/package-root.ts'
import {
  alertmanagerProgram,
  shippedRouting,
  startAlertmanager,
  type RunningAlertmanager
} from '../test/support/alertmanager.ts'
import { startTestClickHouse, type TestClickHouse } from '../test/support/clickhouse.ts'
import { expandSql, panelQueries } from '../test/support/dashboards.ts'
import { prometheusProgram, startPrometheus, type RunningPrometheus } from '../test/support/prometheus.ts'
import { programOrSkip } from '../test/support/server-process.ts'

const deploy = join(packageRoot, 'deploy')
const run = (program: string, args: string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe' })

const promtool = programOrSkip(['promtool'], 'prometheus')
const amtool = programOrSkip(['amtool'], 'prometheus-alertmanager')
const servers = prometheusProgram() !== undefined && alertmanagerProgram() !== undefined

describe.skipIf(promtool === undefined)('Prometheus configuration', () => {
  const folder = join(deploy, 'prometheus')
  it('is valid, and its rules too', () => {
    expect(run(promtool ?? '', ['check', 'config', '--syntax-only', 'prometheus.yml'], folder)).toContain(
      'SUCCESS'
    )
    expect(run(promtool ?? '', ['check', 'rules', 'svetofor.rules.yml'], folder)).toContain('SUCCESS')
  })
  it('has rules that pass their own tests', () => {
    expect(run(promtool ?? '', ['test', 'rules', 'svetofor.rules.test.yml'], folder)).toContain('SUCCESS')
  })
})

describe.skipIf(amtool === undefined)('Alertmanager configuration', () => {
  const folder = join(deploy, 'alertmanager')
  const receiverOf = (...labels: string[]): string =>
    run(
      amtool ?? '',
      ['config', 'routes', 'test', '--config.file=alertmanager.yml', ...labels],
      folder
    ).trim()
  it('is valid', () => {
    expect(run(amtool ?? '', ['check-config', 'alertmanager.yml'], folder)).toContain('SUCCESS')
  })
  it('sends incidents to the NOC, planned work to nobody, its own troubles to the platform', () => {
    expect(receiverOf('alertname=SvetoforIncident', 'incident=i1', 'team=noc')).toBe('noc')
    expect(receiverOf('alertname=SvetoforIncidentWorse', 'incident=i1', 'team=noc')).toBe('noc')
    expect(receiverOf('alertname=SvetoforPlannedWork', 'incident=i1', 'team=noc')).toBe('nobody')
    expect(receiverOf('alertname=SvetoforIncidentMerged', 'incident=i1', 'team=noc')).toBe('nobody')
    expect(receiverOf('alertname=SvetoforDown', 'team=platform')).toBe('platform')
  })
})

describe('dashboards on the real engine', () => {
  let server: TestClickHouse
  let client: ClickHouseClient
  const now = Date.now()

  beforeAll(async () => {
    server = await startTestClickHouse()
    await migrate(server.client, {
      database: 'svetofor',
      retentionDays: 90,
      rollupRetentionDays: 730,
      eventRetentionDays: 730
    })
    client = await server.database('svetofor')
    const insert = (table: string, values: object[]): Promise<unknown> =>
      client.insert({
        table,
        values,
        columns: Object.keys(values[0] ?? {}) as [string, ...string[]],
        format: 'JSONEachRow'
      })
    await insert('nodes', [
      {
        id: 'ku-1',
        tier: 'campus',
        name: 'КУ-1',
        parents: [],
        addresses: [],
        subscribers: 0,
        premises: '',
        maintenance: false
      }
    ])
    await insert('devices', [
      {
        id: 'ku-1-sw1',
        node: 'ku-1',
        role: 'switch',
        vendor: 'D-Link',
        model: 'x',
        identifiers: [],
        interval_s: 60
      }
    ])
    const signals = ['optics.rx_dbm', 'if.in_octets', 'ups.charge_pct', 'ups.runtime_s']
    await insert(
      'series',
      signals.map((signal, i) => ({
        id: i + 1,
        device: 'ku-1-sw1',
        signal,
        instance: '25',
        node: 'ku-1',
        tier: 'campus',
        unit: '',
        profile: 'p',
        identifiers: [],
        updated_at: now
      }))
    )
    await insert(
      'samples',
      signals.flatMap((_, i) =>
        [0, 1, 2, 3].map(n => ({
          series: i + 1,
          time: now - 60_000 + n * 10_000,
          raw: n * 1_000,
          topic: 't',
          partition: 0,
          offset: n,
          stored_on: new Date(now).toISOString().slice(0, 10)
        }))
      )
    )
    await insert('light_changes', [
      {
        node: 'ku-1',
        at: now - 50_000,
        from: 'green',
        to: 'red',
        own: 'red',
        cause_by: 'alarm',
        cause_node: 'ku-1',
        cause_alarm: 'a',
        cause_kind: 'link'
      },
      {
        node: 'ku-1',
        at: now - 20_000,
        from: 'red',
        to: 'green',
        own: 'green',
        cause_by: 'none',
        cause_node: '',
        cause_alarm: '',
        cause_kind: 'unknown'
      }
    ])
    const incident = {
      id: 'i1',
      root: 'ku-1',
      kind: 'link',
      severity: 'critical',
      opened_at: now - 50_000,
      alarms: [],
      affected_nodes: 3,
      affected_addresses: 4,
      affected_subscribers: 5,
      maintenance: false
    }
    await insert('incidents', [
      { ...incident, change: 'opened', at: now - 50_000, light: 'red', closed_at: null },
      { ...incident, change: 'closed', at: now - 20_000, light: 'red', closed_at: now - 20_000 }
    ])
    await insert('alarms', [
      {
        id: 'a',
        change: 'raised',
        at: now - 50_000,
        node: 'ku-1',
        device: 'ku-1-sw1',
        instance: '25',
        resource: 'ku-1-sw1/25',
        type: 'if.down',
        qualifier: '',
        kind: 'link',
        severity: 'critical',
        is_cleared: false,
        raised_at: now - 50_000,
        text_ru: 'р',
        text_en: 'e',
        rule: 'r',
        signal: 'if.oper_status',
        value: 2,
        event_time: now - 50_000
      }
    ])
  })
  afterAll(async () => {
    await server.stop()
  })

  const time = { fromMs: now - 3_600_000, toMs: now + 3_600_000, intervalS: 10 }
  const queries = panelQueries().filter(q => q.language === 'sql')
  it.each(queries.map(q => [`${q.dashboard}: ${q.panel}`, q] as const))('%s', async (_, query) => {
    const sql = expandSql(query.text, time, { node: 'ku-1', device: 'ku-1-sw1' })
    const result = await client.query({ query: sql, format: 'JSON' })
    const answer = await result.json<Record<string, unknown>>()
    expect(answer.data.length).toBeGreaterThan(0)
    if (query.timeSeries) expect(answer.meta?.[0]?.type).toMatch(/^DateTime/)
  })

  it('tell the incident as it was', async () => {
    const query = queries.find(q => q.panel === 'Incidents')
    const sql = expandSql(query?.text ?? '', time, {})
    const rows = await (
      await client.query({ query: sql, format: 'JSONEachRow' })
    ).json<Record<string, unknown>>()
    expect(rows).toHaveLength(1)
    expect(rows[0]).toMatchObject({ light: 'red', root: 'КУ-1', kind: 'link', nodes: 3, subscribers: 5 })
    expect(Number(rows[0]?.['lasted'])).toBe(30)
  })
})

describe.skipIf(!servers)('alerts through real Prometheus and Alertmanager', () => {
  let metrics = 'svetofor_ready 1\n'
  let page: Server
  let prometheus: RunningPrometheus
  let alertmanager: RunningAlertmanager

  beforeAll(async () => {
    page = createServer((_, response) => response.end(metrics))
    page.listen(0, '127.0.0.1')
    await once(page, 'listening')
    const address = page.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    alertmanager = await startAlertmanager({ config: shippedRouting })
    prometheus = await startPrometheus({
      targets: [`127.0.0.1:${port}`],
      ruleFiles: [join(deploy, 'prometheus', 'svetofor.rules.yml')],
      alertmanagers: [alertmanager.target]
    })
  })
  afterAll(async () => {
    await prometheus.stop()
    await alertmanager.stop()
    page.closeAllConnections()
    page.close()
  })

  it('understand every query of the dashboards', async () => {
    for (const query of panelQueries().filter(q => q.language === 'promql'))
      await prometheus.query(query.text)
  })

  /** The series of one open incident, as the daemon shows them. */
  const incident = (id: string, now: Readonly<Record<string, string>> = {}): string => {
    const labels = {
      incident: id,
      root: 'ku-1',
      root_name: 'КУ-1',
      kind: 'power',
      severity: 'critical',
      light: 'red',
      maintenance: 'false',
      ...now
    }
    const written = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
    return (
      `svetofor_incident{${written.join(',')}} 1\n` +
      `svetofor_incident_affected_nodes{incident="${id}"} 11\n`
    )
  }
  const show = (...incidents: string[]): void => {
    metrics = `svetofor_ready 1\n${incidents.join('')}`
  }
  const told = (id: string): typeof alertmanager.notifications =>
    alertmanager.notifications.filter(n => n.groupLabels['incident'] === id)
  /** Waits until a notification of this incident says so many alerts firing and so many resolved. */
  const waitFor = (
    id: string,
    firing: number,
    resolved: number
  ): Promise<(typeof alertmanager.notifications)[0]> =>
    alertmanager.waitForNotification(
      n =>
        n.groupLabels['incident'] === id &&
        n.alerts.filter(a => a.status === 'firing').length === firing &&
        n.alerts.filter(a => a.status === 'resolved').length === resolved,
      30_000
    )

  it('tell an incident once, keep planned work quiet, and tell the resolution', async () => {
    const planned = incident('i2', { maintenance: 'true' })
    show(incident('i1'), planned)
    const opened = await waitFor('i1', 1, 0)
    expect(opened.receiver).toBe('noc')
    expect(opened.alerts[0]?.annotations['description']).toContain('11 nodes')
    expect(opened.alerts[0]?.annotations['summary']).toBe('КУ-1 (ku-1): power, critical')
    // Another light, kind or name of the same incident is not another alert.
    show(incident('i1', { light: 'grey', kind: 'link', root_name: 'КУ-1 ул. Мира' }), planned)
    await prometheus.waitFor('svetofor_incident{light="grey"}', s => s.length === 1, 15_000)
    show(planned)
    await waitFor('i1', 0, 1)
    expect(told('i1').map(n => n.status)).toEqual(['firing', 'resolved'])
    expect(told('i2')).toEqual([])
  }, 90_000)

  it('tell that an incident got worse in one more message, and its end once', async () => {
    show(incident('i3', { severity: 'warning', kind: 'unknown', light: 'yellow' }))
    await waitFor('i3', 1, 0)
    show(incident('i3'))
    const worse = await waitFor('i3', 2, 0)
    expect(worse.alerts.map(a => a.labels['alertname']).sort()).toEqual([
      'SvetoforIncident',
      'SvetoforIncidentWorse'
    ])
    // Prometheus sends each of the two by itself: what the older one says may be of the evaluation before.
    const saysWorse = worse.alerts.find(({ labels }) => labels['alertname'] === 'SvetoforIncidentWorse')
    expect(saysWorse?.annotations['summary']).toBe('КУ-1 (ku-1): power, critical')
    show()
    await alertmanager.waitForNotification(
      n => n.groupLabels['incident'] === 'i3' && n.status === 'resolved',
      30_000
    )
    // Its end is one message, or a second one before it where the group was told just between the ends of its two alerts.
    const statuses = told('i3').map(n => n.status)
    expect(statuses.filter(status => status === 'resolved')).toHaveLength(1)
    expect(statuses.slice(0, 2)).toEqual(['firing', 'firing'])
    expect(statuses.length).toBeLessThanOrEqual(4)
    const open = told('i3').slice(0, 2)
    expect(open.flatMap(n => n.alerts).every(alert => alert.status === 'firing')).toBe(true)
  }, 90_000)

  it('tell no end of an incident that turns out to be part of another, and the end of that once', async () => {
    show(incident('i5', { root: 'du-1', kind: 'link' }))
    await waitFor('i5', 1, 0)
    show(incident('i6'), 'svetofor_incident_merged{incident="i5",into="i6"} 1\n')
    await waitFor('i6', 1, 0)
    await prometheus.waitFor(
      'ALERTS{alertname="SvetoforIncident",incident="i5"}',
      s => s.length === 0,
      15_000
    )
    // Alertmanager looks at a group once a second: by then it has found the end of i5, and kept it to itself.
    await setTimeout(3000)
    show()
    await waitFor('i6', 0, 1)
    expect(told('i5').map(n => n.status)).toEqual(['firing'])
    expect(told('i6').map(n => n.status)).toEqual(['firing', 'resolved'])
  }, 90_000)

  it('tell an incident as soon as the planned work around it is over', async () => {
    show(incident('i4', { maintenance: 'true' }))
    await prometheus.waitFor(
      'ALERTS{alertname="SvetoforIncident",incident="i4"}',
      s => s.length === 1,
      15_000
    )
    show(incident('i4'))
    await waitFor('i4', 1, 0)
    show()
    await waitFor('i4', 0, 1)
    expect(told('i4').map(n => n.status)).toEqual(['firing', 'resolved'])
  }, 90_000)
})
