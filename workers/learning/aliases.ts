import { identify, type Identified } from '../../schemas/records/identify.ts'
import type { MeasurementPlan, ProfileSet } from '../../schemas/records/plan.ts'
import type { KernelFormat } from './kernel-formats.ts'

/**
 * An alias is the stretch of a record that names its device and port, which the kernel finds and never takes apart. Here it
 * is looked at once, when it is learnt: does it say by itself which measurement, device and instance its records are of?
 */

/** What an alias says. */
interface Identity {
  /** The name that measurements are found by. */
  readonly name: string
  /** Keys of the tags. */
  readonly tags: readonly string[]
  /** The tags themselves, where the alias holds them as the reference decoder takes them. */
  readonly texts?: Readonly<Record<string, unknown>>
}

/** How one format's aliases read. */
interface AliasFormat {
  /** Undefined where the alias is not the whole and plain stretch that it should be. */
  identity(alias: string): Identity | undefined
  /** A record with this alias and one plain field that is 0. `rawTime` is of the record that the alias was found in. */
  compose(alias: string, field: string, rawTime: number): string
  /** The only field of its records, where there is but one. */
  readonly onlyField?: string
  /** Tags that do not stand in the alias. */
  readonly tagsElsewhere?: readonly string[]
}

/** A flat object of strings without escapes. */
const flat = String.raw`\{(?:"[^"\\]*":"[^"\\]*"(?:,"[^"\\]*":"[^"\\]*")*)?\}`
const telegrafAlias = new RegExp(String.raw`^[^"\\]*","tags":${flat}$`)
const gnmicAlias = new RegExp(String.raw`^\0[^"\\]*"${flat}$`)

/** The object that a text is, or undefined. */
function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** What a name and flat tags say, given as JSON of both. */
function ofNameAndTags(json: string): Identity | undefined {
  const object = objectOf(json) as { name: string; tags: Readonly<Record<string, string>> } | undefined
  return object && { name: object.name, tags: Object.keys(object.tags), texts: object.tags }
}

const telegraf: AliasFormat = {
  identity: alias => (telegrafAlias.test(alias) ? ofNameAndTags(`{"name":"${alias}}`) : undefined),
  compose: (alias, field, rawTime) =>
    `{"fields":{${JSON.stringify(field)}:0},"name":"${alias},"timestamp":${rawTime}}`
}

/** NUL, the name, its quote, the tags. */
const gnmic: AliasFormat = {
  identity(alias) {
    if (!gnmicAlias.test(alias)) return undefined
    const nameEnd = alias.indexOf('"')
    return ofNameAndTags(`{"name":"${alias.slice(1, nameEnd)}","tags":${alias.slice(nameEnd + 1)}}`)
  },
  compose(alias, field, rawTime) {
    const nameEnd = alias.indexOf('"')
    const head = `"name":"${alias.slice(1, nameEnd)}","timestamp":${rawTime}`
    return `{${head},"tags":${alias.slice(nameEnd + 1)},"values":{${JSON.stringify(field)}:0}}`
  }
}

const zabbix: AliasFormat = {
  onlyField: 'value',
  identity(alias) {
    const object = objectOf(`{${alias}}`)
    const name = object?.['name']
    // Of a record with "metrics" those count, whatever else it holds.
    if (object === undefined || typeof name !== 'string' || Object.hasOwn(object, 'metrics')) return undefined
    const itemTags = Array.isArray(object['item_tags']) ? (object['item_tags'] as unknown[]) : []
    const tags = itemTags.map(item => String((item as { tag?: unknown } | null)?.tag))
    return { name, tags: [...tags, '@host', '@host_name', '@item', '@itemid'] }
  },
  compose: (alias, _field, rawTime) =>
    `{${alias},"clock":${Math.floor(rawTime / 1000)},"ns":0,"value":0,"type":3}`
}

