import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assignProgram } from '../rules/kernel.ts'
import { createProgramTable } from '../rules/program.ts'
import { createDecoder, type DecodePolicy } from '../schemas/decode.ts'
import type { EvaluationResult, EvaluationTask } from '../schemas/evaluation.ts'
import { readProfileFiles, shippedProfiles } from '../schemas/profile-files.ts'
import { compileProfiles } from '../schemas/profile.ts'
import { createEvaluator } from './evaluate.ts'
import { createSharedMemory, openSharedState } from './shared-state.ts'
import { rangeOf } from './test-records.ts'

const nowMs = 1_700_000_600_000
const policy: DecodePolicy = { futureMsMax: 60_000, pastMsMax: 1e9, depthMax: 16, valueBytesMax: 20_000 }
const profiles = compileProfiles(await readProfileFiles([shippedProfiles]))

/** An evaluator that assigns every series it meets, with or without the scanner. */
function evaluation(withScanner: boolean) {
  const shared = openSharedState(
    createSharedMemory({ seriesMax: 5000, devicesMax: 1000, keyBytesMax: 1_000_000 })
  )
  const programs = createProgramTable(8)
  const condition = { condition: 0, raiseCount: 1, clearCount: 2, mask: 0 }
  const program = programs.addProgram({
    conditions: [
      { ...condition, op: 'below', raiseLimit: -20, clearLimit: -19 },
      { ...condition, condition: 1, op: 'above', raiseLimit: 50, clearLimit: 40 },
      { ...condition, condition: 2, op: 'in', raiseLimit: 0, clearLimit: 0, mask: 0b100100 }
    ]
  })
  const evaluator = createEvaluator({
    measurements: profiles.measurements,
    decoder: createDecoder(profiles, policy),
    ...(withScanner ? { scanning: { profiles, policy } } : {}),
    shared,
    programs: programs.table,
    limits: { verifyCrc: true, decompressedBytesMax: 1 << 26, deadLetterBytesMax: 1 << 16 }
  })
  return {
    run(task: EvaluationTask): EvaluationResult {
      const result = evaluator.evaluate(task)
      for (const { series } of result.newSeries) assignProgram(programs.table, shared.series, series, program)
      return result
    },
    state: () => [
      shared.series.conditions.slice(0, shared.seriesCount() * 8),
      shared.series.lastTimeMs.slice(0, shared.seriesCount()),
      shared.devices.lastSeenMs.slice(0, shared.deviceCount()),
      shared.devices.lastEventMs.slice(0, shared.deviceCount())
    ]
  }
}

