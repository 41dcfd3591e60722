import { evaluateSample } from '../rules/kernel.ts'
import type { ProgramTable } from '../rules/program.ts'
import { unassigned } from '../rules/series-state.ts'
import type { Decoded, DecodedGroup, MeasurementInfo } from '../schemas/decoded.ts'
import type {
  EvaluationResult,
  EvaluationTask,
  NewEntity,
  RangeOutcome,
  Reject,
  RejectReason,
  TaskRange
} from '../schemas/evaluation.ts'
import { createCandidateList, packNewSeries } from '../schemas/findings.ts'
import type { DecodePolicy } from '../schemas/decode.ts'
import type { ProfileSet } from '../schemas/profile.ts'
import { createBatchWalker, type RecordVisitor } from '../schemas/record-batch.ts'
import { signals } from '../schemas/signals.ts'
import { createColumns, reserveRows, takeBlock } from './columns.ts'
import { createLayouts, type Layout, type SeriesSet } from './layouts.ts'
import { createScanner } from './scan.ts'
import { entityId, signalBits } from './series-id.ts'
import type { SharedState } from './shared-state.ts'
import { absent, tableFull } from './shared-table.ts'

/**
 * Evaluation of one task, in two passes. The first decodes every record and writes its rows, and changes nothing that
 * is shared but for making series known: a record that kills the worker leaves no half-applied state behind, so the
 * task can be run again. The second goes over the rows and judges each against its series' state; it is plain
 * arithmetic over arrays, and its loads do not wait for one another.
 */

/** What the evaluator needs of the reference decoder (schemas/decode.ts). */
export interface RecordDecoder {
  decode(value: Uint8Array, recordTimestampMs: number, nowMs: number): Decoded
}

/** A measurement as the profiles have it; the format is counted where it is known. */
export type EvaluatedMeasurement = MeasurementInfo & { readonly format?: string }

export interface EvaluatorLimits {
  readonly verifyCrc: boolean
  /** One batch after decompression. */
  readonly decompressedBytesMax: number
  /** Bytes of a rejected value (or damaged batch) that go to the dead letter. */
  readonly deadLetterBytesMax: number
}

export interface EvaluatorOptions {
  readonly measurements: readonly EvaluatedMeasurement[]
  readonly decoder: RecordDecoder
  readonly shared: SharedState
  readonly programs: ProgramTable
  readonly limits: EvaluatorLimits
  /** The profiles whose measurements these are: then known records take the scanner instead of the decoder. */
  readonly scanning?: { readonly profiles: ProfileSet; readonly policy: DecodePolicy }
  /** Called with every value before it is decoded. For tests that make a worker fail on a certain value. */
  readonly beforeRecord?: (bytes: Uint8Array, valueAt: number, valueLength: number, offset: number) => void
}

export interface Evaluator {
  /**
   * Synchronous and complete; throws only where the program itself is at fault. The bytes of the task are not kept.
   * `atRange` is told of each range before it is begun. The rows go into `rows` when they fit, else into memory made here.
   */
  evaluate(
    task: EvaluationTask,
    atRange?: (index: number) => void,
    rows?: SharedArrayBuffer
  ): EvaluationResult
}

/** What is told of an entity: of each task's first record of it that has a series without a program, and more of its series. */
interface Announced extends NewEntity {
  readonly series: number[]
  readonly signals: number[]
}

const keyScratchBytes = 4096

/** Runs of series of one entity: the record's it is met by, those it is without, and all that are left. */
const runsMax = 3

/** What tells the series of one entity apart, by signal. */
const bitsOfSignal = signals.map(({ name }) => signalBits(name))

/** Value of an alias that does not say by itself what its record is of. */
const notWhole = 0x7fffffff

/** Bit beside the set of an entity's first run: it is of the device itself, so a field may still name an instance. */
const withoutInstance = 0x40000000

