import { signals } from '../../schemas/signals.ts'
import { isBeside, isUptime } from './rates.ts'

/**
 * Change against what is usual for a series. A slow mean of its readings is the baseline, a fast one what it reads now; a `step` is how far
 * they are apart, `drift_per_day` how fast the baseline itself moves. What is learnt depends on nothing but the samples of the series in
 * the order of their times, so it is the same however they are cut into batches, and it is kept of those series only that a rule asks for.
 */

/** What a condition compares of a gauge beside its value. */
export const changes = ['step', 'step_pct', 'drift_per_day'] as const
export type Change = (typeof changes)[number]

/** As programs have them: places in `measures` (measure.ts). */
const measureStep = 4
const measureStepPct = 5

/** What a condition learns: over how long, and how long at least before it judges. */
export interface Learning {
  readonly overMs: number
  readonly learnMs: number
}

/** The time constant of the slow mean is a third of the time learnt over: what is older weighs a twentieth. */
const constantsPerOver = 3
/** Time constant of the fast mean: a single odd reading is no change. */
export const fastMs = 600_000
/** A reading stands for so long at most: what nobody measured is not learnt. */
export const spanMsMax = 3_600_000
/** Fewer samples say nothing of what is usual, however long they took. */
export const samplesMin = 20
/** A step that stands for so many times the time learnt over has become what is usual. */
export const standsOversMax = 4
const dayMs = 86_400_000

/** Limits of a rule's `baseline`. */
export const overMsMin = 3_600_000
export const overMsMax = 90 * dayMs
export const learnMsMin = 600_000

/** Slots of baselines, as rates have theirs (rates.ts). Slot 0 stands for none. */
export interface BaselineState {
  /** Slot of each series; 0 for none. Series beyond its end have none. */
  readonly slotOf: Int32Array
  /** By slot, `baselineNumbers` each: what is known at the places below, and behind it the same as it was before the task in `marks`. */
  readonly numbers: Float64Array
  /** By slot: mark of the task before which the copy was made. The first one, of slot 0, tells how many slots are taken. */
  readonly marks: Int32Array
}

/** Last sample: value, and event time (ms); 0 where there is none. */
export const lastValue = 0
export const lastMs = 1
const fastMean = 2
export const slowMean = 3
/** Mean of the slow mean, with the same time constant: how far apart they are says how fast the slow one moves. */
const slowerMean = 4
/** How long (ms) was learnt, to when, and from how many samples. */
export const learntMs = 5
export const learntToMs = 6
const learntSamples = 7
/** What is known of a slot. */
export const baselineParts = 8
export const baselineNumbers = baselineParts * 2

/** Series of which a baseline is learnt: levels of trunk ports and of power supplies, not the ports of subscribers. */
export const slotsMax = 1_000_000
/** Of the series with the lowest numbers. */
const seriesMax = 8_000_000

const slotsOf = (capacity: number): number => Math.min(capacity, slotsMax) + 1

/** Bytes for so many series; untouched pages of them cost nothing. */
export function baselinesBytes(capacity: number): number {
  return slotsOf(capacity) * (baselineNumbers * 8 + 4) + Math.min(capacity, seriesMax) * 4
}

export function baselinesOver(memory: SharedArrayBuffer | ArrayBuffer, capacity: number): BaselineState {
  const slots = slotsOf(capacity)
  const marksAt = slots * baselineNumbers * 8
  return {
    numbers: new Float64Array(memory, 0, slots * baselineNumbers),
    marks: new Int32Array(memory, marksAt, slots),
    slotOf: new Int32Array(memory, marksAt + slots * 4, Math.min(capacity, seriesMax))
  }
}

/** Takes a slot for a series that has none; whether there was room for it. Only the main thread does so. */
export function takeBaselineSlot({ slotOf, marks }: BaselineState, series: number): boolean {
  if (hasBaseline({ slotOf }, series)) return true
  const slot = marks[0]! + 1
  if (series >= slotOf.length || slot >= marks.length) return false
  marks[0] = slot
  slotOf[series] = slot
  return true
}

export function hasBaseline({ slotOf }: Pick<BaselineState, 'slotOf'>, series: number): boolean {
  return series < slotOf.length && slotOf[series] !== 0
}

/** The next sample of the series is its first one. */
export function forgetBaseline(state: BaselineState, series: number): void {
  if (hasBaseline(state, series)) state.numbers[state.slotOf[series]! * baselineNumbers + lastMs] = 0
}

/** What was usual is not any more: the next sample is the first that is learnt. While no task holds samples of the series. */
export function learnAnew(state: BaselineState, series: number): void {
  if (!hasBaseline(state, series)) return
  const at = state.slotOf[series]! * baselineNumbers
  state.numbers[at + learntMs] = state.numbers[at + learntToMs] = state.numbers[at + learntSamples] = 0
}

/** What may be learnt of a signal: numbers that stand for themselves, not counts nor the time since a start. */
export function changesOf(signal: number): readonly Change[] {
  const found = signals[signal]
  if (found?.kind !== 'gauge' || isBeside(signal) || isUptime(signal)) return []
  return changes.filter(change => change !== 'step_pct' || hasZero(found.unit))
}

/** Whether a part of a reading means something: of levels in dB and of degrees it does not. */
const hasZero = (unit: string): boolean => !unit.startsWith('dB') && unit !== '°C'

