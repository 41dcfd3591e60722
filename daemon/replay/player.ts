import { evaluateSample } from '../../rules/judge.ts'
import { createProgramTable } from '../../rules/program.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { emptyBlock } from '../../schemas/blocks.ts'
import type { EvaluationResult, NewEntity, RangeOutcome } from '../../schemas/evaluation.ts'
import { createCandidateList, packNewSeries } from '../../schemas/findings.ts'
import type { Light } from '../../schemas/words.ts'
import { openSharedState } from '../../workers/memory/shared-state.ts'
import type { Definitions } from '../judging/definitions.ts'
import { createEngines } from '../judging/engines.ts'
import { sharedMemoryFor } from '../judging/evaluation.ts'
import { WrongInput } from '../process/wrong-input.ts'
import { createEpisodes, type AlarmEpisode } from './episodes.ts'
import type { ArrivedRun, Moment } from './log.ts'
import type { LoggedSeries } from './series.ts'

/**
 * Judges a log by one set of rules: with the same judgement of samples, the same alarm, light and status engine as the daemon. Only what
 * lies before them is left out: samples are decoded already.
 */
export interface ReplayPlayer {
  /** Moves the clock, and runs the timers on the way. */
  advance(toMs: number): void
  /** Takes what arrived by a moment to which the clock was moved. */
  take(moment: Moment): void
  /** The present lights, by node (index in the inventory). */
  lights(): readonly Light[]
  /** Devices of which something was judged, and that the inventory does not know. */
  unknownDevices(): number
  readonly history: PlayedHistory
}

export interface PlayedHistory {
  readonly alarms: readonly AlarmEpisode[]
  /** Changes of effective lights, in order. */
  readonly lights: readonly PlayedLight[]
}

export interface PlayedLight {
  readonly node: string
  readonly atMs: number
  readonly light: Light
}

export interface ReplayPlayerOptions {
  readonly config: Config
  readonly definitions: Definitions
  readonly series: LoggedSeries
  readonly startMs: number
  /** How far apart the timers run (ms). */
  readonly stepMs: number
  /** Most transitions of alarms and changes of lights that are kept. */
  readonly transitionsMax: number
}

const nobodyAsks = (): never => {
  throw new Error('a replay answers nobody')
}

export async function createReplayPlayer(options: ReplayPlayerOptions): Promise<ReplayPlayer> {
  const { config, definitions, series, startMs, stepMs, transitionsMax } = options
  let nowMs = startMs
  const shared = sharedMemoryFor(Math.max(1, series.count), Math.max(1, series.deviceCount))
  const state = openSharedState(shared)
  const programs = createProgramTable(shared.kernel.programs)
  for (let index = 0; index < series.count; index++) {
    state.series.device[index] = series.deviceOf(index)
    state.series.program[index] = -1
  }
  const episodes = createEpisodes()
  const lightChanges: PlayedLight[] = []
  let transitions = 0
  const count = (more: number): void => {
    transitions += more
    if (transitions > transitionsMax)
      throw new WrongInput(
        `the rules make more than ${transitionsMax} changes of alarms and lights by ${new Date(nowMs).toISOString()}; give them longer holds, or a shorter time by --from and --to`
      )
  }
  const { lights, engine } = await createEngines({
    config,
    definitions,
    programs,
    state,
    records: {
      series: () => undefined,
      alarms(told) {
        count(told.length)
        for (const transition of told) episodes.add(transition)
      },
      lights(changes) {
        count(changes.length)
        for (const { node, atMs, to } of changes) lightChanges.push({ node, atMs, light: to })
      },
      incidents: () => undefined,
      resources: () => undefined
    },
    standing: { readiness: nobodyAsks, freshness: nobodyAsks },
    nowMs: () => nowMs
  })
  const judge = createJudge(series, programs.table, state)

  return {
    advance(toMs) {
      while (nowMs < toMs) {
        nowMs = Math.min(toMs, (Math.floor(nowMs / stepMs) + 1) * stepMs)
        engine.tick(nowMs, nowMs)
      }
    },
    take({ runs }) {
      engine.take(judge(runs, nowMs), nowMs)
    },
    lights: () => {
      const { nodeCount } = definitions.inventory
      return Array.from({ length: nodeCount }, (_, node) => lights.light(node).effective)
    },
    unknownDevices: () => engine.registry.unknownCount(),
    history: {
      get alarms() {
        return episodes.all()
      },
      lights: lightChanges
    }
  }
}

