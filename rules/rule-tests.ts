import { parseLocatedYaml, type Path, type Problem } from '../schemas/config/located-yaml.ts'
import { nearest } from '../schemas/config/nearest.ts'
import { signalIds, signals } from '../schemas/signals.ts'
import { createAlarmEngine, type AlarmEngine } from './alarms.ts'
import { ruleLabel, type CompiledRules } from './compiled.ts'
import { assignProgram, evaluateSample } from './judge.ts'
import type { SeriesAttributes } from './model.ts'
import { createProgramTable, type ProgramTableBuilder } from './program.ts'
import { anySignalBeside, keepsNothing, setBeside } from './measures/rates.ts'
import type { RulesFile } from './read.ts'
import { seriesStateBytes, seriesStateOver, type SeriesState } from './series-state.ts'

/** The tests that rules files carry: what a device says step by step, and which alarms are open then (docs/rules.md). */

type Fields = Readonly<Record<string, unknown>>
type Report = (path: Path, message: string, remedy: string) => void

/** A test as it stands in a file, not looked at yet. */
export interface RuleTest {
  /** Its name, or its place where it has none. */
  readonly name: string
  readonly value: unknown
  readonly path: Path
  readonly problemAt: (path: Path, message: string, remedy: string) => Problem
}

export const ruleTestKeys = ['name', 'starts_at', 'device', 'steps'] as const
/** A moment with its zone, so that a test says the same everywhere. */
export const momentPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/
export const deviceKeys = [
  'vendor',
  'model',
  'role',
  'tier',
  'port',
  'optic_class',
  'instance',
  'tags'
] as const
/** Keys of a step beside the signals. */
export const stepKeys = ['at_s', 'repeat', 'every_s', 'alarms'] as const
const stepsMax = 10_000
/** Where the time of tests begins that do not say when: no event is at 0. */
const usualStartMs = 86_400_000
/** Distinct programs of one test: more module limits than anybody writes down. */
const programsMax = 512

/** The tests of a file. What is wrong with the list of them is added to `problems`. */
export function readRuleTests({ file, text }: RulesFile, problems: Problem[]): RuleTest[] {
  const yaml = parseLocatedYaml(file, text)
  const tests = isFields(yaml.value) ? yaml.value['tests'] : undefined
  if (tests === undefined || tests === null) return []
  const report: Report = (path, message, remedy) => {
    problems.push(yaml.problemAt(path, message, remedy))
  }
  return listOf(report, tests, ['tests']).map((value, index) => ({
    name: isFields(value) && typeof value['name'] === 'string' ? value['name'] : `tests[${index}]`,
    value,
    path: ['tests', index],
    problemAt: (path, message, remedy) => yaml.problemAt(path, message, remedy)
  }))
}

/** Plays a test against rules, which may be others than those of its file. What does not hold, and what is wrong with the test itself. */
export function runRuleTest(compiled: CompiledRules, { value, path, problemAt }: RuleTest): Problem[] {
  const problems: Problem[] = []
  const report: Report = (at, message, remedy) => {
    problems.push(problemAt(at, message, remedy))
  }
  const test = fieldsOf(report, value, path, ruleTestKeys)
  if (test !== undefined) playTest(compiled, report, test, path)
  return problems
}

