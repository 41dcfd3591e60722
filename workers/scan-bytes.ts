/** What the scanners share: bytes compared in place, and whole numbers read as JSON.parse reads them. */

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

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, c => c.charCodeAt(0))

export function matches(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false
  return true
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

const digitsOf = (bytes: Uint8Array, from: number, to: number): number => {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + (bytes[i]! - zero)
  return value
}

/** The double nearest to a whole number. */
export function wholeNumber(bytes: Uint8Array, from: number, to: number): number {
  if (to - from <= exactDigits) return digitsOf(bytes, from, to)
  if (to - from <= digitsMax) {
    // Both parts are exact, so that their sum is rounded once, as the number itself would be.
    const billions = digitsOf(bytes, from, to - 9)
    if (billions < exactBillions) return billions * 1e9 + digitsOf(bytes, to - 9, to)
  }
  return Number(latin1(bytes, from, to))
}
