import { readFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import { ProblemsError } from '../../schemas/config/located-yaml.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { createFakeView, type FakeView } from '../../test/support/fake-view.ts'
import { createStatusServer, statusLimits, type StatusServer, type StatusServerOptions } from './server.ts'
import { tokenTries } from './auth.ts'
import { problemTypes } from './problems.ts'

const servers: StatusServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.close()))
})

const startMs = Date.UTC(2026, 10, 22, 10, 0, 0)
const latestReadings = () => Promise.resolve([])

async function startServer(
  change: Partial<StatusServerOptions> = {}
): Promise<{ server: StatusServer; view: FakeView; clock: { nowMs: number } }> {
  const clock = { nowMs: startMs }
  const view = createFakeView({
    districts: 2,
    areasPerDistrict: 2,
    campusesPerArea: 2,
    buildingsPerCampus: 5,
    nowMs: () => clock.nowMs
  })
  const server = await createStatusServer({
    view,
    history: view,
    registry: new Registry(),
    logger: pino({ enabled: false }),
    host: '127.0.0.1',
    port: 0,
    tokens: [],
    version: '1.2.3',
    processMetrics: false,
    nowMs: () => clock.nowMs,
    ...change
  })
  servers.push(server)
  return { server, view, clock }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  readonly json: () => unknown
}

async function ask(
  server: StatusServer,
  url: string,
  headers: Record<string, string> = {},
  method: 'GET' | 'POST' | 'HEAD' = 'GET'
): Promise<Answer> {
  const answer = await server.app.inject({ method, url, headers })
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: answer.body,
    json: () => JSON.parse(answer.body) as unknown
  }
}

const at = (address: string): string => `/api/v1/status?address=${encodeURIComponent(address)}`

function expectProblem(answer: Answer, status: number, type: string): void {
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(answer.status).toBe(status)
  expect(answer.json()).toMatchObject({
    type: `/problems/${type}`,
    status,
    title: expect.stringMatching(/\w/) as string,
    detail: expect.stringMatching(/\w/) as string,
    instance: expect.stringMatching(/^\/[^?]*$/) as string
  })
}

describe('a look-up by address', () => {
  it('answers with the light, its cause, the way to the core and the incident', async () => {
    const { server, view } = await startServer()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    const answer = await ask(server, at('Тютчева 3'))
    expect(answer.status).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.json()).toMatchObject({
      at: '2026-11-22T10:00:00.000Z',
      atMs: startMs,
      query: 'Тютчева 3',
      match: { address: 'ул. Тютчева, 3', nodeId: 'du-1-1-1-2', tier: 'building', score: 1 },
      node: {
        effective: 'grey',
        own: 'green',
        since: '2026-11-22T10:00:00.000Z',
        maintenance: false,
        cause: { by: 'upstream', node: 'ku-1-1-1', nodeName: 'КУ Северный 1/1', kind: 'power' },
        wayToCore: [
          { id: 'ku-1-1-1', effective: 'red' },
          { id: 'ru-1-1' },
          { id: 'ou-1' },
          { id: 'cu-1', effective: 'green' }
        ],
        incidents: [
          { root: 'ku-1-1-1', rootName: 'КУ Северный 1/1', affectedNodes: 6, affectedSubscribers: 320 }
        ]
      }
    })
  })

  it('gives the nearest candidates of an address that no single building has', async () => {
    const { server } = await startServer()
    const answer = await ask(server, `${at('Тютчева')}&limit=3`)
    expectProblem(answer, 404, 'address-not-found')
    expect(answer.json()).toMatchObject({ outcome: 'list', streets: [] })
    const { candidates, detail } = answer.json() as { candidates: { address: string }[]; detail: string }
    expect(candidates.map(c => c.address)).toEqual(['ул. Тютчева, 1', 'ул. Тютчева, 2', 'ул. Тютчева, 3'])
    expect(detail).toContain('ул. Тютчева, 1')
  })

  it('gives an empty list where nothing is near', async () => {
    const { server } = await startServer()
    const answer = await ask(server, at('Несуществующая 77'))
    expectProblem(answer, 404, 'address-not-found')
    expect(answer.json()).toMatchObject({ candidates: [] })
  })

  it.each([
    ['/api/v1/status', 'address'],
    ['/api/v1/status?address=', 'address'],
    ['/api/v1/status?address=%20%20', 'must not be blank'],
    [`/api/v1/status?address=${'a'.repeat(1001)}`, '1000'],
    ['/api/v1/status?address=a&limit=0', 'limit'],
    ['/api/v1/status?address=a&limit=x', 'limit'],
    ['/api/v1/status?address=a&colour=red', 'colour'],
    ['/api/v1/nodes?light=blue', 'green, yellow, grey, red'],
    ['/api/v1/nodes?tier=roof', 'core, district'],
    ['/api/v1/alarms?open=maybe', 'open'],
    ['/api/v1/nodes/cu-1/history?from=yesterday', 'ISO 8601'],
    ['/api/v1/nodes/cu-1/history?from=2026-11-23&to=2026-11-22', 'from'],
    ['/api/v1/nodes/%E0%A4%A', 'encoding']
  ])('refuses %s', async (url, says) => {
    const { server } = await startServer()
    const answer = await ask(server, url)
    expectProblem(answer, 400, 'bad-request')
    expect((answer.json() as { detail: string }).detail).toContain(says)
  })
})

