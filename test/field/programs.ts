import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../schemas/package-root.ts'

/** The two programs that no package of npm brings. */

/** What is missing, and how it is had; '' where nothing is. */
export function missingPrograms(): string {
  const missing: string[] = []
  if (!answers(telegraf(), ['--version']))
    missing.push(
      'telegraf 1.37 or later (TELEGRAF_PATH, or on PATH): a package of your system, or test/field/build-telegraf.sh, which needs Go\n' +
        '  and leaves .cache/telegraf/telegraf'
    )
  if (!answers(snmpsim(), ['--version']))
    missing.push(
      'snmpsim (SNMPSIM_PATH names snmpsim-command-responder, or it is on PATH): python3 -m pip install snmpsim; walks of real devices\n' +
        '  for --walks: python3 -m pip install snmpsim-data'
    )
  return missing.join('\n- ')
}

const built = join(packageRoot, '.cache', 'telegraf', 'telegraf')
export const telegraf = (): string => process.env['TELEGRAF_PATH'] ?? (existsSync(built) ? built : 'telegraf')
export const snmpsim = (): string => process.env['SNMPSIM_PATH'] ?? 'snmpsim-command-responder'

function answers(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore', timeout: 60_000 })
    return true
  } catch {
    return false
  }
}

export interface RunningProgram {
  readonly pid: number
  /** Its last lines. */
  log(): string
  hasEnded(): boolean
  stop(): Promise<void>
}

const logBytesMax = 200_000

export function startProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {}
): RunningProgram {
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env }
  })
  let log = ''
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-logBytesMax)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  let ended = false
  child.once('error', error => {
    log += error.message
    ended = true
  })
  child.once('exit', () => (ended = true))
  const orphaned = (): void => void child.kill('SIGKILL')
  process.once('exit', orphaned)
  return {
    pid: child.pid ?? 0,
    log: () => log,
    hasEnded: () => ended,
    async stop() {
      process.off('exit', orphaned)
      if (ended) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(timer)
    }
  }
}
