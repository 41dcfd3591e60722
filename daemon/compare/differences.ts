import type { Light, Severity } from '../../schemas/words.ts'
import type { AlarmEpisode } from './episodes.ts'

/** What differs between two histories of one network, within a window of time. */
export interface Differences {
  /** Alarms that only the rules under trial raise, and that only the others do. */
  readonly gained: readonly AlarmEpisode[]
  readonly lost: readonly AlarmEpisode[]
  /** Alarms that both raise, at other times or of another severity. */
  readonly changed: readonly { readonly is: AlarmEpisode; readonly was: AlarmEpisode }[]
  /** Stretches in which a node has another light, by node and time. */
  readonly lights: readonly LightDifference[]
  /** How many alarms each has in the window. */
  readonly alarms: { readonly is: number; readonly was: number }
}

/** A node has this effective light from then on (ms). */
export interface PlayedLight {
  readonly node: string
  readonly atMs: number
  readonly light: Light
}

export interface LightDifference {
  readonly node: string
  readonly fromMs: number
  readonly toMs: number
  readonly is: Light
  readonly was: Light
}

export interface History {
  readonly alarms: readonly AlarmEpisode[]
  readonly lights: readonly PlayedLight[]
  /** Lights when the window begins, by node. */
  readonly lightsBefore: ReadonlyMap<string, Light>
}

export interface CompareOptions {
  readonly fromMs: number
  readonly toMs: number
  /** Times that are apart by no more are the same (ms). */
  readonly toleranceMs: number
}

export function differencesOf(is: History, was: History, options: CompareOptions): Differences {
  return {
    ...alarmDifferences(is.alarms, was.alarms, options),
    lights: lightDifferences(is, was, options)
  }
}

