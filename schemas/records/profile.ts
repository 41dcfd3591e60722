import type { Conversion, FlagPlan, SlotPlan, TimeUnit } from './convert.ts'
import type { MeasurementInfo, MeasurementSlot } from './decoded.ts'
import {
  parseLocatedYaml,
  ProblemsError,
  type LocatedYaml,
  type Path,
  type Problem
} from '../config/located-yaml.ts'
import { nearest } from '../config/nearest.ts'
import {
  fieldSchema,
  profileSchema,
  type FieldYaml,
  type KeyYaml,
  type MeasurementYaml,
  type ProfileFormat,
  type ProfileYaml,
  type UnitName
} from './profile-schema.ts'
import { schemaProblems } from '../config/schema-problems.ts'
import { signalIds, signals, type SignalDef } from '../signals.ts'

/**
 * Profiles compiled to flat plans. A ProfileSet is plain data (maps, arrays, regular expressions): it survives a
 * structured clone, and the same files in the same order give the same indices in every thread.
 */

/** Where a text of a record comes from: the tag, cut to the first group of the pattern where there is one. */
export interface KeyPlan {
  readonly tag: string
  readonly stripPort: boolean
  readonly pattern?: RegExp
}

/** A signal that must have one of these codes. */
export interface CodeTest {
  readonly signal: number
  readonly codes: readonly number[]
}

/** Keys beside the value that say how an ENTITY-SENSOR reading is to be read. */
export interface SensorKeys {
  readonly type: string
  readonly scale: string
  readonly precision: string
  readonly status: string
}

export interface Slot extends MeasurementSlot, SlotPlan {
  /** The unit depends on another key of the record: lower-case value or code → plan. */
  readonly unitFrom?: { readonly key: string; readonly plans: ReadonlyMap<string, SlotPlan> }
  readonly sensor?: SensorKeys
  /** 0 is a reading only while one of these holds. */
  readonly zeroNeeds?: readonly CodeTest[]
  readonly becomes?: readonly {
    readonly from: number
    readonly to: number
    readonly when: readonly CodeTest[]
  }[]
  /** Slots before this one with the same signal: the first that has a reading gives it. */
  readonly earlier: readonly number[]
}

export interface MeasurementPlan extends MeasurementInfo {
  readonly index: number
  readonly format: ProfileFormat
  readonly time: TimeUnit
  /** Identifiers of the device, the preferred one first. */
  readonly device: readonly KeyPlan[]
  /** Tag of the collector; '' for none. */
  readonly collector: string
  readonly instance: readonly KeyPlan[]
  readonly instanceOptional: boolean
  readonly when: readonly { readonly tag: string; readonly pattern: RegExp }[]
  readonly slots: readonly Slot[]
  /** Slots of each field, ascending. */
  readonly slotsByField: ReadonlyMap<string, readonly number[]>
  /** A record that has one of these keys, among fields or tags, needs the reference decoder: a slot depends on it. */
  readonly linkedKeys: ReadonlySet<string>
  /** Slots that depend on other slots or keys whatever their value (sensor, zeroNeeds, becomes, same signal). */
  readonly linkedSlots: readonly number[]
  /** Whether some slot has zeroNeeds or becomes. */
  readonly conditional: boolean
}

interface NameIndex {
  /** Measurement indices by exact name, in order of precedence. */
  readonly exact: ReadonlyMap<string, readonly number[]>
  /** Those with wildcards, tried after the exact ones. */
  readonly wild: readonly { readonly pattern: RegExp; readonly measurement: number }[]
}

export interface ProfileSet {
  readonly measurements: readonly MeasurementPlan[]
  readonly byName: Readonly<Record<ProfileFormat, NameIndex>>
}

interface UnitPlan {
  readonly conversion: Conversion
  readonly mul: number
  readonly div: number
  readonly offset: number
  /** Units of the signals it may be used for; undefined for every quantity but dBm. */
  readonly for?: readonly string[]
}

const unit = (
  conversion: Conversion,
  mul: number,
  div: number,
  of?: readonly string[],
  offset = 0
): UnitPlan => ({
  conversion,
  mul,
  div,
  offset,
  ...(of === undefined ? {} : { for: of })
})
const power = ['dBm']
const time = ['s']

