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

/** One bit of a flags number, or words of a flags text, and the code they stand for. */
export interface FlagPlan {
  /** -1 where the flag has no bit. In a string of 0 and 1 the place from the left, from 1. */
  readonly bit: number
  /** All of them must be there. */
  readonly words: readonly string[]
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
  /** The canonical unit. */
  readonly unit: string
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const namedCode = /\(([+-]?\d{1,10})\)$/
/** No light in words: `-Inf`, `-inf dBm`. */
const negativeInfinity = /^-inf(?:inity)?(?: ?dbm)?$/i

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
  const plain = plainNumber(text)
  if (plain !== text) return numberText(slot, plain)
  if (isPower(slot.conversion) && negativeInfinity.test(text)) return bounded(slot, noLightDbm)
  const [, number, unit = ''] = numberWithUnit.exec(text) ?? []
  if (number === undefined) return NaN
  const written = writtenUnits[slot.unit]?.[unit.toLowerCase()]
  return written === undefined ? NaN : bounded(slot, written(Number(number)))
}

/**
 * A number as other hands write it: a comma before one, two or four places and more (three may be thousands), a minus of typography, a second
 * unit in brackets or behind a stroke (`0.0204 mW (-16.90 dBm)`, `0.0204 mW / -16.90 dBm`), a level below what can be measured
 * (`< -40 dBm`), which counts as that. Any other text is given back as it is.
 */
function plainNumber(text: string): string {
  const [, number, rest = ''] = /^([^(]*\S)\s*(\([^()]*\))?$/.exec(text) ?? []
  if (number === undefined || (rest !== '' && !/\d/.test(rest) && !/^\([a-zа-яµμ°%]+\)$/i.test(rest)))
    return text
  const unit = /^\(([a-zа-яµμ°%]+)\)$/i.exec(rest)?.[1]
  return (unit === undefined ? number : `${number} ${unit}`)
    .replace(/^([^/]*\d\s*[a-zа-яµμ]+)\s*\/\s*[-+\u2212\u2013]?\d[^/]*$/i, '$1')
    .replace(/^<\s*(?=[-\u2212\u2013]\s*\d)/, '')
    .replace(/^[\u2212\u2013]\s*/, '-')
    .replace(/^([+-]?\d+),(\d{1,2}|\d{4,})(?!\d)/, '$1.$2')
}

/** `-27.4 dBm`, `41.2 C`, `231V`, `-27,4 дБм`: what is written there is the unit, whatever else the source reports in. */
const numberWithUnit = /^([+-]?(?:\d+\.?\d*|\.\d+))\s*([a-zа-яµμ°%/]{1,10})\.?$/i

const times =
  (factor: number) =>
  (value: number): number =>
    factor < 1 ? value / Math.round(1 / factor) : value * factor
const celsius = times(1)
const second = times(1)

/** Units as they are written behind numbers, Latin and Russian, by the canonical unit they can be made. */
const writtenUnits: Readonly<Record<string, Readonly<Record<string, (value: number) => number>>>> = {
  dBm: {
    dbm: floored,
    dbmw: floored,
    mw: dbmOfMilliwatts,
    uw: dbmOfMicrowatts,
    µw: dbmOfMicrowatts,
    μw: dbmOfMicrowatts,
    дбм: floored,
    мвт: dbmOfMilliwatts,
    мквт: dbmOfMicrowatts
  },
  '°C': {
    c: celsius,
    '°c': celsius,
    с: celsius,
    '°с': celsius,
    degc: celsius,
    celsius,
    f: fahrenheit,
    '°f': fahrenheit
  },
  V: {
    v: times(1),
    vdc: times(1),
    vac: times(1),
    volt: times(1),
    volts: times(1),
    mv: times(0.001),
    kv: times(1000),
    в: times(1),
    мв: times(0.001)
  },
  mA: { ma: times(1), a: times(1000), ua: times(0.001), µa: times(0.001), ма: times(1) },
  '%': { '%': times(1), percent: times(1) },
  s: {
    s: second,
    sec: second,
    second,
    seconds: second,
    min: times(60),
    mins: times(60),
    minute: times(60),
    minutes: times(60),
    h: times(3600),
    hours: times(3600),
    ms: times(0.001),
    с: second,
    сек: second,
    мин: times(60),
    ч: times(3600)
  },
  dBµV: { dbuv: times(1), dbµv: times(1), dbμv: times(1), дбмкв: times(1) },
  'Mb/s': {
    'mb/s': times(1),
    mbps: times(1),
    'mbit/s': times(1),
    gbps: times(1000),
    'gb/s': times(1000),
    'gbit/s': times(1000),
    'мбит/с': times(1),
    'гбит/с': times(1000)
  }
}

function fahrenheit(value: number): number {
  return ((value - 32) * 5) / 9
}

function dbmOfMicrowatts(value: number): number {
  return dbmOfMilliwatts(value / 1000)
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

/** A flag a character, the first leftmost, as PowerNet-MIB has it. */
const flagString = /^[01]{32,128}$/

function flagText(slot: SlotPlan, flags: readonly FlagPlan[], text: string): number {
  if (flagString.test(text)) {
    for (const flag of flags) if (flag.bit > 0 && text[flag.bit - 1] === '1') return flag.code
    return NaN
  }
  if (decimal.test(text)) return convert(slot, Number(text))
  const words = text.toUpperCase().split(/\s+/)
  for (const flag of flags) if (flag.words.every(word => words.includes(word))) return flag.code
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
