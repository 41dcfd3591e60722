import { evaluateSample } from '../rules/kernel.ts'
import { programTableOver } from '../rules/program.ts'
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
import { createBatchWalker, type RecordRun, type RecordVisitor } from '../schemas/record-batch.ts'
import { signals } from '../schemas/signals.ts'
import { proveAlias } from './aliases.ts'
import { openDesk } from './desk.ts'
import { createKernelForms, formatsOfKernel } from './kernel-forms.ts'
import { bufferReaching } from './kernel-memory.ts'
import { lz4BlockOf, openKernel } from './kernel.ts'
import {
  attention,
  attentionMax,
  countBytes,
  countRecords,
  countSamples,
  countScanned,
  deskOffset,
  deskRange,
  foundAliasFrom,
  foundAliasTo,
  foundFormat,
  foundPlace,
  foundRawTime,
  notWhole,
  runAppendTimeMs,
  runAt,
  runBaseOffset,
  runBaseTimeMs,
  runEnd,
  runFirstOffset,
  runLastOffset,
  runLeft,
  runMark,
  runNextOffset,
  runNowMs,
  runRows,
  stopDone,
  stopFirst,
  stopNewAlias,
  stopPlace,
  stopRows,
  stopSecond,
  stopSet,
  stopShape,
  stopText,
  stopThird,
  withoutInstance
} from './kernel/layout.ts'
import { createLayouts, type Layout, type SeriesSet } from './layouts.ts'
import { entityId, signalBits } from './series-id.ts'
import type { SharedState } from './shared-state.ts'
import { tableFull } from './shared-table.ts'

/**
 * Evaluation of one task, in two passes. The first decodes every record and writes its rows, and changes nothing that
 * is shared but for making series known: a record that kills the worker leaves no half-applied state behind, so the
 * task can be run again. The second goes over the rows and judges each against its series' state; it is plain
 * arithmetic over arrays, and its loads do not wait for one another.
 *
 * Nearly every record is written as expected and of series that are known: those go through the kernel (workers/kernel/), which
 * stops at whatever is new or odd. What it can learn it is taught (kernel-forms.ts), everything else is decoded here.
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
  readonly limits: EvaluatorLimits
  /** The profiles whose measurements these are: then known records take the kernel instead of the decoder. */
  readonly scanning?: { readonly profiles: ProfileSet; readonly policy: DecodePolicy }
  /** Called with every value before it is decoded. For tests that make a worker fail on a certain value. */
  readonly beforeRecord?: (bytes: Uint8Array, valueAt: number, valueLength: number, offset: number) => void
}

export interface Evaluator {
  /**
   * Synchronous and complete; throws only where the program itself is at fault. The bytes of the task are not kept.
   * `desk` is the number of the desk to work at, which says where the task is (deskRange, deskOffset), also to others. The
   * rows go into `rows` when they fit, else into memory made here.
   */
  evaluate(task: EvaluationTask, desk?: number, rows?: SharedArrayBuffer): EvaluationResult
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

/** Nesting of the deepest format that the kernel knows. */
const depthMin = 3

/** As many records as there are. */
const recordsAtOnce = 0x7fffffff

export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { decoder, shared, limits, beforeRecord } = options
  const { series: state, devices, seriesIds } = shared
  const programs = programTableOver(shared.kernel.programs)
  const encoder = new TextEncoder()
  const key = new Uint8Array(keyScratchBytes)
  const layouts = createLayouts(options.measurements, shared)

  const { scanning } = options
  const isScanning = scanning !== undefined && scanning.policy.depthMax >= depthMin
  const measurements = scanning?.profiles.measurements ?? []
  const kernel = isScanning ? openKernel(shared, scanning.policy, measurements.length) : undefined
  const forms = createKernelForms(shared.kernel, measurements)
  const walker = createBatchWalker({
    ...limits,
    output: {
      room: bytes => desk.plain(bytes),
      ...(kernel === undefined ? {} : { lz4Block: lz4BlockOf(kernel) })
    }
  })
  let aliasesFull = false
  let desk = openDesk(shared.kernel, 0)
  /** What stands for the program of series that the task in hand has announced. */
  let mark = 0

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

