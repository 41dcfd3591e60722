import { describe, expect, it } from 'vitest'
import { compileInventory } from '../compile.ts'
import { createLightEngine } from '../lights.ts'
import { parseInventoryYaml } from '../load.ts'

const inventory = compileInventory(
  [
    parseInventoryYaml(
      'city.yaml',
      `
nodes:
  - {id: core, tier: core}
  - {id: ru, tier: area, parents: [core], devices: [{id: ru-sw, role: switch, identifiers: [ru-sw]}]}
  - id: ku
    tier: campus
    parents: [ru]
    devices:
      - {id: ku-sw, role: switch, identifiers: [ku-sw], ports: [{instance: 1, role: downlink, peer: du1}, {instance: 2, role: downlink, peer: du2}]}
      - {id: ku-ups, role: ups, identifiers: [ku-ups]}
  - {id: du1, tier: building, parents: [ku], subscribers: 5, devices: [{id: du1-sw, role: switch, identifiers: [du1-sw]}]}
  - {id: du2, tier: building, parents: [ku], subscribers: 5, devices: [{id: du2-sw, role: switch, identifiers: [du2-sw]}]}
`
    )
  ],
  1
)
const at = (id: string): number => inventory.nodeIndex(id)!
const s = 1000
const t0 = 1_700_000_000_000

/** Devices are heard every minute and silent after three and a half; `heard` says when each was heard last (s). */
function network(heard: Record<string, number>) {
  const engine = createLightEngine(inventory)
  const told: string[] = []
  const last = { ...heard }
  engine.useRhythm({
    heardMs: device => t0 + (last[inventory.deviceId(device)] ?? 0) * s,
    readMs: device => t0 + (last[inventory.deviceId(device)] ?? 0) * s,
    pauseMs: () => 60 * s,
    intervalMs: () => 60 * s,
    limitMs: () => 210 * s,
    tellsLinks: () => false,
    awayFromMs: (_, atMs) => atMs
  })
  return {
    engine,
    told,
    hear: (device: string, atS: number) => {
      last[device] = atS
    },
    silent: (device: string) =>
      engine.setDeviceSilence(inventory.deviceIndex(device)!, t0 + last[device]! * s),
    update: (atS: number): readonly string[] => {
      for (const { change, incident } of engine.update(t0 + atS * s).incidentChanges)
        told.push(`${atS} ${change} ${incident.root} ${incident.kind} ${incident.affectedNodes}`)
      return told
    }
  }
}

