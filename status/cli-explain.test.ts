import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFakeView } from '../test/support/fake-view.ts'
import { explainCommand, type ExplainOptions } from './cli-explain.ts'
import { createStatusServer, type StatusServer } from './http/server.ts'

const startMs = Date.UTC(2026, 10, 22, 10, 0, 0)
let server: StatusServer
let url = ''

beforeAll(async () => {
  const view = createFakeView({
    districts: 1,
    areasPerDistrict: 1,
    campusesPerArea: 1,
    buildingsPerCampus: 2,
    nowMs: () => startMs
  })
  server = await createStatusServer({
    view,
    history: view,
    registry: new Registry(),
    logger: pino({ enabled: false }),
    host: '127.0.0.1',
    port: 0,
    tokens: ['secret'],
    version: '1.2.3',
    processMetrics: false,
    nowMs: () => startMs
  })
  url = (await server.listen()).url
})
afterAll(() => server.close())

async function run(change: Partial<ExplainOptions>): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await explainCommand({
    node: 'du-1-1-1-1',
    url,
    token: 'secret',
    language: 'en',
    json: false,
    only: {},
    all: false,
    print: text => (out += text),
    printError: text => (err += text),
    ...change
  })
  return { code, out, err }
}

describe('svetofor explain', () => {
  it('counts what is quiet, and tells all of it on demand', async () => {
    const short = await run({})
    expect(short.code).toBe(0)
    expect(short.out).toContain('sw-du-1-1-1-1: heard 5 s ago, silent after 3 min')
    expect(short.out).toContain('Quiet besides, 1: optics.rx/low. All of them: --all')
    const { out } = await run({ all: true })
    expect(out).toContain('OK  optics.rx/low  sw-du-1-1-1-1 25')
    expect(out).toContain(
      'Not raised: optics.rx_dbm = −17.5 dBm (40 s ago), limit: below −22 dBm, in the rule'
    )
    expect(out).toContain('Would raise it: warning: optics.rx_dbm below −22 dBm, for 60 s at least')
    expect(out).toContain('Rule: rules.yaml:2')
    expect(out).toContain('clock behind by 120 min')
    expect(out).toContain('Record: telemetry/3@42, 2026-11-22T09:59:20.000Z')
  })

  it('speaks Russian, and JSON', async () => {
    const { out } = await run({ all: true, language: 'ru' })
    expect(out).toMatch(/sw-du-1-1-1-1: слышно .*часы отстают на 120 мин/)
    expect(out).toContain('НОРМА  optics.rx/low  sw-du-1-1-1-1 25')
    expect(out).toContain('порог: ниже −22 dBm, из правила')
    expect(JSON.parse((await run({ json: true })).out)).toMatchObject({
      id: 'du-1-1-1-1',
      total: 1,
      rules: [
        {
          rule: 'optics.rx/low',
          state: 'quiet',
          levels: [
            { severity: 'warning', inputs: [{ value: -17.5, ageMs: 40_000, limit: -22, clearLimit: -21 }] }
          ]
        }
      ],
      devices: [{ id: 'sw-du-1-1-1-1', silent: false }]
    })
  })

  it('shows only what was asked for', async () => {
    expect((await run({ only: { rule: 'optics.rx/low', instance: '25' }, all: true })).out).toContain('OK')
    expect((await run({ only: { instance: '26' } })).out).toContain('No rule applies')
  })

  it('says that the node is not there, and that nobody answers', async () => {
    const missing = await run({ node: 'nowhere' })
    expect(missing.code).toBe(4)
    expect(missing.err).toContain('nowhere')
    expect((await run({ token: 'wrong' })).code).toBe(5)
    const silent = await run({ url: 'http://127.0.0.1:9', language: 'ru' })
    expect(silent.code).toBe(5)
    expect(silent.err).toContain('не ответил')
  })
})
