import { randomUUID, timingSafeEqual } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { finished, Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, gzip, type InputType } from 'node:zlib'
import { nativeForRevision, UnsupportedColumn } from './clickhouse-native.ts'
import { EngineError, type Engine } from './clickhouse-engine.ts'
import {
  answerFormat,
  changesSessionOnly,
  contentTypeOf,
  hasSecondStatement,
  httpStatusOfCode,
  insertFromFile,
  onlyReads,
  parseInsertWithData,
  splitInlineInsert
} from './clickhouse-sql.ts'

export interface ClickHouseHttpOptions {
  readonly engine: Engine
  /** Folder where the rows of an insert are put down for the engine to read; emptied by the caller at start. */
  readonly spoolFolder: string
  /** Most bytes of one query's text. */
  readonly queryBytesMax: number
  /** Most bytes of one insert's rows, after decompression. */
  readonly insertBytesMax: number
  /** Required as X-ClickHouse-Key, basic authentication or `password=` when not ''. */
  readonly password: string
}

/** Parameters of the HTTP interface that are not settings of the engine. */
const notSettings = new Set([
  'query',
  'database',
  'default_format',
  'query_id',
  'user',
  'password',
  'quota_key',
  'role',
  'profile',
  'session_id',
  'session_timeout',
  'session_check',
  'compress',
  'decompress',
  'client_protocol_version',
  'buffer_size',
  'wait_end_of_query',
  'enable_http_compression',
  'http_zlib_compression_level',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'http_write_exception_in_output_format',
  'cancel_http_readonly_queries_on_client_close',
  'stacktrace',
  'close_session',
  // An insert is always stored when it is answered, which is more than these ask for.
  'async_insert',
  'wait_for_async_insert',
  // Enforced here: an engine session that was made read-only could not be made writable again.
  'readonly'
])

/** Bytes that may wait for a write to the spool file before the sender is held up. */
const spoolWaitingBytes = 1024 * 1024

class HttpError extends Error {
  readonly status: number
  readonly code: number
  constructor(status: number, code: number, message: string) {
    super(`Code: ${code}. DB::Exception: ${message}`)
    this.status = status
    this.code = code
  }
}

/** The request's body, decompressed as its Content-Encoding says. */
function bodyOf(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase()
  const through = (stage: NodeJS.ReadWriteStream & Readable): Readable => {
    request.on('error', error => stage.destroy(error))
    return request.pipe(stage)
  }
  switch (encoding) {
    case '':
    case 'identity':
      return request
    case 'gzip':
      return through(createGunzip())
    case 'deflate':
      return through(createInflate())
    case 'br':
      return through(createBrotliDecompress())
    default:
      throw new HttpError(
        400,
        53,
        `Content-Encoding ${encoding} is not known here: use gzip, deflate, br or none`
      )
  }
}

