import type { Book } from './book.ts'
import { houseFit, type Reading } from './house.ts'
import type { Hits, Name } from './names.ts'
import { personsIn } from './persons.ts'
import {
  matchName,
  readRest,
  townCost,
  typeCost,
  type Query,
  type Street,
  type TownSaid
} from './street-match.ts'
import { tokensOf, type Token } from './tokens.ts'
import { roleNear, roleOf } from './words.ts'

/**
 * Which building is meant. Everything that was not said as the book has it costs something; a building is chosen when it
 * costs little and all others cost more by a margin. A nearer street that has no such house forbids all farther ones: a
 * house is never chosen in place of the one that was said.
 */
export interface Found {
  readonly outcome: 'chosen' | 'list' | 'no-house' | 'no-street' | 'not-understood'
  /** Addresses by number, best first. */
  readonly matches: readonly Candidate[]
  readonly chosen: Candidate | null
  readonly isLiteral: boolean
  readonly streets: readonly string[]
  /** Cost of the nearest street; Infinity when there is none. */
  readonly nearest: number
}

export interface Candidate {
  readonly at: number
  readonly cost: number
}

/** A word that costs more than this names no town: a slip or another form of it costs less. */
const townCostMax = 0.2
/** A street that costs more than this is only offered. */
const chosenStreetCostMax = 0.25
/** Every other building must cost so much more: where all was said as the book has it, and where something was not. */
export const marginLiteral = 0.05
export const marginOtherwise = 0.12
/** And another reading of "33/1", which is a corpus here and a flat there. */
const marginReading = 0.09
const inexactCost = 0.1
/** One typing error, as in names. */
const slipCost = 0.12

const namesMax = 60
const streetsMax = 400
const candidatesMax = 400
const housesListedMax = 60
const streetsNamedMax = 5
const offeredStreetCostMax = 0.75

interface StreetFound {
  readonly street: Street
  readonly cost: number
  readonly readings: readonly Reading[]
}

interface Scored extends Candidate {
  readonly street: StreetFound
  readonly kind: 'is' | 'more' | 'other'
  readonly isSure: boolean
  readonly houseCost: number
}

const nothing: Found = {
  outcome: 'not-understood',
  matches: [],
  chosen: null,
  isLiteral: true,
  streets: [],
  nearest: Infinity
}

export function choose(book: Book, written: readonly Token[]): Found {
  const tokens = withNearRoles(book, written)
  const query = queryOf(book, tokens)
  const streets = streetsFor(book, query)
  const nearest = streets[0]?.cost
  if (nearest === undefined) return nothing
  const scored: Scored[] = []
  for (const street of streets) {
    if (scored.length >= candidatesMax) break
    scored.push(...housesOf(book, street))
  }
  scored.sort((a, b) => a.cost - b.cost || byAddress(book, a.at, b.at))
  const chosen = chosenOf(book, scored, streets)
  const streetText = ({ street }: StreetFound): string => placeText(book, street)
  const named = (list: readonly StreetFound[]): string[] =>
    [...new Set(list.map(streetText))].slice(0, streetsNamedMax)
  const base = { nearest, isLiteral: true, chosen: null }
  if (chosen !== null) {
    const isLiteral = chosen.street.cost < 0.015 && chosen.houseCost === 0
    return {
      outcome: 'chosen',
      matches: [chosen, ...scored.filter(one => one !== chosen)],
      chosen,
      nearest,
      isLiteral,
      streets: []
    }
  }
  if (nearest > chosenStreetCostMax)
    return { outcome: 'no-street', matches: scored, streets: named(streets), ...base }
  const near = streets.filter(({ cost }) => cost <= nearest + marginLiteral)
  const isThere = scored.some(({ kind, street }) => kind !== 'other' && street.cost <= chosenStreetCostMax)
  if (isThere) return { outcome: 'list', matches: scored, streets: [], ...base }
  return {
    outcome: 'no-house',
    matches: [...scored, ...neighbours(book, near, scored)],
    streets: named(near),
    ...base
  }
}

