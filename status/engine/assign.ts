import type { CompiledRules } from '../../rules/compiled.ts'
import { learnAnew } from '../../rules/measures/baselines.ts'
import {
  assignProgram,
  countsUnderWay,
  resumeCount,
  takeSlot,
  type CountUnderWay
} from '../../rules/judge.ts'
import type { SeriesAttributes } from '../../rules/model.ts'
import { withoutRates } from '../../rules/pick.ts'
import type { ProgramSpec, ProgramTableBuilder } from '../../rules/program.ts'
import {
  anySignalBeside,
  hasBeside,
  hasSlot,
  isBeside,
  isReckonedBy,
  keepsBaseline,
  keptSamples,
  setBeside
} from '../../rules/measures/rates.ts'
import type { SeriesState } from '../../rules/series-state.ts'
import { portOfInstance } from '../../schemas/lanes.ts'
import { signals } from '../../schemas/signals.ts'
import type { Inventory } from '../../topology/model.ts'
import { createCountedTexts, createNumberTable, createPool } from '../../topology/texts.ts'
import type { SeriesRegistry } from './series-registry.ts'

/**
 * Picks the program of each series by what the inventory says of its device and port, and by the limits its own
 * module reports. The only place that writes SeriesState.program.
 */
export interface SeriesAssigner {
  /** Assigns series of one port; `raised` are conditions that are on already (restored alarms). */
  assign(series: readonly number[], raised?: ReadonlySet<number>): void
  /**
   * Takes a module's own limit read from a series of a limit signal; programs anew the series it limits. Where it is another than before, it is another
   * module, for which is learnt anew what is usual.
   * Returns whether the signal is one that carries limits.
   */
  moduleLimit(series: number, value: number): boolean
  /** Assigns every series again, after a reload of inventory or rules; counts of conditions that are the same go on. */
  reassignAll(
    inventory: Inventory,
    rules: CompiledRules,
    raisedOf: (series: number) => ReadonlySet<number> | undefined
  ): void
}

/** More than there are signals. */
const signalsMax = 256
/** More than there are combinations of vendors, models, roles, tiers, ports and optic classes. */
const placesMax = 1 << 20
const limitChangesMax = 8
/** Lists of signals that ports of one place are met with, of which it is remembered what they are judged by. */
const plansPerPlaceMax = 32
const nothingAsked: readonly number[] = []
const noTags: readonly string[] = []