export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { decoder, shared, programs, limits, beforeRecord } = options
  const { series: state, devices, seriesIds } = shared
  const walker = createBatchWalker(limits)
  const columns = createColumns()
  const encoder = new TextEncoder()
  const key = new Uint8Array(keyScratchBytes)
  const layouts = createLayouts(options.measurements, shared)

  const { scanning } = options
  const scanner = scanning === undefined ? undefined : createScanner(scanning.policy)
  /** Series of the readings of the record in hand. */
  const found = new Int32Array(scanner?.fields.slots.length ?? 0)
  let aliasesFull = false

  // What the record under evaluation belongs to; set by the walk, read by everything below.
  let topic = ''
  let partition = 0
  let offset = 0
  let timeMs = 0
  let nowMs = 0
  let isAliasNew = false
  /** Row under judgement in the second pass. */
  let row = 0

  const candidates = createCandidateList()
  let rejects: Reject[] = []
  /** Entities with series that are not assigned yet, by their first series. */
  const announced = new Map<number, Announced>()
  let counts: TaskCounts = zeroCounts()
  const formats = new Map<string, number>()
  const rejected = new Map<RejectReason, number>()

  const emit = (condition: number, on: boolean): void =>
    candidates.add(row, columns.series[row]!, condition, on)

  const reject = (
    reason: RejectReason,
    detail: string,
    keyBytes: Uint8Array | null,
    valueBytes: Uint8Array | null
  ): void => {
    rejected.set(reason, (rejected.get(reason) ?? 0) + 1)
    rejects.push({
      topic,
      partition,
      offset,
      reason,
      detail,
      key: keyBytes?.slice(0, limits.deadLetterBytesMax) ?? null,
      value: valueBytes?.slice(0, limits.deadLetterBytesMax) ?? null,
      valueBytes: valueBytes?.length ?? 0
    })
  }

  /** Writes the key of an entity; its length. */
  const writeKey = (
    layout: Layout,
    identifier: string,
    instance: string
  ): { deviceEnd: number; end: number } => {
    key[0] = layout.number
    key[1] = layout.number >>> 8
    key[2] = layout.number >>> 16
    key[3] = 0
    const deviceEnd = 4 + encoder.encodeInto(identifier, key.subarray(4)).written
    key[deviceEnd] = 0
    const end = deviceEnd + 1 + encoder.encodeInto(instance, key.subarray(deviceEnd + 1)).written
    return { deviceEnd, end }
  }

  /** Makes neighbouring series for the signals of a set; the first one's index, or -1 at the limit of series. */
  const makeRun = (set: SeriesSet, device: number, identifier: string, instance: string): number => {
    const first = shared.takeSeries(set.signals.length)
    if (first < 0) return first
    const { hi, lo } = entityId(identifier, instance)
    set.signals.forEach((signal, i) => {
      seriesIds[(first + i) * 2] = lo ^ bitsOfSignal[signal]!
      seriesIds[(first + i) * 2 + 1] = hi
      state.device[first + i] = device
      state.program[first + i] = unassigned
    })
    shared.seriesLayouts[first] = set.number | (instance === '' ? withoutInstance : 0)
    return first
  }

  /** First series of the group's entity, made when it is new; negative when the limit of series is reached. */
  const entityOf = (layout: Layout, group: DecodedGroup): number => {
    const { instance, slots, noReadings } = group
    const identifier = group.identifiers[0]!
    const { deviceEnd, end } = writeKey(layout, identifier, instance)
    const known = shared.entities.find(key, 0, end)
    if (known >= 0) return known
    const device = shared.deviceTable.insert(key, 4, deviceEnd, shared.takeDevice)
    const places = new Set((slots.length > 0 ? slots : noReadings).map(slot => layout.placeOfSlot[slot]!))
    // A record without any field a signal is read from says nothing of what the entity has.
    const set = places.size > 0 ? layouts.setOf(layout, [...places]) : layouts.set(layout.number)!
    return shared.entities.insert(key, 0, end, () => makeRun(set, device, identifier, instance))
  }

  const setOfRun = (run: number): SeriesSet | undefined =>
    layouts.set(shared.seriesLayouts[run]! & ~withoutInstance)

  /** Series of a slot in any run of the entity, or -1 when it has none yet. */
  const seriesOf = (first: number, slot: number): number => {
    for (let run = first; run >= 0; run = Atomics.load(shared.nextRuns, run) - 1) {
      const at = setOfRun(run)?.seriesOfSlot[slot] ?? -1
      if (at >= 0) return run + at
    }
    return -1
  }

  /** Makes series for the signals of the group that its entity has had no reading of so far. */
  const extend = (layout: Layout, group: DecodedGroup, first: number): void => {
    const identifier = group.identifiers[0]!
    const { end } = writeKey(layout, identifier, group.instance)
    for (let more = 1; more <= runsMax - 1; more++) {
      if (group.slots.every(slot => seriesOf(first, slot) >= 0)) return
      // Under the table's lock and by a key of its own: two workers do not make the same run.
      key[3] = more
      shared.entities.insert(key, 0, end, () => {
        let last = first
        for (let next = first; next >= 0; next = shared.nextRuns[next]! - 1) last = next
        const slots = more === runsMax - 1 ? layout.placeOfSlot.keys() : group.slots
        const missing = [...slots].filter(slot => seriesOf(first, slot) < 0)
        // Linked already by a worker that died before its key was there.
        if (missing.length === 0) return last
        const places = new Set(missing.map(slot => layout.placeOfSlot[slot]!))
        const made = makeRun(
          layouts.setOf(layout, [...places]),
          state.device[first]!,
          identifier,
          group.instance
        )
        if (made >= 0) Atomics.store(shared.nextRuns, last, made + 1)
        return made
      })
    }
  }

  const announce = (layout: Layout, group: DecodedGroup, first: number): Announced => {
    let entity = announced.get(first)
    if (entity === undefined) {
      const { identifiers, collector, instance } = group
      const { profile } = layout.info
      const device = state.device[first]!
      entity = { identifiers, collector, instance, profile, device, series: [], signals: [] }
      announced.set(first, entity)
    }
    return entity
  }

  const describe = (entity: Announced, series: number, signal: number): void => {
    if (entity.series.includes(series)) return
    entity.series.push(series)
    entity.signals.push(signal)
  }

  /** Doing it twice does no harm, so it may be done in the first pass. A record without a reading counts too. */
  const seen = (device: number): void => {
    if (device < 0) return
    devices.lastSeenMs[device] = nowMs
  }

  /** Returns the entity's first series. */
  const takeGroup = (group: DecodedGroup): number => {
    const layout = layouts.all[group.measurement]!
    timeMs = group.timeMs
    const { slots, values } = group
    for (const slot of group.noReadings) layout.noReadings[slot]!++
    if (group.clamped) counts.clamped++
    const first = entityOf(layout, group)
    if (first >= 0) seen(state.device[first]!)
    if (first >= 0 && slots.some(slot => seriesOf(first, slot) < 0)) extend(layout, group, first)
    reserveRows(columns, slots.length)
    counts.samples += slots.length
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!
      const { signal } = layout.info.slots[slot]!
      const series = first < 0 ? -1 : seriesOf(first, slot)
      if (series < 0) {
        counts.seriesOverflow++
        const { hi, lo } = entityId(group.identifiers[0]!, group.instance)
        writeRow(-1, (lo ^ bitsOfSignal[signal]!) >>> 0, hi, values[i]!)
        continue
      }
      if (state.program[series]! < 0) describe(announce(layout, group, first), series, signal)
      writeRow(series, seriesIds[series * 2]!, seriesIds[series * 2 + 1]!, values[i]!)
    }
    return first
  }

  const writeRow = (series: number, idLo: number, idHi: number, sample: number): void => {
    const at = columns.rows++
    const word = at * 2
    columns.series[at] = series
    columns.seriesWords[word] = idLo
    columns.seriesWords[word + 1] = idHi
    const timeHi = Math.floor(timeMs / 4294967296)
    columns.timeWords[word] = timeMs - timeHi * 4294967296
    columns.timeWords[word + 1] = timeHi
    columns.value[at] = sample
    const offsetHi = Math.floor(offset / 4294967296)
    columns.offsetWords[word] = offset - offsetHi * 4294967296
    columns.offsetWords[word + 1] = offsetHi
  }

  /**
   * The short way of a record: scanned, known by its alias, every series of it assigned or of an entity that this task has
   * announced. False leaves it to the reference decoder; nothing has been written then. `isAliasNew` then says whether its
   * alias may be learnt.
   */
  const takeScanned = (bytes: Uint8Array, from: number, to: number, recordMs: number): boolean => {
    isAliasNew = false
    if (scanner === undefined || scanning === undefined || !scanner.scan(bytes, from, to, recordMs))
      return false
    const { aliasBytes, aliasFrom, aliasTo } = scanner.found
    const first = shared.aliases.find(aliasBytes, aliasFrom, aliasTo)
    if (first === absent) isAliasNew = !aliasesFull
    if (first < 0 || first === notWhole) return false
    const word = shared.seriesLayouts[first]!
    const set = layouts.set(word & ~withoutInstance)
    if (set === undefined) return false
    const { layout, seriesOfSlot } = set
    const plan = scanning.profiles.measurements[layout.index]!
    if (!scanner.read(plan, nowMs, (word & withoutInstance) !== 0)) return false
    const { readings, slots, values, noReadings, noReadingCount, timeMs: eventMs } = scanner.fields
    let entity: Announced | undefined
    for (let i = 0; i < readings; i++) {
      const at = seriesOfSlot[slots[i]!]!
      const series = at >= 0 ? first + at : seriesOf(first, slots[i]!)
      if (series < 0) return false
      found[i] = series
      if (state.program[series]! >= 0 || entity !== undefined) continue
      entity = announced.get(first)
      if (entity === undefined) return false
    }
    timeMs = eventMs
    for (let i = 0; i < noReadingCount; i++) layout.noReadings[noReadings[i]!]!++
    counts.samples += readings
    counts.scanned++
    layout.scanned++
    seen(state.device[first]!)
    reserveRows(columns, readings)
    // As writeRow, but what the rows have in common is split into words once.
    const { rows, series: seriesOfRow, seriesWords, timeWords, value, offsetWords } = columns
    columns.rows = rows + readings
    const timeHi = Math.floor(eventMs / 4294967296)
    const timeLo = eventMs - timeHi * 4294967296
    const offsetHi = Math.floor(offset / 4294967296)
    const offsetLo = offset - offsetHi * 4294967296
    for (let i = 0; i < readings; i++) {
      const series = found[i]!
      const at = rows + i
      seriesOfRow[at] = series
      value[at] = values[i]!
      seriesWords[at * 2] = seriesIds[series * 2]!
      seriesWords[at * 2 + 1] = seriesIds[series * 2 + 1]!
      timeWords[at * 2] = timeLo
      timeWords[at * 2 + 1] = timeHi
      offsetWords[at * 2] = offsetLo
      offsetWords[at * 2 + 1] = offsetHi
    }
    if (entity !== undefined) describeUnassigned(entity, layout, readings, slots)
    return true
  }

  /** More of an entity that this task has announced; `found` has the series of the slots. */
  const describeUnassigned = (entity: Announced, layout: Layout, count: number, slots: Int32Array): void => {
    for (let i = 0; i < count; i++) {
      const series = found[i]!
      if (state.program[series]! < 0) describe(entity, series, layout.info.slots[slots[i]!]!.signal)
    }
  }

  /**
   * Remembers whether the alias of the record just scanned, and then decoded to `group` of the entity whose first series is
   * `first`, is enough to know it by.
   */
  const learnAlias = (recordMs: number, group: DecodedGroup, first: number): void => {
    if (scanner === undefined || scanning === undefined || first < 0) return
    const { aliasBytes, aliasFrom, aliasTo } = scanner.found
    const proof = scanner.prove(scanning.profiles.measurements[group.measurement]!, scanning.profiles, nowMs)
    const isWhole = typeof proof === 'boolean' ? proof : isSame(decoder.decode(proof, recordMs, nowMs), group)
    const made = shared.aliases.insert(aliasBytes, aliasFrom, aliasTo, () => (isWhole ? first : notWhole))
    if (made === tableFull) aliasesFull = true
  }

  const visitor: RecordVisitor = {
    record(bytes, keyAt, keyLength, valueAt, valueLength, at, recordTimestampMs) {
      offset = at
      counts.records++
      if (valueLength <= 0) {
        if (valueLength < 0) counts.tombstones++
        else
          reject(
            'empty',
            'the record has an empty value',
            bytesOrNull(bytes, keyAt, keyLength),
            new Uint8Array(0)
          )
        return
      }
      counts.bytes += valueLength
      beforeRecord?.(bytes, valueAt, valueLength, at)
      if (takeScanned(bytes, valueAt, valueAt + valueLength, recordTimestampMs)) return
      const raw = bytes.subarray(valueAt, valueAt + valueLength)
      const decoded = decoder.decode(raw, recordTimestampMs, nowMs)
      counts.decoded++
      if (!decoded.ok) {
        reject(decoded.reason, decoded.detail, bytesOrNull(bytes, keyAt, keyLength), raw)
        return
      }
      counts.unmapped += decoded.unmapped
      const { partial, groups } = decoded
      if (partial !== undefined) {
        counts.partial++
        const detail = `${partial.metrics} of the record's metrics, the others are stored: ${partial.detail}`
        reject(partial.reason, detail, bytesOrNull(bytes, keyAt, keyLength), raw)
      }
      if (groups.length === 0) return
      const format = layouts.all[groups[0]!.measurement]!.info.format
      if (format !== undefined) formats.set(format, (formats.get(format) ?? 0) + 1)
      let first = -1
      for (const group of groups) first = takeGroup(group)
      if (isAliasNew && groups.length === 1 && decoded.unmapped === 0 && partial === undefined) {
        learnAlias(recordTimestampMs, groups[0]!, first)
      }
    },
    corrupt(firstOffset, lastOffset, detail, bytes) {
      offset = firstOffset
      const records =
        firstOffset === lastOffset ? `offset ${firstOffset}` : `offsets ${firstOffset}..${lastOffset}`
      reject('corrupt_batch', `${records} cannot be read: ${detail}`, null, bytes)
    }
  }

  /** The second pass over the rows of one range. */
  const judge = (rowEnd: number): void => {
    const { series: seriesOfRow, timeWords, value } = columns
    for (; row < rowEnd; row++) {
      const series = seriesOfRow[row]!
      if (series < 0) continue
      if (state.program[series]! < 0) emit(unassigned, false)
      else evaluateSample(programs, state, series, value[row]!, fromWords(timeWords, row), emit)
    }
  }

  const decodeRange = (range: TaskRange): RangeOutcome => {
    topic = range.topic
    partition = range.partition
    const rowStart = columns.rows
    const recordsBefore = counts.records
    walker.walk(range.bytes, range.firstOffset, range.lastOffset, visitor)
    return {
      topic,
      partition,
      firstOffset: range.firstOffset,
      lastOffset: range.lastOffset,
      records: counts.records - recordsBefore,
      rowStart,
      rowEnd: columns.rows
    }
  }

  const reset = (): void => {
    columns.rows = 0
    candidates.clear()
    rejects = []
    announced.clear()
    counts = zeroCounts()
    formats.clear()
    rejected.clear()
    for (const layout of layouts.all) {
      layout.noReadings.fill(0)
      layout.scanned = 0
    }
  }

  return {
    evaluate(task, atRange, rows) {
      // A task before this one may have ended by an exception.
      reset()
      nowMs = task.nowMs
      const ranges = task.ranges.map((range, index) => {
        atRange?.(index)
        return decodeRange(range)
      })
      row = 0
      for (const range of ranges) {
        topic = range.topic
        partition = range.partition
        judge(range.rowEnd)
      }
      return {
        ranges,
        block: takeBlock(columns, rows),
        candidates: candidates.take(),
        newSeries: packNewSeries([...announced.values()]),
        rejects,
        counts: namedCounts(counts, formats, rejected, layouts.all)
      }
    }
  }
}

