import { opAbove, opBelow, type ProgramTable } from './program.ts'
import { changeOf, isStep, learnSample, takeBaselineSlot } from './measures/baselines.ts'
import {
  keepSample,
  keepsBaseline,
  keepsNothing,
  measureValue,
  rateOf,
  takeRateSlot
} from './measures/rates.ts'
import { conditionsPerSeriesMax, conditionWordsPerSeries, type SeriesState } from './series-state.ts'

/**
 * The judgement of one sample, shared by the workers and by the main thread (which evaluates the samples of a
 * series it has just assigned). Pure but for the state it is given.
 */

/** Told of every condition that flips; `limit` is the one crossed, NaN for an enumeration, `measured` the sample's value, its rate or its change. */
export type EmitFlip = (condition: number, on: boolean, limit: number, measured: number) => void

const raisedBit = 0x80
const countBits = 0x7f

/**
 * Evaluates one sample against the program of its series and updates the series' state. Returns whether it was
 * evaluated: a sample older than the last one is not (it is stored all the same). A sample of the same time as
 * the last one is judged, but adds nothing to a count of consecutive samples that is under way, so that a
 * doubled record does not count twice.
 *
 * The series must be assigned. A sample that changes nothing costs the comparison of its time, of `busy` and
 * of the quiet band.
 */
export function evaluateSample(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  value: number,
  timeMs: number,
  emit: EmitFlip
): boolean {
  const lastMs = state.lastTimeMs[series]!
  if (timeMs < lastMs) return false
  state.lastTimeMs[series] = timeMs
  const program = state.program[series]!
  if (
    state.busy[series] === 0 &&
    value >= table.quietLo[program]! &&
    value <= table.quietHi[program]! &&
    // A shift by a fraction or by more than 31 looks at some other code; that may take the long way, never skip it.
    ((table.quietMask[program]! >>> value) & 1) === 1
  ) {
    return true
  }
  judge(table, state, series, program, value, timeMs, timeMs === lastMs, emit)
  return true
}

/** The long way: every condition of the program, with hysteresis and consecutive counts. */
function judge(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  program: number,
  value: number,
  timeMs: number,
  sameTime: boolean,
  emit: EmitFlip
): void {
  const conditionCount = table.conditionCount[program]!
  const keeps = table.keeps[program]!
  const slot = slotOf(state, series, keeps)
  /** Over how long the rate or change is that ends with this sample; 0 for none. */
  const overMs =
    keeps === keepsNothing
      ? 0
      : keeps === keepsBaseline
        ? learn(table, state, series, program, value, timeMs)
        : keepSample(state.rates, slot, keeps, value, timeMs)
  let busy = 0
  for (let k = 0; k < conditionCount; k++) {
    const at = program * conditionsPerSeriesMax + k
    const place = series * conditionsPerSeriesMax + k
    const before = state.conditions[place]!
    const raised = (before & raisedBit) !== 0
    const measure = table.measure[at]!
    let measured = value
    if (measure !== measureValue) {
      measured =
        overMs === 0
          ? NaN
          : keeps === keepsBaseline
            ? changeOf(state.baselines, slot, measure, overMs, table.learnMs[at]!)
            : rateOf(state.rates, slot, measure, timeMs, overMs)
      // A sample without a rate or change says nothing: it neither counts nor breaks a count.
      if (Number.isNaN(measured)) {
        busy |= before
        continue
      }
    }
    const towards = raised ? clears(table, at, measured) : raises(table, at, measured)
    let after: number
    if (!towards) {
      after = before & raisedBit
    } else {
      const count = before & countBits
      const reached = sameTime && count > 0 ? count : count + 1
      if (reached >= (raised ? table.clearCount[at]! : table.raiseCount[at]!)) {
        after = raised ? 0 : raisedBit
        const limit = raised ? table.clearLimit[at]! : table.raiseLimit[at]!
        emit(table.condition[at]!, !raised, table.op[at]! <= opAbove ? limit : NaN, measured)
      } else {
        after = (before & raisedBit) | reached
      }
    }
    state.conditions[place] = after
    busy |= after
  }
  state.busy[series] = busy === 0 ? 0 : 1
}

