import { convert, convertText, toTimeMs, type SlotPlan } from './convert.ts'
import type { Decoded, DecodedGroup } from './decoded.ts'
import type { RejectReason } from '../evaluation.ts'
import type { CodeTest, KeyPlan, MeasurementPlan, ProfileSet, SensorKeys, Slot } from './profile.ts'
import type { ProfileFormat } from './profile-schema.ts'
import { signals } from '../signals.ts'

/**
 * The reference decoder: one record's value to groups of canonical readings, by JSON.parse and the profiles.
 * It is what a faster scanner falls back to and is compared with, so every decision is made here or in convert.ts.
 * It never throws: what is wrong with a record is a value.
 */

export interface DecodePolicy {
  /** An event time further ahead of the clock than this is set back to the bound, and said to be clamped. */
  readonly futureMsMax: number
  /** An event time further behind the clock than this is absurd. */
  readonly pastMsMax: number
  /** Deepest nesting of objects and arrays; checked over the bytes before anything is parsed. */
  readonly depthMax: number
  readonly valueBytesMax: number
}

export interface Decoder {
  /**
   * `recordTimestampMs` is the Kafka record's own time, used only where the value has none (0 or less: not known);
   * `nowMs` is the wall clock that skew is judged by.
   */
  decode(value: Uint8Array, recordTimestampMs: number, nowMs: number): Decoded
}

/** Longest identifier, instance or collector name (UTF-16 units). */
export const keyLengthMax = 256

/** Further identifiers that are looked at in a canonical record. */
export const identifiersMax = 16

const detailLengthMax = 200

type Json = Readonly<Record<string, unknown>>

interface Bad {
  readonly reason: RejectReason
  readonly detail: string
}

/** What says whose a metric is, in any format. */
export interface NamedMetric {
  readonly format: ProfileFormat
  readonly name: string
  readonly tags: Json
  readonly fields: Json
  /** Identifiers beside the profile's. */
  readonly identifiers?: readonly string[]
}

/** One metric of any format, brought to one form. */
interface Metric extends NamedMetric {
  /** Raw timestamp; undefined where the metric has none. */
  readonly time: unknown
  /** Milliseconds where the format itself fixes the unit. */
  readonly timeMs?: number
}

interface Outcome {
  readonly groups: DecodedGroup[]
  unmapped: number
  bad: number
  firstBad: Bad | undefined
}

export function createDecoder(set: ProfileSet, policy: DecodePolicy): Decoder {
  // Fatal: invalid UTF-8 is not repaired into something that was never sent.
  const utf8 = new TextDecoder('utf-8', { fatal: true })

  function decode(value: Uint8Array, recordTimestampMs: number, nowMs: number): Decoded {
    if (value.length > policy.valueBytesMax)
      return reject('too_large', `${value.length} bytes, more than ${policy.valueBytesMax}`)
    const scanned = scan(value, policy.depthMax)
    if (scanned !== undefined) return reject(scanned.reason, scanned.detail)
    let text: string
    try {
      text = utf8.decode(value)
    } catch {
      return reject('not_json', 'invalid UTF-8')
    }
    if (text.trim() === '') return reject('empty', 'no value')
    const outcome: Outcome = { groups: [], unmapped: 0, bad: 0, firstBad: undefined }
    const clock: Clock = { recordTimestampMs, nowMs, policy }
    try {
      documents(text, outcome, document => take(set, document, clock, outcome, true))
    } catch (error) {
      // Nothing above throws by design; if it does, the record alone pays for it.
      return reject(
        'wrong_shape',
        `decoder failed: ${error instanceof Error ? error.message : String(error)}`
      )
    }
    const { groups, unmapped, bad, firstBad } = outcome
    if (firstBad === undefined) return { ok: true, groups, unmapped }
    if (groups.length === 0) return reject(firstBad.reason, firstBad.detail)
    return { ok: true, groups, unmapped, partial: { ...cut(firstBad), metrics: bad } }
  }
  return { decode }
}

interface Clock {
  readonly recordTimestampMs: number
  readonly nowMs: number
  readonly policy: DecodePolicy
}

