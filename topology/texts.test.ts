import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createColumn, createNumberTable, createTextArena, createTextSet } from './texts.ts'

describe('createTextArena', () => {
  it('gives back what was added, across blocks and beyond ASCII', () => {
    const arena = createTextArena()
    const texts = Array.from({ length: 5000 }, (_, i) => `ул. Тютчева, ${i} ${'я'.repeat(i % 200)}`)
    texts.push('', 'plain', '日本 🚦', 'x'.repeat(60_000))
    const places = texts.map(text => arena.add(text))
    expect(places.map(place => arena.get(place))).toEqual(texts)
    expect(() => arena.add('я'.repeat(40_000))).toThrow(/longer than 65535/)
    expect(() => arena.get(2 ** 31)).toThrow(/no text stands/)
  })

  it('compares with the text encoded last, also without case', () => {
    const arena = createTextArena()
    const place = arena.add('Ups-КУ-1')
    const ascii = arena.add('SW-1')
    arena.encode('ups-ку-1')
    expect([arena.holds(place), arena.holdsInLowerCase(place)]).toEqual([false, true])
    arena.encode('sw-1')
    expect([arena.holdsInLowerCase(ascii), arena.holdsInLowerCase(place)]).toEqual([true, false])
    arena.encode('sw-11')
    expect(arena.holdsInLowerCase(ascii)).toBe(false)
  })
})

describe('search in a text arena', () => {
  it('finds what strings in lower case find, in every alphabet', () => {
    const arena = createTextArena()
    // Neighbours of the letters that are compared as bytes, one whose lower case is longer, one that folds to Latin, a pair.
    const letters = [...'aAzZ@[`{19 -бБпПрРяЯёЁѐЀџЏєЄѠѡҐґΣσςİKſß日🚦']
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...letters), { maxLength: 12 }),
        fc.array(fc.constantFrom(...letters), { maxLength: 3 }),
        fc.nat(),
        (text, other, at) => {
          const whole = text.join('')
          const inside = text.slice(at % (text.length + 1), (at % (text.length + 1)) + 3).join('')
          for (const part of [inside, inside.toUpperCase(), other.join('')])
            expect(arena.search(part)(arena.add(whole))).toBe(
              whole.toLowerCase().includes(part.toLowerCase())
            )
        }
      ),
      { numRuns: 5000 }
    )
  })
})

describe('createTextSet', () => {
  it('numbers texts in the order they come, each once, however many there are', () => {
    const set = createTextSet(createTextArena())
    const numbers = Array.from({ length: 20_000 }, (_, i) => set.add(`node-${i % 15_000}`))
    expect(set.size).toBe(15_000)
    expect(numbers.every((number, i) => number === i % 15_000)).toBe(true)
    expect(set.find('node-14999')).toBe(14_999)
    expect(set.find('node-15000')).toBe(-1)
    expect(set.get(7)).toBe('node-7')
  })
})

describe('createNumberTable', () => {
  it('tells numbers with the same hash apart', () => {
    const table = createNumberTable(() => 5)
    for (let i = 0; i < 2000; i++) table.add(5, i)
    expect(table.find(5, value => value === 1999)).toBe(1999)
    expect(table.find(5, () => false)).toBe(-1)
    expect(table.find(6, value => value === -1)).toBe(-1)
  })
})

describe('createColumn', () => {
  it('grows and keeps what was added', () => {
    const column = createColumn(length => new Int32Array(length))
    for (let i = 0; i < 3000; i++) column.push(i)
    expect(column.size).toBe(3000)
    expect(column.array[2999]).toBe(2999)
  })
})