function slotOf(state: SeriesState, series: number, keeps: number): number {
  if (keeps === keepsNothing) return 0
  return (keeps === keepsBaseline ? state.baselines : state.rates).slotOf[series]!
}

/** Learns a sample for the baseline of its series, but nothing of a step that is raised; over how long it is learnt, 0 for a sample that is not newer. */
function learn(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  program: number,
  value: number,
  timeMs: number
): number {
  let isStanding = false
  if (state.busy[series] !== 0)
    for (let k = 0; k < table.conditionCount[program]!; k++) {
      const isRaised = (state.conditions[series * conditionsPerSeriesMax + k]! & raisedBit) !== 0
      if (isRaised && isStep(table.measure[program * conditionsPerSeriesMax + k]!)) isStanding = true
    }
  const overMs = table.overMs[program]!
  const slot = state.baselines.slotOf[series]!
  return learnSample(state.baselines, slot, overMs, value, timeMs, isStanding) ? overMs : 0
}

/** NaN neither raises nor clears. */
function raises(table: ProgramTable, at: number, value: number): boolean {
  const op = table.op[at]!
  if (op === opBelow) return value < table.raiseLimit[at]!
  if (op === opAbove) return value > table.raiseLimit[at]!
  return inMask(table.mask[at]!, value)
}

function clears(table: ProgramTable, at: number, value: number): boolean {
  const op = table.op[at]!
  if (op === opBelow) return value >= table.clearLimit[at]!
  if (op === opAbove) return value <= table.clearLimit[at]!
  return !Number.isNaN(value) && !inMask(table.mask[at]!, value)
}

function inMask(mask: number, value: number): boolean {
  return value >= 0 && value <= 31 && Number.isInteger(value) && ((mask >>> value) & 1) === 1
}

/** Takes room for what a program keeps of a series (its `keeps`), where it has none yet; whether there was any. */
export function takeSlot(state: SeriesState, series: number, keeps: number): boolean {
  if (keeps === keepsNothing) return true
  return keeps === keepsBaseline
    ? takeBaselineSlot(state.baselines, series)
    : takeRateSlot(state.rates, series, state.device[series]!)
}

/**
 * Gives a series its program. `raised` names conditions (by their index in the compiled rules) that are already on,
 * so that restored or reloaded alarms clear by the next good samples; all others start clear.
 * Called by the main thread while no task holds samples of the series: after the result that brought the series
 * and before the next task of its partition, or while evaluation is held for a reload. Throws RangeError where the
 * program keeps samples and there is no room for them (takeSlot tells beforehand).
 */
export function assignProgram(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  program: number,
  raised?: ReadonlySet<number>
): void {
  if (!takeSlot(state, series, table.keeps[program]!))
    throw new RangeError(`series ${series}: there is no room for what rates and changes are reckoned from`)
  const at = series * conditionsPerSeriesMax
  for (let word = 0; word < conditionWordsPerSeries; word++)
    state.conditionWords[series * conditionWordsPerSeries + word] = 0
  let busy = 0
  if (raised !== undefined && raised.size > 0)
    for (let k = 0; k < table.conditionCount[program]!; k++) {
      if (!raised.has(table.condition[program * conditionsPerSeriesMax + k]!)) continue
      state.conditions[at + k] = raisedBit
      busy = 1
    }
  state.busy[series] = busy
  // Written last: a worker that sees the program sees the conditions that belong to it.
  Atomics.store(state.program, series, program)
}

/** Whether a condition of a series is raised at present; false when its program has no such condition. */
export function conditionRaised(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  condition: number
): boolean {
  const program = state.program[series]!
  if (program < 0) return false
  for (let k = 0; k < table.conditionCount[program]!; k++) {
    if (table.condition[program * conditionsPerSeriesMax + k] === condition) {
      return (state.conditions[series * conditionsPerSeriesMax + k]! & raisedBit) !== 0
    }
  }
  return false
}

