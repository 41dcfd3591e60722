import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { RowSink } from '../ingest/clickhouse/rows.ts'
import type { Config } from '../schemas/config/reading.ts'
import { createEngineMetrics } from '../status/engine/metrics.ts'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { StatusView } from '../status/view.ts'
import { createBaselineMemory } from '../status/engine/baseline-memory.ts'
import { createBaselineKeeper, type BaselineKeeperOptions } from './judging/baseline-keeper.ts'
import { createGiveBack } from './judging/give-back.ts'
import { isSameRules, type Definitions } from './judging/definitions.ts'
import { createEngines, type EnginesOptions } from './judging/engines.ts'
import type { Evaluation } from './judging/evaluation.ts'
import { seriesRowsOf } from './judging/series-rows.ts'
import { createShadowMetrics } from './shadow/metrics.ts'
import { createShadow } from './shadow/shadow.ts'
import { createShadowTap } from './shadow/tap.ts'
import type { Fatal } from './process/fatal.ts'

export interface JudgingOptions
  extends
    Omit<EnginesOptions, 'programs' | 'state' | 'records' | 'baselines'>,
    Pick<BaselineKeeperOptions, 'storage' | 'insist'> {
  readonly evaluation: Pick<Evaluation, 'programs' | 'state' | 'shared' | 'pool'>
  readonly rows: RowSink
  readonly registry: Registry
  readonly logger: Logger
  readonly fatal: Pick<Fatal, 'fail'>
}

/** The status engine with its shadow, if there is one. */
export interface JudgingEngine extends Omit<StatusEngine, 'reload'> {
  /** As StatusEngine.reload, and the same for the rules in shadow. */
  reload(definitions: Definitions, config: Config, nowMs: number): void
  /** Reads what was learnt as it is stored; before a stretch of the log is judged again. */
  recall(): Promise<void>
  stop(): Promise<void>
}

export interface Judging {
  readonly engine: JudgingEngine
  readonly answers: StatusView
}

/** The status engine as the last run left it, what stores its changes, what answers from it, and the rules in shadow beside it. */
export async function startJudging(options: JudgingOptions): Promise<Judging> {
  const { config, definitions, evaluation, rows, registry, logger, nowMs, storage, insist, ...rest } = options
  const { programs, state, shared, pool } = evaluation
  let inForce: Definitions = definitions
  const baselines = createBaselineMemory({
    table: programs.table,
    state: state.series,
    seriesIds: state.seriesIds,
    rules: () => inForce.rules
  })
  const keeper = createBaselineKeeper({ memory: baselines, pool, storage, insist, config, logger })
  const { engine, alarms, lights, answers } = await createEngines({
    ...rest,
    config,
    definitions,
    nowMs,
    programs,
    state,
    baselines,
    records: {
      series: described => rows.series(seriesRowsOf(described, state.seriesIds)),
      alarms: transitions => rows.alarms(transitions),
      lights: changes => rows.lightChanges(changes),
      incidents: changes => rows.incidents(changes),
      resources: states => rows.resources(states)
    }
  })
  createEngineMetrics(registry, engine, nowMs)
  const tap = createShadowTap(engine, alarms, lights)
  const shadow = createShadow({ tap, shared, nowMs, logger })
  createShadowMetrics(registry, shadow)
  shadow.follow(config, false)
  const giveBack = createGiveBack({
    engine: tap.engine,
    pool,
    state,
    idleMs: config.workers.unknown_idle_s * 1000,
    nowMs,
    logger,
    fail: options.fatal.fail
  })
  return {
    engine: {
      ...tap.engine,
      warm: () => giveBack.warm(),
      reload(next, nextConfig, atMs) {
        const isSame = isSameRules(next, inForce)
        inForce = next
        engine.reload(next.inventory, next.rules, atMs, next.reports)
        shadow.follow(nextConfig, isSame)
      },
      recall: () => keeper.recall(),
      async stop() {
        await Promise.all([giveBack.stop(), shadow.stop(), keeper.stop()])
      }
    },
    answers: { ...answers, shadow: filter => shadow.report(filter) }
  }
}
