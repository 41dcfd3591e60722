import { pino } from 'pino'
import { Registry } from 'prom-client'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadDefinitions } from '../../daemon/judging/definitions.ts'
import { createRandom } from '../../embedded/simulator/random.ts'
import { createAlarmEngine } from '../../rules/alarms.ts'
import { createProgramTable } from '../../rules/program.ts'
import { loadConfig } from '../../schemas/config/reading.ts'
import { encodeRecordBatch } from '../../schemas/records/record-batch.ts'
import { createAnswers } from '../../status/engine/answers.ts'
import { createStatusEngine } from '../../status/engine/engine.ts'
import { createStatusServer } from '../../status/http/server.ts'
import type { StatusView } from '../../status/view.ts'
import { generateCity, type City } from '../../embedded/simulator/city.ts'
import type { InventoryDevice } from '../../topology/model.ts'
import { createLightEngine } from '../../topology/lights.ts'
import { createEvaluationPool } from '../../workers/pool.ts'
import { createSharedMemory, openSharedState } from '../../workers/memory/shared-state.ts'
import { saidBy } from '../support/callers.ts'
import { median, percentile } from '../support/figures.ts'
import { moduleBeside, runMeasured } from '../support/process.ts'
import type { Asked } from '../support/asker.child.ts'
import { onStage, type Bench } from '../support/stage.ts'

const nodes = 100_000
const inProcessLookUps = 20_000
const httpLookUps = 5000
const recordsPerTask = 2000

/**
 * Look-ups of random addresses and nodes in a city of 100,000 nodes, in process and over HTTP (one connection, one
 * request after the other), as the book writes them and as callers say them: on a quiet day, and with the links of half the city down at once, each an alarm of its own.
 * Every p99 is the median of the runs'.
 */
export const lookup: Bench = options =>
  onStage(async stage => {
    const city = generateCity({ nodes: options.size ?? nodes, seed: 1, equipment: 'light' })
    const file = await stage.inventory('city', city.nodes, city.devices)
    const network = await startNetwork(file)
    stage.use(network)
    const figures: Record<string, number> = { nodes: city.nodes.length }
    const measure = async (suffix: string): Promise<void> => {
      const found: Record<string, number[]> = {}
      for (let run = 0; run < options.runs; run++)
        for (const [key, ms] of await lookUps(network, city, run, stage.dir))
          (found[key + suffix] ??= []).push(ms)
      for (const [key, values] of Object.entries(found)) figures[key] = median(values)
    }
    await network.feed(quietRecords(city))
    figures['quiet_nodes_not_green'] = notGreen(network.view)
    await measure('_quiet')
    const startedMs = performance.now()
    await network.feed(outageRecords(city))
    figures['outage_ms_until_lit'] = performance.now() - startedMs
    figures['outage_nodes_not_green'] = notGreen(network.view)
    figures['outage_alarms'] = network.view.alarms({ open: true, limit: 10_000_000 }).length
    figures['outage_incidents'] = openIncidents(network.view)
    options.say(
      `outage: ${figures['outage_alarms']} alarms, ${figures['outage_incidents']} incidents, ` +
        `${figures['outage_nodes_not_green']} nodes not green`
    )
    await measure('_outage')
    return figures
  })

interface Network {
  readonly view: StatusView
  readonly url: string
  /** Evaluates the records as the daemon would, and lets half a minute pass. */
  feed(records: Iterable<RecordText>): Promise<void>
  stop(): Promise<void>
}

