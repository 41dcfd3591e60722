import type { TopicPartition } from '../schemas/batch.ts'
import type { ColumnBlock, RangeOutcome } from '../schemas/evaluation.ts'
import { createSlabPool, type Slab } from '../schemas/slab.ts'

/**
 * ClickHouse's Native format, as far as one insert into `samples` needs it: a single block whose column buffers are
 * the workers' own, handed on as a list of chunks. Nothing is copied row by row; only the columns that repeat
 * (topic, partition, day) are filled here, in runs.
 */

/** One task's block with the ranges whose rows it holds. */
export interface BlockPart {
  readonly block: ColumnBlock
  readonly ranges: readonly RangeOutcome[]
}

/** How far one partition is stored once the insert is. Written into the same block, so it is stored with the samples or not at all. */
export interface StoredUpTo extends TopicPartition {
  readonly lastOffset: number
}

/** Series id of the rows that say how far a partition is stored; no real series has it. */
export const positionSeries = 0

const utf8 = new TextEncoder()

/** Bytes of an unsigned LEB128 number, as ClickHouse writes lengths and counts. */
function varUInt(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return bytes
}

function text(value: string): number[] {
  const bytes = utf8.encode(value)
  return [...varUInt(bytes.length), ...bytes]
}

const columnHead = (name: string, type: string): Uint8Array => Uint8Array.from([...text(name), ...text(type)])

/** The head of every block up to the number of columns and rows. */
const columnsInBlock = 7

/** Fills runs of one value: columns of coordinates are constant over a range. */
function runs<T extends Uint16Array | Int32Array>(
  column: T,
  parts: readonly BlockPart[],
  valueOf: (range: RangeOutcome) => number
): T {
  let row = 0
  for (const { block, ranges } of parts) {
    for (const range of ranges) column.fill(valueOf(range), row + range.rowStart, row + range.rowEnd)
    row += block.rows
  }
  return column
}

const bytesOf = (column: ArrayBufferView): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength)

/**
 * LowCardinality(String) with at most 65,536 different values: version, flags (own dictionary, updated), the
 * dictionary, then one index a row. The first entry is the type's default, which ClickHouse expects there.
 */
function lowCardinality(values: readonly string[], indexes: Uint8Array, bytesPerIndex: 1 | 2): Uint8Array[] {
  const dictionary = values.flatMap(value => text(value))
  const head = new Uint8Array(8 + 8 + 8)
  const view = new DataView(head.buffer)
  view.setBigUint64(0, 1n, true)
  view.setBigUint64(8, BigInt((bytesPerIndex - 1) | 0x200 | 0x400), true)
  view.setBigUint64(16, BigInt(values.length), true)
  const count = new Uint8Array(8)
  new DataView(count.buffer).setBigUint64(0, BigInt(indexes.length / bytesPerIndex), true)
  return [head, Uint8Array.from(dictionary), count, indexes]
}

/** A column of one value, kept for the next insert: what it returns is read until then and never written again. */
function createConstantColumn<T extends Uint8Array | Uint16Array>(
  make: (rows: number) => T
): (value: number, rows: number) => Uint8Array {
  let kept = make(0)
  let keptValue = NaN
  return (value, rows) => {
    if (value !== keptValue || rows > kept.length) {
      kept = make(Math.max(kept.length, Math.ceil(rows * 1.25)))
      kept.fill(value)
      keptValue = value
    }
    return bytesOf(kept.subarray(0, rows))
  }
}

export interface SamplesBlock {
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly rows: number
  /** Once nobody reads the chunks any more: their memory is used again. */
  release(): void
}

/**
 * One Native block of every part's rows, in order, and one position row for each of `storedUpTo`. `storedOnDay` is the day
 * of writing, in days since 1970. The chunks alias the parts' buffers: they must not change until the insert is done.
 */
export type SamplesBlockMaker = (
  parts: readonly BlockPart[],
  storedUpTo: readonly StoredUpTo[],
  storedOnDay: number
) => SamplesBlock

/**
 * The columns that are filled here are seven bytes a row, for a million rows an insert. They lie in memory that is kept,
 * at most `freeBytesMax` of what changes from insert to insert, because new memory of that size sets the collector off.
 */
export function createSamplesBlocks(freeBytesMax: number): SamplesBlockMaker {
  const slabs = createSlabPool(freeBytesMax)
  const onlyTopic = createConstantColumn(rows => new Uint8Array(rows))
  const days = createConstantColumn(rows => new Uint16Array(rows))

  return (parts, storedUpTo, storedOnDay) => {
    const filled = parts.filter(part => part.block.rows > 0)
    const samples = filled.reduce((sum, part) => sum + part.block.rows, 0)
    const rows = samples + storedUpTo.length
    const topics = [...new Set([...filled.flatMap(p => p.ranges), ...storedUpTo].map(range => range.topic))]
    if (topics.length > 65_534)
      throw new Error(`samplesBlock: ${topics.length} topics in one insert are too many`)
    const topicIndex = new Map(topics.map((topic, i) => [topic, i + 1]))

    const used: Slab[] = []
    const take = (bytes: number): SharedArrayBuffer => {
      const slab = slabs.take(bytes)
      used.push(slab)
      return slab.memory
    }
    const column = <T extends Uint16Array | Int32Array>(
      memory: T,
      valueOf: (range: TopicPartition) => number
    ): Uint8Array => {
      runs(memory, filled, valueOf)
      storedUpTo.forEach((position, i) => {
        memory[samples + i] = valueOf(position)
      })
      return bytesOf(memory)
    }
    const partition = column(new Int32Array(take(rows * 4), 0, rows), range => range.partition)
    const topic =
      topics.length === 1
        ? lowCardinality(['', ...topics], onlyTopic(1, rows), 1)
        : lowCardinality(
            ['', ...topics],
            column(new Uint16Array(take(rows * 2), 0, rows), range => topicIndex.get(range.topic)!),
            2
          )
    const offsets = BigUint64Array.from(storedUpTo, position => BigInt(position.lastOffset))
    const zeros = new Uint8Array(storedUpTo.length * 8)
    const chunks: Uint8Array[] = [
      Uint8Array.from([...varUInt(columnsInBlock), ...varUInt(rows)]),
      columnHead('series', 'UInt64'),
      ...filled.map(part => part.block.series),
      zeros,
      columnHead('time', 'DateTime64(3)'),
      ...filled.map(part => part.block.timeMs),
      zeros,
      columnHead('raw', 'Float64'),
      ...filled.map(part => part.block.value),
      zeros,
      columnHead('topic', 'LowCardinality(String)'),
      ...topic,
      columnHead('partition', 'Int32'),
      partition,
      columnHead('offset', 'UInt64'),
      ...filled.map(part => part.block.offset),
      bytesOf(offsets),
      columnHead('stored_on', 'Date'),
      days(storedOnDay, rows)
    ]
    return {
      chunks,
      bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      rows,
      release() {
        for (const slab of used.splice(0)) slab.release()
      }
    }
  }
}
