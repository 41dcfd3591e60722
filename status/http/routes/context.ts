import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TSchema } from 'typebox'
import * as api from '../api-schemas.ts'
import type { StatusMetrics } from '../metrics.ts'
import { presentAsked } from '../present.ts'
import { Problem, problemTypes, type ProblemType } from '../problems.ts'
import type { NodeAnswer, StatusView } from '../../view.ts'

export type StatusApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  api.TypeBoxProvider
>

/** What every route asks. */
export interface RouteContext {
  readonly view: StatusView
  readonly nameOf: (id: string) => string
  readonly nowMs: () => number
  readonly now: () => api.AskedJson
  /** Times a look-up, for the metrics. */
  readonly timed: <T>(by: 'address' | 'node', found: (answer: T) => boolean, ask: () => T) => T
  /** Throws the problem that a node is not known. */
  readonly nodeOrProblem: (id: string) => NodeAnswer
}

/** The answers of a route for OpenAPI: the one that is meant, and these problems. */
export const answers = <T extends TSchema>(schema: T, ...problems: ProblemType[]) => {
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

export function createRouteContext(
  view: StatusView,
  nameOf: (id: string) => string,
  metrics: StatusMetrics,
  nowMs: () => number
): RouteContext {
  const now = () => presentAsked(view, nowMs())
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
  return { view, nameOf, nowMs, now, timed, nodeOrProblem }
}
