/**
 * The bytes of one connection, read while they arrive. The reader says where the next bytes belong (`space`); Node reads from the
 * socket straight into that memory, and `wrote` tells the reader how many came. So record batches, which are large, are written
 * once, into the memory where they stay. The usual way, a new Buffer for every 64 KiB of the socket, joined when the answer is
 * whole, cost as much as all the rest of reading, and gave the garbage collector most of its work.
 */
export class Inflow {
  /**
   * Everything small is read through this buffer: sizes, numbers, names. It is kept small, because when a batch begins in
   * the same read as the numbers before it, its first bytes land here and have to be copied.
   */
  readonly #head = Buffer.allocUnsafeSlow(headBytes)
  #start = 0
  #end = 0
  /** The batch's own memory while it is being filled, and how many bytes of it are there. */
  #target: Uint8Array | undefined
  #filled = 0
  /** Bytes of the answer under way that have not been read. */
  #left = 0

  /** Bytes of the answer under way that have not been read. */
  get left(): number {
    return this.#left
  }

  /** Where the next bytes belong; never empty, as long as `wrote` is told of each use. */
  space(): Uint8Array {
    if (this.#target !== undefined) return this.#target.subarray(this.#filled)
    if (this.#start === this.#end) this.#start = this.#end = 0
    return this.#head.subarray(this.#end)
  }

  /** So many bytes were written where `space` said. Returns whether the reader that waits can go on. */
  wrote(bytes: number): boolean {
    if (this.#target === undefined) {
      this.#end += bytes
      return true
    }
    this.#filled += bytes
    if (this.#filled < this.#target.length) return false
    this.#target = undefined
    return true
  }

  /** Begins an answer: reads its size, which stands in front of it. Throws when that is above the limit. */
  *open(bytesMax: number): Reading<void> {
    this.#left = 4
    yield* this.gather(4)
    const size = this.int32()
    if (size < 0 || size > bytesMax)
      throw new Error(`An answer of ${size} bytes is no answer; the limit is ${bytesMax}.`)
    this.#left = size
  }

  /** Fills memory with the next bytes. */
  *fill(target: Uint8Array): Reading<void> {
    if (target.length <= smallBytesMax) {
      // Many small parts come by one read; each by its own would cost more than the copy.
      this.require(target.length)
      yield* this.gather(target.length)
      const at = this.#pass(target.length)
      target.set(this.#head.subarray(at, at + target.length))
      return
    }
    this.#claim(target.length)
    const here = Math.min(target.length, this.#end - this.#start)
    target.set(this.#head.subarray(this.#start, this.#start + here))
    this.#start += here
    if (here === target.length) return
    this.#target = target
    this.#filled = here
    while (this.#target !== undefined) yield
  }

  *skip(bytes: number): Reading<void> {
    this.#claim(bytes)
    for (let left = bytes; ; yield) {
      const here = Math.min(left, this.#end - this.#start)
      this.#start += here
      left -= here
      if (left === 0) return
    }
  }

  /** Whether `gather` would have to wait. Asked first where it is called often, to save making a generator that never waits. */
  lacks(bytes: number): boolean {
    return this.#end - this.#start < Math.min(bytes, this.#left)
  }

  /**
   * Waits until so many bytes of the answer, or all that are left of it, are in the small buffer; at most half of that buffer.
   * One wait serves for the many numbers that are then read from it: waiting for each by itself would take most of the time.
   */
  *gather(bytes: number): Reading<void> {
    const wanted = Math.min(bytes, this.#left)
    while (this.#end - this.#start < wanted) {
      if (this.#start + wanted > this.#head.length) {
        this.#head.copyWithin(0, this.#start, this.#end)
        this.#end -= this.#start
        this.#start = 0
      }
      yield
    }
  }

  // Numbers: their bytes must have been gathered before.

  int16(): number {
    return this.#head.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.#head.readInt32BE(this.#pass(4))
  }

  /** Exact up to 2^53, as offsets are. */
  int64(): number {
    const at = this.#pass(8)
    return this.#head.readInt32BE(at) * 2 ** 32 + this.#head.readUInt32BE(at + 4)
  }

  bigint64(): bigint {
    return this.#head.readBigInt64BE(this.#pass(8))
  }

  /** Unsigned LEB128, of at most 32 bits. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#head.readUInt8(this.#pass(1))
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Error('A number in an answer of the broker has no end.')
  }

  uuid(): string {
    const at = this.#pass(16)
    const hex = this.#head.toString('hex', at, at + 16)
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }

  /** Passes an empty list of tagged fields, as nearly all are, if it is here; else `skipTaggedFields` has to. */
  passNoTaggedFields(): boolean {
    if (this.#left === 0 || this.#start === this.#end || this.#head[this.#start] !== 0) return false
    this.#pass(1)
    return true
  }

  /** Fields that later versions may add are skipped by their stated sizes. */
  *skipTaggedFields(): Reading<void> {
    yield* this.gather(varintBytesMax)
    const count = this.varint()
    for (let i = 0; i < count; i++) {
      yield* this.gather(2 * varintBytesMax)
      this.varint() // Which field it is.
      yield* this.skip(this.varint())
    }
  }

  /** Throws when the open frame has fewer bytes than these left. */
  require(bytes: number): void {
    if (bytes > this.#left)
      throw new Error(`An answer of the broker ends where ${bytes - this.#left} more bytes must follow.`)
  }

  #claim(bytes: number): void {
    this.require(bytes)
    this.#left -= bytes
  }

  /** Where the next bytes are, which were gathered. */
  #pass(bytes: number): number {
    this.#claim(bytes)
    const at = this.#start
    if (at + bytes > this.#end) throw new Error('inflow: a number is read before its bytes are gathered')
    this.#start += bytes
    return at
  }
}

/** A reader in the middle of its work: it stops wherever it must wait for more bytes. */
export type Reading<T> = Generator<undefined, T, undefined>

const headBytes = 32 * 1024
const smallBytesMax = headBytes / 2
/** Of an unsigned LEB128 number of 32 bits. */
export const varintBytesMax = 5
