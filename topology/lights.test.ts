import { describe, expect, it } from 'vitest'
import { compileInventory, devicesOf, inventoryPart, nodesOf, type CompiledInventory } from './compile.ts'
import { explain } from './explain.ts'
import { createLightEngine, type LightEngine } from './lights.ts'
import { summariseAlarms, type NodeAlarms } from './lights/node-alarms.ts'
import { parseInventoryYaml } from './load.ts'

/** core → ou → ru → two campuses with a UPS each → two buildings each; du-5 has two ways up. */
const city = `
nodes:
  - {id: core, tier: core}
  - {id: ou, tier: district, parents: [core]}
  - {id: ru, tier: area, parents: [ou], devices: [{id: ru-sw, role: switch, identifiers: [ru-sw], ports: [{instance: 25, role: uplink}]}]}
  - id: ku1
    tier: campus
    name: КУ-1
    parents: [ru]
    devices:
      - {id: ku1-sw, role: switch, identifiers: [ku1-sw], ports: [{instance: 25, role: uplink}]}
      - {id: ku1-ups, role: ups, identifiers: [ku1-ups]}
  - id: ku2
    tier: campus
    parents: [ru]
    devices:
      - {id: ku2-sw, role: switch, identifiers: [ku2-sw], ports: [{instance: 25, role: uplink}]}
      - {id: ku2-ups, role: ups, identifiers: [ku2-ups]}
  - id: du1
    tier: building
    parents: [ku1]
    addresses: ["ул. Мира, 1"]
    subscribers: 10
    devices:
      - {id: du1-a, role: switch, identifiers: [du1-a], ports: [{instance: 25, role: uplink}]}
      - {id: du1-b, role: switch, identifiers: [du1-b]}
  - id: du2
    tier: building
    parents: [ku1]
    addresses: ["ул. Мира, 2", "ул. Мира, 2А"]
    subscribers: 20
    devices: [{id: du2-a, role: switch, identifiers: [du2-a], ports: [{instance: 25, role: uplink}]}]
  - id: du3
    tier: building
    parents: [ku2]
    subscribers: 30
    maintenance: true
    devices: [{id: du3-a, role: switch, identifiers: [du3-a]}]
  - {id: du4, tier: building, parents: [ku2], subscribers: 40}
  - {id: du5, tier: building, parents: [ku1, ku2], subscribers: 50}
`

const inventory = compileInventory([parseInventoryYaml('city.yaml', city)], 1)
const at = (id: string): number => inventory.nodeIndex(id)!
const device = (id: string): number => inventory.deviceIndex(id)!
const t0 = 1_700_000_000_000

function alarm(
  kind: NodeAlarms['kind'],
  light: 'red' | 'yellow',
  sinceMs: number,
  mains = false
): NodeAlarms {
  const id = `${kind}-${sinceMs}`
  return { light, kind, alarm: id, sinceMs, alarms: [id], mainsLostSinceMs: mains ? sinceMs : null }
}

const uplinkOn = new Map([
  ['ru', 'ru-sw'],
  ['ku1', 'ku1-sw'],
  ['ku2', 'ku2-sw'],
  ['du1', 'du1-a'],
  ['du2', 'du2-a']
])

/** The alarm of a node's only uplink. */
function linkDown(id: string, sinceMs: number): NodeAlarms {
  const ports = [
    { device: uplinkOn.get(id)!, instance: '25', sinceMs, alarm: `link-${sinceMs}`, isByHand: false }
  ]
  const told = { light: null, kind: 'link', alarm: `link-${sinceMs}` } as const
  return { ...told, sinceMs, alarms: [`link-${sinceMs}`], mainsLostSinceMs: null, ports }
}

const effective = (engine: LightEngine, ...ids: string[]) => ids.map(id => engine.light(at(id)).effective)
const says = (
  engine: LightEngine,
  id: string,
  nowMs: number,
  open: { id: string; text: { ru: string; en: string }; evidence?: { signal: string } }[] = [],
  lastHeardMs: number | null = null
) =>
  explain({
    inventory,
    node: at(id),
    lights: engine,
    alarms: open,
    incidents: engine.incidentsOf(at(id)),
    lastHeardMs,
    nowMs
  })

