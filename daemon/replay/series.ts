import type { LoggedEntity } from '../../ingest/clickhouse/sample-log.ts'
import { signalIds } from '../../schemas/signals.ts'
import { createNumberTable } from '../../topology/texts.ts'

/**
 * The series of a log, numbered: those of one port stand together, in the order of their signals. What the status engine is told of
 * them when they are met is what was stored when they were met.
 */
export interface LoggedSeries {
  readonly count: number
  readonly deviceCount: number
  /** Index of the series with this id (two words), or -1. */
  find(lo: number, hi: number): number
  /** Index of its device: those with the same preferred identifier are one. */
  deviceOf(series: number): number
  signalOf(series: number): number
  entityOf(series: number): DescribedEntity
  /** Series whose signal is not known to this version. */
  readonly unknownSignals: number
}

export interface DescribedEntity {
  readonly number: number
  readonly identifiers: readonly string[]
  readonly instance: string
  readonly portNames: readonly string[]
  readonly profile: string
  readonly collector: string
  readonly device: number
}

export function createLoggedSeries(logged: readonly LoggedEntity[]): LoggedSeries {
  const capacity = logged.reduce((sum, { ids }) => sum + ids.length, 0)
  const lo = new Uint32Array(capacity)
  const hi = new Uint32Array(capacity)
  const signal = new Uint8Array(capacity)
  const entity = new Int32Array(capacity)
  const entities: DescribedEntity[] = []
  const devices = new Map<string, number>()
  const hashOf = (lo: number, hi: number): number => (lo ^ Math.imul(hi, 0x9e3779b1)) >>> 0
  const table = createNumberTable(series => hashOf(lo[series]!, hi[series]!), capacity)
  let count = 0
  let unknownSignals = 0

  for (const { identifiers, instance, portNames, profile, collector, ids, names } of logged) {
    const name = identifiers[0] ?? ''
    const device = devices.get(name) ?? devices.size
    devices.set(name, device)
    const number = entities.length
    entities.push({ number, identifiers, instance, portNames, profile, collector, device })
    const known = names
      .map((signalName, i) => ({ id: ids[i]!, signal: signalIds.get(signalName) ?? -1 }))
      .filter(({ signal }) => signal >= 0)
      .sort((a, b) => a.signal - b.signal)
    unknownSignals += names.length - known.length
    for (const each of known) {
      lo[count] = Number(each.id & 0xffffffffn)
      hi[count] = Number(each.id >> 32n)
      signal[count] = each.signal
      entity[count] = number
      table.add(hashOf(lo[count]!, hi[count]!), count)
      count++
    }
  }

  let askedLo = 0
  let askedHi = 0
  const isAsked = (series: number): boolean => lo[series] === askedLo && hi[series] === askedHi
  return {
    count,
    deviceCount: devices.size,
    find(low, high) {
      askedLo = low
      askedHi = high
      return table.find(hashOf(low, high), isAsked)
    },
    deviceOf: series => entities[entity[series]!]!.device,
    signalOf: series => signal[series]!,
    entityOf: series => entities[entity[series]!]!,
    unknownSignals
  }
}
