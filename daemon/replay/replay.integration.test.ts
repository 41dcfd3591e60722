import type { ClickHouseClient } from '@clickhouse/client'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateCity, type City } from '../../embedded/simulator/city.ts'
import { createRandom } from '../../embedded/simulator/random.ts'
import { createTelegrafEncoder } from '../../embedded/simulator/encode-telegraf.ts'
import { parseScenario } from '../../embedded/simulator/scenario.ts'
import { createSimulation } from '../../embedded/simulator/simulation.ts'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { migrate } from '../../ingest/clickhouse/migrate.ts'
import { createRowSink } from '../../ingest/clickhouse/rows.ts'
import { createSampleLog } from '../../ingest/clickhouse/sample-log.ts'
import { storedEvents } from '../../ingest/clickhouse/stored-events.ts'
import { createWriter } from '../../ingest/clickhouse/writer.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import { inventoryNdjson } from '../../topology/write.ts'
import type { Definitions } from '../judging/definitions.ts'
import { definitionsOf } from '../network.ts'
import {
  createSimulatedDaemon,
  type FedRecord,
  type SimulatedDaemon,
  type SimulatedHistory
} from '../simulated.ts'
import { replayCommand } from './command.ts'
import { replay, type ReplayOutcome } from './replay.ts'

const minute = 60_000
/** Lately, so that retention keeps it. */
const startMs = Math.floor((Date.now() - 86_400_000) / minute) * minute
const endMs = startMs + 100 * minute
const config = loadConfig({ env: {}, readFile: () => '' })

const faults = `
events:
  - { at: 12m, fault: mains_cut, place: { tier: campus }, for: 25m, battery: 10m }
  - { at: 15m, fault: fibre_cut, place: { tier: building }, for: 12m, all_ways: true }
  - { at: 18m, fault: fibre_cut, place: { tier: area }, for: 9m, all_ways: true }
  - { at: 20m, fault: dirty_optic, place: { tier: building }, for: 40m, loss_db: 12, ramp: 15m }
  - { at: 22m, fault: weak_catv, place: { tier: building }, for: 30m, loss_db: 9, ramp: 10m }
  - { at: 25m, fault: switch_dead, place: { tier: building }, for: 20m }
  - { at: 30m, fault: ups_self_test, place: { tier: campus }, for: 3m }
  - { at: 32m, fault: worn_battery, place: { tier: area }, for: 20m }
  - { at: 40m, fault: fibre_cut, place: { tier: building }, for: 20s, all_ways: true }
  - { at: 42m, fault: fibre_cut, place: { tier: building }, for: 90s, all_ways: true }
  - { at: 55m, fault: dead_collector, place: { tier: area }, for: 12m }
  - { at: 70m, fault: switch_dead, place: { tier: area }, for: 15m }
`

/** A rule of each kind beside the shipped ones: a count of samples, a hold, a rate, a level, a flap. */
const own = (low: number): string => `
rules:
  - name: own.errors
    kind: link
    severity: warning
    select: { signal: if.in_octets, port: [uplink, downlink] }
    rate: per_second
    above: 100 B/s
    clear: 50 B/s
    hold: { raise_samples: 3, raise_s: 120, clear_samples: 2 }
    text: { ru: 'Трафик {value}', en: 'Traffic {value}' }
  - name: own.light
    kind: optics
    severity: minor
    select: { signal: optics.rx_dbm }
    below: ${low} dBm
    hysteresis: 1 dB
    hold: { raise_samples: 2, raise_s: 30, flap_s: 300 }
    text: { ru: 'Свет {value}', en: 'Light {value}' }
`

let server: TestClickHouse
let client: ClickHouseClient
let city: City
let lived: SimulatedHistory

const definitions = (low: number): Promise<Definitions> =>
  definitionsOf({
    inventory: inventoryLines(),
    rules: [{ file: 'own.yaml', text: own(low) }]
  })
const inventoryLines = (): unknown[] =>
  [...inventoryNdjson(city.nodes, city.devices)].map(line => JSON.parse(line) as unknown)

