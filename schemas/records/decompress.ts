import zlib from 'node:zlib'
import { Decompress as ZstdStream } from 'fzstd'

/*
 * Decompression of Kafka record batches, with a limit on the output that holds before the memory is taken.
 * LZ4 and Snappy are decoded here, into one buffer that is used again for every batch: the packages at hand
 * allocate a buffer a call and know no limit, and measured slower on batches of telemetry.
 */

/** The bytes are at `bytes[0 .. length)`; `bytes` may be longer, and is valid until the next call only. */
export interface Decompressed {
  bytes: Uint8Array
  length: number
}

export interface Decompressor {
  /** `codec` is the number in a record batch's attributes, 1..4. Throws Error when the input is not sound or the output too large. */
  decompress(codec: number, input: Uint8Array): Decompressed
}

type ZstdSync = (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array
/** Node has zstd from 22.15 on. */
const nodeZstd = (zlib as unknown as { zstdDecompressSync?: ZstdSync }).zstdDecompressSync

const scratchBytesMin = 1 << 16

/** Where the output goes, in place of memory of the decompressor's own. */
export interface OutputMemory {
  /** Memory of at least so many bytes, which begins with what was written before. */
  room(bytes: number): Uint8Array
  /** A faster lz4Block(), which gives -1 for a block that is damaged or does not fit. */
  readonly lz4Block?: BlockDecoder
}

/** Decodes input[from..end) into output from `to` on; what was decoded before is its dictionary. Returns where the output ends. */
export type BlockDecoder = (
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  to: number
) => number

/** `outputBytesMax` bounds what one batch may grow to. */
export function createDecompressor(outputBytesMax: number, memory?: OutputMemory): Decompressor {
  const out: Decompressed = { bytes: new Uint8Array(0), length: 0 }

  /** Makes room for `more` bytes behind out.length, keeping what is there. */
  const reserve = (more: number): void => {
    const wanted = out.length + more
    if (wanted > outputBytesMax) throw tooLarge(outputBytesMax)
    if (wanted <= out.bytes.length) return
    if (memory !== undefined) {
      out.bytes = memory.room(wanted)
      return
    }
    const grown = new Uint8Array(
      Math.min(outputBytesMax, Math.max(scratchBytesMin, wanted, out.bytes.length * 2))
    )
    grown.set(out.bytes.subarray(0, out.length))
    out.bytes = grown
  }
  const given = (bytes: Uint8Array): Decompressed => {
    if (memory === undefined) return { bytes, length: bytes.length }
    reserve(bytes.length)
    out.bytes.set(bytes)
    out.length = bytes.length
    return out
  }

  const zstd = (input: Uint8Array): Decompressed => {
    if (nodeZstd !== undefined) return given(nodeZstd(input, { maxOutputLength: outputBytesMax }))
    if (zstdWindowBytes(input) > outputBytesMax) throw tooLarge(outputBytesMax)
    const stream = new ZstdStream(chunk => {
      reserve(chunk.length)
      out.bytes.set(chunk, out.length)
      out.length += chunk.length
    })
    stream.push(input, true)
    return out
  }

  return {
    decompress(codec, input) {
      out.length = 0
      // The memory that the last output was written to may belong to another task by now.
      if (memory !== undefined) out.bytes = memory.room(0)
      switch (codec) {
        case 1:
          return given(zlib.gunzipSync(unshared(input), { maxOutputLength: outputBytesMax }))
        case 2:
          snappy(input, out, reserve)
          return out
        case 3:
          lz4Frames(input, out, reserve, memory?.lz4Block)
          return out
        case 4:
          return zstd(unshared(input))
        default:
          throw new Error(`compression codec ${codec} is not known`)
      }
    }
  }
}

/** Node's decompressors refuse shared memory. */
const unshared = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof SharedArrayBuffer ? bytes.slice() : bytes

const tooLarge = (limit: number): Error => new Error(`it decompresses to more than ${limit} bytes`)
const broken = (format: string, at: number): Error => new Error(`${format} data is damaged at byte ${at}`)

/** What a zstd frame asks to be held in memory: its window, or the whole content of a single segment (RFC 8878 §3.1.1). */
function zstdWindowBytes(input: Uint8Array): number {
  if (input.length < 6) throw broken('zstd', 0)
  const descriptor = input[4]!
  const isSingleSegment = (descriptor & 32) !== 0
  if (!isSingleSegment) {
    const base = 2 ** (10 + (input[5]! >>> 3))
    return base + (base / 8) * (input[5]! & 7)
  }
  const at = 5 + [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = [1, 2, 4, 8][descriptor >>> 6]!
  let size = sizeBytes === 2 ? 256 : 0
  for (let i = 0; i < sizeBytes; i++) size += (input[at + i] ?? 0) * 2 ** (8 * i)
  return size
}

/** Below this many bytes a loop copies faster than the call of a built-in function. */
const copyCallMin = 256

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Copies literals, in whole words where there is room for up to three bytes more, which the next ones overwrite. */
function copyLiterals(
  input: Uint8Array,
  inputView: DataView,
  at: number,
  output: Uint8Array,
  outputView: DataView,
  to: number,
  length: number
): void {
  if (length >= copyCallMin) {
    output.set(input.subarray(at, at + length), to)
  } else if (at + length + 3 <= input.length && to + length + 3 <= output.length) {
    for (let i = 0; i < length; i += 4) outputView.setInt32(to + i, inputView.getInt32(at + i, true), true)
  } else {
    for (let i = 0; i < length; i++) output[to + i] = input[at + i]!
  }
}

/** Kafka's LZ4 is the frame format; several frames may follow one another, blocks may be linked or independent. */
function lz4Frames(
  input: Uint8Array,
  out: Decompressed,
  reserve: (more: number) => void,
  faster?: BlockDecoder
): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  let at = 0
  while (at < input.length) {
    if (at + 7 > input.length) throw broken('lz4', at)
    const magic = view.getUint32(at, true)
    if (magic >>> 4 === 0x184d2a5) {
      at += 8 + view.getUint32(at + 4, true)
      continue
    }
    if (magic !== 0x184d2204) throw broken('lz4', at)
    const flags = input[at + 4]!
    const blockBytesMax = 1 << (8 + 2 * ((input[at + 5]! >>> 4) & 7))
    if (flags >>> 6 !== 1 || blockBytesMax < 1 << 16) throw broken('lz4', at)
    // Magic, flags, block descriptor, [content size], [dictionary id], header checksum.
    at += 6 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0) + 1
    for (;;) {
      if (at + 4 > input.length) throw broken('lz4', at)
      const word = view.getUint32(at, true)
      at += 4
      if (word === 0) break
      const size = word & 0x7fffffff
      if (size > blockBytesMax || at + size > input.length) throw broken('lz4', at)
      if (word >>> 31 === 1) {
        reserve(size)
        out.bytes.set(input.subarray(at, at + size), out.length)
        out.length += size
      } else {
        // A block never grows beyond 255 times its size, nor beyond what the frame's header says.
        reserveBlock(out, reserve, Math.min(blockBytesMax, size * 255))
        const end = faster?.(input, at, at + size, out.bytes, out.length) ?? -1
        // What is wrong with a block is said here.
        out.length = end >= 0 ? end : lz4Block(input, at, at + size, out.bytes, out.length)
      }
      at += size + (flags & 16 ? 4 : 0)
    }
    at += flags & 4 ? 4 : 0
  }
  if (at !== input.length) throw broken('lz4', input.length)
}

