import { describe, expect, it } from 'vitest'
import { compileInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'
import type { NodeAlarms } from './node-alarms.ts'

/** Two districts; in the first two areas with a campus each, all with a UPS; two buildings on the first campus. */
const site = (id: string, parent: string, tier: string, about = ''): string =>
  `  - {id: ${id}, tier: ${tier}, parents: [${parent}]${about}, devices: [` +
  `{id: ${id}-sw, role: switch, identifiers: [${id}-sw], ports: [{instance: 25, role: uplink}]}, ` +
  `{id: ${id}-ups, role: ups, identifiers: [${id}-ups]}]}`
const house = (id: string, parent: string, about = ''): string =>
  `  - {id: ${id}, tier: building, parents: [${parent}], subscribers: 10${about}, devices: [` +
  `{id: ${id}-sw, role: switch, identifiers: [${id}-sw], ports: [{instance: 25, role: uplink}]}]}`
const read = (...lines: string[]) =>
  compileInventory([parseInventoryYaml('city.yaml', `nodes:\n${lines.join('\n')}\n`)], 1)
const inventory = read(
  '  - {id: core, tier: core}',
  site('ou1', 'core', 'district'),
  site('ou2', 'core', 'district'),
  site('ru1', 'ou1', 'area'),
  site('ru2', 'ou1', 'area'),
  site('ku1', 'ru1', 'campus'),
  site('ku2', 'ru2', 'campus'),
  site('ku3', 'ou2', 'campus'),
  house('du1', 'ku1'),
  house('du2', 'ku1')
)
const t0 = 1_700_000_000_000
const s = 1000

function network(city = inventory) {
  const engine = createLightEngine(city, { recoverMs: 300 * s, reopenMs: 900 * s })
  const at = (id: string): number => city.nodeIndex(id)!
  const last = new Map<string, number>()
  const pauses = new Map<string, number>()
  const back = new Map<string, number>()
  const alarms = (kind: NodeAlarms['kind'], id: string, atS: number) =>
    ({ kind, alarm: `${kind}-${id}`, sinceMs: t0 + atS * s, alarms: [`${kind}-${id}`] }) as const
  return {
    engine,
    at,
    /** From then on nobody is judged before those above were asked; `heard` says when each device was heard last (s). */
    listen: (heard: Record<string, number>) => {
      for (const [device, atS] of Object.entries(heard)) last.set(device, atS)
      engine.useRhythm({
        heardMs: device => t0 + (last.get(city.deviceId(device)) ?? -1000) * s,
        readMs: device => t0 + (last.get(city.deviceId(device)) ?? -1000) * s,
        pauseMs: device => (pauses.get(city.deviceId(device)) ?? 30) * s,
        intervalMs: () => 30 * s,
        limitMs: () => 105 * s,
        tellsLinks: () => true,
        awayFromMs: (device, atMs) =>
          atMs === t0 + (back.get(city.deviceId(device)) ?? NaN) * s ? t0 - 900 * s : atMs
      })
    },
    /** It had not been heard for long until then. */
    backAt: (device: string, atS: number) => back.set(device, atS),
    hear: (device: string, atS: number) => {
      pauses.set(device, atS - (last.get(device) ?? -1000))
      last.set(device, atS)
    },
    cut: (id: string, atS: number) => {
      const told = alarms('link', id, atS)
      const { sinceMs, alarm } = told
      const ports = [{ device: `${id}-sw`, instance: '25', sinceMs, alarm, isByHand: false }]
      engine.setAlarms(at(id), { light: null, ...told, mainsLostSinceMs: null, ports })
    },
    mainsLost: (id: string, atS: number) => {
      const told = alarms('power', id, atS)
      engine.setAlarms(at(id), { light: 'yellow', ...told, mainsLostSinceMs: told.sinceMs })
    },
    noTv: (id: string, atS: number) => {
      const told = alarms('optics', id, atS)
      const service = { name: 'catv', sinceMs: told.sinceMs }
      engine.setAlarms(at(id), { light: 'yellow', ...told, mainsLostSinceMs: null, service })
    },
    well: (id: string) => engine.setAlarms(at(id), null),
    update: (atS: number) =>
      engine
        .update(t0 + atS * s)
        .incidentChanges.map(({ change, incident: { root, kind, affectedSubscribers, mergedInto } }) =>
          [change, root, kind, affectedSubscribers, ...(mergedInto === undefined ? [] : ['merged'])].join(' ')
        )
  }
}

describe('a fault above one that stood before', () => {
  it('leaves it an incident of its own, and both end by themselves', () => {
    const { cut, well, update, engine, at } = network()
    cut('du1', 0)
    expect(update(5)).toEqual(['opened du1 link 10'])
    cut('ru1', 600)
    expect(update(605)).toEqual(['opened ru1 link 10'])
    expect(engine.light(at('du1')).cause).toMatchObject({ by: 'alarm', node: 'du1' })
    expect(engine.light(at('du2')).cause).toMatchObject({ by: 'upstream', node: 'ru1' })
    well('ru1')
    expect(update(900)).toEqual(['closed ru1 link 10'])
    well('du1')
    expect(update(1000)).toEqual(['closed du1 link 10'])
  })

  it('leaves the loss of one of two links an incident, and counts all with what is above while that lasts', () => {
    const city = read(
      '  - {id: core, tier: core}',
      site('ru1', 'core', 'area'),
      '  - {id: ku1, tier: campus, parents: [ru1], subscribers: 5, devices: [{id: ku1-sw, role: switch, identifiers: [ku1-sw], ' +
        'ports: [{instance: 25, role: uplink}, {instance: 26, role: uplink}]}]}'
    )
    const { cut, well, update, engine, at } = network(city)
    cut('ku1', 0)
    expect(update(5)).toEqual(['opened ku1 link 5'])
    cut('ru1', 600)
    expect(update(605)).toEqual(['opened ru1 link 5', 'changed ku1 link 0'])
    expect(engine.light(at('ku1'))).toMatchObject({ effective: 'red', cause: { node: 'ru1' } })
    expect(engine.incidents().map(({ root, severity }) => `${root} ${severity}`)).toEqual([
      'ku1 warning',
      'ru1 critical'
    ])
    well('ru1')
    expect(update(900)).toEqual(['changed ku1 link 5'])
    // The rest has five minutes to come back.
    expect(update(1201)).toEqual(['closed ru1 link 5'])
  })

  it('is not above at all where others that hang on it alone are heard since', () => {
    const said = (other: number): string[] => {
      const { engine, listen, hear, update } = network()
      const devices = { 'ku1-sw': -10, 'ku1-ups': -10, 'du1-sw': 300, 'du2-sw': 300 }
      listen({ 'ru1-sw': 400, 'ru1-ups': 400, 'ou1-sw': 400, 'ou1-ups': 400, ...devices })
      const silent = (id: string, atS: number): void =>
        engine.setDeviceSilence(inventory.deviceIndex(id)!, t0 + atS * s)
      silent('ku1-sw', -10)
      silent('ku1-ups', -10)
      expect(update(120)).toEqual(['opened ku1 unknown 0'])
      hear('du2-sw', other)
      silent('du1-sw', 300)
      return update(410)
    }
    // Nobody has been heard through it since: it may have failed altogether.
    expect(said(300)).toEqual(['changed ku1 unknown 10'])
    expect(said(390)).toEqual(['opened du1 unknown 10'])
  })

  it('takes over what it may have caused, be it seen up to two polls earlier', () => {
    const { cut, update } = network()
    cut('du1', 0)
    update(5)
    cut('ku1', 100)
    expect(update(100)).toEqual(['changed ku1 link 20'])
  })

  it('does not end a power cut below', () => {
    const { cut, mainsLost, update, engine, at } = network()
    mainsLost('ku1', 0)
    expect(update(5)).toEqual(['opened ku1 power 0'])
    cut('ru1', 600)
    expect(update(605)).toEqual(['opened ru1 link 20', 'changed ku1 power 0'])
    expect(engine.light(at('ku1'))).toMatchObject({ effective: 'red', cause: { node: 'ru1' } })
    expect(engine.incidents().map(({ root, kind }) => [root, kind])).toEqual([
      ['ku1', 'power'],
      ['ru1', 'link']
    ])
  })
})

describe('mains lost at several sites', () => {
  it('are one power cut in one part of the network, wherever its sites hang, and another in another part', () => {
    const { mainsLost, update } = network()
    mainsLost('ku1', 0)
    mainsLost('ku2', 20)
    mainsLost('ku3', 30)
    expect(update(60)).toEqual(['opened ku1 power 0', 'opened ku3 power 0'])
    mainsLost('ru2', 50)
    // Nearer to the core: the incident goes on there.
    expect(update(70)).toEqual(['changed ru2 power 0'])
  })

  it('are told at once, and the incident goes on at the top when that tells the same', () => {
    const { listen, mainsLost, update } = network()
    listen({ 'ku1-ups': 10, 'ru1-ups': 5, 'ou1-ups': 8 })
    mainsLost('ku1', 10)
    expect(update(25)).toEqual(['opened ku1 power 0'])
    mainsLost('ru1', 35)
    expect(update(50)).toEqual(['changed ru1 power 0'])
  })

  it('of which one lies in another part are told there when those above have been asked: they may be one power cut', () => {
    const { listen, mainsLost, update } = network()
    listen({ 'ku1-ups': 10, 'ru1-ups': 5, 'ou1-ups': 8, 'ku3-ups': 20, 'ru2-ups': 5, 'ou2-ups': 8 })
    mainsLost('ku1', 10)
    expect(update(25)).toEqual(['opened ku1 power 0'])
    mainsLost('ku3', 20)
    expect(update(35)).toEqual([])
    mainsLost('ou1', 38)
    mainsLost('ou2', 39)
    expect(update(60)).toEqual(['changed ou1 power 0'])
  })

  it('begin at the top again when the power cut there is over since a moment: those above are asked first', () => {
    const { listen, hear, mainsLost, well, update, engine } = network()
    mainsLost('ru1', -500)
    expect(update(-480)).toEqual(['opened ru1 power 0'])
    well('ru1')
    expect(update(-60)).toEqual(['closed ru1 power 0'])
    listen({ 'ku1-ups': 10, 'ru1-ups': 5, 'ou1-ups': 8 })
    mainsLost('ku1', 10)
    expect(update(25)).toEqual([])
    // The next poll of the district's UPS should be there.
    expect(engine.nextDeadlineMs()).toBe(t0 + 41 * s)
    hear('ru1-ups', 35)
    hear('ou1-ups', 38)
    expect(update(41)).toEqual([])
    mainsLost('ru1', 35)
    expect(update(50)).toEqual(['opened ru1 power 0'])
  })

  it('hang on feeders where the inventory says so: one over two districts, and neighbours on two', () => {
    const city = read(
      '  - {id: core, tier: core}',
      site('ou1', 'core', 'district'),
      site('ou2', 'core', 'district'),
      site('ku1', 'ou1', 'campus', ', mains: tp-7'),
      site('ku2', 'ou1', 'campus', ', mains: tp-8'),
      site('ku3', 'ou2', 'campus', ', mains: tp-7'),
      house('du3', 'ou2', ', mains: tp-7')
    )
    expect(city.node(city.nodeIndex('ku1')!).mains).toBe('tp-7')
    const { mainsLost, cut, update } = network(city)
    mainsLost('ku1', 0)
    mainsLost('ku2', 10)
    mainsLost('ku3', 20)
    cut('du3', 15)
    expect(update(30)).toEqual(['opened ku1 power 10', 'opened ku2 power 0'])
  })

  it('are asked for at the first poll of the UPS that came since, where the one before it was lost', () => {
    const { listen, hear, mainsLost, cut, update } = network()
    listen({ 'ku1-ups': -10, 'ku1-sw': 0 })
    cut('du1', 3)
    cut('du2', 3)
    expect(update(3)).toEqual(['opened du1 link 10'])
    // Its poll at 20 is lost.
    expect(update(24)).toEqual([])
    hear('ku1-ups', 50)
    expect(update(60)).toEqual([])
    mainsLost('ku1', 50)
    expect(update(66)).toEqual(['changed ku1 power 20'])
  })

  it('may have taken the UPS with them: it is waited for until it is silent itself', () => {
    const { listen, cut, update, engine } = network()
    listen({ 'ku1-ups': -10, 'ku1-sw': 0 })
    cut('du1', 3)
    cut('du2', 3)
    expect(update(3)).toEqual(['opened du1 link 10'])
    // It has missed two polls.
    expect(update(75)).toEqual([])
    expect(engine.nextDeadlineMs()).toBe(t0 + 97 * s)
    cut('ku1', 80)
    expect(update(80)).toEqual(['changed ku1 link 20'])
  })

  it('are asked for where the site above is heard again only now, and its UPS is not yet', () => {
    const { listen, cut, mainsLost, update, backAt } = network()
    listen({ 'ku1-ups': -900, 'ku1-sw': 3 })
    backAt('ku1-sw', 3)
    cut('du1', 3)
    cut('du2', 3)
    expect(update(4)).toEqual(['opened du1 link 10'])
    expect(update(40)).toEqual([])
    mainsLost('ku1', 25)
    expect(update(45)).toEqual(['changed ku1 power 20'])
  })

  it('are not waited for where a UPS that was heard since has said nothing', () => {
    const { listen, hear, cut, update } = network()
    listen({ 'ku1-ups': -10, 'ku1-sw': 0 })
    cut('du1', 3)
    cut('du2', 3)
    update(3)
    hear('ku1-ups', 20)
    expect(update(39)).toEqual([])
    expect(update(40)).toEqual(['opened du2 link 10'])
  })

  it('are asked for at the next poll where the last may have been made before and come after', () => {
    const { listen, hear, cut, mainsLost, update } = network()
    listen({ 'ku1-ups': -25, 'ku1-sw': 0 })
    cut('du1', 3)
    cut('du2', 3)
    update(3)
    hear('ku1-ups', 5)
    expect(update(30)).toEqual([])
    hear('ku1-ups', 35)
    expect(update(50)).toEqual([])
    mainsLost('ku1', 35)
    expect(update(51)).toEqual(['changed ku1 power 20'])
  })

  it('are told at once on one feeder, whatever the UPS of another may yet say', () => {
    const city = read(
      '  - {id: core, tier: core}',
      site('ku1', 'core', 'campus', ', mains: tp-7'),
      site('ku2', 'core', 'campus', ', mains: tp-8'),
      house('du1', 'ku1'),
      house('du2', 'ku1')
    )
    const { listen, mainsLost, cut, update } = network(city)
    listen({ 'ku1-ups': -5, 'ku2-ups': 16, 'ku1-sw': 0, 'ku2-sw': 16 })
    cut('du1', 3)
    cut('du2', 3)
    expect(update(3)).toEqual(['opened du1 link 10'])
    mainsLost('ku2', 16)
    expect(update(20)).toEqual(['opened ku2 power 0'])
    mainsLost('ku1', 18)
    expect(update(25)).toEqual(['changed ku1 power 20'])
  })

  it('explain links that one poll saw down later than it should have, but not a single one', () => {
    const said = (...houses: string[]): string[] => {
      const { cut, mainsLost, listen, update } = network()
      listen({ 'ku1-sw': 85, 'ku1-ups': 90, 'ru1-sw': 90, 'ru1-ups': 90, 'ou1-sw': 90, 'ou1-ups': 90 })
      mainsLost('ku1', 0)
      expect(update(20)).toEqual(['opened ku1 power 0'])
      for (const id of houses) cut(id, 85)
      return update(90)
    }
    expect(said('du1', 'du2')).toEqual(['changed ku1 power 20'])
    expect(said('du1')).toEqual(['opened du1 link 10'])
  })

  it('are lost where several on one feeder go dark together, though none has a UPS to tell', () => {
    const city = read(
      '  - {id: core, tier: core}',
      site('ku1', 'core', 'campus'),
      ...['du1', 'du2', 'du3'].map(id => house(id, 'ku1', ', mains: tp-7')),
      house('du4', 'ku1', ', mains: tp-8'),
      house('du5', 'ku1')
    )
    const orders = [
      ['du1', 'du2', 'du4', 'du5'],
      ['du5', 'du4', 'du2', 'du1']
    ]
    for (const order of orders) {
      const { cut, well, update, engine, at } = network(city)
      for (const id of order) cut(id, 0)
      expect(update(5)).toEqual(['opened du1 power 20', 'opened du4 link 10', 'opened du5 link 10'])
      expect(engine.light(at('du2'))).toMatchObject({
        effective: 'red',
        cause: { node: 'du1', kind: 'power' }
      })
      // Long after, it is another fault.
      cut('du3', 300)
      expect(update(305)).toEqual(['opened du3 link 10'])
      well('du1')
      expect(update(600)).toEqual([])
      well('du2')
      expect(update(660)).toEqual(['closed du1 power 20'])
    }
  })
})

describe('a power cut that goes on by stages', () => {
  it('takes in what goes dark together below a site that is without mains still, but not one alone', () => {
    const { cut, mainsLost, well, update } = network()
    mainsLost('ku1', 0)
    expect(update(5)).toEqual(['opened ku1 power 0'])
    cut('du1', 240)
    cut('du2', 250)
    expect(update(255)).toEqual(['changed ku1 power 20'])
    // They come back one after the other, and the last has its time for that.
    well('du1')
    expect(update(600)).toEqual(['changed ku1 power 0'])
    well('ku1')
    expect(update(700)).toEqual([])
    well('du2')
    expect(update(800)).toEqual(['closed ku1 power 0'])
    const other = network()
    other.mainsLost('ku1', 0)
    other.update(5)
    other.cut('du1', 240)
    expect(other.update(245)).toEqual(['opened du1 link 10'])
  })

  it('merges the first of them, which was told when it was alone', () => {
    const { cut, mainsLost, update } = network()
    mainsLost('ku1', 0)
    update(5)
    cut('du1', 240)
    expect(update(245)).toEqual(['opened du1 link 10'])
    cut('du2', 270)
    expect(update(275)).toEqual(['changed ku1 power 20', 'closed du1 link 10 merged'])
  })

  it('takes in who says that its mains are lost when those of what it hangs on are, unless it is on another feeder', () => {
    const { mainsLost, update } = network()
    mainsLost('ru1', 0)
    expect(update(5)).toEqual(['opened ru1 power 0'])
    mainsLost('ku1', 600)
    expect(update(605)).toEqual(['changed ru1 power 0'])
    const city = read(
      '  - {id: core, tier: core}',
      site('ru1', 'core', 'area', ', mains: tp-7'),
      site('ku1', 'ru1', 'campus', ', mains: tp-8')
    )
    const apart = network(city)
    apart.mainsLost('ru1', 0)
    apart.update(5)
    apart.mainsLost('ku1', 600)
    expect(apart.update(605)).toEqual(['opened ku1 power 0'])
  })
})

describe('a fault that was told first below its cause', () => {
  it('comes again as the same incident at its cause, and as another at the one below', () => {
    const { cut, well, update, engine } = network()
    const ids = (): string[] => engine.incidents().map(({ id }) => id)
    cut('du1', 0)
    expect(update(5)).toEqual(['opened du1 link 10'])
    cut('ku1', 1)
    expect(update(6)).toEqual(['changed ku1 link 20'])
    const first = ids()
    for (const id of ['du1', 'ku1']) well(id)
    expect(update(100)).toEqual(['closed ku1 link 20'])
    cut('ku1', 300)
    update(305)
    expect(ids()).toEqual(first)
    well('ku1')
    update(400)
    cut('du1', 800)
    update(805)
    expect(ids()).toHaveLength(1)
    expect(ids()).not.toEqual(first)
  })
})

describe('cable TV', () => {
  it('is one fault of what feeds neighbours where they lose it one after the other, and goes on at the last', () => {
    const { noTv, well, update, engine, at } = network()
    noTv('du1', 0)
    expect(update(5)).toEqual(['opened du1 optics 10'])
    noTv('du2', 100)
    expect(update(105)).toEqual(['changed du1 optics 20'])
    expect(engine.light(at('du2'))).toMatchObject({
      effective: 'yellow',
      cause: { by: 'alarm', node: 'du2' }
    })
    well('du1')
    expect(update(600)).toEqual(['changed du2 optics 10'])
    well('du2')
    expect(update(610)).toEqual(['closed du2 optics 10'])
  })

  it('is another fault where it is lost long after, or where the neighbour is cut off as well', () => {
    const { noTv, cut, update } = network()
    noTv('du1', 0)
    update(5)
    noTv('du2', 600)
    expect(update(605)).toEqual(['opened du2 optics 10'])
    cut('du2', 700)
    expect(update(700)).toEqual(['changed du2 optics 10'])
  })
})

describe('after a restart', () => {
  it('goes on with an incident whose cause is over until those below are back, and with one closed of late', () => {
    const before = network()
    for (const id of ['ku1', 'du1', 'du2']) before.cut(id, 0)
    expect(before.update(0)).toEqual(['opened ku1 link 20'])
    const [open] = before.engine.incidents()
    const closed = { ...open!, id: 'inc-2', root: 'ku3', closedAtMs: t0 + 500 * s }
    const { engine, cut, well, update } = network()
    engine.restore({ lights: [], incidents: [open!, closed] })
    cut('du1', 0)
    expect(update(600)).toEqual([])
    well('du1')
    expect(update(650)).toEqual(['closed ku1 link 20'])
    cut('ku3', 700)
    engine.update(t0 + 700 * s)
    expect(engine.incidents().map(({ id }) => id)).toEqual(['inc-2'])
  })
})

describe('a link that is seen to be down when what is above it is back', () => {
  /** An area's link is lost at 0 and back at 600; a port towards a building is seen to be down when the campus is polled at `seenS`. */
  const after = (seenS: number, before?: (net: ReturnType<typeof network>) => void) => {
    const net = network()
    net.cut('ru1', 0)
    expect(net.update(1)).toEqual(['opened ru1 link 20'])
    before?.(net)
    net.cut('du1', seenS)
    expect(net.update(560).filter(told => told.startsWith('opened'))).toEqual([])
    net.well('ru1')
    return net.update(600)
  }

  it('is a fault of its own at once, for nothing behind a lost link has to start', () => {
    expect(after(550)).toEqual(['opened du1 link 10', 'closed ru1 link 20'])
  })

  it('has its time where it was seen about when the link above was lost', () => {
    expect(after(2).filter(told => told.startsWith('opened'))).toEqual([])
  })

  it('has its time where it hangs on the site that was lost: that may have had no mains, and a worn battery', () => {
    const net = network()
    net.cut('ku1', 0)
    expect(net.update(1)).toEqual(['opened ku1 link 20'])
    net.cut('du1', 550)
    net.update(560)
    net.well('ku1')
    expect(net.update(600)).toEqual([])
  })

  it('has its time where the mains were lost as well', () => {
    expect(after(550, net => net.mainsLost('ku1', 100)).filter(told => told.startsWith('opened'))).toEqual([])
  })
})
