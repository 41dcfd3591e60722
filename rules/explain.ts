import { placeText } from '../schemas/config/located-yaml.ts'
import { portOfInstance } from '../schemas/lanes.ts'
import { codeName, signals } from '../schemas/signals.ts'
import type { Coordinates } from '../schemas/words.ts'
import type { ResourceStanding, RuleStanding } from './alarms/standing.ts'
import {
  ruleLabel,
  type CompiledCondition,
  type CompiledLevel,
  type CompiledRule,
  type CompiledRules
} from './compiled.ts'
import {
  ruleStates,
  type ExplainedBaseline,
  type ExplainedFlapping,
  type ExplainedInput,
  type ExplainedLevel,
  type ExplainedRate,
  type ExplainedSchedule,
  type LimitOrigin,
  type RuleExplanation,
  type RuleState
} from './explained.ts'
import { membersOf } from './composite.ts'
import { compositeText, saysOf, wouldRaise } from './explain-texts.ts'
import type { SeriesAttributes } from './model.ts'
import { selects } from './pick.ts'
import type { ConditionSpec } from './program.ts'
import type { Change, KnownBaseline, Learning } from './measures/baselines.ts'
import { isChange, isRate, unitOf } from './measures/measure.ts'
import { signalBeside, type KnownRate, type Rate } from './measures/rates.ts'
import { scheduleText, stretchOf } from './schedule.ts'

/**
 * Why the rules of a device raised an alarm or did not: every rule that applies, with what it reads now, its limits, where they
 * come from, and what would raise it. Pure; the readings are given, because values that changed nothing are kept nowhere but
 * in the store.
 */
export interface ExplainInput {
  readonly compiled: CompiledRules
  readonly device: string
  readonly attributesOf: (instance: string) => Omit<SeriesAttributes, 'signal'>
  readonly series: readonly KnownSeries[]
  readonly standingOf: (scope: CompiledRule['scope'], instance: string) => ResourceStanding | undefined
  readonly nowMs: number
}

/** A series of the device with its last reading; null where none is known. */
export interface KnownSeries {
  readonly signal: number
  readonly instance: string
  readonly last: {
    readonly value: number
    readonly timeMs: number
    readonly coordinates: Coordinates | null
  } | null
  /** Its rates as they were judged last; left out where nothing is known of them. */
  readonly rateOf?: (rate: Rate) => KnownRate | undefined
  /** Its baseline as it is now, with the change that was judged last. */
  readonly baselineOf?: (change: Change, learning: Learning) => KnownBaseline | undefined
}

/** Readings shown of one condition. */
const inputsMax = 4

interface Judged {
  readonly series: KnownSeries
  readonly spec: ConditionSpec | undefined
  readonly origin: LimitOrigin | null
}

/** Rules that are raised first, then those on their way, the quiet ones, and those that have nothing to read. */
export function explainDevice(input: ExplainInput): RuleExplanation[] {
  const judged = judgedSeries(input)
  const found: RuleExplanation[] = []
  for (const rule of input.compiled.rules) {
    const instances = new Set<string>()
    for (const condition of rule.levels.flatMap(askedBy))
      for (const { series } of judged.get(condition) ?? [])
        instances.add(isOfPort(rule) ? portOfInstance(series.instance) : '')
    for (const instance of instances) found.push(explainRule(input, rule, instance, judged))
  }
  return found.sort(
    (a, b) =>
      ruleStates.indexOf(a.state) - ruleStates.indexOf(b.state) ||
      (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0) ||
      a.instance.localeCompare(b.instance, 'en', { numeric: true })
  )
}

/** Series by the conditions that judge them, with the limits that hold for each. */
function judgedSeries({ compiled, series: all, attributesOf }: ExplainInput): Map<number, Judged[]> {
  const bySignal = new Map<number, CompiledCondition[]>()
  for (const condition of compiled.conditions)
    bySignal.set(condition.signal, [...(bySignal.get(condition.signal) ?? []), condition])
  const moduleLimits = new Map<string, Map<number, number>>()
  for (const { signal, instance, last } of all) {
    if (last === null || !compiled.signalsNeedingLimits.has(signal)) continue
    const limits = moduleLimits.get(instance) ?? new Map<number, number>()
    moduleLimits.set(instance, limits.set(signal, last.value))
  }
  const judged = new Map<number, Judged[]>()
  for (const series of all) {
    const conditions = bySignal.get(series.signal)
    if (conditions === undefined) continue
    const attributes = { signal: series.signal, ...attributesOf(series.instance) }
    const limits = moduleLimits.get(series.instance)
    const { conditions: specs } = compiled.programFor(attributes, limits, besideOf(compiled, all, series))
    for (const condition of conditions) {
      if (!selects(condition.selector, attributes)) continue
      const spec = specs.find(one => one.condition === condition.id)
      const origin = spec === undefined ? null : originOf(condition, attributes.opticClass, spec, limits)
      judged.set(condition.id, [...(judged.get(condition.id) ?? []), { series, spec, origin }])
    }
  }
  return judged
}

