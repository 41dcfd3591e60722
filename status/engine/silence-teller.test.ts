import { describe, expect, it } from 'vitest'
import { createAlarmEngine } from '../../rules/alarms.ts'
import { checkRules } from '../../rules/check.ts'
import { deviceStateBytes, deviceStateOver } from '../../rules/series-state.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createLightEngine } from '../../topology/lights.ts'
import type { InventoryDevice, InventoryNode } from '../../topology/model.ts'
import { createSilenceTeller } from './silence-teller.ts'
import { createSilenceWatch } from './silence.ts'

const s = 1000
const campuses = 4

/** Campuses with a switch, which one collector polls, and a UPS and two houses, which another does. */
function network(isOfA = (id: string): boolean => /^ku\d-sw$/.test(id)) {
  const nodes: InventoryNode[] = []
  const devices: InventoryDevice[] = []
  const node = (id: string, tier: InventoryNode['tier'], parents: string[]): void => {
    nodes.push({
      id,
      tier,
      parents,
      name: id,
      addresses: [],
      subscribers: 1,
      premises: '',
      maintenance: false
    })
  }
  const device = (id: string, of: string, role: string): void => {
    devices.push({ id, node: of, identifiers: [id], role, vendor: '', model: '', intervalS: 0, ports: [] })
  }
  node('core', 'core', [])
  for (let k = 0; k < campuses; k++) {
    node(`ku${k}`, 'campus', ['core'])
    device(`ku${k}-sw`, `ku${k}`, 'switch')
    device(`ku${k}-ups`, `ku${k}`, 'ups')
    for (const h of [0, 1]) {
      node(`du${k}${h}`, 'building', [`ku${k}`])
      device(`du${k}${h}-sw`, `du${k}${h}`, 'switch')
    }
  }
  const inventory = compileInventory([inventoryPart(nodes, devices)], 1)
  const state = deviceStateOver(new ArrayBuffer(deviceStateBytes(64)), 64)
  const alarms = createAlarmEngine(checkRules([]).compiled!)
  const lights = createLightEngine(inventory)
  const options = { defaultIntervalMs: 60 * s, factor: 3, graceMs: 0, collectorDevicesMin: 3 }
  const silence = createSilenceWatch(inventory, state, options, 0, {
    isExplained: at => lights.isExplained(at),
    readMs: source => state.lastSeenMs[source]!
  })
  const teller = createSilenceTeller({ inventory: () => inventory, silence, alarms, lights })
  for (let index = 0; index < inventory.deviceCount; index++) {
    const collector = isOfA(inventory.deviceId(index)) ? 'a' : 'b'
    silence.watch({ known: index, index, collector })
  }
  let nowMs = 0
  return {
    run: (toS: number, isHeard: (id: string) => boolean): void => {
      for (; nowMs < toS * s; nowMs += s) {
        for (let index = 0; index < inventory.deviceCount; index++)
          if ((nowMs / s) % 60 === (index * 7) % 60 && isHeard(inventory.deviceId(index)))
            state.lastSeenMs[index] = nowMs
        teller.sweep(nowMs, nowMs)
        lights.update(nowMs)
      }
    },
    incidents: () =>
      lights.incidents().map(({ root, kind, affectedNodes }) => `${root} ${kind} ${affectedNodes}`),
    light: (id: string) => lights.light(inventory.nodeIndex(id)!).effective,
    silent: () => [...alarms.open()].map(({ device: of }) => of)
  }
}

describe('a site of which a collector has lost everything', () => {
  const isPolled = (id: string): boolean => /^ku[0-3]/.test(id)

  it('is dark when those that hang on it fall silent together, and not when one is heard, or they do so apart', () => {
    const { run, incidents, light } = network(isPolled)
    run(1200, () => true)
    run(1800, id => !isPolled(id))
    expect(incidents()).toEqual(['a collector 4'])
    run(2400, id => !isPolled(id) && !/^du0/.test(id))
    expect(incidents().sort()).toEqual(['a collector 3', 'ku0 unknown 3'])
    expect(light('ku0')).toBe('grey')
    // They are back before the collector is.
    run(3000, id => !isPolled(id))
    expect(incidents()).toEqual(['a collector 4'])
    run(3600, id => !isPolled(id) && id !== 'du10-sw')
    expect(incidents().sort()).toEqual(['a collector 4', 'du10 unknown 1'])
    run(4200, id => !isPolled(id) && !/^du1/.test(id))
    expect(incidents().sort()).toEqual(['a collector 4', 'du10 unknown 1', 'du11 unknown 1'])
    run(4800, () => true)
    expect(incidents()).toEqual([])
  })
})

describe('a site of which a collector has lost a device', () => {
  const isOfA = (id: string): boolean => /^ku\d-sw$/.test(id)
  const isCut = (id: string): boolean => /^[kd]u0/.test(id)

  it('is dark when the others of it fall silent, and explains what hangs on it', () => {
    const { run, incidents, light, silent } = network()
    run(1200, () => true)
    expect(incidents()).toEqual([])
    run(1800, id => !isOfA(id))
    expect(incidents()).toEqual(['a collector 0'])
    expect(light('ku0')).toBe('green')
    run(2400, id => !isOfA(id) && !isCut(id))
    expect(incidents().sort()).toEqual(['a collector 0', 'ku0 unknown 3'])
    expect(light('ku0')).toBe('grey')
    expect(silent()).toEqual([])
    run(3000, id => !isOfA(id))
    expect(incidents()).toEqual(['a collector 0'])
    expect(light('ku0')).toBe('green')
    run(3600, () => true)
    expect(incidents()).toEqual([])
  })

  it('is dark yet when the collector is back and its device is not, and no longer when that is heard', () => {
    const { run, incidents, light, silent } = network()
    run(1200, () => true)
    run(1800, id => !isOfA(id))
    run(2400, id => !isOfA(id) && !isCut(id))
    run(3000, id => !isCut(id))
    expect(incidents()).toEqual(['ku0 unknown 3'])
    run(3600, id => id === 'ku0-sw' || !/^ku0/.test(id))
    expect(light('ku0')).toBe('yellow')
    expect(silent()).toEqual(['ku0-ups'])
    run(4200, () => true)
    expect(incidents()).toEqual([])
    expect(silent()).toEqual([])
  })
})
