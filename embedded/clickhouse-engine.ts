import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Session, type ChdbResult } from 'chdb'
import { isIdentifier, quote, quoteIdentifier } from './clickhouse-sql.ts'

/** An exception of the engine, with ClickHouse's own code and the message without the binding's words. */
export class EngineError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.name = 'EngineError'
    this.code = code
  }
}

export interface EngineOptions {
  /** Folder the engine alone owns. */
  readonly path: string
  readonly memoryLimitBytes: number
  /** Queries run at once, apart from inserts. */
  readonly queriesMax: number
  readonly insertsMax: number
  /** Requests that may wait for a free connection, of each kind. */
  readonly waitingMax: number
  readonly resultBytesMax: number
}

interface EngineQuery {
  readonly sql: string
  readonly defaultFormat: string
  /** '' for the engine's default database. */
  readonly database: string
  readonly settings: ReadonlyMap<string, string>
  readonly parameters: ReadonlyMap<string, string>
  readonly kind: 'query' | 'insert'
}

export interface Engine {
  run(query: EngineQuery): Promise<ChdbResult>
  version(): string
  close(): void
}

/** One connection and the state that earlier requests left in it. */
interface Connection {
  readonly session: Session
  database: string
  settings: Map<string, string>
}

interface Lane {
  readonly idle: Connection[]
  readonly waiting: ((connection: Connection) => void)[]
  open: number
  readonly max: number
}

/** Pid of the process that holds the folder, as ClickHouse's own status file says; undefined when none is alive. */
function holderOf(path: string): number | undefined {
  try {
    const pid = Number(/^PID: (\d+)/m.exec(readFileSync(join(path, 'status'), 'utf8'))?.[1])
    process.kill(pid, 0)
    return pid
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? -1 : undefined
  }
}

const MiB = 1024 * 1024

/**
 * Opens the engine on its folder: caches and background pools are kept small, because the daemon's own part of
 * the machine is worth more than a second query from cache. The rest of the defaults are ClickHouse's.
 */
function engineArguments(options: EngineOptions): string[] {
  const settings: Record<string, number | string> = {
    max_server_memory_usage: options.memoryLimitBytes,
    mark_cache_size: 32 * MiB,
    uncompressed_cache_size: 0,
    primary_index_cache_size: 32 * MiB,
    index_mark_cache_size: 8 * MiB,
    query_cache_size: 0,
    compiled_expression_cache_size: 8 * MiB,
    background_pool_size: 2,
    background_schedule_pool_size: 4,
    background_common_pool_size: 2,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
    max_thread_pool_size: 200,
    max_memory_usage: Math.floor(options.memoryLimitBytes * 0.7),
    max_result_bytes: options.resultBytesMax,
    max_execution_time: 120,
    // ClickHouse's server reads date-times strictly and quotes 64-bit integers the same way; local tools differ.
    implicit_select: 0,
    allow_introspection_functions: 0
  }
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}

function asEngineError(error: unknown): EngineError {
  const message = error instanceof Error ? error.message : String(error)
  const text = message.replace(/^Query failed: /, '')
  const code = Number(/Code: (\d+)/.exec(text)?.[1] ?? 1002)
  // An exception met while reading a file is wrapped into one of the same code: the inner words are enough.
  return new EngineError(
    code,
    text.replace(/^Code: (\d+)\. DB::Exception: (?=Code: \1\. DB::Exception: )/, '')
  )
}