function cut(bad: Bad): Bad {
  return { reason: bad.reason, detail: bad.detail.slice(0, detailLengthMax) }
}

function reject(reason: RejectReason, detail: string): Decoded {
  return { ok: false, ...cut({ reason, detail }) }
}

function spoil(outcome: Outcome, reason: RejectReason, detail: string): void {
  outcome.bad++
  outcome.firstBad ??= { reason, detail }
}

/** One pass over the bytes, without recursion: NUL bytes and nesting beyond the limit. */
function scan(value: Uint8Array, depthMax: number): Bad | undefined {
  let depth = 0
  let inString = false
  for (let i = 0; i < value.length; i++) {
    const byte = value[i]
    if (byte === 0) return { reason: 'not_json', detail: `NUL byte at ${i}` }
    if (inString) {
      if (byte === 0x5c) {
        // The escaped byte is skipped, but a NUL there is still one.
        if (value[i + 1] !== 0) i++
      } else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > depthMax)
        return { reason: 'too_deep', detail: `nested deeper than ${depthMax} at byte ${i}` }
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return undefined
}

/** The whole text as one JSON document; failing that, each of its lines as one (NDJSON). */
function documents(text: string, outcome: Outcome, take: (document: unknown) => void): void {
  const whole = parse(text)
  if (whole.ok) {
    take(whole.value)
    return
  }
  if (!text.trim().includes('\n')) {
    spoil(outcome, 'not_json', whole.why)
    return
  }
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const parsed = parse(line)
    if (parsed.ok) take(parsed.value)
    else spoil(outcome, 'not_json', parsed.why)
  }
}

