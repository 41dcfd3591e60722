import * as api from '../api-schemas.ts'
import { explainQuery } from '../api-explain.ts'
import { presentExplanation } from '../present-explain.ts'
import { isoTime } from '../present.ts'
import { Problem } from '../problems.ts'
import type { HistoryStore } from '../../view.ts'
import { answers, type RouteContext, type StatusApp } from './context.ts'

const dayMs = 24 * 3600 * 1000

export interface HistoryLimits {
  readonly historyTimeoutMs: number
  /** History queries at work at once. */
  readonly historyConcurrentMax: number
}

/** What was stored of a node. */
export function addHistoryRoutes(
  app: StatusApp,
  { view, nowMs, now, nodeOrProblem }: RouteContext,
  history: HistoryStore,
  limits: HistoryLimits
): void {
  let historyAtWork = 0
  /** Asks ClickHouse within the limits. */
  const ask = async <T>(
    log: { warn: (about: object, text: string) => void },
    node: string,
    query: () => Promise<T>
  ): Promise<T> => {
    if (historyAtWork >= limits.historyConcurrentMax) {
      throw new Problem('history-unavailable', 'Too many history queries are running; try again', {
        retryAfterS: 2
      })
    }
    historyAtWork++
    const asked = query().finally(() => historyAtWork--)
    return withTimeout(asked, limits.historyTimeoutMs).catch((error: unknown) => {
      if (error instanceof Problem) throw error
      log.warn({ err: error, node }, 'history query failed')
      throw new Problem('history-unavailable', 'ClickHouse did not answer; /health/ready says more', {
        retryAfterS: 5
      })
    })
  }
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
      const entries = await ask(request.log, id, () =>
        history.nodeHistory(id, fromMs, toMs, request.query.limit ?? 200)
      )
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
    '/api/v1/nodes/:id/explain',
    {
      schema: {
        operationId: 'explainNode',
        tags: ['status'],
        summary: 'Every rule that applies to a node, and why it raised or did not',
        description:
          'Readings are those stored last, a second or so old; what is on, counted and held is of this moment. A port of a parent ' +
          'that leads to the node speaks for the node.',
        params: api.nodeParams,
        querystring: explainQuery,
        response: answers(
          api.explainSchema,
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
      const { device, instance, rule, limit = 500 } = request.query
      const readingsFromMs = nowMs() - dayMs
      const readings = await ask(request.log, id, () =>
        history.latestReadings(view.devicesFor(id) ?? [], readingsFromMs, seriesExplainedMax)
      )
      const atMs = nowMs()
      const explained = view.explain(id, readings, atMs)
      // It was there before the readings were asked for; a reload may have taken it away.
      if (explained === undefined)
        throw new Problem('node-not-found', `The inventory has no node ${id} any more`)
      const rules = explained.rules.filter(
        one =>
          (device === undefined || one.device === device) &&
          (instance === undefined || one.instance === instance) &&
          (rule === undefined || one.rule === rule)
      )
      return { ...now(), ...presentExplanation(explained, rules, limit, readingsFromMs, atMs) }
    }
  )
}

/** Series whose last samples are read for one node. */
const seriesExplainedMax = 20_000

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
