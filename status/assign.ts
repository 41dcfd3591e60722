import type { CompiledRules } from '../rules/compile.ts'
import { assignProgram } from '../rules/kernel.ts'
import type { SeriesAttributes } from '../rules/model.ts'
import type { ProgramTableBuilder } from '../rules/program.ts'
import type { SeriesState } from '../rules/series-state.ts'
import type { Inventory } from '../topology/model.ts'
import type { SeriesRegistry } from './series-registry.ts'

/**
 * Picks the program of each series by what the inventory says of its device and port, and by the limits its own
 * module reports. The only place that writes SeriesState.program.
 */
export interface SeriesAssigner {
  /** Assigns one series; `raised` are conditions that are on already (restored alarms). */
  assign(series: number, raised?: ReadonlySet<number>): void
  /**
   * Takes a module's own limit read from a series of a limit signal; programs anew the series it limits.
   * Returns whether the signal is one that carries limits.
   */
  moduleLimit(series: number, value: number): boolean
  /** Assigns every series again, after a reload of inventory or rules. */
  reassignAll(
    inventory: Inventory,
    rules: CompiledRules,
    raisedOf: (series: number) => ReadonlySet<number> | undefined
  ): void
}

interface ModuleInstance {
  readonly limits: Map<number, number>
  /** Series that these limits may judge, by signal. */
  readonly limited: Map<number, number>
}

export function createSeriesAssigner(
  registry: SeriesRegistry,
  state: SeriesState,
  programs: ProgramTableBuilder,
  firstInventory: Inventory,
  firstRules: CompiledRules,
  raisedNow: (series: number) => ReadonlySet<number> | undefined
): SeriesAssigner {
  let inventory = firstInventory
  let rules = firstRules
  /** Program by attributes: thousands of series share a few dozen combinations. */
  let byAttributes = new Map<string, number>()
  /** Only instances whose module reports limits, or whose series could be judged by them. */
  let modules = new Map<string, ModuleInstance>()
  let limitedSignals = limitedSignalsOf(rules)

  const moduleOf = (series: number): ModuleInstance => {
    const key = `${registry.device(series)?.index ?? -1}/${registry.instance(series)}`
    let found = modules.get(key)
    if (found === undefined) modules.set(key, (found = { limits: new Map(), limited: new Map() }))
    return found
  }

  const programOf = (series: number): number => {
    const known = registry.device(series)?.known ?? -1
    // Nobody is told of a device the inventory does not know, so nothing of it is judged.
    if (known < 0) return 0
    const signal = registry.signal(series)
    const attributes = attributesOf(inventory, known, registry.instance(series), signal)
    if (limitedSignals.has(signal)) {
      const module = moduleOf(series)
      module.limited.set(signal, series)
      if (module.limits.size > 0) return programs.addProgram(rules.programFor(attributes, module.limits))
    }
    const { vendor, model, role, tier, port, opticClass } = attributes
    const key = `${signal}|${vendor}|${model}|${role}|${tier}|${port}|${opticClass}`
    let program = byAttributes.get(key)
    if (program === undefined) {
      program = programs.addProgram(rules.programFor(attributes))
      byAttributes.set(key, program)
    }
    return program
  }

  const assign = (series: number, raised?: ReadonlySet<number>): void =>
    assignProgram(programs.table, state, series, programOf(series), raised)

  return {
    assign,
    moduleLimit(series, value) {
      const signal = registry.signal(series)
      if (!rules.signalsNeedingLimits.has(signal)) return false
      const module = moduleOf(series)
      if (module.limits.get(signal) === value) return true
      module.limits.set(signal, value)
      for (const limited of module.limited.values()) assign(limited, raisedNow(limited))
      return true
    },
    reassignAll(nextInventory, nextRules, raisedOf) {
      inventory = nextInventory
      rules = nextRules
      limitedSignals = limitedSignalsOf(rules)
      byAttributes = new Map()
      const limits = modules
      modules = new Map()
      for (const [key, module] of limits) {
        if (module.limits.size > 0) modules.set(key, { limits: module.limits, limited: new Map() })
      }
      programs.clearPrograms()
      for (const series of registry.all()) assign(series, raisedOf(series))
    }
  }
}

function limitedSignalsOf(rules: CompiledRules): ReadonlySet<number> {
  return new Set([...rules.signalsNeedingLimits.values()].flat())
}

function attributesOf(
  inventory: Inventory,
  device: number,
  instance: string,
  signal: number
): SeriesAttributes {
  const { role, vendor, model } = inventory.makeOf(device)
  const port = inventory.port(device, instance)
  return {
    signal,
    vendor,
    model,
    role,
    tier: inventory.tierOf(inventory.nodeOfDevice(device)),
    port: port?.role ?? '',
    opticClass: port?.opticClass ?? ''
  }
}
