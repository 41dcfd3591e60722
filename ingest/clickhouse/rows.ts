import type { ClickHouseClient } from '@clickhouse/client'
import { Readable } from 'node:stream'
import type { AlarmTransition } from '../../rules/model.ts'
import type { ResourceState } from '../../rules/alarms/resource-state.ts'
import type { Coordinates } from '../../schemas/words.ts'
import type { IncidentChange, LightChange, LightChanges } from '../../topology/model.ts'
import { pauseMs } from '../backoff.ts'
import { backoffMs, firstLine, neverSucceeds } from './errors.ts'
import { seriesInsert, seriesRowBinary, type SeriesRows } from './series-rows.ts'
import type { WriterMetrics } from './writer-metrics.ts'

export interface RowSinkOptions {
  readonly client: ClickHouseClient
  /** Rows sent at once per table. Default 10,000; of series, which come in bursts and packed, five times as many. */
  readonly rowsMax?: number
  /** Rows waiting per table above which new ones are refused. Default 200,000. */
  readonly waitingMax?: number
  /** Longest time a row waits for company (ms). Default 500. */
  readonly flushMsMax?: number
  readonly retryMsMin?: number
  readonly retryMsMax?: number
  /** Told, once for each burst, of rows refused or given up (`isLost`) and of rows that wait for a server that is down. */
  readonly onProblem: (sentence: string, isLost: boolean) => void
  /** Told of what nobody expected: rows may be missing from now on. Default: a problem by which rows are lost. */
  readonly onFatal?: (error: Error) => void
  readonly metrics?: WriterMetrics
  readonly nowMs?: () => number
  readonly random?: () => number
}

/** Takes rows of the small tables without ever making the caller wait; false when there is no room for the rows. */
export interface RowSink {
  series(rows: readonly SeriesRows[]): boolean
  lightChanges(changes: LightChanges): boolean
  alarms(transitions: readonly AlarmTransition[]): boolean
  incidents(changes: readonly IncidentChange[]): boolean
  /** Stored behind the transitions given before them. */
  resources(states: readonly ResourceState[]): boolean
  /**
   * Resolves when the transitions and states given so far are stored: samples that caused them may be stored then. Rejects when an
   * attempt to store them fails, and when the sink is closed before; they are tried again all the same.
   */
  judgementsStored(): Promise<void>
  waiting(): number
  /** How many rows of series may be given now: little, because they are made when there is room for them. */
  seriesRoom(): number
  /** Resolves when everything given so far is stored or given up. */
  flush(): Promise<void>
  close(timeoutMs: number): Promise<void>
}

type Row = Readonly<Record<string, unknown>>
type Table = 'series' | 'light_changes' | 'alarms' | 'incidents' | 'resource_states'

/** ClickHouse reads this form of DateTime64(3) in any time zone setting. */
const time = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
const timeOrNull = (ms: number | null): string | null => (ms === null ? null : time(ms))
const place = (coordinates: Coordinates | null): Row => ({
  topic: coordinates?.topic ?? null,
  partition: coordinates?.partition ?? null,
  offset: coordinates?.offset ?? null
})

function lightChangeRow(change: LightChange): Row {
  const { cause } = change
  return {
    node: change.node,
    at: time(change.atMs),
    from: change.from,
    to: change.to,
    own: change.own,
    cause_by: cause.by,
    cause_node: cause.node,
    cause_alarm: cause.alarm,
    cause_kind: cause.kind
  }
}

function alarmRow({ alarm, change, atMs }: AlarmTransition): Row {
  const { evidence } = alarm
  return {
    id: alarm.id,
    change,
    at: time(atMs),
    node: alarm.node,
    device: alarm.device,
    instance: alarm.instance,
    resource: alarm.resource,
    type: alarm.type,
    qualifier: alarm.qualifier,
    kind: alarm.kind,
    severity: alarm.severity,
    is_cleared: alarm.isCleared,
    raised_at: time(alarm.raisedAtMs),
    cleared_at: timeOrNull(alarm.clearedAtMs),
    text_ru: alarm.text.ru,
    text_en: alarm.text.en,
    rule: evidence.rule,
    signal: evidence.signal,
    value: evidence.value,
    limit_value: evidence.limit,
    value_name: evidence.valueName,
    event_time: time(evidence.eventTimeMs),
    ...place(evidence.coordinates)
  }
}