export function createSeriesAssigner(
  registry: SeriesRegistry,
  state: SeriesState,
  programs: ProgramTableBuilder,
  firstInventory: Inventory,
  firstRules: CompiledRules,
  raisedNow: (series: number) => ReadonlySet<number> | undefined,
  learns: (series: number) => void = () => undefined
): SeriesAssigner {
  let inventory = firstInventory
  let rules = firstRules
  /** What the inventory says of a place, numbered: thousands of ports share a few dozen combinations. */
  const places = createPool<PlaceAttributes>()
  /** Program by number of the place and signal. */
  let byPlace = new Map<number, number>()
  /** What ports that were met before are judged by, by number of the place. */
  let plansByPlace: (PortPlan[] | undefined)[] = []
  /** Some series has a program that keeps less than its rules ask for, because there was no room. */
  let isShort = false
  /** The place looked up last: series of one port come together. */
  let lastKnown = -1
  let lastInstance = -1
  let lastPlace = -1
  let asked = askedOf(rules)

  // Series of one module (a device and an instance) that carry its limits or may be judged by them are chained
  // by index: millions of ports have them, so nothing of this is an object.
  /** The next series of the module plus two, 1 behind the last, 0 for none: not linked yet. */
  const nextOfModule = new Int32Array(state.capacity)
  /** Number of the limit a series has told plus one, 0 for none. */
  const limitOf = new Int32Array(state.capacity)
  const limitTexts = createCountedTexts()
  const limitValue = (series: number): number => Number(limitTexts.get(limitOf[series]! - 1))
  /** How often a series has told another one. What changes all the time is no limit, and is followed no more. */
  const limitChanges = new Uint8Array(state.capacity)
  const modules = createNumberTable(moduleHash)

  function moduleHash(series: number): number {
    const h =
      Math.imul(registry.deviceOf(series) + 1, 0x9e3779b1) ^
      Math.imul(registry.instanceNumber(series), 0x85ebca6b)
    return (Math.imul(h ^ (h >>> 15), 0x846ca68b) ^ (h >>> 13)) >>> 0
  }

  /** The module looked up last, by device and instance: series of one port come together. */
  let lastDevice = -1
  let lastModule = -1
  let lastHead = -1
  const headOf = (device: number, instance: number, series: number): number => {
    if (device === lastDevice && instance === lastModule && lastHead !== -1) return lastHead
    lastDevice = device
    lastModule = instance
    lastHead = modules.find(
      moduleHash(series),
      other => registry.deviceOf(other) === device && registry.instanceNumber(other) === instance
    )
    return lastHead
  }

  /** The first series of the module this one belongs to; joins it where it does not yet. */
  const moduleOf = (series: number): number => {
    const head = headOf(registry.deviceOf(series), registry.instanceNumber(series), series)
    if (nextOfModule[series] !== 0) return head
    if (head === -1) {
      modules.add(moduleHash(series), series)
      nextOfModule[series] = 1
      return (lastHead = series)
    }
    nextOfModule[series] = nextOfModule[head]!
    nextOfModule[head] = series + 2
    return head
  }

  const eachOfModule = (head: number, act: (series: number) => void): void => {
    for (let at = head; at >= 0; at = nextOfModule[at]! - 2) act(at)
  }

  const limitsOf = (head: number): Map<number, number> | undefined => {
    let limits: Map<number, number> | undefined
    eachOfModule(head, series => {
      if (limitOf[series] === 0) return
      limits ??= new Map<number, number>()
      limits.set(registry.signal(series), limitValue(series))
    })
    return limits
  }

  /** Which of these signals the port has: a bit each, in their order. */
  const besideOf = (head: number, wanted: readonly number[]): number => {
    let found = 0
    for (let at = head; at >= 0; at = nextOfModule[at]! - 2) {
      const place = wanted.indexOf(registry.signal(at))
      if (place >= 0) found |= 1 << place
    }
    return found
  }

  const placeOf = (series: number, known: number): number => {
    const instance = registry.instanceNumber(series)
    if (known !== lastKnown || instance !== lastInstance) {
      const attributes = placeAttributesOf(inventory, known, registry.instance(series))
      const { vendor, model, role, tier, port, opticClass, tags = noTags } = attributes
      const key = `${vendor}|${model}|${role}|${tier}|${port}|${opticClass}|${tags.join('|')}`
      lastPlace = places.add(key, () => attributes)
      lastKnown = known
      lastInstance = instance
    }
    return lastPlace
  }

  /** Whether there is room for what a program keeps of it, which it has from then on. */
  const takesSlot = (series: number, { keeps = 'nothing' }: ProgramSpec): boolean =>
    takeSlot(state, series, keptSamples.indexOf(keeps))

  /** The number of a program; where there is no room for what it keeps, that of the same without rates and changes. */
  const numberOf = (series: number, spec: ProgramSpec): number => {
    if (takesSlot(series, spec)) return programs.addProgram(spec)
    isShort = true
    return programs.addProgram(withoutRates(spec))
  }

  const programOf = (series: number): number => {
    const known = registry.knownOf(series)
    // Nobody is told of a device the inventory does not know, so nothing of it is judged.
    if (known < 0) return 0
    const signal = registry.signal(series)
    const place = placeOf(series, known)
    if (limitOf[series] !== 0 && limitChanges[series]! < limitChangesMax) {
      const spec = rules.programFor({ signal, ...places.get(place) })
      // Another module may name another limit.
      if (spec.conditions.length === 0 && spec.keeps === undefined)
        return programs.addProgram({ conditions: [], known: limitValue(series) })
    }
    if (asked.isLimited[signal] === 1) {
      const limits = limitsOf(moduleOf(series))
      if (limits !== undefined)
        return numberOf(series, rules.programFor({ signal, ...places.get(place) }, limits))
    }
    const wanted = asked.beside[signal] ?? nothingAsked
    const beside = wanted.length === 0 ? 0 : besideOf(moduleOf(series), wanted)
    // Small where nothing is beside, so that looking it up makes no object.
    const key = place * signalsMax + signal + beside * placesMax * signalsMax
    const usual = byPlace.get(key)
    if (usual !== undefined && takeSlot(state, series, programs.table.keeps[usual]!)) return usual
    const found = new Set(wanted.filter((_, i) => (beside & (1 << i)) !== 0))
    const spec = rules.programFor(
      { signal, ...places.get(place) },
      undefined,
      found.size === 0 ? undefined : found
    )
    const program = numberOf(series, spec)
    if (takesSlot(series, spec)) byPlace.set(key, program)
    return program
  }

  const assignOne = (series: number, raised?: ReadonlySet<number>): void => {
    const program = programOf(series)
    assignProgram(programs.table, state, series, program, raised)
    if (programs.table.keeps[program] !== keepsBaseline) return
    moduleOf(series)
    learns(series)
  }

  const isRated = (series: number): boolean => hasSlot(state.rates, series)

  const linkRate = (rated: number, other: number): void => {
    if (!isRated(rated) || !isRated(other)) return
    // Where several tell the same, the one that comes the same way.
    if (!hasBeside(state.rates, rated) || registry.isSamePlace(rated, other))
      setBeside(state.rates, rated, other)
  }

  /** Series of the port in hand whose rates are reckoned by another, and those that rates are reckoned by. */
  const ratedOfPort: number[] = []
  const besideOfPort: number[] = []
  /** Tells the rates of a port, of which these series are new, which other series of it they are reckoned by. */
  const linkRates = (list: readonly number[]): void => {
    let head = -1
    for (const series of list) {
      const signal = registry.signal(series)
      if (isRated(series) && (anySignalBeside(signal) >= 0 || isBeside(signal))) head = moduleOf(series)
    }
    if (head < 0) return
    ratedOfPort.length = 0
    besideOfPort.length = 0
    for (let at = head; at >= 0; at = nextOfModule[at]! - 2) {
      const signal = registry.signal(at)
      if (anySignalBeside(signal) >= 0) ratedOfPort.push(at)
      if (isBeside(signal)) besideOfPort.push(at)
    }
    for (const series of list) {
      const signal = registry.signal(series)
      const by = anySignalBeside(signal)
      if (by >= 0)
        for (const other of besideOfPort) if (registry.signal(other) === by) linkRate(series, other)
      if (isBeside(signal))
        for (const other of ratedOfPort)
          if (anySignalBeside(registry.signal(other)) === signal) linkRate(other, series)
    }
  }

  const assign = (list: readonly number[], raised?: ReadonlySet<number>): void => {
    const plans = raised === undefined || raised.size === 0 ? plansFor(list) : undefined
    const plan = plans === undefined ? undefined : planAmong(plans, list)
    if (plan !== undefined && follow(list, plan)) return
    isShort = false
    assignEach(list, raised)
    if (plans === undefined || plan !== undefined || isShort || plans.length === plansPerPlaceMax) return
    const made = planOf(list)
    if (made !== undefined) plans.push(made)
  }

  /** The plans for ports like that of these series; undefined where they are not the first of their module, or not of the inventory. */
  const plansFor = (list: readonly number[]): PortPlan[] | undefined => {
    const first = list[0]!
    const known = registry.knownOf(first)
    if (known < 0) return undefined
    if (headOf(registry.deviceOf(first), registry.instanceNumber(first), first) !== -1) return undefined
    return (plansByPlace[placeOf(first, known)] ??= [])
  }

  const planAmong = (plans: readonly PortPlan[], list: readonly number[]): PortPlan | undefined => {
    for (const plan of plans) {
      if (plan.signals.length !== list.length) continue
      let i = 0
      while (i < list.length && plan.signals[i] === registry.signal(list[i]!)) i++
      if (i === list.length) return plan
    }
    return undefined
  }

  /** Assigns series as those were of which the plan was made; false where there is no room for what that keeps. */
  const follow = (list: readonly number[], plan: PortPlan): boolean => {
    const { table } = programs
    for (let i = 0; i < list.length; i++)
      if (!takeSlot(state, list[i]!, table.keeps[plan.programs[i]!]!)) return false
    for (let k = plan.module.length - 1, next = -1; k >= 0; k--) {
      const series = list[plan.module[k]!]!
      nextOfModule[series] = next + 2
      next = series
      if (k === 0) modules.add(moduleHash(series), (lastHead = series))
    }
    for (let i = 0; i < list.length; i++) {
      const program = plan.programs[i]!
      assignProgram(table, state, list[i]!, program)
      if (table.keeps[program] === keepsBaseline) learns(list[i]!)
    }
    for (let k = 0; k < plan.reckoned.length; k += 2)
      setBeside(state.rates, list[plan.reckoned[k]!]!, list[plan.reckoned[k + 1]!]!)
    return true
  }

  /** What has become of these series, the only ones of their module; undefined where that stands on others. */
  const planOf = (list: readonly number[]): PortPlan | undefined => {
    const first = list[0]!
    const module: number[] = []
    const head = headOf(registry.deviceOf(first), registry.instanceNumber(first), first)
    eachOfModule(head, series => module.push(list.indexOf(series)))
    const reckoned: number[] = []
    for (const [i, series] of list.entries()) {
      if (!isRated(series) || !hasBeside(state.rates, series)) continue
      reckoned.push(
        i,
        list.findIndex(other => isReckonedBy(state.rates, series, other))
      )
    }
    if (module.includes(-1) || reckoned.includes(-1)) return undefined
    return {
      signals: list.map(series => registry.signal(series)),
      programs: list.map(series => state.program[series]!),
      module,
      reckoned
    }
  }

  const assignEach = (list: readonly number[], raised?: ReadonlySet<number>): void => {
    let joined: number[] | undefined
    for (const series of list)
      if (
        asked.isBeside[registry.signal(series)] === 1 &&
        nextOfModule[series] === 0 &&
        registry.knownOf(series) >= 0
      ) {
        moduleOf(series)
        ;(joined ??= []).push(series)
      }
    // What is asked beside these signals is asked on their ports from now on.
    for (const series of joined ?? []) {
      const signal = registry.signal(series)
      eachOfModule(moduleOf(series), other => {
        if (state.program[other]! < 0 || other === series) return
        if (asked.beside[registry.signal(other)]?.includes(signal) === true)
          assignOne(other, raisedNow(other))
      })
    }
    for (const series of list) assignOne(series, raised)
    linkRates(list)
  }

  registry.whenForgotten(device => {
    lastHead = -1
    registry.eachOfDevice(device, series => {
      if (nextOfModule[series] === 0) return
      modules.remove(moduleHash(series), series)
      nextOfModule[series] = 0
      limitChanges[series] = 0
      if (limitOf[series] !== 0) limitTexts.release(limitOf[series]! - 1, 1)
      limitOf[series] = 0
    })
  })

  /** Every count under way, by what says the same condition under other rules. */
  const countsByKey = (): { series: number; key: string; count: CountUnderWay }[] => {
    const found: { series: number; key: string; count: CountUnderWay }[] = []
    for (const series of registry.all())
      for (const count of countsUnderWay(programs.table, state, series))
        found.push({ series, key: rules.conditions[count.condition]?.key ?? '', count })
    return found
  }

  return {
    assign,
    moduleLimit(series, value) {
      const signal = registry.signal(series)
      if (!rules.signalsNeedingLimits.has(signal)) return false
      const before = limitOf[series]!
      if (before !== 0 && limitTexts.find(String(value)) === before - 1) return true
      const head = moduleOf(series)
      const isAnother = before !== 0
      limitOf[series] = limitTexts.hold(String(value), 1) + 1
      if (isAnother) limitTexts.release(before - 1, 1)
      if (isAnother) limitChanges[series]!++
      assignOne(series)
      eachOfModule(head, other => {
        // What was usual for one module is not for another.
        if (isAnother) learnAnew(state.baselines, other)
        if (asked.isLimited[registry.signal(other)] === 1 && registry.knownOf(other) >= 0)
          assign([other], raisedNow(other))
      })
      return true
    },
    reassignAll(nextInventory, nextRules, raisedOf) {
      const counts = countsByKey()
      inventory = nextInventory
      rules = nextRules
      asked = askedOf(rules)
      byPlace = new Map()
      plansByPlace = []
      lastKnown = -1
      programs.clearPrograms()
      for (const series of registry.all()) assign([series], raisedOf(series))
      const ids = new Map(rules.conditions.map(({ key, id }) => [key, id]))
      for (const { series, key, count } of counts) {
        const condition = ids.get(key)
        if (condition !== undefined) resumeCount(programs.table, state, series, { ...count, condition })
      }
    }
  }
}

