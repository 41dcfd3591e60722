import type { Score } from './score.ts'

/**
 * What is reached today, as bars that may only be raised (a ratchet), in one place. What they shall become is in
 * docs/scenarios.md.
 */
const bars = {
  rightRootFirst: 0.99,
  oneIncident: 0.98,
  rightKind: 0.99,
  mergedMost: 0.005,
  saidOutPerRunMost: 0,
  saidWorkPerRunMost: 0,
  falseEpisodesPerNodeDayMost: 0.001,
  /** How late an incident is told (ms), for 99 of 100; of fewer than a hundred this says nothing. */
  directLateMsMost: 1000,
  waysLateMsMost: 5000,
  silenceLateMsMost: 5000,
  /** How often the truth lies within what is told of batteries. */
  runwaysRight: 0.93
}

/** What is beyond the bars, a sentence each; empty when all is within. */
export function isWithin(score: Score): string[] {
  const beyond: string[] = []
  const least = (name: string, part: number, all: number, bar: number): void => {
    if (all > 0 && part / all < bar)
      beyond.push(
        `${name}: ${((100 * part) / all).toFixed(1)} %, and ${(100 * bar).toFixed(1)} % was reached before`
      )
  }
  const most = (name: string, value: number, bar: number): void => {
    if (value > bar) beyond.push(`${name}: ${value.toFixed(3)}, and ${bar} was reached before`)
  }
  const { runs, faults } = score
  least('right root named first', score.rightRootFirst, faults, bars.rightRootFirst)
  least('exactly one incident', score.oneIncident, faults, bars.oneIncident)
  least('right kind', score.rightKind, faults, bars.rightKind)
  least('dark within the bounds', score.runwaysRight, score.runwaysTold, bars.runwaysRight)
  most('wrongly merged', score.merged / Math.max(1, faults), bars.mergedMost)
  most('said to be out that work, a run', score.saidOut / Math.max(1, runs), bars.saidOutPerRunMost)
  most('said to work that are out, a run', score.saidWork / Math.max(1, runs), bars.saidWorkPerRunMost)
  most(
    'false episodes a node and day',
    score.falseEpisodes / Math.max(1e-9, score.healthyNodeDays),
    bars.falseEpisodesPerNodeDayMost
  )
  const late = (name: string, values: readonly number[], bar: number): void => {
    const sorted = [...values].sort((a, b) => a - b)
    if (sorted.length >= 100) most(name, sorted[Math.floor(sorted.length * 0.99)]!, bar)
  }
  late('told later than direct evidence and its hold (ms)', score.directLateMs, bars.directLateMsMost)
  late('told later than both ends of a lost way (ms)', score.waysLateMs, bars.waysLateMsMost)
  late('told later than the last explanation of a silence (ms)', score.silenceLateMs, bars.silenceLateMsMost)
  return beyond
}

/** Kinds that are wholly right with this seed: the unit suite plays them. */
export const quick = {
  seed: 1,
  kinds: [
    'quiet-city',
    'campus-cut-seen',
    'building-cut-unseen',
    'collector-dead',
    'mains-campus-depleted',
    'ring-cut-once',
    'lag-member',
    'flapping-uplink',
    'planned-campus',
    'mains-area',
    'two-cuts-in-a-chain',
    'ring-cut-twice',
    'catv-amplifier',
    'optics-step',
    'mains-feeder',
    'gasp-buildings'
  ]
}
