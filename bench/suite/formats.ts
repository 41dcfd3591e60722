import { encoderFor, formats as writtenFormats, type Format } from '../../embedded/simulator/encode-other.ts'
import { createRandom } from '../../embedded/simulator/random.ts'
import type { Reading } from '../../embedded/simulator/readings.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import type { ProfileSet } from '../../schemas/records/plan.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import {
  createEvaluation,
  createParity,
  createRecordMaker,
  parityFormats,
  parityNowMs,
  sharedFor
} from '../support/parity.ts'
import { rangeOf } from '../support/records.ts'
import { median, type Figures } from '../support/figures.ts'
import type { Bench } from '../support/stage.ts'

const seed = 1
const parityBatch = 500
/** Fresh memory after so many batches, so that records of unknown devices are compared too. */
const parityBatches = 40

const readingsPerFormat = 50_000
const recordsPerTask = 5000

/**
 * The scanners against the reference decoder: 1,000,000 generated and mutated records of all formats, judged in both ways;
 * then the CPU of one record of each format as its collector writes it, decoded, evaluated and encoded, in one thread.
 */
export const formats: Bench = async ({ size, runs, say }) => {
  const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
  // First the clock, as long as the engine has seen nothing odd.
  const cpu: Figures = {}
  for (const format of writtenFormats) Object.assign(cpu, measure(profiles, format, runs, say))
  return { ...compare(profiles, size ?? 1_000_000, say), ...cpu }
}

function compare(profiles: ProfileSet, records: number, say: (line: string) => void): Figures {
  const random = createRandom(seed)
  const pick = (n: number): number => Math.floor(random.next() * n)
  const make = createRecordMaker(profiles)
  let parity = createParity(profiles)
  let differences = 0
  let scanned = 0
  for (let done = 0, batch = 0; done < records; batch++) {
    if (batch % parityBatches === 0) parity = createParity(profiles)
    const count = Math.min(parityBatch, records - done)
    const values = Array.from({ length: count }, (_, i) =>
      make(parityFormats[(done + i) % parityFormats.length]!, pick)
    )
    const difference = parity.run(values)
    scanned += parity.scanned
    done += count
    if (difference === undefined) continue
    differences++
    say(`formats: batch ${batch} (seed ${seed}) differs: ${JSON.stringify(difference).slice(0, 2000)}`)
    // What was stored apart stays apart: begin anew.
    parity = createParity(profiles)
  }
  return {
    parity_records: records,
    parity_differences: differences,
    parity_scanned_ratio: scanned / records
  }
}

function measure(profiles: ProfileSet, format: Format, runs: number, say: (line: string) => void): Figures {
  const values = recordsOf(format)
  const figures: Figures = { [`${format}_bytes_per_record`]: bytesOf(values) / values.length }
  for (const isScanning of [false, true]) {
    const evaluation = createEvaluation(profiles, isScanning, sharedFor(1_000_000))
    const microseconds: number[] = []
    let scanned = 0
    let samples = 0
    // Twice to be known, learnt and compiled.
    for (let run = -2; run < runs; run++) {
      scanned = samples = 0
      const tasks = tasksOf(values)
      const before = process.cpuUsage()
      for (const task of tasks) {
        const { counts } = evaluation.run(task)
        scanned += counts['scanned'] ?? 0
        samples += counts['samples'] ?? 0
      }
      const { user, system } = process.cpuUsage(before)
      if (run >= 0) microseconds.push((user + system) / values.length)
    }
    const way = isScanning ? 'scanner' : 'decoder'
    const figure = median(microseconds)
    figures[`${format}_${way}_cpu_us_per_record`] = figure
    if (isScanning) figures[`${format}_scanned_ratio`] = scanned / values.length
    say(
      `${format}: ${way} ${figure.toFixed(2)} µs a record, ${(samples / values.length).toFixed(1)} samples each`
    )
  }
  return figures
}

const bytesOf = (values: readonly Uint8Array[]): number =>
  values.reduce((sum, value) => sum + value.length, 0)

function* chunks<T>(list: readonly T[], size: number): Generator<T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size)
}

const tasksOf = (values: readonly Uint8Array[]) =>
  [...chunks(values, recordsPerTask)].map((part, i) => ({
    ranges: [rangeOf(part, { firstOffset: i * recordsPerTask, perBatch: 60 })],
    nowMs: parityNowMs
  }))

/** Ports and modules (nine readings of ten) and UPS, as the simulator writes them in this format; what it has no words for is left out. */
function recordsOf(format: Format): Uint8Array[] {
  const random = createRandom(seed)
  const { devices } = generateCity({ nodes: 300, seed })
  const all = [...devices]
  const switches = all.filter(device => device.role === 'switch' && device.ports.length > 0)
  const upses = all.filter(device => device.role === 'ups')
  const encode = encoderFor(format)
  const values: Uint8Array[] = []
  const whole = (below: number): number => Math.floor(random.next() * below)
  for (let i = 0; i < readingsPerFormat; i++) {
    const kind = i % 10
    const device = kind < 9 ? switches[i % switches.length]! : upses[i % upses.length]!
    const common = { device, collector: 'col1', timeMs: parityNowMs - 100_000 + i }
    const index = device.ports[whole(device.ports.length)]?.instance ?? '1'
    let reading: Reading
    if (kind < 7) {
      reading = {
        ...common,
        kind: 'interface',
        index,
        adminStatus: 1,
        operStatus: 1,
        inOctets: whole(1e12),
        outOctets: whole(1e12),
        inErrors: whole(100),
        outErrors: 0,
        inDiscards: whole(100),
        outDiscards: 0,
        speedBps: 1e9,
        lastChangeTicks: 9_088_763
      }
    } else if (kind < 9) {
      reading = {
        ...common,
        kind: 'optics',
        index,
        opticClass: '1000base-lx',
        rxDbm: random.between(-14, -9),
        txDbm: random.between(-7, -5),
        tempC: random.between(30, 50),
        voltageV: random.between(3.2, 3.4),
        biasMa: random.between(10, 30)
      }
    } else {
      reading = {
        ...common,
        kind: 'ups',
        source: 'mains',
        battery: 'normal',
        replaceBattery: false,
        chargePct: 100,
        runtimeS: 3600,
        onBatteryS: 0,
        inputV: random.between(220, 240),
        batteryV: random.between(13, 14),
        loadPct: random.between(5, 25),
        tempC: random.between(20, 30)
      }
    }
    // gNMI has no model of a UPS: the simulator gives Telegraf's record then, which is measured with Telegraf.
    if (format === 'gnmic' && reading.kind === 'ups') continue
    encode(reading, record => values.push(record.value))
  }
  return values
}
