import { createLossMeter, type LossMeter } from './rhythm.ts'

/** What is known of a collector: how often it is heard, since when it is not, and which of its devices it has lost. */
export interface Collector {
  readonly name: string
  /** Its devices, each counted once. */
  members: number
  /** When any of its devices was heard last (ms). */
  heardMs: number
  /** Since when it has been listened to (ms): its rhythm is known only after a while. */
  knownSinceMs: number
  /** Longest pauses between two sweeps in which it was heard, of late and before that (ms). */
  pauses: Pauses
  olderPauses: Pauses
  pausesSinceMs: number
  isSilent: boolean
  readonly losses: LossMeter
  /** Its devices are counted from here at least: when it came back (ms). */
  resumedMs: number
  /** Devices that it has lost, all at once, and that have not been heard since. */
  readonly lost: Set<number>
  /** How many they were at most. */
  lostMost: number
  /** Since when nothing is heard of them (ms); 0 where it has lost none. What stopped between these times was lost with them. */
  lostSinceMs: number
  lostFromMs: number
  lostToMs: number
  /** When it was last asked whether it has lost devices (ms). */
  askedMs: number
}

interface Pauses {
  count: number
  longestMs: number
  secondMs: number
}

/** The defaults and settings a collector is judged by. */
export interface CollectorOptions {
  readonly defaultIntervalMs: number
  readonly factor: number
}

/**
 * A collector is silent when it has not been heard for so many of its longest usual pauses, and for so many intervals of its
 * devices: by then others have told of the links to them, had those been lost. That is long before any of them counts as silent.
 */
const collectorFactor = 3
const collectorIntervals = 1.25
/** Of fewer pauses nobody knows which are usual: the longest counts. */
const pausesMin = 10
/** Its longest pauses are remembered for this long. */
const pausesKeptMs = 600_000

export function createCollector(name: string): Collector {
  return {
    name,
    members: 0,
    heardMs: 0,
    knownSinceMs: Infinity,
    pauses: { count: 0, longestMs: 0, secondMs: 0 },
    olderPauses: { count: 0, longestMs: 0, secondMs: 0 },
    pausesSinceMs: 0,
    isSilent: false,
    losses: createLossMeter(),
    resumedMs: 0,
    lost: new Set(),
    lostMost: 0,
    lostSinceMs: 0,
    lostFromMs: 0,
    lostToMs: 0,
    askedMs: -Infinity
  }
}

/**
 * Its longest usual pause (ms): the longest but one. What happened only once is no habit: the last record of a collector that has
 * died may have been late by a minute.
 */
export const usualPauseMs = ({ pauses, olderPauses }: Collector): number =>
  Math.max(usualOf(pauses), usualOf(olderPauses))

const usualOf = ({ count, longestMs, secondMs }: Pauses): number => (count < pausesMin ? longestMs : secondMs)

/** Takes note of the pauses of a collector, and tells whether it has been silent for too long by now. */
export function isTooQuiet(
  collector: Collector,
  heardMs: number,
  nowMs: number,
  countedFromMs: number,
  options: CollectorOptions
): boolean {
  const learntMs = options.defaultIntervalMs * (options.factor + 0.5)
  if (heardMs > collector.heardMs) {
    const pauseMs = heardMs - collector.heardMs
    if (collector.knownSinceMs === Infinity) collector.knownSinceMs = nowMs
    // A pause so long is no habit, but an outage; a shorter one that was taken for one will not be again.
    else if (pauseMs <= learntMs && collector.heardMs >= countedFromMs) notePause(collector.pauses, pauseMs)
    collector.heardMs = heardMs
    if (nowMs - collector.pausesSinceMs > pausesKeptMs) {
      if (pauseMs <= learntMs) {
        collector.olderPauses = collector.pauses
        collector.pauses = { count: 0, longestMs: 0, secondMs: 0 }
      }
      collector.pausesSinceMs = nowMs
    }
  }
  // Before it was heard for a device's limit nobody knows how often it speaks.
  if (nowMs - Math.max(collector.knownSinceMs, countedFromMs) < learntMs) return false
  return (
    nowMs - Math.max(heardMs, collector.resumedMs) >
    Math.max(collectorIntervals * options.defaultIntervalMs, collectorFactor * usualPauseMs(collector))
  )
}

function notePause(pauses: Pauses, pauseMs: number): void {
  pauses.count++
  if (pauseMs > pauses.longestMs) {
    pauses.secondMs = pauses.longestMs
    pauses.longestMs = pauseMs
  } else if (pauseMs > pauses.secondMs) pauses.secondMs = pauseMs
}
