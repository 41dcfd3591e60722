/** What a Russian word may be a form of: its stem, and which genders its ending allows. */
export interface Shape {
  readonly stem: string
  readonly isAdjective: boolean
  /** Bits: 1 feminine, 2 masculine or neuter, 4 plural. */
  readonly genders: number
  /** As on a sign: "Садовая", "Лесной", "Новое". */
  readonly isNominative: boolean
}

const endings: readonly (readonly [string, number, boolean])[] = [
  ['ыми', 4, false],
  ['ими', 4, false],
  ['ого', 2, false],
  ['его', 2, false],
  ['ому', 2, false],
  ['ему', 2, false],
  ['ая', 1, true],
  ['яя', 1, true],
  ['ую', 1, false],
  ['юю', 1, false],
  ['ой', 3, true],
  ['ей', 1, false],
  ['ый', 2, true],
  ['ий', 2, true],
  ['ое', 2, true],
  ['ее', 2, true],
  ['ым', 2, false],
  ['им', 2, false],
  ['ом', 2, false],
  ['ем', 2, false],
  ['ые', 4, true],
  ['ие', 4, true],
  ['ых', 4, false],
  ['их', 4, false]
]
const nounEnding = /(?:ах|ях|ами|ями|[аяуюеыиоьй])$/

export function shapeOf(word: string): Shape {
  for (const [ending, genders, isNominative] of endings) {
    if (word.length >= ending.length + 3 && word.endsWith(ending))
      return { stem: word.slice(0, -ending.length), isAdjective: true, genders, isNominative }
  }
  const stem = word.replace(nounEnding, '')
  return { stem: stem.length >= 3 ? stem : word, isAdjective: false, genders: 7, isNominative: true }
}

/** How far a form of the same stem is from a word of the book: 0 the same, up to 0.15 for another gender. */
export function formCost(asked: string, a: Shape, has: string, b: Shape): number {
  if (asked === has) return 0
  if (a.isAdjective && b.isAdjective) return (a.genders & b.genders) === 0 ? 0.15 : 0.01
  if (!a.isAdjective && !b.isAdjective) return 0.03
  // "Победой", "Сосновкой": the ending of an adjective on a noun.
  return a.isAdjective && !a.isNominative ? 0.04 : 0.1
}

/** Keys that lie beside each other, and sounds that are written one for the other. */
const near = new Set<string>()
const rows = ['йцукенгшщзхъ', 'фывапролджэ', 'ячсмитьбю']
for (const [r, row] of rows.entries()) {
  for (const [i, letter] of [...row].entries()) {
    const below = rows[r + 1] ?? ''
    for (const other of [row[i + 1], below[i], below[i - 1]]) {
      if (other !== undefined) {
        near.add(letter + other)
        near.add(other + letter)
      }
    }
  }
}
for (const pair of 'ао еи иы еэ ую ая тд сз шщ ьъ ий йы'.split(' ')) {
  near.add(pair)
  near.add([...pair].reverse().join(''))
}

const row0 = new Uint8Array(64)
const row1 = new Uint8Array(64)
const row2 = new Uint8Array(64)

/** Damerau's distance, at most `max`; beyond it, max + 1. */
export function distance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max || a.length > 60 || b.length > 60) return max + 1
  let older = row0
  let last = row1
  let current = row2
  for (let j = 0; j <= b.length; j++) last[j] = j
  for (let i = 1; i <= a.length; i++) {
    current[0] = i
    let best = i
    const ca = a.charCodeAt(i - 1)
    for (let j = 1; j <= b.length; j++) {
      const cb = b.charCodeAt(j - 1)
      let d = Math.min(last[j]! + 1, current[j - 1]! + 1, last[j - 1]! + (ca === cb ? 0 : 1))
      if (i > 1 && j > 1 && ca === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === cb)
        d = Math.min(d, older[j - 2]! + 1)
      current[j] = d
      if (d < best) best = d
    }
    if (best > max) return max + 1
    const spare = older
    older = last
    last = current
    current = spare
  }
  return last[b.length]!
}

/** Whether the two differ by one replaced letter that neither key nor sound explains. */
export function isStrange(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let differing = 0
  let strange = false
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue
    differing++
    strange = !near.has(`${a[i] ?? ''}${b[i] ?? ''}`)
  }
  return differing === 1 && strange
}
