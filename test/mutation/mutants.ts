import { codeName, signals, type SignalDef } from '../../schemas/signals.ts'
import { severities, tiers } from '../../schemas/words.ts'
import type { Flapping, Limit } from '../../rules/compiled.ts'
import type { Selector } from '../../rules/model.ts'
import { sampleCountMax } from '../../rules/program.ts'
import { measuresOf } from '../../rules/measures/measure.ts'
import { withKey } from '../../rules/reading/conditions.ts'
import { isSound } from '../../rules/reading/composites.ts'
import type { CompositeDraft, ConditionDraft, RuleDraft } from '../../rules/reading/drafts.ts'
import { dayNames, type Schedule } from '../../rules/schedule.ts'

/**
 * What could be wrong with a rule and still compile: each limit a step beside, each hold a sample or a second longer or shorter, each
 * comparison the other way round, each name of an enumeration more or less, each selector wider or narrower, each level and clause
 * left out, each part of a composite taken otherwise, each time of a schedule. A rule whose tests pass all the same with one of these is not tested.
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
    ...clauseMutants(rule, 'unless'),
    ...timeMutants(rule)
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
    ...(level.composite === null ? [] : compositeMutants(level.composite))
      .filter(({ to }) => isSound(to))
      .map(({ change, to }) => ({ change: named(change), draft: instead({ ...level, composite: to }) })),
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

/** Each part left out, asked otherwise, or not asked; what is taken together taken together otherwise. */
function compositeMutants(part: CompositeDraft): Changed<CompositeDraft>[] {
  if (part.op === 'on') return memberMutants(part)
  if (part.op === 'not')
    return [
      { change: `not ${partName(part.of)}: without not`, to: part.of },
      ...compositeMutants(part.of).map(({ change, to }) => ({
        change: `not ${change}`,
        to: { op: 'not', of: to } as const
      }))
    ]
  const found: Changed<CompositeDraft>[] = []
  const add = (change: string, to: CompositeDraft): void => void found.push({ change, to })
  const { of } = part
  if (part.op === 'count') {
    for (const atLeast of [part.atLeast - 1, part.atLeast + 1])
      if (atLeast >= 1 && atLeast <= of.length)
        add(`count: at_least ${part.atLeast} → ${atLeast}`, { ...part, atLeast })
  } else if (of.length > 1)
    add(`${part.op} → ${part.op === 'any' ? 'all' : 'any'}`, { op: part.op === 'any' ? 'all' : 'any', of })
  of.forEach((one, at) => {
    const replaced = (to: CompositeDraft): CompositeDraft => ({
      ...part,
      of: of.map((other, k) => (k === at ? to : other))
    })
    const rest = of.filter((_, k) => k !== at)
    if (rest.length >= (part.op === 'count' ? part.atLeast : 1))
      add(`${part.op}: without ${partName(one)}`, { ...part, of: rest })
    add(`${part.op}: not ${partName(one)}`, replaced({ op: 'not', of: one }))
    for (const { change, to } of compositeMutants(one)) add(change, replaced(to))
  })
  return found
}

type Member = Extract<CompositeDraft, { op: 'on' }>

function memberMutants(part: Member): Changed<CompositeDraft>[] {
  const { member, forMs, instancesMin } = part
  const name = partName(part)
  const seconds = [forMs / 1000 - 1, forMs / 1000 + 1].filter(other => other >= 0)
  // How many, where it says for how long, and of one place, cannot be asked.
  const counts = forMs > 0 ? [] : [instancesMin - 1, instancesMin + 1].filter(other => other >= 1)
  return [
    ...seconds.map(other => ({
      change: `${name}: for_s ${forMs / 1000} → ${other}`,
      to: { ...part, forMs: other * 1000 }
    })),
    ...(instancesMin > 1 ? counts : []).map(other => ({
      change: `${name}: at_least ${instancesMin} → ${other}`,
      to: { ...part, instancesMin: other }
    })),
    ...(member.kind === 'rule' ? [] : conditionMutants(member.draft)).map(({ change, to }) => ({
      change: `${name}: ${change}`,
      to: { ...part, member: { kind: 'condition', draft: to } as const }
    }))
  ]
}

function partName(part: CompositeDraft): string {
  if (part.op === 'not') return `not ${partName(part.of)}`
  if (part.op !== 'on') return `${part.op} (${part.of.map(partName).join(', ')})`
  return part.member.kind === 'rule' ? part.member.label : signalOf(part.member.draft).name
}

/** A schedule a minute or a day otherwise, flapping a change or a second; and without them. */
function timeMutants(rule: RuleDraft): Mutant[] {
  const { schedule, flapping } = rule
  const found: Mutant[] = []
  if (schedule !== null) {
    const add = (change: string, to: Partial<Schedule>): void =>
      void found.push({ change: `schedule: ${change}`, draft: { ...rule, schedule: { ...schedule, ...to } } })
    found.push({ change: 'schedule: left out', draft: { ...rule, schedule: null } })
    for (const [key, name] of [
      ['fromMin', 'from'],
      ['toMin', 'to']
    ] as const)
      for (const other of [schedule[key] - 1, schedule[key] + 1])
        if (other >= (key === 'toMin' ? 1 : 0) && other <= (key === 'toMin' ? 1440 : 1439))
          add(`${name} ${schedule[key]} → ${other} min`, { [key]: other })
    dayNames.forEach((name, day) => {
      const days = schedule.days.map((is, k) => (k === day ? !is : is))
      if (days.some(Boolean)) add(`${days[day] === true ? 'with' : 'without'} ${name}`, { days })
    })
  }
  if (flapping !== null) {
    const add = (change: string, to: Partial<Flapping>): void =>
      void found.push({ change: `flapping: ${change}`, draft: { ...rule, flapping: { ...flapping, ...to } } })
    found.push({ change: 'flapping: left out', draft: { ...rule, flapping: null } })
    for (const changes of [flapping.changes - 1, flapping.changes + 1])
      add(`changes ${flapping.changes} → ${changes}`, { changes })
    for (const [key, name] of [
      ['withinMs', 'within_s'],
      ['clearMs', 'clear_s']
    ] as const)
      for (const other of [flapping[key] - 1000, flapping[key] + 1000])
        if (other > 0) add(`${name} ${flapping[key] / 1000} → ${other / 1000}`, { [key]: other })
    for (const severity of severities)
      if (severity !== flapping.severity && flapping.severity !== null)
        add(`severity ${flapping.severity} → ${severity}`, { severity })
  }
  return found
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
    ...learningMutants(condition),
    ...nameMutants(condition),
    ...countMutants(condition),
    ...selectMutants(condition)
  ].map(({ change, to }) => ({ change, to: withKey({ ...condition, ...to }) }))
}

type Part = Changed<Partial<ConditionDraft>>

const signalOf = ({ signal }: Pick<ConditionDraft, 'signal'>): SignalDef => signals[signal]!

/** The smallest difference of a limit that matters, in the unit of what is compared; of a rate or a change a twentieth of the limit. */
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
    .map(other => ({ change: `${measure} → ${other}`, to: { measure: other } }))
}

/** A tenth of each time more or less. */
function learningMutants({ learning }: ConditionDraft): Part[] {
  if (learning === null) return []
  return [0.9, 1.1].flatMap(part => {
    const overMs = learning.overMs * part
    const learnMs = learning.learnMs * part
    return [
      { change: `baseline × ${part}`, to: { learning: { ...learning, overMs } } },
      { change: `learn × ${part}`, to: { learning: { ...learning, learnMs } } }
    ]
  })
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
