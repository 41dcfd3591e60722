import { Counter, Gauge, type Registry } from 'prom-client'
import type { EvaluationResult } from '../schemas/evaluation.ts'
import { formatPrefix, noReadingPrefix, rejectPrefix } from './task-counts.ts'
import type { PoolStats } from './pool.ts'

export interface PoolMetrics {
  /** Adds up what one task counted. */
  evaluated(result: EvaluationResult): void
}

/** Distinct profile fields that are counted on their own; what comes beyond goes under `other`. */
const noReadingLabelsMax = 500

/** Metrics of evaluation; `stats` is asked at each scrape. */
export function createPoolMetrics(registry: Registry, stats: () => PoolStats): PoolMetrics {
  const registers = [registry]
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      }
    })
  }

  const plain: Readonly<Record<string, Counter>> = {
    records: counter('svetofor_records_total', 'Records evaluated, rejected ones included'),
    bytes: counter('svetofor_record_value_bytes_total', 'Bytes of record values, decompressed'),
    samples: counter('svetofor_samples_total', 'Samples made of records'),
    scanned: counter('svetofor_records_scanned_total', 'Records that took the scanner'),
    decoded: counter('svetofor_records_decoded_total', 'Records that took the reference decoder'),
    tombstones: counter('svetofor_tombstones_total', 'Records without a value'),
    unmapped: counter('svetofor_metrics_unmapped_total', 'Metrics that no profile knows'),
    clamped: counter(
      'svetofor_times_clamped_total',
      'Records whose event time was too far ahead and is taken from Kafka'
    ),
    partial: counter('svetofor_records_partial_total', 'Records of which only some metrics could be used'),
    seriesOverflow: counter(
      'svetofor_samples_unevaluated_total',
      'Samples stored but not evaluated, because there is no room for their series, their device or its name'
    ),
    namesOverflow: counter(
      'svetofor_records_not_told_apart_total',
      'Records of ports whose number comes with ever more names, and that are taken for those of the first one'
    )
  }
  const formats = counter('svetofor_records_by_format_total', 'Records by their format', ['format'])
  const rejects = counter('svetofor_rejects_total', 'Records rejected, by reason', ['reason'])
  const noReadings = counter(
    'svetofor_no_readings_total',
    'Values that are no reading (sentinel, worded, outside the enumeration), by profile and field',
    ['field']
  )
  const candidates = counter('svetofor_candidates_total', 'Samples handed to the status engine')
  const fields = new Set<string>()

  gauge('svetofor_worker_threads', 'Evaluation threads; 0 is in process', () => stats().threads)
  gauge('svetofor_worker_tasks_in_flight', 'Tasks under evaluation', () => stats().tasksInFlight)
  gauge('svetofor_worker_deaths', 'Times a task ended its worker since the start', () => stats().workersDied)
  gauge(
    'svetofor_worker_timeouts',
    'Times a task hung its worker since the start',
    () => stats().workersTimedOut
  )
  gauge(
    'svetofor_poison_records',
    'Records given up because they ended two workers',
    () => stats().poisonRecords
  )
  gauge('svetofor_series_known', 'Series that are told apart', () => stats().seriesKnown)
  gauge('svetofor_series_max', 'Limit of series', () => stats().seriesMax)
  gauge('svetofor_devices_known', 'Devices that are told apart, by identifier', () => stats().devicesKnown)
  gauge('svetofor_devices_max', 'Limit of devices', () => stats().devicesMax)

  new Gauge({
    name: 'svetofor_table_used_ratio',
    help: 'Part of a table of what is known that is used, by entries or by bytes of names; at 1 it is full',
    labelNames: ['table'],
    registers,
    collect() {
      for (const [table, used] of Object.entries(stats().tables)) this.set({ table }, used)
    }
  })

  new Gauge({
    name: 'svetofor_table_used_by_unknown_ratio',
    help: 'Part of the half of a table that is used which devices may use that the inventory does not know; the other half is kept for those it knows',
    labelNames: ['table'],
    registers,
    collect() {
      for (const [table, used] of Object.entries(stats().tablesOfUnknown)) this.set({ table }, used)
    }
  })

  const observeNamed = (name: string, count: number): void => {
    if (name.startsWith(formatPrefix)) formats.inc({ format: name.slice(formatPrefix.length) }, count)
    else if (name.startsWith(rejectPrefix)) rejects.inc({ reason: name.slice(rejectPrefix.length) }, count)
    else if (name.startsWith(noReadingPrefix)) {
      const field = name.slice(noReadingPrefix.length)
      const isListed = fields.has(field) || fields.size < noReadingLabelsMax
      if (isListed) fields.add(field)
      noReadings.inc({ field: isListed ? field : 'other' }, count)
    }
  }

  return {
    evaluated(result) {
      candidates.inc(result.candidates.count)
      for (const [name, count] of Object.entries(result.counts)) {
        const known = plain[name]
        if (known === undefined) observeNamed(name, count)
        else known.inc(count)
      }
    }
  }
}