/** Near the limit there may be less room than a block could need; then the block itself is held to the buffer's end. */
function reserveBlock(out: Decompressed, reserve: (more: number) => void, most: number): void {
  if (out.bytes.length - out.length >= most) return
  try {
    reserve(most)
  } catch {
    // The block is decoded into what there is; it throws when it needs more.
  }
}

/** Decodes one block behind `to`; earlier output is its dictionary. Returns where the output ends. */
function lz4Block(input: Uint8Array, from: number, end: number, output: Uint8Array, to: number): number {
  let at = from
  let o = to
  const limit = output.length
  const inputView = viewOf(input)
  const outputView = viewOf(output)
  while (at < end) {
    const token = input[at++]!
    let literals = token >>> 4
    if (literals === 15) {
      let byte = 255
      while (byte === 255) {
        if (at >= end) throw broken('lz4', at)
        byte = input[at++]!
        literals += byte
      }
    }
    if (at + literals > end) throw broken('lz4', at)
    if (o + literals > limit) throw tooLarge(limit)
    copyLiterals(input, inputView, at, output, outputView, o, literals)
    at += literals
    o += literals
    if (at === end) return o
    if (at + 2 > end) throw broken('lz4', at)
    const distance = input[at]! | (input[at + 1]! << 8)
    at += 2
    let length = token & 15
    if (length === 15) {
      let byte = 255
      while (byte === 255) {
        if (at >= end) throw broken('lz4', at)
        byte = input[at++]!
        length += byte
      }
    }
    length += 4
    if (distance === 0 || distance > o) throw broken('lz4', at)
    if (o + length > limit) throw tooLarge(limit)
    copyMatch(output, outputView, o, distance, length)
    o += length
  }
  throw broken('lz4', at)
}