function playTest(compiled: CompiledRules, report: Report, test: Fields, path: Path): void {
  const device =
    test['device'] === undefined ? {} : fieldsOf(report, test['device'], [...path, 'device'], deviceKeys)
  if (device === undefined) return
  const epochMs = startOf(report, test['starts_at'], [...path, 'starts_at'])
  const bench = createBench(compiled, device)
  /** What was told last, by signal: numbers may be told by their growth. */
  const counted = new Map<number, number>()
  let timeMs = 0
  listOf(report, test['steps'], [...path, 'steps']).forEach((entry, index) => {
    const at = [...path, 'steps', index]
    const step = fieldsOf(report, entry, at, [...stepKeys, ...signalIds.keys()])
    if (step === undefined) return
    const seconds = (key: string, otherwise: number): number => {
      const given = step[key]
      if (given === undefined) return otherwise
      if (typeof given === 'number' && given >= 0 && given <= 1e9) return given
      report(
        [...at, key],
        `${JSON.stringify(given)} is not allowed`,
        'give a number of seconds or times, 0 or more'
      )
      return otherwise
    }
    const atMs = seconds('at_s', timeMs / 1000) * 1000
    if (atMs < timeMs) report([...at, 'at_s'], 'goes back in time', 'write the steps in their order')
    timeMs = Math.max(timeMs, atMs)
    const everyMs = seconds('every_s', 60) * 1000
    const times = Math.min(stepsMax, Math.max(1, seconds('repeat', 1)))
    for (let k = 0; k < times; k++) {
      if (k > 0) timeMs += everyMs
      const stopped = Object.keys(step).flatMap(key => (step[key] === null ? (signalIds.get(key) ?? []) : []))
      if (stopped.length > 0) bench.stop(stopped, epochMs + timeMs)
      for (const [key, given] of Object.entries(step)) {
        const signal = signalIds.get(key)
        if (signal === undefined || given === null) continue
        const number = valueOf(signal, given, counted.get(signal))
        if (number === undefined) {
          const codes = Object.keys(signals[signal]?.codes ?? {})
          if (k === 0)
            report(
              [...at, key],
              `${JSON.stringify(given)} is no value of ${key}`,
              codes.length > 0 ? `give one of ${codes.join(', ')}` : givesOf(signal)
            )
        } else {
          counted.set(signal, number)
          bench.sample(signal, number, epochMs + timeMs)
        }
      }
    }
    bench.engine.tick(epochMs + timeMs)
    if (step['alarms'] === undefined) return
    const listed = listOf(report, step['alarms'], [...at, 'alarms'])
    if (!Array.isArray(step['alarms'])) return
    const wanted = listed.map(String).sort()
    const open = [...bench.engine.open()]
      .map(alarm => `${ruleLabel(alarm.type, alarm.qualifier)} ${alarm.severity}`)
      .sort()
    if (wanted.join() !== open.join())
      report(
        [...at, 'alarms'],
        `${typeof test['name'] === 'string' ? `test "${test['name']}": ` : ''}after ${timeMs / 1000} s ${open.length === 0 ? 'no alarm is open' : `these are open: ${open.join(', ')}`}`,
        wanted.length === 0 ? 'expected none' : `expected ${wanted.join(', ')}`
      )
  })
}

