import { createHash } from 'node:crypto'
import {
  ProblemsError,
  parseLocatedYaml,
  type LocatedYaml,
  type Path,
  type Problem
} from '../schemas/located-yaml.ts'
import { nearest } from '../schemas/nearest.ts'
import { codeName, signalIds, signals } from '../schemas/signals.ts'
import {
  incidentKinds,
  languages,
  severities,
  tiers,
  type IncidentKind,
  type LocalText,
  type Severity
} from '../schemas/words.ts'
import type { Selector, SeriesAttributes } from './model.ts'
import { sampleCountMax, type ConditionOp, type ConditionSpec, type ProgramSpec } from './program.ts'
import { conditionsPerSeriesMax } from './series-state.ts'

/**
 * Compiles rules files (docs/rules.md) to conditions, judged in the workers, and rules over them, judged by the
 * alarm engine. Pure: the caller reads the files. Every error of every file is reported at once.
 */

export interface RulesFile {
  /** As it is shown in messages. */
  readonly file: string
  readonly text: string
}

/** A limit: one number, or a column of a table by optic class, either overridden by what the module itself says. */
interface Limit {
  /** Value for a class the table does not know; null for no limit. */
  readonly fallback: number | null
  readonly byOpticClass: ReadonlyMap<string, number | null>
  /** Id of the signal that carries the module's own limit, or -1. */
  readonly moduleSignal: number
}

/** Judged sample by sample, in the workers. Shared by every rule that asks the same. */
export interface CompiledCondition {
  readonly id: number
  /** Says the same condition in any compilation: what it selects, compares and counts. */
  readonly key: string
  readonly signal: number
  readonly selector: Selector
  readonly op: ConditionOp
  /** null for an enumeration. */
  readonly limit: Limit | null
  /** Distance from the raise limit to the clear limit, in the signal's unit, 0 or more. */
  readonly hysteresis: number
  readonly mask: number
  readonly raiseCount: number
  readonly clearCount: number
  /** Indices of the rules that use it. */
  readonly rules: readonly number[]
}

/** One severity of a rule, with its condition. */
interface CompiledLevel {
  readonly severity: Severity
  readonly condition: number
  readonly raiseHoldMs: number
  readonly clearHoldMs: number
  readonly text: LocalText
}

export interface CompiledRule {
  readonly index: number
  /** The alarm's type. */
  readonly name: string
  readonly qualifier: string
  readonly kind: IncidentKind
  readonly scope: 'instance' | 'device'
  /** Worst severity first. */
  readonly levels: readonly CompiledLevel[]
  /** Conditions of the same resource that must all be on, and must all be off, for any level to hold. */
  readonly when: readonly number[]
  readonly unless: readonly number[]
}

export interface CompiledRules {
  readonly conditions: readonly CompiledCondition[]
  readonly rules: readonly CompiledRule[]
  /**
   * The program of a series. `moduleLimits` are the module's own limits by signal id, as last read of the same
   * instance; a set that contradicts itself (a low limit above a high one) is left out of account as a whole.
   */
  programFor(attributes: SeriesAttributes, moduleLimits?: ReadonlyMap<number, number>): ProgramSpec
  /** Signals that carry a module's own limits, with the signals they limit: a reading of the first re-programs the second. */
  readonly signalsNeedingLimits: ReadonlyMap<number, readonly number[]>
  /** 16 hex digits that change when anything that can change a judgement or a text does. */
  readonly digest: string
}

type Fields = Readonly<Record<string, unknown>>

/** A condition before it has a number. */
type ConditionDraft = Omit<CompiledCondition, 'id' | 'rules'>

interface RuleDraft {
  readonly name: string
  readonly qualifier: string
  readonly kind: IncidentKind
  readonly scope: 'instance' | 'device'
  readonly levels: readonly (Omit<CompiledLevel, 'condition'> & { readonly condition: ConditionDraft })[]
  readonly when: readonly ConditionDraft[]
  readonly unless: readonly ConditionDraft[]
  readonly at: At
}

/** Where a value stands, to report on it. */
interface At {
  problem(step: Path, message: string, remedy: string): Problem
}

interface LimitTable {
  readonly columns: readonly string[]
  readonly rows: Map<string, readonly (number | null)[]>
}

