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
  besideOfRate,
  hasBeside,
  hasSlot,
  isBeside,
  keepsBaseline,
  keptSamples,
  setBeside
} from '../../rules/measures/rates.ts'
import type { SeriesState } from '../../rules/series-state.ts'
import { portOfInstance } from '../../schemas/lanes.ts'
import { signals } from '../../schemas/signals.ts'
import type { Inventory } from '../../topology/model.ts'
import { createCountedTexts, createPool } from '../../topology/texts.ts'
import { createPortModules } from './port-modules.ts'
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
  /**
   * Series are of other ports once `act` has been called, and each is judged by what it was until it is assigned again. What is usual is
   * learnt anew of those that have left a port of the inventory.
   */
  move(series: readonly number[], act: () => void): void
  /**
   * Assigns every series again, after a reload of inventory or rules; counts of conditions that are the same go on. `isMoved`: some are of
   * other ports now.
   */
  reassignAll(
    inventory: Inventory,
    rules: CompiledRules,
    raisedOf: (series: number) => ReadonlySet<number> | undefined,
    isMoved?: boolean
  ): void
}

/** More than there are signals. */
const signalsMax = 256
/** More than there are combinations of vendors, models, roles, tiers, ports and optic classes. */
const placesMax = 1 << 20
const limitChangesMax = 8
/** Ways to go on for ports that are alike so far, and ports that are not alike: beyond these nothing is remembered of them. */
const plansPerStateMax = 32
const portStatesMax = 4096
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
  /** Ports that are alike: what may be told of them next, and how it is judged. The first one stands for none. */
  let portStates: PortPlan[][] = [[]]
  /** The one that a port is in of which nothing was told yet, by number of the place; afterwards by the first series of the module. */
  let firstStates: number[] = []
  const stateOf = new Int32Array(state.capacity)
  /** Some series has a program that keeps less than its rules ask for, because there was no room. */
  let isShort = false
  /** The place looked up last: series of one port come together. */
  let lastKnown = -1
  let lastInstance = -1
  let lastPlace = -1
  let asked = askedOf(rules)

  const modules = createPortModules(registry, state.capacity)
  /** Number of the limit a series has told plus one, 0 for none. */
  const limitOf = new Int32Array(state.capacity)
  const limitTexts = createCountedTexts()
  const limitValue = (series: number): number => Number(limitTexts.get(limitOf[series]! - 1))
  /** How often a series has told another one. What changes all the time is no limit, and is followed no more. */
  const limitChanges = new Uint8Array(state.capacity)

  const limitsOf = (head: number): Map<number, number> | undefined => {
    let limits: Map<number, number> | undefined
    modules.each(head, series => {
      if (limitOf[series] === 0) return
      limits ??= new Map<number, number>()
      limits.set(registry.signal(series), limitValue(series))
    })
    return limits
  }

  /** Which of these signals the port has: a bit each, in their order. */
  const besideOf = (head: number, wanted: readonly number[]): number => {
    let found = 0
    for (let at = head; at >= 0; at = modules.behind(at)) {
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
      const limits = limitsOf(modules.take(series))
      if (limits !== undefined)
        return numberOf(series, rules.programFor({ signal, ...places.get(place) }, limits))
    }
    const wanted = asked.beside[signal] ?? nothingAsked
    const beside = wanted.length === 0 ? 0 : besideOf(modules.take(series), wanted)
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
    modules.take(series)
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
      if (isRated(series) && (anySignalBeside(signal) >= 0 || isBeside(signal))) head = modules.take(series)
    }
    if (head < 0) return
    ratedOfPort.length = 0
    besideOfPort.length = 0
    for (let at = head; at >= 0; at = modules.behind(at)) {
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
    const first = list[0]!
    // Nothing of it is judged.
    if (registry.knownOf(first) < 0) return assignEach(list)
    const from = raised === undefined || raised.size === 0 ? stateBefore(list) : 0
    const plans = portStates[from]!
    const plan = planAmong(plans, list)
    if (plan !== undefined && follow(list, plan)) return
    const isNew = from > 0 && plan === undefined && plans.length < plansPerStateMax
    const others = isNew ? standingOf(first) : []
    isShort = false
    assignEach(list, raised)
    const made = isNew && !isShort ? planOf(list, others) : undefined
    if (made !== undefined) plans.push(made)
    const head = modules.headOf(first)
    if (head >= 0) stateOf[head] = made?.next ?? 0
  }

  const addState = (): number => (portStates.length < portStatesMax ? portStates.push([]) - 1 : 0)

  /** The state of the port that these new series are of; 0 where it is like no other. */
  const stateBefore = (list: readonly number[]): number => {
    for (const series of list) if (modules.has(series)) return 0
    const head = modules.headOf(list[0]!)
    if (head >= 0) return stateOf[head]!
    return (firstStates[placeOf(list[0]!, registry.knownOf(list[0]!))] ??= addState())
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
    const { module, reckoned } = plan
    for (let i = 0; i < list.length; i++)
      if (!takeSlot(state, list[i]!, table.keeps[plan.programs[i]!]!)) return false
    const before = modules.headOf(list[0]!)
    const isFirst = before < 0 && module.length > 0
    const head = isFirst ? modules.join(list[module[0]!]!, -1) : before
    // Each comes right behind the first one.
    for (let k = module.length - 1; k >= (isFirst ? 1 : 0); k--) modules.join(list[module[k]!]!, head)
    for (let i = 0; i < list.length; i++) {
      const program = plan.programs[i]!
      assignProgram(table, state, list[i]!, program)
      if (table.keeps[program] === keepsBaseline) learns(list[i]!)
    }
    for (let k = 0; k < reckoned.length; k += 2)
      setBeside(state.rates, list[reckoned[k]!]!, list[reckoned[k + 1]!]!)
    if (head >= 0) stateOf[head] = plan.next
    return true
  }

  /** What series of a port that is known already are judged by. */
  const standingOf = (series: number): Standing[] => {
    const found: Standing[] = []
    modules.each(modules.headOf(series), other =>
      found.push({ series: other, program: state.program[other]!, by: besideOfRate(state.rates, other) })
    )
    return found
  }

  /** What has become of these series; undefined where others of the port were touched, or are what rates of these are reckoned by. */
  const planOf = (list: readonly number[], others: readonly Standing[]): PortPlan | undefined => {
    const isSame = ({ series, program, by }: Standing): boolean =>
      state.program[series] === program && besideOfRate(state.rates, series) === by
    if (!others.every(isSame)) return undefined
    const module: number[] = []
    const head = modules.headOf(list[0]!)
    modules.each(head, series => {
      if (list.includes(series)) module.push(list.indexOf(series))
    })
    const reckoned: number[] = []
    for (const [i, series] of list.entries()) {
      const by = besideOfRate(state.rates, series)
      if (by !== 0)
        reckoned.push(
          i,
          list.findIndex(other => hasSlot(state.rates, other) && state.rates.slotOf[other] === by)
        )
    }
    if (reckoned.includes(-1)) return undefined
    return {
      signals: list.map(series => registry.signal(series)),
      programs: list.map(series => state.program[series]!),
      module,
      reckoned,
      next: head < 0 ? 0 : addState()
    }
  }

  const assignEach = (list: readonly number[], raised?: ReadonlySet<number>): void => {
    let joined: number[] | undefined
    for (const series of list)
      if (
        asked.isBeside[registry.signal(series)] === 1 &&
        !modules.has(series) &&
        registry.knownOf(series) >= 0
      ) {
        modules.take(series)
        ;(joined ??= []).push(series)
      }
    // What is asked beside these signals is asked on their ports from now on.
    for (const series of joined ?? []) {
      const signal = registry.signal(series)
      modules.each(modules.take(series), other => {
        if (state.program[other]! < 0 || other === series) return
        if (asked.beside[registry.signal(other)]?.includes(signal) === true)
          assignOne(other, raisedNow(other))
      })
    }
    for (const series of list) assignOne(series, raised)
    linkRates(list)
  }

  registry.whenForgotten(device => {
    registry.eachOfDevice(device, series => {
      if (!modules.has(series)) return
      modules.forget(series)
      stateOf[series] = 0
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
      const head = modules.take(series)
      stateOf[head] = 0
      const isAnother = before !== 0
      limitOf[series] = limitTexts.hold(String(value), 1) + 1
      if (isAnother) limitTexts.release(before - 1, 1)
      if (isAnother) limitChanges[series]!++
      assignOne(series)
      modules.each(head, other => {
        // What was usual for one module is not for another.
        if (isAnother) learnAnew(state.baselines, other)
        if (asked.isLimited[registry.signal(other)] === 1 && registry.knownOf(other) >= 0)
          assign([other], raisedNow(other))
      })
      return true
    },
    move(list, act) {
      const joined: number[] = []
      for (const device of new Set(list.map(series => registry.deviceOf(series))))
        registry.eachOfDevice(device, series => {
          if (!modules.has(series)) return
          stateOf[series] = 0
          joined.push(series)
        })
      for (const series of joined) modules.forget(series)
      for (const series of list)
        if (inventory.port(registry.knownOf(series), portOfInstance(registry.instance(series))) !== undefined)
          learnAnew(state.baselines, series)
      act()
      lastKnown = -1
      for (const series of joined.reverse()) modules.take(series)
    },
    reassignAll(nextInventory, nextRules, raisedOf, isMoved = false) {
      const counts = countsByKey()
      inventory = nextInventory
      rules = nextRules
      asked = askedOf(rules)
      byPlace = new Map()
      portStates = [[]]
      firstStates = []
      lastKnown = -1
      programs.clearPrograms()
      for (const series of registry.all()) stateOf[series] = 0
      if (isMoved) modules.rejoin(registry.all())
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
 * How new series of a port were judged. It follows from the place, from what was told of the port before, and from the signals alone, so
 * thousands of ports like it need not be looked at series by series.
 */
interface PortPlan {
  readonly signals: readonly number[]
  readonly programs: readonly number[]
  /** Which of them are of the module, in the order of its chain. */
  readonly module: readonly number[]
  /** By turns: one whose rates are reckoned by another, and that other. */
  readonly reckoned: readonly number[]
  /** The state that the port is in then; 0 where it has no module. */
  readonly next: number
}

/** What a series is judged by, and the slot that its rates are reckoned by. */
interface Standing {
  readonly series: number
  readonly program: number
  readonly by: number
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
