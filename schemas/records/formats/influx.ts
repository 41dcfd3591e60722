import { toTimeMs } from '../convert.ts'
import type { Bad, Metric } from '../metric.ts'
import type { TextFormat } from './format.ts'

/**
 * InfluxDB's line protocol as Telegraf writes it (`data_format = "influx"`), a metric a line:
 *
 *     interface,agent_host=10.0.0.1,ifIndex=25 ifOperStatus=1i,ifAlias="to \"KU 7\"" 1700000500000000000
 *
 * A metric is the same whichever serializer wrote it, so Telegraf's profiles read it. Of a line that is wrong nothing
 * counts, and the next line is looked at. What one record may hold is bounded by its bytes, as everywhere.
 */
export const influx: TextFormat = { name: 'influx', recognises, read }

const tab = 0x09
const newline = 0x0a
const carriageReturn = 0x0d
const blank = 0x20
const quote = 0x22
const hash = 0x23
const comma = 0x2c
const equals = 0x3d
const backslash = 0x5c

/** What stands between the parts of a line; a carriage return before the newline is one of them. */
const isBlank = (code: number): boolean =>
  code === blank || (code >= tab && code <= carriageReturn && code !== newline)

/** Brackets and quotes that lines of JSON begin with, and no measurement is called by. */
const isOfJson = (code: number): boolean => code === quote || '{}[]'.includes(String.fromCharCode(code))

/**
 * Whether some line has a name, a blank and an equals sign behind it, and none before it begins as JSON does. Lines of
 * logs (`level=info msg="a b"`) have the equals sign before the blank.
 */
function recognises(value: Uint8Array): boolean {
  let at = 0
  // A byte order mark.
  if (value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf) at = 3
  while (at < value.length) {
    while (at < value.length && (isBlank(value[at] ?? 0) || value[at] === newline)) at++
    if (isOfJson(value[at] ?? quote)) return false
    if (value[at] !== hash && isLineAt(value, at)) return true
    at = value.indexOf(newline, at)
    if (at < 0) return false
  }
  return false
}

function isLineAt(value: Uint8Array, from: number): boolean {
  let hasEquals = false
  let hasComma = false
  let at = from
  for (; at < value.length; at++) {
    const code = value[at] ?? newline
    if (code === newline) return false
    if (code === backslash) at++
    else if (isBlank(code)) break
    else if (code === comma) hasComma = true
    else if (code === equals) hasEquals = true
  }
  if (at === from || (hasEquals && !hasComma)) return false
  for (; at < value.length && value[at] !== newline; at++) if (value[at] === equals) return true
  return false
}

