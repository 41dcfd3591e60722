/** Exponential backoff with full jitter in its upper half, so that many clients do not return at one moment. */
export interface Backoff {
  /** The next delay in ms; each call doubles the ceiling up to the limit. */
  next(): number
  /** Back to the shortest delay, after a success. */
  reset(): void
  /** Failures since the last success. */
  attempts(): number
}

export function createBackoff(minMs: number, maxMs: number, random: () => number = Math.random): Backoff {
  let attempts = 0
  return {
    next() {
      const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(attempts, 30))
      attempts++
      return Math.round(ceilingMs * (0.5 + random() * 0.5))
    },
    reset() {
      attempts = 0
    },
    attempts: () => attempts
  }
}

/** Resolves after the delay, or at once when the signal is aborted: the caller looks at the signal. */
export function pauseMs(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, delayMs)
    signal?.addEventListener('abort', done, { once: true })
  })
}
