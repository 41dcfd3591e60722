/**
 * Rows of `series` in ClickHouse's RowBinary: after a start there are millions, and as JSON objects they cost more than to
 * find out what they are.
 */

/** The series of one port, or of the device itself: one row of `series` for each of its signals. */
export interface SeriesRows {
  readonly device: string
  readonly instance: string
  readonly node: string
  readonly tier: string
  readonly profile: string
  readonly identifiers: readonly string[]
  /** What tells its series apart. */
  readonly signals: readonly SeriesSignal[]
  /** Two words a series, as workers name it: the low half of its id, the high half. */
  readonly ids: ArrayLike<number>
}

export interface SeriesSignal {
  readonly name: string
  readonly unit: string
}

/** Rows that wait, and when they were given. */
export interface DatedSeries {
  readonly rows: SeriesRows
  readonly atMs: number
}

/** The columns in the order of the bytes: what is a series' own stands before what it shares with its neighbours. */
export const seriesInsert =
  'INSERT INTO series (id, signal, unit, device, instance, node, tier, profile, identifiers, updated_at) FORMAT RowBinary'

export function seriesRowBinary(dated: readonly DatedSeries[]): Buffer {
  let bytes = Buffer.allocUnsafe(1 << 16)
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
    reserve(value.length * 3 + 5)
    if (value.length * 3 < 128) {
      // However its bytes come out, their number takes one byte, which is filled in afterwards.
      const written = bytes.write(value, end + 1)
      bytes[end] = written
      end += 1 + written
      return
    }
    count(Buffer.byteLength(value))
    end += bytes.write(value, end)
  }

  const signals = new Map<SeriesSignal, Buffer>()
  const signalBytes = (signal: SeriesSignal): Buffer => {
    let known = signals.get(signal)
    if (known === undefined) {
      const start = end
      text(signal.name)
      text(signal.unit)
      known = Buffer.from(bytes.subarray(start, end))
      end = start
      signals.set(signal, known)
    }
    return known
  }

  let lastMs = NaN
  let at = 0n
  for (const { rows, atMs } of dated) {
    if (atMs !== lastMs) at = BigInt(atMs)
    lastMs = atMs
    const { signals: of, ids } = rows
    let sharedFrom = 0
    let sharedTo = 0
    for (let i = 0; i < of.length; i++) {
      const own = signalBytes(of[i]!)
      reserve(8 + own.length + sharedTo - sharedFrom)
      bytes.writeUInt32LE(ids[i * 2]!, end)
      bytes.writeUInt32LE(ids[i * 2 + 1]!, end + 4)
      end += 8
      bytes.set(own, end)
      end += own.length
      if (i > 0) {
        bytes.copyWithin(end, sharedFrom, sharedTo)
        end += sharedTo - sharedFrom
        continue
      }
      sharedFrom = end
      text(rows.device)
      text(rows.instance)
      text(rows.node)
      text(rows.tier)
      text(rows.profile)
      reserve(5)
      count(rows.identifiers.length)
      for (const identifier of rows.identifiers) text(identifier)
      reserve(8)
      end = bytes.writeBigInt64LE(at, end)
      sharedTo = end
    }
  }
  return bytes.subarray(0, end)
}
