import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Config } from '../../schemas/config/reading.ts'
import { describeIncident } from '../../topology/explain.ts'
import type { Incident } from '../../topology/model.ts'
import type { StatusView } from '../../status/view.ts'
import { createTroubleLog } from '../process/trouble-log.ts'
import { createAlertBook, type AlertTexts, type ToldIncident } from './alert-book.ts'
import { connectAlertmanager, type Alertmanager } from './alertmanager.ts'

/** Tells the Alertmanagers of the configuration of every incident, as it opens, gets worse and ends, and again and again while it is open. */
export interface Alerting {
  stop(): Promise<void>
}

export interface AlertingOptions {
  readonly config: Config['alertmanager']
  readonly view: Pick<
    StatusView,
    'incidents' | 'mergedIncidents' | 'isNear' | 'node' | 'readiness' | 'subscribe' | 'incidentNotes'
  >
  readonly registry: Registry
  readonly nowMs: () => number
  readonly logger: Logger
}

/** Open incidents that are told of, the heaviest: whoever is told of more reads none. */
export const incidentsToldMax = 1000
/** How soon after it happened an opening or an end is told. */
const everyMs = 250
const retryAfterMs = 5000
/** Closed ones remembered between two looks; the alerts of others end at the server by themselves. */
const closedMax = 20_000

interface Target {
  readonly server: Alertmanager
  /** What it was asked for at the start is known. */
  isResumed: boolean
  /** It was told of all that began or ended up to this version. */
  version: number
  toldMs: number
  /** It failed, and is left alone until then (ms). */
  retryMs: number
}

/** A daemon without Alertmanagers does nothing. */
export function startAlerting(options: AlertingOptions): Alerting {
  const { config, view, nowMs, logger } = options
  const metrics = createAlertingMetrics(options.registry)
  if (config.urls.length === 0) return { stop: () => Promise.resolve() }
  const trouble = createTroubleLog(logger, nowMs)
  const stopping = new AbortController()
  const targets = config.urls.map((url): Target => {
    const server = connectAlertmanager(url, stopping.signal)
    return { server, isResumed: false, version: 0, toldMs: -Infinity, retryMs: -Infinity }
  })
  const book = createAlertBook()
  const resendMs = config.resend_s * 1000
  let isChanged = false
  /** Incidents that were closed since the last look. */
  let closed = new Set<string>()
  let wasReady = false
  let describedMs = -Infinity
  let turn: Promise<void> | undefined

  /** Not before all is known, nor beside another daemon that tells the same; what troubles its servers later on changes nothing. */
  const mayTell = (): boolean => {
    const { ready, parts } = view.readiness()
    wasReady ||= ready
    return wasReady && parts['state']?.ok === true && parts['group']?.ok === true
  }

  const textsOf = (incident: Incident, runbook: string): AlertTexts => {
    const { root, severity } = incident
    const { kind, affected } = describeIncident(incident)
    const { language } = config
    const node = view.node(root)
    const name = node?.name ?? root
    return {
      summary: `${name} (${root}): ${kind[language]}, ${severity}`,
      description: node?.says[language] ?? affected[language],
      ...(runbook !== '' && { runbook_url: runbook })
    }
  }

  const look = async (): Promise<void> => {
    const closedNow = closed
    closed = new Set()
    const page = await view.incidents({ open: true, limit: incidentsToldMax })
    if (!('items' in page)) return
    const atMs = nowMs()
    const isDue = atMs - describedMs >= resendMs
    const open: ToldIncident[] = []
    for (const incident of page.items) {
      const { id, openedAtMs, severity, maintenance } = incident
      const { labels, runbook } = view.incidentNotes(incident)
      let texts = isDue ? undefined : book.textsOf(id)
      if (texts === undefined) {
        texts = textsOf(incident, runbook)
        await nextTurn()
      }
      open.push({ id, openedAtMs, severity, maintenance, isNear: view.isNear(id), labels, texts })
    }
    if (isDue) describedMs = atMs
    metrics.untold.set(page.total - page.items.length)
    book.update(open, page.next === null, closedNow, view.mergedIncidents(), nowMs())
  }

  /** Whether the server did it; one that did not is left alone for a while. */
  const attempt = async (target: Target, act: () => Promise<void>): Promise<boolean> => {
    const { url } = target.server
    try {
      await act()
      metrics.reached.set({ url }, 1)
      return true
    } catch (error) {
      if (stopping.signal.aborted) return false
      target.retryMs = nowMs() + retryAfterMs
      metrics.reached.set({ url }, 0)
      trouble(`Alertmanager at ${url} could not be told of incidents; trying again`, error)
      return false
    }
  }

  /** Asks it first what it was told by the run before: what got worse then is not told anew, and labels stay as they were. */
  const resume = async (target: Target): Promise<void> => {
    target.isResumed = await attempt(target, async () => book.resume(await target.server.held()))
    isChanged ||= target.isResumed
  }

  const tell = async (target: Target): Promise<void> => {
    const atMs = nowMs()
    const version = book.version()
    const isDue = atMs - target.toldMs >= resendMs
    const alerts = book.alerts(isDue ? 0 : target.version)
    if (alerts.length === 0) return
    const isTold = await attempt(target, () => target.server.post(alerts, atMs + config.expire_s * 1000))
    if (!stopping.signal.aborted) metrics.posts.inc({ result: isTold ? 'ok' : 'failed' })
    if (!isTold) return
    target.version = version
    if (isDue) target.toldMs = atMs
  }

  const take = async (): Promise<void> => {
    if (!mayTell()) return
    const reachable = targets.filter(({ retryMs }) => nowMs() >= retryMs)
    await Promise.all(reachable.filter(({ isResumed }) => !isResumed).map(resume))
    // Alerts go on under the labels they have, which a server must have said first.
    if (targets.some(({ isResumed }) => isResumed) && (isChanged || nowMs() - describedMs >= resendMs)) {
      isChanged = false
      await look()
    }
    await Promise.all(reachable.filter(({ isResumed }) => isResumed).map(tell))
  }

  const unsubscribe = view.subscribe(event => {
    if (event.type !== 'incident') return
    isChanged = true
    const { incident, change } = event.data
    if (change === 'closed' && closed.size < closedMax) closed.add(incident.id)
  })
  const timer = setInterval(() => {
    turn ??= take()
      .catch((error: unknown) => trouble('incidents could not be told to Alertmanager; trying again', error))
      .finally(() => (turn = undefined))
  }, everyMs)
  return {
    async stop() {
      clearInterval(timer)
      unsubscribe()
      stopping.abort()
      await turn
    }
  }
}

/** The metrics of telling Alertmanagers; made without any of these too, so that they are there to be asked for. */
export function createAlertingMetrics(registry: Registry) {
  const registers = [registry]
  return {
    posts: new Counter({
      name: 'svetofor_alertmanager_posts_total',
      help: 'Times an Alertmanager was told of incidents, by result: ok or failed',
      labelNames: ['result'] as const,
      registers
    }),
    reached: new Gauge({
      name: 'svetofor_alertmanager_reached',
      help: '1 where this Alertmanager took what it was last told',
      labelNames: ['url'] as const,
      registers
    }),
    untold: new Gauge({
      name: 'svetofor_alertmanager_incidents_untold',
      help: 'Open incidents that no Alertmanager is told of, because there are too many',
      registers
    })
  }
}
