import { dirname, isAbsolute, join } from 'node:path'
import { Value } from 'typebox/value'
import { crossChecks } from './cross-checks.ts'
import { configSchema, type Config } from './schema.ts'
import {
  ProblemsError,
  parseLocatedYaml,
  pathText,
  type LocatedYaml,
  type Path,
  type Problem
} from './located-yaml.ts'
import { nearest } from './nearest.ts'

export type { Config } from './schema.ts'

/**
 * Loads svetofor.yaml: file, then environment over it, then defaults, checked against the schema. All that is
 * wrong is reported at once, with its place: file, line and column, or the variable's name.
 */

/** What the loader reads of a node of the schema, which is plain JSON Schema with the keywords of config-schema.ts. */
interface SchemaNode {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly SchemaNode[]
  readonly items?: SchemaNode
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly path?: boolean
  readonly secret?: boolean
  readonly content?: boolean
}

/** One setting: a leaf of the configuration's tree. */
export interface Setting {
  readonly path: readonly string[]
  /** `kafka.tls.ca_file` */
  readonly key: string
  /** `SVETOFOR_KAFKA_TLS_CA_FILE` */
  readonly variable: string
  readonly about: string
  /** What values are allowed, in words. */
  readonly allowed: string
  readonly default: unknown
  readonly secret: boolean
  /** Filled from the file that the neighbouring `…_file` key names. */
  readonly content: boolean
  readonly schema: SchemaNode
}

/** One section of the reference: an object of the schema. */
export interface Section {
  readonly key: string
  readonly about: string
  readonly settings: readonly Setting[]
}

const root = configSchema as unknown as SchemaNode

function sectionsOf(node: SchemaNode, path: readonly string[]): Section[] {
  const settings: Setting[] = []
  const below: Section[] = []
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const at = [...path, key]
    if (child.properties !== undefined) {
      below.push(...sectionsOf(child, at))
      continue
    }
    settings.push({
      path: at,
      key: at.join('.'),
      variable: `SVETOFOR_${at.join('_').toUpperCase()}`,
      about: child.description ?? '',
      allowed: allowed(child),
      default: child.default,
      secret: child.secret === true,
      content: child.content === true,
      schema: child
    })
  }
  return [{ key: path.join('.'), about: node.description ?? '', settings }, ...below]
}

/** The configuration's sections in the order of the file; the first holds the settings at the top. */
export const configSections: readonly Section[] = sectionsOf(root, [])

export const settings: readonly Setting[] = configSections.flatMap(section => section.settings)

const settingByVariable: ReadonlyMap<string, Setting> = new Map(settings.map(s => [s.variable, s]))

/** Variables of our prefix that are not settings: the path of the file itself. */
export const otherVariables: readonly string[] = ['SVETOFOR_CONFIG']

/** Kubernetes makes variables of this form for every service; one may well be called svetofor. */
const serviceLink = /^SVETOFOR_(?:SERVICE_HOST|SERVICE_PORT|PORT)(?:_\w+)?$/

/** The values that a setting allows, in words: `integer 1..16`, `batch, kafkajs or node-rdkafka`. */
function allowed(node: SchemaNode): string {
  if (node.anyOf !== undefined) return node.anyOf.map(allowed).join(' or ')
  if (typeof node.const === 'string') return node.const
  if (node.enum !== undefined) {
    const values = node.enum.map(String)
    return `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`
  }
  if (node.type === 'array') return 'list of strings'
  if (node.type === 'boolean') return 'true or false'
  if (node.type === 'integer' || node.type === 'number')
    return `${node.type} ${node.minimum ?? ''}..${node.maximum ?? ''}`
  if (node.type === 'string') return node.path === true ? 'path' : 'string'
  return node.type ?? 'value'
}

/** Why a value is not allowed and what is, or undefined when it is. */
function faultOf(node: SchemaNode, value: unknown): { message: string; remedy: string } | undefined {
  if (Value.Check(node as never, value)) return undefined
  const shown = node.secret === true ? '(not shown)' : shorten(JSON.stringify(value))
  const message = `${shown} is not allowed`
  if (node.secret === true && node.type === 'array')
    return { message, remedy: 'give tokens of 16 to 512 letters, digits and ._~+/=-' }
  if (node.type === 'array' && Array.isArray(value)) {
    if (value.length < (node.minItems ?? 0)) return { message, remedy: 'name at least one' }
    return { message, remedy: 'give a list of strings that are not empty' }
  }
  if (node.type === 'string' && typeof value === 'string') {
    if (value.length < (node.minLength ?? 0)) return { message, remedy: 'give a value that is not empty' }
    if (value.length > (node.maxLength ?? Infinity))
      return { message, remedy: `give at most ${node.maxLength} characters` }
    if (node.pattern !== undefined) return { message, remedy: `give a value that matches ${node.pattern}` }
  }
  if (node.enum !== undefined && typeof value === 'string') {
    const meant = nearest(value, node.enum.map(String))
    return {
      message,
      remedy: `give ${allowed(node)}${meant === undefined ? '' : `; did you mean ${meant}?`}`
    }
  }
  return { message, remedy: `give ${article(allowed(node))}` }
}

