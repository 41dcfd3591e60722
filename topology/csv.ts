/** Most lines one quoted field may go on over: beyond, a quotation mark was forgotten. */
const linesOfFieldMax = 20

export interface CsvRow {
  /** Line the row begins on. */
  readonly line: number
  readonly fields: readonly string[]
  /** '' when the row is well formed. */
  readonly problem: string
}

/**
 * Splits lines into rows by RFC 4180: fields in quotes may hold the separator, a doubled quote and line ends. The
 * separator is a comma, or a semicolon where the header has one and no comma, as spreadsheets of some countries write.
 */
export async function* splitCsv(lines: AsyncIterable<string> | Iterable<string>): AsyncGenerator<CsvRow> {
  let separator = ''
  let line = 0
  let text = ''
  let first = 0
  for await (const next of lines) {
    line++
    if (text === '') {
      if (next.trim() === '') continue
      first = line
      text = line === 1 ? next.replace(/^\uFEFF/, '') : next
    } else text += `\n${next}`
    if (separator === '') separator = text.includes(';') && !text.includes(',') ? ';' : ','
    if (!text.includes('"')) {
      yield { line: first, fields: text.split(separator), problem: '' }
      text = ''
      continue
    }
    const fields = splitQuoted(text, separator)
    if (fields === null && line - first + 1 < linesOfFieldMax) continue
    yield { line: first, fields: fields ?? [], problem: fields === null ? unclosed : '' }
    text = ''
  }
  if (text !== '') yield { line: first, fields: [], problem: unclosed }
}

const unclosed = 'a quotation mark is not closed'

/** null while a quoted field is open at the end of the text. */
function splitQuoted(text: string, separator: string): string[] | null {
  const fields: string[] = []
  let at = 0
  for (;;) {
    let field = ''
    while (text[at] === ' ') at++
    if (text[at] === '"') {
      for (at++; ; at++) {
        const end = text.indexOf('"', at)
        if (end === -1) return null
        field += text.slice(at, end)
        at = end + 1
        if (text[at] !== '"') break
        field += '"'
      }
    }
    const end = text.indexOf(separator, at)
    field += end === -1 ? text.slice(at) : text.slice(at, end)
    fields.push(field)
    if (end === -1) return fields
    at = end + 1
  }
}
