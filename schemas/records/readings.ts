import { convert, convertText, type SlotPlan } from './convert.ts'
import { sensorValue } from './entity-sensor.ts'
import { beside, keyText, type Metric } from './metric.ts'
import type { MeasurementPlan, ReadingTest, Slot } from './plan.ts'

/** What a measurement reads of a metric's fields. */

/** Fills the three lists, ascending. */
export function readSlots(
  plan: MeasurementPlan,
  metric: Metric,
  slots: number[],
  values: number[],
  noReadings: number[]
): void {
  for (let i = 0; i < plan.slots.length; i++) {
    const slot = plan.slots[i]
    if (slot === undefined || !Object.hasOwn(metric.fields, slot.field)) continue
    // Another field has given this signal already: a second sample of one series and time would be a twin.
    if (slot.earlier.length > 0 && slot.earlier.some(earlier => slots.includes(earlier))) continue
    const value = slotValue(slot, metric, metric.fields[slot.field])
    if (Number.isNaN(value)) noReadings.push(i)
    else {
      slots.push(i)
      values.push(value)
    }
  }
  if (plan.conditional) judgeTogether(plan, slots, values, noReadings)
}

/** What a reading is worth beside the record's others: zero_needs and becomes, by the values as first read. */
function judgeTogether(plan: MeasurementPlan, slots: number[], values: number[], noReadings: number[]): void {
  const bySignal = new Map(slots.map((slot, at) => [plan.slots[slot]?.signal, values[at]]))
  const holds = (test: ReadingTest): boolean => {
    const value = bySignal.get(test.signal)
    if (value === undefined) return false
    return 'codes' in test ? test.codes.includes(value) : value >= test.least && value <= test.most
  }
  for (let at = slots.length - 1; at >= 0; at--) {
    const slot = plan.slots[slots[at] ?? -1]
    const value = values[at]
    if (slot?.zeroNeeds !== undefined && value === 0 && !slot.zeroNeeds.some(holds)) {
      noReadings.push(...slots.splice(at, 1))
      noReadings.sort((a, b) => a - b)
      values.splice(at, 1)
      continue
    }
    const becomes = slot?.becomes?.find(
      rule => rule.from === value && rule.when.every(holds) && !rule.unless.some(holds)
    )
    if (becomes !== undefined) values[at] = becomes.to
  }
}

/** What sources say where there is nothing to say. */
const noReadingWords =
  /^(?:-+|n\/?a|nan|null|none|nil|unknown|no such (?:instance|object).*|not? (?:present|available|supported|applicable|installed).*)$/i
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/**
 * Asked where none of the slots gives a reading: which field holds something that cannot be read at all, in a few words. Undefined
 * where all are only without a reading (null, a sentinel, a number beyond its bounds or its codes, a word for "not there").
 */
export function unreadable(
  plan: MeasurementPlan,
  metric: Metric,
  noReadings: readonly number[]
): string | undefined {
  for (const at of noReadings) {
    const slot = plan.slots[at]
    if (slot === undefined || slot.unitFrom !== undefined || slot.sensor !== undefined) continue
    const raw = metric.fields[slot.field]
    if (isUnreadable(slot, raw)) return `${slot.field} is ${JSON.stringify(raw)?.slice(0, 80) ?? String(raw)}`
  }
  return undefined
}

/** Whether a value that gives no reading is none that a source has for that. */
export function isUnreadable(slot: SlotPlan, raw: unknown): boolean {
  if (raw === null || raw === undefined) return false
  if (typeof raw === 'number') return !Number.isFinite(raw)
  if (typeof raw !== 'string') return true
  const text = raw.trim()
  if (text === '' || slot.text === 'none' || slot.flags !== undefined || noReadingWords.test(text))
    return false
  return !decimal.test(text) || !Number.isFinite(Number(text))
}

function slotValue(slot: Slot, metric: Metric, raw: unknown): number {
  let plan: SlotPlan = slot
  if (slot.unitFrom !== undefined) {
    const named = beside(metric, slot.unitFrom.key)
    if (named !== undefined) {
      const text = keyText(named)?.trim().toLowerCase() ?? ''
      const code = /\((\d+)\)$/.exec(text)?.[1]
      const chosen = slot.unitFrom.plans.get(code ?? text)
      if (chosen === undefined) return NaN
      plan = chosen
    }
  }
  if (slot.sensor !== undefined) return sensorValue(slot, slot.sensor, metric, raw)
  return rawValue(plan, raw)
}

function rawValue(plan: SlotPlan, raw: unknown): number {
  if (typeof raw === 'number') return convert(plan, raw)
  if (typeof raw === 'string') return convertText(plan, raw)
  if (typeof raw === 'boolean') return plan.names?.get(String(raw)) ?? NaN
  return NaN
}
