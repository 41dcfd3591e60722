import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { convert, convertText } from './convert.ts'
import { createDecoder, type Decoder } from './decode.ts'
import type { Decoded } from './decoded.ts'
import { rejectReasons } from '../evaluation.ts'
import { compileProfiles } from './profile.ts'
import type { ProfileSet } from './plan.ts'
import { readProfileFiles, shippedProfiles } from './profile-files.ts'

const nowMs = Date.UTC(2026, 0, 15)
const policy = { futureMsMax: 60_000, pastMsMax: 30 * 86_400_000, depthMax: 16, valueBytesMax: 65_536 }
const utf8 = new TextEncoder()
let set: ProfileSet
let decoder: Decoder

beforeAll(async () => {
  set = compileProfiles(await readProfileFiles([shippedProfiles]))
  decoder = createDecoder(set, policy)
})

/** What every answer must be like, whatever was decoded. */
function expectSound(decoded: Decoded): void {
  if (!decoded.ok) {
    expect(rejectReasons).toContain(decoded.reason)
    expect(decoded.detail).not.toBe('')
    return
  }
  for (const group of decoded.groups) {
    const plan = set.measurements[group.measurement]
    if (plan === undefined) throw new Error('a measurement that is none')
    expect(group.identifiers.length).toBeGreaterThan(0)
    expect(group.timeMs).toBeLessThanOrEqual(nowMs + policy.futureMsMax)
    expect(group.timeMs).toBeGreaterThanOrEqual(nowMs - policy.pastMsMax)
    expect(Number.isInteger(group.timeMs)).toBe(true)
    expect(group.slots).toHaveLength(group.values.length)
    expect([...group.slots]).toEqual([...new Set(group.slots)].sort((a, b) => a - b))
    expect(group.noReadings.some(slot => group.slots.includes(slot))).toBe(false)
    const read = group.slots.map(slot => plan.slots[slot]?.signal)
    expect(new Set(read).size).toBe(read.length)
    for (const [i, slot] of group.slots.entries()) {
      const value = group.values[i] ?? NaN
      const { min, max, names, flags } = plan.slots[slot] ?? { min: 0, max: 0 }
      expect(Number.isFinite(value)).toBe(true)
      if (names === undefined && flags === undefined) expect(value >= min && value <= max).toBe(true)
    }
  }
}

const key = fc.oneof(
  fc.constantFrom(
    'source',
    'agent_host',
    'sysName',
    'host',
    'ifIndex',
    'index',
    'interface_name',
    'entPhysicalName',
    'type',
    '__proto__'
  ),
  fc.string({ maxLength: 12 })
)
const text = fc.oneof(
  fc.constantFrom(
    '',
    '  -',
    '-Inf',
    'up',
    'testing(3)',
    '-10.28',
    '0',
    '1e999',
    'OL',
    'OB LB',
    '-588.89,-Inf',
    'Port 8 is not a SFP port.',
    'Te1/1 Receive Power Sensor'
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 })
)
const number = fc.oneof(
  fc.constantFrom(-1, 0, 1, 3, 5, 2369, 65_535, 4_294_967_295, 1e9, -1e9),
  fc.integer(),
  fc.double()
)
const value = fc.oneof(number, text, fc.boolean(), fc.constant(null), fc.array(number, { maxLength: 2 }))
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -86_400, max: 120 }).map(s => nowMs / 1000 + s) },
  { weight: 1, arbitrary: value }
)

/** Metrics that mostly hit a shipped measurement, in every format. */
const metric: fc.Arbitrary<unknown> = fc
  .tuple(
    fc.nat(),
    fc.dictionary(key, text, { maxKeys: 6 }),
    fc.array(fc.tuple(fc.nat(), value), { minLength: 1, maxLength: 6 }),
    time
  )
  .map(([at, tags, picked, timestamp]) => {
    const plan = set.measurements[at % set.measurements.length]
    if (plan === undefined) return {}
    const fields: Record<string, unknown> = {}
    for (const [i, v] of picked) fields[plan.slots[i % plan.slots.length]?.field ?? ''] = v
    const name =
      [...set.byName[plan.format].exact].find(([, found]) => found.includes(plan.index))?.[0] ?? 'any'
    const usual = { source: '10.0.0.1', ifIndex: '25', ...tags }
    switch (plan.format) {
      case 'telegraf':
        return { fields, name, tags: usual, timestamp }
      case 'gnmic':
        return {
          name,
          timestamp: typeof timestamp === 'number' ? timestamp * 1e9 : timestamp,
          tags: usual,
          values: fields
        }
      case 'zabbix':
        return {
          host: { host: 'du', name: 'ДУ' },
          item_tags: Object.entries(usual).map(([tag, v]) => ({ tag, value: v })),
          itemid: 1,
          name,
          clock: timestamp,
          value: picked[0]?.[1],
          type: 0
        }
      case 'canonical':
        return {
          device: 'a',
          ...usual,
          signals: fields,
          timeMs: typeof timestamp === 'number' ? timestamp * 1000 : timestamp
        }
    }
  })