/** Stores what a daemon in simulated time stores, by the daemon's own writers. */
async function live(
  database: ClickHouseClient,
  definitions: Definitions,
  play: (daemon: SimulatedDaemon) => Promise<void>
): Promise<SimulatedHistory> {
  const fail = (problem: unknown): never => {
    throw problem instanceof Error ? problem : new Error(String(problem))
  }
  const rows = createRowSink({ client: database, onProblem: fail, waitingMax: 1_000_000 })
  const writer = createWriter({
    client: database,
    rowsMax: 20_000,
    bytesMax: 64 * 1024 * 1024,
    flushMsMax: 200,
    memoryBytesMax: 1024 * 1024 * 1024,
    onAcknowledged: () => undefined,
    onFatal: fail
  })
  const daemon = await createSimulatedDaemon({
    definitions,
    config,
    startMs,
    store: { submit: (ranges, block) => writer.submit(ranges, block), series: all => rows.series(all) }
  })
  await play(daemon)
  const { history } = daemon
  rows.alarms(history.alarms)
  rows.lightChanges(history.lights)
  await rows.close(60_000)
  expect(await writer.close(60_000)).toBe(0)
  await daemon.close()
  return history
}

/** Lives through the faults of the city; some records come late. */
async function liveInCity(daemon: SimulatedDaemon): Promise<void> {
  const simulation = createSimulation({
    nodes: city.nodes,
    devices: city.devices,
    scenario: parseScenario('faults', faults),
    seed: 3,
    startMs,
    encode: createTelegrafEncoder('ms')
  })
  const random = createRandom(5)
  const partitionOf = (key: string): number => [...key].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 3
  let held: (FedRecord & { readonly untilMs: number })[] = []
  for (let atMs = startMs + 1000; atMs <= endMs; atMs += 1000) {
    const due: FedRecord[] = []
    simulation.advance(atMs, ({ key, value, timestampMs }) => {
      const record = { key, value, timestampMs, partition: partitionOf(key) }
      if (random.next() < 0.02) held.push({ ...record, untilMs: atMs + random.between(1000, 90_000) })
      else due.push(record)
    })
    // A record that is late comes behind one that is not: by that it is known when it came.
    const comes = ({ untilMs, partition }: (typeof held)[number]): boolean =>
      untilMs <= atMs && due.some(other => other.partition === partition)
    due.push(...held.filter(comes))
    held = held.filter(record => !comes(record))
    daemon.advance(atMs)
    if (due.length > 0) await daemon.feed(due.sort((a, b) => a.partition! - b.partition!))
  }
}

const databaseOf = async (database: string): Promise<ClickHouseClient> => {
  await migrate(server.client, {
    database,
    retentionDays: 90,
    rollupRetentionDays: 730,
    eventRetentionDays: 730
  })
  return createClickHouseClient({ url: server.url, database })
}

beforeAll(async () => {
  server = await startTestClickHouse()
  client = await databaseOf('replayed')
  city = generateCity({ nodes: 60, seed: 7 })
  lived = await live(client, await definitions(-20), liveInCity)
})
afterAll(async () => {
  await client.close()
  await server.stop()
})

const replayed = async (
  rules: Definitions,
  against: Definitions | 'stored',
  window = { fromMs: startMs, toMs: endMs },
  warmUpMs = 0,
  database = client
): Promise<ReplayOutcome> =>
  replay({
    config,
    log: createSampleLog(database),
    window,
    warmUpMs,
    rules,
    against: against === 'stored' ? await storedEvents(database, window, 1_000_000) : against,
    toleranceMs: 0
  })

