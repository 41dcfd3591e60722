/**
 * Russian street addresses as people write them, brought to one form. Not a parser of every address of the country:
 * it knows what stands between a street and a door in one operator's list of buildings, and leaves the rest as words.
 */

/** Longer input is cut: no address is longer, and the time a look-up takes stays bounded. */
export const addressLengthMax = 200

/** Where a house stands: a street in a town. */
export interface ParsedPlace {
  /** Town as written ('' when none is): "заречный". */
  readonly town: string
  /** Canonical types the written one may stand for: `пр` is проспект or проезд. Empty when none is written. */
  readonly types: readonly string[]
  /** Words of the street's name without type and initials, numbers first: `["1", "парковая"]`. */
  readonly words: readonly string[]
  /** Initials and one-letter shortenings: М. Горького, Б. Покровская. */
  readonly initials: readonly string[]
}

export interface ParsedAddress extends ParsedPlace {
  /** null when only a street is written. */
  readonly house: ParsedHouse | null
}

export interface ParsedHouse {
  readonly number: string
  readonly letter: string
  /** What stands behind a slash or a dash: a crossing street's number, a corpus, or a flat. */
  readonly second: string
  readonly corpus: string
  /** строение */
  readonly building: string
  /** литера */
  readonly liter: string
  readonly flat: string
}

export interface AddressContext {
  /** Names of the towns an address without a town stands for, lower case, ё as е. */
  readonly homeCities: ReadonlySet<string>
  /** Other towns known by name, so that "Заречный, Ленина 5" is read without "г.". */
  readonly towns: ReadonlySet<string>
}

export const noContext: AddressContext = { homeCities: new Set(), towns: new Set() }

/** Written forms of each street type. A form that stands for two types is listed under both. */
const typeForms: Readonly<Record<string, string>> = {
  улица: 'ул улица',
  проспект: 'пр-т пр-кт просп проспект пр',
  проезд: 'пр-д пр-зд проезд пр',
  переулок: 'пер переулок',
  площадь: 'пл площадь',
  шоссе: 'ш шоссе',
  набережная: 'наб набережная',
  бульвар: 'б-р бул бульвар бульв',
  аллея: 'ал аллея',
  тупик: 'туп тупик',
  линия: 'лин линия',
  микрорайон: 'мкр мкрн мкр-н м-н микрорайон',
  квартал: 'кв-л кварт квартал'
}

const typesOfForm = new Map<string, string[]>()
for (const [type, forms] of Object.entries(typeForms)) {
  for (const form of forms.split(' ')) typesOfForm.set(form, [...(typesOfForm.get(form) ?? []), type])
}

/** One letter may as well be an initial or a shortened word of the name: these count as both. */
export const weakForms: ReadonlyMap<string, string> = new Map([
  ['п', 'переулок'],
  ['б', 'бульвар']
])

const townMarks = new Set(
  'г гор город пос поселок пгт рп село деревня дер станица ст-ца хутор аул снт днт'.split(' ')
)
const regionMarks = new Set('обл область край респ республика р-н район округ'.split(' '))

const ordinalWords: Readonly<Record<string, string>> = {
  перв: '1',
  втор: '2',
  трет: '3',
  четверт: '4',
  пят: '5',
  шест: '6',
  седьм: '7',
  восьм: '8',
  девят: '9',
  десят: '10'
}
const ordinalWord = /^(перв|втор|трет|четверт|пят|шест|седьм|восьм|девят|десят)(?:ая|ый|ой|ий|ья|ое|ье)$/

/** Latin letters that look like Cyrillic ones. */
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

const layoutFrom = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
const layoutTo = 'йцукенгшщзхъфывапролджэячсмитьбюё'
const layout = new Map([...layoutFrom].map((key, i) => [key, layoutTo[i] ?? '']))

/** What would have been written had the keyboard been in the Russian layout: "ktybyf 5" → "ленина 5". */
export function fromLatinLayout(text: string): string {
  return [...text.slice(0, addressLengthMax).toLowerCase()].map(key => layout.get(key) ?? key).join('')
}

