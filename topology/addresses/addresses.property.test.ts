import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEntryReader, readEntry } from './entry.ts'
import { createAddressIndex } from './index.ts'

const pieces =
  'ул. улица пр пр-т проезд пер п б-р б мкр кв-л наб пл лин ленина мира тютчева 8 марта 1-я парковая покровская м г г. калуга заречный д дом дер к корп стр лит а б 1 2 15 15/2 5-30 кв 12а уч , . - / п. ( ) " лет 50 литБ вл'.split(
    ' '
  )
const soup = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map(parts => parts.join(' '))
const letters = fc.string({
  unit: fc.constantFrom(...'абвгдежзкЛМНё 0123456789,.-/"()akcTx[;\'\u0000\u200b'),
  maxLength: 60
})

const index = createAddressIndex(
  [
    'ул. Ленина, 5',
    'ул. 8 Марта, 15/2',
    '1-я Парковая ул., 7А',
    'мкр. 5, д. 12',
    'г. Заречный, пр-т Мира, 3 к 2',
    'дер. Калуга, 4'
  ].map((address, i) => ({ address, node: { id: `du-${i}`, tier: 'building' as const } })),
  { homeCities: [] }
)

describe('addresses', () => {
  it('answers anything, and within bounds', () => {
    fc.assert(
      fc.property(fc.oneof(soup, letters, fc.string({ unit: 'binary', maxLength: 400 })), text => {
        const { matches, exact, outcome } = index.find(text, 5)
        expect(matches.length).toBeLessThanOrEqual(5)
        expect(exact === null).toBe(outcome !== 'chosen')
        if (exact !== null) expect(matches[0]).toEqual(exact)
        for (const { score } of matches) expect(score > 0 && score <= 1).toBe(true)
      }),
      { numRuns: 10_000 }
    )
  })

  it('takes no longer for longer texts', () => {
    for (const unit of [
      'я',
      'ленина 5 ',
      '(((',
      '1 ',
      'ул. ',
      '8-900-',
      "ktybyf'",
      'гдшеыф ',
      '\u0000',
      'а́',
      '🚦'
    ]) {
      const text = unit.repeat(Math.ceil(100_000 / unit.length))
      index.find(text, 50)
      // The least of many: what else runs on the machine is none of it.
      let least = Infinity
      for (let round = 0; round < 20; round++) {
        const startMs = performance.now()
        index.find(text, 50)
        least = Math.min(least, performance.now() - startMs)
      }
      expect(least).toBeLessThan(5)
    }
  })

  it('reads a book as it reads each address of it', () => {
    const town = fc.constantFrom(
      '',
      '',
      'г. Заречный, ',
      'Заречный, ',
      'г Новый ',
      '248000, Калуга, ',
      'дер. Лужки, '
    )
    const street = fc.constantFrom(
      'ул. Ленина',
      'Мира пр',
      '1-я Парковая',
      'мкр 5',
      'Садовая ул',
      '8 Марта ул',
      'лин. 3'
    )
    const tail = fc.constantFrom(
      ', 5',
      ' 5 к 2',
      ', д. 7А',
      ', 15/2',
      ', 5, корп. 2',
      ', 7 литер Б',
      ', 5 стр 1',
      ' 5-7',
      ', вл. 3'
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(town, street, tail), { maxLength: 10 }), addresses => {
        const read = createEntryReader()
        for (const parts of addresses) {
          const text = parts.join('')
          expect([text, read(text)]).toEqual([text, readEntry(text)])
        }
      }),
      { numRuns: 3000 }
    )
  })
})