/** The daemon's evaluation, engine, view and HTTP server in this process, without Kafka and ClickHouse. */
async function startNetwork(inventoryFile: string): Promise<Network> {
  const config = loadConfig({ env: {}, readFile: file => readFileSync(file, 'utf8') })
  const { inventory, rules, profiles } = await loadDefinitions(
    { ...config, inventory: { ...config.inventory, files: [inventoryFile] } },
    1
  )
  const shared = createSharedMemory({
    seriesMax: 1_000_000,
    devicesMax: 500_000,
    keyBytesMax: 1 << 27,
    programsMax: 65_536
  })
  const state = openSharedState(shared)
  const programs = createProgramTable(shared.kernel.programs)
  const pool = await createEvaluationPool({
    rowBytesMax: 1 << 28,
    threads: 0,
    taskTimeoutMs: 60_000,
    profiles,
    policy: { futureMsMax: 300_000, pastMsMax: 1e12, depthMax: 32, valueBytesMax: 1 << 20 },
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 },
    shared,
    onFault: fault => console.error('bench: evaluation:', fault)
  })
  let nowMs = Date.now()
  const alarms = createAlarmEngine(rules)
  const lights = createLightEngine(inventory, {
    settleMs: config.staleness.settle_ms,
    powerSettleMs: config.staleness.power_settle_ms
  })
  const nothing = (): void => undefined
  const engine = createStatusEngine({
    inventory,
    rules,
    programs,
    series: state.series,
    devices: state.devices,
    alarms,
    lights,
    staleness: { defaultIntervalMs: 3_600_000, factor: 3, graceMs: 3_600_000, collectorDevicesMin: 5 },
    records: { series: nothing, alarms: nothing, lights: nothing, incidents: nothing, resources: nothing },
    startMs: nowMs
  })
  const view = await createAnswers({
    engine,
    alarms,
    lights,
    devices: state.devices,
    homeCities: [],
    readiness: () => ({ ready: true, parts: {} }),
    freshness: () => ({ asOfMs: nowMs, lateMs: 0 }),
    nowMs: () => nowMs
  })
  const server = await createStatusServer({
    view,
    history: { nodeHistory: () => Promise.resolve([]), latestReadings: () => Promise.resolve([]) },
    registry: new Registry(),
    logger: pino({ level: 'warn' }),
    host: '127.0.0.1',
    port: 0,
    tokens: [],
    version: 'bench'
  })
  const { url } = await server.listen()
  let offset = 0
  return {
    view,
    url,
    async feed(records) {
      let values: { offset: number; timestampMs: number; key: null; value: Uint8Array }[] = []
      const evaluate = async (): Promise<void> => {
        const [first] = values
        if (first === undefined) return
        const range = {
          topic: 'lookup',
          partition: 0,
          firstOffset: first.offset,
          lastOffset: offset - 1,
          bytes: encodeRecordBatch(values)
        }
        engine.take(await pool.evaluate({ ranges: [range], nowMs }), nowMs)
        values = []
      }
      for (const { value, timestampMs } of records) {
        values.push({ offset: offset++, timestampMs, key: null, value: Buffer.from(value) })
        if (values.length === recordsPerTask) await evaluate()
      }
      await evaluate()
      for (let step = 0; step < 30; step++) {
        nowMs += 1000
        engine.tick(nowMs, nowMs)
      }
    },
    async stop() {
      await server.close()
      await pool.close(5000)
    }
  }
}

const openIncidents = (view: StatusView): number =>
  Object.values(view.openIncidents()).reduce((sum, count) => sum + count, 0)

const notGreen = (view: StatusView): number =>
  view.nodeCounts().reduce((sum, { light, nodes }) => sum + (light === 'green' ? 0 : nodes), 0)

/** Every port up and every UPS full. */
function* quietRecords({ devices }: City): Generator<RecordText> {
  for (const device of devices) {
    if (device.role === 'ups')
      yield canonical(device, '', { 'ups.output_source': 'normal', 'ups.charge_pct': 100 })
    for (const { instance } of device.ports)
      yield canonical(device, instance, { 'if.admin_status': 1, 'if.oper_status': 1 })
  }
}

/** The links of half of the campuses to their buildings down. */
function* outageRecords({ devices }: City): Generator<RecordText> {
  const campuses = devices.filter(({ node, role }) => node.startsWith('ku-') && role === 'switch')
  for (const device of campuses.slice(0, campuses.length / 2))
    for (const { role, instance } of device.ports)
      if (role === 'downlink')
        yield canonical(device, instance, { 'if.admin_status': 1, 'if.oper_status': 2 })
}