/** The unit that limits of it are in. */
export function unitOfChange(unit: string, change: Change): string {
  const difference = unit.startsWith('dB') ? 'dB' : unit
  return change === 'step' ? difference : change === 'step_pct' ? '%' : `${difference}/day`
}

/**
 * Learns a sample that is newer than the last one; `isStanding`: a step is raised, and must not become what is usual. Returns false where it
 * is not newer: then it says nothing of changes.
 */
export function learnSample(
  { numbers }: BaselineState,
  slot: number,
  overMs: number,
  value: number,
  timeMs: number,
  isStanding: boolean
): boolean {
  const at = slot * baselineNumbers
  const beforeMs = numbers[at + lastMs]!
  const elapsedMs = timeMs - beforeMs
  if (elapsedMs <= 0) return false
  const isAnew =
    beforeMs === 0 || elapsedMs > overMs || timeMs - numbers[at + learntToMs]! > standsOversMax * overMs
  if (isAnew) {
    numbers[at + fastMean] = numbers[at + slowMean] = numbers[at + slowerMean] = value
    numbers[at + learntMs] = 0
    numbers[at + learntToMs] = timeMs
    numbers[at + learntSamples] = 1
  } else {
    numbers[at + fastMean]! += (value - numbers[at + fastMean]!) * (1 - Math.exp(-elapsedMs / fastMs))
    if (!isStanding) {
      // The reading before it has stood until now.
      const spanMs = Math.min(elapsedMs, spanMsMax)
      const before = numbers[at + learntMs]!
      // At first it is the plain mean of all that was read.
      const weight = Math.max(1 - Math.exp((-spanMs * constantsPerOver) / overMs), spanMs / (before + spanMs))
      const slow = numbers[at + slowMean]!
      const moved = slow + (numbers[at + lastValue]! - slow) * weight
      numbers[at + slowMean] = moved
      numbers[at + slowerMean]! += (moved - numbers[at + slowerMean]!) * weight
      numbers[at + learntMs] = before + spanMs
      numbers[at + learntToMs] = timeMs
      numbers[at + learntSamples]!++
    }
  }
  numbers[at + lastValue] = value
  numbers[at + lastMs] = timeMs
  return true
}

/** The change of a slot as it is now. 0 while it is learning: nothing has changed that anybody knows of. NaN where there is none. */
export function changeOf(
  { numbers }: BaselineState,
  slot: number,
  measure: number,
  overMs: number,
  learnMs: number
): number {
  const at = slot * baselineNumbers
  if (numbers[at + learntMs]! < learnMs || numbers[at + learntSamples]! < samplesMin) return 0
  const slow = numbers[at + slowMean]!
  const step = numbers[at + fastMean]! - slow
  if (measure === measureStep) return step
  if (measure === measureStepPct) return slow > 0 ? (step * 100) / slow : NaN
  return ((slow - numbers[at + slowerMean]!) * constantsPerOver * dayMs) / overMs
}

export const isStep = (measure: number): boolean => measure === measureStep || measure === measureStepPct

/** A baseline for people who ask; null for what is not known yet. */
export interface KnownBaseline {
  readonly value: number | null
  readonly fast: number | null
  readonly slow: number | null
  readonly learntMs: number
  readonly samples: number
}

const nothingKnown: KnownBaseline = { value: null, fast: null, slow: null, learntMs: 0, samples: 0 }

export function knownBaseline(
  state: BaselineState,
  series: number,
  change: Change,
  { overMs, learnMs }: Learning
): KnownBaseline {
  const { numbers, slotOf } = state
  const slot = slotOf[series] ?? 0
  const at = slot * baselineNumbers
  if (slot === 0 || numbers[at + lastMs] === 0) return nothingKnown
  const learnt = numbers[at + learntMs]!
  const samples = numbers[at + learntSamples]!
  const value = changeOf(state, slot, measureStep + changes.indexOf(change), overMs, learnMs)
  return {
    value: learnt < learnMs || samples < samplesMin || Number.isNaN(value) ? null : value,
    fast: numbers[at + fastMean]!,
    slow: numbers[at + slowMean]!,
    learntMs: learnt,
    samples
  }
}

/** Keeps what is known of a series as it is before a task changes it, so that it can be taken back (workers/memory/undo.ts). */
export function noteBaseline({ numbers, marks, slotOf }: BaselineState, series: number, mark: number): void {
  const slot = slotOf[series]!
  if (slot === 0 || marks[slot] === mark) return
  const at = slot * baselineNumbers
  // One by one: for so few, copyWithin() takes longer than all the rest.
  for (let k = at; k < at + baselineParts; k++) numbers[k + baselineParts] = numbers[k]!
  // Written last: what has the mark has its copy.
  Atomics.store(marks, slot, mark)
}

/** Takes back what the task of this mark has learnt of a series. */
export function takeBackBaseline(
  { numbers, marks, slotOf }: BaselineState,
  series: number,
  mark: number
): void {
  const slot = slotOf[series]!
  if (slot === 0 || marks[slot] !== mark) return
  const at = slot * baselineNumbers
  numbers.copyWithin(at, at + baselineParts, at + baselineNumbers)
  marks[slot] = 0
}
