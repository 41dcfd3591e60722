import { Type, type Static, type TSchema } from 'typebox'
import { addressOutcomes } from '../../topology/addresses/index.ts'
import { explainAnswerFields } from './api-explain.ts'
import { kindSchema, lightSchema, notes, severitySchema, tierSchema, words } from './api-words.ts'

export * from './api-queries.ts'

/**
 * The HTTP interface as data: one TypeBox schema is the validator of what comes in, the serialiser of what goes
 * out, the TypeScript type and the OpenAPI text. Times are given twice: ISO 8601 in UTC for people, and
 * milliseconds since 1970 (fields ending in `Ms`) for programs.
 *
 * Null is written as `type: [..., 'null']` and not as a union, because the serialiser compiles the former to a
 * plain branch and runs a validator for the latter.
 */
const nullable = <T>(type: string, description: string, extra: Record<string, unknown> = {}) =>
  Type.Unsafe<T | null>({ type: [type, 'null'], description, ...extra })
const text = (description: string) => Type.String({ description })
const int = (description: string) => Type.Integer({ description })
const iso = (description: string) => Type.String({ description, format: 'date-time' })
const isoOrNull = (description: string) => nullable<string>('string', description, { format: 'date-time' })
const ms = (description: string) => Type.Integer({ description: `${description} (ms since 1970-01-01 UTC)` })
const msOrNull = (description: string) =>
  nullable<number>('integer', `${description} (ms since 1970-01-01 UTC)`)
const about = (description: string) => ({ description, additionalProperties: false })

const localTextSchema = Type.Object(
  { ru: Type.String(), en: Type.String() },
  about('One sentence in both languages')
)

const nodeSummarySchema = Type.Object(
  {
    id: text("The operator's own identifier of the node"),
    tier: text('Tier of the network tree: core, district, area, campus, building'),
    name: text('Name of the node'),
    own: lightSchema,
    effective: lightSchema,
    since: isoOrNull(
      'Since when the effective light is what it is; null while it has not changed since the daemon began'
    ),
    sinceMs: msOrNull('The same'),
    maintenance: Type.Boolean({ description: 'Planned work: a flag beside the light, not a colour' })
  },
  about('A node in one line: its own light, and its effective light with what is upstream')
)
export type NodeSummaryJson = Static<typeof nodeSummarySchema>

const asked = {
  at: iso('Time of the answer'),
  atMs: ms('The same'),
  asOf: isoOrNull(
    'Up to this moment everything that was sent has come and is judged; null after a start, until that is known'
  ),
  asOfMs: msOrNull('The same'),
  lateMs: int(
    'By how much the data is late (ms); 0 while it comes in time. Lights stay as they were meanwhile'
  )
}

export type AskedJson = { readonly [key in keyof typeof asked]: Static<(typeof asked)[key]> }

const evidenceSchema = Type.Object(
  {
    rule: text('Rule that judged the sample'),
    signal: text('Canonical signal, such as optics.rx_dbm'),
    value: Type.Number({ description: "Value in the signal's unit" }),
    valueName: nullable<string>('string', 'What the value means, when it is an enumeration'),
    unit: text("Unit of the signal; '' for an enumeration"),
    limit: nullable<number>('number', 'Limit it crossed; null for an enumeration or silence'),
    eventTime: iso('Time of the sample at its source'),
    eventTimeMs: ms('The same'),
    coordinates: Type.Unsafe<{ topic: string; partition: number; offset: number } | null>({
      type: ['object', 'null'],
      description: 'The Kafka record it came from; null where no sample caused it (silence)',
      properties: {
        topic: { type: 'string' },
        partition: { type: 'integer' },
        offset: { type: 'integer' }
      },
      required: ['topic', 'partition', 'offset']
    })
  },
  about('The sample that caused the last transition')
)

const alarmSchema = Type.Object(
  {
    id: text('Made from the key and the raise time; the same after a replay'),
    resource: text('device or device/instance'),
    type: text('Name of the rule'),
    qualifier: text('Distinguishes alarms of one type on one resource'),
    node: text('Node whose light it colours'),
    device: text('Device it was seen on'),
    instance: text('Port or line of the device'),
    kind: kindSchema,
    severity: severitySchema,
    isCleared: Type.Boolean({ description: 'Whether the alarm is over' }),
    raisedAt: iso('When it was raised'),
    raisedAtMs: ms('The same'),
    changedAt: iso('Last change'),
    changedAtMs: ms('The same'),
    clearedAt: isoOrNull('When it was cleared; null while it is open'),
    clearedAtMs: msOrNull('The same'),
    text: localTextSchema,
    ...notes,
    evidence: evidenceSchema
  },
  about('A rule raised on a resource (RFC 8632 key: resource, type, qualifier)')
)
export type AlarmJson = Static<typeof alarmSchema>

