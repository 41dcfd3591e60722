import { toTimeMs } from './convert.ts'
import type { Decoded, DecodedGroup } from './decoded.ts'
import type { RejectReason } from '../evaluation.ts'
import { goneBy } from './deletes.ts'
import { jsonFormatsInOrder, textFormats } from './formats/formats.ts'
import { collectorOf, identifiersOf, instanceOf, namesOf, planFor } from './identify.ts'
import { isObject, kindOf, own, type Bad, type Deletion, type Json, type Metric } from './metric.ts'
import type { MeasurementPlan, ProfileSet } from './plan.ts'
import { readSlots, unreadable } from './readings.ts'

/**
 * The reference decoder: one record's value to groups of canonical readings, by the record
 * formats (formats/) and the profiles.
 * It is what a faster scanner falls back to and is compared with, so every decision is made here or in convert.ts.
 * It never throws: what is wrong with a record is a value.
 */

export interface DecodePolicy {
  /** An event time further ahead of the clock than this is set back to the record's own time, and said to be clamped. */
  readonly futureMsMax: number
  /** An event time further behind the clock than this is absurd. */
  readonly pastMsMax: number
  /** Deepest nesting of objects and arrays; checked over the bytes before anything is parsed. */
  readonly depthMax: number
  readonly valueBytesMax: number
}

export interface Decoder {
  /**
   * `recordTimestampMs` is the Kafka record's own time, used where the value has none or one that cannot be (0 or less: not
   * known); `nowMs` is the wall clock that skew is judged by.
   */
  decode(value: Uint8Array, recordTimestampMs: number, nowMs: number): Decoded
}

const detailLengthMax = 200

/**
 * Hears of each metric of a record what was made of it: its groups, or what is wrong with it, or neither where no profile takes it.
 * A metric that could not be told from the rest of the record is undefined.
 */
export type DecodingListener = (
  metric: Metric | undefined,
  groups: readonly DecodedGroup[],
  wrong: Bad | undefined
) => void

interface Outcome {
  readonly groups: DecodedGroup[]
  readonly hear: DecodingListener | undefined
  /** Where the metric in hand stands in the record; '' where its format does not say. */
  place: string
  unmapped: number
  bad: number
  firstBad: Bad | undefined
  lastBad: Bad | undefined
}

