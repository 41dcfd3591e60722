import type { Problem } from '../schemas/config/located-yaml.ts'
import { signals } from '../schemas/signals.ts'
import { ruleLabel, type CompiledCondition, type CompiledRules, type Limit } from './compiled.ts'
import type { Selector, SeriesAttributes } from './model.ts'
import type { ConditionSpec, ProgramSpec } from './program.ts'
import type { RuleDraft } from './reading/drafts.ts'
import { durationText } from './reading/measured.ts'
import { isRate } from './measures/measure.ts'
import { keptFor, signalBeside, signalsFor } from './measures/rates.ts'
import { conditionsPerSeriesMax } from './series-state.ts'

/** Which conditions judge which series. */

/** Distinct attribute sets remembered; an inventory has a few hundred. */
const rememberedMax = 20_000
const noTags: readonly string[] = []
const emptyProgram: ProgramSpec = { conditions: [] }

export function createProgramPicker(
  bySignal: ReadonlyMap<number, readonly CompiledCondition[]>
): CompiledRules['programFor'] {
  const remembered = new Map<string, ProgramSpec>()
  const rated = ratedBeside(bySignal)
  return (attributes, moduleLimits, beside) => {
    const conditions = bySignal.get(attributes.signal) ?? noConditions
    const rates = rated.get(attributes.signal) ?? noConditions
    if (conditions.length === 0 && rates.length === 0) return emptyProgram
    const judged: JudgedBy = { conditions, rates }
    if (moduleLimits !== undefined && moduleLimits.size > 0) {
      const own = programOf(judged, attributes, moduleLimits, beside)
      if (isConsistent(own)) return own
      // Warnings of 0 beside alarm limits that can be: only those count.
      const outer = outermostOf(own, conditions)
      if (isConsistent(outer)) return outer
    }
    if (beside !== undefined && beside.size > 0) return programOf(judged, attributes, undefined, beside)
    const { signal, vendor, model, role, tier, port, opticClass, tags = noTags } = attributes
    const key = `${signal}\0${vendor}\0${model}\0${role}\0${tier}\0${port}\0${opticClass}\0${tags.join('\0')}`
    let program = remembered.get(key)
    if (program === undefined) {
      program = programOf(judged, attributes, undefined, undefined)
      if (remembered.size >= rememberedMax) remembered.clear()
      remembered.set(key, program)
    }
    return program
  }
}

/** The program for a series that there is no room for rates or a baseline of. */
export function withoutRates({ conditions }: ProgramSpec): ProgramSpec {
  return { conditions: conditions.filter(({ measure }) => measure === undefined) }
}

const noConditions: readonly CompiledCondition[] = []

/** The conditions of a signal, and those of other signals whose rates are reckoned by it. */
interface JudgedBy {
  readonly conditions: readonly CompiledCondition[]
  readonly rates: readonly CompiledCondition[]
}

function ratedBeside(
  bySignal: ReadonlyMap<number, readonly CompiledCondition[]>
): ReadonlyMap<number, readonly CompiledCondition[]> {
  const found = new Map<number, CompiledCondition[]>()
  for (const condition of [...bySignal.values()].flat()) {
    if (!isRate(condition.measure)) continue
    for (const signal of signalsFor(condition.signal, condition.measure))
      found.set(signal, [...(found.get(signal) ?? []), condition])
  }
  return found
}

const noAbsences: readonly number[] = []

export function createAbsencePicker(
  bySignal: ReadonlyMap<number, readonly CompiledCondition[]>
): CompiledRules['absencesOf'] {
  const absences = new Map<number, readonly CompiledCondition[]>()
  for (const [signal, conditions] of bySignal) {
    const found = conditions.filter(({ op }) => op === 'absent')
    if (found.length > 0) absences.set(signal, found)
  }
  return attributes =>
    absences
      .get(attributes.signal)
      ?.flatMap(({ id, selector }) => (selects(selector, attributes) ? id : [])) ?? noAbsences
}

