import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { createDeadLetterTopic, type DeadLetterTopic } from '../../ingest/dead-letter-topic.ts'
import { createDeadLetterSink, type DeadLetterSink } from '../../ingest/dead-letters.ts'
import { createGroupWatch, type GroupWatch } from '../../ingest/kafka/group-watch.ts'
import { openStretches, type Stretches } from '../../ingest/kafka/stretches.ts'
import { createDeadLetterMetrics, createSourceMetrics, type SourceMetrics } from '../../ingest/metrics.ts'
import type { OffsetCommitter } from '../../ingest/offsets.ts'
import type { Source } from '../../ingest/source.ts'
import { createSource } from '../../ingest/sources.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { kafkaSettings } from './kafka-settings.ts'

export interface SourceConnection {
  readonly source: Source
  readonly sourceMetrics: SourceMetrics
  /** Undefined with a given source: dead letters are then only counted. */
  readonly deadLetters: DeadLetterSink | undefined
  /** Who else is in the consumer group; undefined with a given source. */
  readonly groupWatch: GroupWatch | undefined
  readonly deadLetterTopic: DeadLetterTopic | undefined
  /** Reads again what was read before; undefined with a given source. */
  readonly openStretches: ((partitions: number) => Promise<Stretches>) | undefined
}

/** The source that the configuration names, or the given one, and where its dead letters go. Reads nothing yet. */
export async function connectSource(options: {
  readonly config: Config
  readonly logger: Logger
  readonly registry: Registry
  readonly offsets: OffsetCommitter
  readonly given: Source | undefined
  /** The daemon's clock. */
  readonly nowMs: () => number
}): Promise<SourceConnection> {
  const { config, logger, registry, offsets, given, nowMs } = options
  const sourceMetrics = createSourceMetrics(registry, {
    source: () => source,
    position: (topic, partition) => offsets.position(topic, partition)
  })
  const source =
    given ??
    (await createSource(config.kafka.source, { ...kafkaSettings(config, logger, sourceMetrics), nowMs }))
  if (given !== undefined)
    return {
      source,
      sourceMetrics,
      deadLetters: undefined,
      groupWatch: undefined,
      deadLetterTopic: undefined,
      openStretches: undefined
    }
  const deadLetters = createDeadLetterSink({
    ...kafkaSettings(config, logger, null),
    topic: config.kafka.dlq_topic,
    metrics: createDeadLetterMetrics(registry)
  })
  const groupWatch = createGroupWatch(kafkaSettings(config, logger, null))
  groupWatch.start()
  const deadLetterTopic = createDeadLetterTopic(kafkaSettings(config, logger, null), config.kafka.dlq_topic)
  deadLetterTopic.start()
  const stretchSettings = kafkaSettings(config, logger, null)
  return {
    source,
    sourceMetrics,
    deadLetters,
    groupWatch,
    deadLetterTopic,
    openStretches: partitions => openStretches(stretchSettings, partitions)
  }
}
