import { timeUnits } from '../../schemas/records/convert.ts'
import type { Decoded, DecodedGroup, RecordDecoder } from '../../schemas/records/decoded.ts'
import type { BlockDecoder } from '../../schemas/records/decompress.ts'
import type { DecodePolicy } from '../../schemas/records/decode.ts'
import type { ProfileSet } from '../../schemas/records/plan.ts'
import type { RecordRun } from '../../schemas/records/record-batch.ts'
import { identifyAlias, proveAlias } from './aliases.ts'
import type { Desk } from '../memory/desk.ts'
import type { MetGroup } from './entities.ts'
import { kernelFormats } from './kernel-formats.ts'
import { createKernelForms } from './kernel-forms.ts'
import { bufferReaching } from '../memory/kernel-memory.ts'
import { lz4BlockOf, openKernel } from '../kernel/binding.ts'
import {
  attention,
  attentionMax,
  countBytes,
  countRecords,
  countSamples,
  countScanned,
  fieldsMax,
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
  runGroups,
  runJudged,
  runLastOffset,
  runLeft,
  runMark,
  runNextOffset,
  runNowMs,
  runRows,
  scratchNoReadings,
  scratchSlots,
  slotsMax,
  stopDone,
  stopFirst,
  stopNewAlias,
  stopPlace,
  stopRows,
  stopSecond,
  stopSet,
  stopShape,
  stopText,
  stopThird
} from '../memory/map.ts'
import type { KnownMeasurement, SeriesSets } from './series-sets.ts'
import type { SharedState } from '../memory/shared-state.ts'
import { tableFull } from '../memory/shared-table.ts'

/**
 * The kernel at work: it reads records that are written as expected and of series that are known, and stops at everything
 * else. What it stops for it is taught here where that can be, a port that was not met before too where its alias says all
 * of it; other records are left to the reference decoder.
 */
export interface KnownRecords {
  readonly lz4Block: BlockDecoder
  /** Begins a task at a desk. `mark` stands for the program of series that the task announces. */
  begin(desk: Desk, nowMs: number, mark: number): void
  /** Lets the kernel read on as far as it can. */
  skim(run: RecordRun): void
  /** Whether the record that skim() stopped at has an alias that is not known yet. */
  isAliasNew(): boolean
  /**
   * Remembers whether the alias of that record, which was then decoded to `group` of the entity whose first series is
   * `first`, is enough to know it by.
   */
  learnAlias(recordMs: number, group: DecodedGroup, first: number): void
  /** Judges rows [from..to) as far as they change nothing: the first that may, or `to`. `unassigned` is told of rows without a program. */
  judge(from: number, to: number, unassigned: (row: number) => void): number
  records(): number
  /** What the kernel has counted in this task; the counters of the measurements are added to. */
  counts(): { readonly samples: number; readonly scanned: number; readonly bytes: number }
}

export interface Scanning {
  readonly profiles: ProfileSet
  readonly policy: DecodePolicy
}

/** What the kernel may have to be taught before it can read one record. */
const lessonsMax = 2 * fieldsMax + slotsMax

/** As many records as there are. */
const recordsAtOnce = 0x7fffffff

