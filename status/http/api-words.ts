import { Type } from 'typebox'
import { incidentKinds, lights, severities, tiers } from '../../schemas/words.ts'

/** Words of the domain, as what comes in and what goes out have them. */

export const words = <T extends string>(values: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], description })

export const lightSchema = words(
  lights,
  'red: known to be out; yellow: at risk, or in part; grey: nothing is known; green'
)
export const tierSchema = words(tiers, 'Tier of the network tree, from the core down to the building')
export const severitySchema = words(
  severities,
  'X.733 severity by name; critical and major are red, the others yellow'
)
export const kindSchema = words(incidentKinds, 'What kind of fault it is')

/** What a rule says for those who are told of its alarms. */
export const notes = {
  labels: Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Labels that the rule gives to its alerts'
  }),
  runbook: Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: 'Address (https) of what is to be done, by the rule; null for none'
  })
}