describe('the other answers', () => {
  it('suggests addresses while they are typed', async () => {
    const { server, view } = await startServer()
    const typed = await ask(server, `/api/v1/addresses?q=${encodeURIComponent('тютч')}&limit=2`)
    expect(typed.json()).toMatchObject({
      items: [{ address: 'ул. Тютчева, 1' }, { address: 'ул. Тютчева, 2' }]
    })
    const exact = await ask(server, `/api/v1/addresses?q=${encodeURIComponent('тютчева 2')}`)
    expect(exact.json()).toMatchObject({ items: [{ address: 'ул. Тютчева, 2', score: 1 }] })
    const found = view.lookup('тютчева 2', 10)
    view.lookup = () => ({ ...found, candidates: found.match === null ? [] : [found.match] })
    const both = await ask(server, `/api/v1/addresses?q=${encodeURIComponent('тютчева 2')}`)
    expect((both.json() as { items: unknown[] }).items).toHaveLength(1)
  })

  it('pages through the nodes by tier and light', async () => {
    const { server, view } = await startServer()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    const first = (await ask(server, '/api/v1/nodes?tier=building&light=grey&limit=3')).json() as {
      items: { id: string }[]
      total: number
      next: string
    }
    expect(first).toMatchObject({ total: 5, next: 'du-1-1-1-3' })
    const second = (
      await ask(server, `/api/v1/nodes?tier=building&light=grey&limit=3&after=${first.next}`)
    ).json()
    expect(second).toMatchObject({ items: [{ id: 'du-1-1-1-4' }, { id: 'du-1-1-1-5' }], next: null })
    const named = await ask(server, `/api/v1/nodes?name=${encodeURIComponent('южный 2/')}`)
    expect(named.json()).toMatchObject({ total: 2 })
  })

  it('opens the tree a level at a time, whole or only where there is trouble', async () => {
    const { server, view } = await startServer()
    view.fail('ku-1-2-2', { kind: 'power', severity: 'critical' })
    const levelOf = async (query: string) =>
      (await ask(server, `/api/v1/nodes?${query}`)).json() as {
        items: { id: string; children: number; below: object }[]
        total: number
        next: string | null
      }
    const idsOf = async (query: string) => (await levelOf(query)).items.map(({ id }) => id)
    expect(await levelOf('top=true')).toMatchObject({
      items: [{ id: 'cu-1', children: 2, parents: [], below: { red: 1, grey: 5, yellow: 0 } }],
      total: 1
    })
    expect(await idsOf('parent=cu-1')).toEqual(['ou-1', 'ou-2'])
    expect(await levelOf('parent=cu-1&trouble=true')).toMatchObject({ items: [{ id: 'ou-1' }], total: 1 })
    expect(await idsOf('parent=ou-1&trouble=true')).toEqual(['ru-1-2'])
    expect(await idsOf('path=du-1-2-2-5')).toEqual(['cu-1', 'ou-1', 'ru-1-2', 'ku-1-2-2', 'du-1-2-2-5'])
    expect((await levelOf('under=ou-1&trouble=true')).total).toBe(6)
    expect((await levelOf('under=ou-2&trouble=true')).total).toBe(0)
    expect((await levelOf('under=ou-2&tier=campus')).total).toBe(4)
    const named = await levelOf(`under=ou-2&name=${encodeURIComponent('южный 2/')}&limit=1`)
    expect(named).toMatchObject({ total: 2, next: 'ku-2-2-1' })
    expect(await idsOf(`under=ou-2&name=${encodeURIComponent('южный 2/')}&after=ku-2-2-1`)).toEqual([
      'ku-2-2-2'
    ])
  })

  it('gives pages of more than it makes at once, in order and each node once', async () => {
    const view = createFakeView({
      ...{ districts: 2, areasPerDistrict: 2, campusesPerArea: 5, buildingsPerCampus: 40 },
      nowMs: () => startMs
    })
    const { server } = await startServer({ view })
    const seen: string[] = []
    for (let after = ''; ;) {
      const page = (
        await ask(server, `/api/v1/nodes?limit=350${after === '' ? '' : `&after=${after}`}`)
      ).json() as {
        items: { id: string; parents: string[] }[]
        total: number
        next: string | null
      }
      expect(page.total).toBe(827)
      for (const { id, parents } of page.items) {
        for (const parent of parents) expect(seen).toContain(parent)
        seen.push(id)
      }
      if (page.next === null) break
      expect(page.items).toHaveLength(350)
      after = page.next
    }
    expect(new Set(seen).size).toBe(827)
    expect(seen).toHaveLength(827)
  })

  it.each([
    ['nodes?parent=nobody', 404, 'node-not-found'],
    ['nodes?under=nobody', 404, 'node-not-found'],
    ['nodes?path=nobody', 404, 'node-not-found'],
    ['nodes?after=nobody', 400, 'bad-request'],
    ['nodes?parent=cu-1&tier=area', 400, 'bad-request'],
    ['nodes?parent=cu-1&under=cu-1', 400, 'bad-request'],
    ['nodes?top=false', 400, 'bad-request'],
    ['incidents?under=nobody', 404, 'node-not-found'],
    ['incidents?after=nonsense', 400, 'bad-request'],
    ['incidents?sort=colour', 400, 'bad-request']
  ])('refuses %s', async (path, status, type) => {
    const { server } = await startServer()
    expectProblem(await ask(server, `/api/v1/${path}`), status, type)
  })

  it('gives incidents by kind, tier and district, in order and page by page', async () => {
    const { server, view, clock } = await startServer()
    const fail = (node: string, kind: 'power' | 'optics', severity: 'critical' | 'warning'): void => {
      view.fail(node, { kind, severity })
      clock.nowMs += 1000
    }
    fail('ku-1-1-1', 'power', 'critical')
    fail('du-1-2-1-1', 'optics', 'warning')
    fail('ru-2-1', 'power', 'critical')
    fail('du-2-2-1-1', 'optics', 'warning')
    view.setMaintenance('ru-2-1', true)
    fail('ku-2-2-2', 'power', 'critical')
    view.clear('ku-2-2-2')
    const page = async (query = '') =>
      (await ask(server, `/api/v1/incidents?open=true${query}`)).json() as {
        items: { root: string }[]
        total: number
        next: string | null
      }
    const roots = async (query = '') => (await page(query)).items.map(({ root }) => root)
    expect(await roots()).toEqual(['ku-1-1-1', 'du-1-2-1-1', 'du-2-2-1-1', 'ru-2-1'])
    expect(await roots('&sort=newest')).toEqual(['du-2-2-1-1', 'ru-2-1', 'du-1-2-1-1', 'ku-1-1-1'])
    expect(await roots('&kind=optics')).toEqual(['du-1-2-1-1', 'du-2-2-1-1'])
    expect(await roots('&tier=campus')).toEqual(['ku-1-1-1'])
    expect(await roots('&under=ou-2&sort=oldest')).toEqual(['ru-2-1', 'du-2-2-1-1'])
    expect((await ask(server, '/api/v1/incidents')).json()).toMatchObject({ total: 5 })
    const first = await page('&limit=3')
    expect(first).toMatchObject({ total: 4 })
    // The last one of a page may be over when the next page is asked for.
    view.clear('du-2-2-1-1')
    expect(await roots(`&limit=3&after=${first.next ?? ''}`)).toEqual(['ru-2-1'])
  })

  it('lists incidents, alarms with evidence, and unknown devices', async () => {
    const { server, view, clock } = await startServer()
    view.fail('du-1-1-1-1', { kind: 'optics', severity: 'warning' })
    clock.nowMs += 1000
    view.fail('ku-2-1-1', { kind: 'link', severity: 'major' })
    view.clear('ku-2-1-1')
    expect((await ask(server, '/api/v1/incidents?open=true')).json()).toMatchObject({
      items: [{ root: 'du-1-1-1-1', kind: 'optics', closedAt: null, openedAt: '2026-11-22T10:00:00.000Z' }]
    })
    expect((await ask(server, '/api/v1/incidents?open=false')).json()).toMatchObject({
      items: [{ root: 'ku-2-1-1', closedAt: '2026-11-22T10:00:01.000Z' }]
    })
    expect((await ask(server, '/api/v1/alarms?open=true&node=du-1-1-1-1')).json()).toMatchObject({
      items: [
        {
          type: 'optics.rx_low',
          severity: 'warning',
          evidence: {
            signal: 'optics.rx_dbm',
            value: -27.4,
            unit: 'dBm',
            limit: -24,
            coordinates: { topic: 'telemetry', partition: 3, offset: 184_467 }
          }
        }
      ]
    })
    expectProblem(await ask(server, '/api/v1/alarms?node=nobody'), 404, 'node-not-found')
    expect((await ask(server, '/api/v1/unknown-devices')).json()).toMatchObject({
      items: [{ identifier: '10.77.0.14', series: 41, firstSeen: '2026-11-22T10:00:00.000Z' }]
    })
  })

  it('sums the network up', async () => {
    const { server, view } = await startServer()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    expect((await ask(server, '/api/v1/summary')).json()).toMatchObject({
      nodes: 55,
      lights: { green: 49, yellow: 0, red: 1, grey: 5 },
      openIncidents: 1
    })
  })

  it('says how new what it answers is, and by how much the data is late', async () => {
    const { server, view } = await startServer()
    view.setFreshness({ asOfMs: startMs - 90_000, lateMs: 90_000 })
    const node = encodeURIComponent(view.outline('core', undefined, 1)[0]?.id ?? '')
    for (const url of ['/api/v1/summary', '/api/v1/incidents', `/api/v1/nodes/${node}`, '/api/v1/tree']) {
      const answer = await ask(server, url)
      expect(answer.json(), url).toMatchObject({ asOfMs: startMs - 90_000, lateMs: 90_000 })
      expect(answer.headers['svetofor-as-of'], url).toBe('2026-11-22T09:58:30.000Z')
    }
    expect((await ask(server, '/api/v1/nodes/none')).headers['svetofor-as-of']).toBeDefined()
    // Just after a start nothing is claimed.
    view.setFreshness({ asOfMs: null, lateMs: 0 })
    const started = await ask(server, '/api/v1/summary')
    expect(started.json()).toMatchObject({ asOf: null, asOfMs: null, lateMs: 0 })
    expect(started.headers['svetofor-as-of']).toBeUndefined()
  })

  it('says that a node is not there', async () => {
    const { server } = await startServer()
    expectProblem(await ask(server, '/api/v1/nodes/nobody'), 404, 'node-not-found')
    expectProblem(await ask(server, '/api/v1/nodes/nobody/history'), 404, 'node-not-found')
    expectProblem(await ask(server, '/api/v2/nothing'), 404, 'no-such-route')
    expectProblem(await ask(server, '/api/v1/incidents', {}, 'POST'), 404, 'no-such-route')
  })

  it('reads the history of a node within the span', async () => {
    const { server, view } = await startServer()
    view.setHistory([
      { atMs: startMs - 1000, kind: 'light', data: { from: 'green', to: 'red', anything: { else: 1 } } },
      { atMs: startMs - 2 * 24 * 3600 * 1000, kind: 'alarm', data: { type: 'old' } }
    ])
    expect((await ask(server, '/api/v1/nodes/cu-1/history')).json()).toMatchObject({
      node: 'cu-1',
      from: '2026-11-21T10:00:00.000Z',
      to: '2026-11-22T10:00:00.000Z',
      items: [{ at: '2026-11-22T09:59:59.000Z', kind: 'light', data: { to: 'red', anything: { else: 1 } } }]
    })
    const span = `from=2026-11-19T13:00:00%2B03:00&to=${startMs - 5000}`
    const older = (await ask(server, `/api/v1/nodes/cu-1/history?${span}`)).json()
    expect(older).toMatchObject({ from: '2026-11-19T10:00:00.000Z', items: [{ kind: 'alarm' }] })
  })

  it('says so when the history cannot be read, is late, or is asked too often', async () => {
    const broken = await startServer({
      history: { latestReadings, nodeHistory: async () => Promise.reject(new Error('no host')) }
    })
    const answer = await ask(broken.server, '/api/v1/nodes/cu-1/history')
    expectProblem(answer, 503, 'history-unavailable')
    expect(answer.body).not.toContain('no host')

    const late = await startServer({
      history: { latestReadings, nodeHistory: () => new Promise(() => undefined) },
      limits: { historyTimeoutMs: 20, historyConcurrentMax: 1 }
    })
    const [first, second] = await Promise.all([
      ask(late.server, '/api/v1/nodes/cu-1/history'),
      ask(late.server, '/api/v1/nodes/cu-1/history')
    ])
    expectProblem(first, 504, 'history-timeout')
    expectProblem(second, 503, 'history-unavailable')
    expect(second.headers['retry-after']).toBe('2')
  })

  it('hides what went wrong inside, and logs it', async () => {
    const lines: string[] = []
    const { server, view } = await startServer({
      logger: pino({ level: 'error' }, { write: (line: string) => lines.push(line) })
    })
    view.incidents = () => {
      throw new Error('secret detail')
    }
    const answer = await ask(server, '/api/v1/incidents')
    expectProblem(answer, 500, 'internal')
    expect(answer.body).not.toContain('secret detail')
    expect(lines.join()).toContain('secret detail')
  })
})