function incidentRow({ incident, change, atMs }: IncidentChange): Row {
  return {
    id: incident.id,
    change,
    at: time(atMs),
    root: incident.root,
    kind: incident.kind,
    light: incident.light,
    severity: incident.severity,
    opened_at: time(incident.openedAtMs),
    closed_at: timeOrNull(incident.closedAtMs),
    alarms: incident.alarms,
    affected_nodes: incident.affectedNodes,
    affected_addresses: incident.affectedAddresses,
    affected_subscribers: incident.affectedSubscribers,
    maintenance: incident.maintenance
  }
}

function resourceRow(state: ResourceState): Row {
  return {
    device: state.device,
    instance: state.instance,
    scope: state.scope,
    ...place(state.coordinates),
    at: time(state.atMs),
    is_open: state.conditions.length > 0 || state.rules.length > 0,
    state: JSON.stringify(state)
  }
}

/** Series that wait, as the bytes they are sent as. */
interface PackedSeries {
  readonly bytes: Buffer
  readonly rows: number
}

/** What waits for a table: how many rows an item is, and how items are sent. */
interface LaneOptions<Item> {
  readonly table: Table
  /** Rows sent at once. */
  readonly rowsMax: number
  readonly rowsOf: (item: Item) => number
  readonly insert: (items: readonly Item[]) => Promise<void>
}

