import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createAddressIndex } from '../../topology/addresses/index.ts'
import { verdictOf } from '../../topology/addresses/score.ts'
import { splitCsv } from '../../topology/csv.ts'

/**
 * Ways in which people say addresses, written down by hand, in the form of `svetofor addresses try`: one more is one more
 * line of `said/*-queries.csv`.
 */
const rowsOf = async (name: string): Promise<(readonly [string, string])[]> => {
  const lines = readFileSync(new URL(`said/${name}.csv`, import.meta.url), 'utf8').split('\n')
  const rows: (readonly [string, string])[] = []
  for await (const { fields } of splitCsv(lines)) rows.push([fields[0] ?? '', fields[1] ?? ''])
  return rows.slice(1)
}

describe('addresses as they are said', () => {
  it.each(['town', 'district', 'city'])('finds those of the book of a %s', async name => {
    const book = await rowsOf(`${name}-book`)
    const queries = await rowsOf(`${name}-queries`)
    expect(queries.length).toBeGreaterThan(90)
    const index = createAddressIndex(
      book.map(([id, address]) => ({ address, node: { id, tier: 'building' as const } })),
      { homeCities: ['Энск', 'Санкт-Петербург', 'СПб'] }
    )
    const wrong = queries.filter(([query, expected]) => {
      const meant = expected === 'none' ? [] : expected.split('|')
      const verdict = verdictOf(index.find(query, 50), meant)
      return verdict !== (meant.length === 1 ? 'chosen' : meant.length > 1 ? 'listed' : 'none')
    })
    expect(wrong).toEqual([])
  })
})
