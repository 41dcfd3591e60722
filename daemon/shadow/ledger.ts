import type { Alarm, AlarmTransition } from '../../rules/model.ts'
import { severities, type Light } from '../../schemas/words.ts'
import type {
  ShadowChange,
  ShadowDifference,
  ShadowFilter,
  ShadowPage,
  ShadowTally
} from '../../status/shadow-view.ts'
import {
  alarmDifferences,
  stretchOf,
  worstOf,
  type CompareOptions,
  type LightPair
} from '../compare/differences.ts'
import { createEpisodes, type AlarmEpisode, type Episodes } from '../compare/episodes.ts'

/**
 * The difference between what the live rules do and what the shadow's would have done, kept while both go on. An alarm that one of
 * them has now and the other has not is a difference that is open. Of alarms that are over on both sides, what the other side never
 * had in that time (gained or lost), or had at another time or severity (changed), has ended; it is counted once.
 */
export interface Ledger {
  alarm(side: Side, transition: AlarmTransition): void
  /** An alarm that is open on a side when the comparison begins. */
  open(side: Side, alarm: Alarm): void
  light(side: Side, node: string, from: Light, to: Light, atMs: number): void
  /** Counts what is over and forgets it; call it every few seconds. */
  settle(nowMs: number): void
  /** Differences of nodes that are there no more are forgotten. */
  keepNodes(isThere: (node: string) => boolean): void
  /** One that is compared since now: what is open goes on there, what has ended is forgotten. */
  begunAnew(nowMs: number): Ledger
  page(filter: ShadowFilter, nowMs: number): ShadowPage
  /** By rule, the most different first; every rule in which something differs or has. */
  byRule(nowMs: number): readonly ShadowTally[]
  byNode(nowMs: number): readonly ShadowTally[]
  /** Nodes whose light is another at present. */
  lightsNow(nowMs: number): number
  /** Differences that have ended and are not kept any more: they are only counted. */
  forgotten(): number
}

export type Side = 'shadow' | 'live'

export interface LedgerOptions {
  /** Since when it is compared (ms). */
  readonly sinceMs: number
  /** What is apart by no more is the same (ms): the two are judged one after the other. */
  readonly toleranceMs?: number
  /** Ended differences that are kept. */
  readonly endedMax?: number
  /** Alarms that are kept of each side until they are over on both. */
  readonly heldMax?: number
}

const toleranceMsDefault = 5000
const endedMaxDefault = 10_000
const heldMaxDefault = 200_000
/** Nodes that are counted by themselves; those beyond share a line. */
const nodesTalliedMax = 10_000
const othersName = '…'

interface Kept {
  readonly sides: Readonly<Record<Side, Episodes>>
  /** The two lights of nodes where they differ. */
  readonly pairs: ReadonlyMap<string, LightPair>
}

