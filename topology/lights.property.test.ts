import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lights, tiers, type Light } from '../schemas/words.ts'
import { compileInventory, inventoryPart, nodesOf, type CompiledInventory } from './compile.ts'
import { createLightEngine, type LightEngine } from './lights.ts'
import type { NodeAlarms } from './lights/node-alarms.ts'
import type { Incident, IncidentChange, InventoryDevice, InventoryNode, LightChange } from './model.ts'

/** A small tree with second parents, and per node a few devices of which one may be a UPS. */
interface Shape {
  readonly nodes: readonly { tierStep: number; parents: readonly number[]; devices: number; ups: boolean }[]
}

const shape: fc.Arbitrary<Shape> = fc.record({
  nodes: fc.array(
    fc.record({
      tierStep: fc.nat(1),
      parents: fc.array(fc.nat(1000), { minLength: 1, maxLength: 2 }),
      devices: fc.nat(2),
      ups: fc.boolean()
    }),
    { minLength: 1, maxLength: 24 }
  )
})

function inventoryOf(shape: Shape): CompiledInventory {
  const nodes: InventoryNode[] = []
  const devices: InventoryDevice[] = []
  for (const [i, plan] of shape.nodes.entries()) {
    // A parent is any earlier node, so that rings of ways appear but never cycles.
    const parents = i === 0 ? [] : [...new Set(plan.parents.map(p => p % i))]
    const highest = Math.max(0, ...parents.map(p => tiers.indexOf(nodes[p]!.tier)))
    const tier = i === 0 ? 0 : Math.min(tiers.length - 1, highest + plan.tierStep)
    nodes.push({
      id: `n${i}`,
      tier: tiers[tier]!,
      name: `n${i}`,
      parents: parents.map(p => `n${p}`),
      addresses: Array.from({ length: i % 3 }, (_, a) => `ул. ${i}, ${a}`),
      subscribers: i % 4 === 0 ? 0 : i,
      premises: '',
      maintenance: i % 7 === 3
    })
    for (let d = 0; d < plan.devices + (plan.ups ? 1 : 0); d++) {
      const role = plan.ups && d === 0 ? 'ups' : 'switch'
      // The last device has an uplink to each parent.
      const isLast = d === plan.devices + (plan.ups ? 1 : 0) - 1
      const uplinks = parents.map(
        p => ({ instance: `to${p}`, role: 'uplink', peer: `n${p}`, opticClass: '' }) as const
      )
      const ports = isLast ? uplinks : []
      const about = { vendor: '', model: '', identifiers: [`n${i}d${d}`], intervalS: 0, ports }
      devices.push({ id: `n${i}d${d}`, node: `n${i}`, role, ...about })
    }
  }
  return compileInventory([inventoryPart(nodes, devices)], 1)
}

type Event =
  | { what: 'alarms'; at: number; light: 'red' | 'yellow'; kind: 'link' | 'power' | 'optics'; mains: boolean }
  | { what: 'clear'; at: number }
  | { what: 'portDown'; at: number; port: number }
  | { what: 'cut'; at: number }
  | { what: 'portsUp'; at: number }
  | { what: 'silence'; at: number; never: boolean }
  | { what: 'heard'; at: number }
  | { what: 'collector'; name: string; nodes: readonly number[] }
  | { what: 'collectorBack'; name: string }
  | { what: 'wait' }

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    what: fc.constant('alarms' as const),
    at: fc.nat(1000),
    light: fc.constantFrom('red' as const, 'yellow' as const),
    kind: fc.constantFrom('link' as const, 'power' as const, 'optics' as const),
    mains: fc.boolean()
  }),
  fc.record({ what: fc.constant('clear' as const), at: fc.nat(1000) }),
  fc.record({ what: fc.constant('portDown' as const), at: fc.nat(1000), port: fc.nat(1) }),
  fc.record({ what: fc.constant('cut' as const), at: fc.nat(1000) }),
  fc.record({ what: fc.constant('portsUp' as const), at: fc.nat(1000) }),
  fc.record({
    what: fc.constant('silence' as const),
    at: fc.nat(1000),
    never: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() })
  }),
  fc.record({ what: fc.constant('silence' as const), at: fc.nat(1000), never: fc.constant(false) }),
  fc.record({ what: fc.constant('heard' as const), at: fc.nat(1000) }),
  fc.record({
    what: fc.constant('collector' as const),
    name: fc.constantFrom('a', 'b'),
    nodes: fc.array(fc.nat(1000), { maxLength: 6 })
  }),
  fc.record({ what: fc.constant('collectorBack' as const), name: fc.constantFrom('a', 'b') }),
  fc.record({ what: fc.constant('wait' as const) })
)