const runwaySchema = Type.Object(
  {
    node: text('Node that runs on its battery'),
    nodeName: text('Its name'),
    since: iso('Since when it does'),
    sinceMs: ms('The same'),
    earliest: isoOrNull('When it goes dark, at the earliest; null where nothing reliable is known'),
    earliestMs: msOrNull('The same'),
    likely: isoOrNull('When it is likely to go dark'),
    likelyMs: msOrNull('The same'),
    latest: isoOrNull('When it goes dark, at the latest'),
    latestMs: msOrNull('The same'),
    near: Type.Boolean({ description: 'Whether it has not long any more' }),
    nodes: int('Nodes without service then, itself and those that are so already included'),
    addresses: int('The same of street addresses'),
    subscribers: int('The same of subscribers')
  },
  about('A node on its battery, and when it goes dark')
)
export type RunwayJson = Static<typeof runwaySchema>
const runwayOrNull = (description: string) =>
  Type.Unsafe<RunwayJson | null>({ ...runwaySchema, type: ['object', 'null'], description })

const incidentSchema = Type.Object(
  {
    id: text('Made from root, kind and first event time: every instance gives it the same'),
    root: text('Node at fault'),
    rootName: text('Name of the node at fault'),
    kind: kindSchema,
    light: lightSchema,
    severity: words(['critical', 'warning'], 'critical or warning'),
    openedAt: iso('When it was opened'),
    openedAtMs: ms('The same'),
    closedAt: isoOrNull('When it was closed; null while it is open'),
    closedAtMs: msOrNull('The same'),
    alarms: Type.Array(Type.String(), { description: 'Ids of its alarms' }),
    affectedNodes: int('Nodes affected, the root included'),
    affectedAddresses: int('Street addresses affected'),
    affectedSubscribers: int('Subscribers affected'),
    outNodes: nullable<number>(
      'integer',
      'Of these nodes, those without service; null where it is not stored'
    ),
    outAddresses: nullable<number>('integer', 'The same of addresses'),
    outSubscribers: nullable<number>('integer', 'The same of subscribers'),
    maintenance: Type.Boolean({ description: 'Whether planned work explains it' }),
    mergedInto: nullable<string>('string', 'Id of the incident it turned out to be part of; null for most'),
    runway: runwayOrNull(
      'Of its sites on battery the one that goes dark first; told in lists, null elsewhere'
    )
  },
  about('One root cause and what it affects')
)
export type IncidentJson = Static<typeof incidentSchema>

const causeSchema = Type.Object(
  {
    by: words(
      ['alarm', 'upstream', 'silence', 'none'],
      'an own alarm, a node above, no data, or none: green'
    ),
    node: text('Node at fault: this one, or the one upstream'),
    nodeName: text('Name of the node at fault'),
    alarm: text("Alarm at fault; '' where none is known"),
    kind: kindSchema
  },
  about('Why the light is what it is')
)

export const nodeAnswerSchema = Type.Object(
  {
    ...nodeSummarySchema.properties,
    parents: Type.Array(Type.String(), { description: 'Ids of its parents' }),
    addresses: Type.Array(Type.String(), { description: 'Street addresses it serves' }),
    subscribers: int('Subscribers connected at the node itself'),
    premises: text('Kind of premises'),
    says: localTextSchema,
    cause: causeSchema,
    wayToCore: Type.Array(nodeSummarySchema, { description: 'From the parent up to the core' }),
    alarms: Type.Array(alarmSchema, { description: 'Open alarms of the node, worst first' }),
    incidents: Type.Array(incidentSchema, { description: 'Open incidents it is the root of or affected by' }),
    runway: runwayOrNull(
      'Of it and those above it the one on battery that goes dark first; null where none is'
    ),
    devices: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          role: Type.String(),
          vendor: Type.String(),
          model: Type.String(),
          lastSeen: isoOrNull('Event time of its newest sample; null when none was seen'),
          lastSeenMs: msOrNull('The same'),
          silent: Type.Boolean({ description: 'Whether it is silent for longer than it may be' }),
          clockOffsetMs: Type.Union([Type.Integer(), Type.Null()], {
            description:
              'By how much the clock is ahead that it is told by, less than 0 for behind; null while it is right to two minutes'
          })
        },
        about('A device of the node')
      )
    ),
    children: Type.Array(nodeSummarySchema, {
      description: 'The worst of the nodes directly below, at most 100; /api/v1/nodes?parent={id} lists all'
    }),
    childrenTotal: int('How many nodes are directly below'),
    below: Type.Object(
      { nodes: int('Nodes'), addresses: int('Street addresses'), subscribers: int('Subscribers') },
      about('At and below this node')
    )
  },
  about('All there is to say of a node now')
)
export type NodeAnswerJson = Static<typeof nodeAnswerSchema>

