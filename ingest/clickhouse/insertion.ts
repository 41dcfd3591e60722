import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { partitionKey } from '../../schemas/batch.ts'
import type { RangeOutcome } from '../../schemas/evaluation.ts'
import type { StoredUpTo } from './native-block.ts'

/** What one insert sends, and would send again. */
export interface Insertion {
  readonly query: string
  readonly chunks: readonly Uint8Array[]
  readonly storedUpTo: readonly StoredUpTo[]
}

/** More rows and bytes than any insert has, on one way through ClickHouse. */
export const oneBlock = {
  max_insert_threads: '1',
  max_block_size: '1000000000',
  min_insert_block_size_rows: '1000000000',
  min_insert_block_size_bytes: '100000000000'
}

/**
 * The same for the same ranges, whatever order the partitions were gathered in: a repeated insert is known by it. Ranges come in
 * order within each partition, and nearly always one right behind the other: hundreds of them are one line.
 */
export function tokenOf(instance: string, ranges: readonly RangeOutcome[]): string {
  const lines: string[] = []
  const open = new Map<string, { first: number; last: number }>()
  const close = (key: string, { first, last }: { first: number; last: number }): number =>
    lines.push(`${key}:${first}-${last}`)
  for (const { topic, partition, firstOffset, lastOffset } of ranges) {
    const key = partitionKey(topic, partition)
    const run = open.get(key)
    if (run?.last === firstOffset - 1) {
      run.last = lastOffset
      continue
    }
    if (run !== undefined) close(key, run)
    open.set(key, { first: firstOffset, last: lastOffset })
  }
  for (const [key, run] of open) close(key, run)
  return createHash('sha256')
    .update([instance, ...lines.sort()].join('\n'))
    .digest('hex')
}

/** Highest offset of each partition among the ranges. */
export function storedUpToOf(ranges: readonly RangeOutcome[]): StoredUpTo[] {
  const last = new Map<string, StoredUpTo>()
  for (const { topic, partition, lastOffset } of ranges) {
    const key = partitionKey(topic, partition)
    if ((last.get(key)?.lastOffset ?? -1) < lastOffset) last.set(key, { topic, partition, lastOffset })
  }
  return [...last.values()]
}

/** Small chunks (heads of columns) are gathered into one write with what follows them; large ones pass untouched. */
function* coalesced(chunks: readonly Uint8Array[]): Generator<Buffer> {
  const smallBytes = 16 * 1024
  let held: Uint8Array[] = []
  let heldBytes = 0
  for (const chunk of chunks) {
    if (chunk.length < smallBytes) {
      held.push(chunk)
      heldBytes += chunk.length
      if (heldBytes < 4 * smallBytes) continue
    }
    if (heldBytes > 0) yield Buffer.concat(held, heldBytes)
    held = []
    heldBytes = 0
    if (chunk.length >= smallBytes) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
  if (heldBytes > 0) yield Buffer.concat(held, heldBytes)
}

/** So much is given to the socket before others have their turn. */
const turnBytes = 256 * 1024

/**
 * The body of an insert, in pieces with turns of the event loop between. As long as the socket takes what it is given at once, a
 * stream goes on by itself within one turn: a body of many megabytes held up fetches and lights for tens of milliseconds.
 */
export async function* inTurns(chunks: readonly Uint8Array[]): AsyncGenerator<Buffer> {
  let given = 0
  for (const chunk of coalesced(chunks)) {
    for (let at = 0; at < chunk.length; at += turnBytes) {
      const piece = chunk.subarray(at, at + turnBytes)
      yield piece
      given += piece.length
      if (given < turnBytes) continue
      given = 0
      await nextTurn()
    }
  }
}
