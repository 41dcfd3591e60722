import type { Logger } from 'pino'
import type { Writer } from '../ingest/clickhouse/writer.ts'
import type { Config } from '../schemas/config/reading.ts'
import { createStartingView, type StartingView } from '../status/starting-view.ts'
import type { StatusEngine } from '../status/engine/engine.ts'
import type { StatusView } from '../status/view.ts'
import type { EvaluationPool } from '../workers/pool.ts'
import type { SourceConnection } from './delivery/connect-source.ts'
import type { Watermark } from './delivery/watermark.ts'
import { createHappenings } from './happenings.ts'
import { createLateness, type Lateness } from './lateness.ts'
import { createReadiness, type ReadinessOptions } from './readiness.ts'
import type { Standby } from './standby.ts'

export interface StandingOptions extends Pick<ReadinessOptions, 'restored' | 'database' | 'reloadFailure'> {
  readonly standby: Pick<Standby, 'waitsFor' | 'problem'>
  readonly config: Config
  readonly logger: Logger
  readonly connection: Pick<SourceConnection, 'source' | 'deadLetterTopic'>
  readonly writer: Pick<Writer, 'state'>
  readonly watermark: Pick<Watermark, 'atMs'>
  readonly pool: Pick<EvaluationPool, 'stats'>
  readonly nowMs: () => number
}

/** How the daemon itself stands: whether it does its work, whether data comes in time, and what it says of both. */
export interface Standing {
  readonly readiness: ReturnType<typeof createReadiness>
  readonly lateness: Lateness
  /** Answers from the first second, that it is starting; the engine's answers take its place. */
  readonly view: StartingView
  /** The state is restored: the engine's answers are given, and its incidents said. */
  begin(judging: {
    readonly engine: Pick<StatusEngine, 'subscribe' | 'ports' | 'inventory'>
    readonly answers: StatusView
  }): void
  /** Says in the log what is lost and what lasts; call about once a second. */
  say(): void
}

export function createStanding(options: StandingOptions): Standing {
  const { config, logger, writer, watermark, nowMs } = options
  const { source, deadLetterTopic } = options.connection
  const connected = (): boolean => source.connected()
  const readiness = createReadiness({
    ...options,
    writer: () => writer.state(),
    connected,
    group: () => options.standby.problem(),
    waitsFor: () => options.standby.waitsFor(),
    deadLetters: () => deadLetterTopic?.problem() ?? '',
    tables: () => options.pool.stats().tables,
    tablesOfUnknown: () => options.pool.stats().tablesOfUnknown
  })
  const lateness = createLateness({
    judgedToMs: atMs => watermark.atMs(atMs),
    connected,
    lateMsMax: config.staleness.late_ms_max,
    startMs: nowMs()
  })
  const view = createStartingView(readiness, () => lateness.state())
  const happenings = createHappenings({
    logger,
    servers: {
      clickhouse: `ClickHouse at ${config.clickhouse.url}`,
      kafka: `Kafka at ${config.kafka.brokers.join(',')}`,
      group: 'Its place as the only member of its group',
      tables: 'Room for further devices and series'
    },
    readiness,
    openCount: () => Object.values(view.openIncidents()).reduce((sum, count) => sum + count, 0),
    openOfKind: kind => view.openOfKind(kind),
    nowMs
  })
  return {
    readiness,
    lateness,
    view,
    begin({ engine, answers }) {
      if (config.kafka.standby) lateness.begin(nowMs())
      happenings.follow(engine)
      view.become(answers)
    },
    say: () => happenings.say()
  }
}
