import { describe, expect, it, vi } from 'vitest'
import { readProfileFiles, shippedProfiles } from '../schemas/records/profile-files.ts'
import { rowsOfBlock } from '../test/support/blocks.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { forgetRecords } from './memory/kernel-memory.ts'
import {
  createEvaluation,
  createParity,
  createRecordMaker,
  parityFormats,
  parityNowMs,
  sharedFor
} from '../bench/support/parity.ts'
import { rangeOf } from '../bench/support/records.ts'

const files = await readProfileFiles([shippedProfiles])
const profiles = compileProfiles(files)

// Thousands of records each, by two ways: a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000 })

const telegraf = (fields: string, { name = 'interface', port = '1', timestamp = '1700000500' } = {}) =>
  Buffer.from(
    `{"fields":{${fields}},"name":"${name}","tags":{"agent_host":"10.7.1.5","host":"col1","ifIndex":"${port}"},"timestamp":${timestamp}}\n`
  )

/** Runs the values three times, so that what can be learnt is; how many of the last time took the kernel. */
function scannedOf(values: readonly Uint8Array[]): number {
  const parity = createParity(profiles)
  for (let round = 0; round < 3; round++) {
    const difference = parity.run(values)
    expect(difference?.scanning).toEqual(difference?.decoding)
  }
  return parity.scanned
}

