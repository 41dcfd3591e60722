import type { InventoryDevice, InventoryNode } from '../../topology/model.ts'

/** Who is polled when, and by which collector. */

export interface PollRing {
  /** When the next device of the ring is polled (ms). */
  dueMs(): number
  /** That device; the ring moves on. */
  take(): number
}

/** Devices of one interval are polled in turn, evenly spread over it: no collector asks all at once. */
export function pollRings(
  devices: readonly InventoryDevice[],
  startMs: number,
  defaultIntervalMs: number
): PollRing[] {
  const byInterval = new Map<number, number[]>()
  devices.forEach((device, d) => {
    const intervalMs = device.intervalS > 0 ? device.intervalS * 1000 : defaultIntervalMs
    const list = byInterval.get(intervalMs)
    if (list === undefined) byInterval.set(intervalMs, [d])
    else list.push(d)
  })
  return [...byInterval].map(([intervalMs, list]) => {
    // A stride that shares no factor with the length visits every device once, neighbours far apart.
    let stride = Math.max(1, Math.floor(list.length * 0.618))
    while (commonDivisor(stride, list.length) !== 1) stride++
    let turn = 0
    let place = 0
    return {
      dueMs: () => startMs + Math.floor((turn * intervalMs) / list.length),
      take: () => {
        const d = list[place] ?? 0
        place = (place + stride) % list.length
        turn++
        return d
      }
    }
  })
}

function commonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b]
  return a
}

/** A collector's name for every node: one for the core and districts, one for about two areas each below. */
export function assignCollectors(
  nodes: readonly InventoryNode[],
  parents: readonly (readonly number[])[]
): string[] {
  const names: string[] = []
  let areas = 0
  nodes.forEach((node, n) => {
    const above = parents[n]?.[0]
    if (node.tier === 'core' || node.tier === 'district') names.push('collector-core')
    else if (node.tier === 'area') names.push(`collector-${1 + Math.floor(areas++ / 2)}`)
    else names.push(above === undefined ? 'collector-core' : (names[above] ?? 'collector-core'))
  })
  return names
}