const gluedKind = /^(улица|ул|проспект|пер|переулок|пл|мкр|микрорайон|бульвар)([а-я]{4,})$/

/** Kinds and marks that are misspelled, or in Latin letters, unless the book has such a name. */
function withNearRoles(book: Book, tokens: readonly Token[]): readonly Token[] {
  return tokens.flatMap(token => {
    if (token.isNumber || token.role !== undefined || token.text.length < 4) return token
    if (book.words.has(token.text) || book.placeWords.has(token.text)) return token
    // "улкирова": the kind and the name without a space.
    const [, kind, name] = gluedKind.exec(token.text) ?? []
    if (kind !== undefined && name !== undefined && book.words.get(name) !== undefined)
      return [
        { ...token, text: kind, role: roleOf(kind) },
        { ...token, text: name, before: ' ' }
      ]
    const near = roleNear(token.text, token.sounds)
    if (near === undefined) return token
    // "Нижняя Наббережная": a kind that is a name as well.
    const isName = book.words.has(near.form)
    return { ...token, role: near.role, ...(isName ? { text: near.form, isSlip: true as const } : {}) }
  })
}

function queryOf(book: Book, tokens: readonly Token[]): Query {
  const none: Hits = new Map()
  let lastWord = -1
  for (const [at, token] of tokens.entries()) if (!token.isNumber && token.text.length > 1) lastWord = at
  const isTyping = tokens.every((token, at) => !token.isNumber || at < lastWord)
  const hits = tokens.map((token, at) => {
    if (token.isNumber || token.text.length < 2) return none
    const { role } = token
    if (role !== undefined && role.isTitle !== true && role.isThing !== true && !book.words.has(token.text))
      return none
    const found = book.words.find(token, isTyping && at === lastWord)
    return token.isSlip === true ? new Map([...found].map(([word, cost]) => [word, cost + slipCost])) : found
  })
  const towns: TownSaid[] = []
  const areas: TownSaid[] = []
  const persons = personsIn(tokens)
  let hasNumber = false
  for (const [at, token] of tokens.entries()) {
    if (token.isNumber) {
      hasNumber ||= token.text.length < 6
      continue
    }
    if (persons[at] !== 0 || token.text.length < 3) continue
    if (token.role !== undefined && !book.placeWords.has(token.text)) continue
    const isMarked =
      tokens[at - 1]?.role?.isTown === true ||
      tokens[at - 1]?.text === 'в' ||
      tokens[at + 1]?.role?.isTown === true
    // Behind a number an unmarked word is rather somebody's name, unless it is the town to the letter, and alone:
    // "10 Ленина, Заречный".
    const isOthers = hasNumber && !isMarked
    if (isOthers && tokens[at - 1]?.role?.isThing === true) continue
    for (const [word, cost] of book.placeWords.find(token, false)) {
      if (isOthers && cost > (token.sounds === '' ? 0 : 0.02)) continue
      // Another kind of word of the same stem is none: "Энская обл." does not name Энск.
      if (
        cost > townCostMax ||
        (cost > 0.09 && cost < 0.11) ||
        cost === 0.15 ||
        tokens[at + 1]?.role?.isRegion === true
      )
        continue
      for (const place of book.placesOfWord(word)) {
        const said = placeAt(place.words, word, at, tokens, book)
        if (said === null) continue
        const list = place.kind === 'town' ? towns : areas
        list.push({ town: place.text, tokens: said })
      }
    }
  }
  return { tokens, hits, towns, areas, persons }
}

/**
 * Whether a text is the name of a town of the book, with or without its mark: "Заречный", "г. Заречный"; with `isLoose` also one that is
 * misspelled.
 */
export function isTownOf(book: Book, text: string, isLoose = false): boolean {
  const all = tokensOf(text)
  const unmarked = all.filter(({ role }) => role?.isTown !== true)
  return [all, unmarked].some(tokens =>
    [...(tokens[0] === undefined ? [] : book.placeWords.find(tokens[0], false))].some(
      ([word, cost]) =>
        cost <= (isLoose ? townCostMax : 0.02) &&
        book
          .placesOfWord(word)
          .some(
            ({ words }) => words.length === tokens.length && placeAt(words, word, 0, tokens, book) !== null
          )
    )
  )
}

