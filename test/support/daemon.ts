import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'
import { freePort, startServer } from './server-process.ts'

/** The daemon in a process of its own, as `svetofor start` runs it, for tests that use it from outside or kill it. */
export interface TestDaemon {
  readonly url: string
  readonly pid: number
  log(): string
  /** SIGKILL: nothing is stored, committed or said any more. */
  kill9(): Promise<void>
  /** SIGTERM, as a service manager stops it; waits for its end. */
  stop(): Promise<void>
}

export interface TestDaemonOptions {
  /** File the configuration is written to. */
  readonly configFile: string
  /** The configuration; its status.port is set here. JSON is YAML. */
  readonly config: Readonly<Record<string, unknown>> & { readonly status?: Readonly<Record<string, unknown>> }
  readonly readyMsMax?: number
}

/** Starts it and waits until it is ready: state restored, Kafka and ClickHouse well. */
export async function startTestDaemon(options: TestDaemonOptions): Promise<TestDaemon> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await mkdir(dirname(options.configFile), { recursive: true })
  await writeFile(
    options.configFile,
    JSON.stringify({ ...options.config, status: { ...options.config.status, port } })
  )
  const server = await startServer(
    process.execPath,
    ['--import', 'tsx', join(packageRoot, 'cli.ts'), 'start', '--config', options.configFile],
    `${url}/health/ready`,
    options.readyMsMax ?? 90_000,
    40_000
  )
  return {
    url,
    pid: server.pid,
    log: () => server.log(),
    kill9: () => server.stop('SIGKILL'),
    stop: () => server.stop()
  }
}

/** Asks until the answer is as wanted; throws with the last answer when it is not in time. */
export async function waitUntil<T>(
  what: string,
  ask: () => Promise<T>,
  holds: (answer: T) => boolean,
  msMax: number,
  everyMs = 100
): Promise<T> {
  const deadlineMs = Date.now() + msMax
  for (;;) {
    const answer = await ask().catch((error: unknown) => error as Error)
    if (!(answer instanceof Error) && holds(answer)) return answer
    if (Date.now() > deadlineMs)
      throw new Error(
        `waited ${msMax} ms for ${what}; last: ${answer instanceof Error ? answer.message : JSON.stringify(answer).slice(0, 4000)}`
      )
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}
