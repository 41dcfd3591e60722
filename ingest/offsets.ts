import { partitionKey, type TopicPartition } from '../schemas/batch.ts'
import type { PartitionOffset } from './source.ts'

/**
 * Follows acknowledged ranges and commits the next-to-read offset of each partition behind them. Ranges of one
 * partition are handed over and acknowledged in order (the dispatcher evaluates a partition's batches one after
 * another and the writer keeps one insert a partition in flight), so the end of the last acknowledged range is
 * the end of the contiguous acknowledged range. A step back is a bug and is thrown, not committed.
 */
export interface AcknowledgedRange extends TopicPartition {
  readonly firstOffset: number
  readonly lastOffset: number
}

export interface OffsetCommitterOptions {
  readonly commit: (offsets: readonly PartitionOffset[]) => Promise<void>
  /** Told of commits that failed; the next flush tries again with newer offsets. */
  readonly commitFailed: (error: unknown) => void
}

export interface OffsetCommitter {
  acknowledged(ranges: readonly AcknowledgedRange[]): void
  /** Commits what is acknowledged and not committed yet. Never rejects. */
  flush(): Promise<void>
  /** Stops following partitions given up: nothing of them is committed any more. */
  forget(partitions: readonly TopicPartition[]): void
  /** The next offset to read of each partition followed. */
  positions(): readonly PartitionOffset[]
  /** The same of one partition; null when nothing of it is acknowledged yet. */
  position(topic: string, partition: number): number | null
}

interface Position {
  readonly topic: string
  readonly partition: number
  next: number
  committed: number
}

export function createOffsetCommitter(options: OffsetCommitterOptions): OffsetCommitter {
  const positions = new Map<string, Position>()
  let flushing: Promise<void> | undefined

  const flushOnce = async (): Promise<void> => {
    const due = [...positions.values()].filter(p => p.next > p.committed)
    if (due.length === 0) return
    const offsets = due.map(p => ({ topic: p.topic, partition: p.partition, offset: p.next }))
    try {
      await options.commit(offsets)
      due.forEach((p, i) => (p.committed = Math.max(p.committed, offsets[i]!.offset)))
    } catch (error) {
      options.commitFailed(error)
    }
  }

  return {
    acknowledged(ranges) {
      for (const { topic, partition, firstOffset, lastOffset } of ranges) {
        const key = partitionKey(topic, partition)
        const position = positions.get(key)
        if (position === undefined) {
          positions.set(key, { topic, partition, next: lastOffset + 1, committed: -1 })
          continue
        }
        if (firstOffset < position.next) {
          throw new Error(
            `offsets ${firstOffset}..${lastOffset} of ${key} were acknowledged after ${position.next - 1}: acknowledgements are out of order`
          )
        }
        position.next = lastOffset + 1
      }
    },
    flush() {
      flushing ??= flushOnce().finally(() => (flushing = undefined))
      return flushing
    },
    forget(partitions) {
      for (const { topic, partition } of partitions) positions.delete(partitionKey(topic, partition))
    },
    position: (topic, partition) => positions.get(partitionKey(topic, partition))?.next ?? null,
    positions: () =>
      [...positions.values()].map(p => ({ topic: p.topic, partition: p.partition, offset: p.next }))
  }
}
