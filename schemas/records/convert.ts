/**
 * From a source's raw value to the canonical value of a signal. Pure, flat and shared: the reference decoder and
 * any faster scanner call the same two functions, so that they cannot disagree. NaN means *no reading*: a sentinel,
 * a worded string, a value outside its enumeration or beyond what the quantity can be.
 */

/** Optical power below this is no light: the step of SFF-8472 is 0.1 µW. */
const noLightDbm = -40

/** What sources say for "no light" ends above this (-99, -127); below are the lowest numbers of a type: no reading. */
const absurdDbm = -150

/** Longest text that is looked at; a longer one is no reading. */
const textLengthMax = 256

/** How a number becomes canonical. */
export type Conversion =
  /** raw * mul / div + offset */
  | 'linear'
  /** raw * mul / div is a power in mW; the canonical value is in dBm */
  | 'milliwatt'
  /** raw * mul / div is in dBm already, floored at no light */
  | 'dbm'
  /** below zero it can only be dBm; else mW */
  | 'mw_or_dbm'
  /** above zero µW, below zero 0.01 dBm; 0 may be either and is no reading */
  | 'huawei_sign'
  /** volts; above what mains can be, tenths of a volt */
  | 'mains_v'

/** One bit of a flags number, or one word of a flags text, and the code it stands for. */
export interface FlagPlan {
  /** -1 where the flag has no bit. */
  readonly bit: number
  readonly word: string
  readonly code: number
}