/** Losses of mains, silences and links down, close together: what a power cut looks like. */
const powerEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    what: fc.constant('alarms' as const),
    at: fc.nat(1000),
    light: fc.constantFrom('red' as const, 'yellow' as const),
    kind: fc.constant('power' as const),
    mains: fc.constant(true)
  }),
  fc.record({ what: fc.constant('cut' as const), at: fc.nat(1000) }),
  fc.record({ what: fc.constant('portsUp' as const), at: fc.nat(1000) }),
  fc.record({ what: fc.constant('clear' as const), at: fc.nat(1000) }),
  fc.record({ what: fc.constant('silence' as const), at: fc.nat(1000), never: fc.constant(false) }),
  fc.record({ what: fc.constant('heard' as const), at: fc.nat(1000) })
)

const stepsOf = (events: fc.Arbitrary<Event>) =>
  fc.array(fc.record({ event: events, seconds: fc.constantFrom(0, 1, 20, 40), update: fc.boolean() }), {
    maxLength: 40
  })

const steps = stepsOf(event)

/** What has been told to the engine, and nothing else: the oracle works from this alone. */
interface Facts {
  readonly alarms: Map<number, NodeAlarms>
  /** Parents to which the node's uplink is down, with since when. */
  readonly ports: Map<number, Map<number, number>>
  readonly silence: Map<number, { sinceMs: number; never: boolean }>
  readonly collectors: Map<string, { sinceMs: number; nodes: readonly number[]; order: number }>
  order: number
}

function apply(inventory: CompiledInventory, engine: LightEngine, facts: Facts, event: Event, nowMs: number) {
  const n = inventory.nodeCount
  switch (event.what) {
    case 'alarms': {
      const node = event.at % n
      const alarm = `a${node}-${nowMs}`
      const alarms: NodeAlarms = {
        light: event.light,
        kind: event.kind,
        alarm,
        sinceMs: nowMs,
        alarms: [alarm],
        mainsLostSinceMs: event.mains && event.kind === 'power' ? nowMs : null
      }
      facts.alarms.set(node, alarms)
      tellAlarms(inventory, engine, facts, node)
      return
    }
    case 'clear':
      facts.alarms.delete(event.at % n)
      tellAlarms(inventory, engine, facts, event.at % n)
      return
    case 'portDown':
    case 'cut': {
      const node = event.at % n
      const parents = inventory.parentsOf(node)
      if (inventory.devicesOfNode(node).length === 0) return
      const down = facts.ports.get(node) ?? new Map<number, number>()
      facts.ports.set(node, down)
      for (const [k, parent] of parents.entries()) {
        if (event.what === 'cut' || k === event.port % parents.length) down.set(parent, nowMs)
      }
      tellAlarms(inventory, engine, facts, node)
      return
    }
    case 'portsUp':
      facts.ports.delete(event.at % n)
      tellAlarms(inventory, engine, facts, event.at % n)
      return
    case 'silence': {
      if (inventory.deviceCount === 0) return
      const device = event.at % inventory.deviceCount
      facts.silence.set(device, { sinceMs: nowMs, never: event.never })
      engine.setDeviceSilence(device, nowMs, event.never)
      return
    }
    case 'heard': {
      if (inventory.deviceCount === 0) return
      const device = event.at % inventory.deviceCount
      facts.silence.delete(device)
      engine.setDeviceSilence(device, null)
      return
    }
    case 'collector': {
      const nodes = [...new Set(event.nodes.map(node => node % n))]
      const known = facts.collectors.get(event.name)
      facts.collectors.set(event.name, { sinceMs: nowMs, nodes, order: known?.order ?? facts.order++ })
      engine.setCollectorSilence(event.name, nodes, nowMs)
      return
    }
    case 'collectorBack': {
      const known = facts.collectors.get(event.name)
      if (known !== undefined) facts.collectors.set(event.name, { ...known, nodes: [], sinceMs: NaN })
      engine.setCollectorSilence(event.name, [], null)
      return
    }
    case 'wait':
      return
  }
}

