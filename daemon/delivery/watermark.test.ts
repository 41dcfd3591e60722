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
