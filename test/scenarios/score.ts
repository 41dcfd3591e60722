import type { Incident, IncidentChange } from '../../topology/model.ts'
import { spansOf } from './world.ts'
import type { Check, Played } from './play.ts'
import { latenessOf } from './timing.ts'

/** What was right and what was not, in counts that can be added up over scenarios. */
export interface Score {
  runs: number
  /** Faults that an operator should be told of. */
  faults: number
  rightRootFirst: number
  /** Of these, incidents of power cuts that began at another site without mains and grew. */
  rootGrew: number
  oneIncident: number
  rightKind: number
  merged: number
  subscribersCompared: number
  subscribersRight: number
  sentences: number
  sentencesTrue: number
  saidOut: number
  saidWork: number
  /** Nodes that no fault touches, red at any time. */
  falseRed: number
  /** Grey, yellow or red episodes of such nodes, and how many days they were watched. */
  falseEpisodes: number
  healthyNodeDays: number
  /** Incidents that belong to no fault, or to one that nobody should be told of. */
  foreignIncidents: number
  notifications: number
  /** From the first direct evidence to the incident, holds of the rules included (ms). */
  evidenceMs: number[]
  /** How much later than it could be known the incident was told, by how it is known (ms). */
  directLateMs: number[]
  waysLateMs: number[]
  silenceLateMs: number[]
  /** The same of what shows while the grace of another fault runs. */
  graceLateMs: number[]
  /** How often it was asked when a site on battery goes dark, how often that was told, and how often the truth was within the bounds. */
  runwaysAsked: number
  runwaysTold: number
  runwaysRight: number
  /** How far the bounds were apart, as a part of the time that was left in truth. */
  runwayWidths: number[]
  /** How long before the first site of a fault went dark it was told that this is near (ms); -Infinity where it was not. */
  nearBeforeMs: number[]
  /** Runs without anything wrong. */
  strict: number
}

export const emptyScore = (): Score => ({
  runs: 0,
  faults: 0,
  rightRootFirst: 0,
  rootGrew: 0,
  oneIncident: 0,
  rightKind: 0,
  merged: 0,
  subscribersCompared: 0,
  subscribersRight: 0,
  sentences: 0,
  sentencesTrue: 0,
  saidOut: 0,
  saidWork: 0,
  falseRed: 0,
  falseEpisodes: 0,
  healthyNodeDays: 0,
  foreignIncidents: 0,
  notifications: 0,
  evidenceMs: [],
  directLateMs: [],
  waysLateMs: [],
  silenceLateMs: [],
  graceLateMs: [],
  runwaysAsked: 0,
  runwaysTold: 0,
  runwaysRight: 0,
  runwayWidths: [],
  nearBeforeMs: [],
  strict: 0
})

export function addScores(scores: Iterable<Score>): Score {
  const sum = emptyScore()
  for (const score of scores) {
    for (const key of Object.keys(score) as (keyof Score)[]) {
      const [of, to] = [score[key], sum[key]]
      if (Array.isArray(of) && Array.isArray(to)) to.push(...of)
      else (sum[key] as number) += of as number
    }
  }
  return sum
}

const minute = 60_000
/** An incident belongs to a fault until so long after its end. */
const afterMs = 15 * minute
/** Lights are compared with the truth when it has been what it is for so long: three and a half polls, and the settling. */
const steadyMs = 5.5 * minute

