import type { Path, Problem } from '../schemas/config/located-yaml.ts'
import { tiers } from '../schemas/words.ts'
import { linkEndOf, linksOfWays, type LinkEnd } from './elements/links.ts'
import { orderOf, type Order, type RingProblem } from './elements/rings.ts'
import { group, invert, type Lists } from './lists.ts'
import type { Inventory, InventoryDevice, InventoryNode } from './model.ts'
import { portNameKey } from './ports.ts'
import { problemList, throwProblems, type ProblemList } from './problems.ts'
import { createInventoryStore, type InventoryStore, type PortKind } from './store.ts'
import { createNumberTable, type NumberTable } from './texts.ts'

/** Where an entry of a file stands. */
export interface Place {
  readonly line: number
  readonly column: number
  /** Path inside the document, such as `nodes[3].parents[0]`; '' in files of one entry a line. */
  readonly path: string
}

/** One inventory file, read but not yet checked against the others. */
export interface InventoryPart {
  readonly file: string
  /** Where its entries are: files that are read into one store are compiled without being copied. */
  readonly store: InventoryStore
  readonly nodes: EntryRange
  readonly devices: EntryRange
  /** Problems found while reading; already limited, `problemCount` says how many there were. */
  readonly problems: readonly Problem[]
  readonly problemCount: number
  /** `at` counts from the first entry of this file. */
  placeOf(kind: 'node' | 'device', at: number, inside: Path): Place
}

export interface EntryRange {
  /** Place of the first in the store. */
  readonly first: number
  readonly count: number
}

/** The compiled inventory with its tree as flat arrays, for the light engine's loops. */
export interface CompiledInventory extends Inventory {
  /** Parents of node i: `parentList[parentStart[i] … parentStart[i + 1] - 1]`; children and devices alike. */
  readonly parentStart: Int32Array
  readonly parentList: Int32Array
  readonly childStart: Int32Array
  readonly childList: Int32Array
  readonly deviceStart: Int32Array
  readonly deviceList: Int32Array
  /** Node of each device. */
  readonly deviceNode: Int32Array
  /** Longest way to a node without parents, in steps. Parents are less deep than their children, in a ring as deep. */
  readonly depth: Int32Array
  /** The parent a node belongs to, or -1: the first it lists, in a ring the next towards where the ring is fed. */
  readonly home: Int32Array
  /** Number of the ring a node stands in, or -1; nodes of ring r: `ringList[ringStart[r] … ringStart[r + 1] - 1]`. */
  readonly ringOf: Int32Array
  readonly ringStart: Int32Array
  readonly ringList: Int32Array
  /** How many links side by side each way has, by the way's place in `parentList`. */
  readonly linksOf: Uint8Array
  /** What a trunk port of a device is an end of; undefined for subscribers' ports and those not listed. */
  readonly linkEnd: (device: number, key: string) => LinkEnd | undefined
}

/** An inventory that did not come from a file: a generated city, a test. */
export function inventoryPart(
  nodes: Iterable<InventoryNode>,
  devices: Iterable<InventoryDevice>,
  file = 'inventory'
): InventoryPart {
  const store = createInventoryStore()
  for (const node of nodes) store.addNode(node)
  for (const device of devices) store.addDevice(device)
  return {
    file,
    store,
    nodes: { first: 0, count: store.nodeCount },
    devices: { first: 0, count: store.deviceCount },
    problems: [],
    problemCount: 0,
    placeOf: (kind, at) => ({ line: at + 1, column: 1, path: `${kind}s[${at}]` })
  }
}

/** Entries done between two steps of a long piece of work: some milliseconds. */
const entriesPerStep = 5000

/**
 * Joins the files of an inventory, checks them as a whole and compiles them.
 *
 * @throws ProblemsError with every problem of every file: those found while reading, doubled ids and identifiers,
 * unknown parents, nodes and peers, wrong tier order, nodes without a way up, cycles that are no rings.
 */
