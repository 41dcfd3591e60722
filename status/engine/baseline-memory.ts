import { createBaselineRows, rowOfSeries, type BaselineRows } from '../../rules/measures/baseline-rows.ts'
import { baselineNumbers, baselineParts, lastMs } from '../../rules/measures/baselines.ts'
import type { CompiledRules } from '../../rules/compiled.ts'
import {
  alignConditions,
  changesUnderWay,
  resumeCount,
  setChanges,
  type CountUnderWay
} from '../../rules/judge.ts'
import type { ProgramTable } from '../../rules/program.ts'
import type { SeriesState } from '../../rules/series-state.ts'

/**
 * Baselines over a restart. What was learnt of a series is a function of its samples up to the last one learnt, so what was stored as of that
 * sample goes on with those behind it: a stretch of the log that is judged again may begin wherever it likes before them. Samples that
 * were learnt already say nothing of changes, and the conditions of changes begin as they were then.
 */
export interface BaselineMemory {
  /** What is stored, in the order of the series' ids; taken up when a series is met. */
  recall(stored: BaselineRows): void
  /** Whether no series has a baseline. */
  isEmpty(): boolean
  /** A series was given a program by which its baseline is learnt. */
  met(series: number): void
  /** A stretch of the log begins to be judged again, or is over; `raisedOf` are conditions known to be on where it ended. */
  begin(): void
  end(isWhole: boolean, raisedOf: (series: number) => ReadonlySet<number> | undefined): void
  /** What has been learnt since the snapshot before; only while no task is under evaluation. */
  snapshot(): BaselineRows
}

/** How often they are stored (ms). */
export const storeBaselinesMs = 300_000

export interface BaselineMemoryOptions {
  readonly table: ProgramTable
  readonly state: SeriesState
  /** Stored ids, two words a series, the low one first. */
  readonly seriesIds: Uint32Array
  readonly rules: () => CompiledRules
}

export function createBaselineMemory({
  table,
  state,
  seriesIds,
  rules
}: BaselineMemoryOptions): BaselineMemory {
  const { baselines } = state
  const { slotOf, numbers, marks } = baselines
  let stored: BaselineRows = createBaselineRows(0)
  let isWarming = false
  /** Series whose conditions were set back to what they were. */
  const setBack = new Set<number>()
  /** Those of a stretch that was not read to its end. */
  let unfinished: readonly number[] = []
  const seriesOfSlot = new Int32Array(marks.length)
  /** Time of the last sample of each slot that a snapshot has given. */
  const givenMs = new Float64Array(marks.length)

  const idOf = (series: number): bigint =>
    (BigInt(seriesIds[series * 2 + 1]!) << 32n) | BigInt(seriesIds[series * 2]!)

  /** By what says the same condition under other rules. */
  const textOf = (series: number): string => {
    const found = changesUnderWay(table, state, series).flatMap(({ condition, ...rest }) => {
      const key = rules().conditions[condition]?.key
      return key === undefined ? [] : [{ key, ...rest }]
    })
    return found.length === 0 ? '' : JSON.stringify(found)
  }

  const countsOf = (text: string): CountUnderWay[] => {
    if (text === '') return []
    const ids = new Map(rules().conditions.map(({ key, id }) => [key, id]))
    return (JSON.parse(text) as (Omit<CountUnderWay, 'condition'> & { key: string })[]).flatMap(
      ({ key, ...rest }) => {
        const condition = ids.get(key)
        return condition === undefined ? [] : [{ condition, ...rest }]
      }
    )
  }

  const setChangesBack = (series: number, changes: readonly CountUnderWay[]): void => {
    setBack.add(series)
    setChanges(table, state, series, changes)
  }

  /** Takes up what is stored of a series, where that is newer than what is known. */
  const restore = (series: number, isEqualWanted = false): void => {
    const row = rowOfSeries(stored, idOf(series))
    const from = row * baselineParts
    const at = slotOf[series]! * baselineNumbers
    if (row < 0) {
      // Where nothing was learnt no change can have been on, whatever is on where the stretch ends.
      if (isWarming && numbers[at + lastMs] === 0) setChangesBack(series, [])
      return
    }
    const newerMs = stored.numbers[from + lastMs]! - numbers[at + lastMs]!
    if (newerMs < 0 || (newerMs === 0 && !isEqualWanted)) return
    numbers.set(stored.numbers.subarray(from, from + baselineParts), at)
    const counts = countsOf(stored.conditions.get(row) ?? '')
    if (!isWarming) {
      for (const count of counts) resumeCount(table, state, series, count)
      return
    }
    setChangesBack(series, counts)
  }

  return {
    recall(rows) {
      stored = rows
    },
    isEmpty: () => marks[0] === 0,
    met(series) {
      seriesOfSlot[slotOf[series]!] = series
      // It may be given another program before its first sample comes.
      restore(series, setBack.has(series))
    },
    begin() {
      isWarming = true
      const again = new Set(unfinished)
      unfinished = []
      for (let slot = 1; slot <= marks[0]!; slot++) {
        const series = seriesOfSlot[slot]!
        restore(series, again.has(series))
      }
    },
    end(isWhole, raisedOf) {
      isWarming = false
      for (const series of setBack) {
        alignConditions(table, state, series, raisedOf(series), isWhole)
        // The same stretch may be judged once more, and then from its beginning.
        if (isWhole) continue
        numbers[slotOf[series]! * baselineNumbers + lastMs] = 0
        restore(series)
      }
      if (!isWhole) unfinished = [...setBack]
      setBack.clear()
    },
    snapshot() {
      const slots = marks[0]!
      const rows = createBaselineRows(slots)
      for (let slot = 1; slot <= slots; slot++) {
        const at = slot * baselineNumbers
        const learntMs = numbers[at + lastMs]!
        if (learntMs === 0 || learntMs === givenMs[slot]) continue
        givenMs[slot] = learntMs
        const series = seriesOfSlot[slot]!
        rows.add(idOf(series), numbers.subarray(at, at + baselineParts), textOf(series))
      }
      return rows
    }
  }
}
