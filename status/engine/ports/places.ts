import type { SeriesState } from '../../../rules/series-state.ts'
import { portOfInstance } from '../../../schemas/lanes.ts'
import { signalIds, signals } from '../../../schemas/signals.ts'
import type { Inventory, InventoryPort } from '../../../topology/model.ts'
import { portKey, portNameKey } from '../../../topology/ports.ts'
import type { SeriesRegistry } from '../series-registry.ts'

/**
 * Which port of the inventory a series is of, where the inventory calls ports by name. A record that says the names of its port speaks for
 * itself, whatever its number is today. One that says a number only (a trap, an optic by ifIndex) is of the port that has the number by
 * what the device said last; one that says another name (an optic by the long name) is of the port that goes by both names.
 *
 * Of devices whose ports have no names in the inventory nothing is kept, and a series is of the port whose instance it is told by.
 */
export interface PortPlaces {
  /**
   * Series of one entity are noted, and get their port; others of the device may be of another port by what these say: see unsettled().
   * Gives them in lists of one port each: what is told by a number may be of no port. None for a device whose ports have no names.
   */
  met(series: readonly number[]): readonly (readonly number[])[]
  /** What is to be moved by what was learnt since it was asked last, device by device (index of the inventory). */
  unsettled(): readonly DeviceMoves[]
  /** Whether numbers of any device have moved. */
  isContested(): boolean
  /** A sample of a series is at hand (event time, ms) that nobody has judged yet. Before addressee() is asked of any of its record. */
  told(series: number, timeMs: number): void
  /**
   * The series that a sample told by `series` is of: another one where it was told without a name, by a number that is another port's
   * now. -1 where that port tells no such signal, and where a name stands at two numbers and the other one was told last.
   */
  addressee(series: number): number
  /** Other series that tell the same of the same port, by the same profile: it has another number now, or had one. */
  othersOf(series: number): readonly number[]
  /** Looks whether numbers have gone back to ports that had them before, at some devices a time. */
  sweep(): void
  /**
   * Ports that have another number than before, by device. A device is told when none of its ports has moved between two calls: a poll comes
   * in pieces.
   */
  moved(): readonly MovedPorts[]
  /** Another inventory: every series gets its port anew. Whether some series has another one than before. */
  reload(inventory: Inventory): boolean
  /** Since the start: ports that were told by another number than before, and names that were not noted, because a device says too many. */
  counts(): { readonly moves: number; readonly overflow: number }
}

export interface DeviceMoves {
  readonly device: number
  /** Series and the instances they are to have. */
  readonly moves: readonly { readonly series: number; readonly instance: string }[]
}

export interface MovedPorts {
  readonly device: number
  readonly ports: readonly { readonly key: string; readonly from: string; readonly to: string }[]
}

/** Numbers with their names that are noted of a device: more than a chassis has ports, a few times over. */
export const carriersMax = 8192

/** What a trap tells, too: by these it cannot be known that a number was polled with its names. */
const toldByTraps: ReadonlySet<number | undefined> = new Set(
  ['if.oper_status', 'if.admin_status', 'if.peer_dying_gasp'].map(name => signalIds.get(name))
)

/** By signal: whether it is told of ports. Of a fan or a line a number may be told that is some port's, too. */
const isOfPorts = signals.map(({ name }) => name.startsWith('if.') || name.startsWith('optics.'))

/** A number, and the names that its port was told with. */
interface Carrier {
  readonly number: string
  readonly names: readonly string[]
  /** Key of the port of the inventory that has one of the names; undefined for another port. */
  readonly key: string | undefined
  readonly series: Set<number>
  /** Newest sample that was at hand before it was judged (event time, ms), and newest of those that no trap tells. */
  toldMs: number
  polledMs: number
}

