import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { definitionsOf } from '../../daemon/network.ts'
import { createSimulatedDaemon, type SimulatedDaemon } from '../../daemon/simulated.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { lights, severities } from '../../schemas/words.ts'

/** Plays the cases of test/cases/ through the daemon in simulated time; their form is described in the README there. */

const strict = { additionalProperties: false }
const optional = Type.Optional
const light = Type.Enum([...lights])
const range = Type.Tuple([Type.Number(), Type.Number()])

const recordSchema = Type.Object(
  {
    at_s: Type.Number(),
    arrive_s: optional(Type.Number()),
    repeat: optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    every_s: optional(Type.Number({ exclusiveMinimum: 0 })),
    value: optional(Type.Unknown()),
    raw: optional(Type.Union([Type.String(), Type.Null()])),
    key: optional(Type.String())
  },
  strict
)

const alarmSchema = Type.Object(
  {
    type: Type.String(),
    qualifier: optional(Type.String()),
    resource: optional(Type.String()),
    severity: optional(Type.Enum([...severities])),
    raised_s: optional(range)
  },
  strict
)

const expectSchema = Type.Object(
  {
    lights: optional(Type.Record(Type.String(), Type.Union([light, Type.Array(light)]))),
    always: optional(Type.Record(Type.String(), Type.Union([light, Type.Array(light)]))),
    alarms: optional(Type.Array(alarmSchema)),
    never: optional(Type.Array(Type.String())),
    raised: optional(Type.Record(Type.String(), range)),
    incidents: optional(
      Type.Object(
        {
          opened: optional(range),
          open: optional(range),
          changed: optional(range),
          maintenance: optional(Type.Boolean()),
          root: optional(Type.String())
        },
        strict
      )
    ),
    samples: optional(
      Type.Array(
        Type.Object(
          {
            device: optional(Type.String()),
            instance: optional(Type.String()),
            signal: Type.String(),
            value: Type.Number(),
            at_s: optional(Type.Number())
          },
          strict
        )
      )
    )
  },
  strict
)

const caseSchema = Type.Object(
  {
    id: Type.String(),
    says: Type.String(),
    right: Type.String(),
    arrival: optional(Type.String()),
    steps: optional(Type.Array(Type.String())),
    inventory: optional(Type.Array(Type.Unknown())),
    records: optional(Type.Array(recordSchema)),
    reloads: optional(
      Type.Array(Type.Object({ at_s: Type.Number(), inventory: Type.Array(Type.Unknown()) }, strict))
    ),
    expect: optional(expectSchema),
    elsewhere: optional(Type.String({ minLength: 1 }))
  },
  strict
)
export type FieldCase = Static<typeof caseSchema>
type Expectation = Static<typeof expectSchema>

export interface CaseOutcome {
  readonly id: string
  /** What is not as it should be; empty when all is. */
  readonly wrong: readonly string[]
  /** Why it is not played here; '' where it is. */
  readonly elsewhere: string
}

/** The moment that `at_s` counts from. */
const presentMs = Date.UTC(2026, 2, 1, 12)
/** How long before the first record the daemon starts. */
const leadMs = 60_000
const defaultEveryS = 60
/** Values are compared to this. */
const tolerance = 0.05

export const casesFolder = join(packageRoot, 'test', 'cases')

/** Every case but those of addresses (`addr-*`), by name. Throws where one is not in the form of the README. */
export function readCases(): FieldCase[] {
  return readdirSync(casesFolder)
    .filter(file => file.endsWith('.json') && file !== 'known-wrong.json' && !file.startsWith('addr-'))
    .sort()
    .map(file => {
      const value: unknown = JSON.parse(readFileSync(join(casesFolder, file), 'utf8'))
      const first = [...Value.Errors(caseSchema, value)][0]
      if (first !== undefined) throw new Error(`${file}: ${first.instancePath} ${first.message}`)
      const read = value as FieldCase
      if (`${read.id}.json` !== file) throw new Error(`${file}: its id is ${read.id}`)
      const isPlayable =
        read.records !== undefined && read.inventory !== undefined && read.expect !== undefined
      if (isPlayable === (read.elsewhere !== undefined))
        throw new Error(`${file}: needs records, inventory and expect, or else "elsewhere" with a reason`)
      return read
    })
}

/** Ids of cases that are known to be wrong today, with what is missing. */
export function readKnownWrong(): ReadonlyMap<string, string> {
  const file = join(casesFolder, 'known-wrong.json')
  return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>))
}

export async function playCase(read: FieldCase): Promise<CaseOutcome> {
  if (read.elsewhere !== undefined) return { id: read.id, wrong: [], elsewhere: read.elsewhere }
  const { inventory = [], records = [], reloads = [], expect = {} } = read
  const events = [
    ...records.flatMap(recordEvents),
    ...reloads.map(reload => ({ arriveMs: msOf(reload.at_s), reload: reload.inventory }))
  ].sort((a, b) => a.arriveMs - b.arriveMs)
  const startMs = (events[0]?.arriveMs ?? presentMs) - leadMs
  const daemon = await createSimulatedDaemon({
    definitions: await definitionsOf({ inventory }),
    startMs,
    seriesMax: 5000,
    devicesMax: 500
  })
  try {
    let version = 1
    for (const event of events) {
      daemon.advance(event.arriveMs)
      if ('reload' in event) await daemon.reload(await definitionsOf({ inventory: event.reload }, ++version))
      else await daemon.feed([event.record])
    }
    daemon.advance(Math.max(presentMs, daemon.nowMs()))
    return { id: read.id, wrong: differences(expect, daemon), elsewhere: '' }
  } finally {
    await daemon.close()
  }
}

