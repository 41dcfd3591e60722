import { ClickHouseError } from '@clickhouse/client'
import { writeFile } from 'node:fs/promises'
import { createClickHouseClient } from '../../ingest/clickhouse/client.ts'
import { firstLine, neverSucceeds } from '../../ingest/clickhouse/errors.ts'
import { createSampleLog } from '../../ingest/clickhouse/sample-log.ts'
import { storedEvents } from '../../ingest/clickhouse/stored-events.ts'

import type { Config } from '../../schemas/config/reading.ts'
import { loadDefinitions, type Definitions } from '../judging/definitions.ts'
import { WrongInput } from '../process/wrong-input.ts'
import { printReport, reportJson } from './report.ts'
import { replay } from './replay.ts'

/** `svetofor rules replay`: what rules would have done over stored samples, beside other rules or what the daemon did. */
export interface ReplayCommand {
  readonly config: Config
  /** As `--from` and `--to` say; null for the present. */
  readonly from: string
  readonly to: string | null
  /** Files in place of those that the configuration names; none for those. */
  readonly rules: readonly string[]
  readonly against: readonly string[]
  readonly warmUpMinutes: number
  /** Lights and alarms that are apart by no more than this are the same. */
  readonly toleranceS: number
  readonly linesMax: number
  /** Where to write JSON: a file, `-` for the output in place of text, or null. */
  readonly json: string | null
  readonly nowMs: number
  readonly print: (line: string) => void
  /** What is under way, for a person who waits; not part of the result. */
  readonly note: (line: string) => void
}

/** In place of files: what the daemon itself did and stored. */
export const storedWord = 'stored'

const minute = 60_000
const day = 86_400_000
/** ClickHouse sorts a million rows for one answer; a busy one takes its time. */
const requestTimeoutMs = 600_000
const eventsMax = 1_000_000
const noteEveryMs = 5000

/** Throws WrongInput and ProblemsError for what is wrong with the input, and other errors with a sentence. */
export async function replayCommand(command: ReplayCommand): Promise<void> {
  const { config, print, note } = command
  const window = windowOf(command)
  const [rules, against] = await Promise.all([rulesOf(command), againstOf(command)])
  const { url, username, password, database } = config.clickhouse
  const client = createClickHouseClient({ url, username, password, database, requestTimeoutMs })
  const startedMs = performance.now()
  let notedMs = startedMs
  try {
    const outcome = await replay({
      config,
      log: createSampleLog(client),
      window,
      warmUpMs: command.warmUpMinutes * minute,
      rules: rules.definitions,
      against:
        against === storedWord
          ? await storedEvents(client, window, eventsMax)
          : { ...rules.definitions, rules: against.definitions.rules },
      toleranceMs: against === storedWord ? command.toleranceS * 1000 : 0,
      onProgress(atMs, rows) {
        if (performance.now() - notedMs < noteEveryMs) return
        notedMs = performance.now()
        note(`${new Date(atMs).toISOString()}: ${rows} samples`)
      }
    })
    const report = {
      ...outcome,
      rules: rules.words,
      against: against === storedWord ? 'what the daemon did and stored' : against.words,
      tookMs: performance.now() - startedMs
    }
    const { json } = command
    if (json === '-') print(JSON.stringify(reportJson(report), null, 2))
    else {
      printReport(report, { linesMax: command.linesMax, print })
      if (json !== null) await writeFile(json, `${JSON.stringify(reportJson(report), null, 2)}\n`)
    }
  } catch (error) {
    throw spoken(error, config)
  } finally {
    await client.close()
  }
}

interface NamedRules {
  readonly definitions: Definitions
  readonly words: string
}

async function rulesOf({ config, rules }: ReplayCommand): Promise<NamedRules> {
  const files = [...(rules.length > 0 ? rules : config.rules.files)]
  const definitions = await loadDefinitions({ ...config, rules: { ...config.rules, files } }, 1)
  return { definitions, words: wordsOf(definitions, rules) }
}

/** The inventory is that of the rules under trial. */
async function againstOf({ config, rules, against }: ReplayCommand): Promise<NamedRules | typeof storedWord> {
  if (against.length === 1 && against[0] === storedWord) return storedWord
  if (rules.length === 0 && against.length === 0) return storedWord
  const files = [...(against.length > 0 ? against : config.rules.files)]
  const definitions = await loadDefinitions(
    {
      ...config,
      rules: { ...config.rules, files },
      inventory: { ...config.inventory, files: [] }
    },
    1
  )
  return { definitions, words: wordsOf(definitions, against) }
}

const wordsOf = ({ rules }: Definitions, files: readonly string[]): string =>
  `${files.length === 0 ? 'the rules of the configuration' : files.join(', ')} (${rules.rules.length} rules)`

function windowOf({ from, to, nowMs, warmUpMinutes, config }: ReplayCommand): {
  readonly fromMs: number
  readonly toMs: number
} {
  const timeOf = (text: string, option: string): number => {
    const ms = Date.parse(text)
    if (Number.isNaN(ms))
      throw new WrongInput(
        `${option} "${text}" is no time; write it as 2026-11-29T08:00:00Z, or 2026-11-29 for its first moment (UTC)`
      )
    return ms
  }
  const fromMs = timeOf(from, '--from')
  const toMs = to === null ? nowMs : timeOf(to, '--to')
  if (fromMs >= toMs) throw new WrongInput('--from is not before --to; give an earlier --from')
  const keptFromMs = nowMs - config.clickhouse.retention_days * day
  if (fromMs - warmUpMinutes * minute < keptFromMs)
    throw new WrongInput(
      `samples are kept for ${config.clickhouse.retention_days} days (clickhouse.retention_days), since ${new Date(keptFromMs).toISOString()}; ` +
        `with the ${warmUpMinutes} minutes before it (--warm-up) the time begins earlier: give a later --from`
    )
  return { fromMs, toMs }
}

/** What an error means to whoever replays. */
function spoken(error: unknown, config: Config): unknown {
  if (error instanceof WrongInput) return error
  const { url, database } = config.clickhouse
  const sentence = neverSucceeds(error, 'the questions of a replay')
  if (sentence !== undefined) return new Error(sentence)
  if (error instanceof ClickHouseError)
    return new Error(`ClickHouse at ${url}, database ${database}: ${firstLine(error.message)}`)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^(ECONN|ENOTFOUND|EHOST|ENET|ETIMEDOUT|EAI_)/.test(code))
    return new Error(
      `ClickHouse at ${url} does not answer (${code}); samples are read from there: see clickhouse.url`
    )
  return error
}
