import { describe, expect, it } from 'vitest'
import { compileInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'
import { summariseAlarms, type AlarmLike } from './node-alarms.ts'

const yaml = `
nodes:
  - {id: core, tier: core}
  - id: ku
    tier: campus
    parents: [core]
    devices:
      - {id: ku-sw, role: switch, identifiers: [ku-sw], ports: [{instance: 25, role: uplink}]}
      - {id: ku-ups, role: ups, identifiers: [ku-ups]}
  - id: du
    tier: building
    parents: [ku]
    subscribers: 10
    devices:
      - {id: du-sw, role: switch, identifiers: [du-sw], ports: [{instance: 25, role: uplink}]}
      - {id: du-sw2, role: switch, identifiers: [du-sw2]}
`
const inventory = compileInventory([parseInventoryYaml('city.yaml', yaml)], 1)
const t0 = 1_700_000_000_000

type What = 'mains' | 'battery' | 'link' | 'switch' | 'level' | 'charging'
const about: Record<What, Pick<AlarmLike, 'severity' | 'kind'>> = {
  mains: { severity: 'warning', kind: 'power' },
  battery: { severity: 'minor', kind: 'power' },
  charging: { severity: 'minor', kind: 'power' },
  link: { severity: 'critical', kind: 'link' },
  switch: { severity: 'warning', kind: 'device' },
  level: { severity: 'warning', kind: 'optics' }
}

function network(city = inventory) {
  const engine = createLightEngine(city, { recoverMs: 300_000, reopenMs: 900_000 })
  const ids: string[] = []
  const letter = (id: string): string => {
    if (!ids.includes(id)) ids.push(id)
    return String.fromCharCode(97 + ids.indexOf(id))
  }
  const open = new Map<string, Map<What, number>>()
  return {
    engine,
    /** What is wrong at a node, each since when (s). */
    set: (node: string, alarms: Partial<Record<What, number>>): void => {
      open.set(node, new Map(Object.entries(alarms) as [What, number][]))
      const list = [...open.get(node)!].map(([what, atS]) => ({
        id: `${node}-${what}-${atS}`,
        what,
        raisedAtMs: t0 + atS * 1000,
        ...about[what]
      }))
      const told = summariseAlarms(list, ({ what }) => ({
        isMainsLost: what === 'mains',
        isSilence: what === 'switch',
        port: what === 'link' ? { device: `${node}-sw`, instance: '25', isByHand: false } : null,
        isInPart: false,
        isRisk: what === 'level' || what === 'mains',
        isLeftByCut: what === 'charging'
      }))
      engine.setAlarms(city.nodeIndex(node)!, told)
    },
    update: (atS: number): readonly string[] =>
      engine.update(t0 + atS * 1000).incidentChanges.map(({ change, incident }) => {
        const into = incident.mergedInto === undefined ? '' : ` into ${letter(incident.mergedInto)}`
        return `${change} ${letter(incident.id)} ${incident.root} ${incident.kind}${into}`
      }),
    alarmsOf: () => engine.incidents().map(({ id, alarms }) => `${letter(id)}: ${alarms.join(' ')}`)
  }
}

describe('two faults at one node', () => {
  it('are told each, and over each by itself: a battery that is worn, and a loss of mains', () => {
    const { set, update, alarmsOf, engine } = network()
    set('ku', { battery: 0 })
    expect(update(5)).toEqual(['opened a ku power'])
    set('ku', { battery: 0, mains: 600 })
    expect(update(605)).toEqual(['opened b ku power'])
    expect(alarmsOf().sort()).toEqual(['a: ku-battery-0', 'b: ku-mains-600'])
    expect(engine.incidentsOf(inventory.nodeIndex('ku')!)).toHaveLength(2)
    set('ku', { battery: 0 })
    expect(update(1200)).toEqual(['closed b ku power'])
    // The next cut goes on where it was, and so does the battery.
    set('ku', { battery: 0, mains: 1500 })
    expect(update(1505)).toEqual(['opened b ku power'])
    set('ku', { mains: 1500 })
    expect(update(1600)).toEqual(['closed a ku power'])
    set('ku', {})
    expect(update(1700)).toEqual(['closed b ku power'])
  })

  it('are told of a battery that the loss of mains has shown to be worn when the mains are back', () => {
    const { set, update } = network()
    set('ku', { mains: 0 })
    expect(update(5)).toEqual(['opened a ku power'])
    set('ku', { mains: 0, battery: 300 })
    expect(update(305)).toEqual(['changed a ku power'])
    set('ku', { battery: 300 })
    expect(update(600)).toEqual(['closed a ku power'])
    // It may be over with the cut: a UPS counts its alarms a poll late.
    expect(update(899)).toEqual([])
    expect(update(900)).toEqual(['opened b ku power'])
    set('ku', {})
    expect(update(1000)).toEqual(['closed b ku power'])
  })

  it('go on as the same where a UPS on its battery did not say what it said before', () => {
    const { set, update } = network()
    set('ku', { battery: -2000 })
    expect(update(-1995)).toEqual(['opened a ku power'])
    set('ku', {})
    expect(update(0)).toEqual(['closed a ku power'])
    set('ku', { mains: 0 })
    expect(update(15)).toEqual(['opened b ku power'])
    set('ku', { mains: 0, battery: 1500 })
    update(1505)
    set('ku', { battery: 1500 })
    expect(update(1800)).toEqual(['closed b ku power'])
    expect(update(2100)).toEqual(['opened a ku power'])
  })

  it('are not made of what a loss of mains leaves behind: a battery that is charged again', () => {
    const { set, update } = network()
    set('ku', { mains: 0 })
    expect(update(5)).toEqual(['opened a ku power'])
    set('ku', { charging: 600 })
    expect(update(605)).toEqual(['changed a ku power'])
    set('ku', {})
    expect(update(4000)).toEqual(['closed a ku power'])
  })

  it('are a dead switch and the link of the other one, but not a level that sinks until the link is lost', () => {
    const { set, update } = network()
    set('du', { switch: 0 })
    expect(update(5)).toEqual(['opened a du device'])
    set('du', { switch: 0, link: 600 })
    expect(update(605)).toEqual(['opened b du link'])
    set('du', { switch: 0 })
    expect(update(1200)).toEqual(['closed b du link'])
    set('du', {})
    expect(update(1300)).toEqual(['closed a du device'])
    const other = network()
    other.set('du', { level: 0 })
    expect(other.update(5)).toEqual(['opened a du optics'])
    other.set('du', { level: 0, link: 600 })
    expect(other.update(605)).toEqual(['changed a du optics'])
  })

  it('are one where all of the node was silent before its link was seen to be down', () => {
    const { set, update, engine } = network()
    set('du', { switch: 0 })
    expect(update(5)).toEqual(['opened a du device'])
    for (const device of ['du-sw', 'du-sw2'])
      engine.setDeviceSilence(inventory.deviceIndex(device)!, t0 + 10_000)
    update(300)
    set('du', { switch: 0, link: 600 })
    expect(update(605)).toEqual(['changed a du link'])
  })

  it('are one where both came at once', () => {
    const { set, update } = network()
    set('du', { switch: 0 })
    expect(update(5)).toEqual(['opened a du device'])
    set('du', { switch: 0, link: 30 })
    expect(update(35)).toEqual(['changed a du link'])
  })

  it('are a dead switch and the power cut of what it hangs on, which has claimed the node', () => {
    const { set, update } = network()
    set('du', { switch: 0 })
    expect(update(5)).toEqual(['opened a du device'])
    set('ku', { mains: 600 })
    set('du', { switch: 0, link: 610 })
    expect(update(615)).toEqual(['opened b ku power'])
    set('du', { switch: 0 })
    expect(update(1200)).toEqual(['changed b ku power'])
    // Nothing of the node is on its way back any more.
    set('ku', {})
    expect(update(1300)).toEqual(['closed b ku power'])
    set('du', {})
    expect(update(1400)).toEqual(['closed a du device'])
  })

  it('stay two over a reload and a restart', () => {
    const { set, update, engine } = network()
    set('ku', { battery: 0 })
    update(5)
    set('ku', { battery: 0, mains: 600 })
    update(605)
    const next = compileInventory([parseInventoryYaml('city.yaml', yaml)], 2)
    expect(engine.reload(next, t0 + 700_000).incidentChanges).toEqual([])
    const open = [...engine.incidents()]
    for (const incidents of [open, open.reverse()]) {
      const after = network()
      after.engine.restore({ lights: [], incidents })
      after.set('ku', { battery: 0, mains: 600 })
      expect(after.update(800)).toEqual([])
      after.set('ku', { battery: 0 })
      after.update(900)
      expect(after.alarmsOf()).toEqual(['b: ku-battery-0'])
    }
  })
})
