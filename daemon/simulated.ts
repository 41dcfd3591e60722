import type { Config } from '../schemas/config/reading.ts'
import { loadConfig } from '../schemas/config/reading.ts'
import type { Alarm, AlarmTransition } from '../rules/model.ts'
import { createProgramTable } from '../rules/program.ts'
import type { RowSink } from '../ingest/clickhouse/rows.ts'
import type { Writer } from '../ingest/clickhouse/writer.ts'
import { endsOf, joinBlocks } from '../schemas/blocks.ts'
import type { ColumnBlock, EvaluationTask, Reject } from '../schemas/evaluation.ts'
import { encodeRecordBatch } from '../schemas/records/record-batch.ts'
import { signals } from '../schemas/signals.ts'
import type { StoredEntity } from '../status/engine/series-descriptions.ts'
import type { LookupAnswer, NodeAnswer, StatusView } from '../status/view.ts'
import type { Incident, IncidentChange, LightChange, NodeLight } from '../topology/model.ts'
import { bitsOfSignal, entityOf } from '../workers/learning/series-id.ts'
import { openSharedState } from '../workers/memory/shared-state.ts'
import { createEvaluationPool } from '../workers/pool.ts'
import { isSameRules, type Definitions } from './judging/definitions.ts'
import { createEngines } from './judging/engines.ts'
import { boundsOf, listNames, sharedMemoryFor } from './judging/evaluation.ts'
import { forgetIdle } from './judging/give-back.ts'
import { seriesRowsOf } from './judging/series-rows.ts'
import { createShadowJudge, type ShadowJudge } from './shadow/judge.ts'
import { createShadowTap } from './shadow/tap.ts'

/**
 * The daemon in simulated time: everything between Kafka and ClickHouse (decode, evaluate, status engine, lights,
 * incidents, answers) in one process, made of the same parts as the daemon itself, with the clock as an argument.
 * It opens no socket, starts no thread and reads no clock: a day of a network plays in seconds, and the same records
 * at the same times give the same alarms, byte for byte.
 *
 * For field cases, scenarios, the replay of history, and an operator's own tests of their network:
 *
 *     const daemon = await createSimulatedDaemon({ definitions, startMs })
 *     await daemon.feed([{ value: '{"fields":{"ifOperStatus":2},…}' }])
 *     daemon.advance(startMs + 60_000)
 *     daemon.light('ku-14')  // { effective: 'red', … }
 */
export interface SimulatedDaemon {
  nowMs(): number
  /** Takes records at the present moment, in this order, as Kafka brings them; resolves when they are judged. */
  feed(records: readonly FedRecord[]): Promise<void>
  /**
   * Moves the clock, and runs the timers (holds, silences, incidents) on the way: as often as the daemon does, or in steps of `stepMs`
   * where days are to pass (at most 30 s: more is a clock that jumped). Throws when it would go back.
   */
  advance(toMs: number, stepMs?: number): void
  /** Takes over another inventory, rules and profiles at the present moment, as a reload of the daemon does. */
  reload(definitions: Definitions): Promise<void>
  /** Forgets devices that the inventory does not know and that were not heard for so long, as the daemon does where room is short; how many. */
  forgetIdle(idleMs: number): Promise<number>
  /** Throws for a node that the inventory does not have. */
  light(node: string): NodeLight
  node(id: string): NodeAnswer | undefined
  /** The answer to a street address, as the status endpoint gives it. */
  lookup(address: string, limit?: number): LookupAnswer
  /** Everything the status endpoint can be asked. */
  readonly view: StatusView
  /** What the rules in shadow do otherwise; undefined where the definitions have none. */
  shadow(): Pick<ShadowJudge, 'report' | 'summary'> | undefined
  openAlarms(): readonly Alarm[]
  openIncidents(): readonly Incident[]
  /** What has been stored or told since the start, in order. */
  readonly history: SimulatedHistory
  close(): Promise<void>
}

export interface FedRecord {
  /** Null for a tombstone. */
  readonly value: Uint8Array | string | null
  readonly key?: string
  /** Kafka's own time of the record; the present moment when left out. */
  readonly timestampMs?: number
  readonly topic?: string
  readonly partition?: number
}

export interface SimulatedHistory {
  readonly samples: readonly StoredSample[]
  readonly rejects: readonly Reject[]
  readonly alarms: readonly AlarmTransition[]
  readonly lights: readonly LightChange[]
  readonly incidents: readonly IncidentChange[]
  /** How often a port's series, or a device's own, were described to be stored. */
  readonly descriptions: number
}

/** A sample as it would lie in ClickHouse. */
export interface StoredSample {
  /** Id of the inventory's device, or the identifier it came with where the inventory knows none. */
  readonly device: string
  readonly instance: string
  readonly signal: string
  readonly value: number
  readonly timeMs: number
  readonly offset: number
}

