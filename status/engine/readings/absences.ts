import type { AlarmEngine } from '../../../rules/alarms.ts'
import type { CompiledRules } from '../../../rules/compiled.ts'
import { conditionRaised } from '../../../rules/judge.ts'
import type { ProgramTable } from '../../../rules/program.ts'
import type { ConditionFlip } from '../../../rules/model.ts'
import { unassigned, type SeriesState } from '../../../rules/series-state.ts'
import type { ProfileReportsByName } from '../../../schemas/records/plan.ts'
import type { Inventory } from '../../../topology/model.ts'
import { portKey } from '../../../topology/ports.ts'
import { placeAttributesOf } from '../assign.ts'
import { createLastWords, isLastWord } from './last-words.ts'
import { createReadingWatch, type ReadingWatch } from './readings.ts'
import type { SeriesRegistry } from '../series-registry.ts'
import type { SilenceWatch } from '../silence.ts'

/**
 * What follows from readings that are not reported (readings.ts): what they had raised goes off, for nothing speaks for it any
 * more, and the conditions `absent` of rules go on. A trunk port that was never met is told alike. Last words (last-words.ts) go off
 * when whom they are about is heard again.
 */
export interface Absences {
  /** Series of one port and source were given their programs; `raised` is what the alarm engine holds to be on for the port. */
  met(list: readonly number[], raised: ReadonlySet<number> | undefined, nowMs: number): void
  /**
   * The same where the log before the stored position is read again: that a reading was absent at its end is known already. Until
   * `warmed` is called nothing is looked for.
   */
  warming(list: readonly number[], raised: ReadonlySet<number> | undefined): void
  warmed(): void
  /** Series that their source says are gone, and when (ms), by turns. */
  gone(told: Float64Array): void
  sweep(nowMs: number): void
  /** The next sample of a series is judged by the main thread, as if it were met for the first time. */
  judgeAnew(series: number): void
  /** Series of a device are of other ports once `act` has been called. */
  move(series: readonly number[], act: () => void): void
  /** Nothing speaks any more for what these signals had raised on ports of a device (index of the inventory). */
  left(
    device: number,
    told: readonly { readonly instance: string; readonly signal: number }[],
    nowMs: number
  ): void
  /** A reading raises a condition. False where it is a last word that is over already, and not to be told; of others note is taken. */
  isNews(series: number, timeMs: number): boolean
  /** Takes over another inventory and rules, once every series has its program by them. */
  reload(inventory: Inventory, rules: CompiledRules, reports: ProfileReportsByName): void
}

export interface AbsencesOptions {
  readonly registry: SeriesRegistry
  readonly state: SeriesState
  readonly programs: ProgramTable
  readonly silence: SilenceWatch
  readonly alarms: Pick<AlarmEngine, 'apply' | 'open' | 'raisedConditions'>
  readonly nodeOf: (device: number, instance: string) => string
  /** The links of all ways of a node are down, or what they lead to is cut off. */
  readonly isCut: (node: number) => boolean
  /** What the sources of each profile tell; each poll, where it is not named. */
  readonly reports: ProfileReportsByName
  readonly factor: number
}

