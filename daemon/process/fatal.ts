import type { Logger } from 'pino'

export interface Fatal {
  /** The daemon cannot go on: said once, and not any more once it stops. */
  readonly fail: (error: unknown) => void
  /** The same act, whose faults end the daemon instead of being nobody's. For timers. */
  readonly guard: (act: () => void) => () => void
}

/** The one way out for what nobody expected: uncommitted offsets are read again at the next start. */
export function createFatal(logger: Logger, stopping: AbortSignal, onFatal: (error: Error) => void): Fatal {
  let told = false
  const fail = (error: unknown): void => {
    if (told || stopping.aborted) return
    told = true
    const cause = error instanceof Error ? error : new Error(String(error))
    logger.fatal(
      { err: cause, stack: cause.stack },
      'cannot go on: stopping, so that what is not stored is read again'
    )
    onFatal(cause)
  }
  return {
    fail,
    guard: act => () => {
      try {
        act()
      } catch (error) {
        fail(error)
      }
    }
  }
}
