import { fork, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** What a child says once: that it is ready, with what the parent needs to know, or why it could not start. */
export type ChildHello<T> =
  { readonly type: 'ready'; readonly ready: T } | { readonly type: 'failed'; readonly reason: string }

/** How a module beside `parentUrl` is named, run from source (.ts) or built (.js) alike. */
export function siblingModule(parentUrl: string, name: string): { path: string; execArgv: string[] } {
  const extension = extname(fileURLToPath(parentUrl))
  const path = fileURLToPath(new URL(`${name}${extension}`, parentUrl))
  if (extension !== '.ts') return { path, execArgv: [] }
  // Node 20 does not strip types, and the parent may itself run under another loader (vitest): so tsx is named.
  const tsx = pathToFileURL(createRequire(parentUrl).resolve('tsx')).href
  return { path, execArgv: ['--import', tsx] }
}

export interface ForkOptions {
  /** Environment variables added to this process's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Takes what the child writes to stderr, line by line; without it the child shares this process's stderr. */
  readonly onStderrLine?: (line: string) => void
}

/** Forks the module and waits for its hello; rejects when it fails, dies, or says nothing within the limit. */
export async function forkUntilReady<T>(
  module: { path: string; execArgv: string[] },
  argument: unknown,
  startMsMax: number,
  options: ForkOptions = {}
): Promise<{ child: ChildProcess; ready: T }> {
  const child = fork(module.path, [JSON.stringify(argument)], {
    execArgv: module.execArgv,
    stdio: ['ignore', 'ignore', options.onStderrLine === undefined ? 'inherit' : 'pipe', 'ipc'],
    serialization: 'advanced',
    // A group of its own: Ctrl-C and SIGTERM to the parent's group reach the parent alone, which stops its children
    // in order. They still end with it, because the channel closes.
    detached: true,
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } })
  })
  if (child.stderr !== null && options.onStderrLine !== undefined) {
    createInterface({ input: child.stderr }).on('line', options.onStderrLine)
  }
  const ready = await new Promise<T>((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer)
      child.off('message', heard)
      child.off('exit', exited)
      child.off('error', broke)
      act()
    }
    const fail = (reason: string): void => {
      finish(() => {
        child.kill('SIGKILL')
        reject(new Error(reason))
      })
    }
    const heard = (message: unknown): void => {
      const hello = message as ChildHello<T>
      if (hello.type === 'ready') finish(() => resolve(hello.ready))
      else if (hello.type === 'failed') fail(hello.reason)
    }
    const exited = (code: number | null, signal: string | null): void =>
      fail(`the process ended before it was ready (${signal ?? `exit code ${code ?? '?'}`})`)
    const broke = (error: Error): void => fail(error.message)
    const timer = setTimeout(() => fail(`not ready within ${startMsMax} ms`), startMsMax)
    child.on('message', heard)
    child.on('exit', exited)
    child.on('error', broke)
  })
  return { child, ready }
}

/** Asks a child to end by closing its channel, then by SIGKILL when it is still there after `stopMsMax`. */
export async function stopChild(child: ChildProcess, stopMsMax: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>(resolve => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    if (child.connected) child.disconnect()
    else child.kill('SIGTERM')
  })
}