export function compileInventory(parts: readonly InventoryPart[], version: number): CompiledInventory {
  const steps = compileInventoryInSteps(parts, version)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same in steps of some milliseconds, so that the caller may do other things between them. */
export function* compileInventoryInSteps(
  parts: readonly InventoryPart[],
  version: number
): Generator<void, CompiledInventory> {
  const problems = problemList()
  for (const part of parts) problems.addCounted(part.problems, part.problemCount)
  const store = yield* join(parts)
  const report = reporter(parts, problems)
  const nodeOfText = yield* indexNodes(store, report)
  const parents = yield* linkParents(store, nodeOfText, report)
  const children = invert(parents, store.nodeCount)
  yield
  const order = orderOf(parents, children, ringReporter(store, report))
  yield
  const links = yield* linkDevices(store, nodeOfText, report)
  throwProblems(problems)
  const linksOf = linksOfWays(store, parents, links.deviceNode, text => nodeOfText[text]! - 1)
  yield
  return inventoryOver(store, version, { nodeOfText, parents, children, order, linksOf, ...links })
}

interface Links {
  readonly nodeOfText: Int32Array
  readonly parents: Lists
  readonly children: Lists
  readonly order: Order
  readonly linksOf: Uint8Array
  readonly deviceNode: Int32Array
  readonly deviceTable: NumberTable
  readonly identifierTable: NumberTable
}

/** Apart from the compiling, so that nothing of that is kept alive. */
function inventoryOver(store: InventoryStore, version: number, links: Links): CompiledInventory {
  const { nodeOfText, parents, children, order, linksOf, deviceNode, deviceTable, identifierTable } = links
  const { arena, nodeCount, deviceCount } = store
  const devicesByNode = group(deviceNode, nodeCount)
  const slice = (lists: Lists, i: number): readonly number[] =>
    Array.from(lists.list.subarray(lists.start[i] ?? 0, lists.start[i + 1] ?? 0))
  const found = (index: number): number | undefined => (index === -1 ? undefined : index)
  const isSameId = (d: number): boolean => arena.holds(store.deviceIdPlace(d))
  // Identifiers are kept as written and found in lower case.
  const isSameIdentifier = (at: number): boolean => arena.holdsInLowerCase(store.identifierPlace(at))
  return {
    nodeCount,
    deviceCount,
    version,
    node: store.node,
    nodeId: node => store.nodeIds.get(store.nodeText(node)),
    nodeName: store.nodeName,
    nodeSearch: store.nodeSearch,
    tierOf: node => tiers[store.tierIndex(node)]!,
    isMaintenance: store.isMaintenance,
    feederOf: store.feeder,
    tagsOf: store.tags,
    subscribersOf: store.subscribers,
    addressCountOf: node => store.addressStart(node + 1) - store.addressStart(node),
    addressCount: store.addressStart(nodeCount),
    address: store.address,
    nodeOfAddress: at => ownerOf(at, nodeCount, store.addressStart),
    device: store.device,
    deviceId: store.deviceId,
    makeOf: store.make,
    nodeIndex(id) {
      const text = store.nodeIds.find(id)
      return text === -1 ? undefined : found(nodeOfText[text]! - 1)
    },
    deviceIndex: id => found(deviceTable.find(arena.encode(id), isSameId)),
    identifierCount: store.identifierStart(deviceCount),
    identifier: store.identifier,
    deviceByIdentifier(identifier) {
      const at = identifierTable.find(arena.encode(identifier.toLowerCase()), isSameIdentifier)
      return at === -1 ? undefined : ownerOf(at, deviceCount, store.identifierStart)
    },
    nodeOfDevice: device => deviceNode[device] ?? -1,
    devicesOfNode: node => slice(devicesByNode, node),
    parentsOf: node => slice(parents, node),
    childrenOf: node => slice(children, node),
    port(device, key) {
      if (device < 0 || device >= deviceCount) return undefined
      for (let at = store.portStart(device); at < store.portStart(device + 1); at++) {
        if (store.portKey(at) === key) return store.port(at)
      }
      return undefined
    },
    namesPorts(device) {
      if (!store.namesPorts || device < 0 || device >= deviceCount) return false
      for (let at = store.portStart(device); at < store.portStart(device + 1); at++) {
        if (store.portKind(at).name !== undefined) return true
      }
      return false
    },
    linkEnd: (device, key) =>
      linkEndOf(store, parents, deviceNode, text => nodeOfText[text]! - 1, device, key),
    topologicalOrder: order.order,
    parentStart: parents.start,
    parentList: parents.list,
    childStart: children.start,
    childList: children.list,
    deviceStart: devicesByNode.start,
    deviceList: devicesByNode.list,
    deviceNode,
    depth: order.depth,
    home: order.home,
    ringOf: order.ringOf,
    ringStart: order.rings.start,
    ringList: order.rings.list,
    linksOf
  }
}

export function* nodesOf(inventory: Pick<Inventory, 'node' | 'nodeCount'>): Generator<InventoryNode> {
  for (let i = 0; i < inventory.nodeCount; i++) yield inventory.node(i)
}

export function* devicesOf(inventory: Pick<Inventory, 'device' | 'deviceCount'>): Generator<InventoryDevice> {
  for (let d = 0; d < inventory.deviceCount; d++) yield inventory.device(d)
}

/** Which of `count` owners has the entry `at`, where the entries of owner i begin at start(i). */
function ownerOf(at: number, count: number, start: (i: number) => number): number {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (start(middle) <= at) low = middle
    else high = middle - 1
  }
  return low
}

