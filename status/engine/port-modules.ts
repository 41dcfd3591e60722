import { createNumberTable } from '../../topology/texts.ts'
import type { SeriesRegistry } from './series-registry.ts'

/**
 * Series of one module (a device and an instance) that carry its limits or may be judged by them, chained by index: millions of ports have
 * them, so nothing of this is an object.
 */
export interface PortModules {
  /** The first series of the module of the port that a series is of; -1 where there is none. */
  headOf(series: number): number
  has(series: number): boolean
  /** The first series of the module this one belongs to; joins it where it does not yet. */
  take(series: number): number
  /** Joins a series to the module with this head, as headOf() has told: right behind that, or as the first one where it is -1. The head. */
  join(series: number, head: number): number
  /** The port of the series is forgotten, and so will be all others of the module. */
  forget(series: number): void
  /** Joins those of all these series anew that were joined, whose ports may be others now. */
  rejoin(all: Iterable<number>): void
  each(head: number, act: (series: number) => void): void
  /** The series behind one in its module, below 0 behind the last: for loops that make no function. */
  behind(series: number): number
}

export function createPortModules(
  registry: Pick<SeriesRegistry, 'deviceOf' | 'instanceNumber'>,
  capacity: number
): PortModules {
  /** The next series of the module plus two, 1 behind the last, 0 for none: not linked yet. */
  const next = new Int32Array(capacity)
  let heads = createNumberTable(hashOf)

  function hashOf(series: number): number {
    const h =
      Math.imul(registry.deviceOf(series) + 1, 0x9e3779b1) ^
      Math.imul(registry.instanceNumber(series), 0x85ebca6b)
    return (Math.imul(h ^ (h >>> 15), 0x846ca68b) ^ (h >>> 13)) >>> 0
  }

  /** The module looked up last, by device and instance: series of one port come together. */
  let lastDevice = -1
  let lastInstance = -1
  let lastHead = -1
  const headOf = (series: number): number => {
    const device = registry.deviceOf(series)
    const instance = registry.instanceNumber(series)
    if (device === lastDevice && instance === lastInstance && lastHead !== -1) return lastHead
    lastDevice = device
    lastInstance = instance
    lastHead = heads.find(
      hashOf(series),
      other => registry.deviceOf(other) === device && registry.instanceNumber(other) === instance
    )
    return lastHead
  }

  const join = (series: number, head: number): number => {
    if (head === -1) {
      heads.add(hashOf(series), series)
      next[series] = 1
      return (lastHead = series)
    }
    next[series] = next[head]!
    next[head] = series + 2
    return head
  }

  const take = (series: number): number => {
    const head = headOf(series)
    return next[series] !== 0 ? head : join(series, head)
  }

  return {
    headOf,
    has: series => next[series] !== 0,
    take,
    rejoin(all) {
      const joined = [...all].filter(series => next[series] !== 0)
      heads = createNumberTable(hashOf, joined.length)
      lastHead = -1
      for (const series of joined) next[series] = 0
      for (const series of joined) take(series)
    },
    join,
    forget(series) {
      lastHead = -1
      heads.remove(hashOf(series), series)
      next[series] = 0
    },
    each(head, act) {
      for (let at = head; at >= 0; at = next[at]! - 2) act(at)
    },
    behind: series => next[series]! - 2
  }
}
