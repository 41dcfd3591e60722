import { describe, expect, it } from 'vitest'
import type { Alarm } from '../../rules/model.ts'
import { compileInventory } from '../../topology/compile.ts'
import { parseInventoryYaml } from '../../topology/load.ts'
import { meaningOf } from './meaning.ts'

const inventory = compileInventory(
  [
    parseInventoryYaml(
      'city.yaml',
      `
nodes:
  - {id: core, tier: core}
  - id: du
    tier: building
    parents: [core]
    devices:
      - id: sw
        role: switch
        identifiers: [sw]
        ports: [{instance: 25, role: uplink}, {instance: 1, role: downlink}, {instance: 3, role: access}]
      - {id: catv, role: catv, identifiers: [catv]}
  - id: du2
    tier: building
    parents: [core]
    devices:
      - {id: sw1, role: switch, identifiers: [sw1]}
      - {id: sw2, role: switch, identifiers: [sw2]}
`
    )
  ],
  1
)

const meaning = (signal: string, instance: string, about: Partial<Alarm> = {}, isLinkTold = true) => {
  const evidence = { signal } as Alarm['evidence']
  const alarm = { device: 'sw', instance, kind: 'link', type: 'x', evidence, ...about } as Alarm
  return meaningOf(inventory, alarm, device => device === 'sw' && isLinkTold)
}

describe('what an alarm means to the network', () => {
  it('is a way that is lost for a trunk port, by itself or by the will of an engineer', () => {
    expect(meaning('if.oper_status', '25').port).toEqual({ device: 'sw', instance: '25', isByHand: false })
    expect(meaning('if.admin_status', '25').port).toEqual({ device: 'sw', instance: '25', isByHand: true })
    expect(meaning('if.oper_status', '3')).toMatchObject({ port: null, isInPart: false })
    expect(meaning('optics.rx_dbm', '25', { kind: 'optics' }).port).toBeNull()
  })

  it('is part of the node for a link of which nobody knows where it leads, and for cable TV', () => {
    expect(meaning('if.oper_status', '1')).toMatchObject({ port: null, isInPart: true })
    expect(meaning('catv.input_dbm', '', { kind: 'optics' })).toMatchObject({
      isInPart: true,
      service: 'catv'
    })
  })

  it('is a ring that is broken somewhere for ERPS', () => {
    expect(meaning('erps.state', '100')).toMatchObject({ isOfRing: true, port: null, isRisk: false })
    expect(meaning('erps.state', '100', { kind: 'device' }).isOfRing).toBeUndefined()
  })

  it('is a danger to what works for a battery, and for a level of a device that would say that its link is down', () => {
    expect(meaning('ups.battery_status', '', { kind: 'power' }).isRisk).toBe(true)
    expect(meaning('optics.rx_dbm', '25', { kind: 'optics' }).isRisk).toBe(true)
    expect(meaning('optics.rx_dbm', '25', { kind: 'optics' }, false).isRisk).toBe(false)
    expect(meaning('optics.rx_dbm', '25', { kind: 'optics', qualifier: 'high' }, false).isRisk).toBe(true)
    expect(meaning('device.temp_c', '', { kind: 'device' }).isRisk).toBe(false)
  })

  it.each(['power.dying_gasp', 'power.peer_dying_gasp'])(
    'is the end of a site with one switch for %s',
    type => {
      const about = (node: string) => meaning('', '', { kind: 'power', type, node })
      expect(about('du')).toMatchObject({ isMainsLost: true, isRisk: false })
      expect(about('du2')).toMatchObject({ isMainsLost: true, isRisk: true })
    }
  )

  it('is a loss of mains, or silence, by its type', () => {
    expect(meaning('ups.output_source', '', { kind: 'power', type: 'ups.on_battery' }).isMainsLost).toBe(true)
    expect(meaning('ups.runtime_s', '', { kind: 'power', type: 'ups.runtime_low' }).isMainsLost).toBe(true)
    expect(meaning('ups.replace_battery', '', { type: 'ups.replace_battery' }).isMainsLost).toBe(false)
    expect(meaning('', '', { kind: 'device', type: 'device.silent' }).isSilence).toBe(true)
  })
})
