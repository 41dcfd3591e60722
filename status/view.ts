import type { Alarm, AlarmKey, AlarmTransition, RuleNotes } from '../rules/model.ts'
import type { RuleExplanation } from '../rules/explained.ts'
import type { LatestReading } from '../schemas/history.ts'
import type { IncidentKind, Language, Light, Tier } from '../schemas/words.ts'
import type { AddressOutcome } from '../topology/addresses/index.ts'
import type { Below } from '../topology/lights/reach.ts'
import type { DarkTime } from '../topology/runway.ts'
import type { ShadowFilter, ShadowReport } from './shadow-view.ts'
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

/** A node as it stands in the tree: once, below the first of its parents. */
export interface TreeNode extends NodeSummary {
  readonly parents: readonly string[]
  /** How many nodes stand right below it. */
  readonly children: number
  /** Effective lights of all nodes that stand below it. */
  readonly below: { readonly red: number; readonly grey: number; readonly yellow: number }
}

/**
 * Which nodes are asked for: what stands at the top, what stands right below `parent`, the way from the top down to `path`, or all
 * below `under`; without any of them, all of the network. `tier` and `light` go with the last two.
 */
export interface NodeFilter {
  readonly top?: boolean | undefined
  readonly parent?: string | undefined
  readonly path?: string | undefined
  readonly under?: string | undefined
  readonly tier?: Tier | undefined
  readonly light?: Light | undefined
  /** Only nodes that are not green; at the top and below a parent also those with such a node below. */
  readonly trouble?: boolean | undefined
  /** Id of the last node of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface NodePage {
  readonly items: readonly TreeNode[]
  /** On all pages. */
  readonly total: number
  /** `after` of the next page; null on the last one. */
  readonly next: string | null
}

/** The inventory has no node with the id that this parameter names. */
export interface UnknownInFilter {
  readonly unknown: 'parent' | 'path' | 'under' | 'after'
}

export const incidentSorts = ['heaviest', 'newest', 'oldest'] as const
export type IncidentSort = (typeof incidentSorts)[number]

export interface IncidentFilter {
  readonly open?: boolean | undefined
  readonly kind?: IncidentKind | undefined
  /** Tier of the root. */
  readonly tier?: Tier | undefined
  /** Only roots that are this node or stand below it. */
  readonly under?: string | undefined
  /** `heaviest`: planned work last, then by subscribers and nodes affected. */
  readonly sort?: IncidentSort | undefined
  /** `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface IncidentPage {
  readonly items: readonly Incident[]
  readonly total: number
  readonly next: string | null
}

export interface NodeCount {
  readonly tier: Tier
  readonly light: Light
  readonly nodes: number
}

/** A site on its battery: when it goes dark, and what is without service then. */
export interface BatteryRunway {
  readonly node: string
  readonly nodeName: string
  /** Since when it runs on battery (event time, ms). */
  readonly sinceMs: number
  /** Null where nothing reliable is known. */
  readonly dark: DarkTime | null
  /** What is without service then, the node itself and what is so already included. */
  readonly falls: Below
  /** It has not long any more. */
  readonly isNear: boolean
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
  /** Of the node, or of the one above it that goes dark first, on one way to the core; null where none of them runs on battery. */
  readonly runway: BatteryRunway | null
  readonly devices: readonly {
    id: string
    role: string
    vendor: string
    model: string
    lastSeenMs: number | null
    silent: boolean
    /** By how much (ms) the clock is ahead that it is told by, less than 0 for behind; null while it is right. */
    clockOffsetMs: number | null
  }[]
  /** The worst of the nodes directly below, at most `childrenListedMax`. */
  readonly children: readonly NodeSummary[]
  readonly childrenTotal: number
  /** Nodes, addresses and subscribers at and below this node. */
  readonly below: { readonly nodes: number; readonly addresses: number; readonly subscribers: number }
}

/** Why the rules of a node raised or did not. */
export interface NodeExplanation {
  readonly id: string
  readonly name: string
  /** By device; of each those that are raised first. */
  readonly rules: readonly RuleExplanation[]
  /** How long its devices may keep silent. */
  readonly devices: readonly {
    readonly id: string
    readonly lastHeardMs: number | null
    readonly intervalMs: number
    readonly limitMs: number
    readonly isSilent: boolean
    readonly clockOffsetMs: number | null
  }[]
}

export const childrenListedMax = 100

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
  /** Up to this moment (ms) everything that was sent has come and is judged; null after a start, until that is known. */
  readonly asOfMs: number | null
  /** By how much the data is late (ms); 0 while it comes in time. While it is late lights stay as they were and no silence is counted. */
  readonly lateMs: number
}

