import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get as httpGet } from 'node:http'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeInventory } from '../../embedded/simulator/command.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import type {
  IncidentJson,
  NodeAnswerJson,
  StatusAnswerJson,
  SummaryJson
} from '../../status/http/api-schemas.ts'
import type { City } from '../../embedded/simulator/city.ts'
import type { InventoryNode } from '../../topology/model.ts'
import {
  alertmanagerProgram,
  shippedRouting,
  startAlertmanager,
  type RunningAlertmanager
} from '../support/alertmanager.ts'
import { cityOfDevices, createCityPlayer, type CityPlayer } from '../support/city-player.ts'
import { startTestClickHouse, type TestClickHouse } from '../support/clickhouse.ts'
import { getJson, startTestDaemon, waitUntil, type TestDaemon } from '../support/daemon.ts'
import { startKafkaOrSkip, type RunningKafka } from '../support/kafka.ts'
import { createLedger, type Ledger } from '../support/ledger.ts'
import { createTopic } from '../support/producer.ts'
import { prometheusProgram, startPrometheus, type RunningPrometheus } from '../support/prometheus.ts'
import { expectedNow, expectStoredOnce } from '../support/stored-samples.ts'
import { inTurn } from './turn.ts'

/**
 * The whole path on real parts: Apache Kafka, the ClickHouse engine, Prometheus, Alertmanager, Chromium, and the daemon
 * in a process of its own. The parts of the story build on each other and run in order.
 */
const seed = 7
const devicesMin = 2000
const ratePerS = 2000
const historyMs = 101_000
const recordsMin = 200_000
const partitions = 8
const topic = 'telemetry'
const database = 'svetofor'

const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const kafka = await startKafkaOrSkip({ heapMiB: 512 })
const programs = prometheusProgram() !== undefined && alertmanagerProgram() !== undefined
const browserThere = existsSync(chromiumPath)
if (!browserThere && process.env['CI'] === undefined)
  console.warn(`SKIPPED: the whole path, there is no Chromium at ${chromiumPath} (CHROMIUM_PATH)`)
const possible = kafka !== null && programs && (browserThere || process.env['CI'] !== undefined)
if (!possible) await kafka?.stop()

/** The shipped rules with shorter holds, so that what takes minutes in a network takes seconds here. */
const quickRules = `
rules:
  - name: ups.on_battery
    override: true
    kind: power
    severity: warning
    scope: device
    select: { signal: ups.output_source }
    in: [battery]
    unless:
      - { signal: ups.transfer_cause, in: [selfTest] }
    hold: { raise_s: 10, clear_s: 30 }
    text: { ru: 'Нет сети 220 В, узел работает от батареи ИБП', en: 'Mains lost, the site runs on the UPS battery' }
  - name: link.down
    override: true
    kind: link
    severity: critical
    select: { signal: if.oper_status, port: [uplink, downlink] }
    in: [down, lowerLayerDown, notPresent]
    unless:
      - { signal: if.admin_status, in: [down] }
    hold: { clear_s: 3 }
    text: { ru: 'Нет линка на порту {instance} ({device})', en: 'No link on port {instance} ({device})' }
`

interface Places {
  /** Campus whose mains are cut, and its buildings. */
  readonly dark: InventoryNode
  readonly darkBuildings: readonly InventoryNode[]
  /** Building that loses its uplink. */
  readonly cut: InventoryNode
  /** Campus whose optic goes dirty, and one of its buildings. */
  readonly dirty: InventoryNode
  readonly dirtyBuilding: InventoryNode
}

/** Three campuses far from each other, each with one way up and one switch. */
function choosePlaces({ nodes, devices }: City): Places {
  const switches = new Map<string, number>()
  for (const { node, role } of devices)
    if (role === 'switch') switches.set(node, (switches.get(node) ?? 0) + 1)
  const plain = nodes.filter(
    ({ id, tier, parents }) => tier === 'campus' && parents.length === 1 && switches.get(id) === 1
  )
  const [dark, middle, dirty] = [plain[0]!, plain[Math.floor(plain.length / 2)]!, plain.at(-1)!]
  const below = (campus: InventoryNode): InventoryNode[] =>
    nodes.filter(({ parents }) => parents[0] === campus.id)
  return {
    dark,
    darkBuildings: below(dark),
    cut: below(middle)[0]!,
    dirty,
    dirtyBuilding: below(dirty)[0]!
  }
}

