import type { Token } from './tokens.ts'
import type { Mark } from './words.ts'

/** A house with all that tells it from its neighbours; '' for what is not written. Flats and the like are no part. */
export interface House {
  /** What the number numbers: '' for a house, 'plot', 'ownership', or a part where there is no house ("корпус 1144"). */
  readonly kind: '' | Mark
  readonly number: string
  readonly letter: string
  /** What stands behind a slash or a dash: a crossing street's number, a corpus, or a flat. */
  readonly second: string
  readonly corpus: string
  readonly building: string
  readonly liter: string
  readonly structure: string
  readonly wing: string
  readonly block: string
}

/** One way to understand what was said of the house. */
export interface Reading {
  readonly house: House
  /** 0 as written; more for what the text may mean as well. */
  readonly cost: number
  /** Whether the building may be chosen by this reading, or only offered. */
  readonly isSure: boolean
  /** Whether it was said that it is a house: "дом 7" is no "владение 7", "7" may be either. */
  readonly isMarked: boolean
}

export interface HouseSaid {
  /** Empty when no house was said. */
  readonly readings: readonly Reading[]
  /** Tokens that were understood: 1 each. */
  readonly consumed: Uint8Array
  /** First token of the house, and the end of the tokens when none was said. */
  readonly at: number
  /** Numbers before the name that nothing explains, by their tokens. */
  readonly strays: readonly number[]
}

const parts = ['corpus', 'building', 'liter', 'structure', 'wing', 'block'] as const
type Part = (typeof parts)[number]
const isPart = (mark: Mark): mark is Part => (parts as readonly string[]).includes(mark)

const emptyHouse: House = {
  kind: '',
  number: '',
  letter: '',
  second: '',
  corpus: '',
  building: '',
  liter: '',
  structure: '',
  wing: '',
  block: ''
}

const isLetter = (token: Token | undefined): boolean =>
  token !== undefined && !token.isNumber && token.text.length === 1
const houseDigitsMax = 5
const flatWords = /^(?:кв|оф|пом|ком|ап|каб)/
/** Letters that are also words of their own: behind a house and before more words they may be no letter. */
const smallWords = 'всукоияа'
const prepositions = 'вску'
const timeWord =
  /^(?:час[а-я]*|утра|утру|вечера|ночи|дня|обеда|минут[а-я]*|числа|раз[а-я]*|сут[а-я]*|дней|год[а-я]*|январ[а-я]|феврал[а-я]|марта|апрел[а-я]|мая|июн[а-я]|июл[а-я]|август[а-я]|сентябр[а-я]|октябр[а-я]|ноябр[а-я]|декабр[а-я])$/
const dayWord =
  /^(?:утра|вечера|обеда|вчера|сегодня|позавчера|недел[а-я]|понедельник[а-я]?|вторник[а-я]?|сред[а-я]|четверг[а-я]?|пятниц[а-я]|суббот[а-я]|воскресень[а-я])$/
/** Behind these a preposition cannot stand: "33 в интернета нет" is house 33В. */
const neverGoverned =
  /^(?:не|нет|на|в|по|у|к|с|и|интернет[а]?|света|связи|телевидени[ея]|пропал[аи]?|отсутствует|отключили|работает|плохо|тормозит|медленно|здравствуйте)$/

/** Marks of each token, with the numbers and letters bound to them. */
interface Bound {
  /** Mark by the token of its value. */
  readonly markOf: (Mark | undefined)[]
  readonly values: (string | undefined)[]
  /** Values bound to a mark behind them: "2 подъезд". */
  readonly isBackward: Uint8Array
  readonly consumed: Uint8Array
}

/**
 * Gives each mark its number, from the end, because "2 подъезд 5 этаж" binds backward and "подъезд 2 этаж 5" forward,
 * and only the end tells which.
 */
