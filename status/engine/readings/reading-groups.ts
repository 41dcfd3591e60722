import type { SeriesState } from '../../../rules/series-state.ts'
import type { SeriesRegistry } from '../series-registry.ts'

/**
 * Series whose readings are watched (readings.ts), in groups. A source tells most of a port in one record, so the series of a port
 * have seen the same: what is kept of them is kept once, for as long as that is so. Whoever was told at another time, or met
 * something of its own, gets a group of its own, which goes on from what was kept of it before. So no reading is judged
 * otherwise than by itself, and a million ports cost a fifth of what five million series would.
 */
export interface ReadingGroups {
  readonly size: number
  readonly kept: KeptOfGroups
  /** Takes a series in; with its neighbours, if nothing was seen of these yet and they are of the same place and `rhythmMin`. Its group. */
  add(series: number, rhythmMin: number): number
  /** The group of a series; -1 where it is not watched. */
  of(series: number): number
  /** Some series of a group: of its device, instance, source. */
  anyOf(group: number): number
  eachSeries(group: number, act: (series: number) => void): void
  /** The group of a series that has no other in it any more. */
  alone(series: number): number
  /** Leaves in a group those that were last told at the same time; the group of the others, -1 where there are none. */
  part(group: number): number
  /** Calls back with each group of a device (index of the inventory) and an instance. */
  eachOfPlace(this: void, device: number, instance: number, act: (group: number) => void): void
  /** Series are of other ports once `act` has been called. */
  move(series: readonly number[], act: () => void): void
  /** Devices have other indices now; there are so many. */
  reload(deviceCount: number): void
}

/** What was seen of each group, one number a group. */
export interface KeptOfGroups {
  /** Event time of the reading that was seen last. */
  readonly seenMs: Float64Array
  /** When that was seen, by our clock. */
  readonly changedMs: Float64Array
  readonly shortestMs: Float32Array
  readonly longestMs: Float32Array
  /** Intervals alike so far, up to 254. */
  readonly rhythm: Uint8Array
  readonly stops: Uint8Array
  readonly phase: Uint8Array
  /** Intervals alike that make its rhythm; 0 where nothing does. */
  readonly rhythmMin: Uint8Array
}

interface Groups extends KeptOfGroups {
  /** The series with the lowest number that was in it at first. */
  readonly first: Int32Array
  /** Which of the series from there on are in it, a bit each. */
  readonly members: Uint32Array
  /** The next group of the same device plus one; 0 behind the last. */
  readonly next: Int32Array
}

const membersMax = 32
/** A device with more groups than that gets a list of them by port when one is asked for: of others all are looked through. */
const walkedMax = 64

export interface ReadingGroupsOptions {
  readonly registry: Pick<SeriesRegistry, 'knownOf' | 'instanceNumber' | 'isSamePlace'>
  readonly state: Pick<SeriesState, 'capacity' | 'lastTimeMs'>
  readonly deviceCount: number
}

