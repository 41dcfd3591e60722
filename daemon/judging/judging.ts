import type { Registry } from 'prom-client'
import type { RowSink } from '../../ingest/clickhouse/rows.ts'
import { createEngineMetrics } from '../../status/engine/metrics.ts'
import { createEngines, type Engines, type EnginesOptions } from './engines.ts'
import type { Evaluation } from './evaluation.ts'
import { seriesRowsOf } from './series-rows.ts'

export interface JudgingOptions extends Omit<EnginesOptions, 'programs' | 'state' | 'records'> {
  readonly evaluation: Pick<Evaluation, 'programs' | 'state'>
  readonly rows: RowSink
  readonly registry: Registry
}

/** The status engine as the last run left it, what stores its changes, and what answers from it. */
export async function startJudging(options: JudgingOptions): Promise<Pick<Engines, 'engine' | 'answers'>> {
  const { evaluation, rows, registry, ...rest } = options
  const { programs, state } = evaluation
  const { engine, answers } = await createEngines({
    ...rest,
    programs,
    state,
    records: {
      series: described => rows.series(seriesRowsOf(described, state.seriesIds)),
      alarms: transitions => rows.alarms(transitions),
      lights: changes => rows.lightChanges(changes),
      incidents: changes => rows.incidents(changes),
      resources: states => rows.resources(states)
    }
  })
  createEngineMetrics(registry, engine, options.nowMs)
  return { engine, answers }
}
