import type { AlarmEngine } from '../../rules/alarms.ts'
import type { ResourceState } from '../../rules/alarms/resource-state.ts'
import type { CompiledRules } from '../../rules/compiled.ts'
import { evaluateSample } from '../../rules/judge.ts'
import type { AlarmTransition, ConditionFlip } from '../../rules/model.ts'
import { selects } from '../../rules/pick.ts'
import { opIn, type ProgramTableBuilder } from '../../rules/program.ts'
import { conditionsPerSeriesMax, type DeviceState, type SeriesState } from '../../rules/series-state.ts'
import type { Candidate, EvaluationResult, NewSeries } from '../../schemas/evaluation.ts'
import { eachCandidate, newEntities } from '../../schemas/findings.ts'
import type { ProfileReportsByName } from '../../schemas/records/plan.ts'
import { portOfInstance } from '../../schemas/lanes.ts'
import type { CompiledInventory } from '../../topology/compile.ts'
import type { LightEngine, LightUpdate, StoredLights } from '../../topology/lights.ts'
import { summariseAlarms } from '../../topology/lights/node-alarms.ts'
import type { Incident, IncidentChange, LightChanges } from '../../topology/model.ts'
import { createAbsences } from './readings/absences.ts'
import { createSeriesAssigner, placeAttributesOf } from './assign.ts'
import { createClocks, type Clocks } from './clocks.ts'
import { createIngestIncident } from './ingest-incident.ts'
import { createLinkTellers } from './link-tellers.ts'
import { createSeriesRegistry, lastReadMs, type SeriesRegistry } from './series-registry.ts'
import { meaningOf } from './meaning.ts'
import { createPortPlaces, type PortPlaces } from './ports/places.ts'
import { movePorts } from './ports/moves.ts'
import { createSeriesDescriptions, type StoredEntity } from './series-descriptions.ts'
import { createSilenceTeller } from './silence-teller.ts'
import { createSilenceWatch, type SilenceWatch, type StalenessOptions } from './silence.ts'
import type { Turns } from '../slices.ts'
import type { BaselineMemory } from './baseline-memory.ts'
import { createWarming, memoryMsOf, type Warming } from './warming.ts'
import type { StatusEvent } from '../view.ts'

/**
 * The status engine: the only writer of assignments, alarms, lights and incidents. It joins the pure engines of
 * rules/ and topology/, and is given results and the time; it reads no clock.
 */
export interface EngineOptions {
  readonly inventory: CompiledInventory
  readonly rules: CompiledRules
  /** What the sources of each profile tell; each poll, where it is not named. */
  readonly reports?: ProfileReportsByName
  readonly programs: ProgramTableBuilder
  readonly series: SeriesState
  readonly devices: DeviceState
  readonly alarms: AlarmEngine
  readonly lights: LightEngine
  readonly staleness: StalenessOptions
  readonly records: EngineRecords
  readonly startMs: number
  /** Where it is left out, whatever comes at once is done at once. */
  readonly turns?: Turns
  /** What was stored before a restart; the alarm engine has its alarms already. */
  readonly restored?: StoredLights
  /** What was learnt before a restart. */
  readonly baselines?: BaselineMemory
}

/** What the engine hands on to be stored. Must not block. */
export interface EngineRecords {
  /** Called by `storeSeries` only. */
  series(described: readonly StoredEntity[]): void
  alarms(transitions: readonly AlarmTransition[]): void
  lights(changes: LightChanges): void
  incidents(changes: readonly IncidentChange[]): void
  /** What is now known of resources that changed; given behind their transitions. */
  resources(states: readonly ResourceState[]): void
}

