import { describe, expect, it } from 'vitest'
import { toTimeMs } from './convert.ts'
import { createDecoder, type DecodePolicy } from './decode.ts'
import { plainPath } from './formats/gnmic.ts'
import { withoutPort } from './identify.ts'
import type { Decoded } from './decoded.ts'
import { compileProfiles } from './profile.ts'

const nowMs = Date.UTC(2026, 0, 15)
const atS = nowMs / 1000 - 30
const day = 86_400_000
const policy: DecodePolicy = {
  futureMsMax: 60_000,
  pastMsMax: 30 * day,
  depthMax: 16,
  valueBytesMax: 1_048_576
}

const set = compileProfiles([
  {
    file: 'ports.yaml',
    text: `
profile: ports
format: telegraf
measurements:
  - name: interface
    match: interface
    instance: [ifIndex]
    names: [ifName, { tag: ifDescr, pattern: 'Port (\\d+)' }]
    fields:
      ifOperStatus: if.oper_status
      ifInErrors: if.in_errors
      constructor: if.out_errors
  - name: ups
    match: [ups, ups_*]
    fields:
      charge: ups.charge_pct
`
  },
  {
    file: 'streams.yaml',
    text: `
profile: streams
format: gnmic
measurements:
  - name: all
    match: '*'
    fields:
      /a/b: if.in_octets
`
  }
])
const decoder = createDecoder(set, policy)
const utf8 = new TextEncoder()

function decode(value: string | Uint8Array, recordTimestampMs = 0): Decoded {
  return decoder.decode(typeof value === 'string' ? utf8.encode(value) : value, recordTimestampMs, nowMs)
}

const port = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  fields: { ifOperStatus: 1 },
  name: 'interface',
  tags: { source: '10.0.0.1', ifIndex: '25' },
  timestamp: atS,
  ...more
})
const json = JSON.stringify

describe('shapes', () => {
  const one = decode(json(port()))

  it('reads one metric', () => {
    expect(one).toEqual({
      ok: true,
      unmapped: 0,
      groups: [
        {
          measurement: 0,
          identifiers: ['10.0.0.1'],
          collector: '',
          instance: '25',
          names: [],
          timeMs: atS * 1000,
          clamped: false,
          slots: [0],
          values: [1],
          noReadings: []
        }
      ]
    })
  })

  it('reads the names of a port from tags, each once', () => {
    const named = (tags: Record<string, unknown>): readonly string[] | undefined => {
      const decoded = decode(json(port({ tags: { source: '10.0.0.1', ifIndex: '25', ...tags } })))
      return decoded.ok ? decoded.groups[0]?.names : undefined
    }
    expect(named({ ifName: ' Gi0/25 ', ifDescr: 'D-Link R4.04.004 Port 25 ' })).toEqual(['Gi0/25', '25'])
    expect(named({ ifName: '25', ifDescr: 'Port 25' })).toEqual(['25'])
    expect(named({ ifName: '', ifDescr: 'vlan' })).toEqual([])
  })

  it.each([
    ['an array', json([port()])],
    ['metrics of a batch', json({ metrics: [port()] })],
    ['a line', `${json(port())}\n`],
    [
      'another order of keys',
      json({ timestamp: atS, tags: port()['tags'], name: 'interface', fields: { ifOperStatus: 1 } })
    ],
    ['white space and a byte order mark', `\uFEFF ${JSON.stringify(port(), null, 4)}\r\n`]
  ])('gives the same for %s', (_, text) => {
    expect(decode(text)).toEqual(one)
  })

  it('reads one metric a line', () => {
    const decoded = decode(`${json(port())}\r\n\n${json(port({ tags: { source: 'b', ifIndex: '2' } }))}\n`)
    expect(decoded).toMatchObject({ ok: true, groups: [{ instance: '25' }, { instance: '2' }] })
  })

  it('counts metrics that no profile knows, by name and by fields', () => {
    expect(decode(json([port({ name: 'cpu' }), port({ fields: { ifType: 6 } }), port()]))).toMatchObject({
      ok: true,
      unmapped: 2,
      groups: [{ instance: '25' }]
    })
    expect(decode('[]')).toMatchObject({ ok: false, reason: 'empty' })
  })

  it.each([
    ['text where a number is expected', '"ifInErrors":"abc"', /ifInErrors is "abc"/],
    ['a word that the enumeration has not', '"ifOperStatus":"sideways"', /ifOperStatus is "sideways"/],
    ['a number no double holds', '"ifInErrors":1e400', /ifInErrors/],
    ['an object', '"ifInErrors":{"n":1}', /ifInErrors/]
  ])('says what nothing can be read of: %s', (_, fields, detail) => {
    const decoded = decode(json(port()).replace('"ifOperStatus":1', fields))
    expect(decoded).toMatchObject({ ok: true, groups: [{ slots: [] }], partial: { reason: 'no_reading' } })
    expect(decoded.ok && decoded.partial?.detail).toMatch(detail)
  })

  it('says that a canonical record has no signal that is known, or none', () => {
    const record = (signals: unknown) => json({ device: 'd', timeMs: 1_768_435_200_000, signals })
    const reason = 'no_reading'
    expect(decode(record({}))).toEqual({ ok: false, reason, detail: '"signals" is empty' })
    const unknown = 'no known signal among no.such'
    expect(decode(record({ 'no.such': 1 }))).toEqual({ ok: false, reason, detail: unknown })
  })

  it('has no complaint of what sources say where there is no reading, nor where others give one', () => {
    for (const fields of [
      { ifInErrors: '  -' },
      { ifInErrors: 'N/A' },
      { ifInErrors: null },
      { ifInErrors: '' }
    ])
      expect(decode(json(port({ fields })))).not.toHaveProperty('partial')
    expect(decode(json(port({ fields: { ifInErrors: 'abc', ifOperStatus: 1 } })))).not.toHaveProperty(
      'partial'
    )
  })

  it('matches names by wildcard, and own properties only', () => {
    expect(decode(json(port({ name: 'ups_battery', fields: { charge: 5 } })))).toMatchObject({
      ok: true,
      groups: [{ measurement: 1, instance: '' }]
    })
    expect(decode(json(port({ fields: { constructor: 7 } })))).toMatchObject({
      groups: [{ slots: [2], values: [7] }]
    })
    expect(decode(json(port({ fields: {} })))).toEqual({ ok: true, groups: [], unmapped: 1 })
    expect(decode(json(port({ name: 'toString' })))).toEqual({ ok: true, groups: [], unmapped: 1 })
  })

  it('keeps the good metrics of a record that is partly bad', () => {
    const bad = port({ tags: { ifIndex: '1' } })
    expect(decode(json([bad, port(), 5, []]))).toMatchObject({
      ok: true,
      groups: [{ instance: '25' }],
      partial: { reason: 'no_device', metrics: 3 }
    })
    expect(decode(`${json(port())}\n{"fields":`)).toMatchObject({
      ok: true,
      groups: [{ instance: '25' }],
      partial: { reason: 'not_json', metrics: 1 }
    })
    expect(decode(json([bad, bad]))).toMatchObject({ ok: false, reason: 'no_device' })
  })
})