/** Division by a whole number rather than multiplication by its inverse: 2369 / 10 is 236.9, 2369 * 0.1 is not. */
const units: Readonly<Record<UnitName, UnitPlan>> = {
  mw: unit('milliwatt', 1, 1, power),
  tenth_mw: unit('milliwatt', 1, 10, power),
  uw: unit('milliwatt', 1, 1000, power),
  tenth_uw: unit('milliwatt', 1, 10_000, power),
  dbm: unit('dbm', 1, 1, power),
  tenth_dbm: unit('dbm', 1, 10, power),
  hundredth_dbm: unit('dbm', 1, 100, power),
  mw_or_dbm: unit('mw_or_dbm', 1, 1, power),
  huawei_sign: unit('huawei_sign', 1, 1, power),
  mains_v: unit('mains_v', 1, 1, ['V']),
  s: unit('linear', 1, 1, time),
  min: unit('linear', 60, 1, time),
  ms: unit('linear', 1, 1000, time),
  ns: unit('linear', 1, 1e9, time),
  timeticks: unit('linear', 1, 100, time),
  tenth: unit('linear', 1, 10),
  hundredth: unit('linear', 1, 100),
  thousandth: unit('linear', 1, 1000),
  bit_s: unit('linear', 1, 1e6, ['Mb/s']),
  tenth_dbmv: unit('linear', 1, 10, ['dBµV'], 60)
}

/** What a quantity can be at all, in its canonical unit; a profile may narrow or widen it by `range`. */
function believable(signal: SignalDef): readonly [number, number] {
  if (signal.kind === 'counter') return [0, Number.MAX_VALUE]
  switch (signal.name) {
    case 'ups.charge_pct':
      return [0, 100]
    case 'ups.load_pct':
      return [0, 1000]
    case 'optics.voltage_v':
      return [0, 20]
    case 'catv.rf_dbuv':
      return [-40, 150]
  }
  switch (signal.unit) {
    case 'dBm':
      return [-40, 30]
    case '°C':
      return [-60, 200]
    case 'V':
      return [0, 1000]
    case 'mA':
      return [0, 10_000]
    case 's':
      return [0, 1e10]
    default:
      return [0, 1e12]
  }
}

/**
 * Compiles profile files. A later file comes first when measurements are matched, and replaces an earlier one's
 * profile of the same name: so an operator's own folder is given after the shipped one. Throws ProblemsError with
 * everything that is wrong in every file.
 */
export function compileProfiles(
  files: readonly { readonly file: string; readonly text: string }[]
): ProfileSet {
  const problems: Problem[] = []
  const byProfile = new Map<string, { yaml: LocatedYaml; profile: ProfileYaml }>()
  for (const { file, text } of files) {
    const yaml = parseLocatedYaml(file, text)
    problems.push(...yaml.problems)
    if (yaml.problems.length > 0) continue
    const value = expandShorthands(yaml.value)
    const wrong = schemaProblems(yaml, profileSchema, value, [])
    problems.push(...wrong)
    if (wrong.length > 0) continue
    const profile = value as ProfileYaml
    // Deleted first, so that the replacement also takes the later file's precedence.
    byProfile.delete(profile.profile)
    byProfile.set(profile.profile, { yaml, profile })
  }
  const measurements: MeasurementPlan[] = []
  const bounds: { first: number; end: number; format: ProfileFormat; yamls: readonly MeasurementYaml[] }[] =
    []
  for (const { yaml, profile } of byProfile.values()) {
    const first = measurements.length
    const names = new Set<string>()
    for (const [i, measurement] of profile.measurements.entries()) {
      if (names.has(measurement.name))
        problems.push(
          yaml.problemAt(
            ['measurements', i, 'name'],
            `"${measurement.name}" is there twice`,
            'rename one of them'
          )
        )
      names.add(measurement.name)
      measurements.push(compileMeasurement(yaml, profile, measurement, i, measurements.length, problems))
    }
    bounds.push({ first, end: measurements.length, format: profile.format, yamls: profile.measurements })
  }
  if (problems.length > 0) {
    const order = files.map(({ file }) => file)
    const rank = (problem: Problem): number => order.indexOf(problem.file) * 1e6 + problem.line
    throw new ProblemsError(problems.sort((a, b) => rank(a) - rank(b) || a.column - b.column))
  }
  return { measurements, byName: indexNames(bounds) }
}

