import type { Alarm } from '../model.ts'
import { isFlapping } from './flapping.ts'
import { never, type Resource } from './resource.ts'

/** How a resource stands with its rules: what explains why an alarm is raised, or is not. */
export interface ResourceStanding {
  /** Conditions that are on. */
  readonly on: ReadonlySet<number>
  /** By index of the rule; a rule that is quiet is not in it. */
  readonly rules: ReadonlyMap<number, RuleStanding>
}

export interface RuleStanding {
  /** Of each level, worst first. */
  readonly levels: readonly {
    /** What the conditions say, since when (event time, ms). */
    readonly isOn: boolean
    readonly sinceMs: number
    /** What the holds have let through. */
    readonly isConfirmed: boolean
    /** When the hold under way ends; null for none. */
    readonly deadlineMs: number | null
  }[]
  readonly alarm: Alarm | null
  /** Changes that count towards flapping; null where the rule does not ask. */
  readonly flapping: { readonly seen: number; readonly untilMs: number | null } | null
}

export function standingOf(resource: Resource): ResourceStanding {
  return {
    on: new Set(resource.conditions.keys()),
    rules: new Map(
      [...resource.rules].map(([index, { levels, alarm, flaps }]): [number, RuleStanding] => [
        index,
        {
          alarm,
          flapping:
            flaps === null
              ? null
              : { seen: flaps.times.length, untilMs: isFlapping(flaps) ? flaps.untilMs : null },
          levels: levels.map(({ on, sinceMs, confirmed, deadlineMs }) => ({
            isOn: on,
            sinceMs,
            isConfirmed: confirmed,
            deadlineMs: deadlineMs === never ? null : deadlineMs
          }))
        }
      ])
    )
  }
}