const ruleNamePattern = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*$/
const ruleKeys = [
  'name',
  'qualifier',
  'override',
  'enabled',
  'kind',
  'severity',
  'scope',
  'select',
  'in',
  'below',
  'above',
  'clear',
  'hysteresis',
  'hold',
  'when',
  'unless',
  'levels',
  'text'
]
const testKeys = ['in', 'below', 'above', 'clear', 'hysteresis']
const levelKeys = ['severity', ...testKeys, 'hold', 'text']
const selectorKeys = ['signal', 'vendor', 'model', 'role', 'tier', 'port', 'optic_class']
const clauseKeys = [...selectorKeys, ...testKeys, 'hold']
const holdKeys = ['raise_samples', 'clear_samples', 'raise_s', 'clear_s']
const placeholders = ['value', 'value_min', 'limit', 'device', 'instance', 'node']
const portRoles = ['uplink', 'downlink', 'access', '']
const holdSecondsMax = 7 * 86_400

/** Compiles files in order; a rule or table with `override: true` replaces an earlier one of its name. Throws ProblemsError. */
export function compileRules(files: readonly RulesFile[]): CompiledRules {
  const problems: Problem[] = []
  const tables = new Map<string, LimitTable>()
  const parsed = files.map(({ file, text }) => parseLocatedYaml(file, text))
  for (const yaml of parsed) problems.push(...yaml.problems)
  const documents = parsed.filter(yaml => yaml.problems.length === 0 && yaml.value !== null)
  for (const yaml of documents) {
    const reader = createReader(yaml, problems)
    const document = reader.fields(yaml.value, [], ['limits', 'rules', 'tests'])
    if (document !== undefined) readTables(reader, document, tables)
  }
  const drafts = new Map<string, RuleDraft>()
  const broken = new Set<string>()
  for (const yaml of documents) {
    const reader = createReader(yaml, problems)
    if (isFields(yaml.value)) readRules(reader, yaml.value, tables, drafts, broken)
  }
  const compiled = assemble([...drafts.values()])
  problems.push(...crowdedSeries(compiled, [...drafts.values()]))
  if (problems.length > 0) throw new ProblemsError(problems)
  return compiled
}

/** Reads values of one document, reporting what is wrong with them. */
interface Reader {
  report(path: Path, message: string, remedy: string): void
  problem(path: Path, message: string, remedy: string): Problem
  fields(value: unknown, path: Path, known: readonly string[]): Fields | undefined
  list(value: unknown, path: Path): readonly unknown[]
  words(value: unknown, path: Path, known?: readonly string[]): readonly string[] | undefined
  word<T extends string>(value: unknown, path: Path, known: readonly T[]): T | undefined
  number(value: unknown, path: Path, min: number, max: number): number | undefined
}

function createReader(yaml: LocatedYaml, problems: Problem[]): Reader {
  const report = (path: Path, message: string, remedy: string): void => {
    problems.push(yaml.problemAt(path, message, remedy))
  }
  const word = <T extends string>(value: unknown, path: Path, known: readonly T[]): T | undefined => {
    const found = known.find(one => one === value)
    if (found === undefined)
      report(
        path,
        `${shown(value)} is not known here`,
        suggestion(value, known) ?? `give one of ${known.join(', ')}`
      )
    return found
  }
  return {
    report,
    problem: (path, message, remedy) => yaml.problemAt(path, message, remedy),
    fields(value, path, known) {
      if (!isFields(value)) {
        report(
          path,
          `${shown(value)} is not a set of keys`,
          `write ${known.slice(0, 4).join(', ')}, … below it`
        )
        return undefined
      }
      for (const key of Object.keys(value))
        if (!known.includes(key))
          report(
            [...path, key],
            'is not a known key',
            suggestion(key, known) ?? `known here: ${known.join(', ')}`
          )
      return value
    },
    list(value, path) {
      if (Array.isArray(value)) return value as readonly unknown[]
      if (value !== undefined && value !== null)
        report(path, `${shown(value)} is not a list`, 'start each entry with "- "')
      return []
    },
    words(value, path, known) {
      const list: readonly unknown[] = Array.isArray(value) ? (value as readonly unknown[]) : [value]
      const found: string[] = []
      list.forEach((item, index) => {
        const at = Array.isArray(value) ? [...path, index] : path
        if (typeof item === 'number' && known === undefined) found.push(String(item))
        else if (typeof item !== 'string') report(at, `${shown(item)} is not a word`, 'write text')
        else if (known !== undefined && !known.includes(item)) word(item, at, known)
        else found.push(item)
      })
      if (list.length === 0) report(path, 'is empty', 'name at least one, or leave the key out')
      return found.length === list.length && found.length > 0 ? found : undefined
    },
    word,
    number(value, path, min, max) {
      if (typeof value === 'number' && value >= min && value <= max) return value
      report(path, `${shown(value)} is not allowed`, `give a number ${min}..${max}`)
      return undefined
    }
  }
}

