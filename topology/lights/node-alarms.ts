import { lightOfSeverity, severities, type IncidentKind, type Severity } from '../../schemas/words.ts'

/** What the engine needs to know of a node's open alarms. */
export interface NodeAlarms {
  /** Worst light of them. */
  readonly light: 'red' | 'yellow'
  /** Kind, id and severity of the worst. */
  readonly kind: IncidentKind
  readonly alarm: string
  readonly severity: Severity
  /** When the worst was raised (event time, ms). */
  readonly sinceMs: number
  /** Ids of all of them. */
  readonly alarms: readonly string[]
  /** Since when a UPS of the node runs on battery (ms), or null. */
  readonly mainsLostSinceMs: number | null
}

/** An alarm as this module needs it; rules/model.ts Alarm is one. */
export interface AlarmLike {
  readonly id: string
  readonly severity: Severity
  readonly kind: IncidentKind
  readonly raisedAtMs: number
}

/**
 * Sums up the open alarms of a node: the worst by severity, the earliest of those, then the smallest id.
 *
 * @param isMainsLost tells the alarms that say "runs on battery" from other alarms of power
 */
export function summariseAlarms<A extends AlarmLike>(
  open: Iterable<A>,
  isMainsLost: (alarm: A) => boolean
): NodeAlarms | null {
  let worst: A | undefined
  let mainsLostSinceMs: number | null = null
  const ids: string[] = []
  for (const alarm of open) {
    ids.push(alarm.id)
    if (worst === undefined || isWorse(alarm, worst)) worst = alarm
    if (isMainsLost(alarm) && (mainsLostSinceMs === null || alarm.raisedAtMs < mainsLostSinceMs)) {
      mainsLostSinceMs = alarm.raisedAtMs
    }
  }
  if (worst === undefined) return null
  return {
    light: lightOfSeverity[worst.severity] === 'red' ? 'red' : 'yellow',
    kind: worst.kind,
    alarm: worst.id,
    severity: worst.severity,
    sinceMs: worst.raisedAtMs,
    alarms: ids.sort(),
    mainsLostSinceMs
  }
}

function isWorse(a: AlarmLike, b: AlarmLike): boolean {
  const rank = severities.indexOf(a.severity) - severities.indexOf(b.severity)
  if (rank !== 0) return rank < 0
  return a.raisedAtMs !== b.raisedAtMs ? a.raisedAtMs < b.raisedAtMs : a.id < b.id
}