/** The one store of all parts, copied together where they have more than one. */
function* join(parts: readonly InventoryPart[]): Generator<void, InventoryStore> {
  const shared = parts[0]?.store
  let nodes = 0
  let devices = 0
  const whole = parts.every(part => {
    const behind = part.nodes.first === nodes && part.devices.first === devices
    nodes += part.nodes.count
    devices += part.devices.count
    return part.store === shared && behind
  })
  if (shared !== undefined && whole && nodes === shared.nodeCount && devices === shared.deviceCount)
    return shared
  const store = createInventoryStore()
  for (const part of parts) {
    for (let i = 0; i < part.nodes.count; i++) {
      store.addNode(part.store.node(part.nodes.first + i))
      if (i % entriesPerStep === 0) yield
    }
    for (let d = 0; d < part.devices.count; d++) {
      store.addDevice(part.store.device(part.devices.first + d))
      if (d % entriesPerStep === 0) yield
    }
  }
  return store
}

/** Index of the node plus one by the number of its id; 0 where the id is only named. */
function* indexNodes(store: InventoryStore, report: Report): Generator<void, Int32Array> {
  const nodeOfText = new Int32Array(store.nodeIds.size)
  for (let i = 0; i < store.nodeCount; i++) {
    if (i % (entriesPerStep * 10) === 0) yield
    const text = store.nodeText(i)
    const first = nodeOfText[text]! - 1
    if (first === -1) nodeOfText[text] = i + 1
    else {
      const message = `node id "${store.nodeIds.get(text)}" is doubled, first at ${report.where('node', first)}`
      report('node', i, ['id'], message, doubledId)
    }
  }
  return nodeOfText
}

const doubledId = 'give each its own id, or remove one of them'

interface Report {
  (kind: 'node' | 'device', at: number, inside: Path, message: string, remedy: string): void
  where(kind: 'node' | 'device', at: number): string
}

/** Finds the file of an entry by its place in the joined lists. */
function reporter(parts: readonly InventoryPart[], problems: ProblemList): Report {
  const find = (kind: 'node' | 'device', at: number): { part: InventoryPart; at: number } => {
    let rest = at
    for (const part of parts) {
      const { count } = kind === 'node' ? part.nodes : part.devices
      if (rest < count) return { part, at: rest }
      rest -= count
    }
    throw new RangeError(`no ${kind} number ${at} in the inventory`)
  }
  const report = (
    kind: 'node' | 'device',
    at: number,
    inside: Path,
    message: string,
    remedy: string
  ): void => {
    const found = find(kind, at)
    problems.add({
      file: found.part.file,
      ...found.part.placeOf(kind, found.at, inside),
      message,
      remedy
    })
  }
  return Object.assign(report, {
    where: (kind: 'node' | 'device', at: number): string => {
      const found = find(kind, at)
      return `${found.part.file}:${found.part.placeOf(kind, found.at, ['id']).line}`
    }
  })
}

