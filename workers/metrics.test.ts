import { Registry } from 'prom-client'
import { noCandidates, noNewSeries } from '../schemas/findings.ts'
import { describe, expect, it } from 'vitest'
import { emptyBlock } from '../schemas/blocks.ts'
import type { EvaluationResult } from '../schemas/evaluation.ts'
import { createPoolMetrics } from './metrics.ts'

const result = (counts: Record<string, number>): EvaluationResult => ({
  ranges: [],
  block: emptyBlock,
  candidates: noCandidates,
  newSeries: noNewSeries,
  rejects: [],
  counts
})

const calm = {
  threads: 0,
  tasks: 0,
  tasksInFlight: 0,
  workersDied: 0,
  workersTimedOut: 0,
  poisonRecords: 0,
  seriesKnown: 0,
  seriesMax: 10,
  devicesKnown: 0,
  devicesMax: 5,
  tables: { series: 0.1, devices: 0.5, entities: 0.2, aliases: 0.3 },
  tablesOfUnknown: { series: 0, devices: 0.75, entities: 0, aliases: 0 }
}

describe('metrics of the workers', () => {
  it('add up what tasks count and show what the pool and the tables say', async () => {
    const registry = new Registry()
    const stats = { ...calm, threads: 2, workersDied: 4, seriesKnown: 3 }
    const metrics = createPoolMetrics(registry, () => stats)
    metrics.evaluated(
      result({ records: 5, samples: 20, 'format.telegraf': 5, 'noReading.if-mib.ifSpeed': 2 })
    )
    metrics.evaluated(result({ records: 2, 'reject.not_json': 1, 'noReading.if-mib.ifSpeed': 1 }))
    const text = await registry.metrics()
    for (const line of [
      'svetofor_records_total 7',
      'svetofor_table_used_ratio{table="devices"} 0.5',
      'svetofor_table_used_by_unknown_ratio{table="devices"} 0.75',
      'svetofor_samples_total 20',
      'svetofor_records_by_format_total{format="telegraf"} 5',
      'svetofor_rejects_total{reason="not_json"} 1',
      'svetofor_no_readings_total{field="if-mib.ifSpeed"} 3',
      'svetofor_worker_deaths 4',
      'svetofor_series_known 3',
      'svetofor_series_max 10'
    ]) {
      expect(text.split('\n')).toContain(line)
    }
  })

  it('keep the fields they list bounded', async () => {
    const registry = new Registry()
    const stats = { ...calm, threads: 0, workersDied: 0, seriesKnown: 3 }
    const metrics = createPoolMetrics(registry, () => stats)
    const counts = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`noReading.p.field${i}`, 1]))
    metrics.evaluated(result(counts))
    const lines = (await registry.metrics())
      .split('\n')
      .filter(line => line.startsWith('svetofor_no_readings_total{'))
    expect(lines).toHaveLength(501)
    expect(lines).toContain('svetofor_no_readings_total{field="other"} 100')
  })
})