/** `meet` makes the series of such a group known and gives its entity's first one, or a negative number at the limit of series. */
export function createKnownRecords(
  shared: SharedState,
  seriesSets: SeriesSets,
  decoder: RecordDecoder,
  { profiles, policy }: Scanning,
  meet: (group: MetGroup) => number
): KnownRecords {
  const { measurements } = profiles
  const kernel = openKernel(shared, policy, measurements.length)
  const forms = createKernelForms(shared.kernel, measurements)
  /** No more are learnt, of anybody or of devices that the inventory does not know. */
  let aliasesFull = false
  let unknownFull = false
  let timesForgotten = shared.timesForgotten()
  let isAliasNew = false
  let nowMs = 0
  let desk: Desk
  let words: Uint32Array
  let doubles: Float64Array

  const u32 = (at: number): number => words[at / 4]!
  const putU32 = (at: number, value: number): void => {
    words[at / 4] = value
  }
  const f64 = (at: number): number => doubles[at / 8]!
  const putF64 = (at: number, value: number): void => {
    doubles[at / 8] = value
  }

  /** Whether the kernel can go on with the record that it stopped at. */
  const teach = (why: number): boolean => {
    const first = u32(stopFirst)
    const second = u32(stopSecond)
    switch (why) {
      case stopPlace:
        return forms.learnPlace(first, second, u32(stopThird))
      case stopShape:
        return forms.learnShape(first, second)
      case stopText:
        return forms.learnText(first, second, u32(stopThird))
      case stopSet: {
        const set = seriesSets.set(first)
        return set !== undefined && forms.learnSet(set)
      }
      case stopRows:
        desk.reserveRows(first)
        return true
      case stopNewAlias:
        return meetNew()
      default:
        return false
    }
  }

  /** The bytes are copied: decoders refuse shared memory. */
  const aliasFound = (): Uint8Array => {
    const from = u32(foundAliasFrom)
    const to = u32(foundAliasTo)
    return new Uint8Array(bufferReaching(shared.kernel.memory, to), from, to - from).slice()
  }

  const remember = (alias: Uint8Array, value: number, identifiers: readonly string[]): boolean => {
    const isKnown = shared.knownNames.has(identifiers)
    if (!isKnown && unknownFull) return false
    const isFull = shared.aliases.insert(alias, 0, alias.length, () => value, isKnown) === tableFull
    if (isKnown) aliasesFull = isFull
    else unknownFull = isFull
    return !isFull
  }

  const listed = (at: number, count: number): number[] => {
    const list: number[] = []
    for (let i = 0; i < count; i++) list.push(u32(at + i * 4))
    return list
  }

  /** Meets the entity of the record that the kernel stopped at for its alias, where that says all of it. */
  const meetNew = (): boolean => {
    const format = kernelFormats[u32(foundFormat)]
    if (aliasesFull || format === undefined) return false
    const alias = aliasFound()
    const place = u32(foundPlace)
    const found = identifyAlias(alias, format, forms.fieldsOf(place), profiles)
    if (found === undefined || !forms.isPlain(place, found.plan.index)) return false
    const { plan, identifiers, collector, instance, names } = found
    const timeUnit = timeUnits.indexOf(plan.time)
    let lessons = 0
    for (;;) {
      const why = kernel.readNew(plan.index, timeUnit, instance === '')
      if (why === stopDone) break
      if (++lessons > lessonsMax || !teach(why)) return false
    }
    const slots = listed(scratchSlots, kernel.readings())
    const noReadings = listed(scratchNoReadings, kernel.noReadings())
    const first = meet({
      measurement: plan.index,
      identifiers,
      collector,
      instance,
      names,
      slots,
      noReadings
    })
    return first >= 0 && remember(alias, first, identifiers)
  }

  return {
    lz4Block: lz4BlockOf(kernel),
    begin(at, now, mark) {
      desk = at
      words = at.words
      doubles = at.doubles
      nowMs = now
      if (timesForgotten !== shared.timesForgotten()) {
        timesForgotten = shared.timesForgotten()
        aliasesFull = unknownFull = false
      }
      for (const counter of [countRecords, countSamples, countScanned]) putU32(counter, 0)
      putF64(countBytes, 0)
      putF64(runNowMs, now)
      putU32(runJudged, 0)
      putU32(runMark, mark)
      desk.slotCounts.fill(0)
      desk.measurementCounts.fill(0)
    },
    skim(run) {
      const { header, bytes } = run
      putU32(runAt, bytes.byteOffset + run.at)
      putU32(runEnd, bytes.byteOffset + run.end)
      putU32(runLeft, run.left)
      putU32(runRows, desk.rows)
      putU32(runGroups, desk.groups)
      putF64(runBaseOffset, header.baseOffset)
      putF64(runBaseTimeMs, header.baseTimestampMs)
      putF64(runAppendTimeMs, header.appendTimeMs)
      putF64(runFirstOffset, run.firstOffset)
      putF64(runLastOffset, run.lastOffset)
      putF64(runNextOffset, run.nextOffset)
      let why: number
      let lessons = 0
      let before = -1
      do {
        why = kernel.walk(desk.at, recordsAtOnce)
        desk.rows = u32(runRows)
        desk.groups = u32(runGroups)
        const at = u32(runAt)
        // One record has so many names, texts and sets at most; whatever still stops the kernel is left.
        lessons = at === before ? lessons + 1 : 0
        before = at
      } while (why !== stopDone && lessons < lessonsMax && teach(why))
      run.at = u32(runAt) - bytes.byteOffset
      run.left = u32(runLeft)
      run.nextOffset = f64(runNextOffset)
      isAliasNew = why === stopNewAlias && !aliasesFull
    },
    isAliasNew: () => isAliasNew,
    learnAlias(recordMs, group, first) {
      const format = kernelFormats[u32(foundFormat)]
      const plan = measurements[group.measurement]
      if (first < 0 || format === undefined || plan === undefined) return
      const alias = aliasFound()
      const isOfItself = forms.isPlain(u32(foundPlace), group.measurement)
      const proof = proveAlias(alias, format, f64(foundRawTime), plan, profiles, isOfItself)
      const isWhole =
        typeof proof === 'boolean' ? proof : isSame(decoder.decode(proof, recordMs, nowMs), group)
      remember(alias, isWhole ? first : notWhole, group.identifiers)
    },
    judge(from, to, unassigned) {
      let row = from
      for (;;) {
        row = kernel.judge(desk.at, row, to)
        const rows = kernel.unassignedRows()
        for (let i = 0; i < rows; i++) unassigned(u32(attention + i * 4))
        if (row === to || rows < attentionMax) return row
      }
    },
    records: () => u32(countRecords),
    counts() {
      for (const measurement of seriesSets.measurements) addCounts(measurement)
      return { samples: u32(countSamples), scanned: u32(countScanned), bytes: f64(countBytes) }
    }
  }

  function addCounts(measurement: KnownMeasurement): void {
    measurement.scanned = desk.measurementCounts[measurement.index] ?? 0
    const base = forms.slotBases[measurement.index]
    if (measurement.scanned === 0 || base === undefined) return
    for (let slot = 0; slot < measurement.noReadings.length; slot++)
      measurement.noReadings[slot]! += desk.slotCounts[base + slot] ?? 0
  }
}

const isSame = (decoded: Decoded, { measurement, identifiers, instance }: DecodedGroup): boolean =>
  decoded.ok &&
  decoded.groups.length === 1 &&
  decoded.groups[0]!.measurement === measurement &&
  decoded.groups[0]!.identifiers[0] === identifiers[0] &&
  decoded.groups[0]!.instance === instance