export interface SimulatedOptions {
  readonly definitions: Definitions
  readonly startMs: number
  /** The configuration; its defaults when left out. What concerns servers is not looked at. */
  readonly config?: Config
  /** How far apart the timers run (ms of simulated time). */
  readonly tickMs?: number
  /** Most series and devices there can be. */
  readonly seriesMax?: number
  readonly devicesMax?: number
  /** Given what is to be stored of samples and series, as ClickHouse is; the block is the taker's. */
  readonly store?: Pick<Writer, 'submit'> & Pick<RowSink, 'series'>
  /** False keeps no samples in the history: for days of a large network, whose samples would not fit into memory. */
  readonly keepsSamples?: boolean
}

const defaultTickMs = 1000
const defaultSeriesMax = 100_000
const defaultDevicesMax = 20_000
/** No task takes so long; in process there is no time limit anyway. */
const taskTimeoutMs = 60_000
const defaultTopic = 'simulated'

export async function createSimulatedDaemon(options: SimulatedOptions): Promise<SimulatedDaemon> {
  const { definitions, startMs } = options
  const config = options.config ?? defaultConfig()
  const tickMs = options.tickMs ?? defaultTickMs
  const seriesMax = options.seriesMax ?? defaultSeriesMax
  let nowMs = startMs

  const shared = sharedMemoryFor(seriesMax, options.devicesMax ?? defaultDevicesMax)
  const state = openSharedState(shared)
  const pool = await createEvaluationPool({
    ...boundsOf(config),
    threads: 0,
    taskTimeoutMs,
    profiles: definitions.profiles,
    shared,
    onFault: fault => {
      throw new Error(`simulated daemon: ${fault.detail}`)
    }
  })

  await listNames(state.knownNames, definitions.inventory)
  state.knownNames.use()

  const samples: StoredSample[] = []
  const rejects: Reject[] = []
  const transitions: AlarmTransition[] = []
  const lightChanges: LightChange[] = []
  const incidentChanges: IncidentChange[] = []
  /** Whose samples are whose, by what the ids of one entity have in common: what the table `series` is for. */
  const entities = new Map<
    string,
    { readonly device: string; readonly instance: string; readonly low: number }
  >()

  let descriptions = 0
  const describe = (described: readonly StoredEntity[]): void => {
    descriptions += described.length
    for (const { deviceId, identifiers, instance, first, signals: carried } of described) {
      const { hi, lo } = entityOf(state.seriesIds, first, carried[0] ?? 0)
      const device = deviceId === '' ? (identifiers[0] ?? '') : deviceId
      entities.set(entityKey(lo, hi), { device, instance, low: lo & 0xffff })
    }
  }

  const {
    alarms,
    lights,
    engine: live,
    answers: view
  } = await createEngines({
    config,
    definitions,
    programs: createProgramTable(shared.kernel.programs),
    state,
    records: {
      series(described) {
        describe(described)
        options.store?.series(seriesRowsOf(described, state.seriesIds))
      },
      alarms: told => void transitions.push(...told),
      lights: told => void lightChanges.push(...told),
      incidents: told => void incidentChanges.push(...told),
      resources: () => undefined
    },
    standing: {
      readiness: () => ({ ready: true, parts: {} }),
      freshness: () => ({ asOfMs: nowMs, lateMs: 0 })
    },
    nowMs: () => nowMs
  })

  const tap = createShadowTap(live, alarms, lights)
  const { engine } = tap
  let inForce = definitions
  let shadow: ShadowJudge | undefined
  const beginShadow = (): void => {
    const { shadow: rules } = inForce
    if (rules === null) return
    const shadowed = { ...inForce, rules, shadow: null }
    shadow = createShadowJudge({ config, definitions: shadowed, live: state, seeds: tap.seeds(), nowMs })
    tap.open({ ...shadow, forgotten: beginShadow })
  }
  const followShadow = (next: Definitions): void => {
    const isCompared = isSameRules(next, inForce)
    inForce = next
    if (next.shadow === null) {
      shadow = undefined
      tap.close()
    } else if (shadow === undefined) beginShadow()
    else shadow.reload({ ...next, rules: next.shadow, shadow: null }, isCompared, nowMs)
  }
  followShadow(definitions)

  const store = (block: ColumnBlock): void => {
    while (engine.storeSeries(seriesMax) > 0);
    if (options.keepsSamples === false) return
    for (const { lo, hi, signal, ...sample } of rowsOf(block)) {
      const entity = entities.get(entityKey(lo, hi))
      if (entity === undefined) continue
      const { device, instance, low } = entity
      const name = signals[bitsOfSignal.indexOf(signal ^ low)]?.name ?? ''
      samples.push({ device, instance, signal: name, ...sample })
    }
  }

  /** Next offset of each partition. */
  const offsets = new Map<string, number>()
  const rangeOf = (records: readonly FedRecord[]): EvaluationTask['ranges'][number] => {
    const topic = records[0]?.topic ?? defaultTopic
    const partition = records[0]?.partition ?? 0
    const key = `${topic}:${partition}`
    const firstOffset = offsets.get(key) ?? 0
    offsets.set(key, firstOffset + records.length)
    const encodable = records.map((record, i) => ({
      offset: firstOffset + i,
      timestampMs: record.timestampMs ?? nowMs,
      key: record.key === undefined ? null : Buffer.from(record.key),
      value: typeof record.value === 'string' ? Buffer.from(record.value) : record.value
    }))
    return {
      topic,
      partition,
      firstOffset,
      lastOffset: firstOffset + records.length - 1,
      maxTimestampMs: Math.max(...encodable.map(({ timestampMs }) => timestampMs)),
      bytes: encodeRecordBatch(encodable)
    }
  }

  return {
    nowMs: () => nowMs,
    async feed(records) {
      for (const run of runsOf(records)) {
        const result = await pool.evaluate({ ranges: [rangeOf(run)], nowMs })
        engine.take(result, nowMs)
        rejects.push(...result.rejects)
        store(result.block)
        options.store?.submit(result.ranges, joinBlocks([result.block]))
        result.block.slab?.release()
      }
    },
    advance(toMs, stepMs = tickMs) {
      if (toMs < nowMs) throw new RangeError(`the clock stands at ${nowMs} and cannot go back to ${toMs}`)
      while (nowMs < toMs) {
        nowMs = Math.min(toMs, nowMs + stepMs)
        engine.tick(nowMs, nowMs)
        engine.clocks.sweep(nowMs)
      }
    },
    async reload(next) {
      await listNames(state.knownNames, next.inventory)
      await pool.reloadProfiles(next.profiles, () => {
        state.knownNames.use()
        engine.reload(next.inventory, next.rules, nowMs, next.reports)
      })
      followShadow(next)
      await view.indexed()
    },
    async forgetIdle(idleMs) {
      const { devices } = await forgetIdle({ engine, pool, state, idleMs, nowMs: () => nowMs })
      return devices
    },
    light(node) {
      const index = engine.inventory().nodeIndex(node)
      if (index === undefined) throw new RangeError(`the inventory has no node ${node}`)
      return lights.light(index)
    },
    node: id => view.node(id),
    lookup: (address, limit = 10) => view.lookup(address, limit),
    view,
    shadow: () => shadow,
    openAlarms: () => [...alarms.open()],
    openIncidents: () => lights.incidents(),
    history: {
      samples,
      rejects,
      alarms: transitions,
      lights: lightChanges,
      incidents: incidentChanges,
      get descriptions() {
        return descriptions
      }
    },
    close: () => pool.close(0)
  }
}