describe('the tree', () => {
  it('is sent whole, compressed where asked, and not again while nothing changes', async () => {
    const { server, view, clock } = await startServer()
    const plain = await ask(server, '/api/v1/tree')
    const tree = plain.json() as {
      nodes: { id: string; effective: string }[]
      complete: boolean
      total: number
    }
    expect(tree).toMatchObject({ complete: true, total: 55 })
    expect(tree.nodes[0]).toMatchObject({ id: 'cu-1', effective: 'green', parents: [], sinceMs: null })
    const packed = await server.app.inject({ url: '/api/v1/tree', headers: { 'accept-encoding': 'gzip' } })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body)
    const etag = String(plain.headers['etag'])
    expect((await ask(server, '/api/v1/tree', { 'if-none-match': etag })).status).toBe(304)

    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    clock.nowMs += statusLimits.treeMaxAgeMs
    const after = await ask(server, '/api/v1/tree', { 'if-none-match': etag })
    expect(after.status).toBe(200)
    expect((after.json() as typeof tree).nodes.find(node => node.id === 'ku-1-1-1')).toMatchObject({
      effective: 'red'
    })
  })

  it('leaves the lowest tiers out of a network that is too large', async () => {
    const { server } = await startServer({ limits: { treeNodesMax: 20 } })
    const tree = (await ask(server, '/api/v1/tree')).json() as { nodes: { tier: string }[] }
    expect(tree).toMatchObject({ complete: false, total: 55 })
    expect(tree.nodes).toHaveLength(15)
    expect(new Set(tree.nodes.map(node => node.tier))).toEqual(
      new Set(['core', 'district', 'area', 'campus'])
    )
  })
})

