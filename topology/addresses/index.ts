import type { Tier } from '../../schemas/words.ts'
import { createBook, type AddressSource, type Book } from './book.ts'
import { choose, isTownOf, type Found } from './choose.ts'
import { tokensOf, addressLengthMax } from './tokens.ts'
import { roleOf } from './words.ts'
import { commaAsLetter, literInLatin, typedInLatin, typedInRussian } from './transliteration.ts'

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

/**
 * `chosen`: one building is meant. `list`: several may be, or one that was not said in full. `no-house`: the street is
 * known and has no such house. `no-street`: nothing but streets spelled alike. `not-understood`: nothing of the kind.
 */
export const addressOutcomes = ['chosen', 'list', 'no-house', 'no-street', 'not-understood'] as const
export type AddressOutcome = (typeof addressOutcomes)[number]

export interface FoundAddresses {
  readonly outcome: AddressOutcome
  /** Best first, `exact` included. */
  readonly matches: readonly AddressMatch[]
  /** The one building that is meant, or null when none or more than one fits: never picked between buildings. */
  readonly exact: AddressMatch | null
  /** The address of the building chosen, where what was said is not literally that; else null. */
  readonly understoodAs: string | null
  /** Streets that are known (`no-house`) or spelled alike (`no-street`), as the book writes one of their addresses. */
  readonly streets: readonly string[]
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

/** The index of a list of addresses, made at once. */
export function createAddressIndex(
  entries: Iterable<AddressEntry>,
  options: AddressIndexOptions
): AddressIndex {
  const list = [...entries]
  const nodes = new Map<string, number>()
  const nodeOf = Int32Array.from(list, ({ node: { id } }, at) => {
    if (!nodes.has(id)) nodes.set(id, at)
    return nodes.get(id)!
  })
  const steps = addressIndexInSteps(
    {
      addressCount: list.length,
      address: at => list[at]!.address,
      nodeOfAddress: at => nodeOf[at]!,
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
 * between them.
 */
export function* addressIndexInSteps(
  source: AddressSource,
  options: AddressIndexOptions
): Generator<void, AddressIndex> {
  const book = yield* createBook(source, options.homeCities)
  return { size: book.size, find: (query, limit) => find(book, source, query, limit) }
}

function find(book: Book, source: AddressSource, query: string, limit: number): FoundAddresses {
  const found = bestReading(book, query.slice(0, addressLengthMax))
  const matchOf = ({ at, cost }: Found['matches'][number]): AddressMatch => {
    const node = source.nodeOfAddress(at)
    return {
      address: source.address(at),
      nodeId: source.nodeId(node),
      tier: source.tierOf(node),
      score: Math.max(0.01, Math.round((1 - cost) * 1000) / 1000)
    }
  }
  const count = Math.min(matchesMax, Math.max(1, Math.trunc(limit)))
  const exact = found.chosen === null ? null : matchOf(found.chosen)
  return {
    outcome: found.outcome,
    matches: found.matches.slice(0, count).map(matchOf),
    exact,
    understoodAs: exact === null || found.isLiteral ? null : exact.address,
    streets: found.streets
  }
}

const isShortened = (word: string): boolean => {
  const role = roleOf(word)
  return role?.types !== undefined || role?.mark !== undefined || role?.isTown === true
}

/** As written; then as it was meant by someone whose keyboard was in the other layout, where that fits better. */
function bestReading(book: Book, text: string): Found {
  const isPlace = (inside: string): boolean => isTownOf(book, inside)
  let best = choose(book, tokensOf(text, isPlace))
  // Nothing but what stands in brackets may be the place, misspelled: "(Ромшака) участок 35".
  if (best.outcome === 'not-understood' && text.includes('('))
    best = choose(
      book,
      tokensOf(text, inside => isTownOf(book, inside, true))
    )
  if (best.outcome === 'chosen' && best.nearest < 0.1) return best
  for (const other of otherLayouts(text, best)) {
    const found = choose(book, tokensOf(other, isPlace))
    if (
      found.nearest < best.nearest - 0.01 ||
      (found.nearest <= best.nearest && best.chosen === null && found.chosen !== null)
    )
      best = { ...found, isLiteral: false }
    if (best.chosen !== null && best.nearest < 0.02) break
  }
  const other = hasCommaBehindNumber(text)
    ? otherLayouts(commaAsLetter(text.slice(0, otherLayoutLengthMax)), best)[0]
    : undefined
  return other === undefined ? best : eitherOf(book, best, choose(book, tokensOf(other, isPlace)))
}

const hasCommaBehindNumber = (text: string): boolean => /\d-?,(?!\d)/.test(text) && /[a-z]{2}/i.test(text)

/** Of two readings the nearer one; where they choose different buildings and are as near, both are offered. */
function eitherOf(book: Book, a: Found, b: Found): Found {
  if (b.chosen === null || (a.chosen === null && a.nearest <= b.nearest + 0.01)) return a
  const isOne = a.chosen === null || book.nodeOf(a.chosen.at) === book.nodeOf(b.chosen.at)
  if (isOne || a.nearest > b.nearest + 0.2) return a.chosen === null ? { ...b, isLiteral: false } : a
  if (b.nearest > a.nearest + 0.2) return a
  const listed = new Set([a.chosen.at, b.chosen.at])
  const matches = [a.chosen, b.chosen, ...a.matches.filter(({ at }) => !listed.has(at))]
  return { ...a, outcome: 'list', chosen: null, matches }
}

/** Nobody types more than that without a look at the screen. */
const otherLayoutLengthMax = 100

/** What it would be in the other layout; where points and commas may be letters there, each way. */
function otherLayouts(text: string, { nearest }: Found): readonly string[] {
  const isRussian = /[а-яё]{3}/i.test(text)
  if (!/[a-z]/i.test(text) || isRussian) return nearest > 0.25 && isRussian ? [typedInLatin(text)] : []
  const never = (): boolean => false
  const typed = literInLatin(text.slice(0, otherLayoutLengthMax))
  return [
    ...new Set([
      typedInRussian(typed, never, false),
      typedInRussian(typed, isShortened, false),
      typedInRussian(typed, isShortened, true)
    ])
  ]
}
