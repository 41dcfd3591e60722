import { createAlarmEngine, type AlarmEngine } from '../../rules/alarms.ts'
import type { ProgramTableBuilder } from '../../rules/program.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { createAnswers, type Answers } from '../../status/engine/answers.ts'
import { createStatusEngine, type EngineRecords, type StatusEngine } from '../../status/engine/engine.ts'
import { createRunways } from '../../status/engine/runways.ts'
import type { BaselineMemory } from '../../status/engine/baseline-memory.ts'
import type { Turns } from '../../status/slices.ts'
import type { StatusView } from '../../status/view.ts'
import { createLightEngine, type LightEngine } from '../../topology/lights.ts'
import type { restoreStatus } from '../../ingest/clickhouse/restore.ts'
import type { SharedState } from '../../workers/memory/shared-state.ts'
import type { Definitions } from './definitions.ts'

export interface EnginesOptions {
  readonly config: Config
  readonly definitions: Definitions
  readonly programs: ProgramTableBuilder
  readonly state: Pick<SharedState, 'series' | 'devices' | 'seriesIds'>
  readonly records: EngineRecords
  /** What was stored of alarms, lights and incidents; left out where nothing ran before. */
  readonly stored?: Awaited<ReturnType<typeof restoreStatus>>
  /** The name under which samples of a topic are stored. */
  readonly storedAs?: (topic: string) => string
  /** What was learnt before a restart; left out where nothing ran before. */
  readonly baselines?: BaselineMemory
  /** How the daemon stands, for those who ask. */
  readonly standing: Pick<StatusView, 'readiness' | 'freshness'>
  /** How work that comes at once is cut; all is done at once where it is left out. */
  readonly turns?: Turns
  /** Returns the present moment (ms since 1970); it is asked once here, and at each answer. */
  readonly nowMs: () => number
}

export interface Engines {
  readonly alarms: AlarmEngine
  readonly lights: LightEngine
  readonly engine: StatusEngine
  /** What is answered to those who ask. */
  readonly answers: Answers
}

/** Joins the engines of alarms, of lights and of status, and what answers from them, as the configuration says. */
export async function createEngines(options: EnginesOptions): Promise<Engines> {
  const { config, state, nowMs } = options
  const { alarms, lights, engine: judging } = joinEngines(options)
  const runways = createRunways({ engine: judging, alarms, lights, seriesIds: state.seriesIds })
  const engine: StatusEngine = {
    ...judging,
    take(result, atMs) {
      judging.take(result, atMs)
      // Behind the alarms: what says that the mains are lost is the first reading that counts.
      runways.take(result.block)
    },
    tick(atMs, watermarkMs) {
      judging.tick(atMs, watermarkMs)
      runways.sweep(atMs)
    }
  }
  const answers = await createAnswers({
    engine,
    runways,
    alarms,
    lights,
    devices: state.devices,
    homeCities: config.home.cities,
    readiness: () => options.standing.readiness(),
    freshness: () => options.standing.freshness(),
    nowMs
  })
  return { alarms, lights, engine, answers }
}

export interface JoiningOptions extends Omit<EnginesOptions, 'standing' | 'state'> {
  readonly state: Pick<SharedState, 'series' | 'devices'>
}

/** The same for who judges and answers nobody. */
export function joinEngines(options: JoiningOptions): Omit<Engines, 'answers'> {
  const { config, definitions, state, stored, nowMs } = options
  const alarms = createAlarmEngine(definitions.rules, stored?.alarms, stored?.resources, options.storedAs)
  const lights = createLightEngine(definitions.inventory, {
    settleMs: config.staleness.settle_ms,
    powerSettleMs: config.staleness.power_settle_ms,
    recoverMs: config.staleness.recover_s * 1000,
    reopenMs: config.staleness.reopen_s * 1000
  })
  const engine = createStatusEngine({
    inventory: definitions.inventory,
    rules: definitions.rules,
    reports: definitions.reports,
    programs: options.programs,
    series: state.series,
    devices: state.devices,
    alarms,
    lights,
    staleness: {
      defaultIntervalMs: config.staleness.default_interval_s * 1000,
      factor: config.staleness.factor,
      graceMs: config.staleness.grace_s * 1000,
      collectorDevicesMin: config.staleness.collector_devices_min
    },
    records: options.records,
    startMs: nowMs(),
    ...(options.turns === undefined ? {} : { turns: options.turns }),
    ...(stored === undefined ? {} : { restored: stored }),
    ...(options.baselines === undefined ? {} : { baselines: options.baselines })
  })
  return { alarms, lights, engine }
}
