import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { programTableParts } from '../../rules/program.ts'
import { intervalMsMax, intervalMsMin, utilisationPctMax } from '../../rules/measures/rates.ts'
import { seriesStateParts, startedMsAt } from '../../rules/series-state.ts'
import { dbmOfMilliwatts } from '../../schemas/records/convert.ts'
import type { DecodePolicy } from '../../schemas/records/decode.ts'
import type { BlockDecoder } from '../../schemas/records/decompress.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import type { SharedState } from '../memory/shared-state.ts'
import { sharedTableParts } from '../memory/shared-table.ts'

/** What the compiled kernel (workers/kernel/) offers; addresses are in the shared memory. */
export interface Kernel {
  /** Reads on in the run on a desk, `most` records at most; what it stopped for (stopDone … in memory/map.ts). */
  walk(desk: number, most: number): number
  /**
   * Reads the record that walk() stopped at for its alias as a measurement reads it, its time in that unit (its place in
   * `timeUnits`); what it stopped for. With stopDone the desk lists `readings` and `noReadings` slots.
   */
  readNew(measurement: number, timeUnit: number, isWithoutInstance: boolean): number
  readings(): number
  noReadings(): number
  /** Judges rows of a desk; the first that needs the long way, or where its list was full, or `to`. */
  judge(desk: number, from: number, to: number): number
  /** Decodes one block of LZ4; where the output ends, or 0 where it is damaged or does not fit. */
  lz4(from: number, end: number, start: number, to: number, limit: number): number
  /** Rows without a program that judge() listed on the desk. */
  unassignedRows(): number
}

interface KernelExports {
  readonly walk: Kernel['walk']
  readonly judge: Kernel['judge']
  readonly lz4: Kernel['lz4']
  readonly unassignedRows: { readonly value: number }
  readonly readings: { readonly value: number }
  readonly noReadings: { readonly value: number }
  readNew(measurement: number, timeUnit: number, isWithoutInstance: number): number
  openFields(forms: number, measurements: number): void
  openTable(header: number, cells: number, entries: number, keys: number, followers: number): void
  openSeries(
    spanSets: number,
    nextSpans: number,
    ids: number,
    programs: number,
    devices: number,
    lastSeen: number
  ): void
  openJudge(
    lastTimes: number,
    programs: number,
    busy: number,
    quietLo: number,
    quietHi: number,
    quietMask: number
  ): void
  openRates(
    slots: number,
    rates: number,
    started: number,
    keeps: number,
    bands: number,
    intervalMsMin: number,
    intervalMsMax: number,
    utilisationPctMax: number
  ): void
  setClock(pastMsMax: number, futureMsMax: number): void
  setLimits(valueBytesMax: number): void
}

/** Where `npm run build` puts the compiled kernel, for source and build alike. */
const kernelFile = join(packageRoot, 'dist', 'workers', 'kernel.wasm')

let compiled: WebAssembly.Module | undefined

function kernelModule(): WebAssembly.Module {
  if (compiled !== undefined) return compiled
  let bytes: Uint8Array
  try {
    bytes = readFileSync(kernelFile)
  } catch (error) {
    throw new Error(`the evaluation kernel is not there (${kernelFile}): run \`npm run build\``, {
      cause: error
    })
  }
  compiled = new WebAssembly.Module(bytes)
  return compiled
}

/** A thread's own instance over the shared memory. `measurements` is how many the profiles have. */
export function openKernel(shared: SharedState, policy: DecodePolicy, measurements: number): Kernel {
  const { kernel, limits } = shared
  const instance = new WebAssembly.Instance(kernelModule(), {
    env: { memory: kernel.memory, dbmOfMilliwatts }
  })
  const of = instance.exports as unknown as KernelExports
  const series = seriesStateParts(limits.seriesMax, kernel.series)
  const table = sharedTableParts(kernel.aliases)
  const program = programTableParts(kernel.programs.capacity, kernel.programs.at)
  of.openFields(kernel.forms, measurements)
  of.openTable(kernel.aliases.at, table.cells, table.entries, table.keys, kernel.followers)
  of.openSeries(
    kernel.spanSets,
    kernel.nextSpans,
    kernel.seriesIds,
    series.program,
    series.device,
    kernel.devices
  )
  of.openJudge(
    series.lastTimeMs,
    series.program,
    series.busy,
    program.quietLo,
    program.quietHi,
    program.quietMask
  )
  of.openRates(
    series.rateSlots,
    series.rates,
    startedMsAt(limits.devicesMax, kernel.devices),
    program.keeps,
    program.bands,
    intervalMsMin,
    intervalMsMax,
    utilisationPctMax
  )
  of.setClock(policy.pastMsMax, policy.futureMsMax)
  of.setLimits(policy.valueBytesMax)
  return {
    walk: of.walk,
    readNew: (measurement, timeUnit, isWithoutInstance) =>
      of.readNew(measurement, timeUnit, isWithoutInstance ? 1 : 0),
    readings: () => of.readings.value,
    noReadings: () => of.noReadings.value,
    judge: of.judge,
    lz4: of.lz4,
    unassignedRows: () => of.unassignedRows.value
  }
}

/** The kernel's LZ4 for createDecompressor(): input and output lie in its memory, the output with slack behind it. */
export const lz4BlockOf =
  (kernel: Kernel): BlockDecoder =>
  (input, from, end, output, to) => {
    const start = output.byteOffset
    const made = kernel.lz4(
      input.byteOffset + from,
      input.byteOffset + end,
      start,
      start + to,
      start + output.length
    )
    return made === 0 ? -1 : made - start
  }
