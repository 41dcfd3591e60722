import type { ClickHouseClient } from '@clickhouse/client'
import type { AlarmTransition } from '../../rules/model.ts'
import { getJson } from '../support/daemon.ts'
import type { Lateness } from './lateness.ts'
import { placeKey, type Choices, type Reference } from './reference.ts'

/** What a run left behind against the undisturbed run. All but `told` must be 0. */
export interface Figures {
  readonly told: {
    readonly records: number
    readonly samples: number
    readonly transitions: number
    /** Records that Kafka took later than the daemon waits for, and how long after its event the latest of them came, at least (ms). */
    readonly recordsLate: number
    /** Of so many it is known when they came. */
    readonly recordsTimed: number
    readonly latestMs: number
    /** Transitions that differ from the undisturbed run's, as those records allow: they are in no figure below. */
    readonly transitionsLate: number
  }
  /** Samples that are not stored. */
  readonly samplesLost: number
  /** Samples stored more than once, as the rows lie, without FINAL. */
  readonly samplesTwice: number
  /** The same with FINAL: what a query sees. */
  readonly samplesTwiceFinal: number
  /** Signals the values of which do not add up to what was sent. */
  readonly signalsOff: number
  readonly transitionsMissing: number
  readonly transitionsForeign: number
  readonly openMissing: number
  readonly openForeign: number
  readonly lightsWrong: number
}

export interface Comparison {
  readonly figures: Figures
  /** Every difference as a line, for the folder that is left behind. */
  readonly differences: readonly string[]
}

export interface Observed {
  readonly client: ClickHouseClient
  readonly database: string
  readonly url: string
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** Identity and times of a transition: what must be the same. */
const transitionKey = (row: {
  resource: string
  type: string
  change: string
  severity: string
  id: string
  raised: string
  at: string
}): string =>
  `${row.resource} ${row.type} ${row.change} ${row.severity} at ${row.at}, raised at ${row.raised}, id ${row.id}`

const referenceKey = ({ alarm, change, atMs }: AlarmTransition): string =>
  transitionKey({
    resource: alarm.resource,
    type: alarm.type,
    change,
    severity: alarm.severity,
    id: alarm.id,
    raised: iso(alarm.raisedAtMs),
    at: iso(atMs)
  })

/** Which records came late, and what the undisturbed run comes to where such a record decides nothing that was decided before. */
export interface Allowed {
  readonly late: Pick<Lateness, 'known' | 'records' | 'mostMs'>
  readonly reference: (isStored: Choices['isStored']) => Promise<Reference>
}

export async function compare(
  undisturbed: Reference,
  observed: Observed,
  allowed?: Allowed
): Promise<Comparison> {
  const { client, database, url } = observed
  const differences: string[] = []
  const rows = async <T>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONEachRow' })).json<T>()

  const countSamples = async (final: string): Promise<{ lost: number; twice: number }> => {
    const found = new Map(
      (
        await rows<{ partition: number; offset: string; samples: string }>(
          `SELECT partition, offset, count() AS samples FROM ${database}.samples ${final}
           WHERE series != 0 GROUP BY partition, offset`
        )
      ).map(row => [placeKey(row.partition, Number(row.offset)), Number(row.samples)])
    )
    let lost = 0
    let twice = 0
    for (const place of new Set([...undisturbed.samples.keys(), ...found.keys()])) {
      const wanted = undisturbed.samples.get(place) ?? 0
      const have = found.get(place) ?? 0
      if (have === wanted) continue
      lost += Math.max(0, wanted - have)
      twice += Math.max(0, have - wanted)
      differences.push(`sample${final}: record ${place} has ${wanted} samples, ${have} are stored`)
    }
    return { lost, twice }
  }
  const plain = await countSamples('')
  const final = await countSamples('FINAL')

  let signalsOff = 0
  const sums = new Map(
    (
      await rows<{ signal: string; sum: number }>(
        `SELECT d.signal AS signal, sum(s.value) AS sum FROM ${database}.samples AS s FINAL
         INNER JOIN (SELECT id, signal FROM ${database}.series FINAL) AS d ON d.id = s.series GROUP BY signal`
      )
    ).map(row => [row.signal, Number(row.sum)])
  )
  for (const [signal, wanted] of undisturbed.sums) {
    const have = sums.get(signal) ?? NaN
    if (Math.abs(have - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted))) continue
    signalsOff++
    differences.push(`values: ${signal} adds up to ${have}, not ${wanted}`)
  }

