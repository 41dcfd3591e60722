import type { AlarmEngine } from '../../rules/alarms.ts'
import { worstFirst } from '../../rules/alarms/open-alarms.ts'
import { noNotes, type Alarm, type RuleNotes } from '../../rules/model.ts'
import type { DeviceState } from '../../rules/series-state.ts'
import { lights as lightNames, tiers, type Light, type Tier } from '../../schemas/words.ts'
import { inHandIndexInSteps, type InHandIndex } from '../../topology/addresses/in-hand.ts'
import { addressIndexInSteps, createAddressIndex } from '../../topology/addresses/index.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import { explain } from '../../topology/explain.ts'
import type { LightEngine } from '../../topology/lights.ts'
import type { StatusEngine } from './engine.ts'
import { createExplaining } from './explanation.ts'
import { createIncidentList } from './incident-list.ts'
import { createNetworkTree, makeTree } from './network-tree.ts'
import { isSoon, type Runway, type Runways } from './runways.ts'
import { inSlices } from '../slices.ts'
import {
  childrenListedMax,
  type AddressMatch,
  type BatteryRunway,
  type Freshness,
  type LookupAnswer,
  type NodeAnswer,
  type NodeSummary,
  type Readiness,
  type StatusEvent,
  type StatusView,
  type UnknownDevice
} from '../view.ts'

/**
 * Answers questions from the engine's state in memory. Costs what the answer is long, never what the network is
 * large, so that a look-up is as fast during a mass outage as on a quiet day.
 */
export interface AnswersOptions {
  readonly engine: StatusEngine
  readonly alarms: AlarmEngine
  readonly lights: LightEngine
  /** Nothing is told of batteries where it is left out. */
  readonly runways?: Pick<Runways, 'of' | 'ofIncident' | 'isNear'>
  readonly devices: DeviceState
  readonly homeCities: readonly string[]
  readonly readiness: () => Readiness
  readonly freshness: () => Freshness
  readonly nowMs: () => number
}

/** Cleared alarms kept for `open=false`; older ones are in ClickHouse. */
const clearedKept = 500
const incidentId = /^inc-[0-9a-f]{16}$/
const unknownListedMax = 10_000

export interface Answers extends StatusView {
  /** Resolves when the addresses of the inventory as it is now are indexed. */
  indexed(): Promise<void>
}

