import type { Tier } from '../schemas/words.ts'
import {
  createAddressReader,
  formatHouse,
  fromLatinLayout,
  parseAddress,
  weakForms,
  type ParsedAddress,
  type ParsedHouse,
  type ParsedPlace
} from './address.ts'
import type { Inventory } from './model.ts'

/** One address of the inventory and the node that serves it. */
export interface AddressEntry {
  readonly address: string
  readonly node: { readonly id: string; readonly tier: Tier }
}

/** Where the index reads addresses and their nodes, by number: it keeps neither itself. */
export type AddressSource = Pick<
  Inventory,
  'addressCount' | 'address' | 'nodeOfAddress' | 'nodeId' | 'tierOf'
>

export interface AddressMatch {
  readonly address: string
  readonly nodeId: string
  readonly tier: Tier
  /** 1 for the building as written; lower for near matches. */
  readonly score: number
}

export interface FoundAddresses {
  /** Best first, `exact` included. */
  readonly matches: readonly AddressMatch[]
  /** The one building that is meant, or null when none or more than one fits: never picked between buildings. */
  readonly exact: AddressMatch | null
}

export interface AddressIndex {
  readonly size: number
  /** At most `limit` (1 … 50) matches. */
  find(query: string, limit: number): FoundAddresses
}

export interface AddressIndexOptions {
  readonly homeCities: readonly string[]
}

export const matchesMax = 50

/** Houses listed for a query that names a street alone, of one street and of all: what is shown is 50 at most. */
const housesListedMax = 60
const housesListedOfAllMax = 240
const nearStreetsMax = 12

/** Addresses read between two steps of the building: some milliseconds. */
const addressesPerStep = 500
const streetsPerStep = 50
const countedPerStep = 20_000

/** A way to write a house; thousands of addresses share a few hundred. */
interface House {
  readonly house: ParsedHouse | null
  readonly key: string
  /** 0 where a place has no house numbers. */
  readonly number: number
}

interface Street {
  readonly town: string
  readonly name: Name
  readonly types: readonly string[]
  readonly initials: readonly string[]
  readonly index: number
}

/** The words of a street's name, shared by all streets that bear it. */
interface Name {
  readonly text: string
  readonly words: readonly string[]
  readonly streets: Street[]
}

