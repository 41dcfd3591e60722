import { describe, expect, it } from 'vitest'
import { createDecoder } from '../decode.ts'
import type { Decoded } from '../decoded.ts'
import type { Bad, Metric } from '../metric.ts'
import { readProfileFiles } from '../profile-files.ts'
import { compileProfiles } from '../profile.ts'
import { influx } from './influx.ts'

const utf8 = new TextEncoder()
const nowMs = Date.UTC(2026, 0, 15)
const atNs = `${nowMs - 30_000}123456`

interface Found {
  readonly metrics: Metric[]
  readonly bad: string[]
}

function read(text: string): Found {
  const metrics: Metric[] = []
  const bad: string[] = []
  influx.read(text, (found: Metric | Bad, place: string) => {
    if ('reason' in found) bad.push(`${place}: ${found.detail}`)
    else metrics.push(found)
  })
  return { metrics, bad }
}

const fieldsOf = (text: string): unknown => ({ ...read(text).metrics[0]?.fields })

describe('a line of the protocol', () => {
  it('is a name, tags, fields and a time', () => {
    const { metrics, bad } = read(
      `interface,agent_host=10.0.0.1,ifIndex=25 ifOperStatus=1i,ifName="Gi 1/0/1" ${atNs}\n`
    )
    expect(bad).toEqual([])
    expect(metrics).toHaveLength(1)
    expect(metrics[0]).toMatchObject({
      format: 'telegraf',
      name: 'interface',
      tags: { agent_host: '10.0.0.1', ifIndex: '25' },
      fields: { ifOperStatus: 1, ifName: 'Gi 1/0/1' },
      timeMs: nowMs - 30_000
    })
  })

  it.each<[string, unknown]>([
    ['1i', 1],
    ['-7i', -7],
    ['18446744073709551615u', 2 ** 64],
    ['9223372036854775807i', 2 ** 63],
    ['9007199254740993i', 9007199254740992],
    ['1', 1],
    ['-10.28', -10.28],
    ['.5', 0.5],
    ['1.', 1],
    ['+1e-3', 0.001],
    ['t', true],
    ['T', true],
    ['true', true],
    ['True', true],
    ['TRUE', true],
    ['f', false],
    ['F', false],
    ['false', false],
    ['False', false],
    ['FALSE', false],
    ['""', ''],
    ['"a, b=c"', 'a, b=c'],
    [String.raw`"say \"hi\" c:\\new"`, String.raw`say "hi" c:\new`],
    [String.raw`"two\nlines"`, 'two\nlines'],
    ['"two\nlines"', 'two\nlines']
  ])('reads the value %s', (written, value) => {
    expect(fieldsOf(`m v=${written} ${atNs}`)).toEqual({ v: value })
  })

  it.each(['1ii', '1.5i', '-1u', '0x10', 'NaN', 'inf', 'yes', 'tRUE', '1 2 3', '', '"a', '"a"b', "'a'"])(
    'refuses the value %s, with its place',
    written => {
      const { metrics, bad } = read(`m v=${written}`)
      expect(metrics).toEqual([])
      expect(bad).toEqual([expect.stringMatching(/^line 1, column \d+: \w/)])
    }
  )

  it('unescapes what may not stand in names, tags and keys, and leaves other backslashes', () => {
    const [good] = read(String.raw`my\ name\,x\=y,a\ b=c\=d\,e,path=c:\new\dir,bs=a\\\,c f\=1=1i`).metrics
    expect({ ...good?.tags }).toEqual({ 'a b': 'c=d,e', path: String.raw`c:\new\dir`, bs: String.raw`a\\,c` })
    expect(good?.name).toBe(String.raw`my name,x\=y`)
    expect({ ...good?.fields }).toEqual({ 'f=1': 1 })
  })

  it('may have any name of tag and field', () => {
    const [metric] = read('m,__proto__=a constructor=1i,__proto__=2i').metrics
    expect(Object.entries(metric?.tags ?? {})).toEqual([['__proto__', 'a']])
    expect(Object.entries(metric?.fields ?? {})).toEqual([
      ['constructor', 1],
      ['__proto__', 2]
    ])
  })

  it('keeps the millisecond of a time beyond what a double holds', () => {
    const times = ['1700000000999999999', '1700000000000000000', '1700000000000999999'].map(
      time => read(`m v=1 ${time}`).metrics[0]?.timeMs
    )
    expect(times).toEqual([1_700_000_000_999, 1_700_000_000_000, 1_700_000_000_000])
  })

  it('takes no other unit for nanoseconds', () => {
    for (const time of [
      '1700000000',
      '1700000000000',
      '3600000000000',
      '-1',
      '1.7e18',
      '99999999999999999999'
    ])
      expect(read(`m v=1 ${time}`).metrics[0]?.timeMs ?? NaN).toBeNaN()
  })
})

