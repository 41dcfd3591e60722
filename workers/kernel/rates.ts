/**
 * The quick part of keepSample() and rateOf() of rules/measures/rates.ts: a sample of a counter whose rates stay within their quiet bands,
 * or of what rates are reckoned by. Whatever is odd (a first sample, a counter that fell, a pause, a start of the device) is
 * left to those.
 */

let slotsAt: usize = 0
let ratesAt: usize = 0
let startedAt: usize = 0
export let keepsAt: usize = 0
let bandsAt: usize = 0
let intervalMsMin: f64 = 0
let intervalMsMax: f64 = 0
let utilisationPctMax: f64 = 0

export function openRates(
  slots: usize,
  rates: usize,
  started: usize,
  keeps: usize,
  bands: usize,
  leastMs: f64,
  mostMs: f64,
  mostPct: f64
): void {
  slotsAt = slots
  ratesAt = rates
  startedAt = started
  keepsAt = keeps
  bandsAt = bands
  intervalMsMin = leastMs
  intervalMsMax = mostMs
  utilisationPctMax = mostPct
}

/** As in `keptSamples` of rules/measures/rates.ts. */
const keepsValue: u8 = 1
const keepsCounter: u8 = 2
const keepsBaseline: u8 = 4
/** A slot, as RateState there has it. */
const slotShift: usize = 5
const baseValue: usize = 0
const baseMs: usize = 8
const perSecond: usize = 16
const beside: usize = 24
const device: usize = 28
/** Where the band of each measure begins, a lowest and a highest value. */
const bandValue: usize = 0
const bandPerSecond: usize = 16
const bandShare: usize = 32
const bandUtilisation: usize = 48
const bandBytes: usize = 112

function isWithin(band: usize, value: f64): bool {
  return value >= load<f64>(band) && value <= load<f64>(band, 8)
}

function isAsked(band: usize): bool {
  return load<f64>(band) != -Infinity || load<f64>(band, 8) != Infinity
}

/** Where what is kept of a series lies. */
function keptOf(series: usize): usize {
  return ratesAt + ((load<i32>(slotsAt + (series << 2)) as usize) << slotShift)
}

function startedOf(slot: usize): usize {
  return startedAt + ((load<i32>(slot, device) as usize) << 3)
}

/** Writes down what is kept of a series, so that it can be taken back (memory/undo.ts). */
export function noteKept(series: usize, kept: u8, at: usize): void {
  // That is noted where it is learnt (memory/undo.ts).
  if (kept == keepsBaseline) return
  const slot = keptOf(series)
  store<f64>(at, load<f64>(slot, baseValue))
  store<f64>(at, load<f64>(slot, baseMs), 8)
  const third = kept == keepsCounter || kept == keepsValue ? slot + perSecond : startedOf(slot)
  store<f64>(at, load<f64>(third), 16)
}

/** Takes a sample that changes nothing but what is kept of its series; false where it may, and then nothing is changed. */
export function keepQuietly(series: usize, program: usize, kept: u8, value: f64, timeMs: f64): bool {
  const bands = bandsAt + program * bandBytes
  const slot = keptOf(series)
  if (kept == keepsValue) {
    if (!isWithin(bands + bandValue, value)) return false
    store<f64>(slot, value, baseValue)
    store<f64>(slot, timeMs, baseMs)
    return true
  }
  if (kept != keepsCounter) return false
  const base = load<f64>(slot, baseValue)
  const beforeMs = load<f64>(slot, baseMs)
  const elapsedMs = timeMs - beforeMs
  if (!(beforeMs > 0 && value >= base && elapsedMs >= intervalMsMin && elapsedMs <= intervalMsMax))
    return false
  if (beforeMs < load<f64>(startedOf(slot))) return false
  const grown = ((value - base) * 1000) / elapsedMs
  if (!isWithin(bands + bandPerSecond, grown)) return false
  const number = load<i32>(slot, beside) as usize
  if (number != 0) {
    const by = ratesAt + (number << slotShift)
    const toldMs = load<f64>(by, baseMs)
    if (toldMs != 0) {
      if (isAsked(bands + bandUtilisation)) {
        const speedMbps = load<f64>(by, baseValue)
        const pct = (grown * 8 * 100) / (speedMbps * 1e6)
        if (speedMbps > 0 && pct <= utilisationPctMax && !isWithin(bands + bandUtilisation, pct)) return false
      }
      if (isAsked(bands + bandShare)) {
        let share: f64 = NaN
        if (grown == 0) share = 0
        else if (toldMs <= timeMs && toldMs >= timeMs - elapsedMs)
          share = (grown * 100) / (grown + load<f64>(by, perSecond))
        if (share == share && !isWithin(bands + bandShare, share)) return false
      }
    }
  }
  store<f64>(slot, grown, perSecond)
  store<f64>(slot, value, baseValue)
  store<f64>(slot, timeMs, baseMs)
  return true
}
