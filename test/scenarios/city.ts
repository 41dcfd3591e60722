import type { Random } from '../../embedded/simulator/random.ts'
import type { InventoryDevice } from '../../topology/model.ts'
import type { Tier } from '../../schemas/words.ts'
import type { NetworkShape, Scenario } from './format.ts'

/** The city of a scenario, as it is built: what the inventory says of it, and what faults act on. */
export interface Site {
  readonly id: string
  readonly tier: Tier
  readonly name: string
  /** Sites that it hangs on; in a ring, its neighbours. */
  readonly parents: number[]
  /** The site above it in the tree of places. */
  readonly above: number
  readonly subscribers: number
  readonly devices: InventoryDevice[]
  collector: number
  /** Feeder of its mains by the inventory; '' for none. */
  mains: string
}

/** A fibre between the first switches of two sites. */
export interface Fibre {
  readonly a: { readonly site: number; readonly port: string }
  readonly b: { readonly site: number; readonly port: string }
  /** Which of the links of `a` it is, from 0. */
  readonly way: number
}

export interface City {
  readonly sites: readonly Site[]
  readonly fibres: readonly Fibre[]
  readonly collectors: number
  /** Number of the site with this id, -1 for none. */
  siteOf(id: string): number
  /** Numbers of the fibres that end at a site. */
  fibresOf(site: number): readonly number[]
  /** Number of the fibre at a port, -1 for none. */
  fibreAt(site: number, port: string): number
  /** How many fibres lead from a site upwards, or along its ring. */
  waysOf(site: number): number
  /** Nodes for an NDJSON inventory; sites in `planned` are under maintenance. */
  inventory(planned?: ReadonlySet<number>): unknown[]
}

const streets = ['Садовая', 'Мира', 'Ленина', 'Гагарина', 'Лесная', 'Школьная', 'Новая', 'Победы']
const short: Readonly<Record<Tier, string>> = {
  core: 'cu',
  district: 'ou',
  area: 'ru',
  campus: 'ku',
  building: 'du'
}
const upsMakes = ['APC', 'Eltena', 'Ippon']
const aggregate = '1000'

type Port = InventoryDevice['ports'][number]

export function buildCity(shape: NetworkShape, random: Random): City {
  const sites: Site[] = []
  const fibres: Fibre[] = []
  /** Ports of the first switch of each site. */
  const ports: Port[][] = []
  const collectors = shape.collectors ?? 3
  const ways = shape.campus_ways ?? 'one'
  const counters = new Map<Tier, number>()

  const addSite = (tier: Tier, above: number): number => {
    const number = (counters.get(tier) ?? 0) + 1
    counters.set(tier, number)
    const id = `${short[tier]}-${number}`
    const index = sites.length
    const street = streets[number % streets.length] ?? ''
    const isSmall = tier === 'campus' || tier === 'building'
    const address = `10.${Math.floor(index / 250)}.${index % 250}`
    const own: Port[] = []
    const device = (
      suffix: string,
      role: string,
      vendor: string,
      last: number,
      devicePorts: Port[],
      intervalS = 60
    ) => ({
      id: `${id}-${suffix}`,
      node: id,
      role,
      vendor,
      model: role === 'switch' ? (vendor === 'Cisco' ? 'WS-C3750G' : 'DES-3200-28') : '',
      identifiers: [`${address}.${last}`, `${id}-${suffix}`],
      intervalS,
      ports: devicePorts
    })
    const devices = [device('sw1', 'switch', isSmall ? 'D-Link' : 'Cisco', 1, own)]
    if (tier === 'building') {
      if (shape.second_switches === true) devices.push(device('sw2', 'switch', 'D-Link', 2, []))
      devices.push(device('catv', 'catv', 'Vermax', 3, []))
    }
    if (tier !== 'building' || shape.building_ups === true)
      devices.push(device('ups', 'ups', upsMakes[number % 3] ?? '', 4, [], 30))
    ports.push(own)
    sites.push({
      id,
      tier,
      name: tier === 'building' ? `ДУ ул. ${street}, ${number}` : id,
      parents: [],
      above,
      subscribers: tier === 'building' ? 20 + random.below(60) : 0,
      devices,
      collector: random.below(collectors),
      mains: ''
    })
    return index
  }

  const portName = (site: number): string => {
    const number = ports[site]!.length + 1
    return sites[site]!.devices[0]!.vendor === 'Cisco' ? String(10_100 + number) : String(number)
  }
  const tie = (child: number, parent: number, way = 0, lag?: string, isPeer = false): void => {
    const low = sites[child]!
    const high = sites[parent]!
    if (!low.parents.includes(parent)) low.parents.push(parent)
    if (isPeer && !high.parents.includes(child)) high.parents.push(child)
    const a = { site: child, port: portName(child) }
    ports[child]!.push({
      instance: a.port,
      role: 'uplink',
      peer: high.id,
      opticClass: '1000base-bx10',
      ...(lag === undefined ? {} : { lag })
    })
    const b = { site: parent, port: portName(parent) }
    if (shape.parents_seen !== false || isPeer)
      ports[parent]!.push({
        instance: b.port,
        role: isPeer ? 'uplink' : 'downlink',
        peer: low.id,
        opticClass: '1000base-bx10',
        ...(lag === undefined ? {} : { lag: `${lag}${child}` })
      })
    fibres.push({ a, b, way })
  }

  const core = addSite('core', -1)
  for (let d = 0; d < (shape.districts ?? 2); d++) {
    const district = addSite('district', core)
    tie(district, core)
    let before = -1
    for (let r = 0; r < (shape.areas ?? 2); r++) {
      const area = addSite('area', district)
      tie(area, district)
      const campuses: number[] = []
      for (let k = 0; k < (shape.campuses ?? 3); k++) {
        const campus = addSite('campus', area)
        campuses.push(campus)
        if (ways !== 'ring') tie(campus, area, 0, ways === 'lag' ? aggregate : undefined)
        if (ways === 'two_links') tie(campus, area, 1)
        if (ways === 'lag') tie(campus, area, 1, aggregate)
        if (ways === 'two_areas' && before >= 0) tie(campus, before, 1)
      }
      if (ways === 'ring') {
        for (const [i, campus] of campuses.entries())
          tie(campus, i === 0 ? area : campuses[i - 1]!, 0, undefined, i > 0)
        tie(campuses.at(-1)!, area, 1)
      }
      for (const campus of campuses) {
        for (let b = 0; b < (shape.buildings ?? 6); b++) tie(addSite('building', campus), campus)
      }
      before = area
    }
  }
  const numbers = new Map(sites.map(({ id }, i) => [id, i]))
  const ends = sites.map((): number[] => [])
  for (const [f, { a, b }] of fibres.entries()) for (const { site } of [a, b]) ends[site]!.push(f)
  return {
    sites,
    fibres,
    collectors,
    siteOf: id => numbers.get(id) ?? -1,
    fibresOf: site => ends[site]!,
    fibreAt: (site, port) =>
      ends[site]!.find(f =>
        [fibres[f]!.a, fibres[f]!.b].some(end => end.site === site && end.port === port)
      ) ?? -1,
    waysOf: site =>
      ends[site]!.filter(
        f => fibres[f]!.a.site === site || sites[fibres[f]!.a.site]!.tier === sites[site]!.tier
      ).length,
    inventory: planned =>
      sites.map((site, i) => ({
        id: site.id,
        tier: site.tier,
        name: site.name,
        parents: site.parents.map(parent => sites[parent]!.id),
        subscribers: site.subscribers,
        ...(site.tier === 'building'
          ? { addresses: [site.name.replace('ДУ ', '')], premises: 'apartment' }
          : {}),
        ...(planned?.has(i) === true ? { maintenance: true } : {}),
        ...(site.mains === '' ? {} : { mains: site.mains }),
        devices: site.devices.map(({ id, role, vendor, model, identifiers, intervalS, ports: listed }) => ({
          id,
          role,
          vendor,
          model,
          identifiers,
          interval_s: intervalS,
          ports: listed.map(({ instance, role: use, peer, opticClass, lag }) => ({
            instance,
            role: use,
            peer,
            optic_class: opticClass,
            ...(lag === undefined ? {} : { lag })
          }))
        }))
      }))
  }
}

