import { Kafka, type Message, Partitioners, type Producer } from 'kafkajs'
import type { Reject } from '../schemas/evaluation.ts'
import { createBackoff, pauseMs } from './backoff.ts'
import { asError } from './errors.ts'
import { kafkaJsConfig, type KafkaJsSettings } from './adapters/kafkajs-options.ts'
import type { DeadLetterMetrics } from './metrics.ts'

/** Where records go that could not be read. A record counts as done only when its dead letter is acknowledged. */
export interface DeadLetterSink {
  /** Resolves when every reject is acknowledged by the topic's replicas; rejects when the retries are used up. */
  send(rejects: readonly Reject[]): Promise<void>
  close(): Promise<void>
}

export interface DeadLetterOptions extends KafkaJsSettings {
  readonly topic: string
  /** Bytes of a value that are kept; what is longer is cut, and says how long it was. */
  readonly valueBytesMax?: number
  /** Attempts after the first. */
  readonly retries?: number
  readonly backoffMinMs?: number
  readonly backoffMaxMs?: number
  readonly metrics?: DeadLetterMetrics | null
}

/** The JSON value of a dead letter. The key is `topic:partition:offset`, so a repeated letter is recognised by it. */
export interface DeadLetter {
  readonly reason: string
  readonly detail: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly keyBase64: string | null
  /** There and true where the key was longer. */
  readonly keyCut?: true
  /** Length of the value before any cut; 0 for a tombstone. */
  readonly valueBytes: number
  readonly valueBase64: string | null
  readonly valueCut: boolean
  /** Kafka's own time of the record (ms), where it is known. */
  readonly timestampMs?: number
}

/** Retries are counted and limited here, so the client's own are short; an idempotent producer must have some. */
const clientRetry = { retries: 1, initialRetryTime: 100, maxRetryTime: 1000 }
const lettersPerRequest = 500
const bytesPerRequest = 512 * 1024
/** Keys of devices are short; one that is not must not make the letter larger than the topic takes. */
const keyBytesMaxDefault = 64 * 1024
/** Of a letter that the topic refuses as too large so much less is kept at each further try, and at last nothing but where it lies. */
const shrinkBy = 4

export function deadLetterMessage(
  reject: Reject,
  valueBytesMax: number,
  keyBytesMax = keyBytesMaxDefault
): Message {
  const { reason, detail, topic, partition, offset } = reject
  const value = reject.value === null ? null : Buffer.from(reject.value.subarray(0, valueBytesMax))
  const letter: DeadLetter = {
    reason,
    detail,
    topic,
    partition,
    offset,
    keyBase64:
      reject.key === null ? null : Buffer.from(reject.key.subarray(0, keyBytesMax)).toString('base64'),
    ...(reject.key !== null && reject.key.byteLength > keyBytesMax ? { keyCut: true } : {}),
    valueBytes: reject.valueBytes,
    valueBase64: value === null ? null : value.toString('base64'),
    valueCut: value !== null && value.byteLength < reject.valueBytes,
    ...(reject.timestampMs === undefined ? {} : { timestampMs: reject.timestampMs })
  }
  return {
    key: `${topic}:${partition}:${offset}`,
    value: JSON.stringify(letter),
    headers: {
      'svetofor.reason': reason,
      'svetofor.topic': topic,
      'svetofor.partition': String(partition),
      'svetofor.offset': String(offset)
    }
  }
}

/**
 * A dead-letter sink over kafkajs, which speaks with real brokers and with librdkafka's in-memory one. Where the cluster
 * lets it, the producer is idempotent; one that failed is thrown away, because its sequence numbers cannot be trusted
 * after an unknown outcome. A letter may therefore be there twice, with the same key.
 */
