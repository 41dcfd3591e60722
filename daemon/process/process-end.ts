/** Of a program that failed while it ran. */
export const exitFailed = 1

/** Of a daemon whose state is of the past, because another one has taken over: whoever starts it again has a standby. */
const exitNoLongerActive = 75

export class NoLongerActive extends Error {
  constructor(why: string) {
    super(`${why}: what this one knows is of the past. Started again, it stands by.`)
  }
}

export interface End {
  /** Resolves at the first signal to stop, or when it failed; a second signal ends the program at once. */
  readonly done: Promise<void>
  readonly fail: (error: Error) => void
}

export function waitForEnd(): End {
  let finish = (): void => undefined
  const done = new Promise<void>(resolve => (finish = resolve))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(exitFailed))
      finish()
    })
  }
  return {
    done,
    fail(error) {
      process.stderr.write(`svetofor: ${error.message}\n`)
      process.exitCode = error instanceof NoLongerActive ? exitNoLongerActive : exitFailed
      finish()
    }
  }
}

export interface Signals {
  readonly ended: End
  /** What a SIGHUP does from now on; one that came before is done at once. */
  onReload(reload: () => void): void
}

let caught: Signals | undefined

/**
 * The signals a daemon is led by, caught from the first call on: whoever loads the program calls it before anything else, and
 * whoever runs the daemon calls it again for what came meanwhile. One for the process, as signals are.
 */
export function catchSignals(): Signals {
  if (caught !== undefined) return caught
  let isReloadWanted = false
  let reload = (): void => {
    isReloadWanted = true
  }
  const ended = waitForEnd()
  process.on('SIGHUP', () => reload())
  caught = {
    ended,
    onReload(given) {
      reload = given
      if (isReloadWanted) given()
    }
  }
  return caught
}
