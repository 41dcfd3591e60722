import type { RowSink } from '../ingest/clickhouse/rows.ts'
import type { OffsetCommitter } from '../ingest/offsets.ts'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { Fatal } from './process/fatal.ts'
import type { Watermark } from './delivery/watermark.ts'

const tickMs = 200
const commitMs = 1000
/** How often, and how many at once, descriptions of new series are handed to ClickHouse: after a start there may be millions. */
const storeSeriesMs = 20
const storeSeriesMax = 2000

export interface TimersOptions {
  readonly engine: StatusEngine
  readonly watermark: Watermark
  readonly offsets: OffsetCommitter
  readonly rows: RowSink
  readonly fatal: Fatal
  readonly nowMs: () => number
}

/** What happens by and by rather than because of a record. */
export function startTimers({
  engine,
  watermark,
  offsets,
  rows,
  fatal: { fail, guard },
  nowMs
}: TimersOptions): NodeJS.Timeout[] {
  return [
    setInterval(
      guard(() => engine.tick(nowMs(), watermark.atMs(nowMs()))),
      tickMs
    ),
    setInterval(() => {
      offsets.flush().catch(fail)
    }, commitMs),
    setInterval(
      guard(() => engine.storeSeries(Math.min(storeSeriesMax, rows.seriesRoom()))),
      storeSeriesMs
    )
  ]
}