describe('a replay of what a live daemon stored', () => {
  it('by the same rules has the same transitions, identities, times and lights', async () => {
    const { differences, facts, is, was } = await replayed(await definitions(-20), 'stored')
    expect(facts).toMatchObject({ unknownSamples: 0, unknownDevices: 0, aheadRecords: 0, partitions: 3 })
    // Of two records that tell one reading of one moment the table keeps one.
    expect(facts.samples).toBeLessThanOrEqual(lived.samples.length)
    expect(facts.samples).toBeGreaterThan(lived.samples.length * 0.999)
    // What lies in the tables is what was lived through.
    expect(was.lights).toHaveLength(lived.lights.length)
    // Something has happened: else nothing is shown by there being no difference.
    const rules = new Set(was.alarms.map(({ rule }) => rule))
    expect([...rules]).toEqual(
      expect.arrayContaining(['own.errors', 'own.light', 'link.down', 'ups.on_battery', 'device.silent'])
    )
    expect(was.alarms.length).toBeGreaterThan(60)
    expect(was.lights.length).toBeGreaterThan(60)
    expect(differences).toMatchObject({ gained: [], lost: [], changed: [], lights: [] })
    const inOrder = (episodes: ReplayOutcome['is']['alarms']) =>
      episodes.map(episode => ({ ...episode })).sort((a, b) => (a.id < b.id ? -1 : 1))
    expect(inOrder(is.alarms)).toEqual(inOrder(was.alarms))
  })

  it('by other rules differs by what these rules raise, and in the lights that follow', async () => {
    const { differences, was } = await replayed(await definitions(-9), await definitions(-20))
    const { gained, lost, changed, lights } = differences
    expect(was.alarms).toHaveLength(differences.alarms.was)
    expect(gained.length).toBeGreaterThan(0)
    expect(new Set([...gained, ...lost, ...changed.map(({ is }) => is)].map(({ rule }) => rule))).toEqual(
      new Set(['own.light'])
    )
    const nodes = new Set([...gained, ...lost, ...changed.map(({ is }) => is)].map(({ node }) => node))
    expect(lights.length).toBeGreaterThan(0)
    for (const { node, is } of lights) {
      expect(nodes).toContain(node)
      expect(is).toBe('yellow')
    }
  })

  it('of a part of the time, warmed up before it, differs from what was stored by no alarm of a reading', async () => {
    const window = { fromMs: startMs + 50 * minute, toMs: startMs + 80 * minute }
    const { differences, facts } = await replayed(await definitions(-20), 'stored', window, 40 * minute)
    expect(facts.warmUpFromMs).toBe(startMs + 10 * minute)
    const { gained, lost, changed, alarms } = differences
    expect(alarms.was).toBeGreaterThan(20)
    const rules = [...gained, ...lost, ...changed.map(({ is }) => is)].map(({ rule }) => rule)
    expect(rules.filter(rule => rule !== 'device.silent')).toEqual([])
  })
})

