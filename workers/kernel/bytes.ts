import { decimalsAt, literalBytes, literalsAt, ordersAt, powersAt } from '../memory/map'

/**
 * Comparing bytes and reading numbers, sixteen bytes at a time (WebAssembly's v128: one instruction works on sixteen bytes side by
 * side, its lanes). Addresses point into the shared memory; reading a little past the end is allowed everywhere
 * (`slackBytes` in memory/map.ts), and what was read too much is masked or shifted away.
 */

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

/** Where the quote is that ends a text of plain bytes; 0 where there is none before `to`, or a byte that is not plain before it. */
export function plainTextEnd(from: usize, to: usize): usize {
  for (let at = from; at < to; at += 16) {
    const text = v128.load(at)
    const quotes = i8x16.bitmask(i8x16.eq(text, i8x16.splat(quote as i8))) as u32
    // What is below the blank, as a signed number also what is no ASCII.
    const others = i8x16.bitmask(
      v128.or(
        i8x16.lt_s(text, i8x16.splat(0x20)),
        v128.or(i8x16.eq(text, i8x16.splat(0x7f)), i8x16.eq(text, i8x16.splat(backslash as i8)))
      )
    ) as u32
    if ((quotes | others) != 0) {
      const end = ctz(quotes | others)
      return ((quotes >> end) & 1) != 0 && at + (end as usize) < to ? at + (end as usize) : 0
    }
  }
  return 0
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

/** Whether two stretches of so many bytes, one at least, are the same. What is behind them is read and does not matter. */
export function isSame(a: usize, b: usize, length: usize): bool {
  let i: usize = 0
  for (; i + 16 < length; i += 16)
    if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false
  const differences: u32 = ~i8x16.bitmask(i8x16.eq(v128.load(a + i), v128.load(b + i)))
  return differences << (32 - ((length - i) as u32)) == 0
}

/**
 * How many of eight characters are digits before the first that is not one. `word` is the eight characters, each
 * exclusive-ored with '0' (digitZeros), so that a digit has become its value 0..9 and everything else is larger. Adding 6
 * to each byte makes the upper four bits of a byte non-zero exactly where it was above 9 (9 + 6 = 15 still fits in the lower
 * four). Carries into the next byte do no harm: they start at a byte that is no digit, and only the first such byte counts.
 */
function leadingDigits(word: u64): usize {
  return (ctz(((word + 0x0606060606060606) | word) & 0xf0f0f0f0f0f0f0f0) >> 3) as usize
}

/**
 * The number written by eight digits, given as eight values 0..9 with the first digit in the lowest byte. Pairs of digits are joined
 * first (ab, cd, …), then the pairs by two multiplications whose constants hold 1,000,000 with 100, and 10,000 with 1.
 */
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

/** The number written by the digits from `at` on, up to the first character that is no digit; meaningless for more than digitsMax digits. */
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
  // The last, incomplete group: shifting drops what stands behind the digits and puts zeros before them.
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
  const digits = i8x16.sub(v128.load(to - 16), i8x16.splat(zero as i8))
  const length = clz(others(digits) << 16)
  // Microseconds and nanoseconds since 1970 have sixteen digits and more.
  if (length >= 16) return longWholeStart(from, to)
  const at = to - (length as usize)
  if (at <= from || !isWhole(at, to)) return 0
  // The sixteen bytes end where the number ends, and begin before it: what is before it is made zeros.
  const own = i8x16.ge_u(
    i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    i8x16.splat(16 - (length as i8))
  )
  whole = sixteenDigits(v128.and(digits, own)) as f64
  return at
}

function longWholeStart(from: usize, to: usize): usize {
  let at = to
  while (at > from && isDigit(load<u8>(at - 1))) at--
  if (!isWhole(at, to)) return 0
  whole = readDigits(at, to) as f64
  return at
}

/** Where the varint that was read last ends. */
export let varintEnd: usize = 0

/** Zigzag varint of 32 bits, as the walker of schemas/records/record-batch.ts reads it. */
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

