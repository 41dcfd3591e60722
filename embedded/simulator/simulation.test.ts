import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../schemas/package-root.ts'
import { generateCity } from './city.ts'
import { createTelegrafEncoder } from './encode-telegraf.ts'
import type { SimulatedRecord } from './readings.ts'
import { parseScenario, quietScenario, type FaultNews, type ScenarioEvent } from './scenario.ts'
import { createSimulation, type SimulationOptions } from './simulation.ts'

const city = generateCity({ nodes: 300, seed: 5, intervalS: 10, upsIntervalS: 10 })
const startMs = Date.UTC(2026, 0, 15, 12)
const demo = parseScenario(
  'demo.yaml',
  readFileSync(join(packageRoot, 'embedded/simulator/scenarios/demo.yaml'), 'utf8')
)

interface Metric {
  readonly name: string
  readonly fields: Record<string, number | string>
  readonly tags: Record<string, string>
  readonly timestamp: number
}
const text = (record: SimulatedRecord): string => Buffer.from(record.value).toString()
const metric = (record: SimulatedRecord): Metric => JSON.parse(text(record)) as Metric

function simulation(extra: Partial<SimulationOptions> = {}) {
  return createSimulation({
    ...city,
    scenario: quietScenario,
    seed: 1,
    startMs,
    encode: createTelegrafEncoder(),
    ...extra
  })
}

function collect(sim: ReturnType<typeof simulation>, toS: number, metrics: Metric[] = []): Metric[] {
  sim.advance(startMs + toS * 1000, record => metrics.push(metric(record)))
  return metrics
}

const fault = (
  event: Partial<ScenarioEvent> & Pick<ScenarioEvent, 'fault'>
): Omit<ScenarioEvent, 'atMs'> => ({
  place: {},
  forMs: 30_000,
  batteryMs: 0,
  lossDb: 10,
  rampMs: 0,
  allWays: false,
  ...event
})

const addressesOf = (nodeId: string): string[] =>
  city.devices.filter(d => d.node === nodeId).flatMap(d => d.identifiers)
const sourceOf = (m: Metric): string => m.tags['agent_host'] ?? m.tags['source'] ?? m.tags['ups_name'] ?? ''
const of = (metrics: Metric[], nodeId: string): Metric[] => {
  const names = new Set(addressesOf(nodeId))
  return metrics.filter(m => names.has(sourceOf(m)))
}
const childrenOf = (nodeId: string): string[] =>
  city.nodes.filter(n => n.parents[0] === nodeId).map(n => n.id)
const singleHomed = (tier: string): string =>
  city.nodes.find(n => n.tier === tier && n.parents.length === 1)?.id ?? ''

