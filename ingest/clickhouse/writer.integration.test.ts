import type { ClickHouseClient } from '@clickhouse/client'
import fc from 'fast-check'
import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { blockBytes, groupBytes, rowBytes } from '../../schemas/blocks.ts'
import type { ColumnBlock, RangeOutcome } from '../../schemas/evaluation.ts'
import { blockOfRows, type BlockRow } from '../../test/support/blocks.ts'
import { createSlabPool, type Slab, type SlabPool } from '../../schemas/slab.ts'
import { startTestClickHouse, type TestClickHouse } from '../../test/support/clickhouse.ts'
import { createClickHouseClient } from './client.ts'
import { migrate } from './migrate.ts'
import { storedPositions } from './positions.ts'
import { createWriter, type Writer, type WriterOptions, type WriterState } from './writer.ts'

let server: TestClickHouse
let client: ClickHouseClient
let writer: Writer | undefined
let tests = 0

beforeAll(async () => {
  server = await startTestClickHouse()
})
afterAll(() => server.stop())
beforeEach(async () => {
  const database = `writer_${++tests}`
  await migrate(server.client, {
    database,
    retentionDays: 90,
    rollupRetentionDays: 730,
    eventRetentionDays: 730
  })
  client = createClickHouseClient({
    url: server.url,
    database,
    requestTimeoutMs: 20_000
  })
})
afterEach(async () => {
  await writer?.close(0)
  writer = undefined
  await client.close()
})

/** What a worker would return for `records` records of one sample each, from `firstOffset` on. */
function outcome(
  spans: { partition: number; firstOffset: number; rows: number; records?: number; topic?: string }[]
): [RangeOutcome[], ColumnBlock] {
  const rows: BlockRow[] = []
  const ranges = spans.map(span => {
    const rowStart = rows.length
    for (let i = 0; i < span.rows; i++) {
      const offset = span.firstOffset + i
      const id = (1000 + span.partition).toString(16).padStart(16, '0')
      rows.push({ id, timeMs: 1_760_000_000_000 + offset, value: offset / 4, offset })
    }
    const records = span.records ?? span.rows
    const lastOffset = span.firstOffset + records - 1
    const { partition, firstOffset, topic = 'telemetry' } = span
    return { topic, partition, firstOffset, lastOffset, records, rowStart, rowEnd: rows.length }
  })
  return [ranges, inSharedMemory(blockOfRows(rows))]
}

/** As workers give it. */
function inSharedMemory(block: ColumnBlock): ColumnBlock {
  const slab = slabs.take(blockBytes(block))
  let end = 0
  const moved = (column: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(slab.memory, end, column.length)
    bytes.set(column)
    end += column.length
    return bytes
  }
  const { rows, groups, entity, timeMs, offset, end: ends, signal, value } = block
  return {
    rows,
    groups,
    entity: moved(entity),
    timeMs: moved(timeMs),
    offset: moved(offset),
    value: moved(value),
    end: moved(ends),
    signal: moved(signal),
    slab
  }
}

/** Makes every later user of a slab notice when it was given back too early. */
const slabs: SlabPool = (() => {
  const pool = createSlabPool(1 << 30)
  const spoilt = (slab: Slab): Slab => ({
    memory: slab.memory,
    retain: () => slab.retain(),
    release() {
      new Uint8Array(slab.memory).fill(0xee)
      released.push(slab.memory)
      slab.release()
    }
  })
  return { ...pool, take: bytes => spoilt(pool.take(bytes)) }
})()
let released: SharedArrayBuffer[] = []

interface Seen {
  acknowledged: RangeOutcome[]
  states: WriterState[]
  pressure: boolean[]
  fatal: Error[]
}

function start(options: Partial<WriterOptions> = {}): { writer: Writer; seen: Seen } {
  const seen: Seen = { acknowledged: [], states: [], pressure: [], fatal: [] }
  writer = createWriter({
    client,
    rowsMax: 100_000,
    bytesMax: 16 * 1024 * 1024,
    flushMsMax: 20,
    memoryBytesMax: 64 * 1024 * 1024,
    retryMsMin: 20,
    retryMsMax: 200,
    onAcknowledged: ranges => seen.acknowledged.push(...ranges),
    onState: state => seen.states.push(state),
    onPressure: hold => seen.pressure.push(hold),
    onFatal: error => seen.fatal.push(error),
    ...options
  })
  return { writer, seen }
}

