import type { TopicPartition } from '../../schemas/batch.ts'
import { endsOf, groupsBefore } from '../../schemas/blocks.ts'
import type { ColumnBlock, RangeOutcome } from '../../schemas/evaluation.ts'
import { createSlabPool, type Slab } from '../../schemas/slab.ts'

/**
 * ClickHouse's Native format, as far as one insert into `samples` needs it: a single block, as a list of chunks. A row of the block is
 * a group: the samples of one record and port, with what they have in common written once. ClickHouse makes a row of the table for
 * each sample. That halves the bytes to send, to receive and to parse. The workers' columns are not copied; what is written here is
 * the topic, the partition and where each group's array of samples ends.
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

/**
 * Fills runs of one value: columns of coordinates are constant over a range. The groups of a range are found by where its rows
 * end.
 */
function runs<T extends Uint16Array | Int32Array>(
  column: T,
  parts: readonly BlockPart[],
  valueOf: (range: RangeOutcome) => number
): void {
  let before = 0
  for (const { block, ranges } of parts) {
    const ends = endsOf(block)
    let group = 0
    for (const range of ranges) {
      const next = groupsBefore(ends, range.rowEnd)
      column.fill(valueOf(range), before + group, before + next)
      group = next
    }
    before += block.groups
  }
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

/** The topic column where there is only one topic: the same bytes for every insert, so they are made once and only grow. */
function createFirstTopic(): (groups: number) => Uint8Array {
  let kept = new Uint8Array(0)
  return groups => {
    if (groups > kept.length) kept = new Uint8Array(Math.ceil(groups * 1.25)).fill(1)
    return kept.subarray(0, groups)
  }
}

export interface SamplesBlock {
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly rows: number
  /** Once nobody reads the chunks any more: their memory is used again. */
  release(): void
}

/** What an insert sends: a row for each group, with the samples in it. */
const sent = [
  ['entity', 'UInt64'],
  ['time', 'DateTime64(3)'],
  ['topic', 'LowCardinality(String)'],
  ['partition', 'Int32'],
  ['offset', 'UInt64'],
  ['samples', 'Array(Tuple(signal UInt16, raw Float64))']
] as const

/**
 * The query that stores such a block, one row a sample. `storedOnDay` is the day of writing, in days since 1970. `raw` must be
 * named: it is computed from, not stored, so it is not among the columns by default.
 */
export const samplesInsert = (storedOnDay: number): string =>
  `INSERT INTO samples (series, time, raw, topic, partition, offset, stored_on)
  SELECT bitOr(entity, sample.1), time, sample.2, topic, partition, offset, toDate(${storedOnDay})
  FROM input('${sent.map(([name, type]) => `${name} ${type}`).join(', ')}')
  ARRAY JOIN samples AS sample FORMAT Native`

/**
 * One Native block of every part's groups, in order, and one position for each of `storedUpTo`, which is a sample of series 0. The
 * chunks alias the parts' buffers: they must not change until the insert is done.
 */
export type SamplesBlockMaker = (
  parts: readonly BlockPart[],
  storedUpTo: readonly StoredUpTo[]
) => SamplesBlock

/**
 * The columns that are written here lie in memory that is used again for the next insert (at most `freeBytesMax` is kept), because
 * allocating that much for each insert would make the garbage collector run.
 */
export function createSamplesBlocks(freeBytesMax: number): SamplesBlockMaker {
  const slabs = createSlabPool(freeBytesMax)
  const firstTopic = createFirstTopic()

  return (parts, storedUpTo) => {
    const filled = parts.filter(part => part.block.rows > 0)
    const rows = filled.reduce((sum, part) => sum + part.block.rows, 0)
    const groups = filled.reduce((sum, part) => sum + part.block.groups, 0)
    const count = groups + storedUpTo.length
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
        memory[groups + i] = valueOf(position)
      })
      return bytesOf(memory)
    }
    const topic =
      topics.length === 1
        ? lowCardinality(['', ...topics], firstTopic(count), 1)
        : lowCardinality(
            ['', ...topics],
            column(new Uint16Array(take(count * 2), 0, count), range => topicIndex.get(range.topic)!),
            2
          )
    const offsets = BigUint64Array.from(storedUpTo, position => BigInt(position.lastOffset))
    const zeros = new Uint8Array(storedUpTo.length * 8)
    const columns: Readonly<Record<(typeof sent)[number][0], readonly Uint8Array[]>> = {
      entity: [...filled.map(part => part.block.entity), zeros],
      time: [...filled.map(part => part.block.timeMs), zeros],
      topic,
      partition: [column(new Int32Array(take(count * 4), 0, count), range => range.partition)],
      offset: [...filled.map(part => part.block.offset), bytesOf(offsets)],
      samples: [
        bytesOf(arrayEnds(new Uint32Array(take(count * 8), 0, count * 2), filled, storedUpTo.length)),
        ...filled.map(part => part.block.signal),
        zeros.subarray(0, storedUpTo.length * 2),
        ...filled.map(part => part.block.value),
        zeros
      ]
    }
    const chunks: Uint8Array[] = [
      Uint8Array.from([...varUInt(sent.length), ...varUInt(count)]),
      ...sent.flatMap(([name, type]) => [columnHead(name, type), ...columns[name]])
    ]
    return {
      chunks,
      bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      rows: rows + storedUpTo.length,
      release() {
        for (const slab of used.splice(0)) slab.release()
      }
    }
  }
}

/** For each group, how many samples there are up to its end, over all parts, as UInt64. Behind them come the positions, one sample each. */
function arrayEnds(words: Uint32Array, parts: readonly BlockPart[], positions: number): Uint32Array {
  let at = 0
  let rows = 0
  for (const { block } of parts) {
    at = putEnds(words, at, rows, endsOf(block))
    rows += block.rows
  }
  const one = Uint32Array.from({ length: positions }, (_, i) => i + 1)
  putEnds(words, at, rows, one)
  return words
}

/** Writes the ends of one part's groups, with `rows` samples before them; returns where the next part's go. */
function putEnds(words: Uint32Array, from: number, rows: number, ends: Uint32Array): number {
  let at = from
  for (let i = 0; i < ends.length; i++) {
    words[at] = rows + ends[i]!
    words[at + 1] = 0
    at += 2
  }
  return at
}
