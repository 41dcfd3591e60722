import { jubilee, numeralOf, roman } from './numerals.ts'
import { distance } from './spelling.ts'
import { cyrillicOf, digitsAsLetters, soundsOfLatin, withoutAccents } from './transliteration.ts'
import { englishWord, ordinalEndings, phrasesAsWords, roleOf, type WordRole } from './words.ts'

/** Longer texts are cut: no address is longer, and the time a look-up takes stays bounded. */
export const addressLengthMax = 300
const tokensMax = 64

/** What stands between a token and the one before it; '' when they are glued together. */
export type Before = '' | ' ' | '.' | ',' | '-' | '/'

export interface Token {
  /** Lower case, Cyrillic, ё as е; digits without leading zeros. */
  readonly text: string
  readonly isNumber: boolean
  readonly isOrdinal: boolean
  readonly before: Before
  /** Sounds of a word that was written in Latin letters; '' for others. */
  readonly sounds: string
  readonly role: WordRole | undefined
  /** It was misspelled, and `text` is what was meant. */
  readonly isSlip?: true
}

const homoglyphs: Readonly<Record<string, string>> = {
  a: 'а',
  b: 'в',
  c: 'с',
  e: 'е',
  h: 'н',
  k: 'к',
  m: 'м',
  o: 'о',
  p: 'р',
  t: 'т',
  x: 'х',
  y: 'у'
}
const latinOnly = /[abcehkmoptxy]/g
const partLetters: Readonly<Record<string, string>> = { ...homoglyphs, v: 'в', g: 'г', d: 'д', s: 'с' }
const lettersSpelled: Readonly<Record<string, string>> = {
  бэ: 'б',
  вэ: 'в',
  гэ: 'г',
  дэ: 'д',
  жэ: 'ж',
  зэ: 'з',
  ка: 'к',
  эл: 'л',
  эм: 'м',
  эн: 'н'
}