/** Lower case, ё as е, one kind of dash, no quotes, Cyrillic letters where Latin ones were meant. */
function clean(text: string): string {
  const plain = text
    .slice(0, addressLengthMax)
    .normalize('NFC')
    .toLowerCase()
    .normalize('NFC')
    .replace(/ё/g, 'е')
    .replace(/[‐‑‒–—―−]/g, '-')
    .replace(/[\\|]/g, '/')
    .replace(/[;\n\r]/g, ',')
    .replace(/[^a-zа-я0-9,/-]+/g, ' ')
  const cyrillic = /[а-я]/.test(plain)
  return plain.replace(/[a-zа-я0-9]+/g, token => {
    if (!/[a-z]/.test(token) || !/^[abcehkmoptxyа-я0-9]+$/.test(token)) return token
    // "12a", "1k2" and one letter are house parts; a whole Latin word is turned only in a Cyrillic address.
    const housePart = /^\d*[a-z]\d*$/.test(token)
    if (!housePart && !cyrillic) return token
    return token.replace(/[a-z]/g, letter => homoglyphs[letter] ?? letter)
  })
}

/** One letter: alone, or with the mark of a corpus or building glued to it ("1Ак3"). */
const L = '[а-я](?:(?![а-я])|(?=(?:корпус|корп|кор|к|строение|стр|с)[ -]?\\d))'
/** A letter behind a house number, unless it begins "к 2", "с 1" or "д 7". */
const houseLetter = `(?:(?!-? ?[ксд][ -]?\\d)-? ?(${L}))`
/** A letter glued to a corpus or building number, under the same condition. */
const partLetter = `(?:(?![ксд][ -]?\\d)${L})?`
const flatMark =
  '(?:квартира|кв|офис|оф|помещение|помещ|пом|комната|комн|ком|подъезд|под|п|этаж|эт|секция|секц)'
const housePattern = new RegExp(
  '^(?:(?:дом|д|владение|влад|вл|домовладение|двлд|сооружение|соор|участок|уч) ?)?' +
    `(\\d{1,5})${houseLetter}?` +
    `(?: ?[/-] ?(\\d{1,5}${partLetter}))?` +
    `(?: ?-? ?(?:корпус|корп|кор|к)(?: ?(?=\\d)| )(\\d{1,4}${partLetter}|${L}))?` +
    `(?: ?-? ?(?:строение|строен|стр|с)(?: ?(?=\\d)| )(\\d{1,4}${partLetter}|${L}))?` +
    `(?: ?(?:литера|литер|лит) ?(${L}\\d{0,2}))?` +
    `((?: ?(?:${flatMark} ?)?\\d{1,5}(?:${L})?){0,3})$`
)

/** Reads one address. Never throws; what it does not understand stays among the street's words. */
export function parseAddress(text: string, context: AddressContext = noContext): ParsedAddress {
  const { town, rest } = takeTown(partsOf(text), context)
  const tokens = tokensOf(rest)
  for (let at = 1; at < tokens.length; at++) {
    if (!startsHouse(tokens, at)) continue
    const house = readHouse(tokens.slice(at).join(' '))
    if (house === null) continue
    const street = readStreet(tokens.slice(0, at))
    if (street.words.length > 0) return { town, ...street, house }
  }
  return { town, ...readStreet(tokens), house: null }
}

function partsOf(text: string): string[] {
  return clean(text)
    .split(',')
    .map(part => part.trim().replace(/ +/g, ' '))
    .filter(part => part !== '')
}

function tokensOf(parts: readonly string[]): string[] {
  return parts
    .join(' ')
    .replace(/(^|[ ])-+|-+(?=[ ]|$)/g, ' ')
    .split(' ')
    .filter(token => token !== '')
}

/** Streets and houses remembered by a reader; beyond, it forgets and begins again. */
const rememberedMax = 50_000

/**
 * Reads a list of addresses as `parseAddress` reads each, some ten times faster where what stands before the last
 * comma (town and street) and behind it (the house) come again and again, as they do in a list of buildings. Those
 * that repeat are the same objects.
 */
