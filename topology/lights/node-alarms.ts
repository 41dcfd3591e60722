import { lightOfSeverity, severities, type IncidentKind, type Severity } from '../../schemas/words.ts'

/** What the engine needs to know of a node's open alarms. */
export interface NodeAlarms {
  /** Worst light of them, but for the ports below; null where there are no others. */
  readonly light: 'red' | 'yellow' | null
  /** Kind and id of the worst. */
  readonly kind: IncidentKind
  readonly alarm: string
  /** When the worst was raised (event time, ms). */
  readonly sinceMs: number
  /** Ids of all of them. */
  readonly alarms: readonly string[]
  /** Since when a UPS of the node runs on battery (ms), or null. */
  readonly mainsLostSinceMs: number | null
  /** No more is known than that devices are silent: all alarms say only that. */
  readonly isSilence?: boolean
  /** All alarms say only that devices are silent, ports down or rings broken: what cuts the node off looks so. */
  readonly isReachOnly?: boolean
  /** Trunk ports that are down. What they say is judged together, as ways of nodes. */
  readonly ports?: readonly PortDown[]
  /** All alarms but those of ports say only that a ring of the node is broken, not where. */
  readonly isOfRing?: boolean
  /** The worst is of a grave severity, whatever its light: somebody is to be called at once. */
  readonly isGrave?: boolean
  /** Those that say neither that its mains are lost nor that its links or rings are: what is wrong within it. Left out where there are none. */
  readonly rest?: RestAlarms
  /** All that is known against the node is one service of it, since then: what else it is fed by may explain that. */
  readonly service?: ServiceLost
}

/** What is wrong within a node, whether it has mains and links or not. */
export interface RestAlarms {
  /** Worst light of them. */
  readonly light: 'red' | 'yellow'
  readonly kind: IncidentKind
  /** When the worst was raised (event time, ms). */
  readonly sinceMs: number
  readonly alarms: readonly string[]
  readonly isGrave: boolean
  /** The worst is of a level of a link. */
  readonly isOfLevel: boolean
  /** The worst says only that a device is silent. */
  readonly isSilence: boolean
}

/** A service beside the network that is hit alone, by its name, and since when (event time, ms). */
export interface ServiceLost {
  readonly name: string
  readonly sinceMs: number
}

/** A trunk port that is down, or switched off, by an alarm. */
export interface PortDown {
  /** Id of the device. */
  readonly device: string
  readonly instance: string
  readonly sinceMs: number
  /** Id of the alarm. */
  readonly alarm: string
  /** Switched off by an engineer: no fault, as long as there is another way. */
  readonly isByHand: boolean
}

/** What an alarm says besides its severity. */
export interface AlarmMeaning {
  /** Tells the alarms that say "runs on battery" from other alarms of power. */
  readonly isMainsLost: boolean
  /** The trunk port it says to be down; null for all other alarms. */
  readonly port: Pick<PortDown, 'device' | 'instance' | 'isByHand'> | null
  /** It says only that a device is silent. */
  readonly isSilence: boolean
  /** Part of the node is hit at most, and its light no more than yellow: one service of several, a link inside the node. */
  readonly isInPart: boolean
  /** The service beside the network that it speaks of alone; left out for all others. */
  readonly service?: string
  /** It says only that a ring of the node is broken, not where. */
  readonly isOfRing?: boolean
  /** A loss of mains has left it behind, and it is over soon after they are back. */
  readonly isLeftByCut?: boolean
  /** It tells of a danger to what still works: its light is no more than yellow, however grave it is. */
  readonly isRisk?: boolean
}

/** An alarm as this module needs it; rules/model.ts Alarm is one. */
export interface AlarmLike {
  readonly id: string
  readonly severity: Severity
  readonly kind: IncidentKind
  readonly raisedAtMs: number
}