describe('the simulated city', () => {
  it('gives the same bytes for the same seed, however the time is cut', () => {
    const whole: string[] = []
    simulation({ scenario: demo }).advance(startMs + 200_000, r => whole.push(text(r)))
    const cut: string[] = []
    const pieces = simulation({ scenario: demo })
    for (let ms = 0; ms <= 200_000; ms += 137) pieces.advance(startMs + ms, r => cut.push(text(r)))
    pieces.advance(startMs + 200_000, r => cut.push(text(r)))
    expect(cut).toEqual(whole)
    expect(whole.length).toBeGreaterThan(10_000)
    const other: string[] = []
    simulation({ scenario: demo, seed: 2 }).advance(startMs + 200_000, r => other.push(text(r)))
    expect(other).not.toEqual(whole)
  })

  it('writes what Telegraf writes: sorted keys, tags as strings, one line', () => {
    const records: SimulatedRecord[] = []
    simulation().advance(startMs + 10_000, r => records.push(r))
    for (const record of records) {
      const line = text(record)
      expect(line.endsWith('}\n')).toBe(true)
      const m = metric(record)
      expect(Object.keys(m)).toEqual(['fields', 'name', 'tags', 'timestamp'])
      for (const part of [m.fields, m.tags]) expect(Object.keys(part)).toEqual(Object.keys(part).sort())
      for (const tag of Object.values(m.tags)) expect(typeof tag).toBe('string')
      expect(record.timestampMs).toBeGreaterThanOrEqual(m.timestamp * 1000)
    }
    const names = new Set(records.map(r => metric(r).name))
    for (const name of ['interface', 'ddm', 'catv']) expect(names).toContain(name)
  })

  it('polls every device once an interval, in time order', () => {
    const records: SimulatedRecord[] = []
    simulation().advance(startMs + 9_999, r => records.push(r))
    const polled = new Set(records.map(r => r.key))
    expect(polled.size).toBe(city.devices.length)
    const times = records.map(r => r.timestampMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it('cuts the mains: the UPS reports battery, the buildings below fall silent and come back', () => {
    const campus = singleHomed('campus')
    const sim = simulation()
    collect(sim, 10)
    expect(sim.inject(fault({ fault: 'mains_cut', place: { id: campus } }))).toBe(true)
    const dark = collect(sim, 25)
    const building = childrenOf(campus)[0] ?? ''
    expect(of(dark, building)).toEqual([])
    expect(sim.truth(building)).toEqual({ powered: false, reachable: false, onBattery: false })
    expect(sim.truth(campus)).toEqual({ powered: true, reachable: true, onBattery: true })
    const ports = of(dark, campus).filter(m => m.name === 'interface' && m.fields['ifOperStatus'] === 2)
    expect(ports.length).toBeGreaterThanOrEqual(childrenOf(campus).length)
    const back = collect(sim, 70)
    expect(of(back, building).length).toBeGreaterThan(0)
    expect(sim.truth(campus)?.onBattery).toBe(false)
    expect(sim.active()).toEqual([])
  })

  it('lets a campus go dark when its battery is empty', () => {
    const campus = singleHomed('campus')
    const sim = simulation()
    sim.inject(fault({ fault: 'mains_cut', place: { id: campus }, batteryMs: 20_000, forMs: 60_000 }))
    collect(sim, 19)
    expect(sim.truth(campus)?.powered).toBe(true)
    collect(sim, 21)
    expect(sim.truth(campus)?.powered).toBe(false)
    collect(sim, 80)
    expect(sim.truth(campus)).toEqual({ powered: true, reachable: true, onBattery: false })
  })

  it('cuts a fibre: the parent port is down, the subtree silent; a second way keeps it reachable', () => {
    const campus = singleHomed('campus')
    const sim = simulation()
    sim.inject(fault({ fault: 'fibre_cut', place: { id: campus } }))
    const metrics = collect(sim, 15)
    const parent = city.nodes.find(n => n.id === campus)?.parents[0] ?? ''
    expect(of(metrics, campus)).toEqual([])
    expect(of(metrics, parent).some(m => m.name === 'interface' && m.fields['ifOperStatus'] === 2)).toBe(true)
    const ringed = city.nodes.find(n => n.parents.length > 1)?.id ?? ''
    sim.inject(fault({ fault: 'fibre_cut', place: { id: ringed } }))
    expect(sim.truth(ringed)?.reachable).toBe(true)
    sim.inject(fault({ fault: 'fibre_cut', place: { id: ringed }, allWays: true }))
    expect(sim.truth(ringed)?.reachable).toBe(false)
  })

  it('silences every device of a dead collector and nothing else', () => {
    const sim = simulation()
    const area = singleHomed('area')
    const before = collect(sim, 10)
    const collector = of(before, area)[0]?.tags['host'] ?? ''
    sim.inject(fault({ fault: 'dead_collector', place: { id: area } }))
    const after = collect(sim, 20)
    expect(after.some(m => m.tags['host'] === collector)).toBe(false)
    const others = before.filter(m => m.tags['host'] !== collector).length
    expect(after.length).toBeGreaterThan(others * 0.9)
    expect(sim.truth(area)?.reachable).toBe(true)
  })

  it('counts up while a port is up, and starts again after a power cut', () => {
    const building = childrenOf(singleHomed('campus'))[0] ?? ''
    const sim = simulation()
    const octets = (metrics: Metric[]): number[] =>
      metrics
        .filter(m => m.name === 'interface' && m.tags['sysName'] === `${building}-sw1`)
        .filter(m => m.tags['ifIndex'] === '25')
        .map(m => Number(m.fields['ifHCInOctets']))
    const before = octets(collect(sim, 60))
    expect(before).toEqual([...before].sort((a, b) => a - b))
    sim.inject(fault({ fault: 'mains_cut', place: { id: building }, forMs: 10_000 }))
    const after = octets(collect(sim, 100))
    expect(after[0]).toBeLessThan(before[0] ?? 0)
  })

  it('drifts a dirty optic downwards', () => {
    const building = childrenOf(singleHomed('campus'))[0] ?? ''
    const sim = simulation()
    sim.inject(
      fault({ fault: 'dirty_optic', place: { id: building }, lossDb: 12, rampMs: 40_000, forMs: 90_000 })
    )
    const levels = of(collect(sim, 80), building)
      .filter(m => m.name === 'ddm' || m.name === 'ddm_dlinksw')
      .map(m => 10 * Math.log10(Number(m.fields['swDdmRxPower'])))
    expect((levels[0] ?? 0) - (levels.at(-1) ?? 0)).toBeGreaterThan(9)
  })

  it('draws a place that has a second way up, when asked for one', () => {
    const news: FaultNews[] = []
    const sim = simulation({ onFault: n => news.push(n) })
    for (const redundant of [true, false])
      sim.inject(fault({ fault: 'fibre_cut', place: { tier: 'campus', redundant } }))
    const ways = news.map(n => city.nodes.find(node => node.id === n.nodeId)?.parents.length)
    expect(ways).toEqual([2, 1])
  })

  it('plays the demo scenario: every fault finds a place in the demonstration city, and each one ends', () => {
    const news: FaultNews[] = []
    const whole = generateCity({ nodes: 2000, seed: 1 })
    const sim = simulation({ ...whole, scenario: demo, onFault: n => news.push(n) })
    let records = 0
    sim.advance(startMs + 595_000, () => records++)
    expect(records).toBeGreaterThan(100_000)
    expect(news.filter(n => n.phase === 'nowhere')).toEqual([])
    expect(news.filter(n => n.phase === 'begins').map(n => n.fault)).toEqual(demo.events.map(e => e.fault))
    expect(news.filter(n => n.phase === 'ends')).toHaveLength(demo.events.length)
    expect(sim.active()).toEqual([])
  })

  it('says so when a fault finds no place', () => {
    const news: FaultNews[] = []
    const sim = simulation({ onFault: n => news.push(n) })
    expect(sim.inject(fault({ fault: 'mains_cut', place: { vendor: 'Nobody' } }))).toBe(false)
    expect(news).toMatchObject([{ phase: 'nowhere', what: '{"vendor":"Nobody"}' }])
  })

  it('sends some records twice and late when asked to, and loses none', () => {
    const lines = (extra: Partial<SimulationOptions>): string[] => {
      const found: string[] = []
      simulation(extra).advance(startMs + 30_000, r => found.push(r.key))
      return found
    }
    expect(lines({ duplicates: 0.2, lateMsMax: 100 }).length).toBeGreaterThan(lines({}).length * 1.15)
  })
})
