import {
  ProblemsError,
  parseLocatedYaml,
  type Path,
  type Problem
} from '../../schemas/config/located-yaml.ts'
import { tiers, type Tier } from '../../schemas/words.ts'

/** What can go wrong in the simulated city. */
const faults = [
  'mains_cut', // a node and the buildings below lose mains; where there is a UPS it carries the node
  'fibre_cut', // the fibre to one parent is cut (to every parent with `all_ways: true`)
  'dirty_optic', // received power at the node's uplink drifts down by `loss_db` over `ramp`
  'weak_catv', // received power of the node's cable TV receiver falls by `loss_db`
  'switch_dead', // one switch of the node stops; what hangs on it goes silent
  'ups_self_test', // the UPS runs from its battery on purpose
  'worn_battery', // the UPS asks for a new battery
  'dead_collector', // a collector stops: nothing comes of any device it polls
  'subscriber_storm' // every access port below reports again and again
] as const
export type Fault = (typeof faults)[number]

/** Where a fault happens: a node by id, or one drawn at random among those that match. */
export interface Place {
  readonly id?: string
  readonly tier?: Tier
  /** Vendor of a device the node must have, e.g. the make of the UPS. */
  readonly vendor?: string
  /** Only nodes that this one stands above. */
  readonly under?: string
  /** Only nodes with a second way up (true), or with one alone (false). */
  readonly redundant?: boolean
}

export interface ScenarioEvent {
  readonly atMs: number
  readonly fault: Fault
  readonly place: Place
  readonly forMs: number
  /** How long the UPS lasts in this cut; 0 for as long as its battery says. */
  readonly batteryMs: number
  readonly lossDb: number
  readonly rampMs: number
  readonly allWays: boolean
}

/** A fault begins, ends, or finds no node that matches its place: what to tell the person who watches. */
export interface FaultNews {
  readonly phase: 'begins' | 'ends' | 'nowhere'
  readonly fault: Fault
  readonly nodeId: string
  readonly nodeName: string
  /** What is hit beside the node: the collector, the device or the parent. */
  readonly what: string
  readonly nodesBelow: number
  readonly atMs: number
  readonly endsAtMs: number
}

export interface Scenario {
  readonly name: string
  /** Played again from its start after this; 0 for once. */
  readonly repeatMs: number
  readonly events: readonly ScenarioEvent[]
}

const eventKeys = ['at', 'fault', 'place', 'for', 'battery', 'loss_db', 'ramp', 'all_ways']
const placeKeys = ['id', 'tier', 'vendor', 'under', 'redundant']
const scenarioKeys = ['name', 'repeat', 'events']

export const quietScenario: Scenario = { name: 'quiet', repeatMs: 0, events: [] }

/** Reads a scenario; throws ProblemsError with everything that is wrong in it, each with its place. */
export function parseScenario(file: string, text: string): Scenario {
  const yaml = parseLocatedYaml(file, text)
  const problems: Problem[] = [...yaml.problems]
  const wrong = (path: Path, message: string, remedy: string): void => {
    problems.push(yaml.problemAt(path, message, remedy))
  }
  const map = (path: Path, value: unknown, keys: readonly string[]): Record<string, unknown> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      wrong(path, 'expected keys and values', `write ${keys.slice(0, 3).join(', ')} … here`)
      return {}
    }
    for (const key of Object.keys(value))
      if (!keys.includes(key)) wrong([...path, key], `unknown key ${key}`, `use one of: ${keys.join(', ')}`)
    return value as Record<string, unknown>
  }
  const duration = (path: Path, value: unknown, otherwise: number | undefined): number => {
    if (value === undefined && otherwise !== undefined) return otherwise
    const ms = typeof value === 'string' ? parseDurationMs(value) : undefined
    if (ms === undefined) wrong(path, 'expected a time', 'write it as 500ms, 45s, 2m or 1h30m')
    return ms ?? 0
  }
  const choice = <T extends string>(path: Path, value: unknown, of: readonly T[]): T | undefined => {
    if (typeof value === 'string' && (of as readonly string[]).includes(value)) return value as T
    wrong(path, `${JSON.stringify(value)} is not known here`, `use one of: ${of.join(', ')}`)
    return undefined
  }
  const text_ = (path: Path, value: unknown): string | undefined => {
    if (value === undefined || typeof value === 'string') return value
    wrong(path, 'expected a text', 'put it in quotes')
    return undefined
  }

  if (problems.length > 0) throw new ProblemsError(problems)
  const top = map([], yaml.value, scenarioKeys)
  const events: ScenarioEvent[] = []
  const listed = top['events'] ?? []
  if (!Array.isArray(listed)) wrong(['events'], 'expected a list', 'begin each event with "- at: 30s"')
  else
    listed.forEach((item: unknown, i) => {
      const path: Path = ['events', i]
      const event = map(path, item, eventKeys)
      const fault = choice([...path, 'fault'], event['fault'], faults)
      const where = map([...path, 'place'], event['place'] ?? {}, placeKeys)
      const tier =
        where['tier'] === undefined ? undefined : choice([...path, 'place', 'tier'], where['tier'], tiers)
      const id = text_([...path, 'place', 'id'], where['id'])
      const vendor = text_([...path, 'place', 'vendor'], where['vendor'])
      const under = text_([...path, 'place', 'under'], where['under'])
      const redundant = where['redundant']
      if (redundant !== undefined && typeof redundant !== 'boolean')
        wrong([...path, 'place', 'redundant'], 'expected yes or no', 'write true or false')
      const lossDb = event['loss_db'] ?? 8
      if (typeof lossDb !== 'number' || !(lossDb > 0 && lossDb <= 40))
        wrong([...path, 'loss_db'], 'expected a loss in dB', 'give a number above 0 and up to 40')
      const allWays = event['all_ways'] ?? false
      if (typeof allWays !== 'boolean')
        wrong([...path, 'all_ways'], 'expected yes or no', 'write true or false')
      const atMs = duration([...path, 'at'], event['at'], undefined)
      const forMs = duration([...path, 'for'], event['for'], undefined)
      const batteryMs = duration([...path, 'battery'], event['battery'], 0)
      const rampMs = duration([...path, 'ramp'], event['ramp'], 0)
      if (fault === undefined) return
      events.push({
        fault,
        atMs,
        forMs,
        batteryMs,
        rampMs,
        lossDb: Number(lossDb),
        allWays: allWays === true,
        place: {
          ...(id === undefined ? {} : { id }),
          ...(tier === undefined ? {} : { tier }),
          ...(vendor === undefined ? {} : { vendor }),
          ...(under === undefined ? {} : { under }),
          ...(typeof redundant === 'boolean' ? { redundant } : {})
        }
      })
    })
  const repeatMs = duration(['repeat'], top['repeat'], 0)
  const name = text_(['name'], top['name']) ?? file
  if (problems.length > 0) throw new ProblemsError(problems)
  events.sort((a, b) => a.atMs - b.atMs)
  return { name, repeatMs, events }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `500ms`, `45s`, `2m`, `1h30m`; undefined when it is none of these. */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) return undefined
  let ms = 0
  for (const part of text.matchAll(/(\d+)(ms|s|m|h)/g)) ms += Number(part[1]) * (unitMs[part[2] ?? ''] ?? 0)
  return ms
}
