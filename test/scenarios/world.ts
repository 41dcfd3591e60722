import type { Random } from '../../embedded/simulator/random.ts'
import type { City } from './city.ts'
import type { Fault, Scenario } from './format.ts'

/**
 * What is really so in the city at any time: which devices have power, which fibres carry light, who is reached. It is
 * computed from the faults alone; nothing of the daemon is used, so that it can be held against it.
 */
export interface World {
  /** Sites without service, and those that work at risk or in part, at this time (ms since the start). */
  readonly truthAt: (ms: number) => Truth
  /** Since when the truth has been what it is. */
  readonly steadySince: (ms: number) => number
  /** Whether the device (number within its site) answers a poll. */
  readonly answers: (site: number, device: number, ms: number) => boolean
  /** RFC 2863 codes of the port. */
  readonly port: (site: number, port: string, ms: number) => { readonly admin: number; readonly oper: number }
  /** Whether the site's mains are there, how long they have not been (s), and what its battery has left (0…1). */
  readonly mains: (site: number, ms: number) => { readonly lostS: number; readonly left: number }
  /** What the UPS of a site says of its battery: its charge (%), and its time left (s), 0 where it knows none. */
  readonly batteryTold: (
    site: number,
    ms: number
  ) => { readonly chargePct: number; readonly runtimeS: number }
  /** When the battery of a site without mains is empty, be the mains back before or not (ms); undefined where they are there. */
  readonly emptyAtMs: (site: number, ms: number) => number | undefined
  /** When the switches of a site lose their power (ms), and how many of a hundred say so with their last words. */
  readonly powerLosses: (site: number) => readonly { readonly ms: number; readonly gaspsPct: number }[]
  /** By how much a level of the site differs from its usual one (dB). */
  readonly levelOf: (what: 'optics' | 'catv', site: number, ms: number) => number
  readonly holds: (what: Fault['what'], site: number, ms: number) => Fault | undefined
}

export interface Truth {
  readonly out: ReadonlySet<number>
  readonly risk: ReadonlySet<number>
}

interface Span {
  readonly fromMs: number
  readonly toMs: number
  readonly fault: Fault
}

const minute = 60_000

/** When the fault is there: once, or `times` times. */
export function spansOf(fault: Fault): Span[] {
  return Array.from({ length: fault.times ?? 1 }, (_, i) => {
    const fromMs = (fault.at_min + i * (fault.every_min ?? 0)) * minute
    return { fromMs, toMs: fromMs + fault.for_min * minute, fault }
  })
}