describe('lights', () => {
  it('shows as out what is cut off, with its cause, and counts each node once', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ru'), linkDown('ru', t0))
    const { lightChanges, incidentChanges } = engine.update(t0 + 500)
    expect(lightChanges).toHaveLength(8)
    expect(engine.light(at('du5'))).toEqual({
      own: 'green',
      effective: 'red',
      sinceMs: t0,
      cause: { by: 'upstream', node: 'ru', alarm: `link-${t0}`, kind: 'link' },
      maintenance: false
    })
    expect(engine.light(at('ou')).sinceMs).toBeNull()
    expect(incidentChanges).toHaveLength(1)
    expect(incidentChanges[0]).toMatchObject({
      change: 'opened',
      incident: {
        root: 'ru',
        kind: 'link',
        light: 'red',
        severity: 'critical',
        openedAtMs: t0,
        affectedNodes: 8,
        affectedAddresses: 3,
        affectedSubscribers: 150
      }
    })
    engine.setAlarms(at('ru'), null)
    const back = engine.update(t0 + 1000)
    expect(back.incidentChanges).toMatchObject([{ change: 'closed', incident: { closedAtMs: t0 + 1000 } }])
    expect([...back.lightChanges].every(change => change.to === 'green')).toBe(true)
    expect(engine.incidents()).toEqual([])
  })

  it('shows yellow where one of several ways is lost, and red only where all are', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), linkDown('ku1', t0))
    engine.update(t0)
    expect(effective(engine, 'ku1', 'du1', 'du5')).toEqual(['red', 'red', 'yellow'])
    expect(engine.light(at('du5')).cause).toMatchObject({ by: 'upstream', node: 'ku1' })
    expect(engine.wayToCore(at('du5')).map(i => inventory.nodeId(i))).toEqual(['ku2', 'ru', 'ou', 'core'])
    engine.setAlarms(at('ku2'), linkDown('ku2', t0 + 1))
    engine.update(t0 + 1)
    expect(effective(engine, 'du5', 'du4')).toEqual(['red', 'red'])
    expect(engine.incidents().map(incident => [incident.root, incident.affectedNodes])).toEqual([
      ['ku1', 4],
      ['ku2', 3]
    ])
  })

  it('re-links a child when its parent fails later, and shows what is still bad when the parent clears', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('du1'), alarm('optics', 'red', t0))
    const first = engine.update(t0).incidentChanges[0]!.incident
    engine.setAlarms(at('ku1'), linkDown('ku1', t0 + 60_000))
    const changes = engine.update(t0 + 60_000).incidentChanges
    expect(changes.map(({ change, incident }) => [change, incident.root, incident.id])).toEqual([
      ['changed', 'ku1', first.id]
    ])
    expect(engine.light(at('du1'))).toMatchObject({ own: 'red', effective: 'red', cause: { node: 'ku1' } })
    engine.setAlarms(at('ku1'), null)
    engine.update(t0 + 120_000)
    expect(effective(engine, 'du1', 'du2')).toEqual(['red', 'green'])
    expect(engine.incidents()).toMatchObject([{ root: 'du1', kind: 'optics', openedAtMs: t0 }])
  })

  it('opens no incident for the silence of a child below a failed parent', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), linkDown('ku1', t0))
    engine.setDeviceSilence(device('du2-a'), t0 + 100)
    engine.update(t0 + 1000)
    expect(engine.incidents()).toHaveLength(1)
  })

  it('tells part of the devices silent from all of them, and a building alone from its parent', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(device('du1-a'), t0)
    engine.update(t0)
    expect(engine.light(at('du1'))).toMatchObject({ own: 'yellow', cause: { by: 'silence', kind: 'device' } })
    expect(engine.incidents()).toEqual([])
    engine.setDeviceSilence(device('du1-b'), t0 + 5000)
    engine.update(t0 + 5000)
    expect(engine.light(at('du1'))).toMatchObject({
      own: 'grey',
      sinceMs: t0 + 5000,
      cause: { kind: 'unknown' }
    })
    expect(engine.incidents()).toMatchObject([
      { root: 'du1', kind: 'unknown', light: 'grey', severity: 'critical' }
    ])
  })

  it('does not call a node unreachable that still reports below a silent one', () => {
    const engine = createLightEngine(inventory)
    for (const id of ['ku1-sw', 'ku1-ups', 'du2-a']) engine.setDeviceSilence(device(id), t0)
    engine.update(t0)
    expect(effective(engine, 'ku1', 'du1', 'du2')).toEqual(['grey', 'green', 'grey'])
    expect(engine.light(at('du2')).cause).toMatchObject({ by: 'upstream', node: 'ku1' })
  })

  it('says no data yet of a node that has never reported, without an incident', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(device('du2-a'), t0, true)
    engine.update(t0)
    expect(effective(engine, 'du2')).toEqual(['grey'])
    expect(engine.incidents()).toEqual([])
    expect(says(engine, 'du2', t0).ru).toBe('Данных от узла ещё не было, состояние неизвестно.')
    engine.setDeviceSilence(device('du2-a'), null)
    engine.update(t0 + 1)
    expect(effective(engine, 'du2')).toEqual(['green'])
  })

  it('gives dark buildings to the power incident of the node above them', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(device('du2-a'), t0)
    engine.setAlarms(at('du1'), linkDown('du1', t0 + 10_000))
    engine.update(t0 + 10_000)
    expect(engine.incidents()).toHaveLength(2)
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0 + 30_000, true))
    engine.update(t0 + 30_000)
    expect(engine.incidents()).toMatchObject([
      {
        root: 'ku1',
        kind: 'power',
        light: 'yellow',
        severity: 'critical',
        affectedNodes: 3,
        affectedSubscribers: 30
      }
    ])
    expect(effective(engine, 'ku1', 'du1', 'du2', 'du5')).toEqual(['yellow', 'red', 'red', 'green'])
    expect(engine.light(at('du2')).cause).toMatchObject({ by: 'upstream', node: 'ku1', kind: 'power' })
    engine.setAlarms(at('ku1'), null)
    engine.setAlarms(at('du1'), null)
    engine.update(t0 + 60_000)
    expect(engine.incidents()).toMatchObject([{ root: 'du2', kind: 'unknown' }])
  })

  it('leaves a building that went dark long before the power cut its own incident', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(device('du2-a'), t0)
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0 + 3_600_000, true))
    engine.update(t0 + 3_600_000)
    expect(engine.incidents().map(incident => incident.root)).toEqual(['ku1', 'du2'])
  })

  it('does not take a worn battery for a power cut', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0))
    engine.setDeviceSilence(device('du2-a'), t0 + 1000)
    engine.update(t0 + 1000)
    expect(engine.incidents().map(incident => incident.root)).toEqual(['ku1', 'du2'])
  })

  it('tells the first of buildings that go dark together at once, and goes on with it when the UPS has told of the mains', () => {
    const engine = createLightEngine(inventory, { settleMs: 3000, powerSettleMs: 45_000 })
    for (const id of ['du1', 'du2']) engine.setAlarms(at(id), linkDown(id, t0))
    const opened = [engine.update(t0), engine.update(t0 + 10_000)].flatMap(update => update.incidentChanges)
    expect(effective(engine, 'du1', 'du2')).toEqual(['red', 'red'])
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0 + 2000, true))
    opened.push(...engine.update(t0 + 17_000).incidentChanges, ...engine.update(t0 + 20_000).incidentChanges)
    expect(opened).toMatchObject([
      { change: 'opened', incident: { root: 'du1', kind: 'link', severity: 'critical', affectedNodes: 1 } },
      { change: 'changed', incident: { root: 'ku1', kind: 'power', severity: 'critical', affectedNodes: 3 } }
    ])
    expect(opened[1]!.incident.id).toBe(opened[0]!.incident.id)
    expect(effective(engine, 'ku1', 'du1', 'du2')).toEqual(['yellow', 'red', 'red'])
    expect(engine.light(at('du1')).cause).toMatchObject({ by: 'upstream', node: 'ku1', kind: 'power' })
    for (const id of ['du1', 'du2']) engine.setAlarms(at(id), null)
    expect(engine.update(t0 + 100_000).incidentChanges).toMatchObject([
      { change: 'changed', incident: { root: 'ku1', severity: 'critical', affectedNodes: 1 } }
    ])
    engine.setAlarms(at('ku1'), null)
    expect(engine.update(t0 + 400_000).incidentChanges).toMatchObject([{ change: 'closed' }])
    expect(engine.update(t0 + 500_000).incidentChanges).toEqual([])
  })

  it('opens the link incidents of the others when the UPS says nothing in time, and at once for a building alone', () => {
    const options = { settleMs: 3000, powerSettleMs: 45_000 }
    const together = createLightEngine(inventory, options)
    for (const id of ['du1', 'du2']) together.setAlarms(at(id), linkDown(id, t0))
    together.update(t0)
    expect(together.update(t0 + 3000).incidentChanges.map(({ incident }) => incident.root)).toEqual(['du1'])
    expect(together.nextDeadlineMs()).toBe(t0 + 45_000)
    expect(together.update(t0 + 44_999).incidentChanges).toEqual([])
    expect(together.update(t0 + 45_000).incidentChanges.map(({ incident }) => incident.root)).toEqual(['du2'])

    const alone = createLightEngine(inventory, options)
    alone.setAlarms(at('du1'), linkDown('du1', t0))
    alone.update(t0)
    // Another that went dark long before is no sign of a power cut.
    alone.setDeviceSilence(device('du2-a'), t0 - 600_000)
    alone.update(t0 + 1000)
    expect(alone.update(t0 + 3000).incidentChanges.map(({ incident }) => incident.root)).toEqual(['du1'])
  })

  it('keeps the kind of an open incident, unless it was not known or the mains turn out to be lost', () => {
    const engine = createLightEngine(inventory)
    const kinds = (): string[] => engine.incidents().map(({ kind }) => kind)
    engine.setAlarms(at('du1'), linkDown('du1', t0))
    engine.update(t0)
    engine.setAlarms(at('du1'), alarm('optics', 'red', t0 + 1000))
    engine.update(t0 + 1000)
    expect(kinds()).toEqual(['link'])
    engine.setAlarms(at('du1'), null)
    engine.setDeviceSilence(device('ku1-sw'), t0)
    engine.setDeviceSilence(device('ku1-ups'), t0)
    engine.update(t0 + 2000)
    expect(kinds()).toEqual(['unknown'])
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0, true))
    engine.update(t0 + 3000)
    expect(kinds()).toEqual(['power'])
  })

  it('waits for the UPS only where there is one that can speak', () => {
    const engine = createLightEngine(inventory, { settleMs: 3000, powerSettleMs: 45_000 })
    engine.setDeviceSilence(device('ku1-ups'), t0 - 60_000)
    for (const id of ['du1', 'du2']) engine.setAlarms(at(id), linkDown(id, t0))
    engine.update(t0)
    const roots = engine.update(t0 + 3000).incidentChanges.map(({ incident }) => incident.root)
    expect(roots.sort()).toEqual(['du1', 'du2'])
  })

  it('groups siblings that lose their mains within a minute, and no later ones', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku2'), alarm('power', 'yellow', t0, true))
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0 + 50_000, true))
    engine.setDeviceSilence(device('du2-a'), t0 + 55_000)
    engine.update(t0 + 60_000)
    expect(engine.incidents()).toMatchObject([{ root: 'ku2', kind: 'power', affectedNodes: 3 }])
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0 + 300_000, true))
    engine.update(t0 + 300_000)
    expect(engine.incidents()).toHaveLength(3)
  })

  it('takes a silent collector for grey, not red, and cuts nobody off', () => {
    const engine = createLightEngine(inventory)
    engine.setCollectorSilence('col-1', [at('ku1'), at('du1'), at('du2')], t0)
    engine.update(t0)
    expect(effective(engine, 'ku1', 'du1', 'du2', 'du5')).toEqual(['grey', 'grey', 'grey', 'green'])
    expect(engine.incidents()).toMatchObject([
      { root: 'col-1', kind: 'collector', light: 'grey', severity: 'warning', affectedNodes: 3 }
    ])
    engine.setAlarms(at('du1'), linkDown('du1', t0 + 1))
    engine.update(t0 + 1)
    expect(effective(engine, 'du1')).toEqual(['red'])
    engine.setCollectorSilence('col-1', [], null)
    engine.update(t0 + 2)
    expect(engine.incidents().map(incident => incident.root)).toEqual(['du1'])
  })

  it('waits for the parent before it opens an incident, but changes lights at once', () => {
    const engine = createLightEngine(inventory, { settleMs: 3000 })
    engine.setAlarms(at('du1'), linkDown('du1', t0))
    const { lightChanges, incidentChanges } = engine.update(t0)
    expect([...lightChanges]).toMatchObject([{ node: 'du1', to: 'red' }])
    expect(incidentChanges).toEqual([])
    expect(engine.nextDeadlineMs()).toBe(t0 + 3000)
    engine.setAlarms(at('ku1'), linkDown('ku1', t0))
    expect(engine.update(t0 + 1000).incidentChanges).toEqual([])
    expect(engine.update(t0 + 2999).incidentChanges).toEqual([])
    expect(engine.update(t0 + 3000).incidentChanges).toMatchObject([
      { change: 'opened', incident: { root: 'ku1' } }
    ])
    expect(engine.nextDeadlineMs()).toBeNull()
  })

  it('marks what is planned', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(device('du3-a'), t0)
    engine.update(t0)
    expect(engine.incidents()).toMatchObject([{ root: 'du3', maintenance: true }])
    expect(engine.light(at('du3')).maintenance).toBe(true)
    expect(says(engine, 'du3', t0 + 1).en).toMatch(/Planned work is under way\.$/)
  })

  it('counts nodes below a node once, rings included', () => {
    const engine = createLightEngine(inventory)
    expect(engine.below(at('core'))).toEqual({ nodes: 10, addresses: 3, subscribers: 150 })
    expect(engine.below(at('ru'))).toEqual(engine.below(at('ru')))
    expect(engine.below(at('du5'))).toEqual({ nodes: 1, addresses: 0, subscribers: 50 })
  })

  it('continues from what was stored: nothing is told twice, what has cleared is closed', () => {
    const before = createLightEngine(inventory)
    before.setAlarms(at('ku1'), linkDown('ku1', t0))
    before.setDeviceSilence(device('du3-a'), t0)
    before.update(t0)
    const stored = {
      lights: [...nodesOf(inventory)].map((node, i) => {
        const light = before.light(i)
        return { node: node.id, ...light, sinceMs: light.sinceMs ?? t0 }
      }),
      incidents: before.incidents()
    }
    const same = createLightEngine(inventory)
    same.restore(stored)
    same.setAlarms(at('ku1'), linkDown('ku1', t0))
    same.setDeviceSilence(device('du3-a'), t0)
    const unchanged = same.update(t0 + 9000)
    expect([unchanged.lightChanges.length, unchanged.incidentChanges]).toEqual([0, []])
    expect(same.incidents()).toEqual(before.incidents())
    const cleared = createLightEngine(inventory)
    cleared.restore(stored)
    cleared.setDeviceSilence(device('du3-a'), t0)
    const update = cleared.update(t0 + 9000)
    expect(update.incidentChanges).toMatchObject([{ change: 'closed', incident: { root: 'ku1' } }])
    expect([...update.lightChanges].map(change => [change.node, change.to])).toEqual([
      ['ku1', 'green'],
      ['du1', 'green'],
      ['du2', 'green'],
      ['du5', 'green']
    ])
  })

  it('takes what it knows over to another inventory, and closes incidents of nodes that are gone', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), linkDown('ku1', t0))
    engine.setAlarms(at('du4'), alarm('optics', 'yellow', t0))
    engine.update(t0)
    const nodes = [...nodesOf(inventory)]
      .filter(node => node.id !== 'du4')
      .map(node => (node.id === 'du5' ? { ...node, parents: ['ku2'] } : node))
    const next: CompiledInventory = compileInventory([inventoryPart(nodes, devicesOf(inventory))], 2)
    const update = engine.reload(next, t0 + 1000)
    expect([...update.lightChanges].map(change => [change.node, change.from, change.to])).toEqual([
      ['du5', 'yellow', 'green']
    ])
    expect(update.incidentChanges.map(({ change, incident }) => [change, incident.root])).toEqual([
      ['changed', 'ku1'],
      ['closed', 'du4']
    ])
    expect(engine.light(next.nodeIndex('du2')!).effective).toBe('red')
  })

  it('sums up alarms: worst first, then earliest', () => {
    const open = [
      { id: 'b', severity: 'minor', kind: 'power', raisedAtMs: 5 },
      { id: 'c', severity: 'major', kind: 'optics', raisedAtMs: 9 },
      { id: 'a', severity: 'major', kind: 'link', raisedAtMs: 7 }
    ] as const
    const meaning = (id: string) => ({
      isMainsLost: id === 'b',
      isSilence: false,
      port: null,
      isInPart: false
    })
    expect(summariseAlarms(open, ({ id }) => meaning(id))).toEqual({
      light: 'red',
      kind: 'link',
      alarm: 'a',
      sinceMs: 7,
      alarms: ['a', 'b', 'c'],
      mainsLostSinceMs: 5,
      isSilence: false,
      rest: {
        light: 'red',
        kind: 'link',
        sinceMs: 7,
        alarms: ['a', 'c'],
        isGrave: true,
        isOfLevel: false,
        isSilence: false
      }
    })
    const port = { device: 'sw', instance: '25', isByHand: false }
    const ports = summariseAlarms(open, ({ id }) => ({ ...meaning(id), port: id === 'a' ? port : null }))
    expect(ports).toMatchObject({
      light: 'red',
      kind: 'optics',
      alarms: ['a', 'b', 'c'],
      ports: [{ ...port, sinceMs: 7, alarm: 'a' }]
    })
    const inPart = summariseAlarms(open.slice(2), ({ id }) => ({ ...meaning(id), isInPart: true }))
    expect(inPart).toMatchObject({ light: 'yellow', kind: 'link', alarm: 'a' })
    const ofRing = (only: (id: string) => boolean) =>
      summariseAlarms(open, ({ id }) => ({ ...meaning(id), isOfRing: only(id) }))
    expect(ofRing(() => true)).toMatchObject({ isOfRing: true, isReachOnly: true })
    expect(ofRing(id => id === 'a')).not.toHaveProperty('isOfRing')
    expect(summariseAlarms([], () => meaning(''))).toBeNull()
  })
})

