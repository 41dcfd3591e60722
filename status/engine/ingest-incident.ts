import type { Inventory, Incident, IncidentChange } from '../../topology/model.ts'
import { incidentId } from '../../topology/lights/incidents.ts'

/**
 * The one incident that is our own: data does not come, or comes late. It has no node; its root is this name. While it is open
 * every light stands as it was, and nobody is called out to devices that cannot be heard because we do not listen.
 */
export const ingestRoot = 'svetofor'

export interface IngestIncident {
  /** `sinceMs`: up to when data had come when it began to be late (event time); null while data comes. Returns what changed, if anything. */
  tell(sinceMs: number | null, inventory: Inventory, nowMs: number): IncidentChange | undefined
  open(): readonly Incident[]
  /** One that was open when the daemon stopped: it closes when data comes. */
  restore(incident: Incident): void
}

export function createIngestIncident(): IngestIncident {
  let current: Incident | undefined
  return {
    tell(sinceMs, inventory, nowMs) {
      if (sinceMs === null) {
        if (current === undefined) return undefined
        const incident: Incident = { ...current, closedAtMs: nowMs }
        current = undefined
        return { incident, change: 'closed', atMs: nowMs }
      }
      if (current !== undefined) return undefined
      current = {
        id: incidentId(ingestRoot, 'ingest', sinceMs),
        root: ingestRoot,
        kind: 'ingest',
        light: 'grey',
        severity: 'warning',
        openedAtMs: sinceMs,
        closedAtMs: null,
        alarms: [],
        // All of the network is not seen; nobody's service is known to be worse for it.
        affectedNodes: inventory.nodeCount,
        affectedAddresses: inventory.addressCount,
        affectedSubscribers: 0,
        maintenance: false
      }
      return { incident: current, change: 'opened', atMs: nowMs }
    },
    open: () => (current === undefined ? [] : [current]),
    restore(incident) {
      current = incident
    }
  }
}
