import { alignConditions, evaluateSample } from '../../rules/judge.ts'
import type { ProgramTable } from '../../rules/program.ts'
import { forgetBaseline } from '../../rules/measures/baselines.ts'
import type { CompiledRules } from '../../rules/compiled.ts'
import { forgetBase } from '../../rules/measures/rates.ts'
import type { SeriesState } from '../../rules/series-state.ts'
import type { EvaluationResult, NewSeries } from '../../schemas/evaluation.ts'
import { eachCandidate, newEntities } from '../../schemas/findings.ts'
import { storeBaselinesMs, type BaselineMemory } from './baseline-memory.ts'

/**
 * Takes up again what is not stored: how many consecutive samples a condition has seen, and when each device was last heard. A
 * stretch of the log that was judged before a restart is judged again, and what flips in it is dropped, because
 * its flips and what they led to are stored.
 *
 * Where the stretch ends, whether a condition is on is known from the stored states, and its count depends on nothing but that
 * and the samples since it last changed or was last contradicted: that is why it does not matter with which conditions
 * the stretch begins.
 */
export interface Warming {
  /** Takes what a task found. */
  take(result: EvaluationResult): void
  /**
   * The stretch is over. One that was not read to its end says nothing of counts: they begin anew. `sinceMs`: everything that
   * was sent since then (Kafka's time) has been heard, so silence need not be counted anew; Infinity where that is not so.
   */
  end(read: { readonly isWhole: boolean; readonly sinceMs: number }): void
}

export interface WarmingOptions {
  readonly table: ProgramTable
  readonly state: SeriesState
  readonly learn: (described: NewSeries) => void
  readonly moduleLimit: (series: number, value: number) => void
  /** Conditions known to be on for a series. */
  readonly raisedOf: (series: number) => ReadonlySet<number> | undefined
  readonly heardSince: (sinceMs: number) => void
  readonly baselines: BaselineMemory | undefined
}

/** How far back (ms) a stretch has to go: the longest count of samples, the longest silence, and what was learnt since baselines were stored. */
export function memoryMsOf(
  { conditions }: CompiledRules,
  longest: { readonly intervalMs: number; readonly limitMs: number }
): number {
  let samples = 1
  let storedMs = 0
  for (const { raiseCount, clearCount, measure, learning } of conditions) {
    // A rate takes one sample more than there are rates.
    samples = Math.max(samples, Math.max(raiseCount, clearCount) + (measure === 'value' ? 0 : 1))
    if (learning !== null) storedMs = 2 * storeBaselinesMs
  }
  // Polls come late: half an interval for that, as silence allows.
  return Math.max(longest.intervalMs * (samples + 0.5), longest.limitMs, storedMs)
}

export function createWarming(options: WarmingOptions): Warming {
  const { table, state, learn, moduleLimit, raisedOf } = options
  options.baselines?.begin()
  /** Of these a condition flipped on the way; of all others it is as it was taken from the stored states. */
  const flipped = new Set<number>()
  const met: number[] = []

  return {
    take(result) {
      if (result.newSeries.count > 0) {
        learn(result.newSeries)
        for (const { series } of newEntities(result.newSeries)) for (const each of series) met.push(each)
      }
      eachCandidate(result, ({ series, value, timeMs, condition }) => {
        if (condition >= 0) {
          flipped.add(series)
          return
        }
        moduleLimit(series, value)
        evaluateSample(table, state, series, value, timeMs, () => void flipped.add(series))
      })
    },
    end({ isWhole, sinceMs }) {
      for (const series of isWhole ? flipped : met) {
        alignConditions(table, state, series, raisedOf(series), isWhole)
        // The same stretch may be judged once more, and then from its beginning.
        if (isWhole) continue
        state.lastTimeMs[series] = 0
        forgetBase(state.rates, series)
        forgetBaseline(state.baselines, series)
      }
      options.baselines?.end(isWhole, raisedOf)
      options.heardSince(isWhole ? sinceMs : Infinity)
    }
  }
}
