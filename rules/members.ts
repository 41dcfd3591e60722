import type { Problem } from '../schemas/config/located-yaml.ts'
import { signals } from '../schemas/signals.ts'
import { ruleLabel, type CompiledLevel, type CompiledRule } from './compiled.ts'
import { membersOf, renumbered } from './composite.ts'
import type { CompositeDraft, ConditionDraft, LevelDraft, MemberDraft, RuleDraft } from './reading/drafts.ts'
import { suggestion } from './yaml-reader.ts'

/** How composite rules find the rules they ask. */

export const labelOf = ({ name, qualifier }: Pick<RuleDraft, 'name' | 'qualifier'>): string =>
  ruleLabel(name, qualifier)

/** Members that are no rules, are about something wider than what asks them, or ask each other in a circle. */
export function memberProblems(
  drafts: readonly RuleDraft[],
  off: readonly RuleDraft[],
  broken: ReadonlySet<string>
): Problem[] {
  const byLabel = new Map([...off, ...drafts].map(draft => [labelOf(draft), draft]))
  const brokenLabels = new Set([...broken].map(key => key.replace(/\/$/, '')))
  const problems: Problem[] = []
  for (const draft of drafts)
    for (const member of ruleMembersOf(draft)) {
      const asked = byLabel.get(member.label)
      if (asked === undefined) {
        // What is wrong with it is said already.
        if (brokenLabels.has(member.label)) continue
        const others = [...byLabel.keys()].filter(label => label !== labelOf(draft))
        const remedy = suggestion(member.label, others) ?? 'name a rule of these files, or a shipped one'
        problems.push(member.problem(`there is no rule ${member.label}`, remedy))
      } else if (breadth[asked.scope] > breadth[draft.scope])
        problems.push(
          member.problem(
            `${member.label} is about ${about[asked.scope]}, this rule about ${about[draft.scope]}`,
            `write over: ${overOf[asked.scope]}`
          )
        )
      else if (asks(asked, draft, byLabel, new Set()))
        problems.push(
          member.problem(`${member.label} asks ${labelOf(draft)} in turn`, 'let one of them ask other rules')
        )
    }
  return problems
}

type Scope = CompiledRule['scope']
const breadth: Readonly<Record<Scope, number>> = {
  instance: 0,
  'over-port': 0,
  device: 1,
  'over-device': 1,
  'over-node': 2
}
const about: Readonly<Record<Scope, string>> = {
  instance: 'a port',
  'over-port': 'a port',
  device: 'a device',
  'over-device': 'a device',
  'over-node': 'a node'
}
const overOf: Readonly<Record<Scope, string>> = {
  instance: 'port',
  'over-port': 'port',
  device: 'device',
  'over-device': 'device',
  'over-node': 'node'
}

/** Whether a rule is another one, or asks it in however many steps. */
function asks(
  from: RuleDraft,
  wanted: RuleDraft,
  byLabel: ReadonlyMap<string, RuleDraft>,
  seen: Set<RuleDraft>
): boolean {
  if (from === wanted) return true
  if (seen.has(from)) return false
  seen.add(from)
  return ruleMembersOf(from).some(({ label }) => {
    const next = byLabel.get(label)
    return next !== undefined && asks(next, wanted, byLabel, seen)
  })
}

type RuleMember = Extract<MemberDraft, { kind: 'rule' }>

function ruleMembersOf({ levels }: RuleDraft): RuleMember[] {
  return levels.flatMap(({ composite }) =>
    composite === null ? [] : draftsIn(composite).filter(member => member.kind === 'rule')
  )
}

function draftsIn(composite: CompositeDraft): MemberDraft[] {
  if (composite.op === 'on') return [composite.member]
  if (composite.op === 'not') return draftsIn(composite.of)
  return composite.of.flatMap(draftsIn)
}

/** A level with the numbers of its conditions. Of a composite, the first that must be on speaks for it. */
export function levelOf(level: LevelDraft, numberOf: (member: MemberDraft) => number): CompiledLevel {
  const { condition, composite: draft, ...rest } = level
  if (draft === null) {
    if (condition === null) throw new RangeError('a level has neither a condition nor a composite')
    return { ...rest, condition: numberOf({ kind: 'condition', draft: condition }), composite: null }
  }
  const composite = renumbered(draft, numberOf)
  const [first] = membersOf(composite, false)
  if (first === undefined) throw new RangeError('a composite asks nothing that must be on')
  return { ...rest, condition: first, composite }
}

/** The condition that a rule has an alarm. */
export function watchingDraft(label: string, drafts: readonly RuleDraft[]): ConditionDraft {
  const signal = signalOf(label, drafts)
  return {
    key: JSON.stringify(['rule', label]),
    signal,
    selector: { signal: signals[signal]!.name },
    op: 'alarm',
    measure: 'value',
    learning: null,
    limit: null,
    hysteresis: 0,
    mask: 0,
    raiseCount: 1,
    clearCount: 1,
    watches: label
  }
}

/** The signal that a rule asks first. No rule asks itself, in however many steps. */
function signalOf(label: string, drafts: readonly RuleDraft[]): number {
  const level = drafts.find(draft => labelOf(draft) === label)?.levels[0]
  if (level === undefined) throw new RangeError(`there is no rule ${label}`)
  if (level.condition !== null) return level.condition.signal
  const [first] = level.composite === null ? [] : draftsIn(level.composite)
  if (first === undefined) throw new RangeError(`the rule ${label} asks nothing`)
  return first.kind === 'condition' ? first.draft.signal : signalOf(first.label, drafts)
}