function parse(text: string): { ok: true; value: unknown } | { ok: false; why: string } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) }
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own property: a record may well have a field called `constructor`. */
function own(object: Json, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** Takes one JSON document apart by its shape. `outer` is false inside an array: arrays do not nest. */
function take(set: ProfileSet, document: unknown, clock: Clock, outcome: Outcome, outer: boolean): void {
  if (Array.isArray(document) && outer) {
    for (const item of document as unknown[]) take(set, item, clock, outcome, false)
    return
  }
  if (!isObject(document)) {
    spoil(outcome, 'wrong_shape', `${kindOf(document)} where an object is expected`)
    return
  }
  const metrics = own(document, 'metrics')
  if (Array.isArray(metrics) && outer && !Object.hasOwn(document, 'fields')) {
    for (const item of metrics as unknown[]) take(set, item, clock, outcome, false)
    return
  }
  const metric = metricOf(document)
  if (metric === undefined) outcome.unmapped++
  else if ('reason' in metric) spoil(outcome, metric.reason, metric.detail)
  else decodeMetric(set, metric, clock, outcome)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`
}

/** Which of the known formats it is; undefined for what is known but carries no reading (an event of Zabbix). */
function metricOf(object: Json): Metric | Bad | undefined {
  if (Object.hasOwn(object, 'fields')) return telegrafMetric(object)
  if (Object.hasOwn(object, 'values') || Object.hasOwn(object, 'deletes')) return gnmicMetric(object)
  if (Object.hasOwn(object, 'itemid')) return zabbixMetric(object)
  if (Object.hasOwn(object, 'eventid')) return undefined
  if (Object.hasOwn(object, 'signals')) return canonicalMetric(object)
  return {
    reason: 'wrong_shape',
    detail: `no known format has the keys ${Object.keys(object).slice(0, 8).join(', ')}`
  }
}

/** Without a prototype, because a tag or a field may have any name, `__proto__` and `constructor` too. */
function bare(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

const noTags: Json = {}

function tagsOf(value: unknown): Json {
  return isObject(value) ? value : noTags
}

/** The tag's text, or undefined where there is none. */
function tag(metric: NamedMetric, key: string): string | undefined {
  return keyText(own(metric.tags, key))
}

/** A text that may name something: strings as they are, whole numbers in decimal. */
function keyText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined
}

function telegrafMetric(object: Json): Metric | Bad {
  const name = own(object, 'name')
  const fields = own(object, 'fields')
  if (typeof name !== 'string') return { reason: 'wrong_shape', detail: 'Telegraf metric without a name' }
  if (!isObject(fields)) return { reason: 'wrong_shape', detail: `"fields" is ${kindOf(fields)}` }
  const tags = tagsOf(own(object, 'tags'))
  return { format: 'telegraf', name, tags, fields, time: own(object, 'timestamp') }
}

function gnmicMetric(object: Json): Metric | Bad | undefined {
  const values = own(object, 'values')
  if (values === undefined) return undefined
  if (!isObject(values)) return { reason: 'wrong_shape', detail: `"values" is ${kindOf(values)}` }
  const fields = bare()
  for (const key of Object.keys(values)) fields[plainPath(key)] = values[key]
  const name = keyText(own(object, 'name')) ?? ''
  return { format: 'gnmic', name, tags: tagsOf(own(object, 'tags')), fields, time: own(object, 'timestamp') }
}

/** A gNMI path without the YANG module names that some targets put before each step. */
export function plainPath(path: string): string {
  const plain = path.replaceAll(/(^|\/)[A-Za-z0-9_.-]+:/g, '$1')
  return plain.startsWith('/') ? plain : `/${plain}`
}

function zabbixMetric(object: Json): Metric | Bad | undefined {
  // A trend (count, min, avg, max) is no reading of a moment.
  if (!Object.hasOwn(object, 'value')) return undefined
  const tags = bare()
  const itemTags = own(object, 'item_tags')
  if (Array.isArray(itemTags)) {
    for (const item of itemTags as unknown[]) {
      if (!isObject(item)) continue
      const key = keyText(own(item, 'tag'))
      // Zabbix allows one tag several times: the first counts. @ is ours.
      if (key !== undefined && !key.startsWith('@') && !Object.hasOwn(tags, key))
        tags[key] = own(item, 'value')
    }
  }
  const host = own(object, 'host')
  if (isObject(host)) {
    tags['@host'] = own(host, 'host')
    tags['@host_name'] = own(host, 'name')
  } else tags['@host'] = host
  const name = keyText(own(object, 'name')) ?? ''
  tags['@item'] = name
  tags['@itemid'] = own(object, 'itemid')
  const type = own(object, 'type')
  const clock = own(object, 'clock')
  const ns = own(object, 'ns')
  const ms = typeof ns === 'number' ? Math.floor(ns / 1e6) : 0
  return {
    format: 'zabbix',
    name,
    tags,
    // Logs and binaries are never readings.
    fields: { value: type === 2 || type === 5 ? null : own(object, 'value') },
    time: clock,
    timeMs: typeof clock === 'number' ? toTimeMs(clock, 's') + ms : NaN
  }
}

function canonicalMetric(object: Json): Metric | Bad {
  const fields = own(object, 'signals')
  if (!isObject(fields)) return { reason: 'wrong_shape', detail: `"signals" is ${kindOf(fields)}` }
  const time = own(object, 'timeMs')
  const identifiers = own(object, 'identifiers')
  return {
    format: 'canonical',
    name: 'canonical',
    // Device, instance and collector stand in the record itself.
    tags: object,
    fields,
    time,
    timeMs: typeof time === 'number' ? toTimeMs(time, 'ms') : NaN,
    identifiers: Array.isArray(identifiers)
      ? (identifiers as unknown[]).filter(item => typeof item === 'string')
      : []
  }
}

function decodeMetric(set: ProfileSet, metric: Metric, clock: Clock, outcome: Outcome): void {
  const plan = planFor(set, metric)
  if (plan === undefined) {
    outcome.unmapped++
    return
  }
  const identifiers = identifiersOf(plan, metric)
  if (identifiers.length === 0) {
    const tags = plan.device.map(key => key.tag).join(', ')
    spoil(outcome, 'no_device', `${plan.profile}: none of ${tags} names a device`)
    return
  }
  const instance = instanceOf(plan, metric)
  if (instance === undefined) {
    const tags = plan.instance.map(key => key.tag).join(', ')
    spoil(outcome, 'wrong_shape', `${plan.profile}: none of ${tags} names the instance`)
    return
  }
  const time = eventTime(plan, metric, clock)
  if (typeof time === 'string') {
    spoil(outcome, 'bad_time', `${plan.profile}: ${time}`)
    return
  }
  const slots: number[] = []
  const values: number[] = []
  const noReadings: number[] = []
  readSlots(plan, metric, slots, values, noReadings)
  outcome.groups.push({
    measurement: plan.index,
    identifiers,
    collector: collectorOf(plan, metric),
    instance,
    timeMs: time.timeMs,
    clamped: time.clamped,
    slots,
    values,
    noReadings
  })
}

/** Whose a metric is, by the rules that its record is decoded by. */
export interface Identified {
  readonly plan: MeasurementPlan
  readonly identifiers: readonly string[]
  readonly collector: string
  readonly instance: string
}

/** Whose a metric is; undefined where its record gives no group. Of the fields only the names count, and values that name an instance. */
export function identify(set: ProfileSet, metric: NamedMetric): Identified | undefined {
  const plan = planFor(set, metric)
  if (plan === undefined) return undefined
  const identifiers = identifiersOf(plan, metric)
  const instance = instanceOf(plan, metric)
  if (identifiers.length === 0 || instance === undefined) return undefined
  return { plan, identifiers, collector: collectorOf(plan, metric), instance }
}

function collectorOf(plan: MeasurementPlan, metric: NamedMetric): string {
  return usable(tag(metric, plan.collector)) ?? ''
}

/** The first measurement whose name and tags match and that knows one of the fields. */
function planFor(set: ProfileSet, metric: NamedMetric): MeasurementPlan | undefined {
  const { exact, wild } = set.byName[metric.format]
  const fits = (index: number): MeasurementPlan | undefined => {
    const plan = set.measurements[index]
    if (plan === undefined) return undefined
    for (const { tag: key, pattern } of plan.when) {
      const value = tag(metric, key)
      if (value === undefined || !matches(pattern, value)) return undefined
    }
    return plan.slots.some(slot => Object.hasOwn(metric.fields, slot.field)) ? plan : undefined
  }
  for (const index of exact.get(metric.name) ?? []) {
    const plan = fits(index)
    if (plan !== undefined) return plan
  }
  for (const { pattern, measurement } of wild) {
    const plan = matches(pattern, metric.name) ? fits(measurement) : undefined
    if (plan !== undefined) return plan
  }
  return undefined
}

/** Wildcards are matched against short texts only: their cost grows with a power of the length. */
function matches(pattern: RegExp, text: string): boolean {
  return text.length <= keyLengthMax && pattern.test(text)
}

/** Control characters and lone surrogates: a text with them names nothing. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const unprintable = /[\u0000-\u001f\u007f]|\p{Surrogate}/u

/** A name fit to be a key: trimmed, not empty, not too long, printable. */
function usable(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' || trimmed.length > keyLengthMax || unprintable.test(trimmed) ? undefined : trimmed
}

function keyValue(key: KeyPlan, text: string | undefined): string | undefined {
  let value = usable(text)
  if (value === undefined) return undefined
  if (key.pattern !== undefined) {
    value = usable(key.pattern.exec(value)?.[1])
    if (value === undefined) return undefined
  }
  return key.stripPort ? usable(withoutPort(value)) : value
}

/** `172.23.23.2:57400` and `[fe80::1]:57400` without the port; a bare IPv6 address stays as it is. */
export function withoutPort(address: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(address)?.[1]
  return bracketed ?? /^([^:]+):\d+$/.exec(address)?.[1] ?? address
}

function identifiersOf(plan: MeasurementPlan, metric: NamedMetric): readonly string[] {
  const found: string[] = []
  const add = (text: string | undefined): void => {
    if (text !== undefined && !found.includes(text)) found.push(text)
  }
  for (const key of plan.device) add(keyValue(key, tag(metric, key.tag)))
  for (const text of (metric.identifiers ?? []).slice(0, identifiersMax)) add(usable(text))
  return found
}

/** '' where the measurement has none; undefined where it must have one and does not. */
function instanceOf(plan: MeasurementPlan, metric: NamedMetric): string | undefined {
  for (const key of plan.instance) {
    const value = keyValue(key, tag(metric, key.tag))
    if (value !== undefined) return value
  }
  // A table's index may as well come as a field.
  for (const key of plan.instance) {
    const value = keyValue(key, keyText(own(metric.fields, key.tag)))
    if (value !== undefined) return value
  }
  return plan.instanceOptional ? '' : undefined
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/

function eventTime(
  plan: MeasurementPlan,
  metric: Metric,
  clock: Clock
): { timeMs: number; clamped: boolean } | string {
  let ms: number
  if (metric.time === undefined) {
    if (!(clock.recordTimestampMs > 0)) return 'no timestamp'
    ms = toTimeMs(clock.recordTimestampMs, 'ms')
  } else if (metric.timeMs !== undefined) ms = metric.timeMs
  else if (typeof metric.time === 'number') ms = toTimeMs(metric.time, plan.time)
  else if (typeof metric.time === 'string') {
    if (/^\d{1,20}$/.test(metric.time)) ms = toTimeMs(Number(metric.time), plan.time)
    else ms = rfc3339.test(metric.time) ? toTimeMs(Date.parse(metric.time), 'ms') : NaN
  } else ms = NaN
  if (Number.isNaN(ms)) return `absurd timestamp ${JSON.stringify(metric.time ?? clock.recordTimestampMs)}`
  if (ms < clock.nowMs - clock.policy.pastMsMax) return `timestamp ${ms} ms is older than the limit`
  const latest = clock.nowMs + clock.policy.futureMsMax
  return ms > latest ? { timeMs: latest, clamped: true } : { timeMs: ms, clamped: false }
}

/** Fills the three lists, ascending. */
function readSlots(
  plan: MeasurementPlan,
  metric: Metric,
  slots: number[],
  values: number[],
  noReadings: number[]
): void {
  for (let i = 0; i < plan.slots.length; i++) {
    const slot = plan.slots[i]
    if (slot === undefined || !Object.hasOwn(metric.fields, slot.field)) continue
    // Another field has given this signal already: a second sample of one series and time would be a twin.
    if (slot.earlier.length > 0 && slot.earlier.some(earlier => slots.includes(earlier))) continue
    const value = slotValue(slot, metric, metric.fields[slot.field])
    if (Number.isNaN(value)) noReadings.push(i)
    else {
      slots.push(i)
      values.push(value)
    }
  }
  if (plan.conditional) judgeTogether(plan, slots, values, noReadings)
}

/** What a reading is worth beside the record's others: zero_needs and becomes, by the values as first read. */
function judgeTogether(plan: MeasurementPlan, slots: number[], values: number[], noReadings: number[]): void {
  const bySignal = new Map(slots.map((slot, at) => [plan.slots[slot]?.signal, values[at]]))
  const holds = (test: CodeTest): boolean => test.codes.includes(bySignal.get(test.signal) ?? -1)
  for (let at = slots.length - 1; at >= 0; at--) {
    const slot = plan.slots[slots[at] ?? -1]
    const value = values[at]
    if (slot?.zeroNeeds !== undefined && value === 0 && !slot.zeroNeeds.some(holds)) {
      noReadings.push(...slots.splice(at, 1))
      noReadings.sort((a, b) => a - b)
      values.splice(at, 1)
      continue
    }
    const becomes = slot?.becomes?.find(rule => rule.from === value && rule.when.every(holds))
    if (becomes !== undefined) values[at] = becomes.to
  }
}

function slotValue(slot: Slot, metric: Metric, raw: unknown): number {
  let plan: SlotPlan = slot
  if (slot.unitFrom !== undefined) {
    const named = beside(metric, slot.unitFrom.key)
    if (named !== undefined) {
      const text = keyText(named)?.trim().toLowerCase() ?? ''
      const code = /\((\d+)\)$/.exec(text)?.[1]
      const chosen = slot.unitFrom.plans.get(code ?? text)
      if (chosen === undefined) return NaN
      plan = chosen
    }
  }
  if (slot.sensor !== undefined) return sensorValue(slot, slot.sensor, metric, raw)
  return rawValue(plan, raw)
}

function rawValue(plan: SlotPlan, raw: unknown): number {
  if (typeof raw === 'number') return convert(plan, raw)
  if (typeof raw === 'string') return convertText(plan, raw)
  if (typeof raw === 'boolean') return plan.names?.get(String(raw)) ?? NaN
  return NaN
}

/** What stands beside the value, in a field or a tag. */
function beside(metric: Metric, key: string): unknown {
  return own(metric.fields, key) ?? own(metric.tags, key)
}

/** SensorDataScale of ENTITY-SENSOR-MIB: powers of ten by code; exa and peta stand in that order in the MIB. */
const scaleExponents: readonly (readonly [string, number])[] = [
  ['yocto', -24],
  ['zepto', -21],
  ['atto', -18],
  ['femto', -15],
  ['pico', -12],
  ['nano', -9],
  ['micro', -6],
  ['milli', -3],
  ['units', 0],
  ['kilo', 3],
  ['mega', 6],
  ['giga', 9],
  ['tera', 12],
  ['exa', 18],
  ['peta', 15],
  ['zetta', 21],
  ['yotta', 24]
]

/** CISCO-ENTITY-SENSOR-MIB types that a signal of this unit may come in, and the factor to the canonical unit. */
const sensorTypes: Readonly<
  Record<string, readonly (readonly [code: number, name: string, factor: number])[]>
> = {
  dBm: [
    [14, 'dbm', 1],
    [6, 'watts', 1000]
  ],
  '°C': [[8, 'celsius', 1]],
  V: [
    [4, 'voltsdc', 1],
    [3, 'voltsac', 1]
  ],
  mA: [[5, 'amperes', 1000]]
}

/** value · 10^(−precision) · 10^scale, of the type it says it is; without a precision it cannot be read. */
function sensorValue(slot: Slot, keys: SensorKeys, metric: Metric, raw: unknown): number {
  const text = typeof raw === 'string' ? raw.trim() : raw
  const value = typeof text === 'string' && /^[+-]?\d{1,15}$/.test(text) ? Number(text) : text
  // ±10^9 says over- and underflow.
  if (typeof value !== 'number' || Math.abs(value) >= 1e9) return NaN
  const status = coded(beside(metric, keys.status), ['ok', 'unavailable', 'nonoperational'])
  if (status !== undefined && status !== 1) return NaN
  const precision = coded(beside(metric, keys.precision), [])
  if (precision === undefined || !(Math.abs(precision) <= 9)) return NaN
  const scale = coded(
    beside(metric, keys.scale),
    scaleExponents.map(([name]) => name)
  )
  const exponent = scale === undefined ? 0 : scaleExponents[scale - 1]?.[1]
  if (exponent === undefined) return NaN
  const known = sensorTypes[signals[slot.signal]?.unit ?? ''] ?? []
  const type = beside(metric, keys.type)
  const fitting =
    type === undefined
      ? known[0]
      : known.find(([code, name]) => coded(type, []) === code || nameOf(type) === name)
  if (fitting === undefined) return NaN
  const [, name, factor] = fitting
  const shift = exponent - precision
  // Dividing by a whole power keeps -53 with one decimal place at -5.3.
  const real = (shift < 0 ? value / 10 ** -shift : value * 10 ** shift) * factor
  if (name === 'watts') return convert({ ...slot, conversion: 'milliwatt', mul: 1, div: 1 }, real)
  return convert(slot, real)
}

/** The code of `3`, `"3"`, `"ok(1)"` or a name of the list (whose first is 1); NaN for anything else. */
function coded(value: unknown, names: readonly string[]): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return NaN
  const text = value.trim().toLowerCase()
  const code = /^(?:[^()]*\()?(-?\d{1,10})\)?$/.exec(text)?.[1]
  if (code !== undefined) return Number(code)
  const position = names.indexOf(text)
  return position < 0 ? NaN : position + 1
}

function nameOf(value: unknown): string {
  return typeof value === 'string'
    ? value
        .trim()
        .toLowerCase()
        .replace(/\(\d+\)$/, '')
    : ''
}
