import type { SourceLag } from '../../ingest/source.ts'
import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import type { RangeOutcome, TaskRange } from '../../schemas/evaluation.ts'

/** With nothing read for this long, event time has come to the present. For sources that do not say how far they have read. */
const backlogForgottenMs = 2000
/** A record may lie in Kafka so much later than its event (ms): collectors gather, producers linger. */
const lateMs = 1000

/**
 * How far the log has been judged: everything up to this moment is known, so a hold that ended by then has ended. It is the
 * partition that is furthest behind that counts, and a partition of which nobody answers stands still, because what
 * it holds may yet say that a hold did not last. The clock alone ends nothing: not while a backlog is read, nor while Kafka is
 * away, nor after the process has stood still.
 */
export interface Watermark {
  assigned(partitions: readonly TopicPartition[]): void
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
}

export function createWatermark(lags: () => readonly SourceLag[], clockMs: () => number): Watermark {
  const reaches = new Map<string, Reach>()
  let lastMs = -Infinity
  let behindMs = 0
  let knownAtMs = 0
  const keyOf = ({ topic, partition }: TopicPartition): string => partitionKey(topic, partition)

  const reachedMs = (reach: Reach, lag: SourceLag | undefined): number => {
    if (lag?.position === undefined || lag.heardAtMs === undefined) return reach.judgedMs
    const atEnd = lag.position >= lag.highWatermark && reach.judged >= reach.offered
    return atEnd && lag.heardAtMs > reach.assignedAtMs ? lag.heardAtMs : reach.judgedMs
  }

  return {
    assigned(partitions) {
      for (const each of partitions)
        reaches.set(keyOf(each), {
          offered: -1,
          judged: -1,
          evaluatingMs: -Infinity,
          judgedMs: -Infinity,
          assignedAtMs: clockMs()
        })
    },
    revoked(partitions) {
      for (const each of partitions) reaches.delete(keyOf(each))
    },
    offered(batches) {
      for (const batch of batches) {
        const reach = reaches.get(keyOf(batch))
        if (reach !== undefined) reach.offered = Math.max(reach.offered, batch.lastOffset)
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
      for (const [key, reach] of reaches) leastMs = Math.min(leastMs, reachedMs(reach, known.get(key)))
      // Nothing is assigned: nothing is known beyond what was.
      if (leastMs !== Infinity) lastMs = Math.max(lastMs, leastMs - lateMs)
      return lastMs
    }
  }
}
