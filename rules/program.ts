import { measures, type Measure } from './measures/measure.ts'
import { keepsNothing, keptSamples, type KeptSamples } from './measures/rates.ts'
import { conditionsPerSeriesMax } from './series-state.ts'

/**
 * Rules as programs: what a series is judged by, as flat numbers in shared memory. The main thread appends
 * programs; workers read them at once, with no message, because a program is written completely before any
 * series is assigned to it. Programs are never changed in place; `clearPrograms` is for a reload, while no
 * task is under evaluation.
 */

/** How a condition compares. */
export const conditionOps = ['below', 'above', 'in'] as const
export type ConditionOp = (typeof conditionOps)[number]

export const opBelow = 0
export const opAbove = 1
export const opIn = 2

/** Consecutive samples are counted in seven bits of the series state. */
export const sampleCountMax = 127

/** One condition as the rules compiler hands it over. */
export interface ConditionSpec {
  /** Index of the condition in the compiled rules; comes back in Candidate.condition. */
  readonly condition: number
  readonly op: ConditionOp
  /** The rate or change that is compared; left out for the value itself. */
  readonly measure?: Measure
  /** How long (ms) a baseline is learnt before its change is judged; left out for what is no change. */
  readonly learnMs?: number
  /** `below` raises on value < raiseLimit, `above` on value > raiseLimit. Ignored by `in`. */
  readonly raiseLimit: number
  /** `below` clears on value >= clearLimit, `above` on value <= clearLimit; between the two nothing changes. */
  readonly clearLimit: number
  /** Consecutive samples needed to raise and to clear, 1..127. */
  readonly raiseCount: number
  readonly clearCount: number
  /** `in`: bit c is set when code c (0..31) raises; every other code clears. 0 for the numeric ops. */
  readonly mask: number
}

export interface ProgramSpec {
  /** At most conditionsPerSeriesMax. Empty for a series that no rule judges. */
  readonly conditions: readonly ConditionSpec[]
  /** What is kept of its samples for rates, its own or others'; left out for nothing. */
  readonly keeps?: KeptSamples
  /** Over how long (ms) its baseline is learnt; left out where it has none. */
  readonly overMs?: number
  /** Of a program without conditions: every other value is told of (isToldOf). For limits that modules name. */
  readonly known?: number
}

/** The flat form. Condition k of program p stands at p × conditionsPerSeriesMax + k. */
export interface ProgramTable {
  readonly capacity: number
  /** [0] programs in use, [1] version: grows with every program added and every clearing. */
  readonly header: Int32Array
  readonly conditionCount: Uint8Array
  /** A value within [quietLo, quietHi] breaches no numeric condition. */
  readonly quietLo: Float64Array
  readonly quietHi: Float64Array
  /** Bit c is set when code c breaches no enumeration; all ones for a purely numeric program. */
  readonly quietMask: Uint32Array
  readonly condition: Int32Array
  readonly op: Uint8Array
  readonly raiseLimit: Float64Array
  readonly clearLimit: Float64Array
  readonly raiseCount: Uint8Array
  readonly clearCount: Uint8Array
  readonly mask: Uint32Array
  /** Index in `measures`. */
  readonly measure: Uint8Array
  /**
   * Index in `keptSamples`, one a program. Where it is not 0 the quiet band of the values is empty, so that no sample is passed by without
   * being kept, and that of each measure stands in `bands`.
   */
  readonly keeps: Uint8Array
  /** By program and measure a lowest and a highest value that breach no condition. */
  readonly bands: Float64Array
  /** Of a baseline, by program: over how long (ms) it is learnt. By condition: how long at least before it is judged. */
  readonly overMs: Float64Array
  readonly learnMs: Float64Array
}

const bandsPerProgram = measures.length * 2
const bytesPerProgram =
  8 + 8 + bandsPerProgram * 8 + 8 + 4 + 1 + 1 + conditionsPerSeriesMax * (8 + 8 + 8 + 4 + 4 + 1 + 1 + 1 + 1)
const headerBytes = 16

/** Bytes a table of this capacity takes; untouched pages of it cost nothing. */
export function programTableBytes(capacity: number): number {
  return headerBytes + capacity * bytesPerProgram
}

