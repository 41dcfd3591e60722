import { pickFrom } from './book.ts'

/** What happens to a text on its way to the box: typing errors, another keyboard, another alphabet. */

type Random = () => number

const gost: Readonly<Record<string, string>> = {
  а: 'a',
  б: 'b',
  в: 'v',
  г: 'g',
  д: 'd',
  е: 'e',
  ё: 'yo',
  ж: 'zh',
  з: 'z',
  и: 'i',
  й: 'j',
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
  х: 'x',
  ц: 'cz',
  ч: 'ch',
  ш: 'sh',
  щ: 'shh',
  ъ: '',
  ы: 'y',
  ь: "'",
  э: 'e',
  ю: 'yu',
  я: 'ya'
}
const passport = { ...gost, ё: 'e', й: 'i', х: 'kh', ц: 'ts', щ: 'shch', ъ: 'ie', ь: '', ю: 'iu', я: 'ia' }
const sms = { ...gost, ё: 'e', й: 'y', х: 'h', ц: 'c', щ: 'sch', ь: '', ж: 'zh', ч: '4', ш: 'sh' }
/** ISO 9:1995, and the older GOST 16876, as maps and forms have them. */
const iso = {
  ...gost,
  ё: 'ë',
  ж: 'ž',
  й: 'j',
  х: 'h',
  ц: 'c',
  ч: 'č',
  ш: 'š',
  щ: 'ŝ',
  э: 'è',
  ю: 'û',
  я: 'â',
  ь: 'ʹ'
}
const oldGost = { ...gost, ё: 'jo', й: 'j', х: 'kh', ц: 'c', щ: 'shh', ю: 'ju', я: 'ja' }
const roadSign = { ...gost, ё: 'e', й: 'y', х: 'kh', ц: 'ts', щ: 'shch', ь: '', э: 'e' }
const chat = { ...sms, ш: 'w', щ: 'w', х: 'x', ю: 'u', я: 'ya', ж: 'zh', ч: 'ch', ц: 'ts' }
const bank = { ...gost, ё: 'e', й: 'y', х: 'kh', ц: 'ts', щ: 'sch', ь: '', ю: 'yu', я: 'ya' }

const russianKeys = 'йцукенгшщзхъфывапролджэячсмитьбюё'
const latinKeys = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"

export function transliterated(text: string, random: Random): string {
  const table: Readonly<Record<string, string>> = pickFrom(
    [gost, passport, sms, bank, iso, oldGost, roadSign, chat],
    random
  )
  return [...text]
    .map(letter => {
      const lower = letter.toLowerCase()
      const latin = table[lower]
      if (latin === undefined) return letter
      return letter === lower ? latin : latin.charAt(0).toUpperCase() + latin.slice(1)
    })
    .join('')
}

function otherLayout(text: string): string {
  return [...text.toLowerCase()]
    .map(letter => {
      const at = russianKeys.indexOf(letter)
      return at === -1 ? letter : (latinKeys[at] ?? letter)
    })
    .join('')
}

/** Latin letters meant, Russian layout on: "ulitsa" comes out as "гдшеыф". */
function latinInRussianLayout(text: string): string {
  return [...text.toLowerCase()]
    .map(letter => {
      const at = latinKeys.indexOf(letter)
      return at === -1 || !/[a-z]/.test(letter) ? letter : (russianKeys[at] ?? letter)
    })
    .join('')
}

const alike: Readonly<Record<string, string>> = {
  а: 'a',
  е: 'e',
  о: 'o',
  с: 'c',
  р: 'p',
  х: 'x',
  у: 'y',
  А: 'A',
  В: 'B',
  Е: 'E',
  К: 'K',
  М: 'M',
  Н: 'H',
  О: 'O',
  Р: 'P',
  С: 'C',
  Т: 'T',
  Х: 'X'
}

const neighbours: Readonly<Record<string, string>> = {
  а: 'впеми',
  о: 'рлтьш',
  е: 'кнап',
  и: 'мтпа',
  н: 'гер',
  р: 'оптн',
  с: 'мчв',
  т: 'ироь',
  л: 'одшб',
  в: 'ыауc',
  к: 'уеа'
}

/** One slip within the longest word of the name. */
function typingError(text: string, name: string, random: Random): string | null {
  const isThere = (word: string): boolean => text.toLowerCase().includes(word.toLowerCase())
  const words = name.split(/[^А-Яа-яЁё]+/).filter(isThere)
  const word = words.sort((a, b) => b.length - a.length)[0] ?? ''
  if (word.length < 5) return null
  const at = text.toLowerCase().indexOf(word.toLowerCase())
  if (at === -1) return null
  const letters = [...text.slice(at, at + word.length)]
  const i = 1 + Math.floor(random() * (letters.length - 2))
  switch (Math.floor(random() * 4)) {
    case 0:
      letters.splice(i, 1)
      break
    case 1:
      letters.splice(i, 0, letters[i] ?? '')
      break
    case 2: {
      if (letters[i] === letters[i + 1]) return null
      const [a = '', b = ''] = [letters[i], letters[i + 1]]
      letters[i] = b
      letters[i + 1] = a
      break
    }
    default: {
      const near = neighbours[(letters[i] ?? '').toLowerCase()]
      letters[i] = near === undefined ? 'о' : pickFrom([...near], random)
    }
  }
  const slipped = letters.join('')
  return slipped === word ? null : text.slice(0, at) + slipped + text.slice(at + word.length)
}

export function damage(
  text: string,
  address: string,
  name: string,
  spoken: boolean,
  random: Random
): { readonly text: string; readonly kind: string } {
  const r = random()
  if (r < 0.06) {
    const slipped = typingError(text, name, random)
    return slipped === null ? { text, kind: '' } : { text: slipped, kind: 'slip' }
  }
  if (spoken) return r < 0.12 ? { text: text.replace(/ё/g, 'е'), kind: '' } : { text, kind: '' }
  if (/[a-z]{3}/.test(text)) return { text, kind: '' }
  if (r < 0.11) return { text: transliterated(address, random), kind: 'translit' }
  if (r < 0.13) return { text: otherLayout(address), kind: 'layout' }
  if (r < 0.14)
    return { text: latinInRussianLayout(transliterated(address, random)), kind: 'layout of translit' }
  if (r < 0.18)
    return { text: [...text].map(c => (random() < 0.5 ? (alike[c] ?? c) : c)).join(''), kind: 'alike' }
  if (r < 0.24) return { text: text.toUpperCase(), kind: 'upper' }
  if (r < 0.3) return { text: text.replace(/ё/g, 'е').replace(/Ё/g, 'Е'), kind: '' }
  if (r < 0.33) return { text: text.replace(/ /g, '  '), kind: 'spaces' }
  if (r < 0.36) return { text: text.toLowerCase(), kind: 'lower' }
  return { text, kind: '' }
}
