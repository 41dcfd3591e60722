import { describe, expect, it } from 'vitest'
import { createAddressIndex } from '../../topology/addresses/index.ts'
import { tallyOf, verdictOf } from '../../topology/addresses/score.ts'
import { makeBook } from './book.ts'
import { makeCalls } from './calls.ts'

/** The bars of `npm run addresses`, on small books. A day's seed comes with SVETOFOR_ADDRESS_SEED. */
const seeds = [101, 102, Number(process.env['SVETOFOR_ADDRESS_SEED'] ?? 103)]

describe('books and callers made from seeds', () => {
  it.each(seeds)('finds the right building, and never another (seed %i)', seed => {
    const book = makeBook(seed, 800)
    const index = createAddressIndex(
      book.buildings.map(({ id, address }) => ({ address, node: { id, tier: 'building' as const } })),
      { homeCities: [] }
    )
    const answers = makeCalls(book, 600).map(({ query, meant }) => ({
      query,
      meant,
      verdict: verdictOf(index.find(query, 50), meant)
    }))
    const tally = tallyOf(answers)
    expect(tally.one).toBeGreaterThan(300)
    expect(answers.filter(({ verdict }) => verdict === 'another')).toEqual([])
    expect(answers.filter(({ verdict, meant }) => meant.length > 1 && verdict !== 'listed')).toEqual([])
    expect(tally.chosen / tally.one).toBeGreaterThanOrEqual(0.93)
    expect((tally.chosen + tally.first) / tally.one).toBeGreaterThanOrEqual(0.99)
  })
})