/** Where a table of programs lies: `at` is a multiple of 8. */
export interface ProgramMemory {
  readonly memory: SharedArrayBuffer | ArrayBuffer
  readonly at: number
  readonly capacity: number
}

/** The view that a worker takes over the memory the main thread shares with it. */
export function programTableOver({ memory, at: start, capacity }: ProgramMemory): ProgramTable {
  const at = programTableParts(capacity, start)
  const slots = capacity * conditionsPerSeriesMax
  return {
    capacity,
    header: new Int32Array(memory, start, 2),
    quietLo: new Float64Array(memory, at.quietLo, capacity),
    quietHi: new Float64Array(memory, at.quietHi, capacity),
    raiseLimit: new Float64Array(memory, at.raiseLimit, slots),
    clearLimit: new Float64Array(memory, at.clearLimit, slots),
    bands: new Float64Array(memory, at.bands, capacity * bandsPerProgram),
    overMs: new Float64Array(memory, at.overMs, capacity),
    learnMs: new Float64Array(memory, at.learnMs, slots),
    quietMask: new Uint32Array(memory, at.quietMask, capacity),
    condition: new Int32Array(memory, at.condition, slots),
    mask: new Uint32Array(memory, at.mask, slots),
    conditionCount: new Uint8Array(memory, at.conditionCount, capacity),
    op: new Uint8Array(memory, at.op, slots),
    raiseCount: new Uint8Array(memory, at.raiseCount, slots),
    clearCount: new Uint8Array(memory, at.clearCount, slots),
    measure: new Uint8Array(memory, at.measure, slots),
    keeps: new Uint8Array(memory, at.keeps, capacity)
  }
}

/** Where each array begins. */
export function programTableParts(
  capacity: number,
  start: number
): Record<Exclude<keyof ProgramTable, 'capacity' | 'header'>, number> {
  let at = start + headerBytes
  const take = (bytes: number): number => (at += bytes) - bytes
  const slots = capacity * conditionsPerSeriesMax
  return {
    quietLo: take(capacity * 8),
    quietHi: take(capacity * 8),
    raiseLimit: take(slots * 8),
    clearLimit: take(slots * 8),
    bands: take(capacity * bandsPerProgram * 8),
    overMs: take(capacity * 8),
    learnMs: take(slots * 8),
    quietMask: take(capacity * 4),
    condition: take(slots * 4),
    mask: take(slots * 4),
    conditionCount: take(capacity),
    op: take(slots),
    raiseCount: take(slots),
    clearCount: take(slots),
    measure: take(slots),
    keeps: take(capacity)
  }
}

/** The main thread's side: appends programs, an identical one only once. */
export interface ProgramTableBuilder {
  readonly table: ProgramTable
  /**
   * Index of the program, to be stored in SeriesState.program. 0 for a spec without conditions.
   * Throws RangeError when the spec is not sound or the table is full.
   */
  addProgram(spec: ProgramSpec): number
  /** Forgets every program but the empty one. Only while no task is under evaluation and before series are re-assigned. */
  clearPrograms(): void
  /** Programs in use, the empty one included. */
  size(): number
  /** Grows with every change. */
  version(): number
}

/** Memory of its own for so many programs. */
export function createProgramMemory(capacity: number): ProgramMemory {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`program table: capacity must be a positive integer, not ${capacity}`)
  }
  return { memory: new SharedArrayBuffer(programTableBytes(capacity)), at: 0, capacity }
}

/**
 * In the memory given, or in memory of its own for so many programs. The capacity is the most distinct programs there can
 * be, about 450 bytes each; module limits make most of them.
 */
export function createProgramTable(of: number | ProgramMemory): ProgramTableBuilder {
  const place = typeof of === 'number' ? createProgramMemory(of) : of
  const { capacity } = place
  const table = programTableOver(place)
  const known = new Map<string, number>()
  writeProgram(table, 0, { conditions: [] })
  table.header[0] = 1

  const addProgram = (spec: ProgramSpec): number => {
    if (spec.conditions.length === 0 && spec.keeps === undefined && spec.known === undefined) return 0
    checkSpec(spec)
    const key = `${spec.conditions.map(programKey).join(';')};${spec.keeps ?? ''};${spec.overMs ?? ''};${spec.known ?? ''}`
    const found = known.get(key)
    if (found !== undefined) return found
    const index = table.header[0] ?? 0
    if (index >= capacity) {
      throw new RangeError(
        `program table: all ${capacity} programs are in use; use fewer distinct limits (per module or optic class) or raise the capacity`
      )
    }
    writeProgram(table, index, spec)
    known.set(key, index)
    Atomics.store(table.header, 0, index + 1)
    Atomics.add(table.header, 1, 1)
    return index
  }

  return {
    table,
    addProgram,
    clearPrograms: () => {
      known.clear()
      Atomics.store(table.header, 0, 1)
      Atomics.add(table.header, 1, 1)
    },
    size: () => table.header[0] ?? 0,
    version: () => table.header[1] ?? 0
  }
}

