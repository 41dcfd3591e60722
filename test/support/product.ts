import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { youngSpace } from '../../daemon/process/v8.ts'
import { packageRoot } from '../../schemas/package-root.ts'

/** The product as its users run it: the built command in a process of its own. */
export interface Product {
  readonly pid: number
  /** Everything it wrote so far, stdout and stderr as they came. */
  output(): string
  /** Resolves with the output once it holds the text; rejects with the output when it ends or takes too long. */
  said(text: string | RegExp, msMax: number): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Resolves at its end with what it left; rejects when that takes longer. */
  ended(msMax: number): Promise<{ readonly code: number | null; readonly signal: string | null }>
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Starts `svetofor` with these arguments. Whoever calls ends it; a test that forgets leaves nothing behind. */
export function runProduct(args: readonly string[], options: RunOptions = {}): Product {
  const cli = join(packageRoot, 'dist', 'cli.js')
  if (!existsSync(cli)) throw new Error(`${cli} is not built: run \`npm run build\` first`)
  const child = spawn(process.execPath, [youngSpace, cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnv(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd })
  })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output += chunk.toString()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  const orphaned = (): void => void child.kill('SIGKILL')
  process.once('exit', orphaned)
  const end = once(child, 'close').then(() => {
    process.off('exit', orphaned)
    return { code: child.exitCode, signal: child.signalCode as string | null }
  })
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async said(text, msMax) {
      const untilMs = Date.now() + msMax
      for (;;) {
        if (typeof text === 'string' ? output.includes(text) : text.test(output)) return output
        if (hasEnded() || Date.now() > untilMs)
          throw new Error(`${hasEnded() ? 'it ended' : 'too long'} without saying ${text}:\n${output}`)
        await delay(20)
      }
    },
    signal: name => child.kill(name),
    async ended(msMax) {
      const timer = new AbortController()
      const late = delay(msMax, undefined, { signal: timer.signal }).then(() => {
        child.kill('SIGKILL')
        throw new Error(`it did not end within ${msMax} ms:\n${output}`)
      })
      late.catch(() => undefined)
      try {
        return await Promise.race([end, late])
      } finally {
        timer.abort()
      }
    }
  }
}

/** Runs a command to its end. */
export async function runToEnd(
  args: readonly string[],
  options: RunOptions & { readonly msMax?: number } = {}
): Promise<{ readonly code: number | null; readonly output: string }> {
  const product = runProduct(args, options)
  const { code } = await product.ended(options.msMax ?? 30_000)
  return { code, output: product.output() }
}

/** The environment without what would change the product's configuration or its looks. */
function cleanEnv(): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !/^(SVETOFOR_|VITEST|NODE_OPTIONS$|NODE_ENV$|FORCE_COLOR$)/.test(name))
      env[name] = value
  return { ...env, LANG: 'C.UTF-8' }
}

/** Process ids of the process and everything below it, by /proc. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = /^PPid:\s+(\d+)/m.exec(statusOf(Number(name)))?.[1]
    if (parent !== undefined)
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)])
  }
  const tree = [pid]
  for (const each of tree) tree.push(...(children.get(each) ?? []))
  return tree
}

/** Resident memory of all these processes together (MiB). */
export function residentMib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/^VmRSS:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? 0) / 1024, 0)
}

/** Resolves once the process has begun to heed signals itself, as soon as SIGHUP does not end it any more. */
export async function heedsSignals(pid: number): Promise<void> {
  for (;;) {
    const mask = /^SigCgt:\s+([0-9a-f]+)/m.exec(statusOf(pid))?.[1]
    if (mask === undefined) throw new Error(`process ${pid} has ended`)
    if (BigInt(`0x${mask}`) & 1n) return
    await delay(1)
  }
}

/** Those of the processes that still run; a zombie runs no more. */
export function alive(pids: readonly number[]): number[] {
  return pids.filter(pid => /^State:\s+[^ZX]/m.test(statusOf(pid)))
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}