/**
 * How the series of a port were judged of which nothing was known before. It follows from the place and the signals alone, so thousands of
 * ports like it need not be looked at series by series.
 */
interface PortPlan {
  readonly signals: readonly number[]
  readonly programs: readonly number[]
  /** Which of them are of a module, in the order of its chain. */
  readonly module: readonly number[]
  /** By turns: one whose rates are reckoned by another, and that other. */
  readonly reckoned: readonly number[]
}

/** What rules ask of a signal's surroundings, by signal: it is looked up for every series that is met. */
interface Asked {
  /** 1 where a module's own limits are heeded. */
  readonly isLimited: Uint8Array
  /** Signals whose presence on the port matters. */
  readonly beside: readonly (readonly number[] | undefined)[]
  /** 1 where the presence of this one matters to others. */
  readonly isBeside: Uint8Array
}

function askedOf(rules: CompiledRules): Asked {
  const isLimited = new Uint8Array(signalsMax)
  for (const signal of [...rules.signalsNeedingLimits.values()].flat()) isLimited[signal] = 1
  const isBeside = new Uint8Array(signalsMax)
  for (const signal of [...rules.signalsBeside.values()].flat()) isBeside[signal] = 1
  return { isLimited, isBeside, beside: signals.map((_, signal) => rules.signalsBeside.get(signal)) }
}

type PlaceAttributes = Omit<SeriesAttributes, 'signal'>

/** What the inventory says of a device and its port, by which rules select. */
export function placeAttributesOf(inventory: Inventory, device: number, instance: string): PlaceAttributes {
  const { role, vendor, model } = inventory.makeOf(device)
  const tags = tagsOfDevice(inventory, device)
  const port = inventory.port(device, portOfInstance(instance))
  return {
    vendor,
    model,
    role,
    tier: inventory.tierOf(inventory.nodeOfDevice(device)),
    port: port?.role ?? '',
    opticClass: port?.opticClass ?? '',
    ...(tags.length > 0 && { tags })
  }
}

/** Its own, and those of its node. */
export function tagsOfDevice(inventory: Inventory, device: number): readonly string[] {
  const { tags: own = noTags } = inventory.makeOf(device)
  const ofNode = inventory.tagsOf(inventory.nodeOfDevice(device))
  if (ofNode.length === 0 || own.length === 0) return ofNode.length === 0 ? own : ofNode
  return [...new Set([...ofNode, ...own])].sort()
}
