import { describe, expect, it } from 'vitest'
import type { RawBatch } from '../schemas/batch.ts'
import { timeSlices } from './time-slices.ts'

async function* log(partition: number, times: readonly number[]): AsyncGenerator<RawBatch, void> {
  for (const [offset, maxTimestampMs] of times.entries()) {
    await Promise.resolve()
    yield {
      topic: 't',
      partition,
      firstOffset: offset,
      lastOffset: offset,
      count: 1,
      maxTimestampMs,
      bytes: new Uint8Array(1)
    }
  }
}

async function sliced(sliceMs: number, ...logs: (readonly number[])[]) {
  const slices: { atMs: number; runs: string[][] }[] = []
  for await (const { atMs, runs } of timeSlices(
    logs.map((times, partition) => log(partition, times)),
    sliceMs
  ))
    slices.push({ atMs, runs: runs.map(run => run.map(b => `${b.partition}:${b.firstOffset}`)) })
  return slices
}

describe('slices of time', () => {
  it('go through several logs together', async () => {
    expect(await sliced(10, [100, 105, 120], [108, 131])).toEqual([
      { atMs: 108, runs: [['0:0', '0:1'], ['1:0']] },
      { atMs: 120, runs: [['0:2'], []] },
      { atMs: 131, runs: [[], ['1:1']] }
    ])
  })

  it('take nothing out of its order, whatever its time', async () => {
    expect(await sliced(10, [100, 900, 101], [105, 950])).toEqual([
      { atMs: 105, runs: [['0:0'], ['1:0']] },
      { atMs: 900, runs: [['0:1', '0:2'], []] },
      { atMs: 950, runs: [[], ['1:1']] }
    ])
  })

  it('are none of empty logs', async () => {
    expect(await sliced(10, [], [])).toEqual([])
    expect(await sliced(10)).toEqual([])
  })
})
