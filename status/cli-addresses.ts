import { readFileSync, writeFileSync } from 'node:fs'
import { ProblemsError, type Problem } from '../schemas/config/located-yaml.ts'
import { createAddressIndex, matchesMax, type AddressOutcome } from '../topology/addresses/index.ts'
import { tallyOf, verdictOf, type Tally, type Verdict } from '../topology/addresses/score.ts'
import { splitCsv } from '../topology/csv.ts'

/**
 * `svetofor addresses try`: looks last month's calls up in a book of addresses, without a daemon, and says how many would
 * have found their building.
 */
export interface TryOptions {
  /** CSV with the columns `id,address`; a building with several addresses has several rows. */
  readonly bookFile: string
  /** CSV with the columns `query,expect`. */
  readonly queriesFile: string
  /** Where the outcome of each query goes; null for nowhere. */
  readonly jsonFile: string | null
  /** Towns that people leave out, as `status.home_cities` names them; when empty, the one that the queries name most often. */
  readonly homeCities: readonly string[]
  readonly print: (line: string) => void
}

export interface QueryOutcome {
  readonly line: number
  readonly query: string
  readonly expect: string
  readonly outcome: AddressOutcome
  /** Id of the building chosen. */
  readonly chosen: string | null
  /** Ids of the buildings offered, best first, the chosen one included. */
  readonly listed: readonly string[]
  /** Address of the building chosen, where the query is not literally that. */
  readonly understoodAs: string | null
  readonly verdict: Verdict
}

const bytesMax = 512 * 1024 * 1024
const problemsMax = 20
const failuresPrintedMax = 200

/** Throws ProblemsError naming all that is wrong with the files. */
export async function tryCommand(options: TryOptions): Promise<void> {
  const problems: Problem[] = []
  const book = await readTable(options.bookFile, ['id', 'address'], ['id', 'address'], problems)
  // An empty query is one too: it is not understood.
  const queries = await readTable(options.queriesFile, ['query', 'expect'], ['expect'], problems)
  const ids = new Set(book.map(({ fields: [id = ''] }) => id))
  for (const { line, fields } of queries) {
    const unknown = idsOf(fields[1] ?? '').filter(id => !ids.has(id))
    if (unknown.length > 0 && problems.length < problemsMax && book.length > 0)
      problems.push({
        file: options.queriesFile,
        line,
        column: 1,
        path: 'expect',
        message: `the book has no id ${unknown.map(id => `"${id}"`).join(', ')}`,
        remedy: 'write an id of the book, several joined by |, or none'
      })
  }
  if (problems.length > 0) throw new ProblemsError(problems)

  const assumed = options.homeCities.length === 0 ? homeCityOf(book, queries) : null
  const homeCities = assumed === null ? options.homeCities : [assumed]
  if (assumed !== null)
    options.print(
      `Taken for the home town, which the book leaves out: ${assumed}, named by most queries that name a town. Another: --home`
    )

  const index = createAddressIndex(
    book.map(({ fields: [id = '', address = ''] }) => ({ address, node: { id, tier: 'building' } })),
    { homeCities }
  )
  const outcomes = queries.map(({ line, fields: [query = '', expect = ''] }): QueryOutcome => {
    const found = index.find(query, matchesMax)
    return {
      line,
      query,
      expect,
      outcome: found.outcome,
      chosen: found.exact?.nodeId ?? null,
      listed: [...new Set(found.matches.map(({ nodeId }) => nodeId))],
      understoodAs: found.understoodAs,
      verdict: verdictOf(found, idsOf(expect))
    }
  })
  const tally = tallyOf(outcomes.map(({ verdict, expect }) => ({ verdict, meant: idsOf(expect) })))
  if (options.jsonFile !== null) {
    const json = JSON.stringify({ addresses: book.length, score: tally, queries: outcomes }, null, 2)
    try {
      writeFileSync(options.jsonFile, `${json}\n`)
    } catch (error) {
      throw new ProblemsError([fileProblem(options.jsonFile, error, 'name a file that can be written')])
    }
  }
  const addressOf = new Map(book.map(({ fields: [id = '', address = ''] }) => [id, address]))
  for (const line of report(tally, outcomes, book.length, id => addressOf.get(id) ?? id)) options.print(line)
}

