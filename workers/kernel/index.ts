import {
  countBytes,
  countRecords,
  countScanned,
  deskOffset,
  foundAliasFrom,
  foundAliasTo,
  foundFormat,
  foundPlace,
  foundRawTime,
  runAppendTimeMs,
  runAt,
  runBaseOffset,
  runBaseTimeMs,
  runEnd,
  runFirstOffset,
  runLastOffset,
  runLeft,
  runNextOffset,
  stopDone,
  stopLeave
} from '../memory/map'
import { lookAhead } from './ahead'
import { varint, varintEnd, varlong } from './bytes'
import { desk, openFields, place, stop, stopWith, takeDesk } from './fields'
import { aliasFrom, aliasTo, format, rawTime, scanRecord } from './formats'
import { openSeries, readNew, setClock, takeRecord } from './series'
import { isLarge, openTable } from './table'

export { openJudge, judge, unassignedRows } from './judge'
export { lz4 } from './lz4'
export { openRates } from './rates'
export { noReadings, readings } from './readings'
export { openTable, openSeries, openFields, readNew, setClock }

/**
 * The kernel: the way of a record that is written as expected and of series that are known, from the bytes of a batch to
 * rows. It makes nothing known and knows no error: at whatever is new or odd it stops, and says so, with nothing written
 * of that record. All it works on lies in the memory it is given (memory/map.ts says where).
 */

let valueBytesMax: i32 = 0

export function setLimits(valueBytes: i32): void {
  valueBytesMax = valueBytes
}

const newline: u32 = 0x0a

/**
 * Reads on in the run of records that the desk tells of, `most` records at most. Returns what it stopped for; the run then
 * begins with the record that it stopped at.
 */
export function walk(ofDesk: usize, most: i32): i32 {
  takeDesk(ofDesk)
  const end = load<u32>(desk + runEnd) as usize
  const firstOffset = load<f64>(desk + runFirstOffset)
  const lastOffset = load<f64>(desk + runLastOffset)
  const baseOffset = load<f64>(desk + runBaseOffset)
  const baseTimeMs = load<f64>(desk + runBaseTimeMs)
  const appendTimeMs = load<f64>(desk + runAppendTimeMs)
  let nextOffset = load<f64>(desk + runNextOffset)
  let left = load<i32>(desk + runLeft)
  let from = load<u32>(desk + runAt) as usize
  let taken: u32 = 0
  let bytes: f64 = 0
  let why = stopDone
  const isAhead = isLarge()
  /** Where the records end that were looked ahead for. */
  let near: usize = 0
  for (; left > 0 && most > 0; left--, most--) {
    if (isAhead && from >= near) near = lookAhead(from, end, left)
    const length = varint(from)
    let at = varintEnd
    const recordEnd = at + (length as usize)
    if (length < 0 || recordEnd > end) {
      why = stopLeave
      break
    }
    const timeDelta = varlong(at + 1)
    const offset = baseOffset + (varint(varintEnd) as f64)
    const keyLength = varint(varintEnd)
    at = varintEnd
    if (keyLength > 0) at += keyLength as usize
    if (at > recordEnd) {
      why = stopLeave
      break
    }
    const valueLength = varint(at)
    at = varintEnd
    if (offset < firstOffset || offset > lastOffset) {
      // Beside the range: nobody is told of it. One that is damaged is found by the walker.
      if (valueLength > 0 && at + (valueLength as usize) > recordEnd) {
        why = stopLeave
        break
      }
      nextOffset = offset + 1
      from = recordEnd
      continue
    }
    if (valueLength <= 2 || valueLength > valueBytesMax || at + (valueLength as usize) > recordEnd) {
      why = stopLeave
      break
    }
    store<f64>(desk + deskOffset, offset)
    const valueEnd = at + (valueLength as usize)
    const recordTimeMs = appendTimeMs >= 0 ? appendTimeMs : baseTimeMs + (timeDelta as f64)
    stopWith(stopLeave, 0, 0)
    if (
      !scanRecord(at, load<u8>(valueEnd - 1) == newline ? valueEnd - 1 : valueEnd, recordTimeMs) ||
      !takeRecord(offset)
    ) {
      why = stop
      break
    }
    taken++
    bytes += valueLength as f64
    nextOffset = offset + 1
    from = recordEnd
  }
  store<u32>(desk + runAt, from as u32)
  store<i32>(desk + runLeft, left)
  store<f64>(desk + runNextOffset, nextOffset)
  store<u32>(desk + countRecords, load<u32>(desk + countRecords) + taken)
  store<u32>(desk + countScanned, load<u32>(desk + countScanned) + taken)
  store<f64>(desk + countBytes, load<f64>(desk + countBytes) + bytes)
  if (why != stopDone) {
    store<u32>(desk + foundAliasFrom, aliasFrom as u32)
    store<u32>(desk + foundAliasTo, aliasTo as u32)
    store<u32>(desk + foundFormat, format)
    store<u32>(desk + foundPlace, place as u32)
    store<f64>(desk + foundRawTime, rawTime)
  }
  return why
}
