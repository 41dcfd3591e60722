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
import { packageRoot } from '../../schemas/package-root.ts'
import type * as api from './api-schemas.ts'
import { createTokenCheck, hostOf, isLoopback, tokenTries } from './auth.ts'
import { limitConnections } from './connections.ts'
import { createEventHub, eventLimits, type EventLimits } from './events.ts'
import { createMetricsText, createStatusMetrics } from './metrics.ts'
import { isoOrNull, nodeNames } from './present.ts'
import {
  Problem,
  problemBody,
  problemContentType,
  problemTypes,
  sendProblem,
  type ProblemType
} from './problems.ts'
import { createRouteContext } from './routes/context.ts'
import { addHistoryRoutes, type HistoryLimits } from './routes/history.ts'
import { addLightRoutes } from './routes/lights.ts'
import { addListRoutes } from './routes/lists.ts'
import { addLookupRoutes } from './routes/lookups.ts'
import { addOperationRoutes } from './routes/operations.ts'
import { addShadowRoutes } from './routes/shadow.ts'
import { createTreeCache } from './tree-cache.ts'
import type { HistoryStore, StatusView } from '../view.ts'

/** Every limit of the interface; all may be changed one by one. */
export interface StatusLimits extends HistoryLimits {
  readonly urlBytesMax: number
  readonly headerBytesMax: number
  readonly bodyBytesMax: number
  /** From the first byte of a request to its last (ms). */
  readonly requestTimeoutMs: number
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
  const tokenCheck = createTokenCheck({
    tokens: options.tokens,
    nowMs,
    onTooMany: address =>
      options.logger.warn(
        { address, tries: tokenTries.max },
        'wrong tokens: this address is refused for a while, but for tokens that are in use'
      )
  })
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
  limitConnections(fastify.server, limits.connectionsMax)
  const app = fastify.withTypeProvider<api.TypeBoxProvider>()

  app.addHook('onRequest', async request => {
    if (request.raw.url !== undefined && request.raw.url.length > limits.urlBytesMax) {
      throw new Problem('url-too-long', `A URL may have ${limits.urlBytesMax} characters; shorten it`)
    }
    if (guarded) {
      if (request.routeOptions.config.open === true) return
      const verdict = tokenCheck.check(request.headers.authorization, request.socket.remoteAddress ?? '')
      if (verdict === 'too-many-tries')
        throw new Problem('too-many-tries', 'Wrong tokens came from this address; wait a minute', {
          retryAfterS: tokenTries.perMs / 1000
        })
      if (verdict === 'wrong')
        throw new Problem(
          'unauthorized',
          'Send the header "Authorization: Bearer TOKEN" with a token of status.tokens'
        )
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
  app.addHook('onSend', async (request, reply) => {
    if (request.url.startsWith('/api/v1/')) {
      const asOf = isoOrNull(view.freshness().asOfMs)
      if (asOf !== null) void reply.header('svetofor-as-of', asOf)
    }
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
      // A path that leaves the folder of the page, by `..`: there is nothing there.
      403: 'no-such-route',
      404: 'no-such-route',
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

  const context = createRouteContext(view, nameOf, metrics, nowMs)
  addLightRoutes(app, context, tree, hub, dataHeaders)
  addListRoutes(app, context, hub)
  addHistoryRoutes(app, context, history, limits)
  addLookupRoutes(app, context)
  addShadowRoutes(app, context)
  addOperationRoutes(app, context, {
    version: options.version,
    reload: options.reload,
    registry,
    metricsText
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

/** What ajv says, with the allowed words where there are some. */
function readable(message: string | undefined, params: Readonly<Record<string, unknown>>): string {
  const allowed = params['allowedValues']
  if (Array.isArray(allowed)) return `must be one of ${allowed.join(', ')}`
  if (message?.startsWith('must match pattern') === true) return 'must not be blank'
  return message ?? 'is not valid'
}
