import { roman } from './numerals.ts'

/**
 * Russian words in Latin letters: by GOST, as in passports, or as people write short messages; and what comes out when
 * the keyboard was in the other layout.
 */

const accented: Readonly<Record<string, string>> = {
  č: 'ch',
  š: 'sh',
  ž: 'zh',
  ŝ: 'shch',
  ĉ: 'ch',
  ĵ: 'zh',
  ĥ: 'kh',
  ë: 'yo',
  è: 'e',
  é: 'e',
  ė: 'e',
  â: 'ya',
  û: 'yu',
  ŭ: 'u',
  ǎ: 'a',
  ĭ: 'i',
  ï: 'i',
  ì: 'i',
  ʹ: "'",
  ʺ: "'"
}
const anyAccented = new RegExp(`[${Object.keys(accented).join('')}]`, 'gi')

/** The letters of ISO 9 and of Slavic alphabets as the other schemes write them: "Čajkovskogo" → "Chajkovskogo". */
export const withoutAccents = (text: string): string =>
  /[\u0080-\u03ff]/.test(text)
    ? text
        .normalize('NFC')
        .replace(/šč/gi, 'shch')
        .replace(anyAccented, letter => accented[letter.toLowerCase()] ?? letter)
    : text

const toCyrillic: readonly (readonly [string, string])[] = [
  ['shch', 'щ'],
  ['shh', 'щ'],
  ['sch', 'щ'],
  ['sh', 'ш'],
  ['zh', 'ж'],
  ['kh', 'х'],
  ['ch', 'ч'],
  ['ts', 'ц'],
  ['tch', 'тч'],
  ['tc', 'ц'],
  ['tz', 'ц'],
  ['cz', 'ц'],
  ['yu', 'ю'],
  ['ju', 'ю'],
  ['iu', 'ю'],
  ['ya', 'я'],
  ['ja', 'я'],
  ['ia', 'я'],
  ['yo', 'е'],
  ['jo', 'е'],
  ['ye', 'е'],
  ['je', 'е'],
  ["y'", 'ы'],
  ["e'", 'э']
]
const pairs = new Map(toCyrillic)
const singles: Readonly<Record<string, string>> = {
  a: 'а',
  b: 'б',
  c: 'ц',
  d: 'д',
  e: 'е',
  f: 'ф',
  g: 'г',
  h: 'х',
  i: 'и',
  j: 'й',
  k: 'к',
  l: 'л',
  m: 'м',
  n: 'н',
  o: 'о',
  p: 'п',
  q: 'к',
  r: 'р',
  s: 'с',
  t: 'т',
  u: 'у',
  v: 'в',
  w: 'ш',
  x: 'х',
  z: 'з',
  "'": 'ь'
}

/** The likeliest Russian spelling of a word in Latin letters (lower case): "shevchenko" → "шевченко". */
export function cyrillicOf(latin: string): string {
  let text = ''
  for (let at = 0; at < latin.length;) {
    let length = 4
    for (; length > 1; length--) {
      const pair = pairs.get(latin.slice(at, at + length))
      if (pair !== undefined && at + length <= latin.length) {
        text += pair
        break
      }
    }
    if (length === 1) {
      const letter = latin[at] ?? ''
      if (letter === 'y')
        text += at > 0 && /[аеиоуыэюя]$/.test(text) ? 'й' : at === latin.length - 1 ? 'й' : 'ы'
      else text += singles[letter] ?? ''
    }
    at += length
  }
  return text.replace(/[ыи]й$/, 'ий').replace(/ии$/, 'ий')
}

const soundsOfCyrillic: Readonly<Record<string, string>> = {
  а: 'a',
  б: 'b',
  в: 'v',
  г: 'g',
  д: 'd',
  е: 'e',
  э: 'e',
  ж: 'Z',
  з: 'z',
  и: 'i',
  й: 'i',
  ы: 'i',
  к: 'k',
  л: 'l',
  м: 'm',
  н: 'n',
  о: 'o',
  п: 'p',
  р: 'r',
  с: 's',
  т: 't',
  у: 'u',
  ф: 'f',
  х: 'H',
  ц: 'T',
  ч: 'C',
  ш: 'S',
  щ: 'S',
  ю: 'U',
  я: 'A',
  ь: '',
  ъ: ''
}
/** "район" is written rayon, rajon and raion; "тч" is what some write for ч; "сч" and "тс" look like щ and ц in Latin letters. */
const same = (sounds: string): string =>
  sounds
    .replace(/i+[eo]/g, 'e')
    .replace(/i+/g, 'i')
    .replace(/tC/g, 'C')
    .replace(/sC/g, 'S')
    .replace(/ts/g, 'T')

