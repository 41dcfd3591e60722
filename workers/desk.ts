import type { ColumnBlock } from '../schemas/evaluation.ts'
import { slabBytes } from '../schemas/slab.ts'
import { bufferReaching, takeWorkBytes, type KernelMemory } from './kernel-memory.ts'
import {
  deskBytes,
  deskInputAt,
  deskInputBytes,
  deskPlainAt,
  deskPlainBytes,
  deskRowsAt,
  deskRowsMax,
  measurementCounters,
  measurementCountersMax,
  rowBytes,
  slackBytes,
  slotCounters,
  slotCountersMax
} from './kernel/layout.ts'

/**
 * What one task works on, in the kernel's memory: the bytes of the batches in hand, as they came and decompressed, and the rows
 * made of them. The parts grow as tasks need them and are used again by the next task; what was outgrown is not given back, so
 * a part doubles, and all that is ever taken is less than twice its largest size.
 */
export interface Desk {
  /** Address of the desk itself, which the kernel is given. */
  readonly at: number
  readonly control: DataView
  /** Rows written so far; the kernel counts on from there. */
  rows: number
  /** Index of each row's series in the shared state, -1 when it has none; not part of the block. */
  readonly series: Int32Array
  readonly seriesWords: Uint32Array
  readonly timeWords: Uint32Array
  readonly value: Float64Array
  readonly offsetWords: Uint32Array
  /** What the kernel counts: values that were no reading, by slot of all measurements, and records by measurement. */
  readonly slotCounts: Uint32Array
  readonly measurementCounts: Uint32Array
  /** Copies bytes to where the kernel reads them: a view of them, good until the next call. */
  putInput(bytes: Uint8Array): Uint8Array
  /** Room for decompressed bytes, the ones that are there kept. */
  plain(bytes: number): Uint8Array
  /** Makes sure that `more` rows fit behind the present ones. */
  reserveRows(more: number): void
  /** Copies the rows out, all columns side by side: into `given` when they fit there, else into shared memory made for them. */
  takeBlock(given?: SharedArrayBuffer): ColumnBlock
}

const wordBytes = 8
const inputBytesMin = 1 << 20
const rowsMin = 1 << 16

/** Columns of 8 bytes a row in a block. */
const blockColumns = 4

export const blockBytes = (block: ColumnBlock): number => block.rows * blockColumns * 8

/** The desk of this number, 0 to desksMax - 1; only one task may be at it. */
export function openDesk({ memory, desks }: KernelMemory, number: number): Desk {
  const at = desks + number * deskBytes
  const control = new DataView(memory.buffer, at, deskBytes)
  const get = (field: number): number => control.getUint32(field, true)
  const set = (field: number, value: number): void => control.setUint32(field, value, true)

  /** A part of so many bytes at least, which it keeps in two fields. */
  const part = (atField: number, bytesField: number, wanted: number): void => {
    if (get(bytesField) >= wanted) return
    const bytes = Math.max(inputBytesMin, wanted, get(bytesField) * 2)
    set(atField, takeWorkBytes(memory, bytes + slackBytes))
    set(bytesField, bytes)
  }

  const columns = () => {
    const from = get(deskRowsAt)
    const most = get(deskRowsMax)
    const buffer = bufferReaching(memory, from + most * rowBytes)
    const wide = (column: number): number => from + most * (4 + column * 8)
    return {
      series: new Int32Array(buffer, from, most),
      seriesWords: new Uint32Array(buffer, wide(0), most * 2),
      timeWords: new Uint32Array(buffer, wide(1), most * 2),
      value: new Float64Array(buffer, wide(2), most),
      offsetWords: new Uint32Array(buffer, wide(3), most * 2)
    }
  }

  const growRows = (wanted: number): void => {
    const most = Math.max(rowsMin, wanted + (wanted & 1), get(deskRowsMax) * 2)
    const from = takeWorkBytes(memory, most * rowBytes)
    const before = columns()
    set(deskRowsAt, from)
    set(deskRowsMax, most)
    Object.assign(desk, columns())
    const { rows } = desk
    desk.series.set(before.series.subarray(0, rows))
    desk.seriesWords.set(before.seriesWords.subarray(0, rows * 2))
    desk.timeWords.set(before.timeWords.subarray(0, rows * 2))
    desk.value.set(before.value.subarray(0, rows))
    desk.offsetWords.set(before.offsetWords.subarray(0, rows * 2))
  }

  const desk: Desk = {
    at,
    control,
    rows: 0,
    ...columns(),
    slotCounts: new Uint32Array(memory.buffer, at + slotCounters, slotCountersMax),
    measurementCounts: new Uint32Array(memory.buffer, at + measurementCounters, measurementCountersMax),
    putInput(bytes) {
      part(deskInputAt, deskInputBytes, bytes.length + wordBytes)
      // As far behind a whole word as they were: else V8 copies shared memory byte by byte.
      const from = get(deskInputAt) + (bytes.byteOffset % wordBytes)
      const input = new Uint8Array(bufferReaching(memory, from + bytes.length), from, bytes.length)
      input.set(bytes)
      return input
    },
    plain(bytes) {
      const before = [get(deskPlainAt), get(deskPlainBytes)] as const
      part(deskPlainAt, deskPlainBytes, bytes)
      const from = get(deskPlainAt)
      const buffer = bufferReaching(memory, from + get(deskPlainBytes))
      const plain = new Uint8Array(buffer, from, get(deskPlainBytes))
      if (before[0] !== from) plain.set(new Uint8Array(buffer, ...before))
      return plain
    },
    reserveRows(more) {
      if (desk.rows + more > get(deskRowsMax)) growRows(desk.rows + more)
    },
    takeBlock(given) {
      const { rows } = desk
      const wanted = rows * blockColumns * 8
      const buffer =
        given !== undefined && wanted <= given.byteLength ? given : new SharedArrayBuffer(slabBytes(wanted))
      const copied = (k: number, { buffer: from, byteOffset }: ArrayBufferView): Uint8Array => {
        const bytes = new Uint8Array(buffer, k * rows * 8, rows * 8)
        bytes.set(new Uint8Array(from, byteOffset, rows * 8))
        return bytes
      }
      return {
        rows,
        series: copied(0, desk.seriesWords),
        timeMs: copied(1, desk.timeWords),
        value: copied(2, desk.value),
        offset: copied(3, desk.offsetWords)
      }
    }
  }
  return desk
}
