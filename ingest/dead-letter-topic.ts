import { Kafka } from 'kafkajs'
import { kafkaJsConfig, type KafkaJsSettings } from './adapters/kafkajs-options.ts'
import { createBackoff, pauseMs } from './backoff.ts'
import { asError } from './errors.ts'

/** The topic for dead letters, which is looked for when the daemon starts, not when the first letter is to be written. */
export interface DeadLetterTopic {
  /** Looks until it is there, and makes it with the brokers' own settings where it is not. */
  start(): void
  /** Why it is not known to be there; empty when it is. */
  problem(): string
  stop(): void
}

export function createDeadLetterTopic(settings: KafkaJsSettings, topic: string): DeadLetterTopic {
  const { logger } = settings
  const stopping = new AbortController()
  let problem = `the topic ${topic} was not looked for yet`

  const ensure = async (): Promise<void> => {
    const admin = new Kafka({ ...kafkaJsConfig(settings), retry: { retries: 0 } }).admin()
    try {
      await admin.connect()
      if ((await admin.listTopics()).includes(topic)) return
      await admin.createTopics({ waitForLeaders: false, topics: [{ topic }] })
      logger.info({ topic }, 'the topic for dead letters was made, with the settings of the brokers')
    } finally {
      await admin.disconnect().catch(() => undefined)
    }
  }

  const run = async (): Promise<void> => {
    const backoff = createBackoff(retryMsMin, retryMsMax)
    while (!stopping.signal.aborted) {
      try {
        await ensure()
        problem = ''
        return
      } catch (error) {
        const why = asError(error).message
        problem = `the topic ${topic} is not known to be there: ${why}`
        logger.warn(
          { topic, error: why },
          'the topic for dead letters could not be found or made; trying again'
        )
        await pauseMs(backoff.next(), stopping.signal)
      }
    }
  }

  return {
    start() {
      run().catch((error: unknown) => (problem = asError(error).message))
    },
    problem: () => problem,
    stop: () => stopping.abort()
  }
}

const retryMsMin = 1000
const retryMsMax = 60_000
