import type { Path, Problem } from '../../schemas/config/located-yaml.ts'
import type { Over } from '../composite.ts'
import type { Selector } from '../model.ts'
import { isFields, shown, type Fields, type Reader } from '../yaml-reader.ts'
import { readTest, testKeys } from './conditions.ts'
import type { CompositeDraft, MemberDraft } from './drafts.ts'
import { noHold, readHold } from './holds.ts'
import type { LimitTable } from './limits.ts'
import { readSelectorFields, selectorKeys } from './selectors.ts'

/** `any`, `all`, `count` and `not`: other rules and conditions taken together. */

export const compositeKeys = ['any', 'all', 'count', 'not'] as const
export const ruleMemberKeys = ['rule', 'for_s', 'at_least'] as const
export const signalMemberKeys = [...selectorKeys, ...testKeys, 'hold', 'for_s', 'at_least'] as const
export const countKeys = ['at_least', 'of'] as const
const anyMemberKeys: readonly string[] = [
  ...new Set([...ruleMemberKeys, ...signalMemberKeys, ...compositeKeys])
]
const membersMax = 32
const depthMax = 8
const secondsMax = 7 * 86_400

export interface CompositeContext {
  readonly over: Over
  /** `select` of the rule, which a condition of it narrows; undefined where it has none. */
  readonly selector: Selector | undefined
  readonly tables: ReadonlyMap<string, LimitTable>
}

/** Which of the keys a composite is written with stand there. */
export const compositesIn = (fields: Fields): (typeof compositeKeys)[number][] =>
  compositeKeys.filter(key => fields[key] !== undefined)

/** The one composite that these fields hold; undefined where it is wrong, which is reported. */
export function readComposite(
  reader: Reader,
  fields: Fields,
  path: Path,
  context: CompositeContext
): CompositeDraft | undefined {
  const composite = readPart(reader, fields, path, context, 0)
  if (composite === undefined) return undefined
  const members = membersIn(composite)
  if (members > membersMax) {
    reader.report(path, `asks ${members} rules and conditions`, `ask ${membersMax} at most`)
    return undefined
  }
  if (!isSound(composite)) {
    reader.report(path, 'holds while nothing is wrong', 'add to all: what must be so')
    return undefined
  }
  return composite
}

function readPart(
  reader: Reader,
  fields: Fields,
  path: Path,
  context: CompositeContext,
  depth: number
): CompositeDraft | undefined {
  const keys = compositesIn(fields)
  const [key] = keys
  if (keys.length > 1) {
    reader.report([...path, keys[1]!], `${keys.join(' and ')} stand together`, 'put one into the other')
    return undefined
  }
  if (depth > depthMax) {
    reader.report(path, 'is nested too deep', `nest ${depthMax} deep at most`)
    return undefined
  }
  if (key === undefined) return readMember(reader, fields, path, context)
  const at = [...path, key]
  const partOf = (value: unknown, place: Path): CompositeDraft | undefined => {
    const isComposite = isFields(value) && compositesIn(value).length > 0
    const part = reader.fields(value, place, isComposite ? compositeKeys : keysOf(value))
    return part === undefined ? undefined : readPart(reader, part, place, context, depth + 1)
  }
  const partsOf = (value: unknown, place: Path): CompositeDraft[] | undefined => {
    const list = reader.list(value, place)
    if (Array.isArray(value) && list.length === 0) reader.report(place, 'is empty', 'name at least one')
    const parts = list.map((part, index) => partOf(part, [...place, index]))
    return parts.length > 0 && parts.every(part => part !== undefined) ? parts : undefined
  }
  if (key === 'not') {
    const of = partOf(fields['not'], at)
    return of === undefined ? undefined : { op: 'not', of }
  }
  if (key === 'count') {
    const count = reader.fields(fields['count'], at, countKeys)
    if (count === undefined) return undefined
    const of = partsOf(count['of'], [...at, 'of'])
    if (count['of'] === undefined) reader.report(at, 'of is missing', 'add of: a list of rules')
    const atLeast = wholeNumber(reader, count['at_least'], [...at, 'at_least'], of?.length ?? membersMax)
    return of === undefined || atLeast === undefined ? undefined : { op: 'count', atLeast, of }
  }
  const of = partsOf(fields[key], at)
  return of === undefined ? undefined : { op: key, of }
}

