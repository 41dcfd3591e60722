/**
 * The state of every series and device, as typed arrays over shared memory: workers evaluate against it, the
 * main thread assigns programs in it. One series is evaluated by one thread at a time, because its records come
 * by one partition and a partition has one batch in evaluation at most; a series met in two partitions is
 * still memory-safe, its hold counts may then be off by a sample.
 */

/** Conditions one signal of one series can have at most. */
export const conditionsPerSeriesMax = 8
export const conditionWordsPerSeries = conditionsPerSeriesMax / 4

/** Value of `program` before the main thread has assigned the series. */
export const unassigned = -1

export interface SeriesState {
  readonly capacity: number
  /** Index of the compiled program; `unassigned` at first, 0 for the empty program. */
  readonly program: Int32Array
  /** 0 when every condition of the series is clear with no count under way: then only the quiet band is compared. */
  readonly busy: Uint8Array
  /** conditionsPerSeriesMax bytes a series: bit 7 raised, bits 0..6 consecutive samples towards the next flip. */
  readonly conditions: Uint8Array
  /** The same bytes by words, two a series: copied in two steps where they are kept (workers/memory/undo.ts). */
  readonly conditionWords: Uint32Array
  /** Event time (ms) of the last evaluated sample: older samples are stored, not evaluated. */
  readonly lastTimeMs: Float64Array
  /** Index of the series' device in DeviceState. */
  readonly device: Int32Array
}

export interface DeviceState {
  readonly capacity: number
  /** Wall clock (ms) when a record of the device was last evaluated; 0 for never. Staleness is judged from it. */
  readonly lastSeenMs: Float64Array
}

/** Where each array starts inside one shared block; both sides compute it from the capacity alone. */
export function seriesStateBytes(capacity: number): number {
  return capacity * (8 + 4 + 4 + conditionsPerSeriesMax + 1)
}

/** `start` is where the block begins in the memory, a multiple of 8. */
export function seriesStateOver(
  memory: SharedArrayBuffer | ArrayBuffer,
  capacity: number,
  start = 0
): SeriesState {
  const at = seriesStateParts(capacity, start)
  return {
    capacity,
    lastTimeMs: new Float64Array(memory, at.lastTimeMs, capacity),
    program: new Int32Array(memory, at.program, capacity),
    device: new Int32Array(memory, at.device, capacity),
    conditions: new Uint8Array(memory, at.conditions, capacity * conditionsPerSeriesMax),
    conditionWords: new Uint32Array(memory, at.conditions, capacity * conditionWordsPerSeries),
    busy: new Uint8Array(memory, at.busy, capacity)
  }
}

/** Where each array begins. */
export function seriesStateParts(
  capacity: number,
  start: number
): Record<'lastTimeMs' | 'program' | 'device' | 'conditions' | 'busy', number> {
  let at = start
  const take = (bytes: number): number => (at += bytes) - bytes
  return {
    lastTimeMs: take(capacity * 8),
    program: take(capacity * 4),
    device: take(capacity * 4),
    conditions: take(capacity * conditionsPerSeriesMax),
    busy: take(capacity)
  }
}

export function deviceStateBytes(capacity: number): number {
  return capacity * 8
}

export function deviceStateOver(
  memory: SharedArrayBuffer | ArrayBuffer,
  capacity: number,
  start = 0
): DeviceState {
  return { capacity, lastSeenMs: new Float64Array(memory, start, capacity) }
}
