import { tiers, type Tier } from '../../schemas/words.ts'
import type { InventoryDevice, InventoryNode, InventoryPort } from '../../topology/model.ts'

/**
 * A city that does not exist, of any size: the same size and seed give the same network, node by node. Everything
 * is computed from a node's number, nothing is kept, so that a million nodes can be streamed.
 */
export interface CityOptions {
  /** How many nodes in all, the core included: 5 … 2,000,000. */
  readonly nodes: number
  readonly seed: number
  /** Poll interval of switches and optical receivers (s). */
  readonly intervalS?: number
  /** Poll interval of UPS (s). */
  readonly upsIntervalS?: number
  /**
   * `full`: two or three switches and a receiver a building, as a real network has. `light`: one switch a building
   * and no receiver, for runs where the number of nodes matters.
   */
  readonly equipment?: 'full' | 'light'
}

export interface CityCounts {
  readonly core: number
  readonly district: number
  readonly area: number
  readonly campus: number
  readonly building: number
}

export interface City {
  readonly nodes: readonly InventoryNode[]
  readonly devices: readonly InventoryDevice[]
}

export const cityNodesMin = 5
export const cityNodesMax = 2_000_000

/** Buildings of one town; the towns after the first are written with their name before the street. */
const buildingsPerTown = 20_000
const campusesPerTown = buildingsPerTown / 10

const idPrefix: Readonly<Record<Tier, string>> = {
  core: 'cu',
  district: 'ou',
  area: 'ru',
  campus: 'ku',
  building: 'du'
}

/** Street names with their types, in the forms that maps and bills use. */
const streetNames: readonly string[] = [
  ...[
    'Ленина Советская Садовая Лесная Новая Школьная Центральная Молодёжная Набережная Заречная Полевая Луговая',
    'Зелёная Мира Гагарина Комсомольская Пушкина Чехова Лермонтова Гоголя Некрасова Тургенева Толстого',
    'Достоевского Есенина Маяковского Крылова Островского Чкалова Кирова Калинина Фрунзе Чапаева Суворова',
    'Кутузова Нахимова Ушакова Циолковского Королёва Менделеева Ломоносова Попова Вавилова Мичурина Павлова',
    'Пирогова Сеченова Репина Сурикова Левитана Чайковского Глинки Рахманинова Вишнёвая Берёзовая Рябиновая',
    'Сиреневая Солнечная Весенняя Северная Южная Восточная Западная Вокзальная Заводская Фабричная',
    'Механизаторов Строителей Металлургов Шахтёров Энергетиков Связистов Космонавтов Дружбы Свободы Труда'
  ]
    .join(' ')
    .split(' ')
    .map(name => `ул. ${name}`),
  'ул. М. Горького',
  'ул. Академика Курчатова',
  'ул. Генерала Карбышева',
  'ул. Розы Люксембург',
  'ул. Карла Маркса',
  'ул. 8 Марта',
  'ул. 9 Января',
  'ул. 50 лет Октября',
  'ул. 1-я Парковая',
  'ул. 2-я Парковая',
  'ул. 3-я Парковая',
  'ул. Большая Покровская',
  'ул. Малая Покровская',
  'пр-т Победы',
  'пр-т Мира',
  'пр-т Космонавтов',
  'пр-т Октября',
  'проезд Мира',
  'проезд Строителей',
  'пер. Садовый',
  'пер. Школьный',
  'пер. Лесной',
  'пер. Почтовый',
  'б-р Энтузиастов',
  'б-р Славы',
  'ш. Московское',
  'ш. Энтузиастов',
  'наб. Речная',
  'наб. Космонавтов',
  'пл. Революции',
  'пл. Привокзальная',
  'аллея Каштановая',
  'туп. Железнодорожный',
  'мкр. Юбилейный',
  'мкр. Черёмушки'
]

const townNames =
  'Заречный Светлогорск Белоозёрск Новокаменск Старогорск Краснополье Сосновка Приозёрск Верхнегорск Луговск'.split(
    ' '
  )

const districtNames = 'Северный Южный Восточный Западный Центральный Заречный Заводской Привокзальный'.split(
  ' '
)

/** How a city of this many nodes divides into tiers: 10 buildings a campus, 10 campuses an area, about 6 areas a district. */
export function cityCounts(nodes: number): CityCounts {
  if (!Number.isInteger(nodes) || nodes < cityNodesMin || nodes > cityNodesMax) {
    throw new RangeError(
      `a city has ${cityNodesMin} to ${cityNodesMax} nodes, not ${nodes}; give a whole number in that range`
    )
  }
  const campus = Math.max(1, Math.round(nodes / 11.12))
  const area = Math.max(1, Math.round(campus / 10))
  const district = Math.max(1, Math.round(area / 6.25))
  return { core: 1, district, area, campus, building: nodes - 1 - district - area - campus }
}

