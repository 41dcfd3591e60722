import { createLock } from './lock.ts'

/**
 * A hash table from byte strings to small integers, in shared memory: every worker finds without a lock and without a
 * message, and inserts, which is rare, under one. A key is compared in full, so two keys are never taken for one another, whatever their
 * hashes. Keys are removed only while nobody evaluates, many at once (`retain`). Memory that is not used yet costs nothing but address
 * space (seen on Node 20: 12 GiB of SharedArrayBuffer do not change the resident size), so tables are made for their limit at once and never move.
 *
 * Entries and key bytes lie densely, in order of arrival. The cells that lead to them are kept on levels, each twice the
 * size of the one before, and the next level is taken when the present one is half full: a table made for millions that
 * holds thousands stays within the processor's caches. (One level of the full size cost 0.4 µs more a look-up.)
 *
 * One thread inserts at a time, so a key has one value whoever asks. A worker that dies in the midst of it spoils nothing:
 * an entry is written completely before one compare-and-exchange makes it visible, moving to the next level can be
 * done over again by anyone, and its lock is taken over once that worker is known to have ended (lock.ts).
 */
export interface SharedTableMemory {
  readonly entriesMax: number
  readonly keyBytesMax: number
  readonly memory: SharedArrayBuffer
  /** Where it begins, a multiple of 4. */
  readonly at: number
}

/** What find() says of a key that is not there. */
export const absent = -1
/** What insert() says when the table's entries or key bytes are used up. */
export const tableFull = -2

/** What retain() does with a key: it is forgotten, or goes on as one of somebody who is not known, or of somebody who is. */
export type Keeping = 'forget' | 'unknown' | 'known'

export interface SharedTable {
  /** Value of the key bytes[from..to), or `absent`. */
  find(bytes: Uint8Array, from: number, to: number): number
  /**
   * As find(); when the key is not there it is inserted with the value `make` gives (0 or more), which must be complete in
   * shared memory when `make` returns, because other threads see it at once. `tableFull` when there is no room, or
   * when `make` gives a negative value. Who is not `isKnown` finds room in half of the table only: the other half is kept for those.
   */
  insert(bytes: Uint8Array, from: number, to: number, make: () => number, isKnown?: boolean): number
  /**
   * Forgets keys, by what `keepingOf` says of their values, a stretch a step; their room is used again. The others keep their values. Only while no
   * other thread uses the table, from the first step to the last.
   */
  retain(keepingOf: (value: number) => Keeping): Generator<void, void>
  /** Entries used. */
  size(): number
  /** The part of its entries or of its key bytes that is used, whichever is more: from 0 to 1, where it is full. */
  used(): number
  /** The part that is used of what those may use who are not known, in the same way. */
  usedByUnknown(): number
}

/** 32-bit hash of the bytes [from..to) of a view. */
export type HashBytes = (view: DataView, from: number, to: number) => number

/** A cell's word keeps 24 bits for the entry and 8 bits of the hash, which spares most comparisons of other keys. */
const entryBits = 24
const entryMask = (1 << entryBits) - 1

const headerWords = 7
const headerEntries = 0
const headerArenaWords = 1
/** Level that is complete and in use, and the level that is being filled (the same, mostly). */
const headerLevel = 2
const headerTarget = 3
/** Taken by who inserts. */
const headerLock = 4
/** Those of the entries and of the words of keys that were not of somebody known. */
const headerUnknownEntries = 5
const headerUnknownWords = 6
/** Words of an entry: hash, arena position in words, key length in bytes, value. */
const entryWords = 4
const cellsMin = 4096
/** Entries gone over in a step of retain(): about a millisecond. */
const entriesPerStep = 16_384

function cellCounts(entriesMax: number): number[] {
  const counts = [cellsMin]
  while (counts.at(-1)! < entriesMax * 2) counts.push(counts.at(-1)! * 2)
  return counts
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)

/** Keys start at whole words. */
const arenaWords = (entriesMax: number, keyBytesMax: number): number =>
  Math.ceil(keyBytesMax / 4) + entriesMax

