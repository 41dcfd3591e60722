import type { IncidentKind, Light, Tier } from '../schemas/words.ts'

/** What people write: the inventory as loaded, before it is compiled. Ids are the operator's own. */
export interface InventoryNode {
  readonly id: string
  readonly tier: Tier
  readonly name: string
  /** Usually one; more where a second uplink exists; both neighbours in a ring. Empty for the core. */
  readonly parents: readonly string[]
  /** Street addresses it serves, as people write them: "ул. Тютчева, 1 к 2". */
  readonly addresses: readonly string[]
  readonly subscribers: number
  /** Kind of premises: apartment, private, business, … */
  readonly premises: string
  readonly maintenance: boolean
  /** Feeder of the mains, where it is known: what hangs on one goes dark together, whatever its place in the network. */
  readonly mains?: string
  /** Words of the operator's own, in lower case, that rules may select by; left out for none. */
  readonly tags?: readonly string[]
}

export interface InventoryPort {
  /** As telemetry numbers the port: ifIndex for switches; '' where only its name is given. */
  readonly instance: string
  /** As the device calls it (ifName or ifDescr), by which it is followed when its number moves; left out where it is not given. */
  readonly name?: string
  readonly role: 'uplink' | 'downlink' | 'access'
  /** Node at the other end ('' when not known). */
  readonly peer: string
  /** Optic class, e.g. `1000base-bx10`; '' for copper or unknown. */
  readonly opticClass: string
  /** Name or instance of the aggregate (LAG) the port is a member of; left out for a port by itself. */
  readonly lag?: string
}

export interface InventoryDevice {
  readonly id: string
  readonly node: string
  /** switch, ups, catv, … */
  readonly role: string
  readonly vendor: string
  readonly model: string
  /** Every identifier its telemetry may carry: management address, sysName, hostname, UPS name. */
  readonly identifiers: readonly string[]
  /** How often it is polled (s); 0 for the default of the configuration. */
  readonly intervalS: number
  /** As of a node. */
  readonly tags?: readonly string[]
  readonly ports: readonly InventoryPort[]
}

/** What is the same for many devices. */
export type DeviceMake = Pick<InventoryDevice, 'role' | 'vendor' | 'model' | 'intervalS' | 'tags'>

/**
 * The compiled inventory: look-ups by id and identifier, the tree as index arrays in topological order. Nodes and
 * devices are kept packed and known by their index; whole objects are made on demand, the narrow accessors make none.
 */
export interface Inventory {
  readonly nodeCount: number
  readonly deviceCount: number
  /** Changes with every successful load. */
  readonly version: number
  /** Throws a RangeError for an index that is not there, as all accessors by index may. */
  readonly node: (node: number) => InventoryNode
  readonly nodeId: (node: number) => string
  readonly nodeName: (node: number) => string
  /** Tells of a node whether its name or its id contains `part`, in whatever case. */
  readonly nodeSearch: (part: string) => (node: number) => boolean
  readonly tierOf: (node: number) => Tier
  readonly isMaintenance: (node: number) => boolean
  /** Number of the feeder that the node's mains hang on, from 1; 0 where it is not known. */
  readonly feederOf: (node: number) => number
  readonly subscribersOf: (node: number) => number
  /** Tags of the node itself. */
  readonly tagsOf: (node: number) => readonly string[]
  readonly addressCountOf: (node: number) => number
  /** All addresses, numbered in the order of their nodes. */
  readonly addressCount: number
  readonly address: (at: number) => string
  readonly nodeOfAddress: (at: number) => number
  readonly device: (device: number) => InventoryDevice
  readonly deviceId: (device: number) => string
  /** One object for all devices that are alike. */
  readonly makeOf: (device: number) => DeviceMake
  readonly nodeIndex: (id: string) => number | undefined
  readonly deviceIndex: (id: string) => number | undefined
  /** All identifiers of devices, as written. */
  readonly identifierCount: number
  readonly identifier: (at: number) => string
  /** Index of the device that carries this identifier (compared without case), or undefined. */
  readonly deviceByIdentifier: (identifier: string) => number | undefined
  /** Node index of a device index. */
  readonly nodeOfDevice: (device: number) => number
  readonly devicesOfNode: (node: number) => readonly number[]
  readonly parentsOf: (node: number) => readonly number[]
  readonly childrenOf: (node: number) => readonly number[]
  /** The port of a device with this key (ports.ts). */
  readonly port: (device: number, key: string) => InventoryPort | undefined
  /** Whether the inventory calls ports of the device by name. */
  readonly namesPorts: (device: number) => boolean
  /** Node indices, every parent before its children, but for the nodes of one ring. */
  readonly topologicalOrder: Int32Array
}

/** Why a light is what it is, for people: the alarm or the upstream node. */
export interface LightCause {
  /** `alarm`: an own alarm; `upstream`: a node above; `silence`: no data; `none`: green. */
  readonly by: 'alarm' | 'upstream' | 'silence' | 'none'
  /** Id of the node at fault (this node itself, or the one upstream). */
  readonly node: string
  /** Alarm id where one is known, else ''. */
  readonly alarm: string
  readonly kind: IncidentKind
}

export interface NodeLight {
  readonly own: Light
  readonly effective: Light
  /** Since when the effective light is what it is (ms); null while it has not changed since the daemon began. */
  readonly sinceMs: number | null
  readonly cause: LightCause
  readonly maintenance: boolean
}

export interface LightChange {
  readonly node: string
  readonly from: Light
  readonly to: Light
  readonly own: Light
  readonly atMs: number
  readonly cause: LightCause
}

/** Changes of lights of one update, in order; each is made as it is asked for. */
export interface LightChanges extends Iterable<LightChange> {
  readonly length: number
}

export interface Impact {
  readonly nodes: number
  readonly addresses: number
  readonly subscribers: number
}

export interface Incident {
  /** From root, kind and first event time, so that every instance and every replay names it alike. */
  readonly id: string
  readonly root: string
  readonly kind: IncidentKind
  /** The light of the root: red, yellow or grey. */
  readonly light: Light
  readonly severity: 'critical' | 'warning'
  readonly openedAtMs: number
  readonly closedAtMs: number | null
  readonly alarms: readonly string[]
  readonly affectedNodes: number
  readonly affectedAddresses: number
  readonly affectedSubscribers: number
  /** Of those affected, what is without service; the others work at risk or in part. Left out where it is read from storage. */
  readonly out?: Impact
  readonly maintenance: boolean
  /** Of a closed one: it turned out to be part of the incident with this id, and is told there. */
  readonly mergedInto?: string
}

export interface IncidentChange {
  readonly incident: Incident
  readonly change: 'opened' | 'changed' | 'closed'
  readonly atMs: number
}