/** Resolves when the addresses are indexed; after a reload look-ups use the old index until the new one is made. */
export async function createAnswers(options: AnswersOptions): Promise<Answers> {
  const { engine, alarms, lights, runways } = options
  let addresses = createAddressIndex([], options)
  let inHand: InHandIndex | undefined
  const indexAddresses = async (): Promise<void> => {
    const inventory = engine.inventory()
    const isWanted = (): boolean => engine.inventory() === inventory
    const made = await inSlices(addressIndexInSteps(inventory, options), isWanted)
    const names = await inSlices(inHandIndexInSteps(inventory), isWanted)
    if (made === undefined || names === undefined) return
    addresses = made
    inHand = names
  }
  const clearedAlarms: Alarm[] = []
  let example: { readonly of: CompiledInventory; readonly address: string | null } | undefined
  const summary = (index: number): NodeSummary => {
    const inventory = engine.inventory()
    const { own, effective, sinceMs, maintenance } = lights.light(index)
    const id = inventory.nodeId(index)
    return {
      id,
      tier: inventory.tierOf(index),
      name: inventory.nodeName(index),
      own,
      effective,
      sinceMs,
      maintenance
    }
  }

  /** Changes before this are in what the tree reads, or told to it again. */
  const early: StatusEvent[] = []
  let hear = (event: StatusEvent): void => void early.push(event)
  engine.subscribe(event => hear(event))
  let indexing = indexAddresses()
  await indexing
  const tree = createNetworkTree(await makeTree(engine, lights), engine, lights, summary)
  const incidents = createIncidentList([...engine.ingestIncidents(), ...lights.incidents()], tree.index)
  const listeners = new Set<(event: StatusEvent) => void>()
  const tell = (event: StatusEvent): void => {
    for (const listener of listeners) listener(event)
  }
  /** Who shows the tree asks for it anew at a reload: so that is told when the new one can be had. */
  const afterReload = async (event: StatusEvent): Promise<void> => {
    const inventory = engine.inventory()
    await tree.build()
    if (engine.inventory() !== inventory) return
    incidents.relocate()
    tell(event)
    await indexAddresses()
  }
  hear = event => {
    tree.hear(event)
    incidents.hear(event)
    if (event.type === 'alarm' && event.data.change === 'cleared') {
      clearedAlarms.unshift(event.data.alarm)
      if (clearedAlarms.length > clearedKept) clearedAlarms.pop()
    }
    if (event.type === 'reload') indexing = afterReload(event)
    else tell(event)
  }
  early.forEach(hear)

  const notesOf: StatusView['notesOf'] = alarm => engine.rules().notesOf(alarm)

  /** What the tree knows at once; of a node that has just come with a reload, the light engine counts it. */
  const belowOf = (index: number): NodeAnswer['below'] => {
    const shown = tree.index()
    const node =
      shown.inventory === engine.inventory()
        ? index
        : shown.inventory.nodeIndex(engine.inventory().nodeId(index))
    return node === undefined ? lights.below(index) : shown.below(node)
  }

  const runwayOf = ({ node, ...runway }: Runway, nowMs: number): BatteryRunway => {
    const inventory = engine.inventory()
    const isNear = isSoon(runway.dark, nowMs)
    return { node: inventory.nodeId(node), nodeName: inventory.nodeName(node), ...runway, isNear }
  }

  /** Of the node and those above it the one on battery that goes dark first, where any is. */
  const firstDark = (index: number, nowMs: number): BatteryRunway | null => {
    const found = [index, ...lights.wayToCore(index)].flatMap(node => runways?.of(node, nowMs) ?? [])
    const likelyMs = ({ dark }: Runway): number => dark?.likelyMs ?? Infinity
    const [first] = found.sort((a, b) => likelyMs(a) - likelyMs(b) || a.sinceMs - b.sinceMs)
    return first === undefined ? null : runwayOf(first, nowMs)
  }

  const answer = (index: number): NodeAnswer => {
    const inventory = engine.inventory()
    const node = inventory.node(index)
    const { cause } = lights.light(index)
    const open = alarms.byNode(node.id)
    const ofNode = lights.incidentsOf(index)
    const heard = inventory.devicesOfNode(index).map(device => engine.silence.lastSeenMs(device) ?? -Infinity)
    const lastMs = Math.max(...heard)
    const lastHeardMs = Number.isFinite(lastMs) ? lastMs : null
    const nowMs = options.nowMs()
    const runway = firstDark(index, nowMs)
    const children = inventory.childList.subarray(
      inventory.childStart[index],
      inventory.childStart[index + 1]
    )
    return {
      node,
      cause,
      says: explain({
        inventory,
        node: index,
        lights,
        alarms: open,
        incidents: ofNode,
        lastHeardMs,
        runway,
        nowMs
      }),
      runway,
      wayToCore: lights.wayToCore(index).map(summary),
      alarms: open,
      incidents: ofNode,
      devices: inventory.devicesOfNode(index).map(device => {
        const { role, vendor, model } = inventory.makeOf(device)
        const { silence } = engine
        return {
          id: inventory.deviceId(device),
          role,
          vendor,
          model,
          lastSeenMs: silence.lastSeenMs(device),
          silent: silence.isSilent(device),
          clockOffsetMs: engine.clocks.offsetMs(device)
        }
      }),
      children: worstOf(children, node => lights.effective(node)).map(summary),
      childrenTotal: children.length,
      below: belowOf(index),
      ...summary(index)
    }
  }

  const matchOf = (index: number, score: number): AddressMatch => {
    const { addresses: known, id, name, tier } = engine.inventory().node(index)
    return { address: known[0] ?? name, nodeId: id, tier, score, light: lights.effective(index) }
  }

  /** What is no address: the number of an open or closed incident, a node, a device, a management address. */
  const foundInHand = (
    query: string
  ): { readonly by: LookupAnswer['by']; readonly nodes: readonly number[] } | null => {
    const id = query.trim()
    if (incidentId.test(id)) {
      const root = incidents.find(id)?.root
      const index = root === undefined ? undefined : engine.inventory().nodeIndex(root)
      if (index !== undefined) return { by: 'incident', nodes: [index] }
    }
    return inHand?.find(query) ?? null
  }

  return {
    lookup(query, limit) {
      const inventory = engine.inventory()
      const found = foundInHand(query)
      if (found !== null) {
        const candidates = found.nodes.slice(0, limit).map(index => matchOf(index, 1))
        const only = found.nodes.length === 1 ? found.nodes[0] : undefined
        return {
          query,
          by: found.by,
          outcome: only === undefined ? 'list' : 'chosen',
          understoodAs: null,
          streets: [],
          match: only === undefined ? null : { node: answer(only), ...matchOf(only, 1) },
          candidates
        }
      }
      const { matches, exact, outcome, understoodAs, streets } = addresses.find(query, limit)
      const lit = ({ address, nodeId, tier, score }: (typeof matches)[number]): AddressMatch[] => {
        const index = inventory.nodeIndex(nodeId)
        return index === undefined ? [] : [{ address, nodeId, tier, score, light: lights.effective(index) }]
      }
      const index = exact === null ? undefined : inventory.nodeIndex(exact.nodeId)
      const match = exact === null || index === undefined ? undefined : lit(exact)[0]
      return {
        query,
        by: 'address',
        outcome,
        understoodAs,
        streets,
        match: match === undefined || index === undefined ? null : { node: answer(index), ...match },
        candidates: matches.flatMap(lit)
      }
    },
    node(id) {
      const index = engine.inventory().nodeIndex(id)
      return index === undefined ? undefined : answer(index)
    },
    nodeName(id) {
      const inventory = engine.inventory()
      const index = inventory.nodeIndex(id)
      return index === undefined ? undefined : inventory.nodeName(index)
    },
    ...createExplaining(engine, alarms),
    nodes: tree.nodes,
    nodesNamed: tree.nodesNamed,
    outline: tree.outline,
    exampleAddress() {
      const inventory = engine.inventory()
      if (example?.of !== inventory) example = { of: inventory, address: firstAddress(inventory) }
      return example.address
    },
    nodeCounts: () =>
      tiers.flatMap((tier: Tier) =>
        lightNames.map(light => ({ tier, light, nodes: lights.count(tier, light) }))
      ),
    runway(incident) {
      const nowMs = options.nowMs()
      const found = runways?.ofIncident(incident, nowMs)
      return found === undefined ? null : runwayOf(found, nowMs)
    },
    isNear: incident => runways?.isNear(incident) === true,
    incidents: incidents.page,
    openIncidents: incidents.openByKind,
    mergedIncidents: incidents.merged,
    openOfKind: incidents.openOfKind,
    alarms({ open, node, limit }) {
      const now = node === undefined ? firstOf(alarms.open(), limit) : alarms.byNode(node)
      const cleared = clearedAlarms.filter(alarm => node === undefined || alarm.node === node)
      if (open === true) return now.slice(0, limit)
      if (open === false) return cleared.slice(0, limit)
      return [...now, ...cleared].slice(0, limit)
    },
    notesOf,
    incidentNotes(incident) {
      const open = incident.alarms.flatMap(id => alarms.get(id) ?? [])
      return worstFirst(open).map(notesOf).find(isSaid) ?? noNotes
    },
    unknownDevices(limit) {
      const listed: UnknownDevice[] = []
      for (const seen of engine.registry.unknownDevices()) {
        if (listed.length >= Math.min(limit, unknownListedMax)) break
        listed.push({
          identifier: seen.identifiers[0] ?? '',
          collector: seen.collector,
          profile: seen.profile,
          series: seen.series,
          firstSeenMs: seen.firstSeenMs,
          lastSeenMs: options.devices.lastSeenMs[seen.index] ?? seen.firstSeenMs
        })
      }
      return listed
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    readiness: options.readiness,
    freshness: options.freshness,
    indexed: () => indexing
  }
}

function firstAddress({ nodeCount, node }: CompiledInventory): string | null {
  for (let index = 0; index < nodeCount; index++) {
    const [address] = node(index).addresses
    if (address !== undefined) return address
  }
  return null
}

const isSaid = ({ labels, runbook }: RuleNotes): boolean => runbook !== '' || Object.keys(labels).length > 0

const lightsWorstFirst: readonly Light[] = ['red', 'grey', 'yellow', 'green']
/** Children looked at (some 10 ns each) for the worst: a network that has more below one node is no tree any more. */
const childrenSeenMax = 20_000

function worstOf(children: Int32Array, light: (node: number) => Light): number[] {
  const byLight = new Map(lightsWorstFirst.map(of => [of, [] as number[]]))
  for (const child of children.subarray(0, childrenSeenMax)) {
    const alike = byLight.get(light(child))
    if (alike !== undefined && alike.length < childrenListedMax) alike.push(child)
  }
  return [...byLight.values()].flat().slice(0, childrenListedMax)
}

function firstOf<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const item of items) {
    if (taken.length >= limit) break
    taken.push(item)
  }
  return taken
}