function indexNames(
  bounds: readonly { first: number; format: ProfileFormat; yamls: readonly MeasurementYaml[] }[]
): Record<ProfileFormat, NameIndex> {
  const index = () => ({
    exact: new Map<string, number[]>(),
    wild: [] as { pattern: RegExp; measurement: number }[]
  })
  const byName = { telegraf: index(), gnmic: index(), zabbix: index(), canonical: index() }
  for (const { first, format, yamls } of [...bounds].reverse()) {
    const { exact, wild } = byName[format]
    for (const [i, measurement] of yamls.entries()) {
      for (const match of new Set(measurement.match)) {
        if (/[*?]/.test(match)) {
          wild.push({ pattern: wildcard(match), measurement: first + i })
          continue
        }
        const known = exact.get(match)
        if (known === undefined) exact.set(match, [first + i])
        else known.push(first + i)
      }
    }
  }
  return byName
}

/** `Interface *: Bits` as a regular expression over the whole text. */
function wildcard(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'su')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A single string where a list or an object is meant: `match: interface`, `device: [source]`, `field: signal`. */
function expandShorthands(value: unknown): unknown {
  if (!isRecord(value)) return value
  const keys = (list: unknown): unknown =>
    (Array.isArray(list) ? (list as unknown[]) : typeof list === 'string' ? [list] : undefined)?.map(item =>
      typeof item === 'string' ? { tag: item } : item
    ) ?? list
  const measurement = (item: unknown): unknown => {
    if (!isRecord(item)) return item
    const expanded: Record<string, unknown> = { ...item }
    if (typeof item['match'] === 'string') expanded['match'] = [item['match']]
    for (const list of ['device', 'instance']) if (list in item) expanded[list] = keys(item[list])
    return expanded
  }
  const expanded: Record<string, unknown> = { ...value }
  if ('device' in value) expanded['device'] = keys(value['device'])
  if (Array.isArray(value['measurements'])) expanded['measurements'] = value['measurements'].map(measurement)
  return expanded
}

const defaultDevice: Readonly<Record<ProfileFormat, readonly KeyYaml[]>> = {
  telegraf: [{ tag: 'source' }, { tag: 'agent_host' }, { tag: 'sysName' }],
  gnmic: [{ tag: 'source', strip_port: true }],
  zabbix: [{ tag: '@host' }, { tag: '@host_name' }],
  canonical: [{ tag: 'device' }]
}

const defaultCollector: Readonly<Record<ProfileFormat, string>> = {
  telegraf: 'host',
  gnmic: '',
  zabbix: '',
  canonical: 'collector'
}

function compileMeasurement(
  yaml: LocatedYaml,
  profile: ProfileYaml,
  measurement: MeasurementYaml,
  position: number,
  index: number,
  problems: Problem[]
): MeasurementPlan {
  const at: Path = ['measurements', position]
  const slots: Slot[] = []
  const slotsByField = new Map<string, number[]>()
  for (const [field, value] of Object.entries(measurement.fields)) {
    const path = [...at, 'fields', field]
    const list: unknown[] = Array.isArray(value) ? (value as unknown[]) : [value]
    for (const [i, item] of list.entries()) {
      const itemPath = Array.isArray(value) ? [...path, i] : path
      const described = typeof item === 'string' ? { signal: item } : item
      const wrong = schemaProblems(yaml, fieldSchema, described, itemPath)
      problems.push(...wrong)
      if (wrong.length > 0) continue
      const slot = compileField(yaml, field, described as FieldYaml, itemPath, slots, problems)
      if (slot === undefined) continue
      const known = slotsByField.get(field)
      if (known === undefined) slotsByField.set(field, [slots.length])
      else known.push(slots.length)
      slots.push(slot)
    }
  }
  checkTests(yaml, slots, at, problems)
  const linkedKeys = new Set<string>()
  for (const slot of slots) {
    if (slot.unitFrom !== undefined) linkedKeys.add(slot.unitFrom.key)
    if (slot.sensor !== undefined)
      for (const key of Object.values<string>({ ...slot.sensor })) linkedKeys.add(key)
  }
  return {
    index,
    profile: profile.profile,
    name: measurement.name,
    format: profile.format,
    time: profile.time ?? (profile.format === 'gnmic' ? 'ns' : 'auto'),
    device: compileKeys(
      yaml,
      measurement.device ?? profile.device ?? defaultDevice[profile.format],
      at,
      problems
    ),
    collector: profile.collector ?? defaultCollector[profile.format],
    instance: compileKeys(yaml, measurement.instance ?? [], at, problems),
    instanceOptional: measurement.instance_optional ?? measurement.instance === undefined,
    when: Object.entries(measurement.when ?? {}).map(([tag, pattern]) => ({
      tag,
      pattern: wildcard(pattern)
    })),
    slots,
    slotsByField,
    linkedKeys,
    conditional: slots.some(slot => slot.zeroNeeds !== undefined || slot.becomes !== undefined),
    linkedSlots: slots.flatMap((slot, i) =>
      slot.sensor !== undefined ||
      slot.zeroNeeds !== undefined ||
      slot.becomes !== undefined ||
      slot.earlier.length > 0
        ? [i]
        : []
    )
  }
}

