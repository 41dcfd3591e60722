import type { RawBatch } from '../schemas/batch.ts'

/** What several partitions hold of one stretch of time, each in its order. */
export interface TimeSlice {
  /** Kafka's time of the newest of it (ms). */
  readonly atMs: number
  readonly runs: readonly (readonly RawBatch[])[]
}

/** Of one partition in one slice; what is beyond comes in the next. */
const runBytesMax = 8 * 1024 * 1024

/**
 * Goes through several logs together by Kafka's time: slice by slice, so that a device whose records lie in several partitions
 * is heard, and its samples are judged, nearly in the order they came. A slice is `sliceMs` long; inside a partition nothing
 * is ever taken out of its order, so a record from the past or future may lie in a slice of another time.
 */
export async function* timeSlices(
  logs: readonly AsyncIterator<RawBatch, unknown>[],
  sliceMs: number
): AsyncGenerator<TimeSlice, void> {
  const next = async (log: AsyncIterator<RawBatch, unknown>): Promise<RawBatch | undefined> => {
    const step = await log.next()
    return step.done === true ? undefined : step.value
  }
  const heads = await Promise.all(logs.map(next))
  for (;;) {
    const firstMs = heads.reduce((least, head) => Math.min(least, head?.maxTimestampMs ?? Infinity), Infinity)
    if (firstMs === Infinity) return
    const endMs = firstMs + sliceMs
    let atMs = firstMs
    const take = async (log: AsyncIterator<RawBatch, unknown>, i: number): Promise<RawBatch[]> => {
      const run: RawBatch[] = []
      let bytes = 0
      for (;;) {
        const head = heads[i]
        if (head === undefined || head.maxTimestampMs > endMs || bytes > runBytesMax) return run
        run.push(head)
        bytes += head.bytes.byteLength
        atMs = Math.max(atMs, head.maxTimestampMs)
        heads[i] = await next(log)
      }
    }
    const runs = await Promise.all(logs.map(take))
    yield { atMs, runs }
  }
}
