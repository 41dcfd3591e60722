import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createAlarmEngine } from '../../../rules/alarms.ts'
import { compileRules } from '../../../rules/compile.ts'
import { createProgramTable } from '../../../rules/program.ts'
import {
  deviceStateBytes,
  deviceStateOver,
  seriesStateBytes,
  seriesStateOver
} from '../../../rules/series-state.ts'
import { packageRoot } from '../../../schemas/package-root.ts'
import { signalIds } from '../../../schemas/signals.ts'
import { compileInventory } from '../../../topology/compile.ts'
import { parseInventoryYaml } from '../../../topology/load.ts'
import { createSeriesRegistry } from '../series-registry.ts'
import { createSilenceWatch } from '../silence.ts'
import { createAbsences } from './absences.ts'

const file = 'rules/library/power.yaml'
const rules = compileRules([{ file, text: readFileSync(join(packageRoot, file), 'utf8') }])
const city = 'nodes: [{id: core, tier: core, devices: [{id: sw, role: switch, identifiers: [sw]}]}]'
const inventory = compileInventory([parseInventoryYaml('city.yaml', city)], 1)

it('ends what last words had raised before a restart, though they are not read again', () => {
  const condition = rules.conditions.find(({ signal }) => signal === signalIds.get('device.dying_gasp'))!.id
  const about = { condition, node: 'core', device: 'sw', instance: '', value: 1, limit: null }
  const before = createAlarmEngine(rules)
  before.apply({ ...about, on: true, timeMs: 100_000, coordinates: null })
  before.tick(100_000)
  expect([...before.open()]).toMatchObject([{ type: 'power.dying_gasp' }])

  const alarms = createAlarmEngine(rules, [...before.open()], before.drainStates())
  const state = seriesStateOver(new ArrayBuffer(seriesStateBytes(1)), 1)
  const devices = deviceStateOver(new ArrayBuffer(deviceStateBytes(1)), 1)
  const staleness = { defaultIntervalMs: 60_000, factor: 3, graceMs: 0, collectorDevicesMin: 5 }
  const silence = createSilenceWatch(inventory, devices, staleness, 0)
  silence.watch({ known: 0, index: 0, collector: 'col1' })
  const absences = createAbsences(inventory, rules, {
    registry: createSeriesRegistry(1, 1),
    state,
    programs: createProgramTable(1).table,
    silence,
    alarms,
    nodeOf: () => 'core',
    isCut: () => false,
    reports: new Map(),
    factor: 3
  })
  absences.sweep(900_000)
  alarms.tick(900_000)
  expect([...alarms.open()]).toHaveLength(1)
  devices.lastSeenMs[0] = 901_000
  absences.sweep(902_000)
  alarms.tick(902_000)
  expect([...alarms.open()]).toEqual([])
  expect(alarms.drain()).toMatchObject([{ change: 'cleared', atMs: 902_000 }])
})
