import { signals } from '../../schemas/signals.ts'
import { changes, changesOf, unitOfChange, type Change } from './baselines.ts'
import { rates, ratesOf, type Rate } from './rates.ts'

/** What a condition compares: the value itself, a rate of a counter (rates.ts), or a change of a gauge (baselines.ts). */
export const measures = ['value', ...rates, ...changes] as const
export type Measure = (typeof measures)[number]

export const isRate = (measure: Measure): measure is Rate => (rates as readonly Measure[]).includes(measure)
export const isChange = (measure: Measure): measure is Change =>
  (changes as readonly Measure[]).includes(measure)

/** What can be compared of a signal beside its value. */
export function measuresOf(signal: number): readonly Measure[] {
  return [...ratesOf(signal), ...changesOf(signal)]
}

/** The unit that limits of it are in. */
export function unitOf(signal: number, measure: Measure): string {
  const unit = signals[signal]?.unit ?? ''
  if (measure === 'value') return unit
  if (isChange(measure)) return unitOfChange(unit, measure)
  return measure === 'per_second' ? `${unit}/s` : '%'
}