/** What of its port a series is judged beside. */
function besideOf(
  { signalsBeside }: CompiledRules,
  all: readonly KnownSeries[],
  { signal, instance }: KnownSeries
): ReadonlySet<number> | undefined {
  const asked = signalsBeside.get(signal)
  if (asked === undefined) return undefined
  return new Set(
    all.flatMap(other => (other.instance === instance && asked.includes(other.signal) ? [other.signal] : []))
  )
}

function originOf(
  { limit }: CompiledCondition,
  opticClass: string,
  spec: ConditionSpec,
  moduleLimits: ReadonlyMap<number, number> | undefined
): LimitOrigin | null {
  if (limit === null) return null
  const { table = '', overriddenAt = '' } = limit
  const origin = (from: LimitOrigin['from'], ofClass = ''): LimitOrigin => ({
    from,
    opticClass: ofClass,
    table: from === 'module' ? '' : table,
    overriddenAt: from === 'module' ? '' : overriddenAt
  })
  // A module whose limits contradict each other is left out of account as a whole, and the table holds.
  if (limit.moduleSignal >= 0 && moduleLimits?.get(limit.moduleSignal) === spec.raiseLimit)
    return origin('module')
  if (limit.byOpticClass.has(opticClass.toLowerCase())) return origin('optic-class', opticClass)
  return origin(table === '' ? 'rule' : 'default')
}

function explainRule(
  { compiled, standingOf, nowMs, device }: ExplainInput,
  rule: CompiledRule,
  instance: string,
  judged: ReadonlyMap<number, readonly Judged[]>
): RuleExplanation {
  const resource = standingOf(rule.scope, instance)
  const standing = resource?.rules.get(rule.index)
  const isOn = (condition: number): boolean => resource?.on.has(condition) === true
  const inputsOf = (id: number, part: ExplainedInput['part']): ExplainedInput[] => {
    const condition = compiled.conditions[id]
    if (condition === undefined) return []
    return (judged.get(id) ?? [])
      .filter(({ series }) => !isOfPort(rule) || portOfInstance(series.instance) === instance)
      .map(one => inputOf(condition, one, part, isOn(id)))
      .sort((a, b) => apart(a) - apart(b))
      .slice(0, inputsMax)
  }
  const watchedOf = (member: number): string => compiled.conditions[member]?.watches ?? ''
  /** Of each part what is nearest to it. */
  const partsOf = (level: CompiledLevel): ExplainedInput[] =>
    askedBy(level).flatMap(member => inputsOf(member, 'level').slice(0, 1))
  const levels = rule.levels.map((level, k): ExplainedLevel => {
    const now = standing?.levels[k]
    return {
      severity: level.severity,
      raiseHoldMs: level.raiseHoldMs,
      clearHoldMs: level.clearHoldMs,
      isOn: now?.isOn ?? false,
      sinceMs: now === undefined || (now.sinceMs === 0 && !now.isOn) ? null : now.sinceMs,
      deadlineMs: now?.deadlineMs ?? null,
      inputs: level.composite === null ? inputsOf(level.condition, 'level') : partsOf(level),
      together:
        level.composite === null
          ? null
          : compositeText(level.composite, member => inputsOf(member, 'level')[0] ?? watchedOf(member))
    }
  })
  const gates = [
    ...rule.when.flatMap(id => inputsOf(id, 'when')),
    ...rule.unless.flatMap(id => inputsOf(id, 'unless'))
  ]
  const isCrossed = rule.levels.some(({ condition, composite }) => composite === null && isOn(condition))
  const state = stateOf(standing, isCrossed, levels)
  const explanation = {
    rule: ruleLabel(rule.name, rule.qualifier),
    kind: rule.kind,
    scope: rule.scope,
    writtenAt: placeText(rule.writtenAt),
    isOverride: rule.isOverride,
    notes: rule.notes,
    schedule: scheduleAt(rule, nowMs),
    flapping: flappingOf(rule, standing),
    device,
    instance,
    state,
    severity: standing?.alarm?.severity ?? null,
    alarm: standing?.alarm?.id ?? null,
    levels,
    gates
  }
  return {
    ...explanation,
    says: saysOf(explanation, standing?.alarm ?? null, nowMs),
    wouldRaise: wouldRaise(explanation)
  }
}

function scheduleAt({ schedule }: CompiledRule, nowMs: number): ExplainedSchedule | null {
  if (schedule === null) return null
  const { isInForce, toMs } = stretchOf(schedule, nowMs)
  return { text: scheduleText(schedule), isInForce, changesMs: toMs }
}

function flappingOf(
  { flapping }: CompiledRule,
  standing: RuleStanding | undefined
): ExplainedFlapping | null {
  if (flapping === null) return null
  const { changes, withinMs, clearMs } = flapping
  const { seen = 0, untilMs = null } = standing?.flapping ?? {}
  return { changes, withinMs, clearMs, seen, untilMs }
}

