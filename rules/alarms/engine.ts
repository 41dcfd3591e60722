import type { CompiledRules } from '../compiled.ts'
import type { Alarm, AlarmTransition, ConditionFlip } from '../model.ts'
import type { ResourceState } from './resource-state.ts'
import type { Scope } from './resource.ts'
import type { Silence } from './silent-devices.ts'
import type { ResourceStanding } from './standing.ts'

/**
 * The alarm engine: combines the conditions of a resource by rule, holds them by time, and opens, changes and
 * clears alarms. Pure: time is an argument, and the same inputs give the same transitions.
 *
 * Flips of one resource with one event time are judged together, when a flip of another time or the end of the
 * batch (drain, tick, any look) comes: so the order of fields inside a record cannot raise what the record as a
 * whole does not mean. A hold is counted in event time from the flip, and its end is found by whichever comes
 * first, a later flip of the resource or a tick; the moment stored is the end of the hold either way.
 */
export interface AlarmEngine {
  /** Constant time; never throws on a flip of a condition that the rules no longer have. */
  apply(flip: ConditionFlip): void
  /** A device fell silent, or (`sinceMs` null) is heard again. */
  silence(input: Silence): void
  /** Ends the holds that have run out by `nowMs`. */
  tick(nowMs: number): void
  /** The transitions since the last drain, in order. */
  drain(): AlarmTransition[]
  /** The resources that flips, holds, a reload or a move changed since the last call, as they are now. */
  drainStates(): ResourceState[]
  open(): Iterable<Alarm>
  /** An open alarm. */
  get(id: string): Alarm | undefined
  /** Open alarms that colour this node, worst first. */
  byNode(node: string): readonly Alarm[]
  /**
   * Conditions the engine holds to be on for a series' resource. Seeds the state of a series when it is given its
   * program (assignProgram), after a restart or a reload, so that the next good samples clear what is open.
   */
  raisedConditions(device: string, instance: string): ReadonlySet<number>
  /**
   * Goes on under other rules, or under the same, which changes nothing: alarms of rules that are gone clear, the others stay open. Every series must be
   * given its program anew afterwards, seeded by raisedConditions.
   */
  reload(compiled: CompiledRules, nowMs: number): void
  /**
   * After an inventory reload: alarms move to the node they now belong to; undefined clears those of devices that
   * are gone. Returns the nodes that alarms moved away from; the transitions name the new ones. Of a node itself it is asked with its id as
   * the instance of no device.
   */
  relocate(nodeOf: (device: string, instance: string) => string | undefined, nowMs: number): readonly string[]
  /**
   * After a reload of inventory or rules: conditions that no rule judges any more on an instance go off there, since no
   * sample will say so. What was open by them clears at once.
   */
  dropUnjudged(
    isJudged: (condition: number, device: string, instance: string) => boolean,
    nowMs: number
  ): void
  /** How a resource stands with its rules; undefined where all is quiet. `instance` is '' for a whole device. */
  standing(scope: Scope, device: string, instance: string): ResourceStanding | undefined
  /** When the next hold ends, or null. */
  nextDeadlineMs(): number | null
  /** Resources with anything on, and holds under way: what memory goes by. */
  size(): { readonly resources: number; readonly deadlines: number; readonly alarms: number }
}
