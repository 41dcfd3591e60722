import { ClickHouseError, type ClickHouseClient } from '@clickhouse/client'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbeddedClickHouse } from './clickhouse.ts'
import { startTestClickHouse, type TestClickHouse } from '../test/support/clickhouse.ts'

let server: TestClickHouse
let client: ClickHouseClient

beforeAll(async () => {
  server = await startTestClickHouse()
  client = await server.database('conformance')
})
afterAll(() => server.stop())

const post = (
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {}
): Promise<Response> =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body: body as string })
  })

describe('through @clickhouse/client', () => {
  it('pings, and answers queries in JSON forms', async () => {
    expect(await client.ping()).toEqual({ success: true })
    expect(await client.ping({ select: true })).toEqual({ success: true })
    const json = await client.query({
      query: "SELECT 1 AS a, 'x' AS b",
      format: 'JSON'
    })
    expect(json.query_id).toMatch(/^[0-9a-f-]{36}$/)
    expect(await json.json()).toMatchObject({ data: [{ a: 1, b: 'x' }], rows: 1 })
    const lines = await client.query({ query: 'SELECT number AS n FROM numbers(3)', format: 'JSONEachRow' })
    expect(await lines.json()).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }])
    const compact = await client
      .query({ query: 'SELECT 7, ?', format: 'JSONCompactEachRow' })
      .catch((e: unknown) => e)
    expect(compact).toBeInstanceOf(ClickHouseError)
    const one = await client.query({ query: "SELECT 7, 'ё'", format: 'JSONCompactEachRow' })
    expect(await one.json()).toEqual([[7, 'ё']])
  })

  it('runs commands, inserts JSONEachRow and Native rows, and reports what was written', async () => {
    await client.command({ query: 'CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a' })
    const inserted = await client.insert({
      table: 't',
      values: [
        { a: 1, b: 'x' },
        { a: 2, b: "it's\n\n\tодин" }
      ],
      format: 'JSONEachRow'
    })
    expect(inserted.summary?.written_rows).toBe('2')
    const streamed = await client.insert({
      table: 't',
      values: Readable.from(
        (function* () {
          for (let i = 0; i < 10_000; i++) yield { a: i + 10, b: `row ${i}` }
        })()
      ),
      format: 'JSONEachRow'
    })
    expect(streamed.summary?.written_rows).toBe('10000')
    const rows = await client.query({ query: 'SELECT b FROM t WHERE a = 2', format: 'JSONEachRow' })
    expect(await rows.json()).toEqual([{ b: "it's\n\n\tодин" }])
    const exec = await client.exec({ query: 'SELECT a, b FROM t WHERE a < 3 ORDER BY a FORMAT CSV' })
    expect(await text(exec.stream)).toBe(`1,"x"\n2,"it's\n\n\tодин"\n`)
    const copied = await client.exec({ query: 'SELECT * FROM t FORMAT Native' })
    await client.command({ query: 'CREATE TABLE u AS t' })
    const native = await client.exec({ query: 'INSERT INTO u FORMAT Native', values: copied.stream })
    await text(native.stream)
    expect(await count('u')).toBe(10_002)
    const binary = await client.exec({ query: 'SELECT * FROM t FORMAT RowBinary' })
    await text(
      (await client.exec({ query: 'INSERT INTO u (a, b) FORMAT RowBinary', values: binary.stream })).stream
    )
    expect(await count('u')).toBe(20_004)
  })

  it('binds parameters, also many at once on the same names', async () => {
    const asked = Array.from({ length: 60 }, (_, i) => `v${i}\n'"\\ ё`)
    const got = await Promise.all(
      asked.map(async (v, i) => {
        const result = await client.query({
          query: 'SELECT {v:String} AS v, {i:UInt32} AS i, sleep(0.01) AS s',
          query_params: { v, i },
          format: 'JSONEachRow'
        })
        return (await result.json<{ v: string; i: number }>())[0]
      })
    )
    expect(got.map(row => row?.v)).toEqual(asked)
    expect(got.map(row => row?.i)).toEqual(asked.map((_, i) => i))
    const list = await client.query({
      query: 'SELECT arrayJoin({ids:Array(UInt64)}) AS id, {at:DateTime64(3)} AS at',
      query_params: { ids: [1, 2], at: new Date(1_700_000_000_123) },
      format: 'JSONEachRow'
    })
    expect(await list.json()).toEqual([
      { id: 1, at: '2023-11-14 22:13:20.123' },
      { id: 2, at: '2023-11-14 22:13:20.123' }
    ])
  })

  it('applies settings to one request only', async () => {
    const setting = async (settings?: Record<string, string | number>): Promise<unknown> => {
      const result = await client.query({
        query: "SELECT getSetting('max_block_size') AS v",
        format: 'JSONEachRow',
        ...(settings === undefined ? {} : { clickhouse_settings: settings })
      })
      return (await result.json<{ v: string }>())[0]?.v
    }
    expect(await setting({ max_block_size: '1234' })).toBe(1234)
    expect(await setting()).not.toBe(1234)
    await expect(setting({ no_such_setting: '1' })).rejects.toMatchObject({
      code: '115',
      type: 'UNKNOWN_SETTING'
    })
    expect(await setting({ max_block_size: '77' })).toBe(77)
  })

  it("gives ClickHouse's own errors", async () => {
    await expect(client.query({ query: 'SELEC 1' })).rejects.toMatchObject({
      code: '62',
      message: expect.stringContaining('Syntax error: failed at position 1') as string
    })
    await expect(client.query({ query: 'SELECT * FROM nope' })).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE'
    })
    await expect(
      client.insert({ table: 't', values: [{ a: 'not a number' }], format: 'JSONEachRow' })
    ).rejects.toMatchObject({ code: '27', type: 'CANNOT_PARSE_INPUT_ASSERTION_FAILED' })
    await expect(client.command({ query: 'INSERT INTO t SELECT * FROM nope' })).rejects.toThrow('nope')
    const before = await count('t')
    await expect(
      client.exec({
        query: 'INSERT INTO t FORMAT Native',
        values: Readable.from([Buffer.from([2, 200, 1, 1])])
      })
    ).rejects.toBeInstanceOf(ClickHouseError)
    expect(await count('t')).toBe(before)
  })
})

