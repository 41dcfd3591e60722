/**
 * A hash table from byte strings to small integers, in shared memory: every worker finds and inserts without a lock
 * and without a message. A key is compared byte by byte, so two keys are never taken for one another, whatever their
 * hashes. Nothing is ever removed. Memory that is not used yet costs nothing but address space (seen on Node 20: 12 GiB
 * of SharedArrayBuffer do not change the resident size), so tables are made for their limit at once and never move.
 *
 * Insertion is safe against a worker that dies in the midst of it: an entry is written completely before one
 * compare-and-exchange makes it visible. Two workers that insert the same key at once leave one unused entry behind.
 */
export interface SharedTableMemory {
  readonly entriesMax: number
  readonly keyBytesMax: number
  readonly memory: SharedArrayBuffer
}

/** What find() says of a key that is not there. */
export const absent = -1
/** What insert() says when the table's entries or key bytes are used up. */
export const tableFull = -2

export interface SharedTable {
  /** Value of the key bytes[from..to), or `absent`. `hash` is hashBytes of the same range. */
  find(bytes: Uint8Array, from: number, to: number, hash: number): number
  /**
   * As find(); when the key is not there it is inserted with the value `make` gives (0 or more), which must be complete in
   * shared memory when `make` returns, because other threads see it at once. `tableFull` when there is no room, or
   * when `make` gives a negative value.
   */
  insert(bytes: Uint8Array, from: number, to: number, hash: number, make: () => number): number
  /** Entries used, those left behind by races included. */
  size(): number
  keyBytes(): number
}

/** The slot word keeps 24 bits for the entry and 8 bits of the hash, which spares most comparisons of other keys. */
const entryBits = 24
const entryMask = (1 << entryBits) - 1

const headerWords = 4
const headerEntries = 0
const headerArenaWords = 1
/** Words of an entry: hash, arena position in words, key length in bytes, value. */
const entryWords = 4

const slotCountFor = (entriesMax: number): number => {
  let slots = 16
  while (slots < entriesMax * 2) slots *= 2
  return slots
}

export function createSharedTableMemory(entriesMax: number, keyBytesMax: number): SharedTableMemory {
  if (!Number.isInteger(entriesMax) || entriesMax < 1 || entriesMax > entryMask) {
    throw new RangeError(`shared table: entries must be 1..${entryMask}, not ${entriesMax}`)
  }
  // Keys start at whole words.
  const arenaBytes = keyBytesMax + 4 * entriesMax
  const words = headerWords + slotCountFor(entriesMax) + entriesMax * entryWords
  return {
    entriesMax,
    keyBytesMax,
    memory: new SharedArrayBuffer(words * 4 + Math.ceil(arenaBytes / 4) * 4)
  }
}

export function openSharedTable({ entriesMax, memory }: SharedTableMemory): SharedTable {
  const slotCount = slotCountFor(entriesMax)
  const slotMask = slotCount - 1
  const header = new Int32Array(memory, 0, headerWords)
  const slots = new Int32Array(memory, headerWords * 4, slotCount)
  const entriesAt = (headerWords + slotCount) * 4
  const entries = new Int32Array(memory, entriesAt, entriesMax * entryWords)
  const arenaAt = entriesAt + entriesMax * entryWords * 4
  const arena = new Uint8Array(memory, arenaAt)
  const arenaWords = arena.length >>> 2

  const equals = (entry: number, bytes: Uint8Array, from: number, length: number): boolean => {
    if (entries[entry + 2] !== length) return false
    let a = (entries[entry + 1]! >>> 0) * 4
    for (let b = from, end = from + length; b < end; a++, b++) if (arena[a] !== bytes[b]) return false
    return true
  }

  /** Writes a complete entry that no slot shows yet; its word position, or -1 when there is no room. */
  const prepare = (bytes: Uint8Array, from: number, to: number, hash: number, make: () => number): number => {
    const length = to - from
    const number = Atomics.add(header, headerEntries, 1)
    if (number >= entriesMax) {
      Atomics.sub(header, headerEntries, 1)
      return -1
    }
    const words = (length + 3) >>> 2
    const at = Atomics.add(header, headerArenaWords, words) >>> 0
    if (at + words > arenaWords) {
      Atomics.sub(header, headerArenaWords, words)
      return -1
    }
    const value = make()
    if (value < 0) return -1
    arena.set(bytes.subarray(from, to), at * 4)
    const entry = number * entryWords
    entries[entry] = hash
    entries[entry + 1] = at
    entries[entry + 2] = length
    entries[entry + 3] = value
    return entry
  }

  const find = (bytes: Uint8Array, from: number, to: number, hash: number): number => {
    const tag = hash & ~entryMask
    const length = to - from
    for (let slot = hash & slotMask; ; slot = (slot + 1) & slotMask) {
      const word = slots[slot]!
      if (word === 0) return absent
      if ((word & ~entryMask) !== tag) continue
      // What a slot shows is read through it, so it is complete even where the processor reorders reads.
      const entry = ((word & entryMask) - 1) * entryWords
      if (entries[entry] === hash && equals(entry, bytes, from, length)) return entries[entry + 3]!
    }
  }

  return {
    find,
    insert(bytes, from, to, hash, make) {
      const tag = hash & ~entryMask
      const length = to - from
      let prepared = -1
      for (let slot = hash & slotMask; ; slot = (slot + 1) & slotMask) {
        let word = Atomics.load(slots, slot)
        if (word === 0) {
          if (prepared < 0) {
            prepared = prepare(bytes, from, to, hash, make)
            if (prepared < 0) return tableFull
          }
          word = Atomics.compareExchange(slots, slot, 0, tag | (prepared / entryWords + 1))
          if (word === 0) return entries[prepared + 3]!
        }
        if ((word & ~entryMask) !== tag) continue
        const entry = ((word & entryMask) - 1) * entryWords
        if (entries[entry] === hash && equals(entry, bytes, from, length)) return entries[entry + 3]!
      }
    },
    size: () => Math.min(entriesMax, Atomics.load(header, headerEntries)),
    keyBytes: () => (Atomics.load(header, headerArenaWords) >>> 0) * 4
  }
}

/** 32-bit hash of bytes[from..to): four lanes' worth of bytes at a time, then a full avalanche. */
export function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x9e3779b9 ^ (to - from)
  let at = from
  for (const whole = to - 3; at < whole; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash ^= hash >>> 15
  }
  for (; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f)
  return hash ^ (hash >>> 16)
}
