import { head, spokenTails, tail, townBehind, townText } from './around.ts'
import { createRandom, pickFrom, wordsOf, type Book, type Building, type House, type Street } from './book.ts'
import { damage, transliterated } from './damage.ts'
import { spokenHouse, spokenNumber } from './spoken.ts'
import { ordinals, type StreetName } from './streets.ts'

/** What callers say, operators type and records of a CRM hold, each with the buildings that are meant. */
export interface Call {
  readonly query: string
  /** Ids of the buildings meant: one, several, or none. */
  readonly meant: readonly string[]
  /** The habit it was written by, for the report. */
  readonly form: string
}

/** What a call says; which buildings are meant follows from this alone. */
interface Said {
  readonly street: Street
  readonly town: 'said' | 'left out' | 'elsewhere'
  readonly type: 'said' | 'left out' | 'пр'
  readonly name: 'full' | 'short' | 'initial'
  readonly house: House
  /** A second number without a mark: corpus, fraction or flat. */
  readonly second: '' | '/' | '-'
}

type Random = () => number

const has = (random: Random, share: number): boolean => random() < share

export function makeCalls(book: Book, count: number): Call[] {
  const random = createRandom(book.seed * 7919 + 13)
  const byStreetKey = new Map<string, Building[]>()
  const keysOf = (name: StreetName | null): string[] =>
    name === null
      ? ['-']
      : [...new Set([name.key, `~${name.short.toLowerCase()}`, `~${name.initial.toLowerCase()}`])]
  for (const building of book.buildings) {
    for (const key of keysOf(building.street.name)) {
      const list = byStreetKey.get(key)
      if (list === undefined) byStreetKey.set(key, [building])
      else list.push(building)
    }
  }
  const kinds = new Map(book.buildings.map(({ id, house }) => [id, house.kind]))
  const kindOf = (id: string): House['kind'] | undefined => kinds.get(id)
  const calls: Call[] = []
  const meantBy = (said: Said): string[] | null => meant(said, byStreetKey)
  for (let tries = 0; calls.length < count && tries < count * 20; tries++) {
    const r = random()
    const building = pickFrom(book.buildings, random)
    const call =
      r < 0.9
        ? makeCall(building, random, meantBy, book, kindOf)
        : r < 0.96
          ? missingHouse(building, book, random, meantBy)
          : missingStreet(book, random)
    if (call !== null) calls.push(call)
  }
  return calls
}

function meant(said: Said, byKey: ReadonlyMap<string, readonly Building[]>): string[] | null {
  const { name } = said.street
  const keys =
    name === null
      ? ['-']
      : said.name === 'full'
        ? [name.key]
        : [`~${(said.name === 'short' ? name.short : name.initial).toLowerCase()}`]
  const sameName = keys.flatMap(key => byKey.get(key) ?? [])
  const sameType = sameName.filter(({ street }) => {
    if (said.type === 'said') return street.type === said.street.type
    return said.type === 'left out' || street.type?.name === 'проспект' || street.type?.name === 'проезд'
  })
  let placed = sameType
  if (said.town === 'elsewhere') return []
  if (said.town === 'said' || name === null) {
    placed = sameType.filter(({ street }) => street.town?.name === said.street.town?.name)
  } else if (sameType.some(({ street }) => street.town === null)) {
    placed = sameType.filter(({ street }) => street.town === null)
    // Meant of another town although the home town has such a street: nobody can know.
    if (said.street.town !== null) return null
  }
  const fitting = placed.filter(({ house }) => sameHouse(said, house))
  // "5/2" is the house that the book writes so, where it has one.
  const n = said.house.corpus === '' ? said.house.fraction : said.house.corpus
  const literal = said.second === '/' ? fitting.filter(({ house }) => house.fraction === n) : []
  return (literal.length > 0 ? literal : fitting).map(({ id }) => id)
}

function sameHouse({ house, second }: Said, other: House): boolean {
  const key = (h: House): string => [h.number, h.letter, h.corpus, h.building, h.fraction, h.liter].join('|')
  if (second === '') return key(house) === key(other)
  const n = house.corpus === '' ? house.fraction : house.corpus
  const bare = { ...house, corpus: '', fraction: '' }
  return [{ ...bare, corpus: n }, { ...bare, fraction: n }, bare].some(one => key(one) === key(other))
}

