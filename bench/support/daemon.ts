import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { youngSpace } from '../../daemon/process/v8.ts'
import { moduleBeside, nodeArguments } from './process.ts'

/** What the daemon used and did since the last reset, or since its first batch. */
export interface DaemonFigures {
  /** User and system CPU of all its threads (µs). */
  readonly cpuUs: number
  /** The part of it spent in the kernel (µs). */
  readonly systemCpuUs: number
  /** The same by name of thread, from the kernel's ticks of 10 ms: for a look, not for a figure. */
  readonly threadCpuUs: Readonly<Record<string, number>>
  readonly wallMs: number
  /** Records the source handed over. */
  readonly records: number
  /** Samples whose insert was acknowledged. */
  readonly rows: number
  readonly rejects: number
  readonly scanned: number
  readonly candidates: number
  readonly seriesKnown: number
  readonly peakRssMib: number
  readonly rssMib: number
  readonly loopDelayMsP99: number
  readonly loopDelayMsMax: number
  readonly gcPauseMsP99: number
  readonly gcPauseMsMax: number
  readonly gcPauses: number
  /** Wall clock (ms) and samples stored until then, since the last reset. */
  readonly stored: readonly (readonly [ms: number, samples: number])[]
}

export type DaemonRequest =
  | { readonly type: 'reset' }
  | { readonly type: 'figures' }
  | { readonly type: 'stored'; readonly samples: number; readonly timeoutMs: number }
export type DaemonAnswer = DaemonFigures

export interface DaemonSetup {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly group: string
  readonly clickhouseUrl: string
  readonly database: string
  readonly inventoryFile: string
  /** Folder for its configuration file, and for CPU profiles where they are wanted. */
  readonly dir: string
  readonly profileDir?: string | undefined
  /** How long it may stand still without being given up by its group; the configuration's default without it. */
  readonly sessionTimeoutMs?: number
  /** Further settings, as lines of YAML at the top level. */
  readonly settings?: string
}

export interface BenchDaemon {
  readonly url: string
  readonly pid: number
  reset(): Promise<void>
  figures(): Promise<DaemonFigures>
  /** Resolves when this many samples are stored; the figures are of the stretch since the first batch. */
  stored(samples: number, timeoutMs: number): Promise<DaemonFigures>
  stop(): Promise<void>
  /** SIGKILL. */
  kill9(): Promise<void>
}

const startMsMax = 180_000
const stopMsMax = 40_000

/** Starts the daemon in a process of its own. It begins to read at once. */
export async function startBenchDaemon(setup: DaemonSetup): Promise<BenchDaemon> {
  const file = join(setup.dir, `${setup.database}.yaml`)
  await writeFile(
    file,
    `kafka:
  brokers: [${setup.brokers.join(', ')}]
  topics: [${setup.topic}]
  group_id: ${setup.group}
${setup.sessionTimeoutMs === undefined ? '' : `  session_timeout_ms: ${setup.sessionTimeoutMs}\n`}\
clickhouse:
  url: ${setup.clickhouseUrl}
  database: ${setup.database}
inventory:
  files: [${JSON.stringify(setup.inventoryFile)}]
status:
  port: 0
log:
  level: warn
${setup.settings ?? ''}`
  )
  const [module, ...before] = nodeArguments(moduleBeside(import.meta.url, './daemon.child')).reverse()
  const profiling =
    setup.profileDir === undefined
      ? []
      : ['--cpu-prof', '--cpu-prof-dir', setup.profileDir, '--cpu-prof-interval', '500']
  const child = fork(module!, [file], {
    execArgv: [...before.reverse(), youngSpace, ...profiling],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const gone = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code, signal) =>
      reject(new Error(`bench: the daemon ended (${signal ?? `exit ${code}`})`))
    )
  })
  gone.catch(() => undefined)
  const next = async <T>(timeoutMs: number): Promise<T> => {
    const timer = AbortSignal.timeout(timeoutMs)
    const message = once(child, 'message', { signal: timer }).then(([given]) => given as T)
    return Promise.race([message, gone])
  }
  const ask = async (request: DaemonRequest, timeoutMs: number): Promise<DaemonFigures> => {
    child.send(request)
    const answer = await next<{ figures: DaemonFigures } | { error: string }>(timeoutMs)
    if ('error' in answer) throw new Error(answer.error)
    return answer.figures
  }
  const { ready } = await next<{ ready: string }>(startMsMax)
  return {
    url: ready,
    pid: child.pid ?? 0,
    reset: () => ask({ type: 'reset' }, 30_000).then(() => undefined),
    figures: () => ask({ type: 'figures' }, 30_000),
    stored: (samples, timeoutMs) => ask({ type: 'stored', samples, timeoutMs }, timeoutMs + 30_000),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.send({ type: 'stop' })
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
      await exited
      clearTimeout(timer)
    },
    async kill9() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
  }
}