/** The sites that the places of a scenario stand for with this seed. */
export function choosePlaces(city: City, scenario: Scenario, random: Random): Map<string, readonly number[]> {
  const chosen = new Map<string, readonly number[]>()
  const { sites } = city
  const pathOf = (site: number): number[] => {
    const path: number[] = []
    for (let at = site; at >= 0; at = sites[at]!.above) path.unshift(at)
    return path
  }
  const first = (name: string | undefined): number =>
    name === undefined ? -1 : (chosen.get(name)?.[0] ?? -1)
  for (const [name, place] of Object.entries(scenario.places ?? {})) {
    const [below, child, beside, apart] = [place.below, place.parent_of, place.beside, place.apart].map(first)
    if (place.is !== undefined) {
      chosen.set(
        name,
        place.is.flatMap(other => chosen.get(other) ?? [])
      )
      continue
    }
    const fits = sites.flatMap((site, i) => {
      if (site.tier !== place.tier) return []
      const path = pathOf(i)
      if (below !== undefined && below >= 0 && (!path.includes(below) || i === below)) return []
      if (child !== undefined && child >= 0 && !pathOf(child).includes(i)) return []
      if (
        beside !== undefined &&
        beside >= 0 &&
        (i === beside || sites[beside]!.above !== site.above || chosen.get(place.beside ?? '')?.includes(i))
      )
        return []
      if (apart !== undefined && apart >= 0 && pathOf(apart)[1] === path[1]) return []
      return [i]
    })
    if (fits.length === 0) throw new Error(`${scenario.kind}: the network has no site for the place ${name}`)
    const wanted = place.count === 0 ? fits.length : (place.count ?? 1)
    const picked: number[] = []
    while (picked.length < wanted && fits.length > 0)
      picked.push(...fits.splice(place.count === 0 ? 0 : random.below(fits.length), 1))
    chosen.set(name, picked)
    if (place.polled_by !== undefined) for (const site of picked) sites[site]!.collector = place.polled_by
    for (const [i, site] of sites.entries()) {
      if (place.mains !== undefined && pathOf(i).some(at => picked.includes(at))) site.mains = place.mains
    }
  }
  return chosen
}
