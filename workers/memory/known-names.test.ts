import { describe, expect, it } from 'vitest'
import { createKnownNamesMemory, openKnownNames } from './known-names.ts'

describe('the names that the inventory knows', () => {
  const memory = createKnownNamesMemory(50_000)
  const writer = openKnownNames(memory)
  const reader = openKnownNames(memory)
  const list = (names: readonly string[]): void => {
    for (const _ of writer.prepare(names, names.length));
    writer.use()
  }
  const namesOf = (what: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${what}-${i % 7}.${i}`)
  const knownOf = (names: readonly string[]): number => names.filter(name => reader.has([name])).length

  it('are all names, until there are any', () => {
    expect(reader.has(['any'])).toBe(true)
    list([])
    expect(reader.has(['any'])).toBe(true)
  })

  it('are found in every thread and in whatever case, by any of the names of a device, and no others are', () => {
    const names = namesOf('SW', 150_000)
    list(names)
    expect(knownOf(names)).toBe(150_000)
    expect(knownOf(namesOf('sw', 150_000))).toBe(150_000)
    expect(knownOf(namesOf('stranger', 150_000))).toBe(0)
    expect(reader.has(['stranger', 'sw-0.0'])).toBe(true)
    expect(reader.has([])).toBe(false)
  })

  it('are those of the last list, however many lists there were', () => {
    for (const what of ['first', 'second', 'third', 'fourth']) {
      list(namesOf(what, 1000))
      expect(knownOf(namesOf(what, 1000))).toBe(1000)
      expect(knownOf(namesOf('first', 1000))).toBe(what === 'first' ? 1000 : 0)
    }
    // Written down is not in force.
    for (const _ of writer.prepare(['fifth'], 1));
    expect(reader.has(['fifth'])).toBe(false)
    expect(reader.has(['fourth-0.0'])).toBe(true)
  })

  it('are all names where there are more than there is room for', () => {
    list(namesOf('sw', 300_000))
    expect(reader.has(['stranger'])).toBe(true)
  })
})
