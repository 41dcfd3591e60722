import type { Path } from '../../schemas/config/located-yaml.ts'
import { signalIds, signals } from '../../schemas/signals.ts'
import type { Limit } from '../compiled.ts'
import type { Selector } from '../model.ts'
import { isChange, unitOf } from '../measures/measure.ts'
import { ratesOf } from '../measures/rates.ts'
import { shown, type Fields, type Reader } from '../yaml-reader.ts'
import type { ConditionDraft } from './drafts.ts'
import { changeKeys, readMeasured } from './measured.ts'
import { noHold, readHold, type Hold } from './holds.ts'
import { readClear, readLimit, type LimitTable } from './limits.ts'
import { readSelectorFields, selectorKeys } from './selectors.ts'

/** Conditions: what a rule, a level or a clause says of a value. */

export const testKeys = [
  'rate',
  ...changeKeys,
  'in',
  'below',
  'above',
  'absent',
  'clear',
  'hysteresis'
] as const
export const clauseKeys = [...selectorKeys, ...testKeys, 'hold'] as const

/** A clause of `when` or `unless`: another signal of the same resource, selected as the rule's own unless it says otherwise. */
export function readClause(
  reader: Reader,
  value: unknown,
  path: Path,
  rule: Selector | undefined,
  tables: ReadonlyMap<string, LimitTable>
): ConditionDraft | undefined {
  const fields = reader.fields(value, path, clauseKeys)
  if (fields === undefined) return undefined
  const own = readSelectorFields(reader, fields, path)
  const hold = readHold(reader, fields['hold'], [...path, 'hold'], noHold)
  if (hold.raiseS > 0 || hold.clearS > 0)
    reader.report(
      [...path, 'hold'],
      'a clause is not held by time',
      'use raise_samples and clear_samples here, or hold the rule'
    )
  const selector = own === undefined ? undefined : { ...rule, ...own }
  return readTest(reader, fields, path, selector, hold, tables)
}

/** `in`, `below` or `above` with what clears it, or `absent`, as a condition. */
export function readTest(
  reader: Reader,
  fields: Fields,
  path: Path,
  selector: Selector | undefined,
  hold: Hold,
  tables: ReadonlyMap<string, LimitTable>
): ConditionDraft | undefined {
  const ops = (['in', 'below', 'above', 'absent'] as const).filter(op => fields[op] !== undefined)
  const op = ops[0]
  if (op === undefined || ops.length > 1) {
    reader.report(
      ops.length > 1 ? [...path, ops[1] ?? ''] : path,
      ops.length > 1 ? `${ops.join(' and ')} stand together` : 'says nothing of the value',
      'give exactly one of in, below, above, absent'
    )
    return undefined
  }
  const signal = selector === undefined ? undefined : signals[signalIds.get(selector.signal) ?? -1]
  if (selector === undefined || signal === undefined) return undefined
  const id = signalIds.get(selector.signal) ?? -1
  const measured = readMeasured(reader, fields, path, op, id)
  if (measured === undefined) return undefined
  const { measure } = measured
  const base = { signal: id, selector, op, ...measured, watches: '' }
  const counts = { raiseCount: hold.raiseSamples, clearCount: hold.clearSamples }
  if (op === 'absent') {
    for (const key of ['clear', 'hysteresis'])
      if (fields[key] !== undefined)
        reader.report([...path, key], 'a reading that is absent has no value', `remove ${key}`)
    if (hold.raiseSamples > 1 || hold.clearSamples > 1)
      reader.report([...path, 'hold'], 'there are no samples to count', 'use raise_s and clear_s')
    if (fields['absent'] !== true) {
      reader.report([...path, 'absent'], `${shown(fields['absent'])} is not allowed`, 'write absent: true')
      return undefined
    }
    return withKey({ ...base, limit: null, hysteresis: 0, mask: 0, raiseCount: 1, clearCount: 1 })
  }
  if (op === 'in') {
    for (const key of ['clear', 'hysteresis'])
      if (fields[key] !== undefined)
        reader.report([...path, key], 'an enumeration clears by every other name', `remove ${key}`)
    if (signal.codes === undefined) {
      reader.report([...path, 'in'], `${signal.name} is a number, not an enumeration`, 'use below or above')
      return undefined
    }
    const names = reader.words(fields['in'], [...path, 'in'], Object.keys(signal.codes))
    if (names === undefined) return undefined
    let mask = 0
    for (const name of names) mask |= 1 << (signal.codes[name] ?? 0)
    return withKey({ ...base, limit: null, hysteresis: 0, mask: mask >>> 0, ...counts })
  }
  if (signal.codes !== undefined) {
    reader.report(
      [...path, op],
      `${signal.name} is an enumeration, not a number`,
      `use in: with names of ${Object.keys(signal.codes).join(', ')}`
    )
    return undefined
  }
  if (signal.kind === 'counter' && measure === 'value') {
    reader.report(
      [...path, op],
      `${signal.name} is a counter: its value says nothing`,
      `add rate: ${ratesOf(id).join(' or ')}, or use a gauge`
    )
    return undefined
  }
  const unit = unitOf(id, measure)
  const limit = readLimit(reader, fields[op], [...path, op], tables, unit)
  const hysteresis = readClear(reader, fields, path, op, limit, unit)
  if (limit === undefined || hysteresis === undefined) return undefined
  if (isChange(measure) && isRaisedByNothing(limit, op)) {
    reader.report(
      [...path, op],
      'no change at all would raise it',
      op === 'below' ? 'give a limit below 0' : 'give a limit above 0'
    )
    return undefined
  }
  return withKey({ ...base, limit, hysteresis, mask: 0, ...counts })
}

/** Whether 0 is beyond some limit, or on it. */
function isRaisedByNothing({ fallback, byOpticClass }: Limit, op: 'below' | 'above'): boolean {
  return [fallback, ...byOpticClass.values()].some(
    limit => limit !== null && (op === 'below' ? limit >= 0 : limit <= 0)
  )
}

/** The draft with what says the same condition in any compilation. */
export function withKey(draft: Omit<ConditionDraft, 'key'>): ConditionDraft {
  const limit =
    draft.limit === null
      ? null
      : [draft.limit.fallback, [...draft.limit.byOpticClass].sort(), signals[draft.limit.moduleSignal]?.name]
  const { signal, ...attributes } = draft.selector
  const selector = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  const key = JSON.stringify([
    signal,
    selector,
    draft.op,
    limit,
    draft.hysteresis,
    draft.mask,
    draft.raiseCount,
    draft.clearCount,
    // Only where it is one: stored states know the others by what they were called before there were rates.
    ...(draft.measure === 'value' ? [] : [draft.measure]),
    ...(draft.learning === null ? [] : [draft.learning.overMs, draft.learning.learnMs])
  ])
  return { ...draft, key }
}