export interface StatusView {
  lookup(address: string, limit: number): LookupAnswer
  node(id: string): NodeAnswer | undefined
  /** Devices whose latest readings `explain` needs; undefined for a node that is not there. */
  devicesFor(id: string): readonly string[] | undefined
  /** Every rule that applies to the node, and why it raised or did not. */
  explain(id: string, readings: readonly LatestReading[], nowMs: number): NodeExplanation | undefined
  /** Costs what the page is long, not the network. */
  nodes(filter: NodeFilter): NodePage | UnknownInFilter
  /** Those of them whose name or id has `part` in it. Looks at each of them, in pieces of a few milliseconds. */
  nodesNamed(part: string, filter: NodeFilter): Promise<NodePage | UnknownInFilter>
  /** The whole network down to a tier, parents before children, in parts: `after` is the last node of the part before. */
  outline(deepest: Tier, after: string | undefined, limit: number): readonly TreeNode[]
  /** An address of the network, to show how one may be asked for; null where it has none. */
  exampleAddress(): string | null
  /** How many nodes of each tier show each effective light. */
  nodeCounts(): readonly NodeCount[]
  /** Name of a node; without it the whole answer of the node is asked for. */
  nodeName?(id: string): string | undefined
  /** Of an open incident: of its sites on battery the one that goes dark first; null where there is none. */
  runway(incident: string): BatteryRunway | null
  /** One of its sites on battery has not had long any more, now or at any time since it opened. */
  isNear(incident: string): boolean
  /** Open ones first. Looks at each that is kept, in pieces of a few milliseconds. */
  incidents(filter: IncidentFilter): Promise<IncidentPage | { readonly unknown: 'after' | 'under' }>
  /** How many are open, by kind. Costs nothing. */
  openIncidents(): Readonly<Record<IncidentKind, number>>
  /** Those of a kind, unordered: for kinds of which there are few. */
  openOfKind(kind: IncidentKind): readonly Incident[]
  /** Closed incidents that turned out to be part of one that is open, with that one's id. */
  mergedIncidents(): readonly { readonly id: string; readonly into: string }[]
  alarms(filter: { open?: boolean; node?: string; limit: number }): readonly Alarm[]
  /** What the rule of an alarm says of it, by the rules that are in force. */
  readonly notesOf: (alarm: Pick<AlarmKey, 'type' | 'qualifier'>) => RuleNotes
  /** The same of an incident: of the gravest of its open alarms whose rule says something, the oldest of these. */
  incidentNotes(incident: Pick<Incident, 'alarms'>): RuleNotes
  unknownDevices(limit: number): readonly UnknownDevice[]
  /** Calls back on every change after now; returns how to stop. Listeners must not block. */
  subscribe(listener: (event: StatusEvent) => void): () => void
  /** What the rules in shadow do otherwise; null where that is not known in time. Left out where there can be none. */
  shadow?(filter: ShadowFilter): Promise<ShadowReport | null>
  readiness(): Readiness
  freshness(): Freshness
}

export type { HistoryEntry, HistoryStore } from '../schemas/history.ts'
