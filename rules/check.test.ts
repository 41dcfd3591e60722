import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatProblem } from '../schemas/config/located-yaml.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { signals } from '../schemas/signals.ts'
import { checkRules } from './check.ts'
import type { RulesFile } from './read.ts'
import { shippedRulesFiles, shippedTestsOf } from './shipped.ts'

const read = (file: string): RulesFile => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') })
const shippedFiles = shippedRulesFiles.map(read)

describe('checkRules', () => {
  it('finds the shipped rules sound, and their tests true', () => {
    const tests = shippedRulesFiles.map(shippedTestsOf).map(read)
    const { problems, testsRun, compiled } = checkRules([...shippedFiles, ...tests])
    expect(problems.map(formatProblem)).toEqual([])
    expect(testsRun).toBeGreaterThanOrEqual(9)
    expect(compiled?.rules.length).toBeGreaterThan(10)
  })

  it('says which test fails, where, and what was open instead', () => {
    const text = [
      'tests:',
      '  - name: wrong',
      '    steps:',
      '      - { at_s: 0, ups.output_source: battery }',
      '      - { at_s: 20, alarms: [] }',
      '      - { at_s: 10, ups.output_source: batery, ups.charge_pct: many, colour: red, alarms: none }',
      '      - { at_s: soon }',
      '  - words',
      '  - { stps: [], steps: 5 }'
    ].join('\n')
    const { problems, testsRun } = checkRules([...shippedFiles, { file: 'my.yaml', text }])
    expect(testsRun).toBe(3)
    expect(problems.map(formatProblem)).toEqual([
      'my.yaml:5:21: tests[0].steps[1].alarms: test "wrong": after 20 s these are open: ups.on_battery warning; expected none',
      'my.yaml:6:70: tests[0].steps[2].colour: is not a known key; known here: at_s, repeat, every_s, alarms, if.oper_status, if.admin_status, if.in_octets',
      ...problems.slice(2).map(formatProblem)
    ])
    expect(problems.slice(2).map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '6: goes back in time',
      '6: "batery" is no value of ups.output_source',
      '6: "many" is no value of ups.charge_pct',
      '6: is not a list',
      '7: "soon" is not allowed',
      '8: is not a set of keys',
      '9: is not a known key',
      '9: is not a list'
    ])
  })

  it('reports rules that do not compile, and runs nothing', () => {
    const { problems, compiled, testsRun } = checkRules([
      { file: 'my.yaml', text: 'rules:\n  - name: X\ntests: []' }
    ])
    expect(problems).toHaveLength(1)
    expect(compiled).toBeNull()
    expect(testsRun).toBe(0)
  })
})

describe('docs/rules.md', () => {
  const page = readFileSync(join(packageRoot, 'docs', 'rules.md'), 'utf8')

  it('has examples that compile and whose tests hold', () => {
    const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(match => match[1] ?? '')
    expect(examples.length).toBeGreaterThan(5)
    for (const text of examples) {
      const whole = /^(rules|limits|tests):/m.test(text)
      const files = [...shippedFiles, { file: 'example.yaml', text: whole ? text : `rules:\n${text}` }]
      expect(checkRules(files).problems.map(formatProblem), text).toEqual([])
    }
  })

  it('lists every signal with its unit and its names', () => {
    for (const signal of signals) {
      const row = page.split('\n').find(line => line.startsWith(`| \`${signal.name}\``)) ?? ''
      expect(row, signal.name).not.toBe('')
      for (const name of Object.keys(signal.codes ?? {})) expect(row).toContain(`\`${name}\``)
      if (signal.codes === undefined) expect(row).toContain(`| ${signal.unit}`)
    }
  })
})
