import { Kafka, Partitioners, type Producer } from 'kafkajs'
import { kafkaJsConfig } from './adapters/kafkajs-options.ts'
import type { DeadLetter } from './dead-letters.ts'
import { asError } from './errors.ts'
import { readTopic } from './kafka/read-topic.ts'
import type { SourceOptions } from './source-options.ts'

/** A dead letter as it lies in its topic. */
export interface FoundLetter {
  /** `topic:partition:offset` of the record it is of. */
  readonly id: string
  readonly letter: DeadLetter
  /** When the letter was written (ms). */
  readonly writtenMs: number
  /** When its record was sent again (ms); null while it was not. */
  readonly replayedMs: number | null
}

/** The mark of a record that was sent again, with the place of the first one; and of the note of that in the dead-letter topic. */
const replayedHeader = 'svetofor.replayed'

/** Letters that are looked at; a topic with more is read from its newest end in parts, by reason or topic. */
const lettersMax = 1_000_000

/** Every letter of the topic, each once, the oldest first. `isWanted` keeps memory small where a topic holds many. */
export async function readDeadLetters(
  options: SourceOptions,
  topic: string,
  isWanted: (letter: DeadLetter) => boolean = () => true
): Promise<FoundLetter[]> {
  const found = new Map<string, FoundLetter>()
  const replayed = new Map<string, number>()
  await readTopic(options, topic, ({ key, value, timestampMs }) => {
    if (key === null || value === null) return
    const id = Buffer.from(key).toString()
    const content = parse(value)
    if (content === undefined) return
    if ('replayed' in content) replayed.set(id, timestampMs)
    else if (isWanted(content) && !found.has(id)) {
      if (found.size >= lettersMax)
        throw new Error(`There are more than ${lettersMax} dead letters: narrow them by --reason or --topic.`)
      found.set(id, { id, letter: content, writtenMs: timestampMs, replayedMs: null })
    }
  })
  return [...found.values()].map(each => ({ ...each, replayedMs: replayed.get(each.id) ?? null }))
}

export interface Replayed {
  readonly sent: number
  /** Letters that cannot be sent again, with the reason. */
  readonly skipped: readonly { readonly id: string; readonly why: string }[]
}

/** Why the record of a letter cannot be sent again; empty when it can. */
export function whyNotReplayed({ letter, replayedMs }: FoundLetter): string {
  if (replayedMs !== null) return `it was sent again at ${new Date(replayedMs).toISOString()}`
  if (letter.valueCut)
    return `the letter holds a part only of its ${letter.valueBytes} bytes (ingest.dead_letter_bytes_max)`
  if (letter.keyCut === true) return 'the letter holds a part only of its key'
  if (letter.reason === 'corrupt_batch') return 'it is a whole batch that could not be read, no record'
  return ''
}

const lettersPerTransaction = 200

/**
 * Sends the records of letters to their topics again, each to its partition, with its own time and the header `svetofor.replayed`,
 * and notes that in the dead-letter topic. Both in one transaction, so a record is sent again once, whenever this is cut off. The letters
 * are read here, by `isWanted`, and of them those are sent that `choose` gives (it may throw): only then no replay before this one is under way.
 */
export async function replayDeadLetters(
  options: SourceOptions,
  topic: string,
  isWanted: (letter: DeadLetter) => boolean,
  choose: (found: readonly FoundLetter[]) => readonly FoundLetter[]
): Promise<Replayed> {
  // Under one name, so that of two replays at once the earlier one is cut off rather than both sending.
  const producer = new Kafka(kafkaJsConfig(options)).producer({
    transactionalId: `${topic}.replay`,
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false
  })
  await producer.connect()
  try {
    // Its name is taken with the first transaction: that waits until one of a replay before this is over, and cuts off one that
    // goes on. Only then do the letters read below tell all that was sent again; an empty transaction leaves nothing behind.
    await (await producer.transaction()).abort()
    const letters = choose(await readDeadLetters(options, topic, isWanted))
    const skipped = letters.flatMap(letter => {
      const why = whyNotReplayed(letter)
      return why === '' ? [] : [{ id: letter.id, why }]
    })
    const rest = letters.filter(letter => whyNotReplayed(letter) === '')
    return { sent: await sendAgain(producer, topic, rest), skipped }
  } finally {
    await producer.disconnect()
  }
}

async function sendAgain(
  producer: Producer,
  topic: string,
  letters: readonly FoundLetter[]
): Promise<number> {
  let sent = 0
  for (let at = 0; at < letters.length; at += lettersPerTransaction) {
    const part = letters.slice(at, at + lettersPerTransaction)
    const transaction = await producer.transaction()
    try {
      for (const [name, ofTopic] of byTopic(part))
        await transaction.send({
          topic: name,
          acks: -1,
          messages: ofTopic.map(({ id, letter }) => ({
            partition: letter.partition,
            key: letter.keyBase64 === null ? null : Buffer.from(letter.keyBase64, 'base64'),
            value: letter.valueBase64 === null ? null : Buffer.from(letter.valueBase64, 'base64'),
            headers: { [replayedHeader]: id },
            ...(letter.timestampMs === undefined ? {} : { timestamp: String(letter.timestampMs) })
          }))
        })
      await transaction.send({
        topic,
        acks: -1,
        messages: part.map(({ id }) => ({
          key: id,
          value: JSON.stringify({ replayed: true }),
          headers: { [replayedHeader]: id }
        }))
      })
      await transaction.commit()
    } catch (error) {
      await transaction.abort().catch(() => undefined)
      throw new Error(`${sent} records were sent again, then it failed: ${asError(error).message}`, {
        cause: error
      })
    }
    sent += part.length
  }
  return sent
}

function byTopic(letters: readonly FoundLetter[]): Map<string, FoundLetter[]> {
  const found = new Map<string, FoundLetter[]>()
  for (const each of letters) {
    const list = found.get(each.letter.topic)
    if (list === undefined) found.set(each.letter.topic, [each])
    else list.push(each)
  }
  return found
}

/** A letter, the note of a replay, or undefined for what somebody else wrote there. */
function parse(value: Uint8Array): DeadLetter | { readonly replayed: true } | undefined {
  try {
    const content = JSON.parse(Buffer.from(value).toString()) as
      Partial<DeadLetter> | { replayed: true } | null
    if (typeof content !== 'object' || content === null) return undefined
    if ('replayed' in content) return { replayed: true }
    return typeof content.reason === 'string' && typeof content.topic === 'string'
      ? (content as DeadLetter)
      : undefined
  } catch {
    return undefined
  }
}
