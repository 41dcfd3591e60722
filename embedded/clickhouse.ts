import { setTimeout as delay } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import { forkUntilReady, siblingModule, stopChild } from './child.ts'

/** What the engine's process is told. */
export interface EngineProcessOptions {
  readonly dataDir: string
  readonly port: number
  readonly memoryLimitBytes: number
  readonly resultBytesMax: number
  readonly insertBytesMax: number
  readonly password: string
}

/** What the engine's process says when it answers. */
export interface EngineProcessReady {
  readonly port: number
  readonly version: string
}

interface Log {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

export interface EmbeddedClickHouseOptions {
  /** Folder for the engine's data; made when missing; one process at a time. */
  readonly dataDir: string
  /** Port on loopback; 0 (the default) takes a free one and keeps it over restarts of the engine. */
  readonly port?: number
  /** Most memory the engine may allocate; its process needs about 250 MiB beside it for code and buffers. */
  readonly memoryLimitBytes: number
  readonly logger: Log
  /** Asked of every request when not ''. */
  readonly password?: string
  /** Most bytes one answer may have. Default 256 MiB. */
  readonly resultBytesMax?: number
  /** Most bytes one insert's rows may have. Default 1 GiB. */
  readonly insertBytesMax?: number
  readonly startMsMax?: number
  readonly stopMsMax?: number
}

export interface EmbeddedClickHouse {
  readonly url: string
  readonly version: string
  /** Process id of the engine; changes when it is restarted, undefined while it is down. */
  pid(): number | undefined
  /** How often the engine has been restarted because it ended by itself. */
  restarts(): number
  stop(): Promise<void>
}

const backoffMsMin = 200
const backoffMsMax = 10_000
const wellAfterMs = 60_000

/**
 * Starts the real ClickHouse engine (chdb) in a child process with one data folder, behind ClickHouse's HTTP
 * interface on loopback. When the engine's process ends by itself it is started again on the same port, with a
 * growing pause, and the log says so. It ends with this process.
 */
export async function startEmbeddedClickHouse(
  options: EmbeddedClickHouseOptions
): Promise<EmbeddedClickHouse> {
  const { logger } = options
  const stopMsMax = options.stopMsMax ?? 10_000
  let port = options.port ?? 0
  let child: ChildProcess | undefined
  let restarts = 0
  const stopping = new AbortController()
  let restarting = Promise.resolve()
  let pauseMs = backoffMsMin

  const startOnce = async (): Promise<EngineProcessReady> => {
    const argument: EngineProcessOptions = {
      dataDir: options.dataDir,
      port,
      memoryLimitBytes: options.memoryLimitBytes,
      resultBytesMax: options.resultBytesMax ?? 256 * 1024 * 1024,
      insertBytesMax: options.insertBytesMax ?? 1024 * 1024 * 1024,
      password: options.password ?? ''
    }
    const started = await forkUntilReady<EngineProcessReady>(
      siblingModule(import.meta.url, './clickhouse.child'),
      argument,
      options.startMsMax ?? 60_000,
      {
        // Every query and every insert under way holds a thread of the pool.
        env: { UV_THREADPOOL_SIZE: '16' },
        onStderrLine: line => {
          // The engine's own words about a locked folder repeat what the hello says better.
          if (line.trim() !== '' && !/Cannot lock file/.test(line))
            logger.warn(`embedded ClickHouse: ${line}`)
        }
      }
    ).catch((error: unknown) => {
      throw new Error(`embedded ClickHouse: ${error instanceof Error ? error.message : String(error)}`)
    })
    child = started.child
    port = started.ready.port
    child.once('exit', (code, signal) => {
      child = undefined
      if (stopping.signal.aborted) return
      logger.error(
        `embedded ClickHouse ended by itself (${signal ?? `exit code ${code ?? '?'}`}); it is started again`
      )
      restarting = restart()
    })
    return started.ready
  }

  const restart = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      pauseMs = Math.min(pauseMs * 2, backoffMsMax)
      try {
        await startOnce()
      } catch (error) {
        logger.error(
          `${error instanceof Error ? error.message : String(error)}; next attempt in ${pauseMs} ms`
        )
        continue
      }
      restarts++
      logger.warn(`embedded ClickHouse is back on port ${port} (restart ${restarts})`)
      // An engine that stays up for a minute is well again; one that dies at once keeps its long pauses.
      const well = setTimeout(() => (pauseMs = backoffMsMin), wellAfterMs)
      well.unref()
      child?.once('exit', () => clearTimeout(well))
      return
    }
  }

  const stopNow = async (): Promise<void> => {
    if (child !== undefined) await stopChild(child, stopMsMax)
  }

  const { version } = await startOnce()
  logger.info(`embedded ClickHouse ${version} listens on 127.0.0.1:${port}, data in ${options.dataDir}`)
  return {
    url: `http://127.0.0.1:${port}`,
    version,
    pid: () => child?.pid,
    restarts: () => restarts,
    async stop() {
      stopping.abort()
      await restarting
      await stopNow()
    }
  }
}
