import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRules } from '../rules/check.ts'
import type { CompiledRules } from '../rules/compiled.ts'
import { shippedRulesFiles } from '../rules/shipped.ts'
import { ProblemsError } from '../schemas/config/located-yaml.ts'
import { packageRoot } from '../schemas/package-root.ts'
import { readProfileFiles } from '../schemas/records/profile-files.ts'
import { compileProfiles } from '../schemas/records/profile.ts'
import { compileInventory } from '../topology/compile.ts'
import { parseInventoryLines, parseInventoryYaml } from '../topology/load.ts'
import type { Definitions } from './judging/definitions.ts'

/** A network as it is described in the program itself, without files: for the daemon in simulated time. */
export interface Network {
  /** YAML, or nodes and devices as lines of an NDJSON inventory have them. */
  readonly inventory: string | readonly unknown[]
  /** Files beside the shipped rules and profiles, which they may override. */
  readonly rules?: readonly TextFile[]
  /** Files in their place that are judged in shadow. */
  readonly shadow?: readonly TextFile[]
  readonly profiles?: readonly TextFile[]
  /** False leaves out what is shipped. */
  readonly shipped?: boolean
}

interface TextFile {
  readonly file: string
  readonly text: string
}

/** Compiles it as files of a configuration are. Throws ProblemsError with what is wrong. */
export async function definitionsOf(network: Network, version = 1): Promise<Definitions> {
  const isShipped = network.shipped !== false
  const profiles = [...(isShipped ? await readProfileFiles() : []), ...(network.profiles ?? [])]
  const { reports } = compileProfiles(profiles)
  const shippedRules = isShipped ? shippedRulesFiles.map(file => join(packageRoot, file)) : []
  const shipped = await Promise.all(
    shippedRules.map(async file => ({ file, text: await readFile(file, 'utf8') }))
  )
  const rules = compiled([...shipped, ...(network.rules ?? [])])
  const shadow = network.shadow === undefined ? null : compiled([...shipped, ...network.shadow])
  const { inventory } = network
  const part =
    typeof inventory === 'string'
      ? parseInventoryYaml('inventory', inventory)
      : await parseInventoryLines(
          'inventory',
          inventory.map(entry => JSON.stringify(entry)),
          'ndjson'
        )
  return { inventory: compileInventory([part], version), rules, shadow, profiles, reports }
}

function compiled(files: readonly TextFile[]): CompiledRules {
  const { compiled: rules, problems } = checkRules(files)
  if (rules === null || problems.length > 0) throw new ProblemsError(problems)
  return rules
}
