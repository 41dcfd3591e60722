import { type IncidentKind, type Light } from '../../schemas/words.ts'
import type { Impact, Incident, IncidentChange } from '../model.ts'
import { createHeap } from './queues.ts'

/** What the light engine knows of a root cause at the end of an update. */
export interface RootState {
  /** Node id, or the collector's name. */
  readonly root: string
  readonly kind: IncidentKind
  readonly light: Light
  /** When the trouble of the root began (event time, ms). */
  readonly sinceMs: number
  readonly alarms: readonly string[]
  readonly affectedNodes: number
  readonly affectedAddresses: number
  readonly affectedSubscribers: number
  /** Of these, what stands on nodes that are red or grey because of this root. */
  readonly out: Impact
  readonly maintenance: boolean
  /** How long it must stand before its incident opens (ms). */
  readonly settleMs: number
  /** Until when somebody may yet explain it (ms), so that its incident does not open before; 0 for nobody. */
  readonly explainedMs: number
  /** Only silence is known: its kind is a guess. */
  readonly isBySilence: boolean
  /** Its own alarms are of a grave severity, be its light red or not. */
  readonly isGrave: boolean
  /** Its mains are lost: of two faults of kind power at one node only one is that. */
  readonly isCut: boolean
}

/**
 * The incident book: at most one open incident a root. A root is a number of the light engine's: a node's index,
 * or a negative number for a collector.
 */
export interface IncidentBook {
  /** Brings the incident of a root up to date; null when it is no root (any more). */
  settle(root: number, state: RootState | null, nowMs: number): void
  /**
   * The incident of a root is that of another now: it goes on there with its identity, or is merged into the one that is open
   * there. To be settled next.
   */
  handOver(from: number, to: number, nowMs: number): void
  /** The open incident of a root is that of another from now on, which has none: nothing of it changes. */
  move(from: number, to: number): void
  /**
   * Of a root whose open incident is a loss of mains: what was closed there about when that began goes on at another root when it comes
   * again. A UPS on its battery does not say what it says otherwise.
   */
  keepAside(from: number, to: number, windowMs: number, nowMs: number): void
  /** Its open incident is a loss of mains, or was one. */
  isCut(root: number): boolean
  /** A root that waits for its incident to open is explained by another now: that one has waited since. */
  waitAs(from: number, to: number): void
  /** The next root whose settling time has passed by now and that is to be settled again; each is given once. */
  nextDue(nowMs: number): number | undefined
  /** When the next waiting root is due (ms), or null. */
  nextDeadlineMs(): number | null
  /** Changes since the last call: opened, then changed, then closed. */
  drain(): readonly IncidentChange[]
  open(): readonly Incident[]
  /** Roots of the open incidents. */
  roots(): Iterable<number>
  of(root: number): Incident | undefined
  /** Its last incident was closed so short a time ago that it goes on when the same fault comes again. */
  isClosedOfLate(root: number, nowMs: number): boolean
  /** Brings back an open incident, or a closed one that may go on. */
  restore(root: number, incident: Incident): void
  /** Gives roots new numbers after a reload; undefined closes the incident. */
  renumber(newRoot: (root: number) => number | undefined, nowMs: number): void
}

interface Waiting {
  readonly seenMs: number
  readonly dueMs: number
}

interface Closed {
  readonly incident: Incident
  readonly atMs: number
  /** Left out where it was stored: then it is not known. */
  readonly isCut?: boolean
}

/** How many closed incidents are kept to go on, and how many identities to be told apart. */
const closedMax = 10_000