/** A test on a signal that the measurement does not read could never hold. */
function checkTests(yaml: LocatedYaml, slots: readonly Slot[], at: Path, problems: Problem[]): void {
  const read = new Set(slots.map(slot => slot.signal))
  for (const slot of slots) {
    const tests = [...(slot.zeroNeeds ?? []), ...(slot.becomes ?? []).flatMap(rule => rule.when)]
    for (const test of tests) {
      if (read.has(test.signal)) continue
      problems.push(
        yaml.problemAt(
          [...at, 'fields', slot.field],
          `depends on ${signals[test.signal]?.name ?? ''}, which no field of this measurement reads`,
          'add a field for it, or drop the condition'
        )
      )
    }
  }
}

function compileKeys(
  yaml: LocatedYaml,
  keys: readonly KeyYaml[],
  at: Path,
  problems: Problem[]
): readonly KeyPlan[] {
  return keys.map(key => {
    const plan = { tag: key.tag, stripPort: key.strip_port ?? false }
    if (key.pattern === undefined) return plan
    try {
      return { ...plan, pattern: new RegExp(key.pattern, 'u') }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      problems.push(
        yaml.problemAt(at, `"${key.pattern}" is no regular expression: ${why}`, 'correct the pattern')
      )
      return plan
    }
  })
}

function compileField(
  yaml: LocatedYaml,
  field: string,
  described: FieldYaml,
  path: Path,
  before: readonly Slot[],
  problems: Problem[]
): Slot | undefined {
  const problem = (step: string, message: string, remedy: string): void => {
    problems.push(yaml.problemAt([...path, step], message, remedy))
  }
  const id = signalIds.get(described.signal)
  const signal = id === undefined ? undefined : signals[id]
  if (id === undefined || signal === undefined) {
    const near = nearest(described.signal, signalIds.keys())
    const remedy = near === undefined ? 'use a signal of schemas/signals.ts' : `did you mean "${near}"?`
    problem('signal', `unknown signal "${described.signal}"`, remedy)
    return undefined
  }
  const misplaced =
    signal.kind === 'enum'
      ? (['unit', 'unit_from', 'scale', 'range', 'sensor', 'zero_needs'] as const)
      : (['enum', 'names', 'flags', 'becomes'] as const)
  for (const key of misplaced) {
    if (described[key] !== undefined)
      problem(
        key,
        `"${key}" does not go with ${signal.name}, which is ${signal.kind === 'enum' ? 'an enumeration' : 'a quantity'}`,
        `remove "${key}"`
      )
  }
  const code = (name: string, step: string): number => {
    const known = signal.codes?.[name]
    if (known === undefined && signal.codes !== undefined)
      problem(
        step,
        `${signal.name} has no code "${name}"`,
        `use one of: ${Object.keys(signal.codes).join(', ')}`
      )
    return known ?? -1
  }
  const tests = (step: string, given: Readonly<Record<string, readonly string[]>>): CodeTest[] =>
    Object.entries(given).map(([name, codes]) => {
      const other = signalIds.get(name)
      const known = other === undefined ? undefined : signals[other]?.codes
      if (known === undefined)
        problem(step, `"${name}" is no enumerated signal`, 'name one of schemas/signals.ts with codes')
      for (const text of codes)
        if (known !== undefined && known[text] === undefined)
          problem(step, `${name} has no code "${text}"`, `use one of: ${Object.keys(known).join(', ')}`)
      return { signal: other ?? -1, codes: codes.map(text => known?.[text] ?? -1) }
    })

  const plan: SlotPlan = {
    ...unitPlan(signal, described.unit, described.scale, problem),
    ...enumPlan(signal, described, code),
    ...rangePlan(signal, described, problem),
    sentinels: described.sentinels ?? [],
    text: described.text ?? 'number'
  }
  const from = described.unit_from
  return {
    ...plan,
    field,
    signal: id,
    earlier: before.flatMap((slot, i) => (slot.signal === id ? [i] : [])),
    ...(from === undefined
      ? {}
      : {
          unitFrom: {
            key: from.key,
            plans: new Map(
              Object.entries(from.values).map(([value, name]) => [
                value.toLowerCase(),
                { ...plan, ...unitPlan(signal, name, undefined, problem) }
              ])
            )
          }
        }),
    ...(described.sensor === undefined ? {} : { sensor: described.sensor }),
    ...(described.zero_needs === undefined ? {} : { zeroNeeds: tests('zero_needs', described.zero_needs) }),
    ...(described.becomes === undefined
      ? {}
      : {
          becomes: described.becomes.map(rule => ({
            from: code(rule.from, 'becomes'),
            to: code(rule.to, 'becomes'),
            when: tests('becomes', rule.when)
          }))
        })
  }
}

