import { readProfileFiles, shippedProfiles } from '../schemas/profile-files.ts'
import { assignProgram } from '../rules/kernel.ts'
import { createProgramTable, programTableOver } from '../rules/program.ts'
import { createDecoder, type DecodePolicy } from '../schemas/decode.ts'
import type { EvaluationTask, TaskRange } from '../schemas/evaluation.ts'
import { compileProfiles } from '../schemas/profile.ts'
import { encodeRecordBatch } from '../schemas/record-batch.ts'
import { createEvaluator } from '../workers/evaluate.ts'
import { createSharedMemory, openSharedState } from '../workers/shared-state.ts'

/**
 * CPU a record of evaluation alone: batches in memory, one thread, no Kafka and no ClickHouse. The mix is 70 % ports, 20 %
 * optics, 10 % UPS, as Telegraf writes them. `node --import tsx bench/evaluate.ts [records] [devices]`.
 */
const records = Number(process.argv[2] ?? 200_000)
const devices = Number(process.argv[3] ?? 2000)
const repetitions = 7

const startS = Math.floor(Date.now() / 1000)
const random = (n: number): number => Math.floor(Math.random() * n)

function recordValue(i: number): string {
  const device = i % devices
  const port = 1 + (Math.floor(i / devices) % 28)
  const timestamp = startS - 600 + Math.floor((i / records) * 600)
  const host = `col${device % 4}`
  const address = `10.${device >> 16}.${(device >> 8) & 255}.${device & 255}`
  const kind = i % 10
  if (kind < 7) {
    return `{"fields":{"ifAdminStatus":1,"ifHCInOctets":${random(1e12)},"ifHCOutOctets":${random(1e12)},"ifInErrors":${random(100)},"ifLastChange":9088763,"ifOperStatus":1},"name":"interface","tags":{"agent_host":"${address}","host":"${host}","ifDescr":"D-Link DES-3200-28 Port ${port}","ifIndex":"${port}","sysName":"du-${device}"},"timestamp":${timestamp}}\n`
  }
  if (kind < 9) {
    return `{"fields":{"swDdmBiasCurrent":"${(10 + Math.random() * 20).toFixed(3)}","swDdmRxPower":"${(0.02 + Math.random() * 0.2).toFixed(4)}","swDdmTemperature":"${(30 + Math.random() * 20).toFixed(4)}","swDdmTxPower":"0.2512","swDdmVoltage":"3.2910"},"name":"ddm","tags":{"agent_host":"${address}","host":"${host}","index":"${25 + (port % 2)}","sysName":"du-${device}"},"timestamp":${timestamp}}\n`
  }
  return `{"fields":{"battery_charge_percent":100,"battery_voltage":13.7,"input_voltage":${(220 + Math.random() * 20).toFixed(1)},"load_percent":${(5 + Math.random() * 20).toFixed(1)},"status_flags":8,"time_left_ns":3600000000000,"ups_status":"OL"},"name":"upsd","tags":{"host":"${host}","model":"x","serial":"AS${device}","status_OL":"true","ups_name":"ku${device}"},"timestamp":${timestamp}}\n`
}

const ranges: TaskRange[] = []
const perRange = 5000
let valueBytes = 0
for (let from = 0; from < records; from += perRange) {
  const count = Math.min(perRange, records - from)
  const batch = Array.from({ length: count }, (_, i) => {
    const value = Buffer.from(recordValue(from + i))
    valueBytes += value.length
    return { offset: from + i, timestampMs: Date.now(), key: Buffer.from(`k${(from + i) % devices}`), value }
  })
  const batches: Uint8Array[] = []
  for (let at = 0; at < count; at += 60) batches.push(encodeRecordBatch(batch.slice(at, at + 60)))
  ranges.push({
    topic: 't',
    partition: ranges.length % 8,
    firstOffset: from,
    lastOffset: from + count - 1,
    bytes: Buffer.concat(batches)
  })
}

const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
const policy: DecodePolicy = { futureMsMax: 60_000, pastMsMax: 1e9, depthMax: 32, valueBytesMax: 1 << 20 }

for (const way of process.argv[4]?.split(',') ?? ['decoder', 'scanner']) {
  const memory = createSharedMemory({ seriesMax: 8_000_000, devicesMax: 1_000_000, keyBytesMax: 1 << 29 })
  const shared = openSharedState(memory)
  const builder = createProgramTable(1024)
  const program = builder.addProgram({
    conditions: [
      { condition: 0, op: 'below', raiseLimit: -1e6, clearLimit: -1e6, raiseCount: 2, clearCount: 2, mask: 0 }
    ]
  })
  const evaluator = createEvaluator({
    measurements: profiles.measurements,
    decoder: createDecoder(profiles, policy),
    ...(way === 'scanner' ? { scanning: { profiles, policy } } : {}),
    shared,
    programs: programTableOver(builder.table.memory, builder.table.capacity),
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 }
  })
  const totals = { samples: 0, scanned: 0, candidates: 0 }
  const run = (task: EvaluationTask): void => {
    const result = evaluator.evaluate(task)
    for (const { series } of result.newSeries) assignProgram(builder.table, shared.series, series, program)
    totals.samples += result.counts['samples'] ?? 0
    totals.scanned += result.counts['scanned'] ?? 0
    totals.candidates += result.candidates.length
  }
  const microseconds: number[] = []
  for (let repetition = 0; repetition < repetitions + 2; repetition++) {
    Object.assign(totals, { samples: 0, scanned: 0, candidates: 0 })
    const before = process.cpuUsage()
    for (const range of ranges) run({ ranges: [range], nowMs: Date.now() })
    const used = process.cpuUsage(before)
    if (repetition >= 2) microseconds.push((used.user + used.system) / records)
  }
  microseconds.sort((a, b) => a - b)
  const median = microseconds[repetitions >> 1] ?? NaN
  console.log(
    `${way}: ${median.toFixed(2)} µs CPU a record (best ${microseconds[0]?.toFixed(2)}), ${(totals.samples / records).toFixed(1)} samples a record, ` +
      `${Math.round(valueBytes / records)} B a value, ${shared.seriesCount()} series, scanned ${Math.round((100 * totals.scanned) / records)} %, ${totals.candidates} candidates`
  )
}
