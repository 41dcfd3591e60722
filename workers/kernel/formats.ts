import {
  closingBrace,
  closingBracket,
  colon,
  comma,
  isLiteral,
  isPlain,
  openingBrace,
  openingBracket,
  quote,
  whole,
  wholeEnd,
  wholeStart,
  zero
} from './bytes'
import { desk, rootOf, scanFields, scanOnly } from './fields'
import {
  aliasBytesMax,
  canonical,
  canonicalSignals,
  canonicalTiming,
  gnmic,
  gnmicNaming,
  gnmicTags,
  gnmicTiming,
  gnmicValues,
  scratchAlias,
  telegraf,
  telegrafNaming,
  telegrafOpening,
  telegrafTiming,
  zabbix,
  zabbixClock,
  zabbixNs,
  zabbixOpening,
  zabbixType,
  zabbixValue
} from '../memory/map'
import { toTimeMs, unitMs, unitS } from './time'

/**
 * The known formats as their usual writers write them: without blanks, one metric a record. Whatever is out of the
 * ordinary is left: each function only ever says yes to what the reference decoder would decode to the very same. What
 * names the device and the port are the same bytes in every record of one port, so that stretch as a whole is the key of
 * the port (an *alias*), and is never taken apart.
 */

export let aliasFrom: usize = 0
export let aliasTo: usize = 0
/** In the unit of the measurement, or in ms where `isTimeMs`; NaN for none that is believable. */
export let rawTime: f64 = 0
export let isTimeMs: bool = false
export let format: u32 = 0

const letterF: u32 = 0x66
const letterN: u32 = 0x6e
const letterH: u32 = 0x68
const letterT: u32 = 0x74
const letterS: u32 = 0x73

/** Shortest: {"fields":{"a":1},"name":"","tags":{},"timestamp":1} */
const telegrafShortest: usize = 50

/** By the first letter of the first key: {"fields"…, {"name"…, [{"name"…, {"host"…; else it may be a canonical record. */
export function scanRecord(from: usize, end: usize, recordTimeMs: f64): bool {
  const third: u32 = load<u8>(from + 2)
  if (third == letterF) return scanTelegraf(from, end)
  if (third == letterN || third == quote) return scanGnmic(from, end)
  if (third == letterH) return scanZabbix(from, end)
  return scanCanonical(from, end, recordTimeMs)
}

/** `{"fields":{…},"name":"…","tags":{…},"timestamp":N}`: the alias goes from the name's first byte to the brace that ends the tags. */
function scanTelegraf(from: usize, end: usize): bool {
  format = telegraf
  if (
    end - from < telegrafShortest ||
    load<u8>(end - 1) != closingBrace ||
    !isLiteral(from, end, telegrafOpening, 11)
  )
    return false
  // Backwards from the record's last brace: the timestamp's digits, its key, the brace that ends the tags.
  const digits = wholeStart(from, end - 1)
  if (digits < from + 14) return false
  aliasTo = digits - 13
  if (!isLiteral(aliasTo, end, telegrafTiming, 13) || load<u8>(aliasTo - 1) != closingBrace) return false
  rawTime = whole
  isTimeMs = false
  const root = rootOf(telegraf)
  if (root == 0) return false
  const at = scanFields(root, from + 11, end)
  if (at == 0 || !isLiteral(at, end, telegrafNaming, 10)) return false
  aliasFrom = at + 10
  return aliasFrom < aliasTo
}

/**
 * `{"name":"…","timestamp":N,"tags":{…},"values":{…}}`, alone or the only one of an array. The timestamp stands between name
 * and tags, so the alias is put together: NUL (no record has one, so that no other format's alias is the same), the name, its
 * quote, the tags.
 */
function scanGnmic(from: usize, end: usize): bool {
  format = gnmic
  const isArray = load<u8>(from) != openingBrace
  const start = isArray ? from + 1 : from
  const last = isArray ? end - 1 : end
  if (isArray && (load<u8>(from) != openingBracket || load<u8>(last) != closingBracket)) return false
  if (!isLiteral(start, last, gnmicNaming, 9)) return false
  const alias = desk + scratchAlias
  let length: usize = 1
  store<u8>(alias, 0)
  let at = start + 9
  for (; at < last; at++) {
    const byte: u32 = load<u8>(at)
    if (byte == quote) break
    if (length >= (aliasBytesMax as usize) || !isPlain(byte)) return false
    store<u8>(alias + length++, byte)
  }
  store<u8>(alias + length++, quote)
  if (!isLiteral(at, last, gnmicTiming, 14)) return false
  const digitsTo = wholeEnd(at + 14, last)
  if (digitsTo == 0 || !isLiteral(digitsTo, last, gnmicTags, 9)) return false
  rawTime = whole
  isTimeMs = false
  // The tags are the alias's, so what they are made of was looked at when it was learnt.
  for (at = digitsTo + 8; at < last; at++) {
    const byte: u32 = load<u8>(at)
    if (byte == closingBrace && isLiteral(at, last, gnmicValues, 12)) break
    if (length >= (aliasBytesMax as usize) - 1) return false
    store<u8>(alias + length++, byte)
  }
  store<u8>(alias + length++, closingBrace)
  if (at >= last) return false
  const root = rootOf(gnmic)
  if (root == 0) return false
  at = scanFields(root, at + 12, last)
  if (at == 0 || at + 2 != last || load<u8>(at + 1) != closingBrace) return false
  aliasFrom = alias
  aliasTo = alias + length
  return true
}