export function generateCity(options: CityOptions): City {
  return { nodes: [...cityNodes(options)], devices: [...cityDevices(options)] }
}

/** The nodes one by one, every parent before its children. */
export function* cityNodes(options: CityOptions): Generator<InventoryNode> {
  const plan = planOf(options)
  for (const tier of tiers) {
    for (let k = 0; k < plan.counts[tier]; k++) yield nodeOf(plan, tier, k)
  }
}

/** The devices one by one, in the order of their nodes. */
export function* cityDevices(options: CityOptions): Generator<InventoryDevice> {
  const plan = planOf(options)
  let serial = 0
  for (const tier of tiers) {
    for (let k = 0; k < plan.counts[tier]; k++) {
      for (const device of devicesOf(plan, tier, k, serial)) {
        serial++
        yield device
      }
    }
  }
}

interface Plan {
  readonly counts: CityCounts
  readonly seed: number
  readonly intervalS: number
  readonly upsIntervalS: number
  readonly light: boolean
}

function planOf(options: CityOptions): Plan {
  return {
    counts: cityCounts(options.nodes),
    seed: options.seed >>> 0,
    intervalS: options.intervalS ?? 60,
    upsIntervalS: options.upsIntervalS ?? 30,
    light: options.equipment === 'light'
  }
}

/** A number in [0, 1) that depends on the seed, the question and the node's number alone. */
function chance(plan: Plan, question: number, k: number): number {
  let h = (plan.seed ^ Math.imul(question + 1, 0x9e3779b1) ^ Math.imul(k + 1, 0x85ebca6b)) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296
}

const ask = {
  pairing: 1,
  pairKind: 2,
  corner: 3,
  subscribers: 4,
  premises: 5,
  switches: 6,
  receiver: 7,
  vendor: 8,
  upsVendor: 9,
  secondParent: 10,
  opticClass: 11,
  model: 12
} as const

const idOf = (tier: Tier, k: number): string => `${idPrefix[tier]}-${k + 1}`

function parentTier(tier: Tier): Tier | undefined {
  const at = tiers.indexOf(tier)
  return at === 0 ? undefined : tiers[at - 1]
}

/** Children are spread evenly and in order over the parents above. */
function firstParent(plan: Plan, tier: Tier, above: Tier, k: number): number {
  return Math.floor((k * plan.counts[above]) / plan.counts[tier])
}

function childRange(plan: Plan, below: Tier, tier: Tier, p: number): [number, number] {
  const children = plan.counts[below]
  const parents = plan.counts[tier]
  return [Math.ceil((p * children) / parents), Math.ceil(((p + 1) * children) / parents)]
}

/** Three areas in ten and one campus in ten have a second way up, to the neighbour of their parent. */
function secondParent(plan: Plan, tier: Tier, above: Tier, k: number): number | undefined {
  if (plan.counts[above] < 2) return undefined
  const share = tier === 'area' ? 0.3 : tier === 'campus' ? 0.1 : 0
  if (chance(plan, ask.secondParent, tiers.indexOf(tier) * 4_000_037 + k) >= share) return undefined
  return (firstParent(plan, tier, above, k) + 1) % plan.counts[above]
}

function parentsOf(plan: Plan, tier: Tier, k: number): string[] {
  const above = parentTier(tier)
  if (above === undefined) return []
  const second = secondParent(plan, tier, above, k)
  const first = idOf(above, firstParent(plan, tier, above, k))
  return second === undefined ? [first] : [first, idOf(above, second)]
}

/** The children a node feeds: its own first, then those that have it as their second parent. */
function childrenOf(plan: Plan, tier: Tier, p: number): string[] {
  const below = tiers[tiers.indexOf(tier) + 1]
  if (below === undefined) return []
  const ids: string[] = []
  const [from, to] = childRange(plan, below, tier, p)
  for (let k = from; k < to; k++) ids.push(idOf(below, k))
  const parents = plan.counts[tier]
  if (parents > 1 && (below === 'area' || below === 'campus')) {
    const [otherFrom, otherTo] = childRange(plan, below, tier, (p - 1 + parents) % parents)
    for (let k = otherFrom; k < otherTo; k++) {
      if (secondParent(plan, below, tier, k) === p) ids.push(idOf(below, k))
    }
  }
  return ids
}