function tellAlarms(inventory: CompiledInventory, engine: LightEngine, facts: Facts, node: number) {
  const others = facts.alarms.get(node)
  const device = inventory.devicesOfNode(node).at(-1)
  const ports = [...(facts.ports.get(node) ?? [])].map(([parent, sinceMs]) => ({
    device: inventory.deviceId(device!),
    instance: `to${parent}`,
    sinceMs,
    alarm: `p${parent}-${sinceMs}`,
    isByHand: false
  }))
  const first = ports[0]
  if (first === undefined) {
    engine.setAlarms(node, others ?? null)
    return
  }
  const alarms = [...(others?.alarms ?? []), ...ports.map(port => port.alarm)].sort()
  const alone = { light: null, kind: 'link', alarm: first.alarm, sinceMs: first.sinceMs } as const
  engine.setAlarms(node, { ...(others ?? { ...alone, mainsLostSinceMs: null }), alarms, ports })
}

const windowMs = 60_000

interface Verdict {
  readonly own: Light
  readonly effective: Light
  /** Node id or `collector:name` or ''. */
  readonly root: string
  /** It has an incident, though it may be counted with another. */
  readonly isCause: boolean
  /** Root by which it has lost one of its ways, or ''. */
  readonly riskBy: string
}

/** Everything from the definitions, for every node, with no memory of the past. */
function recomputeAll(inventory: CompiledInventory, facts: Facts): Verdict[] {
  const n = inventory.nodeCount
  const all = Array.from({ length: n }, (_, i) => i)
  const devices = all.map(i => inventory.devicesOfNode(i))
  const count = (i: number, never: boolean): number =>
    devices[i]!.filter(d => facts.silence.get(d)?.never === never).length
  const collectorOf = all.map(
    i =>
      [...facts.collectors]
        .filter(([, c]) => c.nodes.includes(i))
        .sort(([, a], [, b]) => a.sinceMs - b.sinceMs || a.order - b.order)[0]?.[0]
  )
  const quiet = all.map(i => count(i, false) > 0 && count(i, false) + count(i, true) === devices[i]!.length)
  const silent = quiet
  const noData = all.map(i => count(i, true) > 0 && count(i, true) === devices[i]!.length)
  const heard = all.map(
    i => count(i, false) + count(i, true) < devices[i]!.length && collectorOf[i] === undefined
  )
  const silentSince = (i: number): number =>
    Math.max(
      ...devices[i]!.filter(d => facts.silence.get(d)?.never === false).map(
        d => facts.silence.get(d)!.sinceMs
      )
    )
  const isRed = all.map(i => facts.alarms.get(i)?.light === 'red')
  const isLost = (i: number, parent: number): boolean => facts.ports.get(i)?.has(parent) ?? false
  const anyLost = all.map(i => inventory.parentsOf(i).some(p => isLost(i, p)))
  const linkCut = all.map(i => anyLost[i]! && inventory.parentsOf(i).every(p => isLost(i, p)))
  const own: Light[] = all.map(i => {
    if (isRed[i] || linkCut[i]) return 'red'
    if (collectorOf[i] !== undefined || silent[i] || noData[i]) return 'grey'
    return facts.alarms.has(i) || anyLost[i] || count(i, false) > 0 ? 'yellow' : 'green'
  })

  type Way = 'live' | 'dark' | 'cut'
  const reachMemo = new Map<number, Way>()
  const reach = (i: number): Way => {
    const known = reachMemo.get(i)
    if (known !== undefined) return known
    const ways = inventory.parentsOf(i).map(p => (isLost(i, p) ? 'cut' : way(p)))
    let verdict: Way = 'cut'
    if (ways.length === 0 || ways.includes('live')) verdict = 'live'
    else if (ways.includes('dark')) verdict = heard[i] ? 'live' : 'dark'
    reachMemo.set(i, verdict)
    return verdict
  }
  const way = (i: number): Way => (reach(i) !== 'live' ? reach(i) : silent[i] ? 'dark' : 'live')
  const linkFault = all.map(i => inventory.parentsOf(i).some(p => isLost(i, p) && way(p) === 'live'))
  /** The first parent that is not live, of a node that is not reached. */
  const upstream = (i: number): number | undefined =>
    reach(i) === 'live' ? undefined : inventory.parentsOf(i).find(p => way(p) !== 'live')
  const cutSince = (i: number): number => Math.max(...facts.ports.get(i)!.values())
  /** When what cuts off below a node that is not reached, or silent, can have begun at the earliest. */
  const onset = (i: number): number => {
    const above = upstream(i)
    if (above !== undefined && !stands(i)) return onset(above)
    if (linkCut[i]) return cutSince(i) - windowMs
    return isRed[i] ? facts.alarms.get(i)!.sinceMs : silentSince(i)
  }
  /** It was out before what cuts it off now. */
  const stands = (i: number): boolean => {
    const above = upstream(i)
    if (above === undefined) return false
    const byMs = onset(above) - windowMs
    return linkCut[i] ? cutSince(i) < byMs : silent[i]! && silentSince(i) < byMs
  }
  const trouble = all.map(i => facts.alarms.has(i) || linkFault[i]! || silent[i]! || stands(i))
  const mains = (i: number): number | null => facts.alarms.get(i)?.mainsLostSinceMs ?? null
  const placeOf = (i: number): number => inventory.parentsOf(i)[0] ?? -1
  /** The topmost above a node, below the core. */
  const partOf = (i: number): number => {
    const up = placeOf(i)
    return up === -1 || placeOf(up) === -1 ? i : partOf(up)
  }
  const depth = (i: number): number => Math.max(-1, ...inventory.parentsOf(i).map(depth)) + 1
  const powerCause = (i: number): number => {
    const darkNow = !isRed[i]! && (linkCut[i]! || silent[i]!)
    const ownMains = mains(i)
    if (ownMains === null && !darkNow) return -1
    const lost = ownMains ?? (linkCut[i]! ? Math.max(...facts.ports.get(i)!.values()) : silentSince(i))
    const ancestors: number[] = []
    for (let up = placeOf(i); up !== -1; up = placeOf(up)) ancestors.push(up)
    const above = ancestors.filter(up => {
      const since = mains(up)
      if (since === null || lost < since - windowMs) return false
      return lost <= since + windowMs || (ownMains !== null && up === placeOf(i))
    })
    if (above.length > 0) return above[above.length - 1]!
    if (ownMains !== null) {
      const key = (m: number): number[] => [depth(m), mains(m)!, m]
      const order = (a: number, b: number): number =>
        key(a).reduce((sum, value, k) => (sum !== 0 ? sum : value - key(b)[k]!), 0)
      const inPart = all
        .filter(m => m !== i && mains(m) !== null && partOf(m) === partOf(i) && order(m, i) < 0)
        .filter(m => depth(m) <= depth(i) && Math.abs(mains(m)! - ownMains) <= windowMs)
        .sort(order)
      if (inPart[0] !== undefined) return inPart[0]
    }
    const rank = (m: number): [number, number] => [mains(m)!, m]
    const siblings = all
      .filter(m => m !== i && placeOf(m) === placeOf(i) && placeOf(i) !== -1 && depth(m) === depth(i))
      .filter(m => mains(m) !== null && Math.abs(mains(m)! - lost) <= windowMs)
      .filter(m => ownMains === null || rank(m)[0] < ownMains || (rank(m)[0] === ownMains && m < i))
      .sort((a, b) => rank(a)[0] - rank(b)[0] || a - b)
    return siblings[0] ?? stageCause(i)
  }
  /** What is above goes on to be without mains, and several below it without a UPS go dark together later. */
  const stageCause = (i: number): number => {
    const above = placeOf(i)
    const since = above === -1 ? null : mains(above)
    const darkSince = (m: number): number =>
      isRed[m]! || hasUps(m) || !(linkCut[m]! || silent[m]!)
        ? NaN
        : linkCut[m]!
          ? Math.max(...facts.ports.get(m)!.values())
          : silentSince(m)
    if (since === null || !(darkSince(i) >= since)) return -1
    const isTogether = (m: number): boolean =>
      m !== i &&
      placeOf(m) === above &&
      darkSince(m) >= since &&
      Math.abs(darkSince(m) - darkSince(i)) <= windowMs
    return all.some(isTogether) ? above : -1
  }
  const hasUps = (i: number): boolean => devices[i]!.some(d => inventory.device(d).role === 'ups')
  const isUpstream = (i: number): boolean => upstream(i) !== undefined && !stands(i)
  /** It was alarmed before what cuts it off now. */
  const isOwnStill = (i: number): boolean => {
    const sinceMs = facts.alarms.get(i)?.sinceMs
    return isUpstream(i) && sinceMs !== undefined && sinceMs < onset(upstream(i)!) - windowMs
  }
  /** One of its links was lost before what cuts it off now. */
  const isLinkStill = (i: number): boolean =>
    isUpstream(i) && [...(facts.ports.get(i)?.values() ?? [])].some(ms => ms < onset(upstream(i)!) - windowMs)
  const isCause = (i: number): boolean =>
    (!trouble[i] || isUpstream(i) || powerCause(i) === -1) &&
    (rootOf(i) === inventory.nodeId(i) ||
      linkFault[i]! ||
      isLinkStill(i) ||
      (isOwnStill(i) && powerCause(i) === -1))
  const rootOf = (i: number): string => {
    const above = upstream(i)
    if (above !== undefined && !stands(i)) return rootOf(above)
    if (trouble[i]) {
      const power = powerCause(i)
      if (power === -1) return inventory.nodeId(i)
      return isCause(power) ? inventory.nodeId(power) : rootOf(power)
    }
    return collectorOf[i] === undefined ? '' : `collector:${collectorOf[i]}`
  }
  return all.map(i => {
    const isBehind = upstream(i) !== undefined
    const power = !isUpstream(i) && trouble[i]! ? powerCause(i) : -1
    const isKnownDark = own[i] === 'grey' && collectorOf[i] === undefined
    const powerDark = power !== -1 && (isKnownDark || (linkCut[i]! && !isRed[i]))
    const parents = inventory.parentsOf(i)
    const oneWayLost =
      reach(i) === 'live' && (anyLost[i]! || (parents.length > 1 && parents.some(p => way(p) !== 'live')))
    const isOut = powerDark || (isBehind && reach(i) === 'cut')
    const effective = isOut
      ? 'red'
      : isUpstream(i)
        ? 'grey'
        : own[i] === 'green' && oneWayLost
          ? 'yellow'
          : own[i]!
    const root = rootOf(i)
    const lostTo =
      reach(i) === 'live' && parents.length > 1 ? parents.find(p => way(p) !== 'live') : undefined
    const riskBy = lostTo === undefined ? '' : rootOf(lostTo)
    return { own: own[i]!, effective, root, isCause: isCause(i), riskBy: riskBy === root ? '' : riskBy }
  })
}