/**
 * `{"host":{…},"groups":[…],"item_tags":[…],"itemid":N,"name":"…","clock":N,"ns":N,"value":…,"type":N}`: the alias is all that
 * stands between the first brace and the clock.
 */
function scanZabbix(from: usize, end: usize): bool {
  format = zabbix
  // Backwards from the last brace, because the alias is the longer part.
  if (end - from < 48 || !isLiteral(from, end, zabbixOpening, 8) || load<u8>(end - 1) != closingBrace)
    return false
  const typeAt = end - 10
  if (!isLiteral(typeAt, end, zabbixType, 8)) return false
  // Numbers (float 0, unsigned 3) and texts (character 1, text 4); log and binary are never readings.
  const type: u32 = (load<u8>(end - 2) as u32) - zero
  if (type != 0 && type != 1 && type != 3 && type != 4) return false
  let at = typeAt - 1
  if (load<u8>(at) == quote) {
    at--
    while (at > from && load<u8>(at) != quote) if (!isPlain(load<u8>(at--))) return false
  } else {
    while (at > from && load<u8>(at) != quote && isPlain(load<u8>(at)) && load<u8>(at) != colon) at--
    at++
  }
  if (at < from + 32) return false
  const valueAt = at - 9
  if (!isLiteral(valueAt, end, zabbixValue, 9)) return false
  const nsDigits = wholeStart(from, valueAt)
  if (nsDigits < from + 16) return false
  const nanoseconds = whole
  const nsAt = nsDigits - 6
  if (!isLiteral(nsAt, end, zabbixNs, 6)) return false
  const clockDigits = wholeStart(from, nsAt)
  if (clockDigits < from + 12) return false
  aliasFrom = from + 1
  aliasTo = clockDigits - 9
  if (!isLiteral(aliasTo, end, zabbixClock, 9)) return false
  isTimeMs = true
  rawTime = toTimeMs(whole, unitS) + Math.floor(nanoseconds / 1e6)
  const root = rootOf(zabbix)
  return root != 0 && scanOnly(root, at, end) == typeAt
}

/**
 * `{"device":"…","instance":"…","timeMs":N,"signals":{…}}`: what names the device first, in any order, then the time (or none)
 * and the signals, in either order. The alias is all before the time and the signals.
 */
function scanCanonical(from: usize, end: usize, recordTimeMs: f64): bool {
  format = canonical
  if (load<u8>(from) != openingBrace || load<u8>(end - 1) != closingBrace) return false
  // What stands before was looked at when the alias was learnt.
  let at = from + 1
  for (; at < end; at++) {
    if (load<u8>(at) != comma || load<u8>(at + 1) != quote) continue
    const letter: u32 = load<u8>(at + 2)
    if (letter == letterT && isLiteral(at, end, canonicalTiming, 10)) break
    if (letter == letterS && isLiteral(at, end, canonicalSignals, 12)) break
  }
  aliasFrom = from + 1
  aliasTo = at
  isTimeMs = true
  let isTimed = false
  if (isLiteral(at, end, canonicalTiming, 10)) {
    at = wholeEnd(at + 10, end)
    if (at == 0) return false
    isTimed = true
    rawTime = toTimeMs(whole, unitMs)
  }
  if (!isLiteral(at, end, canonicalSignals, 12)) return false
  const root = rootOf(canonical)
  if (root == 0) return false
  at = scanFields(root, at + 12, end)
  if (at == 0) return false
  at++
  if (!isTimed && load<u8>(at) == comma) {
    if (!isLiteral(at, end, canonicalTiming, 10)) return false
    at = wholeEnd(at + 10, end)
    if (at == 0) return false
    isTimed = true
    rawTime = toTimeMs(whole, unitMs)
  }
  if (!isTimed) rawTime = recordTimeMs > 0 ? toTimeMs(recordTimeMs, unitMs) : NaN
  return at == end - 1
}
