import type { ClickHouseClient } from '@clickhouse/client'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import { loadDefinitions, type Definitions } from './daemon/definitions.ts'
import { createClickHouseClient } from './ingest/clickhouse/client.ts'
import { createDeadLetterSink } from './ingest/dead-letters.ts'
import { createDispatcherMetrics } from './ingest/dispatcher-metrics.ts'
import { createDispatcher } from './ingest/dispatcher.ts'
import { createHistoryStore } from './ingest/clickhouse/history.ts'
import { createDeadLetterMetrics, createSourceMetrics, type SourceMetrics } from './ingest/metrics.ts'
import { migrate } from './ingest/clickhouse/migrate.ts'
import { replaceInventory } from './ingest/clickhouse/mirror.ts'
import { createOffsetCommitter } from './ingest/offsets.ts'
import { storedPositions } from './ingest/clickhouse/positions.ts'
import { restoreStatus } from './ingest/clickhouse/restore.ts'
import { createRollups } from './ingest/clickhouse/rollups.ts'
import { createRowSink } from './ingest/clickhouse/rows.ts'
import type { SeriesRows } from './ingest/clickhouse/series-rows.ts'
import { sourceOptions, type SourceSettings } from './ingest/source-options.ts'
import type { Source, SourceHandler } from './ingest/source.ts'
import { createSource } from './ingest/sources.ts'
import { createWriterMetrics } from './ingest/clickhouse/writer-metrics.ts'
import { createWriter } from './ingest/clickhouse/writer.ts'
import { createAlarmEngine } from './rules/alarms.ts'
import { createProgramTable } from './rules/program.ts'
import type { TopicPartition } from './schemas/batch.ts'
import type { Config } from './schemas/config/reading.ts'
import type { EvaluationResult, Reject } from './schemas/evaluation.ts'
import { packageRoot } from './schemas/package-root.ts'
import { createAnswers } from './status/engine/answers.ts'
import { createEngineMetrics } from './status/engine/metrics.ts'
import { createStatusEngine, type StoredEntity } from './status/engine/engine.ts'
import { eventLimits } from './status/http/events.ts'
import { createStatusServer } from './status/http/server.ts'
import { createStartingView } from './status/starting-view.ts'
import type { Readiness } from './status/view.ts'
import { devicesOf, nodesOf } from './topology/compile.ts'
import { createLightEngine } from './topology/lights.ts'
import { createPoolMetrics } from './workers/metrics.ts'
import { createEvaluationPool } from './workers/pool.ts'
import { entityOf } from './workers/learning/series-id.ts'
import { createSharedMemory, openSharedState } from './workers/memory/shared-state.ts'

/**
 * The composition root: builds every part of the daemon, wires them, starts them in order and stops them in
 * reverse. Nothing else knows more than its own neighbours.
 */
export interface DaemonOptions {
  readonly config: Config
  readonly logger: Logger
  readonly version: string
  /** In place of the configured Kafka source: the demo without Kafka, and tests. Dead letters are then only counted. */
  readonly source?: Source
  /** Told once when the daemon cannot go on; the caller stops it and exits. */
  readonly onFatal: (error: Error) => void
}

export interface Daemon {
  readonly url: string
  readonly registry: Registry
  /** Loads inventory, rules and profiles anew; rejects with ProblemsError and changes nothing when they have errors. */
  reload(): Promise<{ inventoryVersion: number; nodes: number; devices: number }>
  /** Drains what is in hand, stores it, commits, and closes everything, within the configured limit. */
  stop(): Promise<void>
}

const tickMs = 200
/** With nothing read for this long, event time has come to the present. */
const backlogForgottenMs = 2000
const commitMs = 1000
/** How often, and how many at once, descriptions of new series are handed to ClickHouse. */
const storeSeriesMs = 20
const storeSeriesMax = 2000
const programsMax = 65_536
const retryMsMax = 10_000
const troubleRepeatMs = 60_000
const troublesMax = 100
/** Connections beside those of inserts: small tables, history, positions. */
const queryConnections = 6

