import type { Inventory } from '../model.ts'
import { createEntryReader, type Place } from './entry.ts'
import { houseKey, type House } from './house.ts'
import { createWordTable, type Name, type WordTable } from './names.ts'
import type { Street } from './street-match.ts'
import { tokensOf } from './tokens.ts'

/** Where the index reads addresses and their nodes, by number: it keeps neither itself. */
export type AddressSource = Pick<
  Inventory,
  'addressCount' | 'address' | 'nodeOfAddress' | 'nodeId' | 'tierOf'
>

/** The addresses of the inventory by street and house: some bytes an address, the rest by street and word. */
export interface Book {
  readonly size: number
  readonly words: WordTable
  /** Words of the names of towns and of districts. */
  readonly placeWords: WordTable
  namesOfWord(word: number): readonly Name[]
  streetsOfName(name: Name): readonly Street[]
  /** Towns and areas whose name has this word. */
  placesOfWord(word: number): readonly PlaceName[]
  /** Whether a town is the one that people leave out. */
  readonly isMainTown: (town: string) => boolean
  /** What it costs that the town of a street elsewhere was not said. */
  readonly otherTownCost: number
  /** Numbers of the addresses of a street, by house number. */
  addressesOf(street: Street): Int32Array
  houseOf(address: number): House | null
  /** The house's number; 0 where a place has none. */
  numberOf(address: number): number
  addressText(address: number): string
  nodeOf(address: number): number
}

export interface PlaceName {
  readonly text: string
  readonly words: readonly number[]
  readonly kind: 'town' | 'area'
}

/** Addresses read between two steps of the building: some milliseconds. */
const addressesPerStep = 300
const streetsPerStep = 50
const countedPerStep = 20_000

interface NumberedHouse {
  readonly house: House | null
  readonly number: number
}

interface Draft {
  readonly street: Street
  /** The names without ranks, first names and initials, and those that are left out. */
  readonly core: string
  readonly extras: readonly string[]
}

/** As the grammar reads it: "Санкт-Петербург" is two words. */
const normalTown = (town: string): string =>
  tokensOf(town)
    .filter(({ role }, _, all) => all.length === 1 || role?.isTown !== true)
    .map(({ text }) => text)
    .join(' ')

export function* createBook(source: AddressSource, homeCities: readonly string[]): Generator<void, Book> {
  const home = new Set(homeCities.map(normalTown))
  const words = createWordTable()
  const placeWords = createWordTable()
  const names = new Map<string, Name>()
  const namesByWord: Name[][] = []
  const streetsByName: Street[][] = []
  const places = new Map<string, PlaceName>()
  const placesByWord: PlaceName[][] = []
  const drafts: Draft[] = []
  const streetIds = new Map<string, number>()
  const streetOfPlace = new Map<Place, number>()
  const houses: NumberedHouse[] = []
  const houseIds = new Map<string, number>()
  const houseIdOf = new Map<House, number>()
  /** House of each address, by its number. */
  const houseOf = new Int32Array(source.addressCount)
  /** Street of each address plus one; 0 where nothing could be read. */
  const streetOf = new Int32Array(source.addressCount)
  const townCounts = new Map<string, number>()

  const addPlace = (text: string, kind: PlaceName['kind']): void => {
    if (text === '' || places.has(kind + text)) return
    const place: PlaceName = { text, kind, words: text.split(' ').map(word => placeWords.add(word).id) }
    places.set(kind + text, place)
    for (const word of new Set(place.words)) (placesByWord[word] ??= []).push(place)
  }
  for (const city of home) addPlace(city, 'town')

  const nameFor = (texts: readonly string[]): Name => {
    const text = texts.join(' ')
    let name = names.get(text)
    if (name === undefined) {
      name = { id: names.size, text, words: texts.map(word => words.add(word)) }
      names.set(text, name)
      for (const { id } of new Set(name.words)) (namesByWord[id] ??= []).push(name)
    }
    return name
  }

  const streetFor = (place: Place): number => {
    const town = home.has(place.town) ? '' : place.town
    const id = [town, place.area, place.types.join(' '), place.words.join(' ')].join('|')
    let index = streetIds.get(id)
    if (index !== undefined) return index
    addPlace(place.town, 'town')
    addPlace(place.area, 'area')
    const isVillage = place.words.length === 0
    const name = nameFor(isVillage ? place.town.split(' ') : place.words)
    const street: Street = {
      index: drafts.length,
      name,
      town,
      area: place.area,
      types: place.types,
      isVillage
    }
    const isExtra = ({ kind }: Name['words'][number]): boolean => kind === 'title' || kind === 'initial'
    const core = name.words.filter(word => !isExtra(word)).map(({ text }) => text)
    drafts.push({
      street,
      core:
        core.length === 0 || isVillage ? '' : [town, place.area, place.types.join(' '), ...core].join('|'),
      extras: name.words.filter(isExtra).map(({ text }) => text)
    })
    index = drafts.length - 1
    streetIds.set(id, index)
    return index
  }

  const houseFor = (house: House | null): number => {
    const remembered = house === null ? undefined : houseIdOf.get(house)
    if (remembered !== undefined) return remembered
    const key = house === null ? '' : houseKey(house)
    let id = houseIds.get(key)
    if (id === undefined) {
      id = houses.push({ house, number: Number(house?.number ?? 0) }) - 1
      houseIds.set(key, id)
    }
    if (house !== null) houseIdOf.set(house, id)
    return id
  }

  const read = createEntryReader()
  for (let at = 0; at < source.addressCount; at++) {
    if (at % addressesPerStep === 0) {
      yield
      if (streetOfPlace.size > 10_000) streetOfPlace.clear()
      if (houseIdOf.size > 60_000) houseIdOf.clear()
    }
    const entry = read(source.address(at))
    if (entry === null) continue
    let street = streetOfPlace.get(entry.place)
    if (street === undefined) streetOfPlace.set(entry.place, (street = streetFor(entry.place)))
    streetOf[at] = street + 1
    houseOf[at] = houseFor(entry.house)
    const { town } = drafts[street]!.street
    townCounts.set(town, (townCounts.get(town) ?? 0) + 1)
  }
  streetIds.clear()
  streetOfPlace.clear()
  yield
  const streetAs = yield* mergeVariants(drafts, streetOf, houseOf)
  const streetStart = new Int32Array(drafts.length + 1)
  for (let at = 0; at < streetOf.length; at++) {
    if (at % countedPerStep === 0) yield
    if (streetOf[at]! > 0) streetStart[(streetOf[at] = streetAs[streetOf[at]! - 1]! + 1)]!++
  }
  for (let i = 0; i < drafts.length; i++) streetStart[i + 1]! += streetStart[i]!
  const listed = new Int32Array(streetStart[drafts.length]!)
  yield
  const next = streetStart.slice()
  for (let at = 0; at < streetOf.length; at++) {
    if (at % countedPerStep === 0) yield
    const street = streetOf[at]! - 1
    if (street >= 0) listed[next[street]!++] = at
  }
  const numberOf = (at: number): number => houses[houseOf[at]!]!.number
  for (const [index, { street }] of drafts.entries()) {
    if (index % streetsPerStep === 0) yield
    if (streetStart[index] === streetStart[index + 1]) continue
    listed
      .subarray(streetStart[index], streetStart[index + 1])
      .sort((a, b) => numberOf(a) - numberOf(b) || a - b)
    ;(streetsByName[street.name.id] ??= []).push(street)
  }
  const main = home.size > 0 ? '' : mainTown(townCounts)
  return {
    size: listed.length,
    words,
    placeWords,
    namesOfWord: word => namesByWord[word] ?? [],
    streetsOfName: name => streetsByName[name.id] ?? [],
    placesOfWord: word => placesByWord[word] ?? [],
    isMainTown: town => town === '' || home.has(town) || town === main,
    otherTownCost: (townCounts.get('') ?? 0) > 0 ? 0.07 : main === '' ? 0 : 0.04,
    addressesOf: ({ index }) => listed.subarray(streetStart[index], streetStart[index + 1]),
    houseOf: address => houses[houseOf[address]!]!.house,
    numberOf,
    addressText: at => source.address(at),
    nodeOf: at => source.nodeOfAddress(at)
  }
}

