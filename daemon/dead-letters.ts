import { pino } from 'pino'
import {
  readDeadLetters,
  replayDeadLetters,
  whyNotReplayed,
  type FoundLetter
} from '../ingest/dead-letter-replay.ts'
import type { DeadLetter } from '../ingest/dead-letters.ts'
import type { Config } from '../schemas/config/reading.ts'
import { kafkaSettings } from './delivery/kafka-settings.ts'

/** `svetofor dead-letters …`: what could not be read, and what is sent again once a profile was mended. */
export interface DeadLetterQuery {
  readonly config: Config
  readonly reason?: string
  /** Topic the records came from. */
  readonly topic?: string
  readonly print: (line: string) => void
}

const wanted =
  ({ reason, topic }: DeadLetterQuery) =>
  (letter: DeadLetter): boolean =>
    (reason === undefined || letter.reason === reason) && (topic === undefined || letter.topic === topic)

const find = (query: DeadLetterQuery, isWanted = wanted(query)): Promise<FoundLetter[]> =>
  readDeadLetters(settingsOf(query.config), query.config.kafka.dlq_topic, isWanted)

/** One line a letter, the newest last, and how many there are of each reason. */
export async function listDeadLetters(query: DeadLetterQuery & { readonly limit: number }): Promise<void> {
  const letters = await find(query)
  for (const { id, letter, writtenMs, replayedMs } of letters.slice(-query.limit)) {
    const again = replayedMs === null ? '' : '  (sent again)'
    query.print(`${new Date(writtenMs).toISOString()}  ${id}  ${letter.reason}  ${letter.detail}${again}`)
  }
  const counts = new Map<string, number>()
  for (const { letter } of letters) counts.set(letter.reason, (counts.get(letter.reason) ?? 0) + 1)
  const byReason = [...counts].map(([reason, count]) => `${reason} ${count}`).join(', ')
  query.print(letters.length === 0 ? 'No dead letters.' : `${letters.length} dead letters: ${byReason}`)
}

/** All there is of one letter; throws when it is not there. `id` is topic:partition:offset. */
export async function showDeadLetter(query: DeadLetterQuery, id: string): Promise<void> {
  const letters = await find(query, letter => `${letter.topic}:${letter.partition}:${letter.offset}` === id)
  const found = letters[0]
  if (found === undefined)
    throw new Error(`There is no dead letter ${id}; \`svetofor dead-letters list\` has them.`)
  const { letter, writtenMs } = found
  const why = whyNotReplayed(found)
  const text = (base64: string | null): string =>
    base64 === null ? 'none' : Buffer.from(base64, 'base64').toString()
  query.print(`record    ${id}`)
  query.print(`written   ${new Date(writtenMs).toISOString()}`)
  query.print(`reason    ${letter.reason}: ${letter.detail}`)
  query.print(`replay    ${why === '' ? 'possible' : `not: ${why}`}`)
  query.print(`key       ${text(letter.keyBase64)}`)
  query.print(`value     ${letter.valueBytes} bytes${letter.valueCut ? ', cut' : ''}`)
  query.print(text(letter.valueBase64))
}

/** Sends the records of these letters again, or of all that the query names when no id is given. */
export async function replayCommand(query: DeadLetterQuery, ids: readonly string[]): Promise<void> {
  const choose = (letters: readonly FoundLetter[]): readonly FoundLetter[] => {
    if (ids.length === 0) return letters.filter(({ replayedMs }) => replayedMs === null)
    const known = new Map(letters.map(letter => [letter.id, letter]))
    const missing = ids.filter(id => !known.has(id))
    if (missing.length > 0) throw new Error(`There is no dead letter ${missing.join(', ')}.`)
    return [...new Set(ids)].flatMap(id => known.get(id) ?? [])
  }
  const { dlq_topic } = query.config.kafka
  const { sent, skipped } = await replayDeadLetters(
    settingsOf(query.config),
    dlq_topic,
    wanted(query),
    choose
  )
  for (const { id, why } of skipped) query.print(`not sent: ${id}: ${why}`)
  query.print(`${sent} records were sent to their topics again, each with the header svetofor.replayed.`)
}

function settingsOf(config: Config): ReturnType<typeof kafkaSettings> {
  return kafkaSettings(config, pino({ level: 'silent' }), null)
}
