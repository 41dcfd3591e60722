import { lights, severities, type Light, type Severity } from '../../schemas/words.ts'
import { worstOf, type Differences, type LightDifference } from '../compare/differences.ts'
import type { AlarmEpisode } from '../compare/episodes.ts'
import type { ReplayFacts } from './replay.ts'

/** What a replay found, as text for a person and as JSON. */
export interface ReplayReport {
  readonly differences: Differences
  readonly facts: ReplayFacts
  /** What is tried, and what it is compared with, in words. */
  readonly rules: string
  readonly against: string
  readonly tookMs: number
}

/** Counts by rule or node. */
export interface Tally {
  readonly name: string
  readonly gained: number
  readonly lost: number
  readonly changed: number
}

/** Seconds that a node is so much longer (or shorter, below 0) in a light. */
export type LightSeconds = Readonly<Partial<Record<Light, number>>>

export interface ReplayJson {
  readonly from: string
  readonly to: string
  readonly warm_up_from: string
  readonly rules: string
  readonly against: string
  readonly took_s: number
  readonly samples: number
  readonly series: number
  readonly partitions: number
  readonly alarms: { readonly is: number; readonly was: number }
  readonly by_rule: readonly Tally[]
  readonly by_node: readonly (Tally & { readonly light_seconds: LightSeconds })[]
  readonly gained: readonly AlarmJson[]
  readonly lost: readonly AlarmJson[]
  readonly changed: readonly { readonly is: AlarmJson; readonly was: AlarmJson }[]
  readonly lights: readonly {
    readonly node: string
    readonly from: string
    readonly to: string
    readonly is: Light
    readonly was: Light
  }[]
  readonly untold: readonly string[]
}

interface AlarmJson {
  readonly id: string
  readonly rule: string
  readonly node: string
  readonly device: string
  readonly instance: string
  readonly severity: Severity
  readonly since: string
  readonly raised_at: string
  readonly cleared_at: string | null
  readonly text: { readonly ru: string; readonly en: string }
}

const iso = (ms: number): string => new Date(ms).toISOString()
const minute = 60_000
/** A pause so long is told of (ms). */
const pauseToldMs = 5 * minute

export function reportJson({ differences, facts, rules, against, tookMs }: ReplayReport): ReplayJson {
  const { gained, lost, changed, alarms } = differences
  const seconds = lightSecondsByNode(differences.lights)
  const nodes = new Map(tallies(differences, ({ node }) => node).map(tally => [tally.name, tally]))
  for (const node of seconds.keys())
    if (!nodes.has(node)) nodes.set(node, { name: node, gained: 0, lost: 0, changed: 0 })
  return {
    from: iso(facts.fromMs),
    to: iso(facts.toMs),
    warm_up_from: iso(facts.warmUpFromMs),
    rules,
    against,
    took_s: Math.round(tookMs / 100) / 10,
    samples: facts.samples,
    series: facts.series,
    partitions: facts.partitions,
    alarms,
    by_rule: tallies(differences, ({ rule }) => rule),
    by_node: [...nodes.values()].map(tally => ({ ...tally, light_seconds: seconds.get(tally.name) ?? {} })),
    gained: gained.map(alarmJson),
    lost: lost.map(alarmJson),
    changed: changed.map(({ is, was }) => ({ is: alarmJson(is), was: alarmJson(was) })),
    lights: differences.lights.map(({ node, fromMs, toMs, is, was }) => ({
      node,
      from: iso(fromMs),
      to: iso(toMs),
      is,
      was
    })),
    untold: untoldBy(facts)
  }
}

function alarmJson(episode: AlarmEpisode): AlarmJson {
  const { id, rule, node, device, instance, text, sinceMs, steps, clearedAtMs } = episode
  return {
    id,
    rule,
    node,
    device,
    instance,
    severity: worstOf(episode, severities),
    since: iso(sinceMs),
    raised_at: iso(steps[0]?.atMs ?? sinceMs),
    cleared_at: clearedAtMs === null ? null : iso(clearedAtMs),
    text
  }
}

/** The most different first. */
function tallies({ gained, lost, changed }: Differences, nameOf: (episode: AlarmEpisode) => string): Tally[] {
  const all = new Map<string, { name: string; gained: number; lost: number; changed: number }>()
  const count = (episode: AlarmEpisode, what: 'gained' | 'lost' | 'changed'): void => {
    const name = nameOf(episode)
    const tally = all.get(name) ?? { name, gained: 0, lost: 0, changed: 0 }
    tally[what]++
    all.set(name, tally)
  }
  for (const episode of gained) count(episode, 'gained')
  for (const episode of lost) count(episode, 'lost')
  for (const { is } of changed) count(is, 'changed')
  const sum = (tally: Tally): number => tally.gained + tally.lost + tally.changed
  return [...all.values()].sort((a, b) => sum(b) - sum(a) || a.name.localeCompare(b.name))
}

