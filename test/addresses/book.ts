import { inventedName, namesFor, streetTypes, type StreetName, type StreetType } from './streets.ts'

/** A book of addresses as a provider keeps one: several towns, one habit of writing, some exceptions to it. */

export interface Town {
  readonly name: string
  readonly mark: string
  readonly locative: string
}

export interface Street {
  readonly town: Town | null
  /** null for a village without streets. */
  readonly type: StreetType | null
  readonly name: StreetName | null
}

export interface House {
  readonly number: number
  readonly letter: string
  readonly corpus: string
  readonly building: string
  readonly fraction: string
  readonly liter: string
  readonly kind: 'дом' | 'владение' | 'участок'
}

export interface Building {
  readonly id: string
  readonly street: Street
  readonly house: House
  readonly address: string
}

export interface Book {
  readonly seed: number
  readonly buildings: readonly Building[]
  readonly streets: readonly Street[]
  /** Names that no street of the book bears, for calls from elsewhere. */
  readonly unusedNames: readonly StreetName[]
  readonly home: string
}

export function createRandom(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const pickFrom = <T>(list: readonly T[], random: () => number): T =>
  list[Math.floor(random() * list.length)]!

const towns: readonly Town[] = [
  { name: 'Заречный', mark: 'г.', locative: 'Заречном' },
  { name: 'Светлогорск', mark: 'г.', locative: 'Светлогорске' },
  { name: 'Новокаменск', mark: 'г.', locative: 'Новокаменске' },
  { name: 'Краснополье', mark: 'пгт', locative: 'Краснополье' },
  { name: 'Сосновка', mark: 'пос.', locative: 'Сосновке' }
]
const villages: readonly Town[] = [
  { name: 'Ивановка', mark: 'дер.', locative: 'Ивановке' },
  { name: 'Петрово', mark: 'с.', locative: 'Петрово' },
  { name: 'Кузьминки', mark: 'дер.', locative: 'Кузьминках' },
  { name: 'Старое Село', mark: 'дер.', locative: 'Старом Селе' },
  { name: 'Ромашка', mark: 'СНТ', locative: 'Ромашке' }
]
const homeTown: Town = { name: 'Энск', mark: 'г.', locative: 'Энске' }

interface Habit {
  readonly typeForm: number
  readonly typeBehind: boolean
  readonly house: string
  readonly corpus: string
  readonly building: string
  readonly liter: string
  readonly homeSaid: boolean
  readonly index: boolean
}

export function makeBook(seed: number, buildings: number): Book {
  const random = createRandom(seed)
  const habit: Habit = {
    typeForm: Math.floor(random() * 4),
    typeBehind: random() < 0.3,
    house: pickFrom([', ', ', д. ', ', дом ', ' ', ', д.'], random),
    corpus: pickFrom([' к ', 'к', ', корп. ', ' корпус ', ' к. '], random),
    building: pickFrom([' стр ', 'с', ', стр. ', ' строение '], random),
    liter: pickFrom([', литер ', ' лит. ', ' лит'], random),
    homeSaid: random() < 0.4,
    index: random() < 0.2
  }
  const streets: Street[] = []
  const seen = new Set<string>()
  const add = (town: Town | null, type: StreetType | null, name: StreetName | null): void => {
    const key = [town?.name ?? '', type?.name ?? '', name?.key ?? ''].join('|')
    if (seen.has(key)) return
    seen.add(key)
    streets.push({ town, type, name })
  }
  const wanted = Math.max(8, Math.round(buildings / 25))
  const home = habit.homeSaid ? homeTown : null
  const pools = streetTypes.map(type => ({ type, names: namesFor(type) }))
  const weights = [0.55, 0.62, 0.67, 0.78, 0.8, 0.82, 0.84, 0.87, 0.88, 0.9, 0.94, 0.97, 1]
  while (streets.length < wanted) {
    const r = random()
    const { type, names } = pools[weights.findIndex(weight => r <= weight)]!
    const invented = wanted > 400 && type.name === 'улица' && random() < 0.8
    const name = invented ? inventedName(random) : pickFrom(names, random)
    const place = random() < 0.82 ? home : pickFrom(towns, random)
    add(place, type, name)
    // The same name on another kind of street, and in another town, as it is everywhere.
    if (random() < 0.05) {
      const other = pickFrom(pools, random)
      if (other.names.some(({ key }) => key === name.key)) add(place, other.type, name)
    }
    if (random() < 0.06) add(pickFrom(towns, random), type, name)
    if (random() < 0.02) add(pickFrom(villages, random), null, null)
  }
  const used = new Set(streets.flatMap(({ name }) => (name === null ? [] : wordsOf(name))))
  const unusedNames = pools
    .filter(({ type }) => type.name === 'улица' || type.name === 'переулок')
    .flatMap(({ names }) => names)
    .filter(name => !wordsOf(name).some(word => used.has(word)))
  const list: Building[] = []
  for (let s = 0; list.length < buildings; s = (s + 1) % streets.length) {
    const street = streets[s]!
    const from = 1 + Math.floor(random() * 40)
    const count = Math.min(buildings - list.length, 5 + Math.floor(random() * 30))
    addHouses(list, street, from, count, habit, random)
  }
  const known = new Set<string>()
  const numberOf = new Map(streets.map((street, i) => [street, i]))
  const unique = list.filter(building => {
    const key = JSON.stringify([numberOf.get(building.street), building.house])
    if (known.has(key)) return false
    known.add(key)
    return true
  })
  return { seed, buildings: unique, streets, unusedNames, home: homeTown.name }
}

/** The words by which a caller could take one street for another: all stems, endings aside. */
export function wordsOf(name: StreetName): string[] {
  return name.full
    .toLowerCase()
    .replace(/ё/g, 'е')
    .split(/[^а-яa-z]+/)
    .filter(word => word.length > 3)
    .map(word => word.slice(0, Math.max(4, word.length - 3)))
}

function addHouses(
  list: Building[],
  street: Street,
  from: number,
  count: number,
  habit: Habit,
  random: () => number
): void {
  const plain: House = {
    number: 0,
    letter: '',
    corpus: '',
    building: '',
    fraction: '',
    liter: '',
    kind: 'дом'
  }
  const put = (house: House): void => {
    list.push({ id: `b${list.length + 1}`, street, house, address: write(street, house, habit, random) })
  }
  for (let i = 0, number = from; i < count; i++, number += random() < 0.7 ? 1 : 2) {
    const r = random()
    const base = { ...plain, number }
    if (street.name === null) put({ ...base, kind: street.town?.mark === 'СНТ' ? 'участок' : 'дом' })
    else if (r < 0.68) put(base)
    else if (r < 0.78) {
      put(base)
      put({ ...base, letter: pickFrom(['А', 'Б', 'В'], random) })
    } else if (r < 0.88) {
      if (random() < 0.5) put(base)
      for (let c = 1; c <= 2; c++) put({ ...base, corpus: String(c) })
    } else if (r < 0.92) put({ ...base, fraction: String(1 + Math.floor(random() * 60)) })
    else if (r < 0.95) put({ ...base, building: String(1 + Math.floor(random() * 4)) })
    else if (r < 0.97) {
      put({ ...base, corpus: '1', building: '1' })
      put({ ...base, corpus: '1', building: '2' })
    } else if (r < 0.985) for (const liter of ['А', 'Б']) put({ ...base, liter })
    else put({ ...base, kind: 'владение' })
  }
}

function write(street: Street, house: House, habit: Habit, random: () => number): string {
  const town = street.town === null ? '' : `${street.town.mark} ${street.town.name}, `
  const index = habit.index ? '248000, ' : ''
  if (street.type === null || street.name === null) {
    const mark = house.kind === 'участок' ? 'уч. ' : habit.house.includes('д') ? 'д. ' : ''
    return `${index}${town}${mark}${house.number}`
  }
  const form = street.type.forms[Math.min(habit.typeForm, street.type.forms.length - 1)]!
  const behind = habit.typeBehind || (/^\d+$/.test(street.name.full) && random() < 0.5)
  const numberedName = /^\d+$/.test(street.name.full)
    ? behind
      ? `${street.name.full}-${street.type.gender === 'f' ? 'я' : 'й'}`
      : street.name.full
    : street.name.full
  const title = random() < 0.1 ? street.name.initial : numberedName
  const full = /^\d+$/.test(street.name.full) ? numberedName : title
  const way = behind ? `${full} ${form}` : `${form} ${full}`
  const isSized = /^(?:Больш|Мал|Верхн|Нижн)/.test(street.name.full)
  const said = isSized ? (behind ? `${numberedName} ${form}` : `${form} ${numberedName}`) : way
  return `${index}${town}${said}${writeHouse(house, habit)}`
}

function writeHouse(house: House, habit: Habit): string {
  const mark = house.kind === 'владение' ? ', вл. ' : habit.house
  return (
    `${mark}${house.number}${house.letter}` +
    (house.fraction === '' ? '' : `/${house.fraction}`) +
    (house.corpus === '' ? '' : `${habit.corpus}${house.corpus}`) +
    (house.building === '' ? '' : `${habit.building}${house.building}`) +
    (house.liter === '' ? '' : `${habit.liter}${house.liter}`)
  )
}