/** `wrong` says each thing that is not as it should be; `late` what was told late, which has bars of its own. */
export function scoreOf(played: Played): {
  readonly score: Score
  readonly wrong: readonly string[]
  readonly late: readonly string[]
} {
  const { scenario, city, places, startMs, history, checks } = played
  const wrong: string[] = []
  const late: string[] = []
  const score = emptyScore()
  score.runs = 1
  const siteOf = new Map(city.sites.map(({ id }, i) => [id, i]))
  const opened = firstOf(history.incidents)
  const owners = new Map(opened.map(incident => [incident.id, ownerOf(played, incident, siteOf)]))

  for (const [f, fault] of scenario.faults.entries()) {
    if (fault.tell === undefined) continue
    const { root, kind, subscribers } = fault.tell
    const roots = new Set(
      root.flatMap(name =>
        name === 'collector'
          ? [`col-${(fault.number ?? 0) + 1}`]
          : name === 'ingest'
            ? ['svetofor']
            : (places.get(name) ?? []).map(site => city.sites[site]!.id)
      )
    )
    score.faults++
    const own = opened.filter(({ id }) => owners.get(id) === f)
    const first = own[0]
    const say = (text: string): void => void wrong.push(`fault ${f + 1} (${fault.what}): ${text}`)
    const check = checks.find(each => each.faults.includes(f))
    if (first !== undefined && roots.has(first.root)) score.rightRootFirst++
    else if (first !== undefined && isStage(played, f, first, siteOf, check, roots)) {
      score.rightRootFirst++
      score.rootGrew++
    } else
      say(`${first === undefined ? 'no incident' : `first at ${first.root}`}, not at ${[...roots].join('/')}`)
    if (own.length === 1) score.oneIncident++
    else
      say(
        `${own.length} incidents: ${own
          .map(i => `${i.root} ${i.kind}`)
          .slice(0, 8)
          .join(', ')}`
      )
    const told = check?.incidents.filter(({ id }) => owners.get(id) === f) ?? []
    const right = told.find(incident => roots.has(incident.root))
    if (right !== undefined && kind.includes(right.kind)) score.rightKind++
    else say(`at the check ${told.map(i => `${i.root} ${i.kind}`).join(', ') || 'nothing'} is open`)
    if (own.length === 0 && check !== undefined && check.incidents.length > 0) score.merged++
    if (check !== undefined && subscribers !== false) {
      score.subscribersCompared++
      const { out, risk } = played.alone[f]!.truthAt(check.ms)
      const truth = [...new Set([...out, ...risk])].reduce((sum, s) => sum + city.sites[s]!.subscribers, 0)
      if (right?.affectedSubscribers === truth) score.subscribersRight++
      else say(`${right?.affectedSubscribers ?? 'no'} subscribers said, ${truth} in truth`)
    }
    if (first !== undefined) addTiming(played, f, first, score, late)
    addNear(played, f, own, score)
  }
  addRunways(played, score)

  const strangers = opened.filter(({ id }) => {
    const owner = owners.get(id)
    return owner === undefined || scenario.faults[owner]?.tell === undefined
  })
  score.foreignIncidents = strangers.length
  if (strangers.length > 0)
    wrong.push(
      `${strangers.length} incidents for nothing: ${strangers
        .slice(0, 8)
        .map(i => `${i.root} ${i.kind} ${Math.round((i.toldAtMs - startMs) / 1000)} s`)
        .join(', ')}`
    )
  score.notifications = notificationsOf(history.incidents, played.nearAt)
  scoreLights(played, score, wrong, siteOf)
  score.strict = wrong.length === 0 ? 1 : 0
  return { score, wrong, late }
}

/** What is told later than this is said (ms). */
const lateMsMax = { direct: 1000, ways: 5000, silence: 5000, grace: Infinity }

function addTiming(played: Played, f: number, first: Opened, score: Score, late: string[]): void {
  const toldMs = first.toldAtMs - played.startMs
  const lateness = latenessOf(played, f, first, toldMs)
  if (lateness === undefined) return
  const { by, ms } = lateness
  if (by === 'direct' || by === 'grace')
    score.evidenceMs.push(Math.max(0, toldMs - played.evidence[f]!.direct!.atMs))
  score[`${by}LateMs`].push(ms)
  if (ms > lateMsMax[by])
    late.push(`fault ${f + 1}: ${first.root} is told ${ms / 1000} s later than it could be known (${by})`)
}

/** Whether the truth lies within what was said of batteries. */
function addRunways({ runways }: Played, score: Score): void {
  for (const { ms, emptyAtMs, told } of runways) {
    score.runwaysAsked++
    if (told === null) continue
    score.runwaysTold++
    // A second is what the clock of the scenario is exact to.
    if (emptyAtMs >= told.earliestMs - 1000 && emptyAtMs <= told.latestMs + 1000) score.runwaysRight++
    score.runwayWidths.push((told.latestMs - told.earliestMs) / (emptyAtMs - ms))
  }
}

