import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What the writer tells of itself; every series is one number for the whole process. */
export interface WriterMetrics {
  inserted(rows: number, bytes: number, seconds: number): void
  failed(): void
  pending(bytes: number, rows: number): void
  down(isDown: boolean): void
  /** Rows of history tables given up because their buffer was full. */
  rowsDropped(rows: number): void
}

export function createWriterMetrics(registry: Registry): WriterMetrics {
  const registers = [registry]
  const rows = new Counter({
    name: 'svetofor_clickhouse_rows_total',
    help: 'Samples stored in ClickHouse',
    registers
  })
  const bytes = new Counter({
    name: 'svetofor_clickhouse_sent_bytes_total',
    help: 'Bytes of samples sent to ClickHouse and stored',
    registers
  })
  const seconds = new Histogram({
    name: 'svetofor_clickhouse_insert_seconds',
    help: 'Time of one insert from its first attempt to its acknowledgement',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers
  })
  const failures = new Counter({
    name: 'svetofor_clickhouse_insert_failures_total',
    help: 'Attempts to insert that failed and are made again',
    registers
  })
  const pendingBytes = new Gauge({
    name: 'svetofor_clickhouse_pending_bytes',
    help: 'Bytes of samples waiting to be stored',
    registers
  })
  const pendingRows = new Gauge({
    name: 'svetofor_clickhouse_pending_rows',
    help: 'Samples waiting to be stored',
    registers
  })
  const isDown = new Gauge({
    name: 'svetofor_clickhouse_down',
    help: '1 while inserts fail, else 0',
    registers
  })
  const dropped = new Counter({
    name: 'svetofor_clickhouse_history_rows_dropped_total',
    help: 'Rows of history and series tables given up because too many were waiting',
    registers
  })
  return {
    inserted(insertedRows, insertedBytes, insertSeconds) {
      rows.inc(insertedRows)
      bytes.inc(insertedBytes)
      seconds.observe(insertSeconds)
    },
    failed: () => failures.inc(),
    pending(waitingBytes, waitingRows) {
      pendingBytes.set(waitingBytes)
      pendingRows.set(waitingRows)
    },
    down: value => isDown.set(value ? 1 : 0),
    rowsDropped: count => dropped.inc(count)
  }
}