/** `reopenMs`: how long after it was closed an incident goes on when the same fault comes again. */
export function createIncidentBook(reopenMs = 0): IncidentBook {
  const incidents = new Map<number, Incident>()
  /** Roots whose open incident has its kind by silence alone. */
  let guessed = new Set<number>()
  /** Roots whose open incident is a loss of mains. */
  let cuts = new Set<number>()
  /** Roots that have no incident yet: when each was first seen, and when it is to be looked at again. */
  let waiting = new Map<number, Waiting>()
  /** The same by when they are due; some may have been settled, or are due at another time. */
  let due = createHeap()
  /** What was closed last at a root. */
  let closed = new Map<number, Closed>()
  /** Identities that went over to another root: their first root opens its next incident under another. */
  const handedOver = new Set<string>()
  let changes: { root: number; change: IncidentChange }[] = []
  const put = (root: number, incident: Incident, change: IncidentChange['change'], atMs: number): void => {
    changes.push({ root, change: { incident, change, atMs } })
  }
  const close = (root: number, incident: Incident, nowMs: number, mergedInto?: string): void => {
    incidents.delete(root)
    guessed.delete(root)
    const isCut = cuts.delete(root)
    const told = { ...incident, closedAtMs: nowMs }
    put(root, mergedInto === undefined ? told : { ...told, mergedInto }, 'closed', nowMs)
    if (reopenMs === 0) return
    closed.delete(root)
    closed.set(root, { incident, atMs: nowMs, isCut })
    if (closed.size > closedMax) for (const [first] of closed) if (closed.delete(first)) break
  }
  /** A fault that comes again is the same incident; a guess at its kind is as good as the kind. */
  const identityOf = (root: number, state: RootState, nowMs: number): Pick<Incident, 'id' | 'openedAtMs'> => {
    const last = closed.get(root)
    const kinds = [last?.incident.kind, state.kind]
    const isSame =
      (kinds[0] === kinds[1] && (last?.isCut ?? state.isCut) === state.isCut) || kinds.includes('unknown')
    if (last !== undefined && isSame && nowMs - last.atMs < reopenMs) return last.incident
    const id = incidentId(state.root, state.kind, state.sinceMs)
    const isTaken = handedOver.has(id)
    return {
      id: isTaken ? incidentId(`${state.root}\nagain`, state.kind, state.sinceMs) : id,
      openedAtMs: state.sinceMs
    }
  }
  return {
    settle(root, state, nowMs) {
      const incident = incidents.get(root)
      if (state === null) {
        waiting.delete(root)
        if (incident !== undefined) close(root, incident, nowMs)
        return
      }
      if (incident === undefined) {
        const seenMs = waiting.get(root)?.seenMs ?? nowMs
        const dueMs = Math.max(seenMs + state.settleMs, state.explainedMs)
        if (nowMs < dueMs) {
          if (waiting.get(root)?.dueMs !== dueMs) due.push(dueMs, root)
          waiting.set(root, { seenMs, dueMs })
          return
        }
        waiting.delete(root)
        if (state.isBySilence) guessed.add(root)
        if (state.isCut) cuts.add(root)
        const { id, openedAtMs } = identityOf(root, state, nowMs)
        const opened = incidentOf(state, id, openedAtMs)
        incidents.set(root, opened)
        put(root, opened, 'opened', nowMs)
        return
      }
      if (state.isCut) cuts.add(root)
      // Mains that turn out to be lost are more than any other kind; a UPS that has a trouble of its own is not.
      const isGuess = incident.kind === 'unknown' || guessed.has(root) || state.isCut
      const now = steadied(incident, incidentOf(state, incident.id, incident.openedAtMs), isGuess)
      if (!state.isBySilence) guessed.delete(root)
      if (sameIncident(incident, now)) {
        // It is not stored.
        if (incident.out === undefined) incidents.set(root, now)
        return
      }
      incidents.set(root, now)
      put(root, now, 'changed', nowMs)
    },
    handOver(from, to, nowMs) {
      const incident = incidents.get(from)
      if (incident === undefined || from === to) return
      const other = incidents.get(to)
      if (other !== undefined) {
        close(from, incident, nowMs, other.id)
        return
      }
      incidents.delete(from)
      guessed.delete(from)
      if (cuts.delete(from)) cuts.add(to)
      waiting.delete(to)
      if (handedOver.size >= closedMax) handedOver.clear()
      handedOver.add(incident.id)
      // It goes on there, and so it does when it comes again: not here.
      if (closed.get(from)?.incident.id === incident.id) closed.delete(from)
      incidents.set(to, incident)
      guessed.add(to)
    },
    move(from, to) {
      const incident = incidents.get(from)
      if (incident === undefined || incidents.has(to)) return
      incidents.delete(from)
      incidents.set(to, incident)
      // It was told of what is left there; what comes to it is no better known.
      guessed.delete(from)
      if (cuts.delete(from)) cuts.add(to)
      waiting.delete(to)
      // When it comes again it is that one's.
      const last = closed.get(from)
      if (last?.incident.id !== incident.id) return
      closed.delete(from)
      closed.set(to, last)
    },
    isCut: root => cuts.has(root),
    keepAside(from, to, windowMs, nowMs) {
      const last = closed.get(from)
      const cutMs = incidents.get(from)?.openedAtMs
      if (last?.isCut !== false || cutMs === undefined || Math.abs(last.atMs - cutMs) > windowMs) return
      closed.delete(from)
      closed.set(to, { ...last, atMs: nowMs })
    },
    waitAs(from, to) {
      const before = waiting.get(from)
      if (before === undefined || from === to || incidents.has(to)) return
      const known = waiting.get(to)
      if (known !== undefined && known.seenMs <= before.seenMs) return
      waiting.set(to, { seenMs: before.seenMs, dueMs: known?.dueMs ?? NaN })
    },
    nextDue(nowMs) {
      // Asked after every task, while thousands of roots may be waiting.
      while (due.firstKey() <= nowMs) {
        const dueMs = due.firstKey()
        const root = due.shift()
        const waited = waiting.get(root)
        if (waited?.dueMs !== dueMs) continue
        // Should it have to wait again, be it as long, it is put among the others anew.
        waiting.set(root, { seenMs: waited.seenMs, dueMs: NaN })
        return root
      }
      return undefined
    },
    nextDeadlineMs() {
      while (due.size() > 0 && waiting.get(due.first())?.dueMs !== due.firstKey()) due.shift()
      return due.size() > 0 ? due.firstKey() : null
    },
    drain() {
      if (changes.length === 0) return []
      const rank = { opened: 0, changed: 1, closed: 2 }
      const drained = changes
        .sort((a, b) => rank[a.change.change] - rank[b.change.change] || a.root - b.root)
        .map(entry => entry.change)
      changes = []
      return drained
    },
    open: () => [...incidents.values()],
    roots: () => incidents.keys(),
    of: root => incidents.get(root),
    isClosedOfLate(root, nowMs) {
      const last = closed.get(root)
      return last !== undefined && nowMs - last.atMs < reopenMs
    },
    restore(root, incident) {
      const { closedAtMs } = incident
      if (closedAtMs === null) incidents.set(root, incident)
      else if (closedAtMs >= (closed.get(root)?.atMs ?? -Infinity))
        closed.set(root, { incident: { ...incident, closedAtMs: null }, atMs: closedAtMs })
    },
    renumber(newRoot, nowMs) {
      const old = [...incidents]
      incidents.clear()
      for (const [root, incident] of old) {
        const to = newRoot(root)
        if (to === undefined) close(root, incident, nowMs)
        else incidents.set(to, incident)
      }
      closed = new Map(
        [...closed].flatMap(([root, last]) => {
          const to = newRoot(root)
          return to === undefined ? [] : [[to, last] as const]
        })
      )
      guessed = new Set([...guessed].flatMap(root => newRoot(root) ?? []))
      cuts = new Set([...cuts].flatMap(root => newRoot(root) ?? []))
      const oldWaiting = [...waiting]
      waiting = new Map()
      due = createHeap()
      for (const [root, waited] of oldWaiting) {
        const to = newRoot(root)
        if (to === undefined) continue
        waiting.set(to, waited)
        if (!Number.isNaN(waited.dueMs)) due.push(waited.dueMs, to)
      }
    }
  }
}