function readTables(reader: Reader, document: Fields, tables: Map<string, LimitTable>): void {
  reader.list(document['limits'], ['limits']).forEach((entry, index) => {
    const path: Path = ['limits', index]
    const fields = reader.fields(entry, path, ['name', 'columns', 'rows', 'override'])
    if (fields === undefined) return
    const name = fields['name']
    if (typeof name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(name)) {
      reader.report([...path, 'name'], `${shown(name)} is not a name`, 'use lower-case letters, digits and _')
      return
    }
    const earlier = tables.get(name)
    const override = fields['override'] === true
    if (earlier !== undefined && !override) {
      reader.report([...path, 'name'], `there is a table ${name} already`, 'rename it, or add override: true')
      return
    }
    if (earlier === undefined && override) {
      reader.report(
        [...path, 'override'],
        `there is no table ${name} to override`,
        suggestion(name, [...tables.keys()]) ?? 'leave override out'
      )
      return
    }
    const columns = reader.words(fields['columns'], [...path, 'columns'])
    if (columns === undefined) return
    if (earlier !== undefined && columns.join() !== earlier.columns.join()) {
      reader.report(
        [...path, 'columns'],
        'differ from those of the table it overrides',
        `write [${earlier.columns.join(', ')}]`
      )
      return
    }
    const rows = new Map(earlier?.rows ?? [])
    if (!isFields(fields['rows'])) {
      reader.report(
        [...path, 'rows'],
        'a table needs rows',
        'write `default: […]` and one row an optic class'
      )
      return
    }
    for (const [key, row] of Object.entries(fields['rows'])) {
      const at = [...path, 'rows', key]
      const values = reader.list(row, at)
      const numbers = values.filter(value => value === null || typeof value === 'number')
      if (numbers.length !== values.length || values.length !== columns.length)
        reader.report(
          at,
          `needs ${columns.length} numbers`,
          `write one for each of ${columns.join(', ')}; ~ for none`
        )
      else rows.set(key.toLowerCase(), numbers)
    }
    tables.set(name, { columns, rows })
  })
}

function readRules(
  reader: Reader,
  document: Fields,
  tables: ReadonlyMap<string, LimitTable>,
  drafts: Map<string, RuleDraft>,
  broken: Set<string>
): void {
  reader.list(document['rules'], ['rules']).forEach((entry, index) => {
    const path: Path = ['rules', index]
    const fields = reader.fields(entry, path, ruleKeys)
    if (fields === undefined) return
    const name = fields['name']
    if (typeof name !== 'string' || !ruleNamePattern.test(name)) {
      reader.report([...path, 'name'], `${shown(name)} is not a name`, 'write it like ups.on_battery')
      return
    }
    const qualifier = fields['qualifier'] ?? ''
    if (typeof qualifier !== 'string' || !/^[a-z0-9_]*$/.test(qualifier)) {
      reader.report([...path, 'qualifier'], `${shown(qualifier)} is not a qualifier`, 'write it like low')
      return
    }
    const key = `${name}/${qualifier}`
    const known = drafts.has(key) || broken.has(key)
    for (const flag of ['override', 'enabled'])
      if (fields[flag] !== undefined && typeof fields[flag] !== 'boolean')
        reader.report([...path, flag], `${shown(fields[flag])} is not allowed`, 'give true or false')
    if (known && fields['override'] !== true) {
      reader.report(
        [...path, 'name'],
        `there is a rule ${ruleLabel(name, qualifier)} already`,
        'rename it, give it another qualifier, or add override: true to replace the other'
      )
      return
    }
    if (!known && fields['override'] === true) {
      const others = [...drafts.values()].map(rule => ruleLabel(rule.name, rule.qualifier))
      reader.report(
        [...path, 'override'],
        `there is no rule ${ruleLabel(name, qualifier)} before it to override`,
        suggestion(ruleLabel(name, qualifier), others) ?? 'leave override out'
      )
      return
    }
    if (fields['enabled'] === false) {
      drafts.delete(key)
      return
    }
    broken.add(key)
    const draft = readRule(reader, path, fields, name, qualifier, tables)
    if (draft !== undefined) drafts.set(key, draft)
  })
}

