import type { LogWindow, SampleLog } from '../../ingest/clickhouse/sample-log.ts'
import type { StoredEvents } from '../../ingest/clickhouse/stored-events.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { Light } from '../../schemas/words.ts'
import type { Definitions } from '../judging/definitions.ts'
import { WrongInput } from '../process/wrong-input.ts'
import type { ArrivalCounts } from './arrival.ts'
import { differencesOf, type Differences, type History } from '../compare/differences.ts'
import { createEpisodes } from '../compare/episodes.ts'
import { readMoments } from './log.ts'
import { createReplayPlayer, type ReplayPlayer } from './player.ts'
import { createLoggedSeries } from './series.ts'

/** What is replayed and what with. */
export interface ReplayOptions {
  readonly config: Config
  readonly log: SampleLog
  /** Samples of this time are compared (event time). */
  readonly window: LogWindow
  /** What is judged of before it (ms), so that counts, holds and silences are under way when it begins. */
  readonly warmUpMs: number
  readonly rules: Definitions
  /** Other rules over the same inventory; or what the daemon stored of the window. */
  readonly against: Definitions | StoredEvents
  /** Times that are apart by no more are the same (ms). */
  readonly toleranceMs: number
  readonly onProgress?: (atMs: number, rows: number) => void
}

export interface ReplayOutcome {
  readonly differences: Differences
  readonly facts: ReplayFacts
  /** What the two did in the window, as it was compared. */
  readonly is: History
  readonly was: History
}

/** What was judged, and what the stored samples could not tell. */
export interface ReplayFacts {
  readonly fromMs: number
  readonly toMs: number
  readonly warmUpFromMs: number
  readonly samples: number
  readonly series: number
  readonly partitions: number
  /** Samples of series that are not described, or of signals that this version does not know. */
  readonly unknownSamples: number
  /** Devices with samples that the inventory does not know. */
  readonly unknownDevices: number
  /** Records whose clock was ahead. */
  readonly aheadRecords: number
  /** Longest stretch without any sample (ms). */
  readonly longestPauseMs: number
}

const stepMs = 1000
/** 40 bytes each on the way and 36 in columns; ClickHouse sorts as many at once. */
const sliceRowsMax = 1_000_000
/** Each takes some hundred bytes, for each set of rules. */
const seriesMax = 2_000_000
const transitionsMax = 1_000_000

export async function replay(options: ReplayOptions): Promise<ReplayOutcome> {
  const { config, log, window, rules, against } = options
  const played: LogWindow = {
    fromMs: Math.floor((window.fromMs - options.warmUpMs) / stepMs) * stepMs,
    toMs: window.toMs
  }
  const partitions = await log.partitions(played)
  const samples = partitions.reduce((sum, { rows }) => sum + rows, 0)
  if (samples === 0)
    throw new WrongInput(
      `no sample is stored from ${iso(played.fromMs)} to ${iso(played.toMs)}; give another time by --from and --to`
    )
  if ((await log.seriesCount(played)) > seriesMax)
    throw new WrongInput(
      `there are samples of more than ${seriesMax} series from ${iso(played.fromMs)} to ${iso(played.toMs)}, which do not fit into memory; give a shorter time by --from and --to`
    )
  const series = createLoggedSeries(await log.entities(played))
  const create = (definitions: Definitions): ReplayPlayer =>
    createReplayPlayer({ config, definitions, series, startMs: played.fromMs, stepMs, transitionsMax })
  const player = create(rules)
  const other = isDefinitions(against) ? create(against) : undefined
  const players = other === undefined ? [player] : [player, other]

  const counts: ArrivalCounts = { unknown: 0, ahead: 0 }
  let rows = 0
  let lastMs = played.fromMs
  let longestPauseMs = 0
  const lightsBefore = new Map<ReplayPlayer, ReadonlyMap<string, Light>>()
  const advance = (toMs: number): void => {
    if (lightsBefore.size === 0 && toMs >= window.fromMs) {
      for (const each of players) {
        each.advance(Math.max(played.fromMs, Math.floor((window.fromMs - 1) / stepMs) * stepMs))
        lightsBefore.set(each, lightsByNode(each, rules))
      }
    }
    for (const each of players) each.advance(toMs)
  }
  for await (const moment of readMoments({
    log,
    window: played,
    partitions,
    series,
    counts,
    stepMs,
    rowsMax: sliceRowsMax
  })) {
    longestPauseMs = Math.max(longestPauseMs, moment.atMs - lastMs)
    lastMs = moment.atMs
    advance(moment.atMs)
    for (const each of players) each.take(moment)
    rows += moment.runs.reduce((sum, { from, to }) => sum + to - from, 0)
    options.onProgress?.(moment.atMs, rows)
  }
  advance(Math.max(lastMs, played.toMs))

  const historyOf = (each: ReplayPlayer): History => ({
    ...each.history,
    lightsBefore: lightsBefore.get(each) ?? new Map<string, Light>()
  })
  const is = historyOf(player)
  const was = other === undefined ? historyOfStored(against as StoredEvents) : historyOf(other)
  return {
    differences: differencesOf(is, was, { ...window, toleranceMs: options.toleranceMs }),
    facts: {
      ...window,
      warmUpFromMs: played.fromMs,
      samples: rows,
      series: series.count,
      partitions: partitions.length,
      unknownSamples: counts.unknown,
      unknownDevices: player.unknownDevices(),
      aheadRecords: counts.ahead,
      longestPauseMs
    },
    is,
    was
  }
}

const isDefinitions = (against: Definitions | StoredEvents): against is Definitions => 'rules' in against

const iso = (ms: number): string => new Date(ms).toISOString()

function lightsByNode(player: ReplayPlayer, { inventory }: Definitions): ReadonlyMap<string, Light> {
  return new Map(player.lights().map((light, node) => [inventory.nodeId(node), light]))
}

function historyOfStored({ alarms, lights, lightsBefore }: StoredEvents): History {
  const episodes = createEpisodes()
  for (const transition of alarms) episodes.add(transition)
  return { alarms: episodes.all(), lights, lightsBefore }
}
