import { signals, type SignalDef } from '../../schemas/signals.ts'
import { incidentKinds, severities, tiers } from '../../schemas/words.ts'
import { overs } from '../composite.ts'
import { sampleCountMax } from '../program.ts'
import { changes } from '../measures/baselines.ts'
import { rates } from '../measures/rates.ts'
import { documentKeys, levelKeys, qualifierPattern, ruleKeys, ruleNamePattern } from '../read.ts'
import { deviceKeys, momentPattern, ruleTestKeys, stepKeys } from '../rule-tests.ts'
import { compositeKeys, countKeys, ruleMemberKeys, signalMemberKeys } from './composites.ts'
import { clauseKeys, type testKeys } from './conditions.ts'
import { holdKeys, holdSecondsMax } from './holds.ts'
import { limitKeys, quantityPattern, tableKeys } from './limits.ts'
import { durationPattern } from './measured.ts'
import { labelNamePattern, labelsMax, labelValueLengthMax, runbookLengthMax, takenLabels } from './notes.ts'
import { portRoles, selectorKeys } from './selectors.ts'
import {
  changesMax,
  changesMin,
  clockPattern,
  flappingKeys,
  flappingSecondsMax,
  scheduleKeys
} from './times.ts'

/**
 * The form of a rules file as JSON Schema (draft 7, what editors of YAML know). Its keys are those that the readers of this folder know: one
 * that is not described here does not compile. What it cannot say (whether a unit fits, what else stands in other files) `svetofor check` does.
 */
export type JsonSchema = { readonly [keyword: string]: unknown }

type Properties<K extends string> = Readonly<Record<K, JsonSchema>>

const object = <K extends string>(
  keys: readonly K[],
  properties: Properties<NoInfer<K>>,
  more: JsonSchema = {}
): JsonSchema => ({
  type: 'object',
  properties: Object.fromEntries(keys.map(key => [key, properties[key]])),
  additionalProperties: false,
  ...more
})
const pick = <K extends string>(keys: readonly K[], from: Properties<K>): Properties<K> =>
  Object.fromEntries(keys.map(key => [key, from[key]])) as Properties<K>
const ref = (name: string): JsonSchema => ({ $ref: `#/definitions/${name}` })
const about = (description: string, schema: JsonSchema): JsonSchema => ({ ...schema, description })
const list = (items: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  type: 'array',
  items,
  minItems: 1,
  ...more
})
const oneOrList = (item: JsonSchema): JsonSchema => ({ anyOf: [item, list(item)] })
const oneOfKeys = (keys: readonly string[]): JsonSchema => ({ oneOf: keys.map(key => ({ required: [key] })) })
const seconds = { type: 'number', minimum: 0, maximum: holdSecondsMax }
const flappingSeconds = { type: 'number', minimum: 1, maximum: flappingSecondsMax }
const clock = { type: 'string', pattern: clockPattern.source }
const samples = { type: 'integer', minimum: 1, maximum: sampleCountMax }
const duration = { type: 'string', pattern: durationPattern.source }
const word = { type: ['string', 'number'] }

const names = [...new Set(signals.flatMap(({ codes }) => Object.keys(codes ?? {})))]

const selector: Properties<(typeof selectorKeys)[number]> = {
  signal: about('Canonical signal that is judged', ref('signal')),
  vendor: about('Vendor of the device; * at the end stands for anything', oneOrList(word)),
  model: about('Model of the device; * at the end stands for anything', oneOrList(word)),
  role: about('Role of the device: switch, ups, catv, …', oneOrList(word)),
  tier: about('Tier of the node', oneOrList({ enum: tiers })),
  port: about("Role of the port; '' where the inventory says nothing of it", oneOrList({ enum: portRoles })),
  optic_class: about('Optic class of the port', oneOrList(word)),
  tag: about('Tag of the device or its node', oneOrList(word))
}
const test: Properties<(typeof testKeys)[number]> = {
  rate: about('Rate of a counter that is compared', { enum: rates }),
  change: about('Change from what is usual that is compared', { enum: changes }),
  baseline: about('Over how long it is learnt what is usual', duration),
  learn: about('How long is learnt before it is judged', duration),
  in: about('Names of an enumeration that raise', oneOrList({ enum: names })),
  below: about('Raised by a value under it', ref('limit')),
  above: about('Raised by a value over it', ref('limit')),
  absent: about('Raised while the reading is not reported, though its device answers', { const: true }),
  clear: about('Value that clears', ref('quantity')),
  hysteresis: about('Distance from the limit to the value that clears', ref('quantity'))
}
const tests = ['in', 'below', 'above', 'absent']
const composite: Properties<(typeof compositeKeys)[number]> = {
  any: about('Holds while one of the parts does', list(ref('part'))),
  all: about('Holds while all of the parts do', list(ref('part'))),
  count: about(
    'Holds while so many of the parts do',
    object(
      countKeys,
      { at_least: { type: 'integer', minimum: 1 }, of: list(ref('part')) },
      { required: countKeys }
    )
  ),
  not: about('Holds while the part does not', ref('part'))
}
const composites = ['any', 'all', 'count']
const level: Properties<(typeof levelKeys)[number]> = {
  severity: about('critical and major are red, minor and warning yellow', { enum: severities }),
  ...test,
  ...composite,
  hold: about('How long it must last before it raises, and before it clears', ref('hold')),
  text: about('What the operator reads', ref('text'))
}
const member = {
  for_s: about('Seconds that it must have held', seconds),
  at_least: about('How many must have it here', { type: 'integer', minimum: 1, maximum: 1000 })
}