function* linkParents(store: InventoryStore, nodeOfText: Int32Array, report: Report): Generator<void, Lists> {
  const { nodeCount } = store
  const start = new Int32Array(nodeCount + 1)
  const list = new Int32Array(store.parentStart(nodeCount))
  let end = 0
  for (let i = 0; i < nodeCount; i++) {
    if (i % entriesPerStep === 0) yield
    start[i] = end
    const tier = store.tierIndex(i)
    const first = store.parentStart(i)
    const last = store.parentStart(i + 1)
    const nodeId = (): string => store.nodeIds.get(store.nodeText(i))
    if (first === last && tier > 0) {
      const message = `node "${nodeId()}" of tier ${tiers[tier]} has no parent`
      report('node', i, ['parents'], message, 'name the node that feeds it; only a core stands alone')
    }
    for (let at = first; at < last; at++) {
      const text = store.parentText(at)
      const parent = nodeOfText[text]! - 1
      const inside = ['parents', at - first]
      if (parent === -1) {
        const message = `parent "${store.nodeIds.get(text)}" of node "${nodeId()}" is not in the inventory`
        report('node', i, inside, message, 'correct the id or add the node')
        continue
      }
      let isTwice = false
      for (let other = first; other < at; other++) isTwice ||= store.parentText(other) === text
      if (isTwice) {
        const message = `node "${nodeId()}" names its parent "${store.nodeIds.get(text)}" twice`
        report('node', i, inside, message, 'name it once')
        continue
      }
      const parentTier = store.tierIndex(parent)
      if (parentTier > tier) {
        const message = `node "${nodeId()}" of tier ${tiers[tier]} has a parent "${store.nodeIds.get(text)}" of the lower tier ${tiers[parentTier]}`
        const remedy = `tiers go down as ${tiers.join(', ')}: correct the tier or the parent`
        report('node', i, inside, message, remedy)
      }
      list[end++] = parent
    }
  }
  start[nodeCount] = end
  return { start, list: end === list.length ? list : list.slice(0, end) }
}

/** Says what is wrong with a ring: nodes that are their own ancestors where they should not be. */
function ringReporter(
  store: InventoryStore,
  report: Report
): (problem: RingProblem, cycle: readonly number[]) => void {
  return (problem, cycle) => {
    const idOf = (n: number): string => `"${store.nodeIds.get(store.nodeText(n))}"`
    const shown = cycle.slice(0, 20).map(idOf)
    const names = cycle.length > 20 ? [...shown, '…'] : [...shown, idOf(cycle[0]!)]
    const message = `nodes are their own ancestors: ${names.join(' → ')}`
    const remedy =
      problem === 'one-sided'
        ? 'remove one of these parents; in a ring each node lists both its neighbours'
        : 'nobody feeds them: give one of them a parent that is not among them'
    report('node', cycle[0]!, ['parents'], message, remedy)
  }
}

