import type { Logger } from 'pino'

/** How much slower time runs here while a host clock that was set back catches up. */
const slowedRate = 0.9
/** A difference to the monotonic clock that is a step of the host's clock, and no correction of it (ms). */
const stepMsMin = 5000

export interface SteadyClockOptions {
  readonly wallMs?: () => number
  readonly monotonicMs?: () => number
  /** The host's clock was set forth, or (negative) back. Or the machine slept while no clock but the host's ran on. */
  readonly onStep?: (stepMs: number) => void
  /** The times of records say that the host's clock is right after such a step. */
  readonly onAgreed?: () => void
}

export interface SteadyClock {
  /** The present moment (ms since 1970). Never goes back. */
  readonly nowMs: () => number
  /** Kafka has a record of this time (ms), new when it was read: a witness for or against the host's clock. */
  readonly heard: (recordMs: number) => void
}

/**
 * The daemon's clock: the host's, but never going back, and not jumping because somebody set that. Holds, silences and flushes end
 * by this clock: one that jumps forth by an hour would end them all at once, and one that jumps back would freeze them. So after a step
 * time goes on as if there had been none, until new records in Kafka are of the host's time: then it was right (it was set right, or the
 * machine slept). A clock that was set forth is followed at once then; one that was set back is waited for, with time a little slower here.
 */
export function createSteadyClock(options: SteadyClockOptions = {}): SteadyClock {
  const { wallMs = Date.now, monotonicMs = () => performance.now(), onStep, onAgreed } = options
  let lastWallMs = wallMs()
  let lastMonotonicMs = monotonicMs()
  let steadyMs = lastWallMs
  /** By how much the host's clock was set without a witness that it is right. */
  let mistrustedMs = 0

  const nowMs = (): number => {
    const wall = wallMs()
    const monotonic = monotonicMs()
    const passedMs = Math.max(0, monotonic - lastMonotonicMs)
    const stepMs = wall - lastWallMs - passedMs
    lastWallMs = wall
    lastMonotonicMs = monotonic
    const isStep = Math.abs(stepMs) > stepMsMin
    if (isStep) {
      mistrustedMs += stepMs
      // Set back to what it was.
      if (Math.abs(mistrustedMs) <= stepMsMin) mistrustedMs = 0
    }
    steadyMs = Math.max(wall - mistrustedMs, steadyMs + passedMs * slowedRate)
    if (isStep) onStep?.(Math.round(stepMs))
    return Math.floor(steadyMs)
  }

  return {
    nowMs,
    heard(recordMs) {
      if (mistrustedMs === 0) return
      const now = nowMs()
      if (Math.abs(recordMs - lastWallMs) >= stepMsMin || Math.abs(recordMs - now) < stepMsMin) return
      mistrustedMs = 0
      onAgreed?.()
    }
  }
}

/** The clock that every part of the daemon is given; a jump of the host's is said. */
export function createDaemonClock(logger: Logger): SteadyClock {
  return createSteadyClock({
    onStep: stepMs =>
      logger.warn(
        { stepMs },
        "the host's clock jumped: it is not followed until new records in Kafka are of its time, and no light changes by it"
      ),
    onAgreed: () => logger.info("new records in Kafka are of the host's time: its clock is followed again")
  })
}