describe.skipIf(!possible)('the whole path on real parts', () => {
  let folder = ''
  let broker: RunningKafka
  let clickhouse: TestClickHouse
  let prometheus: RunningPrometheus
  let alertmanager: RunningAlertmanager
  let daemon: TestDaemon
  let browser: Browser
  let page: Page
  let city: City
  let places: Places
  let ledger: Ledger
  let player: CityPlayer

  const statusOf = (building: InventoryNode): Promise<StatusAnswerJson> =>
    getJson(`${daemon.url}/api/v1/status?address=${encodeURIComponent(building.addresses[0] ?? '')}`)
  const incidents = async (open: boolean): Promise<readonly IncidentJson[]> =>
    (await getJson<{ items: IncidentJson[] }>(`${daemon.url}/api/v1/incidents?open=${open}&limit=1000`)).items
  const say = (sentence: string): void => console.log(`    ${sentence}`)

  beforeAll(async () => {
    broker = kafka!
    folder = await mkdtemp(join(tmpdir(), 'svetofor-e2e-'))
    city = cityOfDevices(devicesMin, ratePerS, seed)
    places = choosePlaces(city)
    await writeInventory(join(folder, 'inventory.ndjson'), city)
    await writeFile(join(folder, 'rules.yaml'), quickRules)
    ;[clickhouse, alertmanager, browser, ledger] = await Promise.all([
      startTestClickHouse(),
      startAlertmanager({ config: shippedRouting }),
      chromium.launch({
        executablePath: chromiumPath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync']
      }),
      createLedger(),
      createTopic(broker.brokers, topic, partitions)
    ])
  })

  afterAll(async () => {
    await player?.stop().catch(() => undefined)
    await Promise.allSettled([browser?.close(), daemon?.stop(), prometheus?.stop()])
    await Promise.allSettled([alertmanager?.stop(), clickhouse?.stop(), broker?.stop()])
    if (folder !== '') await rm(folder, { recursive: true, force: true })
  })

  const storesAll = async (): Promise<void> => {
    const beganMs = Date.now()
    player = await createCityPlayer({
      city,
      seed,
      startMs: beganMs - historyMs,
      brokers: broker.brokers,
      topic,
      ledger
    })
    await player.playTo(beganMs)
    const expected = expectedNow(ledger, beganMs)
    const records = player.sent()
    expect(records).toBeGreaterThanOrEqual(recordsMin)
    // The city goes on, so that nobody falls silent while the backlog is read.
    player.goLive()
    const startMs = Date.now()
    daemon = await startTestDaemon({
      configFile: join(folder, 'svetofor.yaml'),
      config: {
        kafka: { brokers: broker.brokers, topics: [topic], fetch_wait_ms_max: 50 },
        clickhouse: { url: clickhouse.url, database },
        inventory: { files: [join(folder, 'inventory.ndjson')] },
        rules: { files: [join(folder, 'rules.yaml')] },
        staleness: { default_interval_s: 5, grace_s: 20, settle_ms: 2000, power_settle_ms: 25_000 },
        log: { level: 'warn' }
      }
    })
    await expectStoredOnce(clickhouse, database, expected, 60_000)
    say(
      `${records} records of ${city.devices.length} devices, ${expected.samples} samples, stored ` +
        `${((Date.now() - startMs) / 1000).toFixed(1)} s after the start of the daemon`
    )
    const [series] = await clickhouse.rows<{ n: string }>(
      `SELECT uniqExact(device, signal, instance) AS n FROM ${database}.series FINAL`
    )
    expect(Number(series?.n)).toBe(ledger.series())
  }

  it('finds every sample of 200,000 records in ClickHouse, each exactly once', () => inTurn(storesAll))

  it('shows a healthy city: all green, no incident, nothing unknown', async () => {
    prometheus = await startPrometheus({
      targets: [new URL(daemon.url).host],
      ruleFiles: [join(packageRoot, 'deploy', 'prometheus', 'svetofor.rules.yml')],
      alertmanagers: [alertmanager.target]
    })
    await waitUntil(
      'green lights everywhere',
      () => getJson<SummaryJson>(`${daemon.url}/api/v1/summary`),
      ({ lights }) => lights.green === city.nodes.length,
      30_000
    )
    expect(await incidents(true)).toEqual([])
    expect((await getJson<{ items: unknown[] }>(`${daemon.url}/api/v1/unknown-devices`)).items).toEqual([])
    await prometheus.waitFor('svetofor_ready', ([sample]) => sample?.value === 1, 20_000)
    page = await browser.newPage({ locale: 'ru-RU', viewport: { width: 1280, height: 860 } })
    await page.goto(daemon.url)
    await page.waitForSelector('.pulse.live')
    await page.fill('#address', places.darkBuildings[0]?.addresses[0] ?? '')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.answer.green')
  })

  it('tells three faults by address and page, by one incident and one alert each, until they end', async () => {
    const { dark, darkBuildings, cut, dirty, dirtyBuilding } = places
    const faultMs = 75_000
    const common = { forMs: faultMs, batteryMs: 0, lossDb: 14, rampMs: 0, allWays: false }
    const injectedMs = Date.now()
    expect(player.simulation.inject({ ...common, fault: 'mains_cut', place: { id: dark.id } })).toBe(true)
    expect(
      player.simulation.inject({ ...common, fault: 'fibre_cut', place: { id: cut.id }, allWays: true })
    ).toBe(true)
    expect(player.simulation.inject({ ...common, fault: 'dirty_optic', place: { id: dirty.id } })).toBe(true)

    // Lights by address.
    const cutAnswer = await waitUntil(
      'a red light at the building whose uplink is cut',
      () => statusOf(cut),
      ({ node }) => node.effective === 'red',
      30_000
    )
    expect(cutAnswer.node).toMatchObject({ id: cut.id, own: 'red', cause: { by: 'alarm', kind: 'link' } })
    // A weak optic is the trouble of its node, which works, and cuts nobody off.
    const dirtyAnswer = await waitUntil(
      'a yellow light at the campus with the dirty optic',
      () => statusOf(dirtyBuilding),
      ({ node }) => node.wayToCore[0]?.own === 'yellow',
      30_000
    )
    expect(dirtyAnswer.node).toMatchObject({ effective: 'green', cause: { by: 'none' } })
    expect(dirtyAnswer.node.wayToCore[0]).toMatchObject({ id: dirty.id, effective: 'yellow' })
    for (const building of darkBuildings) {
      const { node } = await waitUntil(
        `a red light at ${building.id} with the power cut as its cause`,
        () => statusOf(building),
        answer => answer.node.effective === 'red' && answer.node.cause.kind === 'power',
        45_000
      )
      expect(node.cause).toMatchObject({ by: 'upstream', node: dark.id })
      expect(node.wayToCore[0]).toMatchObject({ id: dark.id, effective: 'yellow' })
    }

    // The page shows it, live, to who has asked before.
    await page.waitForSelector('.answer.red', { timeout: 10_000 })
    // The port was down before the UPS had told: the page follows within a second.
    const says = () => page.textContent('.says')
    await expect.poll(says, { timeout: 10_000 }).toContain('отключение электропитания')
    expect(await says()).toContain(dark.name)
    await page.fill('#address', cut.addresses[0] ?? '')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.textContent('.answer h1')).toBe(cut.addresses[0])
    await page.waitForSelector('.answer.red')
    // The power cut is told when the UPSes above have been heard since: they may be without mains too.
    await expect.poll(() => page.textContent('#incidents-count'), { timeout: 45_000 }).toBe('3')

    // One incident each.
    const roots = [
      { root: dark.id, kind: 'power' },
      { root: cut.id, kind: 'link' },
      { root: dirty.id, kind: 'optics' }
    ]
    const open = await incidents(true)
    expect(open.map(({ root, kind }) => ({ root, kind })).sort(byRoot)).toEqual([...roots].sort(byRoot))
    const power = open.find(({ root }) => root === dark.id)
    expect(power).toMatchObject({ severity: 'critical', affectedNodes: 1 + darkBuildings.length })
    expect(power?.affectedSubscribers).toBe(
      darkBuildings.reduce((sum, { subscribers }) => sum + subscribers, 0)
    )

    // One alert each.
    for (const { id } of open)
      await alertmanager.waitForNotification(
        ({ alerts }) => alerts.some(alert => alert.status === 'firing' && alert.labels['incident'] === id),
        20_000
      )

    // And all of it ends.
    await waitUntil(
      'all incidents to close',
      () => incidents(true),
      items => items.length === 0,
      faultMs + 90_000
    )
    for (const { id } of open)
      await alertmanager.waitForNotification(
        ({ alerts }) => alerts.some(alert => alert.status === 'resolved' && alert.labels['incident'] === id),
        30_000
      )
    const closed = (await incidents(false)).filter(({ openedAtMs }) => openedAtMs >= injectedMs - 10_000)
    expect(closed.map(({ root, kind }) => ({ root, kind })).sort(byRoot)).toEqual([...roots].sort(byRoot))
    const told = alertmanager.notifications
      .flatMap(({ alerts }) => alerts)
      .filter(({ labels }) => labels['alertname'] === 'SvetoforIncident')
    const identities = new Set(told.map(({ labels }) => JSON.stringify(Object.entries(labels).sort())))
    expect([...identities]).toHaveLength(3)
    for (const { id, root } of open) {
      const of = told.filter(({ labels }) => labels['incident'] === id)
      expect(new Set(of.map(({ startsAt }) => startsAt)).size, `alerts of ${root}`).toBe(1)
    }
    for (const building of [...darkBuildings, cut, dirtyBuilding])
      await waitUntil(
        `a green light at ${building.id}`,
        () => statusOf(building),
        ({ node }) => node.effective === 'green',
        30_000
      )
    await page.waitForSelector('.answer.green', { timeout: 10_000 })
    await expect.poll(() => page.textContent('#incidents'), { timeout: 10_000 }).toContain('Аварий нет')
    await page.close()
    say(`faults told and over within ${((Date.now() - injectedMs) / 1000).toFixed(0)} s of their beginning`)
  })

  const answersFast = async (): Promise<void> => {
    // A downlink port of another campus for each flip: link.down of the building behind it is raised at once.
    const flippable = city.devices.flatMap(device =>
      device.ports
        .filter(({ role, peer }) => role === 'downlink' && peer.startsWith('du-'))
        .map(port => ({ device, port }))
    )
    const askers = 4
    const agent = new Agent({ keepAlive: true, maxSockets: askers })
    const ask = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        httpGet(`${daemon.url}${path}`, { agent }, response => {
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => (body += part))
          response.on('end', () => resolve(body))
        }).on('error', reject)
      })
    const flips = 200
    const toLightMs: number[] = []
    const stride = Math.floor(flippable.length / flips)
    for (let i = 0; i < flips; i++) {
      const { device, port } = flippable[i * stride]!
      const timeMs = await player.interject(atMs => ({
        key: device.identifiers[0] ?? '',
        timestampMs: atMs,
        value: Buffer.from(
          `${JSON.stringify({
            fields: { ifAdminStatus: 1, ifOperStatus: 2 },
            name: 'interface',
            tags: { agent_host: device.identifiers[0], host: 'flip', ifIndex: port.instance },
            timestamp: atMs
          })}\n`
        )
      }))
      await waitUntil(
        `a red light at ${port.peer}`,
        () => ask(`/api/v1/nodes/${port.peer}`),
        body => (JSON.parse(body) as NodeAnswerJson).own === 'red',
        10_000,
        2
      )
      toLightMs.push(Date.now() - timeMs)
    }

    const buildings = city.nodes.filter(({ addresses }) => addresses.length > 0)
    const perS = 500
    const lookUpFor = async (seconds: number): Promise<number[]> => {
      const tookMs: number[] = []
      const beganMs = performance.now()
      let next = 0
      // Each asks when it is due and free: where this process is too slow, its rate falls and is told, and no queue of its own is measured.
      const asker = async (): Promise<void> => {
        for (let i = next++; i < perS * seconds; i = next++) {
          const waitMs = beganMs + (i * 1000) / perS - performance.now()
          if (waitMs > 1) await delay(waitMs)
          const address = encodeURIComponent(buildings[(i * 37) % buildings.length]!.addresses[0]!)
          const askedMs = performance.now()
          await ask(`/api/v1/status?address=${address}`)
          tookMs.push(performance.now() - askedMs)
        }
      }
      await Promise.all(Array.from({ length: askers }, asker))
      return tookMs
    }
    await lookUpFor(2)
    const beganMs = performance.now()
    const lookupMs = await lookUpFor(10)
    const tookS = (performance.now() - beganMs) / 1000
    agent.destroy()
    // The daemon's own measure leaves out the wait of this process, which drives the city as well.
    const inProcessMs = histogramQuantileMs(
      await (await fetch(`${daemon.url}/metrics`)).text(),
      'svetofor_lookup_duration_seconds_bucket{',
      0.99
    )
    const overHttpMs = histogramQuantileMs(
      await (await fetch(`${daemon.url}/metrics`)).text(),
      'svetofor_http_request_duration_seconds_bucket{',
      0.99
    )
    say(
      `event time to light on the API: p50 ${percentile(toLightMs, 0.5)} ms, p99 ${percentile(toLightMs, 0.99)} ms; ` +
        `look-up by address at ${(lookupMs.length / tookS).toFixed(0)} requests/s: ` +
        `p50 ${percentile(lookupMs, 0.5).toFixed(2)} ms, p90 ${percentile(lookupMs, 0.9).toFixed(2)} ms, ` +
        `p99 ${percentile(lookupMs, 0.99).toFixed(2)} ms seen here; by the daemon itself p99 at most ` +
        `${inProcessMs} ms in process, ${overHttpMs} ms over HTTP`
    )
    // Loose: the load, the broker, the database, the browser and this test share the machine with the daemon.
    expect(percentile(toLightMs, 0.99)).toBeLessThan(1000)
    expect(inProcessMs).toBeLessThanOrEqual(5)
    expect(overHttpMs).toBeLessThanOrEqual(100)
    expect(percentile(lookupMs, 0.5)).toBeLessThan(100)
    expect(lookupMs.length / tookS).toBeGreaterThan(perS / 2)
  }

  it('lights up fast, and answers fast while it reads 2,000 records/s', () => inTurn(answersFast))

  it('has stored everything once at the end, and stops in order', async () => {
    await player.stop()
    await expectStoredOnce(clickhouse, database, expectedNow(ledger, Date.now()), 30_000)
    await daemon.stop()
    expect(daemon.log()).not.toMatch(/"level":(50|60)/)
  })
})

const byRoot = (a: { root: string }, b: { root: string }): number => (a.root < b.root ? -1 : 1)

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}

/** Upper bound (ms) of the bucket in which this share of a Prometheus histogram's observations lies, all labels together. */
function histogramQuantileMs(text: string, start: string, share: number): number {
  const buckets = new Map<number, number>()
  for (const line of text.split('\n')) {
    if (!line.startsWith(start)) continue
    const bound = Number((/le="([^"]+)"/.exec(line)?.[1] ?? '').replace('+Inf', 'Infinity'))
    buckets.set(bound, (buckets.get(bound) ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1)))
  }
  const sorted = [...buckets].sort(([a], [b]) => a - b)
  const total = sorted.at(-1)?.[1] ?? 0
  return (sorted.find(([, count]) => count >= total * share)?.[0] ?? NaN) * 1000
}
