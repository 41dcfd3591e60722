import type { ExplainedInput, RuleExplanation } from '../../rules/explained.ts'
import type { NodeExplanation } from '../view.ts'
import type { ExplainedRuleJson, ExplainJson } from './api-explain.ts'
import { isoOrNull, isoTime, presentNotes } from './present.ts'

/** The explanation of a node as the HTTP interface gives it. */
export function presentExplanation(
  { id, name, devices }: NodeExplanation,
  rules: readonly RuleExplanation[],
  limit: number,
  readingsFromMs: number,
  nowMs: number
): ExplainJson {
  return {
    id,
    name,
    readingsFrom: isoTime(readingsFromMs),
    total: rules.length,
    rules: rules.slice(0, limit).map(rule => presentRule(rule, nowMs)),
    devices: devices.map(({ id: device, lastHeardMs, intervalMs, limitMs, isSilent, clockOffsetMs }) => ({
      id: device,
      lastHeard: isoOrNull(lastHeardMs),
      lastHeardMs,
      intervalMs: Math.round(intervalMs),
      limitMs: Math.round(limitMs),
      silent: isSilent,
      clockOffsetMs: clockOffsetMs === null ? null : Math.round(clockOffsetMs)
    }))
  }
}

function presentRule(
  { says, wouldRaise, levels, gates, notes, schedule, flapping, ...rule }: RuleExplanation,
  nowMs: number
): ExplainedRuleJson {
  return {
    ...rule,
    ...presentNotes(notes),
    schedule: schedule === null ? null : { ...schedule, changes: isoTime(schedule.changesMs) },
    flapping: flapping === null ? null : { ...flapping, until: isoOrNull(flapping.untilMs) },
    says: { ...says },
    wouldRaise: { ...wouldRaise },
    levels: levels.map(({ severity, raiseHoldMs, clearHoldMs, isOn, sinceMs, deadlineMs, inputs }) => ({
      severity,
      raiseHoldMs,
      clearHoldMs,
      isOn,
      since: isoOrNull(sinceMs),
      sinceMs,
      holdEnds: isoOrNull(deadlineMs),
      holdEndsMs: deadlineMs,
      inputs: inputs.map(input => presentInput(input, nowMs))
    })),
    gates: gates.map(gate => presentInput(gate, nowMs))
  }
}

function presentInput(
  { timeMs, condition, ...input }: ExplainedInput,
  nowMs: number
): ExplainedRuleJson['gates'][number] {
  const { op, names, limit, clearLimit, origin, raiseSamples, clearSamples } = condition
  return {
    ...input,
    eventTime: isoOrNull(timeMs),
    eventTimeMs: timeMs,
    ageMs: timeMs === null ? null : nowMs - timeMs,
    op,
    names: [...names],
    limit,
    clearLimit,
    origin,
    raiseSamples,
    clearSamples
  }
}
