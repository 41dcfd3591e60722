import { incidentKinds, type IncidentKind, type Tier } from '../../schemas/words.ts'
import type { Incident } from '../../topology/model.ts'
import type { TreeIndex } from '../../topology/tree/index.ts'
import { createSlice } from '../slices.ts'
import type { IncidentFilter, IncidentPage, IncidentSort, StatusEvent } from '../view.ts'

/**
 * Open incidents and the last closed ones, for lists: filtered, in order, page by page. Where an incident's root stands is noted when
 * the incident changes, so a page costs a look at each incident and not at the network.
 */
export interface IncidentList {
  readonly page: (filter: IncidentFilter) => Promise<IncidentPage | { readonly unknown: 'after' | 'under' }>
  readonly openByKind: () => Readonly<Record<IncidentKind, number>>
  readonly openOfKind: (kind: IncidentKind) => readonly Incident[]
  /** Closed ones that turned out to be part of one that is open, with that one's id. */
  readonly merged: () => readonly { readonly id: string; readonly into: string }[]
  readonly find: (id: string) => Incident | undefined
  readonly hear: (event: StatusEvent) => void
  /** Notes anew where the roots stand, when the tree is another. */
  readonly relocate: () => void
}

/** Closed incidents kept; older ones are in ClickHouse. */
const closedKept = 500

interface Listed {
  readonly incident: Incident
  /** The root's node in the tree; undefined for a collector. */
  node: number | undefined
  tier: Tier | undefined
}

export function createIncidentList(open: Iterable<Incident>, tree: () => TreeIndex): IncidentList {
  const listed = (incident: Incident): Listed => {
    const { inventory } = tree()
    const node = inventory.nodeIndex(incident.root)
    return { incident, node, tier: node === undefined ? undefined : inventory.tierOf(node) }
  }
  const openOnes = new Map<string, Listed>()
  let closedOnes: Listed[] = []
  const countOf = Object.fromEntries(incidentKinds.map(kind => [kind, 0])) as Record<IncidentKind, number>
  const drop = (id: string): void => {
    const before = openOnes.get(id)
    if (before !== undefined) countOf[before.incident.kind]--
    openOnes.delete(id)
  }
  const put = (incident: Incident): void => {
    const before = openOnes.get(incident.id)
    if (before !== undefined) countOf[before.incident.kind]--
    countOf[incident.kind]++
    openOnes.set(incident.id, listed(incident))
  }
  for (const incident of open) put(incident)

  return {
    async page(filter) {
      const top = filter.under === undefined ? undefined : tree().inventory.nodeIndex(filter.under)
      if (filter.under !== undefined && top === undefined) return { unknown: 'under' }
      const cursor = filter.after === undefined ? undefined : readCursor(filter.after)
      if (filter.after !== undefined && cursor === undefined) return { unknown: 'after' }
      const isAsked = ({ incident, node, tier }: Listed): boolean =>
        (filter.kind === undefined || incident.kind === filter.kind) &&
        (filter.tier === undefined || tier === filter.tier) &&
        (top === undefined || (node !== undefined && tree().isWithin(node, top)))
      const compare = orders[filter.sort ?? 'heaviest']
      const first: Incident[] = []
      let total = 0
      let behind = 0
      const slice = createSlice(16)
      const look = async (candidates: Iterable<Listed>): Promise<void> => {
        for (const candidate of candidates) {
          if (slice.isOver()) await slice.end()
          if (!isAsked(candidate)) continue
          total++
          if (cursor !== undefined && compare(candidate.incident, cursor) <= 0) continue
          behind++
          putInOrder(first, candidate.incident, compare, filter.limit)
        }
      }
      if (filter.open !== false) await look(openOnes.values())
      if (filter.open !== true) await look([...closedOnes])
      const last = first.at(-1)
      return {
        items: first,
        total,
        next: behind > first.length && last !== undefined ? cursorOf(last) : null
      }
    },
    openByKind: () => ({ ...countOf }),
    openOfKind: kind =>
      countOf[kind] === 0
        ? []
        : [...openOnes.values()].map(({ incident }) => incident).filter(incident => incident.kind === kind),
    merged() {
      const intoOf = new Map(
        closedOnes.flatMap(({ incident: { id, mergedInto } }) =>
          mergedInto === undefined || openOnes.has(id) ? [] : [[id, mergedInto]]
        )
      )
      return [...intoOf.keys()].flatMap(id => {
        let into = intoOf.get(id)!
        // It may have been merged further; no further than there are steps.
        for (let step = 0; step < intoOf.size && !openOnes.has(into); step++) into = intoOf.get(into) ?? into
        return openOnes.has(into) ? [{ id, into }] : []
      })
    },
    find: id => openOnes.get(id)?.incident ?? closedOnes.find(({ incident }) => incident.id === id)?.incident,
    hear(event) {
      if (event.type !== 'incident') return
      const { incident, change } = event.data
      if (change !== 'closed') {
        put(incident)
        return
      }
      drop(incident.id)
      closedOnes.unshift(listed(incident))
      if (closedOnes.length > closedKept) closedOnes.pop()
    },
    relocate() {
      for (const [id, { incident }] of openOnes) openOnes.set(id, listed(incident))
      closedOnes = closedOnes.map(({ incident }) => listed(incident))
    }
  }
}

