import { severities, type LocalText } from '../../schemas/words.ts'
import type { Alarm, AlarmTransition, Evidence } from '../model.ts'

/** The open alarms, by id and by node, and the transitions since the last drain. */
export interface OpenAlarms {
  /** Keeps an alarm that is open already, without a transition. */
  keep(alarm: Alarm): void
  emit(alarm: Alarm, change: AlarmTransition['change'], atMs: number): void
  clear(alarm: Alarm, atMs: number, evidence?: Evidence): void
  all(): Iterable<Alarm>
  get(id: string): Alarm | undefined
  /** Worst first. */
  byNode(node: string): readonly Alarm[]
  /** Forgets which are open, and returns them. */
  takeAll(): readonly Alarm[]
  drain(): AlarmTransition[]
  count(): number
}

export function createOpenAlarms(): OpenAlarms {
  let transitions: AlarmTransition[] = []
  const openById = new Map<string, Alarm>()
  const openByNode = new Map<string, Map<string, Alarm>>()

  const index = (alarm: Alarm): void => {
    const earlier = openById.get(alarm.id)
    if (earlier !== undefined && earlier.node !== alarm.node) unindex(earlier)
    openById.set(alarm.id, alarm)
    const ofNode = openByNode.get(alarm.node)
    if (ofNode === undefined) openByNode.set(alarm.node, new Map([[alarm.id, alarm]]))
    else ofNode.set(alarm.id, alarm)
  }
  const unindex = (alarm: Alarm): void => {
    openById.delete(alarm.id)
    const ofNode = openByNode.get(alarm.node)
    ofNode?.delete(alarm.id)
    if (ofNode?.size === 0) openByNode.delete(alarm.node)
  }
  const emit = (alarm: Alarm, change: AlarmTransition['change'], atMs: number): void => {
    if (alarm.isCleared) unindex(alarm)
    else index(alarm)
    transitions.push({ alarm, change, atMs })
  }
  const cleared = (alarm: Alarm, atMs: number, evidence: Evidence = alarm.evidence): Alarm => {
    const clearedAtMs = Math.max(atMs, alarm.changedAtMs)
    return copyAlarm(alarm, alarm.node, alarm.severity, clearedAtMs, clearedAtMs, alarm.text, evidence)
  }
  const clear = (alarm: Alarm, atMs: number, evidence?: Evidence): void => {
    const last = cleared(alarm, atMs, evidence)
    emit(last, 'cleared', last.changedAtMs)
  }

  return {
    keep: index,
    emit,
    clear,
    all: () => openById.values(),
    get: id => openById.get(id),
    byNode(node) {
      const ofNode = openByNode.get(node)
      if (ofNode === undefined) return []
      return worstFirst([...ofNode.values()])
    },
    takeAll() {
      const alarms = [...openById.values()]
      openById.clear()
      openByNode.clear()
      return alarms
    },
    drain() {
      const drained = transitions
      transitions = []
      return drained
    },
    count: () => openById.size
  }
}

/** Of those alike the oldest first. */
export function worstFirst(alarms: readonly Alarm[]): readonly Alarm[] {
  return [...alarms].sort(
    (a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity) || a.raisedAtMs - b.raisedAtMs
  )
}

/** Field by field, because spreading an object this wide is what a storm of alarms would spend its time on. */
export function copyAlarm(
  alarm: Alarm,
  node: string,
  severity: Alarm['severity'],
  changedAtMs: number,
  clearedAtMs: number | null,
  text: LocalText,
  evidence: Evidence
): Alarm {
  return {
    resource: alarm.resource,
    type: alarm.type,
    qualifier: alarm.qualifier,
    id: alarm.id,
    node,
    device: alarm.device,
    instance: alarm.instance,
    kind: alarm.kind,
    severity,
    isCleared: clearedAtMs !== null,
    raisedAtMs: alarm.raisedAtMs,
    changedAtMs,
    clearedAtMs,
    text,
    evidence
  }
}
