import { readHouse, type House } from './house.ts'
import { tokensOf, type Token } from './tokens.ts'
import { areaTypes, weakTypes } from './words.ts'

/** Reads addresses of the book, which are written to be read: town, street, house, in parts. */

export interface Place {
  /** '' for the home town where the book leaves it out. */
  readonly town: string
  /** District or block that holds the street, '' where none is written. */
  readonly area: string
  /** Canonical kinds of street; two where `пр` may be either; empty for none and for a village without streets. */
  readonly types: readonly string[]
  /** Numbers first, then words and initials; empty for a village without streets. */
  readonly words: readonly string[]
}

export interface Entry {
  readonly place: Place
  readonly house: House | null
}

const isWord = (token: Token): boolean => !token.isNumber && token.text.length > 1

/** A number, a letter, a mark: what may stand in a house. */
const isHousePart = (token: Token): boolean =>
  token.isNumber ||
  token.text.length === 1 ||
  (token.role?.mark !== undefined && token.role.isTown === undefined)

function isPartMark({ role, text }: Token): boolean {
  const mark = role?.mark
  return mark !== undefined && mark !== 'inside' && mark !== 'tail' && text.length > 1
}

/** Where the house begins, or the end of the tokens. */
function houseStart(tokens: readonly Token[]): number {
  for (let at = 1; at < tokens.length; at++) {
    const { role, text } = tokens[at]!
    const isNumbered = tokens[at + 1]?.isNumber === true
    const mark = role?.mark
    if (!isNumbered || mark === undefined) continue
    const isDoor = mark === 'house' || mark === 'ownership' || mark === 'plot'
    if (isDoor && (text.length > 1 || tokens[at]!.before !== '')) return at
  }
  for (let at = 1; at < tokens.length; at++) {
    const token = tokens[at]!
    const isMark = isPartMark(token) && tokens[at + 1]?.isNumber === true
    if (!(token.isNumber && !token.isOrdinal) && !isMark) continue
    if (
      !tokens
        .slice(at)
        .every(
          (part, k) =>
            isHousePart(part) &&
            (k === 0 ||
              part.role?.types === undefined ||
              part.text.length === 1 ||
              part.role.mark !== undefined)
        )
    )
      continue
    if (token.isNumber && isNameOfType(tokens, at)) continue
    // "мкр 3" alone has a name of its number; "мкр 3, 12" has a house too.
    if (tokens.slice(0, at).some(part => isNameLike(part))) return at
  }
  return tokens.length
}

/** "лин. 3 37": the first number is all the name there is. */
function isNameOfType(tokens: readonly Token[], at: number): boolean {
  if (tokens[at - 1]?.role?.types === undefined || !tokens.slice(at + 1).some(({ isNumber }) => isNumber))
    return false
  for (let k = at - 2; k >= 0 && tokens[k + 1]!.before !== ','; k--) if (isNameLike(tokens[k]!)) return false
  return true
}

function isNameLike(token: Token): boolean {
  if (token.isNumber) return true
  if (token.text.length === 1) return false
  return (
    (token.role?.types === undefined &&
      token.role?.isTown === undefined &&
      token.role?.isRegion === undefined) ||
    token.role?.types?.includes('набережная') === true ||
    (token.text.length > 5 &&
      token.role?.types !== undefined &&
      token.role.mark === undefined &&
      ['линия', 'аллея'].some(type => token.role?.types?.includes(type)))
  )
}

/** Reads one address. Never throws; null where no name can be found. */
export function readEntry(text: string): Entry | null {
  const tokens = tokensOf(text).filter(token => !(token.isNumber && token.text.length === 6))
  const start = houseStart(tokens)
  const place = placeOf(tokens.slice(0, start))
  if (place === null) return null
  if (start === tokens.length) return { place, house: null }
  return { place, house: houseOf(tokens.slice(start)) }
}

/** As written: a second number stays one, whatever it may mean. */
function houseOf(tokens: readonly Token[]): House | null {
  return readHouse(tokens, new Uint8Array(tokens.length), 0, 0).readings[0]?.house ?? null
}

