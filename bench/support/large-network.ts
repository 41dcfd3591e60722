import { generateCity } from '../../embedded/simulator/city.ts'
import { createAlarmEngine } from '../../rules/alarms.ts'
import { compileRules } from '../../rules/compile.ts'
import { createProgramTable } from '../../rules/program.ts'
import { createAnswers, type Answers } from '../../status/engine/answers.ts'
import { createStatusEngine } from '../../status/engine/engine.ts'
import { compileInventory, inventoryPart, type CompiledInventory } from '../../topology/compile.ts'
import type { InventoryNode } from '../../topology/model.ts'
import { createLightEngine } from '../../topology/lights.ts'
import { createSharedMemory, openSharedState } from '../../workers/memory/shared-state.ts'

/** A status engine over a generated city, told of faults directly: without Kafka, ClickHouse and records. */
export interface LargeNetwork {
  readonly inventory: CompiledInventory
  readonly view: Answers
  /** Raises an alarm on each node; the light engine makes lights and incidents of them. */
  fail(nodes: Iterable<number>, light: 'red' | 'yellow'): void
  clear(nodes: Iterable<number>): void
}

export function createLargeNetwork(nodes: number): Promise<LargeNetwork> {
  return createNetworkOf(generateCity({ nodes, seed: 1, equipment: 'light' }).nodes)
}

export async function createNetworkOf(nodes: readonly InventoryNode[]): Promise<LargeNetwork> {
  const inventory = compileInventory([inventoryPart(nodes, [])], 1)
  const shared = createSharedMemory({
    seriesMax: 1000,
    devicesMax: 1000,
    keyBytesMax: 1 << 16,
    programsMax: 64
  })
  const state = openSharedState(shared)
  const rules = compileRules([])
  const alarms = createAlarmEngine(rules)
  const lights = createLightEngine(inventory)
  const nothing = (): void => undefined
  const engine = createStatusEngine({
    inventory,
    rules,
    programs: createProgramTable(shared.kernel.programs),
    series: state.series,
    devices: state.devices,
    alarms,
    lights,
    staleness: { defaultIntervalMs: 3_600_000, factor: 3, graceMs: 3_600_000, collectorDevicesMin: 5 },
    records: { series: nothing, alarms: nothing, lights: nothing, incidents: nothing, resources: nothing },
    startMs: Date.now()
  })
  const view = await createAnswers({
    engine,
    alarms,
    lights,
    devices: state.devices,
    homeCities: [],
    readiness: () => ({ ready: true, parts: {} }),
    freshness: () => ({ asOfMs: Date.now(), lateMs: 0 }),
    nowMs: Date.now
  })
  const tick = (): void => engine.tick(Date.now(), Date.now())
  return {
    inventory,
    view,
    fail(failed, light) {
      for (const node of failed) {
        const alarm = `alarm-${node}`
        lights.setAlarms(node, {
          light,
          kind: 'link',
          alarm,
          sinceMs: Date.now(),
          alarms: [alarm],
          mainsLostSinceMs: null
        })
      }
      tick()
    },
    clear(mended) {
      for (const node of mended) lights.setAlarms(node, null)
      tick()
    }
  }
}