describe('bad records', () => {
  it.each([
    ['nothing', '', 'empty'],
    ['white space', ' \n\t', 'empty'],
    ['no JSON', 'interface 25 is up', 'not_json'],
    ['a line of a log', 'level=info msg="port 25 is up" port=25', 'not_json'],
    ['truncated JSON', json(port()).slice(0, -1), 'not_json'],
    ['a NUL byte', json(port()).replace('10.0', '10\u0000'), 'not_json'],
    ['a NUL byte behind a backslash', json(port()).replace('10.0', '10\\\u0000'), 'not_json'],
    ['a number', '5', 'wrong_shape'],
    ['null', 'null', 'wrong_shape'],
    ['a string', '"x"', 'wrong_shape'],
    ['an empty object', '{}', 'wrong_shape'],
    ['arrays in arrays', json([[port()]]), 'wrong_shape'],
    ['fields that are a list', json(port({ fields: [1] })), 'wrong_shape'],
    ['no name', json(port({ name: undefined })), 'wrong_shape'],
    ['values that are a number', json({ values: 1 }), 'wrong_shape'],
    ['signals that are null', json({ signals: null }), 'wrong_shape'],
    ['no instance', json(port({ tags: { source: 'a' } })), 'wrong_shape'],
    ['an instance of blanks', json(port({ tags: { source: 'a', ifIndex: '  ' } })), 'wrong_shape'],
    ['no tags', json(port({ tags: undefined })), 'no_device'],
    ['tags that are a string', json(port({ tags: 'source' })), 'no_device'],
    ['an empty device', json(port({ tags: { source: ' ', ifIndex: '1' } })), 'no_device'],
    ['a device with an escaped NUL', json(port({ tags: { source: 'a\u0000', ifIndex: '1' } })), 'no_device'],
    [
      'a device of half a character',
      '{"fields":{"ifOperStatus":1},"name":"interface","tags":{"source":"\\ud800"}}',
      'no_device'
    ],
    [
      'a device name without end',
      json(port({ tags: { source: 'a'.repeat(257), ifIndex: '1' } })),
      'no_device'
    ],
    ['no timestamp anywhere', json(port({ timestamp: undefined })), 'bad_time'],
    ['a timestamp that is null', json(port({ timestamp: null })), 'bad_time'],
    ['a timestamp of the year 1970', json(port({ timestamp: 12_345 })), 'bad_time'],
    ['a timestamp of the year 2200', json(port({ timestamp: 7_258_118_400 })), 'bad_time'],
    ['a negative timestamp', json(port({ timestamp: -1 })), 'bad_time'],
    ['a worded timestamp', json(port({ timestamp: 'yesterday' })), 'bad_time'],
    ['a timestamp beyond the limit', json(port({ timestamp: atS - 31 * 86_400 })), 'bad_time'],
    ['an infinite timestamp', json(port()).replace(String(atS), '1e999'), 'bad_time']
  ])('rejects %s', (_, text, reason) => {
    expect(decode(text)).toMatchObject({ ok: false, reason })
  })

  it('rejects invalid UTF-8, even inside a string that nobody reads', () => {
    const bytes = utf8.encode(json(port({ note: 'xx' })))
    bytes[bytes.length - 4] = 0xff
    expect(decode(bytes)).toMatchObject({ ok: false, reason: 'not_json' })
  })

  it('rejects a megabyte of nesting at once, and a value beyond the limit', () => {
    const deep = '['.repeat(1_000_000)
    const before = performance.now()
    expect(decode(deep)).toMatchObject({ ok: false, reason: 'too_deep' })
    expect(decode('{"a":'.repeat(200_000))).toMatchObject({ ok: false, reason: 'too_deep' })
    expect(performance.now() - before).toBeLessThan(1000)
    expect(decode(' '.repeat(1_048_577))).toMatchObject({ ok: false, reason: 'too_large' })
  })

  it('takes brackets in strings for text', () => {
    const brackets = `\\"${'['.repeat(100)}`
    expect(decode(json(port({ note: brackets })))).toMatchObject({ ok: true })
  })

  it.each([
    ['line feeds', `{${'\n'.repeat(1_000_000)}`],
    ['blanks', `{${' \r'.repeat(500_000)}`],
    ['opening quotes', '"'.repeat(1_000_001)],
    ['backslashes', `"${'\\'.repeat(1_000_000)}`],
    ['a name for wildcards', json(port({ name: `ups_${'a*'.repeat(400_000)}`, fields: { charge: 1 } }))],
    ['a path of colons', json({ values: { ['a:/'.repeat(300_000)]: 1 }, timestamp: atS })],
    ['a number in words', json(port({ fields: { ifInErrors: '1'.repeat(1_000_000) } }))],
    ['an address of colons', json(port({ tags: { source: ':'.repeat(1_000_000), ifIndex: '1' } }))]
  ])('is done with a megabyte of %s in no time', (_, text) => {
    const before = performance.now()
    decode(text)
    expect(performance.now() - before).toBeLessThan(1000)
  })
})