export function createAbsences(
  firstInventory: Inventory,
  firstRules: CompiledRules,
  options: AbsencesOptions
): Absences {
  const { registry, state, programs, silence, alarms } = options
  let { reports } = options
  let inventory = firstInventory
  let rules = firstRules
  let portSignals = portSignalsOf(rules)
  let absentSignals = absentSignalsOf(rules)
  const watch: ReadingWatch = createReadingWatch({
    registry,
    state,
    silence,
    factor: options.factor,
    deviceCount: inventory.deviceCount
  })

  const lastWords = createLastWords(inventory, silence, options.isCut, alarms.open())

  let isWarming = false
  /** Series that were absent at the stored position. */
  let absentBefore: number[] = []
  /** What is found is told together at the end: to ask what is raised judges what was told so far, half of a port. */
  let found: ConditionFlip[] = []
  const tell = (device: number, instance: string, condition: number, on: boolean, timeMs: number): void => {
    found.push({
      condition,
      on,
      node: options.nodeOf(device, instance),
      device: inventory.deviceId(device),
      instance,
      value: 0,
      limit: null,
      timeMs,
      coordinates: null
    })
  }
  const tellFound = (): void => {
    for (const flip of found) alarms.apply(flip)
    found = []
  }

  const absencesAt = (device: number, instance: string, signal: number): readonly number[] =>
    absentSignals.has(signal)
      ? rules.absencesOf({ signal, ...placeAttributesOf(inventory, device, instance) })
      : []

  /** Nothing speaks any more for what a signal had raised, unless `isBacked` knows of another. */
  const endRaised = (
    device: number,
    instance: string,
    signal: number,
    nowMs: number,
    isBacked: (condition: number) => boolean = () => false
  ): void => {
    for (const id of alarms.raisedConditions(inventory.deviceId(device), instance)) {
      const condition = rules.conditions[id]
      if (condition?.signal !== signal || condition.op === 'absent' || isBacked(id)) continue
      tell(device, instance, id, false, nowMs)
    }
  }

  const stop = (series: number, nowMs: number): void => {
    const device = registry.knownOf(series)
    if (device < 0) return
    const instance = registry.instance(series)
    const signal = registry.signal(series)
    const others = watch.othersOf(series)
    endRaised(device, instance, signal, nowMs, condition =>
      others.some(other => conditionRaised(programs, state, other, condition))
    )
    if (others.length === 0)
      for (const id of absencesAt(device, instance, signal)) tell(device, instance, id, true, nowMs)
    forget(series)
  }

  const judgeAnew = (series: number): void => {
    if (state.program[series]! >= 0) Atomics.store(state.program, series, unassigned)
  }

  /** The same, where it is judged at all. */
  const forget = (series: number): void => {
    if (state.program[series]! > 0) judgeAnew(series)
  }

  const endLastWords = (nowMs: number): void => {
    for (const { device, instance, signal, series } of lastWords.over()) {
      const known = inventory.deviceIndex(device)
      if (known !== undefined) endRaised(known, instance, signal, nowMs)
      if (series !== undefined) forget(series)
    }
  }

  const resume = (series: number, nowMs: number): void => {
    const device = registry.knownOf(series)
    if (device < 0) return
    const instance = registry.instance(series)
    for (const id of absencesAt(device, instance, registry.signal(series)))
      tell(device, instance, id, false, nowMs)
  }

  /** Other ports of the device have long been reported: those that are to be and were not met are told. */
  const tellMissing = (device: number, nowMs: number): void => {
    for (const port of inventory.device(device).ports) {
      const instance = portKey(port)
      const number = registry.numberOfInstance(instance)
      for (const signal of portSignals) {
        if (number >= 0 && watch.isMet(device, number, signal)) continue
        const absences = absencesAt(device, instance, signal)
        if (absences.length === 0) continue
        endRaised(device, instance, signal, nowMs)
        for (const id of absences) tell(device, instance, id, true, nowMs)
      }
    }
  }

  /** Series of one port and source are looked at from now on, where they are judged or tell that ports are polled. */
  const expect = (list: readonly number[]): void => {
    const first = list[0]!
    if (registry.knownOf(first) < 0) return
    const told = reports.get(registry.profile(first)) ?? 'polls'
    const isPort = registry.instance(first) !== ''
    for (const series of list) {
      const isOfPort = isPort && portSignals.has(registry.signal(series))
      if (isOfPort || state.program[series]! > 0) watch.expect(series, told, isOfPort)
    }
  }

  /** Series of one port of which a condition `absent` is on, and these conditions. */
  const absentAmong = (
    list: readonly number[],
    raised: ReadonlySet<number> | undefined,
    act: (series: number, device: number, condition: number) => void
  ): void => {
    const device = raised === undefined || raised.size === 0 ? -1 : registry.knownOf(list[0]!)
    if (device < 0) return
    const instance = registry.instance(list[0]!)
    for (const series of list)
      for (const id of absencesAt(device, instance, registry.signal(series)))
        if (raised?.has(id) === true) act(series, device, id)
  }

  return {
    met(list, raised, nowMs) {
      expect(list)
      for (const series of list) watch.met(series, nowMs)
      absentAmong(list, raised, (series, device, id) => {
        tell(device, registry.instance(series), id, false, nowMs)
      })
      if (found.length > 0) tellFound()
    },
    warming(list, raised) {
      expect(list)
      isWarming = true
      absentAmong(list, raised, series => {
        if (absentBefore.at(-1) !== series) absentBefore.push(series)
      })
    },
    warmed() {
      isWarming = false
      for (const series of absentBefore) watch.stillStopped(series)
      absentBefore = []
    },
    gone(told) {
      for (let i = 0; i < told.length; i += 2) {
        const series = told[i]!
        // In a notification that replaces a value, what is deleted comes first, and gnmic tells of it last.
        if (state.lastTimeMs[series]! < told[i + 1]! && watch.isGone(series)) stop(series, told[i + 1]!)
      }
      tellFound()
    },
    sweep(nowMs) {
      if (isWarming) return
      const { stopped, resumed, established } = watch.sweep(nowMs)
      for (const series of stopped) stop(series, nowMs)
      for (const series of resumed) resume(series, nowMs)
      for (const device of established) tellMissing(device, nowMs)
      endLastWords(nowMs)
      tellFound()
    },
    judgeAnew,
    move: (series, act) => watch.move(series, act),
    left(device, told, nowMs) {
      for (const { instance, signal } of told) endRaised(device, instance, signal, nowMs)
      tellFound()
    },
    isNews(series, timeMs) {
      const signal = registry.signal(series)
      if (!isLastWord(signal)) return true
      const device = inventory.deviceId(registry.knownOf(series))
      return lastWords.said({ device, instance: registry.instance(series), signal, timeMs, series })
    },
    reload(nextInventory, nextRules, nextReports) {
      inventory = nextInventory
      rules = nextRules
      reports = nextReports
      portSignals = portSignalsOf(rules)
      absentSignals = absentSignalsOf(rules)
      watch.reload(inventory.deviceCount)
      lastWords.reload(inventory)
      for (const series of registry.all()) expect([series])
    }
  }
}

/** Signals that some rule misses. */
function absentSignalsOf(rules: CompiledRules): ReadonlySet<number> {
  return new Set(rules.conditions.flatMap(({ op, signal }) => (op === 'absent' ? [signal] : [])))
}

/** Signals that some rule misses on ports that the inventory names. */
function portSignalsOf(rules: CompiledRules): ReadonlySet<number> {
  return new Set(
    rules.conditions.flatMap(({ op, signal, selector }) =>
      op === 'absent' && selector.port?.some(role => role !== '') === true ? [signal] : []
    )
  )
}