  const stored = await rows<Parameters<typeof transitionKey>[0] & { device: string }>(
    `SELECT device, resource, type, change, severity, id,
       formatDateTime(raised_at, '%Y-%m-%dT%H:%i:%S', 'UTC') || '.' || leftPad(toString(toUnixTimestamp64Milli(raised_at) % 1000), 3, '0') || 'Z' AS raised,
       formatDateTime(at, '%Y-%m-%dT%H:%i:%S', 'UTC') || '.' || leftPad(toString(toUnixTimestamp64Milli(at) % 1000), 3, '0') || 'Z' AS at
     FROM ${database}.alarms FINAL`
  )
  const moments = new Set(stored.map(({ device, at }) => `${device} ${at}`))
  const reference =
    allowed === undefined
      ? undisturbed
      : await allowed.reference((device, atMs) => moments.has(`${device} ${iso(atMs)}`))
  const late = differ(
    'transition by a late record',
    undisturbed.transitions.map(referenceKey),
    reference.transitions.map(referenceKey),
    differences
  )
  const transitions = differ(
    'transition',
    reference.transitions.map(referenceKey),
    stored.map(transitionKey),
    differences
  )
  const alarms = await pages<{ id: string; resource: string; type: string }>(`${url}/api/v1/alarms?open=true`)
  const open = differ(
    'open alarm',
    reference.open,
    alarms.map(({ id }) => id),
    differences
  )

  let lightsWrong = 0
  const nodes = await pages<{ id: string; effective: string }>(`${url}/api/v1/nodes`)
  const seen = new Map(nodes.map(({ id, effective }) => [id, effective]))
  for (const [node, light] of reference.lights) {
    const have = seen.get(node)
    if (have === light) continue
    lightsWrong++
    differences.push(`light: ${node} is ${have ?? 'not there'}, not ${light}`)
  }
  return {
    differences,
    figures: {
      told: {
        records: undisturbed.samples.size,
        samples: undisturbed.sampleCount,
        transitions: undisturbed.transitions.length,
        recordsLate: allowed?.late.records ?? 0,
        recordsTimed: allowed?.late.known ?? 0,
        latestMs: allowed?.late.mostMs ?? 0,
        transitionsLate: late.missing + late.foreign
      },
      samplesLost: plain.lost,
      samplesTwice: plain.twice,
      samplesTwiceFinal: final.twice,
      signalsOff,
      transitionsMissing: transitions.missing,
      transitionsForeign: transitions.foreign,
      openMissing: open.missing,
      openForeign: open.foreign,
      lightsWrong
    }
  }
}

/** Whether the run is as the undisturbed one. */
/** The figures of a run that left everything as the undisturbed run does. */
export const noDifference: Omit<Figures, 'told'> = {
  samplesLost: 0,
  samplesTwice: 0,
  samplesTwiceFinal: 0,
  signalsOff: 0,
  transitionsMissing: 0,
  transitionsForeign: 0,
  openMissing: 0,
  openForeign: 0,
  lightsWrong: 0
}

export const isSame = ({ told: _told, ...rest }: Figures): boolean =>
  Object.values(rest).every(figure => figure === 0)

function differ(
  what: string,
  wanted: readonly string[],
  found: readonly string[],
  differences: string[]
): { missing: number; foreign: number } {
  const wantedSet = new Set(wanted)
  const foundSet = new Set(found)
  const missing = [...wantedSet].filter(key => !foundSet.has(key))
  const foreign = [...foundSet].filter(key => !wantedSet.has(key))
  for (const key of missing) differences.push(`${what} missing: ${key}`)
  for (const key of foreign) differences.push(`${what} foreign: ${key}`)
  return { missing: missing.length, foreign: foreign.length }
}

const pageItems = 1000

/** A list of the API, page by page. */
async function pages<T extends { id: string }>(url: string): Promise<T[]> {
  const all: T[] = []
  let after = ''
  for (;;) {
    const { items, next } = await getJson<{ items: T[]; next?: string | null }>(
      `${url}${url.includes('?') ? '&' : '?'}limit=${pageItems}${after}`
    )
    all.push(...items)
    if (next === undefined || next === null) return all
    after = `&after=${encodeURIComponent(next)}`
  }
}
