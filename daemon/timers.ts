import type { RowSink } from '../ingest/clickhouse/rows.ts'
import type { OffsetCommitter } from '../ingest/offsets.ts'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { Fatal } from './process/fatal.ts'
import type { Standing } from './standing.ts'
import type { Watermark } from './delivery/watermark.ts'

const tickMs = 200
const commitMs = 1000
const sayMs = 1000
/** How often, and how many at once, descriptions of new series are handed to ClickHouse: after a start there may be millions. */
const storeSeriesMs = 20
const storeSeriesMax = 2000

export interface TimersOptions {
  readonly engine: Pick<StatusEngine, 'tick' | 'storeSeries' | 'holdSilence' | 'setIngestTrouble' | 'clocks'>
  readonly watermark: Watermark
  readonly standing: Pick<Standing, 'lateness' | 'say'>
  readonly offsets: OffsetCommitter
  readonly rows: RowSink
  readonly fatal: Fatal
  readonly nowMs: () => number
}

/** What happens by and by rather than because of a record. */
export function startTimers({
  engine,
  watermark,
  standing,
  offsets,
  rows,
  fatal: { fail, guard },
  nowMs
}: TimersOptions): NodeJS.Timeout[] {
  return [
    setInterval(
      guard(() => {
        standing.lateness.tick(engine, nowMs())
        engine.tick(nowMs(), watermark.atMs(nowMs()))
      }),
      tickMs
    ),
    setInterval(
      guard(() => standing.say()),
      sayMs
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