function readRule(
  reader: Reader,
  path: Path,
  fields: Fields,
  name: string,
  qualifier: string,
  tables: ReadonlyMap<string, LimitTable>
): RuleDraft | undefined {
  const at = (...steps: (string | number)[]): Path => [...path, ...steps]
  for (const key of ['kind', 'select', 'text'])
    if (fields[key] === undefined) reader.report(path, `${key} is missing`, `add ${key}: to the rule`)
  const kind =
    fields['kind'] === undefined ? undefined : reader.word(fields['kind'], at('kind'), incidentKinds)
  const scope =
    fields['scope'] === undefined
      ? 'instance'
      : reader.word(fields['scope'], at('scope'), ['instance', 'device'] as const)
  const selector =
    fields['select'] === undefined ? undefined : readSelector(reader, fields['select'], at('select'))
  const text = fields['text'] === undefined ? undefined : readText(reader, fields['text'], at('text'))
  const hold = readHold(reader, fields['hold'], at('hold'), noHold)
  const clauses = (key: 'when' | 'unless'): (ConditionDraft | undefined)[] =>
    reader
      .list(fields[key], at(key))
      .map((clause, index) => readClause(reader, clause, at(key, index), selector, tables))
  const when = clauses('when')
  const unless = clauses('unless')
  const levels = readLevels(reader, path, fields, selector, hold, text, tables)
  if (kind === undefined || scope === undefined || levels === undefined) return undefined
  if (!allDefined(when) || !allDefined(unless)) return undefined
  return {
    name,
    qualifier,
    kind,
    scope,
    levels: levels.sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)),
    when,
    unless,
    at: { problem: (step, message, remedy) => reader.problem([...path, ...step], message, remedy) }
  }
}

type LevelDraft = RuleDraft['levels'][number]

/** The levels of a rule: its `levels`, or the rule itself as its only one. */
function readLevels(
  reader: Reader,
  path: Path,
  fields: Fields,
  selector: Selector | undefined,
  hold: Hold,
  text: LocalText | undefined,
  tables: ReadonlyMap<string, LimitTable>
): LevelDraft[] | undefined {
  const single = fields['levels'] === undefined
  if (!single)
    for (const key of ['severity', ...testKeys])
      if (fields[key] !== undefined)
        reader.report([...path, key], `${key} stands beside levels`, 'move it into each of the levels')
  const entries = single
    ? [{ fields, at: path }]
    : reader.list(fields['levels'], [...path, 'levels']).map((entry, index) => {
        const at = [...path, 'levels', index]
        return { fields: reader.fields(entry, at, levelKeys), at }
      })
  if (entries.length === 0) reader.report([...path, 'levels'], 'is empty', 'write at least one level')
  const levels = entries.map(({ fields: level, at }): LevelDraft | undefined => {
    if (level === undefined) return undefined
    if (level['severity'] === undefined)
      reader.report(at, 'severity is missing', `add severity: ${severities.join(', ')}`)
    const severity =
      level['severity'] === undefined
        ? undefined
        : reader.word(level['severity'], [...at, 'severity'], severities)
    const levelHold = single ? hold : readHold(reader, level['hold'], [...at, 'hold'], hold)
    const levelText =
      single || level['text'] === undefined ? text : readText(reader, level['text'], [...at, 'text'])
    const condition = readTest(reader, level, at, selector, levelHold, tables)
    if (severity === undefined || condition === undefined || levelText === undefined) return undefined
    return {
      severity,
      condition,
      raiseHoldMs: levelHold.raiseS * 1000,
      clearHoldMs: levelHold.clearS * 1000,
      text: levelText
    }
  })
  const seen = new Set<string>()
  levels.forEach((level, index) => {
    if (level !== undefined && seen.has(level.severity))
      reader.report(
        [...path, 'levels', index, 'severity'],
        `there is a level ${level.severity} already`,
        'give every level a severity of its own'
      )
    if (level !== undefined) seen.add(level.severity)
  })
  return levels.length > 0 && allDefined(levels) ? levels : undefined
}

function readSelector(reader: Reader, value: unknown, path: Path): Selector | undefined {
  const fields = reader.fields(value, path, selectorKeys)
  return fields === undefined ? undefined : readSelectorFields(reader, fields, path)
}

function readSelectorFields(reader: Reader, fields: Fields, path: Path): Selector | undefined {
  const signal = readSignal(reader, fields['signal'], [...path, 'signal'], path)
  const known: Readonly<Record<string, readonly string[]>> = { tier: tiers, port: portRoles }
  const selector: Record<string, readonly string[]> = {}
  let sound = signal !== undefined
  for (const key of selectorKeys.slice(1)) {
    if (fields[key] === undefined) continue
    const words = reader.words(fields[key], [...path, key], known[key])
    if (words === undefined) sound = false
    else selector[key === 'optic_class' ? 'opticClass' : key] = words.map(word => word.toLowerCase()).sort()
  }
  return sound && signal !== undefined ? { signal, ...selector } : undefined
}

