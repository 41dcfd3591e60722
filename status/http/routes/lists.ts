import { createSlice, type Slice } from '../../slices.ts'
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
        return 'unknown' in found ? found : await presented(found, presentTreeNode)
      }
      const page = await (name === undefined
        ? inSlices(filter.after, limit, part => view.nodes({ ...filter, ...part }), presentTreeNode)
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
      return reply.header('content-type', jsonType).send(textOf({ eventId, ...now() }, page) as never)
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
      const page = await inSlices(
        filter.after,
        limit,
        part => view.incidents({ ...filter, ...part }),
        incident => presentIncident(incident, nameOf)
      )
      if ('unknown' in page) {
        if (page.unknown === 'after') throw refused('after', 'is not the `next` of a page of incidents')
        throw new Problem('node-not-found', `The inventory has no node ${filter.under ?? ''}`)
      }
      return reply.header('content-type', jsonType).send(textOf({ eventId, ...now() }, page) as never)
    }
  )
}

const jsonType = 'application/json; charset=utf-8'
/** What is asked for at once: about a millisecond. */
const sliceItems = 100

interface Page<T> {
  readonly items: readonly T[]
  readonly total: number
  readonly next: string | null
}

/** A page as text: the items are joined by commas. */
interface PageText {
  readonly items: readonly string[]
  readonly total: number
  readonly next: string | null
}

/** A page of a thousand, made without holding up the main thread. `Type` of the schemas describes it; a test holds the two together. */
async function inSlices<T, U>(
  after: string | undefined,
  limit: number,
  ask: (part: { after: string | undefined; limit: number }) => Page<T> | U | Promise<Page<T> | U>,
  present: (item: T) => object
): Promise<PageText | U> {
  const items: string[] = []
  // To find the items may take a whole slice, and a storm's incidents are long to write.
  const slice = createSlice()
  for (let next = after; ;) {
    const page = await ask({ after: next, limit: Math.min(sliceItems, limit - items.length) })
    if (!isPage<T, U>(page)) return page
    for (const text of await textsOf(page.items, present, slice)) items.push(text)
    if (page.next === null || items.length >= limit) return { items, total: page.total, next: page.next }
    next = page.next
  }
}

async function presented<T>(
  { items, total, next }: Page<T>,
  present: (item: T) => object
): Promise<PageText> {
  return { items: await textsOf(items, present, createSlice()), total, next }
}

async function textsOf<T>(
  items: readonly T[],
  present: (item: T) => object,
  slice: Slice
): Promise<string[]> {
  const texts: string[] = []
  for (const item of items) {
    if (slice.isOver()) await slice.end()
    texts.push(JSON.stringify(present(item)))
  }
  return texts
}

const isPage = <T, U>(page: Page<T> | U): page is Page<T> =>
  typeof page === 'object' && page !== null && 'items' in page

function textOf(head: object, { items, total, next }: PageText): string {
  const rest = JSON.stringify({ total, next })
  return `${JSON.stringify(head).slice(0, -1)},"items":[${items.join(',')}],${rest.slice(1)}`
}

function refused(parameter: string, detail: string): Problem {
  return new Problem('bad-request', `querystring/${parameter} ${detail}`, {
    errors: [{ pointer: `querystring/${parameter}`, detail }]
  })
}
