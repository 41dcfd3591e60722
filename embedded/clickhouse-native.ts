/**
 * Clients written in Go (Grafana's plugin among them) ask for Native blocks as the TCP protocol has them: a few bytes
 * of block information, and one flag before each column's data. The embedded engine writes the plain form, so the bytes
 * are put in here. Only the lengths of columns are needed for that, not their values.
 */

/** Revision from which a block carries the flag "custom serialization" before each column. */
const revisionWithFlags = 54_454

/** is_overflows = 0, bucket_num = -1, end. */
const blockInfo = Uint8Array.from([1, 0, 2, 255, 255, 255, 255, 0])
const noCustomSerialization = Uint8Array.from([0])

export class UnsupportedColumn extends Error {}

interface Type {
  readonly name: string
  readonly arguments: readonly string[]
}

/** `Array(Tuple(a UInt8, b String))` → `Array` with its arguments as written. */
function parseType(text: string): Type {
  const open = text.indexOf('(')
  if (open < 0) return { name: text, arguments: [] }
  const inner = text.slice(open + 1, -1)
  const parts: string[] = []
  let depth = 0
  let quote = ''
  let start = 0
  for (let i = 0; i < inner.length; i++) {
    const c = inner[i]!
    if (quote !== '') {
      if (c === '\\') i++
      else if (c === quote) quote = ''
    } else if (c === "'" || c === '`') quote = c
    else if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === ',' && depth === 0) {
      parts.push(inner.slice(start, i).trim())
      start = i + 1
    }
  }
  return { name: text.slice(0, open), arguments: [...parts, inner.slice(start).trim()] }
}

/** The type of a tuple's element, whose name may stand before it. */
const withoutName = (element: string): string =>
  element.replace(/^(?:`(?:[^`\\]|\\.)*`|[A-Za-z_]\w*) +(?=[A-Z])/, '')

const fixedBytes: Readonly<Record<string, number>> = {
  UInt8: 1,
  Int8: 1,
  Bool: 1,
  Enum8: 1,
  Nothing: 1,
  UInt16: 2,
  Int16: 2,
  Enum16: 2,
  Date: 2,
  BFloat16: 2,
  UInt32: 4,
  Int32: 4,
  Float32: 4,
  Date32: 4,
  DateTime: 4,
  Time: 4,
  IPv4: 4,
  Decimal32: 4,
  UInt64: 8,
  Int64: 8,
  Float64: 8,
  DateTime64: 8,
  Time64: 8,
  Decimal64: 8,
  UInt128: 16,
  Int128: 16,
  UUID: 16,
  IPv6: 16,
  Decimal128: 16,
  UInt256: 32,
  Int256: 32,
  Decimal256: 32
}

function widthOf(type: Type): number | undefined {
  if (type.name === 'FixedString') return Number(type.arguments[0])
  if (type.name.startsWith('Interval')) return 8
  if (type.name === 'Decimal') {
    const precision = Number(type.arguments[0])
    return precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32
  }
  return fixedBytes[type.name]
}

/** Puts block information and column flags into plain Native `bytes`, as a client of `revision` expects them. */
export function nativeForRevision(bytes: Uint8Array, revision: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pieces: Uint8Array[] = []
  let at = 0

  const varUInt = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new UnsupportedColumn('the block ends too early')
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const u64 = (): number => {
    at += 8
    return Number(view.getBigUint64(at - 8, true))
  }
  const text = (): string => {
    const length = varUInt()
    at += length
    return Buffer.from(bytes.buffer, bytes.byteOffset + at - length, length).toString()
  }

  /** What stands before the data of a whole column, by type: LowCardinality says its version there. */
  const skipPrefix = (source: string): void => {
    const type = parseType(source)
    if (type.name === 'LowCardinality') at += 8
    else if (type.name === 'Array' || type.name === 'Nullable') skipPrefix(type.arguments[0]!)
    else if (type.name === 'Tuple') type.arguments.forEach(element => skipPrefix(withoutName(element)))
    else if (type.name === 'Map') type.arguments.forEach(skipPrefix)
    else if (type.name === 'SimpleAggregateFunction') skipPrefix(type.arguments[1]!)
  }

  const skipData = (source: string, rows: number): void => {
    const type = parseType(source)
    const width = widthOf(type)
    if (width !== undefined) {
      at += width * rows
      return
    }
    const [first, second] = type.arguments
    switch (type.name) {
      case 'String':
        for (let row = 0; row < rows; row++) {
          const length = varUInt()
          at += length
        }
        return
      case 'Nullable':
        at += rows
        return skipData(first!, rows)
      case 'SimpleAggregateFunction':
        return skipData(second!, rows)
      case 'Tuple':
        return type.arguments.forEach(element => skipData(withoutName(element), rows))
      case 'Array':
      case 'Map': {
        at += 8 * rows
        const elements = rows === 0 ? 0 : Number(view.getBigUint64(at - 8, true))
        return type.arguments.forEach(element => skipData(element, elements))
      }
      case 'LowCardinality': {
        if (rows === 0) return
        const indexWidth = 2 ** (u64() & 0xff)
        const keys = u64()
        skipData(first!.replace(/^Nullable\((.*)\)$/, '$1'), keys)
        const indexes = u64()
        at += indexes * indexWidth
        return
      }
      default:
        throw new UnsupportedColumn(`columns of type ${source} cannot be sent to this client`)
    }
  }

  while (at < bytes.length) {
    pieces.push(blockInfo)
    let start = at
    const columns = varUInt()
    const rows = varUInt()
    for (let column = 0; column < columns; column++) {
      text()
      const type = text()
      if (revision >= revisionWithFlags) {
        pieces.push(bytes.subarray(start, at), noCustomSerialization)
        start = at
      }
      if (rows > 0) {
        skipPrefix(type)
        skipData(type, rows)
      }
    }
    pieces.push(bytes.subarray(start, at))
  }
  if (at > bytes.length) throw new UnsupportedColumn('the block ends too early')
  return Buffer.concat(pieces)
}
