import { desk, isFalse, isNull, isNumber, isNumberText, isTrue, place } from './fields'
import {
  codesCount,
  modeCodes,
  modeDbm,
  modeHuaweiSign,
  modeLinear,
  modeMains,
  modeMilliwatt,
  modeMilliwattOrDbm,
  modeScaled,
  placeShapes,
  scratchKinds,
  scratchNoReadings,
  scratchNumbers,
  scratchSlots,
  scratchTextFrom,
  scratchTextTo,
  scratchValues,
  shapeFlags,
  shapeIsSlow,
  shapeMayNameInstance,
  shapeSlotCount,
  shapeSlots,
  slotBecomes,
  slotBecomesCount,
  slotBytes,
  slotCodes,
  slotDiv,
  slotEarlier,
  slotEarlierCount,
  slotFalse,
  slotFlagCount,
  slotField,
  slotFlags,
  slotHasAllCodes,
  slotIndex,
  slotIsInvolved,
  slotIsTextNumber,
  slotMax,
  slotMin,
  slotMode,
  slotMul,
  slotOffset,
  slotSentinelCount,
  slotSentinels,
  slotTexts,
  slotTrue,
  slotZeroNeeds,
  stopLeave,
  stopShape,
  stopText,
  stopThird,
  textBytes,
  textLength,
  textNext,
  textValue
} from '../memory/map'
import { isSame } from './bytes'
import { dbmOfMilliwatts } from './env'
import { stopWith } from './fields'

/** Values of the fields scanned last, as a measurement reads them: convert() of schemas/records/convert.ts on compiled slots. */

export let readings: usize = 0
export let noReadings: usize = 0

/** Whether some value is nothing that a source has for "no reading". */
let isOdd: bool = false

/** Whether a value could not be told; `stop` says why. */
let isStopped: bool = false

/** False, with `stop` set, leaves the record. */
export function readFields(measurement: usize, isWithoutInstance: bool): bool {
  const shape = load<u32>(place + placeShapes + (measurement << 2)) as usize
  if (shape == 0) {
    stopWith(stopShape, place, measurement)
    return false
  }
  const flags = load<u32>(shape + shapeFlags)
  if ((flags & shapeIsSlow) != 0 || (isWithoutInstance && (flags & shapeMayNameInstance) != 0)) {
    stopWith(stopLeave, 0, 0)
    return false
  }
  const count = load<u32>(shape + shapeSlotCount) as usize
  let slot = shape + shapeSlots
  readings = 0
  noReadings = 0
  isStopped = false
  isOdd = false
  for (let i: usize = 0; i < count; i++, slot += slotBytes) {
    const isInvolved = (load<u32>(slot + slotFlags) & slotIsInvolved) != 0
    if (isInvolved && isRead(slot)) continue
    const value = valueOf(slot)
    if (isStopped) return false
    const index = load<u32>(slot + slotIndex)
    if (value != value) {
      store<u32>(desk + scratchNoReadings + (noReadings++ << 2), index)
      continue
    }
    // Readings that depend on others are told by the reference decoder.
    if (isInvolved && dependsOnOthers(slot, value)) {
      stopWith(stopLeave, 0, 0)
      return false
    }
    store<u32>(desk + scratchSlots + (readings << 2), index)
    store<f64>(desk + scratchValues + (readings << 3), value)
    readings++
  }
  // Nothing of it would be stored: the reference decoder says whether that is in order.
  if (isOdd && readings == 0) {
    stopWith(stopLeave, 0, 0)
    return false
  }
  return true
}

/** Whether a slot before this one has given the reading of the same signal. */
function isRead(slot: usize): bool {
  const count = load<u32>(slot + slotEarlierCount) as usize
  const earlier = load<u32>(slot + slotEarlier) as usize
  for (let i: usize = 0; i < readings; i++) {
    const index = load<u32>(desk + scratchSlots + (i << 2))
    for (let k: usize = 0; k < count; k++) if (load<u32>(earlier + (k << 2)) == index) return true
  }
  return false
}

function dependsOnOthers(slot: usize, value: f64): bool {
  if (value == 0 && (load<u32>(slot + slotFlags) & slotZeroNeeds) != 0) return true
  return isAmong(load<u32>(slot + slotBecomes) as usize, load<u32>(slot + slotBecomesCount) as usize, value)
}

function isAmong(list: usize, count: usize, value: f64): bool {
  for (let i: usize = 0; i < count; i++) if (load<f64>(list + (i << 3)) == value) return true
  return false
}