/** The index of a list of addresses, made at once. */
export function createAddressIndex(
  entries: Iterable<AddressEntry>,
  options: AddressIndexOptions
): AddressIndex {
  const list = [...entries]
  const steps = addressIndexInSteps(
    {
      addressCount: list.length,
      address: at => list[at]!.address,
      nodeOfAddress: at => at,
      nodeId: at => list[at]!.node.id,
      tierOf: at => list[at]!.node.tier
    },
    options
  )
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/**
 * Indexes the addresses of the inventory, in steps of some milliseconds, so that the caller may do other things
 * between them. The ladder of a look-up: street and house as written; the same with words
 * of the street's name left out or added; a number behind a slash or dash read as corpus or flat; the same number
 * with another corpus or letter; a street that begins so or is spelled nearly so; then a list.
 */
export function* addressIndexInSteps(
  source: AddressSource,
  options: AddressIndexOptions
): Generator<void, AddressIndex> {
  const homeCities = new Set(options.homeCities.map(city => city.trim().toLowerCase().replace(/ё/g, 'е')))
  const towns = new Set<string>()
  const context = { homeCities, towns }
  const names = new Map<string, Name>()
  const namesByWord = new Map<string, Name[]>()
  /** House of each address, by its number. */
  const houseOf = new Int32Array(source.addressCount)
  const houses: House[] = []
  // Numbers of addresses by street, those of a street by house number.
  let streetStart = new Int32Array(1)
  let listed = new Int32Array(0)
  yield* fill()
  const size = listed.length
  yield
  const similar = createSimilarNames([...names.values()])

  function* fill(): Generator<void, void> {
    const read = createAddressReader(context)
    const streets = new Map<string, Street>()
    const streetOfPlace = new Map<ParsedPlace, Street>()
    const houseNumbers = new Map<string, number>()
    /** Street of each address plus one; 0 where nothing could be read. */
    const streetOf = new Int32Array(source.addressCount)
    for (let at = 0; at < source.addressCount; at++) {
      if (at % addressesPerStep === 0) {
        yield
        if (streetOfPlace.size > 10_000) streetOfPlace.clear()
      }
      const { place, house } = read(source.address(at))
      if (place.words.length === 0) continue
      if (place.town !== '') towns.add(place.town)
      let street = streetOfPlace.get(place)
      if (street === undefined) streetOfPlace.set(place, (street = streetFor(place, streets)))
      streetOf[at] = street.index + 1
      const key = house === null ? '' : formatHouse(house)
      let number = houseNumbers.get(key)
      if (number === undefined) {
        number = houses.push({ house, key, number: Number(house?.number ?? 0) }) - 1
        houseNumbers.set(key, number)
      }
      houseOf[at] = number
    }
    streetStart = new Int32Array(streets.size + 1)
    for (let at = 0; at < streetOf.length; at++) {
      if (at % countedPerStep === 0) yield
      if (streetOf[at]! > 0) streetStart[streetOf[at]!]!++
    }
    for (let i = 0; i < streets.size; i++) streetStart[i + 1]! += streetStart[i]!
    listed = new Int32Array(streetStart[streets.size]!)
    yield
    const next = streetStart.slice()
    for (let at = 0; at < streetOf.length; at++) {
      if (at % countedPerStep === 0) yield
      const street = streetOf[at]! - 1
      if (street >= 0) listed[next[street]!++] = at
    }
    const numberOf = (at: number): number => houses[houseOf[at]!]!.number
    for (let street = 0; street < streets.size; street++) {
      if (street % streetsPerStep === 0) yield
      listed
        .subarray(streetStart[street], streetStart[street + 1])
        .sort((a, b) => numberOf(a) - numberOf(b) || a - b)
    }
  }

  function streetFor(place: ParsedPlace, streets: Map<string, Street>): Street {
    const text = place.words.join(' ')
    const { town, types, initials } = place
    const id = [town, text, types.join(' '), initials.join(' ')].join('|')
    const known = streets.get(id)
    if (known !== undefined) return known
    let name = names.get(text)
    if (name === undefined) {
      name = { text, words: place.words, streets: [] }
      names.set(text, name)
      for (const word of new Set(place.words)) {
        const sharing = namesByWord.get(word)
        if (sharing === undefined) namesByWord.set(word, [name])
        else sharing.push(name)
      }
    }
    const street: Street = { town, name, types, initials, index: streets.size }
    streets.set(id, street)
    name.streets.push(street)
    return street
  }

  const isHome = (town: string): boolean => town === '' || homeCities.has(town)

  /** An address without a town stands at home; a home town by name may be left out on either side. */
  const sameTown = (asked: string, town: string): boolean =>
    asked === '' ? isHome(town) : town === asked || (homeCities.has(asked) && town === '')

  /** Streets by how well their name fits: 1 as written, 0.95 with words or type left out or shortened. */
  const streetsFor = (parsed: ParsedAddress): Map<Street, number> => {
    const found = new Map<Street, number>()
    const text = parsed.words.join(' ')
    const near = new Set<Name>()
    const same = names.get(text)
    if (same !== undefined) near.add(same)
    for (const word of parsed.words) {
      if (/^\d+$/.test(word)) continue
      for (const name of namesByWord.get(word) ?? []) near.add(name)
    }
    for (const name of near) {
      const fit = nameFit(parsed, name)
      if (fit === 0) continue
      for (const street of name.streets) {
        if (!sameTown(parsed.town, street.town)) continue
        const types = typeFit(parsed, street)
        const initials = initialsFit(parsed, street)
        if (initials > 0) found.set(street, Math.min(fit, types, initials))
      }
    }
    return found
  }

  const lookUp = (parsed: ParsedAddress): FoundAddresses => {
    /** Score by the number of the address. */
    const scored = new Map<number, number>()
    const isFull = (): boolean => parsed.house === null && scored.size >= housesListedOfAllMax
    const put = (at: number, score: number): void => {
      if (score > (scored.get(at) ?? 0)) scored.set(at, score)
    }
    const found = streetsFor(parsed)
    for (const [street, fit] of found) if (!isFull()) housesOf(street, parsed.house, fit, put)
    const best = Math.max(0, ...scored.values())
    if (best < matchFloor) {
      for (const [name, closeness] of similar.find(parsed.words)) {
        for (const street of name.streets) {
          if (found.has(street) || isFull()) continue
          const town = sameTown(parsed.town, street.town) ? 1 : 0.8
          housesOf(street, parsed.house, 0.7 * closeness * town, put)
        }
      }
    }
    const all = [...scored].sort(([a, as], [b, bs]) => bs - as || byAddress(a, b))
    const matches = all.map(([at, score]) => {
      const node = source.nodeOfAddress(at)
      return {
        address: source.address(at),
        nodeId: source.nodeId(node),
        tier: source.tierOf(node),
        score: Math.round(score * 1000) / 1000
      }
    })
    const top = new Set(matches.filter((_, i) => all[i]![1] === best).map(match => match.nodeId))
    return { matches, exact: best >= matchFloor && top.size === 1 ? (matches[0] ?? null) : null }
  }

  const byAddress = (a: number, b: number): number => {
    const numbers = houses[houseOf[a]!]!.number - houses[houseOf[b]!]!.number
    if (numbers !== 0) return numbers
    const [x, y] = [source.address(a), source.address(b)]
    if (x !== y) return x < y ? -1 : 1
    return source.nodeId(source.nodeOfAddress(a)) < source.nodeId(source.nodeOfAddress(b)) ? -1 : 1
  }

  const housesOf = (
    street: Street,
    asked: ParsedHouse | null,
    fit: number,
    put: (at: number, score: number) => void
  ): void => {
    const first = streetStart[street.index]!
    const last = streetStart[street.index + 1]!
    if (asked === null) {
      for (let k = first; k < Math.min(last, first + housesListedMax); k++) {
        const at = listed[k]!
        // A place without house numbers is meant as it is written; else a street alone is no building.
        put(at, houses[houseOf[at]!]!.house === null ? fit : fit * 0.6)
      }
      return
    }
    const key = formatHouse(asked)
    const number = Number(asked.number)
    const numberAt = (k: number): number => houses[houseOf[listed[k]!]!]!.number
    let low = first
    let high = last
    while (low < high) {
      const middle = (low + high) >> 1
      if (numberAt(middle) < number) low = middle + 1
      else high = middle
    }
    for (let k = low; k < last && numberAt(k) === number; k++) {
      const house = houses[houseOf[listed[k]!]!]!
      if (house.house !== null) put(listed[k]!, fit * houseFit(asked, key, house))
    }
  }

  return {
    size,
    find(query, limit) {
      const count = Math.min(matchesMax, Math.max(1, Math.trunc(limit)))
      let found = lookUp(parseAddress(query, context))
      if (found.exact === null && /[a-z]/i.test(query) && !/[а-яё]/i.test(query)) {
        const typed = lookUp(parseAddress(fromLatinLayout(query), context))
        if ((typed.matches[0]?.score ?? 0) > (found.matches[0]?.score ?? 0)) found = typed
      }
      return { matches: found.matches.slice(0, count), exact: found.exact }
    }
  }
}

/** At and above this score a match may be the building that is meant; below it is a candidate only. */
const matchFloor = 0.9

/** 1 as written; 0.9 … for another reading of the same text; less for another building of the same number. */
function houseFit(asked: ParsedHouse, key: string, house: House): number {
  if (house.key === key) return 1
  const has = house.house
  if (has === null) return 0.5
  const same = (a: ParsedHouse, b: ParsedHouse): boolean => formatHouse(a) === formatHouse(b)
  // "15/2" is a crossing street's number, a corpus, or a flat; "15 к 2" may stand in the list as "15/2".
  if (asked.second !== '') {
    if (same({ ...asked, second: '', corpus: asked.second }, has)) return 0.95
    if (same({ ...asked, second: '' }, has)) return 0.95
  }
  if (has.second !== '' && same(asked, { ...has, second: '', corpus: has.second })) return 0.95
  if (asked.liter !== '' && same({ ...asked, liter: '', letter: asked.liter }, has)) return 0.85
  if (has.liter !== '' && same({ ...has, liter: '', letter: has.liter }, asked)) return 0.85
  return asked.letter === has.letter ? 0.8 : 0.75
}

/** 1: the same words; 0.95: one has all words of the other and the last is shared; 0: another street. */
function nameFit(parsed: ParsedAddress, name: Name): number {
  if (parsed.words.join(' ') === name.text) return 1
  const asked = new Set(parsed.words)
  const has = new Set(name.words)
  const extraAsked = parsed.words.filter(word => !has.has(word))
  const extraHas = name.words.filter(word => !asked.has(word))
  if (extraAsked.length > 0 && extraHas.length > 0) return 0
  // "1-я Парковая" and "Парковая" are two streets; a number is never left out.
  return [...extraAsked, ...extraHas].some(word => /^\d+$/.test(word)) ? 0.75 : 0.95
}

/** The type is a soft filter: 1 when it agrees or one is not written, 0.8 when they differ. */
function typeFit(parsed: ParsedAddress, street: Street): number {
  if (parsed.types.length === 0 || street.types.length === 0) return 1
  return parsed.types.some(type => street.types.includes(type)) ? 1 : 0.8
}

/** Initials must stand for something the other side has (a name, an initial, a type), or the other side has none. */
function initialsFit(parsed: ParsedAddress, street: Street): number {
  const asked = new Set(parsed.words)
  const has = new Set(street.name.words)
  const fits = (
    initials: readonly string[],
    extra: readonly string[],
    others: readonly string[],
    types: readonly string[]
  ): boolean =>
    initials.every(
      letter =>
        (extra.length === 0 && others.length === 0) ||
        others.includes(letter) ||
        extra.some(word => word.startsWith(letter)) ||
        types.includes(weakForms.get(letter) ?? '')
    )
  const extraHas = street.name.words.filter(word => !asked.has(word) && !/^\d+$/.test(word))
  const extraAsked = parsed.words.filter(word => !has.has(word) && !/^\d+$/.test(word))
  if (!fits(parsed.initials, extraHas, street.initials, street.types)) return 0
  if (!fits(street.initials, extraAsked, parsed.initials, parsed.types)) return 0
  return 1
}

interface SimilarNames {
  /** Names that begin so or are spelled nearly so, with a closeness in (0, 1]; at most nearStreetsMax. */
  find(words: readonly string[]): readonly (readonly [Name, number])[]
}

function createSimilarNames(names: readonly Name[]): SimilarNames {
  const postings = new Map<string, number[]>()
  const sizes = new Uint16Array(names.length)
  const shared = new Uint16Array(names.length)
  const prefixes: { word: string; name: number }[] = []
  for (const [at, name] of names.entries()) {
    const grams = trigrams(name.text)
    sizes[at] = grams.size
    for (const gram of grams) {
      const list = postings.get(gram)
      if (list === undefined) postings.set(gram, [at])
      else list.push(at)
    }
    for (const word of name.words) prefixes.push({ word, name: at })
  }
  prefixes.sort((a, b) => (a.word < b.word ? -1 : a.word > b.word ? 1 : a.name - b.name))

  const firstFrom = (prefix: string): number => {
    let low = 0
    let high = prefixes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((prefixes[middle]?.word ?? '') < prefix) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    find(words) {
      const last = words[words.length - 1] ?? ''
      const closeness = new Map<number, number>()
      if (last.length >= 2) {
        for (
          let at = firstFrom(last), taken = 0;
          at < prefixes.length && taken < 4 * nearStreetsMax;
          at++, taken++
        ) {
          const { word, name } = prefixes[at]!
          if (!word.startsWith(last)) break
          const others = words.slice(0, -1)
          if (others.every(other => names[name]!.words.includes(other))) closeness.set(name, 0.95)
        }
      }
      const grams = trigrams(words.join(' '))
      const hit: number[] = []
      for (const gram of grams) {
        for (const at of postings.get(gram) ?? []) {
          if (shared[at] === 0) hit.push(at)
          shared[at]!++
        }
      }
      for (const at of hit) {
        const dice = (2 * shared[at]!) / (grams.size + sizes[at]!)
        shared[at] = 0
        if (dice >= 0.4 && dice > (closeness.get(at) ?? 0)) closeness.set(at, dice)
      }
      return [...closeness]
        .sort(([a, ac], [b, bc]) => bc - ac || a - b)
        .slice(0, nearStreetsMax)
        .map(([at, close]) => [names[at]!, close] as const)
    }
  }
}

function trigrams(text: string): Set<string> {
  const padded = `  ${text} `
  const grams = new Set<string>()
  for (let i = 0; i + 3 <= padded.length; i++) grams.add(padded.slice(i, i + 3))
  return grams
}
