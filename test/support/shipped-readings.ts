import { createDecoder } from '../../schemas/records/decode.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { codeName, signals } from '../../schemas/signals.ts'

/** What the shipped profiles make of records in the form in which a collector writes them. */

export const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))

interface Reading {
  readonly profile: string
  readonly device: string
  readonly instance: string
  readonly timeMs: number
  /** By signal; enumerations by name. */
  readonly values: Readonly<Record<string, number | string>>
  /** Signals that the source says are gone. */
  readonly gone: readonly string[]
}

/** The groups of one record; a record that is refused, or of which anything is, is an error. */
export function readingsOf(record: unknown, nowMs: number): Reading[] {
  const decoder = createDecoder(profiles, {
    futureMsMax: 60_000,
    pastMsMax: 86_400_000,
    depthMax: 32,
    valueBytesMax: 1_048_576
  })
  const text = typeof record === 'string' ? record : JSON.stringify(record)
  const decoded = decoder.decode(new TextEncoder().encode(text), nowMs, nowMs)
  if (!decoded.ok) throw new Error(`${decoded.reason}: ${decoded.detail}`)
  if (decoded.partial !== undefined) throw new Error(`${decoded.partial.reason}: ${decoded.partial.detail}`)
  return decoded.groups.map(({ measurement, identifiers, instance, timeMs, slots, values, gone }) => {
    const plan = profiles.measurements[measurement]!
    const signalOf = (slot: number) => signals[plan.slots[slot]!.signal]!
    const named = slots.map((slot, i): [string, number | string] => {
      const signal = signalOf(slot)
      return [signal.name, codeName(signal, values[i]!) ?? Number(values[i]!.toFixed(4))]
    })
    return {
      profile: plan.profile,
      device: identifiers[0] ?? '',
      instance,
      timeMs,
      values: Object.fromEntries(named),
      gone: [...new Set((gone ?? []).map(slot => signalOf(slot).name))].sort()
    }
  })
}
