import { describe, expect, it } from 'vitest'
import { deviceStateBytes, deviceStateOver } from '../../rules/series-state.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createSilenceWatch } from './silence.ts'
import type { SeenDevice } from './series-registry.ts'

const minute = 60_000
const options = { defaultIntervalMs: minute, factor: 3, graceMs: 2 * minute, collectorDevicesMin: 3 }

function watchOf(devices = 4, version = 1) {
  const city = generateCity({ nodes: 30, seed: 1 })
  const nodes = [...city.nodes]
  const list = [...city.devices].slice(0, devices).map(d => ({ ...d, intervalS: 0, ports: [] }))
  const inventory = compileInventory([inventoryPart(nodes, list)], version)
  const state = deviceStateOver(new ArrayBuffer(deviceStateBytes(16)), 16)
  const seen = (known: number, index = known): SeenDevice => ({
    index,
    identifiers: [`id${index}`],
    collector: 'col1',
    profile: 'p',
    firstSeenMs: 0,
    known,
    series: 1
  })
  return { inventory, state, seen, watch: createSilenceWatch(inventory, state, options, 0) }
}

describe('silence', () => {
  it('calls a device silent after factor × interval, and back when it is heard', () => {
    const { watch, state, seen } = watchOf()
    for (const d of [0, 1, 2, 3]) watch.watch(seen(d))
    state.lastSeenMs.set([10 * minute, 10 * minute, 10 * minute, 10 * minute])
    expect(watch.sweep(13 * minute).devices).toEqual([])
    state.lastSeenMs.set([13 * minute, 13 * minute, 13 * minute], 1)
    expect(watch.sweep(13 * minute + 1).devices).toEqual([{ device: 0, sinceMs: 10 * minute }])
    expect(watch.isSilent(0)).toBe(true)
    state.lastSeenMs[0] = 14 * minute
    expect(watch.sweep(14 * minute).devices).toEqual([{ device: 0, sinceMs: null }])
  })

  it('waits for the grace after a start before it calls a device never heard of silent', () => {
    const { watch } = watchOf(1)
    expect(watch.sweep(5 * minute).devices).toEqual([])
    expect(watch.sweep(5 * minute + 1).devices).toEqual([{ device: 0, sinceMs: 2 * minute }])
    expect(watch.lastSeenMs(0)).toBeNull()
  })

  it('counts no silence while consumption is held, and starts anew after it', () => {
    const { watch, state, seen } = watchOf(1)
    watch.watch(seen(0))
    state.lastSeenMs[0] = 10 * minute
    watch.hold(true, 11 * minute)
    expect(watch.sweep(60 * minute).devices).toEqual([])
    watch.hold(false, 60 * minute)
    expect(watch.sweep(64 * minute).devices).toEqual([])
    expect(watch.sweep(65 * minute + 1).devices).toEqual([{ device: 0, sinceMs: 10 * minute }])
  })

  it('names a collector whose devices are all silent together', () => {
    const { watch, state, seen } = watchOf(3)
    for (const d of [0, 1, 2]) watch.watch(seen(d))
    state.lastSeenMs.set([10 * minute, 10 * minute, 11 * minute])
    expect(watch.sweep(13 * minute + 1).collectors).toEqual([])
    expect(watch.sweep(14 * minute + 1).collectors).toEqual([
      { collector: 'col1', devices: [0, 1, 2], sinceMs: 11 * minute }
    ])
    state.lastSeenMs[1] = 15 * minute
    expect(watch.sweep(15 * minute).collectors).toEqual([
      { collector: 'col1', devices: [0, 1, 2], sinceMs: null }
    ])
  })

  it('keeps who is silent over a reload, so that a device heard again is told of', () => {
    const { watch, state, seen } = watchOf(2)
    watch.watch(seen(0))
    watch.sweep(6 * minute)
    const { inventory } = watchOf(2, 2)
    watch.reload(inventory, [seen(0)])
    expect(watch.isSilent(0)).toBe(true)
    state.lastSeenMs[0] = 7 * minute
    expect(watch.sweep(7 * minute).devices).toEqual([{ device: 0, sinceMs: null }])
  })

  it('leaves a device silent until it is heard, whatever the clock or a restart says', () => {
    const { watch, state, seen } = watchOf(1)
    watch.restore(0)
    expect(watch.sweep(1).devices).toEqual([])
    watch.hold(true, 10)
    watch.hold(false, 20)
    expect(watch.sweep(30).devices).toEqual([])
    watch.watch(seen(0))
    state.lastSeenMs[0] = 40
    expect(watch.sweep(50).devices).toEqual([{ device: 0, sinceMs: null }])
  })

  it('hears a device by any of its identifiers', () => {
    const { watch, state, seen } = watchOf(1)
    watch.watch(seen(0, 5))
    watch.watch(seen(0, 6))
    state.lastSeenMs[6] = 20 * minute
    expect(watch.sweep(21 * minute).devices).toEqual([])
    expect(watch.lastSeenMs(0)).toBe(20 * minute)
  })
})
