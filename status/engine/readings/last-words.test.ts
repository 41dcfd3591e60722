import { describe, expect, it } from 'vitest'
import type { Alarm } from '../../../rules/model.ts'
import { signalIds } from '../../../schemas/signals.ts'
import { compileInventory } from '../../../topology/compile.ts'
import { parseInventoryYaml } from '../../../topology/load.ts'
import { createLastWords, isLastWord, type LastWord } from './last-words.ts'

const inventoryOf = (building: string) =>
  compileInventory(
    [
      parseInventoryYaml(
        'city.yaml',
        `
nodes:
  - {id: core, tier: core}
  - id: ku
    tier: campus
    parents: [core]
    devices:
      - id: ku-sw
        role: switch
        identifiers: [ku-sw]
        ports: [{instance: 3, role: downlink, peer: du}]
  - id: du
    tier: building
    parents: [ku]
    devices:
      - {id: ${building}, role: switch, identifiers: [${building}]}
`
      )
    ],
    1
  )

const gasp = signalIds.get('device.dying_gasp')!
const peerGasp = signalIds.get('if.peer_dying_gasp')!
const own: LastWord = { device: 'du-sw', instance: '', signal: gasp, timeMs: 100_000, series: 7 }
const ofPeer: LastWord = { device: 'ku-sw', instance: '3', signal: peerGasp, timeMs: 100_000 }

function createStage(open: readonly Alarm[] = []) {
  const inventory = inventoryOf('du-sw')
  const heardMs = new Map<string, number>()
  const cut = new Set<string>()
  const silence = { lastSeenMs: (device: number) => heardMs.get(inventory.deviceId(device)) ?? null }
  const isCut = (node: number): boolean => cut.has(inventory.nodeId(node))
  return { heardMs, cut, words: createLastWords(inventory, silence, isCut, open) }
}

describe('last words', () => {
  it('are those of a device that loses its power, and of a neighbour', () => {
    expect(['device.dying_gasp', 'if.peer_dying_gasp'].map(name => isLastWord(signalIds.get(name)!))).toEqual(
      [true, true]
    )
    expect(isLastWord(signalIds.get('if.oper_status')!)).toBe(false)
  })

  it('stand until the device is heard more than ten seconds later, and are over once', () => {
    const { heardMs, words } = createStage()
    expect(words.said(own)).toBe(true)
    heardMs.set('du-sw', 110_000)
    expect(words.over()).toEqual([])
    heardMs.set('ku-sw', 200_000)
    expect(words.over()).toEqual([])
    heardMs.set('du-sw', 110_001)
    expect(words.over()).toEqual([own])
    expect(words.over()).toEqual([])
  })

  it('stand until its links are back, too: they were down by that', () => {
    const { heardMs, cut, words } = createStage()
    words.said(own)
    heardMs.set('du-sw', 200_000)
    cut.add('du')
    expect(words.over()).toEqual([])
    cut.delete('du')
    expect(words.over()).toEqual([own])
  })

  it('that a neighbour passes on stand until the node behind its port is heard, and not the neighbour', () => {
    const { heardMs, words } = createStage()
    expect(words.said(ofPeer)).toBe(true)
    heardMs.set('ku-sw', 200_000)
    expect(words.over()).toEqual([])
    heardMs.set('du-sw', 200_000)
    expect(words.over()).toEqual([ofPeer])
  })

  it('that come late are no news, and over at once', () => {
    const { heardMs, words } = createStage()
    heardMs.set('du-sw', 110_001)
    expect(words.said(own)).toBe(false)
    expect(words.over()).toEqual([own])
  })

  it('that stood before a restart are over as any', () => {
    const evidence = { signal: 'device.dying_gasp', eventTimeMs: 100_000 }
    const other = { signal: 'if.oper_status', eventTimeMs: 100_000 }
    const open = [
      { device: 'du-sw', instance: '', evidence },
      { device: 'ku-sw', instance: '3', evidence: other }
    ] as Alarm[]
    const { heardMs, words } = createStage(open)
    heardMs.set('du-sw', 500_000)
    expect(words.over()).toEqual([{ device: 'du-sw', instance: '', signal: gasp, timeMs: 100_000 }])
  })

  it('of half a city are looked at in turn', () => {
    const { heardMs, words } = createStage()
    const ports = Array.from({ length: 6000 }, (_, port) => String(port + 10))
    for (const instance of ports) words.said({ ...ofPeer, instance })
    expect(words.over()).toEqual([])
    heardMs.set('ku-sw', 200_000)
    // Five thousand were looked at; the others come first now.
    expect(words.over().map(({ instance }) => instance)).toEqual([
      ...ports.slice(5000),
      ...ports.slice(0, 4000)
    ])
    expect(words.over()).toHaveLength(1000)
  })

  it('of a device that the inventory does not have any more are forgotten', () => {
    const { heardMs, words } = createStage()
    words.said(own)
    words.reload(inventoryOf('another-sw'))
    heardMs.set('another-sw', 500_000)
    heardMs.set('du-sw', 500_000)
    expect(words.over()).toEqual([])
  })
})
