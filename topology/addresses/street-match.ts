import { readHouse, type Reading } from './house.ts'
import type { Hits, Name, Word, WordTable } from './names.ts'
import type { Token } from './tokens.ts'
import { isLargeTown } from './well-known.ts'
import { areaTypes, isSize, shortened, weakTypes } from './words.ts'

/** How well what was said fits a name of the book, and what the rest of it says. */

export interface Street {
  readonly index: number
  readonly name: Name
  /** '' where the book leaves the town out. */
  readonly town: string
  readonly area: string
  readonly types: readonly string[]
  /** A village without streets: its name is the town's. */
  readonly isVillage: boolean
}

/** A place that the text names, by the tokens that say so. */
export interface TownSaid {
  readonly town: string
  readonly tokens: readonly number[]
}

export interface Query {
  readonly tokens: readonly Token[]
  /** By token; empty for numbers and for words that can be no name. */
  readonly hits: readonly Hits[]
  readonly towns: readonly TownSaid[]
  readonly areas: readonly TownSaid[]
  /** Tokens that name people: 1 each. */
  readonly persons: Uint8Array
}

/** A name found in the text. */
export interface NameMatch {
  readonly cost: number
  readonly used: Uint8Array
  readonly from: number
  readonly to: number
  /** Kinds of street said beside the name; empty for none. */
  readonly types: readonly string[]
  /** A letter before or behind the name that may stand for a kind of street. */
  readonly weak: string
}

const missing = { plain: 0.08, size: 0.1, title: 0.06, initial: 0.06, number: 0.32 } as const
const strangerCost = 0.3
const titleCost = 0.06

export function matchName(name: Name, query: Query): NameMatch | null {
  const { tokens, hits } = query
  const used = new Uint8Array(tokens.length)
  let cost = 0
  let from = tokens.length
  let to = 0
  let matched = 0
  const take = (at: number): void => {
    used[at] = 1
    from = Math.min(from, at)
    to = Math.max(to, at + 1)
    matched++
  }
  const plain = name.words.filter(({ kind }) => kind === 'plain' || kind === 'title' || kind === 'size')
  const lost: Word[] = []
  for (const word of [...plain].sort((a, b) => order(a) - order(b))) {
    let best = -1
    let least = Infinity
    for (let at = 0; at < tokens.length; at++) {
      if (used[at] !== 0) continue
      const hit = hits[at]!.get(word.id) ?? shorteningHit(word, tokens[at]!)
      if (hit === undefined) continue
      const apart = matched === 0 ? at * 1e-4 : Math.min(Math.abs(at - from), Math.abs(at - to + 1)) * 1e-3
      if (hit + apart < least) {
        least = hit + apart
        best = at
      }
    }
    if (best === -1) lost.push(word)
    else {
      cost += hits[best]!.get(word.id) ?? 0
      take(best)
    }
  }
  const isNumeric = plain.length === 0 && name.words.some(({ kind }) => kind === 'number')
  if (
    !isNumeric &&
    (matched === 0 ||
      plain
        .filter(word => !lost.includes(word))
        .every(({ kind }) => kind !== 'plain' && plain.some(other => other.kind === 'plain')))
  )
    return null
  // A first letter is as good as the word: "М. Горького", "Б. Садовая".
  for (const word of lost) {
    const at = initialFor(word.text[0] ?? '', tokens, used, from, to)
    if (at === -1) {
      const isLastSaid = word.kind === 'plain' && name.words.at(-1) === word
      cost += missing[word.kind] + (isLastSaid ? 0.15 : 0)
    } else take(at)
  }
  const initials = name.words.filter(({ kind }) => kind === 'initial')
  const joined =
    initials.length < 2 ? -1 : besideName(initials.map(({ text }) => text).join(''), tokens, from, to)
  if (joined !== -1) take(joined)
  for (const word of name.words) {
    if (word.kind === 'initial' && joined !== -1) continue
    if (word.kind === 'initial') {
      const at = initialFor(word.text, tokens, used, from, to, true)
      if (at === -1) cost += missing.initial
      else take(at)
    } else if (word.kind === 'number') {
      const at = isNumeric
        ? numericName(word.text, tokens, used)
        : numberBeside(word.text, tokens, used, from, to)
      if (at === -1) {
        if (isNumeric) return null
        cost += missing.number
      } else take(at)
    }
  }
  if (cost > 0.9) return null
  return { cost, used, from, to, ...typesBeside(tokens, used, from, to) }
}

