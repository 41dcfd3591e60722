import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMemorySource } from '../../ingest/adapters/memory-source.ts'
import { createLogger } from '../../daemon/process/logger.ts'
import { prepareDatabase } from '../../daemon/delivery/database.ts'
import { startDaemon, type Daemon } from '../../main.ts'
import { loadConfig, type Config } from '../../schemas/config/reading.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, waitUntil } from '../support/daemon.ts'

// Reloading while records flow: what is new counts, what is bad changes nothing, and the database follows.
const folder = mkdtempSync(join(tmpdir(), 'svetofor-reload-'))
const source = createMemorySource({ topics: { telemetry: 1 } })
const inventoryFile = join(folder, 'inventory.yaml')
let clickhouse: TestClickHouse
let config: Config
let daemon: Daemon

const inventory = (second: string): string => `nodes:
  - { id: core, tier: core, name: ЦУ, parents: [] }
  - { id: ku-1, tier: campus, name: КУ 1, parents: [core], addresses: ['ул. Мира, 1'] }
${second}`
const withSecond =
  inventory(`  - { id: ku-2, tier: campus, name: КУ 2, parents: [core], addresses: ['ул. Мира, 2'] }
devices:
  - { id: sw-1, node: ku-1, role: switch, identifiers: [10.0.0.1] }
  - { id: sw-2, node: ku-2, role: switch, identifiers: [10.0.0.2], ports: [{ instance: '25', role: uplink, peer: core }] }
`)
const withoutSecond = inventory(`devices:
  - { id: sw-1, node: ku-1, role: switch, identifiers: [10.0.0.1] }
`)

const report = (device: string, operStatus: number): void => {
  const timeMs = Date.now()
  const metric = {
    fields: { ifAdminStatus: 1, ifOperStatus: operStatus },
    name: 'interface',
    tags: { source: device, ifIndex: '25' },
    timestamp: timeMs
  }
  source.append('telemetry', 0, [
    {
      key: Buffer.from(device),
      value: Buffer.from(JSON.stringify({ ...metric, timestamp: Math.floor(timeMs / 1000) })),
      timestampMs: timeMs
    }
  ])
}

const postReload = async (): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await fetch(`${daemon.url}/api/v1/reload`, { method: 'POST' })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
const unknown = async (): Promise<string[]> =>
  (await getJson<{ items: { identifier: string }[] }>(`${daemon.url}/api/v1/unknown-devices`)).items.map(
    each => each.identifier
  )

beforeAll(async () => {
  clickhouse = await startTestClickHouse()
  writeFileSync(inventoryFile, withoutSecond)
  const file = join(folder, 'svetofor.yaml')
  writeFileSync(
    file,
    `clickhouse: { url: '${clickhouse.url}' }
inventory: { files: [inventory.yaml] }
status: { port: 0 }
workers: { threads: 0 }
staleness: { settle_ms: 0 }
`
  )
  config = loadConfig({ file, env: {}, readFile: path => readFileSync(path, 'utf8') })
})
afterAll(async () => {
  await daemon.stop()
  await clickhouse.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('migrate', () => {
  it('makes the tables once, and finds nothing to do the second time', async () => {
    expect(await prepareDatabase(config)).toContain('0001_samples')
    expect(await prepareDatabase(config)).toEqual([])
  })
})

describe('reload', () => {
  beforeAll(async () => {
    daemon = await startDaemon({
      config,
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
  })

  it('lists a device that the inventory does not know, and judges nothing of it', async () => {
    report('10.0.0.2', 2)
    await waitUntil('the unknown device', unknown, found => found.includes('10.0.0.2'), 20_000)
    const { items } = await getJson<{ items: unknown[] }>(`${daemon.url}/api/v1/alarms`)
    expect(items).toEqual([])
  })

  it('takes up a new node and its device by POST, without a restart', async () => {
    writeFileSync(inventoryFile, withSecond)
    expect(await postReload()).toMatchObject({
      status: 200,
      body: { inventoryVersion: 2, nodes: 3, devices: 2 }
    })
    expect(await unknown()).toEqual([])
    report('10.0.0.2', 2)
    await waitUntil(
      'a red light by address',
      () =>
        getJson<{ node: { effective: string } }>(
          `${daemon.url}/api/v1/status?address=${encodeURIComponent('Мира 2')}`
        ),
      answer => answer.node.effective === 'red',
      20_000
    )
  })

  it('refuses a bad inventory with every problem and its place, and keeps the old one', async () => {
    writeFileSync(
      inventoryFile,
      withSecond.replace('parents: [core], addresses', 'parents: [nowhere], addresses')
    )
    const { status, body } = await postReload()
    expect(status).toBe(422)
    expect(JSON.stringify(body)).toMatch(/inventory\.yaml/)
    expect(JSON.stringify(body)).toMatch(/nowhere/)
    const node = await getJson<{ effective: string }>(`${daemon.url}/api/v1/nodes/ku-2`)
    expect(node.effective).toBe('red')
  })

  it('clears the alarms of what a reload takes away', async () => {
    writeFileSync(inventoryFile, withoutSecond)
    expect((await postReload()).status).toBe(200)
    const { items } = await getJson<{ items: unknown[] }>(`${daemon.url}/api/v1/alarms?open=true`)
    expect(items).toEqual([])
    expect((await fetch(`${daemon.url}/api/v1/nodes/ku-2`)).status).toBe(404)
  })
})
