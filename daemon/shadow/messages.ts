import type { ColumnBlock, NewSeries, RangeOutcome } from '../../schemas/evaluation.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { ShadowFilter, ShadowSummary } from '../../status/shadow-view.ts'
import type { SharedMemory } from '../../workers/memory/shared-state.ts'
import type { JudgedReport, LiveEvents, ShadowSeeds } from './judge.ts'

/** What passes between the daemon and the thread of its shadow. In the order it was sent, either way. */

export interface ShadowThreadData {
  readonly shared: SharedMemory
}

export type ToShadow =
  /** Read what the configuration names; where it judges already it goes on by that, and begins the comparison anew unless `isCompared`. */
  | { readonly type: 'load'; readonly config: Config; readonly isCompared: boolean; readonly nowMs: number }
  /** Judge from now on, of what was loaded. */
  | { readonly type: 'begin'; readonly seeds: ShadowSeeds; readonly nowMs: number }
  | { readonly type: 'series'; readonly series: NewSeries; readonly nowMs: number; readonly bytes: number }
  | {
      readonly type: 'samples'
      readonly ranges: readonly RangeOutcome[]
      readonly block: ColumnBlock
      readonly gone: Float64Array | undefined
      /** Samples before these were left out. */
      readonly isBehindGap: boolean
      readonly nowMs: number
      readonly bytes: number
    }
  | { readonly type: 'live'; readonly events: LiveEvents; readonly bytes: number }
  | { readonly type: 'tick'; readonly nowMs: number; readonly watermarkMs: number }
  | { readonly type: 'hold'; readonly held: boolean; readonly nowMs: number }
  | { readonly type: 'report'; readonly id: number; readonly filter: ShadowFilter }

export type FromShadow =
  | { readonly type: 'loaded' }
  /** The files could not be loaded; the rules before, if any, stay in force. */
  | { readonly type: 'unloaded'; readonly problem: string }
  /** A message with so many bytes is dealt with. */
  | { readonly type: 'done'; readonly bytes: number }
  | { readonly type: 'ticked'; readonly summary: ShadowSummary | null; readonly sinceMs: number | null }
  | { readonly type: 'report'; readonly id: number; readonly report: JudgedReport | null }