/** What differs between two histories of alarms. */
export function alarmDifferences(
  is: readonly AlarmEpisode[],
  was: readonly AlarmEpisode[],
  options: CompareOptions
): Omit<Differences, 'lights'> {
  const ours = byKey(withinWindow(is, options))
  const theirs = byKey(withinWindow(was, options))
  const gained: AlarmEpisode[] = []
  const lost: AlarmEpisode[] = []
  const changed: { is: AlarmEpisode; was: AlarmEpisode }[] = []
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    const left = [...(theirs.get(key) ?? [])]
    const unmatched = (ours.get(key) ?? []).filter(episode => {
      const at = left.findIndex(other => isSame(episode, other, options))
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
    for (const episode of unmatched) {
      const at = left.findIndex(other => overlaps(episode, other))
      if (at < 0) gained.push(episode)
      else changed.push({ is: episode, was: left.splice(at, 1)[0]! })
    }
    lost.push(...left)
  }
  return {
    gained: inOrder(gained),
    lost: inOrder(lost),
    changed: changed.sort((a, b) => compare(a.is, b.is)),
    alarms: { is: countOf(ours), was: countOf(theirs) }
  }
}

const compare = (a: AlarmEpisode, b: AlarmEpisode): number =>
  a.node.localeCompare(b.node) || a.sinceMs - b.sinceMs || a.key.localeCompare(b.key)
const inOrder = (episodes: readonly AlarmEpisode[]): AlarmEpisode[] => [...episodes].sort(compare)
const countOf = (all: ReadonlyMap<string, readonly AlarmEpisode[]>): number =>
  [...all.values()].reduce((sum, { length }) => sum + length, 0)

function byKey(episodes: readonly AlarmEpisode[]): Map<string, AlarmEpisode[]> {
  const all = new Map<string, AlarmEpisode[]>()
  for (const episode of episodes) {
    const of = all.get(episode.key)
    if (of === undefined) all.set(episode.key, [episode])
    else of.push(episode)
  }
  return all
}

/**
 * What of the alarms is open in the window: what was before it is cut off there, for whoever begins earlier knows of it, and whoever
 * does not raises it at the first sample.
 */
function withinWindow(episodes: readonly AlarmEpisode[], { fromMs, toMs }: CompareOptions): AlarmEpisode[] {
  return episodes.flatMap(episode => {
    const { steps, clearedAtMs } = episode
    const raisedMs = steps[0]!.atMs
    if (raisedMs >= toMs || (clearedAtMs !== null && clearedAtMs < fromMs)) return []
    const before = steps.filter(({ atMs }) => atMs < fromMs).slice(-1)
    const since = steps.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
    return {
      ...episode,
      sinceMs: raisedMs < fromMs ? fromMs : episode.sinceMs,
      steps: [...before.map(({ severity }) => ({ atMs: fromMs, severity })), ...since],
      clearedAtMs: clearedAtMs !== null && clearedAtMs >= toMs ? null : clearedAtMs
    }
  })
}

function isSame(a: AlarmEpisode, b: AlarmEpisode, { toleranceMs }: CompareOptions): boolean {
  const isNear = (x: number | null, y: number | null): boolean =>
    x === null || y === null ? x === y : Math.abs(x - y) <= toleranceMs
  return (
    a.node === b.node &&
    isNear(a.sinceMs, b.sinceMs) &&
    isNear(a.clearedAtMs, b.clearedAtMs) &&
    a.steps.length === b.steps.length &&
    a.steps.every(
      ({ atMs, severity }, i) => severity === b.steps[i]!.severity && isNear(atMs, b.steps[i]!.atMs)
    )
  )
}

const overlaps = (a: AlarmEpisode, b: AlarmEpisode): boolean =>
  a.sinceMs <= (b.clearedAtMs ?? Infinity) && b.sinceMs <= (a.clearedAtMs ?? Infinity)

/** The worst severity that an alarm had. */
export function worstOf({ steps }: AlarmEpisode, order: readonly Severity[]): Severity {
  const worst = Math.min(...steps.map(({ severity }) => order.indexOf(severity)))
  return order[worst] ?? steps[0]!.severity
}

/** Lights of each node by time; of several at one moment the last one counts. */
function lightsByNode(lights: readonly PlayedLight[]): Map<string, PlayedLight[]> {
  const all = new Map<string, PlayedLight[]>()
  for (const change of lights) {
    const of = all.get(change.node)
    if (of === undefined) all.set(change.node, [change])
    else if (of.at(-1)!.atMs === change.atMs) of[of.length - 1] = change
    else of.push(change)
  }
  return all
}

/** The two lights of a node, and since when they are these (ms). */
export interface LightPair {
  is: Light
  was: Light
  sinceMs: number
}

/** The stretch that ends then (ms), where the two lights differed for longer than the tolerance. */
export function stretchOf(
  node: string,
  { is, was, sinceMs }: LightPair,
  atMs: number,
  toleranceMs: number
): LightDifference | undefined {
  return is !== was && atMs - sinceMs > toleranceMs
    ? { node, fromMs: sinceMs, toMs: atMs, is, was }
    : undefined
}

function lightDifferences(is: History, was: History, options: CompareOptions): LightDifference[] {
  const { fromMs, toMs, toleranceMs } = options
  const ours = lightsByNode(is.lights)
  const theirs = lightsByNode(was.lights)
  const found: LightDifference[] = []
  for (const [node, before] of is.lightsBefore) {
    const changes = [
      ...(ours.get(node) ?? []).map(({ atMs, light }) => ({ atMs, light, isOurs: true })),
      ...(theirs.get(node) ?? []).map(({ atMs, light }) => ({ atMs, light, isOurs: false }))
    ].filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
    const pair: LightPair = { is: before, was: was.lightsBefore.get(node) ?? before, sinceMs: fromMs }
    const end = (atMs: number): void => {
      const stretch = stretchOf(node, pair, atMs, toleranceMs)
      if (stretch !== undefined) found.push(stretch)
    }
    for (const { atMs, light, isOurs } of changes.sort((a, b) => a.atMs - b.atMs)) {
      end(atMs)
      pair.sinceMs = atMs
      pair[isOurs ? 'is' : 'was'] = light
    }
    end(toMs)
  }
  return found.sort((a, b) => a.node.localeCompare(b.node) || a.fromMs - b.fromMs)
}