/** The same document with the keys of every object in another order. */
function reversed(document: unknown): unknown {
  if (Array.isArray(document)) return document.map(reversed)
  if (typeof document !== 'object' || document === null) return document
  return Object.fromEntries(
    Object.entries(document)
      .reverse()
      .map(([k, v]) => [k, reversed(v)])
  )
}

const runs = { numRuns: 2000 }
const decode = (bytes: Uint8Array): Decoded => decoder.decode(bytes, 0, nowMs)

describe('the decoder', () => {
  it('never throws and always answers soundly: bytes at random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => expectSound(decode(bytes))),
      runs
    )
  })

  it('never throws and always answers soundly: JSON at random', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), json => expectSound(decode(utf8.encode(json)))),
      runs
    )
  })

  it('reads many of the generated metrics, and all soundly', () => {
    let read = 0
    fc.assert(
      fc.property(metric, document => {
        const decoded = decode(utf8.encode(JSON.stringify(document)))
        expectSound(decoded)
        if (decoded.ok && decoded.groups.length > 0) read++
      }),
      runs
    )
    expect(read).toBeGreaterThan(runs.numRuns / 4)
  })

  it('never throws and always answers soundly: good records with bytes changed, cut or doubled', () => {
    const mutation = fc.tuple(
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom('set', 'drop', 'cut', 'double')
    )
    fc.assert(
      fc.property(metric, fc.array(mutation, { minLength: 1, maxLength: 4 }), (document, mutations) => {
        let bytes = [...utf8.encode(JSON.stringify(document))]
        for (const [position, byte, how] of mutations) {
          const at = position % Math.max(bytes.length, 1)
          if (how === 'set') bytes[at] = byte
          else if (how === 'drop') bytes.splice(at, 1)
          else if (how === 'cut') bytes = bytes.slice(0, at)
          else bytes = [...bytes, ...bytes.slice(at)]
        }
        expectSound(decode(Uint8Array.from(bytes)))
      }),
      runs
    )
  })

  it('gives the same whatever the order of keys and the white space', () => {
    fc.assert(
      fc.property(metric, fc.constantFrom(0, 1, '\t', ' \r\n '), (document, space) => {
        const plain = decode(utf8.encode(JSON.stringify(document)))
        expect(decode(utf8.encode(JSON.stringify(reversed(document), null, space)))).toEqual(plain)
      }),
      runs
    )
  })

  it('gives each metric of an array, a batch or lines what it gives it alone', () => {
    fc.assert(
      fc.property(fc.array(metric, { minLength: 2, maxLength: 5 }), documents => {
        const alone = documents.map(document => decode(utf8.encode(JSON.stringify(document))))
        const groups = alone.flatMap(decoded => (decoded.ok ? decoded.groups : []))
        for (const together of [
          JSON.stringify(documents),
          JSON.stringify({ metrics: documents }),
          documents.map(document => JSON.stringify(document)).join('\n')
        ]) {
          const decoded = decode(utf8.encode(together))
          expect(decoded.ok ? decoded.groups : []).toEqual(groups)
          const bad = alone.filter(one => !one.ok || one.partial !== undefined).length
          if (groups.length > 0) expect(decoded.ok && (decoded.partial?.metrics ?? 0)).toBe(bad)
        }
      }),
      { numRuns: 500 }
    )
  })
})

it('a number gives the same as number and as text, for every shipped slot', () => {
  fc.assert(
    fc.property(number.filter(Number.isFinite), raw => {
      for (const plan of set.measurements)
        for (const slot of plan.slots) expect(convertText(slot, String(raw))).toBe(convert(slot, raw))
    }),
    { numRuns: 300 }
  )
})