/** "ПС" for "П. С.", before the name or behind it, with the kind of street between them. */
function besideName(text: string, tokens: readonly Token[], from: number, to: number): number {
  return [from - 2, from - 1, to, to + 1].find(at => tokens[at]?.text === text) ?? -1
}

const order = ({ kind }: Word): number => (kind === 'plain' ? 0 : 1)

/** "бол." for "Большая", "ак." for "Академика". */
function shorteningHit(word: Word, token: Token): number | undefined {
  const begin = shortened(token.text)
  return begin !== '' && word.text.startsWith(begin) ? 0 : undefined
}

/** A lone letter beside the name, or (where the book itself has the letter) a word that begins with it. */
function initialFor(
  letter: string,
  tokens: readonly Token[],
  used: Uint8Array,
  from: number,
  to: number,
  orWord = false
): number {
  const fits = (at: number): boolean => {
    const token = tokens[at]
    if (token === undefined || used[at] !== 0 || token.isNumber) return false
    return (
      token.text === letter ||
      (orWord && token.text.length > 2 && token.text.startsWith(letter) && token.role?.types === undefined)
    )
  }
  for (let at = from - 1; at >= 0 && at >= from - 3; at--) if (fits(at)) return at
  for (let at = to; at < tokens.length && at < to + 2; at++) {
    // Behind the name and before a number a letter may be the mark of the house.
    if (
      fits(at) &&
      !(
        tokens[at]!.text.length === 1 &&
        tokens[at + 1]?.isNumber === true &&
        tokens[at]!.role?.mark !== undefined
      )
    )
      return at
    if (tokens[at]!.isNumber) break
  }
  return -1
}

function numberBeside(
  text: string,
  tokens: readonly Token[],
  used: Uint8Array,
  from: number,
  to: number
): number {
  const fits = (at: number): boolean =>
    tokens[at]?.isNumber === true && used[at] === 0 && tokens[at].text === text
  for (let at = from - 1; at >= 0 && at >= from - 2; at--) {
    if (fits(at)) return at
    if (tokens[at]!.role?.types === undefined) break
  }
  if (fits(to) && (tokens[to]!.isOrdinal || hasNumber(tokens, used, to + 1))) return to
  if (tokens[to]?.role?.types !== undefined && fits(to + 1) && tokens[to + 1]!.isOrdinal) return to + 1
  for (let at = 0; at < tokens.length; at++) if (fits(at) && tokens[at]!.isOrdinal && at < from) return at
  return -1
}

const hasNumber = (tokens: readonly Token[], used: Uint8Array, from: number): boolean =>
  tokens.some((token, at) => at >= from && token.isNumber && used[at] === 0)

/** The number of a street that has no other name: beside its kind, or said as an ordinal. */
function numericName(text: string, tokens: readonly Token[], used: Uint8Array): number {
  let found = -1
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!
    if (!token.isNumber || used[at] !== 0 || token.text !== text) continue
    // "10а микрорайон": the letter belongs to the number.
    const isLettered = tokens[at + 1]?.text.length === 1 && /^[-]?$/.test(tokens[at + 1]!.before)
    const behind = tokens[at + (isLettered ? 2 : 1)]
    // Behind a comma the kind belongs to the next name: "36к2, улица Чапаева".
    const isBehind = behind?.role?.types !== undefined && behind.before !== ','
    const isBefore = tokens[at - 1]?.role?.types !== undefined
    if (token.isOrdinal && (isBehind || isBefore)) return at
    if (!isBehind && !isBefore) continue
    // "33 Есенина, кв. 7": a flat, unless a house follows.
    const isFlat = isBefore && tokens[at - 1]!.role!.mark === 'inside' && !hasNumber(tokens, used, at + 1)
    if (isFlat && !isBehind) continue
    // "3 мкр 12": what stands before is the name, unless it is the number of a house.
    const other = isBefore ? tokens[at - 2] : undefined
    if (
      isBefore &&
      other?.isNumber === true &&
      tokens[at - 3]?.role?.mark !== 'house' &&
      tokens[at - 1]!.before !== ','
    )
      continue
    if (isBehind && tokens[at - 1]?.role?.mark === 'house') continue
    if (found === -1) found = at
  }
  return found
}

