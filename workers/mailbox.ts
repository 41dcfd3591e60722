import type { TopicPartition } from '../schemas/batch.ts'
import type { TaskRange } from '../schemas/evaluation.ts'

/** What a worker is sent: where its bytes lie in shared memory, and where its rows shall go. */
export interface WorkerTask {
  readonly ranges: readonly WorkerRange[]
  readonly nowMs: number
  /** Two doubles the worker writes: index of the range and offset of the record it is at. */
  readonly progress: SharedArrayBuffer
  /** Where the rows go, when they fit. */
  readonly rows: SharedArrayBuffer
}

export interface WorkerRange extends TopicPartition {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly memory: SharedArrayBuffer
  readonly at: number
  readonly length: number
}

/**
 * A task's bytes go to the worker through shared memory, so that the sender still has them when the worker dies.
 * What lies in shared memory as it is (slabs) is only pointed at; other bytes are copied into the mailbox, which is used again.
 */
export interface Mailbox {
  put(ranges: readonly TaskRange[], nowMs: number, rows: SharedArrayBuffer): WorkerTask
  /** Where the worker is, or was when it died; offset -1 when it had not reached a record of the range. */
  mark(): { readonly range: number; readonly offset: number }
}

export function createMailbox(): Mailbox {
  let mailbox = new SharedArrayBuffer(0)
  let copies = new Uint8Array(mailbox)
  const progress = new SharedArrayBuffer(16)
  const position = new Float64Array(progress)
  return {
    put(ranges, nowMs, rows) {
      let total = 0
      for (const { bytes } of ranges) if (!isShared(bytes)) total += bytes.length
      if (total > copies.length) {
        mailbox = new SharedArrayBuffer(total + (total >>> 2))
        copies = new Uint8Array(mailbox)
      }
      let copied = 0
      const placed = ranges.map(({ topic, partition, firstOffset, lastOffset, bytes }): WorkerRange => {
        const { length } = bytes
        const place = { topic, partition, firstOffset, lastOffset, length }
        if (isShared(bytes)) return { ...place, memory: bytes.buffer, at: bytes.byteOffset }
        copies.set(bytes, copied)
        copied += length
        return { ...place, memory: mailbox, at: copied - length }
      })
      position[0] = -1
      position[1] = -1
      return { ranges: placed, nowMs, progress, rows }
    },
    mark: () => ({ range: position[0]!, offset: position[1]! })
  }
}

const isShared = (bytes: Uint8Array): bytes is Uint8Array<SharedArrayBuffer> =>
  bytes.buffer instanceof SharedArrayBuffer

/**
 * Bytes of a task as the evaluator takes them: decoders and decompressors refuse shared memory, so they are copied,
 * into memory that is used again with the next task.
 */
export function createUnsharing(): (ranges: readonly WorkerRange[]) => TaskRange[] {
  let copy = new Uint8Array(1 << 20)
  return ranges => {
    const total = ranges.reduce((sum, { length }) => sum + length, 0)
    if (copy.length < total) copy = new Uint8Array(total + (total >>> 2))
    let at = 0
    return ranges.map(({ memory, at: from, length, ...range }) => {
      const bytes = copy.subarray(at, at + length)
      bytes.set(new Uint8Array(memory, from, length))
      at += length
      return { ...range, bytes }
    })
  }
}