describe('the kernel', () => {
  it.each([
    '0',
    '-0',
    '7',
    '10',
    '12345678',
    '123456789',
    '9007199254740993',
    '9999999999999999999',
    '18446744073709551615'
  ])('reads the whole number %s as the decoder does', text => {
    scannedOf([telegraf(`"ifHCInOctets":${text},"ifOperStatus":1`)])
  })

  it.each([
    '0.1',
    '-0.0',
    '1.5',
    '0.30000000000000004',
    '0.1000000000000000055',
    '123456789.123456789',
    '1e3',
    '1.',
    '.5',
    '01'
  ])('reads the number %s as the decoder does', text => {
    scannedOf([
      telegraf(`"swDdmRxPower":"${text}"`, { name: 'ddm' }),
      telegraf(`"swDdmTemperature":${text}`, { name: 'ddm' })
    ])
  })

  it('reads numbers of every length, the point anywhere in them, as the decoder does', () => {
    const lengths = Array.from({ length: 21 }, (_, i) => i)
    const digits = (count: number, first: number): string =>
      Array.from({ length: count }, (_, i) => (first + i * 7) % 10).join('')
    const numbers = lengths.flatMap(whole =>
      lengths.map(decimals => digits(whole, 1) + (decimals === 0 ? '' : `.${digits(decimals, 3)}`))
    )
    const written = numbers.flatMap(number => [
      number,
      `-${number}`,
      `${number}.`,
      `0${number}`,
      `${number}e1`
    ])
    const values = written.flatMap(text => [
      telegraf(`"ifHCInOctets":${text},"ifHCOutOctets":${text}`),
      telegraf(`"swDdmTemperature":"${text}"`, { name: 'ddm' })
    ])
    // Those whose double can be told, whole numbers and decimals, as numbers and as texts.
    // What is no number (`.`, `.3.`) is left to the decoder, which says so.
    expect(scannedOf(values)).toBe(637)
  })

  it('takes times in seconds, milliseconds, microseconds and nanoseconds', () => {
    const times = ['1700000500', '1700000500123', '1700000500123456', '1700000500123456789']
    for (const timestamp of times) expect(scannedOf([telegraf('"ifOperStatus":1', { timestamp })])).toBe(1)
  })

  it('learns texts of every length, and stops at what ends none', () => {
    const texts = Array.from({ length: 40 }, (_, i) => 'x'.repeat(i))
    const values = texts.map(text => telegraf(`"ifOperStatus":"${text}","ifHCInOctets":1`))
    expect(scannedOf(values)).toBe(40)
    const odd = ['\u007f', 'я', '\\n', '\t'].flatMap(odd =>
      texts.map(text => telegraf(`"ifOperStatus":"${text}${odd}${text}","ifHCInOctets":1`))
    )
    expect(scannedOf(odd)).toBe(0)
  })

  it('takes numbers of nineteen digits, states, flags and texts that it has seen', () => {
    expect(
      scannedOf([
        telegraf('"ifHCInOctets":1234567890123456789,"ifOperStatus":1'),
        telegraf('"ifOperStatus":"down(2)"', { port: '2' }),
        telegraf('"swDdmRxPower":"  -","swDdmTxPower":"0.2500"', { name: 'ddm', port: '3' }),
        Buffer.from(
          '{"fields":{"battery_charge_percent":100,"status_flags":8,"ups_status":"OL"},"name":"upsd","tags":{"host":"col1","ups_name":"ku7"},"timestamp":1700000500}'
        )
      ])
    ).toBe(4)
  })

  it('stops at no more texts of a slot than it may learn', () => {
    const texts = Array.from({ length: 200 }, (_, i) => telegraf(`"ifOperStatus":"state ${i}"`))
    expect(scannedOf(texts)).toBeLessThan(200)
  })

  it('stops at no more field names than it may learn', () => {
    const names = Array.from({ length: 300 }, (_, i) => telegraf(`"ifOperStatus":1,"field${i}":1`))
    const scanned = scannedOf(names)
    expect(scanned).toBeGreaterThan(0)
    expect(scanned).toBeLessThan(300)
  })

  it('grows for a batch with more rows than it had room for', () => {
    const many = Array.from({ length: 40_000 }, (_, i) =>
      telegraf('"ifHCInOctets":1,"ifHCOutOctets":2,"ifOperStatus":1', {
        timestamp: String(1_700_000_000 + (i % 500))
      })
    )
    expect(scannedOf(many)).toBe(40_000)
  })

  it('gives the same where it looks ahead for what records need, since there are many ports', () => {
    const ports = Array.from({ length: 33_000 }, (_, i) =>
      telegraf(`"ifOperStatus":${i % 3},"ifHCInOctets":${i}`, { port: String(i) })
    )
    const parity = createParity(profiles, 200_000)
    const same = (values: readonly Uint8Array[]): void => {
      const difference = parity.run(values)
      expect(difference?.scanning).toEqual(difference?.decoding)
    }
    for (let round = 0; round < 3; round++) same(ports)
    expect(parity.scanned).toBe(33_000)

    // Whatever stands among them, and wherever a guess at an alias then falls.
    let seed = 1
    const pick = (n: number): number => (seed = (seed * 48_271) % 0x7fffffff) % n
    const make = createRecordMaker(profiles)
    const odd = [
      '{}',
      '}',
      '{"fields":{"a":"},\\"name\\":\\""},"name":"interface","tags":{},"timestamp":1700000500}',
      '{"fields":{"a":"}"},"name":"interface","tags":{"ifIndex":"}"},"timestamp":17}',
      '{"fields":{"ifOperStatus":1},"name":"","timestamp":1700000500}',
      `{"fields":{"a":"${'x'.repeat(20_000)}"},"name":"interface","tags":{},"timestamp":1700000500}`
    ].map(text => Buffer.from(text))
    const mixed = ports.slice(0, 3000).flatMap((port, i) => {
      const other = i % 3 === 0 ? odd[i % odd.length]! : make(parityFormats[i % parityFormats.length]!, pick)
      return i % 4 === 0 ? [port, other] : i % 4 === 1 ? [other] : [port]
    })
    for (let round = 0; round < 3; round++) same(mixed)
    expect(parity.scanned).toBeGreaterThan(2000)
  })

  it('learns no name from what stands behind the record', () => {
    const canonical = (signals: string) =>
      Buffer.from(`{"device":"du-1","timeMs":1700000500000,"signals":{${signals}}`)
    // The last value of a batch ends in the midst of a name; the next one could be taken for the rest of it.
    expect(
      scannedOf([canonical('"if.oper_status":1}'), canonical('"if.oper_sta'), canonical('tus":1}')])
    ).toBe(1)
  })

  describe('met with a port for the first time', () => {
    /** How many of these values took the kernel where nobody was known before. */
    const scannedAtOnce = (values: readonly Uint8Array[]): number => {
      const parity = createParity(profiles)
      const difference = parity.run(values)
      expect(difference?.scanning).toEqual(difference?.decoding)
      return parity.scanned
    }
    const tagged = (tags: string, { name = 'interface', fields = '"ifOperStatus":1' } = {}) =>
      Buffer.from(`{"fields":{${fields}},"name":"${name}","tags":{${tags}},"timestamp":1700000500}`)

    it('makes its series known without the decoder', () => {
      const gnmic =
        '{"name":"sub1","timestamp":1700000500000000000,"tags":{"interface_name":"ethernet-1/1","source":"10.7.1.9:57400"},"values":{"/interface/oper-state":"up"}}'
      const values = [
        telegraf('"ifHCInOctets":7,"ifOperStatus":"down(2)"'),
        telegraf('"ifHCInOctets":8,"ifOperStatus":1', { port: '2' }),
        // The same port by other tags, and with a signal more.
        tagged('"agent_host":"10.7.1.5","ifIndex":"2"', { fields: '"ifHCOutOctets":1,"ifOperStatus":1' }),
        // No reading at all, and a device without a port.
        telegraf('"swDdmRxPower":"  -"', { name: 'ddm', port: '3' }),
        Buffer.from(
          '{"fields":{"battery_charge_percent":100},"name":"upsd","tags":{"ups_name":"ku7"},"timestamp":1700000500}'
        ),
        Buffer.from(gnmic)
      ]
      expect(scannedAtOnce(values)).toBe(values.length)
    })

    it.each([
      ['an escape in a tag', tagged('"agent_host":"10.7.1.\\u0035","ifIndex":"1"')],
      ['a tag that is no text', tagged('"agent_host":"10.7.1.5","ifIndex":1')],
      ['tags that are no JSON', tagged('"agent_host":"10.7.1.5","ifIndex":"1",')],
      ['a line end in a tag', tagged('"agent_host":"10.7.1.5","ifIndex":"1\n"')],
      ['a control character in the name', tagged('"agent_host":"10.7.1.5"', { name: 'interface\u0001' })],
      ['a byte order mark before the name', tagged('"agent_host":"10.7.1.5"', { name: '\ufeffinterface' })],
      [
        'bytes that are no UTF-8',
        Buffer.from(tagged('"agent_host":"10.7.1.5","ifIndex":"1","x":"\u007f"')).map(byte =>
          byte === 0x7f ? 0xff : byte
        )
      ],
      [
        'a tag by which several measurements may be meant',
        Buffer.from(
          '{"name":"sub1","timestamp":1700000500000000000,"tags":{"component_name":"a","source":"10.7.1.9:57400","threshold_severity":"WARNING"},"values":{"/interface/oper-state":"up"}}'
        )
      ],
      ['no tag that names a device', tagged('"ifIndex":"1"')],
      ['a name that nobody knows', tagged('"agent_host":"10.7.1.5"', { name: 'nobody' })],
      ['a time that is absurd', telegraf('"ifOperStatus":1', { timestamp: '5' })],
      [
        'an instance among its fields',
        tagged('"agent_host":"10.7.1.5"', { fields: '"ifIndex":7,"ifOperStatus":1' })
      ]
    ])('leaves it to the decoder with %s', (_what, value) => {
      expect(scannedAtOnce([value])).toBe(0)
    })

    it('leaves series beyond the limit to the decoder, and remembers none of them', () => {
      const parity = createParity(profiles, 20)
      const values = Array.from({ length: 40 }, (_, i) => telegraf('"ifOperStatus":1', { port: String(i) }))
      for (let round = 0; round < 2; round++) {
        expect(parity.run(values)).toBeUndefined()
        expect(parity.scanned).toBe(20)
      }
    })
  })

  it('leaves a record whose time is absurd, too old or from the future', () => {
    for (const timestamp of ['5', '1500000000', '1700009999'])
      expect(scannedOf([telegraf('"ifOperStatus":1', { timestamp })])).toBe(0)
  })
})

