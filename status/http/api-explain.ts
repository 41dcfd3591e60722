import { Type, type Static } from 'typebox'
import { overScopes } from '../../rules/composite.ts'
import { limitOrigins, ruleStates } from '../../rules/explained.ts'
import { conditionOps } from '../../rules/program.ts'
import { changes } from '../../rules/measures/baselines.ts'
import { rates } from '../../rules/measures/rates.ts'
import { kindSchema, notes, severitySchema, words } from './api-words.ts'

/** The answer of /api/v1/nodes/{id}/explain as data. */

const nullable = <T>(type: string, description: string, extra: Record<string, unknown> = {}) =>
  Type.Unsafe<T | null>({ type: [type, 'null'], description, ...extra })
const text = (description: string) => Type.String({ description })
const about = (description: string) => ({ description, additionalProperties: false })
const localText = (description: string) =>
  Type.Object({ ru: Type.String(), en: Type.String() }, about(description))
const time = (description: string) => nullable<string>('string', description, { format: 'date-time' })
const timeMs = nullable<number>('integer', 'The same (ms since 1970-01-01 UTC)')
const coordinates = Type.Unsafe<{ topic: string; partition: number; offset: number } | null>({
  type: ['object', 'null'],
  description: 'The Kafka record it came from; null without a reading',
  properties: {
    topic: { type: 'string' },
    partition: { type: 'integer' },
    offset: { type: 'integer' }
  },
  required: ['topic', 'partition', 'offset']
})
const origin = Type.Unsafe<{ from: string; opticClass: string; table: string; overriddenAt: string } | null>({
  type: ['object', 'null'],
  description: 'Where the limit comes from; null for an enumeration, and where there is none',
  properties: {
    from: {
      type: 'string',
      enum: [...limitOrigins],
      description:
        'The module itself, a row of a table by optic class, its default row, or a number in the rule'
    },
    opticClass: { type: 'string', description: "Optic class it was found by; '' for the others" },
    table: { type: 'string', description: "Table and column; '' for a number in the rule or of the module" },
    overriddenAt: { type: 'string', description: "file:line where the table was overridden last, or ''" }
  },
  required: ['from', 'opticClass', 'table', 'overriddenAt']
})

const rate = Type.Unsafe<{
  measure: string
  counter: number | null
  perSecond: number | null
  besideSignal: string
  beside: number | null
  besideUnit: string
} | null>({
  type: ['object', 'null'],
  description: 'What a rate is made of; null where the reading itself is compared',
  properties: {
    measure: {
      type: 'string',
      enum: [...rates],
      description: 'Growth of a counter a second, its share of frames, or the use of the port'
    },
    counter: { type: ['number', 'null'], description: 'The counter at its last sample' },
    perSecond: { type: ['number', 'null'], description: 'Its growth a second; null where it is not known' },
    besideSignal: { type: 'string', description: "What the rate is reckoned by, or ''" },
    beside: { type: ['number', 'null'], description: "The port's speed, or its frames a second" },
    besideUnit: { type: 'string', description: 'Unit of that' }
  },
  required: ['measure', 'counter', 'perSecond', 'besideSignal', 'beside', 'besideUnit']
})

const baseline = Type.Unsafe<{
  measure: string
  reading: number | null
  now: number | null
  usual: number | null
  readingUnit: string
  learntMs: number
  samples: number
  learnMs: number
  overMs: number
} | null>({
  type: ['object', 'null'],
  description: 'What a change is made of; null where no change is compared',
  properties: {
    measure: {
      type: 'string',
      enum: [...changes],
      description:
        'How far it is from what is usual, in its unit or in percent, or how fast what is usual changes'
    },
    reading: { type: ['number', 'null'], description: 'The last reading' },
    now: { type: ['number', 'null'], description: 'Mean of the last ten minutes' },
    usual: { type: ['number', 'null'], description: 'What is usual' },
    readingUnit: { type: 'string', description: 'Unit of these' },
    learntMs: { type: 'number', description: 'How long was learnt (ms)' },
    samples: { type: 'integer', description: 'From how many samples' },
    learnMs: { type: 'number', description: 'How long is learnt before it is judged (ms)' },
    overMs: { type: 'number', description: 'Over how long is learnt (ms)' }
  },
  required: ['measure', 'reading', 'now', 'usual', 'readingUnit', 'learntMs', 'samples', 'learnMs', 'overMs']
})

const inputSchema = Type.Object(
  {
    part: words(['level', 'when', 'unless'], 'What it is to the rule'),
    signal: text('Canonical signal'),
    instance: text('Port, lane or phase it is of'),
    unit: text("Unit of the signal or its rate; '' for an enumeration"),
    value: nullable<number>(
      'number',
      'Last stored value, null where none was stored in the time asked for; of a rate or change the one that was judged last'
    ),
    valueName: nullable<string>('string', 'What the value means, when it is an enumeration'),
    eventTime: time('Time of the sample at its source'),
    eventTimeMs: timeMs,
    ageMs: nullable<number>('integer', 'How old it is (ms)'),
    coordinates,
    rate,
    baseline,
    op: words(
      [...conditionOps, 'absent', 'alarm'],
      'How it is compared; absent where it is asked whether it is reported, alarm where it is asked whether a rule has an alarm'
    ),
    names: Type.Array(Type.String(), { description: 'Values that raise, of an enumeration' }),
    limit: nullable<number>('number', 'Limit it is compared with'),
    clearLimit: nullable<number>('number', 'Limit behind which it clears'),
    origin,
    raiseSamples: Type.Integer({ description: 'Samples in a row that it takes to be on' }),
    clearSamples: Type.Integer({ description: 'Samples in a row that it takes to be off' }),
    meets: nullable<boolean>('boolean', 'Whether the last value by itself meets the condition'),
    isOn: Type.Boolean({ description: 'Whether the condition is on: counted, and with its hysteresis' })
  },
  about('A reading with the condition it is compared by')
)

