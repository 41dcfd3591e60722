/** toTimeMs() of schemas/records/convert.ts: units in the order of `timeUnits` there. */
export const unitS: u32 = 0
export const unitMs: u32 = 1
const unitUs: u32 = 2
const unitNs: u32 = 3

/** 2000-01-01 and 2100-01-01: an event time outside is absurd. */
const eventTimeMinMs: f64 = 946684800000
const eventTimeMaxMs: f64 = 4102444800000

export function toTimeMs(raw: f64, unit: u32): f64 {
  let ms: f64
  if (unit == unitS) ms = Math.floor(raw * 1000 + 0.5)
  else if (unit == unitMs) ms = Math.floor(raw)
  else if (unit == unitUs) ms = Math.floor(raw / 1e3)
  else if (unit == unitNs) ms = Math.floor(raw / 1e6)
  else if (raw < 1e11) ms = Math.floor(raw * 1000 + 0.5)
  else if (raw < 1e14) ms = Math.floor(raw)
  else if (raw < 1e17) ms = Math.floor(raw / 1e3)
  else ms = Math.floor(raw / 1e6)
  return ms >= eventTimeMinMs && ms < eventTimeMaxMs ? ms : NaN
}
