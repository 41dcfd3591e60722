import type { Path } from '../../schemas/config/located-yaml.ts'
import { signals } from '../../schemas/signals.ts'
import { changesOf, learnMsMin, overMsMax, overMsMin, type Learning } from '../measures/baselines.ts'
import type { Measure } from '../measures/measure.ts'
import { ratesOf } from '../measures/rates.ts'
import { shown, suggestion, type Fields, type Reader } from '../yaml-reader.ts'
import type { ConditionDraft } from './drafts.ts'

/** What a condition compares: the value, a rate of a counter (`rate`), or a change against a baseline (`change`). */

export interface Measured {
  readonly measure: Measure
  readonly learning: Learning | null
}

export const changeKeys = ['change', 'baseline', 'learn'] as const
const plain: Measured = { measure: 'value', learning: null }
/** Where a rule does not say how long it learns before it judges. */
const learnPart = 1 / 3

/** undefined where it is wrong, which is reported. */
export function readMeasured(
  reader: Reader,
  fields: Fields,
  path: Path,
  op: ConditionDraft['op'],
  signal: number
): Measured | undefined {
  const [first, second] = ['rate', 'change'].filter(key => fields[key] !== undefined)
  if (second !== undefined) {
    reader.report([...path, second], 'stands beside rate', 'give one of the two')
    return undefined
  }
  if (first !== 'change')
    for (const key of ['baseline', 'learn'])
      if (fields[key] !== undefined) {
        reader.report([...path, key], 'is for changes only', `remove ${key}, or add change:`)
        return undefined
      }
  if (first === undefined) return plain
  const at = [...path, first]
  const { name } = signals[signal]!
  const possible: readonly Measure[] = first === 'rate' ? ratesOf(signal) : changesOf(signal)
  if (possible.length === 0) {
    if (first === 'rate')
      reader.report(at, `${name} is no counter: it has no rate`, 'remove rate, or use a counter')
    else
      reader.report(
        at,
        `${name} is ${ratesOf(signal).length > 0 ? 'a counter' : 'no level of anything'}: nothing is usual for it`,
        ratesOf(signal).length > 0
          ? `use rate: ${ratesOf(signal).join(' or ')}`
          : 'remove change, or use a gauge'
      )
    return undefined
  }
  if (op === 'in' || op === 'absent') {
    reader.report(at, `stands beside ${op}`, `compare a ${first} with below or above`)
    return undefined
  }
  const measure = possible.find(one => one === fields[first])
  if (measure === undefined) {
    reader.report(
      at,
      `${shown(fields[first])} is no ${first} of ${name}`,
      suggestion(fields[first], possible) ?? `give one of ${possible.join(', ')}`
    )
    return undefined
  }
  if (first === 'rate') return { measure, learning: null }
  const learning = readLearning(reader, fields, path)
  return learning === undefined ? undefined : { measure, learning }
}

function readLearning(reader: Reader, fields: Fields, path: Path): Learning | undefined {
  if (fields['baseline'] === undefined) {
    reader.report(path, 'baseline is missing: over how long it is learnt', 'add baseline: 7d')
    return undefined
  }
  const overMs = readDuration(reader, fields['baseline'], [...path, 'baseline'], overMsMin, overMsMax)
  if (overMs === undefined) return undefined
  if (fields['learn'] === undefined) return { overMs, learnMs: overMs * learnPart }
  const learnMs = readDuration(reader, fields['learn'], [...path, 'learn'], learnMsMin, overMs)
  return learnMs === undefined ? undefined : { overMs, learnMs }
}

const unitsMs: Readonly<Record<string, number>> = { min: 60_000, h: 3_600_000, d: 86_400_000 }

export const durationPattern = /^\s*(\d+(?:\.\d+)?)\s*(min|h|d)\s*$/

/** `7d`, `12h` or `30min`, as milliseconds. */
function readDuration(
  reader: Reader,
  value: unknown,
  path: Path,
  leastMs: number,
  mostMs: number
): number | undefined {
  const match = typeof value === 'string' ? durationPattern.exec(value) : null
  const ms = match === null ? NaN : Number(match[1]) * unitsMs[match[2] ?? '']!
  if (ms >= leastMs && ms <= mostMs) return ms
  reader.report(
    path,
    match === null
      ? `${shown(value)} is no duration`
      : `${shown(value)} is too ${ms < leastMs ? 'short' : 'long'}`,
    `give ${durationText(leastMs)} to ${durationText(mostMs)}, such as 7d, 12h or 30min`
  )
  return undefined
}

/** As it is read: in the largest unit that it is whole in. */
export function durationText(ms: number): string {
  const unit = ['d', 'h', 'min'].find(one => ms % unitsMs[one]! === 0) ?? 'min'
  return `${Math.round((ms / unitsMs[unit]!) * 100) / 100}${unit}`
}
