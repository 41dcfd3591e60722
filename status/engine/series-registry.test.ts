import { describe, expect, it } from 'vitest'
import type { NewEntity } from '../../schemas/evaluation.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createSeriesRegistry } from './series-registry.ts'

const city = generateCity({ nodes: 20, seed: 1 })
const inventory = compileInventory([inventoryPart(city.nodes, city.devices)], 1)
const empty = compileInventory([inventoryPart([], [])], 2)
const name = city.devices[3]!.identifiers[1]!

const series = (at: number, over: Partial<NewEntity> = {}): NewEntity => ({
  series: [at],
  identifiers: ['somewhere', name],
  collector: 'col1',
  signals: [2],
  instance: '25',
  profile: 'if-mib',
  device: 0,
  ...over
})

describe('createSeriesRegistry', () => {
  it('notes a series once, with its device by any of its identifiers', () => {
    const registry = createSeriesRegistry(10, 4)
    expect(registry.knownOf(7)).toBe(-1)
    expect(registry.add(series(7), inventory, 50)).toBe(true)
    expect(registry.add(series(7), inventory, 60)).toBe(false)
    registry.add(series(8, { instance: '26', signals: [3] }), inventory, 60)
    expect([registry.size(), registry.at(0), registry.at(1)]).toEqual([2, 7, 8])
    expect([registry.deviceOf(7), registry.knownOf(7), registry.signal(8)]).toEqual([0, 3, 3])
    expect([registry.instance(7), registry.instance(8), registry.instance(9)]).toEqual(['25', '26', ''])
    expect(registry.seenDevice(0)).toEqual({
      index: 0,
      identifiers: ['somewhere', name],
      collector: 'col1',
      profile: 'if-mib',
      firstSeenMs: 50,
      known: 3,
      series: 2
    })
    expect(registry.seenDevice(1)).toBeUndefined()
    expect([registry.isSamePlace(7, 7), registry.isSamePlace(7, 8)]).toEqual([true, false])
    expect([registry.identifiersOf(0), registry.identifiersOf(1)]).toEqual([['somewhere', name], []])
  })

  it('notes those series of an entity that are new', () => {
    const registry = createSeriesRegistry(10, 4)
    registry.add(series(7), inventory, 50)
    expect(registry.add(series(7, { series: [6, 7, 8], signals: [1, 2, 3] }), inventory, 60)).toBe(true)
    expect([...registry.all()]).toEqual([7, 6, 8])
    expect([6, 7, 8].map(at => registry.signal(at))).toEqual([1, 2, 3])
    expect(registry.isSamePlace(6, 8)).toBe(true)
    expect(registry.seenDevice(0)).toMatchObject({ series: 3, firstSeenMs: 50 })
  })

  it('lists devices the inventory does not know, and knows them after a reload', () => {
    const registry = createSeriesRegistry(10, 4)
    registry.add(series(0), empty, 1)
    registry.add(series(1, { device: 2, identifiers: ['x'.repeat(100_000)] }), empty, 1)
    expect(registry.unknownCount()).toBe(2)
    registry.resolveAll(inventory)
    expect([...registry.unknownDevices()].map(device => device.index)).toEqual([2])
    expect([...registry.devices()]).toEqual([
      { index: 0, known: 3, collector: 'col1' },
      { index: 2, known: -1, collector: 'col1' }
    ])
    registry.resolveAll(empty)
    expect(registry.unknownCount()).toBe(2)
  })
})
