import { Type } from 'typebox'
import { incidentSorts } from '../view.ts'
import { kindSchema, lightSchema, tierSchema, words } from './api-words.ts'

/** Query and path parameters. */
const limitOf = (max: number, preset: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: max, default: preset, description: 'At most so many' }))
const addressText = Type.String({
  minLength: 1,
  maxLength: 1000,
  pattern: '\\S',
  description:
    'Street and house as people say it: «Тютчева 1 к 2»; or the id or name of a node, a device, a management address, ' +
    'the number of an incident'
})
const idText = Type.String({ minLength: 1, maxLength: 200, description: 'Identifier of the node' })
const strict = { additionalProperties: false }

export const statusQuery = Type.Object({ address: addressText, limit: limitOf(50, 10) }, strict)
export const addressesQuery = Type.Object({ q: addressText, limit: limitOf(50, 10) }, strict)
const nodeAt = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 200, description }))
const tierFilter = Type.Optional(tierSchema)
export const nodesQuery = Type.Object(
  {
    top: Type.Optional(Type.Literal(true, { description: 'Only what stands at the top of the tree' })),
    parent: nodeAt('Only what stands right below this node in the tree'),
    path: nodeAt('Only the way in the tree from the top down to this node'),
    under: nodeAt('Only nodes that stand below this one'),
    trouble: Type.Optional(
      Type.Boolean({
        description:
          'Only nodes that are not green; with `top` and `parent` also those with such a node below them'
      })
    ),
    tier: tierFilter,
    light: Type.Optional(lightSchema),
    name: nodeAt('Part of the name or id'),
    after: nodeAt('`next` of the page before'),
    limit: limitOf(1000, 100)
  },
  strict
)
export const nodeParams = Type.Object({ id: idText }, strict)
const moment = (description: string) =>
  Type.Optional(
    Type.String({ minLength: 1, maxLength: 40, description: `${description}: ISO 8601 or ms since 1970` })
  )
export const historyQuery = Type.Object(
  {
    from: moment('Begin, a day ago unless given'),
    to: moment('End, now unless given'),
    limit: limitOf(1000, 200)
  },
  strict
)
export const incidentsQuery = Type.Object(
  {
    open: Type.Optional(Type.Boolean({ description: 'Only open ones, or only closed ones' })),
    kind: Type.Optional(kindSchema),
    tier: tierFilter,
    under: nodeAt('Only those whose root is this node or stands below it, such as a district'),
    sort: Type.Optional(
      words(incidentSorts, 'heaviest, unless given: planned work last, then by subscribers affected')
    ),
    after: Type.Optional(
      Type.String({ minLength: 1, maxLength: 400, description: '`next` of the page before' })
    ),
    limit: limitOf(1000, 100)
  },
  strict
)
export const alarmsQuery = Type.Object(
  {
    open: Type.Optional(Type.Boolean({ description: 'Only open ones, or only cleared ones' })),
    node: Type.Optional(idText),
    limit: limitOf(1000, 100)
  },
  strict
)
export const unknownDevicesQuery = Type.Object({ limit: limitOf(1000, 100) }, strict)
export const eventsQuery = Type.Object(
  {
    after: Type.Optional(
      Type.String({ maxLength: 64, description: 'Event id to continue behind, as in Last-Event-ID' })
    )
  },
  strict
)
export const noQuery = Type.Object({}, strict)
