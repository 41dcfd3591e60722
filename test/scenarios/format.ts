import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import { ProblemsError, parseLocatedYaml, type Problem } from '../../schemas/config/located-yaml.ts'
import { schemaProblems } from '../../schemas/config/schema-problems.ts'
import { incidentKinds, tiers } from '../../schemas/words.ts'

/** A scenario as it is written in YAML: a network, what breaks in it, and what an operator should be told (docs/scenarios.md). */
const closed = { additionalProperties: false } as const
const count = (most: number) => Type.Optional(Type.Integer({ minimum: 0, maximum: most }))
const minutes = Type.Number({ minimum: 0, maximum: 1440 })

const networkSchema = Type.Object(
  {
    districts: count(20),
    /** Areas of a district, campuses of an area, buildings of a campus. */
    areas: count(20),
    campuses: count(50),
    buildings: count(100),
    collectors: Type.Optional(Type.Integer({ minimum: 1, maximum: 20 })),
    /** So many of a hundred sites are polled by a second collector, too. */
    heard_twice_pct: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    /** False: ports towards the nodes below are neither listed nor polled. */
    parents_seen: Type.Optional(Type.Boolean()),
    /** How campuses are tied to their area. */
    campus_ways: Type.Optional(Type.Enum(['one', 'two_links', 'lag', 'two_areas', 'ring'])),
    second_switches: Type.Optional(Type.Boolean()),
    /** Buildings have a UPS each. */
    building_ups: Type.Optional(Type.Boolean()),
    /** Levels are read as they were so long before: modules measure them now and then. */
    levels_late_s: Type.Optional(Type.Number({ minimum: 0, maximum: 3600 })),
    battery_min: Type.Optional(minutes)
  },
  closed
)

const placeSchema = Type.Object(
  {
    tier: Type.Enum([...tiers]),
    below: Type.Optional(Type.String()),
    parent_of: Type.Optional(Type.String()),
    /** Has the same parent, and is another. */
    beside: Type.Optional(Type.String()),
    /** In another district. */
    apart: Type.Optional(Type.String()),
    /** All of these places together. */
    is: Type.Optional(Type.Array(Type.String())),
    /** The inventory says that they hang on this feeder, with all below them. */
    mains: Type.Optional(Type.String()),
    /** The collector with this number polls them; the seed chooses where left out. */
    polled_by: count(20),
    /** So many of them; all where it is 0. One where left out. */
    count: count(10_000)
  },
  closed
)

const breakages = [
  'cut',
  'switched_off',
  'dead',
  'hung',
  'management',
  'second_switch',
  'mains',
  'ups_card',
  'ups_test',
  'ups_worn',
  'ups_overload',
  'optics',
  'catv',
  'collector',
  'clock',
  'backlog',
  'late',
  'planned'
] as const

/**
 * `too_long`: a time left for a new battery, which falls faster than the clock; `stands_still`: always the same time left; `charge_only`;
 * `nothing`: no time left, and a full charge; `worn`: it is empty at a charge of 5 to 25 %; `load_rises`: it is drained faster from some
 * time on; `quarters`: the charge in steps of 25 %, and no time left.
 */
const batteryTells = [
  'too_long',
  'stands_still',
  'charge_only',
  'nothing',
  'worn',
  'load_rises',
  'quarters'
] as const

const faultSchema = Type.Object(
  {
    what: Type.Enum([...breakages]),
    /** Name of a place. */
    at: Type.Optional(Type.String()),
    at_min: minutes,
    for_min: minutes,
    /** Which of the links to the parents (`cut`, `switched_off`). */
    links: Type.Optional(Type.Enum(['all', 'first', 'second'])),
    /** The fault comes so many times, one after the other, `every_min` apart. */
    times: count(100),
    every_min: Type.Optional(minutes),
    /** Mains: whether all nodes below lose them, too. */
    with_below: Type.Optional(Type.Boolean()),
    battery_min: Type.Optional(minutes),
    /** Mains: what the UPS say of their batteries while these last for `battery_min`. Honest where left out. */
    battery_tells: Type.Optional(Type.Enum([...batteryTells])),
    /** Mains: of a hundred switches that lose their power, those whose last words (dying gasp) arrive. None where left out. */
    gasps_pct: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    /** Change of the level (`optics`, `catv`), and within how long it comes. */
    db: Type.Optional(Type.Number({ minimum: -60, maximum: 60 })),
    over_min: Type.Optional(minutes),
    number: count(20),
    /** Of the devices of a collector, those it loses; all where left out. */
    part: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    /** Within how long after its end a collector comes to poll all its devices again. */
    restart_min: Type.Optional(minutes),
    offset_min: Type.Optional(Type.Number({ minimum: -60, maximum: 60 })),
    delay_s: Type.Optional(Type.Number({ minimum: 0, maximum: 3600 })),
    /** What an operator should be told. Without it: nothing. */
    tell: Type.Optional(
      Type.Object(
        {
          /** Places, any of whose nodes is the right root; `collector` for the collector. */
          root: Type.Array(Type.String(), { minItems: 1 }),
          kind: Type.Array(Type.Enum([...incidentKinds]), { minItems: 1 }),
          /** Whether the subscribers it is said to affect are compared with the truth. */
          subscribers: Type.Optional(Type.Boolean())
        },
        closed
      )
    )
  },
  closed
)

