import { beforeAll, describe, expect, it } from 'vitest'
import { createDecoder, type Decoder } from '../../schemas/records/decode.ts'
import type { ProfileSet } from '../../schemas/records/plan.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import { readProfileFiles, shippedProfiles } from '../../schemas/records/profile-files.ts'
import { signals } from '../../schemas/signals.ts'
import { generateCity } from './city.ts'
import { encoderFor, formats } from './encode-other.ts'
import { quietScenario } from './scenario.ts'
import { createSimulation } from './simulation.ts'

/** Every record the simulator writes is read by the shipped profiles, as what it was meant to say. */
const city = generateCity({ nodes: 400, seed: 11, intervalS: 10, upsIntervalS: 10 })
const startMs = Date.UTC(2026, 2, 1)
const deviceOf = new Map(city.devices.flatMap(d => d.identifiers.map(i => [i, d] as const)))

let profiles: ProfileSet
let decoder: Decoder
beforeAll(async () => {
  profiles = compileProfiles(await readProfileFiles([shippedProfiles]))
  decoder = createDecoder(profiles, {
    futureMsMax: 60_000,
    pastMsMax: 86_400_000,
    depthMax: 32,
    valueBytesMax: 1 << 20
  })
})

interface Seen {
  readonly device: string
  readonly role: string
  readonly instance: string
  readonly profile: string
  readonly values: Record<string, number>
}

function decodeAll(format: (typeof formats)[number], withFaults: boolean): Seen[] {
  const seen: Seen[] = []
  const simulation = createSimulation({
    ...city,
    scenario: quietScenario,
    seed: 3,
    startMs,
    encode: encoderFor(format)
  })
  if (withFaults) {
    const event = { place: {}, forMs: 60_000, batteryMs: 0, lossDb: 10, rampMs: 0, allWays: false }
    for (const vendor of ['APC', 'Ippon', 'Eltena'])
      simulation.inject({ ...event, fault: 'mains_cut', place: { tier: 'campus', vendor } })
    simulation.inject({ ...event, fault: 'ups_self_test', place: { vendor: 'APC' } })
    simulation.inject({ ...event, fault: 'worn_battery', place: { vendor: 'Ippon' } })
  }
  simulation.advance(startMs + 10_000, record => {
    const decoded = decoder.decode(record.value, record.timestampMs, startMs + 10_000)
    if (!decoded.ok) throw new Error(`${decoded.reason}: ${decoded.detail}`)
    expect(decoded.unmapped).toBe(0)
    for (const group of decoded.groups) {
      const device = group.identifiers.map(i => deviceOf.get(i)).find(d => d !== undefined)
      expect(device).toBeDefined()
      expect(Math.abs(group.timeMs - record.timestampMs)).toBeLessThan(1000)
      const measurement = profiles.measurements[group.measurement]
      const values: Record<string, number> = {}
      group.slots.forEach((slot, i) => {
        const name = signals[measurement?.slots[slot]?.signal ?? -1]?.name ?? ''
        values[name] = group.values[i] ?? NaN
      })
      seen.push({
        device: device?.id ?? '',
        role: device?.role ?? '',
        instance: group.instance,
        profile: measurement?.profile ?? '',
        values
      })
    }
  })
  return seen
}

describe.each(formats)('the %s format', format => {
  it('is read whole by the shipped profiles', () => {
    const seen = decodeAll(format, false)
    expect(new Set(seen.map(s => s.device)).size).toBe(city.devices.length)
    for (const { device, role, instance, values } of seen) {
      if ('if.oper_status' in values) expect(values['if.oper_status']).toBe(1)
      if ('optics.rx_dbm' in values) {
        const port = city.devices.find(d => d.id === device)?.ports.find(p => p.instance === instance)
        expect(port?.opticClass).not.toBe('')
        expect(values['optics.rx_dbm']).toBeGreaterThan(-16)
        expect(values['optics.rx_dbm']).toBeLessThan(-2)
      }
      if (role === 'ups' && 'ups.output_source' in values) expect(values['ups.output_source']).toBe(3)
      if (role === 'catv') expect(values['catv.input_dbm']).toBeGreaterThan(-6)
    }
    expect(seen.some(s => 'optics.rx_dbm' in s.values)).toBe(true)
  })

  it('says battery, test, worn battery and no light so that they are understood', () => {
    const seen = decodeAll(format, true)
    const sources = seen.flatMap(s => (s.role === 'ups' ? (s.values['ups.output_source'] ?? []) : []))
    expect(sources.filter(v => v === 5)).toHaveLength(3)
    expect(sources.filter(v => v === 8)).toHaveLength(1)
    expect(seen.some(s => s.values['if.oper_status'] === 2)).toBe(true)
    expect(seen.some(s => (s.values['optics.rx_dbm'] ?? 0) <= -39)).toBe(true)
    // Zabbix' UPS templates have no such item.
    if (format !== 'zabbix') expect(seen.filter(s => s.values['ups.replace_battery'] === 1)).toHaveLength(1)
  })
})

describe('the Telegraf format', () => {
  it('uses every profile a city has', () => {
    const used = new Set(decodeAll('telegraf', false).map(s => s.profile))
    for (const profile of ['if-mib', 'dlink-ddm', 'dlink-ddm-sw', 'cisco-optics', 'huawei-optics', 'xppc'])
      expect(used).toContain(profile)
    for (const profile of ['apc-powernet', 'ups-mib', 'nut-upsd', 'catv']) expect(used).toContain(profile)
  })
})