function bind(tokens: readonly Token[], used: Uint8Array): Bound {
  const markOf: (Mark | undefined)[] = new Array<Mark | undefined>(tokens.length).fill(undefined)
  const values: (string | undefined)[] = new Array<string | undefined>(tokens.length).fill(undefined)
  const isBackward = new Uint8Array(tokens.length)
  const consumed = new Uint8Array(tokens.length)
  const isFree = (at: number): boolean =>
    at >= 0 && at < tokens.length && used[at] === 0 && markOf[at] === undefined
  const take = (at: number, mark: Mark, value: string): void => {
    markOf[at] = mark
    values[at] = value
    consumed[at] = 1
  }
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!
    if (used[at] !== 0 || token.role?.mark !== 'tail') continue
    if (token.text.length === 1 && !(tokens[at + 1]?.isNumber ?? false)) continue
    consumed[at] = 1
    let isTaken = false
    for (let k = at + 1; k < tokens.length && k < at + 8; k++) {
      if (tokens[k]!.before === ',') break
      if (tokens[k]!.isNumber && isFree(k)) {
        take(k, 'tail', '')
        isTaken = true
      } else if (isTaken || tokens[k]!.role?.types !== undefined) break
    }
  }
  // "школа 5, Кирова 20": the number of the school, where there is another for the house.
  for (let at = 0; at + 1 < tokens.length; at++) {
    if (used[at] !== 0 || tokens[at]!.role?.isThing !== true) continue
    const next = tokens[at + 1]!.text === 'номер' ? at + 2 : at + 1
    const isOther = (other: Token, k: number): boolean =>
      other.isNumber && isFree(k) && k > next && tokens[next + 1]?.isNumber !== true
    if (tokens[next]?.isNumber === true && isFree(next) && tokens.some(isOther)) take(next, 'inside', '')
  }
  // "с 10 утра", "до 8 марта": no part of the house.
  for (let at = 0; at + 1 < tokens.length; at++) {
    if (!tokens[at]!.isNumber || !isFree(at) || used[at + 1] !== 0 || !timeWord.test(tokens[at + 1]!.text))
      continue
    take(at, 'tail', '')
    if (at > 0 && used[at - 1] === 0 && tokens[at - 1]!.text.length === 1) consumed[at - 1] = 1
  }
  for (let at = tokens.length - 1; at >= 0; at--) {
    const token = tokens[at]!
    const mark = token.role?.mark
    if (mark === undefined || mark === 'tail' || used[at] !== 0 || consumed[at] !== 0) continue
    let next = at + 1
    while (tokens[next] !== undefined && tokens[next]!.text === 'номер') next++
    const value = tokens[next]
    const isShort = token.text.length === 1
    if (
      value !== undefined &&
      isFree(next) &&
      value.isNumber &&
      value.text.length <= houseDigitsMax &&
      !(isShort && (value.before === '/' || value.before === ',')) &&
      !(mark === 'inside' && value.before === ',')
    ) {
      consumed[at] = 1
      const letter = tokens[next + 1]
      const isGlued =
        isLetter(letter) && letter!.before === '' && isFree(next + 1) && consumed[next + 1] === 0
      if (isGlued && mark !== 'house' && mark !== 'ownership' && mark !== 'plot') {
        take(next, mark, value.text + letter!.text)
        take(next + 1, mark, '')
        values[next + 1] = undefined
      } else take(next, mark, value.text)
    } else if (
      value !== undefined &&
      isPart(mark) &&
      isLetter(value) &&
      isFree(next) &&
      consumed[next] === 0 &&
      (!isShort || value.before === '.')
    ) {
      consumed[at] = 1
      take(next, mark, value.text)
    } else if (
      !isShort &&
      isFree(at - 1) &&
      tokens[at - 1]!.isNumber &&
      tokens[at]!.before !== ',' &&
      !isMarkedAhead(tokens, at - 1)
    ) {
      consumed[at] = 1
      take(at - 1, mark, tokens[at - 1]!.text)
      isBackward[at - 1] = 1
    } else if (mark === 'inside' || !isShort) consumed[at] = 1
  }
  return { markOf, values, isBackward, consumed }
}