/**
 * Settings of V8 for all threads of the process (figures in docs/performance.md).
 * The way of a record is compiled ahead (workers/kernel/). What is left to V8 is many functions, each a little warm, and putting up
 * to 920 bytes of bytecode of others into each costs more than it ever saves.
 * And V8 takes places whose objects lived long once, as at the start, when all waits, to make long-lived ones for ever: what
 * belongs to one fetch then lies in the old generation until a full collection.
 * And it takes a heap that hardly grows for one at rest, and collects it all again and again for a few megabytes.
 */
function tuneV8(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=100')
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--no-memory-reducer')
}

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  tuneV8()
  const { config, logger, version } = options
  const definitions = await loadDefinitions(config, 1)
  const registry = new Registry()
  const stopping = new AbortController()
  const nowMs = (): number => Date.now()
  let restored = false
  let fatal = false

  const trouble = createTroubleLog(logger, nowMs)
  const fail = (error: unknown): void => {
    if (fatal || stopping.signal.aborted) return
    fatal = true
    const cause = error instanceof Error ? error : new Error(String(error))
    logger.fatal(
      { err: cause, stack: cause.stack },
      'cannot go on: stopping, so that what is not stored is read again'
    )
    options.onFatal(cause)
  }

  // Storage first: nothing may be read before it is known what is stored.
  const client = createClickHouse(config, true)
  const writerMetrics = createWriterMetrics(registry)
  const offsets = createOffsetCommitter({
    commit: next => source.commit(next),
    commitFailed: error =>
      trouble('offsets could not be committed to Kafka; trying again with the next ones', error)
  })
  const writer = createWriter({
    client,
    rowsMax: config.clickhouse.rows_max,
    bytesMax: config.clickhouse.memory_bytes_max / 4,
    flushMsMax: config.clickhouse.flush_ms_max,
    insertsInFlightMax: config.clickhouse.inserts_in_flight_max,
    memoryBytesMax: config.clickhouse.memory_bytes_max,
    metrics: writerMetrics,
    onAcknowledged: ranges => offsets.acknowledged(ranges),
    onPressure(hold) {
      logger.warn(
        hold
          ? 'consumption pauses: samples wait for ClickHouse up to clickhouse.memory_bytes_max; nothing is lost'
          : 'consumption goes on'
      )
      dispatcher.hold(hold)
      engine?.holdSilence(hold, nowMs())
    },
    onState(state) {
      if (state.down)
        trouble(
          `ClickHouse at ${config.clickhouse.url} does not take inserts; samples wait in memory, trying again`,
          state.error
        )
      else logger.info(`ClickHouse at ${config.clickhouse.url} takes inserts again`)
    },
    onFatal: fail
  })
  const rows = createRowSink({
    client,
    onProblem: (sentence, isLost) => (isLost ? logger.error(sentence) : trouble(sentence)),
    metrics: writerMetrics
  })

  const rollups = config.clickhouse.rollups
    ? createRollups({ client, onProblem: sentence => trouble(sentence) })
    : undefined

  // Evaluation.
  const shared = createSharedMemory({
    seriesMax: config.workers.series_max,
    devicesMax: config.workers.devices_max,
    keyBytesMax: config.workers.series_max * keyBytesPerSeries,
    programsMax
  })
  const state = openSharedState(shared)
  const programs = createProgramTable(shared.kernel.programs)
  const threads = threadsOf(config)
  const pool = await createEvaluationPool({
    threads,
    rowBytesMax: config.clickhouse.memory_bytes_max,
    taskTimeoutMs: config.workers.task_timeout_ms,
    profiles: definitions.profiles,
    policy: {
      futureMsMax: config.ingest.future_ms_max,
      pastMsMax: config.ingest.past_ms_max,
      depthMax: config.ingest.depth_max,
      valueBytesMax: config.ingest.value_bytes_max
    },
    limits: {
      verifyCrc: true,
      decompressedBytesMax: decompressedBytesMax(config),
      deadLetterBytesMax: config.ingest.dead_letter_bytes_max
    },
    shared,
    onFault: ({ kind, ...rest }) =>
      logger.error(rest, `an evaluation worker ${kind}; its task is tried again`)
  })

  const sourceMetrics = createSourceMetrics(registry, {
    source: () => source,
    position: (topic, partition) => offsets.position(topic, partition)
  })
  const source: Source =
    options.source ?? (await createSource(config.kafka.source, kafkaSettings(config, logger, sourceMetrics)))
  const deadLetters =
    options.source === undefined
      ? createDeadLetterSink({
          ...kafkaSettings(config, logger, null),
          topic: config.kafka.dlq_topic,
          metrics: createDeadLetterMetrics(registry)
        })
      : undefined

  let engine: ReturnType<typeof createStatusEngine> | undefined

  /** Keeps the partition until its dead letters are acknowledged: only then may its offsets move. */
  const bury = async (rejects: readonly Reject[]): Promise<void> => {
    logger.warn(
      { count: rejects.length, first: { ...rejects[0], key: undefined, value: undefined } },
      'records could not be read; they go to the dead-letter topic'
    )
    for (let attempt = 1; deadLetters !== undefined && !stopping.signal.aborted; attempt++) {
      try {
        await deadLetters.send(rejects)
        return
      } catch (error) {
        trouble(
          `dead letters cannot be sent to ${config.kafka.dlq_topic}; their partitions wait, trying again`,
          error
        )
        await pauseBefore(attempt, stopping.signal)
      }
    }
    if (stopping.signal.aborted) throw new Stopped()
  }

  const deliver = async (result: EvaluationResult): Promise<void> => {
    poolMetrics.evaluated(result)
    engine?.take(result, nowMs())
    if (result.rejects.length > 0) await bury(result.rejects)
    writer.submit(result.ranges, result.block)
  }

  // How far behind the clock the records under evaluation are, and when that was last known.
  let behindMs = 0
  let behindAtMs = 0
  const watermarkMs = (): number => (nowMs() - behindAtMs < backlogForgottenMs ? nowMs() - behindMs : nowMs())

  const dispatcher = createDispatcher({
    evaluate(task) {
      const newestMs = task.ranges.reduce((newest, range) => Math.max(newest, range.maxTimestampMs ?? 0), 0)
      behindAtMs = task.nowMs
      behindMs = newestMs === 0 ? 0 : Math.max(0, task.nowMs - newestMs)
      return pool.evaluate(task)
    },
    deliver,
    failed: error => (error instanceof Stopped ? undefined : fail(error)),
    pause: partitions => source.pause(partitions),
    resume: partitions => source.resume(partitions),
    nowMs,
    // One more than there are threads: the next task is there when a thread is done.
    concurrency: threads === 0 ? 1 : threads + 1,
    taskBytesMax: config.workers.task_bytes_max,
    partitionQueueBytesMax: config.ingest.partition_queue_bytes_max,
    queueBytesMax: config.ingest.queue_bytes_max
  })
  createDispatcherMetrics(registry, dispatcher)
  const poolMetrics = createPoolMetrics(registry, () => pool.stats())

  // The outward face answers from the first second, and says that it is not ready.
  const readiness = (): Readiness => {
    const down = writer.state()
    const parts = {
      state: { ok: restored, detail: restored ? '' : 'alarms and lights are being restored from ClickHouse' },
      clickhouse: {
        ok: !down.down,
        detail: down.down ? `inserts fail since ${new Date(down.sinceMs).toISOString()}: ${down.error}` : ''
      },
      kafka: {
        ok: restored && source.connected(),
        detail: source.connected() ? '' : 'not connected to Kafka'
      }
    }
    return { ready: Object.values(parts).every(part => part.ok), parts }
  }
  const view = createStartingView(readiness)
  const server = await createStatusServer({
    view,
    history: createHistoryStore(client),
    registry,
    logger,
    host: config.status.host,
    port: config.status.port,
    tokens: config.status.tokens,
    version,
    reload: () => reload(),
    pageRoot: join(packageRoot, 'status', 'page'),
    allowedHosts: config.status.allowed_hosts,
    limits: {
      bodyBytesMax: config.status.request_bytes_max,
      requestTimeoutMs: config.status.request_timeout_ms,
      events: {
        ...eventLimits,
        clientsMax: config.status.sse_clients_max,
        clientBufferBytesMax: config.status.sse_buffer_bytes_max
      }
    }
  })
  const { url } = await server.listen()
  logger.info({ url }, 'status endpoint and operator page are up')

  let current: Definitions = definitions
  const reload: Daemon['reload'] = async () => {
    const next = await loadDefinitions(config, current.inventory.version + 1)
    await pool.reloadProfiles(next.profiles)
    await pool.exclusive(() => engine?.reload(next.inventory, next.rules, nowMs()))
    current = next
    await mirror(next)
    const counts = {
      inventoryVersion: next.inventory.version,
      nodes: next.inventory.nodeCount,
      devices: next.inventory.deviceCount
    }
    logger.info(counts, 'inventory, rules and profiles were loaded anew')
    return counts
  }

  /** A million nodes take a while: nothing waits for it, and of several inventories the last one stays. */
  let mirrored = Promise.resolve()
  const mirror = (definitions: Definitions): Promise<void> => {
    const copy = async (): Promise<void> => {
      if (definitions !== current) return
      const { inventory } = definitions
      await insist('mirror the inventory', () =>
        replaceInventory(client, nodesOf(inventory), devicesOf(inventory))
      )
    }
    mirrored = mirrored.then(copy).catch((error: unknown) => {
      if (!stopping.signal.aborted)
        logger.error({ err: error }, 'the inventory could not be mirrored to ClickHouse')
    })
    return mirrored
  }

  /** Repeats until it succeeds or the daemon stops; for what cannot be done without. */
  const insist = async <T>(what: string, act: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act()
      } catch (error) {
        if (stopping.signal.aborted || isHopeless(error)) throw error
        trouble(`could not ${what} at ${config.clickhouse.url}; trying again`, error)
        await pauseBefore(attempt, stopping.signal)
      }
    }
  }

  const handler: SourceHandler = {
    assigned: partitions => insist('ask ClickHouse for positions', () => storedPositions(client, partitions)),
    async revoked(partitions) {
      const drained = await Promise.race([
        drain(partitions),
        delay(config.ingest.drain_ms_max, false, { ref: false })
      ])
      if (!drained)
        logger.warn(
          { partitions: partitions.length },
          'partitions were given up before all was stored; their new owner reads the rest'
        )
      await offsets.flush()
      dispatcher.fence(partitions)
      writer.fence(partitions)
      offsets.forget(partitions)
    },
    batches: batches => dispatcher.offer(batches),
    failed(error, isFatal) {
      if (isFatal) fail(error)
      else trouble(`Kafka at ${config.kafka.brokers.join(',')} cannot be read; trying again`, error)
    }
  }

  const drain = async (partitions: readonly TopicPartition[]): Promise<boolean> => {
    const evaluated = await dispatcher.drain(partitions, config.ingest.drain_ms_max)
    await writer.drain(partitions)
    return evaluated
  }

  /** New series are described to ClickHouse by and by: after a start there may be millions. */
  const storeSeries = (): void => {
    engine?.storeSeries(Math.min(storeSeriesMax, rows.seriesRoom()))
  }

  const timers: NodeJS.Timeout[] = []
  const stop = async (): Promise<void> => {
    if (stopping.signal.aborted) return
    logger.info('stopping: what is in hand is stored first')
    const deadlineMs = nowMs() + config.shutdown_ms_max
    const left = (): number => Math.max(100, deadlineMs - nowMs())
    // The source drains through handler.revoked before it leaves the group.
    await within(left(), source.stop())
    stopping.abort()
    for (const timer of timers) clearInterval(timer)
    const unstored = await writer.close(left())
    while ((engine?.storeSeries(rows.seriesRoom()) ?? 0) > 0 && nowMs() < deadlineMs)
      await within(left(), rows.flush())
    if (unstored > 0)
      logger.warn({ ranges: unstored }, 'ranges were not stored; they are read again at the next start')
    await rows.close(left())
    await within(left(), rollups?.stop() ?? Promise.resolve())
    await within(left(), Promise.allSettled([deadLetters?.close(), server.close(), pool.close(left())]))
    await client.close()
    logger.info('stopped')
  }

  const run = async (): Promise<void> => {
    await insist('prepare the ClickHouse database', () => prepareDatabase(config))
    const stored = await insist('restore the state from ClickHouse', () => restoreStatus(client))
    const startMs = nowMs()
    const alarms = createAlarmEngine(definitions.rules, stored.alarms)
    const lights = createLightEngine(definitions.inventory, {
      settleMs: config.staleness.settle_ms,
      powerSettleMs: config.staleness.power_settle_ms
    })
    engine = createStatusEngine({
      inventory: definitions.inventory,
      rules: definitions.rules,
      programs,
      series: state.series,
      devices: state.devices,
      alarms,
      lights,
      staleness: {
        defaultIntervalMs: config.staleness.default_interval_s * 1000,
        factor: config.staleness.factor,
        graceMs: config.staleness.grace_s * 1000,
        collectorDevicesMin: config.staleness.collector_devices_min
      },
      records: {
        series: described => rows.series(seriesRowsOf(described, state.seriesIds)),
        alarms: transitions => rows.alarms(transitions),
        lights: changes => rows.lightChanges(changes),
        incidents: changes => rows.incidents(changes)
      },
      startMs,
      restored: stored
    })
    createEngineMetrics(registry, engine, nowMs)
    view.become(
      await createAnswers({
        engine,
        alarms,
        lights,
        devices: state.devices,
        homeCities: config.home.cities,
        readiness,
        nowMs
      })
    )
    restored = true
    void mirror(definitions)
    timers.push(setInterval(() => guard(() => engine?.tick(nowMs(), watermarkMs())), tickMs))
    timers.push(setInterval(() => void offsets.flush(), commitMs))
    timers.push(setInterval(() => guard(storeSeries), storeSeriesMs))
    rollups?.start()
    await source.start(handler)
    logger.info({ source: source.name, topics: config.kafka.topics, threads }, 'consuming')
  }

  const guard = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      fail(error)
    }
  }

  run().catch((error: unknown) => {
    if (!stopping.signal.aborted) fail(error)
  })
  return { url, registry, reload, stop }
}