function nodeOf(plan: Plan, tier: Tier, k: number): InventoryNode {
  const building = tier === 'building'
  const address = building ? buildingAddresses(plan, k) : []
  const name = building ? `ДУ ${address[0] ?? ''}` : nameOf(plan, tier, k)
  return {
    id: idOf(tier, k),
    tier,
    name,
    parents: parentsOf(plan, tier, k),
    addresses: address,
    subscribers: building ? 15 + Math.floor(chance(plan, ask.subscribers, k) * 51) : 0,
    premises: building ? (chance(plan, ask.premises, k) < 0.05 ? 'business' : 'apartment') : 'technical',
    maintenance: false
  }
}

function nameOf(plan: Plan, tier: Tier, k: number): string {
  if (tier === 'core') return 'ЦУ Тютчева 1'
  if (tier === 'district') {
    const name = districtNames[k % districtNames.length] ?? ''
    return k < districtNames.length ? `ОУ ${name}` : `ОУ ${name} ${Math.floor(k / districtNames.length) + 1}`
  }
  const label = tier === 'area' ? 'РУ' : 'КУ'
  const campus = tier === 'area' ? childRange(plan, 'campus', 'area', k)[0] : k
  return `${label}-${k + 1} ${streetOfCampus(campus)}`
}

/** The town of a campus ('' for the first) and the place of its street. */
function streetOfCampus(campus: number): string {
  const town = Math.floor(campus / campusesPerTown)
  const street = streetNames[(campus % campusesPerTown) % streetNames.length] ?? ''
  return `${townPrefix(town)}${street}`
}

function townPrefix(town: number): string {
  if (town === 0) return ''
  const name = townNames[(town - 1) % townNames.length] ?? ''
  const round = Math.floor((town - 1) / townNames.length)
  return round === 0 ? `г. ${name}, ` : `г. ${name}-${round + 1}, `
}

/**
 * The buildings of a campus stand in a row on one street: 1, 2, 3 … with here and there a pair that shares a number
 * as buildings (к 1, к 2) or by a letter (7, 7А). A few corner houses have a second address on a crossing street.
 */
function buildingAddresses(plan: Plan, k: number): string[] {
  const campus = firstParent(plan, 'building', 'campus', k)
  const [from, to] = childRange(plan, 'building', 'campus', campus)
  const place = k - from
  const inTown = campus % campusesPerTown
  const street = inTown % streetNames.length
  const town = townPrefix(Math.floor(campus / campusesPerTown))
  const start = Math.floor(inTown / streetNames.length) * 12 + 1
  const pairStart = place - (place % 2)
  const paired = pairStart + 1 < to - from && chance(plan, ask.pairing, from + pairStart) < 0.2
  let house = `${start + place}`
  if (paired) {
    const corpus = chance(plan, ask.pairKind, from + pairStart) < 0.5
    const number = start + pairStart
    house = corpus ? `${number} к ${place - pairStart + 1}` : place === pairStart ? `${number}` : `${number}А`
  }
  const addresses = [`${town}${streetNames[street] ?? ''}, ${house}`]
  if (chance(plan, ask.corner, k) < 0.04) {
    const crossing = streetNames[(street + 7) % streetNames.length] ?? ''
    addresses.push(`${town}${crossing}, ${300 + start + place}`)
  }
  return addresses
}