interface IncidentFigures {
  readonly root: string
  readonly nodes: number
  readonly addresses: number
  readonly subscribers: number
}

function figuresOf(inventory: CompiledInventory, verdicts: readonly Verdict[]): IncidentFigures[] {
  const byRoot = new Map<string, IncidentFigures>()
  const count = (root: string, i: number): void => {
    if (root === '') return
    const node = inventory.node(i)
    const sum = byRoot.get(root) ?? { root, nodes: 0, addresses: 0, subscribers: 0 }
    byRoot.set(root, {
      root,
      nodes: sum.nodes + 1,
      addresses: sum.addresses + node.addresses.length,
      subscribers: sum.subscribers + node.subscribers
    })
  }
  for (const [i, { root, riskBy }] of verdicts.entries()) {
    count(root, i)
    count(riskBy, i)
  }
  for (const [i, { isCause }] of verdicts.entries()) {
    const root = inventory.nodeId(i)
    if (isCause && !byRoot.has(root)) byRoot.set(root, { root, nodes: 0, addresses: 0, subscribers: 0 })
  }
  return [...byRoot.values()].sort((a, b) => (a.root < b.root ? -1 : 1))
}

function engineFigures(incidents: readonly Incident[]): IncidentFigures[] {
  return incidents
    .map(incident => ({
      root: incident.kind === 'collector' ? `collector:${incident.root}` : incident.root,
      nodes: incident.affectedNodes,
      addresses: incident.affectedAddresses,
      subscribers: incident.affectedSubscribers
    }))
    .sort((a, b) => (a.root < b.root ? -1 : 1))
}