/** `before`: what was compared until then, of which what is open goes on. */
export function createLedger(options: LedgerOptions, before?: Kept): Ledger {
  const { sinceMs, toleranceMs = toleranceMsDefault } = options
  const { endedMax = endedMaxDefault, heldMax = heldMaxDefault } = options
  const compared: CompareOptions = { fromMs: sinceMs, toMs: Infinity, toleranceMs }
  const sides = {
    shadow: createEpisodes(before?.sides.shadow.all()),
    live: createEpisodes(before?.sides.live.all())
  }
  const pairs = new Map([...(before?.pairs ?? [])].map(([node, pair]) => [node, { ...pair, sinceMs }]))
  const ended: ShadowDifference[] = []
  const endedByRule = createTallies(Infinity)
  const endedByNode = createTallies(nodesTalliedMax)
  let forgotten = 0

  const end = (difference: ShadowDifference): void => {
    ended.push(difference)
    if (difference.change !== 'light') endedByRule.add(difference.rule, difference.change, 'ended')
    endedByNode.add(difference.node, difference.change, 'ended')
    if (ended.length > endedMax) {
      forgotten += ended.length - endedMax
      ended.splice(0, ended.length - endedMax)
    }
  }

  /** All that is kept of alarms and differs: what has ended, and what one side has now and the other has not. */
  const differing = (nowMs: number): ShadowDifference[] => {
    const { gained, lost, changed } = alarmDifferences(sides.shadow.all(), sides.live.all(), compared)
    const found: ShadowDifference[] = []
    for (const episode of gained) found.push(differenceOf('gained', episode))
    for (const episode of lost) found.push(differenceOf('lost', episode))
    for (const { is, was } of changed) {
      if (is.clearedAtMs === null && was.clearedAtMs !== null)
        found.push({ ...differenceOf('gained', is), fromMs: was.clearedAtMs })
      else if (is.clearedAtMs !== null && was.clearedAtMs === null)
        found.push({ ...differenceOf('lost', was), fromMs: is.clearedAtMs })
      else found.push(changeOf(is, was))
    }
    return found.filter(({ fromMs, toMs }) => toMs !== null || nowMs - fromMs > toleranceMs)
  }

  /** Keys of which nothing is open or has ended but now, on either side: their alarms are not going to be matched any more. */
  const overKeys = (nowMs: number): ReadonlySet<string> => {
    const over = new Set<string>()
    const going = new Set<string>()
    for (const side of [sides.shadow, sides.live])
      for (const { key, clearedAtMs } of side.all())
        (clearedAtMs === null || nowMs - clearedAtMs <= toleranceMs ? going : over).add(key)
    for (const key of going) over.delete(key)
    return over
  }

  const all = (nowMs: number): ShadowDifference[] => [
    ...ended,
    ...differing(nowMs),
    ...[...pairs].flatMap(([node, pair]) => {
      const stretch = stretchOf(node, pair, nowMs, toleranceMs)
      return stretch === undefined ? [] : [{ ...lightOf(stretch), toMs: null }]
    })
  ]

  const tally = (base: Tallies, nameOf: (difference: ShadowDifference) => string, nowMs: number) => {
    const tallies = base.copy()
    for (const difference of all(nowMs).slice(ended.length)) {
      const name = nameOf(difference)
      if (name !== '') tallies.add(name, difference.change, difference.toMs === null ? 'open' : 'ended')
    }
    return tallies.list()
  }

  return {
    alarm: (side, transition) => sides[side].add(transition),
    open: (side, alarm) => sides[side].add({ alarm, change: 'raised', atMs: alarm.raisedAtMs }),
    light(side, node, from, to, atMs) {
      const pair = pairs.get(node) ?? { is: from, was: from, sinceMs: atMs }
      const stretch = stretchOf(node, pair, atMs, toleranceMs)
      if (stretch !== undefined) end(lightOf(stretch))
      pair.sinceMs = atMs
      pair[side === 'shadow' ? 'is' : 'was'] = to
      if (pair.is === pair.was) pairs.delete(node)
      else pairs.set(node, pair)
    },
    settle(nowMs) {
      const isFull = Object.values(sides).some(side => side.all().length > heldMax)
      const over = overKeys(nowMs)
      if (over.size === 0 && !isFull) return
      const isDone = ({ key }: { readonly key: string }): boolean => isFull || over.has(key)
      for (const { toMs, ...difference } of differing(nowMs))
        if (toMs !== null && isDone(difference)) end({ ...difference, toMs })
      for (const side of [sides.shadow, sides.live]) side.forget(isDone)
    },
    keepNodes(isThere) {
      for (const node of pairs.keys()) if (!isThere(node)) pairs.delete(node)
    },
    begunAnew: nowMs => createLedger({ ...options, sinceMs: nowMs }, { sides, pairs }),
    lightsNow: nowMs => [...pairs].filter(([node, pair]) => stretchOf(node, pair, nowMs, toleranceMs)).length,
    page: (filter, nowMs) => pageOf(all(nowMs), filter),
    byRule: nowMs => tally(endedByRule, difference => difference.rule, nowMs),
    byNode: nowMs => tally(endedByNode, difference => difference.node, nowMs),
    forgotten: () => forgotten
  }
}