/** What a lone letter behind a house is: its letter, the preposition of what follows, or either. */
function letterOrWord(tokens: readonly Token[], at: number): 'letter' | 'word' | 'either' {
  const { text, before } = tokens[at]!
  const behind = tokens[at + 1]
  if (before !== ' ' || !smallWords.includes(text) || behind === undefined || behind.before !== ' ')
    return 'letter'
  if (!prepositions.includes(text))
    return behind.isNumber || isMarkWord(behind) || /^(?:по|на)$/.test(behind.text) ? 'letter' : 'either'
  const governed = behind.isNumber ? tokens[at + 2] : behind
  if (governed !== undefined) {
    const isTime = timeWord.test(governed.text) || dayWord.test(governed.text)
    // "в квартире", "в пятом подъезде": the case tells that it is said of a place.
    const isPlace = governed.role?.mark === 'inside' && /[еу]$/.test(governed.text)
    if (isTime || isPlace || (text === 'у' && /^(?:нас|меня|него|нее|них|всех)$/.test(governed.text)))
      return 'word'
  }
  if (behind.isNumber || isMarkWord(behind) || neverGoverned.test(behind.text)) return 'letter'
  return 'either'
}

/** "27/48 Дружбы", "5а-12 Мира": the number that the group of this one begins with. */
function firstOfGroup(tokens: readonly Token[], at: number, isFreeNumber: (at: number) => boolean): number {
  let first = at
  while (tokens[first]!.before === '/' || tokens[first]!.before === '-') {
    const isLettered = isLetter(tokens[first - 1]) && tokens[first - 1]!.before === ''
    const before = first - (isLettered ? 2 : 1)
    if (before < 0 || !isFreeNumber(before)) break
    first = before
  }
  return first
}

const isMarkWord = ({ role }: Token): boolean => role?.mark !== undefined

/** "кв 7 дом": the number is the flat's, and not of the mark behind it. */
const isMarkedAhead = (tokens: readonly Token[], at: number): boolean =>
  tokens[at - 1]?.role?.mark !== undefined &&
  tokens[at - 1]!.role!.mark !== 'tail' &&
  tokens[at - 2]?.isNumber !== true &&
  tokens[at]!.before !== ','