/** Where no home town is configured, the town of most addresses: people leave it out all the same. */
function mainTown(counts: ReadonlyMap<string, number>): string {
  let all = 0
  let main = ''
  for (const [town, count] of counts) {
    all += count
    if (town === '') continue
    if (main === '' || count > counts.get(main)!) main = town
  }
  return main !== '' && counts.get(main)! * 2 > all ? main : ''
}

/**
 * A book may write one street as "М. Горького", "Максима Горького" and "Горького". These are one, unless two first names
 * tell streets apart, or a house would be there twice. Gives the street that each is taken for.
 */
function* mergeVariants(
  drafts: readonly Draft[],
  streetOf: Int32Array,
  houseOf: Int32Array
): Generator<void, Int32Array> {
  const streetAs = Int32Array.from(drafts, (_, index) => index)
  const groups = new Map<string, number[]>()
  for (const [index, { core }] of drafts.entries()) {
    if (core === '') continue
    const group = groups.get(core)
    if (group === undefined) groups.set(core, [index])
    else group.push(index)
  }
  const housesOf = new Map<number, Set<number>>()
  for (const group of groups.values())
    if (group.length > 1) for (const index of group) housesOf.set(index, new Set())
  if (housesOf.size === 0) return streetAs
  for (let at = 0; at < streetOf.length; at++) {
    if (at % countedPerStep === 0) yield
    housesOf.get(streetOf[at]! - 1)?.add(houseOf[at]!)
  }
  for (const group of groups.values()) {
    if (
      group.length < 2 ||
      !group.every((a, i) => group.slice(i + 1).every(b => isOneName(drafts[a]!, drafts[b]!)))
    )
      continue
    const all = new Set<number>()
    let count = 0
    for (const index of group) {
      count += housesOf.get(index)!.size
      for (const house of housesOf.get(index)!) all.add(house)
    }
    if (all.size < count) continue
    const fullest = group.reduce((a, b) =>
      drafts[b]!.extras.join('').length > drafts[a]!.extras.join('').length ? b : a
    )
    for (const index of group) streetAs[index] = fullest
  }
  return streetAs
}

/** The extras of one are begun or left out by the other. */
function isOneName({ extras: a }: Draft, { extras: b }: Draft): boolean {
  const fits = (word: string, others: readonly string[]): boolean =>
    others.length === 0 || others.some(other => other.startsWith(word) || word.startsWith(other))
  return a.every(word => fits(word, b)) && b.every(word => fits(word, a))
}