export function createReadingGroups(options: ReadingGroupsOptions): ReadingGroups {
  const { registry, state } = options
  const { lastTimeMs } = state
  let groups = groupsOf(1024)
  let size = 0
  /** Group of a series plus one; room that is not used takes no memory. */
  const groupOf = new Int32Array(state.capacity)
  /** First group of a device plus one. */
  let heads = new Int32Array(options.deviceCount)
  /** Groups by instance, of devices with many. */
  const placesOf = new Map<number, Map<number, number[]>>()

  const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits)
  const anyOf = (group: number): number => groups.first[group]! + lowest(groups.members[group]!)

  /** Joins the other groups of its device; those of devices that nobody knows are not looked for. */
  const join = (group: number): void => {
    const device = registry.knownOf(anyOf(group))
    groups.next[group] = 0
    if (device < 0) return
    groups.next[group] = heads[device]!
    heads[device] = group + 1
    const places = placesOf.get(device)
    if (places !== undefined) note(places, group)
  }

  const note = (places: Map<number, number[]>, group: number): void => {
    const instance = registry.instanceNumber(anyOf(group))
    const there = places.get(instance)
    if (there === undefined) places.set(instance, [group])
    else there.push(group)
  }

  const eachOfPlace = (device: number, instance: number, act: (group: number) => void): void => {
    const places = placesOf.get(device)
    if (places !== undefined) {
      for (const group of places.get(instance) ?? []) act(group)
      return
    }
    let walked = 0
    for (let group = heads[device]! - 1; group >= 0; group = groups.next[group]! - 1) {
      walked++
      if (registry.instanceNumber(anyOf(group)) === instance) act(group)
    }
    if (walked <= walkedMax || placesOf.has(device)) return
    const found = new Map<number, number[]>()
    for (let group = heads[device]! - 1; group >= 0; group = groups.next[group]! - 1) note(found, group)
    placesOf.set(device, found)
  }

  const take = (first: number, members: number): number => {
    if (size === groups.first.length) groups = groupsOf(size * 2, groups)
    const group = size++
    groups.first[group] = first
    groups.members[group] = members
    return group
  }

  /** Whether a series that was never looked at is as all of a group are. */
  const fits = (group: number, series: number, rhythmMin: number): boolean => {
    const place = series - groups.first[group]!
    const { seenMs, changedMs, phase, rhythm } = groups
    return (
      place > 0 &&
      place < membersMax &&
      seenMs[group] === 0 &&
      changedMs[group] === 0 &&
      phase[group] === 0 &&
      rhythm[group] === 0 &&
      groups.rhythmMin[group] === rhythmMin &&
      registry.isSamePlace(anyOf(group), series)
    )
  }

  /** Some of a group become one of their own, which goes on from what was kept of them. */
  const split = (group: number, some: number): number => {
    const made = take(groups.first[group]!, some)
    groups.members[group]! &= ~some
    for (const kept of keptOf(groups)) kept[made] = kept[group]!
    join(made)
    for (let left = some; left !== 0; left &= left - 1) groupOf[groups.first[made]! + lowest(left)] = made + 1
    return made
  }

  return {
    get size() {
      return size
    },
    get kept() {
      return groups
    },
    add(series, rhythmMin) {
      // Series of one port are met one behind the other.
      const last = size - 1
      if (last >= 0 && fits(last, series, rhythmMin)) {
        groups.members[last]! |= 1 << (series - groups.first[last]!)
        groupOf[series] = last + 1
        return last
      }
      const group = take(series, 1)
      groups.rhythmMin[group] = rhythmMin
      groupOf[series] = group + 1
      join(group)
      return group
    },
    of: series => groupOf[series]! - 1,
    anyOf,
    eachSeries(group, act) {
      const first = groups.first[group]!
      for (let left = groups.members[group]!; left !== 0; left &= left - 1) act(first + lowest(left))
    },
    alone(series) {
      const group = groupOf[series]! - 1
      const own = (1 << (series - groups.first[group]!)) >>> 0
      return groups.members[group] === own ? group : split(group, own)
    },
    part(group) {
      const first = groups.first[group]!
      const members = groups.members[group]!
      const timeMs = lastTimeMs[first + lowest(members)]!
      let others = 0
      for (let left = members & (members - 1); left !== 0; left &= left - 1) {
        const place = lowest(left)
        if (lastTimeMs[first + place] !== timeMs) others |= 1 << place
      }
      return others === 0 ? -1 : split(group, others)
    },
    eachOfPlace,
    move(list, act) {
      act()
      for (const series of list) placesOf.delete(registry.knownOf(series))
    },
    reload(deviceCount) {
      heads = new Int32Array(deviceCount)
      placesOf.clear()
      for (let group = 0; group < size; group++) join(group)
    }
  }
}

type Numbers = Float64Array | Float32Array | Int32Array | Uint32Array | Uint8Array

const keptOf = (groups: Groups): readonly Numbers[] => [
  groups.seenMs,
  groups.changedMs,
  groups.shortestMs,
  groups.longestMs,
  groups.rhythm,
  groups.stops,
  groups.phase,
  groups.rhythmMin
]

function groupsOf(count: number, old?: Groups): Groups {
  const grown = <A extends { set(from: A): void }>(array: A, before: A | undefined): A => {
    if (before !== undefined) array.set(before)
    return array
  }
  return {
    first: grown(new Int32Array(count), old?.first as Int32Array<ArrayBuffer> | undefined),
    members: grown(new Uint32Array(count), old?.members as Uint32Array<ArrayBuffer> | undefined),
    seenMs: grown(new Float64Array(count), old?.seenMs as Float64Array<ArrayBuffer> | undefined),
    changedMs: grown(new Float64Array(count), old?.changedMs as Float64Array<ArrayBuffer> | undefined),
    shortestMs: grown(new Float32Array(count), old?.shortestMs as Float32Array<ArrayBuffer> | undefined),
    longestMs: grown(new Float32Array(count), old?.longestMs as Float32Array<ArrayBuffer> | undefined),
    rhythm: grown(new Uint8Array(count), old?.rhythm as Uint8Array<ArrayBuffer> | undefined),
    stops: grown(new Uint8Array(count), old?.stops as Uint8Array<ArrayBuffer> | undefined),
    phase: grown(new Uint8Array(count), old?.phase as Uint8Array<ArrayBuffer> | undefined),
    rhythmMin: grown(new Uint8Array(count), old?.rhythmMin as Uint8Array<ArrayBuffer> | undefined),
    next: grown(new Int32Array(count), old?.next as Int32Array<ArrayBuffer> | undefined)
  }
}