/** `hear` is for who explains a record; it must not throw. */
export function createDecoder(set: ProfileSet, policy: DecodePolicy, hear?: DecodingListener): Decoder {
  // Fatal: invalid UTF-8 is not repaired into something that was never sent.
  const utf8 = new TextDecoder('utf-8', { fatal: true })

  function decode(value: Uint8Array, recordTimestampMs: number, nowMs: number): Decoded {
    if (value.length > policy.valueBytesMax)
      return reject('too_large', `${value.length} bytes, more than ${policy.valueBytesMax}`)
    const textFormat = textFormats.find(format => format.recognises(value))
    const scanned = textFormat === undefined ? scan(value, policy.depthMax) : scanForNul(value)
    if (scanned !== undefined) return reject(scanned.reason, scanned.detail)
    let text: string
    try {
      text = utf8.decode(value)
    } catch {
      return reject(textFormat === undefined ? 'not_json' : 'bad_line', 'invalid UTF-8')
    }
    if (text.trim() === '') return reject('empty', 'no value')
    const outcome: Outcome = {
      groups: [],
      hear,
      place: '',
      unmapped: 0,
      bad: 0,
      firstBad: undefined,
      lastBad: undefined
    }
    const clock: Clock = { recordTimestampMs, nowMs, policy }
    try {
      if (textFormat === undefined)
        documents(text, outcome, document => take(set, document, clock, outcome, true))
      else
        textFormat.read(text, (found, place) => {
          outcome.place = place
          takeMetric(set, found, clock, outcome)
        })
    } catch (error) {
      // Nothing above throws by design; if it does, the record alone pays for it.
      return reject(
        'wrong_shape',
        `decoder failed: ${error instanceof Error ? error.message : String(error)}`
      )
    }
    const { groups, unmapped, bad, firstBad } = outcome
    if (firstBad !== undefined && groups.length === 0) return reject(firstBad.reason, firstBad.detail)
    if (groups.length === 0 && unmapped === 0) return reject('empty', 'no metric in it')
    return {
      ok: true,
      groups,
      unmapped,
      ...(textFormat === undefined ? {} : { format: textFormat.name }),
      ...(firstBad === undefined ? {} : { partial: { ...cut(firstBad), metrics: bad } })
    }
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
  outcome.lastBad = { reason, detail: outcome.place === '' ? detail : `${outcome.place}: ${detail}` }
  outcome.firstBad ??= outcome.lastBad
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

function scanForNul(value: Uint8Array): Bad | undefined {
  const at = value.indexOf(0)
  return at < 0 ? undefined : { reason: 'bad_line', detail: `NUL byte at ${at}` }
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
  takeMetric(set, metricOf(document), clock, outcome)
}

function takeMetric(set: ProfileSet, metric: Metric | Bad | undefined, clock: Clock, outcome: Outcome): void {
  const { groups, bad } = outcome
  const before = groups.length
  const isMetric = metric !== undefined && !('reason' in metric)
  if (metric === undefined) outcome.unmapped++
  else if ('reason' in metric) spoil(outcome, metric.reason, metric.detail)
  else decodeMetric(set, metric, clock, outcome)
  outcome.hear?.(
    isMetric ? metric : undefined,
    groups.slice(before),
    outcome.bad > bad ? outcome.lastBad : undefined
  )
}

/** Which of the known formats it is; undefined for what is known but carries no reading (an event of Zabbix). */
function metricOf(object: Json): Metric | Bad | undefined {
  for (const format of jsonFormatsInOrder) if (format.recognises(object)) return format.read(object)
  return {
    reason: 'wrong_shape',
    detail: `no known format has the keys ${Object.keys(object).slice(0, 8).join(', ')}`
  }
}

function decodeMetric(set: ProfileSet, metric: Metric, clock: Clock, outcome: Outcome): void {
  const goneBefore = outcome.groups.length
  for (const deletion of metric.deletions ?? []) takeDeletion(set, metric, deletion, clock, outcome)
  if (outcome.groups.length > goneBefore && Object.keys(metric.fields).length === 0) return
  const plan = planFor(set, metric)
  if (plan === undefined) {
    // A collector polls many fields that nobody here asks for; our own format must have a signal that is known.
    if (metric.format === 'canonical') spoil(outcome, 'no_reading', noSignal(metric))
    else outcome.unmapped++
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
  if (slots.length === 0) {
    const why = unreadable(plan, metric, noReadings)
    // The group stands all the same: its device was heard.
    if (why !== undefined) spoil(outcome, 'no_reading', `${plan.profile}: ${why}`)
  }
  outcome.groups.push({
    measurement: plan.index,
    identifiers,
    collector: collectorOf(plan, metric),
    instance,
    names: namesOf(plan, metric),
    timeMs: time.timeMs,
    clamped: time.clamped,
    aheadMs: time.aheadMs,
    slots,
    values,
    noReadings
  })
}

/** A group of what is gone: it has no reading. */
function takeDeletion(
  set: ProfileSet,
  metric: Metric,
  deletion: Deletion,
  clock: Clock,
  outcome: Outcome
): void {
  for (const { plan, identifiers, instance, slots } of goneBy(set, metric, deletion)) {
    const time = eventTime(plan, metric, clock)
    if (typeof time === 'string') {
      spoil(outcome, 'bad_time', `${plan.profile}: ${time}`)
      return
    }
    outcome.groups.push({
      measurement: plan.index,
      identifiers,
      collector: collectorOf(plan, metric),
      instance,
      names: namesOf(plan, metric),
      timeMs: time.timeMs,
      clamped: time.clamped,
      slots: [],
      values: [],
      noReadings: [],
      gone: slots
    })
  }
}

function noSignal({ fields }: Metric): string {
  const names = Object.keys(fields)
  return names.length === 0 ? '"signals" is empty' : `no known signal among ${names.slice(0, 8).join(', ')}`
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/

function eventTime(
  plan: MeasurementPlan,
  metric: Metric,
  clock: Clock
): { timeMs: number; clamped: boolean; aheadMs?: number } | string {
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
  if (ms <= clock.nowMs + clock.policy.futureMsMax) return { timeMs: ms, clamped: false }
  // The device's clock is wrong. When Kafka took the record is the best that is known, and reads the same every time.
  const { recordTimestampMs: takenMs, nowMs, policy } = clock
  const isTakenBelievable = takenMs >= nowMs - policy.pastMsMax && takenMs <= nowMs
  const timeMs = isTakenBelievable ? takenMs : nowMs
  return { timeMs, clamped: true, aheadMs: ms - timeMs }
}