function typesBeside(
  tokens: readonly Token[],
  used: Uint8Array,
  from: number,
  to: number
): { readonly types: readonly string[]; readonly weak: string } {
  const isType = (at: number): boolean => tokens[at]?.role?.types !== undefined && used[at] === 0
  let at = -1
  for (let k = from; k < to; k++) if (isType(k)) at = k
  if (at === -1) {
    let left = from - 1
    // Between the kind and the name: "ул. им. М. Горького", "ул. Академика Павлова", "улица 2-я Садовая".
    while (
      left >= 0 &&
      left > from - 5 &&
      !isType(left) &&
      isPassed(tokens[left]!) &&
      tokens[left + 1]!.before !== ','
    )
      left--
    if (left >= 0 && isType(left)) at = left
    // "кв. 14, Мира 5": a flat is no quarter.
    if (
      at !== -1 &&
      tokens[at]!.role?.mark === 'inside' &&
      tokens[at + 1]?.isNumber === true &&
      used[at + 1] === 0
    )
      at = -1
  }
  if (
    at === -1 &&
    isType(to) &&
    !(tokens[to]!.role?.mark === 'inside' && tokens[to + 1]?.isNumber === true)
  ) {
    // "Мира ул. Садовая 5": the kind behind belongs to the next name, unless a number comes.
    const next = tokens[to + 1]
    const isNextName =
      next !== undefined &&
      !next.isNumber &&
      next.text.length > 2 &&
      next.before !== ',' &&
      next.role === undefined
    if (!isNextName || tokens[to]!.before !== ',') at = to
  }
  if (at !== -1) {
    used[at] = 1
    return { types: tokens[at]!.role!.types!, weak: '' }
  }
  for (const k of [from - 1, to]) {
    const token = tokens[k]
    if (
      token === undefined ||
      used[k] !== 0 ||
      !weakTypes.has(token.text) ||
      tokens[k + 1]?.isNumber === true ||
      // "46б Белинского": the letter of the house.
      tokens[k - 1]?.isNumber === true ||
      (tokens[k - 1]?.role?.mark !== undefined && tokens[k - 1]!.text.length > 1)
    )
      continue
    return { types: [], weak: token.text }
  }
  return { types: [], weak: '' }
}

const isPassed = ({ text, isNumber, isOrdinal, role }: Token): boolean =>
  isOrdinal ||
  isNumber ||
  text.length === 1 ||
  role?.isTitle === true ||
  text === 'им' ||
  text === 'имени' ||
  isSize(text)

export interface Rest {
  readonly cost: number
  readonly readings: readonly Reading[]
}

export function typeCost(match: NameMatch, street: Street): number {
  if (street.isVillage)
    return match.types.length > 0 && !match.types.includes('территория') ? strangerCost : 0
  if (match.types.length === 0) {
    if (match.weak === '' || weakTypes.get(match.weak) === undefined) return 0
    return 0
  }
  if (street.types.length === 0) return match.types.includes('улица') ? 0 : 0.02
  return match.types.some(type => street.types.includes(type)) ? 0 : strangerCost
}

/** Which towns people leave out, and what it costs where they leave out another. */
export interface TownHabit {
  readonly isMainTown: (town: string) => boolean
  readonly otherTownCost: number
}

/** What is said of the town, for a street in `town`: its cost and the tokens that say it. */
export function townCost(
  query: Query,
  match: NameMatch,
  street: Street,
  { isMainTown, otherTownCost }: TownHabit
): { readonly cost: number; readonly tokens: readonly number[] } {
  const isFree = ({ tokens }: TownSaid): boolean => tokens.every(at => match.used[at] === 0)
  const said = query.towns.filter(isFree)
  const own = said.find(({ town }) => town === street.town || (isMainTown(town) && isMainTown(street.town)))
  let cost = 0
  if (street.isVillage) cost = said.some(({ town }) => town !== street.town && !isMainTown(town)) ? 0.2 : 0
  else if (own === undefined) {
    if (said.length > 0) cost = 0.35
    else if (!isMainTown(street.town)) cost = otherTownCost
  }
  const areas = query.areas.filter(isFree)
  const area = areas.find(({ town }) => town === street.area && town !== '')
  if (street.area !== '' && area === undefined) cost += 0.07
  return { cost, tokens: [...said, ...(area === undefined ? [] : [area])].flatMap(({ tokens }) => tokens) }
}

