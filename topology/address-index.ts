import type { Tier } from '../schemas/words.ts'
import {
  formatHouse,
  fromLatinLayout,
  parseAddress,
  weakForms,
  type ParsedAddress,
  type ParsedHouse
} from './address.ts'

/** One address of the inventory and the node that serves it. */
export interface AddressEntry {
  readonly address: string
  readonly node: { readonly id: string; readonly tier: Tier }
}

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

export const matchesMax = 50

/** Houses listed for a query that names a street alone, of one street and of all: what is shown is 50 at most. */
const housesListedMax = 60
const housesListedOfAllMax = 240
const nearStreetsMax = 12

interface House {
  readonly entry: AddressEntry
  readonly house: ParsedHouse | null
  readonly key: string
}

interface Street {
  readonly town: string
  readonly name: Name
  readonly types: readonly string[]
  readonly initials: readonly string[]
  readonly byNumber: Map<string, House[]>
}

/** The words of a street's name, shared by all streets that bear it. */
interface Name {
  readonly text: string
  readonly words: readonly string[]
  readonly streets: Street[]
}

/**
 * Indexes the addresses of the inventory. The ladder of a look-up: street and house as written; the same with words
 * of the street's name left out or added; a number behind a slash or dash read as corpus or flat; the same number
 * with another corpus or letter; a street that begins so or is spelled nearly so; then a list.
 */
export function createAddressIndex(
  entries: Iterable<AddressEntry>,
  options: { readonly homeCities: readonly string[] }
): AddressIndex {
  const homeCities = new Set(options.homeCities.map(city => city.trim().toLowerCase().replace(/ё/g, 'е')))
  const towns = new Set<string>()
  const context = { homeCities, towns }
  const streets = new Map<string, Street>()
  const names = new Map<string, Name>()
  const namesByWord = new Map<string, Name[]>()
  let size = 0
  for (const entry of entries) {
    const parsed = parseAddress(entry.address, context)
    if (parsed.words.length === 0) continue
    if (parsed.town !== '') towns.add(parsed.town)
    const street = streetOf(parsed)
    const key = parsed.house === null ? '' : formatHouse(parsed.house)
    const number = parsed.house?.number ?? ''
    const house = { entry, house: parsed.house, key }
    const houses = street.byNumber.get(number)
    if (houses === undefined) street.byNumber.set(number, [house])
    else houses.push(house)
    size++
  }
  for (const street of streets.values()) {
    const sorted = [...street.byNumber].sort(([a], [b]) => Number(a) - Number(b))
    street.byNumber.clear()
    for (const [number, houses] of sorted) street.byNumber.set(number, houses)
  }
  const similar = createSimilarNames([...names.values()])

  function streetOf(parsed: ParsedAddress): Street {
    const text = parsed.words.join(' ')
    const id = [parsed.town, text, parsed.types.join(' '), parsed.initials.join(' ')].join('|')
    const known = streets.get(id)
    if (known !== undefined) return known
    let name = names.get(text)
    if (name === undefined) {
      name = { text, words: parsed.words, streets: [] }
      names.set(text, name)
      for (const word of new Set(parsed.words)) {
        const sharing = namesByWord.get(word)
        if (sharing === undefined) namesByWord.set(word, [name])
        else sharing.push(name)
      }
    }
    const { town, types, initials } = parsed
    const street: Street = { town, name, types, initials, byNumber: new Map() }
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
    const scored = new Map<House, number>()
    const isFull = (): boolean => parsed.house === null && scored.size >= housesListedOfAllMax
    const put = (house: House, score: number): void => {
      if (score > (scored.get(house) ?? 0)) scored.set(house, score)
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
    const top = all.filter(([, score]) => score === best).map(([house]) => house)
    const one =
      best >= matchFloor && new Set(top.map(house => house.entry.node.id)).size === 1 ? top[0] : undefined
    const matches = all.map(([house, score]) => ({
      address: house.entry.address,
      nodeId: house.entry.node.id,
      tier: house.entry.node.tier,
      score: Math.round(score * 1000) / 1000
    }))
    return { matches, exact: one === undefined ? null : (matches[0] ?? null) }
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

function housesOf(
  street: Street,
  asked: ParsedHouse | null,
  fit: number,
  put: (house: House, score: number) => void
): void {
  if (asked === null) {
    let looked = 0
    for (const houses of street.byNumber.values()) {
      for (const house of houses) {
        // A place without house numbers is meant as it is written; else a street alone is no building.
        put(house, house.house === null ? fit : fit * 0.6)
        if (++looked >= housesListedMax) return
      }
    }
    return
  }
  const key = formatHouse(asked)
  for (const house of street.byNumber.get(asked.number) ?? []) {
    put(house, fit * houseFit(asked, key, house))
  }
}

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

function byAddress(a: House, b: House): number {
  const numbers = Number(a.house?.number ?? 0) - Number(b.house?.number ?? 0)
  if (numbers !== 0) return numbers
  const [x, y] = [a.entry.address, b.entry.address]
  if (x !== y) return x < y ? -1 : 1
  return a.entry.node.id < b.entry.node.id ? -1 : 1
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