function partsOf(tokens: readonly Token[]): Token[][] {
  const parts: Token[][] = []
  for (const token of tokens) {
    if (token.before === ',' || parts.length === 0) parts.push([])
    parts[parts.length - 1]!.push(token)
  }
  return parts
}

interface Part {
  readonly tokens: readonly Token[]
  /** Where the kind of street stands, or -1. */
  readonly typeAt: number
  /** Where the mark of a town stands, or -1. */
  readonly townAt: number
}

function placeOf(tokens: readonly Token[]): Place | null {
  const parts = partsOf(tokens)
    .map(part =>
      part.filter(({ text }) => text !== 'россия' && text !== 'рф' && text !== 'им' && text !== 'имени')
    )
    .filter(part => part.length > 0)
    .map((part): Part => ({ tokens: part, typeAt: typePlace(part), townAt: townPlace(part) }))
    .filter(({ tokens: part, typeAt }) => typeAt !== -1 || !part.some(({ role }) => role?.isRegion === true))
  if (parts.length === 0) return null
  const isStreet = ({ typeAt, tokens: part }: Part): boolean =>
    typeAt !== -1 && !part[typeAt]!.role!.types!.every(type => areaTypes.has(type))
  let streetAt = parts.findLastIndex(isStreet)
  if (streetAt === -1) streetAt = parts.findLastIndex(({ typeAt }) => typeAt !== -1)
  const last = parts.length - 1
  if (streetAt === -1 && parts[last]!.townAt === -1) streetAt = last
  let town = ''
  let area = ''
  for (const [i, part] of parts.entries()) {
    if (i === streetAt) continue
    const words = textOf(part.tokens.filter((_, at) => at !== part.townAt && at !== part.typeAt))
    if (words === '') continue
    if (part.typeAt === -1 && (part.townAt !== -1 || (town === '' && i < streetAt))) {
      if (town !== '' && area === '') area = town
      town = words
    } else if (area === '') area = words
  }
  if (streetAt === -1) return town === '' ? null : { town, area, types: [], words: [] }
  const street = parts[streetAt]!
  let name = street.tokens.filter((_, at) => at !== street.typeAt)
  if (street.typeAt > 0) {
    const ahead = townAhead(street)
    if (ahead > 0) {
      town = textOf(street.tokens.slice(0, ahead).filter((_, at) => at !== street.townAt))
      name = street.tokens.slice(ahead).filter((_, at) => at + ahead !== street.typeAt)
    }
  }
  const words = nameWords(name)
  if (words.length === 0) return town === '' ? null : { town, area, types: [], words: [] }
  const types = street.typeAt === -1 ? [] : typesOf(street.tokens[street.typeAt]!)
  return { town, area, types, words }
}

/** How many tokens before the kind of street name a town: "г Энск ул Ленина", "Энск ул Ленина". */
function townAhead({ tokens, typeAt, townAt }: Part): number {
  const behind = tokens.slice(typeAt + 1).some(token => token.isNumber || isWord(token))
  if (!behind) return townAt === 0 && typeAt > 2 ? 2 : 0
  if (townAt !== -1 && townAt < typeAt) return typeAt
  const before = tokens.slice(0, typeAt)
  return before.every(token => isWord(token) && !token.isNumber) &&
    !/^(?:больш|мал|верх|нижн|нов|стар|средн)/.test(before[0]!.text)
    ? typeAt
    : 0
}

function typesOf(token: Token): readonly string[] {
  const { role, text } = token
  if (role?.types !== undefined) return role.types
  const weak = weakTypes.get(text)
  return weak === undefined ? [] : [weak]
}

