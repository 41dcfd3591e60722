import { lights, tiers } from '../../schemas/words.ts'
import type { CompiledInventory } from '../compile.ts'
import type { LinkEnd } from '../elements/links.ts'
import type { IncidentBook } from './incidents.ts'
import { noChanges, type ChangeColumns } from './changes.ts'
import type { NodeAlarms } from './node-alarms.ts'
import {
  createFifo,
  createHeap,
  createNodeSet,
  createRootQueue,
  type Fifo,
  type Heap,
  type NodeSet,
  type RootQueue
} from './queues.ts'

/** What the light engine keeps: columns by node, and the few nodes, roots and collectors that something is known of. */

// Codes of lights in the arrays: their places in the list of words, from good to bad.
export const green = 0
export const yellow = 1
export const grey = 2
export const red = 3

// What a node is to the nodes below it.
export const live = 0
/** Silent: those below are cut off unless they are heard. */
export const dark = 1
/** Known to have no way: those below are cut off. */
export const cut = 2

// What a way of a node is by its links.
export const up = 0
/** Some of its links are down. */
export const degraded = 1
/** All of its links are down. */
export const down = 2

export const none = -1
/** In place of a time: the light is what it was at the start. */
export const unchanged = 0
/** Roots from here down are collectors. */
export const collectorBase = -2
/** From here down they stand for what is wrong within a node besides what puts it out (asides.ts). */
export const asideBase = -1_000_000_000

/** What a root takes with it: sums over the nodes that have it as their root, or have lost one of several ways by it. */
export interface Group {
  nodes: number
  addresses: number
  subscribers: number
  /** Of these, what is red or grey: without service, or not known to have any. */
  cutNodes: number
  cutAddresses: number
  cutSubscribers: number
}

export const noGroup: Readonly<Group> = {
  nodes: 0,
  addresses: 0,
  subscribers: 0,
  cutNodes: 0,
  cutAddresses: 0,
  cutSubscribers: 0
}

export interface Collector {
  readonly code: number
  sinceMs: number | null
  /** Nodes that nobody else hears. */
  nodes: Set<number>
  /** Its silence is an incident though it leaves no node in the dark. */
  isToldAlone: boolean
}

/** A trunk port that is down. */
export interface DownPort extends LinkEnd {
  readonly port: string
  readonly sinceMs: number
  readonly alarm: string
  /** Switched off by an engineer. */
  readonly isByHand: boolean
}

export interface LostWay {
  readonly sinceMs: number
  readonly alarm: string
  readonly isByHand: boolean
}

