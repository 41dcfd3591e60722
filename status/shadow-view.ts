import type { Light, LocalText, Severity } from '../schemas/words.ts'

/** What the outward face may ask of the rules in shadow: what they would have done beside what the live rules do. */

export const shadowChanges = ['gained', 'lost', 'changed', 'light'] as const
/**
 * `gained`: an alarm that only the rules in shadow have; `lost`: one that only the live rules have; `changed`: one that both have, at
 * other times or of another severity; `light`: a node whose light is another.
 */
export type ShadowChange = (typeof shadowChanges)[number]

export interface ShadowDifference {
  /** What tells the alarms apart that can be open at one time; of a light its node. */
  readonly key: string
  readonly change: ShadowChange
  readonly node: string
  /** Name and qualifier of the rule; '' for a light. */
  readonly rule: string
  readonly device: string
  readonly instance: string
  /** The alarm's worst severity, or the light, by the rules in shadow; null where they have none. */
  readonly is: Severity | Light | null
  /** The same by the live rules. */
  readonly was: Severity | Light | null
  readonly fromMs: number
  /** Null while it is so. */
  readonly toMs: number | null
  /** Null for a light. */
  readonly text: LocalText | null
}

export interface ShadowFilter {
  readonly change?: ShadowChange | undefined
  readonly node?: string | undefined
  readonly rule?: string | undefined
  /** `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface ShadowPage {
  readonly items: readonly ShadowDifference[]
  /** On all pages. */
  readonly total: number
  readonly next: string | null
}

/** How many differences there are now, and how many have ended since the shadow began. */
export type ShadowTally = { readonly name: string } & Readonly<
  Record<ShadowChange, { readonly open: number; readonly ended: number }>
>

export const shadowStates = ['off', 'starting', 'running', 'failed'] as const
export type ShadowState = (typeof shadowStates)[number]

export interface ShadowStanding {
  /** `off` where the configuration names no rules in shadow. */
  readonly state: ShadowState
  /** Why it failed; '' otherwise. */
  readonly detail: string
  readonly files: readonly string[]
  /** Since when it is compared (ms); null while it is not. */
  readonly sinceMs: number | null
  /** Samples that were given to it, and that were left out because it was behind. */
  readonly samples: number
  readonly dropped: number
}

export interface ShadowReport extends ShadowStanding, ShadowPage {
  /** The most different first, at most `talliesMax` of each. */
  readonly byRule: readonly ShadowTally[]
  readonly byNode: readonly ShadowTally[]
  /** Ended differences that are counted only. */
  readonly forgotten: number
}

/** What metrics show: by rule, the most different first. */
export interface ShadowSummary {
  readonly byRule: readonly ShadowTally[]
  /** Nodes whose light is another at present. */
  readonly lights: number
}

export const talliesMax = 100