/** What an order looks at. */
type Keys = Pick<
  Incident,
  'id' | 'closedAtMs' | 'maintenance' | 'affectedSubscribers' | 'affectedNodes' | 'openedAtMs'
>

const byId = (a: Keys, b: Keys): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
const openFirst = (a: Keys, b: Keys): number => Number(a.closedAtMs !== null) - Number(b.closedAtMs !== null)
const orders: Readonly<Record<IncidentSort, (a: Keys, b: Keys) => number>> = {
  heaviest: (a, b) =>
    openFirst(a, b) ||
    Number(a.maintenance) - Number(b.maintenance) ||
    b.affectedSubscribers - a.affectedSubscribers ||
    b.affectedNodes - a.affectedNodes ||
    a.openedAtMs - b.openedAtMs ||
    byId(a, b),
  newest: (a, b) => openFirst(a, b) || b.openedAtMs - a.openedAtMs || byId(a, b),
  oldest: (a, b) => openFirst(a, b) || a.openedAtMs - b.openedAtMs || byId(a, b)
}

/** Keeps the first `limit` of what it is given, in order: most are behind the last one already. */
function putInOrder(
  first: Incident[],
  incident: Incident,
  compare: (a: Keys, b: Keys) => number,
  limit: number
): void {
  const last = first.at(-1)
  if (first.length >= limit && last !== undefined && compare(incident, last) > 0) return
  let low = 0
  let high = first.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(first[middle]!, incident) < 0) low = middle + 1
    else high = middle
  }
  first.splice(low, 0, incident)
  if (first.length > limit) first.pop()
}

/** A cursor carries what orders look at, so a page goes on where the last ended though that incident is closed by now. */
const cursorOf = (incident: Keys): string =>
  [
    incident.closedAtMs === null ? 0 : 1,
    incident.maintenance ? 1 : 0,
    incident.affectedSubscribers,
    incident.affectedNodes,
    incident.openedAtMs,
    incident.id
  ].join('.')

function readCursor(text: string): Keys | undefined {
  const found = /^([01])\.([01])\.(\d{1,15})\.(\d{1,15})\.(-?\d{1,15})\.(.+)$/.exec(text)
  if (found === null) return undefined
  const [, closed, maintenance, subscribers, nodes, openedAtMs, id = ''] = found
  return {
    id,
    closedAtMs: closed === '1' ? 0 : null,
    maintenance: maintenance === '1',
    affectedSubscribers: Number(subscribers),
    affectedNodes: Number(nodes),
    openedAtMs: Number(openedAtMs)
  }
}
