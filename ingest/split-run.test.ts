import { describe, expect, it } from 'vitest'
import type { RawBatch } from '../schemas/batch.ts'
import { encodeRecordBatch } from '../schemas/records/record-batch.ts'
import { splitRun } from './split-run.ts'

const encoded = (firstOffset: number): Uint8Array =>
  encodeRecordBatch(
    Array.from({ length: 10 }, (_, i) => ({
      offset: firstOffset + i,
      timestampMs: 1000 + firstOffset + i,
      key: null,
      value: Buffer.from(`value ${i}`)
    }))
  )

const run = (batches: number): RawBatch => ({
  topic: 't',
  partition: 3,
  firstOffset: 100,
  lastOffset: 100 + batches * 10 - 1,
  count: batches * 10,
  maxTimestampMs: 1000 + 100 + batches * 10 - 1,
  bytes: Buffer.concat(Array.from({ length: batches }, (_, i) => encoded(100 + i * 10)))
})

describe('splitRun', () => {
  const one = encoded(100).byteLength

  it('gives the head what fits, and both parts their own offsets, counts and times', () => {
    const [head, tail] = splitRun(run(5), one * 2 + 10)!
    expect(head).toMatchObject({ firstOffset: 100, lastOffset: 119, count: 20, maxTimestampMs: 1119 })
    expect(head.bytes.byteLength).toBe(one * 2)
    expect(tail).toMatchObject({
      partition: 3,
      firstOffset: 120,
      lastOffset: 149,
      count: 30,
      maxTimestampMs: 1149
    })
    expect(tail.bytes.byteLength).toBe(one * 3)
  })

  it('gives the head at least one batch', () => {
    expect(splitRun(run(2), 1)?.[0].lastOffset).toBe(109)
  })

  it('leaves alone what fits, a single batch, and bytes that are no batches', () => {
    expect(splitRun(run(2), one * 2)).toBeUndefined()
    expect(splitRun(run(1), 10)).toBeUndefined()
    expect(splitRun({ ...run(2), bytes: new Uint8Array(1000) }, 10)).toBeUndefined()
  })

  it('keeps a gap at the end of the run with the tail', () => {
    const [head, tail] = splitRun({ ...run(2), lastOffset: 500 }, one)!
    expect(head.lastOffset).toBe(109)
    expect(tail).toMatchObject({ firstOffset: 110, lastOffset: 500 })
  })
})
