/**
 * How often devices are really heard, and how many polls are lost on their way: three missed polls are three of what a device
 * does, not of a setting, and where many polls are lost more of them say nothing.
 */

/** The longest interval that is learned (ms). */
const intervalMsMax = 3_600_000

/**
 * How often a device is heard, by the last two pauses in which it was not (ms). Never more often than it is said to be polled; less
 * often when two pauses one after the other were equally long, for a single one is a lost poll.
 */
export function nextIntervalMs(
  intervalMs: number,
  configuredMs: number,
  pauseMs: number,
  pauseBeforeMs: number
): number {
  if (pauseMs < 0.75 * intervalMs) return Math.max(configuredMs, pauseMs)
  const isAgain = Math.abs(pauseMs - pauseBeforeMs) <= 0.15 * pauseMs
  return pauseMs > 1.5 * intervalMs && isAgain ? Math.min(pauseMs, intervalMsMax) : intervalMs
}

/** Counts polls that were lost on their way from one collector, so that a lost one is told from a device that is silent. */
export interface LossMeter {
  /** A device was heard after so many of its intervals. */
  note(intervals: number): void
  /** How many polls in a row a device must miss to be silent, `least` at least. */
  missesMin(least: number): number
}

/** Polls of a window, and how many windows are remembered: a burst of losses spoils one or two, and the middle one is asked. */
const windowPolls = 200
const windowsKept = 9
/** A pause of more polls is an outage, and no loss. */
const lostInARowMax = 4
/** How often a device may be taken for silent by chance: once in so many polls (a thousand days, polled every minute). */
const chance = 1 / 1_440_000
const missesMax = 10

/** Fewer polls than these, or fewer lost ones, say nothing of a share. */
const pollsMin = 40
const lostMin = 2

/** How many polls in a row are lost by chance too rarely to matter, where so many of all are. */
const missesAt = (share: number): number =>
  share === 0 ? 0 : Math.min(missesMax, Math.ceil(Math.log(chance) / Math.log(share)))

export function createLossMeter(): LossMeter {
  const windows: number[] = []
  let polls = 0
  let lost = 0
  /** Misses in a row of which none is by chance. */
  let needed = 0
  return {
    note(intervals) {
      if (intervals < 1 || intervals > lostInARowMax + 1) return
      polls += intervals
      lost += intervals - 1
      // Before the first window is over, what there is of it has to do, or the first minutes would be taken for loss-free.
      if (windows.length === 0 && intervals > 1 && polls >= pollsMin && lost >= lostMin)
        needed = missesAt(lost / polls)
      if (polls < windowPolls) return
      windows.push(lost / polls)
      if (windows.length > windowsKept) windows.shift()
      needed = missesAt([...windows].sort((a, b) => a - b)[windows.length >> 1]!)
      polls = 0
      lost = 0
    },
    missesMin: least => Math.max(least, needed)
  }
}
