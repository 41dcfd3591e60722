import xxhash from 'xxhash-wasm'
import { signals } from '../../schemas/signals.ts'

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

const hashes = await xxhash()

/** Two unsigned 32-bit halves of a 64-bit number. */
export interface Halves {
  readonly hi: number
  readonly lo: number
}

/** xxHash64 of the text's UTF-8, seed 0. */
export function xxHash64(text: string): Halves {
  const hash = hashes.h64(text)
  return { hi: Number(hash >> 32n), lo: Number(hash & 0xffffffffn) }
}

/** The 16 bits that tell the signals of one port apart. */
export const signalBits = (signalName: string): number => xxHash64(signalName).lo & 0xffff

/** What the ids of all series of one device (by the identifier its telemetry prefers) and instance have in common. */
export function entityId(device: string, instance: string): Halves {
  const entity = xxHash64(`${device}\0${instance}`)
  return { hi: ((xxHash64(device).hi & 0xffff0000) | (entity.hi & 0xffff)) >>> 0, lo: entity.lo }
}

/** Id of the series of one device, signal and instance. */
export function seriesId(device: string, signalName: string, instance: string): Halves {
  const { hi, lo } = entityId(device, instance)
  return { hi, lo: (lo ^ signalBits(signalName)) >>> 0 }
}

const hex8 = (half: number): string => half.toString(16).padStart(8, '0')

/** 16 hex digits, as in `series` and the samples. */
export const seriesIdHex = ({ hi, lo }: Halves): string => hex8(hi) + hex8(lo)

/** What tells the series of one entity apart, by signal. */
export const bitsOfSignal = signals.map(({ name }) => signalBits(name))

/** What the ids of a series' entity have in common, as entityId() gives it; `seriesIds` has two words a series, the low one first. */
export function entityOf(seriesIds: Uint32Array, series: number, signal: number): Halves {
  const lo = (seriesIds[series * 2]! ^ bitsOfSignal[signal]!) >>> 0
  return { hi: seriesIds[series * 2 + 1]!, lo }
}
