import { unassigned } from '../../rules/series-state.ts'
import type { DecodedGroup } from '../../schemas/records/decoded.ts'
import { withoutInstance } from '../memory/map.ts'
import type { KnownMeasurement, SeriesSets, SeriesSet } from './series-sets.ts'
import { bitsOfSignal, entityId, xxHash64, type Halves } from './series-id.ts'
import type { SharedState } from '../memory/shared-state.ts'
import { tableFull } from '../memory/shared-table.ts'

/** What a record is of, and which slots it gives readings of: all that its series need to be made. */
export type MetGroup = Pick<
  DecodedGroup,
  'measurement' | 'identifiers' | 'collector' | 'instance' | 'names' | 'slots' | 'noReadings'
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

/** Two words for the name that counts: the profile's first, since a further one (ifDescr) may hold the firmware's version. */
const nameId = ([name = '']: readonly string[]): Halves => xxHash64(name)

/**
 * Numbers of ports move: after a restart the ifIndex of one port is another's. So an entity is of a number and of the name that its port has
 * there, as the record says: a number that comes with another name is another entity, with series of its own in memory (in storage they are
 * those of the number). The one that was met first has the key without names, so that names cost nothing where numbers stay, and
 * records without names (traps) are of it. A device whose names never stay makes so many entities and no more.
 */
export const renamedMax = 4096

/** Spans of series of one entity: the record's it is met by, those it is without, and all that are left. */
const spansMax = 3

/** `leftOut` is called for a group that is not told apart by its name, because there are too many of its device. */
export function createEntities(
  shared: SharedState,
  seriesSets: SeriesSets,
  leftOut: () => void = () => undefined
): Entities {
  const { series: state, seriesIds } = shared
  const encoder = new TextEncoder()
  const key = new Uint8Array(keyScratchBytes)

  /** Writes the key of an entity, of names where they are given; its length. */
  const writeKey = (
    measurement: KnownMeasurement,
    identifier: string,
    instance: string,
    names?: readonly string[]
  ): { deviceEnd: number; end: number } => {
    key[0] = measurement.number
    key[1] = measurement.number >>> 8
    key[2] = measurement.number >>> 16
    key[3] = 0
    const deviceEnd = 4 + encoder.encodeInto(identifier, key.subarray(4)).written
    key[deviceEnd] = 0
    let end = deviceEnd + 1 + encoder.encodeInto(instance, key.subarray(deviceEnd + 1)).written
    if (names !== undefined) {
      const { hi, lo } = nameId(names)
      key[end++] = 0
      for (const word of [hi, lo]) for (let byte = 0; byte < 32; byte += 8) key[end++] = word >>> byte
    }
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

  /** Whether an entity, given by its first series, goes by these names, or takes them for its own now. */
  const goesBy = (first: number, names: readonly string[]): boolean => {
    if (names.length === 0) return true
    const mine = nameId(names).lo | 1
    const claimed = Atomics.compareExchange(shared.claims, first, 0, mine)
    return claimed === 0 || claimed === mine
  }

  const firstSeries = (measurement: KnownMeasurement, group: MetGroup): number => {
    const first = firstOf(measurement, group)
    if (first < 0 || goesBy(first, group.names)) return first
    const { end } = writeKey(measurement, group.identifiers[0]!, group.instance, group.names)
    const known = shared.entities.find(key, 0, end)
    if (known >= 0) return known
    const device = shared.series.device[first]!
    if (shared.renamed[device]! >= renamedMax) {
      leftOut()
      return first
    }
    shared.renamed[device]!++
    const own = firstOf(measurement, group, group.names)
    if (own >= 0) goesBy(own, group.names)
    return own
  }

  /** First series of the entity of a number, or of that and of names. */
  const firstOf = (measurement: KnownMeasurement, group: MetGroup, names?: readonly string[]): number => {
    const { instance, slots, noReadings } = group
    const identifier = group.identifiers[0]!
    const { deviceEnd, end } = writeKey(measurement, identifier, instance, names)
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
    const { names } = group
    const { end } = writeKey(measurement, group.identifiers[0]!, group.instance)
    const first = shared.entities.find(key, 0, end)
    if (first < 0 || goesBy(first, names)) return first
    return shared.entities.find(
      key,
      0,
      writeKey(measurement, group.identifiers[0]!, group.instance, names).end
    )
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
    const ofNumber = shared.entities.find(key, 0, writeKey(measurement, identifier, group.instance).end)
    const names = ofNumber === first ? undefined : group.names
    const { end } = writeKey(measurement, identifier, group.instance, names)
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
