import { parseLocatedYaml, type FilePlace, type Path, type Problem } from '../schemas/config/located-yaml.ts'
import { incidentKinds, severities, type LocalText } from '../schemas/words.ts'
import { ruleLabel, type CompiledRule } from './compiled.ts'
import { overs, overScopes } from './composite.ts'
import type { Selector } from './model.ts'
import { readClause, readTest, testKeys } from './reading/conditions.ts'
import { compositeKeys, compositesIn, readComposite, type CompositeContext } from './reading/composites.ts'
import type { ConditionDraft, LevelDraft, RuleDraft } from './reading/drafts.ts'
import { noHold, readHold, type Hold } from './reading/holds.ts'
import { changeKeys } from './reading/measured.ts'
import { noteKeys, readNotes } from './reading/notes.ts'
import { readTables, type LimitTable } from './reading/limits.ts'
import { readSelector } from './reading/selectors.ts'
import { readText } from './reading/texts.ts'
import { readFlapping, readSchedule } from './reading/times.ts'
import { createReader, isFields, shown, suggestion, type Fields, type Reader } from './yaml-reader.ts'

/** Reads rules files: what they say, checked, and every problem with the place it stands at. */

export interface RulesFile {
  /** As it is shown in messages. */
  readonly file: string
  readonly text: string
}

export const ruleNamePattern = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*$/
export const qualifierPattern = /^[a-z0-9_]*$/
export const documentKeys = ['limits', 'rules', 'tests'] as const
export const ruleKeys = [
  'name',
  'qualifier',
  'override',
  'enabled',
  'over',
  ...compositeKeys,
  'kind',
  'severity',
  'scope',
  'select',
  'rate',
  ...changeKeys,
  'in',
  'below',
  'above',
  'absent',
  'clear',
  'hysteresis',
  'hold',
  'when',
  'unless',
  'levels',
  'text',
  'schedule',
  'flapping',
  ...noteKeys
] as const
export const levelKeys = ['severity', ...testKeys, ...compositeKeys, 'hold', 'text'] as const
/**
 * The rules of all files, in order; one with `override: true` replaces an earlier one of its name. Problems are added to `problems`, and
 * rules that have some to `broken`, as `name/qualifier`; rules that are switched off to `off`.
 */
export function readRulesFiles(
  files: readonly RulesFile[],
  problems: Problem[],
  broken = new Set<string>(),
  off: RuleDraft[] = []
): RuleDraft[] {
  const tables = new Map<string, LimitTable>()
  const parsed = files.map(({ file, text }) => parseLocatedYaml(file, text))
  for (const yaml of parsed) problems.push(...yaml.problems)
  const documents = parsed.filter(yaml => yaml.problems.length === 0 && yaml.value !== null)
  for (const yaml of documents) {
    const reader = createReader(yaml, problems)
    const document = reader.fields(yaml.value, [], documentKeys)
    if (document !== undefined) readTables(reader, document, tables)
  }
  const drafts = new Map<string, RuleDraft>()
  for (const yaml of documents) {
    const reader = createReader(yaml, problems)
    if (isFields(yaml.value)) readRules(reader, yaml.value, tables, drafts, broken, off)
  }
  return [...drafts.values()]
}