const rowsOf = async <T>(query: string): Promise<T[]> =>
  (await client.query({ query, format: 'JSONEachRow' })).json<T>()

/** Samples by partition: how many rows, how many different, first and last offset. */
const stored = (): Promise<
  { partition: number; rows: number; different: number; first: number; last: number }[]
> =>
  rowsOf(`SELECT partition, count() AS rows, uniqExact(series, time) AS different, min(offset) AS first, max(offset) AS last
          FROM samples WHERE series != 0 GROUP BY partition ORDER BY partition`)

describe('what is stored', () => {
  it('is the columns value by value, joined from several blocks and topics', async () => {
    const { writer, seen } = start({ nowMs: () => Date.UTC(2026, 10, 22, 12) })
    writer.submit(
      ...outcome([
        { partition: 0, firstOffset: 5, rows: 2 },
        { partition: 1, firstOffset: 7, rows: 1 }
      ])
    )
    writer.submit(...outcome([{ partition: 3, firstOffset: 2 ** 40, rows: 1, topic: 'второй' }]))
    await writer.drain()
    expect(
      await rowsOf(
        'SELECT toString(series) AS s, toString(time) AS t, value, topic, partition, offset, stored_on FROM samples ORDER BY series, topic DESC, partition, offset'
      )
    ).toEqual([
      {
        s: '0',
        t: '1970-01-01 00:00:00.000',
        value: 0,
        topic: 'второй',
        partition: 3,
        offset: 2 ** 40,
        stored_on: '2026-11-22'
      },
      {
        s: '0',
        t: '1970-01-01 00:00:00.000',
        value: 0,
        topic: 'telemetry',
        partition: 0,
        offset: 6,
        stored_on: '2026-11-22'
      },
      {
        s: '0',
        t: '1970-01-01 00:00:00.000',
        value: 0,
        topic: 'telemetry',
        partition: 1,
        offset: 7,
        stored_on: '2026-11-22'
      },
      {
        s: '1000',
        t: '2025-10-09 08:53:20.005',
        value: 1.25,
        topic: 'telemetry',
        partition: 0,
        offset: 5,
        stored_on: '2026-11-22'
      },
      {
        s: '1000',
        t: '2025-10-09 08:53:20.006',
        value: 1.5,
        topic: 'telemetry',
        partition: 0,
        offset: 6,
        stored_on: '2026-11-22'
      },
      {
        s: '1001',
        t: '2025-10-09 08:53:20.007',
        value: 1.75,
        topic: 'telemetry',
        partition: 1,
        offset: 7,
        stored_on: '2026-11-22'
      },
      {
        s: '1003',
        t: '2060-08-12 04:47:07.776',
        value: 2 ** 38,
        topic: 'второй',
        partition: 3,
        offset: 2 ** 40,
        stored_on: '2026-11-22'
      }
    ])
    expect(seen.acknowledged.map(range => range.lastOffset)).toEqual([6, 7, 2 ** 40])
    expect(writer.pendingBytes()).toBe(0)
  })

  it('gives every double back as it was, whatever it is kept as', async () => {
    const decimals = Array.from({ length: 2000 }, (_, i) =>
      Number(((Math.random() - 0.5) * 10 ** (i % 14)).toFixed(i % 7))
    )
    const odd = [
      0,
      -0,
      1e15,
      9e15 - 1,
      2 ** 53 + 2,
      1e300,
      5e-324,
      0.1 + 0.2,
      Infinity,
      -Infinity,
      NaN,
      -17.2812,
      1 / 3,
      9e11 + 0.5
    ]
    const values = Float64Array.from([...odd, ...decimals, ...fc.sample(fc.double(), 2000)])
    const { writer } = start()
    const [ranges, block] = outcome([{ partition: 0, firstOffset: 0, rows: values.length }])
    writer.submit(ranges, { ...block, value: new Uint8Array(values.buffer) })
    await writer.drain()
    const found = await rowsOf<{ bits: string }>(
      'SELECT toString(reinterpretAsUInt64(value)) AS bits FROM samples WHERE series != 0 ORDER BY offset'
    )
    // The sign of zero alone is not kept.
    const wanted = [...new BigUint64Array(values.map(value => (value === 0 ? 0 : value)).buffer)].map(String)
    expect(found.map(row => row.bits)).toEqual(wanted)
  })

  it('is known as positions, also of ranges without rows, and of the asked partitions only', async () => {
    const { writer } = start()
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 10, records: 30 }]))
    writer.submit(...outcome([{ partition: 1, firstOffset: 100, rows: 0, records: 5 }]))
    await writer.drain()
    const at = (partition: number) => ({ topic: 'telemetry', partition })
    const positions = await storedPositions(client, [at(0), at(1), at(2), { topic: 'other', partition: 0 }])
    expect(positions.sort((a, b) => a.partition - b.partition)).toEqual([
      { ...at(0), offset: 30 },
      { ...at(1), offset: 105 }
    ])
    expect(await storedPositions(client, [at(1)])).toEqual([{ ...at(1), offset: 105 }])
    expect(await storedPositions(client, [])).toEqual([])
  })

  it('keeps the highest position of each partition when parts are merged', async () => {
    const { writer } = start()
    for (let i = 0; i < 5; i++) {
      writer.submit(...outcome([0, 1].map(partition => ({ partition, firstOffset: i * 10, rows: 10 }))))
      await writer.drain()
    }
    await client.command({ query: 'OPTIMIZE TABLE samples FINAL' })
    expect(await rowsOf('SELECT count() AS n FROM samples WHERE series = 0')).toEqual([{ n: 2 }])
    const partitions = [0, 1].map(partition => ({ topic: 'telemetry', partition }))
    expect((await storedPositions(client, partitions)).map(each => each.offset)).toEqual([50, 50])
  })
})

