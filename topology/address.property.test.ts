import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAddressIndex } from './address-index.ts'
import { createAddressReader, normaliseAddress, parseAddress } from './address.ts'

const words =
  'ул. улица пр пр-т проезд пер п б-р б мкр кв-л наб пл ленина мира тютчева 8 марта 1-я парковая покровская м г г. калуга заречный д дом к корп стр лит а б 1 2 15 15/2 5-30 кв 12а , . - / п.'.split(
    ' '
  )

const soup = fc.array(fc.constantFrom(...words), { maxLength: 9 }).map(parts => parts.join(' '))
const letters = fc.string({ unit: fc.constantFrom(...'абвгдежзкЛМНё 0123456789,.-/"akcTx'), maxLength: 40 })
const context = { homeCities: new Set(['калуга']), towns: new Set(['заречный']) }

/** How domain practice writes each type, and each part of a house number. */
const types: Readonly<Record<string, readonly string[]>> = {
  улица: ['ул', 'ул.', 'улица', 'Ул.'],
  проспект: ['пр-т', 'пр-кт', 'просп.', 'проспект'],
  проезд: ['пр-д', 'пр-зд', 'проезд'],
  переулок: ['пер', 'пер.', 'переулок'],
  площадь: ['пл', 'пл.', 'площадь'],
  шоссе: ['ш.', 'шоссе'],
  набережная: ['наб.', 'набережная'],
  бульвар: ['б-р', 'бул.', 'бульвар'],
  аллея: ['ал.', 'аллея'],
  тупик: ['туп.', 'тупик'],
  линия: ['лин.', 'линия'],
  микрорайон: ['мкр', 'мкр.', 'мкрн', 'м-н', 'микрорайон'],
  квартал: ['кв-л', 'кварт.', 'квартал']
}
const houseWords = ['', 'д ', 'д.', 'дом ', 'д. ']
const corpusWords = ['к', ' к ', ' к. ', ' кор. ', ' корп. ', ' корп ', ' корпус ', ', корп. ', '-к']
const buildingWords = [' стр. ', ' стр ', ' строение ', 'с', ' с ']
const names = [
  'Тютчева',
  'Садовая',
  '8 Марта',
  '1-я Парковая',
  'М. Горького',
  'Розы Люксембург',
  '50 лет Октября'
]

const written = fc.record({
  type: fc.constantFrom(...Object.keys(types)),
  name: fc.constantFrom(...names),
  number: fc.integer({ min: 1, max: 250 }),
  letter: fc.constantFrom('', '', 'А', 'Б'),
  corpus: fc.constantFrom(0, 0, 1, 2, 3),
  building: fc.constantFrom(0, 0, 0, 1, 4)
})

const style = fc.record({
  type: fc.nat(10),
  typeBehind: fc.boolean(),
  house: fc.nat(10),
  corpus: fc.nat(20),
  building: fc.nat(10),
  flat: fc.constantFrom('', ', кв. 12', ' кв 7', ', квартира 3'),
  town: fc.constantFrom(
    '',
    'г. Калуга, ',
    'г Калуга ',
    '248000, Калуга, ',
    'Россия, Калужская обл., г. Калуга, '
  ),
  comma: fc.constantFrom(', ', ' '),
  letterSpace: fc.constantFrom('', ' '),
  upper: fc.boolean(),
  latin: fc.boolean()
})

type Written = typeof written extends fc.Arbitrary<infer T> ? T : never
type Style = typeof style extends fc.Arbitrary<infer T> ? T : never

function write(address: Written, how: Style): string {
  const forms = types[address.type]!
  const type = forms[how.type % forms.length]!
  const street = how.typeBehind ? `${address.name} ${type}` : `${type} ${address.name}`
  const letter = address.letter === '' ? '' : `${how.letterSpace}${address.letter}`
  const corpus =
    address.corpus === 0 ? '' : `${corpusWords[how.corpus % corpusWords.length]!}${address.corpus}`
  const building =
    address.building === 0 ? '' : `${buildingWords[how.building % buildingWords.length]!}${address.building}`
  const house = `${houseWords[how.house % houseWords.length]!}${address.number}${letter}${corpus}${building}`
  const text = `${how.town}${street}${how.comma}${house}${how.flat}`
  const turned = how.latin ? text.replace(/[аеосх]/g, c => 'aeocx'['аеосх'.indexOf(c)]!) : text
  return how.upper ? turned.toUpperCase() : turned
}

describe('addresses', () => {
  it('normalises to a spelling that it leaves alone', () => {
    fc.assert(
      fc.property(fc.oneof(soup, letters, fc.string({ maxLength: 60 })), text => {
        const once = normaliseAddress(text, context)
        expect(normaliseAddress(once, context)).toBe(once)
      }),
      { numRuns: 5000 }
    )
  })

  it('reads anything in bounded time without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), text => {
        expect(parseAddress(text).words.every(word => word !== '')).toBe(true)
      })
    )
  })

  it('finds the building however its address is written', () => {
    fc.assert(
      fc.property(written, style, style, (address, inList, asked) => {
        const other = { ...address, number: address.number + 1 }
        const listed = [
          {
            address: write(address, { ...inList, flat: '' }),
            node: { id: 'this', tier: 'building' as const }
          },
          { address: write(other, { ...inList, flat: '' }), node: { id: 'other', tier: 'building' as const } }
        ]
        const index = createAddressIndex(listed, { homeCities: ['Калуга'] })
        expect(index.find(write(address, asked), 5).exact?.nodeId).toBe('this')
      }),
      { numRuns: 3000 }
    )
  })

  it('reads a list as it reads each address of it', () => {
    const listed = fc.record({
      town: fc.constantFrom('', '', 'г. Заречный, ', 'Заречный, ', 'г Новый ', '248000, Калуга, '),
      street: fc.oneof(
        fc.constantFrom('ул. Ленина', 'пр Мира 5', '1-я Парковая', 'мкр 5', 'Садовая дом'),
        soup
      ),
      tail: fc.oneof(
        fc.constantFrom('5', ' 5 к 2', ' 7А', ' 15/2', ' 5 лет', ' 248000', ' 5, кв 3', '5a'),
        soup
      )
    })
    fc.assert(
      fc.property(fc.array(listed, { maxLength: 12 }), addresses => {
        const towns = new Set<string>()
        const known = { homeCities: new Set(['калуга']), towns }
        const read = createAddressReader(known)
        for (const { town, street, tail } of addresses) {
          const text = `${town}${street},${tail}`
          const { place, house } = read(text)
          expect({ ...place, house }).toEqual(parseAddress(text, known))
          if (place.town !== '') towns.add(place.town)
        }
      }),
      { numRuns: 3000 }
    )
  })
})
