import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { ChildHello } from './child.ts'
import { openEngine } from './clickhouse-engine.ts'
import { createClickHouseHttp } from './clickhouse-http.ts'
import type { EngineProcessOptions, EngineProcessReady } from './clickhouse.ts'

/**
 * The engine's own process: one data folder behind an HTTP port on loopback. It ends with its parent; whatever it
 * has answered is on disk, so that even a kill loses nothing.
 */
const engineNiceness = 10
const options = JSON.parse(process.argv[2] ?? '{}') as EngineProcessOptions
const say = (hello: ChildHello<EngineProcessReady>): void => {
  process.send?.(hello)
}

// Merging takes every core there is. Lights go before it on the same machine: the engine's threads, which are started from
// here on, inherit this.
setPriority(engineNiceness)
try {
  // Linux shares its processors between sessions first, and this process has a session of its own: what counts between it and
  // others is the niceness of that group. See sched(7), "The autogroup feature".
  writeFileSync('/proc/self/autogroup', String(engineNiceness))
} catch {
  // A system without that feature: the line above is enough.
}

// Ctrl-C reaches the whole process group; the parent ends this process in its own order.
process.on('SIGINT', () => undefined)

try {
  const spoolFolder = join(options.dataDir, 'spool')
  mkdirSync(options.dataDir, { recursive: true })
  const engine = openEngine({
    path: join(options.dataDir, 'engine'),
    memoryLimitBytes: options.memoryLimitBytes,
    queriesMax: 4,
    insertsMax: 3,
    waitingMax: 200,
    resultBytesMax: options.resultBytesMax
  })
  // Only now, that the folder is known to be ours alone.
  rmSync(spoolFolder, { recursive: true, force: true })
  mkdirSync(spoolFolder)
  const server = createClickHouseHttp({
    engine,
    spoolFolder,
    queryBytesMax: 16 * 1024 * 1024,
    insertBytesMax: options.insertBytesMax,
    password: options.password
  })
  const stop = (): void => {
    server.close()
    // What is under way is answered first; whoever asked for the stop kills after its own limit.
    const poll = setInterval(() => {
      server.closeIdleConnections()
      server.getConnections((_error, count) => {
        if (count > 0) return
        clearInterval(poll)
        engine.close()
        process.exit(0)
      })
    }, 20)
  }
  process.on('disconnect', stop)
  process.on('SIGTERM', stop)
  server.on('error', error => {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    say({
      type: 'failed',
      reason: inUse
        ? `port ${options.port} is in use: stop what uses it, or choose another port`
        : error.message
    })
  })
  server.listen(options.port, '127.0.0.1', () => {
    say({
      type: 'ready',
      ready: { port: (server.address() as AddressInfo).port, version: engine.version() }
    })
  })
} catch (error) {
  say({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
}