export const nodeDetailSchema = Type.Object(
  { ...asked, ...nodeAnswerSchema.properties },
  about('All there is to say of a node now')
)

const addressMatchSchema = Type.Object(
  {
    address: text('Address as the inventory writes it'),
    nodeId: text('Node that serves it'),
    tier: text('Tier of that node'),
    score: Type.Number({ description: '1 for the exact building, lower for near matches' }),
    light: lightSchema
  },
  about('An address of the inventory')
)
export type AddressMatchJson = Static<typeof addressMatchSchema>

const outcomeSchema = words(
  addressOutcomes,
  'chosen; list: several may be meant, or one that was not said in full; no-house: the street has no such house; ' +
    'no-street: only streets spelled alike; not-understood'
)
const streetsSchema = Type.Array(Type.String(), {
  description: 'no-house: the streets that are known; no-street: those spelled alike'
})

export const statusAnswerSchema = Type.Object(
  {
    ...asked,
    query: text('What was asked'),
    by: words(['address', 'node', 'name', 'device', 'incident'], 'What the query was taken for'),
    understoodAs: Type.Union([Type.String(), Type.Null()], {
      description: 'The address of the building, where what was asked is not literally that'
    }),
    match: addressMatchSchema,
    node: nodeAnswerSchema
  },
  about('The light at a street address, and why')
)
export type StatusAnswerJson = Static<typeof statusAnswerSchema>

export const addressesSchema = Type.Object(
  {
    ...asked,
    query: text('What was asked'),
    outcome: outcomeSchema,
    streets: streetsSchema,
    items: Type.Array(addressMatchSchema)
  },
  about('Addresses nearest to what was typed, best first')
)

const levelNodeSchema = Type.Object(
  {
    ...nodeSummarySchema.properties,
    parents: Type.Array(Type.String(), { description: 'Ids of its parents; it stands below the first one' }),
    children: int('How many nodes stand right below it in the tree'),
    below: Type.Object(
      { red: int('Nodes'), grey: int('Nodes'), yellow: int('Nodes') },
      about('Nodes that stand below it, by effective light; the others are green')
    )
  },
  about('A node as it stands in the tree')
)
export type TreeNodeJson = Static<typeof levelNodeSchema>

const eventIdSchema = text('Give this as `after` to /api/v1/events to get every change since this answer')

export const nodesSchema = Type.Object(
  {
    ...asked,
    eventId: eventIdSchema,
    items: Type.Array(levelNodeSchema),
    total: int('Nodes that match, on all pages'),
    next: nullable<string>('string', 'Give this as `after` to get the next page; null on the last one')
  },
  about('Nodes, parents before children')
)

const treeNodeSchema = Type.Object(
  {
    id: Type.String(),
    tier: Type.String(),
    name: Type.String(),
    own: lightSchema,
    effective: lightSchema,
    sinceMs: msOrNull('Since when the effective light is what it is; null while unchanged since the start'),
    maintenance: Type.Boolean(),
    parents: Type.Array(Type.String())
  },
  about('A node of the tree, as short as can be: there are many')
)

export const treeSchema = Type.Object(
  {
    ...asked,
    eventId: eventIdSchema,
    complete: Type.Boolean({
      description: 'false when the lowest tiers were left out: ask /api/v1/nodes/{id} for children'
    }),
    total: int('Nodes of the whole network'),
    nodes: Type.Array(treeNodeSchema, { description: 'Parents before children' })
  },
  about('The network with its lights')
)

export const incidentsSchema = Type.Object(
  {
    ...asked,
    eventId: eventIdSchema,
    items: Type.Array(incidentSchema),
    total: int('Incidents that match, on all pages'),
    next: nullable<string>('string', 'Give this as `after` to get the next page; null on the last one')
  },
  about('Incidents')
)
export const alarmsSchema = Type.Object({ ...asked, items: Type.Array(alarmSchema) }, about('Alarms'))

