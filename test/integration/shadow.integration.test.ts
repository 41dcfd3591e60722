import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../daemon/configuration.ts'
import { prepareDatabase } from '../../daemon/delivery/database.ts'
import { createLogger } from '../../daemon/process/logger.ts'
import { promoteCommand } from '../../daemon/shadow/promote.ts'
import { createMemorySource } from '../../ingest/adapters/memory-source.ts'
import { startDaemon, type Daemon } from '../../main.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, waitUntil } from '../support/daemon.ts'

// Rules in shadow through the whole daemon: judged by a thread of their own, without effect, and promoted.
const folder = mkdtempSync(join(tmpdir(), 'svetofor-shadow-'))
const configFile = join(folder, 'svetofor.yaml')
const trialFile = join(folder, 'trial.yaml')
const source = createMemorySource({ topics: { telemetry: 1 } })
let clickhouse: TestClickHouse
let daemon: Daemon

const rule = (limit: number): string => `rules:
  - name: t.hot
    kind: power
    severity: minor
    scope: device
    select: { signal: ups.temp_c }
    above: ${limit}
    hysteresis: 5
    hold: { raise_samples: 2, raise_s: 1 }
    text: { ru: 'Жарко {value}', en: 'Hot {value}' }
  - name: t.cold
    kind: power
    severity: minor
    scope: device
    select: { signal: ups.temp_c }
    below: 0
    text: { ru: 'Холодно {value}', en: 'Cold {value}' }
`

interface ShadowAnswer {
  readonly state: string
  readonly detail: string
  readonly files: readonly string[]
  readonly sinceMs: number | null
  readonly samples: number
  readonly dropped: number
  readonly total: number
  readonly items: readonly Readonly<Record<string, unknown>>[]
  readonly byRule: readonly Readonly<Record<string, unknown>>[]
}

const shadow = (query = ''): Promise<ShadowAnswer> => getJson(`${daemon.url}/api/v1/rules/shadow${query}`)
const openAlarms = async (): Promise<string[]> =>
  (
    await getJson<{ items: { type: string; device: string }[] }>(`${daemon.url}/api/v1/alarms?open=true`)
  ).items.map(({ type, device }) => `${device} ${type}`)
const post = (path: string): Promise<Response> => fetch(`${daemon.url}${path}`, { method: 'POST' })
const metric = async (start: string): Promise<string | undefined> =>
  (await (await fetch(`${daemon.url}/metrics`)).text()).split('\n').find(line => line.startsWith(start))

const report = (temps: readonly number[]): void => {
  source.append(
    'telemetry',
    0,
    temps.map((temp, i) => ({
      key: Buffer.from(`10.0.0.${i}`),
      value: Buffer.from(
        JSON.stringify({ device: `10.0.0.${i}`, time_ms: Date.now(), signals: { 'ups.temp_c': temp } })
      ),
      timestampMs: Date.now()
    }))
  )
}
/** The same values, report after report, until it is so. */
const reportUntil = async (
  temps: readonly number[],
  what: string,
  holds: () => Promise<boolean>
): Promise<void> => {
  await waitUntil(
    what,
    () => {
      report(temps)
      return holds()
    },
    held => held,
    30_000,
    400
  )
}

const start = async (): Promise<void> => {
  daemon = await startDaemon({
    config: await readConfig(configFile),
    reread: () => readConfig(configFile),
    logger: createLogger({ level: 'fatal', pretty: false }),
    version: '0',
    source,
    onFatal: error => {
      throw error
    }
  })
  await waitUntil(
    'ready',
    () => fetch(`${daemon.url}/health/ready`),
    answer => answer.ok,
    60_000
  )
}