/** Names an incident by its cause, so that every instance and every replay gives it the same name. */
export function incidentId(root: string, kind: IncidentKind, sinceMs: number): string {
  const text = `${root}\n${kind}\n${sinceMs}`
  let h1 = 0xdeadbeef
  let h2 = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    h1 = Math.imul(h1 ^ unit, 2654435761)
    h2 = Math.imul(h2 ^ unit, 1597334677)
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909)
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909)
  const hex = (h: number): string => (h >>> 0).toString(16).padStart(8, '0')
  return `inc-${hex(h2)}${hex(h1)}`
}

/** Critical: the root is red or its alarms are grave, or subscribers are cut off behind it (a dead collector cuts nobody off). */
function incidentOf(state: RootState, id: string, openedAtMs: number): Incident {
  const cut = state.kind !== 'collector' && state.out.subscribers > 0
  return {
    id,
    root: state.root,
    kind: state.kind,
    light: state.light,
    severity: state.light === 'red' || cut || state.isGrave ? 'critical' : 'warning',
    openedAtMs,
    closedAtMs: null,
    alarms: state.alarms,
    affectedNodes: state.affectedNodes,
    affectedAddresses: state.affectedAddresses,
    affectedSubscribers: state.affectedSubscribers,
    // What a dead collector leaves unknown is not known to be out.
    out: state.kind === 'collector' ? { nodes: 0, addresses: 0, subscribers: 0 } : state.out,
    maintenance: state.maintenance
  }
}

/**
 * An open incident may get worse, never better: what is over is told when it closes. Its kind is what it began with, unless
 * that was guessed from silence or the mains turn out to be lost. Otherwise each step of a recovery (a link is up again, its level is
 * not yet read) would be another alert to those who were already called.
 */
function steadied(before: Incident, now: Incident, isGuess: boolean): Incident {
  return {
    ...now,
    kind: isGuess ? now.kind : before.kind,
    severity: before.severity === 'critical' ? 'critical' : now.severity
  }
}

function sameIncident(a: Incident, b: Incident): boolean {
  return (
    a.root === b.root &&
    a.kind === b.kind &&
    a.light === b.light &&
    a.severity === b.severity &&
    a.affectedNodes === b.affectedNodes &&
    a.affectedAddresses === b.affectedAddresses &&
    a.affectedSubscribers === b.affectedSubscribers &&
    a.maintenance === b.maintenance &&
    (a.out === undefined || b.out === undefined || sameImpact(a.out, b.out)) &&
    a.alarms.length === b.alarms.length &&
    a.alarms.every((alarm, i) => alarm === b.alarms[i])
  )
}

const sameImpact = (a: Impact, b: Impact): boolean =>
  a.nodes === b.nodes && a.addresses === b.addresses && a.subscribers === b.subscribers