export function createAddressReader(
  context: AddressContext
): (text: string) => { readonly place: ParsedPlace; readonly house: ParsedHouse | null } {
  const places = new Map<string, ParsedPlace | null>()
  const houses = new Map<string, ParsedHouse | null>()
  let towns = -1

  /** null where the parts cannot be read apart from each other. */
  const placeOf = (text: string): ParsedPlace | null => {
    const { town, rest } = takeTown([...partsOf(text), '1'], context)
    if (rest.length < 2 || rest[rest.length - 1] !== '1') return null
    const tokens = tokensOf(rest.slice(0, -1))
    if (tokens.some((_, at) => at > 0 && startsHouse(tokens, at))) return null
    const street = readStreet(tokens)
    return street.words.length === 0 ? null : { town, ...street }
  }
  const houseOf = (text: string): ParsedHouse | null => {
    const tokens = tokensOf(partsOf(text))
    return tokens.length > 0 && startsHouse(tokens, 0) ? readHouse(tokens.join(' ')) : null
  }
  const remembered = <T>(known: Map<string, T>, text: string, read: (text: string) => T): T => {
    let found = known.get(text)
    if (found === undefined) {
      if (known.size >= rememberedMax) known.clear()
      known.set(text, (found = read(text)))
    }
    return found
  }

  return text => {
    // A name learned as a town's may change how the others are read.
    if (towns !== context.towns.size) places.clear()
    towns = context.towns.size
    const comma = text.lastIndexOf(',')
    if (comma > 0 && text.length <= addressLengthMax && plainAddress.test(text)) {
      const tail = text.slice(comma + 1)
      if (plainHouse.test(tail)) {
        const place = remembered(places, text.slice(0, comma), placeOf)
        const house = remembered(houses, tail, houseOf)
        if (place !== null && house !== null) return { place, house }
      }
    }
    const { house, ...place } = parseAddress(text, context)
    return { place, house }
  }
}

/** No Latin letters, which are read by what stands around them, and nothing that is taken for a comma. */
const plainAddress = /^[а-яё0-9 .,/-]+$/i
/** Begins with a number, and has none of six digits: that is a post index wherever it stands. */
const plainHouse = /^ *\d(?!.*\d{6})(?!\d{5}(?!\d))[^,]*$/

/** Drops the post index, country and region; finds the town by its mark or by its name. */
function takeTown(parts: readonly string[], context: AddressContext): { town: string; rest: string[] } {
  let town = ''
  const rest: string[] = []
  for (const part of parts) {
    let words = part.split(' ').filter(word => !/^\d{6}$/.test(word) && word !== 'россия' && word !== 'рф')
    if (words.length === 0) continue
    const streetAhead = words.some(word => typesOfForm.has(word))
    if (!streetAhead && words.some(word => regionMarks.has(word)) && !/\d/.test(part)) continue
    if (town === '' && rest.length === 0) {
      const first = words[0] ?? ''
      const marked = townMarks.has(first) || (/^[дсп]$/.test(first) && isPlaceBefore(words))
      if (marked && words.length > 1 && !/^\d/.test(words[1] ?? '')) {
        const length = longestTown(words.slice(1), context) ?? (words.length === 2 ? 1 : townLength(words))
        town = words.slice(1, 1 + length).join(' ')
        words = words.slice(1 + length)
      } else {
        const length = longestTown(words, context)
        const alone = length === words.length
        if (
          length !== undefined &&
          (alone ? parts.length > 1 : /[а-я]{2}/.test(words.slice(length).join(' ')))
        ) {
          town = words.slice(0, length).join(' ')
          words = words.slice(length)
        }
      }
    }
    if (words.length > 0) rest.push(words.join(' '))
  }
  return { town, rest }
}

/** "д Ивановка, ул …" is a village: a word follows, and a street comes behind it. */
function isPlaceBefore(words: readonly string[]): boolean {
  return words.slice(2).some(word => typesOfForm.has(word)) && /^[а-я]{3,}/.test(words[1] ?? '')
}

/** How many words behind the mark belong to the town when no comma ends it: all before a street's type, else one. */
function townLength(words: readonly string[]): number {
  const type = words.findIndex((word, i) => i > 1 && typesOfForm.has(word))
  return type > 1 && words.slice(type + 1).some(word => /[а-я]{2}/.test(word)) ? type - 1 : 1
}

function longestTown(words: readonly string[], context: AddressContext): number | undefined {
  for (let length = Math.min(3, words.length); length > 0; length--) {
    const name = words.slice(0, length).join(' ')
    if (context.homeCities.has(name) || context.towns.has(name)) return length
  }
  return undefined
}

