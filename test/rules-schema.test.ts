import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { rulesJsonSchema } from '../rules/reading/json-schema.ts'
import { shippedRulesFiles } from '../rules/shipped.ts'
import { packageRoot } from '../schemas/package-root.ts'

const read = (file: string): string => readFileSync(join(packageRoot, file), 'utf8')
const validate = new Ajv({ allErrors: true, strict: false }).compile(rulesJsonSchema())
const errorsOf = (value: unknown): string[] =>
  validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)

const fixtures = readdirSync(join(packageRoot, 'rules', 'fixtures')).map(name =>
  join('rules', 'fixtures', name)
)
const examples = [...read('docs/rules.md').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) =>
  /^(rules|limits|tests):/m.test(text) ? text : `rules:\n${text}`
)
const sound = (more: object): object => ({
  rules: [
    {
      name: 'a.b',
      kind: 'power',
      severity: 'minor',
      select: { signal: 'ups.charge_pct' },
      below: 5,
      text: { ru: 'т', en: 't' },
      ...more
    }
  ]
})

describe('the JSON Schema of rules files', () => {
  it.each([...shippedRulesFiles, ...fixtures.filter(file => !file.endsWith('.bad.yaml'))])(
    'finds %s right',
    file => {
      expect(errorsOf(parse(read(file)))).toEqual([])
    }
  )

  it('finds the examples of the documentation right', () => {
    expect(examples.length).toBeGreaterThan(8)
    for (const text of examples) expect(errorsOf(parse(text)), text).toEqual([])
  })

  it('finds files wrong that the reader finds wrong', () => {
    const wrong = fixtures.filter(file => file.endsWith('.bad.yaml') && !file.includes('syntax'))
    expect(wrong.length).toBeGreaterThan(2)
    for (const file of wrong) expect(errorsOf(parse(read(file))), file).not.toEqual([])
  })

  it.each<[string, object, string]>([
    ['a key that is not known', { colour: 'red' }, '/rules/0 must NOT have additional properties'],
    [
      'a signal that is none',
      { select: { signal: 'ups.charge' } },
      '/rules/0/select/signal must be equal to one of'
    ],
    ['a severity that is none', { severity: 'red' }, '/rules/0/severity must be equal to one of'],
    ['two comparisons', { above: 7 }, '/rules/0 must match exactly one schema in oneOf'],
    ['a text in one language', { text: { ru: 'т' } }, "/rules/0/text must have required property 'en'"],
    ['a name in capitals', { name: 'A.B' }, '/rules/0/name must match pattern'],
    ['a hold of no samples', { hold: { raise_samples: 0 } }, '/rules/0/hold/raise_samples must be >= 1'],
    [
      'a tier that is none',
      { select: { signal: 'ups.charge_pct', tier: 'street' } },
      '/rules/0/select/tier must be'
    ],
    [
      'a clause without a signal',
      { when: [{ in: 'battery' }] },
      "/rules/0/when/0 must have required property 'signal'"
    ],
    [
      'a label that alerts have',
      { labels: { severity: 'x' } },
      '/rules/0/labels property name must be valid'
    ],
    ['a runbook without https', { runbook: 'http://a.example' }, '/rules/0/runbook must match pattern'],
    ['a limit in words', { below: 'low' }, '/rules/0/below must match a schema in anyOf']
  ])('finds wrong %s', (_, more, error) => {
    expect(errorsOf(sound({}))).toEqual([])
    expect(errorsOf(sound(more)).filter(text => text.startsWith(error))).not.toEqual([])
  })

  it('finds wrong a composite without parts, and a test of what is no signal', () => {
    const composite = { over: 'device', select: undefined, below: undefined }
    const clean = (more: object): unknown => JSON.parse(JSON.stringify(sound({ ...composite, ...more })))
    expect(errorsOf(clean({ any: [{ rule: 'ups.on_battery', for_s: 5 }] }))).toEqual([])
    expect(errorsOf(clean({ any: [] }))).not.toEqual([])
    expect(errorsOf(clean({ any: [{ rule: 'ups.on_battery', below: 5 }] }))).not.toEqual([])
    expect(errorsOf(clean({}))).not.toEqual([])
    const steps = (step: object): unknown => ({ tests: [{ name: 't', steps: [step] }] })
    expect(errorsOf(steps({ at_s: 0, 'ups.output_source': 'battery', 'if.in_errors': { add: 5 } }))).toEqual(
      []
    )
    expect(errorsOf(steps({ at_s: 0, 'ups.output_source': 'batery' }))).not.toEqual([])
    expect(errorsOf(steps({ at_s: 0, 'ups.output': 'battery' }))).not.toEqual([])
  })

  it.each(shippedRulesFiles)('is named in %s, for editors', file => {
    expect(read(file).split('\n')[0]).toBe('# yaml-language-server: $schema=../../docs/rules.schema.json')
  })
})
