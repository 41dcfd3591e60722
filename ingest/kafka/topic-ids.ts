import type { Source } from '../source.ts'
import type { SourceOptions } from '../source-options.ts'
import { UnsuitableBrokerError } from './broker-connection.ts'
import { createCluster } from './cluster.ts'

/**
 * A source whose client library does not tell topic ids, with the ids looked up at each assignment. That a topic is made anew
 * while the daemon runs is then noticed at the next assignment only; the `batch` source notices it at once.
 */
export function withTopicIds(source: Source, options: SourceOptions): Source {
  return {
    ...source,
    start: handler =>
      source.start({
        ...handler,
        async assigned(partitions, isCurrent) {
          const ids = await topicIds(options)
          return handler.assigned(
            partitions.map(each => {
              const topicId = ids.get(each.topic)
              return topicId === undefined ? each : { ...each, topicId }
            }),
            isCurrent
          )
        }
      })
  }
}

/** Ids of the configured topics by name; none from brokers that are too old to have any. */
async function topicIds(options: SourceOptions): Promise<ReadonlyMap<string, string>> {
  const cluster = createCluster(options)
  try {
    await cluster.refresh(options.topics)
  } catch (error) {
    if (!(error instanceof UnsuitableBrokerError)) throw error
  } finally {
    cluster.close()
  }
  const found = new Map<string, string>()
  for (const topic of options.topics) {
    const id = cluster.topic(topic)?.id
    if (id !== undefined) found.set(topic, id)
  }
  return found
}
