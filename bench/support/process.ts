import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What a measured process says of itself in the last line it prints, as JSON. */
export interface ProcessFigures {
  readonly records: number
  /** User and system CPU of the measured stretch (µs). */
  readonly cpuUs: number
  readonly wallMs: number
  readonly peakRssMib: number
}

/** How node runs a module of this package, from source or from dist/ alike: flags and path. */
export function nodeArguments(module: URL): string[] {
  const path = fileURLToPath(module)
  return extname(path) === '.ts' ? ['--import', 'tsx', path] : [path]
}

/** The module of this name beside `parentUrl`, with the extension the parent runs under. */
export function moduleBeside(parentUrl: string, name: string): URL {
  return new URL(`${name}${extname(fileURLToPath(parentUrl))}`, parentUrl)
}

/** Runs a module in a process of its own and returns the JSON of its last line. */
export function runMeasured<T>(module: URL, args: readonly string[], timeoutMs: number): Promise<T> {
  return lastLine<T>(process.execPath, [...nodeArguments(module), ...args], timeoutMs)
}

/** Longest line a measured process may end with. */
const lineBytesMax = 4 * 1024 * 1024

/** Runs a command and parses the last line of its standard output. */
function lastLine<T>(command: string, args: readonly string[], timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.stdout
      .setEncoding('utf8')
      .on('data', (chunk: string) => (output = (output + chunk).slice(-lineBytesMax)))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code !== 0) {
        reject(
          new Error(
            `${command} ${args.join(' ')}: ended by ${signal ?? `exit ${code}`}; limit ${timeoutMs} ms`
          )
        )
        return
      }
      const line = output.trimEnd().split('\n').at(-1) ?? ''
      resolve(JSON.parse(line) as T)
    })
  })
}

/** Highest resident set of a live process so far (MiB), from the kernel; 0 where there is no /proc. */
export function peakRssMib(pid: number | 'self'): number {
  return procStatus(pid, 'VmHWM') / 1024
}

export function rssMib(pid: number | 'self'): number {
  return procStatus(pid, 'VmRSS') / 1024
}

/** CPU time (µs, user and system, all threads) another live process has used so far; 0 where there is no /proc. */
export function cpuUsOf(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    // Fields 14 and 15 of proc(5), in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return 0
  }
}

/** CPU time (µs) of this process so far by name of its threads; empty where there is no /proc. */
export function cpuUsByThread(): Record<string, number> {
  const sums: Record<string, number> = {}
  try {
    for (const task of readdirSync('/proc/self/task')) {
      const [, name = '', rest = ''] =
        /\((.*)\) (.*)/s.exec(readFileSync(`/proc/self/task/${task}/stat`, 'utf8')) ?? []
      const fields = rest.split(' ')
      const key = task === String(process.pid) ? 'main' : name
      sums[key] = (sums[key] ?? 0) + (Number(fields[11]) + Number(fields[12])) * 10_000
    }
  } catch {
    // A thread may end while it is read; the sums are for a look, not for a figure.
  }
  return sums
}

function procStatus(pid: number | 'self', key: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
  } catch {
    return 0
  }
}
