import { isWellKnown } from './well-known.ts'
import { distance, formCost, isStrange, shapeOf, type Shape } from './spelling.ts'
import { soundsOf } from './transliteration.ts'
import { isSize, roleOf } from './words.ts'
import type { Token } from './tokens.ts'

/** The different words of all names of the book, found by form, by sound and by a slip of the fingers. */

export interface Word {
  readonly id: number
  readonly text: string
  readonly shape: Shape
  readonly kind: 'number' | 'initial' | 'size' | 'title' | 'plain'
}

/** Words of the book that a token may stand for, with the cost of taking it for them. */
export type Hits = ReadonlyMap<number, number>

/** At and above this a word is only offered, never taken for the one that is meant. */
export const offeredCost = 0.3
const similarMax = 40
const hitsMax = 30

export interface WordTable {
  add(text: string): Word
  word(id: number): Word
  get(text: string): Word | undefined
  /** Finds the words for a token; with `asPrefix` also those that only begin so. */
  find(token: Token, asPrefix: boolean): Hits
  /** Whether the book has this very word, in whatever form. */
  has(text: string): boolean
}

export function createWordTable(): WordTable {
  const words: Word[] = []
  const byText = new Map<string, Word>()
  const byStem = new Map<string, Word[]>()
  const bySounds = new Map<string, Word[]>()
  const byPair = new Map<string, number[]>()
  let prefixes: Word[] | null = null
  let shared = new Uint8Array(0)

  const append = <K, V>(map: Map<K, V[]>, key: K, value: V): void => {
    const list = map.get(key)
    if (list === undefined) map.set(key, [value])
    else list.push(value)
  }

  const kindOf = (text: string): Word['kind'] => {
    if (/^\d/.test(text)) return 'number'
    if (text.length === 1) return 'initial'
    if (isSize(text)) return 'size'
    return roleOf(text)?.isTitle === true ? 'title' : 'plain'
  }

  const add = (text: string): Word => {
    const known = byText.get(text)
    if (known !== undefined) return known
    const word: Word = { id: words.length, text, shape: shapeOf(text), kind: kindOf(text) }
    words.push(word)
    byText.set(text, word)
    prefixes = null
    if (word.kind === 'number' || word.kind === 'initial') return word
    append(byStem, word.shape.stem, word)
    append(bySounds, soundsOf(text), word)
    for (const pair of pairsOf(word.shape.stem)) append(byPair, pair, word.id)
    return word
  }

  const similar = (text: string): number[] => {
    if (shared.length < words.length) shared = new Uint8Array(words.length + 1024)
    const touched: number[] = []
    const { stem } = shapeOf(text)
    for (const pair of pairsOf(stem)) {
      for (const id of byPair.get(pair) ?? []) {
        if (shared[id]!++ === 0) touched.push(id)
      }
    }
    // Each slip costs two pairs at most; what shares fewer is further away than any slip.
    const least = Math.max(2, stem.length + 1 - (stem.length >= 7 ? 5 : 3))
    const near = touched.filter(id => shared[id]! >= least)
    const found = near.sort((a, b) => shared[b]! - shared[a]! || a - b).slice(0, similarMax)
    for (const id of touched) shared[id] = 0
    return found
  }

  const startingWith = (prefix: string): Word[] => {
    prefixes ??= words.filter(({ kind }) => kind !== 'number').sort((a, b) => (a.text < b.text ? -1 : 1))
    let low = 0
    let high = prefixes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (prefixes[middle]!.text < prefix) low = middle + 1
      else high = middle
    }
    const found: Word[] = []
    for (let at = low; at < prefixes.length && found.length < hitsMax; at++) {
      const word = prefixes[at]!
      if (!word.text.startsWith(prefix)) break
      found.push(word)
    }
    return found
  }

  return {
    add,
    word: id => words[id]!,
    get: text => byText.get(text),
    has: text => byText.has(text) || byStem.has(shapeOf(text).stem),
    find(token, asPrefix) {
      const hits = new Map<number, number>()
      const put = (id: number, cost: number): void => {
        if (cost < (hits.get(id) ?? Infinity)) hits.set(id, cost)
      }
      const { text, sounds } = token
      const shape = shapeOf(text)
      const exact = byText.get(text)
      if (exact !== undefined) put(exact.id, 0)
      for (const word of byStem.get(shape.stem) ?? [])
        put(word.id, formCost(text, shape, word.text, word.shape))
      if (sounds !== '') for (const word of bySounds.get(sounds) ?? []) put(word.id, 0.02)
      if (asPrefix && text.length >= 2)
        for (const word of startingWith(text)) put(word.id, offeredCost - 0.02)
      const isFound = [...hits.values()].some(cost => cost < 0.1)
      if (!isFound && text.length >= 4) {
        const isKnown = isWellKnown(text)
        for (const id of similar(text)) {
          const word = words[id]!
          const cost = slipCost(text, shape, word, isKnown, sounds)
          if (cost !== null) put(id, cost)
        }
      }
      if (hits.size <= hitsMax) return hits
      return new Map([...hits].sort((a, b) => a[1] - b[1]).slice(0, hitsMax))
    }
  }
}

/** null where it is no slip at all. */
function slipCost(text: string, shape: Shape, word: Word, isKnown: boolean, sounds: string): number | null {
  const isAlike = shape.isAdjective === word.shape.isAdjective && (shape.genders & word.shape.genders) !== 0
  const max = word.text.length >= 9 ? 3 : word.text.length >= 6 ? 2 : 1
  const whole = distance(text, word.text, max)
  let by = whole
  if (isAlike || whole > max) {
    const stems = distance(shape.stem, word.shape.stem, max)
    // A slip in a stem with another kind of ending is rather another word: "Комсомольцев", "Комсомольская".
    by = isAlike ? Math.min(whole, Math.max(1, stems)) : Math.max(2, stems)
  }
  if (sounds !== '') by = Math.min(by, distance(sounds, soundsOf(word.text), 2))
  if (by > max) return null
  const offered = offeredCost + 0.05 * by
  const isFirst = text[0] !== word.text[0] && !(text[0] === word.text[1] && text[1] === word.text[0])
  if (isKnown || isFirst || (word.kind !== 'plain' && word.text.length < 7)) return offered
  const { length } = word.text
  if (by <= 1) {
    if (length < 5 || word.shape.stem.length < 4) return offered
    if (length < 8 && (isStrange(text, word.text) || isStrange(shape.stem, word.shape.stem))) return offered
    return 0.12
  }
  // Two slips and another ending are rather another word: "Строительная", "Строителей".
  return by === 2 && whole <= 2 && length >= 9 && word.shape.stem.length >= 7 ? 0.2 : offered
}

function pairsOf(stem: string): Set<string> {
  const pairs = new Set<string>()
  const padded = `^${stem}$`
  for (let i = 0; i + 2 <= padded.length; i++) pairs.add(padded.slice(i, i + 2))
  return pairs
}

/** A street's name, shared by all streets that bear it. */
export interface Name {
  readonly id: number
  readonly words: readonly Word[]
  readonly text: string
}
