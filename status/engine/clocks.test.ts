import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { createClocks } from './clocks.ts'
import { createEngineMetrics } from './metrics.ts'
import type { StatusEngine } from './engine.ts'

const minute = 60_000

/** Device i has one series, i, and device i of the inventory. */
function network(collectors: readonly string[]) {
  let forget: (device: number) => void = () => undefined
  const lastTimeMs = new Float64Array(collectors.length)
  const lastSeenMs = new Float64Array(collectors.length)
  const clocks = createClocks(
    {
      eachOfDevice: (device, act) => void act(device),
      collectorOf: device => collectors[device]!,
      knownOf: series => series,
      devicesEnd: () => collectors.length,
      whenForgotten: act => (forget = act)
    },
    { lastTimeMs },
    { lastSeenMs }
  )
  let nowMs = 1_790_000_000_000
  return {
    clocks,
    forget: (device: number) => forget(device),
    /** Every device is polled once a minute, for some minutes. */
    poll: (minutes: number, offsetMsOf: (device: number) => number): void => {
      for (let i = 0; i < minutes; i++) {
        nowMs += minute
        for (let device = 0; device < collectors.length; device++) {
          lastSeenMs[device] = nowMs
          lastTimeMs[device] = nowMs + offsetMsOf(device)
        }
        clocks.sweep(nowMs + 500)
      }
    }
  }
}

describe('wrong clocks', () => {
  it("are nobody's once their device is forgotten", () => {
    const { clocks, poll, forget } = network(['a', 'a'])
    poll(5, () => 10 * minute)
    expect([clocks.collectors()[0]?.devices, clocks.offsetMs(1)]).toEqual([2, 10 * minute])
    forget(1)
    expect([clocks.collectors()[0]?.devices, clocks.offsetMs(0), clocks.offsetMs(1)]).toEqual([
      1,
      10 * minute,
      null
    ])
  })

  it('are counted by collector, with their median', () => {
    const { clocks, poll } = network(['a', 'a', 'a', 'b', 'b'])
    poll(5, device => [0, 10 * minute, 0, -20 * minute, -30 * minute][device]!)
    expect(clocks.collectors()).toEqual([
      { collector: 'b', devices: 2, offsetMs: -20 * minute },
      { collector: 'a', devices: 1, offsetMs: 10 * minute }
    ])
    expect([0, 1, 2, 3, 4].map(device => clocks.offsetMs(device))).toEqual([
      null,
      10 * minute,
      null,
      -20 * minute,
      -30 * minute
    ])
    poll(1, () => 0)
    expect(clocks.collectors()).toEqual([])
  })

  it('are named in metrics for twenty collectors, and counted for all', async () => {
    const collectors = Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 31 - i }, () => `c${i}`)
    ).flat()
    const { clocks, poll } = network(collectors)
    poll(3, () => 5 * minute)
    const registry = new Registry()
    const engine = {
      clocks,
      registry: { unknownCount: () => 0, forgottenCount: () => 0 },
      inventory: () => ({ version: 1 }),
      ports: { counts: () => ({ moves: 0, overflow: 0 }) },
      counts: () => ({ flips: 0, judged: 0 }),
      subscribe: () => () => undefined
    } as unknown as StatusEngine
    createEngineMetrics(registry, engine, () => 0)
    const lines = (await registry.metrics()).split('\n')
    expect(lines).toContain('svetofor_clock_off_devices{collector="c0"} 31')
    const left = Array.from({ length: 10 }, (_, i) => 31 - 20 - i).reduce((sum, devices) => sum + devices, 0)
    expect(lines).toContain(`svetofor_clock_off_devices{collector="other"} ${left}`)
    expect(lines.filter(line => line.startsWith('svetofor_clock_offset_seconds{'))).toHaveLength(20)
    expect(lines).toContain('svetofor_clock_offset_seconds{collector="c19"} 300')
  })
})
