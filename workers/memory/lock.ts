import { threadId } from 'node:worker_threads'

/**
 * A lock in shared memory, one word: 0 while it is free, else who holds it. It is taken by compare-and-exchange only, also from a
 * thread that died with it: and only when that thread is known to have ended, because one that merely takes long (a
 * stopped process, a busy machine) would go on writing beside whoever took the lock from it.
 */
export interface Lock {
  /** Runs `work` while no other thread runs theirs. Throws where this very thread holds it already, or the main thread waits too long. */
  hold<T>(work: () => T): T
}

/** Which threads have ended: a bit each, by id. Ids count up for the life of the process, and come again after so many. */
export const threadBits = 65_536
export const threadListBytes = threadBits / 8

/** Holding it takes microseconds. So often (ms) it is asked whether the holder is dead. */
const askEveryMs = 50
/**
 * The main thread learns of the end of a thread by an event, for which it must not wait here. (It takes a lock only where it
 * evaluates by itself, and for new profiles.)
 */
const mainWaitMsMax = 2000

/** Told by the main thread, once the thread has ended and writes nothing any more. */
export function noteThreadEnded(list: Int32Array, thread: number): void {
  const bit = thread & (threadBits - 1)
  Atomics.or(list, bit >>> 5, 1 << (bit & 31))
}

/** Told by the main thread of a thread that it has made. */
export function noteThreadBegun(list: Int32Array, thread: number): void {
  const bit = thread & (threadBits - 1)
  Atomics.and(list, bit >>> 5, ~(1 << (bit & 31)))
}

export function hasThreadEnded(list: Int32Array, thread: number): boolean {
  const bit = thread & (threadBits - 1)
  return ((Atomics.load(list, bit >>> 5) >>> (bit & 31)) & 1) === 1
}

/** The lock at words[at]. `ended` lists the threads that have ended; `self` is who takes it. */
export function createLock(words: Int32Array, at: number, ended: Int32Array, self = threadId): Lock {
  const mine = self + 1

  const take = (): void => {
    for (let waitedMs = 0; ;) {
      const holder = Atomics.compareExchange(words, at, 0, mine)
      if (holder === 0) return
      if (holder === mine) throw new Error('a lock of the shared memory is asked for by who holds it')
      if (hasThreadEnded(ended, holder - 1)) {
        if (Atomics.compareExchange(words, at, holder, mine) === holder) return
        continue
      }
      if (Atomics.wait(words, at, holder, askEveryMs) !== 'timed-out') continue
      waitedMs += askEveryMs
      if (self === 0 && waitedMs >= mainWaitMsMax)
        throw new Error(
          `evaluation thread ${holder - 1} has held a lock of the shared memory for ${waitedMs} ms; try again when it has been replaced`
        )
    }
  }

  return {
    hold(work) {
      take()
      try {
        return work()
      } finally {
        Atomics.compareExchange(words, at, mine, 0)
        Atomics.notify(words, at, 1)
      }
    }
  }
}