function read(text: string, take: (found: Metric | Bad, place: string) => void): void {
  let at = 0
  let line = 1
  let lineFrom = 0
  /** What is wrong with the line, where `at` stands; '' for nothing. Lines are many, so nothing is thrown. */
  let wrong = ''

  const fail = (what: string): undefined => {
    wrong = what
    return undefined
  }
  /** The code at `at`; the end of the text ends its last line. */
  const here = (): number => (at < text.length ? text.charCodeAt(at) : newline)
  const skipBlanks = (): void => {
    while (isBlank(here())) at++
  }

  /** A name, or a key or tag, up to what ends it. A backslash is one, but before what it escapes. */
  const word = (what: string, isName = false): string | undefined => {
    const from = at
    let isEscaped = false
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === backslash) {
        const next = text.charCodeAt(at + 1)
        if (next !== comma && next !== blank && (isName || next !== equals)) continue
        isEscaped = true
        at++
      } else if (
        code <= equals &&
        (code === comma || code === newline || isBlank(code) || (code === equals && !isName))
      )
        break
    }
    if (at === from) return fail(`${what} is missing`)
    const raw = text.slice(from, at)
    return isEscaped ? raw.replaceAll(isName ? /\\([, ])/g : /\\([, =])/g, '$1') : raw
  }

  /** Telegraf writes newlines of a text as `\n`, others as they are. */
  const quoted = (): string | undefined => {
    const from = ++at
    let isEscaped = false
    for (; at < text.length && text.charCodeAt(at) !== quote; at++) {
      if (text.charCodeAt(at) === backslash) {
        isEscaped = true
        at++
      }
      if (text.charCodeAt(at) !== newline) continue
      line++
      lineFrom = at + 1
    }
    if (at >= text.length) return fail('a text has no closing quote')
    const raw = text.slice(from, at++)
    return isEscaped ? raw.replaceAll(/\\(["\\nrtf])/g, (_, of: string) => escapes[of] ?? of) : raw
  }

  const value = (): Value | undefined => {
    if (here() === quote) return quoted()
    const from = at
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === comma || (code <= blank && (code === newline || isBlank(code)))) break
    }
    const found = plainValue(text.slice(from, at))
    if (found !== undefined) return found
    at = from
    return fail('a value is neither a number, a truth value nor a quoted text')
  }

  /** Reads pairs of a key and a value, with commas between them. */
  const pairs = (what: string, into: Record<string, unknown>, valueOf: () => Value | undefined): boolean => {
    for (;;) {
      const key = word(`the key of a ${what}`)
      if (key === undefined) return false
      if (here() !== equals) {
        fail(`a ${what} has no value`)
        return false
      }
      at++
      const found = valueOf()
      if (found === undefined) return false
      // An object with a prototype is much faster to fill and to read than one without; only this name is not its own then.
      if (key === '__proto__') Object.defineProperty(into, key, { ...ownField, value: found })
      else into[key] = found
      if (here() !== comma) return true
      at++
    }
  }
  const tagValue = (): string | undefined => word('the value of a tag')

  const metric = (): Metric | undefined => {
    const name = word('the name of the measurement', true)
    if (name === undefined) return undefined
    const tags: Record<string, unknown> = {}
    if (here() === comma) {
      at++
      if (!pairs('tag', tags, tagValue)) return undefined
    }
    if (!isBlank(here())) return fail('a line has no fields')
    skipBlanks()
    const fields: Record<string, unknown> = {}
    if (!pairs('field', fields, value)) return undefined
    if (!isBlank(here()) && here() !== newline) return fail('something stands behind a value')
    skipBlanks()
    const from = at
    while (here() !== newline && !isBlank(here())) at++
    const time = text.slice(from, at)
    skipBlanks()
    if (here() !== newline) return fail('something stands behind the timestamp')
    const of = { format: 'telegraf', name, tags, fields } as const
    return time === '' ? { ...of, time: undefined } : { ...of, time, timeMs: millisecondsOf(time) }
  }

  for (;;) {
    skipBlanks()
    if (at >= text.length) return
    if (here() !== newline && here() !== hash) {
      const first = line
      const found = metric()
      if (found !== undefined) take(found, `line ${first}`)
      else take({ reason: 'bad_line', detail: wrong }, `line ${line}, column ${at - lineFrom + 1}`)
    }
    at = text.indexOf('\n', at) + 1
    if (at === 0) return
    line++
    lineFrom = at
  }
}

const ownField = { configurable: true, enumerable: true, writable: true }

type Value = string | number | boolean

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' }

const integer = /^(?:-?\d{1,19}i|\d{1,20}u)$/
const float = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const truth = /^(?:t|T|true|True|TRUE)$/
const untruth = /^(?:f|F|false|False|FALSE)$/

/** Integers beyond 2^53 become the nearest double, as they do in JSON. */
function plainValue(text: string): Value | undefined {
  if (integer.test(text)) return Number(text.slice(0, -1))
  if (float.test(text)) return Number(text)
  if (truth.test(text)) return true
  return untruth.test(text) ? false : undefined
}

/**
 * The protocol counts nanoseconds, which are more than a double holds: those below the millisecond are cut off as text.
 * The unit is not guessed: the hours since 1970 of a clock that was never set would pass for milliseconds of today.
 */
function millisecondsOf(time: string): number {
  return /^\d{7,19}$/.test(time) ? toTimeMs(Number(time.slice(0, -6)), 'ms') : NaN
}