/** A bit for each of sixteen characters that is no digit; the characters are given less the character '0', so digits are 0..9. */
function others(digits: v128): u32 {
  return i8x16.bitmask(i8x16.ge_u(digits, i8x16.splat(10))) as u32
}

/** The number written by sixteen digits, given as sixteen values 0..9: pairs are joined, then fours, eights and both halves. */
function sixteenDigits(digits: v128): i64 {
  const pairs = i16x8.add(
    i16x8.mul(v128.and(digits, i16x8.splat(0xff)), i16x8.splat(10)),
    i16x8.shr_u(digits, 8)
  )
  const fours = i32x4.dot_i16x8_s(pairs, i16x8(100, 1, 100, 1, 100, 1, 100, 1))
  const eights = i32x4.dot_i16x8_s(
    i16x8.narrow_i32x4_s(fours, fours),
    i16x8(10000, 1, 10000, 1, 10000, 1, 10000, 1)
  )
  const both = i64x2.extract_lane(eights, 0)
  return (both & 0xffffffff) * 100000000 + (both >> 32)
}

/** Whether a number ends before this byte; before an exponent it does not. */
function isEnd(byte: u32): bool {
  return byte == comma || byte == closingBrace || byte == quote
}

/** The number that scanNumber() read: the very double that JSON.parse gives. */
export let number: f64 = 0

/**
 * Reads a JSON number without exponent at `from` into `number`, as the same double that JSON.parse gives. Returns where it ends; 0
 * when there is no number, or one that only the reference decoder reads exactly.
 *
 * Up to fifteen characters are read at once and without a branch on their count: the count differs from number to number, so a
 * processor would guess such a branch wrong again and again. The number `-17.28`, without its sign, is loaded as sixteen bytes
 * `17.28,"na…`. Where the point stands (2) and where the number ends (5) choose one row of a table made at start (`ordersAt`
 * in memory/map.ts). The row says which byte goes where so that the digits stand at the right end with zeros before them, the point
 * left out: `0000000000001728`. That is one whole number, which is divided by 10 to the count of decimals.
 */
export function scanNumber(from: usize, to: usize): usize {
  const isNegative = load<u8>(from) == minus
  const first = isNegative ? from + 1 : from
  const text = v128.load(first)
  const digits = i8x16.sub(text, i8x16.splat(zero as i8))
  const ends = others(digits) | 0x10000
  /** If the first character that is no digit is a point: its bit. */
  const point = ends & -ends & (i8x16.bitmask(i8x16.eq(text, i8x16.splat(dot as i8))) as u32)
  const wholeDigits = ctz(ends)
  const length = ctz(ends ^ point)
  if (length >= 16) return scanLongNumber(from, to)
  const at = first + (length as usize)
  if (at >= to || !isEnd(load<u8>(at))) return 0
  // No digit at all, none behind the point, or a leading zero.
  if (wholeDigits == 0 || length - wholeDigits == 1 || (wholeDigits > 1 && load<u8>(first) == zero)) return 0
  const order = v128.load((ordersAt as usize) + ((((wholeDigits << 4) + length) << 4) as usize))
  const decimals = (length - wholeDigits - (point == 0 ? 0 : 1)) as usize
  // Both are exact, so that one division rounds as JSON.parse does.
  const magnitude =
    (sixteenDigits(i8x16.swizzle(digits, order)) as f64) / load<f64>((decimalsAt as usize) + (decimals << 3))
  number = isNegative ? -magnitude : magnitude
  return at
}

/** The same for numbers of more than fifteen characters, eight digits at a time. */
function scanLongNumber(from: usize, to: usize): usize {
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
  if (!isEnd(load<u8>(at))) return 0
  let magnitude = mantissa as f64
  if (decimals > 0) {
    // Both numbers are exact, so that one division rounds as JSON.parse does.
    if (mantissa > exactMax) return 0
    magnitude /= load<f64>((decimalsAt as usize) + (decimals << 3))
  }
  number = isNegative ? -magnitude : magnitude
  return at
}
