import { open } from 'node:fs/promises'
import type { Config } from '../../schemas/config/reading.ts'
import { ProblemsError } from '../../schemas/config/located-yaml.ts'
import {
  createRecordExplainer,
  type GroupExplanation,
  type MetricExplanation
} from '../../schemas/records/explain-record.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import { loadDefinitions } from './definitions.ts'
import { boundsOf } from './evaluation.ts'

/** `svetofor check --sample`: what the profiles make of records that were captured, told field by field. */

const sampleBytesMax = 16 * 1024 * 1024
const recordsMax = 1000
/** Names of fields listed in one line. */
const listedMax = 12
const shownLengthMax = 80

/**
 * Prints what becomes of each record of the file: one in each line, or the whole file where it is one JSON document. Gives how many
 * were not read, or not wholly. Throws ProblemsError where the file cannot be read, or a definition is wrong.
 */
export async function checkSample(
  config: Config,
  sampleFile: string,
  nowMs: number,
  print: (line: string) => void
): Promise<number> {
  const { inventory, profiles } = await loadDefinitions(config, 1)
  const explain = createRecordExplainer(compileProfiles(profiles), boundsOf(config).policy)
  const records = recordsOf(await readSample(sampleFile))
  let unread = 0
  for (const { line, text } of records.slice(0, recordsMax)) {
    const { metrics, refused } = explain(Buffer.from(text), nowMs)
    const isUnread =
      refused !== undefined ||
      metrics.some(({ takenBy, wrong }) => takenBy === undefined || wrong !== undefined)
    if (isUnread) unread++
    print(`${sampleFile}:${line}:${refused === undefined ? '' : ` cannot be read: ${refused}`}`)
    for (const metric of metrics) for (const told of linesOf(metric, inventory)) print(`  ${told}`)
  }
  if (records.length > recordsMax) print(`${records.length - recordsMax} further records were not looked at.`)
  const seen = Math.min(records.length, recordsMax)
  print(
    seen === 0
      ? `${sampleFile} has no record: put one in each line, as Kafka's console consumer prints them.`
      : `${seen - unread} of ${seen} records are read wholly.`
  )
  return seen === 0 ? 1 : unread
}

function* linesOf(metric: MetricExplanation, inventory: CompiledInventory): Generator<string> {
  const name = metric.metric === undefined ? 'part of it' : `${metric.metric.format} "${metric.metric.name}"`
  if (metric.takenBy !== undefined) yield `${name}: taken by ${metric.takenBy}`
  if (metric.wrong !== undefined) yield `${name}: cannot be read: ${metric.wrong}`
  else if (metric.takenBy === undefined) {
    yield `${name}: no profile takes it`
    if (metric.nearest !== undefined)
      yield `  nearest is ${metric.nearest.profile}, but ${metric.nearest.but}`
  }
  for (const group of metric.groups) yield* groupLines(group, inventory)
  if (metric.unasked.length > 0) yield `  not asked for: ${listOf(metric.unasked)}`
}

function* groupLines(group: GroupExplanation, inventory: CompiledInventory): Generator<string> {
  const known = group.identifiers
    .map(inventory.deviceByIdentifier)
    .find((device): device is number => device !== undefined)
  const whose =
    known === undefined
      ? 'not in the inventory'
      : `${inventory.deviceId(known)} of node ${inventory.nodeId(inventory.nodeOfDevice(known))}`
  const when = new Date(group.timeMs).toISOString()
  yield (
    `  device ${group.identifiers.join(', ')} (${whose})` +
    (group.instance === '' ? '' : `, instance ${group.instance}`) +
    (group.names.length === 0 ? '' : ` (${group.names.join(', ')})`) +
    (group.collector === '' ? '' : `, collector ${group.collector}`) +
    `, at ${when}${group.isTimeSetBack ? ' (its own time lies too far ahead)' : ''}`
  )
  for (const { field, raw, signal, reading } of group.fields)
    yield `    ${signal} = ${reading ?? 'no reading'} (${field} is ${shown(raw)})`
  if (group.gone.length > 0) yield `    gone: ${listOf(group.gone)}`
}

const shown = (raw: unknown): string => (JSON.stringify(raw) ?? String(raw)).slice(0, shownLengthMax)

const listOf = (names: readonly string[]): string =>
  names.slice(0, listedMax).join(', ') +
  (names.length > listedMax ? ` and ${names.length - listedMax} more` : '')

/** Records with the line they begin in. */
function recordsOf(text: string): { readonly line: number; readonly text: string }[] {
  try {
    JSON.parse(text)
    return [{ line: 1, text }]
  } catch {
    return text.split('\n').flatMap((line, at) => (line.trim() === '' ? [] : [{ line: at + 1, text: line }]))
  }
}

async function readSample(file: string): Promise<string> {
  const wrong = (message: string, remedy: string): ProblemsError =>
    new ProblemsError([{ file, line: 0, column: 0, path: '', message, remedy }])
  try {
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      if (size > sampleBytesMax)
        throw wrong(`has ${size} bytes, more than ${sampleBytesMax}`, 'cut it to some records of each kind')
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof ProblemsError) throw error
    throw wrong(
      `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'correct the path'
    )
  }
}