describe('over bare HTTP, as Grafana and curl use it', () => {
  it('answers /ping, /, unknown paths and methods', async () => {
    expect(await (await fetch(`${server.url}/ping`)).text()).toBe('Ok.\n')
    expect(await (await fetch(`${server.url}/`)).text()).toBe('Ok.\n')
    expect((await fetch(`${server.url}/nope`)).status).toBe(404)
    expect((await fetch(`${server.url}/`, { method: 'DELETE' })).status).toBe(405)
  })

  it('sends query id, format, summary and exception headers', async () => {
    const good = await post('/?query_id=abc&default_format=JSONCompact', 'SELECT 1')
    expect(good.headers.get('x-clickhouse-query-id')).toBe('abc')
    expect(good.headers.get('x-clickhouse-format')).toBe('JSONCompact')
    expect(good.headers.get('content-type')).toContain('application/json')
    expect(JSON.parse(good.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ read_rows: '1' })
    const bad = await post('/', 'SELECT * FROM nope')
    expect(bad.status).toBe(404)
    expect(bad.headers.get('x-clickhouse-exception-code')).toBe('60')
    expect(await bad.text()).toMatch(/^Code: 60\. DB::Exception: .*\(UNKNOWN_TABLE\)/)
    expect((await post('/', '')).status).toBe(400)
    expect((await post('/', 'SELECT 1 +')).status).toBe(400)
  })

  it('reads by GET and writes only by POST', async () => {
    const url = `${server.url}/?query=${encodeURIComponent('SELECT 2+2 FORMAT TSV')}`
    expect(await (await fetch(url)).text()).toBe('4\n')
    const write = await fetch(`${server.url}/?query=${encodeURIComponent('CREATE DATABASE byget')}`)
    expect(write.status).toBe(403)
    expect(write.headers.get('x-clickhouse-exception-code')).toBe('164')
  })

  it('takes query and rows in one body, gzip bodies, and compresses answers', async () => {
    await post('/', 'CREATE TABLE conformance.raw (a UInt32) ENGINE = MergeTree ORDER BY a')
    expect((await post('/', 'INSERT INTO conformance.raw FORMAT CSV\n1\n2\n')).status).toBe(200)
    expect((await post('/?database=conformance', 'INSERT INTO raw VALUES (3), (4)')).status).toBe(200)
    const packed = gzipSync('{"a":5}\n{"a":6}\n')
    const query = encodeURIComponent('INSERT INTO raw FORMAT JSONEachRow')
    const sent = await post(`/?database=conformance&query=${query}`, packed, { 'Content-Encoding': 'gzip' })
    expect(sent.status).toBe(200)
    const sum = await post(
      '/?enable_http_compression=1',
      'SELECT groupArray(a) FROM (SELECT a FROM conformance.raw ORDER BY a)'
    )
    expect((await sum.text()).trim()).toBe('[1,2,3,4,5,6]')
    const long = await post('/?enable_http_compression=1', 'SELECT number FROM numbers(1000) FORMAT TSV')
    expect(long.headers.get('content-encoding')).toBe('gzip')
    expect((await long.text()).split('\n').length).toBe(1001)
  })

  it('runs one statement a request, and no request changes what the next one finds', async () => {
    const two = await post('/', "SELECT ';'; SELECT 2")
    expect(two.status).toBe(400)
    expect(await two.text()).toContain('Multi-statements are not allowed')
    expect(await (await post('/', "SELECT ';' -- ; end\n ;")).text()).toBe(';\n')
    expect((await post('/', 'SET max_block_size = 99')).status).toBe(200)
    expect((await post('/', 'USE system')).status).toBe(200)
    expect(
      await (await post('/', "SELECT currentDatabase(), getSetting('max_block_size') = 99")).text()
    ).toBe('default\t0\n')
  })

  it('is shut to pages in a browser and to foreign host names', async () => {
    expect((await post('/', 'SELECT 1', { Origin: 'http://evil.example' })).status).toBe(403)
  })

  it('sends Native blocks with the flags that clients of the TCP protocol expect', async () => {
    const columns = [
      "toLowCardinality(toString(number % 3)) AS a, toLowCardinality(toNullable('x')) AS b, [toLowCardinality('y')] AS c",
      'range(number % 5) AS d, [[toString(number)], []] AS e, map(toString(number), number) AS f',
      "CAST((number, 'z'), 'Tuple(n UInt64, `s t` Nullable(String))') AS g, if(number % 2 = 0, NULL, number) AS h, NULL AS i",
      "now64(3) AS j, today() AS k, toDecimal64(1.5, 3) AS l, generateUUIDv4() AS m, toIPv6('::1') AS n, toFixedString('ab', 5) AS o",
      "CAST('a,b', 'Enum8(\\'a,b\\' = 1, \\'c)\\' = 2)') AS p, true AS q, toIntervalDay(1) AS r, 1.5 AS s"
    ]
    const sql = `SELECT ${columns.join(', ')} FROM numbers(3000) SETTINGS max_block_size = 1000`
    const bytesOf = async (path: string): Promise<Buffer> => {
      const response = await post(path, sql)
      expect(response.status).toBe(200)
      return Buffer.from(await response.arrayBuffer())
    }
    const plain = await bytesOf('/?default_format=Native')
    const flagged = await bytesOf('/?default_format=Native&client_protocol_version=54460')
    const blocks = 3
    expect(flagged.length).toBe(plain.length + blocks * (8 + 19))
    expect(flagged.subarray(0, 8)).toEqual(Buffer.from([1, 0, 2, 255, 255, 255, 255, 0]))
    const state = await post('/?default_format=Native&client_protocol_version=54460', 'SELECT sumState(1)')
    expect([state.status, await state.text()]).toEqual([
      501,
      expect.stringContaining('AggregateFunction(sum, UInt8)')
    ])
  })

  it('stores nothing of an insert whose sender breaks off, and keeps no file of it', async () => {
    await post('/', 'CREATE TABLE conformance.broken (a UInt32) ENGINE = MergeTree ORDER BY a')
    const query = encodeURIComponent('INSERT INTO conformance.broken FORMAT TSV')
    const sender = request(`${server.url}/?query=${query}`, { method: 'POST' })
    sender.on('error', () => undefined)
    sender.write('1\n2\n')
    await delay(100)
    sender.destroy()
    await delay(200)
    expect(await count('broken')).toBe(0)
    expect(readdirSync(join(server.dataDir, 'spool'))).toEqual([])
  })

  it('stores while as many queries as it runs at once are under way', async () => {
    await post('/', 'CREATE TABLE conformance.lane (a UInt32) ENGINE = MergeTree ORDER BY a')
    const slow = Array.from({ length: 6 }, () => post('/', 'SELECT sleep(1)'))
    const startedMs = Date.now()
    expect((await post('/', 'INSERT INTO conformance.lane FORMAT TSV\n1\n')).status).toBe(200)
    expect(Date.now() - startedMs).toBeLessThan(900)
    expect((await Promise.all(slow)).map(response => response.status)).toEqual(slow.map(() => 200))
  })

  it('stores what an insert selects from the rows it brings', async () => {
    await post('/', 'CREATE TABLE conformance.wide (a UInt32, b UInt16) ENGINE = MergeTree ORDER BY a')
    const sql = `INSERT INTO conformance.wide SELECT a * 10, b FROM input('a UInt32, bs Array(UInt16)') ARRAY JOIN bs AS b`
    const query = encodeURIComponent(`${sql} FORMAT JSONEachRow`)
    expect(
      (await post(`/?query=${query}`, '{"a":1,"bs":[5,6]}\n{"a":2,"bs":[]}\n{"a":3,"bs":[7]}')).status
    ).toBe(200)
    expect(await server.rows('SELECT * FROM conformance.wide ORDER BY a, b')).toEqual([
      { a: 10, b: 5 },
      { a: 10, b: 6 },
      { a: 30, b: 7 }
    ])
  })

  it('stores an insert larger than its buffers', async () => {
    await post('/', 'CREATE TABLE conformance.big (a UInt64) ENGINE = MergeTree ORDER BY a')
    const rows = new BigUint64Array(3_000_000).map((_, i) => BigInt(i))
    const query = encodeURIComponent('INSERT INTO big FORMAT RowBinary')
    const sent = await post(`/?database=conformance&query=${query}`, new Uint8Array(rows.buffer))
    expect(sent.status).toBe(200)
    expect(await server.rows('SELECT count() AS n, sum(a) AS s FROM conformance.big')).toEqual([
      { n: 3000000, s: 4499998500000 }
    ])
  })
})

