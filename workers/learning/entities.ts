import { unassigned } from '../../rules/series-state.ts'
import type { DecodedGroup } from '../../schemas/records/decoded.ts'
import { withoutInstance } from '../memory/map.ts'
import type { Layout, Layouts, SeriesSet } from './layouts.ts'
import { bitsOfSignal, entityId } from './series-id.ts'
import type { SharedState } from '../memory/shared-state.ts'

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
  /** First series of the group's entity, made when it is new; negative when the limit of series is reached. */
  firstSeries(layout: Layout, group: MetGroup): number
  /** Series of a slot in any run of the entity, or -1 when it has none yet. */
  seriesOf(first: number, slot: number): number
  /** Makes series for the signals of the group that its entity has had no reading of so far. */
  extend(layout: Layout, group: MetGroup, first: number): void
}

const keyScratchBytes = 4096

/** Runs of series of one entity: the record's it is met by, those it is without, and all that are left. */
const runsMax = 3

export function createEntities(shared: SharedState, layouts: Layouts): Entities {
  const { series: state, seriesIds } = shared
  const encoder = new TextEncoder()
  const key = new Uint8Array(keyScratchBytes)

  /** Writes the key of an entity; its length. */
  const writeKey = (
    layout: Layout,
    identifier: string,
    instance: string
  ): { deviceEnd: number; end: number } => {
    key[0] = layout.number
    key[1] = layout.number >>> 8
    key[2] = layout.number >>> 16
    key[3] = 0
    const deviceEnd = 4 + encoder.encodeInto(identifier, key.subarray(4)).written
    key[deviceEnd] = 0
    const end = deviceEnd + 1 + encoder.encodeInto(instance, key.subarray(deviceEnd + 1)).written
    return { deviceEnd, end }
  }

  /** Makes neighbouring series for the signals of a set; the first one's index, or -1 at the limit of series. */
  const makeRun = (set: SeriesSet, device: number, identifier: string, instance: string): number => {
    const first = shared.takeSeries(set.signals.length)
    if (first < 0) return first
    const { hi, lo } = entityId(identifier, instance)
    set.signals.forEach((signal, i) => {
      seriesIds[(first + i) * 2] = lo ^ bitsOfSignal[signal]!
      seriesIds[(first + i) * 2 + 1] = hi
      state.device[first + i] = device
      state.program[first + i] = unassigned
    })
    shared.seriesLayouts[first] = set.number | (instance === '' ? withoutInstance : 0)
    return first
  }

  const firstSeries = (layout: Layout, group: MetGroup): number => {
    const { instance, slots, noReadings } = group
    const identifier = group.identifiers[0]!
    const { deviceEnd, end } = writeKey(layout, identifier, instance)
    const known = shared.entities.find(key, 0, end)
    if (known >= 0) return known
    const device = shared.deviceTable.insert(key, 4, deviceEnd, shared.takeDevice)
    const told = slots.length > 0 ? slots : noReadings
    // A record without any field a signal is read from says nothing of what the entity has.
    const set = told.length > 0 ? layouts.setOf(layout, told) : layouts.set(layout.number)!
    return shared.entities.insert(key, 0, end, () => makeRun(set, device, identifier, instance))
  }

  const setOfRun = (run: number): SeriesSet | undefined =>
    layouts.set(shared.seriesLayouts[run]! & ~withoutInstance)

  const seriesOf = (first: number, slot: number): number => {
    for (let run = first; run >= 0; run = Atomics.load(shared.nextRuns, run) - 1) {
      const at = setOfRun(run)?.seriesOfSlot[slot] ?? -1
      if (at >= 0) return run + at
    }
    return -1
  }

  const extend = (layout: Layout, group: MetGroup, first: number): void => {
    const identifier = group.identifiers[0]!
    const { end } = writeKey(layout, identifier, group.instance)
    for (let more = 1; more <= runsMax - 1; more++) {
      if (group.slots.every(slot => seriesOf(first, slot) >= 0)) return
      // Under the table's lock and by a key of its own: two workers do not make the same run.
      key[3] = more
      shared.entities.insert(key, 0, end, () => {
        let last = first
        for (let next = first; next >= 0; next = shared.nextRuns[next]! - 1) last = next
        const slots = more === runsMax - 1 ? layout.placeOfSlot.keys() : group.slots
        const missing = [...slots].filter(slot => seriesOf(first, slot) < 0)
        // Linked already by a worker that died before its key was there.
        if (missing.length === 0) return last
        const set = layouts.setOf(layout, missing)
        const made = makeRun(set, state.device[first]!, identifier, group.instance)
        if (made >= 0) Atomics.store(shared.nextRuns, last, made + 1)
        return made
      })
    }
  }

  return { firstSeries, seriesOf, extend }
}
