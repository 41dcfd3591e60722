import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { createClickHouseClient } from '../ingest/clickhouse/client.ts'
import { createRowSink } from '../ingest/clickhouse/rows.ts'
import { seriesRowsOf } from '../daemon/judging/series-rows.ts'
import { createAlarmEngine } from '../rules/alarms.ts'
import { compileRules } from '../rules/compile.ts'
import { createProgramTable } from '../rules/program.ts'
import { shippedRulesFiles } from '../rules/shipped.ts'
import { createDecoder, type DecodePolicy } from '../schemas/records/decode.ts'
import type { EvaluationResult, TaskRange } from '../schemas/evaluation.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { readProfileFiles, shippedProfiles } from '../schemas/records/profile-files.ts'
import { createStatusEngine } from '../status/engine/engine.ts'
import { generateCity } from '../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../topology/compile.ts'
import { createLightEngine } from '../topology/lights.ts'
import { createEvaluator } from '../workers/evaluate.ts'
import { createSharedMemory, openSharedState } from '../workers/memory/shared-state.ts'
import { telegrafMix } from './support/mix.ts'
import { rangesOf } from './support/ranges.ts'

/**
 * What the first meeting of a series costs, part by part: the CPU of a first pass over the records of the bench `path`, less
 * that of later passes, by the number of series. Everything on one thread; results are cloned as between threads, and rows of
 * series go to a server that throws them away. `node --import tsx bench/first-meeting.ts [records] [nodes] [rounds] [recordsPerTask]`.
 */
const records = Number(process.argv[2] ?? 100_000)
const nodes = Number(process.argv[3] ?? 1000)
const rounds = Number(process.argv[4] ?? 7)
const recordsPerRange = Number(process.argv[5] ?? 500)
const recordsPerBatch = 100

const endMs = Date.now()
const city = generateCity({ nodes, seed: 1 })
const inventory = compileInventory([inventoryPart(city.nodes, city.devices)], 1)
const rules = compileRules(
  shippedRulesFiles.map(file => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') }))
)
const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
const policy: DecodePolicy = { futureMsMax: 60_000, pastMsMax: 1e12, depthMax: 32, valueBytesMax: 1 << 20 }

const server = createServer((request, response) => {
  request.on('end', () => response.end()).resume()
}).listen(0, '127.0.0.1')
await new Promise(resolve => server.once('listening', resolve))
const client = createClickHouseClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })

const parts = ['evaluate', 'clone', 'take', 'store'] as const
type Spent = Record<(typeof parts)[number], number>

function daemon() {
  const limits = { seriesMax: 8_000_000, devicesMax: 1_000_000, keyBytesMax: 1 << 29, programsMax: 65_536 }
  const shared = openSharedState(createSharedMemory(limits))
  const programs = createProgramTable(shared.kernel.programs)
  const rows = createRowSink({ client, onProblem: sentence => console.error(sentence) })
  const engine = createStatusEngine({
    inventory,
    rules,
    programs,
    series: shared.series,
    devices: shared.devices,
    alarms: createAlarmEngine(rules, []),
    lights: createLightEngine(inventory, { settleMs: 1000, powerSettleMs: 1000 }),
    staleness: { defaultIntervalMs: 60_000, factor: 3, graceMs: 60_000, collectorDevicesMin: 3 },
    records: {
      series: described => rows.series(seriesRowsOf(described, shared.seriesIds)),
      alarms: () => undefined,
      lights: () => undefined,
      incidents: () => undefined,
      resources: () => undefined
    },
    startMs: endMs
  })
  const evaluator = createEvaluator({
    measurements: profiles.measurements,
    decoder: createDecoder(profiles, policy),
    scanning: { profiles, policy },
    shared,
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 }
  })
  const { port1, port2 } = new MessageChannel()
  let candidates = 0
  let scanned = 0
  const pass = async (ranges: readonly TaskRange[]): Promise<Spent> => {
    const spent: Spent = { evaluate: 0, clone: 0, take: 0, store: 0 }
    // A sample older than the last one is not judged: as long as a pass knows of none, all of them are.
    shared.series.lastTimeMs.fill(0, 0, shared.seriesCount())
    let before = process.cpuUsage()
    const spend = (part: keyof Spent): void => {
      const now = process.cpuUsage()
      spent[part] += now.user - before.user + (now.system - before.system)
      before = now
    }
    for (const range of ranges) {
      const result = evaluator.evaluate({ ranges: [range], nowMs: endMs })
      spend('evaluate')
      port1.postMessage(result)
      const received = (receiveMessageOnPort(port2) as { message: EvaluationResult }).message
      spend('clone')
      candidates += received.candidates.count
      scanned += received.counts['scanned'] ?? 0
      engine.take(received, endMs)
      spend('take')
      engine.storeSeries(rows.seriesRoom())
      if (rows.waiting() >= 2000) await rows.flush()
      spend('store')
    }
    while (engine.storeSeries(rows.seriesRoom()) > 0) await rows.flush()
    await rows.flush()
    spend('store')
    return spent
  }
  return {
    pass,
    series: () => shared.seriesCount(),
    known: () => engine.registry.size(),
    candidates: () => candidates,
    scanned: () => scanned,
    close: async () => {
      port1.close()
      await rows.close(1000)
    }
  }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? NaN
const text = (spent: Spent, by: number): string =>
  parts.map(part => `${part} ${(spent[part] / by).toFixed(2)}`).join(', ')
const sum = (spent: Spent): number => parts.reduce((total, part) => total + spent[part], 0)

const mix = telegrafMix({ devices: city.devices, records, seed: 1, endMs })
const ranges = rangesOf(mix, { recordsPerRange, recordsPerBatch })
const costs: Spent[] = []
let known = 0
for (let round = 0; round < rounds; round++) {
  const one = daemon()
  const first = await one.pass(ranges)
  const scanned = one.scanned()
  const steady = [await one.pass(ranges), await one.pass(ranges), await one.pass(ranges)]
  const cost = Object.fromEntries(
    parts.map(part => [part, first[part] - Math.min(...steady.map(spent => spent[part]))])
  ) as Spent
  costs.push(cost)
  known = one.known()
  console.log(
    `round ${round}: ${known} series, ${one.candidates()} candidates, ${scanned} of ${records} scanned, ` +
      `steady ${(sum(steady[1]!) / records).toFixed(2)} µs a record; ` +
      `first meeting ${(sum(cost) / known).toFixed(2)} µs a series (${text(cost, known)})`
  )
  await one.close()
}
const middle = Object.fromEntries(
  parts.map(part => [part, median(costs.slice(1).map(cost => cost[part]))])
) as Spent
console.log(
  `first meeting, median of all rounds but the first, which compiles: ` +
    `${(median(costs.slice(1).map(sum)) / known).toFixed(2)} µs a series (${text(middle, known)})`
)
await client.close()
server.close()
