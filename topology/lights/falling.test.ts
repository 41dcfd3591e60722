import { describe, expect, it } from 'vitest'
import { compileInventory, type CompiledInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'

const t0 = 1_700_000_000_000
const read = (text: string): CompiledInventory => compileInventory([parseInventoryYaml('city.yaml', text)], 1)

const inventory = read(`
nodes:
  - {id: core, tier: core}
  - {id: ra, tier: area, parents: [core]}
  - {id: rb, tier: area, parents: [core]}
  - {id: ku, tier: campus, parents: [ra]}
  - {id: du, tier: building, parents: [ku], addresses: ['Lesnaya 1'], subscribers: 40}
  - {id: twice, tier: campus, parents: [ra, rb], devices: [{id: sw, role: switch, identifiers: [sw], ports: [{instance: 26, role: uplink, peer: rb}]}]}
  - {id: behind, tier: building, parents: [twice], subscribers: 7}
  - {id: r1, tier: campus, parents: [ra, r2]}
  - {id: r2, tier: campus, parents: [r1, r3]}
  - {id: r3, tier: campus, parents: [r2, rb]}
  - {id: s1, tier: campus, parents: [rb, s2]}
  - {id: s2, tier: campus, parents: [s1, s3]}
  - {id: s3, tier: campus, parents: [s2, rb]}
`)
const at = (id: string): number => inventory.nodeIndex(id)!

describe('what falls with a node', () => {
  it('is what hangs on it alone: not what has another way, be it in a ring', () => {
    const engine = createLightEngine(inventory)
    expect(engine.falling(at('ku'))).toEqual({ nodes: 2, addresses: 1, subscribers: 40 })
    expect(engine.falling(at('ra'))).toEqual({ nodes: 3, addresses: 1, subscribers: 40 })
    expect(engine.falling(at('r2'))).toMatchObject({ nodes: 1 })
    // The second ring is fed by this one alone, at both its ends.
    expect(engine.falling(at('rb'))).toMatchObject({ nodes: 4 })
  })

  it('holds what has lost its other way already', () => {
    const engine = createLightEngine(inventory)
    const ports = [{ device: 'sw', instance: '26', sinceMs: t0, alarm: 'a', isByHand: false }]
    const about = { light: null, kind: 'link', alarm: 'a', sinceMs: t0, alarms: ['a'] } as const
    engine.setAlarms(at('twice'), { ...about, mainsLostSinceMs: null, ports })
    engine.update(t0)
    expect(engine.falling(at('ra'))).toEqual({ nodes: 5, addresses: 1, subscribers: 47 })
  })
})
