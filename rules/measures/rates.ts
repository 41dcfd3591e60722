import { signalIds, signals } from '../../schemas/signals.ts'

/**
 * Rates of counters. A rate is the growth of a counter between two of its samples, and there is none where that growth is not known:
 * after the first sample, after the counter fell (it was reset, or has wrapped: how often nobody can tell), across a start of the
 * device, from a sample that came twice or late, and across a gap. What is kept of a series lies in shared memory and is touched
 * only where a rule asks for it. Samples that change no condition never get here: workers/kernel/rates.ts has taken them.
 */

/** Rates there are. */
export const rates = ['per_second', 'share', 'utilisation'] as const
export type Rate = (typeof rates)[number]
/** As programs have them: places in `measures` (measure.ts). */
export const measureValue = 0
export const measurePerSecond = 1
export const measureUtilisation = 3

/** What is kept of the samples of a series, by program; workers/kernel/rates.ts knows them by their places here. */
export const keptSamples = ['nothing', 'value', 'counter', 'uptime', 'baseline'] as const
export type KeptSamples = (typeof keptSamples)[number]
export const keepsNothing = 0
export const keepsValue = 1
export const keepsCounter = 2
/** Of it nothing is kept for rates: baselines.ts has its own. */
export const keepsBaseline = 4

/** Samples closer together are taken for one: a rate over less says more of the clocks than of the port. */
export const intervalMsMin = 1000
/** A rate over more is none of now. */
export const intervalMsMax = 3_600_000
/** A port carries no more than its speed; polls are late by a part of their interval, and counters are refreshed in steps. Beyond it the counter has jumped. */
export const utilisationPctMax = 200
/** A device has started anew when its uptime is behind by more than clocks and polls are apart. */
const uptimeLagMs = 60_000
const uptimeLagShare = 0.01

/**
 * What rates are reckoned from, in slots: only of series that a rule asks for one, or by which one is reckoned, so that a million
 * subscribers' ports take none. All of a slot lies in one line of the processor's cache. Slot 0 stands for none.
 */
export interface RateState {
  /** Slot of each series; 0 for none. Series beyond its end have none. */
  readonly slotOf: Int32Array
  /** By slot, `rateNumbers` each: at `baseValue` and the other places below. */
  readonly numbers: Float64Array
  /** The same memory by 32 bits, `rateWords` each: at `besideSlot` and `deviceOfSlot`. The first word of slot 0 tells how many are taken. */
  readonly words: Int32Array
  /** By device: samples from before (event time, ms) are from before its last start. */
  readonly startedMs: Float64Array
}

export const rateBytes = 32
export const rateNumbers = rateBytes / 8
export const rateWords = rateBytes / 4
/** Last sample that counts: value, and event time (ms); 0 where there is none. Also of signals that rates are reckoned by. */
export const baseValue = 0
export const baseMs = 1
/** Growth a second up to that sample; NaN where it is not known. */
export const perSecond = 2
/** Slot of the series of the same port that a rate is reckoned by (speed, frames); 0 for none. */
export const besideSlot = 6
/** Index of the device of the series. */
export const deviceOfSlot = 7

/** Takes a slot for a series that has none; whether there was room for it. Only the main thread does so. */
export function takeRateSlot(rates: RateState, series: number, device: number): boolean {
  if (hasSlot(rates, series)) return true
  const slot = rates.words[0]! + 1
  const isBeyond = series >= rates.slotOf.length || device >= rates.startedMs.length
  if (isBeyond || slot * rateNumbers >= rates.numbers.length) return false
  rates.words[0] = slot
  rates.words[slot * rateWords + deviceOfSlot] = device
  rates.slotOf[series] = slot
  return true
}

export function hasSlot({ slotOf }: RateState, series: number): boolean {
  return series < slotOf.length && slotOf[series] !== 0
}

/** Names the series that the rates of another are reckoned by; both have slots. */
export function setBeside(rates: RateState, series: number, by: number): void {
  rates.words[rates.slotOf[series]! * rateWords + besideSlot] = rates.slotOf[by]!
}

export const hasBeside = (rates: RateState, series: number): boolean => besideOfRate(rates, series) !== 0

/** The slot that the rates of a series are reckoned by; 0 for none. */
export function besideOfRate(rates: RateState, series: number): number {
  return hasSlot(rates, series) ? rates.words[rates.slotOf[series]! * rateWords + besideSlot]! : 0
}

/** The next sample of the series is its first one. */
export function forgetBase(rates: RateState, series: number): void {
  if (hasSlot(rates, series)) rates.numbers[rates.slotOf[series]! * rateNumbers + baseMs] = 0
}

const id = (name: string): number => signalIds.get(name) ?? -1
const uptime = id('device.uptime_s')

/** By signal and measure: the signal that a rate is reckoned by. */
const besides: ReadonlyMap<number, Readonly<Partial<Record<Rate, number>>>> = new Map([
  [id('if.in_octets'), { utilisation: id('if.speed_mbps') }],
  [id('if.out_octets'), { utilisation: id('if.speed_mbps') }],
  [id('if.in_errors'), { share: id('if.in_unicast') }],
  [id('if.out_errors'), { share: id('if.out_unicast') }],
  [id('if.in_discards'), { share: id('if.in_unicast') }],
  [id('if.out_discards'), { share: id('if.out_unicast') }]
])

/** Signal by which a rate of another is reckoned; -1 where it is reckoned by itself. */
export function signalBeside(signal: number, measure: string): number {
  return (besides.get(signal) as Partial<Record<string, number>> | undefined)?.[measure] ?? -1
}