/** One device with one instance, judged as in the daemon but in one place. */
function createBench(
  compiled: CompiledRules,
  device: Fields
): {
  readonly engine: AlarmEngine
  sample(signal: number, value: number, timeMs: number): void
  /** These signals are no longer reported. */
  stop(signals: readonly number[], timeMs: number): void
} {
  const engine = createAlarmEngine(compiled)
  const programs: ProgramTableBuilder = createProgramTable(programsMax)
  const state: SeriesState = seriesStateOver(
    new ArrayBuffer(seriesStateBytes(signals.length)),
    signals.length
  )
  const word = (key: string): string => (typeof device[key] === 'string' ? device[key] : '')
  const instance = typeof device['instance'] === 'number' ? String(device['instance']) : word('instance')
  const tags = Array.isArray(device['tags']) ? device['tags'].map(tag => String(tag).toLowerCase()) : []
  const attributes = (signal: number): SeriesAttributes => ({
    signal,
    vendor: word('vendor'),
    model: word('model'),
    role: word('role'),
    tier: word('tier'),
    port: word('port'),
    opticClass: word('optic_class'),
    tags
  })
  const moduleLimits = new Map<number, number>()
  const isRated = (signal: number): boolean => programs.table.keeps[state.program[signal]!] !== keepsNothing
  /** Signals that were reported. */
  const met = new Set<number>()
  const assign = (signal: number): void => {
    const asked = compiled.signalsBeside.get(signal)
    const beside = asked === undefined ? undefined : new Set(asked.filter(other => met.has(other)))
    const program = programs.addProgram(compiled.programFor(attributes(signal), moduleLimits, beside))
    assignProgram(programs.table, state, signal, program, engine.raisedConditions('device', instance))
    const by = anySignalBeside(signal)
    if (by >= 0 && isRated(signal) && isRated(by)) setBeside(state.rates, signal, by)
  }
  for (let signal = 0; signal < signals.length; signal++) {
    assign(signal)
  }
  const stopped = new Set<number>()
  const isJudgedOn = (signal: number, id: number): boolean => {
    const condition = compiled.conditions[id]
    return condition?.signal === signal && condition.op !== 'absent'
  }
  const tell = (condition: number, on: boolean, timeMs: number): void =>
    engine.apply({
      condition,
      on,
      node: 'node',
      device: 'device',
      instance,
      value: 0,
      limit: null,
      timeMs,
      coordinates: null
    })
  return {
    engine,
    stop(gone, timeMs) {
      const raised = [...engine.raisedConditions('device', instance)]
      for (const signal of gone) {
        stopped.add(signal)
        for (const condition of raised) if (isJudgedOn(signal, condition)) tell(condition, false, timeMs)
        for (const condition of compiled.absencesOf(attributes(signal))) tell(condition, true, timeMs)
      }
    },
    sample(signal, value, timeMs) {
      if (!met.has(signal)) {
        met.add(signal)
        // What is asked beside this signal is asked from now on.
        for (const [other, asked] of compiled.signalsBeside) if (asked.includes(signal)) assign(other)
      }
      if (stopped.delete(signal)) {
        for (const condition of compiled.absencesOf(attributes(signal))) tell(condition, false, timeMs)
        assign(signal)
      }
      const limited = compiled.signalsNeedingLimits.get(signal)
      if (limited !== undefined && moduleLimits.get(signal) !== value) {
        moduleLimits.set(signal, value)
        for (const judged of limited) assign(judged)
      }
      evaluateSample(programs.table, state, signal, value, timeMs, (condition, on, limit, measured) => {
        engine.apply({
          condition,
          on,
          node: 'node',
          device: 'device',
          instance,
          value: measured,
          limit: Number.isNaN(limit) ? null : limit,
          timeMs,
          coordinates: { topic: 'test', partition: 0, offset: 0 }
        })
      })
    }
  }
}

function startOf(report: Report, given: unknown, path: Path): number {
  if (given === undefined) return usualStartMs
  const atMs = typeof given === 'string' && momentPattern.test(given) ? Date.parse(given) : NaN
  if (!Number.isNaN(atMs)) return atMs
  report(path, `${JSON.stringify(given)} is no moment`, "write it in quotes, as '2026-11-30T08:00:00+03:00'")
  return usualStartMs
}

const givesOf = (signal: number): string =>
  signals[signal]?.kind === 'enum' ? 'give a number' : 'give a number, or { add: a number }'

/** `{ add: 600 }`: it has grown by so much since it was told `last`. */
function valueOf(signal: number, given: unknown, last = 0): number | undefined {
  const codes = signals[signal]?.codes
  if (codes === undefined && isFields(given) && Object.keys(given).join() === 'add')
    return typeof given['add'] === 'number' ? last + given['add'] : undefined
  if (codes === undefined) return typeof given === 'number' && Number.isFinite(given) ? given : undefined
  return typeof given === 'string' ? codes[given] : undefined
}

function fieldsOf(report: Report, value: unknown, path: Path, known: readonly string[]): Fields | undefined {
  if (!isFields(value)) {
    report(path, 'is not a set of keys', `known here: ${known.slice(0, 7).join(', ')}`)
    return undefined
  }
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue
    const meant = nearest(key, known)
    report(
      [...path, key],
      'is not a known key',
      meant === undefined ? `known here: ${known.slice(0, 7).join(', ')}` : `did you mean ${meant}?`
    )
  }
  return value
}

function listOf(report: Report, value: unknown, path: Path): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[]
  report(path, 'is not a list', 'start each entry with "- "')
  return []
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
