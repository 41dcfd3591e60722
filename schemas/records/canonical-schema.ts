import Type, { type TSchema } from 'typebox'
import { eventTimeMaxMs, eventTimeMinMs } from './convert.ts'
import { identifiersMax, keyLengthMax } from './metric.ts'
import { signals, type SignalDef } from '../signals.ts'

/**
 * The canonical record: what a source may send that needs no profile of its own. docs/canonical-record.md explains
 * it, schemas/canonical.schema.json is this schema as published.
 */

const key = (description: string) => Type.String({ minLength: 1, maxLength: keyLengthMax, description })

function reading(signal: SignalDef): TSchema {
  const unit = signal.unit === '' ? '' : `, ${signal.unit}`
  if (signal.codes === undefined) {
    const bounds = signal.kind === 'counter' ? { minimum: 0 } : {}
    return Type.Union([Type.Number(bounds), Type.Null()], { description: `${signal.about}${unit}` })
  }
  return Type.Union(
    [Type.Enum(Object.keys(signal.codes)), Type.Enum([...new Set(Object.values(signal.codes))]), Type.Null()],
    { description: signal.about }
  )
}

const canonicalRecord = Type.Object(
  {
    device: key(
      'The identifier of the device that the inventory most likely knows: management address, sysName.'
    ),
    identifiers: Type.Optional(
      Type.Array(key('A further identifier.'), {
        maxItems: identifiersMax,
        description: 'Other identifiers of the same device, tried in order.'
      })
    ),
    instance: Type.Optional(
      Type.String({
        maxLength: keyLengthMax,
        description: 'Port (ifIndex), line or sensor the readings are of; left out for the device itself.'
      })
    ),
    collector: Type.Optional(
      Type.String({
        maxLength: keyLengthMax,
        description:
          'Who read the device: when all devices of one collector fall silent, the collector is at fault.'
      })
    ),
    timeMs: Type.Optional(
      Type.Integer({
        minimum: eventTimeMinMs,
        exclusiveMaximum: eventTimeMaxMs,
        description:
          "Time of the reading, ms since 1970-01-01 UTC; left out, the Kafka record's own time counts."
      })
    ),
    signals: Type.Object(
      Object.fromEntries(signals.map(signal => [signal.name, Type.Optional(reading(signal))])),
      {
        additionalProperties: false,
        minProperties: 1,
        description:
          'Readings by signal, in the unit given; enumerations by name or code; null for no reading.'
      }
    )
  },
  { additionalProperties: false }
)

/** The published JSON Schema (draft 2020-12). */
export function canonicalJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Svetofor canonical record',
    description:
      'One reading or several of one device (and instance) at one time. See docs/canonical-record.md.',
    ...(JSON.parse(JSON.stringify(canonicalRecord)) as Record<string, unknown>)
  }
}
