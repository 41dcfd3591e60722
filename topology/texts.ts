/**
 * Texts by the million: UTF-8 bytes in large blocks outside the garbage collector's reach, found again by a table of
 * numbers. A Cyrillic address costs two bytes a letter here, as it does in a string, but no header, no pointer
 * and no work for the collector.
 */

const blockBits = 18
const blockBytes = 1 << blockBits

/** Texts that are only ever added; each is known by where it stands, a number below 2 ** 32. */
export interface TextArena {
  add(text: string): number
  get(place: number): string
  /** Whether the bytes at this place are those of the text that `encode` was given last. */
  holds(place: number): boolean
  /** The same, where those at the place are first brought to lower case (as the text must be). */
  holdsInLowerCase(place: number): boolean
  /** Tells of a place whether the text there contains `part`, in whatever case either is written. Makes no strings of most texts. */
  search(part: string): (place: number) => boolean
  /** Takes a text to compare or hash; returns its hash (unsigned 32 bits). */
  encode(text: string): number
  /** Adds the text that stands at a place of another arena. */
  copy(from: TextArena, place: number): number
  /** The block in which the text at a place begins, `place` modulo its length. Not to be written. */
  block(place: number): Buffer<ArrayBuffer>
}

/** Shorter texts are copied faster byte by byte than by a call. */
const copiedByHandMax = 64
/** Two bytes of length stand before each text. */
const textBytesMax = 0xffff

export function createTextArena(): TextArena {
  const blocks: Buffer<ArrayBuffer>[] = []
  let free = blockBytes
  let scratch = Buffer.allocUnsafeSlow(2048)
  let length = 0
  let written = ''

  const write = (text: string): void => {
    written = text
    if (text.length * 3 > scratch.length) scratch = Buffer.allocUnsafeSlow(text.length * 3)
    for (length = 0; length < text.length; length++) {
      const unit = text.charCodeAt(length)
      if (unit > 0x7f) {
        length = scratch.write(text, 0, 'utf8')
        return
      }
      scratch[length] = unit
    }
  }

  const blockOf = (place: number): Buffer<ArrayBuffer> => {
    const block = blocks[Math.floor(place / blockBytes)]
    if (block === undefined) throw new RangeError(`no text stands at ${place}`)
    return block
  }

  const get = (place: number): string => {
    const block = blockOf(place)
    const at = place & (blockBytes - 1)
    return block.toString('utf8', at + 2, at + 2 + (block[at]! | (block[at + 1]! << 8)))
  }

  /** Adds a text that stands as bytes in `from`. */
  const put = (from: Buffer<ArrayBuffer>, start: number, bytes: number): number => {
    if (free + bytes + 2 > blockBytes) {
      blocks.push(Buffer.allocUnsafeSlow(blockBytes))
      free = 0
    }
    const block = blocks[blocks.length - 1]!
    const place = (blocks.length - 1) * blockBytes + free
    block[free] = bytes & 0xff
    block[free + 1] = bytes >> 8
    if (bytes > copiedByHandMax) from.copy(block, free + 2, start, start + bytes)
    else for (let i = 0; i < bytes; i++) block[free + 2 + i] = from[start + i]!
    free += bytes + 2
    return place
  }

  return {
    add(text) {
      write(text)
      if (length > textBytesMax)
        throw new RangeError(`a text of ${length} bytes is longer than ${textBytesMax}`)
      return put(scratch, 0, length)
    },
    copy(from, place) {
      const block = from.block(place)
      const at = place & (blockBytes - 1)
      return put(block, at + 2, block[at]! | (block[at + 1]! << 8))
    },
    block: blockOf,
    get,
    holds(place) {
      const block = blocks[Math.floor(place / blockBytes)]!
      const at = place & (blockBytes - 1)
      if ((block[at]! | (block[at + 1]! << 8)) !== length) return false
      for (let i = 0; i < length; i++) if (block[at + 2 + i] !== scratch[i]) return false
      return true
    },
    holdsInLowerCase(place) {
      const block = blocks[Math.floor(place / blockBytes)]!
      const at = place & (blockBytes - 1)
      const bytes = block[at]! | (block[at + 1]! << 8)
      for (let i = 0; i < bytes; i++) {
        const byte = block[at + 2 + i]!
        if (byte > 0x7f) return get(place).toLowerCase() === written
        if ((byte >= 65 && byte <= 90 ? byte + 32 : byte) !== scratch[i]) return false
      }
      return bytes === length
    },
    search(part) {
      const wanted = part.toLowerCase()
      const bytes = Buffer.from(wanted)
      const lower = new Uint8Array(textBytesMax)
      return place => {
        const block = blocks[Math.floor(place / blockBytes)]!
        const at = place & (blockBytes - 1)
        const size = block[at]! | (block[at + 1]! << 8)
        return lowerCaseOf(block, at + 2, size, lower)
          ? contains(lower, size, bytes)
          : get(place).toLowerCase().includes(wanted)
      }
    },
    encode(text) {
      write(text)
      return hashOf(scratch, length)
    }
  }
}