/** Reads what is said of the house, the name standing from `nameFrom` to before `nameTo`. */
export function readHouse(
  tokens: readonly Token[],
  used: Uint8Array,
  nameFrom: number,
  nameTo: number
): HouseSaid {
  const { markOf, values, isBackward, consumed } = bind(tokens, used)
  const isFreeNumber = (at: number): boolean =>
    at < tokens.length &&
    tokens[at]!.isNumber &&
    used[at] === 0 &&
    markOf[at] === undefined &&
    tokens[at]!.text.length <= houseDigitsMax
  let houseAt = markOf.findIndex((mark, at) => mark === 'house' && values[at] !== undefined)
  let kind: House['kind'] = ''
  const first = (from: number, to: number, allowsOrdinals: boolean): number => {
    for (let at = from; at < to; at++)
      if (isFreeNumber(at) && (allowsOrdinals || !tokens[at]!.isOrdinal)) return at
    return -1
  }
  if (houseAt === -1) {
    houseAt = markOf.findIndex(mark => mark === 'ownership' || mark === 'plot')
    if (houseAt !== -1) {
      const unmarked = first(nameTo, tokens.length, false)
      if (markOf[houseAt] === 'plot' && unmarked !== -1 && unmarked < houseAt) houseAt = unmarked
      else kind = markOf[houseAt]!
    }
  }
  if (houseAt === -1) houseAt = first(nameTo, tokens.length, false)
  if (houseAt === -1) {
    for (let at = nameFrom - 1; at >= 0 && houseAt === -1; at--)
      if (isFreeNumber(at) && !tokens[at]!.isOrdinal) houseAt = firstOfGroup(tokens, at, isFreeNumber)
  }
  if (houseAt === -1) houseAt = first(nameTo, tokens.length, true)
  if (houseAt === -1)
    houseAt = isBackward.findIndex(
      (backward, at) => backward === 1 && at >= nameTo && markOf[at] === 'inside'
    )
  const found: Record<Part, string> = {
    corpus: '',
    building: '',
    liter: '',
    structure: '',
    wing: '',
    block: ''
  }
  let partAt = -1
  for (let at = 0; at < tokens.length; at++) {
    const mark = markOf[at]
    if (at === houseAt || mark === undefined || !isPart(mark) || values[at] === undefined) continue
    // A corpus of three digits beside a house is an entry code: "кв12 к123".
    const isCode = mark === 'corpus' && houseAt !== -1 && /^\d{3}/.test(values[at] ?? '')
    if (found[mark] === '' && !isCode) found[mark] = values[at] ?? ''
    if (partAt === -1) partAt = at
  }
  if (houseAt === -1 && partAt === -1)
    return {
      readings: [],
      consumed,
      at: tokens.length,
      strays: straysOf(tokens, used, markOf, nameFrom, -1, -1)
    }
  if (houseAt === -1) {
    const mark = markOf[partAt]! as Part
    const number = found[mark]
    found[mark] = ''
    const digits = /^\d+/.exec(number)?.[0] ?? ''
    const house = { ...emptyHouse, ...found, kind: mark, number: digits, letter: number.slice(digits.length) }
    return {
      readings: digits === '' ? [] : [{ house, cost: 0, isSure: true, isMarked: true }],
      consumed,
      at: partAt,
      strays: straysOf(tokens, used, markOf, nameFrom, -1, -1)
    }
  }
  consumed[houseAt] = 1
  let next = houseAt + 1
  const letterAt = (at: number): string => {
    const token = tokens[at]
    if (token === undefined || !isLetter(token) || used[at] !== 0 || consumed[at] !== 0) return ''
    if (token.before === ',' || !/[а-я]/.test(token.text)) return ''
    // "22 г Заречный": the mark of a town that was found, and no letter.
    const isTownMark =
      token.role?.isTown === true && used[at + 1] === 1 && (at < nameFrom - 1 || at >= nameTo)
    if (isTownMark && at + 1 !== nameFrom) return ''
    return letterOrWord(tokens, at) === 'word' ? '' : token.text
  }
  const letter = letterAt(next)
  let isDoubtful = false
  if (letter !== '') {
    isDoubtful = letterOrWord(tokens, next) === 'either'
    consumed[next++] = 1
  }
  let second = ''
  let separator = ''
  let secondAt = -1
  const markedFraction = markOf.indexOf('fraction')
  if (markedFraction !== -1) {
    second = values[markedFraction] ?? ''
    separator = '/'
  } else if (isFreeNumber(next) && !tokens[next]!.isOrdinal && next < tokens.length) {
    secondAt = next
    separator = tokens[next]!.before
    second = tokens[next]!.text
    consumed[next++] = 1
    const glued = tokens[next]?.before === '' ? letterAt(next) : ''
    if (glued !== '') {
      second += glued
      consumed[next++] = 1
    }
  }
  const hasThird = secondAt !== -1 && isFreeNumber(next)
  const hasFlat = tokens.some(
    ({ text, role }, at) => role?.mark === 'inside' && consumed[at] === 1 && flatWords.test(text)
  )
  const house: House = { ...emptyHouse, ...found, kind, number: tokens[houseAt]!.text, letter }
  const isMarked = markOf[houseAt] === 'house'
  const readings = readingsOf(house, second, separator, hasThird, hasFlat, isMarked)
  if (isDoubtful)
    readings.push(
      ...readingsOf({ ...house, letter: '' }, second, separator, hasThird, hasFlat, isMarked).map(
        reading => ({
          ...reading,
          cost: reading.cost + 0.04
        })
      )
    )
  return {
    readings,
    consumed,
    at: houseAt,
    strays: straysOf(tokens, used, markOf, nameFrom, houseAt, secondAt)
  }
}

