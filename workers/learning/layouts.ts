import { signals } from '../../schemas/signals.ts'
import type { EvaluatedMeasurement } from '../../schemas/records/decoded.ts'
import { setWords, type SharedState } from '../memory/shared-state.ts'

/**
 * Which series of an entity (a device's port, sensor or itself, by one measurement) stand side by side in the shared
 * state. A measurement may know dozens of signals of which a device sends a few, so series are made only for those that
 * its records really carry: first for the signals of the record it is met by; when a later record brings others, a second
 * run of neighbouring series for these; and when that is not enough, a third and last one for all that are left. A series
 * keeps its index for ever. Which signals a run has is its set; sets are numbered, and shared by all workers.
 */

/** A measurement as an evaluator keeps it. Slots of one signal share one series. */
export interface Layout {
  readonly info: EvaluatedMeasurement
  /** Index among the measurements. */
  readonly index: number
  /** Number of the set of all its signals: the same after a reload that leaves the measurement alone. */
  readonly number: number
  /** Its signals, each once. */
  readonly signals: readonly number[]
  /** Place of a slot's signal among them. */
  readonly placeOfSlot: Int32Array
  readonly noReadings: Float64Array
  /** Records of the task in hand that took the scanner. */
  scanned: number
}

/** Some signals of a layout. */
export interface SeriesSet {
  readonly layout: Layout
  readonly number: number
  /** Series of a slot, counted from the run's first; -1 where the set is without its signal. */
  readonly seriesOfSlot: Int32Array
  /** Signals of the run's series, in their order. */
  readonly signals: readonly number[]
}

export interface Layouts {
  /** By index of the measurement. */
  readonly all: readonly Layout[]
  /** The set with this number; undefined when it is of a measurement that is not known here. */
  set(number: number): SeriesSet | undefined
  /** The set of the signals that these slots give readings of; a larger one where there are too many sets. */
  setOf(layout: Layout, slots: readonly number[]): SeriesSet
}

/** A set of a layout with more signals than its words have bits is always the whole of them. */
const placesMax = 64

export function createLayouts(measurements: readonly EvaluatedMeasurement[], shared: SharedState): Layouts {
  const all = measurements.map((info, index) => createLayout(info, index, shared))
  const layoutOfNumber = new Map(all.map(layout => [layout.number, layout]))
  /** By number; grows as sets are met, whoever made them. */
  const sets: (SeriesSet | undefined)[] = []
  for (const layout of all) sets[layout.number] = createSet(layout, layout.number, () => true)
  const key = new Int32Array(setWords)
  const keyBytes = new Uint8Array(key.buffer)

  const set = (number: number): SeriesSet | undefined => {
    const known = sets[number]
    if (known !== undefined) return known
    const at = number * setWords
    const layout = layoutOfNumber.get(shared.layoutSets[at]! - 1)
    if (layout === undefined) return undefined
    const words = [shared.layoutSets[at + 1]!, shared.layoutSets[at + 2]!]
    const made = createSet(layout, number, place => ((words[place >>> 5]! >>> (place & 31)) & 1) === 1)
    sets[number] = made
    return made
  }

  return {
    all,
    set,
    setOf(layout, slots) {
      const whole = sets[layout.number]!
      if (layout.signals.length > placesMax) return whole
      // Bytes of 0xff stand in no text: the key is never taken for a layout's.
      key[0] = -1 - layout.number
      key[1] = key[2] = 0
      let places = 0
      for (const slot of slots) {
        const place = layout.placeOfSlot[slot]!
        const word = 1 + (place >>> 5)
        const bit = 1 << (place & 31)
        if ((key[word]! & bit) === 0) places++
        key[word]! |= bit
      }
      if (places === layout.signals.length) return whole
      const number = shared.layouts.insert(keyBytes, 0, keyBytes.length, () => {
        const taken = shared.takeSet()
        if (taken < 0) return taken
        shared.layoutSets.set([layout.number + 1, key[1]!, key[2]!], taken * setWords)
        return taken
      })
      return number < 0 ? whole : set(number)!
    }
  }
}

function createSet(layout: Layout, number: number, has: (place: number) => boolean): SeriesSet {
  const places = layout.signals.map((_, place) => place).filter(has)
  return {
    layout,
    number,
    seriesOfSlot: layout.placeOfSlot.map(place => places.indexOf(place)),
    signals: places.map(place => layout.signals[place]!)
  }
}

function createLayout(info: EvaluatedMeasurement, index: number, shared: SharedState): Layout {
  const distinct: number[] = []
  const placeOfSlot = Int32Array.from(info.slots, ({ signal }) => {
    const known = distinct.indexOf(signal)
    return known >= 0 ? known : distinct.push(signal) - 1
  })
  const names = distinct.map(signal => signals[signal]!.name)
  const identity = new TextEncoder().encode([info.profile, info.name, ...names].join('\0'))
  const number = shared.layouts.insert(identity, 0, identity.length, shared.takeLayout)
  if (number < 0) {
    throw new RangeError('the profiles were reloaded with changed measurements too often; restart the daemon')
  }
  return {
    info,
    index,
    number,
    signals: distinct,
    placeOfSlot,
    noReadings: new Float64Array(info.slots.length),
    scanned: 0
  }
}
