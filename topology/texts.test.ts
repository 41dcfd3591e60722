import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createColumn,
  createCountedTexts,
  createNumberTable,
  createTextArena,
  createTextSet
} from './texts.ts'

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

describe('numbers that are taken out of a table', () => {
  it('are not found any more, and all others are, however many share a place', () => {
    for (const spread of [1, 7, 64, 100_000]) {
      const hashOf = (value: number): number => (Math.imul(value % spread, 0x9e3779b1) >>> 0) % 1021
      const table = createNumberTable(hashOf)
      const held = new Set<number>()
      for (let turn = 0; turn < 6; turn++) {
        for (let value = turn * 100; value < turn * 100 + 300; value++) {
          if (held.has(value)) continue
          table.add(hashOf(value), value)
          held.add(value)
        }
        for (const value of [...held])
          if ((value * 7 + turn) % 3 === 0) {
            table.remove(hashOf(value), value)
            held.delete(value)
          }
        table.remove(hashOf(5000), 5000)
        for (let value = 0; value < 1000; value++)
          expect(table.find(hashOf(value), other => other === value)).toBe(held.has(value) ? value : -1)
      }
    }
  })
})

describe('texts that are counted', () => {
  it('keep their number as long as somebody has them, and leave it to another one then', () => {
    const texts = createCountedTexts()
    expect([texts.hold('a', 2), texts.hold('b', 1), texts.hold('a', 1)]).toEqual([0, 1, 0])
    texts.release(0, 2)
    expect([texts.find('a'), texts.get(0)]).toEqual([0, 'a'])
    texts.release(0, 1)
    expect(texts.find('a')).toBe(-1)
    expect(() => texts.get(0)).toThrow('no text has the number 0')
    expect(() => texts.release(0, 1)).toThrow('more often')
    expect([texts.hold('c', 1), texts.hold('a', 1), texts.get(0), texts.get(1)]).toEqual([0, 2, 'c', 'b'])
  })

  it('are copied from one arena to another as they stand', () => {
    const [from, to] = [createTextArena(), createTextArena()]
    const texts = ['', 'a', 'Порт 25', 'x'.repeat(60_000), 'y'.repeat(64), 'z'.repeat(65)]
    const places = Array.from({ length: 40 }, () => texts.map(text => from.add(text))).flat()
    const copies = places
      .filter((_, i) => i % 2 === 0)
      .map(place => [to.copy(from, place), from.get(place)] as const)
    for (const [place, text] of copies) expect(to.get(place)).toBe(text)
  })
})
