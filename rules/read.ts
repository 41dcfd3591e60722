import { parseLocatedYaml, type Path, type Problem } from '../schemas/config/located-yaml.ts'
import { signalIds, signals } from '../schemas/signals.ts'
import {
  incidentKinds,
  languages,
  severities,
  tiers,
  type IncidentKind,
  type LocalText
} from '../schemas/words.ts'
import { ruleLabel, type CompiledCondition, type CompiledLevel, type Limit } from './compiled.ts'
import type { Selector } from './model.ts'
import { sampleCountMax } from './program.ts'
import { createReader, isFields, shown, suggestion, type Fields, type Reader } from './yaml-reader.ts'

/** Reads rules files: what they say, checked, and every problem with the place it stands at. */

export interface RulesFile {
  /** As it is shown in messages. */
  readonly file: string
  readonly text: string
}

/** A condition before it has a number. */
export type ConditionDraft = Omit<CompiledCondition, 'id' | 'rules'>

export interface RuleDraft {
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

/** The rules of all files, in order; one with `override: true` replaces an earlier one of its name. Problems are added to `problems`. */
export function readRulesFiles(files: readonly RulesFile[], problems: Problem[]): RuleDraft[] {
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
  return [...drafts.values()]
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

function allDefined<T>(list: (T | undefined)[]): list is T[] {
  return list.every(item => item !== undefined)
}
