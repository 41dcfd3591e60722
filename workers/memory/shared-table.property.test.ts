import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { threadListBytes } from './lock.ts'
import {
  absent,
  createSharedTableMemory,
  openSharedTable,
  tableFull,
  type HashBytes
} from './shared-table.ts'

const noneEnded = new Int32Array(new SharedArrayBuffer(threadListBytes))
const encoder = new TextEncoder()
/** Of several lengths, so that keys of other lengths come to lie where some were. */
const keyOf = (number: number): Uint8Array => encoder.encode('n'.repeat(number % 23) + String(number))
const wordsOf = (number: number): number => Math.ceil(keyOf(number).length / 4)

const fnv: HashBytes = (view, from, to) => {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193)
  return hash
}
/** Usual ones, and such as bring many keys to one place. */
const hashes: readonly (HashBytes | undefined)[] = [
  undefined,
  (view, from, to) => fnv(view, from, to) & ~0xff0,
  (view, from, to) => fnv(view, from, to) | 0xfff
]

/** Names are inserted, some of those that are known; then those are forgotten whose value leaves such a rest. */
const round = fc.record({
  from: fc.nat(6000),
  count: fc.nat(2500),
  knownEvery: fc.integer({ min: 1, max: 5 }),
  divisor: fc.integer({ min: 1, max: 7 }),
  rest: fc.nat(6)
})

describe('a table whose keys are forgotten', () => {
  it('finds what is left by the same values, nothing else, and has room for as much as is gone', () => {
    fc.assert(
      fc.property(
        fc.array(round, { minLength: 1, maxLength: 8 }),
        fc.nat(hashes.length - 1),
        fc.boolean(),
        (rounds, hash, isSmall) => {
          const entriesMax = isSmall ? 1500 : 6000
          const keyBytesMax = isSmall ? 30_000 : 60_000
          const memory = createSharedTableMemory(entriesMax, keyBytesMax)
          const table = openSharedTable(memory, noneEnded, hashes[hash])
          const reader = openSharedTable(memory, noneEnded, hashes[hash])
          const arenaWords = Math.ceil(keyBytesMax / 4) + entriesMax
          const model = new Map<number, { readonly value: number; readonly isKnown: boolean }>()
          let next = 0
          const count = (isWanted: (isKnown: boolean) => boolean) => {
            let entries = 0
            let words = 0
            for (const [number, { isKnown }] of model) {
              if (!isWanted(isKnown)) continue
              entries++
              words += wordsOf(number)
            }
            return { entries, words }
          }
          const agree = (): void => {
            for (let number = 0; number < 8600; number++) {
              const key = keyOf(number)
              const wanted = model.get(number)?.value ?? absent
              if (reader.find(key, 0, key.length) !== wanted) expect.unreachable(`${number}: not ${wanted}`)
            }
            const all = count(() => true)
            const strangers = count(isKnown => !isKnown)
            expect(table.size()).toBe(all.entries)
            expect(table.used()).toBeCloseTo(Math.max(all.entries / entriesMax, all.words / arenaWords))
            expect(table.usedByUnknown()).toBeCloseTo(
              Math.max(strangers.entries / (entriesMax >> 1), strangers.words / (arenaWords >> 1))
            )
          }
          for (const { from, count: wanted, knownEvery, divisor, rest } of rounds) {
            let { entries, words } = count(() => true)
            const strangers = count(isKnown => !isKnown)
            for (let number = from; number < from + wanted; number++) {
              const key = keyOf(number)
              const isKnown = number % knownEvery === 0
              const value = table.insert(key, 0, key.length, () => next++, isKnown)
              const before = model.get(number)
              if (before !== undefined) {
                expect(value).toBe(before.value)
                continue
              }
              const more = wordsOf(number)
              const hasRoom =
                entries < entriesMax &&
                words + more <= arenaWords &&
                (isKnown ||
                  (strangers.entries < entriesMax >> 1 && strangers.words + more <= arenaWords >> 1))
              if (hasRoom !== value >= 0) expect.unreachable(`${number}: ${value}, and room is ${hasRoom}`)
              if (!hasRoom) {
                expect(value).toBe(tableFull)
                continue
              }
              model.set(number, { value, isKnown })
              entries++
              words += more
              if (isKnown) continue
              strangers.entries++
              strangers.words += more
            }
            agree()
            const isGone = (value: number): boolean => value % divisor === rest % divisor
            // Whom the inventory knows changes with a reload.
            const isStranger = (value: number): boolean => value % 3 === 0
            const steps = table.retain(value =>
              isGone(value) ? 'forget' : isStranger(value) ? 'unknown' : 'known'
            )
            for (const _ of steps);
            for (const [number, { value }] of [...model]) {
              if (isGone(value)) model.delete(number)
              else model.set(number, { value, isKnown: !isStranger(value) })
            }
            agree()
          }
        }
      ),
      { numRuns: Number(process.env['FORGET_RUNS'] ?? 40) }
    )
  })
})
