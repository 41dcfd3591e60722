import { codeName, signals, type SignalDef } from '../../schemas/signals.ts'
import { severities, tiers } from '../../schemas/words.ts'
import type { Limit } from '../../rules/compiled.ts'
import type { Selector } from '../../rules/model.ts'
import { sampleCountMax } from '../../rules/program.ts'
import { measuresOf } from '../../rules/rates.ts'
import { withKey } from '../../rules/reading/conditions.ts'
import type { ConditionDraft, RuleDraft } from '../../rules/reading/drafts.ts'

/**
 * What could be wrong with a rule and still compile: each limit a step beside, each hold a sample or a second longer or shorter, each
 * comparison the other way round, each name of an enumeration more or less, each selector wider or narrower, each level and clause
 * left out. A rule whose tests pass all the same with one of these is not tested.
 */
export interface Mutant {
  /** What it does to the rule, as a person reads it: `critical: below -21 → -20.9`. */
  readonly change: string
  /** null: the rule is left out. */
  readonly draft: RuleDraft | null
}

interface Changed<T> {
  readonly change: string
  readonly to: T
}

export function mutantsOf(rule: RuleDraft): Mutant[] {
  return [
    ...rule.levels.flatMap((level, at) => levelMutants(rule, level, at)),
    ...clauseMutants(rule, 'when'),
    ...clauseMutants(rule, 'unless')
  ]
}

type Level = RuleDraft['levels'][number]

function levelMutants(rule: RuleDraft, level: Level, at: number): Mutant[] {
  const named = (change: string): string => (rule.levels.length > 1 ? `${level.severity}: ${change}` : change)
  const others = rule.levels.filter((_, k) => k !== at)
  const instead = (changed: Level): RuleDraft => ({
    ...rule,
    levels: rule.levels.map((one, k) => (k === at ? changed : one))
  })
  return [
    ...(level.condition === null ? [] : conditionMutants(level.condition)).map(({ change, to }) => ({
      change: named(change),
      draft: instead({ ...level, condition: to })
    })),
    ...holdMutants(level).map(({ change, to }) => ({ change: named(change), draft: instead(to) })),
    ...severities
      .filter(severity => rule.levels.every(one => one.severity !== severity))
      .map(severity => ({
        change: named(`severity ${level.severity} → ${severity}`),
        draft: {
          ...rule,
          levels: [...others, { ...level, severity }].sort(
            (a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)
          )
        }
      })),
    others.length === 0
      ? { change: 'rule left out', draft: null }
      : { change: `level ${level.severity} left out`, draft: { ...rule, levels: others } }
  ]
}

const holds = [
  ['raise_s', 'raiseHoldMs'],
  ['clear_s', 'clearHoldMs'],
  ['flap_s', 'flapHoldMs']
] as const

function holdMutants(level: Level): Changed<Level>[] {
  return holds.flatMap(([key, field]) => {
    const seconds = level[field] / 1000
    // Damping where a rule has none is another rule, not a slip of the pen.
    if (field === 'flapHoldMs' && seconds === 0) return []
    return [seconds - 1, seconds + 1]
      .filter(other => other >= 0)
      .map(other => ({
        change: `${key} ${seconds} → ${other}`,
        to: { ...level, [field]: other * 1000 }
      }))
  })
}

function clauseMutants(rule: RuleDraft, key: 'when' | 'unless'): Mutant[] {
  const other = key === 'when' ? 'unless' : 'when'
  return rule[key].flatMap((clause, at): Mutant[] => {
    const place = `${key}[${at}] ${signalOf(clause).name}`
    const without = rule[key].filter((_, k) => k !== at)
    return [
      ...conditionMutants(clause).map(({ change, to }) => ({
        change: `${place}: ${change}`,
        draft: { ...rule, [key]: rule[key].map((one, k) => (k === at ? to : one)) }
      })),
      { change: `${place}: left out`, draft: { ...rule, [key]: without } },
      {
        change: `${place}: moved to ${other}`,
        draft: { ...rule, [key]: without, [other]: [...rule[other], clause] }
      }
    ]
  })
}

function conditionMutants(condition: ConditionDraft): Changed<ConditionDraft>[] {
  return [
    ...limitMutants(condition),
    ...comparisonMutants(condition),
    ...measureMutants(condition),
    ...nameMutants(condition),
    ...countMutants(condition),
    ...selectMutants(condition)
  ].map(({ change, to }) => ({ change, to: withKey({ ...condition, ...to }) }))
}

type Part = Changed<Partial<ConditionDraft>>

const signalOf = ({ signal }: Pick<ConditionDraft, 'signal'>): SignalDef => signals[signal]!

/** The smallest difference of a limit that matters, in the unit of what is compared; of a rate a twentieth of the limit. */
function stepOf(condition: ConditionDraft): number {
  if (condition.measure !== 'value') return rounded((condition.limit?.fallback ?? 1) / 20)
  return signalOf(condition).unit.startsWith('dB') ? 0.1 : 1
}

const rounded = (value: number): number => Math.round(value * 1e6) / 1e6

