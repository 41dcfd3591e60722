import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tryCommand } from './cli-addresses.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'svetofor-addresses-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function attempt(book: string, queries: string): Promise<{ out: string[]; json: unknown }> {
  const out: string[] = []
  const jsonFile = join(folder, 'out.json')
  await tryCommand({
    bookFile: file('book.csv', book),
    queriesFile: file('queries.csv', queries),
    jsonFile,
    homeCities: [],
    print: line => out.push(line)
  })
  return { out, json: JSON.parse(readFileSync(jsonFile, 'utf8')) }
}

const book = '\uFEFFid,address\r\nb1,"ул. Тютчева, 5 к 2"\r\nb2,"ул. Мира, 8"\r\nb3,"пр-т Мира, 8"\r\n'

describe('svetofor addresses try', () => {
  it('scores each query, and writes what became of it', async () => {
    const queries =
      'query,expect\n"тютчева пять корпус два, интернета нет",b1\nМира 8,b2|b3\n"ул. Мира, 9",none\nТючева 5к2,b1\n'
    const { out, json } = await attempt(book, queries)
    expect(out.join('\n')).toMatch(/chosen +2 of 2 +100\.00 %/)
    expect(json).toMatchObject({
      score: { one: 2, chosen: 2, several: 1, allListed: 1, none: 1, noneChosen: 1, another: 0 },
      queries: [
        { line: 2, expect: 'b1', chosen: 'b1', listed: ['b1'], understoodAs: null, verdict: 'chosen' },
        { query: 'Мира 8', chosen: null, listed: ['b3', 'b2'], verdict: 'listed' },
        { expect: 'none', chosen: null, outcome: 'no-house', verdict: 'none' },
        { chosen: 'b1', understoodAs: 'ул. Тютчева, 5 к 2', verdict: 'chosen' }
      ]
    })
  })

  it('names the query for which another building was chosen', async () => {
    const { out } = await attempt(book, 'query,expect\nтютчева 5к2,b2\n')
    expect(out.join('\n')).toContain('2  another  тютчева 5к2  ->  chosen: ул. Тютчева, 5 к 2')
  })

  it('takes the town that queries name and the book does not for the home town, and says so', async () => {
    const queries =
      'query,expect\n"603070, г. Энск, ул. Тютчева 5к2",b1\n"г.Энск, пр-т Мира, 8",b3\n"г. Москва, ул. Мира, 8",none\n,none\n'
    const { out, json } = await attempt(book, queries)
    expect(out[0]).toContain('энск')
    expect(json).toMatchObject({
      queries: [{ chosen: 'b1' }, { chosen: 'b3' }, { chosen: null }, { chosen: null }]
    })
  })

  it.each([
    [
      'id;adress\nb1;x\n',
      'query,expect\na,none\n',
      /book\.csv:1:1: the header has no column address; begin with/
    ],
    [
      book,
      'query,expect\na,b9\n',
      /queries\.csv:2:1: expect: the book has no id "b9"; write an id of the book/
    ],
    [book, 'query,expect\n"a,none\n', /queries\.csv:2:1: a quotation mark is not closed/],
    [book, 'query,expect\na,\n', /queries\.csv:2:1: expect is empty/],
    [book, '', /queries\.csv: has no rows/]
  ])('names what is wrong with a file (%#)', async (wrongBook, queries, message) => {
    await expect(attempt(wrongBook, queries)).rejects.toThrow(message)
  })

  it('says that a file is not there', async () => {
    const options = { jsonFile: null, homeCities: [], print: () => undefined }
    const missing = join(folder, 'missing.csv')
    await expect(tryCommand({ ...options, bookFile: missing, queriesFile: missing })).rejects.toThrow(
      /missing\.csv: there is no such file/
    )
  })
})
