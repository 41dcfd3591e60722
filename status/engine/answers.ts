import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AlarmEngine } from '../../rules/alarms.ts'
import type { Alarm } from '../../rules/model.ts'
import type { DeviceState } from '../../rules/series-state.ts'
import { lights as lightNames, tiers, type Tier } from '../../schemas/words.ts'
import { addressIndexInSteps, createAddressIndex, type AddressIndex } from '../../topology/addresses/index.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import { explain } from '../../topology/explain.ts'
import type { LightEngine } from '../../topology/lights.ts'
import type { Incident } from '../../topology/model.ts'
import type { StatusEngine } from './engine.ts'
import type { NodeAnswer, NodeSummary, Readiness, StatusView, UnknownDevice } from '../view.ts'

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
  readonly nowMs: () => number
}

/** Closed incidents and cleared alarms kept for `open=false`; older ones are in ClickHouse. */
const closedKept = 500
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
  const indexAddresses = async (): Promise<void> => {
    const inventory = engine.inventory()
    const isWanted = (): boolean => engine.inventory() === inventory
    addresses = (await indexOf(inventory, options.homeCities, isWanted)) ?? addresses
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
    return {
      ...summary(index),
      node,
      cause,
      says: explain({ inventory, node: index, lights, alarms: open, incidents, nowMs: options.nowMs() }),
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

  return {
    lookup(address, limit) {
      const { matches, exact } = addresses.find(address, limit)
      const inventory = engine.inventory()
      const index = exact === null ? undefined : inventory.nodeIndex(exact.nodeId)
      return {
        query: address,
        match: exact === null || index === undefined ? null : { ...exact, node: answer(index) },
        candidates: matches
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
      if (open === true) return lights.incidents().slice(0, limit)
      if (open === false) return closedIncidents.slice(0, limit)
      return [...lights.incidents(), ...closedIncidents].slice(0, limit)
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
    indexed: () => indexing
  }
}

/** The index of a million addresses, made without holding up anything else; undefined when it is wanted no more. */
async function indexOf(
  inventory: CompiledInventory,
  homeCities: readonly string[],
  isWanted: () => boolean
): Promise<AddressIndex | undefined> {
  const steps = addressIndexInSteps(inventory, { homeCities })
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
