import type { InventoryDevice, InventoryNode } from '../../topology/model.ts'
import { createAgenda, type Agenda } from './agenda.ts'
import { assignCollectors, pollRings, type PollRing } from './polls.ts'
import { createPorts, lossAt, type Loss } from './ports.ts'
import { createRandom } from './random.ts'
import type { Encode, SimulatedRecord, UpsSource } from './readings.ts'
import type { FaultNews, Place, Scenario, ScenarioEvent } from './scenario.ts'

/**
 * A city as its collectors see it: what every poll would read at its time, given what is broken then. Pure: the
 * time is an argument, and the same city, scenario, seed and start give the same records, however the time is cut.
 */
export interface SimulationOptions {
  readonly nodes: readonly InventoryNode[]
  readonly devices: readonly InventoryDevice[]
  readonly scenario: Scenario
  readonly seed: number
  readonly startMs: number
  readonly encode: Encode
  /** Polls of a device whose inventory says no interval (ms). */
  readonly intervalMs?: number
  /** `light`: ports the inventory knows, optics, UPS, receivers; `full`: every access port as well. */
  readonly profile?: 'light' | 'full'
  /** How long a switch takes to start (ms); a real one takes a minute, a demonstration has no time for that. */
  readonly bootMsMax?: number
  /** Share of records that come twice, and of those that come late, as retries of collectors make them. */
  readonly duplicates?: number
  readonly late?: number
  readonly lateMsMax?: number
  readonly onFault?: (news: FaultNews) => void
}

/** What is true of a node, whatever its telemetry says: the measure that tests hold lights against. */
interface NodeTruth {
  readonly powered: boolean
  readonly reachable: boolean
  readonly onBattery: boolean
}

export interface Simulation {
  /** Emits every record due after the last call up to and including this time, in time order. */
  advance(toMs: number, emit: (record: SimulatedRecord) => void): void
  /** When the next thing happens, so that a caller need not wake for nothing. */
  nextDueMs(): number
  truth(nodeId: string): NodeTruth | undefined
  /** Faults under way, oldest first. */
  active(): readonly FaultNews[]
  /** Begins a fault now, besides the scenario's own; returns false when no node matches the place. */
  inject(event: Omit<ScenarioEvent, 'atMs'>): boolean
}

const accessPorts = 24
const stormRounds = 4