/** One kind of everything: letters, dashes, quotes; what nobody sees is left out. */
function plain(text: string): string {
  return withoutAccents(text.slice(0, addressLengthMax))
    .normalize('NFC')
    .replace(/[\u00ad\u200b-\u200f\u2060\ufeff]/g, '')
    .toLowerCase()
    .normalize('NFC')
    .replace(/ё/g, 'е')
    .replace(/[‐‑‒–—―−]/g, '-')
    .replace(/[\\|]/g, '/')
    .replace(/[;\n\r\t]/g, ',')
    .replace(/[’‘`´]/g, "'")
    .replace(/(\d) ?["«„“']([а-яa-z])["»“”']/g, '$1$2')
}

/** Numbers of telephones, contracts and hours, wherever they stand. */
const phone =
  /(?<![\d/-])(?:\+7|8|7)[ (-]{0,2}\d{3}[ )-]{0,2}\d{3}[ -]?\d{2}[ -]?\d{2}(?!\d)|\+\d[\d ()-]{8,16}\d|(?<!\d)\d{7,}(?!\d)|(?<!\d)\d\d:\d\d(?!\d)/g
/** Brackets hold a name or a remark, unless there is nothing in them but a part of the house. */
const brackets = /\(([^()]{0,80})\)|\([^()]*$/g
const partInBrackets = /^ *(?:корпус|корп|кор|к|строение|стр|литера|литер|лит|блок)[ .]*[а-я0-9]{1,3} *$/

/** "14к2580": an entry code, and no corpus. */
const entryCode = /(?:(?<![а-яa-z])(?:к|код|дф|дмф|домофон)[ .:№]*)?(?<![\d/-])\d{1,4}[кkвvb*#]\d{3,6}(?!\d)/g

/**
 * Reads the tokens of a text. Never throws; at most some dozens. What stands in brackets is left out, unless `isPlace`
 * knows it for a town: "ул. Мира (Заречный), 8".
 */
export function tokensOf(text: string, isPlace: (text: string) => boolean = () => false): Token[] {
  let cleaned = phrasesAsWords(plain(text))
    .replace(phone, ' , ')
    .replace(entryCode, ' , ')
    .replace(brackets, (_, inside: string | undefined) => {
      const kept = inside !== undefined && (partInBrackets.test(inside) || isPlace(inside))
      return kept ? ` ${inside} ` : ' , '
    })
    .replace(/(?<![а-я])(?:л|р)[ ]?[/.][ ]?с(?:ч|чет)?(?![а-я])/g, ' лс ')
    .replace(/(?<![а-я])(с|д|з)\/(т|п|х|с|у)(?![а-я])/g, '$1$2')
    .replace(/(?<![а-я])н\. ?п\.?(?![а-я])/g, ' ')
  const hasCyrillic = /[а-я]/.test(cleaned)
  if (!hasCyrillic || /[a-z]{2}[46][a-z]{2}|(?<![a-z0-9])[46][aeiouy][a-z]{2}/.test(cleaned))
    cleaned = digitsAsLetters(cleaned)
  const raw = split(cleaned, hasCyrillic)
  return withNumerals(withJoined(raw))
}

interface Raw {
  text: string
  isNumber: boolean
  isOrdinal: boolean
  before: Before
  sounds: string
}

const strength: Readonly<Record<string, number>> = { '': 0, ' ': 1, '.': 2, '-': 3, '/': 4, ',': 5 }
const pieces = /[a-zа-я]+(?:'+[a-z]+)*'*|\d+|[^a-zа-я\d]/g

function split(text: string, hasCyrillic: boolean): Raw[] {
  const found: Raw[] = []
  let before: Before = ''
  for (const { 0: piece, index } of text.matchAll(pieces)) {
    const isNumber = piece >= '0' && piece < ':'
    if (!isNumber && !/[a-zа-я]/.test(piece)) {
      const kind: Before = piece === ',' || piece === '/' || piece === '-' || piece === '.' ? piece : ' '
      if (strength[kind]! > strength[before]!) before = kind
      continue
    }
    if (found.length >= tokensMax) break
    if (isNumber) {
      const digits = piece.replace(/^0+(?=\d)/, '')
      found.push({ text: digits, isNumber, isOrdinal: false, before, sounds: '' })
    } else {
      const word =
        (found[found.length - 1]?.isNumber === true && before === '-' ? latinEnding(piece) : null) ??
        englishWord(piece, found[found.length - 1]) ??
        wordOf(piece, hasCyrillic)
      const glued = gluedMark(
        word.text,
        found[found.length - 1],
        isDigit(text.charCodeAt(index + piece.length))
      )
      if (glued === null) found.push({ isNumber, isOrdinal: false, before, ...word })
      else {
        found.push({ text: glued[0], sounds: '', isNumber, isOrdinal: false, before })
        found.push({ text: glued[1], sounds: '', isNumber, isOrdinal: false, before: '' })
      }
    }
    before = ''
  }
  return found
}

/** "литБ" and "корпА"; "Ак" in "65Ак3". */
function gluedMark(text: string, last: Raw | undefined, isNumbered: boolean): [string, string] | null {
  if (text.length > 9 || (roleOf(text) !== undefined && !isNumbered)) return null
  const [, mark, value] = /^(литера|литер|лит|корпус|корп)([а-я])$/.exec(text) ?? []
  if (mark !== undefined && value !== undefined) return [mark, value]
  if (last?.isNumber !== true || roleOf(text)?.mark !== undefined) return null
  const [, letter, behind] =
    /^([а-я])(корпус|корп|кор|к|строение|стр|с|литера|литер|лит|кв)$/.exec(text) ?? []
  return letter === undefined || behind === undefined ? null : [letter, behind]
}

/** "1-ya", "2-y", "1-i": endings of ordinals in Latin letters. */
function latinEnding(piece: string): { readonly text: string; readonly sounds: '' } | null {
  if (/^(?:[yji]a|aya)$/.test(piece)) return { text: 'я', sounds: '' }
  if (/^(?:[yji]|[yi][yij])$/.test(piece)) return { text: 'й', sounds: '' }
  return /^(?:go|ogo)$/.test(piece) ? { text: 'го', sounds: '' } : null
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57

function wordOf(piece: string, hasCyrillic: boolean): { text: string; sounds: string } {
  if (!/[a-z]/.test(piece)) return { text: piece, sounds: '' }
  const isMixed = /[а-я]/.test(piece)
  if (roman(piece) > 0 && piece.length > 1) return { text: piece, sounds: '' }
  const alike = piece.replace(latinOnly, letter => homoglyphs[letter] ?? letter)
  if (isMixed) return { text: alike.replace(/[^а-я]/g, ''), sounds: '' }
  // "Maya" beside Russian words may be either alphabet.
  if (hasCyrillic && !/[a-z]/.test(alike))
    return { text: alike.replace(/[^а-я]/g, ''), sounds: piece.length > 2 ? soundsOfLatin(piece) : '' }
  if (piece.length === 1) {
    // A lone Latin letter behind a number is a house's letter by its looks; "v" and "g" can only be meant by sound.
    const letter = hasCyrillic
      ? (partLetters[piece] ?? cyrillicOf(piece))
      : piece === 'c'
        ? 'с'
        : cyrillicOf(piece)
    return { text: letter === '' ? alike : letter, sounds: piece }
  }
  return { text: cyrillicOf(piece), sounds: soundsOfLatin(piece) }
}

/** "пр" "-" "т" is one word, and so are numbers with the endings of ordinals: "1-я", "8го". */
function withJoined(raw: readonly Raw[]): Raw[] {
  const joined: Raw[] = []
  for (let at = 0; at < raw.length; at++) {
    const token = raw[at]!
    const next = raw[at + 1]
    if (next !== undefined && !next.isNumber && (next.before === '-' || next.before === '')) {
      const text = `${token.text}-${next.text}`
      if (!token.isNumber && next.before === '-' && roleOf(text) !== undefined) {
        joined.push({ ...token, text, sounds: '' })
        at++
        continue
      }
      if (token.isNumber && ordinalEndings.has(next.text) && isOrdinalEnding(next, raw[at + 2])) {
        joined.push({ ...token, isOrdinal: true })
        at++
        continue
      }
      if (token.isNumber && isYears(next)) {
        joined.push(token, { ...next, text: 'лет', before: ' ' })
        at++
        continue
      }
    }
    joined.push(token)
  }
  return joined
}

/** "50 лет", "50-летия", and the same with a slip in it. */
const isYears = ({ text, before }: Raw): boolean =>
  /^лет(?:ия|ие|ию)?$/.test(text) || (before === '-' && text.length > 3 && distance(text, 'летия', 1) <= 1)

/** "5-е" is the fifth where a word follows; "5е" and "5-е" else are house 5Е. "й" and longer endings are no letters. */
function isOrdinalEnding(ending: Raw, next: Raw | undefined): boolean {
  if (ending.text.length > 1 || ending.text === 'й') return true
  if (ending.text === 'я') return true
  return ending.before === '-' && next !== undefined && !next.isNumber && next.text.length > 2
}

function withNumerals(raw: readonly Raw[]): Token[] {
  const tokens: Token[] = []
  const push = (token: Raw): void => {
    tokens.push({ role: token.isNumber ? undefined : roleOf(token.text), ...token })
  }
  for (let at = 0; at < raw.length; at++) {
    const token = raw[at]!
    if (token.isNumber) {
      push(token)
      continue
    }
    const years = jubilee(token.text)
    if (years > 0) {
      push({ ...token, text: String(years), isNumber: true })
      push({ ...token, text: 'лет', before: ' ' })
      continue
    }
    if (/^лет(?:ия|ие|ию)$/.test(token.text)) {
      push({ ...token, text: 'лет' })
      continue
    }
    const number = roman(token.text)
    if (number > 0 && (token.text.length > 1 || token.sounds === '' ? token.text.length > 1 : false)) {
      push({ ...token, text: String(number), isNumber: true, sounds: '' })
      continue
    }
    const first = numeralOf(token.text)
    if (first === undefined) {
      const letter =
        tokens.length > 0 && tokens[tokens.length - 1]!.isNumber ? lettersSpelled[token.text] : undefined
      push(letter === undefined ? token : { ...token, text: letter })
      continue
    }
    let value = first.value
    let last = first
    while (!last.isOrdinal && last.rank > 1) {
      const following = raw[at + 1]
      if (following === undefined || following.isNumber || following.before !== ' ') break
      const numeral = numeralOf(following.text)
      if (numeral === undefined || numeral.rank >= last.rank || numeral.value === 0) break
      if (last.rank === 10 && numeral.isTeen) break
      // "тридцать третий подъезд" is house 30, and not the 33rd entrance.
      const mark = roleOf(raw[at + 2]?.text ?? '')?.mark
      if (numeral.isOrdinal && mark !== undefined && mark !== 'house') break
      value += numeral.value
      last = numeral
      at++
    }
    // "двадцать пятидесятилетия" is two numbers; "сорокалетия" was read above.
    push({ text: String(value), isNumber: true, isOrdinal: last.isOrdinal, before: token.before, sounds: '' })
  }
  return tokens
}
