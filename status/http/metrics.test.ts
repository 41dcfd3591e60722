import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createFakeView } from '../../test/support/fake-view.ts'
import { createMetricsText, createStatusMetrics, metricsDoc } from './metrics.ts'

const city = {
  districts: 2,
  areasPerDistrict: 2,
  campusesPerArea: 2,
  buildingsPerCampus: 5,
  nowMs: () => 5_000
}

const valuesOf = (text: string, name: string): string[] =>
  text.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))

describe('status metrics', () => {
  it('counts nodes, alarms and incidents as they are now', async () => {
    const registry = new Registry()
    const view = createFakeView(city)
    createStatusMetrics(registry, view, { version: '1.2.3', processMetrics: false })
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    view.fail('du-2-1-1-1', { kind: 'optics', severity: 'warning' })
    const text = await registry.metrics()
    expect(valuesOf(text, 'svetofor_nodes')).toContain('svetofor_nodes{light="grey",tier="building"} 5')
    expect(valuesOf(text, 'svetofor_nodes')).toContain('svetofor_nodes{light="green",tier="core"} 1')
    expect(valuesOf(text, 'svetofor_nodes')).toHaveLength(20)
    expect(valuesOf(text, 'svetofor_incidents_open')).toContain('svetofor_incidents_open{kind="power"} 1')
    expect(valuesOf(text, 'svetofor_incidents_open')).toContain('svetofor_incidents_open{kind="link"} 0')
    expect(valuesOf(text, 'svetofor_incident')).toEqual([
      'svetofor_incident{incident="inc-ku-1-1-1-power-5000",root="ku-1-1-1",root_name="КУ Северный 1/1",' +
        'kind="power",severity="critical",light="red",maintenance="false"} 1',
      'svetofor_incident{incident="inc-du-2-1-1-1-optics-5000",root="du-2-1-1-1",root_name="ДУ ул. Гагарина, 2",' +
        'kind="optics",severity="warning",light="yellow",maintenance="false"} 1'
    ])
    expect(valuesOf(text, 'svetofor_incident_affected_subscribers')[0]).toMatch(/ 320$/)
    expect(valuesOf(text, 'svetofor_incident_opened_timestamp_seconds')[0]).toMatch(/ 5$/)
    expect(valuesOf(text, 'svetofor_incident_runbook')).toEqual([
      'svetofor_incident_runbook{incident="inc-ku-1-1-1-power-5000",runbook_url="https://wiki.example/ups"} 1'
    ])
    expect(valuesOf(text, 'svetofor_alarms_open')).toContain(
      'svetofor_alarms_open{type="ups.on_battery",severity="critical"} 1'
    )
    expect(valuesOf(text, 'svetofor_ready_part')).toEqual(['svetofor_ready_part{part="state"} 1'])

    view.clear('ku-1-1-1')
    const after = await registry.metrics()
    expect(valuesOf(after, 'svetofor_incident')).toHaveLength(1)
    expect(valuesOf(after, 'svetofor_incident_affected_nodes')).toHaveLength(1)
    expect(valuesOf(after, 'svetofor_alarms_open')).toContain(
      'svetofor_alarms_open{type="ups.on_battery",severity="critical"} 0'
    )
  })

  it('lists the heaviest incidents only and counts the others', async () => {
    const registry = new Registry()
    const view = createFakeView(city)
    createStatusMetrics(registry, view, { version: '1', processMetrics: false, incidentsListedMax: 2 })
    for (const id of ['du-1-1-1-1', 'du-1-1-1-2', 'ku-1-2-1', 'du-1-1-1-3']) {
      view.fail(id, { kind: 'power', severity: 'major' })
    }
    const text = await registry.metrics()
    expect(valuesOf(text, 'svetofor_incident')[0]).toContain('root="ku-1-2-1"')
    expect(valuesOf(text, 'svetofor_incident')).toHaveLength(2)
    expect(valuesOf(text, 'svetofor_incidents_unlisted')).toEqual(['svetofor_incidents_unlisted 2'])
    expect(valuesOf(text, 'svetofor_incidents_open')).toContain('svetofor_incidents_open{kind="power"} 4')
  })

  it('tells of an incident on battery when its first site goes dark, with bounds, and whether that is near', async () => {
    const registry = new Registry()
    const view = createFakeView(city)
    createStatusMetrics(registry, view, { version: '1', processMetrics: false })
    view.fail('ku-1-2-1', { kind: 'power', severity: 'major' })
    view.fail('du-1-1-1-1', { kind: 'link', severity: 'major' })
    const text = await registry.metrics()
    const told = valuesOf(text, 'svetofor_incident_dark_timestamp_seconds')
    expect(told.map(line => [/bound="(\w+)"/.exec(line)?.[1], / (\S+)$/.exec(line)?.[1]])).toEqual([
      ['earliest', '1205'],
      ['likely', '1805'],
      ['latest', '2705']
    ])
    expect(told[0]).toContain('node="ku-1-2-1",node_name="КУ Северный 2/1"')
    expect(valuesOf(text, 'svetofor_incident_dark_subscribers')[0]).toMatch(/ 320$/)
    expect(valuesOf(text, 'svetofor_incident_dark_near')).toEqual([])
    view.isNear = () => true
    expect(valuesOf(await registry.metrics(), 'svetofor_incident_dark_near')[0]).toMatch(/ 1$/)
  })

  it('prefers the counts the engine keeps', async () => {
    const registry = new Registry()
    const view = createFakeView(city)
    view.nodeCounts = () => [{ tier: 'building', light: 'red', nodes: 7 }]
    createStatusMetrics(registry, view, { version: '1', processMetrics: false })
    expect(valuesOf(await registry.metrics(), 'svetofor_nodes')).toContain(
      'svetofor_nodes{light="red",tier="building"} 7'
    )
  })

  it('makes the text once for scrapes close together', async () => {
    const registry = new Registry()
    const view = createFakeView(city)
    let counted = 0
    view.nodeCounts = () => {
      counted++
      return []
    }
    createStatusMetrics(registry, view, { version: '1', processMetrics: false })
    let nowMs = 0
    const text = createMetricsText(registry, () => nowMs, 1000)
    const [first, second] = await Promise.all([text(), text()])
    expect(second).toBe(first)
    expect(await text()).toBe(first)
    expect(counted).toBe(1)
    nowMs = 1000
    await text()
    expect(counted).toBe(2)
    expect(first).toContain('# TYPE svetofor_nodes gauge')
    expect(first.endsWith('\n')).toBe(true)
  })

  it('documents every metric of ours: a name with a unit, a type, a meaning', () => {
    const registry = new Registry()
    createStatusMetrics(registry, createFakeView(city), { version: '1', processMetrics: true })
    const doc = metricsDoc(registry)
    expect(doc).toContain(
      '| `svetofor_http_request_duration_seconds` | histogram | `method`, `route`, `status` | Time from the request'
    )
    expect(doc).toContain('| `svetofor_sse_slow_clients_closed_total` | counter |  | ')
    expect(doc).not.toContain('nodejs_version')
    const names = [...doc.matchAll(/^\| `(\w+)`/gm)].map(match => match[1])
    expect(names).toEqual([...names].sort())
    expect(names.length).toBe(21)
  })
})