const article = (words: string): string =>
  /^(integer|list|string|path|number)/.test(words) ? `a${/^i/.test(words) ? 'n' : ''} ${words}` : words

function shorten(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

export interface ConfigSources {
  /** Path of svetofor.yaml; without it environment and defaults alone count. */
  readonly file?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a text file; throws when it cannot. */
  readonly readFile: (path: string) => string
}

/** The whole configuration, as inspectConfig reads it. Throws ProblemsError with everything that is wrong. */
export function loadConfig(sources: ConfigSources): Config {
  const { config, problems } = inspectConfig(sources)
  if (problems.length > 0) throw new ProblemsError(problems)
  return config
}

/**
 * The whole configuration, every key filled, and everything that is wrong with it; a refused value is replaced by
 * its default, so that whoever checks can go on to the files it names. Paths given in the file are relative to its
 * folder, paths given in the environment to the working directory.
 */
export function inspectConfig(sources: ConfigSources): {
  readonly config: Config
  readonly problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const values = new Map<string, unknown>()
  const refused = new Set<string>()
  /** Where a setting was given, to report a fault found later; settings left at their default are reported at the top. */
  const places = new Map<string, (message: string, remedy: string) => Problem>()
  const give = (
    setting: Setting,
    value: unknown,
    place: (message: string, remedy: string) => Problem
  ): void => {
    places.set(setting.key, place)
    const fault = faultOf(setting.schema, value)
    if (fault === undefined) values.set(setting.key, value)
    else {
      refused.add(setting.key)
      problems.push(place(fault.message, fault.remedy))
    }
  }

  if (sources.file !== undefined) readYaml(sources.file, sources.readFile, give, problems)
  readEnvironment(sources.env, give, problems)

  const placeOf = (key: string): ((message: string, remedy: string) => Problem) =>
    places.get(key) ??
    ((message, remedy) => ({
      file: sources.file ?? 'svetofor.yaml',
      line: 1,
      column: 1,
      path: key,
      message,
      remedy
    }))
  const refuse = (setting: Setting, problem: Problem): void => {
    refused.add(setting.key)
    problems.push(problem)
  }
  readContents(values, places, sources.readFile, give, refuse)

  const config: Record<string, unknown> = {}
  for (const setting of settings) {
    const value = values.has(setting.key) ? values.get(setting.key) : structuredClone(setting.default)
    put(config, setting.path, value)
  }
  const whole = config as unknown as Config
  crossChecks(whole, (keys, message, remedy) => {
    if (!keys.some(key => refused.has(key))) problems.push(placeOf(keys[0] ?? '')(message, remedy))
  })
  return { config: whole, problems }
}

type Give = (setting: Setting, value: unknown, place: (message: string, remedy: string) => Problem) => void

function readYaml(file: string, readFile: (path: string) => string, give: Give, problems: Problem[]): void {
  let text: string
  try {
    text = readFile(file)
  } catch (error) {
    problems.push({
      file,
      line: 1,
      column: 1,
      path: '',
      message: `cannot be read: ${messageOf(error)}`,
      remedy: 'name an existing file with --config'
    })
    return
  }
  const yaml = parseLocatedYaml(file, text)
  problems.push(...yaml.problems)
  if (yaml.problems.length > 0 || yaml.value === null || yaml.value === undefined) return
  walk(yaml, root, yaml.value, [], dirname(file), give, problems)
}

function walk(
  yaml: LocatedYaml,
  node: SchemaNode,
  value: unknown,
  path: Path,
  folder: string,
  give: Give,
  problems: Problem[]
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    // An empty section ("kafka:") reads as null and means its defaults.
    if (value !== null)
      problems.push(yaml.problemAt(path, 'is not a section', 'write keys and values below it'))
    return
  }
  const known = node.properties ?? {}
  for (const [key, given] of Object.entries(value)) {
    const at = [...path, key]
    const child = Object.hasOwn(known, key) ? known[key] : undefined
    if (child === undefined) {
      const meant = nearest(key, Object.keys(known))
      const remedy =
        meant === undefined
          ? `known here: ${Object.keys(known).join(', ')}`
          : `did you mean ${pathText([...path, meant])}?`
      problems.push(yaml.problemAt(at, 'is not a known key', remedy))
    } else if (child.properties !== undefined) {
      walk(yaml, child, given, at, folder, give, problems)
    } else {
      const setting = settings.find(s => s.key === at.join('.'))
      if (setting === undefined) continue
      if (setting.secret) {
        problems.push(
          yaml.problemAt(
            at,
            'a secret does not belong in this file',
            `put it into a file named by ${fileKeyOf(setting)}, or into the variable ${setting.variable}`
          )
        )
        continue
      }
      // An empty value ("ca_file:") reads as null and means the default.
      if (given === null) continue
      give(setting, setting.schema.path === true ? relativeTo(folder, given) : given, (message, remedy) =>
        yaml.problemAt(at, message, remedy)
      )
    }
  }
}