function readSignal(reader: Reader, value: unknown, path: Path, parent: Path): string | undefined {
  if (value === undefined) {
    reader.report(parent, 'signal is missing', 'add signal: one of docs/rules.md')
    return undefined
  }
  if (typeof value === 'string' && signalIds.has(value)) return value
  const known = [...signalIds.keys()]
  reader.report(
    path,
    `${shown(value)} is not a signal`,
    suggestion(value, known) ?? `give one of ${known.join(', ')}`
  )
  return undefined
}

/** A clause of `when` or `unless`: another signal of the same resource, selected as the rule's own unless it says otherwise. */
function readClause(
  reader: Reader,
  value: unknown,
  path: Path,
  rule: Selector | undefined,
  tables: ReadonlyMap<string, LimitTable>
): ConditionDraft | undefined {
  const fields = reader.fields(value, path, clauseKeys)
  if (fields === undefined) return undefined
  const own = readSelectorFields(reader, fields, path)
  const hold = readHold(reader, fields['hold'], [...path, 'hold'], noHold)
  if (hold.raiseS > 0 || hold.clearS > 0)
    reader.report(
      [...path, 'hold'],
      'a clause is not held by time',
      'use raise_samples and clear_samples here, or hold the rule'
    )
  const selector = own === undefined ? undefined : { ...rule, ...own }
  return readTest(reader, fields, path, selector, hold, tables)
}

/** `in`, `below` or `above` with what clears it, as a condition. */
function readTest(
  reader: Reader,
  fields: Fields,
  path: Path,
  selector: Selector | undefined,
  hold: Hold,
  tables: ReadonlyMap<string, LimitTable>
): ConditionDraft | undefined {
  const ops = (['in', 'below', 'above'] as const).filter(op => fields[op] !== undefined)
  const op = ops[0]
  if (op === undefined || ops.length > 1) {
    reader.report(
      ops.length > 1 ? [...path, ops[1] ?? ''] : path,
      ops.length > 1 ? `${ops.join(' and ')} stand together` : 'says nothing of the value',
      'give exactly one of in, below, above'
    )
    return undefined
  }
  const signal = selector === undefined ? undefined : signals[signalIds.get(selector.signal) ?? -1]
  if (selector === undefined || signal === undefined) return undefined
  const base = { signal: signalIds.get(selector.signal) ?? -1, selector, op }
  const counts = { raiseCount: hold.raiseSamples, clearCount: hold.clearSamples }
  if (op === 'in') {
    for (const key of ['clear', 'hysteresis'])
      if (fields[key] !== undefined)
        reader.report([...path, key], 'an enumeration clears by every other name', `remove ${key}`)
    if (signal.codes === undefined) {
      reader.report([...path, 'in'], `${signal.name} is a number, not an enumeration`, 'use below or above')
      return undefined
    }
    const names = reader.words(fields['in'], [...path, 'in'], Object.keys(signal.codes))
    if (names === undefined) return undefined
    let mask = 0
    for (const name of names) mask |= 1 << (signal.codes[name] ?? 0)
    return withKey({ ...base, limit: null, hysteresis: 0, mask: mask >>> 0, ...counts })
  }
  if (signal.codes !== undefined) {
    reader.report(
      [...path, op],
      `${signal.name} is an enumeration, not a number`,
      `use in: with names of ${Object.keys(signal.codes).join(', ')}`
    )
    return undefined
  }
  if (signal.kind === 'counter') {
    reader.report([...path, op], `${signal.name} is a counter: its value says nothing`, 'use a gauge')
    return undefined
  }
  const limit = readLimit(reader, fields[op], [...path, op], tables)
  const hysteresis = readClear(reader, fields, path, op, limit)
  if (limit === undefined || hysteresis === undefined) return undefined
  return withKey({ ...base, limit, hysteresis, mask: 0, ...counts })
}