beforeAll(async () => {
  clickhouse = await startTestClickHouse()
  writeFileSync(join(folder, 'live.yaml'), rule(50))
  writeFileSync(trialFile, rule(50))
  writeFileSync(
    join(folder, 'inventory.yaml'),
    `nodes:
  - { id: cu, tier: core, name: ЦУ }
  - { id: ku-0, tier: campus, name: КУ 0, parents: [cu] }
  - { id: ku-1, tier: campus, name: КУ 1, parents: [cu] }
devices:
  - { id: ups-0, node: ku-0, role: ups, identifiers: [10.0.0.0] }
  - { id: ups-1, node: ku-1, role: ups, identifiers: [10.0.0.1] }
`
  )
  writeFileSync(
    configFile,
    `clickhouse: { url: '${clickhouse.url}' }
inventory: { files: [inventory.yaml] }
status: { port: 0 }
workers: { threads: 1 }
rules:
  files: [live.yaml] # in force
  shadow: [trial.yaml]
`
  )
  await prepareDatabase(await readConfig(configFile))
  await start()
  await waitUntil('the shadow', shadow, ({ state }) => state === 'running', 60_000)
})
afterAll(async () => {
  await daemon.stop()
  await clickhouse.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('rules in shadow', () => {
  it('that are the live ones differ in nothing while alarms are raised and cleared', async () => {
    await reportUntil([60, 20], 'the alarm', async () => (await openAlarms()).includes('ups-0 t.hot'))
    await reportUntil([20, 20], 'its end', async () => (await openAlarms()).length === 0)
    await reportUntil([20, 20], 'time to tell', async () => Date.now() - (await shadow()).sinceMs! > 6000)
    const told = await shadow()
    expect(told).toMatchObject({ total: 0, items: [], byRule: [], dropped: 0, files: [trialFile] })
    expect(told.samples).toBeGreaterThan(20)
  })

  it('with a stricter limit gain the one alarm, which nobody else hears of', async () => {
    writeFileSync(trialFile, rule(40))
    expect((await post('/api/v1/reload')).status).toBe(200)
    await reportUntil([45, 30], 'the gained alarm', async () => (await shadow()).total >= 2)
    const { items, byRule } = await shadow()
    // A light changes with the next tick behind its alarm.
    expect([...items].sort((a, b) => String(a['change']).localeCompare(String(b['change'])))).toMatchObject([
      { change: 'gained', node: 'ku-0', rule: 't.hot', device: 'ups-0', is: 'minor', was: null, to: null },
      { change: 'light', node: 'ku-0', is: 'yellow', was: 'green', to: null }
    ])
    expect(byRule).toMatchObject([
      { name: 't.hot', gained: { open: 1, ended: 0 }, lost: { open: 0, ended: 0 } }
    ])
    expect(await shadow('?change=lost')).toMatchObject({ total: 0 })
    expect(await openAlarms()).toEqual([])
    expect(await getJson(`${daemon.url}/api/v1/nodes/ku-0`)).toMatchObject({ effective: 'green', alarms: [] })
    const line = 'svetofor_shadow_alarms{rule="t.hot",change="gained"} 1'
    expect(
      await waitUntil(
        'the metric',
        () => metric(line),
        found => found !== undefined,
        10_000
      )
    ).toBe(line)
    const bad = await fetch(`${daemon.url}/api/v1/rules/shadow?after=x`)
    expect(bad.status).toBe(400)
  })

  it('with an error refuse the reload as a whole, and those before go on', async () => {
    writeFileSync(trialFile, rule(40).replace('ups.temp_c', 'ups.temp_d'))
    const answer = await post('/api/v1/reload')
    expect(answer.status).toBe(422)
    expect(await answer.text()).toMatch(/trial\.yaml/)
    expect(await shadow('?change=gained')).toMatchObject({ state: 'running', total: 1 })
    writeFileSync(trialFile, rule(40))
  })

  it('begin anew with a restart, and find what differs again', async () => {
    await daemon.stop()
    await start()
    await reportUntil([45, 30], 'the gained alarm', async () => (await shadow('?change=gained')).total === 1)
    expect(await openAlarms()).toEqual([])
  })

  it('are the live ones when they are promoted, and nothing is in shadow', async () => {
    const said: string[] = []
    const print = (line: string): void => void said.push(line)
    const code = await promoteCommand({
      config: await readConfig(configFile),
      configFile,
      environment: {},
      url: daemon.url,
      token: '',
      print,
      printError: print
    })
    expect({ code, last: said.at(-1) }).toEqual({
      code: 0,
      last: `The daemon at ${daemon.url} has taken them over.`
    })
    expect(readFileSync(configFile, 'utf8')).toMatch(/files: \[trial\.yaml\] # in force\n {2}shadow: \[\]/)
    await reportUntil([45, 30], 'the alarm', async () => (await openAlarms()).includes('ups-0 t.hot'))
    expect(await shadow()).toMatchObject({ state: 'off', files: [], sinceMs: null, total: 0 })
    expect(await metric('svetofor_shadow_running')).toBe('svetofor_shadow_running 0')
  })
})
