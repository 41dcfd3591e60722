/**
 * A set of the numbers 0 … size - 1. How many there are is kept for each block of them, so that the next one is found, and those
 * of a range are counted, in about a microsecond in a million.
 */
export interface NumberSet {
  add(at: number): void
  remove(at: number): void
  /** The first one from `from` on and before `end`, or -1. */
  next(from: number, end: number): number
  /** How many there are from `from` on and before `end`. */
  count(from: number, end: number): number
}

const wordsPerBlock = 128
const blockBits = wordsPerBlock * 32

export function createNumberSet(size: number): NumberSet {
  const words = new Uint32Array(Math.ceil(size / 32) + 1)
  const inBlock = new Int32Array(Math.ceil(size / blockBits) + 1)
  /** Bits of a word from the bit `from` on. */
  const masked = (word: number, from: number): number => (words[word]! & (-1 << (from & 31))) >>> 0
  return {
    add(at) {
      const bit = 1 << (at & 31)
      if ((words[at >>> 5]! & bit) !== 0) return
      words[at >>> 5]! |= bit
      inBlock[Math.floor(at / blockBits)]!++
    },
    remove(at) {
      const bit = 1 << (at & 31)
      if ((words[at >>> 5]! & bit) === 0) return
      words[at >>> 5]! &= ~bit
      inBlock[Math.floor(at / blockBits)]!--
    },
    next(from, end) {
      if (from >= end) return -1
      const lastWord = (end - 1) >>> 5
      let word = from >>> 5
      let bits = masked(word, from)
      while (bits === 0) {
        word++
        while (word % wordsPerBlock === 0 && word <= lastWord && inBlock[word / wordsPerBlock] === 0)
          word += wordsPerBlock
        if (word > lastWord) return -1
        bits = words[word]!
      }
      const at = word * 32 + 31 - Math.clz32(bits & -bits)
      return at < end ? at : -1
    },
    count(from, end) {
      if (from >= end) return 0
      const lastWord = end >>> 5
      let word = from >>> 5
      let total = bitsIn(masked(word, from))
      for (word++; word <= lastWord;) {
        if (word % wordsPerBlock === 0 && word + wordsPerBlock <= lastWord) {
          total += inBlock[word / wordsPerBlock]!
          word += wordsPerBlock
        } else total += bitsIn(words[word++]!)
      }
      // The last word was counted whole: what lies behind the end is taken off, also where it is the first word.
      return total - bitsIn(masked(lastWord, end))
    }
  }
}

function bitsIn(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
