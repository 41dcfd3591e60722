import { describe, expect, it } from 'vitest'
import { encodeRecordBatch } from '../../schemas/records/record-batch.ts'
import { arrivalsIn, createGrowth } from './arrivals.ts'
import { createChaosCity } from './city.ts'
import { findLate, type Outage } from './lateness.ts'
import type { LoggedRecord } from './log-reader.ts'
import { computeReference } from './reference.ts'

const startMs = Date.UTC(2026, 0, 1)

describe('when a broker took a record', () => {
  const batchOf = (first: number, count: number): Uint8Array =>
    encodeRecordBatch(
      Array.from({ length: count }, (_, i) => ({
        offset: first + i,
        timestampMs: startMs,
        key: null,
        value: Buffer.from('x')
      }))
    )

  it('lies between the looks before and after its log grew beyond its batch', () => {
    const batches = [batchOf(0, 3), batchOf(3, 1), batchOf(4, 2)]
    const log = Buffer.concat(batches)
    const ends = batches.map((_, i) => batches.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0))
    const growth = createGrowth()
    growth.seen(0, 100, 101)
    growth.seen(ends[0]!, 120, 121)
    growth.seen(ends[0]!, 140, 141)
    // A part of the last batch is not the batch.
    growth.seen(ends[1]! + 5, 160, 165)
    growth.seen(ends[2]!, 180, 181)
    const arrival = arrivalsIn(log, growth.all())
    expect([0, 2, 3, 4, 5].map(arrival)).toMatchObject([
      { notBeforeMs: 100, byMs: 121 },
      { notBeforeMs: 100, byMs: 121 },
      { notBeforeMs: 140, byMs: 165 },
      { notBeforeMs: 160, byMs: 181 },
      { notBeforeMs: 160, byMs: 181 }
    ])
    expect(arrival(6)).toBeUndefined()
  })

  it('is that of what was written again, where a broker was killed within a batch', () => {
    const log = Buffer.from(batchOf(0, 1))
    const growth = createGrowth()
    growth.seen(0, 100, 101)
    growth.seen(log.length - 3, 120, 121)
    growth.seen(0, 500, 501)
    growth.seen(log.length, 520, 521)
    expect(arrivalsIn(log, growth.all())(0)).toMatchObject({ notBeforeMs: 500, byMs: 521 })
  })
})

describe('what came late', () => {
  const record = { partition: 0, offset: 0, timestampMs: startMs }
  const lateBy = (ms: number, outages: readonly Outage[] = []) =>
    findLate([record], () => ({ notBeforeMs: startMs + ms, byMs: startMs + ms + 40 }), outages)
  const outage = { fromMs: startMs + 500, untilMs: startMs + 4_000 }

  it('is what came more than a second after its event, for sure', () => {
    expect(lateBy(1_000)).toMatchObject({ known: 1, records: 0, mostMs: 0 })
    expect(lateBy(1_000).endedTo(record)).toBe(-Infinity)
    expect(lateBy(1_400)).toMatchObject({ records: 1, mostMs: 1_400 })
    expect(lateBy(1_400).endedTo(record)).toBe(startMs + 400)
    expect(findLate([record], () => undefined, [])).toMatchObject({ known: 0, records: 0 })
  })

  it('is not what an outage of the broker held up, for that is waited for', () => {
    expect(lateBy(6_000, [outage]).records).toBe(0)
    // Of its return as well.
    const soon = { fromMs: startMs - 9_000, untilMs: startMs - 8_000 }
    expect(lateBy(2_000, [soon]).records).toBe(0)
    expect(lateBy(8_000, [soon]).records).toBe(1)
    // It had come before.
    expect(lateBy(1_400, [{ fromMs: startMs + 2_000, untilMs: startMs + 4_000 }]).records).toBe(1)
  })
})

describe('an undisturbed run in which a record came late', () => {
  const city = createChaosCity(2)
  const log: readonly LoggedRecord[] = [
    [0, 3],
    // On battery: an alarm after two seconds, unless it is over by then.
    [1_000, 5],
    [2_900, 3],
    [4_000, 3],
    [30_000, 3]
  ].map(([ms, source], offset) => ({
    partition: 0,
    offset,
    timestampMs: startMs + ms!,
    value: Buffer.from(
      JSON.stringify({
        fields: { upsOutputSource: source, upsEstimatedChargeRemaining: 95 },
        name: 'ups',
        tags: { source: 'ups-0' },
        timestamp: startMs + ms!
      })
    )
  }))
  const told = async (lateMs: number | undefined, stored: readonly number[]) => {
    const { transitions } = await computeReference(city, log, {
      endedTo: ({ offset }) => (offset === 2 && lateMs !== undefined ? startMs + lateMs : -Infinity),
      isStored: (device, atMs) => device === 'ups-0' && stored.includes(atMs - startMs)
    })
    return transitions.map(({ change, atMs }) => [change, atMs - startMs])
  }

  it('has what a hold comes to that nothing could contradict in time, where that is stored', async () => {
    expect((await computeReference(city, log)).transitions).toEqual([])
    expect(await told(3_100, [3_000])).toEqual([
      ['raised', 3_000],
      ['cleared', 8_900]
    ])
    expect(await told(3_100, [])).toEqual([])
  })

  it('has nothing else: not where the record was there before the hold ended, nor for another moment', async () => {
    expect(await told(undefined, [3_000])).toEqual([])
    expect(await told(2_950, [3_000])).toEqual([])
    expect(await told(3_100, [2_999])).toEqual([])
  })
})