/** The 64-bit integer of a row, exact up to 2^53. */
const fromWords = (words: Uint32Array, row: number): number =>
  words[row * 2]! + words[row * 2 + 1]! * 4294967296
const isSame = (decoded: Decoded, { measurement, identifiers, instance }: DecodedGroup): boolean =>
  decoded.ok &&
  decoded.groups.length === 1 &&
  decoded.groups[0]!.measurement === measurement &&
  decoded.groups[0]!.identifiers[0] === identifiers[0] &&
  decoded.groups[0]!.instance === instance

const bytesOrNull = (bytes: Uint8Array, at: number, length: number): Uint8Array | null =>
  length < 0 ? null : bytes.subarray(at, at + length)

/** What one task counts; `scanned` records took the scanner, `decoded` ones the reference decoder. */
export interface TaskCounts {
  records: number
  bytes: number
  samples: number
  scanned: number
  decoded: number
  tombstones: number
  unmapped: number
  clamped: number
  partial: number
  seriesOverflow: number
}

const zeroCounts = (): TaskCounts => ({
  records: 0,
  bytes: 0,
  samples: 0,
  scanned: 0,
  decoded: 0,
  tombstones: 0,
  unmapped: 0,
  clamped: 0,
  partial: 0,
  seriesOverflow: 0
})

/** Prefixes of the keys of EvaluationResult.counts that have a label: `format.telegraf`, `noReading.if-mib.ifOperStatus`. */
export const formatPrefix = 'format.'
export const rejectPrefix = 'reject.'
export const noReadingPrefix = 'noReading.'

function namedCounts(
  counts: TaskCounts,
  formats: Map<string, number>,
  rejected: ReadonlyMap<RejectReason, number>,
  layouts: readonly Layout[]
): Record<string, number> {
  const named: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts) as [string, number][]) if (count > 0) named[name] = count
  for (const { info, scanned } of layouts) {
    if (scanned === 0 || info.format === undefined) continue
    formats.set(info.format, (formats.get(info.format) ?? 0) + scanned)
  }
  for (const [format, count] of formats) named[formatPrefix + format] = count
  for (const [reason, count] of rejected) named[rejectPrefix + reason] = count
  for (const { info, noReadings } of layouts) {
    noReadings.forEach((count, slot) => {
      if (count === 0) return
      const name = `${noReadingPrefix}${info.profile}.${info.slots[slot]!.field}`
      named[name] = (named[name] ?? 0) + count
    })
  }
  return named
}