/** What one slot needs to convert values, compiled from a profile. Plain data: it can be cloned to a worker. */
export interface SlotPlan {
  readonly conversion: Conversion
  readonly mul: number
  readonly div: number
  readonly offset: number
  /** Inclusive bounds of a believable canonical value. */
  readonly min: number
  readonly max: number
  /** Raw numbers that mean "not known". */
  readonly sentinels: readonly number[]
  /** Source code → canonical code; undefined for quantities. */
  readonly codes?: ReadonlyMap<number, number>
  /** Lower-case source name → canonical code; undefined for quantities. */
  readonly names?: ReadonlyMap<string, number>
  /** In order of precedence; takes the place of codes and names. */
  readonly flags?: readonly FlagPlan[]
  /** How text is read: as a number, never, or as a list of which the lowest counts. */
  readonly text: 'number' | 'none' | 'lowest_of_list'
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const namedCode = /\(([+-]?\d{1,10})\)$/
const negativeInfinity = /^-inf(?:inity)?$/i

/** The canonical value of a raw number, or NaN for no reading. Never throws. */
export function convert(slot: SlotPlan, raw: number): number {
  if (!Number.isFinite(raw)) return NaN
  for (const sentinel of slot.sentinels) if (raw === sentinel) return NaN
  if (slot.codes !== undefined) return slot.codes.get(raw) ?? NaN
  if (slot.flags !== undefined) return flagNumber(slot.flags, raw)
  return bounded(slot, quantity(slot, raw))
}

/** The canonical value of a text, or NaN for no reading. Never throws. */
export function convertText(slot: SlotPlan, text: string): number {
  if (slot.text === 'none' || text.length > textLengthMax) return NaN
  const trimmed = text.trim()
  if (trimmed === '') return NaN
  if (slot.names !== undefined) return enumerationText(slot, slot.names, trimmed)
  if (slot.flags !== undefined) return flagText(slot, slot.flags, trimmed)
  if (slot.text !== 'lowest_of_list') return numberText(slot, trimmed)
  let lowest = NaN
  for (const part of trimmed.split(',')) {
    const value = numberText(slot, part.trim())
    if (!(lowest <= value) && !Number.isNaN(value)) lowest = value
  }
  return lowest
}

function numberText(slot: SlotPlan, text: string): number {
  if (decimal.test(text)) return convert(slot, Number(text))
  if (isPower(slot.conversion) && negativeInfinity.test(text)) return bounded(slot, noLightDbm)
  return NaN
}

/** `testing`, `testing(3)` and `3` alike; where name and code are both given, the code counts. */
function enumerationText(slot: SlotPlan, names: ReadonlyMap<string, number>, text: string): number {
  const known = names.get(text.toLowerCase())
  if (known !== undefined) return known
  const code = namedCode.exec(text)?.[1]
  if (code !== undefined) return convert(slot, Number(code))
  return decimal.test(text) ? convert(slot, Number(text)) : NaN
}

function flagNumber(flags: readonly FlagPlan[], raw: number): number {
  if (!Number.isInteger(raw) || raw <= 0 || raw > 0x7fffffff) return NaN
  for (const flag of flags) if (flag.bit >= 0 && ((raw >>> flag.bit) & 1) === 1) return flag.code
  return NaN
}

function flagText(slot: SlotPlan, flags: readonly FlagPlan[], text: string): number {
  if (decimal.test(text)) return convert(slot, Number(text))
  const words = text.toUpperCase().split(/\s+/)
  for (const flag of flags) if (words.includes(flag.word)) return flag.code
  return NaN
}

function isPower(conversion: Conversion): boolean {
  return conversion !== 'linear' && conversion !== 'mains_v'
}

function quantity(slot: SlotPlan, raw: number): number {
  switch (slot.conversion) {
    case 'linear':
      return (raw * slot.mul) / slot.div + slot.offset
    case 'milliwatt':
      return dbmOfMilliwatts((raw * slot.mul) / slot.div)
    case 'dbm':
      return floored((raw * slot.mul) / slot.div)
    case 'mw_or_dbm':
      return raw < 0 ? floored(raw) : dbmOfMilliwatts(raw)
    case 'huawei_sign':
      if (raw === 0) return NaN
      return raw > 0 ? dbmOfMilliwatts(raw / 1000) : floored(raw / 100)
    case 'mains_v':
      return raw > 1000 ? raw / 10 : raw
  }
}

function floored(dbm: number): number {
  return dbm < absurdDbm ? NaN : Math.max(dbm, noLightDbm)
}

/**
 * dBm of a power in mW: 0 is no light; a negative power is no reading. It is kept to four places, far finer than any
 * module measures: the further places of a logarithm would take five bytes more to store.
 */
export function dbmOfMilliwatts(milliwatts: number): number {
  if (milliwatts < 0) return NaN
  return Math.max(Math.round(Math.log10(milliwatts) * 100_000) / 10_000, noLightDbm)
}

function bounded(slot: SlotPlan, value: number): number {
  // Adding 0 makes a negative zero a plain one, which is stored and compared as the same bytes.
  return value >= slot.min && value <= slot.max ? value + 0 : NaN
}

export const timeUnits = ['s', 'ms', 'us', 'ns', 'auto'] as const
export type TimeUnit = (typeof timeUnits)[number]

/** 2000-01-01 and 2100-01-01: an event time outside is absurd, mostly a wrong unit or a clock that was never set. */
export const eventTimeMinMs = 946_684_800_000
export const eventTimeMaxMs = 4_102_444_800_000

/**
 * Milliseconds of a timestamp, or NaN when it is none or absurd. `auto` goes by magnitude, which is unambiguous
 * between 1973 and 5138. Nanoseconds come as the nearest double (256 ns apart today), so that one within 128 ns
 * of a millisecond's end may be given to the next: exact to the millisecond otherwise.
 */
export function toTimeMs(raw: number, unit: TimeUnit): number {
  let ms: number
  if (unit === 'auto') {
    if (raw < 1e11) ms = Math.round(raw * 1000)
    else if (raw < 1e14) ms = Math.floor(raw)
    else if (raw < 1e17) ms = Math.floor(raw / 1e3)
    else ms = Math.floor(raw / 1e6)
  } else if (unit === 's') ms = Math.round(raw * 1000)
  else if (unit === 'ms') ms = Math.floor(raw)
  else if (unit === 'us') ms = Math.floor(raw / 1e3)
  else ms = Math.floor(raw / 1e6)
  return ms >= eventTimeMinMs && ms < eventTimeMaxMs ? ms : NaN
}
