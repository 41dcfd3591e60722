import type { Source } from './source.ts'
import type { SourceOptions } from './source-options.ts'

export const sourceKinds = ['batch', 'kafkajs', 'node-rdkafka'] as const
export type SourceKind = (typeof sourceKinds)[number]

/** Makes a Kafka source of the kind; its client library is loaded here and not before. */
export async function createSource(kind: SourceKind, options: SourceOptions): Promise<Source> {
  switch (kind) {
    case 'batch': {
      const { createBatchSource } = await load(
        () => import('./kafka/batch-source.ts'),
        kind,
        '@platformatic/kafka',
        'kafkajs'
      )
      return createBatchSource(options)
    }
    case 'kafkajs': {
      const { createKafkaJsSource } = await load(
        () => import('./adapters/kafkajs-source.ts'),
        kind,
        'kafkajs',
        'batch'
      )
      return identified(createKafkaJsSource(options), options)
    }
    case 'node-rdkafka': {
      const { createRdkafkaSource } = await load(
        () => import('./adapters/rdkafka-source.ts'),
        kind,
        'node-rdkafka',
        'batch'
      )
      return identified(createRdkafkaSource(options), options)
    }
  }
}

/** These clients tell no topic ids. */
async function identified(source: Source, options: SourceOptions): Promise<Source> {
  const { withTopicIds } = await import('./kafka/topic-ids.ts')
  return withTopicIds(source, options)
}

async function load<T>(
  importModule: () => Promise<T>,
  kind: SourceKind,
  library: string,
  other: SourceKind
): Promise<T> {
  try {
    return await importModule()
  } catch (error) {
    throw new Error(
      `The source "${kind}" could not load ${library}: run \`npm install\`, or choose the source "${other}".`,
      { cause: error }
    )
  }
}