describe('last words', () => {
  /** Of a switch that was the only one of its node. */
  const gasp = (sinceMs: number): NodeAlarms => alarm('power', 'red', sinceMs, true)

  it('say at once that a node is without mains, and its links are down by that', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('du2'), gasp(t0))
    expect(engine.update(t0 + 500).incidentChanges).toMatchObject([
      { change: 'opened', incident: { root: 'du2', kind: 'power', severity: 'critical' } }
    ])
    engine.setAlarms(at('du2'), { ...linkDown('du2', t0 + 20_000), ...gasp(t0) })
    engine.update(t0 + 30_000)
    expect(engine.light(at('du2'))).toMatchObject({
      effective: 'red',
      cause: { by: 'alarm', node: 'du2', kind: 'power' }
    })
  })

  it('of several are one power cut, that goes on where a UPS says so, too', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('du1'), gasp(t0))
    const [opened] = engine.update(t0 + 500).incidentChanges
    engine.setAlarms(at('du2'), gasp(t0 + 900))
    engine.update(t0 + 1000)
    expect(engine.incidents()).toMatchObject([{ id: opened?.incident.id, root: 'du1', affectedNodes: 2 }])
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0 + 15_000, true))
    engine.update(t0 + 16_000)
    expect(engine.incidents()).toMatchObject([{ id: opened?.incident.id, root: 'ku1', affectedNodes: 3 }])
    expect(engine.light(at('du2'))).toMatchObject({
      effective: 'red',
      cause: { by: 'upstream', node: 'ku1', kind: 'power' }
    })
  })
})