/** Of a device whose ports the inventory calls by name. */
interface DevicePorts {
  /** Indices of the device in the shared state. */
  readonly sources: Set<number>
  /** Keys of ports by their names. */
  readonly byName: ReadonlyMap<string, string>
  /** Ports by their instances. */
  readonly byInstance: ReadonlyMap<string, { readonly key: string; readonly isNamed: boolean }>
  readonly carriers: Map<string, Carrier>
  /** By number, and by the key of their port, in the order they were met. */
  readonly byNumber: Map<string, Carrier[]>
  readonly byKey: Map<string, Carrier[]>
  /** The port that goes by a name which the inventory has not; undefined for a port that it does not name, null for several. */
  readonly aliases: Map<string, string | null | undefined>
  /** The number by which each port was told last, by its key. */
  readonly numberOf: Map<string, string>
  /** Who has a number that has had several, by what was found last. */
  readonly holders: Map<string, Carrier>
  /** Some series of it does not say by names of its own which port it is of. */
  isLoose: boolean
}

/** Devices looked at in one sweep: some milliseconds. */
const devicesPerSweep = 200

export function createPortPlaces(
  registry: SeriesRegistry,
  state: Pick<SeriesState, 'lastTimeMs'>,
  firstInventory: Inventory
): PortPlaces {
  let inventory = firstInventory
  /** By index of the inventory: what is kept of devices that were met and whose ports have names. */
  const devices = new Map<number, DevicePorts>()
  const unsettled = new Set<number>()
  /** Devices some of whose numbers have had several ports, or ports several numbers. */
  const contested = new Set<number>()
  /** Those of them that are still to be looked at in this round. */
  let round: number[] = []
  const moved = new Map<number, Map<string, { from: string; to: string }>>()
  /** Of these some port has moved since moved() was called. */
  const moving = new Set<number>()
  let moves = 0
  let overflow = 0

  const portsOf = (known: number): DevicePorts => {
    let ports = devices.get(known)
    if (ports === undefined) devices.set(known, (ports = devicePorts(inventory.device(known).ports)))
    return ports
  }

  /** When a number was last polled with these names (event time, ms); Infinity while nothing of it is judged. */
  const heardMs = ({ series, ...at }: Carrier): number => {
    let { polledMs, toldMs } = at
    for (const each of series) {
      const timeMs = state.lastTimeMs[each]!
      if (toldByTraps.has(registry.signal(each))) toldMs = Math.max(toldMs, timeMs)
      else polledMs = Math.max(polledMs, timeMs)
    }
    return polledMs || toldMs || Infinity
  }

  /** Which was told last; of several told at one time, the one met last. */
  const lastOf = (list: readonly Carrier[] | undefined): Carrier | undefined => {
    if (list === undefined || list.length < 2) return list?.[0]
    let last = list[0]!
    let lastMs = heardMs(last)
    for (const each of list) {
      const timeMs = heardMs(each)
      if (timeMs >= lastMs) {
        last = each
        lastMs = timeMs
      }
    }
    return last
  }

  /** The port with this instance, unless it has a name that the device says of some number. */
  const byInstance = ({ byInstance: ports, numberOf }: DevicePorts, number: string): string | undefined => {
    const port = ports.get(number)
    return port === undefined || (port.isNamed && numberOf.has(port.key)) ? undefined : port.key
  }

  const instanceOf = (ports: DevicePorts, told: string, names: readonly string[]): string => {
    const port = portOfInstance(told)
    let key = namedBy(ports, names)
    if (key === undefined && told !== '') ports.isLoose = true
    if (names.length === 0) {
      const name = portNameKey(port)
      key = ports.byName.get(name) ?? ports.aliases.get(name) ?? lastOf(ports.byNumber.get(port))?.key
    }
    key ??= byInstance(ports, port)
    return key === undefined ? told : key + told.slice(port.length)
  }

  const note = (
    ports: DevicePorts,
    known: number,
    number: string,
    names: readonly string[]
  ): Carrier | undefined => {
    const before = ports.carriers.get(carrierId(number, names))
    if (before !== undefined) return before
    if (ports.carriers.size >= carriersMax) {
      overflow++
      return undefined
    }
    const carrier: Carrier = {
      number,
      names,
      key: namedBy(ports, names),
      series: new Set(),
      toldMs: 0,
      polledMs: 0
    }
    ports.carriers.set(carrierId(number, names), carrier)
    const { key } = carrier
    const isOne = push(ports.byNumber, number, carrier) === 1
    if ((key !== undefined && push(ports.byKey, key, carrier) > 1) || !isOne) contested.add(known)
    for (const name of names.map(portNameKey))
      ports.aliases.set(name, ports.aliases.has(name) && ports.aliases.get(name) !== key ? null : key)
    tellNumber(ports, known, carrier)
    if (ports.isLoose) unsettled.add(known)
    return carrier
  }

  /** A number is this port's now. */
  const tellNumber = (ports: DevicePorts, known: number, { key, number }: Carrier): void => {
    if (key === undefined) return
    const before = ports.numberOf.get(key)
    ports.numberOf.set(key, number)
    if (before === undefined || before === number) return
    moves++
    moving.add(known)
    let list = moved.get(known)
    if (list === undefined) moved.set(known, (list = new Map<string, { from: string; to: string }>()))
    list.set(key, { from: list.get(key)?.from ?? before, to: number })
  }

  const isKept = (known: number): boolean => known >= 0 && (devices.has(known) || inventory.namesPorts(known))

  /** Takes note of what series of one entity say of ports. */
  const learn = (ports: DevicePorts, series: readonly number[]): void => {
    const first = series[0]!
    ports.sources.add(registry.deviceOf(first))
    const names = registry.names(first)
    if (names.length === 0) return
    const carrier = note(ports, registry.knownOf(first), registry.toldInstance(first), names)
    for (const each of series) carrier?.series.add(each)
  }

  /** What a series says of its port, where numbers of its device have moved. */
  const contestedOf = (series: number): Carrier | undefined => {
    const known = contested.size === 0 ? -1 : registry.knownOf(series)
    if (known < 0 || !contested.has(known)) return undefined
    const names = registry.names(series)
    return names.length === 0
      ? undefined
      : portsOf(known).carriers.get(carrierId(registry.toldInstance(series), names))
  }

  /** Calls back with each of these series that is to be of another instance than it is. */
  const eachMove = (
    ports: DevicePorts,
    source: number,
    act: (series: number, instance: string) => void
  ): void => {
    let last = -1
    let port = ''
    registry.eachOfDevice(source, series => {
      const told = registry.toldInstance(series)
      if (last < 0 || !registry.isSamePlace(last, series))
        port = instanceOf(ports, told, registry.names(series))
      last = series
      const instance = isOfPorts[registry.signal(series)] === true ? port : told
      if (instance !== registry.instance(series)) act(series, instance)
    })
  }

  const movesOf = (ports: DevicePorts): DeviceMoves['moves'] => {
    const moves: { series: number; instance: string }[] = []
    for (const source of ports.sources)
      eachMove(ports, source, (series, instance) => void moves.push({ series, instance }))
    return moves
  }

  return {
    met(series) {
      const first = series[0]!
      if (!isKept(registry.knownOf(first))) return []
      const ports = portsOf(registry.knownOf(first))
      learn(ports, series)
      const ofPort = series.filter(each => isOfPorts[registry.signal(each)] === true)
      if (ofPort.length === 0) return [series]
      const instance = instanceOf(ports, registry.toldInstance(first), registry.names(first))
      for (const each of ofPort)
        if (registry.instance(each) !== instance) registry.setInstance(each, instance)
      if (ofPort.length === series.length) return [series]
      return [ofPort, series.filter(each => isOfPorts[registry.signal(each)] !== true)]
    },
    unsettled() {
      const found: DeviceMoves[] = []
      for (const device of unsettled) {
        const moves = movesOf(portsOf(device))
        if (moves.length > 0) found.push({ device, moves })
      }
      unsettled.clear()
      return found
    },
    isContested: () => contested.size > 0,
    told(series, timeMs) {
      const own = contestedOf(series)
      if (own === undefined) return
      own.toldMs = Math.max(own.toldMs, timeMs)
      if (!toldByTraps.has(registry.signal(series))) own.polledMs = Math.max(own.polledMs, timeMs)
    },
    addressee(series) {
      const own = contestedOf(series)
      if (own === undefined) return series
      const { byNumber, byKey } = portsOf(registry.knownOf(series))
      const now = lastOf(byNumber.get(own.number))!
      if (now === own) return own.key === undefined || lastOf(byKey.get(own.key)) === own ? series : -1
      const signal = registry.signal(series)
      for (const each of now.series) if (registry.signal(each) === signal) return each
      return -1
    },
    othersOf(series) {
      const known = contested.size === 0 ? -1 : registry.knownOf(series)
      if (known < 0 || !contested.has(known)) return []
      const others: number[] = []
      for (const source of portsOf(known).sources)
        registry.eachOfDevice(source, other => {
          if (
            other !== series &&
            registry.signal(other) === registry.signal(series) &&
            registry.instanceNumber(other) === registry.instanceNumber(series) &&
            registry.profile(other) === registry.profile(series)
          )
            others.push(other)
        })
      return others
    },
    sweep() {
      if (round.length === 0) round = [...contested]
      for (const known of round.splice(-devicesPerSweep)) {
        const ports = portsOf(known)
        for (const [number, list] of ports.byNumber) {
          const holder = list.length < 2 ? undefined : lastOf(list)
          if (holder === undefined || ports.holders.get(number) === holder) continue
          ports.holders.set(number, holder)
          if (ports.isLoose) unsettled.add(known)
        }
        for (const list of ports.byKey.values()) if (list.length > 1) tellNumber(ports, known, lastOf(list)!)
      }
    },
    moved() {
      const found: MovedPorts[] = []
      for (const [device, list] of moved) {
        if (moving.has(device)) continue
        moved.delete(device)
        const ports = [...list].flatMap(([key, move]) => (move.from === move.to ? [] : [{ key, ...move }]))
        if (ports.length > 0) found.push({ device, ports })
      }
      moving.clear()
      return found
    },
    reload(nextInventory) {
      inventory = nextInventory
      /** Those that are kept now, and those that were and are to go by what they are told by again. */
      const sources = new Map<number, DevicePorts>()
      for (const ports of devices.values()) for (const source of ports.sources) sources.set(source, noPorts)
      devices.clear()
      contested.clear()
      round = []
      const before = { moves, overflow }
      for (const { index, known } of registry.devices()) {
        if (!isKept(known)) continue
        const ports = portsOf(known)
        sources.set(index, ports)
        const all: number[] = []
        registry.eachOfDevice(index, series => void all.push(series))
        // In the order in which they were met.
        for (const series of all.reverse()) learn(ports, [series])
      }
      let isMoved = false
      for (const [source, ports] of sources)
        eachMove(ports, source, (series, instance) => {
          registry.setInstance(series, instance)
          isMoved = true
        })
      unsettled.clear()
      moved.clear()
      moves = before.moves
      overflow = before.overflow
      return isMoved
    },
    counts: () => ({ moves, overflow })
  }
}

