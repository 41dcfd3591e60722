import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../bench/support/ports.ts'

/** The first of these programs found on PATH, or undefined. */
function findProgram(names: readonly string[]): string | undefined {
  for (const name of names)
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name)
      try {
        accessSync(path, constants.X_OK)
        return path
      } catch {
        // not here
      }
    }
  return undefined
}

/**
 * For tests that need a program of the system: true when it is there; false, said loudly, on a laptop without it.
 * With CI set a missing program throws, so that nothing is skipped unseen.
 */
export function programOrSkip(names: readonly string[], debianPackage: string): string | undefined {
  const found = findProgram(names)
  if (found !== undefined) return found
  const reason = `${names[0] ?? ''} is not installed (Debian: apt-get install ${debianPackage})`
  if (process.env['CI'] !== undefined) throw new Error(`CI is set and ${reason}`)
  process.stderr.write(`\nSKIPPED: ${reason}\n`)
  return undefined
}

/** One of those that no other server is given by chance. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port!
}

export interface ServerProcess {
  readonly pid: number
  /** The last lines it wrote. */
  log(): string
  kill(signal: NodeJS.Signals): void
  /** Ends it (SIGTERM unless said otherwise, SIGKILL when that is not heeded) and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts a server and waits until the URL answers 200; throws with its log when it ends or takes too long. */
export async function startServer(
  program: string,
  args: readonly string[],
  readyUrl: string,
  readyMsMax = 30_000,
  stopMsMax = 5_000
): Promise<ServerProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-20_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let ended: string | undefined
  child.on('error', error => (ended = error.message))
  child.on('exit', (code, signal) => (ended ??= `it ended with ${signal ?? `exit code ${code ?? '?'}`}`))
  const orphaned = (): void => void child.kill('SIGKILL')
  process.once('exit', orphaned)
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    process.off('exit', orphaned)
    if (ended !== undefined) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
    await gone
    clearTimeout(timer)
  }
  const deadline = Date.now() + readyMsMax
  for (;;) {
    if (ended !== undefined || Date.now() > deadline) {
      await stop()
      throw new Error(`${program} is not ready: ${ended ?? `nothing at ${readyUrl}`}\n${log}`)
    }
    const ok = await fetch(readyUrl, { signal: AbortSignal.timeout(2_000) }).then(
      async answer => {
        await answer.arrayBuffer()
        return answer.ok
      },
      () => false
    )
    if (ok) break
    await sleep(100)
  }
  return { pid: child.pid ?? 0, log: () => log, kill: signal => child.kill(signal), stop }
}
