import { expect, it } from 'vitest'
import { createDecoder } from '../../schemas/records/decode.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { telegrafMix } from './mix.ts'

it('makes the mix the figures are stated for, and every record of it is read', async () => {
  const { devices } = generateCity({ nodes: 200, seed: 1 })
  const known = new Set(devices.flatMap(d => d.identifiers))
  const endMs = Date.UTC(2026, 4, 1)
  const policy = { futureMsMax: 60_000, pastMsMax: 1e9, depthMax: 32, valueBytesMax: 1 << 20 }
  const decoder = createDecoder(compileProfiles(await readProfileFiles([shippedProfiles])), policy)
  const names = new Map<string, number>()
  let bytes = 0
  let readings = 0
  let lastMs = 0
  for (const { key, value, timestampMs } of telegrafMix({ devices, records: 10_000, seed: 1, endMs })) {
    bytes += key.length + value.length
    const name = (JSON.parse(value) as { name: string }).name
    names.set(name, (names.get(name) ?? 0) + 1)
    const decoded = decoder.decode(Buffer.from(value), timestampMs, endMs)
    expect(decoded).toMatchObject({ ok: true, unmapped: 0 })
    if (decoded.ok)
      for (const group of decoded.groups) {
        readings += group.slots.length
        expect(group.noReadings).toEqual([])
        expect(group.identifiers.some(i => known.has(i))).toBe(true)
      }
    expect(timestampMs).toBeGreaterThanOrEqual(lastMs)
    lastMs = timestampMs
  }
  expect(Object.fromEntries(names)).toEqual({ interface: 7_000, ddm: 2_000, upsd: 1_000 })
  expect(bytes / 10_000).toBeGreaterThan(250)
  expect(bytes / 10_000).toBeLessThan(310)
  expect(readings / 10_000).toBeGreaterThan(5.5)
  expect(readings / 10_000).toBeLessThan(6.5)
})