/** A match may overlap what it writes, so that its bytes repeat. Whole words are copied only where they do not overlap. */
function copyMatch(output: Uint8Array, view: DataView, to: number, distance: number, length: number): void {
  const end = to + length
  if (length >= copyCallMin && distance >= length) {
    output.copyWithin(to, to - distance, end - distance)
  } else if (distance >= 4 && end + 3 <= output.length) {
    for (let o = to; o < end; o += 4) view.setInt32(o, view.getInt32(o - distance, true), true)
  } else {
    for (let o = to; o < end; o++) output[o] = output[o - distance]!
  }
}

const xerialMagic = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]

/** Java clients wrap Snappy in Xerial's chunks, librdkafka and others send it raw. */
function snappy(input: Uint8Array, out: Decompressed, reserve: (more: number) => void): void {
  if (input.length < 16 || xerialMagic.some((byte, i) => input[i] !== byte)) {
    snappyBlock(input, 0, input.length, out, reserve)
    return
  }
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  let at = 16
  while (at < input.length) {
    if (at + 4 > input.length) throw broken('snappy', at)
    const size = view.getUint32(at)
    at += 4
    if (at + size > input.length) throw broken('snappy', at)
    snappyBlock(input, at, at + size, out, reserve)
    at += size
  }
}

function snappyBlock(
  input: Uint8Array,
  from: number,
  end: number,
  out: Decompressed,
  reserve: (more: number) => void
): void {
  let at = from
  let size = 0
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw broken('snappy', at)
    const byte = input[at++]!
    size += (byte & 127) * 2 ** shift
    if (byte < 128) break
  }
  reserve(size)
  const output = out.bytes
  const start = out.length
  const limit = start + size
  const inputView = viewOf(input)
  const outputView = viewOf(output)
  let o = start
  while (at < end) {
    const tag = input[at++]!
    let length: number
    let distance: number
    if ((tag & 3) === 0) {
      length = tag >>> 2
      if (length >= 60) {
        const more = length - 59
        if (at + more > end) throw broken('snappy', at)
        length = 0
        for (let i = 0; i < more; i++) length += input[at++]! * 2 ** (8 * i)
      }
      length += 1
      if (at + length > end || o + length > limit) throw broken('snappy', at)
      copyLiterals(input, inputView, at, output, outputView, o, length)
      at += length
      o += length
      continue
    }
    const more = (tag & 3) === 1 ? 1 : (tag & 3) === 2 ? 2 : 4
    if (at + more > end) throw broken('snappy', at)
    if (more === 1) {
      length = ((tag >>> 2) & 7) + 4
      distance = ((tag >>> 5) << 8) | input[at]!
    } else {
      length = (tag >>> 2) + 1
      distance = input[at]! | (input[at + 1]! << 8)
      if (more === 4) distance += (input[at + 2]! | (input[at + 3]! << 8)) * 65536
    }
    at += more
    if (distance === 0 || distance > o - start || o + length > limit) throw broken('snappy', at)
    copyMatch(output, outputView, o, distance, length)
    o += length
  }
  if (o !== limit) throw broken('snappy', at)
  out.length = limit
}
