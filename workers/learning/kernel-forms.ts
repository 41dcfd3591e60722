import { convert, convertText, timeUnits } from '../../schemas/records/convert.ts'
import { isUnreadable } from '../../schemas/records/readings.ts'
import { plainPath } from '../../schemas/records/formats/gnmic.ts'
import type { MeasurementPlan, Slot } from '../../schemas/records/plan.ts'
import { endedThreadsOf, type KernelMemory } from '../memory/kernel-memory.ts'
import { createLock } from '../memory/lock.ts'
import {
  codesCount,
  fieldsMax,
  formsEnd,
  formsLock,
  formsPlaces,
  formsRoots,
  formsSets,
  formsUsed,
  gnmic,
  measurementCountersMax,
  modeCodes,
  modeDbm,
  modeFlags,
  modeHuaweiSign,
  modeLinear,
  modeMains,
  modeMilliwatt,
  modeMilliwattOrDbm,
  modeScaled,
  placeChild,
  placeKeyLength,
  placeNext,
  placeParent,
  placeShapes,
  setFormat,
  setMeasurement,
  setSeriesOfSlot,
  setSlotBase,
  setsMax,
  setTimeUnit,
  shapeFlags,
  shapeIsSlow,
  shapeMayNameInstance,
  shapeSlotCount,
  shapeSlots,
  slotBecomes,
  slotBecomesCount,
  slotBytes,
  slotCodes,
  slotCountersMax,
  slotDiv,
  slotEarlier,
  slotEarlierCount,
  slotFalse,
  slotField,
  slotFlagCount,
  slotFlags,
  slotHasAllCodes,
  slotIndex,
  slotIsInvolved,
  slotIsTextNumber,
  slotMax,
  slotMeasurement,
  slotMin,
  slotMode,
  slotMul,
  slotOffset,
  slotSentinelCount,
  slotSentinels,
  slotsMax,
  slotTexts,
  slotTrue,
  slotZeroNeeds,
  textBytes,
  textLength,
  textNext,
  textValue,
  zabbix
} from '../memory/map.ts'
import { kernelFormats, numberOfKernelFormat } from './kernel-formats.ts'
import type { SeriesSet } from './series-sets.ts'

/**
 * What the kernel has learnt of how records are written: which field names follow one another (a tree of places), how a
 * measurement reads the fields of a place (shapes, with the conversions of their slots), what texts read as, which series
 * stand side by side (sets). It is shared by all threads and only grows: something is written completely, under a lock,
 * before one store shows it to the kernel. At a limit nothing more is learnt, and such records go the long way.
 */
export interface KernelForms {
  /** Learns the field name at `at`, behind `parent` (0 for the root of a format, whose number `at` then is). */
  learnPlace(parent: number, at: number, end: number): boolean
  learnShape(place: number, measurement: number): boolean
  /** Learns what the text [from..to) reads as in a slot of a shape. */
  learnText(slot: number, from: number, to: number): boolean
  learnSet(set: SeriesSet): boolean
  /** The names of the fields up to a place, as a record has them, without their values. */
  fieldsOf(place: number): Fields
  /** Whether the fields of a place leave it to the alias alone which measurement and instance a record is of. */
  isPlain(place: number, measurement: number): boolean
  /** Where the counters of a measurement's slots begin. */
  readonly slotBases: readonly number[]
}

export type Fields = Readonly<Record<string, null>>

/** Distinct field names in distinct places that are remembered, of each format. */
const placesMax = 4096
const siblingsMax = 64
const nameBytesMax = 256
/** Distinct texts of one slot, and the longest of them. */
const textsMax = 64
const textBytesMax = 64

const quote = 0x22
const colon = 0x3a
/** Printable ASCII but the backslash: stands for itself in JSON. */
const isPlainByte = (byte: number): boolean => byte >= 0x20 && byte < 0x7f && byte !== 0x5c

const modes: Readonly<Record<Slot['conversion'], number>> = {
  linear: modeScaled,
  milliwatt: modeMilliwatt,
  dbm: modeDbm,
  mw_or_dbm: modeMilliwattOrDbm,
  huawei_sign: modeHuaweiSign,
  mains_v: modeMains
}