describe('joining', () => {
  it('gives the memory of rows back when they are stored, and when they are given up', async () => {
    released = []
    const { writer } = start({ flushMsMax: 200 })
    const [one, two, three] = [0, 1, 2].map(partition => outcome([{ partition, firstOffset: 1, rows: 5 }]))
    for (const given of [one!, two!, three!]) writer.submit(...given)
    writer.fence([{ topic: 'telemetry', partition: 1 }])
    expect(released).toEqual([two![1].slab!.memory])
    await writer.drain()
    expect(new Set(released)).toEqual(new Set([one!, two!, three!].map(([, block]) => block.slab!.memory)))
    expect((await stored()).map(({ partition, rows }) => [partition, Number(rows)])).toEqual([
      [0, 5],
      [2, 5]
    ])
  })

  it('makes one insert of many blocks, and lets no partition have two under way', async () => {
    const { writer, seen } = start({ flushMsMax: 50 })
    for (let i = 0; i < 40; i++)
      writer.submit(...outcome([{ partition: i % 4, firstOffset: Math.floor(i / 4) * 10, rows: 10 }]))
    await writer.drain()
    expect(await stored()).toEqual(
      [0, 1, 2, 3].map(partition => ({ partition, rows: 100, different: 100, first: 0, last: 99 }))
    )
    const parts = await rowsOf<{ n: number }>(
      "SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND table = 'samples'"
    )
    expect(parts[0]!.n).toBeLessThanOrEqual(3)
    for (const partition of [0, 1, 2, 3]) {
      const offsets = seen.acknowledged
        .filter(range => range.partition === partition)
        .map(range => range.firstOffset)
      expect(offsets).toEqual(Array.from({ length: 10 }, (_, i) => i * 10))
    }
  })

  it('is one part, however many samples its records have and however many there are', async () => {
    const { writer } = start({ rowsMax: 10_000_000, bytesMax: 1 << 30, flushMsMax: 100 })
    // More rows than ClickHouse would make one block of by itself.
    const [records, samples] = [300_000, 4]
    const rows = Array.from({ length: records * samples }, (_, row) => ({
      id: `a0aa00bb0000${(0xfff0 + (row % samples)).toString(16)}`,
      timeMs: 1_760_000_000_000 + Math.floor(row / samples),
      value: row / 4,
      offset: Math.floor(row / samples)
    }))
    const range = { topic: 'telemetry', partition: 7, firstOffset: 0, lastOffset: records - 1, records }
    writer.submit([{ ...range, rowStart: 0, rowEnd: rows.length }], inSharedMemory(blockOfRows(rows)))
    await writer.drain()
    expect(
      await rowsOf(
        `SELECT hex(series) AS id, count() AS n, uniqExact(time) AS times, min(offset) AS first, max(offset) AS last,
          sum(value) AS sum, uniqExact(_part) AS parts FROM samples WHERE series != 0 GROUP BY series ORDER BY series`
      )
    ).toEqual(
      Array.from({ length: samples }, (_, signal) => ({
        id: `A0AA00BB0000${(0xfff0 + signal).toString(16).toUpperCase()}`,
        n: records,
        times: records,
        first: 0,
        last: records - 1,
        sum: ((records - 1) * records) / 2 + (records * signal) / 4,
        parts: 1
      }))
    )
    const parts = await rowsOf(
      "SELECT count() AS n FROM system.parts WHERE database = currentDatabase() AND table = 'samples'"
    )
    expect(parts).toEqual([{ n: 1 }])
  })

  it('cuts inserts at rowsMax and lets disjoint partitions go side by side', async () => {
    const { writer, seen } = start({ rowsMax: 100, flushMsMax: 10_000 })
    for (let i = 0; i < 10; i++)
      writer.submit(...outcome([{ partition: i % 2, firstOffset: Math.floor(i / 2) * 60, rows: 60 }]))
    await writer.drain()
    expect((await stored()).map(row => [row.rows, row.different])).toEqual([
      [300, 300],
      [300, 300]
    ])
    expect(seen.acknowledged).toHaveLength(10)
  })
})

