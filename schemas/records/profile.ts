import {
  parseLocatedYaml,
  ProblemsError,
  type LocatedYaml,
  type Path,
  type Problem
} from '../config/located-yaml.ts'
import { schemaProblems } from '../config/schema-problems.ts'
import { jsonFormats } from './formats/formats.ts'
import type { KeyPlan, MeasurementPlan, NameIndex, ProfileSet, Slot } from './plan.ts'
import { checkTests, compileField } from './profile-field.ts'
import {
  fieldSchema,
  profileFormats,
  profileSchema,
  type FieldYaml,
  type KeyYaml,
  type MeasurementYaml,
  type ProfileFormat,
  type ProfileYaml
} from './profile-schema.ts'

/** Profile files, compiled: names to indices, measurements to plans. */

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
  const reports = new Map(
    [...byProfile.values()].map(({ profile: of }) => [
      of.profile,
      of.reports ?? jsonFormats[of.format].defaults.reports
    ])
  )
  return { measurements, byName: indexNames(bounds), reports }
}

function indexNames(
  bounds: readonly { first: number; format: ProfileFormat; yamls: readonly MeasurementYaml[] }[]
): Record<ProfileFormat, NameIndex> {
  const index = () => ({
    exact: new Map<string, number[]>(),
    wild: [] as { pattern: RegExp; measurement: number }[]
  })
  const byName = Object.fromEntries(profileFormats.map(format => [format, index()])) as Record<
    ProfileFormat,
    ReturnType<typeof index>
  >
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
    for (const list of ['device', 'instance', 'names']) if (list in item) expanded[list] = keys(item[list])
    return expanded
  }
  const expanded: Record<string, unknown> = { ...value }
  if ('device' in value) expanded['device'] = keys(value['device'])
  if (Array.isArray(value['measurements'])) expanded['measurements'] = value['measurements'].map(measurement)
  return expanded
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
  const { defaults } = jsonFormats[profile.format]
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
    time: profile.time ?? defaults.time,
    device: compileKeys(yaml, measurement.device ?? profile.device ?? defaults.device, at, problems),
    collector: profile.collector ?? defaults.collector,
    instance: compileKeys(yaml, measurement.instance ?? [], at, problems),
    names: compileKeys(yaml, measurement.names ?? [], at, problems),
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

function compileKeys(
  yaml: LocatedYaml,
  keys: readonly KeyYaml[],
  at: Path,
  problems: Problem[]
): readonly KeyPlan[] {
  return keys.map(key => {
    const plan = {
      tag: key.tag,
      stripPort: key.strip_port ?? false,
      ...(key.lane === undefined ? {} : { lane: key.lane })
    }
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
