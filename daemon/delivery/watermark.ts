import type { SourceLag } from '../../ingest/source.ts'
import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import type { RangeOutcome, TaskRange } from '../../schemas/evaluation.ts'

/** With nothing read for this long, event time has come to the present. For sources that do not say how far they have read. */
const backlogForgottenMs = 2000
/** A record may lie in Kafka so much later than its event (ms): collectors gather, producers linger. */
export const lateMsMax = 1000

/**
 * Where a broker could not be read for so long (ms), it could not be written to either. What its producers have kept comes when they
 * have found it again, which takes a client of librdkafka up to 15 s; batches of that time make the wait longer, up to a limit.
 */
export const outageMsMin = 3000
export const returnMs = 15_000
const furtherMs = 5000
const returnMsMax = 60_000

/** A partition that another member of the group has taken is waited for so long (ms): mostly it comes back, with what was missed. */
const awayMsMax = 60_000

/**
 * How far the log has been judged: everything up to this moment is known, so a hold that ended by then has ended. It is the
 * partition that is furthest behind that counts, and a partition of which nobody answers stands still, because what
 * it holds may yet say that a hold did not last. The clock alone ends nothing: not while a backlog is read, nor while Kafka is
 * away or its producers have just found it again, nor after the process has stood still.
 */
export interface Watermark {
  /**
   * Something is under way by what a former run stored of these partitions. While another member of the group still has them, what would
   * end it cannot be known here: they are waited for as one that was taken is.
   */
  awaited(partitions: readonly TopicPartition[]): void
  assigned(partitions: readonly TopicPartition[]): void
  /**
   * Brokers may have come back just before these were assigned, which nobody saw: what producers have kept is waited for as after an
   * outage that was seen.
   */
  returning(partitions: readonly TopicPartition[]): void
  revoked(partitions: readonly TopicPartition[]): void
  /** These batches were handed over. */
  offered(batches: readonly RawBatch[]): void
  /** These records go into evaluation now. */
  evaluating(ranges: readonly TaskRange[], nowMs: number): void
  /** The status engine has taken what was found in them. */
  judged(ranges: readonly RangeOutcome[]): void
  atMs(nowMs: number): number
}

interface Reach {
  /** Last offset handed over, and last one judged; -1 for none since the assignment. */
  offered: number
  judged: number
  /** Newest record under evaluation, and newest one judged (ms). */
  evaluatingMs: number
  judgedMs: number
  readonly assignedAtMs: number
  readonly hearing: Hearing
}

/** What outlives an assignment: when a broker has answered of the partition, and how far the log was known then. */
interface Hearing {
  heardAtMs: number
  /** As of the last look: while its producers come back, it is known no further. */
  reachedMs: number
  resumedAtMs: number
  /** 0 while it waits for nobody. */
  waitsUntilMs: number
  /** When it was given up; Infinity while it is assigned. */
  leftAtMs: number
}

