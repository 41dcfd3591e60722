import {
  columnEnd,
  columnEntity,
  columnOffset,
  columnSeries,
  columnSignal,
  columnTime,
  columnValue,
  countSamples,
  measurementCounters,
  deskRowsAt,
  deskRowsMax,
  formsSets,
  lastEntries,
  lastEntriesMax,
  notWhole,
  runGroups,
  runMark,
  runNowMs,
  runRows,
  scratchNoReadings,
  scratchSlots,
  scratchValues,
  setFormat,
  setMeasurement,
  setSeriesOfSlot,
  setSlotBase,
  setTimeUnit,
  slotCounters,
  stopDone,
  stopLeave,
  stopNewAlias,
  stopRows,
  stopSet,
  withoutInstance
} from '../memory/map'
import { desk, forms, place, stop, stopWith } from './fields'
import { aliasFrom, aliasTo, format, isTimeMs, rawTime } from './formats'
import { noReadings, readFields, readings } from './readings'
import { isLarge, valueOf, valueOfNext } from './table'
import { toTimeMs } from './time'

/** From a scanned record to its rows: whose it is, which series its readings are of. */

export let spanSetsAt: usize = 0
let nextSpansAt: usize = 0
export let idsAt: usize = 0
export let programsAt: usize = 0
export let devicesAt: usize = 0
export let lastSeenAt: usize = 0
let pastMsMax: f64 = 0
let futureMsMax: f64 = 0

export function openSeries(
  spanSets: usize,
  nextSpans: usize,
  ids: usize,
  programs: usize,
  devices: usize,
  lastSeen: usize
): void {
  spanSetsAt = spanSets
  nextSpansAt = nextSpans
  idsAt = ids
  programsAt = programs
  devicesAt = devices
  lastSeenAt = lastSeen
}

export function setClock(pastMs: f64, futureMs: f64): void {
  pastMsMax = pastMs
  futureMsMax = futureMs
}

function setOf(spanSet: u32): usize {
  return load<u32>(forms + formsSets + (((spanSet & ~withoutInstance) as usize) << 2)) as usize
}

/** Event time of the record scanned last, of a measurement with this unit; NaN where it is absurd, too old or from the future. */
function believableMs(timeUnit: u32): f64 {
  const nowMs = load<f64>(desk + runNowMs)
  const timeMs = isTimeMs ? rawTime : toTimeMs(rawTime, timeUnit)
  return timeMs >= nowMs - pastMsMax && timeMs <= nowMs + futureMsMax ? timeMs : NaN
}

/**
 * Reads the fields of the record scanned last as a measurement reads them, for a record whose alias is not known yet. Returns
 * what it stopped for; with stopDone the slots that give readings, and those that give none, are listed on the desk.
 */
export function readNew(measurement: usize, timeUnit: u32, isWithoutInstance: bool): i32 {
  stopWith(stopLeave, 0, 0)
  const timeMs = believableMs(timeUnit)
  return timeMs == timeMs && readFields(measurement, isWithoutInstance) ? stopDone : stop
}

/**
 * Writes the rows of the record scanned last. False, with `stop` set, leaves it; no row counts then. `offset` is
 * the record's.
 */
