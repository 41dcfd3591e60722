import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkRules } from '../../rules/check.ts'
import type { CompiledRules } from '../../rules/compiled.ts'
import { shippedRulesFiles } from '../../rules/shipped.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { formatProblem, ProblemsError, type Problem } from '../../schemas/config/located-yaml.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { readProfileFiles } from '../../schemas/records/profile-files.ts'
import type { ProfileReportsByName } from '../../schemas/records/plan.ts'
import { compileProfiles } from '../../schemas/records/profile.ts'
import {
  compileInventoryInSteps,
  type CompiledInventory,
  type InventoryPart
} from '../../topology/compile.ts'
import { parseInventoryLines, parseInventoryYaml } from '../../topology/load.ts'
import { createInventoryStore, type InventoryStore } from '../../topology/store.ts'

/** What describes the network and how it is judged: read from files, compiled, checked as a whole. */
export interface Definitions {
  readonly inventory: CompiledInventory
  readonly rules: CompiledRules
  /** What is judged in shadow, beside these; null for nothing. */
  readonly shadow: CompiledRules | null
  /** Sources of the profiles; workers compile them again for themselves. */
  readonly profiles: readonly TextFile[]
  /** What the sources of each profile tell. */
  readonly reports: ProfileReportsByName
}

/** A longer line is no entry of an inventory; it is read no further, and said to be wrong. */
const lineLengthMax = 16 * 1024 * 1024

interface TextFile {
  readonly file: string
  readonly text: string
}

/** Everything that is wrong with what the configuration names. */
export async function definitionProblems(config: Config): Promise<readonly Problem[]> {
  try {
    await loadDefinitions(config, 1)
    return []
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems
    throw error
  }
}

/**
 * Reads everything the configuration names. Throws ProblemsError with every problem of every file. `onParts` is given the files of the
 * inventory as they were read, which still know where each entry stands.
 */
export async function loadDefinitions(
  config: Config,
  version: number,
  onParts: (parts: readonly InventoryPart[]) => void = () => undefined
): Promise<Definitions> {
  const problems: Problem[] = []
  const attempt = async <T>(load: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await load()
    } catch (error) {
      if (!(error instanceof ProblemsError)) throw error
      // A file may be judged by live and in shadow.
      const told = new Set(problems.map(formatProblem))
      problems.push(...error.problems.filter(problem => !told.has(formatProblem(problem))))
      return undefined
    }
  }
  const profiles = await attempt(async () => {
    const files = [
      ...(config.profiles.shipped ? await readProfileFiles() : []),
      ...(await readAll(config.profiles.files))
    ]
    return { files, ...compileProfiles(files) }
  })
  const rules = await attempt(() => readRules(config, config.rules.files))
  const { shadow: shadowFiles } = config.rules
  const shadow = await attempt(async () => (shadowFiles.length === 0 ? null : readRules(config, shadowFiles)))
  const inventory = await attempt(async () => {
    const store = createInventoryStore()
    const parts: InventoryPart[] = []
    const faults: Problem[] = []
    for (const file of config.inventory.files) {
      try {
        parts.push(await readInventory(file, store))
      } catch (error) {
        if (!(error instanceof ProblemsError)) throw error
        faults.push(...error.problems)
      }
    }
    // What one file says of another's nodes cannot be judged while a file is missing.
    if (faults.length > 0) throw new ProblemsError([...parts.flatMap(part => part.problems), ...faults])
    onParts(parts)
    const steps = compileInventoryInSteps(parts, version)
    for (;;) {
      // A reload of a million nodes takes its time: records go on in between.
      const step = steps.next()
      if (step.done === true) return step.value
      await nextTurn()
    }
  })
  if (profiles === undefined || rules === undefined || shadow === undefined || inventory === undefined)
    throw new ProblemsError(problems)
  return { inventory, rules, shadow, profiles: profiles.files, reports: profiles.reports }
}

/** The shipped rules, where they are used, and these files. */
async function readRules(config: Config, files: readonly string[]): Promise<CompiledRules> {
  const shipped = config.rules.shipped ? shippedRulesFiles.map(file => join(packageRoot, file)) : []
  const { compiled, problems } = checkRules(await readAll([...shipped, ...files]))
  if (compiled === null || problems.length > 0) throw new ProblemsError(problems)
  return compiled
}

async function readAll(files: readonly string[]): Promise<TextFile[]> {
  const read = await Promise.allSettled(
    files.map(async file => ({ file, text: await readFile(file, 'utf8') }))
  )
  const problems = read.flatMap((outcome, i) =>
    outcome.status === 'rejected' ? [unreadable(files[i]!, outcome.reason)] : []
  )
  if (problems.length > 0) throw new ProblemsError(problems)
  return read.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
}

/** YAML as a whole, CSV and NDJSON line by line: a million nodes are never in memory as text. */
async function readInventory(file: string, store: InventoryStore): Promise<InventoryPart> {
  const kind = extname(file).toLowerCase()
  try {
    if (kind === '.csv' || kind === '.ndjson') {
      return await parseInventoryLines(file, linesOf(file), kind === '.csv' ? 'csv' : 'ndjson', store)
    }
    return parseInventoryYaml(file, await readFile(file, 'utf8'), store)
  } catch (error) {
    if (error instanceof ProblemsError) throw error
    throw new ProblemsError([unreadable(file, error)])
  }
}

/** Line by line with no more than one piece of the file in memory; node:readline reads on while its lines wait. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of createReadStream(file, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
    if (rest.length > lineLengthMax) break
  }
  if (rest !== '') yield rest
}

function unreadable(file: string, error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error)
  return {
    file,
    line: 0,
    column: 0,
    path: '',
    message: `cannot be read (${message})`,
    remedy: 'correct the path in the configuration, or the permissions of the file'
  }
}

/** Neither the rules nor those in shadow are others. */
export const isSameRules = (a: Definitions, b: Definitions): boolean =>
  a.rules.digest === b.rules.digest && a.shadow?.digest === b.shadow?.digest