describe('as a process', () => {
  it('refuses a second engine on the same folder in one sentence', async () => {
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
    await expect(
      startEmbeddedClickHouse({ dataDir: server.dataDir, memoryLimitBytes: 1e9, logger: silent })
    ).rejects.toThrow(/in use by another process \(pid \d+\): stop that one, or choose another folder/)
  })

  it('comes back after kill -9 with its data, on the same port, and says so', async () => {
    const before = await count('big')
    process.kill(server.engine.pid()!, 'SIGKILL')
    await until(() => server.engine.restarts() === 1)
    expect(await count('big')).toBe(before)
    expect(server.log.join('\n')).toMatch(/ended by itself \(SIGKILL\)[\s\S]*is back on port/)
  })

  it('refuses an insert that is too large, says how large one may be, and keeps no file of it', async () => {
    const small = await startTestClickHouse({ insertBytesMax: 1_000_000 })
    try {
      await small.rows('CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a')
      const insert = (bytes: number): Promise<Response> =>
        fetch(`${small.url}/?query=${encodeURIComponent('INSERT INTO t FORMAT RowBinary')}`, {
          method: 'POST',
          body: new Uint8Array(bytes)
        })
      const refused = await insert(1_000_001)
      expect([refused.status, await refused.text()]).toEqual([
        413,
        expect.stringMatching(/^Code: 229\. .* more than 1000000 bytes: send smaller inserts/)
      ])
      expect((await insert(1_000_000)).status).toBe(200)
      expect(await small.rows('SELECT count() AS n FROM t')).toEqual([{ n: 1_000_000 }])
      expect(readdirSync(join(small.dataDir, 'spool'))).toEqual([])
    } finally {
      await small.stop()
    }
  })

  it('asks for the password where one is set', async () => {
    const locked = await startTestClickHouse({ password: 'secret' })
    try {
      expect(await locked.rows('SELECT 1 AS a')).toEqual([{ a: 1 }])
      const open = await fetch(`${locked.url}/?query=SELECT+1`)
      expect(open.status).toBe(401)
      expect(open.headers.get('x-clickhouse-exception-code')).toBe('516')
    } finally {
      await locked.stop()
    }
  })
})

async function count(table: string): Promise<number> {
  const [row] = await server.rows<{ n: string }>(`SELECT count() AS n FROM conformance.${table}`)
  return Number(row?.n)
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 400) throw new Error('the condition did not come true within 20 s')
    await delay(50)
  }
}
