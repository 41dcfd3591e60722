import type { Alarm, AlarmTransition } from '../../rules/model.ts'
import { createProgramTable } from '../../rules/program.ts'
import { seriesStateBytes, seriesStateOver, unassigned } from '../../rules/series-state.ts'
import { emptyBlock, endsOf } from '../../schemas/blocks.ts'
import type { ColumnBlock, EvaluationResult, NewSeries } from '../../schemas/evaluation.ts'
import { newEntities, noCandidates, noNewSeries } from '../../schemas/findings.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { Light } from '../../schemas/words.ts'
import {
  talliesMax,
  type ShadowFilter,
  type ShadowPage,
  type ShadowReport,
  type ShadowSummary
} from '../../status/shadow-view.ts'
import { createNumberTable } from '../../topology/texts.ts'
import type { SharedState } from '../../workers/memory/shared-state.ts'
import { createRowJudge, type JudgedRows } from '../compare/row-judge.ts'
import type { Definitions } from '../judging/definitions.ts'
import { joinEngines } from '../judging/engines.ts'
import { programsMax } from '../judging/evaluation.ts'
import { createLedger, type Ledger } from './ledger.ts'

/**
 * Judges the live stream by a second set of rules: by the same judgement of samples and the same engines as the live ones, on memory
 * of its own, without effect. Samples come as the workers wrote them for ClickHouse. Time is an argument.
 */
export interface ShadowJudge {
  /** Series that the live engine has taken note of; before their first samples. */
  series(described: NewSeries, nowMs: number): void
  take(samples: ShadowSamples, nowMs: number): void
  tick(nowMs: number, watermarkMs: number): void
  /** As StatusEngine.holdSilence. */
  holdSilence(held: boolean, nowMs: number): void
  /** What the live rules did. */
  live(events: LiveEvents): void
  /** Samples were left out: nobody is silent, and no reading is absent, for what was not seen. */
  missed(nowMs: number): void
  /** Goes on by other definitions. With other rules, live or in shadow, the comparison begins anew. */
  reload(definitions: Definitions, isCompared: boolean, nowMs: number): void
  report(filter: ShadowFilter): JudgedReport
  summary(): ShadowSummary
  /** Since when it is compared (ms). */
  sinceMs(): number
}

export type ShadowSamples = Pick<EvaluationResult, 'ranges' | 'block' | 'gone'>

export type JudgedReport = ShadowPage & Pick<ShadowReport, 'byRule' | 'byNode' | 'forgotten' | 'sinceMs'>

export interface LiveEvents {
  readonly alarms: readonly AlarmTransition[]
  readonly lights: readonly LiveLight[]
}

export interface LiveLight {
  readonly node: string
  readonly from: Light
  readonly to: Light
  readonly atMs: number
}

/** How the live engine stands when the shadow begins. */
export interface ShadowSeeds {
  readonly alarms: readonly Alarm[]
  /** Of nodes that are not green. */
  readonly lights: readonly { node: string; own: Light; effective: Light; sinceMs: number }[]
  readonly isSilenceHeld: boolean
}

export interface ShadowJudgeOptions {
  readonly config: Config
  /** With the rules in shadow in place of the live ones. */
  readonly definitions: Definitions
  /** What is read of the live engine's memory: whose series is whose, and when devices were heard. */
  readonly live: Pick<SharedState, 'seriesIds' | 'devices' | 'limits'>
  readonly seeds: ShadowSeeds
  readonly nowMs: number
}

/** How often what is over is counted (ms). */
const settleEveryMs = 5000

