import { startPositions } from '../ingest/clickhouse/positions.ts'
import type { OffsetCommitter } from '../ingest/offsets.ts'
import { createTurns } from '../status/slices.ts'
import { prepareDatabase, restoreState } from './delivery/database.ts'
import type { Storage } from './delivery/storage.ts'
import type { Watermark } from './delivery/watermark.ts'
import { createInventoryMirror } from './delivery/mirror.ts'
import { createReloader, type Reloader, type ReloaderOptions } from './judging/reload.ts'
import type { Definitions } from './judging/definitions.ts'
import type { Fatal } from './process/fatal.ts'
import type { Evaluation } from './judging/evaluation.ts'
import type { Insist } from './process/insist.ts'
import type { Beginning } from './standby.ts'
import type { Standing } from './standing.ts'
import { startJudging, type Judging, type JudgingOptions } from './start-judging.ts'
import { startTimers } from './timers.ts'

export interface BeginningOptions
  extends
    Pick<JudgingOptions, 'config' | 'registry' | 'logger' | 'nowMs'>,
    Pick<ReloaderOptions, 'reread' | 'engine' | 'stopping'> {
  readonly evaluation: Evaluation
  readonly definitions: Definitions
  readonly storage: Pick<Storage, 'client' | 'rows' | 'rollups' | 'topics' | 'writer'>
  readonly offsets: OffsetCommitter
  readonly watermark: Watermark
  readonly standing: Standing
  readonly insist: Insist
  readonly fatal: Fatal
  /** The same for what nobody waits for. */
  readonly quietly: Insist
  /** Where the timers go, for the stop. */
  readonly timers: NodeJS.Timeout[]
  /** Told of the engine once it is as the last run left it. */
  readonly begun: (judging: Judging) => void
}

/**
 * How the daemon begins to judge, from what is stored: at its start, or when it takes over from another one; and by what definitions, which a
 * reload changes before that and after.
 */
export function createBeginning(options: BeginningOptions): Beginning & Pick<Reloader, 'reload' | 'failure'> {
  const { config, offsets, watermark, standing, insist, fatal, timers, nowMs } = options
  const { client, rows, rollups, topics } = options.storage
  const mirror = createInventoryMirror({ ...options, client, insist: options.quietly })
  const { reload, failure, alone } = createReloader({ ...options, mirror }, options.definitions)
  let prepared: Promise<unknown> | undefined
  const prepare = (): Promise<unknown> =>
    (prepared ??= insist('prepare the ClickHouse database', () => prepareDatabase(config)))
  return {
    reload,
    failure,
    reach: () => insist('reach the ClickHouse server', () => client.command({ query: 'SELECT 1' })),
    async positions(partitions) {
      await prepare()
      return insist('ask ClickHouse for positions', () => startPositions(client, topics, partitions))
    },
    begin: () =>
      alone(async (definitions, inForce) => {
        await prepare()
        const judging = await startJudging({
          ...options,
          config: inForce,
          definitions,
          rows,
          stored: await restoreState(config, client, insist, watermark),
          storedAs: topic => topics.storedAs(topic),
          standing: standing.view,
          turns: createTurns(fatal.guard)
        })
        const { engine } = judging
        options.begun(judging)
        standing.begin(judging)
        mirror(definitions.inventory)
        timers.push(...startTimers({ engine, watermark, standing, offsets, rows, fatal, nowMs }))
        rollups?.start()
      }),
    flush: () => rows.flush()
  }
}
