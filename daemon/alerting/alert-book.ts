/**
 * Which alerts an Alertmanager is told of: the same, by name and labels, that deploy/prometheus/svetofor.rules.yml makes of the
 * metrics, so that one configuration of it serves both ways. An alert is known by its incident alone; what may change while that is
 * open stands in its texts.
 */
export const incidentAlert = 'SvetoforIncident'
/** It became critical, or a site on its battery has not long any more: told once. */
export const worseAlert = 'SvetoforIncidentWorse'
/** These two keep the alerts of their incident quiet (`inhibit_rules`). */
const plannedAlert = 'SvetoforPlannedWork'
const mergedAlert = 'SvetoforIncidentMerged'
const quietingAlerts: ReadonlySet<string> = new Set([plannedAlert, mergedAlert])

export interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsMs: number
  /** Null while it is on. */
  readonly endedMs: number | null
}

export interface ToldIncident {
  readonly id: string
  readonly openedAtMs: number
  readonly severity: 'critical' | 'warning'
  readonly maintenance: boolean
  /** A site of it that runs on its battery has not long any more. */
  readonly isNear: boolean
  /** What its rule gives to its alerts beside what they are known by; only as it is when the alert begins. */
  readonly labels: Labels
  readonly texts: AlertTexts
}

export interface AlertTexts {
  readonly summary: string
  readonly description: string
  readonly runbook_url?: string
}

type Labels = Readonly<Record<string, string>>

/** What a server was told of an incident by another run of the daemon. */
export interface HeldIncident {
  /** Labels of its alert; undefined where only the other is held. */
  readonly labels: Labels | undefined
  /** Since when (ms) it was told to be worse; undefined where it was not. */
  readonly worseMs: number | undefined
}

export interface AlertBook {
  /**
   * What is open now, and what turned out to be part of something else. What is not open any more has ended at `nowMs`, if `isAll` of
   * the open ones are given; otherwise only what was `closed` since the last time has: others may be too light to be given.
   */
  update(
    open: readonly ToldIncident[],
    isAll: boolean,
    closed: ReadonlySet<string>,
    merged: readonly { readonly id: string; readonly into: string }[],
    nowMs: number
  ): void
  /** These incidents have been told by another run of the daemon. What is not in the book yet goes on under the labels it had. */
  resume(held: ReadonlyMap<string, HeldIncident>): void
  /** As they were last told; undefined for an incident that was not open then. */
  textsOf(incident: string): AlertTexts | undefined
  /** Grows with each alert that begins or ends. */
  version(): number
  /** Those that are on or ended lately, and began or ended after a version: what keeps others quiet first. */
  alerts(afterVersion: number): readonly Alert[]
}

interface Noted extends Alert {
  readonly version: number
  readonly incident: string
  /** When it was last given (ms). */
  readonly seenMs: number
}

/** An end is repeated for so long (ms), in case a server was away; Prometheus does the same. */
export const endedForMs = 900_000
/** What was merged stays quiet for longer than its end is repeated (ms). */
const mergedForMs = endedForMs + 300_000
/** Ends remembered; those beyond expire at the server by themselves. */
const endedMax = 20_000

export function createAlertBook(): AlertBook {
  const book = new Map<string, Noted>()
  /** How bad each open incident was when it was told first. */
  const first = new Map<string, ToldIncident['severity']>()
  let heldBefore: ReadonlyMap<string, HeldIncident> = new Map()
  let version = 0

  const keyOf = (name: string, incident: string): string => `${name} ${incident}`
  const isOn = (name: string, incident: string): boolean => book.get(keyOf(name, incident))?.endedMs === null

  const put = (
    name: string,
    incident: string,
    startsMs: number,
    annotations: Alert['annotations'],
    nowMs: number,
    labels: Labels = {}
  ): void => {
    const key = keyOf(name, incident)
    const known = book.get(key)
    const going = known?.endedMs === null ? known : undefined
    book.set(key, {
      labels: going?.labels ?? { ...labels, alertname: name, incident, team: 'noc' },
      annotations,
      startsMs: going?.startsMs ?? startsMs,
      endedMs: null,
      version: going?.version ?? ++version,
      incident,
      seenMs: nowMs
    })
  }
  const end = (name: string, incident: string, nowMs: number): void => {
    const key = keyOf(name, incident)
    const known = book.get(key)
    if (known?.endedMs !== null) return
    // Behind those that ended before, which are forgotten first.
    book.delete(key)
    book.set(key, { ...known, endedMs: Math.max(nowMs, known.startsMs), version: ++version })
  }

  const forget = (nowMs: number): void => {
    const ended = [...book].filter(([, { endedMs }]) => endedMs !== null)
    for (const [i, [key, { endedMs }]] of ended.entries())
      if (nowMs - endedMs! > endedForMs || i < ended.length - endedMax) book.delete(key)
  }

  return {
    update(open, isAll, closed, merged, nowMs) {
      for (const { id, into } of merged)
        put(mergedAlert, id, nowMs, { summary: `Incident ${id} is part of ${into}` }, nowMs)
      for (const incident of open) {
        const { id, severity } = incident
        const annotations = { ...incident.texts }
        const held = heldBefore.get(id)
        // What changes in the rules while it is open changes no alert: a label that changed would end one and begin another.
        const labels = book.get(keyOf(incidentAlert, id))?.labels ?? held?.labels ?? incident.labels
        put(incidentAlert, id, incident.openedAtMs, annotations, nowMs, labels)
        if (!first.has(id)) first.set(id, severity)
        const hasGrown = severity === 'critical' && first.get(id) === 'warning'
        const before = held?.worseMs
        if (hasGrown || incident.isNear || before !== undefined || isOn(worseAlert, id))
          put(worseAlert, id, before ?? nowMs, annotations, nowMs, labels)
        if (incident.maintenance)
          put(plannedAlert, id, nowMs, { summary: `Incident ${id} belongs to planned work` }, nowMs)
        else end(plannedAlert, id, nowMs)
        // It was told once, and stands on its own again.
        end(mergedAlert, id, nowMs)
      }
      const ids = new Set(open.map(({ id }) => id))
      const isOver = (id: string): boolean => !ids.has(id) && (isAll || closed.has(id))
      for (const { labels, incident, endedMs, seenMs } of [...book.values()]) {
        if (endedMs !== null || ids.has(incident)) continue
        const name = labels['alertname']!
        if (name === mergedAlert ? nowMs - seenMs > mergedForMs : isOver(incident)) end(name, incident, nowMs)
      }
      for (const id of first.keys()) if (isOver(id)) first.delete(id)
      if (isAll) heldBefore = new Map()
      forget(nowMs)
    },
    resume(held) {
      const known = new Map(heldBefore)
      for (const [incident, { labels, worseMs }] of held) {
        const before = known.get(incident)
        known.set(incident, { labels: before?.labels ?? labels, worseMs: before?.worseMs ?? worseMs })
      }
      heldBefore = known
    },
    textsOf(incident) {
      const known = book.get(keyOf(incidentAlert, incident))
      if (known?.endedMs !== null) return undefined
      const { summary = '', description = '', runbook_url: runbook } = known.annotations
      return { summary, description, ...(runbook !== undefined && { runbook_url: runbook }) }
    },
    version: () => version,
    alerts(afterVersion) {
      const found = [...book.values()].filter(alert => alert.version > afterVersion)
      const rank = ({ labels }: Alert): number => (quietingAlerts.has(labels['alertname']!) ? 0 : 1)
      return found.sort((a, b) => rank(a) - rank(b))
    }
  }
}