/**
 * Says of a trouble that lasts (a server that is down) when it begins and then once a minute, one line each: what,
 * where, and the server's own words. Nobody is helped by a stack of ours, or by a line an attempt.
 */
function createTroubleLog(logger: Logger, nowMs: () => number): (sentence: string, error?: unknown) => void {
  const said = new Map<string, { atMs: number; untold: number }>()
  return (sentence, error) => {
    const last = said.get(sentence)
    if (last !== undefined && nowMs() - last.atMs < troubleRepeatMs) {
      last.untold++
      return
    }
    if (said.size >= troublesMax) said.clear()
    said.set(sentence, { atMs: nowMs(), untold: 0 })
    logger.warn(
      {
        ...(error === undefined ? {} : { error: error instanceof Error ? error.message : error }),
        ...(last === undefined || last.untold === 0 ? {} : { timesSince: last.untold })
      },
      sentence
    )
  }
}

/** Thrown out of a delivery that the stop of the daemon has ended; its records are read again. */
class Stopped extends Error {}

/** Room for the keys (device, instance, tags as written) of one series in the shared tables. */
const keyBytesPerSeries = 64

/** `withDatabase` false is for migrations, which make the database. */
function createClickHouse(config: Config, withDatabase: boolean): ClickHouseClient {
  const { url, username, password, database, request_timeout_ms, inserts_in_flight_max } = config.clickhouse
  return createClickHouseClient({
    url,
    username,
    password,
    requestTimeoutMs: request_timeout_ms,
    connectionsMax: inserts_in_flight_max + queryConnections,
    ...(withDatabase ? { database } : {})
  })
}

