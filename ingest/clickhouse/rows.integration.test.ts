import type { ClickHouseClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ResourceState } from '../../rules/alarms/resource-state.ts'
import type { Alarm, AlarmTransition } from '../../rules/model.ts'
import { signals, type SignalDef } from '../../schemas/signals.ts'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import type { Incident, InventoryDevice, InventoryNode, LightChange } from '../../topology/model.ts'
import { entityId, seriesId, seriesIdHex } from '../../workers/learning/series-id.ts'
import { createHistoryStore } from './history.ts'
import { createClickHouseClient } from './client.ts'
import { migrate } from './migrate.ts'
import { restoreStatus } from './restore.ts'
import { replaceInventory } from './mirror.ts'
import { createRowSink } from './rows.ts'
import type { SeriesRows } from './series-rows.ts'

let server: TestClickHouse
let client: ClickHouseClient
const t0 = Date.UTC(2026, 10, 22, 12)

beforeAll(async () => {
  server = await startTestClickHouse()
  await migrate(server.client, {
    database: 'h',
    retentionDays: 90,
    rollupRetentionDays: 730,
    eventRetentionDays: 730
  })
  client = createClickHouseClient({ url: server.url, database: 'h' })
})
afterAll(async () => {
  await client.close()
  await server.stop()
})

const alarm = (id: string, changes: Partial<Alarm> = {}): Alarm => ({
  id,
  resource: `sw-1/${id}`,
  type: 'optics.rx_low',
  qualifier: 'low',
  node: 'du-1',
  device: 'sw-1',
  instance: '25',
  kind: 'optics',
  severity: 'major',
  isCleared: false,
  raisedAtMs: t0,
  changedAtMs: t0,
  clearedAtMs: null,
  text: { ru: "Слабый приём: it's\n\\", en: 'Weak light' },
  evidence: {
    rule: 'optics.rx_low',
    signal: 'optics.rx_dbm',
    value: -27.31,
    limit: -25,
    valueName: null,
    eventTimeMs: t0 - 1,
    coordinates: { topic: 'telemetry', partition: 3, offset: 9_007_199_254_740_000 }
  },
  ...changes
})
const raised = (a: Alarm): AlarmTransition => ({ alarm: a, change: 'raised', atMs: a.raisedAtMs })
const cleared = (a: Alarm, atMs: number): AlarmTransition => ({
  alarm: { ...a, isCleared: true, changedAtMs: atMs, clearedAtMs: atMs },
  change: 'cleared',
  atMs
})
const incident = (id: string, changes: Partial<Incident> = {}): Incident => ({
  id,
  root: 'du-1',
  kind: 'power',
  light: 'red',
  severity: 'critical',
  openedAtMs: t0,
  closedAtMs: null,
  alarms: ['a', 'b'],
  affectedNodes: 3,
  affectedAddresses: 4,
  affectedSubscribers: 500,
  maintenance: false,
  ...changes
})
const light = (
  node: string,
  atMs: number,
  from: LightChange['from'],
  to: LightChange['to']
): LightChange => ({
  node,
  from,
  to,
  own: to,
  atMs,
  cause: { by: 'alarm', node, alarm: 'a', kind: 'optics' }
})

const numberOf = (name: string): number => signals.findIndex(signal => signal.name === name)

const fail = (sentence: string): never => {
  throw new Error(sentence)
}

const sink = () => {
  const problems: string[] = []
  return {
    problems,
    rows: createRowSink({ client, flushMsMax: 5, onProblem: sentence => problems.push(sentence) })
  }
}

