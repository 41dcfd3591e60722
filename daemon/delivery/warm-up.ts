import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { StoredTopics } from '../../ingest/clickhouse/topics.ts'
import { asError } from '../../ingest/errors.ts'
import { isFatal } from '../../ingest/kafka/cluster.ts'
import type { Stretch, Stretches } from '../../ingest/kafka/stretches.ts'
import type { PartitionOffset } from '../../ingest/source.ts'
import { timeSlices, type TimeSlice } from '../../ingest/time-slices.ts'
import { createWarmUpMetrics } from '../../ingest/warm-up-metrics.ts'
import { partitionKey, type RawBatch, type TopicPartition } from '../../schemas/batch.ts'
import type { Config } from '../../schemas/config/reading.ts'
import type { EvaluationResult, RangeOutcome } from '../../schemas/evaluation.ts'
import type { StatusEngine } from '../../status/engine/engine.ts'
import type { EvaluationPool } from '../../workers/pool.ts'
import { pauseBefore } from '../process/insist.ts'
import type { SourceConnection } from './connect-source.ts'

/**
 * Before a partition is read on from its stored position, the stretch of log before that position is judged again, without being
 * stored: counts of samples under way and last-heard times are then what they would have been without a stop (adr/0007).
 * What this process has judged itself it knows.
 */
export interface WarmUp {
  /** Never rejects: what cannot be read again is said, and reading goes on with what is stored. `isCurrent` false ends it. */
  readonly before: (positions: readonly PartitionOffset[], isCurrent: () => boolean) => Promise<void>
  /** The status engine has taken what was found in these. */
  readonly judged: (ranges: readonly RangeOutcome[]) => void
  /** Next offset that this process has not judged; undefined where it has judged none. */
  readonly judgedTo: (partition: TopicPartition) => number | undefined
}

export interface WarmUpOptions {
  readonly config: Pick<Config, 'ingest' | 'staleness'>
  /** Without stretches there is no log to read again. */
  readonly connection: Pick<SourceConnection, 'openStretches'>
  readonly evaluation: {
    readonly pool: Pick<EvaluationPool, 'evaluate'>
    /** Tasks under way at once. */
    readonly concurrency: number
  }
  readonly engine: () => (Pick<StatusEngine, 'warm' | 'memoryMs'> & { recall?(): Promise<void> }) | undefined
  /** The name under which samples of a topic are stored: one that was made anew is another. */
  readonly storage: { readonly topics: Pick<StoredTopics, 'storedAs'> }
  readonly registry: Registry
  readonly stopping: AbortSignal
  readonly logger: Logger
  readonly nowMs: () => number
}

/** Kafka's time is taken for the time of hearing by slices so long: short beside any interval of polls. */
const sliceMs = 2000
const taskRecordsMax = 16_384
const attemptsMax = 3

/** What the reading of stretches came to. */
interface Reading {
  readonly outcome: 'whole' | 'given up' | 'time'
  readonly records: number
}

