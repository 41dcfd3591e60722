import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { packageRoot } from '../../schemas/package-root.ts'
import { isWithin } from './bars.ts'
import { readScenarios } from './format.ts'
import { playDemo } from './demo.ts'
import { runDemo } from './demo-live.ts'
import { playScenario } from './play.ts'
import { playQuiet, type QuietPlayed } from './quiet.ts'
import { addScores, scoreOf, type Score } from './score.ts'

/** `npm run scenarios`: see docs/scenarios.md. Exit codes: 0 within the bars, 1 not, 2 wrong input. */
const seedsMax = 10_000

function seedsOf(text: string): number[] {
  const seeds = text.split(',').flatMap(range => {
    const [from = '', to = from] = range.split('-')
    const [first, last] = [Number(from), Number(to)]
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last < first)
      throw new InvalidArgumentError('give seeds such as 1-25 or 3,7')
    if (last - first >= seedsMax) throw new InvalidArgumentError(`at most ${seedsMax} seeds`)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
  return seeds
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number from 1')
  return value
}

/** What a healthy node may be said to have (times a day). */
const falsePerNodeDayMost = 0.001

interface Outcome {
  readonly kind: string
  readonly seed: number
  readonly wrong: readonly string[]
  readonly late: readonly string[]
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const share = (part: number, all: number): string =>
  all === 0 ? '–' : `${((100 * part) / all).toFixed(0)} %`
const at = (values: readonly number[], part: number): string => {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
  if (value === -Infinity) return 'never'
  return value === undefined ? '–' : `${(value / 1000).toFixed(0)} s`
}

const percent = (values: readonly number[], part: number): string => {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.floor(sorted.length * part)]
  return value === undefined ? '–' : `${(value * 100).toFixed(0)} %`
}

const columns: readonly (readonly [string, (score: Score) => string])[] = [
  ['runs', s => String(s.runs)],
  ['root', s => share(s.rightRootFirst, s.faults)],
  ['grew', s => String(s.rootGrew)],
  ['one', s => share(s.oneIncident, s.faults)],
  ['kind', s => share(s.rightKind, s.faults)],
  ['merged', s => share(s.merged, s.faults)],
  ['subs', s => share(s.subscribersRight, s.subscribersCompared)],
  ['true', s => share(s.sentencesTrue, s.sentences)],
  ['saidOut', s => String(s.saidOut)],
  ['saidWork', s => String(s.saidWork)],
  ['foreign', s => String(s.foreignIncidents)],
  ['falseRed', s => String(s.falseRed)],
  ['false/day', s => (s.healthyNodeDays === 0 ? '–' : (s.falseEpisodes / s.healthyNodeDays).toFixed(3))],
  ['p50', s => at(s.evidenceMs, 0.5)],
  ['p99', s => at(s.evidenceMs, 0.99)],
  ['beyond', s => at(s.directLateMs, 0.99)],
  ['ways', s => at(s.waysLateMs, 0.99)],
  ['silence', s => at(s.silenceLateMs, 0.99)],
  ['grace', s => at(s.graceLateMs, 0.99)],
  ['dark', s => share(s.runwaysRight, s.runwaysTold)],
  ['darkTold', s => share(s.runwaysTold, s.runwaysAsked)],
  ['width', s => percent(s.runwayWidths, 0.5)],
  ['near', s => at(s.nearBeforeMs, 0)],
  ['notes', s => (s.faults === 0 ? String(s.notifications) : (s.notifications / s.faults).toFixed(1))],
  ['strict', s => share(s.strict, s.runs)]
]
const row = (name: string, cells: readonly string[]): void =>
  say(name.padEnd(30) + cells.map(cell => cell.padStart(10)).join(''))

const program = new Command('scenarios')
  .description('breaks simulated cities, and compares what the daemon says with what is true')
  .option('--seeds <list>', 'the same seed is the same city, noise and places', seedsOf, [1])
  .option('--kind <kind>', 'only this kind, or those whose names begin so; several with commas')
  .option('--folder <path>', 'where the scenarios are', join(packageRoot, 'test/scenarios/kinds'))
  .option('--json <file>', 'write the figures and what was wrong')
  .option('--replay <file>', 'play what a run has saved as wrong again, and say what is wrong')
  .option('--save <file>', 'where wrong outcomes are saved', join(packageRoot, '.cache/scenarios-wrong.json'))
  .option(
    '--demo <minutes>',
    'instead: what `npm start` shows in so many minutes, and how many alerts its faults make',
    wholeNumber
  )
  .option(
    '--demo-live <minutes>',
    'instead: the same in real time, beside a real Prometheus and Alertmanager',
    wholeNumber
  )
  .option(
    '--quiet <node-days>',
    'instead: a large healthy city with the usual noise, and what is said of it wrongly',
    wholeNumber
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
const options = program.opts<{
  seeds: number[]
  kind?: string
  folder: string
  json?: string
  replay?: string
  save: string
  demo?: number
  demoLive?: number
  quiet?: number
}>()

/** Ends with 1 when the faults of the demonstration have not one alert each. */
async function demo(minutes: number): Promise<void> {
  const { faults, alerts, notifications, startMs } = await playDemo({ minutes })
  const at = (ms: number): string => `${((ms - startMs) / 1000).toFixed(0)} s`.padStart(6)
  for (const { atMs, fault, nodeId } of faults) say(`${at(atMs)}  fault  ${fault} at ${nodeId}`)
  for (const { atMs, incident } of alerts)
    say(`${at(atMs)}  alert  ${incident.kind} at ${incident.root}, ${incident.severity}`)
  say(`${alerts.length} alerts for ${faults.length} faults, ${notifications} notifications`)
  process.exitCode = alerts.length === faults.length ? 0 : 1
}

/** Ends with 1 when there are not as many alerts as faults, or any of them was told otherwise than once, once as worse and once as over. */
async function demoLive(minutes: number): Promise<void> {
  const { faults, incidents, notifications } = await runDemo(minutes)
  for (const fault of faults) say(`fault  ${fault}`)
  for (const [id, { summary, firing, resolved }] of incidents)
    say(`alert  ${id}  told ${firing}, over ${resolved}  ${summary}`)
  say(`${incidents.size} alerts for ${faults.length} faults, ${notifications} notifications of Alertmanager`)
  const isTooMuch = [...incidents.values()].some(({ firing, resolved }) => firing > 2 || resolved > 1)
  process.exitCode = incidents.size === faults.length && !isTooMuch ? 0 : 1
}

/** Ends with 1 when a node was red for nothing, or more than one in a thousand node-days anything else than green. */
async function quiet(nodeDays: number): Promise<void> {
  for (const seed of options.seeds) {
    const tell = (so: QuietPlayed): void =>
      say(
        `seed ${seed}: ${so.nodeDays.toFixed(0)} node-days, ${so.polls} polls of which ${so.lostPolls} were lost and ` +
          `${so.latePolls} late; ${so.falseRed} times red, ${so.falseEpisodes} times not green, ${so.incidents} incidents`
      )
    const whole = await playQuiet({ seed, nodeDays, onHour: tell })
    tell(whole)
    const isTooMuch = whole.falseEpisodes > falsePerNodeDayMost * whole.nodeDays
    if (whole.falseRed > 0 || whole.incidents > 0 || isTooMuch) process.exitCode = 1
  }
}

async function scenarios(): Promise<void> {
  const all = await readScenarios(options.folder)
  const replayed =
    options.replay === undefined
      ? undefined
      : (JSON.parse(readFileSync(options.replay, 'utf8')) as readonly Outcome[])
  const kinds = options.kind?.split(',') ?? ['']
  const wanted = all.filter(({ kind }) => kinds.some(name => kind.startsWith(name)))
  if (wanted.length === 0) throw new Error(`no scenario is of the kind ${options.kind ?? ''}`)
  const scores = new Map<string, Score>()
  const outcomes: Outcome[] = []
  const startMs = Date.now()
  row(
    'kind',
    columns.map(([name]) => name)
  )
  for (const scenario of wanted) {
    const { kind } = scenario
    const seeds = replayed?.filter(each => each.kind === kind).map(({ seed }) => seed) ?? options.seeds
    const ofKind: Score[] = []
    for (const seed of seeds) {
      const { score, wrong, late } = scoreOf(await playScenario(scenario, seed))
      ofKind.push(score)
      if (wrong.length + late.length > 0) outcomes.push({ kind, seed, wrong, late })
    }
    if (ofKind.length === 0) continue
    const sum = addScores(ofKind)
    scores.set(kind, sum)
    row(
      kind,
      columns.map(([, cell]) => cell(sum))
    )
  }
  const total = addScores(scores.values())
  row(
    `all ${scores.size} kinds`,
    columns.map(([, cell]) => cell(total))
  )
  if (replayed !== undefined)
    for (const { kind, seed, wrong, late } of outcomes)
      say(`${kind} ${seed}:\n  ${[...wrong.slice(0, 20), ...late].join('\n  ')}`)
  else if (outcomes.length > 0) {
    await mkdir(dirname(options.save), { recursive: true })
    writeFileSync(options.save, JSON.stringify(outcomes, null, 1))
    say(`${outcomes.length} runs with something wrong or told late: --replay ${options.save}`)
  }
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      JSON.stringify({ total, kinds: Object.fromEntries(scores), outcomes }, null, 1)
    )
  const beyond = isWithin(total)
  for (const line of beyond) say(line)
  say(
    `${Math.round((Date.now() - startMs) / 1000)} s; ${beyond.length === 0 ? 'within the bars' : 'NOT within the bars'}`
  )
  process.exitCode = beyond.length === 0 ? 0 : 1
}

try {
  if (options.demo !== undefined) await demo(options.demo)
  else if (options.demoLive !== undefined) await demoLive(options.demoLive)
  else if (options.quiet !== undefined) await quiet(options.quiet)
  else await scenarios()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}
