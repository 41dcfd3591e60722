import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AddressMatchJson, ProblemJson } from './api-schemas.ts'
import type { Readiness } from '../view.ts'

/** Every error this interface can answer with: RFC 9457 problem details. docs/api-problems.md lists the same. */
export const problemTypes = {
  'bad-request': { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'A token is needed' },
  'cross-site': { status: 403, title: 'Requests from other sites are refused' },
  'no-such-route': { status: 404, title: 'There is nothing at this path' },
  'address-not-found': { status: 404, title: 'No single building has this address' },
  'node-not-found': { status: 404, title: 'There is no such node' },
  'reload-running': { status: 409, title: 'A reload is already running' },
  'too-large': { status: 413, title: 'The request is too large' },
  'url-too-long': { status: 414, title: 'The URL is too long' },
  'unsupported-media-type': { status: 415, title: 'This kind of body is not understood' },
  'wrong-host': { status: 421, title: 'The Host header names another host' },
  'bad-inventory': { status: 422, title: 'The files to load have errors; the old ones stay in use' },
  'too-many-tries': { status: 429, title: 'Too many wrong tokens' },
  'headers-too-large': { status: 431, title: 'The request headers are too large' },
  internal: { status: 500, title: 'Something is wrong in Svetofor itself' },
  'no-reload': { status: 501, title: 'This process has nothing to reload' },
  starting: { status: 503, title: 'Svetofor is starting' },
  'not-ready': { status: 503, title: 'Svetofor is not ready' },
  'history-unavailable': { status: 503, title: 'The stored history cannot be read now' },
  'shadow-busy': { status: 503, title: 'The rules in shadow did not answer in time' },
  'too-many-clients': { status: 503, title: 'Too many clients at once' },
  'history-timeout': { status: 504, title: 'The stored history did not answer in time' }
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemType = keyof typeof problemTypes

export interface ProblemExtras {
  readonly errors?: NonNullable<ProblemJson['errors']>
  readonly candidates?: readonly AddressMatchJson[]
  readonly outcome?: NonNullable<ProblemJson['outcome']>
  readonly streets?: readonly string[]
  readonly parts?: Readiness['parts']
  readonly retryAfterS?: number
}

/** Thrown inside a route; the server turns it into the answer. */
export class Problem extends Error {
  readonly type: ProblemType
  readonly extras: ProblemExtras
  constructor(type: ProblemType, detail: string, extras: ProblemExtras = {}) {
    super(detail)
    this.name = 'Problem'
    this.type = type
    this.extras = extras
  }
}

export const problemContentType = 'application/problem+json; charset=utf-8'

/** The body of a problem. `instance` is the path asked for; the query is left out, it may hold an address. */
export function problemBody(
  type: ProblemType,
  detail: string,
  instance: string,
  extras: ProblemExtras = {}
): ProblemJson {
  const { status, title } = problemTypes[type]
  return {
    type: `/problems/${type}`,
    title,
    status,
    detail,
    instance,
    ...(extras.errors === undefined ? {} : { errors: extras.errors }),
    ...(extras.candidates === undefined ? {} : { candidates: [...extras.candidates] }),
    ...(extras.outcome === undefined ? {} : { outcome: extras.outcome }),
    ...(extras.streets === undefined ? {} : { streets: [...extras.streets] }),
    ...(extras.parts === undefined ? {} : { parts: { ...extras.parts } })
  }
}

const pathOf = (url: string): string => url.split('?', 1)[0]?.slice(0, 300) ?? '/'

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  type: ProblemType,
  detail: string,
  extras: ProblemExtras = {}
): FastifyReply {
  if (extras.retryAfterS !== undefined) void reply.header('retry-after', String(extras.retryAfterS))
  return reply
    .code(problemTypes[type].status)
    .header('content-type', problemContentType)
    .header('cache-control', 'no-store')
    .send(problemBody(type, detail, pathOf(request.url), extras))
}