function differenceOf(change: 'gained' | 'lost', episode: AlarmEpisode): ShadowDifference {
  const { key, node, rule, device, instance, text, steps, clearedAtMs } = episode
  return {
    key,
    change,
    node,
    rule,
    device,
    instance,
    is: change === 'gained' ? worstOf(episode, severities) : null,
    was: change === 'lost' ? worstOf(episode, severities) : null,
    fromMs: steps[0]!.atMs,
    toMs: clearedAtMs,
    text
  }
}

/** Of an alarm that both have, or had: as the shadow has it, and its severity by the live rules. */
function changeOf(is: AlarmEpisode, was: AlarmEpisode): ShadowDifference {
  return {
    ...differenceOf('gained', is),
    change: 'changed',
    was: worstOf(was, severities),
    toMs: is.clearedAtMs === null ? null : Math.max(is.clearedAtMs, was.clearedAtMs ?? 0)
  }
}

function lightOf({
  node,
  fromMs,
  toMs,
  is,
  was
}: NonNullable<ReturnType<typeof stretchOf>>): ShadowDifference {
  return {
    key: node,
    change: 'light',
    node,
    rule: '',
    device: '',
    instance: '',
    is,
    was,
    fromMs,
    toMs,
    text: null
  }
}

/** Newest first; those of one moment by their key, so that a page begins where the one before ended whatever came in between. */
function pageOf(
  differences: ShadowDifference[],
  { change, node, rule, after, limit }: ShadowFilter
): ShadowPage {
  const chosen = differences
    .filter(
      each =>
        (change === undefined || each.change === change) &&
        (node === undefined || each.node === node) &&
        (rule === undefined || each.rule === rule)
    )
    .map(each => ({ each, cursor: cursorOf(each) }))
    .sort((a, b) => b.each.fromMs - a.each.fromMs || (a.cursor < b.cursor ? -1 : a.cursor > b.cursor ? 1 : 0))
  const afterMs = Number(after?.split('~', 1)[0])
  const rest =
    after === undefined
      ? chosen
      : chosen.filter(
          ({ each, cursor }) => each.fromMs < afterMs || (each.fromMs === afterMs && cursor > after)
        )
  const items = rest.slice(0, limit)
  return {
    items: items.map(({ each }) => each),
    total: chosen.length,
    next: rest.length > limit ? items.at(-1)!.cursor : null
  }
}

const cursorOf = ({ fromMs, change, key }: ShadowDifference): string => `${fromMs}~${change}~${key}`

interface Tallies {
  add(name: string, change: ShadowChange, when: 'open' | 'ended'): void
  copy(): Tallies
  /** The most different first. */
  list(): readonly ShadowTally[]
}

type Counts = Record<ShadowChange, { open: number; ended: number }>

function createTallies(namesMax: number, from: ReadonlyMap<string, Counts> = new Map()): Tallies {
  const byName = new Map([...from].map(([name, counts]) => [name, structuredClone(counts)]))
  return {
    add(name, change, when) {
      const known = byName.has(name) || byName.size < namesMax ? name : othersName
      const counts = byName.get(known) ?? noCounts()
      counts[change][when]++
      byName.set(known, counts)
    },
    copy: () => createTallies(namesMax, byName),
    list: () =>
      [...byName]
        .map(([name, counts]) => ({ name, ...counts }))
        .sort((a, b) => sumOf(b) - sumOf(a) || a.name.localeCompare(b.name))
  }
}

const noCounts = (): Counts => ({
  gained: { open: 0, ended: 0 },
  lost: { open: 0, ended: 0 },
  changed: { open: 0, ended: 0 },
  light: { open: 0, ended: 0 }
})
const sumOf = ({ gained, lost, changed, light }: Counts): number =>
  [gained, lost, changed, light].reduce((sum, { open, ended }) => sum + open + ended, 0)
