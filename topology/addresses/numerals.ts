import { distance } from './spelling.ts'

/** Numbers as words, in all their cases: "двадцать пять", "восьмого", "пятидесятилетия"; and Roman ones. */

export interface Numeral {
  readonly value: number
  /** 1 for units and teens, 10 for tens, 100 for hundreds: each may follow a greater one only. */
  readonly rank: 1 | 10 | 100
  readonly isTeen: boolean
  readonly isOrdinal: boolean
}

const numerals = new Map<string, Numeral>()

function put(value: number, isOrdinal: boolean, forms: string): void {
  const rank = value >= 100 ? 100 : value >= 20 ? 10 : 1
  const isTeen = value >= 10 && value < 20
  for (const form of forms.split(' ')) numerals.set(form, { value, rank, isTeen, isOrdinal })
}

const cardinals: readonly (readonly [number, string])[] = [
  [0, 'ноль нуль'],
  [1, 'один одна одно одного'],
  [2, 'два две двух'],
  [3, 'три трех'],
  [4, 'четыре четырех'],
  [5, 'пять пяти'],
  [6, 'шесть шести'],
  [7, 'семь семи'],
  [8, 'восемь восьми'],
  [9, 'девять девяти'],
  [10, 'десять десяти'],
  [11, 'одиннадцать одиннадцати'],
  [12, 'двенадцать двенадцати'],
  [13, 'тринадцать тринадцати'],
  [14, 'четырнадцать четырнадцати'],
  [15, 'пятнадцать пятнадцати'],
  [16, 'шестнадцать шестнадцати'],
  [17, 'семнадцать семнадцати'],
  [18, 'восемнадцать восемнадцати'],
  [19, 'девятнадцать девятнадцати'],
  [20, 'двадцать двадцати'],
  [30, 'тридцать тридцати'],
  [40, 'сорок сорока'],
  [50, 'пятьдесят пятидесяти'],
  [60, 'шестьдесят шестидесяти'],
  [70, 'семьдесят семидесяти'],
  [80, 'восемьдесят восьмидесяти'],
  [90, 'девяносто девяноста'],
  [100, 'сто ста'],
  [200, 'двести двухсот'],
  [300, 'триста трехсот'],
  [400, 'четыреста четырехсот'],
  [500, 'пятьсот пятисот'],
  [600, 'шестьсот шестисот'],
  [700, 'семьсот семисот'],
  [800, 'восемьсот восьмисот'],
  [900, 'девятьсот девятисот']
]
for (const [value, forms] of cardinals) put(value, false, forms)

const hard = 'ый ая ое ого ой ому ую ым ом'.split(' ')
const stems: readonly (readonly [number, string])[] = [
  [1, 'перв'],
  [2, 'втор'],
  [4, 'четверт'],
  [5, 'пят'],
  [6, 'шест'],
  [7, 'седьм'],
  [8, 'восьм'],
  [9, 'девят'],
  [10, 'десят'],
  [11, 'одиннадцат'],
  [12, 'двенадцат'],
  [13, 'тринадцат'],
  [14, 'четырнадцат'],
  [15, 'пятнадцат'],
  [16, 'шестнадцат'],
  [17, 'семнадцат'],
  [18, 'восемнадцат'],
  [19, 'девятнадцат'],
  [20, 'двадцат'],
  [30, 'тридцат'],
  [40, 'сороков'],
  [50, 'пятидесят'],
  [60, 'шестидесят'],
  [70, 'семидесят'],
  [80, 'восьмидесят'],
  [90, 'девяност'],
  [100, 'сот']
]
for (const [value, stem] of stems) put(value, true, hard.map(ending => stem + ending).join(' '))
put(3, true, 'третий третья третье третьего третьей третьему третью третьим третьем')

export const numeralOf = (word: string): Numeral | undefined => numerals.get(word)

/** "пятидесятилетия" → 50, also with a slip in its second half; 0 for what is none. */
export function jubilee(word: string): number {
  for (let at = word.length - 6; at <= word.length - 4; at++) {
    const numeral = at < 3 ? undefined : numerals.get(word.slice(0, at))
    if (numeral === undefined || numeral.isOrdinal) continue
    const rest = word.slice(at)
    if (/^лет(?:ия|ие|ию)$/.test(rest) || distance(rest, 'летия', 1) <= 1) return numeral.value
  }
  return 0
}

const romanDigits: Readonly<Record<string, number>> = { i: 1, v: 5, x: 10 }

/** "xxii" → 22, in Latin letters or in Cyrillic ones that look like them; 0 for what is none. */
export function roman(word: string): number {
  if (word.length > 6 || !/^[ivxіх]+$/.test(word)) return 0
  const letters = [...word.replace(/і/g, 'i').replace(/х/g, 'x')].map(letter => romanDigits[letter] ?? 0)
  const value = letters.reduce((sum, n, i) => sum + (n < (letters[i + 1] ?? 0) ? -n : n), 0)
  return value > 0 && value < 40 ? value : 0
}
