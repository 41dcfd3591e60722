import { tuneV8 } from '../../daemon/process/v8.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { compileInventory, inventoryPart, type CompiledInventory } from '../../topology/compile.ts'
import { createLightEngine, type LightEngine } from '../../topology/lights.ts'
import type { NodeAlarms } from '../../topology/lights/node-alarms.ts'
import { median, percentile } from '../support/figures.ts'
import { createTurns } from '../../status/slices.ts'
import type { Bench } from '../support/stage.ts'

const nodes = 1_000_000
const subtreeNodes = 100_000
const looksEach = 20_000
const t0 = Date.UTC(2026, 0, 5)
const intervalMs = 60_000

/**
 * How long the light engine takes over what comes at once: the link of a large part of the network, of half of it, the silence of
 * half of it, the mains of half of it; each until lights and incidents are known, and until all is well again. Between them a
 * node's light, its incidents and its way to the core are asked for, as a look-up does.
 *
 * Each is done twice: in one piece (`_ms`), and then cut into turns as the daemon cuts it, with every change made into an object
 * (`_turns_ms` in all, `_turn_max_ms` the longest, `_turns_over_1ms` how many are longer than that and `_over_1ms_ms` by how much in all).
 * Look-ups that come at any moment of that wait for the end of the turn (`_wait_p99_ms`). A minute later incidents open: `_told`.
 */
export const outage: Bench = options => {
  tuneV8()
  const inventory = inventoryOf(options.size ?? nodes)
  const found: Record<string, number[]> = {}
  const note = (key: string, value: number): void => void (found[key] ??= []).push(value)
  for (let run = 0; run < options.runs; run++) {
    const engine = newEngine(inventory)
    const inTurns = newEngine(inventory)
    let nowMs = t0
    const noteTurns = (name: string, { turns, waits }: ReturnType<typeof turnsOf>): void => {
      const sum = (values: readonly number[]): number => values.reduce((all, ms) => all + ms, 0)
      const long = turns.filter(ms => ms > 1).map(ms => ms - 1)
      note(`${name}_turns_ms`, sum(turns))
      note(`${name}_turn_max_ms`, Math.max(...turns))
      note(`${name}_turns_over_1ms`, long.length)
      note(`${name}_over_1ms_ms`, sum(long))
      note(`${name}_wait_p99_ms`, percentile(Float64Array.from(waits), 0.99))
    }
    const measure = (name: string, change: (engine: LightEngine) => void): void => {
      const act = (): void => change(engine)
      nowMs += 3_600_000
      const startMs = performance.now()
      const startCpu = process.cpuUsage()
      act()
      const { lightChanges } = engine.update(nowMs)
      note(`${name}_ms`, performance.now() - startMs)
      const { user, system } = process.cpuUsage(startCpu)
      note(`${name}_cpu_ms`, (user + system) / 1000)
      note(`${name}_changes`, lightChanges.length)
      note(`${name}_look_p99_ms`, lookUps(engine, inventory))
      change(inTurns)
      noteTurns(name, turnsOf(inTurns, inventory, nowMs))
      nowMs += 60_000
      engine.update(nowMs)
      noteTurns(`${name}_told`, turnsOf(inTurns, inventory, nowMs))
    }
    const part = districts(inventory, subtreeNodes)
    // The first storm of a process finds nothing compiled by V8.
    for (const name of run === 0 ? ['first_cut_subtree', 'cut_subtree'] : ['cut_subtree']) {
      measure(name, engine => part.tops.forEach(top => cut(engine, inventory, top, nowMs)))
      measure(`${name}_back`, engine => part.tops.forEach(top => engine.setAlarms(top, null)))
    }
    const half = districts(inventory, inventory.nodeCount / 2)
    measure('cut_half', engine => half.tops.forEach(top => cut(engine, inventory, top, nowMs)))
    measure('cut_half_back', engine => half.tops.forEach(top => engine.setAlarms(top, null)))
    measure('silent_half', engine => half.devices.forEach(device => engine.setDeviceSilence(device, nowMs)))
    measure('silent_half_back', engine =>
      half.devices.forEach(device => engine.setDeviceSilence(device, null))
    )
    measure('mains_half', engine => half.sites.forEach(site => engine.setAlarms(site, onBattery(nowMs))))
    measure('mains_half_back', engine => half.sites.forEach(site => engine.setAlarms(site, null)))
    options.say(`run ${run + 1} of ${options.runs} is over`)
  }
  const figures: Record<string, number> = { nodes: inventory.nodeCount, devices: inventory.deviceCount }
  for (const [key, values] of Object.entries(found)) figures[key] = median(values)
  return Promise.resolve(figures)
}