/** Bytes a table for so many takes. */
export function sharedTableBytes(entriesMax: number, keyBytesMax: number): number {
  if (!Number.isInteger(entriesMax) || entriesMax < 1 || entriesMax > entryMask) {
    throw new RangeError(`shared table: entries must be 1..${entryMask}, not ${entriesMax}`)
  }
  return (
    (headerWords +
      sum(cellCounts(entriesMax)) +
      entriesMax * entryWords +
      arenaWords(entriesMax, keyBytesMax)) *
    4
  )
}

/** Memory of its own for a table. */
export function createSharedTableMemory(entriesMax: number, keyBytesMax: number): SharedTableMemory {
  const memory = new SharedArrayBuffer(sharedTableBytes(entriesMax, keyBytesMax))
  return { entriesMax, keyBytesMax, memory, at: 0 }
}

/** Where the parts of a table begin: what the kernel looks keys up in. */
export function sharedTableParts({ entriesMax, at }: SharedTableMemory): {
  readonly cells: number
  readonly entries: number
  readonly keys: number
} {
  const cells = at + headerWords * 4
  const entries = cells + sum(cellCounts(entriesMax)) * 4
  return { cells, entries, keys: entries + entriesMax * entryWords * 4 }
}

/** Forgets every key. Only while nobody uses the table. */
export function clearSharedTable({ entriesMax, memory, at }: SharedTableMemory): void {
  const header = new Int32Array(memory, at, headerWords)
  const levels = Math.max(header[headerLevel]!, header[headerTarget]!) + 1
  new Int32Array(memory, at + headerWords * 4, sum(cellCounts(entriesMax).slice(0, levels))).fill(0)
  header.fill(0)
}