export function createKernelForms(of: KernelMemory, measurements: readonly MeasurementPlan[]): KernelForms {
  const { memory, forms } = of
  let buffer = memory.buffer
  let bytes = new Uint8Array(buffer)
  let view = new DataView(buffer)
  const lock = createLock(new Int32Array(buffer, forms + formsLock, 1), 0, endedThreadsOf(of))
  const nameAt = placeShapes + measurements.length * 4
  const decoder = new TextDecoder()
  const slotBases: number[] = []
  let slotsBefore = 0
  for (const { slots } of measurements) {
    slotBases.push(slotsBefore)
    slotsBefore += slots.length
  }

  const u32 = (at: number): number => view.getUint32(at, true)
  const put = (at: number, value: number): void => view.setUint32(at, value, true)
  /** Shows what was written before to those who read the link. */
  const link = (at: number, value: number): void => {
    Atomics.store(new Uint32Array(buffer, at, 1), 0, value)
  }
  const text = (from: number, to: number): string => decoder.decode(bytes.slice(from, to))

  /** Views of the memory as it is now: records may lie where it has grown since. */
  const refresh = (): void => {
    if (buffer === memory.buffer) return
    buffer = memory.buffer
    bytes = new Uint8Array(buffer)
    view = new DataView(buffer)
  }

  const locked = (learn: () => boolean): boolean => {
    refresh()
    return lock.hold(learn)
  }

  /** Room in the forms, zeroed and at a multiple of 8; 0 when there is none. */
  const take = (size: number): number => {
    const at = Math.ceil(u32(forms + formsUsed) / 8) * 8
    if (at + size > u32(forms + formsEnd)) return 0
    put(forms + formsUsed, at + size)
    return at
  }
  const takeDoubles = (values: readonly number[]): number => {
    const at = take(values.length * 8)
    if (at !== 0) values.forEach((value, i) => view.setFloat64(at + i * 8, value, true))
    return at
  }

  /** The format whose tree a place is of. */
  const formatOf = (place: number): number => {
    let root = place
    while (u32(root + placeParent) !== 0) root = u32(root + placeParent)
    for (let format = 0; format < kernelFormats.length; format++)
      if (u32(forms + formsRoots + format * 4) === root) return format
    return -1
  }

  /** Names of the fields up to a place, as the reference decoder knows them. */
  const namesOf = (place: number): string[] => {
    const format = formatOf(place)
    if (format === zabbix) return ['value']
    const names: string[] = []
    for (let at = place; u32(at + placeParent) !== 0; at = u32(at + placeParent)) {
      const from = at + nameAt + 1
      const written = text(from, from + u32(at + placeKeyLength) - 3)
      names.push(format === gnmic ? plainPath(written) : written)
    }
    return names.reverse()
  }

  /** A place with the key [from..from + length). */
  const makePlace = (parent: number, from: number, length: number): number => {
    const place = take(nameAt + length + 8)
    if (place === 0) return 0
    put(place + placeKeyLength, length)
    put(place + placeParent, parent)
    bytes.copyWithin(place + nameAt, from, from + length)
    return place
  }

  const learnRoot = (format: number): boolean => {
    const at = forms + formsRoots + format * 4
    if (u32(at) !== 0) return true
    const root = makePlace(0, 0, 0)
    if (root === 0) return false
    link(at, root)
    return true
  }

  const learnPlace = (parent: number, at: number, end: number): boolean => {
    if (parent === 0) return learnRoot(at)
    if (bytes[at] !== quote) return false
    let nameEnd = at + 1
    for (; nameEnd < end && bytes[nameEnd] !== quote; nameEnd++)
      if (!isPlainByte(bytes[nameEnd]!)) return false
    const length = nameEnd + 2 - at
    if (nameEnd + 1 >= end || bytes[nameEnd + 1] !== colon) return false
    // A name without a letter is rare enough for the long way.
    if (length < 4 || length > nameBytesMax) return false
    const format = formatOf(parent)
    const count = forms + formsPlaces + format * 4
    let siblings = 0
    let last = 0
    for (let child = u32(parent + placeChild); child !== 0; child = u32(child + placeNext)) {
      // Another thread has learnt it meanwhile.
      if (u32(child + placeKeyLength) === length && isSame(child + nameAt, at, length)) return true
      siblings++
      last = child
    }
    if (format < 0 || siblings >= siblingsMax || u32(count) >= placesMax) return false
    const written = text(at + 1, nameEnd)
    const before = namesOf(parent)
    // Of a field given twice the last counts.
    if (before.length >= fieldsMax || before.includes(format === gnmic ? plainPath(written) : written))
      return false
    const place = makePlace(parent, at, length)
    if (place === 0) return false
    put(count, u32(count) + 1)
    link(last === 0 ? parent + placeChild : last + placeNext, place)
    return true
  }

  const isSame = (a: number, b: number, length: number): boolean => {
    for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false
    return true
  }

  const mayNameInstance = (names: readonly string[], plan: MeasurementPlan): boolean =>
    plan.instance.some(({ tag }) => names.includes(tag))

  /** Slots that have a field here, or undefined where only the reference decoder can read them. */
  const slotsOf = (names: readonly string[], plan: MeasurementPlan): [number, Slot][] | undefined => {
    if (plan.slots.length > slotsMax || names.some(name => plan.linkedKeys.has(name))) return undefined
    const base = slotBases[plan.index]!
    if (base + plan.slots.length > slotCountersMax || plan.index >= measurementCountersMax) return undefined
    const slots = [...plan.slots.entries()].filter(([, slot]) => names.includes(slot.field))
    // Without a field that it knows, the measurement does not match at all.
    return slots.length === 0 || slots.some(([, slot]) => slot.sensor !== undefined) ? undefined : slots
  }

  const learnShape = (place: number, measurement: number): boolean => {
    const plan = measurements[measurement]
    if (plan === undefined) return false
    const at = place + placeShapes + measurement * 4
    if (u32(at) !== 0) return true
    const names = namesOf(place)
    const slots = slotsOf(names, plan)
    const shape = take(shapeSlots + (slots?.length ?? 0) * slotBytes)
    if (shape === 0) return false
    // A canonical record without a signal that is known is to be told of.
    const isSlow = slots === undefined || (slots.length === 0 && plan.format === 'canonical')
    put(
      shape + shapeFlags,
      (isSlow ? shapeIsSlow : 0) | (mayNameInstance(names, plan) ? shapeMayNameInstance : 0)
    )
    put(shape + shapeSlotCount, slots?.length ?? 0)
    for (const [i, [index, slot]] of (slots ?? []).entries()) {
      const of = shape + shapeSlots + i * slotBytes
      put(of + slotIndex, index)
      put(of + slotField, names.indexOf(slot.field))
      put(of + slotMeasurement, measurement)
      if (!putSlot(of, slot)) return false
    }
    link(at, shape)
    return true
  }

  /** Writes the conversion of a slot. */
  const putSlot = (at: number, slot: Slot): boolean => {
    const double = (offset: number, value: number): void => view.setFloat64(at + offset, value, true)
    const list = (countAt: number, listAt: number, values: readonly number[]): boolean => {
      if (values.length === 0) return true
      const place = takeDoubles(values)
      put(at + countAt, values.length)
      put(at + listAt, place)
      return place !== 0
    }
    const isNumber = slot.text === 'number' && slot.names === undefined && slot.flags === undefined
    const changing = (slot.becomes ?? []).map(({ from }) => from)
    const isInvolved =
      slot.sentinels.length + changing.length + slot.earlier.length > 0 || slot.zeroNeeds !== undefined
    const hasAllCodes = [...(slot.codes?.keys() ?? [])].every(code => code >= 0 && code < codesCount)
    put(
      at + slotFlags,
      (isNumber ? slotIsTextNumber : 0) |
        (slot.zeroNeeds === undefined ? 0 : slotZeroNeeds) |
        (hasAllCodes ? slotHasAllCodes : 0) |
        (isInvolved ? slotIsInvolved : 0)
    )
    let mode = modes[slot.conversion]
    if (slot.codes !== undefined) mode = modeCodes
    else if (slot.flags !== undefined) mode = modeFlags
    else if (mode === modeScaled && slot.mul === 1 && slot.div === 1) mode = modeLinear
    put(at + slotMode, mode)
    double(slotMul, slot.mul)
    double(slotDiv, slot.div)
    double(slotOffset, slot.offset)
    double(slotMin, slot.min)
    double(slotMax, slot.max)
    double(slotTrue, slot.names?.get('true') ?? Infinity)
    double(slotFalse, slot.names?.get('false') ?? Infinity)
    if (mode === modeCodes) {
      const codes = takeDoubles(Array.from({ length: codesCount }, (_, raw) => convert(slot, raw)))
      if (codes === 0) return false
      put(at + slotCodes, codes)
    }
    if (slot.codes === undefined && slot.flags !== undefined) {
      const flags = slot.flags.flatMap(({ bit, code }) => [bit, code])
      if (!list(slotFlagCount, slotCodes, flags)) return false
      put(at + slotFlagCount, slot.flags.length)
    }
    if (!list(slotSentinelCount, slotSentinels, slot.sentinels)) return false
    if (!list(slotBecomesCount, slotBecomes, changing)) return false
    if (slot.earlier.length === 0) return true
    const earlier = take(slot.earlier.length * 4)
    if (earlier === 0) return false
    slot.earlier.forEach((index, i) => put(earlier + i * 4, index))
    put(at + slotEarlierCount, slot.earlier.length)
    put(at + slotEarlier, earlier)
    return true
  }

  const learnText = (of: number, from: number, to: number): boolean => {
    const slot = measurements[u32(of + slotMeasurement)]?.slots[u32(of + slotIndex)]
    const length = to - from
    if (slot === undefined || length > textBytesMax) return false
    let count = 0
    let last = of + slotTexts
    for (let known = u32(last); known !== 0; known = u32(known + textNext)) {
      if (u32(known + textLength) === length && isSame(known + textBytes, from, length)) return true
      count++
      last = known + textNext
    }
    if (count >= textsMax) return false
    const made = take(textBytes + length + 8)
    if (made === 0) return false
    put(made + textLength, length)
    view.setFloat64(made + textValue, told(slot, text(from, to)), true)
    bytes.copyWithin(made + textBytes, from, to)
    link(last, made)
    return true
  }

  const learnSet = ({ number, measurement, seriesOfSlot }: SeriesSet): boolean => {
    const plan = measurements[measurement.index]
    if (plan === undefined || number >= setsMax) return false
    const format = numberOfKernelFormat(plan.format)
    if (format < 0) return false
    const at = forms + formsSets + number * 4
    if (u32(at) !== 0) return true
    const set = take(setSeriesOfSlot + seriesOfSlot.length * 4)
    if (set === 0) return false
    put(set + setMeasurement, plan.index)
    put(set + setFormat, format)
    put(set + setTimeUnit, timeUnits.indexOf(plan.time))
    put(set + setSlotBase, slotBases[plan.index]!)
    seriesOfSlot.forEach((series, slot) => view.setInt32(set + setSeriesOfSlot + slot * 4, series, true))
    link(at, set)
    return true
  }

  const isPlainPlace = (place: number, measurement: number): boolean => {
    refresh()
    const plan = measurements[measurement]
    if (plan === undefined || place === 0) return false
    const names = namesOf(place)
    return slotsOf(names, plan) !== undefined && !mayNameInstance(names, plan)
  }
  /** What isPlain() and fieldsOf() have said, by place and measurement and by place: they are asked for every alias. */
  const plain = new Map<number, boolean>()
  const fields = new Map<number, Fields>()

  return {
    slotBases,
    learnPlace: (parent, at, end) => locked(() => learnPlace(parent, at, end)),
    learnShape: (place, measurement) => locked(() => learnShape(place, measurement)),
    learnText: (slot, from, to) => locked(() => learnText(slot, from, to)),
    learnSet: set => locked(() => learnSet(set)),
    fieldsOf(place) {
      let known = fields.get(place)
      if (known === undefined) {
        refresh()
        known = Object.fromEntries(namesOf(place).map(name => [name, null]))
        fields.set(place, known)
      }
      return known
    },
    isPlain(place, measurement) {
      const key = place * measurements.length + measurement
      let isPlain = plain.get(key)
      if (isPlain === undefined) {
        isPlain = isPlainPlace(place, measurement)
        plain.set(key, isPlain)
      }
      return isPlain
    }
  }
}

/** What a text reads as; infinite where it is nothing that a source has for "no reading". */
function told(slot: Slot, text: string): number {
  const value = convertText(slot, text)
  return Number.isNaN(value) && isUnreadable(slot, text) ? Infinity : value
}