const scenarioSchema = Type.Object(
  {
    kind: Type.String({ pattern: '^[a-z0-9-]+$' }),
    says: Type.String(),
    network: Type.Optional(networkSchema),
    minutes,
    lost_polls_pct: Type.Optional(Type.Number({ minimum: 0, maximum: 50 })),
    late_polls_pct: Type.Optional(Type.Number({ minimum: 0, maximum: 50 })),
    places: Type.Optional(Type.Record(Type.String(), placeSchema)),
    faults: Type.Array(faultSchema)
  },
  closed
)

const fileSchema = Type.Object({ scenarios: Type.Array(scenarioSchema) }, closed)

export type Scenario = Static<typeof scenarioSchema>
export type Fault = Static<typeof faultSchema>
export type Breakage = Fault['what']
export type NetworkShape = Static<typeof networkSchema>

/** Breakages that need no place. */
const placeless: ReadonlySet<Breakage> = new Set(['collector', 'clock', 'backlog'])

/** Reads one file. Throws ProblemsError with everything that is wrong in it. */
export function parseScenarios(file: string, text: string): Scenario[] {
  const yaml = parseLocatedYaml(file, text)
  const problems: Problem[] = [...yaml.problems]
  if (problems.length === 0) problems.push(...schemaProblems(yaml, fileSchema, yaml.value, []))
  if (problems.length > 0) throw new ProblemsError(problems)
  const { scenarios } = yaml.value as Static<typeof fileSchema>
  for (const [s, scenario] of scenarios.entries()) {
    const places = Object.keys(scenario.places ?? {})
    const known = (name: string | undefined, earlier = places): boolean =>
      name === undefined || earlier.includes(name)
    for (const [name, place] of Object.entries(scenario.places ?? {})) {
      const earlier = places.slice(0, places.indexOf(name))
      const named = (['below', 'parent_of', 'beside', 'apart'] as const).map(
        key => [key, place[key]] as const
      )
      for (const [key, other] of [...named, ...(place.is ?? []).map(each => ['is', each] as const)]) {
        if (!known(other, earlier))
          problems.push(
            yaml.problemAt(
              ['scenarios', s, 'places', name, key],
              `there is no place "${other ?? ''}" above`,
              `name one of: ${earlier.join(', ') || '(none yet)'}`
            )
          )
      }
    }
    for (const [f, fault] of scenario.faults.entries()) {
      const at = ['scenarios', s, 'faults', f]
      if (!placeless.has(fault.what) && fault.at === undefined)
        problems.push(yaml.problemAt(at, `"${fault.what}" needs a place`, 'add "at"'))
      if (!known(fault.at))
        problems.push(
          yaml.problemAt(
            [...at, 'at'],
            `there is no place "${fault.at ?? ''}"`,
            `use one of: ${places.join(', ')}`
          )
        )
      for (const root of fault.tell?.root ?? []) {
        if (root !== 'collector' && root !== 'ingest' && !known(root))
          problems.push(
            yaml.problemAt(
              [...at, 'tell', 'root'],
              `there is no place "${root}"`,
              `use one of: ${places.join(', ')}`
            )
          )
      }
      if (fault.at_min + fault.for_min > scenario.minutes)
        problems.push(yaml.problemAt(at, 'it lasts beyond the end', 'raise "minutes" of the scenario'))
    }
  }
  if (problems.length > 0) throw new ProblemsError(problems)
  return scenarios
}

/** All scenarios of a folder, by the names of its files. */
export async function readScenarios(folder: string): Promise<Scenario[]> {
  const files = (await readdir(folder)).filter(name => name.endsWith('.yaml')).sort()
  const read = files.map(async name => parseScenarios(name, await readFile(join(folder, name), 'utf8')))
  return (await Promise.all(read)).flat()
}
