import type { Registry } from 'prom-client'
import type { RowSink } from '../ingest/clickhouse/rows.ts'
import { createAlarmEngine } from '../rules/alarms.ts'
import type { Config } from '../schemas/config/reading.ts'
import { createAnswers } from '../status/engine/answers.ts'
import { createStatusEngine, type StatusEngine } from '../status/engine/engine.ts'
import { createEngineMetrics } from '../status/engine/metrics.ts'
import type { StatusView } from '../status/view.ts'
import { createLightEngine } from '../topology/lights.ts'
import type { restoreStatus } from '../ingest/clickhouse/restore.ts'
import type { Definitions } from './definitions.ts'
import type { Evaluation } from './evaluation.ts'
import { seriesRowsOf } from './series-rows.ts'

export interface JudgingOptions {
  readonly config: Config
  readonly definitions: Definitions
  readonly evaluation: Pick<Evaluation, 'programs' | 'state'>
  readonly rows: RowSink
  readonly registry: Registry
  /** What was stored of alarms, lights and incidents. */
  readonly stored: Awaited<ReturnType<typeof restoreStatus>>
  /** The name under which samples of a topic are stored. */
  readonly storedAs: (topic: string) => string
  readonly readiness: StatusView['readiness']
  readonly nowMs: () => number
}

export interface Judging {
  readonly engine: StatusEngine
  /** What it answers over HTTP. */
  readonly answers: StatusView
}

/** The status engine as the last run left it, what stores its changes, and what answers from it. */
export async function startJudging(options: JudgingOptions): Promise<Judging> {
  const { config, definitions, evaluation, rows, stored, nowMs } = options
  const { programs, state } = evaluation
  const startMs = nowMs()
  const alarms = createAlarmEngine(definitions.rules, stored.alarms, stored.resources, options.storedAs)
  const lights = createLightEngine(definitions.inventory, {
    settleMs: config.staleness.settle_ms,
    powerSettleMs: config.staleness.power_settle_ms
  })
  const engine = createStatusEngine({
    inventory: definitions.inventory,
    rules: definitions.rules,
    programs,
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
    records: {
      series: described => rows.series(seriesRowsOf(described, state.seriesIds)),
      alarms: transitions => rows.alarms(transitions),
      lights: changes => rows.lightChanges(changes),
      incidents: changes => rows.incidents(changes),
      resources: states => rows.resources(states)
    },
    startMs,
    restored: stored
  })
  createEngineMetrics(options.registry, engine, nowMs)
  const answers = await createAnswers({
    engine,
    alarms,
    lights,
    devices: state.devices,
    homeCities: config.home.cities,
    readiness: options.readiness,
    nowMs
  })
  return { engine, answers }
}
