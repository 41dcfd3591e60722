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

  it('forgets strangers with all that leads to them, moves those who go over the series, and knows them anew', () => {
    const registry = createSeriesRegistry(100, 20)
    const stranger = (device: number, at: number): void =>
      void registry.add(
        series(at, {
          device,
          identifiers: [`stranger-${device}`],
          collector: `col${device}`,
          instance: `p${at}`
        }),
        inventory,
        at
      )
    for (let device = 1; device < 10; device++) for (let i = 0; i < 3; i++) stranger(device, device * 10 + i)
    registry.add(series(5), inventory, 50)
    registry.add(series(6, { device: 10, identifiers: ['was known'] }), inventory, 50)
    const [begun, half, end] = [registry.cursor(), registry.cursor(), registry.cursor()]
    half.at = 14
    end.at = registry.size()
    const told: number[] = []
    registry.whenForgotten(device => registry.eachOfDevice(device, at => void told.push(at)))
    const steps = registry.forget(device => device % 2 === 1 || device === 0)
    let step = steps.next()
    for (; step.done !== true; step = steps.next()) {
      // Whatever is asked in between.
      expect(
        [...registry.all()].every(at => registry.instance(at) !== '' && registry.deviceOf(at) >= 0)
      ).toBe(true)
      expect([...registry.unknownDevices()].every(({ identifiers }) => identifiers.length === 1)).toBe(true)
    }
    expect(step.value).toEqual({ devices: 5, series: 15 })
    expect(told.sort((a, b) => a - b)).toEqual(
      [1, 3, 5, 7, 9].flatMap(device => [0, 1, 2].map(i => device * 10 + i))
    )
    expect([...registry.all()]).toEqual([20, 21, 22, 40, 41, 42, 60, 61, 62, 80, 81, 82, 5, 6])
    // Of the first fourteen series, those of four devices and a half, six are left.
    expect([begun.at, half.at, end.at]).toEqual([0, 6, 14])
    expect([...registry.unknownDevices()].map(({ identifiers }) => identifiers[0])).toEqual([
      ...[2, 4, 6, 8].map(device => `stranger-${device}`),
      'was known'
    ])
    expect([registry.has(10), registry.instance(10), registry.collectorOf(1), registry.at(14)]).toEqual([
      false,
      '',
      '',
      -1
    ])
    expect([registry.numberOfInstance('p10'), registry.forgottenCount()]).toEqual([-1, 5])
    stranger(3, 11)
    expect(registry.seenDevice(3)).toMatchObject({
      identifiers: ['stranger-3'],
      collector: 'col3',
      series: 1
    })
    expect([registry.deviceOf(11), registry.instance(11), registry.at(14)]).toEqual([3, 'p11', 11])
    // Whom the inventory knows, or knew once, is kept.
    registry.resolveAll(empty)
    expect([...registry.forget(() => true)].length).toBeGreaterThan(0)
    expect([...registry.all()]).toEqual([5])
  })
})