function straysOf(
  tokens: readonly Token[],
  used: Uint8Array,
  markOf: readonly (Mark | undefined)[],
  nameFrom: number,
  houseAt: number,
  secondAt: number
): number[] {
  const strays: number[] = []
  for (let at = 0; at < tokens.length; at++) {
    const { isNumber, isOrdinal, text } = tokens[at]!
    if (!isNumber || used[at] !== 0 || markOf[at] !== undefined || at === houseAt || at === secondAt) continue
    // Behind the name they are flats and the like; six digits and more are an index or a contract.
    if (text.length <= houseDigitsMax && (at < nameFrom || (isOrdinal && houseAt > at))) strays.push(at)
  }
  return strays
}

/** "15/2", "5-30", "12-3-45": what a number without a mark may be. */
function readingsOf(
  house: House,
  second: string,
  separator: string,
  hasThird: boolean,
  hasFlat: boolean,
  isMarked: boolean
): Reading[] {
  if (second === '') return [{ house, cost: 0, isSure: true, isMarked }]
  const isExplicit = house.corpus !== '' || house.building !== ''
  const asFraction: House = { ...house, second }
  if (separator === '/') {
    const readings: Reading[] = [{ house: asFraction, cost: 0, isSure: true, isMarked }]
    if (house.corpus === '')
      readings.push({ house: { ...house, corpus: second }, cost: 0.06, isSure: true, isMarked })
    if (!hasFlat) readings.push({ house, cost: hasThird ? 0.12 : 0.1, isSure: false, isMarked })
    return readings
  }
  if (isExplicit)
    return [
      { house, cost: 0, isSure: true, isMarked },
      { house: asFraction, cost: 0.06, isSure: true, isMarked }
    ]
  const isCertain = hasThird || hasFlat
  return [
    { house: asFraction, cost: isCertain ? 0.02 : 0.06, isSure: true, isMarked },
    { house: { ...house, corpus: second }, cost: isCertain ? 0.02 : 0.06, isSure: true, isMarked },
    { house, cost: isCertain ? 0.1 : 0.06, isSure: !isCertain, isMarked }
  ]
}

/** How a house of the book answers to a reading. */
export interface HouseFit {
  readonly cost: number
  /** `is`: the house said; `more`: one of several that the said one may stand for; `other`: another house. */
  readonly kind: 'is' | 'more' | 'other'
}

const fields = ['letter', 'second', 'corpus', 'building', 'liter', 'structure', 'wing', 'block'] as const

export function houseFit(
  { house: asked, isMarked }: Pick<Reading, 'house' | 'isMarked'>,
  has: House
): HouseFit {
  let kindCost = 0
  if (asked.kind !== has.kind) kindCost = asked.kind === '' && !isMarked ? 0.015 : 0.06
  let cost = kindCost
  let missing = 0
  let extra = 0
  const a = comparable(asked, has)
  const b = comparable(has, asked)
  if (a !== asked || b !== has) cost += 0.06
  for (const field of fields) {
    if (a[field] === b[field]) continue
    if (b[field] === '') missing++
    else if (a[field] === '') extra++
    else missing += 2
  }
  if (missing === 0 && extra === 0) return { cost, kind: 'is' }
  if (missing === 0) return { cost: 0.2 + 0.02 * extra + kindCost, kind: 'more' }
  return { cost: 0.26 + 0.02 * (missing + extra) + kindCost, kind: 'other' }
}

/** A house with those parts renamed that the other one calls otherwise: a liter is a letter, a block a corpus. */
function comparable(house: House, other: House): House {
  if (house.liter !== '' && house.letter === '' && other.liter === '' && other.letter === house.liter)
    return { ...house, liter: '', letter: house.liter }
  if (house.second !== '' && house.corpus === '' && other.second === '' && other.corpus === house.second)
    return { ...house, second: '', corpus: house.second }
  if (house.block !== '' && house.corpus === '' && other.block === '' && other.corpus === house.block)
    return { ...house, block: '', corpus: house.block }
  return house
}

/** What tells a house from all others, for tables. */
export const houseKey = (house: House): string =>
  `${house.kind}|${house.number}|${fields.map(field => house[field]).join('|')}`
