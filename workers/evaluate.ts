import { evaluateSample } from '../rules/judge.ts'
import { isToldOf, programTableOver } from '../rules/program.ts'
import { unassigned } from '../rules/series-state.ts'
import type { DecodedGroup, EvaluatedMeasurement, RecordDecoder } from '../schemas/records/decoded.ts'
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
import { createBatchWalker, type RecordVisitor } from '../schemas/records/record-batch.ts'
import { openDesk } from './memory/desk.ts'
import { createEntities, type MetGroup } from './learning/entities.ts'
import { createKnownRecords, type Scanning } from './learning/known-records.ts'
import { deskOffset, deskRange } from './memory/map.ts'
import { createSeriesSets, type KnownMeasurement } from './learning/series-sets.ts'
import { bitsOfSignal, entityId } from './learning/series-id.ts'
import type { SharedState } from './memory/shared-state.ts'
import { clearJudgement, noteJudgement, noteUnjudged } from './memory/undo.ts'
import { namedCounts, zeroCounts, type TaskCounts } from './task-counts.ts'

/**
 * Evaluation of one task, in two passes. The first decodes every record and writes its rows, and changes nothing that
 * is shared but for making series known: a record that kills the worker leaves no half-applied state behind, so the
 * task can be run again. The second goes over the rows and judges each against its series' state; it is plain
 * arithmetic over arrays, and its loads do not wait for one another. What it changes is noted on the desk before, so that a task
 * which is cut off in the midst of it can be run again too (memory/undo.ts).
 *
 * Nearly every record is written as expected and of series that are known: those go through the kernel (workers/kernel/), which
 * stops at whatever is new or odd. What it can learn it is taught (kernel-forms.ts), everything else is decoded here.
 */

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
  readonly scanning?: Scanning
  /** Called with every value before it is decoded. For tests that make a worker fail on a certain value. */
  readonly beforeRecord?: (bytes: Uint8Array, valueAt: number, valueLength: number, offset: number) => void
  /** Called when the rows of a task are judged, before anybody hears of it. For tests that cut a task off there. */
  readonly afterJudgement?: () => void
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

/** Devices with clocks that are ahead that a task tells of. */
const aheadMax = 1000

/** Nesting of the deepest format that the kernel knows. */
const depthMin = 3