function lightSecondsByNode(stretches: readonly LightDifference[]): Map<string, LightSeconds> {
  const all = new Map<string, Partial<Record<Light, number>>>()
  for (const { node, fromMs, toMs, is, was } of stretches) {
    const seconds = all.get(node) ?? {}
    seconds[is] = (seconds[is] ?? 0) + (toMs - fromMs) / 1000
    seconds[was] = (seconds[was] ?? 0) - (toMs - fromMs) / 1000
    all.set(node, seconds)
  }
  return all
}

/** What the stored samples could not tell, as far as it was met. */
function untoldBy(facts: ReplayFacts): string[] {
  const untold: string[] = []
  if (facts.unknownSamples > 0)
    untold.push(
      `${facts.unknownSamples} samples are of series that are not described, or of signals that this version does not know: they were left out`
    )
  if (facts.unknownDevices > 0)
    untold.push(
      `${facts.unknownDevices} devices are not in the inventory (the present one is used): nothing of them is judged`
    )
  if (facts.aheadRecords > 0)
    untold.push(
      `${facts.aheadRecords} records came with a clock that was ahead: when they came is told by those behind them`
    )
  if (facts.longestPauseMs >= pauseToldMs)
    untold.push(
      `for ${duration(facts.longestPauseMs / 1000)} no sample is stored at all: whoever was not heard then is taken for silent`
    )
  return untold
}

export interface TextOptions {
  /** Most lines of each list. */
  readonly linesMax: number
  readonly print: (line: string) => void
}

export function printReport(report: ReplayReport, { linesMax, print }: TextOptions): void {
  const { differences, facts } = report
  const json = reportJson(report)
  const list = (title: string, lines: readonly string[]): void => {
    if (lines.length === 0) return
    print('')
    print(title)
    for (const line of lines.slice(0, linesMax)) print(`  ${line}`)
    if (lines.length > linesMax) print(`  … and ${lines.length - linesMax} more (--limit, --json)`)
  }
  print(
    `Replayed ${at(facts.fromMs)} to ${at(facts.toMs)}: ${facts.samples} samples of ${facts.series} series in ${json.took_s} s`
  )
  print(`  rules:   ${report.rules}`)
  print(`  against: ${report.against}`)
  const { is, was } = differences.alarms
  const { gained, lost, changed } = differences
  if (gained.length + lost.length + changed.length + differences.lights.length === 0)
    print(`No difference: ${is} alarm${is === 1 ? '' : 's'}, the same in both.`)
  else
    print(
      `Alarms: ${is} against ${was}; ${gained.length} gained, ${lost.length} lost, ${changed.length} changed. ` +
        `Lights differ at ${new Set(differences.lights.map(({ node }) => node)).size} nodes.`
    )
  list('By rule:', json.by_rule.map(tallyLine))
  list(
    'By node:',
    json.by_node.map(tally => `${tallyLine(tally)}${lightLine(tally.light_seconds)}`)
  )
  list('Gained:', gained.map(episodeLine))
  list('Lost:', lost.map(episodeLine))
  list(
    'Changed:',
    changed.map(({ is, was }) => `${episodeLine(is)}; was ${spanOf(was)}`)
  )
  list(
    'Lights:',
    differences.lights.map(
      ({ node, fromMs, toMs, is, was }) =>
        `${node}: ${is} and not ${was}, ${at(fromMs)} for ${duration((toMs - fromMs) / 1000)}`
    )
  )
  list('What the stored samples cannot tell:', json.untold)
}

const at = (ms: number): string => iso(ms).replace('T', ' ').replace('.000Z', 'Z')
const tallyLine = ({ name, gained, lost, changed }: Tally): string =>
  `${name}: ${[`+${gained}`, `−${lost}`, ...(changed === 0 ? [] : [`${changed} changed`])].join(', ')}`
const spanOf = (episode: AlarmEpisode): string =>
  `${worstOf(episode, severities)} from ${at(episode.steps[0]?.atMs ?? episode.sinceMs)} ${
    episode.clearedAtMs === null ? 'to the end' : `to ${at(episode.clearedAtMs)}`
  }`
const episodeLine = (episode: AlarmEpisode): string =>
  `${episode.node}: ${episode.rule} of ${episode.device}${episode.instance === '' ? '' : `/${episode.instance}`}, ${spanOf(episode)}: ${episode.text.ru}`

function lightLine(seconds: LightSeconds): string {
  const parts = [...lights].reverse().flatMap(light => {
    const more = seconds[light] ?? 0
    return more === 0 ? [] : `${duration(Math.abs(more))} ${more > 0 ? 'more' : 'less'} ${light}`
  })
  return parts.length === 0 ? '' : `; ${parts.join(', ')}`
}

/** 90 s, 12 min, 3 h 20 min. */
function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
