import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AlarmEngine } from '../../rules/alarms.ts'
import type { Alarm } from '../../rules/model.ts'
import type { DeviceState } from '../../rules/series-state.ts'
import { lights as lightNames, tiers, type Tier } from '../../schemas/words.ts'
import { inHandIndexInSteps, type InHandIndex } from '../../topology/addresses/in-hand.ts'
import { addressIndexInSteps, createAddressIndex } from '../../topology/addresses/index.ts'
import { explain } from '../../topology/explain.ts'
import type { LightEngine } from '../../topology/lights.ts'
import type { Incident } from '../../topology/model.ts'
import type { StatusEngine } from './engine.ts'
import type {
  AddressMatch,
  Freshness,
  LookupAnswer,
  NodeAnswer,
  NodeSummary,
  Readiness,
  StatusView,
  UnknownDevice
} from '../view.ts'

/**
 * Answers questions from the engine's state in memory. Costs what the answer is long, never what the network is
 * large, so that a look-up is as fast during a mass outage as on a quiet day.
 */
export interface AnswersOptions {
  readonly engine: StatusEngine
  readonly alarms: AlarmEngine
  readonly lights: LightEngine
  readonly devices: DeviceState
  readonly homeCities: readonly string[]
  readonly readiness: () => Readiness
  readonly freshness: () => Freshness
  readonly nowMs: () => number
}

/** Closed incidents and cleared alarms kept for `open=false`; older ones are in ClickHouse. */
const closedKept = 500
const incidentId = /^inc-[0-9a-f]{16}$/
/** Longest piece of work done at once while addresses are indexed (ms), but for one step. */
const sliceMsMax = 5
const unknownListedMax = 10_000

export interface Answers extends StatusView {
  /** Resolves when the addresses of the inventory as it is now are indexed. */
  indexed(): Promise<void>
}

/** Resolves when the addresses are indexed; after a reload look-ups use the old index until the new one is made. */
export async function createAnswers(options: AnswersOptions): Promise<Answers> {
  const { engine, alarms, lights } = options
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
  const closedIncidents: Incident[] = []
  const clearedAlarms: Alarm[] = []

  engine.subscribe(event => {
    if (event.type === 'reload') indexing = indexAddresses()
    else if (event.type === 'incident' && event.data.change === 'closed')
      keep(closedIncidents, event.data.incident)
    else if (event.type === 'alarm' && event.data.change === 'cleared') keep(clearedAlarms, event.data.alarm)
  })

  let indexing = indexAddresses()
  await indexing

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

  const answer = (index: number): NodeAnswer => {
    const inventory = engine.inventory()
    const node = inventory.node(index)
    const { cause } = lights.light(index)
    const open = alarms.byNode(node.id)
    const incidents = lights.incidentsOf(index)
    const below = lights.below(index)
    const heard = inventory.devicesOfNode(index).map(device => engine.silence.lastSeenMs(device) ?? -Infinity)
    const lastMs = Math.max(...heard)
    const lastHeardMs = Number.isFinite(lastMs) ? lastMs : null
    const nowMs = options.nowMs()
    return {
      ...summary(index),
      node,
      cause,
      says: explain({ inventory, node: index, lights, alarms: open, incidents, lastHeardMs, nowMs }),
      wayToCore: lights.wayToCore(index).map(summary),
      alarms: open,
      incidents,
      devices: inventory.devicesOfNode(index).map(device => {
        const { role, vendor, model } = inventory.makeOf(device)
        const { silence } = engine
        return {
          id: inventory.deviceId(device),
          role,
          vendor,
          model,
          lastSeenMs: silence.lastSeenMs(device),
          silent: silence.isSilent(device)
        }
      }),
      children: inventory.childrenOf(index).map(summary),
      below
    }
  }

  const matchOf = (index: number, score: number): AddressMatch => {
    const { addresses: known, id, name, tier } = engine.inventory().node(index)
    return { address: known[0] ?? name, nodeId: id, tier, score, light: lights.light(index).effective }
  }

  /** What is no address: the number of an open or closed incident, a node, a device, a management address. */
  const foundInHand = (
    query: string
  ): { readonly by: LookupAnswer['by']; readonly nodes: readonly number[] } | null => {
    const id = query.trim()
    if (incidentId.test(id)) {
      const isAsked = (incident: Incident): boolean => incident.id === id
      const root = (lights.incidents().find(isAsked) ?? closedIncidents.find(isAsked))?.root
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
          match: only === undefined ? null : { ...matchOf(only, 1), node: answer(only) },
          candidates
        }
      }
      const { matches, exact, outcome, understoodAs, streets } = addresses.find(query, limit)
      const lit = ({ address, nodeId, tier, score }: (typeof matches)[number]): AddressMatch[] => {
        const index = inventory.nodeIndex(nodeId)
        return index === undefined
          ? []
          : [{ address, nodeId, tier, score, light: lights.light(index).effective }]
      }
      const index = exact === null ? undefined : inventory.nodeIndex(exact.nodeId)
      const match = exact === null || index === undefined ? undefined : lit(exact)[0]
      return {
        query,
        by: 'address',
        outcome,
        understoodAs,
        streets,
        match: match === undefined || index === undefined ? null : { ...match, node: answer(index) },
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
    tree(deepest) {
      const inventory = engine.inventory()
      const last = deepest === undefined ? tiers.length : tiers.indexOf(deepest)
      const listed: (NodeSummary & { parents: readonly string[] })[] = []
      for (const index of inventory.topologicalOrder) {
        if (tiers.indexOf(inventory.tierOf(index)) > last) continue
        listed.push({ ...summary(index), parents: inventory.parentsOf(index).map(inventory.nodeId) })
      }
      return listed
    },
    nodeCounts: () =>
      tiers.flatMap((tier: Tier) =>
        lightNames.map(light => ({ tier, light, nodes: lights.count(tier, light) }))
      ),
    incidents({ open, limit }) {
      const now = [...engine.ingestIncidents(), ...lights.incidents()]
      if (open === true) return now.slice(0, limit)
      if (open === false) return closedIncidents.slice(0, limit)
      return [...now, ...closedIncidents].slice(0, limit)
    },
    alarms({ open, node, limit }) {
      const now = node === undefined ? firstOf(alarms.open(), limit) : alarms.byNode(node)
      const cleared = clearedAlarms.filter(alarm => node === undefined || alarm.node === node)
      if (open === true) return now.slice(0, limit)
      if (open === false) return cleared.slice(0, limit)
      return [...now, ...cleared].slice(0, limit)
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
    subscribe: listener => engine.subscribe(listener),
    readiness: options.readiness,
    freshness: options.freshness,
    indexed: () => indexing
  }
}

/** An index of a million things, made without holding up anything else; undefined when it is wanted no more. */
async function inSlices<T>(steps: Generator<void, T>, isWanted: () => boolean): Promise<T | undefined> {
  for (;;) {
    const startMs = performance.now()
    while (performance.now() - startMs < sliceMsMax) {
      const step = steps.next()
      if (step.done === true) return step.value
    }
    await nextTurn()
    if (!isWanted()) return undefined
  }
}

/** Newest first, bounded. */
function keep<T>(list: T[], item: T): void {
  list.unshift(item)
  if (list.length > closedKept) list.pop()
}

function firstOf<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const item of items) {
    if (taken.length >= limit) break
    taken.push(item)
  }
  return taken
}