/** Which token is the kind of street: "Набережная ул." is a street named so. */
function typePlace(part: readonly Token[]): number {
  const typed = part.map((token, at) => (token.role?.types === undefined ? -1 : at)).filter(at => at !== -1)
  if (typed.length === 0) {
    const first = part[0]
    const isWeak = first?.text === 'п' || first?.text === 'б' || first?.text === 'ш'
    const next = part[1]
    // "п. Лесной" without anything else may be a settlement; the book says so by more than a letter.
    return isWeak &&
      next !== undefined &&
      first?.text !== 'п' &&
      part.length > 1 &&
      /(?:ый|ий|ой)$/.test(next.text)
      ? 0
      : -1
  }
  const hasName = (at: number): boolean =>
    part.some((token, k) => k !== at && !typed.includes(k) && (token.isNumber || isWord(token)))
  const street = typed.find(at => part[at]!.role!.types!.includes('улица'))
  if (typed.length > 1 && street !== undefined) return street
  // "Верхняя Набережная наб.": the longer word is the name.
  const short = typed.length > 1 ? typed.find(at => part[at]!.text.length <= 5) : undefined
  const first = short ?? (typed.length > 1 && typed[0]! > 0 ? typed[typed.length - 1]! : typed[0]!)
  // "Набережная 5": the name is all there is.
  if (typed.length === 1 && !hasName(first)) return -1
  return first
}

function townPlace(part: readonly Token[]): number {
  return part.findIndex(({ role, text }, at) => {
    if (role?.isTown !== true) return false
    if (text.length > 1) return part.length > 1
    return at === 0 ? part[1] !== undefined && isWord(part[1]) : text === 'г' && at === part.length - 1
  })
}

const textOf = (tokens: readonly Token[]): string => tokens.map(({ text }) => text).join(' ')

function nameWords(tokens: readonly Token[]): string[] {
  const words = tokens.map(({ text }) => text)
  const numbers = words.filter(word => /^\d/.test(word))
  return [...numbers, ...words.filter(word => !/^\d/.test(word))].slice(0, 12)
}

/** Streets and houses remembered by a reader; beyond, it forgets and begins again. */
const rememberedMax = 50_000
const placeEnd = /[, ](?= *(?:(?:дом|д|вл|владение|уч|участок|корп|корпус|к|литер)[. ]*)?№? *\d)/gi
/** What is read alike behind any street: numbers, letters and the usual marks. */
const houseBegins = /^ *(?:(?:дом|д|вл|владение)[. ]*)?\d{1,5}(?!\d)/i
const twoNumbers = /^[^\d]*\d+[ ,.]+(?:(?:дом|д|вл|владение)[ .]*)?\d/i
const houseWords = new Set('дом д вл владение корпус корп кор к строение стр с литера литер лит'.split(' '))
function isPlainHouse(tail: string): boolean {
  // Two numbers with nothing between them: the first may be a name, "лин. 3 37".
  if (twoNumbers.test(tail)) return false
  if (!houseBegins.test(tail) || /[^а-яё0-9 ,./-]/i.test(tail)) return false
  return (tail.toLowerCase().match(/[а-яё]+/g) ?? []).every(word => word.length === 1 || houseWords.has(word))
}
const plainPlace = /^[а-яё0-9 .,/-]+$/i

/**
 * Reads a book as `readEntry` reads each address, some ten times faster where what stands before the house and the house
 * come again and again. Those that repeat are the same objects.
 */
export function createEntryReader(): (text: string) => Entry | null {
  const places = new Map<string, Place | null>()
  const houses = new Map<string, House | null>()
  const remembered = <T>(known: Map<string, T>, text: string, read: () => T): T => {
    let found = known.get(text)
    if (found === undefined) {
      if (known.size >= rememberedMax) known.clear()
      known.set(text, (found = read()))
    }
    return found
  }
  return text => {
    if (text.length <= 120) {
      placeEnd.lastIndex = 0
      for (let end = placeEnd.exec(text); end !== null; end = placeEnd.exec(text)) {
        const tail = text.slice(end.index + 1)
        const head = text.slice(0, end.index)
        if (tail.length > 30 || !isPlainHouse(tail) || !plainPlace.test(head)) continue
        const place = remembered(places, head, () => {
          const entry = readEntry(head)
          const isPlain = entry !== null && entry.house === null && entry.place.types.length > 0
          return isPlain ? entry.place : null
        })
        if (place === null) continue
        const house = remembered(houses, tail, () => readEntry(`ул иксова, ${tail}`)?.house ?? null)
        if (house !== null) return { place, house }
      }
    }
    return readEntry(text)
  }
}