export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { decoder, shared, limits, beforeRecord } = options
  const { series: state, devices, seriesIds } = shared
  const programs = programTableOver(shared.kernel.programs)
  const seriesSets = createSeriesSets(options.measurements, shared)
  const entities = createEntities(shared, seriesSets, () => void counts.namesOverflow++)
  const { scanning } = options
  const known =
    scanning !== undefined && scanning.policy.depthMax >= depthMin
      ? createKnownRecords(shared, seriesSets, decoder, scanning, group =>
          meetEntity(seriesSets.measurements[group.measurement]!, group)
        )
      : undefined
  const walker = createBatchWalker({
    ...limits,
    output: {
      room: bytes => desk.plain(bytes),
      ...(known === undefined ? {} : { lz4Block: known.lz4Block })
    }
  })
  let desk = openDesk(shared.kernel, 0)
  /** What stands for the program of series that the task in hand has announced. */
  let mark = 0

  // What the record under evaluation belongs to; set by the walk, read by everything below.
  let topic = ''
  let partition = 0
  let offset = 0
  /** Kafka's own time of the record; 0 where it is not known. */
  let takenMs = 0
  let timeMs = 0
  let nowMs = 0
  /** Whether the next row is the first of its group. */
  let isGroupNew = true
  /** Row under judgement in the second pass, and its group or one before. */
  let row = 0
  let group = 0

  const candidates = createCandidateList()
  let rejects: Reject[] = []
  /** Series that are gone and when, by turns. */
  let gone: number[] = []
  /** Devices whose clock is ahead, and by how much (ms): those of a task that were met first. */
  let ahead = new Map<number, number>()
  /** Entities with series that are not assigned yet, by their first series. */
  let announced = new Map<number, Announced>()
  /** Last time given to an entity's record whose clock is ahead, by the entity's first series. */
  let setBack = new Map<number, number>()
  let counts: TaskCounts = zeroCounts()
  let formats = new Map<string, number>()
  let rejected = new Map<RejectReason, number>()

  const emit = (condition: number, on: boolean, _limit: number, measured: number): void => {
    candidates.add(row, desk.series[row]!, condition, on)
    if (measured !== desk.value[row]) candidates.measured(measured)
  }
  const emitUnassigned = (at: number): void => candidates.add(at, desk.series[at]!, unassigned, false)

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
      valueBytes: valueBytes?.length ?? 0,
      ...(takenMs > 0 ? { timestampMs: takenMs } : {})
    })
  }

  const announce = (measurement: KnownMeasurement, group: MetGroup, first: number): Announced => {
    let entity = announced.get(first)
    if (entity === undefined) {
      const { identifiers, collector, instance, names } = group
      const { profile } = measurement.info
      const device = state.device[first]!
      entity = { identifiers, collector, instance, names, profile, device, series: [], signals: [] }
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

  /**
   * Returns the entity's first series, or a negative number at the limit of series. Those of the group's series that have no
   * program are announced.
   */
  const meetEntity = (measurement: KnownMeasurement, group: MetGroup): number => {
    const first = entities.firstSeries(measurement, group)
    if (first < 0) return first
    const { slots } = group
    seen(state.device[first]!)
    if (slots.some(slot => entities.seriesOf(first, slot) < 0)) entities.extend(measurement, group, first)
    for (const slot of slots) {
      const series = entities.seriesOf(first, slot)
      if (series >= 0 && state.program[series]! < 0)
        describe(announce(measurement, group, first), series, measurement.info.slots[slot]!.signal)
    }
    return first
  }

  /**
   * Time of a record whose clock is ahead: Kafka's, but after all that its entity was judged by before, so that records of
   * one moment are judged in the order they came and keep a row each.
   */
  const timeInOrder = (first: number, { timeMs: takenMs, slots }: DecodedGroup): number => {
    counts.clamped++
    let beforeMs = setBack.get(first) ?? -Infinity
    for (const slot of slots) {
      const series = first < 0 ? -1 : entities.seriesOf(first, slot)
      if (series >= 0) beforeMs = Math.max(beforeMs, state.lastTimeMs[series]!)
    }
    const inOrderMs = Math.max(takenMs, beforeMs + 1)
    setBack.set(first, inOrderMs)
    return inOrderMs
  }

  /** What is not known need not go. */
  const takeGone = (group: DecodedGroup, slots: readonly number[]): void => {
    const first = entities.find(seriesSets.measurements[group.measurement]!, group)
    if (first < 0) return
    seen(state.device[first]!)
    for (const slot of slots) {
      const series = entities.seriesOf(first, slot)
      if (series >= 0) gone.push(series, group.timeMs)
    }
  }

  /** Returns the entity's first series. */
  const takeGroup = (group: DecodedGroup): number => {
    const measurement = seriesSets.measurements[group.measurement]!
    isGroupNew = true
    const { slots, values } = group
    for (const slot of group.noReadings) measurement.noReadings[slot]!++
    const first = meetEntity(measurement, group)
    timeMs = group.clamped ? timeInOrder(first, group) : group.timeMs
    if (group.aheadMs !== undefined && first >= 0 && ahead.size < aheadMax)
      ahead.set(state.device[first]!, group.aheadMs)
    desk.reserveRows(slots.length)
    counts.samples += slots.length
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!
      const { signal } = measurement.info.slots[slot]!
      const series = first < 0 ? -1 : entities.seriesOf(first, slot)
      if (series < 0) {
        counts.seriesOverflow++
        const { hi, lo } = entityId(group.identifiers[0]!, group.instance)
        writeRow(-1, lo ^ bitsOfSignal[signal]!, hi, values[i]!)
        continue
      }
      writeRow(series, seriesIds[series * 2]!, seriesIds[series * 2 + 1]!, values[i]!)
    }
    return first
  }

  const beginGroup = (entityLo: number, entityHi: number): void => {
    const word = desk.groups++ * 2
    desk.entityWords[word] = entityLo
    desk.entityWords[word + 1] = entityHi
    const timeHi = Math.floor(timeMs / 4294967296)
    desk.timeWords[word] = timeMs - timeHi * 4294967296
    desk.timeWords[word + 1] = timeHi
    const offsetHi = Math.floor(offset / 4294967296)
    desk.offsetWords[word] = offset - offsetHi * 4294967296
    desk.offsetWords[word + 1] = offsetHi
  }

  /** The series of one entity share all but the last 16 bits of their ids: a group begins with its first row. */
  const writeRow = (series: number, idLo: number, idHi: number, sample: number): void => {
    if (isGroupNew) beginGroup(idLo & ~0xffff, idHi)
    isGroupNew = false
    const at = desk.rows++
    desk.series[at] = series
    desk.signal[at] = idLo & 0xffff
    desk.value[at] = sample
    desk.end[desk.groups - 1] = desk.rows
  }

  const visitor: RecordVisitor = {
    // A test that looks at every record sees none that the kernel reads.
    ...(known !== undefined && beforeRecord === undefined ? { skim: run => known.skim(run) } : {}),
    record(bytes, keyAt, keyLength, valueAt, valueLength, at, recordTimestampMs) {
      offset = at
      takenMs = recordTimestampMs
      desk.doubles[deskOffset / 8] = at
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
        const isNothing = groups.every(group => group.slots.length === 0)
        const detail = isNothing
          ? `nothing of it is stored: ${partial.detail}`
          : `${partial.metrics} of the record's metrics, the others are stored: ${partial.detail}`
        reject(partial.reason, detail, bytesOrNull(bytes, keyAt, keyLength), raw)
      }
      if (groups.length === 0) return
      const format = decoded.format ?? seriesSets.measurements[groups[0]!.measurement]!.info.format
      if (format !== undefined) formats.set(format, (formats.get(format) ?? 0) + 1)
      let first = -1
      for (const group of groups) {
        if (group.gone === undefined) first = takeGroup(group)
        else takeGone(group, group.gone)
      }
      if (
        known?.isAliasNew() === true &&
        groups.length === 1 &&
        groups[0]!.gone === undefined &&
        decoded.unmapped === 0 &&
        partial === undefined
      )
        known.learnAlias(recordTimestampMs, groups[0]!, first)
    },
    corrupt(firstOffset, lastOffset, detail, bytes) {
      offset = firstOffset
      takenMs = 0
      const records =
        firstOffset === lastOffset ? `offset ${firstOffset}` : `offsets ${firstOffset}..${lastOffset}`
      reject('corrupt_batch', `${records} cannot be read: ${detail}`, null, bytes)
    }
  }

  /** The second pass over the rows of one range. */
  const judge = (rowEnd: number): void => {
    const { series: seriesOfRow, timeWords, value, end } = desk
    for (; row < rowEnd; row++) {
      if (known !== undefined) {
        row = known.judge(row, rowEnd, emitUnassigned)
        if (row === rowEnd) return
      }
      const series = seriesOfRow[row]!
      if (series < 0) continue
      if (state.program[series]! < 0) {
        noteUnjudged(desk, row)
        emitUnassigned(row)
        continue
      }
      while (end[group]! <= row) group++
      noteJudgement(desk, programs, state, row)
      const program = state.program[series]!
      if (evaluateSample(programs, state, series, value[row]!, fromWords(timeWords, group), emit))
        if (isToldOf(programs, program, value[row]!)) emitUnassigned(row)
    }
  }

  const recordsSoFar = (): number => counts.records + (known?.records() ?? 0)

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
    desk.groups = 0
    clearJudgement(desk, mark)
    candidates.clear()
    rejects = []
    gone = []
    counts = zeroCounts()
    // New ones: V8 leaves the table of a cleared Map pointing to the next, so that none is freed before a full collection.
    announced = new Map()
    setBack = new Map()
    ahead = new Map()
    formats = new Map()
    rejected = new Map()
    for (const measurement of seriesSets.measurements) {
      measurement.noReadings.fill(0)
      measurement.scanned = 0
    }
    desk.doubles[deskRange / 8] = -1
    desk.doubles[deskOffset / 8] = -1
    known?.begin(desk, nowMs, mark)
  }

  /** Adds what the kernel has counted to what was counted here. */
  const gatherCounts = (): void => {
    if (known === undefined) return
    const { samples, scanned, bytes } = known.counts()
    counts.records = recordsSoFar()
    counts.samples += samples
    counts.scanned += scanned
    counts.bytes += bytes
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
        desk.doubles[deskRange / 8] = index
        desk.doubles[deskOffset / 8] = -1
        return decodeRange(range)
      })
      row = 0
      group = 0
      for (const range of ranges) {
        topic = range.topic
        partition = range.partition
        judge(range.rowEnd)
      }
      options.afterJudgement?.()
      gatherCounts()
      return {
        ranges,
        block: desk.takeBlock(rows),
        candidates: candidates.take(),
        newSeries: packNewSeries([...announced.values()]),
        ...(gone.length === 0 ? {} : { gone: Float64Array.from(gone) }),
        ...(ahead.size === 0 ? {} : { ahead: Float64Array.from([...ahead].flat()) }),
        rejects,
        counts: namedCounts(counts, formats, rejected, seriesSets.measurements)
      }
    }
  }
}

/** A 64-bit integer, exact up to 2^53. */
const fromWords = (words: Uint32Array, index: number): number =>
  words[index * 2]! + words[index * 2 + 1]! * 4294967296

const bytesOrNull = (bytes: Uint8Array, at: number, length: number): Uint8Array | null =>
  length < 0 ? null : bytes.subarray(at, at + length)
