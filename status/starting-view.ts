import { noNotes } from '../rules/model.ts'
import type { StatusView } from './view.ts'

/**
 * A view for the time before the state is restored: it is empty and not ready, and becomes the real one when that
 * is given. So health can be asked from the first second, and nobody reads a green light that nothing stands behind.
 */
export interface StartingView extends StatusView {
  become(view: StatusView): void
}

const nothing = { items: [], total: 0, next: null }

export function createStartingView(
  readiness: StatusView['readiness'],
  freshness: StatusView['freshness']
): StartingView {
  let real: StatusView | undefined
  const waiting: Parameters<StatusView['subscribe']>[0][] = []
  return {
    become(view) {
      real = view
      for (const listener of waiting.splice(0)) view.subscribe(listener)
    },
    lookup: (query, limit) =>
      real?.lookup(query, limit) ?? {
        query,
        by: 'address',
        outcome: 'not-understood',
        understoodAs: null,
        streets: [],
        match: null,
        candidates: []
      },
    node: id => real?.node(id),
    nodeName: id => real?.nodeName?.(id),
    devicesFor: id => real?.devicesFor(id),
    explain: (id, readings, nowMs) => real?.explain(id, readings, nowMs),
    nodes: filter => real?.nodes(filter) ?? nothing,
    nodesNamed: async (part, filter) => (await real?.nodesNamed(part, filter)) ?? nothing,
    outline: (deepest, after, limit) => real?.outline(deepest, after, limit) ?? [],
    isNear: incident => real?.isNear(incident) ?? false,
    runway: incident => real?.runway(incident) ?? null,
    exampleAddress: () => real?.exampleAddress() ?? null,
    nodeCounts: () => real?.nodeCounts() ?? [],
    incidents: async filter => (await real?.incidents(filter)) ?? nothing,
    openOfKind: kind => real?.openOfKind(kind) ?? [],
    mergedIncidents: () => real?.mergedIncidents() ?? [],
    openIncidents: () =>
      real?.openIncidents() ?? {
        power: 0,
        link: 0,
        optics: 0,
        device: 0,
        collector: 0,
        ingest: 0,
        unknown: 0
      },
    alarms: filter => real?.alarms(filter) ?? [],
    notesOf: alarm => real?.notesOf(alarm) ?? noNotes,
    incidentNotes: incident => real?.incidentNotes(incident) ?? noNotes,
    unknownDevices: limit => real?.unknownDevices(limit) ?? [],
    subscribe(listener) {
      if (real !== undefined) return real.subscribe(listener)
      waiting.push(listener)
      return () => void waiting.splice(waiting.indexOf(listener), 1)
    },
    shadow: async filter => (await real?.shadow?.(filter)) ?? null,
    readiness,
    freshness
  }
}
