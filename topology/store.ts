import { tiers, type Tier } from '../schemas/words.ts'
import type { DeviceMake, InventoryDevice, InventoryNode, InventoryPort } from './model.ts'
import { portKey } from './ports.ts'
import {
  createColumn,
  createPool,
  createTextArena,
  createTextSet,
  type TextArena,
  type TextSet
} from './texts.ts'

export type PortKind = Omit<InventoryPort, 'peer'>

/**
 * Nodes and devices as columns: about 250 bytes a node with its device where objects take a kilobyte. Filled entry by
 * entry while files are read; objects are made on demand. Ids of nodes are numbered as texts, because a parent may
 * be named before it is described.
 */
export interface InventoryStore {
  readonly nodeCount: number
  readonly deviceCount: number
  readonly addNode: (node: InventoryNode) => void
  readonly addDevice: (device: InventoryDevice) => void
  readonly node: (i: number) => InventoryNode
  readonly device: (d: number) => InventoryDevice
  /** Ids of nodes, described or only named. */
  readonly nodeIds: TextSet
  /** Number of a node's id in `nodeIds`. */
  readonly nodeText: (i: number) => number
  readonly nodeName: (i: number) => string
  /** Tells of a node whether its name or its id contains `part`, in whatever case. */
  readonly nodeSearch: (part: string) => (i: number) => boolean
  readonly tierIndex: (i: number) => number
  readonly premises: (i: number) => string
  readonly tags: (i: number) => readonly string[]
  readonly isMaintenance: (i: number) => boolean
  /** Number of the feeder of its mains; 0 for none known. */
  readonly feeder: (i: number) => number
  readonly subscribers: (i: number) => number
  /** Parents of node i stand at parentStart(i) … parentStart(i + 1) - 1. */
  readonly parentStart: (i: number) => number
  readonly parentText: (at: number) => number
  /** Addresses are numbered through all nodes, in their order; those of node i begin at addressStart(i). */
  readonly addressStart: (i: number) => number
  readonly address: (at: number) => string
  readonly deviceId: (d: number) => string
  /** Where the id stands in `arena`. */
  readonly deviceIdPlace: (d: number) => number
  /** Number of the id of the device's node in `nodeIds`. */
  readonly deviceNodeText: (d: number) => number
  readonly make: (d: number) => DeviceMake
  readonly identifierStart: (d: number) => number
  readonly identifier: (at: number) => string
  /** Where it stands in `arena`. */
  readonly identifierPlace: (at: number) => number
  readonly portStart: (d: number) => number
  readonly port: (at: number) => InventoryPort
  /** Its key (ports.ts). */
  readonly portKey: (at: number) => string
  /** Whether any port of any device has a name. */
  readonly namesPorts: boolean
  /** The port without its peer: one object for all that are alike. */
  readonly portKind: (at: number) => PortKind
  /** Whether a text is its name or its instance. */
  readonly isPort: (at: number, text: string) => boolean
  readonly portRole: (at: number) => InventoryPort['role']
  /** Name or instance of the aggregate it is a member of, or ''. */
  readonly portLag: (at: number) => string
  /** Number of the id of the port's peer in `nodeIds`, or -1. */
  readonly portPeerText: (at: number) => number
  readonly arena: TextArena
}

const ints = (length: number): Int32Array => new Int32Array(length)
const places = (length: number): Uint32Array => new Uint32Array(length)

const noTags: readonly string[] = []

/** A name that is the id is not kept a second time. */
const nameIsId = 0xffffffff

