import { signalIds, signals } from '../schemas/signals.ts'

/**
 * Rates of counters. A rate is the growth of a counter between two of its samples, and there is none where that growth is not known:
 * after the first sample, after the counter fell (it was reset, or has wrapped: how often nobody can tell), across a start of the
 * device, from a sample that came twice or late, and across a gap. What is kept of a series lies in shared memory and is touched
 * only where a rule asks for it. Samples that change no condition never get here: workers/kernel/rates.ts has taken them.
 */

/** What a condition compares: the value itself, or one of these rates. */
export const measures = ['value', 'per_second', 'share', 'utilisation'] as const
export type Measure = (typeof measures)[number]
/** As programs have it. */
export const measureValue = 0
export const measurePerSecond = 1
export const measureUtilisation = 3

/** What is kept of the samples of a series, by program; workers/kernel/rates.ts knows them by their places here. */
export const keptSamples = ['nothing', 'value', 'counter', 'uptime'] as const
export type KeptSamples = (typeof keptSamples)[number]
export const keepsNothing = 0
export const keepsValue = 1
export const keepsCounter = 2

/** Samples closer together are taken for one: a rate over less says more of the clocks than of the port. */
export const intervalMsMin = 1000
/** A rate over more is none of now. */
export const intervalMsMax = 3_600_000
/** A port carries no more than its speed; polls are late by a part of their interval, and counters are refreshed in steps. Beyond it the counter has jumped. */
export const utilisationPctMax = 200
/** A device has started anew when its uptime is behind by more than clocks and polls are apart. */
const uptimeLagMs = 60_000
const uptimeLagShare = 0.01

/** Room for rates may be less than there are series and devices (series-state.ts). */
export interface RateState {
  /** Last sample that counts: value, and event time (ms); 0 where there is none. Also of signals that rates are reckoned by. */
  readonly baseValue: Float64Array
  readonly baseMs: Float64Array
  /** Growth a second up to that sample; NaN where it is not known. */
  readonly perSecond: Float64Array
  /** Series of the same port that a rate is reckoned by (speed, frames), plus one; 0 for none. */
  readonly beside: Int32Array
  /** By device: samples from before (event time, ms) are from before its last start. */
  readonly startedMs: Float64Array
}

const id = (name: string): number => signalIds.get(name) ?? -1
const uptime = id('device.uptime_s')

/** By signal and measure: the signal that a rate is reckoned by. */
const besides: ReadonlyMap<number, Readonly<Partial<Record<Measure, number>>>> = new Map([
  [id('if.in_octets'), { utilisation: id('if.speed_mbps') }],
  [id('if.out_octets'), { utilisation: id('if.speed_mbps') }],
  [id('if.in_errors'), { share: id('if.in_unicast') }],
  [id('if.out_errors'), { share: id('if.out_unicast') }],
  [id('if.in_discards'), { share: id('if.in_unicast') }],
  [id('if.out_discards'), { share: id('if.out_unicast') }]
])

/** Signal by which a rate of another is reckoned; -1 where it is reckoned by itself. */
export function signalBeside(signal: number, measure: Measure): number {
  return besides.get(signal)?.[measure] ?? -1
}

/** Signal that rates of this one may be reckoned by; -1 for none. */
export function anySignalBeside(signal: number): number {
  return Object.values(besides.get(signal) ?? {})[0] ?? -1
}

/** Rates there can be of a signal; none of what is no counter. */
export function measuresOf(signal: number): readonly Measure[] {
  if (signals[signal]?.kind !== 'counter') return []
  return measures.filter(
    measure => measure === 'per_second' || (measure !== 'value' && signalBeside(signal, measure) >= 0)
  )
}

/** The unit that limits of it are in. */
export function unitOf(signal: number, measure: Measure): string {
  const unit = signals[signal]?.unit ?? ''
  if (measure === 'value') return unit
  return measure === 'per_second' ? `${unit}/s` : '%'
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
export function knownRate(rates: RateState, series: number, measure: Measure): KnownRate {
  const timeMs = rates.baseMs[series]!
  if (timeMs === 0) return { value: null, perSecond: null, beside: null }
  const by = rates.beside[series]! - 1
  const beside =
    by < 0 || rates.baseMs[by] === 0 || measure === 'per_second'
      ? NaN
      : (measure === 'utilisation' ? rates.baseValue : rates.perSecond)[by]!
  return {
    value: known(rateOf(rates, series, measures.indexOf(measure), Infinity, Infinity)),
    perSecond: known(rates.perSecond[series]!),
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
export function signalsFor(signal: number, measure: Measure): readonly number[] {
  const beside = signalBeside(signal, measure)
  return beside < 0 ? [uptime] : [uptime, beside]
}

/**
 * Takes a sample that is not older than the last one. Returns over how long (ms) the rate is that ends with it; 0 where there is
 * none, and then the sample says nothing of rates.
 */
export function keepSample(
  rates: RateState,
  series: number,
  device: number,
  kept: number,
  value: number,
  timeMs: number
): number {
  const base = rates.baseValue[series]!
  const baseMs = rates.baseMs[series]!
  const elapsedMs = timeMs - baseMs
  if (kept === keepsCounter) {
    const isKnown =
      baseMs > 0 && value >= base && elapsedMs <= intervalMsMax && !(baseMs < rates.startedMs[device]!)
    if (isKnown && elapsedMs < intervalMsMin) return 0
    rates.perSecond[series] = isKnown ? ((value - base) * 1000) / elapsedMs : NaN
    rates.baseValue[series] = value
    rates.baseMs[series] = timeMs
    return isKnown ? elapsedMs : 0
  }
  if (kept !== keepsValue && baseMs > 0) {
    const expected = base + elapsedMs / 1000
    // It may have been up for longer than before, where it was not heard between.
    const lagMs = (expected - value) * 1000
    // What was counted before this moment may be from before the start: one interval too many is left out, never one too few.
    if (value < base || lagMs > uptimeLagMs + elapsedMs * uptimeLagShare) rates.startedMs[device] = timeMs
  }
  rates.baseValue[series] = value
  rates.baseMs[series] = timeMs
  return 0
}

/**
 * A rate as it is now. `overMs`: over how long that of the series itself is; what it is reckoned by must have been told within.
 * NaN where it is not known.
 */
export function rateOf(
  rates: RateState,
  series: number,
  measure: number,
  timeMs: number,
  overMs: number
): number {
  const perSecond = rates.perSecond[series]!
  if (measure === measurePerSecond) return perSecond
  const beside = rates.beside[series]! - 1
  if (beside < 0 || rates.baseMs[beside] === 0) return NaN
  if (measure === measureUtilisation) {
    const speedMbps = rates.baseValue[beside]!
    const pct = (perSecond * 8 * 100) / (speedMbps * 1e6)
    return speedMbps > 0 && pct <= utilisationPctMax ? pct : NaN
  }
  if (perSecond === 0) return 0
  // Frames of the same interval where they stand before it in the record, else of the one before.
  const toldMs = rates.baseMs[beside]!
  if (toldMs > timeMs || toldMs < timeMs - overMs) return NaN
  return (perSecond * 100) / (perSecond + rates.perSecond[beside]!)
}
