import type { ClickHouseClient } from '@clickhouse/client'
import { Readable } from 'node:stream'
import { createBaselineRows, type BaselineRows } from '../../rules/measures/baseline-rows.ts'
import { baselineParts } from '../../rules/measures/baselines.ts'

/** Baselines of series in ClickHouse, in its RowBinary format: there may be hundreds of thousands, every few minutes. */

const columns = 'series, at, learnt_to, last, fast, slow, slower, learnt_ms, samples, conditions'
const rowsPerInsert = 20_000
/** Bytes of a row beside its conditions, with the length of these. */
const rowBytes = 8 * 3 + 8 * 5 + 4 + 5
const letterBytesMax = 3

/** Stores them, as often as one likes: of one series the later row counts. Rejects as the client does. */
export async function storeBaselines(client: ClickHouseClient, rows: BaselineRows): Promise<void> {
  for (let from = 0; from < rows.count; from += rowsPerInsert) {
    const bytes = rowBinary(rows, from, Math.min(rows.count, from + rowsPerInsert))
    const values = Readable.from([bytes], { objectMode: false })
    const { stream } = await client.exec({
      query: `INSERT INTO baselines (${columns}) FORMAT RowBinary`,
      values
    })
    for await (const _ of stream) {
      // The answer is empty; it is read to its end so that the connection can be used again.
    }
  }
}

function rowBinary({ ids, numbers, conditions }: BaselineRows, from: number, to: number): Buffer {
  const texts = Array.from({ length: to - from }, (_, at) => conditions.get(from + at) ?? '')
  const bytes = Buffer.allocUnsafe(
    texts.reduce((sum, text) => sum + rowBytes + text.length * letterBytesMax, 0)
  )
  let end = 0
  for (let row = from; row < to; row++) {
    const at = row * baselineParts
    const [last, atMs, fast, slow, slower, learntMs, learntToMs, samples] = numbers.subarray(
      at,
      at + baselineParts
    )
    end = bytes.writeBigUInt64LE(ids[row]!, end)
    end = bytes.writeBigInt64LE(BigInt(atMs!), end)
    end = bytes.writeBigInt64LE(BigInt(learntToMs!), end)
    for (const number of [last!, fast!, slow!, slower!, learntMs!]) end = bytes.writeDoubleLE(number, end)
    end = bytes.writeUInt32LE(Math.min(samples!, 0xffffffff), end)
    const text = texts[row - from]!
    let length = Buffer.byteLength(text)
    for (; length >= 128; length >>>= 7) end = bytes.writeUInt8((length & 127) | 128, end)
    end = bytes.writeUInt8(length, end)
    end += bytes.write(text, end)
  }
  return bytes.subarray(0, end)
}

/** The latest of each series that `days` have not gone by since, in the order of their ids; `rowsMax` of them at most. */
export async function readBaselines(
  client: ClickHouseClient,
  days: number,
  rowsMax: number
): Promise<BaselineRows> {
  const { stream } = await client.exec({
    query: `SELECT ${columns} FROM baselines FINAL WHERE at > now() - toIntervalDay(${days})
      ORDER BY series LIMIT ${rowsMax} FORMAT RowBinary`
  })
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return rowsOf(Buffer.concat(chunks), rowsMax)
}

function rowsOf(bytes: Buffer, rowsMax: number): BaselineRows {
  const rows = createBaselineRows(Math.min(rowsMax, Math.ceil(bytes.length / (rowBytes - 4))))
  let at = 0
  const double = (): number => bytes.readDoubleLE((at += 8) - 8)
  const ms = (): number => Number(bytes.readBigInt64LE((at += 8) - 8))
  while (at < bytes.length) {
    const id = bytes.readBigUInt64LE((at += 8) - 8)
    const atMs = ms()
    const learntToMs = ms()
    const [last, fast, slow, slower, learntMs] = [double(), double(), double(), double(), double()]
    const samples = bytes.readUInt32LE((at += 4) - 4)
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(at++)
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    const text = bytes.toString('utf8', at, (at += length))
    rows.add(id, [last, atMs, fast, slow, slower, learntMs, learntToMs, samples], text)
  }
  return rows
}
