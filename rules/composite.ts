/** Composite rules: other rules and conditions of a port, a device or a node taken together, judged when one of them changes. */

/** What is true of a resource by which of its conditions are on. */
export type Composite =
  /** On, for at least `instancesMin` of what the resource is made of, and for `forMs` at least. */
  | { readonly op: 'on'; readonly condition: number; readonly forMs: number; readonly instancesMin: number }
  | { readonly op: 'any' | 'all'; readonly of: readonly Composite[] }
  | { readonly op: 'count'; readonly atLeast: number; readonly of: readonly Composite[] }
  | { readonly op: 'not'; readonly of: Composite }

/** Of a condition that is on: for how many instances, and since when (ms). */
export interface MemberState {
  readonly instances: number
  readonly sinceMs: number
}

/**
 * Whether it holds at a moment. `stateOf` gives undefined for a condition that is off; `onWake` is told of the moments at which the
 * answer may become another though no condition changes.
 */
export function holds(
  composite: Composite,
  stateOf: (condition: number) => MemberState | undefined,
  atMs: number,
  onWake: (wakeMs: number) => void
): boolean {
  // Every part is looked at, because each may have a moment of its own.
  const count = (parts: readonly Composite[]): number =>
    parts.reduce((sum, part) => sum + (holds(part, stateOf, atMs, onWake) ? 1 : 0), 0)
  switch (composite.op) {
    case 'on': {
      const state = stateOf(composite.condition)
      if (state === undefined || state.instances < composite.instancesMin) return false
      const fromMs = state.sinceMs + composite.forMs
      if (fromMs <= atMs) return true
      onWake(fromMs)
      return false
    }
    case 'any':
      return count(composite.of) > 0
    case 'all':
      return count(composite.of) === composite.of.length
    case 'count':
      return count(composite.of) >= composite.atLeast
    case 'not':
      return !holds(composite.of, stateOf, atMs, onWake)
  }
}

/** The conditions it asks, in the order they are written; those that stand below a `not` only with `isNegated`. */
export function membersOf(composite: Composite, isNegated = true): number[] {
  if (composite.op === 'on') return [composite.condition]
  if (composite.op === 'not') return isNegated ? membersOf(composite.of) : []
  return composite.of.flatMap(part => membersOf(part, isNegated))
}

/** The same with other numbers of conditions. */
export function renumbered<T>(composite: CompositeOf<T>, numberOf: (member: T) => number): Composite {
  switch (composite.op) {
    case 'on': {
      const { member, ...rest } = composite
      return { ...rest, condition: numberOf(member) }
    }
    case 'not':
      return { op: 'not', of: renumbered(composite.of, numberOf) }
    case 'count':
      return { ...composite, of: composite.of.map(part => renumbered(part, numberOf)) }
    default:
      return { op: composite.op, of: composite.of.map(part => renumbered(part, numberOf)) }
  }
}

/** A composite whose conditions are not numbered yet. */
export type CompositeOf<T> =
  | { readonly op: 'on'; readonly member: T; readonly forMs: number; readonly instancesMin: number }
  | { readonly op: 'any' | 'all'; readonly of: readonly CompositeOf<T>[] }
  | { readonly op: 'count'; readonly atLeast: number; readonly of: readonly CompositeOf<T>[] }
  | { readonly op: 'not'; readonly of: CompositeOf<T> }

/** What composite rules are about: their resources are their own. */
export const overs = ['port', 'device', 'node'] as const
export type Over = (typeof overs)[number]
export const overScopes = { port: 'over-port', device: 'over-device', node: 'over-node' } as const
export type OverScope = (typeof overScopes)[Over]
