import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFifo, createHeap, createNodeSet, createRootQueue, empty } from './queues.ts'

describe('queues of nodes', () => {
  it('gives numbers in the order they came, whatever was taken out between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer({ min: 0, max: 1e6 }), { nil: null }), { maxLength: 400 }),
        steps => {
          const fifo = createFifo()
          const model: number[] = []
          for (const step of steps) {
            if (step === null) expect(fifo.shift()).toBe(model.shift() ?? empty)
            else {
              fifo.push(step)
              model.push(step)
            }
            expect(fifo.size()).toBe(model.length)
          }
        }
      )
    )
  })

  it('holds each root once, collectors among them, and takes it again when it was taken out', () => {
    const queue = createRootQueue(10)
    for (const root of [3, -2, 3, 9, -2]) queue.add(root)
    expect([queue.shift(), queue.shift()]).toEqual([3, -2])
    queue.add(3)
    queue.add(-2)
    expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([9, 3, -2, empty])
  })

  it('holds what was added and not deleted', () => {
    const change = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 199 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 600 }), changes => {
        const set = createNodeSet(200)
        const model = new Set<number>()
        for (const [isAdded, node] of changes) {
          if (isAdded) {
            set.add(node)
            model.add(node)
          } else {
            set.delete(node)
            model.delete(node)
          }
        }
        const all = Array.from({ length: set.size() }, (_, place) => set.at(place))
        expect(all.sort((a, b) => a - b)).toEqual([...model].sort((a, b) => a - b))
      })
    )
  })

  it('gives the earliest first, of several the smallest', () => {
    const entry = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 1000 }))
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 300 }), entries => {
        const heap = createHeap()
        for (const [key, value] of entries) heap.push(key, value)
        const given = entries.map(() => [heap.firstKey(), heap.shift()])
        expect(given).toEqual([...entries].sort(([a, x], [b, y]) => a - b || x - y))
        expect([heap.firstKey(), heap.first(), heap.shift()]).toEqual([Infinity, empty, empty])
      })
    )
  })
})