describe('history', () => {
  it('gives back alarms, incidents and lights as they were, however often they are written', async () => {
    const { rows, problems } = sink()
    const open = alarm('open')
    const changed = alarm('open', { severity: 'critical', changedAtMs: t0 + 5 })
    const gone = alarm('gone', {
      evidence: { ...open.evidence, coordinates: null, limit: null, valueName: 'down' }
    })
    for (let replay = 0; replay < 2; replay++) {
      rows.alarms([raised(open), { alarm: changed, change: 'changed', atMs: t0 + 5 }])
      // Raised and cleared in the same millisecond: the clear is the later one.
      rows.alarms([raised(gone), cleared(gone, t0)])
      rows.incidents([{ incident: incident('i1'), change: 'opened', atMs: t0 }])
      rows.incidents([
        { incident: incident('i2'), change: 'opened', atMs: t0 + 1 },
        { incident: incident('i2', { closedAtMs: t0 + 9 }), change: 'closed', atMs: t0 + 9 }
      ])
      rows.lightChanges([light('du-1', t0, 'green', 'red'), light('du-1', t0 + 9, 'red', 'yellow')])
      rows.lightChanges([light('du-2', t0 + 3, 'green', 'grey')])
      await rows.flush()
    }
    expect(await restoreStatus(client, { retentionDays: 36_500, eventRetentionDays: 36_500 })).toEqual({
      resources: [],
      alarms: [changed],
      incidents: [incident('i1')],
      lights: [
        { node: 'du-1', own: 'yellow', effective: 'yellow', sinceMs: t0 + 9 },
        { node: 'du-2', own: 'grey', effective: 'grey', sinceMs: t0 + 3 }
      ]
    })
    const history = createHistoryStore(client)
    const entries = await history.nodeHistory('du-1', t0 - 1000, t0 + 1000, 100)
    expect(entries.map(entry => [entry.atMs - t0, entry.kind])).toEqual([
      [9, 'light'],
      [9, 'incident'],
      [5, 'alarm'],
      [1, 'incident'],
      [0, 'light'],
      [0, 'alarm'],
      [0, 'alarm'],
      [0, 'alarm'],
      [0, 'incident']
    ])
    expect(entries[0]!.data).toEqual({
      from: 'red',
      to: 'yellow',
      own: 'yellow',
      cause: { by: 'alarm', node: 'du-1', alarm: 'a', kind: 'optics' }
    })
    expect(entries[2]!.data).toEqual({ change: 'changed', ...changed })
    expect(await history.nodeHistory('du-1', t0 + 2, t0 + 5, 100)).toHaveLength(1)
    expect(await history.nodeHistory('du-1', t0 - 1000, t0 + 1000, 2)).toHaveLength(2)
    expect(await history.nodeHistory('nobody', 0, t0 * 2, 10)).toEqual([])
    expect(problems).toEqual([])
    await rows.close(1000)
  })

  it('knows a light that retention took the change of, and opens nothing whose end it may have taken', async () => {
    const database = 'aged'
    const retention = { retentionDays: 90, eventRetentionDays: 730 }
    await migrate(server.client, { database, rollupRetentionDays: 730, ...retention })
    const aged = createClickHouseClient({ url: server.url, database })
    const rows = createRowSink({ client: aged, flushMsMax: 5, onProblem: fail })
    const longAgoMs = Date.now() - 800 * 86_400_000
    const old = { raisedAtMs: longAgoMs, changedAtMs: longAgoMs }
    rows.lightChanges([light('du-1', longAgoMs, 'green', 'red'), light('du-2', t0, 'green', 'grey')])
    rows.alarms([raised(alarm('old', old)), raised(alarm('new'))])
    rows.incidents([
      { incident: incident('old', { openedAtMs: longAgoMs }), change: 'opened', atMs: longAgoMs },
      { incident: incident('new'), change: 'opened', atMs: t0 }
    ])
    await rows.flush()
    await aged.command({ query: 'OPTIMIZE TABLE light_changes FINAL' })
    const left = await aged.query({ query: 'SELECT node FROM light_changes', format: 'JSONEachRow' })
    expect(await left.json()).toEqual([{ node: 'du-2' }])
    const { alarms, incidents, lights } = await restoreStatus(aged, retention)
    expect(alarms.map(({ id }) => id)).toEqual(['new'])
    expect(incidents.map(({ id }) => id)).toEqual(['new'])
    expect(lights.map(({ node, own }) => [node, own])).toEqual([
      ['du-1', 'red'],
      ['du-2', 'grey']
    ])
    await rows.close(1000)
    await aged.close()
  })

  it('gives back what was known of each resource where reading goes on, and no alarm beside it', async () => {
    await migrate(server.client, {
      database: 'resumed',
      retentionDays: 90,
      rollupRetentionDays: 730,
      eventRetentionDays: 730
    })
    const recentMs = Date.now()
    const resumed = createClickHouseClient({ url: server.url, database: 'resumed' })
    const rows = createRowSink({ client: resumed, flushMsMax: 5, onProblem: fail })
    const state = (device: string, offset: number, atMs: number, isOpen = true): ResourceState => ({
      scope: 'device',
      device,
      instance: '',
      node: 'du-1',
      coordinates: { topic: 'telemetry', partition: 3, offset },
      atMs,
      digest: 'd',
      conditions: isOpen ? [{ key: 'k', instances: [''], flip: null }] : [],
      rules: []
    })
    // A hold that ends adds a moment to the same record; what a record behind the stored position did is judged again.
    rows.alarms([raised(alarm('later', { device: 'ups-1', instance: '' }))])
    rows.resources([
      state('ups-1', 7, recentMs),
      state('ups-1', 7, recentMs + 5),
      state('ups-1', 10, recentMs + 9)
    ])
    rows.resources([state('ups-2', 12, recentMs + 9)])
    // What has ended is not read, and does not bring back what was before it; nor does what retention is about to take.
    rows.alarms([raised(alarm('ended', { device: 'ups-3', instance: '' }))])
    rows.resources([state('ups-3', 5, recentMs), state('ups-3', 6, recentMs + 1, false)])
    rows.resources([state('ups-4', 1, recentMs - 100 * 86_400_000)])
    rows.alarms([raised(alarm('old', { device: 'ups-4', instance: '' }))])
    // Of a topic of which no sample is kept only the alarms are known.
    rows.resources([
      { ...state('ups-5', 1, recentMs), coordinates: { topic: 'other', partition: 3, offset: 1 } }
    ])
    rows.alarms([raised(alarm('elsewhere', { device: 'ups-5', instance: '' }))])
    await rows.judgementsStored()
    await resumed.insert({
      table: 'samples (series, time, raw, topic, partition, offset, stored_on)',
      values: [
        {
          series: '0',
          time: '2026-11-22 12:00:00',
          raw: 0,
          topic: 'telemetry',
          partition: 3,
          offset: 9,
          stored_on: new Date(recentMs).toISOString().slice(0, 10)
        }
      ],
      format: 'JSONEachRow'
    })
    const { resources, alarms } = await restoreStatus(resumed, { retentionDays: 90, eventRetentionDays: 730 })
    expect(resources).toEqual([state('ups-1', 7, recentMs + 5)])
    expect(alarms.map(({ id }) => id).sort()).toEqual(['elsewhere', 'old'])
    await rows.close(1000)
    await expect(rows.judgementsStored()).resolves.toBeUndefined()
    await resumed.close()
  })

  it('names series by their 64-bit ids, the latest place winning', async () => {
    const { rows } = sink()
    const row = {
      device: 'sw-1',
      instance: '25',
      node: '',
      tier: '',
      profile: 'ddm',
      collector: 'col-1',
      identifiers: ['10.0.0.1', 'sw-1'],
      portNames: ['Gi0/25'],
      entity: entityId('10.0.0.1', '25'),
      signals: [numberOf('optics.rx_dbm')]
    }
    rows.series([row])
    await rows.flush()
    await new Promise(resolve => setTimeout(resolve, 5))
    rows.series([{ ...row, node: 'du-1', tier: 'building' }])
    await rows.close(1000)
    const found = await client.query({
      query: 'SELECT lower(hex(id)) AS id, node, identifiers FROM series FINAL',
      format: 'JSONEachRow'
    })
    const id = seriesIdHex(seriesId('10.0.0.1', 'optics.rx_dbm', '25'))
    expect(await found.json()).toEqual([{ id, node: 'du-1', identifiers: ['10.0.0.1', 'sw-1'] }])
  })

  it('stores every column of every series as it was given, texts of any length and letters', async () => {
    const storedMs = Date.UTC(2026, 10, 22, 12, 0, 0, 123)
    const rows = createRowSink({ client, flushMsMax: 5, onProblem: fail, nowMs: () => storedMs })
    const long = 'Ж'.repeat(300)
    const port = {
      device: 'ДУ-1 "x"\n',
      instance: '1/1',
      node: 'du-7',
      tier: 'building',
      profile: 'p',
      collector: '',
      identifiers: ['', long, 'a\\b'],
      portNames: ['Gi1/1', `${long} 1/1`]
    }
    const bare = {
      device: long,
      instance: '',
      node: '',
      tier: '',
      profile: 'q',
      collector: '',
      identifiers: [],
      portNames: []
    }
    const every = signals.map((_, number) => number)
    const [first] = every
    rows.series([
      { ...port, entity: entityId(port.device, '1/1'), signals: every },
      { ...bare, entity: entityId(long, ''), signals: [first!] }
    ])
    const many = 20_000
    rows.series(
      Array.from({ length: many / 10 }, (_, i) => ({
        ...port,
        device: `many-${i}`,
        entity: entityId(`many-${i}`, '1/1'),
        signals: every.slice(0, 10)
      }))
    )
    await rows.close(10_000)
    const found = await client.query({
      query: `SELECT * EXCEPT (id), lower(hex(id)) AS id, toUnixTimestamp64Milli(updated_at) AS ms FROM series FINAL
        WHERE profile IN ('p', 'q') AND device NOT LIKE 'many-%'`,
      format: 'JSONEachRow'
    })
    const given = (
      { name, unit }: SignalDef,
      { portNames, ...of }: Omit<SeriesRows, 'entity' | 'signals'>
    ): Record<string, unknown> => ({
      ...of,
      port_names: portNames,
      id: seriesIdHex(seriesId(of.device, name, of.instance)),
      signal: name,
      unit,
      ms: storedMs,
      updated_at: '2026-11-22 12:00:00.123'
    })
    const expected = [...signals.map(signal => given(signal, port)), given(signals[0]!, bare)]
    const byId = (a: Record<string, unknown>, b: Record<string, unknown>): number =>
      String(a['id']) < String(b['id']) ? -1 : 1
    expect((await found.json<Record<string, unknown>>()).sort(byId)).toEqual(expected.sort(byId))
    const counted = await client.query({
      query: `SELECT count() AS n, uniqExact(id) AS ids, uniqExact(device, signal) AS names FROM series WHERE device LIKE 'many-%'`,
      format: 'JSONEachRow'
    })
    expect(await counted.json()).toEqual([{ n: many, ids: many, names: many }])
  })
})