export function createWarmUp(options: WarmUpOptions): WarmUp {
  const { config, storage, logger, stopping, nowMs } = options
  const { openStretches } = options.connection
  const { pool, concurrency } = options.evaluation
  const { warm_up_s_max, warm_up_records_max, warm_up_ms_max } = config.ingest
  const metrics = createWarmUpMetrics(options.registry)
  /** Next offset that this process has not judged, by partition. */
  const judgedTo = new Map<string, number>()
  const keyOf = ({ topic, partition }: TopicPartition): string =>
    partitionKey(storage.topics.storedAs(topic), partition)

  const evaluateChain = async (
    chain: readonly RawBatch[],
    taskNowMs: number,
    take: (result: EvaluationResult) => void
  ): Promise<void> => {
    for (const ranges of tasksOf(joined(chain))) {
      const result = await pool.evaluate({ ranges, nowMs: taskNowMs })
      for (const { slab } of ranges) slab?.release()
      take(result)
      result.block.slab?.release()
    }
  }

  const read = async (
    stretches: Stretches,
    found: readonly Stretch[],
    engine: Pick<StatusEngine, 'warm'>,
    isCurrent: () => boolean
  ): Promise<Reading> => {
    const deadlineMs = performance.now() + warm_up_ms_max
    const warming = engine.warm()
    let outcome: Reading['outcome'] = 'whole'
    let records = 0
    const heard = createGapless(config.staleness.late_ms_max)
    const slices = timeSlices(
      found.map(stretch => stretches.batches(stretch)),
      sliceMs
    )
    try {
      // The next slice is fetched while this one is judged.
      let upcoming = slices.next()
      for (;;) {
        const step = await upcoming
        if (step.done === true) break
        upcoming = slices.next()
        // It is awaited in the next turn, if there is one.
        upcoming.catch(() => undefined)
        const { atMs, runs } = step.value
        const taskNowMs = Math.min(atMs, nowMs())
        heard.note(taskNowMs)
        records += countOf(step.value)
        await Promise.all(
          spread(runs, concurrency).map(chain =>
            evaluateChain(chain, taskNowMs, result => warming.take(result))
          )
        )
        if (!isCurrent() || stopping.aborted) outcome = 'given up'
        else if (performance.now() > deadlineMs) outcome = 'time'
        if (outcome !== 'whole') break
      }
    } catch (error) {
      warming.end({ isWhole: false, sinceMs: Infinity })
      throw error
    }
    // Later ones are of some partitions only, and of silence all that is heard has a say.
    const sinceMs = judgedTo.size === 0 ? heard.sinceMs(found, nowMs()) : Infinity
    warming.end({ isWhole: outcome === 'whole', sinceMs })
    return { outcome, records }
  }

  const attempt = async (
    open: (partitions: number) => Promise<Stretches>,
    engine: Pick<StatusEngine, 'warm' | 'memoryMs'>,
    wanted: readonly PartitionOffset[],
    isCurrent: () => boolean
  ): Promise<void> => {
    const startedMs = performance.now()
    const windowMs = Math.min(engine.memoryMs(), warm_up_s_max * 1000)
    const stretches = await open(wanted.length)
    try {
      const recordsMax = Math.ceil(warm_up_records_max / wanted.length)
      const found = await Promise.all(
        wanted.map(({ topic, partition, offset }) =>
          stretches.find({ topic, partition, to: offset, windowMs, recordsMax, nowMs: nowMs() })
        )
      )
      const { outcome, records } = await read(stretches, found, engine, isCurrent)
      const tookMs = Math.round(performance.now() - startedMs)
      if (outcome === 'given up') return
      metrics.done(records, tookMs)
      for (const stretch of found) {
        metrics.partitions(outcome === 'time' ? 'time' : (stretch.cut ?? 'whole'), 1)
        if (outcome === 'whole') judgedTo.set(keyOf(stretch), stretch.to)
      }
      say(found, outcome === 'time', { records, ms: tookMs, windowS: Math.round(windowMs / 1000) })
    } finally {
      stretches.close()
    }
  }

  const say = (
    found: readonly Stretch[],
    isLate: boolean,
    fields: { readonly records: number; readonly ms: number; readonly windowS: number }
  ): void => {
    const partitions = found.length
    if (isLate) {
      logger.warn(
        { partitions, ...fields },
        'the log could not be judged again within ingest.warm_up_ms_max: counts of samples begin anew'
      )
      return
    }
    const sentences: Readonly<Record<'retention' | 'records', string>> = {
      retention:
        'Kafka does not hold enough of the past of some partitions: counts of samples that reach back further begin anew',
      records:
        'ingest.warm_up_records_max is less than the stretch that counts and silence reach back: those that reach back further begin anew'
    }
    for (const cut of ['retention', 'records'] as const) {
      const count = found.filter(stretch => stretch.cut === cut).length
      if (count > 0) logger.warn({ partitions: count, ...fields }, sentences[cut])
    }
    logger.info({ partitions, ...fields }, 'the log before the stored positions was judged again')
  }

  const fallBack = (error: unknown, partitions: number): void => {
    metrics.partitions('failed', partitions)
    logger.warn(
      { err: asError(error), partitions },
      'the log before the stored positions could not be judged again: counts of samples and silence begin anew'
    )
  }

  return {
    async before(positions, isCurrent) {
      const engine = options.engine()
      const wanted = positions.filter(each => {
        const before = judgedTo.get(keyOf(each))
        return each.offset > 0 && (before === undefined || before < each.offset)
      })
      if (wanted.length > 0) await engine?.recall?.()
      if (engine === undefined || openStretches === undefined || wanted.length === 0 || warm_up_s_max === 0)
        return
      for (let attempts = 1; isCurrent() && !stopping.aborted; attempts++) {
        try {
          await attempt(openStretches, engine, wanted, isCurrent)
          return
        } catch (error) {
          if (stopping.aborted) return
          if (attempts === attemptsMax || isFatal(error)) {
            fallBack(error, wanted.length)
            return
          }
          await pauseBefore(attempts, stopping)
        }
      }
    },
    judged(ranges) {
      for (const range of ranges) judgedTo.set(keyOf(range), range.lastOffset + 1)
    },
    judgedTo: partition => judgedTo.get(keyOf(partition))
  }
}

