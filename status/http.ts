import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance
} from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { Type, type TSchema } from 'typebox'
import { ProblemsError } from '../schemas/located-yaml.ts'
import { packageRoot } from '../schemas/package-root.ts'
import * as api from './api-schemas.ts'
import { createTokenCheck, hostOf, isLoopback } from './auth.ts'
import { createEventHub, eventLimits, type EventLimits } from './events.ts'
import { createMetricsText, createStatusMetrics } from './metrics.ts'
import {
  isoTime,
  nodeNames,
  countNodes,
  presentAlarm,
  presentIncident,
  presentNode,
  presentSummary,
  presentSummaryOfNetwork
} from './present.ts'
import {
  Problem,
  problemBody,
  problemContentType,
  problemTypes,
  sendProblem,
  type ProblemType
} from './problems.ts'
import { createTreeCache } from './tree-cache.ts'
import type { HistoryStore, StatusView } from './view.ts'

/** Every limit of the interface; all may be changed one by one. */
export interface StatusLimits {
  readonly urlBytesMax: number
  readonly headerBytesMax: number
  readonly bodyBytesMax: number
  /** From the first byte of a request to its last (ms). */
  readonly requestTimeoutMs: number
  readonly historyTimeoutMs: number
  /** History queries at work at once. */
  readonly historyConcurrentMax: number
  readonly connectionsMax: number
  /** Nodes in /api/v1/tree; whole tiers are left out from below beyond it. */
  readonly treeNodesMax: number
  readonly treeMaxAgeMs: number
  readonly metricsCacheMs: number
  /** How long close() waits for requests at work (ms). */
  readonly closeTimeoutMs: number
  readonly events: EventLimits
}

export const statusLimits: StatusLimits = {
  urlBytesMax: 4096,
  headerBytesMax: 16 * 1024,
  bodyBytesMax: 16 * 1024,
  requestTimeoutMs: 10_000,
  historyTimeoutMs: 8000,
  historyConcurrentMax: 8,
  connectionsMax: 1000,
  treeNodesMax: 60_000,
  treeMaxAgeMs: 1500,
  metricsCacheMs: 1000,
  closeTimeoutMs: 3000,
  events: eventLimits
}

export interface StatusServerOptions {
  readonly view: StatusView
  readonly history: HistoryStore
  readonly registry: Registry
  readonly logger: Logger
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** Bearer tokens; with none, only a loopback host is accepted. */
  readonly tokens: readonly string[]
  readonly version: string
  readonly limits?: Partial<StatusLimits>
  /** Loads inventory and rules anew; throws ProblemsError when the files have errors. */
  readonly reload?: () => Promise<api.ReloadOutcome>
  /** Folder of the operator page. */
  readonly pageRoot?: string
  /** Names by which a proxy may call a server without tokens, beside localhost and loopback addresses. */
  readonly allowedHosts?: readonly string[]
  readonly incidentsListedMax?: number
  readonly processMetrics?: boolean
  readonly nowMs?: () => number
}

export interface StatusServer {
  /** Binds the port. Rejects with one sentence that says what to do. */
  listen(): Promise<{ url: string }>
  /** Ends event streams, waits for requests at work up to the limit, then closes what is left. */
  close(): Promise<void>
  /** The Fastify instance, for tests through inject(). */
  readonly app: FastifyInstance
}

/** `style-src-attr` is left out on purpose: the page positions its rows through the CSSOM, which needs no exception. */
const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin'
}
const dataHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'"
}

const dayMs = 24 * 3600 * 1000

/** Routes that say nothing of the network: they need no token. Marked in the route's config. */
declare module 'fastify' {
  interface FastifyContextConfig {
    open?: boolean
  }
}

