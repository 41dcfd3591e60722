import { setImmediate as nextTurn } from 'node:timers/promises'
import { Counter, Gauge, Histogram, collectDefaultMetrics, type Registry } from 'prom-client'
import { lights, tiers, severities, incidentKinds } from '../../schemas/words.ts'
import { nodeNames } from './present.ts'
import type { StatusView } from '../view.ts'

export interface StatusMetricsOptions {
  readonly version: string
  /** Open incidents with series of their own; the others are only counted. */
  readonly incidentsListedMax?: number
  /** How many SSE clients there are now. */
  readonly sseClients?: () => number
  /** False in tests that make many registries: the process metrics start timers. */
  readonly processMetrics?: boolean
}

export interface StatusMetrics {
  /** `route` is the pattern of the route, never the path asked for. */
  observeHttp(method: string, route: string, status: number, seconds: number): void
  observeLookup(by: 'address' | 'node', outcome: 'found' | 'not_found', seconds: number): void
  slowClientClosed(): void
}

const alarmsCountedMax = 100_000

/**
 * Registers the metrics of the network's state and of the interface. Gauges of the state are computed when they are
 * scraped. Only open incidents carry a node's id, at most `incidentsListedMax` of them, the heaviest first.
 */
export function createStatusMetrics(
  registry: Registry,
  view: StatusView,
  options: StatusMetricsOptions
): StatusMetrics {
  const registers = [registry]
  const nameOf = nodeNames(view)
  const incidentsListedMax = options.incidentsListedMax ?? 100
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry })

  new Gauge({
    name: 'svetofor_build_info',
    help: 'Always 1; the version of Svetofor and of Node.js it runs on',
    labelNames: ['version', 'node_version'],
    registers
  }).set({ version: options.version, node_version: process.versions.node }, 1)

  new Gauge({
    name: 'svetofor_nodes',
    help: 'Nodes by effective light and tier',
    labelNames: ['light', 'tier'] as const,
    registers,
    collect() {
      this.reset()
      for (const tier of tiers) for (const light of lights) this.set({ light, tier }, 0)
      for (const { tier, light, nodes } of view.nodeCounts()) this.set({ light, tier }, nodes)
    }
  })

  let incidentsRefreshed = Promise.resolve()
  const collect = (): Promise<void> => incidentsRefreshed
  const listed = new Gauge({
    name: 'svetofor_incident',
    help: 'Always 1 for an open incident: one root cause, what it is and where',
    labelNames: ['incident', 'root', 'root_name', 'kind', 'severity', 'light', 'maintenance'] as const,
    registers,
    // Registered first of its group: it refreshes the gauges below, and they wait for it.
    collect: () => (incidentsRefreshed = refreshIncidents())
  })
  const incidentNodes = new Gauge({
    name: 'svetofor_incident_affected_nodes',
    help: 'Nodes affected by an open incident, its root included',
    labelNames: ['incident'] as const,
    registers,
    collect
  })
  const incidentAddresses = new Gauge({
    name: 'svetofor_incident_affected_addresses',
    help: 'Street addresses affected by an open incident',
    labelNames: ['incident'] as const,
    registers,
    collect
  })
  const incidentSubscribers = new Gauge({
    name: 'svetofor_incident_affected_subscribers',
    help: 'Subscribers affected by an open incident',
    labelNames: ['incident'] as const,
    registers,
    collect
  })
  const incidentOpened = new Gauge({
    name: 'svetofor_incident_opened_timestamp_seconds',
    help: 'When an open incident began, in Unix time',
    labelNames: ['incident'] as const,
    registers,
    collect
  })
  const runbooks = new Gauge({
    name: 'svetofor_incident_runbook',
    help: 'Always 1 for an open incident whose rule has a runbook; what is to be done stands at that address',
    labelNames: ['incident', 'runbook_url'] as const,
    registers,
    collect
  })
  const darkAt = new Gauge({
    name: 'svetofor_incident_dark_timestamp_seconds',
    help: 'When the first site on battery of an open incident goes dark, in Unix time: earliest, likely and latest; left out where nothing reliable is known',
    labelNames: ['incident', 'node', 'node_name', 'bound'] as const,
    registers,
    collect
  })
  const darkNear = new Gauge({
    name: 'svetofor_incident_dark_near',
    help: 'Always 1 for an open incident of which a site on battery has not had long any more, now or before',
    labelNames: ['incident'] as const,
    registers,
    collect
  })
  const darkSubscribers = new Gauge({
    name: 'svetofor_incident_dark_subscribers',
    help: 'Subscribers without service when that site has gone dark',
    labelNames: ['incident'] as const,
    registers,
    collect
  })
  const merged = new Gauge({
    name: 'svetofor_incident_merged',
    help: 'Always 1 for an incident that turned out to be part of another one that is open',
    labelNames: ['incident', 'into'] as const,
    registers,
    collect
  })
  const unlisted = new Gauge({
    name: 'svetofor_incidents_unlisted',
    help: 'Open incidents without series of their own, because there are too many',
    registers,
    collect
  })
  const openByKind = new Gauge({
    name: 'svetofor_incidents_open',
    help: 'Open incidents by kind of fault',
    labelNames: ['kind'] as const,
    registers,
    collect
  })
  const tellRunway = (incident: string): void => {
    if (view.isNear(incident)) darkNear.set({ incident }, 1)
    const runway = view.runway(incident)
    if (runway === null) return
    darkSubscribers.set({ incident }, runway.falls.subscribers)
    if (runway.dark === null) return
    const { earliestMs, likelyMs, latestMs } = runway.dark
    const label = { incident, node: runway.node, node_name: runway.nodeName }
    darkAt.set({ ...label, bound: 'earliest' }, earliestMs / 1000)
    darkAt.set({ ...label, bound: 'likely' }, likelyMs / 1000)
    darkAt.set({ ...label, bound: 'latest' }, latestMs / 1000)
  }
  const refreshIncidents = async (): Promise<void> => {
    const byKind = view.openIncidents()
    for (const kind of incidentKinds) openByKind.set({ kind }, byKind[kind])
    const open = incidentKinds.reduce((sum, kind) => sum + byKind[kind], 0)
    const page = await view.incidents({ open: true, limit: incidentsListedMax })
    for (const gauge of [incidentNodes, incidentAddresses, incidentSubscribers, incidentOpened, listed])
      gauge.reset()
    for (const gauge of [darkAt, darkNear, darkSubscribers, runbooks]) gauge.reset()
    merged.reset()
    for (const { id, into } of view.mergedIncidents()) merged.set({ incident: id, into }, 1)
    for (const incident of 'items' in page ? page.items : []) {
      const label = { incident: incident.id }
      listed.set(
        {
          ...label,
          root: incident.root,
          root_name: nameOf(incident.root),
          kind: incident.kind,
          severity: incident.severity,
          light: incident.light,
          maintenance: String(incident.maintenance)
        },
        1
      )
      incidentNodes.set(label, incident.affectedNodes)
      incidentAddresses.set(label, incident.affectedAddresses)
      incidentSubscribers.set(label, incident.affectedSubscribers)
      incidentOpened.set(label, incident.openedAtMs / 1000)
      const { runbook } = view.incidentNotes(incident)
      if (runbook !== '') runbooks.set({ ...label, runbook_url: runbook }, 1)
      if (incident.kind === 'power') tellRunway(incident.id)
    }
    unlisted.set(Math.max(0, open - incidentsListedMax))
  }

  const alarmsOpen = new Gauge({
    name: 'svetofor_alarms_open',
    help: 'Open alarms by rule and severity',
    labelNames: ['type', 'severity'] as const,
    registers,
    collect: () => refreshAlarms()
  })
  const alarmTypesSeen = new Set<string>()
  const refreshAlarms = (): void => {
    const open = view.alarms({ open: true, limit: alarmsCountedMax })
    for (const { type } of open) alarmTypesSeen.add(type)
    // A rule that was seen keeps its series at zero: a series that vanishes looks like a scrape that failed.
    alarmsOpen.reset()
    for (const type of alarmTypesSeen)
      for (const severity of severities) alarmsOpen.set({ type, severity }, 0)
    for (const { type, severity } of open) alarmsOpen.inc({ type, severity })
  }

  const ready = new Gauge({
    name: 'svetofor_ready',
    help: '1 when Svetofor is ready: its state is restored and every part is well',
    registers,
    collect: () => refreshReadiness()
  })
  const readyPart = new Gauge({
    name: 'svetofor_ready_part',
    help: '1 when this part is well',
    labelNames: ['part'] as const,
    registers
  })
  const refreshReadiness = (): void => {
    const readiness = view.readiness()
    ready.set(readiness.ready ? 1 : 0)
    readyPart.reset()
    for (const [part, { ok }] of Object.entries(readiness.parts)) readyPart.set({ part }, ok ? 1 : 0)
  }

  new Gauge({
    name: 'svetofor_sse_clients',
    help: 'Clients that follow the event stream now',
    registers,
    collect() {
      this.set(options.sseClients?.() ?? 0)
    }
  })
  const slowClients = new Counter({
    name: 'svetofor_sse_slow_clients_closed_total',
    help: 'Event stream clients closed because they read too slowly',
    registers
  })
  const http = new Histogram({
    name: 'svetofor_http_request_duration_seconds',
    help: 'Time from the request to the last byte of the answer, by route pattern',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5],
    registers
  })
  const lookups = new Histogram({
    name: 'svetofor_lookup_duration_seconds',
    help: 'Time the engine takes to answer for an address or a node, without HTTP',
    labelNames: ['by', 'outcome'] as const,
    buckets: [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.02],
    registers
  })

  return {
    observeHttp: (method, route, status, seconds) =>
      http.observe({ method, route, status: String(status) }, seconds),
    observeLookup: (by, outcome, seconds) => lookups.observe({ by, outcome }, seconds),
    slowClientClosed: () => slowClients.inc()
  }
}