describe('operations', () => {
  it('is alive, and ready when every part is', async () => {
    const { server, view } = await startServer()
    expect((await ask(server, '/health/live')).json()).toEqual({ status: 'ok', version: '1.2.3' })
    expect((await ask(server, '/health/ready')).json()).toEqual({
      ready: true,
      parts: { state: { ok: true, detail: 'restored' } }
    })
    view.setReadiness({
      ready: false,
      parts: {
        clickhouse: { ok: false, detail: 'not reached for 12 s' },
        kafka: { ok: true, detail: 'joined' }
      }
    })
    const answer = await ask(server, '/health/ready')
    expectProblem(answer, 503, 'not-ready')
    expect(answer.json()).toMatchObject({
      detail: 'clickhouse: not reached for 12 s',
      parts: { clickhouse: { ok: false }, kafka: { ok: true } }
    })
  })

  it('answers no question about the network before its state is restored', async () => {
    const { server, view } = await startServer()
    view.setReadiness({ ready: false, parts: { state: { ok: false, detail: 'alarms are being restored' } } })
    for (const url of [at('Тютчева 3'), '/api/v1/tree', '/api/v1/summary', '/api/v1/events']) {
      const answer = await ask(server, url)
      expectProblem(answer, 503, 'starting')
      expect(answer.headers['retry-after']).toBe('1')
    }
    expect((await ask(server, '/health/live')).status).toBe(200)
    expect((await ask(server, '/metrics')).status).toBe(200)
    view.setReadiness({ ready: true, parts: { state: { ok: true, detail: '' } } })
    expect((await ask(server, '/api/v1/summary')).status).toBe(200)
  })

  it('documents every problem', () => {
    const text = readFileSync(join(packageRoot, 'docs', 'api-problems.md'), 'utf8')
    const documented = [...text.matchAll(/^\| `\/problems\/([\w-]+)` +\| (\d+) +\| (.+?) +\|/gm)]
    expect(documented.map(([, type, status, title]) => ({ type, status: Number(status), title }))).toEqual(
      Object.entries(problemTypes).map(([type, { status, title }]) => ({ type, status, title }))
    )
  })

  it('reloads once at a time and reports every error with its place', async () => {
    let running = false
    let release = (): void => undefined
    const { server } = await startServer({
      reload: async () => {
        running = true
        await new Promise<void>(resolve => (release = resolve))
        return { inventoryVersion: 2, nodes: 55, devices: 60 }
      }
    })
    const first = ask(server, '/api/v1/reload', {}, 'POST')
    await expect.poll(() => running).toBe(true)
    expectProblem(await ask(server, '/api/v1/reload', {}, 'POST'), 409, 'reload-running')
    release()
    expect((await first).json()).toEqual({ inventoryVersion: 2, nodes: 55, devices: 60 })

    const bad = await startServer({
      reload: async () =>
        Promise.reject(
          new ProblemsError([
            {
              file: 'nodes.yaml',
              line: 3,
              column: 5,
              path: 'nodes[0].parents',
              message: 'no such parent: ku-9',
              remedy: 'correct the id'
            }
          ])
        )
    })
    const answer = await ask(bad.server, '/api/v1/reload', {}, 'POST')
    expectProblem(answer, 422, 'bad-inventory')
    expect(answer.json()).toMatchObject({
      errors: [
        { file: 'nodes.yaml', line: 3, column: 5, detail: 'no such parent: ku-9', remedy: 'correct the id' }
      ]
    })
    const none = await startServer()
    expectProblem(await ask(none.server, '/api/v1/reload', {}, 'POST'), 501, 'no-reload')
  })

  it.each([{ 'sec-fetch-site': 'cross-site' }, { origin: 'http://evil.example' }])(
    'does not reload for a page of another site: %o',
    async headers => {
      let reloads = 0
      const { server } = await startServer({
        reload: async () => {
          reloads++
          return { inventoryVersion: 1, nodes: 0, devices: 0 }
        }
      })
      expectProblem(await ask(server, '/api/v1/reload', headers, 'POST'), 403, 'cross-site')
      expect(reloads).toBe(0)
    }
  )

  it('gives metrics that count the requests by route', async () => {
    const { server } = await startServer()
    await ask(server, at('Тютчева 3'))
    await ask(server, '/wp-login.php')
    const { body, headers } = await ask(server, '/metrics')
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(body).toMatch(
      /svetofor_http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/status",status="200"\} 1/
    )
    expect(body).toMatch(/svetofor_lookup_duration_seconds_count\{by="address",outcome="found"\} 1/)
    expect(body).not.toContain('wp-login')
  })
})

