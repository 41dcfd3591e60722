import { setTimeout as delay } from 'node:timers/promises'
import type { TroubleLog } from './trouble-log.ts'

const retryMsMax = 10_000

/** Repeats an act on a server until it succeeds or the daemon stops; for what cannot be done without. */
export type Insist = <T>(what: string, act: () => Promise<T>) => Promise<T>

/** `where` is the address of the server, for the log. */
export function createInsist(where: string, trouble: TroubleLog, stopping: AbortSignal): Insist {
  return async (what, act) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act()
      } catch (error) {
        if (stopping.aborted || isHopeless(error)) throw error
        trouble(`could not ${what} at ${where}; trying again`, error)
        await pauseBefore(attempt, stopping)
      }
    }
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