export function openEngine(options: EngineOptions): Engine {
  const args = engineArguments(options)
  const connect = (): Connection => {
    const session = new Session(options.path, { connectionArgs: args })
    return { session, database: 'default', settings: new Map() }
  }
  let first: Connection
  try {
    first = connect()
  } catch (error) {
    const holder = holderOf(options.path)
    if (holder !== undefined && holder !== process.pid) {
      throw new Error(
        `the folder ${options.path} is in use by another process${holder > 0 ? ` (pid ${holder})` : ''}: ` +
          'stop that one, or choose another folder',
        { cause: error }
      )
    }
    throw new Error(
      `the engine could not open ${options.path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error }
    )
  }
  const version = first.session.query('SELECT version()', 'TabSeparated').trim()
  const lanes: Record<EngineQuery['kind'], Lane> = {
    query: { idle: [first], waiting: [], open: 1, max: options.queriesMax },
    insert: { idle: [], waiting: [], open: 0, max: options.insertsMax }
  }
  let closed = false

  const sameState = (connection: Connection, query: EngineQuery): boolean =>
    connection.database === (query.database || 'default') &&
    connection.settings.size === query.settings.size &&
    [...query.settings].every(([name, value]) => connection.settings.get(name) === value)

  const take = async (query: EngineQuery): Promise<Connection> => {
    if (closed) throw new EngineError(236, 'Code: 236. DB::Exception: The engine is stopping. (ABORTED)')
    const lane = lanes[query.kind]
    // A connection that is in the wanted state already needs no SET before the query.
    const fitting = lane.idle.findIndex(connection => sameState(connection, query))
    if (fitting >= 0) return lane.idle.splice(fitting, 1)[0]!
    const idle = lane.idle.shift()
    if (idle !== undefined) return idle
    if (lane.open < lane.max) {
      lane.open++
      try {
        return connect()
      } catch (error) {
        lane.open--
        throw asEngineError(error)
      }
    }
    if (lane.waiting.length >= options.waitingMax) {
      throw new EngineError(
        202,
        `Code: 202. DB::Exception: Too many simultaneous queries. Running: ${lane.max}, waiting: ${lane.waiting.length}. (TOO_MANY_SIMULTANEOUS_QUERIES)`
      )
    }
    return new Promise(resolve => lane.waiting.push(resolve))
  }

  const give = (kind: EngineQuery['kind'], connection: Connection): void => {
    const lane = lanes[kind]
    const next = lane.waiting.shift()
    if (next !== undefined) next(connection)
    else lane.idle.push(connection)
  }

  const execute = (connection: Connection, sql: string, format = 'Null'): Promise<ChdbResult> =>
    connection.session.queryAsync(sql, { format })

  /** Brings the connection into the request's state: database, settings, parameters. */
  const prepare = async (connection: Connection, query: EngineQuery): Promise<void> => {
    const database = query.database || 'default'
    if (connection.database !== database) {
      await execute(connection, `USE ${quoteIdentifier(database)}`)
      connection.database = database
    }
    const changes: string[] = []
    for (const [name, value] of query.settings) {
      if (!isIdentifier(name)) {
        throw new EngineError(115, `Code: 115. DB::Exception: Unknown setting '${name}'. (UNKNOWN_SETTING)`)
      }
      if (connection.settings.get(name) !== value) changes.push(`${name} = ${quote(value)}`)
    }
    for (const name of connection.settings.keys()) {
      if (!query.settings.has(name)) changes.push(`${name} = DEFAULT`)
    }
    for (const [name, value] of query.parameters) {
      if (!isIdentifier(name)) {
        throw new EngineError(36, `Code: 36. DB::Exception: Bad parameter name '${name}'. (BAD_ARGUMENTS)`)
      }
      changes.push(`param_${name} = ${quote(value)}`)
    }
    if (changes.length === 0) return
    try {
      await execute(connection, `SET ${changes.join(', ')}`)
      connection.settings = new Map(query.settings)
    } catch (error) {
      // Part of the list may have been applied: put every name back, one by one, so that nothing lingers.
      for (const name of new Set([...connection.settings.keys(), ...query.settings.keys()])) {
        await execute(connection, `SET ${name} = DEFAULT`).catch(() => undefined)
      }
      connection.settings = new Map()
      throw error
    }
  }

  return {
    async run(query) {
      const connection = await take(query)
      try {
        await prepare(connection, query)
        return await execute(connection, query.sql, query.defaultFormat)
      } catch (error) {
        throw error instanceof EngineError ? error : asEngineError(error)
      } finally {
        give(query.kind, connection)
      }
    },
    version: () => version,
    close() {
      closed = true
      for (const lane of Object.values(lanes)) for (const connection of lane.idle) connection.session.close()
    }
  }
}
