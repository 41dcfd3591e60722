import { Type, type Static } from 'typebox'
import { lights, severities } from '../../../schemas/words.ts'
import { shadowChanges, shadowStates, talliesMax, type ShadowDifference } from '../../shadow-view.ts'
import { words } from '../api-words.ts'
import { isoOrNull, isoTime } from '../present.ts'
import { Problem } from '../problems.ts'
import { answers, type RouteContext, type StatusApp } from './context.ts'

const nullable = <T>(type: string, description: string, extra: Record<string, unknown> = {}) =>
  Type.Unsafe<T | null>({ type: [type, 'null'], description, ...extra })
const text = (description: string) => Type.String({ description })
const int = (description: string) => Type.Integer({ description })
const about = (description: string) => ({ description, additionalProperties: false })
const time = (description: string) => Type.String({ description, format: 'date-time' })
const timeOrNull = (description: string) => nullable<string>('string', description, { format: 'date-time' })
const msOrNull = nullable<number>('integer', 'The same (ms since 1970-01-01 UTC)')
const asked = (description: string, maxLength: number) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }))

const shadowQuery = Type.Object(
  {
    change: Type.Optional(
      words(
        shadowChanges,
        'Only alarms that the rules in shadow alone have (gained), that the live rules alone have (lost), that both have otherwise ' +
          '(changed), or only lights'
      )
    ),
    node: asked('Only of this node', 200),
    rule: asked('Only of this rule, such as optics.rx/low', 200),
    after: Type.Optional(
      Type.String({
        minLength: 3,
        maxLength: 1000,
        pattern: '^\\d{1,15}(\\.\\d+)?~',
        description: '`next` of the page before'
      })
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'At most so many' })
    )
  },
  { additionalProperties: false }
)

const counts = (description: string) =>
  Type.Object(
    { open: int('At present'), ended: int('That are over, since it is compared') },
    about(description)
  )
const tallies = (description: string) =>
  Type.Array(
    Type.Object(
      {
        name: text('Rule or node; … for those beyond what is counted one by one'),
        gained: counts('Alarms that the rules in shadow alone have'),
        lost: counts('Alarms that the live rules alone have'),
        changed: counts('Alarms that both have, at other times or of another severity'),
        light: counts('Stretches in which a light is another')
      },
      about('How much differs')
    ),
    { description }
  )

const differenceSchema = Type.Object(
  {
    change: words(shadowChanges, 'What differs'),
    node: text('Node'),
    rule: text("Rule of the alarm; '' for a light"),
    device: text("Device; '' for a light"),
    instance: text("Port or line of the device; '' for a light"),
    is: nullable<string>('string', 'Severity, or light, by the rules in shadow; null for no alarm', {
      enum: [...severities, ...lights, null]
    }),
    was: nullable<string>('string', 'The same by the live rules', { enum: [...severities, ...lights, null] }),
    from: time('Since when'),
    fromMs: int('The same (ms since 1970-01-01 UTC)'),
    to: timeOrNull('Until when; null while it is so'),
    toMs: msOrNull,
    text: Type.Unsafe<{ ru: string; en: string } | null>({
      type: ['object', 'null'],
      description: 'What the alarm says; null for a light',
      properties: { ru: { type: 'string' }, en: { type: 'string' } },
      required: ['ru', 'en']
    })
  },
  about('One difference')
)

const shadowSchema = Type.Object(
  {
    state: words(shadowStates, 'off: no rules are named under rules.shadow'),
    detail: text("What is wrong; '' otherwise"),
    files: Type.Array(Type.String(), { description: 'Files of the rules in shadow' }),
    since: timeOrNull('Since when it is compared'),
    sinceMs: msOrNull,
    samples: int('Samples given to the rules in shadow'),
    dropped: int('Samples left out because the rules in shadow were behind: of their devices it knows less'),
    byRule: tallies(`By rule, the most different first, at most ${talliesMax}`),
    byNode: tallies(`By node, the most different first, at most ${talliesMax}`),
    forgotten: int('Differences that are over and are only counted'),
    items: Type.Array(differenceSchema, { description: 'Newest first' }),
    total: int('On all pages'),
    next: nullable<string>('string', '`after` of the next page; null on the last one')
  },
  about('What the rules in shadow would have done otherwise than the live ones')
)

/** The rules in shadow beside the live ones. */
export function addShadowRoutes(app: StatusApp, { view }: Pick<RouteContext, 'view'>): void {
  app.get(
    '/api/v1/rules/shadow',
    {
      schema: {
        operationId: 'shadow',
        tags: ['operations'],
        summary: 'What the rules in shadow would have done otherwise than the live ones, page by page',
        description: 'Alarms and lights that differ now, and those that did since it is compared.',
        querystring: shadowQuery,
        response: answers(shadowSchema, 'bad-request', 'shadow-busy')
      }
    },
    async request => {
      const { limit = 100, ...filter } = request.query
      const report = await view.shadow?.({ ...filter, limit })
      if (report === undefined || report === null)
        throw new Problem('shadow-busy', 'The rules in shadow did not answer in time; try again', {
          retryAfterS: 5
        })
      return {
        ...report,
        files: [...report.files],
        since: isoOrNull(report.sinceMs),
        byRule: [...report.byRule],
        byNode: [...report.byNode],
        items: report.items.map(presentDifference)
      }
    }
  )
}

function presentDifference(difference: ShadowDifference): Static<typeof differenceSchema> {
  const { change, node, rule, device, instance, is, was, fromMs, toMs, text } = difference
  return {
    change,
    node,
    rule,
    device,
    instance,
    is,
    was,
    from: isoTime(fromMs),
    fromMs: Math.trunc(fromMs),
    to: isoOrNull(toMs),
    toMs: toMs === null ? null : Math.trunc(toMs),
    text
  }
}