const askedBy = ({ condition, composite }: CompiledLevel): readonly number[] =>
  composite === null ? [condition] : membersOf(composite)

const isOfPort = ({ scope }: CompiledRule): boolean => scope === 'instance' || scope === 'over-port'

function stateOf(
  standing: RuleStanding | undefined,
  isCrossed: boolean,
  levels: readonly ExplainedLevel[]
): RuleState {
  if (standing !== undefined && standing.alarm !== null)
    return standing.levels.every(level => !level.isOn) ? 'clearing' : 'raised'
  if (standing?.levels.some(({ isOn, deadlineMs }) => isOn && deadlineMs !== null) === true) return 'raising'
  if (isCrossed) return 'prevented'
  const inputs = levels.flatMap(level => level.inputs)
  if (levels.some(({ together }) => together !== null)) return 'quiet'
  if (inputs.some(({ meets }) => meets === true)) return 'counting'
  if (inputs.some(isLearning)) return 'quiet'
  if (inputs.every(({ value }) => value === null)) return 'no-reading'
  return inputs.every(({ meets }) => meets === null) ? 'no-limit' : 'quiet'
}

/** Whether there are readings, but it is not known yet what is usual. */
const isLearning = ({ value, baseline }: ExplainedInput): boolean =>
  value === null && baseline !== null && baseline.samples > 0

function inputOf(
  condition: CompiledCondition,
  { series, spec, origin }: Judged,
  part: ExplainedInput['part'],
  isOn: boolean
): ExplainedInput {
  const signal = signals[series.signal]!
  const { measure } = condition
  const reading = series.last?.value ?? null
  const rate = isRate(measure) ? explainedRate(series, measure, reading) : undefined
  const baseline = isChange(measure) ? explainedBaseline(series, measure, condition.learning) : undefined
  const value = measure === 'value' ? reading : ((rate ?? baseline)?.value ?? null)
  const isNumeric = condition.limit !== null
  const names: string[] = []
  for (let code = 0; code < 32 && condition.mask !== 0; code++)
    if (((condition.mask >>> code) & 1) === 1) names.push(codeName(signal, code) ?? String(code))
  if (condition.op === 'alarm') names.push(condition.watches)
  return {
    part,
    signal: signal.name,
    instance: series.instance,
    unit: unitOf(series.signal, measure),
    value,
    valueName: value === null ? null : (codeName(signal, value) ?? null),
    rate: rate?.of ?? null,
    baseline: baseline?.of ?? null,
    timeMs: series.last?.timeMs ?? null,
    coordinates: series.last?.coordinates ?? null,
    meets:
      condition.op === 'absent' || condition.op === 'alarm'
        ? isOn
        : value === null || spec === undefined
          ? null
          : isMet(spec, value),
    isOn,
    condition: {
      op: condition.op,
      names,
      limit: isNumeric ? (spec?.raiseLimit ?? null) : null,
      clearLimit: isNumeric ? (spec?.clearLimit ?? null) : null,
      origin,
      raiseSamples: condition.raiseCount,
      clearSamples: condition.clearCount
    }
  }
}

/** What is compared, and what it is made of. */
interface Reckoned<T> {
  readonly value: number | null
  readonly of: T
}

function explainedRate(
  { signal, rateOf }: KnownSeries,
  measure: Rate,
  counter: number | null
): Reckoned<ExplainedRate> {
  const known = rateOf?.(measure)
  const beside = signalBeside(signal, measure)
  const of = {
    measure,
    counter,
    perSecond: known?.perSecond ?? null,
    besideSignal: signals[beside]?.name ?? '',
    beside: known?.beside ?? null,
    besideUnit: beside < 0 ? '' : unitOf(beside, measure === 'share' ? 'per_second' : 'value')
  }
  return { value: known?.value ?? null, of }
}

function explainedBaseline(
  { signal, last, baselineOf }: KnownSeries,
  measure: Change,
  learning: Learning | null
): Reckoned<ExplainedBaseline> | undefined {
  if (learning === null) return undefined
  const known = baselineOf?.(measure, learning)
  const of = {
    measure,
    reading: last?.value ?? null,
    now: known?.fast ?? null,
    usual: known?.slow ?? null,
    readingUnit: unitOf(signal, 'value'),
    learntMs: known?.learntMs ?? 0,
    samples: known?.samples ?? 0,
    ...learning
  }
  return { value: known?.value ?? null, of }
}

function isMet({ op, raiseLimit, mask }: ConditionSpec, value: number): boolean {
  if (op === 'below') return value < raiseLimit
  if (op === 'above') return value > raiseLimit
  return Number.isInteger(value) && value >= 0 && value <= 31 && ((mask >>> value) & 1) === 1
}

/** By how much a reading misses its condition; readings that are unknown come last. */
function apart({ value, meets, condition: { limit } }: ExplainedInput): number {
  if (value === null) return Infinity
  if (meets === true) return -1
  return limit === null ? 1e300 : Math.abs(value - limit)
}
