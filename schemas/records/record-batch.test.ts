import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { describe, expect, it } from 'vitest'
import {
  createBatchWalker,
  encodeRecordBatch,
  type EncodableRecord,
  type EncodeOptions,
  type RecordVisitor
} from './record-batch.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function telemetry(count: number, base = 100): EncodableRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    offset: base + i,
    timestampMs: 1_700_000_000_000 + i * 10,
    key: text(`10.7.1.${i % 9}`),
    value: text(
      `{"fields":{"ifInErrors":${i * 7919},"ifOperStatus":1},"name":"interface","tags":{"agent_host":"10.7.1.${i % 9}","ifIndex":"${i % 28}"},"timestamp":${1_700_000_000 + i}}\n`
    )
  }))
}

interface Seen {
  records: [number, number, string | null, string | null][]
  corrupt: [number, number, string][]
}

function walk(
  bytes: Uint8Array,
  first = 0,
  last = Number.MAX_SAFE_INTEGER,
  decompressedBytesMax = 1 << 26
): Seen {
  const seen: Seen = { records: [], corrupt: [] }
  const decoder = new TextDecoder()
  const visitor: RecordVisitor = {
    record(b, keyAt, keyLength, valueAt, valueLength, offset, timestampMs) {
      const part = (at: number, length: number) =>
        length < 0 ? null : decoder.decode(b.subarray(at, at + length))
      seen.records.push([offset, timestampMs, part(keyAt, keyLength), part(valueAt, valueLength)])
    },
    corrupt(from, to, detail) {
      seen.corrupt.push([from, to, detail])
    }
  }
  createBatchWalker({ verifyCrc: true, decompressedBytesMax }).walk(bytes, first, last, visitor)
  return seen
}

const expected = (records: readonly EncodableRecord[]): Seen['records'] =>
  records.map(r => [
    r.offset,
    r.timestampMs,
    r.key && new TextDecoder().decode(r.key),
    r.value && new TextDecoder().decode(r.value)
  ])

const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Xerial's framing of Snappy, as Java clients write it. */
function xerial(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [
    Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  ]
  for (let at = 0; at < bytes.length; at += 32768) {
    const chunk = snappy.compressSync(Buffer.from(bytes.subarray(at, at + 32768)))
    const size = Buffer.alloc(4)
    size.writeUInt32BE(chunk.length)
    parts.push(size, chunk)
  }
  return Buffer.concat(parts)
}

/** A zstd frame with raw blocks: a valid stream that needs no compressor, which Node 20 has not. */
function zstdStored(bytes: Uint8Array): Uint8Array {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58])]
  for (let at = 0; at < bytes.length; at += 65536) {
    const chunk = Buffer.from(bytes.subarray(at, at + 65536))
    const isLast = at + 65536 >= bytes.length ? 1 : 0
    const header = Buffer.alloc(3)
    header.writeUIntLE((chunk.length << 3) | isLast, 0, 3)
    parts.push(header, chunk)
  }
  return Buffer.concat(parts)
}

const compressions: Record<string, EncodeOptions['compression']> = {
  gzip: { codec: 1, compress: bytes => zlib.gzipSync(bytes) },
  'snappy raw': { codec: 2, compress: bytes => snappy.compressSync(Buffer.from(bytes)) },
  'snappy xerial': { codec: 2, compress: xerial },
  lz4: { codec: 3, compress: bytes => lz4.compressFrameSync(Buffer.from(bytes)) },
  'lz4 with checksums': {
    codec: 3,
    compress: bytes =>
      lz4.compressFrameSync(Buffer.from(bytes), { contentChecksum: true, blockChecksums: true })
  },
  zstd: { codec: 4, compress: zstdStored }
}