/** Signal that rates of this one may be reckoned by; -1 for none. */
export function anySignalBeside(signal: number): number {
  return anyBeside[signal] ?? -1
}

/** It is asked for every series that is met. */
const anyBeside = Int16Array.from(signals, (_, signal) => Object.values(besides.get(signal) ?? {})[0] ?? -1)
const areBeside = new Set([...besides.values()].flatMap(Object.values))

/** Whether rates of another signal are reckoned by this one. */
export function isBeside(signal: number): boolean {
  return areBeside.has(signal)
}

export const isUptime = (signal: number): boolean => signal === uptime

/** Rates there can be of a signal; none of what is no counter. */
export function ratesOf(signal: number): readonly Rate[] {
  if (signals[signal]?.kind !== 'counter') return []
  return rates.filter(rate => rate === 'per_second' || signalBeside(signal, rate) >= 0)
}

/** A rate as it was judged last, and what it was made of; null for what is not known. */
export interface KnownRate {
  readonly value: number | null
  readonly perSecond: number | null
  /** Speed (Mb/s) or frames a second that it is reckoned by. */
  readonly beside: number | null
}

const known = (value: number): number | null => (Number.isNaN(value) ? null : value)

/** For people who ask; judging does not come by here. */
export function knownRate(state: RateState, series: number, measure: Rate): KnownRate {
  const { numbers, words } = state
  const slot = state.slotOf[series] ?? 0
  if (slot === 0 || numbers[slot * rateNumbers + baseMs] === 0)
    return { value: null, perSecond: null, beside: null }
  const by = words[slot * rateWords + besideSlot]! * rateNumbers
  const beside =
    by === 0 || numbers[by + baseMs] === 0 || measure === 'per_second'
      ? NaN
      : numbers[by + (measure === 'utilisation' ? baseValue : perSecond)]!
  return {
    value: known(rateOf(state, slot, measurePerSecond + rates.indexOf(measure), Infinity, Infinity)),
    perSecond: known(numbers[slot * rateNumbers + perSecond]!),
    beside: known(beside)
  }
}

/** What has to be kept of a signal for rates of these. */
export function keptFor(signal: number, isAskedBeside: boolean): KeptSamples {
  if (signal === uptime) return 'uptime'
  if (signals[signal]?.kind === 'counter') return 'counter'
  return isAskedBeside ? 'value' : 'nothing'
}

/** Signals of which something is kept where a rate is asked of this signal; itself not among them. */
export function signalsFor(signal: number, measure: string): readonly number[] {
  const beside = signalBeside(signal, measure)
  return beside < 0 ? [uptime] : [uptime, beside]
}

/**
 * Takes a sample that is not older than the last one. Returns over how long (ms) the rate is that ends with it; 0 where there is
 * none, and then the sample says nothing of rates.
 */
export function keepSample(
  rates: RateState,
  slot: number,
  kept: number,
  value: number,
  timeMs: number
): number {
  const { numbers, startedMs } = rates
  const at = slot * rateNumbers
  const device = rates.words[slot * rateWords + deviceOfSlot]!
  const base = numbers[at + baseValue]!
  const beforeMs = numbers[at + baseMs]!
  const elapsedMs = timeMs - beforeMs
  if (kept === keepsCounter) {
    const isKnown =
      beforeMs > 0 && value >= base && elapsedMs <= intervalMsMax && !(beforeMs < startedMs[device]!)
    if (isKnown && elapsedMs < intervalMsMin) return 0
    numbers[at + perSecond] = isKnown ? ((value - base) * 1000) / elapsedMs : NaN
    numbers[at + baseValue] = value
    numbers[at + baseMs] = timeMs
    return isKnown ? elapsedMs : 0
  }
  if (kept !== keepsValue && beforeMs > 0) {
    const expected = base + elapsedMs / 1000
    // It may have been up for longer than before, where it was not heard between.
    const lagMs = (expected - value) * 1000
    // What was counted before this moment may be from before the start: one interval too many is left out, never one too few.
    if (value < base || lagMs > uptimeLagMs + elapsedMs * uptimeLagShare) startedMs[device] = timeMs
  }
  numbers[at + baseValue] = value
  numbers[at + baseMs] = timeMs
  return 0
}

/**
 * The rate of a slot as it is now. `overMs`: over how long that of the series itself is; what it is reckoned by must have been told within.
 * NaN where it is not known.
 */
export function rateOf(
  { numbers, words }: RateState,
  slot: number,
  measure: number,
  timeMs: number,
  overMs: number
): number {
  const grown = numbers[slot * rateNumbers + perSecond]!
  if (measure === measurePerSecond) return grown
  const beside = words[slot * rateWords + besideSlot]! * rateNumbers
  if (beside === 0 || numbers[beside + baseMs] === 0) return NaN
  if (measure === measureUtilisation) {
    const speedMbps = numbers[beside + baseValue]!
    const pct = (grown * 8 * 100) / (speedMbps * 1e6)
    return speedMbps > 0 && pct <= utilisationPctMax ? pct : NaN
  }
  if (grown === 0) return 0
  // Frames of the same interval where they stand before it in the record, else of the one before.
  const toldMs = numbers[beside + baseMs]!
  if (toldMs > timeMs || toldMs < timeMs - overMs) return NaN
  return (grown * 100) / (grown + numbers[beside + perSecond]!)
}
