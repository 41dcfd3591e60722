/**
 * What the scanners share: bytes compared in place, and whole numbers read as JSON.parse reads them. Both go four bytes at a
 * time, by a DataView over the same bytes.
 */

export const quote = 0x22
export const comma = 0x2c
export const minus = 0x2d
export const dot = 0x2e
export const zero = 0x30
export const openingBrace = 0x7b
export const closingBrace = 0x7d
export const openingBracket = 0x5b
export const closingBracket = 0x5d

/** So many digits are exact in a double. */
export const exactDigits = 15

/** A whole number of the longest timestamp, in nanoseconds, has so many digits. */
const digitsMax = 19

/** Below this, n * 10^9 is exact in a double: n * 5^9 fits 53 bits. */
const exactBillions = 4_611_686_018

/** 10^k is exact in a double up to k = 22, so one division rounds as JSON.parse does. */
export const powersOfTen = Float64Array.from({ length: 23 }, (_, k) => 10 ** k)

const ascii = (text: string): Uint8Array => Uint8Array.from(text, c => c.charCodeAt(0))

/** Bytes to be found, four or more of them. */
export interface Expected {
  readonly length: number
  /** The whole words, the low byte first. */
  readonly words: Int32Array
  /** The last four bytes, which may overlap the words. */
  readonly last: number
}

const wordBytes = 4

/** Undefined for fewer than four bytes. */
export function expectedBytes(bytes: Uint8Array): Expected | undefined {
  const { length } = bytes
  if (length < wordBytes) return undefined
  const view = viewOf(bytes)
  const words = Int32Array.from({ length: length >>> 2 }, (_, i) => view.getInt32(i * wordBytes, true))
  return { length, words, last: view.getInt32(length - wordBytes, true) }
}

/** For texts of the formats themselves. */
export function expected(text: string): Expected {
  const made = expectedBytes(ascii(text))
  if (made === undefined) throw new RangeError(`scanner: ${text} is shorter than a word`)
  return made
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Whether `of` stands at `at`, which is 0 or more, and ends at `to` or before, which the view does not. */
export function matches(view: DataView, at: number, to: number, of: Expected): boolean {
  const { length, words } = of
  if (at + length > to) return false
  for (let i = 0; i < words.length; i++)
    if (view.getInt32(at + i * wordBytes, true) !== words[i]) return false
  return view.getInt32(at + length - wordBytes, true) === of.last
}

/** Turns digits into their values and leaves something in the high nibble of every byte that is none. */
export const digitZeros = 0x30303030

/**
 * How many of the four bytes of a word are digits before the first that is none; `word` is exclusive-ored with digitZeros.
 * Adding 6 carries what is above 9 into the high nibble; a carry from byte to byte comes from a byte that is none.
 */
export function leadingDigits(word: number): number {
  const others = ((word + 0x06060606) | word) & 0xf0f0f0f0
  return others === 0 ? 4 : (31 - Math.clz32(others & -others)) >>> 3
}

/** The number that four digits' values are, the first one in the low byte. */
export function fourDigits(word: number): number {
  const pairs = (Math.imul(word, 10) + (word >>> 8)) & 0x00ff00ff
  return Math.imul(pairs & 0xff, 100) + (pairs >>> 16)
}

/** Printable ASCII but the backslash: stands for itself in JSON. The quote is looked at before. */
export const isPlain = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== 0x5c

export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!)
  return text
}

export const isDigit = (byte: number): boolean => byte >= zero && byte <= zero + 9

/** Whether bytes[from..to), all of them digits, are a whole number as JSON has it, no longer than a timestamp. */
function isWhole(bytes: Uint8Array, from: number, to: number): boolean {
  return to > from && to - from <= digitsMax && (bytes[from] !== zero || to - from === 1)
}

/** Where the whole number at `from` ends; -1 where there is none. Does not look at what is behind it. */
export function wholeEnd(bytes: Uint8Array, from: number): number {
  let at = from
  while (isDigit(bytes[at]!)) at++
  return isWhole(bytes, from, at) ? at : -1
}

/** Where the whole number before `to` begins, not before `from`; -1 where there is none. */
export function wholeStart(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && isDigit(bytes[at - 1]!)) at--
  return isWhole(bytes, at, to) ? at : -1
}

/** The number that the digits [from..to) are; there are four bytes before `to`. */
function digitsOf(view: DataView, from: number, to: number): number {
  let value = 0
  let at = from
  for (; at + wordBytes <= to; at += wordBytes)
    value = value * 1e4 + fourDigits(view.getInt32(at, true) ^ digitZeros)
  const rest = to - at
  if (rest === 0) return value
  // What stands before them in the last word is cut off, which leaves zeros in front.
  const word = view.getInt32(to - wordBytes, true) ^ digitZeros
  return value * powersOfTen[rest]! + fourDigits(word & (-1 << (8 * (wordBytes - rest))))
}

/** The double nearest to a whole number; there are four bytes before `to`. */
export function wholeNumber(view: DataView, from: number, to: number): number {
  if (to - from <= exactDigits) return digitsOf(view, from, to)
  if (to - from <= digitsMax) {
    // Both parts are exact, so that their sum is rounded once, as the number itself would be.
    const billions = digitsOf(view, from, to - 9)
    if (billions < exactBillions) return billions * 1e9 + digitsOf(view, to - 9, to)
  }
  return Number(latin1(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), from, to))
}
