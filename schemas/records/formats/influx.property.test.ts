import fc from 'fast-check'
import { expect, it } from 'vitest'
import { influxLine, jsonLine, type TelegrafMetric } from '../../../test/support/influx-line.ts'
import { createDecoder } from '../decode.ts'
import type { Decoded } from '../decoded.ts'
import { readProfileFiles } from '../profile-files.ts'
import { compileProfiles } from '../profile.ts'

const nowMs = Date.UTC(2026, 0, 15)
const utf8 = new TextEncoder()
const set = compileProfiles(await readProfileFiles())
const plans = set.measurements.filter(({ format }) => format === 'telegraf')
const decoder = createDecoder(set, {
  futureMsMax: 60_000,
  pastMsMax: 30 * 86_400_000,
  depthMax: 16,
  valueBytesMax: 65_536
})
const decode = (text: string): Decoded => decoder.decode(utf8.encode(text), 0, nowMs)

/** What lines can say of tags and keys: no control characters, no backslash at the end, something at all. */
const word = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  // eslint-disable-next-line no-control-regex -- control characters are what it takes out
  .map(text => text.replaceAll(/[\u0000-\u001f\u007f]/g, '').replace(/\\+$/, ''))
  .filter(text => text !== '')
const odd = fc.constantFrom(
  'a b',
  'a,b',
  'a=b',
  String.raw`c:\new`,
  String.raw`a\,b`,
  String.raw`\ x`,
  '"q"',
  'ДУ 7',
  '[1]',
  '=',
  ','
)
const text = fc.oneof(word, odd)
const name = text.filter(of => !/^[#{}["\]]|=/.test(of))

const value = fc.oneof(
  fc.constantFrom<string | number | boolean>(1, 0, -1, 3, 65_535, 2 ** 53, 1.8e19, -10.28, 1e-7, true, false),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(
    'up',
    'testing(3)',
    '-10.28',
    '  -',
    '-588.89,-Inf',
    'OL',
    'OB LB',
    '',
    '1e999',
    'say "hi"',
    'a\nb\\'
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }).filter(of => !of.includes('\0'))
)

const metric: fc.Arbitrary<TelegrafMetric> = fc
  .record({
    at: fc.nat(),
    other: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: name }),
    tags: fc.dictionary(
      fc.oneof(fc.constantFrom('source', 'agent_host', 'sysName', 'host', 'ifIndex', 'index'), text),
      text,
      { maxKeys: 6 }
    ),
    read: fc.array(fc.tuple(fc.nat(), value), { minLength: 1, maxLength: 6 }),
    more: fc.dictionary(text, value, { maxKeys: 3 }),
    ageS: fc.integer({ min: -300, max: 86_400 })
  })
  .map(({ at, other, tags, read, more, ageS }) => {
    const plan = plans[at % plans.length]!
    const usual =
      [...set.byName.telegraf.exact].find(([, found]) => found.includes(plan.index))?.[0] ?? 'ups_x'
    const fields = read.map(([i, of]) => [plan.slots[i % plan.slots.length]!.field, of] as const)
    return {
      name: other ?? usual,
      tags: { agent_host: '10.0.0.1', ifIndex: '25', ...tags },
      fields: { ...more, ...Object.fromEntries(fields) },
      timeS: nowMs / 1000 - ageS
    }
  })

/** What is told of a record, but for the place of what is bad and the format's name. */
const told = (decoded: Decoded): unknown =>
  decoded.ok ? { groups: decoded.groups, unmapped: decoded.unmapped } : decoded.reason

it('a metric reads the same, written as lines and as JSON', () => {
  let read = 0
  fc.assert(
    fc.property(metric, of => {
      const lines = decode(influxLine(of))
      expect(told(lines)).toEqual(told(decode(jsonLine(of))))
      if (lines.ok && lines.groups.length > 0) read++
    }),
    { numRuns: 3000 }
  )
  // A fifth at least: about a third of what is made has a reading that a profile knows.
  expect(read).toBeGreaterThan(600)
})

it('several metrics of one record read the same, written as lines and as JSON', () => {
  const several = fc.array(metric, { minLength: 1, maxLength: 8 })
  const between = fc.array(fc.constantFrom('\n', '\r\n', '# a=b c=d\n', '  \n'), { maxLength: 3 })
  fc.assert(
    fc.property(several, between, (list, gap) => {
      const lines = list.map(influxLine).join(gap.join(''))
      expect(told(decode(lines))).toEqual(told(decode(list.map(jsonLine).join(''))))
    }),
    { numRuns: 500 }
  )
})

it('lines with bytes changed, cut or doubled never throw, and what is read of the others is the same', () => {
  const mutation = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 127 }), fc.constantFrom('set', 'drop', 'cut'))
  fc.assert(
    fc.property(
      metric,
      metric,
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      (good, other, mutations) => {
        let line = influxLine(other).slice(0, -1)
        for (const [position, code, how] of mutations) {
          const at = position % Math.max(line.length, 1)
          if (how === 'cut') line = line.slice(0, at)
          else
            line = line.slice(0, at) + (how === 'set' ? String.fromCharCode(code) : '') + line.slice(at + 1)
        }
        // A quote that is opened takes the next lines into its text, as it may.
        fc.pre(!line.includes('"'))
        const alone = decode(influxLine(good))
        fc.pre(alone.ok && alone.groups.length > 0)
        const together = decode(`${influxLine(good)}${line}\n`)
        expect(together.ok && together.groups[0]).toEqual(alone.ok && alone.groups[0])
      }
    ),
    { numRuns: 1000 }
  )
})