function readLimit(
  reader: Reader,
  value: unknown,
  path: Path,
  tables: ReadonlyMap<string, LimitTable>
): Limit | undefined {
  if (typeof value === 'number' && Number.isFinite(value))
    return { fallback: value, byOpticClass: new Map(), moduleSignal: -1 }
  if (!isFields(value)) {
    reader.report(path, `${shown(value)} is not a limit`, 'give a number, or { limits: table.column }')
    return undefined
  }
  const fields = reader.fields(value, path, ['limits', 'module'])
  if (fields === undefined) return undefined
  const module =
    fields['module'] === undefined
      ? undefined
      : readSignal(reader, fields['module'], [...path, 'module'], path)
  const [tableName = '', columnName = ''] =
    typeof fields['limits'] === 'string' ? fields['limits'].split('.') : []
  const table = tables.get(tableName)
  if (table === undefined) {
    reader.report(
      [...path, 'limits'],
      `${shown(fields['limits'])} names no table of limits`,
      suggestion(tableName, [...tables.keys()]) ?? 'write it as table.column, with a table of limits:'
    )
    return undefined
  }
  const column = table.columns.indexOf(columnName)
  if (column < 0) {
    reader.report(
      [...path, 'limits'],
      `${tableName} has no column ${shown(columnName)}`,
      `give one of ${table.columns.map(name => `${tableName}.${name}`).join(', ')}`
    )
    return undefined
  }
  if (fields['module'] !== undefined && module === undefined) return undefined
  const byOpticClass = new Map<string, number | null>()
  for (const [opticClass, row] of table.rows)
    if (opticClass !== 'default') byOpticClass.set(opticClass, row[column] ?? null)
  return {
    fallback: table.rows.get('default')?.[column] ?? null,
    byOpticClass,
    moduleSignal: module === undefined ? -1 : (signalIds.get(module) ?? -1)
  }
}

/** The distance to the clear limit; undefined when `clear` or `hysteresis` is wrong. */
function readClear(
  reader: Reader,
  fields: Fields,
  path: Path,
  op: 'below' | 'above',
  limit: Limit | undefined
): number | undefined {
  if (fields['clear'] !== undefined && fields['hysteresis'] !== undefined) {
    reader.report([...path, 'hysteresis'], 'stands beside clear', 'give one of the two')
    return undefined
  }
  if (fields['hysteresis'] !== undefined)
    return reader.number(fields['hysteresis'], [...path, 'hysteresis'], 0, 1e9)
  if (fields['clear'] === undefined) return 0
  const clear = reader.number(fields['clear'], [...path, 'clear'], -1e12, 1e12)
  if (clear === undefined || limit === undefined) return undefined
  if (limit.fallback === null || limit.byOpticClass.size > 0 || limit.moduleSignal >= 0) {
    reader.report([...path, 'clear'], 'the limit differs by optic class or module', 'use hysteresis instead')
    return undefined
  }
  const distance = op === 'below' ? clear - limit.fallback : limit.fallback - clear
  if (distance < 0) {
    reader.report(
      [...path, 'clear'],
      `${clear} is on the wrong side of the limit ${limit.fallback}`,
      op === 'below'
        ? `below raises under ${limit.fallback}, so clear must be ${limit.fallback} or more`
        : `above raises over ${limit.fallback}, so clear must be ${limit.fallback} or less`
    )
    return undefined
  }
  return distance
}

interface Hold {
  readonly raiseSamples: number
  readonly clearSamples: number
  readonly raiseS: number
  readonly clearS: number
}

const noHold: Hold = { raiseSamples: 1, clearSamples: 1, raiseS: 0, clearS: 0 }

/** What is not given, or is wrong (and reported), is taken from `base`. */
function readHold(reader: Reader, value: unknown, path: Path, base: Hold): Hold {
  if (value === undefined) return base
  const fields = reader.fields(value, path, holdKeys)
  if (fields === undefined) return base
  const take = (key: string, otherwise: number, min: number, max: number, whole: boolean): number => {
    if (fields[key] === undefined) return otherwise
    const number = reader.number(fields[key], [...path, key], min, max)
    if (number !== undefined && whole && !Number.isInteger(number))
      reader.report([...path, key], `${number} is not a whole number`, 'count samples in whole numbers')
    return number ?? otherwise
  }
  return {
    raiseSamples: take('raise_samples', base.raiseSamples, 1, sampleCountMax, true),
    clearSamples: take('clear_samples', base.clearSamples, 1, sampleCountMax, true),
    raiseS: take('raise_s', base.raiseS, 0, holdSecondsMax, false),
    clearS: take('clear_s', base.clearS, 0, holdSecondsMax, false)
  }
}

function readText(reader: Reader, value: unknown, path: Path): LocalText | undefined {
  const fields = reader.fields(value, path, languages)
  if (fields === undefined) return undefined
  let sound = true
  for (const language of languages) {
    const text = fields[language]
    if (typeof text !== 'string' || text.trim() === '') {
      reader.report(
        text === undefined ? path : [...path, language],
        `the text in ${language} is missing`,
        `add ${language}: a sentence`
      )
      sound = false
      continue
    }
    for (const [, name = ''] of text.matchAll(/\{([^}]*)\}/g))
      if (!placeholders.includes(name)) {
        reader.report(
          [...path, language],
          `{${name}} is not known`,
          suggestion(name, placeholders) ?? `known are ${placeholders.map(one => `{${one}}`).join(', ')}`
        )
        sound = false
      }
  }
  return sound ? (fields as unknown as LocalText) : undefined
}

