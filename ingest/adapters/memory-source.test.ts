import { describe, expect, it } from 'vitest'
import type { RawBatch, TopicPartition } from '../../schemas/batch.ts'
import { createMemorySource, type MemoryRecord } from './memory-source.ts'
import { createRepacker } from './repack.ts'
import type { PartitionOffset } from '../source.ts'

const records = (count: number): MemoryRecord[] =>
  Array.from({ length: count }, (_, i) => ({ timestampMs: 1000 + i, key: null, value: Buffer.from(`v${i}`) }))

const turn = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))

function receiver(start: readonly PartitionOffset[] = []) {
  const batches: RawBatch[] = []
  const revoked: TopicPartition[] = []
  return {
    batches,
    revoked,
    handler: {
      assigned: () => Promise.resolve(start),
      revoked: (partitions: readonly TopicPartition[]) => {
        revoked.push(...partitions)
        return Promise.resolve()
      },
      batches: (given: readonly RawBatch[]) => void batches.push(...given),
      failed: (error: Error) => {
        throw error
      }
    }
  }
}

describe('memory source', () => {
  it('hands over in order, pauses, resumes and starts where it is told', async () => {
    const source = createMemorySource({ topics: { t: 2 } })
    source.append('t', 0, records(3))
    source.append('t', 0, records(2))
    source.append('t', 1, records(1))
    const { batches, handler, revoked } = receiver([{ topic: 't', partition: 0, offset: 3 }])
    await source.start(handler)
    await turn()
    expect(batches.map(b => [b.partition, b.firstOffset, b.lastOffset])).toEqual([
      [0, 3, 4],
      [1, 0, 0]
    ])
    source.pause([{ topic: 't', partition: 0 }])
    source.append('t', 0, records(1))
    await turn()
    expect(batches).toHaveLength(2)
    expect(source.backlogBytes()).toBeGreaterThan(0)
    source.resume([{ topic: 't', partition: 0 }])
    await turn()
    expect(batches.at(-1)).toMatchObject({ partition: 0, firstOffset: 5, lastOffset: 5 })
    expect(source.backlogBytes()).toBe(0)
    expect(source.highWatermarks()).toContainEqual({ topic: 't', partition: 0, highWatermark: 6 })
    await source.stop()
    expect(revoked).toHaveLength(2)
  })

  it('hands over again from the commit after a rebalance, with bytes of its own', async () => {
    const source = createMemorySource({ topics: { t: 1 } })
    const { batches, handler } = receiver()
    await source.start(handler)
    source.append('t', 0, records(4))
    source.append('t', 0, records(4))
    await turn()
    structuredClone(batches[1]?.bytes.buffer, { transfer: [batches[1]?.bytes.buffer as ArrayBuffer] })
    await source.commit([{ topic: 't', partition: 0, offset: 4 }])
    await source.revoke([{ topic: 't', partition: 0 }])
    source.append('t', 0, records(1))
    await turn()
    expect(batches).toHaveLength(2)
    await source.assign([{ topic: 't', partition: 0 }])
    await turn()
    expect(batches.slice(2).map(b => [b.firstOffset, b.lastOffset, b.bytes.byteLength > 60])).toEqual([
      [4, 7, true],
      [8, 8, true]
    ])
    expect(source.committedOffset('t', 0)).toBe(4)
  })

  it('forgets the oldest batches beyond its limit', async () => {
    const source = createMemorySource({ topics: { t: 1 }, retainBytes: 1000 })
    for (let i = 0; i < 50; i++) source.append('t', 0, records(2))
    const { batches, handler } = receiver()
    await source.start(handler)
    await turn()
    expect(batches[0]?.firstOffset).toBeGreaterThan(50)
    expect(batches.at(-1)?.lastOffset).toBe(99)
  })
})

describe('repacking', () => {
  const record = (offset: number) => ({ offset, timestampMs: 5, key: null, value: Buffer.from('x') })

  it('covers a partition without holes, and says nothing of what it does not hold', () => {
    const repacker = createRepacker()
    expect(repacker.pack('t', 0, [record(0)])).toBeNull()
    repacker.begin([{ topic: 't', partition: 0, next: 5 }])
    expect(repacker.pack('t', 0, [record(7), record(9)])).toMatchObject({
      firstOffset: 5,
      lastOffset: 9,
      count: 2
    })
    expect(repacker.cover('t', 0, 9)).toBeNull()
    expect(repacker.cover('t', 0, 12)).toMatchObject({ firstOffset: 10, lastOffset: 12, count: 0 })
    expect(repacker.next('t', 0)).toBe(13)
    // The client started over: nothing is dropped.
    expect(repacker.pack('t', 0, [record(2)])).toMatchObject({ firstOffset: 2, lastOffset: 2 })
    repacker.end([{ topic: 't', partition: 0 }])
    expect(repacker.has('t', 0)).toBe(false)
  })

  it('takes the first record for the start where none is known', () => {
    const repacker = createRepacker()
    repacker.begin([{ topic: 't', partition: 0, next: null }])
    expect(repacker.pack('t', 0, [record(40)])).toMatchObject({ firstOffset: 40, lastOffset: 40 })
  })

  it('splits what one batch cannot span', () => {
    const repacker = createRepacker()
    repacker.begin([{ topic: 't', partition: 0, next: 0 }])
    const packed = repacker.pack('t', 0, [record(0), record(3_000_000_000)])
    expect(packed).toMatchObject({ firstOffset: 0, lastOffset: 3_000_000_000, count: 2 })
  })
})
