import type { Logger } from 'pino'

/** How much slower time runs here while a host clock that was set back catches up. */
const slowedRate = 0.9
/** A difference to the monotonic clock that is worth a line in the log (ms). */
const stepSaidMs = 5000

export interface SteadyClockOptions {
  readonly wallMs?: () => number
  readonly monotonicMs?: () => number
  /** The host's clock was set forth, or (negative) back. Or this process stood still while no clock but the host's ran on. */
  readonly onStep?: (stepMs: number) => void
}

/**
 * The daemon's clock: the host's, but never going back. A host clock set back by an hour would freeze for an hour all that
 * waits for a moment (flushes, caches, silences, holds). Here time goes on, a little slower, until the host's has caught up.
 * A clock set forth is followed at once: that is also what a machine sees that slept, and whoever counts silence counts anew
 * after such a jump.
 */
export function createSteadyClock(options: SteadyClockOptions = {}): () => number {
  const { wallMs = Date.now, monotonicMs = () => performance.now(), onStep } = options
  let lastWallMs = wallMs()
  let lastMonotonicMs = monotonicMs()
  let steadyMs = lastWallMs
  return () => {
    const wall = wallMs()
    const monotonic = monotonicMs()
    const passedMs = Math.max(0, monotonic - lastMonotonicMs)
    const stepMs = wall - lastWallMs - passedMs
    lastWallMs = wall
    lastMonotonicMs = monotonic
    steadyMs = Math.max(wall, steadyMs + passedMs * slowedRate)
    if (Math.abs(stepMs) > stepSaidMs) onStep?.(Math.round(stepMs))
    return Math.floor(steadyMs)
  }
}

/** The clock that every part of the daemon is given; a jump of the host's is said. */
export function createDaemonClock(logger: Logger): () => number {
  return createSteadyClock({
    onStep: stepMs =>
      logger.warn(
        { stepMs },
        "the host's clock jumped: lights stay, and silence is counted anew where it went forth"
      )
  })
}