function programOf(
  { conditions, rates }: JudgedBy,
  attributes: SeriesAttributes,
  moduleLimits: ReadonlyMap<number, number> | undefined,
  beside: ReadonlySet<number> | undefined
): ProgramSpec {
  const specs: ConditionSpec[] = []
  for (const condition of conditions) {
    if (condition.op === 'absent' || condition.op === 'alarm') continue
    if (!selects(condition.selector, attributes)) continue
    if (condition.besides.length > 0 && !condition.besides.some(signal => beside?.has(signal) === true))
      continue
    // Without what it is reckoned by there is no such rate, and so nothing to keep for it.
    const reckonedBy = signalBeside(condition.signal, condition.measure)
    if (reckonedBy >= 0 && beside?.has(reckonedBy) !== true) continue
    const raise = condition.limit === null ? 0 : limitOf(condition.limit, attributes.opticClass, moduleLimits)
    if (raise === null || isLeftToModule(condition, conditions, moduleLimits)) continue
    specs.push({
      condition: condition.id,
      op: condition.op,
      ...(condition.measure === 'value' ? {} : { measure: condition.measure }),
      ...(condition.learning === null ? {} : { learnMs: condition.learning.learnMs }),
      raiseLimit: raise,
      clearLimit: condition.op === 'above' ? raise - condition.hysteresis : raise + condition.hysteresis,
      raiseCount: condition.raiseCount,
      clearCount: condition.clearCount,
      mask: condition.mask
    })
  }
  // Of one series one baseline is learnt: compiling refuses conditions that differ (compile.ts).
  const learning = conditions.find(({ id }) =>
    specs.some(spec => spec.condition === id && spec.learnMs !== undefined)
  )?.learning
  if (learning != null)
    return {
      conditions: specs.slice(0, conditionsPerSeriesMax),
      keeps: 'baseline',
      overMs: learning.overMs
    }
  const hasRate = specs.some(({ measure }) => measure !== undefined)
  const keeps =
    hasRate || rates.some(condition => isReckonedAt(condition, attributes))
      ? keptFor(attributes.signal, rates.length > 0)
      : 'nothing'
  return {
    conditions: specs.slice(0, conditionsPerSeriesMax),
    ...(keeps === 'nothing' ? {} : { keeps })
  }
}

/** Whether a rate at such a place needs this signal. The start of a device is told of the device, whatever the port. */
function isReckonedAt(condition: CompiledCondition, attributes: SeriesAttributes): boolean {
  return keptFor(attributes.signal, true) === 'uptime' || selects(condition.selector, attributes)
}

function limitOf(
  limit: Limit,
  opticClass: string,
  moduleLimits: ReadonlyMap<number, number> | undefined
): number | null {
  const own = limit.moduleSignal < 0 ? undefined : moduleLimits?.get(limit.moduleSignal)
  if (own !== undefined && Number.isFinite(own)) return own
  const ofClass = limit.byOpticClass.get(opticClass.toLowerCase())
  return ofClass === undefined ? limit.fallback : ofClass
}

/** Whether a module names other limits on this side and not this one: one with alarm limits and no warnings has no warnings. */
function isLeftToModule(
  { op, signal, limit }: CompiledCondition,
  conditions: readonly CompiledCondition[],
  moduleLimits: ReadonlyMap<number, number> | undefined
): boolean {
  if (limit === null || limit.moduleSignal < 0 || moduleLimits?.has(limit.moduleSignal) !== false)
    return false
  return conditions.some(
    other =>
      other.op === op &&
      other.signal === signal &&
      other.limit !== null &&
      other.limit.moduleSignal >= 0 &&
      moduleLimits.has(other.limit.moduleSignal)
  )
}

/** Of what a module names on each side, the limit that is furthest out. */
function outermostOf(program: ProgramSpec, conditions: readonly CompiledCondition[]): ProgramSpec {
  const isModules = ({ condition }: ConditionSpec): boolean =>
    (conditions.find(({ id }) => id === condition)?.limit?.moduleSignal ?? -1) >= 0
  const ofModule = program.conditions.filter(isModules)
  const low = Math.min(...ofModule.filter(({ op }) => op === 'below').map(({ raiseLimit }) => raiseLimit))
  const high = Math.max(...ofModule.filter(({ op }) => op === 'above').map(({ raiseLimit }) => raiseLimit))
  return {
    ...program,
    conditions: program.conditions.filter(
      spec => !isModules(spec) || spec.raiseLimit === (spec.op === 'below' ? low : high)
    )
  }
}

/** Whether some value is well: every low limit clears below where every high limit does. */
function isConsistent(program: ProgramSpec): boolean {
  let low = -Infinity
  let high = Infinity
  for (const condition of program.conditions) {
    // A limit of a rate or a change is none of the value.
    if (condition.measure !== undefined) continue
    if (condition.op === 'below') low = Math.max(low, condition.clearLimit)
    else if (condition.op === 'above') high = Math.min(high, condition.clearLimit)
  }
  return low < high
}

