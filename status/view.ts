import type { Alarm, AlarmTransition } from '../rules/model.ts'
import type { Language, Light, Tier } from '../schemas/words.ts'
import type { AddressOutcome } from '../topology/addresses/index.ts'
import type { Incident, IncidentChange, InventoryNode, LightCause, LightChange } from '../topology/model.ts'

/**
 * What the outward face (HTTP, page, CLI) may ask of the status engine. Every answer is computed in memory from
 * the engine's current state; history alone goes to ClickHouse.
 */
export interface NodeSummary {
  readonly id: string
  readonly tier: string
  readonly name: string
  readonly own: Light
  readonly effective: Light
  /** Null while the effective light has not changed since the daemon began. */
  readonly sinceMs: number | null
  readonly maintenance: boolean
}

export interface TreeNode extends NodeSummary {
  readonly parents: readonly string[]
}

export interface NodeCount {
  readonly tier: Tier
  readonly light: Light
  readonly nodes: number
}

export interface NodeAnswer extends NodeSummary {
  readonly node: InventoryNode
  readonly cause: LightCause
  /** One sentence for the operator: what is wrong, in their language. */
  readonly says: Readonly<Record<Language, string>>
  /** From the node's parent up to the core, one way (the live one where there is one). */
  readonly wayToCore: readonly NodeSummary[]
  /** Open alarms of the node, worst first. */
  readonly alarms: readonly Alarm[]
  /** Open incidents this node is the root of or is affected by. */
  readonly incidents: readonly Incident[]
  readonly devices: readonly {
    id: string
    role: string
    vendor: string
    model: string
    lastSeenMs: number | null
    silent: boolean
  }[]
  readonly children: readonly NodeSummary[]
  /** Nodes, addresses and subscribers at and below this node. */
  readonly below: { readonly nodes: number; readonly addresses: number; readonly subscribers: number }
}

export interface AddressMatch {
  readonly address: string
  readonly nodeId: string
  readonly tier: string
  /** 1 for the exact building; lower for near matches. */
  readonly score: number
  /** The effective light of the node. */
  readonly light: Light
}

export interface LookupAnswer {
  readonly query: string
  /** What the query was taken for. */
  readonly by: 'address' | 'node' | 'name' | 'device' | 'incident'
  readonly outcome: AddressOutcome
  /** The address of the building chosen, where the query is not literally that. */
  readonly understoodAs: string | null
  /** Streets that are there, where the house is not; or that are spelled alike. */
  readonly streets: readonly string[]
  /** The answer when exactly one building matches; never picked between different buildings. */
  readonly match: (AddressMatch & { readonly node: NodeAnswer }) | null
  /** Nearest candidates otherwise, best first. */
  readonly candidates: readonly AddressMatch[]
}

export interface UnknownDevice {
  readonly identifier: string
  readonly collector: string
  readonly profile: string
  readonly series: number
  readonly firstSeenMs: number
  readonly lastSeenMs: number
}

export type StatusEvent =
  | { readonly type: 'light'; readonly atMs: number; readonly data: LightChange }
  | { readonly type: 'incident'; readonly atMs: number; readonly data: IncidentChange }
  | { readonly type: 'alarm'; readonly atMs: number; readonly data: AlarmTransition }
  /** Names, parents, maintenance or rules may be others now: whoever shows the tree asks for it again. */
  | { readonly type: 'reload'; readonly atMs: number; readonly data: { readonly inventoryVersion: number } }

export interface Readiness {
  readonly ready: boolean
  /**
   * Each part by name: whether it is well, and a sentence when it is not. While the part `state` is not well,
   * nothing is known of the network yet, and the interface answers no question about it.
   */
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>
}

/** How new what is known is. */
export interface Freshness {
  /** Up to this moment (ms) everything that was sent has come and is judged. */
  readonly asOfMs: number
  /** By how much the data is late (ms); 0 while it comes in time. While it is late lights stay as they were and no silence is counted. */
  readonly lateMs: number
}

export interface StatusView {
  lookup(address: string, limit: number): LookupAnswer
  node(id: string): NodeAnswer | undefined
  /**
   * Every node's summary, parents before children: what the page's tree starts from. With `deepest`, nodes of the
   * tiers below it may be left out: a page does not want a million rows.
   */
  tree(deepest?: Tier): readonly TreeNode[]
  /** How many nodes of each tier show each effective light. Cheap; without it the tree is counted. */
  nodeCounts?(): readonly NodeCount[]
  /** Name of a node; without it the whole answer of the node is asked for. */
  nodeName?(id: string): string | undefined
  incidents(filter: { open?: boolean; limit: number }): readonly Incident[]
  alarms(filter: { open?: boolean; node?: string; limit: number }): readonly Alarm[]
  unknownDevices(limit: number): readonly UnknownDevice[]
  /** Calls back on every change after now; returns how to stop. Listeners must not block. */
  subscribe(listener: (event: StatusEvent) => void): () => void
  readiness(): Readiness
  freshness(): Freshness
}

export type { HistoryEntry, HistoryStore } from '../schemas/history.ts'