interface RecordText {
  readonly value: string
  readonly timestampMs: number
}

function canonical(
  { identifiers }: InventoryDevice,
  instance: string,
  signals: Readonly<Record<string, number | string>>
): RecordText {
  const timestampMs = Date.now() - 1000
  const named = instance === '' ? {} : { instance }
  const record = {
    device: identifiers[0],
    identifiers,
    ...named,
    collector: 'col1',
    timeMs: timestampMs,
    signals
  }
  return { value: JSON.stringify(record), timestampMs }
}

/**
 * What each look-up took by the clock, and of CPU of the whole process (collection and compiling included; over HTTP that of the
 * server, the mean): on a machine that others use, the clock counts their turns too.
 */
interface Took {
  readonly ms: Float64Array
  readonly cpuMs: Float64Array
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** p50, p99 and p99.9 by key (ms) of one run. */
async function lookUps(
  { view, url }: Network,
  city: City,
  run: number,
  dir: string
): Promise<[string, number][]> {
  const random = createRandom(100 + run)
  const buildings = city.nodes.filter(node => node.addresses.length > 0)
  const addressOf = (): string => buildings[random.below(buildings.length)]!.addresses[0]!
  const nodeOf = (): string => city.nodes[random.below(city.nodes.length)]!.id
  const timed = (count: number, ask: () => unknown): Took => {
    const took = { ms: new Float64Array(count), cpuMs: new Float64Array(count) }
    for (let i = 0; i < count; i++) {
      const before = process.cpuUsage()
      const startedMs = performance.now()
      ask()
      took.ms[i] = performance.now() - startedMs
      took.cpuMs[i] = cpuMsSince(before)
    }
    return took
  }
  let lost = 0
  timed(2000, () => view.lookup(addressOf(), 5))
  const byAddress = timed(inProcessLookUps, () => {
    if (view.lookup(addressOf(), 5).match === null) lost++
  })
  timed(2000, () => view.lookup(saidBy(addressOf(), random), 5))
  const asSaid = timed(inProcessLookUps, () => void view.lookup(saidBy(addressOf(), random), 5))
  const byNode = timed(inProcessLookUps, () => {
    if (view.node(nodeOf()) === undefined) lost++
  })
  if (lost > 0) throw new Error(`lookup: ${lost} look-ups found nothing`)

  const overHttp = async (query: () => string, isFound: (status: number) => boolean): Promise<Took> => {
    const paths = Array.from(
      { length: httpLookUps },
      () => `/api/v1/status?address=${encodeURIComponent(query())}`
    )
    const file = join(dir, 'paths.json')
    writeFileSync(file, JSON.stringify(paths))
    const before = process.cpuUsage()
    const { ms, statuses } = await runMeasured<Asked>(
      moduleBeside(import.meta.url, '../support/asker.child'),
      [url, file],
      120_000
    )
    const cpuMs = cpuMsSince(before) / paths.length
    const lostAt = statuses.findIndex(status => !isFound(status))
    if (lostAt >= 0) throw new Error(`lookup: ${paths[lostAt]} was answered by ${statuses[lostAt]}`)
    return { ms: Float64Array.from(ms), cpuMs: new Float64Array(paths.length).fill(cpuMs) }
  }
  const httpByAddress = await overHttp(addressOf, status => status === 200)
  // What was said in part or amiss may be answered by a list.
  const httpAsSaid = await overHttp(
    () => saidBy(addressOf(), random),
    status => status === 200 || status === 404
  )
  const named = (key: string, { ms, cpuMs }: Took): [string, number][] => [
    [`p50_ms${key}`, percentile(ms, 0.5)],
    [`p99_ms${key}`, percentile(ms, 0.99)],
    [`p999_ms${key}`, percentile(ms, 0.999)],
    [`p99_cpu_ms${key}`, percentile(cpuMs, 0.99)]
  ]
  return [
    ...named('', byAddress),
    ...named('_said', asSaid),
    ...named('_node', byNode),
    ...named('_http', httpByAddress),
    ...named('_http_said', httpAsSaid)
  ]
}