/** Creates the database and its tables, or brings them up to date. Returns the names of what was applied. */
export async function prepareDatabase(config: Config): Promise<string[]> {
  const { database, retention_days, rollup_retention_days } = config.clickhouse
  const client = createClickHouse(config, false)
  try {
    return await migrate(client, {
      database,
      retentionDays: retention_days,
      rollupRetentionDays: rollup_retention_days
    })
  } finally {
    await client.close()
  }
}

function kafkaSettings(config: Config, logger: Logger, metrics: SourceMetrics | null) {
  const { tls, sasl, ...kafka } = config.kafka
  const settings: SourceSettings = {
    brokers: kafka.brokers,
    clientId: kafka.client_id,
    groupId: kafka.group_id,
    topics: kafka.topics,
    isolation: kafka.isolation,
    offsetReset: kafka.offset_reset,
    fetchMaxBytes: kafka.fetch_bytes_max,
    fetchPartitionMaxBytes: kafka.fetch_partition_bytes_max,
    aheadMaxBytes: config.ingest.queue_bytes_max + 4 * kafka.fetch_bytes_max,
    fetchMaxWaitMs: kafka.fetch_wait_ms_max,
    fetchGatherMs: kafka.fetch_gather_ms,
    sessionTimeoutMs: kafka.session_timeout_ms,
    rebalanceTimeoutMs: kafka.rebalance_timeout_ms,
    stopTimeoutMs: config.ingest.drain_ms_max,
    logger,
    metrics,
    tls: tls.enabled
      ? {
          ...(tls.ca === '' ? {} : { ca: tls.ca }),
          ...(tls.cert === '' ? {} : { cert: tls.cert }),
          ...(tls.key === '' ? {} : { key: tls.key }),
          ...(tls.server_name === '' ? {} : { serverName: tls.server_name })
        }
      : null,
    sasl:
      sasl.mechanism === 'none'
        ? null
        : { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password }
  }
  return sourceOptions(settings)
}