const canonical: AliasFormat = {
  tagsElsewhere: ['timeMs', 'signals'],
  identity(alias) {
    const object = objectOf(`{${alias}}`)
    if (object === undefined) return undefined
    // They stand behind; of a key that is there twice the last counts.
    if (Object.hasOwn(object, 'timeMs') || Object.hasOwn(object, 'signals')) return undefined
    // Of a record with "metrics" those count, whatever else it holds.
    if (Object.hasOwn(object, 'metrics')) return undefined
    return { name: 'canonical', tags: Object.keys(object) }
  },
  compose: (alias, field, rawTime) => `{${alias},"timeMs":${rawTime},"signals":{${JSON.stringify(field)}:0}}`
}

const aliasFormats: Readonly<Record<KernelFormat, AliasFormat>> = { telegraf, gnmic, zabbix, canonical }

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

/**
 * Whether only `plan` goes by the name and the tags there are, and no tag stands beside a value. Where several measurements match, the
 * fields decide between them.
 */
function isDecided(
  { name, tags }: Identity,
  elsewhere: readonly string[],
  plan: MeasurementPlan,
  profiles: ProfileSet
): boolean {
  const { exact, wild } = profiles.byName[plan.format]
  const isCandidate = (index: number): boolean =>
    profiles.measurements[index]?.when.every(({ tag }) => tags.includes(tag) || elsewhere.includes(tag)) ===
    true
  let candidates = 0
  for (const index of exact.get(name) ?? []) if (isCandidate(index)) candidates++
  for (const { pattern, measurement } of wild)
    if (pattern.test(name) && isCandidate(measurement)) candidates++
  if (candidates !== 1) return false
  for (const tag of tags) if (plan.linkedKeys.has(tag)) return false
  return true
}

/**
 * Tells from a new alias alone which measurement, device and instance its records belong to: the same that the reference
 * decoder finds in a whole record with this alias and fields of these names. Undefined where an alias does not say enough, and
 * a record must be decoded to know.
 */
export function identifyAlias(
  aliasBytes: Uint8Array,
  format: KernelFormat,
  fields: Readonly<Record<string, null>>,
  profiles: ProfileSet
): Identified | undefined {
  let alias: string
  try {
    alias = strictUtf8.decode(aliasBytes)
  } catch {
    return undefined
  }
  const reading = aliasFormats[format]
  const elsewhere = reading.tagsElsewhere ?? []
  const identity = reading.identity(alias)
  if (identity?.texts === undefined) return undefined
  const found = identify(profiles, { format, name: identity.name, tags: identity.texts, fields })
  return found !== undefined && isDecided(identity, elsewhere, found.plan, profiles) ? found : undefined
}

/**
 * Whether an alias says by itself which measurement, device and instance a record is of, where the reference decoder has
 * found one group, of `plan`, in a record of `format` with that alias. Where that cannot be told, a record to ask the
 * reference decoder: the same alias with one plain field, which must give the same. `isOfItself` says that no field of the
 * record could have named the instance or changed what it is of.
 */
export function proveAlias(
  aliasBytes: Uint8Array,
  format: KernelFormat,
  rawTime: number,
  plan: MeasurementPlan,
  profiles: ProfileSet,
  isOfItself: boolean
): boolean | Uint8Array {
  const reading = aliasFormats[format]
  const alias = utf8.decode(aliasBytes)
  const identity = reading.identity(alias)
  const elsewhere = reading.tagsElsewhere ?? []
  if (identity === undefined || plan.format !== format || !isDecided(identity, elsewhere, plan, profiles))
    return false
  if ([...plan.device, ...plan.instance, ...plan.when].some(({ tag }) => elsewhere.includes(tag)))
    return false
  const field = reading.onlyField ?? plan.slots[0]?.field
  // An instance that comes from a field is missing in the probe, unless it is this very field.
  if (field === undefined || plan.instance.some(({ tag }) => tag === field)) return false
  return isOfItself || new TextEncoder().encode(reading.compose(alias, field, rawTime))
}
