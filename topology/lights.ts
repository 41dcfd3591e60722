import { lightOfSeverity, lights, severities, tiers } from '../schemas/words.ts'
import type { IncidentKind, Light, Severity, Tier } from '../schemas/words.ts'
import type { CompiledInventory } from './compile.ts'
import { createIncidentBook, type IncidentBook, type RootState } from './incidents.ts'
import type { Incident, IncidentChange, LightCause, LightChange, NodeLight } from './model.ts'

/**
 * The light engine: from open alarms and silences to one light a node and one incident a root cause. Semantics,
 * in the order they are applied (docs/lights.md says the same for people):
 *
 * 1. Own light: red for a red alarm; grey when all devices are silent; yellow for a yellow alarm or when some devices
 *    are silent; else green. A node without devices is green: nothing is known against it. Devices that have never
 *    reported make their node grey ("no data yet") only when there is no other, and open no incident.
 * 2. Reach: a node is cut off when every way to the core leads through a red node, or through a silent one. A node
 *    that still reports is not cut off by a merely silent one: it is heard, so there is a way.
 * 3. Power: where a node has lost its mains, nodes below it without a UPS that go dark, UPS below it that lose their
 *    mains too, and siblings lost within a minute all belong to its incident.
 * 4. Effective light: grey for a node that is cut off or dark by a power cut upstream; else the own light; yellow for
 *    a node that has lost one of several ways.
 *
 * Only what may change is computed again: nodes whose input changed, then children of nodes whose state changed,
 * level by level from the core down.
 */
export interface LightEngine {
  /** The open alarms of a node, summarised; null when none is open. */
  setAlarms(node: number, alarms: NodeAlarms | null): void
  /**
   * A device is silent since a time (ms), or heard again (null). `neverReported`: it has not been heard since it came
   * into the inventory, so nothing can be said of it yet; report it only after the grace for a start.
   */
  setDeviceSilence(device: number, sinceMs: number | null, neverReported?: boolean): void
  /** All devices of a collector are silent together, on these nodes; null when it is heard again. */
  setCollectorSilence(collector: string, nodes: readonly number[], sinceMs: number | null): void
  /** Applies everything set since the last call. Cheap when nothing was. */
  update(nowMs: number): LightUpdate
  /** When `update` must be called again though nothing was set (ms), or null. */
  nextDeadlineMs(): number | null
  light(node: number): NodeLight
  /** Open incidents. */
  incidents(): readonly Incident[]
  /** Open incidents this node is the root of or is affected by. */
  incidentsOf(node: number): readonly Incident[]
  /** Nodes, addresses and subscribers at and below a node, each node once. */
  below(node: number): Below
  /** From the node's parent up to a core: a live way where there is one, else the first. Node indices. */
  wayToCore(node: number): readonly number[]
  silenceOf(node: number): NodeSilence
  /** How many nodes of a tier have a light. */
  count(tier: Tier, light: Light): number
  /** Takes over another inventory: what is known of nodes and devices goes with their ids. */
  reload(inventory: CompiledInventory, nowMs: number): LightUpdate
  /**
   * Brings back what was stored, before alarms and silences are set again and `update` is called for the first time:
   * the update then tells only what has changed since.
   */
  restore(stored: StoredLights): void
}

export interface LightUpdate {
  readonly lightChanges: readonly LightChange[]
  readonly incidentChanges: readonly IncidentChange[]
}

/** What the engine needs to know of a node's open alarms. */
export interface NodeAlarms {
  /** Worst light of them. */
  readonly light: 'red' | 'yellow'
  /** Kind, id and severity of the worst. */
  readonly kind: IncidentKind
  readonly alarm: string
  readonly severity: Severity
  /** When the worst was raised (event time, ms). */
  readonly sinceMs: number
  /** Ids of all of them. */
  readonly alarms: readonly string[]
  /** Since when a UPS of the node runs on battery (ms), or null. */
  readonly mainsLostSinceMs: number | null
}

export interface NodeSilence {
  readonly devices: number
  readonly silent: number
  readonly neverReported: number
  /** When the last device of the silent was heard last (ms); null when none is silent. */
  readonly sinceMs: number | null
}

export interface Below {
  readonly nodes: number
  readonly addresses: number
  readonly subscribers: number
}

export interface StoredLights {
  readonly lights: Iterable<{ node: string; own: Light; effective: Light; sinceMs: number }>
  readonly incidents: Iterable<Incident>
}

