import { Type } from 'typebox'
import { splitCsv } from '../../../topology/csv.ts'
import { createSlice } from '../../slices.ts'
import type { LookupAnswer } from '../../view.ts'
import { Problem } from '../problems.ts'
import { answers, type RouteContext, type StatusApp } from './context.ts'

/** Many look-ups at once: a list of calls as CSV, answered as CSV. */
const bodyBytesMax = 1024 * 1024
const queriesMax = 5000
const offeredMax = 5

const columns = 'query,outcome,by,address,node,light,understood_as,offered'

export function addLookupRoutes(app: StatusApp, { view, timed }: RouteContext): void {
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.post(
    '/api/v1/lookups',
    {
      bodyLimit: bodyBytesMax,
      schema: {
        operationId: 'lookups',
        tags: ['status'],
        summary: 'The lights at many addresses, CSV in and CSV out',
        description:
          `The body is CSV with a column \`query\`, at most ${queriesMax} rows and 1 MiB; the answer has a row for each: \`${columns}\`. ` +
          'What `query` may be is as in /api/v1/status. `offered` holds addresses joined by |.',
        consumes: ['text/csv'],
        body: Type.String({ description: 'CSV with a header' }),
        response: {
          ...answers(Type.String(), 'bad-request', 'too-large', 'unsupported-media-type'),
          200: { description: 'A row for each query', content: { 'text/csv': { schema: Type.String() } } }
        }
      }
    },
    async (request, reply) => {
      const rows: string[] = [columns]
      const slice = createSlice()
      for (const query of await queriesOf(String(request.body))) {
        if (slice.isOver()) await slice.end()
        const answer = timed(
          'address',
          found => found.match !== null,
          () => view.lookup(query, offeredMax)
        )
        rows.push(rowOf(answer))
      }
      return reply.header('content-type', 'text/csv; charset=utf-8').send(`${rows.join('\n')}\n` as never)
    }
  )
}

async function queriesOf(text: string): Promise<string[]> {
  const queries: string[] = []
  let at = -1
  for await (const { line, fields, problem } of splitCsv(text.split(/\r\n|\n|\r/))) {
    if (problem !== '') throw new Problem('bad-request', `Line ${line}: ${problem}`)
    if (at === -1) {
      at = fields.findIndex(field => field.trim().toLowerCase() === 'query')
      if (at === -1) throw new Problem('bad-request', `Line ${line}: the header has no column "query"`)
      continue
    }
    if (queries.length >= queriesMax)
      throw new Problem('bad-request', `More than ${queriesMax} rows; send them in parts`)
    queries.push(fields[at] ?? '')
  }
  if (at === -1) throw new Problem('bad-request', 'The body is empty; send CSV with a column "query"')
  return queries
}

function rowOf({ query, outcome, by, match, understoodAs, candidates }: LookupAnswer): string {
  const offered = match === null ? candidates.map(({ address }) => address).join('|') : ''
  const { address = '', nodeId = '', light = '' } = match ?? {}
  return [query, outcome, by, address, nodeId, light, understoodAs ?? '', offered].map(csvField).join(',')
}

/** Quoted where it must be; what a spreadsheet would take for a formula is made text. */
function csvField(text: string): string {
  const safe = /^[=+@\t]/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe
}