describe('who is silent', () => {
  it('is pending until those above have been heard after its missed poll; its light says at once what is known', () => {
    const { engine, hear, silent, update } = network({
      'du1-sw': 10,
      'ku-sw': 120,
      'ku-ups': 300,
      'ru-sw': 300
    })
    silent('du1-sw')
    expect(update(220)).toEqual([])
    expect(engine.light(at('du1')).effective).toBe('grey')
    // Its campus was heard after it, but not after it should have been: the campus may be dead as well.
    expect(engine.nextDeadlineMs()).toBe(t0 + 332 * s)
    expect(update(221)).toEqual([])
    hear('ku-sw', 221)
    expect(update(222)).toEqual(['222 opened du1 unknown 1'])
  })

  it('is pending for a poll more when the word of those above comes late itself: its own may be on its way', () => {
    const { hear, silent, update } = network({ 'du1-sw': 10, 'ku-sw': 60, 'ku-ups': 300, 'ru-sw': 300 })
    silent('du1-sw')
    update(220)
    hear('ku-sw', 215)
    expect(update(221)).toEqual([])
    expect(update(271)).toEqual([])
    expect(update(272)).toEqual(['272 opened du1 unknown 1'])
  })

  it('joins the fault above that shows while it is pending: one incident, at the top', () => {
    const { silent, update } = network({
      'du1-sw': 10,
      'du2-sw': 20,
      'ku-sw': 60,
      'ku-ups': 55,
      'ru-sw': 300
    })
    silent('du1-sw')
    update(221)
    silent('du2-sw')
    update(231)
    silent('ku-ups')
    expect(update(266)).toEqual([])
    silent('ku-sw')
    expect(update(271)).toEqual(['271 opened ku unknown 3'])
  })

  it('opens at the top only when the node above that has been heard', () => {
    const { hear, silent, update } = network({ 'du1-sw': 10, 'ku-sw': 60, 'ku-ups': 55, 'ru-sw': 170 })
    for (const device of ['du1-sw', 'ku-sw', 'ku-ups']) silent(device)
    expect(update(271)).toEqual([])
    hear('ru-sw', 275)
    expect(update(276)).toEqual(['276 opened ku unknown 2'])
  })

  it('is not pending when there is direct evidence', () => {
    const { engine, silent, update } = network({ 'du1-sw': 10, 'ku-sw': 20, 'ku-ups': 20, 'ru-sw': 20 })
    const port = { device: 'ku-sw', instance: '1', sinceMs: t0 + 20 * s, alarm: 'p', isByHand: false }
    const about = { light: null, kind: 'link', alarm: 'p', sinceMs: port.sinceMs, alarms: ['p'] } as const
    engine.setAlarms(at('du1'), { ...about, mainsLostSinceMs: null, ports: [port] })
    expect(update(21)).toEqual(['21 opened du1 link 1'])
    silent('du1-sw')
    expect(update(230)).toHaveLength(1)
  })

  it('has its kind explained again: a UPS that falls silent before its switch is no fault of equipment', () => {
    const { engine, silent, update } = network({
      'ku-sw': 150,
      'ku-ups': 10,
      'du1-sw': 300,
      'du2-sw': 300,
      'ru-sw': 300
    })
    const quiet = { light: 'yellow', kind: 'device', alarm: 'q', sinceMs: t0, alarms: ['q'] } as const
    silent('ku-ups')
    engine.setAlarms(at('ku'), { ...quiet, mainsLostSinceMs: null, isSilence: true })
    // The switch was heard since: the UPS is silent by itself.
    expect(update(220)).toEqual(['220 opened ku device 1'])
    silent('ku-sw')
    expect(update(361)).toEqual(['220 opened ku device 1', '361 changed ku unknown 1'])
    engine.setAlarms(at('ku'), { ...quiet, kind: 'power', light: 'red', mainsLostSinceMs: t0 + 10 * s })
    expect(update(362).at(-1)).toBe('362 changed ku power 1')
  })

  it('went dark by a power cut, though it was heard last a whole interval before the UPS told of it', () => {
    const { engine, silent, update } = network({ 'du1-sw': -59, 'ku-sw': 100, 'ku-ups': 100, 'ru-sw': 100 })
    const power = { light: 'yellow', kind: 'power', alarm: 'p', sinceMs: t0 + 40 * s, alarms: ['p'] } as const
    engine.setAlarms(at('ku'), { ...power, mainsLostSinceMs: t0 + 40 * s })
    expect(update(55)).toEqual(['55 opened ku power 1'])
    silent('du1-sw')
    expect(update(152)).toEqual(['55 opened ku power 1', '152 changed ku power 2'])
  })

  it('may be a power cut when two are dark together: one is told, for the other the UPS above is asked, and may have lost a poll', () => {
    const { engine, update } = network({
      'du1-sw': 20,
      'du2-sw': 20,
      'ku-ups': 15,
      'ku-sw': 60,
      'ru-sw': 60
    })
    for (const [id, instance] of [
      ['du1', '1'],
      ['du2', '2']
    ] as const) {
      const sinceMs = t0 + 20 * s
      const port = { device: 'ku-sw', instance, sinceMs, alarm: id, isByHand: false }
      const link = { light: null, kind: 'link', alarm: id, sinceMs, alarms: [id], ports: [port] } as const
      engine.setAlarms(at(id), { ...link, mainsLostSinceMs: null })
    }
    expect(update(60)).toEqual(['60 opened du1 link 1'])
    // The next poll of the UPS; should that be lost, the one after it, and the hold of its alarm.
    expect(engine.nextDeadlineMs()).toBe(t0 + 78 * s)
    expect(update(78)).toHaveLength(1)
    expect(engine.nextDeadlineMs()).toBe(t0 + 155 * s)
    const power = { light: 'yellow', kind: 'power', alarm: 'p', sinceMs: t0 + 75 * s, alarms: ['p'] } as const
    engine.setAlarms(at('ku'), { ...power, mainsLostSinceMs: t0 + 75 * s })
    expect(update(90).slice(1)).toEqual(['90 changed ku power 3'])
  })

  it('is no power cut when the UPS above has been heard since the other went dark: told at once', () => {
    const { engine, hear, update } = network({
      'du1-sw': 20,
      'du2-sw': 20,
      'ku-ups': 15,
      'ku-sw': 20,
      'ru-sw': 20
    })
    const cutOff = (id: string, instance: string, sinceS: number): void => {
      const sinceMs = t0 + sinceS * s
      const port = { device: 'ku-sw', instance, sinceMs, alarm: id, isByHand: false }
      const link = { light: null, kind: 'link', alarm: id, sinceMs, alarms: [id], ports: [port] } as const
      engine.setAlarms(at(id), { ...link, mainsLostSinceMs: null })
    }
    cutOff('du1', '1', 20)
    expect(update(20)).toEqual(['20 opened du1 link 1'])
    hear('ku-ups', 45)
    cutOff('du2', '2', 75)
    expect(update(75)).toEqual(['20 opened du1 link 1', '75 opened du2 link 1'])
  })
})

