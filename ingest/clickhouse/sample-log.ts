import type { ClickHouseClient } from '@clickhouse/client'
import type { TopicPartition } from '../../schemas/batch.ts'
import { positionSeries } from './native-block.ts'
import { sliceConditions, type LogBucket, type LogSlice } from './log-slices.ts'

/**
 * The stored samples as the log they came by: partition by partition in the order of offsets. The table is ordered by series, so a
 * stretch of the log is sorted by ClickHouse; it is read in slices, each of which fits into memory.
 */

/** Samples with event times from `fromMs` on and before `toMs`. */
export interface LogWindow {
  readonly fromMs: number
  readonly toMs: number
}

/** What there is of one partition in the window. */
export interface LogPartition extends TopicPartition {
  readonly rows: number
  readonly firstOffset: number
  readonly lastOffset: number
}

/** Series of one device, instance and profile, as they were described when they were met. */
export interface LoggedEntity {
  /** The preferred one first. */
  readonly identifiers: readonly string[]
  readonly instance: string
  /** Names of the port that the instance numbers, as they were told last. */
  readonly portNames: readonly string[]
  readonly profile: string
  readonly collector: string
  /** Stored ids, and the names of their signals. */
  readonly ids: readonly bigint[]
  readonly names: readonly string[]
}

/** Bytes of a row as it is read: all are of eight, so that columns can be looked at in place. */
export const loggedRowBytes = 40

/**
 * Rows in the order of partition and offset, little-endian, `loggedRowBytes` each: id of the series (two words, the low one first), event
 * time (ms, double), value (double), offset (double), number of the partition in the list it was asked by (a word) and a word of nothing.
 */
export type LoggedRows = ArrayBuffer

export interface SampleLog {
  partitions(window: LogWindow): Promise<readonly LogPartition[]>
  /** How many series there are samples of. */
  seriesCount(window: LogWindow): Promise<number>
  entities(window: LogWindow): Promise<readonly LoggedEntity[]>
  /** Stretches of each partition, `offsets` long, with their rows and times. */
  buckets(
    window: LogWindow,
    partitions: readonly LogPartition[],
    offsets: number
  ): Promise<readonly LogBucket[]>
  rows(window: LogWindow, partitions: readonly LogPartition[], slice: LogSlice): Promise<LoggedRows>
}

const inWindow =
  'time >= fromUnixTimestamp64Milli({fromMs:Int64}) AND time < fromUnixTimestamp64Milli({toMs:Int64})'
const samples = `samples WHERE series != ${positionSeries} AND ${inWindow}`

const paramsOf = ({ fromMs, toMs }: LogWindow): { fromMs: number; toMs: number } => ({
  fromMs: Math.floor(fromMs),
  toMs: Math.ceil(toMs)
})