async function readText(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new HttpError(413, 229, `The query is longer than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes)
}

/**
 * Puts the stream down as a file; resolves with its length. The file stays for the caller to remove. What comes while a write is
 * under way is one write with the next. (Going over a request's chunks with `for await` takes several turns for each.)
 */
function spool(stream: Readable, path: string, bytesMax: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: spoolWaitingBytes })
    let bytes = 0
    let failure: Error | undefined
    const fail = (error: Error): void => {
      failure ??= error
      stream.unpipe(file)
      file.destroy()
    }
    // A sender that breaks off may do so without an error.
    finished(stream, { writable: false }, error => {
      if (error) fail(error)
    })
    file.once('error', fail)
    file.once('close', () => {
      if (failure === undefined) resolve(bytes)
      else reject(failure)
    })
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax || failure !== undefined) return
      const message = `The rows of one insert are more than ${bytesMax} bytes: send smaller inserts`
      fail(new HttpError(413, 229, message))
    })
    stream.pipe(file)
  })
}

/** Waits out what is left of a body, so that an early answer does not break the connection; gives up beyond a limit. */
function discard(request: IncomingMessage): void {
  if (request.complete) return
  let left = 16 * 1024 * 1024
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
  request.resume()
}

function passwordOf(request: IncomingMessage, query: URLSearchParams): string {
  const key = request.headers['x-clickhouse-key']
  if (typeof key === 'string') return key
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')
  if (basic !== null)
    return Buffer.from(basic[1]!, 'base64')
      .toString()
      .replace(/^[^:]*:/, '')
  return query.get('password') ?? ''
}

function sameSecret(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

const loopbackHost = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i

/**
 * The part of ClickHouse's HTTP interface that its clients and Grafana use: `/ping`, queries in the URL or the
 * body, settings and `param_…` in the URL, data for INSERT … FORMAT X in the body, answers in any format with
 * ClickHouse's own headers, statuses and exception texts. Not there: sessions, external tables, progress headers,
 * ClickHouse's own block compression of bodies (`compress`, `decompress`). One statement a request is the rule.
 */
export function createClickHouseHttp(options: ClickHouseHttpOptions): Server {
  const { engine } = options
  let spooled = 0

  /** Runs an insert whose rows are in `rows`; they are put down as a file because the engine reads binary formats only so. */
  const insert = async (
    query: string,
    rows: Readable,
    run: (sql: string, kind: 'query' | 'insert') => Promise<Answer>
  ): Promise<Answer> => {
    const parsed = parseInsertWithData(query)
    if (parsed === undefined)
      throw new HttpError(400, 62, 'Syntax error: this INSERT takes no data. (SYNTAX_ERROR)')
    const path = join(options.spoolFolder, `${process.pid}-${spooled++}`)
    try {
      const bytes = await spool(rows, path, options.insertBytesMax)
      const answer = await run(insertFromFile(parsed, path), 'insert')
      return { ...answer, bytes: new Uint8Array(0), written: { rows: answer.read.rows, bytes } }
    } finally {
      await rm(path, { force: true })
    }
  }

  const answer = async (request: IncomingMessage, url: URL): Promise<Answer> => {
    const query = url.searchParams
    for (const name of ['compress', 'decompress']) {
      if (query.get(name) === '1')
        throw new HttpError(501, 48, `${name}=1 is not implemented in the embedded engine`)
    }
    if (query.get('session_id'))
      throw new HttpError(501, 48, 'Sessions are not implemented in the embedded engine')
    const settings = new Map<string, string>()
    const parameters = new Map<string, string>()
    for (const [name, value] of query) {
      if (name.startsWith('param_')) parameters.set(name.slice(6), value)
      else if (!notSettings.has(name)) settings.set(name, value)
    }
    const header = (name: string): string => {
      const value = request.headers[name]
      return typeof value === 'string' ? value : ''
    }
    const database = query.get('database') ?? header('x-clickhouse-database')
    const defaultFormat = query.get('default_format') ?? (header('x-clickhouse-format') || 'TabSeparated')
    const readOnly = request.method === 'GET' || ['1', '2'].includes(query.get('readonly') ?? '')

    const run = async (sql: string, kind: 'query' | 'insert'): Promise<Answer> => {
      const format = answerFormat(sql, defaultFormat)
      const started = process.hrtime.bigint()
      const result = await engine.run({ sql, defaultFormat, database, settings, parameters, kind })
      return {
        bytes: result.bytes(),
        format: kind === 'insert' ? defaultFormat : format,
        read: { rows: result.rowsRead, bytes: result.bytesRead },
        written: { rows: 0, bytes: 0 },
        elapsedNs: process.hrtime.bigint() - started
      }
    }
    const allow = (sql: string): void => {
      if (hasSecondStatement(sql)) {
        throw new HttpError(400, 62, 'Syntax error: Multi-statements are not allowed. (SYNTAX_ERROR)')
      }
      if (readOnly && !onlyReads(sql)) {
        throw new HttpError(403, 164, 'Cannot execute query in readonly mode: use POST for it. (READONLY)')
      }
      if (/\sINTO\s+OUTFILE\s/i.test(sql)) {
        throw new HttpError(501, 48, 'INTO OUTFILE is not allowed over HTTP. (NOT_IMPLEMENTED)')
      }
    }

    const inUrl = query.get('query') ?? ''
    const body = bodyOf(request)
    if (inUrl.trim() !== '' && parseInsertWithData(inUrl) !== undefined) {
      allow(inUrl)
      return insert(inUrl, body, run)
    }
    const rest = await readText(body, options.queryBytesMax)
    if (inUrl.trim() === '') {
      const inline = splitInlineInsert(rest.toString('latin1'))
      if (inline !== undefined) {
        allow(inline.query)
        return insert(
          rest.subarray(0, inline.dataAt).toString(),
          Readable.from([rest.subarray(inline.dataAt)], { objectMode: false }),
          run
        )
      }
    }
    const sql = [inUrl, rest.toString()].filter(part => part.trim() !== '').join('\n')
    if (sql === '') throw new HttpError(400, 62, 'Syntax error: Empty query. (SYNTAX_ERROR)')
    allow(sql)
    if (changesSessionOnly(sql)) return emptyAnswer(defaultFormat)
    // An insert that brings its own rows (VALUES, SELECT) may take long: it shall not hold a connection of queries.
    return run(sql, /^\s*INSERT\s/i.test(sql) ? 'insert' : 'query')
  }

  const send = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const queryId = url.searchParams.get('query_id') || randomUUID()
    response.setHeader('X-ClickHouse-Query-Id', queryId)
    response.setHeader('X-ClickHouse-Server-Display-Name', 'svetofor')
    try {
      if (options.password !== '' && !sameSecret(passwordOf(request, url.searchParams), options.password)) {
        throw new HttpError(
          401,
          516,
          'default: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)'
        )
      }
      const result = await answer(request, url)
      const revision = Number(url.searchParams.get('client_protocol_version') ?? 0)
      response.setHeader('Content-Type', contentTypeOf(result.format))
      response.setHeader('X-ClickHouse-Format', result.format)
      response.setHeader('X-ClickHouse-Timezone', 'UTC')
      response.setHeader('X-ClickHouse-Summary', summaryOf(result))
      let bytes = result.bytes
      if (revision > 0 && result.format === 'Native') bytes = nativeForRevision(bytes, revision)
      const wanted = url.searchParams.get('enable_http_compression') === '1'
      if (wanted && bytes.length > 256 && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
        bytes = await gzipped(bytes)
        response.setHeader('Content-Encoding', 'gzip')
      }
      response.setHeader('Content-Length', bytes.length)
      response.end(bytes)
    } catch (thrown) {
      discard(request)
      const error =
        thrown instanceof UnsupportedColumn
          ? new HttpError(501, 48, `${thrown.message}. (NOT_IMPLEMENTED)`)
          : thrown
      const known = error instanceof HttpError || error instanceof EngineError
      const code = known ? error.code : 1002
      const status = error instanceof HttpError ? error.status : known ? httpStatusOfCode(code) : 500
      const text = known ? error.message : `Code: 1002. DB::Exception: ${String(error)}. (UNKNOWN_EXCEPTION)`
      const body = Buffer.from(`${text.trimEnd()} (version ${engine.version()} (embedded))\n`)
      response.writeHead(status, {
        'Content-Type': 'text/plain; charset=UTF-8',
        'X-ClickHouse-Exception-Code': code,
        'Content-Length': body.length
      })
      response.end(body)
    }
  }

  const server = createServer((request, response) => {
    response.on('error', () => undefined)
    const host = request.headers.host ?? ''
    // A page in somebody's browser must not reach the engine: neither by a cross-site form nor by a rebound name.
    if (request.headers.origin !== undefined || !loopbackHost.test(host)) {
      response.writeHead(403, { 'Content-Type': 'text/plain' })
      response.end('The embedded engine answers programs on this machine only.\n')
      discard(request)
      return
    }
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/ping' || url.pathname === '/replicas_status') {
      plain(response, 200, 'Ok.\n')
    } else if (url.pathname !== '/') {
      plain(response, 404, `There is no handle ${url.pathname}\n\nUse / or /ping for health checks.\n`)
    } else if (request.method === 'GET' && !url.searchParams.has('query')) {
      plain(response, 200, 'Ok.\n')
    } else if (request.method === 'GET' || request.method === 'POST') {
      void send(request, response, url)
    } else {
      plain(response, 405, 'Use GET or POST.\n')
    }
    if (!['GET', 'POST'].includes(request.method ?? '')) discard(request)
  })
  server.keepAliveTimeout = 30_000
  server.requestTimeout = 300_000
  return server
}

interface Answer {
  readonly bytes: Uint8Array
  readonly format: string
  readonly read: { readonly rows: number; readonly bytes: number }
  readonly written: { readonly rows: number; readonly bytes: number }
  readonly elapsedNs: bigint
}

const emptyAnswer = (format: string): Answer => ({
  bytes: new Uint8Array(0),
  format,
  read: { rows: 0, bytes: 0 },
  written: { rows: 0, bytes: 0 },
  elapsedNs: 0n
})

function summaryOf(answer: Answer): string {
  return JSON.stringify({
    read_rows: String(answer.read.rows),
    read_bytes: String(answer.read.bytes),
    written_rows: String(answer.written.rows),
    written_bytes: String(answer.written.bytes),
    total_rows_to_read: '0',
    result_rows: String(answer.written.rows > 0 ? answer.written.rows : answer.read.rows),
    result_bytes: String(answer.bytes.length),
    elapsed_ns: String(answer.elapsedNs)
  })
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'Content-Length': Buffer.byteLength(text)
  })
  response.end(text)
}

function gzipped(bytes: InputType): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(bytes, { level: 3 }, (error, packed) => {
      if (error === null) resolve(packed)
      else reject(error)
    })
  })
}