describe('who may ask', () => {
  const token = 'correct-horse-battery-staple'
  it('wants a token where tokens are configured, except for the shell of the page and liveness', async () => {
    const { server } = await startServer({ tokens: ['another', token], host: '0.0.0.0' })
    for (const url of ['/api/v1/summary', at('Тютчева 3'), '/metrics', '/health/ready', '/api/v1/events']) {
      const refused = await ask(server, url)
      expectProblem(refused, 401, 'unauthorized')
      expect(refused.headers['www-authenticate']).toBe('Bearer realm="svetofor"')
    }
    expect((await ask(server, '/api/v1/summary', { authorization: `Bearer ${token}` })).status).toBe(200)
    expect((await ask(server, '/api/v1/summary', { authorization: `bearer ${token}` })).status).toBe(200)
    for (const authorization of [`Bearer ${token}x`, 'Bearer ', `Basic ${token}`, token]) {
      expectProblem(await ask(server, '/api/v1/summary', { authorization }), 401, 'unauthorized')
    }
    for (const url of ['/', '/app.js', '/health/live', '/docs', '/openapi.json']) {
      expect((await ask(server, url)).status, url).toBe(200)
    }
    expectProblem(await ask(server, '/nothing'), 401, 'unauthorized')
  })

  it('refuses an address that tries token after token, but for tokens that are in use, and says so once', async () => {
    const lines: string[] = []
    const [inUse, other] = ['a-token-that-is-in-use', 'a-token-nobody-has-used']
    const { server, clock } = await startServer({
      tokens: [inUse, other],
      logger: pino({ level: 'warn' }, { write: line => void lines.push(line) })
    })
    const by = (token: string) => ask(server, '/api/v1/summary', { authorization: `Bearer ${token}` })
    expect((await by(inUse)).status).toBe(200)
    for (let i = 0; i < tokenTries.max; i++) expect((await by(`wrong-${i}`)).status).toBe(401)
    const refused = await by(other)
    expectProblem(refused, 429, 'too-many-tries')
    expect(refused.headers['retry-after']).toBe('60')
    expect((await by(inUse)).status).toBe(200)
    expect(lines).toHaveLength(1)
    clock.nowMs += tokenTries.perMs
    expect((await by(other)).status).toBe(200)
  })

  it('answers health though a thousand connections stand open and say nothing', async () => {
    const { server } = await startServer({ limits: { connectionsMax: 50 } })
    const { url } = await server.listen()
    const port = Number(new URL(url).port)
    const idle = await Promise.all(
      Array.from(
        { length: 200 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve, reject) => {
            const socket = connect(port, '127.0.0.1', () => resolve(socket))
            socket.on('error', reject)
          })
      )
    )
    const answer = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(2000) })
    expect(answer.status).toBe(200)
    for (const socket of idle) socket.destroy()
  })

  it('has nothing at paths that lead out of its folders', async () => {
    const { server } = await startServer()
    const { url } = await server.listen()
    const port = Number(new URL(url).port)
    for (const path of [
      '/../package.json',
      '/docs/static/../../../package.json',
      '/docs/static/..%2f..%2fpackage.json',
      '/%2e%2e/x',
      '/a/..'
    ]) {
      const status = await new Promise<string>((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () =>
          socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)
        )
        let text = ''
        socket.on('data', chunk => (text += chunk.toString()))
        socket.on('end', () => resolve(text.split(' ')[1] ?? ''))
        socket.on('error', reject)
      })
      expect(status, path).toBe('404')
    }
  })

  it('refuses to bind beyond loopback without tokens', async () => {
    await expect(startServer({ host: '0.0.0.0' })).rejects.toThrow(/status\.tokens/)
  })

  it('answers without tokens only to its own names', async () => {
    const { server } = await startServer({ allowedHosts: ['svetofor.example'] })
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:8080', 'Svetofor.example']) {
      expect((await ask(server, '/health/live', { host })).status, host).toBe(200)
    }
    expectProblem(await ask(server, '/api/v1/summary', { host: 'evil.example' }), 421, 'wrong-host')
  })

  it('says in one sentence that the port is taken', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const { server } = await startServer({ port })
    await expect(server.listen()).rejects.toThrow(
      `status endpoint: port ${port} of 127.0.0.1 is taken by another program; stop it, or set status.port to another`
    )
    taken.close()
  })
})

