import type { LocalText } from '../../schemas/words.ts'
import type { CompiledLevel } from '../compiled.ts'
import { membersOf } from '../composite.ts'
import { stretchOf } from '../schedule.ts'
import { nextLookMs } from './flapping.ts'
import { isQuiet, never, type Resource, type RuleState } from './resource.ts'

/** What the time alone changes of a rule: its schedule begins or ends, it flaps no more. */

/** When that is next; `never` for not at all. */
export function timedWakeMs(state: RuleState, atMs: number): number {
  const { rule, flaps, resource } = state
  const flapsMs = rule.flapping === null || flaps === null ? never : nextLookMs(flaps, rule.flapping)
  if (rule.schedule === null) return flapsMs
  const isKnown =
    state.alarm !== null ||
    !state.levels.every(isQuiet) ||
    rule.levels.some(level => isAsked(resource, level))
  return isKnown ? Math.min(flapsMs, stretchOf(rule.schedule, atMs).toMs) : flapsMs
}

/** Whether something is on that the level asks, so that it may hold when its rule comes into force. */
function isAsked({ conditions }: Resource, { condition, composite }: CompiledLevel): boolean {
  if (composite === null) return conditions.has(condition)
  return membersOf(composite, false).some(member => conditions.has(member))
}

/** The words of an alarm that ends because its rule is in force no longer. */
export function outOfScheduleText({ ru, en }: LocalText): LocalText {
  return { ru: `${ru} — время действия правила кончилось`, en: `${en} – its rule is in force no longer` }
}