/** Everything that is kept per node, for one inventory. */
export interface Tree {
  readonly inventory: CompiledInventory
  readonly own: Uint8Array
  readonly effective: Uint8Array
  readonly sinceMs: Float64Array
  /** live, dark or cut: what the node is to those below it. */
  readonly offers: Uint8Array
  /** up, degraded or down by its links: each way, by its place in the inventory's list of parents. */
  readonly ways: Uint8Array
  /** live, dark or cut: how the node is cut off itself. */
  readonly reach: Uint8Array
  /** Node at fault, a collector's code, or none. */
  readonly root: Int32Array
  /** 1 when the node has trouble of its own that nothing else explains, be it counted with another root or not. */
  readonly isCause: Uint8Array
  /** The parent a node of a ring is reached by; none for other nodes, and where there is no way. */
  readonly via: Int32Array
  /** Of nodes that cut off those below: when what does so can have begun at the earliest (ms). */
  readonly onsetMs: Float64Array
  /** Of nodes that have lost one of their ways: the root whose trouble that is, or none. */
  readonly riskBy: Int32Array
  /** The root that explained the node last, and until when (ms): what shows of it soon after is on its way back. */
  readonly leftRoot: Int32Array
  readonly leftMs: Float64Array
  /** When the node was reached and heard again (ms). */
  readonly backMs: Float64Array
  /** 1 when the node is dark by a power cut upstream. */
  readonly powerDark: Uint8Array
  /**
   * 1 when anything is known of the node besides that its devices are silent: its own alarms, lost links, a collector, a cause that has
   * claimed or freed it.
   */
  readonly isKnown: Uint8Array
  readonly silent: Int32Array
  readonly never: Int32Array
  readonly hasUps: Uint8Array
  /** 1 when the node has lost its mains, and since when that is (ms). */
  readonly isMainsLost: Uint8Array
  readonly mainsLostMs: Float64Array
  /** The node whose power cut has claimed this one, and those it has claimed as a list: each counted from 1, 0 for none. */
  readonly claimedBy: Int32Array
  readonly firstClaimed: Int32Array
  readonly nextClaimed: Int32Array
  readonly previousClaimed: Int32Array
  /** Of nodes that are `left`: the root they belonged to. */
  readonly leftBy: Int32Array
  /** Until when a node whose trouble was another's, which is over, may come back yet (ms), and whose it was; 0 for none. */
  readonly freedUntilMs: Float64Array
  readonly freedFrom: Int32Array
  /** What the inventory says of the node, nearer at hand. */
  readonly addresses: Int32Array
  readonly subscribers: Float64Array
  /** Where the counts of the node's tier begin in `counts`. */
  readonly tierCounts: Uint8Array
  readonly deviceSilentMs: Float64Array
  readonly deviceNever: Uint8Array
  readonly queued: Uint8Array
  /** Nodes to be gone over, by depth; those that have lost their mains apart, for they come first, the earliest of them first. */
  readonly queue: Fifo[]
  readonly mainsQueue: Heap[]
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
    offers: new Uint8Array(n),
    ways: new Uint8Array(inventory.parentList.length),
    reach: new Uint8Array(n),
    root: new Int32Array(n).fill(none),
    isCause: new Uint8Array(n),
    via: new Int32Array(n).fill(none),
    onsetMs: new Float64Array(n),
    riskBy: new Int32Array(n).fill(none),
    leftRoot: new Int32Array(n).fill(none),
    leftMs: new Float64Array(n),
    backMs: new Float64Array(n).fill(-Infinity),
    powerDark: new Uint8Array(n),
    isKnown: new Uint8Array(n),
    silent: new Int32Array(n),
    never: new Int32Array(n),
    hasUps: new Uint8Array(n),
    isMainsLost: new Uint8Array(n),
    mainsLostMs: new Float64Array(n),
    claimedBy: new Int32Array(n),
    firstClaimed: new Int32Array(n),
    nextClaimed: new Int32Array(n),
    previousClaimed: new Int32Array(n),
    leftBy: new Int32Array(n),
    freedUntilMs: new Float64Array(n),
    freedFrom: new Int32Array(n),
    addresses: new Int32Array(n),
    subscribers: new Float64Array(n),
    tierCounts: new Uint8Array(n),
    deviceSilentMs: new Float64Array(inventory.deviceCount).fill(NaN),
    deviceNever: new Uint8Array(inventory.deviceCount),
    queued: new Uint8Array(n),
    queue: Array.from({ length: deepest + 1 }, createFifo),
    mainsQueue: Array.from({ length: deepest + 1 }, createHeap),
    queuedCount: 0,
    belowNodes: new Int32Array(n),
    belowAddresses: new Int32Array(n),
    belowSubscribers: new Float64Array(n),
    counts: new Int32Array(tiers.length * lights.length)
  }
  for (let d = 0; d < inventory.deviceCount; d++) {
    if (inventory.makeOf(d).role === 'ups') tree.hasUps[inventory.deviceNode[d]!] = 1
  }
  for (let i = 0; i < n; i++) {
    const tier = tiers.indexOf(inventory.tierOf(i)) * lights.length
    tree.tierCounts[i] = tier
    tree.addresses[i] = inventory.addressCountOf(i)
    tree.subscribers[i] = inventory.subscribersOf(i)
    tree.counts[tier]!++
  }
  return tree
}

