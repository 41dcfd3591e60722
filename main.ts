import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { createBeginning } from './daemon/beginning.ts'
import { connectSource } from './daemon/delivery/connect-source.ts'
import { loadDefinitions } from './daemon/judging/definitions.ts'
import { createDelivery, Stopped } from './daemon/delivery/delivery.ts'
import { startEvaluation } from './daemon/judging/evaluation.ts'
import { createFatal } from './daemon/process/fatal.ts'
import { createInsist } from './daemon/process/insist.ts'
import type { JudgingEngine } from './daemon/start-judging.ts'
import { createOutwardServer } from './daemon/outward.ts'
import type { Reloader } from './daemon/judging/reload.ts'
import { createSourceHandler } from './daemon/delivery/source-handler.ts'
import { createDaemonClock } from './daemon/process/steady-clock.ts'
import { createStandby } from './daemon/standby.ts'
import { createStanding } from './daemon/standing.ts'
import { createStop } from './daemon/stopping.ts'
import { createStorage } from './daemon/delivery/storage.ts'
import { createTroubleLog } from './daemon/process/trouble-log.ts'
import { tuneV8 } from './daemon/process/v8.ts'
import { createWarmUp } from './daemon/delivery/warm-up.ts'
import { createWatermark } from './daemon/delivery/watermark.ts'
import { createDispatcherMetrics } from './ingest/dispatcher-metrics.ts'
import { createDispatcher } from './ingest/dispatcher.ts'
import { createOffsetCommitter } from './ingest/offsets.ts'
import type { Source } from './ingest/source.ts'
import type { Config } from './schemas/config/reading.ts'
import { createPoolMetrics } from './workers/metrics.ts'

/**
 * The composition root: builds every part of the daemon, wires them, starts them in order and stops them in
 * reverse. Nothing else knows more than its own neighbours.
 */
export interface DaemonOptions {
  readonly config: Config
  /** Reads the configuration anew: a reload takes its rules over, which may name other files. */
  readonly reread?: () => Promise<Config>
  readonly logger: Logger
  readonly version: string
  /** In place of the configured Kafka source: the demo without Kafka, and tests. Dead letters are then only counted. */
  readonly source?: Source
  /** Told once when the daemon cannot go on; the caller stops it and exits. */
  readonly onFatal: (error: Error) => void
}

export interface Daemon extends Pick<Reloader, 'reload'> {
  readonly url: string
  readonly registry: Registry
  /** Drains what is in hand, stores it, commits, and closes everything, within the configured limit. */
  stop(): Promise<void>
}

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  tuneV8()
  const { config, logger, version } = options
  const definitions = await loadDefinitions(config, 1)
  const registry = new Registry()
  const stopping = new AbortController()
  const { nowMs, heard } = createDaemonClock(logger)
  const trouble = createTroubleLog(logger, nowMs)
  const { insist, quietly, problem } = createInsist(config.clickhouse.url, trouble, stopping.signal)
  const fatal = createFatal(logger, stopping.signal, options.onFatal)
  const { fail } = fatal
  let engine: JudgingEngine | undefined

  const offsets = createOffsetCommitter({
    commit: next => source.commit(next),
    commitFailed: error => trouble('offsets could not be committed to Kafka; trying again', error)
  })
  const storage = createStorage({
    config,
    logger,
    registry,
    trouble,
    nowMs,
    onAcknowledged: ranges => offsets.acknowledged(ranges),
    onRecreated: () => sourceMetrics.recreated(),
    holds: () => standby.holds(),
    onPressure(hold) {
      dispatcher.hold(hold)
      standing.lateness.pressure(hold)
    },
    onFatal: fail
  })
  const { client, writer } = storage

  const evaluation = await startEvaluation(config, definitions, logger)
  const { pool } = evaluation
  const poolMetrics = createPoolMetrics(registry, () => pool.stats())
  const connection = await connectSource({ config, logger, registry, offsets, given: options.source, nowMs })
  const { source, sourceMetrics, deadLetters } = connection

  const watermark = createWatermark(
    () => source.highWatermarks(),
    nowMs,
    () => source.failedAtMs?.() ?? 0
  )
  const { signal } = stopping
  const warming = { config, connection, evaluation, storage, registry, logger, nowMs, stopping: signal }
  const warmUp = createWarmUp({ ...warming, engine: () => engine })
  const standby = createStandby({ ...warming, judgedTo: warmUp.judgedTo, fail })
  const delivery = createDelivery({
    dispatcher: () => dispatcher,
    writer,
    offsets,
    deadLetters,
    deadLetterTopic: config.kafka.dlq_topic,
    judge(result) {
      poolMetrics.evaluated(result)
      engine?.take(result, nowMs())
      watermark.judged(result.ranges)
      warmUp.judged(result.ranges)
    },
    drainMsMax: config.ingest.drain_ms_max,
    stopping: stopping.signal,
    logger,
    trouble
  })
  const dispatcher = createDispatcher({
    evaluate(task) {
      watermark.evaluating(task.ranges, task.nowMs)
      return pool.evaluate(task)
    },
    deliver: delivery.deliver,
    failed: error => (error instanceof Stopped ? undefined : fail(error)),
    pause: partitions => source.pause(partitions),
    resume: partitions => source.resume(partitions),
    nowMs,
    concurrency: evaluation.concurrency,
    taskBytesMax: config.workers.task_bytes_max,
    partitionQueueBytesMax: config.ingest.partition_queue_bytes_max,
    queueBytesMax: config.ingest.queue_bytes_max
  })
  createDispatcherMetrics(registry, dispatcher)

  const standing = createStanding({
    config,
    logger,
    restored: () => engine !== undefined,
    database: problem,
    reloadFailure: () => beginning.failure(),
    connection,
    standby,
    writer,
    watermark,
    pool,
    nowMs
  })
  const timers: NodeJS.Timeout[] = []
  const told = { definitions, offsets, watermark, standing, insist, quietly, timers, fatal }
  const beginning = createBeginning({
    ...{ ...warming, ...told, reread: options.reread, engine: () => engine },
    begun: judging => (engine = judging.engine)
  })
  const { reload } = beginning
  const { view } = standing
  const server = await createOutwardServer({ ...warming, version, view, client, reload })
  const { url } = await server.listen()
  logger.info({ url }, 'status endpoint and operator page are up')

  const parts = { dispatcher, delivery, watermark, warmUp, standby, heard, insist, fail, trouble }
  const handler = createSourceHandler({ ...parts, ...warming })
  // Storage first: nothing may be read before it is known what is stored.
  const run = async (): Promise<void> => {
    await standby.start(handler, beginning)
    const { topics } = config.kafka
    logger.info(
      { source: source.name, topics, threads: evaluation.threads },
      standby.waitsFor() === '' ? 'consuming' : 'standing by'
    )
  }
  run().catch((error: unknown) => {
    if (!signal.aborted) fail(error)
  })

  const stop = createStop({
    connection,
    storage,
    engine: () => engine,
    pool,
    server,
    timers,
    stopping,
    stopMsMax: config.shutdown_ms_max,
    nowMs,
    logger
  })
  return { url, registry, reload, stop }
}
