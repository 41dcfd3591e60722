import { describe, expect, it } from 'vitest'
import {
  answerFormat,
  changesSessionOnly,
  hasSecondStatement,
  httpStatusOfCode,
  insertFromFile,
  onlyReads,
  parseInsertWithData,
  quote,
  splitInlineInsert
} from './clickhouse-sql.ts'

describe('parseInsertWithData', () => {
  it('takes an insert apart', () => {
    expect(parseInsertWithData('INSERT INTO t FORMAT Native')).toEqual({
      head: 'INSERT INTO t',
      settings: '',
      format: 'Native'
    })
    expect(
      parseInsertWithData(
        "-- why\ninsert into `a b`.t (x, `y z`)\nSETTINGS a = 1, b = 'x'\nFORMAT JSONEachRow ;\n"
      )
    ).toEqual({
      head: 'insert into `a b`.t (x, `y z`)',
      settings: "SETTINGS a = 1, b = 'x'",
      format: 'JSONEachRow'
    })
    expect(parseInsertWithData('INSERT INTO t (a) VALUES')).toEqual({
      head: 'INSERT INTO t (a)',
      settings: '',
      format: 'Values'
    })
  })

  it('leaves every other query alone', () => {
    for (const sql of [
      'SELECT 1 FORMAT JSON',
      'INSERT INTO t SELECT * FROM u',
      'INSERT INTO t (a) SELECT a FROM u FORMAT Null',
      'INSERT INTO t WITH 1 AS x SELECT x FORMAT Null',
      "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
      'INSERT INTO t VALUES (1)',
      'INSERT INTO t'
    ]) {
      expect(parseInsertWithData(sql), sql).toBeUndefined()
    }
  })

  it('takes one apart that selects from what it brings', () => {
    const sql =
      "INSERT INTO t (a)\n SELECT b + 1 FROM input('b UInt8, c Enum8(\\'x\\' = 1)') ARRAY JOIN c FORMAT Native"
    const parsed = parseInsertWithData(sql)!
    expect(parsed.format).toBe('Native')
    expect(insertFromFile(parsed, "/it's/here")).toBe(
      "INSERT INTO t (a)\n SELECT b + 1 FROM file('/it\\'s/here', Native, 'b UInt8, c Enum8(\\'x\\' = 1)') ARRAY JOIN c"
    )
  })

  it('becomes an insert from a file', () => {
    const parsed = parseInsertWithData('INSERT INTO t (a) SETTINGS x=1 FORMAT CSV')!
    expect(insertFromFile(parsed, "/it's/here")).toBe(
      "INSERT INTO t (a) FROM INFILE '/it\\'s/here' COMPRESSION 'none' SETTINGS x=1 FORMAT CSV"
    )
  })
})

describe('splitInlineInsert', () => {
  const rowsOf = (body: string): string | undefined => {
    const split = splitInlineInsert(body)
    return split === undefined ? undefined : body.slice(split.dataAt)
  }
  it('finds where the rows begin', () => {
    expect(rowsOf('INSERT INTO t FORMAT CSV\n1,2\n\n3,4\n')).toBe('1,2\n\n3,4\n')
    expect(rowsOf('INSERT INTO t FORMAT JSONEachRow {"a":" FORMAT CSV\\n"}')).toBe('{"a":" FORMAT CSV\\n"}')
    expect(rowsOf('INSERT INTO t FORMAT CSV\r\n1')).toBe('1')
  })
  it('leaves queries and VALUES alone', () => {
    expect(rowsOf('SELECT 1 FORMAT CSV\n')).toBeUndefined()
    expect(rowsOf("INSERT INTO t VALUES (' FORMAT CSV\n')")).toBeUndefined()
    expect(rowsOf('INSERT INTO t SELECT 1 FORMAT CSV\n')).toBeUndefined()
  })
})

describe('what a query is', () => {
  it('only reads, or not', () => {
    for (const sql of [
      'SELECT 1',
      ' /* x */ (select 1)',
      'WITH 1 AS a SELECT a',
      'SHOW TABLES',
      'explain select 1',
      '-- c\nDESC t'
    ]) {
      expect(onlyReads(sql), sql).toBe(true)
    }
    for (const sql of [
      'INSERT INTO t VALUES (1)',
      'DROP TABLE t',
      '/* SELECT */ ALTER TABLE t',
      'SYSTEM FLUSH LOGS',
      'SELECTED'
    ]) {
      expect(onlyReads(sql), sql).toBe(false)
    }
  })
  it('is one statement, or more', () => {
    for (const sql of [
      'SELECT 1',
      'SELECT 1;',
      "SELECT ';' ; -- a; b\n",
      'SELECT "a;b", `c;d` /* ; x */',
      "SELECT 'it\\'s; x'",
      "SELECT ''';x'"
    ]) {
      expect(hasSecondStatement(sql), sql).toBe(false)
    }
    for (const sql of ['SELECT 1; SELECT 2', "SELECT 'a'; DROP TABLE t;", 'SET a = 1;SELECT 1']) {
      expect(hasSecondStatement(sql), sql).toBe(true)
    }
  })
  it('changes a session, or not', () => {
    expect(changesSessionOnly('SET a = 1')).toBe(true)
    expect(changesSessionOnly('use db')).toBe(true)
    expect(changesSessionOnly('SET DEFAULT ROLE r TO u')).toBe(false)
    expect(changesSessionOnly('SELECT 1')).toBe(false)
  })
  it('is answered in its own format, else in the default', () => {
    expect(answerFormat('SELECT 1 FORMAT JSON', 'TSV')).toBe('JSON')
    expect(answerFormat('SELECT 1\nFORMAT CSV SETTINGS a = 1;', 'TSV')).toBe('CSV')
    expect(answerFormat('SELECT 1', 'TSV')).toBe('TSV')
  })
})

describe('errors and literals', () => {
  it('have the statuses that ClickHouse gives', () => {
    expect([62, 60, 164, 516, 202, 241, 159].map(httpStatusOfCode)).toEqual([
      400, 404, 403, 403, 503, 500, 408
    ])
  })
  it('are quoted whole', () => {
    expect(quote("a'b\\c")).toBe("'a\\'b\\\\c'")
  })
})
