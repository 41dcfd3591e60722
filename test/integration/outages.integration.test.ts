import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMemorySource } from '../../ingest/adapters/memory-source.ts'
import { createLogger } from '../../daemon/process/logger.ts'
import { startDaemon, type Daemon } from '../../main.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, waitUntil } from '../support/daemon.ts'

// What a person on call sees when ClickHouse or Kafka is down: two different things.
const folder = mkdtempSync(join(tmpdir(), 'svetofor-outages-'))
const topic = 'telemetry'
const source = createMemorySource({ topics: { [topic]: 1 }, retainBytes: 256 * 1024 * 1024 })
const log: { readonly level: number; readonly msg: string }[] = []
let clickhouse: TestClickHouse
let daemon: Daemon
let sent = 0
let reporting = true
let timer: NodeJS.Timeout

const record = (device: string, operStatus: number, timeMs: number) => ({
  key: Buffer.from(device),
  value: Buffer.from(
    JSON.stringify({
      fields: { ifAdminStatus: 1, ifOperStatus: operStatus },
      name: 'interface',
      tags: { source: device, ifIndex: '25' },
      timestamp: Math.floor(timeMs / 1000)
    })
  ),
  timestampMs: timeMs
})

/** Each record has a second of its own in the last days: a sample of the same series and time would replace it. */
const floodedMax = 300_000
const floodFromMs = Date.now() - (floodedMax + 60) * 1000

function flood(count: number): void {
  const records = Array.from({ length: count }, (_, i) =>
    record('10.0.0.1', 1, floodFromMs + (sent + i) * 1000)
  )
  source.append(topic, 0, records)
  sent += count
}

const readiness = async (): Promise<{ status: number; detail: string }> => {
  const answer = await fetch(`${daemon.url}/health/ready`)
  const body = (await answer.json()) as { detail?: string }
  return { status: answer.status, detail: body.detail ?? '' }
}
const light = async (node: string): Promise<string> =>
  (await getJson<{ effective: string }>(`${daemon.url}/api/v1/nodes/${node}`)).effective

