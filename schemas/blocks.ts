import type { ColumnBlock } from './evaluation.ts'

/** Cutting and joining of blocks (evaluation.ts). Ranges begin and end with whole records, so no group is ever cut. */

/** Bytes of a group (entity, time, offset, end) and of a row (signal, value). */
export const groupBytes = 28
export const rowBytes = 10

export const blockBytes = ({ groups, rows }: ColumnBlock): number => groups * groupBytes + rows * rowBytes

const none = new Uint8Array(0)

export const emptyBlock: ColumnBlock = {
  rows: 0,
  groups: 0,
  entity: none,
  timeMs: none,
  offset: none,
  end: none,
  signal: none,
  value: none
}

/** The ends of a block's groups as numbers. */
export const endsOf = ({ end, groups }: ColumnBlock): Uint32Array =>
  new Uint32Array(end.buffer, end.byteOffset, groups)

/** How many of the groups end at `row` or before it: the index of the group that has the row. */
export function groupsBefore(ends: Uint32Array, row: number): number {
  let from = 0
  let to = ends.length
  while (from < to) {
    const middle = (from + to) >>> 1
    if (ends[middle]! <= row) from = middle + 1
    else to = middle
  }
  return from
}

/** The rows [rowStart..rowEnd) alone, of whole groups. Views of the same buffers but for the ends. */
export function sliceBlock(block: ColumnBlock, rowStart: number, rowEnd: number): ColumnBlock {
  const ends = endsOf(block)
  const [from, to] = [groupsBefore(ends, rowStart), groupsBefore(ends, rowEnd)]
  const wide = (column: Uint8Array): Uint8Array => column.subarray(from * 8, to * 8)
  return {
    rows: rowEnd - rowStart,
    groups: to - from,
    entity: wide(block.entity),
    timeMs: wide(block.timeMs),
    offset: wide(block.offset),
    end: new Uint8Array(ends.slice(from, to).map(end => end - rowStart).buffer),
    signal: block.signal.subarray(rowStart * 2, rowEnd * 2),
    value: block.value.subarray(rowStart * 8, rowEnd * 8)
  }
}

/** Joins blocks into one, in new memory. */
export function joinBlocks(blocks: readonly ColumnBlock[]): ColumnBlock {
  const joined = (columns: readonly Uint8Array[]): Uint8Array => {
    const all = new Uint8Array(columns.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const column of columns) {
      all.set(column, at)
      at += column.length
    }
    return all
  }
  const of = (column: 'entity' | 'timeMs' | 'offset' | 'signal' | 'value'): Uint8Array =>
    joined(blocks.map(block => block[column]))
  const groups = blocks.reduce((sum, block) => sum + block.groups, 0)
  const ends = new Uint32Array(groups)
  let rows = 0
  let at = 0
  for (const block of blocks) {
    for (const end of endsOf(block)) ends[at++] = rows + end
    rows += block.rows
  }
  return {
    rows,
    groups,
    entity: of('entity'),
    timeMs: of('timeMs'),
    offset: of('offset'),
    end: new Uint8Array(ends.buffer),
    signal: of('signal'),
    value: of('value')
  }
}
