import type { Logger } from 'pino'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { Readiness } from '../status/view.ts'
import type { Incident, Inventory } from '../topology/model.ts'
import { createOutageLog } from './process/outage-log.ts'

const repeatMs = 60_000
/** Ports named in a line. */
const portsShownMax = 3

/** Incidents of which a person who reads the log learns that lights do not mean what they seem to. */
const aboutUs: readonly Incident['kind'][] = ['collector', 'ingest']

/** What is followed of the status engine. */
export interface Followed extends Pick<StatusEngine, 'subscribe'> {
  readonly ports: Pick<StatusEngine['ports'], 'moved'>
  readonly inventory: () => Pick<Inventory, 'deviceId'>
}

export interface HappeningsOptions {
  readonly logger: Pick<Logger, 'info' | 'warn'>
  /** Names of the servers by the part of the readiness that tells of them, as lines of the log begin. */
  readonly servers: Readonly<Record<string, string>>
  readonly readiness: () => Readiness
  readonly openCount: () => number
  readonly openOfKind: (kind: Incident['kind']) => readonly Incident[]
  readonly nowMs: () => number
}

/**
 * What the log says of the world: one line for each incident opened and closed, each server lost and come back; what is not
 * seen (a silent collector, late data, a server that is away) is said again every minute while it lasts. One line, too, for each device that
 * has renumbered its ports.
 */
export interface Happenings {
  follow(engine: Followed): void
  /** Says what is due; call about once a second. */
  say(): void
}

export function createHappenings(options: HappeningsOptions): Happenings {
  const { logger, nowMs } = options
  const outages = createOutageLog(logger, nowMs)
  let saidMs = nowMs()

  const sayIncidents = (): void => {
    const now = nowMs()
    if (now - saidMs < repeatMs) return
    saidMs = now
    const open = options.openCount()
    for (const incident of aboutUs.flatMap(options.openOfKind))
      logger.warn(
        { ...fieldsOf(incident), forS: secondsBetween(incident.openedAtMs, now) },
        `still open: ${wordsOf(incident)}`
      )
    if (open > 0) logger.info({ open }, 'incidents are open')
  }

  let followed: Followed | undefined

  const sayMoves = (): void => {
    for (const { device, ports } of followed?.ports.moved() ?? []) {
      const id = followed?.inventory().deviceId(device)
      const shown = ports.slice(0, portsShownMax).map(({ key, from, to }) => `${key} is ${to}, was ${from}`)
      logger.warn(
        { device: id, ports: ports.length },
        `${id} has renumbered its ports, which are followed by name: ${shown.join('; ')}${ports.length > portsShownMax ? '; …' : ''}`
      )
    }
  }

  return {
    follow(engine) {
      followed = engine
      engine.subscribe(event => {
        if (event.type !== 'incident') return
        const { incident, change } = event.data
        if (change === 'opened') logger.warn(fieldsOf(incident), `incident opened: ${wordsOf(incident)}`)
        if (change !== 'closed') return
        const forS = secondsBetween(incident.openedAtMs, incident.closedAtMs ?? event.atMs)
        logger.info({ ...fieldsOf(incident), forS }, `incident closed: ${wordsOf(incident)}`)
      })
    },
    say() {
      const { parts } = options.readiness()
      for (const [part, server] of Object.entries(options.servers)) {
        const { ok, detail } = parts[part] ?? { ok: true, detail: '' }
        outages.look(server, ok, detail)
      }
      sayMoves()
      sayIncidents()
    }
  }
}

/** What happened: a silent collector and late data are no faults of the network. */
function wordsOf({ kind, root }: Incident): string {
  if (kind === 'ingest') return 'data does not come, or comes late; lights stay as they were'
  if (kind === 'collector') return `collector ${root} is silent`
  return `${kind} at ${root}`
}

function fieldsOf({ id, kind, root, severity, affectedNodes, affectedSubscribers }: Incident): object {
  return { incident: id, kind, root, severity, affectedNodes, affectedSubscribers }
}

const secondsBetween = (fromMs: number, toMs: number): number => Math.round((toMs - fromMs) / 1000)
