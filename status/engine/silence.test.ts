import { describe, expect, it } from 'vitest'
import { deviceStateBytes, deviceStateOver } from '../../rules/series-state.ts'
import { generateCity } from '../../embedded/simulator/city.ts'
import { compileInventory, inventoryPart } from '../../topology/compile.ts'
import { createSilenceWatch } from './silence.ts'
import type { SeenDevice } from './series-registry.ts'

const minute = 60_000
const options = { defaultIntervalMs: minute, factor: 3, graceMs: 2 * minute, collectorDevicesMin: 3 }

function watchOf(devices = 4, version = 1, startMs = 0) {
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
  return { inventory, state, seen, watch: createSilenceWatch(inventory, state, options, startMs) }
}

describe('silence', () => {
  it('calls a device silent that has missed `factor` polls, half an interval late, and back when it is heard', () => {
    const { watch, state, seen } = watchOf()
    for (const d of [0, 1, 2, 3]) watch.watch(seen(d))
    state.lastSeenMs.set([10 * minute, 10 * minute, 10 * minute, 10 * minute])
    expect(watch.sweep(13 * minute).devices).toEqual([])
    state.lastSeenMs.set([13 * minute, 13 * minute, 13 * minute], 1)
    expect(watch.sweep(13.5 * minute).devices).toEqual([])
    expect(watch.sweep(13.5 * minute + 1).devices).toEqual([{ device: 0, sinceMs: 10 * minute }])
    expect(watch.isSilent(0)).toBe(true)
    state.lastSeenMs[0] = 14 * minute
    expect(watch.sweep(14 * minute).devices).toEqual([{ device: 0, sinceMs: null }])
  })

  it('waits for the grace after a start before it calls a device never heard of silent', () => {
    const { watch } = watchOf(1)
    expect(watch.sweep(5.5 * minute).devices).toEqual([])
    expect(watch.sweep(5.5 * minute + 1).devices).toEqual([{ device: 0, sinceMs: 2 * minute }])
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
    expect(watch.sweep(65.5 * minute + 1).devices).toEqual([{ device: 0, sinceMs: 10 * minute }])
  })

  /** Sweeps every second; the devices are heard in turn by their collectors, each device every minute. */
  function listening(count = 12) {
    const made = watchOf(count)
    const { watch, state, seen } = made
    const collectorOf = (d: number): string => (d < count / 2 ? 'a' : 'b')
    for (let d = 0; d < count; d++) watch.watch({ ...seen(d), collector: collectorOf(d) })
    const told: { atS: number; what: string; sinceS: number | null }[] = []
    let nowMs = 0
    const run = (toS: number, isHeard: (device: number) => boolean): void => {
      for (; nowMs < toS * 1000; nowMs += 1000) {
        for (let d = 0; d < count; d++) {
          if ((nowMs / 1000) % 60 === (d * 60) / count && isHeard(d)) state.lastSeenMs[d] = nowMs
        }
        const { devices, collectors } = watch.sweep(nowMs)
        const changes = [
          ...devices.map(({ device, sinceMs }) => ({ what: `device ${device}`, sinceMs })),
          ...collectors.map(c => ({ what: `${c.collector}: ${c.devices.join()}`, sinceMs: c.sinceMs }))
        ]
        for (const { what, sinceMs } of changes)
          told.push({ atS: nowMs / 1000, what, sinceS: sinceMs === null ? null : sinceMs / 1000 })
      }
    }
    return { ...made, told, run }
  }

  it('knows in time that a collector is silent, and then calls none of its devices so, nor right after', () => {
    const { told, run } = listening()
    run(1200, () => true)
    expect(told).toEqual([])
    run(2400, d => d >= 6)
    // Heard every 5 s for half a minute, and then not for 35 s: three times that is its limit.
    expect(told).toEqual([{ atS: 1271, what: 'a: 0,1,2,3,4,5', sinceS: 1165 }])
    run(3600, () => true)
    // Four of its six devices have been heard again.
    expect(told.slice(1)).toEqual([{ atS: 2415, what: 'a: ', sinceS: null }])
  })

  it('leaves a device its own silence that was silent before its collector, or is after it', () => {
    const { told, run } = listening()
    run(1200, () => true)
    run(1800, d => d !== 0)
    run(2400, d => d > 5)
    run(3600, d => d !== 0 && d !== 1)
    expect(told.map(({ what }) => what)).toEqual(['device 0', 'a: 1,2,3,4,5', 'a: ', 'device 1'])
    // It is counted from when its collector was back.
    expect(told.at(-1)!.atS).toBe(2420 + 211)
  })

  it('does not call a device silent that had lost polls by chance when its collector fell silent', () => {
    const { told, run } = listening()
    run(1060, () => true)
    run(1200, d => d !== 0)
    run(2400, d => d > 5)
    expect(told.map(({ what }) => what)).toEqual(['a: 0,1,2,3,4,5'])
  })

  it('takes it for its own deafness when all collectors are silent at once', () => {
    const { told, run } = listening()
    run(1200, () => true)
    run(2400, () => false)
    run(3600, () => true)
    expect(told).toEqual([])
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
    watch.restore(0, 30)
    expect(watch.sweep(1).devices).toEqual([])
    watch.hold(true, 10)
    watch.hold(false, 20)
    expect(watch.sweep(30).devices).toEqual([])
    watch.watch(seen(0))
    state.lastSeenMs[0] = 40
    expect(watch.sweep(50).devices).toEqual([{ device: 0, sinceMs: null }])
  })

  it('counts from when a device was heard before a restart, without the grace, if we would have heard it since', () => {
    const start = 60 * minute
    const { watch, state, seen } = watchOf(2, 1, start)
    for (const d of [0, 1]) watch.watch({ ...seen(d), collector: '' })
    state.lastSeenMs.set([start - 2 * minute, start - 20 * minute])
    watch.heardSince(start - 10 * minute)
    expect(watch.sweep(start + 1.5 * minute).devices).toEqual([])
    expect(watch.sweep(start + 1.5 * minute + 1).devices).toEqual([
      { device: 0, sinceMs: start - 2 * minute }
    ])
    // Of the other one nobody knows whether it was ever heard of late: it has its grace.
    expect(watch.sweep(start + 5.5 * minute).devices).toEqual([])
    expect(watch.sweep(start + 5.5 * minute + 1).devices).toEqual([
      { device: 1, sinceMs: start - 20 * minute }
    ])
  })

  it('counts anew after a hold, whatever was heard before it', () => {
    const { watch, state, seen } = watchOf(1)
    watch.watch({ ...seen(0), collector: '' })
    state.lastSeenMs[0] = minute
    watch.heardSince(0)
    watch.hold(true, 2 * minute)
    watch.hold(false, 10 * minute)
    expect(watch.sweep(15.5 * minute).devices).toEqual([])
    expect(watch.sweep(15.5 * minute + 1).devices).toEqual([{ device: 0, sinceMs: minute }])
  })

  it('knows since when a device had not been heard about the moment when it is back, and not long after', () => {
    const { watch, state, seen } = watchOf(1)
    watch.watch(seen(0))
    state.lastSeenMs[0] = 10 * minute
    expect(watch.awayFromMs(0, 10 * minute)).toBe(10 * minute)
    expect(watch.sweep(20 * minute).devices).toEqual([{ device: 0, sinceMs: 10 * minute }])
    state.lastSeenMs[0] = 30 * minute
    watch.sweep(30 * minute)
    expect(watch.awayFromMs(0, 30 * minute)).toBe(10 * minute)
    expect(watch.awayFromMs(0, 31 * minute)).toBe(10 * minute)
    expect(watch.awayFromMs(0, 32 * minute)).toBe(32 * minute)
    expect(watch.awayFromMs(0, 9 * minute)).toBe(9 * minute)
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
