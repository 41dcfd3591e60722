import { groupBytes, rowBytes } from '../../schemas/blocks.ts'
import type { ColumnBlock } from '../../schemas/evaluation.ts'
import { slabBytes } from '../../schemas/slab.ts'
import { bufferReaching, takeWorkBytes, type KernelMemory } from './kernel-memory.ts'
import {
  columnBefore,
  columnConditions,
  columnEnd,
  columnEntity,
  columnKept,
  columnOffset,
  columnSeries,
  columnSignal,
  columnTime,
  columnValue,
  conditionsEntryWords,
  deskBytes,
  deskBytesPerRow,
  deskInputAt,
  deskInputBytes,
  deskPlainAt,
  deskPlainBytes,
  deskRowsAt,
  deskRowsMax,
  keptPerRow,
  measurementCounters,
  measurementCountersMax,
  slackBytes,
  slotCounters,
  slotCountersMax
} from './map.ts'

/**
 * What one task works on, in the kernel's memory: the bytes of the batches in hand, as they came and decompressed, and the rows
 * made of them. The parts grow as tasks need them and are used again by the next task; what was outgrown is not given back, so
 * a part doubles, and all that is ever taken is less than twice its largest size.
 */
export interface Desk {
  /** Address of the desk itself, which the kernel is given. */
  readonly at: number
  /** All of it, as 32-bit words and as doubles: V8 makes less code of typed arrays than of a DataView. */
  readonly words: Uint32Array
  readonly doubles: Float64Array
  /** Rows and groups written so far; the kernel counts on from there. */
  rows: number
  groups: number
  /** Of each group; 64-bit numbers as words, the low one first. */
  readonly entityWords: Uint32Array
  readonly timeWords: Uint32Array
  readonly offsetWords: Uint32Array
  readonly end: Uint32Array
  /** Of each row. */
  readonly value: Float64Array
  readonly signal: Uint16Array
  /** Index of each row's series in the shared state, -1 when it has none; not part of the block. */
  readonly series: Int32Array
  /** What judging has changed (undo.ts): of each row the last time of its series, and of those that took the long way more. */
  readonly before: Float64Array
  readonly conditionsBefore: Int32Array
  readonly keptBefore: Float64Array
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

/** The desk of this number, 0 to desksMax - 1; only one task may be at it. */
export function openDesk({ memory, desks }: KernelMemory, number: number): Desk {
  const at = desks + number * deskBytes
  const words = new Uint32Array(memory.buffer, at, deskBytes / 4)
  const get = (field: number): number => words[field / 4]!
  const set = (field: number, value: number): void => {
    words[field / 4] = value
  }

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
    const buffer = bufferReaching(memory, from + most * deskBytesPerRow)
    // As many groups as rows, because each has one row at least.
    const at = (column: number): number => from + most * column
    return {
      entityWords: new Uint32Array(buffer, at(columnEntity), most * 2),
      timeWords: new Uint32Array(buffer, at(columnTime), most * 2),
      offsetWords: new Uint32Array(buffer, at(columnOffset), most * 2),
      value: new Float64Array(buffer, at(columnValue), most),
      end: new Uint32Array(buffer, at(columnEnd), most),
      series: new Int32Array(buffer, at(columnSeries), most),
      before: new Float64Array(buffer, at(columnBefore), most),
      conditionsBefore: new Int32Array(buffer, at(columnConditions), most * conditionsEntryWords),
      keptBefore: new Float64Array(buffer, at(columnKept), most * keptPerRow),
      signal: new Uint16Array(buffer, at(columnSignal), most)
    }
  }

  const growRows = (wanted: number): void => {
    const most = Math.max(rowsMin, wanted + (wanted & 1), get(deskRowsMax) * 2)
    const from = takeWorkBytes(memory, most * deskBytesPerRow)
    const before = columns()
    set(deskRowsAt, from)
    set(deskRowsMax, most)
    Object.assign(desk, columns())
    const { rows, groups } = desk
    desk.entityWords.set(before.entityWords.subarray(0, groups * 2))
    desk.timeWords.set(before.timeWords.subarray(0, groups * 2))
    desk.offsetWords.set(before.offsetWords.subarray(0, groups * 2))
    desk.end.set(before.end.subarray(0, groups))
    desk.value.set(before.value.subarray(0, rows))
    desk.signal.set(before.signal.subarray(0, rows))
    desk.series.set(before.series.subarray(0, rows))
  }

  const desk: Desk = {
    at,
    words,
    doubles: new Float64Array(memory.buffer, at, deskBytes / 8),
    rows: 0,
    groups: 0,
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
      const { rows, groups } = desk
      const wanted = groups * groupBytes + rows * rowBytes
      const buffer =
        given !== undefined && wanted <= given.byteLength ? given : new SharedArrayBuffer(slabBytes(wanted))
      let end = 0
      const copied = ({ buffer: from, byteOffset }: ArrayBufferView, length: number): Uint8Array => {
        const bytes = new Uint8Array(buffer, end, length)
        bytes.set(new Uint8Array(from, byteOffset, length))
        end += length
        return bytes
      }
      // The wide ones first: each column begins where its numbers may.
      return {
        rows,
        groups,
        entity: copied(desk.entityWords, groups * 8),
        timeMs: copied(desk.timeWords, groups * 8),
        offset: copied(desk.offsetWords, groups * 8),
        value: copied(desk.value, rows * 8),
        end: copied(desk.end, groups * 4),
        signal: copied(desk.signal, rows * 2)
      }
    }
  }
  return desk
}
