import { createProgramTable, type ProgramTable } from '../../rules/program.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { EvaluationResult, NewEntity } from '../../schemas/evaluation.ts'
import { packNewSeries } from '../../schemas/findings.ts'
import type { Light } from '../../schemas/words.ts'
import { openSharedState, type SharedState } from '../../workers/memory/shared-state.ts'
import type { Definitions } from '../judging/definitions.ts'
import { joinEngines } from '../judging/engines.ts'
import { sharedMemoryFor } from '../judging/evaluation.ts'
import { WrongInput } from '../process/wrong-input.ts'
import { createEpisodes, type AlarmEpisode } from '../compare/episodes.ts'
import type { PlayedLight } from '../compare/differences.ts'
import { createRowJudge } from '../compare/row-judge.ts'
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

export function createReplayPlayer(options: ReplayPlayerOptions): ReplayPlayer {
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
  const { lights, engine } = joinEngines({
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
    nowMs: () => nowMs
  })
  const judge = createArrivalJudge(series, programs.table, state)

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

/** The judgement of what arrives; series that the engine does not know yet are told to it with their samples. */
function createArrivalJudge(
  series: LoggedSeries,
  programs: ProgramTable,
  { series: state, devices }: Pick<SharedState, 'series' | 'devices'>
): (runs: readonly ArrivedRun[], nowMs: number) => EvaluationResult {
  type Announced = NewEntity & { readonly series: number[]; readonly signals: number[] }
  const announced = new Map<number, Announced>()
  /** In which call a series was announced last. */
  const announcedIn = new Int32Array(series.count)
  let call = 0

  const announce = (index: number): void => {
    if (announcedIn[index] === call) return
    announcedIn[index] = call
    const {
      number,
      identifiers,
      instance,
      portNames: names,
      profile,
      collector,
      device
    } = series.entityOf(index)
    let entity = announced.get(number)
    if (entity === undefined) {
      entity = { identifiers, collector, instance, names, profile, device, series: [], signals: [] }
      announced.set(number, entity)
    }
    entity.series.push(index)
    entity.signals.push(series.signalOf(index))
  }
  const judge = createRowJudge(programs, state, index => {
    if (state.program[index]! >= 0) return false
    announce(index)
    return true
  })

  return (runs, nowMs) => {
    call++
    announced.clear()
    for (const { arrivals, from, to } of runs)
      for (let at = from; at < to; at++) devices.lastSeenMs[state.device[arrivals.series[at]!]!] = nowMs
    const result = judge(runs.map(({ arrivals, ...run }) => ({ ...run, rows: arrivals })))
    return { ...result, newSeries: packNewSeries([...announced.values()]) }
  }
}
