import { openSync, readSync } from 'node:fs'

/**
 * What the main thread itself has used so far (CPU, ms): neither the turns of other processes nor collection in other threads count,
 * so it tells on a busy machine how long a piece of work would have held the thread on a quiet one. Linux only, as all benches are.
 */
export function mainThreadCpu(): () => number {
  // A process's own entry is that of its main thread; the first number is the time it ran, in nanoseconds.
  const file = openSync('/proc/self/schedstat', 'r')
  const text = Buffer.alloc(128)
  return () => {
    // The kernel brings its count up to now when it is asked for a process's use, and not when this file is read.
    process.cpuUsage()
    const length = readSync(file, text, 0, text.length, 0)
    return Number(text.toString('latin1', 0, length).split(' ', 1)[0]) / 1e6
  }
}
