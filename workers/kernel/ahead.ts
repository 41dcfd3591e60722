import { closingBrace, isDigit, isLiteral, varint, varintEnd } from './bytes'
import { desk } from './fields'
import { busyAt, lastTimesAt } from './judge'
import { aliasBytesMax, notWhole, scratchAhead, telegrafNaming, telegrafTiming } from '../memory/map'
import { devicesAt, idsAt, lastSeenAt, spanSetsAt, programsAt } from './series'
import { entriesAt, entryMask, firstCell, keysAt, mix } from './table'

/**
 * With millions of series a record finds a dozen of its lines in no cache, and waits for them one behind the other. WebAssembly
 * cannot ask for memory and go on, so what several records need is read here side by side, where the waits overlap. Nothing
 * comes of it but that it is near: where an alias lies is a guess, good for Telegraf's records.
 */

/** Records that are looked at together. */
const aheadMax: i32 = 16
const lineBytes: usize = 64
/** Longest key that is brought near as a whole. */
const keyBytesNear: u32 = 256

/** What is kept of each record, u32 each: hash, number of its entry from 1 on (0 for none), first series, device. */
const hashes: usize = scratchAhead
const numbers: usize = scratchAhead + 64
const firsts: usize = scratchAhead + 128
const devices: usize = scratchAhead + 192

/** Of no use but that what is read for it is read. */
let touched: u32 = 0

function touch(at: usize): void {
  touched ^= load<u8>(at)
}

/** The first closing brace in [from..to), or `to`. There are sixteen bytes behind `to`. */
function firstBrace(from: usize, to: usize): usize {
  const braces = i8x16.splat(closingBrace as i8)
  for (let at = from; at < to; at += 16) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(at), braces))
    if (found != 0) return at + (ctz(found) as usize)
  }
  return to
}

/** Looks at the records from `from` on, and returns where those that it looked at end. */
export function lookAhead(from: usize, end: usize, left: i32): usize {
  const most = left < aheadMax ? left : aheadMax
  let at = from
  let count: usize = 0
  for (let i = 0; i < most && at + 8 < end; i++) {
    const length = varint(at)
    const start = varintEnd
    const recordEnd = start + (length as usize)
    if (length <= 0 || recordEnd > end) break
    at = recordEnd
    // Without headers the record ends with the value and one byte that says so; perhaps with a line's end between.
    let last = recordEnd - 2
    if (last > start && load<u8>(last) != closingBrace) last--
    if (last <= start || load<u8>(last) != closingBrace) continue
    do last--
    while (last > start && isDigit(load<u8>(last)))
    const aliasTo = last - 12
    const brace = firstBrace(start, recordEnd)
    const aliasFrom = brace + 10
    if (
      aliasTo <= aliasFrom ||
      aliasTo - aliasFrom > (aliasBytesMax as usize) ||
      !isLiteral(brace, recordEnd, telegrafNaming, 10) ||
      !isLiteral(aliasTo, recordEnd, telegrafTiming, 13)
    )
      continue
    store<u32>(desk + hashes + (count << 2), mix(aliasFrom, aliasTo))
    count++
  }
  bringNear(count)
  return at
}

function entryOf(number: u32): usize {
  return entriesAt + (((number == 0 ? 0 : number - 1) as usize) << 4)
}

/**
 * Each loop reads what the one before has found; within a loop nothing waits for anything. What is not found is taken for the first
 * entry and series, which is near after the first time.
 */
function bringNear(count: usize): void {
  const to = count << 2
  for (let i: usize = 0; i < to; i += 4) {
    const hash = load<u32>(desk + hashes + i)
    const word = load<u32>(firstCell(hash))
    store<u32>(desk + numbers + i, ((word ^ hash) & ~entryMask) == 0 ? word & entryMask : 0)
  }
  for (let i: usize = 0; i < to; i += 4) {
    const number = load<u32>(desk + numbers + i)
    const first = load<u32>(entryOf(number) + 12)
    store<u32>(desk + firsts + i, number == 0 || first >= (notWhole as u32) ? 0 : first)
  }
  for (let i: usize = 0; i < to; i += 4) {
    const entry = entryOf(load<u32>(desk + numbers + i))
    const first = load<u32>(desk + firsts + i) as usize
    const key = keysAt + ((load<u32>(entry + 4) as usize) << 2)
    const length = load<u32>(entry + 8)
    const keyEnd = key + ((length < keyBytesNear ? length : keyBytesNear) as usize)
    for (let line = key; line < keyEnd; line += lineBytes) touch(line)
    touch(spanSetsAt + (first << 2))
    touch(programsAt + (first << 2))
    touch(idsAt + (first << 3))
    touch(lastTimesAt + (first << 3))
    touch(busyAt + first)
    store<u32>(desk + devices + i, load<u32>(devicesAt + (first << 2)))
  }
  for (let i: usize = 0; i < to; i += 4) {
    const device = load<i32>(desk + devices + i)
    if (device >= 0) touch(lastSeenAt + ((device as usize) << 3))
  }
}