describe('limits and headers', () => {
  it('limits URLs, bodies and headers', async () => {
    const { server } = await startServer({
      reload: async () => ({ inventoryVersion: 1, nodes: 0, devices: 0 })
    })
    expectProblem(await ask(server, `/api/v1/summary?${'x'.repeat(5000)}`), 414, 'url-too-long')
    const big = await server.app.inject({
      method: 'POST',
      url: '/api/v1/reload',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ a: 'x'.repeat(20_000) })
    })
    expect(big.statusCode).toBe(413)
    expect(big.json()).toMatchObject({ type: '/problems/too-large' })
    const odd = await server.app.inject({
      method: 'POST',
      url: '/api/v1/reload',
      headers: { 'content-type': 'application/x-odd' },
      payload: 'x'
    })
    expect(odd.json()).toMatchObject({ type: '/problems/unsupported-media-type', status: 415 })

    const { url } = await server.listen()
    const raw = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => {
        socket.write(`GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${'x'.repeat(30_000)}\r\n\r\n`)
      })
      socket.on('data', chunk => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
    })
    expect(raw).toContain('HTTP/1.1 431')
    expect(raw).toContain('"type":"/problems/headers-too-large"')
  })

  it('sends the page without room for foreign scripts', async () => {
    const { server } = await startServer()
    const page = await ask(server, '/')
    expect(page.headers['content-security-policy']).toContain("script-src 'self'")
    expect(page.headers['content-security-policy']).not.toContain('unsafe')
    expect(page.headers['cache-control']).toBe('no-cache')
    expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=|https?:\/\/(?!www\.w3\.org)/)
    const data = await ask(server, '/api/v1/summary')
    expect(data.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    expect((await ask(server, '/../../package.json')).status).toBe(404)
    expect((await ask(server, '/..%2f..%2fpackage.json')).status).toBe(404)
  })
})

