import type { Registry } from 'prom-client'
import { Type } from 'typebox'
import { ProblemsError } from '../../../schemas/config/located-yaml.ts'
import * as api from '../api-schemas.ts'
import { isoTime } from '../present.ts'
import { Problem } from '../problems.ts'
import { answers, type RouteContext, type StatusApp } from './context.ts'

export interface Operations {
  readonly version: string
  /** Loads inventory and rules anew; throws ProblemsError when the files have errors. */
  readonly reload: (() => Promise<api.ReloadOutcome>) | undefined
  readonly registry: Registry
  readonly metricsText: () => Promise<string>
}

/** For those who run Svetofor. */
export function addOperationRoutes(
  app: StatusApp,
  { view, now }: RouteContext,
  { version, reload, registry, metricsText }: Operations
): void {
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
      if (reload === undefined) throw new Problem('no-reload', 'Restart the process to load its files anew')
      if (reloading) throw new Problem('reload-running', 'Wait until the reload at work is over')
      reloading = true
      try {
        return await reload()
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
    async () => ({ status: 'ok' as const, version: version })
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
}
