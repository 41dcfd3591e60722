import { closingBrace, comma, isLiteral, isSame, number, plainTextEnd, quote, scanNumber } from './bytes'
import {
  fieldsMax,
  formsRoots,
  literalFalse,
  literalNull,
  literalTrue,
  placeChild,
  placeKeyLength,
  placeNext,
  placeShapes,
  scratchKinds,
  scratchNumbers,
  scratchTextFrom,
  scratchTextTo,
  stopFirst,
  stopLeave,
  stopPlace,
  stopSecond,
  stopThird
} from '../memory/map'

/**
 * Fields of one record: `"name":value` with a comma between. The names on the way come in one of few sequences, so they
 * are a tree that is walked beside the bytes (workers/learning/kernel-forms.ts grows it); a name is never more than compared.
 */

export const isNumber: u8 = 0
export const isText: u8 = 1
/** A text that is a number and nothing else. */
export const isNumberText: u8 = 2
export const isTrue: u8 = 3
export const isFalse: u8 = 4
export const isNull: u8 = 5

/** Address of the desk and of the forms. */
export let desk: usize = 0
export let forms: usize = 0
let placeKey: usize = 0

/** Why the record in hand cannot be taken. */
export let stop: i32 = 0
/** Where the fields scanned last lead to. */
export let place: usize = 0

export function openFields(formsAt: usize, measurements: usize): void {
  forms = formsAt
  placeKey = (placeShapes as usize) + (measurements << 2)
}

export function takeDesk(at: usize): void {
  desk = at
}

export function stopWith(why: i32, first: usize, second: usize): void {
  stop = why
  store<u32>(desk + stopFirst, first as u32)
  store<u32>(desk + stopSecond, second as u32)
}

/** Where the root of a format's tree is; 0, with `stop` set, when there is none yet. */
export function rootOf(format: usize): usize {
  const root = load<u32>(forms + formsRoots + (format << 2)) as usize
  if (root == 0) stopWith(stopPlace, 0, format)
  return root
}

/** Scans fields from `from` on to the brace that ends them: its address, or 0 with `stop` set. */
export function scanFields(root: usize, from: usize, to: usize): usize {
  let here = root
  let at = from
  for (let field: usize = 0; field < (fieldsMax as usize); field++) {
    const next = step(here, at, to)
    if (next == 0) {
      stopWith(stopPlace, here, at)
      store<u32>(desk + stopThird, to as u32)
      return 0
    }
    here = next
    at = scanValue(at + (load<u32>(next + placeKeyLength) as usize), to, field)
    if (at == 0) break
    const byte: u32 = load<u8>(at)
    if (byte == comma) at++
    else if (byte == closingBrace) {
      place = here
      return at
    } else break
  }
  stop = stopLeave
  return 0
}

/** Scans one value for the only field there is; where it ends, or 0 with `stop` set. */
export function scanOnly(root: usize, from: usize, to: usize): usize {
  place = root
  const at = scanValue(from, to, 0)
  if (at == 0) stop = stopLeave
  return at
}

function step(here: usize, at: usize, to: usize): usize {
  let child = load<u32>(here + placeChild) as usize
  while (child != 0) {
    const length = load<u32>(child + placeKeyLength) as usize
    if (at + length <= to && isSame(at, child + placeKey, length)) return child
    child = load<u32>(child + placeNext) as usize
  }
  return 0
}

/** A number, a text without escapes, or true, false or null; where it ends, or 0. */
function scanValue(from: usize, to: usize, field: usize): usize {
  if (load<u8>(from) != quote) {
    const end = scanNumber(from, to)
    if (end == 0) return scanLiteral(from, to, field)
    setKind(field, isNumber)
    store<f64>(desk + scratchNumbers + (field << 3), number)
    return end
  }
  const start = from + 1
  let at = scanNumber(start, to)
  if (at != 0 && load<u8>(at) == quote) {
    setKind(field, isNumberText)
    store<f64>(desk + scratchNumbers + (field << 3), number)
  } else {
    setKind(field, isText)
    at = plainTextEnd(start, to)
    if (at == 0) return 0
  }
  store<u32>(desk + scratchTextFrom + (field << 2), start as u32)
  store<u32>(desk + scratchTextTo + (field << 2), at as u32)
  return at + 1
}

function setKind(field: usize, kind: u8): void {
  store<u8>(desk + scratchKinds + field, kind)
}

function scanLiteral(at: usize, to: usize, field: usize): usize {
  if (isLiteral(at, to, literalTrue, 4)) {
    setKind(field, isTrue)
    return at + 4
  }
  // Its five bytes are its first four and its last four.
  if (isLiteral(at, to, literalFalse, 5)) {
    setKind(field, isFalse)
    return at + 5
  }
  if (isLiteral(at, to, literalNull, 4)) {
    setKind(field, isNull)
    return at + 4
  }
  return 0
}