const oneOf = fc.constantFrom
/** Numbers as a serialiser might write them, the awkward ones too. */
const numberText = fc.oneof(
  fc.integer({ min: -5, max: 9 }).map(String),
  fc.integer({ min: 0, max: 2 ** 31 }).map(String),
  fc.bigInt({ min: 0n, max: 2n ** 66n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => JSON.stringify(n)),
  fc
    .tuple(fc.integer({ min: -300, max: 300 }), fc.integer({ min: 0, max: 9999 }))
    .map(([a, b]) => `${a}.${b}`),
  oneOf(
    '-0',
    '0.0',
    '-0.0',
    '1e3',
    '1E-2',
    '01',
    '-',
    '1.',
    '.5',
    '+1',
    '00',
    '1e400',
    '0.1000000000000000055',
    '4294967295',
    '123456789012345678901234567890'
  )
)
const textValue = fc.oneof(
  fc
    .tuple(fc.integer({ min: -40, max: 10 }), fc.integer({ min: 0, max: 9999 }))
    .map(([a, b]) => `"${a}.${b}"`),
  numberText.map(text => `"${text}"`),
  oneOf(
    '"  -"',
    '""',
    '"Port 8 is not a SFP port."',
    '"up"',
    '"down(2)"',
    '"OL"',
    '"OB LB"',
    '"-inf"',
    '"é"',
    '"a\\n"',
    '" 1.5 "',
    '"1.5.5"',
    '"testing"',
    '"0x10"',
    '"1e2"'
  )
)
const plainValue = fc.oneof(
  fc.integer({ min: 0, max: 9 }).map(String),
  fc.integer({ min: 0, max: 2 ** 31 }).map(String),
  fc
    .tuple(fc.integer({ min: -40, max: 300 }), fc.integer({ min: 0, max: 9999 }))
    .map(([a, b]) => `${a}.${b}`),
  fc
    .tuple(fc.integer({ min: -40, max: 10 }), fc.integer({ min: 0, max: 9999 }))
    .map(([a, b]) => `"${a}.${b}"`),
  oneOf('"  -"', '""', '"up"', '"OL"', '"down(2)"')
)
const value = fc.oneof(
  { weight: 90, arbitrary: plainValue },
  { weight: 6, arbitrary: numberText },
  { weight: 4, arbitrary: textValue },
  {
    weight: 1,
    arbitrary: oneOf('true', 'false', 'null', '[]', '{}', '{"a":1}')
  }
)

/** Names the shipped profiles know, by measurement, and tags that make the record whole. */
const kinds = [...new Set(profiles.measurements.filter(m => m.format === 'telegraf'))].map(plan => ({
  names: [
    plan.name,
    ...[...profiles.byName.telegraf.exact.entries()]
      .filter(([, is]) => is.includes(plan.index))
      .map(([name]) => name)
  ],
  fields: [
    ...plan.slotsByField.keys(),
    ...plan.linkedKeys,
    ...plan.instance.map(key => key.tag),
    'other',
    '__proto__'
  ]
}))
const tagValue = fc.oneof(
  { weight: 12, arbitrary: oneOf('"10.7.1.5"', '"10.7.1.6"', '"du-7"', '"7"', '"8"', '"5"', '"é"') },
  { weight: 1, arbitrary: oneOf('""', '" "', '"a\\"b"', '3', 'null') }
)
const tags = fc
  .tuple(
    fc.nat({ max: 5 }),
    fc.uniqueArray(
      fc.tuple(
        oneOf(
          'agent_host',
          'ups_name',
          'source',
          'sysName',
          'ifIndex',
          'index',
          'host',
          'ifDescr',
          'type',
          'swDdmPowerUnit',
          'zz'
        ),
        tagValue
      ),
      { maxLength: 5, selector: ([name]) => name }
    )
  )
  .map(([isWhole, list]) => {
    const all =
      isWhole > 0
        ? [
            ...list.filter(([n]) => n !== 'agent_host' && n !== 'ifIndex' && n !== 'ups_name'),
            ['agent_host', '"10.7.1.5"'],
            ['ifIndex', '"7"'],
            ['ups_name', '"ku7"']
          ]
        : list
    return `{${all.map(([name, text]) => `"${name}":${text}`).join(',')}}`
  })
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -300, max: 30 }).map(d => String(Math.floor(nowMs / 1000) + d)) },
  { weight: 1, arbitrary: fc.integer({ min: -300, max: 30 }).map(d => String(nowMs + d * 1000)) },
  {
    weight: 1,
    arbitrary: oneOf(
      '1700000500123456789',
      '1700000900',
      '5',
      '0',
      '1700000500.5',
      '"1700000500"',
      '-1',
      '99999999999999999999',
      '01700000500',
      '1.7e9'
    )
  }
)
const metric = fc
  .tuple(oneOf(...kinds), fc.nat(), fc.boolean())
  .chain(([kind, nameAt, isSorted]) =>
    fc.record({
      name: fc.oneof(
        { weight: 20, arbitrary: fc.constant(kind.names[nameAt % kind.names.length]!) },
        { weight: 1, arbitrary: oneOf('nobody', 'a\\u0062', 'é') }
      ),
      fields: fc
        .oneof(
          {
            weight: 9,
            arbitrary: fc.uniqueArray(fc.tuple(oneOf(...kind.fields), value), {
              minLength: 1,
              maxLength: 7,
              selector: ([field]) => field
            })
          },
          { weight: 1, arbitrary: fc.array(fc.tuple(oneOf(...kind.fields), value), { maxLength: 7 }) }
        )
        .map(list => (isSorted ? [...list].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) : list)),
      tags,
      time,
      form: fc.nat({ max: 40 })
    })
  )
  .map(({ name, fields, tags: tagText, time: timeText, form }) => {
    const fieldText = `{${fields.map(([field, text]) => `"${field}":${text}`).join(',')}}`
    const parts = [
      `"fields":${fieldText}`,
      `"name":"${name}"`,
      `"tags":${tagText}`,
      `"timestamp":${timeText}`
    ]
    if (form === 0) parts.reverse()
    if (form === 1) parts.push('"extra":{"tags":{}}')
    if (form === 2) parts.splice(3, 0, '"name":"other"')
    if (form === 3) return `[{${parts.join(',')}}]`
    if (form === 4) return `{${parts.join(', ')}}`
    if (form === 5) parts.pop()
    const text = `{${parts.join(',')}}`
    return form === 6 ? `${text}\n${text}\n` : form % 2 === 0 ? `${text}\n` : text
  })
/** One byte of a record changed, taken out or put in. */
const mutated = fc
  .tuple(metric, fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 2 }))
  .map(([text, at, byte, how]) => {
    const bytes = Buffer.from(text)
    const place = at % bytes.length
    const rest = how === 0 ? place + 1 : place
    const put = how === 1 ? [] : [byte]
    return new Uint8Array(
      Buffer.concat([
        bytes.subarray(0, place),
        Buffer.from(put),
        bytes.subarray(how === 1 ? place + 1 : rest)
      ])
    )
  })
const record = fc.oneof({ weight: 5, arbitrary: metric }, { weight: 1, arbitrary: mutated })

const compared = ({ counts, ...result }: EvaluationResult) => ({
  ...result,
  counts: Object.fromEntries(
    Object.entries(counts).filter(([name]) => name !== 'scanned' && name !== 'decoded')
  )
})

describe('the scanner', () => {
  it('with the decoder behind it gives what the decoder alone gives, byte for byte', () => {
    let scanned = 0
    let records = 0
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), values => {
        const fast = evaluation(true)
        const slow = evaluation(false)
        // The first time nobody is known, the second time aliases are learnt, the third time they serve.
        for (let round = 0; round < 3; round++) {
          const task = { ranges: [rangeOf(values, { firstOffset: round * 100 })], nowMs: nowMs + round }
          const result = fast.run(task)
          scanned += result.counts['scanned'] ?? 0
          records += result.counts['records'] ?? 0
          expect(compared(result)).toEqual(compared(slow.run(task)))
        }
        expect(fast.state()).toEqual(slow.state())
      }),
      {
        // An alias without an instance, then the same alias with a field that names one.
        examples: [
          [
            ['{"heOpRxInputPower":"  -"}', '{"fnRFPortIndex":"2","heOpRxInputPower":"  -"}'].map(
              fields =>
                `{"fields":${fields},"name":"catv_hms","tags":{"agent_host":"10.7.1.5"},"timestamp":1700000600}`
            )
          ]
        ],
        numRuns: Number(process.env['PARITY_RUNS'] ?? 300)
      }
    )
    // The test would be worth little if nearly everything took the long way.
    expect(scanned / records).toBeGreaterThan(0.1)
  })
})