const countOf = ({ runs }: TimeSlice): number =>
  runs.reduce((sum, run) => sum + run.reduce((records, { count }) => records + count, 0), 0)

/** Partitions shared out over so many chains; a partition stays whole, so that its order does. */
function spread(runs: readonly (readonly RawBatch[])[], chainsMax: number): RawBatch[][] {
  const filled = runs.filter(run => run.length > 0)
  const chains: RawBatch[][] = Array.from({ length: Math.min(chainsMax, filled.length) }, () => [])
  for (const [i, run] of filled.entries()) chains[i % chains.length]!.push(...run)
  return chains
}

/** Batches that lie side by side in memory as one: each range of a task costs a message its bytes do not. */
function joined(batches: readonly RawBatch[]): RawBatch[] {
  const ranges: RawBatch[] = []
  for (const batch of batches) {
    const before = ranges.at(-1)
    if (before !== undefined && isNext(before, batch) && before.count + batch.count <= taskRecordsMax) {
      const { buffer, byteOffset, byteLength } = before.bytes
      ranges[ranges.length - 1] = {
        ...before,
        lastOffset: batch.lastOffset,
        count: before.count + batch.count,
        maxTimestampMs: Math.max(before.maxTimestampMs, batch.maxTimestampMs),
        bytes: new Uint8Array(buffer, byteOffset, byteLength + batch.bytes.byteLength)
      }
      batch.slab?.release()
    } else if (batch.bytes.byteLength > 0) ranges.push(batch)
    else batch.slab?.release()
  }
  return ranges
}

const isNext = (before: RawBatch, batch: RawBatch): boolean =>
  before.topic === batch.topic &&
  before.partition === batch.partition &&
  before.lastOffset + 1 === batch.firstOffset &&
  before.slab === batch.slab &&
  before.bytes.buffer === batch.bytes.buffer &&
  before.bytes.byteOffset + before.bytes.byteLength === batch.bytes.byteOffset

function* tasksOf(ranges: readonly RawBatch[]): Generator<RawBatch[]> {
  let task: RawBatch[] = []
  let records = 0
  for (const range of ranges) {
    if (task.length > 0 && records + range.count > taskRecordsMax) {
      yield task
      task = []
      records = 0
    }
    task.push(range)
    records += range.count
  }
  if (task.length > 0) yield task
}

/**
 * Since when the log has no pause in which nobody was heard, up to now: after such a pause it may have been Kafka itself that was
 * away, and who could not be heard is not silent.
 */
function createGapless(gapMsMax: number) {
  let sinceMs = Infinity
  let lastMs = -Infinity
  return {
    note(atMs: number): void {
      if (atMs - lastMs > gapMsMax) sinceMs = atMs
      lastMs = Math.max(lastMs, atMs)
    },
    /** What waits to be read is looked at where it begins and where it ends. */
    sinceMs(found: readonly Stretch[], nowMs: number): number {
      const nextMs = found.reduce((least, stretch) => Math.min(least, stretch.nextMs ?? Infinity), Infinity)
      const newestMs = found.reduce((most, stretch) => Math.max(most, stretch.newestMs), -Infinity)
      const isGapless = Math.min(nextMs, nowMs) - lastMs <= gapMsMax && nowMs - newestMs <= gapMsMax
      return isGapless ? sinceMs : Infinity
    }
  }
}