describe('the ports that follow one another', () => {
  it('are told apart where they come in another order', () => {
    const [one, two, three] = ['1', '2', '3'].map(port => telegraf('"ifOperStatus":1', { port })) as [
      Buffer,
      Buffer,
      Buffer
    ]
    const known = [one, two, three]
    for (const order of [[one, one, two], [two, one, three], [three, three, one], known.toReversed()])
      expect(scannedOf([...known, ...known, ...order])).toBe(9)
  })
})

describe('what is known of records', () => {
  const ports = ['1', '2', '3'].map(port => telegraf('"swDdmTemperature":"41.5"', { name: 'ddm', port }))
  const task = { ranges: [rangeOf(ports)], nowMs: parityNowMs }

  it('is forgotten, and with new profiles learnt as they have it', () => {
    const shared = sharedFor(100)
    const before = createEvaluation(profiles, true, shared)
    for (let round = 0; round < 3; round++) expect(before.run(task).counts['scanned']).toBe(3)
    expect(shared.aliases.size()).toBe(3)
    forgetRecords(shared.kernel)
    expect(shared.aliases.size()).toBe(0)

    const tenfold = compileProfiles(
      files.map(({ file, text }) => ({
        file,
        text: text.replace(
          /swDdmTemperature: optics.temp_c/,
          'swDdmTemperature: { signal: optics.temp_c, scale: 0.1 }'
        )
      }))
    )
    const after = createEvaluation(tenfold, true, shared)
    for (let round = 0; round < 2; round++) {
      const { counts, block } = after.run(task)
      expect(counts['scanned']).toBe(3)
      expect([...rowsOfBlock(block)].map(({ value }) => value)).toEqual([4.15, 4.15, 4.15])
    }
    // A follower or a form of before would have been taken without being learnt.
    expect(shared.aliases.size()).toBe(3)
  })
})