beforeAll(async () => {
  clickhouse = await startTestClickHouse()
  writeFileSync(
    join(folder, 'inventory.yaml'),
    `nodes:
  - { id: core, tier: core, name: ЦУ, parents: [] }
  - { id: ku-1, tier: campus, name: КУ 1, parents: [core] }
  - { id: ku-2, tier: campus, name: КУ 2, parents: [core] }
devices:
  - { id: sw-1, node: ku-1, role: switch, identifiers: [10.0.0.1] }
  - { id: sw-2, node: ku-2, role: switch, identifiers: [10.0.0.2], ports: [{ instance: '25', role: uplink, peer: core }] }
`
  )
  const file = join(folder, 'svetofor.yaml')
  writeFileSync(
    file,
    `clickhouse: { url: '${clickhouse.url}', memory_bytes_max: 8388608, request_timeout_ms: 1000 }
inventory: { files: [inventory.yaml] }
status: { port: 0 }
workers: { threads: 0 }
staleness: { default_interval_s: 1, factor: 3, grace_s: 2, late_ms_max: 2000 }
`
  )
  daemon = await startDaemon({
    config: loadConfig({ file, env: {}, readFile: path => readFileSync(path, 'utf8') }),
    logger: createLogger({
      level: 'info',
      pretty: false,
      destination: { write: line => void log.push(JSON.parse(line) as (typeof log)[number]) }
    }),
    version: '0',
    source,
    onFatal: error => log.push({ level: 60, msg: error.message })
  })
  await waitUntil('ready', readiness, answer => answer.status === 200, 60_000)
  timer = setInterval(() => {
    if (!reporting) return
    source.append(topic, 0, [record('10.0.0.1', 1, Date.now()), record('10.0.0.2', 1, Date.now())])
  }, 1000)
  await waitUntil(
    'both report',
    () => light('ku-2'),
    found => found === 'green',
    20_000
  )
})
afterAll(async () => {
  clearInterval(timer)
  await daemon.stop()
  await clickhouse.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('ClickHouse does not answer', () => {
  it('pauses at the memory limit, goes on with lights, says so, and loses nothing', async () => {
    const pid = clickhouse.engine.pid() ?? 0
    process.kill(pid, 'SIGSTOP')
    try {
      source.append(topic, 0, [record('10.0.0.2', 2, Date.now())])
      await waitUntil(
        'a red light without a database',
        () => light('ku-2'),
        found => found === 'red',
        10_000
      )
      while (sent < floodedMax) flood(5_000)
      await waitUntil('not ready', readiness, answer => answer.status === 503, 20_000)
      expect((await readiness()).detail).toMatch(/clickhouse: inserts fail since \d{4}-/)
      await waitUntil(
        'pressure',
        () => Promise.resolve(log),
        lines => lines.some(line => line.msg.startsWith('consumption pauses')),
        20_000
      )
      // Longer than staleness: nothing is read now, and that is no silence of the network.
      await new Promise(resolve => setTimeout(resolve, 7_000))
      expect(source.backlogBytes()).toBeGreaterThan(0)
      expect(await light('ku-1')).toBe('green')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await waitUntil('ready again', readiness, answer => answer.status === 200, 60_000)
    await waitUntil(
      'everything stored',
      () =>
        clickhouse.rows<{ n: string; end: string }>(
          `SELECT count(DISTINCT offset) AS n, max(offset) + 1 AS end FROM svetofor.samples`
        ),
      rows => Number(rows[0]?.n) > sent && rows[0]?.n === rows[0]?.end,
      60_000,
      500
    )
    const downs = log.filter(line => /does not take inserts/.test(line.msg))
    expect(downs.length).toBe(1)
    expect(log.filter(line => line.level >= 50)).toEqual([])
    expect(JSON.stringify(log)).not.toMatch(/\\n\s+at /)
  })
})

describe('Kafka does not answer', () => {
  const openKinds = async (): Promise<string[]> =>
    (await getJson<{ items: { kind: string }[] }>(`${daemon.url}/api/v1/incidents?open=true`)).items.map(
      ({ kind }) => kind
    )
  const lateMs = async (): Promise<number> =>
    (await getJson<{ lateMs: number }>(`${daemon.url}/api/v1/summary`)).lateMs

  it('keeps the lights, says how late the data is by one incident, and comes back without a grey light', async () => {
    await waitUntil(
      'green',
      () => light('ku-1'),
      found => found === 'green',
      30_000
    )
    await waitUntil('in time', lateMs, found => found === 0, 30_000)
    // What the first test broke is over.
    await waitUntil('no incident yet', openKinds, found => found.length === 0, 60_000)
    reporting = false
    source.setConnected(false)
    const answer = await readiness()
    expect(answer).toEqual({ status: 503, detail: expect.stringMatching(/^kafka: not connected/) as string })
    await waitUntil('late', lateMs, found => found > 0, 10_000)
    expect(await openKinds()).toEqual([])
    // Many times longer than anybody here may be silent.
    const kinds = await waitUntil('the incident', openKinds, found => found.length > 0, 30_000)
    expect(kinds).toEqual(['ingest'])
    expect(await lateMs()).toBeGreaterThan(20_000)
    expect([await light('ku-1'), await light('ku-2')]).toEqual(['green', 'green'])
    source.setConnected(true)
    reporting = true
    await waitUntil('no incident', openKinds, found => found.length === 0, 10_000)
    expect([await light('ku-1'), await light('ku-2')]).toEqual(['green', 'green'])
    const said = await waitUntil(
      'Kafka to be back',
      () => Promise.resolve(log.map(({ msg }) => msg)),
      lines => lines.some(msg => /^Kafka at .* is back$/.test(msg)),
      5000
    )
    expect(said).toEqual(
      expect.arrayContaining([
        'incident opened: data does not come, or comes late; lights stay as they were',
        'incident closed: data does not come, or comes late; lights stay as they were',
        expect.stringMatching(/^Kafka at .* is lost$/)
      ])
    )
  }, 150_000)

  it('while a network that is silent goes grey', async () => {
    reporting = false
    await waitUntil(
      'grey',
      () => light('ku-1'),
      found => found === 'grey',
      30_000
    )
    reporting = true
    await waitUntil(
      'green again',
      () => light('ku-1'),
      found => found === 'green',
      30_000
    )
  }, 90_000)
})
