import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  languageOf,
  lookupCommand,
  lookupExitCodes,
  lookupManyCommand,
  type LookupOptions
} from './cli-lookup.ts'
import { createFakeView, type FakeView } from '../test/support/fake-view.ts'
import { createStatusServer, type StatusServer } from './http/server.ts'

const startMs = Date.UTC(2026, 10, 22, 10, 0, 0)
let server: StatusServer
let view: FakeView
let url = ''

beforeAll(async () => {
  view = createFakeView({
    districts: 2,
    areasPerDistrict: 2,
    campusesPerArea: 2,
    buildingsPerCampus: 5,
    nowMs: () => startMs
  })
  server = await createStatusServer({
    view,
    history: view,
    registry: new Registry(),
    logger: pino({ enabled: false }),
    host: '127.0.0.1',
    port: 0,
    tokens: ['secret'],
    version: '1.2.3',
    processMetrics: false
  })
  url = (await server.listen()).url
  view.fail('ku-1-1-1', { kind: 'power', severity: 'critical' })
  view.fail('du-1-1-2-1', { kind: 'optics', severity: 'warning' })
  view.fail('du-1-2-1-1', { kind: 'device', severity: 'major' })
  view.setMaintenance('du-1-2-1-1', true)
})
afterAll(() => server.close())

async function run(change: Partial<LookupOptions>): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await lookupCommand({
    url,
    address: 'Тютчева 3',
    token: 'secret',
    language: 'ru',
    json: false,
    colour: false,
    nowMs: startMs + 25 * 60_000,
    print: text => (out += text),
    printError: text => (err += text),
    ...change
  })
  return { code, out, err }
}

describe('svetofor lookup', () => {
  it('says in Russian what is wrong, since when, why, how many, and whether it is planned', async () => {
    const { code, out, err } = await run({})
    expect(code).toBe(lookupExitCodes.grey)
    expect(err).toBe('')
    const lines = out.split('\n')
    expect(lines[0]).toBe('○ НЕТ ДАННЫХ  ул. Тютчева, 3  (ДУ ул. Тютчева, 3, du-1-1-1-2)')
    expect(lines[1]).toContain('авария выше, на узле КУ Северный 1/1')
    expect(lines[2]).toMatch(/^ {2}С какого времени {2}2026-11-2\d \d\d:\d\d \(25 мин\)$/)
    expect(lines[3]).toBe('  Затронуто         узлов 6, адресов 5, абонентов 320')
    expect(lines[4]).toBe('  Плановые работы   нет')
    expect(lines[5]).toContain('○ ДУ ул. Тютчева, 3 → ■ КУ Северный 1/1 → ● РУ Северный 1 → ')
  })

  it('gives the evidence of an own alarm, in English', async () => {
    const { code, out } = await run({ address: 'Садовая 2', language: 'en' })
    expect(code).toBe(lookupExitCodes.yellow)
    expect(out).toContain('▲ ATTENTION  ул. Садовая, 2')
    expect(out).toContain('Received optical power is low [warning]')
    expect(out).toContain(
      'du-1-1-2-1-sw1/25: optics.rx_dbm = -27.4 dBm, optics.rx_low, 2026-11-22T10:00:00.000Z; telemetry/3@184467'
    )
  })

  it('has an exit code for every light', async () => {
    expect((await run({ address: 'Мира 2' })).code).toBe(lookupExitCodes.red)
    expect((await run({ address: 'Мира 2' })).out).toContain('Плановые работы   да')
    const green = await run({ address: 'Чехова 2', colour: true })
    expect(green.code).toBe(lookupExitCodes.notFound)
    const core = await run({ address: 'Тютчева 1', colour: true })
    expect(core.code).toBe(lookupExitCodes.green)
    expect(core.out).toContain('\x1b[1;32m●\x1b[0m \x1b[1;32mНОРМА\x1b[0m')
    expect(core.out).toContain('без изменений с запуска Светофора')
    expect(core.out).toContain('Подключено')
  })

  it('lists the candidates of an address that is not exact', async () => {
    const { code, out } = await run({ address: 'Тютчева' })
    expect(code).toBe(lookupExitCodes.notFound)
    expect(out).toMatch(/^Подходит несколько домов.*:\n {2}[●▲■○] ул\. Тютчева, 1\n/)
    expect((await run({ address: 'Несуществующая' })).out).toContain('Такого адреса нет')
  })

  it('prints JSON for programs', async () => {
    const { code, out } = await run({ json: true })
    expect(code).toBe(lookupExitCodes.grey)
    expect(JSON.parse(out)).toMatchObject({ match: { nodeId: 'du-1-1-1-2' } })
    expect(JSON.parse((await run({ json: true, address: 'Тютчева' })).out)).toMatchObject({ status: 404 })
  })

  it('answers a list of calls as CSV', async () => {
    const printed: string[] = []
    const options = {
      url,
      token: 'secret',
      printError: () => undefined,
      print: (text: string) => void printed.push(text)
    }
    const csv = '\uFEFFquery,who\r\n"Тютчева, 3",a\r\nТютчева,b\r\n'
    expect(await lookupManyCommand({ ...options, csv })).toBe(0)
    expect(printed.join('').split('\n').slice(0, 2)).toEqual([
      'query,outcome,by,address,node,light,understood_as,offered',
      '"Тютчева, 3",chosen,address,"ул. Тютчева, 3",du-1-1-1-2,grey,,'
    ])
    expect(await lookupManyCommand({ ...options, csv: 'address\n5' })).toBe(lookupExitCodes.noAnswer)
  })

  it('says why the daemon did not answer', async () => {
    const refused = await run({ token: 'wrong' })
    expect(refused.code).toBe(lookupExitCodes.noAnswer)
    expect(refused.err).toContain('HTTP 401: Send the header')
    const gone = await run({ url: 'http://127.0.0.1:1', language: 'en' })
    expect(gone.code).toBe(lookupExitCodes.noAnswer)
    expect(gone.err).toMatch(/did not answer: .+\nIs it running\? Another address: --url/)
  })

  it.each([
    ['ru_RU.UTF-8', 'ru'],
    ['en_GB.UTF-8', 'en'],
    ['de_DE', 'en'],
    ['C', 'en'],
    [undefined, 'en']
  ])('speaks the language of the locale %s', (locale, language) => {
    expect(languageOf(locale)).toBe(language)
  })
})