function limitMutants(condition: ConditionDraft): Part[] {
  const { limit, hysteresis, op } = condition
  if (limit === null) return []
  const step = stepOf(condition)
  const beside = (value: number): number[] => [rounded(value - step), rounded(value + step)]
  const found: Part[] = []
  const add = (change: string, to: Limit): void => void found.push({ change, to: { limit: to } })
  if (limit.fallback !== null)
    for (const other of beside(limit.fallback))
      add(`${op} ${limit.fallback} → ${other}`, { ...limit, fallback: other })
  for (const [opticClass, value] of limit.byOpticClass) {
    if (value === null) continue
    for (const other of beside(value))
      add(`${op} ${value} → ${other} (${opticClass})`, {
        ...limit,
        byOpticClass: new Map(limit.byOpticClass).set(opticClass, other)
      })
  }
  if (limit.moduleSignal >= 0) add("module's own limit left out", { ...limit, moduleSignal: -1 })
  for (const other of beside(hysteresis).filter(value => value >= 0))
    found.push({ change: `hysteresis ${rounded(hysteresis)} → ${other}`, to: { hysteresis: other } })
  return found
}

function comparisonMutants({ op }: ConditionDraft): Part[] {
  if (op !== 'below' && op !== 'above') return []
  const other = op === 'below' ? 'above' : 'below'
  return [{ change: `${op} → ${other}`, to: { op: other } }]
}

function measureMutants({ measure, signal }: ConditionDraft): Part[] {
  if (measure === 'value') return []
  return measuresOf(signal)
    .filter(other => other !== measure)
    .map(other => ({ change: `rate ${measure} → ${other}`, to: { measure: other } }))
}

function nameMutants(condition: ConditionDraft): Part[] {
  if (condition.op !== 'in') return []
  const signal = signalOf(condition)
  return Object.values(signal.codes ?? {}).flatMap((code): Part[] => {
    const mask = (condition.mask ^ (1 << code)) >>> 0
    const isIn = ((condition.mask >>> code) & 1) === 1
    // An enumeration without a name holds never: that is the rule, the level or the clause left out.
    if (mask === 0) return []
    return [{ change: `in: ${isIn ? 'without' : 'with'} ${codeName(signal, code) ?? code}`, to: { mask } }]
  })
}

function countMutants(condition: ConditionDraft): Part[] {
  if (condition.op === 'absent') return []
  const counts = [
    ['raise_samples', 'raiseCount'],
    ['clear_samples', 'clearCount']
  ] as const
  return counts.flatMap(([key, field]) =>
    [condition[field] - 1, condition[field] + 1]
      .filter(count => count >= 1 && count <= sampleCountMax)
      .map(count => ({ change: `${key} ${condition[field]} → ${count}`, to: { [field]: count } }))
  )
}

type Attribute = Exclude<keyof Selector, 'signal'>
const valuesOf: Readonly<Partial<Record<Attribute, readonly string[]>>> = {
  tier: tiers,
  port: ['uplink', 'downlink', 'access', '']
}

function selectMutants(condition: ConditionDraft): Part[] {
  const { selector } = condition
  const { signal: _signal, ...attributes } = selector
  const found: Part[] = []
  const shown = (values: readonly string[]): string => values.map(value => value || "''").join(', ')
  for (const [key, values = []] of Object.entries(attributes) as [
    Attribute,
    readonly string[] | undefined
  ][]) {
    const { [key]: _left, ...wider } = selector
    found.push({ change: `select: without ${key}`, to: { selector: wider } })
    const add = (change: string, others: readonly string[]): void =>
      void found.push({
        change: `select: ${key} ${change}`,
        to: { selector: { ...selector, [key]: others } }
      })
    for (const value of valuesOf[key] ?? values) {
      const others = values.filter(one => one !== value)
      if (others.length === values.length) add(`with ${shown([value])}`, [...values, value])
      else if (others.length > 0) add(`without ${shown([value])}`, others)
    }
  }
  // Narrower, where a signal is of ports and nothing is said of them.
  if (selector.port === undefined && /^(if|optics)\./.test(selector.signal))
    for (const port of valuesOf.port ?? [])
      found.push({
        change: `select: not port ${shown([port])}`,
        to: { selector: { ...selector, port: (valuesOf.port ?? []).filter(one => one !== port) } }
      })
  const own = signalOf(condition)
  signals.forEach((other, signal) => {
    if (signal === condition.signal || other.kind !== own.kind || other.unit !== own.unit) return
    if (condition.measure !== 'value' && !measuresOf(signal).includes(condition.measure)) return
    if (JSON.stringify(other.codes) === JSON.stringify(own.codes) || isMeant(condition, other))
      found.push({
        change: `select: ${own.name} → ${other.name}`,
        to: { signal, selector: { ...selector, signal: other.name } }
      })
  })
  return found
}

/** Whether the names that are asked for mean the same to another enumeration. */
function isMeant({ op, mask, signal }: ConditionDraft, other: SignalDef): boolean {
  if (op !== 'in') return false
  for (let code = 0; code < 32; code++) {
    if (((mask >>> code) & 1) === 0) continue
    const name = codeName(signals[signal]!, code)
    if (name === undefined || other.codes?.[name] !== code) return false
  }
  return true
}