/** A count of consecutive samples that is under way: towards raising a condition that is clear, or clearing one that is raised. */
export interface CountUnderWay {
  readonly condition: number
  readonly isRaised: boolean
  readonly samples: number
}

export function countsUnderWay(table: ProgramTable, state: SeriesState, series: number): CountUnderWay[] {
  const program = state.program[series]!
  if (program < 0 || state.busy[series] === 0) return []
  const found: CountUnderWay[] = []
  for (let k = 0; k < table.conditionCount[program]!; k++) {
    const condition = state.conditions[series * conditionsPerSeriesMax + k]!
    if ((condition & countBits) === 0) continue
    found.push({
      condition: table.condition[program * conditionsPerSeriesMax + k]!,
      isRaised: (condition & raisedBit) !== 0,
      samples: condition & countBits
    })
  }
  return found
}

/** Conditions of changes that are on or being counted. */
export function changesUnderWay(table: ProgramTable, state: SeriesState, series: number): CountUnderWay[] {
  if (state.busy[series] === 0) return []
  const found: CountUnderWay[] = []
  eachChange(table, state, series, (place, condition) => {
    const byte = state.conditions[place]!
    if (byte !== 0) found.push({ condition, isRaised: (byte & raisedBit) !== 0, samples: byte & countBits })
  })
  return found
}

/** Makes the conditions of changes what they were: these, and all others off. While no task holds samples of the series. */
export function setChanges(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  wanted: readonly CountUnderWay[]
): void {
  eachChange(table, state, series, (place, condition) => {
    const found = wanted.find(one => one.condition === condition)
    state.conditions[place] = found === undefined ? 0 : (found.isRaised ? raisedBit : 0) | found.samples
  })
  const from = series * conditionsPerSeriesMax
  const isBusy = state.conditions.subarray(from, from + conditionsPerSeriesMax).some(byte => byte !== 0)
  state.busy[series] = isBusy ? 1 : 0
}

function eachChange(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  act: (place: number, condition: number) => void
): void {
  const program = state.program[series]!
  if (program < 0 || table.keeps[program] !== keepsBaseline) return
  for (let k = 0; k < table.conditionCount[program]!; k++) {
    const at = program * conditionsPerSeriesMax + k
    if (table.measure[at] !== measureValue) act(series * conditionsPerSeriesMax + k, table.condition[at]!)
  }
}

/** Goes on with a count where it was, if the condition is as it was. While no task holds samples of the series. */
export function resumeCount(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  { condition, isRaised, samples }: CountUnderWay
): void {
  const program = state.program[series]!
  if (program < 0) return
  for (let k = 0; k < table.conditionCount[program]!; k++) {
    const at = program * conditionsPerSeriesMax + k
    if (table.condition[at] !== condition) continue
    const place = series * conditionsPerSeriesMax + k
    if (((state.conditions[place]! & raisedBit) !== 0) !== isRaised) return
    // One more sample must decide: a program that asks for fewer is another one.
    if (samples >= (isRaised ? table.clearCount[at]! : table.raiseCount[at]!)) return
    state.conditions[place] = (isRaised ? raisedBit : 0) | samples
    state.busy[series] = 1
    return
  }
}

/**
 * Brings the conditions of a series in line with those that are known to be on. Counts under way stay where a condition was so
 * already, if they are to be kept. While no task holds samples of the series.
 */
export function alignConditions(
  table: ProgramTable,
  state: SeriesState,
  series: number,
  raised: ReadonlySet<number> | undefined,
  keepsCounts: boolean
): void {
  const counts = keepsCounts ? countsUnderWay(table, state, series) : []
  const program = state.program[series]!
  if (program < 0) return
  assignProgram(table, state, series, program, raised)
  for (const count of counts) resumeCount(table, state, series, count)
}
