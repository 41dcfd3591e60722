import type { FilePlace, Path, Problem } from '../../schemas/config/located-yaml.ts'
import type { IncidentKind } from '../../schemas/words.ts'
import type { CompositeOf } from '../composite.ts'
import type { CompiledCondition, CompiledLevel, CompiledRule } from '../compiled.ts'
import type { RuleNotes } from '../model.ts'

/** Rules as they are read, before their conditions have numbers. */

/** A condition before it has a number. */
export type ConditionDraft = Omit<CompiledCondition, 'id' | 'rules' | 'besides'>

/** Another rule whose alarm is asked, where it is written; or a condition of its own. */
export type MemberDraft =
  | {
      readonly kind: 'rule'
      readonly label: string
      readonly problem: (message: string, remedy: string) => Problem
    }
  | { readonly kind: 'condition'; readonly draft: ConditionDraft }

export type CompositeDraft = CompositeOf<MemberDraft>

export interface RuleDraft {
  readonly name: string
  readonly qualifier: string
  readonly kind: IncidentKind
  readonly scope: CompiledRule['scope']
  readonly levels: readonly LevelDraft[]
  readonly when: readonly ConditionDraft[]
  readonly unless: readonly ConditionDraft[]
  readonly schedule: CompiledRule['schedule']
  readonly flapping: CompiledRule['flapping']
  readonly notes: RuleNotes
  readonly at: At
  readonly writtenAt: FilePlace
  readonly isOverride: boolean
}

/** One severity: with a condition, or with several taken together. */
export interface LevelDraft extends Omit<CompiledLevel, 'condition' | 'composite'> {
  /** null where there is a composite, and the other way round. */
  readonly condition: ConditionDraft | null
  readonly composite: CompositeDraft | null
}

/** Where a value stands, to report on it. */
interface At {
  problem(step: Path, message: string, remedy: string): Problem
}