export function createDeadLetterSink(options: DeadLetterOptions): DeadLetterSink {
  const { logger, metrics = null, topic } = options
  const valueBytesMax = options.valueBytesMax ?? 64 * 1024
  const retries = options.retries ?? 8
  const closing = new AbortController()
  let producer: Promise<Producer> | null = null
  /** The in-memory broker names a controller that is not there, and kafkajs asks the controller for a producer id. */
  let idempotent = true
  /** Letters go out one request after the other, in the order of the calls. */
  let tail: Promise<unknown> = Promise.resolve()
  /** Less where the topic takes less (`max.message.bytes`): a request is one batch to each partition. */
  let requestBytesMax = bytesPerRequest

  const open = (): Promise<Producer> => {
    producer ??= (async () => {
      const created = new Kafka({ ...kafkaJsConfig(options), retry: clientRetry }).producer({
        idempotent,
        maxInFlightRequests: 1,
        createPartitioner: Partitioners.DefaultPartitioner,
        allowAutoTopicCreation: true,
        retry: clientRetry
      })
      await created.connect()
      return created
    })()
    return producer
  }

  const discard = async (): Promise<void> => {
    const discarded = producer
    producer = null
    try {
      await (await discarded)?.disconnect()
    } catch (error) {
      logger.debug({ err: asError(error) }, 'dead-letter producer did not close cleanly')
    }
  }

  const sendOnce = async (messages: Message[]): Promise<void> => {
    try {
      const active = await open()
      await active.send({ topic, acks: -1, timeout: options.requestTimeoutMs, messages })
    } catch (error) {
      await discard()
      if (idempotent && asError(error).name === 'KafkaJSBrokerNotFound') {
        idempotent = false
        logger.debug('dead letters are sent without idempotence: the cluster has no controller to ask')
        await sendOnce(messages)
        return
      }
      throw error
    }
  }

  const sendWithRetries = async (messages: Message[]): Promise<void> => {
    const backoff = createBackoff(options.backoffMinMs ?? 100, options.backoffMaxMs ?? 5000)
    for (;;) {
      if (closing.signal.aborted)
        throw new Error('The dead-letter sink is closed; these records are read again.')
      try {
        await sendOnce(messages)
        return
      } catch (error) {
        // The same again would be refused again.
        if (isTooLarge(error)) throw error
        if (backoff.attempts() >= retries) {
          metrics?.failed()
          throw new Error(
            `${messages.length} dead letters could not be sent to ${topic} in ${retries + 1} attempts: ${asError(error).message}`,
            { cause: error }
          )
        }
        metrics?.retried()
        const delayMs = backoff.next()
        logger.warn({ err: asError(error), delayMs, topic }, 'dead letters could not be sent')
        await pauseMs(delayMs, closing.signal)
      }
    }
  }

  /** One letter in as large a form as the topic takes. */
  const sendOne = async (reject: Reject): Promise<void> => {
    let valueBytes = Math.min(valueBytesMax, reject.value?.byteLength ?? 0)
    let keyBytes = Math.min(keyBytesMaxDefault, reject.key?.byteLength ?? 0)
    for (;;) {
      try {
        await sendWithRetries([deadLetterMessage(reject, valueBytes, keyBytes)])
        return
      } catch (error) {
        if (!isTooLarge(error) || valueBytes + keyBytes === 0) throw error
        // The longer one first.
        if (valueBytes >= keyBytes) valueBytes = Math.floor(valueBytes / shrinkBy)
        else keyBytes = Math.floor(keyBytes / shrinkBy)
        const { topic: of, partition, offset } = reject
        logger.warn(
          { record: `${of}:${partition}:${offset}`, valueBytes, keyBytes },
          `a dead letter is larger than ${topic} takes, so it carries less of its record: raise max.message.bytes of the topic, or lower ingest.dead_letter_bytes_max`
        )
      }
    }
  }

  const sendFitting = async (rejects: readonly Reject[], messages: Message[]): Promise<void> => {
    try {
      await sendWithRetries(messages)
    } catch (error) {
      if (!isTooLarge(error)) throw error
      if (messages.length > 1) requestBytesMax = Math.min(requestBytesMax, Math.ceil(bytesOf(messages) / 2))
      // Those that fit alone go as they are.
      for (const reject of rejects) await sendOne(reject)
    }
  }

  const sendAll = async (rejects: readonly Reject[]): Promise<void> => {
    let request: Message[] = []
    let bytes = 0
    let from = 0
    const flush = async (to: number): Promise<void> => {
      const messages = request
      request = []
      bytes = 0
      if (messages.length > 0) await sendFitting(rejects.slice(from, to), messages)
      from = to
    }
    for (const [i, reject] of rejects.entries()) {
      const message = deadLetterMessage(reject, valueBytesMax)
      const length = bytesOf([message])
      if (request.length >= lettersPerRequest || (request.length > 0 && bytes + length > requestBytesMax))
        await flush(i)
      request.push(message)
      bytes += length
    }
    await flush(rejects.length)
    if (metrics === null) return
    const byReason = new Map<string, number>()
    for (const { reason } of rejects) byReason.set(reason, (byReason.get(reason) ?? 0) + 1)
    for (const [reason, count] of byReason) metrics.sent(reason, count)
  }

  return {
    send(rejects) {
      if (rejects.length === 0) return Promise.resolve()
      const sent = tail.then(() => sendAll(rejects))
      tail = sent.catch(() => undefined)
      return sent
    },
    async close() {
      closing.abort()
      await tail
      await discard()
    }
  }
}

const bytesOf = (messages: readonly Message[]): number =>
  messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)

/** Whether the broker refused a batch for its size; kafkajs names the protocol's errors so. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof Error && 'type' in error && error.type === 'MESSAGE_TOO_LARGE'
