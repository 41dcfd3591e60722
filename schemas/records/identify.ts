import { laneName } from '../lanes.ts'
import { identifiersMax, keyLengthMax, keyText, own, tag, type NamedMetric } from './metric.ts'
import type { KeyPlan, MeasurementPlan, ProfileSet } from './plan.ts'

/** Whose a metric is: the measurement of the profiles it goes to, and the device, collector and instance that its tags name. */

export interface Identified {
  readonly plan: MeasurementPlan
  readonly identifiers: readonly string[]
  readonly collector: string
  readonly instance: string
  readonly names: readonly string[]
}

/** Whose a metric is; undefined where its record gives no group. Of the fields only the names count, and values that name an instance. */
export function identify(set: ProfileSet, metric: NamedMetric): Identified | undefined {
  const plan = planFor(set, metric)
  if (plan === undefined) return undefined
  const identifiers = identifiersOf(plan, metric)
  const instance = instanceOf(plan, metric)
  if (identifiers.length === 0 || instance === undefined) return undefined
  return { plan, identifiers, collector: collectorOf(plan, metric), instance, names: namesOf(plan, metric) }
}

const noNames: readonly string[] = []

/** Names of the port; none where the measurement has none. Tags alone are read, for what stands beside them may differ from record to record. */
export function namesOf(plan: MeasurementPlan, metric: NamedMetric): readonly string[] {
  if (plan.names.length === 0) return noNames
  const found: string[] = []
  for (const key of plan.names) {
    const name = keyValue(key, tag(metric, key.tag))
    if (name !== undefined && !found.includes(name)) found.push(name)
  }
  return found
}

export function collectorOf(plan: MeasurementPlan, metric: NamedMetric): string {
  return usable(tag(metric, plan.collector)) ?? ''
}

/** The first measurement whose name and tags match and that knows one of the fields. */
export function planFor(set: ProfileSet, metric: NamedMetric): MeasurementPlan | undefined {
  const { exact, wild } = set.byName[metric.format]
  const fits = (index: number): MeasurementPlan | undefined => {
    const plan = set.measurements[index]
    if (plan === undefined) return undefined
    for (const { tag: key, pattern } of plan.when) {
      const value = tag(metric, key)
      if (value === undefined || !matches(pattern, value)) return undefined
    }
    return plan.slots.some(slot => Object.hasOwn(metric.fields, slot.field)) ? plan : undefined
  }
  for (const index of exact.get(metric.name) ?? []) {
    const plan = fits(index)
    if (plan !== undefined) return plan
  }
  for (const { pattern, measurement } of wild) {
    const plan = matches(pattern, metric.name) ? fits(measurement) : undefined
    if (plan !== undefined) return plan
  }
  return undefined
}

/** Every measurement whose name and tags match, whatever its fields. */
export function plansFor(set: ProfileSet, metric: NamedMetric): readonly MeasurementPlan[] {
  const { exact, wild } = set.byName[metric.format]
  const named = wild.flatMap(({ pattern, measurement }) =>
    matches(pattern, metric.name) ? [measurement] : []
  )
  return [...(exact.get(metric.name) ?? []), ...named].flatMap(index => {
    const plan = set.measurements[index]
    return plan?.when.every(({ tag: of, pattern }) => matches(pattern, tag(metric, of) ?? '')) === true
      ? [plan]
      : []
  })
}

/** Wildcards are matched against short texts only: their cost grows with a power of the length. */
function matches(pattern: RegExp, text: string): boolean {
  return text.length <= keyLengthMax && pattern.test(text)
}

/** Control characters and lone surrogates: a text with them names nothing. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const unprintable = /[\u0000-\u001f\u007f]|\p{Surrogate}/u

/** A name fit to be a key: trimmed, not empty, not too long, printable. */
function usable(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' || trimmed.length > keyLengthMax || unprintable.test(trimmed) ? undefined : trimmed
}

function keyValue(key: KeyPlan, text: string | undefined): string | undefined {
  let value = usable(text)
  if (value === undefined) return undefined
  if (key.pattern !== undefined) {
    const [, found, lane] = key.pattern.exec(value) ?? []
    value = usable(found === undefined || lane === undefined ? found : laneName(found, lane))
    if (value === undefined) return undefined
  }
  return key.stripPort ? usable(withoutPort(value)) : value
}

/** `172.23.23.2:57400` and `[fe80::1]:57400` without the port; a bare IPv6 address stays as it is. */
export function withoutPort(address: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(address)?.[1]
  return bracketed ?? /^([^:]+):\d+$/.exec(address)?.[1] ?? address
}

export function identifiersOf(plan: MeasurementPlan, metric: NamedMetric): readonly string[] {
  const found: string[] = []
  const add = (text: string | undefined): void => {
    if (text !== undefined && !found.includes(text)) found.push(text)
  }
  for (const key of plan.device) add(keyValue(key, tag(metric, key.tag)))
  for (const text of (metric.identifiers ?? []).slice(0, identifiersMax)) add(usable(text))
  return found
}

/** '' where the measurement has none; undefined where it must have one and does not. */
export function instanceOf(plan: MeasurementPlan, metric: NamedMetric): string | undefined {
  for (const key of plan.instance) {
    const value = keyValue(key, tag(metric, key.tag))
    if (value === undefined) continue
    const lane = key.lane === undefined ? undefined : usable(tag(metric, key.lane))
    return lane === undefined || !/^\d{1,3}$/.test(lane) ? value : laneName(value, lane)
  }
  // A table's index may as well come as a field.
  for (const key of plan.instance) {
    const value = keyValue(key, keyText(own(metric.fields, key.tag)))
    if (value !== undefined) return value
  }
  return plan.instanceOptional ? '' : undefined
}
