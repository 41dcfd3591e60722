import { describe, expect, it } from 'vitest'
import type { SourceLag } from '../../ingest/source.ts'
import type { RawBatch } from '../../schemas/batch.ts'
import type { RangeOutcome, TaskRange } from '../../schemas/evaluation.ts'
import { createWatermark } from './watermark.ts'

const place = (partition: number) => ({ topic: 'telemetry', partition })
const batch = (partition: number, lastOffset: number) => ({ ...place(partition), lastOffset }) as RawBatch
const range = (partition: number, lastOffset: number, maxTimestampMs: number): TaskRange => ({
  ...place(partition),
  firstOffset: 0,
  lastOffset,
  maxTimestampMs,
  bytes: new Uint8Array()
})
const outcome = (partition: number, lastOffset: number) =>
  ({ ...place(partition), lastOffset }) as RangeOutcome
const lag = (partition: number, position: number, highWatermark: number, heardAtMs: number): SourceLag => ({
  ...place(partition),
  position,
  highWatermark,
  heardAtMs
})
const lateMs = 1000

describe('the watermark', () => {
  it('stands still until every assigned partition was read to its end, and while nobody answers', () => {
    let lags: SourceLag[] = []
    const watermark = createWatermark(
      () => lags,
      () => 10_000
    )
    expect(watermark.atMs(50_000)).toBe(-Infinity)
    watermark.assigned([place(0), place(1)])
    expect(watermark.atMs(50_000)).toBe(-Infinity)
    lags = [lag(0, 5, 5, 20_000), lag(1, 0, 9, 20_000)]
    expect(watermark.atMs(50_000)).toBe(-Infinity)
    // Partition 1 is read: first under evaluation, then judged.
    watermark.offered([batch(1, 5)])
    watermark.evaluating([range(1, 5, 8_000)], 50_000)
    lags = [lag(0, 5, 5, 20_000), lag(1, 6, 9, 20_000)]
    expect(watermark.atMs(50_000)).toBe(-Infinity)
    watermark.judged([outcome(1, 5)])
    expect(watermark.atMs(50_000)).toBe(8_000 - lateMs)
    lags = [lag(0, 5, 5, 30_000), lag(1, 9, 9, 30_000)]
    expect(watermark.atMs(50_000)).toBe(30_000 - lateMs)
    // Kafka is away: the clock alone moves nothing.
    expect(watermark.atMs(500_000)).toBe(30_000 - lateMs)
  })

  it('waits for what was handed over and is not judged, and never goes back', () => {
    let lags = [lag(0, 5, 5, 20_000)]
    const watermark = createWatermark(
      () => lags,
      () => 10_000
    )
    watermark.assigned([place(0)])
    expect(watermark.atMs(21_000)).toBe(20_000 - lateMs)
    watermark.offered([batch(0, 6)])
    lags = [lag(0, 7, 7, 25_000)]
    expect(watermark.atMs(26_000)).toBe(20_000 - lateMs)
    watermark.evaluating([range(0, 6, 24_000)], 26_000)
    watermark.judged([outcome(0, 6)])
    expect(watermark.atMs(26_000)).toBe(25_000 - lateMs)
    watermark.revoked([place(0)])
    lags = []
    expect(watermark.atMs(60_000)).toBe(25_000 - lateMs)
  })

  it('waits at a start for partitions that another member has and of which something is under way', () => {
    let nowMs = 20_000
    let lags: SourceLag[] = []
    const watermark = createWatermark(
      () => lags,
      () => nowMs
    )
    watermark.awaited([place(0), place(1), place(1)])
    watermark.assigned([place(0)])
    const at = (ms: number, ...partitions: number[]): number => {
      nowMs = ms
      lags = partitions.map(partition => lag(partition, 5, 5, ms))
      return watermark.atMs(ms)
    }
    expect(at(30_000, 0)).toBe(-Infinity)
    watermark.assigned([place(0), place(1)])
    expect(at(35_000, 0, 1)).toBe(35_000 - lateMs)
    // One that never comes is not waited for for ever.
    const other = createWatermark(
      () => lags,
      () => nowMs
    )
    other.awaited([place(1)])
    other.assigned([place(0)])
    nowMs = 94_000
    lags = [lag(0, 5, 5, nowMs)]
    expect(other.atMs(nowMs)).toBe(-Infinity)
    nowMs = 96_000
    lags = [lag(0, 5, 5, nowMs)]
    expect(other.atMs(nowMs)).toBe(96_000 - lateMs)
  })

  it('waits for a partition that another member has taken, for a while', () => {
    let nowMs = 20_000
    let lags = [lag(0, 5, 5, nowMs), lag(1, 5, 5, nowMs)]
    const watermark = createWatermark(
      () => lags,
      () => nowMs
    )
    watermark.assigned([place(0), place(1)])
    const at = (ms: number): number => {
      nowMs = ms
      lags = lags.map(each => ({ ...each, heardAtMs: ms }))
      return watermark.atMs(ms)
    }
    expect(at(21_000)).toBe(21_000 - lateMs)
    watermark.revoked([place(0), place(1)])
    watermark.assigned([place(0)])
    lags = [lag(0, 5, 5, nowMs)]
    expect(at(30_000)).toBe(21_000 - lateMs)
    watermark.revoked([place(0)])
    watermark.assigned([place(0), place(1)])
    lags = [lag(0, 5, 5, nowMs), lag(1, 5, 7, nowMs)]
    expect(at(31_000)).toBe(21_000 - lateMs)
    lags = [lag(0, 5, 5, nowMs), lag(1, 7, 7, nowMs)]
    expect(at(32_000)).toBe(32_000 - lateMs)
    watermark.revoked([place(0), place(1)])
    watermark.assigned([place(0)])
    lags = [lag(0, 5, 5, nowMs)]
    expect(at(91_000)).toBe(32_000 - lateMs)
    expect(at(92_000)).toBe(92_000 - lateMs)
  })

  describe('after an outage of the broker', () => {
    function afterOutage(failedAtMs: number) {
      let nowMs = 100_000
      let lags = [lag(0, 5, 5, nowMs)]
      const watermark = createWatermark(
        () => lags,
        () => nowMs,
        () => failedAtMs
      )
      watermark.assigned([place(0)])
      return {
        watermark,
        at: (ms: number, heardAtMs = ms) => {
          nowMs = ms
          lags = [lag(0, 5, 5, heardAtMs)]
          return watermark.atMs(ms)
        },
        late: (ms: number) => {
          nowMs = ms
          watermark.offered([{ ...batch(0, 4), maxTimestampMs: ms - 6_000 }])
          watermark.judged([outcome(0, 4)])
        }
      }
    }

    it('waits until its producers have found it again', () => {
      const { at } = afterOutage(103_000)
      expect(at(101_000)).toBe(101_000 - lateMs)
      expect(at(109_000, 101_000)).toBe(101_000 - lateMs)
      expect(at(110_000)).toBe(101_000 - lateMs)
      expect(at(124_999)).toBe(101_000 - lateMs)
      expect(at(125_000)).toBe(125_000 - lateMs)
    })

    it('waits longer while batches of that time come, but not for ever', () => {
      const { at, late } = afterOutage(103_000)
      at(101_000)
      at(110_000)
      for (let ms = 112_000; ms < 180_000; ms += 4_000) {
        late(ms)
        expect(at(ms)).toBe(ms < 170_000 ? 101_000 - lateMs : ms - lateMs)
      }
    })

    it('waits for them too when the broker was away at the start', () => {
      const { at } = afterOutage(103_000)
      expect(at(110_000)).toBe(-Infinity)
      expect(at(124_999)).toBe(-Infinity)
      expect(at(125_000)).toBe(125_000 - lateMs)
    })

    it('waits for them at a start too when it is told that the broker has just come back', () => {
      const { watermark, at, late } = afterOutage(-Infinity)
      watermark.returning([place(0)])
      expect(at(101_000)).toBe(-Infinity)
      expect(at(114_999)).toBe(-Infinity)
      expect(at(115_000)).toBe(115_000 - lateMs)
      // Batches of that time make it longer, here as there.
      watermark.returning([place(0)])
      late(128_000)
      expect(at(132_999)).toBe(115_000 - lateMs)
      expect(at(133_000)).toBe(133_000 - lateMs)
    })

    it('keeps that over a hand-over', () => {
      const { watermark, at } = afterOutage(103_000)
      at(101_000)
      watermark.revoked([place(0)])
      at(109_000, 101_000)
      watermark.assigned([place(0)])
      expect(at(110_000)).toBe(101_000 - lateMs)
      expect(at(125_000)).toBe(125_000 - lateMs)
    })

    it('takes a pause of reading for none while the broker has answered', () => {
      const { at } = afterOutage(-Infinity)
      at(101_000)
      expect(at(110_000)).toBe(110_000 - lateMs)
    })
  })

  it('runs on the clock with sources that do not say how far they have read, except behind a backlog', () => {
    const watermark = createWatermark(
      () => [{ ...place(0), highWatermark: 9 }],
      () => 0
    )
    expect(watermark.atMs(5_000)).toBe(5_000)
    watermark.evaluating([range(0, 5, 1_000)], 6_000)
    expect(watermark.atMs(6_500)).toBe(1_500)
    expect(watermark.atMs(8_500)).toBe(8_500)
  })
})