function readRules(
  reader: Reader,
  document: Fields,
  tables: ReadonlyMap<string, LimitTable>,
  drafts: Map<string, RuleDraft>,
  broken: Set<string>,
  off: RuleDraft[]
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
    if (typeof qualifier !== 'string' || !qualifierPattern.test(qualifier)) {
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
      const draft = drafts.get(key)
      if (draft !== undefined) off.push(draft)
      drafts.delete(key)
      return
    }
    broken.add(key)
    const draft = readRule(reader, path, fields, name, qualifier, tables)
    if (draft === undefined) return
    broken.delete(key)
    drafts.set(key, draft)
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
  const over = fields['over'] === undefined ? undefined : reader.word(fields['over'], at('over'), overs)
  const isComposite = fields['over'] !== undefined
  if (isComposite && fields['scope'] !== undefined)
    reader.report(at('scope'), 'stands beside over', 'leave scope out')
  for (const key of isComposite ? ['kind', 'text'] : ['kind', 'select', 'text'])
    if (fields[key] === undefined) reader.report(path, `${key} is missing`, `add ${key}: to the rule`)
  const kind =
    fields['kind'] === undefined ? undefined : reader.word(fields['kind'], at('kind'), incidentKinds)
  const scope: CompiledRule['scope'] | undefined =
    over !== undefined
      ? overScopes[over]
      : fields['scope'] === undefined
        ? 'instance'
        : reader.word(fields['scope'], at('scope'), ['instance', 'device'] as const)
  const selector =
    fields['select'] === undefined ? undefined : readSelector(reader, fields['select'], at('select'))
  const text = fields['text'] === undefined ? undefined : readText(reader, fields['text'], at('text'))
  const hold = readHold(reader, fields['hold'], at('hold'), noHold)
  const notes = readNotes(reader, fields, path)
  const schedule = readSchedule(reader, fields['schedule'], at('schedule'))
  const flapping = readFlapping(reader, fields['flapping'], at('flapping'))
  const clauses = (key: 'when' | 'unless'): (ConditionDraft | undefined)[] =>
    reader
      .list(fields[key], at(key))
      .map((clause, index) => readClause(reader, clause, at(key, index), selector, tables))
  if (isComposite)
    for (const key of ['when', 'unless'])
      if (fields[key] !== undefined)
        reader.report(at(key), 'stands beside over', 'write it into all: and not:')
  if (isComposite && over === undefined) return undefined
  const composite = over === undefined ? undefined : { over, selector, tables }
  const when = clauses('when')
  const unless = clauses('unless')
  const levels = readLevels(reader, path, fields, selector, hold, text, tables, composite)
  if (kind === undefined || scope === undefined || levels === undefined) return undefined
  if (!allDefined(when) || !allDefined(unless)) return undefined
  if (schedule === undefined || flapping === undefined) return undefined
  return {
    name,
    qualifier,
    kind,
    scope,
    levels: levels.sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity)),
    when,
    unless,
    schedule,
    flapping,
    notes,
    at: { problem: (step, message, remedy) => reader.problem([...path, ...step], message, remedy) },
    writtenAt: placeOf(reader.problem([...path, 'name'], '', '')),
    isOverride: fields['override'] === true
  }
}

const placeOf = ({ file, line, column }: Problem): FilePlace => ({ file, line, column })

/** The levels of a rule: its `levels`, or the rule itself as its only one. */
function readLevels(
  reader: Reader,
  path: Path,
  fields: Fields,
  selector: Selector | undefined,
  hold: Hold,
  text: LocalText | undefined,
  tables: ReadonlyMap<string, LimitTable>,
  composite: CompositeContext | undefined
): LevelDraft[] | undefined {
  const single = fields['levels'] === undefined
  if (!single)
    for (const key of ['severity', ...testKeys, ...compositeKeys])
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
    const judged = readJudged(reader, level, at, selector, levelHold, tables, composite)
    if (severity === undefined || judged === undefined || levelText === undefined) return undefined
    return {
      severity,
      ...judged,
      raiseHoldMs: levelHold.raiseS * 1000,
      clearHoldMs: levelHold.clearS * 1000,
      flapHoldMs: levelHold.flapS * 1000,
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

/** What a level judges by: one condition, or several taken together. */
function readJudged(
  reader: Reader,
  level: Fields,
  at: Path,
  selector: Selector | undefined,
  hold: Hold,
  tables: ReadonlyMap<string, LimitTable>,
  context: CompositeContext | undefined
): Pick<LevelDraft, 'condition' | 'composite'> | undefined {
  const [together] = compositesIn(level)
  if (context === undefined) {
    if (together !== undefined)
      reader.report([...at, together], 'is for composite rules', 'add over: port, device or node to the rule')
    const condition = readTest(reader, level, at, selector, hold, tables)
    return condition === undefined ? undefined : { condition, composite: null }
  }
  const [own] = testKeys.filter(key => level[key] !== undefined)
  if (own !== undefined)
    reader.report([...at, own], 'stands beside over', 'write it with its signal into any: or all:')
  if (together === undefined) {
    reader.report(at, 'says nothing of what is taken together', 'give one of any, all, count')
    return undefined
  }
  if (hold.raiseSamples > 1 || hold.clearSamples > 1)
    reader.report([...at, 'hold'], 'there are no samples to count', 'use raise_s and clear_s')
  const composite = readComposite(reader, level, at, context)
  return composite === undefined ? undefined : { condition: null, composite }
}

function allDefined<T>(list: (T | undefined)[]): list is T[] {
  return list.every(item => item !== undefined)
}