/** How long before the first site of a fault was dark its incident said that this is near. */
function addNear(
  { runways, nearAt, scenario }: Played,
  f: number,
  own: readonly Opened[],
  score: Score
): void {
  const spans = spansOf(scenario.faults[f]!)
  const empty = runways.filter(({ emptyAtMs }) =>
    spans.some(({ fromMs, toMs }) => emptyAtMs > fromMs && emptyAtMs < toMs)
  )
  if (empty.length === 0) return
  const firstMs = Math.min(...empty.map(({ emptyAtMs }) => emptyAtMs))
  const toldMs = Math.min(...own.map(({ id }) => nearAt.get(id) ?? Infinity))
  score.nearBeforeMs.push(firstMs - toldMs)
}

/** Each incident as it was opened, with when it was told (its own time is that of its first event). */
function firstOf(changes: readonly IncidentChange[]): Opened[] {
  const seen = new Map<string, Opened>()
  for (const { incident, atMs } of changes)
    if (!seen.has(incident.id)) seen.set(incident.id, { ...incident, toldAtMs: atMs })
  return [...seen.values()]
}

type Opened = Incident & { readonly toldAtMs: number }

/**
 * A power cut is known by stages: the site that says first that it is without mains, or loses its link by that, is a right root as well
 * when it is one that this fault leaves without mains, and the same incident stands at the right root when the fault is checked.
 */
function isStage(
  { alone, startMs }: Played,
  f: number,
  first: Opened,
  siteOf: ReadonlyMap<string, number>,
  check: Check | undefined,
  roots: ReadonlySet<string>
): boolean {
  const site = siteOf.get(first.root)
  if (site === undefined || alone[f]!.holds('mains', site, first.toldAtMs - startMs) === undefined)
    return false
  return check?.incidents.some(({ id, root }) => id === first.id && roots.has(root)) === true
}

function ownerOf(
  { scenario, places, alone, startMs, city }: Played,
  incident: Opened,
  siteOf: ReadonlyMap<string, number>
): number | undefined {
  const ms = incident.toldAtMs - startMs
  const site = siteOf.get(incident.root)
  const candidates = scenario.faults.flatMap((fault, f) => {
    const spans = spansOf(fault)
    const fromMs = spans[0]?.fromMs ?? 0
    const toMs = (spans.at(-1)?.toMs ?? 0) + afterMs
    if (ms < fromMs || ms > toMs) return []
    if (
      site === undefined ||
      fault.what === 'collector' ||
      fault.what === 'clock' ||
      fault.what === 'backlog'
    ) {
      const isOurs =
        (fault.what === 'collector' || fault.what === 'clock') &&
        (incident.root === `col-${(fault.number ?? 0) + 1}` ||
          (site !== undefined && city.sites[site]!.collector === (fault.number ?? 0)))
      return isOurs || fault.what === 'backlog' ? [{ f, rank: 3, beganMs: fromMs }] : []
    }
    const roots = fault.tell?.root.flatMap(name => places.get(name) ?? []) ?? []
    const beganMs = Math.max(...spans.filter(span => span.fromMs <= ms).map(span => span.fromMs))
    if (roots.includes(site)) return [{ f, rank: 0, beganMs }]
    if ((places.get(fault.at ?? '') ?? []).includes(site)) return [{ f, rank: 1, beganMs }]
    const isHit = spans.some(({ toMs: spanEnd }) => {
      const { out, risk } = alone[f]!.truthAt(spanEnd - 1)
      return out.has(site) || risk.has(site)
    })
    return isHit ? [{ f, rank: 2, beganMs }] : []
  })
  // Of two faults at one site it is the one that began last.
  return candidates.sort((a, b) => a.rank - b.rank || b.beganMs - a.beganMs)[0]?.f
}

/**
 * What Alertmanager would send by the shipped rules: that an incident opened, that it became worse (critical, or a site on battery has not
 * long any more; once at most), and its end.
 * Planned work alerts nobody: an incident that is told while work is planned is told when that is over.
 */
