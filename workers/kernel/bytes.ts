import { decimalsAt, literalBytes, literalsAt, powersAt } from './layout'

/** Bytes compared, and numbers read, eight bytes at a time. Addresses point into the shared memory. */

export const quote: u32 = 0x22
export const comma: u32 = 0x2c
export const minus: u32 = 0x2d
export const dot: u32 = 0x2e
export const zero: u32 = 0x30
export const colon: u32 = 0x3a
export const openingBrace: u32 = 0x7b
export const closingBrace: u32 = 0x7d
export const openingBracket: u32 = 0x5b
export const closingBracket: u32 = 0x5d
const backslash: u32 = 0x5c

/** A whole number of the longest timestamp, in nanoseconds, has so many digits; so many always fit 64 bits. */
const digitsMax: usize = 19
/** Up to here every whole number is a double. */
const exactMax: u64 = 1 << 53

const digitZeros: u64 = 0x3030303030303030

/** Printable ASCII but the backslash: stands for itself in JSON. The quote is looked at before. */
export function isPlain(byte: u32): bool {
  return byte >= 0x20 && byte < 0x7f && byte != backslash
}

export function isDigit(byte: u32): bool {
  return byte - zero < 10
}

/** Whether the text of a format stands at `at` and ends at `to` or before. `length` is its own, 4..16. */
export function isLiteral(at: usize, to: usize, literal: usize, length: usize): bool {
  if (at + length > to) return false
  const expected = (literalsAt as usize) + literal * (literalBytes as usize)
  if (length < 8) {
    return (
      load<u32>(at) == load<u32>(expected) && load<u32>(at + length - 4) == load<u32>(expected + length - 4)
    )
  }
  return (
    load<u64>(at) == load<u64>(expected) && load<u64>(at + length - 8) == load<u64>(expected + length - 8)
  )
}

/** Whether two stretches of so many bytes are the same. */
export function isSame(a: usize, b: usize, length: usize): bool {
  let i: usize = 0
  for (; i + 8 <= length; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false
  if (i == length) return true
  if (length >= 8) return load<u64>(a + length - 8) == load<u64>(b + length - 8)
  for (; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false
  return true
}

/**
 * How many of the eight bytes of a word are digits before the first that is none; `word` is exclusive-ored with
 * digitZeros. Adding 6 carries what is above 9 into the high nibble; a carry from byte to byte comes from a byte that is none.
 */
function leadingDigits(word: u64): usize {
  return (ctz(((word + 0x0606060606060606) | word) & 0xf0f0f0f0f0f0f0f0) >> 3) as usize
}

/** The number that eight digits' values are, the first one in the low byte. */
function eightDigits(word: u64): u64 {
  const pairs = word * 10 + (word >> 8)
  return (
    ((pairs & 0x000000ff000000ff) * 0x000f424000000064 +
      ((pairs >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
    32
  )
}

function powerOfTen(exponent: usize): u64 {
  return load<u64>((powersAt as usize) + (exponent << 3))
}

/** Where the digits end that readDigits() went over. */
export let digitsEnd: usize = 0

/** The number that the digits from `at` on are, as far as they go before `to`; anything where there are more than digitsMax. */
export function readDigits(at: usize, to: usize): u64 {
  let value: u64 = 0
  let word = load<u64>(at) ^ digitZeros
  let count = leadingDigits(word)
  while (count == 8 && at < to) {
    value = value * 100000000 + eightDigits(word)
    at += 8
    word = load<u64>(at) ^ digitZeros
    count = leadingDigits(word)
  }
  // What is behind the digits is shifted out, which leaves zeros in front of them.
  if (count > 0) value = value * powerOfTen(count) + eightDigits(word << ((8 - (count as u64)) << 3))
  digitsEnd = at + count
  return value
}

/** Whether bytes [from..to), all of them digits, are a whole number as JSON has it, no longer than a timestamp. */
function isWhole(from: usize, to: usize): bool {
  return to > from && to - from <= digitsMax && (load<u8>(from) != zero || to - from == 1)
}

/** Where the whole number at `from` ends; 0 where there is none. Its value is in `whole`. */
export function wholeEnd(from: usize, to: usize): usize {
  whole = readDigits(from, to) as f64
  return digitsEnd <= to && isWhole(from, digitsEnd) ? digitsEnd : 0
}

/** The double nearest to the whole number that was found last. */
export let whole: f64 = 0

/** Where the whole number before `to` begins, behind `from`; 0 where there is none. Its value is in `whole`. */
export function wholeStart(from: usize, to: usize): usize {
  let at = to
  while (at > from && isDigit(load<u8>(at - 1))) at--
  if (!isWhole(at, to)) return 0
  whole = readDigits(at, to) as f64
  return at
}

/** Where the varint that was read last ends. */
export let varintEnd: usize = 0

/** Zigzag varint of 32 bits, as the walker of schemas/record-batch.ts reads it. */
export function varint(from: usize): i32 {
  let at = from
  let byte: u32 = load<u8>(at++)
  let raw = byte & 127
  for (let shift: u32 = 7; byte >= 128 && shift < 35; shift += 7) {
    byte = load<u8>(at++)
    raw |= (byte & 127) << shift
  }
  varintEnd = at
  return ((raw >> 1) as i32) ^ -((raw & 1) as i32)
}

/** Zigzag varint of 64 bits. */
export function varlong(from: usize): i64 {
  let at = from
  let byte: u64 = load<u8>(at++)
  let raw = byte & 127
  for (let shift: u64 = 7; byte >= 128 && shift < 70; shift += 7) {
    byte = load<u8>(at++)
    raw |= (byte & 127) << shift
  }
  varintEnd = at
  return ((raw >> 1) as i64) ^ -((raw & 1) as i64)
}

/** The number that scanNumber() read, and whether it is the very double that JSON.parse gives. */
export let number: f64 = 0

/**
 * A JSON number without exponent, the same double that JSON.parse gives; where it ends, or 0 where there is none, or one
 * that cannot be told so.
 */
export function scanNumber(from: usize, to: usize): usize {
  const isNegative = load<u8>(from) == minus
  const first = isNegative ? from + 1 : from
  let mantissa = readDigits(first, to)
  let at = digitsEnd
  const wholeDigits = at - first
  // No digit at all, or a leading zero.
  if (wholeDigits == 0 || (wholeDigits > 1 && load<u8>(first) == zero)) return 0
  let decimals: usize = 0
  if (load<u8>(at) == dot) {
    const point = at
    const fraction = readDigits(point + 1, to)
    at = digitsEnd
    decimals = at - point - 1
    if (decimals == 0 || wholeDigits + decimals > digitsMax) return 0
    mantissa = mantissa * powerOfTen(decimals) + fraction
  }
  if (at >= to || wholeDigits + decimals > digitsMax) return 0
  // What is behind must end the value; an exponent does not.
  const byte: u32 = load<u8>(at)
  if (byte != comma && byte != closingBrace && byte != quote) return 0
  let magnitude = mantissa as f64
  if (decimals > 0) {
    // Both numbers are exact, so that one division rounds as JSON.parse does.
    if (mantissa > exactMax) return 0
    magnitude /= load<f64>((decimalsAt as usize) + (decimals << 3))
  }
  number = isNegative ? -magnitude : magnitude
  return at
}