const noPorts = devicePorts([])

/** As threads tell entities apart (workers/learning/entities.ts): by the first name, since a further one may change with the firmware. */
const carrierId = (number: string, [name = '']: readonly string[]): string => `${number}\0${name}`

/** How many there are then. */
function push(lists: Map<string, Carrier[]>, key: string, carrier: Carrier): number {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [carrier])
  return list?.push(carrier) ?? 1
}

/** The port that has one of these names in the inventory. */
function namedBy({ byName }: DevicePorts, names: readonly string[]): string | undefined {
  for (const name of names) {
    const key = byName.get(portNameKey(name))
    if (key !== undefined) return key
  }
  return undefined
}

function devicePorts(ports: readonly InventoryPort[]): DevicePorts {
  return {
    sources: new Set(),
    byName: new Map(
      ports.flatMap(port => (port.name === undefined ? [] : [[portNameKey(port.name), portKey(port)]]))
    ),
    byInstance: new Map(
      ports.flatMap(port =>
        port.instance === ''
          ? []
          : [[port.instance, { key: portKey(port), isNamed: port.name !== undefined }]]
      )
    ),
    carriers: new Map(),
    byNumber: new Map(),
    byKey: new Map(),
    aliases: new Map(),
    numberOf: new Map(),
    holders: new Map(),
    isLoose: false
  }
}