type State = Pick<ReturnType<typeof openSharedState>, 'series' | 'devices'>

/** What a worker does with rows that it has decoded: it judges them and says what the main thread must see. */
function createJudge(
  series: LoggedSeries,
  programs: Parameters<typeof evaluateSample>[0],
  { series: state, devices }: State
): (runs: readonly ArrivedRun[], nowMs: number) => EvaluationResult {
  const candidates = createCandidateList()
  /** In which call a series was announced last. */
  const announcedIn = new Int32Array(series.count)
  let call = 0
  let row = 0
  let judged = -1
  let value = 0
  let isFound = false

  const emit = (condition: number, on: boolean, _limit: number, measured: number): void => {
    isFound = true
    candidates.add(row, judged, condition, on)
    if (measured !== value) candidates.measured(measured)
  }

  return (runs, nowMs) => {
    call++
    candidates.clear()
    row = 0
    const announced = new Map<number, NewEntity & { readonly series: number[]; readonly signals: number[] }>()
    const found = createFoundRows()
    const ranges: RangeOutcome[] = []
    const announce = (index: number): void => {
      if (announcedIn[index] === call) return
      announcedIn[index] = call
      const { number, identifiers, instance, profile, collector, device } = series.entityOf(index)
      let entity = announced.get(number)
      if (entity === undefined) {
        entity = { identifiers, collector, instance, profile, device, series: [], signals: [] }
        announced.set(number, entity)
      }
      entity.series.push(index)
      entity.signals.push(series.signalOf(index))
    }

    for (const { partition, arrivals, from, to } of runs) {
      const rowStart = row
      for (let at = from; at < to; at++) {
        judged = arrivals.series[at]!
        const timeMs = arrivals.timeMs[at]!
        value = arrivals.value[at]!
        isFound = false
        devices.lastSeenMs[state.device[judged]!] = nowMs
        if (state.program[judged]! < 0) {
          announce(judged)
          isFound = true
          candidates.add(row, judged, -1, false)
        } else evaluateSample(programs, state, judged, value, timeMs, emit)
        if (!isFound) continue
        found.add(timeMs, arrivals.offset[at]!, value)
        row++
      }
      if (row === rowStart) continue
      const { topic, partition: number } = partition
      const offsets = { firstOffset: arrivals.offset[from]!, lastOffset: arrivals.offset[to - 1]! }
      ranges.push({ topic, partition: number, ...offsets, records: to - from, rowStart, rowEnd: row })
    }
    return {
      ranges,
      block: found.block(),
      candidates: candidates.take(),
      newSeries: packNewSeries([...announced.values()]),
      rejects: [],
      counts: {}
    }
  }
}

/** The rows of candidates, each a group of its own; of all others nobody asks. */
function createFoundRows() {
  const times: number[] = []
  const offsets: number[] = []
  const values: number[] = []
  return {
    add(timeMs: number, offset: number, value: number): void {
      times.push(timeMs)
      offsets.push(offset)
      values.push(value)
    },
    block(): EvaluationResult['block'] {
      const rows = values.length
      if (rows === 0) return emptyBlock
      const bytes = (
        column: BigInt64Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
      ) => new Uint8Array(column.buffer)
      return {
        ...emptyBlock,
        rows,
        groups: rows,
        timeMs: bytes(BigInt64Array.from(times, BigInt)),
        offset: bytes(BigInt64Array.from(offsets, BigInt)),
        end: bytes(Uint32Array.from(values, (_, i) => i + 1)),
        value: bytes(Float64Array.from(values))
      }
    }
  }
}
