import { parseArgs } from 'node:util'
import { createAddressIndex } from '../../topology/addresses/index.ts'
import { tallyOf, verdictOf, type Verdict } from '../../topology/addresses/score.ts'
import { makeBook } from './book.ts'
import { makeCalls } from './calls.ts'

/**
 * `npm run addresses -- --seeds 1-5 [--buildings N] [--calls N] [--failures N]`: books and callers made from seeds, and how
 * well the right building is found.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1-5' },
    buildings: { type: 'string', default: '2000' },
    calls: { type: 'string', default: '2000' },
    failures: { type: 'string', default: '10' }
  }
})
const whole = (text: string, name: string): number => {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0 || n > 10_000_000)
    throw new Error(`--${name}: give a whole number, not ${text}`)
  return n
}
const seeds = values.seeds.split(',').flatMap(range => {
  const [from = '', to = from] = range.split('-')
  const first = whole(from, 'seeds')
  return Array.from({ length: whole(to, 'seeds') - first + 1 }, (_, i) => first + i)
})
const buildings = whole(values.buildings, 'buildings')
const percent = (part: number, all: number): string =>
  all === 0 ? '—' : `${((100 * part) / all).toFixed(2)} %`

const header = [
  'seed',
  'buildings',
  'one',
  'chosen',
  'or first',
  'several',
  'all listed',
  'none',
  'left',
  'another',
  'p50 ms',
  'p99 ms'
]
console.log(header.map(name => name.padStart(10)).join(''))
for (const seed of seeds) {
  const book = makeBook(seed, buildings)
  const calls = makeCalls(book, whole(values.calls, 'calls'))
  const index = createAddressIndex(
    book.buildings.map(({ id, address }) => ({ address, node: { id, tier: 'building' as const } })),
    { homeCities: [] }
  )
  const addressOf = new Map(book.buildings.map(({ id, address }) => [id, address]))
  const times: number[] = []
  const failures = new Map<string, string[]>()
  const answers = calls.map(({ query, meant, form }) => {
    const startMs = performance.now()
    const found = index.find(query, 50)
    times.push(performance.now() - startMs)
    const verdict = verdictOf(found, meant)
    if (isFailure(verdict, meant)) {
      const list = failures.get(`${verdict} ${form}`) ?? []
      list.push(
        `${query}  → ${
          meant
            .slice(0, 3)
            .map(id => addressOf.get(id) ?? id)
            .join(' | ') || 'none'
        }; ${found.outcome}: ` +
          found.matches
            .slice(0, 3)
            .map(({ address, score }) => `${address} (${score})`)
            .join(' | ')
      )
      failures.set(`${verdict} ${form}`, list)
    }
    return { verdict, meant }
  })
  const tally = tallyOf(answers)
  times.sort((a, b) => a - b)
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3)
  console.log(
    [
      String(seed),
      String(book.buildings.length),
      String(tally.one),
      percent(tally.chosen, tally.one),
      percent(tally.chosen + tally.first, tally.one),
      String(tally.several),
      percent(tally.allListed, tally.several),
      String(tally.none),
      percent(tally.noneChosen, tally.none),
      String(tally.another),
      at(0.5),
      at(0.99)
    ]
      .map(cell => cell.padStart(10))
      .join('')
  )
  const shown = whole(values.failures, 'failures')
  for (const [kind, list] of [...failures]
    .sort((a, b) => rank(a[0]) - rank(b[0]) || b[1].length - a[1].length)
    .slice(0, shown)) {
    console.log(`    ${kind}: ${list.length}`)
    for (const line of list.slice(0, 3)) console.log(`        ${line}`)
  }
}

function isFailure(verdict: Verdict, meant: readonly string[]): boolean {
  return verdict === 'another' || verdict === 'missed' || (meant.length === 1 && verdict !== 'chosen')
}

function rank(kind: string): number {
  return ['another', 'missed', 'listed', 'first'].indexOf(kind.split(' ')[0] ?? '')
}