type Complain = (step: string, message: string, remedy: string) => void

function unitPlan(
  signal: SignalDef,
  name: UnitName | undefined,
  scale: number | undefined,
  problem: Complain
): Pick<SlotPlan, 'conversion' | 'mul' | 'div' | 'offset'> {
  const isPower = signal.unit === 'dBm'
  const chosen = name === undefined ? (isPower ? units.dbm : unit('linear', 1, 1)) : units[name]
  const allowed = chosen.for?.includes(signal.unit) ?? !isPower
  if (name !== undefined && signal.kind !== 'enum' && !allowed) {
    const usable = Object.entries(units)
      .filter(([, plan]) => plan.for?.includes(signal.unit) ?? !isPower)
      .map(([text]) => text)
    problem(
      'unit',
      `${name} cannot be made ${signal.unit} of ${signal.name}`,
      `use one of: ${usable.join(', ')}`
    )
  }
  let { mul, div } = chosen
  if (scale !== undefined) {
    if (isPower) problem('scale', 'a power is not scaled', 'name its unit instead')
    const inverse = Math.round(1 / scale)
    if (scale > 0 && scale < 1 && Math.abs(1 / scale - inverse) < 1e-9 * inverse) div *= inverse
    else mul *= scale
  }
  return { conversion: chosen.conversion, mul, div, offset: chosen.offset }
}

function enumPlan(
  signal: SignalDef,
  described: FieldYaml,
  code: (name: string, step: string) => number
): { codes?: Map<number, number>; names?: Map<string, number>; flags?: FlagPlan[] } {
  if (signal.codes === undefined) return {}
  if (described.flags !== undefined)
    return {
      flags: described.flags.map(([bit, word, name]) => ({
        bit,
        word: word.toUpperCase(),
        code: code(name, 'flags')
      }))
    }
  const codes = new Map<number, number>()
  const names = new Map<string, number>()
  // Without a table of its own the field speaks the canonical codes and names.
  const table =
    described.enum ??
    (described.names === undefined ? Object.entries(signal.codes).map(([n, c]) => [c, n, n] as const) : [])
  for (const [from, name, canonical] of table) {
    const known = code(canonical, 'enum')
    codes.set(from, known)
    names.set(name.toLowerCase(), known)
  }
  for (const [name, canonical] of Object.entries(described.names ?? {}))
    names.set(name.toLowerCase(), code(canonical, 'names'))
  return { codes, names }
}

function rangePlan(
  signal: SignalDef,
  described: FieldYaml,
  problem: Complain
): Pick<SlotPlan, 'min' | 'max'> {
  const [min, max] = described.range ?? believable(signal)
  if (min > max) problem('range', `${min} is above ${max}`, 'give the lower bound first')
  return { min, max }
}
