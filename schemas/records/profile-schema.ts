import Type, { type Static } from 'typebox'
import { timeUnits } from './convert.ts'

/** The profile file, as people write it. What the schema cannot say (names that must exist) profile.ts checks. */

export const profileFormats = ['telegraf', 'gnmic', 'zabbix', 'canonical'] as const
export type ProfileFormat = (typeof profileFormats)[number]

/** Units a source may report in, and what a unit does: profile.ts holds the arithmetic. */
export const unitNames = [
  'mw',
  'tenth_mw',
  'uw',
  'tenth_uw',
  'dbm',
  'tenth_dbm',
  'hundredth_dbm',
  'mw_or_dbm',
  'huawei_sign',
  'mains_v',
  's',
  'min',
  'ms',
  'ns',
  'timeticks',
  'tenth',
  'hundredth',
  'thousandth',
  'bit_s',
  'tenth_dbmv'
] as const
export type UnitName = (typeof unitNames)[number]

const strict = { additionalProperties: false }
const name = (description: string) => Type.String({ minLength: 1, maxLength: 256, description })

const key = Type.Object(
  {
    tag: name('Tag to read; for Zabbix also @host, @host_name, @item and @itemid.'),
    strip_port: Type.Optional(Type.Boolean({ description: 'Drop a trailing :port, as gnmic puts it.' })),
    lane: Type.Optional(name('Tag with the number of the lane, where a module has several.')),
    pattern: Type.Optional(
      name(
        'Regular expression; its first group is taken, a second one is the lane of a module, no match is no value.'
      )
    )
  },
  strict
)

/** What other readings of the same record must be: names of codes, or the least and the most of a quantity. */
const readings = (description: string) =>
  Type.Record(
    Type.String(),
    Type.Union([
      Type.Array(name('A canonical code.'), { minItems: 1, maxItems: 32 }),
      Type.Tuple([Type.Number(), Type.Number()])
    ]),
    { description }
  )

export const fieldSchema = Type.Object(
  {
    signal: name('Signal this field is a reading of.'),
    unit: Type.Optional(Type.Enum([...unitNames], { description: 'Unit the source reports in.' })),
    unit_from: Type.Optional(
      Type.Object(
        {
          key: name('Field or tag of the same record that names the unit.'),
          values: Type.Record(Type.String(), Type.Enum([...unitNames]))
        },
        strict
      )
    ),
    scale: Type.Optional(Type.Number({ description: 'Factor to the canonical unit, after `unit`.' })),
    enum: Type.Optional(
      Type.Array(Type.Tuple([Type.Integer(), name('Name in the MIB.'), name('Canonical code name.')]), {
        minItems: 1,
        maxItems: 256,
        description: 'Code, name in the MIB, canonical code name.'
      })
    ),
    names: Type.Optional(Type.Record(Type.String(), name('Canonical code name.'))),
    flags: Type.Optional(
      Type.Array(
        Type.Tuple([
          Type.Integer({ minimum: -1, maximum: 30 }),
          name('Word of the text form; of several words, separated by blanks, all must be there.'),
          name('Canonical code name.')
        ]),
        {
          minItems: 1,
          maxItems: 64,
          description: 'Bit (-1 for none), word, canonical code name; first set wins.'
        }
      )
    ),
    sentinels: Type.Optional(
      Type.Array(Type.Number(), { maxItems: 32, description: 'Raw values that mean "unknown".' })
    ),
    range: Type.Optional(
      Type.Tuple([Type.Number(), Type.Number()], { description: 'Believable canonical values, inclusive.' })
    ),
    text: Type.Optional(Type.Enum(['number', 'none', 'lowest_of_list'])),
    sensor: Type.Optional(
      Type.Object(
        {
          type: name('Key of the sensor type.'),
          scale: name('Key of the power of ten.'),
          precision: name('Key of the decimal places.'),
          status: name('Key of the operational status.')
        },
        strict
      )
    ),
    zero_needs: Type.Optional(readings('0 is a reading only while one of these holds.')),
    becomes: Type.Optional(
      Type.Array(
        Type.Object(
          {
            from: name('Code.'),
            to: name('Code it is read as.'),
            when: readings('All of these must hold.'),
            unless: Type.Optional(readings('None of these may hold.'))
          },
          strict
        ),
        { maxItems: 16 }
      )
    )
  },
  strict
)
export type FieldYaml = Static<typeof fieldSchema>

/**
 * What the sources of a profile tell: each poll, only what has changed, or what they are configured to; or rows of a table (of alarms),
 * which are there while what they tell of lasts.
 */
export const profileReports = ['polls', 'changes', 'either', 'rows'] as const
export type ProfileReports = (typeof profileReports)[number]

export const measurementSchema = Type.Object(
  {
    name: name('Name inside the profile.'),
    match: Type.Array(name('Measurement name; * and ? are wildcards.'), { minItems: 1, maxItems: 256 }),
    when: Type.Optional(Type.Record(Type.String(), name('Wildcard pattern that this tag must match.'))),
    device: Type.Optional(Type.Array(key, { minItems: 1, maxItems: 16 })),
    instance: Type.Optional(Type.Array(key, { minItems: 1, maxItems: 16 })),
    instance_optional: Type.Optional(Type.Boolean()),
    names: Type.Optional(
      Type.Array(key, {
        minItems: 1,
        maxItems: 4,
        description: 'Tags with names of the port, by which the inventory may know it beside `instance`.'
      })
    ),
    fields: Type.Record(Type.String(), Type.Unknown(), { minProperties: 1, maxProperties: 512 })
  },
  strict
)
export type MeasurementYaml = Static<typeof measurementSchema>

export const profileSchema = Type.Object(
  {
    profile: Type.String({ pattern: '^[a-z0-9][a-z0-9_.-]{0,63}$', description: 'Name of the profile.' }),
    format: Type.Enum([...profileFormats]),
    about: Type.Optional(Type.String({ maxLength: 2000 })),
    time: Type.Optional(Type.Enum([...timeUnits], { description: 'Unit of the timestamp.' })),
    device: Type.Optional(Type.Array(key, { minItems: 1, maxItems: 16 })),
    collector: Type.Optional(Type.String({ maxLength: 256, description: 'Tag that names the collector.' })),
    reports: Type.Optional(
      Type.Enum([...profileReports], {
        description: 'What its sources tell: each poll, changes only, either, or rows that come and go.'
      })
    ),
    measurements: Type.Array(measurementSchema, { minItems: 1, maxItems: 256 })
  },
  strict
)
export type ProfileYaml = Static<typeof profileSchema>
export type KeyYaml = Static<typeof key>
