import lz4 from 'lz4-napi'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileRules } from '../rules/compile.ts'
import { createProgramTable } from '../rules/program.ts'
import { shippedRulesFiles } from '../rules/shipped.ts'
import { createDecoder, type DecodePolicy } from '../schemas/records/decode.ts'
import type { EvaluationResult } from '../schemas/evaluation.ts'
import { newEntities } from '../schemas/findings.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { readProfileFiles, shippedProfiles } from '../schemas/records/profile-files.ts'
import type { EncodeOptions } from '../schemas/records/record-batch.ts'
import { createSeriesAssigner } from '../status/engine/assign.ts'
import { createSeriesRegistry } from '../status/engine/series-registry.ts'
import { generateCity } from '../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../topology/compile.ts'
import { createEvaluator } from '../workers/evaluate.ts'
import { createSharedMemory, openSharedState } from '../workers/memory/shared-state.ts'
import { telegrafMix } from './support/mix.ts'
import { rangesOf } from './support/ranges.ts'

/**
 * CPU a record of evaluation alone: the records, the inventory and the rules of the bench `path`, but batches in memory, one
 * thread, no Kafka and no ClickHouse, and every series known. `node --import tsx bench/evaluate.ts [records] [nodes]
 * [decoder,scanner] [none|lz4] [power,link,…]`, the last for some of the shipped rules only.
 */
const records = Number(process.argv[2] ?? 200_000)
const nodes = Number(process.argv[3] ?? 1000)
const ways = process.argv[4]?.split(',') ?? ['decoder', 'scanner']
const isCompressed = process.argv[5] === 'lz4'
const packs = process.argv[6]?.split(',')
const rulesFiles = shippedRulesFiles.filter(
  file => packs === undefined || packs.some(pack => file.endsWith(`/${pack}.yaml`))
)
const repetitions = 9
const warmUps = 3

const recordsPerRange = 5000
const recordsPerBatch = 500

const endMs = Date.now()
const city = generateCity({ nodes, seed: 1 })

const compress = (bytes: Uint8Array): Uint8Array => lz4.compressFrameSync(Buffer.from(bytes))
const encoding: EncodeOptions = isCompressed ? { compression: { codec: 3, compress } } : {}

const mix = telegrafMix({ devices: city.devices, records, seed: 1, endMs })
const ranges = rangesOf(mix, { recordsPerRange, recordsPerBatch, encoding })
const bytes = ranges.reduce((sum, range) => sum + range.bytes.length, 0)
const inventory = compileInventory([inventoryPart(city.nodes, city.devices)], 1)
const rules = compileRules(
  rulesFiles.map(file => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') }))
)
const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
// The past is without limit: it takes many polls to make the records, whose times go back from now.
const policy: DecodePolicy = { futureMsMax: 60_000, pastMsMax: 1e12, depthMax: 32, valueBytesMax: 1 << 20 }

for (const way of ways) {
  const limits = { seriesMax: 8_000_000, devicesMax: 1_000_000, keyBytesMax: 1 << 29, programsMax: 4096 }
  const shared = openSharedState(createSharedMemory(limits))
  const programs = createProgramTable(shared.kernel.programs)
  const registry = createSeriesRegistry(limits.seriesMax, limits.devicesMax)
  const assigner = createSeriesAssigner(registry, shared.series, programs, inventory, rules, () => undefined)
  const evaluator = createEvaluator({
    measurements: profiles.measurements,
    decoder: createDecoder(profiles, policy),
    ...(way === 'scanner' ? { scanning: { profiles, policy } } : {}),
    shared,
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 }
  })
  const totals = { samples: 0, scanned: 0, candidates: 0 }
  const note = (result: EvaluationResult): void => {
    for (const entity of newEntities(result.newSeries)) {
      registry.add(entity, inventory, endMs)
      assigner.assign(entity.series)
    }
    totals.samples += result.counts['samples'] ?? 0
    totals.scanned += result.counts['scanned'] ?? 0
    totals.candidates += result.candidates.count
  }
  const microseconds: number[] = []
  for (let repetition = -warmUps; repetition < repetitions; repetition++) {
    Object.assign(totals, { samples: 0, scanned: 0, candidates: 0 })
    // A sample older than the last one is not judged: as long as a repetition knows of none, all of them are.
    shared.series.lastTimeMs.fill(0, 0, shared.seriesCount())
    const before = process.cpuUsage()
    for (const range of ranges) note(evaluator.evaluate({ ranges: [range], nowMs: endMs }))
    const used = process.cpuUsage(before)
    if (repetition >= 0) microseconds.push((used.user + used.system) / records)
  }
  microseconds.sort((a, b) => a - b)
  const median = microseconds[repetitions >> 1] ?? NaN
  console.log(
    `${way}: ${median.toFixed(3)} µs CPU a record (best ${microseconds[0]?.toFixed(3)}), ${(totals.samples / records).toFixed(1)} samples a record, ` +
      `${Math.round(bytes / records)} B a record, ${shared.seriesCount()} series, ${programs.size()} programs, ` +
      `scanned ${Math.round((100 * totals.scanned) / records)} %, ${totals.candidates} candidates`
  )
}
