import type { Coordinates } from './words.ts'

/** Stored history of a node, newest first; asked of ClickHouse. */
export interface HistoryEntry {
  readonly atMs: number
  readonly kind: 'light' | 'alarm' | 'incident'
  readonly data: Readonly<Record<string, unknown>>
}

/** A series of a device with its last sample; null where none was stored in the time that was asked for. */
export interface LatestReading {
  readonly device: string
  readonly signal: string
  readonly instance: string
  readonly last: {
    readonly value: number
    /** Event time. */
    readonly timeMs: number
    readonly coordinates: Coordinates
  } | null
}

export interface HistoryStore {
  /** The series of these devices, at most `limit`, with their last sample since `fromMs`. */
  latestReadings(devices: readonly string[], fromMs: number, limit: number): Promise<readonly LatestReading[]>
  nodeHistory(nodeId: string, fromMs: number, toMs: number, limit: number): Promise<readonly HistoryEntry[]>
}