const msOf = (s: number): number => presentMs + s * 1000

type FieldRecord = NonNullable<FieldCase['records']>[number]

function recordEvents({ at_s, arrive_s, repeat = 1, every_s = defaultEveryS, value, raw, key }: FieldRecord) {
  return Array.from({ length: repeat }, (_, i) => {
    const timestampMs = msOf(at_s + i * every_s)
    const text = raw === undefined ? withTime(JSON.stringify(value), timestampMs) : raw
    return {
      arriveMs: arrive_s === undefined ? timestampMs : msOf(arrive_s + i * every_s),
      record: { value: text, timestampMs, ...(key === undefined ? {} : { key }) }
    }
  })
}

/** The words for the record's time in its JSON; nanoseconds are more than a double holds. */
function withTime(json: string, ms: number): string {
  return json
    .replaceAll('"$s"', String(Math.floor(ms / 1000)))
    .replaceAll('"$ms"', String(ms))
    .replaceAll('"$us"', `${ms}000`)
    .replaceAll('"$ns"', `${ms}000000`)
    .replaceAll('$iso', new Date(ms).toISOString())
}

function differences(expect: Expectation, daemon: SimulatedDaemon): string[] {
  const wrong: string[] = []
  const { history } = daemon
  const list = <T>(one: T | readonly T[]): readonly T[] =>
    Array.isArray(one) ? (one as readonly T[]) : [one as T]
  const secondsOf = (ms: number): number => (ms - presentMs) / 1000
  const within = (what: string, count: number, [least, most]: readonly [number, number]): void => {
    if (count < least || count > most) wrong.push(`${count} ${what}, not ${least}..${most}`)
  }

  for (const [node, wanted] of Object.entries(expect.lights ?? {})) {
    const { effective } = daemon.light(node)
    if (!list(wanted).includes(effective))
      wrong.push(`${node} is ${effective}, not ${list(wanted).join(' or ')}`)
  }
  for (const [node, wanted] of Object.entries(expect.always ?? {}))
    for (const change of history.lights)
      if (change.node === node && !list(wanted).includes(change.to))
        wrong.push(`${node} was ${change.to} at ${secondsOf(change.atMs)} s`)

  const raised = history.alarms.filter(({ change }) => change === 'raised').map(({ alarm }) => alarm)
  if (expect.alarms !== undefined) {
    const left = [...daemon.openAlarms()]
    for (const wanted of expect.alarms) {
      const at = left.findIndex(
        alarm =>
          alarm.type === wanted.type &&
          (wanted.qualifier ?? alarm.qualifier) === alarm.qualifier &&
          (wanted.resource ?? alarm.resource) === alarm.resource &&
          (wanted.severity ?? alarm.severity) === alarm.severity &&
          (wanted.raised_s === undefined ||
            (secondsOf(alarm.raisedAtMs) >= wanted.raised_s[0] &&
              secondsOf(alarm.raisedAtMs) <= wanted.raised_s[1]))
      )
      if (at < 0) wrong.push(`no open alarm is ${JSON.stringify(wanted)}`)
      else left.splice(at, 1)
    }
    for (const alarm of left)
      wrong.push(`${alarm.type} (${alarm.severity}) is open on ${alarm.resource}: ${alarm.text.en}`)
  }
  for (const type of expect.never ?? [])
    for (const alarm of raised)
      if (alarm.type === type)
        wrong.push(`${type} was raised at ${secondsOf(alarm.raisedAtMs)} s: ${alarm.text.en}`)
  for (const [type, wanted] of Object.entries(expect.raised ?? {}))
    within(`times ${type} was raised`, raised.filter(alarm => alarm.type === type).length, wanted)

  const { incidents } = expect
  if (incidents !== undefined) {
    const of = (change: string) => history.incidents.filter(one => one.change === change)
    if (incidents.opened !== undefined) within('incidents were opened', of('opened').length, incidents.opened)
    if (incidents.changed !== undefined)
      within('incidents were changed', of('changed').length, incidents.changed)
    if (incidents.open !== undefined)
      within('incidents are open', daemon.openIncidents().length, incidents.open)
    for (const { incident } of history.incidents) {
      const { root, maintenance } = incident
      if (incidents.maintenance !== undefined && incidents.maintenance !== maintenance)
        wrong.push(`the incident of ${root} ${maintenance ? 'is' : 'is not'} planned work`)
      if (incidents.root !== undefined && incidents.root !== root)
        wrong.push(`an incident was opened at ${root}, not ${incidents.root}`)
    }
  }

  for (const wanted of expect.samples ?? []) {
    const isWanted = history.samples.some(
      sample =>
        sample.signal === wanted.signal &&
        (wanted.device ?? sample.device) === sample.device &&
        (wanted.instance ?? sample.instance) === sample.instance &&
        Math.abs(sample.value - wanted.value) <= tolerance &&
        (wanted.at_s === undefined || sample.timeMs === msOf(wanted.at_s))
    )
    if (!isWanted) wrong.push(`no sample is ${JSON.stringify(wanted)}`)
  }
  return [...new Set(wrong)]
}
