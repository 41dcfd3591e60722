import { expect, it } from 'vitest'
import { generateCity } from '../../embedded/simulator/city.ts'
import { createAlarmEngine } from '../../rules/alarms.ts'
import { compileRules } from '../../rules/compile.ts'
import { createProgramTable } from '../../rules/program.ts'
import {
  deviceStateBytes,
  deviceStateOver,
  seriesStateBytes,
  seriesStateOver
} from '../../rules/series-state.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createLightEngine } from '../../topology/lights.ts'
import type { Turns } from '../slices.ts'
import { createStatusEngine } from './engine.ts'

const { nodes, devices } = generateCity({ nodes: 40, seed: 1 })
const inventory = compileInventory([inventoryPart([...nodes], [...devices])], 1)

/** A city of which nothing was ever heard: all of it turns grey at one tick. */
function city(turns?: Turns) {
  const rules = compileRules([])
  const lights = createLightEngine(inventory)
  const nothing = (): void => undefined
  let changes = 0
  const engine = createStatusEngine({
    inventory,
    rules,
    programs: createProgramTable(1),
    series: seriesStateOver(new ArrayBuffer(seriesStateBytes(1)), 1),
    devices: deviceStateOver(new ArrayBuffer(deviceStateBytes(1)), 1),
    alarms: createAlarmEngine(rules),
    lights,
    staleness: { defaultIntervalMs: 60_000, factor: 3, graceMs: 0, collectorDevicesMin: 5 },
    records: {
      series: nothing,
      alarms: nothing,
      lights: told => (changes += told.length),
      incidents: nothing,
      resources: nothing
    },
    startMs: 0,
    ...(turns === undefined ? {} : { turns })
  })
  const shown = (): string[] =>
    Array.from({ length: inventory.nodeCount }, (_, node) => lights.light(node).effective)
  /** Up to the tick at which all devices have missed their polls. */
  const run = (): void => {
    for (let nowMs = 10_000; nowMs <= 220_000; nowMs += 10_000) engine.tick(nowMs, nowMs)
  }
  return { run, shown, changes: () => changes }
}

it('goes on with what does not fit into a turn in the next ones, and comes to the same', () => {
  const atOnce = city()
  atOnce.run()
  expect(atOnce.shown()).toContain('grey')
  const waiting: (() => void)[] = []
  const inTurns = city({ slice: () => () => true, next: act => void waiting.push(act) })
  inTurns.run()
  // One node a turn, or a ring: the others keep their old light meanwhile.
  expect(inTurns.changes()).toBeLessThan(atOnce.changes() / 2)
  let turns = 0
  for (let act = waiting.shift(); act !== undefined; act = waiting.shift()) {
    expect(waiting).toEqual([])
    act()
    turns++
  }
  expect(turns).toBeGreaterThan(10)
  expect(inTurns.shown()).toEqual(atOnce.shown())
  expect(inTurns.changes()).toBe(atOnce.changes())
})
