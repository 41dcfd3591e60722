/**
 * The little that the HTTP interface must know of a query's text: whether data follows it, in which format the
 * answer comes, and whether it only reads. Everything else is the engine's to judge.
 */

export interface InsertWithData {
  /** The query up to its SETTINGS or FORMAT clause: `INSERT INTO t (a, b)`. */
  readonly head: string
  /** The SETTINGS clause as written, or ''. */
  readonly settings: string
  readonly format: string
}

const leadingComments = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/
const withoutComments = (sql: string): string => sql.replace(leadingComments, '')

const insertStart = /^INSERT\s+INTO\s/i
const formatAtEnd = /\sFORMAT\s+([A-Za-z][A-Za-z0-9]*)\s*;?\s*$/i
const valuesAtEnd = /[\s)]VALUES\s*;?\s*$/i
/** An INSERT that brings its own rows takes no data from the request's body, unless it selects from what the body gives. */
const selectInside = /[\s)](?:SELECT|WITH|WATCH|VALUES|FROM\s+INFILE)(?=[\s(])/i
const fromInput = /(?<=\sFROM\s+)input\s*\(\s*('(?:[^'\\]|\\.|'')*')\s*\)/i

/** Takes `INSERT INTO … FORMAT X` apart (the data comes apart from it); undefined for any other query. */
export function parseInsertWithData(sql: string): InsertWithData | undefined {
  const text = withoutComments(sql)
  if (!insertStart.test(text)) return undefined
  const format = formatAtEnd.exec(text)
  const end = format ?? valuesAtEnd.exec(text)
  if (end === null) return undefined
  const before = text.slice(0, end.index + (format === null ? 1 : 0))
  const settingsAt = before.search(/\sSETTINGS\s(?![\s\S]*\sSETTINGS\s)/i)
  const head = settingsAt < 0 ? before : before.slice(0, settingsAt)
  if (selectInside.test(head) && !fromInput.test(head)) return undefined
  return {
    head: head.trim(),
    settings: settingsAt < 0 ? '' : before.slice(settingsAt).trim(),
    format: format?.[1] ?? 'Values'
  }
}

/** The same insert reading its rows from a file that the engine can open. */
export function insertFromFile(insert: InsertWithData, path: string): string {
  const selected = insert.head.replace(
    fromInput,
    (_call, structure: string) => `file(${quote(path)}, ${insert.format}, ${structure})`
  )
  if (selected !== insert.head) return `${selected} ${insert.settings}`.trim()
  return `${insert.head} FROM INFILE ${quote(path)} COMPRESSION 'none' ${insert.settings} FORMAT ${insert.format}`
}

/**
 * Finds where the rows begin in a body that holds query and rows together, as `curl --data-binary` sends them.
 * Undefined when the body is an ordinary query. `VALUES` rows are left in the query: the engine reads those itself.
 */
export function splitInlineInsert(body: string): { query: string; dataAt: number } | undefined {
  if (!insertStart.test(withoutComments(body))) return undefined
  const match = /\sFORMAT[ \t]+([A-Za-z][A-Za-z0-9]*)[ \t]*\r?(?:\n|(?=\S))/i.exec(body)
  if (match === null || match[1]!.toLowerCase() === 'values') return undefined
  const query = body.slice(0, match.index + match[0].length).trimEnd()
  if (parseInsertWithData(query) === undefined) return undefined
  return { query, dataAt: match.index + match[0].length }
}

/** The format an answer comes in: the query's own FORMAT clause, else the default that was asked for. */
export function answerFormat(sql: string, defaultFormat: string): string {
  const match = /\sFORMAT\s+([A-Za-z][A-Za-z0-9]*)\s*(?:SETTINGS\s[^;]*)?;?\s*$/i.exec(sql)
  return match?.[1] ?? defaultFormat
}

/** Whether a query only reads: what GET may run, and what `readonly` allows. */
export function onlyReads(sql: string): boolean {
  return /^\(*\s*(?:SELECT|WITH|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN|CHECK|USE)\b/i.test(withoutComments(sql))
}

export function contentTypeOf(format: string): string {
  if (
    /^(?:Pretty)?(?:JSONEachRow|JSONStringsEachRow|JSONCompact\w*EachRow\w*|JSONLines|NDJSON)$/i.test(format)
  ) {
    return 'application/x-ndjson; charset=UTF-8'
  }
  if (/^JSON/i.test(format)) return 'application/json; charset=UTF-8'
  if (/^(?:TabSeparated|TSV)/i.test(format)) return 'text/tab-separated-values; charset=UTF-8'
  if (/^CSV/i.test(format)) return 'text/csv; charset=UTF-8; header=absent'
  if (/^(?:Native|RowBinary|Arrow|Parquet|ORC|Avro|Protobuf|MsgPack|BSON)/i.test(format)) {
    return 'application/octet-stream'
  }
  return 'text/plain; charset=UTF-8'
}

/** A ClickHouse string literal. */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/

export function isIdentifier(name: string): boolean {
  return identifier.test(name)
}

export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

/** HTTP status of an exception code, as ClickHouse's own HTTP interface answers it. */
export function httpStatusOfCode(code: number): number {
  if (code === 516 || code === 193 || code === 194) return 403
  if (code === 164 || code === 497) return 403
  if (notFoundCodes.has(code)) return 404
  if (badRequestCodes.has(code)) return 400
  if (code === 159) return 408
  if (code === 229) return 413
  if (code === 48) return 501
  if (code === 202 || code === 439) return 503
  return 500
}

/** Unknown table, function, identifier, type, storage, database, setting, format. */
const notFoundCodes = new Set([46, 47, 50, 56, 60, 73, 78, 81, 115])
/** What the client wrote cannot be parsed or does not fit. */
const badRequestCodes = new Set([
  6, 15, 16, 20, 26, 27, 36, 37, 38, 39, 41, 43, 44, 51, 53, 62, 69, 70, 72, 80, 117, 131, 133, 184, 215, 321,
  349, 386, 416, 420, 456, 457, 467, 507, 521
])

/** Whether the text holds more than one statement; semicolons in quotes and comments do not count. */
export function hasSecondStatement(sql: string): boolean {
  // Quoted text and comments are skipped as wholes, so that only a bare semicolon is left to be found.
  const bare = sql.replace(
    /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S])*"|`(?:[^`\\]|\\[\s\S])*`|--[^\n]*|\/\*[\s\S]*?\*\//g,
    ' '
  )
  return /;\s*[^\s;]/.test(bare)
}

/** `SET …` and `USE …` change a session; without sessions there is nothing for them to change. */
export function changesSessionOnly(sql: string): boolean {
  return /^(?:SET\s+(?!.*\bROLE\b)|USE\s)/i.test(withoutComments(sql))
}