describe('a changed limit', () => {
  const inventory = [
    { id: 'cu', tier: 'core', name: 'ЦУ' },
    {
      id: 'du',
      tier: 'building',
      name: 'ДУ-1',
      parents: ['cu'],
      devices: [
        { id: 'sw', role: 'switch', identifiers: ['10.0.0.1'], ports: [{ instance: 25, role: 'uplink' }] }
      ]
    }
  ]
  const rules = (low: number, clear: number): Promise<Definitions> =>
    definitionsOf({ inventory, rules: [{ file: 'rx.yaml', text: textOf(low, clear) }] })
  const textOf = (low: number, clear: number): string => `
rules:
  - { name: optics.rx, qualifier: low, override: true, enabled: false }
  - name: test.rx
    kind: optics
    severity: minor
    select: { signal: optics.rx_dbm }
    below: ${low}
    clear: ${clear}
    hold: { raise_samples: 2 }
    text: { ru: 'Свет {value}', en: 'Light {value}' }
`
  const at = (minutes: number): number => startMs + minutes * minute

  it('gains, loses and moves exactly the alarms that it should', async () => {
    const database = await databaseOf('limits')
    // By −20 (clear −19): raised at minute 12, cleared at 16. By −18 (clear −17): at 5 to 7, and at 11 to 17.
    const levels = [
      -15, -15, -15, -15, -18.5, -18.5, -18.5, -16, -15, -15, -19, -20.5, -20.5, -21, -21, -20, -18, -16, -15,
      -15
    ]
    await live(database, await rules(-20, -19), async daemon => {
      for (const [i, level] of levels.entries()) {
        daemon.advance(at(i))
        const signals = { 'if.oper_status': 'up', 'optics.rx_dbm': level }
        const value = JSON.stringify({ device: '10.0.0.1', instance: '25', timeMs: at(i), signals })
        await daemon.feed([{ value }])
      }
    })
    const window = { fromMs: startMs, toMs: at(20) }
    const stored = await replayed(await rules(-20, -19), 'stored', window, 0, database)
    expect(stored.differences).toMatchObject({ gained: [], lost: [], changed: [], lights: [] })
    expect(stored.was.alarms).toMatchObject([{ rule: 'test.rx', sinceMs: at(12), clearedAtMs: at(16) }])

    const { differences } = await replayed(await rules(-18, -17), await rules(-20, -19), window, 0, database)
    expect(differences.lost).toEqual([])
    expect(differences.gained).toMatchObject([
      { rule: 'test.rx', node: 'du', device: 'sw', instance: '25', sinceMs: at(5), clearedAtMs: at(7) }
    ])
    expect(differences.changed).toMatchObject([
      { is: { sinceMs: at(11), clearedAtMs: at(17) }, was: { sinceMs: at(12), clearedAtMs: at(16) } }
    ])
    expect(differences.lights).toEqual([
      { node: 'du', fromMs: at(5), toMs: at(7), is: 'yellow', was: 'green' },
      { node: 'du', fromMs: at(11), toMs: at(12), is: 'yellow', was: 'green' },
      { node: 'du', fromMs: at(16), toMs: at(17), is: 'yellow', was: 'green' }
    ])
    const lost = await replayed(await rules(-20, -19), await rules(-18, -17), window, 0, database)
    expect(lost.differences.gained).toEqual([])
    expect(lost.differences.lost).toMatchObject([{ sinceMs: at(5), clearedAtMs: at(7) }])
    await database.close()

    // The same by the command, from files.
    const folder = mkdtempSync(join(tmpdir(), 'svetofor-replay-'))
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const run = async (json: string | null): Promise<string> => {
      const printed: string[] = []
      await replayCommand({
        config: {
          ...config,
          inventory: {
            ...config.inventory,
            files: [file('nodes.ndjson', inventory.map(entry => JSON.stringify(entry)).join('\n'))]
          },
          clickhouse: { ...config.clickhouse, url: server.url, database: 'limits' }
        },
        from: new Date(startMs).toISOString(),
        to: new Date(at(20)).toISOString(),
        rules: [file('trial.yaml', textOf(-18, -17))],
        against: [file('now.yaml', textOf(-20, -19))],
        warmUpMinutes: 0,
        toleranceS: 0,
        linesMax: 20,
        json,
        nowMs: Date.now(),
        print: line => printed.push(line),
        note: () => undefined
      })
      return printed.join('\n')
    }
    expect(JSON.parse(await run('-'))).toMatchObject({
      alarms: { is: 2, was: 1 },
      by_rule: [{ name: 'test.rx', gained: 1, lost: 0, changed: 1 }],
      by_node: [{ name: 'du', gained: 1, lost: 0, changed: 1, light_seconds: { yellow: 240, green: -240 } }],
      gained: [{ rule: 'test.rx', severity: 'minor', raised_at: new Date(at(5)).toISOString() }],
      lost: [],
      untold: []
    })
    const text = await run(null)
    expect(text).toContain('Alarms: 2 against 1; 1 gained, 0 lost, 1 changed. Lights differ at 1 nodes.')
    expect(text).toContain('du: +1, −0, 1 changed; 4 min more yellow, 4 min less green')
    expect(text).toMatch(/Gained:\n {2}du: test\.rx of sw\/25, minor from .* to .*: Свет -18,5/)
    rmSync(folder, { recursive: true, force: true })
  })
})