/** The tokens of a place's name around the one that was found, or null. */
function placeAt(
  words: readonly number[],
  word: number,
  at: number,
  tokens: readonly Token[],
  book: Book
): number[] | null {
  const offset = words.indexOf(word)
  const said: number[] = []
  for (const [i, wanted] of words.entries()) {
    const place = at - offset + i
    const token = tokens[place]
    if (token === undefined) return null
    const cost =
      place === at
        ? 0
        : token.text === book.placeWords.word(wanted).text
          ? 0
          : (book.placeWords.find(token, false).get(wanted) ?? 1)
    if (cost > townCostMax) return null
    said.push(place)
  }
  return said
}

function streetsFor(book: Book, query: Query): StreetFound[] {
  const near = new Map<Name, number>()
  for (const hits of query.hits) {
    for (const [word, cost] of hits) {
      const { kind } = book.words.word(word)
      const names = book.namesOfWord(word)
      for (const name of names) {
        // A name shares its rank or size with many others: what else it has must be there, too.
        if (kind !== 'plain' && names.length > 20 && name.words.length > 1) continue
        near.set(name, Math.min(near.get(name) ?? Infinity, cost))
      }
    }
  }
  for (const token of query.tokens) {
    if (!token.isNumber || token.text.length > 3) continue
    const word = book.words.get(token.text)
    if (word === undefined) continue
    for (const name of book.namesOfWord(word.id))
      if (name.words.every(({ kind }) => kind === 'number' || kind === 'initial')) near.set(name, 0)
  }
  const names = [...near].sort((a, b) => a[1] - b[1]).slice(0, namesMax)
  const found: StreetFound[] = []
  for (const [name] of names) {
    const match = matchName(name, query)
    if (match === null || match.cost > offeredStreetCostMax) continue
    const rests = new Map<string, ReturnType<typeof readRest>>()
    for (const street of book.streetsOfName(name)) {
      if (found.length >= streetsMax) break
      const town = townCost(query, match, street, book)
      const cost = match.cost + typeCost(match, street) + town.cost
      if (cost > offeredStreetCostMax) continue
      const key = town.tokens.join(' ')
      let rest = rests.get(key)
      if (rest === undefined) rests.set(key, (rest = readRest(query, match, town.tokens, book.words)))
      if (cost + rest.cost <= offeredStreetCostMax)
        found.push({ street, cost: cost + rest.cost, readings: rest.readings })
    }
  }
  return found.sort((a, b) => a.cost - b.cost || a.street.index - b.street.index)
}

function housesOf(book: Book, found: StreetFound): Scored[] {
  const { street, readings } = found
  const addresses = book.addressesOf(street)
  const scored: Scored[] = []
  if (readings.length === 0) {
    for (const at of addresses.subarray(0, housesListedMax)) {
      // A place without house numbers is meant as it is written; else a street alone is no building.
      const isWhole = book.houseOf(at) === null
      const houseCost = isWhole ? 0 : 0.4
      scored.push({
        at,
        cost: found.cost + houseCost,
        street: found,
        kind: isWhole ? 'is' : 'more',
        isSure: isWhole,
        houseCost
      })
    }
    return scored
  }
  const number = Number(readings[0]!.house.number)
  for (
    let k = firstFrom(book, addresses, number);
    k < addresses.length && book.numberOf(addresses[k]!) === number;
    k++
  ) {
    const at = addresses[k]!
    const has = book.houseOf(at)
    if (has === null) continue
    let best: Scored | null = null
    for (const reading of readings) {
      const { cost, isSure } = reading
      const fit = houseFit(reading, has)
      const houseCost = cost + fit.cost
      const sure = isSure && fit.kind === 'is'
      if (
        best === null ||
        houseCost < best.houseCost ||
        (sure && !best.isSure && houseCost <= best.houseCost)
      )
        best = { at, cost: found.cost + houseCost, street: found, kind: fit.kind, isSure: sure, houseCost }
    }
    if (best !== null) scored.push(best)
  }
  return scored
}