export function takeRecord(offset: f64): bool {
  const last = desk + lastEntries + (((place >> 3) & (lastEntriesMax - 1)) << 2)
  // In a large table a follower would be one more line that no cache holds.
  const first = isLarge() ? valueOf(aliasFrom, aliasTo) : valueOfNext(last, aliasFrom, aliasTo)
  if (first < 0 || first == notWhole) {
    stopWith(first == -1 ? stopNewAlias : stopLeave, 0, 0)
    return false
  }
  const spanSet = load<u32>(spanSetsAt + ((first as usize) << 2))
  const set = setOf(spanSet)
  if (set == 0) {
    stopWith(stopSet, (spanSet & ~withoutInstance) as usize, 0)
    return false
  }
  const timeMs = believableMs(load<u32>(set + setTimeUnit))
  // The reference decoder says what becomes of a time that cannot be believed.
  if (load<u32>(set + setFormat) != format || timeMs != timeMs) {
    stopWith(stopLeave, 0, 0)
    return false
  }
  const measurement = load<u32>(set + setMeasurement) as usize
  if (!readFields(measurement, (spanSet & withoutInstance) != 0)) return false
  const rows = load<u32>(desk + runRows) as usize
  const rowsMax = load<u32>(desk + deskRowsMax) as usize
  if (rows + readings > rowsMax) {
    stopWith(stopRows, readings, 0)
    return false
  }
  if (readings != 0 && !writeRows(first, set, rows, rowsMax, timeMs as i64, offset as i64)) return false
  store<u32>(desk + countSamples, load<u32>(desk + countSamples) + (readings as u32))
  count(desk + measurementCounters + (measurement << 2))
  const slotBase = load<u32>(set + setSlotBase) as usize
  for (let i: usize = 0; i < noReadings; i++)
    count(desk + slotCounters + ((slotBase + (load<u32>(desk + scratchNoReadings + (i << 2)) as usize)) << 2))
  const device = load<i32>(devicesAt + ((first as usize) << 2))
  if (device >= 0) store<f64>(lastSeenAt + ((device as usize) << 3), load<f64>(desk + runNowMs))
  return true
}

function count(at: usize): void {
  store<u32>(at, load<u32>(at) + 1)
}

/** What seriesOf() says where `stop` is set already. */
const unknownSet: i32 = -2

/** Series of a slot in any span of the entity, or -1 when it has none yet. `set` is the first span's. */
function seriesOf(first: i32, set: usize, slot: usize): i32 {
  const at = load<i32>(set + setSeriesOfSlot + (slot << 2))
  if (at >= 0) return first + at
  for (
    let span = load<i32>(nextSpansAt + ((first as usize) << 2)) - 1;
    span >= 0;
    span = load<i32>(nextSpansAt + ((span as usize) << 2)) - 1
  ) {
    const spanSet = load<u32>(spanSetsAt + ((span as usize) << 2))
    const other = setOf(spanSet)
    if (other == 0) {
      stopWith(stopSet, (spanSet & ~withoutInstance) as usize, 0)
      return unknownSet
    }
    const later = load<i32>(other + setSeriesOfSlot + (slot << 2))
    if (later >= 0) return span + later
  }
  return -1
}

/**
 * Writes the readings behind the rows there are; what is written counts once they are more. All are of one entity, whose series
 * share all but the last 16 bits of their ids, so they are one group. False, with `stop` set, where a series is not known.
 */
function writeRows(first: i32, set: usize, rows: usize, rowsMax: usize, timeMs: i64, offset: i64): bool {
  const mark = load<i32>(desk + runMark)
  const rowsAt = load<u32>(desk + deskRowsAt) as usize
  let value = rowsAt + rowsMax * columnValue + (rows << 3)
  let signal = rowsAt + rowsMax * columnSignal + (rows << 1)
  let index = rowsAt + rowsMax * columnSeries + (rows << 2)
  let id: u64 = 0
  for (let i: usize = 0; i < readings; i++) {
    const series = seriesOf(first, set, load<u32>(desk + scratchSlots + (i << 2)) as usize)
    const program = series < 0 ? 0 : load<i32>(programsAt + ((series as usize) << 2))
    if (series < 0 || (program < 0 && program != mark)) {
      if (series != unknownSet) stopWith(stopLeave, 0, 0)
      return false
    }
    id = load<u64>(idsAt + ((series as usize) << 3))
    store<i32>(index, series)
    store<u16>(signal, id as u16)
    store<u64>(value, load<u64>(desk + scratchValues + (i << 3)))
    index += 4
    signal += 2
    value += 8
  }
  const group = load<u32>(desk + runGroups) as usize
  const at = rowsAt + (group << 3)
  store<u64>(at + rowsMax * columnEntity, id & ~0xffff)
  store<i64>(at + rowsMax * columnTime, timeMs)
  store<i64>(at + rowsMax * columnOffset, offset)
  store<u32>(rowsAt + rowsMax * columnEnd + (group << 2), (rows + readings) as u32)
  store<u32>(desk + runGroups, (group + 1) as u32)
  store<u32>(desk + runRows, (rows + readings) as u32)
  return true
}