describe('record batches', () => {
  it('come back as they were encoded, gaps, nulls, empties and headers included', () => {
    const records: EncodableRecord[] = [
      { offset: 5_000_000_000, timestampMs: 1_700_000_000_123, key: null, value: text('a') },
      { offset: 5_000_000_003, timestampMs: 1_690_000_000_000, key: text('k'), value: null },
      { offset: 5_000_000_004, timestampMs: 1_790_000_000_000, key: text(''), value: text('') },
      {
        offset: 5_000_100_000,
        timestampMs: 1_700_000_000_124,
        key: text('x'.repeat(200)),
        value: text('y'.repeat(70_000)),
        headers: [
          { key: 'Ж', value: text('v') },
          { key: 'n', value: null }
        ]
      }
    ]
    expect(walk(encodeRecordBatch(records))).toEqual({ records: expected(records), corrupt: [] })
  })

  it.each(Object.keys(compressions))('are read when compressed with %s', name => {
    const records = telemetry(2000)
    const compression = compressions[name]!
    const bytes = concat(
      encodeRecordBatch(records.slice(0, 1500), { compression }),
      encodeRecordBatch(records.slice(1500), { compression })
    )
    expect(walk(bytes)).toEqual({ records: expected(records), corrupt: [] })
  })

  it.each(Object.keys(compressions))('are held to the limit when they decompress to more: %s', name => {
    const compression = compressions[name]!
    const bytes = encodeRecordBatch(
      [{ offset: 7, timestampMs: 1, key: null, value: text('z'.repeat(300_000)) }],
      {
        compression
      }
    )
    const seen = walk(bytes, 0, 7, 100_000)
    expect(seen.records).toEqual([])
    expect(seen.corrupt).toHaveLength(1)
    expect(seen.corrupt[0]![0]).toBe(7)
  })

  it('skip what is outside the range, and control batches', () => {
    const records = telemetry(10)
    const bytes = concat(
      encodeRecordBatch(records.slice(0, 5)),
      encodeRecordBatch([{ ...records[5]!, value: text('marker') }], { control: true }),
      encodeRecordBatch(records.slice(6))
    )
    expect(walk(bytes, 102, 107).records.map(r => r[0])).toEqual([102, 103, 104, 106, 107])
  })

  it('name the offsets of a damaged batch and go on with the next', () => {
    const records = telemetry(30)
    const parts = [records.slice(0, 10), records.slice(10, 20), records.slice(20)].map(r =>
      encodeRecordBatch(r)
    )
    parts[1]![90]! ^= 1
    const seen = walk(concat(...parts), 100, 129)
    expect(seen.records.map(r => r[0])).toEqual(
      [...Array(10).keys(), ...Array(10).keys()].map((k, i) => 100 + k + (i < 10 ? 0 : 20))
    )
    expect(seen.corrupt).toEqual([[110, 119, 'batch at offset 110: its checksum does not match its bytes']])
  })

  it('tell of a cut batch only when the range claims it', () => {
    const records = telemetry(20)
    const whole = encodeRecordBatch(records.slice(0, 10))
    const cut = encodeRecordBatch(records.slice(10)).subarray(0, 200)
    expect(walk(concat(whole, cut), 100, 109).corrupt).toEqual([])
    expect(walk(concat(whole, cut), 100, 119).corrupt).toEqual([
      [110, 119, expect.stringContaining('is cut')]
    ])
    expect(walk(concat(whole, cut.subarray(0, 20)), 100, 119).corrupt).toEqual([
      [110, 119, expect.stringContaining('20 bytes are left')]
    ])
  })

  it('of an older format are refused with a remedy', () => {
    const bytes = encodeRecordBatch(telemetry(1))
    bytes[16] = 1
    expect(walk(bytes, 100, 100).corrupt).toEqual([
      [100, 100, expect.stringContaining('message format 0.11')]
    ])
  })

  it('refuse to be encoded out of order or empty', () => {
    const [a, b] = telemetry(2) as [EncodableRecord, EncodableRecord]
    expect(() => encodeRecordBatch([b, a])).toThrow(RangeError)
    expect(() => encodeRecordBatch([])).toThrow(/no record/)
  })

  it('never throw, whatever bytes come', () => {
    for (let i = 0; i < 300; i++) {
      const name = Object.keys(compressions)[i % 6]!
      const bytes = encodeRecordBatch(telemetry(50), i % 7 === 0 ? {} : { compression: compressions[name]! })
      for (const at of randomBytes(4)) bytes[(at * 7919 + i) % bytes.length] = at
      const visited = { count: 0, lost: 0 }
      const visitor: RecordVisitor = {
        record: () => void visited.count++,
        corrupt: (from, to) => void (visited.lost += to - from + 1)
      }
      createBatchWalker({ verifyCrc: false, decompressedBytesMax: 1 << 22 }).walk(bytes, 100, 149, visitor)
      expect(visited.count).toBeLessThanOrEqual(50)
    }
  })
})
