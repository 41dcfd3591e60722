import { endsOf } from '../../schemas/blocks.ts'
import type { ColumnBlock } from '../../schemas/evaluation.ts'

/** For tests: blocks as lists of rows. */

export interface BlockRow {
  /** Of the series, 16 hex digits. */
  readonly id: string
  readonly timeMs: number
  readonly value: number
  readonly offset: number
}

/** A block of these rows; neighbours that share entity, time and offset are a group. */
export function blockOfRows(list: readonly BlockRow[]): ColumnBlock {
  const groups: { entity: bigint; timeMs: number; offset: number; end: number }[] = []
  list.forEach(({ id, timeMs, offset }, i) => {
    const entity = BigInt(`0x${id.slice(0, -4)}0000`)
    const last = groups.at(-1)
    if (last?.entity === entity && last.timeMs === timeMs && last.offset === offset) last.end = i + 1
    else groups.push({ entity, timeMs, offset, end: i + 1 })
  })
  const bytes = ({ buffer }: { buffer: ArrayBuffer }): Uint8Array => new Uint8Array(buffer)
  return {
    rows: list.length,
    groups: groups.length,
    entity: bytes(BigUint64Array.from(groups, group => group.entity)),
    timeMs: bytes(BigInt64Array.from(groups, group => BigInt(group.timeMs))),
    offset: bytes(BigUint64Array.from(groups, group => BigInt(group.offset))),
    end: bytes(Uint32Array.from(groups, group => group.end)),
    signal: bytes(Uint16Array.from(list, row => parseInt(row.id.slice(-4), 16))),
    value: bytes(Float64Array.from(list, row => row.value))
  }
}

const hex = (number: bigint | number, digits: number): string => number.toString(16).padStart(digits, '0')

export function rowsOfBlock(block: ColumnBlock): BlockRow[] {
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ends = endsOf(block)
  const rows: BlockRow[] = []
  for (let group = 0; group < block.groups; group++) {
    for (let row = rows.length; row < ends[group]!; row++)
      rows.push({
        id:
          hex(view(block.entity).getBigUint64(group * 8, true), 16).slice(0, -4) +
          hex(view(block.signal).getUint16(row * 2, true), 4),
        timeMs: Number(view(block.timeMs).getBigInt64(group * 8, true)),
        value: view(block.value).getFloat64(row * 8, true),
        offset: Number(view(block.offset).getBigUint64(group * 8, true))
      })
  }
  return rows
}