/**
 * Copies a text of Latin and Cyrillic letters in lower case, which takes as many bytes as it has; false for a text with others, about
 * which strings know more. In UTF-8, Cyrillic letters are D0 80 … D1 9F: А to П are D0 90 … 9F and а to п D0 B0 … BF, Р to Я are
 * D0 A0 … AF and р to я D1 80 … 8F, Ѐ to Џ (with Ё) are D0 80 … 8F and ѐ to џ D1 90 … 9F.
 */
function lowerCaseOf(from: Uint8Array, start: number, size: number, to: Uint8Array): boolean {
  for (let i = 0; i < size; i++) {
    const byte = from[start + i]!
    if (byte < 0x80) {
      to[i] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
      continue
    }
    const next = from[start + ++i]!
    if (byte === 0xd0 && next < 0xb0) {
      const row = next & 0xf0
      to[i - 1] = row === 0x90 ? 0xd0 : 0xd1
      to[i] = row === 0x80 ? next + 0x10 : row === 0x90 ? next + 0x20 : next - 0x20
    } else if (byte === 0xd0 || (byte === 0xd1 && next < 0xa0)) {
      to[i - 1] = byte
      to[i] = next
    } else return false
  }
  return true
}

function contains(text: Uint8Array, size: number, part: Uint8Array): boolean {
  const first = part[0]
  if (first === undefined) return true
  for (let at = 0; at <= size - part.length; at++) {
    if (text[at] !== first) continue
    let i = 1
    while (i < part.length && text[at + i] === part[i]) i++
    if (i === part.length) return true
  }
  return false
}

