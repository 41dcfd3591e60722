import { describe, expect, it } from 'vitest'
import { compileInventory } from '../compile.ts'
import { createLightEngine, type LightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'
import { summariseAlarms, type AlarmLike, type NodeAlarms } from './node-alarms.ts'

/** A ring of three campuses, held by its feeder or by one of them. */
const city = `
nodes:
  - {id: cu, tier: core, devices: [{id: cu-sw, role: switch, identifiers: [cu-sw]}]}
  - id: k1
    tier: campus
    parents: [cu, k2]
    devices: [{id: k1-sw, role: switch, identifiers: [k1-sw], ports: [{instance: 25, role: uplink, peer: cu}, {instance: 26, role: uplink, peer: k2}]}]
  - id: k2
    tier: campus
    parents: [k1, k3]
    devices: [{id: k2-sw, role: switch, identifiers: [k2-sw], ports: [{instance: 25, role: uplink, peer: k1}, {instance: 26, role: uplink, peer: k3}]}]
  - id: k3
    tier: campus
    parents: [cu, k2]
    devices: [{id: k3-sw, role: switch, identifiers: [k3-sw], ports: [{instance: 25, role: uplink, peer: cu}, {instance: 26, role: uplink, peer: k2}]}]
`
const inventory = compileInventory([parseInventoryYaml('city.yaml', city)], 1)
const at = (id: string): number => inventory.nodeIndex(id)!
const ids = ['cu', 'k1', 'k2', 'k3']
const t0 = 1_700_000_000_000

/** What a node is told by its own alarms: of its ring, of its port towards a neighbour. */
function told({
  ring,
  port
}: {
  ring?: number
  port?: readonly [string, string, number]
}): NodeAlarms | null {
  const open: AlarmLike[] = []
  if (ring !== undefined)
    open.push({ id: `ring-${ring}`, severity: 'warning', kind: 'link', raisedAtMs: ring })
  if (port !== undefined) open.push({ id: 'port', severity: 'critical', kind: 'link', raisedAtMs: port[2] })
  return summariseAlarms(open, ({ id }) => ({
    isMainsLost: false,
    isSilence: false,
    isInPart: false,
    port: id === 'port' ? { device: port![0], instance: port![1], isByHand: false } : null,
    ...(id !== 'port' && { isOfRing: true })
  }))
}

const lightsOf = (engine: LightEngine) => ids.map(id => engine.light(at(id)).effective)

describe('a ring that a switch says is broken', () => {
  it.each(['cu', 'k3'])('is told at %s, which holds it, where nothing else is known', owner => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at(owner), told({ ring: t0 }))
    const { incidentChanges } = engine.update(t0 + 1000)
    expect(lightsOf(engine)).toEqual(ids.map(id => (id === owner ? 'yellow' : 'green')))
    expect(incidentChanges).toMatchObject([
      { change: 'opened', incident: { root: owner, kind: 'link', severity: 'warning' } }
    ])
    engine.setAlarms(at(owner), null)
    expect(engine.update(t0 + 2000).incidentChanges).toMatchObject([{ change: 'closed' }])
    expect(lightsOf(engine)).toEqual(['green', 'green', 'green', 'green'])
  })

  it.each(['cu', 'k3'])('is the fault of a link that is known, and no more is told at %s', owner => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('k1'), told({ port: ['k1-sw', '26', t0] }))
    engine.update(t0 + 1000)
    engine.setAlarms(at(owner), told({ ring: t0 }))
    const { lightChanges, incidentChanges } = engine.update(t0 + 90_000)
    expect([...lightChanges, ...incidentChanges]).toEqual([])
    expect(lightsOf(engine)).toEqual(['green', 'yellow', 'yellow', 'green'])
    // It is mended, and the ring waits before it says so.
    engine.setAlarms(at('k1'), null)
    expect(engine.update(t0 + 200_000).incidentChanges).toMatchObject([{ change: 'closed' }])
    expect(lightsOf(engine)).toEqual(['green', 'green', 'green', 'green'])
    // It is over, and said anew.
    engine.setAlarms(at(owner), null)
    engine.update(t0 + 500_000)
    engine.setAlarms(at(owner), told({ ring: t0 + 600_000 }))
    expect(engine.update(t0 + 700_000).incidentChanges).toMatchObject([{ change: 'opened' }])
  })

  it.each(['cu', 'k3'])('goes on at the link that is found to be lost, when %s has said it before', owner => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at(owner), told({ ring: t0 }))
    const [opened] = engine.update(t0 + 1000).incidentChanges
    engine.setAlarms(at('k1'), told({ port: ['k1-sw', '26', t0] }))
    const { incidentChanges } = engine.update(t0 + 2000)
    expect(incidentChanges.map(({ change }) => change)).toEqual(['changed'])
    expect(engine.incidents()).toMatchObject([{ id: opened?.incident.id, kind: 'link' }])
    expect(engine.incidents()[0]?.root).not.toBe(owner)
    expect(lightsOf(engine)).toEqual(['green', 'yellow', 'yellow', 'green'])
  })

  it('is the fault of a node that is not reached', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(inventory.deviceIndex('k2-sw')!, t0)
    engine.update(t0 + 1000)
    engine.setAlarms(at('k3'), told({ ring: t0 }))
    expect(engine.update(t0 + 2000).incidentChanges).toEqual([])
  })

  it('does not hide what else its switch says', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('k1'), told({ port: ['k1-sw', '26', t0] }))
    engine.setAlarms(at('k3'), { ...told({ ring: t0 })!, isOfRing: false })
    engine.update(t0 + 1000)
    expect(engine.light(at('k3')).effective).toBe('yellow')
  })
})