const rule = object(
  ruleKeys,
  {
    ...level,
    name: about('Type of the alarm', { type: 'string', pattern: ruleNamePattern.source }),
    qualifier: about('Tells alarms of one type on one resource apart', {
      type: 'string',
      pattern: qualifierPattern.source
    }),
    override: about('Replaces the earlier rule of this name and qualifier', { type: 'boolean' }),
    enabled: about('false, with override: switches that rule off', { type: 'boolean' }),
    over: about('What a composite rule is about', { enum: overs }),
    kind: about('What an incident from this alarm is about', { enum: incidentKinds }),
    scope: about('device: holds for the device as a whole', { enum: ['instance', 'device'] }),
    select: about('Which series are judged', object(selectorKeys, selector, { required: ['signal'] })),
    when: about('All of these must be on', { type: 'array', items: ref('clause') }),
    unless: about('None of these may be on', { type: 'array', items: ref('clause') }),
    levels: about(
      'Several severities of one alarm',
      list(
        object(levelKeys, level, {
          required: ['severity'],
          ...oneOfKeys([...tests, ...composites])
        })
      )
    ),
    schedule: about(
      'When it is in force',
      object(
        scheduleKeys,
        {
          days: about('Days on which it begins: mon-fri, sun', oneOrList({ type: 'string' })),
          from: about("When it begins: '08:00'; left out: at midnight", clock),
          to: about("When it ends, up to '24:00'; not later than from: on the next day", clock),
          timezone: about('Whose clocks, such as Europe/Moscow', { type: 'string' })
        },
        { required: ['timezone'] }
      )
    ),
    flapping: about(
      'How many changes are too many: then it is one alarm until there was none for a time',
      object(
        flappingKeys,
        {
          changes: about('Changes between holding and not', {
            type: 'integer',
            minimum: changesMin,
            maximum: changesMax
          }),
          within_s: about('Seconds within which', flappingSeconds),
          clear_s: about('Seconds without a change until it flaps no more', flappingSeconds),
          severity: about('Of the alarm while it flaps; left out: the worst', { enum: severities }),
          text: about("While it flaps; left out: the rule's own, and that it flaps", ref('text'))
        },
        { required: ['changes', 'within_s', 'clear_s'] }
      )
    ),
    labels: about('Labels of its alerts', {
      type: 'object',
      maxProperties: labelsMax,
      propertyNames: { pattern: labelNamePattern, not: { enum: takenLabels } },
      additionalProperties: { type: 'string', minLength: 1, maxLength: labelValueLengthMax }
    }),
    runbook: about('Address of what is to be done', {
      type: 'string',
      pattern: '^https://.',
      maxLength: runbookLengthMax
    })
  },
  {
    required: ['name'],
    if: { required: ['enabled'], properties: { enabled: { const: false } } },
    else: {
      required: ['kind', 'text'],
      if: { required: ['over'] },
      then: { if: { required: ['levels'] }, else: { required: ['severity'], ...oneOfKeys(composites) } },
      else: {
        required: ['select'],
        if: { required: ['levels'] },
        else: { required: ['severity'], ...oneOfKeys(tests) }
      }
    }
  }
)

