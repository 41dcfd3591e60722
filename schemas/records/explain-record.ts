import { createDecoder, type DecodePolicy } from './decode.ts'
import type { DecodedGroup } from './decoded.ts'
import { keyLengthMax, tag, type Bad, type Metric } from './metric.ts'
import type { MeasurementPlan, ProfileSet } from './plan.ts'
import { signals } from '../signals.ts'
import { nearest } from '../config/nearest.ts'

/** What became of one metric of a record: for who writes a profile, or asks why a device has no lights. */
export interface MetricExplanation {
  /** Format and name as they came; undefined where not even those could be read. */
  readonly metric: { readonly format: string; readonly name: string } | undefined
  /** Profile and measurement that took it. */
  readonly takenBy: string | undefined
  /** Why it gave nothing, or not all. */
  readonly wrong: string | undefined
  /** Where no profile took it: the one that comes nearest, and what keeps it from taking this. */
  readonly nearest: { readonly profile: string; readonly but: string } | undefined
  readonly groups: readonly GroupExplanation[]
  /** Fields that the profile does not ask for; of a metric that nobody took, all. */
  readonly unasked: readonly string[]
}

export interface GroupExplanation {
  readonly identifiers: readonly string[]
  readonly instance: string
  /** Names of the port that the instance numbers. */
  readonly names: readonly string[]
  readonly collector: string
  readonly timeMs: number
  /** The record's own time was too far ahead, and Kafka's is taken. */
  readonly isTimeSetBack: boolean
  readonly fields: readonly {
    readonly field: string
    readonly raw: unknown
    readonly signal: string
    /** In the signal's unit, or the name of its code; undefined for no reading. */
    readonly reading: string | undefined
  }[]
  /** Signals that the source says are gone. */
  readonly gone: readonly string[]
}

export interface RecordExplanation {
  readonly metrics: readonly MetricExplanation[]
  /** Why nothing of the record could be read. */
  readonly refused: string | undefined
}

/** Reads records as the daemon does, and says what became of each metric and field. `nowMs` stands for Kafka's time of the record too. */
export function createRecordExplainer(
  set: ProfileSet,
  policy: DecodePolicy
): (value: Uint8Array, nowMs: number) => RecordExplanation {
  let metrics: MetricExplanation[] = []
  const decoder = createDecoder(set, policy, (metric, groups, wrong) => {
    metrics.push(explainMetric(set, metric, groups, wrong))
  })
  return (value, nowMs) => {
    metrics = []
    const decoded = decoder.decode(value, nowMs, nowMs)
    return { metrics, refused: decoded.ok || metrics.length > 0 ? undefined : decoded.detail }
  }
}

function explainMetric(
  set: ProfileSet,
  metric: Metric | undefined,
  groups: readonly DecodedGroup[],
  wrong: Bad | undefined
): MetricExplanation {
  const planOf = (group: DecodedGroup): MeasurementPlan => set.measurements[group.measurement]!
  const plan = groups[0] === undefined ? undefined : planOf(groups[0])
  const fields = Object.keys(metric?.fields ?? {})
  return {
    metric: metric === undefined ? undefined : { format: metric.format, name: metric.name },
    takenBy: plan === undefined ? undefined : titleOf(plan),
    wrong: wrong?.detail,
    nearest:
      metric === undefined || plan !== undefined || wrong !== undefined ? undefined : nearestTo(set, metric),
    groups: metric === undefined ? [] : groups.map(group => explainGroup(planOf(group), group, metric)),
    unasked: plan === undefined ? fields : fields.filter(field => !plan.slotsByField.has(field))
  }
}

function explainGroup(plan: MeasurementPlan, group: DecodedGroup, metric: Metric): GroupExplanation {
  const { identifiers, instance, names, collector, timeMs, clamped } = group
  const read = group.slots.map((slot, at) => ({ slot, reading: readingOf(plan, slot, group.values[at]!) }))
  const unread = group.noReadings.map(slot => ({ slot, reading: undefined }))
  return {
    identifiers,
    instance,
    names,
    collector,
    timeMs,
    isTimeSetBack: clamped,
    fields: [...read, ...unread]
      .sort((a, b) => a.slot - b.slot)
      .map(({ slot, reading }) => {
        const { field, signal } = plan.slots[slot]!
        return { field, raw: metric.fields[field], signal: signals[signal]!.name, reading }
      }),
    gone: (group.gone ?? []).map(slot => signals[plan.slots[slot]!.signal]!.name)
  }
}

function readingOf(plan: MeasurementPlan, slot: number, value: number): string {
  const { codes, unit } = signals[plan.slots[slot]!.signal]!
  const name = Object.entries(codes ?? {}).find(([, code]) => code === value)?.[0]
  // The unit of a count is 1.
  return name ?? `${Number(value.toPrecision(7))}${unit === '' || unit === '1' ? '' : ` ${unit}`}`
}

const titleOf = ({ profile, name }: MeasurementPlan): string => `${profile}, measurement ${name}`

/** Names listed of a measurement, and fields. */
const namesShown = 4
const fieldsShown = 6

/** Of the same format: the measurement that knows most of the fields, then the one with that name, or the most similar one. */
function nearestTo(set: ProfileSet, metric: Metric): MetricExplanation['nearest'] {
  const plans = set.measurements.filter(({ format }) => format === metric.format)
  const { exact, wild } = set.byName[metric.format]
  const alike = exact.get(nearest(metric.name, exact.keys()) ?? '') ?? []
  const known = Object.keys(metric.fields).filter(field => {
    const knowing = plans.filter(plan => plan.slotsByField.has(field)).length
    // What all know (the value of an item) tells none from another.
    return knowing > 0 && knowing < plans.length
  })
  const sharedBy = (plan: MeasurementPlan): number =>
    known.filter(field => plan.slotsByField.has(field)).length
  const score = (plan: MeasurementPlan): number => 2 * sharedBy(plan) + (alike.includes(plan.index) ? 1 : 0)
  const best = plans.reduce<MeasurementPlan | undefined>(
    (found, plan) => (score(plan) > (found === undefined ? 0 : score(found)) ? plan : found),
    undefined
  )
  if (best === undefined) return undefined
  const names = [
    ...[...exact].filter(([, indices]) => indices.includes(best.index)).map(([name]) => name),
    ...wild.filter(({ measurement }) => measurement === best.index).map(({ pattern }) => pattern.source)
  ]
  const asked = [...best.slotsByField.keys()]
  const reasons = [
    ...(isNamed(set, metric, best)
      ? []
      : [`it is for metrics named ${names.slice(0, namesShown).join(', ')}`]),
    ...best.when.flatMap(({ tag: key, pattern }) => {
      const value = tag(metric, key)?.slice(0, keyLengthMax)
      if (value !== undefined && pattern.test(value)) return []
      const is = value === undefined ? 'is not there' : `is ${value}`
      return [`the tag ${key} must match ${pattern.source}, and ${is}`]
    }),
    ...(asked.some(field => Object.hasOwn(metric.fields, field))
      ? []
      : [`it asks for none of these fields, but for ${asked.slice(0, fieldsShown).join(', ')}`])
  ]
  return { profile: titleOf(best), but: reasons.join('; ') }
}

function isNamed(set: ProfileSet, { format, name }: Metric, { index }: MeasurementPlan): boolean {
  const { exact, wild } = set.byName[format]
  return (
    exact.get(name)?.includes(index) === true ||
    wild.some(
      ({ pattern, measurement }) => measurement === index && pattern.test(name.slice(0, keyLengthMax))
    )
  )
}