/** `failedAtMs`: when a broker was last found not to answer, by the clock. */
export function createWatermark(
  lags: () => readonly SourceLag[],
  clockMs: () => number,
  failedAtMs: () => number = () => -Infinity
): Watermark {
  let startMs = clockMs()
  const reaches = new Map<string, Reach>()
  const hearings = new Map<string, Hearing>()
  let lastMs = -Infinity
  let behindMs = 0
  let knownAtMs = 0
  const keyOf = ({ topic, partition }: TopicPartition): string => partitionKey(topic, partition)

  const hearingOf = (key: string): Hearing => {
    let hearing = hearings.get(key)
    if (hearing === undefined) {
      hearing = {
        heardAtMs: Infinity,
        reachedMs: -Infinity,
        resumedAtMs: 0,
        waitsUntilMs: 0,
        leftAtMs: Infinity
      }
      hearings.set(key, hearing)
    }
    return hearing
  }

  const waitFrom = (hearing: Hearing, resumedAtMs: number): void => {
    hearing.resumedAtMs = resumedAtMs
    hearing.waitsUntilMs = resumedAtMs + returnMs
  }

  const noteHeard = (hearing: Hearing, heardAtMs: number): void => {
    // What was not heard before is so since the start: then it was away when we came.
    const sinceMs = hearing.heardAtMs === Infinity ? startMs : hearing.heardAtMs
    if (heardAtMs - sinceMs > outageMsMin && failedAtMs() > sinceMs) waitFrom(hearing, heardAtMs)
    hearing.heardAtMs = heardAtMs
  }

  /** Batches of the time in which nobody could write: their producer has more of them, and others may not have come yet. */
  const noteLate = (hearing: Hearing, newestMs: number): void => {
    if (hearing.waitsUntilMs === 0 || newestMs === 0) return
    const nowMs = clockMs()
    if (nowMs >= hearing.waitsUntilMs || newestMs > nowMs - furtherMs) return
    const mostMs = hearing.resumedAtMs + returnMsMax
    hearing.waitsUntilMs = Math.min(mostMs, Math.max(hearing.waitsUntilMs, nowMs + furtherMs))
  }

  const reachedMs = (reach: Reach, lag: SourceLag | undefined, nowMs: number): number => {
    if (lag?.position === undefined || lag.heardAtMs === undefined) return reach.judgedMs
    const { hearing } = reach
    if (lag.heardAtMs > reach.assignedAtMs) noteHeard(hearing, lag.heardAtMs)
    const atEnd = lag.position >= lag.highWatermark && reach.judged >= reach.offered
    const knownMs = atEnd && lag.heardAtMs > reach.assignedAtMs ? lag.heardAtMs : reach.judgedMs
    if (nowMs < hearing.waitsUntilMs) return Math.min(knownMs, hearing.reachedMs)
    hearing.waitsUntilMs = 0
    hearing.reachedMs = knownMs
    return knownMs
  }

  return {
    awaited(partitions) {
      // A daemon that takes over begins here, however long it has waited.
      startMs = clockMs()
      for (const each of partitions)
        if (!reaches.has(keyOf(each))) hearingOf(keyOf(each)).leftAtMs = clockMs()
    },
    assigned(partitions) {
      for (const each of partitions) {
        const hearing = hearingOf(keyOf(each))
        hearing.leftAtMs = Infinity
        reaches.set(keyOf(each), {
          offered: -1,
          judged: -1,
          evaluatingMs: -Infinity,
          judgedMs: -Infinity,
          assignedAtMs: clockMs(),
          hearing
        })
      }
    },
    returning(partitions) {
      for (const each of partitions) waitFrom(hearingOf(keyOf(each)), clockMs())
    },
    revoked(partitions) {
      for (const each of partitions) {
        reaches.delete(keyOf(each))
        hearingOf(keyOf(each)).leftAtMs = clockMs()
      }
    },
    offered(batches) {
      for (const batch of batches) {
        const reach = reaches.get(keyOf(batch))
        if (reach === undefined) continue
        reach.offered = Math.max(reach.offered, batch.lastOffset)
        noteLate(reach.hearing, batch.maxTimestampMs)
      }
    },
    evaluating(ranges, nowMs) {
      let newestMs = 0
      for (const range of ranges) {
        const { maxTimestampMs = 0 } = range
        newestMs = Math.max(newestMs, maxTimestampMs)
        const reach = reaches.get(keyOf(range))
        if (reach !== undefined && maxTimestampMs > 0) reach.evaluatingMs = maxTimestampMs
      }
      knownAtMs = nowMs
      behindMs = newestMs === 0 ? 0 : Math.max(0, nowMs - newestMs)
    },
    judged(ranges) {
      for (const range of ranges) {
        const reach = reaches.get(keyOf(range))
        if (reach === undefined) continue
        reach.judged = Math.max(reach.judged, range.lastOffset)
        reach.judgedMs = Math.max(reach.judgedMs, reach.evaluatingMs)
      }
    },
    atMs(nowMs) {
      const known = new Map(lags().map(lag => [keyOf(lag), lag]))
      if ([...known.values()].some(lag => lag.heardAtMs === undefined))
        return nowMs - knownAtMs < backlogForgottenMs ? nowMs - behindMs : nowMs
      let leastMs = Infinity
      for (const [key, reach] of reaches) leastMs = Math.min(leastMs, reachedMs(reach, known.get(key), nowMs))
      // Nothing is assigned: nothing is known beyond what was.
      if (leastMs === Infinity) return lastMs
      for (const { leftAtMs, reachedMs: thenMs } of hearings.values())
        if (nowMs - leftAtMs >= 0 && nowMs - leftAtMs < awayMsMax) leastMs = Math.min(leastMs, thenMs)
      lastMs = Math.max(lastMs, leastMs - lateMsMax)
      return lastMs
    }
  }
}