export interface StatusEngine {
  /** Applies what a task found: assigns its new series, evaluates their samples, applies flips in order. */
  take(result: EvaluationResult, nowMs: number): void
  /**
   * Runs the timers: holds, silence, incidents. Call a few times a second. `watermarkMs` is how far event time has
   * come: while a backlog is read, holds run by it, so that an old moment is not taken for a lasting state.
   */
  tick(nowMs: number, watermarkMs: number): void
  /** Takes up counts and last-heard times again from a stretch of the log that was judged before. */
  warm(): Warming
  /** How far back (ms) that stretch has to go: the longest count of samples and the longest silence of those in force. */
  memoryMs(): number
  /** While data is late, or the daemon itself holds consumption back, nothing falls silent. */
  holdSilence(held: boolean, nowMs: number): void
  /** Data does not come since then (event time, ms), or comes (null): one incident of kind `ingest`. */
  setIngestTrouble(sinceMs: number | null, nowMs: number): void
  /** That incident, while it is open. */
  ingestIncidents(): readonly Incident[]
  /**
   * Hands on at most `rowsMax` new series to be stored; returns how many are left. The engine only keeps how far it has
   * come, so five million series at a start wait without taking memory. Call it as often as there is room.
   */
  storeSeries(rowsMax: number): number
  /** Takes over another inventory and rules. Only while no task is under evaluation. */
  reload(
    inventory: CompiledInventory,
    rules: CompiledRules,
    nowMs: number,
    reports?: ProfileReportsByName
  ): void
  subscribe(listener: (event: StatusEvent) => void): () => void
  readonly inventory: () => CompiledInventory
  readonly rules: () => CompiledRules
  readonly registry: SeriesRegistry
  readonly series: SeriesState
  readonly silence: SilenceWatch
  readonly ports: PortPlaces
  readonly clocks: Clocks
  /** Flips applied and samples of new series judged since the start, for the metrics. */
  readonly counts: () => { readonly flips: number; readonly judged: number }
}

/** Between two ticks this far apart the clock has jumped (sleep, a stopped process, a set clock). */
const clockJumpMsMax = 30_000
/** Descriptions of series are stored anew so often, so that retention knows those that are there no more by their age (migrate.ts). */
const describeAgainMs = 30 * 86_400_000
const silenceSweepMs = 1000
const noProfiles: ProfileReportsByName = new Map()