export function createShadowJudge(options: ShadowJudgeOptions): ShadowJudge {
  const { config, definitions, live, seeds } = options
  const { seriesMax, devicesMax } = live.limits
  const { seriesIds } = live
  let nowMs = options.nowMs
  let settledMs = nowMs
  let sinceMs = nowMs
  let ledger: Ledger = createLedger({ sinceMs })

  const memory = new ArrayBuffer(seriesStateBytes(seriesMax))
  const series = seriesStateOver(memory, seriesMax, 0, new Float64Array(devicesMax))
  const programs = createProgramTable(programsMax)
  const hashOf = (lo: number, hi: number): number => (lo ^ Math.imul(hi, 0x9e3779b1)) >>> 0
  const table = createNumberTable(index => hashOf(seriesIds[index * 2]!, seriesIds[index * 2 + 1]!))
  /** Whether a sample of the series was judged. */
  const met = new Uint8Array(seriesMax)
  let isBeginning = true

  const { alarms, engine } = joinEngines({
    config,
    definitions,
    programs,
    state: { series, devices: live.devices },
    stored: { alarms: [...seeds.alarms], resources: [], lights: [...seeds.lights], incidents: [] },
    records: {
      series: () => undefined,
      alarms(transitions) {
        if (isBeginning) return
        for (const transition of transitions) ledger.alarm('shadow', transition)
      },
      lights(changes) {
        for (const { node, from, to, atMs } of changes) ledger.light('shadow', node, from, to, atMs)
      },
      incidents: () => undefined,
      resources: () => undefined
    },
    nowMs: () => nowMs
  })
  const judge = createRowJudge(programs.table, series, index => {
    if (met[index] === 1) return false
    met[index] = 1
    return true
  })
  const nothing = {
    ranges: [],
    block: emptyBlock,
    candidates: noCandidates,
    newSeries: noNewSeries,
    rejects: [],
    counts: {}
  }

  let askedLo = 0
  let askedHi = 0
  const isAsked = (index: number): boolean =>
    seriesIds[index * 2] === askedLo && seriesIds[index * 2 + 1] === askedHi
  const find = (lo: number, hi: number): number => {
    askedLo = lo
    askedHi = hi
    return table.find(hashOf(lo, hi), isAsked)
  }

  // What the shadow has no rule for is closed at once: then it was never open there.
  engine.holdSilence(seeds.isSilenceHeld, nowMs)
  engine.tick(nowMs, nowMs)
  isBeginning = false
  for (const alarm of alarms.open()) ledger.open('shadow', alarm)
  for (const alarm of seeds.alarms) ledger.open('live', alarm)

  return {
    series(described, atMs) {
      nowMs = atMs
      for (const { device, series: indices } of newEntities(described))
        for (const index of indices) {
          const isKnown = find(seriesIds[index * 2]!, seriesIds[index * 2 + 1]!) >= 0
          series.device[index] = device
          series.program[index] = unassigned
          if (!isKnown) table.add(hashOf(seriesIds[index * 2]!, seriesIds[index * 2 + 1]!), index)
        }
      engine.take({ ...nothing, newSeries: described }, nowMs)
    },
    take({ ranges, block, gone }, atMs) {
      nowMs = atMs
      const rows = rowsOf(block, find)
      const runs = ranges.map(range => ({ partition: range, rows, from: range.rowStart, to: range.rowEnd }))
      engine.take({ ...judge(runs), ...(gone === undefined ? {} : { gone }) }, nowMs)
    },
    tick(atMs, watermarkMs) {
      nowMs = atMs
      engine.tick(nowMs, watermarkMs)
      if (nowMs - settledMs < settleEveryMs && nowMs >= settledMs) return
      settledMs = nowMs
      ledger.settle(nowMs)
    },
    holdSilence: (held, atMs) => engine.holdSilence(held, atMs),
    live(events) {
      for (const transition of events.alarms) ledger.alarm('live', transition)
      for (const { node, from, to, atMs } of events.lights) ledger.light('live', node, from, to, atMs)
    },
    missed(atMs) {
      engine.holdSilence(true, atMs)
      engine.holdSilence(false, atMs)
    },
    reload(next, isCompared, atMs) {
      nowMs = atMs
      engine.reload(next.inventory, next.rules, nowMs, next.reports)
      ledger.keepNodes(node => next.inventory.nodeIndex(node) !== undefined)
      if (isCompared) return
      sinceMs = nowMs
      ledger = ledger.begunAnew(sinceMs)
    },
    report(filter) {
      return {
        ...ledger.page(filter, nowMs),
        sinceMs,
        byRule: ledger.byRule(nowMs).slice(0, talliesMax),
        byNode: ledger.byNode(nowMs).slice(0, talliesMax),
        forgotten: ledger.forgotten()
      }
    },
    summary: () => ({ byRule: ledger.byRule(nowMs), lights: ledger.lightsNow(nowMs) }),
    sinceMs: () => sinceMs
  }
}

/** A block as columns of samples; series that nobody was told of are below 0. */
function rowsOf(block: ColumnBlock, find: (lo: number, hi: number) => number): JudgedRows {
  const { rows, groups } = block
  const words = (column: Uint8Array): Uint32Array =>
    new Uint32Array(column.buffer, column.byteOffset, groups * 2)
  const [entity, time, offset] = [words(block.entity), words(block.timeMs), words(block.offset)]
  const signal = new Uint16Array(block.signal.buffer, block.signal.byteOffset, rows)
  const ends = endsOf(block)
  const series = new Int32Array(rows)
  const timeMs = new Float64Array(rows)
  const offsets = new Float64Array(rows)
  let row = 0
  for (let group = 0; group < groups; group++) {
    const lo = entity[group * 2]! & 0xffff0000
    const hi = entity[group * 2 + 1]!
    const atMs = wholeOf(time, group)
    const at = wholeOf(offset, group)
    for (const end = ends[group]!; row < end; row++) {
      series[row] = find((lo | signal[row]!) >>> 0, hi)
      timeMs[row] = atMs
      offsets[row] = at
    }
  }
  return {
    series,
    timeMs,
    value: new Float64Array(block.value.buffer, block.value.byteOffset, rows),
    offset: offsets
  }
}

/** A 64-bit integer, exact up to 2^53. */
const wholeOf = (words: Uint32Array, index: number): number =>
  words[index * 2]! + (words[index * 2 + 1]! | 0) * 4294967296
