import {
  attention,
  attentionMax,
  columnBefore,
  columnEnd,
  columnKept,
  columnSeries,
  columnTime,
  columnValue,
  deskRowsAt,
  deskRowsMax,
  judgedRows,
  keptRows,
  runJudged
} from '../memory/map'
import { keepQuietly, keepsAt, noteKept } from './rates'

/**
 * The quick part of evaluateSample() of rules/judge.ts: a sample within the quiet band of a series with nothing under way
 * changes nothing but the time of its series. Everything else is left to that function.
 */

export let lastTimesAt: usize = 0
let programsAt: usize = 0
export let busyAt: usize = 0
let quietLoAt: usize = 0
let quietHiAt: usize = 0
let quietMaskAt: usize = 0

export function openJudge(
  lastTimes: usize,
  programs: usize,
  busy: usize,
  quietLo: usize,
  quietHi: usize,
  quietMask: usize
): void {
  lastTimesAt = lastTimes
  programsAt = programs
  busyAt = busy
  quietLoAt = quietLo
  quietHiAt = quietHi
  quietMaskAt = quietMask
}

/** How many rows of series without a program judge() met before it stopped; they are listed on the desk. */
export let unassignedRows: u32 = 0

/**
 * Goes over the rows [from..to) of a desk. Returns the first one that needs the long way, `to` when there is none, or where
 * it stopped because its list of rows without a program is full.
 */
export function judge(desk: usize, from: usize, to: usize): usize {
  const rowsMax = load<u32>(desk + deskRowsMax) as usize
  const rowsAt = load<u32>(desk + deskRowsAt) as usize
  const seriesColumn = rowsAt + rowsMax * columnSeries
  const values = rowsAt + rowsMax * columnValue
  const ends = rowsAt + rowsMax * columnEnd
  const times = rowsAt + rowsMax * columnTime
  const before = rowsAt + rowsMax * columnBefore
  const kept = rowsAt + rowsMax * columnKept
  let group = load<u32>(desk + runJudged) as usize
  let groupEnd: usize = 0
  let timeMs: f64 = 0
  unassignedRows = 0
  for (let row = from; row < to; row++) {
    if (row >= groupEnd) {
      while ((load<u32>(ends + (group << 2)) as usize) <= row) group++
      groupEnd = load<u32>(ends + (group << 2)) as usize
      timeMs = load<i64>(times + (group << 3)) as f64
      store<u32>(desk + runJudged, group as u32)
    }
    const series = load<i32>(seriesColumn + (row << 2)) as isize
    if (series < 0) continue
    const program = load<i32>(programsAt + ((series as usize) << 2))
    if (program < 0) {
      if (unassignedRows == attentionMax) return row
      // Nothing to take back.
      store<f64>(before + (row << 3), NaN)
      store<u32>(desk + attention + ((unassignedRows as usize) << 2), row as u32)
      unassignedRows++
      continue
    }
    const lastAt = lastTimesAt + ((series as usize) << 3)
    const lastMs = load<f64>(lastAt)
    // Should this thread end before the task does, all of it is taken back from here and judged again (memory/undo.ts).
    store<f64>(before + (row << 3), lastMs)
    store<u32>(desk + judgedRows, (row + 1) as u32)
    if (timeMs < lastMs) {
      const keeps = load<u8>(keepsAt + (program as usize))
      if (keeps != 0) {
        noteKept(series as usize, keeps, kept + row * 24)
        store<u32>(desk + keptRows, (row + 1) as u32)
      }
      continue
    }
    if (load<u8>(busyAt + (series as usize)) != 0) return row
    const value = load<f64>(values + (row << 3))
    if (!(
      value >= load<f64>(quietLoAt + ((program as usize) << 3)) &&
      value <= load<f64>(quietHiAt + ((program as usize) << 3))
    )) {
      const keeps = load<u8>(keepsAt + (program as usize))
      // The band of a program that keeps something is empty: all of its samples come by here.
      if (keeps == 0) return row
      noteKept(series as usize, keeps, kept + row * 24)
      store<u32>(desk + keptRows, (row + 1) as u32)
      if (!keepQuietly(series as usize, program as usize, keeps, value, timeMs)) return row
      store<f64>(lastAt, timeMs)
      continue
    }
    // A code that no enumeration can have looks at some other one; that may take the long way, never skip it.
    const code = value as i64 as u32
    if (((load<u32>(quietMaskAt + ((program as usize) << 2)) >> (code & 31)) & 1) == 0) return row
    store<f64>(lastAt, timeMs)
  }
  return to
}
