import { noteBaseline, takeBackBaseline } from '../../rules/measures/baselines.ts'
import type { ProgramTable } from '../../rules/program.ts'
import {
  baseMs,
  baseValue,
  deviceOfSlot,
  keepsBaseline,
  keepsCounter,
  keepsNothing,
  keepsValue,
  perSecond,
  rateNumbers,
  rateWords
} from '../../rules/measures/rates.ts'
import { conditionWordsPerSeries, type SeriesState } from '../../rules/series-state.ts'
import type { Desk } from './desk.ts'
import {
  conditionsEntryAt,
  conditionsEntryWords,
  judgedLong,
  judgedMark,
  judgedRows,
  keptPerRow,
  keptRows
} from './map.ts'

/**
 * What a task's judgement changes, written down on its desk before it is changed. A task that is cut off (its thread died, or took too
 * long) is done again from the same bytes, and whoever waits for its flips has received none: so first all that it
 * changed is taken back. Else a condition would stay switched on that nobody heard of, and samples would be taken for
 * old ones because the first attempt had seen them.
 *
 * It may only be taken back when its thread is known to have ended.
 */

const judgedRowsWord = judgedRows / 4
const judgedLongWord = judgedLong / 4
const keptRowsWord = keptRows / 4
const markWord = judgedMark / 4

/** Nothing has been judged yet by the task of this mark. */
export function clearJudgement({ words }: Desk, mark = 0): void {
  words[markWord] = mark
  words[judgedRowsWord] = 0
  words[judgedLongWord] = 0
  words[keptRowsWord] = 0
}

/** Row of a series that has no program, which judgement therefore leaves alone. */
export function noteUnjudged({ before }: Desk, row: number): void {
  before[row] = NaN
}

/** Notes the state of a row's series before it is judged the long way. */
export function noteJudgement(desk: Desk, programs: ProgramTable, state: SeriesState, row: number): void {
  const { words, before, conditionsBefore } = desk
  const series = desk.series[row]!
  const kept = programs.keeps[state.program[series]!]!
  if (kept === keepsBaseline) noteBaseline(state.baselines, series, words[markWord]! | 0)
  else if (kept !== keepsNothing) {
    const { slotOf, numbers, words: ofSlots, startedMs } = state.rates
    const slot = slotOf[series]!
    const from = slot * rateNumbers
    const at = row * keptPerRow
    desk.keptBefore[at] = numbers[from + baseValue]!
    desk.keptBefore[at + 1] = numbers[from + baseMs]!
    desk.keptBefore[at + 2] =
      kept === keepsCounter || kept === keepsValue
        ? numbers[from + perSecond]!
        : startedMs[ofSlots[slot * rateWords + deviceOfSlot]!]!
    words[keptRowsWord] = row + 1
  }
  before[row] = state.lastTimeMs[series]!
  const entry = words[judgedLongWord]!
  const at = entry * conditionsEntryWords
  conditionsBefore[at] = series
  const from = series * conditionWordsPerSeries
  for (let k = 0; k < conditionWordsPerSeries; k++)
    conditionsBefore[at + conditionsEntryAt + k] = state.conditionWords[from + k]!
  words[judgedLongWord] = entry + 1
  words[judgedRowsWord] = row + 1
}

/** Takes back all that the desk's task has judged, the last first. */
export function takeBackJudgement(desk: Desk, programs: ProgramTable, state: SeriesState): void {
  const { words, series, before, conditionsBefore, keptBefore } = desk
  for (let entry = words[judgedLongWord]! - 1; entry >= 0; entry--) {
    const at = entry * conditionsEntryWords
    const of = conditionsBefore[at]!
    const from = of * conditionWordsPerSeries
    let busy = 0
    for (let k = 0; k < conditionWordsPerSeries; k++) {
      const conditions = conditionsBefore[at + conditionsEntryAt + k]!
      state.conditionWords[from + k] = conditions
      busy |= conditions
    }
    state.busy[of] = busy === 0 ? 0 : 1
  }
  for (let row = words[judgedRowsWord]! - 1; row >= 0; row--) {
    const of = series[row]!
    const lastMs = before[row]!
    if (of < 0 || Number.isNaN(lastMs)) continue
    state.lastTimeMs[of] = lastMs
    const kept = programs.keeps[state.program[of]!] ?? keepsNothing
    if (kept === keepsBaseline) takeBackBaseline(state.baselines, of, words[markWord]! | 0)
    if (kept === keepsNothing || kept === keepsBaseline || row >= words[keptRowsWord]!) continue
    const { slotOf, numbers, words: ofSlots, startedMs } = state.rates
    const slot = slotOf[of]!
    const to = slot * rateNumbers
    const at = row * keptPerRow
    numbers[to + baseValue] = keptBefore[at]!
    numbers[to + baseMs] = keptBefore[at + 1]!
    if (kept === keepsCounter || kept === keepsValue) numbers[to + perSecond] = keptBefore[at + 2]!
    else startedMs[ofSlots[slot * rateWords + deviceOfSlot]!] = keptBefore[at + 2]!
  }
  clearJudgement(desk)
}
