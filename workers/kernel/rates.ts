/**
 * The quick part of keepSample() and rateOf() of rules/rates.ts: a sample of a counter whose rates stay within their quiet bands,
 * or of what rates are reckoned by. Whatever is odd (a first sample, a counter that fell, a pause, a start of the device) is
 * left to those.
 */

let baseValueAt: usize = 0
let baseMsAt: usize = 0
let perSecondAt: usize = 0
let besideAt: usize = 0
let startedAt: usize = 0
let devicesAt: usize = 0
export let keepsAt: usize = 0
let bandsAt: usize = 0
let intervalMsMin: f64 = 0
let intervalMsMax: f64 = 0
let utilisationPctMax: f64 = 0

export function openRates(
  baseValue: usize,
  baseMs: usize,
  perSecond: usize,
  beside: usize,
  started: usize,
  devices: usize,
  keeps: usize,
  bands: usize,
  leastMs: f64,
  mostMs: f64,
  mostPct: f64
): void {
  baseValueAt = baseValue
  baseMsAt = baseMs
  perSecondAt = perSecond
  besideAt = beside
  startedAt = started
  devicesAt = devices
  keepsAt = keeps
  bandsAt = bands
  intervalMsMin = leastMs
  intervalMsMax = mostMs
  utilisationPctMax = mostPct
}

/** As in `keptSamples` of rules/rates.ts. */
const keepsValue: u8 = 1
const keepsCounter: u8 = 2
/** Where the band of each measure begins, a lowest and a highest value. */
const bandValue: usize = 0
const bandPerSecond: usize = 16
const bandShare: usize = 32
const bandUtilisation: usize = 48
const bandBytes: usize = 64

function isWithin(band: usize, value: f64): bool {
  return value >= load<f64>(band) && value <= load<f64>(band, 8)
}

function isAsked(band: usize): bool {
  return load<f64>(band) != -Infinity || load<f64>(band, 8) != Infinity
}

/** Writes down what is kept of a series, so that it can be taken back (memory/undo.ts). */
export function noteKept(series: usize, kept: u8, at: usize): void {
  const place = series << 3
  store<f64>(at, load<f64>(baseValueAt + place))
  store<f64>(at, load<f64>(baseMsAt + place), 8)
  const third =
    kept == keepsCounter || kept == keepsValue
      ? perSecondAt + place
      : startedAt + ((load<i32>(devicesAt + (series << 2)) as usize) << 3)
  store<f64>(at, load<f64>(third), 16)
}

/** Takes a sample that changes nothing but what is kept of its series; false where it may, and then nothing is changed. */
export function keepQuietly(series: usize, program: usize, kept: u8, value: f64, timeMs: f64): bool {
  const bands = bandsAt + program * bandBytes
  const place = series << 3
  if (kept == keepsValue) {
    if (!isWithin(bands + bandValue, value)) return false
    store<f64>(baseValueAt + place, value)
    store<f64>(baseMsAt + place, timeMs)
    return true
  }
  if (kept != keepsCounter) return false
  const base = load<f64>(baseValueAt + place)
  const baseMs = load<f64>(baseMsAt + place)
  const elapsedMs = timeMs - baseMs
  if (!(baseMs > 0 && value >= base && elapsedMs >= intervalMsMin && elapsedMs <= intervalMsMax)) return false
  const device = load<i32>(devicesAt + (series << 2)) as usize
  if (baseMs < load<f64>(startedAt + (device << 3))) return false
  const perSecond = ((value - base) * 1000) / elapsedMs
  if (!isWithin(bands + bandPerSecond, perSecond)) return false
  const beside = load<i32>(besideAt + (series << 2)) - 1
  if (beside >= 0) {
    const by = (beside as usize) << 3
    const toldMs = load<f64>(baseMsAt + by)
    if (toldMs != 0) {
      if (isAsked(bands + bandUtilisation)) {
        const speedMbps = load<f64>(baseValueAt + by)
        const pct = (perSecond * 8 * 100) / (speedMbps * 1e6)
        if (speedMbps > 0 && pct <= utilisationPctMax && !isWithin(bands + bandUtilisation, pct)) return false
      }
      if (isAsked(bands + bandShare)) {
        let share: f64 = NaN
        if (perSecond == 0) share = 0
        else if (toldMs <= timeMs && toldMs >= timeMs - elapsedMs)
          share = (perSecond * 100) / (perSecond + load<f64>(perSecondAt + by))
        if (share == share && !isWithin(bands + bandShare, share)) return false
      }
    }
  }
  store<f64>(perSecondAt + place, perSecond)
  store<f64>(baseValueAt + place, value)
  store<f64>(baseMsAt + place, timeMs)
  return true
}