export function createWorld(
  city: City,
  scenario: Scenario,
  faults: readonly Fault[],
  placesOf: (fault: Fault) => readonly number[],
  random: Random
): World {
  const { sites, fibres } = city
  const below = (site: number, top: number): boolean => {
    for (let at = site; at >= 0; at = sites[at]!.above) if (at === top) return true
    return false
  }
  /** Spans by what they break and where: `mains 7`. */
  const spans = new Map<string, Span[]>()
  const bootMs = sites.map(() => random.between(40_000, 110_000))
  /** What each battery and its UPS are like, for those faults that ask for it. */
  const batteries = sites.map(() => ({
    told: random.between(1.3, 2.2),
    still: random.between(0.4, 2),
    worn: random.between(0.05, 0.25),
    risesAt: random.between(0.25, 0.6),
    rise: random.between(1.4, 2.5)
  }))
  for (const fault of faults) {
    const at = placesOf(fault)
    for (const site of sites.keys()) {
      const isHit =
        at.includes(site) ||
        (fault.what === 'mains' && fault.with_below === true && at.some(top => below(site, top)))
      if (!isHit) continue
      const key = `${fault.what} ${site}`
      spans.set(key, [...(spans.get(key) ?? []), ...spansOf(fault)])
    }
  }
  const holds = (what: Fault['what'], site: number, ms: number): Span | undefined =>
    spans.get(`${what} ${site}`)?.find(({ fromMs, toMs }) => ms >= fromMs && ms < toMs)
  const batteryMs = (span: Span): number => {
    return (span.fault.battery_min ?? scenario.network?.battery_min ?? 60) * minute
  }
  const hasUps = (site: number): boolean => sites[site]!.devices.some(({ role }) => role === 'ups')
  const darkSpans = sites.map((_, site) =>
    (spans.get(`mains ${site}`) ?? []).flatMap(span => {
      const fromMs = span.fromMs + (hasUps(site) ? batteryMs(span) : 0)
      const gaspsPct = span.fault.gasps_pct ?? 0
      return fromMs < span.toMs ? [{ fromMs, toMs: span.toMs + bootMs[site]!, gaspsPct }] : []
    })
  )
  const within = (list: readonly { fromMs: number; toMs: number }[], ms: number): boolean =>
    list.some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs)
  const powered = (site: number, ms: number): boolean => !within(darkSpans[site]!, ms)
  const passes = (site: number, ms: number): boolean =>
    powered(site, ms) && holds('dead', site, ms) === undefined && holds('hung', site, ms) === undefined
  const isLinkHit = (span: Span | undefined, way: number): boolean =>
    span !== undefined &&
    (span.fault.links === undefined ||
      span.fault.links === 'all' ||
      (span.fault.links === 'first' ? way === 0 : way === 1))
  const isLit = (fibre: number, ms: number): boolean => {
    const { a, way } = fibres[fibre]!
    return !isLinkHit(holds('cut', a.site, ms), way) && !isLinkHit(holds('switched_off', a.site, ms), way)
  }
  const hasLink = (site: number, ms: number): boolean =>
    powered(site, ms) && holds('dead', site, ms) === undefined

  const edges = [...new Set([...spans.values(), darkSpans].flat(2).flatMap(s => [s.fromMs, s.toMs]))]
  edges.push(0)
  edges.sort((a, b) => a - b)
  const epochOf = (ms: number): number => {
    let low = 0
    let high = edges.length - 1
    while (low < high) {
      const mid = (low + high + 1) >> 1
      if (edges[mid]! <= ms) low = mid
      else high = mid - 1
    }
    return low
  }
  const truths: (Truth | undefined)[] = []
  const weakDb = { optics: -3, catv: -2 }
  const levelOf = (what: 'optics' | 'catv', site: number, ms: number): number => {
    const span = holds(what, site, ms)
    if (span === undefined) return 0
    const share = Math.min(1, (ms - span.fromMs + 1) / Math.max(1, (span.fault.over_min ?? 0) * minute))
    return (span.fault.db ?? 0) * share
  }
  const reach = (ms: number): Truth => {
    const reached = new Set<number>()
    const ties = sites.map((): number[] => [])
    for (const [f, { a, b }] of fibres.entries()) {
      if (!isLit(f, ms)) continue
      // Service comes from above, or along a ring: a node with two ways is no way for those above it.
      ties[b.site]!.push(a.site)
      if (sites[a.site]!.tier === sites[b.site]!.tier) ties[a.site]!.push(b.site)
    }
    const queue = passes(0, ms) ? [0] : []
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (reached.has(at)) continue
      reached.add(at)
      for (const next of ties[at]!) if (passes(next, ms)) queue.push(next)
    }
    const risk = new Set<number>()
    for (const [f, { a, b }] of fibres.entries()) {
      const isLost = !isLit(f, ms) || !passes(b.site, ms) || !reached.has(b.site)
      if (isLost && reached.has(a.site)) risk.add(a.site)
      const isPeer = sites[a.site]!.tier === sites[b.site]!.tier
      if (isPeer && reached.has(b.site) && (!isLit(f, ms) || !reached.has(a.site))) risk.add(b.site)
    }
    for (const site of reached) {
      const isHit = (
        ['second_switch', 'mains', 'ups_worn', 'ups_overload', 'ups_card', 'management'] as const
      ).some(what => holds(what, site, ms) !== undefined)
      const isWeak =
        Math.abs(holds('optics', site, ms)?.fault.db ?? 0) > -weakDb.optics ||
        Math.abs(holds('catv', site, ms)?.fault.db ?? 0) > -weakDb.catv
      if (isHit || isWeak) risk.add(site)
    }
    return { out: new Set(sites.flatMap((_, i) => (reached.has(i) ? [] : [i]))), risk }
  }
  const truthAt = (ms: number): Truth => {
    const epoch = epochOf(ms)
    return (truths[epoch] ??= reach(edges[epoch]!))
  }

  const batteryTold: World['batteryTold'] = (site, ms) => {
    const span = holds('mains', site, ms)
    if (span === undefined) return { chargePct: 100, runtimeS: 3600 }
    const allS = batteryMs(span) / 1000
    const gone = Math.min(1, (ms - span.fromMs) / Math.max(1, batteryMs(span)))
    const { told, still, worn, risesAt, rise } = batteries[site]!
    const saying = (left: number, runtimeS: number) => ({
      chargePct: Math.round(left * 100),
      runtimeS: Math.round(runtimeS)
    })
    const left = 1 - gone
    switch (span.fault.battery_tells) {
      case 'too_long':
        return saying(left, left * allS * told)
      case 'stands_still':
        return saying(left, allS * still)
      case 'charge_only':
        return saying(left, 0)
      case 'nothing':
        return saying(1, 0)
      case 'worn': {
        const shown = worn + (1 - worn) * left
        return saying(shown, (shown * allS) / (1 - worn))
      }
      case 'quarters':
        return saying(Math.ceil(left * 4) / 4, 0)
      case 'load_rises': {
        // Drained at one pace, and from some time on at a faster one.
        const pace = 1 / (risesAt + (1 - risesAt) * rise)
        const shown = gone < risesAt ? 1 - gone * pace : 1 - risesAt * pace - (gone - risesAt) * pace * rise
        return saying(shown, (shown * allS) / (gone < risesAt ? pace : pace * rise))
      }
      default:
        return saying(left, left * allS)
    }
  }

  return {
    batteryTold,
    emptyAtMs(site, ms) {
      const span = holds('mains', site, ms)
      return span === undefined || !hasUps(site) ? undefined : span.fromMs + batteryMs(span)
    },
    powerLosses: site => darkSpans[site]!.map(({ fromMs, gaspsPct }) => ({ ms: fromMs, gaspsPct })),
    truthAt,
    steadySince: ms => edges[epochOf(ms)]!,
    holds: (what, site, ms) => holds(what, site, ms)?.fault,
    levelOf,
    answers(site, device, ms) {
      if (truthAt(ms).out.has(site) || holds('management', site, ms) !== undefined) return false
      const { role, id } = sites[site]!.devices[device]!
      if (role === 'ups') return holds('ups_card', site, ms) === undefined
      return !(id.endsWith('sw2') && holds('second_switch', site, ms) !== undefined)
    },
    port(site, port, ms) {
      const admin = { admin: 1, oper: 1 }
      for (const f of city.fibresOf(site)) {
        const { a, b, way } = fibres[f]!
        const isLow = a.site === site && a.port === port
        if (!isLow && !(b.site === site && b.port === port)) continue
        if (isLow && isLinkHit(holds('switched_off', site, ms), way)) return { admin: 2, oper: 2 }
        // It is switched off at the upper end, too, which is the only one that can be asked then.
        if (isLinkHit(holds('switched_off', a.site, ms), way)) return { admin: 2, oper: 2 }
        if (!isLit(f, ms) || !hasLink(isLow ? b.site : a.site, ms)) return { admin: 1, oper: 2 }
      }
      return admin
    },
    mains(site, ms) {
      const span = holds('mains', site, ms)
      if (span === undefined) return { lostS: 0, left: 1 }
      const lostMs = ms - span.fromMs
      return {
        lostS: lostMs / 1000,
        left: Math.max(0, 1 - lostMs / Math.max(1, batteryMs(span)))
      }
    }
  }
}
