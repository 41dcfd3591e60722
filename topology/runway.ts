/**
 * Battery runway: when a site that runs on its battery goes dark. What a UPS says of that is seldom the truth: its time left is
 * reckoned for a new battery, stands still, or is missing; its charge falls evenly and then all at once. So nothing is told before it
 * has been seen to fall, each source is believed as far as its own fall bears it out, and where two differ the bounds hold both.
 */

/** What a UPS has said since its mains are lost, in order of time. */
export interface BatteryReadings {
  /** Time left on battery (s). */
  readonly runtimeS: readonly Reading[]
  /** Charge (%). */
  readonly chargePct: readonly Reading[]
  /** It says that its battery is low or empty. */
  readonly isLow: boolean
}

export interface Reading {
  readonly timeMs: number
  readonly value: number
}

/** When the site goes dark (ms): not before `earliestMs` and not after `latestMs`, as far as is known. */
export interface DarkTime {
  readonly earliestMs: number
  readonly likelyMs: number
  readonly latestMs: number
}

/** What is told of the time left is in minutes with many makes; others tell seconds (s). */
const coarseS = 60
const fineS = 5
/** A source is watched for so long before it is believed (ms). */
const watchedMsMin = 120_000
/** A time left that falls by less than this in a second is no measurement of anything. */
const standsStill = 0.3
/** How much sooner and later than reckoned it may be: the load changes, and the last part goes faster. */
const [sooner, later] = [0.75, 1.2]
/** The same of a charge that is followed down: its last part (%) may be gone at once. */
const [soonerByCharge, laterByCharge] = [0.9, 1.15]
const chargeLostAtOnce = 20
/** What is older says nothing of the present (ms). */
const ageMsMax = 600_000

/**
 * When the site goes dark by what its UPS says; null where nothing reliable is said. Times are event times (ms), `nowMs` on the same
 * clock.
 */
export function darkTimeOf(readings: BatteryReadings, nowMs: number): DarkTime | null {
  const found = [byRuntime(readings.runtimeS, nowMs), byCharge(readings.chargePct, nowMs)].filter(
    left => left !== null
  )
  if (found.length === 0) return null
  const earliestMs = readings.isLow ? nowMs : Math.min(...found.map(each => each.earliestMs))
  const latestMs = Math.max(nowMs, ...found.map(each => each.latestMs))
  const likelyMs = found.reduce((sum, each) => sum + each.likelyMs, 0) / found.length
  return {
    earliestMs: Math.max(nowMs, earliestMs),
    likelyMs: Math.min(Math.max(likelyMs, nowMs), latestMs),
    latestMs
  }
}

/** By the time left that is told: as far as that has fallen as fast as the clock goes, or how fast else it falls. */
function byRuntime(readings: readonly Reading[], nowMs: number): DarkTime | null {
  const last = readings.at(-1)
  if (last === undefined || nowMs - last.timeMs > ageMsMax) return null
  const isCoarse = readings.every(({ value }) => value % coarseS === 0)
  const falls = windowsOf(readings, isCoarse ? coarseS : fineS)
  if (falls.length === 0) return null
  let [low, high, likely] = [Infinity, 0, 0]
  for (const { slowest, fastest } of falls) {
    if (fastest < standsStill) return null
    low = Math.min(low, last.value / Math.max(fastest, 1))
    // As long as its fall may be that of the clock, it is not believed to last longer than it says.
    const slowestYet = fastest >= 1 ? Math.max(slowest, 1) : Math.max(slowest, standsStill)
    high = Math.max(high, last.value / slowestYet)
    likely = last.value / Math.min(Math.max(1, slowest), fastest)
  }
  return darkAt(last.timeMs, low * sooner, likely, high * later)
}

/** By the charge: how fast it has fallen, of late and all in all. */
function byCharge(readings: readonly Reading[], nowMs: number): DarkTime | null {
  const last = readings.at(-1)
  if (last === undefined || nowMs - last.timeMs > ageMsMax) return null
  const falls = windowsOf(readings, stepOf(readings))
  if (falls.length === 0) return null
  let [low, high, likely] = [Infinity, 0, 0]
  for (const { slowest, fastest, fall } of falls) {
    low = Math.min(low, Math.max(0, last.value - chargeLostAtOnce) / fastest)
    high = Math.max(high, last.value / slowest)
    likely = last.value / fall
  }
  return darkAt(last.timeMs, low * soonerByCharge, likely, high * laterByCharge)
}

const darkAt = (fromMs: number, lowS: number, likelyS: number, highS: number): DarkTime => ({
  earliestMs: fromMs + lowS * 1000,
  likelyMs: fromMs + likelyS * 1000,
  latestMs: fromMs + highS * 1000
})

/** The smallest step in which a charge is told (%): some know quarters only. */
function stepOf(readings: readonly Reading[]): number {
  let step = Infinity
  for (let i = 1; i < readings.length; i++) {
    const by = Math.abs(readings[i]!.value - readings[i - 1]!.value)
    if (by > 0) step = Math.min(step, by)
  }
  return step === Infinity ? 1 : Math.max(1, step)
}

/** How fast a reading falls (a second): by what was seen, and by how much that may be off for the step in which it is told. */
interface Fall {
  readonly fall: number
  readonly slowest: number
  readonly fastest: number
}

/** The fall since the beginning, and that of late; empty as long as it has hardly been seen to fall. */
function windowsOf(readings: readonly Reading[], step: number): Fall[] {
  const first = readings[0]
  const last = readings.at(-1)
  if (first === undefined || last === undefined || last.timeMs - first.timeMs < watchedMsMin) return []
  const whole = fallOf(first, last, step)
  if (whole === null) return []
  // Of late: the second half of what it has fallen, where that is enough to be measured.
  const half = readings.findLast(({ value }) => value - last.value >= (first.value - last.value) / 2)
  const recent =
    half === undefined || last.timeMs - half.timeMs < watchedMsMin ? null : fallOf(half, last, step)
  return recent === null ? [whole] : [whole, recent]
}

/** What has fallen by fewer steps tells nothing of how fast. */
const stepsMin = 2

function fallOf(from: Reading, to: Reading, step: number): Fall | null {
  const seconds = (to.timeMs - from.timeMs) / 1000
  const by = from.value - to.value
  if (by < stepsMin * step) return null
  return { fall: by / seconds, slowest: (by - step) / seconds, fastest: (by + step) / seconds }
}
