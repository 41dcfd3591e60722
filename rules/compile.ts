import { createHash } from 'node:crypto'
import { ProblemsError, type Problem } from '../schemas/config/located-yaml.ts'
import { ruleLabel, type CompiledCondition, type CompiledRule, type CompiledRules } from './compiled.ts'
import { noNotes } from './model.ts'
import { signals } from '../schemas/signals.ts'
import { signalBeside } from './measures/rates.ts'
import { createAbsencePicker, createProgramPicker, crowdedSeries, differingBaselines } from './pick.ts'
import { readRulesFiles, type RulesFile } from './read.ts'
import { labelOf, levelOf, memberProblems, watchingDraft } from './members.ts'
import type { ConditionDraft, MemberDraft, RuleDraft } from './reading/drafts.ts'

/**
 * Compiles rules files (docs/rules.md) to conditions, judged in the workers, and rules over them, judged by the
 * alarm engine. Pure: the caller reads the files. Every error of every file is reported at once.
 */

/** Compiles files in order; a rule or table with `override: true` replaces an earlier one of its name. Throws ProblemsError. */
export function compileRules(files: readonly RulesFile[]): CompiledRules {
  const problems: Problem[] = []
  const broken = new Set<string>()
  const off: RuleDraft[] = []
  return compileDrafts(readRulesFiles(files, problems, broken, off), off, problems, broken)
}

/**
 * Compiles rules that were read before. `off`: rules that are switched off; who asks them finds no alarm. `problems` are those found so far,
 * `broken` names rules that have some. Throws ProblemsError.
 */
export function compileDrafts(
  drafts: readonly RuleDraft[],
  off: readonly RuleDraft[] = [],
  problems: readonly Problem[] = [],
  broken: ReadonlySet<string> = new Set()
): CompiledRules {
  const faults = memberProblems(drafts, off, broken)
  // Rules that are broken cannot be asked.
  const asksOthers = drafts.some(({ levels }) => levels.some(({ composite }) => composite !== null))
  if (faults.length > 0 || (asksOthers && problems.length > 0))
    throw new ProblemsError([...problems, ...faults])
  const compiled = assemble(drafts, off)
  const all = [...problems, ...crowdedSeries(compiled, drafts), ...differingBaselines(compiled, drafts)]
  if (all.length > 0) throw new ProblemsError(all)
  return compiled
}

/** Which of them a port has is a bit each (status/engine/assign.ts). */
const besidesMax = 24

/** A rule without what nothing is judged by: the place it is written at, and what it says beside. */
const judgement = ({
  writtenAt: _place,
  isOverride: _flag,
  notes: _notes,
  levels,
  schedule,
  flapping,
  ...rule
}: CompiledRule): object => ({
  ...rule,
  // Only where there is one: stored states know the others by what they were called before there were composites.
  levels: levels.map(({ composite, ...level }) => (composite === null ? level : { ...level, composite })),
  ...(schedule === null ? {} : { schedule }),
  ...(flapping === null ? {} : { flapping })
})

function assemble(drafts: readonly RuleDraft[], off: readonly RuleDraft[]): CompiledRules {
  const byKey = new Map<string, { draft: ConditionDraft; id: number; rules: number[]; besides: Beside }>()
  /** `besides`: what the rule is about, for a clause of it. */
  const number = (draft: ConditionDraft, rule: number, besides: Beside = 'always'): number => {
    let condition = byKey.get(draft.key)
    if (condition === undefined)
      byKey.set(draft.key, (condition = { draft, id: byKey.size, rules: [], besides: [] }))
    if (!condition.rules.includes(rule)) condition.rules.push(rule)
    condition.besides =
      condition.besides === 'always' || besides === 'always'
        ? 'always'
        : [...new Set([...condition.besides, ...besides])]
    return condition.id
  }
  const byLabel = new Map(drafts.map((draft, index) => [labelOf(draft), index]))
  const numberOf = (member: MemberDraft, rule: number): number =>
    number(
      member.kind === 'condition' ? member.draft : watchingDraft(member.label, [...drafts, ...off]),
      rule
    )
  const rules = drafts.map((draft, index): CompiledRule => ({
    index,
    name: draft.name,
    qualifier: draft.qualifier,
    kind: draft.kind,
    scope: draft.scope,
    levels: draft.levels.map(level => levelOf(level, member => numberOf(member, index))),
    when: draft.when.map(clause => number(clause, index, besideOf(draft, clause))),
    unless: draft.unless.map(clause => number(clause, index, besideOf(draft, clause))),
    schedule: draft.schedule,
    flapping: draft.flapping,
    notes: draft.notes,
    writtenAt: draft.writtenAt,
    isOverride: draft.isOverride
  }))
  const conditions = [...byKey.values()].map(({ draft, id, rules: users, besides }) => ({
    ...draft,
    id,
    rules: users,
    besides: besides === 'always' ? [] : besides
  }))
  const beside = new Map<number, readonly number[]>()
  const bySignal = new Map<number, CompiledCondition[]>()
  const limited = new Map<number, number[]>()
  const watching = new Map<number, number>()
  for (const condition of conditions) {
    if (condition.op === 'alarm') {
      watching.set(byLabel.get(condition.watches) ?? -1, condition.id)
      continue
    }
    const same = bySignal.get(condition.signal)
    if (same === undefined) bySignal.set(condition.signal, [condition])
    else same.push(condition)
    const reckonedBy = signalBeside(condition.signal, condition.measure)
    const wanted = reckonedBy < 0 ? condition.besides : [...condition.besides, reckonedBy]
    if (wanted.length > 0) {
      const asked = [...new Set([...(beside.get(condition.signal) ?? []), ...wanted])]
      if (asked.length > besidesMax)
        throw new RangeError(
          `rules ask ${asked.length} signals of the ports that ${signals[condition.signal]?.name ?? ''} is judged on, at most ${besidesMax} can be; ask fewer signals in the levels of rules that ask it in a clause`
        )
      beside.set(condition.signal, asked)
    }
    const moduleSignal = condition.limit?.moduleSignal ?? -1
    if (moduleSignal < 0) continue
    const judged = limited.get(moduleSignal) ?? []
    if (!judged.includes(condition.signal)) limited.set(moduleSignal, [...judged, condition.signal])
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([conditions.map(condition => condition.key), rules.map(judgement)]))
    .digest('hex')
    .slice(0, 16)
  return {
    conditions,
    rules,
    programFor: createProgramPicker(bySignal),
    absencesOf: createAbsencePicker(bySignal),
    signalsNeedingLimits: limited,
    signalsBeside: beside,
    watching,
    notesOf: ({ type, qualifier }) => rules[byLabel.get(ruleLabel(type, qualifier)) ?? -1]?.notes ?? noNotes,
    digest
  }
}

/** Signals beside which alone a condition is asked, or that it is asked always. */
type Beside = 'always' | readonly number[]

/** Trunk ports are few, and all that is asked of them is judged; so is what is asked of a whole device. */
function besideOf(rule: RuleDraft, clause: ConditionDraft): Beside {
  const asked = rule.levels.flatMap(level => level.condition?.signal ?? [])
  const roles = clause.selector.port
  const isOfTrunks = roles?.every(role => role === 'uplink' || role === 'downlink') === true
  return rule.scope === 'device' || roles === undefined || isOfTrunks || asked.includes(clause.signal)
    ? 'always'
    : asked
}
