import { setTimeout as delay } from 'node:timers/promises'
import type { DaemonProcess } from './stage.ts'

/** The daemon, or two of one group of which one stands by: whoever acts on it acts on the one that reads. */
export interface Daemons {
  /** Starts what is not running, and again whenever it ends by itself, as a service manager does. Does not wait until it is ready. */
  start(): Promise<void>
  /** Sends the signal and waits for its end. */
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** SIGCONT goes to the one that was stopped, SIGHUP to both. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): Promise<void>
  /** Resolves when the other one stands by. */
  standsBy(): Promise<void>
  /** Resolves when the other one has taken over, with how long that took (ms) since it was ended or stopped. */
  takenOver(): Promise<number>
  /** Of the one that reads. */
  url(): Promise<string>
  /** How often one was started, ended by itself, and ended because the other had taken over; how long take-overs took (ms). */
  counts(): {
    readonly starts: number
    readonly endedByItself: number
    readonly stoodDown: number
    readonly takeOversMs: readonly number[]
  }
  close(): Promise<void>
}

const waitMsMax = 90_000

export function createDaemons(daemons: readonly DaemonProcess[]): Daemons {
  const takeOversMs: number[] = []
  /** Which was ended or stopped last, and when. */
  let last = { daemon: daemons[0]!, atMs: 0 }

  const readiness = async ({ url }: DaemonProcess): Promise<{ ready: boolean; text: string }> => {
    try {
      const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1_000) })
      return { ready: answer.ok, text: await answer.text() }
    } catch {
      return { ready: false, text: '' }
    }
  }
  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    const untilMs = performance.now() + waitMsMax
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      if (performance.now() > untilMs) throw new Error(`within ${waitMsMax} ms ${what}`)
      await delay(20)
    }
  }
  const active = (): Promise<DaemonProcess> =>
    daemons.length === 1
      ? Promise.resolve(daemons[0]!)
      : until('no daemon was ready', async () => {
          for (const daemon of daemons) if ((await readiness(daemon)).ready) return daemon
          return undefined
        })
  const other = (): DaemonProcess => daemons.find(daemon => daemon !== last.daemon)!

  return {
    async start() {
      for (const daemon of daemons) if (!daemon.isRunning()) await daemon.start()
    },
    async end(signal) {
      const daemon = await active()
      last = { daemon, atMs: performance.now() }
      await daemon.end(signal)
    },
    async signal(signal) {
      if (signal === 'SIGHUP') for (const daemon of daemons) daemon.signal(signal)
      else if (signal === 'SIGCONT') last.daemon.signal(signal)
      else {
        const daemon = await active()
        last = { daemon, atMs: performance.now() }
        daemon.signal(signal)
      }
    },
    async standsBy() {
      await active()
      await until('no daemon stood by', async () => {
        for (const daemon of daemons) if ((await readiness(daemon)).text.includes('a standby of')) return true
        return undefined
      })
    },
    async takenOver() {
      await until('the standby did not take over', async () =>
        (await readiness(other())).ready ? true : undefined
      )
      const tookMs = Math.round(performance.now() - last.atMs)
      takeOversMs.push(tookMs)
      return tookMs
    },
    url: async () => (await active()).url,
    counts() {
      const counts = daemons.map(daemon => daemon.counts())
      const sum = (of: (count: (typeof counts)[number]) => number): number =>
        counts.reduce((total, count) => total + of(count), 0)
      return {
        starts: sum(({ starts }) => starts),
        endedByItself: sum(({ endedByItself }) => endedByItself),
        stoodDown: sum(({ stoodDown }) => stoodDown),
        takeOversMs
      }
    },
    async close() {
      for (const daemon of daemons) await daemon.close()
    }
  }
}
