import { describe, expect, it } from 'vitest'
import { createSlabPool, slabBytes } from './slab.ts'

describe('slabs', () => {
  it('come in few sizes, and are given again, the one used last first', () => {
    const pool = createSlabPool(1 << 20)
    const first = pool.take(100_000)
    expect(first.memory.byteLength).toBe(114_688)
    expect([0, 1, 16_384, 16_385, 131_072, 131_073].map(slabBytes)).toEqual([
      16_384, 16_384, 16_384, 20_480, 131_072, 163_840
    ])
    for (let bytes = 16_384; bytes < 1e8; bytes = Math.ceil(bytes * 1.0123)) {
      expect(slabBytes(bytes)).toBeGreaterThanOrEqual(bytes)
      expect(slabBytes(bytes)).toBeLessThanOrEqual(bytes * 1.25)
    }
    first.release()
    expect(pool.freeBytes()).toBe(114_688)
    expect(pool.take(99_000).memory).toBe(first.memory)
    expect(pool.freeBytes()).toBe(0)
    expect(pool.take(114_688).memory).not.toBe(first.memory)
  })

  it('are given where they are a little too large, but not where they are much too large', () => {
    const pool = createSlabPool(1 << 20)
    const [small, middle, large] = [pool.take(98_304), pool.take(131_072), pool.take(196_608)]
    for (const slab of [large, middle, small]) slab.release()
    expect(pool.take(90_000).memory).toBe(small.memory)
    expect(pool.take(90_000).memory).toBe(middle.memory)
    expect(pool.freeBytes()).toBe(large.memory.byteLength)
    expect(pool.take(90_000).memory).not.toBe(large.memory)
    expect(pool.take(140_000).memory).toBe(large.memory)
    expect(pool.freeBytes()).toBe(0)
  })

  it('are free when the last user has released them', () => {
    const pool = createSlabPool(1 << 20)
    const slab = pool.take(1)
    slab.retain()
    slab.release()
    expect(pool.freeBytes()).toBe(0)
    slab.release()
    expect(pool.freeBytes()).toBe(slab.memory.byteLength)
    expect(() => slab.release()).toThrow('released more often')
    expect(() => slab.retain()).toThrow('released by all')
  })

  it('keeps no more than its limit, and takes over what others made', () => {
    const pool = createSlabPool(100_000)
    const made = pool.adopt(new SharedArrayBuffer(65_536))
    const more = pool.take(65_536)
    made.release()
    more.release()
    expect(pool.freeBytes()).toBe(65_536)
    expect(pool.take(60_000).memory).toBe(made.memory)
  })
})
