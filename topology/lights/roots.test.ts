import { describe, expect, it } from 'vitest'
import type { IncidentKind } from '../../schemas/words.ts'
import { compileInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'

/** Works on ru1; ku hangs on it alone, ring on ru1 and ru2. */
const inventory = compileInventory(
  [
    parseInventoryYaml(
      'city.yaml',
      `
nodes:
  - {id: core, tier: core}
  - {id: ru1, tier: area, parents: [core], maintenance: true}
  - {id: ru2, tier: area, parents: [core]}
  - {id: ku, tier: campus, parents: [ru1]}
  - {id: ring, tier: campus, parents: [ru1, ru2]}
  - {id: du, tier: building, parents: [ku], subscribers: 40}
`
    )
  ],
  1
)

describe('planned work', () => {
  const isPlanned = (node: string, kind: IncidentKind): boolean => {
    const lights = createLightEngine(inventory)
    lights.setAlarms(inventory.nodeIndex(node)!, {
      light: 'red',
      kind,
      alarm: 'a',
      sinceMs: 1000,
      alarms: ['a'],
      mainsLostSinceMs: null
    })
    const [change] = lights.update(2000).incidentChanges
    expect(change?.incident.root).toBe(node)
    expect(lights.light(inventory.nodeIndex(node)!).maintenance).toBe(change?.incident.maintenance)
    return change!.incident.maintenance
  }

  it('is inherited by what hangs on the node, however far below', () => {
    expect(isPlanned('ru1', 'link')).toBe(true)
    expect(isPlanned('ku', 'link')).toBe(true)
    expect(isPlanned('du', 'link')).toBe(true)
    expect(isPlanned('du', 'optics')).toBe(true)
  })

  it('is not inherited where another way leads up, nor for trouble of its own', () => {
    expect(isPlanned('ring', 'link')).toBe(false)
    expect(isPlanned('ru2', 'link')).toBe(false)
    expect(isPlanned('ku', 'power')).toBe(false)
    expect(isPlanned('ku', 'device')).toBe(false)
    expect(isPlanned('ru1', 'power')).toBe(true)
  })
})