/** A house begins with a number or with a word like "дом" before one; an ordinal ("1-я") belongs to the street. */
function startsHouse(tokens: readonly string[], at: number): boolean {
  const token = tokens[at] ?? ''
  if (/^\d/.test(token))
    return !/^\d+-?(?:я|й|е|го|ая|ый|ой|ое|летия|лет)$/.test(token) && tokens[at + 1] !== 'лет'
  return /^(?:дом|д|владение|влад|вл|домовладение|двлд|сооружение|соор|участок|уч)\d*$/.test(token)
}

function readHouse(tail: string): ParsedHouse | null {
  const found = housePattern.exec(tail)
  if (found === null) return null
  const [, number = '', letter = '', second = '', corpus = '', building = '', liter = '', flats = ''] = found
  return {
    number: number.replace(/^0+(?=\d)/, ''),
    letter,
    second,
    corpus,
    building,
    liter,
    flat: /\d+/.exec(flats)?.[0] ?? ''
  }
}

function readStreet(tokens: readonly string[]): Pick<ParsedAddress, 'types' | 'words' | 'initials'> {
  let types: readonly string[] = []
  const typeAt = typePlace(tokens)
  const names: string[] = []
  const initials: string[] = []
  for (const [at, token] of tokens.entries()) {
    if (at === typeAt) {
      types = typesOfForm.get(token) ?? []
      continue
    }
    for (const word of token.split(/[-/]/)) {
      if (word === '') continue
      if (/^[а-я]$/.test(word) && !/^\d+-/.test(token)) initials.push(word)
      else names.push(word)
    }
  }
  const words = names
    .filter(
      (word, i) => !(i > 0 && /^(?:я|й|е|го|ая|ый|ой|ое)$/.test(word) && /^\d+$/.test(names[i - 1] ?? ''))
    )
    .filter(word => !/^(?:им|имени)$/.test(word) || names.length === 1)
    .map(word => {
      const glued = /^(\d+)(?:я|й|е|го|ая|ый|ой|ое)$/.exec(word)?.[1]
      const ordinal = ordinalWord.exec(word)?.[1]
      return glued ?? (ordinal === undefined || names.length === 1 ? word : (ordinalWords[ordinal] ?? word))
    })
    .map(word => (word === 'летия' || word === 'летие' ? 'лет' : word))
  const numbers = words.filter(word => /^\d+$/.test(word))
  return { types, words: [...numbers, ...words.filter(word => !/^\d+$/.test(word))], initials }
}

/** Which token is the street's type; one letter is taken for an initial instead. */
function typePlace(tokens: readonly string[]): number {
  return tokens.findIndex(token => typesOfForm.has(token))
}

/** The house in one spelling, flat left out: "1 к 2 стр 3". */
export function formatHouse(house: ParsedHouse): string {
  const second = house.second === '' ? '' : `/${house.second}`
  const corpus = house.corpus === '' ? '' : ` к ${house.corpus}`
  const building = house.building === '' ? '' : ` стр ${house.building}`
  const liter = house.liter === '' ? '' : ` лит ${house.liter}`
  return `${house.number}${house.letter}${second}${corpus}${building}${liter}`
}

function formatAddress(address: ParsedAddress, context: AddressContext): string {
  const town = address.town === '' || context.homeCities.has(address.town) ? '' : `г ${address.town}, `
  const type =
    address.types.length === 0 ? '' : `${address.types.length > 1 ? 'пр' : (address.types[0] ?? '')} `
  const street = [...address.words, ...address.initials].join(' ')
  const house = address.house === null ? '' : `, дом ${formatHouse(address.house)}`
  return `${town}${type}${street}${house}`.trim()
}

/** One spelling for every way of writing the same address; a spelling it gives stays as it is. */
export function normaliseAddress(text: string, context: AddressContext = noContext): string {
  let spelling = formatAddress(parseAddress(text, context), context)
  // Rarely the first spelling reads differently from what was written (a doubled type, a stray number): go on until
  // it no longer changes.
  for (let round = 0; round < 8; round++) {
    const next = formatAddress(parseAddress(spelling, context), context)
    if (next === spelling) return spelling
    spelling = next
  }
  return spelling
}