function withKey(draft: Omit<ConditionDraft, 'key'>): ConditionDraft {
  const limit =
    draft.limit === null
      ? null
      : [draft.limit.fallback, [...draft.limit.byOpticClass].sort(), signals[draft.limit.moduleSignal]?.name]
  const { signal, ...attributes } = draft.selector
  const selector = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  const key = JSON.stringify([
    signal,
    selector,
    draft.op,
    limit,
    draft.hysteresis,
    draft.mask,
    draft.raiseCount,
    draft.clearCount
  ])
  return { ...draft, key }
}

function assemble(drafts: readonly RuleDraft[]): CompiledRules {
  const byKey = new Map<string, { draft: ConditionDraft; id: number; rules: number[] }>()
  const number = (draft: ConditionDraft, rule: number): number => {
    let condition = byKey.get(draft.key)
    if (condition === undefined) byKey.set(draft.key, (condition = { draft, id: byKey.size, rules: [] }))
    if (!condition.rules.includes(rule)) condition.rules.push(rule)
    return condition.id
  }
  const rules = drafts.map((draft, index): CompiledRule => ({
    index,
    name: draft.name,
    qualifier: draft.qualifier,
    kind: draft.kind,
    scope: draft.scope,
    levels: draft.levels.map(level => ({ ...level, condition: number(level.condition, index) })),
    when: draft.when.map(clause => number(clause, index)),
    unless: draft.unless.map(clause => number(clause, index))
  }))
  const conditions = [...byKey.values()].map(({ draft, id, rules: users }) => ({
    ...draft,
    id,
    rules: users
  }))
  const bySignal = new Map<number, CompiledCondition[]>()
  const limited = new Map<number, number[]>()
  for (const condition of conditions) {
    const same = bySignal.get(condition.signal)
    if (same === undefined) bySignal.set(condition.signal, [condition])
    else same.push(condition)
    const moduleSignal = condition.limit?.moduleSignal ?? -1
    if (moduleSignal < 0) continue
    const judged = limited.get(moduleSignal) ?? []
    if (!judged.includes(condition.signal)) limited.set(moduleSignal, [...judged, condition.signal])
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([conditions.map(condition => condition.key), rules]))
    .digest('hex')
    .slice(0, 16)
  return {
    conditions,
    rules,
    programFor: createProgramPicker(bySignal),
    signalsNeedingLimits: limited,
    digest
  }
}

/** Distinct attribute sets remembered; an inventory has a few hundred. */
const rememberedMax = 20_000
const emptyProgram: ProgramSpec = { conditions: [] }

function createProgramPicker(
  bySignal: ReadonlyMap<number, readonly CompiledCondition[]>
): CompiledRules['programFor'] {
  const remembered = new Map<string, ProgramSpec>()
  return (attributes, moduleLimits) => {
    const conditions = bySignal.get(attributes.signal)
    if (conditions === undefined) return emptyProgram
    if (moduleLimits !== undefined && moduleLimits.size > 0) {
      const own = programOf(conditions, attributes, moduleLimits)
      if (isConsistent(own)) return own
    }
    const { signal, vendor, model, role, tier, port, opticClass } = attributes
    const key = `${signal}\0${vendor}\0${model}\0${role}\0${tier}\0${port}\0${opticClass}`
    let program = remembered.get(key)
    if (program === undefined) {
      program = programOf(conditions, attributes, undefined)
      if (remembered.size >= rememberedMax) remembered.clear()
      remembered.set(key, program)
    }
    return program
  }
}

function programOf(
  conditions: readonly CompiledCondition[],
  attributes: SeriesAttributes,
  moduleLimits: ReadonlyMap<number, number> | undefined
): ProgramSpec {
  const specs: ConditionSpec[] = []
  for (const condition of conditions) {
    if (!selects(condition.selector, attributes)) continue
    const raise = condition.limit === null ? 0 : limitOf(condition.limit, attributes.opticClass, moduleLimits)
    if (raise === null) continue
    specs.push({
      condition: condition.id,
      op: condition.op,
      raiseLimit: raise,
      clearLimit: condition.op === 'above' ? raise - condition.hysteresis : raise + condition.hysteresis,
      raiseCount: condition.raiseCount,
      clearCount: condition.clearCount,
      mask: condition.mask
    })
  }
  return { conditions: specs.slice(0, conditionsPerSeriesMax) }
}