const table = object(
  tableKeys,
  {
    name: about('Name by which rules ask for a column of it', {
      type: 'string',
      pattern: '^[a-z][a-z0-9_]*$'
    }),
    columns: about('Names of its columns', oneOrList(word)),
    rows: about('A row for each optic class, and one named default', {
      type: 'object',
      additionalProperties: { type: 'array', items: { type: ['number', 'null'] } }
    }),
    override: about('Replaces these rows of the earlier table', { type: 'boolean' })
  },
  { required: ['name', 'columns', 'rows'] }
)

const told = ({ name, codes }: SignalDef): [string, JsonSchema] => {
  if (codes !== undefined) return [name, { enum: [...Object.keys(codes), null] }]
  const grown = { type: 'object', properties: { add: { type: 'number' } }, required: ['add'] }
  return [name, { anyOf: [{ type: ['number', 'null'] }, grown] }]
}

const ruleTest = object(
  ruleTestKeys,
  {
    name: { type: 'string' },
    starts_at: about('When it begins, for rules with a schedule: 2026-11-30T08:00:00+03:00', {
      type: 'string',
      pattern: momentPattern.source
    }),
    device: about(
      'The device, or its port, that says something',
      object(deviceKeys, {
        vendor: { type: 'string' },
        model: { type: 'string' },
        role: { type: 'string' },
        tier: { enum: tiers },
        port: { enum: portRoles },
        optic_class: { type: 'string' },
        instance: word,
        tags: { type: 'array', items: word }
      })
    ),
    steps: about('What its signals say, step by step', {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          ...pick(stepKeys, {
            at_s: about('Seconds since the beginning', { type: 'number', minimum: 0 }),
            repeat: about('How often it says so', { type: 'number', minimum: 0 }),
            every_s: about('Seconds between two times', { type: 'number', minimum: 0 }),
            alarms: about('All alarms that must be open then, such as ups.on_battery warning', {
              type: 'array',
              items: { type: 'string' }
            })
          }),
          ...Object.fromEntries(signals.map(told))
        },
        additionalProperties: false
      }
    })
  },
  { required: ['steps'] }
)

const definitions: Readonly<Record<string, JsonSchema>> = {
  signal: { enum: signals.map(({ name }) => name) },
  quantity: {
    anyOf: [{ type: 'number' }, { type: 'string', pattern: quantityPattern.source }],
    description: 'A number, or one with its unit: 80 %'
  },
  limit: {
    anyOf: [
      ref('quantity'),
      object(
        limitKeys,
        {
          limits: about('Table and column, such as optics_rx.low', { type: 'string' }),
          module: about("Signal that carries the module's own limit", ref('signal'))
        },
        { required: ['limits'] }
      )
    ],
    description: 'A number, or a column of a table by optic class'
  },
  hold: object(holdKeys, {
    raise_samples: about('Samples in a row that must say so to raise', samples),
    clear_samples: about('Samples in a row that must say so to clear', samples),
    raise_s: about('Seconds it must last to raise', seconds),
    clear_s: about('Seconds it must be well to clear', seconds),
    flap_s: about(
      'Raised again within so many seconds of clearing, it clears only when well for so long',
      seconds
    )
  }),
  text: {
    type: 'object',
    properties: { ru: { type: 'string', pattern: '\\S' }, en: { type: 'string', pattern: '\\S' } },
    required: ['ru', 'en'],
    additionalProperties: false
  },
  clause: object(
    clauseKeys,
    { ...selector, ...test, hold: ref('hold') },
    { required: ['signal'], ...oneOfKeys(tests) }
  ),
  part: {
    type: 'object',
    if: { required: ['rule'] },
    then: object(ruleMemberKeys, {
      rule: about('Name of a rule that has an alarm here, or name/qualifier', { type: 'string' }),
      ...member
    }),
    else: {
      if: { required: ['signal'] },
      then: object(
        signalMemberKeys,
        { ...selector, ...test, hold: ref('hold'), ...member },
        oneOfKeys(tests)
      ),
      else: object(compositeKeys, composite, oneOfKeys(compositeKeys))
    }
  }
}

export function rulesJsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Svetofor rules',
    description:
      'A rules file of Svetofor. See docs/rules.md; svetofor check tells all that is wrong with one.',
    ...object(documentKeys, {
      limits: about('Tables of limits by optic class', { type: ['array', 'null'], items: table }),
      rules: about('What opens an alarm, and when it clears', { type: ['array', 'null'], items: rule }),
      tests: about('What must be open when a device says this and that', {
        type: ['array', 'null'],
        items: ruleTest
      })
    }),
    definitions
  }
}