function defaultConfig(): Config {
  return loadConfig({
    env: {},
    readFile: () => {
      throw new Error('no file is read')
    }
  })
}

/** Records of one partition that come one behind the other. */
function runsOf(records: readonly FedRecord[]): FedRecord[][] {
  const runs: FedRecord[][] = []
  for (const record of records) {
    const before = runs.at(-1)
    const last = before?.at(-1)
    const isSame =
      last !== undefined && last.topic === record.topic && (last.partition ?? 0) === (record.partition ?? 0)
    if (before !== undefined && isSame) before.push(record)
    else runs.push([record])
  }
  return runs
}

interface Row {
  /** What the ids of one entity have in common. */
  readonly lo: number
  readonly hi: number
  /** The last 16 bits of the series' id. */
  readonly signal: number
  readonly value: number
  readonly timeMs: number
  readonly offset: number
}

function* rowsOf(block: ColumnBlock): Generator<Row> {
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [entity, time, offset, signal, value] = [
    block.entity,
    block.timeMs,
    block.offset,
    block.signal,
    block.value
  ].map(view)
  if (!entity || !time || !offset || !signal || !value) return
  let row = 0
  for (const [group, end] of endsOf(block).entries()) {
    const lo = entity.getUint32(group * 8, true)
    const hi = entity.getUint32(group * 8 + 4, true)
    const timeMs = Number(time.getBigInt64(group * 8, true))
    const at = Number(offset.getBigUint64(group * 8, true))
    for (; row < end; row++)
      yield {
        lo,
        hi,
        signal: signal.getUint16(row * 2, true),
        value: value.getFloat64(row * 8, true),
        timeMs,
        offset: at
      }
  }
}

/** What the ids of all series of an entity share: all but the last 16 bits. */
const entityKey = (lo: number, hi: number): string => `${hi}:${lo >>> 16}`
