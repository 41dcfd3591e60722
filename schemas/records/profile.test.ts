import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createDecoder } from './decode.ts'
import { formatProblem, ProblemsError } from '../config/located-yaml.ts'
import { packageRoot } from '../package-root.ts'
import { compileProfiles } from './profile.ts'
import type { ProfileSet } from './plan.ts'
import { fieldSchema, measurementSchema, profileFormats, unitNames } from './profile-schema.ts'

function problemsOf(...texts: string[]): string[] {
  try {
    compileProfiles(texts.map((text, i) => ({ file: `p${i}.yaml`, text })))
    return []
  } catch (error) {
    if (!(error instanceof ProblemsError)) throw error
    return error.problems.map(formatProblem)
  }
}

const head = 'profile: x\nformat: telegraf\nmeasurements:\n  - name: m\n    match: m\n    fields:\n'

describe('a profile that is wrong', () => {
  it('is reported with everything at once, each with its place and remedy', () => {
    const problems = problemsOf(
      `profile: Bad Name
format: influx
devices: [source]
measurements:
  - name: m
    match: m
`,
      `${head}      a: if.oper_statu
      b: { signal: ups.charge_pct, unit: mw, unitt: s }
      c: { signal: ups.output_source, enum: [[1, on, onBattery]] }
      d: { signal: ups.output_source, scale: 2 }
      e: { signal: optics.rx_dbm, unit: min, range: [5, 1] }
      f: { signal: ups.runtime_s, zero_needs: { ups.battery_status: [low] } }
`
    )
    expect(problems).toEqual([
      'p0.yaml:1:1: profile: must match pattern "^[a-z0-9][a-z0-9_.-]{0,63}$"; correct the value',
      'p0.yaml:2:1: format: is not one of the allowed values; use one of: telegraf, gnmic, zabbix, canonical',
      'p0.yaml:3:1: devices: unknown key "devices"; did you mean "device"?',
      'p0.yaml:5:5: measurements[0]: "fields" is missing; add "fields"',
      'p1.yaml:7:7: measurements[0].fields.a.signal: unknown signal "if.oper_statu"; did you mean "if.oper_status"?',
      'p1.yaml:8:46: measurements[0].fields.b.unitt: unknown key "unitt"; did you mean "unit"?',
      expect.stringMatching(
        /^p1\.yaml:9:39: measurements\[0\]\.fields\.c\.enum: ups\.output_source has no code "onBattery"; use one of: other, /
      ),
      'p1.yaml:10:39: measurements[0].fields.d.scale: "scale" does not go with ups.output_source, which is an enumeration; remove "scale"',
      expect.stringMatching(
        /^p1\.yaml:11:35: measurements\[0\]\.fields\.e\.unit: min cannot be made dBm of optics\.rx_dbm; use one of: mw, /
      ),
      'p1.yaml:11:46: measurements[0].fields.e.range: 5 is above 1; give the lower bound first',
      'p1.yaml:12:7: measurements[0].fields.f: depends on ups.battery_status, which no field of this measurement reads; add a field for it, or drop the condition'
    ])
  })

  it.each([
    ['no YAML', 'profile: [', /not valid YAML/],
    ['no mapping', '- 1', /must be object/],
    ['nothing', '', /must be object/],
    [
      'a measurement twice',
      `${head}      a: if.in_errors\n  - name: m\n    match: m\n    fields:\n      a: if.in_errors\n`,
      /"m" is there twice/
    ],
    [
      'a pattern that is none',
      head.replace('fields', "instance: [{ tag: a, pattern: '(' }]\n    fields") + '      a: if.in_errors\n',
      /no regular expression/
    ],
    [
      'an enumerated condition that is none',
      `${head}      a: { signal: ups.runtime_s, zero_needs: { ups.load_pct: [low] } }\n`,
      /ups\.load_pct is a quantity/
    ],
    [
      'a condition on bounds of an enumeration',
      `${head}      s: ups.battery_status\n      a: { signal: ups.runtime_s, zero_needs: { ups.battery_status: [1, 2] } }\n`,
      /ups\.battery_status is an enumeration/
    ],
    [
      'a condition whose bounds are the wrong way round',
      `${head}      s: ups.charge_pct\n      a: { signal: ups.runtime_s, zero_needs: { ups.charge_pct: [20, 0] } }\n`,
      /20 is above 0/
    ],
    [
      'a condition on a code that is none',
      `${head}      s: ups.battery_status\n      a: { signal: ups.runtime_s, zero_needs: { ups.battery_status: [lo] } }\n`,
      /has no code "lo"/
    ],
    [
      'a power that is scaled',
      `${head}      a: { signal: optics.rx_dbm, scale: 0.1 }\n`,
      /a power is not scaled/
    ]
  ])('is reported: %s', (_, text, expected) => {
    expect(problemsOf(text).join('\n')).toMatch(expected)
  })
})

describe('several profiles', () => {
  const decodeOne = (set: ProfileSet): unknown =>
    createDecoder(set, { futureMsMax: 0, pastMsMax: 1e9, depthMax: 9, valueBytesMax: 999 }).decode(
      new TextEncoder().encode(
        '{"name":"m","fields":{"v":2369},"tags":{"source":"a"},"timestamp":1768435200}'
      ),
      0,
      1_768_435_200_000
    )
  const volts = `${head}      v: { signal: ups.input_v, range: [0, 5000] }\n`

  it('a later file replaces the profile of the same name', () => {
    const set = compileProfiles([
      { file: 'a.yaml', text: volts },
      { file: 'b.yaml', text: `${head}      v: { signal: ups.input_v, scale: 0.1 }\n` }
    ])
    expect(set.measurements).toHaveLength(1)
    expect(decodeOne(set)).toMatchObject({ groups: [{ measurement: 0, values: [236.9] }] })
  })

  it('a later file comes first when measurements are matched', () => {
    const mine = volts.replace('profile: x', 'profile: mine')
    const set = compileProfiles([
      { file: 'a.yaml', text: volts },
      { file: 'b.yaml', text: mine }
    ])
    expect(decodeOne(set)).toMatchObject({ groups: [{ measurement: 1, values: [2369] }] })
  })

  it('survives a structured clone, as it goes to workers', () => {
    const set = compileProfiles([{ file: 'a.yaml', text: volts.replace('match: m', "match: 'm*'") }])
    expect(decodeOne(structuredClone(set))).toEqual(decodeOne(set))
    expect(decodeOne(set)).toMatchObject({ ok: true, groups: [{ values: [2369] }] })
  })
})

describe('docs/profiles.md', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'profiles.md'), 'utf8')

  it('names every key, unit and format', () => {
    const keys = [...Object.keys(fieldSchema.properties), ...Object.keys(measurementSchema.properties)]
    for (const word of [...keys, ...unitNames].filter(key => key !== 'name'))
      expect(page).toContain(`\`${word}\``)
    for (const format of profileFormats) expect(page).toContain(format)
  })

  it('has an example that compiles', () => {
    const text = /```yaml\n([^`]*)```/.exec(page)?.[1] ?? ''
    expect(compileProfiles([{ file: 'example.yaml', text }]).measurements).toHaveLength(1)
  })
})