export interface LightOptions {
  /** How long a root must stand before its incident opens (ms), so that its parent's failure can arrive first. */
  readonly settleMs: number
  /**
   * The same for nodes without a UPS that go dark together below one with a UPS (ms): so that it can be asked first
   * whether the mains are lost. At least the UPS's poll interval and the hold of its alarm.
   */
  readonly powerSettleMs: number
  /** How far apart losses of mains and silences of one power cut may be seen (ms). */
  readonly powerWindowMs: number
}

export const lightDefaults: LightOptions = { settleMs: 0, powerSettleMs: 0, powerWindowMs: 60_000 }

/** An alarm as this module needs it; rules/model.ts Alarm is one. */
export interface AlarmLike {
  readonly id: string
  readonly severity: Severity
  readonly kind: IncidentKind
  readonly raisedAtMs: number
}

/**
 * Sums up the open alarms of a node: the worst by severity, the earliest of those, then the smallest id.
 *
 * @param isMainsLost tells the alarms that say "runs on battery" from other alarms of power
 */
export function summariseAlarms<A extends AlarmLike>(
  open: Iterable<A>,
  isMainsLost: (alarm: A) => boolean
): NodeAlarms | null {
  let worst: A | undefined
  let mainsLostSinceMs: number | null = null
  const ids: string[] = []
  for (const alarm of open) {
    ids.push(alarm.id)
    if (worst === undefined || isWorse(alarm, worst)) worst = alarm
    if (isMainsLost(alarm) && (mainsLostSinceMs === null || alarm.raisedAtMs < mainsLostSinceMs)) {
      mainsLostSinceMs = alarm.raisedAtMs
    }
  }
  if (worst === undefined) return null
  return {
    light: lightOfSeverity[worst.severity] === 'red' ? 'red' : 'yellow',
    kind: worst.kind,
    alarm: worst.id,
    severity: worst.severity,
    sinceMs: worst.raisedAtMs,
    alarms: ids.sort(),
    mainsLostSinceMs
  }
}

function isWorse(a: AlarmLike, b: AlarmLike): boolean {
  const rank = severities.indexOf(a.severity) - severities.indexOf(b.severity)
  if (rank !== 0) return rank < 0
  return a.raisedAtMs !== b.raisedAtMs ? a.raisedAtMs < b.raisedAtMs : a.id < b.id
}

// Codes of lights in the arrays: their places in the list of words, from good to bad.
const green = 0
const yellow = 1
const grey = 2
const red = 3

// What a node is to the nodes below it.
const live = 0
/** Silent: those below are cut off unless they are heard. */
const dark = 1
/** Red, or behind red: those below are cut off. */
const cut = 2

const none = -1
/** In place of a time: the light is what it was at the start. */
const unchanged = 0
const collectorBase = -2

interface Group {
  nodes: number
  addresses: number
  subscribers: number
  cutSubscribers: number
}

interface Collector {
  readonly code: number
  sinceMs: number | null
  nodes: readonly number[]
}

/** Everything that is kept per node, for one inventory. */
interface Tree {
  readonly inventory: CompiledInventory
  readonly own: Uint8Array
  readonly effective: Uint8Array
  readonly sinceMs: Float64Array
  /** live, dark or cut: what the node is to those below it. */
  readonly way: Uint8Array
  /** live, dark or cut: how the node is cut off itself. */
  readonly reach: Uint8Array
  /** Node at fault, a collector's code, or none. */
  readonly root: Int32Array
  /** 1 when the node is dark by a power cut upstream. */
  readonly powerDark: Uint8Array
  readonly silent: Int32Array
  readonly never: Int32Array
  readonly hasUps: Uint8Array
  readonly deviceSilentMs: Float64Array
  readonly deviceNever: Uint8Array
  readonly queued: Uint8Array
  readonly queue: number[][]
  queuedCount: number
  readonly belowNodes: Int32Array
  readonly belowAddresses: Int32Array
  readonly belowSubscribers: Float64Array
  readonly counts: Int32Array
}