/** Waits until so many rows of a table are stored or given up. */
interface Waiter {
  readonly goal: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export function createRowSink(options: RowSinkOptions): RowSink {
  const { client, onProblem, metrics } = options
  const rowsMax = options.rowsMax ?? 10_000
  const seriesMax = rowsMax * 5
  const waitingMax = options.waitingMax ?? 200_000
  const flushMsMax = options.flushMsMax ?? 500
  const retryMsMin = options.retryMsMin ?? 200
  const retryMsMax = options.retryMsMax ?? 10_000
  const nowMs = options.nowMs ?? Date.now
  const random = options.random ?? Math.random
  const stopping = new AbortController()
  const onFatal = options.onFatal ?? ((error: Error) => onProblem(error.message, true))
  const broken = (cause: unknown): void => onFatal(cause instanceof Error ? cause : new Error(String(cause)))

  const requestOptions = { abort_signal: stopping.signal, clickhouse_settings: { async_insert: 0 as const } }

  const insertSeries = async (items: readonly PackedSeries[]): Promise<void> => {
    const values = Readable.from(
      items.map(({ bytes }) => bytes),
      { objectMode: false }
    )
    const { stream } = await client.exec({ query: seriesInsert, values, ...requestOptions })
    for await (const _ of stream) {
      // The answer is empty; it is read to its end so that the connection can be used again.
    }
  }

  const createLane = <Item>({ table, rowsMax, rowsOf, insert }: LaneOptions<Item>) => {
    let waiting: Item[] = []
    let waitingRows = 0
    let running: Promise<void> | undefined
    let timer: NodeJS.Timeout | undefined
    let refused = 0
    /** Rows taken, and of them those stored or given up, since the start. */
    let given = 0
    let settled = 0
    let waiters: Waiter[] = []
    const sumOf = (items: readonly Item[]): number => items.reduce((sum, item) => sum + rowsOf(item), 0)

    /** Sends until nothing waits. One insert a table at a time, so rows are stored in the order they came. */
    const run = async (): Promise<void> => {
      while (waiting.length > 0 && !stopping.signal.aborted) {
        let rows = 0
        let count = 0
        while (count < waiting.length && rows < rowsMax) rows += rowsOf(waiting[count++]!)
        const fate = await send(waiting.slice(0, count), rows)
        if (fate === 'stopped') return
        waiting = waiting.slice(count)
        waitingRows -= rows
        settled += rows
        const reached = waiters.filter(waiter => waiter.goal <= settled)
        waiters = waiters.filter(waiter => waiter.goal > settled)
        for (const waiter of reached) waiter.resolve()
        if (refused > 0) {
          onProblem(
            `${refused} rows of ${table} were refused while ${waitingMax} were waiting for ClickHouse`,
            true
          )
          refused = 0
        }
      }
    }

    const send = async (items: readonly Item[], rows: number): Promise<'done' | 'stopped'> => {
      for (let attempt = 1; !stopping.signal.aborted; attempt++) {
        try {
          await insert(items)
          return 'done'
        } catch (error) {
          if (stopping.signal.aborted) break
          const sentence = neverSucceeds(error, `rows of ${table}`)
          if (sentence !== undefined) {
            metrics?.rowsDropped(rows)
            onProblem(`${rows} rows are given up: ${sentence}`, true)
            return 'done'
          }
          disappoint(error)
          if (attempt === 1) {
            const reason = error instanceof Error ? error.message || error.name : String(error)
            onProblem(`rows of ${table} wait for ClickHouse: ${firstLine(reason)}`, false)
          }
          await pauseMs(backoffMs(attempt, retryMsMin, retryMsMax, random), stopping.signal)
        }
      }
      return 'stopped'
    }

    /** Whoever waits is told that it takes longer, and why. */
    const disappoint = (error: unknown): void => {
      const told = waiters
      waiters = []
      for (const waiter of told) waiter.reject(error instanceof Error ? error : new Error(String(error)))
    }

    const start = (): Promise<void> => {
      clearTimeout(timer)
      timer = undefined
      running ??= run().finally(() => {
        running = undefined
        if (waiting.length > 0 && !stopping.signal.aborted) timer ??= setTimeout(startLater, flushMsMax)
      })
      return running
    }

    const startLater = (): void => {
      start().catch(broken)
    }

    return {
      add(items: readonly Item[]): boolean {
        const rows = sumOf(items)
        if (rows === 0) return true
        if (stopping.signal.aborted || waitingRows + rows > waitingMax) {
          refused += rows
          metrics?.rowsDropped(rows)
          return false
        }
        for (const item of items) waiting.push(item)
        waitingRows += rows
        given += rows
        if (running !== undefined) return true
        if (waitingRows >= rowsMax) startLater()
        else timer ??= setTimeout(startLater, flushMsMax)
        return true
      },
      async flush(): Promise<void> {
        while (waiting.length > 0 && !stopping.signal.aborted) await start()
      },
      /** Resolves when what was given so far is stored or given up; rejects at the next attempt that fails. */
      stored(): Promise<void> {
        if (settled >= given) return Promise.resolve()
        if (stopping.signal.aborted) return Promise.reject(new Error('rows are stored no more'))
        const goal = given
        const done = new Promise<void>((resolve, reject) => waiters.push({ goal, resolve, reject }))
        startLater()
        return done
      },
      waiting: () => waitingRows,
      stop() {
        clearTimeout(timer)
        disappoint(new Error('rows are stored no more'))
      }
    }
  }

  const insertRows = async (table: Table, values: readonly Row[]): Promise<void> => {
    await client.insert({ table, values, format: 'JSONEachRow', ...requestOptions })
  }

  const createJsonLane = (table: Table) =>
    createLane<Row>({
      table,
      rowsMax,
      rowsOf: () => 1,
      insert: values => insertRows(table, values)
    })

  const alarmsLane = createJsonLane('alarms')
  const lanes = {
    series: createLane<PackedSeries>({
      table: 'series',
      rowsMax: seriesMax,
      rowsOf: item => item.rows,
      insert: insertSeries
    }),
    light_changes: createJsonLane('light_changes'),
    alarms: alarmsLane,
    incidents: createJsonLane('incidents'),
    // A state says that a transition was made: it must not be there without it.
    resource_states: createLane<Row>({
      table: 'resource_states',
      rowsMax,
      rowsOf: () => 1,
      async insert(values) {
        await alarmsLane.stored()
        await insertRows('resource_states', values)
      }
    })
  }
  const all = Object.values(lanes)
  const flush = async (): Promise<void> => {
    await Promise.all(all.map(lane => lane.flush()))
  }

  return {
    series(rows) {
      const count = rows.reduce((sum, { signals }) => sum + signals.length, 0)
      return lanes.series.add([{ bytes: seriesRowBinary(rows, nowMs()), rows: count }])
    },
    lightChanges: changes => lanes.light_changes.add(Array.from(changes, lightChangeRow)),
    alarms: transitions => lanes.alarms.add(transitions.map(alarmRow)),
    incidents: changes => lanes.incidents.add(changes.map(incidentRow)),
    resources: states => lanes.resource_states.add(states.map(resourceRow)),
    async judgementsStored() {
      await lanes.alarms.stored()
      await lanes.resource_states.stored()
    },
    seriesRoom: () => Math.max(0, Math.min(waitingMax, 2 * seriesMax) - lanes.series.waiting()),
    waiting: () => all.reduce((sum, lane) => sum + lane.waiting(), 0),
    flush,
    async close(timeoutMs) {
      let late: NodeJS.Timeout | undefined
      const limit = new Promise<void>(resolve => {
        late = setTimeout(resolve, timeoutMs)
      })
      await Promise.race([flush(), limit])
      clearTimeout(late)
      stopping.abort()
      for (const lane of all) lane.stop()
      const left = all.reduce((sum, lane) => sum + lane.waiting(), 0)
      if (left > 0) onProblem(`${left} rows of history were not stored before the stop`, true)
    }
  }
}