export function createSampleLog(client: ClickHouseClient): SampleLog {
  const rowsOf = async <T>(query: string, query_params: Record<string, unknown>): Promise<T[]> =>
    (await client.query({ query, query_params, format: 'JSONEachRow' })).json<T>()

  return {
    async partitions(window) {
      const found = await rowsOf<Record<'topic' | 'partition' | 'rows' | 'first' | 'last', string>>(
        `SELECT topic, partition, count() AS rows, min(offset) AS first, max(offset) AS last FROM ${samples}
         GROUP BY topic, partition ORDER BY topic, partition`,
        paramsOf(window)
      )
      return found.map(({ topic, partition, rows, first, last }) => ({
        topic,
        partition: Number(partition),
        rows: Number(rows),
        firstOffset: Number(first),
        lastOffset: Number(last)
      }))
    },

    async seriesCount(window) {
      const [found] = await rowsOf<{ found: string }>(
        `SELECT uniq(series) AS found FROM ${samples}`,
        paramsOf(window)
      )
      return Number(found?.found ?? 0)
    },

    async entities(window) {
      const found = await rowsOf<
        Omit<LoggedEntity, 'ids' | 'names'> & { readonly series: readonly (readonly [string, string])[] }
      >(
        `SELECT identifiers, instance, port_names AS portNames, profile, collector, groupArray((toString(id), signal)) AS series
         FROM series FINAL WHERE id IN (SELECT DISTINCT series FROM ${samples})
         GROUP BY identifiers, instance, portNames, profile, collector ORDER BY identifiers, instance, portNames, profile, collector`,
        paramsOf(window)
      )
      return found.map(({ series, ...entity }) => ({
        ...entity,
        ids: series.map(([id]) => BigInt(id)),
        names: series.map(([, name]) => name)
      }))
    },

    async buckets(window, partitions, offsets) {
      const topics = topicsOf(partitions)
      const found = await rowsOf<
        Record<'topic' | 'partition' | 'bucket' | 'rows' | 'first' | 'middle' | 'last', string>
      >(
        `SELECT topic, partition, intDiv(offset, {offsets:UInt64}) AS bucket, count() AS rows,
           toUnixTimestamp64Milli(min(time)) AS first, toUnixTimestamp64Milli(max(time)) AS last,
           quantile(0.5)(toUnixTimestamp64Milli(time)) AS middle
         FROM ${samples} AND topic IN {topics:Array(String)}
         GROUP BY topic, partition, bucket ORDER BY topic, partition, bucket`,
        { ...paramsOf(window), offsets, topics }
      )
      const numbers = new Map(partitions.map(({ topic, partition }, i) => [`${topic}:${partition}`, i]))
      return found.flatMap(({ topic, partition, bucket, rows, first, middle, last }) => {
        const source = numbers.get(`${topic}:${partition}`)
        if (source === undefined) return []
        const fromOffset = Number(bucket) * offsets
        return {
          source,
          fromOffset,
          toOffset: fromOffset + offsets,
          rows: Number(rows),
          firstMs: Number(first),
          middleMs: Number(middle),
          lastMs: Number(last)
        }
      })
    },

    async rows(window, partitions, slice) {
      const topics = topicsOf(partitions)
      const { condition, number } = sliceConditions(partitions, topics, slice)
      const { stream } = await client.exec({
        query: `SELECT series, toFloat64(toUnixTimestamp64Milli(time)), value, toFloat64(offset), ${number} AS source, toUInt32(0)
          FROM ${samples} AND ${condition} ORDER BY source, offset FORMAT RowBinary`,
        query_params: {
          topics,
          fromMs: Math.max(Math.floor(window.fromMs), slice.firstMs),
          toMs: Math.min(Math.ceil(window.toMs), slice.lastMs + 1)
        }
      })
      return collect(stream, slice.rows * loggedRowBytes)
    }
  }
}

const topicsOf = (partitions: readonly LogPartition[]): string[] => [
  ...new Set(partitions.map(({ topic }) => topic))
]

/** What a stream holds, in memory that is aligned; `expected` bytes, or more where rows came meanwhile. */
async function collect(stream: AsyncIterable<Uint8Array>, expected: number): Promise<LoggedRows> {
  let bytes = new Uint8Array(expected)
  let end = 0
  for await (const chunk of stream) {
    if (end + chunk.length > bytes.length) {
      const grown = new Uint8Array(Math.max(bytes.length * 2, end + chunk.length))
      grown.set(bytes.subarray(0, end))
      bytes = grown
    }
    bytes.set(chunk, end)
    end += chunk.length
  }
  if (end % loggedRowBytes !== 0)
    throw new Error(
      `ClickHouse gave ${end} bytes of samples, which are no whole rows: ${lastWords(bytes, end)}`
    )
  return bytes.buffer.slice(0, end)
}

/** An exception in the middle of an answer stands at its end, as text. */
function lastWords(bytes: Uint8Array, end: number): string {
  const text = Buffer.from(bytes.subarray(Math.max(0, end - 2000), end)).toString('latin1')
  const at = text.lastIndexOf('Code: ')
  return at < 0 ? 'the answer was cut off' : text.slice(at, at + 300)
}
