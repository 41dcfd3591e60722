import { convert, convertText, toTimeMs } from '../schemas/convert.ts'
import type { DecodePolicy } from '../schemas/decode.ts'
import type { CodeTest, MeasurementPlan, Slot } from '../schemas/profile.ts'
import {
  ascii,
  closingBrace,
  comma,
  dot,
  exactDigits,
  isPlain,
  latin1,
  matches,
  minus,
  quote,
  wholeNumber,
  zero
} from './scan-bytes.ts'

/**
 * The fields of a record, scanned in place, and what a measurement reads of them. The sequence of a record's field names is
 * one of few, so it is followed along a tree of names seen before, each compared as bytes; each place of the tree knows
 * how a measurement reads the fields up to there.
 */
export interface FieldReader {
  /** A tree of names of its own; `nameOf` gives the name that the reference decoder knows a field by. */
  root(nameOf?: (written: string) => string): Place
  /** Scans `"name":value,…}` at bytes[at..to); where the brace is, or -1. */
  scanFields(root: Place, bytes: Uint8Array, at: number, to: number): number
  /** Scans one value, of the field that `place` (of `only`) is of; where it ends, or -1. */
  scanOnly(place: Place, bytes: Uint8Array, at: number, to: number): number
  /** The place of a record that has this field and no other. */
  only(name: string): Place
  /**
   * Readings of the fields scanned last by a measurement, into `slots`, `values` and `noReadings`; false leaves the record
   * to the reference decoder. `rawTime` is the record's, in the measurement's unit, or in ms where `isTimeMs`. `nowMs` judges
   * the clock; `isWithoutInstance` says that the alias names no instance, where a field might.
   */
  read(
    plan: MeasurementPlan,
    rawTime: number,
    isTimeMs: boolean,
    nowMs: number,
    isWithoutInstance: boolean
  ): boolean
  readonly timeMs: number
  readonly readings: number
  readonly slots: Int32Array
  readonly values: Float64Array
  readonly noReadingCount: number
  readonly noReadings: Int32Array
}

/** Fields of one record that are looked at; a record with more goes the long way. */
const fieldsMax = 64
const slotsMax = 128
/** Distinct field names in distinct places that are remembered, of each format. */
const namesMax = 4096
const siblingsMax = 64

const isNumber = 0
const isText = 1
const isTrue = 2
const isFalse = 3
const isNull = 4

const literals = [
  { kind: isTrue, bytes: ascii('true') },
  { kind: isFalse, bytes: ascii('false') },
  { kind: isNull, bytes: ascii('null') }
]

/** A place in the tree of field names: the names on the way here came in this order. */
export interface Place {
  /** `"name":` as bytes. */
  readonly key: Uint8Array
  /** Names seen next after this one, the last one that matched first. */
  readonly next: Place[]
  /** The fields up to here as one measurement reads them, by its index. */
  readonly shapes: (Shape | undefined)[]
  readonly names: readonly string[]
  readonly tree: Tree
}

/** What the places of one tree share. */
interface Tree {
  /** The name that the reference decoder knows a field by. */
  readonly nameOf: (written: string) => string
  placeCount: number
}

/** How a measurement reads a sequence of fields. */
interface Shape {
  /** Something of it only the reference decoder does. */
  readonly isSlow: boolean
  /** Ascending, as the reference decoder goes. */
  readonly slots: readonly ShapeSlot[]
  /** Some slot depends on what another one reads. */
  readonly isLinked: boolean
  /** One of the fields may name the instance, where no tag does. */
  readonly mayNameInstance: boolean
}

interface ShapeSlot {
  readonly index: number
  readonly field: number
  readonly slot: Slot
  /** Plain arithmetic: no table, no sentinel. */
  readonly isLinear: boolean
  /** Codes 0..63 of an enumeration without sentinels: canonical code or NaN. */
  readonly codes: Float64Array | undefined
}