/** What the engine describes of new series as the rows that are stored of them; `seriesIds` as workers name them. */
export function seriesRowsOf(described: readonly StoredEntity[], seriesIds: Uint32Array): SeriesRows[] {
  return described.map(({ deviceId, identifiers, instance, nodeId, tier, profile, first, signals }) => ({
    device: deviceId === '' ? (identifiers[0] ?? '') : deviceId,
    instance,
    node: nodeId,
    tier,
    profile,
    identifiers,
    entity: entityOf(seriesIds, first, signals[0]!),
    signals
  }))
}

/** One thread a core beside the main thread's, as measured in docs/performance.md. */
function threadsOf(config: Config): number {
  const { threads } = config.workers
  return threads === 'auto' ? Math.min(8, Math.max(0, availableParallelism() - 1)) : threads
}

/** A compressed batch may grow, within reason. */
function decompressedBytesMax(config: Config): number {
  return Math.max(64 * 1024 * 1024, config.kafka.fetch_bytes_max * 8)
}

/** Exponential with jitter, capped; ends early when the daemon stops. */
async function pauseBefore(attempt: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(retryMsMax, 200 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
  await delay(ms, undefined, { signal }).catch(() => undefined)
}

/** A changed migration or a refused login is not mended by waiting. */
function isHopeless(error: unknown): boolean {
  return error instanceof Error && /^migrations:|AUTHENTICATION_FAILED|ACCESS_DENIED/.test(error.message)
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([work, delay(ms, undefined, { signal: timer.signal }).catch(() => undefined)])
  timer.abort()
}
