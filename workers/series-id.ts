/**
 * The stored identity of a series, 64 bits: 16 of the device, 48 of the device and instance together, and the last 16
 * mixed with the signal's. So the series of one port stand together in the table, whose samples share their times and
 * offsets and compress to a fraction, and the ports of one device stand near. Each part is of xxHash64 (seed 0) over
 * UTF-8, the same in every process and version, and ClickHouse computes it too:
 *
 *     bitOr(bitAnd(xxHash64(device), 0xffff000000000000),
 *           bitXor(bitAnd(xxHash64(concat(device, '\0', instance)), 0xffffffffffff), bitAnd(xxHash64(signal), 0xffff)))
 *
 * The signals of one port never share an id (a test holds their 16 bits apart). Two series of different devices do with
 * odds of 2^-64, of different ports of one device 2^-48: at five million series that any two do is a matter of a few in
 * a million.
 */

/** Two unsigned 32-bit halves of a 64-bit number. */
export interface Halves {
  hi: number
  lo: number
}

const halves = (value: bigint): Halves => ({
  hi: Number(value >> 32n),
  lo: Number(value & 0xffffffffn)
})
const prime1 = halves(0x9e3779b185ebca87n)
const prime2 = halves(0xc2b2ae3d27d4eb4fn)
const prime3 = halves(0x165667b19e3779f9n)
const prime4 = halves(0x85ebca77c2b2ae63n)
const prime5 = halves(0x27d4eb2f165667c5n)

function multiply(a: Halves, b: Halves): Halves {
  const a0 = a.lo & 0xffff
  const a1 = a.lo >>> 16
  const b0 = b.lo & 0xffff
  const b1 = b.lo >>> 16
  const low = a0 * b0
  const mid = a1 * b0 + (low >>> 16)
  const mid2 = a0 * b1 + (mid & 0xffff)
  const carry = a1 * b1 + Math.floor(mid / 0x10000) + Math.floor(mid2 / 0x10000)
  return {
    hi: (carry + Math.imul(a.hi, b.lo) + Math.imul(a.lo, b.hi)) >>> 0,
    lo: (((mid2 & 0xffff) << 16) | (low & 0xffff)) >>> 0
  }
}

function add(a: Halves, b: Halves): Halves {
  const lo = a.lo + b.lo
  return { hi: (a.hi + b.hi + (lo > 0xffffffff ? 1 : 0)) >>> 0, lo: lo >>> 0 }
}

const xor = (a: Halves, b: Halves): Halves => ({ hi: (a.hi ^ b.hi) >>> 0, lo: (a.lo ^ b.lo) >>> 0 })

/** `bits` is 1..31. */
const rotateLeft = (a: Halves, bits: number): Halves => ({
  hi: ((a.hi << bits) | (a.lo >>> (32 - bits))) >>> 0,
  lo: ((a.lo << bits) | (a.hi >>> (32 - bits))) >>> 0
})

const shiftRightXor = (a: Halves, bits: number): Halves =>
  bits >= 32
    ? xor(a, { hi: 0, lo: a.hi >>> (bits - 32) })
    : xor(a, { hi: a.hi >>> bits, lo: ((a.lo >>> bits) | (a.hi << (32 - bits))) >>> 0 })

const round = (acc: Halves, lane: Halves): Halves =>
  multiply(rotateLeft(add(acc, multiply(lane, prime2)), 31), prime1)

const zero: Halves = { hi: 0, lo: 0 }

/** xxHash64 of bytes[0..length), seed 0. */
export function xxHash64(bytes: Uint8Array, length: number): Halves {
  const word = (at: number): number =>
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  const lane = (at: number): Halves => ({ hi: word(at + 4), lo: word(at) })
  let at = 0
  let hash: Halves
  if (length >= 32) {
    let v1 = add(prime1, prime2)
    let v2 = prime2
    let v3 = zero
    let v4 = halves((1n << 64n) - 0x9e3779b185ebca87n)
    for (; at + 32 <= length; at += 32) {
      v1 = round(v1, lane(at))
      v2 = round(v2, lane(at + 8))
      v3 = round(v3, lane(at + 16))
      v4 = round(v4, lane(at + 24))
    }
    hash = add(add(rotateLeft(v1, 1), rotateLeft(v2, 7)), add(rotateLeft(v3, 12), rotateLeft(v4, 18)))
    for (const v of [v1, v2, v3, v4]) hash = add(multiply(xor(hash, round(zero, v)), prime1), prime4)
  } else {
    hash = prime5
  }
  hash = add(hash, { hi: 0, lo: length })
  for (; at + 8 <= length; at += 8) {
    hash = add(multiply(rotateLeft(xor(hash, round(zero, lane(at))), 27), prime1), prime4)
  }
  if (at + 4 <= length) {
    hash = add(multiply(rotateLeft(xor(hash, multiply({ hi: 0, lo: word(at) }, prime1)), 23), prime2), prime3)
    at += 4
  }
  for (; at < length; at++) {
    hash = multiply(rotateLeft(xor(hash, multiply({ hi: 0, lo: bytes[at]! }, prime5)), 11), prime1)
  }
  hash = multiply(shiftRightXor(hash, 33), prime2)
  hash = multiply(shiftRightXor(hash, 29), prime3)
  return shiftRightXor(hash, 32)
}

const encoder = new TextEncoder()

const hashOf = (text: string): Halves => {
  const bytes = encoder.encode(text)
  return xxHash64(bytes, bytes.length)
}

/** The 16 bits that tell the signals of one port apart. */
export const signalBits = (signalName: string): number => hashOf(signalName).lo & 0xffff

/** What the ids of all series of one device (by the identifier its telemetry prefers) and instance have in common. */
export function entityId(device: string, instance: string): Halves {
  const bytes = encoder.encode(`${device}\0${instance}`)
  const deviceEnd = bytes.length - Buffer.byteLength(instance) - 1
  const entity = xxHash64(bytes, bytes.length)
  return { hi: ((xxHash64(bytes, deviceEnd).hi & 0xffff0000) | (entity.hi & 0xffff)) >>> 0, lo: entity.lo }
}

/** Id of the series of one device, signal and instance. */
export function seriesId(device: string, signalName: string, instance: string): Halves {
  const { hi, lo } = entityId(device, instance)
  return { hi, lo: (lo ^ signalBits(signalName)) >>> 0 }
}

const hex8 = (half: number): string => half.toString(16).padStart(8, '0')

/** 16 hex digits, as in `series` and the samples. */
export const seriesIdHex = ({ hi, lo }: Halves): string => hex8(hi) + hex8(lo)

/** The words of these series' ids, the low one first, out of those of all series. */
export function idWords(seriesIds: Uint32Array, series: readonly number[]): number[] {
  const words: number[] = []
  for (const at of series) words.push(seriesIds[at * 2]!, seriesIds[at * 2 + 1]!)
  return words
}