/** 10^k is exact in a double up to k = 22, so one division rounds as JSON.parse does. */
const powersOfTen = Float64Array.from({ length: 23 }, (_, k) => 10 ** k)
export function createFieldReader(policy: DecodePolicy): FieldReader {
  let place = newRoot([], name => name)
  let buffer: Uint8Array = new Uint8Array(0)
  let fieldCount = 0
  const kinds = new Uint8Array(fieldsMax)
  const numbers = new Float64Array(fieldsMax)
  const textFrom = new Int32Array(fieldsMax)
  const textTo = new Int32Array(fieldsMax)
  const slots = new Int32Array(slotsMax)
  const values = new Float64Array(slotsMax)
  const noReadings = new Int32Array(slotsMax)
  let at = 0
  let number = 0

  const out = {
    root: (nameOf = (written: string) => written) => newRoot([], nameOf),
    only: (name: string) => newRoot([name], written => written),
    scanFields,
    scanOnly,
    read,
    timeMs: 0,
    readings: 0,
    slots,
    values,
    noReadingCount: 0,
    noReadings
  }

  function scanFields(root: Place, bytes: Uint8Array, from: number, to: number): number {
    buffer = bytes
    place = root
    fieldCount = 0
    at = from
    for (;;) {
      const next = step(bytes, to)
      if (next === undefined || fieldCount === fieldsMax) return -1
      place = next
      at += next.key.length
      if (!scanValue(bytes, to)) return -1
      fieldCount++
      const byte = bytes[at]
      if (byte === comma) at++
      else if (byte === closingBrace) return at
      else return -1
    }
  }

  function scanOnly(of: Place, bytes: Uint8Array, from: number, to: number): number {
    buffer = bytes
    place = of
    fieldCount = 0
    at = from
    return scanValue(bytes, to) ? at : -1
  }

  /** The place of the field name at `at`; new names are remembered within limits. */
  function step(bytes: Uint8Array, to: number): Place | undefined {
    const { next } = place
    for (let i = 0; i < next.length; i++) {
      const candidate = next[i]!
      if (matches(bytes, at, candidate.key)) return candidate
    }
    return learn(bytes, to)
  }

  function learn(bytes: Uint8Array, to: number): Place | undefined {
    if (bytes[at] !== quote || place.tree.placeCount >= namesMax || place.next.length >= siblingsMax)
      return undefined
    let end = at + 1
    for (; end < to && bytes[end] !== quote; end++) if (!isPlain(bytes[end]!)) return undefined
    if (end + 1 >= to || bytes[end + 1] !== 0x3a) return undefined
    const name = place.tree.nameOf(latin1(bytes, at + 1, end))
    // Of a field given twice the last counts; that is rare enough for the long way.
    if (place.names.includes(name)) return undefined
    place.tree.placeCount++
    const learned = newPlace(bytes.slice(at, end + 2), [...place.names, name], place.tree)
    place.next.push(learned)
    return learned
  }

  /** A number, a text without escapes, or true, false or null; `at` is left behind it. */
  function scanValue(bytes: Uint8Array, to: number): boolean {
    if (bytes[at] !== quote) {
      if (!scanNumber(bytes, to)) return scanLiteral(bytes)
      kinds[fieldCount] = isNumber
      numbers[fieldCount] = number
      return true
    }
    const start = ++at
    for (; at < to && bytes[at] !== quote; at++) if (!isPlain(bytes[at]!)) return false
    if (at >= to) return false
    kinds[fieldCount] = isText
    textFrom[fieldCount] = start
    textTo[fieldCount] = at++
    return true
  }

  function scanLiteral(bytes: Uint8Array): boolean {
    for (const literal of literals) {
      if (!matches(bytes, at, literal.bytes)) continue
      kinds[fieldCount] = literal.kind
      at += literal.bytes.length
      return true
    }
    return false
  }

  /** A JSON number without exponent, into `number`, the same double that JSON.parse gives. */
  function scanNumber(bytes: Uint8Array, to: number): boolean {
    const start = at
    let i = at
    const isNegative = bytes[i] === minus
    if (isNegative) i++
    const first = i
    let mantissa = 0
    let byte = bytes[i]!
    while (byte >= zero && byte <= zero + 9) {
      mantissa = mantissa * 10 + (byte - zero)
      byte = bytes[++i]!
    }
    let digits = i - first
    // No digit at all, or a leading zero.
    if (digits === 0 || (digits > 1 && bytes[first] === zero)) return false
    let decimals = 0
    if (byte === dot) {
      const point = i
      byte = bytes[++i]!
      while (byte >= zero && byte <= zero + 9) {
        mantissa = mantissa * 10 + (byte - zero)
        byte = bytes[++i]!
      }
      decimals = i - point - 1
      digits += decimals
      if (decimals === 0) return false
    }
    // What is behind must end the value; an exponent does not.
    if (i >= to || (byte !== comma && byte !== closingBrace && byte !== quote)) return false
    at = i
    if (digits > exactDigits) {
      if (decimals > 0) number = Number(latin1(bytes, start, i))
      else number = isNegative ? -wholeNumber(bytes, first, i) : wholeNumber(bytes, first, i)
      return true
    }
    const magnitude = decimals === 0 ? mantissa : mantissa / powersOfTen[decimals]!
    number = isNegative ? -magnitude : magnitude
    return true
  }

  function read(
    plan: MeasurementPlan,
    rawTime: number,
    isTimeMs: boolean,
    nowMs: number,
    isWithoutInstance: boolean
  ): boolean {
    const timeMs = isTimeMs ? rawTime : toTimeMs(rawTime, plan.time)
    // Absurd, too old, or from the future: the reference decoder says what becomes of it.
    if (!(timeMs >= nowMs - policy.pastMsMax && timeMs <= nowMs + policy.futureMsMax)) return false
    out.timeMs = timeMs
    const shape = place.shapes[plan.index] ?? compileShape(place, plan)
    if (shape.isSlow || (isWithoutInstance && shape.mayNameInstance)) return false
    let readings = 0
    let noReadingCount = 0
    for (let i = 0; i < shape.slots.length; i++) {
      const shapeSlot = shape.slots[i]!
      if (shapeSlot.slot.earlier.length > 0 && isRead(shapeSlot.slot.earlier, readings)) continue
      const value = valueOf(shapeSlot)
      if (Number.isNaN(value)) {
        noReadings[noReadingCount++] = shapeSlot.index
      } else {
        slots[readings] = shapeSlot.index
        values[readings++] = value
      }
    }
    out.readings = readings
    out.noReadingCount = noReadingCount
    if (shape.isLinked && needsLinking(plan, readings)) link(plan)
    return true
  }

  const isRead = (earlier: readonly number[], readings: number): boolean => {
    for (let i = 0; i < readings; i++) if (earlier.includes(slots[i]!)) return true
    return false
  }

  function valueOf({ field, slot, isLinear, codes }: ShapeSlot): number {
    if (kinds[field] !== isNumber) {
      if (kinds[field] === isText) return valueOfText(slot, textFrom[field]!, textTo[field]!)
      return kinds[field] === isNull ? NaN : (slot.names?.get(String(kinds[field] === isTrue)) ?? NaN)
    }
    const raw = numbers[field]!
    if (isLinear) {
      const value = (raw * slot.mul) / slot.div + slot.offset
      return value >= slot.min && value <= slot.max && raw - raw === 0 ? value : NaN
    }
    if (codes !== undefined && raw >= 0 && raw < codes.length && Number.isInteger(raw)) return codes[raw]!
    return convert(slot, raw)
  }

  /** A plain decimal number as text is read in place, everything else as the reference decoder does. */
  function valueOfText(slot: Slot, from: number, to: number): number {
    if (slot.text === 'number' && slot.names === undefined && slot.flags === undefined && to > from) {
      const before = at
      at = from
      // The quote behind the text ends the number.
      const isWhole = scanNumber(buffer, to + 1) && at === to
      at = before
      if (isWhole && to - from <= exactDigits) return convert(slot, number)
    }
    return convertText(slot, latin1(buffer, from, to))
  }

  /** Mostly no reading is one that depends on others; then nothing is to be done. */
  function needsLinking(plan: MeasurementPlan, readings: number): boolean {
    for (let i = 0; i < readings; i++) {
      const { zeroNeeds, becomes } = plan.slots[slots[i]!]!
      if (zeroNeeds !== undefined && values[i] === 0) return true
      if (becomes !== undefined && becomes.some(rule => rule.from === values[i])) return true
    }
    return false
  }

  /** Readings that depend on others: zero that is believed only in some states, states that mean something else. */
  function link(plan: MeasurementPlan): void {
    const holds = (test: CodeTest): boolean => {
      for (let i = 0; i < total; i++) {
        if (plan.slots[slots[i]!]!.signal === test.signal) return test.codes.includes(before[i]!)
      }
      return false
    }
    const total = out.readings
    const before = values.slice(0, total)
    let kept = 0
    const dropped: number[] = []
    const result: [number, number][] = []
    for (let i = 0; i < total; i++) {
      const index = slots[i]!
      const slot = plan.slots[index]!
      if (slot.zeroNeeds !== undefined && before[i] === 0 && !slot.zeroNeeds.some(holds)) {
        dropped.push(index)
        continue
      }
      const becomes = slot.becomes?.find(rule => rule.from === before[i] && rule.when.every(holds))
      result.push([index, becomes === undefined ? before[i]! : becomes.to])
    }
    for (const [index, value] of result) {
      slots[kept] = index
      values[kept++] = value
    }
    out.readings = kept
    for (const index of dropped) noReadings[out.noReadingCount++] = index
  }

  return out
}

