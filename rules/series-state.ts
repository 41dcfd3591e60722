import { baselinesBytes, baselinesOver, type BaselineState } from './measures/baselines.ts'
import { rateBytes, rateNumbers, rateWords, type RateState } from './measures/rates.ts'

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

/**
 * Series and devices that rates can be reckoned of: beyond the default settings there is no room for all of them in the four
 * gigabytes of the evaluation's memory. Those with the lowest numbers have it, and of these so many as there are slots.
 */
const ratedSeriesMax = 8_000_000
const rateSlotsMax = 6_000_000
const ratedDevicesMax = 8_000_000

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
  /** What rates are reckoned from; untouched where no rule asks for one. */
  readonly rates: RateState
  /** What changes are reckoned from; untouched where no rule asks for one. */
  readonly baselines: BaselineState
}

export interface DeviceState {
  readonly capacity: number
  /** Wall clock (ms) when a record of the device was last evaluated; 0 for never. Staleness is judged from it. */
  readonly lastSeenMs: Float64Array
  /** RateState.startedMs. */
  readonly startedMs: Float64Array
}

/** Where each array starts inside one shared block; both sides compute it from the capacity alone. */
const ratedOf = (capacity: number): number => Math.min(capacity, ratedSeriesMax)
/** Slots of rates, with that which stands for none. */
const rateSlotsOf = (capacity: number): number => Math.min(capacity, rateSlotsMax) + 1
const ratedDevicesOf = (capacity: number): number => Math.min(capacity, ratedDevicesMax)

export function seriesStateBytes(capacity: number): number {
  return seriesStateParts(capacity, 0).busy + capacity
}

/**
 * `start` is where the block begins in the memory, a multiple of 8; `startedMs` is of the devices, as many as there are series where it is left
 * out. Baselines lie in memory of their own, which the kernel does not need.
 */
export function seriesStateOver(
  memory: SharedArrayBuffer | ArrayBuffer,
  capacity: number,
  start = 0,
  startedMs: Float64Array = new Float64Array(capacity),
  baselines: SharedArrayBuffer | ArrayBuffer = new ArrayBuffer(baselinesBytes(capacity))
): SeriesState {
  const at = seriesStateParts(capacity, start)
  const slots = rateSlotsOf(capacity)
  return {
    capacity,
    lastTimeMs: new Float64Array(memory, at.lastTimeMs, capacity),
    program: new Int32Array(memory, at.program, capacity),
    device: new Int32Array(memory, at.device, capacity),
    conditions: new Uint8Array(memory, at.conditions, capacity * conditionsPerSeriesMax),
    conditionWords: new Uint32Array(memory, at.conditions, capacity * conditionWordsPerSeries),
    busy: new Uint8Array(memory, at.busy, capacity),
    rates: {
      slotOf: new Int32Array(memory, at.rateSlots, ratedOf(capacity)),
      numbers: new Float64Array(memory, at.rates, slots * rateNumbers),
      words: new Int32Array(memory, at.rates, slots * rateWords),
      startedMs
    },
    baselines: baselinesOver(baselines, capacity)
  }
}

/** Where each array begins. */
export function seriesStateParts(
  capacity: number,
  start: number
): Record<'lastTimeMs' | 'rates' | 'rateSlots' | 'program' | 'device' | 'conditions' | 'busy', number> {
  let at = start
  const take = (bytes: number): number => (at += bytes) - bytes
  return {
    rates: take(rateSlotsOf(capacity) * rateBytes),
    lastTimeMs: take(capacity * 8),
    program: take(capacity * 4),
    device: take(capacity * 4),
    rateSlots: take(ratedOf(capacity) * 4),
    conditions: take(capacity * conditionsPerSeriesMax),
    busy: take(capacity)
  }
}

export function deviceStateBytes(capacity: number): number {
  return capacity * 8 + ratedDevicesOf(capacity) * 8
}

/** Where the times begin at which devices started. */
export const startedMsAt = (capacity: number, start: number): number => start + capacity * 8

export function deviceStateOver(
  memory: SharedArrayBuffer | ArrayBuffer,
  capacity: number,
  start = 0
): DeviceState {
  return {
    capacity,
    lastSeenMs: new Float64Array(memory, start, capacity),
    startedMs: new Float64Array(memory, startedMsAt(capacity, start), ratedDevicesOf(capacity))
  }
}