/** What the city is made of is let go: a daemon keeps its inventory packed, and no object a node. */
function inventoryOf(size: number): CompiledInventory {
  const city = generateCity({ nodes: size, seed: 1, equipment: 'light' })
  return compileInventory([inventoryPart(city.nodes, city.devices)], 1)
}

/** Between two moments at which a look-up is taken to come (ms). */
const arrivalMs = 0.1

/** How long the turns are that an update is cut into (ms), and how long look-ups wait that come meanwhile. */
function turnsOf(
  engine: LightEngine,
  inventory: CompiledInventory,
  nowMs: number
): { readonly turns: number[]; readonly waits: number[] } {
  const { slice } = createTurns(act => act)
  const turns: number[] = []
  const waits: number[] = []
  for (let more = true; more;) {
    const startMs = performance.now()
    const update = engine.update(nowMs, slice())
    let told = 0
    for (const { node } of update.lightChanges) told += node.length
    const turnMs = performance.now() - startMs
    turns.push(turnMs)
    const askedMs = performance.now()
    const node = (turns.length * 7919 + told) % inventory.nodeCount
    engine.light(node)
    engine.incidentsOf(node)
    engine.wayToCore(node)
    const lookMs = performance.now() - askedMs
    for (let ms = 0; ms < turnMs; ms += arrivalMs) waits.push(turnMs - ms + lookMs)
    more = update.more
  }
  return { turns, waits }
}

function newEngine(inventory: CompiledInventory): LightEngine {
  const engine = createLightEngine(inventory, {
    settleMs: 3000,
    powerSettleMs: 45_000,
    recoverMs: 300_000,
    reopenMs: 900_000
  })
  const heardMs = t0
  engine.useRhythm({
    heardMs: () => heardMs,
    readMs: () => heardMs,
    pauseMs: () => intervalMs,
    intervalMs: () => intervalMs,
    limitMs: () => 3.5 * intervalMs,
    tellsLinks: () => true,
    awayFromMs: (_, atMs) => atMs
  })
  return engine
}

const alarmOf = (kind: NodeAlarms['kind'], sinceMs: number) =>
  ({ kind, alarm: 'a', sinceMs, alarms: ['a'] }) as const

const onBattery = (sinceMs: number): NodeAlarms => ({
  light: 'yellow',
  ...alarmOf('power', sinceMs),
  mainsLostSinceMs: sinceMs
})

/** All uplinks of a node are down. */
function cut(engine: LightEngine, inventory: CompiledInventory, node: number, sinceMs: number): void {
  const ports = inventory.devicesOfNode(node).flatMap(device => {
    const { id, ports: listed } = inventory.device(device)
    return listed
      .filter(({ role }) => role === 'uplink')
      .map(({ instance }) => ({ device: id, instance, sinceMs, alarm: 'a', isByHand: false }))
  })
  engine.setAlarms(node, { light: null, ...alarmOf('link', sinceMs), mainsLostSinceMs: null, ports })
}

/**
 * Districts with at least so many nodes together: the nodes whose links are all that lead there (districts, and areas, which have
 * second ways), all devices, and the nodes with a UPS.
 */
function districts(inventory: CompiledInventory, nodesMin: number) {
  const tops: number[] = []
  const devices: number[] = []
  const sites: number[] = []
  const all = [...inventory.topologicalOrder]
  let found = 0
  for (const district of all.filter(node => inventory.tierOf(node) === 'district')) {
    if (found >= nodesMin) break
    const within = [district]
    for (const node of within) {
      for (const child of inventory.childrenOf(node)) if (inventory.home[child] === node) within.push(child)
      const tier = inventory.tierOf(node)
      if (tier === 'district' || tier === 'area') tops.push(node)
      const own = inventory.devicesOfNode(node)
      devices.push(...own)
      if (own.some(device => inventory.makeOf(device).role === 'ups')) sites.push(node)
    }
    found += within.length
  }
  return { tops, devices, sites }
}

/** What a look-up asks of the light engine, of nodes all over the network. */
function lookUps(engine: LightEngine, inventory: CompiledInventory): number {
  const times = new Float64Array(looksEach)
  for (let i = 0; i < looksEach; i++) {
    const node = (i * 7919) % inventory.nodeCount
    const startMs = performance.now()
    engine.light(node)
    engine.incidentsOf(node)
    engine.wayToCore(node)
    times[i] = performance.now() - startMs
  }
  return percentile(times, 0.99)
}