/** What goes by a node's index, and begins anew with another inventory. */
interface KeptByNode {
  tree: Tree
  alarmsOf: Map<number, NodeAlarms>
  /** Trunk ports that are down, by the node that tells of them, and by the way they are an end of. */
  portsToldBy: Map<number, readonly DownPort[]>
  downPorts: Map<number, readonly DownPort[]>
  /** Since when a way is what it is (ms), and by which alarm; only of ways that are not up. */
  lostWays: Map<number, LostWay>
  /** Silent collectors of a node, the one silent longest first. */
  collectorsOf: Map<number, Collector[]>
  /** Nodes in trouble that is not explained by silence alone below something above: the only ones a power cut can claim. */
  troubled: NodeSet
  /** How many nodes have lost their mains. */
  mainsLostCount: number
  mainsLostByParent: Map<number, Set<number>>
  /** The same by the part of the network they stand in and by depth, in order of time. */
  mainsLostByPart: Map<number, Map<number, number[]>>
  /** Nodes that have lost a service and nothing else, with since when (ms), by their parent. */
  servicesLost: Map<number, Map<number, number>>
  /** Nodes without a UPS, on a feeder, that are dark and not explained from above, by that; and since when each is (ms). */
  darkOnFeeder: Map<number, DarkOnFeeder>
  darkSince: Map<number, number>
  /** Feeders on which some came or went, so that those that are dark on them are to be gone over. */
  feedersChanged: Set<number>
  /** Nodes that were told as the first of several that went dark together, and since when each was (ms). */
  toldFirst: Map<number, number>
  /** Nodes whose power cut is another root's since, so that those they have claimed are to be gone over; and the next of those of the first. */
  claimsChanged: Fifo
  nextClaimChanged: number
  groups: Map<number, Group>
  /** Roots whose incident is to be looked at by the end of the update. */
  touched: RootQueue
  /** Nodes whose trouble was another's, which is over, by how long they may come back yet. Some may be back. */
  freed: Heap
  /** Nodes that are roots since this update and belonged to another root before. */
  left: RootQueue
  /** Nodes that are causes since this update, for a way whose loss was another root's until then, by node. */
  leftAtRisk: Map<number, number>
  /** Roots whose open incidents were brought back, until the first update: who belonged to them is not known. */
  restored: Set<number>
  /** How many nodes each root has freed. */
  freedBy: Map<number, number>
  /** Nodes that say that a ring is broken since it was known where. */
  ringsExplained: Set<number>
  /** Devices whose next word roots without an incident wait for, by device. */
  awaited: Map<number, Awaited>
  /** Nodes that the power cut of the node above has reached after it, with others. */
  staged: Set<number>
  /** Nodes within which something is wrong that has a root of its own, and until when that may be over yet with what put the node out (ms). */
  asides: Map<number, number>
}

export interface Awaited {
  /** When the device had been heard last when it was asked (ms): another time is its word. */
  readonly heardMs: number
  /** Its word came late, and others may be on their way with it: until then they have time (ms). 0 while it is awaited. */
  othersMs: number
  readonly roots: Set<number>
}

/** Who is heard when, by the index of the device. */
export interface Rhythm {
  /** When the device was heard last (ms), 0 for never. */
  heardMs(device: number): number
  /** When that was read (ms, by the clock of who read it), which may come late; 0 for never. */
  readMs(device: number): number
  /** How long before that it was heard the time before (ms); 0 where that is not known. */
  pauseMs(device: number): number
  /** How often it is expected to be heard (ms). */
  intervalMs(device: number): number
  /** How long nothing is heard of it before it is silent (ms). */
  limitMs(device: number): number
  /** Whether the device tells of its ports when they are down, so that one it says nothing of is up. */
  tellsLinks(device: number): boolean
  /**
   * Since when it had not been heard, where it was heard again only about a moment (ms): what it tells then may have been so since. The
   * moment itself where it was heard before.
   */
  awayFromMs(device: number, atMs: number): number
}

/** The dark nodes of one feeder in order of time, then of index, and since when each is dark (ms). */
export interface DarkOnFeeder {
  readonly nodes: number[]
  readonly sinceMs: number[]
}

/** Everything the engine keeps. */
export interface LightState extends KeptByNode {
  readonly options: LightOptions
  /** Who is heard when; null where nobody is asked before an incident opens. */
  rhythm: Rhythm | null
  readonly book: IncidentBook
  readonly collectors: Map<string, Collector>
  readonly collectorNames: string[]
  /** Of silent roots, within one update: whether a node above sees their link up. */
  readonly linkSeenUp: Map<number, boolean>
  /** Within one update: when a node was heard last that has no way but the one through this node (ms). */
  readonly heardThrough: Map<number, number>
  /** Nodes under which a loss of mains came or went since the last update. */
  mainsChangedUnder: Set<number>
  /** Parts of the network in which that happened. */
  mainsChangedIn: Set<number>
  /** What is left to do of the last update for that. */
  mainsSpread: Generator<void> | null
  readonly changes: ChangeColumns
  /** When it was last looked at whether those that are awaited have been heard (ms). */
  lookedMs: number
  /** Roots that have been looked at for what is handed over, and whose incidents are yet to be brought in line. */
  settling: RootQueue
  /** What was found to be handed over: the oldest for each root that takes over, and the others. */
  handovers: Map<number, Handover>
  otherHandovers: Handover[]
}

/** An open incident whose root is none any more, and whose it is now. */
export interface Handover {
  readonly from: number
  readonly to: number
  readonly openedAtMs: number
  readonly id: string
}

