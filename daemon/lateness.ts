import type { StatusEngine } from '../status/engine/engine.ts'
import type { Freshness } from '../status/view.ts'

export interface LatenessOptions {
  /** How far the log is judged (Watermark.atMs): not a number of this world before the first partition is read. */
  readonly judgedToMs: (nowMs: number) => number
  /** Whether the source reaches its brokers and is a member of its group. */
  readonly connected: () => boolean
  /** Data that is later than this is said to be late, and silence is not counted (ms). */
  readonly lateMsMax: number
  readonly startMs: number
}

/**
 * Whether data comes in time. While it does not (Kafka away, a backlog, a database that takes nothing), our own trouble must
 * not be shown as the network's: silence is not counted, lights stay, and one incident says so if it lasts.
 */
export interface Lateness {
  /** A daemon that has waited for another one to go begins now. */
  begin(nowMs: number): void
  /** Looks, and tells the engine; call a few times a second. */
  tick(engine: LatenessTold, nowMs: number): void
  /** Samples wait up to their limit, and consumption is held back. */
  pressure(held: boolean): void
  state(): Freshness
}

/** Late for so long (ms) it is an incident: a restart or a broker's is over before. */
const incidentAfterMs = 20_000

type LatenessTold = Pick<StatusEngine, 'holdSilence' | 'setIngestTrouble'> & {
  readonly clocks: Pick<StatusEngine['clocks'], 'sweep'>
}

export function createLateness(options: LatenessOptions): Lateness {
  const { lateMsMax } = options
  let { startMs } = options
  let asOfMs: number | null = null
  let connectedAtMs = startMs
  let held = false
  /**
   * What came while we were away waits in Kafka, so until it is read nothing is unknown but what is to come: silence goes on to be
   * counted by the log's own time. That is over when data is in time, or when Kafka itself is not there.
   */
  let isCatchingUp = true
  /** When it began to be late, by the clock, and up to when data had come by then; null while it is in time. */
  let late: { readonly fromMs: number; readonly asOfMs: number } | null = null
  let lateMs = 0

  return {
    begin(nowMs) {
      startMs = nowMs
      connectedAtMs = nowMs
    },
    tick(engine, nowMs) {
      if (options.connected()) connectedAtMs = nowMs
      else if (nowMs - startMs > lateMsMax) isCatchingUp = false
      const judgedMs = Math.min(options.judgedToMs(nowMs), connectedAtMs)
      asOfMs = Number.isFinite(judgedMs) ? Math.min(judgedMs, nowMs) : null
      const knownMs = asOfMs ?? startMs
      const behindMs = nowMs - knownMs
      // Once late, it is in time again when well within the limit: a backlog that hovers about it would count silence and not count it in turn.
      if (behindMs > lateMsMax) late ??= { fromMs: nowMs, asOfMs: knownMs }
      else if (behindMs <= lateMsMax / 2) {
        late = null
        if (Number.isFinite(judgedMs)) isCatchingUp = false
      }
      lateMs = late === null ? 0 : behindMs
      engine.holdSilence(held || (late !== null && !isCatchingUp), nowMs)
      if (late === null && Number.isFinite(judgedMs)) engine.clocks.sweep(nowMs)
      engine.setIngestTrouble(
        late !== null && nowMs - late.fromMs >= incidentAfterMs ? late.asOfMs : null,
        nowMs
      )
    },
    pressure(value) {
      held = value
    },
    state: () => ({ asOfMs, lateMs })
  }
}