/** A thread's view. `ended` lists the threads that have ended (lock.ts); `hashBytes` is for tests that want collisions. */
export function openSharedTable(
  of: SharedTableMemory,
  ended: Int32Array,
  hashBytes: HashBytes = mix
): SharedTable {
  const { entriesMax, memory } = of
  const counts = cellCounts(entriesMax)
  const header = new Int32Array(memory, of.at, headerWords)
  const parts = sharedTableParts(of)
  let at = parts.cells
  const levels = counts.map(count => {
    const cells = new Int32Array(memory, at, count)
    at += count * 4
    return cells
  })
  const entries = new Int32Array(memory, parts.entries, entriesMax * entryWords)
  const arena = new Int32Array(memory, parts.keys, arenaWords(entriesMax, of.keyBytesMax))
  const lock = createLock(header, headerLock, ended)
  const unknownEntriesMax = Math.max(1, entriesMax >> 1)
  const unknownWordsMax = arena.length >> 1

  // The key in hand: bytes [keyFrom..keyTo) of the view, which is kept as long as the bytes are the same.
  let viewed = new Uint8Array(0)
  let view = new DataView(viewed.buffer)
  let keyFrom = 0
  let keyTo = 0

  /** Takes a key in hand and gives its hash. */
  const take = (bytes: Uint8Array, from: number, to: number): number => {
    if (bytes !== viewed) {
      viewed = bytes as Uint8Array<ArrayBuffer>
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) as DataView<ArrayBuffer>
    }
    keyFrom = from
    keyTo = to
    return hashBytes(view, from, to)
  }

  /** Whether an entry's key is the one in hand. */
  const equals = (entry: number): boolean => {
    const from = keyFrom
    const to = keyTo
    if (entries[entry + 2] !== to - from) return false
    const whole = to - 3
    const of = view
    let key = entries[entry + 1]! >>> 0
    let at = from
    for (; at < whole; at += 4) if (arena[key++] !== of.getInt32(at, true)) return false
    return at === to || arena[key] === lastWord(of, at, to)
  }

  const hasEntries = (isKnown: boolean): boolean =>
    Atomics.load(header, headerEntries) < entriesMax &&
    (isKnown || Atomics.load(header, headerUnknownEntries) < unknownEntriesMax)

  /** Writes a complete entry that no cell shows yet; its word position, or -1 when there is no room. Under the lock. */
  const prepare = (hash: number, make: () => number, isKnown: boolean): number => {
    const number = header[headerEntries]!
    const key = header[headerArenaWords]! >>> 0
    const words = (keyTo - keyFrom + 3) >>> 2
    const keyEnd = key + words
    if (!hasEntries(isKnown) || keyEnd > arena.length) return -1
    const unknownWords = header[headerUnknownWords]! >>> 0
    if (!isKnown && unknownWords + words > unknownWordsMax) return -1
    // The key in hand stays the same: what `make` looks up is in other tables.
    const value = make()
    // Nothing is used up for what cannot be made: it is asked for again by each of its records.
    if (value < 0) return -1
    let at = keyFrom
    for (let i = key; at < keyTo; i++, at += 4)
      arena[i] = at + 4 <= keyTo ? view.getInt32(at, true) : lastWord(view, at, keyTo)
    const entry = number * entryWords
    entries[entry] = hash
    entries[entry + 1] = key
    entries[entry + 2] = keyTo - keyFrom
    entries[entry + 3] = value
    // Before it is shown: whoever takes the lock from a dead thread does not write over it.
    Atomics.store(header, headerArenaWords, keyEnd)
    Atomics.store(header, headerEntries, number + 1)
    if (!isKnown) {
      header[headerUnknownEntries]!++
      header[headerUnknownWords] = unknownWords + words
    }
    return entry
  }

  /** Shows a complete entry on a level, unless it or an entry of the same key is there; the entry that is shown. */
  const show = (level: number, entry: number, isSame: (other: number) => boolean): number => {
    const cells = levels[level]!
    const mask = cells.length - 1
    const hash = entries[entry]!
    const tag = hash & ~entryMask
    const wanted = tag | (entry / entryWords + 1)
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const word = Atomics.compareExchange(cells, cell, 0, wanted)
      if (word === 0 || word === wanted) return entry
      if ((word & ~entryMask) !== tag) continue
      const other = ((word & entryMask) - 1) * entryWords
      if (entries[other] === hash && isSame(other)) return other
    }
  }
  const never = (): boolean => false

  /** Moves to the next level when the present one is half full. Whoever comes may do it, also together. */
  const grow = (): void => {
    const level = Atomics.load(header, headerLevel)
    const cells = levels[level]!
    if (level + 1 === levels.length || Atomics.load(header, headerEntries) * 2 <= cells.length) return
    // From here on who inserts shows the entry on both levels.
    Atomics.compareExchange(header, headerTarget, level, level + 1)
    for (let cell = 0; cell < cells.length; cell++) {
      const word = Atomics.load(cells, cell)
      if (word !== 0) show(level + 1, ((word & entryMask) - 1) * entryWords, never)
    }
    Atomics.compareExchange(header, headerLevel, level, level + 1)
  }

  const lookUp = (hash: number): number => {
    const cells = levels[header[headerLevel]!]!
    const mask = cells.length - 1
    const tag = hash & ~entryMask
    for (let cell = hash & mask; ; cell = (cell + 1) & mask) {
      const word = cells[cell]!
      if (word === 0) return absent
      if ((word & ~entryMask) !== tag) continue
      // What a cell shows is read through it, so it is complete even where the processor reorders reads.
      const entry = ((word & entryMask) - 1) * entryWords
      if (entries[entry] === hash && equals(entry)) return entries[entry + 3]!
    }
  }

  /** Inserts the key in hand, which was not there a moment ago. */
  const insertLocked = (hash: number, make: () => number, isKnown: boolean): number => {
    const known = lookUp(hash)
    if (known !== absent) return known
    grow()
    const prepared = prepare(hash, make, isKnown)
    if (prepared < 0) return tableFull
    let level = Atomics.load(header, headerLevel)
    let entry = show(level, prepared, equals)
    // Where a worker died while the table moved, the entry has to be on the next level too.
    while (level < Atomics.load(header, headerTarget)) entry = show(++level, prepared, equals)
    return entries[entry + 3]!
  }

  /**
   * Which entries a cell shows, a bit each. One that a thread wrote and had no time to show before it died may stand beside another of the same
   * key, which is the one that counts.
   */
  const shown = (): Uint8Array => {
    const bits = new Uint8Array((header[headerEntries]! >>> 3) + 1)
    for (const word of levels[header[headerLevel]!]!) {
      if (word === 0) continue
      const number = (word & entryMask) - 1
      bits[number >>> 3]! |= 1 << (number & 7)
    }
    return bits
  }

  /** Moves the entries that go on, and their keys, to where those are missing that do not: all lie densely again. */
  function* compact(keepingOf: (value: number) => Keeping): Generator<void, void> {
    const isShown = shown()
    const count = header[headerEntries]!
    let kept = 0
    let words = 0
    let unknown = 0
    let unknownWords = 0
    for (let number = 0; number < count; number++) {
      if (number % entriesPerStep === 0) yield
      const from = number * entryWords
      if (((isShown[number >>> 3]! >>> (number & 7)) & 1) === 0) continue
      const keeping = keepingOf(entries[from + 3]!)
      if (keeping === 'forget') continue
      const key = entries[from + 1]! >>> 0
      const keyWords = (entries[from + 2]! + 3) >>> 2
      // Mostly short; a call for each would take longer.
      if (key !== words) for (let i = 0; i < keyWords; i++) arena[words + i] = arena[key + i]!
      const to = kept++ * entryWords
      entries[to] = entries[from]!
      entries[to + 1] = words
      entries[to + 2] = entries[from + 2]!
      entries[to + 3] = entries[from + 3]!
      words += keyWords
      if (keeping === 'known') continue
      unknown++
      unknownWords += keyWords
    }
    header[headerEntries] = kept
    header[headerArenaWords] = words
    header[headerUnknownEntries] = unknown
    header[headerUnknownWords] = unknownWords
  }

  /** Shows all entries anew, on the smallest level that they fill by half at most. */
  function* showAll(): Generator<void, void> {
    const count = header[headerEntries]!
    const before = Math.max(header[headerLevel]!, header[headerTarget]!)
    for (let level = 0; level <= before; level++) {
      levels[level]!.fill(0)
      yield
    }
    const wanted = levels.findIndex(cells => count * 2 <= cells.length)
    const level = wanted < 0 ? levels.length - 1 : wanted
    header[headerLevel] = level
    header[headerTarget] = level
    for (let number = 0; number < count; number++) {
      if (number % entriesPerStep === 0) yield
      show(level, number * entryWords, never)
    }
  }

  return {
    find: (bytes, from, to) => lookUp(take(bytes, from, to)),
    *retain(keepingOf) {
      yield* compact(keepingOf)
      yield* showAll()
    },
    insert(bytes, from, to, make, isKnown = true) {
      const hash = take(bytes, from, to)
      const known = lookUp(hash)
      if (known !== absent) return known
      // Names without end do not make the others wait for the lock.
      if (!isKnown && !hasEntries(isKnown)) return tableFull
      return lock.hold(() => insertLocked(hash, make, isKnown))
    },
    size: () => Atomics.load(header, headerEntries),
    used: () =>
      Math.max(
        Atomics.load(header, headerEntries) / entriesMax,
        (Atomics.load(header, headerArenaWords) >>> 0) / arena.length
      ),
    usedByUnknown: () =>
      Math.max(
        Atomics.load(header, headerUnknownEntries) / unknownEntriesMax,
        (Atomics.load(header, headerUnknownWords) >>> 0) / unknownWordsMax
      )
  }
}