describe('when things go wrong', () => {
  it('stores once what is sent twice with the same token', async () => {
    for (let i = 0; i < 3; i++) {
      const blocks = [
        outcome([{ partition: 0, firstOffset: 0, rows: 500 }]),
        outcome([{ partition: 1, firstOffset: 0, rows: 500 }])
      ]
      const { writer } = start({ instance: 'the same' })
      // The token does not depend on the order in which the ranges were gathered.
      for (const [ranges, block] of i === 1 ? [...blocks].reverse() : blocks) writer.submit(ranges, block)
      await writer.close(5000)
    }
    expect((await stored()).map(row => row.rows)).toEqual([500, 500])
  })

  it('sends again what ClickHouse has noted the token of and then lost', async () => {
    const instance = 'the same'
    const lost = start({ instance })
    lost.writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 500 }]))
    await lost.writer.close(5000)
    // As after a kill between the two: ClickHouse's list of tokens has it, no part does.
    const [part] = await rowsOf<{ path: string }>(
      `SELECT path FROM system.parts WHERE database = currentDatabase() AND table = 'samples' AND active`
    )
    const restarts = server.engine.restarts()
    process.kill(server.engine.pid()!, 'SIGKILL')
    await rm(part!.path, { recursive: true })
    await until(() => server.engine.restarts() > restarts)
    expect(await stored()).toEqual([])

    let isFirst = true
    const failing = new Proxy(client, {
      get(of, name: keyof ClickHouseClient) {
        if (name !== 'exec' || !isFirst) return Reflect.get(of, name) as unknown
        isFirst = false
        return () => Promise.reject(new Error('socket hang up'))
      }
    })
    const { writer, seen } = start({ instance, client: failing })
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 500 }]))
    await writer.drain()
    expect((await stored()).map(row => [row.rows, row.different])).toEqual([[500, 500]])
    expect(seen.acknowledged).toHaveLength(1)
    expect(seen.states.filter(state => state.down).map(state => state.error)).toEqual([
      'socket hang up',
      'an insert that ClickHouse took for a repetition is not there; it is sent again'
    ])
  })

  it('collapses an overlap that a second instance stored under other ranges', async () => {
    const { writer: first } = start()
    const { writer: second } = start()
    first.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 100 }]))
    await first.close(5000)
    second.submit(...outcome([{ partition: 0, firstOffset: 50, rows: 100 }]))
    await second.drain()
    expect(await rowsOf('SELECT count() AS n FROM samples FINAL WHERE series != 0')).toEqual([{ n: 150 }])
  })

  it('loses and doubles nothing when the engine is killed again and again in the middle of inserts', async () => {
    const { writer, seen } = start({ rowsMax: 2_000, flushMsMax: 5 })
    const restarts = server.engine.restarts()
    const next = [0, 0, 0, 0]
    const killer = (async () => {
      for (let kill = 1; kill <= 3; kill++) {
        await delay(150 + kill * 37)
        process.kill(server.engine.pid()!, 'SIGKILL')
        await until(() => server.engine.restarts() === restarts + kill)
      }
    })()
    let running = true
    void killer.finally(() => (running = false))
    while (running) {
      const partition = Math.floor(Math.random() * 4)
      const rows = 200 + Math.floor(Math.random() * 400)
      writer.submit(...outcome([{ partition, firstOffset: next[partition]!, rows }]))
      next[partition]! += rows
      await delay(2)
    }
    await killer
    await writer.drain()
    expect(await stored()).toEqual(
      next.map((rows, partition) => ({ partition, rows, different: rows, first: 0, last: rows - 1 }))
    )
    const acknowledged = [0, 1, 2, 3].map(partition =>
      seen.acknowledged.filter(range => range.partition === partition)
    )
    for (const [partition, ranges] of acknowledged.entries()) {
      let at = 0
      for (const range of ranges) {
        expect(range.firstOffset).toBe(at)
        at = range.lastOffset + 1
      }
      expect(at).toBe(next[partition])
    }
    const partitions = next.map((_, partition) => ({ topic: 'telemetry', partition }))
    const positions = await storedPositions(client, partitions)
    expect(positions.sort((a, b) => a.partition - b.partition).map(each => each.offset)).toEqual(next)
    expect(seen.states.some(state => state.down)).toBe(true)
    expect(seen.states.at(-1)).toEqual({ down: false })
  })

  it('asks for a pause while the engine is down, says since when, and goes on when it is back', async () => {
    const { writer, seen } = start({ memoryBytesMax: 64_000 })
    const restarts = server.engine.restarts()
    process.kill(server.engine.pid()!, 'SIGKILL')
    let offset = 0
    while (seen.pressure.length === 0) {
      writer.submit(...outcome([{ partition: 0, firstOffset: offset, rows: 100 }]))
      offset += 100
    }
    expect(seen.pressure).toEqual([true])
    await until(() => writer.state().down)
    const state = writer.state()
    expect(state).toMatchObject({ down: true })
    if (state.down) expect(state.error).toMatch(/ECONNREFUSED|ECONNRESET|hang up/)
    await until(() => server.engine.restarts() > restarts)
    await writer.drain()
    expect(seen.pressure).toEqual([true, false])
    expect((await stored())[0]).toMatchObject({ rows: offset, different: offset })
  })

  it('is fatal with a remedy where no repetition helps', async () => {
    const { writer, seen } = start()
    await client.command({ query: 'DROP TABLE samples SYNC' })
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 1 }]))
    await until(() => seen.fatal.length > 0)
    expect(seen.fatal[0]!.message).toMatch(/a table is missing \(code 60: .*Run `svetofor migrate`/)
    expect(seen.acknowledged).toEqual([])
    expect(() => writer.submit(...outcome([{ partition: 0, firstOffset: 1, rows: 1 }]))).toThrow('stopped')
  })

  it('drops the waiting rows of a fenced partition, keeps the others, and acknowledges nothing of it', async () => {
    const { writer, seen } = start({ flushMsMax: 10_000 })
    writer.submit(...outcome([0, 1, 2].map(partition => ({ partition, firstOffset: 0, rows: 10 }))))
    writer.submit(...outcome([{ partition: 1, firstOffset: 10, rows: 10 }]))
    writer.fence([{ topic: 'telemetry', partition: 1 }])
    expect(writer.pendingBytes()).toBe(20 * (groupBytes + rowBytes))
    writer.submit(...outcome([{ partition: 1, firstOffset: 40, rows: 5 }]))
    await writer.drain()
    expect(await stored()).toMatchObject([
      { partition: 0, rows: 10 },
      { partition: 1, rows: 5, first: 40 },
      { partition: 2, rows: 10 }
    ])
    expect(seen.acknowledged.filter(range => range.partition === 1).map(range => range.firstOffset)).toEqual([
      40
    ])
  })

  it('lets go of fenced partitions that are under way without waiting for them', async () => {
    const { writer, seen } = start()
    const restarts = server.engine.restarts()
    process.kill(server.engine.pid()!, 'SIGKILL')
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 10 }]))
    await until(() => writer.state().down)
    const drained = writer.drain([{ topic: 'telemetry', partition: 0 }])
    writer.fence([{ topic: 'telemetry', partition: 0 }])
    await drained
    await until(() => server.engine.restarts() > restarts)
    await writer.drain()
    expect(seen.acknowledged).toEqual([])
  })

  it('does not send what was fenced before its first attempt, and stores what comes of the partition then', async () => {
    let open = (): void => undefined
    const gate = new Promise<void>(resolve => (open = resolve))
    const { writer, seen } = start({ flushMsMax: 10, before: () => gate })
    const partition = [{ topic: 'telemetry', partition: 0 }]
    const range = outcome([{ partition: 0, firstOffset: 0, rows: 10 }])
    writer.submit(...range)
    const drained = writer.drain()
    writer.fence(partition)
    await drained
    const landed = writer.landed(partition)
    open()
    await landed
    expect(await stored()).toEqual([])
    expect(writer.pendingBytes()).toBe(0)
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 7 }]))
    await writer.drain()
    expect(await stored()).toMatchObject([{ partition: 0, rows: 7, first: 0 }])
    expect(seen.acknowledged.map(({ firstOffset }) => firstOffset)).toEqual([0])
  })

  it('refuses a range that is not behind the last one of its partition, until the partition is fenced', async () => {
    const { writer, seen } = start({ flushMsMax: 10_000 })
    const range = (firstOffset: number) => outcome([{ partition: 0, firstOffset, rows: 10 }])
    writer.submit(...range(20))
    expect(() => writer.submit(...range(20))).toThrow(
      /offsets 20\.\.29 of telemetry:0 came to the writer behind 29/
    )
    expect(() => writer.submit(...range(10))).toThrow(/behind 29/)
    writer.fence([{ topic: 'telemetry', partition: 0 }])
    writer.submit(...range(0))
    await writer.drain()
    expect(await stored()).toMatchObject([{ partition: 0, rows: 10, first: 0, last: 9 }])
    expect(seen.acknowledged.map(({ firstOffset }) => firstOffset)).toEqual([0])
  })

  it('says when an insert of a fenced partition has landed, so that its next owner stores nothing twice', async () => {
    const { writer, seen } = start()
    const partition = [{ topic: 'telemetry', partition: 0 }]
    const restarts = server.engine.restarts()
    process.kill(server.engine.pid()!, 'SIGKILL')
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 10 }]))
    await until(() => writer.state().down)
    writer.fence(partition)
    await writer.landed([{ topic: 'telemetry', partition: 1 }])
    await writer.landed(partition)
    expect(server.engine.restarts()).toBeGreaterThan(restarts)
    expect(await storedPositions(client, partition)).toMatchObject([{ partition: 0, offset: 10 }])
    writer.submit(...outcome([{ partition: 0, firstOffset: 10, rows: 10 }]))
    await writer.drain()
    expect(await stored()).toMatchObject([{ partition: 0, rows: 20, different: 20 }])
    expect(seen.acknowledged.map(({ firstOffset }) => firstOffset)).toEqual([10])
    expect(seen.fatal).toEqual([])
  })

  it('closes within its limit and says how many ranges it leaves', async () => {
    const { writer } = start({
      client: createClickHouseClient({ url: 'http://127.0.0.1:9' })
    })
    writer.submit(...outcome([{ partition: 0, firstOffset: 0, rows: 10 }]))
    writer.submit(...outcome([{ partition: 1, firstOffset: 0, rows: 10 }]))
    const startedMs = Date.now()
    expect(await writer.close(100)).toBe(2)
    expect(Date.now() - startedMs).toBeLessThan(2_000)
  })
})

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 1000) throw new Error('the condition did not come true within 20 s')
    await delay(20)
  }
}
