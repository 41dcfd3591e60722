/** Stored history of a node, newest first; asked of ClickHouse. */
export interface HistoryEntry {
  readonly atMs: number
  readonly kind: 'light' | 'alarm' | 'incident'
  readonly data: Readonly<Record<string, unknown>>
}

export interface HistoryStore {
  nodeHistory(nodeId: string, fromMs: number, toMs: number, limit: number): Promise<readonly HistoryEntry[]>
}