function makeCall(
  building: Building,
  random: Random,
  meantBy: (said: Said) => string[] | null,
  book: Book,
  kindOf: (id: string) => House['kind'] | undefined
): Call | null {
  const { street, house } = building
  const { name, type } = street
  const townSaid = street.town !== null && (street.town.name !== book.home || has(random, 0.5))
  const saidTown = townSaid && has(random, street.town?.name === book.home ? 0.7 : 0.9)
  const form = pickFrom(forms, random)
  const written = form.write(street, house, random)
  if (written === null) return null
  const typeSaid = written.type ?? 'said'
  const said: Said = {
    street,
    house,
    town: saidTown || name === null ? 'said' : 'left out',
    type: type === null ? 'left out' : typeSaid,
    name: written.name ?? 'full',
    second: written.second ?? ''
  }
  const ids = meantBy(said)
  if (ids === null || ids.length === 0) return null
  const isMixed = ids.length > 1 && new Set(ids.map(kindOf)).size > 1
  if (isMixed) return null
  // One that says only a part of what tells a building from its neighbours, and is not known to be of several.
  const isSaid = said.town === 'said' && street.town !== null
  const isBehind =
    isSaid && name !== null && written.isWhole !== true && written.spoken !== true && has(random, 0.2)
  const town = isSaid && !isBehind ? townText(street, written.spoken === true, random) : ''
  const place = isBehind ? townBehind(street, random) : ''
  const text = name === null ? `${town}${written.text.trim()}` : `${town}${written.text}${place}`
  const behind =
    written.isWhole === true
      ? ''
      : written.spoken === true
        ? pickFrom(spokenTails, random)
        : has(random, 0.35)
          ? isBehind && !place.includes(')')
            ? ''
            : tail(random)
          : ''
  const before = written.spoken !== true && written.isWhole !== true && has(random, 0.06) ? head(random) : ''
  const harmed = damage(
    `${before}${text}${behind}`,
    text,
    name === null ? (street.town?.name ?? '') : `${name.full} ${name.locative}`,
    written.spoken === true,
    random
  )
  return {
    query: harmed.text,
    meant: ids,
    form: `${form.name}${harmed.kind === '' ? '' : `+${harmed.kind}`}`
  }
}

interface Written {
  /** Nothing more is put behind it. */
  readonly isWhole?: true
  readonly text: string
  readonly type?: Said['type']
  readonly name?: Said['name']
  readonly second?: Said['second']
  readonly spoken?: boolean
}

const longForm = (street: Street, random: Random): string => pickFrom(street.type!.forms, random)
const isNumber = (street: Street): boolean => /^\d+$/.test(street.name?.full ?? '')

function houseText(house: House, random: Random): string {
  const glued = has(random, 0.4)
  const mark = pickFrom(['', '', 'д. ', 'д.', 'дом '], random)
  const start =
    house.kind === 'владение'
      ? pickFrom(['вл. ', 'владение ', ''], random)
      : house.kind === 'участок'
        ? pickFrom(['уч. ', 'участок ', ''], random)
        : mark
  const letter =
    house.letter === ''
      ? ''
      : pickFrom(
          [
            house.letter,
            house.letter.toLowerCase(),
            ` ${house.letter}`,
            ` "${house.letter}"`,
            `-${house.letter}`,
            ` «${house.letter}»`
          ],
          random
        )
  const corpus =
    house.corpus === ''
      ? ''
      : (glued
          ? 'к'
          : pickFrom([' к ', ' к.', ' корп. ', ', корп. ', ' корпус ', ', корпус ', ' кор '], random)) +
        house.corpus
  const building =
    house.building === ''
      ? ''
      : (glued ? 'с' : pickFrom([' стр ', ' стр. ', ', строение ', ' с '], random)) + house.building
  const liter =
    house.liter === '' ? '' : pickFrom([' литер ', ' лит. ', ', литера ', ' лит'], random) + house.liter
  const fraction =
    house.fraction === '' ? '' : pickFrom(['/', '/', ' / ', ' дробь '], random) + house.fraction
  return `${start}${house.number}${letter}${fraction}${corpus}${building}${liter}`
}

interface Form {
  readonly name: string
  readonly write: (street: Street, house: House, random: Random) => Written | null
}

const villageText = (house: House, random: Random): Written => ({ text: houseText(house, random) })

const streetForm =
  (write: (street: Street & { readonly name: StreetName }, house: House, random: Random) => Written | null) =>
  (street: Street, house: House, random: Random): Written | null =>
    street.name === null || street.type === null
      ? villageText(house, random)
      : write({ ...street, name: street.name }, house, random)

