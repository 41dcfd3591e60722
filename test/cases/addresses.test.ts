import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createAddressIndex } from '../../topology/addresses/index.ts'
import { casesFolder } from '../support/field-cases.ts'

/** Cases of addresses: a book, and what is asked of it with the right answer (see README.md). */
interface AddressCase {
  readonly id: string
  readonly book: readonly string[]
  readonly ask: readonly (readonly [string, string])[]
  readonly home: readonly string[]
}

const cases = readdirSync(casesFolder)
  .filter(file => file.startsWith('addr-'))
  .map(file => JSON.parse(readFileSync(join(casesFolder, file), 'utf8')) as AddressCase)

describe('addresses from the field', () => {
  it('are here', () => {
    expect(cases.length).toBeGreaterThanOrEqual(7)
  })

  for (const { id, book, ask, home } of cases) {
    const index = createAddressIndex(
      book.map((address, i) => ({ address, node: { id: `du-${i}`, tier: 'building' } })),
      { homeCities: home }
    )
    it.each(ask.map(([query, right]) => ({ query, right })))(`${id}: $query`, ({ query, right }) => {
      const { exact, matches } = index.find(query, 10)
      if (right === 'list') {
        expect(exact).toBeNull()
        expect(matches.length).toBeGreaterThan(1)
      } else if (right === 'none') expect(matches).toEqual([])
      else if (right.startsWith('offer:'))
        expect((exact ?? matches[0])?.address).toBe(right.slice('offer:'.length))
      else expect(exact?.address).toBe(right)
    })
  }
})