export function createSimulation(options: SimulationOptions): Simulation {
  const { nodes, devices, scenario, startMs, encode } = options
  const random = createRandom(options.seed)
  const place = createRandom(options.seed ^ 0x51ed270b)
  const bootMsMax = options.bootMsMax ?? 8_000
  const profile = options.profile ?? 'light'
  const defaultIntervalMs = options.intervalMs ?? 60_000
  const duplicates = options.duplicates ?? 0
  const late = options.late ?? 0
  const lateMsMax = options.lateMsMax ?? 60_000
  let nowMs = startMs

  // The tree as index arrays. Nodes come with every parent before its children.
  const nodeIndex = new Map(nodes.map((node, n) => [node.id, n]))
  const indexOf = (id: string): number => {
    const n = nodeIndex.get(id)
    if (n === undefined) throw new Error(`simulator: node ${id} is named but not in the city`)
    return n
  }
  const parents = nodes.map(node => node.parents.map(indexOf))
  const firstChildren: number[][] = nodes.map(() => [])
  parents.forEach((list, n) => {
    const first = list[0]
    if (first !== undefined) firstChildren[first]?.push(n)
  })
  const linkStart = new Int32Array(nodes.length + 1)
  parents.forEach((list, n) => (linkStart[n + 1] = (linkStart[n] ?? 0) + list.length))
  /** How many faults cut each way up, and how many took each node's mains. */
  const linkCuts = new Uint8Array(linkStart[nodes.length] ?? 0)
  const mainsCuts = new Uint8Array(nodes.length)
  const depleted = new Uint8Array(nodes.length)
  const alive = new Uint8Array(nodes.length).fill(1)
  const reachable = new Uint8Array(nodes.length).fill(1)
  const powered = new Uint8Array(nodes.length).fill(1)

  // Devices and their ports.
  const deviceNode = Int32Array.from(devices, d => indexOf(d.node))
  const devicesOf: number[][] = nodes.map(() => [])
  deviceNode.forEach((n, d) => devicesOf[n]?.push(d))
  const bootedAtMs = Float64Array.from(devices, () => startMs - random.between(1, 120) * 86_400_000)
  const deadSwitch = new Uint8Array(devices.length)
  const ports = createPorts({
    devices,
    startMs,
    random,
    nowMs: () => nowMs,
    deviceNode,
    parents,
    nodeIndex,
    linkStart,
    linkCuts,
    alive,
    bootedAtMs
  })
  const { start: portStart, rxLoss } = ports
  const loads = Float64Array.from(devices, () => random.between(15, 45))
  const levels = Float64Array.from(devices, () => random.between(-3.5, -0.5))
  const batteryMs = Float64Array.from(nodes, () => random.between(35, 70) * 60_000)
  const upsOf = Int32Array.from(nodes, (_, n) => devicesOf[n]?.find(d => devices[d]?.role === 'ups') ?? -1)
  /** Charge is linear between changes: full at the start, drained in `drainMs`, charged again ten times slower. */
  const charge = new Float64Array(nodes.length).fill(100)
  const chargeAtMs = new Float64Array(nodes.length).fill(startMs)
  const drainMs = Float64Array.from(batteryMs)
  const onBatteryMs = new Float64Array(nodes.length).fill(-1)
  const testing = new Uint8Array(nodes.length)
  const worn = new Uint8Array(nodes.length)

  const catvLoss = new Map<number, Loss>()

  // One collector for about two areas, one more for what stands above them.
  const collectorOf = assignCollectors(nodes, parents)
  const deadCollectors = new Map<string, number>()

  const agenda = createAgenda()
  const at: Agenda['at'] = (timeMs, act) => agenda.at(timeMs, act)
  const rings = pollRings(devices, startMs, defaultIntervalMs)

  // ---- what is alive and reachable ----
  let treeDirty = false
  const upSince = (n: number): number => {
    const first = devicesOf[n]?.[0]
    return first === undefined ? -Infinity : (bootedAtMs[first] ?? 0)
  }
  const settleTree = (): void => {
    treeDirty = false
    for (let n = 0; n < nodes.length; n++) {
      const first = devicesOf[n]?.[0]
      const up = powered[n] === 1 && upSince(n) <= nowMs && (first === undefined || deadSwitch[first] === 0)
      alive[n] = up ? 1 : 0
      const ways = parents[n] ?? []
      let way = ways.length === 0
      for (let slot = 0; slot < ways.length && !way; slot++)
        way = linkCuts[(linkStart[n] ?? 0) + slot] === 0 && reachable[ways[slot] ?? 0] === 1
      reachable[n] = up && way ? 1 : 0
    }
  }
  const settlePower = (n: number): void => {
    const on = mainsCuts[n] === 0 || ((upsOf[n] ?? -1) >= 0 && depleted[n] === 0)
    if ((powered[n] === 1) === on) return
    powered[n] = on ? 1 : 0
    treeDirty = true
    for (const d of devicesOf[n] ?? []) {
      ports.reset(d)
      if (!on) continue
      bootedAtMs[d] = nowMs + random.between(0.35, 1) * bootMsMax
      at(bootedAtMs[d] ?? 0, () => (treeDirty = true))
    }
  }

  // ---- power ----
  const chargeNow = (n: number): number => {
    const passedMs = nowMs - (chargeAtMs[n] ?? 0)
    const perMs = 100 / (drainMs[n] ?? 1)
    const full = onBatteryMs[n] !== -1 ? -perMs : perMs / 10
    return Math.min(100, Math.max(0, (charge[n] ?? 0) + passedMs * full))
  }
  const setBattery = (n: number, on: boolean): void => {
    if (((onBatteryMs[n] ?? -1) !== -1) === on) return
    charge[n] = chargeNow(n)
    chargeAtMs[n] = nowMs
    onBatteryMs[n] = on ? nowMs : -1
  }
  const cutMains = (n: number): void => {
    mainsCuts[n] = (mainsCuts[n] ?? 0) + 1
    if (mainsCuts[n] === 1 && (upsOf[n] ?? -1) >= 0) {
      setBattery(n, true)
      const since = onBatteryMs[n]
      at(nowMs + ((charge[n] ?? 0) / 100) * (drainMs[n] ?? 0), () => {
        if (onBatteryMs[n] !== since || mainsCuts[n] === 0) return
        depleted[n] = 1
        settlePower(n)
      })
    }
    settlePower(n)
  }
  const returnMains = (n: number): void => {
    mainsCuts[n] = Math.max(0, (mainsCuts[n] ?? 0) - 1)
    if (mainsCuts[n] === 0) {
      depleted[n] = 0
      drainMs[n] = batteryMs[n] ?? 0
      setBattery(n, false)
    }
    settlePower(n)
  }
  const subtree = (root: number): number[] => {
    const found = [root]
    for (let i = 0; i < found.length; i++) found.push(...(firstChildren[found[i] ?? 0] ?? []))
    return found
  }

  // ---- faults ----
  const active = new Map<number, FaultNews>()
  let faultCount = 0

  /** Starts the fault and returns how to end it and what it hit, or undefined where the node has no such thing. */
  const begin = (
    event: Omit<ScenarioEvent, 'atMs'>,
    n: number
  ): { what: string; end: () => void } | undefined => {
    const firstOfRole = (role: string): number => devicesOf[n]?.find(d => devices[d]?.role === role) ?? -1
    const loss: Loss = { fromMs: nowMs, rampMs: event.rampMs, db: event.lossDb }
    switch (event.fault) {
      case 'mains_cut': {
        const hit = subtree(n)
        if (event.batteryMs > 0) drainMs[n] = event.batteryMs
        hit.forEach(cutMains)
        return {
          what: (upsOf[n] ?? -1) >= 0 ? `${devices[upsOf[n] ?? 0]?.id ?? ''} carries the node` : '',
          end: () => {
            hit.forEach(returnMains)
            storm(hit, nowMs + bootMsMax, 30_000)
          }
        }
      }
      case 'fibre_cut': {
        const ways = parents[n]?.length ?? 0
        if (ways === 0) return undefined
        const cut = event.allWays ? ways : 1
        const links = Array.from({ length: cut }, (_, slot) => (linkStart[n] ?? 0) + slot)
        for (const link of links) linkCuts[link] = (linkCuts[link] ?? 0) + 1
        treeDirty = true
        return {
          what: `towards ${(nodes[n]?.parents ?? []).slice(0, cut).join(', ')}`,
          end: () => {
            for (const link of links) linkCuts[link] = (linkCuts[link] ?? 1) - 1
            treeDirty = true
          }
        }
      }
      case 'dirty_optic': {
        for (const d of devicesOf[n] ?? [])
          for (let p = portStart[d] ?? 0; p < (portStart[d + 1] ?? 0); p++) {
            const port = devices[d]?.ports[p - (portStart[d] ?? 0)]
            if (port?.role !== 'uplink' || port.opticClass === '' || rxLoss.has(p)) continue
            rxLoss.set(p, loss)
            return { what: `port ${port.instance} of ${devices[d]?.id ?? ''}`, end: () => rxLoss.delete(p) }
          }
        return undefined
      }
      case 'weak_catv': {
        const d = firstOfRole('catv')
        if (d < 0 || catvLoss.has(d)) return undefined
        catvLoss.set(d, loss)
        return { what: devices[d]?.id ?? '', end: () => catvLoss.delete(d) }
      }
      case 'switch_dead': {
        const d = firstOfRole('switch')
        if (d < 0 || deadSwitch[d] === 1) return undefined
        deadSwitch[d] = 1
        treeDirty = true
        return {
          what: devices[d]?.id ?? '',
          end: () => {
            deadSwitch[d] = 0
            bootedAtMs[d] = nowMs
            treeDirty = true
          }
        }
      }
      case 'ups_self_test': {
        const d = upsOf[n] ?? -1
        if (d < 0 || testing[n] === 1 || onBatteryMs[n] !== -1) return undefined
        testing[n] = 1
        return { what: devices[d]?.id ?? '', end: () => (testing[n] = 0) }
      }
      case 'worn_battery': {
        const d = upsOf[n] ?? -1
        if (d < 0 || worn[n] === 1) return undefined
        worn[n] = 1
        return { what: devices[d]?.id ?? '', end: () => (worn[n] = 0) }
      }
      case 'dead_collector': {
        const collector = collectorOf[n] ?? ''
        deadCollectors.set(collector, (deadCollectors.get(collector) ?? 0) + 1)
        return {
          what: collector,
          end: () => {
            const left = (deadCollectors.get(collector) ?? 1) - 1
            if (left === 0) deadCollectors.delete(collector)
            else deadCollectors.set(collector, left)
          }
        }
      }
      case 'subscriber_storm': {
        storm(subtree(n), nowMs, event.forMs)
        return { what: 'access ports', end: () => undefined }
      }
    }
  }

  const start = (event: Omit<ScenarioEvent, 'atMs'>): boolean => {
    if (treeDirty) settleTree()
    for (const n of candidates(event.place)) {
      const begun = begin(event, n)
      if (begun === undefined) continue
      const id = faultCount++
      const news: FaultNews = {
        phase: 'begins',
        fault: event.fault,
        nodeId: nodes[n]?.id ?? '',
        nodeName: nodes[n]?.name ?? '',
        what: begun.what,
        nodesBelow: subtree(n).length - 1,
        atMs: nowMs,
        endsAtMs: nowMs + event.forMs
      }
      active.set(id, news)
      options.onFault?.(news)
      at(news.endsAtMs, () => {
        begun.end()
        active.delete(id)
        options.onFault?.({ ...news, phase: 'ends', atMs: nowMs })
      })
      return true
    }
    const nowhere = { nodeId: '', nodeName: '', what: JSON.stringify(event.place), nodesBelow: 0 }
    options.onFault?.({ ...nowhere, phase: 'nowhere', fault: event.fault, atMs: nowMs, endsAtMs: nowMs })
    return false
  }

  /** Nodes to try for a fault: the one named, or those that match and are well, in random order. */
  function* candidates(wanted: Place): Generator<number> {
    if (wanted.id !== undefined) {
      const n = nodeIndex.get(wanted.id)
      if (n !== undefined) yield n
      return
    }
    const under = wanted.under === undefined ? undefined : nodeIndex.get(wanted.under)
    const from = under === undefined ? nodes.map((_, n) => n) : subtree(under).slice(1)
    const vendor = wanted.vendor
    const matching = from.filter(
      n =>
        (wanted.tier === undefined || nodes[n]?.tier === wanted.tier) &&
        (wanted.redundant === undefined || wanted.redundant === (parents[n]?.length ?? 0) > 1) &&
        (vendor === undefined || devicesOf[n]?.some(d => devices[d]?.vendor === vendor) === true)
    )
    for (let left = matching.length; left > 0; left--) {
      const drawn = place.below(left)
      const n = matching[drawn] ?? 0
      matching[drawn] = matching[left - 1] ?? 0
      if (reachable[n] === 1 && mainsCuts[n] === 0 && !deadCollectors.has(collectorOf[n] ?? '')) yield n
    }
  }

  const playScenario = (beginsAtMs: number): void => {
    for (const event of scenario.events) at(beginsAtMs + event.atMs, () => void start(event))
    if (scenario.repeatMs > 0)
      at(beginsAtMs + scenario.repeatMs, () => playScenario(beginsAtMs + scenario.repeatMs))
  }
  playScenario(startMs)

  // ---- polls ----
  const answers = (d: number): boolean => {
    const n = deviceNode[d] ?? 0
    if (treeDirty) settleTree()
    return (
      reachable[n] === 1 &&
      deadSwitch[d] === 0 &&
      (bootedAtMs[d] ?? 0) <= nowMs &&
      !(deadCollectors.size > 0 && deadCollectors.has(collectorOf[n] ?? ''))
    )
  }

  const readUps = (device: InventoryDevice, d: number, collector: string, emit: Deliver): void => {
    const n = deviceNode[d] ?? 0
    const onBattery = onBatteryMs[n] !== -1
    const source: UpsSource = onBattery ? 'battery' : testing[n] === 1 ? 'test' : 'mains'
    const chargePct = chargeNow(n)
    encode(
      {
        kind: 'ups',
        device,
        collector,
        timeMs: nowMs,
        source,
        battery: chargePct < 20 ? 'low' : 'normal',
        replaceBattery: worn[n] === 1,
        chargePct,
        runtimeS: Math.floor(((chargePct / 100) * (drainMs[n] ?? 0)) / 1000),
        onBatteryS: onBattery ? Math.floor((nowMs - (onBatteryMs[n] ?? 0)) / 1000) : 0,
        inputV: onBattery ? 0 : 230 + random.normal() * 2,
        batteryV: 24 + (chargePct / 100) * 3.4,
        loadPct: (loads[d] ?? 0) + random.normal(),
        tempC: 24 + random.normal() * 0.5
      },
      emit
    )
  }

  type Deliver = (record: SimulatedRecord) => void
  /** Collectors retry: some records come twice, some late, if the caller wants it so. */
  const disturbed = (emit: Deliver): Deliver => {
    if (duplicates === 0 && late === 0) return emit
    return record => {
      const draw = random.next()
      if (draw < late) at(nowMs + random.next() * lateMsMax, deliver => deliver(record))
      else emit(record)
      if (draw > 1 - duplicates) at(nowMs + random.next() * lateMsMax, deliver => deliver(record))
    }
  }

  const pollAccess = (d: number, emit: Deliver): void => {
    const device = devices[d]
    if (device === undefined || !answers(d)) return
    const collector = collectorOf[deviceNode[d] ?? 0] ?? ''
    for (let port = 1; port <= accessPorts; port++) encode(ports.readAccess(device, d, port, collector), emit)
  }

  const isAccessSwitch = (d: number): boolean =>
    devices[d]?.role === 'switch' && nodes[deviceNode[d] ?? 0]?.tier === 'building'

  const poll = (d: number, emit: Deliver): void => {
    const device = devices[d]
    if (device === undefined || !answers(d)) return
    const collector = collectorOf[deviceNode[d] ?? 0] ?? ''
    if (device.role === 'ups') readUps(device, d, collector, emit)
    else if (device.role === 'catv') {
      const inputDbm = (levels[d] ?? 0) - lossAt(catvLoss.get(d), nowMs) + random.normal() * 0.1
      // The receiver's automatic gain holds its output while the input is in its range.
      const rfDbuv = 105 + Math.min(0, (inputDbm + 8) * 2) + random.normal() * 0.2
      encode({ kind: 'catv', device, collector, timeMs: nowMs, inputDbm, rfDbuv }, emit)
    } else {
      for (let p = portStart[d] ?? 0; p < (portStart[d + 1] ?? 0); p++) {
        encode(ports.read(device, d, p, collector), emit)
        if (device.ports[p - (portStart[d] ?? 0)]?.opticClass !== '')
          encode(ports.readOptics(device, d, p, collector), emit)
      }
      if (profile === 'full' && isAccessSwitch(d)) pollAccess(d, emit)
      // A switch of which the inventory knows no port still answers.
      else if (device.ports.length === 0) encode(ports.readAccess(device, d, 1, collector), emit)
    }
  }

  function storm(hit: readonly number[], fromMs: number, windowMs: number): void {
    for (const n of hit)
      for (const d of devicesOf[n] ?? [])
        if (isAccessSwitch(d))
          for (let round = 0; round < stormRounds; round++)
            at(fromMs + random.next() * windowMs, emit => pollAccess(d, emit))
  }

  const nextPoll = (): PollRing | undefined => {
    let first: PollRing | undefined
    for (const ring of rings) if (first === undefined || ring.dueMs() < first.dueMs()) first = ring
    return first
  }

  return {
    advance: (toMs, emit) => {
      const deliver = disturbed(emit)
      for (;;) {
        const ring = nextPoll()
        const pollMs = ring?.dueMs() ?? Infinity
        const eventMs = agenda.nextMs()
        if (Math.min(pollMs, eventMs) > toMs) break
        if (eventMs <= pollMs) {
          const due = agenda.take()
          nowMs = Math.max(nowMs, due.timeMs)
          due.act(emit)
        } else {
          nowMs = Math.max(nowMs, pollMs)
          poll(ring?.take() ?? 0, deliver)
        }
      }
      nowMs = Math.max(nowMs, toMs)
    },
    nextDueMs: () => Math.min(nextPoll()?.dueMs() ?? Infinity, agenda.nextMs()),
    truth: nodeId => {
      const n = nodeIndex.get(nodeId)
      if (n === undefined) return undefined
      settleTree()
      return {
        powered: powered[n] === 1,
        reachable: reachable[n] === 1,
        onBattery: onBatteryMs[n] !== -1 && powered[n] === 1
      }
    },
    active: () => [...active.values()],
    inject: event => start(event)
  }
}
