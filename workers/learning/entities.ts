import { unassigned } from '../../rules/series-state.ts'
import type { DecodedGroup } from '../../schemas/records/decoded.ts'
import { withoutInstance } from '../memory/map.ts'
import type { KnownMeasurement, SeriesSets, SeriesSet } from './series-sets.ts'
import { bitsOfSignal, entityId } from './series-id.ts'
import type { SharedState } from '../memory/shared-state.ts'
import { tableFull } from '../memory/shared-table.ts'

/** What a record is of, and which slots it gives readings of: all that its series need to be made. */
export type MetGroup = Pick<
  DecodedGroup,
  'measurement' | 'identifiers' | 'collector' | 'instance' | 'slots' | 'noReadings'
>

/**
 * Entities (a device's port, sensor or itself, by one measurement) and their series, made when a record is the first to
 * bring them. All of it is in shared memory, and made under the tables' locks.
 */
export interface Entities {
  /** First series of the group's entity, made when it is new; negative where there is no room for its series, its device or their keys. */
  firstSeries(measurement: KnownMeasurement, group: MetGroup): number
  /** The same where it is known already; `absent` where it is not. */
  find(measurement: KnownMeasurement, group: MetGroup): number
  /** Series of a slot in any span of the entity, or -1 when it has none yet. */
  seriesOf(first: number, slot: number): number
  /** Makes series for the signals of the group that its entity has had no reading of so far. */
  extend(measurement: KnownMeasurement, group: MetGroup, first: number): void
}

const keyScratchBytes = 4096

/** Spans of series of one entity: the record's it is met by, those it is without, and all that are left. */
const spansMax = 3

export function createEntities(shared: SharedState, seriesSets: SeriesSets): Entities {
  const { series: state, seriesIds } = shared
  const encoder = new TextEncoder()
  const key = new Uint8Array(keyScratchBytes)

  /** Writes the key of an entity; its length. */
  const writeKey = (
    measurement: KnownMeasurement,
    identifier: string,
    instance: string
  ): { deviceEnd: number; end: number } => {
    key[0] = measurement.number
    key[1] = measurement.number >>> 8
    key[2] = measurement.number >>> 16
    key[3] = 0
    const deviceEnd = 4 + encoder.encodeInto(identifier, key.subarray(4)).written
    key[deviceEnd] = 0
    const end = deviceEnd + 1 + encoder.encodeInto(instance, key.subarray(deviceEnd + 1)).written
    return { deviceEnd, end }
  }

  /** Makes neighbouring series for the signals of a set; the first one's index, or -1 at the limit of series. */
  const makeSpan = (
    set: SeriesSet,
    device: number,
    identifier: string,
    instance: string,
    isKnown: boolean
  ): number => {
    const first = shared.takeSeries(set.signals.length, isKnown)
    if (first < 0) return first
    const { hi, lo } = entityId(identifier, instance)
    set.signals.forEach((signal, i) => {
      seriesIds[(first + i) * 2] = lo ^ bitsOfSignal[signal]!
      seriesIds[(first + i) * 2 + 1] = hi
      state.device[first + i] = device
      state.program[first + i] = unassigned
    })
    shared.spanSets[first] = set.number | (instance === '' ? withoutInstance : 0)
    return first
  }

  const firstSeries = (measurement: KnownMeasurement, group: MetGroup): number => {
    const { instance, slots, noReadings } = group
    const identifier = group.identifiers[0]!
    const { deviceEnd, end } = writeKey(measurement, identifier, instance)
    const known = shared.entities.find(key, 0, end)
    if (known >= 0) return known
    const isKnown = shared.knownNames.has(group.identifiers)
    const device = shared.deviceTable.insert(key, 4, deviceEnd, shared.takeDevice, isKnown)
    // Series without a device would all be taken for those of one, by whoever goes over the series of a device.
    if (device < 0) return tableFull
    const told = slots.length > 0 ? slots : noReadings
    // A record without any field a signal is read from says nothing of what the entity has.
    const set = told.length > 0 ? seriesSets.setOf(measurement, told) : seriesSets.set(measurement.number)!
    const make = (): number => makeSpan(set, device, identifier, instance, isKnown)
    return shared.entities.insert(key, 0, end, make, isKnown)
  }

  const find = (measurement: KnownMeasurement, group: MetGroup): number => {
    const { end } = writeKey(measurement, group.identifiers[0]!, group.instance)
    return shared.entities.find(key, 0, end)
  }

  const setOfSpan = (span: number): SeriesSet | undefined =>
    seriesSets.set(shared.spanSets[span]! & ~withoutInstance)

  const seriesOf = (first: number, slot: number): number => {
    for (let span = first; span >= 0; span = Atomics.load(shared.nextSpans, span) - 1) {
      const at = setOfSpan(span)?.seriesOfSlot[slot] ?? -1
      if (at >= 0) return span + at
    }
    return -1
  }

  const extend = (measurement: KnownMeasurement, group: MetGroup, first: number): void => {
    const identifier = group.identifiers[0]!
    const { end } = writeKey(measurement, identifier, group.instance)
    const isKnown = shared.knownNames.has(group.identifiers)
    for (let more = 1; more <= spansMax - 1; more++) {
      if (group.slots.every(slot => seriesOf(first, slot) >= 0)) return
      // Under the table's lock and by a key of its own: two workers do not make the same span.
      key[3] = more
      const make = (): number => {
        let last = first
        for (let next = first; next >= 0; next = shared.nextSpans[next]! - 1) last = next
        const slots = more === spansMax - 1 ? measurement.positionOfSlot.keys() : group.slots
        const missing = [...slots].filter(slot => seriesOf(first, slot) < 0)
        // Linked already by a worker that died before its key was there.
        if (missing.length === 0) return last
        const set = seriesSets.setOf(measurement, missing)
        const made = makeSpan(set, state.device[first]!, identifier, group.instance, isKnown)
        if (made >= 0) Atomics.store(shared.nextSpans, last, made + 1)
        return made
      }
      shared.entities.insert(key, 0, end, make, isKnown)
    }
  }

  return { firstSeries, find, seriesOf, extend }
}
