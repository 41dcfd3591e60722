import type { RawBatch, TopicPartition } from '../schemas/batch.ts'

/**
 * The consumer port: raw record batches in offset order per partition. Three adapters implement it
 * (batch, kafkajs, node-rdkafka) and pass one contract suite; `memory` feeds tests and a demo without Kafka.
 */
export interface PartitionOffset extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number
}

/** What a source is given to read. */
export interface AssignedPartition extends TopicPartition {
  /** Kafka's id of the topic, which one that is deleted and made again does not keep. Left out where the client cannot tell. */
  readonly topicId?: string
}

export interface SourceHandler {
  /**
   * Called before the first batch of newly assigned partitions. Returns where to start for the partitions it knows;
   * the others start at the group's committed offset, else at the configured reset. `isCurrent` turns false when the
   * assignment is void, and nobody waits for the answer any more.
   */
  assigned(
    partitions: readonly AssignedPartition[],
    isCurrent?: () => boolean
  ): Promise<readonly PartitionOffset[]>
  /**
   * Drain: resolves, within `limitMs`, when everything handed over of these partitions is acknowledged or fenced; 0 where they
   * may have another owner already. Offsets may still be committed before it resolves. Whatever it takes, a source waits for
   * it before it takes anything over again: a hand-over that is late must not meet the partitions of the next assignment.
   */
  revoked(partitions: readonly TopicPartition[], limitMs: number): Promise<void>
  /** Takes ownership of the batches. Synchronous: back-pressure goes through Source.pause. */
  batches(batches: readonly RawBatch[]): void
  /** A fault the source could not mend by itself, after its own retries; the source keeps trying after a backoff unless it is fatal. */
  failed(error: Error, fatal: boolean): void
}

export interface SourceLag extends TopicPartition {
  readonly highWatermark: number
  /** The next offset to be handed over, and when the broker was last asked for more that has answered (SourceOptions.nowMs), where the source knows. */
  readonly position?: number
  readonly heardAtMs?: number
}

export interface Source {
  readonly name: string
  start(handler: SourceHandler): Promise<void>
  /** A paused partition hands over nothing more (batches already under way may still arrive once). */
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** Commits next-to-read offsets for the group. Rejects when the group has moved on. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>
  /** High watermarks as last heard from the brokers. */
  highWatermarks(): readonly SourceLag[]
  connected(): boolean
  /** When a broker was last found not to answer (SourceOptions.nowMs), where the source knows; 0 for never. */
  failedAtMs?(): number
  /** Whether the group cannot have given the partitions to others yet, however long this process stood still; where the source knows. */
  holds?(): boolean
  /** Leaves the group and closes every connection, within its own limit. */
  stop(): Promise<void>
}
