import { createDecoder } from '../../schemas/records/decode.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { readProfileFiles } from '../../schemas/records/profile-files.ts'
import { signals } from '../../schemas/signals.ts'

/** What went into Kafka, counted by the reference decoder: the measure of what must be found in ClickHouse. */
export interface Ledger {
  /**
   * Enters a record. False when a record of the same port and moment was entered before: do not send it then, for the
   * second of two equal samples is collapsed by ClickHouse at a time of its own. Throws when the record is unreadable.
   */
  enter(value: Uint8Array, timestampMs: number): boolean
  /** Distinct samples: device, signal, instance, time. */
  samples(): number
  series(): number
  /** By the signal's name: how many samples, and the sum of their values. */
  bySignal(): ReadonlyMap<string, { readonly samples: number; readonly sum: number }>
}

const policy = {
  futureMsMax: 300_000,
  pastMsMax: 30 * 86_400_000,
  depthMax: 32,
  valueBytesMax: 4 * 1024 * 1024
}

export async function createLedger(): Promise<Ledger> {
  const profiles = compileProfiles(await readProfileFiles())
  const decoder = createDecoder(profiles, policy)
  const counts = new Float64Array(signals.length)
  const sums = new Float64Array(signals.length)
  /** Newest event time of each (device, measurement, instance), and of which signals it has told. */
  const newest = new Map<string, { timeMs: number; readonly told: Set<number> }>()
  let samples = 0
  let series = 0
  return {
    enter(value, timestampMs) {
      const decoded = decoder.decode(value, timestampMs, Date.now())
      if (!decoded.ok || decoded.partial !== undefined || decoded.unmapped > 0)
        throw new Error(`the simulator sent a record that cannot be read: ${Buffer.from(value).toString()}`)
      for (const { measurement, identifiers, instance, timeMs, slots, values } of decoded.groups) {
        const key = `${identifiers[0] ?? ''}\n${measurement}\n${instance}`
        let last = newest.get(key)
        if (last === undefined) newest.set(key, (last = { timeMs: 0, told: new Set() }))
        if (timeMs < last.timeMs)
          throw new Error(`records of ${key} are out of order: the ledger needs order`)
        if (timeMs === last.timeMs) return false
        last.timeMs = timeMs
        for (const [i, slot] of slots.entries()) {
          const signal = profiles.measurements[measurement]!.slots[slot]!.signal
          if (!last.told.has(signal)) series++
          last.told.add(signal)
          counts[signal]!++
          sums[signal]! += values[i]!
          samples++
        }
      }
      return true
    },
    samples: () => samples,
    series: () => series,
    bySignal: () =>
      new Map(
        signals.flatMap(({ name }, signal) =>
          counts[signal] === 0 ? [] : [[name, { samples: counts[signal]!, sum: sums[signal]! }] as const]
        )
      )
  }
}
