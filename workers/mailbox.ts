import type { TopicPartition } from '../schemas/batch.ts'
import type { TaskRange } from '../schemas/evaluation.ts'

/** What a worker is sent: where its bytes lie in shared memory. */
export interface WorkerTask {
  readonly ranges: readonly WorkerRange[]
  readonly nowMs: number
  readonly mailbox: SharedArrayBuffer
  readonly bytes: number
  /** Two doubles the worker writes: index of the range and offset of the record it is at. */
  readonly progress: SharedArrayBuffer
}

export interface WorkerRange extends TopicPartition {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly at: number
  readonly length: number
}

/**
 * A task's bytes go to the worker through shared memory that is used again: one copy on each side, and the sender still
 * has the bytes when the worker dies. Transferring them would leave nothing to try again with.
 */
export interface Mailbox {
  put(ranges: readonly TaskRange[], nowMs: number): WorkerTask
  /** Where the worker is, or was when it died; offset -1 when it had not reached a record of the range. */
  mark(): { readonly range: number; readonly offset: number }
}

const mailboxBytesMin = 1 << 20

export function createMailbox(): Mailbox {
  let mailbox = new SharedArrayBuffer(mailboxBytesMin)
  let bytes = new Uint8Array(mailbox)
  const progress = new SharedArrayBuffer(16)
  const position = new Float64Array(progress)
  return {
    put(ranges, nowMs) {
      let total = 0
      for (const range of ranges) total += range.bytes.length
      if (total > bytes.length) {
        mailbox = new SharedArrayBuffer(total + (total >>> 2))
        bytes = new Uint8Array(mailbox)
      }
      let at = 0
      const placed = ranges.map(({ topic, partition, firstOffset, lastOffset, bytes: from }): WorkerRange => {
        bytes.set(from, at)
        at += from.length
        return { topic, partition, firstOffset, lastOffset, at: at - from.length, length: from.length }
      })
      position[0] = -1
      position[1] = -1
      return { ranges: placed, nowMs, mailbox, bytes: total, progress }
    },
    mark: () => ({ range: position[0]!, offset: position[1]! })
  }
}