describe('time', () => {
  const timeOf = (timestamp: unknown, recordTimestampMs = 0): unknown => {
    const decoded = decode(json(port({ timestamp })), recordTimestampMs)
    return decoded.ok ? [decoded.groups[0]?.timeMs, decoded.groups[0]?.clamped] : decoded.reason
  }
  const atMs = atS * 1000

  it('reads every unit by magnitude, and texts', () => {
    for (const timestamp of [atS, atMs, atMs * 1e3, atMs * 1e6, String(atS), new Date(atMs).toISOString()])
      expect(timeOf(timestamp)).toEqual([atMs, false])
    expect(timeOf(atS + 0.25)).toEqual([atMs + 250, false])
    expect(timeOf('2026-01-15T02:59:30.5+03:00')).toEqual([atMs + 500, false])
  })

  it("sets the future back to the record's own time, or to now where that says nothing, and says so", () => {
    expect(timeOf(atS + 90, atMs)).toEqual([nowMs + 60_000, false])
    expect(timeOf(atS + 91, atMs)).toEqual([atMs, true])
    expect(timeOf(atS + 86_400 * 365, atMs)).toEqual([atMs, true])
    expect(timeOf(atS + 91, 0)).toEqual([nowMs, true])
    expect(timeOf(atS + 91, nowMs + 1)).toEqual([nowMs, true])
    expect(timeOf(atS + 91, 1)).toEqual([nowMs, true])
  })

  it("takes the record's own time where the value has none", () => {
    expect(timeOf(undefined, atMs)).toEqual([atMs, false])
    expect(timeOf(undefined, -1)).toBe('bad_time')
    expect(timeOf(null, atMs)).toBe('bad_time')
  })

  it('keeps nanoseconds exact to the millisecond', () => {
    expect(toTimeMs(JSON.parse('1607305284170936330') as number, 'ns')).toBe(1_607_305_284_170)
    expect(toTimeMs(1_607_305_284_170_936, 'us')).toBe(1_607_305_284_170)
    expect(toTimeMs(1_607_305_284_170.9, 'ms')).toBe(1_607_305_284_170)
    expect(toTimeMs(1_607_305_284_170, 's')).toBeNaN()
  })
})

it('drops ports and module names', () => {
  expect(withoutPort('172.23.23.2:57400')).toBe('172.23.23.2')
  expect(withoutPort('[fe80::1]:57400')).toBe('fe80::1')
  expect(withoutPort('fe80::1')).toBe('fe80::1')
  expect(withoutPort('du-123')).toBe('du-123')
  expect(plainPath('openconfig-interfaces:interfaces/interface/oc-eth:ethernet')).toBe(
    '/interfaces/interface/ethernet'
  )
})