describe('one of several ways that is lost', () => {
  const city = compileInventory(
    [
      parseInventoryYaml(
        'ways.yaml',
        `
nodes:
  - {id: core, tier: core}
  - {id: ru1, tier: area, parents: [core], devices: [{id: ru1-sw, role: switch, identifiers: [ru1-sw]}]}
  - {id: ru2, tier: area, parents: [core], devices: [{id: ru2-sw, role: switch, identifiers: [ru2-sw]}]}
  - id: ku
    tier: campus
    parents: [ru1, ru2]
    devices:
      - id: ku-sw
        role: switch
        identifiers: [ku-sw]
        ports: [{instance: 1, role: uplink, peer: ru1}, {instance: 2, role: uplink, peer: ru2}]
`
      )
    ],
    1
  )
  /** When each was read last, and when that came (s). */
  const toldAt = (ru2: { readS: number; heardS: number }): number | null => {
    const engine = createLightEngine(city)
    const polls: Record<string, { readS: number; heardS: number }> = { 'ku-sw': { readS: 10, heardS: 11 } }
    polls['ru2-sw'] = ru2
    engine.useRhythm({
      heardMs: device => t0 + (polls[city.deviceId(device)]?.heardS ?? 0) * s,
      readMs: device => t0 + (polls[city.deviceId(device)]?.readS ?? 0) * s,
      pauseMs: () => 60 * s,
      intervalMs: () => 60 * s,
      limitMs: () => 210 * s,
      tellsLinks: () => true,
      awayFromMs: (_, atMs) => atMs
    })
    const port = { device: 'ku-sw', instance: '2', sinceMs: t0 + 10 * s, alarm: 'a', isByHand: false }
    engine.setAlarms(city.nodeIndex('ku')!, {
      light: null,
      kind: 'link',
      alarm: 'a',
      sinceMs: t0 + 10 * s,
      alarms: ['a'],
      mainsLostSinceMs: null,
      ports: [port]
    })
    const opened = engine.update(t0 + 12 * s).incidentChanges.length
    return opened > 0 ? 12 : (engine.nextDeadlineMs()! - t0) / s
  }

  it('is told when what it leads to was read since, and not for what was read before and comes late', () => {
    expect(toldAt({ readS: 11, heardS: 12 })).toBe(12)
    expect(toldAt({ readS: 5, heardS: 12 })).toBe(68)
    // Whose clock is ten minutes behind has been heard all the same.
    expect(toldAt({ readS: -600, heardS: 12 })).toBe(12)
  })
})
