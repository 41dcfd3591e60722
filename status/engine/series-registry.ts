import type { SeriesState } from '../../rules/series-state.ts'
import type { NewEntity } from '../../schemas/evaluation.ts'
import type { Inventory } from '../../topology/model.ts'
import { createCountedTexts, createPool, createTextArena } from '../../topology/texts.ts'

/**
 * What the main thread knows of the series and devices that workers have met: enough to assign programs, to name
 * the place of a flip, and to resolve everything anew when the inventory changes. It is kept in typed arrays, and each text once:
 * five million series of a million devices cost a few bytes each, and room that is not used yet costs nothing.
 */
export interface SeenDevice {
  /** Index in the shared device state. */
  readonly index: number
  /** As they were described first. Very long ones are cut. */
  readonly identifiers: readonly string[]
  readonly collector: string
  readonly profile: string
  readonly firstSeenMs: number
  /** Index in the inventory, -1 while unknown. */
  readonly known: number
  /** Series of it met so far. */
  readonly series: number
}

export interface SeriesRegistry {
  /** Takes note of described series; false when all of them were known already. */
  add(entity: NewEntity, inventory: Inventory, nowMs: number): boolean
  has(series: number): boolean
  /** Index of the series' device in the shared state, -1 while the series is not known. */
  deviceOf(series: number): number
  /** Index of the series' device in the inventory, -1 while it is unknown. */
  knownOf(series: number): number
  signal(series: number): number
  /** The port or sensor it is of, by the key that the inventory has of it (topology/ports.ts), else as it is told: '' for a device itself. */
  instance(series: number): string
  /** The same number for the same instance. */
  instanceNumber(series: number): number
  /** As it is told and stored, whatever the inventory calls it. */
  toldInstance(series: number): string
  /** Names of its port that it was told with. */
  names(series: number): readonly string[]
  /** Gives it the port that it is of from now on. */
  setInstance(series: number, instance: string): void
  /** The number of an instance by its name, or -1 while no series has it. */
  numberOfInstance(instance: string): number
  profile(series: number): string
  /** Whether two noted series are of one device, port and profile, by what they were told with. */
  isSamePlace(series: number, other: number): boolean
  /** Calls back with every series noted of a device (index in the shared state), until one is answered with true. */
  eachOfDevice(device: number, act: (series: number) => boolean | void): void
  /** Behind the last device met, by its index in the shared state. */
  devicesEnd(): number
  /** Indices in the shared state of a device of the inventory: one for each way it is told of. Looks at every device. */
  indicesOf(known: number): readonly number[]
  /** Every series noted, in the order of noting. */
  all(): Iterable<number>
  /** The series noted as number `at`, from 0; what is forgotten makes later numbers less. */
  at(at: number): number
  /** How far somebody has come who goes over the series in the order of noting, from 0: it moves with those that go. */
  cursor(): { at: number }
  /** Every device met, in short. */
  devices(): Iterable<Pick<SeenDevice, 'index' | 'known' | 'collector'>>
  /** Devices the inventory does not know. */
  unknownDevices(): Iterable<SeenDevice>
  unknownCount(): number
  seenDevice(index: number): SeenDevice | undefined
  /** The identifiers kept of a device; empty for a device that was not seen. */
  identifiersOf(device: number): readonly string[]
  /** The collector by which a device was met; '' where none was named, or for a device that was not seen. */
  collectorOf(device: number): string
  size(): number
  /** Resolves every device against another inventory. */
  resolveAll(inventory: Inventory): void
  /** Whether series of a device were noted, and how many. */
  isMet(device: number): boolean
  seriesOf(device: number): number
  /** Whether a device was met and the inventory has never known it: of others more is kept than can be forgotten. */
  isStranger(device: number): boolean
  /** Calls back with each device that is about to be forgotten; whoever keeps something by the indices of it or its series drops that. */
  whenForgotten(act: (device: number) => void): void
  /**
   * Forgets strangers, some a step; their indices may become others' once all steps are done. Between two steps everything is as it would be without
   * those that are forgotten, but that some are still listed.
   */
  forget(isForgotten: (device: number) => boolean): Generator<void, Forgotten>
  /** Devices forgotten since the start. */
  forgottenCount(): number
}

export interface Forgotten {
  readonly devices: number
  readonly series: number
}

const noNames: readonly string[] = []
/** Stands in no name. */
const betweenNames = '\0'
const identifiersKept = 16
const identifierLengthKept = 400
/** Devices looked at, or forgotten, in a step: about a millisecond. */
const lookedAtPerStep = 65_536
const forgottenPerStep = 4096