type AttributeName = Exclude<keyof SeriesAttributes, 'signal' | 'tags'>
const attributeNames: readonly AttributeName[] = ['vendor', 'model', 'role', 'tier', 'port', 'opticClass']

/** Whether a condition is compiled onto series of such a place. */
export function selects(selector: Selector, attributes: SeriesAttributes): boolean {
  for (const name of attributeNames) {
    const wanted = selector[name]
    if (wanted === undefined) continue
    const value = attributes[name].toLowerCase()
    if (!wanted.some(pattern => isMatched(pattern, value))) return false
  }
  const { tags = noTags } = attributes
  return selector.tag?.some(pattern => tags.some(tag => isMatched(pattern, tag))) ?? true
}

/** A pattern may end in `*`. Both are in lower case. */
export function isMatched(pattern: string, value: string): boolean {
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : pattern === value
}

/** Finds series that more conditions would judge than a series has room for, one problem a signal. */
export function crowdedSeries({ conditions: all }: CompiledRules, drafts: readonly RuleDraft[]): Problem[] {
  const problems: Problem[] = []
  const bySignal = new Map<number, CompiledCondition[]>()
  for (const condition of all.filter(({ op }) => op !== 'absent' && op !== 'alarm'))
    bySignal.set(condition.signal, [...(bySignal.get(condition.signal) ?? []), condition])
  for (const [signal, conditions] of bySignal) {
    const crowd = crowdOf(conditions, 0)
    if (crowd === undefined) continue
    const lastRule = Math.max(...crowd.flatMap(condition => condition.rules.slice(0, 1)))
    const problem = drafts[lastRule]?.at.problem(
      ['select'],
      `${crowd.length} conditions would judge one series of ${signals[signal]?.name ?? ''}; ${conditionsPerSeriesMax} are possible`,
      'narrow the selectors, or merge rules that compare alike'
    )
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}

/** Some set of conditions above the limit that one series could have, attribute by attribute. It may have any tags. */
function crowdOf(
  conditions: readonly CompiledCondition[],
  attribute: number
): readonly CompiledCondition[] | undefined {
  if (conditions.length <= conditionsPerSeriesMax) return undefined
  const name = attributeNames[attribute]
  if (name === undefined) return conditions
  const named = new Set(conditions.flatMap(condition => condition.selector[name] ?? []))
  // A value that no selector names stands for all others; a pattern is met by its own beginning.
  const candidates = ['\u0001', ...[...named].map(pattern => pattern.replace(/\*$/, ''))]
  for (const value of candidates) {
    const left = conditions.filter(condition => {
      const wanted = condition.selector[name]
      return wanted === undefined || wanted.some(pattern => isMatched(pattern, value))
    })
    const crowd = crowdOf(left, attribute + 1)
    if (crowd !== undefined) return crowd
  }
  return undefined
}

/** Finds conditions that would learn over different times on one series, of which one baseline is kept; one problem a condition. */
export function differingBaselines(
  { conditions: all, rules }: CompiledRules,
  drafts: readonly RuleDraft[]
): Problem[] {
  const learnt = all.filter(({ learning }) => learning !== null)
  return learnt.flatMap((condition, at) => {
    const other = learnt
      .slice(0, at)
      .find(
        ({ signal, learning, selector }) =>
          signal === condition.signal &&
          learning?.overMs !== condition.learning?.overMs &&
          mayMeet(selector, condition.selector)
      )
    const rule = condition.rules[0] ?? -1
    if (other?.learning == null) return []
    const by = rules[other.rules[0] ?? -1]
    const problem = drafts[rule]?.at.problem(
      ['baseline'],
      `${signals[condition.signal]?.name ?? ''} is learnt over ${durationText(other.learning.overMs)} by ${by === undefined ? 'another rule' : ruleLabel(by.name, by.qualifier)}, and a series has one baseline`,
      `write baseline: ${durationText(other.learning.overMs)}, override that rule, or narrow select`
    )
    return problem === undefined ? [] : [problem]
  })
}

/** Whether some series could be selected by both. */
function mayMeet(one: Selector, other: Selector): boolean {
  return attributeNames.every(name => {
    const wanted = one[name]
    const others = other[name]
    return (
      wanted === undefined ||
      others === undefined ||
      wanted.some(a =>
        others.some(b => isMatched(a, b.replace(/\*$/, '')) || isMatched(b, a.replace(/\*$/, '')))
      )
    )
  })
}