export function notificationsOf(
  changes: readonly IncidentChange[],
  nearAt: ReadonlyMap<string, number> = new Map()
): number {
  const firing = new Map<string, { readonly wasCritical: boolean }>()
  const worse = new Set<string>()
  let sent = 0
  for (const { incident, change } of changes) {
    const { id, severity, maintenance } = incident
    const before = firing.get(id)
    if (change === 'closed') {
      // An alert that is kept quiet by planned work, or as part of another, ends without a word.
      if (before !== undefined && !maintenance && incident.mergedInto === undefined) sent++
      firing.delete(id)
    } else if (!maintenance) {
      const isCritical = severity === 'critical'
      if (before === undefined) sent++
      else if (isCritical && !before.wasCritical) worse.add(id)
      if (nearAt.has(id)) worse.add(id)
      firing.set(id, { wasCritical: isCritical || before?.wasCritical === true })
    }
  }
  return sent + worse.size
}

function scoreLights(
  played: Played,
  score: Score,
  wrong: string[],
  siteOf: ReadonlyMap<string, number>
): void {
  const { scenario, city, world, checks, history } = played
  const touched = touchedSites(played)
  for (const check of checks) {
    if (check.ms - world.steadySince(check.ms) < steadyMs) continue
    const { out } = world.truthAt(check.ms)
    for (const [s, { effective, causeBy, cause }] of check.lights.entries()) {
      const { id } = city.sites[s]!
      if (effective === 'red' && !out.has(s)) {
        score.saidOut++
        wrong.push(`${id} is said to be out and works (${Math.round(check.ms / 1000)} s)`)
      }
      if ((effective === 'green' || effective === 'yellow') && out.has(s)) {
        score.saidWork++
        wrong.push(`${id} is said to work and is out (${Math.round(check.ms / 1000)} s)`)
      }
      if (effective === 'green') continue
      // What the sentence names as the cause must be something that a fault has touched.
      score.sentences++
      const at = siteOf.get(cause)
      const isTrue = causeBy !== 'upstream' || at === undefined || touched.has(at)
      if (isTrue && (check.says[s] ?? '') !== '') score.sentencesTrue++
      else wrong.push(`${id}: "${check.says[s] ?? ''}" names ${cause}, which is well`)
    }
  }
  const healthy = city.sites.length - touched.size
  score.healthyNodeDays = (healthy * scenario.minutes) / 1440
  const shown = new Map<string, string>()
  for (const { node, to } of history.lights) {
    const site = siteOf.get(node)
    if (site === undefined || touched.has(site)) continue
    const before = shown.get(node) ?? 'green'
    shown.set(node, to)
    if (before === 'green' && to !== 'green') {
      score.falseEpisodes++
      if (score.falseEpisodes <= 5) wrong.push(`${node} turns ${to} for nothing`)
    }
    if (to === 'red' && before !== 'red') score.falseRed++
  }
}

/** Sites that any fault has to do with, at any time. */
function touchedSites({ scenario, city, world, alone, places }: Played): Set<number> {
  const touched = new Set<number>()
  // Two faults together may put out what neither of them does.
  for (let ms = 0; ms <= scenario.minutes * minute; ms += minute / 2) {
    const { out, risk } = world.truthAt(ms)
    for (const site of [...out, ...risk]) touched.add(site)
  }
  for (const [f, fault] of scenario.faults.entries()) {
    for (const site of places.get(fault.at ?? '') ?? []) touched.add(site)
    if (fault.what === 'collector' || fault.what === 'clock')
      for (const [s, { collector }] of city.sites.entries())
        if (collector === (fault.number ?? 0) && fault.what === 'collector') touched.add(s)
    for (const span of spansOf(fault)) {
      // A power cut goes on by stages: each is looked at.
      for (let ms = span.fromMs; ms < span.toMs + 2 * minute; ms += minute / 2) {
        const { out, risk } = alone[f]!.truthAt(ms)
        for (const site of [...out, ...risk]) touched.add(site)
      }
    }
  }
  return touched
}
