import { formatProblem, type Problem } from '../../schemas/config/located-yaml.ts'
import type { Config } from '../../schemas/config/reading.ts'
import { opticClassesOf, ruleWarnings } from '../../rules/warnings.ts'
import type { SeriesAttributes } from '../../rules/model.ts'
import type { CompiledInventory, InventoryPart } from '../../topology/compile.ts'
import { tagsOfDevice } from '../../status/engine/assign.ts'
import { inventoryWarnings } from '../../topology/warnings.ts'
import { loadDefinitions, type Definitions } from './definitions.ts'

/** `svetofor check`: what is wrong is thrown, what is only doubtful is told; either with its place. */

/** Throws ProblemsError with all that is wrong. `configFile` names the configuration in what is said of it. */
export async function checkDefinitions(
  config: Config,
  configFile: string
): Promise<{ readonly definitions: Definitions; readonly warnings: readonly Problem[] }> {
  let parts: readonly InventoryPart[] = []
  const definitions = await loadDefinitions(config, 1, read => (parts = read))
  const { inventory, rules, shadow } = definitions
  if (inventory.nodeCount === 0) {
    const [file] = config.inventory.files
    const message =
      file === undefined
        ? 'no inventory is configured: every device is unknown and there are no lights'
        : 'the inventory is empty: every device is unknown and there are no lights'
    const remedy = file === undefined ? 'name its files under inventory.files' : 'add nodes and devices'
    const place = { line: file === undefined ? 0 : 1, column: 1, path: 'inventory.files' }
    return { definitions, warnings: [{ file: file ?? configFile, ...place, message, remedy }] }
  }
  const live = new Set(config.rules.files)
  const own = new Set([...config.rules.files, ...config.rules.shadow])
  const places = placesOf(inventory)
  return {
    definitions,
    warnings: [
      ...inventoryWarnings(parts, opticClassesOf(rules)),
      ...ruleWarnings(rules, places, file => own.has(file)),
      // A file may be judged by live and in shadow.
      ...(shadow === null ? [] : ruleWarnings(shadow, places, file => !live.has(file) && own.has(file)))
    ]
  }
}

/** Prints what is doubtful and what there is; gives the number of warnings. */
export async function checkCommand(
  config: Config,
  configFile: string,
  print: (line: string) => void
): Promise<number> {
  const { definitions, warnings: ofFiles } = await checkDefinitions(config, configFile)
  const warnings = [...standbyWarnings(config, configFile), ...ofFiles]
  for (const warning of warnings) print(formatProblem({ ...warning, message: `warning: ${warning.message}` }))
  const { inventory, rules, shadow, profiles } = definitions
  print(
    `${warnings.length === 0 ? 'All correct' : `Correct, with ${warnings.length} warning${warnings.length === 1 ? '' : 's'}`}: ` +
      `${inventory.nodeCount} nodes, ${inventory.deviceCount} devices, ` +
      `${rules.rules.length} rules${shadow === null ? '' : ` (${shadow.rules.length} in shadow)`}, ${profiles.length} profile files.`
  )
  return warnings.length
}

const standbySessionMsMax = 6000
const thisMachine = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** What lets a standby come late, or to nothing. */
function standbyWarnings({ kafka, clickhouse }: Config, configFile: string): Problem[] {
  if (!kafka.standby) return []
  const warn = (path: string, message: string, remedy: string): Problem => ({
    ...{ file: configFile, line: 0, column: 1, path },
    message,
    remedy
  })
  return [
    ...(kafka.session_timeout_ms > standbySessionMsMax
      ? [
          warn(
            'kafka.session_timeout_ms',
            `a standby hears that the other daemon has crashed only after ${kafka.session_timeout_ms} ms`,
            `set it to ${standbySessionMsMax}, so that it has taken over within 10 s`
          )
        ]
      : []),
    ...(thisMachine.test(new URL(clickhouse.url).hostname)
      ? [
          warn(
            'clickhouse.url',
            'names this machine: a standby elsewhere would find another database, without what is stored here',
            'name the server that both daemons reach'
          )
        ]
      : [])
  ]
}

/** What rules can select by, of every device and of each of its ports; each combination once. */
function placesOf(inventory: CompiledInventory): Omit<SeriesAttributes, 'signal'>[] {
  const places = new Map<string, Omit<SeriesAttributes, 'signal'>>()
  for (let device = 0; device < inventory.deviceCount; device++) {
    const { role, vendor, model } = inventory.makeOf(device)
    const tier = inventory.tierOf(inventory.nodeOfDevice(device))
    const tags = tagsOfDevice(inventory, device)
    for (const port of [{ role: '', opticClass: '' }, ...inventory.device(device).ports]) {
      const place = { vendor, model, role, tier, port: port.role, opticClass: port.opticClass, tags }
      places.set(Object.values(place).join('|'), place)
    }
  }
  return [...places.values()]
}