/** What is the same for a word in every scheme of transliteration. */
export function soundsOf(cyrillic: string): string {
  let sounds = ''
  for (const letter of cyrillic) sounds += soundsOfCyrillic[letter] ?? ''
  return same(sounds)
}

export function soundsOfLatin(latin: string): string {
  return same(
    latin
      .replace(/y'/g, 'i')
      .replace(/['`]/g, '')
      .replace(/shch|shh|sch|sh|w/g, 'S')
      .replace(/zh/g, 'Z')
      .replace(/ch/g, 'C')
      .replace(/kh|x|h/g, 'H')
      .replace(/ts|tc|tz|cz|c/g, 'T')
      .replace(/[yji]u/g, 'U')
      .replace(/[yji]a/g, 'A')
      .replace(/[yj][oe]/g, 'e')
      .replace(/[yj]/g, 'i')
      .replace(/q/g, 'k')
  )
}

/** In messages 4 stands for ч and 6 for ш: "4apaeva", "re4naya". */
export const digitsAsLetters = (text: string): string =>
  text
    .replace(/(^|[^a-z0-9])4(?=[aeiouy][a-z])/g, '$1ch')
    .replace(/(^|[^a-z0-9])6(?=[aeiouy][a-z])/g, '$1sh')
    .replace(/([a-z])4(?=[a-z]{2})/g, '$1ch')
    .replace(/([a-z])6(?=[a-z]{2})/g, '$1sh')

const latinKeys = `qwertyuiop[]asdfghjkl;'zxcvbnm,.\``
const russianKeys = 'йцукенгшщзхъфывапролджэячсмитьбюё'
const shifted: Readonly<Record<string, string>> = {
  '{': 'х',
  '}': 'ъ',
  ':': 'ж',
  '"': 'э',
  '<': 'б',
  '>': 'ю',
  '~': 'ё'
}
const typedRussian = new Map([...latinKeys].map((key, i) => [key, russianKeys[i] ?? '']))
const typedLatin = new Map([...russianKeys].map((key, i) => [key, latinKeys[i] ?? '']))

/**
 * What was meant when the Latin layout was on: "ktybyf 5" → "ленина 5". A comma or point before a letter is taken for
 * a letter itself (",jkmifz" → "большая"), unless `isMark` says of the word before it that it stands with a point: "ek.vbhf" →
 * "ул.мира".
 */
export function typedInRussian(text: string, isMark: (word: string) => boolean, keepCommas: boolean): string {
  let meant = ''
  const keys = text.toLowerCase()
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] ?? ''
    // Roman numbers are typed in Latin letters on purpose.
    const numeral = /^[ivx]{2,6}(?![a-z[\];'`,.])/.exec(keys.slice(at, at + 8))?.[0]
    if (numeral !== undefined && !/[a-z[\];'`]/.test(keys[at - 1] ?? '') && roman(numeral) > 0) {
      meant += numeral
      at += numeral.length - 1
      continue
    }
    // Nobody puts a space before a comma: alone it is the letter of a house.
    const isAlone =
      key === ',' &&
      !/[a-z]/.test(keys[at + 1] ?? '') &&
      (/[\s"«]/.test(keys[at - 1] ?? '') || /["»-]/.test(keys[at + 1] ?? ''))
    const isPoint =
      (key === ',' || key === '.') &&
      !isAlone &&
      (key === '.'
        ? !/^,?[a-z[\];'`]/.test(keys.slice(at + 1, at + 3)) || isMark(wordBefore(meant))
        : !/^\.?[a-z[\];'`]/.test(keys.slice(at + 1, at + 3)) || keepCommas)
    meant += isPoint ? key : (typedRussian.get(key) ?? (isQuote(keys, at) ? key : shifted[key]) ?? key)
  }
  return meant
}

/** A comma behind a number is the letter of a house in the other layout as well: "vbhf 24, rd 5" may be 24Б. */
export const commaAsLetter = (text: string): string => text.replace(/(\d-?),(?!\d)/g, '$1б')

/** Behind "kbn", which is "лит", a comma is nothing but a letter: "ljv 35 kbn," is 35 литБ. */
export const literInLatin = (text: string): string => text.replace(/(?<![a-z])(kbn(?:th)?[ /]*),/gi, '$1б')

const wordBefore = (text: string): string => /[а-яё-]*$/.exec(text)?.[0] ?? ''

/** `"` beside a space or the end is a quotation mark, and not the letter Э. */
const isQuote = (keys: string, at: number): boolean =>
  keys[at] === '"' && !(/[a-z]/.test(keys[at - 1] ?? '') && /[a-z]/.test(keys[at + 1] ?? ''))

/** What was meant when the Russian layout was on: "гдшеыф дутштф" → "ulitsa lenina". */
export function typedInLatin(text: string): string {
  let meant = ''
  for (const key of text.toLowerCase()) meant += typedLatin.get(key) ?? key
  return meant
}