/** Tells the node of each device, and makes the tables that find devices by id and by identifier. */
function* linkDevices(
  store: InventoryStore,
  nodeOfText: Int32Array,
  report: Report
): Generator<void, Pick<Links, 'deviceNode' | 'deviceTable' | 'identifierTable'>> {
  const { arena, deviceCount } = store
  const never = (): number => {
    throw new Error('a table of known size does not grow')
  }
  const deviceTable = createNumberTable(never, deviceCount)
  const identifierTable = createNumberTable(never, store.identifierStart(deviceCount))
  const deviceNode = new Int32Array(deviceCount)
  const isSameId = (d: number): boolean => arena.holds(store.deviceIdPlace(d))
  // Identifiers are kept as written and found in lower case.
  const isSameIdentifier = (at: number): boolean => arena.holdsInLowerCase(store.identifierPlace(at))
  for (let d = 0; d < deviceCount; d++) {
    if (d % entriesPerStep === 0) yield
    const deviceId = store.deviceId(d)
    const idHash = arena.encode(deviceId)
    const firstId = deviceTable.find(idHash, isSameId)
    if (firstId === -1) deviceTable.add(idHash, d)
    else {
      const message = `device id "${deviceId}" is doubled, first at ${report.where('device', firstId)}`
      report('device', d, ['id'], message, doubledId)
    }
    const nodeText = store.deviceNodeText(d)
    const node = nodeOfText[nodeText]! - 1
    if (node === -1) {
      const message = `device "${deviceId}" stands on node "${store.nodeIds.get(nodeText)}", which is not in the inventory`
      report('device', d, ['node'], message, 'correct the node id or add the node')
    } else deviceNode[d] = node
    const firstIdentifier = store.identifierStart(d)
    for (let at = firstIdentifier; at < store.identifierStart(d + 1); at++) {
      const written = store.identifier(at)
      const hash = arena.encode(written.toLowerCase())
      const known = identifierTable.find(hash, isSameIdentifier)
      if (known === -1) {
        identifierTable.add(hash, at)
        continue
      }
      const owner = ownerOf(known, deviceCount, store.identifierStart)
      if (owner === d) continue
      const message = `identifier "${written}" of device "${deviceId}" belongs to device "${store.deviceId(owner)}" already, at ${report.where('device', owner)}`
      const remedy = 'telemetry must name one device: remove it from one'
      report('device', d, ['identifiers', at - firstIdentifier], message, remedy)
    }
    checkPorts(store, d, nodeOfText, report)
  }
  return { deviceNode, deviceTable, identifierTable }
}

function checkPorts(store: InventoryStore, d: number, nodeOfText: Int32Array, report: Report): void {
  const first = store.portStart(d)
  for (let at = first; at < store.portStart(d + 1); at++) {
    const peer = store.portPeerText(at)
    const instance = store.portKey(at)
    if (peer !== -1 && nodeOfText[peer] === 0) {
      const message = `port ${instance} of device "${store.deviceId(d)}" leads to node "${store.nodeIds.get(peer)}", which is not in the inventory`
      const remedy = 'correct the node id, add the node, or leave it out'
      report('device', d, ['ports', at - first, 'peer'], message, remedy)
    } else if (peer !== -1 && store.portRole(at) === 'uplink') {
      const node = nodeOfText[store.deviceNodeText(d)]! - 1
      if (node !== -1 && peer !== store.nodeText(node) && !isParent(store, node, peer)) {
        const message = `port ${instance} of device "${store.deviceId(d)}" is an uplink to "${store.nodeIds.get(peer)}", which is no parent of its node`
        const remedy = 'name it among the parents of the node, or make the port a downlink'
        report('device', d, ['ports', at - first, 'peer'], message, remedy)
      }
    }
    if (store.portLag(at) !== '' && store.isPort(at, store.portLag(at))) {
      const message = `port ${instance} of device "${store.deviceId(d)}" is a member of itself`
      report('device', d, ['ports', at - first, 'lag'], message, 'name the aggregate it is a member of')
    }
    for (let other = first; other < at; other++) {
      const same = sameIn(store.portKind(at), store.portKind(other))
      if (same === undefined) continue
      const message = `port ${instance} of device "${store.deviceId(d)}" is listed twice, by its ${same}`
      report('device', d, ['ports', at - first, same], message, 'list each port once')
      break
    }
  }
}

/** By what two entries of one device are the same port. A name that is the instance of another would be either. */
function sameIn(a: PortKind, b: PortKind): 'instance' | 'name' | undefined {
  const isSame = (one = '', other = ''): boolean => one !== '' && portNameKey(one) === portNameKey(other)
  if (a.instance !== '' && a.instance === b.instance) return 'instance'
  if (a.name === undefined && b.name === undefined) return undefined
  if (isSame(a.name, b.name) || isSame(a.name, b.instance)) return 'name'
  return isSame(a.instance, b.name) ? 'instance' : undefined
}

function isParent(store: InventoryStore, node: number, text: number): boolean {
  for (let at = store.parentStart(node); at < store.parentStart(node + 1); at++) {
    if (store.parentText(at) === text) return true
  }
  return false
}