/** The canonical value, or NaN for no reading. */
function valueOf(slot: usize): f64 {
  const field = load<u32>(slot + slotField) as usize
  const kind = load<u8>(desk + scratchKinds + field)
  if (kind == isNumber) return converted(slot, load<f64>(desk + scratchNumbers + (field << 3)))
  if (kind == isNull) return NaN
  if (kind == isTrue) return named(load<f64>(slot + slotTrue))
  if (kind == isFalse) return named(load<f64>(slot + slotFalse))
  if (kind == isNumberText && (load<u32>(slot + slotFlags) & slotIsTextNumber) != 0)
    return converted(slot, load<f64>(desk + scratchNumbers + (field << 3)))
  return valueOfText(
    slot,
    load<u32>(desk + scratchTextFrom + (field << 2)) as usize,
    load<u32>(desk + scratchTextTo + (field << 2)) as usize
  )
}

/** What a text or a word is known to read as: infinite for what cannot be read at all. */
function named(value: f64): f64 {
  if (value != Infinity) return value
  isOdd = true
  return NaN
}

function converted(slot: usize, raw: f64): f64 {
  if (
    (load<u32>(slot + slotFlags) & slotIsInvolved) != 0 &&
    isAmong(load<u32>(slot + slotSentinels) as usize, load<u32>(slot + slotSentinelCount) as usize, raw)
  )
    return NaN
  const mode = load<u32>(slot + slotMode)
  let value = raw
  if (mode == modeLinear) value = raw + load<f64>(slot + slotOffset)
  else if (mode == modeScaled)
    value = (raw * load<f64>(slot + slotMul)) / load<f64>(slot + slotDiv) + load<f64>(slot + slotOffset)
  else if (mode == modeMilliwatt)
    value = dbmOfMilliwatts((raw * load<f64>(slot + slotMul)) / load<f64>(slot + slotDiv))
  else if (mode == modeCodes) {
    if (raw >= 0 && raw < codesCount && Math.floor(raw) == raw)
      return load<f64>((load<u32>(slot + slotCodes) as usize) + ((raw as usize) << 3))
    if ((load<u32>(slot + slotFlags) & slotHasAllCodes) != 0) return NaN
    return untold(stopLeave, 0, 0, 0)
  } else if (mode == modeDbm) value = floored((raw * load<f64>(slot + slotMul)) / load<f64>(slot + slotDiv))
  else if (mode == modeMilliwattOrDbm) value = raw < 0 ? floored(raw) : dbmOfMilliwatts(raw)
  else if (mode == modeHuaweiSign) {
    if (raw == 0) return NaN
    value = raw > 0 ? dbmOfMilliwatts(raw / 1000) : floored(raw / 100)
  } else if (mode == modeMains) value = raw > 1000 ? raw / 10 : raw
  else return ofFlags(slot, raw)
  // Adding 0 makes a negative zero a plain one, which is stored and compared as the same bytes.
  return value >= load<f64>(slot + slotMin) && value <= load<f64>(slot + slotMax) ? value + 0 : NaN
}

/** The code of the first flag that is set; flags without a bit have -1 for it. */
function ofFlags(slot: usize, raw: f64): f64 {
  if (Math.floor(raw) != raw || raw <= 0 || raw > 0x7fffffff) return NaN
  const bits = raw as u32
  const count = load<u32>(slot + slotFlagCount) as usize
  const flags = load<u32>(slot + slotCodes) as usize
  for (let i: usize = 0; i < count; i++) {
    const bit = load<f64>(flags + (i << 4))
    if (bit >= 0 && ((bits >> (bit as u32)) & 1) == 1) return load<f64>(flags + (i << 4) + 8)
  }
  return NaN
}

/** Optical power below this is no light; what sources say for it ends above the other one. */
const noLightDbm: f64 = -40
const absurdDbm: f64 = -150

function floored(dbm: f64): f64 {
  return dbm < absurdDbm ? NaN : Math.max(dbm, noLightDbm)
}

/** What a text reads as is learnt once. */
function valueOfText(slot: usize, from: usize, to: usize): f64 {
  const length = to - from
  let text = load<u32>(slot + slotTexts) as usize
  while (text != 0) {
    if (
      (load<u32>(text + textLength) as usize) == length &&
      (length == 0 || isSame(from, text + textBytes, length))
    )
      return named(load<f64>(text + textValue))
    text = load<u32>(text + textNext) as usize
  }
  return untold(stopText, slot, from, to)
}

function untold(why: i32, first: usize, second: usize, third: usize): f64 {
  isStopped = true
  stopWith(why, first, second)
  store<u32>(desk + stopThird, third as u32)
  return NaN
}