const newFacts = (): Facts => ({
  alarms: new Map(),
  ports: new Map(),
  silence: new Map(),
  collectors: new Map(),
  order: 0
})

function play(
  inventory: CompiledInventory,
  list: readonly { event: Event; seconds: number; update: boolean }[],
  isOver?: () => boolean
) {
  const engine = createLightEngine(inventory, { powerWindowMs: windowMs })
  const facts = newFacts()
  const told: { lightChanges: readonly LightChange[]; incidentChanges: readonly IncidentChange[] }[] = []
  const update = (nowMs: number): boolean => {
    const { lightChanges, incidentChanges, more } = engine.update(nowMs, isOver)
    told.push({ lightChanges: [...lightChanges], incidentChanges })
    return more
  }
  let nowMs = 1_000_000
  for (const step of list) {
    nowMs += step.seconds * 1000
    apply(inventory, engine, facts, step.event, nowMs)
    if (step.update) update(nowMs)
  }
  while (update(nowMs));
  return { engine, facts, told, nowMs }
}

describe('light engine', () => {
  it.each([
    ['any events', steps, undefined],
    ['the events of power cuts', stepsOf(powerEvent), undefined],
    ['any events, gone over a node at a time', steps, () => true],
    ['the events of power cuts, gone over a node at a time', stepsOf(powerEvent), () => true]
  ])('shows after %s what a full recomputation shows', (_, events, isOver) => {
    fc.assert(
      fc.property(shape, events, (plan, list) => {
        const inventory = inventoryOf(plan)
        const { engine, facts } = play(inventory, list, isOver)
        const expected = recomputeAll(inventory, facts)
        const shown = [...nodesOf(inventory)].map((_, i) => engine.light(i))
        expect(shown.map(light => [light.own, light.effective])).toEqual(
          expected.map(verdict => [verdict.own, verdict.effective])
        )
        expect(engineFigures(engine.incidents())).toEqual(figuresOf(inventory, expected))
        for (const [i, verdict] of expected.entries()) {
          if (shown[i]!.cause.by === 'upstream' && verdict.root !== '') {
            expect(shown[i]!.cause.node).toBe(verdict.root)
          }
        }
        for (const tier of tiers) {
          for (const light of lights) {
            const nodes = [...nodesOf(inventory)].filter(
              (node, i) => node.tier === tier && shown[i]!.effective === light
            )
            expect(engine.count(tier, light)).toBe(nodes.length)
          }
        }
      }),
      { numRuns: 1000 }
    )
  })

  it('knows a cause for a node that is cut off before whose mains are lost is gone over', () => {
    const node = { tierStep: 0, parents: [0], devices: 0, ups: false }
    const inventory = inventoryOf({ nodes: [node, node, { ...node, ups: true }, node] })
    const mainsLost = (at: number, seconds: number) => ({
      event: { what: 'alarms' as const, at, light: 'red' as const, kind: 'power' as const, mains: true },
      seconds,
      update: false
    })
    const list = [
      mainsLost(706, 0),
      mainsLost(13, 1),
      mainsLost(126, 0),
      { event: { what: 'cut' as const, at: 46 }, seconds: 0, update: false }
    ]
    const { engine, told } = play(inventory, list, () => true)
    const root = engine.incidents()[0]?.root
    expect(engine.incidents()).toHaveLength(1)
    for (const { cause } of told.flatMap(({ lightChanges }) => lightChanges))
      expect(cause.node === root || cause.by !== 'upstream').toBe(true)
  })

  it('tells the same changes for the same events, byte for byte', () => {
    fc.assert(
      fc.property(shape, steps, (plan, list) => {
        const once = JSON.stringify(play(inventoryOf(plan), list).told)
        expect(JSON.stringify(play(inventoryOf(plan), list).told)).toBe(once)
      }),
      { numRuns: 200 }
    )
  })

  it('tells changes that add up to what it shows: lights from green, incidents from none', () => {
    fc.assert(
      fc.property(shape, steps, (plan, list) => {
        const inventory = inventoryOf(plan)
        const { engine, told } = play(inventory, list)
        const shown = new Map([...nodesOf(inventory)].map(node => [node.id, 'green']))
        const open = new Map<string, Incident>()
        for (const update of told) {
          for (const change of update.lightChanges) {
            expect(change.from).toBe(shown.get(change.node))
            shown.set(change.node, change.to)
          }
          for (const { change, incident } of update.incidentChanges) {
            expect(open.has(incident.id)).toBe(change !== 'opened')
            if (change === 'closed') open.delete(incident.id)
            else open.set(incident.id, incident)
          }
        }
        expect([...shown.values()]).toEqual([...nodesOf(inventory)].map((_, i) => engine.light(i).effective))
        expect([...open.values()]).toEqual(expect.arrayContaining([...engine.incidents()]))
        expect(open.size).toBe(engine.incidents().length)
      }),
      { numRuns: 300 }
    )
  })

  it('shows the same whether it lived through the events or took them over by a reload', () => {
    fc.assert(
      fc.property(shape, steps, (plan, list) => {
        const inventory = inventoryOf(plan)
        const { engine, nowMs } = play(inventory, list)
        const before = [...nodesOf(inventory)].map((_, i) => engine.light(i))
        const incidents = engine.incidents()
        const update = engine.reload(inventoryOf(plan), nowMs + 1)
        expect([update.lightChanges.length, update.incidentChanges]).toEqual([0, []])
        expect([...nodesOf(inventory)].map((_, i) => engine.light(i))).toEqual(before)
        expect(engine.incidents()).toEqual(incidents)
      }),
      { numRuns: 300 }
    )
  })
})