export interface LightOptions {
  /** How long a root must stand before its incident opens (ms), so that its parent's failure can arrive first. */
  readonly settleMs: number
  /**
   * The same for nodes without a UPS that go dark together below one with a UPS (ms): so that it can be asked first
   * whether the mains are lost. At least the UPS's poll interval and the hold of its alarm.
   */
  readonly powerSettleMs: number
  /** How long what was explained by a cause may take to come back when that is over (ms). What is bad for longer stands on its own. */
  readonly recoverMs: number
  /** How long after it was closed the incident of a root goes on when the same fault comes again (ms). */
  readonly reopenMs: number
  /** How far apart losses of mains and silences of one power cut may be seen (ms). */
  readonly powerWindowMs: number
}

export function createLightState(
  inventory: CompiledInventory,
  book: IncidentBook,
  options: LightOptions
): LightState {
  return {
    options,
    rhythm: null,
    book,
    ...keptByNode(inventory),
    collectors: new Map(),
    collectorNames: [],
    linkSeenUp: new Map(),
    heardThrough: new Map(),
    mainsChangedUnder: new Set(),
    mainsChangedIn: new Set(),
    mainsSpread: null,
    changes: noChanges(),
    lookedMs: 0,
    settling: createRootQueue(inventory.nodeCount),
    handovers: new Map(),
    otherHandovers: []
  }
}

/** Begins anew what goes by a node's index, for another inventory. */
export function startOver(state: LightState, inventory: CompiledInventory): void {
  Object.assign(state, keptByNode(inventory))
  state.mainsSpread = null
  state.settling = createRootQueue(inventory.nodeCount)
  state.handovers = new Map()
  state.otherHandovers = []
}

function keptByNode(inventory: CompiledInventory): KeptByNode {
  return {
    tree: createTree(inventory),
    alarmsOf: new Map(),
    portsToldBy: new Map(),
    downPorts: new Map(),
    lostWays: new Map(),
    collectorsOf: new Map(),
    troubled: createNodeSet(inventory.nodeCount),
    mainsLostCount: 0,
    mainsLostByParent: new Map(),
    mainsLostByPart: new Map(),
    servicesLost: new Map(),
    darkOnFeeder: new Map(),
    darkSince: new Map(),
    feedersChanged: new Set(),
    toldFirst: new Map(),
    claimsChanged: createFifo(),
    nextClaimChanged: 0,
    groups: new Map(),
    touched: createRootQueue(inventory.nodeCount),
    freed: createHeap(),
    freedBy: new Map(),
    ringsExplained: new Set(),
    awaited: new Map(),
    staged: new Set(),
    asides: new Map(),
    left: createRootQueue(inventory.nodeCount),
    leftAtRisk: new Map(),
    restored: new Set()
  }
}

/** Since when the node has lost its mains (ms), or undefined. */
export const mainsLostMs = ({ tree }: LightState, node: number): number | undefined =>
  tree.isMainsLost[node] === 1 ? tree.mainsLostMs[node]! : undefined

/** The parent a node belongs to, or none: power cuts are followed along it, because mains go by place. */
export const firstParent = (state: LightState, node: number): number => state.tree.inventory.home[node]!

export function deviceCount(state: LightState, node: number): number {
  const { tree } = state
  return tree.inventory.deviceStart[node + 1]! - tree.inventory.deviceStart[node]!
}

export function enqueue(state: LightState, node: number): void {
  const { tree } = state
  if (tree.queued[node] === 1) return
  tree.queued[node] = 1
  tree.queuedCount++
  const depth = tree.inventory.depth[node]!
  if (tree.isMainsLost[node] === 0) tree.queue[depth]!.push(node)
  else tree.mainsQueue[depth]!.push(tree.mainsLostMs[node]!, node)
}

/** The same for a node whose mains are known to be lost from now on, and that may wait among the others. */
export function enqueueFirst(state: LightState, node: number): void {
  const { tree } = state
  tree.queuedCount -= tree.queued[node]!
  tree.queued[node] = 0
  enqueue(state, node)
}

/** Sets what was shown before, so that the next update tells only what is different. */
export function setShown(
  state: LightState,
  node: number,
  own: number,
  effective: number,
  sinceMs: number
): void {
  const { tree } = state
  const tier = tree.tierCounts[node]!
  tree.counts[tier + tree.effective[node]!]!--
  tree.counts[tier + effective]!++
  tree.own[node] = own
  tree.effective[node] = effective
  tree.sinceMs[node] = sinceMs
  enqueue(state, node)
}