function programKey(c: ConditionSpec): string {
  const {
    condition,
    op,
    measure = '',
    raiseLimit,
    clearLimit,
    raiseCount,
    clearCount,
    mask,
    learnMs = ''
  } = c
  return [condition, op, measure, learnMs, raiseLimit, clearLimit, raiseCount, clearCount, mask >>> 0].join(
    ','
  )
}

function checkSpec(spec: ProgramSpec): void {
  if (spec.conditions.length > conditionsPerSeriesMax) {
    throw new RangeError(
      `program: ${spec.conditions.length} conditions on one series, ${conditionsPerSeriesMax} are possible; narrow the selectors of the rules`
    )
  }
  for (const c of spec.conditions) {
    const place = `program: condition ${c.condition}`
    for (const count of [c.raiseCount, c.clearCount]) {
      if (!Number.isInteger(count) || count < 1 || count > sampleCountMax) {
        throw new RangeError(`${place}: a sample count must be 1..${sampleCountMax}, not ${count}`)
      }
    }
    if (c.op === 'in') continue
    if (Number.isNaN(c.raiseLimit) || Number.isNaN(c.clearLimit)) {
      throw new RangeError(`${place}: a limit is not a number`)
    }
    const wrongSide = c.op === 'below' ? c.clearLimit < c.raiseLimit : c.clearLimit > c.raiseLimit
    if (wrongSide) {
      throw new RangeError(
        `${place}: the clear limit ${c.clearLimit} is on the wrong side of the raise limit ${c.raiseLimit}`
      )
    }
  }
}

function writeProgram(table: ProgramTable, index: number, spec: ProgramSpec): void {
  const bands = table.bands.subarray(index * bandsPerProgram, (index + 1) * bandsPerProgram)
  for (let at = 0; at < bandsPerProgram; at += 2) {
    bands[at] = -Infinity
    bands[at + 1] = Infinity
  }
  let breaching = 0
  spec.conditions.forEach((c, k) => {
    const at = index * conditionsPerSeriesMax + k
    table.condition[at] = c.condition
    table.op[at] = conditionOps.indexOf(c.op)
    table.raiseLimit[at] = c.raiseLimit
    table.clearLimit[at] = c.clearLimit
    table.raiseCount[at] = c.raiseCount
    table.clearCount[at] = c.clearCount
    table.mask[at] = c.mask
    const measure = measures.indexOf(c.measure ?? 'value')
    table.measure[at] = measure
    table.learnMs[at] = c.learnMs ?? 0
    const band = measure * 2
    if (c.op === 'below') bands[band] = Math.max(bands[band]!, c.raiseLimit)
    else if (c.op === 'above') bands[band + 1] = Math.min(bands[band + 1]!, c.raiseLimit)
    else breaching |= c.mask
  })
  table.overMs[index] = spec.overMs ?? 0
  const keeps = keptSamples.indexOf(spec.keeps ?? 'nothing')
  table.keeps[index] = keeps
  table.quietLo[index] = keeps === keepsNothing ? bands[0]! : Infinity
  table.quietHi[index] = keeps === keepsNothing ? bands[1]! : -Infinity
  if (spec.known !== undefined) table.quietLo[index] = table.quietHi[index] = spec.known
  table.quietMask[index] = ~breaching
  table.conditionCount[index] = spec.conditions.length
}

/** Whether a value is another than the one that a program knows, which has no conditions. */
export function isToldOf(table: ProgramTable, program: number, value: number): boolean {
  return (
    table.conditionCount[program] === 0 &&
    table.keeps[program] === keepsNothing &&
    value !== table.quietLo[program] &&
    table.quietLo[program] === table.quietHi[program]
  )
}