export const unknownDevicesSchema = Type.Object(
  {
    ...asked,
    items: Type.Array(
      Type.Object(
        {
          identifier: text('What its telemetry calls it'),
          collector: text('Collector that polled it'),
          profile: text('Profile that understood it'),
          series: int('Series of it met so far'),
          firstSeen: iso('First sample'),
          firstSeenMs: ms('The same'),
          lastSeen: iso('Newest sample'),
          lastSeenMs: ms('The same')
        },
        about('A device that sends telemetry and is not in the inventory')
      )
    )
  },
  about('Devices missing from the inventory; their samples are stored, they colour no light')
)

export const historySchema = Type.Object(
  {
    ...asked,
    node: text('Node asked about'),
    from: iso('Begin of the span, inclusive'),
    to: iso('End of the span, exclusive'),
    items: Type.Array(
      Type.Object(
        {
          at: iso('When'),
          atMs: ms('The same'),
          kind: words(['light', 'alarm', 'incident'], 'What changed'),
          data: Type.Unsafe<Record<string, unknown>>({
            type: 'object',
            additionalProperties: true,
            description: 'The transition as stored'
          })
        },
        about('One transition')
      )
    )
  },
  about('Stored transitions of a node, newest first')
)

export const explainSchema = Type.Object(
  { ...asked, ...explainAnswerFields },
  about('Every rule that applies to a node, and why it raised or did not')
)

const countsSchema = Type.Object(
  { green: int('Nodes'), yellow: int('Nodes'), red: int('Nodes'), grey: int('Nodes') },
  about('Nodes by effective light')
)
export const summarySchema = Type.Object(
  {
    ...asked,
    nodes: int('Nodes of the network'),
    lights: countsSchema,
    tiers: Type.Array(Type.Object({ tier: tierSchema, lights: countsSchema }, about('One tier'))),
    openIncidents: int('Open incidents'),
    exampleAddress: nullable<string>('string', 'An address of the network, to show how one may be asked for')
  },
  about('The whole network in a few numbers')
)
export type SummaryJson = Static<typeof summarySchema>

const partsSchema = Type.Unsafe<Record<string, { ok: boolean; detail: string }>>({
  type: 'object',
  description: 'Each part by name: whether it is well, and a sentence',
  additionalProperties: {
    type: 'object',
    properties: { ok: { type: 'boolean' }, detail: { type: 'string' } },
    required: ['ok', 'detail']
  }
})
export const readySchema = Type.Object(
  { ready: Type.Boolean(), parts: partsSchema },
  about('Ready for traffic')
)
export const liveSchema = Type.Object(
  { status: words(['ok'], 'The process answers'), version: text('Version of Svetofor') },
  about('The process is alive')
)

export const reloadSchema = Type.Object(
  {
    inventoryVersion: int('Version of the inventory now in use'),
    nodes: int('Nodes in it'),
    devices: int('Devices in it')
  },
  about('What is in use after the reload')
)
export type ReloadOutcome = Static<typeof reloadSchema>

export const problemSchema = Type.Object(
  {
    type: text('Which problem it is: a URI reference, documented in docs/api-problems.md'),
    title: text('The problem in a few words'),
    status: int('HTTP status'),
    detail: text('What is wrong here and what to do'),
    instance: text('Path of the request'),
    errors: Type.Optional(
      Type.Array(
        Type.Object(
          {
            detail: text('What is wrong'),
            pointer: Type.Optional(text('Which parameter or value')),
            file: Type.Optional(Type.String()),
            line: Type.Optional(Type.Integer()),
            column: Type.Optional(Type.Integer()),
            remedy: Type.Optional(text('What to do'))
          },
          about('One of several errors')
        )
      )
    ),
    candidates: Type.Optional(
      Type.Array(addressMatchSchema, { description: 'Nearest known addresses, best first' })
    ),
    outcome: Type.Optional(outcomeSchema),
    streets: Type.Optional(streetsSchema),
    parts: Type.Optional(partsSchema)
  },
  about('RFC 9457 problem details')
)
export type ProblemJson = Static<typeof problemSchema>

/** Lets Fastify infer the types of a route from its TypeBox schemas. */
export interface TypeBoxProvider {
  readonly schema: unknown
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown
  readonly serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown
}