/**
 * Returns a function that gives the text of all metrics. The text is made metric by metric with the event loop
 * let go in between, at most once in `cacheMs`, and scrapes in parallel share it.
 */
export function createMetricsText(
  registry: Registry,
  nowMs: () => number,
  cacheMs = 1000
): () => Promise<string> {
  let made: { atMs: number; text: string } | undefined
  let making: Promise<string> | undefined
  const make = async (): Promise<string> => {
    const parts: string[] = []
    for (const { name } of registry.getMetricsAsArray()) {
      parts.push(await registry.getSingleMetricAsString(name))
      await nextTurn()
    }
    const text = `${parts.join('\n\n')}\n`
    made = { atMs: nowMs(), text }
    return text
  }
  return async () => {
    if (made !== undefined && nowMs() - made.atMs < cacheMs) return made.text
    making ??= make().finally(() => {
      making = undefined
    })
    return making
  }
}

/** docs/metrics.md from what is registered: every metric of ours with its type, labels and meaning. */
export function metricsDoc(registry: Registry): string {
  const rows = registry
    .getMetricsAsArray()
    .map(metric => {
      // prom-client keeps the label names on the metric object, but not in its type.
      const { labelNames } = metric as { labelNames?: readonly string[] }
      return { name: metric.name, type: kindOf(metric), labels: labelNames ?? [], help: metric.help }
    })
    .filter(metric => metric.name.startsWith('svetofor_'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => {
      const shown = labels.length === 0 ? '' : labels.map(label => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${type} | ${shown} | ${help.replaceAll('|', '\\|')} |`
    })
  return [
    '# Metrics',
    '',
    'Made from the registered metrics by `npm run docs`; do not edit by hand. `/metrics` also has the usual',
    '`process_` and `nodejs_` metrics of prom-client: CPU, memory, file descriptors, event loop lag, garbage collection.',
    '',
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...rows,
    ''
  ].join('\n')
}

/** The type is told by the class; prom-client has no public field for it. */
function kindOf(metric: object): string {
  if (metric instanceof Counter) return 'counter'
  if (metric instanceof Gauge) return 'gauge'
  return metric instanceof Histogram ? 'histogram' : 'summary'
}
