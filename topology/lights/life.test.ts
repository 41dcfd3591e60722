import { describe, expect, it } from 'vitest'
import { compileInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'
import type { NodeAlarms } from './node-alarms.ts'

const switchOf = (id: string): string =>
  `[{id: ${id}-sw, role: switch, identifiers: [${id}-sw], ports: [{instance: 25, role: uplink}]}]`
const inventory = compileInventory(
  [
    parseInventoryYaml(
      'city.yaml',
      `
nodes:
  - {id: core, tier: core}
  - {id: ru, tier: area, parents: [core], devices: ${switchOf('ru')}}
  - {id: ku1, tier: campus, parents: [ru], devices: ${switchOf('ku1')}}
  - {id: ku2, tier: campus, parents: [ru], devices: ${switchOf('ku2')}}
  - {id: du1, tier: building, parents: [ku1], subscribers: 10, devices: ${switchOf('du1')}}
  - {id: du2, tier: building, parents: [ku1], subscribers: 20, devices: ${switchOf('du2')}}
`
    )
  ],
  1
)
const t0 = 1_700_000_000_000
const at = (id: string): number => inventory.nodeIndex(id)!

function city(settleMs = 0) {
  const engine = createLightEngine(inventory, { recoverMs: 300_000, reopenMs: 900_000, settleMs })
  const told: string[] = []
  /** Identities in the order of their first telling, so that a test reads `a`, `b`. */
  const ids: string[] = []
  const letter = (id: string): string => {
    if (!ids.includes(id)) ids.push(id)
    return String.fromCharCode(97 + ids.indexOf(id))
  }
  const set = (id: string, alarms: NodeAlarms | null): void => engine.setAlarms(at(id), alarms)
  const common = (alarm: string, sinceMs: number) => ({ alarm, sinceMs, alarms: [alarm] })
  return {
    engine,
    cut: (id: string, atS: number) => {
      const sinceMs = t0 + atS * 1000
      const ports = [{ device: `${id}-sw`, instance: '25', sinceMs, alarm: `${id}-l`, isByHand: false }]
      set(id, { light: null, kind: 'link', ...common(`${id}-l`, sinceMs), mainsLostSinceMs: null, ports })
    },
    mainsLost: (id: string, atS: number) => {
      const sinceMs = t0 + atS * 1000
      set(id, { light: 'yellow', kind: 'power', ...common(`${id}-p`, sinceMs), mainsLostSinceMs: sinceMs })
    },
    well: (id: string) => set(id, null),
    /** What was told, as `change identity root kind nodes`. */
    update: (atS: number): readonly string[] => {
      told.length = 0
      for (const { change, incident } of engine.update(t0 + atS * 1000).incidentChanges) {
        const into = incident.mergedInto === undefined ? '' : ` into ${letter(incident.mergedInto)}`
        const { id, root, kind, affectedNodes } = incident
        told.push(`${change} ${letter(id)} ${root} ${kind} ${affectedNodes}${into}`)
      }
      return [...told]
    }
  }
}

describe('the life of an incident', () => {
  it('keeps its identity when its cause shows later, and merges the others that were its consequences', () => {
    const { cut, update, engine } = city()
    cut('du1', 0)
    expect(update(0)).toEqual(['opened a du1 link 1'])
    cut('du2', 1)
    expect(update(1)).toEqual(['opened b du2 link 1'])
    cut('ku1', 2)
    expect(update(30)).toEqual(['changed a ku1 link 3', 'closed b du2 link 1 into a'])
    expect(engine.incidents()).toHaveLength(1)
    cut('ru', 3)
    expect(update(31)).toEqual(['changed a ru link 5'])
  })

  it('settles from when its trouble was seen first, though its cause shows meanwhile', () => {
    const { cut, update } = city(500)
    cut('du1', 0)
    expect(update(0)).toEqual([])
    cut('ku1', 0.3)
    expect(update(0.3)).toEqual([])
    cut('ru', 0.4)
    expect(update(0.4)).toEqual([])
    expect(update(0.5)).toEqual(['opened a ru link 5'])
  })

  it('goes on until what it explained is back, and opens nothing for that', () => {
    const { cut, well, update } = city()
    for (const id of ['ku1', 'du1', 'du2']) cut(id, 0)
    expect(update(0)).toEqual(['opened a ku1 link 3'])
    well('ku1')
    expect(update(600)).toEqual([])
    well('du1')
    expect(update(640)).toEqual([])
    well('du2')
    expect(update(660)).toEqual(['closed a ku1 link 3'])
  })

  it('leaves what is still bad after that to stand on its own', () => {
    const { cut, well, update, engine } = city()
    for (const id of ['ku1', 'du1']) cut(id, 0)
    update(0)
    well('ku1')
    update(600)
    expect(engine.nextDeadlineMs()).toBe(t0 + 900_000)
    expect(update(899)).toEqual([])
    expect(update(900)).toEqual(['opened b du1 link 1', 'closed a ku1 link 3'])
    expect(update(901)).toEqual([])
  })

  it('takes part in another fault above while its time to come back runs', () => {
    const { cut, well, update } = city()
    for (const id of ['ku1', 'du1']) cut(id, 0)
    update(0)
    well('ku1')
    update(600)
    cut('ru', 610)
    expect(update(610)).toEqual(['changed a ru link 5'])
  })

  it('continues when the same fault comes again soon, and is another when it comes late', () => {
    const { cut, well, update } = city()
    cut('du1', 0)
    update(0)
    well('du1')
    expect(update(100)).toEqual(['closed a du1 link 1'])
    cut('du1', 500)
    expect(update(500)).toEqual(['opened a du1 link 1'])
    well('du1')
    expect(update(600)).toEqual(['closed a du1 link 1'])
    cut('du1', 1600)
    expect(update(1600)).toEqual(['opened b du1 link 1'])
  })

  it('is one power cut while the mains come back site by site', () => {
    const { mainsLost, well, update, engine } = city()
    mainsLost('ku1', 0)
    mainsLost('ku2', 20)
    expect(update(30)).toEqual(['opened a ku1 power 2'])
    well('ku1')
    expect(update(1000)).toEqual(['changed a ku2 power 1'])
    expect(engine.nextDeadlineMs()).toBeNull()
    well('ku2')
    expect(update(1100)).toEqual(['closed a ku2 power 1'])
  })

  it('gives no time to come back from what is new: only from what another explained', () => {
    const { cut, update, engine } = city()
    engine.setCollectorSilence('col', ['ku1', 'ku2'].map(at), t0)
    expect(update(0)).toEqual(['opened a col collector 2'])
    cut('ku1', 10)
    expect(update(10)).toEqual(['opened b ku1 link 3', 'changed a col collector 1'])
  })

  it('gives time to come back to what was silent behind a node that is reached again, though that has trouble left', () => {
    const { engine, cut, update } = city()
    const silent = (device: string, ms: number | null): void =>
      engine.setDeviceSilence(inventory.deviceIndex(device)!, ms)
    cut('ku1', 0)
    silent('du1-sw', t0)
    expect(update(200)).toEqual(['opened a ku1 link 3'])
    const weak = { light: 'yellow', kind: 'optics', alarm: 'w', sinceMs: t0, alarms: ['w'] } as const
    engine.setAlarms(at('ku1'), { ...weak, mainsLostSinceMs: null })
    expect(update(600)).toEqual(['changed a ku1 link 1'])
    silent('du1-sw', null)
    expect(update(650)).toEqual([])
  })

  it('takes over a reload who has time to come back', () => {
    const { cut, well, update, engine } = city()
    for (const id of ['ku1', 'du1']) cut(id, 0)
    update(0)
    well('ku1')
    update(600)
    expect(engine.reload(inventory, t0 + 610_000).incidentChanges).toEqual([])
    well('du1')
    expect(update(620)).toEqual(['closed a ku1 link 3'])
  })
})
