import type { StatusView } from './view.ts'

/**
 * A view for the time before the state is restored: it is empty and not ready, and becomes the real one when that
 * is given. So health can be asked from the first second, and nobody reads a green light that nothing stands behind.
 */
export interface StartingView extends StatusView {
  become(view: StatusView): void
}

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
    tree: deepest => real?.tree(deepest) ?? [],
    nodeCounts: () => real?.nodeCounts?.() ?? [],
    incidents: filter => real?.incidents(filter) ?? [],
    alarms: filter => real?.alarms(filter) ?? [],
    unknownDevices: limit => real?.unknownDevices(limit) ?? [],
    subscribe(listener) {
      if (real !== undefined) return real.subscribe(listener)
      waiting.push(listener)
      return () => void waiting.splice(waiting.indexOf(listener), 1)
    },
    readiness,
    freshness
  }
}