  const emit = (condition: number, on: boolean): void => candidates.add(row, desk.series[row]!, condition, on)

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
    // So that the kernel takes further records of this task; never in place of a program that came meanwhile.
    const before = Atomics.load(state.program, series)
    if (before < 0) Atomics.compareExchange(state.program, series, before, mark)
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
    desk.reserveRows(slots.length)
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
    const at = desk.rows++
    const word = at * 2
    desk.series[at] = series
    desk.seriesWords[word] = idLo
    desk.seriesWords[word + 1] = idHi
    const timeHi = Math.floor(timeMs / 4294967296)
    desk.timeWords[word] = timeMs - timeHi * 4294967296
    desk.timeWords[word + 1] = timeHi
    desk.value[at] = sample
    const offsetHi = Math.floor(offset / 4294967296)
    desk.offsetWords[word] = offset - offsetHi * 4294967296
    desk.offsetWords[word + 1] = offsetHi
  }

  /** Lets the kernel read on as far as it can, and teaches it what it stops for. */
  const skim = (run: RecordRun): void => {
    isAliasNew = false
    if (kernel === undefined) return
    const { control } = desk
    const { header, bytes } = run
    const u32 = (at: number, value: number): void => control.setUint32(at, value, true)
    const f64 = (at: number, value: number): void => control.setFloat64(at, value, true)
    u32(runAt, bytes.byteOffset + run.at)
    u32(runEnd, bytes.byteOffset + run.end)
    u32(runLeft, run.left)
    u32(runRows, desk.rows)
    f64(runBaseOffset, header.baseOffset)
    f64(runBaseTimeMs, header.baseTimestampMs)
    f64(runAppendTimeMs, header.appendTimeMs)
    f64(runFirstOffset, run.firstOffset)
    f64(runLastOffset, run.lastOffset)
    f64(runNextOffset, run.nextOffset)
    let why: number
    do {
      why = kernel.walk(desk.at, recordsAtOnce)
      desk.rows = control.getUint32(runRows, true)
    } while (why !== stopDone && teach(why, control))
    run.at = control.getUint32(runAt, true) - bytes.byteOffset
    run.left = control.getUint32(runLeft, true)
    run.nextOffset = control.getFloat64(runNextOffset, true)
    isAliasNew = why === stopNewAlias && !aliasesFull
  }

  /** Whether the kernel can go on with the record that it stopped at. */
  const teach = (why: number, control: DataView): boolean => {
    const first = control.getUint32(stopFirst, true)
    const second = control.getUint32(stopSecond, true)
    switch (why) {
      case stopPlace:
        return forms.learnPlace(first, second, control.getUint32(runEnd, true))
      case stopShape:
        return forms.learnShape(first, second)
      case stopText:
        return forms.learnText(first, second, control.getUint32(stopThird, true))
      case stopSet: {
        const set = layouts.set(first)
        return set !== undefined && forms.learnSet(set)
      }
      case stopRows:
        desk.reserveRows(first)
        return true
      default:
        return false
    }
  }

  /**
   * Remembers whether the alias of the record that the kernel stopped at, and that was then decoded to `group` of the entity
   * whose first series is `first`, is enough to know it by.
   */
  const learnAlias = (recordMs: number, group: DecodedGroup, first: number): void => {
    if (scanning === undefined || first < 0) return
    const { control } = desk
    const from = control.getUint32(foundAliasFrom, true)
    const to = control.getUint32(foundAliasTo, true)
    const format = formatsOfKernel[control.getUint32(foundFormat, true)]
    const plan = scanning.profiles.measurements[group.measurement]
    if (format === undefined || plan === undefined) return
    const alias = new Uint8Array(bufferReaching(shared.kernel.memory, to), from, to - from).slice()
    const isOfItself = forms.isPlain(control.getUint32(foundPlace, true), group.measurement)
    const rawTime = control.getFloat64(foundRawTime, true)
    const proof = proveAlias(alias, format, rawTime, plan, scanning.profiles, isOfItself)
    const isWhole = typeof proof === 'boolean' ? proof : isSame(decoder.decode(proof, recordMs, nowMs), group)
    const made = shared.aliases.insert(alias, 0, alias.length, () => (isWhole ? first : notWhole))
    if (made === tableFull) aliasesFull = true
  }

  const visitor: RecordVisitor = {
    // A test that looks at every record sees none that the kernel reads.
    ...(beforeRecord === undefined ? { skim } : {}),
    record(bytes, keyAt, keyLength, valueAt, valueLength, at, recordTimestampMs) {
      offset = at
      desk.control.setFloat64(deskOffset, at, true)
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
      // A copy: the decoder refuses shared memory.
      const raw = bytes.slice(valueAt, valueAt + valueLength)
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
    const { series: seriesOfRow, timeWords, value, control } = desk
    while (row < rowEnd) {
      if (kernel !== undefined) {
        const stopped = kernel.judge(desk.at, row, rowEnd)
        const listed = kernel.unassignedRows()
        for (let i = 0; i < listed; i++) {
          row = control.getUint32(attention + i * 4, true)
          emit(unassigned, false)
        }
        row = stopped
        if (row === rowEnd || listed === attentionMax) continue
      }
      const series = seriesOfRow[row]!
      if (series >= 0) {
        if (state.program[series]! < 0) emit(unassigned, false)
        else evaluateSample(programs, state, series, value[row]!, fromWords(timeWords, row), emit)
      }
      row++
    }
  }

  const recordsSoFar = (): number => counts.records + desk.control.getUint32(countRecords, true)

  const decodeRange = (range: TaskRange): RangeOutcome => {
    topic = range.topic
    partition = range.partition
    const rowStart = desk.rows
    const recordsBefore = recordsSoFar()
    walker.walk(desk.putInput(range.bytes), range.firstOffset, range.lastOffset, visitor)
    return {
      topic,
      partition,
      firstOffset: range.firstOffset,
      lastOffset: range.lastOffset,
      records: recordsSoFar() - recordsBefore,
      rowStart,
      rowEnd: desk.rows
    }
  }

  const reset = (): void => {
    desk.rows = 0
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
    const { control } = desk
    for (const counter of [countRecords, countSamples, countScanned]) control.setUint32(counter, 0, true)
    control.setFloat64(countBytes, 0, true)
    control.setFloat64(deskRange, -1, true)
    control.setFloat64(deskOffset, -1, true)
    control.setFloat64(runNowMs, nowMs, true)
    control.setInt32(runMark, mark, true)
    desk.slotCounts.fill(0)
    desk.measurementCounts.fill(0)
  }

  /** Adds what the kernel has counted to what was counted here. */
  const gatherCounts = (): void => {
    const { control, slotCounts, measurementCounts } = desk
    counts.records = recordsSoFar()
    counts.samples += control.getUint32(countSamples, true)
    counts.scanned += control.getUint32(countScanned, true)
    counts.bytes += control.getFloat64(countBytes, true)
    for (const layout of layouts.all) {
      layout.scanned = measurementCounts[layout.index] ?? 0
      const base = forms.slotBases[layout.index]
      if (layout.scanned === 0 || base === undefined) continue
      for (let slot = 0; slot < layout.noReadings.length; slot++)
        layout.noReadings[slot]! += slotCounts[base + slot] ?? 0
    }
  }

  return {
    evaluate(task, deskNumber = 0, rows) {
      // Another thread may have been at this desk, and made it larger.
      desk = openDesk(shared.kernel, deskNumber)
      nowMs = task.nowMs
      mark = shared.takeMark()
      // A task before this one may have ended by an exception.
      reset()
      const ranges = task.ranges.map((range, index) => {
        desk.control.setFloat64(deskRange, index, true)
        desk.control.setFloat64(deskOffset, -1, true)
        return decodeRange(range)
      })
      row = 0
      for (const range of ranges) {
        topic = range.topic
        partition = range.partition
        judge(range.rowEnd)
      }
      gatherCounts()
      return {
        ranges,
        block: desk.takeBlock(rows),
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