function devicesOf(plan: Plan, tier: Tier, k: number, firstSerial: number): InventoryDevice[] {
  const node = idOf(tier, k)
  const devices: InventoryDevice[] = []
  const add = (
    name: string,
    role: string,
    vendor: string,
    model: string,
    intervalS: number,
    ports: readonly InventoryPort[]
  ): void => {
    const id = `${node}-${name}`
    const identifiers = [managementAddress(firstSerial + devices.length), id]
    devices.push({ id, node, role, vendor, model, identifiers, intervalS, ports })
  }
  const switches = switchCount(plan, tier, k)
  const [vendor, model, portOf] = switchMake(plan, tier, k)
  const uplinks = parentsOf(plan, tier, k)
  const children = childrenOf(plan, tier, k)
  for (let s = 0; s < switches; s++) {
    const ports: InventoryPort[] = []
    const opticClass = uplinkOptic(plan, tier, k)
    if (s === 0 && uplinks[0] !== undefined) {
      ports.push({ instance: portOf(25), role: 'uplink', peer: uplinks[0], opticClass })
    }
    // The second way up leaves the last switch, so that one box failing does not cut both.
    if (s === switches - 1 && uplinks[1] !== undefined) {
      ports.push({ instance: portOf(26), role: 'uplink', peer: uplinks[1], opticClass })
    }
    // Further switches of a building hang on the first by copper, inside the cabinet.
    if (tier === 'building' && s > 0) {
      ports.push({ instance: portOf(25), role: 'uplink', peer: node, opticClass: '' })
    }
    for (let c = s; c < children.length; c += switches) {
      const place = Math.floor(c / switches) + 1
      const instance = portOf(place <= 24 ? place : place + 8)
      ports.push({
        instance,
        role: 'downlink',
        peer: children[c] ?? '',
        opticClass: downlinkOptic(plan, tier, children[c] ?? '')
      })
    }
    add(`sw${s + 1}`, 'switch', vendor, model, plan.intervalS, ports)
  }
  if (tier === 'district' || tier === 'area' || tier === 'campus') {
    const [upsVendor, upsModel] = upsMake(chance(plan, ask.upsVendor, tiers.indexOf(tier) * 4_000_037 + k))
    add('ups1', 'ups', upsVendor, upsModel, plan.upsIntervalS, [])
  }
  if (tier === 'building' && !plan.light && chance(plan, ask.receiver, k) < 0.9) {
    const vector = chance(plan, ask.model, k) < 0.6
    add('op1', 'catv', vector ? 'Vector' : 'Planar', vector ? 'Lambda Pro 72' : 'OP-101', plan.intervalS, [])
  }
  return devices
}

function switchCount(plan: Plan, tier: Tier, k: number): number {
  const draw = chance(plan, ask.switches, tiers.indexOf(tier) * 4_000_037 + k)
  switch (tier) {
    case 'core':
    case 'district':
      return 2
    case 'area':
      return draw < 0.5 ? 2 : 1
    case 'campus':
      return draw < 0.1 ? 2 : 1
    case 'building':
      return plan.light ? 1 : draw < 0.2 ? 1 : draw < 0.5 ? 2 : draw < 0.94 ? 3 : 4
  }
}

type PortOf = (port: number) => string

const plainPort: PortOf = port => `${port}`
const ciscoPort: PortOf = port => `${10_100 + port}`
const huaweiPort: PortOf = port => `${4 + port}`

/** D-Link in buildings and campuses, Cisco and Huawei above; each numbers its interfaces in its own way. */
function switchMake(plan: Plan, tier: Tier, k: number): [string, string, PortOf] {
  const draw = chance(plan, ask.vendor, tiers.indexOf(tier) * 4_000_037 + k)
  switch (tier) {
    case 'core':
      return ['Huawei', 'S12704', huaweiPort]
    case 'district':
      return draw < 0.5 ? ['Cisco', 'WS-C3750X-24S', ciscoPort] : ['Huawei', 'S6720-54C', huaweiPort]
    case 'area':
      return draw < 0.5 ? ['Cisco', 'WS-C3560X-24P', ciscoPort] : ['Huawei', 'S5720-52X', huaweiPort]
    case 'campus':
      return draw < 0.7 ? ['D-Link', 'DGS-3120-24SC', plainPort] : ['D-Link', 'DGS-1510-28XS', plainPort]
    case 'building':
      return draw < 0.6
        ? ['D-Link', 'DES-3200-28', plainPort]
        : draw < 0.9
          ? ['D-Link', 'DGS-1210-28/ME', plainPort]
          : ['D-Link', 'DES-1210-28/ME', plainPort]
  }
}

function upsMake(draw: number): [string, string] {
  if (draw < 0.4) return ['Ippon', 'Innova RT 1000']
  return draw < 0.7 ? ['Eltena', 'Monolith 1000RT'] : ['APC', 'Smart-UPS 1000']
}

/** Optic class at a node's uplink; the parent's downlink port has the same, as both ends of a fibre do. */
function uplinkOptic(plan: Plan, tier: Tier, k: number): string {
  switch (tier) {
    case 'core':
      return ''
    case 'district':
      return '10gbase-er'
    case 'area':
      return '10gbase-lr'
    case 'campus':
      return chance(plan, ask.opticClass, k) < 0.8 ? '1000base-lx10' : '10gbase-lr'
    case 'building':
      return '1000base-bx10'
  }
}

function downlinkOptic(plan: Plan, tier: Tier, child: string): string {
  const below = tiers[tiers.indexOf(tier) + 1]
  if (below === undefined) return ''
  return uplinkOptic(plan, below, Number(child.slice(3)) - 1)
}

/** One address a device in 10.0.0.0/8, in the order of the devices. */
function managementAddress(serial: number): string {
  const n = serial + 0x10001
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
}