function createTree(inventory: CompiledInventory): Tree {
  const n = inventory.nodeCount
  let deepest = 0
  for (const depth of inventory.depth) deepest = Math.max(deepest, depth)
  const tree: Tree = {
    inventory,
    own: new Uint8Array(n),
    effective: new Uint8Array(n),
    sinceMs: new Float64Array(n),
    way: new Uint8Array(n),
    reach: new Uint8Array(n),
    root: new Int32Array(n).fill(none),
    powerDark: new Uint8Array(n),
    silent: new Int32Array(n),
    never: new Int32Array(n),
    hasUps: new Uint8Array(n),
    deviceSilentMs: new Float64Array(inventory.deviceCount).fill(NaN),
    deviceNever: new Uint8Array(inventory.deviceCount),
    queued: new Uint8Array(n),
    queue: Array.from({ length: deepest + 1 }, () => []),
    queuedCount: 0,
    belowNodes: new Int32Array(n),
    belowAddresses: new Int32Array(n),
    belowSubscribers: new Float64Array(n),
    counts: new Int32Array(tiers.length * lights.length)
  }
  for (let d = 0; d < inventory.deviceCount; d++) {
    if (inventory.makeOf(d).role === 'ups') tree.hasUps[inventory.deviceNode[d]!] = 1
  }
  for (let i = 0; i < n; i++) tree.counts[tiers.indexOf(inventory.tierOf(i)) * lights.length]!++
  return tree
}