/** A town said with its mark: "г. Энск", "город Нижний Новгород". */
const markedTown = /(?:^|[\s,;(])(?:г\.|г|гор\.|город)\s*([а-яё]{3,}(?:[- ][а-яё]{3,})?)(?=\s*(?:,|$))/giu

/** The town that most queries name with its mark and no address of the book does, or null when there is none. */
function homeCityOf(book: readonly Row[], queries: readonly Row[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replace(/ё/g, 'е')
  const counts = new Map<string, number>()
  for (const { fields } of queries)
    for (const match of plain(fields[0] ?? '').matchAll(markedTown))
      counts.set(match[1]!, (counts.get(match[1]!) ?? 0) + 1)
  const most = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const inBook = (town: string): boolean => book.some(({ fields }) => plain(fields[1] ?? '').includes(town))
  return most.find(([town]) => !inBook(town))?.[0] ?? null
}

/** Ids that a query is expected to find; empty for `none`. */
const idsOf = (expect: string): string[] =>
  expect.trim() === 'none' ? [] : expect.split('|').map(id => id.trim())

interface Row {
  readonly line: number
  /** In the order the columns were asked for. */
  readonly fields: readonly string[]
}

async function readTable(
  file: string,
  columns: readonly string[],
  filledIn: readonly string[],
  problems: Problem[]
): Promise<Row[]> {
  const found = problems.length
  const complain = (line: number, message: string, remedy: string): void => {
    if (problems.length < found + problemsMax)
      problems.push({ file, line, column: line === 0 ? 0 : 1, path: '', message, remedy })
  }
  let text: string
  try {
    const bytes = readFileSync(file)
    if (bytes.length > bytesMax) {
      complain(0, `has ${bytes.length} bytes, more than ${bytesMax}`, 'try a part of it')
      return []
    }
    text = bytes.toString('utf8')
  } catch (error) {
    problems.push(fileProblem(file, error, 'name a CSV file that can be read'))
    return []
  }
  const rows: Row[] = []
  let places: number[] | null = null
  for await (const { line, fields, problem } of splitCsv(text.split(/\r\n|\n|\r/))) {
    if (problem !== '') {
      complain(line, problem, 'close it, or double a quotation mark that belongs to the text')
      continue
    }
    if (places === null) {
      const header = fields.map(field => field.trim().toLowerCase())
      places = columns.map(column => header.indexOf(column))
      const missing = columns.filter((_, i) => places![i] === -1)
      if (missing.length > 0) {
        complain(
          line,
          `the header has no column ${missing.join(', ')}`,
          `begin with a line "${columns.join(',')}"`
        )
        return []
      }
      continue
    }
    const values = places.map(place => (fields[place] ?? '').trim())
    const empty = columns.filter((column, i) => values[i] === '' && filledIn.includes(column))
    if (empty.length === 0) rows.push({ line, fields: values })
    else if (fields.some(field => field.trim() !== ''))
      complain(
        line,
        `${empty.join(' and ')} ${empty.length === 1 ? 'is' : 'are'} empty`,
        'fill it in, or leave the line out; an address with a comma stands in quotation marks'
      )
  }
  if (rows.length === 0 && problems.length === found)
    complain(0, 'has no rows', `write a line "${columns.join(',')}" and rows below it`)
  return rows
}

function fileProblem(file: string, error: unknown, remedy: string): Problem {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  const message = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'is a folder' : code
  return { file, line: 0, column: 0, path: '', message, remedy }
}

function* report(
  tally: Tally,
  outcomes: readonly QueryOutcome[],
  addresses: number,
  addressOf: (id: string) => string
): Generator<string> {
  const share = (part: number, all: number): string =>
    `${String(part).padStart(7)} of ${all}${all === 0 ? '' : `  ${((100 * part) / all).toFixed(2)} %`}`
  const listed = outcomes.filter(({ verdict, expect }) => verdict === 'listed' && idsOf(expect).length === 1)
  const missed = outcomes.filter(({ verdict }) => verdict === 'missed')
  yield `${addresses} addresses, ${outcomes.length} queries`
  yield `one building meant`
  yield `  chosen            ${share(tally.chosen, tally.one)}`
  yield `  first of a list   ${share(tally.first, tally.one)}`
  yield `  listed            ${share(listed.length, tally.one)}`
  yield `several meant`
  yield `  all listed        ${share(tally.allListed, tally.several)}`
  yield `none meant`
  yield `  none chosen       ${share(tally.noneChosen, tally.none)}`
  yield `missed              ${share(missed.length, outcomes.length)}`
  yield `another chosen      ${share(tally.another, outcomes.length)}`
  const failures = outcomes.filter(
    ({ verdict, expect }) =>
      verdict === 'another' || verdict === 'missed' || (verdict !== 'chosen' && idsOf(expect).length === 1)
  )
  const rank = ({ verdict }: QueryOutcome): number =>
    ['another', 'missed', 'listed', 'first'].indexOf(verdict)
  failures.sort((a, b) => rank(a) - rank(b) || a.line - b.line)
  if (failures.length > 0) yield 'Not as expected (line, verdict, query, what was found):'
  for (const { line, verdict, query, chosen, listed: ids, outcome } of failures.slice(
    0,
    failuresPrintedMax
  )) {
    const found = chosen !== null ? addressOf(chosen) : ids.slice(0, 3).map(addressOf).join(' | ')
    yield `  ${line}  ${verdict}  ${query.slice(0, 200)}  ->  ${outcome}${found === '' ? '' : `: ${found}`}`
  }
  if (failures.length > failuresPrintedMax)
    yield `  … ${failures.length - failuresPrintedMax} more; --json writes them all`
}