describe('the row sink', () => {
  it('keeps rows while the engine is down, refuses beyond its limit, and says both', async () => {
    const problems: string[] = []
    const rows = createRowSink({
      client,
      flushMsMax: 1,
      waitingMax: 10,
      retryMsMin: 20,
      retryMsMax: 100,
      onProblem: sentence => problems.push(sentence)
    })
    const restarts = server.engine.restarts()
    process.kill(server.engine.pid()!, 'SIGKILL')
    const changes = (n: number): LightChange[] =>
      Array.from({ length: n }, (_, i) => light(`kept-${i}`, t0, 'green', 'red'))
    expect(rows.lightChanges(changes(8))).toBe(true)
    expect(rows.lightChanges(changes(8))).toBe(false)
    await rows.flush()
    expect(server.engine.restarts()).toBe(restarts + 1)
    expect(problems[0]).toMatch(/rows of light_changes wait for ClickHouse/)
    expect(problems[1]).toMatch(/8 rows of light_changes were refused/)
    const found = await client.query({
      query: "SELECT count() AS n FROM light_changes WHERE node LIKE 'kept-%'",
      format: 'JSONEachRow'
    })
    expect(await found.json()).toEqual([{ n: 8 }])
    await rows.close(1000)
  })
})

describe('the mirror of the inventory', () => {
  it('is replaced whole', async () => {
    const node = (id: string): InventoryNode => ({
      id,
      tier: 'building',
      name: `Дом ${id}`,
      parents: ['ku-1'],
      addresses: ['ул. Тютчева, 1'],
      subscribers: 40,
      premises: 'apartment',
      maintenance: false
    })
    const device: InventoryDevice = {
      id: 'sw-1',
      node: 'a',
      role: 'switch',
      vendor: 'd-link',
      model: 'DES-3200',
      identifiers: ['10.0.0.1'],
      intervalS: 60,
      ports: []
    }
    await replaceInventory(client, ['a', 'b'].map(node), [device], 'host-1')
    await replaceInventory(client, ['b', 'c'].map(node), [device], 'host-2')
    const found = await client.query({
      query: 'SELECT id, name, addresses FROM nodes ORDER BY id',
      format: 'JSONEachRow'
    })
    expect(await found.json()).toEqual(
      ['b', 'c'].map(id => ({ id, name: `Дом ${id}`, addresses: ['ул. Тютчева, 1'] }))
    )
    const devices = await client.query({ query: 'SELECT id, interval_s FROM devices', format: 'JSONEachRow' })
    expect(await devices.json()).toEqual([{ id: 'sw-1', interval_s: 60 }])
    const left = await client.query({
      query: "SELECT name FROM system.tables WHERE database = 'h' AND name LIKE '%next%'",
      format: 'JSONEachRow'
    })
    expect(await left.json()).toEqual([])
  })
})