export async function createStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { view, history, registry, host } = options
  const limits: StatusLimits = { ...statusLimits, ...options.limits }
  const nowMs = options.nowMs ?? Date.now
  const guarded = options.tokens.length > 0
  if (!guarded && !isLoopback(host)) {
    throw new Error(
      `status.host ${host} can be reached from other machines and no tokens are configured; ` +
        'set status.tokens, or bind to 127.0.0.1'
    )
  }
  const tokenIsKnown = createTokenCheck(options.tokens)
  const allowedHosts = new Set(options.allowedHosts?.map(name => name.toLowerCase()))
  const nameOf = nodeNames(view)

  const hub = createEventHub({
    view,
    nameOf,
    nowMs,
    limits: limits.events,
    onSlowClient: () => metrics.slowClientClosed()
  })
  const metrics = createStatusMetrics(registry, view, {
    version: options.version,
    sseClients: () => hub.clients(),
    ...(options.incidentsListedMax === undefined ? {} : { incidentsListedMax: options.incidentsListedMax }),
    ...(options.processMetrics === undefined ? {} : { processMetrics: options.processMetrics })
  })
  const metricsText = createMetricsText(registry, nowMs, limits.metricsCacheMs)
  const tree = createTreeCache({
    view,
    eventId: () => hub.lastId(),
    nowMs,
    maxAgeMs: limits.treeMaxAgeMs,
    nodesMax: limits.treeNodesMax
  })

  // Named by Fastify's own type, or the instance would be typed by pino's.
  const logger: FastifyBaseLogger = options.logger
  const fastify = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: limits.headerBytesMax },
    routerOptions: { maxParamLength: limits.urlBytesMax },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: true } },
    frameworkErrors: (error, request, reply) => {
      void sendProblem(request, reply, 'bad-request', `${error.message}; check the encoding of the path`)
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return
      const type: ProblemType = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'bad-request'
      const { status } = problemTypes[type]
      const body = JSON.stringify(problemBody(type, 'This is not a request that can be read', '/'))
      socket.end(
        `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : 'Bad Request'}\r\n` +
          `content-type: ${problemContentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
          `connection: close\r\n\r\n${body}`
      )
    }
  })
  fastify.server.maxConnections = limits.connectionsMax
  const app = fastify.withTypeProvider<api.TypeBoxProvider>()

  app.addHook('onRequest', async request => {
    if (request.raw.url !== undefined && request.raw.url.length > limits.urlBytesMax) {
      throw new Problem('url-too-long', `A URL may have ${limits.urlBytesMax} characters; shorten it`)
    }
    if (guarded) {
      if (request.routeOptions.config.open !== true && !tokenIsKnown(request.headers.authorization)) {
        throw new Problem(
          'unauthorized',
          'Send the header "Authorization: Bearer TOKEN" with a token of status.tokens'
        )
      }
      return
    }
    // Without tokens only this machine may ask. A page of another site that made a browser here resolve its own
    // name to 127.0.0.1 gives itself away by the Host header.
    const name = hostOf(request.headers.host)
    if (!isLoopback(name) && !allowedHosts.has(name)) {
      throw new Problem(
        'wrong-host',
        'Call it localhost or 127.0.0.1, or name the host in status.allowed_hosts'
      )
    }
  })
  // An empty state must not be taken for a quiet network, nor every address for an unknown one.
  let restored = false
  app.addHook('preValidation', async request => {
    if (restored || !request.url.startsWith('/api/v1/')) return
    const state = view.readiness().parts['state']
    restored = state?.ok !== false
    if (!restored)
      throw new Problem('starting', state?.detail ?? 'State is being restored', { retryAfterS: 1 })
  })
  app.addHook('onSend', async (_request, reply) => {
    for (const [name, value] of Object.entries(dataHeaders))
      if (!reply.hasHeader(name)) void reply.header(name, value)
    if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store')
  })
  app.addHook('onResponse', async (request, reply) => {
    metrics.observeHttp(
      request.method,
      request.routeOptions.url ?? 'none',
      reply.statusCode,
      reply.elapsedTime / 1000
    )
  })

  app.setErrorHandler((thrown: FastifyError | Error, request, reply) => {
    if (thrown instanceof Problem) {
      if (thrown.type === 'unauthorized') void reply.header('www-authenticate', 'Bearer realm="svetofor"')
      return sendProblem(request, reply, thrown.type, thrown.message, thrown.extras)
    }
    const error = thrown as Partial<FastifyError> & Error
    if (error.validation !== undefined) {
      const where = error.validationContext ?? 'request'
      const errors = error.validation.map(({ instancePath, message, params }) => {
        const named = params['additionalProperty'] ?? params['missingProperty']
        const pointer = typeof named === 'string' ? named : instancePath.slice(1)
        return {
          pointer: `${where}/${pointer}`,
          detail:
            typeof params['additionalProperty'] === 'string' ? 'is not known here' : readable(message, params)
        }
      })
      const first = errors.map(e => `${e.pointer} ${e.detail}`).join('; ')
      return sendProblem(request, reply, 'bad-request', `${first}. See /docs for what this route takes`, {
        errors
      })
    }
    const byStatus: Readonly<Record<number, ProblemType>> = {
      400: 'bad-request',
      413: 'too-large',
      414: 'url-too-long',
      415: 'unsupported-media-type'
    }
    const type = byStatus[error.statusCode ?? 500]
    if (type !== undefined) return sendProblem(request, reply, type, error.message)
    request.log.error({ err: error, route: request.routeOptions.url }, 'request failed')
    return sendProblem(request, reply, 'internal', 'The error is in the log of Svetofor; please report it')
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, 'no-such-route', `${request.method} is not served here; /docs lists what is`)
  )

  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Svetofor',
        description:
          'The lights of the access network: what is wrong at an address, since when, why, and how many are affected. ' +
          'Errors are RFC 9457 problem details.',
        version: options.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
      },
      tags: [
        { name: 'status', description: 'Lights, incidents and alarms now' },
        { name: 'history', description: 'Stored transitions' },
        { name: 'operations', description: 'For those who run Svetofor' }
      ],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      ...(guarded ? { security: [{ token: [] }] } : {})
    }
  })
  await app.register(async scope => {
    scope.addHook('onRoute', route => {
      route.config = { ...route.config, open: true }
    })
    await scope.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      uiConfig: { docExpansion: 'list', deepLinking: true },
      theme: { title: 'Svetofor API' }
    })
    await scope.register(fastifyStatic, {
      root: options.pageRoot ?? join(packageRoot, 'status', 'page'),
      prefix: '/',
      wildcard: false,
      cacheControl: false,
      setHeaders: reply => {
        for (const [name, value] of Object.entries(pageHeaders)) void reply.header(name, value)
        // The page and its modules belong together, so each is checked by ETag on every load.
        void reply.header('cache-control', 'no-cache')
      }
    })
  })

  const answers = <T extends TSchema>(schema: T, ...problems: ProblemType[]) => {
    const problemAnswer = (description: string) => ({
      description,
      content: { 'application/problem+json': { schema: api.problemSchema } }
    })
    const byStatus: Record<string, ReturnType<typeof problemAnswer>> = {}
    for (const type of problems) {
      const { status, title } = problemTypes[type]
      byStatus[status] = problemAnswer(title)
    }
    return { 200: schema, ...byStatus, default: problemAnswer('Any other error') }
  }
  const now = () => {
    const atMs = nowMs()
    return { at: isoTime(atMs), atMs }
  }
  const timed = <T>(by: 'address' | 'node', found: (answer: T) => boolean, ask: () => T): T => {
    const begin = performance.now()
    const answer = ask()
    metrics.observeLookup(by, found(answer) ? 'found' : 'not_found', (performance.now() - begin) / 1000)
    return answer
  }
  const nodeOrProblem = (id: string) => {
    const node = timed(
      'node',
      answer => answer !== undefined,
      () => view.node(id)
    )
    if (node === undefined) {
      throw new Problem('node-not-found', `The inventory has no node ${id}; ids are listed at /api/v1/nodes`)
    }
    return node
  }

  app.get(
    '/api/v1/status',
    {
      schema: {
        operationId: 'status',
        tags: ['status'],
        summary: 'The light at a street address, and why',
        description:
          'Answers when exactly one building matches. Otherwise 404 with the nearest candidates: a building is never guessed.',
        querystring: api.statusQuery,
        response: answers(api.statusAnswerSchema, 'bad-request', 'address-not-found')
      }
    },
    async request => {
      const { address, limit } = request.query
      const answer = timed(
        'address',
        found => found.match !== null,
        () => view.lookup(address, limit ?? 10)
      )
      if (answer.match === null) {
        const { candidates } = answer
        const detail =
          candidates.length === 0
            ? 'No address is like this one; check the street and the house number'
            : `Did you mean: ${candidates
                .slice(0, 3)
                .map(c => c.address)
                .join('; ')}?`
        throw new Problem('address-not-found', detail, { candidates })
      }
      const { node, ...match } = answer.match
      return { ...now(), query: answer.query, match, node: presentNode(node, nameOf) }
    }
  )

  app.get(
    '/api/v1/addresses',
    {
      schema: {
        operationId: 'addresses',
        tags: ['status'],
        summary: 'Addresses nearest to what is being typed',
        querystring: api.addressesQuery,
        response: answers(api.addressesSchema, 'bad-request')
      }
    },
    async request => {
      const { q, limit } = request.query
      const answer = timed(
        'address',
        found => found.match !== null || found.candidates.length > 0,
        () => view.lookup(q, limit ?? 10)
      )
      const { match, candidates } = answer
      if (match === null) return { ...now(), query: q, items: candidates.slice(0, limit ?? 10) }
      const { address, nodeId, tier, score } = match
      // The engine may list the exact match among the near ones, too.
      const others = candidates.filter(near => near.address !== address || near.nodeId !== nodeId)
      const items = [{ address, nodeId, tier, score }, ...others].slice(0, limit ?? 10)
      return { ...now(), query: q, items }
    }
  )

  app.get(
    '/api/v1/summary',
    {
      schema: {
        operationId: 'summary',
        tags: ['status'],
        summary: 'The whole network in a few numbers',
        querystring: api.noQuery,
        response: answers(api.summarySchema)
      }
    },
    async () =>
      presentSummaryOfNetwork(countNodes(view), view.incidents({ open: true, limit: 1000 }).length, nowMs())
  )

  app.get(
    '/api/v1/nodes',
    {
      schema: {
        operationId: 'nodes',
        tags: ['status'],
        summary: 'Nodes, by tier, light or name, page by page',
        querystring: api.nodesQuery,
        response: answers(api.nodesSchema, 'bad-request')
      }
    },
    async request => {
      const { tier, light, name, after, limit = 100 } = request.query
      const part = name?.toLowerCase()
      const matching = tree
        .nodes()
        .filter(
          node =>
            (tier === undefined || node.tier === tier) &&
            (light === undefined || node.effective === light) &&
            (part === undefined ||
              node.name.toLowerCase().includes(part) ||
              node.id.toLowerCase().includes(part))
        )
      // A node that left the filter since the last page was given is looked for in vain: begin anew then.
      const start = after === undefined ? 0 : matching.findIndex(node => node.id === after) + 1
      const items = matching.slice(start, start + limit)
      const next = start + limit < matching.length ? (items.at(-1)?.id ?? null) : null
      return { ...now(), items: items.map(presentSummary), total: matching.length, next }
    }
  )

  app.get(
    '/api/v1/nodes/:id',
    {
      schema: {
        operationId: 'node',
        tags: ['status'],
        summary: 'All there is to say of a node now',
        params: api.nodeParams,
        querystring: api.noQuery,
        response: answers(api.nodeAnswerSchema, 'bad-request', 'node-not-found')
      }
    },
    async request => presentNode(nodeOrProblem(request.params.id), nameOf)
  )

  let historyAtWork = 0
  app.get(
    '/api/v1/nodes/:id/history',
    {
      schema: {
        operationId: 'nodeHistory',
        tags: ['history'],
        summary: 'Stored transitions of a node, newest first',
        params: api.nodeParams,
        querystring: api.historyQuery,
        response: answers(
          api.historySchema,
          'bad-request',
          'node-not-found',
          'history-unavailable',
          'history-timeout'
        )
      }
    },
    async request => {
      const { id } = request.params
      nodeOrProblem(id)
      const toMs = moment('to', request.query.to) ?? nowMs()
      const fromMs = moment('from', request.query.from) ?? toMs - dayMs
      if (fromMs >= toMs) throw badParameter('from', 'is not before `to`')
      if (historyAtWork >= limits.historyConcurrentMax) {
        throw new Problem('history-unavailable', 'Too many history queries are running; try again', {
          retryAfterS: 2
        })
      }
      historyAtWork++
      const query = history
        .nodeHistory(id, fromMs, toMs, request.query.limit ?? 200)
        .finally(() => historyAtWork--)
      const entries = await withTimeout(query, limits.historyTimeoutMs).catch((error: unknown) => {
        if (error instanceof Problem) throw error
        request.log.warn({ err: error, node: id }, 'history query failed')
        throw new Problem('history-unavailable', 'ClickHouse did not answer; /health/ready says more', {
          retryAfterS: 5
        })
      })
      return {
        ...now(),
        node: id,
        from: isoTime(fromMs),
        to: isoTime(toMs),
        items: entries.map(entry => ({
          at: isoTime(entry.atMs),
          atMs: entry.atMs,
          kind: entry.kind,
          data: { ...entry.data }
        }))
      }
    }
  )

  app.get(
    '/api/v1/incidents',
    {
      schema: {
        operationId: 'incidents',
        tags: ['status'],
        summary: 'Root causes and what they affect',
        querystring: api.incidentsQuery,
        response: answers(api.incidentsSchema, 'bad-request')
      }
    },
    async request => {
      const { open, limit = 100 } = request.query
      const items = view.incidents(open === undefined ? { limit } : { open, limit })
      return { ...now(), items: items.map(incident => presentIncident(incident, nameOf)) }
    }
  )

  app.get(
    '/api/v1/alarms',
    {
      schema: {
        operationId: 'alarms',
        tags: ['status'],
        summary: 'Alarms with their evidence',
        querystring: api.alarmsQuery,
        response: answers(api.alarmsSchema, 'bad-request', 'node-not-found')
      }
    },
    async request => {
      const { open, node, limit = 100 } = request.query
      if (node !== undefined) nodeOrProblem(node)
      const items = view.alarms({
        limit,
        ...(open === undefined ? {} : { open }),
        ...(node === undefined ? {} : { node })
      })
      return { ...now(), items: items.map(presentAlarm) }
    }
  )

  app.get(
    '/api/v1/unknown-devices',
    {
      schema: {
        operationId: 'unknownDevices',
        tags: ['operations'],
        summary: 'Devices that send telemetry and are not in the inventory',
        querystring: api.unknownDevicesQuery,
        response: answers(api.unknownDevicesSchema, 'bad-request')
      }
    },
    async request => ({
      ...now(),
      items: view.unknownDevices(request.query.limit ?? 100).map(device => ({
        ...device,
        firstSeen: isoTime(device.firstSeenMs),
        lastSeen: isoTime(device.lastSeenMs)
      }))
    })
  )

  app.get(
    '/api/v1/tree',
    {
      // The text is made in slices by the cache; this schema is for OpenAPI, and a test holds the two together.
      schema: {
        operationId: 'tree',
        tags: ['status'],
        summary: 'The network with its lights',
        querystring: api.noQuery,
        response: answers(api.treeSchema)
      }
    },
    async (request, reply) => {
      const body = await tree.body()
      const etag = `W/"${body.eventId}"`
      void reply.header('etag', etag).header('cache-control', 'no-cache').header('vary', 'accept-encoding')
      if (request.headers['if-none-match'] === etag) return reply.code(304).send(undefined as never)
      void reply.header('content-type', 'application/json; charset=utf-8')
      if (/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
        return reply.header('content-encoding', 'gzip').send(body.gzipped as never)
      }
      return reply.send(body.plain as never)
    }
  )

  app.get(
    '/api/v1/events',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'events',
        tags: ['status'],
        summary: 'Every change as it happens (Server-Sent Events)',
        description:
          'Events `light`, `incident`, `alarm` and `reload` carry a JSON array of changes; `heartbeat` comes every ten ' +
          'seconds; `resync` says that changes were missed: ask /api/v1/tree again.',
        querystring: api.eventsQuery,
        response: {
          200: {
            description: 'The stream',
            content: { 'text/event-stream': { schema: Type.String() } }
          },
          503: answers(api.liveSchema, 'too-many-clients')[503 as never]
        }
      }
    },
    async (request, reply) => {
      const header = request.headers['last-event-id']
      const after = typeof header === 'string' ? header.slice(0, 64) : request.query.after
      if (!hub.connect(reply.raw, after, dataHeaders)) {
        throw new Problem('too-many-clients', 'Every place at the event stream is taken; try again', {
          retryAfterS: 10
        })
      }
      return reply.hijack()
    }
  )

  let reloading = false
  app.post(
    '/api/v1/reload',
    {
      schema: {
        operationId: 'reload',
        tags: ['operations'],
        summary: 'Load inventory and rules anew; files with errors change nothing',
        querystring: api.noQuery,
        response: answers(api.reloadSchema, 'bad-inventory', 'reload-running', 'no-reload')
      }
    },
    async request => {
      // A browser sends these two; a page of another site must not be able to press this button.
      const site = request.headers['sec-fetch-site']
      const { origin } = request.headers
      if (
        (site !== undefined && site !== 'same-origin' && site !== 'none') ||
        (origin !== undefined && origin.replace(/^https?:\/\//, '') !== request.headers.host)
      ) {
        throw new Problem('cross-site', 'Call this from the page of Svetofor itself or from a program')
      }
      if (options.reload === undefined)
        throw new Problem('no-reload', 'Restart the process to load its files anew')
      if (reloading) throw new Problem('reload-running', 'Wait until the reload at work is over')
      reloading = true
      try {
        return await options.reload()
      } catch (error) {
        if (!(error instanceof ProblemsError)) throw error
        throw new Problem('bad-inventory', `${error.problems.length} errors; correct the files and reload`, {
          errors: error.problems.slice(0, 1000).map(problem => ({
            detail: problem.message,
            pointer: problem.path,
            file: problem.file,
            line: problem.line,
            column: problem.column,
            remedy: problem.remedy
          }))
        })
      } finally {
        reloading = false
      }
    }
  )

  app.get(
    '/health/live',
    {
      config: { open: true },
      schema: {
        operationId: 'live',
        tags: ['operations'],
        summary: 'Whether the process answers at all',
        security: [],
        response: answers(api.liveSchema)
      }
    },
    async () => ({ status: 'ok' as const, version: options.version })
  )

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'ready',
        tags: ['operations'],
        summary: 'Whether its state is restored and every part is well',
        response: answers(api.readySchema, 'not-ready')
      }
    },
    async () => {
      const { ready, parts } = view.readiness()
      if (ready) return { ready, parts: { ...parts } }
      const unwell = Object.entries(parts)
        .filter(([, part]) => !part.ok)
        .map(([name, part]) => `${name}: ${part.detail}`)
      throw new Problem('not-ready', unwell.join('; ') || 'Starting', { parts, retryAfterS: 5 })
    }
  )

  app.get(
    '/metrics',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'metrics',
        tags: ['operations'],
        summary: 'Prometheus metrics',
        response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: Type.String() } } } }
      }
    },
    async (_request, reply) =>
      reply.header('content-type', registry.contentType).send((await metricsText()) as never)
  )

  let openApiText: string | undefined
  app.get('/openapi.json', { config: { open: true }, schema: { hide: true } }, async (_request, reply) => {
    openApiText ??= JSON.stringify(app.swagger())
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(openApiText)
  })

  return {
    app: fastify,
    listen: async () => {
      try {
        await app.listen({ host, port: options.port })
      } catch (error) {
        throw listenError(error, host, options.port)
      }
      const address = app.server.address()
      const port = typeof address === 'object' && address !== null ? address.port : options.port
      const shown = host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host
      return { url: `http://${shown === '0.0.0.0' || shown === '[::]' ? 'localhost' : shown}:${port}` }
    },
    close: async () => {
      hub.close()
      const hurry = setTimeout(() => app.server.closeAllConnections(), limits.closeTimeoutMs)
      hurry.unref()
      await app.close()
      clearTimeout(hurry)
    }
  }
}