export function createInventoryStore(): InventoryStore {
  const arena = createTextArena()
  const nodeIds = createTextSet(arena)

  const nodeText = createColumn(ints)
  const namePlace = createColumn(places)
  /** Tier in the lowest three bits, maintenance in the next, premises and tags above. */
  const about = createColumn(ints)
  const subscribers = createColumn(ints)
  const kinds = createPool<{ readonly premises: string; readonly tags: readonly string[] }>()
  const feeder = createColumn(ints)
  const feeders = createPool<string>()
  const parentStart = createColumn(ints)
  const parents = createColumn(ints)
  const addressStart = createColumn(ints)
  const addresses = createColumn(places)

  const deviceIdPlace = createColumn(places)
  const deviceNode = createColumn(ints)
  const deviceMake = createColumn(ints)
  const makes = createPool<DeviceMake>()
  const identifierStart = createColumn(ints)
  const identifiers = createColumn(places)
  const portStart = createColumn(ints)
  const portPeer = createColumn(ints)
  const portKind = createColumn(ints)
  const portKinds = createPool<PortKind>()
  let namesPorts = false

  for (const column of [parentStart, addressStart, identifierStart, portStart]) column.push(0)
  feeders.add('', () => '')

  const tierOf = (i: number): Tier => tiers[about.array[i]! & 7]!
  const range = <T>(start: Int32Array, i: number, of: (at: number) => T): T[] => {
    const found: T[] = []
    for (let at = start[i]!; at < start[i + 1]!; at++) found.push(of(at))
    return found
  }
  const check = (index: number, count: number, what: string): void => {
    if (!(index >= 0 && index < count)) throw new RangeError(`no ${what} has the number ${index}`)
  }
  const nodeId = (i: number): string => nodeIds.get(nodeText.array[i]!)
  const nodeName = (i: number): string => {
    const place = namePlace.array[i]!
    return place === nameIsId ? nodeId(i) : arena.get(place)
  }
  const address = (at: number): string => arena.get(addresses.array[at]!)
  const identifier = (at: number): string => arena.get(identifiers.array[at]!)
  const port = (at: number): InventoryPort => {
    const { instance, role, opticClass, ...rest } = portKinds.get(portKind.array[at]!)
    const peer = portPeer.array[at]!
    return { instance, role, peer: peer === -1 ? '' : nodeIds.get(peer), opticClass, ...rest }
  }

  return {
    get nodeCount() {
      return nodeText.size
    },
    get namesPorts() {
      return namesPorts
    },
    get deviceCount() {
      return deviceNode.size
    },
    addNode(node) {
      nodeText.push(nodeIds.add(node.id))
      namePlace.push(node.name === node.id ? nameIsId : arena.add(node.name))
      const { premises, tags = noTags } = node
      const kind = kinds.add([premises, ...tags].join('\n'), () => ({ premises, tags }))
      about.push((kind << 4) | (node.maintenance ? 8 : 0) | tiers.indexOf(node.tier))
      subscribers.push(node.subscribers)
      const { mains = '' } = node
      feeder.push(feeders.add(mains, () => mains))
      for (const parent of node.parents) parents.push(nodeIds.add(parent))
      parentStart.push(parents.size)
      for (const text of node.addresses) addresses.push(arena.add(text))
      addressStart.push(addresses.size)
    },
    addDevice(device) {
      const { id, node, role, vendor, model, intervalS, tags = noTags } = device
      const place = arena.add(id)
      deviceIdPlace.push(place)
      deviceNode.push(nodeIds.add(node))
      deviceMake.push(
        makes.add([role, vendor, model, intervalS, ...tags].join('\n'), () => ({
          role,
          vendor,
          model,
          intervalS,
          ...(tags.length > 0 && { tags })
        }))
      )
      for (const text of device.identifiers) identifiers.push(text === id ? place : arena.add(text))
      identifierStart.push(identifiers.size)
      for (const { peer, ...kind } of device.ports) {
        portPeer.push(peer === '' ? -1 : nodeIds.add(peer))
        const { instance, name = '', role: portRole, opticClass, lag = '' } = kind
        namesPorts ||= name !== ''
        portKind.push(portKinds.add([instance, portRole, opticClass, lag, name].join('\n'), () => kind))
      }
      portStart.push(portPeer.size)
    },
    node(i) {
      check(i, nodeText.size, 'node')
      const mains = feeders.get(feeder.array[i]!)
      const { premises, tags } = kinds.get(about.array[i]! >> 4)
      return {
        id: nodeId(i),
        tier: tierOf(i),
        name: nodeName(i),
        parents: range(parentStart.array, i, at => nodeIds.get(parents.array[at]!)),
        addresses: range(addressStart.array, i, address),
        subscribers: subscribers.array[i]!,
        premises,
        maintenance: (about.array[i]! & 8) !== 0,
        ...(mains !== '' && { mains }),
        ...(tags.length > 0 && { tags })
      }
    },
    device(d) {
      check(d, deviceNode.size, 'device')
      const { role, vendor, model, intervalS, tags } = makes.get(deviceMake.array[d]!)
      return {
        id: arena.get(deviceIdPlace.array[d]!),
        node: nodeIds.get(deviceNode.array[d]!),
        role,
        vendor,
        model,
        identifiers: range(identifierStart.array, d, identifier),
        intervalS,
        ...(tags !== undefined && { tags }),
        ports: range(portStart.array, d, port)
      }
    },
    nodeIds,
    nodeText: i => nodeText.array[i]!,
    nodeName,
    nodeSearch(part) {
      const has = arena.search(part)
      return i => {
        const place = namePlace.array[i]!
        return (place !== nameIsId && has(place)) || has(nodeIds.place(nodeText.array[i]!))
      }
    },
    tierIndex: i => about.array[i]! & 7,
    premises: i => kinds.get(about.array[i]! >> 4).premises,
    tags: i => kinds.get(about.array[i]! >> 4).tags,
    isMaintenance: i => (about.array[i]! & 8) !== 0,
    feeder: i => feeder.array[i]!,
    subscribers: i => subscribers.array[i]!,
    parentStart: i => parentStart.array[i]!,
    parentText: at => parents.array[at]!,
    addressStart: i => addressStart.array[i]!,
    address,
    deviceId: d => arena.get(deviceIdPlace.array[d]!),
    deviceIdPlace: d => deviceIdPlace.array[d]!,
    deviceNodeText: d => deviceNode.array[d]!,
    make: d => makes.get(deviceMake.array[d]!),
    identifierStart: d => identifierStart.array[d]!,
    identifier,
    identifierPlace: at => identifiers.array[at]!,
    portStart: d => portStart.array[d]!,
    port,
    portKey: at => portKey(portKinds.get(portKind.array[at]!)),
    portKind: at => portKinds.get(portKind.array[at]!),
    isPort(at, text) {
      const { instance, name } = portKinds.get(portKind.array[at]!)
      return name === text || instance === text
    },
    portRole: at => portKinds.get(portKind.array[at]!).role,
    portLag: at => portKinds.get(portKind.array[at]!).lag ?? '',
    portPeerText: at => portPeer.array[at]!,
    arena
  }
}