/** What a part that is no composite may say. */
function keysOf(value: unknown): readonly string[] {
  if (isFields(value) && 'rule' in value) return ruleMemberKeys
  return isFields(value) && 'signal' in value ? signalMemberKeys : anyMemberKeys
}

function readMember(
  reader: Reader,
  fields: Fields,
  path: Path,
  { over, selector, tables }: CompositeContext
): CompositeDraft | undefined {
  const forS =
    fields['for_s'] === undefined ? 0 : reader.number(fields['for_s'], [...path, 'for_s'], 0, secondsMax)
  const instancesMin =
    fields['at_least'] === undefined
      ? 1
      : wholeNumber(reader, fields['at_least'], [...path, 'at_least'], 1000)
  if (forS === undefined || instancesMin === undefined) return undefined
  if (instancesMin > 1 && over === 'port') {
    reader.report([...path, 'at_least'], 'a port is one', 'leave it out, or write over: device')
    return undefined
  }
  if (instancesMin > 1 && forS > 0) {
    reader.report([...path, 'for_s'], 'stands beside at_least', 'use hold: { raise_s } of the rule')
    return undefined
  }
  const on = (member: MemberDraft): CompositeDraft => ({ op: 'on', member, forMs: forS * 1000, instancesMin })
  const { rule } = fields
  if (rule !== undefined) {
    if (typeof rule === 'string') {
      const problem = (message: string, remedy: string): Problem =>
        reader.problem([...path, 'rule'], message, remedy)
      return on({ kind: 'rule', label: rule, problem })
    }
    reader.report([...path, 'rule'], `${shown(rule)} is not a rule`, 'write it like ups.on_battery')
    return undefined
  }
  if (fields['signal'] === undefined) {
    if (Object.keys(fields).every(key => anyMemberKeys.includes(key)))
      reader.report(path, 'names neither a rule nor a signal', 'add rule: or signal:')
    return undefined
  }
  if (over === 'node') {
    reader.report(path, 'a node has no signals of its own', 'name a rule: of its devices')
    return undefined
  }
  const own = readSelectorFields(reader, fields, path)
  const hold = readHold(reader, fields['hold'], [...path, 'hold'], noHold)
  if (hold.raiseS > 0 || hold.clearS > 0) {
    reader.report([...path, 'hold'], 'a part is not held by time', 'use for_s, or hold the rule')
    return undefined
  }
  const draft = readTest(
    reader,
    fields,
    path,
    own === undefined ? undefined : { ...selector, ...own },
    hold,
    tables
  )
  return draft === undefined ? undefined : on({ kind: 'condition', draft })
}

function wholeNumber(reader: Reader, value: unknown, path: Path, max: number): number | undefined {
  const number = reader.number(value, path, 1, max)
  if (number !== undefined && !Number.isInteger(number)) {
    reader.report(path, `${number} is not a whole number`, 'count in whole numbers')
    return undefined
  }
  return number
}

const membersIn = (composite: CompositeDraft): number =>
  composite.op === 'on'
    ? 1
    : composite.op === 'not'
      ? membersIn(composite.of)
      : composite.of.reduce((sum, part) => sum + membersIn(part), 0)

/** Whether something must be on for it to hold. */
export const isSound = (composite: CompositeDraft): boolean =>
  !holdsWithNothing(composite) && mustBeOn(composite)

/** Whether something stands there outside of every `not`. */
const mustBeOn = (composite: CompositeDraft): boolean =>
  composite.op === 'on' || (composite.op !== 'not' && composite.of.some(mustBeOn))

/** Nobody looks at a resource against which nothing is known. */
function holdsWithNothing(composite: CompositeDraft): boolean {
  switch (composite.op) {
    case 'on':
      return false
    case 'not':
      return !holdsWithNothing(composite.of)
    case 'any':
      return composite.of.some(holdsWithNothing)
    case 'all':
      return composite.of.every(holdsWithNothing)
    case 'count':
      return composite.of.filter(holdsWithNothing).length >= composite.atLeast
  }
}
