import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileInventory, inventoryPart, type CompiledInventory } from '../compile.ts'
import { createLightEngine, type LightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'
import type { InventoryDevice, InventoryNode } from '../model.ts'

const t0 = 1_700_000_000_000

const read = (text: string): CompiledInventory => compileInventory([parseInventoryYaml('city.yaml', text)], 1)

/** Tells which trunk ports are down, as `device/instance`; each node tells of its own devices. */
function portsDown(engine: LightEngine, inventory: CompiledInventory, ports: readonly string[], nowMs = t0) {
  for (let node = 0; node < inventory.nodeCount; node++) {
    const devices = inventory.devicesOfNode(node).map(inventory.deviceId)
    const told = ports.flatMap(port => {
      const [device = '', instance = '', byHand] = port.split('/')
      const isByHand = byHand !== undefined
      return devices.includes(device) ? [{ device, instance, sinceMs: nowMs, alarm: port, isByHand }] : []
    })
    const about = { light: null, kind: 'link', alarm: told[0]?.alarm ?? '', mainsLostSinceMs: null } as const
    const alarms = told.map(port => port.alarm)
    engine.setAlarms(node, told.length === 0 ? null : { ...about, sinceMs: nowMs, alarms, ports: told })
  }
  return engine.update(nowMs)
}

const lightsOf = (engine: LightEngine, inventory: CompiledInventory, ...ids: string[]): string[] =>
  ids.map(id => engine.light(inventory.nodeIndex(id)!).effective)

const about = (engine: LightEngine): (string | number)[][] =>
  engine.incidents().map(({ root, kind, severity, affectedNodes }) => [root, kind, severity, affectedNodes])

describe('ways of a node', () => {
  /** Two links to one parent, one of them an aggregate of two ports; the parent lists its end of the first. */
  const links = read(`
nodes:
  - id: core
    tier: core
    devices: [{id: core-sw, role: switch, identifiers: [core-sw], ports: [{instance: 1, role: downlink, peer: ku}]}]
  - id: ku
    tier: campus
    parents: [core]
    devices:
      - id: ku-sw
        role: switch
        identifiers: [ku-sw]
        ports:
          - {instance: 25, role: uplink}
          - {instance: 26, role: uplink, peer: core, lag: po1}
          - {instance: 27, role: uplink, peer: core, lag: po1}
          - {instance: 1, role: downlink, peer: du}
  - {id: du, tier: building, parents: [ku], subscribers: 9}
`)

  it.each([
    ['no port', [], ['green', 'green']],
    ['a link of its own', ['ku-sw/25'], ['yellow', 'green']],
    ['the other end of a link', ['core-sw/1'], ['yellow', 'green']],
    ['both ends of a link', ['core-sw/1', 'ku-sw/25'], ['yellow', 'green']],
    ['a member of an aggregate', ['ku-sw/26'], ['yellow', 'green']],
    ['an aggregate by its members', ['ku-sw/26', 'ku-sw/27'], ['yellow', 'green']],
    ['a link and one member of the aggregate', ['ku-sw/25', 'ku-sw/26'], ['yellow', 'green']],
    ['all links', ['ku-sw/25', 'ku-sw/26', 'ku-sw/27'], ['red', 'red']]
  ])('with %s down', (_, ports, expected) => {
    const engine = createLightEngine(links)
    portsDown(engine, links, ports)
    expect(lightsOf(engine, links, 'ku', 'du')).toEqual(expected)
    const severity = expected[0] === 'red' ? 'critical' : 'warning'
    const nodes = expected[0] === 'red' ? 2 : 1
    expect(about(engine)).toEqual(ports.length === 0 ? [] : [['ku', 'link', severity, nodes]])
    portsDown(engine, links, [], t0 + 1)
    expect(lightsOf(engine, links, 'ku', 'du')).toEqual(['green', 'green'])
  })

  it('judges an aggregate by its own port where that is listed', () => {
    const inventory = read(`
nodes:
  - {id: core, tier: core}
  - id: ku
    tier: campus
    parents: [core]
    devices:
      - id: sw
        role: switch
        identifiers: [sw]
        ports: [{instance: po1, role: uplink}, {instance: 26, role: uplink, lag: po1}, {instance: 27, role: uplink, lag: po1}]
`)
    expect([...inventory.linksOf]).toEqual([1])
    const engine = createLightEngine(inventory)
    portsDown(engine, inventory, ['sw/26'])
    expect(lightsOf(engine, inventory, 'ku')).toEqual(['yellow'])
    portsDown(engine, inventory, ['sw/po1'])
    expect(lightsOf(engine, inventory, 'ku')).toEqual(['red'])
  })

  it('takes no fault from a port that an engineer switched off, unless it cuts off', () => {
    const engine = createLightEngine(links)
    portsDown(engine, links, ['ku-sw/25/off'])
    expect(lightsOf(engine, links, 'ku', 'du')).toEqual(['yellow', 'green'])
    expect(engine.incidents()).toEqual([])
    portsDown(engine, links, ['ku-sw/25/off', 'ku-sw/26/off', 'ku-sw/27/off'])
    expect(about(engine)).toEqual([['ku', 'link', 'critical', 2]])
    // Down and switched off is one port of the aggregate, not two.
    portsDown(engine, links, ['ku-sw/25', 'ku-sw/26', 'ku-sw/26/off'])
    expect(lightsOf(engine, links, 'ku')).toEqual(['yellow'])
  })

  it('explains a link that is down by what it leads to, where that is out itself', () => {
    const engine = createLightEngine(links)
    portsDown(engine, links, ['ku-sw/25', 'ku-sw/26', 'ku-sw/27', 'ku-sw/1'])
    expect(about(engine)).toEqual([['ku', 'link', 'critical', 2]])
    expect(engine.light(links.nodeIndex('du')!).cause).toMatchObject({ by: 'upstream', node: 'ku' })
  })

  it('cuts nobody off for a colour', () => {
    const engine = createLightEngine(links)
    const alarms = { light: 'red', kind: 'optics', alarm: 'a', sinceMs: t0, alarms: ['a'] } as const
    engine.setAlarms(links.nodeIndex('ku')!, { ...alarms, mainsLostSinceMs: null })
    engine.update(t0)
    expect(lightsOf(engine, links, 'ku', 'du')).toEqual(['red', 'green'])
    expect(engine.incidents()).toMatchObject([{ root: 'ku', kind: 'optics', affectedNodes: 1 }])
  })
})

/** core feeds a ring of `size` at both its ends, and a building hangs on each of its nodes. */
function ringOf(size: number): CompiledInventory {
  const nodes: InventoryNode[] = []
  const devices: InventoryDevice[] = []
  const about = { name: '', addresses: [], premises: '', maintenance: false }
  const at = (i: number): string => (i < 0 || i >= size ? 'core' : `r${i}`)
  nodes.push({ ...about, id: 'core', tier: 'core', parents: [], subscribers: 0 })
  for (let i = 0; i < size; i++) {
    const neighbours = [...new Set([at(i - 1), at(i + 1)])]
    nodes.push({ ...about, id: `r${i}`, tier: 'campus', parents: neighbours, subscribers: 0 })
    nodes.push({ ...about, id: `b${i}`, tier: 'building', parents: [`r${i}`], subscribers: 10 })
    const ports = neighbours.map(peer => ({ instance: peer, role: 'uplink', peer, opticClass: '' }) as const)
    const make = { role: 'switch', vendor: '', model: '', intervalS: 0 }
    devices.push({ ...make, id: `s${i}`, node: `r${i}`, identifiers: [`s${i}`], ports })
  }
  return compileInventory([inventoryPart(nodes, devices)], 1)
}

describe('a ring', () => {
  it('cut in one place puts the two ends at risk and nobody off, in one incident', () => {
    const inventory = ringOf(6)
    const engine = createLightEngine(inventory)
    portsDown(engine, inventory, ['s2/r3', 's3/r2'])
    expect(lightsOf(engine, inventory, 'r1', 'r2', 'r3', 'r4', 'b2', 'b3')).toEqual([
      'green',
      'yellow',
      'yellow',
      'green',
      'green',
      'green'
    ])
    expect(about(engine)).toEqual([['r3', 'link', 'warning', 2]])
    expect(engine.wayToCore(inventory.nodeIndex('r3')!).map(inventory.nodeId)).toEqual(['r4', 'r5', 'core'])
    portsDown(engine, inventory, [], t0 + 1)
    expect(engine.incidents()).toEqual([])
  })

  it('cut in two places cuts off what lies between, and nothing else', () => {
    const inventory = ringOf(6)
    const engine = createLightEngine(inventory)
    portsDown(engine, inventory, ['s1/r2', 's4/r3'])
    expect(lightsOf(engine, inventory, 'r1', 'r2', 'r3', 'r4')).toEqual(['yellow', 'red', 'red', 'yellow'])
    expect(lightsOf(engine, inventory, 'b1', 'b2', 'b3', 'b4')).toEqual(['green', 'red', 'red', 'green'])
    const [first, ...others] = engine.incidents()
    expect(first).toMatchObject({
      kind: 'link',
      severity: 'critical',
      affectedNodes: 6,
      affectedSubscribers: 20,
      out: { nodes: 4, addresses: 0, subscribers: 20 }
    })
    expect(others).toEqual([])
  })

  it('is one incident though it is cut in another place later, and mended in one place first', () => {
    const inventory = ringOf(6)
    const engine = createLightEngine(inventory, { recoverMs: 300_000 })
    const told = (ports: readonly string[], ms: number) => {
      portsDown(engine, inventory, ports, t0 + ms)
      return engine.incidents().map(({ id, root, severity }) => ({ id, root, severity }))
    }
    const [first] = told(['s2/r3', 's3/r2'], 0)
    expect(first).toMatchObject({ root: 'r3', severity: 'warning' })
    const id = first!.id
    expect(told(['s2/r3', 's3/r2', 's0/core'], 600_000)).toEqual([{ id, root: 'r0', severity: 'critical' }])
    expect(told(['s2/r3', 's3/r2'], 1_200_000)).toEqual([{ id, root: 'r3', severity: 'critical' }])
    expect(told([], 1_300_000)).toEqual([])
  })

  it('loses one node: its neighbours are at risk and its building has no way', () => {
    const inventory = ringOf(5)
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(inventory.deviceIndex('s2')!, t0)
    portsDown(engine, inventory, ['s1/r2', 's3/r2'])
    expect(lightsOf(engine, inventory, 'r1', 'r3', 'r0', 'b1')).toEqual([
      'yellow',
      'yellow',
      'green',
      'green'
    ])
    expect(engine.light(inventory.nodeIndex('b2')!).cause).toMatchObject({ by: 'upstream', node: 'r2' })
    expect(engine.incidents()).toMatchObject([{ root: 'r2', affectedNodes: 4, out: { nodes: 2 } }])
  })

  it('shows as cut off exactly what cannot be reached over live links, whatever happened before', () => {
    const ports = fc.array(fc.record({ at: fc.nat(7), up: fc.boolean() }), { maxLength: 6 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(ports, { maxLength: 5 }), (size, steps) => {
        const inventory = ringOf(size)
        const engine = createLightEngine(inventory)
        const down = new Set<string>()
        for (const [step, changes] of steps.entries()) {
          for (const { at, up } of changes) {
            const i = at % size
            const name = `s${i}/${i === size - 1 ? 'core' : `r${i + 1}`}`
            if (up) down.delete(name)
            else down.add(name)
          }
          portsDown(engine, inventory, [...down], t0 + step)
        }
        const isDown = (i: number): boolean => down.has(`s${i}/${i === size - 1 ? 'core' : `r${i + 1}`}`)
        for (let i = 0; i < size; i++) {
          // Left over r0, which nothing here cuts from the core; right over the last.
          let right = true
          for (let k = i; k < size; k++) if (isDown(k)) right = false
          let left = size > 1 || !isDown(0)
          for (let k = 0; k < i; k++) if (isDown(k)) left = false
          const isReached = left || right
          expect(lightsOf(engine, inventory, `b${i}`)).toEqual([isReached ? 'green' : 'red'])
        }
        expect(engine.incidents().length > 0).toBe(down.size > 0)
      }),
      { numRuns: 300 }
    )
  })
})