function listenError(error: unknown, host: string, port: number): Error {
  const { code } = error as NodeJS.ErrnoException
  const remedies: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} of ${host} is taken by another program; stop it, or set status.port to another (0 takes a free one)`,
    EACCES: `port ${port} may not be opened by this user; set status.port to one above 1023`,
    EADDRNOTAVAIL: `${host} is no address of this machine; set status.host to one that is`
  }
  const remedy = code === undefined ? undefined : remedies[code]
  return new Error(`status endpoint: ${remedy ?? String(error)}`, { cause: error })
}

/** ISO 8601 or milliseconds. Without an offset a time is UTC, as all times of this interface. */
function moment(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const iso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.exec(text.replace(' ', '+'))
  const timeMs =
    iso === null ? NaN : Date.parse(iso[1] !== undefined && iso[4] === undefined ? `${iso[0]}Z` : iso[0])
  if (Number.isNaN(timeMs))
    throw badParameter(name, 'is neither ISO 8601, such as 2026-11-22T10:00:00Z, nor ms')
  return timeMs
}

function badParameter(name: string, detail: string): Problem {
  const errors = [{ pointer: `querystring/${name}`, detail }]
  return new Problem('bad-request', `querystring/${name} ${detail}`, { errors })
}

/** What ajv says, with the allowed words where there are some. */
function readable(message: string | undefined, params: Readonly<Record<string, unknown>>): string {
  const allowed = params['allowedValues']
  if (Array.isArray(allowed)) return `must be one of ${allowed.join(', ')}`
  if (message?.startsWith('must match pattern') === true) return 'must not be blank'
  return message ?? 'is not valid'
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () =>
        reject(new Problem('history-timeout', 'Ask for a shorter span, or try again', { retryAfterS: 5 })),
      timeoutMs
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
