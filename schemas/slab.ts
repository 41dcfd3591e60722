/**
 * Shared memory that is used again. Fetched batches and columns of rows are hundreds of megabytes a second. With a new buffer for
 * each, garbage collection took half of the daemon's CPU, and the operating system had to give every page anew. Workers read and
 * write a slab without a copy or a transfer.
 */
export interface Slab {
  readonly memory: SharedArrayBuffer
  /** One more user. */
  retain(): void
  /**
   * One user less; with the last one the memory may be given to somebody else at once. A slab that is never released
   * is collected like any other memory. Throws when there was no user: then somebody may read what is not theirs.
   */
  release(): void
}

export interface SlabPool {
  /** A slab of at least so many bytes, with one user. Its contents are whatever was there before. */
  take(bytes: number): Slab
  /** Takes over memory made elsewhere, with one user. */
  adopt(memory: SharedArrayBuffer): Slab
  /** Bytes that wait to be used again. */
  freeBytes(): number
}

/** Smallest slab: below this the bookkeeping costs more than the memory. */
const slabBytesMin = 16 * 1024

/** Size of the slab for so many bytes: between two powers of two there are four sizes, so at most a fifth stays unused. */
export function slabBytes(bytes: number): number {
  if (bytes <= slabBytesMin) return slabBytesMin
  const step = 2 ** (Math.ceil(Math.log2(bytes)) - 3)
  return Math.ceil(bytes / step) * step
}

/** Free memory is used where it is at most so many times the size that is needed. */
const tooLargeMax = 1.5

class CountedSlab implements Slab {
  readonly memory: SharedArrayBuffer
  readonly #giveBack: (memory: SharedArrayBuffer) => void
  #users = 1

  constructor(memory: SharedArrayBuffer, giveBack: (memory: SharedArrayBuffer) => void) {
    this.memory = memory
    this.#giveBack = giveBack
  }

  retain(): void {
    if (this.#users === 0) throw new Error('slab: it was released by all before it was retained')
    this.#users++
  }

  release(): void {
    if (this.#users === 0) throw new Error('slab: it was released more often than retained')
    if (--this.#users === 0) this.#giveBack(this.memory)
  }
}

/**
 * How much is in use is bounded by the queues of its users. `freeBytesMax` bounds what is kept for later. Set it to what those queues
 * may hold: V8 does not count shared memory when it decides to collect, so memory that is not kept stays allocated until something
 * else starts a collection.
 */
export function createSlabPool(freeBytesMax: number): SlabPool {
  /** Free memory by its size. */
  const free = new Map<number, SharedArrayBuffer[]>()
  let freeBytes = 0

  const giveBack = (memory: SharedArrayBuffer): void => {
    if (freeBytes + memory.byteLength > freeBytesMax) return
    const list = free.get(memory.byteLength)
    if (list === undefined) free.set(memory.byteLength, [memory])
    else list.push(memory)
    freeBytes += memory.byteLength
  }

  /**
   * The smallest free memory that fits, unless it is much too large. Sizes change with what is read. If only the exact size were
   * taken, memory of other sizes would be kept for nothing while new memory is allocated.
   */
  const fitting = (size: number): SharedArrayBuffer | undefined => {
    const exact = free.get(size)?.pop()
    if (exact !== undefined) return exact
    let best = Infinity
    for (const [other, list] of free)
      if (list.length > 0 && other > size && other < best && other <= size * tooLargeMax) best = other
    return free.get(best)?.pop()
  }

  return {
    take(bytes) {
      const size = slabBytes(bytes)
      const memory = fitting(size)
      if (memory === undefined) return new CountedSlab(new SharedArrayBuffer(size), giveBack)
      freeBytes -= memory.byteLength
      return new CountedSlab(memory, giveBack)
    },
    adopt: memory => new CountedSlab(memory, giveBack),
    freeBytes: () => freeBytes
  }
}