describe('several lines', () => {
  it('are read each, over blank lines, comments and carriage returns', () => {
    const { metrics, bad } = read(`# comment\r\n\r\n  a v=1\r\n\n\t# another\nb v=2 ${atNs} \r\nc v=3`)
    expect(bad).toEqual([])
    expect(metrics.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(metrics.map(({ time }) => time)).toEqual([undefined, atNs, undefined])
  })

  it('stand without the bad ones, whose places are told', () => {
    const { metrics, bad } = read('a v=1\nb v=\nc\nd,x v=1\ne,=1 v=1\nf v=1 2 3\ng v="x\ny"z\nh v=4')
    expect(metrics.map(({ name }) => name)).toEqual(['a', 'h'])
    expect(bad).toEqual([
      'line 2, column 5: a value is neither a number, a truth value nor a quoted text',
      'line 3, column 2: a line has no fields',
      'line 4, column 4: a tag has no value',
      'line 5, column 3: the key of a tag is missing',
      'line 6, column 9: something stands behind the timestamp',
      'line 8, column 3: something stands behind a value'
    ])
  })
})

const shipped = createDecoder(compileProfiles(await readProfileFiles()), {
  futureMsMax: 60_000,
  pastMsMax: 30 * 86_400_000,
  depthMax: 4,
  valueBytesMax: 2_000_000
})
const decode = (text: string | Uint8Array, recordMs = 0): Decoded =>
  shipped.decode(typeof text === 'string' ? utf8.encode(text) : text, recordMs, nowMs)

describe('records of lines', () => {
  const up = `interface,agent_host=10.0.0.1,host=col1,ifIndex=25 ifOperStatus=1i,ifInErrors=3i ${atNs}\n`

  it('are read by the shipped profiles of Telegraf, and counted by their own format', () => {
    expect(decode(up)).toMatchObject({
      ok: true,
      format: 'influx',
      unmapped: 0,
      groups: [
        {
          identifiers: ['10.0.0.1'],
          collector: 'col1',
          instance: '25',
          timeMs: nowMs - 30_000,
          values: expect.arrayContaining([1, 3]) as number[]
        }
      ]
    })
  })

  it("take the record's own time where a line has none", () => {
    const line = 'interface,agent_host=10.0.0.1,ifIndex=25 ifOperStatus=1i'
    expect(decode(line, nowMs - 5)).toMatchObject({ ok: true, groups: [{ timeMs: nowMs - 5 }] })
    expect(decode(line)).toMatchObject({ ok: false, reason: 'bad_time', detail: /line 1: .*no timestamp/ })
  })

  it('keep the good lines of a record that is partly bad, and tell the first bad place', () => {
    const lost = up.replace('agent_host=10.0.0.1,', '').replace('host=col1,', '')
    expect(decode(`cpu usage=1\n${up}ifOperStatus=1i 17\n${lost}`)).toMatchObject({
      ok: true,
      unmapped: 1,
      groups: [{ instance: '25' }],
      partial: { reason: 'bad_line', metrics: 2, detail: expect.stringMatching(/^line 3, column/) as string }
    })
    expect(decode(lost)).toMatchObject({ ok: false, reason: 'no_device' })
    expect(decode(`interface,ifIndex=1 ifOperStatus=`)).toMatchObject({ ok: false, reason: 'bad_line' })
  })

  it('are recognised behind comments, blank lines and a line that is cut off', () => {
    for (const text of [`# by Telegraf\n\n${up}`, `tus=1i 17\n${up}`, `\uFEFF${up}`, ` \r\n${up}`])
      expect(decode(text)).toMatchObject({ ok: true, groups: [{ instance: '25' }] })
  })

  it.each([
    'interface 25 is up',
    'level=info msg="port 25 is up" port=25',
    '# comments only\n',
    '{"fields":{"a b=1"',
    'x\n{"name":"a b=1"}',
    '"a b=1',
    '  "name": "a",\nb c=1'
  ])('are not what this is: %s', text => {
    expect(decode(text)).toMatchObject({ ok: false, reason: 'not_json' })
  })

  it('may hold brackets without end: they nest nothing', () => {
    expect(decode(up.replace('ifInErrors', `note="${'['.repeat(1000)}",ifInErrors`))).toMatchObject({
      ok: true
    })
  })

  it('are refused with a NUL byte or invalid UTF-8', () => {
    expect(decode(up.replace('col1', 'col\0'))).toMatchObject({ ok: false, reason: 'bad_line' })
    const bytes = utf8.encode(up)
    bytes[bytes.indexOf(0x63)] = 0xff
    expect(decode(bytes)).toMatchObject({ ok: false, reason: 'bad_line' })
  })

  it('cost little where a megabyte of them is bad', () => {
    const before = performance.now()
    expect(decode(`a b=1\n${'a\n'.repeat(500_000)}`)).toMatchObject({ ok: false, reason: 'bad_line' })
    expect(performance.now() - before).toBeLessThan(3000)
  })
})
