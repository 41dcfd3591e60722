import type { Incident } from '../../topology/model.ts'
import { sitesAbove, type Played } from './play.ts'

/**
 * How long after it could be known the incident of a fault was told (ms, 0 at least). What is known by direct evidence of its own is told
 * when the hold of its rule is over. What is not is told when the last that could explain it otherwise has spoken, or is overdue: this is
 * computed here from the polls that came, by what docs/lights.md says of ways and of silence, and how long the daemon
 * has learned to wait for each device. What shows in the grace that another fault
 * leaves behind opens nothing before that is over: it is counted apart, from the evidence.
 */
export interface Lateness {
  readonly by: 'direct' | 'ways' | 'silence' | 'grace'
  readonly ms: number
}

const silentFaults = new Set(['cut', 'dead', 'hung', 'management', 'second_switch', 'ups_card', 'mains'])

/** Undefined for faults that are known otherwise: levels, collectors. `toldMs` is when the incident opened (ms since the start). */
export function latenessOf(
  played: Played,
  f: number,
  { id, root: rootId }: Incident,
  toldMs: number
): Lateness | undefined {
  const { city, scenario } = played
  const { direct, way } = played.evidence[f]!
  const late = (dueMs: number): number => Math.max(0, toldMs - dueMs)
  const limitOf = (site: number, d: number): number => {
    const device = city.sites[site]!.devices[d]!
    return played.patience.get(id)?.get(device.id) ?? 3500 * device.intervalS
  }
  const root = city.siteOf(rootId)
  if (direct !== null && direct.atMs <= toldMs && isInGrace(played, f, root, direct.atMs))
    return { by: 'grace', ms: late(direct.atMs + direct.holdMs) }
  if (direct !== null && direct.atMs <= toldMs) return { by: 'direct', ms: late(direct.atMs + direct.holdMs) }
  if (way !== null && way.atMs <= toldMs) {
    const dues = way.ends.map(site => heardOrOverdueMs(played, [site], way.readMs, toldMs, limitOf))
    return { by: 'ways', ms: late(Math.max(way.atMs, ...dues)) }
  }
  if (root < 0 || !silentFaults.has(scenario.faults[f]!.what)) return undefined
  // Which devices are dark shows in what came of them; since when they are taken for silent, in the light.
  const dark = city.sites[root]!.devices.flatMap((_, d) => {
    const lastMs = played.heard[root]![d]!.findLast(({ readMs }) => readMs <= toldMs)?.readMs ?? 0
    return toldMs - lastMs >= limitOf(root, d) ? [lastMs] : []
  })
  const shown = played.history.lights.findLast(
    ({ node, atMs }) => node === rootId && atMs - played.startMs <= toldMs
  )
  if (dark.length === 0 || shown === undefined) return undefined
  const intervalsMs = city.sites[root]!.devices.map(({ intervalS }) => intervalS * 1000)
  // Of the two polls that were missed first one may have been lost by chance.
  const missedMs = Math.max(...dark) + 2 * Math.min(...intervalsMs)
  const askedMs = heardOrOverdueMs(played, [...sitesAbove(city, rootId)], missedMs, toldMs, limitOf)
  return { by: 'silence', ms: late(Math.max(askedMs, shown.atMs - played.startMs)) }
}

/** How long a fault may hold back what shows below it when it is over (ms): a poll, the hold of its alarm, and `staleness.recover_s`. */
const graceMs = 60_000 + 60_000 + 300_000

/** Whether another fault had put the site out, then or so short a time before that it may still be on its way back. */
function isInGrace({ alone }: Played, f: number, site: number, atMs: number): boolean {
  return alone.some((world, other) => {
    if (other === f) return false
    for (let ms = Math.max(0, atMs - graceMs); ms <= atMs; ms += 10_000)
      if (world.truthAt(ms).out.has(site)) return true
    return false
  })
}

/** When each device of these sites has been heard by a poll made after a moment, or is overdue (ms). */
function heardOrOverdueMs(
  played: Played,
  sites: readonly number[],
  afterMs: number,
  untilMs: number,
  limitOf: (site: number, d: number) => number
): number {
  let lastMs = 0
  for (const site of sites) {
    for (const [d, polls] of played.heard[site]!.entries()) {
      const before = polls.findLast(({ readMs }) => readMs <= afterMs)
      const overdueMs = (before?.readMs ?? 0) + limitOf(site, d)
      const heard = polls.find(({ readMs, atMs }) => readMs > afterMs && atMs <= untilMs)
      lastMs = Math.max(lastMs, heard === undefined ? overdueMs : Math.min(overdueMs, heard.atMs))
    }
  }
  return lastMs
}