/** What stands beside the name, the kind and the town: the house, and words that belong to nothing. */
export function readRest(
  query: Query,
  match: NameMatch,
  townTokens: readonly number[],
  words: WordTable
): Rest {
  const { tokens } = query
  const used = match.used.slice()
  for (const at of townTokens) used[at] = 1
  const weakAt =
    match.weak === '' ? -1 : ([match.from - 1, match.to].find(at => tokens[at]?.text === match.weak) ?? -1)
  if (weakAt !== -1 && weakAt < match.from) used[weakAt] = 1
  const house = readHouse(tokens, used, match.from, match.to)
  let cost = 0
  for (const at of house.strays) cost += isBesideArea(tokens, used, at) ? 0.02 : strangerCost
  const isExplained = explained(query, used)
  let isInitialPaid = false
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!
    if (token.isNumber || used[at] !== 0 || house.consumed[at] !== 0 || isExplained[at] !== 0) continue
    // Where the house was said first, what stands between it and the name belongs to the name: "53 Большая Садовая".
    const isBehind = house.at < match.from ? at > match.to : at > house.at
    const { role, text } = token
    if (namesOtherTown(tokens, used, at) || (isBehind && isOtherTown(tokens, at))) cost += strangerCost
    if (text.length === 1) {
      const isBeside = at === match.from - 1 || at === match.from - 2 || (at === match.to && house.at > at)
      if (isBeside && role?.isTown !== true && role?.isNoise !== true && !isBehind && !isInitialPaid) {
        cost += titleCost
        isInitialPaid = true
      }
      continue
    }
    if (role?.types !== undefined) {
      const isArea = role.types.every(type => areaTypes.has(type)) || role.mark === 'inside'
      if (isArea) cost += 0.02
      else if (!isBehind) cost += strangerCost
      else if (isName(tokens[at + 1], words)) cost += strangerCost
      continue
    }
    if (role?.isTitle === true) {
      if (!isBehind) cost += titleCost
      continue
    }
    if (isBehind || role?.isNoise === true || role?.mark !== undefined) continue
    if (role?.isTown === true) {
      const next = tokens[at + 1]
      if (next !== undefined && !next.isNumber && used[at + 1] === 0) cost += 0.05
      continue
    }
    cost += strangerCost
  }
  return { cost, readings: house.readings }
}

/** "Ленина 5, г. Тверь": a town by its mark, and none of the book's, or its name would be used up. */
function namesOtherTown(tokens: readonly Token[], used: Uint8Array, at: number): boolean {
  const mark = tokens[at]!
  const name = tokens[at + 1]
  if (mark.role?.isTown !== true || name === undefined || used[at + 1] !== 0) return false
  if (name.isNumber || name.text.length < 3 || name.role !== undefined || name.before === ',') return false
  // One letter may be anything: the mark of a town is set off, or has its point.
  return mark.text.length > 1 || mark.before === ',' || name.before === '.'
}

/** "Ленина 5 Тверь": a large town without its mark, which is none of the book's either; with an initial behind it, somebody's name. */
const isOtherTown = (tokens: readonly Token[], at: number): boolean =>
  isLargeTown(tokens[at]!.text) && tokens[at + 1]?.text.length !== 1

const isName = (token: Token | undefined, words: WordTable): boolean =>
  token !== undefined && !token.isNumber && token.text.length > 2 && words.has(token.text)

function isBesideArea(tokens: readonly Token[], used: Uint8Array, at: number): boolean {
  return [at - 1, at + 1].some(
    k => used[k] === 0 && (tokens[k]?.role?.types?.every(type => areaTypes.has(type)) ?? false)
  )
}

/** Words that regions, districts and things in the house take with them: "Энская обл.", "маг. Ромашка". */
function explained({ tokens, persons }: Query, used: Uint8Array): Uint8Array {
  const found = persons.slice()
  const isLoose = (at: number): boolean =>
    tokens[at] !== undefined && used[at] === 0 && !tokens[at].isNumber && tokens[at].role?.types === undefined
  for (let at = 0; at < tokens.length; at++) {
    const role = tokens[at]!.role
    if (used[at] !== 0 || role === undefined) continue
    if (role.isRegion === true) {
      found[at] = 1
      if (isLoose(at - 1) && tokens[at]!.before !== ',') found[at - 1] = 1
      else if (isLoose(at + 1) && tokens[at + 1]!.before !== ',') found[at + 1] = 1
    } else if (role.isThing === true) {
      found[at] = 1
      for (let k = at + 1; isLoose(k) && tokens[k]!.before !== ','; k++) found[k] = 1
    } else if (role.types?.every(type => areaTypes.has(type)) === true && role.mark === undefined) {
      if (isLoose(at + 1) && tokens[at + 1]!.before !== ',') found[at + 1] = 1
      else if (isLoose(at - 1) && tokens[at]!.before !== ',') found[at - 1] = 1
    }
  }
  return found
}
