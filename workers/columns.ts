import type { ColumnBlock } from '../schemas/evaluation.ts'
import { slabBytes } from '../schemas/slab.ts'

/**
 * Rows under construction: four columns in growing arrays that are kept from task to task. Every cell is 8 bytes,
 * 64-bit integers are written as two 32-bit words, the low one first, as ClickHouse Native has them.
 */
export interface Columns {
  rows: number
  /** Index of the row's series in the shared state, -1 when it has none; not part of the block. */
  series: Int32Array
  seriesWords: Uint32Array
  timeWords: Uint32Array
  value: Float64Array
  offsetWords: Uint32Array
}

export function createColumns(rowsMin = 1 << 16): Columns {
  return {
    rows: 0,
    series: new Int32Array(rowsMin),
    seriesWords: new Uint32Array(rowsMin * 2),
    timeWords: new Uint32Array(rowsMin * 2),
    value: new Float64Array(rowsMin),
    offsetWords: new Uint32Array(rowsMin * 2)
  }
}

/** Makes sure that `more` rows fit behind the present ones. */
export function reserveRows(columns: Columns, more: number): void {
  const wanted = columns.rows + more
  if (wanted <= columns.value.length) return
  const capacity = Math.max(wanted, columns.value.length * 2)
  const grow = (words: Uint32Array): Uint32Array => {
    const grown = new Uint32Array(capacity * 2)
    grown.set(words.subarray(0, columns.rows * 2))
    return grown
  }
  const series = new Int32Array(capacity)
  series.set(columns.series.subarray(0, columns.rows))
  columns.series = series
  const value = new Float64Array(capacity)
  value.set(columns.value.subarray(0, columns.rows))
  columns.value = value
  columns.seriesWords = grow(columns.seriesWords)
  columns.timeWords = grow(columns.timeWords)
  columns.offsetWords = grow(columns.offsetWords)
}

/** Four columns of 8 bytes. */
const rowBytes = 32

export const blockBytes = (block: ColumnBlock): number => block.rows * rowBytes

/** Copies the rows out, all columns side by side: into `given` when they fit there, else into shared memory made for them. */
export function takeBlock(columns: Columns, given?: SharedArrayBuffer): ColumnBlock {
  const { rows } = columns
  const size = rows * 8
  const wanted = rows * rowBytes
  const buffer =
    given !== undefined && wanted <= given.byteLength ? given : new SharedArrayBuffer(slabBytes(wanted))
  const part = (k: number, of: Uint32Array | Float64Array): Uint8Array => {
    const bytes = new Uint8Array(buffer, k * size, size)
    bytes.set(new Uint8Array(of.buffer, 0, size))
    return bytes
  }
  columns.rows = 0
  return {
    rows,
    series: part(0, columns.seriesWords),
    timeMs: part(1, columns.timeWords),
    value: part(2, columns.value),
    offset: part(3, columns.offsetWords)
  }
}