export function createSeriesRegistry(seriesMax: number, devicesMax: number): SeriesRegistry {
  /** Index of the device plus one, so that untouched memory means none and takes no pages. */
  const deviceOf = new Int32Array(seriesMax)
  const signalOf = new Uint8Array(seriesMax)
  const instanceOf = new Int32Array(seriesMax)
  const instances = createCountedTexts()
  /** Number of the port's key plus one where that is another than the instance it is told by, which is usual. */
  const portOf = new Int32Array(seriesMax)
  /** Number of the names it was told with plus one; 0 for none. */
  const namesOf = new Int32Array(seriesMax)
  const namesTexts = createCountedTexts()
  const profileOf = new Uint16Array(seriesMax)
  const profiles = createPool<string>()
  const order = new Int32Array(seriesMax)
  const cursors: { at: number }[] = []
  /** The next series of the same device plus one; 0 behind the last. */
  const nextOf = new Int32Array(seriesMax)
  let size = 0

  /** By shared device index: 0 for not seen, 1 for unknown to the inventory, else index in the inventory plus two. */
  const knownOf = new Int32Array(devicesMax)
  const identifiersOf = new Uint32Array(devicesMax)
  const collectorOf = new Int32Array(devicesMax)
  const firstSeenMs = new Float64Array(devicesMax)
  const seriesCount = new Int32Array(devicesMax)
  /** The series of it that was noted last plus one. */
  const lastOf = new Int32Array(devicesMax)
  const deviceProfileOf = new Uint16Array(devicesMax)
  const collectors = createCountedTexts()
  let texts = createTextArena()
  /** While texts move to another arena: those of the devices before `movedTo` stand there. */
  let movedTexts = texts
  let movedTo = 0
  let unknownCount = 0
  /** 1 for a device that the inventory knows or has known. */
  const wasKnown = new Uint8Array(devicesMax)
  let devicesEnd = 0
  const followers: ((device: number) => void)[] = []
  let forgottenCount = 0

  const identifiers = (index: number): string[] =>
    JSON.parse((index < movedTo ? movedTexts : texts).get(identifiersOf[index]!)) as string[]

  const instanceNumber = (series: number): number => {
    const port = portOf[series] ?? 0
    return port === 0 ? (instanceOf[series] ?? 0) : port - 1
  }

  const setKnown = (index: number, known: number): void => {
    if (knownOf[index] === 1) unknownCount--
    knownOf[index] = known + 2
    if (known < 0) unknownCount++
    else wasKnown[index] = 1
  }

  /** Takes note of a device that is met for the first time. */
  const meet = (entity: NewEntity, profile: number, inventory: Inventory, nowMs: number): void => {
    const { device, collector } = entity
    const kept = entity.identifiers.slice(0, identifiersKept).map(text => text.slice(0, identifierLengthKept))
    identifiersOf[device] = texts.add(JSON.stringify(kept))
    collectorOf[device] = collectors.hold(collector, 1)
    deviceProfileOf[device] = profile
    firstSeenMs[device] = nowMs
    setKnown(device, resolve(entity.identifiers, inventory))
    devicesEnd = Math.max(devicesEnd, device + 1)
  }

  const seenDevice = (index: number): SeenDevice | undefined =>
    (knownOf[index] ?? 0) === 0
      ? undefined
      : {
          index,
          identifiers: identifiers(index),
          collector: collectors.get(collectorOf[index]!),
          profile: profiles.get(deviceProfileOf[index]!),
          firstSeenMs: firstSeenMs[index]!,
          known: knownOf[index]! - 2,
          series: seriesCount[index]!
        }

  const isStranger = (device: number): boolean => knownOf[device] === 1 && wasKnown[device] === 0

  /** Takes series out of the order, and moves the cursors. */
  const leaveOut = (isForgotten: (device: number) => boolean): void => {
    let kept = 0
    let from = 0
    const end = { at: size }
    for (const cursor of [...cursors].sort((a, b) => a.at - b.at).concat(end)) {
      for (; from < cursor.at; from++) {
        const series = order[from]!
        if (!isForgotten(deviceOf[series]! - 1)) order[kept++] = series
      }
      cursor.at = kept
    }
    size = end.at
  }

  const forgetOne = (device: number): void => {
    for (const follower of followers) follower(device)
    for (let next = lastOf[device]!; next !== 0;) {
      const series = next - 1
      next = nextOf[series]!
      instances.release(instanceOf[series]!, 1)
      if (portOf[series] !== 0) instances.release(portOf[series]! - 1, 1)
      if (namesOf[series] !== 0) namesTexts.release(namesOf[series]! - 1, 1)
      portOf[series] = namesOf[series] = 0
      deviceOf[series] = nextOf[series] = 0
    }
    collectors.release(collectorOf[device]!, 1)
    knownOf[device] = lastOf[device] = seriesCount[device] = 0
    unknownCount--
    forgottenCount++
  }

  /** Leaves the texts of devices that are no more behind. */
  function* moveTexts(): Generator<void, void> {
    movedTexts = createTextArena()
    for (movedTo = 0; movedTo < devicesEnd; movedTo++) {
      if (movedTo % lookedAtPerStep === 0) yield
      if (knownOf[movedTo] !== 0) identifiersOf[movedTo] = movedTexts.copy(texts, identifiersOf[movedTo]!)
    }
    texts = movedTexts
    movedTo = 0
  }

  return {
    add(entity, inventory, nowMs) {
      const { device, series, signals, names = noNames } = entity
      let count = 0
      for (const at of series) if (deviceOf[at] === 0) count++
      if (count === 0) return false
      const profile = profiles.add(entity.profile, () => entity.profile)
      const instance = instances.hold(entity.instance, count)
      const named = names.length === 0 ? 0 : namesTexts.hold(names.join(betweenNames), count) + 1
      if (knownOf[device] === 0) meet(entity, profile, inventory, nowMs)
      for (let i = 0; i < series.length; i++) {
        const at = series[i]!
        if (deviceOf[at] !== 0) continue
        deviceOf[at] = device + 1
        signalOf[at] = signals[i]!
        profileOf[at] = profile
        instanceOf[at] = instance
        if (named !== 0) namesOf[at] = named
        order[size++] = at
        nextOf[at] = lastOf[device]!
        lastOf[device] = at + 1
      }
      seriesCount[device]! += count
      return true
    },
    has: series => (deviceOf[series] ?? 0) !== 0,
    deviceOf: series => (deviceOf[series] ?? 0) - 1,
    knownOf(series) {
      const device = deviceOf[series] ?? 0
      return device === 0 ? -1 : knownOf[device - 1]! - 2
    },
    signal: series => signalOf[series] ?? 0,
    instance: series => ((deviceOf[series] ?? 0) === 0 ? '' : instances.get(instanceNumber(series))),
    instanceNumber,
    toldInstance: series => ((deviceOf[series] ?? 0) === 0 ? '' : instances.get(instanceOf[series]!)),
    names: series =>
      (namesOf[series] ?? 0) === 0 ? noNames : namesTexts.get(namesOf[series]! - 1).split(betweenNames),
    setInstance(series, instance) {
      const isAsTold = instance === instances.get(instanceOf[series]!)
      const next = isAsTold ? 0 : instances.hold(instance, 1) + 1
      if (portOf[series] !== 0) instances.release(portOf[series]! - 1, 1)
      portOf[series] = next
    },
    numberOfInstance: instance => instances.find(instance),
    profile: series => profiles.get(profileOf[series] ?? 0),
    isSamePlace: (series, other) =>
      deviceOf[series] === deviceOf[other] &&
      instanceOf[series] === instanceOf[other] &&
      namesOf[series] === namesOf[other] &&
      portOf[series] === portOf[other] &&
      profileOf[series] === profileOf[other],
    eachOfDevice(device, act) {
      for (let at = lastOf[device] ?? 0; at !== 0; at = nextOf[at - 1]!) if (act(at - 1) === true) return
    },
    devicesEnd: () => devicesEnd,
    indicesOf(known) {
      const found: number[] = []
      for (let index = 0; index < devicesEnd; index++) if (knownOf[index] === known + 2) found.push(index)
      return found
    },
    *all() {
      for (let i = 0; i < size; i++) yield order[i]!
    },
    at: at => (at < size ? order[at]! : -1),
    cursor() {
      const cursor = { at: 0 }
      cursors.push(cursor)
      return cursor
    },
    *devices() {
      for (let index = 0; index < devicesEnd; index++) {
        if (knownOf[index] === 0) continue
        yield { index, known: knownOf[index]! - 2, collector: collectors.get(collectorOf[index]!) }
      }
    },
    *unknownDevices() {
      for (let index = 0; index < devicesEnd; index++) if (knownOf[index] === 1) yield seenDevice(index)!
    },
    unknownCount: () => unknownCount,
    seenDevice,
    identifiersOf: device => ((knownOf[device] ?? 0) === 0 ? [] : identifiers(device)),
    collectorOf: device => ((knownOf[device] ?? 0) === 0 ? '' : collectors.get(collectorOf[device]!)),
    size: () => size,
    resolveAll(inventory) {
      for (let index = 0; index < devicesEnd; index++) {
        if (knownOf[index] !== 0) setKnown(index, resolve(identifiers(index), inventory))
      }
    },
    isMet: device => (knownOf[device] ?? 0) !== 0,
    seriesOf: device => seriesCount[device] ?? 0,
    isStranger,
    whenForgotten: act => void followers.push(act),
    *forget(asked) {
      const before = { devices: forgottenCount, series: size }
      const isForgotten = (device: number): boolean => asked(device) && isStranger(device)
      leaveOut(isForgotten)
      for (let device = 0, gone = 0; device < devicesEnd; device++) {
        if (device % lookedAtPerStep === 0) yield
        if (!isForgotten(device)) continue
        forgetOne(device)
        if (++gone % forgottenPerStep === 0) yield
      }
      yield* moveTexts()
      return { devices: forgottenCount - before.devices, series: before.series - size }
    },
    forgottenCount: () => forgottenCount
  }
}

function resolve(identifiers: readonly string[], inventory: Inventory): number {
  for (const identifier of identifiers) {
    const found = inventory.deviceByIdentifier(identifier)
    if (found !== undefined) return found
  }
  return -1
}

/** When what was evaluated last of a device (index in the shared state) was read (event time, ms); 0 for never. */
export function lastReadMs(registry: SeriesRegistry, state: SeriesState, device: number): number {
  let lastMs = 0
  registry.eachOfDevice(device, series => {
    lastMs = Math.max(lastMs, state.lastTimeMs[series]!)
  })
  return lastMs
}