function firstFrom(book: Book, addresses: Int32Array, number: number): number {
  let low = 0
  let high = addresses.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (book.numberOf(addresses[middle]!) < number) low = middle + 1
    else high = middle
  }
  return low
}

function chosenOf(book: Book, scored: readonly Scored[], streets: readonly StreetFound[]): Scored | null {
  const best = scored[0]
  if (best === undefined || !best.isSure || best.street.cost > chosenStreetCostMax) return null
  const node = book.nodeOf(best.at)
  for (const other of scored) {
    if (other.cost >= best.cost + marginOtherwise) break
    // What was misspelled of one name was misspelled of all streets that bear it.
    const isSameName = other.street.street.name === best.street.street.name
    const isOtherReading = best.houseCost > 0 && other.kind === 'is' && other.houseCost > best.houseCost
    const margin =
      best.cost >= inexactCost && !isSameName
        ? marginOtherwise
        : isOtherReading
          ? marginReading
          : marginLiteral
    if (other.cost < best.cost + margin && book.nodeOf(other.at) !== node) return null
  }
  for (const other of streets) {
    const isNearer = other.cost < best.street.cost - 1e-6
    const isAsNear =
      best.street.cost >= inexactCost &&
      other.cost <= best.street.cost + 0.02 &&
      !isSameWord(other.street.name, best.street.street.name)
    if (!isNearer && !isAsNear) continue
    // It has no such house, else the house would have been compared above.
    if (!scored.some(({ street, kind }) => street === other && kind === 'is')) return null
  }
  return best
}

/** "Садовая" and "Садовый": what was misspelled of one was misspelled of the other. */
const isSameWord = (a: Name, b: Name): boolean =>
  a === b ||
  (a.words.length === b.words.length &&
    a.words.every(({ shape }, i) => shape.isAdjective && shape.stem === b.words[i]!.shape.stem))

/** Houses of the streets nearest to the number that they do not have. */
function neighbours(book: Book, streets: readonly StreetFound[], scored: readonly Scored[]): Candidate[] {
  const listed = new Set(scored.map(({ at }) => at))
  const found: { at: number; apart: number }[] = []
  for (const { street, readings } of streets) {
    const number = Number(readings[0]?.house.number ?? 0)
    const addresses = book.addressesOf(street)
    const middle = firstFrom(book, addresses, number)
    for (const at of addresses.subarray(Math.max(0, middle - 5), middle + 5)) {
      if (!listed.has(at)) found.push({ at, apart: Math.abs(book.numberOf(at) - number) })
    }
  }
  return found
    .sort((a, b) => a.apart - b.apart || a.at - b.at)
    .slice(0, 10)
    .map(({ at }) => ({ at, cost: 0.6 }))
}

/** The street as the book writes it: an address of it without the house. */
function placeText(book: Book, street: Street): string {
  const at = book.addressesOf(street)[0]
  if (at === undefined) return street.name.text
  const text = book.addressText(at)
  const number = book.houseOf(at)?.number ?? ''
  if (number === '') return text
  const house = new RegExp(
    `[, ]+(?:(?:дом|д|вл|владение|уч|участок|корп|корпус|литер)[. ]*)?№? *${number}(?!\\d)`,
    'gi'
  )
  // Behind the name: "ул. 8 Марта, 8" has its number twice.
  const isBehind = (head: string): boolean => {
    const said = new Set(tokensOf(head).map(token => token.text))
    return street.isVillage || street.name.words.every(word => said.has(word.text))
  }
  for (const { index } of text.matchAll(house)) {
    const head = text.slice(0, index)
    if (isBehind(head)) return head
  }
  return text.slice(0, Math.max(0, text.lastIndexOf(number))).trim()
}

function byAddress(book: Book, a: number, b: number): number {
  const numbers = book.numberOf(a) - book.numberOf(b)
  if (numbers !== 0) return numbers
  const [x, y] = [book.addressText(a), book.addressText(b)]
  return x === y ? a - b : x < y ? -1 : 1
}