function limitOf(
  limit: Limit,
  opticClass: string,
  moduleLimits: ReadonlyMap<number, number> | undefined
): number | null {
  const own = limit.moduleSignal < 0 ? undefined : moduleLimits?.get(limit.moduleSignal)
  if (own !== undefined && Number.isFinite(own)) return own
  const ofClass = limit.byOpticClass.get(opticClass.toLowerCase())
  return ofClass === undefined ? limit.fallback : ofClass
}

/** Whether some value is well: every low limit clears below where every high limit does. */
function isConsistent(program: ProgramSpec): boolean {
  let low = -Infinity
  let high = Infinity
  for (const condition of program.conditions) {
    if (condition.op === 'below') low = Math.max(low, condition.clearLimit)
    else if (condition.op === 'above') high = Math.min(high, condition.clearLimit)
  }
  return low < high
}

type AttributeName = Exclude<keyof SeriesAttributes, 'signal'>
const attributeNames: readonly AttributeName[] = ['vendor', 'model', 'role', 'tier', 'port', 'opticClass']

function selects(selector: Selector, attributes: SeriesAttributes): boolean {
  for (const name of attributeNames) {
    const wanted = selector[name]
    if (wanted === undefined) continue
    const value = attributes[name].toLowerCase()
    if (!wanted.some(pattern => matches(pattern, value))) return false
  }
  return true
}

/** A pattern may end in `*`. Both are in lower case. */
function matches(pattern: string, value: string): boolean {
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : pattern === value
}

/** Finds series that more conditions would judge than a series has room for, one problem a signal. */
function crowdedSeries(compiled: CompiledRules, drafts: readonly RuleDraft[]): Problem[] {
  const problems: Problem[] = []
  const bySignal = new Map<number, CompiledCondition[]>()
  for (const condition of compiled.conditions)
    bySignal.set(condition.signal, [...(bySignal.get(condition.signal) ?? []), condition])
  for (const [signal, conditions] of bySignal) {
    const crowd = crowdOf(conditions, 0)
    if (crowd === undefined) continue
    const lastRule = Math.max(...crowd.flatMap(condition => condition.rules.slice(0, 1)))
    const problem = drafts[lastRule]?.at.problem(
      ['select'],
      `${crowd.length} conditions would judge one series of ${signals[signal]?.name ?? ''}; ${conditionsPerSeriesMax} are possible`,
      'narrow the selectors, or merge rules that compare alike'
    )
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}

/** Some set of conditions above the limit that one series could have, attribute by attribute. */
function crowdOf(
  conditions: readonly CompiledCondition[],
  attribute: number
): readonly CompiledCondition[] | undefined {
  if (conditions.length <= conditionsPerSeriesMax) return undefined
  const name = attributeNames[attribute]
  if (name === undefined) return conditions
  const named = new Set(conditions.flatMap(condition => condition.selector[name] ?? []))
  // A value that no selector names stands for all others; a pattern is met by its own beginning.
  const candidates = ['\u0001', ...[...named].map(pattern => pattern.replace(/\*$/, ''))]
  for (const value of candidates) {
    const left = conditions.filter(condition => {
      const wanted = condition.selector[name]
      return wanted === undefined || wanted.some(pattern => matches(pattern, value))
    })
    const crowd = crowdOf(left, attribute + 1)
    if (crowd !== undefined) return crowd
  }
  return undefined
}

/** The name of a rule as people are shown it: `optics.rx/low`. */
export function ruleLabel(name: string, qualifier: string): string {
  return qualifier === '' ? name : `${name}/${qualifier}`
}

/** A condition in words: `ups.output_source in battery`, `optics.rx_dbm below -22`. */
export function conditionText(condition: CompiledCondition): string {
  const signal = signals[condition.signal]
  if (signal === undefined) return ''
  if (condition.limit !== null)
    return `${signal.name} ${condition.op} ${condition.limit.fallback ?? 'its limit'}`
  const names: string[] = []
  for (let code = 0; code < 32; code++)
    if (((condition.mask >>> code) & 1) === 1) names.push(codeName(signal, code) ?? String(code))
  return `${signal.name} in ${names.join(', ')}`
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function allDefined<T>(list: (T | undefined)[]): list is T[] {
  return list.every(item => item !== undefined)
}

function suggestion(value: unknown, known: readonly string[]): string | undefined {
  const meant = typeof value === 'string' ? nearest(value, known) : undefined
  return meant === undefined ? undefined : `did you mean ${meant}?`
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
