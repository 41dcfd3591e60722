import { setImmediate as nextTurn } from 'node:timers/promises'

/** Work on a million things, done without holding up anything else. */

/** Longest piece of work done at once (ms), but for one step. Half of what others may notice is left to the collection of garbage. */
const sliceMsMax = 1

/** The same for lights of a storm (ms): as much again is needed to tell of what has changed, and a young collection takes a millisecond. */
const turnMsMax = 0.2
/** The clock is looked at once in so many nodes. */
const turnLooksEach = 16

/** Runs the steps to their end; undefined when the result is wanted no more. */
export async function inSlices<T>(
  steps: Generator<void, T>,
  isWanted: () => boolean
): Promise<T | undefined> {
  for (;;) {
    const startMs = performance.now()
    while (performance.now() - startMs < sliceMsMax) {
      const step = steps.next()
      if (step.done === true) return step.value
    }
    await nextTurn()
    if (!isWanted()) return undefined
  }
}

/** How long work that comes at once, of half a network that goes dark, is cut into turns of the main thread. */
export interface Turns {
  /** Begins a slice; the function it returns says when that is over. */
  readonly slice: () => () => boolean
  /** Calls back when others have had their turn. */
  readonly next: (act: () => void) => void
}

/** `guard` is put around what is called back. */
export function createTurns(guard: (act: () => void) => () => void): Turns {
  return {
    slice() {
      const startMs = performance.now()
      let asked = 0
      return () => ++asked % turnLooksEach === 0 && performance.now() - startMs > turnMsMax
    },
    next: act => void setImmediate(guard(act))
  }
}

export interface Slice {
  isOver(): boolean
  /** Resolves when others have had their turn; the next slice begins then. */
  end(): Promise<void>
}

/** A clock for work that is no generator. It is looked at for every so many questions: for pieces of microseconds. */
export function createSlice(every = 1): Slice {
  let startMs = performance.now()
  let asked = 0
  return {
    isOver: () => asked++ % every === 0 && performance.now() - startMs > sliceMsMax,
    async end() {
      await nextTurn()
      startMs = performance.now()
    }
  }
}