const newPlace = (key: Uint8Array, names: readonly string[], tree: Tree): Place => ({
  key,
  next: [],
  shapes: [],
  names,
  tree
})

const newRoot = (names: readonly string[], nameOf: (written: string) => string): Place =>
  newPlace(new Uint8Array(0), names, { nameOf, placeCount: 0 })

function compileShape(place: Place, plan: MeasurementPlan): Shape {
  const shape = shapeOf(place, plan)
  place.shapes[plan.index] = shape
  return shape
}

function shapeOf(place: Place, plan: MeasurementPlan): Shape {
  const slow: Shape = { isSlow: true, slots: [], isLinked: false, mayNameInstance: false }
  if (plan.slots.length > slotsMax || place.names.some(name => plan.linkedKeys.has(name))) return slow
  const slots: ShapeSlot[] = []
  for (const [index, slot] of plan.slots.entries()) {
    const field = place.names.indexOf(slot.field)
    if (field < 0) continue
    if (slot.sensor !== undefined) return slow
    const isPlainNumber = slot.codes === undefined && slot.flags === undefined && slot.sentinels.length === 0
    slots.push({
      index,
      field,
      slot,
      isLinear: isPlainNumber && slot.conversion === 'linear',
      codes:
        slot.codes !== undefined && slot.sentinels.length === 0
          ? Float64Array.from({ length: 64 }, (_, raw) => convert(slot, raw))
          : undefined
    })
  }
  // Without a field that it knows, the measurement does not match at all.
  if (slots.length === 0) return slow
  const isLinked = slots.some(({ slot }) => slot.zeroNeeds !== undefined || slot.becomes !== undefined)
  const mayNameInstance = plan.instance.some(({ tag }) => place.names.includes(tag))
  return { isSlow: false, slots, isLinked, mayNameInstance }
}
