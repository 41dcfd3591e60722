import type { TopicPartition } from '../schemas/batch.ts'
import type { EvaluationResult, TaskRange } from '../schemas/evaluation.ts'
import type { KernelMemory } from './memory/kernel-memory.ts'
import { deskBytes, deskOffset, deskRange, desksMax, judgedLong, judgedRows } from './memory/map.ts'

/** What a worker is sent: where its bytes lie in shared memory, the desk to work at, and where its rows shall go. */
export interface WorkerTask {
  readonly ranges: readonly WorkerRange[]
  readonly nowMs: number
  readonly desk: number
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

export interface WorkerAnswer {
  /** Taken out by who gets it. */
  result: EvaluationResult | undefined
}

/**
 * A task's bytes go to the worker through shared memory, so that the sender still has them when the worker dies.
 * What lies in shared memory as it is (slabs) is only pointed at; other bytes are copied into the mailbox, which is used again.
 * Each mailbox has a desk of its own.
 */
export interface Mailbox {
  readonly desk: number
  put(ranges: readonly TaskRange[], nowMs: number, rows: SharedArrayBuffer): WorkerTask
  /** Where the worker is, or was when it died; range -1 before it began, offset -1 when it had not reached a record. */
  mark(): { readonly range: number; readonly offset: number }
}

export interface Mailboxes {
  take(): Mailbox
  /** Its worker has answered, or its thread has ended. */
  give(mailbox: Mailbox): void
}

/** One desk after another is taken into use, as tasks need them. */
export function createMailboxes(kernel: KernelMemory): Mailboxes {
  const free: Mailbox[] = []
  let made = 0
  const give = (mailbox: Mailbox): void => void free.push(mailbox)
  return {
    give,
    take() {
      const mailbox = free.pop()
      if (mailbox !== undefined) return mailbox
      // More than there are threads.
      if (made === desksMax) throw new Error(`evaluation pool: all ${desksMax} desks are in use`)
      return createMailbox(kernel, made++)
    }
  }
}

function createMailbox(kernel: KernelMemory, desk: number): Mailbox {
  let mailbox = new SharedArrayBuffer(0)
  let copies = new Uint8Array(mailbox)
  const control = new DataView(kernel.memory.buffer, kernel.desks + desk * deskBytes, deskBytes)
  return {
    desk,
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
        // Written out: V8 makes two hidden classes each time a spread object is given more properties.
        if (isShared(bytes))
          return {
            topic,
            partition,
            firstOffset,
            lastOffset,
            length,
            memory: bytes.buffer,
            at: bytes.byteOffset
          }
        copies.set(bytes, copied)
        copied += length
        return { topic, partition, firstOffset, lastOffset, length, memory: mailbox, at: copied - length }
      })
      control.setFloat64(deskRange, -1, true)
      control.setFloat64(deskOffset, -1, true)
      control.setUint32(judgedRows, 0, true)
      control.setUint32(judgedLong, 0, true)
      return { ranges: placed, nowMs, desk, rows }
    },
    mark: () => ({
      range: control.getFloat64(deskRange, true),
      offset: control.getFloat64(deskOffset, true)
    })
  }
}

const isShared = (bytes: Uint8Array): bytes is Uint8Array<SharedArrayBuffer> =>
  bytes.buffer instanceof SharedArrayBuffer

/** The ranges of a task as the evaluator takes them: views of the shared memory. */
export const rangesOf = ({ ranges }: WorkerTask): TaskRange[] =>
  ranges.map(({ topic, partition, firstOffset, lastOffset, memory, at, length }) => ({
    topic,
    partition,
    firstOffset,
    lastOffset,
    bytes: new Uint8Array(memory, at, length)
  }))