const forms: readonly Form[] = [
  {
    name: 'record',
    write: streetForm((street, house, random) => ({
      text: `${longForm(street, random)} ${street.name.full}${pickFrom([', ', ' '], random)}${houseText(house, random)}`
    }))
  },
  {
    name: 'record',
    write: streetForm((street, house, random) => ({
      text: `${longForm(street, random)} ${street.name.full}, ${houseText(house, random)}`
    }))
  },
  {
    name: 'type behind',
    write: streetForm((street, house, random) => ({
      text: `${street.name.full}${isNumber(street) && has(random, 0.5) ? (street.type!.gender === 'f' ? '-я' : '-й') : ''} ${longForm(street, random)}${pickFrom([', ', ' '], random)}${houseText(house, random)}`
    }))
  },
  {
    name: 'no type',
    write: streetForm((street, house, random) =>
      isNumber(street) ? null : { text: `${street.name.full} ${houseText(house, random)}`, type: 'left out' }
    )
  },
  {
    name: 'typed fast',
    write: streetForm((street, house, random) =>
      isNumber(street)
        ? null
        : {
            text: `${street.name.full} ${houseText(house, random).replace(/[.,]/g, '')}`.toLowerCase(),
            type: 'left out'
          }
    )
  },
  {
    name: 'glued',
    write: streetForm((street, house, random) => {
      const housing = houseText(house, random)
      return /^\d/.test(street.name.full)
        ? null
        : {
            text: `${street.type!.forms[1] ?? ''}${/\.$/.test(street.type!.forms[1] ?? '') ? '' : ' '}${street.name.full}${/^\d/.test(housing) && has(random, 0.5) ? '' : ' '}${housing}`
          }
    })
  },
  {
    name: 'spoken',
    write: streetForm((street, house, random) => {
      const withType = isNumber(street) || has(random, 0.5)
      const type = street.type!
      const name = street.name.spoken
      const said = !withType ? name : has(random, 0.7) ? `${type.name} ${name}` : `${name} ${type.name}`
      return {
        text: `${said} ${spokenHouse(house, random)}`.toLowerCase(),
        type: withType ? 'said' : 'left out',
        spoken: true
      }
    })
  },
  {
    name: 'locative',
    write: streetForm((street, house, random) => {
      if (isNumber(street)) return null
      const type = street.type!
      const { locative } = street.name
      const said = has(random, 0.6)
        ? `${type.preposition} ${type.locative} ${locative}`
        : `${type.preposition} ${locative} ${type.locative}`
      return {
        text: `${said} ${has(random, 0.5) ? spokenHouse(house, random) : houseText(house, random)}`.toLowerCase(),
        spoken: true
      }
    })
  },
  {
    name: 'short name',
    write: streetForm((street, house, random) =>
      street.name.short === street.name.full
        ? null
        : {
            text: `${longForm(street, random)} ${street.name.short}, ${houseText(house, random)}`,
            name: 'short'
          }
    )
  },
  {
    name: 'initial',
    write: streetForm((street, house, random) =>
      street.name.initial === street.name.full
        ? null
        : {
            text: `${longForm(street, random)} ${street.name.initial} ${houseText(house, random)}`,
            name: 'initial'
          }
    )
  },
  {
    name: 'unmarked second',
    write: streetForm((street, house, random) => {
      const n = house.corpus === '' ? house.fraction : house.corpus
      if (n === '' || house.building !== '' || house.letter !== '') return null
      const second = pickFrom(['/', '-'] as const, random)
      return {
        text: `${longForm(street, random)} ${street.name.full} ${house.number}${second}${n}`,
        second,
        isWhole: true
      }
    })
  },
  {
    name: 'house first',
    write: streetForm((street, house, random) =>
      isNumber(street) || /\d/.test(street.name.full) || house.kind !== 'дом'
        ? null
        : { text: `д. ${houseText({ ...house }, () => 0)}, ${longForm(street, random)} ${street.name.full}` }
    )
  },
  {
    name: 'house first, no marks',
    write: streetForm((street, house) =>
      /\d|^[IVX]+ /.test(street.name.full) || house.kind !== 'дом'
        ? null
        : {
            text: `${houseText(house, () => 0)} ${street.name.full}`.toLowerCase(),
            type: 'left out'
          }
    )
  },
  {
    name: 'house first, along the street',
    write: streetForm((street, house, random) => {
      const type = street.type!
      // The dative of other genders is not among the forms of a name.
      if (/\d|^[IVX]+ /.test(street.name.full) || house.kind !== 'дом' || type.gender !== 'f') return null
      const said = has(random, 0.5) ? spokenHouse(house, random) : houseText(house, random)
      return {
        text: `${/^дом|^д\./.test(said) ? '' : 'дом '}${said} по ${type.locative} ${street.name.locative}`.toLowerCase(),
        spoken: true
      }
    })
  },
  {
    name: 'ordinal house',
    write: streetForm((street, house, random) => {
      if (/\d|^[IVX]+ /.test(street.name.full) || house.kind !== 'дом') return null
      const number = ordinals.m[house.number - 1]
      const isPlain = house.letter + house.corpus + house.building + house.fraction + house.liter === ''
      if (number === undefined || !isPlain) return null
      const type = street.type!
      const isTyped = has(random, 0.5)
      return {
        text: `${number} дом ${type.preposition} ${isTyped ? `${type.locative} ` : ''}${street.name.locative}`.toLowerCase(),
        type: isTyped ? 'said' : 'left out',
        spoken: true
      }
    })
  },
  {
    name: 'in English',
    write: streetForm((street, house, random) => {
      const isPlain = house.letter + house.corpus + house.building + house.fraction + house.liter === ''
      if (
        street.type?.name !== 'улица' ||
        !isPlain ||
        house.kind !== 'дом' ||
        /^[IVX]+ /.test(street.name.full)
      )
        return null
      const name = transliterated(street.name.full, random)
      return {
        text: pickFrom(
          [
            `${name} st., ${house.number}`,
            `${name} street ${house.number}`,
            `${name} str. ${house.number}, apt. 14`,
            `${house.number} ${name} Street`
          ].slice(0, /\d/.test(name) ? 3 : 4),
          random
        ),
        isWhole: true
      }
    })
  },
  {
    name: 'flat by dash',
    write: streetForm((street, house, random) => {
      if (house.corpus !== '' || house.building !== '' || house.fraction !== '' || house.liter !== '')
        return null
      return {
        text: `${longForm(street, random)} ${street.name.full}, ${house.number}${house.letter}-${70 + Math.floor(random() * 90)}`,
        isWhole: true
      }
    })
  },
  {
    name: 'пр',
    write: streetForm((street, house, random) =>
      street.type?.name !== 'проспект' && street.type?.name !== 'проезд'
        ? null
        : { text: `пр. ${street.name.full} ${houseText(house, random)}`, type: 'пр' }
    )
  },
  {
    name: 'spoken with words around',
    write: streetForm((street, house, random) => ({
      text: `здравствуйте это ${street.type!.name} ${street.name.spoken} дом ${spokenNumber(house.number)}${spokenHouse({ ...house, number: 0 }, random)}`,
      spoken: true
    }))
  }
]

