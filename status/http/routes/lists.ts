import type { FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import { createSlice } from '../../slices.ts'
import * as api from '../api-schemas.ts'
import type { EventHub } from '../events.ts'
import { presentIncident, presentTreeNode } from '../present.ts'
import { Problem } from '../problems.ts'
import { answers, type RouteContext, type StatusApp } from './context.ts'

/** Name searches at work at once: each looks at all nodes, in pieces of a few milliseconds. */
const searchesMax = 4

/** Nodes and incidents, page by page. */
export function addListRoutes(app: StatusApp, { view, nameOf, now }: RouteContext, hub: EventHub): void {
  let searching = 0
  app.get(
    '/api/v1/nodes',
    {
      schema: {
        operationId: 'nodes',
        tags: ['status'],
        summary: 'A level of the tree, or nodes by tier, light or name, page by page',
        description:
          'The tree lists each node once, below the first of its parents, siblings by name. `top`, `parent` and `path` ask for a ' +
          'part of it; `under`, `tier`, `light` and `name` filter all nodes, or those below one.',
        querystring: api.nodesQuery,
        response: answers(api.nodesSchema, 'bad-request', 'node-not-found', 'too-many-clients')
      }
    },
    async (request, reply) => {
      const { name, limit = 100, ...filter } = request.query
      const scopes = (['top', 'parent', 'path', 'under'] as const).filter(
        scope => filter[scope] !== undefined
      )
      if (scopes.length > 1) throw refused(scopes[1]!, `cannot be asked for together with ${scopes[0]}`)
      const isLevel = filter.top === true || filter.parent !== undefined || filter.path !== undefined
      for (const narrowing of ['tier', 'light', 'name'] as const) {
        if (isLevel && request.query[narrowing] !== undefined)
          throw refused(
            narrowing,
            `filters a list and not a level of the tree; use \`under\` instead of ${scopes[0]}`
          )
      }
      // Taken first: what changes while the page is made is told behind it.
      const eventId = hub.lastId()
      const search = async (part: string) => {
        if (searching >= searchesMax)
          throw new Problem('too-many-clients', 'Try again, or filter by tier and light', { retryAfterS: 1 })
        searching++
        const found = await view.nodesNamed(part, { ...filter, limit }).finally(() => searching--)
        if ('unknown' in found) return found
        const writer = createPartWriter(presentTreeNode)
        await writer.write(found.items)
        return { parts: writer.end(), total: found.total, next: found.next }
      }
      const page = await (name === undefined
        ? inParts(
            { after: filter.after, limit, atOnce: nodesAtOnce },
            part => view.nodes({ ...filter, ...part }),
            presentTreeNode
          )
        : search(name))
      if ('unknown' in page) {
        const id = filter[page.unknown] ?? ''
        if (page.unknown === 'after')
          throw refused('after', `names no node of the inventory as it is now: ${id}`)
        throw new Problem(
          'node-not-found',
          `The inventory has no node ${id}; ids are listed at /api/v1/nodes`
        )
      }
      return send(reply, { eventId, ...now() }, page) as never
    }
  )

  app.get(
    '/api/v1/incidents',
    {
      schema: {
        operationId: 'incidents',
        tags: ['status'],
        summary: 'Root causes and what they affect, page by page',
        description:
          'All that are open, and the last 500 that were closed since the start; older ones are in ClickHouse.',
        querystring: api.incidentsQuery,
        response: answers(api.incidentsSchema, 'bad-request', 'node-not-found')
      }
    },
    async (request, reply) => {
      const { limit = 100, ...filter } = request.query
      const eventId = hub.lastId()
      const page = await inParts(
        // All at once: each time it is asked, the list looks at every incident.
        { after: filter.after, limit, atOnce: limit },
        part => view.incidents({ ...filter, ...part }),
        incident => presentIncident(incident, nameOf, view.runway(incident.id))
      )
      if ('unknown' in page) {
        if (page.unknown === 'after') throw refused('after', 'is not the `next` of a page of incidents')
        throw new Problem('node-not-found', `The inventory has no node ${filter.under ?? ''}`)
      }
      return send(reply, { eventId, ...now() }, page) as never
    }
  )
}

/** What the tree is asked for at once: about a quarter of a millisecond. */
const nodesAtOnce = 25

interface Page<T> {
  readonly items: readonly T[]
  readonly total: number
  readonly next: string | null
}

/** A page as text in parts, each of about a millisecond's work: the items joined by commas, and a comma before each part but the first. */
interface PageText {
  readonly parts: readonly Buffer[]
  readonly total: number
  readonly next: string | null
}

/**
 * A page of a thousand, made without holding up the main thread: `atOnce` items are asked for at a time. `Type` of the schemas
 * describes it; a test holds the two together.
 */
async function inParts<T, U>(
  { after, limit, atOnce }: { after: string | undefined; limit: number; atOnce: number },
  ask: (part: { after: string | undefined; limit: number }) => Page<T> | U | Promise<Page<T> | U>,
  present: (item: T) => object
): Promise<PageText | U> {
  const writer = createPartWriter(present)
  let items = 0
  for (let next = after; ;) {
    const page = await ask({ after: next, limit: Math.min(atOnce, limit - items) })
    if (!isPage<T, U>(page)) return page
    await writer.write(page.items)
    items += page.items.length
    if (page.next === null || items >= limit)
      return { parts: writer.end(), total: page.total, next: page.next }
    next = page.next
  }
}

/** Writes items as JSON, and lets others have their turn where that takes long: a storm's incidents are long. */
function createPartWriter<T>(present: (item: T) => object): {
  write(items: readonly T[]): Promise<void>
  end(): readonly Buffer[]
} {
  const slice = createSlice()
  const parts: Buffer[] = []
  let texts: string[] = []
  const end = (): readonly Buffer[] => {
    if (texts.length > 0) parts.push(Buffer.from(`${parts.length === 0 ? '' : ','}${texts.join(',')}`))
    texts = []
    return parts
  }
  return {
    async write(items) {
      for (const item of items) {
        // To find the items may have taken a whole slice already.
        if (slice.isOver()) {
          end()
          await slice.end()
        }
        texts.push(JSON.stringify(present(item)))
      }
    },
    end
  }
}

const isPage = <T, U>(page: Page<T> | U): page is Page<T> =>
  typeof page === 'object' && page !== null && 'items' in page

/** Sent part by part: half a megabyte of text made and copied at once would take milliseconds. */
function send(reply: FastifyReply, head: object, { parts, total, next }: PageText): FastifyReply {
  const first = Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)
  const last = Buffer.from(`],${JSON.stringify({ total, next }).slice(1)}`)
  const body = [first, ...parts, last]
  return reply
    .header('content-type', 'application/json; charset=utf-8')
    .header(
      'content-length',
      body.reduce((sum, { length }) => sum + length, 0)
    )
    .send(Readable.from(body))
}

function refused(parameter: string, detail: string): Problem {
  return new Problem('bad-request', `querystring/${parameter} ${detail}`, {
    errors: [{ pointer: `querystring/${parameter}`, detail }]
  })
}