interface OpenApi {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
}
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters?: readonly { name: string; in: string; schema: object }[]
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
}

describe('OpenAPI', () => {
  it('describes every route, and the real answers are as it says', async () => {
    const { server, view } = await startServer()
    view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
    view.setHistory([{ atMs: startMs - 1000, kind: 'light', data: { to: 'red' } }])
    const api = (await ask(server, '/openapi.json')).json() as OpenApi
    expect(api.openapi).toBe('3.1.0')
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false })
    const ids = new Set<string>()
    const examples: Record<string, string> = {
      '/api/v1/status': at('Тютчева 3'),
      '/api/v1/addresses': '/api/v1/addresses?q=a',
      '/api/v1/nodes/{id}': '/api/v1/nodes/ku-1-1-1',
      '/api/v1/nodes/{id}/history': '/api/v1/nodes/ku-1-1-1/history',
      '/api/v1/nodes/{id}/explain': '/api/v1/nodes/ku-1-1-1/explain'
    }
    let checked = 0
    for (const [path, operations] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        expect(operation.operationId, path).toMatch(/^\w+$/)
        expect(operation.summary, path).toMatch(/\w/)
        if (method === 'head') continue
        expect(ids.has(operation.operationId), operation.operationId).toBe(false)
        ids.add(operation.operationId)
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
        expect((operation.parameters ?? []).filter(p => p.in === 'path').map(p => p.name)).toEqual(inPath)
        for (const { schema } of operation.parameters ?? []) ajv.compile(schema)
        for (const [status, { content, description }] of Object.entries(operation.responses)) {
          expect(description, `${path} ${status}`).toMatch(/\w/)
          for (const { schema } of Object.values(content ?? {})) ajv.compile(schema)
        }
        const schema = operation.responses['200']?.content?.['application/json']?.schema
        if (method !== 'get' || schema === undefined) continue
        const answer = await ask(server, examples[path] ?? path)
        expect(answer.status, path).toBe(200)
        const valid = ajv.compile(schema)
        expect(valid(answer.json()), `${path}: ${ajv.errorsText(valid.errors)}`).toBe(true)
        checked++
      }
    }
    expect(checked).toBe(14)
    expect([...ids].sort()).toEqual([
      'addresses',
      'alarms',
      'events',
      'explainNode',
      'incidents',
      'live',
      'lookups',
      'metrics',
      'node',
      'nodeHistory',
      'nodes',
      'ready',
      'reload',
      'shadow',
      'status',
      'summary',
      'tree',
      'unknownDevices'
    ])
  })

  it('shows it as a page without outside assets', async () => {
    const { server } = await startServer()
    const page = await ask(server, '/docs')
    expect(page.status).toBe(200)
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//)
    const script = await ask(server, '/docs/static/swagger-initializer.js')
    expect(script.status).toBe(200)
  })
})
