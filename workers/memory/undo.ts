import { conditionWordsPerSeries, type SeriesState } from '../../rules/series-state.ts'
import type { Desk } from './desk.ts'
import { conditionsEntryAt, conditionsEntryWords, judgedLong, judgedRows } from './map.ts'

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

/** Nothing has been judged yet. */
export function clearJudgement({ words }: Desk): void {
  words[judgedRowsWord] = 0
  words[judgedLongWord] = 0
}

/** Row of a series that has no program, which judgement therefore leaves alone. */
export function noteUnjudged({ before }: Desk, row: number): void {
  before[row] = NaN
}

/** Notes the state of a row's series before it is judged the long way. */
export function noteJudgement(desk: Desk, state: SeriesState, row: number): void {
  const { words, before, conditionsBefore } = desk
  const series = desk.series[row]!
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
export function takeBackJudgement(desk: Desk, state: SeriesState): void {
  const { words, series, before, conditionsBefore } = desk
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
    if (of >= 0 && !Number.isNaN(lastMs)) state.lastTimeMs[of] = lastMs
  }
  clearJudgement(desk)
}
