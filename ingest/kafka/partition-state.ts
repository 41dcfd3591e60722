import type { TopicPartition } from '../../schemas/batch.ts'
import type { Backoff } from '../backoff.ts'

/** The position is still to be asked for at the broker. */
export const unknownPosition = -1

/** A partition that is read, and how far. */
export interface PartitionState extends TopicPartition {
  readonly key: string
  /** The topic's id when the partition was assigned; undefined when it was not to be found. */
  readonly topicId: string | undefined
  /** The next offset to hand over, or unknownPosition. */
  position: number
  readonly resetTo: 'earliest' | 'latest'
  /** The position that the broker no longer had. */
  lostPosition?: number | undefined
  paused: boolean
  inFlight: boolean
  /** Partitions are asked for in the order of their turns: who got data goes to the end. */
  turn: number
  highWatermark: number
  heardAtMs: number // options.nowMs when the last answer was asked for; 0 before the first
  maxBytes: number
  /** On the clock of performance.now(). */
  notBeforeMs: number
  readonly backoff: Backoff
}

/** Requests name a topic once, with its partitions. */
export function byTopic(states: readonly PartitionState[]): [string, PartitionState[]][] {
  const found = new Map<string, PartitionState[]>()
  for (const state of states) {
    const list = found.get(state.topic)
    if (list === undefined) found.set(state.topic, [state])
    else list.push(state)
  }
  return [...found]
}
