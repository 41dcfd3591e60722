import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { format, resolveConfig } from 'prettier'
import { expect, it } from 'vitest'
import { canonicalJsonSchema } from './canonical-schema.ts'
import { packageRoot } from '../package-root.ts'

const file = join(packageRoot, 'schemas', 'canonical.schema.json')

it('is published as generated (vitest -u writes it anew)', async () => {
  const config = await resolveConfig(file)
  const text = await format(JSON.stringify(canonicalJsonSchema()), { ...config, parser: 'json' })
  await expect(text).toMatchFileSnapshot(file)
})

it('holds for the example of the documentation and not for what the documentation forbids', async () => {
  const validate = new Ajv2020({ strict: false }).compile(canonicalJsonSchema())
  const page = await readFile(join(packageRoot, 'docs', 'canonical-record.md'), 'utf8')
  const example = /```json\n([^`]*)```/.exec(page)?.[1] ?? ''
  expect(validate(JSON.parse(example))).toBe(true)
  expect(validate({ device: 'a', signals: { 'ups.output_source': 5, 'ups.charge_pct': null } })).toBe(true)
  expect(validate({ signals: { 'ups.charge_pct': 5 } })).toBe(false)
  expect(validate({ device: 'a', signals: {} })).toBe(false)
  expect(validate({ device: 'a', signals: { 'ups.output_source': 'onBattery' } })).toBe(false)
  expect(validate({ device: 'a', signals: { 'if.in_errors': -1 } })).toBe(false)
  expect(validate({ device: 'a', timeMs: 1575509815, signals: { 'if.in_errors': 1 } })).toBe(false)
})
