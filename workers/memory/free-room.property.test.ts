import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFreeRoomMemory, openFreeRoom } from './free-room.ts'

const capacity = 5000

function room() {
  const memory = createFreeRoomMemory(capacity)
  const [lengths, nexts] = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(capacity * 4)))
  const open = () => openFreeRoom(memory, lengths!, nexts!)
  return { room: open(), other: open() }
}

describe('room that was given back', () => {
  it('is taken by every thread, each piece once, until none is left', () => {
    const run = fc.record({ gap: fc.integer({ min: 1, max: 3 }), count: fc.integer({ min: 1, max: 400 }) })
    const take = fc.record({ isOther: fc.boolean(), count: fc.integer({ min: 1, max: 30 }) })
    fc.assert(
      fc.property(fc.array(run, { maxLength: 12 }), fc.array(take, { maxLength: 60 }), (runs, takes) => {
        const { room: mine, other } = room()
        const free = new Set<number>()
        let at = 0
        for (const { gap, count } of runs) {
          at += gap
          mine.addSeries(at, count)
          for (let i = 0; i < count; i++) free.add(at++)
        }
        const longest = (): number => {
          let most = 0
          for (const series of free) {
            if (free.has(series - 1)) continue
            let length = 1
            while (free.has(series + length)) length++
            most = Math.max(most, length)
          }
          return most
        }
        for (const { isOther, count } of takes) {
          expect(other.seriesCount()).toBe(free.size)
          const hasRun = longest() >= count
          const first = (isOther ? other : mine).takeSeries(count)
          expect(first >= 0).toBe(hasRun)
          if (first >= 0) for (let i = 0; i < count; i++) expect(free.delete(first + i)).toBe(true)
        }
        for (let left = free.size; left > 0; left--) expect(free.delete(other.takeSeries(1))).toBe(true)
        expect([free.size, mine.seriesCount(), mine.takeSeries(1)]).toEqual([0, 0, -1])
      })
    )
  })

  it('has the shortest run that is long enough, so that long ones stay', () => {
    const { room: mine } = room()
    for (const [first, count] of [
      [10, 4],
      [100, 300],
      [20, 2],
      [30, 3]
    ] as const)
      mine.addSeries(first, count)
    expect([3, 3, 2, 3].map(count => mine.takeSeries(count))).toEqual([30, 10, 20, 100])
    expect([13, 103]).toContain(mine.takeSeries(1))
  })

  it('gives each device once, and none that was not given back', () => {
    const { room: mine, other } = room()
    for (const device of [5, 9, 2]) mine.addDevice(device)
    const taken = [mine.takeDevice(), other.takeDevice(), mine.takeDevice(), other.takeDevice()]
    expect(taken.sort((a, b) => a - b)).toEqual([-1, 2, 5, 9])
    mine.addDevice(7)
    mine.clear()
    expect([mine.takeDevice(), mine.takeSeries(1)]).toEqual([-1, -1])
  })
})
