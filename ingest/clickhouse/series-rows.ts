import { signals } from '../../schemas/signals.ts'

/**
 * New series as they are sent to ClickHouse, in its RowBinary format. After a start there are millions; as JSON they cost more than
 * finding them did. The series of one port are sent as one row, of which ClickHouse makes a row for each.
 */

/** The series of one port, or of the device itself: one row of `series` for each of its signals. */
export interface SeriesRows {
  readonly device: string
  readonly instance: string
  readonly node: string
  readonly tier: string
  readonly profile: string
  /** '' where none is named. */
  readonly collector: string
  readonly identifiers: readonly string[]
  /** Names of the port that the instance numbers; mostly none. */
  readonly portNames: readonly string[]
  /** What the ids of its series have in common (workers/learning/series-id.ts), as two unsigned halves. */
  readonly entity: { readonly hi: number; readonly lo: number }
  /** Numbers of its signals (schemas/signals.ts), which tell its series apart. */
  readonly signals: readonly number[]
}

/** What one row sent is, in the order of its bytes. */
const sent = [
  'entity UInt64',
  'updated_at DateTime64(3)',
  'numbers Array(UInt8)',
  'identifiers Array(String)',
  'device String',
  'instance String',
  'node String',
  'tier String',
  'profile String',
  'collector String',
  'port_names Array(String)'
]

const listOf = (texts: readonly string[]): string => `[${texts.map(text => `'${text}'`).join(', ')}]`

/** A signal is sent as its number, from 1 as ClickHouse counts. The query looks its name and unit up in two lists, and makes the series' id. */
export const seriesInsert = `INSERT INTO series (id, signal, unit, device, instance, node, tier, profile, collector, identifiers, port_names, updated_at)
  SELECT bitXor(entity, bitAnd(xxHash64(name), 0xffff)), ${listOf(signals.map(({ name }) => name))}[number] AS name,
    ${listOf(signals.map(({ unit }) => unit))}[number], device, instance, node, tier, profile, collector, identifiers, port_names, updated_at
  FROM input('${sent.join(', ')}')
  ARRAY JOIN numbers AS number FORMAT RowBinary`

/** Bytes of a row beside its texts: id, time, and the lengths of three lists. */
const headBytes = 8 + 8 + 3 * 5
/** What a row takes usually (bytes); the buffer grows where that is not enough. */
const bytesPerRow = 160
/** Most bytes of the length before a text, and of one UTF-16 unit of the text itself. */
const lengthBytesMax = 5
const letterBytesMax = 3

/** Bytes of these rows; `atMs` is when they are written, and of two rows of one series the later one counts. */
export function seriesRowBinary(all: readonly SeriesRows[], atMs: number): Buffer {
  let bytes = Buffer.allocUnsafe(all.length * bytesPerRow)
  let end = 0

  const reserve = (more: number): void => {
    if (end + more <= bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(bytes.length * 2, end + more))
    bytes.copy(grown, 0, 0, end)
    bytes = grown
  }
  /** Unsigned LEB128. */
  const count = (value: number): void => {
    let rest = value
    for (; rest >= 128; rest >>>= 7) bytes[end++] = (rest & 127) | 128
    bytes[end++] = rest
  }
  const text = (value: string): void => {
    reserve(value.length * letterBytesMax + lengthBytesMax)
    if (value.length * letterBytesMax >= 128) {
      count(Buffer.byteLength(value))
      end += bytes.write(value, end)
      return
    }
    // However its bytes come out, their number takes one byte, which is filled in afterwards.
    const written = bytes.write(value, end + 1)
    bytes[end] = written
    end += 1 + written
  }

  const atHi = Math.floor(atMs / 4294967296)
  const atLo = atMs - atHi * 4294967296
  for (const rows of all) {
    const { entity, signals: numbers, identifiers } = rows
    reserve(headBytes + numbers.length)
    end = bytes.writeUInt32LE(entity.lo, end)
    end = bytes.writeUInt32LE(entity.hi, end)
    end = bytes.writeUInt32LE(atLo, end)
    end = bytes.writeUInt32LE(atHi, end)
    count(numbers.length)
    for (const number of numbers) bytes[end++] = number + 1
    count(identifiers.length)
    for (const identifier of identifiers) text(identifier)
    text(rows.device)
    text(rows.instance)
    text(rows.node)
    text(rows.tier)
    text(rows.profile)
    text(rows.collector)
    reserve(lengthBytesMax)
    count(rows.portNames.length)
    for (const name of rows.portNames) text(name)
  }
  // A copy of their own: they may wait long, and shall not keep more memory than they are.
  return Buffer.from(bytes.subarray(0, end))
}
