import type { FilePlace, Path, Problem } from '../../schemas/config/located-yaml.ts'
import type { IncidentKind } from '../../schemas/words.ts'
import type { CompiledCondition, CompiledLevel } from '../compiled.ts'

/** Rules as they are read, before their conditions have numbers. */

/** A condition before it has a number. */
export type ConditionDraft = Omit<CompiledCondition, 'id' | 'rules' | 'besides'>

export interface RuleDraft {
  readonly name: string
  readonly qualifier: string
  readonly kind: IncidentKind
  readonly scope: 'instance' | 'device'
  readonly levels: readonly (Omit<CompiledLevel, 'condition'> & { readonly condition: ConditionDraft })[]
  readonly when: readonly ConditionDraft[]
  readonly unless: readonly ConditionDraft[]
  readonly at: At
  readonly writtenAt: FilePlace
  readonly isOverride: boolean
}

/** Where a value stands, to report on it. */
interface At {
  problem(step: Path, message: string, remedy: string): Problem
}