function missingHouse(
  { street, house }: Building,
  book: Book,
  random: Random,
  meantBy: (said: Said) => string[] | null
): Call | null {
  if (street.name === null || street.type === null) return null
  const other = pickFrom(
    [
      { ...house, number: 300 + Math.floor(random() * 90) },
      { ...house, corpus: String(5 + Math.floor(random() * 4)) },
      { ...house, letter: pickFrom(['Д', 'Ж', 'К'], random) },
      { ...house, building: String(6 + Math.floor(random() * 3)) }
    ],
    random
  )
  const elsewhere = has(random, 0.2)
  const said: Said = {
    street,
    town: elsewhere ? 'elsewhere' : 'said',
    type: 'said',
    name: 'full',
    house: elsewhere ? house : other,
    second: ''
  }
  const ids = meantBy(said)
  if (ids === null || ids.length > 0) return null
  const place = elsewhere
    ? 'г. Дальногорск, '
    : street.town === null
      ? ''
      : `${street.town.mark} ${street.town.name}, `
  if (elsewhere && book.home === 'Дальногорск') return null
  const address = `${longForm(street, random)} ${street.name.full}, ${houseText(said.house, random)}`
  const behind = pickFrom(
    [', г. Дальногорск', ' город Дальногорск', ', г.Дальногорск', ', село Дальнее'],
    random
  )
  const text =
    elsewhere && has(random, 0.5)
      ? `${address}${behind}`
      : `${place}${address}${has(random, 0.3) ? tail(random) : ''}`
  return { query: text, meant: [], form: elsewhere ? 'another town' : 'no such house' }
}

function missingStreet(book: Book, random: Random): Call | null {
  if (book.unusedNames.length === 0) return null
  const name = pickFrom(book.unusedNames, random)
  const number = 1 + Math.floor(random() * 60)
  if (/^\d/.test(name.full) || wordsOf(name).length === 0) return null
  return {
    query: pickFrom(
      [
        `ул. ${name.full}, ${number}`,
        `${name.full} ${number}`,
        `улица ${name.full.toLowerCase()} дом ${number}`
      ],
      random
    ),
    meant: [],
    form: 'no such street'
  }
}