export function createStatusEngine(options: EngineOptions): StatusEngine {
  const { programs, series: state, alarms, lights, records, turns } = options
  let { inventory, rules } = options
  const registry = createSeriesRegistry(state.capacity, options.devices.capacity)
  const linkTellers = createLinkTellers(registry, inventory.deviceCount)
  const { devices, staleness, startMs } = options
  const clocks = createClocks(registry, state, devices)
  const silence = createSilenceWatch(inventory, devices, staleness, startMs, {
    isExplained: node => lights.isExplained(node),
    readMs: source => lastReadMs(registry, state, source)
  })
  lights.useRhythm({
    heardMs: device => silence.lastSeenMs(device) ?? 0,
    pauseMs: device => silence.pauseMs(device),
    intervalMs: device => silence.intervalMs(device),
    limitMs: device => silence.limitMs(device),
    tellsLinks: device => linkTellers.has(device),
    readMs: device => silence.readMs(device),
    awayFromMs: (device, atMs) => silence.awayFromMs(device, atMs)
  })
  const listeners = new Set<(event: StatusEvent) => void>()
  const ingest = createIngestIncident()
  let lastTickMs = options.startMs
  let lastSweepMs = 0
  /** What was sent by then (ms) has been heard: nobody is silent for what may yet come. */
  let heardToMs = options.startMs
  /** The present as it was told last (ms). */
  let presentMs = options.startMs
  /** What did not fit into a slice goes on in a turn that is asked for already. */
  let isGoingOn = false
  let flips = 0
  let judged = 0
  const descriptions = createSeriesDescriptions(registry, () => inventory)
  const places = createPortPlaces(registry, state, inventory)
  let describedFromMs = options.startMs

  const assigner = createSeriesAssigner(
    registry,
    state,
    programs,
    inventory,
    rules,
    series => raisedOf(series),
    series => options.baselines?.met(series)
  )

  /** Conditions the alarm engine holds to be on for a series: a program given to it must start from there. */
  const raisedOf = (series: number): ReadonlySet<number> | undefined => {
    const known = registry.knownOf(series)
    if (known < 0) return undefined
    return alarms.raisedConditions(inventory.deviceId(known), registry.instance(series))
  }

  const isJudged = (condition: number, device: string, instance: string): boolean => {
    const index = inventory.deviceIndex(device)
    const asked = rules.conditions[condition]
    if (index === undefined || asked === undefined) return false
    return selects(asked.selector, {
      signal: asked.signal,
      ...placeAttributesOf(inventory, index, instance)
    })
  }

  const emit = (event: StatusEvent): void => {
    for (const listener of listeners) listener(event)
  }

  /** The node a port's trouble belongs to: a port towards a child tells of the child, which cannot speak for itself. */
  const nodeOf = (device: number, instance: string): string => {
    const port = inventory.port(device, portOfInstance(instance))
    if (port?.role === 'downlink' && port.peer !== '') return port.peer
    return inventory.nodeId(inventory.nodeOfDevice(device))
  }

  const absences = createAbsences(inventory, rules, {
    registry,
    state,
    programs: programs.table,
    silence,
    alarms,
    nodeOf,
    isCut: node => lights.isCut(node),
    reports: options.reports ?? noProfiles,
    factor: options.staleness.factor
  })

  const applyFlip = (
    series: number,
    candidate: Candidate,
    condition: number,
    on: boolean,
    limit: number,
    value: number
  ): void => {
    const known = registry.knownOf(series)
    if (known < 0 || (on && !absences.isNews(series, candidate.timeMs))) return
    flips++
    const instance = registry.instance(series)
    const flip: ConditionFlip = {
      condition,
      on,
      node: nodeOf(known, instance),
      device: inventory.deviceId(known),
      instance,
      value,
      limit: Number.isNaN(limit) ? null : limit,
      timeMs: candidate.timeMs,
      coordinates: { topic: candidate.topic, partition: candidate.partition, offset: candidate.offset }
    }
    alarms.apply(flip)
    for (const other of places.othersOf(series)) absences.judgeAnew(other)
  }

  let judging: Candidate | undefined
  const flipJudged = (condition: number, on: boolean, limit: number, measured: number): void => {
    if (judging !== undefined) applyFlip(judging.series, judging, condition, on, limit, measured)
  }

  const judge = (candidate: Candidate): void => {
    const { value, condition, on } = candidate
    const series = places.addressee(candidate.series)
    // Its own flips say nothing of the port that it is told by: the next sample is looked at like this one.
    if (series !== candidate.series) absences.judgeAnew(candidate.series)
    else if (condition >= 0)
      return applyFlip(series, candidate, condition, on, limitOf(series, condition, on), value)
    if (series < 0 || state.program[series]! < 0) return
    judged++
    assigner.moduleLimit(series, value)
    judging = series === candidate.series ? candidate : { ...candidate, series }
    evaluateSample(programs.table, state, series, value, candidate.timeMs, flipJudged)
  }

  const limitOf = (series: number, condition: number, on: boolean): number => {
    const { table } = programs
    const program = state.program[series]!
    for (let k = 0; k < table.conditionCount[program]!; k++) {
      const at = program * conditionsPerSeriesMax + k
      if (table.condition[at] !== condition) continue
      return table.op[at] === opIn ? NaN : (on ? table.raiseLimit[at] : table.clearLimit[at])!
    }
    return NaN
  }

  /** `nowMs` is left out where the log before the stored position is read again. */
  const learn = (described: NewSeries, nowMs?: number): void => {
    const named: (readonly number[])[] = []
    for (const entity of newEntities(described)) {
      const { series, device: index, collector } = entity
      const first = series[0]!
      if (registry.add(entity, inventory, nowMs ?? lastTickMs))
        silence.watch({ known: registry.knownOf(first), index, collector })
      // Its alarms of levels mean less from now on.
      if (linkTellers.learn(entity, registry.knownOf(first))) {
        const node = inventory.nodeOfDevice(registry.knownOf(first))
        if (lights.hasAlarms(node)) summarise(inventory.nodeId(node))
      }
      const parts = places.met(series)
      if (parts.length === 0) assign(series, nowMs)
      else named.push(...parts)
    }
    if (named.length === 0) return
    // What one of them says may tell of which port another is.
    settlePorts(nowMs)
    for (const series of named) assign(series, nowMs)
  }

  const assign = (series: readonly number[], nowMs: number | undefined): void => {
    const raised = raisedOf(series[0]!)
    assigner.assign(series, raised)
    if (nowMs === undefined) absences.warming(series, raised)
    else absences.met(series, raised, nowMs)
  }

  const settlePorts = (nowMs: number | undefined): void =>
    movePorts({ registry, places, assigner, absences }, nowMs)

  const publish = (update: LightUpdate, nowMs: number): void => {
    if (update.lightChanges.length > 0) {
      const changes = [...update.lightChanges]
      records.lights(changes)
      for (const change of changes) emit({ type: 'light', atMs: change.atMs, data: change })
    }
    if (update.incidentChanges.length > 0) {
      records.incidents(update.incidentChanges)
      for (const change of update.incidentChanges) emit({ type: 'incident', atMs: nowMs, data: change })
    }
  }

  const isLinkTold = (device: string): boolean => {
    const index = inventory.deviceIndex(device)
    return index !== undefined && linkTellers.has(index)
  }

  const summarise = (node: string): void => {
    const index = inventory.nodeIndex(node)
    if (index !== undefined)
      lights.setAlarms(
        index,
        summariseAlarms(alarms.byNode(node), alarm => meaningOf(inventory, alarm, isLinkTold))
      )
  }

  /** Carries alarm transitions to the lights, and everything that changed to the records and listeners. */
  const settle = (nowMs: number): void => {
    const transitions = alarms.drain()
    if (transitions.length > 0) {
      records.alarms(transitions)
      for (const node of new Set(transitions.map(t => t.alarm.node))) summarise(node)
      for (const t of transitions) emit({ type: 'alarm', atMs: t.atMs, data: t })
    }
    const changed = alarms.drainStates()
    if (changed.length > 0) records.resources(changed)
    const update = lights.update(nowMs, turns?.slice())
    publish(update, nowMs)
    presentMs = nowMs
    if ((update.more || silenceTold.isBehind()) && !isGoingOn && turns !== undefined) {
      isGoingOn = true
      turns.next(goOn)
    }
  }

  const goOn = (): void => {
    isGoingOn = false
    if (silenceTold.isBehind()) silenceTold.sweep(Math.min(presentMs, heardToMs), presentMs)
    settle(presentMs)
  }

  const silenceTold = createSilenceTeller({ inventory: () => inventory, silence, alarms, lights })

  // What was restored colours its nodes before the first record comes.
  if (options.restored !== undefined) {
    const isOurs = ({ kind }: Incident): boolean => kind === 'ingest'
    const incidents = [...options.restored.incidents]
    lights.restore({ ...options.restored, incidents: incidents.filter(each => !isOurs(each)) })
    for (const incident of incidents.filter(isOurs))
      if (incident.closedAtMs === null) ingest.restore(incident)
    for (const { node, own, sinceMs } of options.restored.lights) {
      const index = own === 'grey' ? inventory.nodeIndex(node) : undefined
      if (index !== undefined)
        for (const device of inventory.devicesOfNode(index)) silenceTold.restore(device, sinceMs, sinceMs)
    }
    silenceTold.restoreAlarmed()
    // Ports that have got a name meanwhile are known by that, and nothing speaks for their numbers any more.
    alarms.dropUnjudged(
      (condition, device, instance) =>
        !inventory.namesPorts(inventory.deviceIndex(device) ?? -1) || isJudged(condition, device, instance),
      options.startMs
    )
  }
  for (const node of new Set([...alarms.open()].map(alarm => alarm.node))) summarise(node)
  publish(lights.update(options.startMs), options.startMs)

  return {
    take(result, nowMs) {
      if (result.newSeries.count > 0) learn(result.newSeries, nowMs)
      if (result.ahead !== undefined) clocks.tellAhead(result.ahead, nowMs)
      // Which of the ports that have had a number has it now is known by all that its record brings.
      if (places.isContested())
        eachCandidate(result, ({ series, timeMs, condition }) => {
          if (condition < 0) places.told(series, timeMs)
        })
      eachCandidate(result, judge)
      if (result.gone !== undefined) absences.gone(result.gone)
      settle(nowMs)
    },
    tick(nowMs, watermarkMs) {
      const elapsedMs = nowMs - lastTickMs
      lastTickMs = nowMs
      if (elapsedMs < 0 || elapsedMs > clockJumpMsMax) {
        // After a jump nobody can be called silent: everything is counted anew.
        silence.hold(true, nowMs)
        silence.hold(false, nowMs)
      }
      if (nowMs - describedFromMs >= describeAgainMs) {
        describedFromMs = nowMs
        descriptions.again()
      }
      alarms.tick(Math.min(nowMs, watermarkMs))
      heardToMs = watermarkMs
      if (nowMs - lastSweepMs >= silenceSweepMs || nowMs < lastSweepMs || silenceTold.isBehind()) {
        lastSweepMs = nowMs
        do silenceTold.sweep(Math.min(nowMs, heardToMs), nowMs)
        while (silenceTold.isBehind() && turns === undefined)
        absences.sweep(Math.min(nowMs, heardToMs))
        places.sweep()
        settlePorts(nowMs)
      }
      settle(nowMs)
    },
    warm() {
      const warming = createWarming({
        table: programs.table,
        state,
        learn: described => learn(described),
        moduleLimit: (series, value) => void assigner.moduleLimit(series, value),
        raisedOf,
        heardSince: sinceMs => silence.heardSince(sinceMs),
        baselines: options.baselines
      })
      return {
        take: result => warming.take(result),
        end(read) {
          warming.end(read)
          absences.warmed()
        }
      }
    },
    memoryMs: () => memoryMsOf(rules, silence.longest()),
    storeSeries(rowsMax) {
      const next = descriptions.next(rowsMax)
      if (next.length > 0) records.series(next)
      return descriptions.left()
    },
    holdSilence: (held, nowMs) => silence.hold(held, nowMs),
    setIngestTrouble(sinceMs, nowMs) {
      const change = ingest.tell(sinceMs, inventory, nowMs)
      if (change !== undefined) publish({ lightChanges: [], incidentChanges: [change], more: false }, nowMs)
    },
    ingestIncidents: () => ingest.open(),
    reload(nextInventory, nextRules, nowMs, reports = noProfiles) {
      inventory = nextInventory
      rules = nextRules
      registry.resolveAll(inventory)
      const isMoved = places.reload(inventory)
      linkTellers.reload(inventory.deviceCount)
      alarms.reload(rules, nowMs)
      const left = alarms.relocate((device, instance) => {
        if (device === '') return inventory.nodeIndex(instance) === undefined ? undefined : instance
        const index = inventory.deviceIndex(device)
        return index === undefined ? undefined : nodeOf(index, instance)
      }, nowMs)
      alarms.dropUnjudged(isJudged, nowMs)
      assigner.reassignAll(inventory, rules, raisedOf, isMoved)
      publish(lights.update(nowMs), nowMs)
      silence.reload(inventory, registry.devices())
      absences.reload(inventory, rules, reports)
      publish(lights.reload(inventory, nowMs), nowMs)
      for (const node of left) summarise(node)
      silenceTold.sweep(Math.min(nowMs, heardToMs), nowMs)
      settle(nowMs)
      emit({ type: 'reload', atMs: nowMs, data: { inventoryVersion: inventory.version } })
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    inventory: () => inventory,
    rules: () => rules,
    registry,
    series: state,
    silence,
    ports: places,
    clocks,
    counts: () => ({ flips, judged })
  }
}