const schedule = Type.Unsafe<{
  text: string
  isInForce: boolean
  changes: string
  changesMs: number
} | null>({
  type: ['object', 'null'],
  description: 'When the rule is in force; null for always',
  properties: {
    text: { type: 'string', description: 'Days, times and time zone' },
    isInForce: { type: 'boolean', description: 'Whether it is now' },
    changes: { type: 'string', format: 'date-time', description: 'When that changes' },
    changesMs: { type: 'integer', description: 'The same (ms since 1970-01-01 UTC)' }
  },
  required: ['text', 'isInForce', 'changes', 'changesMs']
})
const flapping = Type.Unsafe<{
  changes: number
  withinMs: number
  clearMs: number
  seen: number
  until: string | null
  untilMs: number | null
} | null>({
  type: ['object', 'null'],
  description: 'How many changes are too many; null where the rule does not ask',
  properties: {
    changes: { type: 'integer', description: 'So many changes' },
    withinMs: { type: 'integer', description: 'within so long (ms) are flapping' },
    clearMs: { type: 'integer', description: 'It is over without a change for so long (ms)' },
    seen: { type: 'integer', description: 'Changes seen of late' },
    until: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'When it is over if nothing changes; null while it does not flap'
    },
    untilMs: { type: ['integer', 'null'], description: 'The same (ms since 1970-01-01 UTC)' }
  },
  required: ['changes', 'withinMs', 'clearMs', 'seen', 'until', 'untilMs']
})

const ruleSchema = Type.Object(
  {
    rule: text('Name of the rule, with its qualifier'),
    kind: kindSchema,
    scope: words(
      ['instance', 'device', ...Object.values(overScopes)],
      'Whether it judges each port by itself, the device as a whole, or what is known of a port, a device or a node together'
    ),
    writtenAt: text('file:line of the rule'),
    isOverride: Type.Boolean({ description: 'Whether it replaces an earlier rule of its name' }),
    device: text('Device it is judged on: of the node, or of a parent whose port leads to it'),
    instance: text("Port; '' for a whole device"),
    state: words(
      ruleStates,
      'raised; clearing: raised, and a hold runs at the end of which it clears; raising: a hold runs at the end of which it raises; ' +
        'counting: beyond the limit, but not often enough in a row; prevented by when or unless; quiet; no-limit; no-reading'
    ),
    severity: Type.Union([severitySchema, Type.Null()], { description: 'Of the open alarm' }),
    alarm: nullable<string>('string', 'Id of the open alarm'),
    says: localText('Why it raised or did not'),
    wouldRaise: localText('What would raise it'),
    levels: Type.Array(
      Type.Object(
        {
          severity: severitySchema,
          raiseHoldMs: Type.Integer({ description: 'How long it must hold to raise' }),
          clearHoldMs: Type.Integer({ description: 'How long it must be good to clear' }),
          isOn: Type.Boolean({ description: 'What its conditions say now' }),
          since: time('Since when they say so; null where they never said otherwise'),
          sinceMs: timeMs,
          holdEnds: time('When the hold under way ends'),
          holdEndsMs: timeMs,
          inputs: Type.Array(inputSchema, { description: 'At most 4: those that meet it, then the nearest' })
        },
        about('A severity of the rule')
      )
    ),
    schedule,
    flapping,
    gates: Type.Array(inputSchema, { description: 'Readings of when and unless' }),
    ...notes
  },
  about('A rule on one device or port')
)

export const explainAnswerFields = {
  id: text('Node asked about'),
  name: text('Its name'),
  readingsFrom: Type.String({
    format: 'date-time',
    description: 'Readings older than this are not looked for'
  }),
  total: Type.Integer({ description: 'Rules that apply, on all devices and ports' }),
  rules: Type.Array(ruleSchema, { description: 'Of each device those that are raised first' }),
  devices: Type.Array(
    Type.Object(
      {
        id: Type.String(),
        lastHeard: time('When it was heard last; null for never'),
        lastHeardMs: timeMs,
        intervalMs: Type.Integer({ description: 'How often it is heard, as learnt or configured' }),
        limitMs: Type.Integer({ description: 'It is silent when not heard for so long' }),
        silent: Type.Boolean({ description: 'Whether it is' }),
        clockOffsetMs: Type.Union([Type.Integer(), Type.Null()], {
          description: 'By how much the clock is ahead that it is told by; null while it is right'
        })
      },
      about('How long a device may keep silent')
    )
  )
}
export type ExplainJson = {
  readonly [key in keyof typeof explainAnswerFields]: Static<(typeof explainAnswerFields)[key]>
}
export type ExplainedRuleJson = Static<typeof ruleSchema>

export const explainQuery = Type.Object(
  {
    device: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only this device' })),
    instance: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only this port' })),
    rule: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only this rule' })),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 2000, default: 500, description: 'At most so many rules' })
    )
  },
  { additionalProperties: false }
)
