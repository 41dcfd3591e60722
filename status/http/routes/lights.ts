import { Readable } from 'node:stream'
import { Type } from 'typebox'
import * as api from '../api-schemas.ts'
import type { EventHub } from '../events.ts'
import { presentAlarm, presentNode, presentSummaryOfNetwork } from '../present.ts'
import { Problem } from '../problems.ts'
import type { TreeCache } from '../tree-cache.ts'
import type { LookupAnswer } from '../../view.ts'
import { answers, type RouteContext, type StatusApp } from './context.ts'

/** Why no single building was found, in a sentence. */
function detailOf({ outcome, streets, candidates }: LookupAnswer): string {
  const near = candidates.slice(0, 3).map(({ address }) => address)
  if (outcome === 'no-house') return `${streets.join('; ')} has no such house; it has: ${near.join('; ')}`
  if (outcome === 'no-street' && streets.length > 0)
    return `There is no such street; near: ${streets.join('; ')}`
  if (candidates.length > 0) return `Did you mean: ${near.join('; ')}?`
  return 'No address is like this one; check the street and the house number'
}

/** What is wrong now: by address, by node, of the network, and as it changes. */
export function addLightRoutes(
  app: StatusApp,
  { view, nameOf, now, timed, nodeOrProblem }: RouteContext,
  tree: TreeCache,
  hub: EventHub,
  streamHeaders: Readonly<Record<string, string>>
): void {
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
        const { candidates, outcome, streets } = answer
        throw new Problem('address-not-found', detailOf(answer), { candidates, outcome, streets })
      }
      const { by, understoodAs, query } = answer
      const { node, ...match } = answer.match
      return { query, by, understoodAs, match, node: presentNode(node, nameOf, view.notesOf), ...now() }
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
      const { match, candidates, outcome, streets } = answer
      const head = { query: q, outcome, streets: [...streets], ...now() }
      if (match === null) return { items: candidates.slice(0, limit ?? 10), ...head }
      const { address, nodeId, tier, score, light } = match
      // The engine may list the exact match among the near ones, too.
      const others = candidates.filter(near => near.address !== address || near.nodeId !== nodeId)
      const items = [{ address, nodeId, tier, score, light }, ...others].slice(0, limit ?? 10)
      return { items, ...head }
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
    async () => {
      const open = Object.values(view.openIncidents()).reduce((sum, count) => sum + count, 0)
      return presentSummaryOfNetwork(view.nodeCounts(), open, view.exampleAddress(), now())
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
        response: answers(api.nodeDetailSchema, 'bad-request', 'node-not-found')
      }
    },
    async request => Object.assign(presentNode(nodeOrProblem(request.params.id), nameOf, view.notesOf), now())
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
      return { items: items.map(alarm => presentAlarm(alarm, view.notesOf(alarm))), ...now() }
    }
  )

  app.get(
    '/api/v1/tree',
    {
      // The text is made in slices by the cache; this schema is for OpenAPI, and a test holds the two together.
      schema: {
        operationId: 'tree',
        tags: ['status'],
        summary: 'The network with its lights, at most 60,000 nodes of it',
        description:
          'In one piece, for programs that want all; /api/v1/nodes gives the tree a level at a time, at any size.',
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
        return reply.header('content-encoding', 'gzip').send(Readable.from(body.gzipped) as never)
      }
      return reply.send(Readable.from(body.plain) as never)
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
          'seconds; `resync` says that changes were missed: ask anew for what you show.',
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
      if (!hub.connect(reply.raw, after, streamHeaders)) {
        throw new Problem('too-many-clients', 'Every place at the event stream is taken; try again', {
          retryAfterS: 10
        })
      }
      return reply.hijack()
    }
  )
}