/** The one to three bytes that no whole word is left for, filled up with zeros. */
function lastWord(view: DataView, from: number, to: number): number {
  // What stands before them in the view is shifted out.
  if (to >= 4) return view.getInt32(to - 4, true) >>> (32 - 8 * (to - from))
  let word = 0
  for (let at = to - 1; at >= from; at--) word = (word << 8) | view.getUint8(at)
  return word
}

/** Multiply and shift a word at a time, in two lanes that do not wait for one another, then a full avalanche. */
function mix(view: DataView, from: number, to: number): number {
  let even = 0x9e3779b9 ^ (to - from)
  let odd = 0x7f4a7c15
  let at = from
  for (const pairs = to - 7; at < pairs; at += 8) {
    even = Math.imul(even ^ view.getInt32(at, true), 0x85ebca6b)
    even ^= even >>> 15
    odd = Math.imul(odd ^ view.getInt32(at + 4, true), 0x85ebca6b)
    odd ^= odd >>> 15
  }
  if (at + 4 <= to) {
    even = Math.imul(even ^ view.getInt32(at, true), 0x85ebca6b)
    even ^= even >>> 15
    at += 4
  }
  if (at < to) odd ^= lastWord(view, at, to)
  let hash = Math.imul(odd, 0xc2b2ae35) ^ even
  hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f)
  return hash ^ (hash >>> 16)
}
