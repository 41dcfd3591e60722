import { convert, convertText, toTimeMs } from '../schemas/convert.ts'
import type { DecodePolicy } from '../schemas/decode.ts'
import type { CodeTest, MeasurementPlan, Slot } from '../schemas/profile.ts'
import {
  closingBrace,
  comma,
  digitZeros,
  dot,
  exactDigits,
  expected,
  expectedBytes,
  fourDigits,
  isPlain,
  latin1,
  leadingDigits,
  matches,
  minus,
  powersOfTen,
  quote,
  wholeNumber,
  zero,
  type Expected
} from './scan-bytes.ts'

/**
 * The fields of a record, scanned in place, and what a measurement reads of them. The sequence of a record's field names is
 * one of few, so it is followed along a tree of names seen before, each compared as bytes; each place of the tree knows
 * how a measurement reads the fields up to there.
 */
export interface FieldReader {
  /** A tree of names of its own; `nameOf` gives the name that the reference decoder knows a field by. */
  root(nameOf?: (written: string) => string): Place
  /** Scans `"name":value,…}` at bytes[at..to); where the brace is, or -1. `view` is over the same bytes. */
  scanFields(root: Place, bytes: Uint8Array, view: DataView, at: number, to: number): number
  /** Scans one value, of the field that `place` (of `only`) is of; where it ends, or -1. */
  scanOnly(place: Place, bytes: Uint8Array, view: DataView, at: number, to: number): number
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
/** A text that is a number and nothing else. */
const isNumberText = 2
const isTrue = 3
const isFalse = 4
const isNull = 5

const literals = [
  { kind: isTrue, text: expected('true') },
  { kind: isFalse, text: expected('false') },
  { kind: isNull, text: expected('null') }
]

/** A place in the tree of field names: the names on the way here came in this order. */
export interface Place {
  /** `"name":` as bytes. */
  readonly key: Expected
  /** Names seen next after this one, in the order they were met. */
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
  /** One of the fields may name the instance, where no tag does. */
  readonly mayNameInstance: boolean
}

interface ShapeSlot {
  readonly index: number
  readonly field: number
  readonly slot: Slot
  /** Plain arithmetic: no table, no sentinel. The slot's own numbers, here to be found at once. */
  readonly isLinear: boolean
  readonly isScaled: boolean
  readonly mul: number
  readonly div: number
  readonly offset: number
  readonly min: number
  readonly max: number
  /** A text that is a number is read as that number. */
  readonly isTextNumber: boolean
  /** Slots before it may have given the reading already. */
  readonly hasEarlier: boolean
  /** What it reads may depend on another slot's reading. */
  readonly isLinked: boolean
  /** Codes 0..63 of an enumeration without sentinels: canonical code or NaN. */
  readonly codes: Float64Array | undefined
}

export function createFieldReader(policy: DecodePolicy): FieldReader {
  let place = newRoot([], name => name)
  let buffer: Uint8Array = new Uint8Array(0)
  const kinds = new Uint8Array(fieldsMax)
  const numbers = new Float64Array(fieldsMax)
  const textFrom = new Int32Array(fieldsMax)
  const textTo = new Int32Array(fieldsMax)
  const slots = new Int32Array(slotsMax)
  const values = new Float64Array(slotsMax)
  const noReadings = new Int32Array(slotsMax)

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

  function scanFields(root: Place, bytes: Uint8Array, view: DataView, from: number, to: number): number {
    buffer = bytes
    let here = root
    let at = from
    for (let field = 0; field < fieldsMax; field++) {
      const next = step(here, bytes, view, at, to)
      if (next === undefined) return -1
      here = next
      at = scanValue(bytes, view, at + next.key.length, to, field)
      if (at < 0) return -1
      const byte = bytes[at]
      if (byte === comma) at++
      else if (byte === closingBrace) {
        place = here
        return at
      } else return -1
    }
    return -1
  }

  function scanOnly(of: Place, bytes: Uint8Array, view: DataView, from: number, to: number): number {
    buffer = bytes
    place = of
    return scanValue(bytes, view, from, to, 0)
  }

  /** The place of the field name at `at`; new names are remembered within limits. */
  function step(here: Place, bytes: Uint8Array, view: DataView, at: number, to: number): Place | undefined {
    const { next } = here
    for (let i = 0; i < next.length; i++) {
      const candidate = next[i]!
      if (matches(view, at, to, candidate.key)) return candidate
    }
    return learn(here, bytes, at, to)
  }

  function learn(here: Place, bytes: Uint8Array, at: number, to: number): Place | undefined {
    if (bytes[at] !== quote || here.tree.placeCount >= namesMax || here.next.length >= siblingsMax)
      return undefined
    let end = at + 1
    for (; end < to && bytes[end] !== quote; end++) if (!isPlain(bytes[end]!)) return undefined
    if (end + 1 >= to || bytes[end + 1] !== 0x3a) return undefined
    const name = here.tree.nameOf(latin1(bytes, at + 1, end))
    // Of a field given twice the last counts; that is rare enough for the long way, as is a name without a letter.
    const key = expectedBytes(bytes.slice(at, end + 2))
    if (key === undefined || here.names.includes(name)) return undefined
    here.tree.placeCount++
    const learned = newPlace(key, [...here.names, name], here.tree)
    here.next.push(learned)
    return learned
  }

  /** A number, a text without escapes, or true, false or null; where it ends, or -1. */
  function scanValue(bytes: Uint8Array, view: DataView, from: number, to: number, field: number): number {
    if (bytes[from] !== quote) {
      kinds[field] = isNumber
      const end = scanNumber(bytes, view, from, to, field)
      return end >= 0 ? end : scanLiteral(view, from, to, field)
    }
    const start = from + 1
    textFrom[field] = start
    kinds[field] = isNumberText
    let at = scanNumber(bytes, view, start, to, field)
    if (at < 0 || bytes[at] !== quote) {
      kinds[field] = isText
      for (at = start; at < to && bytes[at] !== quote; at++) if (!isPlain(bytes[at]!)) return -1
      if (at >= to) return -1
    }
    textTo[field] = at
    return at + 1
  }

  function scanLiteral(view: DataView, at: number, to: number, field: number): number {
    for (const { kind, text } of literals) {
      if (!matches(view, at, to, text)) continue
      kinds[field] = kind
      return at + text.length
    }
    return -1
  }

  /** A JSON number without exponent, the same double that JSON.parse gives; where it ends, or -1. */
  function scanNumber(bytes: Uint8Array, view: DataView, from: number, to: number, field: number): number {
    const isNegative = bytes[from] === minus
    const first = isNegative ? from + 1 : from
    // The last words of the buffer are left to the reference decoder.
    const wordsEnd = bytes.length - 4
    let mantissa = 0
    let point = -1
    let at = first
    for (;;) {
      if (at > wordsEnd) return -1
      const word = view.getInt32(at, true) ^ digitZeros
      const count = leadingDigits(word)
      if (count === 4) {
        mantissa = mantissa * 1e4 + fourDigits(word)
        at += 4
        continue
      }
      if (count > 0) {
        // What is behind the digits is shifted out, which leaves zeros in front of them.
        mantissa = mantissa * powersOfTen[count]! + fourDigits(word << (8 * (4 - count)))
        at += count
      }
      if (point >= 0 || bytes[at] !== dot) break
      point = at++
    }
    const decimals = point < 0 ? 0 : at - point - 1
    const whole = point < 0 ? at - first : point - first
    // No digit at all, or a leading zero.
    if (whole === 0 || (whole > 1 && bytes[first] === zero) || (point >= 0 && decimals === 0)) return -1
    // What is behind must end the value; an exponent does not.
    const byte = bytes[at]!
    if (at >= to || (byte !== comma && byte !== closingBrace && byte !== quote)) return -1
    let magnitude = mantissa
    if (whole + decimals > exactDigits) {
      magnitude = decimals > 0 ? Number(latin1(bytes, first, at)) : wholeNumber(view, first, at)
    } else if (decimals > 0) {
      magnitude = mantissa / powersOfTen[decimals]!
    }
    numbers[field] = isNegative ? -magnitude : magnitude
    return at
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
    let needsLinking = false
    const shapeSlots = shape.slots
    for (let i = 0; i < shapeSlots.length; i++) {
      const shapeSlot = shapeSlots[i]!
      if (shapeSlot.hasEarlier && isRead(shapeSlot.slot.earlier, readings)) continue
      const value = valueOf(shapeSlot)
      if (value !== value) {
        noReadings[noReadingCount++] = shapeSlot.index
      } else {
        slots[readings] = shapeSlot.index
        values[readings++] = value
        if (shapeSlot.isLinked && dependsOnOthers(shapeSlot.slot, value)) needsLinking = true
      }
    }
    out.readings = readings
    out.noReadingCount = noReadingCount
    if (needsLinking) link(plan)
    return true
  }

  const isRead = (earlier: readonly number[], readings: number): boolean => {
    for (let i = 0; i < readings; i++) if (earlier.includes(slots[i]!)) return true
    return false
  }

  function valueOf(shapeSlot: ShapeSlot): number {
    const { field, slot, codes } = shapeSlot
    const kind = kinds[field]!
    if (kind !== isNumber) {
      if (kind === isNumberText || kind === isText) return valueOfText(shapeSlot, kind === isNumberText)
      return kind === isNull ? NaN : (slot.names?.get(String(kind === isTrue)) ?? NaN)
    }
    const raw = numbers[field]!
    if (shapeSlot.isLinear) {
      const scaled = shapeSlot.isScaled ? (raw * shapeSlot.mul) / shapeSlot.div : raw
      const value = scaled + shapeSlot.offset
      return value >= shapeSlot.min && value <= shapeSlot.max && raw - raw === 0 ? value : NaN
    }
    if (codes !== undefined && raw >= 0 && raw < codes.length && Number.isInteger(raw)) return codes[raw]!
    return convert(slot, raw)
  }

  /** A plain decimal number as text was read in place, everything else is read as the reference decoder does. */
  function valueOfText({ field, slot, isTextNumber }: ShapeSlot, isPlainNumber: boolean): number {
    const from = textFrom[field]!
    const to = textTo[field]!
    if (isPlainNumber && isTextNumber && to - from <= exactDigits) return convert(slot, numbers[field]!)
    return convertText(slot, latin1(buffer, from, to))
  }

  /** Mostly no reading is one that depends on others; then nothing is to be done. */
  const dependsOnOthers = ({ zeroNeeds, becomes }: Slot, value: number): boolean =>
    (zeroNeeds !== undefined && value === 0) ||
    (becomes !== undefined && becomes.some(rule => rule.from === value))

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

const newPlace = (key: Expected, names: readonly string[], tree: Tree): Place => ({
  key,
  next: [],
  shapes: [],
  names,
  tree
})

const newRoot = (names: readonly string[], nameOf: (written: string) => string): Place =>
  newPlace({ length: 0, words: new Int32Array(0), last: 0 }, names, { nameOf, placeCount: 0 })

function compileShape(place: Place, plan: MeasurementPlan): Shape {
  const shape = shapeOf(place, plan)
  place.shapes[plan.index] = shape
  return shape
}

function shapeOf(place: Place, plan: MeasurementPlan): Shape {
  const slow: Shape = { isSlow: true, slots: [], mayNameInstance: false }
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
      isScaled: slot.mul !== 1 || slot.div !== 1,
      mul: slot.mul,
      div: slot.div,
      offset: slot.offset,
      min: slot.min,
      max: slot.max,
      isTextNumber: slot.text === 'number' && slot.names === undefined && slot.flags === undefined,
      hasEarlier: slot.earlier.length > 0,
      isLinked: slot.zeroNeeds !== undefined || slot.becomes !== undefined,
      codes:
        slot.codes !== undefined && slot.sentinels.length === 0
          ? Float64Array.from({ length: 64 }, (_, raw) => convert(slot, raw))
          : undefined
    })
  }
  // Without a field that it knows, the measurement does not match at all.
  if (slots.length === 0) return slow
  const mayNameInstance = plan.instance.some(({ tag }) => place.names.includes(tag))
  return { isSlow: false, slots, mayNameInstance }
}