describe('explain', () => {
  it('says what, where, how long and how many, in both languages', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), alarm('power', 'yellow', t0, true))
    for (const id of ['du1-a', 'du1-b', 'du2-a']) engine.setDeviceSilence(device(id), t0 + 1000)
    engine.update(t0 + 2000)
    const nowMs = t0 + 65 * 60_000
    expect(says(engine, 'du1', nowMs)).toEqual({
      ru: 'Узел без связи: отключение электропитания, узел «КУ-1». Длится 1 ч 5 мин. Затронуто: узлов 3, адресов 3, абонентов 30.',
      en: 'Unreachable: mains power lost, node КУ-1. Lasts 1 h 5 min. Affected: 3 nodes, 3 addresses, 30 subscribers.'
    })
    const open = [{ id: `power-${t0}`, text: { ru: 'ИБП на батарее.', en: 'UPS on battery.' } }]
    expect(says(engine, 'ku1', t0 + 30_000, open).ru).toBe(
      'Требует внимания: ИБП на батарее. Длится меньше минуты. Затронуто: узлов 3, адресов 3, абонентов 30.'
    )
    expect(says(engine, 'ku2', nowMs)).toEqual({ ru: 'Неисправностей не видно.', en: 'No fault is seen.' })
  })

  it('says that a node has no redundancy only of a link that is not there', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), alarm('link', 'yellow', t0))
    engine.update(t0)
    const open = { id: `link-${t0}`, text: { ru: 'Порт 25.', en: 'Port 25.' } }
    const of = (signal: string): string =>
      says(engine, 'ku1', t0 + 120_000, [{ ...open, evidence: { signal } }]).en
    expect(of('if.oper_status')).toMatch(/^Runs without redundancy: Port 25\. Lasts 2 min/)
    expect(of('if.in_errors')).toMatch(/^Needs attention: Port 25\. Lasts 2 min/)
  })

  it('tells a node that still answers below a cut one from one that does not', () => {
    const engine = createLightEngine(inventory)
    engine.setAlarms(at('ku1'), linkDown('ku1', t0))
    engine.setDeviceSilence(device('du2-a'), t0)
    engine.update(t0)
    expect(says(engine, 'du1', t0, [], t0 - 1).en).toMatch(/^Unreachable because of a fault upstream: link/)
    expect(says(engine, 'du1', t0, [], t0 + 1).en).toMatch(
      /^Service may suffer from a fault upstream \(link down/
    )
    expect(says(engine, 'du2', t0).en).toMatch(/^Unreachable because of a fault upstream: link down/)
    expect(says(engine, 'du5', t0).en).toMatch(/^Runs without redundancy/)
  })

  it('says whose silence it is', () => {
    const engine = createLightEngine(inventory)
    engine.setDeviceSilence(device('du1-a'), t0)
    engine.setDeviceSilence(device('du3-a'), t0)
    engine.setCollectorSilence('c', [at('du2')], t0)
    engine.update(t0)
    expect(says(engine, 'du1', t0).en).toMatch(/^Some devices do not answer: 1 of 2/)
    expect(says(engine, 'du3', t0 + 49 * 3_600_000).ru).toMatch(/^Узел не отвечает.* Длится 2 сут 1 ч/)
    expect(says(engine, 'du2', t0).ru).toMatch(/^Молчит сборщик данных/)
  })
})