export function createLightEngine(
  inventory: CompiledInventory,
  options: Partial<LightOptions> = {}
): LightEngine {
  const { settleMs, powerSettleMs, powerWindowMs } = { ...lightDefaults, ...options }
  let tree = createTree(inventory)
  const book: IncidentBook = createIncidentBook()
  let alarmsOf = new Map<number, NodeAlarms>()
  const collectors = new Map<string, Collector>()
  const collectorNames: string[] = []
  /** Silent collectors of a node, the one silent longest first. */
  let collectorsOf = new Map<number, Collector[]>()
  /** Nodes with an alarm or silent: the only ones a power cut can claim. */
  let troubled = new Set<number>()
  let mainsLost = new Map<number, number>()
  let mainsLostByParent = new Map<number, Set<number>>()
  /** Nodes under which a loss of mains came or went since the last update. */
  let mainsChangedUnder = new Set<number>()
  /** Nodes that a power cut's node has claimed, by that node. */
  let claimed = new Map<number, Set<number>>()
  let claimedBy = new Map<number, number>()
  let groups = new Map<number, Group>()
  let touched = new Set<number>()
  let changes: LightChange[] = []

  const firstParent = (node: number): number =>
    tree.inventory.parentStart[node] === tree.inventory.parentStart[node + 1]
      ? none
      : tree.inventory.parentList[tree.inventory.parentStart[node]!]!

  const deviceCount = (node: number): number =>
    tree.inventory.deviceStart[node + 1]! - tree.inventory.deviceStart[node]!

  const enqueue = (node: number): void => {
    if (tree.queued[node] === 1) return
    tree.queued[node] = 1
    tree.queuedCount++
    tree.queue[tree.inventory.depth[node]!]!.push(node)
  }

  /** All devices silent, at least one of which has been heard before. */
  const allSilent = (node: number): boolean =>
    tree.silent[node]! > 0 && tree.silent[node]! + tree.never[node]! === deviceCount(node)

  const noData = (node: number): boolean => tree.never[node]! > 0 && tree.never[node] === deviceCount(node)

  const heard = (node: number): boolean =>
    tree.silent[node]! + tree.never[node]! < deviceCount(node) && !collectorsOf.has(node)

  const silentSince = (node: number): number => {
    const { deviceStart, deviceList } = tree.inventory
    let sinceMs = -Infinity
    for (let e = deviceStart[node]!; e < deviceStart[node + 1]!; e++) {
      const device = deviceList[e]!
      const silentMs = tree.deviceSilentMs[device]!
      if (tree.deviceNever[device] === 0 && silentMs > sinceMs) sinceMs = silentMs
    }
    return sinceMs
  }

  const isSilentTrouble = (node: number): boolean => allSilent(node) && !collectorsOf.has(node)

  /** When the trouble of a node itself began, by what makes its own light (ms). */
  const troubleSince = (node: number): number => {
    const alarms = alarmsOf.get(node)
    if (alarms?.light === 'red') return alarms.sinceMs
    if (isSilentTrouble(node)) return silentSince(node)
    return alarms?.sinceMs ?? silentSince(node)
  }

  const kindOf = (root: number): IncidentKind => {
    if (root <= collectorBase) return 'collector'
    if (mainsLost.has(root)) return 'power'
    const alarms = alarmsOf.get(root)
    if (alarms === undefined) return 'unknown'
    return alarms.light === 'red' || !isSilentTrouble(root) ? alarms.kind : 'unknown'
  }

  /** No more is known against the node than what a node without mains looks like: silent, or its link down. */
  const looksDark = (node: number): boolean => {
    const alarms = alarmsOf.get(node)
    return alarms?.light === 'red' ? alarms.kind === 'link' : isSilentTrouble(node)
  }

  const isUpsHeard = (node: number): boolean =>
    !collectorsOf.has(node) &&
    tree.inventory
      .devicesOfNode(node)
      .some(
        device => tree.inventory.makeOf(device).role === 'ups' && Number.isNaN(tree.deviceSilentMs[device]!)
      )

  /**
   * Whether this dark node may be the first sign of a power cut: another one went dark about when it did, neither has
   * a UPS to tell, and the node that feeds both has one that is heard and has not told of the mains yet.
   */
  const mayBePowerCut = (node: number): boolean => {
    const parent = firstParent(node)
    if (parent === none || tree.hasUps[node] === 1 || tree.hasUps[parent] === 0) return false
    if (!looksDark(node) || mainsLost.has(parent) || !isUpsHeard(parent)) return false
    const { childStart, childList } = tree.inventory
    const lostMs = troubleSince(node)
    for (let e = childStart[parent]!; e < childStart[parent + 1]!; e++) {
      const other = childList[e]!
      if (other === node || firstParent(other) !== parent || tree.hasUps[other] === 1) continue
      if (looksDark(other) && Math.abs(troubleSince(other) - lostMs) <= powerWindowMs) return true
    }
    return false
  }

  /**
   * The node whose loss of mains explains this one's trouble, or none: the topmost ancestor, else the earliest
   * sibling. Follows first parents only: mains go by place, and so does the first parent.
   */
  const powerCause = (node: number): number => {
    if (mainsLost.size === 0) return none
    const ownMainsMs = mainsLost.get(node)
    if (ownMainsMs === undefined && !looksDark(node)) return none
    const lostMs = ownMainsMs ?? troubleSince(node)
    const powered = ownMainsMs !== undefined || tree.hasUps[node] === 1
    let cause = none
    for (let up = firstParent(node); up !== none; up = firstParent(up)) {
      const upMs = mainsLost.get(up)
      if (upMs === undefined || lostMs < upMs - powerWindowMs) continue
      if (!powered || lostMs <= upMs + powerWindowMs) cause = up
    }
    if (cause !== none) return cause
    const siblings = mainsLostByParent.get(firstParent(node))
    if (siblings === undefined) return none
    let causeMs = ownMainsMs ?? Infinity
    let causeOrder = ownMainsMs === undefined ? Infinity : node
    for (const sibling of siblings) {
      if (sibling === node || tree.inventory.depth[sibling] !== tree.inventory.depth[node]) continue
      const siblingMs = mainsLost.get(sibling)!
      if (Math.abs(siblingMs - lostMs) > powerWindowMs) continue
      if (siblingMs < causeMs || (siblingMs === causeMs && sibling < causeOrder)) {
        cause = sibling
        causeMs = siblingMs
        causeOrder = sibling
      }
    }
    return cause
  }

  const claim = (node: number, by: number): void => {
    const before = claimedBy.get(node) ?? none
    if (before === by) return
    if (before !== none) {
      const nodes = claimed.get(before)
      nodes?.delete(node)
      if (nodes?.size === 0) claimed.delete(before)
    }
    if (by === none) {
      claimedBy.delete(node)
      return
    }
    claimedBy.set(node, by)
    const nodes = claimed.get(by)
    if (nodes === undefined) claimed.set(by, new Set([node]))
    else nodes.add(node)
  }

  const countIn = (root: number, node: number, effective: number, sign: 1 | -1): void => {
    if (root === none) return
    touched.add(root)
    let group = groups.get(root)
    if (group === undefined) {
      group = { nodes: 0, addresses: 0, subscribers: 0, cutSubscribers: 0 }
      groups.set(root, group)
    }
    const addresses = tree.inventory.addressCountOf(node)
    const subscribers = tree.inventory.subscribersOf(node)
    group.nodes += sign
    group.addresses += sign * addresses
    group.subscribers += sign * subscribers
    if (effective === grey || effective === red) group.cutSubscribers += sign * subscribers
    if (group.nodes === 0) groups.delete(root)
  }

  const firstDeadParent = (node: number): number => {
    const { parentStart, parentList } = tree.inventory
    for (let e = parentStart[node]!; e < parentStart[node + 1]!; e++) {
      if (tree.way[parentList[e]!] !== live) return parentList[e]!
    }
    return none
  }

  const isRedundancyLost = (node: number): boolean =>
    tree.reach[node] === live &&
    tree.inventory.parentStart[node + 1]! - tree.inventory.parentStart[node]! > 1 &&
    firstDeadParent(node) !== none

  const recompute = (node: number, nowMs: number): void => {
    const { parentStart, parentList, childStart, childList } = tree.inventory
    const alarms = alarmsOf.get(node)
    const collector = collectorsOf.get(node)?.[0]
    const silentTrouble = isSilentTrouble(node)
    const own =
      alarms?.light === 'red'
        ? red
        : collector !== undefined || silentTrouble || noData(node)
          ? grey
          : alarms !== undefined || tree.silent[node]! > 0
            ? yellow
            : green
    if (alarms !== undefined || silentTrouble) troubled.add(node)
    else troubled.delete(node)

    let firstDead = none
    let reach = cut
    for (let e = parentStart[node]!; e < parentStart[node + 1]!; e++) {
      const way = tree.way[parentList[e]!]!
      if (way < reach) reach = way
      if (way !== live && firstDead === none) firstDead = parentList[e]!
    }
    if (firstDead === none || (reach === dark && heard(node))) reach = live
    const way = own === red ? cut : reach !== live ? reach : silentTrouble ? dark : live

    const isTrouble = alarms !== undefined || silentTrouble
    const power = reach === live && isTrouble ? powerCause(node) : none
    claim(node, power)
    const powerDark = power !== none && (own === grey || (own === red && alarms?.kind === 'link')) ? 1 : 0
    const root =
      reach !== live
        ? tree.root[firstDead]!
        : power !== none
          ? tree.root[power]!
          : isTrouble
            ? node
            : collector !== undefined
              ? collector.code
              : none
    const redundancyLost =
      reach === live && firstDead !== none && parentStart[node + 1]! - parentStart[node]! > 1
    const effective =
      reach !== live || powerDark === 1 ? grey : own === green && redundancyLost ? yellow : own

    const before = {
      own: tree.own[node]!,
      effective: tree.effective[node]!,
      root: tree.root[node]!,
      way: tree.way[node]!
    }
    countIn(before.root, node, before.effective, -1)
    tree.own[node] = own
    tree.effective[node] = effective
    tree.reach[node] = reach
    tree.way[node] = way
    tree.root[node] = root
    tree.powerDark[node] = powerDark
    countIn(root, node, effective, 1)
    if (isTrouble || before.root === node) touched.add(node)
    if (way !== before.way || (way !== live && root !== before.root)) {
      for (let e = childStart[node]!; e < childStart[node + 1]!; e++) enqueue(childList[e]!)
    }
    if (root !== before.root) {
      const nodes = claimed.get(node)
      if (nodes !== undefined) for (const other of nodes) enqueue(other)
    }
    const sameCause = root === before.root || before.root === none
    if (own === before.own && effective === before.effective && sameCause) return
    if (effective !== before.effective) {
      const tier = tiers.indexOf(tree.inventory.tierOf(node)) * lights.length
      tree.counts[tier + before.effective]!--
      tree.counts[tier + effective]!++
      tree.sinceMs[node] = effective === green ? nowMs : Math.min(nowMs, lightSince(node, nowMs))
    }
    changes.push({
      node: tree.inventory.nodeId(node),
      from: lights[before.effective]!,
      to: lights[effective],
      own: lights[own],
      atMs: nowMs,
      cause: causeOf(node)
    })
  }

  /** Since when what makes the effective light stands (ms). */
  const lightSince = (node: number, nowMs: number): number => {
    const root = tree.root[node]!
    if (tree.reach[node] !== live || tree.powerDark[node] === 1) return troubleSince(root)
    if (root <= collectorBase) return collectors.get(collectorNames[collectorBase - root]!)?.sinceMs ?? nowMs
    if (tree.own[node] === green) {
      const dead = firstDeadParent(node)
      return dead === none ? nowMs : troubleSince(tree.root[dead]!)
    }
    if (tree.own[node] === grey && noData(node)) return nowMs
    const sinceMs = troubleSince(node)
    return Number.isFinite(sinceMs) ? sinceMs : nowMs
  }

  const upstream = (root: number): LightCause => ({
    by: 'upstream',
    node: tree.inventory.nodeId(root),
    alarm: alarmsOf.get(root)?.alarm ?? '',
    kind: kindOf(root)
  })

  const causeOf = (node: number): LightCause => {
    const id = tree.inventory.nodeId(node)
    if (tree.reach[node] !== live || tree.powerDark[node] === 1) return upstream(tree.root[node]!)
    const alarms = alarmsOf.get(node)
    switch (tree.own[node]) {
      case red:
        return { by: 'alarm', node: id, alarm: alarms?.alarm ?? '', kind: alarms?.kind ?? 'unknown' }
      case grey: {
        const kind = collectorsOf.has(node) ? 'collector' : noData(node) ? 'unknown' : kindOf(node)
        return { by: 'silence', node: id, alarm: '', kind }
      }
      case yellow:
        if (alarms !== undefined) return { by: 'alarm', node: id, alarm: alarms.alarm, kind: alarms.kind }
        return { by: 'silence', node: id, alarm: '', kind: 'device' }
      default:
        if (isRedundancyLost(node)) return upstream(tree.root[firstDeadParent(node)]!)
        return { by: 'none', node: id, alarm: '', kind: 'unknown' }
    }
  }

  const rootState = (root: number): RootState | null => {
    const group = groups.get(root)
    if (group === undefined) return null
    const counts = {
      affectedNodes: group.nodes,
      affectedAddresses: group.addresses,
      affectedSubscribers: group.subscribers,
      cutSubscribers: group.cutSubscribers
    }
    if (root <= collectorBase) {
      const name = collectorNames[collectorBase - root]!
      const sinceMs = collectors.get(name)?.sinceMs
      if (sinceMs === null || sinceMs === undefined) return null
      const about = { kind: 'collector', light: 'grey', alarms: [], maintenance: false } as const
      return { root: name, sinceMs, settleMs, ...about, ...counts }
    }
    if (tree.root[root] !== root) return null
    return {
      root: tree.inventory.nodeId(root),
      kind: kindOf(root),
      light: lights[tree.own[root]!]!,
      sinceMs: troubleSince(root),
      alarms: alarmsOf.get(root)?.alarms ?? [],
      maintenance: tree.inventory.isMaintenance(root),
      settleMs: mayBePowerCut(root) ? Math.max(settleMs, powerSettleMs) : settleMs,
      ...counts
    }
  }

  /** A loss of mains may claim, or let go of, nodes in trouble below the lost node's parent. */
  const enqueueUnderChangedMains = (): void => {
    if (mainsChangedUnder.size === 0) return
    for (const node of troubled) {
      for (let up = node; up !== none; up = firstParent(up)) {
        if (mainsChangedUnder.has(up)) {
          enqueue(node)
          break
        }
      }
    }
    mainsChangedUnder = new Set()
  }

  const mainsFirst = (a: number, b: number): number => mainsLost.get(a)! - mainsLost.get(b)! || a - b

  const update = (nowMs: number): LightUpdate => {
    enqueueUnderChangedMains()
    if (tree.queuedCount > 0) {
      for (const level of tree.queue) {
        // Nodes that have lost their mains come first, the earliest of them first: the others lean on their roots.
        if (level.length === 0) continue
        const lost = mainsLost.size === 0 ? [] : level.filter(node => mainsLost.has(node)).sort(mainsFirst)
        for (let at = 0; at < lost.length; at++) {
          const known = level.length
          take(lost[at]!)
          recompute(lost[at]!, nowMs)
          let added = false
          for (let k = known; k < level.length; k++) {
            if (mainsLost.has(level[k]!)) added = lost.push(level[k]!) > 0
          }
          if (added) lost.splice(at + 1, lost.length, ...lost.slice(at + 1).sort(mainsFirst))
        }
        for (const node of level) {
          if (tree.queued[node] === 0) continue
          take(node)
          recompute(node, nowMs)
        }
        level.length = 0
      }
    }
    if (touched.size > 0) {
      for (const root of touched) book.settle(root, rootState(root), nowMs)
      touched = new Set()
    }
    for (const root of book.due(nowMs)) book.settle(root, rootState(root), nowMs)
    const lightChanges = changes
    changes = []
    return { lightChanges, incidentChanges: book.drain() }
  }

  const take = (node: number): void => {
    tree.queued[node] = 0
    tree.queuedCount--
  }

  const setMainsLost = (node: number, sinceMs: number | null): void => {
    const before = mainsLost.get(node) ?? null
    if (before === sinceMs) return
    const parent = firstParent(node)
    const siblings = mainsLostByParent.get(parent) ?? new Set<number>()
    if (sinceMs === null) {
      mainsLost.delete(node)
      siblings.delete(node)
    } else {
      mainsLost.set(node, sinceMs)
      siblings.add(node)
    }
    if (parent !== none) {
      if (siblings.size === 0) mainsLostByParent.delete(parent)
      else mainsLostByParent.set(parent, siblings)
    }
    mainsChangedUnder.add(parent === none ? node : parent)
  }

  const setAlarms = (node: number, alarms: NodeAlarms | null): void => {
    if (alarms === null && !alarmsOf.has(node)) return
    if (alarms === null) alarmsOf.delete(node)
    else alarmsOf.set(node, alarms)
    setMainsLost(node, alarms?.mainsLostSinceMs ?? null)
    enqueue(node)
  }

  const setDeviceSilence = (device: number, sinceMs: number | null, neverReported = false): void => {
    const node = tree.inventory.deviceNode[device]!
    const was = tree.deviceSilentMs[device]!
    const wasNever = tree.deviceNever[device] === 1
    const never = sinceMs !== null && neverReported
    if ((sinceMs === null ? Number.isNaN(was) : was === sinceMs) && wasNever === never) return
    if (!Number.isNaN(was)) {
      if (wasNever) tree.never[node]!--
      else tree.silent[node]!--
    }
    tree.deviceSilentMs[device] = sinceMs ?? NaN
    tree.deviceNever[device] = never ? 1 : 0
    if (sinceMs !== null) {
      if (never) tree.never[node]!++
      else tree.silent[node]!++
    }
    enqueue(node)
  }

  const setCollectorSilence = (name: string, nodes: readonly number[], sinceMs: number | null): void => {
    let collector = collectors.get(name)
    if (collector === undefined) {
      if (sinceMs === null) return
      collector = { code: collectorBase - collectorNames.length, sinceMs: null, nodes: [] }
      collectors.set(name, collector)
      collectorNames.push(name)
    }
    const gone = collector
    for (const node of gone.nodes) {
      const left = collectorsOf.get(node)?.filter(other => other !== gone) ?? []
      if (left.length === 0) collectorsOf.delete(node)
      else collectorsOf.set(node, left)
      enqueue(node)
    }
    collector.sinceMs = sinceMs
    collector.nodes = sinceMs === null ? [] : [...new Set(nodes)]
    touched.add(collector.code)
    for (const node of collector.nodes) {
      const all = [...(collectorsOf.get(node) ?? []), collector]
      all.sort((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0) || b.code - a.code)
      collectorsOf.set(node, all)
      enqueue(node)
    }
  }

  const incidentsOf = (node: number): readonly Incident[] => {
    const roots = new Set<number>()
    if (tree.root[node] !== none) roots.add(tree.root[node]!)
    if (isRedundancyLost(node)) roots.add(tree.root[firstDeadParent(node)]!)
    return [...roots].map(root => book.of(root)).filter(incident => incident !== undefined)
  }

  const light = (node: number): NodeLight => {
    const root = tree.root[node]!
    return {
      own: lights[tree.own[node]!]!,
      effective: lights[tree.effective[node]!]!,
      sinceMs: tree.sinceMs[node] === unchanged ? null : tree.sinceMs[node]!,
      cause: causeOf(node),
      maintenance: tree.inventory.isMaintenance(node) || (root >= 0 && tree.inventory.isMaintenance(root))
    }
  }

  const below = (node: number): Below => {
    if (tree.belowNodes[node] === 0) {
      const { childStart, childList, nodeCount, addressCountOf, subscribersOf } = tree.inventory
      const seen = new Uint8Array(nodeCount)
      const found = [node]
      seen[node] = 1
      let addresses = 0
      let subscribers = 0
      for (const at of found) {
        addresses += addressCountOf(at)
        subscribers += subscribersOf(at)
        for (let e = childStart[at]!; e < childStart[at + 1]!; e++) {
          const child = childList[e]!
          if (seen[child] === 1) continue
          seen[child] = 1
          found.push(child)
        }
      }
      tree.belowNodes[node] = found.length
      tree.belowAddresses[node] = addresses
      tree.belowSubscribers[node] = subscribers
    }
    return {
      nodes: tree.belowNodes[node]!,
      addresses: tree.belowAddresses[node]!,
      subscribers: tree.belowSubscribers[node]!
    }
  }

  const wayToCore = (node: number): readonly number[] => {
    const { parentStart, parentList } = tree.inventory
    const way: number[] = []
    for (let at = node; ;) {
      let next = firstParent(at)
      for (let e = parentStart[at]!; e < parentStart[at + 1]!; e++) {
        if (tree.way[parentList[e]!] === live) {
          next = parentList[e]!
          break
        }
      }
      if (next === none) return way
      way.push(next)
      at = next
    }
  }

  const restore = (stored: StoredLights): void => {
    for (const entry of stored.lights) {
      const node = tree.inventory.nodeIndex(entry.node)
      if (node === undefined) continue
      setShown(node, lights.indexOf(entry.own), lights.indexOf(entry.effective), entry.sinceMs)
    }
    for (const incident of stored.incidents) {
      if (incident.closedAtMs !== null) continue
      if (incident.kind === 'collector') {
        setCollectorSilence(incident.root, [], incident.openedAtMs)
        const { code } = collectors.get(incident.root)!
        book.restore(code, incident)
        continue
      }
      const root = tree.inventory.nodeIndex(incident.root)
      if (root === undefined) continue
      book.restore(root, incident)
      touched.add(root)
      enqueue(root)
    }
  }

  /** Sets what was shown before, so that the next update tells only what is different. */
  const setShown = (node: number, own: number, effective: number, sinceMs: number): void => {
    const tier = tiers.indexOf(tree.inventory.tierOf(node)) * lights.length
    tree.counts[tier + tree.effective[node]!]!--
    tree.counts[tier + effective]!++
    tree.own[node] = own
    tree.effective[node] = effective
    tree.sinceMs[node] = sinceMs
    enqueue(node)
  }

  const reload = (next: CompiledInventory, nowMs: number): LightUpdate => {
    update(nowMs)
    const old = tree
    const oldAlarms = alarmsOf
    const newNode = (node: number): number | undefined => next.nodeIndex(old.inventory.nodeId(node))
    tree = createTree(next)
    alarmsOf = new Map()
    collectorsOf = new Map()
    troubled = new Set()
    mainsLost = new Map()
    mainsLostByParent = new Map()
    claimed = new Map()
    claimedBy = new Map()
    groups = new Map()
    touched = new Set()
    for (let i = 0; i < old.inventory.nodeCount; i++) {
      const node = newNode(i)
      if (node !== undefined) setShown(node, old.own[i]!, old.effective[i]!, old.sinceMs[i]!)
    }
    for (const [node, alarms] of oldAlarms) {
      const to = newNode(node)
      if (to !== undefined) setAlarms(to, alarms)
    }
    for (let d = 0; d < old.inventory.deviceCount; d++) {
      if (Number.isNaN(old.deviceSilentMs[d]!)) continue
      const device = next.deviceIndex(old.inventory.deviceId(d))
      if (device !== undefined) setDeviceSilence(device, old.deviceSilentMs[d]!, old.deviceNever[d] === 1)
    }
    for (const [name, collector] of collectors) {
      const nodes = collector.nodes.map(newNode).filter(node => node !== undefined)
      collector.nodes = []
      setCollectorSilence(name, nodes, collector.sinceMs)
    }
    book.renumber(root => (root < 0 ? root : newNode(root)), nowMs)
    for (const root of book.roots()) touched.add(root)
    return update(nowMs)
  }

  return {
    setAlarms,
    setDeviceSilence,
    setCollectorSilence,
    update,
    nextDeadlineMs: () => book.nextDeadlineMs(),
    light,
    incidents: () => book.open(),
    incidentsOf,
    below,
    wayToCore,
    silenceOf: node => {
      const sinceMs = silentSince(node)
      return {
        devices: deviceCount(node),
        silent: tree.silent[node]!,
        neverReported: tree.never[node]!,
        sinceMs: Number.isFinite(sinceMs) ? sinceMs : null
      }
    },
    count: (tier, shown) => tree.counts[tiers.indexOf(tier) * lights.length + lights.indexOf(shown)]!,
    reload,
    restore
  }
}
