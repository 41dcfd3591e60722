import { signals } from '../../schemas/signals.ts'
import type { EvaluatedMeasurement } from '../../schemas/records/decoded.ts'
import { setWords, type SharedState } from '../memory/shared-state.ts'

/**
 * Which series of an entity (a device's port, sensor or itself, by one measurement) stand side by side in the shared
 * state. A measurement may know dozens of signals of which a device sends a few, so series are made only for those that
 * its records really carry: first for the signals of the record it is met by; when a later record brings others, a second
 * span of neighbouring series for these; and when that is not enough, a third and last one for all that are left. A series
 * keeps its index until its device is forgotten. Which signals a span has is its set; sets are numbered, and shared by all workers.
 */

/** A measurement as an evaluator keeps it: its signals, and what it counts. Slots of one signal share one series. */
export interface KnownMeasurement {
  readonly info: EvaluatedMeasurement
  /** Index among the measurements. */
  readonly index: number
  /** Number of the set of all its signals: the same after a reload that leaves the measurement alone. */
  readonly number: number
  /** Its signals, each once. */
  readonly signals: readonly number[]
  /** Place of a slot's signal among them. */
  readonly positionOfSlot: Int32Array
  readonly noReadings: Float64Array
  /** Records of the task in hand that took the scanner. */
  scanned: number
}

/** Some signals of a measurement. */
export interface SeriesSet {
  readonly measurement: KnownMeasurement
  readonly number: number
  /** Series of a slot, counted from the span's first; -1 where the set is without its signal. */
  readonly seriesOfSlot: Int32Array
  /** Signals of the span's series, in their order. */
  readonly signals: readonly number[]
}

export interface SeriesSets {
  /** By index of the measurement. */
  readonly measurements: readonly KnownMeasurement[]
  /** The set with this number; undefined when it is of a measurement that is not known here. */
  set(number: number): SeriesSet | undefined
  /** The set of the signals that these slots give readings of; a larger one where there are too many sets. */
  setOf(measurement: KnownMeasurement, slots: readonly number[]): SeriesSet
}

/** A set of a measurement with more signals than its words have bits is always the whole of them. */
const signalsMax = 64

export function createSeriesSets(
  measurements: readonly EvaluatedMeasurement[],
  shared: SharedState
): SeriesSets {
  const known = measurements.map((info, index) => createMeasurement(info, index, shared))
  const measurementOfNumber = new Map(known.map(measurement => [measurement.number, measurement]))
  /** By number; grows as sets are met, whoever made them. */
  const sets: (SeriesSet | undefined)[] = []
  for (const measurement of known)
    sets[measurement.number] = createSet(measurement, measurement.number, () => true)
  const key = new Int32Array(setWords)
  const keyBytes = new Uint8Array(key.buffer)

  const set = (number: number): SeriesSet | undefined => {
    const met = sets[number]
    if (met !== undefined) return met
    const at = number * setWords
    const measurement = measurementOfNumber.get(shared.setMembers[at]! - 1)
    if (measurement === undefined) return undefined
    const words = [shared.setMembers[at + 1]!, shared.setMembers[at + 2]!]
    const made = createSet(
      measurement,
      number,
      position => ((words[position >>> 5]! >>> (position & 31)) & 1) === 1
    )
    sets[number] = made
    return made
  }

  return {
    measurements: known,
    set,
    setOf(measurement, slots) {
      const whole = sets[measurement.number]!
      if (measurement.signals.length > signalsMax) return whole
      // Bytes of 0xff stand in no text: the key is never taken for a measurement's.
      key[0] = -1 - measurement.number
      key[1] = key[2] = 0
      let positions = 0
      for (const slot of slots) {
        const position = measurement.positionOfSlot[slot]!
        const word = 1 + (position >>> 5)
        const bit = 1 << (position & 31)
        if ((key[word]! & bit) === 0) positions++
        key[word]! |= bit
      }
      if (positions === measurement.signals.length) return whole
      const number = shared.sets.insert(keyBytes, 0, keyBytes.length, () => {
        const taken = shared.takePartSet()
        if (taken < 0) return taken
        shared.setMembers.set([measurement.number + 1, key[1]!, key[2]!], taken * setWords)
        return taken
      })
      return number < 0 ? whole : set(number)!
    }
  }
}

function createSet(
  measurement: KnownMeasurement,
  number: number,
  has: (position: number) => boolean
): SeriesSet {
  const positions = measurement.signals.map((_, position) => position).filter(has)
  return {
    measurement,
    number,
    seriesOfSlot: measurement.positionOfSlot.map(position => positions.indexOf(position)),
    signals: positions.map(position => measurement.signals[position]!)
  }
}

function createMeasurement(info: EvaluatedMeasurement, index: number, shared: SharedState): KnownMeasurement {
  const distinct: number[] = []
  const positionOfSlot = Int32Array.from(info.slots, ({ signal }) => {
    const before = distinct.indexOf(signal)
    return before >= 0 ? before : distinct.push(signal) - 1
  })
  const names = distinct.map(signal => signals[signal]!.name)
  const identity = new TextEncoder().encode([info.profile, info.name, ...names].join('\0'))
  const number = shared.sets.insert(identity, 0, identity.length, shared.takeWholeSet)
  if (number < 0) {
    throw new RangeError('the profiles were reloaded with changed measurements too often; restart the daemon')
  }
  return {
    info,
    index,
    number,
    signals: distinct,
    positionOfSlot,
    noReadings: new Float64Array(info.slots.length),
    scanned: 0
  }
}