function readEnvironment(env: ConfigSources['env'], give: Give, problems: Problem[]): void {
  for (const variable of Object.keys(env).sort()) {
    const text = env[variable]
    if (!variable.startsWith('SVETOFOR_') || text === undefined) continue
    if (otherVariables.includes(variable) || serviceLink.test(variable)) continue
    const place = (message: string, remedy: string): Problem => ({
      file: variable,
      line: 0,
      column: 0,
      path: settingByVariable.get(variable)?.key ?? '',
      message,
      remedy
    })
    const setting = settingByVariable.get(variable)
    if (setting === undefined) {
      const meant = nearest(variable, settingByVariable.keys())
      problems.push(
        place(
          'is not a known variable',
          meant === undefined ? 'see docs/configuration.md, or unset it' : `did you mean ${meant}?`
        )
      )
      continue
    }
    give(setting, fromText(setting.schema, text), place)
  }
}

/** A variable's text as the value its setting wants; text that does not fit stays text, and is then refused. */
function fromText(node: SchemaNode, text: string): unknown {
  if (node.anyOf !== undefined) {
    for (const choice of node.anyOf) {
      const value = fromText(choice, text)
      if (Value.Check(choice as never, value)) return value
    }
    return text
  }
  if (node.type === 'array')
    return text
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== '')
  if (node.type === 'boolean') {
    const word = text.trim().toLowerCase()
    if (['true', 'yes', 'on', '1'].includes(word)) return true
    if (['false', 'no', 'off', '0'].includes(word)) return false
    return text
  }
  if (node.type === 'integer' || node.type === 'number')
    return /^[+-]?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text
  return text
}

/** Reads every file that a `…_file` key names into the setting beside it. */
function readContents(
  values: Map<string, unknown>,
  places: ReadonlyMap<string, (message: string, remedy: string) => Problem>,
  readFile: (path: string) => string,
  give: Give,
  refuse: (setting: Setting, problem: Problem) => void
): void {
  for (const setting of settings) {
    if (!setting.content) continue
    const fileKey = fileKeyOf(setting)
    const path = values.get(fileKey)
    const place = places.get(fileKey)
    if (typeof path !== 'string' || path === '' || place === undefined) continue
    if (places.has(setting.key)) {
      refuse(setting, place(`given beside ${setting.key}`, 'give one of the two'))
      continue
    }
    try {
      const text = readFile(path)
      give(setting, contentOf(setting, text), place)
    } catch (error) {
      refuse(
        setting,
        place(`${path} cannot be read: ${messageOf(error)}`, 'name a file that this user may read')
      )
    }
  }
}

function contentOf(setting: Setting, text: string): unknown {
  if (setting.schema.type === 'array')
    return text
      .split(/\r?\n/)
      .map(line => line.trim())
      .filter(line => line !== '' && !line.startsWith('#'))
  return setting.secret && !text.includes('-----BEGIN') ? text.replace(/\r?\n$/, '') : text
}

function fileKeyOf(setting: Setting): string {
  return `${setting.key}_file`
}

function relativeTo(folder: string, given: unknown): unknown {
  if (Array.isArray(given)) return given.map(item => relativeTo(folder, item))
  return typeof given === 'string' && given !== '' && !isAbsolute(given) ? join(folder, given) : given
}

/** The configuration for printing: secrets as `(set)`, certificates as their length. */
export function redactedConfig(config: Config): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const setting of settings) {
    let value = get(config, setting.path)
    if (setting.content) {
      const empty = value === '' || (Array.isArray(value) && value.length === 0)
      value = empty ? '' : Array.isArray(value) ? `(${value.length} set)` : '(set)'
    }
    put(shown, setting.path, value)
  }
  return shown
}

function get(object: unknown, path: readonly string[]): unknown {
  let at = object
  for (const key of path) at = (at as Record<string, unknown>)[key]
  return at
}

function put(object: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = object
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>
  const last = path.at(-1)
  if (last !== undefined) at[last] = value
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
