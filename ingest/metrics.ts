import { Counter, Gauge, type Registry } from 'prom-client'
import { partitionKey } from '../schemas/batch.ts'
import type { RawBatch } from '../schemas/batch.ts'
import type { Source } from './source.ts'

/** What a source counts. Partitions are labels of the lag alone, and at most `lagPartitionsMax` of them. */
export interface SourceMetrics {
  handedOver(batches: readonly RawBatch[]): void
  fetchError(kind: FetchErrorKind): void
  rebalance(): void
  commit(ok: boolean): void
  throttled(ms: number): void
  /** Records that Kafka's retention had cut off before they were read. */
  expired(records: number): void
  /** A topic was met that took the place of another one of its name. */
  recreated(): void
}

export const fetchErrorKinds = [
  'network',
  'leader',
  'out_of_range',
  'authorization',
  'corrupt',
  'other'
] as const
export type FetchErrorKind = (typeof fetchErrorKinds)[number]

export interface SourceMetricsOptions {
  /** The source whose lag is shown; asked at the time of the scrape. */
  readonly source: () => Source | null
  /** Next offset to commit per partition key, as the composition root knows it; the lag is measured against it. */
  readonly position: (topic: string, partition: number) => number | null
  readonly lagPartitionsMax?: number
}

export function createSourceMetrics(registry: Registry, options: SourceMetricsOptions): SourceMetrics {
  const registers = [registry]
  const batches = new Counter({
    name: 'svetofor_source_batches_total',
    help: 'Runs of record batches handed over by the Kafka source.',
    registers
  })
  const bytes = new Counter({
    name: 'svetofor_source_bytes_total',
    help: 'Bytes of record batches handed over, as compressed as the broker sent them.',
    registers
  })
  const records = new Counter({
    name: 'svetofor_source_records_total',
    help: 'Records handed over, by the count in the batch headers.',
    registers
  })
  const fetchErrors = new Counter({
    name: 'svetofor_source_fetch_errors_total',
    help: 'Fetches that failed, by kind of failure.',
    labelNames: ['kind'],
    registers
  })
  for (const kind of fetchErrorKinds) fetchErrors.inc({ kind }, 0)
  const rebalances = new Counter({
    name: 'svetofor_source_rebalances_total',
    help: 'Assignments received from the consumer group.',
    registers
  })
  const commits = new Counter({
    name: 'svetofor_source_commits_total',
    help: 'Offset commits, by outcome.',
    labelNames: ['outcome'],
    registers
  })
  commits.inc({ outcome: 'ok' }, 0)
  commits.inc({ outcome: 'failed' }, 0)
  const throttledSeconds = new Counter({
    name: 'svetofor_source_throttled_seconds_total',
    help: 'Time the brokers told the source to wait because of a quota.',
    registers
  })
  const expired = new Counter({
    name: 'svetofor_source_expired_records_total',
    help: 'Records that were deleted by retention before they were read: lost, by offsets.',
    registers
  })
  const recreated = new Counter({
    name: 'svetofor_source_recreated_topics_total',
    help: 'Topics that were found deleted and made again (their id had changed); each is read from its beginning.',
    registers
  })
  const connected = new Gauge({
    name: 'svetofor_source_connected',
    help: '1 while the source is a member of its group and reaches its brokers.',
    registers,
    collect() {
      this.set(options.source()?.connected() === true ? 1 : 0)
    }
  })
  connected.set(0)
  const lagPartitionsMax = options.lagPartitionsMax ?? 256
  new Gauge({
    name: 'svetofor_source_lag_records',
    help: 'Records between the committed position and the end of the partition. Only the first partitions are listed; see svetofor_source_lag_total_records for all.',
    labelNames: ['topic', 'partition'],
    registers,
    collect() {
      this.reset()
      for (const { topic, partition, lag } of lags().slice(0, lagPartitionsMax))
        this.set({ topic, partition: String(partition) }, lag)
    }
  })
  new Gauge({
    name: 'svetofor_source_lag_total_records',
    help: 'Records between the committed positions and the ends of all assigned partitions.',
    registers,
    collect() {
      this.set(lags().reduce((sum, { lag }) => sum + lag, 0))
    }
  })

  const lags = (): { topic: string; partition: number; lag: number }[] => {
    const found = new Map<string, { topic: string; partition: number; lag: number }>()
    for (const { topic, partition, highWatermark } of options.source()?.highWatermarks() ?? []) {
      const position = options.position(topic, partition)
      if (position !== null)
        found.set(partitionKey(topic, partition), {
          topic,
          partition,
          lag: Math.max(0, highWatermark - position)
        })
    }
    return [...found.values()]
  }

  return {
    handedOver(handed) {
      let byteSum = 0
      let recordSum = 0
      for (const batch of handed) {
        byteSum += batch.bytes.byteLength
        recordSum += batch.count
      }
      batches.inc(handed.length)
      bytes.inc(byteSum)
      records.inc(recordSum)
    },
    fetchError: kind => fetchErrors.inc({ kind }),
    rebalance: () => rebalances.inc(),
    commit: ok => commits.inc({ outcome: ok ? 'ok' : 'failed' }),
    throttled: ms => throttledSeconds.inc(ms / 1000),
    expired: records => expired.inc(records),
    recreated: () => recreated.inc()
  }
}

export interface DeadLetterMetrics {
  sent(reason: string, count: number): void
  retried(): void
  failed(): void
}

export function createDeadLetterMetrics(registry: Registry): DeadLetterMetrics {
  const registers = [registry]
  const sent = new Counter({
    name: 'svetofor_dead_letters_total',
    help: 'Records acknowledged by the dead-letter topic, by reason.',
    labelNames: ['reason'],
    registers
  })
  const retries = new Counter({
    name: 'svetofor_dead_letter_retries_total',
    help: 'Attempts to send dead letters that had to be repeated.',
    registers
  })
  const failures = new Counter({
    name: 'svetofor_dead_letter_failures_total',
    help: 'Times dead letters could not be sent within the retry limit, so that offsets had to wait.',
    registers
  })
  return {
    sent: (reason, count) => sent.inc({ reason }, count),
    retried: () => retries.inc(),
    failed: () => failures.inc()
  }
}
