import { setTimeout as delay } from 'node:timers/promises'
import { asError } from '../../ingest/errors.ts'
import type { TroubleLog } from './trouble-log.ts'

const retryMsMax = 10_000

/** Repeats an act on a server until it succeeds or the daemon stops; for what cannot be done without. */
export type Insist = <T>(what: string, act: () => Promise<T>) => Promise<T>

export interface Insistence {
  readonly insist: Insist
  /** The same for what nobody waits for: `problem` does not tell of it. */
  readonly quietly: Insist
  /** What is not done yet, in a sentence; empty once all that was asked for is done. Before anything was asked for, that too is said. */
  readonly problem: () => string
}

/** `where` is the address of the server, for the log. */
export function createInsist(where: string, trouble: TroubleLog, stopping: AbortSignal): Insistence {
  /** What is being tried, with what it failed with the last time. */
  const open = new Map<symbol, string>()
  let done = false
  const insistOn = async <T>(what: string, act: () => Promise<T>, isTold: boolean): Promise<T> => {
    const mine = Symbol(what)
    // The first of all has to show that the server is there; later ones are well until they fail.
    if (!done && isTold) open.set(mine, `no answer from ${where} yet: ${what}`)
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          const given = await act()
          done = true
          return given
        } catch (error) {
          if (stopping.aborted || isHopeless(error)) throw error
          if (isTold) open.set(mine, `could not ${what} at ${where}: ${asError(error).message}`)
          trouble(`could not ${what} at ${where}; trying again`, error)
          await pauseBefore(attempt, stopping)
        }
      }
    } finally {
      open.delete(mine)
    }
  }
  return {
    insist: (what, act) => insistOn(what, act, true),
    quietly: (what, act) => insistOn(what, act, false),
    problem: () => [...open.values()].at(-1) ?? (done ? '' : `${where} was not asked yet`)
  }
}

/** Exponential with jitter, capped; ends early when the daemon stops. */
export async function pauseBefore(attempt: number, stopping: AbortSignal): Promise<void> {
  const ms = Math.min(retryMsMax, 200 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
  await delay(ms, undefined, { signal: stopping }).catch(() => undefined)
}

/** A changed migration or a refused login is not mended by waiting. */
function isHopeless(error: unknown): boolean {
  return error instanceof Error && /^migrations:|AUTHENTICATION_FAILED|ACCESS_DENIED/.test(error.message)
}