/** Sums up the open alarms of a node: the worst by severity, the earliest of those, then the smallest id. */
export function summariseAlarms<A extends AlarmLike>(
  open: Iterable<A>,
  meaningOf: (alarm: A) => AlarmMeaning
): NodeAlarms | null {
  let worst: Weighed | undefined
  let firstPort: PortDown | undefined
  let mainsLostSinceMs: number | null = null
  let isSilence = true
  let isReachOnly = true
  let isOfRing = true
  let service: ServiceLost | undefined
  let isGrave = false
  /** Names of services; '' for everything else. */
  const services = new Set<string>()
  const ids: string[] = []
  let rest: (Weighed & Pick<RestAlarms, 'isOfLevel' | 'isSilence'>) | undefined
  const restIds: string[] = []
  const ports: PortDown[] = []
  for (const alarm of open) {
    ids.push(alarm.id)
    const { isMainsLost, port, isInPart, ...meaning } = meaningOf(alarm)
    isSilence &&= meaning.isSilence
    isReachOnly &&= meaning.isSilence || port !== null || meaning.isOfRing === true
    services.add(port === null ? (meaning.service ?? '') : '')
    if (port !== null) {
      const told = { sinceMs: alarm.raisedAtMs, alarm: alarm.id, ...port }
      ports.push(told)
      if (firstPort === undefined || isEarlier(told, firstPort)) firstPort = told
      continue
    }
    isOfRing &&= meaning.isOfRing === true
    const { id, kind, raisedAtMs } = alarm
    const severity = isInPart ? 'warning' : alarm.severity
    const isRed = lightOfSeverity[severity] === 'red'
    isGrave ||= isRed
    const weighed: Weighed = { id, kind, raisedAtMs, severity, isRed: isRed && meaning.isRisk !== true }
    if (service === undefined || raisedAtMs < service.sinceMs)
      service = { name: meaning.service ?? '', sinceMs: raisedAtMs }
    if (worst === undefined || isWorse(weighed, worst)) worst = weighed
    if (!isMainsLost && meaning.isOfRing !== true && meaning.isLeftByCut !== true) {
      restIds.push(id)
      if (rest === undefined || isWorse(weighed, rest))
        rest = {
          ...weighed,
          isOfLevel: kind === 'optics' && meaning.service === undefined,
          isSilence: meaning.isSilence
        }
    }
    if (isMainsLost && (mainsLostSinceMs === null || raisedAtMs < mainsLostSinceMs)) {
      mainsLostSinceMs = raisedAtMs
    }
  }
  if (worst === undefined && firstPort === undefined) return null
  const told =
    worst === undefined
      ? ({ light: null, kind: 'link', alarm: firstPort!.alarm, sinceMs: firstPort!.sinceMs } as const)
      : {
          light: worst.isRed ? ('red' as const) : ('yellow' as const),
          kind: worst.kind,
          alarm: worst.id,
          sinceMs: worst.raisedAtMs
        }
  return {
    ...told,
    alarms: ids.sort(),
    mainsLostSinceMs,
    isSilence,
    ...(ports.length > 0 && { ports }),
    ...(isReachOnly && { isReachOnly }),
    ...(isOfRing && worst !== undefined && { isOfRing }),
    ...(isGrave && told.light === 'yellow' && { isGrave }),
    ...(rest !== undefined && { rest: restOf(rest, restIds) }),
    ...(services.size === 1 && !services.has('') && service !== undefined && { service })
  }
}

const restOf = (worst: Weighed & Pick<RestAlarms, 'isOfLevel' | 'isSilence'>, ids: string[]): RestAlarms => ({
  light: worst.isRed ? 'red' : 'yellow',
  kind: worst.kind,
  sinceMs: worst.raisedAtMs,
  alarms: ids.sort(),
  isGrave: lightOfSeverity[worst.severity] === 'red',
  isOfLevel: worst.isOfLevel,
  isSilence: worst.isSilence
})

const isEarlier = (a: PortDown, b: PortDown): boolean =>
  a.sinceMs !== b.sinceMs ? a.sinceMs < b.sinceMs : a.alarm < b.alarm

interface Weighed extends AlarmLike {
  readonly isRed: boolean
}

/** What is out comes before what is at risk, then the more severe, then the earlier. */
function isWorse(a: Weighed, b: Weighed): boolean {
  if (a.isRed !== b.isRed) return a.isRed
  const rank = severities.indexOf(a.severity) - severities.indexOf(b.severity)
  if (rank !== 0) return rank < 0
  return a.raisedAtMs !== b.raisedAtMs ? a.raisedAtMs < b.raisedAtMs : a.id < b.id
}