function hashOf(bytes: Uint8Array, length: number): number {
  let h = length ^ 0x811c9dc5
  for (let i = 0; i < length; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}

/** Finds numbers by hash: an open table of four bytes a slot, half full at most. */
export interface NumberTable {
  /** The number with this hash for which `same` says yes, or -1. */
  find(hash: number, same: (value: number) => boolean): number
  /** Adds a number that is not there. */
  add(hash: number, value: number): void
  /** Takes a number out, if it is there; `hashOf` must still tell the hashes of all others. */
  remove(hash: number, value: number): void
}

/** `hashOf` tells the hash of a number again when the table grows; `expected` numbers need no growing. */
export function createNumberTable(hashOf: (value: number) => number, expected = 512): NumberTable {
  let slots = new Int32Array(2 ** Math.max(10, Math.ceil(Math.log2(expected * 1.5 + 1))))
  let size = 0
  const put = (hash: number, value: number): void => {
    const mask = slots.length - 1
    let at = hash & mask
    while (slots[at] !== 0) at = (at + 1) & mask
    slots[at] = value + 1
  }
  return {
    find(hash, same) {
      const mask = slots.length - 1
      for (let at = hash & mask; slots[at] !== 0; at = (at + 1) & mask) {
        const value = slots[at]! - 1
        if (same(value)) return value
      }
      return -1
    },
    add(hash, value) {
      if (++size * 1.5 > slots.length) {
        const old = slots
        slots = new Int32Array(old.length * 2)
        for (const slot of old) if (slot !== 0) put(hashOf(slot - 1), slot - 1)
      }
      put(hash, value)
    },
    remove(hash, value) {
      const mask = slots.length - 1
      let gap = hash & mask
      while (slots[gap] !== value + 1) {
        if (slots[gap] === 0) return
        gap = (gap + 1) & mask
      }
      // Whoever stands behind the gap and would not be found over it moves into it.
      for (let at = (gap + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
        const home = hashOf(slots[at]! - 1) & mask
        if (((at - home) & mask) < ((at - gap) & mask)) continue
        slots[gap] = slots[at]!
        gap = at
      }
      slots[gap] = 0
      size--
    }
  }
}

/** Texts numbered from 0 in the order they came, each once. */
export interface TextSet {
  readonly size: number
  /** Number of the text; a new one when it was not there. */
  add(text: string): number
  /** Number of the text, or -1. */
  find(text: string): number
  get(number: number): string
  /** Where the text with this number stands in the arena. */
  place(number: number): number
}

export function createTextSet(arena: TextArena): TextSet {
  const places = createColumn(length => new Uint32Array(length))
  /** Kept, so that the table grows without reading every text again. */
  const hashes = createColumn(length => new Uint32Array(length))
  const table = createNumberTable(number => hashes.array[number]!)
  let asked = 0
  const same = (number: number): boolean =>
    hashes.array[number] === asked && arena.holds(places.array[number]!)
  const find = (text: string): number => {
    asked = arena.encode(text)
    return table.find(asked, same)
  }
  return {
    get size() {
      return places.size
    },
    add(text) {
      const known = find(text)
      if (known !== -1) return known
      const number = places.size
      places.push(arena.add(text))
      hashes.push(asked)
      table.add(asked, number)
      return number
    },
    find,
    get: number => arena.get(places.array[number]!),
    place: number => places.array[number]!
  }
}

type Numbers = Int32Array | Uint32Array | Uint8Array

/** Numbers that are only ever added. Room not used yet is never touched, so it takes no memory. */
export interface Column<A extends Numbers> {
  readonly array: A
  readonly size: number
  push(value: number): void
}

export function createColumn<A extends Numbers>(make: (length: number) => A): Column<A> {
  let array = make(1024)
  let size = 0
  return {
    get array() {
      return array
    },
    get size() {
      return size
    },
    push(value) {
      if (size === array.length) {
        const grown = make(size * 2)
        grown.set(array)
        array = grown
      }
      array[size++] = value
    }
  }
}

/** Few different values, many times: each is kept once and known by its number. */
export interface Pool<T> {
  /** `key` must tell different values apart. */
  add(key: string, make: () => T): number
  /** Number of the value with this key, or -1. */
  find(key: string): number
  get(number: number): T
}

export function createPool<T>(): Pool<T> {
  const values: T[] = []
  const numbers = new Map<string, number>()
  return {
    add(key, make) {
      let number = numbers.get(key)
      if (number === undefined) {
        number = values.push(make()) - 1
        numbers.set(key, number)
      }
      return number
    },
    find: key => numbers.get(key) ?? -1,
    get(number) {
      const value = values[number]
      if (value === undefined) throw new RangeError(`no value has the number ${number}`)
      return value
    }
  }
}

/** Texts that many have in common, each once and by a number, for as long as somebody has it. Numbers are used again. */
export interface CountedTexts {
  /** The number of a text, which so many more have from now on: one at least. */
  hold(text: string, count: number): number
  /** So many fewer have it; nobody any more, then its number may become another text's. */
  release(number: number, count: number): void
  /** Number of the text, or -1. */
  find(text: string): number
  get(number: number): string
}

export function createCountedTexts(): CountedTexts {
  const texts: string[] = []
  const counts: number[] = []
  const free: number[] = []
  const numbers = new Map<string, number>()
  return {
    hold(text, count) {
      let number = numbers.get(text)
      if (number === undefined) {
        number = free.pop() ?? texts.length
        numbers.set(text, number)
        texts[number] = text
        counts[number] = 0
      }
      counts[number]! += count
      return number
    },
    release(number, count) {
      const left = (counts[number] ?? 0) - count
      if (left < 0) throw new RangeError(`number ${number} is released more often than it was held`)
      counts[number] = left
      if (left > 0) return
      numbers.delete(texts[number]!)
      texts[number] = ''
      free.push(number)
    },
    find: text => numbers.get(text) ?? -1,
    get(number) {
      const text = counts[number] === undefined || counts[number] === 0 ? undefined : texts[number]
      if (text === undefined) throw new RangeError(`no text has the number ${number}`)
      return text
    }
  }
}
