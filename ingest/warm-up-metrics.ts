import { Counter, Gauge, type Registry } from 'prom-client'

/** How far back a partition was read again before reading went on: as far as wanted, or what stood in the way. */
export const warmUpOutcomes = ['whole', 'retention', 'records', 'time', 'failed'] as const
export type WarmUpOutcome = (typeof warmUpOutcomes)[number]

export interface WarmUpMetrics {
  partitions(outcome: WarmUpOutcome, count: number): void
  done(records: number, ms: number): void
}

export function createWarmUpMetrics(registry: Registry): WarmUpMetrics {
  const registers = [registry]
  const partitions = new Counter({
    name: 'svetofor_warm_up_partitions_total',
    help: 'Partitions that were judged again before reading went on, by how far back that could be: the whole stretch, less for retention, for the limit of records or of time, or not at all.',
    labelNames: ['outcome'],
    registers
  })
  for (const outcome of warmUpOutcomes) partitions.inc({ outcome }, 0)
  const records = new Counter({
    name: 'svetofor_warm_up_records_total',
    help: 'Records that were judged again, without being stored, before reading went on.',
    registers
  })
  const seconds = new Gauge({
    name: 'svetofor_warm_up_seconds',
    help: 'How long the last such reading took.',
    registers
  })
  return {
    partitions: (outcome, count) => partitions.inc({ outcome }, count),
    done(count, ms) {
      records.inc(count)
      seconds.set(ms / 1000)
    }
  }
}
